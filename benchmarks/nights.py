"""Nights of the demo's city, processor seconds by stage and how long each takes: the first, one without news, one after midnight, one of a
new day.

Run: `python -m benchmarks.nights [--communities 4000]`. The city is made up to its last day, of which the files are held back: the first
night takes in all others, the next two have nothing new (the second of them on the day after), the last has the files held back. Each is a
process of its own; a stage is what its process and the ones it began have used, without the stages within it; those that read files are
told of at its end, for they stay until then. The aims, on a quiet machine of
two cores: a night without news takes 20 s at most, one of a new day 1.5 times that.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any

from orchestration.paths import ZONE, DataDirectory

ALLOWED_SECONDS, ALLOWED_RATIO = {"without news": 20.0, "a new day": 30.0}, 1.5
START, DAGSTER = "start: imports, code location", "Dagster around the steps"
READERS = "readers of files"
# Stage → the function whose time it is; what is not there any more is an error, not a night that costs nothing.
STAGES = {
    "feeds": "orchestration.intake.feeds:take_in",
    "survey estimates": "orchestration.derived.survey_estimates:estimate_all",
    "words of reviews": "orchestration.derived.review_words:cut_new",
    "facility links": "orchestration.derived.linkage:write",
    "what is due": "orchestration.warehouse.inputs:keys",
    "dbt": "orchestration.warehouse.dbt_assets:_events",
    "rows and lineage for Dagster": "orchestration.warehouse.dbt_assets:_table_metadata",
    "release: tables": "orchestration.release.tables:write",
    "release: public edition": "orchestration.disclosure.public_edition:write",
    "release: revisions": "orchestration.release.completing:write_revisions",
    "release: audit": "contracts.audit:audit",
    "release: data docs": "orchestration.release.data_docs:write",
    "release: charts": "orchestration.release.charts:write",
    "release: files, workbooks": "orchestration.release.completing:write_forms",
    "release: descriptions": "orchestration.release.completing:describe",
    "release: swap": "orchestration.release.publishing:_publish",
    "release: pages, what is beside": "orchestration.release.asset:release",
    "PostgreSQL": "orchestration.release.targets.delivering:deliver",
    DAGSTER: "orchestration.night.command:_execute",
    "summary": "orchestration.night.command:tell",
}


def used() -> float:
    """Processor seconds of this process and of those it began and has waited for."""
    return sum(os.times()[:4])


def used_by_readers() -> float:
    """Processor seconds of the processes that read files: nobody waits for them before the night's own end."""
    from multiprocessing import active_children

    from orchestration.intake import bounded

    processes = [process.pid for process in active_children() if process.pid]
    if bounded._reader.cache_info().currsize:
        processes.append(bounded._reader().pid)
    return sum((bounded.used(process) or (0.0, 0))[0] for process in processes)


class Clock:
    """What each stage has used, without the stages within it."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self.open: list[str] = [START]
        self.since = 0.0

    def turn(self) -> None:
        now = used()
        self.spent[self.open[-1]] += now - self.since
        self.since = now

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.turn()
            self.open.append(stage)
            try:
                return function(*args, **kwargs)
            finally:
                self.turn()
                self.open.pop()

        return timed


def spend(data: DataDirectory) -> dict[str, float]:
    """A night in this process; stage → processor seconds."""
    from rich.console import Console

    from orchestration.night import command, dagster_home

    clock, console = Clock(), Console(file=io.StringIO())
    dagster_home.prepare(data)
    for stage, place in STAGES.items():
        module, _, name = place.partition(":")
        owner = importlib.import_module(module)
        setattr(owner, name, clock.around(stage, getattr(owner, name)))
    night = command.run(data, console)
    if night.failed_steps:
        raise RuntimeError(f"a night that failed measures nothing: {night.failed_steps}")
    command.tell(data, night, console)
    clock.turn()
    return {**clock.spent, READERS: used_by_readers()}


def nights(data: DataDirectory, communities: int, days: int) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """(night → stage → processor seconds, night → how many seconds it took)."""
    from demo.deliver import make

    until = date(2026, 3, 12)  # a midnight like most: no month begins
    make(data.inbox, communities=communities, until=until, days=days)
    held = [p for p in sorted(data.inbox.rglob("*")) if p.is_file() and _day(p) == until]
    if not held:
        raise RuntimeError("no file of the last day to hold back: a night of a new day would measure nothing")
    aside = data.root.with_name("held_back")
    for path in held:
        (aside / path.relative_to(data.inbox)).parent.mkdir(parents=True, exist_ok=True)
        path.rename(aside / path.relative_to(data.inbox))
    first = until - timedelta(days=days)
    found, took = {}, {}
    for night, day in (("first", -1), ("without news", -1), ("after midnight", 0), ("a new day", 0)):
        data.set_calendar(until + timedelta(days=day), first)
        if night == "a new day":
            for path in held:
                (aside / path.relative_to(data.inbox)).rename(path)
        began = time.perf_counter()
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks.nights", "--night", str(data.root)],
            env={**os.environ, "MINSHENG_DATA": str(data.root)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if run.returncode:
            raise RuntimeError(f"the night {night}: {run.stderr[-2000:]}")
        found[night] = json.loads(run.stdout.strip().splitlines()[-1])
        took[night] = time.perf_counter() - began
        print(f"  {night}: {sum(found[night].values()):.1f} s of processor time in {took[night]:.1f} s", flush=True)
    return found, took


def _day(path: Path) -> date:
    return datetime.fromtimestamp(path.stat().st_mtime, ZONE).date()  # the demo writes times of the place


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nights", description=__doc__)
    parser.add_argument("--communities", type=int, default=400)
    parser.add_argument("--days", type=int, default=61)
    parser.add_argument("--night", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.night:
        print(json.dumps(spend(DataDirectory(asked.night))))
        return
    with tempfile.TemporaryDirectory(prefix="ms-nights-") as folder:
        found, took = nights(DataDirectory(Path(folder) / "data"), asked.communities, asked.days)
    print(f"{asked.communities:,} communities, {asked.days} days; processor seconds")
    print(f"  {'':32}" + "".join(f"{night:>16}" for night in found))
    for stage in sorted({s for spent in found.values() for s in spent}, key=[START, *STAGES, READERS].index):
        print(f"  {stage:32}" + "".join(f"{spent.get(stage, 0):16.1f}" for spent in found.values()))
    print(f"  {'all':32}" + "".join(f"{sum(spent.values()):16.1f}" for spent in found.values()))
    print(f"  {'seconds it took':32}" + "".join(f"{seconds:16.1f}" for seconds in took.values()))
    for night, allowed in ALLOWED_SECONDS.items():
        print(f"  {night}: {took[night]:.1f} s (allowed {allowed:g})")
    ratio = sum(found["a new day"].values()) / sum(found["without news"].values())
    print(f"  a new day / without news: {ratio:.2f} of processor time (allowed {ALLOWED_RATIO:g})")


if __name__ == "__main__":
    main()
