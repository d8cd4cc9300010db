"""Every reason can be told, in both languages, with the same facts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contracts.messages import FILES, MESSAGES, SHAPES, VALUES, message

SOURCES = [p.read_text(encoding="utf-8") for p in (Path(__file__).parents[2] / "contracts").rglob("*.py")]


@pytest.mark.parametrize("code", sorted({**FILES, **SHAPES, **VALUES}))
def test_both_languages_name_the_same_facts(code: str) -> None:
    zh, en = MESSAGES[code]
    assert re.search(r"[\u4e00-\u9fff]", zh)
    assert not re.search(r"[\u4e00-\u9fff]", en)
    facts = {lang: set(re.findall(r"{(\w+)}", text)) for lang, text in (("zh", zh), ("en", en))}
    # What a library says is English, and stands in that sentence alone.
    assert facts["zh"] <= facts["en"] <= facts["zh"] | {"detail"}


def test_every_code_that_reading_and_casting_give_has_sentences() -> None:
    given = {c for text in SOURCES for c in re.findall(r'(?:unreadable|_Refused)\(\s*"([a-z_]+)"', text)}
    shapes = {c for text in SOURCES for c in re.findall(r'shape(?:: [^=]+)? = (?:shape or )?"([a-z_]+)"', text)}
    assert len(given) > 30
    assert given | shapes <= set(MESSAGES)


def test_a_fact_with_braces_or_none_at_all_does_no_harm() -> None:
    assert message("not_a_number", "en", value="{x}") == "{x} is not a number; give digits only."
    assert "is not a number" in message("not_a_number", "en")


def test_an_unknown_code_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError, match="no_such_code"):
        message("no_such_code", "zh")
