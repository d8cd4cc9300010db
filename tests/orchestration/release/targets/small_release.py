"""A published file as small as can be that has what goes wrong: nulls beside empty texts, NUL, odd numbers, two departments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from contracts.loading import load_products
from contracts.model import Product

TABLES = (
    "dim_department", "dim_division", "dim_date", "fct_review", "review_reason", "review_reason_row", "release_log", "revision_log",
    "department_scorecard",
)  # fmt: skip
PRODUCTS: Mapping[str, Product] = {name: load_products()[name] for name in TABLES}
SOME: Mapping[str, Any] = {
    "string": "x", "integer": 1, "number": 0.1, "boolean": False, "date": date(2026, 3, 1), "timestamp": datetime(2026, 3, 1, 8, 30),
}  # fmt: skip
ODD_TEXTS = ("", "=1+1", "'quoted", '说"明",逗号\n换行', "a\0b", None)
ODD_NUMBERS = (0.1, 1e300, -0.0, 1e-7, 123456789.123456789, None)


def row(table: str, /, **values: Any) -> list[Any]:
    fields = PRODUCTS[table].fields
    usual = {
        f.name: next(iter(f.enum), SOME[f.kind]) if f.required or f.name in PRODUCTS[table].key else None
        for f in fields
    }
    return list((usual | values).values())


def write(path: Path, release_id: str = "2026-03-01.1", reviews: int = 6) -> Path:
    """A release whose every table that can says which release it is of."""
    codes = ("health", "sports")
    content = {
        "dim_department": [row("dim_department", department_code=c, name_en=release_id) for c in (*codes, "unknown")],
        "dim_division": [
            row("dim_division", division_code=f"99{n}", name=text, full_name="", longitude=number)
            for n, (text, number) in enumerate(zip(("a", *ODD_TEXTS[1:-1], "b"), ODD_NUMBERS, strict=True))
        ],
        "dim_date": [row("dim_date", date_day=date(2026, 3, 1))],
        "fct_review": [
            row("fct_review", review_id=f"{n}", department_code=codes[n % 2])
            for n in range(reviews)
        ],
        "review_reason": [
            row("review_reason", reason_id=f"r{c}", dimension="department", code=c) for c in codes
        ] + [row("review_reason", reason_id="rx", dimension="service_item", code="health")],
        "review_reason_row": [row("review_reason_row", reason_id=f"r{codes[n % 2]}", review_id=f"{n}") for n in range(reviews)],
        "release_log": [row("release_log", release_id=release_id)],
        "revision_log": [row("revision_log", release_id=release_id)],
        "department_scorecard": [
            row("department_scorecard", department_code=c, department_name=c, month=date(2026, m, 1), division_code="990", contacts=m, good_rate=m / 10, design_effect=1.03, missing_parts="survey,loop")
            for c in codes for m in (1, 2, 3)
        ],
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as con:
        for name, rows in content.items():
            product = PRODUCTS[name]
            con.execute(f"create table {name} ({', '.join(f'{f.name} {f.sql_type}' for f in product.fields)})")
            con.executemany(f"insert into {name} values ({', '.join('?' for _ in product.fields)})", rows)
            con.execute(f"comment on table {name} is '{product.description} 表 {name}'")
            first = product.fields[0]
            con.execute(f"comment on column {name}.{first.name} is '{first.label_zh} · it''s {name}'")
    return path
