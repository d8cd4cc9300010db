"""Every indicator computed a second time, from the accepted rows, by code that shares nothing with the models.

Belongs here: a small city whose rows are known, what a careful person would count from them, indices, distances and the greedy sites.
Lineage is read off the digits of the codes, areas off the villages' classes. Does not belong here: how an indicator is written down
(tests/contracts/test_indicators.py).
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from building import accept, build

from contracts.indicators import load_indicators
from contracts.loading import load_feeds, seed
from orchestration.paths import DataDirectory
from orchestration.statistics.inequality import gini, lorenz_curve, theil_l, theil_t

Row = dict[str, Any]
RECEIVED = datetime(2026, 2, 10, 2)
JANUARY, FEBRUARY, MARCH = (date(2026, m, 1) for m in (1, 2, 3))
LEVELS = {"province": 2, "city": 4, "county": 6, "town": 9, "village": 12}
# Two villages whose place nobody registered: one is full of facilities, one has a single one.
WITHOUT_POINT = FULL, BARE = "990202002005", "990102002002"
RULES = {row["parameter"]: float(row["value"]) for row in seed("access_rules")}


class Town:
    """Two cities of two counties with two towns of five villages; one village is merged into its neighbour in 2025; of one, only its
    town knows the residents; a third city sends nothing but its place in the list."""

    def __init__(self) -> None:
        self.random = random.Random(17)
        self.divisions: list[Row] = []
        self.population: list[Row] = []
        self.feeds: dict[str, list[Row]] = defaultdict(list)
        self.villages: dict[str, Row] = {}
        for vintage in (2024, 2025):
            self._divisions(vintage)
        for year in (2024, 2025):
            self._population(year)
        for code, village in self.villages.items():
            if not code.startswith("9903") and village["in_force"]:
                self._services(code, village)

    def _divisions(self, vintage: int) -> None:
        def add(code: str, name: str, parent: str | None, level: str, **more: Any) -> None:
            self.divisions.append({"vintage": vintage, "code": code.ljust(12, "0"), "name": name, "level": level,
                                   "parent_code": parent and parent.ljust(12, "0"), **more})  # fmt: skip

        add("99", "示范省", None, "province")
        for city in (1, 2, 3):
            add(f"99{city:02}", f"市{city}", "99", "city")
            for county in (1, 2):
                c = f"99{city:02}{county:02}"
                add(c, f"县{city}{county}", f"99{city:02}", "county")
                for town in (1, 2):
                    t = f"{c}{town:03}"
                    add(t, f"镇{city}{county}{town}", c, "town")
                    for n in range(1, 6):
                        code = f"{t}{n:03}"
                        # The fifth village of the first town goes into the fourth.
                        if code == "990101001005" and vintage == 2025:
                            self.villages[code]["in_force"] = False
                            continue
                        urban = n <= 2
                        point = self.villages.get(code, {}).get("point") or (
                            118 + city + county * 0.04 + town * 0.02 + self.random.uniform(-0.012, 0.012),
                            37 + county * 0.03 + town * 0.02 + self.random.uniform(-0.012, 0.012),
                        )
                        self.villages[code] = {"urban": urban, "in_force": True, "point": point}
                        no_point = code in WITHOUT_POINT
                        add(code, f"村{city}{county}{town}{n}", t, "village", urban_rural_code="111" if urban else "220",
                            longitude=None if no_point else point[0], latitude=None if no_point else point[1])  # fmt: skip
                        self.villages[code]["has_point"] = not no_point

    def _population(self, year: int) -> None:
        towns: dict[str, Row] = {}
        for code in self.villages:
            if (code == "990101001005" and year == 2025) or code.startswith("9903"):
                continue
            people = self.random.randint(400, 5000)
            row = {
                "population": people, "households": people // 3, "aged_0_2": people // 40, "aged_60_plus": people // 5,
                "aged_65_plus": people // 7, "urban_residents": people if self.villages[code]["urban"] else people // 20,
            }  # fmt: skip
            total = towns.setdefault(code[:9], dict.fromkeys(row, 0))
            for k, v in row.items():
                total[k] += v
            if code != "990201001003":
                self.population.append({"division_code": code, "year": year, **row})
        self.population += [{"division_code": t.ljust(12, "0"), "year": year, **row} for t, row in towns.items()]

    def _services(self, code: str, village: Row) -> None:
        r = self.random
        x, y = village["point"]
        near = lambda: {"longitude": x + r.uniform(-0.004, 0.004), "latitude": y + r.uniform(-0.004, 0.004)}  # noqa: E731
        if r.random() < 0.7:
            area = r.uniform(100, 900)
            self.feeds["civil_affairs.community_facilities"].append(
                {"facility_code": f"F{code}", "facility_name": "中心", "reported_on": date(2026, 1, 31), "division_code": code,
                 "is_comprehensive": r.random() < 0.6, "total_area_m2": area, "resident_activity_area_m2": area * r.uniform(0.3, 0.9),
                 "outdoor_area_m2": r.uniform(0, 500), "self_service_terminal": r.random() < 0.5, "status": r.choice("1110"), **near()}
            )  # fmt: skip
        if r.random() < 0.9:
            for month in (JANUARY, FEBRUARY):
                workers = r.randint(2, 12)
                self.feeds["civil_affairs.community_workers"].append(
                    {
                        "division_code": code,
                        "month": month,
                        "workers": workers,
                        "certified_social_workers": r.randint(0, workers),
                    }
                )
        if r.random() < 0.4:
            beds = r.randint(10, 200)
            self.feeds["civil_affairs.elderly_care"].append(
                {"institution_code": f"E{code}", "name": "院", "month": JANUARY, "institution_type": "3", "division_code": code,
                 "total_beds": beds, "nursing_beds": beds // 2, "day_care_beds": r.randint(0, 9), "residents": beds // 3,
                 "is_medical_contracted": r.random() < 0.5, "status": r.choice("1110"), **near()}
            )  # fmt: skip
        for n in range(r.randint(0, 2)):
            self.feeds["health.institutions"].append(
                {"institution_code": f"H{code}{n}", "name": "诊所", "category_code": "D200", "division_code": code, "beds": r.randint(0, 20),
                 "physicians": r.randint(1, 9), "nurses": r.randint(0, 9), "status": r.choice("1110"), **near()}
            )  # fmt: skip
            for day in range(3):
                self.feeds["health.service_volumes"].append(
                    {"institution_code": f"H{code}{n}", "served_on": FEBRUARY + timedelta(day), "service_item_code": "BPS36", "visits": r.randint(1, 90)}
                )  # fmt: skip
        for n in range(r.randint(0, 2)):
            kind = r.choice(("11", "50", "82", "P1"))
            self.feeds["sports.venues"].append(
                {"venue_id": f"S{code}{n}", "name": "场", "venue_type_code": kind, "division_code": code, "area_m2": r.uniform(100, 3000),
                 "status": r.choice("1110"), **near()}
            )  # fmt: skip
            self.feeds["sports.openings"].append(
                {
                    "venue_id": f"S{code}{n}",
                    "opened_on": FEBRUARY,
                    "visits": r.randint(0, 300),
                    "open_hours": r.uniform(0, 12),
                }
            )
        if r.random() < 0.5:
            self.feeds["culture.venues"].append(
                {"venue_id": f"C{code}", "name": "馆", "venue_type_code": r.choice(("L1", "W1", "H1")), "division_code": code,
                 "floor_area_m2": r.uniform(100, 3000), "status": r.choice("1110"), **near()}
            )  # fmt: skip
            self.feeds["culture.activities"].append(
                {"activity_id": f"A{code}", "venue_id": f"C{code}", "held_on": FEBRUARY, "activity_type": "01", "service_item_code": "BPS71",
                 "sessions": r.randint(1, 4), "participants": r.randint(5, 200)}
            )  # fmt: skip
        for n in range(r.randint(0, 6)):
            ended = r.random() < 0.2
            self.feeds["civil_affairs.assistance"].append(
                {"benefit_id": f"B{code}{n}", "resident_key": f"k{code}{n}", "benefit_type": r.choice(("11", "12", "21", "31", "41", "51")),
                 "division_code": code, "household_members": r.choice((1, 2, 3, None)), "start_month": date(2025, 6, 1),
                 "age_band": r.choice(("6-14", "65-79", "80+", None)), "disability_grade": r.choice(("1", "2", None)),
                 "end_month": date(2025, 12, 1) if ended else None, "amount_yuan": float(r.randint(100, 900))}
            )  # fmt: skip


@pytest.fixture(scope="module")
def town() -> Town:
    return Town()


@pytest.fixture(scope="module")
def con(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    data = DataDirectory(tmp_path_factory.mktemp("indicators"))
    data.derived.mkdir()
    feeds = load_feeds()
    accept(data, feeds["reference.divisions"], town.divisions, datetime(2026, 1, 5, 2))
    accept(data, feeds["reference.population"], town.population, datetime(2026, 1, 5, 2))
    for feed, rows in town.feeds.items():
        accept(data, feeds[feed], rows, RECEIVED)
    products = (
        "indicator_value",
        "indicator_group",
        "equalisation_unit",
        "facility_access",
        "shortfall",
        "dim_indicator",
    )
    build(data, "--select", *(f"+{p}" for p in products), "--exclude-resource-type", "unit_test", "test")
    with duckdb.connect(str(data.warehouse), read_only=True) as connection:
        yield connection


# ── counted by hand ─────────────────────────────────────────────────────────────────────────────

# indicator → numerator and denominator: feed, which rows, what of a row; a denominator may be a column of the population.
Part = tuple[str, Callable[[Row], Any]] | str


def is_open(row: Row) -> bool:
    return row["status"] == "1"


def of(feed: str, number: Callable[[Row], Any]) -> Part:
    return feed, number


COMMUNITY, ELDERLY, HEALTH = "civil_affairs.community_facilities", "civil_affairs.elderly_care", "health.institutions"
WORKERS, HELP, SPORTS, CULTURE = (
    "civil_affairs.community_workers",
    "civil_affairs.assistance",
    "sports.venues",
    "culture.venues",
)
VILLAGES = "villages"


def running(row: Row, kinds: tuple[str, ...], number: Callable[[Row], Any]) -> Any:
    return number(row) if row["benefit_type"] in kinds and row["end_month"] is None else 0


def persons(row: Row) -> int:
    return row["household_members"] or 1


def comprehensive(row: Row, number: Callable[[Row], Any]) -> Any:
    return number(row) if is_open(row) and row["is_comprehensive"] else 0


def any_facility(row: Row) -> int:
    return int(is_open(row))


BY_HAND: dict[str, tuple[Part | list[Part], Part | list[Part] | None]] = {
    "activity_centre_coverage": (of("village:has", lambda r: any(is_open(f) for f in r)), VILLAGES),
    "rural_comprehensive_facility_coverage": (of("village:has", lambda r: any(is_open(f) and f["is_comprehensive"] for f in r)), VILLAGES),
    "urban_comprehensive_facility_coverage": (of("village:has", lambda r: any(is_open(f) and f["is_comprehensive"] for f in r)), VILLAGES),
    "urban_self_service_coverage": (of("village:has", lambda r: any(is_open(f) and f["self_service_terminal"] for f in r)), VILLAGES),
    "community_facility_area_per_100_households": (of(COMMUNITY, lambda r: comprehensive(r, lambda x: x["total_area_m2"])), "households"),
    "outdoor_area_per_100_households": (of(COMMUNITY, lambda r: r["outdoor_area_m2"] if is_open(r) else 0), "households"),
    "resident_activity_area_share": (
        of(COMMUNITY, lambda r: comprehensive(r, lambda x: x["resident_activity_area_m2"])), of(COMMUNITY, lambda r: comprehensive(r, lambda x: x["total_area_m2"])),
    ),
    "community_workers_per_10000_urban_residents": (of(WORKERS, lambda r: r["workers"]), "urban_residents"),
    "community_workers_per_community": (of(WORKERS, lambda r: r["workers"]), of(WORKERS, lambda _: 1)),
    "certified_social_worker_share": (of(WORKERS, lambda r: r["certified_social_workers"]), of(WORKERS, lambda r: r["workers"])),
    "elderly_care_beds": (of(ELDERLY, lambda r: is_open(r) and r["total_beds"]), None),
    "elderly_beds_per_1000_aged_60": (of(ELDERLY, lambda r: is_open(r) and r["total_beds"]), "aged_60_plus"),
    "day_care_beds_per_1000_aged_65": (of(ELDERLY, lambda r: is_open(r) and r["day_care_beds"]), "aged_65_plus"),
    "nursing_bed_share": (of(ELDERLY, lambda r: is_open(r) and r["nursing_beds"]), of(ELDERLY, lambda r: is_open(r) and r["total_beds"])),
    "elderly_bed_occupancy": (of(ELDERLY, lambda r: is_open(r) and r["residents"]), of(ELDERLY, lambda r: is_open(r) and r["total_beds"])),
    "medical_contract_share": (of(ELDERLY, lambda r: is_open(r) and r["is_medical_contracted"]), of(ELDERLY, is_open)),
    "physicians_per_1000": (of(HEALTH, lambda r: is_open(r) and r["physicians"]), "population"),
    "nurses_per_1000": (of(HEALTH, lambda r: is_open(r) and r["nurses"]), "population"),
    "health_beds_per_1000": (of(HEALTH, lambda r: is_open(r) and r["beds"]), "population"),
    "health_facilities_per_10000": (of(HEALTH, is_open), "population"),
    "primary_care_per_10000": (of(HEALTH, is_open), "population"),
    "sports_facilities_per_10000": (of(SPORTS, is_open), "population"),
    "culture_facilities_per_10000": (of(CULTURE, is_open), "population"),
    "civil_affairs_facilities_per_10000": ([of(COMMUNITY, is_open), of(ELDERLY, is_open)], "population"),
    "park_area_per_resident": (of(SPORTS, lambda r: r["area_m2"] if is_open(r) and r["venue_type_code"] == "P1" else 0), "population"),
    "sports_area_per_resident": (of(SPORTS, lambda r: r["area_m2"] if is_open(r) and r["venue_type_code"] != "P1" else 0), "population"),
    "culture_area_per_1000": (of(CULTURE, lambda r: r["floor_area_m2"] if is_open(r) and r["venue_type_code"] != "H1" else 0), "population"),
    "open_facility_share": (
        [of(feed, is_open) for feed in (COMMUNITY, ELDERLY, HEALTH, SPORTS, CULTURE)], [of(feed, lambda _: 1) for feed in (COMMUNITY, ELDERLY, HEALTH, SPORTS, CULTURE)],
    ),
    "health_visits_per_resident": (of("health.service_volumes", lambda r: r["visits"]), "population"),
    "health_visits_per_physician": (of("health.service_volumes", lambda r: r["visits"]), of(HEALTH, lambda r: is_open(r) and r["physicians"])),
    "sports_visits_per_100": (of("sports.openings", lambda r: r["visits"]), "population"),
    "sports_open_hours_per_venue": (of("sports.openings", lambda r: r["open_hours"]), of(SPORTS, is_open)),
    "culture_activities_per_10000": (of("culture.activities", lambda r: r["sessions"]), "population"),
    "culture_participants_per_100": (of("culture.activities", lambda r: r["participants"]), "population"),
    "participants_per_session": (of("culture.activities", lambda r: r["participants"]), of("culture.activities", lambda r: r["sessions"])),
    "minimum_allowance_per_1000": (of(HELP, lambda r: running(r, ("11", "12"), persons)), "population"),
    "minimum_allowance_per_person": (of(HELP, lambda r: running(r, ("11", "12"), lambda x: x["amount_yuan"])), of(HELP, lambda r: running(r, ("11", "12"), persons))),
    "destitute_support_per_10000": (of(HELP, lambda r: running(r, ("21", "22"), persons)), "population"),
    "disability_subsidies_per_1000": (of(HELP, lambda r: running(r, ("31", "32"), lambda _: 1)), "population"),
    "supported_children_per_10000": (of(HELP, lambda r: running(r, ("41", "42"), lambda _: 1)), "population"),
    "old_age_allowance_per_1000_aged_65": (of(HELP, lambda r: running(r, ("51",), lambda _: 1)), "aged_65_plus"),
    "aged_60_share": ("aged_60_plus", "population"),
    "urban_resident_share": ("urban_residents", "population"),
    "household_size": ("population", "households"),
}  # fmt: skip
# What a row of a feed is of: where it is, and when.
VENUE_OF = {
    "health.service_volumes": ("institution_code", "H"),
    "sports.openings": ("venue_id", "S"),
    "culture.activities": ("venue_id", "C"),
}


def counted(town: Town, part: Part | list[Part], division: str, area: str, period: date) -> float:
    prefix = division[: LEVELS[level_of(division)]]
    if isinstance(part, list):
        return sum(counted(town, p, division, area, period) for p in part)

    def is_in(code: str) -> bool:
        return code.startswith(prefix) and (area == "all" or town.villages[code]["urban"] == (area == "urban"))

    if part == VILLAGES:
        return sum(is_in(code) for code, v in town.villages.items() if v["in_force"] and not code.startswith("9903"))
    if isinstance(part, str):
        year = min(period.year, 2025)
        rows = [r for r in town.population if r["year"] == year]
        villages = {r["division_code"] for r in rows if not r["division_code"].endswith("000")}
        own = [r for r in rows if r["division_code"] not in villages]  # towns say it for all their villages
        if area != "all" or prefix[9:]:
            own = [r for r in rows if r["division_code"] in villages and is_in(r["division_code"])]
        return float(sum(r[part] for r in own if r["division_code"].startswith(prefix)))
    feed, number = part
    if feed == "village:has":
        facilities = defaultdict(list)
        for r in town.feeds[COMMUNITY]:
            facilities[r["division_code"]].append(r)
        return float(
            sum(number(facilities[code]) for code, v in town.villages.items() if v["in_force"] and is_in(code))
        )
    rows = town.feeds[feed]
    if feed == WORKERS:
        rows = [r for r in rows if r["month"] == period]
    codes = {id(r): r[VENUE_OF[feed][0]][1:13] if feed in VENUE_OF else r["division_code"] for r in rows}
    return float(sum(number(r) for r in rows if is_in(codes[id(r)])))


def level_of(division: str) -> str:
    return next(level for level, digits in LEVELS.items() if division[digits:].strip("0") == "")


@pytest.fixture(scope="module")
def values(con: Any) -> list[Row]:
    return con.sql("select * from indicators.indicator_value").pl().to_dicts()


def test_every_indicator_is_what_a_person_counts_from_the_accepted_rows(town: Town, values: list[Row]) -> None:
    indicators = {code: i for code, i in load_indicators().items() if not i.missing}
    assert set(BY_HAND) == set(indicators), "a new indicator is counted by hand as well"
    compared = defaultdict(int)
    for row in values:
        code = row["indicator_code"]
        if row["is_remainder"] or row["null_reason"] in ("not_in_force", "not_reported"):
            continue
        # A register is received in February; what is dated January counts in a register of January.
        if code in ("open_facility_share", "civil_affairs_facilities_per_10000") and row["period"] < FEBRUARY:
            continue
        numerator, denominator = BY_HAND[code]
        n = counted(town, numerator, row["division_code"], row["area_type"], row["period"])
        where = (code, row["division_code"], row["period"], row["area_type"])
        assert row["numerator"] == pytest.approx(n, rel=1e-9, abs=1e-9), where
        if denominator is None:
            assert row["value"] == pytest.approx(n, rel=1e-9), where
        else:
            d = counted(town, denominator, row["division_code"], row["area_type"], row["period"])
            # Of a village whose residents only its town knows there is none.
            assert (row["denominator"] or 0.0) == pytest.approx(d, rel=1e-9), where
            if d:
                assert row["value"] == pytest.approx(indicators[code].per * n / d, rel=1e-9, abs=1e-9), where
            else:
                assert row["value"] is None, where
        compared[code] += row["value"] is not None
    assert min(compared[code] for code in indicators) >= 10, compared


KINDS = {"11": "sports_hall", "50": "sports_ground", "82": "fitness_trail", "P1": "park", "L1": "library", "W1": "culture_centre",
         "H1": "heritage", "D200": "primary_care"}  # fmt: skip


def group_of(row: Row, column: str) -> str:
    """The group a row is of, as its department wrote it; a facility's kind is what its type is called."""
    if column != "facility_type":
        return row[column] or "not_stated"
    if "is_comprehensive" in row:
        return "comprehensive_community_facility" if row["is_comprehensive"] else "activity_centre"
    return (
        "elderly_care" if "total_beds" in row else KINDS[row.get("venue_type_code") or row.get("category_code", "D200")]
    )


