"""A file that costs too much is refused with a sentence, and costs the others nothing."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from contracts.door.delivery import Outcome
from contracts.loading import load_feeds
from orchestration.intake import bounded, reading_ahead
from orchestration.intake.bounded import BROKE, TOO_LONG, TOO_MUCH, Bounds
from orchestration.intake.forgetting import birth_month_days, forget_birth_months
from orchestration.intake.taking_in import pending, take_in
from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

FEED = load_feeds()["sports.openings"]
FIRST, TODAY = date(2026, 1, 1), date(2026, 3, 1)


def computes(seconds: float) -> Outcome:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
    return Outcome(rows_accepted=1)


def holds(megabytes: int) -> Outcome:
    held = b"x" * (megabytes * 1_000_000)
    time.sleep(1)
    return Outcome(rows_accepted=len(held) and 1)


def ends(status: int) -> Outcome:
    os._exit(status)


def test_what_goes_beyond_its_bounds_is_ended_and_the_next_is_read() -> None:
    bounded.read(computes, 0.0, "first.csv", Bounds(seconds=60, memory_mb=2_000))  # it loads this module
    within = Bounds(seconds=1, memory_mb=150)
    assert bounded.read(computes, 0.0, "a.csv", within).rows_accepted == 1
    for work, item, code in ((computes, 60.0, TOO_LONG), (holds, 600, TOO_MUCH), (ends, 9, BROKE)):
        refused = bounded.read(work, item, "台账.xlsx", within)
        assert (refused.verdict, refused.reason_code) == ("refused", code)
        assert "台账.xlsx" in str(refused.message_zh)
        assert "台账.xlsx" in str(refused.message_en)
    assert bounded.read(holds, 10, "b.csv", within).rows_accepted == 1


def test_larger_files_have_wider_bounds() -> None:
    small, large = bounded.bounds(0), bounded.bounds(12_000_000)
    assert small.seconds < large.seconds < 118
    assert small.memory_mb < large.memory_mb < 1_500


@pytest.mark.parametrize(
    ("content", "at_once"),
    [(b"a,b\n1,2\n", True), (b"PK\x03\x04", False), (b"\x1f\x8b\x08", False), (b"a,b\n" * 300_000, False)],
)
def test_only_what_can_cost_much_for_its_size_has_a_process_of_its_own(tmp_path, content, at_once) -> None:
    (tmp_path / "file").write_bytes(content)
    assert bounded.costs_little(tmp_path / "file", len(content)) == at_once


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDirectory:
    monkeypatch.setenv("MINSHENG_PRIVACY_KEY", "a key for tests, 16+")
    directory = DataDirectory(tmp_path / "data")
    directory.set_calendar(TODAY, FIRST)
    return directory


def test_a_file_beyond_its_bounds_has_a_receipt_and_is_read_when_the_policy_lets_it(data, monkeypatch) -> None:
    box = data.inbox / FEED.id / "default"
    box.mkdir(parents=True)
    lines = "".join(f"TY{n},2026-01-01,{n % 90}\n" for n in range(600_000))
    (box / "large.csv").write_text(f"场馆编号,开放日期,接待人次\n{lines}", encoding="utf-8")
    (box / "good.csv").write_text("场馆编号,开放日期,接待人次\nGOOD,2026-01-02,5\n", encoding="utf-8")
    for path in box.iterdir():
        os.utime(path, (1_770_000_000, 1_770_000_000))
    allowed = bounded.bounds
    monkeypatch.setattr(bounded, "bounds", lambda size: replace(allowed(size), seconds=0.01))
    done = {a.file_name: a for a in take_in(data, FEED, FIRST, TODAY)}
    assert {n: (a.verdict, a.reason_code) for n, a in done.items()} == {
        "good.csv": ("accepted", None),
        "large.csv": ("refused", TOO_LONG),
    }
    assert pending(data, FEED) == []
    assert take_in(data, FEED, FIRST, TODAY) == []
    monkeypatch.setattr(bounded, "bounds", allowed)
    (again,) = take_in(data, FEED, FIRST, TODAY)
    assert (again.verdict, again.rows_accepted) == ("accepted", 600_000)


def test_what_is_read_ahead_is_bounded_too(monkeypatch) -> None:
    monkeypatch.setattr(bounded, "bounds", lambda size: Bounds(seconds=4, memory_mb=10_000))
    items = [("slow", 1, 600.0), *((str(n), 1, 0.0) for n in range(reading_ahead.MANY))]
    ahead: reading_ahead.ReadAhead[Outcome] = reading_ahead.ReadAhead(computes, items)
    assert ahead.result("slow") is None  # whoever asks reads it alone, within its bounds


def test_months_of_birth_go_when_no_policy_needs_them(data) -> None:
    assistance = load_feeds()["civil_affairs.assistance"]
    fields = tuple(
        replace(f, classification="birth_month", stored_as="birth_month") if f.name == "born_on" else f
        for f in assistance.fields
    )
    feed = replace(assistance, fields=fields)
    old, new = data.accepted / feed.id / "2024-01-05", data.accepted / feed.id / "2026-02-05"
    for folder in (old, new):
        folder.mkdir(parents=True)
        pl.DataFrame({"benefit_id": ["A1"], "birth_month": ["1946-03"]}).write_parquet(folder / "r.parquet")
    assert forget_birth_months(data, feed, TODAY) == 1
    assert forget_birth_months(data, feed, TODAY) == 0
    assert pl.read_parquet(old / "r.parquet").to_dicts() == [{"benefit_id": "A1", "birth_month": None}]
    assert pl.read_parquet(new / "r.parquet").to_dicts() == [{"benefit_id": "A1", "birth_month": "1946-03"}]
    assert birth_month_days() > 365
