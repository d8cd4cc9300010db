"""Single models of the indicators on rows made for them: what indices of inequality have to satisfy, and what a value is flagged by.

The models' SQL as dbt compiles it, run on tables with nothing but these rows. Belongs here: what a recount of a city cannot show, because
a city does not hold it. Does not belong here: the recount (test_indicator_values.py).
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import duckdb
import pytest
from building import compiled

from contracts.indicators import TABLES, Indicator, load_indicators
from contracts.loading import seed, seed_path
from orchestration.paths import DataDirectory

INDICES = ("gini", "theil_t", "theil_l", "cv_weighted")
MODELS = (
    "equalisation_units",
    "equalisation_groups",
    "indicator_remainders",
    "indicator_seasons",
    "indicator_value",
    "equalisation",
)
CELLS: dict[str, str] = {
    "indicator_code": "varchar", "division_code": "varchar", "division_name": "varchar", "division_level": "varchar", "lowest_level": "varchar",
    "above_code": "varchar", "is_published": "boolean", "province_code": "varchar", "city_code": "varchar", "county_code": "varchar",
    "town_code": "varchar", "village_code": "varchar", "own_area_type": "varchar", "period_kind": "varchar", "period": "date",
    "area_type": "varchar", "unit": "varchar", "better": "varchar", "one_area": "varchar", "per": "double", "was_in_force": "boolean", "numerator": "double",
    "denominator": "double", "null_reason": "varchar", "has_denominator": "boolean", "units_expected": "bigint", "units_reporting": "bigint",
    "units_on_time": "bigint", "population_year": "bigint", "restated_numerator": "double", "restated_denominator": "double",
    "restated_vintage": "bigint",
}  # fmt: skip
USUAL: dict[str, Any] = {
    "division_name": "x", "lowest_level": "village", "is_published": True, "province_code": "P", "city_code": "C", "own_area_type": "urban",
    "period_kind": "month", "period": date(2025, 1, 1), "area_type": "all", "unit": "beds", "better": "up", "per": 1.0, "was_in_force": True,
    "has_denominator": True, "division_level": "village",
}  # fmt: skip


@dataclass(frozen=True)
class Spread:
    """A resource over the villages of a city: people, resource, county (`C`: directly in the city, as where the county's own row
    was refused) and class of each; what is known of the city alone."""

    people: Sequence[float | None]
    resource: Sequence[float | None]
    county: Sequence[str] = field(default=())
    area: Sequence[str] = field(default=())
    one_area: str | None = None
    of_city: float | None = None


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    data = DataDirectory(tmp_path_factory.mktemp("indicator_models"))
    data.derived.mkdir()
    return compiled(data, *MODELS, "indicator_files_hold", "indicator_measured", "indicator_targets_name_divisions")


def made(
    sql: dict[str, str], cells: list[dict[str, Any]], targets: Sequence[dict[str, Any]] = ()
) -> duckdb.DuckDBPyConnection:
    """The models on these cells of indicators."""
    con = duckdb.connect()
    con.execute(
        "attach ':memory:' as minsheng; use minsheng; create schema indicators; create schema seeds; create schema divisions"
    )
    con.execute(f"create table indicators.indicator_cells ({', '.join(f'{c} {t}' for c, t in CELLS.items())})")
    con.executemany(
        f"insert into indicators.indicator_cells values ({', '.join('?' for _ in CELLS)})",
        [[(USUAL | cell).get(c) for c in CELLS] for cell in cells],
    )
    con.execute("create table seeds.indicator_rules (parameter varchar, value double)")
    con.executemany(
        "insert into seeds.indicator_rules values (?, ?)",
        [[r["parameter"], float(r["value"])] for r in seed("indicator_rules")],
    )
    con.execute("create table seeds.division_levels (level varchar, depth bigint)")
    con.executemany(
        "insert into seeds.division_levels values (?, ?)",
        [[r["level"], int(r["depth"])] for r in seed("division_levels")],
    )
    con.execute(
        "create table seeds.indicator_targets (indicator_code varchar, area varchar, valid_from date, valid_to date, target double, "
        "target_year bigint, baseline double, baseline_year bigint, source varchar, status varchar)"
    )
    for target in targets:
        con.execute(
            "insert into seeds.indicator_targets values (?, '', date '2000-01-01', null, ?, ?, null, null, 'x', 'project')",
            [target["indicator_code"], target["target"], target["target_year"]],
        )
    con.execute(
        "create table divisions.dim_division as select distinct division_code, division_code as full_name, division_level as level, province_code, "
        "city_code, county_code, town_code, village_code from indicators.indicator_cells union select 'C', 'C', 'city', 'P', 'C', null, null, null"
    )
    for name in MODELS:
        con.execute(f"create table indicators.{name} as {sql[name]}")
    return con


def indices(sql: dict[str, str], spreads: dict[str, Spread]) -> dict[str, dict[str, Any]]:
    """Name → the row of equalisation of the city over its villages."""
    cells = [
        {"indicator_code": name, "division_code": f"{n}", "village_code": f"{n}", "county_code": None if k == "C" else k, "above_code": k,
         "own_area_type": a, "numerator": r, "denominator": p, "one_area": s.one_area}
        for name, s in spreads.items()
        for n, (p, r, k, a) in enumerate(
            zip(s.people, s.resource, s.county or ["k"] * len(s.people), s.area or ["urban"] * len(s.people), strict=True)
        )
    ]  # fmt: skip
    cells += [
        {
            "indicator_code": name,
            "division_code": "C",
            "division_level": "city",
            "numerator": s.of_city,
            "denominator": 1.0,
        }
        for name, s in spreads.items()
        if s.of_city is not None
    ]
    rows = made(sql, cells).execute(
        "select * from indicators.equalisation where area_code = 'C' and unit_level = 'village'"
    )
    names = [d[0] for d in rows.description or ()]
    return {row["indicator_code"]: row for row in (dict(zip(names, r, strict=True)) for r in rows.fetchall())}


def random_spread(r: random.Random) -> Spread:
    n = r.randint(3, 12)
    return Spread(
        [float(r.randint(1, 5000)) for _ in range(n)], [r.uniform(0.1, 900) for _ in range(n)],
        ["x", *(r.choice("xyzC") for _ in range(n - 1))], [r.choice(("urban", "rural")) for _ in range(n)],
    )  # fmt: skip


def transferred(s: Spread, r: random.Random) -> Spread:
    """Some of what the best provided village has goes to the worst provided, not so much that they change places."""
    heads = [y / p for y, p in zip(s.resource, s.people, strict=True)]
    rich, poor = heads.index(max(heads)), heads.index(min(heads))
    together = (s.resource[rich] + s.resource[poor]) / (s.people[rich] + s.people[poor])
    given = r.uniform(0.3, 1.0) * (s.resource[rich] - together * s.people[rich])
    resource = list(s.resource)
    resource[rich], resource[poor] = resource[rich] - given, resource[poor] + given
    return replace(s, resource=resource)


@pytest.fixture(scope="module")
def bases() -> list[Spread]:
    r = random.Random(6)
    return [random_spread(r) for _ in range(60)]


@pytest.fixture(scope="module")
def found(sql: dict[str, str], bases: list[Spread]) -> dict[str, dict[str, Any]]:
    r = random.Random(7)
    spreads: dict[str, Spread] = {}
    for n, base in enumerate(bases):
        twice = [x / 2 for x in base.people for _ in "ab"], [x / 2 for x in base.resource for _ in "ab"]
        spreads |= {
            f"base {n}": base,
            f"richer {n}": replace(base, resource=[1000 * x for x in base.resource]),
            f"fuller {n}": replace(base, people=[7 * x for x in base.people]),
            f"fairer {n}": transferred(base, r),
            f"equal {n}": replace(base, resource=[0.3 * x for x in base.people]),
            f"halved {n}": Spread(*twice, [k for k in base.county for _ in "ab"], [a for a in base.area for _ in "ab"]),
        }
    return indices(sql, spreads)


@pytest.mark.parametrize("other", ["richer", "fuller", "halved"])
def test_neither_more_of_everything_nor_smaller_units_change_an_index(
    found: dict[str, dict[str, Any]], bases: list[Spread], other: str
) -> None:
    for n in range(len(bases)):
        for index in INDICES:
            assert found[f"{other} {n}"][index] == pytest.approx(found[f"base {n}"][index], abs=1e-11), (n, index)


def test_what_goes_from_the_better_to_the_worse_provided_lowers_every_index(
    found: dict[str, dict[str, Any]], bases: list[Spread]
) -> None:
    for n in range(len(bases)):
        for index in INDICES:
            assert found[f"fairer {n}"][index] < found[f"base {n}"][index], (n, index)


def test_where_all_have_the_same_every_index_is_zero_and_none_goes_beyond_its_bound(
    found: dict[str, dict[str, Any]], bases: list[Spread]
) -> None:
    for n, base in enumerate(bases):
        assert [found[f"equal {n}"][index] for index in INDICES] == pytest.approx([0.0] * 4, abs=1e-7)
        row = found[f"base {n}"]
        assert 0 < row["gini"] < 1 - min(base.people) / sum(base.people)
        assert 0 < row["theil_t"] < math.log(sum(base.people) / min(base.people))


def test_between_and_within_are_all_of_it(found: dict[str, dict[str, Any]], bases: list[Spread]) -> None:
    for row in found.values():
        for index in ("theil_t", "theil_l"):
            for grouping in ("urban_rural", "parent"):
                parts = [row[f"{index}_{part}_{grouping}"] for part in ("between", "within")]
                assert min(parts) > -1e-11
                assert sum(parts) == pytest.approx(row[index], abs=3e-12)


def test_published_figures_of_the_indices(sql: dict[str, str]) -> None:
    """REAT's and PySAL's examples, as ../shared/domain/indicators.md quotes them."""
    rows = indices(sql, {
        "reat": Spread([1] * 5, [10, 10, 10, 20, 50]),
        "pysal": Spread([1] * 6, [0, 0, 0, 10, 10, 10], [*"aaabbb"], [*["rural"] * 3, *["urban"] * 3]),
    })  # fmt: skip
    assert rows["reat"]["theil_l"] == pytest.approx(0.2326302, abs=5e-8)
    assert rows["reat"]["theil_t"] == pytest.approx(0.2502012, abs=5e-8)
    pysal = rows["pysal"]
    assert (pysal["theil_t"], pysal["theil_t_between_parent"]) == pytest.approx((math.log(2), math.log(2)), abs=1e-12)
    assert pysal["theil_t_within_parent"] == pytest.approx(0.0, abs=1e-12)
    assert (pysal["theil_l"], pysal["theil_l_null_reason"], pysal["units_without_resource"]) == (
        None,
        "unit_without_resource",
        3,
    )


ODD = {
    "zeros": Spread([10, 20, 30, 40], [0, 0, 5, 7], [*"aabb"], ["urban", "rural", "urban", "rural"]),
    "equal": Spread([10, 20, 30, 40], [1, 2, 3, 4], [*"aabb"], ["urban", "rural", "urban", "rural"]),
    "huge": Spread([1e9, 3e-3, 2e12, 5], [4e15, 1e-6, 7e14, 2e9], [*"aabb"], ["urban", "rural", "urban", "rural"]),
    "one has all": Spread([1] * 40, [0] * 39 + [1e6], [*"ab"] * 20, ["urban", "rural"] * 20),
    "less in town": Spread([10, 20, 30], [1, 9, 12], [*"aab"], ["urban", "rural", "rural"]),
    "a class of which nobody knows": Spread([10, 20, 30], [1, 9, 12], [*"aab"], ["urban", "rural", "not_stated"]),
    "ties": Spread([5, 5, 5, 5], [2, 2, 1, 1], [*"abab"], ["rural"] * 4),
    "nearly nothing": Spread([1e6, 1e6, 1e6], [1e-12, 1, 1], [*"aab"], ["urban", "rural", "rural"]),
}


def written_out(s: Spread) -> dict[str, float | None]:
    """The indices by other formulas than the models': pairs of residents, entropies, variances."""
    import numpy as np

    y, p = np.array(s.resource, float), np.array(s.people, float)
    county, area = np.array(s.county), np.array(s.area)
    x, w, n = y / p, p / p.sum(), len(y)
    mean = float((w * x).sum())

    def t(resource: Any, people: Any) -> float:
        """Residents' mean of r ln r, r the ratio of what one has to the mean."""
        r, share = (resource / people) / (resource.sum() / people.sum()), people / people.sum()
        return float((share[r > 0] * r[r > 0] * np.log(r[r > 0])).sum())

    def between(groups: Any) -> float:
        sums = [(y[groups == g].sum(), p[groups == g].sum()) for g in np.unique(groups)]
        return t(np.array([a for a, _ in sums]), np.array([b for _, b in sums]))

    town, country = area == "urban", area == "rural"
    urban, rural = (float(y[k].sum() / p[k].sum()) if k.any() else None for k in (town, country))
    return {
        "units": n, "units_without_resource": int((y == 0).sum()), "mean": mean, "unweighted_mean": float(x.mean()),
        "gini": float((w[:, None] * w[None, :] * np.abs(x[:, None] - x[None, :])).sum() / (2 * mean)),
        "gini_unweighted": float(np.abs(x[:, None] - x[None, :]).mean() / (2 * x.mean())),
        "theil_t": t(y, p), "theil_t_unweighted": t(x, np.ones(n)),
        "theil_l": float(np.log(mean) - (w * np.log(x)).sum()) if (y > 0).all() else None,
        "theil_l_unweighted": float(np.log(x.mean()) - np.log(x).mean()) if (y > 0).all() else None,
        "cv": float(x.std() / x.mean()), "cv_sample": float(x.std(ddof=1) / x.mean()),
        "cv_weighted": float(np.sqrt((w[:, None] * w[None, :] * (x[:, None] - x[None, :]) ** 2).sum() / 2)) / mean,
        "theil_t_between_parent": between(county), "theil_t_between_urban_rural": between(area),
        "theil_t_within_parent": t(y, p) - between(county), "theil_t_within_urban_rural": t(y, p) - between(area),
        "highest": float(x.max()), "lowest": float(x.min()), "max_min_ratio": float(x.max() / x.min()) if x.min() > 0 else None,
        "urban_value": urban, "rural_value": rural, "urban_rural_gap": None if urban is None or rural is None else urban - rural,
        "urban_rural_ratio": urban / rural if urban is not None and rural else None,
    }  # fmt: skip


