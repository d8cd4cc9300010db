"""inbox → archive + receipt: which files have come, kept as they came, and what became of each attempt.

Belongs here: finding deliveries, archiving bytes by content hash, the ledger of receipts. Does not belong here:
what a file says (contracts) and when this runs (feeds, schedules).
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from contracts.door.privacy import redact_one
from contracts.loading import load_feeds, load_layouts
from contracts.messages import Language, message
from contracts.model import Feed
from contracts.reading import is_settled
from contracts.whole_files import BESIDE, NotReadable, put, read_json, remove_unfinished, write_json
from orchestration.holding import alone, this_command
from orchestration.paths import SHANGHAI, DataDirectory

# The sender of a file that lies in the feed's own folder: it spells the feed as the contract does.
DEFAULT_SENDER = "default"
DELIVERY_LIST = "deliveries.csv"
QUIET_SECONDS = 1.0  # how long a file must have been left alone
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".swp")
HANGS_SECONDS = 60.0  # how long a listed file may give nothing: it may lie on a network that is gone
INCOMING = ".incoming"  # how bytes are called on their way into the archive
DAMAGED = ".damaged"  # what does not read is kept under its name and this


@dataclass(frozen=True)
class Arrival:
    """A file somebody has put where the house looks. `keep`: it is read in place and stays there."""

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


class NotArrived(OSError):
    """An arrival whose bytes cannot be had; `code` is one of contracts.messages."""

    def __init__(self, code: str, problem: str = "") -> None:
        super().__init__(problem or code)
        self.code, self.problem = code, problem


@dataclass(frozen=True)
class Archived:
    """Bytes in the archive. `receipt` is the same for the same bytes of the same sender to the same feed."""

    receipt: str
    feed: str
    sender: str
    file_name: str
    sha256: str
    size_bytes: int
    received_at: datetime
    path: Path

    @property
    def received_on(self) -> date:
        return self.received_at.date()

    @property
    def shown_name(self) -> str:
        """The file's name as it may stand outside the archive."""
        return shown_name(self.file_name)


@dataclass
class Attempt:
    """A row of the ledger: one attempt to take one file in, failures above all."""

    receipt: str
    feed: str
    sender: str
    file_name: str
    sha256: str | None
    size_bytes: int | None
    received_at: datetime
    received_on: date
    attempted_at: datetime
    verdict: str  # accepted, held, refused, duplicate, missing
    attempt: int = 0
    reason_code: str | None = None
    message_zh: str | None = None
    message_en: str | None = None
    format: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    headers_ignored: list[str] = field(default_factory=list)
    rows_received: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    rows_warned: int = 0
    rows_out_of_scope: int = 0
    rows_added: int | None = None
    rows_changed: int | None = None
    rows_removed: int | None = None
    supersedes: str | None = None
    row_checksum: str | None = None
    reasons: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    contract_version: str | None = None
    layout_version: str | None = None
    basis: str | None = None  # names the deliveries that stood before this one
    released_by: str | None = None  # who let a held file through, and why
    released_why: str | None = None


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


def only_taker(data: DataDirectory, tell: Callable[[str], None] | None = None) -> AbstractContextManager[None]:
    """Who takes files in holds this, a second one waits: two at once would judge each other's half-written files."""
    return alone(data.root / ".taker", this_command(), tell)


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
            sender = spelt(path.name)
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
    moment = datetime.fromtimestamp(kind.st_mtime, SHANGHAI).replace(tzinfo=None, microsecond=0)
    return min(max(moment, datetime.combine(data.first_day(), datetime.min.time())), data.now())


# ── the delivery list ───────────────────────────────────────────────────────────────────────────

LISTED = ("feed", "sender", "path", "received_on or received_at")


def _listed(data: DataDirectory) -> Iterator[Arrival | Trouble]:
    """`inbox/deliveries.csv` (feed, sender, path, received_on or received_at): files that are read where they lie.

    A line that cannot be used is a trouble with its number; the others count.
    """
    path = data.inbox / DELIVERY_LIST
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
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
        facts = {"expected": ", ".join(LISTED), "found": heading[:100]}
        yield Trouble("", DEFAULT_SENDER, DELIVERY_LIST, "delivery_list_header", facts)
        return
    for number, line in enumerate(lines[1:], start=2):
        if line.strip(f" {delimiter}\r"):
            yield _listed_line(data, number, line, delimiter, columns, when)


