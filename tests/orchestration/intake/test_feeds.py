"""A feed's deliveries over several nights: what is read, what waits, what takes another's place, what a replay gives."""

from __future__ import annotations

import os
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from contracts.door.approvals import approve, withdraw
from contracts.loading import load_feeds
from contracts.model import Continuity, Feed, Guards
from orchestration.intake import landing, ledger, reading_ahead
from orchestration.intake.landing import Attempt
from orchestration.intake.taking_in import pending, take_in
from orchestration.paths import ZONE, DataDirectory

FIRST, TODAY = date(2026, 1, 1), date(2026, 3, 1)


class City:
    """A data directory into which files are delivered on days of our choosing."""

    def __init__(self, root: Path, feed: Feed) -> None:
        self.data, self.feed = DataDirectory(root), feed
        self.data.set_calendar(TODAY, FIRST)

    def deliver(self, name: str, content: str, day: int, sender: str = "shifan", hour: int = 2) -> None:
        path = self.data.inbox / self.feed.id / sender / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        moment = (datetime(2026, 1, 1, hour, tzinfo=ZONE) + timedelta(days=day - 1)).timestamp()
        os.utime(path, (moment, moment))

    def night(self, **options: bool) -> list[Attempt]:
        return take_in(self.data, self.feed, FIRST, TODAY, **options)

    def rows(self) -> pl.DataFrame:
        return pl.read_parquet(self.data.accepted / self.feed.id / "*/*.parquet")

    def stored(self) -> dict[str, str]:
        """Receipt → checksum of every file among the accepted."""
        outcomes = landing.latest(landing.attempts(self.data, self.feed.id))
        files = (self.data.accepted / self.feed.id).glob("*/*.parquet")
        return {path.stem: outcomes[path.stem].row_checksum or "" for path in files}

    def receipt(self, name: str) -> str:
        return next(a.receipt for a in landing.attempts(self.data, self.feed.id) if a.file_name == name)

    def forget(self) -> None:
        for folder in (self.data.accepted, self.data.superseded, self.data.quarantine, self.data.receipts):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def city(tmp_path, monkeypatch):
    """feed id → its city; changes to the contract by keyword."""
    monkeypatch.setenv("MINSHENG_PRIVACY_KEY", "a key for tests, 16+")
    monkeypatch.delenv("MINSHENG_TODAY", raising=False)

    def make(feed_id: str, **changes) -> City:
        return City(tmp_path / feed_id, changed(load_feeds()[feed_id], **changes))

    return make


def changed(feed: Feed, **changes) -> Feed:
    from dataclasses import replace

    return replace(feed, **changes)


NO_GUARDS = Guards()


def openings(*rows: tuple[str, str, int]) -> str:
    return "场馆编号,开放日期,接待人次\n" + "".join(f"{v},{d},{n}\n" for v, d, n in rows)


def many(day: str, count: int, visits: int = 10) -> list[tuple[str, str, int]]:
    return [(f"TY{i:05}", day, visits) for i in range(count)]


def venues(count: int) -> str:
    header = "场馆编号,场馆名称,场馆类型代码,区划代码,运营状态\n"
    return header + "".join(f"WH{i:04},示范馆{i},L1,990101001001,1\n" for i in range(count))


# ── what is read, and when ──────────────────────────────────────────────────────────────────────


def test_a_file_is_read_once_and_the_same_bytes_again_are_a_duplicate(city) -> None:
    sports = city("sports.openings")
    sports.deliver("a.csv", openings(*many("2026-01-01", 3)), day=2)
    assert [a.verdict for a in sports.night()] == ["accepted"]
    assert sports.night() == []
    sports.deliver("a (1).csv", openings(*many("2026-01-01", 3)), day=3)
    assert [(a.verdict, a.reason_code) for a in sports.night()] == [("duplicate", "same_bytes_again")]
    assert sports.rows().height == 3


def test_a_new_contract_version_reads_the_archive_again(city) -> None:
    sports = city("sports.openings")
    sports.deliver("a.csv", openings(*many("2026-01-01", 3)), day=2)
    sports.night()
    sports.feed = changed(sports.feed, version="1.1.0")
    assert [a.file_name for a in sports.night()] == ["a.csv"]
    assert sports.rows()["_contract_version"].unique().to_list() == ["1.1.0"]
    assert pending(sports.data, sports.feed) == []


