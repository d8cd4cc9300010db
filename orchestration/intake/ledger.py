"""The ledger as one table: every attempt of every file, for dbt, the summary and people.

Does not belong here: writing receipts (landing).
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from types import UnionType
from typing import get_args, get_type_hints

import dagster as dg
import polars as pl

from contracts.loading import load_feeds
from contracts.whole_files import write_parquet
from orchestration.intake import arriving, landing
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


def ledger_asset(accepted: list[dg.AssetKey], owner: str | None = None) -> dg.AssetsDefinition:
    """The ledger and the quarantine as assets that every feed flows into."""
    about = {
        "receipts": "**回执台账 · The ledger**\n\n每行是接收一份文件的一次尝试，失败的也在内。 · One row for every attempt to take a file in, failures above all.",
        "quarantine": "**隔离行 · The quarantine**\n\n每行是一条未被接收的数据及其一个原因，与文件的回执相对应。 · One row for every row that was not accepted and each reason, beside its file's receipt.",
    }
    specs = [
        dg.AssetSpec(
            dg.AssetKey(["ledger", name]), deps=accepted, group_name="ledger", description=text, kinds={"parquet"},
            owners=[owner] if owner else None, tags={"layer": "ledger"},
        )
        for name, text in about.items()
    ]  # fmt: skip

    @dg.multi_asset(specs=specs, name="ledger", description="写出接收台账。 · Writes the ledger of what came.")
    def _ledger() -> Iterator[dg.MaterializeResult]:
        data = data_directory()
        rows = table(data)
        write_parquet(path(data), rows)
        verdicts = rows.filter("is_latest").group_by("verdict").len().sort("verdict").iter_rows()
        stray = arriving.stray(data, load_feeds())
        to_look_at = {"to look at in the inbox": dg.MetadataValue.text("\n".join(stray))} if stray else {}
        yield dg.MaterializeResult(
            asset_key=specs[0].key,
            metadata={"dagster/row_count": rows.height, **dict(verdicts), **to_look_at},
        )  # fmt: skip
        yield dg.MaterializeResult(
            asset_key=specs[1].key,
            metadata={"rows quarantined": int(rows.filter("is_latest")["rows_quarantined"].sum())},
        )

    return _ledger
