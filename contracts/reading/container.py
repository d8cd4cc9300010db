"""What kind of file this is, by its first bytes, and the data file inside a gz or zip.

Belongs here: recognising formats, unpacking one member to a temporary file within limits. Does not belong here:
reading tables. Nothing is ever unpacked to a name that the archive chose.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from contracts.reading.table import Limits, Unreadable, unreadable

# A Parquet file that says PARE is encrypted as a whole.
ENCRYPTED_PARQUET = b"PARE"
ZIP, GZIP, OLE, PARQUET = b"PK", b"\x1f\x8b", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1"
FOREIGN = (
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"%PDF", "PDF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"ustar", "tar"),
    (b"SQLite format 3", "SQLite"),
    (b"{\\rtf", "RTF"),
    (b"\x09\x00\x04\x00", "XLS (Excel 2)"),
    (b"\x09\x02\x06\x00", "XLS (Excel 3)"),
    (b"\x09\x04\x06\x00", "XLS (Excel 4)"),
    (b"\x09\x08\x08\x00", "XLS (Excel 5)"),
    (b"\x7fELF", "EXE"),
    (b"#!", "#! script"),  # also where an archive follows that unpacks itself
    (b"%!PS", "PostScript"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"MSCF", "CAB"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"ARROW1\0", "Arrow"),
    (b"FEA1", "Feather"),
    (b"Obj\x01", "Avro"),
    (b"$FL2@", "SPSS"),
    (b"$FL3@", "SPSS"),
    (b"\0\1\0\0Standard ", "Access"),
    (b"\0\0\x27\x0a", "Shapefile"),
    (b"L\0\0\0\x01\x14\x02\0", "LNK"),
    (b"-----BEGIN ", "PEM / PGP"),
    (b"[InternetShortcut]", "URL"),
    (b"\0\5\x16\7", "AppleDouble (._)"),  # what a Mac puts beside a file
    (b"\0\0\0\1Bud1", ".DS_Store"),
)
# Formats whose first letters a header may have as well (ID;Popis, MZ,XM): what follows tells.
FOREIGN_BY_MORE = (
    (re.compile(rb"ID;P[^\r\n]*[\r\n]+(?:[BCFOP];|N[NEU];|E[\r\n])"), "SYLK"),
    (re.compile(rb"MZ[^\r\n]{0,62}\0"), "EXE"),
    (re.compile(rb"(?s)BM.{4}\0{4}"), "BMP"),
    (re.compile(rb"(?s)RIFF.{4}(?:WEBP|WAVE|AVI )"), "RIFF"),
    (re.compile(rb"(?s)\0\0.{2}ftyp"), "HEIC / MP4"),
    (re.compile(rb"(?s)..-l[hz][0-9ds]-"), "LZH"),
    (re.compile(rb"(?s)\x30[\x80-\x84].{0,4}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"), "PKCS #7"),
    # What Office keeps beside a file that somebody has open: who.
    (re.compile(rb"(?s)(?=.{165}\Z)[\x01-\x36].*(?: \0){8}"), "Office (~$)"),
    (re.compile(rb"@(?:echo|ECHO) (?:off|OFF)\b"), "BAT"),
)
# What a clerk would not know by its letters.
WORDS = {
    "HTML/XML": ("网页（HTML/XML）", "a web page (HTML/XML)"),
    "MHTML": ("网页（MHTML）", "a web page (MHTML)"),
    "EXE": ("程序（EXE）", "a program (EXE)"),
    "BAT": ("程序（BAT）", "a program (BAT)"),
    "#! script": ("程序脚本", "a script"),
    "PKCS #7": ("加密或签名的文件（PKCS #7）", "an encrypted or signed file (PKCS #7)"),
    "Office (~$)": ("Office 打开文件时留下的临时文件（名称以 ~$ 开头），不是数据", "what Office keeps beside an open file (its name begins with ~$), no data"),
    "Office": ("其他 Office 文件", "another file of Office"),
}  # fmt: skip
# Streams of compound files that are no workbooks.
OLE_KINDS = (("WordDocument", "Word"), ("PowerPoint Document", "PowerPoint"), ("__properties_version1.0", "Outlook"))
# What web systems call .xls: a page, an XML of Excel 2003, a page packed as a mail.
MARKUP = re.compile(r"\s*<[!?A-Za-z][^<>]*>", re.DOTALL)
MAIL = re.compile(r"(?i)\s*(?:[\w-]+:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n){0,20}(?:mime-version|content-type)\s*:")
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
    RuntimeError,
    MemoryError,
)
# What a damaged part of such an archive raises while its XML is read; an encoding that nobody knows is a LookupError.
XML_ERRORS = (ElementTree.ParseError, LookupError, *ZIP_ERRORS)
COPIED = 1 << 20
# Parts of a workbook that nobody here reads: they may be in UTF-16, and a macro declares its document type.
UNREAD = ("customXml/", "docProps/", "Basic/", "Dialogs/", "Scripts/", "meta.xml", "settings.xml")
TABLE = b"sheetData"  # where the cells of a sheet begin
# Of two pieces of a part: what begins in one may end in the next.
OVERLAP = 1000


def checked_path(path: Path, *, file: str) -> None:
    """Refuses what is not a plain, non-empty file before anything is opened (a pipe would wait for ever).

    Raises:
        Unreadable: not there, a link, a folder, a device, empty, or not permitted.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise unreadable("file_missing", file=file) from None
    except (OSError, ValueError):
        raise unreadable("not_a_file", file=file) from None
    if not stat.S_ISREG(status.st_mode):
        raise unreadable("not_a_file", file=file)
    if not status.st_size:
        raise unreadable("empty_file", file=file)
    if not os.access(path, os.R_OK):
        raise unreadable("no_permission", file=file)


