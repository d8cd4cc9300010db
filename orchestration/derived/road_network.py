"""An OpenStreetMap extract → the ways that may be walked, and how far it is over them from communities to facilities.

Belongs here: which ways are walked, how points come onto the network, and distances. Does not belong here: which file is read and
when (roads), and what is made of a distance (dbt).

Every figure is in metres, every point in degrees WGS-84. A way on foot is from the point to the next node of the network, over the
network, and from its last node to the other point. Foot goes both ways, whatever `oneway` says.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Of macros/metres_apart.sql.
EARTH_M = 6_371_000.0
# `highway=` of ways that are walked where nothing else is said. Motorways, bus ways and what is being built are not among them.
WALKED = frozenset((
    "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link", "tertiary", "tertiary_link", "unclassified",
    "residential", "living_street", "service", "pedestrian", "track", "footway", "path", "steps", "corridor", "cycleway", "bridleway",
    "road",
))  # fmt: skip
UNBUILT = frozenset(("construction", "proposed", "planned", "abandoned", "razed", "demolished", "disused"))
# `foot=`, or `access=` where foot is not said.
OPEN = frozenset(("yes", "designated", "permissive", "destination", "official"))
CLOSED = frozenset(("no", "private", "military", "use_sidepath", "discouraged"))
# Nobody has to go back to the end of a long straight way: it is entered at any of its pieces.
PIECE_M = 100.0
# Cells of seekers that are searched around together, and numbers that one search may hold.
CELL = 0.02
NUMBERS_MAX = 8_000_000

PLACES: Mapping[str, Any] = {
    "division_code": pl.String,
    "circle_type": pl.String,  # null: the point holds for every type
    "longitude": pl.Float64,
    "latitude": pl.Float64,
}
SITES: Mapping[str, Any] = {
    "circle_type": pl.String,
    "facility_id": pl.String,
    "longitude": pl.Float64,
    "latitude": pl.Float64,
}
DISTANCES: Mapping[str, Any] = {
    "division_code": pl.String,
    "circle_type": pl.String,
    "facility_id": pl.String,  # null: no way leads to any facility of the type
    "metres": pl.Float64,
    "distance_kind": pl.String,  # road, straight_line (the facility lies off the network), no_way
    "is_nearest": pl.Boolean,  # one row a community and type
}
SITE_DISTANCES: Mapping[str, Any] = {
    "division_code": pl.String,
    "circle_type": pl.String,  # null: both points hold for every type
    "site_code": pl.String,
    "metres": pl.Float64,
    "distance_kind": pl.String,  # road, straight_line (the site lies off the network)
}


@dataclass(frozen=True)
class Network:
    """Nodes and the walked pieces between them, each once: `ends` (m, 2) are indices of nodes."""

    longitude: Floats
    latitude: Floats
    ends: Integers
    metres: Floats


@dataclass(frozen=True)
class Rules:
    """What policies/access_rules.csv says."""

    detour: float
    reach_m: float
    snap_max_m: float
    part_min_m: float


def is_walked(tags: Mapping[str, str]) -> bool:
    """Whether a way may be walked, by its tags."""
    highway, foot = tags.get("highway"), tags.get("foot")
    if highway is None or highway in UNBUILT or foot in CLOSED:
        return False
    return foot in OPEN or (highway in WALKED and tags.get("access") not in CLOSED)


def read(files: Sequence[Path]) -> Network:
    """The walked ways of one or more extracts (.osm.pbf, .osm, .osm.gz, .osm.bz2); what several hold counts once.

    Raises:
        RuntimeError: a file is no extract, or is cut short.
    """
    import osmium

    ids, x, y, first = array("q"), array("i"), array("i"), array("b")
    for file in files:
        ways = (
            osmium.FileProcessor(str(file), osmium.osm.NODE | osmium.osm.WAY)
            .with_locations()
            .with_filter(osmium.filter.EntityFilter(osmium.osm.WAY))
            .with_filter(osmium.filter.KeyFilter("highway"))
        )
        for way in ways:
            if not isinstance(way, osmium.osm.Way) or not is_walked({tag.k: tag.v for tag in way.tags}):
                continue
            begins = 1
            for node in way.nodes:
                location = node.location
                if location.valid():
                    ids.append(node.ref)
                    x.append(location.x)
                    y.append(location.y)
                    first.append(begins)
                    begins = 0
                else:  # outside the extract: the way is interrupted there
                    begins = 1
    return _joined(*(np.frombuffer(a, dtype=a.typecode) if a else np.zeros(0, np.int64) for a in (ids, x, y, first)))


def _joined(ids: NDArray[Any], x: NDArray[Any], y: NDArray[Any], first: NDArray[Any]) -> Network:
    """Nodes of ways one after the other; `first` marks where a way begins."""
    _, place, number = np.unique(ids, return_index=True, return_inverse=True)
    longitude, latitude = x[place] / 1e7, y[place] / 1e7
    follows = np.flatnonzero(first[1:] == 0) + 1 if len(first) else np.zeros(0, np.int64)
    ends = np.column_stack([number[follows - 1], number[follows]]).astype(np.int64)
    ends = np.unique(np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1), axis=0)
    return _in_pieces(network(longitude, latitude, ends))


def network(longitude: Floats, latitude: Floats, ends: Integers) -> Network:
    """Nodes and straight pieces between them; `ends` (m, 2)."""
    a, b = ends[:, 0], ends[:, 1]
    return Network(longitude, latitude, ends, metres_apart(longitude[a], latitude[a], longitude[b], latitude[b]))


def _in_pieces(whole: Network) -> Network:
    """With nodes on long pieces, so that none is longer than PIECE_M."""
    parts = np.maximum(np.ceil(whole.metres / PIECE_M), 1).astype(np.int64)
    piece = np.repeat(np.arange(len(parts)), parts)
    step = np.arange(len(piece)) - np.repeat(np.cumsum(parts) - parts, parts)
    a, b = whole.ends[piece, 0], whole.ends[piece, 1]
    inner = step > 0
    share = step[inner] / parts[piece[inner]]
    start = a.copy()
    start[inner] = len(whole.longitude) + np.arange(inner.sum())
    end = b.copy()
    is_last = step == parts[piece] - 1
    end[~is_last] = start[np.flatnonzero(~is_last) + 1]
    between = [axis[a[inner]] + share * (axis[b[inner]] - axis[a[inner]]) for axis in (whole.longitude, whole.latitude)]
    return Network(
        np.concatenate([whole.longitude, between[0]]), np.concatenate([whole.latitude, between[1]]),
        np.column_stack([start, end]), whole.metres[piece] / parts[piece],
    )  # fmt: skip


def without_short_parts(whole: Network, part_min_m: float) -> Network:
    """Connected parts of at least so many metres: a shorter one is mostly a path that nobody drew to its end."""
    from scipy.sparse.csgraph import connected_components

    nodes = len(whole.longitude)
    if not len(whole.ends):
        return Network(np.zeros(0), np.zeros(0), np.zeros((0, 2), np.int64), np.zeros(0))
    _, part = connected_components(_matrix(whole), directed=False)
    length = np.bincount(part[whole.ends[:, 0]], whole.metres, minlength=part.max() + 1)
    kept = length[part] >= part_min_m
    number = np.full(nodes, -1, np.int64)
    number[kept] = np.arange(kept.sum())
    pieces = kept[whole.ends[:, 0]]
    return Network(whole.longitude[kept], whole.latitude[kept], number[whole.ends[pieces]], whole.metres[pieces])


def _matrix(of: Network, more: Iterable[NDArray[Any]] = (), size: int | None = None) -> csr_array:
    """The network both ways; `more`: from, to, metres of pieces that lead one way only."""
    from scipy.sparse import csr_array

    a, b = of.ends[:, 0], of.ends[:, 1]
    start, end, metres = np.concatenate([a, b]), np.concatenate([b, a]), np.concatenate([of.metres, of.metres])
    if more := list(more):
        start, end, metres = (np.concatenate(pair) for pair in zip((start, end, metres), more, strict=True))
    n = size or len(of.longitude)
    return csr_array((metres, (start, end)), shape=(n, n))


def measure(over: Network, places: pl.DataFrame, sites: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """How far it is from every community that lies at the network: to each facility within reach, and to the nearest of each type.

    A community farther than `snap_max_m` from every way has no row: its distances stay straight lines with detour. So are those from a
    community at the network to a facility off it.

    Args:
        places: columns PLACES, one row a community, or one a community and type; no point null.
        sites: columns SITES, unique together in circle_type and facility_id; no point null.

    Returns:
        Columns DISTANCES.
    """
    from scipy.spatial import cKDTree

    if not len(over.longitude) or places.is_empty() or sites.is_empty():
        return pl.DataFrame(schema=dict(DISTANCES))
    places, sites = places.sort("division_code", "circle_type"), sites.sort("circle_type", "facility_id")
    tree = cKDTree(_on_sphere(over.longitude, over.latitude))
    place_node, place_m = _snapped(tree, places, rules.snap_max_m)
    site_node, site_m = _snapped(tree, sites, rules.snap_max_m)
    at_network = place_m < np.inf
    places, place_node, place_m = places.filter(pl.Series(at_network)), place_node[at_network], place_m[at_network]
    if places.is_empty():
        return pl.DataFrame(schema=dict(DISTANCES))
    kinds = sites["circle_type"].unique(maintain_order=True).to_list()
    nearest = _nearest(over, kinds, places, sites, place_node, place_m, site_node, site_m, rules)
    within = _within(over, tree, places, sites, place_node, place_m, site_node, site_m, rules)
    return _as_table(places, sites, nearest, within)


def measure_new_sites(over: Network, places: pl.DataFrame, distances: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """How far a community that lies at the network and reaches no facility has to the points of communities, where one might be opened.

    As to a facility that stood there; a community's own point is no way at all.

    Args:
        places: as of `measure`.
        distances: what `measure` says of them.

    Returns:
        Columns SITE_DISTANCES: pairs within reach.
    """
    from scipy.spatial import cKDTree

    lacking = distances.filter("is_nearest", (pl.col("metres") > rules.reach_m).fill_null(True))
    every = pl.col("circle_type").is_null()
    places = places.sort("division_code", "circle_type")
    seeking = pl.concat([
        places.filter(every).join(lacking, on="division_code", how="semi"),
        places.filter(~every).join(lacking, on=["division_code", "circle_type"], how="semi"),
    ])  # fmt: skip
    if seeking.is_empty():
        return pl.DataFrame(schema=dict(SITE_DISTANCES))
    sites = places.select("circle_type", pl.col("division_code").alias("facility_id"), "longitude", "latitude")
    tree = cKDTree(_on_sphere(over.longitude, over.latitude))
    place_node, place_m = _snapped(tree, seeking, rules.snap_max_m)
    site_node, site_m = _snapped(tree, sites, rules.snap_max_m)
    found = [
        pl.DataFrame({
            "division_code": seeking["division_code"].gather(place),
            "circle_type": seeking["circle_type"].gather(place),
            "of_site": sites["circle_type"].gather(site),
            "site_code": sites["facility_id"].gather(site),
            "metres": metres,
            "distance_kind": np.where(is_road, "road", "straight_line"),
        })
        for place, site, metres, is_road in _within(over, tree, seeking, sites, place_node, place_m, site_node, site_m, rules)
    ]  # fmt: skip
    own = seeking.select(
        "division_code", "circle_type", site_code="division_code", metres=0.0, distance_kind=pl.lit("road")
    )
    away = (
        pl.concat(found).with_columns(pl.coalesce("circle_type", "of_site").alias("circle_type"))
        if found
        else own.clear()
    )
    return (
        pl.concat([table.select(pl.col(c).cast(t) for c, t in SITE_DISTANCES.items()) for table in (own, away)])
        .unique(["division_code", "circle_type", "site_code"], keep="first", maintain_order=True)
        .sort("division_code", "circle_type", "site_code")
    )


def _snapped(tree: cKDTree, points: pl.DataFrame, most_m: float) -> tuple[Integers, Floats]:
    """The next node of each point and the metres to it; infinite where none is near enough."""
    chord, node = tree.query(_sphere_of(points), distance_upper_bound=_chord(most_m) * (1 + 1e-12))
    return node.astype(np.int64), _arc(chord)


# Rows of what is found: place, site (-1: no way), metres, whether over the network.
Found = tuple[Integers, Integers, Floats, NDArray[np.bool_]]


def _nearest(
    over: Network, kinds: Sequence[str], places: pl.DataFrame, sites: pl.DataFrame, place_node: Integers, place_m: Floats,
    site_node: Integers, site_m: Floats, rules: Rules,
) -> list[Found]:  # fmt: skip
    """The nearest of each type: one search from all its facilities at once, each of which enters the network at its own node."""
    from scipy.sparse.csgraph import dijkstra
    from scipy.spatial import cKDTree

    nodes = len(over.longitude)
    entering = np.flatnonzero(site_m < np.inf)
    graph = _matrix(over, (nodes + entering, site_node[entering], site_m[entering]), nodes + len(site_m))
    here, there = _sphere_of(places), _sphere_of(sites)
    found = []
    for kind in kinds:
        is_kind = (sites["circle_type"] == kind).to_numpy()
        seeking = np.flatnonzero((places["circle_type"].is_null() | (places["circle_type"] == kind)).to_numpy())
        metres, site = np.full(len(seeking), np.inf), np.full(len(seeking), -1, np.int64)
        sources = np.flatnonzero(is_kind & (site_m < np.inf))
        if len(sources) and len(seeking):
            far, _, source = dijkstra(graph, indices=nodes + sources, min_only=True, return_predecessors=True)
            metres = far[place_node[seeking]] + place_m[seeking]
            site = np.where(metres < np.inf, source[place_node[seeking]] - nodes, -1)
        is_road = np.ones(len(seeking), bool)
        off = np.flatnonzero(is_kind & (site_m == np.inf))
        if len(off) and len(seeking):
            chord, which = cKDTree(there[off]).query(here[seeking])
            straight = rules.detour * _arc(chord)
            is_road = metres <= straight
            metres, site = np.where(is_road, metres, straight), np.where(is_road, site, off[which])
        found.append((seeking, site, metres, is_road))
    return found


def _within(
    over: Network, tree: cKDTree, places: pl.DataFrame, sites: pl.DataFrame, place_node: Integers, place_m: Floats,
    site_node: Integers, site_m: Floats, rules: Rules,
) -> list[Found]:  # fmt: skip
    """Pairs within reach, a point that is assumed for one type with facilities of that type. Whoever walks a kilometre stays within a kilometre, so that each search is of the nodes around only."""
    from scipy.sparse.csgraph import dijkstra
    from scipy.spatial import cKDTree

    reach = rules.reach_m
    here, there = _sphere_of(places), _sphere_of(sites)
    found: list[Found] = []
    off = np.flatnonzero(site_m == np.inf)
    if len(off):
        around = cKDTree(there[off]).query_ball_point(here, _chord(reach / rules.detour) * (1 + 1e-12))
        place = np.repeat(np.arange(len(here)), [len(a) for a in around])
        site = off[np.concatenate([np.asarray(a, np.int64) for a in around])] if len(place) else np.zeros(0, np.int64)
        metres = rules.detour * _arc(np.linalg.norm(here[place] - there[site], axis=1))
        found.append((place, site, metres, np.zeros(len(place), bool)))
    graph = _matrix(over)
    by_node = np.argsort(site_node, kind="stable")
    by_node = by_node[site_m[by_node] < np.inf]
    number = np.full(len(over.longitude), -1, np.int64)
    for together in _cells(places):
        middle = here[together].mean(axis=0)
        middle *= EARTH_M / np.linalg.norm(middle)
        # From the middle of the cell to its farthest node, and as far as anybody walks from there.
        wide = _arc(np.linalg.norm(_on_sphere(over.longitude[place_node[together]], over.latitude[place_node[together]]) - middle, axis=1)).max()  # fmt: skip
        nodes = np.sort(np.asarray(tree.query_ball_point(middle, _chord(wide + reach) * (1 + 1e-9)), np.int64))
        low, high = np.searchsorted(site_node[by_node], [nodes[0], nodes[-1] + 1])
        number[nodes] = np.arange(len(nodes))
        near = by_node[low:high]
        near = near[number[site_node[near]] >= 0]
        if len(near):
            part = graph[nodes][:, nodes]
            step = max(NUMBERS_MAX // max(len(nodes), len(near)), 1)
            for some in (together[i : i + step] for i in range(0, len(together), step)):
                source, of = np.unique(number[place_node[some]], return_inverse=True)
                far = dijkstra(part, indices=source, limit=reach)[:, number[site_node[near]]][of]
                far = far + place_m[some][:, None] + site_m[near][None, :]
                row, column = np.nonzero(far <= reach)
                found.append((some[row], near[column], far[row, column], np.ones(len(row), bool)))
        number[nodes] = -1
    # A place or a site without a type is of all of them.
    kind = {name: n for n, name in enumerate(sites["circle_type"].drop_nulls().unique().to_list())} | {None: -1}
    of_site, of_place = (np.array([kind.get(c, -2) for c in t["circle_type"]], np.int64) for t in (sites, places))
    return [
        (place[same], site[same], metres[same], is_road[same])
        for place, site, metres, is_road in found
        for same in [(of_place[place] == -1) | (of_site[site] == -1) | (of_place[place] == of_site[site])]
    ]


def _cells(places: pl.DataFrame) -> list[Integers]:
    """Indices of places by the cell they lie in."""
    cell = np.floor(places.select("longitude", "latitude").to_numpy() / CELL).astype(np.int64)
    order = np.lexsort((cell[:, 0], cell[:, 1]))
    breaks = np.flatnonzero((np.diff(cell[order], axis=0) != 0).any(axis=1)) + 1
    return np.split(order, breaks)


def _as_table(places: pl.DataFrame, sites: pl.DataFrame, nearest: list[Found], within: list[Found]) -> pl.DataFrame:
    kinds = sites["circle_type"].unique(maintain_order=True).to_list()
    first = [
        _rows(places, sites, found).with_columns(pl.lit(kind).alias("circle_type"), pl.lit(True).alias("is_nearest"))
        for kind, found in zip(kinds, nearest, strict=True)
    ]
    other = [_rows(places, sites, found).with_columns(pl.lit(False).alias("is_nearest")) for found in within]
    key = ["division_code", "circle_type", "facility_id"]
    return (
        pl.concat([*first, *other])
        .select(pl.col(c).cast(t) for c, t in DISTANCES.items())
        .sort(*key, "is_nearest", descending=[False, False, False, True])
        .unique(key, keep="first", maintain_order=True)
    )


def _rows(places: pl.DataFrame, sites: pl.DataFrame, found: Found) -> pl.DataFrame:
    place, site, metres, is_road = found
    has_way = site >= 0
    return pl.DataFrame({
        "division_code": places["division_code"].gather(place),
        "circle_type": sites["circle_type"].gather(np.maximum(site, 0)),
        "facility_id": sites["facility_id"].gather(np.maximum(site, 0)),
        "metres": metres,
        "distance_kind": np.where(is_road, "road", "straight_line"),
    }).with_columns(
        pl.when(pl.Series(has_way)).then("facility_id").alias("facility_id"),
        pl.when(pl.Series(has_way)).then("metres").alias("metres"),
        pl.when(pl.Series(has_way)).then("distance_kind").otherwise(pl.lit("no_way")).alias("distance_kind"),
    )  # fmt: skip


def metres_apart(longitude: Floats, latitude: Floats, other_longitude: Floats, other_latitude: Floats) -> Floats:
    """Great-circle distance (haversine), as macros/metres_apart.sql has it."""
    lon, lat, lon2, lat2 = map(np.radians, (longitude, latitude, other_longitude, other_latitude))
    squared = np.sin((lat2 - lat) / 2) ** 2 + np.cos(lat) * np.cos(lat2) * np.sin((lon2 - lon) / 2) ** 2
    return np.asarray(2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(squared, 1.0))))


def _on_sphere(longitude: Floats, latitude: Floats) -> Floats:
    lon, lat = np.radians(longitude), np.radians(latitude)
    return EARTH_M * np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _sphere_of(points: pl.DataFrame) -> Floats:
    return _on_sphere(points["longitude"].to_numpy(), points["latitude"].to_numpy())


def _chord(arc_m: float) -> float:
    return float(2 * EARTH_M * np.sin(min(arc_m / (2 * EARTH_M), np.pi / 2)))


def _arc(chord_m: Floats) -> Floats:
    """Metres over the ground of a straight chord; infinite stays infinite."""
    inside = np.minimum(chord_m / (2 * EARTH_M), 1.0)
    return np.where(np.isinf(chord_m), np.inf, 2 * EARTH_M * np.arcsin(inside))
