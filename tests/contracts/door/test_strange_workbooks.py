"""Workbooks and Parquet files that other programs than Excel wrote: what the reader of the values takes for something else, passes over
or finds twice comes to the right rows or to a sentence. Every file is made here, record by record where no library writes its kind.
"""

from __future__ import annotations

import io
import re
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import test_cells
from test_cells import BEDS, CARE, CODE, CONTACTS, FEEDS, HEADER, NAME, Case, F, homes, values, xls, xlsx
from test_strange_files import (
    LINKS,
    MAIN,
    PACKED,
    THREE,
    Parts,
    Xml,
    book,
    comment,
    compound,
    ods_xml,
    packed,
    shared,
    sheet,
)

from contracts.reading import Unreadable, open_table

SHEET = "xl/worksheets/sheet1.xml"


def changed(parts: Parts, change: Callable[[str], str | bytes], part: str = SHEET) -> bytes:
    return packed([(name, change(text) if name == part else text) for name, text in parts])


def moved(parts: Parts, to: str, target: str | None = None) -> bytes:
    """The sheet under another name, and what the workbook says of where it is."""
    rels = "xl/_rels/workbook.xml.rels"
    said = [(n, t.replace("worksheets/sheet1.xml", target) if n == rels and target else t) for n, t in parts]
    return packed([(to if name == SHEET else name, text) for name, text in said])


# ── XLS, record by record ───────────────────────────────────────────────────────────────────────


@dataclass
class Raw:
    """A cell as its records, `row` and `column` put in front of the body."""

    kind: int
    body: bytes
    more: bytes = b""  # records that follow


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def unicode(text: str) -> bytes:
    return struct.pack("<HB", len(text), 1) + text.encode("utf-16-le")


def label(text: str) -> Raw:
    return Raw(0x204, struct.pack("<H", 0) + unicode(text))


def rich_label(text: str, *runs: tuple[int, int]) -> Raw:
    return Raw(0xD6, struct.pack("<H", 0) + unicode(text) + struct.pack("<H", len(runs)) + b"".join(struct.pack("<HH", *run) for run in runs))  # fmt: skip


def formula(result: float | str, kind: int = 0x406) -> Raw:
    text = record(0x207, unicode(result)) if isinstance(result, str) else b""
    stored = b"\0" * 6 + b"\xff\xff" if isinstance(result, str) else struct.pack("<d", result)
    return Raw(kind, struct.pack("<H", 0) + stored + struct.pack("<HIH", 0, 0, 3) + b"\x1e\x01\x00", text)


def long_formula(text: str) -> Raw:
    """A formula whose text goes on in further records, each with a byte of its letters' width."""
    pieces = [text[i : i + 4_000] for i in range(0, len(text), 4_000)]
    begin = struct.pack("<HB", len(text), 1) + pieces[0].encode("utf-16-le")
    further = b"".join(record(0x3C, b"\1" + piece.encode("utf-16-le")) for piece in pieces[1:])
    return Raw(0x06, formula("x").body, record(0x207, begin) + further)


def font(*, struck: bool = False, raised: bool = False) -> bytes:
    look = struct.pack("<HHHHHBBBB", 200, 8 if struck else 0, 0x7FFF, 400, int(raised), 0, 0, 0, 0)
    return record(0x31, look + b"\x05\x00Arial")


# What a chart in a sheet keeps of it, in records like the sheet's own.
CHART = (
    record(0x809, struct.pack("<HHHHII", 0x600, 0x20, 0, 0, 0, 0))
    + record(0x204, struct.pack("<HHH", 1, 2, 0) + unicode("图"))
    + record(0x203, struct.pack("<HHHd", 1, 3, 0, 9))
    + record(0x0A, b"")
)


def xls_records(
    rows: Sequence[Sequence[Any]], texts: Sequence[bytes] = (), *, page: int = 1200, name: str = "S"
) -> bytes:
    """Excel 97's records: fonts 0 plain, 1 struck, 2 raised, 3 plain, 5 struck; `texts`: segments of the shared texts."""
    fonts = font() + font(struck=True) + font(raised=True) + font() + font(struck=True)
    styles = record(0xE0, bytes(20)) + record(0xE0, struct.pack("<HH", 1, 0) + bytes(16))
    pool = b"".join(record(0xFC if nth == 0 else 0x3C, segment) for nth, segment in enumerate(texts))
    cells = record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            place = struct.pack("<HH", r, c)
            if isinstance(value, Raw):
                cells += record(value.kind, place + value.body) + value.more
            elif isinstance(value, int | float):
                cells += record(0x203, place + struct.pack("<Hd", 0, value))
            elif value is not None:
                cells += record(0x204, place + struct.pack("<H", 0) + unicode(value))
    head = record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0)) + record(0x42, struct.pack("<H", page))
    head += fonts + styles
    named = struct.pack("<BB", len(name), 1) + name.encode("utf-16-le")
    begin = len(head) + 4 + 6 + len(named) + len(pool) + 4
    bound = record(0x85, struct.pack("<IH", begin, 0) + named)
    return compound(head + bound + pool + record(0x0A, b"") + cells + record(0x0A, b""), "Workbook")


def of_pool(nth: int, style: int = 0) -> Raw:
    return Raw(0xFD, struct.pack("<HI", style, nth))


def pool(*texts: bytes) -> bytes:
    return struct.pack("<II", len(texts), len(texts)) + b"".join(texts)


def in_pool(text: str, *runs: tuple[int, int]) -> bytes:
    flags, count = (9, struct.pack("<H", len(runs))) if runs else (1, b"")
    return struct.pack("<HB", len(text), flags) + count + text.encode("utf-16-le") + b"".join(struct.pack("<HH", *run) for run in runs)  # fmt: skip


# ── cases ───────────────────────────────────────────────────────────────────────────────────────


