"""What lies in the inbox and in the delivery list: files that have arrived, and what can never be taken in as it lies there.

Belongs here: looking, whatever a sender, Excel or another program left there. Does not belong here: opening a file,
keeping it (landing), and when this runs.
"""

from __future__ import annotations

import csv
import os
import re
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.door.privacy import redact_one
from contracts.loading import load_feeds
from contracts.messages import Language, message
from contracts.reading import is_settled
from orchestration.intake import roots
from orchestration.paths import ZONE, DataDirectory

# The sender of a file that lies in the feed's own folder: it spells the feed as the contract does.
DEFAULT_SENDER = "default"
DELIVERY_LIST = "deliveries.csv"
QUIET_SECONDS = 1.0  # how long a file must have been left alone
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".swp")


@dataclass(frozen=True)
class Arrival:
    """A file somebody has put where the night looks. `keep`: it is read in place and stays there."""

    feed: str
    sender: str
    path: Path
    received_at: datetime
    keep: bool = False


@dataclass(frozen=True)
class Trouble:
    """Something in the inbox that cannot be taken in as it lies there; a code of contracts.messages, and its facts.

    `feed` is empty where nobody can tell for which feed it was meant.
    """

    feed: str
    sender: str
    name: str
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def sentence(self, lang: Language) -> str:
        return message(self.code, lang, **{"file": shown_name(self.name), **self.facts})


def shown_name(name: str) -> str:
    """A file's name without the numbers of persons that a department may have put into it, and on one line."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", "�", redact_one(name)[0])


def spelt(name: str) -> str:
    """A name of the file system as text; bytes that are not UTF-8 are read as GBK, where that gives one, or shown as \\xNN."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raw = os.fsencode(name)
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError:
            return raw.decode("utf-8", "backslashreplace")
        return text if text.isprintable() else raw.decode("utf-8", "backslashreplace")
    return name


# ── arrivals ────────────────────────────────────────────────────────────────────────────────────


def arrivals(data: DataDirectory, feed: str) -> Iterator[Arrival]:
    """Files for `feed` in the inbox and in the delivery list, oldest first, then by sender and name.

    Hidden files, files with the ending of an unfinished upload and files that are still growing are not arrivals; the
    last come the next time somebody looks. What can never be one (a link, a pipe, a folder in a sender's) is a trouble.
    """
    listed = [a for a in _listed(data) if isinstance(a, Arrival) and a.feed == feed]
    found = _at_rest(a for a in _in_inbox(data, feed) if isinstance(a, Arrival)) + listed
    yield from sorted(found, key=lambda a: (a.received_at, a.sender, spelt(a.path.name)))


def troubles(data: DataDirectory, feed: str) -> list[Trouble]:
    """What lies in the inbox for a feed, or is listed for it, and cannot be taken in."""
    return [t for t in (*_in_inbox(data, feed), *_listed(data)) if isinstance(t, Trouble) and t.feed == feed]


def stray(data: DataDirectory, feeds: Collection[str]) -> list[str]:
    """What lies in the inbox where no feed looks, and lines of the delivery list that name none: a sentence each."""
    said = [
        f"inbox/{shown_name(spelt(path.name))}: no feed is called that; put files into inbox/<feed>/<sender>/"
        for path in unroutable(data, feeds)
    ]
    return said + [
        f"{t.sentence('en')}\n {t.sentence('zh')}" for t in _listed(data) if isinstance(t, Trouble) and t.feed == ""
    ]


def unroutable(data: DataDirectory, feeds: Iterable[str]) -> list[Path]:
    """What lies in the inbox where no feed looks."""
    try:
        entries = sorted(data.inbox.iterdir())
    except OSError:
        return []
    known = set(feeds)
    return [p for p in entries if p.name != DELIVERY_LIST and p.name not in known and not p.name.startswith(".")]