def test_an_error_of_ours_refuses_one_file_without_its_words_and_is_tried_again(city, monkeypatch) -> None:
    from contracts.door import delivery

    sports = city("sports.openings")
    sports.deliver("a.csv", openings(*many("2026-01-01", 3)), day=2)
    sports.deliver("b.csv", openings(*many("2026-01-02", 3)), day=3)
    sound, calls = delivery.split, []

    def fails_once(*arguments):
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("TY00001 is what must not be seen")
        return sound(*arguments)

    monkeypatch.setattr(reading_ahead, "SMALL_BYTES", 0)  # in another process nothing is patched
    monkeypatch.setattr(delivery, "split", fails_once)
    first, second = sports.night()
    assert (first.verdict, first.reason_code, second.verdict) == ("refused", "door_failed", "accepted")
    assert "ValueError" in first.message_en
    assert "TY00001" not in first.message_en + first.message_zh
    assert sports.rows()["opened_on"].unique().to_list() == [date(2026, 1, 2)]
    assert {a.verdict for a in sports.night()} == {"accepted"}
    assert sports.rows().height == 6


@pytest.mark.parametrize("says", [OSError(28, "No space left on device"), ValueError("cannot write")])
def test_a_full_disk_refuses_nobody_s_file(city, monkeypatch, says) -> None:
    """Whatever a library makes of it: the feed stops, the ledger says nothing, and the next night takes the file in."""
    from contracts.door import delivery

    sports = city("sports.openings")
    sports.deliver("a.csv", openings(*many("2026-01-01", 3)), day=2)
    monkeypatch.setattr(reading_ahead, "SMALL_BYTES", 0)
    with monkeypatch.context() as full:
        full.setattr(delivery, "split", lambda *_: (_ for _ in ()).throw(says))
        full.setattr(delivery.shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
        with pytest.raises(OSError, match="No space left"):
            sports.night()
    assert landing.attempts(sports.data) == []
    assert list(sports.data.accepted.rglob("*.writing")) == []
    assert [a.verdict for a in sports.night()] == ["accepted"]


# ── an append file sent again ───────────────────────────────────────────────────────────────────


def test_a_corrected_file_of_the_same_name_takes_the_place_of_the_first(city) -> None:
    sports = city("sports.openings", guards=NO_GUARDS)
    before, after = many("2026-01-01", 10), [*many("2026-01-01", 10)[1:], ("TY99999", "2026-01-01", 5)]
    after[0] = (*after[0][:2], 77)
    sports.deliver("开放.csv", openings(*before), day=2)
    sports.night()
    old = sports.receipt("开放.csv")
    sports.deliver("开放.csv", openings(*after), day=4)
    (attempt,) = sports.night()
    assert (attempt.verdict, attempt.supersedes) == ("accepted", old)
    assert (attempt.rows_added, attempt.rows_changed, attempt.rows_removed) == (1, 1, 1)
    assert (attempt.rows_accepted, attempt.rows_quarantined) == (10, 0)
    assert sorted(sports.rows()["venue_id"]) == sorted(v for v, _, _ in after)
    assert (sports.data.superseded / sports.feed.id / "2026-01-02" / f"{old}.parquet").is_file()
    told = dict(ledger.table(sports.data).select("receipt", "superseded_by").iter_rows())
    assert told == {old: attempt.receipt, attempt.receipt: None}
    assert sports.night() == []


def test_keys_of_a_superseded_file_may_come_again_and_those_that_stand_may_not(city) -> None:
    sports = city("sports.openings", guards=NO_GUARDS)
    for day, (count, visits) in enumerate([(4, 10), (3, 10), (3, 11)], start=2):
        sports.deliver("a.csv", openings(*many("2026-01-01", count, visits)), day=day)
        sports.night()
    # TY00003 went with the first file; TY00000 stands in the third.
    sports.deliver("b.csv", openings(("TY00003", "2026-01-01", 1), ("TY00000", "2026-01-01", 1)), day=5)
    (attempt,) = sports.night()
    assert attempt.supersedes is None
    assert [(r["rule"], r["rows"]) for r in attempt.reasons] == [("key_already_delivered", 1)]
    assert sorted(sports.rows()["venue_id"]) == ["TY00000", "TY00001", "TY00002", "TY00003"]


@pytest.mark.parametrize(
    ("name", "sender", "keys"),
    [("b.csv", "shifan", 10), ("a.csv", "kaifaqu", 10), ("a.csv", "shifan", 4)],
    ids=["another name", "another sender", "fewer than half of the keys"],
)
def test_other_files_take_nobodys_place_and_their_repeated_keys_are_rejected(city, name, sender, keys) -> None:
    sports = city("sports.openings", guards=NO_GUARDS, keys_of="everybody")
    sports.deliver("a.csv", openings(*many("2026-01-01", 10)), day=2)
    sports.night()
    sports.deliver(
        name, openings(*many("2026-01-01", keys, visits=1), ("TY77777", "2026-01-01", 1)), day=3, sender=sender
    )
    (attempt,) = sports.night()
    assert (attempt.supersedes, attempt.rows_added) == (None, None)
    assert (attempt.rows_accepted, attempt.rows_quarantined) == (1, keys)
    assert sports.rows().height == 11


def test_the_first_file_stands_again_when_its_successor_no_longer_does(city) -> None:
    sports = city("sports.openings", guards=NO_GUARDS)
    sports.deliver("a.csv", openings(*many("2026-01-01", 30)), day=2)
    sports.night()
    sports.deliver("a.csv", openings(*many("2026-01-01", 15)), day=3)
    assert [a.supersedes for a in sports.night()] == [sports.receipt("a.csv")]
    assert sports.rows().height == 15
    # A new version of the contract would have held the second file.
    sports.feed = changed(sports.feed, version="2.0.0", guards=Guards(min_rows_ratio=0.9))
    assert [a.verdict for a in sports.night()] == ["accepted", "held"]
    assert sports.rows().height == 30
    assert not list(sports.data.superseded.rglob("*.parquet"))


# ── what changed against the last delivery ──────────────────────────────────────────────────────


def test_a_snapshot_is_counted_against_the_last_one_of_its_sender(city) -> None:
    culture = city("culture.venues", guards=NO_GUARDS)
    culture.deliver("1.csv", venues(10), day=2)
    culture.deliver("other.csv", venues(2), day=3, sender="kaifaqu")
    culture.deliver("2.csv", venues(12).replace("示范馆3,", "改名馆,").replace("WH0000,", "WH9000,"), day=4)
    first, other, second = culture.night()
    assert (first.rows_added, other.rows_added) == (None, None)
    assert (second.rows_added, second.rows_changed, second.rows_removed) == (3, 1, 1)


def test_a_snapshot_with_periods_is_counted_against_the_same_period(city) -> None:
    workers = city("civil_affairs.community_workers", guards=NO_GUARDS)
    header = "行政区划代码,月份,社区工作者人数,持证社工人数\n"

    def month(text: str, people: int) -> str:
        return header + "".join(f"99010100100{i},{text},{people + i},1\n" for i in range(1, 6))

    workers.deliver("1.csv", month("2026-01", 10), day=2)
    workers.deliver("2.csv", month("2026-02", 10), day=33)
    workers.deliver("1b.csv", month("2026-01", 11), day=34)
    january, february, again = workers.night()
    assert [january.verdict, february.verdict, again.verdict] == ["accepted"] * 3
    assert (february.rows_added, february.rows_changed, february.rows_removed) == (5, 0, 0)
    assert (again.rows_added, again.rows_changed, again.rows_removed) == (0, 5, 0)


def test_an_upsert_is_counted_against_the_newest_row_of_each_key(city) -> None:
    cases = city("evaluation.rectifications", guards=NO_GUARDS)

    def table(**replied: str) -> str:
        rows = [f"{case},1,1,2026-01-01 09:00:00,{at}\n" for case, at in replied.items()]
        return "办件编号,服务次数,评价次数,受理差评时间,回复时间\n" + "".join(rows)

    cases.deliver("1.csv", table(A1="", A2=""), day=4)
    cases.deliver("2.csv", table(A1="2026-01-02 09:00:00", A3=""), day=5)
    cases.deliver("3.csv", table(A1="2026-01-02 09:00:00", A2="2026-01-03 09:00:00", A4=""), day=6)
    attempts = cases.night()
    assert [a.verdict for a in attempts] == ["accepted"] * 3, [a.message_en for a in attempts]
    assert [(a.rows_added, a.rows_changed, a.rows_removed) for a in attempts[1:]] == [(1, 1, 0), (1, 1, 0)]


# ── held, and let through ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("guards", "rows", "code"),
    [
        ({"min_rows_ratio": 0.5}, 19, "rows_collapsed"),
        ({"min_rows_ratio": 0.5}, 20, None),
        ({"max_rows_ratio": 2}, 81, "rows_exploded"),
        ({"max_rows_ratio": 2}, 80, None),
        ({"min_rows_ratio": 0.5, "min_rows": 41}, 1, None),
        ({}, 1, None),
    ],
)
def test_rows_are_compared_with_the_last_accepted_file_of_the_sender(city, guards, rows, code) -> None:
    culture = city("culture.venues", guards=Guards(**guards))
    culture.deliver("1.csv", venues(40), day=2)
    culture.deliver("2.csv", venues(rows), day=3)
    first, second = culture.night()
    assert (first.verdict, second.reason_code) == ("accepted", code)
    assert second.verdict == ("held" if code else "accepted")
    assert culture.rows().filter(pl.col("_receipt") == second.receipt).height == (0 if code else rows)


