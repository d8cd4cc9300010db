# ruff: noqa: T201 a command line prints
"""`python -m demo --out DIR`: makes the feeds of Shifan City and says what it made."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

import polars as pl

from demo.deliver import make
from demo.files import Delivery
from demo.plan import Plan


def main() -> None:
    defaults = Plan()
    parser = argparse.ArgumentParser(prog="python -m demo", description="Makes the feeds of Shifan City (fictional).")
    parser.add_argument("--out", type=Path, required=True, help="folder the files go to, as <feed>/<sender>/<file>")
    parser.add_argument("--truth", type=Path, help="folder for what is true in the city, for proofs")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--communities", type=int, default=defaults.communities, help="the one number that sizes all")
    parser.add_argument("--until", type=date.fromisoformat, default=defaults.until, help="day of the last night")
    parser.add_argument("--days", type=int, default=defaults.days)
    parser.add_argument("--list", action="store_true", help="name every file made")
    asked = parser.parse_args()
    try:
        plan = Plan(asked.seed, asked.communities, asked.until, asked.days)
    except ValueError as error:
        parser.error(str(error))
    deliveries = make(
        asked.out, seed=plan.seed, communities=plan.communities, until=plan.until, days=plan.days, truth=asked.truth
    )
    if asked.list:
        for delivery in deliveries:
            note = f"  ({delivery.mishap})" if delivery.mishap else ""
            print(
                f"{delivery.received_at:%Y-%m-%d %H:%M}  {delivery.feed}/{delivery.sender}/{delivery.path.name}{note}"
            )
    print(summary(deliveries, asked.seed))


def summary(deliveries: list[Delivery], seed: int) -> str:
    """One line a feed and one for all."""
    feeds = (
        pl.DataFrame({"feed": [d.feed for d in deliveries], "rows": [d.rows for d in deliveries]})
        .group_by("feed")
        .agg(pl.len().alias("files"), pl.col("rows").sum())
        .sort("feed")
    )
    lines = [f"{feed:<40}{files:>6}{rows:>12,}" for feed, files, rows in feeds.iter_rows()]
    nights = {d.received_at.date() for d in deliveries}
    total = f"Shifan City (fictional, seed {seed}): {feeds.height} feeds, {len(nights)} nights, {len(deliveries)} files"
    return "\n".join([f"{'feed':<40}{'files':>6}{'rows':>12}", *lines, f"{total}, {feeds['rows'].sum():,} rows"])


if __name__ == "__main__":
    main()
