"""The second judge: every accepted batch against the contract's pandera schema, before it is written.

What it objects to and the compiled checks let through is a mistake of ours; it is quarantined and seen. Does not
belong here: the schema (rows.py).
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from contracts.door.repeated import says_one_thing
from contracts.door.rows import empty_reasons, pandera_schema
from contracts.loading import load_feed
from contracts.model import Feed
from contracts.reading.table import ROW

LARGE = 10_000  # rows from which on it pays to look at what many rows say only once
SAMPLE, FEW = 1_000, 50  # of how many rows, and how many values are few


def objections(feed: Feed, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Typed rows of a feed → (those the schema holds for, a reason `contract_violated` for each of the others)."""
    from pandera.errors import SchemaErrors

    if rows.height == 0:
        return rows, empty_reasons()
    try:
        _schema_for(feed, rows).validate(rows, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases.filter(pl.col("index").is_not_null())
        if cases.height == 0:  # no row of the batch is meant but the batch itself
            raise
        return _without(rows, cases.with_columns(pl.col("index").cast(pl.Int64)))
    return rows, empty_reasons()


def _without(rows: pl.DataFrame, cases: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    numbered = rows.with_row_index("index").with_columns(pl.col("index").cast(pl.Int64))
    reasons = cases.join(numbered.select("index", ROW), on="index").select(
        pl.col(ROW),
        pl.col("column").alias("field"),
        pl.col("column").alias("header"),
        pl.lit("contract_violated").alias("rule"),
        pl.lit("error").alias("severity"),
        pl.lit(None, dtype=pl.String).alias("value"),
        pl.format("“{}”不符合报送约定，请核对。", "column").alias("message_zh"),
        pl.format("{} is not what was agreed; look at it.", "column").alias("message_en"),
        pl.lit(None, dtype=pl.String).alias("row_says"),
    )
    return numbered.join(cases, on="index", how="anti").drop("index"), reasons


def _schema_for(feed: Feed, rows: pl.DataFrame) -> Any:
    """The schema; for a large batch without the columns that say few things, if it holds for each of these.

    Every check looks at one value at a time: what holds for the values of a column holds for its rows.
    """
    whole = _schema(feed.path, feed.version)
    if rows.height < LARGE:
        return whole
    few = ((name, rows[name].dtype, _few_values(rows[name])) for name in whole.columns)
    said = [(name, dtype, values) for name, dtype, values in few if values is not None]
    if not said or not _holds(feed.path, feed.version, tuple(said)):
        return whole
    heard = {name for name, *_ in said}
    return _schema(feed.path, feed.version, tuple(name for name in whole.columns if name not in heard))


def _few_values(column: pl.Series) -> tuple[Any, ...] | None:
    """What the rows say, in order, if that is little."""
    if says_one_thing(column):
        return (column[0],)
    if column.head(SAMPLE).n_unique() > FEW:
        return None
    values = column.unique()
    return tuple(values.sort()) if values.len() <= FEW else None


@lru_cache(maxsize=1_000)
def _holds(path: Path, version: str, said: tuple[tuple[str, pl.DataType, tuple[Any, ...]], ...]) -> bool:
    from pandera.errors import SchemaErrors

    longest = max(len(values) for *_, values in said)
    columns = [
        pl.Series(name, [*values, *values[-1:] * (longest - len(values))], dtype=dtype) for name, dtype, values in said
    ]
    try:
        _schema(path, version, tuple(name for name, *_ in said)).validate(pl.DataFrame(columns), lazy=True)
    except SchemaErrors:
        return False
    return True


@cache
def _schema(path: Path, version: str, only: tuple[str, ...] | None = None) -> Any:
    """Built once a process, whole or for some columns; pandera takes a second to import."""
    if only is None:
        return pandera_schema(load_feed(path))
    import pandera.polars as pandera

    columns = _schema(path, version).columns
    return pandera.DataFrameSchema({name: columns[name] for name in only}, strict=False)
