"""XLSX, XLS and ODS → batches of text.

Belongs here: choosing the sheet, turning typed cells into text that casts back exactly, refusing what would exhaust
memory before calamine sees it. A sheet is held in memory as a whole, so its cells are counted first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from contracts.reading.container import check_parts, matching
from contracts.reading.headers import SEARCHED_ROWS, locate
from contracts.reading.table import (
    Found,
    Limits,
    Reading,
    Record,
    Table,
    Unreadable,
    frames,
    is_blank,
    shaped,
    unreadable,
)

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

Sheet = list[list[str]]
T = TypeVar("T")
ERRORS = {
    "NA": "#N/A",
    "Div0": "#DIV/0!",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
}


def open_workbook(
    path: Path, kind: str, reading: Reading, known_headers: Collection[str], limits: Limits, *, file: str
) -> Table:
    """Opens a workbook; without a named sheet, the one whose header is known best, else the first with data.

    Raises:
        Unreadable: damaged, encrypted, hostile, no such sheet, no header.
    """
    has_errors = _checked(path, kind, limits, file)
    workbook = _calamine(path, kind, file)
    names = list(workbook.sheet_names)
    if reading.sheet is not None:
        wanted = matching(names, reading.sheet)
        if wanted is None:
            raise unreadable("sheet_missing", file=file, expected=reading.sheet, sheets="、".join(names[:20]))
        candidates = [wanted]
    else:
        visible = [s.name for s in workbook.sheets_metadata if str(s.visible).endswith("Visible")]
        candidates = visible or names
    refusal: Unreadable | None = None
    for name in candidates:
        sheet = _sheet(workbook, name, limits, kind, file)
        cells = _texts(sheet, kind, file)
        filled = [(i, row) for i, row in enumerate(cells, start=1) if not is_blank(row)]
        if not filled:
            continue
        if has_errors:
            _write_errors(path, names.index(name), cells)
        try:
            return _table(kind, sheet, filled, reading=reading, known_headers=known_headers, limits=limits, file=file)
        except Unreadable as refused:
            refusal = refusal or refused
    raise refusal or unreadable("no_sheet_with_data", file=file)


def _table(
    kind: str,
    sheet: CalamineSheet,
    filled: Sequence[tuple[int, list[str]]],
    *,
    reading: Reading,
    known_headers: Collection[str],
    limits: Limits,
    file: str,
) -> Table:
    first = [(number, _trimmed(row)) for number, row in filled[: max(SEARCHED_ROWS, reading.header_row or 0) + 2]]
    merged = [
        (top + 1, left, right)
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()
        if top == bottom and right > left
    ]
    header = locate(first, reading, known_headers, limits, merged, file=file)
    body = filled[header.index + header.rows :]
    width = len(header.names)

    def records() -> Iterator[Record]:
        for number, row in body:
            beyond = None if is_blank(row[width:]) else "too_many_cells"
            yield number, *shaped(row[:width], beyond, limits.cell_chars)

    found = Found(kind, sheet=sheet.name, header_row=first[header.index][0], headers=header.names)
    return Table(found, lambda: frames(records(), header.names, limits.batch_rows))


def _calamine(path: Path, kind: str, file: str) -> CalamineWorkbook:
    from python_calamine import CalamineWorkbook, PasswordError

    try:
        return _asked(lambda: CalamineWorkbook.from_path(str(path)), kind, file)
    except PasswordError:
        raise unreadable("encrypted_file", file=file) from None


def _asked(ask: Callable[[], T], kind: str, file: str) -> T:
    """What calamine answers, or Unreadable."""
    from python_calamine import PasswordError

    try:
        return ask()
    except (PasswordError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the Rust reader is no Exception
        raise unreadable("damaged_file", file=file, format=kind, detail=str(error).split("\n")[0][:160]) from None


def _sheet(workbook: CalamineWorkbook, name: str, limits: Limits, kind: str, file: str) -> CalamineSheet:
    sheet = _asked(lambda: workbook.get_sheet_by_name(name), kind, file)
    if sheet.total_width > limits.columns:
        raise unreadable("too_many_columns", file=file, found=sheet.total_width, limit=limits.columns)
    return sheet


def _texts(sheet: CalamineSheet, kind: str, file: str) -> Sheet:
    rows = _asked(lambda: sheet.to_python(skip_empty_area=False), kind, file)
    return [[cell if type(cell) is str else as_text(cell) for cell in row] for row in rows]


def as_text(cell: Any) -> str:
    """A typed cell → text that casts back to the same value: 510107.0 → 510107, dates in ISO form."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if math.isfinite(cell) and cell == int(cell) and abs(cell) < 1e18 else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        seconds = int(cell.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return "" if cell is None else str(cell)


def _trimmed(row: list[str]) -> list[str]:
    end = len(row)
    while end and is_blank(row[end - 1 : end]):
        end -= 1
    return row[:end]


def _write_errors(path: Path, index: int, cells: Sheet) -> None:
    """calamine gives an error cell (#N/A) as empty; fastexcel knows where they are."""
    import fastexcel

    try:
        sheet = fastexcel.read_excel(path).load_sheet(index, header_row=None, dtypes="string")
        errors = sheet.to_arrow_with_errors()[1]
    except fastexcel.FastExcelError:
        return
    for error in errors.errors if errors else ():
        row, column = error.offset_position
        name = re.search(r"Error\((\w+)\)", error.detail)
        if row < len(cells) and column < len(cells[row]):
            cells[row][column] = ERRORS.get(name[1] if name else "", "#ERROR!")


# ── before calamine sees it ─────────────────────────────────────────────────────────────────────

_FAR_COLUMN = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]{2,3})\d")
_FAR_ROW = re.compile(rb"\sr\s*=\s*[\"'][A-Za-z]{0,3}(\d{5,7})[\"']")
_ERROR_CELL = re.compile(rb"\st\s*=\s*[\"']e[\"']")


def _checked(path: Path, kind: str, limits: Limits, file: str) -> bool:
    """Refuses hostile workbooks; returns whether error cells may be in it.

    A sheet of two cells, one in XFD1048576, would be laid out as 17 thousand million cells.
    """
    if kind == "xls":
        if path.stat().st_size > limits.workbook_bytes:
            raise unreadable("file_too_large", file=file, limit=f"{limits.workbook_bytes // 1_000_000} MB")
        return True  # at most 65,536 × 256 cells by its format
    if kind == "ods":
        from contracts.reading.opendocument import check_size

        check_parts(path, limits, lambda name, piece: None, file=file)
        check_size(path, limits, file=file)
        return False
    corners: dict[str, tuple[int, int]] = {}
    errors = False

    def look(name: str, piece: bytes) -> None:
        nonlocal errors
        if not name.startswith("xl/worksheets/"):
            return
        rows, columns = corners.get(name, (9_999, 26))
        columns = max([columns, *(_column(c) for c in set(_FAR_COLUMN.findall(piece)))])
        rows = max([rows, *(int(r) for r in set(_FAR_ROW.findall(piece)))])
        corners[name] = rows, columns
        errors = errors or bool(_ERROR_CELL.search(piece))

    check_parts(path, limits, look, file=file)
    for rows, columns in corners.values():
        if columns > limits.columns:
            raise unreadable("too_many_columns", file=file, found=columns, limit=limits.columns)
        if rows * columns > max(limits.workbook_cells, 1_048_576 * 26):
            raise unreadable("too_many_cells_in_sheet", file=file, limit=f"{limits.workbook_cells:,}")
    return errors


def _column(letters: bytes) -> int:
    """AA → 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
