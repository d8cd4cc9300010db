"""The whole mainland in two vintages, 713,035 and 665,276 units: history, successors and restatement, in time and memory.

Run: `python -m benchmarks.backbone`. Takes the public files through the door once, then times what dbt does with them the first
night and the next, on which nothing came (seconds with dbt's own start, peak memory of its process), and prints what became of
the units. Without the files: a line.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from rich.console import Console

from contracts.loading import load_feeds
from orchestration.derived import linkage, survey_estimates
from orchestration.intake import feeds, ledger
from orchestration.night.real_run import set_up_real
from orchestration.paths import DBT_PROJECT, DataDirectory
from orchestration.warehouse.dbt_command import PROCESS, environment

DIVISIONS = "reference.divisions"
MAINLAND = (
    "vonng_2016",
    *(f"modood_2023_{level}" for level in ("provinces", "cities", "areas", "streets", "villages")),
)
TAIWAN, COUNTIES = "kiang_villages", "gb2260"
MODELS = ("+division_restatement", "dim_division_history", "division_latest", "division_problem")
ALLOWED_SECONDS, ALLOWED_MEGABYTES = 60, 2_000


def take_in(data: DataDirectory, console: Console, *senders: str) -> float | None:
    """Takes the divisions of some senders through the door; seconds, or None where the files are not there."""
    if not set_up_real(data, console, senders=senders):
        return None
    start = time.perf_counter()
    feeds.take_in(data, load_feeds()[DIVISIONS], data.first_day(), data.today())
    return time.perf_counter() - start


def build(data: DataDirectory) -> tuple[float, float]:
    """Builds the models of the divisions; seconds and the peak megabytes of dbt so far.

    Raises:
        subprocess.CalledProcessError: a model could not be built; dbt's own words are on the terminal.
    """
    for feed in load_feeds().values():
        feeds.ensure_typed(data, feed)
    survey_estimates.ensure_typed(data)
    linkage.ensure_typed(data)
    ledger.table(data).write_parquet(ledger.path(data))
    data.warehouse.parent.mkdir(parents=True, exist_ok=True)
    folders = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    command = [sys.executable, *PROCESS, "--quiet", "run", "--select", *MODELS, *folders]
    surroundings = {**os.environ, **environment(data)}
    # The seeds are a few hundred rows and not the point.
    subprocess.run([sys.executable, *PROCESS, "--quiet", "seed", *folders], env=surroundings, check=True)
    start = time.perf_counter()
    subprocess.run(command, env=surroundings, check=True)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return seconds, peak / (1e6 if sys.platform == "darwin" else 1e3)


def changes(data: DataDirectory) -> list[tuple[str, str, int]]:
    """Level, change and number of units between the vintages."""
    query = """
        select level, change, count(distinct coalesce(old_code, new_code))
        from divisions.division_successor
        group by level, change
        order by level, change
    """
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        return con.execute(query).fetchall()


def main() -> None:
    """Print the measurements beside what is allowed."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        data = DataDirectory(Path(folder))
        data.derived.mkdir()
        door = take_in(data, console, *MAINLAND, TAIWAN)
        if door is None:
            return
        seconds, megabytes = build(data)
        print("mainland 2016 and 2023, Taiwan: 1,386,552 units, two cores")
        print(f"  through the door        {door:6.1f} s")
        print(f"  dbt: every vintage, successors, history, restatement {seconds:6.1f} s (allowed {ALLOWED_SECONDS})")
        print(f"  peak of dbt             {megabytes:6.0f} MB (allowed {ALLOWED_MEGABYTES:,})")
        seconds, _ = build(data)
        print(f"  dbt, the night after    {seconds:6.1f} s")
        for level, change, units in changes(data):
            print(f"  {level:10} {change:12} {units:9,}")


if __name__ == "__main__":
    main()
