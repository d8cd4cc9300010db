"""Divisions through the years: what became of each unit, held against the demo's own record and against known reforms."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from building import accept, build, copy_project, dbt
from rich.console import Console

from benchmarks import backbone
from contracts.loading import load_feeds
from demo import city
from demo.plan import Plan
from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

MODELS = ["+division_population_restated", "+dim_division", "+division_problem"]
# What the demo calls each change, and what the divisions say of it.
SAID = {"renamed": "renamed", "merged": "merged", "recoded": "moved", "code_reused": "code_reused"}


def directory(root: Path) -> DataDirectory:
    data = DataDirectory(root)
    data.derived.mkdir()
    return data


def build_divisions(data: DataDirectory) -> None:
    selection = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")
    build(data, "--select", *MODELS, *selection)


# ── the fictional city, whose changes are known ─────────────────────────────────────────────────


@pytest.fixture(scope="module")
def shifan(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The city of 650 communities, both vintages and both years of residents; with its record of changes."""
    data = directory(tmp_path_factory.mktemp("shifan"))
    plan = Plan(seed=7, communities=650)
    made = city.build(plan)
    population = pl.concat(p.frame for p in city.parcels(plan, made) if p.feed == "reference.population")
    for feed, frame in (("reference.divisions", made.divisions), ("reference.population", population)):
        accept(data, load_feeds()[feed], frame.to_dicts(), datetime(2026, 1, 2, 2))
    build_divisions(data)
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        yield con, made, population


def test_every_change_of_the_city_is_told_as_it_was(shifan: Any) -> None:
    con, made, _ = shifan
    told = {
        (change, old): new
        for change, old, new in con.execute(
            "select change, old_code, new_code from divisions.division_successor "
            "where change not in ('unchanged', 'new')"
        ).fetchall()
    }
    wanted = {
        (SAID[change], old): None if change == "code_reused" else new for change, old, new in made.changes.iter_rows()
    }
    assert told == wanted


def test_a_reused_code_begins_another_life(shifan: Any) -> None:
    con, made, _ = shifan
    (code,) = made.changes.filter(pl.col("change") == "code_reused")["old_code"]
    lives = con.execute(
        "select name, unit_key from divisions.dim_division_history where division_code = ? order by valid_from_year",
        [code],
    ).fetchall()
    assert lives[0][0] == "示范槐树村"
    assert len({key for _, key in lives}) == 2


def test_restated_residents_sum_to_what_was_reported(shifan: Any) -> None:
    con, _, population = shifan
    reported = dict(population.filter(pl.col("division_code") == city.CITY).select("year", "population").iter_rows())
    restated = dict(
        con.execute(
            "select year, population from divisions.division_population_restated where division_code = ?", [city.CITY]
        ).fetchall()
    )
    assert restated == reported


def test_a_merged_village_is_the_sum_of_its_halves_only_when_restated(shifan: Any) -> None:
    con, made, population = shifan
    before = dict(population.filter(pl.col("year") == city.EARLIER).select("division_code", "population").iter_rows())
    for old, new in made.changes.filter(pl.col("change") == "merged").select("old_code", "new_code").iter_rows():
        query = "select population from divisions.{} where division_code = ? and year = ?"
        was = con.execute(query.format("division_population"), [new, city.EARLIER]).fetchone()[0]
        now = con.execute(query.format("division_population_restated"), [new, city.EARLIER]).fetchone()[0]
        assert (was, now) == (before[new], before[new] + before[old])


