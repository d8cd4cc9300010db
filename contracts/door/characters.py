"""What the texts of a whole column are written in: told of all of them end to end, several times as fast as by a pattern.

Belongs here: looking at all the characters of a column. Does not belong here: what a single text is.
"""

from __future__ import annotations

import numpy as np
import polars as pl

DIGITS = b"0123456789"
CAPITALS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTERS_AND_DIGITS = DIGITS + CAPITALS + CAPITALS.lower()


def is_made_of(column: pl.Series, characters: bytes) -> bool:
    """Whether no text of a column has any but these ASCII characters."""
    return not end_to_end(column).translate(None, characters)


def end_to_end(column: pl.Series, between: str = "") -> bytes:
    """The texts of a column as UTF-8, one behind the other; no value is no text."""
    return str(column.str.join(between).item()).encode()


def may_begin_with(column: pl.Series, signs: bytes) -> bool:
    """Whether a text of a column begins with one of these ASCII characters; also where there is no text, only a rest of one."""
    texts = column.to_arrow(compat_level=pl.CompatLevel.newest())
    # Arrow keeps of each text sixteen bytes side by side: its length in four, then the text or where it begins.
    views = np.frombuffer(texts.buffers()[1] or b"", np.uint8).reshape(-1, 16)[texts.offset :][: len(texts)]
    return any((views[:, 4] == sign).any() for sign in signs)
