"""The department's workbooks, opened again as another program would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.desk.checking import find_feed, find_layout
from contracts.desk.workbooks import (
    ALL_ROWS_UP_TO,
    CELLS_IN_MEMORY,
    FORM_ROWS,
    RED,
    YELLOW,
    Totals,
    write_report,
    write_template,
)
from contracts.door.arranging import arrange, known_headers
from contracts.loading import code_list, load_feeds
from contracts.model import Feed
from contracts.reading import Found, Reading, open_table

FEED = load_feeds()["health.institutions"]
HEADERS = ["机构名称", "床位数", "=1+1", "电话"]


def batch(*rows: tuple[int, str | None, str | None, str | None, str | None]) -> pl.DataFrame:
    schema = {"_row": pl.Int64, **dict.fromkeys(HEADERS, pl.String), "_shape": pl.String}
    return pl.DataFrame([(*row, None) for row in rows], schema=schema, orient="row")


def reason(row: int, header: str | None, severity: str = "error", rule: str = "not_a_number") -> dict[str, Any]:
    where = header or "整行"
    return {
        "_row": row, "field": "beds", "header": header, "rule": rule, "severity": severity, "value": "…",
        "message_zh": f"{where}：{rule} 请改", "message_en": f"{where}: {rule}, please correct",
    }  # fmt: skip


REASONS = pl.DataFrame(schema=dict.fromkeys(reason(1, ""), pl.String) | {"_row": pl.Int64})


def report(
    path: Path, batches: list[pl.DataFrame], reasons: list[dict[str, Any]], received: int = 0
) -> openpyxl.Workbook:
    write_report(
        path / "机构.检查.xlsx",
        feed=FEED,
        layout=None,
        found=Found(format="csv", encoding="gb18030", headers=HEADERS, header_row=3),
        rows=iter(batches),
        reasons=pl.DataFrame(reasons, schema=REASONS.schema) if reasons else REASONS,
        summary=Totals("机构.csv", received=received or 3, accepted=1, rejected=1, warned=1),
    )
    return openpyxl.load_workbook(path / "机构.检查.xlsx")


def texts(sheet: Any) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def colour(cell: Any) -> str | None:
    return f"#{cell.fill.fgColor.rgb[2:]}" if cell.fill.fill_type else None


@pytest.fixture(params=[0, CELLS_IN_MEMORY], ids=["row by row", "whole"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file written like a large one, and as it is."""
    monkeypatch.setattr("contracts.desk.workbooks.CELLS_IN_MEMORY", request.param)


@pytest.mark.usefixtures("either_way")
def test_the_rows_are_the_senders_own_with_the_reasons_behind_them(tmp_path: Path) -> None:
    book = report(
        tmp_path,
        [
            batch((4, "一院", "１2０張", None, "0851"), (5, "二院", "12", None, None)),
            batch((9, "三院", None, "x", None)),
        ],
        [reason(4, "床位数"), reason(4, "床位数", rule="too_long"), reason(9, "电话", "warning")],
    )
    assert texts(book["检查结果 Rows"]) == [
        [*HEADERS, "行号 Row", "原因", "Reasons"],
        ["一院", "１2０張", None, "0851", "4", "床位数：not_a_number 请改\n床位数：too_long 请改", "床位数: not_a_number, please correct\n床位数: too_long, please correct"],
        ["二院", "12", None, None, "5", None, None],
        ["三院", None, "x", None, "9", "电话：not_a_number 请改", "电话: not_a_number, please correct"],
    ]  # fmt: skip