def test_odd_data_have_the_indices_that_other_formulas_give(sql: dict[str, str]) -> None:
    rows = indices(sql, ODD)
    for name, spread in ODD.items():
        for column, expected in written_out(spread).items():
            close = expected if expected is None else pytest.approx(expected, rel=1e-9, abs=3e-12)
            assert rows[name][column] == close, (name, column)
    assert rows["less in town"]["urban_rural_gap"] < 0
    assert [rows["equal"][c] for c in ("gini", "theil_t", "theil_l", "cv")] == pytest.approx([0.0] * 4, abs=1e-11)


def test_units_nobody_lives_in_or_of_which_nothing_is_known_are_counted_apart(sql: dict[str, str]) -> None:
    known = Spread([10, 20], [1, 6])
    more = Spread([10, 20, 0, None, 30, 40], [1, 6, 5, 3, None, -2])
    rows = indices(
        sql, {"known": known, "more": more, "one": Spread([10, 0], [1, 2]), "none": Spread([10, 20], [0, 0])}
    )
    assert [rows["more"][i] for i in INDICES] == [rows["known"][i] for i in INDICES]
    assert (rows["more"]["units"], rows["more"]["units_left_out"], rows["known"]["units_left_out"]) == (2, 4, 0)
    for name, reason in (("one", "one_unit"), ("none", "no_resource")):
        assert [rows[name][i] for i in INDICES] == [None] * 4
        assert (rows[name]["null_reason"], rows[name]["theil_l_null_reason"]) == (reason, reason)


