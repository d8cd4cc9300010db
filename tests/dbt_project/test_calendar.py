"""The working days of the seed are the State Council's, as an independent package lists them."""

from __future__ import annotations

import csv
from datetime import date, timedelta

import chinese_calendar

from contracts.loading import seed_path

SEED = seed_path("calendar_overrides")


def overrides() -> dict[date, bool]:
    with SEED.open(encoding="utf-8", newline="") as file:
        return {date.fromisoformat(r["day"]): r["is_workday"] == "true" for r in csv.DictReader(file)}


def test_every_day_since_2010_is_a_working_day_where_the_state_council_says_so() -> None:
    seed = overrides()
    wrong, day = [], date(2010, 1, 1)
    while day <= max(seed):
        expected = chinese_calendar.is_workday(day)
        if seed.get(day, day.weekday() < 5) != expected:
            wrong.append((day, expected))
        day += timedelta(days=1)
    assert wrong == []


def test_an_override_changes_something() -> None:
    """A row that repeats the weekday rule would hide a mistake in it."""
    assert [day for day, is_workday in overrides().items() if is_workday == (day.weekday() < 5)] == []


def test_make_up_days_are_there() -> None:
    """Sunday 2025-01-26 was worked for the Spring Festival; the Monday after it began was not."""
    assert overrides()[date(2025, 1, 26)] is True
    assert overrides()[date(2025, 1, 28)] is False