def test_restated_to_the_earlier_vintage_the_halves_come_back(shifan: Any, tmp_path: Path) -> None:
    """Backwards a merger is a split: 2025's residents are shared out as the halves' own counts of 2024 were."""
    _, made, population = shifan
    data = directory(tmp_path)
    for feed, frame in (("reference.divisions", made.divisions), ("reference.population", population)):
        accept(data, load_feeds()[feed], frame.to_dicts(), datetime(2026, 1, 2, 2))
    build(
        data, "--select", "+division_population_restated", "--exclude-resource-type", "unit_test",
        "--indirect-selection", "cautious", variables={"restate_to_vintage": city.EARLIER},
    )  # fmt: skip
    counts = {
        (code, year): people
        for code, year, people in population.select("division_code", "year", "population").iter_rows()
    }
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        for old, new in made.changes.filter(pl.col("change") == "merged").select("old_code", "new_code").iter_rows():
            restated = dict(
                con.execute(
                    "select division_code, population from divisions.division_population_restated "
                    "where division_code in (?, ?) and year = ?",
                    [old, new, city.NEWEST],
                ).fetchall()
            )
            halves = counts[old, city.EARLIER] + counts[new, city.EARLIER]
            share = counts[new, city.NEWEST] * counts[old, city.EARLIER] / halves
            assert restated[old] == pytest.approx(share)
            assert sum(restated.values()) == pytest.approx(counts[new, city.NEWEST])


# ── the mainland, whose reforms are known ───────────────────────────────────────────────────────

# County-level reforms between 2016 and 2023 as the State Council approved them: old name → the names that carry it on.
REFORMS = {
    "130502000000": ("桥东区", "renamed", {"襄都区"}),  # 邢台 2020
    "130521000000": ("邢台县", "merged", {"信都区"}),  # 邢台 2020
    "330103000000": ("下城区", "merged", {"拱墅区"}),  # 杭州 2021
    "330104000000": ("江干区", "split", {"上城区", "钱塘区"}),  # 杭州 2021
    "330204000000": ("江东区", "merged", {"鄞州区"}),  # 宁波 2016
    "320611000000": ("港闸区", "merged", {"崇川区"}),  # 南通 2020
    "350402000000": ("梅列区", "merged", {"三元区"}),  # 三明 2021
    "360105000000": ("湾里区", "merged", {"新建区"}),  # 南昌 2019
    "370634000000": ("长岛县", "merged", {"蓬莱区"}),  # 烟台 2020
    "410306000000": ("吉利区", "merged", {"孟津区"}),  # 洛阳 2021
    "140202000000": ("城区", "split", {"平城区", "云冈区"}),  # 大同 2018
}


def test_known_reforms_of_the_mainland_are_found(shared_data: Path, tmp_path: Path) -> None:
    data = directory(tmp_path)
    backbone.take_in(data, Console(quiet=True), *backbone.MAINLAND, backbone.TAIWAN)
    backbone.build(data)
    query = """
        select old_code, old_name, max(change), list(new_name)
        from divisions.division_successor
        where level = 'county' and old_code in (select unnest(?))
        group by old_code, old_name
    """
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        found = {
            code: (name, change, set(heirs))
            for code, name, change, heirs in con.execute(query, [list(REFORMS)]).fetchall()
        }
        reused = con.execute(
            "select name, unit_key from divisions.dim_division_history where division_code = '510824114205' order by valid_from_year"
        ).fetchall()
        lost = con.execute(
            "select count(*) from (select sum(weight) as w from divisions.division_restatement group by vintage, division_code) "
            "where abs(w - 1) > 1e-9"
        ).fetchone()
    assert found == REFORMS
    assert [name for name, _ in reused] == ["红雨村民委员会", "迴龙村村民委员会"]
    assert len({key for _, key in reused}) == 2
    assert lost == (0,)


# ── counties from 1980 to 2019 ──────────────────────────────────────────────────────────────────

