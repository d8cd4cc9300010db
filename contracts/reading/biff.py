"""What an XLS says of its cells beyond their values: errors, number formats, formulas that nobody has calculated.

A reader of the records that matter, in the compound file that holds them. Does not belong here: the values (workbook).
Sources: [MS-CFB] and [MS-XLS], https://learn.microsoft.com/openspecs/office_file_formats/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from contracts.reading.shown import Shown, is_telling
from contracts.reading.spreadsheet_xml import BUILT_IN, Hidden, Odd, shown_for

ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}
_END, _FREE = 0xFFFFFFFE, 0xFFFFFFFF
_BOUNDSHEET, _FORMAT, _XF, _DATEMODE, _RECALCID = 0x85, 0x41E, 0xE0, 0x22, 0x1C1
_ROW, _COLINFO, _FONT = 0x208, 0x7D, 0x31
_LABELSST, _LABEL = 0xFD, 0x204
_FORMULA, _BOOLERR, _NUMBER, _RK, _MULRK, _EOF = 0x06, 0x205, 0x203, 0x27E, 0xBD, 0x0A
# What holds a value; a run of numbers (_MULRK) is told by the style of its first.
_CELLS = (_FORMULA, _BOOLERR, _NUMBER, _RK, _MULRK, _LABELSST, _LABEL)


class NotReadable(Exception):
    """A workbook whose values nobody reads as they are; the argument is a code of contracts.messages."""


# Chinese, Japanese and Korean code pages, in which Excel 5 keeps its texts: their reader takes such letters apart.
_WIDE_PAGES = (932, 936, 949, 950, 1361, 54936)
_BOF, _FILEPASS, _CODEPAGE, _NOTE = 0x809, 0x2F, 0x42, 0x1C


def check_readable(path: Path) -> None:
    """Says what the reader of the values does not tell from damage.

    Raises:
        NotReadable: encrypted_file, or format_not_understood for the texts of Excel 5.
    """
    try:
        records = _records(_stream(path.read_bytes()), 0)
        kind, body = next(records)
        is_old = kind == _BOF and struct.unpack_from("<H", body)[0] < 0x600
        page = None
        for kind, body in records:
            if kind == _FILEPASS:
                raise NotReadable("encrypted_file")
            if kind == _CODEPAGE:
                page = struct.unpack_from("<H", body)[0]
    except (struct.error, IndexError, KeyError, ValueError, OverflowError, StopIteration):
        return
    if is_old and (page is None or page in _WIDE_PAGES):
        raise NotReadable("format_not_understood")


def odd_cells_of(path: Path) -> tuple[dict[str, Odd], dict[str, Hidden], bool]:
    """(for each sheet by name the cells whose value does not say what is seen, and what it hides, whether days count from 1904).

    Nothing where the file is not as it should be: the reader of the values tells that.
    """
    try:
        return _read(_stream(path.read_bytes()))
    except (struct.error, IndexError, KeyError, ValueError, OverflowError):
        return {}, {}, False


def _read(data: bytes) -> tuple[dict[str, Odd], dict[str, Hidden], bool]:
    sheets: dict[str, int] = {}
    codes: dict[int, str] = {}
    styles: list[tuple[int, int]] = []  # font, number format
    struck_fonts: list[bool] = []
    starts_1904 = was_calculated = False
    for kind, body in _records(data, 0):
        if kind == _BOUNDSHEET:
            start, _, length, wide = struct.unpack_from("<IHBB", body)
            name = body[8 : 8 + 2 * length].decode("utf-16-le") if wide & 1 else body[8 : 8 + length].decode("latin-1")
            sheets[name] = start
        elif kind == _FORMAT:
            number, length, wide = struct.unpack_from("<HHB", body)
            codes[number] = body[5 : 5 + 2 * length].decode("utf-16-le") if wide & 1 else body[5 : 5 + length].decode("latin-1")  # fmt: skip
        elif kind == _XF:
            styles.append(struct.unpack_from("<HH", body))
        elif kind == _FONT:
            struck_fonts.append(bool(struct.unpack_from("<H", body, 2)[0] & 8))
        elif kind == _DATEMODE:
            starts_1904 = body[:1] == b"\x01"
        elif kind == _RECALCID:
            was_calculated = True  # Excel writes it; programs that do not calculate do not
    telling = {i: codes.get(f, BUILT_IN.get(f, "")) for i, (_, f) in enumerate(styles)}
    telling = {i: code for i, code in telling.items() if is_telling(code)}
    odd = {name: _sheet(data, start, telling, was_calculated) for name, start in sheets.items()}
    # There is no font 4: the fifth is the one of number 5.
    lines = {i + (i >= 4) for i, is_struck in enumerate(struck_fonts) if is_struck}
    struck = {i for i, (font, _) in enumerate(styles) if font in lines}
    return odd, {name: _hidden(data, start, struck) for name, start in sheets.items()}, starts_1904


def _hidden(data: bytes, start: int, struck: set[int]) -> Hidden:
    hidden = Hidden()
    for kind, body in _records(data, start):
        if kind == _ROW:
            row, height, flags = (struct.unpack_from("<H", body, at)[0] for at in (0, 6, 12))
            # Twentieths of a point, where somebody has set them.
            hidden.rows.update({row} if flags & 0x20 or (flags & 0x40 and height & 0x7FFF < 40) else ())
        elif kind == _COLINFO:
            first, last, width, _, flags = struct.unpack_from("<5H", body)
            hidden.columns.update(range(first, last + 1) if flags & 1 or width < 51 else ())
        elif kind == _NOTE:
            hidden.commented.add(struct.unpack_from("<HH", body))
        elif kind in _CELLS and struck and struct.unpack_from("<H", body, 4)[0] in struck:
            hidden.struck.add(struct.unpack_from("<H", body)[0])
    return hidden


def _sheet(data: bytes, start: int, telling: dict[int, str], was_calculated: bool) -> Odd:
    found: Odd = {}

    def number(row: int, column: int, style: int, value: float) -> None:
        if style in telling and (shown := shown_for(telling[style], value)):
            found[row, column] = shown

    for kind, body in _records(data, start):
        if kind == _NUMBER:
            row, column, style, value = struct.unpack_from("<HHHd", body)
            number(row, column, style, value)
        elif kind == _RK:
            row, column, style, packed = struct.unpack_from("<HHHI", body)
            number(row, column, style, _unpacked(packed))
        elif kind == _MULRK:
            row, first = struct.unpack_from("<HH", body)
            for nth in range((len(body) - 6) // 6):
                style, packed = struct.unpack_from("<HI", body, 4 + 6 * nth)
                number(row, first + nth, style, _unpacked(packed))
        elif kind == _BOOLERR:
            row, column, _, value, is_error = struct.unpack_from("<HHHBB", body)
            if is_error:
                found[row, column] = Shown(ERRORS.get(value, "#ERROR!"))
        elif kind == _FORMULA:
            row, column, style = struct.unpack_from("<HHH", body)
            result = body[6:14]
            if result[6:] == b"\xff\xff":
                if result[0] == 2:
                    found[row, column] = Shown(ERRORS.get(result[2], "#ERROR!"))
                elif result[0] == 3 and not was_calculated:
                    found[row, column] = Shown("", "formula_not_calculated")
            elif result == bytes(8) and not was_calculated:
                found[row, column] = Shown("", "formula_not_calculated")
            else:
                number(row, column, style, struct.unpack("<d", result)[0])
    return found


def _unpacked(packed: int) -> float:
    """An RK number: 30 bits of an integer or of a double, divided by 100 where the lowest bit says so."""
    if packed & 2:
        value = float(struct.unpack("<i", struct.pack("<I", packed))[0] >> 2)
    else:
        value = struct.unpack("<d", b"\0\0\0\0" + struct.pack("<I", packed & 0xFFFFFFFC))[0]
    return value / 100 if packed & 1 else value


def _records(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Records from a substream's beginning to its end."""
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, at)
        yield kind, data[at + 4 : at + 4 + length]
        if kind == _EOF:
            return
        at += 4 + length


