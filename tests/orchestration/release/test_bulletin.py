"""The bulletin: what a resident, a department head and a journalist can open, from the public edition alone."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pytest
import vl_convert

from contracts.loading import load_products
from contracts.whole_files import read_json
from orchestration.release.bulletin import charts
from orchestration.release.bulletin.edition import Names, Row, open_edition, slug
from orchestration.release.bulletin.figures import Indicator
from orchestration.release.bulletin.pages import PAGES, About, _environment, _ticks, write
from orchestration.release.revisions import Counted
from orchestration.release.shown import road_network
from tests.browser import DESK, TELEPHONE, address, axe_violations, browser, page, printed_sides
from tests.orchestration.conftest import City

ABOUT = About("2026-03-01.1", datetime(2026, 3, 1, 23, 59), True, [], {}, [], None)
WITHHELD = "人数过少或可由其他数字推出 · too few people, or it would give away a figure of too few"
SHOWN: dict[str, Any] = {
    "period_kind": "month", "period_start": date(2026, 2, 1), "period_end": date(2026, 2, 28), "is_complete": True,
    "contacts": 4039, "active_reviews": 1462, "good_reviews": 1278, "bad_reviews": 184, "good_rate": 0.8741, "good_rate_lo": 0.8561,
    "good_rate_hi": 0.8902, "participation_rate": 0.362, "verdict": "bad", "verdict_reason": "surely_below_bad_line", "good_line": 0.95, "bad_line": 0.9,
}  # fmt: skip

SCORE: dict[str, Any] = {
    "wave": "w",
    "group_name": "all",
    "question_id": "all",
    "dimension": "overall",
    "role": "outcome",
}


def edition(folder: Path, **tables: list[dict[str, Any]]) -> Path:
    """A public edition with these tables and rows; what a row does not say is null."""
    path = folder / "public.duckdb"
    with duckdb.connect(str(path)) as con:
        for table, rows in tables.items():
            fields = load_products()[table].fields
            con.execute(f"create table {table} ({', '.join(f'{f.name} {f.sql_type}' for f in fields)})")
            for row in rows:
                con.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join('?' for _ in row)})", list(row.values()))  # fmt: skip
    return path


def written(
    folder: Path,
    about: About = ABOUT,
    untold: Mapping[str, Sequence[str]] | None = None,
    **tables: list[dict[str, Any]],
) -> Path:
    """A site of an edition that has these rows; `untold`: columns that it leaves out, by table."""
    folder.mkdir(exist_ok=True)
    database = edition(folder, **tables)
    if untold:
        with duckdb.connect(str(database)) as con:
            con.execute("create table public_columns (table_name varchar, column_name varchar, told_as varchar)")
            left_out = [(table, column, "left_out") for table, columns in untold.items() for column in columns]
            con.executemany("insert into public_columns values (?, ?, ?)", left_out)
    write(database, folder / "site", about)
    return folder / "site"


class Links(HTMLParser):
    """Where a page points, and the places in it that can be pointed at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.to: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value and not value.startswith("data:"):
                self.to.append(value)
            if name == "id" and value:
                self.ids.append(value)


def broken_links(site: Path) -> list[str]:
    parsed = {p.resolve(): Links(p.read_text("utf-8")) for p in site.rglob("*.html")}
    broken = []
    for path, links in parsed.items():
        for link in links.to:
            target, _, place = link.partition("#")
            at = (path.parent / target).resolve() if target else path
            ids = parsed[at].ids if at in parsed else []
            # #facility&bad is a place and a filter of it.
            if not at.is_file() or (place and place.split("&")[0] not in ids):
                broken.append(f"{path.name}: {link}")
    return broken


def test_a_table_without_rows_is_no_download(tmp_path: Path) -> None:
    """A city that sends only reviews, or only a survey, has every table; some are empty."""
    site = written(tmp_path, dim_department=[], equalisation=[], facility_access=[], shortfall=[])
    assert broken_links(site) == []


def test_a_release_with_nothing_but_departments_has_every_page_and_each_says_what_is_missing(tmp_path: Path) -> None:
    site = written(
        tmp_path,
        dim_department=[{"department_code": "health", "name_zh": "卫生健康委", "name_en": "Health Commission"}],
    )
    for name, zh, en in [
        ("index", "居民评价数据", "reviews by residents"), ("board", "居民评价数据", "reviews by residents"), ("indicators", "指标数据", "indicators"),
        ("surveys", "满意度调查", "survey"), ("map", "带坐标的社区", "communities with a point"), ("feeds", "报送记录", "record of what was sent"),
        ("equality", "十五分钟生活圈", "The fifteen-minute circle"),
    ]:  # fmt: skip
        assert f"本次发布没有{zh}。" in (site / f"{name}.html").read_text("utf-8"), name
        assert f"This release has no {en}." in (site / "en" / f"{name}.html").read_text("utf-8"), name
    assert "这是第一次发布" in (site / "changes.html").read_text("utf-8")
    assert {p.stem for p in site.glob("*.html")} == {*PAGES, "dictionary"}
    assert broken_links(site) == []


def test_a_withheld_unit_is_a_sign_with_its_reason_and_never_a_zero(tmp_path: Path) -> None:
    hidden = {
        **dict.fromkeys(SHOWN),
        **{k: SHOWN[k] for k in ("period_kind", "period_start", "period_end", "is_complete")},
    }
    site = written(
        tmp_path,
        dim_department=[{"department_code": c, "name_zh": n, "name_en": n} for c, n in (("sports", "体育局"), ("housing", "住房局"))],
        review_scorecard=[
            {**SHOWN, "dimension": "all", "code": "all"}, {**SHOWN, "dimension": "department", "code": "housing"},
            {**hidden, "dimension": "department", "code": "sports", "contacts": 954, "suppressed_reason": WITHHELD},
        ],
    )  # fmt: skip
    text = (site / "department-sports.html").read_text("utf-8")
    main = text[text.index("<main") : text.index("</main>")]
    assert "不公布是" not in main
    assert "本月数字不公布" in main
    assert 'title="人数过少或可由其他数字推出"' in main
    assert not re.search(r">\s*0(\.0)?( %)?\s*<", main), "a withheld figure is shown as nothing"
    board = (site / "board.html").read_text("utf-8")
    assert 'data-state="withheld"' in board
    with (site / "data" / "reviews-department.csv").open(encoding="utf-8-sig") as file:
        rows = {r["代码 Code"] if "代码 Code" in r else list(r.values())[2]: r for r in csv.DictReader(file)}
    of_sports = next(r for r in rows.values() if "体育局" in r.values())
    assert WITHHELD in of_sports.values()
    assert [v for k, v in of_sports.items() if "Good rate" in k] == [""] * len(
        [k for k in of_sports if "Good rate" in k]
    )


