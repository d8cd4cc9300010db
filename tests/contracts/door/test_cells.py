"""A cell is what its sender saw, or a reason: files of each kind that strangers send, and what the door makes of them.

Every file is made here, in the format its kind is met in. Each goes through the department's check and through the night's
door under the archive's name, which must say the same.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from contracts.desk.checking import Checked, check_file
from contracts.door.delivery import Delivery, Outcome, pass_file
from contracts.door.privacy import Key
from contracts.loading import load_feeds, load_layout
from contracts.model import Feed, Layout
from contracts.reading import Unreadable

FEEDS = load_feeds()
KEY = Key("a key for tests, never for data")
CARE, CONTACTS, REVIEWS, VENUES = (
    "civil_affairs.elderly_care",
    "evaluation.contacts",
    "evaluation.reviews",
    "sports.venues",
)
HEADER = ["机构编号", "统计月份", "机构名称", "总床位数", "护理型床位数", "建筑面积", "运营状态", "区划代码"]
Rows = Sequence[Sequence[Any]]


def homes(*changes: dict[str, Any], n: int = 3) -> list[list[Any]]:
    """A header and n rows; each change says what stands in the row of its place."""
    rows = [[f"A{i:03}", "2026-01", f"示例院{i}", 100 + i, 50, 1200.5, "1", "990101001001"] for i in range(1, n + 1)]
    for row, change in zip(rows, changes, strict=False):
        for header, value in change.items():
            row[HEADER.index(header)] = value
    return [HEADER, *rows]


# ── files ───────────────────────────────────────────────────────────────────────────────────────


Unseen = tuple[Sequence[int], Sequence[int]]  # rows and columns that are hidden, from 0


@dataclass
class F:
    """A cell with a number format."""

    value: Any
    format: str


@dataclass
class Formula:
    text: str
    result: Any = None


def xlsx(
    *sheets: Rows,
    names: Sequence[str] = (),
    merged: Sequence[str] = (),
    at: tuple[int, int] = (0, 0),
    options: dict[str, Any] | None = None,
    hide: Sequence[str] = (),
    unseen: Unseen = ((), ()),
    flat: Unseen = ((), ()),
    struck: Sequence[int] = (),
) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"strings_to_numbers": False, "strings_to_formulas": False, **(options or {})})
    for nth, rows in enumerate(sheets):
        sheet = book.add_worksheet(names[nth] if names else None)
        if names and names[nth] in hide:
            sheet.hide()
        for r, row in enumerate(rows, start=at[0]):
            for c, cell in enumerate(row, start=at[1]):
                _write(book, sheet, r, c, cell, is_struck=r in struck)
        for range_ in merged:
            first = range_.split(":")[0]
            from xlsxwriter.utility import xl_cell_to_rowcol

            r, c = xl_cell_to_rowcol(first)
            sheet.merge_range(range_, rows[r - at[0]][c - at[1]])
        for row in unseen[0]:
            sheet.set_row(row, None, None, {"hidden": True})
        for column in unseen[1]:
            sheet.set_column(column, column, None, None, {"hidden": True})
        for row in flat[0]:
            sheet.set_row(row, 0.75)
        for column in flat[1]:
            sheet.set_column(column, column, 0.08)
    book.close()
    return out.getvalue()


def _write(book: Any, sheet: Any, r: int, c: int, cell: Any, *, is_struck: bool) -> None:
    style = book.add_format({"num_format": cell.format}) if isinstance(cell, F) else None
    style = book.add_format({"font_strikeout": True}) if is_struck else style
    value = cell.value if isinstance(cell, F) else cell
    if isinstance(value, Formula):
        sheet.write_formula(r, c, value.text, style, **({} if value.result is None else {"value": value.result}))
    elif isinstance(value, datetime | date):
        sheet.write_datetime(r, c, value, style or book.add_format({"num_format": "yyyy-mm-dd"}))
    elif value is not None:
        sheet.write(r, c, value, style)


def xls(
    rows: Rows,
    *,
    merged: Sequence[tuple[int, int, int, int]] = (),
    at: tuple[int, int] = (0, 0),
    unseen: Unseen = ((), ()),
    flat: Unseen = ((), ()),
    struck: Sequence[int] = (),
) -> bytes:
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("A", cell_overwrite_ok=True)
    for r, row in enumerate(rows, start=at[0]):
        for c, cell in enumerate(row, start=at[1]):
            style = xlwt.easyxf(num_format_str=cell.format) if isinstance(cell, F) else xlwt.Style.default_style
            style = xlwt.easyxf("font: struck_out on") if r in struck else style
            value = cell.value if isinstance(cell, F) else cell
            if isinstance(value, Formula):
                sheet.write(r, c, xlwt.Formula(value.text.removeprefix("=")), style)
            elif isinstance(value, str) and value.startswith("#"):
                sheet.row(r).set_cell_error(c, {"#N/A": 0x2A, "#DIV/0!": 0x07, "#REF!": 0x17}[value])
            elif value is not None:
                sheet.write(r, c, value, style)
    for top, bottom, left, right in merged:
        sheet.merge(top, bottom, left, right)
    for r in unseen[0]:
        sheet.row(r).hidden = True
    for c in unseen[1]:
        sheet.col(c).hidden = True
    for r in flat[0]:
        sheet.row(r).height_mismatch, sheet.row(r).height = True, 10
    for c in flat[1]:
        sheet.col(c).width = 20
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def ods(
    rows: Rows,
    *,
    down: Sequence[tuple[int, int, int]] = (),
    others: Sequence[tuple[str, Rows]] = (),
    unseen: Unseen = ((), ()),
    flat: Unseen = ((), ()),
    struck: Sequence[int] = (),
) -> bytes:
    """A cell may be (value, what it shows); `down`: (row, column, rows it spans)."""
    from odf.opendocument import OpenDocumentSpreadsheet
    from odf.style import Style, TableColumnProperties, TableRowProperties, TextProperties
    from odf.table import CoveredTableCell, Table, TableCell, TableColumn, TableRow
    from odf.text import P

    document = OpenDocumentSpreadsheet()
    for style_name, family, of in (
        ("low", "table-row", TableRowProperties(rowheight="0.02cm")),
        ("narrow", "table-column", TableColumnProperties(columnwidth="0.01cm")),
        ("struck", "table-cell", TextProperties(textlinethroughstyle="solid")),
    ):
        style = Style(name=style_name, family=family)
        style.addElement(of)
        document.automaticstyles.addElement(style)
    for name, content in [("A", rows), *others]:
        table = Table(name=name)
        for c in range(len(content[0])):
            narrow = {"stylename": "narrow"} if c in flat[1] else {}
            table.addElement(TableColumn(visibility="collapse") if c in unseen[1] else TableColumn(**narrow))
        for r, row in enumerate(content):
            low = {"stylename": "low"} if r in flat[0] else {}
            line = TableRow(visibility="filter") if r in unseen[0] else TableRow(**low)
            for c, cell in enumerate(row):
                if any(r0 < r < r0 + n and c == c0 for r0, c0, n in down):
                    line.addElement(CoveredTableCell())
                    continue
                spans = [n for r0, c0, n in down if (r0, c0) == (r, c)]
                span = {"numberrowsspanned": spans[0], "numbercolumnsspanned": 1} if spans else {}
                span |= {"stylename": "struck"} if r in struck and cell is not None else {}
                value, shown = cell if isinstance(cell, tuple) else (cell, None if cell is None else str(cell))
                if isinstance(value, Formula):
                    made = TableCell(formula=f"of:{value.text}", **span)
                elif isinstance(value, int | float):
                    made = TableCell(valuetype="float", value=value, **span)
                elif isinstance(value, date):
                    made = TableCell(valuetype="date", datevalue=value.isoformat(), **span)
                elif value is None:
                    made = TableCell(**span)
                else:
                    made = TableCell(valuetype="string", **span)
                if shown is not None:
                    made.addElement(P(text=shown))
                line.addElement(made)
            table.addElement(line)
        document.spreadsheet.addElement(table)
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()


def csv(rows: Rows, *, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    return "".join(delimiter.join("" if c is None else str(c) for c in row) + "\n" for row in rows).encode(encoding)


def openpyxl_formulas(rows: Rows) -> bytes:
    """As programs write formulas: no result is stored at all."""
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        book.active.append([c.text if isinstance(c, Formula) else c for c in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# ── cases ───────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Case:
    kind: str
    name: str
    content: bytes
    feed: str = CARE
    layout: dict[str, Any] | None = None
    refused: str | None = None  # the whole file, with this code
    rows: dict[str, list[Any]] | None = None  # column → accepted values
    reasons: set[tuple[str | None, str]] = field(default_factory=set)  # (field, rule) of every reason
    note: str | None = None


def values(field_name: str, *found: Any) -> dict[str, list[Any]]:
    return {field_name: list(found)}


BEDS, CODE, NAME = "nursing_beds", "institution_code", "name"
JAN = date(2026, 1, 1)


def _errors() -> list[Case]:
    bad = homes({}, {"护理型床位数": "#N/A"})
    div = homes({}, {"护理型床位数": "#DIV/0!"})
    shifted = [[None] * 8, *bad]
    error = Formula("=NA()", "#N/A")
    formula = homes({}, {"护理型床位数": error})
    below = [[None] * 8, [None] * 8, *formula]
    return [
        Case("errors in their own cells", "blank_row.xlsx", xlsx(below), rows=values(BEDS, 50, None, 50)),
        Case("errors in their own cells", "blank_column.xlsx", xlsx(formula, at=(0, 2)), rows=values(BEDS, 50, None, 50)),
        Case("errors in their own cells", "both.xlsx", xlsx(formula, at=(3, 3)), rows=values(BEDS, 50, None, 50)),
        Case("errors in their own cells", "blank_row.xls", xls(shifted, at=(2, 1)), rows=values(BEDS, 50, None, 50)),
        Case("errors in their own cells", "div.xls", xls(div), rows=values(BEDS, 50, 50), reasons={(BEDS, "error_value")}),
        Case("errors in their own cells", "div.ods", ods(homes({}, {"护理型床位数": (0.0, "#DIV/0!")})), rows=values(BEDS, 50, 50), reasons={(BEDS, "error_value")}),
        Case("errors in their own cells", "div.csv", csv(div), rows=values(BEDS, 50, 50), reasons={(BEDS, "error_value")}),
        Case("error values as names", "ref.xlsx", xlsx(homes({}, {"机构名称": Formula("=B9", "#REF!")})), rows=values(CODE, "A001", "A003"), reasons={(NAME, "error_value")}),
        Case("error values as names", "name.csv", csv(homes({"机构名称": "#NAME?"})), rows=values(CODE, "A002", "A003"), reasons={(NAME, "error_value")}),
        Case("error values as names", "ref.xls", xls(homes({"机构名称": "#REF!"})), rows=values(CODE, "A002", "A003"), reasons={(NAME, "error_value")}),
        Case("error values as names", "err.ods", ods(homes({"机构名称": "Err:508"})), rows=values(CODE, "A002", "A003"), reasons={(NAME, "error_value")}),
        Case("error values as names", "missing.xlsx", xlsx(homes({"机构名称": Formula("=NA()", "#N/A")})), rows=values(CODE, "A002", "A003"), reasons={(NAME, "required_missing")}),
    ]  # fmt: skip


def _sheets() -> list[Case]:
    one, two = homes(n=2), [HEADER, *[["B" + row[0][1:], *row[1:]] for row in homes(n=3)[1:]]]
    words = [["填表说明"], ["请按月填报，机构编号不得重复"], ["联系人：示例局"]]
    swapped = [[row[i] for i in (2, 0, 1, 3, 4, 5, 6, 7)] for row in two]
    codes = ("A001", "A002", "B001", "B002", "B003")
    lookup = [["代码", "运营状态"], ["1", "正常"]]
    shorter = [row[:6] for row in two]
    return [
        Case("further sheets", "districts.xlsx", xlsx(one, two, names=["甲区", "乙区"]), rows=values(CODE, *codes)),
        Case("further sheets", "other_order.xlsx", xlsx(one, swapped, names=["甲区", "乙区"]), rows=values(CODE, *codes)),
        Case("further sheets", "words_first.xlsx", xlsx(words, one, two, names=["说明", "甲", "乙"]), rows=values(CODE, *codes)),
        Case("further sheets", "districts.ods", ods(one, others=[("B", two)]), rows=values(CODE, *codes)),
        Case("further sheets", "titles.xlsx", xlsx([["甲区报表"], [], *one], [["乙区报表"], *two], names=["1月", "2月"]), rows=values(CODE, *codes)),
        Case("further sheets", "summary.xlsx", xlsx(one, two, names=["甲区", "汇总"]), refused="sheets_may_repeat"),
        Case("further sheets", "differ.xlsx", xlsx(one, shorter, names=["甲区", "乙区"]), refused="sheets_differ"),
        Case("further sheets", "lookup.xlsx", xlsx(one, lookup, names=["数据", "代码"]), rows=values(CODE, "A001", "A002")),
        Case("further sheets", "hidden.xlsx", xlsx(one, two, names=["甲", "旧"], hide=["旧"]), rows=values(CODE, "A001", "A002"), note="sheets_hidden"),
        Case("further sheets", "hidden_notes.xlsx", xlsx(one, words, names=["甲", "说明"], hide=["说明"]), rows=values(CODE, "A001", "A002")),
        Case("further sheets", "named.xlsx", xlsx(one, two, names=["甲", "乙"]), layout={"read": {"sheet": "乙"}}, rows=values(CODE, "B001", "B002", "B003")),
        Case("further sheets", "blank.xlsx", xlsx(one, [], names=["甲", "Sheet2"]), rows=values(CODE, "A001", "A002")),
    ]  # fmt: skip


def _hidden() -> list[Case]:
    three, rows, named = homes(n=3), values(CODE, "A001", "A002", "A003"), values(NAME, *[r[2] for r in homes(n=3)[1:]])
    beds = [HEADER, *[[*r[:4], F(7 + i, ";;;"), *r[5:]] for i, r in enumerate(three[1:])]]
    zeros = [HEADER, *[[*r[:4], F(0, "0;-0;;@"), *r[5:]] for r in three[1:]]]
    two = [three, [HEADER, ["B001", *three[1][1:]]]]
    traditional = [
        ["機構編號", "統計月份", "機構名稱", "總床位數", "護理型床位數", "建築面積", "運營狀態", "區劃代碼"],
        *three[1:],
    ]
    return [
        Case("hidden rows", "filtered.xlsx", xlsx(three, unseen=((2, 3), ())), rows=rows, note="rows_hidden"),
        Case("hidden rows", "filtered.xls", xls(three, unseen=((2,), ())), rows=rows, note="rows_hidden"),
        Case("hidden rows", "filtered.ods", ods(three, unseen=((2,), ())), rows=rows, note="rows_hidden"),
        Case("hidden rows", "second_sheet.xlsx", xlsx(*two, names=["甲", "乙"], unseen=((1,), ())), rows=values(CODE, "A001", "A002", "A003", "B001"), note="rows_hidden"),
        Case("hidden rows", "title.xlsx", xlsx([["旧表名"], *three], unseen=((0,), ())), rows=rows),
        Case("hidden columns", "column.xlsx", xlsx(three, unseen=((), (2,))), rows=named, note="columns_hidden"),
        Case("hidden columns", "column.xls", xls(three, unseen=((), (2,))), rows=named, note="columns_hidden"),
        Case("hidden columns", "column.ods", ods(three, unseen=((), (2,))), rows=named, note="columns_hidden"),
        Case("hidden rows", "low.xlsx", xlsx(three, flat=((2,), ())), rows=rows, note="rows_hidden"),
        Case("hidden rows", "low.xls", xls(three, flat=((2,), ())), rows=rows, note="rows_hidden"),
        Case("hidden rows", "low.ods", ods(three, flat=((2,), ())), rows=rows, note="rows_hidden"),
        Case("hidden columns", "narrow.xlsx", xlsx(three, flat=((), (2,))), rows=named, note="columns_hidden"),
        Case("hidden columns", "narrow.xls", xls(three, flat=((), (2,))), rows=named, note="columns_hidden"),
        Case("hidden columns", "narrow.ods", ods(three, flat=((), (2,))), rows=named, note="columns_hidden"),
        Case("traditional characters", "traditional.csv", csv(traditional), rows=rows),
        Case("traditional characters", "traditional.xlsx", xlsx(traditional), rows=rows),
        Case("traditional characters", "traditional.ods", ods(traditional), rows=rows),
        Case("struck rows", "struck.xlsx", xlsx(three, struck=(2,)), rows=rows, note="rows_struck"),
        Case("struck rows", "struck.xls", xls(three, struck=(2,)), rows=rows, note="rows_struck"),
        Case("struck rows", "struck.ods", ods(three, struck=(2,)), rows=rows, note="rows_struck"),
        Case("struck rows", "header.xlsx", xlsx(three, struck=(0,)), rows=rows),
        Case("hidden columns", "beside.xlsx", xlsx(three, unseen=((), (20,))), rows=named),
        Case("a value that its format hides", "nothing.xlsx", xlsx(beds), rows=values(CODE), reasons={(BEDS, "shown_otherwise")}),
        Case("a value that its format hides", "nothing.xls", xls(beds), rows=values(CODE), reasons={(BEDS, "shown_otherwise")}),
        Case("a value that its format hides", "zeros.xlsx", xlsx(zeros), rows=values(BEDS, 0, 0, 0)),
    ]  # fmt: skip


def _beside_rows() -> list[Case]:
    three, rows, blank = homes(n=3), values(CODE, "A001", "A002", "A003"), [None] * 7
    again = [three[0], three[1], three[0], *three[2:]]
    signed = [*three, ["填表人：张三", None, "审核人：李四", *blank[:5]]]
    noted = [*three, ["注：床位数为编制数", *blank]]
    required = [[f"*{name}（必填）" for name in three[0]], *three[1:]]
    lacking: set[tuple[str | None, str]] = {
        ("month", "required_missing"),
        ("name", "required_missing"),
        ("total_beds", "required_missing"),
    }
    lacking_note: set[tuple[str | None, str]] = {
        ("month", "required_missing"),
        ("total_beds", "required_missing"),
        ("status", "required_missing"),
        ("division_code", "cross_field"),
    }
    lone, header, note = {(None, "header_again")}, "the header once more", "a signature below the table"
    return [
        Case(header, "again.csv", csv(again), rows=rows, reasons=lone),
        Case(header, "again.xlsx", xlsx(again), rows=rows, reasons=lone),
        Case(header, "put_together.csv", b"\xef\xbb\xbf" + csv(three[:2]) + b"\xef\xbb\xbf" + csv([three[0], *three[2:]]), rows=rows, reasons=lone),
        Case(note, "signed.xlsx", xlsx(signed), rows=rows, reasons={(None, "note_row")}),
        Case(note, "signed.csv", csv(signed), rows=rows, reasons={(None, "note_row")}),
        Case(note, "noted.xls", xls(noted), rows=rows, reasons={(None, "note_row")}),
        Case(note, "a_name.csv", csv(homes({"机构名称": "负责人：养老院"}, n=1)), rows=values(NAME, "负责人：养老院")),
        # A record that borrows such words stays a record, and is refused for what it lacks: nobody hides a row behind them.
        Case(header, "borrowed.csv", csv([*three, ["A009", *[None] * 5, *three[0][6:]]]), rows=rows, reasons=lacking | {("status", "not_in_code_list"), ("division_code", "pattern")}),
        Case(note, "borrowed.csv", csv([*three, ["A009", None, "备注：无", *blank[:5]]]), rows=rows, reasons=lacking_note),
        Case("a header that says must", "must.xlsx", xlsx(required), rows=rows),
        Case("a header that says must", "must.csv", csv(required), rows=rows),
        Case("a header that says must", "may.csv", csv([[f"{name}[选填]" for name in three[0]], *three[1:]]), rows=rows),
    ]  # fmt: skip


def _pages() -> list[Case]:
    records, rows = [dict(zip(HEADER, row, strict=True)) for row in homes(n=2)[1:]], values(CODE, "A001", "A002")

    def page(**around: Any) -> bytes:
        return json.dumps({"code": 200, "data": {**around, "list": records}}, ensure_ascii=False).encode()

    return [
        Case("one page of several", "total.json", page(total=60, pageNum=1), rows=rows, note="records_are_a_page"),
        Case("one page of several", "text.json", page(total_count="60"), rows=rows, note="records_are_a_page"),
        Case("one page of several", "more.json", page(hasNextPage=True), rows=rows, note="records_go_on"),
        Case("one page of several", "whole.json", page(total=2, hasNextPage=False), rows=rows),
    ]  # fmt: skip


def _headers() -> list[Case]:
    wide = ["机构编号", "统计月份", "机构名称", "总床位数", "月末收住人数", None, "运营状态", "区划代码"]
    below = [None, None, None, None, "男", "女", None, None]
    data = [
        ["A001", "2026-01", "示例院", 100, 30, 20, "1", "990101001001"],
        ["A002", "2026-01", "示例院二", 80, 40, 5, "1", "990101001002"],
    ]
    three = [
        ["机构", None, None, "床位", "所在地", "状态"], ["基本", None, None, "规模", "区划", "登记"],
        ["机构编号", "统计月份", "机构名称", "总床位数", "代码", "运营状态"], ["A001", "2026-01", "示例院", 100, "990101001001", "1"],
    ]  # fmt: skip
    two = [["机构", None, None, "床位", "区划", None], three[2], three[3]]
    cosmetic = [[*row[:5], None, *row[6:]] for row in [wide, *data]]
    renamed = {"rename": {"月末收住人数/男": "residents"}}
    division = values("division_code", "990101001001")
    return [
        Case("a header merged over columns", "merged.xlsx", xlsx([wide, below, *data], merged=["E1:F1"]), refused="header_spans_columns"),
        Case("a header merged over columns", "one_row.xlsx", xlsx([wide, *data], merged=["E1:F1"]), refused="header_spans_columns"),
        Case("a header merged over columns", "centred.xlsx", xlsx([wide, below, *data]), refused="header_spans_columns"),
        Case("a header merged over columns", "merged.csv", csv([wide, below, *data]), refused="header_spans_columns"),
        Case("a header merged over columns", "merged.xls", xls([wide, below, *data], merged=[(0, 0, 4, 5)]), refused="header_spans_columns"),
        Case("a header merged over columns", "below_title.xlsx", xlsx([["示例表"], wide, below, *data], merged=["E2:F2"]), refused="header_spans_columns"),
        Case("a header merged over columns", "looks.xlsx", xlsx(cosmetic, merged=["E1:F1"]), rows=values("residents", 30, 40)),
        Case("a header merged over columns", "agreed.xlsx", xlsx([wide, below, *data], merged=["E1:F1"]), layout=renamed, rows=values("residents", 30, 40)),
        Case("three header rows", "three.xlsx", xlsx(three, merged=["A1:C1", "A2:C2"]), rows=division),
        Case("three header rows", "three.xls", xls(three, merged=[(0, 0, 0, 2), (1, 1, 0, 2)]), rows=division),
        Case("three header rows", "three.csv", csv(three), rows=division),
        Case("three header rows", "below_title.xlsx", xlsx([["示例市养老机构表"], *three], merged=["A2:C2", "A3:C3"]), rows=division),
        Case("three header rows", "two.xlsx", xlsx(two, merged=["A1:C1"]), rows=division),
    ]  # fmt: skip


def _codes() -> list[Case]:
    def contact(code: Any, phone: Any = None) -> list[list[Any]]:
        header = ["办件编号", "服务次数", "事项编码", "部门代码", "区划代码", "办理形式", "受理时间", "窗口编号"]
        return [header, [code, 1, "I1", "D1", "990101", "1", "2026-01-05 09:00:00", phone]]

    long = 990101202601051234
    lost, float_ = {("case_no", "digits_lost")}, {("case_no", "code_as_number")}
    none: dict[str, list[Any]] = values("case_no")
    padded = homes({"机构编号": F(123, "000000")}, {"机构编号": F(45, '"A"0000')})
    shown = values(CODE, "000123", "A0045", "A003")
    return [
        Case("numbers above 15 digits", "long.xlsx", xlsx(contact(long)), CONTACTS, rows=none, reasons=lost),
        Case("numbers above 15 digits", "sixteen.xlsx", xlsx(contact(1234567890123456)), CONTACTS, rows=none, reasons=lost),
        Case("numbers above 15 digits", "long.xls", xls(contact(long)), CONTACTS, rows=none, reasons=lost),
        Case("numbers above 15 digits", "long.ods", ods(contact(long)), CONTACTS, rows=none, reasons=lost),
        Case("numbers above 15 digits", "format.xlsx", xlsx(contact(F(long, "0"))), CONTACTS, rows=none, reasons=lost),
        Case("numbers above 15 digits", "fifteen.xlsx", xlsx(contact(123456789012345)), CONTACTS, rows=values("case_no", "123456789012345")),
        Case("numbers above 15 digits", "text.xlsx", xlsx(contact(str(long))), CONTACTS, rows=values("case_no", str(long))),
        Case("codes a program wrote as numbers", "sci.csv", csv(contact("9.90101E+17")), CONTACTS, rows=none, reasons=float_ | {("case_no", "pattern")} - {("case_no", "pattern")}),
        Case("codes a program wrote as numbers", "float.csv", csv(contact("990101.0")), CONTACTS, rows=none, reasons=float_),
        Case("codes a program wrote as numbers", "float.xlsx", xlsx(contact("123.0")), CONTACTS, rows=none, reasons=float_),
        Case("codes a program wrote as numbers", "float.json", json.dumps([dict(zip(*contact("x"), strict=True)) | {"办件编号": 123.0}]).encode(), CONTACTS, rows=none, reasons=float_),
        Case("codes a program wrote as numbers", "window.csv", csv(contact("A1", "3.0")), CONTACTS, rows=none, reasons={("window_no", "code_as_number")}),
        Case("codes a program wrote as numbers", "java.csv", csv(contact("1.2345678E7")), CONTACTS, rows=none, reasons=float_),
        Case("codes a program wrote as numbers", "room.csv", csv(contact("12E5")), CONTACTS, rows=values("case_no", "12E5")),
        Case("codes a program wrote as numbers", "python.csv", csv(contact("1.0e+17")), CONTACTS, rows=none, reasons=float_),
        Case("codes a program wrote as numbers", "dotted.csv", csv(contact("1.2")), CONTACTS, rows=values("case_no", "1.2")),
        Case("zeros held by a number format", "zeros.xlsx", xlsx(padded), rows=shown),
        Case("zeros held by a number format", "zeros.xls", xls(padded), rows=shown),
        Case("zeros held by a number format", "zeros.ods", ods(homes({"机构编号": (123, "000123")}, {"机构编号": (45, "A0045")})), rows=shown),
        Case("zeros held by a number format", "division.xlsx", xlsx(homes({"区划代码": F(10101001001, "000000000000")}, n=1)), rows=values("division_code", "010101001001")),
        Case("zeros held by a number format", "phone.xlsx", xlsx([[*HEADER, "服务电话"], [*homes(n=1)[1], F(5711234567, "0000-0000000")]]), rows=values("phone", "0571-1234567")),
        Case("zeros held by a number format", "hyphen.xlsx", xlsx(homes({"机构编号": F(12, '"YL-"0000')}, n=1)), rows=values(CODE, "YL-0012")),
        Case("zeros held by a number format", "dashes.xlsx", xlsx(homes({"机构编号": F(990123, "000-000")}, n=1)), rows=values(CODE, "990-123")),
        Case('="001"', "protected.csv", csv(homes({"机构编号": '="001"', "区划代码": '="990101001001"'}, n=1)), rows=values(CODE, "001")),
        Case('="001"', "quoted.csv", csv(homes({"机构编号": '"=""002"""'}, n=1)), rows=values(CODE, "002")),
        Case('="001"', "gbk.csv", csv(homes({"机构编号": '="003"', "机构名称": '="示例院"'}, n=1), encoding="gb18030"), rows={CODE: ["003"], NAME: ["示例院"]}),
        Case('="001"', "tab.tsv", csv(homes({"机构编号": '="004"'}, n=1), delimiter="\t"), rows=values(CODE, "004")),
        Case('="001"', "text.xlsx", xlsx(homes({"机构编号": '="005"'}, n=1)), rows=values(CODE, "005")),
        Case('="001"', "apostrophe.csv", csv(homes({"机构编号": "'006"}, n=1)), rows=values(CODE, "006")),
    ]  # fmt: skip


