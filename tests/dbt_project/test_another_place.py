"""A bureau in Prague: two files of policies/, as docs/your-own-place.md prints them, and no code.

In a copy of the project, in a process of its own, which knows the copy alone; what it does at home is asked beside.
"""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from building import copy_platform
from test_another_feed import run, send

from contracts.door.casting import CastOptions, cast
from contracts.place import LEVELS, PLACE, PlaceError, load_place
from orchestration.paths import PROJECT

pytestmark = pytest.mark.slow

PAGE = PROJECT / "docs" / "your-own-place.md"
NIGHT = """
import json
from datetime import date, datetime
from pathlib import Path
import polars as pl
from building import build
from contracts.door.casting import CastOptions, cast
from contracts.loading import load_feeds
from orchestration.derived import linkage
from orchestration import schedules as timetable
from orchestration.intake.feeds import feed_assets
from orchestration.intake.taking_in import take_in
from orchestration.paths import data_directory

data = data_directory()
data.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
verdicts = {}
for feed in ("reference.divisions", "sports.venues"):
    verdicts[feed] = [(a.verdict, a.rows_accepted, a.rows_quarantined) for a in take_in(data, load_feeds()[feed], date(2026, 1, 1), date(2026, 3, 1))]
linkage.write(data)
build(data, "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious", "--select", "+dim_facility", "+division_successor", "+dim_date", "+dim_division")
moments, _ = cast(pl.Series(["2026-02-27T23:30:00Z", "2026-02-27 23:30:00"]), "timestamp", CastOptions())
facilities = pl.DataFrame({"facility_id": ["a", "b"], "name": ["x", "y"], "address": ["Kounicova 67, 602 00 Brno", "67 Kounicova, Brno"],
                           "phone": ["+420 542 172 111", "542172111"], "longitude": [None, None], "latitude": [None, None]}, schema=linkage.FACILITY)
compared = linkage.features(facilities, linkage.policy().rules)
taken_in = feed_assets()
schedules = [s.execution_timezone for s in timetable.job_and_schedule().schedules]
Path("facts.json").write_text(json.dumps({
    "verdicts": verdicts, "moments": [str(m) for m in moments], "schedules": schedules,
    "houses": compared["house"].to_list(), "phones": compared["phone"].to_list(),
    "received": [str(r) for r in pl.read_parquet(data.accepted / "sports.venues" / "*" / "*.parquet")["_received_at"].dt.truncate("1m").unique()],
}))
"""


