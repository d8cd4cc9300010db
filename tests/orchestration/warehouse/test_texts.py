"""What Dagster says of columns that no contract has."""

from __future__ import annotations

from orchestration.warehouse import texts


def _said(column: str) -> str | None:
    return texts.schema({column: "bigint"}).columns[0].description


def test_a_parameter_of_a_policy_is_told_by_the_file_that_sets_it() -> None:
    told = "政策参数：这样的评价接连多少条算一次集中刷评 · Parameter of review_policies: how many such reviews in a row make a burst"
    assert _said("burst_min_reviews") == told


def test_a_column_that_a_contract_has_by_this_name_is_told_by_the_contract() -> None:
    assert _said("active_reviews") == "主动评价数 · Active reviews"


def test_a_column_that_nobody_tells_of_says_nothing() -> None:
    assert _said("nobody_tells_of_this") is None
