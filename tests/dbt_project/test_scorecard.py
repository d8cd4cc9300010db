"""A small city's whole scorecard: from the files in its inbox through the door and the models, against a recount by hand.

The city is judged by a policy that its user added to the seeds: it turns in the middle of a month, and a district and a town
have stricter rules of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest
from building import build, copy_project
from recount import RATES, Unit, recount
from recounted_city import City, as_csv, city, decider_rows, policy_rows
from recounted_departments import WEIGHTS, recount_departments

from contracts.loading import load_feeds
from orchestration.intake import feeds
from orchestration.intake.landing import Attempt
from orchestration.intake.taking_in import take_in
from orchestration.paths import ZONE, DataDirectory

POLICY = "own"
# What a recount cannot say with numbers, or says in the words of other tests.
WORDS = {
    "period_kind", "period_start", "month", "dimension", "code", "name_zh", "suppressed_reason", "policy", "verdict_reason",
    "verdict_text_zh", "verdict_text_en", "interval_z",
}  # fmt: skip


@pytest.fixture(scope="module")
def sent() -> City:
    return city()


@pytest.fixture(scope="module")
def night(sent: City, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, list[Attempt]]]:
    root = tmp_path_factory.mktemp("recounted")
    project = copy_project(root)
    with (root / "policies" / "review_policies.csv").open("a", encoding="utf-8") as seed:
        seed.write(policy_rows(POLICY))
    with (root / "policies" / "review_deciders.csv").open("a", encoding="utf-8") as seed:
        seed.write(decider_rows())
    data = DataDirectory(root / "data")
    data.derived.mkdir(parents=True)
    data.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("MINSHENG_PRIVACY_KEY", "a key for tests, 16+")
        surroundings.setattr("building.DBT_PROJECT", project)
        attempts = deliver(data, sent)
        build(data, "--select", "+review_scorecard", "+department_scorecard", "--exclude-resource-type", "test",
              "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious", variables={"review_policy": POLICY})  # fmt: skip
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        yield con, attempts


def deliver(data: DataDirectory, sent: City) -> list[Attempt]:
    """Puts the files into the inbox and takes each through the door, in the order of `sent`, the refused ones last."""
    for feed in load_feeds().values():
        feeds.ensure_typed(data, feed)
    attempts = []
    for nth, (feed_id, sender, received, rows) in enumerate([*sent.deliveries, *sent.refused]):
        path = data.inbox / feed_id / sender / f"{nth:02}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_csv(rows), encoding="gb18030" if sender == "wuliuwang" else "utf-8")
        moment = received.replace(tzinfo=ZONE).timestamp()
        os.utime(path, (moment, moment))
    for feed_id in dict.fromkeys(feed_id for feed_id, *_ in sent.deliveries):
        attempts += take_in(data, load_feeds()[feed_id], date(2026, 1, 1), date(2026, 3, 1))
    return sorted(attempts, key=lambda a: a.file_name)


@pytest.fixture(scope="module")
def warehouse(night: tuple[Any, list[Attempt]]) -> Any:
    return night[0]


@pytest.fixture(scope="module")
def published(warehouse: Any) -> dict[Unit, dict[str, Any]]:
    result = warehouse.execute("select * from reviews.review_scorecard")
    names = [d[0] for d in result.description]
    rows = (dict(zip(names, values, strict=True)) for values in result.fetchall())
    return {(r["period_kind"], r["period_start"], r["dimension"], r["code"]): r for r in rows}


@pytest.fixture(scope="module")
def wanted(sent: City) -> dict[Unit, dict[str, Any]]:
    return recount(sent)


def test_the_scorecard_is_what_a_person_would_count(published, wanted) -> None:
    assert set(published) == set(wanted)
    reasons = {name for row in published.values() for name in row if name.endswith("_null_reason")}
    counted = {name for row in wanted.values() for name in row} - {"last_month"}
    columns = set(next(iter(published.values()))) - WORDS - reasons - {"good_rate_lo_text", "good_rate_hi_text"}
    assert columns - counted == set(), "no column is left uncounted"
    wrong = {}
    for unit, row in published.items():
        for name in columns:
            value = wanted[unit].get(
                name, 0 if isinstance(row[name], int) and not isinstance(row[name], bool) else None
            )
            if row[name] != (pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value):
                wrong.setdefault(name, (unit, row[name], value))
    assert wrong == {}


def test_every_department_s_month_is_what_a_person_would_count(warehouse, night, sent) -> None:
    result = warehouse.execute("select * from scorecard.department_scorecard")
    names = [d[0] for d in result.description]
    rows = {
        (r["month"], r["department_code"], r["division_code"]): r
        for r in (dict(zip(names, v, strict=True)) for v in result.fetchall())
    }
    wanted = recount_departments(sent, night[1])
    assert set(rows) == set(wanted)
    words = {"month", "department_code", "division_code", "department_name", "division_name", "suppressed_reason", "policy", "weights_policy", "weights_version", "weights_area"}  # fmt: skip
    columns = (
        set(names) - words - {name for name in names if name.endswith("_null_reason") or name.startswith("survey_")}
    )
    counted = {name for row in wanted.values() for name in row} | {f"assumed_{part}" for part in WEIGHTS}
    assert columns - counted == set(), "no column is left uncounted"
    wrong = {}
    for key, row in rows.items():
        for name in columns:
            value = wanted[key].get(name)
            if row[name] != (pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value):
                wrong.setdefault(name, (key, row[name], value))
    assert wrong == {}
    assert sum(row["score"] is not None for row in rows.values()) > 20
    assert any(row["unmapped_contacts"] for row in rows.values())


def test_silence_scores_nothing_and_what_was_not_measured_lifts_nobody(warehouse) -> None:
    """The bureau of which 4.5 % review, all of them content, had 100.0; it has no score where fewer than the floor took part."""
    parts = ", ".join(f"{part}_part" for part in WEIGHTS)
    rows = warehouse.execute(f"select score, score_null_reason, participation_rate, month, level, {parts} from scorecard.department_scorecard").fetchall()  # fmt: skip
    silent = [row for row in rows if row[2] is not None and row[2] < 0.05]
    assert silent
    assert all(row[0] is None and row[1] == "too_little_measured" for row in silent)
    assert max(row[0] for row in rows if row[0] is not None) < 100
    less_measured = 0
    for whole in rows:
        for other in rows:
            # Of one month and level: whoever is at most as good wherever it is measured, and is measured in less.
            if whole[3:5] == other[3:5] and None not in (whole[0], other[0], whole[5]) and whole is not other:
                both = list(zip(whole[5:], other[5:], strict=True))
                if all(b is None or (a is not None and b <= a) for a, b in both):
                    less_measured += any(b is None and a is not None for a, b in both)
                    assert other[0] <= whole[0] + 1e-9
    assert less_measured


def test_a_sender_s_refused_and_late_files_are_told_where_its_halls_are(published, warehouse) -> None:
    """Another office: a file refused, one late, nothing since. Its hall of January has a row of nothing in February."""
    told = {
        code: {name: published["month", date(2026, 2, 1), kind, code][name] for name in ("contacts", "feeds_missing", "participation_rate", "participation_rate_null_reason", "covered_share")}
        for kind, code in (("facility", "hall:Z1"), ("facility", "hall:Z3"), ("county", "990103"), ("facility", "hall:H1"))
    }  # fmt: skip
    for hall in ("hall:Z1", "hall:Z3"):
        assert (told[hall]["feeds_missing"], told[hall]["participation_rate"], told[hall]["participation_rate_null_reason"]) == (
            "evaluation.contacts", None, "feeds_missing",
        )  # fmt: skip
    assert (told["hall:Z1"]["contacts"] > 0, told["hall:Z3"]["contacts"]) == (True, 0)
    assert 0.5 < told["990103"]["covered_share"] < 1
    assert told["hall:H1"]["feeds_missing"] is None
    days = warehouse.execute("select lost_days, refused_days > 0, late_days > 0, missing_days > 0 from reviews.sender_coverage where sender = 'kaifaqu' and month = '2026-02-01'").fetchone()  # fmt: skip
    assert days[1:] == (True, True, True)
    others = warehouse.execute(
        "select sum(lost_days) from reviews.sender_coverage where sender <> 'kaifaqu'"
    ).fetchone()
    assert others == (0,)


def test_a_renamed_department_s_own_row_says_what_is_missing(published) -> None:
    row = published["month", date(2026, 2, 1), "department", "veterans"]
    assert row["unmapped_contacts"] == 10
    assert row["covered_share"] < 1
    assert "10 more contacts came under a department code that nobody maps" in row["verdict_text_en"]
    assert published["month", date(2026, 1, 1), "department", "veterans"]["unmapped_contacts"] == 0


def test_the_parts_of_every_division_and_its_rest_add_up_to_it(published) -> None:
    """Contacts are sent also with the code of a district or a city: at every level below, they are its rest."""
    levels = ["province", "city", "county", "town", "village"]
    checked = 0
    for (kind, start, dimension, code), row in published.items():
        if dimension in levels[:-1] and code.startswith("99"):
            below = levels[levels.index(dimension) + 1]
            parts = [
                r
                for u, r in published.items()
                if u[:3] == (kind, start, below) and (u[3].removeprefix("rest:").startswith(code) and u[3] != code)
            ]
            for count in ("contacts", "active_reviews", "covered_contacts"):
                assert sum(r[count] for r in parts) == row[count], (kind, start, code, count)
            checked += any(u.startswith("rest:") for u in [x[3] for x in published if x[:3] == (kind, start, below)])
    assert checked


def test_the_city_holds_everything_the_recount_is_asked_about(published, wanted, warehouse) -> None:
    rows = list(wanted.values())
    assert len(rows) > 2_000
    assert {u[0] for u in wanted} == {"month", "quarter", "year", "trailing_12_months"}
    assert {u[2] for u in wanted} == {
        "all", "province", "city", "county", "town", "village", "department", "service_item", "channel", "facility",
    }  # fmt: skip
    for dimension in ("county", "town", "village", "department", "service_item", "channel", "facility"):
        modelled = {
            wanted[u]["peer_group"] for u in wanted if u[2] == dimension and wanted[u].get("good_rate_eb") is not None
        }
        assert modelled, f"no {dimension} has peers enough to be modelled"
    assert {row["verdict"] for row in rows} == {"good", "watch", "bad", "undetermined"}
    assert any(row.get("is_real_change") for row in rows)
    assert any(row["suspect_effect"] for row in rows)
    for count in ("refused_reviews", "invalid_before_close", "invalid_after_window", "invalid_decided", "invalid_withdrawn",
                  "invalid_other", "invalid_no_contact", "invalid_duplicate", "excluded_bad_decided", "excluded_bad_decided_outside", "corrected_reviews"):  # fmt: skip
        assert any(row.get(count) for row in rows), count
    assert any(row["excluded_bad_counted"] > 0 and row["excluded_effect"] for row in rows)
    assert any(row["periods_to_decide"] not in (None, 1) for row in rows)
    assert any(row["verdict"] == "undetermined" and row["verdict_if_counted"] != "undetermined" for row in rows)
    assert {row["policy_version"] for row in rows} == {"1", "2", "d1", "t1"}
    assert {row["policy_changed_in_period"] for row in rows} == {True, False}
    kept = dict(warehouse.execute("select validity, count(*) from reviews.fct_review group by all").fetchall())
    assert set(kept) == {
        "valid", "default", "duplicate", "withdrawn", "appeal_upheld", "appeal_filed", "malicious", "mistaken", "no_contact",
        "before_close", "after_window",
    }  # fmt: skip


def test_a_district_s_policy_binds_the_halls_departments_and_items_inside_it(published) -> None:
    """By contacts where no register places them: one hall lies in the district but for a few codes, one item in one of its towns."""
    bound = {
        (dimension, code): {row["policy_area"] for unit, row in published.items() if unit[2:] == (dimension, code) and unit[1] >= date(2026, 2, 1)}
        for dimension, code in (("facility", "hall:K1"), ("service_item", "BPS12"), ("facility", "culture:L1"), ("department", "health"))
    }  # fmt: skip
    assert bound == {
        ("facility", "hall:K1"): {"990101"}, ("service_item", "BPS12"): {"990101002"},
        ("facility", "culture:L1"): {"990101"}, ("department", "health"): {""},
    }  # fmt: skip
    hall = published["month", date(2026, 2, 1), "facility", "hall:K1"]
    assert (hall["good_line"], hall["min_reviews"]) == (0.99, 30)
    year = {unit[2:]: row for unit, row in published.items() if unit[:2] == ("year", date(2025, 1, 1))}
    assert year["facility", "hall:K1"]["policy_is_mixed"]
    assert year["department", "health"]["policy_is_mixed"]
    assert 0 < year["department", "health"]["contacts_under_policy"] < year["department", "health"]["contacts"]
    assert not year["county", "990101"]["policy_is_mixed"]


def test_a_rate_is_null_exactly_where_its_reason_stands(published) -> None:
    assert len(RATES) == 11
    for row in published.values():
        for rate in RATES:
            assert (row[rate] is None) == (row[f"{rate}_null_reason"] is not None)


# ── bad input: refused or marked, counted, and never in the recount ─────────────────────────────


def test_every_good_row_passes_and_no_bad_one(night, sent) -> None:
    attempts = night[1]
    assert [(a.feed, a.sender) for a in attempts] == [d[:2] for d in (*sent.deliveries, *sent.refused)]
    for attempt, (*_, rows) in zip(attempts, sent.deliveries, strict=False):
        assert (attempt.verdict, attempt.rows_accepted, attempt.rows_quarantined) == ("accepted", len(rows), 0), (
            attempt.reasons
        )
    for attempt in attempts[len(sent.deliveries) :]:
        assert not attempt.rows_accepted, attempt.reasons


def test_a_feed_without_a_code_scheme_is_refused_whole_and_told_what_to_declare(night, sent) -> None:
    attempt = night[1][len(sent.deliveries)]
    assert (attempt.sender, attempt.verdict, attempt.reason_code) == ("nobody", "refused", "code_scheme_undeclared")
    assert "code_scheme" in attempt.message_en
    assert "代码体系" in attempt.message_zh


def test_each_bad_row_is_kept_with_its_reason(night, sent) -> None:
    reviews, rectifications = night[1][len(sent.deliveries) + 1 :][:2]
    assert (reviews.rows_quarantined, rectifications.rows_quarantined) == (8, 6)
    told = {(r["field"], r["rule"]): r["rows"] for a in (reviews, rectifications) for r in a.reasons}
    assert told == {
        # 7, 0 and a word are no codes of the scheme; 8 is no channel of it; 599 is no tag.
        ("satisfaction_level", "code_not_in_scheme"): 3, ("satisfaction", "not_in_code_list"): 3, ("satisfaction", "pattern"): 1,
        ("satisfaction", "too_long"): 1, ("channel", "not_in_code_list"): 1, ("tags", "not_in_code_list"): 1,
        # Tags of another level, of two levels; a review of 2099.
        ("tags", "cross_field"): 2, ("reviewed_at", "cross_field"): 1,
        # Rectified before the case was received, and in 2099; visited before it, and without one; undecided malice and appeal.
        ("rectified_at", "cross_field"): 2, ("revisited_at", "cross_field"): 1, ("accepted_at", "required_missing"): 1,
        ("finding", "cross_field"): 1, ("appeal", "cross_field"): 2,
    }  # fmt: skip


def test_what_passes_the_door_and_does_not_fit_is_marked_and_counted(warehouse) -> None:
    """A case before its review, a visit without a bad review, a review of no contact: rows that stay, in no rate (the recount)."""
    problems = dict(
        warehouse.execute("select problem, count(*) from reviews.fct_rectification group by all").fetchall()
    )
    assert set(problems) >= {
        "no_bad_review",
        "rectified_before_review",
        "replied_before_review",
        "revisited_before_rectified",
    }
    visits, counted = warehouse.execute(
        "select count(*), sum(is_accepted::int) from reviews.fct_rectification where problem = 'no_bad_review' and revisited_at is not null"
    ).fetchone()
    assert visits >= 6
    assert counted == 0
    strangers, active = warehouse.execute(
        "select count(*), sum(is_active::int) from reviews.fct_review where validity = 'no_contact'"
    ).fetchone()
    assert strangers > 5
    assert active == 0


def test_every_flag_says_its_rule_its_evidence_and_its_policy(warehouse) -> None:
    flagged = warehouse.execute(
        "select coalesce(suspect_rule, validity) as rule, count(*), count(evidence), count(policy_version), count(try_cast(evidence as json)) "
        "from reviews.fct_review where not is_active group by all"
    ).fetchall()
    assert len(flagged) > 10
    assert [row for row in flagged if set(row[1:]) != {row[1]}] == []
