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

from contracts.reading.codepages import likely_code_page
from contracts.reading.headers import fold
from contracts.reading.table import MB, unreadable

BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
NAMES = {
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "cp936": "gb18030",
    "utf-8-sig": "utf-8",
    "utf8": "utf-8",
    "ascii": "utf-8",
    "cp950": "big5",
}
DECODERS = {"big5": "cp950"}  # what Windows in Taiwan writes, a superset
WESTERN = "cp1252"
SAMPLE = 256_000
HEADER_REGION = 64_000
REPLACED = "\ufffd".encode()
# Shares of characters that are ordinary in no Chinese text: below the first it is one, from the second on perhaps not, from the third not.
NONE_RARE, SOME_RARE, MANY_RARE = 0.02, 0.1, 0.25
MANY_KINDS = 8  # a few rare ones are people's names

# Characters ordinary text is made of, as lead byte ranges of a two-byte code whose trail byte is 0xA1–0xFE (or, in
# Big5, 0x40–0x7E): GB 2312 punctuation and level 1 (3,755 characters), Big5 punctuation and level 1 (5,401).
_ORDINARY_GB = re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]")
_ORDINARY_BIG5 = re.compile(rb"[\xa1-\xc6][\x40-\x7e\xa1-\xfe]")
_ORDINARY_TEXT = re.compile("[\t\r\n -~\u00a0-\u00ff\u2010-\u2030\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
# Two or more Chinese characters in UTF-8 and nothing else: in GBK they would be rare ones, which no cell is made of.
_UTF_8_RUN = re.compile(rb"(?<![\x80-\xff])(?:[\xe2-\xe9\xef][\x80-\xbf]{2}){2,}(?![\x80-\xff])")
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x19\x1c-\x1f\x7f]")  # what no text has
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x80-\xff]")

