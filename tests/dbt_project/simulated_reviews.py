"""Reviews whose truth is known: halls with true rates, silence and defaults, mistaken reviews and their appeals, brushing.

Belongs here: chance and what it was told. Does not belong here: what the models make of it (test_simulation).

People are served one after the other at a window, review within seconds at the tablet or hours later at home, choose few
tags of many, and write seldom. Four kinds of brushing are laid over some halls; one honest hall has ten times the visitors
of the others and a day of eight times its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

FIRST, DAYS = date(2025, 9, 1), 181  # six whole months
HALLS, WINDOWS = 60, 4
DAILY = (3, 20)  # visitors of a hall on a working day, halls lie evenly between
BUSY, BUSY_FACTOR, RUSH, RUSH_FACTOR = "B60", 10, date(2026, 2, 11), 8
TAKES_PART, DEFAULT, MISTAKEN = 0.45, 0.3, 0.02
GOOD_TAGS = ("510", "511", "512", "513", "514", "515", "516", "517")
LEVELS = {True: ((5, 4, 3), (0.8, 0.14, 0.06)), False: ((2, 1), (0.5, 0.5))}
TAGS = {4: "413", 3: "314", 2: "214", 1: "115"}
# kind of brushing → hall, reviews laid over it
BRUSHED = {"burst": ("B51", 40), "constant_lag": ("B52", 60), "same_reviewer": ("B53", 36), "surge": ("B54", 120)}


@dataclass
class Simulated:
    """Rows as the door accepts them, and what is true of them."""

    contacts: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    rectifications: list[dict[str, Any]] = field(default_factory=list)
    good: dict[str, float] = field(default_factory=dict)  # hall → chance that a review that counts is good
    brushed: dict[str, str] = field(default_factory=dict)  # case → kind
    defaults: dict[tuple[str, date], int] = field(default_factory=dict)  # hall, month → rows of silence
    upheld: set[str] = field(default_factory=set)  # cases
    in_vain: set[str] = field(
        default_factory=set
    )  # cases whose appeal was dismissed or waits, though the review is true


def simulate(seed: int) -> Simulated:
    """Half a year of 60 halls, about 115,000 contacts."""
    rng, appeals = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    out = Simulated()
    for n in range(1, HALLS + 1):
        hall = f"B{n:02}"
        satisfied = float(rng.uniform(0.80, 0.995))
        # A mistaken bad review leaves the score once its appeal is upheld, and with it a visitor who was satisfied.
        kept = satisfied * (1 - MISTAKEN)
        out.good[hall] = kept / (kept + 1 - satisfied)
        daily = DAILY[0] + (DAILY[1] - DAILY[0]) * n / HALLS
        for day in _working_days():
            crowd = (BUSY_FACTOR * (RUSH_FACTOR if day == RUSH else 1)) if hall == BUSY else 1
            for contact in _served(rng, hall, day, int(rng.poisson(daily * crowd)), len(out.contacts)):
                out.contacts.append(contact)
                _say(rng, out, contact, satisfied)
        _brush(rng, out, hall)
    _appeal_in_vain(appeals, out)
    return out


def _working_days() -> Iterator[date]:
    return (day for n in range(DAYS) if (day := FIRST + timedelta(days=n)).weekday() < 5)


def _served(rng: np.random.Generator, hall: str, day: date, visitors: int, first: int) -> Iterator[dict[str, Any]]:
    """Visitors one after the other at four windows, from nine to five."""
    windows = rng.integers(1, WINDOWS + 1, visitors)
    for window in range(1, WINDOWS + 1):
        mine = np.flatnonzero(windows == window)
        for turn, nth in enumerate(mine):
            seconds = int((turn + rng.uniform(0.2, 0.8)) * 8 * 3600 / len(mine))
            closed = datetime(day.year, day.month, day.day, 9) + timedelta(seconds=seconds)
            yield {
                "case_no": f"S{first + int(nth):07}{hall}", "contact_no": 1, "service_item_code": "BPS27",
                "department_code": "human_resources", "division_code": "990101001001", "facility_code": hall,
                "window_no": str(window), "channel": "1", "opened_at": closed - timedelta(minutes=2), "closed_at": closed,
                "named": True,
            }  # fmt: skip


def _say(rng: np.random.Generator, out: Simulated, contact: dict[str, Any], satisfied: float) -> None:
    """A review of the visitor, a default of the system, or nothing; a mistaken one is appealed against."""
    key = {"case_no": contact["case_no"], "contact_no": 1, "review_no": 1}
    closed: datetime = contact["closed_at"]
    if rng.random() >= TAKES_PART:
        if rng.random() < DEFAULT:
            out.reviews.append(_review(key, 5, None, closed + timedelta(days=7), channel="7"))
            month = (contact["facility_code"], closed.date().replace(day=1))
            out.defaults[month] = out.defaults.get(month, 0) + 1
        return
    was_good = bool(rng.random() < satisfied)
    mistaken = was_good and bool(rng.random() < MISTAKEN)
    choices, odds = LEVELS[was_good and not mistaken]
    level = int(rng.choice(choices, p=odds))
    at_once = rng.random() < 0.6
    lag = rng.lognormal(3.2, 0.6) if at_once else rng.lognormal(9.5, 1.0)
    tags: str | None = TAGS.get(level)
    if level == 5:
        tags = ",".join(sorted(rng.choice(GOOD_TAGS, int(rng.integers(0, 3)), replace=False))) or None
    comment = "办得快" if rng.random() < 0.15 else None
    reviewed = closed + timedelta(seconds=int(min(lag, 20 * 86400)))
    out.reviews.append(_review(key, level, tags, reviewed, comment=comment, reviewer=f"p{contact['case_no']}"))
    if mistaken:
        out.upheld.add(contact["case_no"])
        accepted = reviewed + timedelta(hours=1)
        out.rectifications.append(
            key | {"accepted_at": accepted, "verified_at": accepted, "finding": "3", "appeal": "upheld", "appealed_at": accepted, "appeal_decided_at": accepted}
        )  # fmt: skip


def _appeal_in_vain(rng: np.random.Generator, out: Simulated) -> None:
    """Every third true bad review is appealed against; the appeal is dismissed, or nobody has decided it yet."""
    for review in out.reviews:
        if int(review["satisfaction_level"]) <= 2 and review["case_no"] not in out.upheld and rng.random() < 1 / 3:
            out.in_vain.add(review["case_no"])
            at = review["reviewed_at"] + timedelta(hours=2)
            appeal = str(rng.choice(["filed", "dismissed"]))
            out.rectifications.append(
                {k: review[k] for k in ("case_no", "contact_no", "review_no")}
                | {"accepted_at": at, "verified_at": at, "finding": "1", "appeal": appeal, "appealed_at": at,
                   "appeal_decided_at": at if appeal == "dismissed" else None}
            )  # fmt: skip


def _brush(rng: np.random.Generator, out: Simulated, hall: str) -> None:
    """Five stars that nobody gave, on contacts that were silent; the kind says how they betray themselves."""
    for kind, (brushed, n) in BRUSHED.items():
        if brushed != hall:
            continue
        said = {r["case_no"] for r in out.reviews}
        until = datetime(2026, 2, 20)
        mine = [c for c in out.contacts if c["facility_code"] == hall and c["closed_at"] < until]
        silent = [c for c in mine if c["case_no"] not in said and (kind == "surge" or c["window_no"] == "3")]
        victims = sorted(silent, key=lambda c: c["closed_at"])[-n:]
        assert len(victims) == n, f"{hall} has {len(victims)} silent contacts to brush, {n} are needed"
        last = max(c["closed_at"] for c in victims).date()
        for nth, contact in enumerate(victims):
            key = {"case_no": contact["case_no"], "contact_no": 1, "review_no": 1}
            when, tags, who = contact["closed_at"], "510,517", f"q{rng.integers(0, 40)}"
            evening = datetime(last.year, last.month, last.day, 19)
            if kind == "burst":
                # Four evenings, twenty to forty seconds apart.
                when = evening + timedelta(days=nth % 4, seconds=int(30 * (nth // 4) + rng.integers(-5, 6)))
            elif kind == "constant_lag":
                when += timedelta(seconds=30)
            elif kind == "same_reviewer":
                # Twelve times a day, a quarter of an hour or so apart, with other tags.
                when = evening + timedelta(
                    days=nth // 12, seconds=int(900 * (nth % 12) + rng.integers(0, 600)) - 32_000
                )
                tags, who = str(rng.choice(GOOD_TAGS)), "q-one"
            else:
                # One day, spread over it, all windows, other tags, other names.
                when = evening + timedelta(seconds=int(rng.integers(-36_000, 10_000)))
                tags, who = str(rng.choice(GOOD_TAGS)), f"q{nth}"
                when = max(when, contact["closed_at"] + timedelta(minutes=1))
            out.brushed[contact["case_no"]] = kind
            out.reviews.append(_review(key, 5, tags, when, reviewer=who))


def _review(
    key: dict[str, Any], level: int, tags: str | None, when: datetime, *, channel: str = "4", comment: str | None = None,
    reviewer: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    return key | {
        "satisfaction": str(level), "satisfaction_level": str(level), "satisfaction_scheme": "interface", "tags": tags,
        "comment": comment, "channel": channel, "channels_scheme": "zj", "reviewed_at": when, "reviewer_key": reviewer,
    }  # fmt: skip
