"""Means, proportions and ratios under a survey design, with linearised standard errors.

Here belongs every estimate that a wave publishes directly; the design and its variance formula
are in `design`, changes and differences in `changes`, interval formulae in `intervals`, model-based estimates in `small_areas`.

All functions take one row per respondent. A null answer is out of the base and of n. Answers may
be in any unit (points 0–100, 0/1); estimates and standard errors are in the same unit.

Every result has one row per domain (value of `by`) and question, with
n, n_eff (Kish), sum_weight, estimate, se, lo, hi, deff, df and flags. What cannot be computed is
null and `flags` says why:

- single_psu: the domain reaches a stratum with one PSU: the standard error centres it on the grand mean, and there is
  no interval, for it takes two units to see a spread
- no_answers: nobody in the domain answered; everything is null
- no_degrees_of_freedom: no more PSUs than strata, so no interval
- few_degrees_of_freedom: fewer than `minimum_df` (1 unless stated), so no interval
- zero_variance: the answers do not vary (or not beyond the margins), which says nothing about
  their spread; no standard error or interval
- boundary: proportion 0 or 1, interval from n as if the design effect were 1
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.design import (
    RELATIVE_ZERO,
    Columns,
    Design,
    DesignOptions,
    Domains,
    Floats,
    degrees_of_freedom,
    read_design,
    read_domains,
    strata_flags,
    variance,
)
from orchestration.statistics.errors import StatisticsError, as_numbers, require_choice, require_columns, require_number
from orchestration.statistics.intervals import korn_graubard, t_quantile, wilson_survey

Srs = Literal["wr", "wor"]
Columnar = dict[str, npt.NDArray[Any]]  # name → one value per domain


def estimate_mean(
    frame: pl.DataFrame,
    y: str,
    weight: str,
    strata: Columns = None,
    psu: Columns = None,
    fpc: str | None = None,
    by: Columns = None,
    *,
    confidence: float = 0.95,
    minimum_df: int = 1,
    srs: Srs = "wr",
    **options: Unpack[DesignOptions],
) -> pl.DataFrame:
    """Weighted mean Σwy/Σw of `y` per domain, with its linearised standard error.

    `strata`, `psu`, `fpc` and `options` say how people were drawn and weighted: see `design.read_design`.
    `srs`: the simple random sample of the design effect, with or without replacement; the latter
    needs weights that sum to the population, else `deff` is null.
    Columns: `by`…, n, n_eff, sum_weight, mean, se, lo, hi, deff, df, flags.
    """
    return estimate_means(
        frame, [y], weight, strata, psu, fpc, by,
        confidence=confidence, minimum_df=minimum_df, srs=srs, **options,
    ).drop("question")  # fmt: skip


def estimate_means(
    frame: pl.DataFrame,
    ys: Sequence[str],
    weight: str,
    strata: Columns = None,
    psu: Columns = None,
    fpc: str | None = None,
    by: Columns = None,
    *,
    confidence: float = 0.95,
    minimum_df: int = 1,
    srs: Srs = "wr",
    **options: Unpack[DesignOptions],
) -> pl.DataFrame:
    """`estimate_mean` of many questions over one reading of the design; first column `question`."""
    require_choice("srs", srs, ("wr", "wor"))
    design = read_design(frame, weight, strata, psu, fpc, **options)
    domains = read_domains(frame, by, design)
    ones = np.ones(frame.height)
    parts = [_ratio(design, domains, *read_answers(frame, y), ones, srs) for y in ys]
    return _t_interval(_stacked(domains, parts, ys), confidence, minimum_df).rename({"estimate": "mean"})


def estimate_ratio(
    frame: pl.DataFrame,
    y: str,
    x: str,
    weight: str,
    strata: Columns = None,
    psu: Columns = None,
    fpc: str | None = None,
    by: Columns = None,
    *,
    confidence: float = 0.95,
    minimum_df: int = 1,
    srs: Srs = "wr",
    **options: Unpack[DesignOptions],
) -> pl.DataFrame:
    """Ratio Σwy/Σwx per domain, e.g. visits per household member; rows with either null are out.

    Columns as `estimate_mean`, with `ratio`. Σwx = 0 is null with the flag `no_answers`.
    """
    require_choice("srs", srs, ("wr", "wor"))
    design = read_design(frame, weight, strata, psu, fpc, **options)
    domains = read_domains(frame, by, design)
    numerator, has_y = read_answers(frame, y)
    denominator, has_x = read_answers(frame, x)
    part = _ratio(design, domains, numerator, has_y * has_x, denominator, srs)
    table = _t_interval(_stacked(domains, [part], [y]), confidence, minimum_df)
    return table.rename({"estimate": "ratio"}).drop("question")


def estimate_proportion(
    frame: pl.DataFrame,
    y: str,
    weight: str,
    strata: Columns = None,
    psu: Columns = None,
    fpc: str | None = None,
    by: Columns = None,
    *,
    confidence: float = 0.95,
    minimum_df: int = 1,
    srs: Srs = "wr",
    method: Literal["wilson", "korn_graubard"] = "wilson",
    **options: Unpack[DesignOptions],
) -> pl.DataFrame:
    """Weighted proportion of `y` (true/false or 1/0), with an interval that stays within 0 and 1.

    Columns as `estimate_mean`, with `proportion`. A proportion of 0 or 1 still has an interval.
    """
    return estimate_proportions(
        frame, [y], weight, strata, psu, fpc, by,
        confidence=confidence, minimum_df=minimum_df, srs=srs, method=method, **options,
    ).drop("question")  # fmt: skip


def estimate_proportions(
    frame: pl.DataFrame,
    ys: Sequence[str],
    weight: str,
    strata: Columns = None,
    psu: Columns = None,
    fpc: str | None = None,
    by: Columns = None,
    *,
    confidence: float = 0.95,
    minimum_df: int = 1,
    srs: Srs = "wr",
    method: Literal["wilson", "korn_graubard"] = "wilson",
    **options: Unpack[DesignOptions],
) -> pl.DataFrame:
    """`estimate_proportion` of many columns at once; first column `question`."""
    require_choice("srs", srs, ("wr", "wor"))
    design = read_design(frame, weight, strata, psu, fpc, **options)
    domains = read_domains(frame, by, design)
    ones = np.ones(frame.height)
    require_choice("method", method, ("wilson", "korn_graubard"))
    interval = {"wilson": wilson_survey, "korn_graubard": korn_graubard}[method]
    parts = []
    for y in ys:
        values, answered = read_answers(frame, y)
        if not np.isin(values, (0, 1)).all():
            wrong = float(values[~np.isin(values, (0, 1))][0])
            raise StatisticsError(
                f"A proportion needs 0 and 1 or true and false; {y!r} contains {wrong:g}.",
                f"比例估计只接受 0/1 或真/假；{y!r} 含有 {wrong:g}。",
            )
        parts.append(_ratio(design, domains, values, answered, ones, srs))
    table = _stacked(domains, parts, ys)
    p, se, n, df = (table[c].to_numpy() for c in ("estimate", "se", "n", "df"))
    # Equal answers have no standard error of their own: the interval then comes from n.
    is_equal = np.isnan(se) & (np.isclose(p, 0, atol=1e-12) | np.isclose(p, 1, atol=1e-12))
    is_census = np.isfinite(se) & (se == 0)
    usable = (np.isfinite(se) | is_equal) & (df > 0) & ~is_census
    lo, hi = np.full(len(p), np.nan), np.full(len(p), np.nan)
    lo[usable], hi[usable] = interval(p[usable], np.nan_to_num(se[usable]), n[usable], df[usable], confidence)
    lo, hi = np.where(is_census, p, lo), np.where(is_census, p, hi)
    finished = _finish(table, lo, hi, {"boundary": is_equal, "zero_variance": ~is_equal}, minimum_df)
    return finished.rename({"estimate": "proportion"})


def estimate_total(
    frame: pl.DataFrame,
    y: str,
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
    """Total Σwy per domain with its standard error: how many, how much, not how good.

    Weights must sum to the population. A null answer adds nothing, as if it were zero: weights that carry those who did
    not answer belong to the caller. `y` all 1 gives the size of the domain. Columns as `estimate_mean`, with `total`;
    `deff` is null. A total that the calibration fixes has no sampling error: se 0 is then null with `zero_variance`.
    """
    design = read_design(frame, weight, strata, psu, fpc, **options)
    domains = read_domains(frame, by, design)
    values, answered = read_answers(frame, y)
    w = design.weight * answered
    n, sum_w = domains.sums(answered), domains.sums(w)
    se = np.sqrt(variance(design, domains, w * values))
    single, census = strata_flags(design, domains)
    has = n > 0
    part = {
        "n": n.astype(np.int64),
        "n_eff": np.divide(sum_w**2, domains.sums(w**2), out=np.zeros(domains.size), where=has),
        "sum_weight": sum_w,
        "estimate": np.where(has, domains.sums(w * values), np.nan),
        "se": np.where(~has | ((se == 0) & ~census), np.nan, se),
        "deff": np.full(domains.size, np.nan),
        "df": degrees_of_freedom(domains, answered),
        "_single": single & has,
    }
    table = _t_interval(_stacked(domains, [part], [y]), confidence, minimum_df)
    return table.rename({"estimate": "total"}).drop("question")


def read_answers(frame: pl.DataFrame, y: str) -> tuple[Floats, Floats]:
    """Answers with null as 0, and 1 where there is an answer."""
    require_columns(frame, {"answer": y})
    column = as_numbers(frame[y], y)
    answered = column.is_not_null().to_numpy()
    values = np.where(answered, column.to_numpy(), 0.0)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise StatisticsError(
            f"Expected a finite number or null in {y!r}; row {row} is {column[row]}.",
            f"{y!r} 应为有限数值或空值；第 {row} 行为 {column[row]}。",
        )
    return values, answered.astype(np.float64)


def at_respondents(per_domain: Floats, domains: Domains) -> Floats:
    """A value per domain, at each respondent; unknown (NaN) becomes 0, which its 0 weight ignores."""
    return np.nan_to_num(per_domain)[domains.code]


def _ratio(design: Design, domains: Domains, y: Floats, answered: Floats, x: Floats, srs: Srs) -> Columnar:
    """R = Σwy/Σwx per domain with the variance of its linearisation z = (y − Rx)/Σwx; no interval."""
    w = design.weight * answered
    n = domains.sums(answered)
    sum_w, sum_x = domains.sums(w), domains.sums(w * x)
    # A denominator that cancels out leaves rounding.
    has = np.abs(sum_x) > RELATIVE_ZERO * domains.sums(w * np.abs(x))
    safe_x, safe_w = np.where(has, sum_x, 1.0), np.where(n > 0, sum_w, 1.0)
    estimate = np.where(has, domains.sums(w * y) / safe_x, np.nan)
    if has.any() and (x == 1).all():
        # A mean lies among its answers, whatever the sums' rounding says: 100.00000000000001 of 100 is no figure.
        told = y[answered > 0]
        estimate = np.clip(estimate, told.min(), told.max())
    residual = y - at_respondents(estimate, domains) * x
    se = np.sqrt(variance(design, domains, w * residual / at_respondents(safe_x, domains)))
    spread = domains.sums(w * residual**2) / safe_w
    single, census = strata_flags(design, domains)
    # Equal answers leave only rounding of size 1e-16 × the answer: no spread.
    scale = np.sqrt(domains.sums(w * y**2) / safe_w)
    flat = np.sqrt(spread) <= 1e-12 * scale
    simple = _simple_random_variance(spread * (safe_w / safe_x) ** 2, n, sum_w, srs)
    deff = np.divide(se**2, simple, out=np.full(domains.size, np.nan), where=~flat & (simple > 0))
    unknown = ~has | ((flat | (se == 0)) & ~census)
    n_eff = np.divide(sum_w**2, domains.sums(w**2), out=np.zeros(domains.size), where=n > 0)
    return {
        "n": n.astype(np.int64),
        "n_eff": n_eff,
        "sum_weight": sum_w,
        "estimate": estimate,
        "se": np.where(unknown, np.nan, se),
        "deff": np.where(has, deff, np.nan),
        "df": degrees_of_freedom(domains, answered),
        "_single": single & has,
    }


def _stacked(domains: Domains, parts: Sequence[Columnar], ys: Sequence[str]) -> pl.DataFrame:
    """One frame of the questions' arrays, for a frame each costs more than its arithmetic: question, keys, columns."""
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}
    question = pl.DataFrame({"question": pl.Series(ys, dtype=pl.String)}).select(
        pl.all().repeat_by(domains.size).explode()
    )
    keys = [pl.concat([domains.keys] * len(ys))] if domains.keys.width and ys else []
    return pl.concat([question, *keys, pl.DataFrame(columns)], how="horizontal")


