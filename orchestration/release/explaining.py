"""Any published figure: what it means, by which policy, which rows it counts, and whose files these came in.

Reads the current release, the warehouse it was made from and the ledger; writes nothing. Of a withheld figure it counts no rows:
their number is what is withheld. Belongs here: finding the row, its rule and its sources. Does not belong here: saying it
(explain_command.py) and how a figure is computed (dbt).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from contracts.loading import load_feeds, load_products
from contracts.model import SUPPRESSED, FieldSpec, Product
from contracts.quoting import identifier, literal
from orchestration.paths import DataDirectory

CANDIDATES = 20
LEVELS = ("province", "city", "county", "town", "village")
# Of which reviews a column of the evaluation speaks; one that is not here speaks of all of its unit's.
REVIEWS: Mapping[str, str] = {
    "active_reviews": "is_active", "good_reviews": "is_active and verdict = 'good'", "bad_reviews": "is_active and verdict = 'bad'",
    "good_rate": "is_active", "bad_rate": "is_active", "participation_rate": "is_active", "mean_points": "is_active",
    "suspect_reviews": "suspect_rule is not null", "strictly_good_reviews": "is_active and is_strictly_good",
    **{f"n{level}": f"is_active and level = {level}" for level in range(1, 6)},
}  # fmt: skip
# Columns that are the number of exactly these rows: counting them again proves it.
COUNTS = frozenset(
    {"contacts", "active_reviews", "good_reviews", "bad_reviews", *(f"n{level}" for level in range(1, 6))}
)


class NotExplained(ValueError):
    """No such table, column or row; the sentence says what there is."""


@dataclass(frozen=True)
class Source:
    """A delivery that rows came in; `rows` is None where their number is not told."""

    feed: str
    sender: str
    file_name: str
    receipt: str
    received_at: datetime | None
    rows: int | None


@dataclass
class Explained:
    """All that is known of one figure."""

    product: Product
    column: FieldSpec
    row: Mapping[str, Any]
    value: Any
    release: str
    withheld: str | None = None
    why_null: str | None = None
    made_of: list[str] = field(default_factory=list)  # fields of feeds
    policy: list[tuple[str, str]] = field(default_factory=list)  # parameter, value
    counted: str = ""  # which rows, in words
    rows: int | None = None
    agrees: bool | None = None  # whether they are as many as published
    sources: list[Source] = field(default_factory=list)


def explain(data: DataDirectory, table: str, where: Mapping[str, str], column: str) -> Explained:
    """Explains the figure `column` of the one row of `table` for which every column of `where` has its value.

    Raises:
        NotExplained: there is none, or there are several.
    """
    product, spec = _asked(table, where, column)
    database = data.published / "minsheng.duckdb"
    if not database.exists():
        raise NotExplained("尚无发布 · nothing has been released yet")
    with duckdb.connect(str(database), read_only=True) as con:
        row = _row(con, product, where)
        ((release,),) = con.execute("select max(release_id) from release_log").fetchall()
        found = Explained(product, spec, row, row[column], (data.published / "current").resolve().name or str(release))
        found.policy = _policy(con, row)
    if row.get(SUPPRESSED) is not None and column in product.hideable:
        found.withheld = product.by_name[SUPPRESSED].enum.get(str(row[SUPPRESSED]), str(row[SUPPRESSED]))
    if row[column] is None and spec.null_reason and row.get(spec.null_reason) is not None:
        reason = str(row[spec.null_reason])
        found.why_null = product.by_name[spec.null_reason].enum.get(reason, reason)
    found.made_of = _made_of(data, table, column)
    _count(data, found)
    return found


def _asked(table: str, where: Mapping[str, str], column: str) -> tuple[Product, FieldSpec]:
    products = load_products()
    if table not in products:
        near = _near(table, products)
        raise NotExplained(f"没有名为 {table} 的表，可用：{near} · there is no table {table}; there are: {near}")
    product = products[table]
    for name in (*where, column):
        if name not in product.by_name:
            near = _near(name, product.by_name)
            raise NotExplained(
                f"表 {table} 没有列 {name}，相近的有：{near} · {table} has no column {name}; near are: {near}"
            )
    return product, product.by_name[column]


def _near(name: str, names: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    return ", ".join(get_close_matches(name, list(names), n=8, cutoff=0.4) or sorted(names))


def _row(con: duckdb.DuckDBPyConnection, product: Product, where: Mapping[str, str]) -> Mapping[str, Any]:
    columns = ", ".join(identifier(f.name) for f in product.fields)
    conditions = [f"{identifier(name)}::varchar = ?" for name in where]
    values = [_as_stored(product.by_name[name], value) for name, value in where.items()]
    condition = f" where {' and '.join(conditions)}" if conditions else ""
    rows = con.execute(
        f"select {columns} from {identifier(product.id)}{condition} limit {CANDIDATES + 1}", values
    ).fetchall()
    if len(rows) == 1:
        return dict(zip((f.name for f in product.fields), rows[0], strict=True))
    asked = ", ".join(f"{n}={v}" for n, v in where.items()) or "—"
    if not rows:
        raise NotExplained(
            f"{product.id} 中没有 {asked} 的行 · {product.id} has no row with {asked}; its key is {', '.join(product.key)}"
        )
    missing = [k for k in product.key if k not in where]
    keys = [i for i, f in enumerate(product.fields) if f.name in missing]
    seen = ["  " + " ".join(f"{product.fields[i].name}={r[i]}" for i in keys) for r in rows[:CANDIDATES]]
    more = "\n  …" if len(rows) > CANDIDATES else ""
    raise NotExplained(
        f"{asked} 对应多行，请再给出 {'、'.join(missing)} · several rows have {asked}; give {', '.join(missing)} as well:\n"
        + "\n".join(seen)
        + more
    )


def _as_stored(f: FieldSpec, value: str) -> str:
    """A month may be given as 2026-02, a truth value as people write it."""
    if f.kind == "date" and len(value) == len("2026-02"):
        return f"{value}-01"
    return value.lower() if f.kind == "boolean" else value


def _policy(con: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The parameters of the policy by which the row was judged, as they are published."""
    there = con.execute("select 1 from duckdb_tables() where table_name = 'review_policy'").fetchone()
    if not there or row.get("policy") is None:
        return []
    named = {"policy": row["policy"], "version": row.get("policy_version"), "area": row.get("policy_area")}
    given = {name: value for name, value in named.items() if value is not None}
    if "area" not in given and "policy_area" in row:
        given["area"] = ""
    condition = " and ".join(f"coalesce({identifier(name)}, '') = ?" for name in given)
    query = f"select distinct parameter, value::varchar from review_policy where {condition} order by 1"
    return [(str(p), str(v)) for p, v in con.execute(query, list(given.values())).fetchall()]


