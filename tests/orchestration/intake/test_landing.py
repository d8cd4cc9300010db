"""What lies in the inbox becomes bytes in the archive and receipts in the ledger, whatever a sender does."""

from __future__ import annotations

import csv
import dataclasses
import os
import stat
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from contracts.loading import load_feeds
from orchestration.intake import arriving, feeds, landing
from orchestration.intake.arriving import Arrival
from orchestration.intake.landing import Attempt
from orchestration.paths import ZONE, DataDirectory, days

FEED = "health.institutions"
TODAY, FIRST = date(2026, 3, 1), date(2026, 1, 1)
BYTES = "机构代码,机构名称\n990101A001,示范医院\n".encode()


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory(tmp_path / "data")
    directory.set_calendar(TODAY, FIRST)
    return directory


def put(data: DataDirectory, path: str, body: bytes = BYTES, came: datetime = datetime(2026, 2, 3, 2, 10)) -> Path:
    """A file in the inbox whose last byte came at a Shanghai wall time."""
    target = data.inbox / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(body)
    moment = came.replace(tzinfo=ZONE).timestamp()
    os.utime(target, (moment, moment))
    return target


def put_list(data: DataDirectory, *rows: tuple[str, str, str, str]) -> None:
    data.inbox.mkdir(parents=True, exist_ok=True)
    with (data.inbox / arriving.DELIVERY_LIST).open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([("feed", "sender", "path", "received_on"), *rows])


def land(data: DataDirectory) -> list[tuple[landing.Archived, bool]]:
    return [landing.archive(data, arrival) for arrival in arriving.arrivals(data, FEED)]


def attempt(receipt: str = "0" * 16, **facts: object) -> Attempt:
    usual = {
        "receipt": receipt, "feed": FEED, "sender": "default", "file_name": "a.csv", "sha256": "f" * 64, "size_bytes": 1,
        "received_at": datetime(2026, 2, 3, 2, 10), "received_on": date(2026, 2, 3),
        "attempted_at": datetime(2026, 3, 1, 2), "verdict": "accepted",
    }  # fmt: skip
    return Attempt(**(usual | facts))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ── arrivals ────────────────────────────────────────────────────────────────────────────────────


def test_files_arrive_in_the_order_they_came_then_by_sender_and_name(data) -> None:
    early, late = datetime(2026, 2, 1, 2), datetime(2026, 2, 2, 2)
    put(data, f"{FEED}/a.csv", came=late)
    put(data, f"{FEED}/zhen/b.csv", came=early)
    put(data, f"{FEED}/zhen/a.csv", came=early)
    put(data, f"{FEED}/cun/c.csv", came=early)
    put(data, "sports.venues/a.csv", came=early)
    found = [(a.sender, a.path.name, a.received_at) for a in arriving.arrivals(data, FEED)]
    assert found == [
        ("cun", "c.csv", early), ("zhen", "a.csv", early), ("zhen", "b.csv", early), (arriving.DEFAULT_SENDER, "a.csv", late),
    ]  # fmt: skip


def test_a_file_that_is_still_growing_comes_next_time(data, monkeypatch) -> None:
    growing, whole = put(data, f"{FEED}/growing.csv"), put(data, f"{FEED}/whole.csv")
    os.utime(growing)

    def write_on(_seconds: float) -> None:
        growing.write_bytes(BYTES * 2)

    monkeypatch.setattr(arriving.time, "sleep", write_on)
    assert [a.path for a in arriving.arrivals(data, FEED)] == [whole]
    monkeypatch.setattr(arriving.time, "sleep", lambda _seconds: None)
    assert {a.path for a in arriving.arrivals(data, FEED)} == {growing, whole}


@pytest.mark.parametrize(
    "name",
    [".hidden.csv", "~$open.xlsx", "a.csv.tmp", "a.csv.part", "A.CSV.PART", "a.partial", "a.crdownload", "a.filepart",
     ".a.csv.swp", "sender/.hidden.csv", "sender/a.csv.part", "sender/folder/too_deep.csv"],
)  # fmt: skip
def test_an_unfinished_or_hidden_file_has_not_arrived(data, name) -> None:
    put(data, f"{FEED}/{name}")
    put(data, f"{FEED}/finished.csv")
    assert [a.path.name for a in arriving.arrivals(data, FEED)] == ["finished.csv"]


