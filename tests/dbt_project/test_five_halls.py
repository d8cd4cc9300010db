"""No way of sending makes a bad hall better than the honest one, and nobody makes a good hall worse by inventing reviews."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from building import accept, build
from five_halls import (
    BAD,
    COMBINED_WAYS,
    DATED_WAYS,
    FIRST,
    FURTHER_WAYS,
    NUMBERS,
    OF_HALLS,
    PLACES,
    VISITS,
    WAYS,
    Hall,
    Row,
    floods,
    not_reported,
    usual_number,
    visits,
)
from sendings import divisions

from contracts.loading import load_feeds
from demo.city import EARLIER
from orchestration.intake import feeds
from orchestration.intake.taking_in import take_in
from orchestration.paths import ZONE, DataDirectory

pytestmark = pytest.mark.slow

RECEIVED = datetime(2026, 2, 27, 2)
# From the best that can be said of a unit to the worst; what cannot be told is not good, and not called bad.
ORDER = ("good", "watch", "undetermined", "bad")
GOOD = "good_hall"
ALL_WAYS = WAYS | FURTHER_WAYS | COMBINED_WAYS
CODES = {way: f"{chr(65 + n // 20)}{chr(65 + n % 20)}{way}" for n, way in enumerate(ALL_WAYS | DATED_WAYS)}
DEPARTMENTS = dict(zip(CODES, OF_HALLS, strict=False))
# There are fewer departments than ways: those that report some visits in another order share that of the first, the combined ones none.
DEPARTMENTS |= (
    dict.fromkeys(WAYS | FURTHER_WAYS, DEPARTMENTS["not_reported"])
    | DEPARTMENTS
    | dict.fromkeys(COMBINED_WAYS | DATED_WAYS, "human_resources")
)
assert {way for way in CODES if DEPARTMENTS[way] == DEPARTMENTS["not_reported"]} == {
    way for way, bend in (WAYS | FURTHER_WAYS).items() if bend is not_reported
}
# What readers put units in order by, and whether more is better.
RANKED = {"good_rate_rank": False, "good_rate_rank_lo": False, "good_rate_rank_hi": False, "good_rate_eb": True, "score": True,
          "participation_rate_if_counted": True, "good_rate_if_counted": True, "good_rate_if_counted_lo": True, "good_rate_if_counted_hi": True}  # fmt: skip


def write(data: DataDirectory, feed_id: str, sender: str, name: str, rows: Sequence[Row]) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    path = data.inbox / feed_id / sender / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="gb18030" if sender == "wuliuwang" else "utf-8")
    moment = RECEIVED.replace(tzinfo=ZONE).timestamp()
    os.utime(path, (moment, moment))


def every_day(hall: Hall) -> Hall:
    """The visits a day apart, to the end of February: the sender is never silent."""
    moved = {}
    for n, contact in enumerate(hall.contacts):
        closed = datetime.fromisoformat(contact["closed_at"])
        moved[contact["case_no"]] = timedelta(days=n % 53) - (closed.date() - FIRST.date())
    for row in (*hall.contacts, *hall.reviews):
        for column in {"opened_at", "closed_at", "reviewed_at"} & set(row):
            row[column] = f"{datetime.fromisoformat(row[column]) + moved[row['case_no']]}"
    return hall


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from built(DataDirectory(tmp_path_factory.mktemp("halls") / "data"), ALL_WAYS)


@pytest.fixture(scope="module")
def long_ago(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from built(
        DataDirectory(tmp_path_factory.mktemp("long_ago") / "data"), {"honest": WAYS["honest"]} | DATED_WAYS
    )


def built(data: DataDirectory, ways: Mapping[str, Callable[[Hall], None]]) -> Iterator[Any]:
    data.derived.mkdir(parents=True)
    data.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
    halls: list[Hall] = []
    for way, bend in ways.items():
        hall = visits(
            CODES[way], is_bad=PLACES.get(way), number=NUMBERS.get(way, usual_number), department=DEPARTMENTS[way]
        )
        bend(hall)
        halls.append(hall)
    good = visits(GOOD, bad=0)
    for hall in (*halls, good, every_day(visits("Zelsewhere", bad=0))):
        write(data, "evaluation.contacts", "shifan", hall.code, hall.contacts)
        write(data, "evaluation.reviews", "shifan", hall.code, hall.reviews)
        if hall.later_contacts:
            write(data, "evaluation.contacts", "shifan", f"{hall.code}_later", hall.later_contacts)
        if hall.later:
            write(data, "evaluation.reviews", "shifan", f"{hall.code}_later", hall.later)
        if hall.rectifications:
            write(data, "evaluation.rectifications", "shifan", hall.code, hall.rectifications)
    for sender, rows in floods(good).items():
        write(data, "evaluation.reviews", sender, "flood", rows)
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("MINSHENG_PRIVACY_KEY", "a key for tests, 16+")
        for feed in load_feeds().values():
            feeds.ensure_typed(data, feed)
        accept(data, load_feeds()["reference.divisions"], divisions(EARLIER).to_dicts(), RECEIVED)
        for feed_id in ("evaluation.contacts", "evaluation.reviews", "evaluation.rectifications"):
            taken = take_in(data, load_feeds()[feed_id], date(2026, 1, 1), date(2026, 3, 1))
            assert {
                (a.file_name, a.sender, a.verdict, a.reason_code) for a in taken if a.verdict != "accepted"
            } == set()
        build(
            data,
            "--select",
            "+review_scorecard",
            "+department_scorecard",
            "--exclude-resource-type",
            "unit_test",
            "--indirect-selection",
            "cautious",
        )
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        yield con


def of_hall(con: Any, code: str) -> dict[str, Any]:
    """The row of the scorecard for the year of the visits."""
    asked = con.execute(
        "select * from reviews.review_scorecard where dimension = 'facility' and period_kind = 'year' "
        "and period_start = date '2026-01-01' and code = 'hall:' || ?", [code]
    )  # fmt: skip
    names = [d[0] for d in asked.description]
    return dict(zip(names, asked.fetchone(), strict=True))


@pytest.mark.parametrize("way", ALL_WAYS)
def test_no_way_of_sending_is_better_than_the_honest_one(warehouse: Any, way: str) -> None:
    honest, bent = of_hall(warehouse, CODES["honest"]), of_hall(warehouse, CODES[way])
    assert honest["verdict"] == "bad"
    assert ORDER.index(bent["verdict"]) >= ORDER.index("undetermined"), bent["verdict_text_en"]
    assert bent["verdict_if_counted"] in ("bad", "undetermined")
    assert bent["bad_reviews"] + bent["excluded_bad"] + bent["corrected_reviews"] + bent["moved_reviews"] == BAD
    arrived = (
        bent["reviews"]
        + bent["second_reviews"]
        + bent["refused_reviews"]
        + bent["unmatched_reviews"]
        + bent["moved_reviews"]
    )
    # A second review that does not count is no review of the unit until it turns out to be a first one.
    arrived = max(arrived - bent["invalid_no_contact"], bent["active_reviews"] + bent["excluded_reviews"])
    assert arrived >= VISITS
    assert bent["good_rate_if_counted"] <= 0.96


@pytest.mark.parametrize("way", ALL_WAYS)
def test_the_least_favourable_reading_is_that_of_the_honest_hall(warehouse: Any, way: str) -> None:
    honest, bent = of_hall(warehouse, CODES["honest"]), of_hall(warehouse, CODES[way])
    assert bent["verdict_if_counted"] == "bad"
    assert bent["good_rate_if_counted"] == honest["good_rate"]


def test_what_moves_within_a_unit_is_not_lost_to_it(warehouse: Any) -> None:
    """Of four halls that moved their contacts two moved them to February, and one to another department; one hall took over what two moved."""
    rows = warehouse.execute(
        "select period_kind, dimension, moved_reviews from reviews.review_scorecard where period_start = date '2026-01-01' "
        "and period_kind in ('month', 'year') and code in ('all', 'human_resources', 'hall:Zelsewhere')"
    ).fetchall()  # fmt: skip
    assert {(kind, unit): n for kind, unit, n in rows} == {
        ("month", "all"): 2 * BAD, ("month", "department"): 3 * BAD, ("month", "facility"): 0,
        ("year", "all"): 0, ("year", "department"): BAD, ("year", "facility"): 0,
    }  # fmt: skip


@pytest.mark.parametrize("way", ALL_WAYS)
def test_no_way_of_sending_stands_higher_in_anything_units_are_put_in_order_by(warehouse: Any, way: str) -> None:
    honest, bent = of_hall(warehouse, CODES["honest"]), of_hall(warehouse, CODES[way])
    for column, more_is_better in RANKED.items():
        assert honest[column] is not None
        ahead = (bent[column] - honest[column]) * (1 if more_is_better else -1)
        assert ahead <= 1e-9, (column, honest[column], bent[column])


@pytest.mark.parametrize("way", [*WAYS, *FURTHER_WAYS])
def test_no_department_scores_higher_by_its_way_of_sending(warehouse: Any, way: str) -> None:
    def of(which: str) -> tuple[float, ...]:
        (row,) = warehouse.execute(
            "select score, reviews_part, loop_part from scorecard.department_scorecard where department_code = ? "
            "and level = 'city' and month = date '2026-01-01'", [DEPARTMENTS[which]]
        ).fetchall()  # fmt: skip
        return row

    honest, bent = of("honest"), of(way)
    assert None not in honest
    assert all(b is None or b <= h + 1e-9 for h, b in zip(honest, bent, strict=True)), (honest, bent)


@pytest.mark.parametrize("way", DATED_WAYS)
def test_a_date_of_long_ago_takes_no_bad_review_away(long_ago: Any, way: str) -> None:
    honest, bent = of_hall(long_ago, CODES["honest"]), of_hall(long_ago, CODES[way])
    assert (bent["excluded_bad"], bent["verdict"], bent["verdict_if_counted"]) == (BAD, "undetermined", "bad")
    assert bent["good_rate_if_counted"] == honest["good_rate"]
    assert bent["good_rate_rank"] >= honest["good_rate_rank"]


def test_a_bad_review_without_a_word_is_a_bad_review(warehouse: Any) -> None:
    row = of_hall(warehouse, CODES["without_a_word"])
    assert (row["verdict"], row["bad_reviews"], row["refused_reviews"]) == ("bad", BAD, 0)


def test_the_row_says_where_every_review_went(warehouse: Any) -> None:
    where = {
        "closed_after_the_review": "invalid_before_close", "left_open": "invalid_contact_open", "not_reported": "unmatched_reviews",
        "refused_for_a_tag": "refused_reviews", "refused_for_their_level": "refused_reviews", "contacts_refused": "unmatched_reviews",
        "withdrawn": "invalid_withdrawn", "corrected": "corrected_reviews", "sent_again_as_good": "corrected_reviews",
        "called_a_second_review": "second_reviews", "of_another_contact": "unmatched_reviews", "called_default": "default_reviews", "dated_too_late": "invalid_after_window",
    }  # fmt: skip
    assert {way: of_hall(warehouse, CODES[way])[column] for way, column in where.items()} == dict.fromkeys(where, BAD)


def test_the_sentence_says_what_would_change(warehouse: Any) -> None:
    row = of_hall(warehouse, CODES["left_open"])
    assert (row["verdict"], row["verdict_reason"]) == ("undetermined", "excluded_reviews_decide")
    assert "26" in row["verdict_text_zh"]
    assert (
        "without them it is watch, with 26 of them it is bad" in row["verdict_text_en"]
        or "good" in row["verdict_text_en"]
    )


def test_a_flood_of_invented_reviews_moves_no_honest_hall(warehouse: Any) -> None:
    row = of_hall(warehouse, GOOD)
    assert (row["verdict"], row["verdict_if_counted"]) == ("good", "good")
    assert (row["unmatched_reviews"], row["excluded_bad"]) == (0, 0)
    ((unknown,),) = warehouse.execute(
        "select invalid_no_contact from reviews.review_scorecard where dimension = 'facility' and code = 'none' "
        "and period_kind = 'trailing_12_months' order by period_start desc limit 1"
    ).fetchall()  # fmt: skip
    assert unknown == 300 + 300 + 200 + 130 + 20 + 7 * BAD, "what nobody can place is counted where nobody is judged"