def is_settled(path: Path, quiet_seconds: float = 5.0, *, clock: Callable[[], float] = time.time) -> bool:
    """Whether nobody seems to be writing a file any more: it is there and was not changed for `quiet_seconds`."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return clock() - status.st_mtime >= quiet_seconds


def format_of(path: Path, *, file: str) -> str:
    """gz, zip, xlsx, ods, xls, parquet or text, by the bytes; the name does not matter.

    Raises:
        Unreadable: a format that is recognised and cannot be read.
    """
    with path.open("rb") as opened:
        head = opened.read(4096)
    if head.startswith(ZIP) and head[2:4] in (b"\x03\x04", b"\x05\x06", b"\x07\x08"):
        return _zip_format(path, file)
    if head.startswith(GZIP):
        return "gz"
    if head.startswith(OLE):
        if _mentions(path, "EncryptedPackage".encode("utf-16-le")):
            raise unreadable("encrypted_file", file=file)
        for inside, name in OLE_KINDS:
            if not _mentions(path, "Workbook\0".encode("utf-16-le")) and _mentions(path, inside.encode("utf-16-le")):
                raise foreign(name, file=file)
        return "xls"
    if head.startswith(PARQUET):
        return "parquet"
    if head.startswith(ENCRYPTED_PARQUET):
        raise unreadable("encrypted_file", file=file)
    begun = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if begun != head and begun.startswith((ZIP + b"\x03\x04", OLE)):  # a page wrote a mark or a blank line before it
        raise unreadable("truncated_file", file=file)
    for magic, name in FOREIGN:
        if begun.startswith(magic) or (magic == b"ustar" and head[257:262] == magic):
            raise foreign(name, file=file)
    for beginning, name in FOREIGN_BY_MORE:
        if beginning.match(head):
            raise foreign(name, file=file)
    start = _beginning(head)
    if MARKUP.match(start):
        raise foreign("HTML/XML", file=file)
    if MAIL.match(start):
        raise foreign("MHTML", file=file)
    return "text"


def foreign(kind: str, *, file: str) -> Unreadable:
    """The file is of a kind that is not read: in words where its letters say nothing to a clerk."""
    zh, en = WORDS.get(kind, (f" {kind} 文件", f"a file of the kind {kind}"))
    return unreadable("format_not_understood", file=file, kind_zh=zh, kind_en=en)


def _beginning(head: bytes) -> str:
    """The first characters, whichever width they are written in."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return head.removeprefix(mark).decode(name, errors="replace")
    wide = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}.get(head[:2], "latin-1")
    return head.decode(wide, errors="replace")


