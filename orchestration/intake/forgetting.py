"""What is kept below the archive only as long as a policy needs it: months of birth (classification `birth_month`).

Belongs here: taking them out of rows that were accepted longer ago than `birth_month_days` of policies/intake_policies.csv says.
Does not belong here: the archive's own retention (landing.prune), and what becomes of a value at the door (privacy).
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from contracts.loading import seed
from contracts.model import Feed
from contracts.whole_files import parquet_reads, write_parquet
from orchestration.paths import DataDirectory


def forget_birth_months(data: DataDirectory, feed: Feed, today: date) -> int:
    """Empties the months of birth of rows received too long ago, accepted or superseded; returns of how many files."""
    months = [f.stored_as for f in feed.stored if f.classification == "birth_month"]
    if not months:
        return 0
    oldest = (today - timedelta(days=birth_month_days())).isoformat()
    emptied = 0
    for folder in (data.accepted, data.superseded):
        for path in (folder / feed.id).glob("*/*.parquet"):
            if path.parent.name >= oldest or not parquet_reads(path):
                continue
            if pl.scan_parquet(path).select(pl.any_horizontal(pl.col(months).is_not_null().any())).collect().item():
                rows = pl.read_parquet(path, memory_map=False)
                write_parquet(path, rows.with_columns(pl.lit(None, pl.String).alias(name) for name in months))
                emptied += 1
    return emptied


def birth_month_days() -> int:
    """How many days a month of birth is kept after its receipt."""
    rows = [r for r in seed("intake_policies") if r["parameter"] == "birth_month_days"]
    return int(max(rows, key=lambda r: r["valid_from"])["value"])
