"""A night builds what something arrived for and leaves the rest standing; what stands is what one build of everything makes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from nights import City

from demo import city as shifan
from demo.plan import Plan
from orchestration.paths import DataDirectory

FIRST = date(2026, 1, 1)
RECEIVED = datetime(2026, 2, 1, 2)
HEALTH, SPORTS = "health.service_volumes", "sports.openings"
# Whose rows come from divisions and residents alone.
BACKBONE = {
    "division_vintages", "division_twins", "division_scopes", "division_successor", "division_restatement",
    "division_latest", "dim_division_history", "dim_division", "division_population", "division_population_restated",
}  # fmt: skip
REGISTERS = {
    "division_matches", "facility_reports", "facility_points", "facility_places", "facility_addresses",
    "dim_facility_history", "dim_facility", "facility_link",
}  # fmt: skip
CHAIN = (*sorted(BACKBONE | REGISTERS), "population_reports", "volume_deliveries", "service_volume_sums", "fct_service_volume")  # fmt: skip


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Ten days of volumes, registers, one vintage of the divisions and its residents."""
    city = City(DataDirectory(tmp_path_factory.mktemp("quiet")), np.random.default_rng(9), chain=CHAIN)
    divisions, population = places()
    city.deliver("reference.divisions", "d2024", divisions.filter(vintage=shifan.EARLIER).to_dicts(), RECEIVED)
    city.deliver("reference.population", "p", population.to_dicts(), RECEIVED)
    register(city, "v1", [f"F{n}" for n in range(8)], days_later=0)
    for number in range(10):
        a_day(city, number, people=int(city.rng.integers(1, 100)))
    city.deliver("civil_affairs.elderly_care", "e1", homes(30), RECEIVED)
    assert city.night(*("+" + name for name in CHAIN)) >= BACKBONE | REGISTERS
    return city


@cache
def places() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both vintages of a small city's divisions, and its residents."""
    plan = Plan(seed=9, communities=40)
    made = shifan.build(plan)
    population = [p.frame for p in shifan.parcels(plan, made) if p.feed == "reference.population"]
    return made.divisions, pl.concat(population)


def register(city: City, receipt: str, codes: list[str], *, days_later: int) -> None:
    villages = places()[0].filter(level="village")["code"].to_list()
    rows = [
        {"venue_id": c, "name": f"示范馆{n}", "venue_type_code": "1", "division_code": villages[n], "status": "1"}
        for n, c in enumerate(codes)
    ]
    city.deliver("sports.venues", receipt, rows, RECEIVED + timedelta(days=days_later))


def a_day(city: City, number: int, *, people: int) -> None:
    """A day of two feeds: facilities that are registered and one that is not yet."""
    day = FIRST + timedelta(days=number)
    codes = [f"F{n}" for n in range(8)] + ["late"]
    visits = [visit(c, day, people + n, item) for item in ("BPS02", "BPS03") for n, c in enumerate(codes)]
    hours = [{"venue_id": c, "opened_on": day, "visits": people, "open_hours": people / 8} for c in codes]
    city.deliver(HEALTH, f"h{number:02}", visits, RECEIVED)
    city.deliver(SPORTS, f"s{number:02}", hours, RECEIVED)


def visit(facility: str, day: date, visits: int, item: str = "BPS02") -> dict[str, Any]:
    return {"institution_code": facility, "served_on": day, "service_item_code": item, "visits": visits}


def homes(residents: int) -> list[dict[str, Any]]:
    """What homes for the elderly report each month, volume and register in one."""
    sent = {"month": FIRST, "name": "示范敬老院", "institution_type": "1", "status": "1"}
    return [sent | {"institution_code": f"E{n}", "residents": residents + n} for n in range(3)]


def days_come_late_corrected_read_again_and_not_at_all(city: City) -> None:
    a_day(city, 10, people=5)
    city.deliver(HEALTH, "h_late", [visit("F1", FIRST + timedelta(days=3), 7), visit("F9", FIRST, 2)], RECEIVED)
    held = [{"activity_id": "a1", "venue_id": "C1", "held_on": FIRST, "participants": 30, "sessions": 1}]
    city.deliver("culture.activities", "c00", held, RECEIVED)
    city.withdraw("h05")
    city.deliver(HEALTH, "h05_again", [visit("F2", FIRST + timedelta(days=d), 3) for d in (5, 30)], RECEIVED)
    city.withdraw("s07")
    a_day(city, 8, people=1000)


