"""Halls whose truth is known, as seen from both sides: halls that hide bad reviews, and honest ones that others invent reviews for.

Belongs here: chance and what it was told. Does not belong here: what the verdict makes of it (test_bounds).

A hall numbers its cases one after the other; some numbers never become a contact (a case given up). Each honest hall has a twin with the
same visits, under attack; whatever the attack changes is its doing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

Row = dict[str, Any]
# The first working day after New Year: a sender is expected from then on.
FIRST = datetime(2026, 1, 4, 9)
HONEST, BENT, SILENT, GIVEN_UP = 40, 60, 12, 0.04
# From this day on nothing comes of what residents say of a silent hall.
SILENT_FROM = FIRST + timedelta(days=10)
# How a hall keeps bad reviews from counting, and which of its visits: at random, the first of them or the last.
WAYS = (
    "not_reported",
    "closed_after_the_review",
    "left_open",
    "withdrawn",
    "decided_away",
    "called_default",
    "dated_too_late",
)
ATTACKS = (
    "words", "numbers", "going_on", "other_contact", "rival", "one_person", "one_number", "second_reviews", "silent_onlooker",
)  # fmt: skip
# Through whom the reviews of a silent hall come: one sender of its own, or six small ones of which the bad part falls silent.
OWN, SMALL = "own", tuple(f"small_{n}" for n in range(6))


@dataclass
class Simulated:
    """Rows by feed and sender, as the door accepts them, and what is true of the halls."""

    contacts: list[Row] = field(default_factory=list)
    reviews: dict[str, list[Row]] = field(
        default_factory=lambda: {s: [] for s in ("platform", "rival", "onlooker", OWN, *SMALL)}
    )
    rectifications: list[Row] = field(default_factory=list)
    twins: dict[str, tuple[str, str]] = field(default_factory=dict)  # honest hall → its twin, the attack
    bent: dict[str, tuple[str, float]] = field(
        default_factory=dict
    )  # hall → way, share of its bad reviews that it hides
    silent: set[str] = field(default_factory=set)  # halls whose senders fall silent before the bad reviews


def simulate(seed: int) -> Simulated:
    """Honest halls and their twins under attack, and bent halls, of a month."""
    rng, out = np.random.default_rng(seed), Simulated()
    for n in range(HONEST):
        hall, twin, attack = f"A{n:02}-", f"B{n:02}-", ATTACKS[n % len(ATTACKS)]
        visits = _visits(rng, int(rng.integers(130, 500)), float(rng.uniform(0.965, 1.0)))
        for code in (hall, twin):
            _send(out, code, visits)
        out.twins[hall] = twin, attack
        if attack == "silent_onlooker":
            # One number that it knows, before anybody else and over and over, as the resident would say; then nothing more.
            first = next(r for r in out.reviews["platform"] if r["case_no"].startswith(twin))
            out.reviews["onlooker"] += [first] * 400
        else:
            out.reviews["rival" if attack == "rival" else "platform"] += _invented(rng, twin, attack, visits)
    for n in range(BENT):
        hall, way, share = f"C{n:02}-", WAYS[n % len(WAYS)], float(rng.choice([0.6, 0.8, 1.0]))
        visits = _visits(rng, int(rng.integers(130, 500)), float(rng.uniform(0.70, 0.86)))
        out.bent[hall] = way, share
        # A hall may have its bad visits anywhere: at random, or all in its first days.
        if n % 3 == 0:
            visits = [(number, k < sum(not good for _, good in visits)) for k, (number, _) in enumerate(visits)]
            visits = [(number, not early) for number, early in visits]
        _send(out, hall, visits, way, share, rng)
    for n in range(SILENT):
        hall = f"D{n:02}-"
        # So many that what came before the silence says good by itself.
        many = int(rng.integers(250, 500))
        # Every bad visit lies after the day on which the senders fall silent.
        visits = [(k + 1, k < 0.5 * many or rng.random() < 0.6) for k in range(many)]
        before = len(out.reviews["platform"])
        _send(out, hall, visits)
        said, out.reviews["platform"][before:] = out.reviews["platform"][before:], []
        for k, review in enumerate(r for r in said if r["reviewed_at"] < SILENT_FROM):
            out.reviews[OWN if n % 2 else SMALL[k % len(SMALL)]].append(review)
        out.silent.add(hall)
    return out


def _visits(rng: np.random.Generator, n: int, good: float) -> list[tuple[int, bool]]:
    """Number and whether the resident was content; a number in twenty-five was given up."""
    numbers = np.flatnonzero(rng.random(round(n * (1 + GIVEN_UP))) > GIVEN_UP) + 1
    return [(int(number), bool(rng.random() < good)) for number in numbers]


def _send(out: Simulated, hall: str, visits: list[tuple[int, bool]], way: str = "", share: float = 0.0,
          rng: np.random.Generator | None = None) -> None:  # fmt: skip
    for number, good in visits:
        closed = FIRST + timedelta(minutes=50 * (number % 9), days=int(number * 24 / len(visits)))
        key = {"case_no": f"{hall}{number:04}", "contact_no": 1}
        contact = key | {
            "service_item_code": "BPS27", "department_code": "human_resources", "division_code": "990101001001",
            "facility_code": hall.rstrip("-"), "window_no": str(number % 3 + 1), "channel": "1", "named": True,
            "opened_at": closed - timedelta(minutes=15), "closed_at": closed,
        }  # fmt: skip
        review = _review(key, 5 if good else 1, closed + timedelta(minutes=5 + 17 * (number % 11), seconds=number % 53))
        hides = not good and rng is not None and rng.random() < share
        if hides and way == "closed_after_the_review":
            contact["closed_at"] = review["reviewed_at"] + timedelta(minutes=6)
        if hides and way == "left_open":
            contact["closed_at"] = None
        if hides and way == "called_default":
            review |= {"channel": "7", "is_default": True}
        if hides and way == "dated_too_late":
            review["reviewed_at"] += timedelta(days=31)
        if hides and way == "decided_away":
            at = review["reviewed_at"] + timedelta(hours=2)
            out.rectifications.append(
                key | {"review_no": 1, "accepted_at": at, "verified_at": at, "finding": "5", "appeal": "none"}
            )
        if not (hides and way == "not_reported"):
            out.contacts.append(contact)
        out.reviews["platform"].append(review)
        if hides and way == "withdrawn":
            out.reviews["platform"].append(review | {"record_action": "D"})


def _invented(rng: np.random.Generator, hall: str, attack: str, visits: list[tuple[int, bool]]) -> list[Row]:
    """Two bad reviews for each visit, of visits that nobody made."""
    last, many = max(number for number, _ in visits), 2 * len(visits)
    free = sorted(set(range(1, last)) - {number for number, _ in visits})
    one, seen = [*free, last + 1][0], [number for number, _ in visits]
    case = {
        "words": lambda k: f"{rng.integers(16**12):012x}x", "numbers": lambda k: f"{hall}{rng.integers(1, 10_000):04}",
        "going_on": lambda k: f"{hall}{last + 1 + k:04}", "other_contact": lambda k: f"{hall}{visits[k % len(visits)][0]:04}",
        "one_number": lambda k: f"{hall}{one:04}", "second_reviews": lambda k: f"{hall}{seen[k % len(seen)]:04}",
        "rival": lambda k: f"{hall}{[*free, last + 1][k % (len(free) + 1)]:04}", "one_person": lambda k: f"{hall}{[*free, last + 1][k % (len(free) + 1)]:04}",
    }[attack]  # fmt: skip
    said = []
    for k in range(many):
        at = FIRST + timedelta(days=int(rng.integers(0, 24)), hours=int(rng.integers(0, 9)))
        if attack == "one_person":
            at = FIRST + timedelta(days=2, minutes=k)
        of_contact = {"other_contact": 2 + k // len(visits), "one_number": 1 + k % 99}.get(attack, 1)
        review = _review({"case_no": case(k), "contact_no": of_contact}, 1, at)
        said.append(
            review
            | {
                "reviewer_key": "somebody" if attack == "one_person" else f"S{hall}{k}",
                "review_no": 2 + k // len(visits) if attack == "second_reviews" else 1,
            }
        )
    known = {f"{hall}{number:04}" for number, _ in visits}
    return [r for r in said if max(r["contact_no"], r["review_no"]) > 1 or r["case_no"] not in known]


def _review(key: Row, level: int, at: datetime) -> Row:
    return key | {
        "review_no": 1, "satisfaction": str(level), "satisfaction_level": str(level), "satisfaction_scheme": "interface",
        "tags": "115" if level == 1 else "510", "comment": None if level == 5 else "等了很久", "channel": "2", "channels_scheme": "zj",
        "reviewed_at": at, "is_default": False, "record_action": "I", "reviewer_key": f"{key['case_no']}",
    }  # fmt: skip
