"""Which reviews of the raw files count, under which policy: the first half of the recount, by definitions alone.

Belongs here: policy of a day and place, copies and corrections, reasons not to count. Does not belong here: adding up (recount).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from recounted_city import DIVISIONS, POLICIES, City

NATION = {
    "points_5": 10, "points_4": 8, "points_3": 6, "points_2": 4, "points_1": 2, "good_level_min": 3, "strict_good_level_min": 4,
    "bad_level_max": 2, "review_window_days": 30, "rectification_days": 15, "rectification_counts_workdays": 1,
    "rectification_rate_target": 1, "reply_rate_target": 1, "revisit_rate_target": 1, "open_appeal_counts": 1,
    "reviewer_daily_limit": 5, "good_line": 0.95, "bad_line": 0.90, "area_share_min": 0.9, "participation_floor": 0.05, "coverage_min": 0.5, "score_weight_min": 0.5, "min_reviews": 10,
    "false_discovery_rate": 0.05, "prior_units_min": 5, "clusters_min": 6, "verdict_looks": 12, "intra_cluster_correlation": 0.02, "assumed_design_effect_max": 1.5, "decided_share_max": 0.3, "usual_sender_share": 0.2, "periods_to_decide_max": 24, "weight_good": 0.4, "weight_participation": 0.2, "weight_on_time": 0.2,
    "weight_reply": 0.1, "weight_revisit": 0.1,
}  # fmt: skip
LEVELS = {code: level for code, _, level in DIVISIONS}


@dataclass(frozen=True)
class Rules:
    """What holds on a day at a place, and the rows of the policy that say so."""

    said: Mapping[str, float]
    layers: tuple[tuple[str, str], ...]  # area, version; the nearest last


@dataclass
class Review:
    """A row that is kept: its contact, its canonical level, and why it does not count."""

    row: dict[str, str]
    level: int
    at: datetime
    number: int
    contact: dict[str, str]
    rules: Rules
    case: dict[str, str]
    worst: int = 5  # the worst level that its sender ever gave it
    reason: str = ""
    is_suspect: bool = False

    @property
    def is_active(self) -> bool:
        return not self.reason and not self.is_suspect


def when(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def lineage(code: str) -> list[str]:
    """A division and everything above it, the widest first; nothing for a code that no register knows."""
    return [c for c, _, _ in DIVISIONS if code in LEVELS and code.startswith(c)]


@cache
def rules_of(day: date, code: str) -> Rules:
    """The policy in force: each narrower area overrides the wider ones, and the nation fills the rest. A version says again what
    the versions before it said, but for what it names."""
    said, layers = dict[str, float](NATION), []
    for place in ("", *lineage(code)):
        begun = [p for p in POLICIES if p[1] == place and p[2] <= day.isoformat()]
        if begun and day.isoformat() <= (begun[-1][3] or "9999-12-31"):
            for *_, own in begun:
                said |= own
            layers.append((place, begun[-1][0]))
    return Rules(said, tuple(layers))


def judged(city: City) -> list[Review]:
    """Every review that is kept, with the reason why it does not count."""
    contacts = {(c["case_no"], c["contact_no"]): c for _, _, c in city.rows("evaluation.contacts")}
    cases = {_key(r): r for _, _, r in city.rows("evaluation.rectifications")}
    by_key: dict[tuple[str, ...], list[tuple[str, int, dict[str, str]]]] = defaultdict(list)
    for sender, delivery, row in city.rows("evaluation.reviews"):
        by_key[_key(row)].append((sender, delivery, row))
    kept = []
    for key, sent in by_key.items():
        for row, is_copy, worst in _kept(sent):
            contact = contacts.get(key[:2], {})
            at = datetime.fromisoformat(row["reviewed_at"])
            rules = rules_of(at.date(), contact.get("division_code", ""))
            review = Review(row, level_of(row), at, int(key[2]), contact, rules, cases.get(key, {}), worst)
            review.reason = _reason(review, is_copy)
            kept.append(review)
    _suspect(kept)
    return kept


def level_of(row: Mapping[str, str]) -> int:
    return int(row["satisfaction"]) if "satisfaction" in row else 6 - int(row["满意度代码"])


def _key(row: dict[str, str]) -> tuple[str, ...]:
    return row["case_no"], row["contact_no"], row["review_no"]


def _kept(sent: list[tuple[str, int, dict[str, str]]]) -> Iterator[tuple[dict[str, str], bool, int]]:
    """Rows under one key that stay, whether each is a copy, and the worst level its origin gave; what its own later delivery
    replaced is history."""

    def origin(sender: str, row: dict[str, str]) -> tuple[str, str, str]:
        return sender, row.get("reviewer_id", row.get("证件号码", "")), row["channel"]

    # Silence is no answer, so the first answer leads, and where there is none the first default.
    ordered = sorted(sent, key=lambda s: s[2]["channel"] == "7")
    first = origin(ordered[0][0], ordered[0][2])
    lines: dict[tuple[str, str, str], dict[int, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for sender, delivery, row in sent:
        own = first if row.get("record_action") in ("U", "D") else origin(sender, row)
        lines[own][delivery].append(row)
    for own, deliveries in lines.items():
        newest, worst = max(deliveries), min(level_of(row) for rows in deliveries.values() for row in rows)
        for delivery, rows in deliveries.items():
            for nth, row in enumerate(rows):
                counts = own == first and delivery == newest and nth == 0
                if counts or nth > 0 or own != first:
                    yield row, not counts, worst


def _reason(review: Review, is_copy: bool) -> str:
    contact, case, said = review.contact, review.case, review.rules.said
    closed = when(contact.get("closed_at", ""))
    is_withdrawn = review.row.get("record_action") == "D"
    if not contact and not is_copy and not is_withdrawn:
        return "no_contact"
    if review.row["channel"] == "7":
        return "default"
    if is_copy or is_withdrawn:
        return "duplicate" if is_copy else "withdrawn"
    if case.get("appeal") == "upheld" or (case.get("appeal") == "filed" and not said["open_appeal_counts"]):
        return "appeal"
    if case.get("finding") in ("4", "5"):
        return "malicious or mistaken"
    if closed is None or review.at < closed:
        return "before_close"
    late = (review.at.date() - closed.date()).days > said["review_window_days"]
    return "after_window" if review.number == 1 and late else ""


def _suspect(reviews: list[Review]) -> None:
    """One reviewer at one window more often in a day than the policy believes; nothing else in this city looks bought."""

    def of(review: Review) -> tuple[Any, ...]:
        contact = review.contact
        return (review.row.get("reviewer_id") or review.row.get("证件号码"), contact["facility_code"] or contact["division_code"],
                contact["window_no"], review.at.date())  # fmt: skip

    counting = [r for r in reviews if not r.reason and r.number == 1]
    daily = Counter(of(r) for r in counting)
    for review in counting:
        review.is_suspect = daily[of(review)] > review.rules.said["reviewer_daily_limit"]
