"""What a later release changes of published figures: told by row and column, with what may have caused it, and nothing else."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from contracts.loading import load_products
from orchestration.paths import DataDirectory
from orchestration.release import revisions, tables

PRODUCTS = load_products()
LOG = PRODUCTS[revisions.TABLE]
TABLE = PRODUCTS["department_scorecard"]
# month, department, contacts, score, suppressed_reason
FEBRUARY = [("2026-02-01", "health", 100, 90.5, None), ("2026-02-01", "sports", 12, 88.0, None)]


def table(con: duckdb.DuckDBPyConnection, database: str, rows: list[tuple[Any, ...]]) -> None:
    con.execute(f"create table {database}.department_scorecard (month date, department_code text, division_code text, contacts bigint, score double, suppressed_reason text)")  # fmt: skip
    for month, department, contacts, score, reason in rows:
        con.execute(f"insert into {database}.department_scorecard values (?, ?, '990000000000', ?, ?, ?)", [month, department, contacts, score, reason])  # fmt: skip


def revised(tmp_path: Path, then: list[tuple[Any, ...]], now: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The log as rows: department, column, period, change, rows, old, new, cause."""
    assert TABLE.key == ("month", "department_code", "division_code")
    with duckdb.connect() as con:
        for name, rows in (("last", then), ("release", now)):
            con.execute(f"attach '{tmp_path / name}.duckdb' as {name}")
            table(con, name, rows)
        revisions.write(con, LOG, [TABLE], "2026-03-02.1", {TABLE.id: "late_file"}, date(2026, 3, 1))
        return con.execute(
            "select row_key ->> 'department_code', column_name, period::varchar, change, \"rows\", old_value, new_value, cause "
            "from release.revision_log order by all"
        ).fetchall()


def test_a_changed_value_is_one_row_with_both_values(tmp_path) -> None:
    late = [("2026-02-01", "health", 103, 90.5, None), FEBRUARY[1]]
    assert revised(tmp_path, FEBRUARY, late) == [("health", "contacts", "2026-02-01", "changed", 1, "100", "103", "late_file")]  # fmt: skip


def test_a_new_month_is_no_revision_and_a_row_added_to_an_old_month_is(tmp_path) -> None:
    grown = [*FEBRUARY, ("2026-03-01", "health", 7, 95.0, None), ("2026-02-01", "culture", 9, 70.0, None)]
    assert revised(tmp_path, FEBRUARY, grown) == [("culture", "*", "2026-02-01", "added", 1, None, None, "late_file")]


def test_a_month_that_is_not_over_is_not_revised_by_its_next_days(tmp_path) -> None:
    then = [*FEBRUARY, ("2026-03-01", "health", 7, 95.0, None), ("2026-03-01", "sports", 1, 95.0, None)]
    now = [*FEBRUARY, ("2026-03-01", "health", 9, 96.0, None), ("2026-03-01", "culture", 2, 91.0, None)]
    assert revised(tmp_path, then, now) == []


def test_a_row_that_is_gone_is_told(tmp_path) -> None:
    assert revised(tmp_path, FEBRUARY, FEBRUARY[:1]) == [("sports", "*", "2026-02-01", "removed", 1, None, None, "late_file")]  # fmt: skip


def test_what_is_withheld_now_or_shown_again_is_called_so(tmp_path) -> None:
    hidden = [FEBRUARY[0], ("2026-02-01", "sports", None, None, "too few")]
    found = revised(tmp_path, FEBRUARY, hidden)
    assert {(column, change) for _, column, _, change, *_ in found} == {
        (c, "withheld") for c in ("contacts", "score", "suppressed_reason")
    }
    (tmp_path / "again").mkdir()
    found = revised(tmp_path / "again", hidden, FEBRUARY)
    assert {change for _, _, _, change, *_ in found} == {"shown"}