def _units() -> list[Case]:
    def beds(format_: str, value: float = 12) -> list[list[Any]]:
        return homes({"护理型床位数": F(value, format_)}, n=1)

    above = homes({"建筑面积": 0.12}, n=1)
    unknown = {(BEDS, "unknown_unit")}
    return [
        Case("units in a number format", "wan.xlsx", xlsx(homes({"建筑面积": F(0.12, '0.00"万平方米"')}, n=1)), rows=values("floor_area_m2", 1200.0), reasons={("floor_area_m2", "unit_in_format")}),
        Case("units in a number format", "bai.xlsx", xlsx(beds('0"百"')), rows=values(BEDS), reasons=unknown),
        Case("units in a number format", "bai.xls", xls(beds('0"百"')), rows=values(BEDS), reasons=unknown),
        Case("units in a number format", "bai.ods", ods(homes({"护理型床位数": (12, "12百")}, n=1)), rows=values(BEDS), reasons=unknown),
        Case("units in a number format", "zhang.xlsx", xlsx(beds('#,##0"张"')), rows=values(BEDS, 12)),
        Case("units in a number format", "whole.xlsx", xlsx(homes({"总床位数": F(2000, '0.0,"千"'), "护理型床位数": 5}, n=1)), rows=values("total_beds", 2000)),
        Case("units in a number format", "thousands.xlsx", xlsx(homes({"建筑面积": F(12000, "0,")}, n=1)), rows=values(BEDS), reasons={("floor_area_m2", "shown_otherwise")}),
        Case("units in a number format", "percent.xlsx", xlsx(beds("0%", 0.5)), rows=values(BEDS), reasons={(BEDS, "percent_not_expected")}),
        Case("units in a number format", "yuan.xlsx", xlsx(homes({"建筑面积": F(1234.5, "_ ¥* #,##0.00_ ;_ ¥* -#,##0.00_ ")}, n=1)), rows=values("floor_area_m2", 1234.5)),
        Case("a unit above the header", "line.xlsx", xlsx([["面积单位：万平方米"], *above]), refused="unit_stated_above"),
        Case("a unit above the header", "line.csv", csv([["单位：万平方米"], *above]), refused="unit_stated_above"),
        Case("a unit above the header", "bracket.xls", xls([["养老机构面积表（公顷）"], *above]), refused="unit_stated_above"),
        Case("a unit above the header", "several.xlsx", xlsx([["单位：张、万平方米"], *above]), refused="unit_stated_above"),
        Case("a unit above the header", "of_what.xlsx", xlsx([["附表1（面积：公顷，床位：张）"], *above]), refused="unit_stated_above"),
        Case("a unit above the header", "below.xlsx", xlsx([above[0], [None, None, None, "（张）", "（张）", "（亩）"], above[1]]), refused="unit_stated_above"),
        Case("a unit above the header", "agreed.xlsx", xlsx([["单位：万平方米"], *above]), layout={"multiply": {"floor_area_m2": 10_000}}, rows=values("floor_area_m2", 1200.0)),
        Case("a unit above the header", "same.xlsx", xlsx([["单位：张、平方米"], *above]), rows=values("floor_area_m2", 0.12)),
        Case("a unit above the header", "office.xlsx", xlsx([["填报单位：万家"], ["编制单位：百户"], *above]), rows=values("floor_area_m2", 0.12)),
    ]  # fmt: skip


