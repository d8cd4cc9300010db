"""inbox → archive + receipt: which files have come, kept as they came, and what became of each attempt.

Belongs here: archiving bytes by content hash, the ledger of receipts, and updating both. Does not belong here: what has
arrived (arriving), what a file says (contracts) and when this runs (feeds, schedules).
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from contracts.door.delivery import Outcome
from contracts.loading import load_layouts
from contracts.messages import message
from contracts.model import Feed
from contracts.whole_files import BESIDE, NotReadable, put, read_json, remove_unfinished, sha256_of, write_json
from orchestration.holding import alone, this_command
from orchestration.intake import roots
from orchestration.intake.arriving import DEFAULT_SENDER, DELIVERY_LIST, Arrival, is_ours, shown_name, spelt
from orchestration.paths import DataDirectory

HANGS_SECONDS = 60.0  # how long a listed file may give nothing: it may lie on a network that is gone
INCOMING = ".incoming"  # how bytes are called on their way into the archive
DAMAGED = ".damaged"  # what does not read is kept under its name and this


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

    @property
    def is_whole(self) -> bool:
        """Whether the bytes are there as they came: a disk may have lost them, and what is left of them is not the sender's."""
        try:
            return self.path.stat().st_size == self.size_bytes and sha256_of(self.path) == self.sha256
        except OSError:
            return False


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


def only_taker(data: DataDirectory, tell: Callable[[str], None] | None = None) -> AbstractContextManager[None]:
    """Who takes files in holds this, a second one waits: two at once would judge each other's half-written files."""
    return alone(data.root / ".taker", this_command(), tell)


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
        sender, name = arrival.sender, spelt(arrival.path.name)
        receipt = receipt_id(arrival.feed, sender, sha)
        known = _known(data, arrival.feed, receipt)
        if known:
            archived, new = known, False
            if not known.is_whole:  # what the archive has lost comes back with the same bytes
                staged.chmod(0o400)
                put(staged, known.path)
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
            # By way of a link.
            root, leads_to = DataDirectory(data.root.resolve()), arrival.path.resolve()
            listed_by = (data.inbox / DELIVERY_LIST).lstat().st_uid
            if is_ours(root, leads_to) or not roots.allows(root, listed_by, leads_to):
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
                    continue  # who takes in makes it again (repair), or says so
    return sorted(labels, key=lambda a: (a.received_at, a.sender, a.file_name, a.receipt))


def repair(data: DataDirectory, feed: Feed) -> list[str]:
    """Puts in order what a process that died or a failing disk left of a feed; a sentence for each thing that was repaired.

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
        sha = sha256_of(path)
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
        label["sender"] = shown_name(label["sender"])  # archived before senders were searched for numbers
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


def missing_attempt(data: DataDirectory, feed: Feed, last: Attempt, on: date, days: float) -> Attempt:
    """The receipt of a file of the sender of `last` that did not come within so many `days`."""
    facts = {
        "feed": feed.label_zh,
        "feed_en": feed.label_en,
        "owner": feed.owner,
        "sender": last.sender,
        "last": last.received_on.isoformat(),
        "days": f"{days:g}",
    }
    return Attempt(
        receipt=hashlib.sha256(f"missing\n{feed.id}\n{last.sender}\n{on}".encode()).hexdigest()[:16],
        feed=feed.id, sender=last.sender, file_name="", sha256=None, size_bytes=None,
        received_at=datetime.combine(on, datetime.min.time()), received_on=on, attempted_at=data.now(),
        verdict="missing", reason_code="no_delivery",
        message_zh=message("no_delivery", "zh", **facts), message_en=message("no_delivery", "en", **facts),
        contract_version=feed.version,
    )  # fmt: skip