def test_a_rate_of_fewer_than_a_hundred_is_withheld_and_not_a_dash(tmp_path: Path) -> None:
    """And one that is not there for another reason is not said to be of so few."""
    of_few = {"bad_on_time": 55, "bad_in_on_time_base": 55, "on_time_rate": None, "participation_rate": None}
    site = written(
        tmp_path,
        dim_department=[{"department_code": "sports", "name_zh": "体育局", "name_en": "Sports"}],
        review_scorecard=[{**SHOWN, **of_few, "dimension": "all", "code": "all"}],
    )
    for name, said in (("index", "不公布"), ("en/index", "withheld")):
        (tile,) = re.findall(r'<p class="big">(.*?)</p><p>55 ', (site / f"{name}.html").read_text("utf-8"))
        assert "100" in tile
        assert said in tile
        assert '<p class="big">–</p><p>' in (site / f"{name}.html").read_text("utf-8")


def test_an_approved_month_says_so_and_under_which_divisions_it_stands(tmp_path: Path) -> None:
    """Two counties were merged after the approval: the month has both, and one of them is no more."""
    counties = [
        {"division_code": "C1", "name": "东区", "full_name": "东区", "level": "county", "is_in_force": True, "valid_to_year": None},
        {"division_code": "C2", "name": "西区", "full_name": "西区", "level": "county", "is_in_force": False, "valid_to_year": 2025},
    ]  # fmt: skip
    cases = {"2026-02 (1)": True, "2026Q1 (2)": True, "2026-01 (1)": False, None: False}
    for n, (closed, is_approved) in enumerate(cases.items()):
        site = written(
            tmp_path / str(n),
            dim_division=counties,
            release_log=[{"release_id": "2026-03-01.1", "released_at": datetime(2026, 3, 1), "closed_periods": closed}],
            review_scorecard=[
                SHOWN | {"dimension": "all", "code": "all"},
                *(SHOWN | {"dimension": "county", "code": c["division_code"], "name_zh": c["name"]} for c in counties),
            ],
        )
        board, english = ((site / page).read_text("utf-8") for page in ("board.html", "en/board.html"))
        assert ("评价数字所属时期已经核准" in board, f"is approved ({closed})" in english) == (is_approved, is_approved)
        assert "西区（已撤并，存续至 2025 年）" in board
        assert "西区 (merged or abolished, until 2025)" in english
        assert "东区（" not in board


def test_an_english_page_calls_by_its_chinese_name_what_has_no_other_and_says_so(tmp_path: Path) -> None:
    site = written(
        tmp_path,
        dim_department=[{"department_code": "a", "name_zh": "档案局"}],
        review_scorecard=[
            SHOWN | {"dimension": "all", "code": "all"}, SHOWN | {"dimension": "department", "code": "a"},
            SHOWN | {"dimension": "service_item", "code": "BPS01", "name_zh": "生育保险"}, SHOWN | {"dimension": "channel", "code": "1", "name_zh": "窗口"},
        ],
    )  # fmt: skip
    board = (site / "en" / "board.html").read_text("utf-8")
    assert "生育保险" in board
    assert "档案局" in board
    assert "are called by their Chinese ones" in board
    assert "Window" in board
    assert "窗口" not in board
    assert ",窗口 · Window," in (site / "data" / "reviews-channel.csv").read_text("utf-8-sig")
    assert ",生育保险," in (site / "data" / "reviews-service_item.csv").read_text("utf-8-sig")


def test_names_cannot_break_a_page_or_a_spreadsheet(tmp_path: Path) -> None:
    nasty = '=HYPERLINK("http://evil")<script>alert(1)</script>'
    site = written(
        tmp_path,
        dim_department=[{"department_code": "x/..y", "name_zh": nasty, "name_en": nasty}],
        review_scorecard=[{**SHOWN, "dimension": "all", "code": "all"}, {**SHOWN, "dimension": "department", "code": "x/..y"}],
    )  # fmt: skip
    assert all("<script>alert" not in p.read_text("utf-8") for p in site.rglob("*.html"))
    assert ",\"'=HYPERLINK" in (site / "data" / "reviews-department.csv").read_text("utf-8-sig")
    assert broken_links(site) == []
    assert slug("x/..y") != slug("x-y"), "two units would share a page"


def test_what_changed_shows_both_published_values_and_no_value_that_either_release_withholds(tmp_path: Path) -> None:
    (tmp_path / "last").mkdir()
    departments = [{"department_code": c, "name_zh": c, "name_en": c} for c in ("housing", "sports")]
    row = {**SHOWN, "dimension": "department"}
    last = edition(
        tmp_path / "last", dim_department=departments,
        review_scorecard=[{**row, "code": "housing", "good_rate": 0.9111, "good_reviews": 1332}, {**row, "code": "sports", "good_rate": 0.7777}],
    )  # fmt: skip
    now = edition(
        tmp_path, dim_department=departments,
        review_scorecard=[{**row, "code": "housing"}, {**row, "code": "sports", "good_rate": None, "active_reviews": 3, "suppressed_reason": WITHHELD}],
    )  # fmt: skip
    about = About(
        "2026-03-02.1", datetime(2026, 3, 2), False, [Counted("review_scorecard", "changed", ("late_file", "policy"), 12)],
        {"survey_score": "2026-03-01.1"}, ["review_scorecard"], "2026-03-01.1",
    )  # fmt: skip
    write(now, tmp_path / "site", about, last)
    text = (tmp_path / "site" / "changes.html").read_text("utf-8")
    assert "91.1 %" in text
    assert "87.4 %" in text
    assert "77.8 %" not in text
    assert "迟到的文件、政策变化" in text
    assert "沿用 2026-03-01.1" in text
    assert "虚构" not in text, "a real place is not called fictional"


def test_the_page_of_methods_says_what_distances_are_measured_over(tmp_path: Path) -> None:
    row = {
        "division_code": "C",
        "division_level": "city",
        "circle_type": "medical",
        "communities": 3,
        "distance_kind": "road",
    }
    roads = [{"file": "taiwan.osm.pbf", "dated": "2026-01-31"}, {"file": "by-hand.osm", "dated": None}]
    for name, about, said in (
        ("with", replace(ABOUT, roads=roads), "taiwan.osm.pbf (2026-01-31)、by-hand.osm. © OpenStreetMap"),
        ("without", ABOUT, "没有路网"),
    ):
        (tmp_path / name).mkdir()
        assert said in (written(tmp_path / name, about, facility_access=[row]) / "method.html").read_text("utf-8")


