"""Every counted figure of the evaluation is counted again from its rows, and its rows lead to files that were sent."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from contracts.loading import load_products
from orchestration.__main__ import main
from orchestration.release.explaining import COUNTS, NotExplained, explain

MONTH = {"period_kind": "month"}


@pytest.fixture(scope="module")
def units(night_city) -> list[tuple[str, str, str]]:
    """A unit of every dimension of the newest month, the busiest, with nothing withheld."""
    with duckdb.connect(str(night_city.data.published / "minsheng.duckdb"), read_only=True) as con:
        return con.execute(
            "select dimension, code, period_start::varchar from review_scorecard where period_kind = 'month' and suppressed_reason is null "
            "and code not like 'rest:%' qualify row_number() over (partition by dimension order by active_reviews desc, code) = 1"
        ).fetchall()


@pytest.mark.slow
def test_what_is_counted_again_is_what_is_published(night_city, units) -> None:
    assert {"all", "department", "service_item", "county", "facility", "channel"} <= {u[0] for u in units}
    for dimension, code, month in units:
        for column in sorted(COUNTS):
            found = explain(
                night_city.data,
                "review_scorecard",
                {**MONTH, "period_start": month[:7], "dimension": dimension, "code": code},
                column,
            )
            assert found.agrees is True, (dimension, code, column, found.rows, found.value)
            assert sum(s.rows for s in found.sources) == found.value
            assert all(
                s.feed in ("evaluation.reviews", "evaluation.contacts") and s.file_name != "?" for s in found.sources
            )


def test_a_figure_is_told_with_formula_policy_and_senders(
    night_city, units, capsys, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MINSHENG_DATA", str(night_city.data.root))
    month = units[0][2][:7]
    page = tmp_path / "why.html"
    arguments = [
        "review_scorecard",
        "period_kind=month",
        f"period_start={month}",
        "dimension=all",
        "good_rate",
        "--page",
        str(page),
    ]
    assert main(["explain", *arguments]) == 0
    # Lines are broken where they are long.
    said, shown = (" ".join(text.split()) for text in (capsys.readouterr().out, page.read_text(encoding="utf-8")))
    for part in ("good_reviews / active_reviews", "evaluation.reviews", "min_reviews = 10", "回执 receipt"):
        assert part in said
        assert part in shown


ROW_BY_ROW = {
    "fct_review": "evaluation.reviews", "fct_rectification": "evaluation.reviews", "review_worklist": "evaluation.reviews",
    "review_reason_row": "evaluation.reviews", "dim_facility": "", "facility_link": "", "feed_health": "", "feed_problem": "",
}  # fmt: skip


@pytest.mark.parametrize("table", ROW_BY_ROW)
def test_a_row_of_one_thing_leads_to_the_file_it_came_in_and_not_to_all_of_the_feed(night_city, table) -> None:
    key = load_products()[table].key
    with duckdb.connect(str(night_city.data.published / "minsheng.duckdb"), read_only=True) as con:
        keys = ", ".join(f'"{k}"::varchar' for k in key)
        row = con.execute(f"select {keys} from {table} order by all limit 1").fetchone()
    if row is None:
        pytest.skip("the small city has no such row")
    found = explain(
        night_city.data, table, {k: v for k, v in zip(key, row, strict=True) if v is not None}, load_products()[table].fields[-1].name
    )  # fmt: skip
    assert found.counted.startswith(("这一行本身", "这一行所指的行"))
    assert 1 <= len(found.sources) <= 2
    assert all(s.rows and s.file_name != "?" and s.feed.startswith(ROW_BY_ROW[table]) for s in found.sources)


def test_a_survey_s_figure_leads_to_the_files_of_its_wave(night_city) -> None:
    with duckdb.connect(str(night_city.data.published / "minsheng.duckdb"), read_only=True) as con:
        key = load_products()["survey_score"].key
        row = con.execute(f"select {', '.join(key)} from survey_score where mean is not null limit 1").fetchone()
    found = explain(
        night_city.data, "survey_score", {k: str(v) for k, v in zip(key, row, strict=True) if v is not None}, "mean"
    )
    feeds = {s.feed for s in found.sources}
    assert {"evaluation.survey_responses", "evaluation.survey_samples", "evaluation.survey_questions"} <= feeds
    assert all(s.rows for s in found.sources if s.feed == "evaluation.survey_responses")
    assert "wave" in found.counted


def test_days_owed_lead_to_the_files_of_that_sender_and_month(night_city) -> None:
    with duckdb.connect(str(night_city.data.published / "minsheng.duckdb"), read_only=True) as con:
        row = con.execute(
            "select month::varchar, feed, sender from sender_coverage where covered_days > 0 order by all limit 1"
        ).fetchone()
    found = explain(
        night_city.data, "sender_coverage", dict(zip(("month", "feed", "sender"), row, strict=True)), "covered_days"
    )
    assert found.sources
    assert {(s.feed, s.sender) for s in found.sources} == {(row[1], row[2])}


def test_an_indicator_is_told_with_what_it_counts(night_city) -> None:
    with duckdb.connect(str(night_city.data.published / "minsheng.duckdb"), read_only=True) as con:
        key = load_products()["indicator_value"].key
        row = con.execute(
            f"select {', '.join(key)} from indicator_value where value is not null order by all limit 1"
        ).fetchone()
        (said,) = con.execute(
            "select definition_zh from dim_indicator where indicator_code = ?", [row[key.index("indicator_code")]]
        ).fetchone()
    found = explain(
        night_city.data, "indicator_value", {k: str(v) for k, v in zip(key, row, strict=True) if v is not None}, "value"
    )
    assert said
    assert said in found.defined


def test_of_a_withheld_figure_no_rows_are_counted(night_city) -> None:
    with duckdb.connect(str(night_city.data.published / "minsheng.duckdb"), read_only=True) as con:
        row = con.execute(
            "select period_kind, period_start::varchar, dimension, code from review_scorecard where suppressed_reason is not null and dimension in ('facility', 'village', 'town') limit 1"
        ).fetchone()
    if row is None:
        pytest.skip("the small city withholds nothing this time")
    where = dict(zip(("period_kind", "period_start", "dimension", "code"), row, strict=True))
    found = explain(night_city.data, "review_scorecard", where, "active_reviews")
    assert found.withheld
    assert (found.value, found.rows, found.agrees) == (None, None, None)
    assert all(s.rows is None for s in found.sources)


@pytest.mark.parametrize(
    ("table", "where", "column", "told"),
    [
        ("review_scorecards", {}, "x", "review_scorecard"),
        ("review_scorecard", {}, "god_rate", "good_rate"),
        ("review_scorecard", {"dimension": "all"}, "good_rate", "period_start"),
        ("review_scorecard", {"dimension": "nothing"}, "good_rate", "has no row"),
        ("review_scorecard", {"unit": "health"}, "good_rate", "a row is found by: .*dimension, code"),
        ("review_scorecard", {"dimension": "all"}, "code=health", "the last word is the column"),
    ],
)
def test_what_cannot_be_explained_is_told_with_what_there_is(night_city, table, where, column, told) -> None:
    with pytest.raises(NotExplained, match=told):
        explain(night_city.data, table, where, column)
