"""Tables that are updated night by night are the tables that one build of everything makes, to the row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from nights import City, Row
from sendings import day_of_reviews

from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

FIRST = datetime(2026, 2, 20)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Fifty days of three halls, taken in and built."""
    city = City(DataDirectory(tmp_path_factory.mktemp("nights")), np.random.default_rng(5))
    for number in range(50):
        day = FIRST + timedelta(days=number)
        day_of_reviews(city, day, f"{number:02}")
    # Two programs: one begins a burst that only a later file completes, one keeps a constant lag.
    burst = [city.contact("H1", FIRST + timedelta(days=30, hours=20, seconds=30 * n)) for n in range(4)]
    steady = [city.contact("H2", FIRST + timedelta(days=20 + n, hours=10), window="9") for n in range(9)]
    reviews = [city.review(c, 5, tags="510") for c in burst] + [city.review(c, 33, tags="517") for c in steady[:6]]
    city.deliver("evaluation.contacts", "c_programs", burst + steady, FIRST + timedelta(days=40))
    city.deliver("evaluation.reviews", "r_programs", reviews, FIRST + timedelta(days=40))
    city.night("+review_counts", "+review_clusters", "+fct_review")
    return city


def a_new_day(city: City) -> None:
    day_of_reviews(city, FIRST + timedelta(days=50), "50")


def late_reviews_complete_what_programs_began(city: City) -> None:
    burst = city.contact("H1", FIRST + timedelta(days=30, hours=20, seconds=120))
    steady = [c for c in city.contacts.values() if c["window_no"] == "9"][6:]
    city.deliver("evaluation.contacts", "c_late", [burst], FIRST + timedelta(days=51))
    rows = [city.review(burst, 5, tags="510")] + [city.review(c, 33, tags="517") for c in steady]
    city.deliver("evaluation.reviews", "r_late", rows, FIRST + timedelta(days=51))


def a_day_of_brushing(city: City) -> None:
    """A hundred honest-looking five stars at once: a surge against the fifty days before."""
    day = FIRST + timedelta(days=45)
    contacts, reviews = city.day("H3", day, 120, five=1.0)
    city.deliver("evaluation.contacts", "c_brushed", contacts, day + timedelta(days=7))
    city.deliver("evaluation.reviews", "r_brushed", reviews, day + timedelta(days=7))


def busy_days_before_it_explain_the_surge(city: City) -> None:
    """Late files of last month move what the hall's habit was, and with it a day that they do not touch."""
    contacts, reviews = [], []
    for number in range(25):
        more = city.day("H3", FIRST + timedelta(days=number), 110 if number % 2 else 20, five=0.95)
        contacts += more[0]
        reviews += more[1]
    city.deliver("evaluation.contacts", "c_busy", contacts, FIRST + timedelta(days=53))
    city.deliver("evaluation.reviews", "r_busy", reviews, FIRST + timedelta(days=53))


def a_file_of_contacts_is_sent_again_corrected(city: City) -> None:
    """Contacts gone, moved to another hall and window, and to another month: their reviews follow."""
    rows = [c for c in city.contacts.values() if c["closed_at"].date() == (FIRST + timedelta(days=12)).date()]
    rows = [c for c in rows if c["window_no"] != "9"][4:]
    for row in rows[:6]:
        row.update(facility_code="H9", window_no="2")
    for row in rows[6:10]:
        row.update(closed_at=row["closed_at"] - timedelta(days=9), opened_at=row["opened_at"] - timedelta(days=9))
    city.withdraw("c12")
    city.deliver("evaluation.contacts", "c12_again", rows, FIRST + timedelta(days=54))


