"""What an XLSX says of its cells beyond their values: errors, formulas that nobody has calculated, number formats.

Reads the XML of the sheets that hold any of it, and of no others. Does not belong here: opening the workbook.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import join, normpath
from xml.etree import ElementTree

from contracts.reading.container import XML_ERRORS
from contracts.reading.shown import Shown, as_shown, has_time, is_telling, render
from contracts.reading.table import unreadable

# (row, column) from 0, as they stand in the sheet → what speaks for the cell instead of its value.
Odd = dict[tuple[int, int], Shown]


@dataclass
class Hidden:
    """Rows and columns from 0 that a sheet does not show, and rows of which it shows something struck through."""

    rows: set[int] = field(default_factory=set)
    columns: set[int] = field(default_factory=set)
    struck: set[int] = field(default_factory=set)


BUILT_IN = {1: "0", 2: "0.00", 9: "0%", 10: "0.00%", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "m/d/yy h:mm"}  # fmt: skip


@dataclass
class Formats:
    """A workbook's cell styles: style → its number format, for those that can tell more than the number."""

    telling: Mapping[int, str] = field(default_factory=dict)
    calculates_on_load: bool = False  # the stored results are not to be relied on
    starts_1904: bool = False
    parts: Mapping[str, str] = field(default_factory=dict)  # name of a sheet → its part of the archive
    struck: frozenset[int] = frozenset()  # styles whose letters are struck through


def formats_of(path: Path, *, file: str) -> Formats:
    """The styles of a workbook; nothing where it has no such parts.

    Raises:
        Unreadable: damaged_file, where a part does not read: without its formats a cell would not be what its sender saw.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
                return Formats()
            book = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314  (entities are refused before)
            links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
            styles = ElementTree.fromstring(archive.read("xl/styles.xml")) if "xl/styles.xml" in names else None  # noqa: S314
        telling = _telling(styles) if styles is not None else {}
        struck = _struck(styles) if styles is not None else frozenset()
    except XML_ERRORS as error:
        raise unreadable("damaged_file", file=file, format="xlsx", detail=str(error)[:120]) from None
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    parts = {}
    for sheet in _all(book, "sheet"):
        key = next((value for name, value in sheet.attrib.items() if name.endswith("}id")), None)
        target = targets.get(key, "")
        parts[sheet.get("name", "")] = normpath(target.lstrip("/") if target.startswith("/") else join("xl", target))
    calculation = next(_all(book, "calcPr"), None)
    properties = next(_all(book, "workbookPr"), None)
    return Formats(
        telling=telling,
        calculates_on_load=calculation is not None and calculation.get("fullCalcOnLoad") in ("1", "true"),
        starts_1904=properties is not None and properties.get("date1904") in ("1", "true"),
        parts=parts,
        struck=struck,
    )


def _telling(styles: ElementTree.Element) -> dict[int, str]:
    codes = {int(f.get("numFmtId", "0")): f.get("formatCode", "") for f in _all(styles, "numFmt")}
    listed = next(_all(styles, "cellXfs"), None)
    found = {}
    for number, style in enumerate(listed if listed is not None else ()):
        kind = int(style.get("numFmtId", "0") or 0)
        code = codes.get(kind, BUILT_IN.get(kind, ""))
        if is_telling(code):
            found[number] = code
    return found


def _struck(styles: ElementTree.Element) -> frozenset[int]:
    fonts, listed = next(_all(styles, "fonts"), None), next(_all(styles, "cellXfs"), None)
    if fonts is None or listed is None:
        return frozenset()
    lines = {
        i for i, font in enumerate(fonts) if any(s.get("val", "1") not in ("0", "false") for s in _all(font, "strike"))
    }
    return frozenset(i for i, style in enumerate(listed) if int(style.get("fontId", "0") or 0) in lines)


def struck_rows(path: Path, part: str, formats: Formats, *, file: str) -> set[int]:
    """The rows of one sheet in which something that is struck through stands.

    Raises:
        Unreadable: damaged_file.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(part) as opened:
            return {
                row
                for (row, _), kind, style, _, value in _cells(opened)
                if style in formats.struck and (value or kind == "inlineStr")
            }
    except XML_ERRORS as error:
        raise unreadable("damaged_file", file=file, format="xlsx", detail=str(error)[:120]) from None


def odd_cells(path: Path, part: str, formats: Formats, *, file: str) -> Odd:
    """The cells of one sheet whose value alone would not say what the sender sees.

    Raises:
        Unreadable: damaged_file.
    """
    found: Odd = {}
    try:
        with zipfile.ZipFile(path) as archive, archive.open(part) as opened:
            for at, kind, style, has_formula, value in _cells(opened):
                if kind == "e":
                    found[at] = Shown(value or "#ERROR!")
                elif has_formula and kind != "str" and (not value or (formats.calculates_on_load and value == "0")):
                    found[at] = Shown("", "formula_not_calculated")
                elif value and kind in ("n", "") and style in formats.telling:
                    found |= {at: shown} if (shown := shown_for(formats.telling[style], value)) else {}
    except XML_ERRORS as error:
        raise unreadable("damaged_file", file=file, format="xlsx", detail=str(error)[:120]) from None
    return found


def shown_for(code: str, value: str | float) -> Shown | None:
    """What speaks for a number under a format; a day on which the format shows a time is marked `midnight`."""
    try:
        number = float(value)
        seen = render(code, number)
    except (ValueError, ArithmeticError):
        return None
    if seen is None:
        return Shown("", "midnight") if number == int(number) and has_time(code) else None
    return as_shown(number, seen)


def _cells(opened: object) -> Iterator[tuple[tuple[int, int], str, int, bool, str]]:
    """((row, column), type, style, whether there is a formula, stored value) of every cell that holds something."""
    row = column = -1
    formula, value = False, ""
    for event, element in ElementTree.iterparse(opened, events=("start", "end")):  # type: ignore[arg-type]  # noqa: S314
        tag = element.tag.rpartition("}")[2]
        if event == "start":
            if tag == "row":
                row, column = int(element.get("r", row + 2)) - 1, -1
            elif tag == "c":
                formula, value = False, ""
                place = re.fullmatch(r"([A-Z]+)(\d+)", element.get("r", ""))
                column = column_number(place[1]) - 1 if place else column + 1
            continue
        if tag == "f":
            formula = True
        elif tag == "v":
            value = element.text or ""
        elif tag == "c":
            yield (row, column), element.get("t", ""), int(element.get("s", "0") or 0), formula, value.strip()
            element.clear()
        elif tag in ("row", "is"):
            element.clear()


def column_number(letters: str) -> int:
    """AA → 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def _all(root: ElementTree.Element, tag: str) -> Iterator[ElementTree.Element]:
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == tag)
