"""Two senders of one register who number their facilities alike: each has its own facility, and its volumes are there."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from nights import City
from sendings import SPORTS, divisions, venues

from demo import city as shifan
from orchestration.derived import linkage
from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

DAY = date(2026, 1, 5)
RECEIVED = datetime(2026, 2, 1, 2)
CHAIN = (
    "dim_facility",
    "facility_codes",
    "volume_deliveries",
    "service_volume_sums",
    "fct_service_volume",
    "feed_problem",
)
VOLUMES = "select facility_id, visits, is_facility_registered from facilities.fct_service_volume order by facility_id"


def opened(code: str, visits: int) -> dict[str, object]:
    return {"venue_id": code, "opened_on": DAY, "visits": visits, "open_hours": 8}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """The first sender's register and both senders' volumes: nobody can know yet that the second means another 001."""
    city = City(DataDirectory(tmp_path_factory.mktemp("two")), np.random.default_rng(9), chain=CHAIN)
    city.deliver("reference.divisions", "d", divisions(shifan.EARLIER).to_dicts(), RECEIVED)
    city.deliver("sports.venues", "v1", venues(["001", "002"]), RECEIVED, "east")
    city.deliver(SPORTS, "s1", [opened("001", 10)], RECEIVED, "east")
    city.deliver(SPORTS, "s2", [opened("001", 3)], RECEIVED, "aoxi")
    city.deliver(SPORTS, "s3", [opened("001", 1)], RECEIVED, "platform")
    night(city)
    assert city.ask(VOLUMES) == [("sports:001", 14, True)]
    return city


def night(city: City) -> None:
    linkage.write(city.data)
    city.night(*("+" + name for name in CHAIN))


def test_the_second_sender_s_code_is_a_facility_of_its_own_with_its_own_volumes(city: City) -> None:
    # First in the alphabet, dated before the first sender's newest file, and still the second.
    city.deliver("sports.venues", "v2", venues(["001"]), RECEIVED + timedelta(days=1), "aoxi")
    city.deliver("sports.venues", "v3", venues(["001", "002"]), RECEIVED + timedelta(days=2), "east")
    night(city)
    known = "select facility_id, facility_code, sender, status from facilities.dim_facility order by facility_id"
    assert city.ask(known) == [
        ("sports:001", "001", "east", "open"),
        ("sports:002", "002", "east", "open"),
        ("sports:aoxi/001", "001", "aoxi", "open"),
    ]
    assert city.ask(VOLUMES) == [("sports:001", 11, True), ("sports:aoxi/001", 3, True)]
    assert linkage.registered(city.data)["facility_id"].to_list() == ["sports:001", "sports:002", "sports:aoxi/001"]
    said = "select sender, sent_value from feeds.feed_problem where problem = 'facility_ambiguous'"
    assert city.ask(said) == [("platform", "sports:001")]


def test_a_late_file_of_the_first_sender_and_a_quiet_night_rename_nobody(city: City) -> None:
    before = city.ask("select facility_id, name from facilities.dim_facility order by facility_id")
    city.deliver("sports.venues", "v0", venues(["001", "002"]), RECEIVED + timedelta(days=3), "east")
    city.deliver(SPORTS, "s4", [opened("001", 100)], RECEIVED + timedelta(days=3), "aoxi")
    night(city)
    assert city.was_updated("volume_deliveries")
    assert city.ask("select facility_id, name from facilities.dim_facility order by facility_id") == before
    assert city.ask(VOLUMES) == [("sports:001", 11, True), ("sports:aoxi/001", 103, True)]
    left = city.tables()
    city.night(*("+" + name for name in CHAIN), full_refresh=True)
    assert city.tables() == left