HALVES = ["urban", "urban", "rural", "rural"]


def test_town_and_country_are_compared_where_that_says_something_and_else_the_reason_is_told(
    sql: dict[str, str],
) -> None:
    people, resource = [10.0, 30.0, 20.0, 20.0], [1.0, 3.0, 1.0, 1.0]
    rows = indices(sql, {
        "": Spread(people, resource, area=HALVES, of_city=6.0),
        "of_one_area": Spread(people, resource, area=HALVES, one_area="urban"),
        "known_only_higher": Spread(people, resource, area=HALVES, of_city=60.0),
        "no_urban_units": Spread(people, resource, area=["rural"] * 4),
        "no_rural_units": Spread(people, resource, area=["urban", "urban", "not_stated", "not_stated"]),
        "rural_has_nothing": Spread(people, [1.0, 3.0, 0.0, 0.0], area=HALVES),
    })  # fmt: skip
    told = ("urban_value", "rural_value", "urban_rural_ratio", "urban_rural_gap", "theil_t_between_urban_rural")
    assert {name: row["urban_rural_null_reason"] or "" for name, row in rows.items()} == {name: name for name in rows}
    assert [rows[""][c] for c in told[:4]] == pytest.approx([0.1, 0.05, 2.0, 0.05])
    for name in ("of_one_area", "known_only_higher"):
        assert [rows[name][c] for c in told] == [None] * 5
    assert rows["of_one_area"]["gini"] == rows[""]["gini"]
    assert [rows["rural_has_nothing"][c] for c in told[:4]] == [pytest.approx(0.1), 0.0, None, pytest.approx(0.1)]
    for column in ("highest", "lowest", "max_min_ratio", "gini"):
        assert rows[""][column] is not None
        assert rows["known_only_higher"][column] is None


