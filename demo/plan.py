"""How large the city is, which days it lives, and where its chance comes from.

Belongs here: everything derived from the four numbers of the command line. Every feed draws from its own named
stream, so that adding a feed moves no other.
"""

from __future__ import annotations

import zlib
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np

# Departments send during the night after the day; minutes keep the feeds of one night in a stable order.
NIGHT = time(2, 10)


@dataclass(frozen=True)
class Plan:
    """The demo's size and time.

    Attributes:
        seed: of all chance.
        communities: the one number that sizes everything else.
        until: the day of the last night; files are received up to its early morning.
        days: how many days before `until` are reported.
    """

    seed: int = 7
    communities: int = 400
    until: date = date(2026, 3, 1)
    days: int = 61

    def __post_init__(self) -> None:
        if self.communities < 20:
            raise ValueError(f"at least 20 communities make a city, {self.communities} asked for")
        if self.days < 1:
            raise ValueError(f"at least one day is needed, {self.days} asked for")

    def rng(self, *names: object) -> np.random.Generator:
        """The stream of chance that belongs to a name, independent of every other."""
        words = [zlib.crc32(str(name).encode()) for name in names]
        return np.random.default_rng([self.seed, *words])

    def scaled(self, per_community: float) -> int:
        return max(1, round(per_community * self.communities))

    @property
    def calendar(self) -> list[date]:
        """The days reported, oldest first; the last is the day before `until`."""
        return [self.until - timedelta(days=n) for n in range(self.days, 0, -1)]

    @property
    def first(self) -> date:
        return self.until - timedelta(days=self.days)

    def night_after(self, day: date, minutes: int = 0) -> datetime:
        """When a file about `day` is received: early the next morning, never before the first night."""
        return datetime.combine(max(day, self.first) + timedelta(days=1), NIGHT) + timedelta(minutes=minutes)

    def within(self, received_at: datetime) -> bool:
        return received_at.date() <= self.until

    def month_ends(self, grace_days: int) -> list[tuple[date, date]]:
        """(last day of the month, day it is reported on) of every monthly snapshot the nights see.

        The newest month end that was due before the first night comes with it, as an initial load.
        """
        ends = []
        year, month = self.first.year - 1, self.first.month
        while (end := date(year, month, monthrange(year, month)[1])) < self.until:
            ends.append((end, end + timedelta(days=grace_days)))
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        due = [(end, sent) for end, sent in ends if self.first < sent < self.until]
        initial = [(end, self.first) for end, sent in ends if sent <= self.first][-1:]
        return initial + due


def month_start(day: date) -> date:
    return day.replace(day=1)
