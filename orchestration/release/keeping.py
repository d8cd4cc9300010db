"""Which tables keep the content of the last release because tonight's breaks a promise; for `publishing`.

A table is kept when its model or a test of it failed in dbt, when the audit of the candidate finds a broken promise in it, when
something it is made of is kept, and when otherwise its keys, or the keys of others into it, would lead nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb

from contracts.dbt_properties import rows_of_key
from contracts.model import FieldSpec, ForeignKey, Product
from contracts.public_edition import load_public_edition
from orchestration.paths import DataDirectory
from orchestration.warehouse import failures


@dataclass(frozen=True)
class Cause:
    """Why a table is kept. `name` may be published; `why` quotes values and may not."""

    name: str
    why: str


def failed_in_dbt(data: DataDirectory, products: Mapping[str, Product]) -> dict[str, Cause]:
    """The products that cannot be released as the warehouse has them."""
    listed = failures.remembered(data)
    return _reached(data, products, {node: Cause(failures.name(node), why) for node, why in listed.items()})


def broken_in_candidate(
    data: DataDirectory, products: Mapping[str, Product], broken: Mapping[str, list[str]]
) -> dict[str, Cause]:
    """The products that a promise broken in the candidate reaches. `broken`: table → sentences."""
    causes = {table: Cause(f"audit of {table}", sentences[0]) for table, sentences in broken.items()}
    return {t: c for t, c in causes.items() if t in products} | _reached(data, products, causes)


def lost_keys(database: str, products: Mapping[str, Product], kept: Mapping[str, Cause]) -> dict[str, list[str]]:
    """Keys between a kept table and one of tonight that lead nowhere: both tables → a sentence."""
    found: dict[str, list[str]] = {}
    with duckdb.connect(database, read_only=True) as con:
        for product, f, key in _keys(products):
            if (product.table in kept) == (key.table in kept):
                continue
            where = rows_of_key(product, key) or "true"
            lost = con.execute(
                f'select count(*) from "{product.table}" where "{f.name}" is not null and {where} and cast("{f.name}" as varchar) '
                f'not in (select cast("{key.column}" as varchar) from "{key.table}" where "{key.column}" is not null)'
            ).fetchall()[0][0]
            if lost:
                said = f"{product.table}.{f.name}: {lost} rows lead to no row of {key.table}"
                found.setdefault(product.table, []).append(said)
                found.setdefault(key.table, []).append(said)
    return found


def _keys(products: Mapping[str, Product]) -> Iterator[tuple[Product, FieldSpec, ForeignKey]]:
    for product in products.values():
        for f in product.fields:
            for key in f.foreign_keys:
                if key.table in products:
                    yield product, f, key


def _reached(data: DataDirectory, products: Mapping[str, Product], causes: Mapping[str, Cause]) -> dict[str, Cause]:
    if not causes:
        return {}
    reached = failures.tables_reached(data, causes)
    kept = {table: causes[cause] for table, cause in reached.items() if table in products}
    # What the public edition copies from another table is of the same night.
    for table, told in load_public_edition().items():
        if table in products and (source := told.copied.get("table")) in kept:
            kept.setdefault(table, kept[source])
    return kept
