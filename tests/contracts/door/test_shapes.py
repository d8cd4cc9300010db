"""A shape is told in words, the same as the pattern allows, and an office is never shown a pattern."""

from __future__ import annotations

import re

import pytest

from contracts.door.shapes import in_words
from contracts.loading import load_feeds
from contracts.messages import MESSAGES


@pytest.mark.parametrize(
    ("pattern", "zh", "en"),
    [
        ("^[0-9]{6}$", "6 位：数字", "6 characters: digits"),
        ("^[1-5]$", "1 位：1–5", "1 character: 1–5"),
        ("^[0-9A-HJ-NPQRTUWXY]{18}$", "18 位：数字、大写字母（不含 I O S V Z）", "18 characters: digits, capital letters (without I O S V Z)"),
        ("^[0-9A-Za-z_.-]{1,40}$", "1–40 位：数字、字母、- . _", "1–40 characters: digits, letters, - . _"),
        ("^[0-9]{2}(-[0-9])?$", "", ""),
    ],
)  # fmt: skip
def test_a_pattern_in_words(pattern: str, zh: str, en: str) -> None:
    assert (in_words(pattern, "zh"), in_words(pattern, "en")) == (zh, en)


def test_every_pattern_of_a_contract_has_an_example_words_or_is_left_to_the_form() -> None:
    patterns = {
        f.options["pattern"]: f for feed in load_feeds().values() for f in feed.fields if "pattern" in f.options
    }
    assert patterns
    silent = {p for p, f in patterns.items() if not f.examples and not in_words(p, "zh")}
    assert all("?" in p for p in silent), silent


def test_no_chinese_sentence_names_what_only_programs_know() -> None:
    for code, sentences in MESSAGES.items():
        assert not re.search(r"\{(pattern|check|list|to)\}", sentences.zh), code
