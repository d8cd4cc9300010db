"""A query stays one that an engine can plan: also one that, as Spark does, writes a CTE out wherever it is read, and without comparing
every row of one table with every row of another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlglot
from building import compiled
from sqlglot import exp

from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

# Reads of tables with CTEs written out. Most models read 20 or fewer, the largest about 50; Spark could not plan one that read 6,558, and
# those that read 122 and more were cut before it was tried on them again.
LIMIT = 60


def reads(sql: str) -> int:
    """How many tables a query reads once every CTE is written out where it is read."""
    return _reads(sqlglot.parse_one(sql, dialect="duckdb"), {})


def _reads(query: exp.Expression, ctes: Mapping[str, int]) -> int:
    """`ctes`: name → its own reads, of those in sight."""
    own = next((part for part in query.args.values() if isinstance(part, exp.With)), None)
    in_sight = dict(ctes)
    for cte in own.expressions if own else ():
        in_sight[cte.alias] = _reads(cte.this, in_sight)
    found, parts = 0, [part for part in query.args.values() if part is not own]
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts.extend(part)
        elif isinstance(part, exp.Expression) and any(isinstance(p, exp.With) for p in part.args.values()):
            found += _reads(part, in_sight)
        elif isinstance(part, exp.Expression):
            if isinstance(part, exp.Table):
                found += 1 if part.db else in_sight.get(part.name, 1)
            parts.extend(part.args.values())
    return found


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("select * from a.t", 1),
        ("with x as (select * from a.t) select * from x as one inner join x as two using (n)", 2),
        ("with x as (select * from a.t), y as (select * from x union all select * from x) select * from y, y as z", 4),
        ("with x as (select * from a.t) select (select count(*) from x) from (with y as (select * from x, x as z) select * from y)", 3),
        ("with t as (select 1 as n) select * from t, a.t", 1),
    ],
)  # fmt: skip
def test_ctes_are_written_out_where_they_are_read(sql: str, count: int) -> None:
    assert reads(sql) == count


def test_no_model_reads_more_tables_than_can_be_planned(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    data.derived.mkdir()
    counted = {name: reads(sql) for name, sql in compiled(data, "resource_type:model").items()}
    assert len(counted) > 70
    assert {name: n for name, n in counted.items() if n > LIMIT} == {}, (
        "cut what is read most often into a model of its own"
    )


def alternatives(sql: str) -> list[str]:
    """Conditions of joins that say which rows belong together by one key or another: `a.x in (b.y, b.z)`, `a.x = b.y or a.x = b.z`. No
    engine finds rows by them; each row is held against each."""
    joins = sqlglot.parse_one(sql, dialect="duckdb").find_all(exp.Join)
    conditions = [join.args["on"] for join in joins if join.args.get("on")]
    parts = [part.unnest() for on in conditions for part in (on.flatten() if isinstance(on, exp.And) else (on,))]
    return [part.sql(dialect="duckdb") for part in parts if _finds_by_one_of_several(part)]


def _finds_by_one_of_several(part: exp.Expression) -> bool:
    if isinstance(part, exp.In):
        return len(_tables(part)) > 1
    if isinstance(part, exp.Or):
        return all(
            any(_tables(one.this) and _tables(one.expression) - _tables(one.this) for one in branch.find_all(exp.EQ))
            for branch in part.flatten()
        )
    return False


def _tables(part: exp.Expression) -> set[str]:
    return {column.table for column in part.find_all(exp.Column)}


@pytest.mark.parametrize(
    ("on", "is_found"),
    [
        ("a.x in (b.y, b.z)", True),
        ("a.n = b.n and a.x in (b.y, 'p' || b.z)", True),
        ("a.x = b.y or (a.x = b.z and a.n = b.n)", True),
        ("a.x = b.y", False),
        ("a.x = b.y and a.kind in ('one', 'two')", False),
        ("a.x = b.y and (b.z is null or abs(a.n - b.n) < 1)", False),
        ("a.x = b.y and (a.is_whole or a.x = b.z)", False),
    ],
)
def test_a_join_by_one_key_or_another_is_found(on: str, is_found: bool) -> None:
    assert bool(alternatives(f"select 1 from a left join b on {on}")) == is_found


def test_no_join_is_by_one_key_or_another(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    data.derived.mkdir()
    queries = compiled(data, "resource_type:model resource_type:test")
    assert len(queries) > 400
    assert {name: found for name, sql in queries.items() if (found := alternatives(sql))} == {}
