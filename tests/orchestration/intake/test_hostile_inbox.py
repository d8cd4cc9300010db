"""What nobody meant to put into an inbox: each gets its own sentence, nothing else is harmed, and good files come in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from contracts.door.approvals import NotHeld, undo_withdrawal, withdraw
from contracts.door.privacy import KeyRefused
from contracts.loading import load_feeds
from orchestration.intake import arriving, landing
from orchestration.intake.landing import Attempt
from orchestration.intake.taking_in import IntakeContext, pending, pseudonyms_stand, take_in
from orchestration.paths import NEVER_CAME, ZONE, DataDirectory

FEED = load_feeds()["sports.openings"]
FIRST, TODAY = date(2026, 1, 1), date(2026, 3, 1)
PROJECT = Path(__file__).parents[3]


class Log:
    """What a night would say."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, sentence: str) -> None:
        self.said.append(sentence)

    warning = info


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDirectory:
    monkeypatch.setenv("MINSHENG_PRIVACY_KEY", "a key for tests, 16+")
    directory = DataDirectory(tmp_path / "data")
    directory.set_calendar(TODAY, FIRST)
    return directory


def openings(venue: str, visits: int = 10, day: str = "2026-01-01") -> bytes:
    return f"场馆编号,开放日期,接待人次\n{venue},{day},{visits}\n".encode()


def put(data: DataDirectory, path: str | bytes, body: bytes, came: datetime = datetime(2026, 2, 3, 2, 10)) -> bytes:
    target = os.path.join(os.fsencode(data.inbox / FEED.id), os.fsencode(path))  # noqa: PTH118 - names that are no text
    Path(os.fsdecode(target)).parent.mkdir(parents=True, exist_ok=True)
    Path(os.fsdecode(target)).write_bytes(body)
    moment = came.replace(tzinfo=ZONE).timestamp()
    os.utime(target, (moment, moment))
    return target


def night(data: DataDirectory, log: Log | None = None) -> dict[str, Attempt]:
    """File name → what became of it."""
    return {a.file_name: a for a in take_in(data, FEED, FIRST, TODAY, log=log)}


def rows(data: DataDirectory) -> set[str]:
    return set(pl.read_parquet(data.accepted / FEED.id / "*/*.parquet")["venue_id"])


def both(attempt: Attempt) -> str:
    assert attempt.message_zh
    assert attempt.message_en
    return f"{attempt.message_zh} {attempt.message_en}"


# ── names ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("台账.csv".encode("gbk"), "台账.csv"),
        ("臺帳.csv".encode("big5"), None),
        (b"\xff\xfe\x80.csv", "\\xff\\xfe\\x80.csv"),
        (b"line\nbreak\x1b[31m.csv", "line�break�[31m.csv"),
        ("right\u202eto-left.csv".encode(), "right�to-left.csv"),
        ("a" * 250 + ".csv", "a" * 250 + ".csv"),
    ],
)
def test_a_file_of_any_name_is_taken_in_and_shown_as_text(data, name, shown) -> None:
    put(data, b"default/" + os.fsencode(name), openings("TY1"))
    put(data, "default/good.csv", openings("TY2"))
    done = night(data)
    assert {a.verdict for a in done.values()} == {"accepted"}
    assert rows(data) == {"TY1", "TY2"}
    if shown:
        assert set(done) == {shown, "good.csv"}
    for attempt in done.values():
        attempt.file_name.encode()
    assert night(data) == {}


def test_a_sender_s_folder_of_another_encoding_is_the_sender_it_spells(data) -> None:
    put(data, "民政局".encode("gbk") + b"/a.csv", openings("TY1"))
    (attempt,) = night(data).values()
    assert (attempt.verdict, attempt.sender) == ("accepted", "民政局")


def test_a_file_older_than_the_first_day_is_read_and_takes_the_place_of_nothing_newer(data) -> None:
    put(data, "default/old.csv", openings("TY1"), came=datetime(2024, 6, 1))
    (attempt,) = night(data).values()
    assert (attempt.verdict, attempt.received_on) == ("accepted", FIRST)
    assert rows(data) == {"TY1"}