def _dates() -> list[Case]:
    def month(*texts: Any) -> list[list[Any]]:
        return homes(*({"统计月份": text} for text in texts), n=len(texts))

    def opened(text: Any, **more: Any) -> list[list[Any]]:
        header = ["办件编号", "服务次数", "事项编码", "部门代码", "区划代码", "办理形式", "受理时间"]
        return [header, ["C1", 1, "I1", "D1", "990101", "1", text]]

    january, none = values("month", JAN), values("month")
    lost = {("month", "month_as_number")}
    missing = {("opened_at", "time_missing")}
    midnight, morning = datetime(2026, 3, 1), datetime(2026, 3, 1, 9, 30)
    serial = F(44620, "General")
    day_1904 = {"date_1904": True}
    opened_on = [[*HEADER, "成立日期"], [*homes(n=1)[1], serial]]
    made = {(CODE, "date_in_text")}
    return [
        Case("month 2025.10", "number.xlsx", xlsx(month(2025.1, 2025.11)), rows=values("month", date(2025, 11, 1)), reasons=lost),
        Case("month 2025.10", "number.xls", xls(month(2025.1, 2025.12)), rows=values("month", date(2025, 12, 1)), reasons=lost),
        Case("month 2025.10", "number.ods", ods(month(2025.1)), rows=none, reasons=lost),
        Case("month 2025.10", "number.csv", csv(month("2025.1", "2025.11")), rows=values("month", date(2025, 11, 1)), reasons=lost),
        Case("month 2025.10", "text.xlsx", xlsx(month("2025.10")), rows=values("month", date(2025, 10, 1))),
        Case("month 2025.10", "text.csv", csv(month("2025.1", "2025.10")), rows=values("month", date(2025, 1, 1), date(2025, 10, 1))),
        Case("month 2025.10", "decimals.xlsx", xlsx(month(F(2025.1, "0.00"))), rows=values("month", date(2025, 10, 1))),
        Case("month 2025.10", "json.json", json.dumps([dict(zip(*month("2025.1"), strict=True))]).encode(), rows=none, reasons=lost),
        Case("2026年1月份", "fen.xlsx", xlsx(month("2026年1月份", "2026年01月份")), rows=values("month", JAN, JAN)),
        Case("2026年1月份", "fen.csv", csv(month("2026 年 1 月份")), rows=january),
        Case("2026年1月份", "fen.xls", xls(month("２０２６年１月份")), rows=january),
        Case("2026年1月份", "chinese.csv", csv(month("二〇二六年一月份")), rows=january),
        Case("2026年1月份", "fen.ods", ods(month("2026年1月份")), rows=january),
        Case("serials of the 1904 calendar", "date.xlsx", xlsx([opened_on[0], [*opened_on[1][:-1], date(2026, 3, 1)]], options=day_1904), rows=values("opened_on", date(2026, 3, 1))),
        Case("serials of the 1904 calendar", "serial.xlsx", xlsx(opened_on, options=day_1904), rows=values("opened_on", date(2026, 3, 1))),
        Case("serials of the 1904 calendar", "serial_1900.xlsx", xlsx([opened_on[0], [*opened_on[1][:-1], 46082]]), rows=values("opened_on", date(2026, 3, 1))),
        Case("YYYYMMDDThhmmss", "basic.csv", csv(opened("20260301T093000")), CONTACTS, rows=values("opened_at", morning)),
        Case("YYYYMMDDThhmmss", "offset.csv", csv(opened("20260301T013000Z")), CONTACTS, rows=values("opened_at", morning)),
        Case("YYYYMMDDThhmmss", "plus.csv", csv(opened("20260301T093000+0800")), CONTACTS, rows=values("opened_at", morning)),
        Case("YYYYMMDDThhmmss", "minutes.xlsx", xlsx(opened("20260301T0930")), CONTACTS, rows=values("opened_at", morning)),
        Case("YYYYMMDDThhmmss", "impossible.csv", csv(opened("20260301T253000")), CONTACTS, rows=values("opened_at"), reasons={("opened_at", "impossible_time")}),
        Case("a day where the time decides", "day.csv", csv(opened("2026-03-01")), CONTACTS, rows=values("opened_at", midnight), reasons=missing),
        Case("a day where the time decides", "day.xlsx", xlsx(opened(date(2026, 3, 1))), CONTACTS, rows=values("opened_at", midnight), reasons=missing),
        Case("a day where the time decides", "eight.csv", csv(opened("20260301")), CONTACTS, rows=values("opened_at", midnight), reasons=missing),
        Case("a day where the time decides", "serial.xlsx", xlsx(opened(46082)), CONTACTS, rows=values("opened_at", midnight), reasons=missing),
        Case("a day where the time decides", "chinese.xls", xls(opened("2026年3月1日")), CONTACTS, rows=values("opened_at", midnight), reasons=missing),
        Case("a day where the time decides", "midnight.csv", csv(opened("2026-03-01 00:00:00")), CONTACTS, rows=values("opened_at", midnight)),
        Case("a day where the time decides", "midnight.xlsx", xlsx(opened(F(midnight, "yyyy-mm-dd hh:mm"))), CONTACTS, rows=values("opened_at", midnight)),
        Case("dates Excel made of text", "code.xlsx", xlsx(homes({"机构编号": date(2026, 3, 1)}, n=1)), rows=values(CODE), reasons=made),
        Case("dates Excel made of text", "code.xls", xls(homes({"机构编号": F(date(2026, 3, 1), "m-d")}, n=1)), rows=values(CODE), reasons=made),
        Case("dates Excel made of text", "code.ods", ods(homes({"机构编号": (date(2026, 3, 1), "3-1")}, n=1)), rows=values(CODE), reasons=made),
        Case("dates Excel made of text", "mar.csv", csv(homes({"机构编号": "1-Mar"}, n=1)), rows=values(CODE), reasons=made),
        Case("dates Excel made of text", "name.xlsx", xlsx(homes({"机构名称": date(2026, 5, 1)}, n=1)), rows=values(CODE), reasons={(NAME, "date_in_text")}),
        Case("dates Excel made of text", "kept.csv", csv(homes({"机构编号": "3-1"}, n=1)), rows=values(CODE, "3-1")),
    ]  # fmt: skip