def _listed_line(
    data: DataDirectory, number: int, line: str, delimiter: str, columns: list[str], when: str
) -> Arrival | Trouble:
    try:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except (csv.Error, StopIteration):
        cells = []
    row = dict(zip(columns, cells, strict=False))
    feed, sender, name = row.get("feed", ""), row.get("sender") or DEFAULT_SENDER, row.get("path", "")
    meant = feed if feed in load_feeds() else ""

    def broken(what: str) -> Trouble:
        return Trouble(meant, sender, DELIVERY_LIST, "delivery_line", {"line": number, "detail": what})

    if len(cells) != len(columns) or "\x00" in line:
        return broken(f"{len(cells)} ≠ {len(columns)} cells")
    if not meant:
        return broken(f"feed {feed[:60]!r}")
    if not name:
        return broken("path —")
    received = _moment(row[when])
    if received is None:
        return broken(f"{when} {row[when][:40]!r}")
    if received.date() < data.first_day():
        return broken(f"{when} {row[when]} < {data.first_day()} (MINSHENG_FIRST_DAY)")
    path = data.inbox / name
    if _is_ours(data, path):
        return broken(f"path {shown_name(spelt(name))}")
    return Arrival(feed, sender, path, min(received, data.now()), keep=True)


def _is_ours(data: DataDirectory, path: Path) -> bool:
    """Whether a path leads into the house's own folders: its key and its archive are no deliveries. Asks no disk about it."""
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
    """A day (its midnight) or a time, as people and Excel write them; with a zone, as it is in Shanghai."""
    found = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]+(\d{1,2})(:.*))?", text.strip())
    if not found:
        return None
    year, month, day, hour, rest = found.groups()
    spelled = f"{year}-{int(month):02}-{int(day):02}" + (f"T{int(hour):02}{rest}" if hour else "")
    try:
        moment = datetime.fromisoformat(spelled)
    except ValueError:
        return None
    return moment.astimezone(SHANGHAI).replace(tzinfo=None) if moment.tzinfo else moment


# ── archive ─────────────────────────────────────────────────────────────────────────────────────


def archive(data: DataDirectory, arrival: Arrival) -> tuple[Archived, bool]:
    """Keeps the bytes; returns them and whether they are new.

    The file leaves the inbox only when its bytes and their label lie safely in the archive. A file that is
    read in place stays, and so does one that may not be taken away.

    Raises:
        NotArrived: the file is not there, may not be read, is a link, a pipe or a device, or gives nothing.
    """
    data.archive.mkdir(parents=True, exist_ok=True)
    data.archive.chmod(0o700)
    staged = data.archive / f"{INCOMING}-{os.getpid()}-{time.monotonic_ns()}"
    try:
        sha = _copied(data, arrival, staged)
        sender, name = spelt(arrival.sender), spelt(arrival.path.name)
        receipt = receipt_id(arrival.feed, sender, sha)
        known = _known(data, arrival.feed, receipt)
        if known:
            archived, new = known, False
        else:
            folder = data.archive / arrival.feed / arrival.received_at.date().isoformat()
            folder.mkdir(parents=True, exist_ok=True)
            size = staged.stat().st_size
            archived = Archived(
                receipt, arrival.feed, sender, name, sha, size, arrival.received_at, folder / f"{receipt}.bin"
            )
            staged.chmod(0o400)
            put(staged, archived.path)
            _write_label(archived)
            new = True
    finally:
        staged.unlink(missing_ok=True)
    if not arrival.keep:
        with suppress(
            OSError
        ):  # a folder that only lets itself be read: whoever lands sees that the file is still there
            arrival.path.unlink()
    return archived, new


def _known(data: DataDirectory, feed: str, receipt: str) -> Archived | None:
    for path in data.archive.glob(f"{feed}/*/{receipt}.json"):
        try:
            return _label(path)
        except NotReadable:
            continue
    return None


def _write_label(archived: Archived) -> None:
    write_json(archived.path.with_suffix(".json"), {k: v for k, v in asdict(archived).items() if k != "path"})


