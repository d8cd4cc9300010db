"""A generated network of a million nodes: reading it, and distances on foot of 6,000 communities to 20,000 facilities of 8 types and to new sites.

Run: `python -m benchmarks.roads`. Processor time and the peak memory so far; the file is written by another process.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from orchestration.derived import road_network
from orchestration.derived.road_network import PLACES, SITES, Rules

SIDE, STEP = 1_000, 0.0005  # crossings a side, degrees between them
COMMUNITIES, FACILITIES, TYPES = 6_000, 20_000, 8
WEST, SOUTH = 119.9, 22.9


def write(file: Path) -> None:
    """Streets of a town in a grid that is not quite one; a sixth of their blocks is missing."""
    import osmium
    from osmium.osm.mutable import Node, Way

    random, out = np.random.default_rng(3), osmium.SimpleWriter(str(file))
    east, north = np.divmod(np.arange(SIDE * SIDE), SIDE)
    x = WEST + STEP * east + random.uniform(-1e-4, 1e-4, len(east))
    y = SOUTH + STEP * north + random.uniform(-1e-4, 1e-4, len(north))
    for n in range(len(x)):
        out.add_node(Node(id=n + 1, location=(float(x[n]), float(y[n]))))
    way = 0
    for i in range(SIDE):
        for crossings in (range(i * SIDE + 1, (i + 1) * SIDE + 1), range(i + 1, SIDE * SIDE + 1, SIDE)):
            for start in range(0, SIDE - 1, 50):
                if random.random() < 0.85:
                    way += 1
                    out.add_way(Way(id=way, nodes=list(crossings[start : start + 51]), tags={"highway": "residential"}))
    out.close()


def main() -> None:
    """Print the measurements."""
    random = np.random.default_rng(17)

    def at(count: int) -> dict[str, np.ndarray]:
        return {"longitude": WEST + random.uniform(0, STEP * SIDE, count), "latitude": SOUTH + random.uniform(0, STEP * SIDE, count)}  # fmt: skip

    places = pl.DataFrame({"division_code": [f"c{n}" for n in range(COMMUNITIES)], "circle_type": [None] * COMMUNITIES, **at(COMMUNITIES)}, schema=dict(PLACES))  # fmt: skip
    sites = pl.DataFrame({"circle_type": [f"t{n % TYPES}" for n in range(FACILITIES)], "facility_id": [f"f{n}" for n in range(FACILITIES)], **at(FACILITIES)}, schema=dict(SITES))  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "town.osm.pbf"
        subprocess.run([sys.executable, "-m", "benchmarks.roads", str(file)], check=True)
        start = time.process_time()
        network = road_network.without_short_parts(road_network.read([file]), 1000.0)
        _say(f"read {len(network.longitude):,} nodes, {len(network.metres):,} pieces", start)
    start = time.process_time()
    rules = Rules(1.3, 1000.0, 200.0, 1000.0)
    found = road_network.measure(network, places, sites, rules)
    _say(f"measured {COMMUNITIES:,} communities, {FACILITIES:,} facilities: {found.height:,} distances", start)
    start = time.process_time()
    lacking = found.filter("is_nearest", (pl.col("metres") > rules.reach_m).fill_null(True)).height
    new_sites = road_network.measure_new_sites(network, places, found, rules)
    _say(
        f"measured new sites for {lacking:,} communities and types that lack one: {new_sites.height:,} distances", start
    )


def _say(what: str, start: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(f"{what}: {time.process_time() - start:.1f} s of processors, peak {peak:,.0f} MB", flush=True)


if __name__ == "__main__":
    write(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
