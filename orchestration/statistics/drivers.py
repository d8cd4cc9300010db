"""What goes with satisfaction: shares of R² per driver, importance against performance, reliability.

Here belongs the relation between questions; means and their errors are in `estimates`. Shares of
R² describe association in one wave, not what a measure would cause: say so where they are shown.

Sources: Lindeman, Merenda & Gold (1980); Grömping (2007), The American Statistician 61, for LMG;
Rao & Wu (1988), JASA 83, for the bootstrap of PSUs; Cronbach (1951); Martilla & James (1977).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.design import Columns, Design, read_design
from orchestration.statistics.errors import StatisticsError, as_numbers, require_columns, require_confidence
from orchestration.statistics.weights import checked_weights, kish

Floats = npt.NDArray[np.float64]
MAX_DRIVERS = 12  # 4,096 regressions a replicate; beyond it the shares are too thin to read


@dataclass(frozen=True)
class Drivers:
    """`shares`: driver, performance (weighted mean), lmg (part of R²), share = lmg/R², lo, hi (of
    the share). `refused`: why there are none, in Chinese and English; then lmg, share, lo, hi are
    null. `n`: respondents who answered everything; `n_incomplete`: those left out."""

    shares: pl.DataFrame
    r2: float | None
    n: int
    n_incomplete: int
    refused: str | None


class _Refused(StatisticsError):
    """The sample cannot carry the decomposition; becomes `Drivers.refused`."""


def lmg(
    frame: pl.DataFrame,
    outcome: str,
    drivers: Sequence[str],
    weight: str,
    strata: Columns = None,
    psu: Columns = None,
    *,
    replicates: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
    minimum_n: int = 50,
    n_per_driver: int = 10,
) -> Drivers:
    """Each driver's share of R² of the weighted regression, averaged over all orders of entry.

    Bootstrap percentile intervals resample PSUs within strata (Rao–Wu); same seed, same result.
    Refused with the reason, not an error, when the sample cannot carry it: more than 12 drivers,
    too few complete answers, a constant or collinear column, strata without two PSUs, an R² that
    an F test at 5 % with Kish's n_eff cannot tell from 0.
    """
    require_columns(frame, {"outcome": outcome} | {f"driver {d}": d for d in drivers})
    columns = [outcome, *drivers]
    if len(set(columns)) < len(columns) or len(drivers) < 2:
        raise StatisticsError(
            f"Expected at least two different drivers beside the outcome, got {list(drivers)}.",
            f"至少需要两个不同的驱动因素，现为 {list(drivers)}。",
        )
    if replicates < 1:
        raise StatisticsError(f"Expected at least 1 bootstrap sample, got {replicates}.", "自助抽样至少 1 次。")
    require_confidence(confidence)
    frame = frame.with_columns(as_numbers(frame[c], c).alias(c) for c in columns)
    complete = frame.filter(pl.all_horizontal(pl.col(c).is_finite().fill_null(False) for c in columns))
    checked_weights(frame[weight])
    table = pl.DataFrame({"driver": list(drivers), "performance": [_mean(frame, d, weight) for d in drivers]})
    n, n_incomplete = complete.height, frame.height - complete.height
    try:
        if len(drivers) > MAX_DRIVERS:
            raise _Refused(
                f"{len(drivers)} drivers; at most {MAX_DRIVERS}", f"驱动因素 {len(drivers)} 个，最多 {MAX_DRIVERS} 个"
            )
        needed = max(minimum_n, n_per_driver * len(drivers))
        if n < needed:
            raise _Refused(f"{n} complete answers; {needed} needed", f"完整作答 {n} 份，至少需要 {needed} 份")
        design = read_design(complete, weight, strata, psu)
        moments = _psu_moments(complete, columns, design)
        parts = _explained(design, moments, columns)
    except _Refused as refusal:
        empty = pl.lit(None, pl.Float64)
        return Drivers(
            table.with_columns(lmg=empty, share=empty, lo=empty, hi=empty), None, n, n_incomplete, str(refusal)
        )
    resampled = [p / p.sum() for p in _replicates(moments, design, len(columns), replicates, seed)]
    tail = (1 - confidence) / 2
    lo, hi = np.quantile(np.array(resampled), [tail, 1 - tail], axis=0)
    r2 = float(parts.sum())
    shares = table.with_columns(lmg=pl.Series(parts), share=pl.Series(parts / r2), lo=pl.Series(lo), hi=pl.Series(hi))
    return Drivers(shares, r2, n, n_incomplete, None)


def shapley_r2(correlation: Floats) -> Floats:
    """LMG parts of R² of the first variable on the others, from their correlation matrix.

    Part j = Σ over sets S without j of |S|!(p−|S|−1)!/p! · (R²(S ∪ j) − R²(S)); parts sum to R².
    """
    p = len(correlation) - 1
    r2 = np.zeros(1 << p)
    for size in range(1, p + 1):
        sets = np.array(list(combinations(range(1, p + 1), size)))
        inner = correlation[sets[:, :, None], sets[:, None, :]]
        outer = correlation[0, sets]
        r2[(1 << (sets - 1)).sum(axis=1)] = np.einsum(
            "sd,sd->s", outer, np.linalg.solve(inner, outer[..., None])[..., 0]
        )
    masks = np.arange(1 << p)
    sizes = np.array([int(mask).bit_count() for mask in masks])
    share = np.array([factorial(s) * factorial(p - s - 1) / factorial(p) for s in range(p)])
    parts = np.empty(p)
    for j in range(p):
        without = masks[(masks >> j) & 1 == 0]
        parts[j] = np.sum(share[sizes[without]] * (r2[without | 1 << j] - r2[without]))
    return parts


def cronbach_alpha(frame: pl.DataFrame, items: Sequence[str], weight: str | None = None) -> pl.DataFrame:
    """Cronbach's α of a scale and α without each item, over complete answers.

    First row `item` null: the whole scale. Columns item, alpha, n, reason; α is null, with its
    reason, for fewer than two items or complete answers, or a scale without variance.
    Items must point the same way: score reversed items first.
    """
    require_columns(frame, {"weight if any": weight} | {f"item {i}": i for i in items})
    if len({*items}) < len(items):
        raise StatisticsError(f"An item is named twice: {list(items)}.", f"项目重复：{list(items)}。")
    scored = frame.with_columns(as_numbers(frame[i], i).alias(i) for i in items)
    complete = scored.filter(pl.all_horizontal(pl.col(i).is_finite().fill_null(False) for i in items)) if items else scored.clear()  # fmt: skip
    values = complete.select(pl.col(i) for i in items).to_numpy()
    w = checked_weights(complete[weight]) if weight else np.ones(len(values))
    enough = len(values) >= 2
    covariance = np.atleast_2d(np.cov(values, rowvar=False, aweights=w)) if enough and len(items) else np.empty((0, 0))
    rows = [_alpha_row(None, covariance, range(len(items)), len(values))]
    for i, item in enumerate(items):
        rows.append(_alpha_row(item, covariance, [j for j in range(len(items)) if j != i], len(values)))
    schema = {"item": pl.String, "alpha": pl.Float64, "n": pl.Int64, "reason": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def importance_performance(
    shares: pl.DataFrame, *, importance: str = "share", performance: str = "performance"
) -> pl.DataFrame:
    """`shares` with `quadrant`, cut at the means: concentrate_here (important, poor), keep_up
    (important, good), low_priority, possible_overkill; null where importance is unknown."""
    require_columns(shares, {"importance": importance, "performance": performance})
    important = pl.col(importance) >= pl.col(importance).mean()
    good = pl.col(performance) >= pl.col(performance).mean()
    return shares.with_columns(
        quadrant=pl.when(important & ~good).then(pl.lit("concentrate_here"))
        .when(important & good).then(pl.lit("keep_up"))
        .when(~important & ~good).then(pl.lit("low_priority"))
        .when(~important & good).then(pl.lit("possible_overkill"))
    )  # fmt: skip


def _explained(design: Design, moments: Floats, columns: Sequence[str]) -> Floats:
    """LMG parts, or why there can be none."""
    if design.is_single.any():
        raise _Refused("a stratum with one PSU cannot be resampled", "存在只有一个初级单元的层，无法重抽样")
    covariance = _covariance(moments.sum(axis=0), len(columns))
    constant = [c for c, v in zip(columns, np.diag(covariance), strict=True) if v <= 1e-12]
    if constant:
        raise _Refused(f"all answers to {constant[0]} are equal", f"{constant[0]} 的所有回答相同")
    correlation = _correlation(covariance)
    if np.linalg.eigvalsh(correlation[1:, 1:])[0] < 1e-3:
        raise _Refused("drivers are combinations of one another", "驱动因素之间存在共线")
    parts = shapley_r2(correlation)
    r2 = float(parts.sum())
    if not _is_significant(r2, kish(design.weight), len(parts)):
        raise _Refused(f"R² = {r2:.3f} may be chance", f"R² = {r2:.3f}，可能只是偶然")
    return parts


def _is_significant(r2: float, n_eff: float, p: int) -> bool:
    from scipy.special import fdtrc

    residual_df = n_eff - p - 1
    if residual_df < 1:
        return False
    return bool(fdtrc(p, residual_df, r2 / p / max(1 - r2, 1e-300) * residual_df) < 0.05)


def _mean(frame: pl.DataFrame, column: str, weight: str) -> float | None:
    answered = frame.filter(pl.col(column).is_finite())
    if not answered.height:
        return None
    values, weights = (answered[c].cast(pl.Float64).to_numpy() for c in (column, weight))
    # Of equal values the quotient of two sums is one only up to its last digit.
    return float(np.clip(np.average(values, weights=weights), values.min(), values.max()))


def _psu_moments(complete: pl.DataFrame, columns: Sequence[str], design: Design) -> Floats:
    """Σw, Σwv and Σwvv' per PSU, flattened: all that a weighted covariance needs."""
    v = complete.select(pl.col(columns).cast(pl.Float64)).to_numpy()
    v = np.column_stack([np.ones(len(v)), v - v.mean(axis=0)])
    upper = np.triu_indices(v.shape[1])
    order = np.argsort(design.psu, kind="stable")
    starts = np.flatnonzero(np.diff(design.psu[order], prepend=-1))
    products = (design.weight[:, None] * v[:, upper[0]] * v[:, upper[1]])[order]
    return np.add.reduceat(products, starts, axis=0)


