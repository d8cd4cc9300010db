"""Distances over walked ways: a town with a river, held against distances by hand; a random town, against a search written out plainly."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from orchestration.derived import road_network, roads
from orchestration.derived.road_network import DISTANCES, PLACES, SITES, Network, Rules, is_walked, measure
from orchestration.paths import DataDirectory

RULES = Rules(detour=1.3, reach_m=1000.0, snap_max_m=200.0, part_min_m=1000.0)
# Metres of a thousandth of a degree, on the equator in both directions.
MILLI = 6_371_000 * math.pi / 180 / 1000

# Two streets along a river, 111 m apart, with one bridge 1,112 m to the east; and what does not carry anybody over it.
SOUTH, NORTH = [(x, 0) for x in range(0, 21)], [(x, 1) for x in range(0, 21)]
TOWN: list[tuple[list[tuple[float, float]], dict[str, str]]] = [
    (SOUTH, {"highway": "residential"}),
    (NORTH, {"highway": "residential", "oneway": "yes"}),
    ([(10, 0), (10, 1)], {"highway": "footway", "bridge": "yes"}),
    ([(1, 0), (1, 1)], {"highway": "motorway"}),
    ([(2, 0), (2, 1)], {"highway": "construction", "construction": "footway", "foot": "yes"}),
    ([(3, 0), (3, 1)], {"highway": "service", "access": "private"}),
    ([(4, 0), (4, 1)], {"waterway": "weir"}),
    ([(5, 0), (5, 1)], {"highway": "primary", "foot": "no"}),
    # A path in a park that leads nowhere.
    ([(30, 5), (31, 5)], {"highway": "path"}),
]


def osm(ways: Iterable[tuple[list[tuple[float, float]], Mapping[str, str]]], without: Iterable[int] = ()) -> str:
    """An extract; `without`: numbers of nodes that lie outside it."""
    number: dict[tuple[float, float], int] = {}
    lines = []
    for n, (points, tags) in enumerate(ways, 1):
        refs = [number.setdefault(point, len(number) + 1) for point in points]
        said = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
        lines.append(f'<way id="{n}">{"".join(f"<nd ref={chr(34)}{r}{chr(34)}/>" for r in refs)}{said}</way>')
    nodes = [
        f'<node id="{n}" lon="{x / 1000:.7f}" lat="{y / 1000:.7f}"/>'
        for (x, y), n in number.items()
        if n not in {*without}
    ]
    return "\n".join(["<?xml version='1.0'?>", '<osm version="0.6" generator="by hand">', *nodes, *lines, "</osm>"])


def places(**at: tuple[float, float]) -> pl.DataFrame:
    return pl.DataFrame(
        [(code, None, x / 1000, y / 1000) for code, (x, y) in at.items()], schema=dict(PLACES), orient="row"
    )


def sites(**at: tuple[str, float, float]) -> pl.DataFrame:
    return pl.DataFrame(
        [(kind, name, x / 1000, y / 1000) for name, (kind, x, y) in at.items()], schema=dict(SITES), orient="row"
    )


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Network:
    file = tmp_path_factory.mktemp("town") / "town.osm"
    file.write_text(osm(TOWN))
    return road_network.without_short_parts(road_network.read([file]), RULES.part_min_m)


def rows(found: pl.DataFrame) -> dict[tuple[str, str, str | None], tuple[float | None, str, bool]]:
    return {(code, kind, facility): (m, way, first) for code, kind, facility, m, way, first in found.rows()}


def test_the_nearest_over_the_bridge_is_not_the_nearest_by_line(town: Network) -> None:
    found = rows(measure(town, places(south=(1, 0)), sites(across=("clinic", 1, 1), along=("clinic", 6, 0)), RULES))
    assert found == {("south", "clinic", "along"): (pytest.approx(5 * MILLI, rel=1e-6), "road", True)}
    wider = Rules(1.3, 3000.0, 200.0, 1000.0)
    found = rows(measure(town, places(south=(1, 0)), sites(across=("clinic", 1, 1), along=("clinic", 6, 0)), wider))
    # Nine to the bridge, one over it, nine back.
    assert found["south", "clinic", "across"] == (pytest.approx(19 * MILLI, rel=1e-6), "road", False)


def test_the_way_from_a_point_to_its_street_and_from_the_street_to_the_door_counts(town: Network) -> None:
    found = rows(measure(town, places(yard=(2, -0.5)), sites(shop=("shop", 4, -0.25)), RULES))
    assert found["yard", "shop", "shop"][0] == pytest.approx((0.5 + 2 + 0.25) * MILLI, rel=1e-6)


def test_a_long_way_without_a_bend_is_entered_in_its_middle(tmp_path: Path) -> None:
    file = tmp_path / "long.osm"
    file.write_text(osm([([(0, 0), (10, 0)], {"highway": "track"})]))
    found = rows(measure(road_network.read([file]), places(p=(5, 0.1)), sites(s=("shop", 6, 0)), RULES))
    # To the next of its pieces, at most half of one away from where it is nearest.
    assert found["p", "shop", "s"][0] == pytest.approx(1.1 * MILLI, abs=road_network.PIECE_M)


def test_who_lives_far_from_every_way_has_no_row_and_a_facility_there_is_measured_by_line(town: Network) -> None:
    found = rows(
        measure(town, places(hut=(3, -3), south=(1, 0)), sites(far=("clinic", 1, -3), gone=("park", 40, 0)), RULES)
    )
    assert found == {
        ("south", "clinic", "far"): (pytest.approx(1.3 * 3 * MILLI, rel=1e-6), "straight_line", True),
        ("south", "park", "gone"): (pytest.approx(1.3 * 39 * MILLI, rel=1e-6), "straight_line", True),
    }


def test_where_no_way_leads_to_any_facility_that_is_said(tmp_path: Path) -> None:
    file = tmp_path / "island.osm"
    file.write_text(osm([way for way in TOWN if "bridge" not in way[1]]))
    network = road_network.without_short_parts(road_network.read([file]), RULES.part_min_m)
    found = rows(measure(network, places(south=(1, 0)), sites(across=("clinic", 1, 1)), RULES))
    assert found == {("south", "clinic", None): (None, "no_way", True)}


def test_a_point_that_is_assumed_for_one_type_is_measured_for_that_type(town: Network) -> None:
    assumed = pl.DataFrame([("v", "clinic", 0.002, 0.0)], schema=dict(PLACES), orient="row")
    found = rows(measure(town, assumed, sites(c=("clinic", 3, 0), s=("shop", 3, 0)), RULES))
    assert {key: metres for key, (metres, _, _) in found.items()} == {
        ("v", "clinic", "c"): pytest.approx(MILLI, rel=1e-6)
    }


def test_two_extracts_that_overlap_are_one_network_and_what_lies_outside_interrupts_a_way(tmp_path: Path) -> None:
    for name in ("a.osm", "b.osm"):
        (tmp_path / name).write_text(osm([(SOUTH, {"highway": "residential"})]))
    both = road_network.read([tmp_path / "a.osm", tmp_path / "b.osm"])
    assert both.metres.sum() == pytest.approx(20 * MILLI, rel=1e-6)
    (tmp_path / "c.osm").write_text(osm([(SOUTH, {"highway": "residential"})], without=[6]))
    assert road_network.read([tmp_path / "c.osm"]).metres.sum() == pytest.approx(18 * MILLI, rel=1e-6)


@pytest.mark.parametrize(
    ("tags", "walked"),
    [
        ({"highway": "footway"}, True),
        ({"highway": "steps"}, True),
        ({"highway": "trunk"}, True),
        ({"highway": "motorway"}, False),
        ({"highway": "motorway", "foot": "yes"}, True),
        ({"highway": "residential", "foot": "no"}, False),
        ({"highway": "service", "access": "private"}, False),
        ({"highway": "service", "access": "private", "foot": "permissive"}, True),
        ({"highway": "service", "access": "customers"}, True),
        ({"highway": "proposed", "foot": "yes"}, False),
        ({"highway": "bus_guideway"}, False),
        ({"railway": "rail"}, False),
        ({"route": "ferry", "foot": "yes"}, False),
        ({}, False),
    ],
)
def test_which_ways_are_walked(tags: dict[str, str], walked: bool) -> None:
    assert is_walked(tags) is walked


# ── a random town, searched plainly ─────────────────────────────────────────────────────────────


def apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the spherical law of cosines, which metres_apart does not use."""
    (x, y), (x2, y2) = (map(math.radians, p) for p in (one, other))
    return 6_371_000 * math.acos(min(1.0, math.sin(y) * math.sin(y2) + math.cos(y) * math.cos(y2) * math.cos(x2 - x)))


