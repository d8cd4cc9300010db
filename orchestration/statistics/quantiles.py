"""Medians and other quantiles under a survey design, with Woodruff's interval.

Here belongs where in a distribution a share of the people lies; means and totals are in `estimates`.

Source: Woodruff (1952), JASA 47; Lumley (2010), Complex Surveys, 2.4, whose `svyquantile` this agrees with (rule "math").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.design import Columns, DesignOptions, read_design, read_domains
from orchestration.statistics.errors import StatisticsError, as_array, require_confidence
from orchestration.statistics.estimates import estimate_means, read_answers
from orchestration.statistics.intervals import t_quantile

Floats = npt.NDArray[np.float64]


def estimate_quantiles(
    frame: pl.DataFrame,
    y: str,
    probabilities: Sequence[float],
    weight: str,
    strata: Columns = None,
    psu: Columns = None,
    fpc: str | None = None,
    by: Columns = None,
    *,
    confidence: float = 0.95,
    minimum_df: int = 1,
    **options: Unpack[DesignOptions],
) -> pl.DataFrame:
    """The smallest answer that at least a share `probabilities` (each within 0 and 1) of the weight does not exceed.

    The interval is that of the share of people at or below it, read back into answers. A bound beyond 0 or 1 has no
    answer: null, with the flag `beyond_the_answers`. `se` is the interval's width over twice the t quantile.
    Columns: probability, `by`…, n, n_eff, sum_weight, quantile, se, lo, hi, df, flags (as `estimate_mean`).
    """
    probabilities = as_array(probabilities, "probabilities", 0, 1).ravel().tolist()
    if not probabilities:
        raise StatisticsError("Expected at least one probability.", "至少需要一个概率。")
    require_confidence(confidence)
    design = read_design(frame, weight, strata, psu, fpc, **options)
    domains = read_domains(frame, by, design)
    values, answered = read_answers(frame, y)
    members = [np.flatnonzero((domains.code == d) & (answered > 0)) for d in range(domains.size)]
    curves = [_cumulated(values[rows], design.weight[rows]) for rows in members]
    parts = []
    for probability in probabilities:
        found = np.array([_at(curve, probability) for curve in curves], dtype=np.float64)
        at_most = pl.Series(values <= np.nan_to_num(found)[domains.code]).cast(pl.Float64)
        told = frame.with_columns(pl.when(pl.Series(answered > 0)).then(at_most).alias("_at_most"))
        share = estimate_means(
            told, ["_at_most"], weight, strata, psu, fpc, by, confidence=confidence, minimum_df=minimum_df, **options
        )
        bounds = [share[side].fill_null(np.nan).to_numpy() for side in ("lo", "hi")]
        lo, hi = (
            np.array([_at(curve, p) if 0 <= p <= 1 else np.nan for curve, p in zip(curves, bound, strict=True)])
            for bound in bounds
        )
        is_beyond = (bounds[0] < 0) | (bounds[1] > 1)
        se = (hi - lo) / (2 * t_quantile(confidence, share["df"].to_numpy()))
        flags = pl.when(pl.Series(is_beyond)).then(pl.col("flags").list.concat(pl.lit(["beyond_the_answers"])))
        parts.append(
            share.with_columns(
                pl.lit(float(probability)).alias("probability"),
                pl.Series("quantile", found), pl.Series("se", se), pl.Series("lo", lo), pl.Series("hi", hi),
                flags.otherwise(pl.col("flags")).alias("flags"),
            ).select("probability", *domains.keys.columns[: domains.keys.width if by else 0], "n", "n_eff", "sum_weight",
                     "quantile", "se", "lo", "hi", "df", "flags")
            .with_columns(pl.selectors.float().fill_nan(None))
        )  # fmt: skip
    return pl.concat(parts)


def _cumulated(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Answers in order, and the share of the weight up to each."""
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    return values[order], cumulated / cumulated[-1] if len(order) else cumulated


def _at(curve: tuple[Floats, Floats], probability: float) -> float:
    values, shares = curve
    if not len(values) or np.isnan(probability):
        return float("nan")
    # A share that is met but for rounding is met.
    place = int(np.searchsorted(shares, probability * (1 - 1e-12), side="left"))
    return float(values[min(place, len(values) - 1)])
