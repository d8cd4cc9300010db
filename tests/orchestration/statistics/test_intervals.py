"""Intervals at published values, in agreement with statsmodels, and never 100 %."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.intervals import (
    benjamini_hochberg,
    empirical_bayes_rates,
    korn_graubard,
    show_rate,
    t_quantile,
    wilson,
    wilson_survey,
    z_quantile,
)

COUNTS = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(("successes", "n", "bounds"), [(81, 263, (0.2553, 0.3662)), (0, 20, (0, 0.1611))])
def test_wilson_at_published_values(successes: int, n: int, bounds: tuple[float, float]) -> None:
    assert tuple(np.round(wilson(successes, n), 4)) == bounds


@given(COUNTS, st.sampled_from([0.8, 0.95, 0.99]))
@settings(deadline=None, max_examples=50, derandomize=True)
def test_wilson_agrees_with_statsmodels(counts: tuple[int, int], confidence: float) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    theirs = proportion.proportion_confint(*counts, alpha=1 - confidence, method="wilson")
    assert wilson(*counts, confidence) == pytest.approx(theirs, abs=1e-12)


@given(COUNTS)
@settings(deadline=None, max_examples=50, derandomize=True)
def test_korn_graubard_of_a_simple_sample_is_clopper_pearson(counts: tuple[int, int]) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    s, n = counts
    p = s / n
    ours = korn_graubard(p, np.sqrt(p * (1 - p) / n), n, max(n - 1, 1))
    assert ours == pytest.approx(proportion.proportion_confint(s, n, method="beta"), abs=1e-9)


def test_survey_intervals_widen_with_the_design_effect_and_stay_in_range() -> None:
    for method in (wilson_survey, korn_graubard):
        narrow = method(0.02, 0.005, 800, 50)
        wide = method(0.02, 0.010, 800, 50)
        assert 0 <= wide[0] < narrow[0] < 0.02 < narrow[1] < wide[1] < 0.1
        assert method(1.0, 0.0, 30, 10)[1] == 1
        assert 0.7 < method(1.0, 0.0, 30, 10)[0] < 0.95


def test_no_observation_says_nothing() -> None:
    lo, hi = wilson([0, 5], [0, 5])
    assert (lo[0], hi[0]) == (0, 1)
    assert 0 < lo[1] < hi[1] == 1


@pytest.mark.parametrize(("successes", "n"), [(3, 2), (-1, 5), (float("nan"), 5)])
def test_counts_that_cannot_be_are_refused(successes: float, n: float) -> None:
    with pytest.raises(StatisticsError, match="0 ≤ successes ≤ n; element 0"):
        wilson(successes, n)


def test_quantiles() -> None:
    assert z_quantile(0.95) == pytest.approx(1.959963985)
    assert t_quantile(0.95, [4, 0])[0] == pytest.approx(2.776445105)
    assert np.isnan(t_quantile(0.95, [4, 0])[1])
    with pytest.raises(StatisticsError, match="got 95"):
        z_quantile(95)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(deadline=None, max_examples=50, derandomize=True)
def test_benjamini_hochberg_agrees_with_statsmodels(p: list[float]) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    reject, adjusted, *_ = multitest.multipletests(p, alpha=0.05, method="fdr_bh")
    ours = benjamini_hochberg(p)
    assert ours["p_adjusted"].to_numpy() == pytest.approx(adjusted, abs=1e-12)
    close = np.abs(adjusted - 0.05) < 1e-12
    assert (ours["is_significant"].to_numpy() == reject)[~close].all()


def test_what_was_not_tested_does_not_count_among_the_comparisons() -> None:
    ours = benjamini_hochberg([0.01, None, 0.04])
    assert ours["p_adjusted"].to_list() == [0.02, None, 0.04]
    assert ours["is_significant"].to_list() == [True, None, True]


def test_rates_of_small_units_are_drawn_to_the_common_rate() -> None:
    rates = empirical_bayes_rates([2, 970, 700, 850, 900, 0], [2, 1000, 1000, 1000, 1000, 0])
    own, shrunk = rates["rate"].to_list(), rates["eb_rate"].to_list()
    assert own[0] == 1
    assert shrunk[0] < 0.93
    assert abs(shrunk[1] - own[1]) < 0.01
    assert own[-1] is None
    assert shrunk[-1] == pytest.approx(rates["prior_rate"][0])
    assert rates["eb_lo"][0] < shrunk[0] < rates["eb_hi"][0]


def test_empirical_bayes_finds_the_spread_it_was_given() -> None:
    rng = np.random.default_rng(4)
    truth = rng.beta(45, 5, 400)
    n = rng.integers(5, 200, 400)
    rates = empirical_bayes_rates(rng.binomial(n, truth), n)
    assert rates["prior_rate"][0] == pytest.approx(0.9, abs=0.01)
    assert rates["prior_size"][0] == pytest.approx(50, rel=0.3)
    inside = (rates["eb_lo"].to_numpy() <= truth) & (truth <= rates["eb_hi"].to_numpy())
    assert 0.93 <= inside.mean() <= 0.97
    error = np.mean((rates["eb_rate"].to_numpy() - truth) ** 2)
    assert error < np.mean((rates["rate"].to_numpy() - truth) ** 2)


@pytest.mark.parametrize("successes", [[10, 20, 30], [0, 0, 0], [5, 10, 15]])
def test_units_that_do_not_differ_at_all_share_one_rate(successes: list[int]) -> None:
    rates = empirical_bayes_rates(successes, [10, 20, 30])
    assert rates["eb_rate"].max() - rates["eb_rate"].min() < 0.01
    # Three units say too little of how units differ for an interval; everything else is there.
    assert rates.drop("eb_lo", "eb_hi").null_count().sum_horizontal()[0] == 0
    assert rates["eb_lo"].null_count() == rates["eb_hi"].null_count() == 3
    assert rates["eb_rate"].min() > 0
    assert rates["eb_rate"].max() < 1


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0.99997, "99.997 %"), (0.9999, "99.99 %"), (1.0, "100 %"), (0.0, "0 %"), (0.0004, "0.04 %"),
        (0.954, "95.4 %"), (1 - 1e-17, "100 %"), (0.99996, "99.996 %"), (1 - 5 / 160_000, "99.997 %"), (None, "–"),
    ],
)  # fmt: skip
def test_a_rate_is_shown_as_100_only_if_it_is(rate: float | None, text: str) -> None:
    assert show_rate(rate) == text


def test_a_percentage_given_as_a_rate_is_refused() -> None:
    with pytest.raises(StatisticsError, match="got 95"):
        show_rate(95.0)
