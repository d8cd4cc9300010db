"""The warehouse is built for real: on a city that has sent nothing, and on a small one whose scorecard is counted by hand."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from building import accept, build

from contracts.model import load_feeds, load_products
from orchestration import feeds
from orchestration.paths import DataDirectory

POINTS = {5: 10, 4: 8, 3: 6, 2: 4, 1: 2}
Z = 1.959963984540054


def columns(con: Any, table: str) -> set[str]:
    query = "select column_name from information_schema.columns where table_name = ?"
    return {name for (name,) in con.execute(query, [table]).fetchall()}


@pytest.fixture(scope="module")
def nothing_sent(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = DataDirectory(tmp_path_factory.mktemp("nothing"))
    data.derived.mkdir()
    build(data, "--exclude-resource-type", "unit_test")
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        yield con


def test_a_city_that_sent_nothing_has_every_product(nothing_sent: Any) -> None:
    for product in load_products().values():
        if product.id != "release_log":
            assert {f.name for f in product.fields} <= columns(nothing_sent, product.id), product.id


def test_what_comes_from_seeds_is_there_before_anybody_sends(nothing_sent: Any) -> None:
    assert nothing_sent.execute("select count(*) from standard.dim_service_item").fetchone() == (82,)
    assert nothing_sent.execute("select division_code from standard.dim_division").fetchall() == [("unknown",)]
    assert nothing_sent.execute("select count(*) from evaluation.review_scorecard").fetchone() == (0,)


def test_spring_festival_2026_and_its_make_up_days(nothing_sent: Any) -> None:
    query = "select is_workday from standard.dim_date where date_day = ?"
    answers = {
        day: nothing_sent.execute(query, [day]).fetchone()[0] for day in ("2026-02-14", "2026-02-17", "2026-02-28")
    }
    assert answers == {"2026-02-14": True, "2026-02-17": False, "2026-02-28": True}


# ── a small city, counted by hand ───────────────────────────────────────────────────────────────


def small_city(seed: int = 5) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """2,000 contacts of five departments; about half reviewed, some by default, late, early or twice."""
    rng = np.random.default_rng(seed)
    contacts, reviews = [], []
    for n in range(2_000):
        closed = datetime(2026, 1, 1, 9) + timedelta(minutes=int(rng.integers(0, 58 * 1440)))
        key = {"case_no": f"99{n:06}", "contact_no": 1}
        contacts.append(
            key
            | {
                "service_item_code": "BPS02", "division_code": "990101001001", "channel": "1", "named": True,
                "department_code": str(rng.choice(["health", "sports", "culture", "TYJ", "nobody"])),
                "opened_at": closed - timedelta(hours=1), "closed_at": closed,
            }
        )  # fmt: skip
        if rng.random() < 0.5:
            level = int(rng.choice([1, 2, 3, 4, 5], p=[0.03, 0.03, 0.1, 0.24, 0.6]))
            wait = timedelta(days=float(rng.choice([-1, 1, 40], p=[0.05, 0.9, 0.05])))
            row = key | {
                "review_no": 1, "satisfaction": str(level), "satisfaction_level": str(level),
                "satisfaction_scheme": "interface", "channel": str(rng.choice(["1", "7"], p=[0.8, 0.2])),
                "channels_scheme": "zj", "reviewed_at": closed + wait, "reviewer_key": f"r{n}",
            }  # fmt: skip
            reviews.append(row)
            if rng.random() < 0.05:
                reviews.append(row | {"reviewer_key": f"other{n}", "satisfaction": "1", "satisfaction_level": "1"})
    return contacts, reviews


def counted_by_hand(
    contacts: list[dict[str, Any]], reviews: list[dict[str, Any]]
) -> dict[tuple[date, str], dict[str, float]]:
    """(month, department) → the figures of the scorecard, straight from the definitions of the rates."""
    department = {"TYJ": "sports", "nobody": "unknown"}
    of = {c["case_no"]: (c["closed_at"].date().replace(day=1), department.get(c["department_code"], c["department_code"]), c["closed_at"]) for c in contacts}  # fmt: skip
    counts: dict[tuple[date, str], Counter[str]] = defaultdict(Counter)
    for month, unit, _ in of.values():
        counts[month, unit]["contacts"] += 1
    seen: set[str] = set()
    for review in reviews:
        month, unit, closed = of[review["case_no"]]
        tally, level = counts[month, unit], int(review["satisfaction_level"])
        tally["reviews"] += 1
        first = review["case_no"] not in seen
        seen.add(review["case_no"])
        if review["channel"] == "7":
            tally["default_reviews"] += 1
        elif first and closed <= review["reviewed_at"] and (review["reviewed_at"].date() - closed.date()).days <= 30:
            tally["active_reviews"] += 1
            tally["good_reviews"] += level >= 3
            tally["points"] += POINTS[level]
    figures = {}
    for unit, tally in counts.items():
        active, good = tally["active_reviews"], tally["good_reviews"]
        share, spread = (
            good / active,
            Z * math.sqrt(good / active * (1 - good / active) / active + Z * Z / 4 / active**2),
        )
        figures[unit] = dict(tally) | {
            "participation_rate": active / tally["contacts"],
            "good_rate": share,
            "good_rate_lo": (share + Z * Z / 2 / active - spread) / (1 + Z * Z / active),
            "mean_points": tally["points"] / active,
        }
    return figures


def test_the_scorecard_is_what_a_person_would_count(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    data.derived.mkdir()
    for feed in load_feeds().values():
        feeds.ensure_typed(data, feed)
    contacts, reviews = small_city()
    accept(data, load_feeds()["evaluation.contacts"], contacts, datetime(2026, 3, 1, 2))
    accept(data, load_feeds()["evaluation.reviews"], reviews, datetime(2026, 3, 1, 2))
    build(data)
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        result = con.execute("select * from evaluation.review_scorecard where dimension = 'department'")
        names = [d[0] for d in result.description]
        published = {
            (row["month"], row["code"]): row for row in (dict(zip(names, r, strict=True)) for r in result.fetchall())
        }
    wanted = counted_by_hand(contacts, reviews)
    assert set(published) == set(wanted)
    assert len(wanted) == 2 * 4
    for unit, figures in wanted.items():
        for name, value in figures.items():
            if name != "points":
                assert published[unit][name] == pytest.approx(value, abs=1e-9), (unit, name)
