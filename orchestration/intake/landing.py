"""inbox → archive + receipt: which files have come, kept as they came, and what became of each attempt.

Belongs here: finding deliveries, archiving bytes by content hash, the ledger of receipts. Does not belong here:
what a file says (contracts) and when this runs (feeds, schedules).
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from contracts.door.delivery import Outcome
from contracts.door.privacy import redact_one
from contracts.messages import message
from contracts.model import Feed
from contracts.reading import is_settled
from orchestration.paths import SHANGHAI, DataDirectory

# The sender of a file that lies in the feed's own folder: it spells the feed as the contract does.
DEFAULT_SENDER = "default"
DELIVERY_LIST = "deliveries.csv"
QUIET_SECONDS = 1.0  # how long a file must have been left alone
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".swp")


@dataclass(frozen=True)
class Arrival:
    """A file somebody has put where the house looks. `keep`: it is read in place and stays there."""

    feed: str
    sender: str
    path: Path
    received_at: datetime
    keep: bool = False


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


@dataclass(kw_only=True)
class Attempt(Outcome):
    """A row of the ledger: one attempt to take one file in, failures above all. What the door says of it is its `Outcome`.

    A field added here or there is in the receipt and in the ledger's table; in feed_health once its contract lists it.
    """

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
    contract_version: str | None = None
    layout_version: str | None = None
    basis: str | None = None  # names the deliveries that stood before this one
    released_by: str | None = None  # who let a held file through, and why
    released_why: str | None = None


def shown_name(name: str) -> str:
    """A file's name without the numbers of persons that a department may have put into it."""
    return redact_one(name)[0]


# ── arrivals ────────────────────────────────────────────────────────────────────────────────────


def arrivals(data: DataDirectory, feed: str) -> Iterator[Arrival]:
    """Files for `feed` in the inbox and in the delivery list, oldest first, then by sender and name.

    Symlinks, hidden files, files with the ending of an unfinished upload and files that are still growing are not
    arrivals; the last come the next time somebody looks.
    """
    found = _at_rest(_in_inbox(data, feed)) + list(_listed(data, feed))
    yield from sorted(found, key=lambda a: (a.received_at, a.sender, a.path.name))


def unroutable(data: DataDirectory, feeds: Iterable[str]) -> list[Path]:
    """What lies in the inbox where no feed looks."""
    if not data.inbox.is_dir():
        return []
    known = set(feeds)
    return [
        path
        for path in sorted(data.inbox.iterdir())
        if path.name != DELIVERY_LIST and path.name not in known and not path.name.startswith(".")
    ]


def _in_inbox(data: DataDirectory, feed: str) -> Iterator[Arrival]:
    folder = data.inbox / feed
    if not folder.is_dir() or folder.is_symlink():
        return
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink():
            continue
        paths = sorted(entry.iterdir()) if entry.is_dir() else [entry]
        sender = entry.name if entry.is_dir() else DEFAULT_SENDER
        for path in paths:
            if _finished(path):
                yield Arrival(feed, sender, path, _received_at(data, path))


