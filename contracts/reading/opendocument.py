"""How large an ODS sheet really is, and what its cells show beyond their values.

A repeated cell takes one element in the file and thousands in memory. Every cell holds the text it shows beside its value.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from contracts.reading.container import XML_ERRORS
from contracts.reading.shown import Shown, as_shown
from contracts.reading.spreadsheet_xml import WHOLE, Hidden, Odd, look_of
from contracts.reading.table import Limits, unreadable

TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
DRAWING = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_BLANKS = {f"{TEXT}s": " ", f"{TEXT}tab": "\t", f"{TEXT}line-break": "\n"}
_UNREAD = (f"{TEXT}tab", f"{TEXT}line-break", f"{TEXT}ruby-text")
NUMBERS = ("float", "percentage", "currency")


@dataclass
class Sheet:
    """What is odd in one sheet: cells by (row, column) from 0, what it hides, and merged ranges as (first, last) cell."""

    odd: Odd = field(default_factory=dict)
    hidden: Hidden = field(default_factory=Hidden)
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)


@dataclass
class Styles:
    """Names of styles: of rows and columns of which nothing is seen, of letters struck through, of raised and lowered ones."""

    flat: set[str] = field(default_factory=set)
    struck: set[str] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)


def look_at(path: Path, limits: Limits, *, every_text: bool, file: str) -> tuple[dict[str, Sheet], bool]:
    """(what is odd by sheet, whether days count from 1904); counts rows × columns up to the last filled cell on the way.

    The document type must have been checked before: expat expands entities.

    Args:
        every_text: the texts speak for all their cells: the reader of the values leaves empty what stands in CDATA.

    Raises:
        Unreadable: too many columns or cells, or no well-formed XML.
    """
    row_end = width = rows = columns = row = column = 0
    filled, starts_1904, is_struck = False, False, False
    styles = Styles()
    sheets: dict[str, Sheet] = {}
    sheet = Sheet()
    try:
        with zipfile.ZipFile(path) as archive, archive.open("content.xml") as content:
            # check_parts has refused documents with entities.
            for event, element in ElementTree.iterparse(content, events=("start", "end")):  # noqa: S314
                if event == "start":
                    if element.tag == f"{TABLE}table":
                        rows = columns = row = column = 0
                        sheet = sheets.setdefault(element.get(f"{TABLE}name", ""), Sheet())
                    elif element.tag == f"{TABLE}table-row":
                        row_end = width = 0
                        filled, is_struck = False, False
                    elif element.tag == f"{TABLE}null-date":
                        starts_1904 = element.get(f"{TABLE}date-value", "").startswith("1904")
                    continue
                sheet.hidden.boxes += _boxes(element) if element.tag == f"{TABLE}shapes" else []
                if element.tag == f"{STYLE}style":
                    _see_style(element, styles)
                elif element.tag in (f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
                    times = int(element.get(f"{TABLE}number-columns-repeated", 1))
                    if len(element) or element.get(f"{OFFICE}value-type") or element.get(f"{TABLE}formula"):
                        width, filled = row_end + times, True
                        is_struck |= element.get(f"{TABLE}style-name") in styles.struck
                        if width <= limits.columns:
                            _look(element, row, range(row_end, width), sheet, styles, every_text)
                    row_end += times
                    element.clear()
                elif element.tag == f"{TABLE}table-column":
                    times = int(element.get(f"{TABLE}number-columns-repeated", 1))
                    hidden_to = min(column + times, limits.columns) if _is_hidden(element, styles.flat) else column
                    sheet.hidden.columns.update(range(column, hidden_to))
                    column += times
                elif element.tag == f"{TABLE}table-row":
                    times = int(element.get(f"{TABLE}number-rows-repeated", 1))
                    rows += times if filled else 0
                    is_struck |= filled and element.get(f"{TABLE}default-cell-style-name") in styles.struck
                    sheet.hidden.rows.update(
                        range(row, row + times if filled and _is_hidden(element, styles.flat) else row)
                    )
                    sheet.hidden.struck.update(range(row, row + times if is_struck else row))
                    row += times
                    columns = max(columns, width)
                    element.clear()
                    if columns > limits.columns:
                        raise unreadable("too_many_columns", file=file, found=columns, limit=limits.columns)
                    if rows * columns > limits.workbook_cells:
                        raise unreadable("too_many_cells_in_sheet", file=file, limit=f"{limits.workbook_cells:,}")
    except XML_ERRORS:
        raise unreadable("damaged_file", file=file, format="ods") from None
    return sheets, starts_1904


def _is_hidden(element: ElementTree.Element, flat: set[str]) -> bool:
    return element.get(f"{TABLE}visibility") in ("collapse", "filter") or element.get(f"{TABLE}style-name") in flat


def _see_style(style: ElementTree.Element, styles: Styles) -> None:
    name = style.get(f"{STYLE}name", "")
    styles.flat.update([name] if _is_flat(style) else [])
    styles.struck.update([name] if _is_struck(style) else [])
    is_raised = any(re.match(r"super|sub|-?\d", part.get(f"{STYLE}text-position", "")) for part in style)
    styles.raised.update([name] if is_raised else [])


def _is_flat(style: ElementTree.Element) -> bool:
    """Whether rows of this style are so low, or columns so narrow, that nothing is seen: under half a millimetre."""
    sizes = [
        part.get(f"{STYLE}{name}", "")
        for part in style
        for name in ("row-height", "column-width")
        if part.get(f"{STYLE}{name}")
    ]
    units = {"cm": 10.0, "mm": 1.0, "in": 25.4, "pt": 25.4 / 72, "pc": 25.4 / 6, "px": 25.4 / 96}
    return any(
        (found := re.fullmatch(r"([\d.]+)([a-z]{2})", size)) is not None
        and float(found[1]) * units.get(found[2], 10.0) < 0.5
        for size in sizes
    )


def _is_struck(style: ElementTree.Element) -> bool:
    return any(part.get(f"{STYLE}text-line-through-style", "none") != "none" for part in style)


def _runs(
    text: ElementTree.Element, styles: Styles, look: tuple[bool, bool] = (False, False)
) -> Iterator[tuple[str, bool, bool]]:
    """(text, whether struck through, whether raised or lowered) of each piece of a paragraph."""
    style = text.get(f"{TEXT}style-name")
    look = look[0] or style in styles.struck, look[1] or style in styles.raised
    yield text.text or "", *look
    for part in text:
        yield from _runs(part, styles, look)
        yield part.tail or "", *look


def _seen(paragraph: ElementTree.Element) -> str:
    """The text of a paragraph as it is seen: with its blanks and lines, without the sounds above its letters."""
    parts = [paragraph.text or ""]
    for part in paragraph:
        if part.tag in _BLANKS:
            parts.append(_BLANKS[part.tag] * int(part.get(f"{TEXT}c", 1)))
        elif part.tag != f"{TEXT}ruby-text":
            parts.append(_seen(part))
        parts.append(part.tail or "")
    return "".join(parts)


def _boxes(holder: ElementTree.Element) -> list[str]:
    """What shapes and text boxes within an element say."""
    drawn = (part for part in holder if part.tag.startswith(DRAWING))
    texts = ("".join(_seen(text) for text in shape.iter(f"{TEXT}p")).strip() for shape in drawn)
    return [text for text in texts if text]


def _is_misread(kind: str | None, paragraphs: Sequence[ElementTree.Element]) -> bool:
    """The reader of the values leaves a text without a type empty, and joins what a tabulator or the end of a line parts."""
    return kind is None or any(part.tag in _UNREAD for paragraph in paragraphs for part in paragraph.iter())


def _look(cell: ElementTree.Element, row: int, columns: range, sheet: Sheet, styles: Styles, every_text: bool) -> None:
    down = int(cell.get(f"{TABLE}number-rows-spanned", 1))
    right = int(cell.get(f"{TABLE}number-columns-spanned", 1))
    if down > 1 or right > 1:
        sheet.merged.append(((row, columns[0]), (row + down - 1, columns[0] + right - 1)))
    kind, value = cell.get(f"{OFFICE}value-type"), cell.get(f"{OFFICE}value")
    paragraphs = cell.findall(f"{TEXT}p")
    shown = "\n".join(map(_seen, paragraphs))
    found = None
    if cell.get(f"{TABLE}formula") and (kind is None or (kind in NUMBERS and value is None)):
        found = Shown("", "formula_not_calculated")
    elif kind in NUMBERS and value is not None:
        # LibreOffice writes an error as 0 that shows #DIV/0! or Err:502.
        times = 0.01 if kind == "percentage" else None
        is_error = shown.startswith(("#", "Err:"))
        found = Shown(shown) if is_error else as_shown(float(value), shown, times) if shown else None
    elif kind == "date":
        day, _, time = cell.get(f"{OFFICE}date-value", "").partition("T")
        if ":" in shown and not time:
            found = Shown("", "midnight")
        elif shown and ":" not in shown and not time.strip("0:."):  # a time that nobody sees
            found = Shown(day)
    elif shown and (every_text or _is_misread(kind, paragraphs)) and cell.get(f"{OFFICE}string-value") is None:
        found = Shown(shown)
    elif kind == "string" and not cell.get(f"{OFFICE}string-value", "-") and shown.startswith(("#", "Err:")):
        found = Shown(shown)  # an error as LibreOffice writes it: beside an empty text
    if boxes := _boxes(cell):
        sheet.hidden.boxes += boxes
        # The reader of the values takes the text of a box that lies on a cell for its own.
        found = found or (Shown(shown) if kind in (None, "string") and not cell.get(f"{OFFICE}string-value") else None)
    if (comment := cell.find(f"{OFFICE}annotation")) is not None:
        sheet.hidden.printed += map(_seen, comment.iter(f"{TEXT}p"))
        sheet.hidden.commented.update((row, column) for column in columns)
    if styles.struck or styles.raised:
        runs = look_of(run for part in paragraphs for run in _runs(part, styles))
        if runs == WHOLE:
            sheet.hidden.struck.add(row)
        elif runs and found is None:
            found = Shown("", runs)
    if found:
        sheet.odd |= {(row, column): found for column in columns}