def _in_inbox(data: DataDirectory, feed: str) -> Iterator[Arrival | Trouble]:
    folder = data.inbox / feed
    for path, kind in _entries(folder, feed, DEFAULT_SENDER):
        if isinstance(kind, Trouble):
            yield kind
        elif stat.S_ISDIR(kind.st_mode):
            sender = shown_name(spelt(path.name))
            for inner, inner_kind in _entries(path, feed, sender):
                if isinstance(inner_kind, Trouble):
                    yield inner_kind
                elif stat.S_ISDIR(inner_kind.st_mode):
                    yield Trouble(feed, sender, spelt(inner.name), "folder_in_folder")
                else:
                    yield _found(data, feed, sender, inner, inner_kind)
        else:
            yield _found(data, feed, DEFAULT_SENDER, path, kind)


def _entries(folder: Path, feed: str, sender: str) -> Iterator[tuple[Path, os.stat_result | Trouble]]:
    """What lies in a folder that is not hidden and not still being uploaded, and what it is."""
    if folder.is_symlink():
        yield folder, Trouble(feed, sender, spelt(folder.name), "not_a_file")
        return
    try:
        entries = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        facts = {"problem": error.strerror or type(error).__name__}
        yield folder, Trouble(feed, sender, spelt(folder.name), "folder_not_readable", facts)
        return
    for path in entries:
        if path.name.startswith((".", "~$")) or path.name.lower().endswith(UNFINISHED):
            continue
        try:
            yield path, path.lstat()
        except FileNotFoundError:  # gone meanwhile
            continue
        except OSError as error:
            facts = {"problem": error.strerror or type(error).__name__}
            yield path, Trouble(feed, sender, spelt(path.name), "file_not_there", facts)


def _found(data: DataDirectory, feed: str, sender: str, path: Path, kind: os.stat_result) -> Arrival | Trouble:
    if not stat.S_ISREG(kind.st_mode):
        return Trouble(feed, sender, spelt(path.name), "not_a_file")
    return Arrival(feed, sender, path, _received_at(data, kind))


def _at_rest(found: Iterable[Arrival]) -> list[Arrival]:
    """Without those still being written: what changed a moment ago must be the same a moment later."""
    seen = [(arrival, _state(arrival.path)) for arrival in found]
    if all(is_settled(arrival.path, QUIET_SECONDS) for arrival, _ in seen):
        return [arrival for arrival, _ in seen]
    time.sleep(QUIET_SECONDS)
    return [arrival for arrival, before in seen if before and _state(arrival.path) == before]


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _received_at(data: DataDirectory, kind: os.stat_result) -> datetime:
    """When the last byte came: the file's modification time, never later than now and never before the first day.

    Copying with its times kept, rsync and unzip keep the day a file was made: what is older than the first day counts as
    the oldest there is, so that it takes the place of nothing newer.
    """
    moment = datetime.fromtimestamp(kind.st_mtime, ZONE).replace(tzinfo=None, microsecond=0)
    return min(max(moment, datetime.combine(data.first_day(), datetime.min.time())), data.now())


# ── the delivery list ───────────────────────────────────────────────────────────────────────────

LISTED = ("feed", "sender", "path", "received_on or received_at")


def _listed(data: DataDirectory) -> Iterator[Arrival | Trouble]:
    """`inbox/deliveries.csv` (feed, sender, path, received_on or received_at): files that are read where they lie.

    A line that cannot be used is a trouble with its number; the others count.
    """
    path = data.inbox / DELIVERY_LIST
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            yield Trouble("", DEFAULT_SENDER, DELIVERY_LIST, "not_a_file")
            return
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        yield Trouble("", DEFAULT_SENDER, DELIVERY_LIST, "no_permission")
        return
    lines = [_decoded(line) for line in _unwrapped(raw).splitlines()]
    heading = lines[0] if lines else ""
    delimiter = max(",;\t", key=heading.count)
    columns = [name.strip().lower() for name in heading.split(delimiter)]
    when = next((name for name in ("received_at", "received_on") if name in columns), None)
    if when is None or not {"feed", "path"} <= set(columns):
        facts = {"expected": ", ".join(LISTED), "found": shown_name(spelt(heading))[:100]}
        yield Trouble("", DEFAULT_SENDER, DELIVERY_LIST, "delivery_list_header", facts)
        return
    for number, line in enumerate(lines[1:], start=2):
        if line.strip(f" {delimiter}\r"):
            yield _listed_line(data, number, line, delimiter, columns, when, status.st_uid)