def printed(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return block


def divisions() -> list[dict[str, Any]]:
    above = [("CZ064", "Jihomoravský kraj", "", "province")]
    towns = [("582786", "Brno", "town"), ("990001", "Lhota", "town"), ("990002", "Lhota", "town")]
    years = {2024: [("CZ0642", "Okres Brno-město"), ("CZ0643", "Okres Brno-venkov")],
             2025: [("CZ0649", "Brno-město"), ("CZ0643", "Okres Brno-venkov")]}  # fmt: skip
    rows = []
    for year, counties in years.items():
        listed = [*above, *((code, name, "CZ064", "county") for code, name in counties)]
        listed += [(code, name, counties[n > 0][0], level) for n, (code, name, level) in enumerate(towns)]
        rows += [
            {"vintage": year} | dict(zip(("code", "name", "parent_code", "level"), row, strict=True)) for row in listed
        ]
    return rows


VENUES = [
    {"venue_id": "1", "name": "Hala Vodova", "division_name": "Brno, Jihomoravský kraj", "uscc": "44992785"},
    {"venue_id": "2", "name": "Sokolovna", "division_name": "BRNO - MESTO / Brno".replace(" - ", "-"), "uscc": ""},
    {"venue_id": "3", "name": "Hřiště", "division_name": "Lhota", "uscc": ""},
    {"venue_id": "4", "name": "Kurt", "division_name": "", "division_code": "330106000000", "uscc": ""},
]  # fmt: skip


@pytest.fixture(scope="module")
def prague(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a night left there, and what its process saw."""
    root = tmp_path_factory.mktemp("praha")
    copy_platform(root)
    (root / "policies" / "place.yaml").write_text(printed("yaml"), encoding="utf-8")
    (root / "policies" / "calendar_praha.csv").write_text(printed("csv"), encoding="utf-8")
    run(root, "-m", "contracts.generate")
    send(root / "data", "reference.divisions", divisions())
    usual = {"venue_type_code": "1", "status": "1", "division_code": "", "address": "Kounicova 67, 602 00 Brno"}
    send(root / "data", "sports.venues", [usual | venue for venue in VENUES])
    (root / "night.py").write_text(NIGHT, encoding="utf-8")
    run(root, "night.py")
    with duckdb.connect(str(root / "data" / "warehouse" / "minsheng.duckdb"), read_only=True) as con:
        yield con, json.loads((root / "facts.json").read_text())


def test_moments_are_wall_time_of_prague(prague: Any) -> None:
    _, facts = prague
    assert facts["moments"] == ["2026-02-28 00:30:00", "2026-02-27 23:30:00"]
    assert facts["received"] == ["2026-02-28 01:53:00"], "the inbox says 00:53:20 UTC"
    assert facts["schedules"] == ["Europe/Prague"]
    home, _ = cast(pl.Series(["2026-02-27T23:30:00Z"]), "timestamp", CastOptions())
    assert str(home[0]) == "2026-02-28 07:30:00"


def test_codes_look_as_they_do_there(prague: Any) -> None:
    """An IČO passes, a division's code of the mainland does not; at home it is the other way round."""
    con, facts = prague
    assert facts["verdicts"] == {"reference.divisions": [["accepted", 12, 0]], "sports.venues": [["accepted", 3, 1]]}
    assert con.execute("select count(*) from divisions.dim_division where is_fictional").fetchone() == (0,)


def test_the_calendar_is_that_of_the_place(prague: Any) -> None:
    con, _ = prague
    days = [date(2026, 10, 1), date(2026, 10, 28), date(2026, 10, 10), date(2026, 12, 24)]
    query = "select is_workday from catalogue.dim_date where list_contains(?, date_day) order by date_day"
    assert [row[0] for row in con.execute(query, [sorted(days)]).fetchall()] == [True, False, False, False]


def test_kinds_of_units_are_those_of_the_place(prague: Any) -> None:
    con, _ = prague
    told = con.execute(
        "select new_code, change, reason from divisions.division_successor where old_code = 'CZ0642'"
    ).fetchall()
    assert told == [("CZ0649", "moved", "same_stem_same_parent")]
    levels = dict(con.execute("select level, name_en from seeds.division_levels").fetchall())
    assert (tuple(levels), levels["county"]) == (LEVELS, "okres")


def test_facilities_are_placed_by_the_names_people_write(prague: Any) -> None:
    con, _ = prague
    placed = con.execute(
        "select facility_code, division_code, division_method from facilities.dim_facility order by 1"
    ).fetchall()
    assert placed == [("1", "582786", "name_part"), ("2", "582786", "name_part"), ("3", "unknown", "name_ambiguous")]


def test_addresses_and_telephones_are_compared_as_they_are_written(prague: Any) -> None:
    _, facts = prague
    assert facts["houses"] == ["67 kounicova", "67 kounicova"]
    assert facts["phones"] == ["542172111", "542172111"]


@pytest.mark.parametrize(
    ("said", "instead", "words"),
    [
        ("time_zone: Asia/Shanghai", "time_zone: Praha", "time_zone.*IANA"),
        ("workdays: [1, 2, 3, 4, 5]", "workdays: [0, 8]", "workdays"),
        ("fictional: '99'", "ficticious: '99'", "fictional|ficticious"),
        ("division_digits: [2, 4, 6, 9, 12]", "division_digits: [2, 4, 6]", "division_digits"),
        ("checked: [resident_id,", "checked: [rodne_cislo,", "checked"),
        ("  town: {", "  municipality: {", "levels"),
        ("division: '^[0-9A-Z]", "division: '^([0-9A-Z]", "regular expression"),
        ("name: 中国大陆 · mainland China", "name: Praha", "name"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_of_a_place_is_named(tmp_path: Path, said: str, instead: str, words: str) -> None:
    text = PLACE.read_text(encoding="utf-8")
    assert said in text
    path = tmp_path / "place.yaml"
    path.write_text(text.replace(said, instead, 1), encoding="utf-8")
    with pytest.raises(PlaceError, match=words):
        load_place(path)


def test_the_mainland_s_codes_look_as_its_contracts_show() -> None:
    """A contract shows the pattern of the mainland, for a reader; what counts is the place's."""
    shown = {}
    for path in sorted((PROJECT / "contracts" / "feeds").rglob("*.odcs.yaml")):
        for block in re.split(r"\n      - name: ", path.read_text(encoding="utf-8")):
            if kind := re.search(r"property: codeOf, value: (\w+)", block):
                shown.setdefault(kind[1], set()).update(re.findall(r"pattern: '([^']+)'", block))
    assert shown == {kind: {pattern} for kind, pattern in load_place(PLACE).codes.patterns.items()}