# Of a Chinese text a third to nine tenths of the characters are among these, of another language read as GB18030 hardly any: those that
# names of places and offices, headers and surnames are made of, and the most frequent ones of prose.
_COMMON = set(
    "县区市族山南城治自江州安阳西东平宁河新里海區中北旗大地龙省水川武兴昌德台林永湖定金路溪临古源和长化口石通臺丰清都云高青华號白家公原乐院子天文"
    "宜特镇乡门广田庆上港仁三老建福民桥明的一是在不了有人这为个国我以要他时来用们生到作于出就分对成会可主发年动同工也能下过说种面而方后多行学法所得"
    "经十之进着等部度电力如加量体制机点业本好开合前外日社事全表关重内数心道月无者立代提五员位入常总品式活设及管件级资号务服办理居委村街第二四六七八"
    "九层室楼址名称类型话医卫所馆园小组计期状态正运营停使王李张刘陈杨赵黄周吴徐孙胡朱何郭马罗梁宋郑谢韩唐縣國學會館園醫護鄉鎮東華長臨榮廣鄰藝樂樓層際務門開關車電話時間雲龍蘭灣島張陳劉楊趙黃吳馬羅鄭謝韓"
)
_ENOUGH_CHINESE = 20  # characters, before anything is said of their language
FEW_COMMON = 0.15
# Hangul of EUC-KR lies where the first half of GB 2312's common characters does, kana of EUC-JP where its own are.
_HANGUL = re.compile(rb"[\xb0-\xc8][\xa1-\xfe]")
_KANA = re.compile(rb"[\xa4\xa5][\xa1-\xf6]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """`name` is what the receipt says; `bom` bytes at the start belong to no line; `sound`: every byte is UTF-8.

    `guessed`: one of many single-byte code pages, which nothing but the letters' language tells apart.
    """

    name: str
    bom: int = 0
    sound: bool = False
    guessed: bool = False


def find_encoding(path: Path, declared: str | None, known_headers: Collection[str], *, file: str) -> Encoding:
    """The encoding of a whole file: byte order mark, validity of every byte, then what its characters look like.

    Raises:
        Unreadable: the layout names an encoding that does not exist, or the letters are no language's.
    """
    with path.open("rb") as opened:
        head = opened.read(SAMPLE)
    bom = next(((mark, name) for mark, name in BOMS if head.startswith(mark)), None)
    if bom and bom[1] != "utf-8":
        return Encoding(bom[1], len(bom[0]))
    skipped = len(bom[0]) if bom else 0
    if declared is not None and not bom:
        name = _canonical(declared, file)
        return Encoding("utf-16-le" if name == "utf-16" else name)
    if not bom and (wide := _utf_16(head)):
        return Encoding(wide)
    sample, whole, broken = _foreign_lines(path)
    if bom or not broken or whole > broken or _is_mostly_utf_8(sample):
        return Encoding("utf-8", skipped, sound=not broken)
    name, is_certain = _likeliest(sample, head[:HEADER_REGION], {fold(h) for h in known_headers} - {""})
    share, kinds = (0.0, 0) if is_certain else _rare_characters(sample)
    if (name == WESTERN or share >= SOME_RARE) and (page := likely_code_page(sample)):
        return Encoding(page, guessed=True)
    if name == WESTERN and share < NONE_RARE:  # traditional Chinese in GBK
        name = "gb18030"
    is_foreign = not is_certain and name == "gb18030" and not _may_be_chinese(sample)
    if is_foreign and (page := likely_code_page(sample)):
        return Encoding(page, guessed=True)
    if name == WESTERN or is_foreign or (name == "gb18030" and share > MANY_RARE and kinds >= MANY_KINDS):
        if len(_CONTROLS.findall(head)) * 100 > len(head):
            raise unreadable("not_text", file=file)
        raise unreadable("encoding_unclear", file=file, guess="windows-1252" if name == WESTERN else "GB18030")
    return Encoding(name)


def _canonical(declared: str, file: str) -> str:
    try:
        name = codecs.lookup(declared).name
        "".encode(name)
    except (LookupError, TypeError, ValueError):
        raise unreadable("encoding_unknown", file=file, expected=declared) from None
    return NAMES.get(name, name)


def _utf_16(head: bytes) -> str | None:
    """UTF-16 without a mark: line ends and digits show as NUL bytes, and one byte order gives ordinary characters."""
    if head.count(0) < 2:
        return None
    even = head[: len(head) // 2 * 2]

    def share(name: str) -> float:
        text = even.decode(name, errors="replace")
        return sum(bool(_ORDINARY_TEXT.match(c)) for c in text) / max(len(text), 1)

    best = max(("utf-16-le", "utf-16-be"), key=share)
    return best if share(best) > 0.95 else None


def _foreign_lines(path: Path) -> tuple[bytes, int, int]:
    """(the lines that are not ASCII in the first chunks that are no UTF-8, chunks of foreign UTF-8, broken chunks)."""
    sample, whole, broken = bytearray(), 0, 0
    for chunk in _at_line_ends(path, MB):
        if _is_utf_8(chunk):
            whole += not chunk.isascii()
            continue
        broken += 1
        if len(sample) < SAMPLE:
            sample += b"\n".join(line[:4_000] for line in chunk.split(b"\n") if not line.isascii())[:SAMPLE]
    return bytes(sample), whole, broken


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


def _is_mostly_utf_8(sample: bytes) -> bool:
    # GBK text read as UTF-8 gives about one valid character to ten broken bytes; damaged UTF-8 is the reverse.
    text = sample.decode("utf-8", errors="replace")
    return sum(c > "\x7f" and c != "\ufffd" for c in text) > 2 * text.count("\ufffd")


def _rare_characters(sample: bytes) -> tuple[float, int]:
    """(share, different ones) of a text's characters as GB18030 that are ordinary neither in simplified nor in traditional Chinese."""
    pairs = _PAIR.findall(_UTF_8_RUN.sub(b"", sample))

    def is_rare(pair: bytes) -> bool:
        if _ORDINARY_GB.fullmatch(pair) or (b"\xd8" <= pair[:1] <= b"\xf7" and pair[1:] >= b"\xa1"):  # level 2
            return False
        traditional = pair.decode("gb18030", "replace").encode("big5", "replace")
        return not _ORDINARY_BIG5.fullmatch(traditional)

    rare = {pair: is_rare(pair) for pair in set(pairs)}
    return sum(rare[pair] for pair in pairs) / max(len(pairs), 1), sum(rare.values())


def _may_be_chinese(sample: bytes) -> bool:
    """Whether a text's characters as GB18030 are those of Chinese, and not of Korean, Japanese or single bytes taken two by two."""
    pairs = [pair for pair in _PAIR.findall(_UTF_8_RUN.sub(b"", sample)) if len(pair) == 2]
    letters = [pair for pair in pairs if not b"\xa1" <= pair[:1] <= b"\xa3"]
    if len(letters) < _ENOUGH_CHINESE:
        return True
    hangul, kana = (sum(bool(kind.fullmatch(pair)) for pair in letters) for kind in (_HANGUL, _KANA))
    if hangul > 0.9 * len(letters) and len(set(letters)) >= _ENOUGH_CHINESE:
        return False
    return kana < 0.1 * len(letters) and _common_share(b"".join(letters), "gb18030") >= FEW_COMMON


def _common_share(sample: bytes, name: str) -> float:
    """The share of a text's Chinese characters that are common ones, read as `name`."""
    letters = [c for c in sample.decode(DECODERS.get(name, name), errors="replace") if c > "\u2fff"]
    return sum(c in _COMMON for c in letters) / max(len(letters), 1)


def _likeliest(sample: bytes, head: bytes, known: set[str]) -> tuple[str, bool]:
    """GB18030, Big5 or a Western code page: whose known headers are there (then it is certain), else whose characters are ordinary."""
    found = {name: _known_in(head, name, known) for name in ("gb18030", "big5")}
    if found["gb18030"] != found["big5"]:
        return max(found, key=lambda name: found[name]), True
    foreign = _PAIR.findall(sample)
    gb, big5 = (sum(bool(kind.fullmatch(pair)) for pair in foreign) for kind in (_ORDINARY_GB, _ORDINARY_BIG5))
    # GB 2312 has no trail byte below 0x7F, 40 % of Big5 have one; so have traditional characters in GBK.
    low = sum(len(pair) == 2 and pair[1] < 0x7F for pair in foreign)
    if low * 6 > len(foreign) and big5 * 2 > len(foreign):
        return max(("big5", "gb18030"), key=lambda name: _common_share(sample, name)), False
    # In Western text an accented letter or curly quote stands alone; read as pairs it gives rare characters.
    return (WESTERN if gb * 2 < len(foreign) and _decodes_mostly(sample, WESTERN) else "gb18030"), False


def _known_in(head: bytes, name: str, known: set[str]) -> int:
    text = head.decode(DECODERS.get(name, name), errors="replace")
    cells = {fold(cell) for cell in re.split(r"[,\t;|\r\n\"]", text)}
    return len(cells & known)


def _decodes_mostly(sample: bytes, name: str) -> bool:
    text = sample.decode(name, errors="replace")
    return text.count("\ufffd") * 100 < sum(c > "\x7f" for c in text)


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
    decoder = codecs.getincrementaldecoder(DECODERS.get(name, name))(errors="replace")
    if name not in ("gb18030", "big5"):
        return lambda raw, final: decoder.decode(raw, final).encode("utf-8", errors="replace")
    # 0xFF is no character of these codes, so what it stands for is told as undecodable.
    return lambda raw, final: decoder.decode(_UTF_8_RUN.sub(b"\xff", raw), final).encode("utf-8", errors="replace")


def _with_newlines(buffer: bytes, only_returns: bool, *, final: bool) -> bytes:
    if b"\r" in buffer:
        # A text-mode copy on Windows turns \\r\\n into \\r\\r\\n.
        buffer = buffer.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")
        buffer = buffer.replace(b"\r", b"\n") if only_returns else buffer
    if final:
        buffer = buffer.removesuffix(b"\x1a")  # how DOS ends a text
    return buffer + b"\n" if final and buffer and not buffer.endswith(b"\n") else buffer


def _shortened(line: bytes, limit: int) -> bytes:
    # Quotation marks go, or the cut would leave one open.
    text = line[:limit].replace(b'"', b"").decode("utf-8", errors="ignore").encode()
    return (text or REPLACED) + b"\n"  # nothing but quotation marks is a row all the same


def _marked(chunk: bytes, encoding: Encoding) -> tuple[bytes, dict[int, str]]:
    """Marks the lines with bytes that are no text; another encoding shows them as U+FFFD once decoded."""
    is_utf_8 = encoding.name == "utf-8"
    if encoding.sound or (_is_utf_8(chunk) if is_utf_8 else REPLACED not in chunk):
        return chunk, {}
    marks, lines = {}, chunk.split(b"\n")
    for index, line in enumerate(lines):
        if not _decodes(line) if is_utf_8 else REPLACED in line:
            lines[index] = line.decode("utf-8", errors="replace").encode()
            marks[index] = "undecodable"
    return b"\n".join(lines), marks


def _decodes(line: bytes) -> bool:
    # For a line bytes.decode is faster than the way to polars and back.
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