def _copied(data: DataDirectory, arrival: Arrival, staged: Path) -> str:
    """Copies the bytes and returns their hash. A listed file is copied aside, so that one that hangs can be left."""
    if not arrival.keep:
        return _copy(arrival.path, staged, _Progress())
    progress = _Progress()
    result: dict[str, Any] = {}

    def work() -> None:
        try:
            if _is_ours(DataDirectory(data.root.resolve()), arrival.path.resolve()):  # by way of a link
                raise NotArrived("not_a_file")
            result["sha"] = _copy(arrival.path, staged, progress)
        except BaseException as error:
            result["error"] = error

    aside = threading.Thread(target=work, daemon=True)
    aside.start()
    while aside.is_alive():
        aside.join(timeout=0.2 if HANGS_SECONDS > 1 else HANGS_SECONDS / 5)
        if aside.is_alive() and time.monotonic() - progress.at > HANGS_SECONDS:
            progress.left = True
            raise NotArrived("file_hangs", f"{HANGS_SECONDS:g}")
    if "error" in result:
        raise result["error"]
    return str(result["sha"])


@dataclass
class _Progress:
    at: float = field(default_factory=time.monotonic)
    left: bool = False  # nobody waits for it any more


def _copy(path: Path, staged: Path, progress: _Progress) -> str:
    """The SHA-256 of what was copied. What is opened is a plain file, whatever took its place meanwhile."""
    digest = hashlib.sha256()
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        raise _not_arrived(error, path) from None
    with os.fdopen(handle, "rb") as source:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NotArrived("not_a_file")
        with staged.open("wb") as target:
            while True:
                try:
                    block = source.read(1 << 20)
                except OSError as error:
                    raise _not_arrived(error, path) from None
                if progress.left:
                    staged.unlink(missing_ok=True)
                if not block or progress.left:
                    break
                progress.at = time.monotonic()
                digest.update(block)
                target.write(block)
    return digest.hexdigest()


def _not_arrived(error: OSError, path: Path) -> NotArrived:
    if isinstance(error, PermissionError):
        return NotArrived("no_permission")
    if path.is_symlink():
        return NotArrived("not_a_file")
    return NotArrived("file_not_there", error.strerror or type(error).__name__)


def receipt_id(feed: str, sender: str, sha256: str) -> str:
    return hashlib.sha256(f"{feed}\n{sender}\n{sha256}".encode()).hexdigest()[:16]


def archived(data: DataDirectory, feed: str, first: date, last: date) -> list[Archived]:
    """What the archive holds of a feed, received between two days, in the order it came."""
    folder = data.archive / feed
    if not folder.is_dir():
        return []
    labels = []
    for day in folder.iterdir():
        if first.isoformat() <= day.name <= last.isoformat():
            for path in day.glob("*.json"):
                try:
                    labels.append(_label(path))
                except NotReadable:
                    continue  # who takes in makes it again (mend), or says so
    return sorted(labels, key=lambda a: (a.received_at, a.sender, a.file_name, a.receipt))


def mend(data: DataDirectory, feed: Feed) -> list[str]:
    """Puts in order what a process that died or a failing disk left of a feed; a sentence for each thing that was mended.

    Only for who holds `only_taker`. Unfinished files go; a receipt that does not read is set aside, so that its file
    is taken in again; a label that does not read is made again from the ledger, or from the bytes.
    """
    for path in data.archive.glob(f"{INCOMING}*"):
        path.unlink(missing_ok=True)
    for folder in (data.accepted, data.superseded, data.quarantine):
        remove_unfinished(folder / feed.id, endings=(BESIDE, ".kept", ".longer"))
    for folder in (data.receipts, data.archive):
        remove_unfinished(folder / feed.id)
    said = []
    for path in data.receipts.glob(f"{feed.id}/*/*.json"):
        if _receipt(path) is None:
            path.replace(path.with_name(path.name + DAMAGED))
            said.append(f"receipt {path.name} of {feed.id} does not read (cut short or damaged): it is made again")
    for path in data.archive.glob(f"{feed.id}/*/*.bin"):
        label = path.with_suffix(".json")
        try:
            _label(label)
        except (NotReadable, FileNotFoundError):
            said.append(_label_again(data, feed, path))
    return said


