"""No row that the door accepts may stop a city: extreme rows of every feed, and a night that ends in a release."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from contracts.door.approvals import approve
from contracts.loading import load_feeds, seed
from contracts.model import Feed, FieldSpec
from orchestration.intake import landing
from orchestration.intake.taking_in import take_in
from orchestration.paths import PROJECT, DataDirectory

pytestmark = pytest.mark.slow

NIGHT = """
import json
from dataclasses import asdict
from rich.console import Console
from orchestration.night.command import run
from orchestration.paths import data_directory

night = asdict(run(data_directory(), Console(quiet=True)))
print(json.dumps({k: night[k] for k in ("failed_steps", "released", "unmet_checks")}))
"""
TODAY, FIRST = date(2026, 3, 1), date(2026, 2, 1)
# Before any policy and any catalogue, around the turn of the years that policies begin in, today, and beyond.
DAYS = (
    "1000-01-01", "0001-01-01", "1582-10-15", "1900-01-01", "1970-01-01", "2015-04-15", "2019-12-31", "2020-01-01", "2020-02-29", "2025-12-31",
    "2026-02-28", "2026-03-01", "2026-03-02", "2100-12-31", "9999-12-31",
)  # fmt: skip
LARGE = 10**15 - 1
KNOWN, UNKNOWN = "990101001001", "990199999999"
# Senders whose layout says by which scheme their codes are meant; every other file spells the feed as its contract does.
SENDERS = {"evaluation.reviews": "shifan", "evaluation.rectifications": "shifan"}


def usual(f: FieldSpec, n: int) -> str:
    """A value that is right; keys count: names upwards, months and years downwards."""
    if f.key_position is not None and f.kind == "date" and f.cast.get("precision") == "month":
        return f"{TODAY.year - (n + 9) // 12}-{12 - (n + 9) % 12:02}-01"
    if f.key_position is not None and f.kind == "integer" and "year" in f.name:
        return str(TODAY.year - n)
    if f.name == "division_code":
        return KNOWN
    if f.key_position is not None and f.kind == "string" and f.name not in ("wave", "margin", "service_item_code"):
        return f"{'990101A' if 'institution' in f.name else 'K'}{n}"
    if f.name == "resident_id":
        return "990101199001010019"  # nobody's: no province has the number 99
    if f.examples:
        return str(f.examples[0])
    if f.enum:
        return next(iter(f.enum))
    if f.code_list:
        return str(next(iter(seed(f.code_list)))["code"])
    if f.name.endswith("_id") and f.kind == "string":
        return "K1"
    if "satisfaction" in f.name:
        return "5"
    low = f.options.get("minimum", 0)
    return {"integer": str(max(low, 1)), "number": str(max(low, 1)), "boolean": "是", "date": "2026-02-03", "timestamp": "2026-02-03 10:00:00"}.get(
        f.kind, "BPS05" if "item" in f.name else "health" if "department" in f.name else "示范"
    )  # fmt: skip


def edges(f: FieldSpec) -> Iterator[str]:
    """What the contract just allows, and nothing at all."""
    if not f.required:
        yield ""
    if f.kind in ("integer", "number"):
        yield from {str(f.options.get("minimum", -LARGE)), str(f.options.get("maximum", LARGE)), "0", "1"}
    elif f.kind == "boolean":
        yield from ("是", "否")
    elif f.kind == "date":
        yield from DAYS
    elif f.kind == "timestamp":
        yield from (f"{day} {time}" for day in DAYS for time in ("00:00:00", "23:59:59"))
    elif f.enum:
        yield from f.enum
    elif f.code_list:
        yield from sorted({str(row["code"]) for row in seed(f.code_list)})[:12]
    elif f.name == "division_code" or f.name.endswith("parent_code"):
        yield from (KNOWN, UNKNOWN, "99", "990000000000")
    elif f.key_position is None and "pattern" not in f.options:
        yield from ("x", "'", "长" * int(f.options.get("maxLength", 60)))


def extreme_rows(feed: Feed) -> list[dict[str, str]]:
    """One field at its edge at a time; then as little as is allowed; then everything at its least, and at its most."""
    sent = [f for f in feed.fields if f.derived_from is None and f.scheme is None and not f.name.endswith("_scheme")]
    made: list[dict[str, str]] = []

    def row(**changed: str) -> None:
        n = len(made) + 1
        made.append(
            {
                f.header: changed.get(f.name, usual(f, n) if f.required or f.name == "division_code" else "")
                for f in sent
            }
        )

    row()
    for f in sent:
        for edge in edges(f):
            row(**{f.name: edge})
    for changed in together(feed):
        row(**changed)
    for pick in (0, -1):
        row(**{f.name: found[pick] for f in sent if f.key_position is None and (found := [e for e in edges(f) if e])})
    return made


def together(feed: Feed) -> list[dict[str, str]]:
    """Fields at an edge that a rule between fields forbids them alone: a number with all numbers, a thing said with what it needs."""
    numbers = {f.name for f in feed.fields if f.kind in ("integer", "number") and f.key_position is None}
    least = {f.name: "0" for f in feed.fields if f.name in numbers and f.options.get("minimum", 0) <= 0}
    most = {f.name: str(f.options.get("maximum", LARGE)) for f in feed.fields if f.name in numbers}
    made = [least, most] if numbers else []
    return made + NEEDED.get(feed.id, [])


# What a contract's rules ask for beside an edge.
MOMENT = "2026-02-03 12:00:00"
NEEDED: dict[str, list[dict[str, str]]] = {
    "civil_affairs.assistance": [
        *({"benefit_type": code, "disability_grade": "1"} for code in ("31", "32")),
        {"start_month": "1900-01-01", "end_month": "1900-01-01"},
    ],
    "evaluation.reviews": [
        {"satisfaction_level": tag[0], "tags": tag} for tag in ("101", "112", "201", "301", "401", "501")
    ],
    "evaluation.rectifications": [
        *({"finding": code, "verified_at": MOMENT, "malicious_decided_at": MOMENT} for code in "12345"),
        *(
            {"appeal": code, "appealed_at": MOMENT, "appeal_decided_at": MOMENT}
            for code in ("filed", "upheld", "dismissed")
        ),
    ],
}


def lone_row(feed: Feed) -> list[dict[str, str]]:
    """One row that says as little as it may, of a place nobody knows."""
    row = dict(extreme_rows(feed)[0])
    for f in feed.fields:
        if f.name == "division_code" and f.header in row:
            row[f.header] = UNKNOWN
    return [row]


def deliver(data: DataDirectory, feed: Feed, rows: list[dict[str, str]]) -> None:
    path = data.inbox / feed.id / SENDERS.get(feed.id, "default") / "extreme.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def taken_in(data: DataDirectory, made: Callable[[Feed], list[dict[str, str]]]) -> None:
    """Every feed's rows through the door, and past whatever guard holds them."""
    data.set_calendar(TODAY, FIRST)
    feeds = sorted(load_feeds().values(), key=lambda f: f.department != "reference")
    for feed in feeds:
        deliver(data, feed, made(feed))
    for feed in feeds:
        for attempt in take_in(data, feed, FIRST, TODAY):
            if attempt.verdict == "held":  # half of the rows are refused, and that is meant
                approve(data.root, attempt.receipt, by="test", why="extremes", at=datetime(2026, 3, 1, 12))


