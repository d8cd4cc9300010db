"""What an XLSX says of its cells beyond their values: errors, formulas that nobody has calculated, number formats, letters struck
through or raised, comments, texts in boxes.

Reads the XML of the sheets that hold any of it, and of no others. Does not belong here: opening the workbook.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import join, normpath
from typing import NamedTuple
from xml.etree import ElementTree

from contracts.reading.container import XML_ERRORS
from contracts.reading.shown import (
    Shown,
    as_shown,
    has_time,
    hides_a_day,
    is_moment,
    is_telling,
    number_text,
    render,
    scale,
)
from contracts.reading.table import unreadable

# (row, column) from 0, as they stand in the sheet → what speaks for the cell instead of its value.
Odd = dict[tuple[int, int], Shown]


@dataclass
class Hidden:
    """Rows and columns from 0 that a sheet does not show, rows of which it shows something struck through, cells with a comment, texts of
    boxes that lie on it, ranges whose number format depends on a rule."""

    rows: set[int] = field(default_factory=set)
    columns: set[int] = field(default_factory=set)
    struck: set[int] = field(default_factory=set)
    commented: set[tuple[int, int]] = field(default_factory=set)
    boxes: list[str] = field(default_factory=list)
    ruled: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)  # comments, and what stands at the head and foot of a page
    is_stale: bool = False  # its formulas were not calculated when it was saved

    def beside(self) -> list[str]:
        """What the sheet says outside its cells."""
        return self.boxes + self.printed


AFTER_ALL_DAYS = 2_958_466  # the first of the year 10000
MOST_SPILT = 100_000  # cells of one array formula
BUILT_IN = {1: "0", 2: "0.00", 9: "0%", 10: "0.00%", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "m/d/yy h:mm"}  # fmt: skip
DAYS = dict.fromkeys(
    (*range(14, 18), *range(27, 37), *range(45, 48), *range(50, 59)), "yyyy-mm-dd"
)  # the second and last by country


@dataclass
class Formats:
    """A workbook's cell styles: style → its number format, for those that can tell more than the number."""

    telling: Mapping[int, str] = field(default_factory=dict)
    calculates_on_load: bool = False  # the stored results are not to be relied on
    is_stale: bool = False  # it was saved without calculating
    starts_1904: bool = False
    parts: Mapping[str, str] = field(default_factory=dict)  # name of a sheet → its part of the archive
    struck: frozenset[int] = frozenset()  # styles whose letters are struck through
    runs: Mapping[int, str] = field(
        default_factory=dict
    )  # shared text → what its letters are, where they are not alike
    comments: Mapping[str, str] = field(default_factory=dict)  # part of a sheet → part of its comments
    boxes: Mapping[str, list[str]] = field(default_factory=dict)  # part of a sheet → texts that lie on it
    days: Mapping[int, str] = field(
        default_factory=dict
    )  # style → its number format, for those that show a day or a time
    rules: frozenset[int] = frozenset()  # formats of rules that change how a number is shown


