"""Policies are data: what a preset says, where and when it holds, and the sentence that refuses one that contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from building import compiled

from contracts.loading import seed_path
from orchestration.paths import DataDirectory

DISTRICT = "'{policy}', '{version}', date '{since}', {until}, {area}, '{parameter}', {value}, 'project', 'a test'"


class Seed:
    """The shipped policies in memory, to be changed and read as dbt would read them."""

    def __init__(self, sql: dict[str, str]) -> None:
        self.sql = sql
        self.con = duckdb.connect()
        self.con.execute(
            "attach ':memory:' as minsheng; create schema minsheng.seeds; create schema minsheng.divisions; create schema minsheng.reviews"
        )
        self.con.execute(
            "create table minsheng.seeds.review_policies as select policy, cast(version as varchar) as version, valid_from, valid_to, "
            "area, parameter, value, status, source from read_csv(?, types = {'version': 'VARCHAR', 'area': 'VARCHAR', "
            "'valid_to': 'DATE', 'value': 'DOUBLE'})",
            [str(seed_path("review_policies"))],
        )
        self.con.execute(
            "create table minsheng.divisions.division_latest as from (values "
            "('99', '99', null, null, null, null), ('9901', '99', '9901', null, null, null), "
            "('990101', '99', '9901', '990101', null, null), ('990101001', '99', '9901', '990101', '990101001', null)) "
            "as divisions (division_code, province_code, city_code, county_code, town_code, village_code)"
        )

    def add(self, parameter: str, value: float, *, policy: str = "dezhou", version: str = "d1", since: str = "2026-02-01",
            until: str | None = None, area: str | None = "990101") -> None:  # fmt: skip
        row = DISTRICT.format(
            policy=policy, version=version, since=since, until=f"date '{until}'" if until else "null",
            area=f"'{area}'" if area else "null", parameter=parameter, value=value,
        )  # fmt: skip
        self.con.execute(f"insert into minsheng.seeds.review_policies values ({row})")

    def rows(self, policy: str = "dezhou") -> list[dict[str, Any]]:
        for model in ("review_policy", "dim_review_policy"):
            self.con.execute(f"create or replace table minsheng.reviews.{model} as {self._of(model, policy)}")
        result = self.con.execute("from minsheng.reviews.dim_review_policy order by area, valid_from")
        names = [d[0] for d in result.description]
        return [dict(zip(names, values, strict=True)) for values in result.fetchall()]

    def judge(self, policy: str = "dezhou") -> None:
        """Raises duckdb.Error with the sentence."""
        self.rows(policy)
        assert self.con.execute(self._of("review_policies_are_whole", policy)).fetchall() == []

    def _of(self, name: str, policy: str) -> str:
        return self.sql[name].replace("'dezhou'", f"'{policy}'")


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    data = DataDirectory(tmp_path_factory.mktemp("policies"))
    data.derived.mkdir()
    return compiled(
        data, "review_policy", "dim_review_policy", "review_policies_are_whole", variables={"review_policy": "dezhou"}
    )


@pytest.fixture
def seed(sql: dict[str, str]) -> Iterator[Seed]:
    seed = Seed(sql)
    yield seed
    seed.con.close()


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("national_2020", {"points_2": 4, "good_level_min": 3, "bad_level_max": 2, "rectification_days": 15, "silence_level": 5}),
        ("guangdong", {"points_5": 10, "points_4": 8, "points_3": 6, "points_2": 3, "points_1": 0, "silence_level": 3,
                       "silence_days": 7, "review_window_days": 7, "rectification_rate_target": 1}),
        ("beijing", {"rectification_days": 7, "rectification_counts_workdays": 0, "points_2": 4}),
        ("sichuan_city", {"rectification_days": 15, "rectification_counts_workdays": 1, "revisit_rate_target": 1}),
        ("dezhou", {"rectification_days": 5, "rectification_counts_workdays": 1, "reply_days": 5, "revisit_rate_target": 1}),
    ],
)  # fmt: skip
def test_a_preset_says_what_its_place_says_and_the_nation_the_rest(
    seed: Seed, policy: str, said: dict[str, float]
) -> None:
    seed.judge(policy)
    (row,) = seed.rows(policy)
    assert {key: row[key] for key in said} == said
    assert (row["policy"], row["version"], row["area"], row["good_line"]) == (policy, "1", "", 0.95)


def test_a_district_is_stricter_than_its_city_and_takes_the_rest_from_it(seed: Seed) -> None:
    seed.add("good_line", 0.97, area="9901", version="c1", since="2026-01-01")
    seed.add("rectification_days", 3)
    seed.judge()
    district = [row for row in seed.rows() if row["area"] == "990101"]
    assert [(r["version"], str(r["valid_from"]), r["rectification_days"], r["good_line"]) for r in district] == [
        ("d1", "2026-02-01", 3, 0.97)
    ]
    assert district[0]["rectification_counts_workdays"] == 1


def test_a_new_version_holds_from_its_day_and_turns_what_lies_below_it(seed: Seed) -> None:
    seed.con.execute("update minsheng.seeds.review_policies set valid_to = date '2026-02-28' where policy = 'dezhou'")
    seed.add("rectification_days", 4, area=None, version="2", since="2026-03-01")
    seed.add("reply_days", 2)
    seed.judge()
    assert [
        (r["area"], r["version"], str(r["valid_from"]), r["rectification_days"], r["reply_days"]) for r in seed.rows()
    ] == [
        ("", "1", "2020-01-01", 5, 5),
        ("", "2", "2026-03-01", 4, 5),
        ("990101", "d1", "2026-02-01", 5, 2),
        ("990101", "d1", "2026-03-01", 4, 2),
    ]


@pytest.mark.parametrize("until", ["2026-02-28", None])
def test_a_version_names_only_what_it_changes_whether_the_one_before_was_ended_or_not(
    seed: Seed, until: str | None
) -> None:
    seed.add("rectification_days", 3, until=until)
    seed.add("reply_days", 2, until=until)
    seed.add("reply_days", 4, version="d2", since="2026-03-01")
    seed.judge()
    district = [row for row in seed.rows() if row["area"]]
    assert [(r["version"], str(r["valid_from"]), r["rectification_days"], r["reply_days"]) for r in district] == [
        ("d1", "2026-02-01", 3, 2),
        ("d2", "2026-03-01", 3, 4),
    ]


def test_the_effective_set_says_of_every_parameter_who_says_it(seed: Seed) -> None:
    seed.add("reply_days", 2)
    seed.add("reply_days", 4, version="d2", since="2026-03-01")
    seed.judge()
    said = seed.con.execute(
        "select parameter, value, said_by_policy, said_by_area, said_by_version, status from minsheng.reviews.review_policy "
        "where area = '990101' and version = 'd2' and parameter in ('reply_days', 'rectification_days', 'good_line') order by all"
    ).fetchall()
    assert said == [
        ("good_line", 0.95, "national_2020", "", "1", "project"),
        ("rectification_days", 5, "dezhou", "", "1", "sourced"),
        ("reply_days", 4, "dezhou", "990101", "d2", "project"),
    ]


def test_a_district_is_ruled_by_its_city_before_its_own_rules_begin(seed: Seed) -> None:
    seed.add("rectification_days", 3)
    assert [str(row["valid_from"]) for row in seed.rows() if row["area"]] == ["2026-02-01"]


WRONG = {
    "gap": (["gap: dezhou d1 in 990101 holds until 2026-02-10, dezhou d2 in 990101 from 2026-02-15"],
            [("reply_days", 3, {"until": "2026-02-10"}), ("reply_days", 4, {"version": "d2", "since": "2026-02-15"})]),
    "overlap": (["overlap in reply_days: the row dezhou,d1,2026-02-01,2026-02-10,990101,reply_days,3 and the row "
                 "dezhou,d2,2026-02-10,,990101,reply_days,4", "both hold on 2026-02-10", "end the first on 2026-02-09"],
                [("reply_days", 3, {"until": "2026-02-10"}), ("reply_days", 4, {"version": "d2", "since": "2026-02-10"})]),
    "overlap of others": (["overlap in reply_days: the row dezhou,d1,2026-02-01,2026-02-10,990101,reply_days,3 and the row "
                           "dezhou,d2,2026-02-10,,990101,revisit_days,0.5"],
                          [("reply_days", 3, {"until": "2026-02-10"}), ("revisit_days", 0.5, {"version": "d2", "since": "2026-02-10"})]),
    "one day": (["overlap in reply_days", "cannot begin on one day"], [("reply_days", 3, {}), ("reply_days", 4, {"version": "d2"})]),
    "weights": (["the weights of dezhou d1 in 990101 from 2026-02-01 add to 1.1000, not to 1"], [("weight_good", 0.5, {})]),
    "typo": (["dezhou d1 in 990101 sets reply_dayz, which no rule reads"], [("reply_dayz", 3, {})]),
    "twice": (["gives reply_days 2 times"], [("reply_days", 3, {}), ("reply_days", 4, {})]),
    "backwards": (["ends on 2026-01-01, before it begins on 2026-02-01"], [("reply_days", 3, {"until": "2026-01-01"})]),
    "nowhere": (["holds in 123456, which is no division"], [("reply_days", 3, {"area": "123456"})]),
    "crossed": (["bad_line not above good_line"], [("bad_line", 0.99, {})]),
}  # fmt: skip


@pytest.mark.parametrize(("sentences", "rows"), WRONG.values(), ids=WRONG)
def test_a_policy_that_contradicts_itself_is_refused_with_a_sentence(
    seed: Seed, sentences: list[str], rows: list[tuple[str, float, dict[str, Any]]]
) -> None:
    for parameter, value, where in rows:
        seed.add(parameter, value, **where)
    with pytest.raises(duckdb.Error) as refused:
        seed.judge()
    assert all(sentence in str(refused.value) for sentence in sentences), refused.value


# The same of a policy that its user adds: sentences, and rows as parameter, value, version, since, until, area.
OWN = {
    "gap": ("gap: own 1 holds until 2025-12-31, own 2 from 2026-02-01",
            [("reply_days", 3, "1", "2020-01-01", "2025-12-31", None), ("reply_days", 4, "2", "2026-02-01", None, None)]),
    "overlap": ("overlap in reply_days: the row own,1,2020-01-01,2026-02-28,,reply_days,3 and the row own,2,2026-02-01,,,reply_days,4",
                [("reply_days", 3, "1", "2020-01-01", "2026-02-28", None), ("reply_days", 4, "2", "2026-02-01", None, None)]),
    "weights": ("the weights of own 1 from 2020-01-01 add to 1.1000, not to 1", [("weight_good", 0.5, "1", "2020-01-01", None, None)]),
    "only a district": ("no rows of the policy own hold everywhere", [("reply_days", 3, "d", "2020-01-01", None, "990101")]),
    "bad is good": ("own 1 from 2020-01-01: expected shares", [("bad_level_max", 3, "1", "2020-01-01", None, None)]),
    "part of a version ends": ("own 1 ends on 2025-12-31 for reply_days and on 9999-12-31 for others: row own,1,2020-01-01,2025-12-31,,reply_days,3", [("reply_days", 3, "1", "2020-01-01", "2025-12-31", None), ("revisit_days", 3, "1", "2020-01-01", None, None)]),
}  # fmt: skip


@pytest.mark.parametrize(("sentence", "rows"), OWN.values(), ids=OWN)
def test_a_policy_of_one_s_own_is_held_to_the_same(seed: Seed, sentence: str, rows: list[tuple[Any, ...]]) -> None:
    for parameter, value, version, since, until, area in rows:
        seed.add(parameter, value, policy="own", version=version, since=since, until=until, area=area)
    with pytest.raises(duckdb.Error) as refused:
        seed.judge("own")
    assert sentence in str(refused.value)


def test_a_policy_of_one_s_own_takes_from_the_nation_what_it_leaves_open(seed: Seed) -> None:
    seed.add("good_line", 0.97, policy="own", version="7", since="2020-01-01", area=None)
    seed.judge("own")
    (row,) = seed.rows("own")
    assert (row["policy"], row["version"], row["good_line"], row["bad_line"], row["reply_days"]) == (
        "own",
        "7",
        0.97,
        0.90,
        15,
    )


def test_a_policy_that_does_not_exist_or_leaves_a_value_open_is_refused(seed: Seed) -> None:
    with pytest.raises(duckdb.Error, match="no rows of the policy guangdonk"):
        seed.judge("guangdonk")
    seed.con.execute("delete from minsheng.seeds.review_policies where parameter = 'good_line'")
    with pytest.raises(duckdb.Error, match="leaves good_line open"):
        seed.judge()


def test_every_value_has_a_source_or_is_called_the_project_s_choice(seed: Seed) -> None:
    seed.con.execute("update minsheng.seeds.review_policies set source = null where parameter = 'bad_line'")
    with pytest.raises(duckdb.Error, match="gives bad_line no value, no source"):
        seed.judge()
