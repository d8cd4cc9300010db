"""A feed that nobody has heard of: facilities and their volumes are a contract, a staging model and a code list each, and nothing is lost.

In a copy of the project, with files that go through the door; in a process of its own, which knows the copy alone.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from building import copy_platform

from contracts.loading import load_feeds
from orchestration.paths import PROJECT

pytestmark = pytest.mark.slow

TODAY = "2026-03-01"
# Run in the copy: the door, the links, and every model and test that says what became of facilities, places and volumes.
NIGHT = """
import sys
from datetime import date
from building import build
from contracts.loading import load_feeds
from orchestration.derived import linkage
from orchestration.intake.taking_in import take_in
from orchestration.paths import data_directory

data = data_directory()
data.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
for feed in ("reference.divisions", "reference.population", "culture.venues", "education.libraries", "education.visits"):
    attempts = take_in(data, load_feeds()[feed], date(2026, 1, 1), date(2026, 3, 1))
    print(feed, [(a.verdict, a.rows_accepted, a.message_en) for a in attempts], file=sys.stderr)
linkage.write(data)
tests = ("every_facility_sent_is_in_dim_facility", "every_volume_sent_is_counted", "every_population_sent_is_summed_or_a_problem")
build(data, "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious", "--select", *("+" + test for test in tests), "+feed_health")
"""


def rewritten(source: Path, target: Path, words: dict[str, str]) -> None:
    text = source.read_text(encoding="utf-8")
    for word, other in words.items():
        assert word in text, f"{source.name} says nothing of {word!r}"
        text = text.replace(word, other)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def send(data: Path, feed: str, rows: Iterable[dict[str, Any]], like: str | None = None) -> None:
    """A CSV in the inbox, with the headers of the contract (of the feed that it was copied from)."""
    headers = {f.name: f.header for f in load_feeds()[like or feed].fields}
    rows = [{headers[name]: value for name, value in row.items()} for row in rows]
    path = data / "inbox" / feed / f"{feed}.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    os.utime(path, (1772240000, 1772240000))  # 2026-02-28


def run(root: Path, *arguments: str) -> None:
    path = os.pathsep.join([str(root), str(PROJECT / "tests" / "dbt_project")])
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": path, "MINSHENG_DATA": str(root / "data"), "MINSHENG_TODAY": TODAY},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


def libraries() -> list[dict[str, Any]]:
    """Placed by code, by name, by nothing; of a type that is mapped and one that is not; one shares its building with a venue."""
    places = [{"division_code": "990101001001"}, {"division_code": "", "division_name": "示范省示范市东区甲街道一社区"}]
    rows = [
        {"library_code": f"S{n:02}", "name": f"第{n}学校图书馆", "library_type": "S1", "address": f"示范市东区学府路{n}号", "division_name": "", "status": "1"}
        | places[n % 2]
        for n in range(40)
    ]  # fmt: skip
    rows[7] |= {"division_code": "", "division_name": "别处某村", "address": ""}
    rows[8] |= {"library_type": "S9"}
    rows[9] |= {"name": "东区少年图书馆", "address": "示范市东区文化路8号", "phone": "0990-5551234"}
    return [{"phone": ""} | row for row in rows]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a night makes of both feeds, in a project that has two contracts, two staging models and one code list more."""
    root = tmp_path_factory.mktemp("another")
    copy_platform(root)
    feeds, staging = root / "contracts" / "feeds", root / "dbt_project" / "models" / "staging"
    register = {"culture.venues": "education.libraries", "domain: culture": "domain: education", "id: culture,": "id: libraries,", "venue_id": "library_code",
                "venue_type_code": "library_type", "culture_venue_types": "library_types"}  # fmt: skip
    rewritten(feeds / "culture" / "venues.odcs.yaml", feeds / "education" / "libraries.odcs.yaml", register)
    visits = {"sports.openings": "education.visits", "domain: sports": "domain: education", "sports.venues.venue_id": "education.libraries.library_code", "venue_id": "library_code"}  # fmt: skip
    rewritten(feeds / "sports" / "openings.odcs.yaml", feeds / "education" / "visits.odcs.yaml", visits)
    model = {
        "'culture', 'venues'": "'education', 'libraries'",
        "venue_id": "library_code",
        "venue_type_code": "library_type",
    }
    rewritten(
        staging / "culture" / "stg_culture__venues.sql", staging / "education" / "stg_education__libraries.sql", model
    )
    model = {"'sports', 'openings'": "'education', 'visits'", "venue_id": "library_code"}
    rewritten(
        staging / "sports" / "stg_sports__openings.sql", staging / "education" / "stg_education__visits.sql", model
    )
    codes = root / "contracts" / "codes" / "library_types.csv"
    codes.write_text(
        "code,name_zh,name_en,status,source,facility_type\nS1,学校图书馆,School library,project,test,library\n",
        encoding="utf-8",
    )
    run(root, "-m", "contracts.generate")

    levels = [("99", "示范省", "", "province"), ("9901", "示范市", "99", "city"), ("990101", "东区", "9901", "county"),
              ("990101001", "甲街道", "990101", "town"), ("990101001001", "一社区", "990101001", "village")]  # fmt: skip
    tree = [dict(zip(("code", "name", "parent_code", "level"), row, strict=True)) | {"vintage": 2025} for row in levels]
    send(root / "data", "reference.divisions", tree)
    send(root / "data", "reference.population", [
        {"division_code": code, "division_name": name, "year": 2025, "households": 100, "population": 300}
        for code, name in (("990101001001", ""), ("889901001001", "别处某村"))
    ])  # fmt: skip
    venue = {"venue_id": "C1", "name": "东区少年图书馆", "venue_type_code": "L2", "address": "示范市东区文化路8号", "phone": "0990-5551234", "division_code": "990101001001", "status": "1"}  # fmt: skip
    send(root / "data", "culture.venues", [venue])
    names = {"library_code": "venue_id", "library_type": "venue_type_code"}
    as_venues = [{names.get(name, name): value for name, value in row.items()} for row in libraries()]
    send(root / "data", "education.libraries", as_venues, like="culture.venues")
    counted = [
        {"venue_id": f"S{n:02}", "opened_on": "2026-02-27", "visits": 10 + n, "open_hours": 8} for n in (*range(40), 99)
    ]
    send(root / "data", "education.visits", counted, like="sports.openings")
    (root / "night.py").write_text(NIGHT, encoding="utf-8")
    run(root, "night.py")
    with duckdb.connect(str(root / "data" / "warehouse" / "minsheng.duckdb"), read_only=True) as con:
        yield con


