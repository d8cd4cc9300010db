"""A small city's whole scorecard is recounted from the rows of its feeds, by definitions and libraries that share no line with the SQL."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from building import RUN_DATE, accept, build
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

from contracts.model import SEEDS, load_feeds
from orchestration import feeds
from orchestration.paths import DataDirectory
from orchestration.statistics.intervals import show_rate
from orchestration.statistics.ranks import rank_rates

POINTS = {5: 10, 4: 8, 3: 6, 2: 4, 1: 2}
GOOD_LINE, BAD_LINE, FLOOR, FEWEST, DAYS_TO_RECTIFY = 0.95, 0.90, 0.05, 10, 15
WEIGHTS = {"good": 0.4, "participation": 0.2, "on_time": 0.2, "reply": 0.1, "revisit": 0.1}
# department as sent: share of contacts, share reviewed, share good; two spellings of one, one that nobody maps
DEPARTMENTS = {
    "health": (0.2, 0.6, 0.99), "education": (0.2, 0.6, 0.80), "culture": (0.1, 0.5, 0.95), "justice": (0.1, 0.5, 0.9),
    "housing": (0.15, 0.5, 0.97), "veterans": (0.004, 0.5, 1.0), "civil_affairs": (0.6, 0.045, 1.0), "sports": (0.04, 0.5, 0.93),
    "TYJ": (0.04, 0.5, 0.93), "nobody": (0.066, 0.5, 0.9),
}  # fmt: skip
RATES = {
    "participation_rate": ("active_reviews", "contacts"), "good_rate": ("good_reviews", "active_reviews"),
    "strictly_good_rate": ("strictly_good_reviews", "active_reviews"), "bad_rate": ("bad_reviews", "active_reviews"),
    "good_rate_all_contacts": ("good_reviews", "contacts"), "not_reviewed_share": ("not_reviewed", "contacts"),
    "rectification_rate": ("bad_rectified", "bad_accepted"), "on_time_rate": ("bad_on_time", "bad_in_on_time_base"),
    "reply_rate": ("bad_replied", "bad_accepted"), "revisit_rate": ("named_bad_revisited", "named_bad_accepted"),
    "second_satisfaction_rate": ("second_satisfied", "second_reviews"),
}  # fmt: skip
Unit = tuple[str, date, str]


def city(seed: int = 5) -> dict[str, list[dict[str, Any]]]:
    """14 months of contacts; about half reviewed, some by default, late, early or twice; most bad reviews handled."""
    rng = np.random.default_rng(seed)
    sent: dict[str, list[dict[str, Any]]] = {"contacts": [], "reviews": [], "rectifications": []}
    names, shares = list(DEPARTMENTS), np.array([share for share, _, _ in DEPARTMENTS.values()])
    for n in range(8_000):
        department = str(rng.choice(names, p=shares / shares.sum()))
        closed = datetime(2025, 1, 1, 9) + timedelta(seconds=int(rng.integers(0, 423 * 86_400)))
        key = {"case_no": f"99{n:06}", "contact_no": 1}
        sent["contacts"].append(
            key
            | {
                "service_item_code": "BPS02", "division_code": "990101001001", "channel": "1", "named": bool(rng.random() < 0.8),
                "department_code": department, "opened_at": closed - timedelta(hours=1), "closed_at": closed,
            }
        )  # fmt: skip
        if rng.random() >= DEPARTMENTS[department][1]:
            continue
        mended = 0.18 if department == "education" and closed.year == 2026 else 0
        is_good = rng.random() < DEPARTMENTS[department][2] + mended
        level = int(rng.choice([5, 4, 3] if is_good else [2, 1]))
        days = float(rng.choice([-1, 1, 40], p=[0.05, 0.9, 0.05]))
        reviewed = closed + timedelta(days=days, seconds=int(rng.integers(0, 40_000)))
        row = key | {
            "review_no": 1, "satisfaction": str(level), "satisfaction_level": str(level),
            "satisfaction_scheme": "interface", "channel": str(rng.choice(["1", "7"], p=[0.9, 0.1])),
            "channels_scheme": "zj", "reviewed_at": reviewed, "reviewer_key": f"r{n}",
        }  # fmt: skip
        sent["reviews"].append(row)
        if rng.random() < 0.05:
            sent["reviews"].append(row | {"reviewer_key": f"other{n}", "satisfaction": "1", "satisfaction_level": "1"})
        if level > 2 or row["channel"] == "7" or rng.random() < 0.1:
            continue
        done = reviewed + timedelta(days=float(rng.choice([3, 18, 30])))
        malicious = rng.random() < 0.1
        sent["rectifications"].append(
            key
            | {
                "review_no": 1, "accepted_at": reviewed, "finding": "4" if malicious else "1",
                "malicious_decided_at": done if malicious else None,
                "rectified_at": done if rng.random() < 0.7 and done.date() < RUN_DATE else None,
                "replied_at": done if rng.random() < 0.6 else None, "revisited_at": done if rng.random() < 0.5 else None,
                "appeal": str(rng.choice(["none", "filed", "upheld", "dismissed"], p=[0.7, 0.1, 0.1, 0.1])),
            }
        )  # fmt: skip
        if rng.random() < 0.4:
            second = str(rng.choice([5, 3, 2]))
            sent["reviews"].append(
                row
                | {
                    "review_no": 2, "satisfaction": second, "satisfaction_level": second,
                    "reviewed_at": done + timedelta(days=30),
                }
            )  # fmt: skip
    return sent


def due_on(day: date) -> date:
    """The 15th working day after a day, by the announced holidays and make-up days."""
    with (SEEDS / "calendar_overrides.csv").open(encoding="utf-8") as file:
        announced = {row["day"]: row["is_workday"] == "true" for row in csv.DictReader(file)}
    left = DAYS_TO_RECTIFY
    while left:
        day += timedelta(days=1)
        left -= announced.get(day.isoformat(), day.weekday() < 5)
    return day


def count_months(sent: dict[str, list[dict[str, Any]]]) -> dict[tuple[date, str], Counter[str]]:
    """(month, department) → everything that adds up, straight from the definitions."""
    mapped = {"TYJ": "sports", "nobody": "unknown"}
    contacts = {c["case_no"]: c for c in sent["contacts"]}
    cases = {r["case_no"]: r for r in sent["rectifications"]}
    tallies: dict[tuple[date, str], Counter[str]] = defaultdict(Counter)
    seen: set[tuple[str, int]] = set()
    for contact in sent["contacts"]:
        tallies[_unit(contact, mapped)]["contacts"] += 1
    for review in sent["reviews"]:
        contact, level, first = contacts[review["case_no"]], int(review["satisfaction_level"]), review["review_no"] == 1
        tally, case = tallies[_unit(contact, mapped)], cases.get(review["case_no"]) if first else None
        is_copy = (review["case_no"], review["review_no"]) in seen
        seen.add((review["case_no"], review["review_no"]))
        tally["reviews"] += first
        if review["channel"] == "7":
            tally["default_reviews"] += first
            continue
        waited = (review["reviewed_at"].date() - contact["closed_at"].date()).days
        in_time = review["reviewed_at"] >= contact["closed_at"] and (waited <= 30 or not first)
        stands = not case or (case["appeal"] != "upheld" and case["finding"] != "4")
        if is_copy or not in_time or not stands:
            tally["invalid_reviews"] += first
        elif first:
            tally.update({"active_reviews": 1, f"n{level}": 1, "points": POINTS[level], "levels": level})
            tally.update({"good_reviews": level >= 3, "strictly_good_reviews": level >= 4, "bad_reviews": level <= 2})
        else:
            tally.update({"second_reviews": 1, "second_satisfied": level >= 3})
        if level <= 2 and not is_copy and stands:
            _count_loop(tally, review, contact, case or {})
    return tallies


def _unit(contact: dict[str, Any], mapped: dict[str, str]) -> tuple[date, str]:
    code = contact["department_code"]
    return contact["closed_at"].date().replace(day=1), mapped.get(code, code)


def _count_loop(tally: Counter[str], review: dict[str, Any], contact: dict[str, Any], case: dict[str, Any]) -> None:
    done, due = case.get("rectified_at"), due_on(review["reviewed_at"].date())
    tally.update(
        {"bad_accepted": 1, "bad_rectified": done is not None, "bad_replied": case.get("replied_at") is not None}
    )
    tally.update({"bad_in_on_time_base": done is not None or due < RUN_DATE})
    tally.update({"bad_on_time": done is not None and done.date() <= due})
    if contact["named"]:
        tally.update({"named_bad_accepted": 1, "named_bad_revisited": case.get("revisited_at") is not None})


def month_number(day: date) -> int:
    return day.year * 12 + day.month - 1


def first_of(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


def count_periods(months: dict[tuple[date, str], Counter[str]]) -> dict[Unit, Counter[str]]:
    """(kind, start, department) → the same, for every period that holds one of the months."""
    totals: dict[Unit, Counter[str]] = defaultdict(Counter)
    last = max(month_number(month) for month, _ in months)
    for (month, unit), tally in months.items():
        n = month_number(month)
        starts = [("month", n), ("quarter", n - n % 3), ("year", n - n % 12)]
        starts += [("trailing_12_months", end - 11) for end in range(n, min(n + 11, last) + 1)]
        for kind, start in starts:
            totals[kind, first_of(start), unit].update(tally)
    for tally in totals.values():
        tally["not_reviewed"] = tally["contacts"] - tally["active_reviews"]
    return totals


def wilson(hits: float, n: float) -> tuple[float, float]:
    return proportion_confint(hits, n, method="wilson")  # type: ignore[no-any-return]


def judge(tally: Counter[str]) -> dict[str, Any]:
    """Rates, verdict, score and how many more reviews would decide, of one unit by itself."""
    row: dict[str, Any] = {k: v for k, v in tally.items() if k not in ("points", "levels", "not_reviewed")}
    for rate, (numerator, denominator) in RATES.items():
        hits, n = tally[numerator], tally[denominator]
        row[rate] = hits / n if n else None
        row[f"{rate}_lo"], row[f"{rate}_hi"] = wilson(hits, n) if n else (None, None)
        row[f"{rate}_text"] = show_rate(row[rate]) if n else None
    n, good = tally["active_reviews"], row["good_rate"]
    row["mean_points"] = tally["points"] / n if n else None
    row["mean_level"] = tally["levels"] / n if n else None
    parts = {part: row["good_rate" if part == "good" else f"{part}_rate"] for part in WEIGHTS}
    present = sum(WEIGHTS[part] for part, value in parts.items() if value is not None)
    row["score"] = (
        None if good is None else 100 * sum(WEIGHTS[p] * v for p, v in parts.items() if v is not None) / present
    )
    row["score_missing_parts"] = ",".join(p for p, v in parts.items() if v is None) or None
    row["more_reviews_to_decide"] = None
    if not n:
        row["verdict"] = "undetermined"
        return row
    row["verdict"] = (
        verdict(row["good_rate_lo"], row["good_rate_hi"], row["participation_rate"]) if n >= FEWEST else "undetermined"
    )
    if row["verdict"] == "undetermined" and good not in (GOOD_LINE, BAD_LINE):
        sizes = np.arange(max(n + 1, FEWEST), 400_000)
        lo, hi = wilson(good * sizes, sizes)
        decides = (lo >= GOOD_LINE) | (hi < BAD_LINE) | ((lo >= BAD_LINE) & (hi < GOOD_LINE))
        row["more_reviews_to_decide"] = int(sizes[decides.argmax()]) - n
    return row


def verdict(lo: float, hi: float, participation: float) -> str:
    if hi < BAD_LINE:
        return "bad"
    if lo >= GOOD_LINE:
        return "good" if participation >= FLOOR else "watch"
    return "watch" if lo >= BAD_LINE and hi < GOOD_LINE else "undetermined"


def compare(units: dict[Unit, Counter[str]], rows: dict[Unit, dict[str, Any]]) -> None:
    """Adds what a unit is only among its peers: modelled rate, rank, change."""
    order = sorted(rows, key=lambda unit: unit[:2])
    for (kind, start), members in groupby(order, key=lambda unit: unit[:2]):
        peers = [unit for unit in members if unit[2] != "unknown" and units[unit]["active_reviews"]]
        good = np.array([units[unit]["good_reviews"] for unit in peers], float)
        n = np.array([units[unit]["active_reviews"] for unit in peers], float)
        if len(peers) >= 5:
            modelled, strength = moments(good, n)
            for unit, rate in zip(peers, modelled, strict=True):
                rows[unit] |= {"good_rate_eb": rate, "good_rate_prior_reviews": strength}
        for unit, ranks in zip(peers, rank_rates(list(good), list(n)).iter_rows(named=True), strict=True):
            rows[unit] |= {f"good_rate_{key}": ranks[key] for key in ("rank", "rank_lo", "rank_hi")}
            rows[unit]["units_ranked"] = ranks["n_ranked"]
        back = {"month": 1, "quarter": 3}.get(kind, 12)
        before = {unit: units.get((kind, first_of(month_number(start) - back), unit[2]), Counter()) for unit in peers}
        moved = [unit for unit in peers if before[unit]["active_reviews"]]
        for unit in moved:
            rows[unit] |= change(units[unit], before[unit])
        if moved:
            adjusted = multipletests([rows[unit]["good_rate_change_p"] for unit in moved], method="fdr_bh")
            for unit, p, real in zip(moved, adjusted[1], adjusted[0], strict=True):
                rows[unit] |= {"good_rate_change_p_adjusted": p, "is_real_change": bool(real)}


def moments(good: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, float]:
    """Beta-binomial by moments: E Σn(p−P)² = P(1−P)·[(K−1) + ρ(N − Σn²/N − (K−1))], prior of 1/ρ − 1 reviews."""
    total, k, pooled = n.sum(), len(n), good.sum() / n.sum()
    if pooled in (0, 1):
        return np.full(k, pooled), 1e7
    excess = (n * (good / n - pooled) ** 2).sum() / (pooled * (1 - pooled)) - (k - 1)
    rho = excess / (total - (n**2).sum() / total - (k - 1))
    strength = 1e7 if rho <= 0 else min(1 / rho - 1, 1e7)
    return (good + strength * pooled) / (n + strength), strength


def change(now: Counter[str], before: Counter[str]) -> dict[str, Any]:
    hits, sizes = (
        [now["good_reviews"], before["good_reviews"]],
        [now["active_reviews"], before["active_reviews"]],
    )
    lo, hi = confint_proportions_2indep(hits[0], sizes[0], hits[1], sizes[1], method="newcomb", compare="diff")
    p = proportions_ztest(hits, sizes)[1] if 0 < sum(hits) < sum(sizes) else 1.0
    return {
        "good_rate_change": hits[0] / sizes[0] - hits[1] / sizes[1],
        "good_rate_change_lo": lo,
        "good_rate_change_hi": hi,
        "good_rate_change_p": p,
    }


def recount(sent: dict[str, list[dict[str, Any]]]) -> dict[Unit, dict[str, Any]]:
    units = count_periods(count_months(sent))
    rows = {unit: judge(tally) for unit, tally in units.items()}
    compare(units, rows)
    return rows


def test_the_scorecard_is_what_a_person_would_count(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    data.derived.mkdir()
    for feed in load_feeds().values():
        feeds.ensure_typed(data, feed)
    sent = city()
    for table, rows in sent.items():
        accept(data, load_feeds()[f"evaluation.{table}"], rows, datetime(2026, 3, 1, 2))
    build(data)
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        result = con.execute("select * from evaluation.review_scorecard where dimension = 'department'")
        names = [d[0] for d in result.description]
        published = [dict(zip(names, values, strict=True)) for values in result.fetchall()]
    by_unit = {(row["period_kind"], row["period_start"], row["code"]): row for row in published}
    wanted = recount(sent)
    assert set(by_unit) == set(wanted)
    assert len(wanted) > 300
    assert {row["verdict"] for row in wanted.values()} == {"good", "watch", "bad", "undetermined"}
    assert any(row.get("is_real_change") for row in wanted.values())
    for unit, figures in wanted.items():
        for name, value in figures.items():
            expected = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            assert by_unit[unit][name] == expected, (unit, name)
        for name in ("good_rate_eb", "good_rate_rank", "good_rate_change", "is_real_change"):
            assert (by_unit[unit][name] is None) == (figures.get(name) is None), (unit, name)
