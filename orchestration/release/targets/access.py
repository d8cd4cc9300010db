"""Who sees which rows of a release in PostgreSQL: a role that reads everything, and a role a department.

A department sees the tables without figures about people, and of the others the rows that are its own: those whose contract
leads a column to `dim_department`, or to a row of its own in a table where that is so. Of a table that says nothing of
departments it sees no row. What is loaded withholds nothing: the figures about few people that another department answers for are not its own. The roles cannot log in: an account is made a member (`grant minsheng_reader to …`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from contracts.model import ForeignKey, Product
from contracts.quoting import identifier, literal

# Codes of the register of departments that stand for nobody in particular.
NOBODY = frozenset({"unknown", "none"})
DEPARTMENTS = "dim_department"
LONGEST_NAME = 63  # bytes; PostgreSQL cuts a longer one off


def reader(prefix: str) -> str:
    """The role that reads every row."""
    return f"{prefix}_reader"


def department(prefix: str, code: str) -> str:
    """The role of one department."""
    return _cut(f"{prefix}_department_", code)


def _cut(before: str, code: str) -> str:
    """A name for something of a code's; digits of the code's hash where the whole would be too long to be told from others."""
    name = before + code
    return name if len(name.encode()) <= LONGEST_NAME else before + hashlib.sha256(code.encode()).hexdigest()[:12]


def everybody(prefix: str) -> str:
    """The role all departments are members of: it holds what they have in common."""
    return f"{prefix}_departments"


def roles(prefix: str, codes: Sequence[str]) -> list[str]:
    """Makes the roles that are missing; where all are there, no right to make roles is needed."""
    wanted = [reader(prefix), everybody(prefix), *(department(prefix, code) for code in codes)]
    made = [
        f"if not exists (select from pg_roles where rolname = {literal(name)}) then create role {identifier(name)} nologin; end if"
        for name in wanted
    ]
    members = [
        f"if not pg_has_role({literal(department(prefix, code))}, {literal(everybody(prefix))}, 'member') then "
        f"grant {identifier(everybody(prefix))} to {identifier(department(prefix, code))}; end if"
        for code in codes
    ]
    return made + members


def grants(
    prefix: str,
    schemas: Sequence[str],
    schema: str,
    products: Mapping[str, Product],
    tables: Mapping[str, Mapping[str, str]],
    codes: Sequence[str],
) -> list[str]:
    """Reading for both kinds of roles in `schemas`, and the policies of the tables in `schema`."""
    readers = f"{identifier(reader(prefix))}, {identifier(everybody(prefix))}"
    statements = []
    for name in schemas:
        statements += [
            f"grant usage on schema {identifier(name)} to {readers}",
            f"grant select on all tables in schema {identifier(name)} to {readers}",
        ]
    for table in tables:
        product = products.get(table)
        if is_open(product):
            continue
        place = f"{identifier(schema)}.{identifier(table)}"
        statements += [
            f"alter table {place} enable row level security",
            f"create policy bureau on {place} for select to {identifier(reader(prefix))} using (true)",
        ]
        for code in codes:
            if own := own_rows(product, code, products, schema):
                role = department(prefix, code)
                statements.append(
                    f"create policy {identifier(_cut('rows_of_', code))} on {place} for select to {identifier(role)} using ({own})"
                )
    return statements


def grants_on_views(prefix: str, views: str) -> list[str]:
    """Reading of views whose tables have their policies already."""
    readers = f"{identifier(reader(prefix))}, {identifier(everybody(prefix))}"
    return [
        f"grant usage on schema {identifier(views)} to {readers}",
        f"grant select on all tables in schema {identifier(views)} to {readers}",
    ]


def is_open(product: Product | None) -> bool:
    """Whether every department sees all of a table: it may leave the bureau, and nobody can be recognised in it."""
    return product is not None and product.is_public and product.disclosure["rule"] == "none"


def own_rows(product: Product | None, code: str, products: Mapping[str, Product], schema: str) -> str | None:
    """The condition for a row to be the department's; None where no row is."""
    if product is None or product.custom.get("madeBy") == "release":
        return None
    for f in product.fields:
        for key in f.foreign_keys:
            if key.table == DEPARTMENTS:
                return f"{identifier(f.name)} = {literal(code)}{_where(key)}"
    leads = [
        (f.name, key)
        for f in product.fields
        for key in f.foreign_keys
        if key.table in products and not is_open(products[key.table]) and key.table != product.id
    ]
    held = [
        # Who asks sees of the other table its own rows only: its policy holds within this one.
        f"exists (select from {identifier(schema)}.{identifier(key.table)} as other "
        f"where other.{identifier(key.column)} = {identifier(product.id)}.{identifier(name)})"
        for name, key in leads
    ]
    return " and ".join(held) or None


def _where(key: ForeignKey) -> str:
    """The rows a key holds for, as SQL; beginnings (`hall:*`) with like."""
    parts = []
    for word, rows in (("", key.where), ("not ", key.unless)):
        for column, values in rows.items():
            either = " or ".join(
                f"{identifier(column)}::text like {literal(v[:-1].replace('_', chr(92) + '_') + '%')}"
                if v.endswith("*")
                else f"{identifier(column)}::text = {literal(v)}"
                for v in values
            )
            parts.append(f" and {word}coalesce({either}, false)")
    return "".join(parts)
