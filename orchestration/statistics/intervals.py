"""Intervals for rates, rates of small units, many tests at once, and how to write a rate down.

Here belongs what needs only counts, rates and standard errors; the design behind a standard
error is in `estimates`, ranks in `ranks`. Rates are shares between 0 and 1.

Sources: Wilson (1927); Korn & Graubard (1998), Survey Methodology 24(2), with the truncation of
Parker et al. (2017), Vital and Health Statistics 2(175); Benjamini & Hochberg (1995);
Kleinman (1973), Journal of the American Statistical Association 68.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.errors import (
    LARGEST,
    StatisticsError,
    as_array,
    as_numbers,
    require_choice,
    require_confidence,
    require_number,
)

Floats = npt.NDArray[np.float64]


def z_quantile(confidence: float) -> float:
    """The normal quantile of a two-sided interval: 1.959964 for 0.95."""
    require_confidence(confidence)
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def t_quantile(confidence: float, df: npt.ArrayLike) -> Floats:
    """The t quantile of a two-sided interval per degrees of freedom; NaN where df ≤ 0."""
    from scipy.special import stdtrit

    z_quantile(confidence)
    degrees = as_array(df, "df")
    return np.where(degrees > 0, stdtrit(np.maximum(degrees, 1), 0.5 + confidence / 2), np.nan)


def t_two_sided(t: npt.ArrayLike, df: npt.ArrayLike) -> Floats:
    """Probability of |T| ≥ |t|; NaN where df ≤ 0."""
    from scipy.special import stdtr

    degrees = np.asarray(df, dtype=np.float64)
    return np.where(degrees > 0, 2 * stdtr(np.maximum(degrees, 1), -np.abs(t)), np.nan)


def satterthwaite(variances: Sequence[npt.ArrayLike], dfs: Sequence[npt.ArrayLike]) -> Floats:
    """Degrees of freedom of a sum of independent variances, elementwise: (ΣV)² / Σ V²/df.

    At least the smallest of the parts that have any variance; 0 where such a part has no degrees of freedom, or where
    nothing varies. Source: Satterthwaite (1946), Biometrics Bulletin 2.
    """
    if (
        not isinstance(variances, Sequence)
        or not isinstance(dfs, Sequence)
        or len(variances) != len(dfs)
        or not len(variances)
    ):
        raise StatisticsError(
            f"Expected as many degrees of freedom as variances, got {dfs!r:.60} and {variances!r:.60}.",
            "方差与自由度个数应一致。",
        )
    v = [as_array(one, "variance", 0) for one in variances]
    degrees = [as_array(one, "df") for one in dfs]
    total = np.sum(v, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = [one / total for one in v]
        counts = [
            np.where(s > 1e-12, np.where(d > 0, s**2 / d, np.inf), 0.0) for s, d in zip(share, degrees, strict=True)
        ]
        df = 1 / np.sum(counts, axis=0)
    found: Floats = np.where(np.isfinite(df), df, 0.0)
    return found


def wilson(successes: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson's score interval of successes / n, elementwise: arrays (lo, hi).

    `n` may be an effective sample size. n = 0 gives the whole range 0 to 1: nothing is known.
    """
    try:
        s, count = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(n, np.float64))
    except (TypeError, ValueError, OverflowError) as error:
        raise StatisticsError(
            f"Expected counts as numbers, successes and n of one length: {error}.", "成功数与总数应为等长的数值。"
        ) from None
    wrong = ~((count <= LARGEST) & (s >= 0) & (s <= count * (1 + 1e-12)))
    if wrong.any():
        first = int(np.flatnonzero(wrong.ravel())[0])
        raise StatisticsError(
            f"Expected 0 ≤ successes ≤ n; element {first} has {s.ravel()[first]:g} of {count.ravel()[first]:g}.",
            f"成功数应在 0 与 n 之间；第 {first} 个为 {s.ravel()[first]:g}/{count.ravel()[first]:g}。",
        )
    z2 = z_quantile(confidence) ** 2
    # Written with counts instead of the rate, so that n = 0 needs no special case.
    centre = (s + z2 / 2) / (count + z2)
    failures = np.maximum(count - s, 0)
    inner = np.divide(s * failures, count, out=np.zeros(s.shape), where=count > 0)
    half = np.sqrt(z2 * (inner + z2 / 4)) / (count + z2)
    lo = np.where(s == 0, 0.0, np.maximum(centre - half, 0))
    return lo, np.where(failures == 0, 1.0, np.minimum(centre + half, 1))


