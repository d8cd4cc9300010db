"""One file through the door: read, lay out, check, pseudonymise, write.

Every row that comes in goes out on one of two sides, and the outcome says how many: received = accepted +
quarantined. Nothing personal is written on either side. Memory is bounded by the batch, not by the file.
Does not belong here: where files lie, which are new, and who is told (orchestration).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from contracts.door import guards as file_guards
from contracts.door import keys
from contracts.door.arranging import OUT_OF_SCOPE, Arrangement, arrange, known_headers, lay_out_all, undeclared_schemes
from contracts.door.privacy import Key, hidden_numbers, pseudonymise, redact, redact_one
from contracts.door.rows import Checker, Split, checker, split
from contracts.door.units import conflict
from contracts.door.writing import (
    POLARS_TYPES,
    QUARANTINE_SCHEMA,
    Sink,
    append,
    checksum,
    empty_accepted,
    empty_quarantine,
)
from contracts.messages import message
from contracts.model import Feed, Layout
from contracts.reading import Found, Reading, Table, Unreadable, fold, open_table
from contracts.reading.headers import column_name

Part = TypeVar("Part")
ROOM_BYTES = 2**20  # a disk with less is full: whatever fails there fails of it


@dataclass(frozen=True)
class Delivery:
    """One file of one sender, as it was received. `received_at` is wall time of the place."""

    path: Path
    name: str
    feed: Feed
    sender: str
    receipt: str
    received_at: datetime
    layout: Layout | None = None


@dataclass(frozen=True)
class Before:
    """Accepted files that count before a delivery, oldest first; each is called by its receipt.

    Attributes:
        barred: where a key must not stand already, or is told of (`keys_of` of the contract).
        own: of the same sender: what guards and counts of changes compare with.
        namesakes: of `own`, those sent under the same name: an `append` file can take the place of one of them.
        seen: what was found in any of them before, by who takes in one file after the other.
    """

    barred: Sequence[Path] = ()
    own: Sequence[Path] = ()
    namesakes: Sequence[Path] = ()
    seen: keys.Seen | None = None


@dataclass
class Outcome:
    """What became of a delivery; rows_received == rows_accepted + rows_quarantined always holds."""

    verdict: str = "accepted"  # accepted, held, refused
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
    rows_out_of_scope: int = 0  # of the quarantined: set aside by the layout's keep rule
    # Against earlier deliveries, by key; None where nothing was compared.
    rows_added: int | None = None
    rows_changed: int | None = None
    rows_removed: int | None = None
    supersedes: str | None = None  # receipt of the earlier delivery in whose place this one stands
    row_checksum: str | None = None
    reasons: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Opened:
    """A file that can be read and whose columns fit the feed."""

    table: Table
    arrangement: Arrangement
    door: Checker

    @property
    def notes(self) -> list[tuple[str, dict[str, Any]]]:
        """What the sender is to know of the whole file: codes of contracts.messages and their facts."""
        found, made = list(self.table.found.notes), self.arrangement
        if made.not_there:
            found.append(("renamed_column_missing", {"columns": "、".join(made.not_there)}))
        if made.layout is None and made.ignored and made.optional_missing:
            # A column under another name is two things: one that is not used, and one that is not there.
            wanted = "、".join(made.feed.by_name[name].header for name in made.optional_missing)
            names = [redact_one(header)[0] for header in made.ignored]
            unused = {lang: "、".join(column_name(name, lang) for name in names) for lang in ("zh", "en")}
            found.append(("columns_unknown", {"unused": unused["zh"], "unused_en": unused["en"], "wanted": wanted}))
        return found

    def splits(self) -> Iterator[Split]:
        for laid in lay_out_all(self.arrangement, _ahead(self.table.batches())):
            yield split(self.door, laid)


def open_delivery(delivery: Delivery, known: Mapping[str, pl.Series] | None = None) -> Opened:
    """Opens the file and fits its columns to the feed.

    Raises:
        Unreadable: the whole file is refused: it cannot be read, a required column is missing, two columns claim
            one field, or a column the layout works on is not there.
    """
    feed, layout = delivery.feed, delivery.layout
    reading = Reading(**layout.read.model_dump()) if layout else Reading()
    table = open_table(delivery.path, reading, known_headers(feed, layout), name=delivery.name)
    _refuse_missing_columns(delivery, table.found)
    arrangement = arrange(feed, layout, table.found.headers, made=table.found.made)
    if arrangement.twice:
        name, headers = next(iter(arrangement.twice.items()))
        raise _refusal("headers_claim_one_field", delivery, field=feed.by_name[name].header, headers="、".join(headers))
    _refuse_repeated_questions(delivery, table.found)
    if table.found.crs and not _WGS84.search(table.found.crs) and not (layout and layout.coordinates):
        raise _refusal("crs_not_wgs84", delivery, found=table.found.crs)
    if schemes := undeclared_schemes(feed, layout):
        raise _refusal("code_scheme_undeclared", delivery, schemes="、".join(schemes), sender=delivery.sender)
    if arrangement.missing:
        _refuse_swapped(delivery, table.found)
        missing = [feed.by_name[n] for n in arrangement.missing]
        raise _refusal(
            "required_columns_missing",
            delivery,
            expected="、".join(f.header for f in missing),
            expected_en=", ".join(f"{f.header} ({f.label_en})" for f in missing),
            found="、".join(table.found.headers[:30]),
        )
    if other := conflict(arrangement, table.found):
        f = feed.by_name[other.field]
        zh, _, en = (f.unit or "").partition(" · ")
        raise _refusal("unit_stated_above", delivery, field=f.header, stated=other.stated, unit=zh, unit_en=en or zh)
    door = checker(
        arrangement,
        received_at=delivery.received_at,
        known=known,
        found=table.found,
    )
    return Opened(table, arrangement, door)


def pass_file(
    delivery: Delivery,
    *,
    key: Key,
    accepted: Path,
    quarantine: Path,
    before: Before | None = None,
    known: Mapping[str, pl.Series] | None = None,
    guards: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Takes one delivery through the door into two Parquet files; whatever happens inside becomes an outcome.

    Args:
        accepted: where the typed, pseudonymised rows go; written only if the file is accepted, all or nothing.
        quarantine: where the reasons go, one row per reason, pointing to the row of the archived file.
        before: the feed's accepted files that count already; the guards compare nothing without it.
        known: values of other feeds' fields that references are looked up in.
        guards: whether the contract's file guards may hold the file for a person.
        progress: told the number of rows received so far, after each batch.
    """
    outcome = read_file(delivery, key=key, accepted=accepted, quarantine=quarantine, known=known, progress=progress)
    return settle_file(delivery, outcome, accepted=accepted, quarantine=quarantine, before=before, guards=guards)


