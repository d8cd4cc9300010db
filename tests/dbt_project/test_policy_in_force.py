"""Which rule is in force somewhere on a day, and which verdict follows: each said once, in a macro, and used by every model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from building import dbt
from test_layering import MODELS, code

from orchestration.paths import DataDirectory

SEPARATOR = "----"
EXPRESSIONS = {
    "in_place": "{{ in_force('cases', 'rules', key=['case_id'], day='on_day', division='division_code', subject='about') }}",
    "base_fills_in": "{{ in_force('cases', 'rules', key=['case_id'], day='on_day', division='division_code', subject='about',"
    " base_fills_in=true) }}",
    "everywhere": "{{ in_force('cases', 'rules', key=['case_id'], day='on_day', subject='about') }}",
    "reason": "{{ verdict_reason('lo', 'hi', 'took_part', unjudged={'no_interval': 'lo is null or hi is null'}) }}",
    "verdict": "{{ verdict('reason') }}",
    "of_reviews": "{{ review_verdict_reason() }}",
}
BASE, CHOSEN = "national_2020", "chosen"
LADDER = ("village_code", "town_code", "county_code", "city_code", "province_code")


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    data = DataDirectory(tmp_path_factory.mktemp("in_force"))
    data.derived.mkdir()
    run = dbt(data, "compile", "--inline", SEPARATOR.join(EXPRESSIONS.values()))
    assert run.success, run.said
    return dict(zip(EXPRESSIONS, run.results[0].node.compiled_code.split(SEPARATOR), strict=True))


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(
            "create table divisions (division_code varchar, province_code varchar, city_code varchar, county_code varchar, "
            "town_code varchar, village_code varchar); create table cases (case_id bigint, division_code varchar, on_day date, about varchar); "
            "create table rules (rule_id bigint, policy varchar, area varchar, valid_from date, valid_to date, about varchar)"
        )
        yield con


@cache
def tree() -> list[dict[str, str | None]]:
    """A province with two cities, two counties in each, two towns in each, two villages in each."""
    places: list[dict[str, str | None]] = []
    for code_ in (
        "p",
        *(f"p{a}{b}{c}{d}"[: 2 + n] for a in "12" for b in "12" for c in "12" for d in "12" for n in range(4)),
    ):
        if code_ not in [p["division_code"] for p in places]:
            above = [code_[: n + 1] if n < len(code_) else None for n in range(5)]
            places.append({"division_code": code_} | dict(zip(reversed(LADDER), above, strict=True)))
    return places


@cache
def by_code() -> dict[str | None, dict[str, str | None]]:
    return {place["division_code"]: place for place in tree()}


def expected(case: dict[str, Any], rules: list[dict[str, Any]], *, base_fills_in: bool, everywhere: bool) -> int | None:
    """The rule in force, found by looking from the village upwards and taking the first area that has one."""
    place = by_code().get(case["division_code"], {})
    areas = [""] if everywhere else [*(place[level] for level in LADDER if place.get(level)), ""]
    for policies in ([CHOSEN], [BASE]) if base_fills_in else ([CHOSEN, BASE],):
        for area in areas:
            for rule in sorted(rules, key=lambda r: r["valid_from"], reverse=True):
                holds = rule["valid_from"] <= case["on_day"] and (
                    rule["valid_to"] is None or case["on_day"] <= rule["valid_to"]
                )
                if holds and rule["area"] == area and rule["policy"] in policies and rule["about"] == case["about"]:
                    return int(rule["rule_id"])
    return None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("way", ["in_place", "base_fills_in", "everywhere"])
def test_the_nearest_rule_that_holds_on_the_day_is_in_force(
    sql: dict[str, str], con: duckdb.DuckDBPyConnection, way: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    places = tree()
    codes = [p["division_code"] for p in places]
    con.executemany("insert into divisions values (?, ?, ?, ?, ?, ?)", [list(p.values()) for p in places])
    first = date(2026, 1, 1)
    rules, days = [], iter(rng.permutation(400).tolist())  # no two begin on one day: which is in force is certain
    for n in range(60):
        since = first + timedelta(next(days))
        until = None if rng.random() < 0.3 else since + timedelta(int(rng.integers(0, 120)))
        area = str(rng.choice(["", *codes, "elsewhere"], p=[0.2, *[0.75 / len(codes)] * len(codes), 0.05]))
        rules.append({"rule_id": n, "policy": str(rng.choice([BASE, CHOSEN])), "area": area, "valid_from": since, "valid_to": until, "about": str(rng.choice(["a", "b"]))})  # fmt: skip
    edges = [d for r in rules for d in (r["valid_from"], r["valid_to"]) if d]
    cases = [
        {"case_id": n, "division_code": rng.choice([*codes, "unknown", None]), "about": str(rng.choice(["a", "b"])),
         "on_day": edges[int(rng.integers(len(edges)))] + timedelta(int(rng.integers(-1, 2)))}
        for n in range(1500)
    ]  # fmt: skip
    for name, rows in (("rules", rules), ("cases", cases)):
        con.register("sent", pl.DataFrame(rows, infer_schema_length=None).to_arrow())
        con.execute(f"insert into {name} by name select * from sent")
    said = dict(con.execute(f"select case_id, rule_id from ({sql[way]}) as said").fetchall())
    wanted = {
        c["case_id"]: expected(c, rules, base_fills_in=way == "base_fills_in", everywhere=way == "everywhere")
        for c in cases
    }
    assert said == {case: rule for case, rule in wanted.items() if rule is not None}
    assert 0 < len(said) < len(cases)


# Good line 0.95, bad line 0.90, at least 5 % must take part. The interval, who took part, and what follows.
VERDICTS = [
    (0.95, 0.99, 0.05, "surely_above_good_line", "good"),
    (0.95, 0.99, 0.049, "too_few_took_part", "watch"),
    (0.95, 0.99, None, "too_few_took_part", "watch"),
    (0.949, 0.99, 0.9, "interval_crosses_a_line", "undetermined"),
    (0.90, 0.949, 0.0, "surely_between_lines", "watch"),
    (0.90, 0.95, 0.9, "interval_crosses_a_line", "undetermined"),
    (0.899, 0.949, 0.9, "interval_crosses_a_line", "undetermined"),
    (0.1, 0.899, 0.9, "surely_below_bad_line", "bad"),
    (0.1, 0.899, 0.0, "surely_below_bad_line", "bad"),
    (0.1, 0.90, 0.9, "interval_crosses_a_line", "undetermined"),
    (0.0, 1.0, 0.9, "interval_crosses_a_line", "undetermined"),
    (None, 0.1, 0.9, "no_interval", "undetermined"),
    (0.99, None, 0.9, "no_interval", "undetermined"),
]


@pytest.mark.parametrize(("lo", "hi", "took_part", "reason", "verdict"), VERDICTS)
def test_a_verdict_comes_of_where_the_interval_lies(
    sql: dict[str, str], con: duckdb.DuckDBPyConnection, lo: float | None, hi: float | None, took_part: float | None,
    reason: str, verdict: str,
) -> None:  # fmt: skip
    query = (
        f"select reason, {sql['verdict']} from (select {sql['reason']} as reason from (select ?::varchar as policy, "
        "?::double as lo, ?::double as hi, ?::double as took_part, 0.95 as good_line, 0.9 as bad_line, 0.05 as participation_floor))"
    )
    assert con.execute(query, ["p", lo, hi, took_part]).fetchone() == (reason, verdict)
    assert con.execute(query, [None, lo, hi, took_part]).fetchone() == ("no_policy", "undetermined")


@pytest.mark.parametrize(
    ("active", "reason"), [(0, "no_active_reviews"), (9, "too_few_reviews"), (10, "surely_below_bad_line")]
)
def test_too_few_reviews_are_not_judged(
    sql: dict[str, str], con: duckdb.DuckDBPyConnection, active: int, reason: str
) -> None:
    query = (
        f"select {sql['of_reviews']} from (select 'p' as policy, ? as active_reviews, 10.0 as min_reviews, 0.1 as verdict_lo, "
        "0.2 as verdict_hi, 0.5 as participation_rate, 0.95 as good_line, 0.9 as bad_line, 0.05 as participation_floor, true as is_heard)"
    )
    assert con.execute(query, [active]).fetchone() == (reason,)


@pytest.mark.parametrize(
    ("lo", "hi", "reason", "verdict"),
    [(0.96, 0.99, "feeds_missing", "undetermined"), (0.5, 0.6, "surely_below_bad_line", "bad"), (0.91, 0.94, "surely_between_lines", "watch")],
)  # fmt: skip
def test_where_nobody_knows_who_took_part_nothing_is_good(
    sql: dict[str, str], con: duckdb.DuckDBPyConnection, lo: float, hi: float, reason: str, verdict: str
) -> None:
    query = (
        f"select reason, {sql['verdict']} from (select {sql['of_reviews']} as reason from (select 'p' as policy, 50 as active_reviews, "
        "10.0 as min_reviews, ?::double as verdict_lo, ?::double as verdict_hi, null::double as participation_rate, 0.95 as good_line, "
        "0.9 as bad_line, 0.05 as participation_floor, false as is_heard))"
    )
    assert con.execute(query, [lo, hi]).fetchone() == (reason, verdict)


def test_no_model_says_again_what_is_in_force_or_what_follows_from_an_interval() -> None:
    own = {
        path.stem
        for path in MODELS
        if re.search(
            r"[<>]=?\s*(\w+\.)?(bad|good)_line|then 'surely_|between\s+\w+\.valid_from|area_nearness\(.*desc",
            code(path),
        )
    }
    assert own == set()
