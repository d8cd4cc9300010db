"""Which reviews look machine-made: each rule on a hall made for it, beside honest halls that must not be accused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest
from building import accept, build

from contracts.loading import load_feeds
from orchestration.paths import DataDirectory

FIRST = datetime(2026, 1, 1)


class Halls:
    """Contacts and reviews of halls, one call a review."""

    def __init__(self, seed: int = 11) -> None:
        self.rng = np.random.default_rng(seed)
        self.contacts: list[dict[str, Any]] = []
        self.reviews: list[dict[str, Any]] = []

    def review(self, hall: str, closed: datetime, reviewed: datetime, *, window: str = "1", level: int = 5,
               tags: str | None = "510,517", comment: str | None = None, reviewer: str | None = None, case: tuple[str, int] | None = None) -> None:  # fmt: skip
        case_no, contact_no = case or (f"99{len(self.contacts):06}", 1)
        key = {"case_no": case_no, "contact_no": contact_no}
        self.contacts.append(
            key
            | {
                "service_item_code": "BPS02", "department_code": "health", "division_code": "990101001001",
                "facility_code": hall, "window_no": window, "channel": "1", "named": True,
                "opened_at": closed - timedelta(hours=1), "closed_at": closed,
            }
        )  # fmt: skip
        self.reviews.append(
            key
            | {
                "review_no": 1, "satisfaction": str(level), "satisfaction_level": str(level),
                "satisfaction_scheme": "interface", "tags": tags, "comment": comment, "channel": "4",
                "channels_scheme": "zj", "reviewed_at": reviewed, "reviewer_key": reviewer or f"{case_no}/{contact_no}",
            }
        )  # fmt: skip

    def honest(
        self, hall: str, at: datetime, *, window: str = "1", lags: tuple[float, float] = (20, 900), five: float = 0.8
    ) -> None:
        """Somebody's own review: a spread of ratings, tags, words and lags."""
        level = 5 if self.rng.random() < five else int(self.rng.choice([4, 3, 2, 1], p=[0.6, 0.2, 0.1, 0.1]))
        tags = (
            str(self.rng.choice([f"{level}10", f"{level}12", f"{level}10,{level}12"]))
            if self.rng.random() < 0.6
            else None
        )
        words = "还行" if level < 3 or self.rng.random() < 0.1 else None
        self.review(
            hall,
            at,
            at + timedelta(seconds=float(self.rng.uniform(*lags))),
            window=window,
            level=level,
            tags=tags,
            comment=words,
        )

    def day(self, hall: str, day: datetime, people: int, **how: Any) -> None:
        for seconds in self.rng.uniform(0, 8 * 3600, people):
            self.honest(hall, day + timedelta(hours=9, seconds=float(seconds)), **how)


def everything() -> Halls:
    halls = Halls()
    for n in range(25):
        # One code for a whole row of counters, a review every ten seconds, on a tablet right after service.
        halls.day("busy", FIRST + timedelta(days=n), 600, lags=(3, 40)) if n % 5 == 0 else None
        halls.day("usual", FIRST + timedelta(days=n), 30)
        halls.day("lagged", FIRST + timedelta(days=n), 20)
        halls.day("surging", FIRST + timedelta(days=n), 30, five=0.75)
        halls.day("crowded", FIRST + timedelta(days=n), 30, five=0.75)
        halls.day("minutes", FIRST + timedelta(days=n), 10)
    for n in range(12):
        # A program: thirty seconds after each closing, the same tags, no text.
        closed = FIRST + timedelta(days=2 * n, hours=11, seconds=17 * n + 1)
        halls.review("lagged", closed, closed + timedelta(seconds=30))
    for n in range(12):
        # Honest times that were written down to the minute.
        closed = FIRST + timedelta(days=n, hours=10, minutes=n)
        halls.review("minutes", closed, closed + timedelta(minutes=1))
    for n in range(10):
        closed = FIRST + timedelta(days=3, hours=10, seconds=n)
        halls.review("bursting", closed, FIRST + timedelta(days=3, hours=19, seconds=7 * n))
    for n in range(8):
        closed = FIRST + timedelta(days=4, hours=9, minutes=50 * n)
        halls.review(
            "one_person", closed, closed + timedelta(seconds=211 + 97 * n), tags=f"51{n % 8}", reviewer="someone"
        )
    for n in range(10):
        # Each step of a case a contact, and praised as one; three visits of a case are three.
        for contact in range(1, 7 if n < 5 else 4):
            closed = FIRST + timedelta(days=n, hours=10, minutes=31 * contact, seconds=7 * n)
            halls.review(
                "stepped",
                closed,
                closed + timedelta(seconds=300 + 41 * n + 17 * contact),
                tags=f"51{contact}",
                case=(f"S{n}", contact),
            )
    halls.day("crowded", FIRST + timedelta(days=26), 220, five=0.75)
    halls.day("surging", FIRST + timedelta(days=26), 30, five=0.75)
    for seconds in halls.rng.uniform(0, 8 * 3600, 190):
        closed = FIRST + timedelta(days=26, hours=9, seconds=float(seconds))
        halls.review("surging", closed, closed + timedelta(seconds=float(halls.rng.uniform(20, 3000))),
                     tags=f"51{halls.rng.integers(8)}")  # fmt: skip
    return halls


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    data = DataDirectory(tmp_path_factory.mktemp("halls"))
    data.derived.mkdir()
    halls = everything()
    accept(data, load_feeds()["evaluation.contacts"], halls.contacts, datetime(2026, 3, 1, 2))
    accept(data, load_feeds()["evaluation.reviews"], halls.reviews, datetime(2026, 3, 1, 2))
    build(data, "--select", "+fct_review", "--exclude-resource-type", "unit_test", "test")
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        yield con


