"""Differences between groups and changes between waves, with their test.

Here belongs what compares two means of one questionnaire; the means themselves are in
`estimates`, whose flags are used. Different wordings are different questions: never compare them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from orchestration.statistics.design import (
    Columns,
    Design,
    Method,
    as_list,
    degrees_of_freedom,
    read_design,
    read_domains,
    strata_flags,
    variance,
)
from orchestration.statistics.errors import StatisticsError, require_columns, require_number
from orchestration.statistics.estimates import at_respondents, flag_list, read_answers, with_keys
from orchestration.statistics.intervals import satterthwaite, t_quantile, t_two_sided


def estimate_difference(
    frame: pl.DataFrame,
    y: str,
    weight: str,
    group: str,
    baseline: object,
    comparison: object,
    strata: Columns = None,
    psu: Columns = None,
    fpc: str | None = None,
    by: Columns = None,
    *,
    independent: bool = False,
    base_weight: str | None = None,
    margins: Sequence[str] = (),
    calibration: Method = "raking",
    confidence: float = 0.95,
    minimum_df: int = 1,
    design: Design | None = None,
) -> pl.DataFrame:
    """Mean of `comparison` minus mean of `baseline` (two values of `group`), with test, per domain.

    `independent`: the groups are separate samples, such as two waves drawn anew, so strata, PSUs
    and margins are read within each. Otherwise they share the design (modes of one wave, a panel)
    and their covariance is taken into account; it may have been read before (`design`). Degrees of freedom: of independent samples Satterthwaite's, so that two
    units in one wave are not lent the certainty of fifty in the other; of a shared design its own.
    No interval and no p where a stratum has one unit, or with fewer degrees of freedom than `minimum_df`.
    Columns: `by`…, n_baseline, n_comparison, baseline, comparison, difference, se, lo, hi, df,
    p (two-sided t test of no difference), flags.
    """
    require_columns(frame, {"group": group})
    require_number("minimum_df", minimum_df, 1, 1e6, whole=True)
    if independent:
        if design is not None:
            raise StatisticsError(
                "Separate samples have a design each, which is read here; give its columns and no design.",
                "各自独立的样本须分别读取设计；请给出设计的列，不要给出已读取的设计。",
            )
        crossed = [pl.struct(group, m).rank("dense").alias(m) for m in margins]
        frame = frame.with_columns(crossed)
        strata = [group, *(key for key in as_list(strata) if key != group)]
    design = read_design(
        frame,
        weight,
        strata,
        psu,
        fpc,
        base_weight=base_weight,
        margins=margins,
        calibration=calibration,
        design=design,
    )
    domains = read_domains(frame, by, design)
    values, answered = read_answers(frame, y)
    scores = np.zeros(frame.height)
    means, counts, used, of_each = [], [], np.zeros(frame.height), []
    for sign, value in ((-1.0, baseline), (1.0, comparison)):
        try:
            is_in_group = frame.select((pl.col(group) == pl.lit(value)).fill_null(False)).to_series()
            member = answered * is_in_group.to_numpy()
        except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
            raise StatisticsError(
                f"Expected a value of {group!r}, which is {frame[group].dtype}; got {value!r}.",
                f"应为 {group!r} 列（{frame[group].dtype}）的取值；现为 {value!r}。",
            ) from error
        if not member.any():
            raise StatisticsError(
                f"Nobody answered {y!r} in {group} = {value!r}; it has {frame[group].unique().sort().to_list()[:12]}.",
                f"{group} = {value!r} 中没有人回答 {y!r}。",
            )
        w = design.weight * member
        sums, totals = domains.sums(w), domains.sums(w * values)
        mean = np.divide(totals, sums, out=np.full(domains.size, np.nan), where=sums > 0)
        own = sign * w * (values - at_respondents(mean, domains)) / at_respondents(np.where(sums > 0, sums, 1), domains)
        scores += own
        if independent:
            of_each.append((variance(design, domains, own), degrees_of_freedom(domains, member)))
        means.append(mean)
        counts.append(domains.sums(member).astype(np.int64))
        used += member
    se = np.sqrt(variance(design, domains, scores))
    df = degrees_of_freedom(domains, used).astype(np.float64)
    if independent:
        (v_before, df_before), (v_after, df_after) = of_each
        df = satterthwaite([v_before, v_after], [df_before, df_after])
    difference = means[1] - means[0]
    single, census = strata_flags(design, domains)
    se = np.where(np.isnan(difference) | ((se == 0) & ~census), np.nan, se)
    # One sentence of caution for both: too little to see a spread.
    is_few = single | (df < minimum_df)
    half = np.where(is_few, np.nan, t_quantile(confidence, df) * se)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where((se > 0) & ~is_few, t_two_sided(difference / se, df), np.nan)
    table = pl.DataFrame(
        {
            "n_baseline": counts[0],
            "n_comparison": counts[1],
            "baseline": means[0],
            "comparison": means[1],
            "difference": difference,
            "se": se,
            "lo": difference - half,
            "hi": difference + half,
            "df": df,
            "p": p,
        }
    ).fill_nan(None)
    flags = {
        "single_psu": single,
        "no_answers": np.isnan(difference),
        "no_degrees_of_freedom": (df <= 0) & ~np.isnan(difference),
        "few_degrees_of_freedom": (df > 0) & (df < minimum_df) & ~np.isnan(difference),
        "zero_variance": np.isnan(se) & ~np.isnan(difference),
    }
    return with_keys(domains, table.with_columns(flag_list(flags)))


def estimate_change(
    frame: pl.DataFrame,
    y: str,
    weight: str,
    wave: str,
    previous: object,
    current: object,
    strata: Columns = None,
    psu: Columns = None,
    fpc: str | None = None,
    by: Columns = None,
    *,
    panel: bool = False,
    base_weight: str | None = None,
    margins: Sequence[str] = (),
    calibration: Method = "raking",
    confidence: float = 0.95,
    minimum_df: int = 1,
) -> pl.DataFrame:
    """`estimate_difference` from wave `previous` to wave `current`; `panel`: the waves share PSUs.

    Test many changes together with `intervals.benjamini_hochberg`.
    """
    return estimate_difference(
        frame, y, weight, wave, previous, current, strata, psu, fpc, by,
        independent=not panel, base_weight=base_weight, margins=margins, calibration=calibration, confidence=confidence,
        minimum_df=minimum_df,
    ).rename({"n_baseline": "n_previous", "n_comparison": "n_current", "baseline": "previous",
              "comparison": "current", "difference": "change"})  # fmt: skip
