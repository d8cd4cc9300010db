"""A violation from release to release: told once, solved by figures that hold and by nothing else, waived by a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.loading import load_products
from orchestration.release import violations

PRODUCT = load_products()[violations.TABLE]
KEY = {"rule_code": "beds", "unit_kind": "division", "unit_code": "01", "area_type": "all", "period": date(2026, 2, 1)}
BROKEN = {**KEY, "left_value": 3.0, "operator": "less_than", "right_value": 2.0, "status": "open", "is_judged": True}
TABLES = {
    t: f"warehouse_{t}" for t in (violations.JUDGEMENTS, violations.WAIVERS, violations.RULES, "dim_division", "feeds")
}
WAIVED = {"waived_by": "王芳", "waived_on": date(2026, 3, 2), "waived_because": "在建"}


class Nights:
    """Releases one after the other, each of which reads the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.n = folder, 0

    def night(
        self,
        violated: list[dict[str, Any]],
        holds: Sequence[dict[str, Any]] = (),
        waivers: Sequence[list[Any]] = (),
        rules: str = "beds",
    ) -> list[dict[str, Any]]:
        self.n += 1
        last, this = (self.folder / f"{n}.duckdb" for n in (self.n - 1, self.n))
        columns = [f.name for f in PRODUCT.fields]
        with duckdb.connect() as con:
            con.execute(f"attach '{this}' as release")
            con.execute(
                f"create table release.{violations.TABLE} ({', '.join(f'{f.name} {f.sql_type}' for f in PRODUCT.fields)})"
            )
            for row in violated:
                con.execute(
                    f"insert into release.{violations.TABLE} values ({', '.join('?' * len(columns))})",
                    [row.get(c) for c in columns],
                )
            con.execute(
                f"create table {TABLES[violations.JUDGEMENTS]} (rule_code varchar, unit_kind varchar, unit_code varchar, area_type varchar, period date, holds boolean)"
            )
            for row, does in [(r, False) for r in violated] + [(r, True) for r in holds]:
                con.execute(
                    f"insert into {TABLES[violations.JUDGEMENTS]} values (?, ?, ?, ?, ?, ?)",
                    [*(row[k] for k in KEY), does],
                )
            con.execute(f"create table {TABLES[violations.WAIVERS]} (rule_code varchar, unit_code varchar, area_type varchar, period date, "
                        "left_value double, right_value double, decided_by varchar, decided_on date, reason varchar)")  # fmt: skip
            for waiver in waivers:
                con.execute(f"insert into {TABLES[violations.WAIVERS]} values (?, ?, ?, ?, ?, ?, ?, ?, ?)", waiver)
            con.execute(f"create table {TABLES[violations.RULES]} as select '{rules}' as code")
            con.execute(f"create table {TABLES['dim_division']} as select '01' as division_code")
            con.execute(f"create table {TABLES['feeds']} as select 'health.institutions' as code")
            violations.carry(con, PRODUCT, TABLES, last, f"r{self.n}", date(2026, 3, self.n))
            rows = con.execute(f"from release.{violations.TABLE}")
            names = [d[0] for d in rows.description or ()]
            return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def test_a_violation_is_told_once(nights: Nights) -> None:
    (first,) = nights.night([BROKEN])
    assert (first["found_in"], first["found_on"], first["status"]) == ("r1", date(2026, 3, 1), "open")
    assert nights.night([BROKEN]) == [first]
    (worse,) = nights.night([BROKEN | {"left_value": 9.0}])
    assert (worse["found_in"], worse["left_value"]) == ("r1", 9.0)


def test_it_is_solved_when_the_figures_hold_and_told_again_when_they_do_not(nights: Nights) -> None:
    nights.night([BROKEN])
    (solved,) = nights.night([], holds=[KEY])
    assert (solved["status"], solved["solved_on"], solved["left_value"]) == ("solved", date(2026, 3, 2), 3.0)
    assert nights.night([], holds=[KEY]) == [solved]
    (again,) = nights.night([BROKEN])
    assert (again["status"], again["found_in"], again["found_again_on"], again["solved_on"]) == (
        "open",
        "r1",
        date(2026, 3, 4),
        None,
    )


def test_who_takes_the_figures_back_solves_nothing(nights: Nights) -> None:
    nights.night([BROKEN])
    (gone,) = nights.night([])
    assert (gone["status"], gone["is_judged"], gone["solved_on"]) == ("open", False, None)
    (back,) = nights.night([BROKEN])
    assert (back["status"], back["is_judged"], back["found_in"]) == ("open", True, "r1")


def test_a_waiver_of_a_violation_whose_figures_are_gone_holds_for_those_figures(nights: Nights) -> None:
    def waiver(left: float | None) -> list[Any]:
        return ["beds", "01", "all", date(2026, 2, 1), left, 2.0, "王芳", date(2026, 3, 2), "在建"]

    nights.night([BROKEN])
    (waived,) = nights.night([], waivers=[waiver(3.0)])
    assert {k: waived[k] for k in ("status", *WAIVED)} == {"status": "waived", **WAIVED}
    (other,) = nights.night([], waivers=[waiver(4.0)])
    assert {k: other[k] for k in ("status", *WAIVED)} == {"status": "open", **dict.fromkeys(WAIVED)}


def test_violations_of_a_rule_that_is_taken_away_go_with_it(nights: Nights) -> None:
    nights.night([BROKEN])
    assert nights.night([], rules="others") == []


def test_new_ones_are_counted_beside_those_that_wait(tmp_path: Path) -> None:
    with duckdb.connect() as con:
        assert violations.counted(con) == {}
        con.execute(
            "create table release_log as select 'r1' release_id, timestamp '2026-03-01' released_at union all select 'r2', timestamp '2026-03-02'"
        )
        con.execute(
            f"create table {violations.TABLE} as select * from (values ('r1', 'open', null), ('r2', 'open', null), ('r1', 'open', date '2026-03-02'), "
            "('r1', 'solved', null), ('r1', 'waived', null)) as t(found_in, status, found_again_on)"
        )
        assert violations.counted(con) == {"new": 2, "open": 3, "solved": 1, "waived": 1}