def within(part: Part | list[Part], column: str, value: str) -> Part | list[Part]:
    if isinstance(part, list):
        return [p for one in part for p in [within(one, column, value)] if not isinstance(p, list)]
    assert not isinstance(part, str)
    feed, number = part
    return feed, lambda r: number(r) if group_of(r, column) == value else 0


def test_every_group_is_what_a_person_counts_of_its_rows(town: Town, con: Any) -> None:
    indicators = load_indicators()
    rows = con.sql("select * from indicators.indicator_group").pl().to_dicts()
    whole = {
        tuple(r[k] for k in ("indicator_code", "division_code", "period", "area_type")): r
        for r in con.sql("select * from indicators.indicator_value").pl().to_dicts()
    }
    added: dict[Any, float] = defaultdict(float)
    seen = set()
    for row in rows:
        code, column, value = row["indicator_code"], row["group_name"], row["group_value"]
        at = (code, row["division_code"], row["period"], row["area_type"])
        added[at, column] += row["numerator"]
        if code == "civil_affairs_facilities_per_10000" and row["period"] < FEBRUARY:
            continue
        place = row["division_code"], row["area_type"], row["period"]
        numerator, denominator = BY_HAND[code]
        n = counted(town, within(numerator, column, value), *place)
        assert row["numerator"] == pytest.approx(n, rel=1e-9, abs=1e-9), (at, value)
        assert denominator is not None
        own = denominator if isinstance(denominator, str) else within(denominator, column, value)
        d = counted(town, own, *place)
        assert row["denominator"] == pytest.approx(d, rel=1e-9), (at, value)
        assert row["value"] == (pytest.approx(indicators[code].per * n / d, rel=1e-9, abs=1e-9) if d else None)
        if n:
            seen.add((code, column, value))
    for (at, _), total in added.items():
        assert total == pytest.approx(whole[at]["numerator"], rel=1e-9, abs=1e-9), at
    named = {(i.code, column) for i in indicators.values() for column in i.groups}
    assert {(code, column) for code, column, _ in seen} == named
    assert {value for _, _, value in seen} >= {"11", "12", "80+", "not_stated", "park", "library", "elderly_care"}


