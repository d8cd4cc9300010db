"""XLSX, XLS and ODS → batches of text.

Belongs here: choosing the sheets, turning typed cells into text that casts back exactly, giving merged cells to their
rows, refusing what would exhaust memory before calamine sees it. What a cell shows beyond its value is found by
spreadsheet_xml (XLSX), biff (XLS) and opendocument (ODS). A sheet is held in memory as a whole, so its cells are counted
first.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from xml.parsers import expat

import polars as pl

from contracts.reading.container import OVERLAP, check_parts, foreign, matching
from contracts.reading.headers import SEARCHED_ROWS, Header, fold, locate, spanned
from contracts.reading.shown import number_text
from contracts.reading.spreadsheet_xml import (
    PART,
    RAISED,
    WHOLE,
    Hidden,
    Odd,
    column_letters,
    column_number,
    commented_cells,
    formats_of,
    odd_cells,
    struck_rows,
)
from contracts.reading.table import (
    CELL,
    MARK,
    MARKS,
    ROW,
    SHEET_STEP,
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

Cell = tuple[int, int]
T = TypeVar("T")
EXACT = 1e15  # from here on Excel has lost the last digits of a number
# A sheet so called holds the rows of the others once more, or rows that nobody means to send.
NOT_FURTHER_ROWS = re.compile("汇总|匯總|总表|總表|合计|全部|示例|样例|样表|范例|备份|summary|total|example|sample|backup|copy", re.IGNORECASE)  # fmt: skip
SHEET_ROWS = 1_048_576


@dataclass
class Look:
    """What is known of a workbook's cells beyond their values."""

    odd: Callable[[str], Odd]  # of a sheet
    hidden: Callable[[str], Hidden]  # of a sheet
    merged: Callable[[str], list[tuple[Cell, Cell]] | None] = lambda _: None  # None: the reader of the values knows
    starts_1904: bool = False
    has_other_errors: bool = False  # that the reader of the values does not know


@dataclass
class Sheet:
    """A sheet as text, every cell where it stands; `marks`: what is to be said of a cell."""

    name: str
    cells: list[list[str]]
    merged: list[tuple[Cell, Cell]]
    marks: dict[Cell, str] = field(default_factory=dict)
    header: Header | None = None
    above: list[str] = field(default_factory=list)
    header_row: int = 0
    body: list[int] = field(default_factory=list)  # rows below the header that hold anything, from 0

    def filled(self) -> list[int]:
        """Rows that hold anything: a formula without a result is something."""
        told = {row for row, _ in self.marks}
        return [i for i, row in enumerate(self.cells) if i in told or not is_blank(row)]

    def most_known(self, rows: Sequence[int], known: Collection[str]) -> int:
        """How many known headers its best row names."""
        searched = [self.cells[row] for row in rows[:SEARCHED_ROWS]]
        return max((len({fold(cell) for cell in row} & set(known)) for row in searched), default=0)

    def knows(self, known: Collection[str]) -> set[str]:
        """The known headers it has."""
        return {fold(name) for name in self.header.names if fold(name) in known} if self.header else set()


def open_workbook(
    path: Path, kind: str, reading: Reading, known_headers: Collection[str], limits: Limits, *, file: str
) -> Table:
    """Opens a workbook; without a named sheet, the one whose header is known best and all others of its shape.

    Raises:
        Unreadable: damaged, encrypted, hostile, no such sheet, two of one name, no header, sheets of which it is unknown whether they belong
            together, a header that stands over several columns.
    """
    look = _checked(path, kind, limits, file)
    workbook = _calamine(path, kind, look, file)
    candidates, hidden = _candidates(workbook, reading, file)
    known = {fold(h) for h in known_headers} - {""}
    refusal: Unreadable | None = None
    located: list[Sheet] = []
    others: list[str] = []
    unclear: list[tuple[int, Unreadable]] = []
    for name in candidates:
        sheet = _sheet(workbook, name, look, limits, kind, file)
        filled = sheet.filled() if sheet else []
        if sheet is None or not filled:
            continue
        try:
            _find_header(sheet, filled, reading, known_headers, limits, file)
        except Unreadable as refused:
            if refused.code not in ("header_not_found", "header_repeated", "header_spans_columns"):
                raise
            refusal = refusal or refused
            others.append(name)
            unclear.append((sheet.most_known(filled, known), refused))
            continue
        located.append(sheet)
        if not known:
            break
    if not located:
        raise refusal or unreadable("no_sheet_with_data", file=file)
    best = max(located, key=lambda sheet: len(sheet.knows(known)))
    for hits, reason in unclear:
        # A sheet of notes may name a header twice; one that looks like the table itself may not.
        if reason.code != "header_not_found" and 2 * hits > len(best.knows(known)):
            raise reason
    together = _of_one_shape(best, located, known, file)
    others += [sheet.name for sheet in located if sheet not in together]
    found = Found(kind, sheet=together[0].name, header_row=together[0].header_row, starts_1904=look.starts_1904)
    found.sheets, found.unread = [sheet.name for sheet in together], [n for n in candidates if n in others]
    doubtful = [sheet.name for sheet in located if sheet not in together and len(sheet.knows(known)) > 1]
    if doubtful:
        found.notes.append(("sheets_not_read", {"sheets": "、".join(doubtful), "read": "、".join(found.sheets)}))
    alike = [name for name in hidden if _is_alike(workbook, name, best, look, reading, known_headers, limits, kind)]
    if alike:
        found.notes.append(("sheets_hidden", {"sheets": "、".join(alike), "read": "、".join(found.sheets)}))
    found.notes += _hidden_within(together, look, found)
    table = _table(together, found, known_headers, limits, file)
    # A unit is stated for the whole sheet wherever it stands: in a box, a comment, the printed margin, a line below the table.
    found.above += [text for sheet in together for text in (*look.hidden(sheet.name).beside(), *_lines_below(sheet))]
    return table


