"""Columns that say few things many times over: what depends on a value alone is worked out once for each.

Belongs here: the values of a column and where they stand. Does not belong here: what is worked out of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

SAMPLE, IN_SAMPLE = 1_000, 50  # of so many rows so many values are few
AT_MOST = 1_000  # values of a whole column


@dataclass(frozen=True)
class Repeated:
    """The values of a column, each once, and for each row which of them it has."""

    values: pl.Series
    at: pl.Series | None  # none where all rows have the one value
    rows: int

    def laid_out(self, worked_out: pl.Series) -> pl.Series:
        """Something of each value → of each row."""
        return worked_out.new_from_index(0, self.rows) if self.at is None else worked_out.gather(self.at)


def repeated(column: pl.Series) -> Repeated | None:
    """What the rows of a text column say, if it is little; nothing where a look at its first rows says otherwise."""
    if column.len() > 1 and says_one_thing(column):
        return Repeated(column.head(1), None, column.len())
    if column.len() <= SAMPLE or column.head(SAMPLE).n_unique() > IN_SAMPLE:
        return None
    # Its first rows have nearly all of them; where a later row has another, all are looked at.
    for rows in (column.head(20 * SAMPLE), column):
        values = rows.drop_nulls().unique().sort()
        if values.len() > AT_MOST:
            return None
        at = column.cast(pl.Enum(values), strict=False).to_physical()
        if at.null_count() == column.null_count():
            values = pl.concat([values, values.clear(1)], rechunk=True)
            return Repeated(values, at.fill_null(values.len() - 1), column.len())
    return None


def says_one_thing(column: pl.Series) -> bool:
    """Whether every row has the same value, or none has: a constant of the layout, a field nobody fills."""
    nothing = column.null_count()
    return nothing == column.len() or (nothing == 0 and bool((column == column[0]).all()))