def _places() -> list[Case]:
    """A sheet is what begins like one, wherever the workbook keeps it."""
    kind = "sheets in other places of the archive"
    error = book(homes({"护理型床位数": Xml('<c r="REF" t="e"><v>#DIV/0!</v></c>')}))
    wanted: dict[str, Any] = {"rows": values(CODE, "A002", "A003"), "reasons": {(BEDS, "error_value")}}
    return [
        Case(kind, "folder.xlsx", moved(error, "xl/sheets/1.xml", "sheets/1.xml"), **wanted),
        Case(kind, "root.xlsx", moved(error, "sheet1.xml", "/sheet1.xml"), **wanted),
        Case(kind, "letter_case.xlsx", moved(error, SHEET.upper()), **wanted),
        Case(kind, "ending.xlsx", moved(error, SHEET.removesuffix(".xml") + ".XML", "worksheets/sheet1.XML"), **wanted),
        Case(kind, "no_ending.xlsx", moved(error, SHEET.removesuffix(".xml"), "worksheets/sheet1"), **wanted),
        Case(kind, "windows.xlsx", moved(error, SHEET.replace("/", "\\")), **wanted),
    ]  # fmt: skip


def _cells() -> list[Case]:
    twice, written = "two cells in one place", "cells that programs read differently"
    once = book(homes())
    again, plain = "sheet_repeats_a_cell", "sheet_not_plain"
    broken, damaged = "sheets that are no XML", "damaged_file"
    texts = book(homes({"机构名称": shared(1)}, {"机构名称": shared(0)}, n=2), ["<t>零</t>", "<t>壹</t>"])
    beds = '<c r="E2"><v>50</v></c>'
    far = f"<!--{'x' * 1_200_000}-->"

    def beds_as(cell: str) -> bytes:
        return changed(once, lambda text: text.replace(beds, cell))

    def index(text: str) -> bytes:
        return changed(texts, lambda whole: whole.replace("<v>1</v></c>", f"<v>{text}</v></c>"))

    return [
        Case(twice, "beside.xlsx", beds_as(beds + '<c r="E2"><v>99</v></c>'), refused=again),
        Case(twice, "apart.xlsx", changed(once, lambda text: text.replace("</row>", '<c r="A2"><v>1</v></c></row>', 2)), refused=again),
        Case(twice, "other_row.xlsx", changed(once, lambda text: text.replace('<c r="A3"', '<c r="A4"')), refused=again),
        Case(twice, "in_pieces.xlsx", changed(once, lambda text: text.replace(beds, f'{beds}{far}<c r="E2"><v>99</v></c>')), refused=again),
        Case(twice, "styled.xlsx", beds_as(beds + '<c r="E2" s="0"/>'), rows=THREE),
        Case(twice, "whole.xlsx", changed(once, lambda text: text.replace(beds, beds + far)), rows=THREE),
        # A cell without a place stands behind the one before it.
        Case(twice, "placeless.xlsx", beds_as('<c><v>50</v></c><c r="E2"><v>99</v></c>'), refused=plain),
        Case(twice, "placeless_before.xlsx", changed(once, lambda text: text.replace('<c r="E2">', '<c r="D2"/><c>').replace('<c r="F2"', '<c r="E2"')), refused=plain),
        Case(twice, "placeless_in_pieces.xlsx", beds_as(f'<c><v>50</v></c>{far}<c r="E2"><v>99</v></c>'), refused=plain),
        Case(twice, "placeless_in_order.xlsx", beds_as("<c><v>50</v></c>"), rows=THREE),
        Case(broken, "sign.xlsx", changed(once, lambda text: text.replace("示例院1", "示<例院1")), refused=damaged),
        Case(broken, "twice.xlsx", changed(once, lambda text: text.replace('r="H2"', 'r="H2" r="G2"')), refused=damaged),
        Case(broken, "closed.xlsx", changed(once, lambda text: text.replace("</row>", "", 1)), refused=damaged),
        Case(broken, "behind.xlsx", changed(once, lambda text: text + "<x>"), refused=damaged),
        Case(broken, "texts.xlsx", changed(texts, lambda text: text.replace("壹", "壹<b>"), "xl/sharedStrings.xml"), refused=damaged),
        Case(broken, "in_pieces.xlsx", changed(once, lambda text: text.replace(beds, beds + far) + "<x>"), refused=damaged),
        Case(written, "two_tables.xlsx", changed(once, lambda text: text.replace('<row r="3"', '</sheetData><sheetData><row r="3"')), refused=plain),
        Case(written, "spaces.xlsx", index("\n1\n"), refused=plain),
        Case(written, "float.xlsx", index("1.0"), refused=plain),
        Case(written, "minus.xlsx", index("-1"), refused=plain),
        Case(written, "cdata.xlsx", beds_as('<c r="E2"><v><![CDATA[50]]></v></c>'), refused=plain),
        Case(written, "comment.xlsx", beds_as('<c r="E2"><v>5<!-- x -->0</v></c>'), refused=plain),
        Case(written, "reference.xlsx", beds_as('<c r="E2"><v>&#53;0</v></c>'), refused=plain),
        Case(written, "formula_behind.xlsx", beds_as('<c r="E2"><v>50</v><f>D2/2</f></c>'), refused=plain),
        Case(written, "two_texts.xlsx", beds_as('<c r="E2" t="inlineStr"><is><t>50</t></is><is><t>51</t></is></c>'), refused=plain),
        Case(written, "two_values.xlsx", beds_as('<c r="E2"><v>50</v><v>51</v></c>'), refused=plain),
        Case(written, "inline_value.xlsx", beds_as('<c r="E2" t="inlineStr"><v>50</v></c>'), refused=plain),
        Case(written, "inline_both.xlsx", beds_as('<c r="E2" t="inlineStr"><v>1.0</v><is><t>50</t></is></c>'), rows=values(BEDS, 50, 50, 50)),
        Case(written, "number.xlsx", index("1"), rows=values(NAME, "壹", "零")),
        Case(written, "formula_text.xlsx", changed(once, lambda text: text.replace('<c r="C2" t="inlineStr"><is><t>示例院1</t></is></c>', '<c r="C2" t="str"><f>x</f><v>甲&#38;乙</v></c>')), rows=values(NAME, "甲&乙", "示例院2", "示例院3")),
        Case(written, "formula_number.xlsx", beds_as('<c r="E2"><f>D2/2</f><v>50</v></c>'), rows=values(BEDS, 50, 50, 50)),
    ]  # fmt: skip