def rows_of(page: Path, section: str) -> list[list[str]]:
    """The cells of every table row of a section, in words."""
    text = page.read_text("utf-8").split(f'<section id="{section}">')[1].split("</section>")[0]
    return [
        [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    ]  # fmt: skip


def test_how_equal_it_is_is_told_of_every_indicator_in_its_newest_month(tmp_path: Path) -> None:
    spread = {"period_kind": "month", "area_code": "C", "area_level": "city", "area_name": "市", "unit_level": "county", "unit": "share", "units": 3,
              "highest": 0.9, "lowest": 0.45, "max_min_ratio": 2.0, "gini": 0.125}  # fmt: skip
    rows = [
        spread | {"indicator_code": "activity_centre_coverage", "period": date(2025, 11, 1), "gini": 0.5},
        spread | {"indicator_code": "activity_centre_coverage", "period": date(2025, 12, 1)},
        spread | {"indicator_code": "medical_contract_share", "period": date(2026, 2, 1)},
        # Towns of one county, villages and a single unit are no comparison of the city's counties.
        spread | {"indicator_code": "medical_contract_share", "period": date(2026, 2, 1), "area_level": "county", "unit_level": "town"},
        spread | {"indicator_code": "medical_contract_share", "period": date(2026, 2, 1), "area_level": "province", "unit_level": "city", "units": 1},
    ]  # fmt: skip
    found = rows_of(written(tmp_path, equalisation=rows) / "equality.html", "equalisation")[1:]
    assert [(r[1], r[-2:]) for r in found] == [
        ("2025 年 12 月", ["2.00", "0.125"]),
        ("2026 年 2 月", ["2.00", "0.125"]),
    ]
    assert "activity" not in str(found), "an indicator is called by its code"


def test_the_circle_is_told_of_the_whole_place_and_of_its_parts_and_what_nobody_sends_once(tmp_path: Path) -> None:
    def access(code: str, level: str, kind: str, share: float | None, **more: Any) -> dict[str, Any]:
        return {"division_code": code, "division_name": code, "division_level": level, "circle_type": kind, "share_within_near": share,
                "share_within_middle": share, "share_within_wide": share, **more}  # fmt: skip

    divisions = [
        {"division_code": c, "name": n, "full_name": f"甲市{n}", "level": "county", "is_in_force": True} for c, n in (("C1", "东区"), ("C2", "西区"))
    ] + [
        {"division_code": f"V{n}", "name": f"村{n}", "full_name": f"甲市东区村{n}", "level": "village", "county_code": "C1", "is_in_force": True,
         "longitude": 100.0 + n, "latitude": 30.0} for n in range(3)
    ] + [{"division_code": "C", "name": "甲市", "full_name": "甲市", "level": "city", "is_in_force": True}]  # fmt: skip
    site = written(
        tmp_path,
        dim_division=divisions,
        facility_access=[
            access("C", "city", "medical", 0.875, mean_nearest_m=560.4), access("C1", "county", "medical", 0.5), access("C2", "county", "medical", 1.0),
            *(access(code, level, "childcare", None, null_reason="no_feed") for code, level in (("C", "city"), ("C1", "county"), ("C2", "county"))),
            *(access(f"V{n}", "village", "medical", None, communities_within_wide=n % 2) for n in range(3)),
        ],
        shortfall=[{"division_code": "V0", "division_name": "甲市东区村0", "division_level": "village", "county_code": "C1", "circle_type": "medical",
                    "rank": 1, "residents": 125, "nearest_m": 1463.09, "reach_m": 1000.0}],
    )  # fmt: skip
    page = site / "equality.html"
    circle = rows_of(page, "facility_access")
    assert [r[:4] for r in circle if r[0] in ("医疗", "东区", "西区")] == [
        ["医疗", "560", "87.5 %", "87.5 %"], ["东区", "50.0 %"], ["西区", "100.0 %"],
    ]  # fmt: skip
    assert "没有数：托育（无此类数据）" in page.read_text("utf-8")
    assert ["东区村0", "医疗", "125", "1,463", "1,000"] in rows_of(page, "shortfall")
    assert ["西区", "0"] in rows_of(page, "shortfall")
    mapped = (site / "en" / "map.html").read_text("utf-8")
    assert "Of the 1 types of facility that are known, how many lie within 1,000 m" in mapped
    assert re.search(r'东区</th><td class="n">3</td><td class="n">0.3</td><td class="n">1</td>', mapped)
    assert "每个点是一个社区" in (site / "map.html").read_text("utf-8")


def test_a_score_without_a_margin_says_why(tmp_path: Path) -> None:
    score = SCORE | {"wave": "2026Q1", "held_on": date(2026, 2, 8), "n": 75}
    county = {"area_level": "county", "division_code": "C1", "division_name": "开发区", "mean": 71.2}
    site = written(
        tmp_path,
        survey_score=[
            score | {"area_level": "all", "mean": 71.3, "mean_lo": 69.0, "mean_hi": 73.6}, score | county | {"flags": "single_psu"},
            score | county | {"division_code": "C2", "interval_null_reason": "few_degrees_of_freedom"},
        ],
    )  # fmt: skip
    text = (site / "surveys.html").read_text("utf-8")
    assert "误差无法估计：某层只有一个初级抽样单元" in text
    assert re.search("误差无法估计：[^<]*自由度", text)
    assert "no margin can be told: a stratum with one sampling unit" in (site / "en" / "surveys.html").read_text(
        "utf-8"
    )


def test_a_chart_that_would_be_drawn_as_before_is_the_one_that_was(tmp_path: Path, monkeypatch) -> None:
    months = [Row(SHOWN), Row(SHOWN, period_start=date(2026, 1, 1), good_rate=0.9)]
    first, second, third = (tmp_path / f"{n}.json" for n in "123")
    with charts.taken_over(tmp_path / "none.json", first):
        drawn = charts.trend(months, "zh")
    asked: list[Any] = []
    convert = vl_convert.vegalite_to_svg
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", lambda *a, **k: asked.append(a) or convert(*a, **k))
    with charts.taken_over(first, second):
        assert charts.trend(months, "zh") == charts.trend(months, "zh") == drawn
        assert not asked
        assert charts.trend(months[:1], "zh") != drawn
    assert len(asked) == 1
    # A file that a disk has harmed, or somebody changed, is none; what is no longer drawn is not kept for ever.
    second.write_text(second.read_text(encoding="utf-8").replace("<svg", "<SVG"), encoding="utf-8")
    with charts.taken_over(second, third):
        assert charts.trend(months, "zh") == drawn
    assert len(asked) == 2
    assert (len(read_json(first)["drawings"]), len(read_json(third)["drawings"])) == (1, 1)


def test_what_an_edition_does_not_tell_has_no_column_on_a_page_or_in_a_download(tmp_path: Path) -> None:
    """Empty columns and dashes for it looked as if there were no data."""
    score = SCORE | {"n": 75, "mean": 71.2}
    tables = {
        "review_scorecard": [SHOWN | {"dimension": d, "code": c} for d, c in (("all", "all"), ("department", "health"))],
        "survey_score": [score | {"area_level": "all", "mean_lo": 70.0, "mean_hi": 72.0}, score | {"area_level": "county", "division_code": "C"}],
    }  # fmt: skip
    untold = {
        "review_scorecard": ("excluded_reviews", "more_reviews_to_decide"),
        "survey_score": ("interval_null_reason", "net"),
    }
    told, silent = written(tmp_path / "told", **tables), written(tmp_path / "silent", untold=untold, **tables)
    for site, is_told in ((told, True), (silent, False)):
        board, data = (site / "board.html").read_text("utf-8"), site / "data"
        assert ("还需多少评价" in board, "它们的条数不公布" in board) == (is_told, not is_told)
        assert ("未计入评价数" in (data / "reviews-department.csv").read_text("utf-8")) is is_told
        assert ("净满意度 Net [" in (data / "surveys.csv").read_text("utf-8")) is is_told
        assert ("误差不公布：回答的人少" in (site / "surveys.html").read_text("utf-8")) is not is_told


def test_a_wave_that_could_not_be_estimated_says_so(tmp_path: Path) -> None:
    site = written(
        tmp_path,
        survey_score=[
            {"wave": "w", "area_level": "all", "group_name": "all", "question_id": "all", "dimension": "all", "n": 0}
        ],
    )
    assert "本期未能估计" in (site / "surveys.html").read_text("utf-8")
    assert "could not be estimated" in (site / "en" / "surveys.html").read_text("utf-8")


def test_a_decomposition_that_is_refused_says_why(tmp_path: Path) -> None:
    score = SCORE | {"area_level": "all", "mean": 71.2}
    refused = {
        "wave": "w",
        "outcome": "Q1",
        "driver": "health",
        "null_reason": "完整作答 40 份，至少需要 50 份 · 40 complete answers; 50 needed",
    }
    site = written(tmp_path, survey_score=[score], survey_driver=[refused])
    assert "无法分解：完整作答 40 份，至少需要 50 份<" in (site / "surveys.html").read_text("utf-8")
    assert "not told apart: 40 complete answers; 50 needed<" in (site / "en" / "surveys.html").read_text("utf-8")


def test_of_many_communities_the_map_says_that_it_draws_squares(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("orchestration.release.bulletin.charts.MANY_POINTS", 5)
    monkeypatch.setitem(_environment().globals, "MANY_POINTS", 5)
    village = {"level": "village", "is_in_force": True, "latitude": 30.0}
    site = written(
        tmp_path,
        dim_division=[village | {"division_code": f"V{n}", "name": f"村{n}", "longitude": 100.0 + n / 10} for n in range(6)],
        facility_access=[
            {"division_code": f"V{n}", "division_level": "village", "circle_type": kind, "communities_within_wide": n % 2}
            for n in range(6) for kind in ("medical", "culture")
        ],
    )  # fmt: skip
    text = (site / "map.html").read_text("utf-8")
    assert "每一格是一片地方" in text
    assert "每个点" not in text
    assert "步行可及的设施类别（共 2 类）" in text


def test_parameters_of_the_policy_and_senders_are_called_by_their_names(tmp_path: Path) -> None:
    rule = {
        "policy": "p",
        "version": 1,
        "area": "",
        "valid_from": date(2020, 1, 1),
        "value": 0.9,
        "status": "project",
        "source": "有规定 · said so",
    }
    site = written(
        tmp_path,
        review_scorecard=[SHOWN | {"dimension": "all", "code": "all", "policy": "p"}],
        review_policy=[rule | {"parameter": "bad_line"}, rule | {"parameter": "of_no_list"}],
        sender_coverage=[{"feed": "evaluation.reviews", "sender": s, "month": date(2026, 2, 1), "expected_days": 28} for s in ("shifan", "大厅一")],
    )  # fmt: skip
    text = (site / "method.html").read_text("utf-8")
    assert '<th scope="row">差线</th>' in text
    assert '<th scope="row">of no list</th>' in text
    assert "本项目的选择 <small>有规定</small>" in text
    english = (site / "en" / "method.html").read_text("utf-8")
    assert '<th scope="row">bad line</th>' in english
    assert "this project's choice <small>said so</small>" in english.replace("&#39;", "'")
    feeds = (site / "feeds.html").read_text("utf-8")
    assert "<td>示范市政务服务平台（虚构）</td>" in feeds
    assert "<td>大厅一</td>" in feeds, "a sender that no list names is called by its folder"
    assert "shifan" not in feeds


def test_the_page_of_the_release_names_the_network_by_its_bytes() -> None:
    file = {"file": "taiwan.osm.pbf", "bytes": 3_700_000, "sha256": "ab" * 32, "dated": "2026-01-31"}
    network = {"files": [file], "nodes": 978_449, "ways_km": 93_123.4, "extent": [119.9, 122.0, 21.9, 25.3]}
    assert road_network(network) == (
        f"`taiwan.osm.pbf` (3,700,000 B, 2026-01-31, SHA-256 `{'ab' * 8}`): 978,449 nodes, 93,123.4 km, 119.90–122.00°E, 21.90–25.30°N. "
        "© OpenStreetMap contributors (ODbL)"
    )
    assert "straight lines with detour" in road_network({})


def test_every_download_is_described_with_the_columns_it_has(tmp_path: Path) -> None:
    site = written(tmp_path, review_scorecard=[SHOWN | {"dimension": "all", "code": "all"}])
    described = {r["path"]: r for r in read_json(site / "data" / "datapackage.json")["resources"]}
    assert set(described) == {p.name for p in (site / "data").glob("*.csv")}
    for name, resource in described.items():
        with (site / "data" / name).open(encoding="utf-8-sig") as file:
            assert next(csv.reader(file)) == [f["name"] for f in resource["schema"]["fields"]]
    rate = next(f for f in described["reviews-all.csv"]["schema"]["fields"] if f["column"] == "good_rate")
    assert (rate["type"], "good_reviews / active_reviews" in rate["description"]) == ("number", True)


def test_a_download_names_its_codes_and_columns(tmp_path: Path) -> None:
    value = {"indicator_code": "household_size", "division_code": "990100000000", "division_level": "city", "area_type": "all", "period": date(2026, 2, 1), "unit": "persons"}  # fmt: skip
    place = {"division_code": "1", "level": "village", "is_in_force": True, "longitude": 119.9, "latitude": 38.9}
    owed = {"feed": "evaluation.reviews", "sender": "shifan", "month": date(2026, 2, 1)}
    rule = {"policy": "national_2020", "parameter": "bad_line", "said_by_policy": "national_2020"}
    site = written(
        tmp_path, indicator_value=[value], dim_division=[place], sender_coverage=[owed], review_policy=[rule]
    )
    for name, told in [
        ("indicators", ["household_size", "户均人口 · "]), ("feeds", ["好差评评价 · ", ",shifan,示范市政务服务平台"]),
        ("policy", ["national_2020", "全国（2020 年） · ", "差线 · "]), ("communities", []),
    ]:  # fmt: skip
        text = (site / "data" / f"{name}.csv").read_text("utf-8-sig")
        assert not re.search("[a-z]_[a-z]", text.splitlines()[0]), name
        assert [word for word in told if word not in text] == [], (name, text.splitlines()[1])


# ── the small city's, as its night wrote it ─────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def site(night_city: City) -> Path:
    return night_city.data.published / "bulletin"


def test_every_link_of_the_bulletin_leads_somewhere_and_none_leaves_the_folder(site: Path) -> None:
    assert broken_links(site) == []
    for path in [*site.rglob("*.html"), *site.glob("*.css"), *site.glob("*.js")]:
        text = (
            path.read_text("utf-8")
            .replace("http://www.w3.org/2000/svg", "")
            .replace("http://www.w3.org/1999/xlink", "")
        )
        assert (
            not re.search(r"(?:https?:)?//[a-z]", text.split("<body>")[-1].replace("* //", "")) or path.suffix == ".js"
        ), path.name
        assert "http" not in text, path.name


def test_every_page_says_that_the_city_is_fictional_and_none_shows_a_raw_code(site: Path) -> None:
    lists = {c for p in load_products().values() for f in p.fields for c in f.enum if "_" in c}
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        assert "FICTIONAL" in text, path.name
        if path.stem == "dictionary":
            continue
        said = re.sub(r"<[^>]+>", " ", text[text.index("<main") : text.index("</main>")])
        assert not re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b|\brest:|\bNone\b", said), path.name
        assert not [code for code in lists if re.search(rf"\b{re.escape(code)}\b", said)], path.name


def test_no_chinese_page_says_anything_in_english_alone(site: Path) -> None:
    """Two words of Latin letters in a row; what a contract says of a column stands in the dictionary in English, as its head says."""
    for path in site.glob("*.html"):
        if path.stem != "dictionary":
            text = re.sub(r"<(svg|code|script|style)\b.*?</\1>|<[^>]+>", "\n", path.read_text("utf-8"), flags=re.DOTALL)
            said = [line for line in text.splitlines() if re.search(r"[A-Za-z]{2,}(?:[ ,;:]+[A-Za-z]{2,})+", line)]
            assert said == [], path.name


def test_no_english_word_runs_into_the_next(site: Path) -> None:
    for path in (site / "en").glob("*.html"):
        if path.stem != "dictionary":
            text = re.sub(r"<(svg|code)\b.*?</\1>", " ", path.read_text("utf-8").split("<main")[1], flags=re.DOTALL)
            said = re.sub(r"</?(?:b|a|small|span|strong)\b[^>]*>", "", text)
            assert re.findall(r"\w*[a-z][.;,:]?[A-Z][a-z]\w*", re.sub(r"<[^>]+>", "\n", said)) == [], path.name


def test_the_board_says_what_the_public_edition_says(site: Path, night_city: City) -> None:
    with duckdb.connect(str(night_city.data.published / "public" / "minsheng_public.duckdb"), read_only=True) as con:
        asked = con.execute(
            "select name_zh, good_rate from review_scorecard where dimension = 'department' and period_kind = 'month' and good_rate is not null and code <> 'unknown' "
            "and period_start = (select max(period_start) from review_scorecard where dimension = 'all' and period_kind = 'month' and is_complete)"
        ).fetchall()  # fmt: skip
    board = (site / "board.html").read_text("utf-8")
    assert asked
    for name, rate in asked:
        row = next(r for r in board.split("<tr") if f">{name}</a>" in r)
        assert f"{100 * rate:.1f} %" in row


def test_the_dictionary_knows_every_column_that_leaves_and_the_feeds_it_comes_from(site: Path) -> None:
    with (site / "dictionary.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    entries = {(r["table"], r["column"]): r for r in rows}
    assert {(p.id, f.name) for p in load_products().values() for f in p.fields} <= set(entries)
    rate = entries["review_scorecard", "good_rate"]
    assert rate["withheld"] == "yes"
    assert "evaluation.reviews" in rate["feeds"]
    assert rate["example"]
    assert (
        "surely_below_bad_line = 区间低于差线 · surely below the bad line"
        in entries["review_scorecard", "verdict_reason"]["codes"]
    )
    assert entries["fct_review", "review_id"]["where"] == "bureau"
    assert entries["fct_review", "review_id"]["example"] == "", (
        "a value of the bureau's own tables is shown to everybody"
    )


def test_in_a_browser_the_dictionary_is_searched(site: Path) -> None:
    with browser() as opened, page(opened) as (shown, said):
        shown.goto(address(site / "dictionary.html"))
        assert shown.locator(".entry tbody tr:visible").count() > 500
        assert shown.locator(".entries").is_visible()
        shown.locator("[data-dictionary] input").fill("review_scorecard 参评率")
        assert not shown.locator(".entries").is_visible(), "what is found stands below a list of all tables"
        assert 1 <= shown.locator(".entry tbody tr:visible").count() < 40
        assert shown.locator(".entry:visible").count() == 1
        assert shown.locator(".entry:visible").bounding_box()["y"] < DESK[1] / 2
        shown.locator("[data-dictionary] input").fill("")
        assert shown.locator(".entries").is_visible()
        assert said == []


def test_the_first_page_is_light(site: Path) -> None:
    assert sum((site / f).stat().st_size for f in ("index.html", "bulletin.css", "bulletin.js")) < 2_000_000


# Cells of a table in which a word of four Chinese letters takes two lines or more.
ON_END = """() => {
  document.querySelectorAll('details').forEach(d => { d.open = true; });
  return [...document.querySelectorAll('main td, main th')].filter(cell => {
    const style = getComputedStyle(cell), room = cell.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    return cell.offsetParent && /[\\u4e00-\\u9fff]{4}/.test(cell.textContent) && room < 3.5 * parseFloat(style.fontSize);
  }).map(cell => cell.textContent.trim().slice(0, 30));
}"""


TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# What WCAG 1.4.10 calls reflow: 1280 pixels enlarged fourfold.
AT_400_PERCENT = {"width": 320, "height": 700}


@pytest.mark.slow
def test_in_a_browser_every_page_is_quiet_accessible_and_fits_the_screen(site: Path) -> None:
    units = [next(iter(sorted(p.name for p in site.glob(f"{kind}-*.html")))) for kind in ("department", "facility")]
    with browser() as opened:
        # Both languages are made from the same templates: each page is tried in one of them, at one width.
        with page(opened, TELEPHONE) as (shown, _):
            for name in (*(f"{p}.html" for p in (*PAGES, "dictionary")), units[0]):
                shown.goto(address(site / name))
                assert shown.evaluate(ON_END) == [], f"{name}: words stand on end, a letter or two a line"
            shown.set_viewport_size(AT_400_PERCENT)
            for name in (*(f"{p}.html" for p in (*PAGES, "dictionary")), *units):
                shown.goto(address(site / "en" / name))
                assert shown.evaluate(TOO_WIDE) <= 0, f"{name} is wider than the screen at 400 %"
        for number, name in enumerate([*(f"{p}.html" for p in (*PAGES, "dictionary")), *units, "index.html", units[0]]):
            folder, size = (site / "en", TELEPHONE) if number % 2 else (site, DESK)
            with page(opened, size) as (shown, said):
                shown.goto(address(folder / name))
                assert said == [], name
                assert shown.evaluate(TOO_WIDE) <= 0, f"{name} is wider than the screen"
                # Hundreds of rows alike, and sections of them: the first of them stand for the others.
                alike = "tbody tr:nth-child(n+4)"
                if name in ("dictionary.html", "board.html"):
                    alike += ", section:nth-of-type(n+3)"
                shown.evaluate("what => document.querySelectorAll(what).forEach(e => e.remove())", alike)
                assert axe_violations(shown) == [], name


def test_in_a_browser_the_language_filters_sorting_and_downloads_work_by_keyboard(site: Path) -> None:
    with browser() as opened, page(opened) as (shown, said):
        shown.goto(address(site / "index.html"))
        shown.keyboard.press("Tab")
        assert shown.evaluate("document.activeElement.className") == "skip"
        shown.keyboard.press("Enter")
        assert shown.evaluate("document.activeElement.id") == "main"
        shown.goto(address(site / "board.html"))
        departments = shown.locator("#department tbody tr:visible")
        everything = departments.count()
        state = shown.locator("#department tbody tr").first.get_attribute("data-state")
        shown.locator(f"#department input[value={state}]").press("Space")
        same = shown.locator(f"#department tbody tr[data-state={state}]").count()
        assert departments.count() == same <= everything
        assert f"{same} / {everything}" in shown.locator("#department output").inner_text()
        shown.locator("[data-language]").press("Enter")
        shown.wait_for_url("**/en/board.html*")
        assert shown.locator("html").get_attribute("lang") == "en"
        assert shown.locator("#department tbody tr:visible").count() == same, "the filter is lost with the language"
        shown.locator(f"#department input[value={state}]").press("Space")
        shown.locator("#department [data-words]").fill("health")
        assert 1 <= shown.locator("#department tbody tr:visible").count() < everything
        shown.locator("#department [data-words]").fill("")
        shown.locator("#department th button").nth(4).press("Enter")
        order = [
            int(v)
            for v in shown.locator("#department tbody tr td:nth-child(6)").evaluate_all(
                "c => c.map(x => x.dataset.order)"
            )
            if v
        ]
        assert order == sorted(order)
        shown.goto(address(site / "indicators.html"))
        indicators = shown.locator(".indicator:visible")
        everything = indicators.count()
        missed = shown.locator(".indicator[data-state=bad]").count()
        shown.locator(".filters input[value=bad]").press("Space")
        assert 0 < indicators.count() == missed < everything
        assert f"{missed} / {everything}" in shown.locator(".filters output").inner_text()
        shown.locator("[data-language]").press("Enter")
        shown.wait_for_url("**/en/indicators.html*")
        assert indicators.count() == missed, "the filter is lost with the language"
        shown.locator(".filters input[value=bad]").press("Space")
        shown.locator(".filters [data-words]").fill("per 10,000")
        assert 0 < indicators.count() < everything
        shown.goto(address(site / "en" / "board.html"))
        assert said == []
        # The browser calls a request that became a download aborted; its bytes say whether it came.
        with shown.expect_download() as waiting:
            shown.locator("#department ~ * .download, #department .download").first.click()
        assert Path(waiting.value.path()).read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    ("value", "numerator", "denominator", "better", "told", "met"),
    [
        (43.57, 87_145, 2_005, "up", None, True),  # 43.4 to 43.7
        (0.94, 945, 1_005, "up", None, False),
        (30.2, 305, 1_010, "up", None, None),  # 305 may be 300 or 309
        (30.2, 305, 1_010, "down", None, None),
        (12.0, 125, 1_045, "down", None, True),
        (43.57, 5, 5, "up", None, None),  # a count below ten bounds nothing
        (43.57, None, None, "up", None, None),
        (29.9, 305, 1_020, "up", True, True),  # what the edition says counts
    ],
)
def test_a_target_is_met_where_every_count_that_is_told_as_this_ten_says_so(value, numerator, denominator, better, told, met) -> None:  # fmt: skip
    target = 1.0 if value < 1 else 30.0
    row = Row(value=value, numerator=numerator, denominator=denominator, target=target, is_target_met=told)
    assert (
        Indicator("x", Names("", ""), "", better, [row], [], []).state
        == {True: "good", False: "bad", None: "undetermined"}[met]
    )


def test_a_column_whose_codes_stand_in_a_list_is_said_in_its_words(tmp_path: Path) -> None:
    said = open_edition(edition(tmp_path, dim_date=[]))
    for _ in range(2):  # the second time from what was kept
        assert said.label("indicator_value", "unit", "m2_per_100_households") == Names(
            "m²/百户", "m² per 100 households"
        )
    assert said.label("indicator_value", "unit", "of_no_list") == Names("of no list", "of no list")


def test_the_page_of_sources_says_what_became_of_the_days_owed(tmp_path: Path) -> None:
    owed = {"feed": "evaluation.reviews", "sender": "shifan", "month": date(2026, 2, 1), "expected_days": 28, "covered_days": 21,
            "refused_days": 2, "held_days": 1, "withdrawn_days": 0, "late_days": 1, "missing_days": 3}  # fmt: skip
    text = (written(tmp_path, sender_coverage=[owed]) / "feeds.html").read_text("utf-8")
    assert re.findall(r'<td class="n"[^>]*>([^<]*)</td>', text) == ["28", "21", "3", "4"]
    assert "本次发布没有" not in text


def test_a_part_of_a_score_that_the_edition_leaves_out_is_withheld_and_not_unmeasured(tmp_path: Path) -> None:
    scored = {"month": date(2026, 2, 1), "department_code": "health", "division_code": "990100000000", "level": "city",
              "timeliness_part": 100.0, **{f"weight_{part}": 0.2 for part in ("reviews", "survey", "timeliness")}}  # fmt: skip
    path = edition(
        tmp_path,
        review_scorecard=[SHOWN | {"dimension": "all", "code": "all"}, SHOWN | {"dimension": "department", "code": "health"}],
        department_scorecard=[scored],
        dim_department=[{"department_code": "health", "name_zh": "卫生健康委", "name_en": "Health Commission"}],
    )  # fmt: skip
    with duckdb.connect(str(path)) as con:
        con.execute("create table public_columns (table_name varchar, column_name varchar, told_as varchar)")
        con.execute("insert into public_columns values ('department_scorecard', 'reviews_part', 'left_out'), ('department_scorecard', 'survey_part', 'plain')")  # fmt: skip
    write(path, tmp_path / "site", ABOUT)
    text = (tmp_path / "site" / "department-health.html").read_text("utf-8")
    rows = {part: re.search(rf'<tr><th scope="row">{part}</th>.*?</tr>', text, re.DOTALL) for part in ("好评率", "满意度调查", "报送及时")}  # fmt: skip
    said = {part: "不公布" if "不公布" in found[0] else "未测" if "未测" in found[0] else "分" for part, found in rows.items() if found}  # fmt: skip
    assert said == {"好评率": "不公布", "满意度调查": "未测", "报送及时": "分"}
    assert "部门见自己的记分表" in text


def test_units_of_one_name_are_told_apart_by_their_codes(tmp_path: Path) -> None:
    """Two halls of one name in one county could not be told apart, and communities of two counties of one name stood as one county."""
    counties = [
        {"division_code": c, "name": "城区", "full_name": f"示范市城区{c}", "level": "county", "parent_code": "C", "is_in_force": True}
        for c in ("C1", "C2")
    ]  # fmt: skip
    villages = [
        {"division_code": f"V{n}", "name": "一社区", "full_name": f"V{n}", "level": "village", "county_code": f"C{n}", "is_in_force": True, "longitude": 116.0, "latitude": 40.0}
        for n in (1, 2)
    ]  # fmt: skip
    halls = {"h1": ("中心", "C1"), "h2": ("中心", "C1"), "h3": ("中心", "C2"), "h4": ("之家", "C2")}
    site = written(
        tmp_path,
        dim_department=[{"department_code": c, "name_zh": "服务局", "name_en": "Services"} for c in ("a", "b")],
        dim_division=[{"division_code": "C", "name": "示范市", "full_name": "示范市", "level": "city", "is_in_force": True}, *counties, *villages],
        dim_facility=[{"facility_id": h, "name": n, "department_code": "a", "division_code": c} for h, (n, c) in halls.items()],
        review_scorecard=[
            SHOWN | {"dimension": "all", "code": "all"},
            *(SHOWN | {"dimension": "department", "code": c} for c in ("a", "b")),
            *(SHOWN | {"dimension": "facility", "code": h, "name_zh": n} for h, (n, _) in halls.items()),
            *(SHOWN | {"dimension": "county", "code": c["division_code"], "name_zh": "城区"} for c in counties),
        ],
        survey_score=[
            SCORE | {"area_level": "all", "mean": 70.0, "held_on": date(2026, 1, 1)},
            *(SCORE | {"area_level": "county", "division_code": c, "division_name": "城区", "mean": 70.0} for c in ("C1", "C2")),
        ],
        facility_access=[{"division_code": f"V{n}", "division_level": "village", "circle_type": "x", "communities_within_wide": 1} for n in (1, 2)],
    )  # fmt: skip
    for language, mark in (("", "（{}）"), ("en/", " ({})")):
        board = (site / f"{language}board.html").read_text("utf-8")
        apart = {code: mark.format(code) for code in ("h1", "h2", "h3", "h4", "a", "b", "C1", "C2")}
        assert f"中心{apart['h1']}" in board
        assert f"中心{apart['h2']}" in board
        assert f"中心{apart['h3']}" not in board, "its county tells it apart"
        assert f"之家{apart['h4']}" not in board
        for code in ("C1", "C2"):
            assert f"城区{apart[code]}" in board
            assert f"城区（{code}）" in (site / f"{language}map.html").read_text("utf-8")
            assert f"城区（{code}）" in (site / f"{language}surveys.html").read_text("utf-8")
        name = "Services" if language else "服务局"
        assert f"{name}{apart['a']}" in (site / f"{language}department-a.html").read_text("utf-8")


def test_in_a_browser_names_of_sixty_letters_leave_a_page_as_it_is(tmp_path: Path) -> None:
    name = "察布查尔锡伯自治县孙扎齐牛录镇阿布散社区便民服务中心暨新时代文明实践站" * 2
    halls = [{**SHOWN, "dimension": "facility", "code": f"h{n}", "name_zh": name} for n in range(12)]
    site = written(
        tmp_path,
        dim_department=[{"department_code": "health", "name_zh": name, "name_en": name}],
        dim_division=[{"division_code": "C", "name": name, "full_name": name, "level": "city", "is_in_force": True}],
        dim_facility=[{"facility_id": f"h{n}", "name": name, "department_code": "health", "division_code": "C"} for n in range(12)],
        review_scorecard=[SHOWN | {"dimension": "all", "code": "all"}, SHOWN | {"dimension": "department", "code": "health"}, *halls],
    )  # fmt: skip
    with browser() as opened, page(opened) as (shown, said):
        for path in ("index.html", "en/department-health.html"):
            shown.goto(address(site / path))
            assert shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
            assert shown.locator(".issue").bounding_box()["width"] > 200, (
                "the day of the data stands one sign below the other"
            )
            assert printed_sides(shown) <= 2
        shown.emulate_media(media="print")
        assert shown.locator(".issue").bounding_box()["width"] > 200
        assert said == []


@pytest.mark.slow
def test_on_paper_a_department_takes_two_sides(site: Path) -> None:
    with browser() as opened, page(opened) as (shown, _):
        pages = [*site.glob("department-*.html"), *(site / "en").glob("department-*.html")]
        # Those that say most: where they take two sides, the others do.
        for path in sorted(pages, key=lambda path: path.stat().st_size)[-8:]:
            shown.goto(address(path))
            assert printed_sides(shown) <= 2, path.name


def test_on_paper_no_page_is_wider_than_a_sheet(site: Path) -> None:
    """A4 less its margins is 184 mm, 695 pixels of a style sheet."""
    with browser() as opened, page(opened, (695, 1000)) as (shown, _):
        shown.emulate_media(media="print")
        for name in (*(f"{p}.html" for p in (*PAGES, "dictionary")), "en/board.html", "en/dictionary.html"):
            shown.goto(address(site / name))
            wide = shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{name} is cut on paper"


# Words of two parts of a scale in one place cannot be read.
TOUCHING = """() => [...document.querySelectorAll('.scale')].flatMap(scale => {
  const told = [...scale.querySelectorAll('text')].map(t => t.getBoundingClientRect()).filter(box => box.width);
  return told.slice(1).filter((box, n) => box.left < told[n].right + 1).map(() => scale.textContent);
})"""
# On paper, what a heading stands over: nothing, where all of it is for the screen alone.
BARE = """() => [...document.querySelectorAll('main h2, main h3')].filter(head => head.checkVisibility() && !head.closest('.tile')).filter(head =>
  ![...head.parentElement.querySelectorAll('p, table, figure, ul')].some(e =>
    head.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING && e.checkVisibility({contentVisibilityAuto: true}) && e.getBoundingClientRect().height)
).map(head => head.textContent)"""
WHOLE = "[...document.querySelectorAll('.indicator, .beside, .flow > section:not(:has(tr:nth-child(9)))')].filter(e => getComputedStyle(e).breakInside !== 'avoid').length"


def test_a_scale_is_told_in_round_numbers_that_can_be_read(site: Path) -> None:
    unit = next(iter(sorted(p.name for p in site.glob("facility-*.html"))))
    with browser() as opened, page(opened, (695, 1000)) as (shown, _):
        for name in ("index.html", "board.html", "indicators.html", "surveys.html", unit):
            shown.goto(address(site / name))
            for media, width in (("print", 695), ("screen", 320), ("screen", 640), ("screen", 1280)):
                shown.emulate_media(media=media)
                shown.set_viewport_size({"width": width, "height": 1000})
                assert shown.evaluate(TOUCHING) == [], f"{name}, {media}, {width}"


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (65, 100, ["70", "80", "90", "100"]),
        (85, 100, ["85", "90", "95", "100"]),
        (0, 100, ["0", "25", "50", "75", "100"]),
        (0, 200_000, ["0", "50,000", "100,000", "150,000", "200,000"]),
        (0, 500, ["0", "200", "400"]),
        (0, 0.6, ["0", "0.2", "0.4", "0.6"]),
        (0, 0.003, ["0", "0.001", "0.002", "0.003"]),
    ],
)
def test_a_scale_of_any_size_has_at_most_five_round_numbers(low, high, told) -> None:
    found = _ticks(low, high)
    assert [words for _, words in found] == told
    assert [low + at * (high - low) for at, _ in found] == pytest.approx([float(w.replace(",", "")) for w in told])


