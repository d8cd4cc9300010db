"""Sums of volumes are updated where days came, went or were corrected, and are then what one build of everything makes."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from nights import City
from sendings import HEALTH, SPORTS, day_of_volumes, divisions, homes, residents, venues, visit

from demo import city as shifan
from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

FIRST = date(2026, 1, 1)
RECEIVED = datetime(2026, 2, 1, 2)
CHAIN = ("dim_division", "dim_facility", "volume_deliveries", "service_volume_sums", "fct_service_volume")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Ten days of volumes, registers, one vintage of the divisions and its residents."""
    city = City(DataDirectory(tmp_path_factory.mktemp("quiet")), np.random.default_rng(9), chain=CHAIN)
    city.deliver("reference.divisions", "d2024", divisions(shifan.EARLIER).to_dicts(), RECEIVED)
    city.deliver("reference.population", "p", residents().to_dicts(), RECEIVED)
    city.deliver("sports.venues", "v1", venues([f"F{n}" for n in range(8)]), RECEIVED)
    for number in range(10):
        a_day(city, number, people=int(city.rng.integers(1, 100)))
    city.deliver("civil_affairs.elderly_care", "e1", homes(FIRST, 30), RECEIVED)
    city.night(*("+" + name for name in CHAIN))
    return city


def a_day(city: City, number: int, *, people: int) -> None:
    day_of_volumes(city, FIRST + timedelta(days=number), f"{number:02}", RECEIVED, people=people)


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
    city.deliver("civil_affairs.elderly_care", "e1_again", homes(FIRST, 50), RECEIVED + timedelta(days=1))


def the_second_report_goes_and_a_register_comes(city: City) -> None:
    city.withdraw("e1_again")
    listed = [*(f"F{n}" for n in range(10)), "late"]
    city.deliver("sports.venues", "v2", venues(listed), RECEIVED + timedelta(days=2))


def a_vintage_comes(city: City) -> None:
    city.deliver("reference.divisions", "d2025", divisions(shifan.NEWEST).to_dicts(), RECEIVED + timedelta(days=3))


def test_nights_of_every_kind_leave_what_one_build_of_everything_makes(city: City) -> None:
    states = [city.tables()]
    for happens in (
        days_come_late_corrected_read_again_and_not_at_all,
        a_month_is_reported_again,
        the_second_report_goes_and_a_register_comes,
        a_vintage_comes,
    ):
        happens(city)
        city.night(*("+" + name for name in CHAIN))
        assert city.was_updated("volume_deliveries")
        states.append(city.tables())
        assert states[-1] != states[-2], happens.__name__
    city.night(full_refresh=True)
    assert city.tables() == states[-1]


def test_a_late_row_moves_exactly_its_keys(city: City) -> None:
    """A mark that no build would make stands beside every other row after the night, also of days between two touched ones."""
    city.ask("update facilities.service_volume_sums set participants = -1")
    days = [FIRST + timedelta(days=n) for n in (2, 4, 5)]
    city.deliver(HEALTH, "h_later", [visit("F3", day, 11) for day in days], RECEIVED)
    city.night("volume_deliveries", "service_volume_sums")
    moved = "select distinct feed, period_start from facilities.service_volume_sums where participants is null"
    assert sorted(city.ask(moved)) == [(HEALTH, day) for day in days]
    city.night("volume_deliveries", "service_volume_sums", full_refresh=True)


def test_volumes_of_chance_are_what_one_build_makes(city: City) -> None:
    """Each night some files come, of any days; some go; some are read again under their receipt with other rows."""
    updated = ("volume_deliveries", "service_volume_sums")
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
        city.night(*updated)
        assert city.was_updated("volume_deliveries"), night
    left = city.tables()
    city.night(*updated, full_refresh=True)
    assert city.tables() == left