def _around() -> list[Case]:
    kind, empty = "parts that nobody reads", "cells that hold nothing, far away"
    usual = book(homes())
    note = '<?xml version="1.0" encoding="UTF-16"?><x/>'.encode("utf-16")
    macro = (
        '<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd"><script:module/>'
    )
    document: list[tuple[str, str | bytes]] = [
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", ods_xml(homes())),
        ("META-INF/manifest.xml", "<manifest/>"),
    ]
    locked = [*document[:2], ("META-INF/manifest.xml", "<manifest><encryption-data/></manifest>")]
    bomb = '<!DOCTYPE x [<!ENTITY a "a">]><x/>'
    return [
        Case(kind, "power_query.xlsx", packed([*usual, ("customXml/item1.xml", note)]), rows=THREE),
        Case(kind, "settings.xlsx", packed([*usual, ("xl/customProperty1.bin", "<x/>".encode("utf-16-le"))]), rows=THREE),
        Case(kind, "macro.ods", packed([*document, ("Basic/Standard/Module1.xml", macro)]), rows=values(NAME, "示例院1", "示例院2", "示例院3")),
        Case(kind, "locked.ods", packed([*locked, ("meta.xml", b"\0\1\2")]), refused="encrypted_file"),
        Case(kind, "entities.xlsx", packed([*usual, ("xl/tables/table1.XML", bomb)]), refused="workbook_with_entities"),
        Case(kind, "entities_wide.xlsx", packed([*usual, ("xl/comments1.xml", bomb.encode("utf-16"))]), refused="workbook_with_entities"),
        Case(empty, "column.xlsx", changed(usual, lambda text: text.replace("</row>", '<c r="XFD1" s="0"/></row>', 1)), rows=THREE),
        Case(empty, "row.xlsx", changed(usual, lambda text: text.replace("</sheetData>", '<row r="1048576" s="1"><c r="AZ1048576" s="0"/></row></sheetData>')), rows=THREE),
        Case(empty, "something.xlsx", changed(usual, lambda text: text.replace("</row>", '<c r="XFD1"><v>1</v></c></row>', 1)), refused="too_many_columns"),
    ]  # fmt: skip


def _records() -> list[Case]:
    letters, old, part = (
        "texts of an XLS in the cell itself",
        "formulas as Excel 4 wrote them",
        "letters of an XLS that are not alike",
    )
    two, struck, raised = values(CODE, "A002"), "struck_in_part", "raised_in_part"
    span = {"护理型床位数": formula(40.0)}
    area = "建筑面积"
    run = in_pool("100120", (0, 1), (3, 0))
    wide = in_pool("示例院作废", (3, 1))
    cut = (pool(wide)[:17], b"\1" + pool(wide)[17:])  # within the text: its letters go on behind a byte of their width
    narrow = struct.pack("<HBH", 6, 8, 1) + b"100120" + struct.pack("<HH", 3, 5)
    names = {"机构名称": of_pool(0)}

    def pooled(change: dict[str, Any], *segments: bytes) -> bytes:
        return xls_records(homes(change, n=2), segments)

    return [
        Case(letters, "chinese.xls", xls_records(homes()), rows=values(NAME, "示例院1", "示例院2", "示例院3")),
        Case(letters, "latin.xls", xls_records(homes({"机构名称": label("Home é")}, n=1)), rows=values(NAME, "Home é")),
        Case(letters, "rich.xls", xls_records(homes({"机构名称": rich_label("示例院", (1, 3))}, n=1)), rows=values(NAME, "示例院")),
        Case(letters, "rich_struck.xls", xls_records(homes({"机构名称": rich_label("示例院作废", (3, 1))}, n=2)), rows=two, reasons={(NAME, struck)}),
        Case(letters, "chart.xls", xls_records(homes({"建筑面积": Raw(0x203, struct.pack("<Hd", 0, 120), CHART)}, {"护理型床位数": Raw(0x205, struct.pack("<HBB", 0, 7, 1))})), rows=values(NAME, "示例院1", "示例院3"), reasons={(BEDS, "error_value")}),
        Case(old, "number.xls", xls_records(homes(span, span, n=2)), rows=values(BEDS, 40, 40)),
        Case(old, "text.xls", xls_records(homes({"机构名称": formula("甲院")}, n=1)), rows=values(NAME, "甲院")),
        Case(old, "excel_3.xls", xls_records(homes({"护理型床位数": formula(40.0, 0x206)}, n=1)), rows=values(BEDS, 40)),
        Case(old, "usual.xls", xls_records(homes({"护理型床位数": formula(40.0, 0x06)}, n=1)), rows=values(BEDS, 40)),
        Case(part, "number.xls", pooled({area: of_pool(0)}, pool(run)), rows=two, reasons={("floor_area_m2", struck)}),
        Case(part, "name.xls", pooled(names, pool(in_pool("甲"), wide)), rows=values(NAME, "甲", "示例院2")),
        Case(part, "second.xls", pooled({"机构名称": of_pool(1)}, pool(in_pool("甲", (0, 3)), wide)), rows=two, reasons={(NAME, struck)}),
        Case(part, "in_two_records.xls", pooled(names, *cut), rows=two, reasons={(NAME, struck)}),
        Case(part, "narrow.xls", pooled({area: of_pool(0)}, pool(narrow)), rows=two, reasons={("floor_area_m2", struck)}),
        Case(part, "footnote.xls", pooled({area: of_pool(0)}, pool(in_pool("1201", (3, 2)))), rows=two, reasons={("floor_area_m2", "raised_in_part")}),
        Case(part, "footnote_name.xls", pooled(names, pool(in_pool("示例院1", (3, 2)))), rows=values(NAME, "示例院1", "示例院2"), reasons={(NAME, raised)}),
        Case(part, "whole.xls", pooled(names, pool(in_pool("示例院", (0, 1)))), rows=values(NAME, "示例院", "示例院2"), note="rows_struck"),
        Case(part, "cell.xls", pooled({"机构名称": of_pool(0, 1)}, pool(in_pool("示例院作废", (3, 3)))), rows=two, reasons={(NAME, struck)}),
        Case(part, "bold.xls", pooled(names, pool(in_pool("示例院", (1, 3)))), rows=values(NAME, "示例院", "示例院2")),
        Case("streams under other names", "capitals.xls", renamed_stream(xls(homes({"护理型床位数": "#DIV/0!"})), "WORKBOOK"), rows=values(CODE, "A002", "A003"), reasons={(BEDS, "error_value")}),
        Case("streams under other names", "root.xls", xls(homes({"护理型床位数": "#DIV/0!"})).replace("Root Entry".encode("utf-16-le"), "R.........".encode("utf-16-le")), rows=values(CODE, "A002", "A003"), reasons={(BEDS, "error_value")}),
        Case("streams under other names", "cut.xls", xls_records([[*HEADER], *homes({"机构名称": Raw(0xFD, b"\0")}, n=1)[1:]]), refused="damaged_file"),
    ]  # fmt: skip