def _rows() -> list[Case]:
    formula = homes({"护理型床位数": Formula("=D2/2")})
    calculated = homes({"护理型床位数": Formula("=D2/2", 50)})
    raw = {(BEDS, "formula_not_calculated")}
    left = values(CODE, "A002", "A003")
    same = "990101001001"
    merged = homes(*({"区划代码": same if i == 0 else None} for i in range(3)))
    summed = homes({"护理型床位数": 50}, {"护理型床位数": None}, {"护理型床位数": None})
    total = [*homes(), ["合计", None, None, 306, 150, 3601.5, None, None]]
    named = [*homes(), ["T01", "2026-01", "合　计", 306, 150, 3601.5, "1", same]]
    note = [[*row, None, "注：含民办" if i == 1 else None] for i, row in enumerate(homes())]
    return [
        Case("formulas never calculated", "openpyxl.xlsx", openpyxl_formulas(formula), rows=left, reasons=raw),
        Case("formulas never calculated", "zero.xlsx", xlsx(formula), rows=left, reasons=raw),
        Case("formulas never calculated", "xlwt.xls", xls(formula), rows=left, reasons=raw),
        Case("formulas never calculated", "odf.ods", ods(formula), rows=left, reasons=raw),
        Case("formulas never calculated", "name.xlsx", openpyxl_formulas(homes({"机构名称": Formula('="示例"&"院"')})), rows=left, reasons={(NAME, "formula_not_calculated")}),
        Case("formulas never calculated", "calculated.xlsx", xlsx(calculated), rows=values(BEDS, 50, 50, 50)),
        Case("merged cells going down", "code.xlsx", xlsx(merged, merged=["H2:H4"]), rows=values("division_code", same, same, same)),
        Case("merged cells going down", "code.xls", xls(merged, merged=[(1, 3, 7, 7)]), rows=values("division_code", same, same, same)),
        Case("merged cells going down", "code.ods", ods(merged, down=[(1, 7, 3)]), rows=values("division_code", same, same, same)),
        Case("merged cells going down", "month.xlsx", xlsx(homes({}, {"统计月份": None}), merged=["B2:B3"]), rows=values("month", JAN, JAN, JAN)),
        Case("merged cells going down", "number.xlsx", xlsx(summed, merged=["E2:E4"]), rows=values(CODE), reasons={(BEDS, "merged_number")}),
        Case("merged cells going down", "below_title.xlsx", xlsx([["表"], *merged], merged=["H3:H5"]), rows=values("division_code", same, same, same)),
        Case("total rows", "code.xlsx", xlsx(total), rows=values(CODE, "A001", "A002", "A003"), reasons={(None, "total_row")}),
        Case("total rows", "name.csv", csv(named), rows=values(CODE, "A001", "A002", "A003"), reasons={(None, "total_row")}),
        Case("total rows", "name.xls", xls(named), rows=values(CODE, "A001", "A002", "A003"), reasons={(None, "total_row")}),
        Case("total rows", "english.csv", csv(homes({"机构名称": "Total"}, {"机构名称": "小计："})), rows=values(CODE, "A003"), reasons={(None, "total_row")}),
        Case("total rows", "whole_city.csv", csv(homes({"机构名称": "全市合计"})), rows=left, reasons={(None, "total_row")}),
        Case("total rows", "a_name.csv", csv(homes({"机构名称": "合计养老院"}, n=1)), rows=values(NAME, "合计养老院")),
        Case("a note beside the table", "note.xlsx", xlsx(note), rows=values(CODE, "A001", "A002", "A003")),
        Case("a note beside the table", "note.xls", xls(note), rows=values(CODE, "A001", "A002", "A003")),
        Case("a note beside the table", "note.csv", csv(note), rows=values(CODE, "A001", "A002", "A003"), note="columns_unknown"),
        Case("a note beside the table", "shifted.xlsx", xlsx([*homes(n=2), [*homes(n=3)[3][:2], None, *homes(n=3)[3][2:]]]), rows=values(CODE, "A001", "A002"), reasons={(None, "too_many_cells")}),
    ]  # fmt: skip


