"""One file through the door: read, lay out, check, pseudonymise, write.

Every row that comes in goes out on one of two sides, and the outcome says how many: received = accepted +
quarantined. Nothing personal is written on either side. Memory is bounded by the batch, not by the file.
Does not belong here: where files lie, which are new, and who is told (orchestration).
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from contracts.arranging import ROW, Arrangement, arrange, known_headers, lay_out_all, undeclared_schemes
from contracts.messages import message
from contracts.model import PROVENANCE, Feed, Layout
from contracts.privacy import Key, pseudonymise
from contracts.reading import Found, Reading, Table, Unreadable, open_table
from contracts.rows import DTYPES, REASON_SCHEMA, Checker, Split, checker, empty_reasons, pandera_schema, split

if TYPE_CHECKING:
    import duckdb
    import pyarrow.parquet

QUARANTINE_SCHEMA: Mapping[str, pl.DataType] = {
    "_feed": pl.String(),
    "_sender": pl.String(),
    "_receipt": pl.String(),
    "_received_at": pl.Datetime("us"),
    **REASON_SCHEMA,
}


@dataclass(frozen=True)
class Delivery:
    """One file of one sender, as it was received. `received_at` is Asia/Shanghai wall time."""

    path: Path
    name: str
    feed: Feed
    sender: str
    receipt: str
    received_at: datetime
    layout: Layout | None = None


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
    row_checksum: str | None = None
    reasons: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Opened:
    """A file that can be read and whose columns fit the feed."""

    table: Table
    arrangement: Arrangement
    door: Checker

    def splits(self) -> Iterator[Split]:
        for laid in lay_out_all(self.arrangement, self.table.batches()):
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
    arrangement = arrange(feed, layout, table.found.headers)
    if arrangement.twice:
        name, headers = next(iter(arrangement.twice.items()))
        raise _refusal("headers_claim_one_field", delivery, field=feed.by_name[name].header, headers="、".join(headers))
    if schemes := undeclared_schemes(feed, layout):
        raise _refusal("code_scheme_undeclared", delivery, schemes="、".join(schemes), sender=delivery.sender)
    if arrangement.missing:
        names = [f"{feed.by_name[n].header} ({n})" for n in arrangement.missing]
        raise _refusal(
            "required_columns_missing",
            delivery,
            expected="、".join(names),
            found="、".join(table.found.headers[:30]),
        )
    door = checker(
        arrangement,
        received_at=delivery.received_at,
        known=known,
        from_workbook=table.found.format in ("xlsx", "xls", "xlsb", "ods"),
    )
    return Opened(table, arrangement, door)


def pass_file(
    delivery: Delivery,
    *,
    key: Key,
    accepted: Path,
    quarantine: Path,
    earlier: Sequence[Path] = (),
    known: Mapping[str, pl.Series] | None = None,
    guards: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Takes one delivery through the door into two Parquet files.

    Args:
        accepted: where the typed, pseudonymised rows go; written only if the file is accepted, all or nothing.
        quarantine: where the reasons go, one row per reason, pointing to the row of the archived file.
        earlier: accepted files of the same feed in which an `append` key must not stand already.
        guards: whether the contract's file guards may hold the file for a person.
        progress: told the number of rows received so far, after each batch.
    """
    started = time.monotonic()
    outcome = Outcome()
    try:
        opened = open_delivery(delivery, known)
        _describe(outcome, opened)
        _write_split(delivery, opened, outcome, key, accepted, quarantine, progress)
        if outcome.rows_accepted and delivery.feed.delivery != "upsert":
            _reject_repeated_keys(delivery, outcome, accepted, quarantine, earlier)
        if outcome.rows_received == 0 and delivery.feed.delivery == "snapshot":
            raise _refusal("no_rows", delivery)
        if guards and (held := _held(delivery, outcome)):
            outcome.verdict = "held"
            outcome.reason_code, outcome.message_zh, outcome.message_en = held
    except Unreadable as refused:
        outcome.verdict, outcome.reason_code = "refused", refused.code
        outcome.message_zh, outcome.message_en = refused.zh, refused.en
        outcome.rows_received = outcome.rows_accepted = outcome.rows_quarantined = outcome.rows_warned = 0
        outcome.reasons = []
        accepted.unlink(missing_ok=True)
        quarantine.unlink(missing_ok=True)
    if outcome.verdict == "accepted":
        outcome.row_checksum = checksum(accepted)
    outcome.seconds = round(time.monotonic() - started, 3)
    return outcome