@pytest.mark.parametrize("place", ["file", "sender", "feed"])
def test_a_link_is_never_followed(data, tmp_path, place) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "passwd.csv").write_bytes(BYTES)
    links = {
        "file": (data.inbox / FEED / "a.csv", outside / "passwd.csv"),
        "sender": (data.inbox / FEED / "sender", outside),
        "feed": (data.inbox / FEED, outside),
    }
    link, target = links[place]
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    assert list(arriving.arrivals(data, FEED)) == []
    assert (outside / "passwd.csv").is_file()


def test_a_file_from_the_future_arrives_now(data) -> None:
    put(data, f"{FEED}/a.csv", came=datetime(2027, 1, 1))
    assert [a.received_at for a in arriving.arrivals(data, FEED)] == [data.now()]


def test_the_delivery_list_names_files_that_are_read_where_they_lie(data, tmp_path) -> None:
    source = tmp_path / "source.csv"
    source.write_bytes(BYTES)
    put_list(data, (FEED, "kiang", str(source), "2026-02-02"), ("sports.venues", "kiang", str(source), "2026-02-02"))
    put(data, f"{FEED}/own.csv", came=datetime(2026, 2, 1))
    own, listed = arriving.arrivals(data, FEED)
    assert (own.path.name, own.keep) == ("own.csv", False)
    assert listed == Arrival(FEED, "kiang", source, datetime(2026, 2, 2), keep=True)


def test_what_no_feed_looks_at_is_named(data) -> None:
    put(data, "health.institution/a.csv")
    put(data, "stray.csv")
    put(data, f"{FEED}/a.csv")
    put(data, ".sync/a")
    put_list(data)
    assert [p.name for p in arriving.unroutable(data, load_feeds())] == ["health.institution", "stray.csv"]


# ── archive ─────────────────────────────────────────────────────────────────────────────────────


def test_the_archive_holds_the_bytes_as_they_came_and_nobody_else_may_look(data) -> None:
    put(data, f"{FEED}/sender/机构 表.csv")
    (archived, new), *_ = land(data)
    assert new
    assert archived.path.read_bytes() == BYTES
    assert archived.path.relative_to(data.archive) == Path(FEED) / "2026-02-03" / f"{archived.receipt}.bin"
    assert (mode(data.archive), mode(archived.path)) == (0o700, 0o400)
    assert (archived.file_name, archived.sender, archived.size_bytes) == ("机构 表.csv", "sender", len(BYTES))
    assert landing.archived(data, FEED, FIRST, TODAY) == [archived]
    assert not any(p.is_file() for p in data.inbox.rglob("*"))
    assert not list(data.archive.glob(".incoming*"))


def test_the_same_bytes_again_are_the_same_receipt(data) -> None:
    put(data, f"{FEED}/a.csv")
    (first, _), *_ = land(data)
    put(data, f"{FEED}/renamed.csv", came=datetime(2026, 2, 20))
    (second, new), *_ = land(data)
    assert (second, new) == (first, False)
    assert len(list(data.archive.rglob("*.bin"))) == 1
    assert not any(p.is_file() for p in data.inbox.rglob("*"))


def test_the_same_bytes_of_another_sender_are_another_delivery(data) -> None:
    put(data, f"{FEED}/one/a.csv")
    put(data, f"{FEED}/two/a.csv")
    assert [new for _, new in land(data)] == [True, True]
    assert len({a.receipt for a in landing.archived(data, FEED, FIRST, TODAY)}) == 2


