"""Parcels → files with the same bytes on every machine.

Belongs here: spelling values as text, and the formats departments use. Does not belong here: what is in a file.
"""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import polars as pl

from contracts.loading import load_feeds
from demo.spoil import Fault, Planted

SHANGHAI = ZoneInfo("Asia/Shanghai")
# Workbooks carry the time they were made; a constant keeps the bytes equal.
WORKBOOK_CREATED = datetime(2026, 1, 1)


@dataclass(frozen=True)
class Form:
    """How a parcel is written: kind of file, encoding, separator, and the title rows above a workbook's header."""

    kind: Literal["csv", "xlsx", "json", "ndjson"] = "csv"
    encoding: str = "utf-8"
    separator: str = ","
    gzip: bool = False
    title: str | None = None

    @property
    def first_row(self) -> int:
        """The number a department gives to its first data row."""
        return {"csv": 2, "xlsx": 4 if self.title else 2, "json": 1, "ndjson": 1}[self.kind]


@dataclass(frozen=True)
class Parcel:
    """One file to be sent: rows by field name, how to write them, and what shall be wrong in them.

    Attributes:
        headers: field → the sender's own header, where it does not use the contract's.
        hidden: columns of the frame that faults look at and the file does not show.
        body: what the file holds instead, when it is broken as a whole.
        cut: only the first half of the bytes arrives.
        copy_of: name of the file these bytes were sent under before.
    """

    feed: str
    name: str
    received_at: datetime
    frame: pl.DataFrame
    form: Form = Form()
    sender: str = "shifan"
    headers: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    faults: Sequence[Fault] = ()
    body: bytes | None = None
    cut: bool = False
    copy_of: str | None = None


@dataclass(frozen=True)
class Delivery:
    """A file on disk as the inbox will see it.

    Attributes:
        received_at: Asia/Shanghai wall time, also the file's modification time.
        rows: data rows a reader finds; 0 for a file that is broken as a whole.
        first_row: the number a department gives to its first data row.
        mishap: what befell the file, if anything.
        planted: the faults made in it.
    """

    path: Path
    feed: str
    sender: str
    received_at: datetime
    rows: int
    first_row: int
    mishap: str | None = None
    planted: tuple[Planted, ...] = ()


def write(folder: Path, parcel: Parcel, text: pl.DataFrame, misshapen: Mapping[int, str]) -> Path:
    """Writes a parcel's text below `folder`/feed/sender; the file's time is when it was received.

    Args:
        text: all-text frame by field name, faults already planted.
        misshapen: data row → `too_many_cells` or `too_few_cells`, for text files only.
    """
    path = folder / parcel.feed / parcel.sender / parcel.name
    path.parent.mkdir(parents=True, exist_ok=True)
    body = parcel.body if parcel.body is not None else encode(parcel, text, misshapen)
    path.write_bytes(body[: len(body) // 2] if parcel.cut else body)
    stamp = parcel.received_at.replace(tzinfo=SHANGHAI).timestamp()
    os.utime(path, (stamp, stamp))
    return path


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Typed values as a department would type them: 是/否, ISO dates and times, plain numbers."""
    spelt = []
    for name, dtype in frame.schema.items():
        value = pl.col(name)
        if dtype == pl.Boolean:
            value = pl.when(value).then(pl.lit("是")).when(~value).then(pl.lit("否"))
        elif isinstance(dtype, pl.Datetime):
            value = value.dt.strftime("%Y-%m-%d %H:%M:%S")
        spelt.append(value.cast(pl.String).alias(name))
    return frame.select(spelt)


def encode(parcel: Parcel, text: pl.DataFrame, misshapen: Mapping[int, str]) -> bytes:
    """The bytes of a parcel."""
    own = headers_of(parcel.feed)
    named = text.rename({name: parcel.headers.get(name, own.get(name, name)) for name in text.columns})
    form = parcel.form
    if form.kind == "csv":
        body = _csv(named, form, misshapen)
    elif form.kind == "xlsx":
        body = _xlsx(named, form)
    else:
        body = _json(named, form)
    # A gzip header carries a time and a name; leaving both out keeps the bytes equal.
    return gzip.compress(body, 6, mtime=0) if form.gzip else body


@lru_cache(maxsize=32)
def headers_of(feed: str) -> dict[str, str]:
    """field → the header the contract calls usual."""
    return {f.name: f.header for f in load_feeds()[feed].fields}


def _csv(named: pl.DataFrame, form: Form, misshapen: Mapping[int, str]) -> bytes:
    written = named.write_csv(separator=form.separator)
    if misshapen:
        lines = written.split("\n")
        for row, shape in misshapen.items():
            line = lines[row + 1]
            lines[row + 1] = form.separator + line if shape == "too_many_cells" else line.rsplit(form.separator, 1)[0]
        written = "\n".join(lines)
    return written.encode(form.encoding)


def _xlsx(named: pl.DataFrame, form: Form) -> bytes:
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_numbers": False, "strings_to_formulas": False})
    book.set_properties({"created": WORKBOOK_CREATED, "author": "示范市（虚构示例 fictional）"})
    sheet = book.add_worksheet("数据")
    header_row = form.first_row - 2
    if form.title:
        sheet.write_string(0, 0, f"{form.title}（虚构示例 fictional）")
        sheet.write_string(1, 0, "填报单位：示范市有关部门　　单位以表头为准")
    sheet.write_row(header_row, 0, named.columns)
    for j, name in enumerate(named.columns):
        column = named[name]
        # Departments type figures as numbers; what is no figure stays the text it is.
        numbers = None if form_is_text(column) else column.cast(pl.Float64, strict=False)
        for i, value in enumerate(column):
            if value is None:
                continue
            if numbers is not None and (number := numbers[i]) is not None:
                sheet.write_number(header_row + 1 + i, j, number)
            else:
                sheet.write_string(header_row + 1 + i, j, value)
    book.close()
    return buffer.getvalue()


def form_is_text(column: pl.Series) -> bool:
    """Whether a workbook column must stay text: codes with leading zeros or more digits than a number holds."""
    filled = column.drop_nulls()
    return bool((filled.str.contains(r"^0\d") | (filled.str.len_chars() > 11)).any())


def _json(named: pl.DataFrame, form: Form) -> bytes:
    records: list[dict[str, Any]] = named.to_dicts()
    if form.kind == "ndjson":
        return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode(form.encoding)
    document = {"说明": "虚构示例 fictional", "data": {"list": records}}
    return json.dumps(document, ensure_ascii=False, indent=1).encode(form.encoding)