def _pages() -> list[Case]:
    """Texts that are Unicode in a file that names a code page, as programs write who know Excel 5 (Perl, Delphi)."""
    kind = "texts of an XLS under a code page"
    rows = homes(*({"机构名称": of_pool(n)} for n in range(3)))
    latin = struct.pack("<HB", 4, 0) + b"Home"
    texts = [pool(in_pool("示例敬老院"), latin, in_pool("Résidence é"))]
    wanted = values(NAME, "示例敬老院", "Home", "Résidence é")
    error = [[*row[:4], *row[4:]] for row in homes()]
    error[1][4] = Raw(0x205, struct.pack("<HBB", 0, 0x07, 1))
    return [
        *(Case(kind, f"{page}.xls", xls_records(rows, texts, page=page), rows=wanted) for page in (936, 950, 1252, 10008, 1200)),
        # What is odd in a sheet is kept by its name.
        Case(kind, "name.xls", xls_records(error, page=936, name="养老机构"), rows=values(CODE, "A002", "A003"), reasons={(BEDS, "error_value")}),
    ]  # fmt: skip


def renamed_stream(content: bytes, name: str) -> bytes:
    return content.replace("Workbook".encode("utf-16-le"), name.encode("utf-16-le"))


def _shown() -> list[Case]:
    small, weekday, exact, minus = (
        "percentages that are shown rounded",
        "days of which a weekday is seen",
        "numbers near a year",
        "signs before a currency",
    )

    def area(value: float, code: str) -> list[list[Any]]:
        return homes({"建筑面积": F(value, code)}, n=1)

    return [
        Case(small, "0.xlsx", xlsx(area(0.004, "0%")), layout={"cast": {"percent": "percent"}}, rows=values("floor_area_m2", 0.4)),
        Case(small, "1.xlsx", xlsx(area(0.0004, "0.0%")), layout={"cast": {"percent": "percent"}}, rows=values("floor_area_m2", 0.04)),
        Case(small, "zero.xls", xls(area(0.004, "[=0]0;0%")), layout={"cast": {"percent": "percent"}}, rows=values("floor_area_m2", 0.4)),
        Case(small, "literal.xlsx", xlsx(area(4, '0"%"')), layout={"cast": {"percent": "percent"}}, rows=values("floor_area_m2", 4.0), reasons={("floor_area_m2", "unit_in_format")}),
        Case(small, "thousand.xlsx", xlsx(area(0.3, '0,"千"')), rows=values("floor_area_m2", 0.3)),
        Case(weekday, "weekday.xlsx", xlsx(area(46082, "aaaa")), rows=values(CODE), reasons={("floor_area_m2", "shown_otherwise")}),
        Case(weekday, "era.xlsx", xlsx(area(46082, "[$-404]e")), rows=values(CODE), reasons={("floor_area_m2", "shown_otherwise")}),
        Case(weekday, "weekday.xls", xls(area(46082, "aaaa")), rows=values(CODE), reasons={("floor_area_m2", "shown_otherwise")}),
        Case(weekday, "general.xlsx", xlsx(area(46082, "General")), rows=values("floor_area_m2", 46082.0)),
        Case(weekday, "exponent.xlsx", xlsx(area(46082, "0.00E+00")), rows=values("floor_area_m2", 46082.0)),
        Case(exact, "decimals.xlsx", xlsx(area(2020.0789156807, "0.00")), rows=values("floor_area_m2", 2020.0789156807)),
        Case(exact, "decimals.xls", xls(area(1973.009, "0.00")), rows=values("floor_area_m2", 1973.009)),
        Case(exact, "decimals_yuan.xlsx", xlsx(area(2020.0789156807, "¥0.00")), rows=values("floor_area_m2", 2020.0789156807)),
        Case(minus, "yuan.xlsx", xlsx(area(-3, '"¥"0.00')), rows=values(CODE), reasons={("floor_area_m2", "below_minimum")}),
        Case(minus, "language.xlsx", xlsx(area(-3, "[DBNum1][$-804]General")), rows=values(CODE), reasons={("floor_area_m2", "below_minimum")}),
        Case(minus, "brackets.xlsx", xlsx(area(-3, "0;(0)")), rows=values(CODE), reasons={("floor_area_m2", "below_minimum")}),
    ]  # fmt: skip


