"""`code_name`: what every value of every coded column of a release is called, as a table that leaves with the figures.

Belongs here: which columns are coded and by what. Does not belong here: the words (contracts and code lists). A column whose codes are
units of a published table (divisions, facilities, departments, items) is not here: the table has their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from contracts.loading import load_products, seed
from contracts.messages import MESSAGES
from contracts.model import FieldSpec, Product

TABLE = "code_name"
BETWEEN = " · "
# The columns of code lists that hold what the list names.
NAMED_BY = ("code", "level", "channel", "sender")
REASONS = "messages"
Line = tuple[str, str, str, int, str, str, str | None]


def lines(products: Iterable[Product]) -> list[Line]:
    """Rows of the table in the order of its contract's columns, without those of tables that are not there."""
    return [line for product in products for f in product.fields for line in _of_column(product, f)]


def coded_by(f: FieldSpec, products: Iterable[str] = ()) -> tuple[str, str] | None:
    """The code list and its column that a column's values are codes of; None where its contract lists them, or they are units."""
    if f.enum:
        return None
    if listed := f.code_list or (f.named_by if f.named_by != REASONS else None):
        return listed, next(c for c in NAMED_BY if c in seed(listed)[0])
    known = set(products) or set(load_products())
    found = [
        (k.table, k.column) for k in f.foreign_keys if k.table not in known and not k.where and k.column in NAMED_BY
    ]
    return next(((table, column) for table, column in found if "name_zh" in seed(table)[0]), None)


def _of_column(product: Product, f: FieldSpec) -> Iterator[Line]:
    for position, (code, label) in enumerate((f.enum or f.parts or f.beside or _reasons(f)).items(), 1):
        zh, mark, en = label.partition(BETWEEN)
        yield product.id, f.name, code, position, zh or code, en if mark else zh or code, None
    if not coded_by(f):
        yield from _of_some_rows(product, f)
    if cited := coded_by(f):
        listed = [row for row in seed(cited[0]) if row["name_zh"]]
        names = {row[cited[1]]: row for row in reversed(listed)}
        for position, row in enumerate(dict.fromkeys(row[cited[1]] for row in listed), 1 + len(f.beside)):
            named = names[row]
            yield (
                product.id,
                f.name,
                row,
                position,
                named["name_zh"],
                named.get("name_en") or named["name_zh"],
                cited[0],
            )


def _of_some_rows(product: Product, f: FieldSpec) -> Iterator[Line]:
    """Of a column whose codes are of several lists, by the row: those of the lists that are no published tables, which leave nowhere else."""
    lists = [
        (k.table, k.column)
        for k in f.foreign_keys
        if k.where and k.table not in load_products() and k.column in NAMED_BY
    ]
    named = {row[column]: (row, table) for table, column in lists for row in seed(table) if row.get("name_zh")}
    for position, (code, (row, table)) in enumerate(named.items(), 1):
        yield product.id, f.name, code, position, row["name_zh"], row.get("name_en") or row["name_zh"], table


def _reasons(f: FieldSpec) -> Mapping[str, str]:
    """What the door says for each of its reasons, with … for the facts of a case; empty for a column that has no such reason."""
    if f.named_by != REASONS:
        return {}
    return {code: BETWEEN.join(_without_facts(text) for text in told) for code, told in MESSAGES.items()}


def _without_facts(text: str) -> str:
    return re.sub(r"\{\w+\}", "…", text).strip()