def _texts() -> list[Case]:
    def name(text: str) -> bytes:
        return csv(homes({"机构名称": text}, n=1))

    def mixed(bad: str, encoding: str = "gb18030") -> bytes:
        good = csv(homes(n=30), encoding=encoding)
        return good + csv([["A900", "2026-01", bad, 100, 50, 1, "1", "990101001001"]], encoding="utf-8")

    clean = values(NAME, "和平医院")
    where = "10,1,990101001001"
    ascii_header = [
        "institution_code,month,name,total_beds,status,division_code",
        f"A1,2026-01,Domov pro seniory Příbram – Žďár,{where}", f"A2,2026-01,Kouřim U Růže,{where}",
    ]  # fmt: skip

    def english(encoding: str, *names: str) -> bytes:
        """Headers that say nothing of the encoding."""
        return western([ascii_header[0], *(f"A{i},2026-01,{name},{where}" for i, name in enumerate(names))], encoding)

    polish = ("Dom Opieki Łódź", "Dom Pomocy Społecznej Gdańsk", "Ośrodek Świętokrzyski")
    greek = ("Γηροκομείο Αθηνών", "Οίκος Ευγηρίας")

    korean = ("서울특별시 강남구 보건소", "부산광역시 해운대구 도서관", "대전광역시 서구 체육관")
    cyrillic = ("Больница номер один", "Библиотека имени Пушкина", "Дом для пожилых людей")
    hebrew, thai = ("בית חולים מרכזי", "ספרייה עירונית ירושלים"), ("โรงพยาบาลกลาง", "ห้องสมุดประชาชน")
    german = ("Altenheim Süd", "Bücherei für Köln", "Gärtnerhaus Großenhain")
    traditional = ("橋仔村活動中心", "后盤村老人館", "黃昭堂公園服務處", "龍山里鄰里公園")

    def western(lines: Sequence[str], encoding: str) -> bytes:
        return ("\n".join(lines) + "\n").encode(encoding)

    russian = [ascii_header[0], f"A1,2026-01,Дом для пожилых людей,{where}"]
    french = [ascii_header[0], f"A1,2026-01,Résidence Élysée à Besançon,{where}"]
    no_language = [ascii_header[0], f"A1,2026-01,x,{where}"]

    def area(*texts: str, delimiter: str = ",") -> bytes:
        quoted = [f'"{text}"' for text in texts]
        return csv(homes(*({"建筑面积": text} for text in quoted), n=len(texts)), delimiter=delimiter)

    unclear, comma = {("floor_area_m2", "comma_is_unclear")}, {("floor_area_m2", "decimal_comma")}
    said = {"cast": {"decimal": ","}}
    codes30 = values(CODE, *[f"A{i:03}" for i in range(1, 31)])
    return [
        Case("markup in names", "tag.csv", name("和平医院<span style='x'>   </span>"), rows=clean),
        Case("markup in names", "entity.csv", name("和平医院&nbsp;"), rows=clean),
        Case("markup in names", "zero_width.csv", name("和平\u200b医院"), rows=clean),
        Case("markup in names", "return.csv", name("和平医院_x000D_"), rows=clean),
        Case("markup in names", "override.csv", name("\u202e和平医院\u202c"), rows=clean),
        Case("markup in names", "soft.csv", name("和平\u00ad医院"), rows=clean),
        Case("markup in names", "control.xlsx", xlsx(homes({"机构名称": "和平医院\x0b"}, n=1)), rows=clean),
        Case("markup in names", "bold.json", json.dumps([dict(zip(*homes({"机构名称": "<b>和平</b>医院"}, n=1), strict=True))]).encode(), rows=clean),
        Case("markup in names", "script.csv", name("<script>alert(1)</script>和平医院"), rows=clean),
        Case("markup in names", "twice.csv", name("甲&amp;amp;乙院"), rows=values(NAME, "甲&乙院")),
        Case("markup in names", "sign.csv", name("A<B院"), rows=values(NAME, "A<B院")),
        Case("UTF-8 lines in a GBK file", "two.csv", mixed("康乐"), rows=codes30, reasons={(None, "undecodable")}),
        Case("UTF-8 lines in a GBK file", "four.csv", mixed("阳光家园"), rows=codes30, reasons={(None, "undecodable")}),
        Case("UTF-8 lines in a GBK file", "three.csv", mixed("康乐院"), rows=codes30, reasons={(None, "undecodable")}),
        Case("UTF-8 lines in a GBK file", "six.csv", mixed("（示例）康乐"), rows=codes30, reasons={(None, "undecodable")}),
        Case("UTF-8 lines in a GBK file", "all_gbk.csv", csv(homes(n=30), encoding="gb18030"), rows=codes30),
        Case("single-byte code pages", "czech_1250.csv", western(ascii_header, "cp1250"), rows=values(NAME, "Domov pro seniory Příbram – Žďár", "Kouřim U Růže"), note="encoding_guessed"),
        Case("single-byte code pages", "czech_latin2.csv", western([line.replace("–", "-") for line in ascii_header], "iso8859-2"), rows=values(NAME, "Domov pro seniory Příbram - Žďár", "Kouřim U Růže"), note="encoding_guessed"),
        Case("single-byte code pages", "russian.csv", western(russian, "cp1251"), rows=values(NAME, "Дом для пожилых людей"), note="encoding_guessed"),
        Case("single-byte code pages", "french.csv", western(french, "cp1252"), rows=values(NAME, "Résidence Élysée à Besançon"), note="encoding_guessed"),
        Case("single-byte code pages", "none.csv", western(no_language, "cp1252").replace(b",x,", b",\xd0x\xf8y\xe8z\xdf\xb9q,"), refused="encoding_unclear"),
        Case("single-byte code pages", "polish_latin2.csv", english("iso8859-2", *polish), rows=values(NAME, *polish), note="encoding_guessed"),
        Case("single-byte code pages", "greek.csv", english("cp1253", *greek), rows=values(NAME, *greek), note="encoding_guessed"),
        Case("single-byte code pages", "japanese.csv", english("shift_jis", "東京老人ホーム", "さくら園", "ひまわり荘"), refused="encoding_unclear"),
        Case("drop-downs", "chosen.xlsx", xlsx(homes({"运营状态": "2 停业"}, {"运营状态": "0 关闭"}, {"运营状态": "1　营业"}, n=3)), rows=values("status", "2", "0", "1")),
        Case("drop-downs", "chosen.csv", csv(homes({"运营状态": "2 停业"}, {"运营状态": "2停业"}, n=2)), rows=values("status", "2", "2")),
        Case("drop-downs", "code_alone.xlsx", xlsx(homes({"运营状态": "2"}, {"运营状态": "２"}, n=2)), rows=values("status", "2", "2")),
        Case("drop-downs", "meaning_alone.xlsx", xlsx(homes({"运营状态": "停业"}, n=1)), rows=values("status"), reasons={("status", "not_in_code_list")}),
        Case("drop-downs", "another_meaning.csv", csv(homes({"运营状态": "2 营业"}, n=1)), rows=values("status"), reasons={("status", "not_in_code_list")}),
        Case("another language", "korean.csv", english("euc_kr", *korean), refused="encoding_unclear"),
        Case("another language", "korean_extended.csv", english("cp949", "똠방각하 문화회관", *korean), refused="encoding_unclear"),
        Case("another language", "korean_declared.csv", english("euc_kr", *korean), layout={"read": {"encoding": "euc_kr"}}, rows=values(NAME, *korean)),
        Case("another language", "japanese_unix.csv", english("euc_jp", "東京都中央老人ホーム", "ひまわり荘さいたま", "日比谷公園図書館"), refused="encoding_unclear"),
        Case("another language", "russian_unix.csv", english("koi8-r", *cyrillic), rows=values(NAME, *cyrillic), note="encoding_guessed"),
        Case("another language", "hebrew.csv", english("cp1255", *hebrew), rows=values(NAME, *hebrew), note="encoding_guessed"),
        Case("another language", "thai.csv", english("cp874", *thai), rows=values(NAME, *thai), note="encoding_guessed"),
        Case("another language", "german_dos.csv", english("cp850", *german), rows=values(NAME, *german), note="encoding_guessed"),
        Case("another language", "wide.csv", csv(homes(n=30), encoding="utf-32"), rows=codes30),
        Case("another language", "traditional_as_gbk.csv", english("gb18030", *traditional), rows=values(NAME, *traditional)),
        Case("another language", "traditional_as_big5.csv", english("big5", *traditional), rows=values(NAME, *traditional)),
        Case("single-byte code pages", "traditional_as_gbk.csv", english("gb18030", "臺南市學甲區養護中心", "新營區長青園"), rows=values(NAME, "臺南市學甲區養護中心", "新營區長青園")),
        Case("single-byte code pages", "declared.csv", western(ascii_header, "cp1250"), layout={"read": {"encoding": "cp1250"}}, rows=values(NAME, "Domov pro seniory Příbram – Žďár", "Kouřim U Růže")),
        Case("decimal commas", "semicolon.csv", area("1,234", delimiter=";"), rows=values("floor_area_m2"), reasons=unclear),
        Case("decimal commas", "column.csv", area("1,234", "12,5"), rows=values("floor_area_m2"), reasons=unclear | comma),
        Case("decimal commas", "point.csv", area("1.234", "12,5"), rows=values("floor_area_m2"), reasons=unclear | comma),
        Case("decimal commas", "layout.csv", area("1,234", "1.234,5", "12,50"), layout=said, rows=values("floor_area_m2", 1.234, 1234.5, 12.5)),
        Case("decimal commas", "layout_semicolon.csv", area("1,5", delimiter=";"), layout=said, rows=values("floor_area_m2", 1.5)),
        Case("decimal commas", "both.csv", area("1.234,5"), rows=values("floor_area_m2"), reasons=comma),
        Case("decimal commas", "thousands.csv", area("1,234"), rows=values("floor_area_m2", 1234.0)),
    ]  # fmt: skip


