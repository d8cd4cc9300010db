"""The real run: what it asks for, what it does without the files, and whether its figures can be had without it."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

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


def recomputed(shared_data: Path) -> dict[str, tuple[float, float]]:
    """The lines of docs/real.md, run as they stand there."""
    text = (PROJECT / "docs" / "real.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(lines.replace("../shared/data", str(shared_data)), names)
    return names["figures"]


@pytest.mark.slow
def test_the_figures_of_every_district_can_be_recomputed_from_the_source_files(shared_data, tmp_path) -> None:
    environment = {"MINSHENG_DATA": str(tmp_path / "data"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_MAINLAND, str(tmp_path / "list.csv")],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    con = duckdb.connect(str(tmp_path / "data" / "published" / "minsheng.duckdb"), read_only=True)
    published = con.execute("""
        with newest as (
            from indicator_value where area_type = 'all' qualify period = max(period) over (partition by indicator_code, division_code)
        )
        select substr(d.full_name, 4), p.value, c.value
        from dim_division as d
        join newest as p on p.division_code = d.division_code and p.indicator_code = 'park_area_per_resident'
        join newest as c on c.division_code = d.division_code and c.indicator_code = 'activity_centre_coverage'
        where d.level = 'county' and d.full_name like '台南市%'
    """).fetchall()
    con.close()
    expected = recomputed(shared_data)
    assert len(published) == len(expected) == 37
    for district, park, coverage in published:
        assert (park, coverage) == pytest.approx(expected[district]), district
