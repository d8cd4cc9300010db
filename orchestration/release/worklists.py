"""`review_worklist` → one workbook a department: what it has to do about its bad reviews, most urgent first.

Belongs here: which rows and columns a department's workbook holds and how it is laid out. Does not belong here: what is
open and when it is due (dbt, review_worklist), and putting the files where departments find them (release).

The workbook names the case, which the published table does not: by its number the department finds it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from contracts.desk.workbooks import GREY, RED, YELLOW, workbook, write_text
from contracts.loading import code_list, named
from contracts.model import FieldSpec, Product
from orchestration.release.telling_apart import told_apart

FOLDER = "worklists"
TABLE = "review_worklist"
# Columns of the model that the product does not list, and how the department knows them.
OWN_COLUMNS: Mapping[str, str] = {
    "case_no": "办件编号 Case number", "contact_no": "服务次数 Contact", "review_no": "评价次数 Review",
}  # fmt: skip
# Ids for joining; a person at a window reads the names beside them.
LEFT_OUT = ("department_code", "department_name", "service_item_code", "division_code")
# Code, its name as printed, and what is printed beside it that tells units of one name apart.
NAMED = (
    ("division_code", "division_name", ""), ("facility_id", "facility_name", "division_name"),
    ("service_item_code", "service_item_name", ""),
)  # fmt: skip
# What is printed, in this order and this wide (letters); the rest stands to the right of it, for filters and joins.
PRINTED: Mapping[str, int] = {
    "bucket": 12, "next_step": 24, "due_on": 11, "case_no": 22, "contact_no": 7, "working_days_left": 9, "service_item_name": 20,
    "division_name": 26, "facility_name": 20, "window_no": 7, "level": 8, "tags": 32, "reviewed_on": 11, "state": 13, "finding": 12, "appeal": 12,
}  # fmt: skip
WIDTH = 18
COLOURS: Mapping[str, str] = {"overdue": RED, "due_today": YELLOW}
NOTE = (
    "本清单按发布日计算，只含本部门未办结的差评；红色已逾期，黄色今天到期。",
    "Counted from the day of the release; open cases of this department only. Red: overdue, yellow: due today.",
)


def write_worklists(
    con: duckdb.DuckDBPyConnection, relation: str, product: Product, folder: Path, day: date, note: str = ""
) -> list[Path]:
    """Writes `<department>.xlsx` for every department with an open case.

    Args:
        con: sees `relation`, the model review_worklist with the columns of `product` and OWN_COLUMNS.
        day: the day of the release; every "overdue" was counted from it.
        note: said above the rows, such as that the data are fictional.

    Raises:
        OSError: a workbook cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = [*OWN_COLUMNS, *(f.name for f in product.fields)]
    selected = ", ".join(f'"{c}"' for c in columns)
    cursor = con.execute(f"select {selected} from {relation}")
    by_department: dict[str, list[dict[str, Any]]] = {}
    for values in cursor.fetchall():
        row = dict(zip(columns, values, strict=True))
        by_department.setdefault(row["department_code"], []).append(row)
    written = []
    called = told_apart({code: rows[0]["department_name"] or code for code, rows in by_department.items()})
    for department, rows in sorted(by_department.items()):
        path = folder / f"{department}.xlsx"
        title = f"{called[department]} · {product.label_zh} {product.label_en} · {day}"
        _write(path, product, _apart(_most_urgent_first(product, rows)), title, note)
        written.append(path)
    return written


def _most_urgent_first(product: Product, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    order = {bucket: place for place, bucket in enumerate(product.by_name["bucket"].enum)}
    return sorted(
        rows, key=lambda r: (order[r["bucket"]], r["due_on"] or date.max, r["reviewed_on"], r["review_id"])
    )  # fmt: skip


def _apart(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with names that are of one unit each: their codes stand to the right, or nowhere."""
    for code, name, beside in NAMED:
        known = {r[code]: r for r in rows if r.get(code) and r.get(name)}
        called = told_apart({c: r[name] for c, r in known.items()}, {c: r.get(beside) for c, r in known.items()})
        rows = [{**r, name: called[r[code]]} if r.get(code) in called and r.get(name) else r for r in rows]
    return rows


def _write(path: Path, product: Product, rows: Sequence[Mapping[str, Any]], title: str, note: str) -> None:
    fields = {f.name: f for f in product.fields if f.name not in LEFT_OUT}
    labels = {name: f"{f.label_zh} {f.label_en}" for name, f in fields.items()} | dict(OWN_COLUMNS)
    names = [*(name for name in PRINTED if name in labels), *(name for name in labels if name not in PRINTED)]
    with workbook(path) as book:
        sheet = book.add_worksheet("差评待办 Worklist")
        plain = book.add_format({"num_format": "@"})
        wrapped = {"num_format": "@", "text_wrap": True, "valign": "top"}
        text, head = book.add_format(wrapped), book.add_format({**wrapped, "bold": True, "bg_color": GREY})
        colours = {b: book.add_format({**wrapped, "bg_color": c}) for b, c in COLOURS.items()}
        for line, sentence in enumerate((title, _counted(product, rows), *NOTE, note)):
            sheet.write_string(line, 0, sentence, plain)
        top = 5
        for column, name in enumerate(names):
            sheet.write_string(top, column, labels[name], head)
            sheet.set_column(column, column, PRINTED.get(name, WIDTH))
        for line, row in enumerate(rows, top + 1):
            for column, name in enumerate(names):
                write_text(sheet, line, column, said(row[name], fields.get(name)), colours.get(row["bucket"], text))
        sheet.freeze_panes(top + 1, 3)
        sheet.autofilter(top, 0, top + len(rows), len(names) - 1)
        # On paper: landscape A4, as wide as the page, the headings on every page.
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.5)
        sheet.print_area(0, 0, top + len(rows), sum(name in PRINTED for name in names) - 1)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(top)
        sheet.set_footer("&C&P / &N")


def _counted(product: Product, rows: Sequence[Mapping[str, Any]]) -> str:
    """How many cases of each bucket, in the contract's order and words."""
    counts = {b: sum(r["bucket"] == b for r in rows) for b in product.by_name["bucket"].enum}
    return "；".join(f"{product.by_name['bucket'].enum[b]} {n}" for b, n in counts.items() if n)


def said(value: Any, f: FieldSpec | None = None) -> str:
    """A value as the department reads it: codes in words, dates as 2026-03-02, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    if f and f.name == "tags":
        names = code_list("review_tags")
        return "；".join(f"{code} {names.get(code, '')}".strip() for code in str(value).split(","))
    return named(f, value) if f else str(value)
