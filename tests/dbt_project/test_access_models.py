"""What becomes of distances in `facility_access` and `shortfall`: straight lines without a network, ways where one is given, each said of its row.

Belongs here: the models on towns of three villages. Does not belong here: how ways are measured (test_road_network.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from building import invoke, prepare

from contracts.loading import seed_path
from orchestration.derived import roads
from orchestration.intake import ledger
from orchestration.paths import DataDirectory

SEARCHES = ("near", "nearby", "middle", "far", "farther", "wide")
PLACED = ("access_points", "access_sites", "access_assumed_points")
MADE = (
    *(f"access_search_{s}" for s in SEARCHES), "access_pairs", "access_nearest", "facility_access", "shortfall_pairs", "shortfall_sites",
    "shortfall",
)  # fmt: skip
MILLI = 6_371_000 * math.pi / 180 / 1000
# Two streets along a river and a bridge a kilometre to the east, on the equator; a hut far from both.
VILLAGES: Villages = [("south", 1, 0, 100), ("north", 1, 1, 300), ("hut", 1, -20, 50)]
Villages = Sequence[tuple[str, float | None, float | None, int]]
Hospitals = Sequence[tuple[str, float, float]]
HOSPITALS = [("across", 1.5, 1), ("along", 6, 0)]
STREETS = [[(x, 0) for x in range(21)], [(x, 1) for x in range(21)], [(10, 0), (10, 1)]]


def extract(streets: Sequence[Sequence[tuple[float, float]]] = STREETS) -> str:
    number: dict[tuple[float, float], int] = {}
    ways = []
    for n, street in enumerate(streets, 1):
        refs = "".join(f'<nd ref="{number.setdefault(p, len(number) + 1)}"/>' for p in street)
        ways.append(f'<way id="{n}">{refs}<tag k="highway" v="residential"/></way>')
    nodes = [f'<node id="{n}" lon="{x / 1000}" lat="{y / 1000}"/>' for (x, y), n in number.items()]
    return "\n".join(['<osm version="0.6">', *nodes, *ways, "</osm>"])


def settled(folder: Path, villages: Villages, hospitals: Hospitals) -> DataDirectory:
    """A data directory whose warehouse has these villages of one city and these hospitals."""
    data = DataDirectory(folder)
    prepare(data)
    ledger.table(data).write_parquet(ledger.path(data))
    with duckdb.connect(str(data.warehouse)) as con:
        for schema in ("divisions", "facilities", "seeds"):
            con.execute(f"create schema {schema}")
        con.execute("""
            create table divisions.dim_division (division_code varchar, full_name varchar, level varchar, area_type varchar,
                is_in_force boolean, is_virtual boolean, province_code varchar, city_code varchar, county_code varchar, town_code varchar,
                village_code varchar, longitude double, latitude double, population bigint)
        """)
        con.execute(
            "insert into divisions.dim_division values ('C', 'C', 'city', null, true, false, null, 'C', null, null, null, null, null, null)"
        )
        con.executemany(
            "insert into divisions.dim_division values (?, 'x', 'village', 'urban', true, false, null, 'C', null, null, ?, ?, ?, ?)",
            [[code, code, x and x / 1000, y and y / 1000, residents] for code, x, y, residents in villages],
        )  # fmt: skip
        con.execute("""
            create table facilities.dim_facility (facility_id varchar, facility_type varchar, is_open boolean, longitude double,
                latitude double, capacity bigint, division_code varchar, division_method varchar)
        """)
        con.executemany(
            "insert into facilities.dim_facility values (?, 'hospital', true, ?, ?, null, 'C', 'code')",
            [[name, x / 1000, y / 1000] for name, x, y in hospitals],
        )
        for name in ("circle_facilities", "access_rules"):
            con.execute(f"create table seeds.{name} as select * from read_csv('{seed_path(name)}')")
    return data


def access(data: DataDirectory, table: str = "facility_access") -> dict[str, dict[str, Any]]:
    """Division → its row for medical care, the models built as a night builds them."""
    for models in (PLACED, MADE):
        run = invoke(data, "run", "--select", *models)
        assert run.success, run.said[-3000:]
        roads.write(data)
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        found = con.execute(f"select * from indicators.{table} where circle_type = 'medical'")
        names = [d[0] for d in found.description or ()]
        return {row["division_code"]: row for row in (dict(zip(names, r, strict=True)) for r in found.fetchall())}


def test_ways_take_the_place_of_straight_lines_where_a_network_is_given(tmp_path: Path) -> None:
    town = settled(tmp_path, VILLAGES, HOSPITALS)
    by_line = access(town)
    assert {code: row["distance_kind"] for code, row in by_line.items()} == dict.fromkeys(by_line, "straight_line")
    assert by_line["south"]["nearest_facility_id"] == "across"
    assert by_line["south"]["nearest_m"] == pytest.approx(1.3 * math.hypot(0.5, 1) * MILLI, rel=1e-5)
    assert (by_line["C"]["residents_within_wide"], by_line["C"]["communities_by_road"]) == (400, 0)
    assert by_line["south"]["facilities_within_wide"] == 2

    (town.root / "roads").mkdir()
    (town.root / "roads" / "town.osm").write_text(extract())
    on_foot = access(town)
    assert {code: row["distance_kind"] for code, row in on_foot.items()} == {
        "south": "road", "north": "road", "hut": "straight_line", "C": "mixed",
    }  # fmt: skip
    assert on_foot["south"]["nearest_facility_id"] == "along"
    assert on_foot["south"]["nearest_m"] == pytest.approx(5 * MILLI, rel=1e-5)
    # The next node of the street is half a piece away from the door.
    assert on_foot["north"]["nearest_m"] == pytest.approx(0.5 * MILLI, rel=1e-2)
    assert on_foot["hut"]["nearest_m"] == by_line["hut"]["nearest_m"]
    assert (on_foot["south"]["facilities_within_wide"], on_foot["north"]["facilities_within_wide"]) == (1, 1)
    assert on_foot["C"]["communities_by_road"] == 2
    assert on_foot["C"]["residents_within_middle"] == 300
    # Each hospital is one village's alone: a hospital over its residents.
    assert on_foot["south"]["accessibility"] == pytest.approx(1 / 100)
    assert on_foot["north"]["accessibility"] == pytest.approx(1 / 300)


def test_a_new_site_is_within_reach_of_whom_facility_access_would_say_so(tmp_path: Path) -> None:
    """Nobody reaches the hospital; over the river it is a stone's throw, and two kilometres by the bridge."""
    town = settled(
        tmp_path,
        [("south", 1, 0, 100), ("along", 5, 0, 60), ("north", 1, 1, 300), ("hut", 1, -20, 50)],
        [("far", 300, 0)],
    )
    lacking = access(town, "shortfall")
    assert {code: row["site_code"] for code, row in lacking.items()} == {
        "south": "along", "along": "along", "north": "along", "hut": "hut",
    }  # fmt: skip
    assert {row["site_distance_kind"] for row in lacking.values()} == {row["distance_kind"] for row in lacking.values()}
    assert lacking["north"]["site_m"] == pytest.approx(1.3 * math.hypot(4, 1) * MILLI, rel=1e-5)
    # Of 510 residents nobody has a hospital; the curve begins there.
    assert (lacking["north"]["city_share_within"], lacking["north"]["city_share_with_sites"]) == (
        0.0,
        pytest.approx(460 / 510),
    )
    assert lacking["hut"]["city_share_with_sites"] == pytest.approx(1.0)

    (town.root / "roads").mkdir()
    (town.root / "roads" / "town.osm").write_text(extract())
    lacking = access(town, "shortfall")
    assert {code: (row["site_order"], row["site_code"], row["site_distance_kind"]) for code, row in lacking.items()} == {
        "north": (1, "north", "road"), "south": (2, "along", "road"), "along": (2, "along", "road"), "hut": (3, "hut", "straight_line"),
    }  # fmt: skip
    assert lacking["south"]["site_m"] == pytest.approx(4 * MILLI, rel=1e-3)
    assert (lacking["north"]["site_m"], lacking["hut"]["site_m"]) == (0.0, 0.0)
    assert lacking["south"]["city_share_with_sites"] == pytest.approx(460 / 510)


def test_a_mean_distance_says_how_many_it_is_the_mean_of(tmp_path: Path) -> None:
    """Of three villages one lies on streets of its own that lead to no hospital, and of one nobody knows where it is."""
    island = [[(x / 10, 20) for x in range(121)]]
    town = settled(tmp_path, [("south", 1, 0, 100), ("isle", 1, 20, 300), ("lost", None, None, 50)], HOSPITALS)
    (town.root / "roads").mkdir()
    (town.root / "roads" / "town.osm").write_text(extract([*STREETS, *island]))
    found = access(town)
    assert {code: row["distance_kind"] for code, row in found.items()} == {"south": "road", "isle": "no_way", "lost": None, "C": "mixed"}  # fmt: skip
    of = ("mean_nearest_m", "communities_with_way", "residents_with_way")
    assert [found["C"][c] for c in of] == [found["south"]["nearest_m"], 1, 100]
    assert [found["isle"][c] for c in of] == [None, 0, 0]
    assert [found["lost"][c] for c in of] == [None, None, None]
    assert found["lost"]["null_reason"] == "no_point"