def a_month_is_reported_again(city: City) -> None:
    city.deliver("civil_affairs.elderly_care", "e1_again", homes(50), RECEIVED + timedelta(days=1))


def the_second_report_goes_and_a_register_comes(city: City) -> None:
    city.withdraw("e1_again")
    register(city, "v2", [*(f"F{n}" for n in range(10)), "late"], days_later=2)


def a_vintage_comes(city: City) -> None:
    rows = places()[0].filter(vintage=shifan.NEWEST).to_dicts()
    city.deliver("reference.divisions", "d2025", rows, RECEIVED + timedelta(days=3))


def test_a_night_builds_what_something_arrived_for(city: City) -> None:
    assert city.night(day="2026-07-01") == set()
    states = [city.tables()]
    # What happens, what is built for it at least, and what stands; the sums are mended each time.
    nights = (
        (days_come_late_corrected_read_again_and_not_at_all, set(), BACKBONE | REGISTERS),
        (a_month_is_reported_again, {"facility_reports"}, BACKBONE),
        (the_second_report_goes_and_a_register_comes, {"facility_reports", "facility_places", "dim_facility"}, BACKBONE),
        (a_vintage_comes, BACKBONE, set()),
    )  # fmt: skip
    for happens, at_least, stands in nights:
        happens(city)
        built = city.night()
        assert (at_least - built, stands & built) == (set(), set()), happens.__name__
        assert city.was_mended("volume_deliveries")
        states.append(city.tables())
        assert states[-1] != states[-2], happens.__name__
    assert city.night(full_refresh=True) >= BACKBONE | REGISTERS
    assert city.tables() == states[-1]


def test_a_late_row_moves_exactly_its_keys(city: City) -> None:
    """A mark that no build would make stands beside every other row after the night."""
    city.ask("update standard.service_volume_sums set participants = -1")
    city.deliver(HEALTH, "h_later", [visit("F3", FIRST + timedelta(days=4), 11)], RECEIVED)
    city.night("volume_deliveries", "service_volume_sums")
    moved = city.ask("select distinct feed, period_start from standard.service_volume_sums where participants is null")
    assert moved == [(HEALTH, FIRST + timedelta(days=4))]
    city.night("volume_deliveries", "service_volume_sums", full_refresh=True)


def test_volumes_of_chance_are_what_one_build_makes(city: City) -> None:
    """Each night some files come, of any days; some go; some are read again under their receipt with other rows."""
    mended = ("volume_deliveries", "service_volume_sums")
    for night in range(5):
        standing = sorted(r for r, feed in city.feeds.items() if r in city.checksums and feed in (HEALTH, SPORTS))
        for receipt in city.rng.choice(standing, 3, replace=False):
            city.withdraw(str(receipt))
        for receipt in (f"n{night}", f"m{night}", *map(str, city.rng.choice(standing, 2, replace=False))):
            facilities, days, visits = city.rng.integers(0, (12, 15, 99), (city.rng.integers(1, 5), 3)).T
            rows = [
                visit(f"F{f}", FIRST + timedelta(days=int(d)), int(v))
                for f, d, v in zip(facilities, days, visits, strict=True)
            ]
            if receipt in city.checksums:
                city.withdraw(receipt)
            city.deliver(HEALTH, receipt, rows, RECEIVED)
        city.night(*mended)
        assert city.was_mended("volume_deliveries"), night
    left = city.tables()
    city.night(*mended, full_refresh=True)
    assert city.tables() == left


def test_a_table_that_does_not_say_what_it_was_made_of_is_built(city: City) -> None:
    """And what reads it stands, as long as its rows are the same."""
    chosen = ("division_scopes", "division_twins", "facility_reports", "facility_points", "dim_facility_history")
    city.night(*chosen)
    city.ask("comment on table standard.division_scopes is null")
    city.ask("drop table standard.division_twins")
    city.ask("comment on table standard.facility_reports is 'by hand'")
    city.ask("update seeds.facility_types set source = 'another'")
    assert city.night(*chosen) == set(chosen) - {"facility_points"}


def test_of_the_ledger_counts_what_it_says_of_the_feeds_that_are_read(city: City) -> None:
    city.night("facility_reports")
    city.checksums["h01"] = "other rows of a feed that is no register"
    assert city.night("facility_reports") == set()
    city.checksums["v2"] = "other rows of a register"
    assert city.night("facility_reports") == {"facility_reports"}
