"""Which columns a model's column is made of: read from the SQL that dbt has compiled, shown by Dagster.

Belongs here: reading SQL. Does not belong here: what is shown besides (warehouse). dagster-dbt reads lineage too, each
night, while dbt waits, and a column at a time: a minute and a half for the scorecard alone. Here every step of a query is
read once, and what was found is kept until a model or macro changes.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope
from sqlglot.schema import MappingSchema

from contracts.loading import load_feeds
from contracts.whole_files import NotReadable, read_json, write_json
from orchestration.intake import days

ACCEPTED = re.compile(r"read_parquet\('[^']*/accepted/(\w+)\.(\w+)/[^)]*\)")
# (schema, table, column) of a table that the query reads.
Origin = tuple[str, str, str]
Columns = dict[str, Any]  # schema → table → column → type


def origins(sql: str, known: Columns | MappingSchema) -> dict[str, set[Origin]]:
    """Column of a query → columns of tables that its value is made of; what only filters or orders is not counted.

    Args:
        sql: one DuckDB query, every table written with its schema.
        known: the columns of the tables it reads; who asks of many queries has them read once, as sqlglot's schema.

    Raises:
        sqlglot.errors.SqlglotError: the query cannot be read, or names a column that no table has.
    """
    query: Any = qualify(parse_one(sql, dialect="duckdb"), schema=known, dialect="duckdb", quote_identifiers=False)
    scope = build_scope(query)
    found: dict[tuple[int, int], set[Origin]] = {}
    return {name: _of_output(scope, place, found) for place, name in enumerate(query.named_selects)} if scope else {}


def _of_output(scope: Scope, place: int, found: dict[tuple[int, int], set[Origin]]) -> set[Origin]:
    """The origins of a scope's n-th column; `found` holds what was read before."""
    key = (id(scope), place)
    if key not in found:
        found[key] = set()
        if scope.set_operation_scopes:
            for part in scope.set_operation_scopes:
                found[key] |= _of_output(part, place, found)
        else:
            select: Any = scope.expression
            found[key] |= _of_expression(scope, select.selects[place], found)
    return found[key]


def _of_expression(scope: Scope, expression: exp.Expression, found: dict[tuple[int, int], set[Origin]]) -> set[Origin]:
    made_of: set[Origin] = set()
    for column in expression.find_all(exp.Column):
        source = scope.sources.get(column.table)
        if isinstance(source, exp.Table):
            made_of.add((source.db, source.name, column.name))
        elif isinstance(source, Scope):
            select: Any = source.expression
            names = select.named_selects
            if column.name in names:
                made_of |= _of_output(source, names.index(column.name), found)
    return made_of


def of_models(
    compiled: Path, warehouse: Path, assets: Container[dg.AssetKey], version: str, kept: Path
) -> dict[str, dg.TableColumnLineage]:
    """Model → lineage of its columns. A model whose SQL cannot be read has none: nothing depends on it.

    Args:
        compiled: the folder of this run's compiled models.
        warehouse: the database the models stand in.
        assets: what Dagster knows; columns of anything else are left out.
        version: checksum of all models and macros; `kept` holds what was found for the last version.
    """
    try:
        read = read_json(kept) if kept.is_file() else {}
    except NotReadable:  # then it is read from the models again
        read = {}
    if read.get("version") != version:
        read = {"version": version, "models": {}}
    # Beside a model's SQL lie folders with that of its tests.
    models = [p for p in sorted(compiled.rglob("models/**/*.sql")) if p.parent.suffix != ".yml"]
    if new := [path for path in models if path.stem not in read["models"]]:
        read["models"] |= _read(new, warehouse)
        write_json(kept, read)
    return {
        model: dg.TableColumnLineage(
            deps_by_column={
                column: [dg.TableColumnDep(key, origin) for *place, origin in made_of if (key := _key(place)) in assets]
                for column, made_of in columns.items()
            }
        )
        for model, columns in read["models"].items()
    }


def _key(place: Sequence[str]) -> dg.AssetKey:
    """A table's asset; a feed's is that of its accepted rows."""
    feed = load_feeds().get(".".join(place))
    return days.asset_key(feed) if feed else dg.AssetKey(place)


def _read(paths: Iterable[Path], warehouse: Path) -> dict[str, dict[str, list[Origin]]]:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        rows = con.execute(
            "select table_schema, table_name, column_name, data_type from information_schema.columns"
        ).fetchall()
    known: Columns = {}
    for feed in load_feeds().values():
        known.setdefault(feed.department, {})[feed.table] = dict.fromkeys(feed.accepted_columns, "varchar")
    for schema, table, column, kind in rows:
        known.setdefault(schema, {}).setdefault(table, {})[column] = kind
    schema_of_all, found = MappingSchema(known, dialect="duckdb"), {}
    for path in paths:
        # What staging reads are files: named as the feed is.
        sql = ACCEPTED.sub(r'"\1"."\2"', path.read_text(encoding="utf-8"))
        try:
            found[path.stem] = {column: sorted(made_of) for column, made_of in origins(sql, schema_of_all).items()}
        except SqlglotError:
            found[path.stem] = {}
    return found
