"""Fay–Herriot against its likelihood written out in full, and its errors against simulation."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize_scalar

from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.small_areas import fay_herriot

pytestmark = pytest.mark.slow


def areas(seed: int, m: int = 40, sigma: float = 3.0) -> tuple[pl.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, m)
    se = rng.uniform(1, 6, m)
    truth = 70 + 4 * x + rng.normal(0, sigma, m)
    return pl.DataFrame({"x": x, "mean": truth + rng.normal(0, se), "se": se}), truth


def _reference(frame: pl.DataFrame) -> tuple[float, np.ndarray]:
    y, psi = frame["mean"].to_numpy(), frame["se"].to_numpy() ** 2
    x = np.column_stack([np.ones(len(y)), frame["x"].to_numpy()])

    def loss(s2: float) -> float:
        v = np.diag(s2 + psi)
        inverse = np.linalg.inv(v)
        p = inverse - inverse @ x @ np.linalg.inv(x.T @ inverse @ x) @ x.T @ inverse
        return float(np.linalg.slogdet(v)[1] + np.linalg.slogdet(x.T @ inverse @ x)[1] + y @ p @ y)

    s2 = float(minimize_scalar(loss, bounds=(0, 200), method="bounded", options={"xatol": 1e-10}).x)
    inverse = np.diag(1 / (s2 + psi))
    beta = np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ y)
    gamma = s2 / (s2 + psi)
    return s2, gamma * y + (1 - gamma) * (x @ beta)


@pytest.mark.parametrize("seed", range(5))
def test_the_variance_maximises_the_restricted_likelihood(seed: int) -> None:
    frame, _ = areas(seed)
    fit = fay_herriot(frame, covariates=["x"])
    s2, predictions = _reference(frame)
    assert fit.converged
    assert fit.variance == pytest.approx(s2, rel=1e-4, abs=1e-4)
    assert fit.areas["modelled"].to_numpy() == pytest.approx(predictions, rel=1e-5)


def test_no_variance_between_areas_is_an_answer_not_a_crash() -> None:
    frame = pl.DataFrame({"mean": np.linspace(69.9, 70.1, 12), "se": [5.0] * 12})
    fit = fay_herriot(frame)
    assert fit.variance == 0
    assert fit.areas["modelled"].to_numpy() == pytest.approx(np.full(12, 70.0))
    assert fit.areas["rmse"].min() > 1
    assert fit.areas["area_flags"].to_list() == [["no_area_effect"]] * 12


def test_errors_are_as_large_as_announced_and_smaller_than_direct_ones() -> None:
    squared, announced, covered, direct = [], [], [], []
    for seed in range(150):
        frame, truth = areas(seed + 1000)
        fitted = fay_herriot(frame, covariates=["x"]).areas
        error = fitted["modelled"].to_numpy() - truth
        squared.append(np.mean(error**2))
        announced.append(np.mean(fitted["rmse"].to_numpy() ** 2))
        covered.append(np.mean((fitted["lo"].to_numpy() <= truth) & (truth <= fitted["hi"].to_numpy())))
        direct.append(np.mean((frame["mean"].to_numpy() - truth) ** 2))
    assert np.mean(announced) == pytest.approx(np.mean(squared), rel=0.08)
    assert 0.93 <= np.mean(covered) <= 0.97
    assert np.mean(squared) < 0.6 * np.mean(direct)


@pytest.mark.parametrize(
    ("m", "sigma", "repeats", "most"),
    [(12, 3.0, 120, 0.97), (40, 3.0, 100, 0.97), (40, 6.0, 80, 0.97), (300, 1.0, 40, 0.97), (300, 3.0, 20, 0.97),
     # Where areas differ by less than a quarter of their errors the data often fit no difference at all: no interval
     # can then be exact, and too wide is the lesser fault.
     (40, 1.0, 80, 0.985), (300, 0.5, 20, 0.995)],
)  # fmt: skip
def test_intervals_cover_what_they_say(m: int, sigma: float, repeats: int, most: float) -> None:
    covered = []
    for seed in range(repeats):
        frame, truth = areas(seed + 5000, m, sigma)
        fitted = fay_herriot(frame, covariates=["x"]).areas
        covered.append(np.mean((fitted["lo"].to_numpy() <= truth) & (truth <= fitted["hi"].to_numpy())))
    assert 0.93 <= np.mean(covered) <= most


@pytest.mark.parametrize(("m", "degrees", "sigma"), [(12, 1, 1.0), (12, 1, 3.0), (12, 4, 3.0), (40, 2, 3.0)])
def test_intervals_cover_also_where_errors_are_estimated_from_few_units(m: int, degrees: int, sigma: float) -> None:
    """The errors of the areas differ sixfold, and each is estimated: the data say how alike they are."""
    covered, trusted = [], []
    for seed in range(50):
        frame, truth = areas(seed + 9000, m, sigma)
        rng = np.random.default_rng(seed)
        estimated = frame["se"].to_numpy() * np.sqrt(rng.chisquare(degrees, m) / degrees)
        frame = frame.with_columns(se=pl.Series(estimated), df=pl.lit(degrees))
        for told, of in ((covered, {"df": "df"}), (trusted, {})):
            fitted = fay_herriot(frame, covariates=["x"], **of).areas
            told.append(np.mean((fitted["lo"].to_numpy() <= truth) & (truth <= fitted["hi"].to_numpy())))
    assert 0.92 <= np.mean(covered) <= 0.98
    assert np.mean(trusted) < np.mean(covered)


def test_errors_of_many_degrees_of_freedom_are_as_good_as_known() -> None:
    frame, _ = areas(4)
    known = fay_herriot(frame, covariates=["x"]).areas
    estimated = fay_herriot(frame.with_columns(df=pl.lit(100_000)), covariates=["x"], df="df").areas
    for column in ("modelled", "lo", "hi"):
        assert estimated[column].to_numpy() == pytest.approx(known[column].to_numpy(), abs=0.02)


def test_an_interval_is_the_quantile_of_a_mixture_over_the_variance() -> None:
    """One area's posterior by brute force: σ² on a fine grid, a normal at each."""
    from scipy.stats import norm

    frame, _ = areas(3, 12, 3.0)
    fitted = fay_herriot(frame, covariates=["x"]).areas.row(4, named=True)
    y, psi = frame["mean"].to_numpy(), frame["se"].to_numpy() ** 2
    x = np.column_stack([np.ones(12), frame["x"].to_numpy()])
    weights, means, spreads = [], [], []
    for s2 in np.linspace(0.005, 400, 40_000)[::8]:
        v = 1 / (s2 + psi)
        covariance = np.linalg.inv(x.T @ (x * v[:, None]))
        beta = covariance @ (x.T @ (v * y))
        weights.append(
            np.exp(0.5 * (np.log(v).sum() + np.linalg.slogdet(covariance)[1] - (v * (y - x @ beta) ** 2).sum()))
        )
        gamma = s2 * v[4]
        means.append(gamma * y[4] + (1 - gamma) * (x @ beta)[4])
        spreads.append(np.sqrt(s2 * (1 - gamma) + (1 - gamma) ** 2 * x[4] @ covariance @ x[4]))
    share = np.array(weights) / np.sum(weights)
    for bound, probability in (("lo", 0.025), ("hi", 0.975)):
        assert share @ norm.cdf(fitted[bound], means, spreads) == pytest.approx(probability, abs=0.002)


