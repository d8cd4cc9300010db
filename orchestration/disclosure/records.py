"""How recognisable the rows of a table of single events are, for the certificate of a release; nothing is hidden.

Belongs here: the parameters of policies/disclosure_policies.csv that say so.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from contracts.loading import seed
from contracts.model import Product
from orchestration.disclosure.suppression import k_anonymity


def parameter(table: str, name: str, day: date) -> int:
    """A parameter of the disclosure policy in force on `day`; the table's own row goes before the one for all."""
    rows = [
        r for r in seed("disclosure_policies")
        if r["parameter"] == name and r["table_name"] in (table, "*") and r["valid_from"] <= day.isoformat()
    ]  # fmt: skip
    return int(max(rows, key=lambda r: (r["table_name"] == table, r["valid_from"]))["value"])


def records(product: Product, frame: pl.DataFrame, day: date, records: str | None = None) -> dict[str, Any]:
    """How recognisable the rows of a record-level table are; `records` as in `k_anonymity`."""
    columns = list(product.disclosure["quasi_identifiers"])
    k = parameter(product.id, "records_k", day)
    return {
        "rule": "records",
        "by": columns,
        "k": k,
        **k_anonymity(frame, columns, k=k, records=records).row(0, named=True),
    }
