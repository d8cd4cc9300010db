"""Disclosure control of published tables: which cells to hide, and proof that hiding works.

Here belongs what a reader could work out about few people from a table, its totals and the last
release. What a policy's k and p are comes as an argument; who applies it is `release`.

A table is one row per cell with dimension columns and an additive, non-negative count or amount.
Totals are cells too: `hierarchies` says, per dimension, which value is part of which (child →
parent, or parents where it counts in several totals: a month in its quarter, its year and any twelve
months; parts of one parent must not overlap). A parent's cell that is missing from the table is no total that anyone could subtract
from; a parent that exceeds its children has an unpublished rest, which is unknown to the reader.
The reader is assumed to know that nothing is negative, and not which cells are primary: publish
one and the same sign for all hidden cells.

Source: Hundepool et al. (2012), Statistical Disclosure Control, 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from orchestration.disclosure.alternatives import brackets, reached, shift
from orchestration.disclosure.equations import CellTable, Dominance, Hierarchies, Mask, read_table, shown
from orchestration.statistics.errors import require_columns


def suppress(
    frame: pl.DataFrame,
    hierarchies: Hierarchies,
    value: str,
    *,
    k: int = 10,
    dominance: Dominance | None = None,
    previous: pl.DataFrame | None = None,
    needing: str | None = None,
    fixed: str | None = None,
) -> pl.DataFrame:
    """The table with `suppression`: primary (sensitive), secondary (protects a primary cell), null.

    Without `dominance`, `value` counts people and cells of 1 to k − 1 are sensitive; hidden, such
    a cell can be anything from 0 to k. With it, `value` is an amount under the p% rule, and a cell
    is protected by what is missing to p%. An existing `suppression` is kept and added to, so that
    a table with several measures is treated one after the other.
    `previous`: the release before, with the same columns, `suppression` and the figures behind it; an unrevised
    value is the same unknown in both, so what the two give away together counts, and one that it showed protects nobody. `needing`: a column of true and false that names the cells to
    protect instead: not a small one that nobody could be recognised by, but a large one that would give a small one
    away; such a cell must be able to be k more or less. `fixed`: a column of true and false that names cells of a table
    that is published already: they are protected like the others, and those it shows stay shown. Secondary cells are chosen one
    sensitive cell after the other, each time those of least total value that a linear programme finds; over all of them
    together the sum is small, not the least. Prove the result with `audit_suppression`.
    """
    table = read_table(frame, hierarchies, value, k=k, dominance=dominance, previous=previous, needing=needing, fixed=fixed)  # fmt: skip
    hidden = table.hidden | table.is_sensitive
    _protect(table, hidden)
    earlier = frame["suppression"] if "suppression" in frame.columns else pl.lit(None, pl.String)
    return frame.with_columns(
        suppression=pl.when(pl.Series(table.is_sensitive[: frame.height]))
        .then(pl.lit("primary"))
        .otherwise(pl.coalesce(earlier, pl.when(pl.Series(hidden[: frame.height])).then(pl.lit("secondary"))))
    )


def _protect(table: CellTable, hidden: Mask) -> None:
    """Hides as many more cells as it takes for every sensitive one to be able to rise and fall far enough.

    In rounds: what one cell needed may be all that its neighbours need, so they are looked at again together first.
    """
    left = table.is_sensitive.copy()
    while left.any():
        rises = (table.above == 0) | reached(table, left, table.above, hidden)
        falls = (table.below == 0) | reached(table, left, -table.below, hidden)
        left &= ~(rises & falls)
        apart = table.apart(sorted(np.flatnonzero(left), key=lambda c: -table.value[c]))
        left[apart] = False
        for enough, amount in ((rises, table.above), (falls, -table.below)):
            short = apart[~enough[apart]]
            hidden |= shift(table, short, amount[short], hidden) != 0


def audit_suppression(
    frame: pl.DataFrame,
    hierarchies: Hierarchies,
    value: str,
    *,
    k: int = 10,
    dominance: Dominance | None = None,
    previous: pl.DataFrame | None = None,
    needing: str | None = None,
    fixed: str | None = None,
    only_unproven: bool = False,
) -> pl.DataFrame:
    """What a reader of the table can work out about every sensitive cell.

    One row per sensitive cell: the dimensions, value, lo and hi (the tightest bracket that the
    published cells allow, by linear programme; hi null if unbounded), lo_allowed, hi_allowed (the
    policy's), is_safe and reason: published, published_before, bracketed, or null if safe.
    With `only_unproven` the rows are left out of cells that are safe because other tables with the same published
    figures are known in which they are that much lower and higher: as strong a proof, and a few programmes
    instead of two for each cell.
    """
    table = read_table(frame, hierarchies, value, k=k, dominance=dominance, previous=previous, needing=needing, fixed=fixed)  # fmt: skip
    unproven = table.is_sensitive
    if only_unproven:
        rises = (table.above == 0) | reached(table, table.is_sensitive, table.above, table.hidden)
        falls = (table.below == 0) | reached(table, table.is_sensitive, -table.below, table.hidden)
        unproven = unproven & ~(rises & falls & table.hidden)
    cells = np.flatnonzero(unproven)
    bracketed = dict(brackets(table, cells[table.hidden[cells]]))
    rows: list[tuple[float, float, float | None, float, float, bool, str | None]] = []
    for cell in cells:
        actual = float(table.value[cell])
        low_allowed, high_allowed = actual - table.below[cell], actual + table.above[cell]
        lo, hi = bracketed.get(int(cell), (actual, actual))
        slack = 1e-6 * max(1.0, actual)
        is_safe = bool(lo <= low_allowed + slack and hi >= high_allowed - slack)
        reason = None
        if not is_safe:
            reason = (
                "published_before" if table.known[cell]
                else "bracketed" if table.hidden[cell] else "published"
            )  # fmt: skip
        rows.append((actual, lo, None if np.isinf(hi) else hi, low_allowed, high_allowed, is_safe, reason))
    schema = {
        **dict.fromkeys(["value", "lo", "hi", "lo_allowed", "hi_allowed"], pl.Float64),
        "is_safe": pl.Boolean,
        "reason": pl.String,
    }
    audited = pl.DataFrame(rows, schema=schema, orient="row")
    return pl.concat([frame.select(list(hierarchies))[cells.tolist()], audited], how="horizontal")


def hide(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The table as published: `columns` null and `is_suppressed` true in hidden cells, all alike."""
    require_columns(frame, {"suppression": "suppression"})
    hidden = pl.col("suppression").is_not_null()
    return frame.with_columns(
        *(pl.when(~hidden).then(pl.col(c)).alias(c) for c in columns), is_suppressed=hidden
    ).drop("suppression")  # fmt: skip


def small_differences(
    frame: pl.DataFrame, previous: pl.DataFrame, keys: Sequence[str], value: str, *, k: int = 10
) -> pl.DataFrame:
    """Cells shown in both releases that differ by 1 to k − 1 people: the difference is a small cell.

    Columns: `keys`, previous, current, difference.
    """
    both = [f.filter(pl.Series(shown(f))).select(*keys, value) for f in (previous, frame)]
    return (
        both[0].rename({value: "previous"})
        .join(both[1].rename({value: "current"}), on=list(keys), nulls_equal=True)
        .with_columns(difference=pl.col("current") - pl.col("previous"))
        .filter((pl.col("difference").abs() > 0) & (pl.col("difference").abs() < k))
    )  # fmt: skip


def records_sharing(frame: pl.DataFrame, quasi_identifiers: Sequence[str]) -> pl.Series:
    """Per record, how many records (itself included) it cannot be told from by these columns.

    A missing value matches anything.
    """
    keys = list(quasi_identifiers)
    require_columns(frame, {f"quasi-identifier {key}": key for key in keys})
    if not keys:
        return pl.Series("n_sharing", [frame.height] * frame.height, dtype=pl.Int64)
    shared = _patterns_sharing(frame.group_by(keys).agg(_records=pl.len()), keys)
    return frame.select(keys).join(shared, on=keys, how="left", nulls_equal=True, maintain_order="left")["n_sharing"]


def _patterns_sharing(patterns: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The combinations of values that occur, `_records` times each, with `n_sharing`."""
    missing = pl.struct(pl.col(key).is_null() for key in keys)
    patterns = patterns.select(*keys, n=pl.col("_records").cast(pl.Int64)).with_columns(_missing=missing)
    parts = patterns.partition_by("_missing")
    counted = []
    for part in parts:
        sharing = part.with_columns(n_sharing=pl.lit(0, pl.Int64))
        for other in parts:
            shared = [key for key in keys if part[key].null_count() == 0 and other[key].null_count() == 0]
            if shared:
                matches = other.group_by(shared).agg(_matches=pl.col("n").sum())
                sharing = sharing.join(matches, on=shared, how="left")
            else:
                sharing = sharing.with_columns(_matches=pl.lit(int(other["n"].sum())))
            sharing = sharing.with_columns(
                n_sharing=pl.col("n_sharing") + pl.col("_matches").fill_null(0).cast(pl.Int64)
            ).drop("_matches")
        counted.append(sharing.select(*keys, "n", "n_sharing"))
    return pl.concat(counted) if counted else patterns.select(*keys, "n", n_sharing="n")


def k_anonymity(
    frame: pl.DataFrame, quasi_identifiers: Sequence[str], *, k: int = 10, records: str | None = None
) -> pl.DataFrame:
    """One row on a record-level product: n, smallest (the k it reaches), n_unique, n_below_k, is_safe.

    `records`: the column that says how many records each row of `frame` stands for; without it, one each.
    """
    keys = list(quasi_identifiers)
    require_columns(frame, {f"quasi-identifier {key}": key for key in keys})
    counted = frame.select(*keys, _records=pl.col(records) if records else pl.lit(1))
    if keys:
        shared = _patterns_sharing(counted.group_by(keys).agg(pl.col("_records").sum()), keys)
    else:
        n = int(counted["_records"].sum())
        shared = pl.DataFrame({"n": [n], "n_sharing": [n]}).filter(pl.col("n") > 0)
    below = int(shared.filter(pl.col("n_sharing") < k)["n"].sum())
    return pl.DataFrame(
        {
            "n": [int(shared["n"].sum())],
            "smallest": pl.Series([shared["n_sharing"].min()], dtype=pl.Int64),
            "n_unique": [int(shared.filter(pl.col("n_sharing") == 1)["n"].sum())],
            "n_below_k": [below],
            "is_safe": [below == 0],
        }
    )