def test_too_many_rejected_rows_hold_a_file_and_those_out_of_scope_do_not_count(city) -> None:
    sports = city("sports.openings", guards=Guards(max_rejected_share=0.5, min_rows=4))
    good, bad = many("2026-01-01", 2), [(f"TY1000{i}", "2026-13-01", 1) for i in range(3)]
    sports.deliver("half.csv", openings(*good, *bad[:2]), day=2)
    sports.deliver("more.csv", openings(*many("2026-01-02", 2), *bad), day=3)
    half, more = sports.night()
    assert (half.verdict, more.verdict, more.reason_code) == ("accepted", "held", "too_many_rows_rejected")
    assert more.rows_received == more.rows_accepted + more.rows_quarantined
    assert sports.rows().height == 2
    assert (sports.data.quarantine / sports.feed.id / "2026-01-03" / f"{more.receipt}.parquet").is_file()


@pytest.mark.parametrize(("severity", "verdict"), [("error", "held"), ("warning", "accepted")])
def test_a_missing_month_is_noticed(city, severity, verdict) -> None:
    rule = Continuity(field="month", step="month", severity=severity)
    workers = city("civil_affairs.community_workers", guards=Guards(continuity=rule))
    for n, (month, day) in enumerate([("2025-11", 2), ("2026-01", 34)]):
        content = f"行政区划代码,月份,社区工作者人数,持证社工人数\n990101001001,{month},9,1\n"
        workers.deliver(f"{n}.csv", content, day=day)
    first, second = workers.night()
    assert (first.verdict, first.reason_code) == ("accepted", None)
    assert (second.verdict, second.reason_code) == (verdict, "period_missing")
    assert "2025-12" in second.message_zh


