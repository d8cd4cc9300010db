"""What the search of free text finds and what it takes for it wrongly, on texts made up for this (free_text.csv), and how it is hidden."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from contracts.door.free_text import is_like_a_name
from contracts.door.privacy import Key, hidden_numbers, holds_a_number, keyed_hash, mask_value, redact, redact_one
from contracts.loading import load_feeds

KEY = Key("a key of the tests, long enough")


def corpus(name: str) -> list[tuple[str, list[str]]]:
    """(text, what has to go) of each line."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()[1:]
    pairs = (line.rsplit(",", 1) for line in lines if not line.startswith("#"))
    return [(text, [part for part in hidden.split("|") if part]) for text, hidden in pairs]


CORPUS, HELD_OUT = corpus("free_text.csv"), corpus("free_text_held_out.csv")
UNUSUAL = corpus("free_text_unusual.csv")


class Share(NamedTuple):
    """So many of so many, and Wilson's interval at 95 %."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        return self.part / self.whole

    def __str__(self) -> str:
        z, n, p = 1.96, self.whole, self.value
        middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
        lo, hi = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
        return f"{p:.2f} ({lo:.2f}–{hi:.2f})"


def measured(texts: list[tuple[str, list[str]]]) -> tuple[Share, Share, list[str], list[str]]:
    """(recall, precision, what was missed, where too much was taken)."""
    right = wrong = wanted = 0
    missed, too_much = [], []
    for text, hidden in texts:
        shown, count = redact_one(text)
        found = [part for part in hidden if part not in shown]
        missed += [f"{part} in {text}" for part in hidden if part in shown]
        right += len(found)
        wanted += len(hidden)
        if count > len(found):
            wrong += count - len(found)
            too_much.append(f"{text} → {shown}")
    return Share(right, wanted), Share(right, right + wrong), missed, too_much


def test_recall_and_precision_are_what_the_documentation_says() -> None:
    stated = (Path(__file__).parents[3] / "docs" / "privacy.md").read_text(encoding="utf-8")
    for texts, least in ((CORPUS, 0.9), (HELD_OUT, 0.6), (UNUSUAL, 0.9)):
        recall, precision, missed, too_much = measured(texts)
        assert recall.value >= least, missed
        assert precision.value >= 0.95, too_much
        assert f"| {len(texts)} | {recall} | {precision} |" in stated


def test_a_column_is_searched_as_its_texts_are_one_by_one() -> None:
    texts = [text for text, _ in CORPUS]
    assert redact(pl.Series(texts))[0].to_list() == [redact_one(text)[0] for text in texts]


@pytest.mark.parametrize(
    "code",
    [
        "19900000001", "住990102196107230004", "+86 199-0000-0001", "𝟏𝟗𝟗𝟎𝟎𝟎𝟎𝟎𝟎𝟎𝟏", "①⑨⑨00000001", "窗口幺九九零零零零零零零一",
        "TY1990000\u200b0001x", "1990000　　　　0001", "6228480000000000018", "zhou@example.org",
    ],
)  # fmt: skip
def test_a_person_s_number_in_a_code_gives_way_to_a_hash_that_keeps_codes_apart(code: str) -> None:
    codes = pl.Series([code, "A100", None, "990102001200", "990121202512290088601"])
    hidden = hidden_numbers(codes, KEY)
    assert "〔" in hidden[0]
    assert redact_one(code)[0] != code
    assert hidden[1:].to_list() == codes[1:].to_list()
    assert holds_a_number(codes).to_list() == [True, False, False, False, False]
    assert hidden_numbers(codes, Key("another key of the tests"))[0] != hidden[0]


def test_the_same_telephone_is_the_same_code_however_it_is_written_and_no_pseudonym() -> None:
    spelt = pl.Series(["19900000001", "+8619900000001", "199 0000 0001", "19900000002"])
    hidden = hidden_numbers(spelt, KEY)
    assert hidden.n_unique() == 2
    pseudonym = str(keyed_hash(spelt, "phone", KEY)[0])
    assert hidden[0].split(":")[1][:12] not in pseudonym


OPEN_TEXT = next(f for f in load_feeds()["evaluation.contacts"].fields if f.kind == "string" and f.classification == "public" and not f.code_list and not f.enum)  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("周一", "周**"), ("欧阳瑾瑜", "欧**"), ("990102001299", "9901********"), ("1951-07-23", "****-**-**"),
        ("8000001", "*******"), ("19900000001", "〔电话〕"), ("人社局", "人社局"), ("高新区", "高新区"), ("HS-205", "HS-205"),
    ],
)  # fmt: skip
def test_of_a_value_in_the_wrong_column_is_shown_what_finds_the_row_and_not_who_it_is(sent: str, shown: str) -> None:
    assert mask_value(sent, OPEN_TEXT) == shown
    assert is_like_a_name(sent) == shown.endswith("**") or sent[0].isdigit()


@pytest.mark.parametrize("length", [2_000, 20_000])
def test_no_text_takes_long(length: int) -> None:
    import time

    for piece in ("1 ", "1-3 8", "我叫", "(86", "联系人", "a@", "京A", "\u200b1", "零一"):
        started = time.process_time()
        redact_one(piece * (length // len(piece)))
        assert time.process_time() - started < 3, piece