def reviews_are_corrected_withdrawn_copied_and_answered(city: City) -> None:
    reviews = list(city.reviews.values())
    corrected = [
        r | {"satisfaction": "1", "satisfaction_level": "1", "tags": None, "record_action": "U"}
        for r in reviews[5:60:9]
    ]
    gone = [r | {"record_action": "D"} for r in reviews[7:90:13]]
    copied = [r | {"reviewer_key": "somebody else"} for r in reviews[9:70:17]]
    city.deliver("evaluation.reviews", "r_corrected", corrected + gone + copied, FIRST + timedelta(days=55))
    # The owner's later word: the copy becomes the third under its key.
    city.deliver(
        "evaluation.reviews", "r_once_more", [r | {"tags": "513"} for r in reviews[9:70:17]], FIRST + timedelta(days=56)
    )
    bad = [r for r in reviews if r["satisfaction_level"] in ("1", "2")]
    begun = {"accepted_at": FIRST + timedelta(days=50)}
    decided = {"finding": "malicious", "malicious_decided_at": FIRST + timedelta(days=54)}
    key = ("case_no", "contact_no", "review_no")
    rows = [
        {k: r[k] for k in key} | begun | (decided if n % 3 == 0 else {"appeal": "upheld"})
        for n, r in enumerate(bad[:9])
    ]
    city.deliver("evaluation.rectifications", "f_first", rows, FIRST + timedelta(days=56))
    second = [city.review(city.contacts[r["case_no"]], 3e5, level=4, review_no=2) for r in bad[20:24]]
    city.deliver("evaluation.reviews", "r_second", second, FIRST + timedelta(days=56))


def a_review_waits_for_its_contact(city: City) -> None:
    contact = city.contact("H2", FIRST + timedelta(days=28, hours=10))
    city.deliver("evaluation.reviews", "r_early", [city.review(contact, 400, level=2)], FIRST + timedelta(days=57))


def and_the_contact_comes(city: City) -> None:
    contact = next(reversed(city.contacts.values()))
    city.deliver("evaluation.contacts", "c_after", [contact], FIRST + timedelta(days=58))


def of_window_8(city: City) -> list[Row]:
    return [c for c in city.contacts.values() if c["window_no"] == "8"]


def contacts_are_sent_open_and_reviewed(city: City) -> None:
    """Their reviews count in their own month until the contact closes, in the month before."""
    contacts = [city.contact("H1", FIRST + timedelta(days=35, hours=n), window="8") for n in range(6)]
    city.deliver(
        "evaluation.contacts", "c_open", [c | {"closed_at": None} for c in contacts], FIRST + timedelta(days=60)
    )
    city.deliver(
        "evaluation.reviews", "r_open", [city.review(c, 20 * 86400) for c in contacts[:3]], FIRST + timedelta(days=60)
    )


def the_contacts_close(city: City) -> None:
    city.deliver("evaluation.contacts", "c_closed", of_window_8(city)[:5], FIRST + timedelta(days=61))


def an_older_file_comes_late_and_one_closing_is_corrected(city: City) -> None:
    first, second = of_window_8(city)[:2]
    city.deliver(
        "evaluation.contacts",
        "c_closed_late",
        [second | {"closed_at": second["closed_at"] - timedelta(days=30), "opened_at": FIRST}],
        FIRST + timedelta(days=62),
    )
    city.deliver(
        "evaluation.contacts",
        "c_open_late",
        [first | {"closed_at": None, "window_no": "8"}],
        FIRST + timedelta(days=63),
    )


def closings(city: City) -> list[tuple[object, ...]]:
    """Rows, contacts, closed contacts of the window, and the months that they closed in."""
    return city.ask(
        "select count(*), count(distinct contact_id), count(closed_at), list_sort(list(distinct month(closed_month))"
        " filter (where closed_month is not null)) from reviews.fct_contact where window_no = '8'"
    )


def suspects(city: City) -> dict[str, int]:
    return dict(
        city.ask("select suspect_rule, count(*) from reviews.fct_review where suspect_rule is not null group by 1")
    )