def _unseen_times() -> list[Case]:
    kind = "a time that an ODS writes and nobody sees"
    header = ["办件编号", "服务次数", "事项编码", "部门代码", "区划代码", "办理形式", "受理时间"]

    def opened(name: str, value: str, seen: str, *reasons: tuple[str | None, str]) -> Case:
        cell = f'<table:table-cell office:value-type="date" office:date-value="{value}"><text:p>{seen}</text:p></table:table-cell>'
        whole = ods_xml([header, ["C1", "1", "I1", "D1", "990101", "1", "TIME"]])
        whole = whole.replace(
            '<table:table-cell office:value-type="string"><text:p>TIME</text:p></table:table-cell>', cell
        )
        parts = [
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
            ("content.xml", whole),
            ("META-INF/manifest.xml", "<m/>"),
        ]
        return Case(
            kind,
            name,
            packed(parts),
            CONTACTS,
            rows=values("opened_at", datetime.fromisoformat(value)),
            reasons=set(reasons),
        )

    missing = ("opened_at", "time_missing")
    return [
        opened("midnight.ods", "2026-03-01T00:00:00", "2026-03-01", missing),
        opened("fraction.ods", "2026-03-01T00:00:00.000", "2026年3月1日", missing),
        opened("shown.ods", "2026-03-01T00:00:00", "2026-03-01 00:00"),
        opened("morning.ods", "2026-03-01T09:30:00", "2026-03-01"),
    ]  # fmt: skip


def _documents() -> list[Case]:
    kind, twice = "texts of an ODS", "two sheets of one name"

    def document(content: str) -> bytes:
        return packed([("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", content), ("META-INF/manifest.xml", "<m/>")])  # fmt: skip

    def named(name: str, text: str, wanted: str) -> Case:
        return Case(kind, name, document(ods_xml(homes({"机构名称": Xml(text)}, n=1))), rows=values(NAME, wanted))

    whole = ods_xml(homes(n=1))
    [table] = re.findall("<table:table .*</table:table>", whole)
    untyped = whole.replace(
        '<table:table-cell office:value-type="string"><text:p>示例院1', "<table:table-cell><text:p>示例院1"
    )
    other = sheet([HEADER, ["B9", *homes(n=1)[1][1:]]])
    rels, again = "xl/_rels/workbook.xml.rels", '<sheet name="{}" sheetId="2" r:id="rId9"/></sheets>'
    link = f'<Relationship Id="rId9" Type="{LINKS}/worksheet" Target="worksheets/sheet9.xml"/></Relationships>'

    def sheets(second: str) -> bytes:
        parts = [(n, t.replace("</sheets>", again.format(second)).replace("</Relationships>", link) if n in (rels, "xl/workbook.xml") else t) for n, t in book(homes(n=1))]  # fmt: skip
        return packed([*parts, ("xl/worksheets/sheet9.xml", other)])

    return [
        named("line.ods", "<text:p>示例<text:line-break/>院</text:p>", "示例 院"),
        named("tabulator.ods", "<text:p>示例<text:tab/>院</text:p>", "示例 院"),
        named("sounds.ods", "<text:p><text:ruby><text:ruby-base>示例</text:ruby-base><text:ruby-text>shi li</text:ruby-text></text:ruby>院</text:p>", "示例院"),
        named("cdata.ods", "<text:p><![CDATA[示例]]>院</text:p>", "示例院"),
        named("spans.ods", "<text:p>示<text:span>例<text:span>院</text:span></text:span><text:s/>一</text:p>", "示例院 一"),
        Case(kind, "untyped.ods", document(untyped), rows=values(NAME, "示例院1")),
        Case(twice, "two.ods", document(whole.replace(table, table + table.replace("A001", "B001"))), refused="sheets_of_one_name"),
        Case(twice, "two.xlsx", sheets("S"), refused="sheets_of_one_name"),
        Case(twice, "letter_case.xlsx", sheets("s"), rows=values(CODE, "A001", "B9")),
    ]  # fmt: skip


def parquet(**columns: Any) -> bytes:
    import pyarrow
    import pyarrow.parquet

    out = io.BytesIO()
    usual = {header: [row[i] for row in homes()[1:]] for i, header in enumerate(HEADER)}
    pyarrow.parquet.write_table(pyarrow.table(usual | columns), out)
    return out.getvalue()


