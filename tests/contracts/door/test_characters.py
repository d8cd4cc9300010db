"""What a column is written in, told of all its texts at once: the same as text by text."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.door.casting import _NOT_PLAIN, _is_plain
from contracts.door.characters import CAPITALS, DIGITS, LETTERS_AND_DIGITS, is_made_of, may_begin_with
from contracts.door.identifiers import _are_plain_phones

TEXTS = st.lists(st.none() | st.text("019eExZ-=' \u3000é服", max_size=14), max_size=6)


@given(TEXTS)
def test_a_column_says_what_its_texts_say(texts: list[str | None]) -> None:
    column = pl.Series(texts, dtype=pl.String)
    assert _is_plain(column) == (not column.str.contains(_NOT_PLAIN).any())
    assert is_made_of(column, LETTERS_AND_DIGITS) == (not column.str.contains("[^0-9A-Za-z]").any())
    assert is_made_of(column, DIGITS + CAPITALS) == column.str.contains("^[0-9A-Z]*$").all()
    assert _are_plain_phones(column) == column.str.contains("^0?[1-9][0-9]*$").all()


@pytest.mark.parametrize("between", [0, 1, 3])
@given(TEXTS)
def test_no_beginning_is_overlooked(between: int, texts: list[str | None]) -> None:
    column = pl.concat([pl.Series(texts, dtype=pl.String), pl.Series(["='"[:between], "a longer text than twelve"])])
    for part in (column, column.slice(between), column.head(2)):
        begins = any(text and text[0] in "='" for text in part)
        assert may_begin_with(part, b"='") >= begins


def test_what_begins_otherwise_is_not_looked_at() -> None:
    assert not may_begin_with(pl.Series(["a=", "a'", "", None, "a longer text than twelve ='"]), b"='")
