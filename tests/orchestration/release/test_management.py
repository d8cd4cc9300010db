"""Releases side by side, and going back to one that is kept: readers see it, and who said so is written down."""

from __future__ import annotations

import io
import shutil
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from contracts.whole_files import read_json, write_json
from orchestration.__main__ import main
from orchestration.paths import DataDirectory
from orchestration.release import certificates, command, names, standing
from orchestration.release.management import NotThere, compare, listed, roll_back, rollbacks

COLUMNS = "month date, department_code varchar, habit varchar, bad_reviews bigint, bad_share double"
JANUARY = "(date '2026-01-01', '{code}', 'late', {n}, {n} / 7.0)"


def make(data: DataDirectory, number: int, rows: str, *, receipts: dict[str, str], policies: str = "p") -> str:
    """A release as `publishing` leaves it: files, certificate, receipts; it is then the current one."""
    release_id = f"2026-03-01.{number}"
    folder = data.published / "releases" / release_id
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / names.DATABASE)) as con:
        con.execute(f"create table department_habit ({COLUMNS})")
        con.execute(f"insert into department_habit values {rows}")
        (count,) = con.execute("select count(*) from department_habit").fetchall()[0]
    (folder / names.PUBLIC).mkdir()
    shutil.copyfile(folder / names.DATABASE, folder / names.PUBLIC / names.PUBLIC_DATABASE)
    certificate = certificates.Certificate(
        release_id, datetime(2026, 3, 1, number), "code", f"{number}" * 64, len(receipts), "r", {"department_habit": {"rows": count, "checksum": "1"}},
        ["department_habit"], policies=policies,
    )  # fmt: skip
    write_json(folder / names.RECEIPTS, receipts)
    for path in (folder / "certificate.json", data.published / "certificates" / f"{release_id}.json"):
        write_json(path, asdict(certificate))
    standing.show(data, release_id)
    return release_id


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDirectory:
    monkeypatch.delenv("MINSHENG_POSTGRES", raising=False)
    directory = DataDirectory(tmp_path / "data")
    directory.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
    rows = [JANUARY.format(code=c, n=n) for c, n in (("health", 1), ("sports", 2), ("culture", 3))]
    make(directory, 1, ", ".join(rows), receipts={"a": "evaluation.reviews", "b": "evaluation.contacts"})
    rows = [JANUARY.format(code=c, n=n) for c, n in (("health", 1), ("sports", 5), ("tourism", 3))]
    make(directory, 2, ", ".join(rows), receipts={"a": "evaluation.reviews", "c": "evaluation.reviews"}, policies="q")
    return directory


def test_a_difference_counts_rows_and_names_columns_and_causes(data: DataDirectory) -> None:
    found = compare(data, "2026-03-01.1", "2026-03-01.2")
    (change,) = found.tables.values()
    assert (change.rows_before, change.rows_after, change.added, change.removed, change.changed) == (3, 3, 1, 1, 1)
    assert change.columns == {"bad_reviews": 1, "bad_share": 1}
    assert (dict(found.files_added), dict(found.files_removed)) == (
        {"evaluation.reviews": 1},
        {"evaluation.contacts": 1},
    )
    assert (found.policies_changed, found.code_changed) == (True, False)
    assert compare(data, "2026-03-01.1", "2026-03-01.1").tables == {}


def test_numbers_that_add_up_in_another_order_are_no_difference(data: DataDirectory) -> None:
    for number, share in ((3, "0.1234567890125"), (4, "0.12345678901249982"), (5, "0.1234567891")):
        make(data, number, f"(date '2026-01-01', 'health', 'late', 1, {share})", receipts={})
    assert compare(data, "2026-03-01.3", "2026-03-01.4").tables == {}
    assert compare(data, "2026-03-01.4", "2026-03-01.5").tables["department_habit"].columns == {"bad_share": 1}