def test_a_change_of_complete_counts_has_no_interval_and_says_why(sql: dict[str, str]) -> None:
    counted = [
        (2021, "1", 1.0),
        (2021, "2", 3.0),
        (2023, "1", 1.0),
        (2023, "2", 3.0),
        (2024, "1", 1.0),
        (2024, "2", 3.0),
        (2025, "1", 2.0),
        (2025, "2", 2.0),
        (2025, "3", None),
    ]
    cells = [
        {"indicator_code": "beds", "division_code": v, "village_code": v, "period_kind": "year", "period": date(year, 1, 1), "numerator": n, "denominator": 10.0}
        for year, v, n in [*counted, (2026, "1", 2.0), (2026, "2", 2.0), (2026, "3", 2.0)]
    ]  # fmt: skip
    rows = made(sql, cells).execute("""
        select year(period), gini, gini_previous, change_interval_null_reason from indicators.equalisation
        where area_code = 'C' and unit_level = 'village' order by period
    """)
    assert rows.fetchall() == [
        (2021, 0.25, None, "no_previous"), (2023, 0.25, None, "no_previous"), (2024, 0.25, 0.25, "complete_count"), (2025, 0.0, 0.25, "units_left_out"),
        (2026, 0.0, 0.0, "units_left_out"),
    ]  # fmt: skip