def test_on_paper_nothing_is_cut_that_belongs_together_and_no_heading_stands_alone(site: Path) -> None:
    units = [next(iter(sorted(p.name for p in site.glob(f"{kind}-*.html")))) for kind in ("department", "facility")]
    with browser() as opened, page(opened, (695, 1000)) as (shown, _):
        shown.emulate_media(media="print")
        for name in (*(f"{p}.html" for p in (*PAGES, "dictionary")), *units):
            shown.goto(address(site / name))
            assert shown.evaluate(WHOLE) == 0, f"{name}: a chart or an indicator is cut between two sides"
            assert shown.evaluate(BARE) == [], f"{name}: a heading on paper with nothing under it"
            assert shown.evaluate("[...document.querySelectorAll('th button')].map(b => getComputedStyle(b, '::after').content)") in ([], ["none"] * shown.locator("th button").count()), name  # fmt: skip


def test_on_paper_the_table_behind_a_chart_is_there_for_who_has_opened_it(site: Path) -> None:
    with browser() as opened, page(opened) as (shown, _):
        shown.emulate_media(media="print")
        shown.goto(address(site / "index.html"))
        behind = shown.locator(".behind").first
        assert not behind.is_visible()
        behind.evaluate("e => e.open = true")
        assert behind.locator("table").is_visible()


