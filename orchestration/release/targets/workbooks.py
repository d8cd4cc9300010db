"""`department_scorecard` → one workbook a department, for offices that open no database.

Three sheets: the newest months of the department's widest division side by side, every row of the department's table,
and what each figure means. All of it is the published table, withheld cells as they are there.
Does not belong here: what a department has to do (worklists.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from contracts.desk.workbooks import GREY, workbook
from contracts.loading import named, names_of
from contracts.model import FieldSpec, Product
from orchestration.release.telling_apart import told_apart

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

FOLDER, TABLE = "scorecards", "department_scorecard"
MONTHS = 12
# Said once above the figures, not a line of each month.
NAMES = ("month", "department_code", "department_name", "division_code", "division_name", "level")
FORMATS: Mapping[str, str] = {
    "integer": "#,##0",
    "number": "#,##0.0",
    "date": "yyyy-mm-dd",
    "timestamp": "yyyy-mm-dd hh:mm:ss",
}
SHARE = "0.0 %"
# A number of no unit, or a factor: 1.03 is not 1.0.
FACTOR = "#,##0.00"


def write(database: Path, product: Product, folder: Path, release_id: str, note: str = "") -> list[Path]:
    """Writes `<department>.xlsx` for every department of the table.

    Raises:
        OSError: a workbook cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = [f.name for f in product.fields]
    selected = ", ".join(f'"{c}"' for c in columns)
    with duckdb.connect(str(database), read_only=True) as con:
        if not con.execute("select 1 from duckdb_tables() where table_name = ?", [TABLE]).fetchone():
            return []
        found = con.execute(f"select {selected} from {TABLE} order by month desc, division_code").fetchall()
    by_department: dict[str, list[dict[str, Any]]] = {}
    for values in found:
        row = dict(zip(columns, values, strict=True))
        row["missing_parts"] = _parts_in_words(row["missing_parts"], product)
        by_department.setdefault(row["department_code"], []).append(row)
    written = []
    called = told_apart({code: rows[0]["department_name"] or code for code, rows in by_department.items()})
    for code, rows in sorted(by_department.items()):
        path = folder / f"{code}.xlsx"
        _write(path, product, rows, f"{called[code]} · {product.label_zh} {product.label_en} · {release_id}", note)
        written.append(path)
    return written


def _write(path: Path, product: Product, rows: Sequence[Mapping[str, Any]], title: str, note: str) -> None:
    with workbook(path) as book:
        styles = {
            "text": book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"}),
            "title": book.add_format({"num_format": "@", "bold": True, "font_size": 14}),
            "plain": book.add_format({"num_format": "@"}),
            "head": book.add_format(
                {"num_format": "@", "bold": True, "bg_color": GREY, "text_wrap": True, "valign": "top"}
            ),
            "share": book.add_format({"num_format": SHARE}),
            "factor": book.add_format({"num_format": FACTOR}),
            **{kind: book.add_format({"num_format": form}) for kind, form in FORMATS.items()},
        }
        overview = book.add_worksheet("近月 Months")
        _side_by_side(overview, product, _widest(rows), title, note, styles)
        _all_rows(book.add_worksheet("全部 Rows"), product, rows, styles)
        _meanings(book.add_worksheet("说明 Notes"), product, styles)


def _parts_in_words(codes: str | None, product: Product) -> str | None:
    """`survey,loop` as the lines of the workbook that are empty."""
    if codes is None:
        return None
    lines = ((code, product.by_name.get(f"{code}_part")) for code in codes.split(","))
    return "；".join(f"{line.label_zh} {line.label_en}" if line else code for code, line in lines)


