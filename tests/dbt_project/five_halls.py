"""Five halls with the same visits and the same bad reviews, of which four send them in a way of their own.

Belongs here: the files that the halls send. Does not belong here: what comes of them (test_five_halls).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from contracts.loading import seed

VISITS, BAD = 130, 26
FIRST = datetime(2026, 1, 5, 9)
Row = dict[str, str]


@dataclass
class Hall:
    """What a hall sends of its visits: a contact and a review each, all of them reviewed."""

    code: str
    contacts: list[Row]
    reviews: list[Row]
    rectifications: list[Row]
    later: list[Row] = field(default_factory=list)  # reviews of a second file
    later_contacts: list[Row] = field(default_factory=list)

    @property
    def bad(self) -> set[str]:
        return {r["case_no"] for r in self.reviews if r["satisfaction"] in "12"}

    def put_right(self) -> list[Row]:
        """Its bad reviews as good ones."""
        good = {"satisfaction": "5", "tags": "510", "comment": ""}
        return [r | good for r in self.reviews if r["case_no"] in self.bad]


def usual_number(code: str, n: int) -> str:
    return f"{code}{n:04}"


def visits(code: str, *, bad: int = BAD, number: Callable[[str, int], str] = usual_number,
           is_bad: Callable[[int], bool] | None = None, department: str = "human_resources") -> Hall:  # fmt: skip
    """Visits a quarter of an hour apart on working days; every fifth is bad, unless somebody says which are."""
    wrong = is_bad or (lambda n: n % (VISITS // bad) == 2 if bad else False)
    contacts, reviews = [], []
    for n in range(VISITS):
        closed = FIRST + timedelta(days=n // 8 + 2 * (n // 40), minutes=50 * (n % 8))
        key = {"case_no": number(code, n + 1), "contact_no": "1"}
        contacts.append(
            key
            | {"service_item_code": "BPS27", "department_code": department, "division_code": "990104001001",
               "facility_code": code, "window_no": str(n % 3 + 1), "channel": "1", "named": "1",
               "opened_at": f"{closed - timedelta(minutes=20)}", "closed_at": f"{closed}"}
        )  # fmt: skip
        level = "1" if wrong(n) else "5"
        reviewed = closed + timedelta(minutes=7 + 13 * (n % 9), seconds=n % 50)
        reviews.append(
            key
            | {"review_no": "1", "satisfaction": level, "tags": "115" if level == "1" else f"51{n % 8}",
               "comment": "等了很久" if level == "1" else "", "channel": "4", "reviewed_at": f"{reviewed}",
               "reviewer_id": f"R{code[:2]}{n:04}"}
        )  # fmt: skip
    return Hall(code, contacts, reviews, [])


def honest(hall: Hall) -> None:
    """Half of what was bad is answered in time."""
    answer(hall, sorted(hall.bad)[::2])


def answer(hall: Hall, cases: Iterable[str]) -> None:
    said = {r["case_no"]: datetime.fromisoformat(r["reviewed_at"]) for r in hall.reviews}
    for case_no in cases:
        done = {step: f"{said[case_no] + timedelta(days=2)}" for step in ("rectified_at", "replied_at", "revisited_at")}
        hall.rectifications.append(
            {"case_no": case_no, "contact_no": "1", "review_no": "1", "finding": "1", "appeal": "none",
             "accepted_at": f"{said[case_no] + timedelta(hours=2)}", "verified_at": f"{said[case_no] + timedelta(days=1)}"} | done
        )  # fmt: skip


def without_a_word(hall: Hall) -> None:
    for review in hall.reviews:
        if review["case_no"] in hall.bad:
            review |= {"tags": "", "comment": ""}


def not_reported(hall: Hall) -> None:
    hall.contacts[:] = [c for c in hall.contacts if c["case_no"] not in hall.bad]


def closed_after_the_review(hall: Hall) -> None:
    said = {r["case_no"]: r["reviewed_at"] for r in hall.reviews}
    for contact in hall.contacts:
        if contact["case_no"] in hall.bad:
            contact["closed_at"] = f"{datetime.fromisoformat(said[contact['case_no']]) + timedelta(minutes=5)}"


def left_open(hall: Hall) -> None:
    for contact in hall.contacts:
        if contact["case_no"] in hall.bad:
            contact["closed_at"] = ""


# Further ways, of which the issue does not speak.


def refused_for_a_tag(hall: Hall) -> None:
    for review in hall.reviews:
        if review["case_no"] in hall.bad:
            review["tags"] = "510"


def refused_for_their_level(hall: Hall) -> None:
    for review in hall.reviews:
        if review["case_no"] in hall.bad:
            review |= {"satisfaction": "9", "tags": ""}


def contacts_refused(hall: Hall) -> None:
    for contact in hall.contacts:
        if contact["case_no"] in hall.bad:
            contact["closed_at"] = "2020-01-01 08:00:00"


def withdrawn(hall: Hall) -> None:
    hall.reviews += [r | {"record_action": "D"} for r in hall.reviews if r["case_no"] in hall.bad]


def mostly_withdrawn(hall: Hall) -> None:
    """Four in five of the bad reviews are taken back, and every other one is answered in time."""
    bad = sorted(hall.bad)
    hidden = [case_no for n, case_no in enumerate(bad) if n % 5]
    hall.reviews += [r | {"record_action": "D"} for r in hall.reviews if r["case_no"] in hidden]
    answer(hall, bad[::5])


def corrected(hall: Hall) -> None:
    hall.reviews += [r | {"record_action": "U"} for r in hall.put_right()]


def sent_again_as_good(hall: Hall) -> None:
    hall.later += hall.put_right()


def sent_again_as_silence(hall: Hall) -> None:
    hall.later += [r | {"is_default": "1"} for r in hall.put_right()]


def called_a_second_review(hall: Hall) -> None:
    for review in hall.reviews:
        if review["case_no"] in hall.bad:
            review["review_no"] = "2"


def of_another_contact(hall: Hall) -> None:
    for review in hall.reviews:
        if review["case_no"] in hall.bad:
            review["contact_no"] = "2"


def withdrawn_and_begun_again(hall: Hall) -> None:
    good = hall.put_right()
    withdrawn(hall)
    hall.reviews += good


def corrected_and_withdrawn(hall: Hall) -> None:
    hall.reviews += [r | {"record_action": action} for r in hall.put_right() for action in ("U", "D")]


def mostly_decided_away(hall: Hall) -> None:
    bad = sorted(hall.bad)
    answer(hall, bad)
    for n, case in enumerate(hall.rectifications):
        if n % 5:
            case |= {"finding": "5", "rectified_at": "", "replied_at": "", "revisited_at": ""}


def mostly_left_open(hall: Hall) -> None:
    bad = sorted(hall.bad)
    for contact in hall.contacts:
        if contact["case_no"] in bad and contact["case_no"] not in bad[::5]:
            contact["closed_at"] = ""
    answer(hall, bad[::5])


def called_default(hall: Hall) -> None:
    for review in hall.reviews:
        if review["case_no"] in hall.bad:
            review["is_default"] = "1"


def dated_too_late(hall: Hall) -> None:
    for review in hall.reviews:
        if review["case_no"] in hall.bad:
            review["reviewed_at"] = f"{datetime.fromisoformat(review['reviewed_at']) + timedelta(days=31)}"


# Two at once, a number or a date that another row says otherwise, contacts that are moved once their review is known.


def of_bad_reviews(**said: str) -> Callable[[Hall], None]:
    def bend(hall: Hall) -> None:
        bad = hall.bad
        hall.reviews[:] = [r | said if r["case_no"] in bad else r for r in hall.reviews]

    return bend


def moved(**said: str) -> Callable[[Hall], None]:
    def bend(hall: Hall) -> None:
        hall.later_contacts += [c | said for c in hall.contacts if c["case_no"] in hall.bad]

    return bend


def at_once(*bends: Callable[[Hall], None]) -> Callable[[Hall], None]:
    def bend(hall: Hall) -> None:
        for one in bends:
            one(hall)

    return bend


def content_at_first(hall: Hall) -> None:
    """The resident says that it was bad in a second review; a good first one in the same name is invented."""
    first = hall.put_right()
    called_a_second_review(hall)
    hall.reviews[:0] = first


def withdrawn_first(hall: Hall) -> None:
    first = [r | {"record_action": action} for r in hall.put_right() for action in ("I", "D")]
    called_a_second_review(hall)
    hall.reviews[:0] = first


def called_anonymous(hall: Hall) -> None:
    """Half is answered in time like the honest hall's; nobody is visited, because nobody is said to be known."""
    honest(hall)
    for contact in hall.contacts:
        contact["named"] = "0" if contact["case_no"] in hall.bad else contact["named"]
    for case in hall.rectifications:
        case["revisited_at"] = ""