def _records() -> list[Case]:
    def venue(n: int, **properties: Any) -> dict[str, Any]:
        own = {
            "场地编号": f"V{n}",
            "场地名称": f"场{n}",
            "场地类型代码": "11",
            "运营状态": "1",
            "区划代码": "990101001001",
            **properties,
        }
        return {"type": "Feature", "properties": own, "geometry": {"type": "Point", "coordinates": [120.1, 30.2]}}

    def features(*found: dict[str, Any], **more: Any) -> bytes:
        return json.dumps({"type": "FeatureCollection", "features": list(found), **more}).encode()

    def crs(name: str) -> dict[str, Any]:
        return {"crs": {"type": "name", "properties": {"name": name}}}

    point = {"longitude": [120.1], "latitude": [30.2]}
    half = [
        dict(zip(*homes(n=1), strict=True)),
        dict(zip(*homes({"机构编号": "A2", "机构名称": "院\ud83d"}, n=1), strict=True)),
    ]
    survey = {
        "melt": {"id": ["id"], "columns": r"^Q\d+(_\d+)?$", "variable": "question_id", "value": "answer"},
        "rename": {"id": "respondent_id"},
        "constants": {"wave": "W1"},
    }
    nulls = survey | {"cast": {"null_spellings": ["NA", "—", "不答"]}}
    answers = "evaluation.survey_responses"
    return [
        Case("GeoJSON with longitude properties", "upper.geojson", features(venue(1, LONGITUDE=120.1, LATITUDE=30.2)), VENUES, rows=point, note="columns_unknown"),
        Case("GeoJSON with longitude properties", "title.geojson", features(venue(1, Longitude="120-6-0", Latitude="30-12-0")), VENUES, rows=point, note="columns_unknown"),
        Case("GeoJSON with longitude properties", "chinese.geojson", features(venue(1, 经度=120.1, 纬度=30.2)), VENUES, rows=point, note="columns_unknown"),
        Case("GeoJSON with longitude properties", "short.geojson", features(venue(1, lng=120.1, lat=30.2)), VENUES, rows=point, note="columns_unknown"),
        Case("GeoJSON with longitude properties", "own.geojson", features(venue(1, longitude=120.1, latitude=30.2)), VENUES, rows=point, note="columns_unknown"),
        Case("GeoJSON with longitude properties", "no_geometry.geojson", features(venue(1, LONGITUDE=120.1, LATITUDE=30.2) | {"geometry": None}), VENUES, rows=point, note="columns_unknown"),
        Case("GeoJSON with longitude properties", "empty.geojson", features(venue(1, longitude=None, latitude="")), VENUES, rows=point, note="columns_unknown"),
        Case("GeoJSON in another system", "version.geojson", features(venue(1), **crs("urn:ogc:def:crs:EPSG:6.9:4326")), VENUES, rows=point, note="columns_unknown"),
        Case("GeoJSON in another system", "mercator.geojson", features(venue(1), **crs("urn:ogc:def:crs:EPSG::3857")), VENUES, refused="crs_not_wgs84"),
        Case("GeoJSON in another system", "taiwan.geojson", features(venue(1), **crs("EPSG:3826")), VENUES, refused="crs_not_wgs84"),
        Case("GeoJSON in another system", "code.geojson", features(venue(1), crs={"type": "EPSG", "properties": {"code": 3857}}), VENUES, refused="crs_not_wgs84"),
        Case("GeoJSON in another system", "crs84.geojson", features(venue(1), **crs("urn:ogc:def:crs:OGC:1.3:CRS84")), VENUES, rows=point, note="columns_unknown"),
        Case("GeoJSON in another system", "wgs84.geojson", features(venue(1), **crs("EPSG:4326")), VENUES, rows=point, note="columns_unknown"),
        Case("half a character", "half.json", json.dumps(half).encode(), rows=values(CODE, "A001"), reasons={(None, "undecodable")}),
        Case("half a character", "half.ndjson", "\n".join(map(json.dumps, half)).encode(), rows=values(CODE, "A001"), reasons={(None, "undecodable")}),
        Case("half a character", "whole.json", json.dumps([half[0] | {"机构名称": "院😀"}]).encode(), rows=values(NAME, "院😀")),
        Case("half a character", "key.json", json.dumps([half[0] | {"备注\ud83d": "x"}]).encode(), rows=values(CODE, "A001"), note="columns_unknown"),
        Case("question codes that stand twice", "twice.csv", csv([["id", "Q1", "Q1", "Q2"], [1, 5, 1, 3]]), answers, survey, refused="header_repeated"),
        Case("question codes that stand twice", "twice_with_2.csv", csv([["id", "Q1", "Q1_2", "Q1"], [1, 5, 1, 3]]), answers, survey, refused="header_repeated"),
        Case("question codes that stand twice", "twice.xlsx", xlsx([["id", "Q1", "Q1", "Q2"], ["1", "5", "1", "3"]]), answers, survey, refused="header_repeated"),
        Case("question codes that stand twice", "three_times.csv", csv([["id", "Q1", "Q1", "Q1"], [1, 5, 1, 3]]), answers, survey, refused="header_repeated"),
        Case("question codes that stand twice", "once.csv", csv([["id", "Q1", "Q1_2", "Q2"], [1, 5, 1, 3]]), answers, survey, rows=values("question_id", "Q1", "Q1_2", "Q2")),
        Case("null spellings in melted tables", "na.csv", csv([["id", "Q1", "Q2"], [1, 4, "NA"], [2, "—", 3]]), answers, nulls, rows=values("answer", "4", "3")),
        Case("null spellings in melted tables", "error.csv", csv([["id", "Q1", "Q2"], [1, "#N/A", 5]]), answers, nulls, rows=values("answer", "5"), reasons={("answer", "error_value")}),
        Case("null spellings in melted tables", "own.csv", csv([["id", "Q1", "Q2"], [1, "不答", 5]]), answers, nulls, rows=values("answer", "5")),
        Case("null spellings in melted tables", "usual.csv", csv([["id", "Q1", "Q2"], [1, "N/A", 5]]), answers, survey, rows=values("answer", "5")),
        Case("null spellings in melted tables", "na.xlsx", xlsx([["id", "Q1", "Q2"], ["1", Formula("=NA()", "#N/A"), "5"]]), answers, survey, rows=values("answer", "5")),
        Case("null spellings in melted tables", "spaces.csv", csv([["id", "Q1", "Q2"], [1, " NA ", 5]]), answers, nulls, rows=values("answer", "5")),
        Case("bytes decide", "an_xlsx.xls", xlsx(homes()), rows=values(CODE, "A001", "A002", "A003")),
        Case("bytes decide", "an_xls.xlsx", xls(homes()), rows=values(CODE, "A001", "A002", "A003")),
        Case("bytes decide", "an_ods.xlsx", ods(homes()), rows=values(CODE, "A001", "A002", "A003")),
        Case("bytes decide", "an_xlsx.csv", xlsx(homes()), rows=values(CODE, "A001", "A002", "A003")),
        Case("bytes decide", "an_ods.xls", ods(homes()), rows=values(CODE, "A001", "A002", "A003")),
        Case("registers without rows", "header.csv", csv(homes(n=0)), refused="no_rows"),
        Case("registers without rows", "header.xlsx", xlsx(homes(n=0)), refused="no_rows"),
        Case("registers without rows", "header.xls", xls(homes(n=0)), refused="no_rows"),
        Case("registers without rows", "header.ods", ods(homes(n=0)), refused="no_rows"),
        Case("registers without rows", "blank.csv", csv([*homes(n=0), [None] * 8]), refused="no_rows"),
        Case("columns under another name", "renamed.csv", csv([["护理床" if h == "护理型床位数" else h for h in HEADER], homes(n=1)[1]]), rows=values(BEDS, None), note="columns_unknown"),
        Case("columns under another name", "renamed.xlsx", xlsx([["楼面" if h == "建筑面积" else h for h in HEADER], homes(n=1)[1]]), rows=values("floor_area_m2", None), note="columns_unknown"),
        Case("columns under another name", "layout.csv", csv(homes(n=1)), layout={"rename": {"护工床": "day_care_beds"}}, rows=values(BEDS, 50), note="renamed_column_missing"),
        Case("columns under another name", "other_name.csv", csv(homes(n=1)), layout={"rename": {"床位": "total_beds"}}, rows=values(BEDS, 50)),
    ]  # fmt: skip


