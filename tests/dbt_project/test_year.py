"""A year of nights of a whole city, updated and kept, leaves what one build of everything makes."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from nights import OF_THE_WAY, City
from sendings import (
    HEALTH,
    SPORTS,
    day_of_reviews,
    day_of_volumes,
    divisions,
    homes,
    residents,
    venues,
    visit,
)

from demo import city as shifan
from orchestration.paths import DBT_PROJECT, DataDirectory

FIRST = datetime(2026, 2, 20)
EVERYTHING = tuple(
    sorted(
        path.stem
        for path in (DBT_PROJECT / "models").rglob("*.sql")
        if "staging" not in path.parts and path.stem not in OF_THE_WAY
    )
)
VINTAGE_COMES = 20  # nights after the first


@pytest.mark.slow
def test_a_year_of_nights_leaves_what_one_build_of_everything_makes(tmp_path: Path) -> None:
    """Each night what chance brings, to every model; held against one build every thirtieth night and on the last."""
    city = City(DataDirectory(tmp_path), np.random.default_rng(365), chain=EVERYTHING)
    city.deliver("reference.divisions", "d0", divisions(shifan.EARLIER).to_dicts(), FIRST)
    city.deliver("reference.population", "p0", residents().to_dicts(), FIRST)
    city.deliver("sports.venues", "v0", venues([f"F{n}" for n in range(8)]), FIRST)
    day_of_reviews(city, FIRST, "000")
    day_of_volumes(city, FIRST.date(), "000", FIRST, people=9)
    city.night("*")
    nights, compared = int(os.environ.get("NIGHTS", "364")), 0
    for number in range(1, nights + 1):
        day = FIRST + timedelta(days=number)
        if number % 17:
            day_of_reviews(city, day, f"{number:03}", people=int(city.rng.integers(2, 15)))
        what_chance_does_to_reviews(city, day, f"{number:03}")
        if number % 13:
            people = int(city.rng.integers(1, 100))
            day_of_volumes(city, day.date(), f"{number:03}", day + timedelta(days=1), people=people)
        what_chance_does_to_volumes(city, day, f"{number:03}")
        registers(city, day, f"{number:03}")
        if number == VINTAGE_COMES:
            city.deliver("reference.divisions", "d1", divisions(shifan.NEWEST).to_dicts(), day)
        city.night("*", day=day.date())
        assert city.was_updated("volume_deliveries"), number
        # Other divisions are no delivery of reviews: what carries them is built whole.
        assert city.was_updated() or number == VINTAGE_COMES, number
        if number % 30 == 0 or number == nights:
            left = city.tables()
            city.night("*", full_refresh=True, day=day.date())
            whole = city.tables()
            assert {name for name in whole if whole[name] != left[name]} == set(), number
            compared += 1
    filled = {name for name, (rows, _) in city.tables().items() if rows}
    expected = {"service_volume_sums", "fct_review", "dim_facility_history", "review_scorecard"}
    assert expected | ({"division_successor"} if nights >= VINTAGE_COMES else set()) <= filled
    assert compared


def what_chance_does_to_reviews(city: City, day: datetime, number: str) -> None:
    """Late days, corrections, copies, decisions, programs, and files sent again with rows missing."""
    later = day + timedelta(days=1, hours=12)
    chance = city.rng.random(6)
    reviews = list(city.reviews.values())
    some = [reviews[n] for n in city.rng.integers(0, len(reviews), 6)]
    if chance[0] < 0.1:
        contacts, late = city.day("H2", day - timedelta(days=int(city.rng.integers(3, 90))), 60, five=0.95)
        city.deliver("evaluation.contacts", f"c{number}_late", contacts, later)
        city.deliver("evaluation.reviews", f"r{number}_late", late[::2], later + timedelta(hours=1))
    if chance[1] < 0.2:
        corrected = [
            r | {"satisfaction": "2", "satisfaction_level": "2", "tags": None, "record_action": "U"} for r in some[:3]
        ]
        copied = [r | {"reviewer_key": "somebody else"} for r in some[3:5]] + [some[5] | {"record_action": "D"}]
        city.deliver("evaluation.reviews", f"r{number}_corrected", corrected + copied, later + timedelta(hours=2))
    if chance[2] < 0.2:
        decided = {"accepted_at": day, "finding": "malicious", "malicious_decided_at": later}
        rows = [{k: r[k] for k in ("case_no", "contact_no", "review_no")} | decided for r in some[:2]]
        city.deliver("evaluation.rectifications", f"f{number}", rows, later + timedelta(hours=3))
    if chance[3] < 0.1:
        program = [city.contact("H1", day + timedelta(hours=20, seconds=20 * n)) for n in range(7)]
        city.deliver("evaluation.contacts", f"c{number}_program", program, later)
        city.deliver(
            "evaluation.reviews", f"r{number}_program", [city.review(c, 5, tags="510") for c in program], later
        )
    sent = sorted(r for r in city.checksums if r.startswith("c") and r[1:].isdigit())
    if chance[4] < 0.1 and len(sent) > 3:
        again = sent[int(city.rng.integers(0, len(sent)))]
        (path,) = city.data.accepted.glob(f"*/*/{again}.parquet")
        rows = [city.contacts[case_no] for case_no in pl.read_parquet(path)["case_no"]][3:]
        city.withdraw(again)
        city.deliver("evaluation.contacts", f"{again}_again", rows, later + timedelta(hours=4))


def what_chance_does_to_volumes(city: City, day: datetime, number: str) -> None:
    """Late rows of any days, files withdrawn, files read again with other rows, activities, months of homes reported again."""
    later = day + timedelta(days=1, hours=12)
    chance = city.rng.random(5)
    standing = sorted(r for r, feed in city.feeds.items() if r in city.checksums and feed in (HEALTH, SPORTS))
    if chance[0] < 0.2:
        city.deliver(HEALTH, f"h{number}_late", _visits_of_any_day(city, day), later)
    if chance[1] < 0.1:
        city.withdraw(str(city.rng.choice(standing)))
    elif chance[1] < 0.2:
        again = str(city.rng.choice([r for r in standing if city.feeds[r] == HEALTH]))
        city.withdraw(again)
        city.deliver(HEALTH, again, _visits_of_any_day(city, day), later)
    if chance[2] < 0.2:
        held = {"activity_id": f"a{number}", "venue_id": "C1", "held_on": day.date(), "participants": 30, "sessions": 1}
        city.deliver("culture.activities", f"a{number}", [held], later)
    if chance[3] < 0.05:
        month = (day - timedelta(days=int(city.rng.integers(0, 90)))).date().replace(day=1)
        residents_now = int(city.rng.integers(20, 90))
        city.deliver("civil_affairs.elderly_care", f"e{number}_again", homes(month, residents_now), later)


def _visits_of_any_day(city: City, day: datetime) -> list[dict[str, object]]:
    rows = city.rng.integers(0, (12, 200, 99), (int(city.rng.integers(1, 9)), 3))
    seen: dict[tuple[str, date], dict[str, object]] = {}
    for facility, days, visits in rows:
        code, served_on = f"F{facility}", (day - timedelta(days=int(days))).date()
        seen[code, served_on] = visit(code, served_on, int(visits))
    return list(seen.values())


def registers(city: City, day: datetime, number: str) -> None:
    """On the first of a month: venues open, close and come back; homes report."""
    if day.day != 1:
        return
    codes = [f"F{n}" for n in range(14)] + ["late"]
    listed = [c for c in codes if city.rng.random() < 0.8]
    city.deliver("sports.venues", f"v{number}", venues(listed), day)
    city.deliver("civil_affairs.elderly_care", f"e{number}", homes(day.date(), int(city.rng.integers(20, 90))), day)