def _candidates(workbook: CalamineWorkbook, reading: Reading, file: str) -> tuple[list[str], list[str]]:
    """The sheets that may be read, and those that nobody sees."""
    names = list(workbook.sheet_names)
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise unreadable("sheets_of_one_name", file=file, sheets="、".join(twice[:20]))
    if reading.sheet is not None:
        wanted = matching(names, reading.sheet)
        if wanted is None:
            raise unreadable("sheet_missing", file=file, expected=reading.sheet, sheets="、".join(names[:20]))
        return [wanted], []
    visible = [s.name for s in workbook.sheets_metadata if str(s.visible).endswith("Visible")]
    return visible or names, [name for name in names if name not in (visible or names)]


def _hidden_within(together: Sequence[Sheet], look: Look, found: Found) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows and columns that are read and that their sender does not see, as a filter leaves them, or has struck through."""
    rows: list[str] = []
    struck: list[str] = []
    columns: list[str] = []
    commented: list[str] = []
    ruled: list[str] = []
    boxed = [sheet.name for sheet in together if look.hidden(sheet.name).boxes]
    for nth, sheet in enumerate(together):
        hidden, names = look.hidden(sheet.name), sheet.header.names if sheet.header else []
        rows += [found.place(nth * SHEET_STEP + row + 1) for row in sheet.body if row in hidden.rows]
        struck += [found.place(nth * SHEET_STEP + row + 1) for row in sheet.body if row in hidden.struck]
        body = set(sheet.body) if hidden.commented else ()
        named = f"{sheet.name}!" if len(together) > 1 else ""
        commented += [f"{named}{column_letters(c)}{r + 1}" for r, c in sorted(hidden.commented) if r in body]
        ruled += [named + cells for cells in hidden.ruled]
        columns += [
            name for at, name in enumerate(names)
            if at in hidden.columns and any(not is_blank(sheet.cells[row][at : at + 1]) for row in sheet.body)
        ]  # fmt: skip
    if rows:
        yield "rows_hidden", {"count": len(rows), "rows": _some(rows)}
    if struck:
        yield "rows_struck", {"count": len(struck), "rows": _some(struck)}
    if commented:
        yield "cells_commented", {"count": len(commented), "cells": _some(commented)}
    if any(look.hidden(sheet.name).is_stale for sheet in together):
        yield "formulas_stale", {}
    if boxed:
        yield "text_boxes", {"sheets": _some(boxed)}
    if ruled:
        yield "formats_by_rule", {"cells": _some(ruled)}
    if columns:
        yield "columns_hidden", {"columns": _some(list(dict.fromkeys(columns)))}


def _some(names: Sequence[str]) -> str:
    return "、".join(names[:12]) + (" …" if len(names) > 12 else "")


def _is_alike(
    workbook: CalamineWorkbook,
    name: str,
    best: Sheet,
    look: Look,
    reading: Reading,
    known_headers: Collection[str],
    limits: Limits,
    kind: str,
) -> bool:
    """Whether a hidden sheet has rows under the header of the one that is read."""
    known = {fold(h) for h in known_headers} - {""}
    try:
        sheet = _sheet(workbook, name, look, limits, kind, "")
        if sheet is None or not (filled := sheet.filled()):
            return False
        _find_header(sheet, filled, reading, known_headers, limits, "")
    except Unreadable:
        return False
    return bool(sheet.body) and 2 * len(sheet.knows(known)) > len(best.knows(known)) > 0


def _of_one_shape(best: Sheet, located: list[Sheet], known: set[str], file: str) -> list[Sheet]:
    """The sheets that are one table. Those whose header is another are left out if it is clearly another's.

    Raises:
        Unreadable: another sheet has most of the known headers and not all, or holds perhaps the same rows again.
    """
    wanted = best.knows(known)
    together = [sheet for sheet in located if sheet is best or (known and sheet.knows(known) == wanted)]
    half = [
        s for s in located if s not in together and len(s.knows(known)) > 1 and 2 * len(s.knows(known)) > len(wanted)
    ]
    if half:
        shown = "、".join(sheet.name for sheet in (best, *half))
        raise unreadable("sheets_differ", file=file, sheets=shown)
    if len(together) > 1 and any(NOT_FURTHER_ROWS.search(sheet.name) for sheet in together):
        raise unreadable("sheets_may_repeat", file=file, sheets="、".join(sheet.name for sheet in together))
    return together


def _find_header(
    sheet: Sheet, filled: list[int], reading: Reading, known_headers: Collection[str], limits: Limits, file: str
) -> None:
    searched = filled[: max(SEARCHED_ROWS, reading.header_row or 0) + 2]
    first = [(row + 1, _trimmed(sheet.cells[row])) for row in searched]
    merged = [(top + 1, left, right) for (top, left), (bottom, right) in sheet.merged if top == bottom and right > left]
    header = locate(first, reading, known_headers, limits, merged, file=file)
    own = searched[header.index : header.index + header.rows]
    sheet.header, sheet.header_row = header, own[0] + 1
    sheet.above = [cell for row in searched[: header.index] for cell in sheet.cells[row] if not is_blank([cell])]
    sheet.body = filled[header.index + header.rows :]
    _refuse_spanned(sheet, own, known_headers, file)
    _give_merged_cells_to_their_rows(sheet)


def _refuse_spanned(sheet: Sheet, own: Sequence[int], known_headers: Collection[str], file: str) -> None:
    """A known header over several columns with values in more than the first: nobody can say which it names."""
    assert sheet.header is not None
    known, names = {fold(h) for h in known_headers} - {""}, sheet.header.names
    over = None
    for (top, left), (_, right) in sheet.merged:
        if top in own and right > left and left < len(names) and fold(names[left]) in known:
            filled = {
                c for row in sheet.body for c in range(left + 1, right + 1) if not is_blank(sheet.cells[row][c : c + 1])
            }
            # A heading over named columns is theirs; only columns without a name are covered by it.
            if any(c >= len(names) or names[c] == f"column_{c + 1}" for c in filled):
                over = names[left]
    below = sheet.cells[sheet.body[0]] if sheet.body else []
    if over := over or spanned(names, below, known_headers):
        raise unreadable("header_spans_columns", file=file, field=over)


def _give_merged_cells_to_their_rows(sheet: Sheet) -> None:
    """A cell merged over several rows speaks for each of them; a number so merged may be their sum, and says so."""
    body = set(sheet.body)
    for (top, left), (bottom, right) in sheet.merged:
        _mark_covered(sheet, [row for row in range(top, bottom + 1) if row in body], left, right)
        if bottom == top or top not in body or left >= len(sheet.cells[top]):
            continue
        text, mark = sheet.cells[top][left], sheet.marks.get((top, left), "merged_down")
        if is_blank([text]) and mark == "merged_down":
            continue
        for row in range(top, bottom + 1):
            if row in body:
                cells = sheet.cells[row]
                cells.extend([""] * (left + 1 - len(cells)))
                cells[left], sheet.marks[row, left] = text, mark


def _mark_covered(sheet: Sheet, rows: Sequence[int], left: int, right: int) -> None:
    """What a cell merged over columns hides beside it, and that a column without a value of its own may be meant by it."""
    width = len(sheet.header.names) if sheet.header else 0
    for row in rows:
        cells = sheet.cells[row]
        for column in range(left + 1, min(right + 1, width)):
            if not is_blank(cells[column : column + 1]):
                sheet.marks[row, column] = "covered_by_merge"
            elif not is_blank(cells[left : left + 1]):
                sheet.marks.setdefault((row, column), "merged_right")


def _table(together: list[Sheet], found: Found, known_headers: Collection[str], limits: Limits, file: str) -> Table:
    names: list[str] = []
    for sheet in together:
        assert sheet.header is not None
        have = {fold(name) for name in names}
        names += [
            name for name in _with_notes_beside(sheet) if name not in names and (fold(name) not in have or not names)
        ]
    found.headers, found.above = names, [text for sheet in together for text in sheet.above]
    found.repeated = [text for sheet in together if sheet.header for text in sheet.header.repeated]
    first = together[0]
    found.below = first.cells[first.body[0]] if first.body else []

    def records(sheet: Sheet, offset: int) -> Iterator[Record]:
        own = _with_notes_beside(sheet)
        width = len(own)
        order = None if own == names else _order(own, names)
        for row in sheet.body:
            cells = sheet.cells[row]
            beyond = None if is_blank(cells[width:]) else "too_many_cells"
            text, shape = shaped(cells[:width], beyond, limits.cell_chars)
            if order is not None:
                text = [text[at] if at is not None and at < len(text) else None for at in order]
            yield offset + row + 1, text, shape

    is_marked = any(sheet.marks for sheet in together)

    def batches() -> Iterator[pl.DataFrame]:
        for nth, sheet in enumerate(together):
            offset, own = nth * SHEET_STEP, _with_notes_beside(sheet)
            said: dict[int, list[str]] = {}
            for (row, column), code in sheet.marks.items():
                if column < len(own):
                    said.setdefault(offset + row + 1, []).append(f"{_same(own[column], names)}{MARK}{code}")
            for frame in frames(records(sheet, offset), names, limits.batch_rows):
                if not is_marked:
                    yield frame
                    continue
                marks = [CELL.join(said[row]) if row in said else None for row in frame[ROW]]
                yield frame.with_columns(pl.Series(MARKS, marks, dtype=pl.String))

    return Table(found, batches)


def _lines_below(sheet: Sheet) -> list[str]:
    """The last rows that hold one cell alone."""
    last = ([cell for cell in sheet.cells[row] if not is_blank([cell])] for row in sheet.body[-3:])
    return [cells[0] for cells in last if len(cells) == 1]


def _same(name: str, names: Sequence[str]) -> str:
    """What the first sheet calls a column."""
    return name if name in names else next((n for n in names if fold(n) == fold(name)), name)


def _order(own: Sequence[str], names: Sequence[str]) -> list[int | None]:
    """Where in a sheet each column of the table stands."""
    at = {_same(name, names): i for i, name in reversed(list(enumerate(own)))}
    return [at.get(name) for name in names]


def _with_notes_beside(sheet: Sheet) -> list[str]:
    """The header, and a column without a name for each that stands apart from the table: a note beside it shifts no row."""
    assert sheet.header is not None
    names = sheet.header.names
    width = len(names)
    if not sheet.body or any(not is_blank(sheet.cells[row][width : width + 1]) for row in sheet.body):
        return names
    beside = [width + len(_trimmed(sheet.cells[row][width:])) for row in sheet.body]
    return names + [f"column_{i}" for i in range(width + 1, max(beside) + 1)] if max(beside) > width else names


def _calamine(path: Path, kind: str, look: Look, file: str) -> CalamineWorkbook:
    from python_calamine import CalamineWorkbook, PasswordError

    from contracts.reading.biff import in_unicode

    try:
        with path.open("rb") as opened:  # by its bytes: the name's ending may say anything
            source = io.BytesIO(in_unicode(opened.read())) if kind == "xls" else opened
            source = _with_known_errors(path) if look.has_other_errors else source
            return _asked(lambda: CalamineWorkbook.from_filelike(source), kind, file)
    except PasswordError:
        raise unreadable("encrypted_file", file=file) from None


def _with_known_errors(path: Path) -> io.BytesIO:
    """The workbook with #N/A for every error that the reader of the values does not know (#SPILL!) and would refuse the whole file for."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for info in old.infolist():
            part = old.read(info)
            new.writestr(info.filename, _OTHER_ERROR.sub(rb"\1#N/A", part) if _IS_SHEET.search(part[:65_536]) else part)
    out.seek(0)
    return out