def _columns() -> list[Case]:
    import pyarrow as pa

    nested, binary, kind = "nested columns of a Parquet", "bytes in a Parquet", "numbers of a Parquet"
    names = [{"zh": "甲", "en": "a"}, {"zh": "乙", "en": "b"}, None]
    lists = pa.array([["甲", "乙"], ["丙"], []])
    gbk = pa.array(["丙".encode("gbk"), "乙".encode(), b"\xff\xfe"])
    renamed = {"rename": {"机构名称.zh": "name"}}
    return [
        Case(nested, "struct.parquet", parquet(机构名称=pa.array(names)), refused="required_columns_missing"),
        Case(nested, "part.parquet", parquet(机构名称=pa.array(names)), layout=renamed, rows=values(NAME, "甲", "乙"), reasons={(NAME, "required_missing")}),
        Case(nested, "deeper.parquet", parquet(机构名称=pa.array([{"x": {"zh": "甲"}}] * 3)), layout={"rename": {"机构名称.x.zh": "name"}}, rows=values(NAME, "甲", "甲", "甲")),
        Case(nested, "list.parquet", parquet(机构名称=lists), rows=values(NAME, "甲|乙", "丙"), reasons={(NAME, "required_missing")}),
        Case(nested, "own_type.parquet", parquet(机构名称=pa.ExtensionArray.from_storage(pa.json_(), pa.array(["甲", "乙", "丙"]))), rows=values(NAME, "甲", "乙", "丙")),
        Case(binary, "gbk.parquet", parquet(机构名称=gbk), rows=values(NAME, "乙"), reasons={(None, "undecodable")}),
        Case(binary, "utf_8.parquet", parquet(机构名称=pa.array([b"a", "乙".encode(), None])), rows=values(NAME, "a", "乙"), reasons={(NAME, "required_missing")}),
        Case(binary, "nul.parquet", parquet(机构名称=["甲\0院", "乙", "丙"]), rows=values(NAME, "乙", "丙"), reasons={(None, "nul_byte")}),
        Case(binary, "long.parquet", parquet(机构名称=["甲" * 100_001, "乙", "丙"]), rows=values(NAME, "乙", "丙"), reasons={(None, "cell_too_long")}),
        Case(kind, "single.parquet", parquet(建筑面积=pa.array([0.1, 1200.3, 5], pa.float32())), rows=values("floor_area_m2", 0.1, 1200.3, 5.0)),
        Case(kind, "half.parquet", parquet(护理型床位数=pa.array([5.0, 6, 7], pa.float16())), rows=values(BEDS, 5, 6, 7)),
        Case(kind, "day.parquet", parquet(统计月份=pa.array([date(2026, 1, 1)] * 3)), rows=THREE),
        Case("locked and foreign", "locked.parquet", b"PARE" + bytes(200) + b"PARE", refused="encrypted_file"),
        Case("locked and foreign", "apple.numbers", packed([("Index/Document.iwa", "x"), ("Index/Tables/DataList.iwa", "y")]), refused="format_not_understood"),
        Case("locked and foreign", "page.ofd", packed([("OFD.xml", "<x/>"), ("Doc_0/Document.xml", "<x/>")]), refused="format_not_understood"),
    ]  # fmt: skip


def _nothing() -> list[Case]:
    kind = "nothing as databases write it"

    def area(text: str) -> Case:
        name = re.sub(r"\W", "_", text) + ".csv"
        rows = homes({"建筑面积": text}, {"机构名称": text}, n=3)
        return Case(
            kind,
            name,
            test_cells.csv(rows),
            rows={"floor_area_m2": [None, 1200.5]},
            reasons={(NAME, "required_missing")},
        )

    return [area(text) for text in ("\\N", "(null)", "[NULL]", "undefined", "NaT", "Null")]


def _formulas() -> list[Case]:
    """As WPS keeps a picture in a cell, and as systems export what they do not calculate."""
    kind, refused = "formulas as texts", {"rows": values(CODE), "reasons": {(NAME, "formula_as_text")}}
    texts = (
        '=DISPIMG("ID_7B",1)',
        '=HYPERLINK("http://x","示例院")',
        '=_xlfn.IMAGE("x")',
        "=B2&C2",
        "=表1!$A$1",
        "=1+1",
        "=-SUM(A1:A2)",
        "='表 1'!A1",
        '="a"&B2',
        "=@A1",
    )
    none = ("=示例院", "=_=", "+1", "A=B", "==", '="示例院"', "=A1栋")

    def named(nth: int, text: str, suffix: str, **wanted: Any) -> Case:
        content = xlsx(homes({"机构名称": text}, n=1)) if suffix == "xlsx" else test_cells.csv(homes({"机构名称": '"' + text.replace('"', '""') + '"'}, n=1))  # fmt: skip
        return Case(kind, f"{nth}.{suffix}", content, **wanted)

    return [
        *(named(n, text, suffix, **refused) for n, text in enumerate(texts) for suffix in ("xlsx", "csv")),
        *(named(n, text, "csv", rows=values(NAME, text.removeprefix('="').removesuffix('"'))) for n, text in enumerate(none, 50)),
    ]  # fmt: skip


DRAWN = "http://schemas.openxmlformats.org/drawingml/2006"


def drawn(shapes: str) -> Parts:
    links = f'<Relationship Id="rId1" Type="{LINKS}/drawing" Target="../drawings/drawing1.xml"/>'
    spaces = f'xmlns:d="{DRAWN}/spreadsheetDrawing" xmlns:a="{DRAWN}/main" xmlns:m="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    return [
        ("xl/worksheets/_rels/sheet1.xml.rels", f'<Relationships xmlns="{PACKED}">{links}</Relationships>'),
        ("xl/drawings/drawing1.xml", f"<d:wsDr {spaces}>{shapes}</d:wsDr>"),
    ]


