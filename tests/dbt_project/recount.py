"""A whole scorecard counted from the departments' raw files by definitions and libraries that share no line with the SQL.

Belongs here: what a careful person would count with paper and a statistics book. Does not belong here: the files
(recounted_city), which reviews count (recounted_reviews) and what is compared with what (test_scorecard).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from itertools import groupby
from statistics import NormalDist
from typing import Any

import numpy as np
from building import RUN_DATE
from recounted_city import DECIDERS, LATER, VENUES, VENUES_IN, City
from recounted_reviews import LEVELS, Review, judged, lineage, rules_of, when
from recounted_senders import Silence, closed_month, covered_days, months_before, place_of_contact, silences
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from contracts.loading import seed
from orchestration.statistics.intervals import show_rate
from orchestration.statistics.ranks import ranks_from_bounds

Z = NormalDist().inv_cdf(0.975)
PARTS = ("good", "participation", "on_time", "reply", "revisit")
RATES = {
    "participation_rate": ("active_reviews", "contacts"), "good_rate": ("good_reviews", "active_reviews"),
    "strictly_good_rate": ("strictly_good_reviews", "active_reviews"), "bad_rate": ("bad_reviews", "active_reviews"),
    "good_rate_all_contacts": ("good_reviews", "contacts"), "not_reviewed_share": ("not_reviewed", "contacts"),
    "rectification_rate": ("bad_rectified", "bad_accepted"), "on_time_rate": ("bad_on_time", "bad_in_on_time_base"),
    "reply_rate": ("bad_replied", "bad_accepted"), "revisit_rate": ("named_bad_revisited", "named_bad_accepted"),
    "second_satisfaction_rate": ("second_satisfied", "second_reviews"),
}  # fmt: skip
DIVISION_LEVELS = ("province", "city", "county", "town", "village")
TARGETS = ("rectification_rate", "reply_rate", "revisit_rate")
DEPARTMENT_CODES, ITEM_CODES = (
    {"TYJ": "sports", "nobody": "unknown", "TYJRSWJ": "unknown"},
    {"12333": "BPS27", "ZW-1": "unknown"},
)
# period kind, its first day, kind of unit, unit
Unit = tuple[str, date, str, str]


# ── counting ────────────────────────────────────────────────────────────────────────────────────


def units_of(contact: dict[str, str]) -> list[tuple[str, str]]:
    """Kind and code of every unit a contact counts in; a review of no contact is counted as unknown."""
    department, item = contact.get("department_code", "unknown"), contact.get("service_item_code", "unknown")
    code, facility = contact.get("division_code", ""), contact.get("facility_code", "")
    units = [
        ("all", "all"), ("department", DEPARTMENT_CODES.get(department, department)), ("service_item", ITEM_CODES.get(item, item)),
        ("channel", contact.get("channel", "unknown")),
        ("facility", f"culture:{facility}" if facility in VENUES else f"hall:{facility}" if facility else "none"),
    ]  # fmt: skip
    if above := lineage(code):
        below = DIVISION_LEVELS[DIVISION_LEVELS.index(LEVELS[code]) + 1 :]
        return units + [(LEVELS[c], c) for c in above] + [(level, f"rest:{code}") for level in below]
    return units + [(level, "unknown") for level in DIVISION_LEVELS]


def count_months(city: City) -> dict[tuple[date, str, str], Counter[Any]]:
    """(month, kind of unit, unit) → everything that adds up; the contacts of a division stand under ("in", its code)."""
    tallies: dict[tuple[date, str, str], Counter[Any]] = defaultdict(Counter)

    def add(contact: dict[str, str], seen: datetime | None, counts: Mapping[Any, float]) -> None:
        # What is still open was not reviewed before it began.
        day = when(contact.get("closed_at", "")) or (seen and max(seen, when(contact.get("opened_at", "")) or seen))
        if day:
            for unit in units_of(contact):
                tallies[(day.date().replace(day=1), *unit)].update(counts)

    for _, _, contact in city.rows("evaluation.contacts"):
        code = contact["division_code"]
        add(contact, None, {"contacts": 1, ("in", code if lineage(code) else ""): 1, ("at", place_at(contact)): 1})
    for n, review in enumerate(judged(city)):
        add(review.contact, review.at, _count(review) | _exclude(review) | together(review, n))
    for contact, refused in refusals(city):
        add(contact, None, refused)
    for silence, contact, daily in lost_with(city):
        for unit in units_of(contact):
            tallies[(silence.month, *unit)].update({"lost_contacts": daily, ("lost", place_at(contact)): 1})
    for month, department, contact in unmapped(city):
        for unit in units_of(contact | {"department_code": department}):
            tallies[(month, *unit)].update({"unmapped_contacts": unit[0] == "department"})
    return tallies


def unmapped(city: City) -> list[tuple[date, str, dict[str, str]]]:
    """Contacts under a code that nobody maps, and the department that did at least half of the like in the year before."""
    habits: dict[tuple[str, ...], Counter[tuple[date, str]]] = defaultdict(Counter)
    strangers: dict[tuple[date, str, str], list[dict[str, str]]] = defaultdict(list)
    for sender, _, contact in city.rows("evaluation.contacts"):
        if month := closed_month(contact):
            department = dict(units_of(contact))["department"]
            if department == "unknown":
                strangers[month, sender, contact["department_code"]].append(contact)
            else:
                habits[sender, place_at(contact), contact["service_item_code"]][month, department] += 1
    found = []
    for (month, sender, _), contacts in strangers.items():
        likely: Counter[str] = Counter()
        for contact in contacts:
            before = Counter[str]()
            for (at, department), n in habits[sender, place_at(contact), contact["service_item_code"]].items():
                if months_before(month, 12) <= at < month:
                    before[department] += n
            for department, n in before.items():
                likely[department] += n / before.total() / len(contacts)  # type: ignore[assignment]
        department, share = min(likely.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
        if share >= 0.5:
            found += [(month, department, contact) for contact in contacts]
    return found


def place_at(contact: dict[str, str]) -> str:
    return place_of_contact(contact, dict(units_of(contact))["facility"])


def silent_senders(city: City) -> dict[tuple[str, date, str], set[str]]:
    """(feed, month, place) → the senders whose lost days are missed there.

    Those that told, together, at least the policy's share of the contacts that anybody told of the place in a year.
    """
    speaks: dict[tuple[str, str, date], dict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for sender, _, contact in city.rows("evaluation.contacts"):
        if closed := closed_month(contact):
            key = contact["case_no"], contact["contact_no"]
            speaks["evaluation.contacts", place_at(contact), closed][sender].add(key)
    for review in judged(city):
        if review.contact and review.reason != "duplicate":
            sender = "wuliuwang" if "满意度代码" in review.row else "shifan"
            month = closed_month(review.contact) or review.at.date().replace(day=1)
            key = review.contact["case_no"], review.contact["contact_no"]
            speaks["evaluation.reviews", place_at(review.contact), month][sender].add(key)
    lost: dict[tuple[str, date], set[str]] = defaultdict(set)
    for silence in silences(city):
        lost[silence.feed, silence.month].add(silence.sender)
    found = {}
    for (feed, month), senders in lost.items():
        for place in {place for of, place, _ in speaks if of == feed}:
            told: Counter[str] = Counter()
            for (of, at, when_told), keys in speaks.items():
                if (of, at) == (feed, place) and months_before(month, 12) <= when_told <= month:
                    told.update({sender: len(known) for sender, known in keys.items()})
            silent = senders & {*told}
            if silent and sum(told[s] for s in silent) >= rules_of(month, "").said["usual_sender_share"] * told.total():
                found[feed, month, place] = silent
    return found


def silent_places(city: City) -> dict[date, dict[str, set[str]]]:
    """Month → place → feeds that are missing there."""
    found: dict[date, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for feed, month, place in silent_senders(city):
        found[month][place].add(feed)
    return found


def lost_with(city: City) -> Iterator[tuple[Silence, dict[str, str], float]]:
    """Silence of a sender of contacts, each contact that it told of a place where it is missed, and how many are lost for it."""
    missed = silent_senders(city)
    for silence in silences(city):
        if silence.feed == "evaluation.contacts":
            daily = silence.lost / covered_days(city, silence.sender, silence.month)
            for sender, _, contact in city.rows("evaluation.contacts"):
                closed = closed_month(contact)
                if (
                    sender in missed.get((silence.feed, silence.month, place_at(contact)), ())
                    and sender == silence.sender
                    and closed
                    and months_before(silence.month, 12) <= closed <= silence.month
                ):
                    yield silence, contact, daily


def _count(review: Review) -> dict[str, float]:
    said, level, first = review.rules.said, review.level, review.number == 1
    good, strict, bad = (
        level >= said["good_level_min"],
        level >= said["strict_good_level_min"],
        level <= said["bad_level_max"],
    )
    counts: dict[str, float] = {"reviews": first}
    if review.reason:
        counts["default_reviews" if review.reason == "default" else "invalid_reviews"] = first
    elif review.is_suspect:
        counts |= {"suspect_reviews": 1, "suspect_good": good}
    elif first:
        counts |= {"active_reviews": 1, f"n{level}": 1, "points": said[f"points_{level}"], "levels": level,
                   "good_reviews": good, "strictly_good_reviews": strict, "bad_reviews": bad}  # fmt: skip
    else:
        counts |= {"second_reviews": 1, "second_satisfied": good}
    if bad and review.reason not in ("default", "duplicate", "withdrawn"):
        counts |= _loop(review)
    return counts


def together(review: Review, alone: int) -> dict[Any, float]:
    """The clusters that a review is one of: its facility's day and window in a month; without a window it stands `alone`."""
    if not review.is_active or review.number != 1:
        return {}
    contact, units = review.contact, dict(units_of(review.contact))
    month = closed_month(contact) or review.at.date().replace(day=1)
    here = (
        month,
        contact.get("division_code", ""),
        units["facility"],
        units["facility"] == "none" and units["service_item"],
    )
    found: dict[Any, float] = {}
    for kind, cluster in (("day", review.at.date()), ("window", contact.get("window_no") or alone)):
        found |= {
            ("cluster", kind, *here, cluster): 1,
            ("good", kind, *here, cluster): review.level >= review.rules.said["good_level_min"],
        }
    return found


