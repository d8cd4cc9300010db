"""Every department's month in a city and its counties, and the one score of it: the rest of the recount.

Belongs here: what department_scorecard says. Does not belong here: what a unit's reviews say (recount).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from building import RUN_DATE
from recount import (
    _count,
    _exclude,
    closed_month,
    conclusion,
    coverage,
    design_effect,
    judged,
    lost_with,
    parts_of_reviews,
    place_at,
    refusals,
    silent_places,
    together,
    units_of,
    unmapped,
    verdict_interval,
    wilson,
)  # fmt: skip
from recounted_city import City
from recounted_reviews import LEVELS, lineage, rules_of

from contracts.loading import load_feeds, seed
from orchestration.intake.landing import Attempt

WEIGHTS = {row["part"]: float(row["weight"]) for row in seed("scorecard_weights")}
Row = tuple[date, str, str]  # month, department, division


def recount_departments(city: City, attempts: Sequence[Attempt]) -> dict[Row, dict[str, Any]]:
    """Month, department, division → every column."""
    tallies: dict[Row, Counter[Any]] = defaultdict(Counter)

    def add(month: date, contact: dict[str, str], counts: dict[Any, float], department: str = "") -> None:
        for code in lineage(contact.get("division_code", "")):
            if LEVELS[code] in ("city", "county"):
                tallies[month, department or dict(units_of(contact))["department"], code].update(counts)

    for _, _, contact in city.rows("evaluation.contacts"):
        if month := closed_month(contact):
            add(month, contact, {"contacts": 1, ("in", contact["division_code"]): 1, ("at", place_at(contact)): 1})
    for n, review in enumerate(judged(city)):
        add(
            closed_month(review.contact) or review.at.date().replace(day=1),
            review.contact,
            _count(review) | _exclude(review) | together(review, n),
        )
    for contact, refused in refusals(city):
        if month := closed_month(contact):
            add(month, contact, refused)
    served = {(month, code) for (month, _, code), n in tallies.items()}
    for silence, contact, daily in lost_with(city):
        add(silence.month, contact, {"lost_contacts": daily, ("lost", place_at(contact)): 1})
    for month, department, contact in unmapped(city):
        add(month, contact, {"unmapped_contacts": 1}, department)
    fed = feeds_of(attempts)
    for (department, month), figures in fed.items():
        if figures["feed_days"]:
            for at, code in served:
                if at == month and LEVELS[code] == "city":
                    tallies[month, department, code].update({})
    silent = silent_places(city)
    rows = {
        row: _row(row, tally, silent.get(row[0], {}), fed.get((row[1], row[0]), Counter()))
        for row, tally in tallies.items()
    }
    _score(rows)
    return rows


def feeds_of(attempts: Sequence[Attempt]) -> dict[tuple[str, date], Counter[str]]:
    """(department, month) → days its senders' feeds were due and in time, rows received and accepted."""
    department_of = {row["feed_department"]: row["code"] for row in seed("departments") if row.get("feed_department")}
    found: dict[tuple[str, date], Counter[str]] = defaultdict(Counter)
    by_sender: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_sender[attempt.feed, attempt.sender].append(attempt)
        of = department_of[load_feeds()[attempt.feed].department]
        found[of, attempt.received_on.replace(day=1)].update(
            {"feed_rows": attempt.rows_received, "feed_rows_accepted": attempt.rows_accepted}
        )
    for (feed_id, _), sent in by_sender.items():
        feed = load_feeds()[feed_id]
        first = min(a.received_on for a in sent)
        for n in range((RUN_DATE - first).days + 1):
            day = first + timedelta(n)
            timely = any(
                a.verdict == "accepted" and 0 <= (day - a.received_on).days <= (feed.days_between or 0) for a in sent
            )
            found[department_of[feed.department], day.replace(day=1)].update({"feed_days": 1, "timely": timely})
    return found


def _ratio(hits: float, n: float) -> float | None:
    return hits / n if n else None


