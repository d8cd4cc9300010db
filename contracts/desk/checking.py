"""A department's own look at its file before sending: the same checks as the night's, and nothing is written.

Needs the contracts and nothing else. Not done here: references to other feeds and keys of earlier deliveries, which
only the platform knows; telling the result (__main__.py, report.py).
"""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from contracts.desk.workbooks import Totals
from contracts.door.arranging import known_headers
from contracts.door.delivery import Delivery, Opened, Outcome, check_alone, open_delivery
from contracts.door.privacy import Key
from contracts.door.rows import REASON_SCHEMA
from contracts.loading import FEEDS, load_feed, load_layout
from contracts.messages import shown
from contracts.model import Feed, Layout
from contracts.place import place
from contracts.reading import Unreadable, fold


class NotKnown(ValueError):
    """No feed or no sender of this name; the sentence names those there are."""


@dataclass(frozen=True)
class Checked:
    """What the door would say to a file. `reasons` has the columns of REASON_SCHEMA, ordered by row."""

    opened: Opened
    outcome: Outcome
    totals: Totals
    reasons: pl.DataFrame

    @property
    def unused(self) -> list[str]:
        """Headers that neither the contract nor the layout asks for."""
        arrangement = self.opened.arrangement
        wanted = {fold(header) for header in known_headers(arrangement.feed, arrangement.layout)}
        return [header for header in arrangement.ignored if fold(header) not in wanted]


def find_feed(name: str, folder: Path = FEEDS) -> Feed:
    """The one contract called `name`; the others are not read, so that a check starts at once.

    Raises:
        NotKnown: there is no such feed.
    """
    names = sorted(f"{p.parent.name}.{p.name.removesuffix('.odcs.yaml')}" for p in folder.glob("*/*.odcs.yaml"))
    if name not in names:
        raise NotKnown(
            f"没有名为 {name!r} 的数据，可用：\nno feed is called {name!r}; there are:\n  " + "\n  ".join(names)
        )
    department, _, table = name.partition(".")
    return load_feed(folder / department / f"{table}.odcs.yaml")


def find_layout(feed: Feed, sender: str | None) -> Layout | None:
    """How `sender` spells the feed; None where nobody is named: then the contract's own headers are expected.

    Raises:
        NotKnown: the sender has no layout of this feed.
    """
    if sender is None:
        return None
    path = feed.path.parent / f"{feed.table}.{sender}.yaml"
    if not path.is_file():
        known = senders(feed)
        zh, en = ("、".join(known) or "（无）"), (", ".join(known) or "none")
        raise NotKnown(
            f"{feed.id} 没有 {sender!r} 的布局，已有：{zh}\n{feed.id} has no layout of {sender!r}; there are: {en}"
        )
    return load_layout(path, feed)


def senders(feed: Feed) -> list[str]:
    """Who has a layout of this feed."""
    files = feed.path.parent.glob(f"{feed.table}.*.yaml")
    return sorted(p.name.split(".")[1] for p in files if not p.name.endswith(".odcs.yaml"))


def check_file(path: Path, feed: Feed, layout: Layout | None = None) -> Checked:
    """Takes a file through the night's own door, into files that nobody keeps.

    Raises:
        Unreadable: the file as a whole would be refused.
    """
    now = datetime.now(place().zone).replace(tzinfo=None)
    sender = layout.sender if layout else ""
    name = shown(path.name)
    delivery = Delivery(path, name, feed, sender, receipt="", received_at=now, layout=layout)
    opened = open_delivery(delivery)
    with tempfile.TemporaryDirectory(prefix="minsheng-") as folder:
        accepted, quarantine = Path(folder) / "accepted.parquet", Path(folder) / "quarantine.parquet"
        # Pseudonyms made here are thrown away, so any key will do.
        key = Key(secrets.token_hex(32))
        outcome = check_alone(delivery, opened, key=key, accepted=accepted, quarantine=quarantine)
        if outcome.verdict == "refused":
            zh, en = outcome.message_zh or "", outcome.message_en or ""
            raise Unreadable(outcome.reason_code or "door_failed", zh, en)
        reasons = pl.read_parquet(quarantine, memory_map=False).select(list(REASON_SCHEMA))
    totals = Totals(name, outcome.rows_received, outcome.rows_accepted, outcome.rows_quarantined, outcome.rows_warned)
    return Checked(opened, outcome, totals, reasons.sort("_row", maintain_order=True))