# ── values ──────────────────────────────────────────────────────────────────────────────────────


def series(code: str, values: Sequence[float], **more: Any) -> list[dict[str, Any]]:
    """Januaries up to 2025."""
    first = 2026 - len(values)
    return [
        {"indicator_code": code, "division_code": "P", "division_level": "province", "period": date(first + n, 1, 1),
         "numerator": value, "denominator": 1.0, "units_expected": 10, "units_reporting": 10, **more}
        for n, value in enumerate(values)
    ]  # fmt: skip


def test_the_period_before_is_the_one_right_before(sql: dict[str, str]) -> None:
    """Nothing came of February: the value of January is not that of the month before March."""
    cells = [
        {"indicator_code": code, "division_code": "P", "division_level": "province", "period_kind": kind, "period": day,
         "numerator": float(n), "denominator": 1.0}
        for code, kind, days in (
            ("monthly", "month", [date(2025, 12, 1), date(2026, 1, 1), date(2026, 3, 1)]),
            ("yearly", "year", [date(2022, 1, 1), date(2024, 1, 1), date(2025, 1, 1)]),
        )
        for n, day in enumerate(days, 1)
    ]  # fmt: skip
    rows = made(sql, cells).execute(
        "select indicator_code, period, value_previous from indicators.indicator_value order by all"
    )
    assert rows.fetchall() == [
        ("monthly", date(2025, 12, 1), None), ("monthly", date(2026, 1, 1), 1.0), ("monthly", date(2026, 3, 1), None),
        ("yearly", date(2022, 1, 1), None), ("yearly", date(2024, 1, 1), None), ("yearly", date(2025, 1, 1), 2.0),
    ]  # fmt: skip