def design_effect(tally: Counter[Any], said: Mapping[str, float], z: float = Z) -> float:
    """How much less reviews that came together say: the variance of their ratio by clusters against that of a binomial, times what
    the quantile of t is of that of a normal."""
    n, rate, effects = tally["active_reviews"], 0.0, [1.0]
    if n:
        rate = tally["good_reviews"] / n
    for kind in ("day", "window"):
        sizes = {name[2:]: size for name, size in tally.items() if name[:2] == ("cluster", kind)}
        if len(sizes) < n and len(sizes) >= said["clusters_min"] and 0 < rate < 1:
            off = [tally["good", kind, *name] - rate * size for name, size in sizes.items()]
            variance = len(off) / (len(off) - 1) * float(np.var(off) * len(off)) / n**2
            df, z2 = len(off) - 1, z**2
            t_over_z = 1 + (z2 + 1) / (4 * df) + (5 * z2**2 + 16 * z2 + 3) / (96 * df**2)
            t_over_z += (3 * z2**3 + 19 * z2**2 + 17 * z2 - 15) / (384 * df**3)
            t_over_z += (79 * z2**4 + 776 * z2**3 + 1482 * z2**2 - 1920 * z2 - 945) / (92160 * df**4)
            effects.append(variance / (rate * (1 - rate) / n) * t_over_z**2)
        elif len(sizes) < n:
            mates = sum(size**2 for size in sizes.values()) / n - 1
            effects.append(min(said["assumed_design_effect_max"], 1 + said["intra_cluster_correlation"] * mates))
    return max(effects)