def searched(network: Network, start: int) -> dict[int, float]:
    """Node → metres from `start`, one node after the other."""
    beside: dict[int, list[tuple[int, float]]] = {}
    for (a, b), metres in zip(network.ends.tolist(), network.metres.tolist(), strict=True):
        beside.setdefault(a, []).append((b, metres))
        beside.setdefault(b, []).append((a, metres))
    far, waiting = {start: 0.0}, [(0.0, start)]
    while waiting:
        metres, node = heapq.heappop(waiting)
        for other, more in beside.get(node, []) if metres <= far[node] else []:
            if metres + more < far.get(other, math.inf):
                far[other] = metres + more
                heapq.heappush(waiting, (far[other], other))
    return far


def random_town() -> tuple[Network, pl.DataFrame, pl.DataFrame]:
    """Streets of a town with blocks missing, homes (some of one type's assumed points) and goals of two types."""
    r = np.random.default_rng(17)
    n = 26
    east, north = 120.2 + 9e-4 * np.repeat(np.arange(n), n), 23.0 + 9e-4 * np.tile(np.arange(n), n)
    east, north = east + r.uniform(-2e-4, 2e-4, n * n), north + r.uniform(-2e-4, 2e-4, n * n)
    beside = [(i * n + j, i * n + j + 1) for i in range(n) for j in range(n - 1)]
    above = [(i * n + j, (i + 1) * n + j) for i in range(n - 1) for j in range(n)]
    ends = np.array([pair for pair in beside + above if r.random() < 0.62])
    network = road_network.without_short_parts(road_network.network(east, north, ends), RULES.part_min_m)

    def at(count: int) -> tuple[list[float], list[float]]:
        return (120.2 + r.uniform(-0.002, 0.027, count)).tolist(), (23.0 + r.uniform(-0.002, 0.027, count)).tolist()

    p, s = at(50), at(45)
    homes = pl.DataFrame({"division_code": [f"c{i}" for i in range(50)], "circle_type": [None] * 35 + ["a"] * 15,
                          "longitude": p[0], "latitude": p[1]}, schema=dict(PLACES))  # fmt: skip
    goals = pl.DataFrame({"circle_type": ["a"] * 30 + ["b"] * 15, "facility_id": [f"f{i:02}" for i in range(45)],
                          "longitude": s[0], "latitude": s[1]}, schema=dict(SITES))  # fmt: skip
    return network, homes, goals