def _widest(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The newest months of the division that has the most contacts: the city, where the department works in all of it."""
    contacts: dict[str, int] = {}
    for row in rows:
        contacts[row["division_code"]] = contacts.get(row["division_code"], 0) + int(row["contacts"] or 0)
    widest = max(sorted(contacts), key=lambda code: contacts[code])
    return [row for row in rows if row["division_code"] == widest][:MONTHS]


def _side_by_side(
    sheet: Worksheet,
    product: Product,
    rows: Sequence[Mapping[str, Any]],
    title: str,
    note: str,
    styles: Mapping[str, Any],
) -> None:
    sheet.write_string(0, 0, title, styles["title"])
    where = rows[0]["division_name"] or rows[0]["division_code"]
    for line, sentence in enumerate(
        (
            str(where),
            "空格：没有数或不公布，原因见“…原因”行。 Empty: none, or withheld; the line of its reason says why.",
            note,
        ),
        1,
    ):
        sheet.write_string(line, 0, sentence, styles["plain"])
    top = 5
    sheet.write_string(top, 0, "指标 Figure", styles["head"])
    for column, row in enumerate(rows, 1):
        sheet.write_string(top, column, f"{row['month']:%Y-%m}", styles["head"])
    for line, f in enumerate([f for f in product.fields if f.name not in NAMES], top + 1):
        sheet.write_string(line, 0, labelled(f), styles["text"])
        for column, row in enumerate(rows, 1):
            _write_value(sheet, line, column, row[f.name], f, styles)
    sheet.set_column(0, 0, 46)
    sheet.set_column(1, len(rows), 13)
    sheet.freeze_panes(top + 1, 1)
    _for_print(sheet, top)


def _all_rows(sheet: Worksheet, product: Product, rows: Sequence[Mapping[str, Any]], styles: Mapping[str, Any]) -> None:
    # The workbook is one department's, and named by it.
    fields = [f for f in product.fields if f.name not in ("department_code", "department_name")]
    for column, f in enumerate(fields):
        sheet.write_string(0, column, labelled(f), styles["head"])
        for line, row in enumerate(rows, 1):
            _write_value(sheet, line, column, row[f.name], f, styles)
    sheet.set_column(0, len(fields) - 1, 16)
    sheet.freeze_panes(1, 3)
    sheet.autofilter(0, 0, len(rows), len(fields) - 1)
    _for_print(sheet, 0)
    # Ninety columns on one page could not be read: month and division come again on every page across.
    sheet.set_print_scale(70)
    sheet.repeat_columns(0, 2)


def _meanings(sheet: Worksheet, product: Product, styles: Mapping[str, Any]) -> None:
    for column, label in enumerate(
        ("名称", "Name", "单位 Unit", "含义与算法 Meaning and formula", "取值 Values", "列 Column")
    ):
        sheet.write_string(0, column, label, styles["head"])
    for line, f in enumerate(product.fields, 1):
        values = "；".join(f"{code} {label}" for code, label in names_of(f).items())
        for column, text in enumerate((f.label_zh, f.label_en, f.unit or "", f.explanation, values, f.name)):
            sheet.write_string(line, column, text, styles["text"])
    sheet.set_column(0, 2, 24)
    sheet.set_column(3, 4, 60)
    sheet.set_column(5, 5, 28)
    sheet.freeze_panes(1, 0)
    _for_print(sheet, 0)


def labelled(f: FieldSpec) -> str:
    unit = f"（{f.unit}）" if f.unit and not _is_share(f) else ""
    return f"{f.label_zh} {f.label_en}{unit}"


def _is_share(f: FieldSpec) -> bool:
    return f.kind == "number" and (f.unit or "").startswith("比例")


def _write_value(sheet: Worksheet, line: int, column: int, value: Any, f: FieldSpec, styles: Mapping[str, Any]) -> None:
    """A figure as a number, a code in its words, nothing for null."""
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_string(line, column, "是 yes" if value else "否 no", styles["plain"])
    elif isinstance(value, (int, float)):
        is_factor = f.kind == "number" and (not f.unit or f.unit.startswith("倍"))
        sheet.write_number(line, column, value, styles["share" if _is_share(f) else "factor" if is_factor else f.kind])
    elif isinstance(value, (date, datetime)):
        sheet.write_datetime(line, column, value, styles[f.kind])
    else:
        sheet.write_string(line, column, named(f, value), styles["plain"])


def _for_print(sheet: Worksheet, heading: int) -> None:
    """Landscape, as wide as the page, the heading on every page."""
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(heading)
