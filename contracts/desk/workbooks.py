"""The two workbooks a department gets: its own rows with what is wrong in them, and an empty form to fill in.

Belongs here: laying out worksheets. Does not belong here: deciding what is wrong (rows.py) or saying it
(messages.py). Everything that comes from a file is written as text into cells formatted as text, so that a value
beginning with = + - @ is no formula, now or after an edit in Excel.

The report shows the sender's own values, personal ones too: it is made beside the sender's file and stays there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from contracts.loading import chosen, code_list
from contracts.model import Feed, FieldSpec, Layout
from contracts.reading import Found
from contracts.reading.table import ROW

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

RED, YELLOW, GREY = "#F8B4B4", "#FFE699", "#E7E6E6"
ROW_HEADER, ZH_HEADER, EN_HEADER = "行号 Row", "原因", "Reasons"
# Above this many rows the report holds only those with something to say: nobody scrolls further.
ALL_ROWS_UP_TO = 100_000
SHEET_ROWS = 1_048_576
CELLS_IN_MEMORY = 500_000  # about 100 MB; up to there a workbook kept whole is written in two thirds of the time
FORM_ROWS = 10_000  # rows of the empty form that have drop-downs
LONGEST_LIST = 255  # characters Excel takes for a list written into the drop-down itself

KIND_LABELS: Mapping[str, str] = {
    "string": "文本 text",
    "integer": "整数 whole number",
    "number": "数字 number",
    "boolean": "是/否 yes or no",
    "date": "日期 date, 2024-03-05",
    "timestamp": "时间 time, 2024-03-05 08:30:00",
}
CLASSIFICATION_LABELS: Mapping[str, str] = {
    "public": "原样保存 · kept",
    "internal": "原样保存，不公开 · kept, not published",
    "identifier": "入库前加密为不可逆代码 · becomes a keyed hash at the door",
    "name": "入库前只留姓 · only the first character is kept",
    "birth_date": "入库前转为年龄段 · becomes an age band at the door",
    "birth_month": "入库前只留出生年月，按政策期限删除，不公开 · only year and month are kept, as long as policy needs them; never published",
    "free_text": "入库前删去证件号、电话、卡号、邮箱 · identity, phone and card numbers and e-mail are taken out at the door",
    "secret": "入库前删除，不保存 · dropped at the door, not stored",
}
OWN_FILE = (
    "本报告含有原文件的内容（可能包括个人信息），请与原文件同等保管，不要转发。",
    "This report holds the content of your own file, personal values included: keep it as you keep the file, do not pass it on.",
)


@dataclass(frozen=True)
class Totals:
    """How many rows of one file were received, and what became of them; a warned row is an accepted one."""

    file: str
    received: int
    accepted: int
    rejected: int
    warned: int


@dataclass
class _Row:
    """What is to be said about one row of the sender's file."""

    cells: dict[str, str]  # the sender's header → the worse severity
    whole: str | None  # severity of a reason that belongs to no column of the file
    zh: list[str]
    en: list[str]


def write_report(
    path: Path,
    *,
    feed: Feed,
    layout: Layout | None,
    found: Found,
    rows: Iterable[pl.DataFrame],
    reasons: pl.DataFrame,
    summary: Totals,
) -> None:
    """Writes the sender's own rows with failing cells coloured (red: refused, yellow: warned) and a summary sheet.

    Args:
        rows: batches as `Table.batches` gives them: a String column per header of `found`, and `_row`.
        reasons: one row per reason, columns of `contracts.door.rows.REASON_SCHEMA`.
    """
    said = _by_row(reasons, found.headers)
    # A wide file made long counts many rows for one of the sender's.
    everything = summary.received <= ALL_ROWS_UP_TO or bool(layout and layout.melt)
    is_large = summary.received * len(found.headers) > CELLS_IN_MEMORY
    with workbook(path, constant_memory=is_large) as book:
        sheet = book.add_worksheet("检查结果 Rows")
        left_out = _write_rows(book, sheet, found.headers, rows, said, found.place, everything=everything)
        _write_summary(book, feed=feed, layout=layout, found=found, reasons=reasons, totals=summary, left_out=left_out)


