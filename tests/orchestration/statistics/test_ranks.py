"""Rank intervals: by their formula, and containing the true ranks as often as promised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.ranks import rank_intervals, rank_rates, ranks_from_bounds


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.01, 20)), min_size=1, max_size=25))
@settings(deadline=None, max_examples=50, derandomize=True)
def test_ranks_follow_the_formula(units: list[tuple[float, float]]) -> None:
    centre = np.array([u[0] for u in units])
    half = np.array([u[1] for u in units])
    lo, hi = centre - half, centre + half
    ranks = ranks_from_bounds(centre, lo, hi)
    k = len(units)
    assert ranks["rank_lo"].to_list() == [1 + sum(lo > h) for h in hi]
    assert ranks["rank_hi"].to_list() == [k - sum(hi < low) for low in lo]
    assert ((ranks["rank_lo"] <= ranks["rank"]) & (ranks["rank"] <= ranks["rank_hi"])).all()


def test_overlapping_units_are_not_ordered() -> None:
    ranks = rank_intervals([90.0, 89.0, 60.0], [2.0, 2.0, 2.0])
    assert ranks["rank"].to_list() == [1, 2, 3]
    assert ranks.select("rank_lo", "rank_hi").rows() == [(1, 2), (1, 2), (3, 3)]
    assert ranks["n_tied"].to_list() == [1, 1, 0]


def test_lowest_first_mirrors_the_order() -> None:
    ranks = rank_intervals([90.0, 89.0, 60.0], [2.0, 2.0, 2.0], highest_first=False)
    assert ranks.select("rank_lo", "rank_hi").rows() == [(2, 3), (2, 3), (1, 1)]


def test_a_unit_without_an_estimate_is_not_ranked_and_not_counted() -> None:
    ranks = rank_intervals([90.0, None, 60.0], [1.0, 1.0, 1.0])
    assert ranks["rank"].to_list() == [1, None, 2]
    assert ranks["n_ranked"].to_list() == [2, None, 2]
    assert rank_rates([9, 0], [10, 0])["rank"].to_list() == [1, None]


def test_few_degrees_of_freedom_widen_the_ranks() -> None:
    estimate, se = [80.0, 70.0], [2.0, 2.0]
    assert rank_intervals(estimate, se)["n_tied"].to_list() == [0, 0]
    assert rank_intervals(estimate, se, df=[2, 2])["n_tied"].to_list() == [1, 1]


def test_all_true_ranks_are_inside_at_least_as_often_as_promised() -> None:
    rng = np.random.default_rng(11)
    truth = np.sort(rng.normal(80, 8, 25))[::-1]
    se = rng.uniform(0.3, 2, 25)
    true_rank = np.arange(1, 26)
    joint, widths = 0, []
    for _ in range(400):
        ranks = rank_intervals(rng.normal(truth, se), se)
        lo, hi = ranks["rank_lo"].to_numpy(), ranks["rank_hi"].to_numpy()
        joint += bool(np.all((lo <= true_rank) & (true_rank <= hi)))
        widths.append(np.mean(hi - lo))
    assert joint / 400 >= 0.95
    assert np.mean(widths) < 12  # and yet they say something: less than half of the range


def test_true_ranks_of_rates_are_inside() -> None:
    rng = np.random.default_rng(12)
    truth = np.linspace(0.99, 0.80, 20)
    n = rng.integers(20, 600, 20)
    joint = 0
    for _ in range(200):
        ranks = rank_rates(rng.binomial(n, truth), n)
        lo, hi = ranks["rank_lo"].to_numpy(), ranks["rank_hi"].to_numpy()
        joint += bool(np.all((lo <= np.arange(1, 21)) & (np.arange(1, 21) <= hi)))
    assert joint / 200 >= 0.95


def test_bounds_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(StatisticsError, match="above its upper bound"):
        ranks_from_bounds([1.0], [2.0], [0.0])
