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
from orchestration.release import standing

CANDIDATES = 20
LEVELS = ("province", "city", "county", "town", "village")
# Which reviews a column of the evaluation counts; one that is in no list speaks of all of its unit's.
FIRST = "review_no = 1"
ACTIVE = f"{FIRST} and is_active"
COUNTED_REVIEWS: Mapping[str, str] = {
    "reviews": FIRST, "active_reviews": ACTIVE, "good_reviews": f"{ACTIVE} and verdict = 'good'", "bad_reviews": f"{ACTIVE} and verdict = 'bad'",
    "strictly_good_reviews": f"{ACTIVE} and is_strictly_good", **{f"n{level}": f"{ACTIVE} and level = {level}" for level in range(1, 6)},
    "suspect_reviews": f"{FIRST} and suspect_rule is not null", "default_reviews": f"{FIRST} and validity = 'default'",
    "invalid_before_close": f"{FIRST} and validity = 'before_close' and contact_month is not null",
    "invalid_contact_open": f"{FIRST} and validity = 'before_close' and contact_month is null",
    "invalid_after_window": f"{FIRST} and validity = 'after_window'", "invalid_duplicate": f"{FIRST} and validity = 'duplicate'",
    "invalid_withdrawn": f"{FIRST} and validity = 'withdrawn'",
    "invalid_decided": f"{FIRST} and validity in ('appeal_upheld', 'malicious', 'mistaken')",
    "second_reviews": "review_no > 1 and validity = 'valid'",
    "second_satisfied": "review_no > 1 and validity = 'valid' and verdict = 'good'",
}  # fmt: skip
# Which cases of bad reviews.
COUNTED_CASES: Mapping[str, str] = {
    "bad_accepted": "is_accepted", "bad_rectified": "is_accepted and is_rectified", "bad_in_on_time_base": "is_in_on_time_base",
    "bad_on_time": "is_on_time", "bad_replied": "is_accepted and is_replied", "named_bad_accepted": "is_accepted and is_named",
    "named_bad_revisited": "is_accepted and is_named and is_revisited",
}  # fmt: skip
# A rate speaks of the rows of its denominator.
RATES: Mapping[str, str] = {
    "good_rate": "active_reviews", "bad_rate": "active_reviews", "participation_rate": "active_reviews", "mean_points": "active_reviews",
    "rectification_rate": "bad_accepted", "on_time_rate": "bad_in_on_time_base", "reply_rate": "bad_accepted", "revisit_rate": "named_bad_accepted",
}  # fmt: skip
# Columns that are the number of exactly these rows: counting them again proves it.
COUNTS = frozenset({"contacts", *COUNTED_REVIEWS, *COUNTED_CASES})
PROVED = ("review_scorecard", "department_scorecard", "review_reason")


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
    defined: str = ""  # what the row's indicator counts
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
    database = standing.database(data)
    if database is None:
        raise NotExplained("尚无发布 · nothing has been released yet")
    with duckdb.connect(str(database), read_only=True) as con:
        row = _row(con, product, where)
        ((release,),) = con.execute("select max(release_id) from release_log").fetchall()
        found = Explained(product, spec, row, row[column], (data.published / "current").resolve().name or str(release))
        found.policy = _policy(con, row)
        found.defined = _definition(con, row)
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
    if "=" in column:
        raise NotExplained(
            f"最后一个词应是要解释的列名，不带“=”：{column} · the last word is the column to explain, without “=”: {column}"
        )
    for name in (*where, column):
        if name not in product.by_name:
            near, key = _near(name, product.by_name), ", ".join(product.key)
            raise NotExplained(
                f"表 {table} 没有列 {name}，相近的有：{near}；确定一行的是：{key} · {table} has no column {name}; spelt like it: {near}; "
                f"a row is found by: {key}"
            )
    return product, product.by_name[column]


