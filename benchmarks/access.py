"""620,000 communities and 1,000,000 facilities of 8 types: nearest and within reach, beside scikit-learn's BallTree on the same points.

Run: `python -m benchmarks.access [SHARE]`. SHARE of the full size (1.0) shrinks both. Times the models that facility_access is made of,
as dbt reports them, and the peak memory of its process. The tree holds all facilities and is asked for the same of every tenth community,
its time taken times ten: for all of them it takes many minutes. Distances and numbers within reach of these are compared.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from contracts.loading import load_feeds, seed_path
from orchestration.derived import linkage, review_words, roads, survey_estimates
from orchestration.intake import feeds, ledger
from orchestration.paths import DBT_PROJECT, DataDirectory
from orchestration.warehouse.dbt_command import PROCESS, environment

COMMUNITIES, FACILITIES, TYPES = 620_000, 1_000_000, 8
MODELS = ("access_points", "access_sites", "access_assumed_points", "access_pairs", "access_search_near", "access_search_nearby", "access_search_middle", "access_search_far", "access_search_farther", "access_search_wide", "access_nearest")  # fmt: skip
ALLOWED_SECONDS, ALLOWED_MEGABYTES = 120, 4_000
ASKED = 10  # the tree: every tenth community
RADIUS_M, DETOUR, REACH_M = 6_371_000, 1.3, 1_000


def country(share: float, random: np.random.Generator) -> tuple[Any, Any]:
    """Communities in 3,000 clusters of a country, most of them small; facilities where people are. Degrees: longitude, latitude."""
    towns = np.column_stack([random.uniform(98, 124, 3_000), random.uniform(22, 45, 3_000)])
    of = random.choice(3_000, int(COMMUNITIES * share), p=random.dirichlet(np.full(3_000, 0.7)))
    communities = towns[of] + random.normal(0, 0.12, (len(of), 2))
    at = random.integers(0, len(communities), int(FACILITIES * share))
    return communities, communities[at] + random.normal(0, 0.02, (len(at), 2))


def fill(data: DataDirectory, communities: Any, facilities: Any) -> None:
    """The tables the models read, as earlier models and seeds would have left them."""
    data.warehouse.parent.mkdir(parents=True, exist_ok=True)
    points = {"longitude": communities[:, 0], "latitude": communities[:, 1]}
    sites = {"longitude": facilities[:, 0], "latitude": facilities[:, 1]}
    with duckdb.connect(str(data.warehouse)) as con:
        for name, columns in (("points", points), ("sites", sites)):
            con.register(name, {k: np.ascontiguousarray(v) for k, v in columns.items()})
        for schema in ("divisions", "facilities", "seeds"):
            con.execute(f"create schema {schema}")
        con.execute("""
            create table divisions.dim_division as
            select cast(row_number() over () as varchar) as division_code, 'village' as level, true as is_in_force, false as is_virtual,
                'x' as full_name, 'rural' as area_type, 'p' as province_code, 'c' as city_code, 'k' as county_code, 't' as town_code,
                'v' as village_code, longitude, latitude, cast(1700 as bigint) as population
            from points
        """)
        con.execute(f"""
            create table facilities.dim_facility as
            select cast(n as varchar) as facility_id, 'type_' || (n % {TYPES}) as facility_type, true as is_open, longitude, latitude,
                cast(null as bigint) as capacity, '1' as division_code, 'code' as division_method
            from (select row_number() over () as n, * from sites)
        """)
        con.execute(f"""
            create table seeds.circle_facilities as
            select 'circle_' || n as circle_type, 'type_' || n as facility_type, 'facility' as supply from range({TYPES}) as t (n)
        """)
        con.execute(f"create table seeds.access_rules as select * from read_csv('{seed_path('access_rules')}')")


def measure(data: DataDirectory) -> tuple[float, float, float]:
    """Seconds of the run as dbt reports it, seconds of processors with dbt's own start, and peak megabytes of dbt.

    Raises:
        subprocess.CalledProcessError: a model could not be built; dbt's own words are on the terminal.
    """
    for feed in load_feeds().values():
        feeds.ensure_typed(data, feed)
    for derived in (survey_estimates, linkage, review_words, roads):
        derived.ensure_typed(data)
    ledger.table(data).write_parquet(ledger.path(data))
    folders = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    subprocess.run(
        [sys.executable, *PROCESS, "--quiet", "run", "--select", *MODELS, *folders],
        env={**os.environ, **environment(data)},
        check=True,
    )
    ran = json.loads((data.dbt_target / "run_results.json").read_text())
    for result in ran["results"]:
        print(f"  {result['unique_id'].rpartition('.')[2]} {result['execution_time']:.1f} s", flush=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return ran["elapsed_time"], used.ru_utime + used.ru_stime, peak


def tree(communities: Any, facilities: Any) -> tuple[float, float, list[Any], list[Any]]:
    """Seconds and seconds of processors for all communities, metres to the nearest and facilities within reach of those asked, by type."""
    from sklearn.neighbors import BallTree  # of nobody else here

    seconds, processors, nearest, within = 0.0, 0.0, [], []
    at = np.radians(communities[::ASKED, ::-1])
    for kind in range(TYPES):
        # The first facility is number 1.
        of_kind = np.radians(facilities[(np.arange(len(facilities)) + 1) % TYPES == kind][:, ::-1])
        start, used = time.perf_counter(), time.process_time()
        built = BallTree(of_kind, metric="haversine")
        seconds, processors = seconds + time.perf_counter() - start, processors + time.process_time() - used
        start, used = time.perf_counter(), time.process_time()
        nearest.append(built.query(at, k=1)[0][:, 0] * RADIUS_M * DETOUR)
        within.append(built.query_radius(at, REACH_M / DETOUR / RADIUS_M, count_only=True))
        seconds += ASKED * (time.perf_counter() - start)
        processors += ASKED * (time.process_time() - used)
    return seconds, processors, nearest, within


def compare(data: DataDirectory, nearest: list[Any], within: list[Any]) -> tuple[float, int]:
    """Of the communities asked: the largest difference of a nearest distance in metres, and by how much the counts within reach differ."""
    asked = f"(cast(division_code as bigint) - 1) % {ASKED} = 0"
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        worst, pairs = 0.0, 0
        for kind in range(TYPES):
            found = con.execute(f"""
                select metres from indicators.access_nearest where circle_type = 'circle_{kind}' and {asked}
                order by cast(division_code as bigint)
            """).fetchnumpy()["metres"]
            worst = max(worst, float(np.abs(found - nearest[kind]).max()))
            ((n,),) = con.execute(
                f"select count(*) from indicators.access_pairs where circle_type = 'circle_{kind}' and {asked}"
            ).fetchall()
            pairs += abs(n - int(within[kind].sum()))
    return worst, pairs


def main() -> None:
    """Print the measurements beside what is allowed."""
    if importlib.util.find_spec("sklearn") is None:
        print("not measured: scikit-learn is needed for comparison only (pip install scikit-learn)")
        return
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    communities, facilities = country(share, np.random.default_rng(17))
    with tempfile.TemporaryDirectory() as folder:
        data = DataDirectory(Path(folder))
        data.derived.mkdir()
        fill(data, communities, facilities)
        seconds, processors, peak = measure(data)
        beside, tree_processors, nearest, within = tree(communities, facilities)
        worst, pairs = compare(data, nearest, within)
    print(f"{len(communities):,} communities, {len(facilities):,} facilities of {TYPES} types")
    print(
        f"models {seconds:.1f} s (allowed {ALLOWED_SECONDS * share:.0f}), BallTree {beside:.1f} s: {seconds / beside:.2f} times as long"
    )
    print(f"processor time {processors:.1f} s with the start of dbt, BallTree {tree_processors:.1f} s")
    print(f"peak of dbt {peak:,.0f} MB (allowed {ALLOWED_MEGABYTES:,})")
    print(f"nearest distances differ by {worst:.6f} m at most, pairs within reach by {pairs}")


if __name__ == "__main__":
    main()
