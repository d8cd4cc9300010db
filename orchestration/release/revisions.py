"""What a release changes of what the last one had published, and why; for `publishing`.

The log is a table of the release itself: the last release's, and a row for each value that is another now. A figure of a period
that had not been published is new and no revision, nor is one of a period that was not over then. Belongs here: comparing two releases and naming causes. Does not
belong here: writing the release (publishing).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from contracts.loading import POLICIES
from contracts.model import SUPPRESSED, FieldSpec, Product
from contracts.quoting import identifier, literal
from orchestration.derived import linkage, review_words, roads, survey_estimates
from orchestration.intake import ledger
from orchestration.paths import DBT_PROJECT, PROJECT, DataDirectory
from orchestration.release.periods import Closing, period_column

TABLE = "revision_log"
# A column that changes in more rows than this is one line: it says that the column is another, not what each row was.
MOST = 10_000


def policies_checksum() -> str:
    """SHA-256 (16 digits) over everything an administrator decides."""
    return _checksum(p for p in POLICIES.rglob("*") if p.is_file() and p.suffix in (".csv", ".yaml"))


def code_checksum() -> str:
    """SHA-256 (16 digits) over the programs and models that figures come from, contracts and code lists included."""
    folders = (PROJECT / "contracts", PROJECT / "orchestration", DBT_PROJECT / "models", DBT_PROJECT / "macros")
    endings = (".py", ".sql", ".yaml", ".csv")
    return _checksum(p for folder in folders for p in folder.rglob("*") if p.suffix in endings)


def _checksum(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.relative_to(PROJECT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def moved_files(
    data: DataDirectory, then: Mapping[str, str], now: Mapping[str, str], feeds_of: Mapping[str, frozenset[str]]
) -> dict[str, list[str]]:
    """Table → `late_file`, `correction`, `withdrawal`: how the files it is made from have changed since the last release.

    Args:
        then, now: receipt → feed of the deliveries that the last release and this one contain.
        feeds_of: table → the feeds it is made from.
    """
    successors = dict(
        ledger.table(data).filter(pl.col("superseded_by").is_not_null()).select("receipt", "superseded_by").iter_rows()
    )
    replaced = {receipt: feed for receipt, feed in then.items() if receipt not in now and receipt in successors}
    gone = {receipt: feed for receipt, feed in then.items() if receipt not in now and receipt not in successors}
    taking_their_place = set(successors.values())
    late = {r: feed for r, feed in now.items() if r not in then and r not in taking_their_place}
    kinds = {"late_file": {*late.values()}, "correction": {*replaced.values()}, "withdrawal": {*gone.values()}}
    return {table: [kind for kind, moved in kinds.items() if moved & feeds] for table, feeds in feeds_of.items()}


def feeds_of_tables(data: DataDirectory, tables: Iterable[str]) -> dict[str, frozenset[str]]:
    """Table → every feed that it is made from, through dbt's models and what Python derives."""
    from contracts.loading import load_feeds

    path = data.dbt_target / "manifest.json"
    if not path.is_file():
        return {table: frozenset(load_feeds()) for table in tables}
    parsed = json.loads(path.read_text(encoding="utf-8"))
    surveys = {f"evaluation.{name}" for name in survey_estimates.FEEDS}
    derived = {
        "review_words": {review_words.FEED},
        "facility_links": {feed.id for feed in linkage.registers()},
        "facility_complexes": {feed.id for feed in linkage.registers()},
        # Both ends come by models that the same tables read; a network comes by no feed.
        **{table: set[str]() for table in roads.TABLES},
    }
    found: dict[str, frozenset[str]] = {}
    for table in tables:
        feeds = set[str]()
        for source, name in _sources(parsed, table):
            # The ledger says which files count; it brings no figure of its own.
            feeds |= derived.get(name, surveys) if source == "derived" else {f"{source}.{name}"} & {*load_feeds()}
        found[table] = frozenset(feeds)
    return found


def measured_over_ways(data: DataDirectory, tables: Iterable[str]) -> frozenset[str]:
    """Those of the tables that a road network reaches, through dbt's models."""
    path = data.dbt_target / "manifest.json"
    if not path.is_file():
        return frozenset(tables)
    parsed = json.loads(path.read_text(encoding="utf-8"))
    ways = {("derived", table) for table in roads.TABLES}
    return frozenset(table for table in tables if ways & _sources(parsed, table))