def formats_of(path: Path, *, file: str) -> Formats:
    """The styles of a workbook; nothing where it has no such parts.

    Raises:
        Unreadable: damaged_file, where a part does not read: without its formats a cell would not be what its sender saw.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            spelt = {name.replace("\\", "/").casefold(): name for name in names}
            if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
                return Formats()
            book = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314  (entities are refused before)
            links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
            styles = ElementTree.fromstring(archive.read("xl/styles.xml")) if "xl/styles.xml" in names else None  # noqa: S314
            runs = _shared_runs(archive) if "xl/sharedStrings.xml" in names else {}
            comments = _linked(archive, names, ("/comments", "/threadedComment"))
            boxes = {
                part: _texts_in(archive.read(drawn)) for part, drawn in _linked(archive, names, ("/drawing",)).items()
            }
        telling, days = _telling(styles) if styles is not None else ({}, {})
        struck = _struck(styles) if styles is not None else frozenset()
    except XML_ERRORS:
        raise unreadable("damaged_file", file=file, format="xlsx") from None
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    parts = {}
    for sheet in _all(book, "sheet"):
        key = next((value for name, value in sheet.attrib.items() if name.endswith("}id")), None)
        target = targets.get(key, "")
        part = normpath(target.lstrip("/") if target.startswith("/") else join("xl", target))
        parts[sheet.get("name", "")] = spelt.get(part.casefold(), part)
    calculation = next(_all(book, "calcPr"), None)
    properties = next(_all(book, "workbookPr"), None)
    return Formats(
        telling=telling,
        calculates_on_load=calculation is not None and calculation.get("fullCalcOnLoad") in ("1", "true"),
        is_stale=calculation is not None and calculation.get("calcCompleted") in ("0", "false"),
        starts_1904=properties is not None and properties.get("date1904") in ("1", "true"),
        parts=parts,
        struck=struck,
        runs=runs,
        comments=comments,
        boxes=boxes,
        days=days,
        rules=_rules(styles) if styles is not None else frozenset(),
    )


WHOLE, PART, RAISED = "struck", "struck_in_part", "raised_in_part"


def look_of(runs: Iterable[tuple[str, bool, bool]]) -> str:
    """What the letters of a text are, by its runs (text, whether struck through, whether raised or lowered); "" where all are plain."""
    runs = [run for run in runs if run[0].strip()]
    if any(is_struck for _, is_struck, _ in runs):
        return WHOLE if all(is_struck for _, is_struck, _ in runs) else PART
    raised = [is_raised for _, _, is_raised in runs]
    return RAISED if any(raised) and not all(raised) else ""


def _look_of_rich(text: ElementTree.Element) -> str:
    """Of the runs of a shared or inline text."""
    runs = []
    for run in (r for r in text if r.tag.rpartition("}")[2] == "r"):
        strike, place = next(_all(run, "strike"), None), next(_all(run, "vertAlign"), None)
        runs.append(
            (
                "".join(t.text or "" for t in _all(run, "t")),
                strike is not None and strike.get("val", "1") not in ("0", "false"),
                place is not None and place.get("val") in ("superscript", "subscript"),
            )
        )
    return look_of(runs)


def _shared_runs(archive: zipfile.ZipFile) -> dict[int, str]:
    texts = archive.read("xl/sharedStrings.xml")
    if not any(word in texts for word in (b"strike", b"vertAlign")):
        return {}
    found: dict[int, str] = {}
    number = 0
    for _, element in ElementTree.iterparse(io.BytesIO(texts)):  # noqa: S314
        if element.tag.rpartition("}")[2] == "si":
            if look := _look_of_rich(element):
                found[number] = look
            number += 1
            element.clear()
    return found


def _linked(archive: zipfile.ZipFile, names: set[str], kinds: tuple[str, ...]) -> dict[str, str]:
    """Part of a sheet → the part that it links to under one of these kinds."""
    found = {}
    for links in (name for name in names if name.startswith("xl/worksheets/_rels/") and name.endswith(".rels")):
        for link in ElementTree.fromstring(archive.read(links)):  # noqa: S314
            if link.get("Type", "").endswith(kinds) and link.get("TargetMode") != "External":
                target = link.get("Target", "")
                part = normpath(target.lstrip("/") if target.startswith("/") else join("xl/worksheets", target))
                if part in names:
                    found["xl/worksheets/" + links.removeprefix("xl/worksheets/_rels/").removesuffix(".rels")] = part
    return found


def _texts_in(drawing: bytes) -> list[str]:
    """What the shapes of a drawing say; not what stands in the place of a slicer for programs that know none."""
    found = []
    waiting = [ElementTree.fromstring(drawing)] if b"txBody" in drawing else []  # noqa: S314
    while waiting:
        element = waiting.pop()
        tag = element.tag.rpartition("}")[2]
        if tag == "sp":
            found.append("".join(text.text or "" for text in _all(element, "t")).strip())
        elif tag != "Fallback":
            waiting += element
    return [text for text in found if text]


def commented_cells(path: Path, part: str, *, file: str) -> tuple[set[tuple[int, int]], list[str]]:
    """(the cells of one sheet, from 0, beside which a comment stands, what the comments say).

    Args:
        part: of the comments.

    Raises:
        Unreadable: damaged_file.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(part) as opened:
            notes = (e for _, e in ElementTree.iterparse(opened) if e.tag.endswith(("}comment", "}threadedComment")))  # noqa: S314
            said = [(_place(note.get("ref", "")), "".join(t.text or "" for t in _all(note, "t"))) for note in notes]
    except XML_ERRORS:
        raise unreadable("damaged_file", file=file, format="xlsx") from None
    return {place for place, _ in said if place}, [text for _, text in said if text]


def _place(ref: str) -> tuple[int, int] | None:
    """D2 → (1, 3)."""
    found = re.fullmatch(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})", ref)
    return (int(found[2]) - 1, column_number(found[1]) - 1) if found else None


def _telling(styles: ElementTree.Element) -> tuple[dict[int, str], dict[int, str]]:
    """(style → format, for those that tell more than the number; the same for days and times)."""
    codes = {int(f.get("numFmtId", "0")): f.get("formatCode", "") for f in _all(styles, "numFmt")}
    listed = next(_all(styles, "cellXfs"), None)
    found, days = {}, {}
    for number, style in enumerate(listed if listed is not None else ()):
        kind = int(style.get("numFmtId", "0") or 0)
        code = codes.get(kind, BUILT_IN.get(kind, DAYS.get(kind, "")))
        if is_telling(code):
            found[number] = code
        if is_moment(code):
            days[number] = code
    return found, days


def _rules(styles: ElementTree.Element) -> frozenset[int]:
    listed = next(_all(styles, "dxfs"), None)
    return frozenset(
        nth for nth, rule in enumerate(listed if listed is not None else ())
        if any(is_telling(form.get("formatCode", "")) for form in _all(rule, "numFmt"))
    )  # fmt: skip


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
                cell.at[0]
                for cell in _cells(opened)
                if (cell.style in formats.struck and (cell.value or cell.kind == "inlineStr"))
                or formats.runs.get(cell.shared, cell.look) == WHOLE
            }
    except XML_ERRORS:
        raise unreadable("damaged_file", file=file, format="xlsx") from None


