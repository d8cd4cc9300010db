"""What is said of a checked file, in the terminal and on the page alike.

Belongs here: the sentences and their order. Does not belong here: what is wrong (checking.py), colours and layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from contracts.reading.headers import column_name

if TYPE_CHECKING:
    from contracts.desk.checking import Checked

COLUMNS = ("行 row", "行数 rows", "列 field", "值 value", "怎么改", "what is wrong")
HEADINGS = {
    "error": "不能接收，须更正 · Would not be accepted, to be corrected",
    "warning": "可以接收，请核对 · Accepted, to be looked at",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in as many rows as have it alike."""

    severity: str
    row: str  # the first, as the sender finds it in the file
    rows: int
    header: str
    value: str
    zh: str
    en: str


def opening(checked: Checked) -> list[str]:
    """How the file was read, and what of it was not."""
    found, feed = checked.opened.table.found, checked.opened.arrangement.feed
    how = [found.format, found.encoding, found.sheet and f"工作表 sheet {'、'.join(found.sheets) or found.sheet}"]
    how.append(f"表头在第 {found.header_row} 行 header in row {found.header_row}" if found.header_row else None)
    lines = [f"{checked.totals.file} → {feed.label_zh} · {feed.label_en}", "，".join(part for part in how if part)]
    if ignored := checked.unused:
        lines.append("没有用到的列 columns not used: " + "、".join(column_name(h, "zh") for h in ignored))
    if found.unread:
        lines.append("没有读取的工作表 sheets not read: " + "、".join(found.unread))
    return lines


def whole_file(checked: Checked) -> list[str]:
    """What is to be said of the file as a whole; nothing where all is well."""
    outcome = checked.outcome
    return [outcome.message_zh, outcome.message_en or ""] if outcome.message_zh else []


def counted(checked: Checked) -> list[str]:
    """How many rows would come in, in Chinese and in English."""
    t = checked.totals
    return [
        f"共 {t.received:,} 行：可接收 {t.accepted:,}，不能接收 {t.rejected:,}，有提醒 {t.warned:,}。",
        f"{t.received:,} rows: {t.accepted:,} would be accepted, {t.rejected:,} would not, {t.warned:,} with a warning.",
    ]


def problems(checked: Checked) -> list[Problem]:
    """Everything that is wrong, rows with the same fault together; what is refused before what is only warned of."""
    alike = checked.reasons.group_by(
        "header", "value", "severity", "message_zh", "message_en", maintain_order=True
    ).agg(pl.col("_row").first().alias("first"), pl.len().alias("rows"))
    place = checked.opened.table.found.place
    found = [
        Problem(
            r["severity"], place(r["first"]), r["rows"], r["header"] or "", r["value"] or "", r["message_zh"] or "", r["message_en"] or "",
        )
        for r in alike.iter_rows(named=True)
    ]  # fmt: skip
    return sorted(found, key=lambda problem: list(HEADINGS).index(problem.severity))