# ── what is no file ─────────────────────────────────────────────────────────────────────────────


def test_what_is_no_file_has_its_own_receipt_and_the_others_come_in(data, tmp_path) -> None:
    put(data, "default/good.csv", openings("TY1"))
    box = data.inbox / FEED.id / "default"
    os.mkfifo(box / "pipe.csv")
    (box / "link.csv").symlink_to(tmp_path / "data" / "privacy.key")
    (box / "folder").mkdir()
    (box / "folder" / "deep.csv").write_bytes(openings("TY9"))
    done = night(data)
    assert {name: (a.verdict, a.reason_code) for name, a in done.items()} == {
        "good.csv": ("accepted", None),
        "pipe.csv": ("refused", "not_a_file"),
        "link.csv": ("refused", "not_a_file"),
        "folder": ("refused", "folder_in_folder"),
    }
    for name, attempt in done.items():
        assert name == "good.csv" or name in both(attempt)
    assert rows(data) == {"TY1"}


# Root may read everything; without its capabilities it may what the modes of its own files say, as anybody else.
AS_ANYBODY = """
import ctypes, sys
from datetime import date
from pathlib import Path
ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
from contracts.loading import load_feeds
from orchestration.intake.taking_in import take_in
from orchestration.paths import NEVER_CAME, DataDirectory
class Log:
    def info(self, said): pass
    def warning(self, said): print("warning", said)
for a in take_in(DataDirectory(Path(sys.argv[1])), load_feeds()["sports.openings"], date(2026, 1, 1), date(2026, 3, 1), log=Log()):
    print(a.file_name, a.verdict, a.reason_code)
"""


def test_what_may_not_be_read_or_moved_is_said_and_nothing_is_refused_that_was_read(data) -> None:
    put(data, "closed/secret.csv", openings("TY1"))
    put(data, "default/secret.csv", openings("TY2"))
    put(data, "default/good.csv", openings("TY3"))
    closed, default = data.inbox / FEED.id / "closed", data.inbox / FEED.id / "default"
    (default / "secret.csv").chmod(0)
    closed.chmod(0)
    default.chmod(0o500)

    def as_anybody() -> list[str]:
        run = subprocess.run(
            [sys.executable, "-c", AS_ANYBODY, str(data.root)], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        assert run.stderr == ""
        return sorted(run.stdout.splitlines())

    warning = (
        "warning good.csv is archived and cannot be taken out of the inbox, which is read-only; let it be written."
        " The file comes in."
    )
    refused = ["closed refused folder_not_readable", "secret.csv refused no_permission"]
    try:
        assert as_anybody() == [refused[0], "good.csv accepted None", refused[1], warning]
        # The next night finds it there again: no duplicate, no refusal.
        assert as_anybody() == [*refused, warning]
    finally:
        closed.chmod(0o700)
        default.chmod(0o700)
    assert rows(data) == {"TY3"}


def test_a_listed_file_that_gives_nothing_is_left_after_a_while(data, tmp_path, monkeypatch) -> None:
    """A pipe behind what looks like a file: reading it waits as for a network that is gone."""
    monkeypatch.setattr(landing, "HANGS_SECONDS", 0.5)
    reader, writer = os.pipe()
    opened, status = os.open, os.fstat
    hangs = tmp_path / "hangs.csv"
    hangs.write_bytes(openings("TY1"))
    monkeypatch.setattr(
        os, "open", lambda path, *rest, **more: os.dup(reader) if path == hangs else opened(path, *rest, **more)
    )
    monkeypatch.setattr(os, "fstat", lambda handle: status(handle) if handle < 3 else hangs.stat())
    (data.inbox).mkdir(parents=True)
    (data.inbox / "deliveries.csv").write_text(
        f"feed,sender,path,received_on\n{FEED.id},a,{hangs},2026-02-01\n", encoding="utf-8"
    )
    put(data, "default/good.csv", openings("TY2"))
    done = night(data)
    os.close(writer)
    assert {name: (a.verdict, a.reason_code) for name, a in done.items()} == {
        "hangs.csv": ("refused", "file_hangs"),
        "good.csv": ("accepted", None),
    }
    assert "0.5" in both(done["hangs.csv"])


# ── the delivery list ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delivery_list_is_read_as_excel_saves_it(data, tmp_path, encoding, delimiter) -> None:
    source = tmp_path / "台账.csv"
    source.write_bytes(openings("TY1"))
    lines = [("feed", "sender", "path", "received_at"), (FEED.id, "体育局", str(source), "2026/2/3 8:05:00")]
    data.inbox.mkdir(parents=True)
    (data.inbox / "deliveries.csv").write_bytes("\r\n".join(delimiter.join(line) for line in lines).encode(encoding))
    (found,) = arriving.arrivals(data, FEED.id)
    assert (found.sender, found.path, found.received_at) == ("体育局", source, datetime(2026, 2, 3, 8, 5))
    assert arriving.troubles(data, FEED.id) == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-02-03", datetime(2026, 2, 3)),
        ("2026/2/3", datetime(2026, 2, 3)),
        ("2026年2月3日", datetime(2026, 2, 3)),
        ("2026-02-03 14:30", datetime(2026, 2, 3, 14, 30)),
        ("2026-02-03T06:30:00Z", datetime(2026, 2, 3, 14, 30)),
        ("2026-02-30", None),
        ("3 February", None),
        ("", None),
    ],
)
def test_a_list_may_say_a_day_or_a_time(text, moment) -> None:
    assert arriving._moment(text) == moment


