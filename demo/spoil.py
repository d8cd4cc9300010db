"""What goes wrong in real files, planted on purpose and written down.

Belongs here: the kinds of mistakes and where they were put. The list of planted faults is the truth against which
the door is proved: each one is quarantined for its reason, warned of, or read as what it means (`repaired`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

MISSHAPEN = ("too_many_cells", "too_few_cells")
REPEATED = "key_repeated"
KEPT = ("repaired", "warned", "unknown_reference", "unmapped")  # reasons for which a row still passes the door


@dataclass(frozen=True)
class Fault:
    """One kind of mistake.

    Attributes:
        field: where it is made; empty for the shape of the whole row.
        reason: the door's reason code, `repaired` for what the door reads rightly, `warned` for what it lets in and
            marks, `unmapped` for a code that only the
            warehouse finds unknown, or `key_repeated`, for which the row takes the field of the row above.
        value: what is written instead, or what becomes of the text that stood there; None empties the cell.
        among: only rows of the typed frame for which this holds are spoilt.
        also: further cells of the same row that make the mistake complete.
    """

    field: str
    reason: str
    value: str | Callable[[str], str] | None = None
    among: pl.Expr | None = None
    also: Mapping[str, str | None] | None = None


@dataclass(frozen=True)
class Planted:
    """A fault as it was made: `row` counts data rows from 0."""

    row: int
    field: str
    reason: str

    @property
    def is_quarantined(self) -> bool:
        return self.reason not in KEPT


def plant(
    rng: np.random.Generator, typed: pl.DataFrame, text: pl.DataFrame, faults: Sequence[Fault]
) -> tuple[pl.DataFrame, tuple[Planted, ...]]:
    """Makes each fault once, every time in another row; a fault whose rows do not exist is left out."""
    planted: list[Planted] = []
    used: set[int] = set()
    cells: dict[str, dict[int, str | None]] = {}
    for fault in faults:
        row = _free_row(rng, _candidates(typed, text, fault), used, fault)
        if row is None:
            continue
        used |= {row, row - 1} if fault.reason == REPEATED else {row}
        planted.append(Planted(row, fault.field, fault.reason))
        if fault.reason in MISSHAPEN:
            continue
        for name, spoilt in {fault.field: _spoilt(text, row, fault), **(fault.also or {})}.items():
            cells.setdefault(name, {})[row] = spoilt
    for name, changes in cells.items():
        column = text[name].to_list()
        for row, value in changes.items():
            column[row] = value
        text = text.with_columns(pl.Series(name, column, dtype=pl.String))
    return text, tuple(planted)


def _candidates(typed: pl.DataFrame, text: pl.DataFrame, fault: Fault) -> np.ndarray:
    usable = pl.repeat(True, typed.height, eager=True)
    if fault.among is not None:
        usable = usable & typed.select(fault.among.fill_null(value=False)).to_series()
    if callable(fault.value):
        usable = usable & text[fault.field].is_not_null()
    return usable.arg_true().to_numpy()


def _free_row(rng: np.random.Generator, rows: np.ndarray, used: set[int], fault: Fault) -> int | None:
    """A row nothing was done to yet; one that repeats the key above needs that one untouched too."""
    for row in map(int, rng.permutation(rows)[: 2 * len(used) + 2]):
        if row not in used and (fault.reason != REPEATED or (row > 0 and row - 1 not in used)):
            return row
    return None


def _spoilt(text: pl.DataFrame, row: int, fault: Fault) -> str | None:
    if fault.reason == REPEATED:
        return str(text[fault.field][row - 1])
    return fault.value(text[fault.field][row]) if callable(fault.value) else fault.value


def misshapen(planted: Sequence[Planted]) -> dict[int, str]:
    """data row → what is wrong with its shape."""
    return {p.row: p.reason for p in planted if p.reason in MISSHAPEN}


# ── mistakes of the hand ────────────────────────────────────────────────────────────────────────


def full_width(text: str) -> str:
    """Digits and letters as a Chinese input method types them."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def negative(text: str) -> str:
    return f"-{text}" if text.strip("0.") else "-1"


def chinese_date(text: str) -> str:
    """2026-01-05 as 2026年1月5日; a time of day stays behind it."""
    day, _, rest = text.partition(" ")
    year, month, number = day.split("-")
    return f"{year}年{int(month)}月{int(number)}日{' ' + rest if rest else ''}"


def impossible_date(text: str) -> str:
    return f"{text[:4]}-02-30{text[10:]}"