def at_network(network: Network, point: tuple[float, float], most: float) -> tuple[int, float] | None:
    """The next node and the metres to it."""
    nodes = zip(network.longitude.tolist(), network.latitude.tolist(), strict=True)
    metres, node = min((apart(point, node), k) for k, node in enumerate(nodes))
    return (node, metres) if metres <= most else None


def test_a_random_town_is_measured_as_a_plain_search_finds_it() -> None:
    network, homes, goals = random_town()
    rules = Rules(1.3, 1000.0, 90.0, 1000.0)
    snapped = {name: (kind, (x, y), at_network(network, (x, y), rules.snap_max_m)) for kind, name, x, y in goals.rows()}
    expected: dict[tuple[str, str, str | None], tuple[float, str, bool]] = {}
    for code, own, x, y in homes.rows():
        home = at_network(network, (x, y), rules.snap_max_m)
        if home is None:
            continue
        far = searched(network, home[0])
        for kind in ("a", "b") if own is None else (own,):
            ways = []
            for name, (of_kind, point, goal) in snapped.items():
                if of_kind == kind and goal is None:
                    ways.append((1.3 * apart((x, y), point), name, "straight_line"))
                elif of_kind == kind and goal and goal[0] in far:
                    ways.append((far[goal[0]] + home[1] + goal[1], name, "road"))
            nearest = min(ways)
            for metres, name, how in ways:
                if metres <= rules.reach_m or name == nearest[1]:
                    expected[code, kind, name] = (pytest.approx(metres, abs=2e-3), how, name == nearest[1])
    found = rows(measure(network, homes, goals, rules))
    assert found == expected
    assert {how for _, how, _ in found.values()} == {"road", "straight_line"}
    assert len(expected) > 150