def test_a_held_file_comes_in_when_a_person_says_so_and_the_ledger_says_who(city) -> None:
    culture = city("culture.venues")
    culture.deliver("1.csv", venues(40), day=2)
    culture.deliver("2.csv", venues(5), day=3)
    _, held = culture.night()
    assert held.verdict == "held"
    assert culture.night() == []
    approve(culture.data.root, held.receipt, by="王主任", why="二十九馆已撤并", at=datetime(2026, 2, 1))
    assert [i.receipt for i in pending(culture.data, culture.feed)] == [held.receipt]
    (released,) = culture.night()
    assert (released.verdict, released.rows_accepted, released.rows_removed) == ("accepted", 5, 35)
    row = (
        ledger.table(culture.data).filter(pl.col("is_latest") & (pl.col("receipt") == held.receipt)).row(0, named=True)
    )
    assert (row["verdict"], row["released_by"], row["released_why"]) == ("accepted", "王主任", "二十九馆已撤并")
    assert culture.night() == []


def test_a_released_file_counts_from_its_release_and_not_before(city) -> None:
    """Otherwise a replay would judge the files in between by a file that had not been let in when they came."""
    culture = city("culture.venues")
    culture.deliver("1.csv", venues(40), day=2)
    culture.deliver("2.csv", venues(5), day=3)
    culture.deliver("3.csv", venues(41), day=4)
    assert [a.verdict for a in culture.night()] == ["accepted", "held", "accepted"]
    approve(culture.data.root, culture.receipt("2.csv"), by="x", why="", at=datetime(2026, 1, 10))
    assert [a.verdict for a in culture.night()] == ["accepted"]
    culture.deliver("4.csv", venues(6), day=20)
    assert [a.verdict for a in culture.night()] == ["accepted"]
    before = culture.stored()
    culture.forget()
    assert {a.verdict for a in culture.night()} == {"accepted"}
    assert culture.stored() == before


