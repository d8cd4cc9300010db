"""Nights of a small service city: deliveries that come, are corrected, superseded or withdrawn, and dbt between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import polars as pl
from building import invoke, prepare

from contracts.loading import load_feeds
from orchestration.intake import ledger
from orchestration.paths import NEVER_CAME, DataDirectory

CHAIN = (
    "contact_namesakes", "review_deliveries", "review_delta", "fct_contact", "review_judgements", "review_rule_hits",
    "review_suspicions", "fct_review", "fct_rectification", "contact_refusals", "review_refusals", "review_without_contact", "review_heard_contacts", "review_exclusions", "review_moved_contacts",
    "review_counts_as_judged", "review_clusters", "review_counts",
)  # fmt: skip
# What tells of the way a state was reached, not of the state.
OF_THE_WAY = {"review_deliveries", "review_delta", "volume_deliveries", "indicator_changes"}
Row = dict[str, Any]


@dataclass
class City:
    """A data directory, what has been delivered to it, and a generator of what residents do."""

    data: DataDirectory
    rng: np.random.Generator
    contacts: dict[str, Row] = field(default_factory=dict)
    reviews: dict[str, Row] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)  # by receipt, as the ledger knows them
    feeds: dict[str, str] = field(default_factory=dict)
    senders: dict[str, str] = field(default_factory=dict)
    chain: tuple[str, ...] = CHAIN

    def __post_init__(self) -> None:
        prepare(self.data)

    def contact(self, hall: str, closed: datetime, *, window: str = "1", division: str = "990101001001") -> Row:
        case_no = f"{closed:%Y%m%d}{len(self.contacts):06}"
        row = {
            "case_no": case_no, "contact_no": 1, "service_item_code": str(self.rng.choice(["BPS02", "BPS03"])),
            "department_code": "health", "division_code": division, "facility_code": hall, "window_no": window,
            "channel": "1", "named": True, "opened_at": closed - timedelta(hours=1), "closed_at": closed,
        }  # fmt: skip
        self.contacts[case_no] = row
        return row

    def review(self, contact: Row, lag_seconds: float, *, level: int = 5, tags: str | None = None, comment: str | None = None,
               review_no: int = 1, **more: Any) -> Row:  # fmt: skip
        row = {
            "case_no": contact["case_no"], "contact_no": 1, "review_no": review_no, "satisfaction": str(level),
            "satisfaction_level": str(level), "satisfaction_scheme": "interface", "tags": tags, "comment": comment,
            "channel": "4", "channels_scheme": "zj", "reviewer_key": contact["case_no"],
            "reviewed_at": contact["closed_at"] + timedelta(seconds=lag_seconds),
        } | more  # fmt: skip
        self.reviews[contact["case_no"]] = row
        return row

    def day(self, hall: str, day: datetime, people: int, *, five: float = 0.7) -> tuple[list[Row], list[Row]]:
        """A hall's contacts of a day and what people say of them within two days."""
        contacts, reviews = [], []
        for seconds in np.sort(self.rng.uniform(0, 8 * 3600, people)):
            closed = day + timedelta(hours=9, seconds=round(float(seconds)))
            contact = self.contact(hall, closed, window=str(self.rng.integers(1, 3)))
            contacts.append(contact)
            level = 5 if self.rng.random() < five else int(self.rng.integers(1, 5))
            tags = f"{level}{self.rng.integers(10, 14)}" if self.rng.random() < 0.7 else None
            lag = float(self.rng.choice([self.rng.uniform(20, 3600), self.rng.uniform(20, 2 * 86400)]))
            reviews.append(self.review(contact, lag, level=level, tags=tags, comment="慢" if level < 3 else None))
        return contacts, reviews

    def deliver(self, feed_id: str, receipt: str, rows: list[Row], received: datetime, sender: str = "shifan") -> None:
        """Puts a file among the accepted; the same receipt again puts other rows in its place."""
        feed = load_feeds()[feed_id]
        empty = pl.read_parquet(self.data.accepted / feed.id / NEVER_CAME)
        provenance = {"_feed": feed.id, "_sender": sender, "_receipt": receipt, "_received_at": received, "_contract_version": "1"}  # fmt: skip
        frame = pl.DataFrame([r | provenance | {"_row": n} for n, r in enumerate(rows, 2)], infer_schema_length=None)
        missing = [pl.lit(None).alias(c) for c in empty.columns if c not in frame.columns]
        frame = frame.with_columns(missing).select(empty.columns).cast(empty.schema)  # type: ignore[arg-type]
        path = self.data.accepted / feed.id / received.date().isoformat() / f"{receipt}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)
        self.checksums[receipt] = str(frame.hash_rows(seed=1).sum())
        self.feeds[receipt] = feed.id
        self.senders[receipt] = sender

    def withdraw(self, receipt: str) -> None:
        """Takes a file from among the accepted, as when another took its place."""
        (path,) = self.data.accepted.glob(f"*/*/{receipt}.parquet")
        path.unlink()
        del self.checksums[receipt]

    def night(self, *selection: str, full_refresh: bool = False, day: date = date(2026, 6, 30)) -> None:
        """dbt on what is accepted now, by default the models of the chain."""
        rows = [
            (f"{r}.1", r, 1, True, self.feeds[r], self.senders[r], f"{r}.csv", datetime(2026, 1, 1), datetime(2026, 1, 1), "accepted", c)
            for r, c in self.checksums.items()
        ]  # fmt: skip
        typed = ledger.table(self.data)
        said = ("attempt_id", "receipt", "attempt", "is_latest", "feed", "sender", "file_name", "received_at", "attempted_at", "verdict", "row_checksum")  # fmt: skip
        known = pl.DataFrame(rows, schema={name: typed.schema[name] for name in said}, orient="row")
        pl.concat([typed, known], how="diagonal").write_parquet(ledger.path(self.data))
        flags = ["--full-refresh"] if full_refresh else []
        kinds = ["--resource-type", "seed", "--resource-type", "model"]
        run = invoke(self.data, "build", *kinds, "--select", *(selection or self.chain), *flags, day=day)
        assert run.success, run.said

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.data.warehouse)) as con:
            return con.execute(query).fetchall()

    def was_updated(self, by: str = "review_delta") -> bool:
        """Whether the last night updated the tables, rather than building them whole."""
        ((said,),) = self.ask(f"select comment from duckdb_tables() where table_name = '{by}'")
        return bool(said.split(" ")[1])

    def tables(self) -> Mapping[str, tuple[int, str]]:
        """Table → rows and a checksum over them, numbers to 12 digits, whatever order they lie in."""
        with duckdb.connect(str(self.data.warehouse)) as con:
            return {name: _checksum(con, name) for name in self.chain if name not in OF_THE_WAY}


def _checksum(con: duckdb.DuckDBPyConnection, name: str) -> tuple[int, str]:
    ((schema,),) = con.execute(f"select table_schema from information_schema.tables where table_name = '{name}'").fetchall()  # fmt: skip
    kinds = con.execute(f'describe "{schema}"."{name}"').fetchall()
    columns = ", ".join(f"printf('%.12g', \"{c}\")" if kind == "DOUBLE" else f'"{c}"' for c, kind, *_ in kinds)
    (found,) = con.execute(f'select count(*), coalesce(sum(hash({columns})::hugeint), 0)::varchar from "{schema}"."{name}"').fetchall()  # fmt: skip
    return found
