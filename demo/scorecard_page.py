"""One page about one department, from a published file: what docs/evaluation.md shows of the fictional city.

Belongs here: the words and bars of that page. Does not belong here: figures, which are all read from the release, and
the bulletin for residents. `python -m demo.scorecard_page data/published/minsheng.duckdb --out page.html`
"""

from __future__ import annotations

import argparse
from html import escape
from pathlib import Path
from typing import Any

import duckdb

# Bars run from here to 100 %: good rates all live at the top.
BAR_FROM = 0.65
COLOURS = {"good": "#2e7d4f", "watch": "#b7791f", "bad": "#b23a3a", "undetermined": "#6b7280"}
VERDICTS = {"good": "好", "watch": "关注", "bad": "差", "undetermined": "尚不能判定"}
PARTS = {
    "reviews": "评价（好评率）", "participation": "参评率", "coverage": "报送覆盖", "loop": "差评整改（按期率）", "survey": "满意度调查",
    "timeliness": "报送及时", "quality": "报送质量",
}  # fmt: skip
STYLE = """
body{font:15px/1.6 "Noto Sans CJK SC",sans-serif;color:#1f2933;width:920px;margin:24px auto}
h1{font-size:22px;margin:0}h2{font-size:16px;margin:22px 0 6px;border-bottom:1px solid #d5dae1}
.fictional{color:#8a4b00;background:#fff3dc;padding:2px 8px;display:inline-block}
.unit{margin:12px 0}.verdict{color:#fff;border-radius:3px;padding:0 8px;margin-right:8px}
.bar{position:relative;height:16px;background:#eef1f5;margin:4px 0}
.bar i{position:absolute;top:0;height:16px;opacity:.55}.bar b{position:absolute;top:-2px;width:3px;height:20px}
.bar u{position:absolute;top:-4px;width:1px;height:24px;background:#1f2933}
table{border-collapse:collapse;width:100%}td,th{padding:2px 8px;text-align:left;border-bottom:1px solid #e5e9ef}
td.n,th.n{text-align:right}small{color:#52606d}
"""


def page(database: Path, department: str) -> str:
    """The page as HTML: a department, one good, one bad and one undetermined of its facilities, in the newest complete month.

    Raises:
        LookupError: the release has no complete month of that department.
    """
    with duckdb.connect(str(database), read_only=True) as con:
        month = _rows(
            con,
            "select max(period_start) as month from review_scorecard where period_kind = 'month' and is_complete "
            "and dimension = 'department' and code = ?",
            department,
        )[0]["month"]
        if month is None:
            raise LookupError(f"{database} has no complete month of {department}: is it a code of dim_department?")
        body = [
            f"<h1>{_name(con, department)} · {month:%Y年%m月}</h1>",
            '<span class="fictional">示范市，虚构示例数据 · fictional data</span>',
            "<h2>全局判定 · The department</h2>",
            _verdict(con, "department", department, month),
            "<h2>下属三处 · Three of its halls</h2>",
            *(_verdict(con, "facility", code, month) for code in _told_apart(con, department, month)),
            "<h2>综合分 · Score and its parts</h2>",
            _parts(con, department, month),
            "<h2>差评集中在哪里 · Where bad reviews gather</h2>",
            _reasons(con, department, month),
            "<h2>待办 · Open cases</h2>",
            _open_cases(con, department),
        ]
    return f'<!doctype html><meta charset="utf-8"><title>{department}</title><style>{STYLE}</style>' + "\n".join(body)


def _rows(con: duckdb.DuckDBPyConnection, query: str, *values: Any) -> list[dict[str, Any]]:
    cursor = con.execute(query, list(values))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _name(con: duckdb.DuckDBPyConnection, department: str) -> str:
    return escape(
        str(_rows(con, "select name_zh from dim_department where department_code = ?", department)[0]["name_zh"])
    )


def _told_apart(con: duckdb.DuckDBPyConnection, department: str, month: Any) -> list[str]:
    """Facilities of the department: the good and the bad one most people spoke of, and the undetermined one fewest did."""
    rows = _rows(
        con,
        "select code, verdict from review_scorecard inner join dim_facility on code = facility_id "
        "where period_kind = 'month' and period_start = ? and dimension = 'facility' and department_code = ? "
        "and good_rate is not null and verdict in ('good', 'bad', 'undetermined') "
        "order by case when verdict = 'undetermined' then active_reviews else -active_reviews end, code",
        month, department,
    )  # fmt: skip
    first = {row["verdict"]: row["code"] for row in reversed(rows)}
    return [first[verdict] for verdict in ("good", "undetermined", "bad") if verdict in first]


