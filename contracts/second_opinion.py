"""The second judge: every accepted batch against the contract's pandera schema, before it is written.

What it objects to and the compiled checks let through is a mistake of ours; it is quarantined and seen. Does not
belong here: the schema (rows.py).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from contracts.arranging import ROW
from contracts.model import Feed, load_feed
from contracts.rows import empty_reasons, pandera_schema


def objections(feed: Feed, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Typed rows of a feed → (those the schema holds for, a reason `contract_violated` for each of the others)."""
    from pandera.errors import SchemaErrors

    if rows.height == 0:
        return rows, empty_reasons()
    try:
        _schema(feed.path, feed.version).validate(rows, lazy=True)
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
        pl.format("不符合合同规则 {}", "check").alias("message_zh"),
        pl.format("does not meet the contract's check {}", "check").alias("message_en"),
    )
    return numbered.join(cases, on="index", how="anti").drop("index"), reasons


@cache
def _schema(path: Path, _version: str) -> Any:
    """Built once a process; pandera takes a second to import."""
    return pandera_schema(load_feed(path))
