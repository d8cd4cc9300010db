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


def test_who_is_told_to_run_python_is_told_which() -> None:
    """A machine's own `python` has nothing of the project, where there is one at all."""
    readme = PAGES[0].read_text(encoding="utf-8")
    assert ". .venv/bin/activate" in readme[: readme.index("python -m ")]


def test_every_command_of_the_documentation_is_one() -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    modules = {
        path.relative_to(PROJECT).with_suffix("").as_posix().replace("/", ".") for path in PROJECT.glob("[a-z]*/*.py")
    }
    for page in PAGES:
        code = re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        told = "\n".join(block or line for block, line in code)
        for words in re.findall(
            r"^(?:\$ )?(?:[A-Z_]+=\S+ )?make ([a-z]+(?: [a-z]+)*)\s*(?:$|#|[A-Z])", told, flags=re.MULTILINE
        ):
            assert set(words.split()) <= targets, (page.name, words)
        for module, command in re.findall(r"python -m ([a-z_.]+)(?: ([a-z_-]+))?", told):
            assert module in modules or f"{module}.__main__" in modules, (page.name, module)
            if module in ("contracts", "orchestration") and command:
                parser = "".join(p.read_text(encoding="utf-8") for p in (PROJECT / module).rglob("*.py"))
                assert re.search(rf'add_parser\(\s*"{command}"', parser), (page.name, module, command)