def read_file(
    delivery: Delivery,
    *,
    key: Key,
    accepted: Path,
    quarantine: Path,
    known: Mapping[str, pl.Series] | None = None,
    progress: Callable[[int], None] | None = None,
    opened: Opened | None = None,
    second_opinion: bool = True,
) -> Outcome:
    """The first half of `pass_file`, which needs no other file: every row judged by itself and written to its side.

    Args:
        opened: the file, where somebody has opened it already.
        second_opinion: whether accepted rows are judged again by other code, and their checksum taken.
    """

    def read(outcome: Outcome) -> None:
        found = opened or open_delivery(delivery, known)
        _describe(outcome, delivery, found)
        parts = _judged(delivery.feed, found) if second_opinion else found.splits()
        _write_split(delivery, parts, outcome, accepted, quarantine, key=key, progress=progress, is_kept=second_opinion)
        if outcome.rows_received == 0 and delivery.feed.delivery == "snapshot":
            raise _refusal("no_rows", delivery)

    return _outcome_of(read, delivery, Outcome(), accepted, quarantine)


def settle_file(
    delivery: Delivery,
    outcome: Outcome,
    *,
    accepted: Path,
    quarantine: Path,
    before: Before | None = None,
    guards: bool = True,
) -> Outcome:
    """The second half of `pass_file`: the file beside those that count already."""

    def settle(outcome: Outcome) -> None:
        compared = before or Before()
        with nullcontext(compared.seen) if compared.seen else keys.Seen(delivery.feed) as seen:
            _settle_keys(delivery, outcome, accepted, quarantine, compared, seen)
            if guards:
                _ask_the_guards(delivery, outcome, accepted, compared, seen)
        stored = outcome.row_checksum or checksum(accepted)
        outcome.row_checksum = stored if outcome.verdict == "accepted" else None

    if outcome.verdict == "refused":
        return outcome
    return _outcome_of(settle, delivery, outcome, accepted, quarantine)