def _stream(data: bytes) -> bytes:
    """The stream `Workbook` of a compound file."""
    sector = 1 << struct.unpack_from("<H", data, 30)[0]
    first_directory, _, cutoff, first_mini, _, next_difat, _ = struct.unpack_from("<IIIIIII", data, 48)

    def block(number: int) -> bytes:
        return data[(number + 1) * sector : (number + 2) * sector]

    listed = list(struct.unpack_from("<109I", data, 76))
    for _ in range(len(data) // sector):
        if next_difat >= _END:
            break
        *more, next_difat = struct.unpack(f"<{sector // 4}I", block(next_difat))
        listed += more
    table = [n for s in listed if s < _END for n in struct.unpack(f"<{sector // 4}I", block(s).ljust(sector, b"\xff"))]

    def chain(number: int) -> bytes:
        pieces: list[bytes] = []
        while number < _END and len(pieces) <= len(table):
            pieces.append(block(number))
            number = table[number]
        return b"".join(pieces)

    directory = chain(first_directory)
    entries = {}
    for at in range(0, len(directory), 128):
        length = struct.unpack_from("<H", directory, at + 64)[0]
        name = directory[at : at + max(length - 2, 0)].decode("utf-16-le", errors="replace")
        entries[name] = struct.unpack_from("<II", directory, at + 116)
    start, size = entries.get("Workbook") or entries["Book"]
    if size >= cutoff:
        return chain(start)[:size]
    mini = chain(entries["Root Entry"][0])
    links = struct.unpack(f"<{len(chain(first_mini)) // 4}I", chain(first_mini))
    pieces: list[bytes] = []
    while start < _END and len(pieces) <= len(links):
        pieces.append(mini[start * 64 : start * 64 + 64])
        start = links[start]
    return b"".join(pieces)[:size]