def _verdict(con: duckdb.DuckDBPyConnection, dimension: str, code: str, month: Any) -> str:
    (row,) = _rows(
        con,
        "select review_scorecard.*, coalesce(full_name, '') as place from review_scorecard "
        "left join dim_facility on dimension = 'facility' and code = facility_id left join dim_division using (division_code) "
        "where period_kind = 'month' and period_start = ? and dimension = ? and code = ?",
        month, dimension, code,
    )  # fmt: skip
    colour = COLOURS[row["verdict"]]
    bar = ""
    if row["verdict_lo"] is not None:
        lo, hi, at = (_at(row[c]) for c in ("verdict_lo", "verdict_hi", "good_rate"))
        lines = "".join(f'<u style="left:{_at(row[c]):.2f}%"></u>' for c in ("bad_line", "good_line"))
        bar = (
            f'<div class="bar"><i style="left:{lo:.2f}%;width:{hi - lo:.2f}%;background:{colour}"></i>'
            f'<b style="left:{at:.2f}%;background:{colour}"></b>{lines}</div>'
        )
    return (
        f'<div class="unit"><span class="verdict" style="background:{colour}">{VERDICTS[row["verdict"]]}</span>'
        f"<strong>{escape(str(row['name_zh']))}</strong> <small>{escape(row['place'])}</small>{bar}{escape(row['verdict_text_zh'])}<br>"
        f"<small>{escape(row['verdict_text_en'])}</small></div>"
    )


def _at(rate: float) -> float:
    """Where a rate stands on the bar, in percent of its width."""
    return max(0.0, 100 * (rate - BAR_FROM) / (1 - BAR_FROM))


def _parts(con: duckdb.DuckDBPyConnection, department: str, month: Any) -> str:
    row = _rows(
        con,
        "select * from department_scorecard where month = ? and department_code = ? and level = 'city' limit 1",
        month, department,
    )[0]  # fmt: skip
    lines = [
        f"<tr><td>{name}<td class=n>{_number(row[f'{part}_part'])}<td class=n>{_number(row[f'assumed_{part}'])}"
        f"<td class=n>{row[f'weight_{part}']:g}<td class=n>{_number(_points(row, part))}"
        for part, name in PARTS.items()
    ]
    head = "<tr><th>部分 Part<th class=n>得分<th class=n>缺失时按<th class=n>政策权重<th class=n>计入"
    missing = ""
    if row["missing_parts"]:
        names = "、".join(PARTS[part] for part in row["missing_parts"].split(","))
        missing = f"<small>缺少：{names}，按当月同级部门中测到的最低值计；谁都没有测到的部分不计。</small>"
    return f"<table>{head}{''.join(lines)}<tr><th>综合分<td><td><td><td class=n><b>{_number(row['score'])}</b></table>{missing}"


def _points(row: dict[str, Any], part: str) -> float | None:
    """What a part adds to the score: measured, else assumed, else nothing."""
    value = row[f"{part}_part"] if row[f"{part}_part"] is not None else row[f"assumed_{part}"]
    return None if value is None else value * row[f"weight_{part}"] / row["weight_counted"]


def _number(value: float | None, digits: int = 1) -> str:
    """A number out of 100 or of 1, to the digit at which it differs from the whole: 99.997 is never shown as 100."""
    if value is None:
        return "—"
    whole = {f"{full:.{digits}f}" for full in (1, 100) if value != full}
    return f"{value:.{digits}f}" if f"{value:.{digits}f}" not in whole else _number(value, digits + 1)


def _reasons(con: duckdb.DuckDBPyConnection, department: str, month: Any) -> str:
    rows = _rows(
        con,
        "select * from review_reason where month = ? and dimension = 'department' and code = ? and place <= 3 "
        "and (kind in ('tag', 'word') or is_change_sure) order by kind, place",
        month, department,
    )  # fmt: skip
    lines = [
        f"<tr><td>{escape(r['value_zh'])}<td>{escape(r['evidence_zh'])}<td>{'变化可信' if r['is_change_sure'] else ''}"
        for r in rows
    ]
    return f"<table>{''.join(lines)}</table>"


def _open_cases(con: duckdb.DuckDBPyConnection, department: str) -> str:
    rows = _rows(
        con, "select bucket, count(*) as n from review_worklist where department_code = ? group by bucket", department
    )
    counts = {r["bucket"]: r["n"] for r in rows}
    said = {"overdue": "已逾期", "due_today": "今天到期", "this_week": "七日内到期", "later": "以后到期", "no_deadline": "无期限", "waiting": "等待申诉裁定"}  # fmt: skip
    return (
        "，".join(f"{word} {counts[bucket]} 件" for bucket, word in said.items() if bucket in counts)
        or "没有未办结的差评"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.scorecard_page", description=__doc__)
    parser.add_argument("database", type=Path)
    parser.add_argument("--department", default="civil_affairs")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.write_text(page(asked.database, asked.department), encoding="utf-8")


if __name__ == "__main__":
    main()