def _covariance(moment: Floats, n_columns: int) -> Floats:
    size = n_columns + 1
    full = np.empty((size, size))
    full[np.triu_indices(size)] = moment
    full = np.triu(full) + np.triu(full, 1).T
    mean = full[0, 1:] / full[0, 0]
    covariance: Floats = full[1:, 1:] / full[0, 0] - np.outer(mean, mean)
    return covariance


def _correlation(covariance: Floats) -> Floats:
    scale = np.sqrt(np.diag(covariance))
    correlation: Floats = covariance / np.outer(scale, scale)
    return correlation


def _replicates(moments: Floats, design: Design, n_columns: int, replicates: int, seed: int) -> Iterator[Floats]:
    """LMG parts under Rao–Wu weights: n_h − 1 of n_h PSUs drawn again, times n_h/(n_h − 1)."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(design.stratum == h) for h in range(len(design.n_psus))]
    produced = 0
    for _ in range(10 * replicates):
        times = np.zeros(len(moments))
        for psus in members:
            draws = rng.choice(psus, size=len(psus) - 1)
            times += np.bincount(draws, minlength=len(moments)) * len(psus) / (len(psus) - 1)
        covariance = _covariance(times @ moments, n_columns)
        if (np.diag(covariance) <= 1e-12).any():
            continue  # a replicate in which a column is constant has no correlation
        correlation = _correlation(covariance)
        if np.linalg.eigvalsh(correlation[1:, 1:])[0] < 1e-8:
            continue
        yield shapley_r2(correlation)
        produced += 1
        if produced == replicates:
            return
    raise StatisticsError(
        f"Only {produced} of {10 * replicates} bootstrap samples had varying answers; too few PSUs.",
        f"自助抽样仅有 {produced} 次可用，初级单元过少。",
    )


def _alpha_row(
    item: str | None, covariance: Floats, kept: Sequence[int], n: int
) -> tuple[str | None, float | None, int, str | None]:
    k = len(kept)
    if k < 2:
        return item, None, n, "too_few_items"
    if n < 2:
        return item, None, n, "too_few_answers"
    part = covariance[np.ix_(kept, kept)]
    total = float(part.sum())
    if total <= 1e-12:
        return item, None, n, "no_variance"
    return item, k / (k - 1) * (1 - float(np.trace(part)) / total), n, None
