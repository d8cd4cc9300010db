"""The accepted days of a feed as Dagster shows them: a refusal colours its own day, the good file clears it, quiet nights say nothing."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from contracts.door.approvals import approve
from contracts.loading import load_feeds
from orchestration.intake import days, feeds, landing
from orchestration.paths import ZONE, DataDirectory

FIRST, TODAY = date(2026, 1, 1), date(2026, 2, 8)
GREEN, RED = AssetPartitionStatus.MATERIALIZED, AssetPartitionStatus.FAILED


class Feed:
    """One feed in a data directory of its own, launched as the UI launches it."""

    def __init__(self, root: Path, feed_id: str) -> None:
        self.data, self.feed = DataDirectory(root), load_feeds()[feed_id]
        self.data.set_calendar(TODAY, FIRST)
        self.instance = dg.DagsterInstance.ephemeral()

    def deliver(self, name: str, content: str, day: date) -> None:
        path = self.data.inbox / self.feed.id / "shifan" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        moment = datetime.combine(day, datetime.min.time(), ZONE).timestamp() + 7200
        os.utime(path, (moment, moment))

    def launch(self, **config: object) -> dg.ExecuteInProcessResult:
        asset = feeds.feed_asset(self.feed)
        chosen = {"ops": {asset.op.name: {"config": config}}}
        return dg.materialize([asset], instance=self.instance, raise_on_error=False, run_config=chosen)

    def shown(self) -> dict[date, AssetPartitionStatus]:
        keys = days.partitions(self.data).get_partition_keys()
        known = self.instance.get_status_by_partition(days.asset_key(self.feed), keys, days.partitions(self.data))
        return {date.fromisoformat(k): status for k, status in (known or {}).items() if status is not None}

    def made(self) -> int:
        """How often the feed itself was materialised."""
        key = feeds.asset_key(self.feed)
        return len(self.instance.fetch_materializations(key, limit=100).records)


@pytest.fixture
def launched(tmp_path, monkeypatch):
    monkeypatch.setenv("MINSHENG_PRIVACY_KEY", "a key for tests, 16+")
    monkeypatch.delenv("MINSHENG_TODAY", raising=False)

    def make(feed_id: str) -> Feed:
        monkeypatch.setenv("MINSHENG_DATA", str(tmp_path / feed_id))
        return Feed(tmp_path / feed_id, feed_id)

    return make


def openings(day: str, count: int = 5, visits: int = 10) -> str:
    return "场馆编号,开放日期,接待人次\n" + "".join(f"TY{i:05},{day},{visits}\n" for i in range(count))


def venues(count: int) -> str:
    header = "场馆编号,场馆名称,场馆类型代码,区划代码,运营状态\n"
    return header + "".join(f"WH{i:04},示范馆{i},L1,990101001001,1\n" for i in range(count))


FEBRUARY = {n: date(2026, 2, n) for n in range(1, 29)}


def test_a_refusal_colours_its_own_day_and_no_other(launched) -> None:
    sports = launched("sports.openings")
    sports.deliver("a.csv", openings("2026-02-02"), FEBRUARY[3])
    sports.deliver("b.csv", "", FEBRUARY[4])
    sports.deliver("c.csv", openings("2026-02-04"), FEBRUARY[5])
    run = sports.launch()
    assert not run.success
    assert sports.shown() == {FEBRUARY[3]: GREEN, FEBRUARY[4]: RED, FEBRUARY[5]: GREEN}
    # The next night brings nothing, and shows the same.
    assert sports.launch().success
    assert sports.shown() == {FEBRUARY[3]: GREEN, FEBRUARY[4]: RED, FEBRUARY[5]: GREEN}


def test_the_good_file_clears_the_day_of_the_bad_one(launched) -> None:
    sports = launched("sports.openings")
    sports.deliver("b.csv", "", FEBRUARY[4])
    sports.launch()
    sports.deliver("other.csv", openings("2026-02-05"), FEBRUARY[6])
    sports.launch()
    assert sports.shown() == {FEBRUARY[4]: RED, FEBRUARY[6]: GREEN}, "rows of another day make nothing good"
    sports.deliver("b.csv", openings("2026-02-03"), FEBRUARY[7])
    run = sports.launch()
    assert run.success
    assert sports.shown() == {FEBRUARY[4]: GREEN, FEBRUARY[6]: GREEN, FEBRUARY[7]: GREEN}
    checks = {e.check_name: e.passed for e in run.get_asset_check_evaluations()}
    assert checks == {"every_row_accounted_for": True, "files_readable": True, "on_time": True}


def test_any_later_register_makes_a_refused_one_good(launched) -> None:
    culture = launched("culture.venues")
    culture.deliver("场馆_半.csv", "", FEBRUARY[4])
    culture.launch()
    assert culture.shown() == {FEBRUARY[4]: RED}
    culture.deliver("场馆.csv", venues(20), FEBRUARY[5])
    culture.launch()
    assert culture.shown() == {FEBRUARY[4]: GREEN, FEBRUARY[5]: GREEN}


def test_a_held_file_is_red_until_a_person_lets_it_through(launched) -> None:
    culture = launched("culture.venues")
    culture.deliver("场馆.csv", venues(100), FEBRUARY[4])
    culture.launch()
    culture.deliver("场馆_2.csv", venues(5), FEBRUARY[5])
    culture.launch()
    assert culture.shown() == {FEBRUARY[4]: GREEN, FEBRUARY[5]: RED}
    (held,) = [a for a in landing.attempts(culture.data) if a.verdict == "held"]
    approve(culture.data.root, held.receipt, by="王", why="95 venues have closed", at=culture.data.now())
    culture.launch()
    assert culture.shown() == {FEBRUARY[4]: GREEN, FEBRUARY[5]: GREEN}


def test_quiet_nights_and_the_same_rows_again_make_nothing_look_fresh(launched) -> None:
    sports = launched("sports.openings")
    assert sports.launch().success
    assert sports.made() == 0, "nothing ever came"
    sports.deliver("a.csv", openings("2026-02-06"), date(2026, 2, 7))
    sports.launch()
    assert sports.made() == 1
    sports.launch()
    sports.launch(replay=True)
    assert sports.made() == 1
    assert sports.instance.fetch_observations(feeds.asset_key(sports.feed), limit=9).records


def test_a_feed_that_fails_says_what_it_accepted_all_the_same(launched) -> None:
    sports = launched("sports.openings")
    sports.deliver("a.csv", openings("2026-02-06"), date(2026, 2, 7))
    sports.deliver("b.csv", "", date(2026, 2, 7))
    assert not sports.launch().success
    assert sports.made() == 1
    assert sports.shown() == {date(2026, 2, 7): RED}


def test_a_lost_history_is_shown_again_as_the_ledger_has_it(launched) -> None:
    sports = launched("sports.openings")
    sports.deliver("a.csv", openings("2026-02-02"), FEBRUARY[3])
    sports.launch()
    sports.instance = dg.DagsterInstance.ephemeral()
    sports.launch()
    assert sports.shown() == {FEBRUARY[3]: GREEN}


def test_the_latest_day_is_today_by_the_calendar_of_the_data(launched, monkeypatch) -> None:
    sports = launched("sports.openings")
    assert sports.data.stands_still()
    assert days.partitions(sports.data).get_partition_keys()[-1] == "2026-02-08"
    monkeypatch.setenv("MINSHENG_TODAY", "2026-02-05")
    assert days.partitions(sports.data).get_partition_keys()[-1] == "2026-02-05"
    monkeypatch.delenv("MINSHENG_TODAY")
    (sports.data.root / "calendar.json").unlink()
    assert not sports.data.stands_still()
    assert days.partitions(sports.data).get_partition_keys()[-1] == sports.data.today().isoformat()


def test_whatever_lies_in_the_inbox_is_read_and_nothing_overdue_is_invented(launched) -> None:
    """By a calendar that stands still, whatever day the machine has: the file of today is read, and nobody is late by the clock."""
    sports = launched("sports.openings")
    sports.deliver("a.csv", openings("2026-02-07"), TODAY)
    sports.deliver("old.csv", openings("2025-12-30"), FIRST - timedelta(days=300))
    sports.deliver("of_the_machine_s_day.csv", openings("2026-02-06"), datetime.now(ZONE).date())
    run = sports.launch()
    assert run.success
    assert not list(sports.data.inbox.rglob("*.csv"))
    attempts = landing.attempts(sports.data)
    assert {(a.file_name, a.verdict) for a in attempts} == {
        ("a.csv", "accepted"), ("old.csv", "accepted"), ("of_the_machine_s_day.csv", "accepted"),
    }  # fmt: skip
    assert sports.shown() == {FIRST: GREEN, TODAY: GREEN}
    assert next(e for e in run.get_asset_check_evaluations() if e.check_name == "on_time").passed


@pytest.mark.parametrize("config", [{"received_from": "Februar"}, {"received_to": "2026-02-30"}])
def test_a_day_that_is_none_is_a_sentence(launched, config) -> None:
    failure = launched("sports.openings").launch(replay=True, **config).get_step_failure_events()[0]
    assert failure.step_failure_data.user_failure_data.description.startswith(
        "received_from and received_to are days such as 2026-02-01"
    )
