"""Whether a point is believed, on simulated regions where it is known which points are wrong.

A region has nine counties, each with a seat that holds four fifths of its facilities and with hamlets scattered over hills; the
seats lie some 60 km apart. One point in eight is planted wrong. Belongs here: how many right points are refused and how many wrong
ones believed, with Wilson intervals. Does not belong here: each rule by itself (facility_points.unit.yml).
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pytest
from building import accept, build

from contracts.loading import load_feeds
from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

SEED = 20261129
REGIONS, FACILITIES, OTHER_FACILITIES = 5, 104, 40  # facilities a county
SEAT_SHARE, WRONG_SHARE = 0.8, 1 / 8
WEST, SOUTH, DEGREE_KM, NARROW = 12.0, 49.0, 111.0, 0.65  # where the first region lies; NARROW: cos(latitude)
WRONG = ("swapped", "default", "typo", "county", "county", "county", "county")
REFUSED = {"outside_division", "swapped_axes", "default_point", "off_the_globe"}

Place = dict[str, Any]


def land(random: np.random.Generator) -> tuple[Any, list[list[Any]]]:
    """Seats of nine counties and the hamlets of each, in km."""
    seats = np.array([(60.0 * i, 60.0 * j) for i in range(3) for j in range(3)]) + random.normal(0, 6, (9, 2))
    hamlets: list[list[Any]] = [[] for _ in seats]
    while min(map(len, hamlets)) < 14:
        spot = random.uniform(-30, 150, 2)
        county = int(np.argmin(np.hypot(*(seats - spot).T)))
        if len(hamlets[county]) < 14:
            hamlets[county].append(spot)
    return seats, hamlets


def facilities_of(
    random: np.random.Generator, region: int, seats: Any, hamlets: list[list[Any]], each: int
) -> list[Place]:
    """Facilities with county, `kind` (right, or how the point is wrong) and position in km."""
    places: list[Place] = []
    for county, seat in enumerate(seats):
        for n in range(each):
            in_seat = n < each * SEAT_SHARE
            at = (
                seat + random.normal(0, 1.5, 2)
                if in_seat
                else hamlets[county][random.integers(14)] + random.normal(0, 0.3, 2)
            )
            places.append({"region": region, "county": county, "in_seat": in_seat, "at": at, "kind": "right"})
    right = [(place["county"], place["at"]) for place in places]
    for n, chosen in enumerate(random.permutation(len(places))[: int(len(places) * WRONG_SHARE)]):
        place = places[chosen]
        place["kind"] = WRONG[n % len(WRONG)]
        if place["kind"] == "county":  # where a facility of the next county is, in its seat or in its hills
            apart = np.hypot(*(seats - seats[place["county"]]).T)
            next_county = random.choice(np.flatnonzero((apart > 40) & (apart < 75)))
            theirs = [at for county, at in right if county == next_county]
            place["at"] = theirs[random.integers(len(theirs))] + random.normal(0, 0.3, 2)
        if place["kind"] == "typo":  # a degree too much or too little
            place["at"] = place["at"] + random.choice([-1, 1]) * (
                np.array([DEGREE_KM * NARROW, 0]) if n % 2 else np.array([0, DEGREE_KM])
            )
    return places


def point(place: Place) -> tuple[float, float]:
    east, north = (0.0, 0.0) if place["kind"] == "default" else place["at"]
    west = WEST + 10.0 * place["region"]
    longitude, latitude = round(west + east / DEGREE_KM / NARROW, 6), round(SOUTH + north / DEGREE_KM, 6)
    return (latitude, longitude) if place["kind"] == "swapped" else (longitude, latitude)


def register(places: list[Place], first: int = 0) -> list[dict[str, Any]]:
    """Rows of a register of venues, numbered from `first`."""
    rows = []
    for n, place in enumerate(places, start=first):
        longitude, latitude = point(place)
        row = {"venue_id": f"{n}", "name": f"Zařízení {n}", "division_code": county_code(place), "status": "1"}
        rows.append(row | {"longitude": longitude, "latitude": latitude})
    return rows


def county_code(place: Place) -> str:
    return f"{place['region'] + 1}{place['county']:02d}"


def reasons(data: DataDirectory) -> dict[int, str]:
    """Number of a facility → what the models say of its point."""
    build(data, "--select", "+dim_facility_history", "--exclude-resource-type", "test", "unit_test")
    query = "select cast(facility_code as int), point_reason from facilities.dim_facility_history"
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        return dict(con.execute(query).fetchall())


def wilson(hits: int, of: int) -> tuple[float, float, float]:
    """Share and its 95 % interval (Wilson 1927)."""
    share, z = hits / of, 1.959964
    middle, width = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return share, (middle - width) / (1 + z * z / of), (middle + width) / (1 + z * z / of)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Place, str, str]]:
    """Places of several regions, with their reason where one register lists them, and after another one has come."""
    random = np.random.default_rng(SEED)
    lands = [land(random) for _ in range(REGIONS)]
    places = [place for n in range(REGIONS) for place in facilities_of(random, n, *lands[n], FACILITIES)]
    others = [place for n in range(REGIONS) for place in facilities_of(random, n, *lands[n], OTHER_FACILITIES)]
    data = DataDirectory(tmp_path_factory.mktemp("region"))
    data.derived.mkdir()
    divisions = [
        {"vintage": 2025, "code": f"{n + 1}", "name": f"Kraj {n}", "level": "province"} for n in range(REGIONS)
    ]
    for code in sorted({county_code(place) for place in places}):
        divisions.append(
            {"vintage": 2025, "code": code, "name": f"Okres {code}", "parent_code": code[0], "level": "county"}
        )
    accept(data, load_feeds()["reference.divisions"], divisions, datetime(2026, 1, 2))
    accept(data, load_feeds()["sports.venues"], register(places), datetime(2026, 1, 2))
    once = reasons(data)
    accept(data, load_feeds()["culture.venues"], register(others, len(places)), datetime(2026, 1, 2))
    twice = reasons(data)
    return [(place, once[n], twice[n]) for n, place in enumerate(places)]


def test_right_points_are_kept_and_points_of_the_next_county_are_not(judged) -> None:
    shares = {}
    for kind in ("right", "hills", "county", "swapped", "default", "typo"):
        of = [
            once in REFUSED
            for place, once, _ in judged
            if kind == place["kind"] or (kind == "hills" and is_hill(place))
        ]
        shares[kind] = wilson(sum(of), len(of))
    assert shares["right"][2] <= 0.01, shares
    assert shares["hills"][2] <= 0.03, shares
    assert 1 - shares["county"][0] <= 0.05, shares
    assert 1 - shares["county"][1] <= 0.08, shares
    assert min(shares[kind][0] for kind in ("swapped", "default")) == 1, shares
    assert shares["typo"][0] >= 0.9, shares


def test_another_register_does_not_overturn_what_was_said(judged) -> None:
    right = [(once, twice) for place, once, twice in judged if place["kind"] == "right"]
    overturned = sum(once not in REFUSED and twice in REFUSED for once, twice in right)
    assert wilson(overturned, len(right))[2] <= 0.005
    wrong = [(once, twice) for place, once, twice in judged if place["kind"] == "county"]
    assert sum(once in REFUSED and twice not in REFUSED for once, twice in wrong) <= 0.02 * len(wrong)


def is_hill(place: Place) -> bool:
    return place["kind"] == "right" and not place["in_seat"]
