"""Ranks that say how far they can be trusted.

Here belongs the order of units; their estimates and intervals come from elsewhere. Two units
whose intervals overlap are not ordered, whatever their estimates.

Source: joint intervals at 1 − α/K as in Klein, Wright & Wieczorek (2020), Journal of the Royal
Statistical Society A 183.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.errors import StatisticsError, as_numbers, require_confidence
from orchestration.statistics.intervals import t_quantile, wilson, z_quantile

Values = pl.Series | Sequence[float | None]


def rank_intervals(
    estimate: Values,
    se: Values,
    df: Values | None = None,
    *,
    confidence: float = 0.95,
    highest_first: bool = True,
) -> pl.DataFrame:
    """Rank and rank interval of K estimates that hold jointly with at least `confidence`.

    Each interval is estimate ± quantile(1 − α/K)·se, with t where `df` is given. Columns as
    `ranks_from_bounds`. A unit without estimate or se is not ranked.
    """
    values, errors = _floats(estimate), _floats(se)
    lengths = {len(values), len(errors)} | ({len(_floats(df))} if df is not None else set())
    if len(lengths) > 1 or (errors < 0).any():
        raise StatisticsError(
            f"Expected as many standard errors ≥ 0 as estimates, got lengths {sorted(lengths)} and "
            f"{int((errors < 0).sum())} negative ones.",
            "标准误应与估计值等长且不为负。",
        )
    require_confidence(confidence)
    known = np.isfinite(values) & np.isfinite(errors)
    joint = 1 - (1 - confidence) / max(int(known.sum()), 1)
    quantile = z_quantile(joint) if df is None else t_quantile(joint, np.nan_to_num(_floats(df)))
    half = quantile * errors
    return ranks_from_bounds(values, values - half, values + half, highest_first=highest_first)


def rank_rates(successes: Values, n: Values, *, confidence: float = 0.95, highest_first: bool = True) -> pl.DataFrame:
    """Rank intervals of rates successes / n by joint Wilson intervals; n = 0 is not ranked."""
    hits, counts = _floats(successes), _floats(n)
    wilson(np.nan_to_num(hits), np.nan_to_num(counts), confidence)  # the same conditions on the counts
    known = np.nan_to_num(counts) > 0
    joint = 1 - (1 - confidence) / max(int(known.sum()), 1)
    rate, lo, hi = (np.full(len(hits), np.nan) for _ in range(3))
    rate[known] = hits[known] / counts[known]
    lo[known], hi[known] = wilson(hits[known], counts[known], joint)
    return ranks_from_bounds(rate, lo, hi, highest_first=highest_first)


def ranks_from_bounds(
    estimate: npt.ArrayLike, lo: npt.ArrayLike, hi: npt.ArrayLike, *, highest_first: bool = True
) -> pl.DataFrame:
    """Ranks 1 (first) to K from joint bounds, in the order given.

    rank_lo = 1 + #{j: lo_j > hi_k}, rank_hi = K − #{j: hi_j < lo_k}. Columns rank (ties share the
    best), rank_lo, rank_hi, n_ranked = K, and n_tied: units it cannot be told apart from.
    A unit without estimate or bounds (NaN or null) has null ranks and is not counted in K.
    """
    centre, low, high = (np.asarray(a, np.float64) for a in (estimate, lo, hi))
    if not highest_first:
        centre, low, high = -centre, -high, -low
    known = np.isfinite(centre) & np.isfinite(low) & np.isfinite(high)
    k = int(known.sum())
    if (low[known] > high[known]).any():
        raise StatisticsError("A lower bound lies above its upper bound.", "区间下限大于上限。")
    above = k - np.searchsorted(np.sort(low[known]), high[known], side="right")
    below = np.searchsorted(np.sort(high[known]), low[known], side="left")
    better = k - np.searchsorted(np.sort(centre[known]), centre[known], side="right")
    columns = {
        "rank": 1 + better,
        "rank_lo": 1 + above,
        "rank_hi": k - below,
        "n_ranked": np.full(k, k),
        "n_tied": k - above - below - 1,
    }
    position = np.full(len(centre), -1)
    position[known] = np.arange(k)
    ranked = pl.DataFrame(columns).cast(pl.Int64).with_row_index("_position").cast({"_position": pl.Int64})
    return pl.DataFrame({"_position": position}).join(
        ranked, on="_position", how="left", maintain_order="left"
    ).drop("_position")  # fmt: skip


def _floats(values: Values) -> npt.NDArray[np.float64]:
    return as_numbers(values, "values").fill_null(np.nan).to_numpy()