def test_new_sites_are_as_far_as_a_plain_search_finds_them() -> None:
    network, homes, goals = random_town()
    rules = Rules(1.3, 450.0, 90.0, 1000.0)
    first = measure(network, homes, goals, rules).filter("is_nearest")
    lacking = {(code, kind) for code, kind, _, m, *_ in first.rows() if m is None or m > rules.reach_m}
    placed = [(code, own, (x, y), at_network(network, (x, y), rules.snap_max_m)) for code, own, x, y in homes.rows()]
    expected: dict[tuple[str, str, str], tuple[float, str]] = {}
    for code, own, point, home in placed:
        if home is None:
            continue
        far = searched(network, home[0])
        for kind in ("a", "b") if own is None else (own,):
            for site, of_site, other, end in placed if (code, kind) in lacking else ():
                metres, how = 1.3 * apart(point, other), "straight_line"
                if end is not None:
                    metres, how = home[1] + far.get(end[0], math.inf) + end[1], "road"
                if site == code:
                    metres, how = 0.0, "road"
                if of_site in (None, kind) and metres <= rules.reach_m:
                    expected[code, kind, site] = (pytest.approx(metres, abs=2e-3), how)
    found: dict[tuple[str, str, str], tuple[float, str]] = {}
    for code, own, site, metres, how in road_network.measure_new_sites(network, homes, first, rules).rows():
        for kind in ("a", "b") if own is None else (own,):
            if (code, kind) in lacking:  # a point of all types is measured for all where it lacks one
                assert found.setdefault((code, kind, site), (metres, how)) == (metres, how)
    assert found == expected
    assert {how for _, how in found.values()} == {"road", "straight_line"}
    assert len(expected) > 60


# ── files ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def city(tmp_path: Path) -> DataDirectory:
    """A warehouse with a community, its neighbour over the river and two clinics; no network yet."""
    data = DataDirectory(tmp_path)
    data.warehouse.parent.mkdir(parents=True)
    data.derived.mkdir()
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute("""
            create schema indicators;
            create table indicators.access_points as
                select * from (values ('south', 0.001, 0.0), ('nowhere', null, null)) as t (division_code, longitude, latitude);
            create table indicators.access_assumed_points as
                select 'assumed' as division_code, 'clinic' as circle_type, 0.002 as longitude, 0.0 as latitude;
            create table indicators.access_sites as select * from
                (values ('clinic', 'across', 0.001, 0.001), ('clinic', 'along', 0.006, 0.0)) as t (circle_type, facility_id, longitude, latitude)
        """)
    roads.ensure_typed(data)
    return data


def put(data: DataDirectory, text: str | bytes, name: str = "town.osm") -> Path:
    (data.root / "roads").mkdir(exist_ok=True)
    file = data.root / "roads" / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def measured(data: DataDirectory) -> list[tuple[str, str | None]]:
    table = pl.read_parquet(roads.path(data)).filter("is_nearest")
    return table.select("division_code", "facility_id").sort("division_code").rows()


