"""What an XLS says of its cells beyond their values: errors, number formats, formulas that nobody has calculated.

A reader of the records that matter, in the compound file that holds them. Does not belong here: the values (workbook).
Sources: [MS-CFB] and [MS-XLS], https://learn.microsoft.com/openspecs/office_file_formats/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from contracts.reading.shown import Shown, is_moment, is_telling, number_text
from contracts.reading.spreadsheet_xml import BUILT_IN, DAYS, WHOLE, Hidden, Odd, look_of, shown_for

Runs = list[tuple[str, int | None]]  # (text, font) of each piece of a text, None for the font of the cell
ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}
_END, _FREE = 0xFFFFFFFE, 0xFFFFFFFF
_BOUNDSHEET, _FORMAT, _XF, _DATEMODE, _RECALCID = 0x85, 0x41E, 0xE0, 0x22, 0x1C1
_ROW, _COLINFO, _FONT = 0x208, 0x7D, 0x31
_SST, _CONTINUE = 0xFC, 0x3C
_NOT_CALCULATED, _PAGE_HEAD, _PAGE_FOOT = 0x5E, 0x14, 0x15
_OBJECT, _OBJECT_TEXT, _OF_COMMENT = 0x5D, 0x1B6, 0x19
_LABELSST, _LABEL, _RSTRING = 0xFD, 0x204, 0xD6
_FORMULA, _BOOLERR, _NUMBER, _RK, _MULRK, _EOF = 0x06, 0x205, 0x203, 0x27E, 0xBD, 0x0A
# As Excel 3 and 4 wrote a formula, and some programs still do: the reader of the values passes it over. Its text comes in a STRING.
_OLD_FORMULAS, _STRING, _LONG_STRING = (0x206, 0x406), 0x207, -1
# What holds a value; a run of numbers (_MULRK) is told by the style of its first.
_CELLS = (_FORMULA, *_OLD_FORMULAS, _BOOLERR, _NUMBER, _RK, _MULRK, _LABELSST, _LABEL, _RSTRING)


class NotReadable(Exception):
    """A workbook whose values nobody reads as they are; the argument is a code of contracts.messages."""


_BOF, _FILEPASS, _NOTE, _CODEPAGE, _UNICODE = 0x809, 0x2F, 0x1C, 0x42, 1200


def in_unicode(data: bytes) -> bytes:
    """The file, saying of its texts what they are: from Excel 97 on Unicode, whatever code page is named. The reader of the values believes
    the name, and takes the two bytes of a letter for two letters, or for one of GBK.
    """
    try:
        pieces, size, _ = _pieces(data)
        at = 0
        for kind, body in _records(_stream(data), 0):
            if kind == _BOF and struct.unpack_from("<H", body)[0] < 0x600:
                break
            if kind == _CODEPAGE and struct.unpack("<H", body)[0] != _UNICODE:
                named = bytearray(data)
                for place, byte in enumerate(struct.pack("<H", _UNICODE), start=at + 4):
                    named[pieces[place // size] + place % size] = byte
                return bytes(named)
            at += 4 + len(body)
    except (struct.error, IndexError, KeyError, ValueError, OverflowError):
        pass  # the reader of the values tells what is wrong
    return data


def odd_cells_of(path: Path) -> tuple[dict[str, Odd], dict[str, Hidden], bool]:
    """(for each sheet by name the cells whose value does not say what is seen, and what it hides, whether days count from 1904).

    Raises:
        NotReadable: encrypted_file; format_not_understood for Excel 5, of whose texts the reader of the values takes Chinese letters apart,
            whose errors it leaves empty, and whose formats it takes for others; damaged_file: what the cells show beyond their values would
            be lost in silence.
    """
    try:
        return _read(_stream(path.read_bytes()))
    except (struct.error, IndexError, KeyError, ValueError, OverflowError):
        raise NotReadable("damaged_file") from None


class _Styles(NamedTuple):
    """What styles and fonts say: style → its telling format; style → its font; fonts struck through, and raised or lowered."""

    telling: dict[int, str]
    fonts: list[int]
    struck: set[int]
    raised: set[int]

    def look(self, style: int, runs: Runs) -> str:
        """What the letters of a text are; a run without a font has that of its cell."""
        own = self.fonts[style] if style < len(self.fonts) else 0
        fonts = [(text, own if font is None else font) for text, font in runs]
        return look_of((text, font in self.struck, font in self.raised) for text, font in fonts)


def _read(data: bytes) -> tuple[dict[str, Odd], dict[str, Hidden], bool]:
    sheets: dict[str, int] = {}
    codes: dict[int, str] = {}
    styles: list[tuple[int, int]] = []  # font, number format
    fonts: list[tuple[int, int]] = []  # attributes, whether raised or lowered
    shared: list[bytes] = []
    starts_1904 = was_calculated = False
    last = 0
    records = list(_records(data, 0))
    if any(kind == _FILEPASS for kind, _ in records):
        raise NotReadable("encrypted_file")  # said first: an old one too is to be sent without its password
    if any(kind == _BOF and struct.unpack_from("<H", body)[0] < 0x600 for kind, body in records):
        raise NotReadable("format_not_understood")
    for kind, body in records:
        if kind == _BOUNDSHEET:
            start, _, length, wide = struct.unpack_from("<IHBB", body)
            sheets[_letters(body, 8, length, wide)] = start
        elif kind == _FORMAT and len(body) > 4:
            number, length, wide = struct.unpack_from("<HHB", body)
            codes[number] = _letters(body, 5, length, wide)
        elif kind == _XF:
            styles.append(struct.unpack_from("<HH", body))
        elif kind == _FONT:
            fonts.append((struct.unpack_from("<H", body, 2)[0], struct.unpack_from("<H", body, 8)[0]))
        elif kind == _SST or (kind == _CONTINUE and last == _SST):
            shared.append(body)
            kind = _SST  # noqa: PLW2901
        elif kind == _DATEMODE:
            starts_1904 = body[:1] == b"\x01"
        elif kind == _RECALCID:
            was_calculated = True  # Excel writes it; programs that do not calculate do not
        last = kind
    telling = {i: codes.get(f, BUILT_IN.get(f, DAYS.get(f, ""))) for i, (_, f) in enumerate(styles)}
    telling = {i: code for i, code in telling.items() if is_telling(code) or is_moment(code)}
    # There is no font 4: the fifth is the one of number 5.
    numbered = {i + (i >= 4): font for i, font in enumerate(fonts)}
    struck = {i for i, (attributes, _) in numbered.items() if attributes & 8}
    raised = {i for i, (_, place) in numbered.items() if place in (1, 2)}
    looks = _Styles(telling, [font for font, _ in styles], struck, raised)
    texts = _shared_runs(shared) if struck or raised else {}
    read = {name: _sheet(data, start, looks, texts, was_calculated) for name, start in sheets.items()}
    return (
        {name: odd for name, (odd, _) in read.items()},
        {name: hidden for name, (_, hidden) in read.items()},
        starts_1904,
    )


def _letters(body: bytes, at: int, length: int, wide: int) -> str:
    return body[at : at + 2 * length].decode("utf-16-le", "replace") if wide & 1 else body[at : at + length].decode("latin-1")  # fmt: skip


def _shared_runs(segments: list[bytes]) -> dict[int, Runs]:
    """The shared texts whose letters are not alike, by number: (text, font) of each run. A text goes on in the next segment behind a byte
    that says how wide its letters are there.
    """
    found: dict[int, Runs] = {}
    nth, at = 0, 8

    def take(count: int) -> bytes:
        nonlocal nth, at
        taken = b""
        while len(taken) < count:
            if at >= len(segments[nth]):
                nth, at = nth + 1, 0
            piece = segments[nth][at : at + count - len(taken)]
            taken, at = taken + piece, at + len(piece)
        return taken

    for number in range(struct.unpack_from("<I", segments[0], 4)[0] if segments else 0):
        length, wide = struct.unpack("<HB", take(3))
        (runs,) = struct.unpack("<H", take(2)) if wide & 8 else (0,)
        (extra,) = struct.unpack("<I", take(4)) if wide & 4 else (0,)
        text = ""
        while len(text) < length:
            if at >= len(segments[nth]):
                wide = take(1)[0]
            size = 1 + (wide & 1)
            piece = segments[nth][at : at + size * (length - len(text))]
            text, at = text + _letters(piece, 0, len(piece) // size, wide), at + len(piece)
        if runs:
            found[number] = _runs(text, take(4 * runs))
        take(extra)
    return found


def _runs(text: str, begins: bytes) -> Runs:
    """A text cut where its fonts begin: (first letter, font) of each."""
    starts = [(0, None), *struct.iter_unpack("<HH", begins)]
    ends = [start for start, _ in starts[1:]] + [len(text)]
    return [(text[start:end], font) for (start, font), end in zip(starts, ends, strict=True) if end > start]


def _see_hidden(kind: int, body: bytes, hidden: Hidden) -> None:
    if kind == _ROW:
        row, height, flags = (struct.unpack_from("<H", body, at)[0] for at in (0, 6, 12))
        # Twentieths of a point, where somebody has set them.
        hidden.rows.update({row} if flags & 0x20 or (flags & 0x40 and height & 0x7FFF < 40) else ())
    elif kind == _COLINFO:
        first, last, width, _, flags = struct.unpack_from("<5H", body)
        hidden.columns.update(range(first, last + 1) if flags & 1 or width < 51 else ())
    elif kind == _NOT_CALCULATED:
        hidden.is_stale = True
    elif kind == _NOTE:
        hidden.commented.add(struct.unpack_from("<HH", body))


def _see_box(kind: int, body: bytes, hidden: Hidden, box: int) -> int:
    """What is known of the text of an object that comes: its letters, below zero where it is a comment's, -1 before they are counted."""
    if kind in (_PAGE_HEAD, _PAGE_FOOT) and len(body) > 3:
        hidden.printed.append(_letters(body, 3, *struct.unpack_from("<HB", body)))
    if kind == _OBJECT:
        return -int(struct.unpack_from("<H", body, 4)[0] == _OF_COMMENT)
    if kind == _OBJECT_TEXT:
        return int(struct.unpack_from("<H", body, 10)[0]) * (-1 if box < 0 else 1)
    if kind == _CONTINUE and box:
        text = _letters(body, 1, abs(box), body[0]).strip()
        (hidden.printed if box < 0 else hidden.boxes).extend([text] if text else [])
        return 0
    return box