def test_a_city_that_sends_nothing_has_no_values(values: list[Row]) -> None:
    assert {row["division_code"] for row in values if row["division_code"].startswith("9903")} == set()


def test_what_lies_right_below_a_division_adds_up_to_it_with_its_remainder(values: list[Row]) -> None:
    below: dict[Any, list[float]] = defaultdict(lambda: [0.0, 0.0])
    key = ("indicator_code", "period", "area_type")
    for row in values:
        if row["above_code"] and row["null_reason"] != "not_in_force":
            for n, part in enumerate(("numerator", "denominator")):
                below[*(row[k] for k in key), row["above_code"]][n] += row[part] or 0.0
    parents = [r for r in values if (*(r[k] for k in key), r["division_code"]) in below and r["numerator"] is not None]
    assert len(parents) > 100
    for row in parents:
        parts = below[*(row[k] for k in key), row["division_code"]]
        assert parts == pytest.approx([row["numerator"], row["denominator"] or 0.0], rel=1e-9, abs=1e-6), row


def test_restating_keeps_the_totals(con: Any) -> None:
    rows = con.execute("""
        select measure, period, sum(value), sum(restated_value) from indicators.indicator_sums
        where area_type = 'all' and division_code = '990000000000' group by all
    """).fetchall()
    restated = [row for row in rows if row[3] is not None]
    assert len(restated) > 30
    for _, _, as_was, value in restated:
        assert value == pytest.approx(as_was, rel=1e-9)


