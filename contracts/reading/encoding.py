"""Bytes of a text file → UTF-8 lines, whatever they were written in.

Belongs here: finding the encoding and decoding in chunks that end at line ends. Does not belong here: what the
lines mean.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contracts.reading.headers import fold
from contracts.reading.table import MB, unreadable

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
NAMES = {"gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030", "utf-8-sig": "utf-8", "utf8": "utf-8", "ascii": "utf-8"}
SAMPLE = 256_000
HEADER_REGION = 64_000
REPLACED = "\ufffd".encode()

# Characters ordinary text is made of, as lead byte ranges of a two-byte code whose trail byte is 0xA1–0xFE (or, in
# Big5, 0x40–0x7E): GB 2312 punctuation and level 1 (3,755 characters), Big5 punctuation and level 1 (5,401).
_ORDINARY_GB = re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]")
_ORDINARY_BIG5 = re.compile(rb"[\xa1-\xc6][\x40-\x7e\xa1-\xfe]")
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x80-\xff]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """`name` is what the receipt says; `bom` bytes at the start belong to no line; `sound`: every byte is UTF-8."""

    name: str
    bom: int = 0
    sound: bool = False


def find_encoding(path: Path, declared: str | None, known_headers: Collection[str], *, file: str) -> Encoding:
    """The encoding of a whole file: byte order mark, validity of every byte, then what its characters look like.

    Raises:
        Unreadable: the layout names an encoding that does not exist.
    """
    with path.open("rb") as opened:
        head = opened.read(SAMPLE)
    bom = next(((mark, name) for mark, name in BOMS if head.startswith(mark)), None)
    if declared is not None:
        name = _canonical(declared, file)
        if bom and name in ("utf-16", bom[1]):
            return Encoding(bom[1], len(bom[0]))
        return Encoding("utf-16-le" if name == "utf-16" else name)
    if bom and bom[1] != "utf-8":
        return Encoding(bom[1], len(bom[0]))
    if not bom and (wide := _utf_16(head)):
        return Encoding(wide)
    foreign, lines, broken = _foreign_lines(path)
    # Text of another encoding is hardly ever valid UTF-8, so a few bad lines are damage, not another encoding.
    if bom or not broken or broken * 10 < lines:
        return Encoding("utf-8", len(bom[0]) if bom else 0, sound=not broken)
    return Encoding(_likeliest(foreign, head[:HEADER_REGION], {fold(h) for h in known_headers} - {""}))


def _canonical(declared: str, file: str) -> str:
    try:
        name = codecs.lookup(declared).name
        "".encode(name)
    except (LookupError, TypeError, ValueError):
        raise unreadable("encoding_unknown", file=file, expected=declared) from None
    return NAMES.get(name, name)


def _utf_16(head: bytes) -> str | None:
    """UTF-16 without a mark: ASCII characters (line ends, delimiters, digits) show as NUL in every other byte."""
    if head.count(0) < max(2, len(head) // 50):
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    name = "utf-16-le" if odd > even else "utf-16-be"
    if min(even, odd) * 10 > max(even, odd):
        return None
    text = head[: len(head) // 2 * 2].decode(name, errors="replace")
    odd_ones = sum(c == "\ufffd" or (c < " " and c not in "\t\r\n") for c in text)
    return name if odd_ones * 50 < len(text) else None


def _foreign_lines(path: Path) -> tuple[bytes, int, int]:
    """(a sample of the lines that are not ASCII, how many such lines chunks had, how many are no UTF-8)."""
    sample, lines, broken = bytearray(), 0, 0
    for chunk in _at_line_ends(path, MB):
        if _is_utf_8(chunk):
            # Only weighed against broken lines: a rough count will do.
            lines += 0 if chunk.isascii() else 100
            continue
        for line in chunk.splitlines(keepends=True):
            if line.isascii():
                continue
            lines += 1
            broken += not _is_utf_8(line)
            if len(sample) < SAMPLE:
                sample += line[:4_000]
        if broken > 100_000:
            break
    return bytes(sample), lines, broken


def _at_line_ends(path: Path, size: int) -> Iterator[bytes]:
    rest = b""
    with path.open("rb") as opened:
        while chunk := opened.read(size):
            cut = chunk.rfind(b"\n") + 1 or (len(chunk) if len(rest) > 4 * size else 0)
            if cut:
                yield rest + chunk[:cut]
                rest = chunk[cut:]
            else:
                rest += chunk
    if rest:
        yield rest


def _is_utf_8(chunk: bytes) -> bool:
    try:
        pl.Series([chunk], dtype=pl.Binary).cast(pl.String)  # seven times as fast as bytes.decode
    except pl.exceptions.ComputeError:
        return False
    return True


def _likeliest(foreign: bytes, head: bytes, known: set[str]) -> str:
    """GB18030, Big5 or a Western code page: whose known headers are there, else whose characters are ordinary."""
    found = {name: _known_in(head, name, known) for name in ("gb18030", "big5")}
    if found["gb18030"] != found["big5"]:
        return max(found, key=lambda name: found[name])
    pairs = _PAIR.findall(foreign)
    double = [pair for pair in pairs if len(pair) == 2]
    gb = sum(bool(_ORDINARY_GB.fullmatch(pair)) for pair in double)
    big5 = sum(bool(_ORDINARY_BIG5.fullmatch(pair)) for pair in double)
    # In Western text an accented letter or curly quote stands alone; read as pairs it gives rare characters.
    if max(gb, big5) * 2 < len(pairs) or not _decodes_mostly(foreign, "gb18030" if gb >= big5 else "big5"):
        return "cp1252" if _decodes_mostly(foreign, "cp1252") else "gb18030"
    return _denser(foreign, gb, big5)


def _denser(foreign: bytes, gb: int, big5: int) -> str:
    # Every ordinary GB 2312 pair up to lead 0xC6 is also a Big5 pair; Big5's other half (trail below 0x7F) is rare
    # in simplified text and about 40 % of traditional text.
    low = sum(pair[1] < 0x7F for pair in _PAIR.findall(foreign) if len(pair) == 2)
    both = sum(len(pair) == 2 for pair in _PAIR.findall(foreign))
    if big5 > gb and low * 6 > both and _decodes_mostly(foreign, "big5"):
        return "big5"
    return "gb18030"


def _known_in(head: bytes, name: str, known: set[str]) -> int:
    text = head.decode(name, errors="replace")
    cells = {fold(cell) for cell in re.split(r"[,\t;|\r\n\"]", text)}
    return len(cells & known)


def _decodes_mostly(sample: bytes, name: str) -> bool:
    lines = sample.splitlines()
    bad = 0
    for line in lines:
        try:
            line.decode("cp950" if name == "big5" else name)
        except UnicodeDecodeError:
            bad += 1
    return bad * 5 <= len(lines)


def utf_8_chunks(
    path: Path, encoding: Encoding, size: int, line_limit: int, *, only_returns: bool = False
) -> Iterator[tuple[bytes, dict[int, str]]]:
    r"""Decodes a text file in chunks that end at line ends (the last line gets one).

    Args:
        size: of a chunk, bytes.
        line_limit: bytes after which a line is cut, as no cell may be that long.
        only_returns: the file ends its lines with \r alone.

    Yields:
        (UTF-8 bytes with \n as line end, what is wrong with a line by its index in the chunk).
    """
    decode = _decoder(encoding.name)
    rest, cutting = b"", False
    with path.open("rb") as opened:
        opened.seek(encoding.bom)
        while True:
            raw = opened.read(size)
            buffer = _with_newlines(rest + decode(raw, not raw), only_returns, final=not raw)
            if cutting:  # the remainder of a line whose beginning is already out
                after = buffer.find(b"\n") + 1
                buffer, cutting = buffer[after:] if after else b"", not after
            cut = buffer.rfind(b"\n") + 1
            rest = buffer[cut:]
            if cut:
                yield _marked(buffer[:cut], encoding)
            if len(rest) > line_limit:
                yield _shortened(rest, line_limit), {0: "cell_too_long"}
                rest, cutting = b"", True
            if not raw:
                return


def _decoder(name: str) -> Callable[[bytes, bool], bytes]:
    if name == "utf-8":
        return lambda raw, _: raw
    decoder = codecs.getincrementaldecoder(name)(errors="replace")
    return lambda raw, final: decoder.decode(raw, final).encode("utf-8", errors="replace")


def _with_newlines(buffer: bytes, only_returns: bool, *, final: bool) -> bytes:
    if b"\r" in buffer:
        buffer = buffer.replace(b"\r", b"\n") if only_returns else buffer.replace(b"\r\n", b"\n")
    return buffer + b"\n" if final and buffer and not buffer.endswith(b"\n") else buffer


def _shortened(line: bytes, limit: int) -> bytes:
    # Quotation marks go, or the cut would leave one open.
    return line[:limit].replace(b'"', b"").decode("utf-8", errors="ignore").encode() + b"\n"


def _marked(chunk: bytes, encoding: Encoding) -> tuple[bytes, dict[int, str]]:
    """Marks the lines with bytes that are no text; another encoding shows them as U+FFFD once decoded."""
    is_utf_8 = encoding.name == "utf-8"
    if encoding.sound or (_is_utf_8(chunk) if is_utf_8 else REPLACED not in chunk):
        return chunk, {}
    marks, lines = {}, chunk.split(b"\n")
    for index, line in enumerate(lines):
        if not _is_utf_8(line) if is_utf_8 else REPLACED in line:
            lines[index] = line.decode("utf-8", errors="replace").encode()
            marks[index] = "undecodable"
    return b"\n".join(lines), marks
