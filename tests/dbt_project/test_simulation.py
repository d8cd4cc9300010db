"""What the evaluation says of a city whose truth is known: intervals cover, ranks hold, brushing is found, honesty is not accused."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

import duckdb
import pytest
from building import accept, dbt
from simulated_reviews import BRUSHED, BUSY, RUSH, Simulated, simulate

from contracts.loading import load_feeds
from orchestration.paths import DBT_PROJECT, DataDirectory

pytestmark = pytest.mark.slow

PROJECT = DBT_PROJECT.parent
SEED = 20
# What docs/evaluation.md states: the share of each kind of brushing that is found, and of what is suspected that is brushing.
STATED_RECALL = {"burst": 0.90, "constant_lag": 0.95, "same_reviewer": 0.95, "surge": 0.95}
STATED_PRECISION = 0.95


@pytest.fixture(scope="module")
def truth() -> Simulated:
    return simulate(SEED)


@pytest.fixture(scope="module")
def built(truth: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = DataDirectory(tmp_path_factory.mktemp("simulated"))
    data.derived.mkdir()
    for table in ("contacts", "reviews", "rectifications"):
        accept(data, load_feeds()[f"evaluation.{table}"], getattr(truth, table), datetime(2026, 3, 1, 2))
    run = dbt(
        data, "build", "--select", "+review_scorecard", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"
    )  # fmt: skip
    assert run.success, run.said[-3000:]
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        yield con


@pytest.fixture(scope="module")
def suspects(built: Any) -> dict[str, str]:
    """case → the rule that suspects its review."""
    return dict(
        built.execute(
            "select c.case_no, r.suspect_rule from reviews.fct_review r join reviews.fct_contact c using (contact_id) "
            "where r.suspect_rule is not null"
        ).fetchall()
    )


def halls(built: Any, columns: str) -> list[tuple[Any, ...]]:
    """Rows of the scorecard for every hall and month."""
    return built.execute(
        f"select code, month, {columns} from reviews.review_scorecard where dimension = 'facility' and period_kind = 'month' "
        "and code like 'hall:%' order by all"
    ).fetchall()


# ── intervals and ranks ─────────────────────────────────────────────────────────────────────────


def test_intervals_cover_the_truth_at_their_nominal_rate(truth, built) -> None:
    rows = halls(built, "good_rate_lo, good_rate_hi, bad_rate_lo, bad_rate_hi, active_reviews")
    honest = [r for r in rows if r[0].removeprefix("hall:") not in {hall for hall, _ in BRUSHED.values()}]
    assert len(honest) == 56 * 6
    good = [lo <= truth.good[code.removeprefix("hall:")] <= hi for code, _, lo, hi, *_ in honest]
    bad = [lo <= 1 - truth.good[code.removeprefix("hall:")] <= hi for code, _, _, _, lo, hi, _ in honest]
    # Wilson's 95 % covers 93–97 % of small samples; 336 intervals scatter by 1.2 points around that.
    assert 0.925 <= sum(good) / len(good) <= 0.985
    assert 0.925 <= sum(bad) / len(bad) <= 0.985
    # Some months have a few dozen reviews, so the intervals were tried where they are wide as well.
    assert min(r[-1] for r in honest) < 40 < 400 < max(r[-1] for r in honest)


def test_rank_intervals_hold_the_true_rank_of_every_hall_at_once(truth, built) -> None:
    periods: dict[Any, list[tuple[str, int, int]]] = defaultdict(list)
    for kind, start, code, lo, hi in built.execute(
        "select period_kind, period_start, code, good_rate_rank_lo, good_rate_rank_hi from reviews.review_scorecard "
        "where dimension = 'facility' and code like 'hall:%' order by all"
    ).fetchall():
        periods[kind, start].append((code.removeprefix("hall:"), lo, hi))
    rank = {code: 1 + sum(other > rate for other in truth.good.values()) for code, rate in truth.good.items()}
    missed = [p for p, units in periods.items() if not all(lo <= rank[code] <= hi for code, lo, hi in units)]
    assert all(len(units) == len(rank) for units in periods.values())
    assert len([p for p in periods if p[0] == "month"]) == 6
    assert missed == [], "joint 95 % intervals: one period in twenty may fail, of these none should"
    # Not by saying nothing: over the half year a hall is told apart from every fourth.
    longest = max(p for p in periods if p[0] == "trailing_12_months")
    widths = [hi - lo + 1 for _, lo, hi in periods[longest]]
    assert sum(widths) / len(widths) < 60 * 0.75


def test_no_hall_is_called_bad_that_is_surely_good_or_good_that_is_surely_bad(truth, built) -> None:
    wrong, told = [], 0
    for code, month, verdict, good_line, bad_line in halls(built, "verdict, good_line, bad_line"):
        rate = truth.good[code.removeprefix("hall:")]
        told += verdict in ("good", "bad")
        if (verdict == "bad" and rate >= bad_line) or (verdict == "good" and rate < good_line):
            wrong.append((code, month, verdict, rate))
    # One-sided error of a 95 % interval: 2.5 % of the halls at the very line.
    assert len(wrong) <= 0.025 * 360
    # Of 360 hall-months: with twelve looks a year, four windows that agree by assumption and mistakes that the halls themselves took out, a tenth.
    assert told > 15


# ── silence and appeals ─────────────────────────────────────────────────────────────────────────


def test_silence_is_counted_and_never_answers(truth, built) -> None:
    counted = {(c.removeprefix("hall:"), m): d for c, m, d in halls(built, "default_reviews")}
    assert {key: n for key, n in counted.items() if n} == truth.defaults
    (levels,) = built.execute(
        "select count(*) from reviews.fct_review where validity = 'default' and (is_active or verdict is not null)"
    ).fetchone()
    assert levels == 0


def test_an_upheld_appeal_leaves_the_score_and_stays_in_the_audit(truth, built) -> None:
    rows = built.execute(
        "select c.case_no, r.validity, r.is_active from reviews.fct_review r join reviews.fct_contact c using (contact_id) "
        "where r.validity = 'appeal_upheld'"
    ).fetchall()
    assert {case for case, *_ in rows} == truth.upheld
    assert len(truth.upheld) > 500
    assert not any(active for *_, active in rows)


# ── brushing ────────────────────────────────────────────────────────────────────────────────────


def test_an_appeal_that_is_not_upheld_takes_nothing_out_of_the_score(truth, built) -> None:
    appealed = dict(
        built.execute(
            "select c.case_no, r.validity from reviews.fct_review r join reviews.fct_contact c using (contact_id) "
            "join reviews.fct_rectification f using (review_id) where f.appeal in ('filed', 'dismissed')"
        ).fetchall()
    )
    assert set(appealed) == truth.in_vain
    assert len(truth.in_vain) > 500
    assert set(appealed.values()) == {"valid"}


@pytest.mark.parametrize(("kind", "recall"), STATED_RECALL.items())
def test_brushing_of_known_size_is_found(truth, suspects, kind, recall) -> None:
    brushed = {case for case, how in truth.brushed.items() if how == kind}
    assert len(brushed) == BRUSHED[kind][1]
    assert len(brushed & suspects.keys()) / len(brushed) >= recall


def test_what_is_found_is_brushing(truth, suspects) -> None:
    """Precision: a surge cannot tell the day's honest five stars from the bought ones, the other rules can."""
    rules = Counter(suspects.values())
    true = Counter(rule for case, rule in suspects.items() if case in truth.brushed)
    sharp = [rule for rule in rules if rule != "surge"]
    assert sum(true[r] for r in sharp) / sum(rules[r] for r in sharp) >= 0.97
    assert sum(true.values()) / sum(rules.values()) >= STATED_PRECISION
    bought_hall, _ = BRUSHED["surge"]
    assert [case for case in suspects if case not in truth.brushed and not case.endswith(bought_hall)] == []