def test_coverage_counts_the_communities_that_reported(town: Town, values: list[Row]) -> None:
    (row,) = [
        r for r in values
        if (r["indicator_code"], r["division_code"], r["period"]) == ("community_workers_per_10000_urban_residents", "990100000000", FEBRUARY)
    ]  # fmt: skip
    expected = sum(v["in_force"] and code.startswith("9901") for code, v in town.villages.items())
    reported = sum(r["month"] == FEBRUARY and r["division_code"].startswith("9901") for r in town.feeds[WORKERS])
    assert (row["units_expected"], row["units_reporting"], row["units_on_time"]) == (expected, reported, reported)
    assert row["coverage"] == pytest.approx(reported / expected)
    assert ("partly_covered" in (row["quality_flags"] or "")) is (reported / expected < 0.95)


# ── equalisation ────────────────────────────────────────────────────────────────────────────────


def test_every_index_is_what_the_statistics_say_of_the_units(con: Any) -> None:
    indices = con.sql("select * from indicators.equalisation where null_reason is null").pl().to_dicts()
    units = con.sql("select * from indicators.equalisation_units").pl().partition_by(
        "indicator_code", "period", "area_code", "unit_level", as_dict=True
    )  # fmt: skip
    assert len(indices) > 200
    for row in indices:
        of_area = units[row["indicator_code"], row["period"], row["area_code"], row["unit_level"]]
        y, p = of_area["resource"].to_numpy(), of_area["people"].to_numpy()
        x = y / p
        expected = {
            "theil_t": theil_t(y, p), "theil_t_unweighted": theil_t(x), "gini": gini(y, p), "gini_unweighted": gini(x),
            "cv": x.std() / x.mean(), "cv_sample": x.std(ddof=1) / x.mean(),
            "cv_weighted": math.sqrt(np.average((x - y.sum() / p.sum()) ** 2, weights=p)) / (y.sum() / p.sum()),
        }  # fmt: skip
        if (y > 0).all():
            expected |= {"theil_l": theil_l(y, p), "theil_l_unweighted": theil_l(x)}
        else:
            assert (row["theil_l"], row["theil_l_null_reason"]) == (None, "unit_without_resource")
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-12), (name, row["indicator_code"])
        for index in ("theil_t", "theil_l"):
            for grouping in ("urban_rural", "parent"):
                between, within = row[f"{index}_between_{grouping}"], row[f"{index}_within_{grouping}"]
                if between is not None and within is not None:
                    assert between + within == pytest.approx(row[index], rel=1e-9, abs=2e-12)  # each to twelve places