def write_template(path: Path, feed: Feed) -> None:
    """Writes an empty form for a feed: headers (bold: required), drop-downs for code lists, a sheet of notes.

    Dates and codes are columns of text: Excel neither turns 2024-03-05 into a serial nor drops a leading zero.
    Fields the door sets itself are not on it.
    """
    fields = [f for f in feed.fields if f.scheme is None]
    with workbook(path) as book:
        form, notes = book.add_worksheet(_sheet_name(feed.label_zh)), book.add_worksheet("说明 Notes")
        codes = book.add_worksheet("代码 Codes")
        plain = book.add_format({"bg_color": GREY, "num_format": "@", "border": 1})
        bold = book.add_format({"bg_color": GREY, "num_format": "@", "border": 1, "bold": True})
        text = book.add_format({"num_format": "@"})
        for column, f in enumerate(fields):
            width = min(40, max(12, 2 * len(f.header) + 2))
            form.set_column(column, column, width, None if f.kind in ("integer", "number") else text)
            form.write_string(0, column, f.header, bold if f.required else plain)
            if allowed := _allowed(f):
                _write_codes(codes, column, f, allowed)
                if "separator" not in f.custom:  # a drop-down fills in one code, never several
                    _add_drop_down(form, codes, column, f, allowed)
        form.freeze_panes(1, 0)
        codes.hide()
        _write_notes(book, notes, feed, fields)


# ── the report ──────────────────────────────────────────────────────────────────────────────────


def _by_row(reasons: pl.DataFrame, headers: Sequence[str]) -> dict[int, _Row]:
    said: dict[int, _Row] = {}
    own = set(headers)
    columns = ("_row", "header", "severity", "message_zh", "message_en")
    for number, header, severity, zh, en in reasons.select(columns).iter_rows():
        row = said.setdefault(number, _Row({}, None, [], []))
        if header in own:
            row.cells[header] = _worse(row.cells.get(header), severity)
        else:
            row.whole = _worse(row.whole, severity)
        for sentences, sentence in ((row.zh, zh), (row.en, en)):
            if sentence and sentence not in sentences:
                sentences.append(sentence)
    return said


def _worse(one: str | None, other: str) -> str:
    return "error" if "error" in (one, other) else other


def _write_rows(
    book: Workbook,
    sheet: Worksheet,
    headers: Sequence[str],
    rows: Iterable[pl.DataFrame],
    said: Mapping[int, _Row],
    place: Callable[[int], str],
    *,
    everything: bool,
) -> int:
    """Writes the rows under the sender's headers; returns how many were left out."""
    text = book.add_format({"num_format": "@"})
    wrapped = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    colours = {s: book.add_format({"num_format": "@", "bg_color": c}) for s, c in (("error", RED), ("warning", YELLOW))}
    head = book.add_format({"num_format": "@", "bold": True, "bg_color": GREY})
    width = len(headers)
    sheet.set_column(0, max(width - 1, 0), 16)
    sheet.set_column(width, width, 8)
    sheet.set_column(width + 1, width + 2, 60)
    for column, header in enumerate([*headers, ROW_HEADER, ZH_HEADER, EN_HEADER]):
        sheet.write_string(0, column, header, head)
    line, left_out = 0, 0
    for batch in rows:
        for number, *values in batch.select(ROW, *headers).iter_rows():
            row = said.get(number)
            if (row is None and not everything) or line + 1 >= SHEET_ROWS:
                left_out += 1
                continue
            line += 1
            cells = row.cells if row else {}
            for column, (header, value) in enumerate(zip(headers, values, strict=True)):
                colour = colours.get(cells.get(header, ""))
                if value or colour:
                    write_text(sheet, line, column, value or "", colour or text)
            write_text(sheet, line, width, place(number), (colours.get(row.whole or "") if row else None) or text)
            if row:
                write_text(sheet, line, width + 1, "\n".join(row.zh), wrapped)
                write_text(sheet, line, width + 2, "\n".join(row.en), wrapped)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(line, 1), width + 2)
    return left_out


