"""What strangers, hurried people and hostile senders put into files beyond what a cell shows (test_cells): each comes to right rows,
or to a sentence that says what is wrong with it. Every file is made here; the check and the night say the same to all of them.
"""

from __future__ import annotations

import io
import json
import os
import random
import struct
import subprocess
import sys
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import test_cells
from test_cells import BEDS, CARE, CODE, CONTACTS, FEEDS, HEADER, NAME, VENUES, Case, csv, homes, values, xls, xlsx

from contracts.reading import open_table

PROJECT = Path(__file__).parents[3]
THREE = values(CODE, "A001", "A002", "A003")
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKED = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
Parts = list[tuple[str, str]]


# ── files ───────────────────────────────────────────────────────────────────────────────────────


class Xml(str):
    """A cell as it stands in the sheet; REF is its place."""

    __slots__ = ()


def rich(*runs: tuple[str, str]) -> str:
    """Runs of (text, element of its letters), as a shared or inline text holds them."""
    return "".join(f"<r>{f'<rPr>{look}</rPr>' if look else ''}<t>{text}</t></r>" for text, look in runs)


STRUCK, RAISED = "<strike/>", '<vertAlign val="superscript"/>'


def inline(content: str) -> Xml:
    return Xml(f'<c r="REF" t="inlineStr"><is>{content}</is></c>')


def shared(nth: int) -> Xml:
    return Xml(f'<c r="REF" t="s"><v>{nth}</v></c>')


def _cell(place: str, value: Any) -> str:
    if isinstance(value, Xml):
        return value.replace("REF", place)
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'


def sheet(rows: Sequence[Sequence[Any]]) -> str:
    lines = "".join(
        f'<row r="{r}">{"".join(_cell(f"{chr(65 + c)}{r}", value) for c, value in enumerate(row))}</row>'
        for r, row in enumerate(rows, 1)
    )
    return f'<worksheet xmlns="{MAIN}"><sheetData>{lines}</sheetData></worksheet>'