def wilson_survey(
    p: npt.ArrayLike,
    se: npt.ArrayLike,
    n: npt.ArrayLike,
    df: npt.ArrayLike,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Wilson's interval for a weighted proportion: the effective sample size p(1−p)/se², adjusted
    for the degrees of freedom, takes the place of n, and t that of z. At 0 or 1, n does."""
    rate = _checked_rates(p, se, n, df, confidence)
    n_eff = _effective_n(rate, se, n, df, confidence)
    t = t_quantile(confidence, df)
    with np.errstate(invalid="ignore", divide="ignore"):
        shrink = 1 + t**2 / n_eff
        centre = (rate + t**2 / (2 * n_eff)) / shrink
        half = t / shrink * np.sqrt(rate * (1 - rate) / n_eff + t**2 / (4 * n_eff**2))
    lo, hi = np.maximum(centre - half, 0), np.minimum(centre + half, 1)
    return np.where(rate <= 0, 0.0, lo), np.where(rate >= 1, 1.0, hi)


def korn_graubard(
    p: npt.ArrayLike,
    se: npt.ArrayLike,
    n: npt.ArrayLike,
    df: npt.ArrayLike,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Clopper–Pearson's interval with the design's effective sample size, at most n: never shorter than that of a
    simple random sample. A standard error of 0 counts as one that is not known: n then stands for the design."""
    from scipy.special import betaincinv

    rate = _checked_rates(p, se, n, df, confidence)
    n_eff = np.minimum(_effective_n(rate, se, n, df, confidence), np.asarray(n, np.float64))
    hits, misses, tail = n_eff * rate, n_eff * (1 - rate), (1 - confidence) / 2
    with np.errstate(invalid="ignore"):
        lo = np.where(hits > 0, betaincinv(np.maximum(hits, 1e-300), misses + 1, tail), 0.0)
        hi = np.where(misses > 0, betaincinv(hits + 1, np.maximum(misses, 1e-300), 1 - tail), 1.0)
    # Unknown degrees of freedom: nothing is known of the rate.
    known = np.isfinite(n_eff)
    return np.where(known, lo, np.nan), np.where(known, hi, np.nan)


def _checked_rates(
    p: npt.ArrayLike, se: npt.ArrayLike, n: npt.ArrayLike, df: npt.ArrayLike, confidence: float
) -> Floats:
    require_confidence(confidence)
    rate = as_array(p, "p", 0, 1)
    as_array(se, "se", 0)
    as_array(n, "n", 0)
    as_array(df, "df", 0)
    return rate


def _effective_n(p: Floats, se: npt.ArrayLike, n: npt.ArrayLike, df: npt.ArrayLike, confidence: float) -> Floats:
    """p(1−p)/se² × (t with n−1 / t with df)²; n in place of the first at p = 0 or 1, or where se is rounding."""
    count, spread = np.asarray(n, np.float64), p * (1 - p)
    squared = np.asarray(se, np.float64) ** 2
    at_boundary = (spread <= 1e-12) | (squared <= 1e-18 * spread)
    with np.errstate(divide="ignore", invalid="ignore"):
        n_eff = np.where(at_boundary, count, spread / squared)
    adjust = np.where(count > 1, t_quantile(confidence, np.maximum(count - 1, 1)), 1.0)
    return n_eff * np.where(count > 1, (adjust / t_quantile(confidence, df)) ** 2, 1.0)


def benjamini_hochberg(p: pl.Series | Sequence[float | None], rate: float = 0.05) -> pl.DataFrame:
    """Which of many tests hold while the false discovery rate stays at most `rate`.

    Columns `p_adjusted`, `is_significant`, in the order given. A null was not tested: it stays
    null and does not count among the comparisons.
    """
    series = as_numbers(p, "p")
    require_confidence(rate)
    tested = series.is_not_null().to_numpy()
    values = series.drop_nulls().to_numpy()
    if not ((values >= 0) & (values <= 1)).all():
        raise StatisticsError("Expected p-values between 0 and 1 or null.", "p 值应在 0 与 1 之间或为空。")
    order = np.argsort(values)[::-1]
    count = len(values)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum.accumulate(values[order] * count / np.arange(count, 0, -1))
    out = np.full(len(series), np.nan)
    out[tested] = adjusted
    return pl.DataFrame({"p_adjusted": out}).with_columns(
        pl.col("p_adjusted").fill_nan(None)
    ).with_columns(is_significant=pl.col("p_adjusted") <= rate)  # fmt: skip


# Beyond a prior of ten million observations more is no different: the units differ no more than chance.
LARGEST_PRIOR = 1e7


def empirical_bayes_rates(
    successes: pl.Series | Sequence[int],
    n: pl.Series | Sequence[int],
    confidence: float = 0.95,
    *,
    prior: Literal["likelihood", "moments"] = "likelihood",
    design_effect: float = 1.0,
) -> pl.DataFrame:
    """Rates of small units drawn towards the rate of all: beta-binomial, one row per unit.

    The prior Beta(a, b) is fitted to all units, by maximum marginal likelihood or by `moments` as review_comparisons does
    (Kleinman 1973). Columns: n, rate (null at n = 0), eb_rate = (s + a)/(n + a + b), eb_lo, eb_hi (see below), weight_own = n/(n + a + b), prior_rate, prior_size = a + b.
    `design_effect`: by how much observations of one unit that came in clusters say less than as many that came alone, of all units together;
    counts are divided by it, and prior_size is in observations as they came. Taken for 1 where it is 3, units seem to differ that do
    not, and intervals of 95 % hold the truth in some 77 of 100.
    Units that differ no more than chance all get nearly the common rate. By moments, units that have nothing in common
    borrow nothing (prior_size 0), and one without observations then has no rate.
    Intervals are posterior quantiles mixed over every prior by its likelihood, for a prior fitted to few units is itself
    a guess: taken as known, such intervals hold the truth in 25 to 60 of 100 cases. Null with fewer than
    `LEAST_UNITS` units that have observations.
    """
    require_choice("prior", prior, ("likelihood", "moments"))
    require_confidence(confidence)
    require_number("design_effect", design_effect, 1, 1e6)
    s, count = as_array(successes, "successes", 0), as_array(n, "n", 0)
    wilson(s, count)  # the same conditions on the counts
    if s.shape != count.shape or s.ndim != 1 or count.sum() == 0:
        raise StatisticsError(
            f"Expected units with at least one observation in all, got {s.size} units with {count.sum():g}.",
            f"至少需要一个观测；现有 {s.size} 个单位、{count.sum():g} 个观测。",
        )
    known, of_known = s / design_effect, count / design_effect
    centre, size = (_prior_by_moments if prior == "moments" else _prior_by_likelihood)(known, of_known)
    size = min(size * design_effect, LARGEST_PRIOR)
    a = size * centre
    lo, hi = _rate_bounds(known, of_known, confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(count > 0, s / count, np.nan)
        shrunk, weight_own = (s + a) / (count + size), count / (count + size)
    return pl.DataFrame(
        {
            "n": count.astype(np.int64),
            "rate": rate,
            "eb_rate": shrunk,
            # The rate stands in its interval, also where the best prior lies at the edge of those that could be.
            "eb_lo": np.fmin(lo, np.where(np.isnan(lo), np.nan, shrunk)),
            "eb_hi": np.fmax(hi, np.where(np.isnan(hi), np.nan, shrunk)),
            "weight_own": weight_own,
            "prior_rate": np.full(len(s), centre),
            "prior_size": np.full(len(s), size),
        }
    ).fill_nan(None)


LEAST_UNITS = 5


def _rate_bounds(s: Floats, count: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Quantiles of every unit's rate under all priors together, each by its likelihood.

    Flat in the rate; flat in 1/(1 + size), the share of the spread that lies between units, weighted by what small sizes
    and large ones leave open alike (its square root).
    """
    from scipy.special import betainc, betaln

    told = count > 0
    if told.sum() < LEAST_UNITS:
        return np.full(len(s), np.nan), np.full(len(s), np.nan)
    pooled = (s.sum() + 1) / (count.sum() + 2)
    share = ((np.arange(40) + 0.5) / 40) ** 2  # of the spread, finer where units hardly differ
    spread = np.sqrt(pooled * (1 - pooled) * (1 / count.sum() + share / told.sum()))
    places = np.linspace(-4, 4, 25)
    centre = np.clip(pooled + places[None, :] * spread[:, None], 1e-6, 1 - 1e-6).ravel()
    size = np.repeat((1 - share) / share, len(places))
    a, b = (size * centre)[:, None], (size * (1 - centre))[:, None]
    loglikelihood = (betaln(s[told] + a, (count - s)[told] + b) - betaln(a, b)).sum(axis=1)
    # Cells of the grid are wider where the rates are, and where shares are large.
    loglikelihood += np.log(np.repeat(spread * np.sqrt(share), len(places)))
    weight = np.exp(loglikelihood - loglikelihood.max())
    kept = weight > 1e-4 * weight.max()
    weight, a, b = weight[kept] / weight[kept].sum(), a[kept], b[kept]
    bounds = []
    for probability in ((1 - confidence) / 2, (1 + confidence) / 2):
        low, high = np.zeros(len(s)), np.ones(len(s))
        for _ in range(30):
            middle = (low + high) / 2
            is_below = weight @ betainc(s + a, count - s + b, middle) < probability
            low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        bounds.append((low + high) / 2)
    return bounds[0], bounds[1]


def _prior_by_likelihood(s: Floats, count: Floats) -> tuple[float, float]:
    """Rate and size of the beta prior under which the counts are likeliest."""
    from scipy.optimize import minimize
    from scipy.special import betaln, expit, logit

    start = logit((s.sum() + 0.5) / (count.sum() + 1))

    def loss(theta: Floats) -> float:
        a, b = np.exp(theta[1]) * expit(theta[0]), np.exp(theta[1]) * expit(-theta[0])
        return float(-np.sum(betaln(s + a, count - s + b) - betaln(a, b)))

    # betaln loses its digits beyond the largest prior.
    bounds = [(start - 3, start + 3), (-2.0, np.log(LARGEST_PRIOR))]
    fits = [minimize(loss, [start, size], method="L-BFGS-B", bounds=bounds) for size in (1.0, 4.0, 8.0)]
    centre, log_size = min(fits, key=lambda fit: float(fit.fun)).x
    return float(expit(centre)), float(np.exp(log_size))


def _prior_by_moments(s: Floats, count: Floats) -> tuple[float, float]:
    """Rate and size of the prior from the share of the units in the variance of the rates."""
    hits, n = s[count > 0], count[count > 0]
    centre = float(hits.sum() / n.sum())
    information = n.sum() - np.square(n).sum() / n.sum() - (len(n) - 1)
    if not 0 < centre < 1 or information <= 0:
        return centre, LARGEST_PRIOR
    dispersion = np.sum(n * np.square(hits / n - centre)) / (centre * (1 - centre))
    agreement = float((dispersion - (len(n) - 1)) / information)
    if agreement <= 0:
        return centre, LARGEST_PRIOR
    return centre, min(max((1 - agreement) / agreement, 0.0), LARGEST_PRIOR)


def fixed_digits(number: float | None, digits: int) -> str | None:
    """A number as text with so many digits after the point; None stays None.

    What is rounded is the decimal number as it prints, taken to twelve decimals; a half goes away from zero, and
    nothing prints as -0.0: 31.25 is "31.3", 12.35 is "12.4". The same as the macro of this name.
    """
    if number is None:
        return None
    with localcontext(prec=400):
        printed = Decimal(repr(float(number))).quantize(Decimal("1e-12"), ROUND_HALF_UP)
        rounded = printed.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{rounded or abs(rounded):f}"


def show_rate(rate: float | None) -> str:
    """A share as text in percent, with as many digits as it takes to differ from 0 and 100.

    0.99997 is "99.997 %", never "100 %"; exactly 1 is "100 %". None is "–": the reason is beside it. Where the macro
    `show_share` gives a text, it gives the same.
    """
    if rate is None:
        return "–"
    if isinstance(rate, str) or not 0 <= rate <= 1:
        raise StatisticsError(f"Expected a share between 0 and 1, got {rate}.", f"比率应在 0 与 1 之间，现为 {rate}。")
    if rate in (0, 1):
        return f"{rate * 100:.0f} %"
    for digits in range(1, 7):
        text = fixed_digits(100 * rate, digits)
        if text not in (fixed_digits(0, digits), fixed_digits(100, digits)):
            return f"{text} %"
    return "> 99.999999 %" if rate > 0.5 else "< 0.000001 %"