def _asked(ask: Callable[[], T], kind: str, file: str) -> T:
    """What calamine answers, or Unreadable."""
    from python_calamine import PasswordError

    try:
        return ask()
    except (PasswordError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # a panic of the Rust reader is no Exception
        raise unreadable("damaged_file", file=file, format=kind) from None


def _sheet(workbook: CalamineWorkbook, name: str, look: Look, limits: Limits, kind: str, file: str) -> Sheet | None:
    """The sheet as text; None where it holds nothing."""
    sheet: CalamineSheet = _asked(lambda: workbook.get_sheet_by_name(name), kind, file)
    if sheet.total_width > limits.columns:
        raise unreadable("too_many_columns", file=file, found=sheet.total_width, limit=limits.columns)
    rows = _asked(lambda: sheet.to_python(skip_empty_area=False), kind, file)
    merged = look.merged(name)
    made = Sheet(name, [], list(sheet.merged_cell_ranges or ()) if merged is None else merged)
    for r, row in enumerate(rows):
        made.cells.append(
            [cell if type(cell) is str else _told(cell, (r, c), made.marks) for c, cell in enumerate(row)]
        )
    _write_odd(made, look.odd(name), limits)
    return made


def _told(cell: Any, at: Cell, marks: dict[Cell, str]) -> str:
    if isinstance(cell, float | int) and not isinstance(cell, bool):
        if abs(cell) >= EXACT:
            marks[at] = "digits_lost"
        elif 1900 < cell < 2100 and cell != int(cell) and abs(cell * 10 % 10 - 1) < 1e-6:
            marks[at] = "month_as_number"  # 2025.1 is what Excel keeps of 2025.10
    return as_text(cell)


def _write_odd(sheet: Sheet, odd: Odd, limits: Limits) -> None:
    """Lets speak for a cell what its sender sees in it."""
    for (row, column), shown in odd.items():
        if row >= SHEET_ROWS or column >= limits.columns:
            continue
        while row >= len(sheet.cells):
            sheet.cells.append([])
        cells = sheet.cells[row]
        cells.extend([""] * (column + 1 - len(cells)))
        if shown.mark in (PART, RAISED):
            cells[column] = shown.text or cells[column]  # the value is read as it stands
            sheet.marks.setdefault((row, column), shown.mark)
        elif shown.mark == "midnight":
            cells[column] += " 00:00:00" if len(cells[column]) == len("2026-03-01") else ""
        elif sheet.marks.get((row, column)) != "digits_lost":
            cells[column] = shown.text
            sheet.marks.pop((row, column), None)
            if shown.mark:
                sheet.marks[row, column] = shown.mark


def as_text(cell: Any) -> str:
    """A typed cell → text that casts back to the same value: 510107.0 → 510107, dates in ISO form."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return number_text(cell)
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


# ── before calamine sees it ─────────────────────────────────────────────────────────────────────

_IS_SHEET = re.compile(rb"<(?:\w+:)?(?:work|macro)sheet[\s>]")
_IS_TEXTS, _IS_LINKED = re.compile(rb"<(?:\w+:)?sst[\s>]"), re.compile(rb"<(?:\w+:)?externalLink[\s>]")
# None of these looks beyond the next `<`, nor at one place twice: a tag without an end, or of a million attributes, takes no longer than others.
# A cell that holds something, or may: (column, row).
_PLACE = re.compile(rb"<(?:\w+:)?c(?: r=|\s(?:[^<>]*?\s)?r\s*=\s*)[\"']([A-Za-z]{1,9})(\d{1,19})[\"'][^<>]*+(?<!/)>")
_NO_PLACE = re.compile(rb"[<:]c(?:\s+[st]\s*=\s*[\"'][^<>\"']*[\"'])*\s*>")
# What other programs than the reader of the values take for the value: it leaves such a cell empty, reads half of it, or takes the first
# of all texts for one whose number it does not understand.
_F = rb"(?:\s*<(?:\w+:)?f(?:\s[^<>]*)?(?:/>|>[^<]*</(?:\w+:)?f>))?\s*"
_V = rb"<(?:\w+:)?v(?:\s[^<>]*)?>"
_ROW_OR_CELL = re.compile(rb"<(?:\w+:)?(?:(row)|c)(?:\s[^<>]*)?>")
_COLUMN = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]{1,9})\d")
_TABLE = re.compile(rb"<(?:\w+:)?sheetData[\s/>]")
_NOT_PLAIN = (
    ((b"<!", b"<?"), re.compile(_V + rb"[^<]*+<[!?]")),  # 1<!-- -->2
    ((b"/is>",), re.compile(rb"is>\s*+<(?:\w+:)?is[\s>]")),  # a second text
    ((b"v>",), re.compile(rb"v>\s*+<(?:\w+:)?[fv][\s>/]")),  # a second value, or the formula behind it
    (
        (b"inlineStr",),
        re.compile(
            rb"<(?:\w+:)?c\s(?>[^<>]*?\"inlineStr\"|[^<>]*?'inlineStr')[^<>]*+>\s*+"
            + _V
            + rb"[^<]*+</(?:\w+:)?v>\s*+</"
        ),
    ),
    (
        (b'"s"', b"'s'"),
        re.compile(rb"<(?:\w+:)?c\s(?>[^<>]*?t\s*=\s*[\"']s[\"'])[^<>]*+>" + _F + _V + rb"(?!\d+(?:<|\Z))[^<]"),
    ),
    ((b"&#",), re.compile(rb"<(?:\w+:)?c\b(?![^<>]*\bt\s*=\s*[\"'][a-z]{2})[^<>]*+>" + _F + _V + rb"[^<&]*+&")),
)
_OTHER_ERROR = re.compile(
    rb"(<(?:\w+:)?c\s(?>[^<>]*?t\s*=\s*[\"']e[\"'])[^<>]*+>"
    + _F
    + _V
    + rb")(?!#(?:NULL!|DIV/0!|VALUE!|REF!|NAME\?|NUM!|N/A)<)[^<]*+"
)
# A range that rules are said of, and the format that one of them gives it.
_RULE = re.compile(rb"<(?:\w+:)?conditionalFormatting\s[^<>]*?sqref=[\"']([^\"'<>]*)|\sdxfId=[\"'](\d{1,6})")
_PRINTED = re.compile(rb"<(?:\w+:)?(?:odd|even|first)(?:Header|Footer)>([^<]+)<")
_ODD_CELL = re.compile(rb"\st\s*=\s*[\"']e[\"']|<(?:\w+:)?(?:f|strike|vertAlign)[\s>/]")
_ODD_SIGNS = (b'"e"', b"'e'", b"<f", b":f", b"strike", b"vertAlign")
# Hidden, or made so low or narrow that nothing is seen: under two points, under a fifth of a character.
_HIDDEN = re.compile(
    rb"<(?:\w+:)?(?:row\b[^<>]*\s(?:hidden\s*=\s*[\"'](?:1|true)|ht\s*=\s*[\"'][01](?:\.\d*)?)[\"']"
    rb"|col\b[^<>]*\s(?:hidden\s*=\s*[\"'](?:1|true)|width\s*=\s*[\"']0(?:\.[01]\d*)?)[\"'])[^<>]*>"
)
_MAY_HIDE = re.compile(rb"hidden|\sht\s*=\s*[\"'][01][.\"']|width\s*=\s*[\"']0")
_ROW = re.compile(rb"<(?:\w+:)?row\s(?:[^<>]*?\s)?r\s*=\s*[\"'](\d{1,7})[\"']")
_WHERE = re.compile(rb"\s(r|min|max)\s*=\s*[\"'](\d{1,7})[\"']")
_STYLE = re.compile(rb"\ss\s*=\s*[\"'](\d{1,6})[\"']")


@dataclass
class _Pieces:
    """What the pieces of a sheet have shown so far."""

    rows: set[int] = field(default_factory=set)
    last_cells: set[tuple[bytes, bytes]] = field(default_factory=set)  # of the piece before
    column: int = 0  # of the last cell of the row that has begun
    has_no_place: bool = False  # some cell says no place
    corner: tuple[int, int] = (9_999, 26)  # as many rows and columns as it has at most
    styles: set[bytes] = field(default_factory=set)
    hidden: Hidden = field(default_factory=Hidden)
    tables: int = 0
    is_odd: bool = False
    has_strikes: bool = False
    has_negatives: bool = False
    has_formulas: bool = False
    has_other_errors: bool = False
    printed: list[str] = field(default_factory=list)  # at the head and foot of a page
    ruled: dict[str, set[int]] = field(default_factory=dict)  # range → formats that rules give it
    is_first: bool = True


def _see_piece(piece: bytes, seen: _Pieces, file: str) -> None:
    _refuse_unclear(piece, seen, file)
    seen.styles.update(_STYLE.findall(piece))
    seen.is_odd = seen.is_odd or bool(_mentions(piece, _ODD_SIGNS) and _ODD_CELL.search(piece))
    seen.has_strikes |= b"strike" in piece
    seen.has_negatives |= b"v>-" in piece
    seen.has_formulas |= b"</f>" in piece
    seen.has_other_errors |= bool(_mentions(piece, (b'"e"', b"'e'")) and _OTHER_ERROR.search(piece))
    if b"Header>" in piece or b"Footer>" in piece:
        seen.printed += [text.decode("utf-8", "replace") for text in _PRINTED.findall(piece)]
    if b"conditionalFormatting" in piece:
        rules: set[int] = set()
        for cells, rule in _RULE.findall(piece):
            rules = rules if rule else seen.ruled.setdefault(cells.decode("utf-8", "replace"), set())
            rules.update([int(rule)] if rule else [])
    if _mentions(piece, (b"hidden", b"ht", b"width")) and _MAY_HIDE.search(piece):
        _see_hidden(piece, seen.hidden)
    seen.is_first = False


def _mentions(piece: bytes, signs: tuple[bytes, ...]) -> bool:
    """A look that costs nearly nothing and spares most pieces a pattern."""
    return any(sign in piece for sign in signs)


def _refuse_unclear(piece: bytes, seen: _Pieces, file: str) -> None:
    """Of two rows or cells in one place the reader of the values keeps the last, and says nothing of the other."""
    known = 0 if seen.is_first else OVERLAP
    rows = set()
    for found in _ROW.finditer(piece):
        rows.add(number := int(found[1]))
        if number in seen.rows and found.end() > known:
            raise unreadable("sheet_repeats_a_row", file=file, row=number)
        seen.rows.add(number)
    begins = next((found.start() for found in _PLACE.finditer(piece) if found.end() > known), len(piece))
    places = _PLACE.findall(piece, begins)
    cells = set(places)
    if len(cells) < len(places) or cells & seen.last_cells:
        column, row = (Counter(places) + Counter(seen.last_cells & cells)).most_common(1)[0][0]
        raise unreadable("sheet_repeats_a_cell", file=file, cell=(column + row).decode())
    seen.last_cells = cells
    has_no_place = _NO_PLACE.search(piece) is not None
    if has_no_place or seen.has_no_place:
        seen.column, seen.has_no_place = _last_column(piece, known, seen.column, file), True
    elif places:
        is_in_row = max(map(piece.rfind, (b"<c ", b":c "))) > max(map(piece.rfind, (b"<row", b":row")))
        seen.column = column_number(places[-1][0].decode()) if is_in_row else 0
    # Of two tables in a sheet the reader of the values passes over the second.
    if b"sheetData" in piece:
        seen.tables += sum(found.end() > known for found in _TABLE.finditer(piece))
    if seen.tables > 1 or any(_mentions(piece, signs) and pattern.search(piece) for signs, pattern in _NOT_PLAIN):
        raise unreadable("sheet_not_plain", file=file)
    lowest = {int(row) for row in {row for _, row in cells}} | (rows if has_no_place else set())
    rightmost = (column_number(column.decode()) for column in {column for column, _ in cells})
    seen.corner = max([seen.corner[0], *lowest]), max([seen.corner[1], *rightmost])


def _last_column(piece: bytes, known: int, column: int, file: str) -> int:
    """The column of a piece's last cell. A cell that says no place stands behind the one before it, where one that says it may stand already.

    Args:
        known: how much of the piece was looked at before.
        column: of the cell before the piece.
    """
    for found in _ROW_OR_CELL.finditer(piece):
        if found.end() <= known:
            continue
        if found[1]:
            column = 0
            continue
        said = _COLUMN.search(found[0])
        here = column_number(said[1].decode()) if said else column + 1
        if here <= column:
            raise unreadable("sheet_not_plain", file=file)
        column = here
    return column


def _checked(path: Path, kind: str, limits: Limits, file: str) -> Look:
    """Refuses hostile workbooks; what there is to know of the cells of the others.

    A sheet of two cells, one in XFD1048576, would be laid out as 17 thousand million cells.
    """
    if kind == "xls":
        return _checked_xls(path, limits, file)
    if kind == "ods":
        return _checked_ods(path, limits, file)
    sheets: dict[str, _Pieces] = {}
    parts: set[str] = set()
    linked: set[str] = set()  # copies of other workbooks' cells
    parsers: dict[str, expat.XMLParserType] = {}

    def look(name: str, piece: bytes) -> None:
        is_new = name not in parts
        if is_new and _IS_SHEET.search(piece[:65_536]):  # wherever the workbook keeps it
            sheets[name] = _Pieces()
        if is_new and (name in sheets or _IS_TEXTS.search(piece[:65_536])):
            parsers[name] = expat.ParserCreate()
        if is_new and _IS_LINKED.search(piece[:65_536]):
            linked.add(name)
        parts.add(name)
        if name not in sheets and name not in linked and _TABLE.search(piece):
            # The reader of the values would read the cells of what is no sheet, wherever they lie.
            raise unreadable("damaged_file", file=file, format="xlsx")
        if name in parsers:  # what is no XML the reader of the values reads all the same, as far as it goes
            parsers[name].Parse(piece[0 if is_new else OVERLAP :], False)
        if name in sheets:
            _see_piece(piece, sheets[name], file)

    try:
        check_parts(path, limits, look, file=file)
        for parser in parsers.values():
            parser.Parse(b"", True)
    except expat.ExpatError:
        raise unreadable("damaged_file", file=file, format="xlsx") from None
    for rows, columns in (seen.corner for seen in sheets.values()):
        if columns > limits.columns:
            raise unreadable("too_many_columns", file=file, found=columns, limit=limits.columns)
        if rows > SHEET_ROWS or rows * columns > max(limits.workbook_cells, SHEET_ROWS * 26):
            raise unreadable("too_many_cells_in_sheet", file=file, limit=f"{limits.workbook_cells:,}")
    formats = formats_of(path, file=file)
    telling, days = ({str(style).encode() for style in styles} for styles in (formats.telling, formats.days))
    odd = {
        name for name, seen in sheets.items()
        if seen.is_odd or formats.runs or seen.styles & telling or (seen.has_negatives and seen.styles & days)
    }  # fmt: skip

    def cells_of(name: str) -> Odd:
        part = formats.parts.get(name, "")
        return odd_cells(path, part, formats, file=file) if part in odd else {}

    struck = {str(style).encode() for style in formats.struck}
    has_struck_text = WHOLE in formats.runs.values() or any(seen.has_strikes for seen in sheets.values())

    def hidden_of(name: str) -> Hidden:
        part = formats.parts.get(name, "")
        seen = sheets.get(part, _Pieces())
        found = seen.hidden
        if seen.styles & struck or (part in odd and has_struck_text):
            found = replace(found, struck=struck_rows(path, part, formats, file=file))
        if comments := formats.comments.get(part):
            commented, said = commented_cells(path, comments, file=file)
            found = replace(found, commented=commented, printed=said)
        ruled = [cells for cells, rules in seen.ruled.items() if rules & formats.rules]
        return replace(
            found,
            boxes=formats.boxes.get(part, []),
            printed=[*found.printed, *seen.printed],
            ruled=ruled,
            is_stale=formats.is_stale and seen.has_formulas,
        )

    others = any(seen.has_other_errors for seen in sheets.values())
    # Asked for several things, each of which it would read the sheet again for.
    return Look(cells_of, cache(hidden_of), starts_1904=formats.starts_1904, has_other_errors=others)


def _checked_xls(path: Path, limits: Limits, file: str) -> Look:
    from contracts.reading.biff import NotReadable, odd_cells_of

    if path.stat().st_size > limits.workbook_bytes:
        raise unreadable("file_too_large", file=file, limit=f"{limits.workbook_bytes // 1_000_000} MB")
    try:
        by_name, hidden_in, starts_1904 = odd_cells_of(path)  # at most 65,536 × 256 cells by its format
    except NotReadable as why:
        if why.args[0] == "format_not_understood":
            raise foreign("XLS (Excel 5)", file=file) from None
        raise unreadable(why.args[0], file=file, format="xls") from None
    return Look(lambda name: by_name.get(name, {}), lambda name: hidden_in.get(name, Hidden()), starts_1904=starts_1904)


def _checked_ods(path: Path, limits: Limits, file: str) -> Look:
    from contracts.reading.opendocument import Sheet as Seen
    from contracts.reading.opendocument import look_at

    cdata: set[str] = set()
    check_parts(path, limits, lambda name, piece: cdata.update([name] if b"<![CDATA[" in piece else []), file=file)
    seen, starts_1904 = look_at(path, limits, every_text="content.xml" in cdata, file=file)
    return Look(
        lambda name: seen.get(name, Seen()).odd,
        lambda name: seen.get(name, Seen()).hidden,
        lambda name: seen.get(name, Seen()).merged,
        starts_1904=starts_1904,
    )


def _see_hidden(piece: bytes, hidden: Hidden) -> None:
    for element in _HIDDEN.finditer(piece):
        said = {name: int(number) for name, number in _WHERE.findall(element[0])}
        if b"r" in said:
            hidden.rows.add(said[b"r"] - 1)
        elif b"min" in said and b"max" in said:
            hidden.columns.update(range(said[b"min"] - 1, min(said[b"max"], 16_384)))