def _exclude(review: Review) -> dict[str, float]:
    """Where a first review that does not count is counted, and whether it counts in the least favourable reading."""
    contact, reason, said = review.contact, review.reason, review.rules.said
    bad = min(review.level, review.worst) <= said["bad_level_max"]
    sender = "wuliuwang" if "满意度代码" in review.row else "shifan"
    outside = (sender, dict(units_of(contact))["department"]) in DECIDERS
    if review.number != 1:
        return {}
    if review.is_active:
        return {"corrected_reviews": bad and review.level >= said["good_level_min"] and not outside}
    upheld = review.case.get("appeal") == "upheld"
    named = {
        "before_close": "before_close" if contact.get("closed_at") else "contact_open", "malicious or mistaken": "decided",
        "appeal": "decided" if upheld else "other",
    }.get(reason, reason)  # fmt: skip
    counts: dict[str, float] = {f"invalid_{named}": 1} if reason not in ("", "default") else {}
    # A copy is no other review, one of nobody's contact nobody's; silence is written as level 5.
    if (
        reason in ("duplicate", "no_contact")
        or not contact
        or (reason == "default" and not (bad and review.level != 5))
    ):
        return counts
    return counts | {
        "excluded_reviews": 1,
        "excluded_bad": bad,
        "excluded_bad_decided": bad and named in ("decided", "withdrawn"),
        # Every case is sent by the same sender as the reviews that can be withdrawn.
        "excluded_bad_decided_outside": bad
        and named in ("decided", "withdrawn")
        and ("shifan", dict(units_of(contact))["department"]) in DECIDERS,
    }