# ── replay ──────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_comes_late_gives_what_it_would_have_given_in_time(city, tmp_path) -> None:
    files = [
        ("a.csv", many("2026-01-01", 4), 2),
        ("b.csv", many("2026-01-01", 6), 3),
        ("c.csv", many("2026-01-02", 2), 4),
    ]
    late = city("sports.openings", guards=NO_GUARDS)
    for name, rows, day in files[1:]:
        late.deliver(name, openings(*rows), day=day)
    late.night()
    late.deliver(files[0][0], openings(*files[0][1]), day=files[0][2])
    assert [a.file_name for a in late.night()] == ["a.csv", "b.csv", "c.csv"]
    in_time = City(tmp_path / "in time", late.feed)
    for name, rows, day in files:
        in_time.deliver(name, openings(*rows), day=day)
        in_time.night()
    assert late.stored() == in_time.stored()
    assert late.rows().height == 8
    assert late.night() == []


def test_files_read_side_by_side_give_what_they_give_one_by_one(city, tmp_path, monkeypatch) -> None:
    told = []
    for name, many_files in (("one_by_one", 1_000), ("side_by_side", 2)):
        monkeypatch.setattr(reading_ahead, "MANY", many_files)
        sports = City(tmp_path / name, changed(load_feeds()["sports.openings"], guards=NO_GUARDS))
        for day in range(1, 8):  # every file repeats a key of the day before; the last is no table
            sports.deliver(
                f"{day}.csv",
                openings(*many(f"2026-01-0{day}", 4), ("TY00000", f"2026-01-0{max(day - 1, 1)}", 1)),
                day + 1,
            )
        sports.deliver("8.csv", "", 9)
        attempts = sports.night()
        told.append(
            [(a.file_name, a.verdict, a.rows_accepted, a.rows_quarantined, a.reasons, a.basis) for a in attempts]
        )
        told.append(sports.stored())
    assert told[:2] == told[2:]
    assert [a[1] for a in told[0]] == ["accepted"] * 7 + ["refused"]
    assert [a[3] for a in told[0][1:7]] == [1] * 6


@pytest.mark.slow
def test_the_archive_alone_gives_the_same_rows_again(tmp_path, monkeypatch) -> None:
    from demo.deliver import make

    monkeypatch.setenv("MINSHENG_PRIVACY_KEY", "a key for tests, 16+")
    feeds = sorted(load_feeds().values(), key=lambda f: f.department != "reference")
    cities = [City(tmp_path / "data", feed) for feed in feeds]
    make(tmp_path / "data" / "inbox", communities=20, days=7, until=TODAY)
    # Night after night, one feed out of step, and one file corrected under its own name.
    events = next(c for c in cities if c.feed.id == "sports.openings")
    for last in (TODAY - timedelta(days=3), TODAY):
        for one in cities:
            take_in(one.data, one.feed, date(2025, 1, 1), last)
    name, text = resent(events)
    events.deliver(name, text, day=60, hour=12)
    assert [a.supersedes is not None for a in events.night()] == [True]
    before = {one.feed.id: one.stored() for one in cities}
    assert sum(map(len, before.values())) > 45
    assert all(before[feed.id] for feed in feeds)
    cities[0].forget()
    for one in cities:
        take_in(one.data, one.feed, date(2025, 1, 1), TODAY)
    assert {one.feed.id: one.stored() for one in cities} == before


def resent(city: City) -> tuple[str, str]:
    """The newest delivery of a feed without its last line."""
    item = landing.archived(city.data, city.feed.id, date.min, date.max)[-1]
    return item.file_name, "\n".join(item.path.read_text(encoding="utf-8").rstrip("\n").split("\n")[:-1]) + "\n"


# ── whose keys ──────────────────────────────────────────────────────────────────────────────────


