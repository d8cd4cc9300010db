"""The raw files of a small city whose every figure is recounted by hand: what departments put into the inbox, and a policy of its own.

Belongs here: chance and file contents. Does not belong here: what any of it means (recount). Everything that a door lets
through and that an evaluation can get wrong is in it: two senders whose codes run in opposite directions, copies, corrections,
withdrawals, defaults before and after an answer, reviews too early, too late, of open or unknown cases, appeals in every
state, rectifications before their review, units nobody maps, and policies that change within periods and areas.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

Rows = list[dict[str, str]]
EARLIER, LATER = datetime(2026, 2, 20, 2), datetime(2026, 3, 1, 2)
# When another office's files of contacts come, and the first and last day each speaks of; one is refused, the last is late.
OFFICE_FILES = (
    (datetime(2026, 1, 12, 2), date(2025, 11, 3), date(2026, 1, 11)), (datetime(2026, 1, 19, 2), date(2026, 1, 12), date(2026, 1, 18)),
    (datetime(2026, 2, 2, 2), date(2026, 1, 19), date(2026, 2, 1)), (datetime(2026, 2, 9, 2), date(2026, 2, 2), date(2026, 2, 8)),
    (datetime(2026, 2, 22, 2), date(2026, 2, 20), date(2026, 2, 21)),
)  # fmt: skip
OFFICE_REFUSED = datetime(2026, 2, 14, 2)
# code, name, level; two cities, districts of two to six towns, a town of six villages
DIVISIONS = [("99", "示范省", "province"), ("9901", "甲市", "city"), ("9902", "乙市", "city")]
DIVISIONS += [(f"9901{n:02}", f"甲{n}区", "county") for n in range(1, 7)] + [("990201", "乙1区", "county")]
TOWNS = [("990101", 6), *((f"9901{n:02}", 1) for n in range(2, 7)), ("990201", 1)]
DIVISIONS += [(f"{county}{n:03}", f"{county[-3:]}{n}镇", "town") for county, k in TOWNS for n in range(1, k + 1)]
VILLAGES = [f"990101001{n:03}" for n in range(1, 7)] + [
    f"{county}{n:03}001" for county, k in TOWNS for n in range(1, k + 1) if (county, n) != ("990101", 1)
]
DIVISIONS += [(code, f"{code[-6:]}村", "village") for code in VILLAGES]
# register code → type code as sent; six libraries, three museums
VENUES = {f"L{n}": "L1" for n in range(1, 7)} | {f"M{n}": "M1" for n in range(1, 4)}
VENUES_IN = "990101001001"
HALLS = [f"H{n}" for n in range(1, 7)]
# department as sent: share of contacts, share reviewed, share good
DEPARTMENTS = {
    "health": (0.2, 0.6, 0.99), "education": (0.2, 0.6, 0.80), "culture": (0.1, 0.5, 0.95), "justice": (0.1, 0.5, 0.9),
    "housing": (0.15, 0.5, 0.97), "veterans": (0.004, 0.5, 1.0), "civil_affairs": (0.5, 0.045, 1.0), "sports": (0.04, 0.5, 0.93),
    "TYJ": (0.04, 0.5, 0.93), "nobody": (0.066, 0.5, 0.9),
}  # fmt: skip
ITEMS, CHANNELS = ("BPS02", "BPS05", "BPS27", "12333", "ZW-1", "BPS10", "BPS11"), ("1", "2", "3", "4", "9")
TAGS = {5: "510", 4: "413", 3: "314", 2: "214", 1: "115"}
# version, area, from, until, what it says; what it leaves open is the nation's
POLICIES: list[tuple[str, str, str, str, dict[str, float]]] = [
    ("1", "", "2020-01-01", "2026-01-14", {"points_5": 10, "points_4": 8, "points_3": 6, "points_2": 3, "points_1": 0,
                                           "open_appeal_counts": 0, "review_window_days": 20}),
    ("2", "", "2026-01-15", "", {"good_level_min": 4, "good_line": 0.93, "bad_line": 0.85, "min_reviews": 12, "weight_good": 0.5,
                                 "weight_participation": 0.1, "false_discovery_rate": 0.2, "participation_floor": 0.1}),
    ("d1", "990101", "2025-10-01", "", {"good_line": 0.99, "rectification_days": 7, "rectification_counts_workdays": 0,
                                        "points_4": 7, "min_reviews": 30, "verdict_looks": 4, "prior_units_min": 3}),
    ("t1", "990101002", "2026-02-01", "", {"reviewer_daily_limit": 3, "bad_line": 0.5}),
]  # fmt: skip


# Whose decisions and withdrawals are evidence, and of which department.
DECIDERS = {("shifan", "health"), ("kaifaqu", "justice")}


@dataclass
class City:
    """Deliveries in the order of arrival: feed, sender, received at, rows; and those that no row of may pass the door."""

    deliveries: list[tuple[str, str, datetime, Rows]] = field(default_factory=list)
    refused: list[tuple[str, str, datetime, Rows]] = field(default_factory=list)

    def rows(self, feed: str) -> Iterator[tuple[str, int, dict[str, str]]]:
        """Sender, number of the delivery and row, in the order of arrival, as the files say it."""
        for n, (of, sender, _, rows) in enumerate(self.deliveries):
            if of == feed:
                yield from ((sender, n, row) for row in rows)


def as_csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def city(seed: int = 5, contacts: int = 7_000) -> City:
    """14 months of contacts and what became of them."""
    rng = np.random.default_rng(seed)
    drawn = _Drawn(rng)
    for n in range(contacts):
        drawn.contact(n)
    drawn.one_reviewer_all_day()
    drawn.visits_of_nobody()
    drawn.another_office()
    drawn.put_right()
    return drawn.city()


class _Drawn:
    """Rows by feed, sender and delivery, one contact after the other."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.contacts: Rows = []
        self.reviews: dict[tuple[str, datetime], Rows] = {
            (sender, at): [] for sender in ("shifan", "wuliuwang") for at in (EARLIER, LATER)
        }
        self.cases: dict[datetime, Rows] = {EARLIER: [], LATER: []}
        self.office: dict[datetime, Rows] = {}

    def maybe(self, chance: float) -> bool:
        return bool(self.rng.random() < chance)

    def contact(self, n: int) -> None:
        rng, names = self.rng, list(DEPARTMENTS)
        shares = np.array([share for share, _, _ in DEPARTMENTS.values()])
        department = str(rng.choice(names, p=shares / shares.sum()))
        place = str(
            rng.choice(
                ["990101", "9902", "000000", *VILLAGES], p=[0.02, 0.01, 0.02, *[0.95 / len(VILLAGES)] * len(VILLAGES)]
            )
        )
        closed = datetime(2025, 1, 1, 9) + timedelta(seconds=int(rng.integers(0, 423 * 86_400)))
        key = {"case_no": f"99{n:06}", "contact_no": "2" if self.maybe(0.05) else "1"}
        is_open = self.maybe(0.01)
        row = key | {
            "service_item_code": str(rng.choice(ITEMS)), "department_code": department, "division_code": place,
            "facility_code": str(rng.choice(["", *VENUES, *HALLS])), "window_no": str(rng.integers(1, 4)),
            "channel": str(rng.choice(CHANNELS)), "opened_at": f"{closed - timedelta(hours=1)}",
            "closed_at": "" if is_open else f"{closed}", "named": str(rng.choice(["1", "0", ""], p=[0.75, 0.2, 0.05])),
        }  # fmt: skip
        # A hall of the district with rules of its own, which a few contacts of elsewhere do not free; an item of one town.
        if n % 7 == 0 and (place.startswith("990101") or n % 203 == 0):
            row["facility_code"] = "K1"
        if n % 2 and place == "990101002001":
            row["service_item_code"] = "BPS12"
        self.contacts.append(row)
        _, share, good = DEPARTMENTS[department]
        if not self.maybe(share):
            return
        updated = 0.18 if department == "education" and closed.year == 2026 else 0
        level = int(rng.choice([5, 4, 3] if self.maybe(good + updated) else [2, 1]))
        if self.maybe(0.005):
            key = key | {"case_no": f"98{n:06}"}
        self.first_review(key, level, closed, f"P{n}")

    def first_review(self, key: dict[str, str], level: int, closed: datetime, who: str) -> None:
        """A review and what may lie around it: defaults, copies, corrections, a case and its second review."""
        days = float(self.rng.choice([-1, 1, 10, 25, 40], p=[0.05, 0.8, 0.05, 0.05, 0.05]))
        at = min(
            closed + timedelta(days=days, seconds=int(self.rng.integers(0, 40_000))), LATER - timedelta(days=1, hours=3)
        )
        sender = "wuliuwang" if int(key["case_no"]) % 5 == 0 else "shifan"
        if self.maybe(0.03):
            self.say("shifan", key, 5, at - timedelta(hours=5), channel="7")
        if sender == "shifan" and self.maybe(0.1):
            self.say(sender, key, level, at, channel="7")
            return
        self.say(sender, key, level, at, who)
        if self.maybe(0.03):
            self.say(sender, key, 1, at + timedelta(hours=1), f"other{who}")
        if self.maybe(0.02):
            self.say(sender, key, level, at + timedelta(minutes=1), who)
        if sender == "shifan" and self.maybe(0.04):
            # A correction, a withdrawal, or the same person's newer answer in a later delivery.
            action = str(self.rng.choice(["U", "D", "I"]))
            self.say(sender, key, 4, max(at, EARLIER) + timedelta(minutes=5), who, action=action)
        if level <= 2 and self.maybe(0.9):
            self.case(key, at, who, sender)

    def say(self, sender: str, key: dict[str, str], level: int, at: datetime, who: str = "", *, channel: str = "", action: str = "",
            review_no: int = 1) -> None:  # fmt: skip
        at = min(at, LATER - timedelta(minutes=1))
        row = key | {
            "review_no": str(review_no),
            "评价标签" if sender == "wuliuwang" else "tags": TAGS[level],
            "comment": f"说明{level}",
        }
        if sender == "wuliuwang":
            row |= {"满意度代码": str(6 - level), "channel": "短信", "证件号码": who}
        else:
            row |= {"satisfaction": str(level), "channel": channel or "1", "reviewer_id": who, "record_action": action}
        self.reviews[sender, EARLIER if at < EARLIER else LATER].append(row | {"reviewed_at": f"{at}"})

    def case(self, key: dict[str, str], reviewed: datetime, who: str, sender: str) -> None:
        rng = self.rng
        accepted = reviewed + timedelta(hours=int(rng.choice([-30, 2], p=[0.3, 0.7])))
        done = accepted + timedelta(days=float(rng.choice([0.5, 1, 3, 7, 18, 30])))
        end = LATER - timedelta(hours=6)
        finding = str(rng.choice(["", "1", "2", "3", "4", "5"], p=[0.1, 0.6, 0.1, 0.08, 0.06, 0.06]))
        appeal = str(rng.choice(["none", "filed", "upheld", "dismissed"], p=[0.6, 0.15, 0.1, 0.15]))

        def when(chance: float) -> str:
            return f"{done}" if self.maybe(chance) and done < end else ""

        row = key | {
            "review_no": "1", "accepted_at": f"{min(accepted, end)}", "finding": finding,
            "verified_at": f"{min(accepted, end)}" if finding else "", "malicious_decided_at": f"{min(done, end)}" if finding == "4" else "",
            "rectified_at": when(0.7), "replied_at": when(0.6), "revisited_at": when(0.5), "revisit_satisfaction": "",
            "appeal": appeal, "appealed_at": "" if appeal == "none" else f"{min(accepted, end)}",
            "appeal_decided_at": f"{min(accepted, end)}" if appeal in ("upheld", "dismissed") else "",
        }  # fmt: skip
        if self.maybe(0.1):
            # The whole row is sent again once more has happened.
            self.cases[EARLIER if accepted < EARLIER - timedelta(days=1) else LATER].append(
                row | {"rectified_at": "", "replied_at": "", "revisited_at": "", "appeal": "none", "appealed_at": "", "appeal_decided_at": ""}
            )  # fmt: skip
            self.cases[LATER].append(row)
        else:
            self.cases[EARLIER if done < EARLIER and accepted < EARLIER else LATER].append(row)
        if self.maybe(0.4):
            self.say(sender, key, int(rng.choice([5, 3, 2])), done + timedelta(days=30), who, review_no=2)

    def one_reviewer_all_day(self) -> None:
        """Six reviews of one person at one window in a day, four where the policy allows three, five where it allows five."""
        for nth, (place, times) in enumerate((("990101003001", 6), ("990101002001", 4), ("990101003001", 5))):
            for k in range(times):
                closed = datetime(2026, 2, 3 + nth, 9 + k, 0, 7 * k + 1)
                key = {"case_no": f"97{nth}{k:05}", "contact_no": "1"}
                self.contacts.append(key | {
                    "service_item_code": "BPS02", "department_code": "health", "division_code": place, "facility_code": "", "window_no": "77",
                    "channel": "1", "opened_at": f"{closed - timedelta(hours=1)}", "closed_at": f"{closed}", "named": "1",
                })  # fmt: skip
                self.say("shifan", key, 5 if k else 2, closed + timedelta(minutes=3 + 5 * k), f"busy{nth}")
                if not k:  # a bad review without a word is a bad review
                    self.reviews["shifan", EARLIER if closed < EARLIER else LATER][-1] |= {"tags": "", "comment": ""}

    def another_office(self) -> None:
        """A sender of contacts alone, whose halls nobody else tells of; their residents review also what its lost files held.

        Since February it calls one department by a code that nobody maps.
        """
        for received, first, last in (*OFFICE_FILES, (OFFICE_REFUSED, date(2026, 2, 9), date(2026, 2, 13))):
            rows: Rows = []
            for nth in range((last - first).days + 1):
                day = first + timedelta(nth)
                for k, hall in enumerate(("Z1", "Z1", "Z2", "Z3" if day.month == 1 else "Z1")):
                    closed = datetime(day.year, day.month, day.day, 10 + k, 7 * nth % 60, 11)
                    key = {"case_no": f"95{day:%y%m%d}{k}", "contact_no": "1"}
                    rows.append(key | {
                        "service_item_code": "BPS02", "department_code": "health" if hall != "Z2" else "veterans" if day < date(2026, 2, 1) else "TYJRSWJ",
                        "division_code": "990102001001" if hall != "Z3" else "990103", "facility_code": hall, "window_no": "1",
                        "channel": "1", "opened_at": f"{closed - timedelta(hours=1)}", "closed_at": f"{closed}", "named": "1",
                    })  # fmt: skip
                    if (nth + k) % 2:
                        self.first_review(key, 2 if nth % 9 == 0 else 5, closed, f"office{key['case_no']}")
            if received != OFFICE_REFUSED:
                self.office[received] = rows

    def put_right(self) -> None:
        """Every other bad review of February that nothing was said of since comes again, as a good one."""
        later = self.reviews["shifan", LATER]
        said = {row["case_no"] for row in later}
        bad = [
            row
            for row in self.reviews["shifan", EARLIER]
            if row["satisfaction"] in "12"
            and row["review_no"] == "1"
            and row["reviewed_at"] >= "2026-01-20"
            and row["case_no"] not in said
        ]
        later += [row | {"satisfaction": "4", "tags": "413", "record_action": "U"} for row in bad[::2]]

    def city(self) -> City:
        register = [
            {"vintage": "2025", "code": c, "name": name, "level": level, "parent_code": c[: {6: 4, 9: 6, 12: 9}.get(len(c), 2)] if len(c) > 2 else ""}
            for c, name, level in DIVISIONS
        ]  # fmt: skip
        venues: Rows = [
            {
                "venue_id": code,
                "name": f"{code}馆",
                "venue_type_code": kind,
                "division_code": VENUES_IN,
                "status": "1",
            }
            for code, kind in VENUES.items()
        ]
        deliveries: list[tuple[str, str, datetime, Rows]] = [
            ("reference.divisions", "shifan", EARLIER, register),
            ("culture.venues", "shifan", EARLIER, venues),
            ("evaluation.contacts", "shifan", LATER, self.contacts),
        ]
        deliveries += [("evaluation.contacts", "kaifaqu", at, rows) for at, rows in self.office.items()]
        deliveries += [("evaluation.reviews", sender, at, rows) for (sender, at), rows in self.reviews.items()]
        deliveries += [("evaluation.rectifications", "shifan", at, rows) for at, rows in self.cases.items()]
        deliveries.sort(key=lambda d: (d[0], d[2], d[1]))
        return City(deliveries, self.refused())

    def visits_of_nobody(self) -> None:
        """Return visits to people who gave no bad review, and one to a case that nobody knows."""
        reviewed = {row["case_no"] for rows in self.reviews.values() for row in rows}
        silent = [c for c in self.contacts if c["case_no"] not in reviewed][:5]
        for key in (
            *({k: c[k] for k in ("case_no", "contact_no")} for c in silent),
            {"case_no": "96000001", "contact_no": "1"},
        ):
            day = f"{EARLIER - timedelta(days=2)}"
            self.cases[EARLIER].append(
                key | {"review_no": "1", "accepted_at": day, "rectified_at": day, "revisited_at": day}
            )

    def refused(self) -> list[tuple[str, str, datetime, Rows]]:
        """What no door lets through, about contacts that are known, so that a row scored by guess would change a count."""
        said = {row["case_no"] for rows in self.reviews.values() for row in rows}
        cases = iter([c for c in self.contacts if c["case_no"] not in said and c["closed_at"] < "2026-02-01"][10:])

        def review(**wrong: str) -> dict[str, str]:
            contact = next(cases)
            right = {
                "review_no": "1",
                "satisfaction": "5",
                "tags": "510",
                "channel": "1",
                "reviewed_at": contact["closed_at"],
                "comment": "好",
            }
            return {k: contact[k] for k in ("case_no", "contact_no")} | right | wrong

        def case(**wrong: str) -> dict[str, str]:
            contact = next(cases)
            day = contact["closed_at"]
            return (
                {k: contact[k] for k in ("case_no", "contact_no")}
                | {"review_no": "1", "accepted_at": day, "rectified_at": ""}
                | wrong
            )

        undeclared = [review() for _ in range(30)]
        reviews = [
            review(satisfaction="7", tags=""), review(satisfaction="0", tags=""), review(satisfaction="满意", tags=""),
            review(satisfaction="1"), review(tags="510,413"), review(tags="599"), review(reviewed_at="2099-01-01 08:00:00"),
            review(channel="8"),
        ]  # fmt: skip
        rectifications = [
            case(rectified_at="2020-01-01 08:00:00"), case(revisited_at="2020-01-01 08:00:00"), case(accepted_at="", revisited_at="2026-02-01 08:00:00"),
            case(rectified_at="2099-01-01 08:00:00"), case(finding="4", verified_at="2026-02-01 08:00:00"), case(appeal="upheld"),
        ]  # fmt: skip
        return [
            ("evaluation.reviews", "nobody", LATER, undeclared), ("evaluation.reviews", "shifan", LATER, reviews),
            ("evaluation.rectifications", "shifan", LATER, rectifications),
            ("evaluation.contacts", "kaifaqu", OFFICE_REFUSED, [{"编号": "1", "姓名": "某"}]),
        ]  # fmt: skip


def decider_rows() -> str:
    """The rows of policies/review_deciders.csv that a user adds."""
    return "".join(f"{sender},{department},2020-01-01,,project,a test\n" for sender, department in sorted(DECIDERS))


def policy_rows(policy: str) -> str:
    """The rows of policies/review_policies.csv that a user adds for a policy of his own."""
    lines: list[Any] = [
        (policy, version, since, until, area, parameter, value, "project", "a test")
        for version, area, since, until, said in POLICIES
        for parameter, value in said.items()
    ]
    return "".join(",".join(str(value) for value in line) + "\n" for line in lines)
