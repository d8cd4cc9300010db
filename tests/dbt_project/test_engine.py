"""What DuckDB is told not to do, and the query that shows why."""

from __future__ import annotations

import duckdb
import pytest
import yaml

from orchestration.paths import DBT_PROJECT

# A CTE over an empty table, read twice, with a sum between: DuckDB takes the sums for null and folds `n > 0` to false.
RATE_OF_A_SUM = """
    with places as (select * from empty_register),
    placed as (select * from counts left join places on counts.code = places.code),
    summed as (select 'all' as code, cast(sum(n) as bigint) as n, cast(sum(k) as bigint) as k from placed),
    named as (select * from summed left join places as of_unit on summed.code = of_unit.code)
    select n, k, case when n > 0 then cast(k as double) / n end as rate from named
"""


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("create table counts as select 'a' as code, cast(i % 3 as bigint) as n, cast(0 as bigint) as k from range(9) as t (i)")  # fmt: skip
    con.execute("create table empty_register (code varchar, name varchar)")
    return con


def test_as_the_warehouse_is_set_up_a_rate_of_zero_in_nine_is_zero(con: duckdb.DuckDBPyConnection) -> None:
    """The release is written under the same setting: orchestration/release/tables.py."""
    profile = yaml.safe_load((DBT_PROJECT / "profiles.yml").read_text(encoding="utf-8"))
    off = profile["minsheng"]["outputs"]["duckdb"]["settings"].get("disabled_optimizers", "")
    con.execute(f"set disabled_optimizers = '{off}'")
    assert con.execute(RATE_OF_A_SUM).fetchall() == [(9, 0, 0.0)]


@pytest.mark.xfail(reason="DuckDB 2.0.0 and 2.0.1 answer (9, 0, null)", strict=True)
def test_the_setting_can_go_when_this_passes(con: duckdb.DuckDBPyConnection) -> None:
    """When a newer DuckDB makes this pass, `disabled_optimizers` goes from profiles.yml and release/tables.py."""
    assert con.execute(RATE_OF_A_SUM).fetchall() == [(9, 0, 0.0)]