def _near(name: str, names: Mapping[str, Any]) -> str:
    """Those that are spelt like it; all where none is."""
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
            f"{product.id} 中没有 {asked} 的行；确定一行的是：{', '.join(product.key)} · {product.id} has no row with {asked}; a row is found by: "
            f"{', '.join(product.key)}"
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
    query = f"select distinct parameter, value from review_policy where {condition} order by 1"
    return [(str(p), f"{v:.12g}") for p, v in con.execute(query, list(given.values())).fetchall() if v is not None]


def _definition(con: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> str:
    """What the indicator of the row counts over what; empty for a row of none."""
    there = con.execute("select 1 from duckdb_tables() where table_name = 'dim_indicator'").fetchone()
    if not there or row.get("indicator_code") is None:
        return ""
    asked = "select definition_zh, definition_en from dim_indicator where indicator_code = ?"
    found = con.execute(asked, [row["indicator_code"]]).fetchone()
    return " · ".join(str(text) for text in found or () if text)


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
        rows = _rows_of_unit(con, schemas, found) or _own_rows(con, schemas, found)
        if rows is not None:
            relation, found.counted = rows
            by_receipt = dict(con.execute(f"select receipt, count(*) from {relation} group by 1").fetchall())
            found.rows = sum(n or 0 for n in by_receipt.values())
            if found.column.name in COUNTS and found.product.id in PROVED and found.withheld is None:
                found.agrees = found.rows == found.value
        else:
            by_receipt = _receipts_of_feeds(data, con, schemas, found)
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
    column = RATES.get(found.column.name, found.column.name)
    # As the counts are made: where no contact has a month, by the day of the review, which is not before the contact began.
    opened = f"(select max(cast(o.opened_at as date)) from {schemas['fct_contact']}.fct_contact as o where o.contact_id = fct_review.contact_id)"
    month = "coalesce(contact_month, cast(date_trunc('month', {day}) as date)) " + days
    if (which := COUNTED_CASES.get(column)) is not None:
        receipt = (
            f"(select min(v.receipt) from {schemas['fct_review']}.fct_review as v where v.review_id = c.review_id)"
        )
        cases = f"(select c.*, {receipt} as receipt from {schemas['fct_rectification']}.fct_rectification as c)"
        return (
            f"{cases} where reviewed_on is not null and {month.format(day='reviewed_on')} and {unit_rows} and {which}",
            f"差评办理 · cases of bad reviews, {which}",
        )
    # A second review after a case was closed is told apart and counts in no rate.
    which = COUNTED_REVIEWS.get(column, FIRST)
    relation = f"{schemas['fct_review']}.fct_review where {month.format(day=f'greatest(reviewed_on, {opened})')} and {unit_rows} and {which}"
    return relation, f"评价 · reviews of contacts closed in the period, {which}"


def _own_rows(con: duckdb.DuckDBPyConnection, schemas: Mapping[str, str], found: Explained) -> tuple[str, str] | None:
    """The row itself as it came, or the rows that its keys name, as a relation with `receipt`; None where neither names a delivery."""
    row, product, products = found.row, found.product, load_products()

    def has_receipt(table: str) -> bool:
        asked = "select 1 from information_schema.columns where table_name = ? and column_name = 'receipt'"
        return table in schemas and con.execute(asked, [table]).fetchone() is not None

    if product.id == "review_reason" and has_receipt("fct_review"):
        rows = f"{schemas['review_reason_row']}.review_reason_row"
        return (
            f"{schemas['fct_review']}.fct_review where review_id in (select review_id from {rows} where reason_id = {literal(str(row['reason_id']))})",
            "差评 · bad reviews that have the reason",
        )
    if has_receipt(product.id):
        key = " and ".join(f"{identifier(k)}::varchar = {literal(str(row[k]))}" for k in product.key)
        return f"{schemas[product.id]}.{product.id} where receipt is not null and {key}", "这一行本身 · the row itself"

    def delivered(table: str, column: str) -> tuple[str, str] | None:
        """The table, and its key, that says in which delivery a key came: itself, or the one whose key it repeats."""
        if table not in products or products[table].key != (column,):
            return None
        if has_receipt(table):
            return table, column
        further = (delivered(k.table, k.column) for k in products[table].by_name[column].foreign_keys)
        return next((led for led in further if led), None)

    # A row of one thing is named by keys alone; one of a day or a month is many rows of what it names.
    keys = [f for f in product.fields if f.key_position is not None]
    named: dict[tuple[str, str, str], str] = {}
    if all(f.foreign_keys for f in keys):
        for f in keys:
            for k in f.foreign_keys:
                if row[f.name] is not None and (led := delivered(k.table, k.column)):
                    named[(*led, str(row[f.name]))] = f.name
    relations = [
        f"select receipt from {schemas[table]}.{table} where receipt is not null and {identifier(column)}::varchar = {literal(value)}"
        for table, column, value in named
    ]
    there = [relation for relation in relations if con.execute(f"select 1 from ({relation}) limit 1").fetchone()]
    if not there:
        return None
    return (
        f"({' union all '.join(there)})",
        f"这一行所指的行 · the rows it names by {', '.join(dict.fromkeys(named.values()))}",
    )


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
    data: DataDirectory, con: duckdb.DuckDBPyConnection, schemas: Mapping[str, str], found: Explained
) -> dict[str, int | None]:
    """Deliveries of the feeds that the column is made of; of those whose rows name the row's own code, year or wave, these rows."""
    from orchestration.release.revisions import feeds_of_tables

    known = load_feeds()
    feeds = {name.rpartition(".")[0] for name in found.made_of} & set(known)
    if found.product.id == "sender_coverage":
        feeds = {str(found.row["feed"])} & set(known)
    elif not feeds:  # what Python estimates from them
        feeds = set(feeds_of_tables(data, [found.product.id])[found.product.id])
    if not found.made_of:
        found.made_of = sorted(feeds)
    receipts: dict[str, int | None] = {}
    told = []
    for feed in sorted(feeds):
        relation = _sent_rows(data, schemas, feed)
        if relation is None:
            continue
        columns = {d[0] for d in con.execute(f"select * from {relation} limit 0").description or ()}
        same = {
            k: column
            for k in found.product.key
            for column in (k, ALSO_CALLED.get(k, k))
            if column in columns and found.row[k] is not None
        }
        where = [f"{identifier(c)}::varchar = {literal(str(found.row[k]))}" for k, c in same.items()]
        if found.product.id == "sender_coverage":
            first, last = found.row["month"], "last_day(date " + literal(str(found.row["month"])) + ")"
            where = [f"_sender = {literal(str(found.row['sender']))}", f"{DAYS_OF[feed]}::date between date {literal(str(first))} and {last}"]  # fmt: skip
            same = {"sender": "_sender", "month": DAYS_OF[feed]}
        rows = con.execute(f"select _receipt, count(*) from {relation} where {' and '.join(where)} group by 1").fetchall() if where else []  # fmt: skip
        if rows:
            told.append(f"{feed}: {', '.join(same)}")
            receipts |= dict(rows)
        else:
            receipts |= {r: None for (r,) in con.execute(f"select distinct _receipt from {relation}").fetchall()}
    found.counted = (
        f"来文中同键的行 · rows of the feeds with the same {'; '.join(told)}"
        if told
        else "所用数据的全部来文 · every delivery of the feeds it is made of"
        if feeds
        else ""
    )
    return receipts


# What a product calls by another name than the feeds; and the day that a row of the evaluation is about.
ALSO_CALLED: Mapping[str, str] = {"division_code": "code"}
DAYS_OF: Mapping[str, str] = {
    "evaluation.contacts": "closed_at", "evaluation.reviews": "reviewed_at", "evaluation.rectifications": "accepted_at",
}  # fmt: skip


def _sent_rows(data: DataDirectory, schemas: Mapping[str, str], feed: str) -> str | None:
    """The accepted rows of a feed as a relation with `_receipt`: as staged, or of a feed that no model reads as they were taken in."""
    model = f"stg_{feed.replace('.', '__', 1)}"
    if model in schemas:
        return f"{schemas[model]}.{model}"
    files = sorted((data.accepted / feed).rglob("*.parquet"))
    listed = ", ".join(literal(str(path)) for path in files)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)" if files else None


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