def test_every_facility_of_the_new_feed_is_there_and_placed(warehouse: Any) -> None:
    found = warehouse.execute(
        "select facility_code, department_code, facility_type, division_code, division_method, is_open from facilities.dim_facility "
        "where feed = 'education.libraries' order by facility_code"
    ).fetchall()
    assert [row[0] for row in found] == [row["library_code"] for row in libraries()]
    odd = {"S07": ("library", "unknown", "none"), "S08": ("unknown", "990101001001", "code")}
    for code, department, *rest in found:
        method = "code" if int(code[1:]) % 2 == 0 else "name"
        assert department == "education"
        assert tuple(rest) == (*odd.get(code, ("library", "990101001001", method)), True), code


def test_a_facility_of_the_new_feed_shares_its_building_with_one_of_another_register(warehouse: Any) -> None:
    query = "select facility_id from facilities.dim_facility where complex_id = 'culture:C1' order by 1"
    assert warehouse.execute(query).fetchall() == [("culture:C1",), ("libraries:S09",)]


def test_the_volumes_of_the_new_feed_are_counted_at_its_facilities(warehouse: Any) -> None:
    query = "select is_facility_registered, count(*), sum(visits), sum(open_hours) from facilities.fct_service_volume where department_code = 'education' group by 1 order by 1"
    assert warehouse.execute(query).fetchall() == [(False, 1, 109, 8.0), (True, 40, sum(range(10, 50)), 320.0)]


def test_what_matches_nothing_is_a_problem_of_its_feed(warehouse: Any) -> None:
    query = "select feed, problem, sent_value from feeds.feed_problem where starts_with(feed, 'education.') or feed = 'reference.population' order by all"
    assert warehouse.execute(query).fetchall() == [
        ("education.libraries", "facility_not_placed", "libraries:S07"),
        ("education.libraries", "unmapped_facility_type", "S9"),
        ("education.visits", "facility_not_registered", "libraries:S99"),
        ("reference.population", "population_not_placed", "889901001001"),
    ]
    (row,) = warehouse.execute(
        "select rows_received, rows_accepted from feeds.feed_health where feed = 'education.libraries'"
    ).fetchall()
    assert row == (40, 40)


def test_a_register_that_does_not_say_so_is_refused(tmp_path: Path) -> None:
    """What used to be lost in silence: rows with a point that no list names."""
    from contracts.loading import ContractError, load_feed

    path = tmp_path / "culture" / "venues.odcs.yaml"
    path.parent.mkdir()
    source = (PROJECT / "contracts" / "feeds" / "culture" / "venues.odcs.yaml").read_text(encoding="utf-8")
    path.write_text(
        "\n".join(line for line in source.splitlines() if "property: register" not in line), encoding="utf-8"
    )
    with pytest.raises(ContractError, match="register"):
        load_feed(path)