def night_on(data: DataDirectory) -> Any:
    # In a process of its own: the code location's days are those of the directory that it was loaded for.
    done = subprocess.run(
        [sys.executable, "-c", NIGHT], cwd=PROJECT, capture_output=True, text=True, check=False,
        env={**os.environ, "MINSHENG_DATA": str(data.root)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def extremes(tmp_path_factory) -> tuple[DataDirectory, Any]:
    data = DataDirectory(tmp_path_factory.mktemp("extremes") / "data")
    taken_in(data, extreme_rows)
    return data, night_on(data)


def edges_lost(feed: Feed, stored: pl.DataFrame) -> set[tuple[str, str]]:
    """(feed, field) of which an accepted edge of its contract is in no accepted row."""
    lost = set()
    for f in feed.fields:
        if (
            f.classification != "public"
            or f.stored_as not in stored.columns
            or f.derived_from
            or f.name.endswith("_scheme")
        ):
            continue
        column, low, high = stored[f.stored_as], f.options.get("minimum", -LARGE), f.options.get("maximum", LARGE)
        if f.kind in ("integer", "number") and f.key_position is None:
            kept = column.min() == low and column.max() == high
            # Shifted from another system, a pole lies elsewhere.
            kept = kept or f.name in ("latitude", "longitude")
        elif f.kind == "boolean":
            kept = {True, False} <= set(column)
        elif f.kind == "string" and f.name != "tags":
            kept = {edge for edge in edges(f) if edge} <= set(column)
        elif f.kind in ("date", "timestamp") and f.key_position is None:
            kept = column.cast(pl.Date).min() < date(1900, 1, 2)
        else:
            kept = True
        if not kept or (not f.required and not column.null_count() and not f.scheme):
            lost.add((feed.id, f.name))
    return lost


def test_extreme_rows_of_every_feed_are_accepted(extremes) -> None:
    data, _ = extremes
    for feed in load_feeds().values():
        (attempt,) = landing.latest(landing.attempts(data, feed.id)).values()
        assert attempt.verdict == "accepted", f"{feed.id}: {attempt.message_en}"
        assert attempt.rows_accepted > 1, feed.id
        stored = pl.read_parquet(Path(data.accepted / feed.id) / "*/*.parquet")
        assert edges_lost(feed, stored) == set()
        for f in feed.fields:
            if (
                f.kind == "date"
                and f.classification == "public"
                and f.key_position is None
                and feed.id.startswith("evaluation")
            ):
                assert stored[f.stored_as].min() is None or stored[f.stored_as].min() < date(2015, 1, 2)


def test_a_night_on_them_ends_in_a_release(extremes) -> None:
    data, night = extremes
    assert night["failed_steps"] == {}
    assert night["released"]
    assert {name for name, severity in night["unmet_checks"].items() if severity == "ERROR"} == set()
    with duckdb.connect(str(data.published / "minsheng.duckdb"), read_only=True) as con:
        # The contacts of 2015 count, without an interval that nobody has a policy for.
        rows = con.execute(
            "select sum(contacts), count(good_rate_lo), count(participation_rate_lo) from review_scorecard"
            " where dimension = 'all' and month < date '2020-01-01'"
        ).fetchone()
    assert rows is not None
    assert rows[0] > 0
    assert rows[1:] == (0, 0)


def test_one_row_of_every_feed_that_says_nothing_ends_in_a_release(tmp_path) -> None:
    data = DataDirectory(tmp_path / "data")
    taken_in(data, lone_row)
    for feed in load_feeds().values():
        (attempt,) = landing.latest(landing.attempts(data, feed.id)).values()
        assert (attempt.rows_received, attempt.rows_accepted) == (1, 1), f"{feed.id}: {attempt.reasons}"
    night = night_on(data)
    assert night["failed_steps"] == {}
    assert night["released"]
    assert {name for name, severity in night["unmet_checks"].items() if severity == "ERROR"} == set()