def test_a_broken_line_is_told_by_its_number_and_the_others_are_read(data, tmp_path) -> None:
    good = tmp_path / "good.csv"
    good.write_bytes(openings("TY1"))
    (data.root / "privacy.key").write_text("0" * 64)
    lines = [
        "feed,sender,path,received_on",
        f"{FEED.id},a,{good},2026-02-30",
        f"{FEED.id},a",
        "",
        f"{FEED.id},a,{data.root / 'privacy.key'},2026-02-01",
        f"{FEED.id},a,{good},2024-02-01",
        "sports.opening,a,x.csv,2026-02-01",
        f"{FEED.id},,{good},2026-02-01",
    ]
    data.inbox.mkdir(parents=True)
    (data.inbox / "deliveries.csv").write_bytes("\n".join(lines).encode("gbk"))
    done = take_in(data, FEED, FIRST, TODAY)
    assert [(a.file_name, a.verdict) for a in done] == [("deliveries.csv", "refused")] * 4 + [("good.csv", "accepted")]
    for attempt, number in zip(done, (2, 3, 5, 6), strict=False):
        assert f"第 {number} 行" in str(attempt.message_zh)
        assert f"Line {number} " in str(attempt.message_en)
    (stray,) = arriving.stray(data, load_feeds())
    assert "Line 7 " in stray
    assert arriving.troubles(data, "health.institutions") == []


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"a,b\n1,2\n", b'"', b"\xff\xff\xff"])
def test_a_list_that_is_none_stops_no_feed(data, content) -> None:
    data.inbox.mkdir(parents=True)
    (data.inbox / "deliveries.csv").write_bytes(content)
    put(data, "default/good.csv", openings("TY1"))
    assert night(data)["good.csv"].verdict == "accepted"
    (stray,) = arriving.stray(data, load_feeds())
    assert "deliveries.csv" in stray


