"""Check digits against worked examples of the standards, and against a second way of computing them."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.door import identifiers
from contracts.door.identifiers import (
    RESIDENT_ID_ALPHABET,
    SEMANTIC_CHECKS,
    USCC_ALPHABET,
    canonical,
    is_luhn,
    is_resident_id,
)


def verdict(semantic: str, *values: str | None) -> list[bool | None]:
    frame = pl.DataFrame({"v": pl.Series(values, dtype=pl.String)})
    return frame.select(SEMANTIC_CHECKS[semantic](pl.col("v"))).to_series().to_list()


@st.composite
def resident_ids(draw: st.DrawFn, *, first_birth: date = date(1900, 1, 1)) -> str:
    """Valid ids, the check character found by trying (ISO 7064: Σ aᵢ·2^(i−1) ≡ 1 mod 11)."""
    place = draw(st.integers(110000, 829999))
    born = draw(st.dates(first_birth, date(2026, 1, 1)))
    order = draw(st.integers(0, 999))
    seventeen = f"{place}{born:%Y%m%d}{order:03d}"
    for check in RESIDENT_ID_ALPHABET:
        digits = [RESIDENT_ID_ALPHABET.index(c) for c in seventeen + check]
        if sum(d * 2**i for i, d in enumerate(reversed(digits))) % 11 == 1:
            return seventeen + check
    raise AssertionError("every remainder has a check character")


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("11010519491231002X", True),  # GB 11643-1999, 6.1
        ("440524188001010014", False),  # GB 11643-1999, 6.1: right digits, but nobody born in 1880 is alive
        ("11010519491231002x", True),
        ("110105194912310021", False),
        ("110105194913310021", False),  # month 13
        ("110105190002290013", False),  # 1900 was no leap year
        ("１1010519491231002X", False),  # full-width is turned before, not here
        (" 11010519491231002X", False),
        ("11010519491231002X\n", False),
        ("110105491231002", True),
        ("110105490229002", False),
        ("110105480229002", True),
        ("", False),
        ("身份证号码不详一二三四五六七八九", False),
    ],
)
def test_resident_id(value: str, holds: bool) -> None:
    assert verdict("resident_id", value) == [holds]


@given(resident_ids())
def test_a_resident_id_with_one_wrong_character_is_refused(value: str) -> None:
    wrong = [value[:17] + c for c in RESIDENT_ID_ALPHABET if c != value[17]]
    assert verdict("resident_id", value, *wrong) == [True] + [False] * len(wrong)


@given(resident_ids(), st.integers(0, 16))
def test_neighbouring_digits_of_a_resident_id_cannot_be_swapped(value: str, at: int) -> None:
    swapped = value[:at] + value[at + 1] + value[at] + value[at + 2 :]
    if swapped != value:
        assert verdict("resident_id", swapped) == [False]


@given(st.one_of(resident_ids(), st.from_regex(r"\A[1-9][0-9]{16}[0-9Xx]\Z"), st.text(max_size=20)))
def test_one_text_and_a_column_are_judged_alike(value: str) -> None:
    if len(value) != 15:
        assert [is_resident_id(value)] == verdict("resident_id", value)
    assert [is_luhn(value)] == verdict("bank_card", value)


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("91350100M000100Y43", True),  # GB 32100-2015, annex A
        ("91350100M000100Y44", False),
        ("91350100M000100Y4I", False),  # I is not in the alphabet
        ("91350100M000100Y4", False),
    ],
)
def test_credit_code(value: str, holds: bool) -> None:
    assert verdict("uscc", value) == [holds]


@given(st.from_regex(rf"\A[159][1-9][0-9]{{6}}[{USCC_ALPHABET}]{{9}}\Z"))
def test_exactly_one_check_character_fits_a_credit_code(seventeen: str) -> None:
    total = sum(USCC_ALPHABET.index(c) * 3**i for i, c in enumerate(seventeen))
    right = USCC_ALPHABET[-total % 31]
    found = verdict("uscc", *(seventeen + c for c in USCC_ALPHABET))
    assert [c for c, holds in zip(USCC_ALPHABET, found, strict=True) if holds] == [right]


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("4111111111111111", True),
        ("4111111111111112", False),
        ("4222222222222", True),
        ("79927398713", False),  # right sum, but eleven digits are no card
        ("41111111111111１1", False),
    ],
)
def test_bank_card(value: str, holds: bool) -> None:
    assert verdict("bank_card", value) == [holds]


@pytest.mark.parametrize(
    "value",
    ["13812345678", "+86 138 1234 5678", "0086-13812345678", "028-85123456", "(028)85123456转801", "0512-65123456",
     "85123456", "400-820-8820", "12345", "120", "95588", "06-2991111"],
)  # fmt: skip
def test_telephone_numbers_that_are_written_in_registers(value: str) -> None:
    assert verdict("phone", value) == [True]


@pytest.mark.parametrize("value", ["23812345678", "1381234567", "12812345678", "5712", "无", "028-8512345a", ""])
def test_texts_that_are_no_telephone_number(value: str) -> None:
    assert verdict("phone", value) == [False]


@pytest.mark.parametrize(
    ("value", "holds"), [("a.b+c@mail.gov.cn", True), ("a@b", False), ("a b@c.cn", False), ("@c.cn", False)]
)
def test_email(value: str, holds: bool) -> None:
    assert verdict("email", value) == [holds]


@pytest.mark.parametrize("semantic", sorted(SEMANTIC_CHECKS))
def test_nothing_is_neither_right_nor_wrong(semantic: str) -> None:
    assert verdict(semantic, None) == [None]


def spelt(semantic: str | None, *values: str | None) -> list[str | None]:
    return canonical(pl.Series(values, dtype=pl.String), semantic).to_list()


def test_spellings_of_one_identifier_become_one() -> None:
    ids = spelt("resident_id", "11010519491231002x", " １１０１０５19491231002Ｘ", "110105 19491231 002X", None)
    assert ids == ["11010519491231002X"] * 3 + [None]
    phones = spelt("phone", "+86 138-1234-5678", "13812345678", "０１３８12345678")
    assert phones == ["13812345678", "13812345678", "013812345678"]


@given(st.sampled_from([None, "phone", "resident_id"]), st.from_regex(r"\A(?:\+|00)?[0-9A-Za-z -]{0,20}\Z"))
def test_the_spelling_does_not_depend_on_the_neighbours(semantic: str | None, value: str) -> None:
    assert spelt(semantic, value) == spelt(semantic, value, " ８６ a")[:1]


def test_a_number_among_others_is_judged_as_it_is_alone() -> None:
    numbers = ["13812345678", None, "+86 138 1234 5678", "5712", "028-85123456"]
    assert verdict("phone", *numbers) == [verdict("phone", number)[0] for number in numbers]


@given(resident_ids(first_birth=date(1911, 1, 1)))
def test_an_old_resident_id_becomes_the_new_one_of_the_same_person(value: str) -> None:
    if value[6:8] == "19":
        assert spelt("resident_id", value[:6] + value[8:17]) == [value]


def test_the_check_runs_over_the_whole_column_and_not_over_its_first_row() -> None:
    good, bad = "11010519491231002X", "110105194912310021"
    assert verdict("resident_id", *[good, bad, None] * 1000) == [True, False, None] * 1000
    assert identifiers.RESIDENT_ID_WEIGHTS[:4] == (7, 9, 10, 5)