def test_a_value_far_from_its_own_season_is_flagged_and_stays(sql: dict[str, str]) -> None:
    cells = [
        *series("steady", [10, 11, 10, 12, 11]), *series("strange", [10, 11, 10, 12, 40]), *series("short", [10, 11, 10, 40]),
        *series("silent", [10, 11, 10, 12, 11], units_reporting=9),
        *series("summed in another order", [0.3, 0.3, 0.3, 0.3, 0.1 + 0.2]), *series("seen before", [10, 10, 10, 12, 11]),
        *series("never seen", [10, 10, 10, 12, 19]), *series("no longer", [1, 1, 1, 1, 0.9]),
    ]  # fmt: skip
    rows = made(sql, cells).execute(
        "select indicator_code, value, quality_flags, season_median from indicators.indicator_value where period = date '2025-01-01'"
    )
    assert {code: rest for code, *rest in rows.fetchall()} == {
        "steady": [11.0, None, 10.5], "strange": [40.0, "outlier", 10.5], "short": [40.0, None, 10.0], "silent": [11.0, "partly_covered", 10.5],
        "summed in another order": [0.1 + 0.2, None, 0.3], "seen before": [11.0, None, 10.0], "never seen": [19.0, "outlier", 10.0],
        "no longer": [0.9, "outlier", 1.0],
    }  # fmt: skip


def test_a_share_is_above_one_by_more_than_its_last_digit(sql: dict[str, str]) -> None:
    cells = [*series("whole", [0.1 + 0.2], denominator=0.3, unit="share"), *series("more", [0.31], denominator=0.3, unit="share")]  # fmt: skip
    con = made(sql, cells)
    rows = con.execute("select indicator_code, quality_flags from indicators.indicator_value").fetchall()
    assert dict(rows) == {"whole": None, "more": "above_one"}


def test_the_pace_that_is_needed_and_whether_the_present_one_is_enough(sql: dict[str, str]) -> None:
    targets = [{"indicator_code": c, "target": t, "target_year": y} for c, t, y in (
        ("slow", 80.0, 2026), ("fast", 80.0, 2026), ("falling", 2.0, 2026), ("met", 5.0, 2026), ("late", 80.0, 2024), ("new", 80.0, 2026),
    )]  # fmt: skip
    cells = [*series("slow", [50, 60]), *series("fast", [50, 65]), *series("falling", [9, 5], better="down"), *series("met", [5, 6]),
             *series("late", [50, 60]), *series("new", [60])]  # fmt: skip
    rows = made(sql, cells, targets).execute("""
        select indicator_code, pace, pace_needed, pace_needed_null_reason, is_pace_enough, is_target_met from indicators.indicator_value
        where period = date '2025-01-01'
    """)
    found = {code: rest for code, *rest in rows.fetchall()}
    left = 2027 - (2025 + 1 / 12)
    assert found["slow"] == [10.0, pytest.approx(20 / left), None, False, False]
    assert found["fast"] == [15.0, pytest.approx(15 / left), None, True, False]
    assert found["falling"] == [-4.0, pytest.approx(-3 / left), None, True, False]
    assert found["met"] == [1.0, None, "target_met", None, True]
    assert found["late"] == [10.0, None, "target_year_over", None, False]
    assert found["new"] == [None, pytest.approx(20 / left), None, None, False]


def test_a_target_of_an_area_that_is_no_division_is_listed(sql: dict[str, str]) -> None:
    con = made(sql, series("beds", [1, 2]), [{"indicator_code": "beds", "target": 5.0, "target_year": 2026}])
    assert con.execute(sql["indicator_targets_name_divisions"]).fetchall() == []
    con.execute("update seeds.indicator_targets set area = 'P'")
    assert con.execute(sql["indicator_targets_name_divisions"]).fetchall() == []
    con.execute("update seeds.indicator_targets set area = 'Q'")
    assert con.execute(sql["indicator_targets_name_divisions"]).fetchall() == [("beds", "Q", 5.0)]