SECOND = {"review_no": "2"}
LONG_AGO, BEFORE_ANY_POLICY = {"reviewed_at": "2025-03-05 10:00:00"}, {"reviewed_at": "2019-03-05 10:00:00"}
COMBINED_WAYS = {
    "second_not_reported": at_once(not_reported, of_bad_reviews(**SECOND)), "withdrawn_not_reported": at_once(withdrawn, not_reported),
    "corrected_not_reported": at_once(corrected, not_reported), "second_refused": of_bad_reviews(**SECOND, tags="510"),
    "second_default": of_bad_reviews(**SECOND, is_default="1"), "content_at_first": content_at_first, "withdrawn_first": withdrawn_first,
    "called_anonymous": called_anonymous, "moved_to_another_hall": moved(facility_code="Zelsewhere"), "moved_to_no_hall": moved(facility_code=""),
    "moved_to_the_next_month": moved(closed_at="2026-02-20 10:00:00"),
    "moved_all_over": moved(facility_code="", department_code="nobody", service_item_code="nothing", division_code="990101001001", channel="2"),
    "moved_to_another_hall_and_month": moved(facility_code="Zelsewhere", closed_at="2026-02-26 10:00:00"),
}  # fmt: skip
# Apart, for a sender that speaks of the year before is missed where it is silent since.
DATED_WAYS = {
    "before_any_policy": of_bad_reviews(**BEFORE_ANY_POLICY), "second_before_any_policy": of_bad_reviews(**BEFORE_ANY_POLICY, **SECOND),
    "long_ago_not_reported": at_once(of_bad_reviews(**LONG_AGO), not_reported),
    "long_ago_contacts_refused": at_once(of_bad_reviews(**LONG_AGO), contacts_refused), "long_ago_left_open": at_once(of_bad_reviews(**LONG_AGO), left_open),
}  # fmt: skip
WAYS = {
    "honest": honest, "without_a_word": without_a_word, "not_reported": not_reported,
    "closed_after_the_review": closed_after_the_review, "left_open": left_open,
}  # fmt: skip
FURTHER_WAYS = {
    "refused_for_a_tag": refused_for_a_tag, "refused_for_their_level": refused_for_their_level, "contacts_refused": contacts_refused,
    "withdrawn": withdrawn, "mostly_withdrawn": mostly_withdrawn, "mostly_decided_away": mostly_decided_away,
    "corrected": corrected, "sent_again_as_good": sent_again_as_good, "withdrawn_and_begun_again": withdrawn_and_begun_again,
    "sent_again_as_silence": sent_again_as_silence, "called_a_second_review": called_a_second_review, "of_another_contact": of_another_contact,
    "corrected_and_withdrawn": corrected_and_withdrawn, "mostly_left_open": mostly_left_open, "called_default": called_default, "dated_too_late": dated_too_late,
    "first_not_reported": not_reported, "last_not_reported": not_reported, "numbers_before_the_code_not_reported": not_reported,
}  # fmt: skip
# Each hall is a department of its own, so that departments can be compared as halls are.
OF_HALLS = [row["code"] for row in seed("departments") if row["code"] not in ("human_resources", "unknown")]
# Where a hall has its bad visits, and how it writes its numbers, if not like the others.
PLACES: dict[str, Callable[[int], bool]] = {
    "first_not_reported": lambda n: n < BAD,
    "last_not_reported": lambda n: n >= VISITS - BAD,
}
NUMBERS: dict[str, Callable[[str, int], str]] = {
    "numbers_before_the_code_not_reported": lambda code, n: f"S{n:07}{code[0]}07",
}


