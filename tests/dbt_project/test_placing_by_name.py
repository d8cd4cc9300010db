"""A division's name as people write it, on a real list: every village of Taiwan in four spellings, and what each may mean."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from building import accept, build
from rich.console import Console

from benchmarks import backbone
from contracts.loading import load_feeds
from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

Path3 = tuple[str, str, str]  # city or county, district, village

SPELLINGS: dict[str, Callable[[Path3], tuple[str, ...]]] = {
    "the other way round": lambda path: path[::-1],
    "an ending": lambda path: path[1:],
    "a level left out": lambda path: (path[0], path[2]),
    "the village alone": lambda path: path[2:],
}
TOGETHER = {"an ending", "a level left out"}  # written without anything between


@pytest.fixture(scope="module")
def placed(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """Name as written → code and method."""
    data = DataDirectory(tmp_path_factory.mktemp("taiwan"))
    data.derived.mkdir()
    assert backbone.take_in(data, Console(quiet=True), backbone.TAIWAN)
    names = {written(spelling, path) for spelling in SPELLINGS for path in villages(shared_data)}
    rows = [{"year": 2021, "division_name": name, "population": 1} for name in sorted(names)]
    accept(data, load_feeds()["reference.population"], rows, datetime(2021, 4, 1, 2))
    build(
        data,
        "--select",
        "+division_matches",
        "--exclude-resource-type",
        "unit_test",
        "--indirect-selection",
        "cautious",
    )
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        query = "select sent_division_name, division_code, division_method from divisions.division_matches"
        return {name: (code, method) for name, code, method in con.execute(query).fetchall()}


def villages(shared_data: Path) -> dict[Path3, str]:
    with (shared_data / "divisions" / "tw_village_codes.csv").open(encoding="utf-8-sig", newline="") as file:
        # A few names hold letters of a private list, which the layout replaces.
        rows = [r for r in csv.DictReader(file) if not any("\ue000" <= c <= "\uf8ff" for c in "".join(r.values()))]
    return {(r["縣市名稱"], r["區鄉鎮名稱"], r["村里名稱"]): r["村里代碼"] for r in rows}


def city_codes(shared_data: Path) -> dict[str, str]:
    with (shared_data / "divisions" / "tw_village_codes.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["縣市名稱"]: row["縣市代碼"] for row in csv.DictReader(file)}


def written(spelling: str, path: Path3) -> str:
    return ("" if spelling in TOGETHER else "、").join(SPELLINGS[spelling](path))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_name_places_a_village_exactly_where_it_is_the_only_one(
    placed: dict[str, tuple[str, str]], shared_data: Path, spelling: str
) -> None:
    known = villages(shared_data)
    meant = Counter(SPELLINGS[spelling](path) for path in known)
    wrong = {
        name: found
        for path, code in known.items()
        for name in [written(spelling, path)]
        for found in [placed[name]]
        if found[0] != (code if meant[SPELLINGS[spelling](path)] == 1 else "unknown")
    }
    # Villages of one name in one city lie in that city. Where another unit's path reads the same, the name may mean either.
    cities = city_codes(shared_data)
    honest = {(city, "name_prefix") for city in cities.values()} | {("unknown", "name_ambiguous")}
    assert {name: found for name, found in wrong.items() if found not in honest} == {}
    assert sum(found[1] == "name_ambiguous" for found in wrong.values()) <= 0.002 * len(known)
    assert {
        name for name, found in wrong.items() if found[1] == "name_prefix" and cities[name[:3]] != found[0]
    } == set()


def test_an_ambiguous_name_says_so(placed: dict[str, tuple[str, str]]) -> None:
    assert placed["中山里"] == ("unknown", "name_ambiguous")
    assert Counter(method for _, method in placed.values())["name_part"] > 20_000