MAKERS: tuple[Callable[[], list[Case]], ...] = (
    _errors, _sheets, _hidden, _beside_rows, _pages, _headers, _codes, _units, _dates, _rows, _texts, _records,
)  # fmt: skip
CASES = [case for maker in MAKERS for case in maker()]


# ── the door ────────────────────────────────────────────────────────────────────────────────────


def layout_of(feed: Feed, said: dict[str, Any] | None) -> Layout | None:
    if said is None:
        return None
    return Layout(**{"feed": feed.id, "sender": "t", "version": "1", "description": {"zh": "测", "en": "t"}} | said)


def night(tmp_path: Path, path: Path, feed: Feed, layout: Layout | None) -> tuple[Outcome, Path, Path]:
    """The door as the night opens it: the archive's name says nothing of the format."""
    archived = tmp_path / f"archived-{path.stem}.bin"
    archived.write_bytes(path.read_bytes())
    accepted, quarantine = tmp_path / "a.parquet", tmp_path / "q.parquet"
    sender = layout.sender if layout else ""
    delivery = Delivery(archived, path.name, feed, sender, "r", datetime(2026, 3, 2, 12), layout)
    return pass_file(delivery, key=KEY, accepted=accepted, quarantine=quarantine), accepted, quarantine


def desk(path: Path, feed: Feed, layout: Layout | None) -> Checked | Unreadable:
    try:
        return check_file(path, feed, layout)
    except Unreadable as refused:
        return refused