def checksum(accepted: Path) -> str:
    """SHA-256 over the stored rows in file order, without the columns that say when they came.

    The same bytes under the same contract, layout and key give the same checksum on any machine.
    """
    import pyarrow.parquet as parquet

    digest = hashlib.sha256()
    file = parquet.ParquetFile(accepted)
    columns = [c for c in file.schema_arrow.names if c not in PROVENANCE or c == "_row"]
    for batch in file.iter_batches(columns=columns, batch_size=100_000):
        text = pl.DataFrame(pl.from_arrow(batch)).write_csv(include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.f")
        digest.update(text.encode())
    return digest.hexdigest()


def empty_accepted(feed: Feed) -> pl.DataFrame:
    """No rows, all columns: what a feed that never came looks like."""
    return pl.DataFrame(schema={name: POLARS_TYPES[sql] for name, sql in feed.accepted_columns.items()})


def empty_quarantine() -> pl.DataFrame:
    return pl.DataFrame(schema=dict(QUARANTINE_SCHEMA))


POLARS_TYPES: Mapping[str, Any] = {
    "VARCHAR": pl.String,
    "BIGINT": pl.Int64,
    "DOUBLE": pl.Float64,
    "BOOLEAN": pl.Boolean,
    "DATE": pl.Date,
    "TIMESTAMP": pl.Datetime("us"),
}


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


def _describe(outcome: Outcome, opened: Opened) -> None:
    found = opened.table.found
    outcome.format, outcome.encoding, outcome.sheet = found.format, found.encoding, found.sheet
    outcome.header_row = found.header_row
    outcome.headers_ignored = list(opened.arrangement.ignored)


def _write_split(
    delivery: Delivery,
    opened: Opened,
    outcome: Outcome,
    key: Key,
    accepted: Path,
    quarantine: Path,
    progress: Callable[[int], None] | None,
) -> None:
    second_opinion = _pandera(delivery.feed)
    counted: Counter[tuple[str, str, str, str, str]] = Counter()
    with _Sink(accepted, empty_accepted(delivery.feed)) as good, _Sink(quarantine, empty_quarantine()) as bad:
        for part in opened.splits():
            rows, reasons, rejected = part.accepted, part.reasons, part.rejected
            rows, objections = _second_opinion(second_opinion, rows)
            if objections.height:
                reasons, rejected = pl.concat([reasons, objections]), part.received - rows.height
            good.write(_stored(delivery, pseudonymise(rows, delivery.feed, key, on=delivery.received_at.date())))
            bad.write(_pointing(delivery, reasons))
            outcome.rows_received += part.received
            outcome.rows_quarantined += rejected
            outcome.rows_accepted += rows.height
            outcome.rows_warned += part.warned
            for *what, n in reasons.group_by("field", "rule", "severity", "message_zh", "message_en").len().iter_rows():
                counted[tuple(what)] += n
            if progress:
                progress(outcome.rows_received)
    outcome.reasons = _commonest(counted)


def _commonest(counted: Counter[tuple[str, str, str, str, str]], n: int = 10) -> list[dict[str, Any]]:
    """The ten commonest (field, rule), each with one of its sentences and how many rows it struck."""
    grouped: dict[tuple[str, str, str], list[Any]] = {}
    for (name, rule, severity, zh, en), count in sorted(counted.items(), key=lambda item: -item[1]):
        entry = grouped.setdefault((name, rule, severity), [0, zh, en])
        entry[0] += count
    ranked = sorted(grouped.items(), key=lambda item: (-item[1][0], item[0][1]))
    return [
        {"field": f, "rule": r, "severity": s, "rows": rows, "message_zh": zh, "message_en": en}
        for (f, r, s), (rows, zh, en) in ranked[:n]
    ]


def _second_opinion(schema: Any, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Validates accepted rows with pandera; what it objects to leaves with the reason `contract_violated`."""
    from pandera.errors import SchemaErrors

    if rows.height == 0:
        return rows, empty_reasons()
    try:
        schema.validate(rows, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases.filter(pl.col("index").is_not_null())
        if cases.height == 0:
            raise
        numbered = rows.with_row_index("index").select(pl.col("index").cast(pl.Int64), ROW)
        reasons = (
            cases.select(pl.col("index").cast(pl.Int64), pl.col("column").alias("field"), pl.col("check"))
            .join(numbered, on="index")
            .select(
                pl.col(ROW).alias("_row"),
                pl.col("field"),
                pl.col("field").alias("header"),
                pl.lit("contract_violated").alias("rule"),
                pl.lit("error").alias("severity"),
                pl.lit(None, dtype=pl.String).alias("value"),
                pl.format("不符合合同规则 {}", "check").alias("message_zh"),
                pl.format("does not meet the contract's check {}", "check").alias("message_en"),
            )
        )
        struck = cases["index"].cast(pl.Int64).unique()
        kept = rows.with_row_index("index").filter(~pl.col("index").cast(pl.Int64).is_in(struck.implode())).drop("index")
        return kept, reasons
    return rows, empty_reasons()


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
        pl.lit(delivery.feed.id).alias("_feed"),
        pl.lit(delivery.sender).alias("_sender"),
        pl.lit(delivery.receipt).alias("_receipt"),
        pl.lit(delivery.received_at).cast(pl.Datetime("us")).alias("_received_at"),
    ).select(list(QUARANTINE_SCHEMA))


def _reject_repeated_keys(
    delivery: Delivery, outcome: Outcome, accepted: Path, quarantine: Path, earlier: Sequence[Path]
) -> None:
    """Moves rows whose key stands already (earlier in this file or, for `append`, in an earlier one) to quarantine."""
    feed = delivery.feed
    con = _duckdb()
    # A melted file has many rows of one `_row`, so rows are told apart by their place in the accepted file.
    rows = f"read_parquet({_sql_paths([accepted])}, file_row_number = true)"
    key = ", ".join(f'"{name}"' for name in feed.stored_key)
    # Two passes: hashes find the few keys that can stand twice, and only those are compared.
    repeated = con.execute(
        f"select place, _row from (select file_row_number as place, _row, "
        f"row_number() over (partition by {key} order by file_row_number) as nth from {rows} "
        f"where hash({key}) in (select hash({key}) as h from {rows} group by h having count(*) > 1)) where nth > 1"
    ).fetchall()
    struck = {place: (row, "key_repeated") for place, row in repeated}
    if feed.delivery == "append" and earlier:
        same = " and ".join(f'a."{n}" = b."{n}"' for n in feed.stored_key)
        before = con.execute(
            f"select distinct a.file_row_number, a._row from {rows} a "
            f"join read_parquet({_sql_paths(earlier)}) b on {same}"
        ).fetchall()
        struck |= {place: (row, "key_already_delivered") for place, row in before if place not in struck}
    if not struck:
        return
    names = "、".join(feed.by_name[n].header for n in feed.key)
    facts = {"field": names, "key": ", ".join(feed.key)}
    sentences = {c: (message(c, "zh", **facts), message(c, "en", **facts)) for _, c in struck.values()}
    reasons = pl.DataFrame(
        [
            (row, ", ".join(feed.key), names, code, "error", None, *sentences[code])
            for _, (row, code) in sorted(struck.items())
        ],
        schema=dict(REASON_SCHEMA),
        orient="row",
    )
    kept = accepted.with_suffix(".kept")
    con.register("struck", pl.DataFrame({"file_row_number": list(struck)}, schema={"file_row_number": pl.Int64}).to_arrow())
    con.execute(
        f"copy (select * exclude (file_row_number) from {rows} anti join struck using (file_row_number) "
        f"order by file_row_number) to '{_quoted(kept)}' (format parquet)"
    )
    con.unregister("struck")
    kept.replace(accepted)
    pl.concat([pl.read_parquet(quarantine), _pointing(delivery, reasons)]).write_parquet(quarantine)
    outcome.rows_accepted -= len(struck)
    outcome.rows_quarantined += len(struck)
    counted = {(r["field"], r["rule"], r["severity"], r["message_zh"], r["message_en"]): r["rows"] for r in outcome.reasons}
    for *what, n in reasons.group_by("field", "rule", "severity", "message_zh", "message_en").len().iter_rows():
        counted[tuple(what)] = n
    outcome.reasons = _commonest(Counter(counted))


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    """One connection a process: opening one costs more than what most files ask of it."""
    import duckdb

    return duckdb.connect(config={"memory_limit": "1GB", "threads": 2})


@cache
def _pandera_of(path: Path, version: str) -> Any:
    from contracts.model import load_feed

    return pandera_schema(load_feed(path))


def _pandera(feed: Feed) -> Any:
    """The feed's pandera schema, built once a process."""
    return _pandera_of(feed.path, feed.version)


def _held(delivery: Delivery, outcome: Outcome) -> tuple[str, str, str] | None:
    """Whether a file guard of the contract wants a person to look first."""
    guards = delivery.feed.guards
    share = outcome.rows_quarantined / outcome.rows_received if outcome.rows_received else 0.0
    limit = guards.get("max_rejected_share")
    if limit is not None and outcome.rows_received >= guards.get("min_rows", 20) and share > limit:
        facts = {"share": f"{share:.0%}", "limit": f"{limit:.0%}", "file": delivery.name, "receipt": delivery.receipt}
        code = "too_many_rows_rejected"
        return code, message(code, "zh", **facts), message(code, "en", **facts)
    return None


def _sql_paths(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(f"'{_quoted(p)}'" for p in paths) + "]"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


class _Sink:
    """A Parquet file written batch by batch; typed and readable even when no row ever comes."""

    def __init__(self, path: Path, empty: pl.DataFrame) -> None:
        self.path, self.schema = path, empty.to_arrow().schema
        self._writer: pyarrow.parquet.ParquetWriter | None = None

    def __enter__(self) -> _Sink:
        import pyarrow.parquet as parquet

        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = parquet.ParquetWriter(self.path, self.schema, compression="snappy")
        return self

    def write(self, frame: pl.DataFrame) -> None:
        if frame.height and self._writer:
            self._writer.write_table(frame.to_arrow().cast(self.schema))

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.close()


__all__ = [
    "DTYPES",
    "Delivery",
    "Opened",
    "Outcome",
    "checksum",
    "empty_accepted",
    "empty_quarantine",
    "open_delivery",
    "pass_file",
]
