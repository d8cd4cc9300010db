"""An extract of OpenStreetMap in `roads/` of the data directory → `derived/road_distances.parquet` and `road_site_distances.parquet`, which dbt reads.

Optional: without a file there both are empty, and every distance is a straight line times a detour. Belongs here: which files are
read, when, and what is said of one that cannot be. Does not belong here: what is walked and how far it is (road_network), and what
is made of a distance (dbt).

The network is read before dbt begins. Distances are measured once dbt has built where communities and facilities lie, and before it
builds what is made of distances: `warehouse` calls `write` in between. What was read and measured is kept until a file, a point, a
policy or this code changes.
"""

import hashlib
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import numpy as np
import polars as pl

from contracts.loading import seed
from contracts.whole_files import NotReadable, parquet_reads, read_json, sha256_of, write_json, write_parquet
from orchestration.derived import road_network
from orchestration.derived.road_network import DISTANCES, PLACES, SITE_DISTANCES, SITES, Network, Rules
from orchestration.paths import DataDirectory, data_directory

# Tables that dbt reads: ways to facilities, and to where one might be opened.
TABLES: Mapping[str, Mapping[str, Any]] = {"road_distances": DISTANCES, "road_site_distances": SITE_DISTANCES}
ENDINGS = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
USED = ("files", "nodes", "ways_km", "extent")
# The models that say what distances are measured between.
BETWEEN = ("access_points", "access_assumed_points", "access_sites")
# One point for all types, or where none is known an assumed one for each.
PLACES_SQL = """
    select division_code, cast(null as varchar) as circle_type, longitude, latitude from indicators.access_points
    where longitude is not null and latitude is not null
    union all
    select division_code, circle_type, longitude, latitude from indicators.access_assumed_points
    order by all
"""
SITES_SQL = "select circle_type, facility_id, longitude, latitude from indicators.access_sites order by all"

NOT_READ = (
    "路网文件 {files} 无法读取（{why}）；请重新下载 OpenStreetMap 摘录（.osm.pbf）放入 roads/，或移走该文件；在此之前距离仍按直线乘以绕行系数计算。 · "
    "the network {files} does not read ({why}); download the OpenStreetMap extract (.osm.pbf) again into roads/, or take the file away; "
    "until then distances are straight lines with detour."
)
NO_WAYS = (
    "路网文件 {files} 中没有可步行的道路（相连的路网至少要 {metres:,.0f} 米）；请换成含道路的摘录；在此之前距离仍按直线乘以绕行系数计算。 · "
    "the network {files} holds no ways that may be walked (a connected network of {metres:,.0f} m at least); put an extract with roads "
    "there; until then distances are straight lines with detour."
)
NO_EXTRACT = (
    "roads/ 中的 {files} 不是 OpenStreetMap 摘录（{endings}）；请换成摘录或移走；在此之前距离仍按直线乘以绕行系数计算。 · "
    "{files} in roads/ is no extract of OpenStreetMap ({endings}); put an extract there or take it away; until then distances are "
    "straight lines with detour."
)


def path(data: DataDirectory, table: str = "road_distances") -> Path:
    return data.derived / f"{table}.parquet"


def ensure_typed(data: DataDirectory) -> None:
    """A city without a network has typed tables without rows; so has one whose tables an older version wrote."""
    for table, columns in TABLES.items():
        if not parquet_reads(path(data, table)) or list(pl.read_parquet_schema(path(data, table))) != list(columns):
            write_parquet(path(data, table), pl.DataFrame(schema=dict(columns)))


def _empty(data: DataDirectory) -> None:
    for table, columns in TABLES.items():
        write_parquet(path(data, table), pl.DataFrame(schema=dict(columns)))


