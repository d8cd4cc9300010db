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
from recounted_city import City, as_csv, city, policy_rows

from contracts.loading import load_feeds
from orchestration.intake import feeds
from orchestration.intake.landing import Attempt
from orchestration.intake.taking_in import take_in
from orchestration.paths import SHANGHAI, DataDirectory

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
    data = DataDirectory(root / "data")
    data.derived.mkdir(parents=True)
    data.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("MINSHENG_PRIVACY_KEY", "a key for tests, 16+")
        surroundings.setattr("building.DBT_PROJECT", project)
        attempts = deliver(data, sent)
        build(data, "--select", "+review_scorecard", "--exclude-resource-type", "test",
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
        moment = received.replace(tzinfo=SHANGHAI).timestamp()
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
                  "invalid_other", "invalid_no_contact", "invalid_duplicate", "excluded_bad_decided"):  # fmt: skip
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
    reviews, rectifications = night[1][len(sent.deliveries) + 1 :]
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
