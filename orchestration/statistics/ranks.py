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
from orchestration.statistics.intervals import satterthwaite, t_quantile, wilson, z_quantile

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
    values, errors, degrees = _ranked(estimate, se, df, confidence)
    known = np.isfinite(values) & np.isfinite(errors)
    joint = 1 - (1 - confidence) / max(int(known.sum()), 1)
    quantile = z_quantile(joint) if df is None else t_quantile(joint, degrees)
    half = quantile * errors
    return ranks_from_bounds(values, values - half, values + half, highest_first=highest_first)


def rank_rates(successes: Values, n: Values, *, confidence: float = 0.95, highest_first: bool = True) -> pl.DataFrame:
    """Rank intervals of rates successes / n by joint Wilson intervals; n = 0 is not ranked."""
    hits, counts = _floats(successes), _floats(n)
    if len(hits) != len(counts):
        raise StatisticsError(
            f"Expected as many counts as successes, got {len(counts)} and {len(hits)}.",
            f"成功数与总数应等长，现为 {len(hits)} 与 {len(counts)}。",
        )
    wilson(np.nan_to_num(hits), np.nan_to_num(counts), confidence)  # the same conditions on the counts
    known = np.nan_to_num(counts) > 0
    joint = 1 - (1 - confidence) / max(int(known.sum()), 1)
    rate, lo, hi = (np.full(len(hits), np.nan) for _ in range(3))
    rate[known] = hits[known] / counts[known]
    lo[known], hi[known] = wilson(hits[known], counts[known], joint)
    return ranks_from_bounds(rate, lo, hi, highest_first=highest_first)


def marginal_rank_intervals(
    estimate: Values,
    se: Values,
    df: Values | None = None,
    *,
    confidence: float = 0.95,
    highest_first: bool = True,
) -> pl.DataFrame:
    """Rank and rank interval of each unit by itself, for who asks about one unit; narrower than `rank_intervals`.

    A unit is above another if their difference is beyond chance; the K − 1 differences of a unit hold together with at
    least `confidence` (Bonferroni), those of all units do not: do not read a league table from it. Estimates are independent.
    Columns rank, rank_lo, rank_hi, n_ranked; and `is_among_best`: no other is surely better (one-sided, K − 1
    comparisons), so the set holds the truly best with at least `confidence`.
    Source: Mogstad, Romano, Shaikh & Wilhelm (2024), Review of Economic Studies 91; Hsu (1981), Annals of Statistics 9.
    """
    values, errors, degrees = _ranked(estimate, se, df, confidence)
    known = np.isfinite(values) & np.isfinite(errors) & (np.isnan(degrees) | (degrees > 0))
    y = values[known] if highest_first else -values[known]
    v, d = errors[known] ** 2, degrees[known]
    k = len(y)
    spread = np.sqrt(v[:, None] + v[None, :])
    joint = np.full((k, k), np.inf)
    if df is not None and k:
        joint = satterthwaite([v[:, None] + 0 * v, v + 0 * v[:, None]], [d[:, None] + 0 * d, d + 0 * d[:, None]])
    comparisons = max(k - 1, 1)
    two_sided, one_sided = ((1 - (1 - confidence) * sides / comparisons) for sides in (1, 2))
    ahead = y[None, :] - y[:, None]  # of column over row
    far = _quantiles(two_sided, joint) * spread
    above, below = (ahead > far).sum(axis=1), (-ahead > far).sum(axis=1)
    # One-sided at α/(K−1) is two-sided at twice that.
    surely_better = (ahead > _quantiles(max(one_sided, 1e-9), joint) * spread).any(axis=1)
    columns = {
        "rank": 1 + (ahead > 0).sum(axis=1), "rank_lo": 1 + above, "rank_hi": k - below, "n_ranked": np.full(k, k),
    }  # fmt: skip
    found = pl.DataFrame(columns).cast(pl.Int64).with_columns(is_among_best=pl.Series(~surely_better, dtype=pl.Boolean))
    place = np.full(len(values), -1)
    place[known] = np.arange(k)
    numbered = found.with_row_index("_place").cast({"_place": pl.Int64})
    return pl.DataFrame({"_place": place}).join(numbered, on="_place", how="left", maintain_order="left").drop("_place")


def _quantiles(confidence: float, df: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """t per pair, normal where degrees of freedom are not counted; infinite where there are none."""
    counted = t_quantile(confidence, np.where(np.isfinite(df), df, 1.0))
    return np.where(np.isinf(df), z_quantile(confidence), np.where(np.isnan(counted), np.inf, counted))


def _ranked(
    estimate: Values, se: Values, df: Values | None, confidence: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    values, errors = _floats(estimate), _floats(se)
    degrees = np.full(len(values), np.nan) if df is None else np.nan_to_num(_floats(df))
    if len({len(values), len(errors), len(degrees)}) > 1 or (errors < 0).any():
        raise StatisticsError(
            f"Expected as many standard errors ≥ 0 as estimates, got lengths {sorted({len(values), len(errors), len(degrees)})} and "
            f"{int((errors < 0).sum())} negative ones.",
            "标准误应与估计值等长且不为负。",
        )
    require_confidence(confidence)
    return values, errors, degrees


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
    """Null becomes NaN; an infinite value is refused, for it would rank."""
    found = as_numbers(values, "values").fill_null(np.nan).to_numpy()
    if np.isinf(found).any():
        raise StatisticsError("Expected finite numbers or null.", "应为有限数值或空值。")
    return found
