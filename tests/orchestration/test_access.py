"""Other accounts of the machine: one that may only write the inbox, one that may only read what is published, and any other."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from contracts.door.privacy import load_key
from contracts.loading import load_feeds
from orchestration import access
from orchestration.intake.taking_in import take_in
from orchestration.paths import DataDirectory
from orchestration.release import worklists

FEED = load_feeds()["sports.openings"]
ANYBODY, SENDER, SENDERS, READERS = 61_001, 61_002, 61_100, 61_101  # users, groups: none of them needs to exist

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_user(uid: int, gid: int, code: str, *arguments: object, first: str = "") -> str:
    """What a user prints who runs this; an error is printed by its name. `first`: before it becomes that user, who may not read packages."""
    program = (
        f"import os, sys\n{first}\nos.setgroups([]); os.setgid({gid}); os.setuid({uid}); os.umask(0o022)\n"
        f"try:\n"
        + "".join(f"    {line}\n" for line in code.splitlines())
        + "except OSError as e: print(type(e).__name__)\n"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert run.stderr == ""
    return run.stdout.strip()


@pytest.fixture
def data() -> Iterator[DataDirectory]:
    """A data directory with something in every folder, made by a careless process (umask 0)."""
    with tempfile.TemporaryDirectory() as folder:  # pytest closes its own folders to other accounts
        Path(folder).chmod(0o711)
        yield from made_carelessly(Path(folder))


def made_carelessly(tmp_path: Path) -> Iterator[DataDirectory]:
    usual = os.umask(0)
    try:
        data = DataDirectory(tmp_path / "data")
        for folder in ("archive", "accepted", "receipts", "quarantine", "warehouse", "derived", "disclosed", "dagster"):
            (data.root / folder / "deep").mkdir(parents=True)
            (data.root / folder / "deep" / "rows").write_text("a row")
        (data.root / "calendar.json").write_text('{"today": "2026-03-01", "first_day": "2026-01-01"}')
        current = data.published / "releases" / "2026-03-01.1"
        (current / worklists.FOLDER).mkdir(parents=True)
        (current / worklists.FOLDER / "health.xlsx").write_text("cases")
        for place in (current, current / "public"):
            place.mkdir(exist_ok=True)
            duckdb.connect(str(place / "minsheng.duckdb")).execute("create table t as select 1 as a").close()
        (data.published / "current").symlink_to("releases/2026-03-01.1")
    finally:
        os.umask(usual)
    load_key(data.root, environ={})
    yield data
    os.umask(usual)


def closed(data: DataDirectory) -> None:
    usual = os.umask(0)
    access.close(data)
    access.show(data.published)
    os.umask(usual)


def test_nothing_but_what_is_published_is_open_to_others_whatever_the_umask(data) -> None:
    closed(data)
    open_to_others = {p.name for p in data.root.iterdir() if stat.S_IMODE(p.lstat().st_mode) & 0o077}
    assert open_to_others == {"published"}
    assert stat.S_IMODE(data.root.stat().st_mode) == 0o711
    assert stat.S_IMODE((data.root / "privacy.key").stat().st_mode) == 0o600
    assert access.WORKLISTS == worklists.FOLDER


def test_the_processes_of_the_platform_write_for_their_owner_alone(data) -> None:
    access.close(data)
    (data.root / "accepted" / "new").mkdir()
    (data.root / "accepted" / "new" / "rows").write_text("a row")
    assert stat.S_IMODE((data.root / "accepted" / "new" / "rows").stat().st_mode) == 0o600


READ_EVERYTHING = """
found = []
for folder, folders, files in os.walk(sys.argv[1]):
    for file in files:
        try: open(os.path.join(folder, file)).close(); found.append(file)
        except OSError: pass
for name in sys.argv[2:]:
    try: open(os.path.join(sys.argv[1], name)).close(); found.append(name)
    except OSError: pass
print(*sorted(found))
"""


@needs_root
def test_any_other_account_reads_what_is_published_and_nothing_else(data) -> None:
    names = [str(p.relative_to(data.root)) for p in data.root.rglob("*") if p.is_file()]
    assert (
        as_user(ANYBODY, ANYBODY, READ_EVERYTHING, data.root, *names).count("rows") >= 8
    )  # before, or nothing is proved
    closed(data)
    assert as_user(ANYBODY, ANYBODY, READ_EVERYTHING, data.root, *names) == " ".join(
        sorted(n for n in names if n.endswith("public/minsheng.duckdb"))
    )


@needs_root
@pytest.mark.parametrize(("folder", "group"), [("current", READERS), ("current/public", ANYBODY)])
def test_who_only_reads_can_query_it(data, folder: str, group: int) -> None:
    """The bureau's edition as a member of the folder's group, what may leave as anybody."""
    for path in [data.published, *data.published.rglob("*")]:
        os.chown(path, -1, READERS, follow_symlinks=False)
    closed(data)
    database = data.published / folder / "minsheng.duckdb"
    load = f"sys.path.insert(0, {str(Path(duckdb.__file__).parent.parent)!r}); import duckdb; duckdb.sql('select 1').fetchall()"
    query = "print(duckdb.connect(sys.argv[1], read_only=True).sql('from t').fetchall())"
    assert as_user(ANYBODY, group, query, database, first=load) == "[(1,)]"
    assert as_user(ANYBODY, group, "open(sys.argv[1], 'ab')", database) == "PermissionError"
    assert as_user(ANYBODY, group, "os.remove(sys.argv[1])", database) == "PermissionError"


@needs_root
def test_who_only_writes_the_inbox_delivers_and_sees_nothing(data, monkeypatch) -> None:
    """As docs/privacy.md says: a group of its own, chgrp to it of the three folders on the way, chmod 2710, 2710, 2730."""
    monkeypatch.setenv("MINSHENG_PRIVACY_KEY", "a key for tests, 16+")
    box = data.inbox / FEED.id / "tiyuju"
    box.mkdir(parents=True)
    for folder, mode in ((data.inbox, 0o2710), (box.parent, 0o2710), (box, 0o2730)):
        os.chown(folder, -1, SENDERS)
        folder.chmod(mode)
    closed(data)
    assert stat.S_IMODE(data.inbox.stat().st_mode) & 0o777 == 0o710
    deliver = "open(sys.argv[1], 'w').write('场馆编号,开放日期,接待人次\\nTY1,2026-01-01,5\\n'); print('there')"
    assert as_user(SENDER, SENDERS, deliver, box / "a.csv") == "there"
    assert as_user(ANYBODY, ANYBODY, deliver, box / "b.csv") == "PermissionError"
    names = [str(p.relative_to(data.root)) for p in data.root.rglob("*") if p.is_file() and not p.is_relative_to(box)]
    assert as_user(SENDER, SENDERS, READ_EVERYTHING, data.root, *names) == " ".join(
        sorted(n for n in names if n.endswith("public/minsheng.duckdb"))
    )
    for folder in (data.inbox, box, data.root):
        assert as_user(SENDER, SENDERS, "print(os.listdir(sys.argv[1]))", folder) == "PermissionError"
    (attempt,) = take_in(data, FEED, date(2026, 1, 1), date(2027, 1, 1))
    assert (attempt.verdict, attempt.sender, attempt.rows_accepted) == ("accepted", "tiyuju", 1)
    assert not (box / "a.csv").exists()
