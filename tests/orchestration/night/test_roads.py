"""A night with a road network: measured between two halves of the build, kept while nothing changes, and told of where it cannot be used."""

from __future__ import annotations

import hashlib
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
from orchestration.release.reproducing import NotReproducible, reproduce

pytestmark = pytest.mark.slow  # two nights of a small city


def kinds(data: DataDirectory) -> dict[str, int]:
    """Kind of distance → communities and types of the release that have it."""
    with duckdb.connect(str(data.published / "minsheng.duckdb"), read_only=True) as con:
        return dict(con.execute("""
            select distance_kind, count(*) from facility_access where division_level = 'village' and distance_kind is not null group by 1
        """).fetchall())  # fmt: skip


def disagreements(data: DataDirectory) -> tuple[int, int]:
    """Communities and types that one of facility_access and shortfall calls covered and the other not; those without, by distances over ways."""
    with duckdb.connect(str(data.published / "minsheng.duckdb"), read_only=True) as con:
        found = con.execute("""
            with lacking as (
                select * from facility_access where division_level = 'village' and null_reason is null and communities_within_wide = 0
            )
            select
                count(*) filter (s.division_code is null or lacking.division_code is null or s.distance_kind is distinct from lacking.distance_kind
                    or s.nearest_m is distinct from lacking.nearest_m or s.nearest_m <= s.reach_m or s.site_m > s.reach_m),
                count(*) filter (s.site_distance_kind = 'road')
            from lacking full join shortfall as s using (division_code, circle_type)
        """).fetchone()
    assert found
    return found


def causes(data: DataDirectory, release_id: str) -> set[tuple[str, str]]:
    """Table and cause of what a release says it changed."""
    with duckdb.connect(str(data.published / "minsheng.duckdb"), read_only=True) as con:
        found = con.execute("select distinct table_name, cause from revision_log where release_id = ?", [release_id])
        return {(table, cause) for table, cause in found.fetchall()}


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
    assert disagreements(data) == (0, 0)
    (data.root / "roads").mkdir()
    network = data.root / "roads" / "city.osm"
    network.write_text(streets(data))
    night = spend_night(data)
    assert night.released
    assert not night.broken
    assert "road_network_reads" not in night.unmet_checks
    assert kinds(data)["road"] > 0
    apart, by_way = disagreements(data)
    assert apart == 0
    assert by_way > 0
    assert quiet.has_nothing_to_do(data)
    told = certificates.current(data)
    assert told
    assert [f["file"] for f in told.roads["files"]] == ["city.osm"]
    assert told.roads["files"][0]["sha256"] == hashlib.sha256(network.read_bytes()).hexdigest()
    # Nothing else changed than what distances are measured over, and the log of revisions says so.
    assert causes(data, told.release_id) == {("facility_access", "network"), ("shortfall", "network")}

    # Another file of the same ways: the certificate names it, and not a figure changes.
    network.write_text(streets(data) + "<!-- again -->")
    assert not quiet.has_nothing_to_do(data)
    assert spend_night(data).released
    again = certificates.current(data)
    assert again
    assert again.changed_tables == []
    assert again.roads["files"][0]["sha256"] == hashlib.sha256(network.read_bytes()).hexdigest()
    with pytest.raises(NotReproducible, match=r"city\.osm"):
        reproduce(data, told.release_id, tmp_path / "past")

    network.write_text(streets(data)[:2000])
    assert not quiet.has_nothing_to_do(data)
    night = spend_night(data)
    assert night.unmet_checks["road_network_reads"] == "WARN"
    assert night.released
    # Nothing but what is made of distances was made again.
    assert 0 < night.tables["rebuilt"] < 20
    assert set(kinds(data)) == {"straight_line"}
    broken = certificates.current(data)
    assert broken
    assert broken.roads == {}