def test_going_back_shows_the_earlier_release_everywhere_and_says_who(data: DataDirectory) -> None:
    for by, why in (("", "x"), ("x", " ")):
        with pytest.raises(ValueError, match="--by"):
            roll_back(data, "2026-03-01.1", by=by, why=why)
    roll_back(data, "2026-03-01.1", by="王芳", why="来文有误")
    assert certificates.standing_id(data) == read_json(data.published / "pointer.json")["release"] == "2026-03-01.1"
    with duckdb.connect(str(data.published / names.DATABASE), read_only=True) as con:
        assert con.execute("select count(*) from department_habit where department_code = 'culture'").fetchone() == (1,)
    (note,) = rollbacks(data)
    assert (note["from"], note["to"], note["by"], note["why"]) == ("2026-03-01.2", "2026-03-01.1", "王芳", "来文有误")
    assert [item.is_current for item in listed(data)] == [True, False]
    with pytest.raises(ValueError, match="is the current release already"):
        roll_back(data, "2026-03-01.1", by="王芳", why="again")


def test_every_decision_to_go_back_is_kept_also_where_the_clock_stands_still(data: DataDirectory) -> None:
    there_and_back = ["2026-03-01.1", "2026-03-01.2"] * 6
    for release_id in there_and_back:
        roll_back(data, release_id, by="王芳", why="来文有误")
    assert [note["to"] for note in rollbacks(data)] == there_and_back


@pytest.mark.parametrize(
    "release_id", ["2026-03-09.1", "../certificates", "", "..", ".", "2026-03-01.1/", "x/2026-03-01.1"]
)
def test_a_release_that_is_not_there_is_told_with_those_that_are(data: DataDirectory, release_id: str) -> None:
    with pytest.raises(NotThere, match=r"2026-03-01\.1, 2026-03-01\.2"):
        roll_back(data, release_id, by="x", why="y")
    with pytest.raises(NotThere, match=r"2026-03-01\.1, 2026-03-01\.2"):
        compare(data, release_id, "2026-03-01.2")
    assert certificates.standing_id(data) == "2026-03-01.2"


def test_the_commands_say_it_in_a_terminal_and_on_a_page(
    data: DataDirectory, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("MINSHENG_DATA", str(data.root))
    assert main(["release", "list"]) == 0
    assert "2026-03-01.2" in capsys.readouterr().out
    page = tmp_path / "diff.html"
    assert main(["release", "diff", "2026-03-01.1", "2026-03-01.2", "--page", str(page)]) == 0
    said = capsys.readouterr().out
    for part in ("bad_reviews 1", "政策有变", "evaluation.reviews 1"):
        assert part in said
        assert part in page.read_text(encoding="utf-8")
    assert main(["release", "diff", "2026-03-01.1", "nothing"]) == 1
    assert main(["release", "rollback", "2026-03-01.1", "--by", "王芳", "--why", "来文有误"]) == 0
    assert main(["release", "list"]) == 0
    assert "王芳" in capsys.readouterr().out


def test_before_the_first_release_the_list_says_so(tmp_path: Path) -> None:
    told = io.StringIO()
    assert command.tell_list(None, DataDirectory(tmp_path), Console(file=told)) == 1
    assert "nothing has been released yet" in told.getvalue()


def test_what_is_the_difference_of_sums_is_told_to_twelve_places(night_city) -> None:
    """Sums add up in another order each night; what is left of them when they are subtracted would be a revision of nothing."""
    noisy = {"indicator_value": ["gap"], "equalisation_unit": ["theil_t_contribution", "theil_l_contribution"]}
    with duckdb.connect(str(night_city.data.published / names.DATABASE), read_only=True) as con:
        for table, columns in noisy.items():
            for column in columns:
                told = con.execute(f"select count({column}), count(*) filter (where round({column}, 12) <> {column}) from {table}")  # fmt: skip
                n, more = told.fetchone()
                assert n > 0
                assert more == 0, f"{table}.{column}"