@pytest.mark.usefixtures("either_way")
def test_failing_cells_are_coloured_and_no_other(tmp_path: Path) -> None:
    book = report(
        tmp_path,
        [batch((4, "a", "b", "c", "d"), (5, "a", "b", "c", "d"), (6, "a", "b", "c", ""))],
        [
            reason(4, "床位数", "warning"),
            reason(4, "床位数", "error"),  # the worse one shows
            reason(4, "床位数", "warning"),
            reason(4, "电话", "warning"),
            reason(5, None),  # belongs to no column: the row number carries it
            reason(6, "电话"),  # an empty cell is coloured too
        ],
    )
    sheet = book["检查结果 Rows"]
    found = {cell.coordinate: colour(cell) for row in sheet.iter_rows(min_row=2) for cell in row if colour(cell)}
    assert found == {"B2": RED, "D2": YELLOW, "E3": RED, "D4": RED}


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("value", ["=1+1", "=HYPERLINK(\"http://x.example\",\"点\")", "+1", "-1", "@SUM(A1)", "{=1}", "http://x.example", "0012", "1e5"])  # fmt: skip
def test_a_value_that_looks_like_a_formula_stays_a_text(tmp_path: Path, value: str) -> None:
    book = report(tmp_path, [batch((2, value, value, value, value))], [reason(2, "床位数"), reason(2, value)])
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.number_format for cell in cells} == {"@"}
    assert [c.value for c in book["检查结果 Rows"][2][:4]] == [value] * 4
    assert not any(cell.hyperlink for cell in cells)
    assert book["检查结果 Rows"]["C1"].value == "=1+1"


