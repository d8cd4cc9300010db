"""One feed's deliveries through the door, in order, and what of them stands.

What is accepted depends on the archive, the contracts and a person's approvals, on nothing else: whoever deletes
`accepted/`, `superseded/`, `quarantine/` and `receipts/` and takes everything in again gets the same rows. To that end
deliveries have one order, every attempt remembers what stood before it, and is made anew when that has changed.
Does not belong here: what is in a file (contracts) and what Dagster shows of it (feeds).
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import polars as pl

from contracts.door.approvals import Approval, Withdrawal, approvals, withdrawals
from contracts.door.delivery import Before, Delivery, Outcome, empty_accepted, empty_quarantine, read_file, settle_file
from contracts.door.keys import Seen
from contracts.door.privacy import Key, load_key, refuse_a_lost_key
from contracts.loading import load_feeds, load_layouts
from contracts.messages import message
from contracts.model import Feed
from contracts.whole_files import parquet_reads, put, write_parquet
from orchestration.intake import arriving, bounded, forgetting, landing
from orchestration.intake.landing import Archived, Attempt
from orchestration.intake.reading_ahead import ReadAhead
from orchestration.paths import NEVER_CAME, DataDirectory

ROWS_LOST = "rows_lost"
# What was no fault of the file: it goes through the door again as soon as that can be done.
TRIED_AGAIN = ("door_failed", bounded.BROKE, ROWS_LOST)


def take_in(
    data: DataDirectory, feed: Feed, first: date, last: date, *, replay: bool = False, log: Any = None
) -> list[Attempt]:
    """Lands the inbox of one feed and takes the pending deliveries received from `first` to `last` through the door.

    Returns:
        The attempts made now, in the order the files came. Each is also in the ledger.
    """
    tell = log.info if log else _nobody
    with landing.only_taker(data, tell), unpacking_in(data.unpacked), Seen(feed) as seen:
        for sentence in landing.repair(data, feed):
            (log.warning if log else _nobody)(sentence)
        return _take_in(data, feed, first, last, seen, replay=replay, log=log)


def _nobody(_sentence: str) -> None:
    """Nobody is told."""


def _take_in(
    data: DataDirectory, feed: Feed, first: date, last: date, seen: Seen, *, replay: bool, log: Any
) -> list[Attempt]:
    made: list[Attempt] = [_refuse(data, feed, trouble) for trouble in arriving.troubles(data, feed.id)]
    for arrival in arriving.arrivals(data, feed.id):
        made += _land(data, feed, arrival, log)
    ensure_typed(data, feed)
    context = IntakeContext(data, feed)
    outcomes = dict(landing.latest(landing.attempts(data, feed.id)))
    standing = Standing(feed, seen)
    items = in_order(landing.archived(data, feed.id, date.min, date.max), context.approved)
    untried = [i for i in items if i.receipt not in outcomes and first <= i.received_on <= last and i.is_whole]
    ahead = context.read_ahead(untried)
    for item in items:
        outcome, basis = outcomes.get(item.receipt), standing.basis(item)
        inside = first <= item.received_on <= last
        if inside and (replay or _is_pending(context, item, outcome, basis)):
            anew = _anew(context, item, outcome, standing, ahead, log)
            if anew:
                outcomes[item.receipt] = outcome = anew
                made.append(anew)
        if outcome and outcome.verdict == "accepted":
            standing.add(item, outcome)
    _set_aside(data, outcomes.values(), standing)
    _remove_empty_days(data, feed)
    landing.prune(data, feed, data.today())
    forgetting.forget_birth_months(data, feed, data.today())
    return made


def _anew(
    context: IntakeContext,
    item: Archived,
    outcome: Attempt | None,
    standing: Standing,
    ahead: ReadAhead[Outcome],
    log: Any,
) -> Attempt | None:
    """What becomes of a pending delivery now; None where its bytes are gone or damaged and nothing else can be done."""
    withdrawal = context.withdrawn.get(item.receipt)
    if withdrawal and (outcome or not item.is_whole):
        return _withdraw(context.data, outcome, withdrawal) if outcome else None
    is_lost = outcome is not None and outcome.verdict == "accepted" and not _reads(context.data, item, outcome)
    if item.is_whole:
        if log:
            log.info(f"{item.shown_name}: {item.size_bytes:,} bytes from {item.sender}, received {item.received_at}")
            if is_lost:
                log.warning(
                    f"{item.shown_name}: its rows do not read (cut short or damaged): taken in again from the archive"
                )
        judged = _through_the_door(context, item, standing, ahead.result(item.receipt))
        # Where the directory is made anew it is judged first, as it was: a withdrawn file was an accepted one.
        return _withdraw(context.data, judged, withdrawal) if withdrawal and judged.verdict == "accepted" else judged
    if item.path.is_file() and log:
        log.warning(message("archive_damaged", "en", file=item.shown_name, receipt=item.receipt))
    if outcome is None or outcome.verdict == "duplicate" or is_lost:
        return _lost(context, item, outcome if is_lost else None)
    return _restore(context.data, item, outcome, standing) if outcome.verdict == "withdrawn" else None


def pending(data: DataDirectory, feed: Feed) -> list[Archived]:
    """Archived deliveries that the next night will take through the door."""
    context, standing, found = IntakeContext(data, feed), Standing(feed), []
    outcomes = landing.latest(landing.attempts(data, feed.id))
    for item in in_order(landing.archived(data, feed.id, date.min, date.max), context.approved):
        outcome = outcomes.get(item.receipt)
        if _is_pending(context, item, outcome, standing.basis(item)) and _can_be_made(context, item, outcome):
            found.append(item)
        if outcome and outcome.verdict == "accepted":
            standing.add(item, outcome)
    return found


def in_order(items: Iterable[Archived], approved: Mapping[str, Approval]) -> list[Archived]:
    """Deliveries in the one order in which they count everywhere: as they were received, then by sender, then by file name.

    A held one counts from when a person let it through. Files of one second are told apart by microseconds, so that
    the models, which see `_received_at` of a row and no file name, keep this order and need no other.
    """
    at: Counter[datetime] = Counter()
    told_apart = []
    for item in sorted(items, key=lambda i: (i.received_at, i.sender, i.file_name, i.receipt)):
        told_apart.append(replace(item, received_at=item.received_at + timedelta(microseconds=at[item.received_at])))
        at[item.received_at] += 1

    def since(item: Archived) -> datetime:
        approval = approved.get(item.receipt)
        return max(item.received_at, approval.at) if approval else item.received_at

    return sorted(told_apart, key=lambda i: (since(i), i.received_at, i.sender, i.file_name))


def ensure_typed(data: DataDirectory, feed: Feed) -> None:
    """A feed that never came is a typed file without rows, so that every model finds its columns."""
    for path, empty in (
        (data.accepted / feed.id / NEVER_CAME, empty_accepted(feed)),
        (data.quarantine / NEVER_CAME, empty_quarantine()),
    ):
        path.with_name("_never.parquet").unlink(missing_ok=True)  # its name until version 0.2
        if not parquet_reads(path) or pl.read_parquet_schema(path) != empty.schema:
            write_parquet(path, empty)


# ── what stands ─────────────────────────────────────────────────────────────────────────────────


@dataclass
class Standing:
    """The accepted deliveries of a feed that count, as far as one has come in their order."""

    feed: Feed
    seen: Seen | None = None
    deliveries: list[Archived] = field(default_factory=list)
    superseded: set[str] = field(default_factory=set)
    _chain: dict[str, str] = field(default_factory=dict)

    def add(self, item: Archived, outcome: Attempt) -> None:
        if outcome.supersedes:
            self.superseded.add(outcome.supersedes)
            self.deliveries = [d for d in self.deliveries if d.receipt != outcome.supersedes]
        self.deliveries.append(item)
        link = f"{self._chain.get(self._line(item), '')}\n{item.receipt} {outcome.row_checksum}"
        self._chain[self._line(item)] = hashlib.sha256(link.encode()).hexdigest()[:16]

    def basis(self, item: Archived) -> str:
        """Names everything that what becomes of `item` depends on: a hash over the deliveries before it."""
        nth = f" {item.received_at.microsecond} of its second" if item.received_at.microsecond else ""
        return self._chain.get(self._line(item), "") + nth

    def before(self, data: DataDirectory, item: Archived) -> Before:
        """The accepted files the door compares `item` with."""
        own = [d for d in self.deliveries if d.sender == item.sender]
        return Before(
            barred=[stored_at(data, d) for d in self._barring(item)],
            own=[stored_at(data, d) for d in own],
            # A file let through late is still the older one: it takes the place of nothing that was received after it.
            namesakes=[
                stored_at(data, d) for d in own if d.file_name == item.file_name and d.received_at < item.received_at
            ],
            seen=self.seen,
        )

    def _barring(self, item: Archived) -> list[Archived]:
        """The deliveries in which a key of `item` may not stand."""
        if not self.feed.bars_keys:
            return []
        if self.feed.keys_of == "everybody":
            return self.deliveries
        is_own = self.feed.keys_of == "sender"
        return [d for d in self.deliveries if (d.sender == item.sender) == is_own]

    def _line(self, item: Archived) -> str:
        """Whose deliveries decide what becomes of `item`: every sender's, or the sender's own."""
        is_everybodys = self.feed.bars_keys and self.feed.keys_of != "sender"
        return "" if is_everybodys else item.sender


def stored_at(data: DataDirectory, item: Archived) -> Path:
    """Where the rows of an accepted delivery lie: among the accepted, or set aside."""
    accepted = _accepted_path(data, item)
    return accepted if accepted.is_file() else _place(data.superseded, item)


def _set_aside(data: DataDirectory, outcomes: Iterable[Attempt], standing: Standing) -> None:
    """Accepted files lie among the accepted if they count, among the superseded if another took their place."""
    for outcome in outcomes:
        if outcome.verdict not in ("accepted", "withdrawn"):
            continue
        parts = (outcome.feed, outcome.received_on.isoformat(), f"{outcome.receipt}.parquet")
        counts, aside = data.accepted.joinpath(*parts), data.superseded.joinpath(*parts)
        away = outcome.verdict == "withdrawn" or outcome.receipt in standing.superseded
        source, target = (counts, aside) if away else (aside, counts)
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)


# ── one delivery ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class IntakeContext:
    """What taking in a feed needs besides the file; each part is read when it is first asked for."""

    data: DataDirectory
    feed: Feed

    @cached_property
    def approved(self) -> Mapping[str, Approval]:
        return approvals(self.data.root)

    @cached_property
    def withdrawn(self) -> Mapping[str, Withdrawal]:
        return withdrawals(self.data.root)

    @cached_property
    def key(self) -> Key:
        refuse_a_lost_key(self.data.root, lambda: pseudonyms_stand(self.data))
        return load_key(self.data.root, stands=lambda key_id: _stood_before(self.data, key_id))

    @cached_property
    def known(self) -> Mapping[str, pl.Series]:
        """The values other feeds' accepted rows hold for the fields this feed refers to."""
        known = {}
        for reference in {f.references for f in self.feed.fields if f.references}:
            other, _, column = reference.rpartition(".")
            files = [p for p in sorted((self.data.accepted / other).glob("*/*.parquet")) if parquet_reads(p)]
            if files and other != self.feed.id:
                known[reference] = pl.scan_parquet(files).select(pl.col(column).unique()).collect().to_series()
        return known

    def layout_version(self, sender: str) -> str | None:
        layout = load_layouts().get((self.feed.id, sender))
        return layout.version if layout else None

    def delivery(self, item: Archived) -> Delivery:
        layout = load_layouts().get((self.feed.id, item.sender))
        return Delivery(item.path, item.shown_name, self.feed, item.sender, item.receipt, item.received_at, layout)

    def read(self, item: Archived) -> Outcome:
        """The first half of the door, into files that nobody counts yet."""
        return read_file(
            self.delivery(item), key=self.key, known=self.known,
            accepted=_accepted_path(self.data, item).with_suffix(".writing"),
            quarantine=_place(self.data.quarantine, item).with_suffix(".writing"),
        )  # fmt: skip

    def read_within_bounds(self, item: Archived) -> Outcome:
        """`read`, in a process of its own where the file may cost much for its size."""
        if bounded.costs_little(item.path, item.size_bytes):
            return self.read(item)
        _ = self.key  # made on first use, by one process only
        task = (time.time_ns(), IntakeContext(self.data, self.feed), item)
        return bounded.read(_read_in_worker, task, item.shown_name, bounded.bounds(item.size_bytes))

    def read_ahead(self, items: Sequence[Archived]) -> ReadAhead[Outcome]:
        """Begins to read the items, where there are many."""
        bare = IntakeContext(self.data, self.feed)  # what it has looked up is not sent along
        _ = self.key  # made on first use, by one process only
        number = time.time_ns()
        return ReadAhead(_read_in_worker, [(item.receipt, item.size_bytes, (number, bare, item)) for item in items])