def test_the_between_part_is_the_inequality_of_the_parents(con: Any) -> None:
    rows = con.execute("""
        select fine.theil_t_between_parent, coarse.theil_t from indicators.equalisation as fine
        join indicators.equalisation as coarse using (indicator_code, period, area_code)
        where fine.area_level = 'city' and fine.unit_level = 'town' and coarse.unit_level = 'county' and fine.units_left_out = 0
            and coarse.units_left_out = 0 and fine.null_reason is null and coarse.null_reason is null
            and fine.resource = coarse.resource and fine.people = coarse.people
    """).fetchall()
    assert len(rows) > 20
    assert [a for a, _ in rows] == pytest.approx([b for _, b in rows], rel=1e-9, abs=1e-12)


def test_the_units_in_their_order_are_the_lorenz_curve(con: Any) -> None:
    rows = con.sql("""
        from indicators.equalisation_unit where indicator_code = 'physicians_per_1000' and area_code = '990100000000' and unit_level = 'town'
        order by value_rank
    """).pl()
    curve = lorenz_curve(rows["resource_share"].to_numpy(), rows["people_share"].to_numpy())
    assert rows["lorenz_people_share"].to_list() == pytest.approx(curve["people_share"][1:].to_list())
    assert rows["lorenz_resource_share"].to_list() == pytest.approx(curve["resource_share"][1:].to_list())


