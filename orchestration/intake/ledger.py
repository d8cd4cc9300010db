"""The ledger as one table: every attempt of every file, for dbt, the summary and people.

Does not belong here: writing receipts (landing).
"""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from types import UnionType
from typing import get_args, get_type_hints

import dagster as dg
import polars as pl

from orchestration.intake import landing
from orchestration.intake.landing import Attempt
from orchestration.paths import DataDirectory, data_directory

# Of the types of a receipt's fields; lists (reasons, ignored headers) stay in the receipt.
TYPES: Mapping[type, pl.DataType | type[pl.DataType]] = {
    str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean, datetime: pl.Datetime("us"), date: pl.Date,
}  # fmt: skip


def schema() -> dict[str, pl.DataType | type[pl.DataType]]:
    """Column → type: what the ledger adds, and every plain field of a receipt."""
    added = {"attempt_id": pl.String, "is_latest": pl.Boolean, "superseded_by": pl.String}
    plain: dict[str, pl.DataType | type[pl.DataType]] = {}
    for name, hint in get_type_hints(Attempt).items():
        # `str | None` is text; a list is not a value of a table.
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        if kinds[0] in TYPES:
            plain[name] = TYPES[kinds[0]]
    return {**added, **plain}


def table(data: DataDirectory) -> pl.DataFrame:
    """One row an attempt; `is_latest` marks the one that counts for its receipt."""
    attempts = landing.attempts(data)
    latest = landing.latest(attempts).values()
    counting = {id(a) for a in latest}
    successor = {a.supersedes: a.receipt for a in latest if a.supersedes and a.verdict == "accepted"}
    rows = [
        {
            **vars(a),
            "attempt_id": f"{a.receipt}.{a.attempt}",
            "is_latest": id(a) in counting,
            "superseded_by": successor.get(a.receipt),
        }
        for a in attempts
    ]
    columns = schema()
    return pl.DataFrame([{name: row[name] for name in columns} for row in rows], schema=columns, orient="row").sort(
        "received_at", "receipt", "attempt"
    )


def path(data: DataDirectory) -> Path:
    return data.derived / "receipts.parquet"


def ledger_asset(feeds: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """The ledger as an asset that every feed flows into."""

    @dg.asset(
        key=["ledger", "receipts"],
        group_name="ledger",
        deps=feeds,
        description="**The ledger**: one row for every attempt to take a file in, failures above all.",
        kinds={"parquet"},
    )
    def receipts() -> dg.MaterializeResult:
        data = data_directory()
        rows = table(data)
        path(data).parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(path(data))
        verdicts = rows.filter("is_latest").group_by("verdict").len().sort("verdict").iter_rows()
        return dg.MaterializeResult(metadata={"dagster/row_count": rows.height, **dict(verdicts)})

    return receipts