def test_nights_of_every_kind_leave_what_one_build_of_everything_makes(city: City) -> None:
    nights: list[tuple[Callable[[City], None], ...]] = [
        (a_new_day, late_reviews_complete_what_programs_began, contacts_are_sent_open_and_reviewed),
        (a_day_of_brushing, a_review_waits_for_its_contact, the_contacts_close),
        (
            busy_days_before_it_explain_the_surge,
            a_file_of_contacts_is_sent_again_corrected,
            an_older_file_comes_late_and_one_closing_is_corrected,
        ),
        (reviews_are_corrected_withdrawn_copied_and_answered, and_the_contact_comes),
    ]
    states, caught, closed = [city.tables()], [suspects(city)], []
    for happenings in nights:
        for happens in happenings:
            happens(city)
        city.night()
        assert city.was_updated()
        states.append(city.tables())
        caught.append(suspects(city))
        closed += closings(city)
    # One contact each, open, then closed; a late row without a closing time opens none again, a later closing corrects the month.
    assert closed == [(6, 6, 0, None), (6, 6, 5, [3]), (6, 6, 5, [2, 3]), (6, 6, 5, [2, 3])]
    assert all(a["review_counts"] != b["review_counts"] for a, b in pairwise(states))
    # The late files completed a burst of five and a lag of nine; the surge was one until its hall was seen to be busy.
    assert caught[0] == {}
    assert caught[1] == {"burst": 5, "constant_lag": 9}
    assert caught[2]["surge"] > 20
    assert "surge" not in caught[3]
    city.night(full_refresh=True)
    assert city.tables() == states[-1]


def test_a_row_that_nothing_touched_is_not_written_again(city: City) -> None:
    """A mark that no build would make stands beside a updated row after a night, and not after a build of everything."""
    day_of_reviews(city, FIRST + timedelta(days=60), "60")
    marked = "select count(*) from reviews.review_judgements where tags = 'a mark'"
    city.ask("update reviews.review_judgements set tags = 'a mark' where reviewed_on < date '2026-03-01'")
    ((marks,),) = city.ask(marked)
    assert marks > 100
    city.night("review_deliveries", "review_delta", "fct_contact", "review_judgements")
    assert city.ask(marked) == [(marks,)]
    assert city.ask("select count(*) from reviews.review_judgements where receipt = 'r60'") == [(36,)]


def test_what_is_no_delivery_builds_everything(city: City) -> None:
    """Each change by itself; once it is undone, tonight's deliveries lead from the tables again."""
    city.night()
    ((state,),) = city.ask("select comment from duckdb_tables() where table_name = 'fct_contact'")
    # A facility as the register would hold it; which values does not matter, but none that is promised may be missing.
    plain = {"VARCHAR": "'H1'", "BOOLEAN": "true", "DATE": "date '2026-01-01'"}
    columns = city.ask(
        "select column_name, data_type from duckdb_columns() where table_name = 'dim_facility' order by column_index"
    )
    registered = ["'health:H1'" if name == "facility_id" else plain.get(kind, "1") for name, kind in columns]
    changes = {
        "a policy": (
            "update reviews.dim_review_policy set lag_min_reviews = lag_min_reviews + 1",
            "update reviews.dim_review_policy set lag_min_reviews = lag_min_reviews - 1",
        ),
        "a division": (
            "insert into divisions.division_latest (division_code) values ('new')",
            "delete from divisions.division_latest where division_code = 'new'",
        ),
        "the facility of a counter": (
            f"insert into facilities.dim_facility values ({', '.join(registered)})",
            "delete from facilities.dim_facility where facility_code = 'H1'",
        ),
        "whose a number is": (
            "insert into reviews.contact_namesakes (case_no, contact_no, sender) values ('new', 1, 'x')",
            "delete from reviews.contact_namesakes where case_no = 'new'",
        ),
        "a code map": (
            "insert into seeds.department_codes (sender, sent_code) values ('shifan', 'new')",
            "delete from seeds.department_codes where sent_code = 'new'",
        ),
        "a night that broke": (
            "comment on table reviews.fct_contact is 'another state'",
            f"comment on table reviews.fct_contact is '{state}'",
        ),
    }
    for what, (change, undone) in changes.items():
        city.ask(change)
        city.night("review_deliveries", "review_delta")
        assert not city.was_updated(), what
        city.ask(undone)
    city.night("review_deliveries", "review_delta")
    assert city.was_updated()
    # Which rows an upserted file had overruled nobody has kept.
    city.withdraw("r_corrected")
    city.night("review_deliveries", "review_delta")
    assert not city.was_updated()