# The same place under a new code or name: what it was, the last year of that, what it became.
CONTINUED = {
    ("110221000000", "昌平县"): (1998, "110114000000", "昌平区"),
    ("110228000000", "密云县"): (2014, "110118000000", "密云区"),
    ("330181000000", "萧山市"): (2000, "330109000000", "萧山区"),
    ("429015000000", "丹江口市"): (
        1994,
        "420381000000",
        "丹江口市",
    ),  # its code no longer that of a town below the province
    ("329020000000", "泰兴市"): (1994, "321086000000", "泰兴市"),
    ("342824000000", "潜山县"): (1987, "340824000000", "潜山县"),  # the list of 1987 has no row for Anhui
    ("330185000000", "临安市"): (2016, "330112000000", "临安区"),
    ("420600000000", "襄樊市"): (2009, "420600000000", "襄阳市"),
    ("530800000000", "思茅市"): (2006, "530800000000", "普洱市"),
    ("533421000000", "中甸县"): (2000, "533421000000", "香格里拉县"),
}
# Dissolved into a neighbour, which a list of codes does not say: no heir is made up, the figures count one level up.
DISSOLVED = {
    ("110103000000", "崇文区"): (2009, "110000000000"),
    ("310103000000", "卢湾区"): (2010, "310000000000"),
    ("310119000000", "南汇区"): (2008, "310000000000"),
    ("320503000000", "平江区"): (2010, "320500000000"),  # the list called 201112 has 姑苏区 of September 2012 already
    ("320103000000", "白下区"): (2011, "320100000000"),  # no list of 2012 is there
}


def test_forty_years_of_counties_hold_together(shared_data: Path, tmp_path: Path) -> None:
    """The 72 county vintages: reforms that everybody knows are told as they were, and nobody is there twice or lost."""
    data = directory(tmp_path)
    backbone.take_in(data, Console(quiet=True), backbone.COUNTIES)
    build_divisions(data)
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        history = frame(
            con,
            "select division_code, name, valid_from_year, valid_to_year, unit_key from divisions.dim_division_history",
        )
        ended = frame(
            con,
            "select old_code, old_name, from_vintage, new_code, new_name, change from divisions.division_successor where change <> 'unchanged'",
        )
        counted = frame(con, "select vintage, division_code, restated_code, weight from divisions.division_restatement")
    for (code, name), (last, heir, heir_name) in CONTINUED.items():
        (told,) = ended.filter(old_code=code, old_name=name, from_vintage=last).rows(named=True)
        wanted = "renamed" if code == heir else "moved"
        assert (told["new_code"], told["new_name"], told["change"]) == (heir, heir_name, wanted), name
        assert (history.filter(division_code=code)["unit_key"].n_unique() == 1) or code != heir
    for (code, name), (last, above) in DISSOLVED.items():
        (told,) = ended.filter(old_code=code, old_name=name).rows(named=True)
        assert (told["from_vintage"], told["new_code"], told["change"]) == (last, None, "abolished"), name
        assert counted.filter(vintage=last, division_code=code)["restated_code"].to_list() == [above]
    assert history["valid_from_year"].min() == 1980
    weights = counted.group_by("vintage", "division_code").agg(pl.col("weight").sum())["weight"]
    assert weights.len() == units_of_the_files(shared_data)
    assert (weights - 1).abs().max() < 1e-9


def frame(con: Any, query: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(con.sql(query).to_arrow_table()))


def units_of_the_files(shared_data: Path) -> int:
    """How many units the last list of each year holds, counted from the files."""
    last: dict[str, int] = {}
    for path in sorted((shared_data / "divisions" / "gb2260").glob("*.tsv")):
        last[path.stem[:4]] = pl.read_csv(path, separator="\t", infer_schema=False)["Code"].n_unique()
    return sum(last.values())


# ── a broken backbone ───────────────────────────────────────────────────────────────────────────


def units(vintage: int, villages: int) -> list[dict[str, Any]]:
    town = {"vintage": vintage, "code": "990101001000", "name": "和平街道", "parent_code": None, "level": "town"}
    return [
        town,
        *(
            {
                "vintage": vintage, "code": f"990101001{n:03}", "name": f"{n}号社区", "level": "village",
                "parent_code": town["code"],
            }
            for n in range(1, villages + 1)
        ),
    ]  # fmt: skip


