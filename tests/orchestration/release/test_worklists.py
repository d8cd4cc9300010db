"""What a department opens in the morning: its own open cases, most urgent first, and nothing a spreadsheet would run."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from contracts.desk.workbooks import RED
from contracts.loading import load_products
from orchestration.paths import DataDirectory
from orchestration.release import names, publishing, worklists

PRODUCTS = {name: load_products()[name] for name in ("review_worklist", "dim_division", "release_log")}
PRODUCT = PRODUCTS["review_worklist"]
TYPES = {f.name: f.sql_type for f in PRODUCT.fields} | {
    "case_no": "VARCHAR",
    "contact_no": "BIGINT",
    "review_no": "BIGINT",
}
CASE: dict[str, Any] = {
    "department_code": "health", "department_name": "卫生健康委", "bucket": "later", "next_step": "verify", "state": "received",
    "appeal": "none", "reviewed_on": date(2026, 2, 20), "level": 1, "bad_reviews_same_item_unit": 1, "is_repeated": False,
    "contact_no": 1, "review_no": 1, "policy": "p",
}  # fmt: skip
FIRST_ROW = 7


def warehouse(path: Path, *cases: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    con = duckdb.connect(str(path))
    con.execute("create schema reviews")
    con.execute(f"create table reviews.review_worklist ({', '.join(f'{n} {t}' for n, t in TYPES.items())})")
    for n, case in enumerate(cases):
        row = CASE | {"review_id": f"r{n}", "case_no": f"99{n:04}"} | case
        names = ", ".join(row)
        con.execute(
            f"insert into reviews.review_worklist ({names}) values ({', '.join('?' for _ in row)})",
            list(row.values()),
        )
    return con


def sheet(path: Path) -> Any:
    return openpyxl.load_workbook(path).worksheets[0]


def rows(path: Path) -> list[dict[str, Any]]:
    header, *lines = sheet(path).iter_rows(min_row=FIRST_ROW - 1, values_only=True)
    return [dict(zip(header, line, strict=True)) for line in lines]


def written(tmp_path: Path, *cases: dict[str, Any]) -> Path:
    with warehouse(tmp_path / "w.duckdb", *cases) as con:
        worklists.write_worklists(
            con, "reviews.review_worklist", PRODUCT, tmp_path / "lists", date(2026, 3, 1), "虚构示例"
        )
    return tmp_path / "lists"


def test_every_department_gets_its_own_cases_and_no_other(tmp_path: Path) -> None:
    folder = written(tmp_path, {}, {"department_code": "sports", "department_name": "体育局"}, {})
    assert {p.name: [r["办件编号 Case number"] for r in rows(p)] for p in folder.iterdir()} == {
        "health.xlsx": ["990000", "990002"],
        "sports.xlsx": ["990001"],
    }


def test_the_most_urgent_stands_first_and_overdue_is_red(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        {"bucket": "waiting", "next_step": "await_appeal_decision"},
        {"bucket": "later", "due_on": date(2026, 3, 20)},
        {"bucket": "overdue", "due_on": date(2026, 2, 27), "working_days_left": -1},
        {"bucket": "overdue", "due_on": date(2026, 2, 10)},
        {"bucket": "due_today", "due_on": date(2026, 3, 1)},
    )
    path = folder / "health.xlsx"
    assert [r["到期日 Due on"] for r in rows(path)] == ["2026-02-10", "2026-02-27", "2026-03-01", "2026-03-20", None]
    colours = [sheet(path).cell(FIRST_ROW + n, 1).fill.fgColor.rgb[2:] for n in range(3)]
    assert colours[0] == colours[1] == RED[1:] != colours[2]
    said = [c.value for c in sheet(path)["A"][:5]]
    assert "卫生健康委" in said[0]
    assert "2026-03-01" in said[0]
    assert "已逾期 · overdue 2" in said[1]
    assert said[4] == "虚构示例"


def test_codes_are_said_in_both_languages(tmp_path: Path) -> None:
    (row,) = rows(written(tmp_path, {"tags": "108,115", "is_named": True, "finding": "true"}) / "health.xlsx")
    assert row["下一步 What is to be done next"] == "核实情况 · verify it"
    assert row["核实结论 Finding"] == "属实 · true"
    assert row["是否实名 Named"] == "是 yes"
    assert row["评价标签 Tags of the review"] == "108 在办事指南之外增加新的审批条件；115 服务态度差效率低"
    assert all(any("\u4e00" <= c <= "\u9fff" for c in label) and label.isascii() is False for label in row)


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "http://x"])
def test_what_a_sender_wrote_is_no_formula(tmp_path: Path, value: str) -> None:
    path = written(tmp_path, {"window_no": value, "facility_name": value, "case_no": value}) / "health.xlsx"
    cells = [c for line in sheet(path).iter_rows(min_row=FIRST_ROW) for c in line if c.value == value]
    assert len(cells) == 3
    assert all((c.data_type, c.number_format, c.hyperlink) == ("s", "@", None) for c in cells)


def test_the_workbooks_come_and_go_with_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promise: Any
) -> None:
    data = DataDirectory(tmp_path)
    data.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
    promise(PRODUCTS)
    monkeypatch.setattr("contracts.audit.audit", lambda *_: {})
    monkeypatch.setattr("orchestration.release.data_docs.write", lambda *_: None)

    def fill(*cases: dict[str, Any]) -> None:
        with warehouse(data.warehouse, *cases) as con:
            fields = PRODUCTS["dim_division"].fields
            con.execute(f"create table reviews.dim_division ({', '.join(f'{f.name} {f.sql_type}' for f in fields)})")

    def published() -> list[str]:
        return sorted(p.name for p in (data.published / "worklists").iterdir())

    fill({})
    first, _ = publishing.release(data)
    assert published() == ["health.xlsx"]
    with duckdb.connect(str(data.published / names.DATABASE), read_only=True) as con:
        assert "case_no" not in [d[0] for d in con.execute("from review_worklist").description]
    # A release that dies leaves the old workbooks; one that passes replaces them all.
    fill({"department_code": "sports"})
    with monkeypatch.context() as dying:
        dying.setattr("orchestration.release.publishing.write_json", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publishing.release(data)
    assert published() == ["health.xlsx"]
    second, _ = publishing.release(data)
    assert (first.release_id, second.release_id, published()) == ("2026-03-01.1", "2026-03-01.2", ["sports.xlsx"])


def test_it_prints_on_landscape_pages_with_the_headings_on_each(tmp_path: Path) -> None:
    printed = sheet(written(tmp_path, *[{} for _ in range(3)]) / "health.xlsx")
    assert printed.page_setup.orientation == "landscape"
    # One page wide is what a workbook means where it says nothing.
    assert (printed.page_setup.fitToWidth or 1, printed.page_setup.fitToHeight) == (1, 0)
    assert printed.sheet_properties.pageSetUpPr.fitToPage
    assert printed.print_title_rows == f"${FIRST_ROW - 1}:${FIRST_ROW - 1}"
    # What is on paper can be read (six points and more) and names no row by a key; the rest stands beside it.
    columns = [c.value for c in printed[FIRST_ROW - 1]]
    last = "".join(c for c in printed.print_area.partition(":")[2] if c.isalpha())
    on_paper = columns[: printed[f"{last}1"].column]
    assert {"评价编号 Review id", "政策 Policy"} <= set(columns) - set(on_paper)
    assert {"下一步 What is to be done next", "办件编号 Case number"} <= set(on_paper)
    letters = sum(
        printed.column_dimensions[printed.cell(1, n).column_letter].width for n in range(1, len(on_paper) + 1)
    )
    assert 277 / (1.9 * letters) * 11 >= 6
    assert printed.cell(FIRST_ROW, 2).alignment.wrap_text


def test_halls_and_communities_of_one_name_are_told_apart_by_their_codes(tmp_path: Path) -> None:
    """Two halls called alike in one community stood as one; a name that is one unit's stays as it is."""
    place = {"division_code": "9901", "division_name": "甲社区", "facility_name": "便民服务中心"}
    elsewhere = place | {"division_code": "9902", "division_name": "乙社区"}
    folder = written(
        tmp_path,
        place | {"facility_id": "h1"}, place | {"facility_id": "h2"}, elsewhere | {"facility_id": "h3"},
        elsewhere | {"facility_id": "h4", "facility_name": "市民之家", "division_code": "9903"},
        {"department_code": "two", "facility_id": "h1", "facility_name": "便民服务中心"},
    )  # fmt: skip
    (name, where) = (
        f"{PRODUCT.by_name[c].label_zh} {PRODUCT.by_name[c].label_en}" for c in ("facility_name", "division_name")
    )
    assert [(r[name], r[where]) for r in rows(folder / "health.xlsx")] == [
        ("便民服务中心（h1）", "甲社区"), ("便民服务中心（h2）", "甲社区"), ("便民服务中心", "乙社区（9902）"), ("市民之家", "乙社区（9903）"),
    ]  # fmt: skip
    assert {p.stem: sheet(p)["A1"].value.split(" · ")[0] for p in folder.iterdir()} == {
        "health": "卫生健康委（health）",
        "two": "卫生健康委（two）",
    }