def _sources(parsed: Mapping[str, Any], table: str) -> set[tuple[str, str]]:
    """What a model is made from in the end, each by the names of its source and its table."""
    by_table = {n["name"]: key for key, n in parsed["nodes"].items() if n["resource_type"] == "model"}
    waiting, seen, found = [by_table[table]] if table in by_table else [], set[str](), set[tuple[str, str]]()
    while waiting:
        if (node := waiting.pop()) in seen:
            continue
        seen.add(node)
        if source := parsed["sources"].get(node):
            found.add((source["source_name"], source["name"]))
        waiting += parsed["parent_map"].get(node, [])
    return found


def write(
    con: duckdb.DuckDBPyConnection,
    log: Product,
    products: Iterable[Product],
    release_id: str,
    because: Mapping[str, str],
    released_on: date | None = None,
    revised: Sequence[Closing] = (),
) -> None:
    """Makes the log in the database `release` on `con`, compared with the database `last` if that is attached.

    `products`: the tables to compare; `because`: table → cause; `released_on`: the day of `last`; `revised`: the closed periods
    that this release revises.
    """
    columns = ", ".join(f'"{f.name}" {f.sql_type}' for f in log.fields)
    con.execute(f'create or replace table release."{TABLE}" ({columns})')
    attached = {name for (name,) in con.execute("select database_name from duckdb_databases()").fetchall()}
    if "last" not in attached:
        return
    before = _columns(con, "last")
    if TABLE in before:
        names = ", ".join(f'"{f.name}"' for f in log.fields if f.name in before[TABLE])
        con.execute(f'insert into release."{TABLE}" ({names}) select {names} from last."{TABLE}"')
    for product in products:
        if set(product.key) <= before.get(product.id, set()):
            _compare(con, product, before[product.id], release_id, because.get(product.id, "day"), released_on, revised)


@dataclass(frozen=True)
class Counted:
    """How many values of a table a release changed in one way; no value itself."""

    table: str
    change: str
    causes: tuple[str, ...]
    rows: int


def counted(con: duckdb.DuckDBPyConnection, release_id: str) -> list[Counted]:
    """What a release changed, by table, change and cause; nothing where there is no log."""
    if TABLE not in {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}:
        return []
    found = con.execute(
        f'select table_name, change, cause, sum("rows")::bigint from "{TABLE}" where release_id = ? group by all order by 4 desc, 1, 2',
        [release_id],
    ).fetchall()
    return [Counted(table, change, tuple(cause.split(", ")), rows) for table, change, cause, rows in found]


def causes(con: duckdb.DuckDBPyConnection, release_id: str) -> dict[str, str]:
    """Table → why this release changes it; nothing of what it changes."""
    if TABLE not in {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}:
        return {}
    query = f'select table_name, min(cause) from "{TABLE}" where release_id = ? group by table_name'
    return dict(con.execute(query, [release_id]).fetchall())