def _label_again(data: DataDirectory, feed: Feed, path: Path) -> str:
    """Writes the label of archived bytes anew, as far as the ledger, or else the bytes themselves, tell."""
    receipt, day = path.stem, date.fromisoformat(path.parent.name)
    what = f"the label of {feed.id}/{day}/{receipt}.bin in the archive does not read"
    known = [a for a in attempts(data, feed.id) if a.receipt == receipt and a.sha256 and a.verdict != "duplicate"]
    if known:
        a = known[-1]
        archived = Archived(
            receipt, a.feed, a.sender, a.file_name, str(a.sha256), path.stat().st_size, a.received_at, path
        )
    else:
        sha = hashlib.sha256(path.read_bytes()).hexdigest()
        senders = {
            DEFAULT_SENDER,
            *(a.sender for a in attempts(data, feed.id)),
            *(s for f, s in load_layouts() if f == feed.id),
        }
        sender = next((s for s in sorted(senders) if receipt_id(feed.id, s, sha) == receipt), None)
        if sender is None:
            return (
                f"{what}, and nothing else tells whose it was: the bytes stay there; put the file into the inbox again"
            )
        midnight = datetime.combine(day, datetime.min.time())
        archived = Archived(receipt, feed.id, sender, f"{receipt}.bin", sha, path.stat().st_size, midnight, path)
    _write_label(archived)
    return f"{what}: made again"


def prune(data: DataDirectory, feed: Feed, today: date) -> int:
    """Removes bytes older than the contract's retention; labels and receipts stay. Returns how many files went."""
    if feed.retention_days is None:
        return 0
    old = [a for a in archived(data, feed.id, date.min, today) if (today - a.received_on).days > feed.retention_days]
    gone = 0
    for item in old:
        if item.path.is_file():
            item.path.unlink()
            gone += 1
    return gone


def _label(path: Path) -> Archived:
    try:
        label = read_json(path)
        label["received_at"] = datetime.fromisoformat(label["received_at"])
        return Archived(**label, path=path.with_suffix(".bin"))
    except (TypeError, KeyError, ValueError):
        raise NotReadable(path) from None


# ── ledger ──────────────────────────────────────────────────────────────────────────────────────


def record(data: DataDirectory, attempt: Attempt) -> Path:
    """Writes one attempt; a receipt's attempts are numbered from 1 and none is ever changed."""
    folder = data.receipts / attempt.feed / attempt.received_on.strftime("%Y-%m")
    folder.mkdir(parents=True, exist_ok=True)
    # The same bytes may come again in another month: the number goes on.
    earlier = data.receipts.glob(f"{attempt.feed}/*/{attempt.receipt}.*.json*")
    attempt.attempt = max((int(p.name.split(".")[1]) for p in earlier), default=0) + 1
    path = folder / f"{attempt.receipt}.{attempt.attempt}.json"
    write_json(path, asdict(attempt))
    return path


def attempts(data: DataDirectory, feed: str | None = None) -> list[Attempt]:
    """The ledger, oldest attempt first."""
    found = [a for path in data.receipts.glob(f"{feed or '*'}/*/*.json") if (a := _receipt(path))]
    return sorted(found, key=lambda a: (a.attempted_at, a.received_at, a.receipt, a.attempt))


def _receipt(path: Path) -> Attempt | None:
    """What a receipt says; None where it does not read."""
    try:
        row = read_json(path)
        row["received_at"] = datetime.fromisoformat(row["received_at"])
        row["attempted_at"] = datetime.fromisoformat(row["attempted_at"])
        row["received_on"] = date.fromisoformat(row["received_on"])
        return Attempt(**row)
    except (NotReadable, KeyError, TypeError, ValueError, FileNotFoundError):
        return None


def latest(rows: Iterable[Attempt]) -> Mapping[str, Attempt]:
    """The attempt that counts for each receipt: the last one that was not a mere duplicate."""
    outcome: dict[str, Attempt] = {}
    for row in rows:
        if row.verdict != "duplicate" or row.receipt not in outcome:
            outcome[row.receipt] = row
    return outcome


def missing_attempt(data: DataDirectory, feed: Feed, last: Attempt | None, on: date) -> Attempt:
    """The receipt of a file that did not come."""
    facts = {
        "feed": feed.label_zh,
        "feed_en": feed.label_en,
        "owner": feed.owner,
        "last": last.received_on.isoformat() if last else "—",
        "days": f"{feed.days_between:g}",
    }
    return Attempt(
        receipt=hashlib.sha256(f"missing\n{feed.id}\n{on}".encode()).hexdigest()[:16],
        feed=feed.id, sender=last.sender if last else DEFAULT_SENDER, file_name="", sha256=None, size_bytes=None,
        received_at=datetime.combine(on, datetime.min.time()), received_on=on, attempted_at=data.now(),
        verdict="missing", reason_code="no_delivery",
        message_zh=message("no_delivery", "zh", **facts), message_en=message("no_delivery", "en", **facts),
        contract_version=feed.version,
    )  # fmt: skip
