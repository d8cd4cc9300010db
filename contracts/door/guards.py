"""File guards: when a whole file, sound row by row, waits for a person all the same.

A contract says under `guards` what may not happen between one file of a sender and the next. Belongs here: judging a
file by its counts and periods. Does not belong here: rows (rows.py) and what a person's word changes (approvals.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from contracts.door.keys import Seen
from contracts.door.writing import fetch, parquet_files
from contracts.messages import message
from contracts.model import Continuity, Feed, Layout

SHOWN = 3  # missing periods a sentence names


@dataclass(frozen=True)
class Finding:
    """What a guard says of a file; `holds` is false where the contract wants to be told and no more."""

    code: str
    holds: bool
    zh: str
    en: str


def findings(
    feed: Feed,
    layout: Layout | None,
    file: Path,
    earlier: Sequence[Path],
    seen: Seen,
    *,
    rows_in_scope: int,
    rows_rejected: int,
    name: str,
    receipt: str,
) -> list[Finding]:
    """Everything the contract's guards say of one file, what holds it first.

    Args:
        file: its accepted rows, as Parquet.
        earlier: accepted files of the same sender that count, oldest first; without any, only the share of rejected
            rows is judged.
        seen: what is known of them.
        rows_in_scope: rows received, less those the layout sets aside.
        rows_rejected: of these.
        name: of the file as sent, for the sentence.
    """
    facts = {"file": name, "receipt": receipt}
    found = [
        *_rejected(feed, layout, rows_in_scope, rows_rejected, facts),
        *_size(feed, _rows([file]), _rows(earlier[-1:]), facts),
        *_continuity(feed, file, earlier, seen, facts),
    ]
    return sorted(found, key=lambda finding: not finding.holds)


def _rejected(feed: Feed, layout: Layout | None, rows: int, rejected: int, facts: dict[str, Any]) -> Iterable[Finding]:
    limit = feed.guards.max_rejected_share
    # A layout with absent fields has told beforehand that its rows will be rejected.
    if limit is None or rows < feed.guards.min_rows or (layout and layout.absent) or rejected / rows <= limit:
        return
    # Rounded down: 99.97 % is not all.
    share = f"{1000 * rejected // rows / 10:g}%"
    yield _finding("too_many_rows_rejected", share=share, limit=f"{limit:.0%}", **facts)


def _size(feed: Feed, rows: int, before: int, facts: dict[str, Any]) -> Iterable[Finding]:
    """Rows against the last accepted file, which must be large enough to prove something."""
    low, high = feed.guards.min_rows_ratio, feed.guards.max_rows_ratio
    if before < feed.guards.min_rows:
        return
    if low is not None and rows < low * before:
        yield _finding("rows_collapsed", rows=f"{rows:,}", before=f"{before:,}", limit=f"{low:.0%}", **facts)
    if high is not None and rows > high * before:
        yield _finding("rows_exploded", rows=f"{rows:,}", before=f"{before:,}", limit=f"{high:g}", **facts)


def _continuity(
    feed: Feed, file: Path, earlier: Sequence[Path], seen: Seen, facts: dict[str, Any]
) -> Iterable[Finding]:
    rule = feed.guards.continuity
    if rule is None or not earlier:
        return
    column = feed.by_name[rule.field].stored_as
    period = f'"{column}"' if rule.step == "year" else f'cast("{column}" as date)'
    present = _values(f"select distinct {period} from read_parquet({parquet_files([file])})")
    if missing := missing_periods(rule, seen.last(column, earlier), present):
        more = "" if len(missing) <= SHOWN else f" … ({len(missing)})"
        shown = "、".join(missing[:SHOWN]) + more
        label = feed.by_name[rule.field]
        yield _finding("period_missing", rule.severity == "error", periods=shown, field=label.header, field_en=label.label_en, **facts)  # fmt: skip


def missing_periods(rule: Continuity, before: Iterable[Any], present: Iterable[Any]) -> list[str]:
    """Periods after the last of `before` and up to the last of `present` that are not in `present`.

    >>> missing_periods(Continuity(field="month", step="month"), [date(2025, 11, 1)], [date(2026, 1, 1)])
    ['2025-12']
    """
    seen = {_number(rule, value) for value in present if value is not None}
    old = [_number(rule, value) for value in before if value is not None]
    if not seen or not old:
        return []
    return [_label(rule, n) for n in range(max(old) + 1, max(seen)) if n not in seen]


def _number(rule: Continuity, value: date | int) -> int:
    """The periods of one step counted through, so that neighbours differ by 1."""
    if isinstance(value, int):
        return value
    match rule.step:
        case "year":
            return value.year
        case "month":
            return value.year * 12 + value.month - 1
        case "week":
            return (value.toordinal() - 1) // 7
        case "day":
            return value.toordinal()


def _label(rule: Continuity, number: int) -> str:
    match rule.step:
        case "year":
            return str(number)
        case "month":
            return f"{number // 12}-{number % 12 + 1:02}"
        case "week":
            return date.fromordinal(number * 7 + 1).isoformat()
        case "day":
            return date.fromordinal(number).isoformat()


def _finding(code: str, holds: bool = True, **facts: Any) -> Finding:
    return Finding(code, holds, message(code, "zh", **facts), message(code, "en", **facts))


def _rows(files: Sequence[Path]) -> int:
    from pyarrow import parquet

    return sum(parquet.read_metadata(path).num_rows for path in files)


def _values(query: str) -> list[Any]:
    return [value for (value,) in fetch(query)]