def agree(checked: Checked | Unreadable, outcome: Outcome, quarantine: Path) -> None:
    """The check says what the night says: verdict, counts, the note, and every reason of every row."""
    if isinstance(checked, Unreadable):
        assert (outcome.verdict, outcome.reason_code) == ("refused", checked.code)
        return
    told = checked.outcome
    names = ("verdict", "reason_code", "rows_received", "rows_accepted", "rows_quarantined", "rows_warned", "reasons")
    assert {n: getattr(told, n) for n in names} == {n: getattr(outcome, n) for n in names}
    reasons = pl.read_parquet(quarantine).select(checked.reasons.columns).sort("_row", maintain_order=True)
    assert reasons.equals(checked.reasons)
    assert told.rows_received == told.rows_accepted + told.rows_quarantined


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.name}")
def test_a_cell_is_what_its_sender_saw_or_a_reason(case: Case, tmp_path: Path) -> None:
    feed = FEEDS[case.feed]
    path = tmp_path / case.name
    path.write_bytes(case.content)
    layout = layout_of(feed, case.layout)
    outcome, accepted, quarantine = night(tmp_path, path, feed, layout)
    assert outcome.rows_received == outcome.rows_accepted + outcome.rows_quarantined
    if case.refused:
        assert (outcome.verdict, outcome.reason_code) == ("refused", case.refused), outcome.message_en
        assert outcome.message_zh
        assert outcome.message_en
    else:
        assert outcome.verdict in ("accepted", "held"), outcome.message_en
        reasons = pl.read_parquet(quarantine).filter(pl.col("rule") != "unknown_reference")
        assert set(reasons.select("field", "rule").rows()) == case.reasons, reasons["message_en"].to_list()
        assert all(reasons["message_zh"])
        assert all(reasons["message_en"])
        for column, wanted in (case.rows or {}).items():
            assert pl.read_parquet(accepted)[column].to_list() == wanted
        if case.note:
            assert outcome.reason_code == case.note
        elif case.layout is None and outcome.verdict == "accepted":
            assert outcome.reason_code in (None, "columns_unknown")
    agree(desk(path, feed, layout), outcome, quarantine)


def test_every_kind_is_tried_with_five_files_at_least() -> None:
    kinds = [case.kind for case in CASES]
    few = {kind: kinds.count(kind) for kind in set(kinds) if kinds.count(kind) < 3}
    assert not few
    assert len(CASES) > 200


def test_rows_of_a_later_sheet_are_named_with_their_sheet(tmp_path: Path) -> None:
    path = tmp_path / "districts.xlsx"
    wrong = homes({}, {"总床位数": "很多"}, n=2)
    path.write_bytes(xlsx(homes(n=1), [wrong[0], ["B1", *wrong[1][1:]], wrong[2]], names=["甲区", "乙区"]))
    checked = check_file(path, FEEDS[CARE])
    assert [checked.opened.table.found.place(row) for row in checked.reasons["_row"]] == ["乙区!3"]


def test_the_unused_columns_are_named_to_the_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from contracts.__main__ import main

    extra = [f"附加{i}" for i in range(40)]
    path = tmp_path / "wide.csv"
    path.write_bytes(csv([[*HEADER, *extra], [*homes(n=1)[1], *range(40)]]))
    assert main(["check", str(path), "--feed", CARE]) == 0
    shown = capsys.readouterr().out.replace("\n", "")
    assert all(name in shown for name in extra)


def test_questions_the_layout_does_not_take_are_named(tmp_path: Path) -> None:
    case = next(c for c in CASES if c.name == "once.csv")
    path = tmp_path / "survey.csv"
    path.write_bytes(csv([["id", "Q1", "Q3.1", "备注"], [1, 5, 2, "x"]]))
    feed = FEEDS[case.feed]
    assert check_file(path, feed, layout_of(feed, case.layout)).unused == ["Q3.1", "备注"]


def test_a_row_number_beyond_any_sheet_is_refused_and_not_laid_out(tmp_path: Path) -> None:
    import zipfile

    source = io.BytesIO(xlsx(homes(n=1)))
    path = tmp_path / "far.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                content = content.replace(b'<row r="2"', b'<row r="99999999"').replace(b'="A2"', b'="A99999999"')
            new.writestr(name, content)
    refused = desk(path, FEEDS[CARE], None)
    assert isinstance(refused, Unreadable)
    assert refused.code == "too_many_cells_in_sheet"


# ── files others wrote ──────────────────────────────────────────────────────────────────────────

# File → feed (sender) → what it must come to: accepted rows and the values of a column, or a refusal's code.
GIVEN: dict[str, tuple[str, Any]] = {
    "door_cases/error_below_blank_row.xlsx": (CARE, {BEDS: [50, None, 52]}),
    "door_cases/several_sheets.xlsx": (CARE, {CODE: ["A001", "A002", "A003", "B001", "B002", "B003", "B004"]}),
    "door_cases/known_group_over_two_columns.xlsx": (CARE, "header_spans_columns"),
    "door_cases/unit_in_a_line_above.xlsx": (CARE, "unit_stated_above"),
    "door_cases/long_code_as_number.xlsx": (CONTACTS, {"case_no": []}),
    "door_cases/month_as_decimal_number.xlsx": (CARE, {"month": [date(2025, 11, 1), date(2025, 12, 1)]}),
    "door_cases/formula_never_calculated.xlsx": (CARE, {CODE: []}),
    "door_cases/merged_down.xlsx": (CARE, {"division_code": ["990101001001"] * 3}),
    "door_cases/geojson_with_LONGITUDE.geojson": (VENUES, 2),
    "door_cases/xlsx_named_xls.xls": (CARE, 3),
    "door_cases/utf8_rows_in_gbk.csv": (CARE, 30),
    "door_cases/excel_protected_text.csv": (CARE, {CODE: ["001", "002", "003"]}),
    "door_cases/month_with_fen.xlsx": (CARE, {"month": [JAN] * 3}),
    "door_cases/contact_before_any_policy.csv": (CONTACTS, 1),
    "bug_cases/xlsx-long-number-codes/reviews_17_digit_integers.xlsx": (f"{REVIEWS}:shifan", 0),
    "bug_cases/xlsx-long-number-codes/reviews_excel_15_digits.xlsx": (f"{REVIEWS}:shifan", 0),
    "bug_cases/survey-question-code-twice/limesurvey_two_q1.csv": ("evaluation.survey_responses:limesurvey", "header_repeated"),
    "bug_cases/survey-question-code-twice/qualtrics_two_q1.csv": ("evaluation.survey_responses:qualtrics", "header_repeated"),
    "bug_cases/markup-in-names/institutions_markup.csv": ("health.institutions", 5),
    "bug_cases/header-of-three-rows/institutions_three_rows.xlsx": ("health.institutions", {"division_code": ["990101001001"] * 3}),
    "bug_cases/unit-in-number-format/beds_shown_in_wan.xlsx": ("health.institutions", {"beds": [120]}),
    "bug_cases/register-without-rows/institutions_header_only.csv": ("health.institutions", "no_rows"),
    "hostile_cases/lone_surrogate.json": (CONTACTS, 4),
    "hostile_cases/good_contacts.csv": (CONTACTS, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_files_of_others_come_to_what_their_readme_says(name: str, shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / name
    if not path.is_file():
        pytest.skip(f"{name} is not there")
    (feed_id, _, sender), wanted = GIVEN[name][0].partition(":"), GIVEN[name][1]
    feed = FEEDS[feed_id]
    layout = load_layout(feed.path.parent / f"{feed.table}.{sender}.yaml", feed) if sender else None
    outcome, accepted, quarantine = night(tmp_path, path, feed, layout)
    if isinstance(wanted, str):
        assert (outcome.verdict, outcome.reason_code) == ("refused", wanted)
    elif isinstance(wanted, int):
        assert outcome.rows_accepted == wanted
    else:
        rows = pl.read_parquet(accepted)
        assert {name: rows[name].to_list() for name in wanted} == wanted
    agree(desk(path, feed, layout), outcome, quarantine)


@pytest.mark.parametrize("path", sorted(Path("tests/data").glob("*.*")), ids=lambda path: path.name)
def test_check_and_night_agree_on_every_odd_file(path: Path, tmp_path: Path) -> None:
    if path.suffix in (".py", ".yaml"):
        pytest.skip("no file a department sends")
    feed = FEEDS["health.institutions"]
    outcome, _, quarantine = night(tmp_path, path, feed, None)
    agree(desk(path, feed, None), outcome, quarantine)