@settings(max_examples=30)
@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text_of_a_sender_makes_a_workbook_that_opens(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    book = report(tmp_path_factory.mktemp("report"), [batch((2, value, None, None, None))], [reason(2, value)])
    assert book["检查结果 Rows"]["E2"].value == "2"


def test_a_long_file_is_reported_by_its_wrong_rows_only(tmp_path: Path) -> None:
    rows = [batch(*((n, "院", "1", None, None) for n in range(2, 1002)))]
    book = report(tmp_path, rows, [reason(500, "床位数")], received=ALL_ROWS_UP_TO + 1)
    assert [row[4] for row in texts(book["检查结果 Rows"])] == ["行号 Row", "500"]
    assert any("999" in str(row[1]) for row in texts(book["汇总 Summary"]))


def test_a_wide_file_is_reported_whole_however_many_answers_its_rows_hold(tmp_path: Path) -> None:
    feed = find_feed("evaluation.survey_responses")
    write_report(
        tmp_path / "out.xlsx",
        feed=feed,
        layout=find_layout(feed, "san_diego_2015"),
        found=Found(format="csv", headers=HEADERS),
        rows=[batch((2, "1", "4", "9", None), (3, "2", "5", "1", None))],
        reasons=pl.DataFrame([reason(2, "床位数"), reason(2, "电话", "warning")], schema=REASONS.schema),
        summary=Totals("wide.csv", received=ALL_ROWS_UP_TO + 1, accepted=0, rejected=1, warned=1),
    )
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["检查结果 Rows"]
    assert [row[4].value for row in sheet.iter_rows(min_row=2)] == ["2", "3"]
    coloured = {cell.coordinate: colour(cell) for row in sheet.iter_rows(min_row=2) for cell in row if colour(cell)}
    assert coloured == {"B2": RED, "D2": YELLOW}


def test_the_summary_counts_and_says_whose_values_these_are(tmp_path: Path) -> None:
    book = report(
        tmp_path,
        [batch((4, "a", "b", "c", "d"))],
        [reason(n, "床位数") for n in (1, 2, 3)] + [reason(1, "电话", "warning"), reason(3, "床位数")],
    )
    lines = texts(book["汇总 Summary"])
    facts = {str(line[0]): line[1] for line in lines}
    assert facts["文件 File"] == "机构.csv"
    assert (facts["收到 Rows received"], facts["可接收 Accepted"]) == ("3", "1")
    assert "gb18030" in facts["读取方式 Read as"]
    assert "3" in facts["读取方式 Read as"]
    assert "个人信息" in facts["请注意 Please note"]
    start = next(i for i, line in enumerate(lines) if line[0] == "列 Column")
    assert [line[:4] for line in lines[start + 1 :]] == [
        ["床位数", "not_a_number", "error", "3"],
        ["电话", "not_a_number", "warning", "1"],
    ]


# ── the form ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("feed", load_feeds().values(), ids=lambda feed: feed.id)
def test_a_filled_form_is_understood_by_the_door(tmp_path: Path, feed: Feed) -> None:
    path = tmp_path / "form.xlsx"
    write_template(path, feed)
    book = openpyxl.load_workbook(path)
    form = book.worksheets[0]
    for column in range(1, form.max_column + 1):
        form.cell(2, column, f"值{column}")
    book.save(path)
    table = open_table(path, Reading(), known_headers(feed, None))
    arrangement = arrange(feed, None, table.found.headers)
    assert (arrangement.missing, arrangement.ignored, arrangement.twice) == ((), (), {})
    rows = pl.concat(table.batches())
    assert rows.height == 1
    assert rows[table.found.headers[0]].to_list() == ["值1"]


def test_required_headers_are_bold_and_the_others_are_not(tmp_path: Path) -> None:
    write_template(tmp_path / "form.xlsx", FEED)
    header = openpyxl.load_workbook(tmp_path / "form.xlsx").worksheets[0][1]
    assert {c.value for c in header if c.font.bold} == {f.header for f in FEED.fields if f.required}
    assert {c.value for c in header if not c.font.bold} == {f.header for f in FEED.fields if not f.required}


def drop_downs(path: Path) -> dict[str, list[str]]:
    """Header → the codes its drop-down offers, hidden lists looked up."""
    book = openpyxl.load_workbook(path)
    form, codes = book.worksheets[0], book["代码 Codes"]
    assert codes.sheet_state == "hidden"
    offered = {}
    for validation in form.data_validations.dataValidation:
        (cells,) = validation.sqref.ranges
        assert (cells.min_row, cells.max_row) == (2, FORM_ROWS + 1)
        source = validation.formula1
        offered[form.cell(1, cells.min_col).value] = (
            source.strip('"').split(",")
            if source.startswith('"')
            else [c.value for (c,) in codes[source.split("!")[1]]]
        )
    return offered


@pytest.mark.parametrize("feed", load_feeds().values(), ids=lambda feed: feed.id)
def test_drop_downs_offer_the_codes_of_the_contract_with_their_meaning(tmp_path: Path, feed: Feed) -> None:
    write_template(tmp_path / "form.xlsx", feed)
    expected = {
        f.header: [f"{code} {said.split(' · ')[0]}" for code, said in (f.enum or code_list(f.code_list or "")).items()]
        if f.kind != "boolean"
        else ["是", "否"]
        for f in feed.fields
        if (f.enum or f.code_list or f.kind == "boolean") and not f.scheme and "separator" not in f.custom
    }
    assert drop_downs(tmp_path / "form.xlsx") == expected


def test_dates_and_codes_are_columns_of_text(tmp_path: Path) -> None:
    write_template(tmp_path / "form.xlsx", FEED)
    form = openpyxl.load_workbook(tmp_path / "form.xlsx").worksheets[0]
    as_text = {
        form.cell(1, column).value
        for widths in form.column_dimensions.values()
        for column in range(widths.min, widths.max + 1)
        if widths.number_format == "@"
    }
    assert as_text == {f.header for f in FEED.fields if f.kind not in ("integer", "number")}


def test_the_notes_tell_what_happens_to_personal_values(tmp_path: Path) -> None:
    feed = load_feeds()["civil_affairs.assistance"]
    write_template(tmp_path / "form.xlsx", feed)
    notes = {row[0]: row for row in texts(openpyxl.load_workbook(tmp_path / "form.xlsx")["说明 Notes"])}
    for f in feed.fields:
        assert notes[f.header][3].startswith({"date": "日期", "string": "文本"}.get(f.kind, ""))
        assert ("不可逆" in notes[f.header][8]) == (f.classification == "identifier")
