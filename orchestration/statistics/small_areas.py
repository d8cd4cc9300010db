"""Modelled means of areas too small for a direct estimate: Fay–Herriot.

Here belongs what borrows strength across areas for means; rates of small units are in
`intervals.empirical_bayes_rates`. A result of this module is always published as modelled, with
the direct estimate beside it.

Sources: Fay & Herriot (1979), JASA 74; Prasad & Rao (1990), JASA 85, and Datta & Lahiri (2000),
Statistica Sinica 10, for the mean squared error; Rao & Molina (2015), Small Area Estimation, 6, and 10.3 for intervals;
Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3, for variances of few degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.errors import StatisticsError, as_array, as_numbers, name_some, require_columns
from orchestration.statistics.estimates import flag_list
from orchestration.statistics.intervals import z_quantile

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FayHerriot:
    """A fitted area model.

    `areas`: the frame with modelled, rmse, lo, hi, own_weight (γ, the share of the direct
    estimate), synthetic (x'β) and area_flags: `no_direct_estimate` (synthetic only),
    `zero_variance` (its direct standard error is 0 or rounding, so it could not be used),
    `no_area_effect` (the variance between areas was estimated as 0: every area is synthetic).
    `coefficients`: term, estimate, se. `variance`: σ² between areas, in squared units.
    """

    areas: pl.DataFrame
    coefficients: pl.DataFrame
    variance: float
    converged: bool
    n_used: int


def fay_herriot(
    frame: pl.DataFrame,
    estimate: str = "mean",
    se: str = "se",
    covariates: Sequence[str] = (),
    *,
    df: str | None = None,
    confidence: float = 0.95,
    max_iterations: int = 200,
) -> FayHerriot:
    """Best linear predictions of area means: θ̂ = γ·direct + (1 − γ)·x'β, γ = σ²/(σ² + se²).

    One row per area: direct `estimate` and its `se` (null where nobody was asked) and `covariates`
    known for every area; an intercept is added. σ² by restricted maximum likelihood, the mean
    squared error by Prasad–Rao: g1 + g2 + 2·g3. Intervals take every σ² into account as far as the restricted
    likelihood supports it (flat prior): rmse takes σ² as known, and is too short a ruler where σ² is small.
    Without `df` standard errors are taken as known. With it, the column of their degrees of freedom, each variance is drawn towards
    those of the other areas as far as they are alike (Smyth 2004), and intervals take into account what is still not known of it.
    Errors of four degrees of freedom taken as known hold the truth in about 90 of 100 cases and of one in 70.
    Refused: covariates with nulls or collinear; fewer usable areas than coefficients + 2.
    """
    require_columns(frame, {"estimate": estimate, "se": se})
    require_columns(frame, {f"covariate {name}": name for name in covariates} | {"df": df})
    x = _model_matrix(frame, covariates)
    direct = as_numbers(frame[estimate], estimate).fill_null(np.nan).to_numpy()
    error = as_numbers(frame[se], se).fill_null(np.nan).to_numpy()
    if (error < 0).any():
        raise StatisticsError("A standard error cannot be negative.", "标准误不能为负。")
    told = error[np.isfinite(error) & (error > 0)]
    if len(told) and told.max() > 1e9 * float(np.median(told)):
        raise StatisticsError(
            f"A standard error of {told.max():g} beside {float(np.median(told)):g} in the middle says nothing: leave it null.",
            f"标准误 {told.max():g} 远大于中位数 {float(np.median(told)):g}，没有意义，请留空。",
        )
    if np.isinf(direct).any() or np.isinf(error).any():
        raise StatisticsError(
            "Expected finite estimates and standard errors, or null.", "估计值与标准误应为有限数值或空值。"
        )
    known = np.isfinite(direct) & np.isfinite(error)
    # A standard error that is rounding would get all the weight there is.
    floor = max(1e-12 * np.abs(direct[known]).max(), 1e-9 * float(np.median(error[known]))) if known.any() else 0.0
    flat = error <= floor
    used = np.isfinite(direct) & np.isfinite(error) & ~flat
    n_terms = x.shape[1]
    if used.sum() < n_terms + 2 or np.linalg.matrix_rank(x[used]) < n_terms:
        raise StatisticsError(
            f"{int(used.sum())} areas with a direct estimate and standard error cannot carry "
            f"{n_terms} coefficients ({name_some(['intercept', *covariates])}). "
            "Use fewer covariates, or none that is a combination of the others.",
            f"可用区域 {int(used.sum())} 个，不足以估计 {n_terms} 个系数，或协变量共线。请减少协变量。",
        )
    degrees = np.full(len(direct), np.inf)
    if df is not None:
        # From ten million on a variance is known.
        degrees[used] = np.minimum(as_array(frame.filter(used)[df], df, low=1), 1e7)
        moderated, degrees[used] = _moderated(error[used] ** 2, degrees[used])
        error = error.copy()
        error[used] = np.sqrt(moderated)
    y, psi = direct[used], error[used] ** 2
    variance, converged = _reml(y, psi, x[used], max_iterations)
    precision = 1 / (variance + psi)
    covariance = np.linalg.inv(x[used].T @ (x[used] * precision[:, None]))
    beta = covariance @ (x[used].T @ (precision * y))

    synthetic = x @ beta
    # An area without a direct estimate is one with infinite sampling variance: γ = 0.
    gamma = np.zeros(len(direct))
    gamma[used] = variance * precision
    modelled = synthetic + gamma * np.where(used, np.nan_to_num(direct) - synthetic, 0)
    g1 = variance * (1 - gamma)
    g2 = (1 - gamma) ** 2 * np.einsum("ij,jk,ik->i", x, covariance, x)
    g3 = np.zeros(len(direct))
    variance_of_variance = 2 / np.sum(precision**2)
    g3[used] = psi**2 * precision**3 * variance_of_variance
    rmse = np.sqrt(g1 + g2 + 2 * g3)
    errors = _likely(np.where(used, error**2, np.inf), degrees)
    lo, hi = _interval(y, psi, x[used], np.where(used, direct, 0.0), errors, x, confidence)
    areas = frame.with_columns(
        modelled=pl.Series(modelled),
        rmse=pl.Series(rmse),
        lo=pl.Series(np.minimum(lo, modelled)),
        hi=pl.Series(np.maximum(hi, modelled)),
        own_weight=pl.Series(gamma),
        synthetic=pl.Series(synthetic),
        area_flags=_area_flags(used, flat, variance),
    )
    coefficients = pl.DataFrame(
        {"term": ["intercept", *covariates], "estimate": beta, "se": np.sqrt(np.diag(covariance))}
    )
    return FayHerriot(areas, coefficients, variance, converged, int(used.sum()))


def _model_matrix(frame: pl.DataFrame, covariates: Sequence[str]) -> Floats:
    columns = [np.ones(frame.height)]
    for name in covariates:
        values = as_numbers(frame[name], name).fill_null(np.nan).to_numpy()
        if not np.isfinite(values).all():
            raise StatisticsError(
                f"Covariate {name!r} must be known in every area; it is not in "
                f"{int((~np.isfinite(values)).sum())} of {len(values)}.",
                f"协变量 {name!r} 必须覆盖所有区域；有 {int((~np.isfinite(values)).sum())} 个区域缺失。",
            )
        columns.append(values)
    return np.column_stack(columns)


def _reml(y: Floats, psi: Floats, x: Floats, max_iterations: int) -> tuple[float, bool]:
    """σ² by Fisher scoring on the restricted likelihood, kept at or above 0; 0 if that fits better."""
    scale = float(np.var(y) + psi.mean())
    variance, converged = max(float(np.var(y) - psi.mean()), 0.1 * scale), False
    for _ in range(max_iterations):
        score, information = _score(variance, y, psi, x)
        following = max(variance + score / information, 0.0)
        converged = abs(following - variance) <= 1e-12 * scale
        variance = following
        if converged:
            break
    if variance > 0 and _restricted_loss(0.0, y, psi, x) <= _restricted_loss(variance, y, psi, x):
        return 0.0, converged
    return variance, converged


def _score(variance: float, y: Floats, psi: Floats, x: Floats) -> tuple[float, float]:
    """First derivative and expected information of the restricted log likelihood in σ²."""
    v = 1 / (variance + psi)
    inverse = np.linalg.inv(x.T @ (x * v[:, None]))
    residual = v * (y - x @ (inverse @ (x.T @ (v * y))))
    second = inverse @ (x.T @ (x * (v**2)[:, None]))
    third = inverse @ (x.T @ (x * (v**3)[:, None]))
    trace = v.sum() - np.trace(second)
    trace_squared = (v**2).sum() - 2 * np.trace(third) + np.trace(second @ second)
    return float(0.5 * (residual @ residual - trace)), float(0.5 * trace_squared)


def _restricted_loss(variance: float, y: Floats, psi: Floats, x: Floats) -> float:
    v = 1 / (variance + psi)
    gram = x.T @ (x * v[:, None])
    residual = y - x @ np.linalg.solve(gram, x.T @ (v * y))
    return float(0.5 * (-np.log(v).sum() + np.linalg.slogdet(gram)[1] + (v * residual**2).sum()))


def _moderated(variances: Floats, df: Floats) -> tuple[Floats, Floats]:
    """Every variance drawn towards the common one, and its degrees of freedom with those the others lend it."""
    from scipy.optimize import brentq
    from scipy.special import digamma, polygamma

    half = df / 2
    level = np.log(variances) - digamma(half) + np.log(half)
    apart = float(np.var(level, ddof=1) - np.mean(polygamma(1, half)))
    most = float(df.sum())
    lent = most if apart <= polygamma(1, most / 2) else 2 * brentq(lambda d: polygamma(1, d) - apart, 1e-3, most)
    common = np.exp(level.mean() + digamma(lent / 2) - np.log(lent / 2))
    return (lent * common + df * variances) / (lent + df), np.minimum(lent + df, most)


def _likely(variances: Floats, df: Floats, steps: int = 15) -> Floats:
    """What a variance may be, as equally likely values of it: `steps` rows, or one where all are known."""
    from scipy.stats import chi2

    if np.isinf(df).all():
        return variances[None, :]
    middles = (np.arange(steps) + 0.5) / steps
    known = np.isinf(df)
    finite = np.where(known, 1.0, df)
    factor = finite / chi2.ppf(middles[:, None], finite)
    return np.where(known, variances, variances * factor)


def _interval(
    y: Floats, psi: Floats, x: Floats, direct: Floats, error: Floats, x_all: Floats, confidence: float
) -> tuple[Floats, Floats]:
    """Quantiles of every area's mean, mixed over σ by its restricted likelihood (flat in σ²).

    `y`, `psi`, `x`: the areas in the fit. `direct`, `error`, `x_all`: all areas; an infinite `error` has no direct estimate.
    `error` has a row for each value that the variances may have.
    """
    from scipy.optimize.elementwise import find_root
    from scipy.special import ndtr

    z_quantile(confidence)
    coarse = np.linspace(0, np.sqrt(10 * (np.var(y) + psi.mean())), 150)[1:]
    support = _log_likelihood(coarse, y, psi, x)[0] + np.log(coarse)
    likely = np.flatnonzero(support > support.max() - 12)
    ends = coarse[[max(likely[0] - 1, 0), min(likely[-1] + 1, len(coarse) - 1)]]
    edges = np.linspace(0.0 if likely[0] == 0 else ends[0], ends[1], 51)
    sigma = (edges[1:] + edges[:-1]) / 2
    loglikelihood, covariance, beta = _log_likelihood(sigma, y, psi, x)
    share = np.exp(loglikelihood + np.log(sigma) - (loglikelihood + np.log(sigma)).max())
    share /= share.sum()
    between = sigma[:, None, None] ** 2
    gamma = np.where(np.isinf(error), 0.0, between / (between + error))
    synthetic = (beta @ x_all.T)[:, None, :]
    mean = synthetic + gamma * (direct - synthetic)
    leverage = np.einsum("kib,ib->ki", x_all @ covariance, x_all)[:, None, :]
    # Not 0, where every area is known for certain.
    spread = 1e-12 + np.sqrt(between * (1 - gamma) + (1 - gamma) ** 2 * leverage)
    # A variance under which an area lies too far from the others is less likely to be its own.
    total = between + np.where(np.isinf(error), 0.0, error) + leverage
    fit = np.where(np.isinf(error), 0.0, -((direct - synthetic) ** 2 / total + np.log(total)) / 2)
    fit = np.exp(fit - fit.max(axis=1, keepdims=True))
    weight = share[:, None, None] * (fit / fit.sum(axis=1, keepdims=True))
    centre = (weight * mean).sum(axis=(0, 1))
    sd = np.sqrt((weight * (spread**2 + (mean - centre) ** 2)).sum(axis=(0, 1)))
    tail = (1 - confidence) / 2
    # No distribution has that much of it further from its mean (Cantelli).
    reach = sd / np.sqrt(tail)

    # An area's values stand together, so that those of the areas still sought are taken out at once.
    at, scale, share_of = (
        np.ascontiguousarray(of.reshape(-1, len(centre)).T) for of in np.broadcast_arrays(mean, spread, weight)
    )

    def beyond(value: Floats, area: npt.NDArray[np.int64], probability: Floats) -> Floats:
        z = value[..., None] - at[area]
        z /= scale[area]
        return np.einsum("...k,...k->...", share_of[area], ndtr(z, out=z)) - probability

    found = find_root(
        beyond, (centre - reach, centre + reach), args=(np.arange(len(centre)), np.array([[tail], [1 - tail]])),
        tolerances={"fatol": 1e-10},
    )  # fmt: skip
    # Where rounding leaves nothing between the two ends.
    lo, hi = np.where(found.success, found.x, centre)
    return lo, hi


def _log_likelihood(sigma: Floats, y: Floats, psi: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
    """Restricted log likelihood at every σ, with the covariance of the coefficients and the coefficients."""
    v = 1 / (sigma[:, None] ** 2 + psi)
    gram = np.einsum("ki,ia,ib->kab", v, x, x, optimize=True)
    covariance = np.linalg.inv(gram)
    beta = np.einsum("kab,kb->ka", covariance, (v * y) @ x)
    residual = y - beta @ x.T
    loss = np.log(v).sum(axis=1) - np.linalg.slogdet(gram)[1] - (v * residual**2).sum(axis=1)
    return 0.5 * loss, covariance, beta


def _area_flags(used: npt.NDArray[np.bool_], flat: npt.NDArray[np.bool_], variance: float) -> pl.Series:
    said = {
        "zero_variance": flat,
        "no_direct_estimate": ~(flat | used),
        "no_area_effect": np.full(len(used), variance == 0),
    }
    return flag_list(said)
