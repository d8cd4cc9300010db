"""The ledger as one table: every attempt of every file, for dbt, the summary and people.

Does not belong here: writing receipts (landing).
"""

from pathlib import Path

import dagster as dg
import polars as pl

from contracts.loading import load_feeds
from contracts.whole_files import write_parquet
from orchestration.intake import arriving, landing
from orchestration.paths import DataDirectory, data_directory

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "attempt_id": pl.String,
    "receipt": pl.String,
    "attempt": pl.Int64,
    "is_latest": pl.Boolean,
    "feed": pl.String,
    "sender": pl.String,
    "file_name": pl.String,
    "sha256": pl.String,
    "size_bytes": pl.Int64,
    "received_at": pl.Datetime("us"),
    "received_on": pl.Date,
    "attempted_at": pl.Datetime("us"),
    "format": pl.String,
    "encoding": pl.String,
    "sheet": pl.String,
    "header_row": pl.Int64,
    "rows_received": pl.Int64,
    "rows_accepted": pl.Int64,
    "rows_quarantined": pl.Int64,
    "rows_warned": pl.Int64,
    "rows_out_of_scope": pl.Int64,
    "rows_added": pl.Int64,
    "rows_changed": pl.Int64,
    "rows_removed": pl.Int64,
    "seconds": pl.Float64,
    "verdict": pl.String,
    "reason_code": pl.String,
    "message_zh": pl.String,
    "message_en": pl.String,
    "contract_version": pl.String,
    "layout_version": pl.String,
    "row_checksum": pl.String,
    "supersedes": pl.String,
    "superseded_by": pl.String,
    "released_by": pl.String,
    "released_why": pl.String,
}


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
    return pl.DataFrame([{name: row[name] for name in SCHEMA} for row in rows], schema=SCHEMA, orient="row").sort(
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
        write_parquet(path(data), rows)
        verdicts = rows.filter("is_latest").group_by("verdict").len().sort("verdict").iter_rows()
        stray = arriving.stray(data, load_feeds())
        to_look_at = {"to look at in the inbox": dg.MetadataValue.text("\n".join(stray))} if stray else {}
        return dg.MaterializeResult(metadata={"dagster/row_count": rows.height, **dict(verdicts), **to_look_at})

    return receipts