def _with_whole_texts(records: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The records of a sheet; the text of a formula that goes on in others is one, of which the reader of the values gives the beginning."""
    text, length = "", 0
    for kind, body in records:
        if kind == _CONTINUE and len(text) < length:
            text += _letters(body, 1, length - len(text), body[0])
            if len(text) >= length:
                yield _LONG_STRING, struct.pack("<HB", length, 1) + text.encode("utf-16-le", "surrogatepass")
            continue
        text, length = "", 0
        if kind == _STRING:
            length, wide = struct.unpack_from("<HB", body)
            text = _letters(body, 3, length, wide)
        yield kind, body


def _seen(kind: int, body: bytes, styles: _Styles, texts: dict[int, Runs]) -> tuple[str | None, str]:
    """(the text of a cell where the reader of the values takes two bytes of a letter for two letters, what its letters look like)."""
    (style,) = struct.unpack_from("<H", body, 4)
    text, runs = None, texts.get(struct.unpack_from("<I", body, 6)[0]) if kind == _LABELSST else None
    if kind in (_LABEL, _RSTRING):
        length, wide = struct.unpack_from("<HB", body, 6)
        text, end = _letters(body, 9, length, wide), 9 + length * (1 + (wide & 1))
        runs = _runs(text, body[end + 2 :][: (len(body) - end - 2) // 4 * 4]) if kind == _RSTRING else None
    return text, styles.look(style, runs or [("-", None)])


def _sheet(
    data: bytes, start: int, styles: _Styles, texts: dict[int, Runs], was_calculated: bool
) -> tuple[Odd, Hidden]:
    found: Odd = {}
    hidden = Hidden()
    box = 0
    last, is_old = (0, 0), False  # a formula, whose text comes next; the reader of the values passes over old ones

    def number(row: int, column: int, style: int, value: float) -> None:
        if style in styles.telling and (shown := shown_for(styles.telling[style], value)):
            found[row, column] = shown

    for kind, body in _with_whole_texts(_records(data, start)):
        _see_hidden(kind, body, hidden)
        box = _see_box(kind, body, hidden, box)
        if kind in _CELLS:
            row, column = struct.unpack_from("<HH", body)
            text, look = _seen(kind, body, styles, texts)
            hidden.struck.update({row} if look == WHOLE else ())
            if text is not None or look not in ("", WHOLE):
                found[row, column] = Shown(text or "", None if look in ("", WHOLE) else look)
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
        elif kind == _FORMULA or kind in _OLD_FORMULAS:
            row, column, style = struct.unpack_from("<HHH", body)
            result, last, is_old = body[6:14], (row, column), kind != _FORMULA
            if result[6:] == b"\xff\xff":
                if result[0] == 2:
                    found[row, column] = Shown(ERRORS.get(result[2], "#ERROR!"))
                elif result[0] == 3 and not was_calculated:
                    found[row, column] = Shown("", "formula_not_calculated")
                elif is_old:
                    found[row, column] = Shown(("false", "true")[result[2] & 1] if result[0] == 1 else "")
            elif result == bytes(8) and not was_calculated:
                found[row, column] = Shown("", "formula_not_calculated")
            else:
                value = struct.unpack("<d", result)[0]
                if is_old:
                    found[row, column] = Shown(number_text(value))
                number(row, column, style, value)
        elif kind == _LONG_STRING or (kind == _STRING and is_old):
            found[last] = Shown(_letters(body, 3, *struct.unpack_from("<HB", body)))
    return found, hidden


def _unpacked(packed: int) -> float:
    """An RK number: 30 bits of an integer or of a double, divided by 100 where the lowest bit says so."""
    if packed & 2:
        value = float(struct.unpack("<i", struct.pack("<I", packed))[0] >> 2)
    else:
        value = struct.unpack("<d", b"\0\0\0\0" + struct.pack("<I", packed & 0xFFFFFFFC))[0]
    return value / 100 if packed & 1 else value


def _records(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Records from a substream's beginning to its end, without those of a chart within: it keeps texts and numbers of its own."""
    depth = 0
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, at)
        depth += kind == _BOF
        if depth <= 1:
            yield kind, data[at + 4 : at + 4 + length]
        depth -= kind == _EOF
        if kind == _EOF and depth <= 0:
            return
        at += 4 + length