CIRCLE = [
    {"vintage": 2025, "code": "990102001000", "name": "甲镇", "parent_code": "990102002000", "level": "town"},
    {"vintage": 2025, "code": "990102002000", "name": "乙镇", "parent_code": "990102001000", "level": "town"},
]
STRAY = [{"vintage": 2025, "code": "990103001001", "name": "孤村", "parent_code": "990103001000", "level": "village"}]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (units(2025, 20) + CIRCLE, "2025 甲镇 (990102001000, town)"),
        (units(2024, 20) + units(2025, 9), "2025 和平街道 (990101001000, village)"),
        (units(2024, 20) + units(2025, 10) + STRAY, None),
    ],
    ids=["a circle", "half lost", "a stray unit"],
)
def test_only_a_broken_backbone_stops_the_release_and_names_the_units(
    tmp_path: Path, rows: list[dict[str, Any]], sentence: str | None
) -> None:
    data = directory(tmp_path)
    accept(data, load_feeds()["reference.divisions"], rows, datetime(2026, 1, 2, 2))
    selection = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")
    runs = [dbt(data, "build", "--select", "+division_problem", *selection)]
    if sentence:  # on the next night nothing is built, and it is stopped again
        runs.append(
            dbt(data, "build", "--select", "division_vintages", "division_scopes", "division_problem", *selection)
        )
    for run in runs:
        assert run.success == (sentence is None)
        assert sentence is None or sentence in run.said
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        kept = con.execute("select count(*) from divisions.division_vintages").fetchone()[0]
    assert kept == len(rows), "every row stays"


# ── a list that leaves a unit out, and one that says a unit is gone ─────────────────────────────


def test_a_unit_that_its_list_repeats_below_itself_stays_where_it_is(tmp_path: Path) -> None:
    """A county without towns, listed again as its own town and village: whichever rows come last, it is the county."""
    province, county = ("990000000000", "示范省", None), ("990101000000", "示范县", "990000000000")
    told = [(*province, "province"), (*county, "county")]
    repeated = [(county[0], county[1], county[0], level) for level in ("town", "village")]
    rows = [
        {"vintage": vintage} | dict(zip(("code", "name", "parent_code", "level"), unit, strict=True))
        for vintage, listed in ((2024, [*told, *repeated]), (2025, [*repeated, *told]))
        for unit in listed
    ]
    data = directory(tmp_path)
    accept(data, load_feeds()["reference.divisions"], rows, datetime(2026, 1, 2, 2))
    build_divisions(data)
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        units = con.execute(
            "select vintage, level, province_code, problem from divisions.division_vintages where code = ? order by vintage",
            [county[0]],
        ).fetchall()
        problems = con.execute(
            "select vintage, division_code, level, problem from divisions.division_problem order by all"
        ).fetchall()
    assert units == [(year, "county", province[0], None) for year in (2024, 2025)]
    assert problems == [
        (year, county[0], level, "repeated_below_itself") for year in (2024, 2025) for level in ("town", "village")
    ]