# ── access ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def places(con: Any) -> tuple[Any, Any]:
    points = con.sql("from indicators.access_points where longitude is not null order by division_code").pl()
    return points, con.sql("from indicators.access_sites").pl()


def distances(points: Any, sites: Any) -> Any:
    """Metres on foot, community × site: the haversine formula over all pairs."""
    one = np.radians(points.select("latitude", "longitude").to_numpy())[:, None, :]
    other = np.radians(sites.select("latitude", "longitude").to_numpy())[None, :, :]
    half = np.sin((one - other) / 2) ** 2
    chord = half[..., 0] + np.cos(one[..., 0]) * np.cos(other[..., 0]) * half[..., 1]
    return 2 * 6_371_000 * np.arcsin(np.sqrt(chord)) * RULES["detour_factor"]


def circles(feed: str, row: Row) -> set[str]:
    """The types of the circle that a facility is of."""
    if feed == SPORTS:
        return {"sports", "park"} if row["venue_type_code"] == "P1" else {"sports"}
    if feed == CULTURE:
        return set() if row["venue_type_code"] == "H1" else {"culture"}
    return {{COMMUNITY: "community_centre", ELDERLY: "elderly_care", HEALTH: "medical"}[feed]}


def with_assumed(town: Town, points: Any, con: Any, kind: str) -> Any:
    """The points and, of the communities that have none, the middle of the open facilities in them that are of other types."""
    found = [points]
    for code in WITHOUT_POINT:
        inside = [
            (r["longitude"], r["latitude"])
            for feed in (COMMUNITY, ELDERLY, HEALTH, SPORTS, CULTURE)
            for r in town.feeds[feed]
            if r["division_code"] == code and is_open(r) and kind not in circles(feed, r)
        ]
        if inside:
            longitude, latitude = np.median(inside, axis=0)
            row = con.sql(f"from indicators.access_points where division_code = '{code}'").pl()
            found.append(row.with_columns(longitude=pl.lit(longitude), latitude=pl.lit(latitude)))
    return pl.concat(found)