def test_the_score_without_suspects_is_nearer_to_the_truth(truth, built) -> None:
    nearer = []
    for code, _, rate, with_suspects, suspected in halls(built, "good_rate, good_rate_with_suspects, suspect_reviews"):
        if suspected >= 20:
            good = truth.good[code.removeprefix("hall:")]
            nearer.append(abs(rate - good) < abs(with_suspects - good))
    assert len(nearer) >= len(BRUSHED)
    assert sum(nearer) > len(nearer) / 2


def test_an_honest_busy_hall_is_not_accused(truth, built, suspects) -> None:
    visitors = [c for c in truth.contacts if c["facility_code"] == BUSY]
    rush = sum(c["closed_at"].date() == RUSH for c in visitors)
    assert rush > 700
    accused = [c["case_no"] for c in visitors if c["case_no"] in suspects]
    assert accused == []


def test_what_is_promised_of_brushing_stands_in_the_docs() -> None:
    said = (PROJECT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    rows = {
        "burst": "bursts of 40",
        "constant_lag": "60 reviews exactly",
        "same_reviewer": "one reviewer",
        "surge": "120 bought reviews",
    }
    for kind, beginning in rows.items():
        (line,) = (line for line in said.splitlines() if line.startswith(f"| {beginning}"))
        assert line.split("|")[2].strip() == f"≥ {STATED_RECALL[kind]:.0%} found".replace("%", " %")
    (line,) = (line for line in said.splitlines() if line.startswith("| of what is suspected"))
    assert line.split("|")[2].strip() == f"≥ {STATED_PRECISION:.0%}".replace("%", " %")