def test_what_lay_below_a_missing_town_and_what_is_marked_as_abolished(tmp_path: Path) -> None:
    """The town's villages keep counting in every sum above it; the unit that is marked ends with the vintage before."""
    above = [("990000000000", "示范省", None, "province"), ("990101000000", "示范县", "990000000000", "county")]
    town = ("990101001000", "示范镇", "990101000000", "town")
    villages = [(f"99010100120{n}", f"示范{name}村", town[0], "village") for n, name in enumerate("甲乙丙丁")]
    later = [*above, *villages[:3], (*villages[3][:1], villages[3][1] + "（已撤销）", *villages[3][2:])]
    rows = [
        {"vintage": vintage} | dict(zip(("code", "name", "parent_code", "level"), unit, strict=True))
        for vintage, listed in ((2024, [*above, town, *villages]), (2025, later))
        for unit in listed
    ]
    people = [
        {"year": year, "division_code": code, "population": 100, "households": 30}
        for year, listed in ((2024, villages), (2025, villages[:3]))
        for code, *_ in listed
    ]
    data = directory(tmp_path)
    accept(data, load_feeds()["reference.divisions"], rows, datetime(2026, 1, 2, 2))
    accept(data, load_feeds()["reference.population"], people, datetime(2026, 1, 2, 2))
    build_divisions(data)
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        found = dict(con.execute("select division_code, problem from divisions.division_problem").fetchall())
        sums = con.execute(
            "select division_code, year, population from divisions.division_population_restated "
            "where division_code in ('990000000000', '990101000000') order by all"
        ).fetchall()
        ended = con.execute(
            "select valid_to_year, ended_by from divisions.dim_division_history where division_code = ?",
            [villages[3][0]],
        ).fetchall()
        change = con.execute(
            "select change from divisions.division_successor where old_code = ?", [villages[3][0]]
        ).fetchall()
    assert found == {code: "parent_missing" for code, *_ in villages[:3]} | {villages[3][0]: "marked_abolished"}
    assert sums == [(c, y, n) for c in ("990000000000", "990101000000") for y, n in ((2024, 400.0), (2025, 300.0))]
    assert (ended, change) == ([(2024, "abolished")], [("abolished",)])


# ── a unit that was upgraded or split, and what lies below it ───────────────────────────────────


def listed(vintage: int, *rows: str) -> list[dict[str, Any]]:
    """Rows of a list from lines `code name parent level`; a parent of `-` is none."""
    keys = ("code", "name", "parent_code", "level")
    cells = (line.split() for line in rows)
    return [
        {"vintage": vintage} | {key: None if cell == "-" else cell for key, cell in zip(keys, unit, strict=True)}
        for unit in cells
    ]


# A prefecture becomes a city of another code, the county-level city below it a district of another name (Hami 2016, Bijie 2011); a
# district is split in two (Dachang 2018), and a town name that two districts of the city bear goes with the right one.
UPGRADED = [
    *listed(
        2024, "980000000000 示例省 - province", "982200000000 哈丰地区 980000000000 city",
        "982201000000 哈丰市 982200000000 county", "982201101000 火箭镇 982201000000 town",
        "982201101201 甲村 982201101000 village", "982201101202 乙村 982201101000 village",
        "982201102000 东郊乡 982201000000 town", "982201102201 甲村 982201102000 village",
        "980100000000 示例市 980000000000 city", "980101000000 老城区 980100000000 county",
        "980101001000 城关镇 980101000000 town", "980101001201 桥头村 980101001000 village",
        "980101002000 西郊镇 980101000000 town", "980101002201 河湾村 980101002000 village",
        "980101003000 北郊镇 980101000000 town", "980101003201 山前村 980101003000 village",
        "980102000000 南城区 980100000000 county", "980102001000 城关镇 980102000000 town",
        "980102001201 桥头村 980102001000 village",
    ),
    *listed(
        2025, "980000000000 示例省 - province", "980500000000 哈丰市 980000000000 city",
        "980502000000 伊山区 980500000000 county", "980502101000 火箭镇 980502000000 town",
        "980502101201 甲村 980502101000 village", "980502101202 乙社区 980502101000 village",
        "980502102000 东郊镇 980502000000 town", "980502102201 甲村 980502102000 village",
        "980100000000 示例市 980000000000 city", "980111000000 平川区 980100000000 county",
        "980111001000 城关街道 980111000000 town", "980111001201 桥头村 980111001000 village",
        "980111002000 西郊镇 980111000000 town", "980111002201 河湾村 980111002000 village",
        "980112000000 云岭区 980100000000 county", "980112003000 北郊镇 980112000000 town",
        "980112003201 山前村 980112003000 village",
        "980102000000 南城区 980100000000 county", "980102001000 城关镇 980102000000 town",
        "980102001201 桥头村 980102001000 village",
    ),
]  # fmt: skip


