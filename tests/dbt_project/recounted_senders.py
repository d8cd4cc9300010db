"""Which days each sender covered, and what is lost with its files: by the raw files and the days they came on.

Belongs here: silence of senders. Does not belong here: what residents said (recounted_reviews), adding up (recount).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from building import RUN_DATE
from recounted_city import City
from recounted_reviews import lineage, when

from contracts.loading import seed

# A file is due the day after, and two days of grace; what is said of a day by less than a fifth of a file's usual is not said.
EVERY, ALLOWED, USUAL = 1, 3, 0.2
WATCHED = {"evaluation.contacts": "closed_at", "evaluation.reviews": "reviewed_at"}


@dataclass(frozen=True)
class Silence:
    """A sender's month with lost days: feed, sender, first day of the month, days lost."""

    feed: str
    sender: str
    month: date
    lost: int


def month_of(day: date) -> date:
    return day.replace(day=1)


def months_before(month: date, n: int) -> date:
    number = month.year * 12 + month.month - 1 - n
    return date(number // 12, number % 12 + 1, 1)


def days_told(city: City) -> dict[tuple[str, str], dict[date, str]]:
    """(feed, sender) → every day it is expected on: covered, or why it is lost."""
    spoken: dict[tuple[str, str], set[date]] = defaultdict(set)
    came: dict[tuple[str, str], list[tuple[date, bool]]] = defaultdict(list)
    for feed, sender, received, rows in city.deliveries:
        if feed in WATCHED:
            came[feed, sender].append((received.date(), True))
            spoken[feed, sender] |= set(_days_of(rows, WATCHED[feed]))
    for feed, sender, received, _ in city.refused:
        if feed in WATCHED:
            came[feed, sender].append((received.date(), False))
    told: dict[tuple[str, str], dict[date, str]] = {}
    for key, arrivals in came.items():
        first = min([day for day, _ in arrivals] + list(spoken[key]))
        days = (first + timedelta(n) for n in range((RUN_DATE - first).days))
        states = {day: _state(day, day in spoken[key], arrivals) for day in days}
        told[key] = {day: state for day, state in states.items() if state}
    return told


def _days_of(rows: list[dict[str, str]], column: str) -> Iterator[date]:
    """The days a file speaks of, and quiet ones between two of them."""
    counts = Counter(datetime.fromisoformat(row[column]).date() for row in rows if row[column])
    usual = sum(counts.values()) / max(len(counts), 1)
    days = sorted(day for day, n in counts.items() if n >= USUAL * usual)
    for day, following in zip(days, [*days[1:], None], strict=True):
        yield day
        if following and (following - day).days <= max(ALLOWED, len(days)):
            yield from (day + timedelta(n) for n in range(1, (following - day).days))


def _state(day: date, is_spoken: bool, arrivals: list[tuple[date, bool]]) -> str:
    """Empty: nothing is expected of the day, or not yet."""
    if is_spoken:
        return "covered"
    if any(not good and day <= on <= day + timedelta(EVERY) for on, good in arrivals):
        return "failed"
    next_day = any(day < on <= day + timedelta(EVERY) for on, _ in arrivals)
    if not is_workday(day) and not next_day:
        return ""
    if any(good and day < on <= day + timedelta(ALLOWED) for on, good in arrivals):
        return "covered"
    if day + timedelta(ALLOWED) >= RUN_DATE:
        return ""
    return "late" if any(good and on > day for on, good in arrivals) else "missing"


def is_workday(day: date) -> bool:
    announced = {row["day"]: row["is_workday"] == "true" for row in seed("calendar_overrides")}
    return announced.get(day.isoformat(), day.weekday() < 5)


def silences(city: City) -> list[Silence]:
    found = []
    for (feed, sender), days in days_told(city).items():
        lost = Counter(month_of(day) for day, state in days.items() if state != "covered")
        found += [Silence(feed, sender, month, n) for month, n in lost.items()]
    return found


def covered_days(city: City, sender: str, until: date) -> int:
    """Of its contacts, in a month and the twelve before."""
    days = days_told(city)["evaluation.contacts", sender]
    return sum(state == "covered" and months_before(until, 12) <= month_of(day) <= until for day, state in days.items())


def place_of_contact(contact: dict[str, str], facility: str) -> str:
    """Where a contact took place: the facility, or the division where there is none."""
    code = contact.get("division_code", "")
    return facility if facility != "none" else code if lineage(code) else "unknown"


def closed_month(contact: dict[str, str]) -> date | None:
    closed = when(contact.get("closed_at", ""))
    return month_of(closed.date()) if closed else None