def check_alone(delivery: Delivery, opened: Opened, *, key: Key, accepted: Path, quarantine: Path) -> Outcome:
    """What the night says to the file if it is the first of its sender, without the libraries that are slow to start.

    Left out are the second opinion, which finds nothing where the first is right, and the engine: the accepted file keeps
    rows whose key stands twice, and is good for nothing else than being counted.
    """

    def settle(outcome: Outcome) -> None:
        if outcome.rows_accepted and (delivery.feed.delivery != "upsert" or delivery.feed.bars_keys):
            found = keys.repeated_within(delivery.feed, accepted)
            if found.height and delivery.feed.delivery == "upsert":
                _count_warned(delivery, outcome, quarantine, found)
            elif found.height:
                _count_rejected(delivery, outcome, quarantine, found)
        _ask_the_guards(delivery, outcome, accepted, Before(), keys.Seen(delivery.feed))

    outcome = read_file(
        delivery, key=key, accepted=accepted, quarantine=quarantine, opened=opened, second_opinion=False
    )
    return outcome if outcome.verdict == "refused" else _outcome_of(settle, delivery, outcome, accepted, quarantine)


def _blame_our_disk(error: Exception, written: Path) -> None:
    """Raises OSError where a disk of ours is full or fails: nothing of the file's is to blame, and no receipt says so. What libraries
    say of it may quote the file and is not asked."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
        raise error
    if shutil.disk_usage(next(p for p in written.parents if p.is_dir())).free < ROOM_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None


def _outcome_of(
    work: Callable[[Outcome], None], delivery: Delivery, outcome: Outcome, accepted: Path, quarantine: Path
) -> Outcome:
    """The outcome of a half; of a file that is refused no row stays."""
    started, before = time.monotonic(), outcome.seconds
    try:
        work(outcome)
    except Exception as error:
        try:
            _blame_our_disk(error, accepted)
        except OSError:
            accepted.unlink(missing_ok=True)
            quarantine.unlink(missing_ok=True)
            raise
        failed = error if isinstance(error, Unreadable) else _refusal("door_failed", delivery, detail=_place_of(error))
        outcome = _refused(outcome, failed)
    if outcome.verdict == "refused":
        accepted.unlink(missing_ok=True)
        quarantine.unlink(missing_ok=True)
    outcome.seconds = round(before + time.monotonic() - started, 3)
    return outcome


# ── steps ───────────────────────────────────────────────────────────────────────────────────────


def _refusal(code: str, delivery: Delivery, **facts: Any) -> Unreadable:
    facts = {"file": delivery.name, "feed": delivery.feed.label_zh, "feed_en": delivery.feed.label_en, **facts}
    return Unreadable(code, message(code, "zh", **facts), message(code, "en", **facts))


def _refuse_missing_columns(delivery: Delivery, found: Found) -> None:
    """Columns that the layout works on must be in the file, or its rules would silently do nothing."""
    layout = delivery.layout
    if layout is None:
        return
    wanted = {h for h in known_headers(delivery.feed, layout) if h not in delivery.feed.spellings}
    wanted -= set(layout.rename)
    absent = sorted(wanted - set(found.headers))
    if absent:
        raise _refusal(
            "layout_columns_missing", delivery, expected="、".join(absent), found="、".join(found.headers[:30])
        )


def _refuse_swapped(delivery: Delivery, found: Found) -> None:
    """A table whose columns stand as rows: its first row and its second begin with the name of a column each, and have no other."""
    spellings = {fold(h) for h in known_headers(delivery.feed, delivery.layout)}
    first = [next(iter(cells), "") or "" for cells in (found.headers, found.below)]
    if all(fold(cell) in spellings for cell in first) and sum(fold(h) in spellings for h in found.headers) == 1:
        raise _refusal("rows_and_columns_swapped", delivery, found="、".join(first))


# Systems whose longitude and latitude are those of WGS-84, or as good as.
_WGS84 = re.compile(
    r"CRS84|(?:EPSG|epsg)\D*(?:[\d.]+[:/])?(?:4326|4490|4979)$|^(?:4326|4490|4979)$|WGS[ _-]?(?:19)?84$"
)


def _refuse_repeated_questions(delivery: Delivery, found: Found) -> None:
    """A column that is an answer and stands twice: nobody can tell which question is which."""
    layout = delivery.layout
    for header in found.repeated if layout and layout.melt else ():
        if layout and layout.melt and re.search(layout.melt.columns, header):
            times = sum(fold(re.sub(r"_\d+$", "", own)) == fold(header) or own == header for own in found.headers)
            raise _refusal("header_repeated", delivery, field=header, times=max(times, 2))


def _describe(outcome: Outcome, delivery: Delivery, opened: Opened) -> None:
    found = opened.table.found
    outcome.format, outcome.encoding, outcome.header_row = found.format, found.encoding, found.header_row
    outcome.sheet = redact_one(found.sheet)[0] if found.sheet else None
    outcome.headers_ignored = [redact_one(header)[0] for header in opened.arrangement.ignored]
    if notes := opened.notes:
        facts = {"file": delivery.name}
        outcome.reason_code = notes[0][0]
        outcome.message_zh = "".join(redact_one(message(code, "zh", **facts, **more))[0] for code, more in notes)
        outcome.message_en = " ".join(redact_one(message(code, "en", **facts, **more))[0] for code, more in notes)


def _write_split(
    delivery: Delivery,
    judged: Iterator[Split],
    outcome: Outcome,
    accepted: Path,
    quarantine: Path,
    *,
    key: Key,
    progress: Callable[[int], None] | None,
    is_kept: bool = True,
) -> None:
    told = pl.DataFrame(schema=_TOLD)
    pseudonyms = [f.stored_as for f in delivery.feed.stored if f.classification == "identifier"]
    with (
        Sink(accepted, empty_accepted(delivery.feed), random=pseudonyms, is_digested=is_kept) as good,
        Sink(quarantine, empty_quarantine(), is_digested=is_kept) as bad,
    ):
        # While one batch is written, the next is pseudonymised, the one after it judged and a fourth read.
        for part in _ahead(_pseudonymised(delivery, key, _ahead(judged))):
            good.write(_stored(delivery, part.accepted))
            bad.write(_pointing(delivery, part.reasons))
            outcome.rows_received += part.received
            outcome.rows_quarantined += part.rejected
            outcome.rows_accepted += part.accepted.height
            outcome.rows_warned += part.warned
            outcome.rows_out_of_scope += part.reasons.filter(pl.col("rule") == OUT_OF_SCOPE).height
            told = pl.concat([told, _counted(part.reasons)])
            if progress:
                progress(outcome.rows_received)
    outcome.reasons = _commonest(told)
    outcome.row_checksum = good.digest.hexdigest()


def _judged(feed: Feed, opened: Opened) -> Iterator[Split]:
    """Every batch after both judges."""
    from contracts.door.pandera_check import objections

    for part in opened.splits():
        rows, objected = objections(feed, part.accepted)
        reasons = pl.concat([part.reasons, objected])
        yield replace(part, accepted=rows, reasons=reasons, rejected=part.rejected + part.accepted.height - rows.height)


def _pseudonymised(delivery: Delivery, key: Key, parts: Iterator[Split]) -> Iterator[Split]:
    day = delivery.received_at.date()
    for part in parts:
        # What a refused row says of its key is hidden as the same key of an accepted row is.
        reasons = part.reasons.with_columns(hidden_numbers(part.reasons["row_says"], key))
        hidden = pseudonymise(part.accepted, delivery.feed, key, on=day, clean=part.clean)
        yield replace(part, accepted=hidden, reasons=reasons)


def _ahead(parts: Iterator[Part]) -> Iterator[Part]:
    """The same parts; while one is worked on, the next is made in a thread."""
    with ThreadPoolExecutor(max_workers=1) as worker:
        following = worker.submit(next, parts, None)
        while (part := following.result()) is not None:
            following = worker.submit(next, parts, None)
            yield part


# Reasons of one kind: where, which rule, how hard; how many rows, and a sentence for one of them.
_KIND = ("field", "rule", "severity")
_TOLD: Mapping[str, Any] = {
    **dict.fromkeys(_KIND, pl.String),
    "rows": pl.Int64,
    "message_zh": pl.String,
    "message_en": pl.String,
}


def _counted(reasons: pl.DataFrame) -> pl.DataFrame:
    return reasons.group_by(_KIND, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("rows"), pl.col("message_zh", "message_en").first()
    )


def _commonest(counted: pl.DataFrame, n: int = 10) -> list[dict[str, Any]]:
    """The ten commonest (field, rule, severity), each with the first of its sentences and how many rows it struck."""
    kinds = counted.group_by(_KIND, maintain_order=True).agg(
        pl.col("rows").sum(), pl.col("message_zh", "message_en").first()
    )
    return kinds.sort("rows", "rule", descending=[True, False], maintain_order=True).head(n).to_dicts()


def _stored(delivery: Delivery, rows: pl.DataFrame) -> pl.DataFrame:
    """The stored columns in contract order, with where each row came from."""
    stamps = {
        "_feed": delivery.feed.id,
        "_sender": delivery.sender,
        "_receipt": delivery.receipt,
        "_received_at": delivery.received_at,
        "_contract_version": delivery.feed.version,
    }
    types = {n: POLARS_TYPES[t] for n, t in delivery.feed.accepted_columns.items()}
    return rows.with_columns(pl.lit(v).alias(n) for n, v in stamps.items()).select(
        pl.col(n).cast(t) for n, t in types.items()
    )


def _pointing(delivery: Delivery, reasons: pl.DataFrame) -> pl.DataFrame:
    return reasons.with_columns(
        redact(reasons["header"])[0],  # a sender's own, where its columns are melted
        pl.lit(delivery.feed.id).alias("_feed"),
        pl.lit(delivery.sender).alias("_sender"),
        pl.lit(delivery.receipt).alias("_receipt"),
        pl.lit(delivery.received_at).cast(pl.Datetime("us")).alias("_received_at"),
    ).select(list(QUARANTINE_SCHEMA))


def _settle_keys(
    delivery: Delivery,
    outcome: Outcome,
    accepted: Path,
    quarantine: Path,
    before: Before,
    seen: keys.Seen,
) -> None:
    """Moves rows whose key stands already to quarantine and counts what the file changes; finds a re-send."""
    feed = delivery.feed
    compared, earlier = before.own, before.barred
    if feed.delivery == "append":
        again = (p for p in reversed(before.namesakes) if keys.share_repeated(feed, accepted, p) >= keys.SAME_DELIVERY)
        compared = [*again][:1] if outcome.rows_accepted else []
        outcome.supersedes = compared[0].stem if compared else None
        earlier = [path for path in earlier if path not in compared]
    if outcome.rows_accepted and (feed.delivery != "upsert" or feed.bars_keys):
        found = keys.repeated(feed, accepted, earlier, seen)
        if feed.delivery == "upsert":
            _count_warned(delivery, outcome, quarantine, found)
        else:
            _reject(delivery, outcome, accepted, quarantine, found)
    if compared:
        made = keys.changes(feed, accepted, compared, seen)
        outcome.rows_added, outcome.rows_changed, outcome.rows_removed = made.added, made.changed, made.removed


def _reject(delivery: Delivery, outcome: Outcome, accepted: Path, quarantine: Path, struck: pl.DataFrame) -> None:
    """Takes rows out of the accepted file after all, each with its reason."""
    if struck.height == 0:
        return
    keys.strike(accepted, struck["place"])
    outcome.row_checksum = None  # of rows that are no longer all there
    _count_rejected(delivery, outcome, quarantine, struck)


def _count_rejected(delivery: Delivery, outcome: Outcome, quarantine: Path, struck: pl.DataFrame) -> None:
    reasons = keys.reasons_of(delivery.feed, struck)
    append(quarantine, _pointing(delivery, reasons))
    outcome.rows_accepted -= struck.height
    outcome.rows_quarantined += struck.height
    outcome.reasons = _commonest(pl.concat([pl.DataFrame(outcome.reasons, schema=_TOLD), _counted(reasons)]))


def _count_warned(delivery: Delivery, outcome: Outcome, quarantine: Path, found: pl.DataFrame) -> None:
    """Rows of an `upsert` file whose key stands twice come in, and their sender is told."""
    if found.height == 0:
        return
    warned = pl.read_parquet(quarantine, columns=["_row", "severity"]) if quarantine.is_file() else empty_quarantine()
    told = warned.filter(pl.col("severity") == "warning")["_row"].unique()
    reasons = keys.reasons_of(delivery.feed, found, "warning")
    append(quarantine, _pointing(delivery, reasons))
    outcome.rows_warned += found.filter(~pl.col("_row").is_in(told.implode()))["_row"].n_unique()
    outcome.reasons = _commonest(pl.concat([pl.DataFrame(outcome.reasons, schema=_TOLD), _counted(reasons)]))


def _ask_the_guards(delivery: Delivery, outcome: Outcome, accepted: Path, before: Before, seen: keys.Seen) -> None:
    """A file that a guard holds is told so; what a guard merely warns of goes into the receipt."""
    found = file_guards.findings(
        delivery.feed,
        delivery.layout,
        accepted,
        before.own,
        seen,
        rows_in_scope=outcome.rows_received - outcome.rows_out_of_scope,
        rows_rejected=outcome.rows_quarantined - outcome.rows_out_of_scope,
        name=delivery.name,
        receipt=delivery.receipt,
    )
    for finding in found:
        if outcome.reason_code is None or (finding.holds and outcome.verdict != "held"):
            outcome.reason_code, outcome.message_zh, outcome.message_en = finding.code, finding.zh, finding.en
        if finding.holds:
            outcome.verdict, outcome.supersedes = "held", None


def _refused(outcome: Outcome, refused: Unreadable) -> Outcome:
    """What was found out about the file stays; of its rows nothing does, not even what the sentence would quote."""
    kept = {name: getattr(outcome, name) for name in _FOUND}
    zh, en = (redact_one(text)[0] for text in (refused.zh, refused.en))
    if refused.quoted:
        n = refused.quoted.count("、") + 1
        zh = refused.zh.replace(refused.quoted, f"{n} 个单元格，可能涉及个人信息，此处不显示，请打开文件核对")
        en = refused.en.replace(
            refused.quoted, f"{n} cells, not quoted here because they may be personal: look at the file"
        )
    return Outcome(verdict="refused", reason_code=refused.code, message_zh=zh, message_en=en, **kept)


_FOUND = ("format", "encoding", "sheet", "header_row", "headers_ignored")


def _place_of(error: Exception) -> str:
    """Type and place of an unexpected error, never its words: those may quote a value."""
    here = Path(__file__).parents[1]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).is_relative_to(here)] or frames
    return f"{type(error).__name__}, {Path(ours[-1].filename).name}:{ours[-1].lineno}"


__all__ = ["Before", "Delivery", "Opened", "Outcome", "checksum", "empty_accepted", "empty_quarantine", "open_delivery", "pass_file", "read_file", "settle_file"]  # fmt: skip
