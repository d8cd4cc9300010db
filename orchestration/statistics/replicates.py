"""Replicate weights: the variance of any statistic by computing it again with units left out or drawn anew.

Here belongs what a linearisation has no formula for; means, totals and ratios are in `estimates`. Strata with one sampling
unit are refused: nothing can be left out of them.

Sources: Wolter (2007), Introduction to Variance Estimation, 4.5; Rao & Wu (1988), JASA 83, for the bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.design import Columns, Design, read_design
from orchestration.statistics.errors import (
    StatisticsError,
    as_array,
    require_choice,
    require_confidence,
    require_number,
)
from orchestration.statistics.intervals import t_quantile

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Replicates:
    """`weight` (respondents), `weights` (respondents × replicates), `factors` (one per replicate): the variance of a
    statistic is Σ factor·(θ_r − θ)². `df`: sampling units less strata."""

    weight: Floats
    weights: Floats
    factors: Floats
    df: int


def replicate_weights(
    frame: pl.DataFrame,
    weight: str,
    strata: Columns = None,
    psu: Columns = None,
    *,
    method: Literal["jk1", "jkn", "bootstrap"] = "jkn",
    replicates: int = 200,
    seed: int = 0,
) -> Replicates:
    """Weights of the sample with one unit left out at a time (jackknife), or with units drawn again (Rao–Wu bootstrap).

    jk1: without strata, n/(n − 1) for the rest, factor (n − 1)/n; refused where strata are named.
    jkn: within strata, n_h/(n_h − 1) for the rest of the stratum, factor (n_h − 1)/n_h.
    bootstrap: n_h − 1 of n_h units again and again, factor 1/`replicates`; same seed, same weights.
    """
    require_choice("method", method, ("jk1", "jkn", "bootstrap"))
    require_number("replicates", replicates, 2, 1e6, whole=True)
    require_number("seed", seed, 0, 2**63, whole=True)
    if method == "jk1" and strata:
        raise StatisticsError("JK1 knows no strata; use jkn.", "JK1 不适用于分层设计，请使用 jkn。")
    design = read_design(frame, weight, strata, psu)
    if design.is_single.any() or not frame.height:
        raise StatisticsError(
            "Replicates need two sampling units in every stratum.", "重复权数要求每层至少两个初级单元。"
        )
    times, factors = _drawn(design, replicates, seed) if method == "bootstrap" else _left_out(design)
    df = len(design.stratum) - len(design.n_psus)
    return Replicates(design.weight, design.weight[:, None] * times[design.psu], factors, df)


def _left_out(design: Design) -> tuple[Floats, Floats]:
    units = len(design.stratum)
    size = design.n_psus[design.stratum].astype(np.float64)
    same = design.stratum[:, None] == design.stratum[None, :]
    times = np.where(same, (size / (size - 1))[None, :], 1.0)
    times[np.arange(units), np.arange(units)] = 0.0
    return times, (size - 1) / size


def _drawn(design: Design, replicates: int, seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    times = np.zeros((len(design.stratum), replicates))
    for h, size in enumerate(design.n_psus):
        counts = rng.multinomial(size - 1, np.full(size, 1 / size), size=replicates)
        times[design.stratum == h] = counts.T * size / (size - 1)
    return times, np.full(replicates, 1 / replicates)


def estimate_by_replicates(
    frame: pl.DataFrame,
    statistic: Callable[[pl.DataFrame, Floats], float],
    replicates: Replicates,
    *,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """One row: estimate, se, lo, hi, df of `statistic(frame, weights)`, such as a Gini coefficient.

    lo and hi are null, and `flags` says so, where the statistic does not vary over the replicates. A statistic that is
    no finite number in some replicate is refused: leaving that one out would make the rest look more certain.
    """
    require_confidence(confidence)
    if len(replicates.weight) != frame.height:
        raise StatisticsError(
            f"The replicates are of {len(replicates.weight)} respondents, the frame has {frame.height}.",
            f"重复权数为 {len(replicates.weight)} 名受访者，数据为 {frame.height} 行。",
        )
    estimate = float(statistic(frame, replicates.weight))
    again = np.array([float(statistic(frame, weights)) for weights in replicates.weights.T])
    as_array(np.append(again, estimate), "statistic")
    variance = float(replicates.factors @ (again - estimate) ** 2)
    is_flat = variance <= (1e-12 * max(abs(estimate), float(np.abs(again).max()))) ** 2
    se = None if is_flat else float(np.sqrt(variance))
    half = None if se is None else float(t_quantile(confidence, replicates.df)) * se
    return pl.DataFrame(
        {
            "estimate": [estimate],
            "se": pl.Series([se], dtype=pl.Float64),
            "lo": pl.Series([None if half is None else estimate - half], dtype=pl.Float64),
            "hi": pl.Series([None if half is None else estimate + half], dtype=pl.Float64),
            "df": [replicates.df],
            "flags": pl.Series([["zero_variance"] if is_flat else []], dtype=pl.List(pl.String)),
        }
    )