def test_nearest_and_within_are_what_all_pairs_say(town: Town, con: Any, places: tuple[Any, Any]) -> None:
    points, sites = places
    found = {
        (r["division_code"], r["circle_type"]): r
        for r in con.sql("from indicators.facility_access where division_level = 'village'").pl().to_dicts()
    }
    compared = 0
    for kind in ("elderly_care", "medical", "culture", "sports", "park", "community_centre"):
        of_kind = sites.filter(circle_type=kind)
        located = with_assumed(town, points, con, kind)
        metres = distances(located, of_kind)
        for n, (code, register) in enumerate(located.select("division_code", "register_code").rows()):
            row = found.get((code, kind))
            if row is None or row["null_reason"]:
                assert register == "990300000000"
                continue
            assert row["nearest_m"] == pytest.approx(metres[n].min(), abs=1e-3)
            assert row["facilities_within_wide"] == (metres[n] <= RULES["reach_wide_m"]).sum()
            assert row["communities_within_near"] == (metres[n].min() <= RULES["reach_near_m"])
            assert row["communities_with_assumed_point"] == (code in WITHOUT_POINT)
            compared += 1
    assert compared > 180


def test_all_that_is_supplied_reaches_somebody_once(town: Town, con: Any, places: tuple[Any, Any]) -> None:
    points, sites = places
    for kind in ("elderly_care", "medical", "sports"):
        located = with_assumed(town, points, con, kind)
        residents = located["residents"].fill_null(0).to_numpy()
        of_kind = sites.filter(circle_type=kind)
        reached = (distances(located, of_kind) <= RULES["reach_wide_m"]) & (residents > 0)[:, None]
        supply = of_kind["supply"].to_numpy()[reached.any(axis=0)].sum()
        rows = con.execute(f"""
            select sum(residents * accessibility), sum(residents * accessibility_gaussian) from indicators.facility_access
            where division_level = 'village' and circle_type = '{kind}'
        """).fetchall()
        assert supply > 0
        assert rows[0] == pytest.approx((supply, supply), rel=1e-9)