def _listed_line(
    data: DataDirectory, number: int, line: str, delimiter: str, columns: list[str], when: str, listed_by: int
) -> Arrival | Trouble:
    try:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except (csv.Error, StopIteration):
        cells = []
    row = dict(zip(columns, cells, strict=False))
    feed, name = row.get("feed", ""), row.get("path", "")
    sender = shown_name(spelt(row.get("sender", ""))) or DEFAULT_SENDER
    meant = feed if feed in load_feeds() else ""

    def broken(zh: str, en: str) -> Trouble:
        return Trouble(meant, sender, DELIVERY_LIST, "delivery_line", {"line": number, "why_zh": zh, "why_en": en})

    if len(cells) != len(columns) or "\x00" in line:
        return broken(
            f"有 {len(cells)} 格，表头有 {len(columns)} 格", f"{len(cells)} cells under a heading of {len(columns)}"
        )
    if not meant:
        said = shown_name(spelt(feed))[:60]
        return broken(f"没有数据 {said!r}", f"there is no feed {said!r}")
    if not name:
        return broken("没有写文件（path）", "it names no file (path)")
    received = _moment(row[when])
    if received is None:
        said = shown_name(spelt(row[when]))[:40]
        return broken(f"{when} 不是日期：{said!r}", f"{when} is no date: {said!r}")
    if received.date() < data.first_day():
        first = f"{data.first_day()}, MINSHENG_FIRST_DAY"
        return broken(
            f"{when} {row[when]} 早于第一天（{first}）", f"{when} {row[when]} is before the first day ({first})"
        )
    path, said = data.inbox / name, shown_name(spelt(name))
    if is_ours(data, path):
        return broken(f"{said} 在平台自己的目录里", f"{said} lies in the platform's own folders")
    if not roots.allows(data, listed_by, path):
        return broken(
            f"不许从 {said} 取文件（{roots.VARIABLE}）", f"files may not be taken from {said} ({roots.VARIABLE})"
        )
    return Arrival(feed, sender, path, min(received, data.now()), keep=True)


def is_ours(data: DataDirectory, path: Path) -> bool:
    """Whether a path leads into the data directory: its key and its archive are no deliveries. Asks no disk about it."""
    meant, root, inbox = (Path(os.path.normpath(p)) for p in (path, data.root, data.inbox))
    return meant.is_relative_to(root) and not meant.is_relative_to(inbox)


def _unwrapped(raw: bytes) -> bytes:
    """The bytes without a mark in front; UTF-16, as Excel's Unicode text is, as UTF-8."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace").encode()
    return raw.removeprefix(b"\xef\xbb\xbf")


def _decoded(line: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("utf-8", "surrogateescape")


def _moment(text: str) -> datetime | None:
    """A day (its midnight) or a time, as people and Excel write them; with a zone, as it is here."""
    found = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]+(\d{1,2})(:.*))?", text.strip())
    if not found:
        return None
    year, month, day, hour, rest = found.groups()
    spelled = f"{year}-{int(month):02}-{int(day):02}" + (f"T{int(hour):02}{rest}" if hour else "")
    try:
        moment = datetime.fromisoformat(spelled)
    except ValueError:
        return None
    return moment.astimezone(ZONE).replace(tzinfo=None) if moment.tzinfo else moment
