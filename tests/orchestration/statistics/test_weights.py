"""Weights match their totals, say how well, and refuse what cannot be weighted."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.weights import (
    adjust_nonresponse,
    base_weights,
    diagnose,
    kish,
    margins_from,
    post_stratify,
    rake,
    rake_trimmed,
    trim,
)

CROSS = [[20, 40, 40], [50, 140, 310], [100, 50, 50], [30, 100, 70]]
ROWS = {"r0": 175.0, "r1": 550.0, "r2": 430.0, "r3": 345.0}
COLUMNS = {"c0": 365.0, "c1": 415.0, "c2": 720.0}


def crossed() -> pl.DataFrame:
    rows = [(f"r{i}", f"c{j}", 1.0) for i, row in enumerate(CROSS) for j, count in enumerate(row) for _ in range(count)]
    return pl.DataFrame(rows, schema=["row", "column", "weight"], orient="row")


def test_kish_effective_sample_size() -> None:
    assert kish([20, 200, 11, 25, 550, 30, 250, 100, 10, 55]) == pytest.approx(3.724676, abs=5e-7)


def test_raking_reproduces_the_published_factors() -> None:
    raked = rake(crossed(), "weight", {"row": ROWS, "column": COLUMNS})
    g = crossed().with_columns(raked.g).unique(["row", "column"]).sort("row", "column")["g"]
    expected = [1.8108, 1.4528, 2.0168, 1.0836, 0.8694, 1.2068,
                2.1961, 1.7619, 2.4459, 1.8332, 1.4708, 2.0417]  # fmt: skip
    assert g.round(4).to_list() == expected
    assert raked.converged
    assert raked.max_error < 1e-10


def test_raked_margins_are_reported_before_and_after() -> None:
    margins = rake(crossed(), "weight", {"row": ROWS, "column": COLUMNS}).margins
    first = margins.filter(pl.col("category") == "r0").row(0, named=True)
    assert (first["respondents"], first["population"], first["before"]) == (100, 175.0, 100.0)
    assert margins["after"].to_list() == pytest.approx(margins["population"].to_list())


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0.1, 50)), min_size=2, max_size=40))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_post_strata_sum_to_their_totals_and_keep_ratios(rows: list[tuple[str, float]]) -> None:
    frame = pl.DataFrame(rows, schema=["cell", "weight"], orient="row")
    totals = {cell: 100.0 + 50 * i for i, cell in enumerate(frame["cell"].unique().sort())}
    done = post_stratify(frame, "weight", "cell", totals)
    sums = frame.with_columns(done.weight).group_by("cell").agg(pl.col("weight").sum())
    assert dict(sums.rows()) == pytest.approx(totals)
    assert (
        frame.with_columns(done.g).group_by("cell").agg(spread=pl.col("g").max() - pl.col("g").min())["spread"].max()
        < 1e-9
    )


def test_margins_that_contradict_each_other_within_the_sample_do_not_converge_but_say_so() -> None:
    # Everyone in r0 is in c0 and nobody else: the margins want 10 and 90 of the same people.
    frame = pl.DataFrame({"row": ["r0", "r1"], "column": ["c0", "c1"], "weight": [1.0, 1.0]})
    raked = rake(frame, "weight", {"row": {"r0": 10, "r1": 90}, "column": {"c0": 90, "c1": 10}})
    assert not raked.converged
    assert raked.max_error > 1


@pytest.mark.parametrize(
    ("margins", "message"),
    [
        ({"row": {"r0": 1, "r1": 1, "r2": 1}}, "no population for r3"),
        ({"row": {**ROWS, "r9": 5.0}}, "no respondent in r9"),
        ({"row": {**ROWS, "r3": 0.0}}, "r3: 0"),
        ({"row": ROWS, "column": {**COLUMNS, "c2": 900.0}}, "row: 1,500, column: 1,680"),
        ({}, "at least one margin"),
    ],
)
def test_margins_that_do_not_match_the_sample_are_refused(margins: dict[str, dict[str, float]], message: str) -> None:
    with pytest.raises(StatisticsError, match=message):
        rake(crossed(), "weight", margins)


def test_a_category_without_respondents_can_be_spread_and_is_reported() -> None:
    raked = rake(crossed(), "weight", {"row": {**ROWS, "r9": 150.0}}, spread_empty=True)
    empty = raked.margins.filter("is_empty").row(0, named=True)
    assert (empty["category"], empty["respondents"], empty["population"], empty["after"]) == ("r9", 0, 150.0, 0.0)
    assert raked.weight.sum() == pytest.approx(1650)


@pytest.mark.parametrize("bad", [0.0, -1.0, None, float("nan"), float("inf")])
def test_a_weight_that_is_not_positive_is_refused_by_row(bad: float | None) -> None:
    frame = pl.DataFrame({"row": ["r0", "r0"], "weight": [1.0, bad]})
    with pytest.raises(StatisticsError, match="first in row 1"):
        rake(frame, "weight", {"row": {"r0": 2}})


def test_base_weights_from_probabilities_and_from_strata() -> None:
    frame = pl.DataFrame({"p1": [0.5, 0.25], "p2": [0.1, 1.0], "h": ["a", "b"], "N": [30, 7]})
    assert base_weights(frame, probabilities=["p1", "p2"]).to_list() == pytest.approx([20, 4])
    assert base_weights(frame, strata="h", population="N").to_list() == [30, 7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probabilities": ["p"]}, r"probabilities in \(0, 1\]"),
        ({"population": "few"}, "fewer units in the population"),
        ({}, "either selection probabilities"),
    ],
)
def test_impossible_designs_have_no_base_weight(arguments: dict[str, object], message: str) -> None:
    frame = pl.DataFrame({"p": [0.5, 1.5], "few": [1, 1]})
    with pytest.raises(StatisticsError, match=message):
        base_weights(frame, **arguments)  # type: ignore[arg-type]


def test_respondents_carry_the_weight_of_their_cell() -> None:
    frame = pl.DataFrame({"cell": ["a", "a", "a", "b"], "w": [1.0, 2.0, 3.0, 4.0], "here": [True, False, True, True]})
    assert adjust_nonresponse(frame, "w", "here", "cell").to_list() == [1.5, None, 4.5, 4.0]


def test_a_cell_in_which_nobody_answered_is_named() -> None:
    frame = pl.DataFrame({"cell": ["a", "b", "b"], "w": [1.0, 1, 1], "here": [True, False, False]})
    with pytest.raises(StatisticsError, match=r"\('b',\) \(2\)"):
        adjust_nonresponse(frame, "w", "here", "cell")


def test_trimming_keeps_the_sum_and_the_limit() -> None:
    weights = pl.Series("w", [1.0] * 20 + [2.0, 40.0])
    trimmed = trim(weights, upper=5)
    assert trimmed.sum() == pytest.approx(weights.sum())
    assert trimmed.max() <= 5 + 1e-9
    with pytest.raises(StatisticsError, match="exclude the mean weight"):
        trim(weights, upper=1.2)


def test_diagnostics_of_weights() -> None:
    row = diagnose(pl.Series("w", [1.0, 1.0, 4.0]), pl.Series("b", [1.0, 1.0, 2.0])).row(0, named=True)
    assert row["n_eff"] == pytest.approx(2.0)
    assert row["deff_weighting"] == pytest.approx(1.5)
    assert (row["max_to_median"], row["g_max"], row["n_changed"]) == (4.0, 2.0, 1)


def test_margins_are_read_from_rows_and_repeats_refused() -> None:
    rows = pl.DataFrame({"margin": ["sex", "sex"], "category": ["f", "m"], "population": [5, 4]})
    assert margins_from(rows) == {"sex": {"f": 5.0, "m": 4.0}}
    with pytest.raises(StatisticsError, match="sex=f"):
        margins_from(pl.concat([rows, rows.head(1)]))


def test_weights_are_independent_of_row_order() -> None:
    frame = crossed()
    order = np.random.default_rng(0).permutation(frame.height)
    margins = {"row": ROWS, "column": COLUMNS}
    shuffled = rake(frame[order], "weight", margins).weight.to_numpy()
    assert shuffled == pytest.approx(rake(frame, "weight", margins).weight.to_numpy()[order])


def test_a_sample_most_of_which_is_drawn_densely_is_raked_and_one_absurd_weight_is_not_followed() -> None:
    """Three people in five stand for one each, two for twenty: the mean lies beyond five medians, and no wave could be estimated."""
    dense = pl.DataFrame({"w": [1.0] * 60 + [20.0] * 40, "sex": ["1", "2"] * 50})
    raked, trimmed = rake_trimmed(dense, "w", {"sex": {"1": 430.0, "2": 430.0}}, upper=5)
    assert trimmed == 0
    assert raked.weight.to_list() == pytest.approx(dense["w"].to_list())
    absurd = dense.with_columns(w=pl.Series([1e6, *[1.0] * 99]))
    raked, trimmed = rake_trimmed(absurd, "w", {"sex": {"1": 500.0, "2": 500.0}}, upper=5)
    assert trimmed == 1
    assert raked.weight.max() == pytest.approx(5 * raked.weight.mean(), rel=1e-5)
