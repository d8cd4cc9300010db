"""A department's own look at its file before sending: the same checks as the night's, and nothing is written.

Needs the contracts and nothing else. Not done here: references to other feeds and keys of earlier deliveries, which
only the house knows; telling the result (__main__.py, report.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from contracts.desk.workbooks import Totals
from contracts.door.arranging import ROW, known_headers
from contracts.door.delivery import Delivery, Opened, open_delivery
from contracts.door.rows import REASON_SCHEMA
from contracts.loading import FEEDS, load_feed, load_layout
from contracts.messages import message
from contracts.model import Feed, Layout
from contracts.reading import fold


class NotKnown(ValueError):
    """No feed or no sender of this name; the sentence names those there are."""


@dataclass(frozen=True)
class Checked:
    """What the door would say to a file. `reasons` has the columns of REASON_SCHEMA, ordered by row."""

    opened: Opened
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
    """Reads a file and checks every row of it.

    Raises:
        Unreadable: the file as a whole would be refused.
    """
    now = datetime.now(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)
    sender = layout.sender if layout else ""
    opened = open_delivery(Delivery(path, path.name, feed, sender, receipt="", received_at=now, layout=layout))
    received = rejected = warned = 0
    found: list[pl.DataFrame] = []
    keys: list[pl.DataFrame] = []
    for part in opened.splits():
        received, rejected, warned = received + part.received, rejected + part.rejected, warned + part.warned
        found.append(part.reasons)
        keys.append(part.accepted.select(ROW, *feed.key))
    if feed.delivery != "upsert" and keys:
        repeated = _repeated(feed, pl.concat(keys))
        rejected += repeated.height
        found.append(repeated)
    reasons = pl.concat(found) if found else pl.DataFrame(schema=dict(REASON_SCHEMA))
    totals = Totals(path.name, received, received - rejected, rejected, warned)
    return Checked(opened, totals, reasons.sort("_row", maintain_order=True))


def _repeated(feed: Feed, keys: pl.DataFrame) -> pl.DataFrame:
    """A reason for every row whose key stands in an earlier row of the file."""
    later = keys.sort(ROW).filter(~pl.struct(feed.key).is_first_distinct())
    headers = "、".join(feed.by_name[name].header for name in feed.key)
    facts = {"field": headers, "key": ", ".join(feed.key)}
    return later.select(
        pl.col(ROW).cast(pl.Int64).alias("_row"),
        pl.lit(facts["key"]).alias("field"),
        pl.lit(headers).alias("header"),
        pl.lit("key_repeated").alias("rule"),
        pl.lit("error").alias("severity"),
        pl.lit(None, dtype=pl.String).alias("value"),
        pl.lit(message("key_repeated", "zh", **facts)).alias("message_zh"),
        pl.lit(message("key_repeated", "en", **facts)).alias("message_en"),
    )