def told(con: Any, *levels: str) -> set[tuple[Any, ...]]:
    rows = con.execute(
        "select old_code, new_code, change from divisions.division_successor where list_contains(?, level)", [levels]
    ).fetchall()
    return set(rows)


def test_what_lies_below_an_upgraded_or_split_unit_is_found_again(tmp_path: Path) -> None:
    data = directory(tmp_path)
    accept(data, load_feeds()["reference.divisions"], UPGRADED, datetime(2026, 1, 2, 2))
    build_divisions(data)
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        counties, below = told(con, "county"), told(con, "town", "village")
    assert counties == {
        ("982201000000", "980502000000", "moved"),
        ("980101000000", "980111000000", "split"),
        ("980101000000", "980112000000", "split"),
        ("980102000000", "980102000000", "unchanged"),
    }
    # Every town and village keeps its last six digits but the prefecture's, which all have another beginning.
    heirs = {"982201": {"980502"}, "980101": {"980111", "980112"}, "980102": {"980102"}}
    assert {(old[:6], old[6:]) for old, *_ in below} == {(new and old[:6], new and new[6:]) for old, new, _ in below}
    assert all(new[:6] in heirs[old[:6]] for old, new, _ in below)
    assert len(below) == 13


def test_a_decision_by_hand_wins_over_every_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merger under a third name, two units of one name that are not one, and one that nothing carries on: as a gazette has it."""
    before = (
        "990000000000 示例省 - province",
        "990101000000 示例县 990000000000 county",
        "990101001000 一镇 990101000000 town",
    )
    villages = [
        f"99010100120{n} {name} 990101001000 village" for n, name in enumerate(("赵村", "钱村", "孙村", "李村"))
    ]
    after = [
        f"99010100120{n} {name} 990101001000 village"
        for n, name in ((0, "幸福村"), (2, "孙村"), (3, "李村"), (5, "周村"))
    ]
    rows = listed(2024, *before, *villages) + listed(2025, *before, *after)
    decisions = (
        "2025,990101001200,990101001200,same,w,2026-01-01,合并为幸福村\n"
        "2025,990101001201,990101001200,same,w,2026-01-01,合并为幸福村\n"
        "2025,990101001202,990101001202,different,w,2026-01-01,两个孙村\n"
        "2025,990101001203,,same,w,2026-01-01,移民搬迁后撤销\n"
        "2025,990101001209,990101001205,same,w,2026-01-01,没有这个代码\n"
    )
    monkeypatch.setattr("building.DBT_PROJECT", copy_project(tmp_path))
    with (tmp_path / "policies" / "division_change_decisions.csv").open("a", encoding="utf-8") as file:
        file.write(decisions)
    (tmp_path / "data").mkdir()
    data = directory(tmp_path / "data")
    accept(data, load_feeds()["reference.divisions"], rows, datetime(2026, 1, 2, 2))
    build_divisions(data)
    nowhere = dbt(data, "test", "--select", "division_decisions_name_units")
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        villages_told = told(con, "village")
        reasons = dict(
            con.execute("select old_code, reason from divisions.division_successor where level = 'village'").fetchall()
        )
    assert villages_told == {
        ("990101001200", "990101001200", "merged"),
        ("990101001201", "990101001200", "merged"),
        ("990101001202", None, "code_reused"),
        ("990101001203", None, "abolished"),
        (None, "990101001202", "new"),
        (None, "990101001203", "new"),
        (None, "990101001205", "new"),
    }
    assert [reasons[f"99010100120{n}"] == "decided_by_hand" for n in range(4)] == [True, True, False, True]
    assert [(r.status, r.failures) for r in nowhere.results if r.node.resource_type == "test"] == [("warn", 1)]
