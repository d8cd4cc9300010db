"""Indicators are updated where the rows they are added up from have changed, and are then what one build of everything makes."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from nights import City
from sendings import SPORTS, day_of_volumes, divisions, homes, residents, venues

from demo import city as shifan
from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

FIRST = date(2026, 1, 30)
RECEIVED = datetime(2026, 3, 1, 2)
KEPT = (
    "indicator_measured",
    "indicator_sums",
    "indicator_cells",
    "indicator_group",
    "equalisation_units",
    "equalisation_groups",
)
# Tables that are updated, and what is made of them and among them.
CHAIN = (
    *KEPT,
    "indicator_changes",
    "indicator_places",
    "indicator_scopes",
    "indicator_population_years",
    "indicator_value",
    "equalisation",
    "equalisation_unit",
)
EVERYTHING = tuple("+" + name for name in CHAIN)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Four days of volumes in two months, registers, homes, one vintage of the divisions and its residents."""
    city = City(DataDirectory(tmp_path_factory.mktemp("months")), np.random.default_rng(9), chain=CHAIN)
    city.deliver("reference.divisions", "d2024", divisions(shifan.EARLIER).to_dicts(), RECEIVED)
    city.deliver("reference.population", "p", residents().to_dicts(), RECEIVED)
    city.deliver("sports.venues", "v1", venues([f"F{n}" for n in range(8)]), RECEIVED)
    city.deliver("civil_affairs.elderly_care", "e1", homes(FIRST.replace(day=1), 30), RECEIVED)
    for number in range(4):
        day_of_volumes(city, FIRST + timedelta(days=number), f"{number:02}", RECEIVED, people=number + 5)
    city.night(*EVERYTHING)
    return city


def opened(city: City, receipt: str, venue: str, day: date, *, visits: int) -> None:
    city.deliver(
        SPORTS, receipt, [{"venue_id": venue, "opened_on": day, "visits": visits, "open_hours": 4.5}], RECEIVED
    )


def a_day_comes_and_with_it_a_month(city: City) -> None:
    day_of_volumes(city, date(2026, 3, 1), "04", RECEIVED, people=7)


def a_late_file_and_one_that_goes(city: City) -> None:
    opened(city, "s_late", "F1", FIRST, visits=70)
    city.withdraw("s03")


def a_month_goes(city: City) -> None:
    for receipt in ("h04", "s04"):
        city.withdraw(receipt)


def homes_report_a_month_again_and_a_register_comes(city: City) -> None:
    city.deliver(
        "civil_affairs.elderly_care", "e1_again", homes(FIRST.replace(day=1), 50), RECEIVED + timedelta(days=1)
    )
    city.deliver("sports.venues", "v2", venues([f"F{n}" for n in range(9)]), RECEIVED + timedelta(days=2))


def residents_are_counted_again(city: City) -> None:
    rows = [row | {"population": row["population"] + 10} for row in residents().to_dicts()]
    city.deliver("reference.population", "p_again", rows, RECEIVED + timedelta(days=3))


def a_vintage_comes(city: City) -> None:
    city.deliver("reference.divisions", "d2025", divisions(shifan.NEWEST).to_dicts(), RECEIVED + timedelta(days=3))


def a_night_ends_half_way(city: City) -> None:
    """What changed is known and the measures are made; the sums are still those of the night before."""
    opened(city, "s_half", "F2", FIRST, visits=500)
    city.night("+indicator_measured", "indicator_changes")
    opened(city, "s_after", "F2", date(2026, 2, 1), visits=600)


def one_model_is_built_by_hand(city: City) -> None:
    opened(city, "s_hand", "F3", FIRST, visits=700)
    city.night("+service_months")
    city.night("indicator_measured", "indicator_sums")


def states(city: City) -> dict[str, str]:
    said = city.ask("select table_name, comment from duckdb_tables() where schema_name = 'indicators'")
    return {name: comment or "" for name, comment in said if name in CHAIN}


@pytest.mark.parametrize(("happens", "updated"), [
    (a_day_comes_and_with_it_a_month, set(KEPT)),
    (a_late_file_and_one_that_goes, set(KEPT)),
    (a_month_goes, set(KEPT)),
    (homes_report_a_month_again_and_a_register_comes, set(KEPT)),
    (residents_are_counted_again, set()),
    (a_vintage_comes, set()),
    (a_night_ends_half_way, {"indicator_measured"}),
    (one_model_is_built_by_hand, set(KEPT) - {"indicator_measured", "indicator_sums"}),
], ids=lambda given: getattr(given, "__name__", ""))  # fmt: skip
def test_nights_of_every_kind_leave_what_one_build_of_everything_makes(city: City, happens, updated) -> None:
    before = city.tables()
    happens(city)
    stood = states(city)
    city.night(*EVERYTHING)
    _, led_from, _ = states(city)["indicator_changes"].split(" ")
    assert {name for name in KEPT if stood[name] == led_from} == updated
    left = city.tables()
    assert left != before
    city.night(full_refresh=True)
    whole = city.tables()
    assert {name for name in whole if whole[name] != left[name]} == set()
    assert all(rows for rows, _ in whole.values())