def test_in_forced_colours_ranges_and_drawings_can_be_seen(site: Path) -> None:
    with browser() as opened, page(opened, forced_colors="active", color_scheme="dark") as (shown, _):
        shown.goto(address(site / "index.html"))
        ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(0, 0, 0)"
        seen = "[...document.querySelectorAll('.strip circle, .strip rect')].map(e => getComputedStyle(e).fill)"
        assert set(shown.evaluate(seen)) == {"rgb(255, 255, 255)"}
        assert shown.evaluate("getComputedStyle(document.querySelector('.drawing')).backgroundColor") == "rgb(255, 255, 255)"  # fmt: skip
        here = "a => getComputedStyle(a).borderBottomColor"
        assert shown.locator("header nav a[aria-current]").first.evaluate(here) != shown.locator("header nav a:not([aria-current])").first.evaluate(here)  # fmt: skip


class Strict(SimpleHTTPRequestHandler):
    """A web server that allows a page nothing but files of its own place."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", "default-src 'self'")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_a_strict_web_server_shows_every_page_below_any_folder(site: Path, tmp_path: Path) -> None:
    (tmp_path / "gov").mkdir()
    (tmp_path / "gov" / "公报").symlink_to(site.resolve())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Strict, directory=str(tmp_path)))
    Thread(target=server.serve_forever, daemon=True).start()
    unit = next(iter(sorted(p.name for p in site.glob("department-*.html"))))
    try:
        with browser() as opened, page(opened) as (shown, said):
            for name in ("", *(f"{p}.html?from=there" for p in (*PAGES, "dictionary")), f"en/{unit}"):
                shown.goto(f"http://127.0.0.1:{server.server_port}/gov/公报/{name}")
                at = shown.locator(".strip circle")
                if at.count():
                    assert shown.evaluate("new Set([...document.querySelectorAll('.strip circle')].map(c => c.getBoundingClientRect().left)).size") > 1  # fmt: skip
            complaints = [line for line in said if not line.startswith("http")]
            assert complaints == []
            # Who followed a link that something on its way has broken still gets a page that works.
            shown.goto(f"http://127.0.0.1:{server.server_port}/gov/公报/board.html?x=1#%E4%zz")
            assert shown.locator("th button").count() > 0
            assert [line for line in said if "URI" in line] == []
    finally:
        server.shutdown()
        server.server_close()


def test_without_a_script_every_row_is_there_and_nothing_is_offered_that_needs_one(site: Path) -> None:
    with browser() as opened, page(opened, java_script_enabled=False) as (shown, _):
        for name in ("board.html", "indicators.html", "dictionary.html", "en/equality.html"):
            shown.goto(address(site / name))
            assert shown.locator("form:visible").count() == 0, name
            assert shown.locator("tbody tr").count() == shown.locator("tbody tr:visible").count(), name
        shown.locator("[data-language]").click()
        shown.wait_for_url("**/equality.html")
        assert "/en/" not in shown.url


def test_two_halls_of_one_name_have_two_titles_and_a_long_code_has_a_page(tmp_path: Path) -> None:
    halls = {"h1": "东区", "h2": "西区", "H" * 300: "南区"}
    site = written(
        tmp_path,
        dim_division=[{"division_code": c, "name": n, "full_name": n, "level": "county", "county_code": c, "is_in_force": True} for c, n in halls.items()],
        dim_facility=[{"facility_id": c, "name": "便民服务中心", "department_code": "health", "division_code": c} for c in halls],
        review_scorecard=[SHOWN | {"dimension": "all", "code": "all"}, *(SHOWN | {"dimension": "facility", "code": c, "name_zh": "便民服务中心"} for c in halls)],
    )  # fmt: skip
    titles = [re.search(r"<title>(.*?)</title>", p.read_text("utf-8"))[1] for p in site.glob("facility-*.html")]  # type: ignore[index]
    assert len(titles) == len(set(titles)) == 3
    assert broken_links(site) == []