def test_communities_of_which_nothing_is_known_are_counted_apart(con: Any) -> None:
    rows = con.execute(f"""
        select communities, communities_without_point, communities_with_assumed_point, residents_without_point = residents,
            nearest_m, share_within_wide, null_reason
        from indicators.facility_access where division_code = '{BARE}' and circle_type = 'community_centre'
    """).fetchall()
    assert rows == [(1, 1, 0, True, None, None, "no_point")]


def test_new_sites_are_those_a_greedy_search_picks(town: Town, con: Any, places: tuple[Any, Any]) -> None:
    rows = con.sql("from indicators.shortfall").pl()
    assert rows.height > 20
    for (register, kind), part in rows.partition_by("register_code", "circle_type", as_dict=True).items():
        points = with_assumed(town, places[0], con, kind)
        codes = points["division_code"].to_list()
        metres = distances(points, points)
        residents = dict(points.select("division_code", "residents").rows())
        lacking = set(part["division_code"])
        candidates = [c for c, r in points.select("division_code", "register_code").rows() if r == register]
        away = distances(points, places[1].filter(circle_type=kind)).min(axis=1)
        assert lacking == {c for c in candidates if away[codes.index(c)] > RULES["reach_wide_m"]}
        for order in range(1, 11):
            gains = {
                c: sum(
                    residents[d] or 0
                    for d in lacking
                    if metres[codes.index(d)][codes.index(c)] <= RULES["reach_wide_m"]
                )
                for c in candidates
            }
            best = min(gains, key=lambda c: (-gains[c], c))
            if not gains[best]:
                break
            chosen = part.filter(site_order=order)
            assert set(chosen["site_code"]) == {best}
            assert set(chosen["site_residents_gained"]) == {gains[best]}
            assert set(chosen["division_code"]) == {
                d for d in lacking if metres[codes.index(d)][codes.index(best)] <= RULES["reach_wide_m"]
            }
            lacking -= set(chosen["division_code"])


def test_greedy_sites_keep_their_bound_beside_the_best_ones(town: Town, con: Any, places: tuple[Any, Any]) -> None:
    """k greedy sites reach at least 1 − (1 − 1/k)^k of what the best k do, found by trying all of them."""
    rows = con.sql("from indicators.shortfall").pl()
    ratios = []
    for (register, kind), part in rows.partition_by("register_code", "circle_type", as_dict=True).items():
        points = with_assumed(town, places[0], con, kind).filter(register_code=register)
        residents = points["residents"].fill_null(0).to_numpy()
        lacking = points["division_code"].is_in(part["division_code"].to_list()).to_numpy()
        reached = (distances(points, points) <= RULES["reach_wide_m"]) & lacking[:, None]
        for k in (1, 2, 3):
            best = max(
                residents[reached[:, list(sites)].any(axis=1)].sum() for sites in combinations(range(len(points)), k)
            )
            greedy = part.filter(part["site_order"] <= k)["residents"].sum()
            assert (1 - (1 - 1 / k) ** k) * best <= greedy <= best
            ratios.append(greedy / best)
    assert len(ratios) > 20
    assert min(ratios) > 0.63


def test_the_circle_fits_into_neighbouring_cells_of_the_grid() -> None:
    """A policy that reaches further than a cell of 0.01° needs wider cells (access_pairs, shortfall_pairs)."""
    assert RULES["reach_wide_m"] / RULES["detour_factor"] <= 0.01 * 111_194
