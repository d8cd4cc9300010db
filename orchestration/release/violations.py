"""Violations of validation rules from release to release: each is told once, and stays open until its figures hold or a person waives it.

Belongs here: what the last release knew of a violation, carried into this one (for `publishing`). Does not belong here: judging
(dbt_project/models/validation), rules (contracts/validation.py), taking a person's waiver (orchestration/desk).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb

from contracts.model import Product
from contracts.quoting import literal

TABLE = "validation_result"
JUDGEMENTS, WAIVERS, RULES = "validation_judgements", "validation_waivers", "validation_rules"


def carry(
    con: duckdb.DuckDBPyConnection,
    product: Product,
    tables: Mapping[str, str],
    last: Path,
    release_id: str,
    today: date,
) -> None:
    """Puts into `release.validation_result` what the last release had told.

    A violation is solved where the figures hold now. One that cannot be judged any more, because its figures are gone, stays as it
    was: whoever takes a file back solves nothing by that.

    Args:
        tables: name → the table or seed of the warehouse as it is called on `con`.
    """
    told = f'release."{TABLE}"'
    con.execute(f"update {told} set found_in = {literal(release_id)}, found_on = date '{today}'")
    if not last.is_file() or not _knows(con, product, last):
        return
    columns = [f.name for f in product.fields]
    same = _same(product, "o", "n")
    now = {
        **{c: f'n."{c}"' for c in columns},
        "found_in": "coalesce(o.found_in, n.found_in)",
        "found_on": "coalesce(o.found_on, n.found_on)",
        "found_again_on": f"case when o.status = 'solved' then date '{today}' else o.found_again_on end",
    }
    then = {
        **{c: f'o."{c}"' for c in columns},
        "status": "case when o.status = 'solved' or j.holds then 'solved' when w.decided_by is null then 'open' else 'waived' end",
        "is_judged": "j.holds is not null",
        "solved_on": f"case when o.status = 'solved' then o.solved_on when j.holds then date '{today}' end",
        "waived_by": "coalesce(w.decided_by, case when o.status = 'solved' then o.waived_by end)",
        "waived_on": "coalesce(w.decided_on, case when o.status = 'solved' then o.waived_on end)",
        "waived_because": "coalesce(w.reason, case when o.status = 'solved' then o.waived_because end)",
    }
    order = ", ".join(f'"{k}"' for k in product.key)
    con.execute(f"""
        create or replace temporary table carried as
        with o as (
            select * from last."{TABLE}"
            where rule_code in (select code from {tables[RULES]})
                and unit_code in (select division_code from {tables["dim_division"]} union all select code from {tables["feeds"]})
        ), n as (
            select * from {told}
        ), w as (
            select o.rule_code, o.unit_code, o.area_type, o.period, waivers.decided_by, waivers.decided_on, waivers.reason
            from o inner join {tables[WAIVERS]} as waivers on {_same(product, "o", "waivers")}
                and {_of_these_figures("waivers", "o")}
            qualify row_number() over (
                partition by o.rule_code, o.unit_code, o.area_type, o.period
                order by waivers.decided_on desc, waivers.decided_by, waivers.reason
            ) = 1
        )
        select {", ".join(f'{now[c]} as "{c}"' for c in columns)} from n left join o on {same}
        union all
        select {", ".join(f'{then[c]} as "{c}"' for c in columns)} from o
        left join {tables[JUDGEMENTS]} as j on {_same(product, "o", "j")} and j.unit_kind = o.unit_kind
        left join w on {_same(product, "o", "w")}
        where not exists (select 1 from n where {same})
    """)
    con.execute(f"create or replace table {told} as select * from carried order by {order}")
    con.execute("drop table carried")


def counted(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many violations the newest release tells (`new`: first, or again), and how many are open, waived and solved in it."""
    if TABLE not in {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}:
        return {}
    found = con.execute(f"""
        with newest as (select release_id, released_at::date as day from release_log order by released_at desc, release_id desc limit 1)
        select 'new', count(*) from "{TABLE}", newest where found_in = release_id or (status <> 'solved' and found_again_on = day)
        union all
        select status, count(*) from "{TABLE}" group by status
    """).fetchall()
    return {name: n for name, n in found if n}


def _knows(con: duckdb.DuckDBPyConnection, product: Product, last: Path) -> bool:
    """Attaches the last release as `last`; whether its table has the columns of this one."""
    con.execute(f"attach if not exists {literal(last)} as last (read_only)")
    query = "select column_name from duckdb_columns() where database_name = 'last' and table_name = ?"
    return set(product.by_name) <= {name for (name,) in con.execute(query, [TABLE]).fetchall()}


def _same(product: Product, one: str, other: str) -> str:
    return " and ".join(f'{one}."{k}" is not distinct from {other}."{k}"' for k in product.key)


def _of_these_figures(waiver: str, violation: str) -> str:
    """As the macro waiver_holds says it in the models."""
    return " and ".join(
        f"({waiver}.{side} is null or abs({waiver}.{side} - {violation}.{side}) <= 1e-9 * greatest(abs({violation}.{side}), 1.0))"
        for side in ("left_value", "right_value")
    )