@pytest.mark.parametrize(
    ("list_of", "stated", "names", "read"),
    [
        ("ours", None, "elsewhere/a.csv", True),
        ("ours", "elsewhere", "elsewhere/a.csv", True),
        ("ours", "elsewhere", "other/a.csv", False),
        ("ours", "elsewhere", "elsewhere/link.csv", False),  # leads out
        ("stranger's", None, "elsewhere/a.csv", False),
        ("stranger's", "elsewhere", "elsewhere/a.csv", True),
        ("stranger's", None, "data/inbox/listed.csv", True),
    ],
)
def test_a_list_has_read_what_lies_where_its_writer_may_name_it(
    data, tmp_path, monkeypatch, list_of, stated, names, read
) -> None:
    for name in ("elsewhere/a.csv", "other/a.csv", "data/inbox/listed.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(openings("TY1"))
    (tmp_path / "elsewhere" / "link.csv").symlink_to(tmp_path / "other" / "a.csv")
    monkeypatch.delenv("MINSHENG_DELIVERY_ROOTS", raising=False)
    if stated:
        monkeypatch.setenv("MINSHENG_DELIVERY_ROOTS", str(tmp_path / stated))
    listed = data.inbox / "deliveries.csv"
    listed.write_text(f"feed,sender,path,received_on\n{FEED.id},a,{tmp_path / names},2026-02-01\n", encoding="utf-8")
    if list_of == "stranger's":
        if os.geteuid() != 0:
            pytest.skip("only root can give a file to another user")
        os.chown(listed, 61_001, -1)
    put(data, "default/good.csv", openings("TY2"))
    assert [a.verdict for a in take_in(data, FEED, FIRST, TODAY)].count("accepted") == 1 + read
    assert rows(data) == ({"TY1", "TY2"} if read else {"TY2"})


def test_what_is_no_file_of_a_disk_is_never_read(data) -> None:
    data.inbox.mkdir(parents=True)
    (data.inbox / "deliveries.csv").write_text(
        f"feed,sender,path,received_on\n{FEED.id},a,/proc/self/environ,2026-02-01\n", encoding="utf-8"
    )
    ((name, attempt),) = night(data).items()
    assert (name, attempt.reason_code) == ("deliveries.csv", "delivery_line")


def test_a_sender_named_after_somebody_is_shown_without_the_number(data) -> None:
    put(data, "19900000004周一/a.csv", openings("TY1"))
    (attempt,) = night(data).values()
    assert (attempt.verdict, attempt.sender) == ("accepted", "〔电话〕周一")
    assert set(pl.read_parquet(data.accepted / FEED.id / "*/*.parquet")["_sender"]) == {"〔电话〕周一"}
    assert {i.sender for i in landing.archived(data, FEED.id, FIRST, TODAY)} == {"〔电话〕周一"}
    assert night(data) == {}


# ── what a killed night left ────────────────────────────────────────────────────────────────────


def damage(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("what", ["accepted", "quarantine", "receipts", "archive"])
def test_what_does_not_read_is_made_again_by_name(data, what) -> None:
    put(data, "default/a.csv", openings("TY1") + b"TY2,2026-01-01,-5\n")
    put(data, "default/b.csv", openings("TY3"), came=datetime(2026, 2, 4))
    first = night(data)["a.csv"]
    assert (first.rows_accepted, first.rows_quarantined) == (1, 1)
    (half,) = [
        p
        for p in (getattr(data, what) / FEED.id).glob("*/*")
        if p.name.startswith(first.receipt) and p.suffix != ".bin"
    ]
    damage(half)
    assert what == "archive" or pending(data, FEED)[0].file_name == "a.csv"
    log = Log()
    again = night(data, log)
    assert any(first.receipt in said or "a.csv" in said for said in log.said)
    if what != "archive":
        assert (again["a.csv"].row_checksum, again["a.csv"].rows_quarantined) == (first.row_checksum, 1)
    assert rows(data) == {"TY1", "TY3"}
    assert night(data) == {}
    assert {a.file_name for a in landing.latest(landing.attempts(data, FEED.id)).values()} == {"a.csv", "b.csv"}
    assert {i.file_name for i in landing.archived(data, FEED.id, FIRST, TODAY)} == {"a.csv", "b.csv"}


def test_no_raw_file_is_left_under_another_name(data) -> None:
    put(data, "default/a.csv", openings("TY1"))
    night(data)
    left = data.archive / ".incoming-4711"
    left.write_bytes(openings("TY1"))
    (data.unpacked / "minsheng-abc").mkdir()
    (data.unpacked / "minsheng-abc" / "data").write_bytes(b"raw")
    unfinished = data.accepted / FEED.id / "2026-02-03" / "x.writing"
    unfinished.write_bytes(b"PAR1")
    night(data)
    assert not left.exists()
    assert not unfinished.exists()
    assert list(data.unpacked.iterdir()) == []


def test_rows_that_are_lost_with_their_bytes_are_said_once_and_come_back_with_the_same_file(data) -> None:
    put(data, "default/a.csv", openings("TY1"))
    put(data, "default/b.csv", openings("TY2"), came=datetime(2026, 2, 4))
    first = night(data)["a.csv"]
    damage(next(data.accepted.glob(f"{FEED.id}/*/{first.receipt}.parquet")))
    next(data.archive.glob(f"{FEED.id}/*/{first.receipt}.bin")).unlink()
    lost = night(data)["a.csv"]
    assert (lost.verdict, lost.reason_code) == ("refused", "rows_lost")
    assert rows(data) == {"TY2"}
    assert pending(data, FEED) == []
    assert night(data) == {}
    put(data, "default/a.csv", openings("TY1"))
    assert night(data)["a.csv"].verdict == "accepted"
    assert rows(data) == {"TY1", "TY2"}
    assert night(data) == {}


CUT_SHORT = {"half": lambda b: b[: len(b) // 2], "nothing": lambda b: b"", "garbage": lambda b: bytes(len(b))}


@pytest.mark.parametrize("left", CUT_SHORT)
@pytest.mark.parametrize("is_read_again", [True, False])
def test_bytes_that_the_archive_has_lost_are_not_taken_for_the_sender_s(data, left, is_read_again) -> None:
    """Half of a table is a table, too: whatever has the archive read again, fewer rows would count, and the sender be to blame."""
    put(data, "default/a.csv", openings("TY1") + b"TY2,2026-01-01,5\n")
    first = night(data)["a.csv"]
    (archived,) = data.archive.glob("*/*/*.bin")
    archived.chmod(0o600)
    archived.write_bytes(CUT_SHORT[left](archived.read_bytes()))
    if is_read_again:
        log = Log()
        assert take_in(data, FEED, FIRST, TODAY, replay=True, log=log) == []
        assert any(first.receipt in said for said in log.said)
        assert rows(data) == {"TY1", "TY2"}
    else:
        damage(next(data.accepted.glob(f"{FEED.id}/*/{first.receipt}.parquet")))
        lost = night(data)["a.csv"]
        assert (lost.verdict, lost.reason_code) == ("refused", "rows_lost")
        assert "no fault of the sender" in lost.message_en
        assert list(data.accepted.glob(f"{FEED.id}/*/*.parquet")) == []
    assert night(data) == {}
    put(data, "default/a.csv", openings("TY1") + b"TY2,2026-01-01,5\n")
    assert night(data)["a.csv"].verdict == ("duplicate" if is_read_again else "accepted")
    assert sha256(archived.read_bytes()).hexdigest() == first.sha256
    assert rows(data) == {"TY1", "TY2"}
    assert night(data) == {}


def test_bytes_that_were_lost_before_they_were_read_are_said_and_not_refused_as_the_sender_s(data) -> None:
    put(data, "default/a.csv", openings("TY1") + b"TY2,2026-01-01,5\n")
    (arrival,) = arriving.arrivals(data, FEED.id)
    archived, _ = landing.archive(data, arrival)
    damage(archived.path)
    assert [i.file_name for i in pending(data, FEED)] == ["a.csv"]
    assert night(data)["a.csv"].reason_code == "rows_lost"
    assert pending(data, FEED) == []
    assert night(data) == {}


# ── two at once ─────────────────────────────────────────────────────────────────────────────────

TAKES_IN = """
import sys
from datetime import date
from pathlib import Path
from contracts.loading import load_feeds
from orchestration.intake.taking_in import take_in
from orchestration.paths import NEVER_CAME, DataDirectory
class Log:
    def info(self, said):
        if said.startswith("waiting for"): print(said, flush=True)
    warning = info
print("ready", flush=True)
sys.stdin.readline()
made = take_in(DataDirectory(Path(sys.argv[1])), load_feeds()["sports.openings"], date(2026, 1, 1), date(2026, 3, 1), log=Log())
print(len(made), {a.verdict for a in made}, flush=True)
"""


def test_two_takings_in_at_once_take_every_row_in_once(data) -> None:
    for n in range(12):
        body = openings(f"TY{n}") + b"".join(f"TY{n},2026-01-{d:02},5\n".encode() for d in range(2, 20))
        put(data, f"default/{n}.csv", body)
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKES_IN, str(data.root)], cwd=PROJECT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for taker in takers:
        assert taker.stdout is not None
        assert taker.stdout.readline() == "ready\n"
    for taker in takers:
        assert taker.stdin is not None
        taker.stdin.write("\n")
        taker.stdin.flush()
    said = "".join(taker.communicate()[0] for taker in takers)
    assert all(taker.returncode == 0 for taker in takers)
    assert "12 {'accepted'}" in said
    assert "0 set()" in said
    assert "waiting for process " in said
    assert {a.verdict for a in landing.attempts(data, FEED.id)} == {"accepted"}
    assert len(landing.attempts(data, FEED.id)) == 12
    assert pl.read_parquet(data.accepted / FEED.id / "*/*.parquet").height == 12 * 19


# ── a person's word ─────────────────────────────────────────────────────────────────────────────


def test_a_delivery_is_taken_out_of_what_counts_and_put_back(data) -> None:
    put(data, "default/a.csv", openings("TY1"))
    put(data, "default/a (1).csv", openings("TY2"), came=datetime(2026, 2, 4))
    receipt = night(data)["a.csv"].receipt
    withdraw(data.root, receipt, by="李四", why="报错了月份", at=data.now())
    assert [i.file_name for i in pending(data, FEED)] == ["a.csv"]
    withdrawn = night(data)["a.csv"]
    assert withdrawn.verdict == "withdrawn"
    assert "李四" in both(withdrawn)
    assert "报错了月份" in both(withdrawn)
    assert rows(data) == {"TY2"}
    assert night(data) == {}
    with pytest.raises(NotHeld):
        withdraw(data.root, receipt, by="李四", why="", at=data.now())
    undo_withdrawal(data.root, receipt, by="王五", why="没有错", at=data.now())
    assert night(data)["a.csv"].verdict == "accepted"
    assert rows(data) == {"TY1", "TY2"}
    assert night(data) == {}
    (kept,) = (data.root / "withdrawals" / "undone").glob("*.json")
    assert json.loads(kept.read_text())["by"] == "李四"
    with pytest.raises(NotHeld):
        undo_withdrawal(data.root, receipt, by="王五", why="", at=data.now())


def test_a_withdrawal_outlives_the_bytes(data) -> None:
    put(data, "default/a.csv", openings("TY1"))
    receipt = night(data)["a.csv"].receipt
    next(data.archive.glob(f"{FEED.id}/*/{receipt}.bin")).unlink()
    withdraw(data.root, receipt, by="李四", why="", at=data.now())
    assert night(data)["a.csv"].verdict == "withdrawn"
    undo_withdrawal(data.root, receipt, by="李四", why="", at=data.now())
    assert night(data)["a.csv"].verdict == "accepted"
    assert rows(data) == {"TY1"}
    assert night(data) == {}


def test_a_withdrawn_file_is_judged_and_goes_where_the_ledger_is_made_anew(data) -> None:
    """As when an old release is made again: the file was accepted and then withdrawn, and both stand in the ledger."""
    put(data, "default/a.csv", openings("TY1"))
    put(data, "default/b.csv", openings("TY2"))
    receipt = night(data)["a.csv"].receipt
    withdraw(data.root, receipt, by="李四", why="报错了月份", at=data.now())
    night(data)

    def story() -> list[tuple[Any, ...]]:
        of_receipt = (a for a in landing.attempts(data, FEED.id) if a.receipt == receipt)
        return [(a.attempt, a.verdict, a.reason_code, a.rows_accepted) for a in of_receipt]

    before = story()
    for folder in (data.receipts, data.accepted, data.quarantine):
        shutil.rmtree(folder, ignore_errors=True)
    assert night(data)["a.csv"].verdict == "withdrawn"
    assert rows(data) == {"TY2"}
    assert story() == before
    assert [verdict for _, verdict, _, _ in before] == ["accepted", "withdrawn"]
    assert night(data) == {}


def test_what_a_withdrawn_file_replaced_stands_again(data) -> None:
    put(data, "default/a.csv", openings("TY1", 10))
    night(data)
    put(data, "default/a.csv", openings("TY1", 20), came=datetime(2026, 2, 4))
    receipt = night(data)["a.csv"].receipt
    withdraw(data.root, receipt, by="李四", why="", at=data.now())
    night(data)
    assert pl.read_parquet(data.accepted / FEED.id / "*/*.parquet")["visits"].to_list() == [10]


# ── the order of one second ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("names", [("更正_乙.csv", "更正_甲.csv"), ("更正_甲.csv", "更正_乙.csv")])
def test_files_of_one_second_count_by_name_whenever_they_came_and_the_rows_say_so(data, together, names) -> None:
    bodies = {"更正_乙.csv": openings("TY1", 1), "更正_甲.csv": openings("TY2", 5)}
    for name in names:
        put(data, f"default/{name}", bodies[name])
        if not together:
            night(data)
    night(data)
    stored = pl.read_parquet(data.accepted / FEED.id / "*/*.parquet").sort("_received_at")
    assert stored["venue_id"].to_list() == ["TY1", "TY2"]
    assert stored["_received_at"].n_unique() == 2
    assert {a.received_at for a in landing.attempts(data, FEED.id)} == {datetime(2026, 2, 3, 2, 10)}
    assert night(data) == {}


# ── the key ─────────────────────────────────────────────────────────────────────────────────────


def test_a_key_that_is_gone_while_its_pseudonyms_stand_stops_the_night(data, monkeypatch) -> None:
    monkeypatch.delenv("MINSHENG_PRIVACY_KEY")
    reviews = load_feeds()["evaluation.reviews"]
    context = IntakeContext(data, reviews)
    assert f"scrypt:{context.key.secret}" == (data.root / "privacy.key").read_text().strip()
    empty = pl.DataFrame(schema=pl.read_parquet_schema(_typed(data)))
    row = empty.clear(n=1).with_columns(reviewer_key=pl.lit("abc:def"))
    place = data.accepted / reviews.id / "2026-02-03" / f"{'0' * 16}.parquet"
    place.parent.mkdir(parents=True, exist_ok=True)
    row.write_parquet(place)
    assert pseudonyms_stand(data)
    assert IntakeContext(data, reviews).key == context.key
    (data.root / "privacy.key").unlink()
    with pytest.raises(KeyRefused, match=r"privacy\.key 不见了.*privacy\.key is gone"):
        _ = IntakeContext(data, reviews).key
    assert not (data.root / "privacy.key").exists()


def _typed(data: DataDirectory) -> Path:
    from orchestration.intake.taking_in import ensure_typed

    ensure_typed(data, load_feeds()["evaluation.reviews"])
    return data.accepted / "evaluation.reviews" / NEVER_CAME


READS_AHEAD = """
import sys, time
from orchestration.intake import reading_ahead
if __name__ == "__main__":
    processes = reading_ahead._processes()
    for _ in range(2): processes.submit(time.sleep, 600)
    while len(processes._processes) < 1: time.sleep(0.1)
    print(*processes._processes, flush=True)
    time.sleep(600)
"""


def test_processes_that_read_ahead_end_with_their_parent(tmp_path) -> None:
    script = tmp_path / "reads_ahead.py"
    script.write_text(READS_AHEAD, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        workers = [Path("/proc") / pid for pid in parent.stdout.readline().split()]
        assert workers
        parent.kill()
    until = time.monotonic() + 30
    while (
        any(w.exists() and "Z" not in (w / "stat").read_text().split()[2] for w in workers) and time.monotonic() < until
    ):
        time.sleep(0.2)
    assert not any(w.exists() and "Z" not in (w / "stat").read_text().split()[2] for w in workers)
