"""What opening a file gives back, what may be asked of it, and how much of it is taken.

Belongs here: the words the readers share. Does not belong here: reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import polars as pl

from contracts.messages import message

ROW, SHAPE = "_row", "_shape"
# What is to be said of single cells of a row: `header MARK code`, the cells one after the other with CELL between them.
MARKS, MARK, CELL = "_marks", "\x1f", "\x1e"
# The row of a later sheet counts from here: 20,000,003 is row 3 of the third sheet read. No sheet has so many rows.
SHEET_STEP = 10_000_000
MB = 1_000_000
# A cell of these alone is blank: white space as Excel, web pages, typesetters and old systems leave it (a form feed ends a page of
# print). U+001C to U+001F are no blanks, whatever Python says: two of them are our own marks, and a cell of them is not lost.
BLANKS = "\ufeff\u200b \t\r\n\v\f\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

# A row before it is put into a frame: where it stands in the file, its cells, the reason why its shape is wrong.
Record = tuple[int, Sequence[str | None], str | None]


class Unreadable(Exception):
    """The whole file is refused. str() is the English sentence; `.zh`, `.en` and `.code` say the rest.

    Attributes:
        quoted: cells of the file that the sentences quote, which may be anybody's data; "" where they quote none.
    """

    def __init__(self, code: str, zh: str, en: str, quoted: str = "") -> None:
        super().__init__(en)
        self.code, self.zh, self.en, self.quoted = code, zh, en, quoted

    def __reduce__(self) -> tuple[type, tuple[str, str, str, str]]:
        return type(self), (self.code, self.zh, self.en, self.quoted)


def unreadable(code: str, **facts: Any) -> Unreadable:
    # Where no header was found, what was found in its place may be a row of data.
    quoted = facts["found"] if code == "header_not_found" else ""
    return Unreadable(code, message(code, "zh", **facts), message(code, "en", **facts), quoted)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a layout may say about a sender's file; None means: find out.

    Attributes:
        format: csv, xlsx, xls, ods, json, ndjson, geojson or parquet (tsv and txt mean csv).
        encoding: of a text file.
        delimiter: of a text table, one character.
        sheet: name of the worksheet.
        header_row: 1-based row (workbook) or line (text) in which the header begins.
        header_rows: 2 where a group header stands above the column headers; they are joined as `group/column`.
        records: path to the records of a JSON document, see `contracts.reading.records`.
        member: name of the data file inside a zip archive.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    header_rows: int | None = None
    records: str | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is taken before it is refused; far above what a department sends."""

    unpacked_bytes: int = 20_000 * MB  # of a gz or zip
    ratio: int = 200  # unpacked over packed, looked at beyond `ratio_from` bytes
    ratio_from: int = 50 * MB
    document_bytes: int = 256 * MB  # JSON and GeoJSON are read as a whole
    workbook_bytes: int = 2_000 * MB  # the XML of a workbook, unpacked
    workbook_cells: int = 20_000_000  # rows × columns of a sheet
    columns: int = 2_000
    cell_chars: int = 100_000
    chunk_bytes: int = 16 * MB  # of a text table, parsed at once
    batch_rows: int = 50_000  # of every other format


@dataclass
class Found:
    """How the file was read; goes into the receipt."""

    format: str
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    headers: list[str] = field(default_factory=list)
    member: str | None = None
    container: str | None = None
    # Sheets read as one table, and those with something in them that were not.
    sheets: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    # What the sender is to know of the whole file: codes of contracts.messages and their facts.
    notes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)  # headers that stand more than once, as they were sent
    made: list[str] = field(
        default_factory=list
    )  # columns that the reader made and no sender wrote (a geometry's point)
    above: list[str] = field(default_factory=list)  # what stands above the header
    below: list[str] = field(default_factory=list)  # the first row below it
    starts_1904: bool = False  # days are counted from 1904
    crs: str | None = None  # the system a GeoJSON names

    def place(self, row: int) -> str:
        """A row as its sender finds it: with the sheet's name where several were read."""
        nth, number = divmod(row, SHEET_STEP)
        return f"{self.sheets[nth]}!{number}" if len(self.sheets) > 1 and nth < len(self.sheets) else str(row)


@dataclass
class Table:
    """An opened file: how it was found, and its rows, as often as wanted.

    Attributes:
        found: what was found out about the file.
        source: makes the batches anew.
        holds: keeps an unpacked copy alive as long as the table.
    """

    found: Found
    source: Callable[[], Iterator[pl.DataFrame]]
    holds: object = None

    def batches(self) -> Iterator[pl.DataFrame]:
        """Batches of rows: a String column per header with the text as sent (empty: null or ""), `_row` and `_shape`.

        `_row` (Int64) counts as the sender does: the line a record starts at, the row of the sheet, the number of
        the JSON record; in a second sheet of the same shape from SHEET_STEP on. `_shape` (String) is null or the reason
        code why the row is not shaped like the header. A workbook adds `_marks` (String) where cells have to be told of.
        Rows with nothing in any cell are left out.

        Raises:
            Unreadable: what follows cannot be read at all (a damaged archive or Parquet page).
        """
        yield from self.source()


def frames(records: Iterable[Record], headers: Sequence[str], size: int) -> Iterator[pl.DataFrame]:
    """Records → frames of at most `size` rows. Cells beyond the headers are not kept: the archive has them."""
    width, schema = len(headers), _schema(headers)
    records = iter(records)
    while rows := list(islice(records, size)):
        columns = zip(*((*_fitted(cells, width), number, shape) for number, cells, shape in rows), strict=True)
        yield pl.DataFrame([pl.Series(n, c, dtype=t) for (n, t), c in zip(schema.items(), columns, strict=True)])


def no_rows(headers: Iterable[str]) -> pl.DataFrame:
    return pl.DataFrame(schema=_schema(headers))


def _schema(headers: Iterable[str]) -> dict[str, Any]:
    return {**dict.fromkeys(headers, pl.String), ROW: pl.Int64, SHAPE: pl.String}


def _fitted(cells: Sequence[str | None], width: int) -> Sequence[str | None]:
    if len(cells) == width:
        return cells
    return cells[:width] if len(cells) > width else (*cells, *[None] * (width - len(cells)))


def shaped(cells: Sequence[str | None], shape: str | None, cell_chars: int) -> tuple[Sequence[str | None], str | None]:
    """Cells that no store takes are made harmless, and the row says so unless something else is wrong with it."""
    text = "".join(filter(None, cells))
    if "\0" in text:
        cells, shape = [cell and cell.replace("\0", "\ufffd") for cell in cells], shape or "nul_byte"
    if len(text) > cell_chars and any(cell and len(cell) > cell_chars for cell in cells):
        cells, shape = [cell and cell[:cell_chars] for cell in cells], shape or "cell_too_long"
    return cells, shape


def is_blank(cells: Iterable[str | None]) -> bool:
    return not any(cell and cell.strip(BLANKS) for cell in cells)