def write_text(sheet: Worksheet, row: int, column: int, value: str, style: Format) -> None:
    """An empty text with a colour still needs its cell: that a value is missing is what is wrong."""
    if value:
        sheet.write_string(row, column, value, style)
    else:
        sheet.write_blank(row, column, None, style)


def _write_summary(
    book: Workbook,
    *,
    feed: Feed,
    layout: Layout | None,
    found: Found,
    reasons: pl.DataFrame,
    totals: Totals,
    left_out: int,
) -> None:
    sheet = book.add_worksheet("汇总 Summary")
    text = book.add_format({"num_format": "@"})
    head = book.add_format({"num_format": "@", "bold": True, "bg_color": GREY})
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 3, 18)
    sheet.set_column(4, 5, 70)
    read_as = [
        found.format,
        found.encoding,
        found.sheet,
        f"表头在第 {found.header_row} 行" if found.header_row else None,
    ]
    facts = [
        ("文件 File", totals.file),
        ("数据 Feed", f"{feed.label_zh} · {feed.label_en} ({feed.id}, {feed.version})"),
        ("布局 Layout", f"{layout.sender} {layout.version}" if layout else "合同本身 · the contract itself"),
        ("读取方式 Read as", ", ".join(part for part in read_as if part)),
        ("收到 Rows received", str(totals.received)),
        ("可接收 Accepted", str(totals.accepted)),
        ("不能接收（红） Refused (red)", str(totals.rejected)),
        ("可接收但有提醒（黄） Accepted with a warning (yellow)", str(totals.warned)),
    ]
    if left_out:
        facts.append(
            ("未列出的行 Rows not listed", f"{left_out}（没有问题或超出工作表 · nothing wrong, or beyond the sheet）")
        )
    lines = [*facts, ("请注意 Please note", OWN_FILE[0]), ("", OWN_FILE[1])]
    for line, (label, value) in enumerate(lines):
        sheet.write_string(line, 0, label, head)
        sheet.write_string(line, 1, value, text)
    first = len(lines) + 1
    for column, label in enumerate(("列 Column", "规则 Rule", "程度 Severity", "行数 Rows", "示例", "Example")):
        sheet.write_string(first, column, label, head)
    for line, counted in enumerate(_commonest(reasons), first + 1):
        for column, value in enumerate(counted):
            sheet.write_string(line, column, value, text)


def _commonest(reasons: pl.DataFrame, n: int = 100) -> list[list[str]]:
    """(header, rule, severity, rows, sentences of one of them), the commonest first."""
    counted = (
        reasons.group_by("header", "rule", "severity", maintain_order=True)
        .agg(pl.col("_row").n_unique().alias("rows"), pl.col("message_zh", "message_en").first())
        .sort("rows", descending=True, maintain_order=True)
        .select("header", "rule", "severity", "rows", "message_zh", "message_en")
        .head(n)
    )
    return [["" if value is None else str(value) for value in row] for row in counted.iter_rows()]


# ── the form ────────────────────────────────────────────────────────────────────────────────────


def _allowed(f: FieldSpec) -> Mapping[str, str]:
    """What may be filled in, with its meaning; empty where anything may."""
    if f.kind == "boolean":
        return {"是": "yes", "否": "no"}
    return f.enum or (code_list(f.code_list) if f.code_list else {})


def _write_codes(sheet: Worksheet, column: int, f: FieldSpec, allowed: Mapping[str, str]) -> None:
    """What may be chosen for a field and what it means, side by side under its header; the hidden source of long drop-downs."""
    sheet.write_string(0, 2 * column, f.header)
    for line, (choice, meaning) in enumerate(zip(_choices(f, allowed), allowed.values(), strict=True), 1):
        sheet.write_string(line, 2 * column, choice)
        sheet.write_string(line, 2 * column + 1, meaning)