def _boxes() -> list[Case]:
    """What lies on a sheet and is in none of its cells."""
    kind, told = "texts in boxes", "text_boxes"
    names = values(NAME, "示例院1", "示例院2", "示例院3")

    def box(text: str) -> str:
        return f"<d:sp><d:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></d:txBody></d:sp>"

    def with_shapes(text: str) -> bytes:
        return packed(book(homes()) + drawn(f"<d:twoCellAnchor>{text}</d:twoCellAnchor>"))

    def old(kind_of_object: int, text: str) -> bytes:
        """The last cell, and behind it an object with a text of its own."""
        rows = homes()
        object_ = record(0x5D, struct.pack("<HHH", 0x15, 0x12, kind_of_object) + bytes(20))
        letters = record(0x1B6, struct.pack("<HH6xHHI", 0x212, 0, len(text), 16, 0))
        rows[3][-1] = Raw(
            0x204, label(rows[3][-1]).body, object_ + letters + record(0x3C, b"\1" + text.encode("utf-16-le"))
        )
        return xls_records(rows)

    def document(before: str, name: str) -> bytes:
        space = 'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
        text = ods_xml(homes({"机构名称": Xml(f"{name}<text:p>示例院1</text:p>")}))
        text = text.replace("xmlns:office=", space + "xmlns:office=", 1).replace(
            "<table:table-row>", before + "<table:table-row>", 1
        )
        return packed(
            [
                ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
                ("content.xml", text),
                ("META-INF/manifest.xml", "<manifest/>"),
            ]
        )

    frame = "<draw:frame><draw:text-box><text:p>应为二院</text:p></draw:text-box></draw:frame>"
    return [
        Case(kind, "box.xlsx", with_shapes(box("应为 99")), rows=names, note=told),
        Case(kind, "grouped.xlsx", with_shapes(f"<d:grpSp>{box('应为 99')}</d:grpSp>"), rows=names, note=told),
        Case(kind, "blank.xlsx", with_shapes(box(" ")), rows=names),
        Case(kind, "slicer.xlsx", with_shapes(f"<m:AlternateContent><m:Fallback>{box('此形状表示切片器')}</m:Fallback></m:AlternateContent>"), rows=names),
        Case(kind, "unit.xlsx", with_shapes(box("单位：万张")), refused="unit_stated_above"),
        Case(kind, "unit_of_a_page.xlsx", changed(book(homes()), lambda text: text.replace("</sheetData>", "</sheetData><headerFooter><oddHeader>&amp;R单位：万张</oddHeader></headerFooter>")), refused="unit_stated_above"),
        Case(kind, "unit_in_a_comment.xlsx", packed(book(homes()) + [(n, t.replace("应为 99", "单位：万张")) for n, t in comment("D1")]), refused="unit_stated_above"),
        Case(kind, "unit_in_a_comment.xls", old(0x19, "单位：万张"), refused="unit_stated_above"),
        Case(kind, "unit_below.xlsx", packed(book([*homes(), ["单位：万张"]])), refused="unit_stated_above"),
        Case(kind, "box.xls", old(0x06, "应为 99"), rows=names, note=told),
        Case(kind, "comment.xls", old(0x19, "应为 99"), rows=names),
        Case(kind, "shape.ods", document(f"<table:shapes>{frame}</table:shapes>", ""), rows=names, note=told),
        # LibreOffice keeps a box that is tied to a cell within it, and readers take its text for the cell's.
        Case(kind, "on_a_cell.ods", document("", frame), rows=names, note=told),
    ]  # fmt: skip


def _covered() -> list[Case]:
    """Cells under a merged one, and formulas that nobody has calculated before the file was saved."""
    under, old = "cells under a merged one", "results that may be old"
    hidden: dict[str, Any] = {"rows": values(CODE, "A002"), "reasons": {(BEDS, "covered_by_merge")}}
    half = book(homes({"护理型床位数": Xml('<c r="REF"><f>D2/2</f><v>50</v></c>')}))
    manual = '<calcPr calcMode="manual" calcCompleted="0"/></workbook>'

    def merged(where: str, *changes: dict[str, Any]) -> bytes:
        over = f'</sheetData><mergeCells count="1"><mergeCell ref="{where}"/></mergeCells>'
        return changed(book(homes(*changes, n=2)), lambda text: text.replace("</sheetData>", over))

    def by_hand(parts: Parts) -> bytes:
        return changed(parts, lambda text: text.replace("</workbook>", manual), "xl/workbook.xml")

    rows = homes(n=2)
    uncalculated = homes(n=2)
    uncalculated[2][-1] = Raw(0x204, label(rows[2][-1]).body, record(0x5E, b"\0\0"))
    return [
        Case(under, "value.xlsx", merged("D2:E2"), **hidden),
        Case(under, "nothing.xlsx", merged("D2:E2", {"护理型床位数": None}), **hidden),
        Case(under, "below.xlsx", merged("D2:E2", {"总床位数": None, "护理型床位数": None}), rows=values(CODE, "A002"), reasons={("total_beds", "required_missing")}),
        Case(under, "value.xls", xls(rows, merged=[(1, 1, 3, 4)]), **hidden),
        Case(under, "note.xlsx", changed(book([*rows, ["注：以上为示例"]]), lambda text: text.replace("</sheetData>", '</sheetData><mergeCells><mergeCell ref="A4:H4"/></mergeCells>')), rows=values(CODE, "A001", "A002"), reasons={(None, "note_row")}),
        Case(old, "manual.xlsx", by_hand(half), rows=THREE, note="formulas_stale"),
        Case(old, "no_formulas.xlsx", by_hand(book(homes())), rows=THREE),
        Case(old, "manual.xls", xls_records(uncalculated), rows=values(CODE, "A001", "A002"), note="formulas_stale"),
    ]  # fmt: skip