def book(rows: Sequence[Sequence[Any]], texts: Sequence[str] = ()) -> Parts:
    """The parts of a workbook of one sheet, with its shared texts."""
    links = f'<Relationship Id="rId1" Type="{LINKS}/worksheet" Target="worksheets/sheet1.xml"/>'
    links += f'<Relationship Id="rId2" Type="{LINKS}/sharedStrings" Target="sharedStrings.xml"/>'
    return [
        ("[Content_Types].xml", f'<Types xmlns="{TYPES}"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{SHEETS}"/></Types>'),
        ("_rels/.rels", f'<Relationships xmlns="{PACKED}"><Relationship Id="rId1" Type="{LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'),
        ("xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{LINKS}"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>'),
        ("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{PACKED}">{links}</Relationships>'),
        ("xl/worksheets/sheet1.xml", sheet(rows)),
        ("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{"".join(f"<si>{text}</si>" for text in texts)}</sst>'),
    ]  # fmt: skip


def comment(place: str) -> Parts:
    links = f'<Relationship Id="rId1" Type="{LINKS}/comments" Target="../comments1.xml"/>'
    return [
        ("xl/worksheets/_rels/sheet1.xml.rels", f'<Relationships xmlns="{PACKED}">{links}</Relationships>'),
        ("xl/comments1.xml", f'<comments xmlns="{MAIN}"><commentList><comment ref="{place}"><text><t>应为 99</t></text></comment></commentList></comments>'),
    ]  # fmt: skip


def packed(parts: Sequence[tuple[str, str | bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two parts with one name, which is meant
        for name, content in parts:
            archive.writestr(name, content)
    return out.getvalue()


SPACES = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
}
STYLES = (
    '<style:style style:name="S" style:family="text"><style:text-properties style:text-line-through-style="solid"/></style:style>'
    '<style:style style:name="R" style:family="text"><style:text-properties style:text-position="super 58%"/></style:style>'
)


def ods_xml(rows: Sequence[Sequence[Any]]) -> str:
    lines = ""
    for row in rows:
        cells = (
            f'<table:table-cell office:value-type="string">{value if isinstance(value, Xml) else f"<text:p>{value}</text:p>"}</table:table-cell>'
            for value in row
        )
        lines += f"<table:table-row>{''.join(cells)}</table:table-row>"
    spaces = " ".join(f'xmlns:{name}="{space}"' for name, space in SPACES.items())
    return (
        f"<office:document-content {spaces}><office:automatic-styles>{STYLES}</office:automatic-styles><office:body>"
        f'<office:spreadsheet><table:table table:name="S">{lines}</table:table></office:spreadsheet></office:body></office:document-content>'
    )


def ods(rows: Sequence[Sequence[Any]]) -> bytes:
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    return packed([("mimetype", kind), ("content.xml", ods_xml(rows)), ("META-INF/manifest.xml", manifest)])


def biff(rows: Sequence[Sequence[Any]], *, version: int = 0x500, page: int | None = 936, locked: bool = False) -> bytes:
    """A workbook of Excel 5: its stream, without the compound file around it."""

    def record(kind: int, body: bytes) -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    cells = record(0x809, struct.pack("<HHHH", version, 0x10, 0, 0))
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if isinstance(value, int | float):
                cells += record(0x203, struct.pack("<HHHd", r, c, 0, value))
            else:
                text = str(value).encode("gbk")
                cells += record(0x204, struct.pack("<HHHH", r, c, 0, len(text)) + text)
    head = record(0x809, struct.pack("<HHHH", version, 5, 0, 0))
    head += record(0x2F, b"\x12\x34\x56\x78") if locked else b""
    head += record(0x42, struct.pack("<H", page)) if page else b""
    head += record(0xE0, bytes(16))
    bounds = record(0x85, struct.pack("<IHB", len(head) + 12 + 4, 0, 1) + b"S")
    return head + bounds + record(0x0A, b"") + cells + record(0x0A, b"")


def compound(stream: bytes, name: str = "Book") -> bytes:
    from xlwt.CompoundDoc import XlsDoc

    out = io.BytesIO()
    XlsDoc().save(out, stream.ljust(5_000, b"\0"))
    made, usual = bytearray(out.getvalue()), "Workbook".encode("utf-16-le")
    at = bytes(made).find(usual)
    made[at : at + 64] = name.encode("utf-16-le").ljust(64, b"\0")
    struct.pack_into("<H", made, at + 64, 2 * len(name) + 2)
    return bytes(made)


# ── cases ───────────────────────────────────────────────────────────────────────────────────────


def _letters() -> list[Case]:
    kind, part, raised = "letters of a text that are not alike", "struck_in_part", "raised_in_part"
    two = values(CODE, "A002")

    def texts(column: str, *contents: str) -> bytes:
        return packed(book(homes(*({column: shared(n)} for n in range(len(contents))), n=2), contents))

    def inlined(column: str, content: str) -> bytes:
        return packed(book(homes({column: inline(content)}, n=2)))

    area = "建筑面积"
    span = Xml('<text:p><text:span text:style-name="S">100</text:span>120</text:p>')
    above = Xml('<text:p>120<text:span text:style-name="R">1</text:span></text:p>')
    whole = Xml('<text:p><text:span text:style-name="S">示例院</text:span></text:p>')
    return [
        Case(kind, "number.xlsx", texts(area, rich(("100", STRUCK), ("120", ""))), rows=two, reasons={("floor_area_m2", part)}),
        Case(kind, "name.xlsx", texts("机构名称", rich(("示例院", ""), ("作废", STRUCK))), rows=two, reasons={(NAME, part)}),
        Case(kind, "inline.xlsx", inlined(area, rich(("100", STRUCK), ("120", ""))), rows=two, reasons={("floor_area_m2", part)}),
        Case(kind, "whole.xlsx", texts("机构名称", rich(("示例", STRUCK), ("院", STRUCK))), rows=values(NAME, "示例院", "示例院2"), note="rows_struck"),
        Case(kind, "unstruck.xlsx", texts("机构名称", rich(("示例", '<strike val="0"/>'), ("院", ""))), rows=values(NAME, "示例院", "示例院2")),
        Case(kind, "footnote.xlsx", texts(area, rich(("120", ""), ("1", RAISED))), rows=two, reasons={("floor_area_m2", raised)}),
        Case(kind, "footnote_name.xlsx", texts("机构名称", rich(("示例院", ""), ("1", RAISED))), rows=values(NAME, "示例院1", "示例院2"), reasons={(NAME, raised)}),
        Case(kind, "bold.xlsx", texts("机构名称", rich(("示例", "<b/>"), ("院", ""))), rows=values(NAME, "示例院", "示例院2")),
        Case(kind, "phonetic.xlsx", texts("机构名称", '<t>示例院</t><rPh sb="0" eb="2"><t>シレイ</t></rPh>'), rows=values(NAME, "示例院", "示例院2")),
        Case(kind, "number.ods", ods(homes({area: span}, n=2)), rows=two, reasons={("floor_area_m2", part)}),
        Case(kind, "footnote.ods", ods(homes({area: above}, n=2)), rows=two, reasons={("floor_area_m2", raised)}),
        Case(kind, "whole.ods", ods(homes({"机构名称": whole}, n=2)), rows=values(NAME, "示例院", "示例院2"), note="rows_struck"),
    ]  # fmt: skip


def _comments() -> list[Case]:
    noted = Xml("<office:annotation><text:p>应为二院</text:p></office:annotation><text:p>示例院</text:p>")
    rows = homes()
    return [
        Case("comments", "cell.xlsx", packed(book(rows) + comment("D2")), rows=values("total_beds", 101, 102, 103), note="cells_commented"),
        Case("comments", "header.xlsx", packed(book(rows) + comment("D1")), rows=THREE),
        Case("comments", "beside.xlsx", packed(book(rows) + comment("D40")), rows=THREE),
        Case("comments", "cell.ods", ods(homes({"机构名称": noted})), rows=values(NAME, "示例院", "示例院2", "示例院3"), note="cells_commented"),
    ]  # fmt: skip


def _formulas() -> list[Case]:
    kind, raw = "formulas of which nothing is stored", {(BEDS, "formula_not_calculated")}
    array = Xml('<c r="REF"><f t="array" ref="E2:E4">D2:D4/2</f></c>')
    done = Xml('<c r="REF"><f t="array" ref="E2:E4">D2:D4/2</f><v>50</v></c>')
    text = Xml('<c r="REF" t="str"><f>"a"</f></c>')
    nothing = Xml('<c r="REF" t="str"><f>""</f><v></v></c>')

    def beds(*cells: Any) -> bytes:
        return packed(book(homes(*({"护理型床位数": cell} for cell in cells))))

    return [
        Case(kind, "array.xlsx", beds(array, None, None), rows=values(CODE), reasons=raw),
        Case(kind, "array_cells.xlsx", beds(array, Xml('<c r="REF"/>'), 7), rows=values(BEDS, 7), reasons=raw),
        Case(kind, "array_done.xlsx", beds(done, 51, None), rows=values(BEDS, 50, 51, None)),
        Case(kind, "text.xlsx", beds(text, 51, 52), rows=values(BEDS, 51, 52), reasons=raw),
        Case(kind, "nothing.xlsx", beds(nothing, 51, 52), rows=values(BEDS, None, 51, 52)),
        Case(kind, "huge_array.xlsx", beds(Xml(array.replace("E4", "XFD1048576")), 51, 52), rows=values(BEDS, 51, 52), reasons=raw),
    ]  # fmt: skip


def _formats() -> list[Case]:
    kind, none = "formats under other names", "format_not_understood"
    page = f"<html><body><table><tr><td>{'</td><td>'.join(HEADER)}</td></tr></table></body></html>"
    excel_2003 = (
        '<?mso-application progid="Excel.Sheet"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>'
    )
    mail = "From: <Saved by>\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\tboundary=x\r\n\r\n"
    records = json.dumps([dict(zip(HEADER, row, strict=True)) for row in homes()[1:]], ensure_ascii=False).encode()
    word = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(500) + "WordDocument".encode("utf-16-le") + bytes(500)
    # A script before an archive that unpacks itself, documents, pictures, keys, tables of other programs.
    others = (
        b"#!/bin/sh\ntail -n +3 $0 | tar xz", b"\r\n%PDF-1.4", b"\xef\xbb\xbf{\\rtf1", b"%!PS-Adobe", b"GIF89a", b"BM\x36\1\0\0\0\0\0\0", b"II*\0",
        b"RIFF\x20\0\0\0WEBP", b"\0\0\0\x18ftypheic", b"@echo off", b"-----BEGIN PGP MESSAGE-----", b"MSCF\0\0", b"$FL2@(#)", b"\0\1\0\0Standard ACE DB",
        b"\x1a\0-lh5-", bytes.fromhex("3082010006092a864886f70d010702"),
    )  # fmt: skip
    named = csv([["[必填]" + HEADER[0], *HEADER[1:]], *homes()[1:]])
    return [
        Case(kind, "page.xls", page.encode("utf-16"), refused=none),
        Case(kind, "piece_of_a_page.xls", f"<div>{page}</div>".encode("gbk"), refused=none),
        Case(kind, "excel_2003.xls", f'<?xml version="1.0"?>{excel_2003}'.encode(), refused=none),
        Case(kind, "excel_2003_bare.xls", excel_2003.encode("utf-16-le"), refused=none),
        Case(kind, "mail.xls", (mail + page).encode("gbk"), refused=none),
        Case(kind, "flat.fods", ods_xml(homes()).replace("document-content", "document").encode(), refused=none),
        Case(kind, "symbolic.slk", b'ID;PWXL;N;E\r\nC;Y1;X1;K"a"\r\nE\r\n', refused=none),
        Case(kind, "program.xlsx", b"MZ\x90\0" + bytes(range(256)) * 20, refused=none),
        Case(kind, "word.xls", word, refused=none),
        *(Case(kind, f"{n}.csv", begin + b"\n" + bytes(range(256)) * 20, refused=none) for n, begin in enumerate(others)),
        Case(kind, "mark_before.xlsx", b"\xef\xbb\xbf" + xlsx(homes()), refused="truncated_file"),
        Case(kind, "line_before.xlsx", b"\r\n" + xlsx(homes()), refused="truncated_file"),
        Case(kind, "~$台账.xlsx", b"\4" + "张三".encode("gbk").ljust(53) + b"\2\0" + ("张三".encode("utf-16-le") + b" \0" * 60)[:109], refused=none),
        Case(kind, "._台账.xlsx", b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(500), refused=none),
        Case(kind, "link.xlsx", b"[InternetShortcut]\r\nURL=https://x\r\n", refused=none),
        Case(kind, "encrypted.csv", random.Random(1).randbytes(5_000), refused="not_text"),
        Case(kind, "encrypted.xlsx", random.Random(2).randbytes(70_000), refused="not_text"),
        Case(kind, "records.csv", records, rows=THREE),
        Case(kind, "bracket.csv", named, rows=THREE),
        Case(kind, "wps.et", xls(homes()), rows=THREE),
        Case("old and locked XLS", "gbk.xls", compound(biff(homes())), refused=none),
        Case("old and locked XLS", "no_page.xls", compound(biff(homes(), page=None)), refused=none),
        Case("old and locked XLS", "bare.xls", biff(homes()), refused=none),
        Case("old and locked XLS", "western.xls", compound(biff([list(range(8))] * 2, page=1252)), refused=none),
        Case("old and locked XLS", "locked.xls", compound(biff(homes(), locked=True)), refused="encrypted_file"),
        Case("old and locked XLS", "locked_97.xls", compound(biff(homes(), version=0x600, locked=True), "Workbook"), refused="encrypted_file"),
    ]  # fmt: skip


def _archives() -> list[Case]:
    kind, twice = "two parts of one name", "archive_repeats_a_name"
    other = sheet(homes(n=1))
    return [
        Case(kind, "members.zip", packed([("a.csv", csv(homes())), ("a.csv", csv(homes(n=1)))]), refused=twice),
        Case(kind, "letter_case.zip", packed([("a.csv", csv(homes())), ("A.CSV", csv(homes(n=1)))]), refused=twice),
        Case(kind, "sheet.xlsx", packed([*book(homes()), ("xl/worksheets/sheet1.xml", other)]), refused=twice),
        # The reader of the values would take this one, that of the formats the other.
        Case(kind, "letter_case.xlsx", packed([*book(homes()), ("xl/Worksheets/Sheet1.xml", other)]), refused=twice),
    ]  # fmt: skip


def _rows_of_a_sheet() -> list[Case]:
    kind, twice = "two rows of one number", "sheet_repeats_a_row"
    [(part, whole)] = [(name, text) for name, text in book(homes()) if name.endswith("sheet1.xml")]
    wide = whole.replace("</row>", f"<!--{'x' * 600_000}--></row>")  # so that rows begin and end in different pieces
    others = [(name, text) for name, text in book(homes()) if name != part]

    def changed(text: str) -> bytes:
        return packed([*others, (part, text)])

    return [
        Case(kind, "one_more.xlsx", changed(whole.replace('<row r="4"', '<row r="3"')), refused=twice),
        Case(kind, "with_a_style.xlsx", changed(whole.replace('<row r="4"', '<row spans="1:9" ht="15" r="3"')), refused=twice),
        Case(kind, "far_apart.xlsx", changed(wide.replace('<row r="4"', '<row r="2"')), refused=twice),
        Case(kind, "in_pieces.xlsx", changed(wide), rows=THREE),
    ]  # fmt: skip


def _lines() -> list[Case]:
    closes, ends, parted = "quotes that close in another row", "line ends", "delimiters nobody knows"
    rows = homes()
    one, two = [
        'A008,2026-01,"示例院8,104,50,1200,1,990101001001',
        'A009,2026-01,示例院9",105,50,1200,1,990101001001',
    ]
    head, body = csv(rows[:1]).decode(), csv(rows[1:]).decode()
    stray = {(None, "stray_quote")}

    def between(delimiter: str) -> bytes:
        return csv(rows, delimiter=delimiter)

    quotes = {
        "cell": homes({"机构名称": '"一,二"'}),
        "header": [[f'"{h}"' for h in HEADER], *rows[1:]],
        "all": [[f'"{c}"' for c in row] for row in rows],
        "line": homes({"机构名称": '"一\n二"'}),
    }
    others = (("next_line", "\u0085"), ("separator", "\u2028"), ("tabulation", "\v"))
    notes = [[*HEADER, "地址"], *[[*row, f'"一楼,二楼\n{i}号,甲,乙,丙"'] for i, row in enumerate(rows[1:])]]
    whole = [[*HEADER, "地址"], [*rows[1], '"一,二,三,四,五,六,七\n' + ",".join("12345678") + '"']]
    return [
        Case(closes, "two.csv", f"{head}{one}\n{two}\n{body}".encode(), rows=values(CODE, "A009", "A001", "A002", "A003"), reasons=stray),
        Case(closes, "last.csv", f"{head}{body}{one}\n{two}\n".encode(), rows=values(CODE, "A001", "A002", "A003", "A009"), reasons=stray),
        Case(closes, "three.csv", f"{head}{one}\n{body}{two}\n".encode(), rows=values(CODE, "A001", "A002", "A003", "A009"), reasons=stray),
        Case(closes, "notes.csv", csv(notes), rows=THREE),
        Case(closes, "several_lines.csv", csv(whole), rows=values(CODE, "A001")),
        Case(ends, "return_then_both.csv", csv(rows[:2]).replace(b"\n", b"\r") + csv(rows[2:]), rows=THREE),
        Case(ends, "returns.csv", csv(rows).replace(b"\n", b"\r"), rows=THREE),
        *(Case(ends, f"returns_{name}.csv", csv(quoted).replace(b"\n", b"\r"), rows=THREE) for name, quoted in quotes.items()),
        Case(ends, "returns_inside.csv", csv(quotes["cell"]).replace(b"\n", b"\r\n").replace("一,二".encode(), "一\r二".encode()), rows=THREE),
        *(Case(ends, f"{name}.csv", csv(rows).decode().replace("\n", end).encode(), refused="not_a_table") for name, end in others),
        Case(ends, "delimiters_of_the_header.csv", (head.rstrip("\n") + ",,,\n" + body).encode(), rows=THREE),
        Case(ends, "delimiters_of_all.csv", csv(rows).replace(b"\n", b",\n"), rows=THREE),
        Case(ends, "end_of_dos.csv", csv(rows) + b"\x1a", rows=THREE),
        Case(ends, "end_of_dos_gbk.csv", csv(rows, encoding="gb18030").replace(b"\n", b"\r\n") + b"\x1a", rows=THREE),
        Case(parted, "chinese.csv", between("，"), refused="delimiter_unclear"),
        Case(parted, "caret.txt", between("^"), refused="delimiter_unclear"),
        Case(parted, "spaces.txt", between("   "), refused="delimiter_unclear"),
        Case(parted, "stated_wrongly.csv", b"sep=;\n" + csv(rows), rows=THREE),
        Case(parted, "stated.csv", b"sep=;\n" + csv(rows, delimiter=";"), rows=values("floor_area_m2", 1200.5, 1200.5, 1200.5)),
        Case(parted, "declared.txt", between("^"), layout={"read": {"delimiter": "^"}}, rows=THREE),
    ]  # fmt: skip


def _values() -> list[Case]:
    noted, unseen, lost = "a number and its note", "what nobody sees in a number", "characters that were lost"

    def beds(kind: str, name: str, text: str, **wanted: Any) -> Case:
        return Case(kind, name, xlsx(homes({"护理型床位数": text}, n=1)), **wanted)

    def refused(rule: str) -> dict[str, Any]:
        return {"rows": values(BEDS), "reasons": {(BEDS, rule)}}

    def called(name: str, text: str, *reasons: tuple[str | None, str]) -> Case:
        return Case(lost, name, csv(homes({"机构名称": text}, n=1)), rows=values(NAME, text), reasons=set(reasons))

    return [
        beds(noted, "raised.xlsx", "12²", **refused("unknown_unit")),
        beds(noted, "circled.xlsx", "12①", **refused("unknown_unit")),
        beds(noted, "before.xlsx", "①20", **refused("not_a_number")),
        beds(noted, "with_a_point.xlsx", "⒈2", **refused("not_a_number")),
        beds(noted, "half.xlsx", "12½", **refused("unknown_unit")),
        beds(noted, "alone.xlsx", "⑫", rows=values(BEDS, 12)),
        Case(noted, "metres.csv", csv(homes({"建筑面积": "120m²"}, {"建筑面积": "120㎡"}, n=2)), rows=values("floor_area_m2", 120.0, 120.0)),
        beds(unseen, "zero_width.xlsx", "1\u200b2", rows=values(BEDS, 12)),
        beds(unseen, "direction.xlsx", "\u200e12", rows=values(BEDS, 12)),
        beds(unseen, "hyphen.xlsx", "1\u00ad2", rows=values(BEDS, 12)),
        beds(unseen, "embedded.xlsx", "\u202a12\u202c", rows=values(BEDS, 12)),
        # What stands behind this mark is shown the other way round.
        beds(unseen, "override.xlsx", "\u202e21", **refused("not_a_number")),
        called("replaced.csv", "示例\ufffd院", (NAME, "characters_lost")),
        called("private.csv", "张\ue81a院", (NAME, "characters_lost")),
        called("question_marks.csv", "???院", (NAME, "characters_lost")),
        called("rare.csv", "𠮷祥䶮院"),
        called("question.csv", "院?"),
        Case("characters that look alike", "header.csv", csv([[h.replace("面", "⾯").replace("月", "⽉") for h in HEADER], *homes(n=1)[1:]]), rows=values("floor_area_m2", 1200.5)),
        *(Case("characters that look alike", f"{n}.csv", csv(homes({"机构名称": text}, n=1)), rows=values(NAME, "民生里院")) for n, text in enumerate(("⺠⽣⾥院", "民生\uf9e9院", "民⽣里院"))),
    ]  # fmt: skip


def _dates() -> list[Case]:
    kind = "dates as people say them"
    header = ["办件编号", "服务次数", "事项编码", "部门代码", "区划代码", "办理形式", "受理时间"]

    def month(name: str, *texts: str, **wanted: Any) -> Case:
        return Case(kind, name, csv(homes(*({"统计月份": text} for text in texts), n=len(texts))), **wanted)

    def opened(name: str, text: str, **wanted: Any) -> Case:
        return Case(kind, name, csv([header, ["C1", 1, "I1", "D1", "990101", "1", text]]), CONTACTS, **wanted)

    def refused(rule: str) -> dict[str, Any]:
        return {"rows": values("case_no"), "reasons": {("opened_at", rule)}}

    january, morning = date(2026, 1, 1), datetime(2026, 2, 1, 8, 30)
    quarter = {"rows": values("month"), "reasons": {("month", "not_a_date")}}
    return [
        month("first_month.csv", "2026年元月", "二〇二六年元月", rows=values("month", january, january)),
        month("chinese_month.csv", "2026年一月", "2025年十二月", rows=values("month", january, date(2025, 12, 1))),
        month("quarter.csv", "2025Q1", "2025年第一季度", **quarter),
        month("week.csv", "2026-W05", "2026年第5周", **quarter),
        opened("hao.csv", "2026年2月1号 8:30", rows=values("opened_at", morning)),
        opened("weekday.csv", "2026年2月1日 星期日 8:30", rows=values("opened_at", morning)),
        opened("weekday_in_brackets.csv", "2026-02-01（周日）08:30", rows=values("opened_at", morning)),
        opened("another_weekday.csv", "2026年2月1日 星期一 8:30", **refused("impossible_date")),
        opened("mixed.csv", "2026年二月一日上午8:30", rows=values("opened_at", morning)),
        opened("minute_of_61_seconds.csv", "2026-02-01 08:30:60", **refused("impossible_time")),
        opened("no_such_day.csv", "2026/2/30", **refused("impossible_date")),
        opened("milliseconds.csv", "1769904000000", **refused("not_a_date")),
        opened("before_all_years.csv", "-2026-02-01", **refused("not_a_date")),
    ]  # fmt: skip


def _rows() -> list[Case]:
    kind, numbered = "rows that are sums", "rows that number the columns"
    total: set[tuple[str | None, str]] = {(None, "total_row")}
    sums = (
        "东城区小计",
        "合计（3家）",
        "3家合计",
        "合计数",
        "其中：",
        "平均",
        "全区",
        "全县合计",
        "東城區小計",
        "Average",
    )
    names = ("合计养老院", "全区敬老院", "平均路养老院", "设计院", "安全区", "小计家村")
    order = [HEADER, list(range(1, 9)), *homes()[1:]]
    letters = [HEADER, ["甲", "乙", "丙", 1, 2, 3, "丁", "戊"], *homes()[1:]]
    brackets = [HEADER, [f"({n})" for n in range(1, 9)], *homes()[1:]]
    number: set[tuple[str | None, str]] = {(None, "column_numbers")}
    return [
        *(Case(kind, f"{name}.csv", csv(homes({"机构名称": name}, n=1)), rows=values(CODE), reasons=total) for name in sums),
        *(Case(kind, f"{name}.csv", csv(homes({"机构名称": name}, n=1)), rows=values(NAME, name)) for name in names),
        Case(numbered, "figures.csv", csv(order), rows=THREE, reasons=number),
        Case(numbered, "figures.xlsx", xlsx(order), rows=THREE, reasons=number),
        Case(numbered, "stems.xls", xls(letters), rows=THREE, reasons=number),
        Case(numbered, "brackets.csv", csv(brackets), rows=THREE, reasons=number),
        # A unit in brackets is no part of a name; one that stands for several makes it another column's.
        *(Case("headers with their unit", f"{n}.csv", csv([[h.replace("总床位数", text) for h in HEADER], *homes()[1:]]), rows=values("total_beds", 101, 102, 103)) for n, text in enumerate(("总床位数（张）", "总床位数(单位：张)", "*总床位数【张】（必填）"))),
        Case("headers with their unit", "ten_thousand.csv", csv([["总床位数（万张）" if h == "总床位数" else h for h in HEADER], *homes()[1:]]), refused="required_columns_missing"),
        Case("headers with their unit", "people.csv", csv([["总床位数（人）" if h == "总床位数" else h for h in HEADER], *homes()[1:]]), refused="unit_stated_above"),
        Case("headers with their unit", "twice.csv", csv([[*HEADER, "总床位数（人）"], *[[*row, 5] for row in homes()[1:]]]), refused="header_repeated"),
    ]  # fmt: skip


def _records() -> list[Case]:
    record = dict(zip(HEADER, homes()[1], strict=True))
    text = json.dumps(record, ensure_ascii=False)
    around, place = "a key twice around the records", "geometries that say no place"

    def venue(geometry: Any) -> dict[str, Any]:
        own = {"场地编号": "V1", "场地名称": "场", "场地类型代码": "11", "运营状态": "1", "区划代码": "990101001001"}
        return {"type": "Feature", "properties": own, "geometry": geometry}

    def at(name: str, geometry: Any, *wanted: float | None) -> Case:
        content = json.dumps({"type": "FeatureCollection", "features": [venue(geometry)]}).encode()
        both: set[tuple[str | None, str]] = {("longitude", "not_a_number"), ("latitude", "not_a_number")}
        rows = {"longitude": [wanted[0]], "latitude": [wanted[1]]} if wanted else values("venue_id")
        return Case(place, name, content, VENUES, rows=rows, reasons=set() if wanted else both, note="columns_unknown")

    point = {"type": "Point", "coordinates": [104.1, 30.2]}
    nested = point
    for _ in range(50):
        nested = {"type": "GeometryCollection", "geometries": [nested]}
    alone = json.dumps(venue(point)).encode()
    system = {"crs": {"type": "name", "properties": {"name": "EPSG:3857"}}}
    stated = {"feature": {**venue(point), **system}, "geometry": venue({**point, **system})}
    other = text.replace("A001", "A002")
    apart = {
        "sequence.json": f"\x1e{text}\n\x1e{other}\n",
        "blank_lines.json": f"{text}\n\n{other}\n",
        "returns.json": f"{text}\r\n\r\n{other}",
    }
    both = {"longitude": [104.1], "latitude": [30.2]}
    return [
        Case(around, "list.json", f'{{"data":[{text}],"data":[{text}]}}'.encode(), refused="document_repeats_a_key"),
        Case(around, "deeper.json", f'{{"data":{{"list":[{text}],"list":[{text}]}}}}'.encode(), refused="document_repeats_a_key"),
        Case(around, "beside.json", f'{{"a":{{"x":1,"x":2}},"data":[{text}]}}'.encode(), rows=values(CODE, "A001")),
        at("text.geojson", {"type": "Point", "coordinates": "104,30"}),
        at("no_numbers.geojson", {"type": "Point", "coordinates": ["NaN", None]}),
        at("none_of_its_kind.geojson", {"type": "Square", "coordinates": [104.1, 30.2]}),
        at("a_word.geojson", "POINT(104 30)"),
        at("empty.geojson", {"type": "Polygon", "coordinates": []}, None, None),
        # Around the 180th meridian, and not on the other side of the earth.
        at("across.geojson", {"type": "Polygon", "coordinates": [[[179.9, -17], [-179.7, -17], [-179.7, -16], [179.9, -16], [179.9, -17]]]}, -179.9, -16.5),
        at("across_line.geojson", {"type": "LineString", "coordinates": [[179.9, -16.8], [-179.8, -16.8]]}, -179.95, -16.8),
        at("height.geojson", {"type": "Point", "coordinates": [104.1, 30.2, 500]}, 104.1, 30.2),
        at("nested.geojson", nested, 104.1, 30.2),
        *(Case("systems stated further in", f"{name}.geojson", json.dumps({"type": "FeatureCollection", "features": [feature]}).encode(), VENUES, refused="crs_not_wgs84") for name, feature in stated.items()),
        Case("systems stated further in", "none.geojson", json.dumps({"type": "FeatureCollection", "features": [None, 5]}).encode(), VENUES, refused="header_not_found"),
        *(Case("records line by line", name, lines.encode(), rows=values(CODE, "A001", "A002")) for name, lines in apart.items()),
        Case(place, "alone.geojson", alone, VENUES, rows=both, note="columns_unknown"),
    ]  # fmt: skip


MAKERS: tuple[Callable[[], list[Case]], ...] = (
    _letters, _comments, _formulas, _formats, _archives, _rows_of_a_sheet, _lines, _values, _dates, _rows, _records,
)  # fmt: skip
CASES = [case for maker in MAKERS for case in maker()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.name}")
def test_a_strange_file_comes_to_its_rows_or_to_a_sentence(case: Case, tmp_path: Path) -> None:
    test_cells.test_a_cell_is_what_its_sender_saw_or_a_reason(case, tmp_path)


def test_every_strange_kind_is_tried_with_three_files_at_least() -> None:
    kinds = [case.kind for case in CASES]
    assert [kind for kind in set(kinds) if kinds.count(kind) < 3] == []


# ── what costs much ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "line", ["," * 3_000_000, '",' * 1_500_000, "x," * 1_500_000], ids=["delimiters", "quotes", "cells"]
)
def test_a_line_of_a_million_cells_takes_no_memory_and_no_other_row(line: str, tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    path.write_bytes(csv(homes(n=1)) + line.encode() + b"\n" + csv(homes(n=2)[2:]))
    tracemalloc.start()
    rows = [row for batch in open_table(path, known_headers=FEEDS[CARE].spellings).batches() for row in batch.rows()]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row[0] for row in rows if row[-1] is None] == ["A001", "A002"]
    assert [row[-2] for row in rows if row[-1]] == ([3] if line.strip(",") else [])
    assert peak < 150_000_000


SLOW_TEXTS = {
    "scripts": ("机构名称", "<script>" * 12_000),
    "ends": ("机构名称", "</script>" + "<script>" * 11_000),
    "tags": ("机构名称", "<a " * 30_000),
    "entities": ("机构名称", "&amp;" * 18_000),
    "controls": ("机构名称", "_x0041_" * 12_000),
    "blanks": ("机构名称", "　" * 90_000 + "x"),
    "figures": ("总床位数", "1" * 90_000),
    "halves": ("统计月份", "上午" * 40_000),
    "totals": ("机构名称", "合" * 90_000),
    "columns": ("总床位数", "1," * 45_000),  # without quotation marks: a row of so many cells beside short ones
}


@pytest.mark.parametrize("name", SLOW_TEXTS)
def test_no_text_takes_longer_than_it_is_long(name: str, tmp_path: Path) -> None:
    header, text = SLOW_TEXTS[name]
    path = tmp_path / "slow.csv"
    path.write_bytes(csv(homes(*({header: text} for _ in range(3)))))
    test_cells.desk(path, FEEDS[CARE], None)  # what is read once
    began = time.process_time()
    test_cells.desk(path, FEEDS[CARE], None)
    assert time.process_time() - began < 3


def checked(path: Path | bytes, *more: str, code: str = "pass") -> subprocess.CompletedProcess[bytes]:
    """The command as a department runs it; `code`: what is done before, in the same program."""
    begin = f"import sys; from contracts.__main__ import within_bounds; {code}; sys.exit(within_bounds(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", begin, "check", path, "--feed", CARE, *more], cwd=PROJECT, capture_output=True, check=False
    )  # fmt: skip


@pytest.mark.parametrize(
    ("bounds", "words"),
    [("0.01, 10_000", b"s of computing time"), ("600, -300", b"MB of memory")],
    ids=["time", "memory"],
)
def test_a_check_ends_where_the_night_would(bounds: str, words: bytes, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(csv(homes(n=3_000)))
    told = checked(path, code=f"import contracts.door.bounds as b; b.bounds = lambda size: b.Bounds({bounds})")
    assert (told.returncode, told.stderr) == (2, b"")
    assert words in told.stdout
    assert "已停止".encode() in told.stdout
    assert list(tmp_path.iterdir()) == [path]


# ── what a terminal would obey ──────────────────────────────────────────────────────────────────

NAMES = (
    b"\x1b[31mred.csv",
    "台账.csv".encode("gbk"),
    "\u202efdp.csv".encode(),
    b"two\nlines.csv",
    b"x" * 251 + b".csv",
    ("长" * 83).encode() + b".csv",
    b"[red]x.csv",
)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:20]))
def test_a_file_of_any_name_is_checked_and_its_name_does_nothing(name: bytes, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(csv(homes({"总床位数": "许多"}, n=1)))
    told = checked(path)
    assert (told.returncode, told.stderr) == (1, b"")
    assert not any(sign in told.stdout for sign in (b"\x1b", "\u202e".encode(), "\x9b".encode(), b"\x07"))
    assert len(list(tmp_path.iterdir())) == 2  # the file and its marked workbook


def test_what_a_terminal_would_obey_is_shown_and_not_sent_to_it(tmp_path: Path) -> None:
    path = tmp_path / "escapes.csv"
    rows = homes({"总床位数": "\x1b[2J\x1b]0;x\x07"}, {"统计月份": "\x9b31m"}, {"运营状态": "\u202e1"})
    path.write_bytes(csv([[*rows[0], "\x1b[31m备注"], *([*row, "\u2066x"] for row in rows[1:])]))
    told = checked(path)
    assert (told.returncode, told.stderr) == (1, b"")
    assert "备注".encode() in told.stdout
    assert not any(sign in told.stdout for sign in (b"\x1b", "\u202e".encode(), "\x9b".encode(), b"\x07"))


def test_formulas_stay_texts_in_the_marked_workbook(tmp_path: Path) -> None:
    import openpyxl

    path, report = tmp_path / "injected.csv", tmp_path / "report.xlsx"
    texts = ("=cmd|'/C calc'!A0", "+1+cmd", "@SUM(A1)", "-x", "=HYPERLINK(1)")
    path.write_bytes(csv(homes(*({"总床位数": text, "机构名称": text} for text in texts), n=5)))
    assert checked(path, "--report", str(report)).returncode == 1
    cells = [cell for sheet in openpyxl.load_workbook(report) for row in sheet for cell in row]
    assert {cell.data_type for cell in cells if str(cell.value).strip() in texts} == {"s"}
    assert not any(cell.data_type == "f" or cell.hyperlink for cell in cells)