def contacts(*rows: tuple[str, str]) -> str:
    header = "办件编号,服务次数,事项编码,部门代码,区划代码,办理形式,受理时间,办结时间\n"
    return header + "".join(
        f"{case_no},1,BPS02,health,990101001001,1,2026-01-01 09:00:00,{closed}\n" for case_no, closed in rows
    )


def test_two_senders_number_their_venues_alike_and_both_openings_are_accepted(city) -> None:
    sports = city("sports.openings", guards=NO_GUARDS)
    sports.deliver("a.csv", openings(("001", "2026-01-01", 1)), day=2, sender="east")
    sports.deliver("a.csv", openings(("001", "2026-01-01", 2)), day=3, sender="west")
    sports.deliver("b.csv", openings(("001", "2026-01-01", 9)), day=4, sender="west")
    first, second, third = sports.night()
    assert (first.rows_quarantined, second.rows_quarantined) == (0, 0)
    assert [(r["rule"], r["rows"]) for r in third.reasons] == [("key_already_delivered", 1)]
    assert sorted(sports.rows()["visits"]) == [1, 2]


def test_a_contact_may_be_sent_again_and_who_uses_another_sender_s_number_is_told(city) -> None:
    hall = city("evaluation.contacts", guards=NO_GUARDS)
    hall.deliver("0102.csv", contacts(("1", ""), ("2", "")), day=3, sender="east")
    hall.deliver("0103.csv", contacts(("1", "2026-01-03 10:00:00")), day=4, sender="east")
    hall.deliver("0103.csv", contacts(("1", "2026-01-02 10:00:00"), ("3", "2026-01-02 10:00:00")), day=5, sender="west")
    opened, closed, other = hall.night()
    assert (opened.rows_warned, closed.rows_accepted, closed.rows_warned) == (0, 1, 0)
    assert [(r["rule"], r["severity"], r["rows"]) for r in other.reasons] == [("key_of_another_sender", "warning", 1)]
    assert (other.rows_accepted, other.rows_quarantined, other.rows_warned) == (2, 0, 1)
    withdraw(hall.data.root, hall.receipt("0102.csv"), by="李四", why="报错了部门", at=hall.data.now())
    withdraw(hall.data.root, closed.receipt, by="李四", why="报错了部门", at=hall.data.now())
    hall.night()
    assert hall.rows()["_sender"].to_list() == ["west", "west"]
    assert landing.latest(landing.attempts(hall.data, hall.feed.id))[other.receipt].rows_warned == 0


def test_an_older_file_under_the_name_of_a_newer_one_replaces_no_closing(city) -> None:
    """Whether it keeps the time of the older one, comes with a new one, or a person lets it through late."""
    hall = city("evaluation.contacts")
    closed = "2026-01-03 10:00:00"
    hall.deliver("办件.csv", contacts(("1", closed), ("2", closed), ("3", closed)), day=5)
    hall.night()
    for rows, day in ((("1", ""), ("2", "")), 3), ((("1", ""), ("2", ""), ("3", "")), 7):
        hall.deliver("办件.csv", contacts(*rows), day=day)
        hall.night()
    rows = hall.rows()
    assert rows.height == 8
    assert rows.filter(pl.col("closed_at").is_not_null())["case_no"].sort().to_list() == ["1", "2", "3"]


def test_a_held_file_that_is_let_through_takes_the_place_of_none_that_came_after_it(city) -> None:
    opened = city("sports.openings", guards=Guards(max_rows_ratio=1.5, min_rows=2))
    days = [f"2026-01-0{day}" for day in range(1, 9)]
    opened.deliver("0.csv", openings(*(("001", day, 1) for day in days[:2])), day=10)
    opened.deliver("本月.csv", openings(*(("002", day, 5) for day in days)), day=11)
    _, held = opened.night()
    opened.deliver("本月.csv", openings(*(("002", day, 9) for day in days[:3])), day=12)
    assert [held.verdict, *(a.verdict for a in opened.night())] == ["held", "accepted"]
    approve(opened.data.root, held.receipt, by="x", why="y", at=datetime(2026, 2, 1))
    (released,) = opened.night()
    assert (released.supersedes, released.rows_accepted, released.rows_quarantined) == (None, 5, 3)
    stands = opened.rows().filter(pl.col("venue_id") == "002").sort("opened_on")
    assert stands["visits"].to_list() == [9, 9, 9, 5, 5, 5, 5, 5]