def refusals(city: City) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
    """Every review that the door refused: its contact and what it counts as."""
    contacts = {c["case_no"]: c for _, _, c in city.rows("evaluation.contacts")}
    for feed, sender, _, rows in city.refused:
        # A file of a sender whose codes nobody declared is refused whole: it has no rows.
        for row in rows if (feed, sender) == ("evaluation.reviews", "shifan") else ():
            yield contacts[row["case_no"]], _refuse(row, contacts[row["case_no"]])


def _refuse(row: Mapping[str, str], contact: Mapping[str, str]) -> dict[str, float]:
    """A review that the door refused; of a level that nobody can read it may be bad.

    One dated after its file came is of the day before that: nothing else of its file counts.
    """
    at = datetime.fromisoformat(row["reviewed_at"])
    rules = rules_of((at if at <= LATER else LATER - timedelta(days=1)).date(), contact["division_code"])
    level = row["satisfaction"]
    bad = level not in "12345" or int(level) <= rules.said["bad_level_max"]
    return {"refused_reviews": 1, "excluded_reviews": 1, "excluded_bad": bad}


def _loop(review: Review) -> dict[str, float]:
    """What became of a bad review; what is said to have been done before it was given was not done about it."""
    case, contact, said = review.case, review.contact, review.rules.said
    if case.get("appeal") == "upheld" or case.get("finding") in ("4", "5"):
        return {}
    rectified, replied, visited = (
        done if (done := when(case.get(step, ""))) and done >= review.at else None
        for step in ("rectified_at", "replied_at", "revisited_at")
    )
    due = due_on(review.at.date(), int(said["rectification_days"]), bool(said["rectification_counts_workdays"]))
    counts: dict[str, float] = {
        "bad_accepted": 1, "bad_rectified": rectified is not None, "bad_replied": replied is not None,
        "bad_in_on_time_base": rectified is not None or due < RUN_DATE,
        "bad_on_time": rectified is not None and rectified.date() <= due,
    }  # fmt: skip
    if contact.get("named") == "1":
        counts |= {"named_bad_accepted": 1, "named_bad_revisited": visited is not None}
    return counts


@cache
def due_on(day: date, days: int, by_workdays: bool) -> date:
    """So many calendar or working days after a day, by the announced holidays and make-up days."""
    if not by_workdays:
        return day + timedelta(days=days)
    while days:
        day += timedelta(days=1)
        days -= _announced().get(day.isoformat(), day.weekday() < 5)
    return day


@cache
def _announced() -> dict[str, bool]:
    return {row["day"]: row["is_workday"] == "true" for row in seed("calendar_overrides")}


# ── periods ─────────────────────────────────────────────────────────────────────────────────────


def month_number(day: date) -> int:
    return day.year * 12 + day.month - 1


