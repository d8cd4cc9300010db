"""Which tables keep the content of the last release: what a failure reaches, and whatever its keys hold together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.loading import load_products
from orchestration.paths import DataDirectory
from orchestration.release.keeping import Cause, broken_in_candidate, failed_in_dbt, lost_keys
from orchestration.warehouse import failures

PRODUCTS = load_products()
BROKEN = Cause("audit of x", "x is broken")


def model(name: str) -> str:
    return f"model.minsheng.{name}"


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    """review_counts → review_scorecard → review_reason, and fct_review beside them, with a test of it and one of two tables."""
    directory = DataDirectory(tmp_path)
    nodes: dict[str, Any] = {
        model(name): {"name": name, "resource_type": "model"}
        for name in ("review_counts", "review_scorecard", "review_reason", "fct_review", "dim_facility")
    }
    nodes["test.minsheng.keys.1"] = {"name": "keys", "resource_type": "test", "attached_node": model("fct_review")}
    both = [model("fct_review"), model("review_scorecard")]
    nodes["test.minsheng.adds_up"] = {"name": "adds_up", "resource_type": "test", "depends_on": {"nodes": both}}
    sent = "source.minsheng.evaluation.reviews"
    nodes["test.minsheng.right_way"] = {"name": "right_way", "resource_type": "test", "depends_on": {"nodes": [sent]}}
    below = {sent: [model("fct_review"), "test.minsheng.right_way"], model("review_counts"): [model("review_scorecard")], model("review_scorecard"): [model("review_reason"), "test.minsheng.adds_up"]}  # fmt: skip
    directory.dbt_target.mkdir(parents=True)
    (directory.dbt_target / "manifest.json").write_text(
        json.dumps({"nodes": nodes, "sources": {sent: {}}, "child_map": below}), encoding="utf-8"
    )
    return directory


def failed(data: DataDirectory, node: str) -> set[str]:
    failures.remember(data, [{"unique_id": node, "status": "fail", "message": "Got 2 results", "failures": 2}])
    return set(failed_in_dbt(data, PRODUCTS))


def test_what_is_made_of_a_failed_model_is_kept_with_it_and_nothing_else(data) -> None:
    # department_scorecard divides cells of review_scorecard once more, so the two are proved together
    assert failed(data, model("review_counts")) == {"review_scorecard", "review_reason", "department_scorecard"}


def test_a_failed_test_keeps_the_table_it_is_of_or_those_it_reads(data) -> None:
    assert failed(data, "test.minsheng.keys.1") == {"fct_review"}
    assert failed(data, "test.minsheng.adds_up") == {"fct_review", "review_scorecard", "review_reason", "department_scorecard"}  # fmt: skip


def test_a_failed_test_of_what_was_sent_keeps_whatever_is_made_of_it(data) -> None:
    assert failed(data, "test.minsheng.right_way") == {"fct_review"}


def test_a_test_that_is_no_longer_in_the_project_keeps_nothing_and_is_forgotten(data) -> None:
    data.failures.parent.mkdir(parents=True)
    data.failures.write_text('{"test.minsheng.gone.2": "2 rows"}', encoding="utf-8")
    assert failed_in_dbt(data, PRODUCTS) == {}
    assert failed(data, model("fct_review")) == {"fct_review"}
    assert set(failures.remembered(data)) == {model("fct_review")}


def test_what_the_audit_finds_reaches_what_is_made_of_the_table(data) -> None:
    kept = broken_in_candidate(data, PRODUCTS, {"review_scorecard": ["first", "second"]})
    assert set(kept) == {"review_scorecard", "review_reason", "department_scorecard"}
    assert kept["review_reason"] == Cause("audit of review_scorecard", "first")


def test_what_dbt_skipped_stays_on_the_list_until_it_succeeds(data) -> None:
    assert failed(data, model("fct_review")) == {"fct_review"}
    failures.remember(data, [{"unique_id": model("fct_review"), "status": "skipped", "message": None}])
    assert set(failures.remembered(data)) == {model("fct_review")}
    failures.remember(data, [{"unique_id": model("fct_review"), "status": "success", "message": "OK"}])
    assert failures.remembered(data) == {}


def test_a_list_that_does_not_read_is_made_again_by_the_next_build(data) -> None:
    failures.remember(data, [])
    data.failures.write_text("{", encoding="utf-8")
    assert failed(data, model("fct_review")) == {"fct_review"}


@pytest.mark.parametrize(
    ("kept", "lost"),
    [
        ({"facility_link": BROKEN}, {"facility_link", "dim_facility"}),
        ({"dim_facility": BROKEN}, {"facility_link", "dim_facility"}),
        ({"facility_link": BROKEN, "dim_facility": BROKEN}, set()),
        ({}, set()),
    ],
    ids=["yesterday's facts, today's keys", "today's facts, yesterday's keys", "both of yesterday", "both of today"],
)
def test_keys_between_two_days_that_lead_nowhere_keep_both_tables(tmp_path, kept, lost) -> None:
    (key,) = PRODUCTS["facility_link"].by_name["left_id"].foreign_keys
    assert (key.table, key.column) == ("dim_facility", "facility_id")
    path = str(tmp_path / "candidate.duckdb")
    with duckdb.connect(path) as con:
        con.execute("create table dim_facility as select unnest(['a', 'b']) as facility_id")
        con.execute("create table facility_link as select 'a' as left_id, 'gone' as right_id")
    few = {name: PRODUCTS[name] for name in ("dim_facility", "facility_link")}
    assert set(lost_keys(path, few, kept)) == lost