def _columns(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, column in con.execute(
        "select table_name, column_name from duckdb_columns() where database_name = ?", [database]
    ).fetchall():
        found.setdefault(table, set()).add(column)
    return found


def _compare(
    con: duckdb.DuckDBPyConnection,
    product: Product,
    before: set[str],
    release_id: str,
    cause: str,
    released_on: date | None,
    revised: Sequence[Closing],
) -> None:
    shared = [f for f in product.fields if f.name in before]
    values = [f for f in shared if f.name not in product.key]
    period = next((f.name for f in shared if f.name in product.key and f.kind == "date"), None)
    text = {f.name: _texts(f) for f in shared}
    same_key = " and ".join(f'o."{k}" is not distinct from n."{k}"' for k in product.key)
    key = ", ".join(f'\'{k}\': coalesce(o."{k}", n."{k}")::varchar' for k in product.key)
    period_of = f'coalesce(o."{period}", n."{period}")::date' if period else "null::date"
    # A figure of a period that is not over changes every night.
    end = 'coalesce(o."period_end", n."period_end")' if "period_end" in before else f"last_day({period_of})"
    is_over = f"coalesce({end} < date '{released_on}', true)" if period and released_on else "true"
    # The narrowest of the periods that are revised is the one that a row belongs to.
    under = sorted(revised, key=lambda c: c.days[1] - c.days[0]) if period and period == period_column(product) else []

    def of_revision(what: Callable[[Closing], str]) -> str:
        return (
            "case" + "".join(f" when {c.covers('period', 'ends')} then {what(c)}" for c in under) + " end"
            if under
            else "null"
        )

    revision, reason = (
        of_revision(lambda c: str(c.revision)),
        of_revision(lambda c: literal(c.reason or "")),
    )
    hidden = SUPPRESSED in before and SUPPRESSED in product.by_name
    turned = (
        f'when o."{SUPPRESSED}" is null and n."{SUPPRESSED}" is not null then \'withheld\' '
        f'when o."{SUPPRESSED}" is not null and n."{SUPPRESSED}" is null then \'shown\' '
        if hidden
        else ""
    )
    # To write a value as text takes longer than to compare it: only what differs is.
    differs = {f.name: f'o."{f.name}" is distinct from n."{f.name}"' for f in values}
    differing = ", ".join(
        f"case when {differs[f.name]} then {{'column_name': '{f.name}', 'old': {text[f.name][0]}, 'new': {text[f.name][1]}}} end"
        for f in values
    )
    published = f'n."{period}" in (select "{period}" from last."{product.id}")' if period else "false"
    whole_row = "{'column_name': '*', 'old': null::varchar, 'new': null::varchar}"
    # Of a large table a night touches few periods; the rows of all others need no partner.
    row_hash = f"hash({', '.join(identifier(f.name) for f in shared)})::hugeint as row_hash"
    period_key = f'of."{period}"' if period else "null"
    con.execute(f"""
        create or replace temporary table touched as
        select period from (
            select {period_key} as period, {row_hash}, 1 as side from last."{product.id}" as of
            union all
            select {period_key} as period, {row_hash}, -1 as side from release."{product.id}" as of
        ) group by period having sum(side) <> 0 or sum(side * row_hash) <> 0
    """)
    is_touched = f"exists (select 1 from touched where touched.period is not distinct from {period_key})"
    con.execute(f"""
        create or replace temporary table revisions as
        with pairs as (
            select
                to_json({{{key}}})::varchar as row_key,
                {period_of} as period,
                {end} as ends,
                case when n.present is null then 'removed' when o.present is null then 'added' {turned}else 'changed' end as change,
                case when o.present is null or n.present is null then [{whole_row}] else [{differing or whole_row}] end as compared
            from (select *, true as present from last."{product.id}" as of where {is_touched}) as o
            full join (select *, true as present from release."{product.id}" as of where {is_touched}) as n on {same_key}
            where {is_over} and case when o.present is null then {published} when n.present is null then true else {" or ".join(differs.values()) or "false"} end
        )
        select row_key, period, ends, change, unnest(compared, max_depth := 2) from pairs
    """)
    con.execute(f"""
        insert into release."{TABLE}"
        by name with changed as (
            select * from revisions where column_name = '*' or old is distinct from new
        ), counted as (
            select *, count(*) over (partition by column_name, change) as n_rows from changed
        )
        select '{release_id}' as release_id, '{product.id}' as table_name, row_key, column_name, period, change, 1 as "rows",
            old as old_value, new as new_value, '{cause}' as cause, {revision} as revision, {reason} as reason
        from counted where n_rows <= {MOST}
        union all by name
        select '{release_id}' as release_id, '{product.id}' as table_name, '*' as row_key, column_name,
            null::date as period, change, count(*) as "rows", null::varchar as old_value, null::varchar as new_value, '{cause}' as cause,
            null as revision, null as reason
        from counted where n_rows > {MOST} group by column_name, change
    """)


def _texts(f: FieldSpec) -> tuple[str, str]:
    """A value before and now as the log has it; a number that is another in its last digits only is the one that it was."""
    if f.kind != "number":
        return f'o."{f.name}"::varchar', f'n."{f.name}"::varchar'
    then, now = (f"printf('%.12g', {side}.\"{f.name}\")" for side in ("o", "n"))
    return (
        then,
        f"case when {same_number(f'o.{identifier(f.name)}', f'n.{identifier(f.name)}')} then {then} else {now} end",
    )


def same_number(one: str, other: str) -> str:
    """Whether two numbers are one but for the order of adding up: a rounded text alone would flip where a digit is at its half."""
    return f"abs({one} - {other}) <= 5e-12 * greatest(abs({one}), abs({other})) + 2e-12"