def test_an_area_nobody_was_asked_in_is_synthetic_and_less_certain() -> None:
    frame, _ = areas(1)
    silent = pl.DataFrame({"x": [0.5, 0.5], "mean": [None, 90.0], "se": [None, 0.0]})
    fit = fay_herriot(pl.concat([frame, silent]), covariates=["x"])
    last = fit.areas.tail(2)
    beta = fit.coefficients["estimate"]
    assert last["modelled"].to_list() == pytest.approx([beta[0] + 0.5 * beta[1]] * 2)
    assert last["area_flags"].to_list() == [["no_direct_estimate"], ["zero_variance"]]
    assert last["rmse"][0] > fit.variance**0.5
    assert fit.n_used == frame.height


def test_the_less_certain_the_direct_estimate_the_less_it_counts() -> None:
    fitted = fay_herriot(areas(2)[0], covariates=["x"]).areas.sort("se")
    assert fitted["own_weight"].to_list() == sorted(fitted["own_weight"], reverse=True)


@pytest.mark.parametrize(
    ("frame", "covariates", "message"),
    [
        (pl.DataFrame({"mean": [1.0, 2.0], "se": [1.0, 1.0]}), [], "2 areas .* cannot carry 1"),
        (pl.DataFrame({"mean": [1.0] * 9, "se": [1.0] * 9, "x": [2.0] * 9}), ["x"], "combination of the others"),
        (
            pl.DataFrame({"mean": [1.0] * 9, "se": [1.0] * 9, "x": [None, *range(8)]}),
            ["x"],
            "'x' must be known .* 1 of 9",
        ),
        (pl.DataFrame({"mean": [1.0] * 9, "se": [-1.0] * 9}), [], "cannot be negative"),
    ],
)
def test_a_model_that_cannot_be_fitted_says_why(frame: pl.DataFrame, covariates: list[str], message: str) -> None:
    with pytest.raises(StatisticsError, match=message):
        fay_herriot(frame, covariates=covariates)