def _made_of(data: DataDirectory, table: str, column: str) -> list[str]:
    """The fields of feeds that the column's value is made of, through all models; what only filters is not counted."""
    path = data.dbt_target / "column_lineage.json"
    try:
        models = json.loads(path.read_text(encoding="utf-8"))["models"]
    except (OSError, ValueError, KeyError):
        return []
    waiting, seen, fields = [(table, column)], set[tuple[str, str]](), set[str]()
    while waiting:
        if (at := waiting.pop()) in seen:
            continue
        seen.add(at)
        if at[0].startswith("stg_"):
            fields.add(f"{at[0].removeprefix('stg_').replace('__', '.')}.{at[1]}")
            continue
        waiting += [(origin[1], origin[2]) for origin in models.get(at[0], {}).get(at[1], [])]
    return sorted(fields)


# ── the rows, and whose files they came in ──────────────────────────────────────────────────────


def _count(data: DataDirectory, found: Explained) -> None:
    """Fills in which rows were counted and the deliveries they came in."""
    if not data.warehouse.is_file():
        return
    by_receipt: Mapping[str, int | None]
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        schemas = dict(con.execute("select table_name, table_schema from information_schema.tables").fetchall())
        rows = _rows_of_unit(con, schemas, found)
        if rows is not None:
            relation, found.counted = rows
            by_receipt = dict(con.execute(f"select receipt, count(*) from {relation} group by 1").fetchall())
            found.rows = sum(n or 0 for n in by_receipt.values())
            if found.column.name in COUNTS and found.withheld is None:
                found.agrees = found.rows == found.value
        else:
            by_receipt = _receipts_of_feeds(con, schemas, found)
    if found.withheld is not None:
        found.rows, by_receipt = None, dict.fromkeys(by_receipt)
    found.sources = _sources(data, by_receipt)