def test_a_file_leaves_the_inbox_only_when_bytes_and_label_are_safe(data, monkeypatch) -> None:
    source = put(data, f"{FEED}/a.csv")
    with monkeypatch.context() as broken:
        broken.setattr(landing, "write_json", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            land(data)
    assert source.read_bytes() == BYTES
    assert landing.archived(data, FEED, FIRST, TODAY) == []
    (archived, new), *_ = land(data)
    assert new
    assert archived.path.read_bytes() == BYTES
    assert not source.exists()


def test_a_file_read_in_place_stays(data, tmp_path) -> None:
    source = tmp_path / "source.csv"
    source.write_bytes(BYTES)
    put_list(data, (FEED, "kiang", str(source), "2026-02-02"))
    assert [new for _, new in land(data) + land(data)] == [True, False]
    assert source.read_bytes() == BYTES


def test_the_archive_is_read_by_days(data) -> None:
    for day in (1, 2, 3):
        put(data, f"{FEED}/{day}.csv", f"机构代码\n{day}\n".encode(), came=datetime(2026, 2, day, 2))
    land(data)
    names = [a.file_name for a in landing.archived(data, FEED, date(2026, 2, 2), date(2026, 2, 3))]
    assert names == ["2.csv", "3.csv"]
    assert landing.archived(data, "sports.venues", FIRST, TODAY) == []


def test_bytes_go_when_retention_ends_and_the_label_stays(data) -> None:
    feed = next(f for f in load_feeds().values() if f.retention_days is not None)
    keep_days = int(feed.retention_days or 0)
    data.set_calendar(TODAY, TODAY - timedelta(days=keep_days + 10))
    for name, age in (("kept.csv", keep_days), ("gone.csv", keep_days + 1)):
        put(
            data,
            f"{feed.id}/{name}",
            name.encode(),
            came=datetime.combine(TODAY - timedelta(days=age), datetime.min.time()),
        )
    for arrival in arriving.arrivals(data, feed.id):
        landing.archive(data, arrival)
    assert [landing.prune(data, feed, TODAY) for _ in range(2)] == [1, 0]
    held = {a.file_name: a.path.is_file() for a in landing.archived(data, feed.id, date.min, TODAY)}
    assert held == {"gone.csv": False, "kept.csv": True}


# ── ledger ──────────────────────────────────────────────────────────────────────────────────────


def test_attempts_are_numbered_and_none_is_changed(data) -> None:
    first = landing.record(data, attempt(verdict="refused", message_zh="空文件"))
    written = first.read_bytes()
    # The same bytes sent again next month are the same receipt: the number goes on.
    again = attempt(verdict="duplicate", received_at=datetime(2026, 3, 1), received_on=TODAY)
    landing.record(data, again)
    landing.record(data, attempt())
    landing.record(data, attempt(receipt="1" * 16))
    ledger = [(a.receipt[0], a.attempt) for a in landing.attempts(data)]
    assert sorted(ledger) == [("0", 1), ("0", 2), ("0", 3), ("1", 1)]
    assert first.read_bytes() == written
    assert landing.attempts(data, "sports.venues") == []


def test_what_is_written_is_what_is_read(data) -> None:
    told = attempt(
        encoding="gb18030", headers_ignored=["备注"], rows_received=3, rows_accepted=2, rows_quarantined=1, seconds=0.25,
        reasons=[{"field": "beds", "rule": "below_minimum", "severity": "error", "rows": 1, "message_zh": "低", "message_en": "low"}],
    )  # fmt: skip
    landing.record(data, told)
    assert landing.attempts(data) == [told]


@pytest.mark.parametrize(
    ("verdicts", "counts"),
    [
        (["accepted"], "accepted"),
        (["accepted", "duplicate"], "accepted"),
        (["refused", "accepted", "duplicate", "duplicate"], "accepted"),
        (["accepted", "refused"], "refused"),
        (["duplicate"], "duplicate"),
        (["held", "accepted"], "accepted"),
    ],
)
def test_the_last_attempt_that_is_no_mere_duplicate_counts(data, verdicts, counts) -> None:
    for verdict in verdicts:
        landing.record(data, attempt(verdict=verdict))
    assert landing.latest(landing.attempts(data))["0" * 16].verdict == counts


def test_a_listed_file_that_is_gone_leaves_a_receipt_each_time_it_is_looked_for(data, tmp_path) -> None:
    put_list(data, (FEED, "kiang", str(tmp_path / "gone.csv"), "2026-02-02"))
    for nth in (1, 2):
        (made,) = feeds.take_in(data, load_feeds()[FEED], FIRST, TODAY)
        assert (made.verdict, made.reason_code, made.attempt) == ("refused", "file_not_there", nth)
        assert "gone.csv" in made.message_zh
        assert "gone.csv" in made.message_en
    assert {a.receipt for a in landing.attempts(data)} == {made.receipt}
    assert landing.archived(data, FEED, FIRST, TODAY) == []


def test_a_file_that_vanishes_while_others_are_taken_in_stops_nobody(data, monkeypatch) -> None:
    gone = put(data, f"{FEED}/a.csv", came=datetime(2026, 2, 1))
    put(data, f"{FEED}/b.csv", came=datetime(2026, 2, 2))
    found = list(arriving.arrivals(data, FEED))
    gone.unlink()
    monkeypatch.setattr(arriving, "arrivals", lambda *_: iter(found))
    made = feeds.take_in(data, load_feeds()[FEED], FIRST, TODAY)
    assert [(a.file_name, a.reason_code == "file_not_there") for a in made] == [("a.csv", True), ("b.csv", False)]


def test_the_receipt_of_a_file_that_did_not_come_says_who_owes_it(data) -> None:
    feed = load_feeds()["evaluation.reviews"]
    last = attempt(feed=feed.id, sender="shifan")
    missing = landing.missing_attempt(data, feed, last, TODAY, 3)
    assert (missing.verdict, missing.sender, missing.received_on, missing.rows_received) == (
        "missing",
        "shifan",
        TODAY,
        0,
    )
    assert "2026-02-03" in missing.message_zh
    assert "2026-02-03" in missing.message_en
    assert "shifan" in missing.message_en
    assert missing.receipt == landing.missing_attempt(data, feed, last, TODAY, 3).receipt
    assert missing.receipt != landing.missing_attempt(data, feed, last, TODAY + timedelta(days=1), 3).receipt


def test_a_sender_is_overdue_by_itself(data, monkeypatch) -> None:
    """Another sender's file excuses nobody; who sends less often, or no longer, says so in the list of senders."""
    feed = load_feeds()["evaluation.reviews"]
    came = [
        attempt(feed=feed.id, sender=sender, received_on=TODAY - timedelta(days=days))
        for sender, days in (("daily", 1), ("silent", 9), ("silent", 4), ("weekly", 8), ("handed_over", 40))
    ]
    row = {"feed": feed.id, "expected_from": "", "expected_to": "", "frequency_days": "", "latency_days": ""}
    stated = [
        row | {"sender": "weekly", "frequency_days": "7"},
        row | {"sender": "handed_over", "expected_to": "2026-01-31"},
        row | {"sender": "daily", "feed": "evaluation.contacts", "expected_to": "2026-01-31"},
    ]
    monkeypatch.setattr(feeds, "seed", lambda name: stated if name == "feed_senders" else ())
    late = feeds.overdue(data, feed, came, TODAY)
    assert [(a.sender, a.verdict) for a in late] == [("silent", "missing")]
    assert "at most 3 days" in late[0].message_en
    assert [a.sender for a in feeds.overdue(data, feed, came, TODAY + timedelta(days=2))] == ["silent", "weekly"]


# ── the calendar ────────────────────────────────────────────────────────────────────────────────


def test_a_demo_s_calendar_stands_still_and_the_environment_may_move_it(data, monkeypatch) -> None:
    assert (data.today(), data.first_day()) == (TODAY, FIRST)
    assert data.now() == datetime(2026, 3, 1, 23, 59, 59)
    monkeypatch.setenv("MINSHENG_TODAY", "2026-03-05")
    monkeypatch.setenv("MINSHENG_FIRST_DAY", "2026-02-01")
    assert (data.today(), data.first_day()) == (date(2026, 3, 5), date(2026, 2, 1))


def test_a_bureau_s_calendar_is_the_wall_s_in_shanghai(tmp_path) -> None:
    data = DataDirectory(tmp_path)
    before, now, after = datetime.now(ZONE), data.now(), datetime.now(ZONE)
    assert before.replace(tzinfo=None, microsecond=0) <= now <= after.replace(tzinfo=None)
    assert now.tzinfo is None
    assert data.first_day() == date(data.today().year - 1, 1, 1)


def test_days_includes_both_ends() -> None:
    assert days(date(2026, 2, 27), TODAY) == [date(2026, 2, 27), date(2026, 2, 28), TODAY]
    assert days(TODAY, FIRST) == []


def test_an_archived_label_says_where_its_bytes_lie(data) -> None:
    put(data, f"{FEED}/a.csv")
    (archived, _), *_ = land(data)
    moved = DataDirectory(data.root.rename(data.root.with_name("moved")))
    (found,) = landing.archived(moved, FEED, FIRST, TODAY)
    assert found == dataclasses.replace(archived, path=moved.archive / archived.path.relative_to(data.archive))