def test_what_no_part_accounts_for_is_a_remainder_that_may_be_below_zero(sql: dict[str, str]) -> None:
    def cell(
        code: str, level: str, above: str | None, numerator: float, denominator: float, name: str
    ) -> dict[str, Any]:
        return {
            "indicator_code": name,
            "division_code": code,
            "division_level": level,
            "above_code": above,
            "numerator": numerator,
            "denominator": denominator,
        }

    cells = [
        cell("C", "city", None, 10, 100, "more"), cell("k1", "county", "C", 3, 40, "more"), cell("k2", "county", "C", 4, 30, "more"),
        cell("C", "city", None, 10, 100, "all"), cell("k1", "county", "C", 10, 100, "all"),
        cell("C", "city", None, 1, 100, "less"), cell("k1", "county", "C", 4, 100, "less"),
        cell("C", "city", None, 0.3, 100, "people alone"), cell("k1", "county", "C", 0.1, 40, "people alone"), cell("k2", "county", "C", 0.2, 30, "people alone"),
    ]  # fmt: skip
    rows = made(sql, cells).execute(
        "select indicator_code, division_code, division_level, numerator, denominator, value, quality_flags from indicators.indicator_value where is_remainder"
    )
    assert sorted(rows.fetchall()) == [
        ("less", "rest:C", "county", -3.0, 0.0, None, "children_exceed"), ("more", "rest:C", "county", 3.0, 30.0, None, None),
        ("people alone", "rest:C", "county", 0.0, 30.0, None, None),
    ]  # fmt: skip


@pytest.mark.parametrize(("over_time", "expected"), [("sum", 36.0), ("average", 12.0), ("last", 15.0)])
def test_a_year_of_months_is_added_up_averaged_or_its_last_month(
    sql: dict[str, str], over_time: str, expected: float
) -> None:
    """A measure of the months of a year, as a file with `period: year` has it; a month of which nobody sent anything is no zero."""
    measure = "certified_social_worker_share/denominator"
    as_shipped = re.compile(rf"'{measure}' as measure,\s+'month' as period_kind,\s+'last' as over_time")
    text, replaced = as_shipped.subn(f"'{measure}' as measure, 'year' as period_kind, '{over_time}' as over_time", sql["indicator_measured"])  # fmt: skip
    assert replaced == 1
    con = duckdb.connect()
    con.execute("attach ':memory:' as minsheng; use minsheng")
    for schema, name in set(re.findall(r'"minsheng"\."(\w+)"\."(\w+)"', text)):
        table = TABLES[name]
        columns = [f"{c} double" for c in table.sums if c not in table.flags]
        columns += [f"{c} {'boolean' if c in table.flags else 'varchar'}" for c in table.filters]
        con.execute(f"create schema if not exists {schema}")
        con.execute(
            f"create table {schema}.{name} (division_code varchar, month date, unit varchar, is_on_time boolean, {', '.join([*columns, 'x int'])})"
        )
        if name == "community_worker_months":
            rows = [("A", 1, 10), ("A", 3, 11), ("A", 4, 15), ("B", 3, 7)]
            for division, month, workers in rows:
                con.execute(
                    f"insert into {schema}.{name} (division_code, month, unit, workers) values (?, make_date(2025, ?, 1), ?, ?)",
                    [division, month, f"{division}{month}", workers],
                )
    found = con.execute(f"select division_code, period, value from ({text}) where measure = '{measure}' order by 1")
    # B reported in one month of the three that anybody did.
    other = {"sum": 7.0, "average": 7.0 / 3, "last": None}[over_time]
    assert found.fetchall() == [("A", date(2025, 1, 1), expected), ("B", date(2025, 1, 1), other)]


# ── what each file says of its own values ───────────────────────────────────────────────────────

SHIPPED = {code: indicator for code, indicator in load_indicators().items() if not indicator.missing}