# What the processes that read ahead have looked up, of one feed at a time: what others hold may change between feeds.
_CONTEXT_OF_RUN: dict[int, IntakeContext] = {}


def _read_in_worker(task: tuple[int, IntakeContext, Archived]) -> Outcome:
    number, context, item = task
    tempfile.tempdir = str(context.data.unpacked)
    if number not in _CONTEXT_OF_RUN:
        _CONTEXT_OF_RUN.clear()
        _CONTEXT_OF_RUN[number] = context
    return _CONTEXT_OF_RUN[number].read(item)


@contextmanager
def unpacking_in(folder: Path) -> Iterator[None]:
    """What is unpacked meanwhile lies there, and not where a killed process would leave it among strangers' files."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.parent.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)  # of a process that died
    folder.mkdir(mode=0o700)
    usual, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = usual


def _refuse(data: DataDirectory, feed: Feed, trouble: arriving.Trouble) -> Attempt:
    """The receipt of something in the inbox that cannot be taken in."""
    name = arriving.shown_name(trouble.name)
    attempt = Attempt(
        receipt=landing.receipt_id(feed.id, trouble.sender, f"{trouble.code} {trouble.name} {trouble.facts}"),
        feed=feed.id, sender=trouble.sender, file_name=name, sha256=None, size_bytes=None, received_at=data.now(),
        received_on=data.today(), attempted_at=data.now(), verdict="refused", reason_code=trouble.code,
        message_zh=trouble.sentence("zh"), message_en=trouble.sentence("en"), contract_version=feed.version,
    )  # fmt: skip
    landing.record(data, attempt)
    return attempt


def _land(data: DataDirectory, feed: Feed, arrival: arriving.Arrival, log: Any = None) -> list[Attempt]:
    """Archives one arrival; only a duplicate or a file that cannot be had makes a receipt already here."""
    name, sender = arriving.shown_name(arriving.spelt(arrival.path.name)), arrival.sender
    base: dict[str, Any] = {
        "feed": feed.id,
        "sender": sender,
        "file_name": name,
        "contract_version": feed.version,
    }
    moment: dict[str, Any] = {
        "received_at": arrival.received_at,
        "received_on": arrival.received_at.date(),
        "attempted_at": data.now(),
    }
    try:
        archived, new = landing.archive(data, arrival)
    except landing.NotArrived as error:
        facts = {"file": name, "problem": error.problem}
        attempt = Attempt(
            receipt=landing.receipt_id(feed.id, sender, f"{arriving.spelt(arrival.path.name)} {arrival.received_at}"),
            sha256=None, size_bytes=None, verdict="refused", reason_code=error.code,
            message_zh=message(error.code, "zh", **facts), message_en=message(error.code, "en", **facts),
            **base, **moment,
        )  # fmt: skip
        landing.record(data, attempt)
        return [attempt]
    if arrival.keep:
        return []
    if arrival.path.exists():
        if log:
            log.warning(message("inbox_not_writable", "en", file=name))
        if archived.file_name == arriving.spelt(arrival.path.name):
            return []  # the same file, still there
    if new:
        return []
    facts = {"file": name, "first": archived.received_on.isoformat(), "receipt": archived.receipt}
    attempt = Attempt(
        receipt=archived.receipt, sha256=archived.sha256, size_bytes=archived.size_bytes,
        verdict="duplicate", reason_code="same_bytes_again",
        message_zh=message("same_bytes_again", "zh", **facts), message_en=message("same_bytes_again", "en", **facts),
        **base, **moment,
    )  # fmt: skip
    landing.record(data, attempt)
    return [attempt]


def _is_pending(context: IntakeContext, item: Archived, outcome: Attempt | None, basis: str) -> bool:
    """Whether a delivery is to go through the door: never tried, or tried when something it depends on was otherwise."""
    if outcome is None or outcome.verdict == "duplicate" or outcome.reason_code in TRIED_AGAIN:
        return True
    if (item.receipt in context.withdrawn) != (outcome.verdict == "withdrawn"):
        return item.receipt not in context.withdrawn or outcome.verdict == "accepted"
    if outcome.verdict == "withdrawn":
        return False
    return (
        outcome.contract_version != context.feed.version
        or outcome.layout_version != context.layout_version(item.sender)
        or (outcome.basis is not None and outcome.basis != basis)
        or (outcome.verdict == "held" and item.receipt in context.approved)
        or _is_bounded_otherwise_now(item, outcome)
        or not _reads(context.data, item, outcome)
    )


def _is_bounded_otherwise_now(item: Archived, outcome: Attempt) -> bool:
    """Whether a file that went beyond its bounds has others now, by a new line of the policy."""
    if outcome.reason_code not in bounded.CODES:
        return False
    now = bounded.refusal(outcome.reason_code, item.shown_name, bounded.bounds(item.size_bytes))
    return now.message_en != outcome.message_en


def _can_be_made(context: IntakeContext, item: Archived, outcome: Attempt | None) -> bool:
    """Whether there is anything to be done about a pending delivery: without its whole bytes only what a person said, or a loss."""
    if item.is_whole:
        return True
    if outcome is None or outcome.verdict == "duplicate":
        return item.path.is_file()
    changes = (item.receipt in context.withdrawn) != (outcome.verdict == "withdrawn")
    return changes or not _reads(context.data, item, outcome)


def _reads(data: DataDirectory, item: Archived, outcome: Attempt) -> bool:
    """Whether the rows that a delivery has brought are there and whole, on both sides."""
    if outcome.verdict == "accepted" and not parquet_reads(stored_at(data, item)):
        return False
    quarantine = _place(data.quarantine, item)
    return outcome.verdict not in ("accepted", "held") or not outcome.reasons or parquet_reads(quarantine)


def _lost(context: IntakeContext, item: Archived, outcome: Attempt | None) -> Attempt:
    """Rows that do not read, or were never made, and cannot be made from what the archive has: set aside, and said; the same bytes
    sent again bring them back."""
    data, facts = context.data, {"file": item.shown_name, "receipt": item.receipt}
    stored = stored_at(data, item)
    if stored.is_file():
        stored.replace(stored.with_name(stored.name + landing.DAMAGED))
    if outcome is None:
        outcome = Attempt(
            receipt=item.receipt, feed=item.feed, sender=item.sender, file_name=item.shown_name, sha256=item.sha256,
            size_bytes=item.size_bytes, received_at=item.received_at.replace(microsecond=0), received_on=item.received_on,
            attempted_at=data.now(), verdict="refused", contract_version=context.feed.version,
        )  # fmt: skip
    return _as(data, outcome, "refused", ROWS_LOST, facts)


def _withdraw(data: DataDirectory, outcome: Attempt, withdrawal: Withdrawal) -> Attempt:
    """A delivery that a person took out of what counts: its rows are set aside (`_set_aside`) and stay."""
    facts = {"file": outcome.file_name, "by": withdrawal.by, "why": withdrawal.why}
    return _as(data, outcome, "withdrawn", "withdrawn", facts, released_by=withdrawal.by, released_why=withdrawal.why)


def _restore(data: DataDirectory, item: Archived, outcome: Attempt, standing: Standing) -> Attempt:
    """A withdrawn delivery counts again; its bytes are gone, its rows are as they were set aside."""
    was = [a for a in landing.attempts(data, item.feed) if a.receipt == item.receipt and a.verdict == "accepted"][-1]
    return _as(data, was, "accepted", was.reason_code, {}, basis=standing.basis(item))


def _as(
    data: DataDirectory, outcome: Attempt, verdict: str, code: str | None, facts: Mapping[str, Any], **changes: Any
) -> Attempt:
    """A further attempt like an earlier one, but for what became of it."""
    if code and facts:
        changes |= {"message_zh": message(code, "zh", **facts), "message_en": message(code, "en", **facts)}
    if verdict != "accepted":
        changes |= {"supersedes": None}
    attempt = replace(outcome, verdict=verdict, reason_code=code, attempted_at=data.now(), **changes)
    landing.record(data, attempt)
    return attempt


def _through_the_door(
    context: IntakeContext, item: Archived, standing: Standing, read: Outcome | None = None
) -> Attempt:
    """`read`: what the first half of the door made of it, where that was done ahead."""
    data, feed = context.data, context.feed
    approval = context.approved.get(item.receipt)
    delivery, target, quarantine = context.delivery(item), _accepted_path(data, item), _place(data.quarantine, item)
    staged, staged_quarantine = target.with_suffix(".writing"), quarantine.with_suffix(".writing")
    outcome = settle_file(
        delivery, read or context.read_within_bounds(item), accepted=staged, quarantine=staged_quarantine,
        before=standing.before(data, item), guards=approval is None,
    )  # fmt: skip
    _put_in_place(outcome, staged, target, staged_quarantine, quarantine)
    if outcome.verdict != "accepted":
        _place(data.superseded, item).unlink(missing_ok=True)
    attempt = Attempt(
        receipt=item.receipt, feed=feed.id, sender=item.sender, file_name=item.shown_name, sha256=item.sha256,
        size_bytes=item.size_bytes, received_at=item.received_at.replace(microsecond=0), received_on=item.received_on,
        attempted_at=data.now(), contract_version=feed.version,
        layout_version=context.layout_version(item.sender), basis=standing.basis(item),
        released_by=approval.by if approval else None, released_why=approval.why if approval else None,
        **vars(outcome),
    )  # fmt: skip
    landing.record(data, attempt)
    return attempt


def _put_in_place(outcome: Outcome, staged: Path, target: Path, staged_quarantine: Path, quarantine: Path) -> None:
    """Both sides appear together or not at all; a refused or held file leaves no rows among the accepted."""
    if outcome.verdict == "accepted":
        put(staged, target)
    else:
        staged.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
    if staged_quarantine.is_file() and outcome.reasons:
        put(staged_quarantine, quarantine)
    else:
        staged_quarantine.unlink(missing_ok=True)
        quarantine.unlink(missing_ok=True)


def _remove_empty_days(data: DataDirectory, feed: Feed) -> None:
    """Not before every file is in its place: one that is read ahead may be about to be written there."""
    for side in (data.accepted, data.superseded, data.quarantine):
        for day in (side / feed.id).glob("*/"):
            if not any(day.iterdir()):
                day.rmdir()


@cache
def _stood_before(data: DataDirectory, key_id: str) -> bool:
    """`pseudonyms_stand`, looked up once: none of a key that is no longer used are added."""
    return pseudonyms_stand(data, key_id)


def pseudonyms_stand(data: DataDirectory, key_id: str = "") -> bool:
    """Whether accepted rows hold pseudonyms (of one key, where its id is given), which only their key can go on with."""
    for feed in load_feeds().values():
        keyed = [f.stored_as for f in feed.stored if f.classification == "identifier"]
        for path in sorted((data.accepted / feed.id).glob("*/*.parquet"), reverse=True) if keyed else ():
            if not parquet_reads(path):
                continue
            # All pseudonyms of a file are of one key.
            firsts = pl.scan_parquet(path).select(pl.col(keyed).drop_nulls().first()).collect().row(0)
            if any(first is not None and str(first).startswith(f"{key_id}:" if key_id else "") for first in firsts):
                return True
    return False


def _accepted_path(data: DataDirectory, item: Archived) -> Path:
    return _place(data.accepted, item)


def _place(folder: Path, item: Archived) -> Path:
    return folder / item.feed / item.received_on.isoformat() / f"{item.receipt}.parquet"