def test_the_last_digits_of_a_parallel_sum_are_no_revision(tmp_path) -> None:
    noise = [("2026-02-01", "health", 100, 90.5 * (1 + 4e-16), None), FEBRUARY[1]]
    assert revised(tmp_path, FEBRUARY, noise) == []


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        (0.1234567890125, 0.1234567890125 - 2e-16, False),  # the twelfth digit stands at its half
        (0.0002657544315, 0.0002657544325, False),  # what is left of a difference, rounded at its twelfth place
        (90.5, 90.5000001, True), (0.0002657544, 0.0002657545, True), (1e9, 1e9 + 0.1, True), (0.0, 1e-9, True),
    ],
)  # fmt: skip
def test_a_digit_at_its_half_is_no_revision_and_a_small_change_is(tmp_path, was, now, told) -> None:
    then, since = ([("2026-02-01", "health", 100, value, None), FEBRUARY[1]] for value in (was, now))
    assert bool(revised(tmp_path, then, since)) is told


def test_a_column_that_changes_everywhere_is_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(revisions, "MOST", 1)
    everywhere = [(month, d, contacts + 1, score, None) for month, d, contacts, score, _ in FEBRUARY]
    with pytest.raises(duckdb.Error):  # `*` is no JSON
        revised(tmp_path, FEBRUARY, everywhere)
    with duckdb.connect() as con:
        con.execute(f"attach '{tmp_path / 'release'}.duckdb' as release")
        told = con.execute(
            'select row_key, column_name, change, "rows", old_value from release.revision_log'
        ).fetchall()
    assert told == [("*", "contacts", "changed", 2, None)]


def test_the_log_of_the_last_release_is_carried_on(tmp_path) -> None:
    with duckdb.connect(str(tmp_path / "0.duckdb")) as con:
        table(con, "main", FEBRUARY)
    for n in (1, 2):
        with duckdb.connect() as con:
            con.execute(f"attach '{tmp_path / str(n - 1)}.duckdb' as last")
            con.execute(f"attach '{tmp_path / str(n)}.duckdb' as release")
            table(con, "release", [("2026-02-01", "health", 100 + n, 90.5, None), FEBRUARY[1]])
            revisions.write(con, LOG, [TABLE], f"2026-03-0{n}.1", {TABLE.id: "late_file"})
            query = "select release_id, old_value, new_value from release.revision_log order by 1"
            told = con.execute(query).fetchall()
    assert told == [("2026-03-01.1", "100", "101"), ("2026-03-02.1", "101", "102")]


def test_files_that_came_were_replaced_or_taken_out_are_told_apart(tmp_path, monkeypatch) -> None:
    ledger = pl.DataFrame({"receipt": ["a", "b", "c", "d"], "superseded_by": ["d", None, None, None]})
    monkeypatch.setattr("orchestration.release.revisions.ledger.table", lambda _: ledger)
    then = {"a": "health.x", "b": "sports.y", "e": "culture.z"}
    now = {"b": "sports.y", "c": "sports.y", "d": "health.x"}
    feeds = {"of_health": frozenset({"health.x"}), "of_sports": frozenset({"sports.y"}), "of_culture": frozenset({"culture.z"}), "of_none": frozenset[str]()}  # fmt: skip
    assert revisions.moved_files(DataDirectory(tmp_path), then, now, feeds) == {
        "of_health": ["correction"], "of_sports": ["late_file"], "of_culture": ["withdrawal"], "of_none": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0.1 + 0.2", "0.3", True),
        ("1e-17", "0.0", True),  # nothing but the order of adding up: none of its digits means anything
        ("-1e-17", "1.0 - 1.0", True),
        ("-0.0", "0.0", True),
        ("1 / 2048", "1 / 2048 + 1e-16", True),  # at its half where it is cut to ten places
        ("0.001172246470", "0.001172246469", True),  # rounded to twelve places by its model
        ("123456789.123", "123456789.124", False),
        ("1e-9", "0.0", False),
        ("null::double", "0.0", False),
    ],
)
def test_a_table_is_another_where_a_figure_is_and_not_where_the_order_of_adding_up_is(one: str, other: str, same: bool) -> None:  # fmt: skip
    content = tables._content(PRODUCTS["equalisation_unit"])
    columns = [f.name for f in PRODUCTS["equalisation_unit"].fields if f.name != "value"]
    with duckdb.connect() as con:
        (rows,) = con.execute(
            f"select list(hash({content})) from (select {', '.join(f'1 as {c}' for c in columns)}, unnest([{one}, {other}]) as value)"
        ).fetchall()
    assert (rows[0][0] == rows[0][1]) is same