def as_its_file_says(indicator: Indicator) -> dict[str, Any]:
    """A cell of the province in January 2025: half of the denominator, which is as large as `per` makes a value below one of."""
    return {
        "indicator_code": indicator.code, "division_code": "P", "division_level": "province", "lowest_level": indicator.level,
        "period_kind": indicator.period, "area_type": indicator.areas[0], "unit": indicator.unit, "better": indicator.direction,
        "per": indicator.per, "numerator": 50.0, "denominator": 100.0 if indicator.denominator else None,
        "has_denominator": indicator.denominator is not None,
    }  # fmt: skip


@pytest.fixture(scope="module")
def as_said(sql: dict[str, str]) -> duckdb.DuckDBPyConnection:
    """A value of every shipped indicator, as its file says."""
    con = made(sql, [as_its_file_says(i) for i in SHIPPED.values()])
    con.execute("drop table seeds.indicator_targets")
    for name in ("indicators", "indicator_targets"):
        con.execute(f"create table seeds.{name} as select * from read_csv('{seed_path(name)}', all_varchar = true)")
    con.execute("alter table seeds.indicators alter per type double")
    con.execute("alter table seeds.indicator_targets alter target type double")
    return con


Broken = Callable[[dict[str, str]], dict[str, str]]


@pytest.fixture
def broken(sql: dict[str, str], as_said: duckdb.DuckDBPyConnection) -> Iterator[Broken]:
    """Indicator → what the nightly test says of its value, after these changes of its row."""

    def _broken(changes: dict[str, str]) -> dict[str, str]:
        for code, change in changes.items():
            as_said.execute(f"update indicators.indicator_value set {change} where indicator_code = '{code}'")
        return dict(as_said.execute(f"select indicator_code, broken from ({sql['indicator_files_hold']})").fetchall())

    as_said.begin()
    yield _broken
    as_said.rollback()


def test_a_value_as_its_file_says_is_not_complained_of(broken: Broken, as_said: duckdb.DuckDBPyConnection) -> None:
    assert broken({}) == {}
    told = as_said.execute("select indicator_code from indicators.indicator_value where value is not null").fetchall()
    assert {code for (code,) in told} == set(SHIPPED)


@pytest.mark.parametrize(
    ("change", "said", "whose"),
    [
        ("unit = 'furlongs'", "unit", lambda i: True),
        ("period_kind = case period_kind when 'year' then 'month' else 'year' end", "period_kind", lambda i: True),
        ("period = period + 40", "a year begins on its first day", lambda i: i.period == "year"),
        ("period = period + 14", "a month begins on its first day", lambda i: i.period == "month"),
        ("division_level = 'village'", "level", lambda i: i.level != "village"),
        ("area_type = 'rural'", "area_type", lambda i: "rural" not in i.areas),
        ("null_reason = 'because'", "null_reason", lambda i: True),
        ("numerator = -1, value = null", "below zero", lambda i: True),
        ("denominator = 0", "value without a denominator", lambda i: i.denominator),
        ("value = value / 2", "quotient", lambda i: i.denominator),
        ("value = value / 2", "numerator", lambda i: not i.denominator),
        ("value = 2, numerator = 200", "share above one", lambda i: i.unit == "share"),
        ("target = 0.123", "target", lambda i: True),
    ],
)
def test_what_an_indicators_file_rules_out_is_found_in_its_values(
    broken: Broken, change: str, said: str, whose: Callable[[Indicator], object]
) -> None:
    concerned = [code for code, indicator in SHIPPED.items() if whose(indicator)]
    assert broken(dict.fromkeys(concerned, change)) == dict.fromkeys(concerned, said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("is_target_met = true", "is_target_met"),
        ("attainment = 1.2", "attainment"),
        ("pace_needed = -1", "direction of the pace"),
        ("value = 0.9, numerator = 90, is_target_met = true, attainment = 1.1", "pace_needed"),
    ],
)
def test_a_judgement_against_the_target_follows_the_direction_of_the_file(
    broken: Broken, change: str, said: str
) -> None:
    """The plan wants four fifths of rural communities by 2025; half of them is what the row says."""
    code = "rural_comprehensive_facility_coverage"
    assert broken({code: "target = 0.8, is_target_met = false, attainment = 0.625, pace_needed = 0.3"}) == {}
    assert broken({code: change}) == {code: said}
