"""The documentation keeps its form: decisions are numbered once, dated and listed; the glossary stays short; links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
DECISIONS = sorted((PROJECT / "docs" / "decisions").glob("[0-9]*.md"))
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def test_a_decision_has_one_number_a_date_and_a_status() -> None:
    numbers = [path.name[:4] for path in DECISIONS]
    assert len(numbers) > 10
    assert len(set(numbers)) == len(numbers)
    for path in DECISIONS:
        title, _, dated = path.read_text(encoding="utf-8").splitlines()[:3]
        assert title.startswith(f"# {path.name[:4]} "), path.name
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2} · (in force|replaced by \d{4})", dated), path.name


def test_every_decision_stands_in_the_index() -> None:
    index = (PROJECT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \| (.+?) \| (\S+) \| (.+) \|$", index, flags=re.MULTILINE)
    assert listed == [
        (path.name[:4], path.name, lines[0][7:], *lines[2].split(" · "))
        for path in DECISIONS
        for lines in [path.read_text(encoding="utf-8").splitlines()]
    ]


def test_the_glossary_has_at_most_thirty_words() -> None:
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| (.+?) \|", text[text.index("## Words") :], flags=re.MULTILINE)
    assert 20 <= len(set(words) - {"word", "---"}) <= 30


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(PROJECT).as_posix())
def test_links_of_the_documentation_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if not (page.parent / t).exists()] == []