def _of_today() -> list[Case]:
    """What newer programs write of errors, notes and formats."""
    errors, unseen, ruled = "errors that readers do not know", "days that are shown as ####", "formats by rule"
    day, hour = F(-5, "yyyy-mm-dd"), F(-0.25, "h:mm")
    hidden: dict[str, Any] = {"rows": values(CODE, "A002"), "reasons": {(NAME, "shown_otherwise")}}
    wrong: dict[str, Any] = {"rows": values(CODE, "A002", "A003"), "reasons": {(BEDS, "error_value")}}
    whole = ods_xml(homes()).replace("<text:p>50</text:p>", "<text:p>#DIV/0!</text:p>", 1)
    beside = whole.replace(
        'office:value-type="string"><text:p>#', 'office:value-type="string" office:string-value=""><text:p>#'
    )
    document = packed(
        [
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
            ("content.xml", beside),
            ("META-INF/manifest.xml", "<manifest/>"),
        ]
    )
    rule = '<conditionalFormatting sqref="D2:D4"><cfRule type="cellIs" dxfId="0" priority="1"/></conditionalFormatting>'

    def error(text: str, more: str = "") -> bytes:
        return packed(book(homes({"护理型床位数": Xml(f'<c r="REF" t="e"{more}><f>x</f><v>{text}</v></c>')})))

    def by_rule(code: str) -> bytes:
        look = f'<styleSheet xmlns="{MAIN}"><dxfs><dxf><numFmt numFmtId="170" formatCode="{code}"/></dxf></dxfs></styleSheet>'
        parts = [(n, t.replace("</sheetData>", "</sheetData>" + rule)) for n, t in book(homes())]
        return packed([*parts, ("xl/styles.xml", look)])

    thread = "http://schemas.microsoft.com/office/2017/10/relationships/threadedComment"
    links = f'<Relationship Id="rId1" Type="{thread}" Target="../threads/t1.xml"/>'
    said = (
        '<ThreadedComments xmlns="x"><threadedComment ref="D2"><text>应为99</text></threadedComment></ThreadedComments>'
    )
    threaded = packed(
        [
            *book(homes()),
            ("xl/worksheets/_rels/sheet1.xml.rels", f'<Relationships xmlns="{PACKED}">{links}</Relationships>'),
            ("xl/threads/t1.xml", said),
        ]
    )
    return [
        *(Case(errors, f"{n}.xlsx", error(text), **wrong) for n, text in enumerate(("#SPILL!", "#BUSY!", "#PYTHON!", "#GETTING_DATA"))),
        Case(errors, "rich.xlsx", error("#VALUE!", ' vm="1"'), rows=values(CODE, "A002", "A003"), reasons={(BEDS, "rich_value")}),
        Case(errors, "libreoffice.ods", document, **wrong),
        *(Case("texts that mean another cell", f"{n}.csv", test_cells.csv(homes({"机构名称": text}, n=1)), rows=values(CODE), reasons={(NAME, "ditto")}) for n, text in enumerate(("同上", "〃", "″"))),
        Case("texts that mean another cell", "name.csv", test_cells.csv(homes({"机构名称": "同上村敬老院"}, n=1)), rows=values(NAME, "同上村敬老院")),
        *(Case(errors, f"{n}.csv", test_cells.csv(homes({"机构名称": text}, n=1)), rows=values(CODE), reasons={(NAME, "error_value")}) for n, text in enumerate(("#CONNECT!", "#名称?", "Loading..."))),
        Case(unseen, "day.xlsx", xlsx(homes({"机构名称": day}, n=2)), **hidden),
        Case(unseen, "hour.xlsx", xlsx(homes({"机构名称": hour}, n=2)), **hidden),
        Case(unseen, "day.xls", xls(homes({"机构名称": day}, n=2)), **hidden),
        Case(unseen, "later.xls", xls(homes({"机构名称": F(3_000_000, "yyyy-mm-dd")}, n=2)), **hidden),
        Case(unseen, "minus.xlsx", xlsx(homes({"统计月份": F(46_023, "yyyy-mm-dd"), "建筑面积": -1}, n=2)), rows=values(CODE, "A002"), reasons={("floor_area_m2", "below_minimum")}),
        Case(ruled, "unit.xlsx", by_rule("0&quot;万&quot;"), rows=THREE, note="formats_by_rule"),
        Case(ruled, "nothing.xlsx", by_rule(";;;"), rows=THREE, note="formats_by_rule"),
        Case(ruled, "plain.xlsx", by_rule("0"), rows=THREE),
        Case("comments", "thread.xlsx", threaded, rows=THREE, note="cells_commented"),
    ]  # fmt: skip


MAKERS: tuple[Callable[[], list[Case]], ...] = (
    _places, _cells, _around, _records, _pages, _shown, _unseen_times, _documents, _columns, _nothing, _formulas, _boxes, _covered, _of_today,
)  # fmt: skip
CASES = [case for maker in MAKERS for case in maker()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.name}")
def test_a_workbook_of_another_program_comes_to_its_rows_or_to_a_sentence(case: Case, tmp_path: Path) -> None:
    test_cells.test_a_cell_is_what_its_sender_saw_or_a_reason(case, tmp_path)


def test_the_long_text_of_a_formula_in_an_xls_is_read_to_its_end(tmp_path: Path) -> None:
    path, text = tmp_path / "long.xls", "长路" * 6_000
    path.write_bytes(xls_records([[*HEADER, "地址"], [*homes(n=1)[1], long_formula(text)]]))
    [frame] = open_table(path, known_headers=FEEDS[CARE].spellings).batches()
    assert frame["地址"].to_list() == [text]


ENDLESS = {
    "cells": "<c " * 330_000,
    "cell": "<c " + 't="s" ' * 160_000,
    "inline": "<c " + 't="inlineStr" ' * 70_000,
    "values": "<v " * 330_000,
    "value": "<v>" + "x" * 900_000 + "<!",
    "ends": "</v>" + " " * 900_000,
    "rows": "<row " * 190_000,
    "row": "<row " + 'hidden="0" ' * 90_000,
    "columns": "<col hidden" * 90_000,
    "references": "<c>&#" * 190_000,
    "formulas": '<c t="s"><f ' * 80_000,
    "places": '<c r="A1"' * 110_000,
    "errors": "<c " + 't="e" ' * 160_000,
    "rules": '<conditionalFormatting sqref="" dxfId=' * 25_000,
    "blanks": "<c s=" + "'" * 900_000,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_no_sheet_takes_longer_to_look_at_than_it_is_long(name: str, tmp_path: Path) -> None:
    path = tmp_path / "endless.xlsx"
    path.write_bytes(changed(book(homes()), lambda text: text.replace("<sheetData>", "<sheetData>" + ENDLESS[name])))
    began = time.process_time()
    refused = test_cells.desk(path, FEEDS[CARE], None)
    assert isinstance(refused, Unreadable)
    assert time.process_time() - began < 5