def _at_rest(found: Iterable[Arrival]) -> list[Arrival]:
    """Without those still being written: what changed a moment ago must be the same a moment later."""
    seen = [(arrival, arrival.path.stat()) for arrival in found]
    if all(is_settled(arrival.path, QUIET_SECONDS) for arrival, _ in seen):
        return [arrival for arrival, _ in seen]
    time.sleep(QUIET_SECONDS)
    return [
        arrival
        for arrival, before in seen
        if arrival.path.is_file()
        and (arrival.path.stat().st_size, arrival.path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    ]


def _finished(path: Path) -> bool:
    name = path.name
    return (
        path.is_file()
        and not path.is_symlink()
        and not name.startswith((".", "~$"))
        and not name.lower().endswith(UNFINISHED)
    )


def _received_at(data: DataDirectory, path: Path) -> datetime:
    """When the last byte came: the file's modification time, never later than now."""
    moment = datetime.fromtimestamp(path.stat().st_mtime, SHANGHAI).replace(tzinfo=None, microsecond=0)
    return min(moment, data.now())


def _listed(data: DataDirectory, feed: str) -> Iterator[Arrival]:
    """`inbox/deliveries.csv` (feed, sender, path, received_on): files that are read where they lie."""
    path = data.inbox / DELIVERY_LIST
    if not path.is_file():
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["feed"] == feed:
                received = datetime.fromisoformat(row["received_on"])  # a day is its midnight
                yield Arrival(feed, row["sender"], Path(row["path"]), received, keep=True)


# ── archive ─────────────────────────────────────────────────────────────────────────────────────


def archive(data: DataDirectory, arrival: Arrival) -> tuple[Archived, bool]:
    """Keeps the bytes; returns them and whether they are new.

    The file leaves the inbox only when its bytes and their label lie safely in the archive. A file that is
    read in place stays.

    Raises:
        FileNotFoundError: the delivery list names a file that is not there.
    """
    data.archive.mkdir(parents=True, exist_ok=True)
    data.archive.chmod(0o700)
    staged = data.archive / f".incoming-{os.getpid()}"
    digest = hashlib.sha256()
    with arrival.path.open("rb") as source, staged.open("wb") as target:
        while block := source.read(1 << 20):
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    sha = digest.hexdigest()
    receipt = receipt_id(arrival.feed, arrival.sender, sha)
    known = next(iter(data.archive.glob(f"{arrival.feed}/*/{receipt}.json")), None)
    if known:
        staged.unlink()
        archived, new = _label(known), False
    else:
        folder = data.archive / arrival.feed / arrival.received_at.date().isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        size = staged.stat().st_size
        archived = Archived(
            receipt, arrival.feed, arrival.sender, arrival.path.name, sha, size, arrival.received_at,
            folder / f"{receipt}.bin",
        )  # fmt: skip
        staged.chmod(0o400)
        staged.replace(archived.path)
        label = {k: v for k, v in asdict(archived).items() if k != "path"}
        _write_json(folder / f"{receipt}.json", label)
        new = True
    if not arrival.keep:
        arrival.path.unlink()
    return archived, new


def receipt_id(feed: str, sender: str, sha256: str) -> str:
    return hashlib.sha256(f"{feed}\n{sender}\n{sha256}".encode()).hexdigest()[:16]


def archived(data: DataDirectory, feed: str, first: date, last: date) -> list[Archived]:
    """What the archive holds of a feed, received between two days, in the order it came."""
    folder = data.archive / feed
    if not folder.is_dir():
        return []
    labels = [
        _label(path)
        for day in folder.iterdir()
        if first.isoformat() <= day.name <= last.isoformat()
        for path in day.glob("*.json")
    ]
    return sorted(labels, key=lambda a: (a.received_at, a.sender, a.file_name, a.receipt))


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
    label = json.loads(path.read_text(encoding="utf-8"))
    label["received_at"] = datetime.fromisoformat(label["received_at"])
    return Archived(**label, path=path.with_suffix(".bin"))


# ── ledger ──────────────────────────────────────────────────────────────────────────────────────


def record(data: DataDirectory, attempt: Attempt) -> Path:
    """Writes one attempt; a receipt's attempts are numbered from 1 and none is ever changed."""
    folder = data.receipts / attempt.feed / attempt.received_on.strftime("%Y-%m")
    folder.mkdir(parents=True, exist_ok=True)
    # The same bytes may come again in another month: the number goes on.
    attempt.attempt = len(list(data.receipts.glob(f"{attempt.feed}/*/{attempt.receipt}.*.json"))) + 1
    path = folder / f"{attempt.receipt}.{attempt.attempt}.json"
    _write_json(path, asdict(attempt))
    return path


def attempts(data: DataDirectory, feed: str | None = None) -> list[Attempt]:
    """The ledger, oldest attempt first."""
    found = []
    for path in data.receipts.glob(f"{feed or '*'}/*/*.json"):
        row = json.loads(path.read_text(encoding="utf-8"))
        row["received_at"] = datetime.fromisoformat(row["received_at"])
        row["attempted_at"] = datetime.fromisoformat(row["attempted_at"])
        row["received_on"] = date.fromisoformat(row["received_on"])
        found.append(Attempt(**row))
    return sorted(found, key=lambda a: (a.attempted_at, a.received_at, a.receipt, a.attempt))


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


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Whole or not there: written beside, then renamed."""
    staged = path.with_suffix(".writing")
    staged.write_text(json.dumps(content, ensure_ascii=False, default=_iso, indent=1) + "\n", encoding="utf-8")
    staged.replace(path)


def _iso(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"no JSON form for {type(value).__name__}")