def caught(con: Any, hall: str) -> dict[str, tuple[int, dict[str, float]]]:
    """Rule → reviews it caught in a hall and one piece of evidence."""
    query = """
        select suspect_rule, count(*), min(evidence), count(evidence), count(policy_version)
        from reviews.fct_review where facility_id = ? and suspect_rule is not null group by suspect_rule
    """
    found = {}
    for rule, reviews, evidence, with_evidence, with_version in con.execute(query, [f"hall:{hall}"]).fetchall():
        assert with_evidence == with_version == reviews
        found[rule] = (reviews, json.loads(evidence))
    return found


@pytest.mark.parametrize("hall", ["busy", "usual", "crowded", "minutes"])
def test_an_honest_hall_is_not_accused(warehouse: Any, hall: str) -> None:
    reviews = warehouse.execute(
        "select count(*) from reviews.fct_review where facility_id = ?", [f"hall:{hall}"]
    ).fetchone()[0]
    assert reviews > 200
    assert caught(warehouse, hall) == {}


def test_the_same_time_after_every_closing_is_a_program(warehouse: Any) -> None:
    ((rule, (reviews, evidence)),) = caught(warehouse, "lagged").items()
    assert (rule, reviews, evidence["lag_seconds"]) == ("constant_lag", 12, 30)


def test_five_stars_within_seconds_are_a_burst(warehouse: Any) -> None:
    assert caught(warehouse, "bursting") == {"burst": (10, {"reviews": 10, "seconds": 63, "other_reviews_around": 0})}


def test_nobody_is_served_eight_times_a_day_at_one_window(warehouse: Any) -> None:
    assert caught(warehouse, "one_person") == {"same_reviewer": (8, {"reviews": 8})}


def test_no_case_is_praised_six_times_a_month(warehouse: Any) -> None:
    assert caught(warehouse, "stepped") == {"same_case": (15, {"reviews": 6})}


def test_more_reviews_and_better_ones_together_are_a_surge(warehouse: Any) -> None:
    ((rule, (reviews, evidence)),) = caught(warehouse, "surging").items()
    days = warehouse.execute(
        "select distinct reviewed_on from reviews.fct_review where suspect_rule is not null and facility_id = 'hall:surging'"
    ).fetchall()
    assert (rule, days) == ("surge", [(date(2026, 1, 27),)])
    assert 190 <= reviews < 220
    assert evidence["reviews"] == 220
    assert evidence["usual_reviews"] == pytest.approx(30, abs=0.1)
    assert evidence["five_star_share"] > 0.9 > evidence["usual_five_star_share"]


def test_no_review_is_lost(warehouse: Any) -> None:
    sent, kept = warehouse.execute(
        "select (select count(*) from staging.stg_evaluation__reviews), (select count(*) from reviews.fct_review)"
    ).fetchone()
    assert sent == kept > 5_000