def test_without_a_network_nothing_is_measured_and_the_table_is_typed(city: DataDirectory) -> None:
    assert roads.stands(city)
    assert roads.write(city) is None
    assert dict(pl.read_parquet_schema(roads.path(city))) == dict(DISTANCES)
    assert roads.stands(city)


def test_a_network_is_measured_once_and_again_when_it_or_a_point_changes(city: DataDirectory) -> None:
    file = put(city, osm(TOWN))
    assert not roads.stands(city)
    assert roads.write(city) == 2
    assert measured(city) == [("assumed", "along"), ("south", "along")]
    assert roads.stands(city)
    assert roads.write(city) is None
    with duckdb.connect(str(city.warehouse)) as con:
        con.execute("delete from indicators.access_sites where facility_id = 'along'")
    assert roads.write(city) == 2
    assert measured(city) == [("assumed", "across"), ("south", "across")]
    file.write_text(osm([way for way in TOWN if "bridge" not in way[1]]))
    assert not roads.stands(city)
    assert roads.write(city) == 2
    assert measured(city) == [("assumed", None), ("south", None)]
    file.unlink()
    assert not roads.stands(city)
    assert roads.write(city) is None
    assert measured(city) == []
    assert roads.stands(city)


def test_what_distances_were_measured_over_is_known_by_its_file(city: DataDirectory) -> None:
    assert roads.used(city) == {}
    assert roads.there(city) == []
    file = put(city, osm(TOWN))
    assert roads.used(city) == {}  # nothing was measured yet
    roads.write(city)
    used = roads.used(city)
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()
    assert used["files"] == [{"file": "town.osm", "bytes": file.stat().st_size, "sha256": checksum, "dated": None}]
    assert used["extent"] == [0.0, 0.02, 0.0, 0.001]
    assert used["ways_km"] == pytest.approx(41 * MILLI / 1000, abs=0.1)
    assert roads.there(city) == roads.checksums(used) == [checksum]
    file.write_text(osm([way for way in TOWN if "bridge" not in way[1]]))
    assert roads.checksums(roads.used(city)) == [checksum]  # until it is measured again
    assert roads.there(city) != [checksum]
    file.write_text("<osm")
    roads.write(city)
    assert roads.used(city) == {}
    assert roads.there(city) == []


def test_the_day_of_its_data_is_what_an_extract_says(tmp_path: Path) -> None:
    import osmium

    header = osmium.io.Header()
    header.set("osmosis_replication_timestamp", "2026-01-31T20:21:05Z")
    osmium.SimpleWriter(str(tmp_path / "a.osm.pbf"), header=header).close()
    (tmp_path / "b.osm").write_text(osm(TOWN))
    assert [roads.described(tmp_path / name)["dated"] for name in ("a.osm.pbf", "b.osm")] == ["2026-01-31", None]


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (b"", "town.osm.pbf", "does not read"),
        (b"\x00\x01nothing of the kind", "town.osm.pbf", "does not read"),
        (osm(TOWN)[:900], "town.osm", "does not read"),
        (osm([([(0, 0), (9, 9)], {"waterway": "river"})]), "town.osm", "holds no ways that may be walked"),
        (osm([]), "town.osm", "holds no ways that may be walked"),
        (b"SQLite", "town.gpkg", "is no extract of OpenStreetMap"),
    ],
)  # fmt: skip
def test_a_network_that_cannot_be_used_is_said_once_and_leaves_straight_lines(
    city: DataDirectory, text: str | bytes, name: str, said: str
) -> None:
    put(city, osm(TOWN))
    roads.write(city)
    (city.root / "roads" / "town.osm").unlink()
    put(city, text, name)
    problem = roads.prepare(city)["problem"]
    assert said in problem
    assert name in problem
    assert "距离仍按直线" in problem
    assert roads.write(city) is None
    assert measured(city) == []
    assert roads.stands(city)
    (city.root / "roads" / name).unlink()
    put(city, osm(TOWN))
    assert roads.write(city) == 2