def odd_cells(path: Path, part: str, formats: Formats, *, file: str) -> Odd:
    """The cells of one sheet whose value alone would not say what the sender sees.

    Raises:
        Unreadable: damaged_file.
    """
    found: Odd = {}
    spans: list[tuple[range, range]] = []  # cells that a formula nobody has calculated would fill
    spoken: set[tuple[int, int]] = set()  # those of them that hold something all the same
    try:
        with zipfile.ZipFile(path) as archive, archive.open(part) as opened:
            for cell in _cells(opened):
                at, value = cell.at, cell.value
                look = formats.runs.get(cell.shared, cell.look)
                is_open = any(at[0] in rows and at[1] in columns for rows, columns in spans)
                if cell.kind == "e":
                    found[at] = Shown("", "rich_value") if cell.is_rich else Shown(value or "#ERROR!")
                elif cell.formula is not None and (
                    value is None
                    or (value == "" and cell.kind != "str")
                    or (formats.calculates_on_load and value == "0")
                ):
                    found[at] = Shown("", "formula_not_calculated")
                    spans += [cell.spill] if cell.spill else []
                elif not value and is_open and cell.kind != "inlineStr":
                    found[at] = Shown("", "formula_not_calculated")
                elif look in (PART, RAISED):
                    found[at] = Shown("", look)
                elif value and cell.kind in ("n", "") and (cell.style in formats.telling or cell.style in formats.days):
                    code = formats.telling.get(cell.style) or formats.days[cell.style]
                    found |= {at: shown} if (shown := shown_for(code, value)) else {}
                if value and is_open:
                    spoken.add(at)
    except XML_ERRORS:
        raise unreadable("damaged_file", file=file, format="xlsx") from None
    for rows, columns in spans:
        found |= {
            (row, column): Shown("", "formula_not_calculated")
            for row in rows
            for column in columns
            if (row, column) not in spoken and (row, column) not in found
        }
    return found


def shown_for(code: str, value: str | float) -> Shown | None:
    """What speaks for a number under a format; a day on which the format shows a time is marked `midnight`."""
    try:
        number = float(value)
        seen = render(code, number)
    except (ValueError, ArithmeticError):
        return None
    if hides_a_day(code) or (seen is None and not 0 <= number < AFTER_ALL_DAYS and is_moment(code)):  # Excel shows ####
        return Shown(number_text(number), "shown_otherwise")
    if seen is None:
        return Shown("", "midnight") if number == int(number) and has_time(code) else None
    return as_shown(number, seen, scale(code, number))


class _Cell(NamedTuple):
    """A cell as the XML has it; `formula` is None where it has none, `value` where nothing is stored."""

    at: tuple[int, int]
    kind: str
    style: int
    formula: str | None
    value: str | None
    shared: int  # number of the shared text, or -1
    look: str  # of an inline text
    spill: tuple[range, range] | None  # what an array formula fills
    is_rich: bool  # what it shows stands elsewhere


def _cells(opened: object) -> Iterator[_Cell]:
    """Every cell of a sheet that holds something."""
    row = column = -1
    formula: str | None = None
    value: str | None = None
    look, spill = "", None
    for event, element in ElementTree.iterparse(opened, events=("start", "end")):  # type: ignore[arg-type]  # noqa: S314
        tag = element.tag.rpartition("}")[2]
        if event == "start":
            if tag == "row":
                row, column = int(element.get("r", row + 2)) - 1, -1
            elif tag == "c":
                formula, value, look, spill = None, None, "", None
                place = _place(element.get("r", ""))
                row, column = place or (row, column + 1)
            continue
        if tag == "f":
            formula = element.text or ""
            spill = _spill(element.get("ref", "")) if element.get("t") == "array" else None
        elif tag == "v":
            value = (element.text or "").strip()
        elif tag == "is":
            look = _look_of_rich(element)
            element.clear()
        elif tag == "c":
            kind = element.get("t", "")
            shared = int(value) if kind == "s" and value and value.isdecimal() else -1
            yield _Cell(
                (row, column),
                kind,
                int(element.get("s", "0") or 0),
                formula,
                value,
                shared,
                look,
                spill,
                "vm" in element.attrib,
            )
            element.clear()
        elif tag == "row":
            element.clear()


def _spill(ref: str) -> tuple[range, range] | None:
    """E2:E4 → its rows and columns, from 0; no more of them than anybody fills in."""
    first, _, last = ref.partition(":")
    begin, end = _place(first), _place(last or first)
    if begin is None or end is None or (end[0] - begin[0] + 1) * (end[1] - begin[1] + 1) > MOST_SPILT:
        return None
    return range(begin[0], end[0] + 1), range(begin[1], end[1] + 1)


def column_number(letters: str) -> int:
    """AA → 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(column: int) -> str:
    """26, from 0 → AA."""
    letters, number = "", column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _all(root: ElementTree.Element, tag: str) -> Iterator[ElementTree.Element]:
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == tag)