def _simple_random_variance(spread: Floats, n: Floats, population: Floats, srs: Srs) -> Floats:
    """Variance of the mean of a simple random sample of n with the same spread; 0 where undefined."""
    share = np.divide(n, population, out=np.ones_like(n), where=population > 0) if srs == "wor" else 0.0
    return np.where(n > 1, np.maximum(1 - share, 0) * spread / np.maximum(n - 1, 1), 0.0)


def _t_interval(table: pl.DataFrame, confidence: float, minimum_df: int) -> pl.DataFrame:
    estimate, se = table["estimate"].to_numpy(), table["se"].to_numpy()
    # A census has no error, whatever its degrees of freedom.
    half = np.where(se == 0, 0.0, t_quantile(confidence, table["df"].to_numpy()) * se)
    return _finish(table, estimate - half, estimate + half, {"zero_variance": np.isfinite(estimate)}, minimum_df)


def _finish(
    table: pl.DataFrame, lo: Floats, hi: Floats, flags: dict[str, npt.NDArray[np.bool_]], minimum_df: int
) -> pl.DataFrame:
    """Bounds after `se`, flags last, no NaN; `flags` adds conditions, zero_variance where se is unknown.

    No bounds where a stratum has one unit or degrees of freedom are fewer than stated.
    """
    require_number("minimum_df", minimum_df, 1, 1e6, whole=True)
    known = table["estimate"].is_not_nan().to_numpy()
    df, is_census = table["df"].to_numpy(), (table["se"] == 0).fill_null(False).to_numpy()
    conditions = {
        "single_psu": table["_single"].to_numpy(),
        "no_answers": ~known,
        "no_degrees_of_freedom": known & (df <= 0) & ~is_census,
        "few_degrees_of_freedom": known & (df > 0) & (df < minimum_df) & ~is_census,
        **flags,
    }
    is_known = ~(conditions["single_psu"] | ((df < minimum_df) & ~is_census))
    lo, hi = np.where(is_known, lo, np.nan), np.where(is_known, hi, np.nan)
    conditions["zero_variance"] = flags["zero_variance"] & known & table["se"].is_nan().to_numpy()
    keys = table.columns[: table.columns.index("n")]
    return table.with_columns(
        pl.Series("lo", lo), pl.Series("hi", hi), flag_list(conditions)
    ).select(
        *keys, "n", "n_eff", "sum_weight", "estimate", "se", "lo", "hi", "deff", "df", "flags"
    ).with_columns(pl.selectors.float().fill_nan(None))  # fmt: skip


def flag_list(conditions: dict[str, npt.NDArray[np.bool_]]) -> pl.Series:
    told = [pl.when(name).then(pl.lit(name)) for name in conditions]
    return pl.DataFrame(conditions).select(flags=pl.concat_list(told).list.drop_nulls()).to_series()


def with_keys(domains: Domains, table: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([domains.keys, table], how="horizontal") if domains.keys.width else table
