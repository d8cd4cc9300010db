"""A receipt is described once: what the door says of a file is in the receipt, in the ledger's table and, where its contract asks for it, in feed_health."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from contracts.door.delivery import Outcome
from contracts.loading import load_products
from orchestration.intake import landing, ledger
from orchestration.intake.landing import Attempt
from orchestration.paths import DataDirectory

LISTS = {"headers_ignored", "reasons"}
SENT: dict[str, Any] = {
    "receipt": "r1", "feed": "sports.venues", "sender": "default", "file_name": "f.csv", "sha256": "0", "size_bytes": 9,
    "received_at": datetime(2026, 3, 1, 2), "received_on": date(2026, 3, 1), "attempted_at": datetime(2026, 3, 1, 3),
    "verdict": "accepted", "rows_received": 3, "rows_accepted": 3, "seconds": 0.5,
}  # fmt: skip


def test_the_ledger_has_a_column_for_everything_a_receipt_says_in_one_value() -> None:
    columns = ledger.schema()
    assert {f.name for f in fields(Outcome)} | set(SENT) <= set(columns) | LISTS
    assert set(columns) & LISTS == set()
    assert {f.derived_from for f in load_products()["feed_health"].fields} == {"ledger.receipts", None}
    passed_on = {f.name for f in load_products()["feed_health"].fields if f.derived_from}
    assert passed_on <= set(columns)


def test_a_field_that_the_door_adds_reaches_the_ledger(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a receipt from before, which does not have it."""
    data = DataDirectory(tmp_path)
    landing.record(data, Attempt(**SENT))

    @dataclass(kw_only=True)
    class Later(Attempt):
        pages: int | None = None

    for module in (landing, ledger):
        monkeypatch.setattr(module, "Attempt", Later)
    landing.record(data, Later(**SENT | {"receipt": "r2", "pages": 7}))
    table = ledger.table(data)
    assert table.schema["pages"] == pl.Int64
    assert table.sort("receipt").select("receipt", "rows_accepted", "pages").rows() == [("r1", 3, None), ("r2", 3, 7)]