def _row(row: Row, tally: Counter[Any], silent: dict[str, set[str]], fed: Counter[str]) -> dict[str, Any]:
    month, _, code = row
    rules = rules_of(month, code)
    said, area = rules.said, rules.layers[-1][0]
    told: dict[str, Any] = coverage(tally, silent, said)
    n, good = tally["active_reviews"], tally["good_reviews"]
    effect = design_effect(tally, said)
    lo, hi = wilson(good, n, effect) if n else (None, None)
    told |= {
        "level": LEVELS[code], "contacts": tally["contacts"], "active_reviews": n, "good_reviews": good, "bad_reviews": tally["bad_reviews"],
        "suspect_reviews": tally["suspect_reviews"], "good_rate": _ratio(good, n), "good_rate_lo": lo, "good_rate_hi": hi, "design_effect": effect if n else None,
        "participation_rate": _ratio(n, tally["contacts"]) if told["is_heard"] else None,
        "mean_points": _ratio(tally["points"], n), "bad_accepted": tally["bad_accepted"], "bad_in_on_time_base": tally["bad_in_on_time_base"],
        "named_bad_accepted": tally["named_bad_accepted"], "rectification_rate": _ratio(tally["bad_rectified"], tally["bad_accepted"]),
        "on_time_rate": _ratio(tally["bad_on_time"], tally["bad_in_on_time_base"]), "reply_rate": _ratio(tally["bad_replied"], tally["bad_accepted"]),
        "revisit_rate": _ratio(tally["named_bad_revisited"], tally["named_bad_accepted"]),
        "unmapped_contacts": tally["unmapped_contacts"], "feed_days": fed["feed_days"] or None, "feed_rows": fed["feed_rows"] or None,
        "timely_share": _ratio(fed["timely"], fed["feed_days"]), "accepted_share": _ratio(fed["feed_rows_accepted"], fed["feed_rows"]),
        "policy_version": rules.layers[-1][1], "policy_area": area, "score_weight_min": said["score_weight_min"],
    }  # fmt: skip
    under = sum(n for name, n in tally.items() if name[0] == "in" and rules_of(month, name[1]).layers[-1][0] == area)
    told |= verdict_interval(tally, said, "month")
    told |= {name: tally[name] for name in ("excluded_reviews", "excluded_bad", "corrected_reviews")} | {
        "moved_reviews": 0
    }
    told |= {"contacts_under_policy": under, "policy_is_mixed": under < tally["contacts"]}
    concluded = conclusion(told, n, said)
    told |= {"review_verdict": concluded["verdict"], "review_verdict_if_counted": concluded["verdict_if_counted"]}
    parts = parts_of_reviews(tally)
    heard = n >= said["min_reviews"] and (told["participation_rate_if_counted"] or 0) >= said["participation_floor"]
    values = {
        "reviews": parts["good"] if heard else None, "participation": told["participation_rate_if_counted"], "coverage": told["covered_share"],
        "loop": parts["on_time"], "survey": None, "timeliness": told["timely_share"], "quality": told["accepted_share"],
    }  # fmt: skip
    for part, weight in WEIGHTS.items():
        told |= {f"{part}_part": None if values[part] is None else 100 * values[part], f"weight_{part}": weight}
    return told


def _score(rows: dict[Row, dict[str, Any]]) -> None:
    """A missing part counts as the least that a department with heard residents has; what none has is left out."""
    for (month, _, _), told in rows.items():
        peers = [
            r
            for (at, *_), r in rows.items()
            if at == month and r["level"] == told["level"] and r["reviews_part"] is not None
        ]
        points = {part: told[f"{part}_part"] for part in WEIGHTS if told[f"{part}_part"] is not None}
        missing = [part for part in WEIGHTS if part not in points]
        least = {
            part: min(of)
            for part in missing
            if (of := [r[f"{part}_part"] for r in peers if r[f"{part}_part"] is not None])
        }
        present = sum(WEIGHTS[part] for part in points)
        counted = sum(WEIGHTS[part] for part in (*points, *least))
        told |= {
            "missing_parts": ",".join(missing) or None,
            "weight_present": present,
            "weight_counted": counted,
            "score": None,
        }
        if present >= told["score_weight_min"] - 1e-9:
            told |= {f"assumed_{part}": value for part, value in least.items()}
            told["score"] = sum(WEIGHTS[part] * value for part, value in (points | least).items()) / counted