def floods(good: Hall) -> dict[str, list[Row]]:
    """Bad reviews of visits that nobody made, meant for a good hall: sender → rows."""

    def flood(sender_no: int, number: Callable[[int], str], n: int, contact_no: str = "1") -> list[Row]:
        return [
            {"case_no": number(k), "contact_no": contact_no, "review_no": "1", "satisfaction": "1", "tags": "115", "comment": "差",
             "channel": "2", "reviewed_at": f"{FIRST + timedelta(hours=k % 400)}", "reviewer_id": f"F{sender_no}{k:05}"}
            for k in range(n)
        ]  # fmt: skip

    code = good.code
    return {
        # A stranger who knows nothing, one who knows how the numbers look, one who goes on where they end; a rival who knows them.
        "shifan": flood(1, lambda k: f"X{k:06}", 300) + flood(2, lambda k: f"{code}{5000 + 7 * k:04}", 300)
        + flood(3, lambda k: f"{code}{VISITS + 21 + k:04}", 200) + flood(4, lambda k: f"{code}{k % VISITS + 1:04}", 130, "2"),
        "wuliuwang": [
            {"case_no": row["case_no"], "contact_no": "1", "review_no": "1", "满意度代码": "5", "评价标签": "115", "channel": "短信",
             "reviewed_at": row["reviewed_at"], "证件号码": row["reviewer_id"]}
            for row in flood(5, lambda k: f"{code}{VISITS + 1 + k:04}", 20)
        ],
    }  # fmt: skip
