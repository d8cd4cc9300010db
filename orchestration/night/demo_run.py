"""The night of `make demo`: fills the inbox with the feeds of the fictional city and sets the calendar to its last day.

Does not belong here: making the feeds (demo) and running the night (command).
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console

from contracts.whole_files import read_json, write_json
from orchestration.paths import DataDirectory


def set_up_demo(data: DataDirectory, *, communities: int, seed: int, console: Console) -> None:
    """Makes the feeds of the fictional city into the inbox, once per data directory.

    Args:
        communities: the one number that sizes the city.
        seed: the same seed makes the same bytes.

    Raises:
        SystemExit: the city would be too small, or the directory already holds another; two cities in one register would be neither.
    """
    from demo.deliver import make
    from demo.plan import Plan

    try:
        plan = Plan(seed=seed, communities=communities)
    except ValueError as refused:
        raise SystemExit(f" 示范市 Shifan City: {refused}") from None
    wanted = {"seed": seed, "communities": communities, "until": plan.until.isoformat(), "days": plan.days}
    remembered = data.root / "demo.json"
    if remembered.is_file():
        made = read_json(remembered)
        if made != wanted:
            raise SystemExit(
                f"{remembered} says this directory holds the demo {made}, asked for is {wanted}. "
                "Remove the directory, or choose another with MINSHENG_DATA."
            )
        console.print(f" 示范市 Shifan City: already made (seed {seed}, {communities:,} communities)")
        return
    data.set_calendar(plan.until, plan.first)
    started = time.monotonic()
    with ThreadPoolExecutor(1) as meanwhile:
        # dbt reads its project in a process of its own; the code location finds it read.
        meanwhile.submit(_parse, data)
        deliveries = make(data.inbox, seed=seed, communities=communities, until=plan.until, days=plan.days)
    write_json(remembered, wanted)
    console.print(
        f" 示范市 Shifan City (fictional): {len(deliveries):,} files of "
        f"{len({d.feed for d in deliveries})} feeds made in {time.monotonic() - started:.1f} s"
    )


def _parse(data: DataDirectory) -> None:
    from orchestration.warehouse.dbt_command import manifest

    manifest(data)