def _mentions(path: Path, words: bytes) -> bool:
    tail = b""
    with path.open("rb") as opened:
        while piece := opened.read(COPIED):
            if words in tail + piece:
                return True
            tail = piece[-len(words) :]
    return False


def _zip_format(path: Path, file: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "mimetype" in names:
                kind = archive.open("mimetype").read(100)
                if kind.startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
                    if b"encryption-data" in archive.open("META-INF/manifest.xml").read(COPIED):
                        raise unreadable("encrypted_file", file=file)
                    return "ods"
    except KeyError:  # without a manifest
        return "ods"
    except ZIP_ERRORS:
        raise unreadable("truncated_file", file=file) from None
    if "[Content_Types].xml" in names:
        if "xl/workbook.xml" in names:
            return "xlsx"
        kinds = {"xl/workbook.bin": "XLSB", "word/document.xml": "Word", "ppt/presentation.xml": "PowerPoint"}
        detail = next((kind for name, kind in kinds.items() if name in names), "Office")
        raise foreign(detail, file=file)
    for name, detail in (("Index/Document.iwa", "Numbers"), ("OFD.xml", "OFD")):
        if name in names:
            raise foreign(detail, file=file)
    return "zip"


def unpacked(
    path: Path, kind: str, member: str | None, limits: Limits, *, file: str
) -> tuple[Path, str | None, tempfile.TemporaryDirectory[str]]:
    """Unpacks the one data file of a gz or zip.

    Returns:
        (path of the copy, name of the member, the folder that lives as long as the copy is needed).

    Raises:
        Unreadable: cut short, a bomb, encrypted, nested, an odd member, none or several data files.
    """
    folder = tempfile.TemporaryDirectory(prefix="minsheng-")
    copy = Path(folder.name) / "data"
    try:
        if kind == "gz":
            with gzip.open(path, "rb") as packed:
                _copy(packed, copy, path.stat().st_size, limits, file)
            name = None
        else:
            name = _unzip(path, copy, member, limits, file)
    except Unreadable:
        folder.cleanup()
        raise
    except ZIP_ERRORS:
        folder.cleanup()
        raise unreadable("truncated_file", file=file) from None
    return copy, name, folder


def _unzip(path: Path, copy: Path, wanted: str | None, limits: Limits, file: str) -> str:
    with zipfile.ZipFile(path) as archive:
        listed = [info for info in archive.infolist() if not _is_ballast(info)]
        _refuse_repeated([_decoded(info) for info in listed], file)
        members = {_decoded(info): info for info in listed}
        name = _chosen(members, wanted, file)
        info = members[name]
        _refuse_odd(name, info, file)
        with archive.open(info) as packed:
            _copy(packed, copy, max(info.compress_size, 1), limits, file)
    return name


def _refuse_repeated(names: Sequence[str], file: str) -> None:
    """Two members of one name: which is meant depends on who reads, and the other is lost."""
    times = Counter(name.casefold() for name in names)
    for name in names:
        if times[name.casefold()] > 1:
            raise unreadable("archive_repeats_a_name", file=file, member=name)


def _chosen(members: dict[str, zipfile.ZipInfo], wanted: str | None, file: str) -> str:
    listed = "、".join(list(members)[:20])
    if not members:
        raise unreadable("archive_without_data", file=file)
    if wanted is not None:
        for name in members:
            if wanted in (name, name.rsplit("/", 1)[-1]):
                return name
        raise unreadable("archive_member_missing", file=file, expected=wanted, members=listed)
    if len(members) > 1:
        raise unreadable("archive_with_several_files", file=file, members=listed)
    return next(iter(members))


def _is_ballast(info: zipfile.ZipInfo) -> bool:
    """Folders and what operating systems leave behind."""
    parts = info.filename.split("/")
    return info.is_dir() or "__MACOSX" in parts or parts[-1] in (".DS_Store", "Thumbs.db", "desktop.ini")


def _decoded(info: zipfile.ZipInfo) -> str:
    """A member's name; Windows in China writes it in GBK without saying so."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename


def _refuse_odd(name: str, info: zipfile.ZipInfo, file: str) -> None:
    parts = re.split(r"[/\\]", name)
    if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name) or not name.isprintable():
        raise unreadable("archive_member_with_odd_name", file=file, member=ascii(name))
    if stat.S_ISLNK(info.external_attr >> 16):
        raise unreadable("archive_member_is_a_link", file=file, member=name)
    if info.flag_bits & 0x1:
        raise unreadable("encrypted_file", file=file)


def _copy(packed: IO[bytes] | gzip.GzipFile, copy: Path, packed_bytes: int, limits: Limits, file: str) -> None:
    written = 0
    with copy.open("wb") as out:
        while piece := packed.read(COPIED):
            written += len(piece)
            if written > limits.unpacked_bytes:
                raise unreadable("file_too_large", file=file, limit=_size(limits.unpacked_bytes))
            if written > limits.ratio_from and written > limits.ratio * packed_bytes:
                raise unreadable("archive_bomb", file=file, ratio=limits.ratio)
            out.write(piece)
    if not written:
        raise unreadable("empty_file", file=file)


def check_parts(path: Path, limits: Limits, look: Callable[[str, bytes], None], *, file: str) -> None:
    """Unpacks every part of a workbook once, to count real bytes, verify checksums and look at the XML.

    Args:
        look: called with (name of the part, a piece of it; pieces overlap by OVERLAP bytes).

    Raises:
        Unreadable: too large, a bomb, damaged, encrypted, or with a DTD or entities.
    """
    total = 0
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_repeated(archive.namelist(), file)
            for info in archive.infolist():
                if info.flag_bits & 0x1:
                    raise unreadable("encrypted_file", file=file)
                if info.is_dir():
                    continue
                total = _look_at(archive, info, limits, look, earlier=total, file=file)
    except Unreadable:
        raise
    except ZIP_ERRORS:
        raise unreadable("truncated_file", file=file) from None


def _look_at(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    limits: Limits,
    look: Callable[[str, bytes], None],
    *,
    earlier: int,
    file: str,
) -> int:
    is_xml, tail, size = False, b"", 0
    with archive.open(info) as part:
        while piece := part.read(COPIED):
            if not size:  # by what it holds: SHEET1.XML is read like sheet1.xml
                is_xml = _beginning(piece[:1000]).lstrip().startswith("<") and not info.filename.startswith(UNREAD)
            size += len(piece)
            if earlier + size > limits.workbook_bytes:
                raise unreadable("file_too_large", file=file, limit=_size(limits.workbook_bytes))
            if size > limits.ratio_from and size > limits.ratio * max(info.compress_size, 1):
                raise unreadable("archive_bomb", file=file, ratio=limits.ratio)
            window = tail + piece
            # Cells are read out of whatever part the workbook calls a sheet.
            is_xml = is_xml or TABLE in window
            if is_xml:
                if b"\0" in window and info.filename.endswith(".bin"):
                    is_xml = False  # somebody's own settings, which may begin like XML
                elif b"<!DOCTYPE" in window or b"<!ENTITY" in window or b"\0" in window:
                    raise unreadable("workbook_with_entities", file=file, member=info.filename)
                look(info.filename, window)
            tail = piece[-OVERLAP:]
    return earlier + size


def _size(count: int) -> str:
    return f"{count / 1e9:g} GB" if count >= 1e9 else f"{count / 1e6:g} MB"


def matching(names: Sequence[str], wanted: str) -> str | None:
    """The one of the names that is the wanted one, or is so but for white space at its ends."""
    return next((n for n in names if n == wanted), next((n for n in names if n.strip() == wanted.strip()), None))