def given(data: DataDirectory) -> list[Path]:
    """Every file somebody has put into `roads/`, extract or not."""
    folder = data.root / "roads"
    return sorted(p for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []


def used(data: DataDirectory) -> dict[str, Any]:
    """What the certificate of a release says of its distances: the extracts (file, bytes, sha256, dated) they were measured over and the
    network these are (nodes, ways_km, extent: west, east, south, north); nothing where distances are straight lines."""
    state = _read_state(data)
    return {k: state[k] for k in USED} if state.get("measured") and {*USED} <= {*state} else {}


def there(data: DataDirectory) -> list[str]:
    """Checksums of the extracts that lie in `roads/` now, without those that are known to be of no use."""
    state = _read_state(data)
    is_of_no_use = state.get("made_of") == _made_of(data) and state["problem"]
    return [] if is_of_no_use else checksums({"files": [described(f) for f in given(data) if f.is_file()]})


def checksums(network: Mapping[str, Any]) -> list[str]:
    """Of the extracts a certificate names: two releases with the same were measured over the same ways."""
    return sorted(file["sha256"] for file in network.get("files", ()))


def stands(data: DataDirectory) -> bool:
    """Whether what was last measured is of the files that are there now, and of this code and policy."""
    state = _read_state(data)
    return state.get("made_of") == _made_of(data) and "measured" in state if given(data) else not state


def prepare(data: DataDirectory) -> Mapping[str, Any]:
    """Reads the network where its files, the code or the policy have changed; what is known of it: problem, ways_km, nodes."""
    ensure_typed(data)
    if not given(data):
        _forget(data)
        return {}
    state = _read_state(data)
    if state.get("made_of") == _made_of(data) and (state["problem"] or all(map(parquet_reads, _network_paths(data)))):
        return state
    state = {"made_of": _made_of(data), **_read_network(data)}
    if state["problem"]:
        _empty(data)
        state["measured"] = ""
    write_json(_state_path(data), state)
    return state


def write(data: DataDirectory) -> int | None:
    """Measures where the network or what lies at it has changed; the rows written now, None where nothing was."""
    state = prepare(data)
    if not state or state["problem"] or not data.warehouse.is_file():
        return None
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        built = {name for (name,) in con.execute("select table_name from information_schema.tables").fetchall()}
        if not built.issuperset(BETWEEN):  # dbt could not build them, and says so itself
            return None
        places, sites = con.sql(PLACES_SQL).pl(), con.sql(SITES_SQL).pl()
    between = hashlib.sha256(b"".join(t.hash_rows(seed=17).to_numpy().tobytes() for t in (places, sites))).hexdigest()
    if state.get("measured") == between and all(parquet_reads(path(data, table)) for table in TABLES):
        return None
    places = places.select(pl.col(c).cast(t) for c, t in PLACES.items())
    sites = sites.select(pl.col(c).cast(t) for c, t in SITES.items())
    network = _kept_network(data)
    distances = road_network.measure(network, places, sites, rules())
    write_parquet(path(data), distances)
    new_sites = road_network.measure_new_sites(network, places, distances, rules())
    write_parquet(path(data, "road_site_distances"), new_sites)
    write_json(_state_path(data), {**state, "measured": between})
    return distances.height


def rules() -> Rules:
    """Reads policies/access_rules.csv."""
    said = {r["parameter"]: float(r["value"]) for r in seed("access_rules")}
    return Rules(said["detour_factor"], said["reach_wide_m"], said["road_snap_max_m"], said["road_part_min_m"])


def _read_network(data: DataDirectory) -> dict[str, Any]:
    """Reads what is given and keeps it; figures, or the sentence that says why it cannot be used."""
    files = given(data)
    names = ", ".join(f.name for f in files)
    if strange := [f.name for f in files if not f.name.lower().endswith(ENDINGS) or not f.is_file()]:
        return {"problem": NO_EXTRACT.format(files=", ".join(strange), endings=" ".join(ENDINGS))}
    try:
        network = road_network.without_short_parts(road_network.read(files), rules().part_min_m)
    except (RuntimeError, ValueError, OSError) as error:
        return {"problem": NOT_READ.format(files=names, why=" ".join(str(error).split())[:200])}
    if not len(network.longitude):
        return {"problem": NO_WAYS.format(files=names, metres=rules().part_min_m)}
    nodes, pieces = _network_paths(data)
    named = [described(f) for f in files]
    write_parquet(nodes, pl.DataFrame({"longitude": network.longitude, "latitude": network.latitude}))
    write_parquet(pieces, pl.DataFrame({"a": network.ends[:, 0], "b": network.ends[:, 1], "metres": network.metres}))
    return {
        "problem": None,
        "files": named,
        "extent": [
            round(float(end), 5)
            for along in (network.longitude, network.latitude)
            for end in (along.min(), along.max())
        ],
        "nodes": len(network.longitude),
        "ways_km": round(float(network.metres.sum()) / 1000, 1),
    }


def described(file: Path) -> dict[str, Any]:
    """Name, size, SHA-256, and the day of its data as the extract says it."""
    import osmium

    try:
        with osmium.io.Reader(str(file), osmium.osm.osm_entity_bits.NOTHING) as reader:
            dated = reader.header().get("osmosis_replication_timestamp") or reader.header().get("timestamp")
    except RuntimeError:  # no extract, or cut short: the network is not used, and that is told elsewhere
        dated = ""
    return {"file": file.name, "bytes": file.stat().st_size, "sha256": sha256_of(file), "dated": dated[:10] or None}


def _kept_network(data: DataDirectory) -> Network:
    nodes, pieces = map(pl.read_parquet, _network_paths(data))
    ends = np.ascontiguousarray(pieces.select("a", "b").to_numpy())
    return Network(nodes["longitude"].to_numpy(), nodes["latitude"].to_numpy(), ends, pieces["metres"].to_numpy())


def _network_paths(data: DataDirectory) -> tuple[Path, Path]:
    return data.derived / "roads" / "nodes.parquet", data.derived / "roads" / "pieces.parquet"


def _state_path(data: DataDirectory) -> Path:
    return data.derived / "roads" / "state.json"


def _made_of(data: DataDirectory) -> str:
    """Files by name, size and time (a country's has gigabytes), the code, the libraries and the policy."""
    files = [f"{f.name} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in given(data)]
    code = [hashlib.sha256(Path(f).read_bytes()).hexdigest() for f in (__file__, road_network.__file__)]
    return hashlib.sha256(
        "\n".join([*files, *code, version("osmium"), version("scipy"), str(rules())]).encode()
    ).hexdigest()


def _read_state(data: DataDirectory) -> dict[str, Any]:
    try:
        return read_json(_state_path(data)) if _state_path(data).is_file() else {}
    except NotReadable:  # then the network is read again
        return {}


def _forget(data: DataDirectory) -> None:
    """The network was taken away: distances are straight lines again."""
    if _state_path(data).exists():
        _empty(data)
        for file in (*_network_paths(data), _state_path(data)):
            file.unlink(missing_ok=True)


def roads_asset(owner: str | None = None) -> dg.AssetsDefinition:
    """The network as assets before dbt; its distances are measured on the way through the models."""
    keys = [dg.AssetKey(["derived", table]) for table in TABLES]
    texts = (
        "**步行路网距离 · Distances over walked ways**\n\n社区到设施的步行距离，roads/ 中有 OpenStreetMap 路网时才有；这里读取路网，两端归位后再量距离。 · From "
        "communities to facilities, where `roads/` holds an OpenStreetMap extract. The network is read here; distances are measured once the models have placed both ends.",
        "**到可能新设点的步行距离 · Distances over walked ways to new sites**\n\n够不着设施的社区到可能新设点（社区坐标）的步行距离。 · From communities that reach no facility to the points of "
        "communities, where one might be opened.",
    )
    said = "路网文件可以读取（没有也可以）。 · A network that was given can be read; none need be."

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                key, group_name="roads", kinds={"scipy", "parquet"}, owners=[owner] if owner else None, tags={"layer": "derived"},
                description=text,
            )
            for key, text in zip(keys, texts, strict=True)
        ],
        name="road_distances",
        description="沿道路量出各社区到设施的距离。 · Measures how far communities have to facilities, along roads.",
        check_specs=[dg.AssetCheckSpec("road_network_reads", asset=keys[0], description=said)],
    )  # fmt: skip
    def road_distances(context: dg.AssetExecutionContext) -> Iterator[Any]:
        state = prepare(data_directory())
        if problem := state.get("problem"):
            context.log.warning(problem)
        figures = {k: state[k] for k in ("nodes", "ways_km") if k in state} or {"network": problem or "none given"}
        yield dg.AssetCheckResult(
            check_name="road_network_reads", asset_key=keys[0], passed=not problem, severity=dg.AssetCheckSeverity.WARN,
            metadata={"problem": problem} if problem else {},
        )  # fmt: skip
        for key in keys:
            yield dg.MaterializeResult(asset_key=key, metadata=figures)

    return road_distances