def _choices(f: FieldSpec, allowed: Mapping[str, str]) -> list[str]:
    """What a drop-down offers: each code with its meaning, where the door reads both (texts), else the value alone."""
    return [chosen(*item) for item in allowed.items()] if f.kind == "string" else list(allowed)


def _add_drop_down(form: Worksheet, codes: Worksheet, column: int, f: FieldSpec, allowed: Mapping[str, str]) -> None:
    from xlsxwriter.utility import xl_range_abs

    choices = _choices(f, allowed)
    inline = len(",".join(choices)) <= LONGEST_LIST and not any("," in choice for choice in choices)
    source: Any = choices
    if not inline:
        source = f"='{codes.get_name()}'!{xl_range_abs(1, 2 * column, len(choices), 2 * column)}"
    meanings = "; ".join(f"{code} {meaning}".strip() for code, meaning in allowed.items())
    form.data_validation(
        1,
        column,
        FORM_ROWS,
        column,
        {
            "validate": "list",
            "source": source,
            "input_title": f.header[:32],
            "input_message": meanings if len(meanings) <= LONGEST_LIST else "见“说明 Notes”表 · see the sheet Notes",
            "error_title": "代码不在表中",
            "error_message": "请从下拉列表中选择。 Please choose from the list.",
        },
    )


def _write_notes(book: Workbook, sheet: Worksheet, feed: Feed, fields: Sequence[FieldSpec]) -> None:
    head = book.add_format({"num_format": "@", "bold": True, "bg_color": GREY})
    text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    sheet.set_column(0, 2, 22)
    sheet.set_column(3, 4, 16)
    sheet.set_column(5, 8, 40)
    sheet.write_string(0, 0, f"{feed.label_zh} · {feed.label_en}", head)
    sheet.write_string(1, 0, feed.purpose, book.add_format({"num_format": "@"}))
    labels = (
        "列 Column", "名称", "Name", "类型 Type", "必填 Required",
        "说明 Description", "允许的代码 Allowed codes", "示例 Example", "个人信息 Personal data",
    )  # fmt: skip
    for column, label in enumerate(labels):
        sheet.write_string(3, column, label, head)
    for line, f in enumerate(fields, 4):
        codes = "\n".join(f"{code} {meaning}".strip() for code, meaning in _allowed(f).items())
        kind = KIND_LABELS[f.kind] + (f"（{f.unit}）" if f.unit else "")
        notes = (
            f.header, f.label_zh, f.label_en, kind, "是 yes" if f.required else "否 no",
            f.description, codes, ", ".join(str(e) for e in f.examples), CLASSIFICATION_LABELS[f.classification],
        )  # fmt: skip
        for column, note in enumerate(notes):
            sheet.write_string(line, column, note, text)
    sheet.freeze_panes(4, 1)


# ── the workbook ────────────────────────────────────────────────────────────────────────────────


@contextmanager
def workbook(path: Path, *, constant_memory: bool = False) -> Iterator[Workbook]:
    """A new workbook that turns no text into a formula, link or number; written when the block ends.

    Raises:
        OSError: the file cannot be written; commonest: it is open in Excel.
    """
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    as_text = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = Workbook(path, {"constant_memory": constant_memory, **as_text})
    yield book
    try:
        book.close()
    except FileCreateError as error:
        raise OSError(
            f"无法写入 {path}：请关闭已打开的同名工作簿，或检查文件夹。"
            f" · {path} cannot be written: close it in Excel, or look at the folder."
        ) from error


def _sheet_name(label: str) -> str:
    """Excel allows 31 characters and none of []:*?/\\ ."""
    return re.sub(r"[\[\]:*?/\\]", " ", label).strip()[:31]
