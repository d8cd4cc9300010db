"""The real run: what it asks for, what it does without the files, and whether its figures can be had without it."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from rich.console import Console
from tainan import ELSEWHERE, Tainan

from orchestration.night import demo_run, real_run
from orchestration.paths import PROJECT, DataDirectory

# The backbone of the mainland takes minutes and says nothing of Tainan.
WITHOUT_MAINLAND = """
import csv, sys
from pathlib import Path
from rich.console import Console
from orchestration.night import command, real_run
from orchestration.paths import data_directory

rows = [r for r in csv.reader(real_run.REAL_LIST.open()) if not r[2].startswith("divisions/cn_")]
real_run.REAL_LIST = Path(sys.argv[1])
csv.writer(real_run.REAL_LIST.open("w")).writerows(rows)
console = Console()
assert real_run.set_up_real(data_directory(), console)
done = command.run(data_directory(), console)
command.tell(data_directory(), done, console)
real_run.tell_real(data_directory(), console)
sys.exit(1 if done.failed_steps else 0)
"""


def test_without_the_files_one_line_says_so_and_nothing_is_made(tmp_path, capsys) -> None:
    data = DataDirectory(tmp_path / "data")
    assert not real_run.set_up_real(data, Console(soft_wrap=True), tmp_path / "nowhere")
    assert capsys.readouterr().out.count("\n") == 1
    assert not data.root.exists()


def test_the_files_are_listed_where_they_lie_and_nothing_is_overdue(shared_data, tmp_path) -> None:
    data = DataDirectory(tmp_path)
    assert real_run.set_up_real(data, Console(quiet=True), shared_data)
    with (data.inbox / "deliveries.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert len(listed) == 20 + 72
    assert all(Path(row["path"]).is_absolute() and Path(row["path"]).is_relative_to(shared_data) for row in listed)
    assert {datetime.fromisoformat(row["received_on"]).date() for row in listed} == {data.today()}


def test_a_data_directory_holds_one_city(tmp_path) -> None:
    data = DataDirectory(tmp_path)
    (tmp_path / "demo.json").write_text('{"seed": 1}')
    with pytest.raises(SystemExit, match="Remove the directory"):
        demo_run.set_up_demo(data, communities=20, seed=7, console=Console(quiet=True))


def test_a_city_too_small_to_be_one_is_refused_with_a_sentence(tmp_path) -> None:
    with pytest.raises(SystemExit, match="at least 20 communities make a city, 12 asked for"):
        demo_run.set_up_demo(DataDirectory(tmp_path), communities=12, seed=7, console=Console(quiet=True))


def recomputed(shared_data: Path) -> dict[str, tuple[float, float]]:
    """The lines of docs/real.md, run as they stand there."""
    text = (PROJECT / "docs" / "real.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(lines.replace("../shared/data", str(shared_data)), names)
    return names["figures"]


@pytest.fixture(scope="module")
def released(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """What `make real` releases, without the mainland's divisions."""
    folder = tmp_path_factory.mktemp("real")
    environment = {"MINSHENG_DATA": str(folder / "data"), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_MAINLAND, str(folder / "list.csv")],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    with duckdb.connect(str(folder / "data" / "published" / "minsheng.duckdb"), read_only=True) as con:
        yield con


@pytest.mark.slow
def test_the_figures_of_every_district_can_be_recomputed_from_the_source_files(
    shared_data: Path, released: duckdb.DuckDBPyConnection
) -> None:
    published = released.execute("""
        with newest as (
            from indicator_value where area_type = 'all' qualify period = max(period) over (partition by indicator_code, division_code)
        )
        select substr(d.full_name, 4), p.value, c.value
        from dim_division as d
        join newest as p on p.division_code = d.division_code and p.indicator_code = 'park_area_per_resident'
        join newest as c on c.division_code = d.division_code and c.indicator_code = 'activity_centre_coverage'
        where d.level = 'county' and d.full_name like '台南市%'
    """).fetchall()
    expected = recomputed(shared_data)
    assert len(published) == len(expected) == 37
    for district, park, coverage in published:
        assert (park, coverage) == pytest.approx(expected[district]), district


@pytest.mark.slow
def test_the_tables_of_every_district_are_computed_a_second_time(
    shared_data: Path, released: duckdb.DuckDBPyConnection
) -> None:
    """Facilities per 10,000 residents, what is within 1 km on foot, Gini and Theil: to nine digits, of 37 districts and the city."""
    tainan = Tainan(shared_data)
    refused = released.execute("""
        select name from dim_facility where facility_type in ('park', 'activity_centre') and point_trust = 'refused'
    """).fetchall()
    assert {name for (name,) in refused} == ELSEWHERE
    compared: Counter[str] = Counter()

    def same(what: str, district: str, published: Sequence[float | None], expected: Sequence[float | None]) -> None:
        assert published == [e if e is None else pytest.approx(e, rel=1e-9, abs=1e-9) for e in expected], (
            what,
            district,
        )
        compared[what] += sum(p is not None for p in published)

    per_10000 = released.execute("""
        from indicator_value as v join dim_division as d using (division_code)
        select v.indicator_code, substr(d.full_name, 4), v.numerator, v.denominator, v.value
        where v.area_type = 'all' and v.indicator_code like '%_facilities_per_10000' and d.level in ('county', 'city')
            and d.full_name like '台南市%'
        qualify v.period = max(v.period) over (partition by v.indicator_code, v.division_code)
    """).fetchall()
    counted = {
        "health": tainan.health(),
        "culture": tainan.monuments(),
        "sports": tainan.parks.of_district,
        "civil_affairs": tainan.centres.of_district,
    }
    for code, district, *published in per_10000:
        of = counted[code.removesuffix("_facilities_per_10000")]
        n, people = (c[district] if district else c.total() for c in (of, tainan.residents))
        same("per_10000", district, published, [n, people, 10_000 * n / people])

    for kind, aim, stands in (
        ("community_centre", tainan.centres, tainan.parks),
        ("park", tainan.parks, tainan.centres),
    ):
        for district, *published in released.execute(f"""
            from facility_access as a join dim_division as d using (division_code)
            select substr(d.full_name, 4), a.communities_with_assumed_point, a.communities_within_wide, a.share_within_wide, a.mean_nearest_m
            where a.circle_type = '{kind}' and d.level in ('county', 'city') and d.full_name like '台南市%'
        """).fetchall():
            same("within_1_km", district, published, tainan.within_1_km(aim, stands, district))

    for district, reason, *published in released.execute("""
        from equalisation as e join dim_division as d on e.area_code = d.division_code
        select substr(d.full_name, 4), e.null_reason, e.units, e.placed_share, e.gini, e.theil_t, e.theil_t_between_parent,
            e.theil_t_within_parent
        where e.indicator_code = 'park_area_per_resident' and e.unit_level = 'village' and d.level in ('county', 'city')
            and d.full_name like '台南市%'
        qualify e.period = max(e.period) over ()
    """).fetchall():
        units, placed, *indices = tainan.evenness(district)
        # Within a district there is one parent; where too little is placed there is no index.
        assert (reason == "known_only_higher") == (placed is not None and placed < 0.8), district
        wanted = [None] * 4 if reason else indices if not district else [*indices[:2], None, None]
        same("evenness", district, published, [units, placed, *wanted])
    assert compared == {"per_10000": 4 * 38 * 3, "within_1_km": 285, "evenness": 140}