def first_of(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


LENGTHS = {"month": 1, "quarter": 3, "year": 12, "trailing_12_months": 12}


def count_periods(months: Mapping[tuple[date, str, str], Counter[str]]) -> dict[Unit, Counter[str]]:
    """The same for every period that holds one of the months."""
    totals: dict[Unit, Counter[str]] = defaultdict(Counter)
    last = max(month_number(month) for month, *_ in months)
    for (month, *unit), tally in months.items():
        n = month_number(month)
        starts = [("month", n), ("quarter", n - n % 3), ("year", n - n % 12)]
        starts += [("trailing_12_months", end - 11) for end in range(n, min(n + 11, last) + 1)]
        for kind, start in starts:
            totals[(kind, first_of(start), *unit)].update(tally)
    for tally in totals.values():
        tally["not_reviewed"] = tally["contacts"] - tally["active_reviews"]
    return totals


# ── judging ─────────────────────────────────────────────────────────────────────────────────────


# A trailing year is looked at each month, beside eleven twelfths of the one before.
LOOKS = {"month": 1.0, "quarter": 1 / 3, "year": 1 / 12, "trailing_12_months": 5.16 / 12}


def verdict_error(kind: str, said: Mapping[str, float]) -> float:
    """How often one look at a verdict may err on either side together, so that those of a year err in 5 %."""
    return 0.05 / max(1.0, said["verdict_looks"] * LOOKS[kind])


def verdict_interval(tally: Counter[Any], said: Mapping[str, float], kind: str) -> dict[str, Any]:
    """The interval that a verdict reads, of the reviews that count and in the least favourable reading."""
    error = verdict_error(kind, said)
    z = NormalDist().inv_cdf(1 - error / 2)
    effect = design_effect(tally, said, z)
    n, good = tally["active_reviews"], tally["good_reviews"]
    lo, hi = wilson(good, n, effect, error) if n else (None, None)
    told = least_favourable(tally, said, effect, error)
    return told | {"verdict_z": z, "verdict_lo": lo, "verdict_hi": hi, "verdict_error": error, "verdict_effect": effect}


def wilson(hits: float, n: float, effect: float = 1.0, error: float = 0.05) -> tuple[float, float]:
    """The interval of as many reviews that came alone as say no less, Wilson (1927) as a book prints it: a library asks for the
    quantile again at each of some hundred thousand calls."""
    z = Z if error == 0.05 else NormalDist().inv_cdf(1 - error / 2)
    share, n = hits / n, n / effect
    spread = z * z / n
    width = z * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return (share + spread / 2 - width) / (1 + spread), (share + spread / 2 + width) / (1 + spread)


def nearest_area(day: date, code: str) -> str:
    return rules_of(day, code).layers[-1][0]


def place_of(unit: Unit, contacts_in: Mapping[str, int], day: date) -> str:
    """Whose rules a unit stands under: a division's own, a registered facility's by its register, and otherwise those of the
    smallest area that holds nine tenths of the contacts whose division is known."""
    _, _, dimension, code = unit
    if code.startswith("rest:"):
        return code.removeprefix("rest:")
    if LEVELS.get(code) == dimension:
        return code
    if dimension == "facility" and code.partition(":")[2] in VENUES:
        return VENUES_IN
    placed = {c: n for c, n in contacts_in.items() if c}
    for area in sorted({a for c in placed for a in lineage(c) if nearest_area(day, a) == a}, key=len, reverse=True):
        inside = sum(n for c, n in placed.items() if area in lineage(c))
        if inside >= rules_of(day, area).said["area_share_min"] * sum(placed.values()):
            return area
    return ""


def judge(
    unit: Unit, tally: Counter[Any], last_month: date, months: int, silent: Mapping[str, set[str]]
) -> dict[str, Any]:
    """Everything that is said of one unit by itself."""
    kind, start, _, _ = unit
    contacts_in = {name[1]: n for name, n in tally.items() if name[0] == "in"}
    place = place_of(unit, contacts_in, last_month)
    end = first_of(month_number(start) + LENGTHS[kind]) - timedelta(days=1)
    rules, said = rules_of(last_month, place), rules_of(last_month, place).said
    turns = {
        rules_of(day, place).layers for day in (*(first_of(month_number(start) + n) for n in range(LENGTHS[kind])), end)
    }
    shown = Counter(
        {
            name: n
            for name, n in tally.items()
            if name not in ("points", "levels", "suspect_good", "lost_contacts") and isinstance(name, str)
        }
    )
    own = sum(n for code, n in contacts_in.items() if nearest_area(last_month, code) == rules.layers[-1][0])
    row: dict[str, Any] = dict(shown) | {
        "period_end": end, "months_counted": months, "is_complete": end < RUN_DATE, "policy_area": rules.layers[-1][0],
        "policy_version": rules.layers[-1][1], "policy_changed_in_period": len(turns) > 1, "placed_in": place,
        "contacts_under_policy": own, "policy_is_mixed": own < tally["contacts"],
        **{name: said[name] for name in ("good_line", "bad_line", "participation_floor", "min_reviews")},
    }  # fmt: skip
    del row["not_reviewed"]
    row |= coverage(tally, silent, said)
    row.setdefault("unmatched_reviews", 0)  # no series of case numbers here has a gap
    row["moved_reviews"] = 0  # no contact here is sent twice
    effect = design_effect(tally, said)
    row["design_effect"] = effect if tally["active_reviews"] else None
    for rate, (numerator, denominator) in RATES.items():
        hits, n = tally[numerator], tally[denominator] if denominator != "contacts" or row["is_heard"] else 0
        row[rate] = hits / n if n else None
        together_with = effect if denominator == "active_reviews" else 1.0
        row[f"{rate}_lo"], row[f"{rate}_hi"] = wilson(hits, n, together_with) if n else (None, None)
        row[f"{rate}_text"] = show_rate(row[rate]) if n else None
    n, everything = tally["active_reviews"], tally["active_reviews"] + tally["suspect_reviews"]
    row["mean_points"] = tally["points"] / n if n else None
    row["mean_level"] = tally["levels"] / n if n else None
    row["good_rate_with_suspects"] = (
        (tally["good_reviews"] + tally["suspect_good"]) / everything if everything else None
    )
    row["suspect_effect"] = row["good_rate_with_suspects"] - row["good_rate"] if n else None
    row |= verdict_interval(tally, said, kind)
    row["excluded_effect"] = row["good_rate_if_counted"] - row["good_rate"] if n else None
    row["is_small"] = n < said["min_reviews"]
    missed = [rate for rate in TARGETS if row[rate] is not None and row[rate] < said[f"{rate}_target"]]
    row["targets_missed"] = ",".join(missed) or None
    return row | composite(row, tally, said, unit) | conclusion(row, n, said)


def coverage(tally: Counter[Any], silent: Mapping[str, set[str]], said: Mapping[str, float]) -> dict[str, Any]:
    """How many contacts are at places of which every file came, and of which feeds some did not."""
    here = {name[1]: n for name, n in tally.items() if name[0] == "at"}
    lost_at = {name[1] for name in tally if name[0] == "lost"}
    covered = tally["contacts"] - sum(n for place, n in here.items() if place in silent)
    feeds = set().union(*(silent[place] for place in {*here, *lost_at} if place in silent))
    everything = tally["contacts"] + tally["lost_contacts"] + tally["unmapped_contacts"]
    share = covered / everything if everything else None
    is_heard = not feeds or (share is not None and share >= said["coverage_min"])
    # No contact here is known by a review alone; of one left open it is known that it was.
    reviewable = tally["contacts"] + tally["invalid_contact_open"]
    return {
        "contacts_if_counted": reviewable,
        "participation_rate_if_counted": tally["active_reviews"] / reviewable if reviewable and is_heard else None,
        "covered_contacts": covered, "lost_contacts": float(tally["lost_contacts"]), "covered_share": share,
        "feeds_missing": ",".join(sorted(feeds)) or None,
        "is_heard": is_heard,
    }  # fmt: skip


def least_favourable(tally: Counter[str], said: Mapping[str, float], effect: float, error: float) -> dict[str, Any]:
    """The good rate with the bad reviews that do not count, less the share that decisions of others may take out."""
    bad = tally["bad_reviews"] + tally["excluded_bad"]
    taken_out = min(tally["excluded_bad_decided_outside"], math.ceil(said["decided_share_max"] * bad))
    counted = tally["excluded_bad"] - taken_out
    good, n = tally["good_reviews"] - tally["corrected_reviews"], tally["active_reviews"] + counted
    lo, hi = wilson(good, n, effect, error) if n else (None, None)
    return {"excluded_bad_counted": counted, "good_rate_if_counted": good / n if n else None,
            "good_rate_if_counted_lo": lo, "good_rate_if_counted_hi": hi}  # fmt: skip


def parts_of_reviews(tally: Counter[Any]) -> dict[str, float | None]:
    """What a score reads: every bad review that arrived is bad, and one that never went into the loop is one that nobody handled."""
    outside = max(0, tally["bad_reviews"] + tally["excluded_bad"] + tally["corrected_reviews"] + tally["second_reviews"] - tally["second_satisfied"] - tally["bad_accepted"])  # fmt: skip
    shares = {
        "good": (tally["good_reviews"] - tally["corrected_reviews"], tally["active_reviews"] + tally["excluded_bad"])
    }
    for part in ("on_time", "reply", "revisit"):
        hits, n = RATES[f"{part}_rate"]
        shares[part] = tally[hits], tally[n] + outside
    return {part: hits / n if n else None for part, (hits, n) in shares.items()}


def composite(
    row: Mapping[str, Any], tally: Counter[Any], said: Mapping[str, float], unit: Unit, least: float | None = None
) -> dict[str, Any]:
    """The score and its parts; a part that is not there gives its weight to the others. A department's is elsewhere.

    `least`: of the peers' shares of return visits; who is said to have no known person among its bad reviews has that.
    """
    values = {"participation": row["participation_rate_if_counted"]} | parts_of_reviews(tally)
    if values["revisit"] is None and tally["bad_accepted"]:
        values["revisit"] = least
    missing = [part for part in PARTS if values[part] is None]
    said_of: dict[str, Any] = {"score_missing_parts": ",".join(missing) or None, "score": None}
    if row["good_rate"] is None or not row["is_heard"] or unit[2] == "department":
        return said_of | {f"score_{of}{part}": None for part in PARTS for of in ("", "weight_")}
    present = sum(said[f"weight_{part}"] for part in PARTS if part not in missing)
    for part, value in values.items():
        share = 0.0 if value is None else said[f"weight_{part}"] / present
        said_of |= {f"score_weight_{part}": share, f"score_{part}": 100 * share * (value or 0.0)}
    return said_of | {"score": sum(said_of[f"score_{part}"] for part in PARTS)}


def conclusion(row: Mapping[str, Any], n: int, said: Mapping[str, float]) -> dict[str, Any]:
    """The verdict by where the interval lies, and how many more reviews at this rate would give one."""
    lines, good = (said["bad_line"], said["good_line"]), row["good_rate"]
    fewest = int(said["min_reviews"])

    def verdict(reading: str, participation: str, reviews: int) -> str:
        side = where(row[f"{reading}_lo"], row[f"{reading}_hi"], *lines) if reviews and reviews >= fewest else None
        enough = (row[participation] or 0) >= said["participation_floor"]
        if side == "good" and not row["is_heard"]:
            return "undetermined"
        return "watch" if side == "good" and not enough else side or "undetermined"

    alone = verdict("verdict", "participation_rate", n)
    all_told = verdict("good_rate_if_counted", "participation_rate_if_counted", n + row["excluded_bad_counted"])
    told = {"verdict_if_counted": all_told, "more_reviews_to_decide": None, "periods_to_decide": None}
    if alone != all_told or alone != "undetermined":
        return told | {"verdict": alone if alone == all_told else "undetermined"}
    told["verdict"] = "undetermined"
    if n >= fewest and not row["is_heard"] and row["verdict_lo"] >= lines[1]:
        return told  # the files that are missing decide, not more reviews
    if not n or any(abs(good - line) < 1e-6 for line in lines):
        return told
    decided = bisect_left(
        range(10**9),
        True,
        key=lambda m: (
            m > 0 and where(*wilson(good * m, m, row["verdict_effect"], row["verdict_error"]), *lines) is not None
        ),
    )
    needed = max(decided, fewest, n + 1)
    if needed <= row["contacts"]:
        return told | {"more_reviews_to_decide": needed - n, "periods_to_decide": 1}
    periods = -(-needed // n)
    return told | {"periods_to_decide": periods if periods <= said["periods_to_decide_max"] else None}


def where(lo: float, hi: float, bad_line: float, good_line: float) -> str | None:
    if hi < bad_line:
        return "bad"
    if lo >= good_line:
        return "good"
    return "watch" if lo >= bad_line and hi < good_line else None


# ── among peers ─────────────────────────────────────────────────────────────────────────────────


def peer_group(dimension: str, code: str) -> str | None:
    """A division stands beside those of its parent, a facility beside those of its type."""
    if code in ("unknown", "none") or code.startswith("rest:"):
        return None
    if dimension == "facility":
        kind = VENUES.get(code.partition(":")[2])
        return {"L1": "library", "M1": "museum", None: "hall"}[kind]
    above = lineage(code) if LEVELS.get(code) == dimension else []
    return above[-2] if len(above) > 1 else "all"


def compare(units: Mapping[Unit, Counter[str]], rows: dict[Unit, dict[str, Any]]) -> None:
    """Adds what a unit is only among its peers: modelled rate, rank, change."""
    for unit, row in rows.items():
        row["peer_group"] = peer_group(unit[2], unit[3])
    own = [u for u in rows if rows[u]["peer_group"] and units[u]["active_reviews"]]

    def group(unit: Unit) -> tuple[str, date, str, str]:
        return (*unit[:3], rows[unit]["peer_group"])

    for _, peers in groupby(sorted(own, key=group), key=group):
        _among(list(peers), units, rows)
    for (kind, start, _), members in groupby(sorted(own), key=lambda unit: unit[:3]):
        back = first_of(month_number(start) - LENGTHS[kind])
        before = {u: units.get((kind, back, u[2], u[3]), Counter()) for u in members}
        moved = {u: tally for u, tally in before.items() if tally["active_reviews"]}
        for u, tally in moved.items():
            said = rules_of(rows[u]["last_month"], rows[u]["placed_in"]).said
            rows[u] |= change(units[u], tally, design_effect(units[u], said), design_effect(tally, said))
        if moved:
            adjusted = multipletests([rows[u]["good_rate_change_p"] for u in moved], method="fdr_bh")[1]
            for u, p in zip(moved, adjusted, strict=True):
                rate = rules_of(rows[u]["last_month"], rows[u]["placed_in"]).said["false_discovery_rate"]
                rows[u] |= {"good_rate_change_p_adjusted": p, "is_real_change": bool(p <= rate)}


def _among(peers: list[Unit], units: Mapping[Unit, Counter[str]], rows: dict[Unit, dict[str, Any]]) -> None:
    good = np.array([units[u]["good_reviews"] - units[u]["corrected_reviews"] for u in peers], float)
    n = np.array([units[u]["active_reviews"] + units[u]["excluded_bad"] for u in peers], float)
    together_with = float(n @ np.array([rows[u]["design_effect"] for u in peers])) / n.sum()
    modelled, strength = moments(good, n, together_with) if len(peers) > 1 else (good / n, None)
    for u, rate, own in zip(peers, modelled, n, strict=True):
        if len(peers) >= rules_of(rows[u]["last_month"], rows[u]["placed_in"]).said["prior_units_min"]:
            rows[u] |= {"good_rate_eb": rate, "good_rate_prior_reviews": strength, "good_rate_prior": good.sum() / n.sum(),
                        "good_rate_eb_own_weight": own / (own + strength)}  # fmt: skip
    bounds = [wilson(g, m, rows[u]["design_effect"], 0.05 / len(peers)) for u, g, m in zip(peers, good, n, strict=True)]
    lo, hi = np.array(bounds).T
    for u, ranks in zip(peers, ranks_from_bounds(good / n, lo, hi).iter_rows(named=True), strict=True):
        rows[u] |= {f"good_rate_{key}": ranks[key] for key in ("rank", "rank_lo", "rank_hi")}
        rows[u]["units_ranked"] = ranks["n_ranked"]


def moments(good: np.ndarray, n: np.ndarray, effect: float) -> tuple[np.ndarray, float]:
    """Beta-binomial by moments, of n/effect reviews: E Σn(p−P)² = P(1−P)·[(K−1) + ρ(N − Σn²/N − (K−1))], prior of (1/ρ − 1)·effect."""
    known, k, pooled = n / effect, len(n), good.sum() / n.sum()
    information = known.sum() - (known**2).sum() / known.sum() - (k - 1)
    if pooled in (0, 1) or information <= 0:
        return (good + 1e7 * pooled) / (n + 1e7), 1e7
    excess = (known * (good / n - pooled) ** 2).sum() / (pooled * (1 - pooled)) - (k - 1)
    rho = min(excess / information, 1)
    strength = 1e7 if rho <= 0 else min((1 / rho - 1) * effect, 1e7)
    return (good + strength * pooled) / (n + strength), strength


def change(now: Counter[str], before: Counter[str], *effects: float) -> dict[str, Any]:
    counts = [
        (of["good_reviews"] / effect, of["active_reviews"] / effect)
        for of, effect in zip((now, before), effects, strict=True)
    ]
    hits, sizes = [good for good, _ in counts], [n for _, n in counts]
    lo, hi = confint_proportions_2indep(hits[0], sizes[0], hits[1], sizes[1], method="newcomb", compare="diff")
    p = proportions_ztest(hits, sizes)[1] if 0 < sum(hits) < sum(sizes) else 1.0
    return {"good_rate_change": hits[0] / sizes[0] - hits[1] / sizes[1], "good_rate_change_lo": lo, "good_rate_change_hi": hi,
            "good_rate_change_p": p}  # fmt: skip


def recount(city: City) -> dict[Unit, dict[str, Any]]:
    """Every unit of every period with every figure of its row."""
    months = count_months(city)
    present = sorted({month for month, *_ in months})
    units, rows, silent = count_periods(months), {}, silent_places(city)
    for unit, tally in units.items():
        first, length = month_number(unit[1]), LENGTHS[unit[0]]
        inside = [m for m in present if first <= month_number(m) < first + length]
        missing: dict[str, set[str]] = defaultdict(set)
        for month, places in silent.items():
            if first <= month_number(month) < first + length:
                for place, feeds in places.items():
                    missing[place] |= feeds
        rows[unit] = judge(unit, tally, inside[-1], len(inside), missing) | {"last_month": inside[-1]}
    compare(units, rows)
    visited = defaultdict(list)
    for unit, row in rows.items():
        share = parts_of_reviews(units[unit])["revisit"]
        if row["peer_group"] and units[unit]["active_reviews"] and share is not None:
            visited[(*unit[:3], row["peer_group"])].append(share)
    for unit, row in rows.items():
        said = rules_of(row["last_month"], row["placed_in"]).said
        row |= composite(row, units[unit], said, unit, min(visited[(*unit[:3], row["peer_group"])], default=None))
    return rows