def _rows_of_unit(
    con: duckdb.DuckDBPyConnection, schemas: Mapping[str, str], found: Explained
) -> tuple[str, str] | None:
    """The contacts or reviews that a row of the evaluation counts, as a relation with `receipt`, and in words."""
    row, name = found.row, found.product.id
    if name == "review_scorecard":
        unit, code, first, last = row["dimension"], row["code"], row["period_start"], row["period_end"]
        places = [_unit_condition(schemas, unit, code)]
    elif name == "department_scorecard":
        first = last = row["month"]
        places = [
            f"department_code = {literal(row['department_code'])}",
            _unit_condition(schemas, row["level"], row["division_code"]),
        ]
    else:
        return None
    if any(place is None for place in places):
        return None
    unit_rows = " and ".join(place for place in places if place) or "true"
    days = f"between date {literal(str(first)[:10])} and date {literal(str(last)[:10])}"
    if found.column.name in ("contacts", "covered_contacts", "covered_share"):
        return (
            f"{schemas['fct_contact']}.fct_contact where closed_month {days} and {unit_rows}",
            "服务记录 · contacts closed in the period",
        )
    # A second review after a case was closed is told apart and counts in no rate.
    which = f"review_no = 1 and {REVIEWS.get(found.column.name, 'true')}"
    relation = f"{schemas['fct_review']}.fct_review where contact_month {days} and {unit_rows} and {which}"
    return relation, f"评价 · reviews of contacts closed in the period, {which}"


def _unit_condition(schemas: Mapping[str, str], dimension: str, code: str) -> str | None:
    """The rows of one unit; None for a unit that is not told from one row."""
    columns = {
        "department": "coalesce(department_code, 'unknown')",
        "service_item": "coalesce(service_item_code, 'unknown')",
        # A contact at no facility is the unit `none`.
        "facility": "coalesce(facility_id, 'none')",
        "channel": "coalesce(contact_channel, 'unknown')",
    }
    if dimension == "all":
        return "true"
    if dimension in columns:
        return f"{columns[dimension]} = {literal(code)}"
    if dimension in LEVELS and not code.startswith("rest:"):
        return f"division_code in (select division_code from {schemas['dim_division']}.dim_division where {dimension}_code = {literal(code)})"
    return None


def _receipts_of_feeds(
    con: duckdb.DuckDBPyConnection, schemas: Mapping[str, str], found: Explained
) -> dict[str, int | None]:
    """Deliveries of the feeds that the column is made of; of those whose rows name the row's own code, year or wave, these rows."""
    known = load_feeds()
    feeds = sorted({name.rpartition(".")[0] for name in found.made_of} & set(known))
    receipts: dict[str, int | None] = {}
    told = []
    for feed in feeds:
        model = f"stg_{feed.replace('.', '__', 1)}"
        if model not in schemas:
            continue
        relation = f"{schemas[model]}.{model}"
        columns = {
            c
            for (c,) in con.execute(
                f"select column_name from information_schema.columns where table_name = '{model}'"
            ).fetchall()
        }
        same = [k for k in found.product.key if k in columns and found.row[k] is not None]
        conditions = " and ".join(f"{identifier(k)}::varchar = {literal(str(found.row[k]))}" for k in same)
        rows = (
            con.execute(f"select _receipt, count(*) from {relation} where {conditions} group by 1").fetchall()
            if same
            else []
        )
        if rows:
            told.append(f"{feed}: {', '.join(same)}")
            receipts |= dict(rows)
        else:
            receipts |= {r: None for (r,) in con.execute(f"select distinct _receipt from {relation}").fetchall()}
    found.counted = (
        f"来文中同键的行 · rows of the feeds with the same {'; '.join(told)}"
        if told
        else "所用数据的全部来文 · every delivery of the feeds it is made of"
    )
    return receipts


def _sources(data: DataDirectory, by_receipt: Mapping[str, int | None]) -> list[Source]:
    """The deliveries behind receipts, those with the most rows first."""
    from orchestration.intake import landing

    known = landing.latest(landing.attempts(data))
    sources = [
        Source(a.feed, a.sender, a.file_name, receipt, a.received_at, rows)
        if (a := known.get(receipt)) is not None
        else Source("?", "?", "?", str(receipt), None, rows)
        for receipt, rows in by_receipt.items()
    ]
    return sorted(sources, key=lambda s: (-(s.rows or 0), s.feed, s.received_at or datetime.min, s.receipt))


def parse_where(given: Sequence[str]) -> dict[str, str]:
    """`key=value` arguments.

    Raises:
        NotExplained: one is none.
    """
    pairs = [text.partition("=") for text in given]
    for name, sign, _ in pairs:
        if not sign or not name:
            raise NotExplained(f"“{name}”应写成 列=值 · {name!r} should be written column=value")
    return {name: value for name, _, value in pairs}
