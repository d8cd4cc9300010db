"""A night with a road network: measured between two halves of the build, kept while nothing changes, and told of where it cannot be used."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from orchestration.night import quiet
from orchestration.night.command import Night
from orchestration.paths import DataDirectory
from orchestration.release import certificates

pytestmark = pytest.mark.slow  # two nights of a small city


def kinds(data: DataDirectory) -> dict[str, int]:
    """Kind of distance → communities and types of the release that have it."""
    with duckdb.connect(str(data.published / "minsheng.duckdb"), read_only=True) as con:
        return dict(con.execute("""
            select distance_kind, count(*) from facility_access where division_level = 'village' and distance_kind is not null group by 1
        """).fetchall())  # fmt: skip


def streets(data: DataDirectory) -> str:
    """A street from every village of the city to the next, in the order of their codes."""
    with duckdb.connect(str(data.published / "minsheng.duckdb"), read_only=True) as con:
        points = np.array(con.execute("""
            select longitude, latitude from dim_division where level = 'village' and longitude is not null order by division_code
        """).fetchall())  # fmt: skip
    nodes = [f'<node id="{n}" lon="{x:.7f}" lat="{y:.7f}"/>' for n, (x, y) in enumerate(points, 1)]
    refs = "".join(f'<nd ref="{n}"/>' for n in range(1, len(points) + 1))
    return f'<osm version="0.6">{"".join(nodes)}<way id="1">{refs}<tag k="highway" v="residential"/></way></osm>'


def test_a_network_is_measured_in_its_night_and_one_that_breaks_is_told_of(
    night_city: Any, spend_night: Callable[[DataDirectory], Night], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "code_version", lambda: "tested")
    data = DataDirectory(tmp_path / "city")
    shutil.copytree(night_city.data.root, data.root, symlinks=True)
    assert set(kinds(data)) == {"straight_line"}
    (data.root / "roads").mkdir()
    network = data.root / "roads" / "city.osm"
    network.write_text(streets(data))
    night = spend_night(data)
    assert night.released
    assert not night.broken
    assert "road_network_reads" not in night.unmet_checks
    assert kinds(data)["road"] > 0
    assert quiet.has_nothing_to_do(data)

    network.write_text(streets(data)[:2000])
    assert not quiet.has_nothing_to_do(data)
    night = spend_night(data)
    assert night.unmet_checks["road_network_reads"] == "WARN"
    assert night.released
    # Nothing but what is made of distances was made again.
    assert 0 < night.tables["rebuilt"] < 20
    assert set(kinds(data)) == {"straight_line"}