def _stream(data: bytes) -> bytes:
    """The stream `Workbook` of a compound file."""
    pieces, size, length = _pieces(data)
    return b"".join(data[at : at + size] for at in pieces)[:length]


def _pieces(data: bytes) -> tuple[list[int], int, int]:
    """(where in the file the pieces of that stream begin, bytes of a piece, bytes of the stream)."""
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

    def chain(number: int, links: Sequence[int] = table) -> list[int]:
        numbers: list[int] = []
        while number < _END and len(numbers) <= len(links):
            numbers.append(number)
            number = links[number]
        return numbers

    directory = b"".join(map(block, chain(first_directory)))
    entries: dict[str, tuple[int, int]] = {}
    for at in range(0, len(directory), 128):
        length = struct.unpack_from("<H", directory, at + 64)[0]
        name = directory[at : at + max(length - 2, 0)].decode("utf-16-le", errors="replace")
        entries.setdefault(name.casefold(), struct.unpack_from("<II", directory, at + 116))
    start, size = entries.get("workbook") or entries["book"]
    if size >= cutoff:
        return [(number + 1) * sector for number in chain(start)], sector, size
    holders = chain(struct.unpack_from("<I", directory, 116)[0])  # the first entry is the root's, whatever it is called
    mini = b"".join(map(block, chain(first_mini)))
    small = chain(start, struct.unpack(f"<{len(mini) // 4}I", mini))
    return [(holders[64 * n // sector] + 1) * sector + 64 * n % sector for n in small], 64, size
