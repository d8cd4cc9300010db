"""Survey weights: from the design, for non-response, to known population totals, and their state.

Here belongs what turns a sample into weighted respondents and says how well that went.
Estimates and their variance are in `estimates`; nothing here rounds, drops or repairs a row.

Notation: w base weight, g calibration factor, w·g the calibrated weight.
Sources: Deville, Särndal & Sautory (1993), JASA 88, for raking; Kish (1965) for n_eff.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.errors import (
    LARGEST,
    StatisticsError,
    as_numbers,
    name_some,
    require_columns,
    require_number,
)

Floats = npt.NDArray[np.float64]
Margins = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Calibrated:
    """Weights brought to known totals, with the evidence of how close they came.

    `weight`, `g`: one per respondent, in the order of the frame.
    `margins`: margin, category, respondents, population (the target), before, after (Σw, Σw·g),
    is_empty (population but no respondent).
    `max_error`: largest |after − target| / target; `converged`: it is within the tolerance.
    """

    weight: pl.Series
    g: pl.Series
    margins: pl.DataFrame
    converged: bool
    iterations: int
    max_error: float


def checked_weights(weights: pl.Series | Sequence[float] | Floats) -> Floats:
    """The weights as floats; refuses null, NaN, infinite and ≤ 0 (or too small to be squared), naming the first such row."""
    if not isinstance(weights, pl.Series):
        weights = as_numbers(weights, "weight").alias("weight")
    values = as_numbers(weights, weights.name).to_numpy()
    wrong = ~(np.isfinite(values) & (values > 1 / LARGEST))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise StatisticsError(
            f"Expected a positive weight in every row of {weights.name!r}; {int(wrong.sum())} of "
            f"{len(values)} are not, the first in row {row}: {weights[row]}. "
            "Remove the respondent from the sample or correct its weight.",
            f"权重列 {weights.name!r} 必须为正数；{len(values)} 行中有 {int(wrong.sum())} 行不是，"
            f"首个在第 {row} 行：{weights[row]}。请更正权重或剔除该样本。",
        )
    return values


def group_sums(codes: npt.NDArray[np.intp], values: Floats, size: int) -> Floats:
    """Σ values per code 0 … size − 1."""
    return np.bincount(codes, values, minlength=size).astype(np.float64, copy=False)


def kish(weights: pl.Series | Sequence[float] | Floats) -> float:
    """Kish's effective sample size (Σw)² / Σw², in respondents; 0 for no respondent."""
    w = checked_weights(weights)
    return float(w.sum() ** 2 / np.square(w).sum()) if len(w) else 0.0


def base_weights(
    frame: pl.DataFrame,
    *,
    probabilities: Sequence[str] = (),
    strata: str | None = None,
    population: str | None = None,
) -> pl.Series:
    """Design weights, one per row, named `base_weight`.

    Either `probabilities`: columns with the selection probability of each stage, in (0, 1], whose
    product is inverted; or `population`: a column with the number of units N_h in the row's
    stratum, giving N_h / n_h (`strata` null: one stratum).
    """
    if bool(probabilities) == (population is not None):
        raise StatisticsError(
            "Expected either selection probabilities or stratum population sizes, not both or none.",
            "请提供各阶段入样概率或层总体数，二者只取其一。",
        )
    require_columns(frame, {"strata": strata, "population": population})
    require_columns(frame, {f"stage {i + 1}": p for i, p in enumerate(probabilities)})
    if population is not None:
        sampled = pl.len().over(strata) if strata else pl.len()
        weights = frame.select(base_weight=pl.col(population) / sampled).to_series()
        if len(weights) and bool((weights < 1).any()):
            raise StatisticsError(
                f"A stratum in {population!r} has fewer units in the population than in the sample.",
                f"{population!r} 中有层的总体数小于样本数。",
            )
    else:
        for stage in probabilities:
            outside = frame.filter(~pl.col(stage).is_between(0, 1) | (pl.col(stage) == 0))
            if outside.height:
                raise StatisticsError(
                    f"Expected probabilities in (0, 1] in {stage!r}; {outside.height} rows are "
                    f"outside, e.g. {outside[stage][0]}.",
                    f"{stage!r} 的入样概率应在 (0, 1] 之内；有 {outside.height} 行不符。",
                )
        weights = frame.select(
            base_weight=1 / pl.fold(pl.lit(1.0), lambda a, b: a * b, [pl.col(p) for p in probabilities])
        ).to_series()
    checked_weights(weights)
    return weights


def adjust_nonresponse(frame: pl.DataFrame, weight: str, responded: str, cells: str | Sequence[str]) -> pl.Series:
    """Weights of respondents raised to carry the non-respondents of their cell; others null.

    factor = Σw of the cell / Σw of its respondents, so the sum of weights per cell is unchanged.
    A cell in which nobody answered is an error: only a wider cell can carry its people.
    """
    if not isinstance(cells, str | Sequence):
        raise StatisticsError(f"Expected names of columns, got {cells!r}.", f"应为列名，现为 {cells!r}。")
    keys = [cells] if isinstance(cells, str) else list(cells)
    require_columns(frame, {"weight": weight, "responded": responded})
    require_columns(frame, {f"cell {i + 1}": key for i, key in enumerate(keys)})
    checked_weights(frame[weight])
    answered = as_numbers(frame[responded], responded)
    if not answered.is_in([0.0, 1.0]).fill_null(False).all():
        raise StatisticsError(
            f"Expected true or false in every row of {responded!r}; {answered.null_count()} are null, and it holds "
            f"{answered.unique().head(5).to_list()}.",
            f"{responded!r} 每行应为是或否；有 {answered.null_count()} 行为空，现有取值 {answered.unique().head(5).to_list()}。",
        )
    frame = frame.with_columns((answered == 1).alias(responded))
    answering = pl.col(weight).filter(pl.col(responded)).sum()
    silent = frame.group_by(keys).agg(answering=answering, sampled=pl.len()).filter(pl.col("answering") == 0)
    if silent.height:
        rows = silent.sort(keys).rows(named=True)
        cells_named = [f"{tuple(r[k] for k in keys)} ({r['sampled']})" for r in rows]
        raise StatisticsError(
            f"Nobody answered in {silent.height} non-response cells (in brackets how many were sampled): {name_some(cells_named)}. "
            "Merge each with a neighbouring cell.",
            f"有 {silent.height} 个无应答调整单元没有任何应答者（括号内为抽样人数）：{name_some(cells_named)}。请与相近单元合并。",
        )
    factor = pl.col(weight).sum().over(keys) / answering.over(keys)
    return frame.select(adjusted_weight=pl.when(pl.col(responded)).then(pl.col(weight) * factor)).to_series()


def margins_from(frame: pl.DataFrame) -> dict[str, dict[str, float]]:
    """`survey_margins` rows (margin, category, population) of one wave as nested mappings."""
    require_columns(frame, {"margin": "margin", "category": "category", "population": "population"})
    repeated = frame.filter(pl.struct("margin", "category").is_duplicated())
    if repeated.height:
        names = [f"{r['margin']}={r['category']}" for r in repeated.unique().rows(named=True)]
        raise StatisticsError(
            f"A margin category is given twice: {name_some(names)}.",
            f"边际类别重复：{name_some(names)}。",
        )
    margins: dict[str, dict[str, float]] = {}
    for margin, category, population in frame.select("margin", "category", "population").iter_rows():
        margins.setdefault(str(margin), {})[str(category)] = population
    return margins


def _populations(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Refuses what is no mapping of names to figures."""
    if not isinstance(given, Mapping):
        raise StatisticsError(
            f"Expected {name} as a mapping of names to figures, got {type(given).__name__}.",
            f"{name} 应为名称到数值的映射，现为 {type(given).__name__}。",
        )
    return given


def post_stratify(
    frame: pl.DataFrame,
    weight: str,
    cell: str,
    totals: Mapping[str, float],
    *,
    spread_empty: bool = False,
) -> Calibrated:
    """Weights times g_h = N_h / N̂_h, so that every cell sums to its known total N_h.

    `cell`: the column of post-strata (join several into one); `totals`: N_h by category.
    Errors and `spread_empty` as in `rake`.
    """
    return rake(frame, weight, {cell: totals}, spread_empty=spread_empty)


def rake(
    frame: pl.DataFrame,
    weight: str,
    margins: Margins | pl.DataFrame,
    *,
    tolerance: float = 1e-10,
    max_iterations: int = 200,
    spread_empty: bool = False,
) -> Calibrated:
    """Weights that match several margins at once, by iterative proportional fitting.

    `margins`: column → category → population total, or a frame with margin, category and population; categories
    are compared as text.
    Refused, with the figures: a weight ≤ 0; a category in the sample but not in its margin or the
    other way round; a population ≤ 0 with respondents; margins with different totals.
    With `spread_empty`, the population of a category without respondents is spread over the others
    of its margin in proportion, and reported in `margins.is_empty`.
    Not converging is not an error: see `converged`, `max_error` and `margins`.
    """
    margins = margins_from(margins) if isinstance(margins, pl.DataFrame) else _populations(margins, "margins")
    require_columns(frame, {"weight": weight})
    require_columns(frame, {f"margin {name}": name for name in margins})
    base = checked_weights(frame[weight])
    if not margins or not len(base):
        raise StatisticsError(
            f"Expected at least one margin and one respondent, got {len(margins)} and {len(base)}.",
            f"至少需要一个边际和一名受访者，现有 {len(margins)} 个边际、{len(base)} 名受访者。",
        )
    sides = [_Margin.read(frame[name], name, totals, spread_empty) for name, totals in margins.items()]
    _require_equal_totals(sides)
    weights, iterations, error = base.copy(), 0, np.inf
    while error > tolerance and iterations < max_iterations:
        iterations += 1
        for side in sides:
            weights *= (side.target / side.sums(weights))[side.codes]
        error = max(side.error(weights) for side in sides)
    return Calibrated(
        weight=pl.Series("weight", weights),
        g=pl.Series("g", weights / base),
        margins=pl.concat([side.report(base, weights) for side in sides]),
        converged=bool(error <= tolerance),
        iterations=iterations,
        max_error=float(error),
    )


def calibrate(
    frame: pl.DataFrame,
    weight: str,
    totals: Mapping[str, float],
    margins: Margins | pl.DataFrame | None = None,
) -> Calibrated:
    """Weights that meet totals of continuous columns (floor area, household members), and margins beside them.

    Linear (GREG): g = 1 + x'(Σwxx')⁻¹(T − Σwx), x the columns of `totals`, and of `margins` one indicator a category; without
    margins a total of 1 per respondent can be given as a column of ones. Some g may be ≤ 0: refused, with the way out.
    Estimators then need `base_weight`, `margins`, `auxiliaries` = the columns, `calibration="linear"`.
    In `Calibrated.margins`, a continuous total has its column as margin and `total` as category.
    Source: Deville & Särndal (1992), JASA 87.
    """
    from orchestration.statistics.design import auxiliary_matrix  # weights are read there

    named: Margins = (
        margins_from(margins) if isinstance(margins, pl.DataFrame) else _populations(margins or {}, "margins")
    )
    _populations(totals, "totals")
    require_columns(frame, {"weight": weight} | {f"margin {name}": name for name in named})
    base = checked_weights(frame[weight])
    if not len(base) or not totals:
        raise StatisticsError("Expected a respondent and a total.", "至少需要一名受访者和一个总量。")
    wanted = as_numbers(totals.values(), "totals").fill_null(np.nan).to_numpy()
    if not np.isfinite(wanted).all():
        raise StatisticsError(
            f"Expected finite totals, got {dict(totals)}.", f"总量应为有限数值，现为 {dict(totals)}。"
        )
    sides = [_Margin.read(frame[name], name, population, False) for name, population in named.items()]
    if sides:
        _require_equal_totals(sides)
    blocks = [np.eye(len(side.categories))[side.codes] for side in sides]
    x = np.column_stack([*blocks, auxiliary_matrix(frame, list(totals), with_intercept=False)])
    target = np.concatenate([*(side.target for side in sides), wanted])
    scale = np.abs(x).max(axis=0)
    scaled = x / np.where(scale > 0, scale, 1.0)
    gap = (target - base @ x) / np.where(scale > 0, scale, 1.0)
    gram = scaled.T @ (scaled * base[:, None])
    g = 1 + scaled @ (np.linalg.pinv(gram, rcond=1e-12, hermitian=True) @ gap)
    weights = base * g
    met = weights @ x
    error = float(np.max(np.abs(met - target) / np.maximum(np.abs(target), 1e-300)))
    if error > 1e-6 or not (g > 0).all():
        raise StatisticsError(
            f"The totals cannot be met with positive weights (largest miss {error:.2g}, {int((g <= 0).sum())} weights ≤ 0). "
            "Check the totals against the sample, or use fewer.",
            f"无法以正权数满足这些总量（最大偏差 {error:.2g}，{int((g <= 0).sum())} 个权数不为正）。请核对总量或减少总量。",
        )
    continuous = pl.DataFrame(
        {
            "margin": list(totals), "category": ["total"] * len(totals), "respondents": [len(base)] * len(totals),
            "population": wanted, "before": base @ x[:, -len(totals):], "after": met[-len(totals):],
            "is_empty": [False] * len(totals),
        }
    )  # fmt: skip
    reports = pl.concat([*(side.report(base, weights) for side in sides), continuous])
    return Calibrated(pl.Series("weight", weights), pl.Series("g", g), reports, True, 1, error)


def trim(weights: pl.Series, *, upper: float, lower: float = 0.0, max_iterations: int = 50) -> pl.Series:
    """Weights held within [lower, upper] × median, the excess shared among the rest in proportion.

    The sum is unchanged; margins no longer match exactly, so rake again and look at `diagnose`.
    Refused where even equal weights would exceed the limits.
    """
    require_number("upper", upper, 0, 1e12)
    require_number("lower", lower, 0, 1e12)
    w = checked_weights(weights)
    low, high, total = lower * float(np.median(w)), upper * float(np.median(w)), w.sum()
    if not low <= total / max(len(w), 1) <= high:
        raise StatisticsError(
            f"The limits {low:.6g} to {high:.6g} exclude the mean weight {total / len(w):.6g}; "
            "no trimming can keep the sum. Widen the limits.",
            f"截尾范围 {low:.6g}—{high:.6g} 不含平均权重 {total / len(w):.6g}，请放宽范围。",
        )
    for _ in range(max_iterations):
        w = np.clip(w, low, high)
        free = (w > low) & (w < high)
        excess = total - w.sum()
        if abs(excess) <= 1e-12 * total or not free.any():
            break
        w[free] *= 1 + excess / w[free].sum()
    return pl.Series(weights.name if isinstance(weights, pl.Series) else "weight", w)


def rake_trimmed(
    frame: pl.DataFrame,
    weight: str,
    margins: Margins | pl.DataFrame,
    *,
    upper: float,
    rounds: int = 20,
    spread_empty: bool = False,
) -> tuple[Calibrated, int]:
    """`rake`, then in turn `trim` at `upper` medians (means, where the mean lies beyond that) and rake again, until no weight is above.

    Returns the weights, which match the margins, with `g` against `weight`, and the number of weights that were
    trimmed in some round. Where the margins themselves ask for a larger weight the last raking wins and
    `diagnose` shows it: margins are facts, a limit is a wish. Errors as in `rake` and `trim`.
    """
    raked = first = rake(frame, weight, margins, spread_empty=spread_empty)
    trimmed = np.zeros(frame.height, dtype=bool)
    for _ in range(rounds):
        values = raked.weight.to_numpy()
        median, mean = float(np.median(values)), float(values.mean())
        # Of a sample most of which was drawn densely, the median is no usual weight: no limit can lie below the mean.
        limit = upper * (median if mean <= upper * median else mean)
        above = values > limit * (1 + 1e-6)
        if not above.any():
            break
        trimmed |= above
        held = frame.with_columns(trim(raked.weight, upper=limit / median).alias("_held"))
        raked = rake(held, "_held", margins, spread_empty=spread_empty)
    base = frame[weight].cast(pl.Float64)
    before = first.margins["before"]
    return replace(raked, g=(raked.weight / base).alias("g"), margins=raked.margins.with_columns(before)), int(
        trimmed.sum()
    )


def diagnose(weights: pl.Series, base: pl.Series | None = None) -> pl.DataFrame:
    """One row on the state of a set of weights, for `survey_diagnostics`.

    n, sum_weight, min, median, max, max_to_median, n_eff (Kish), deff_weighting = n / n_eff,
    and with `base`: g_min, g_max and n_changed, the number of weights that differ from it.
    """
    w = checked_weights(weights)
    if not len(w):
        raise StatisticsError("Expected at least one weight.", "至少需要一个权重。")
    n_eff = kish(w)
    row: dict[str, float | int | None] = {
        "n": len(w),
        "sum_weight": float(w.sum()),
        "min": float(w.min()),
        "median": float(np.median(w)),
        "max": float(w.max()),
        "max_to_median": float(w.max() / np.median(w)),
        "n_eff": n_eff,
        "deff_weighting": len(w) / n_eff,
    }
    if base is not None:
        g = w / checked_weights(base)
        row |= {
            "g_min": float(g.min()),
            "g_max": float(g.max()),
            "n_changed": int((~np.isclose(g, 1)).sum()),
        }
    return pl.DataFrame([row])


@dataclass(frozen=True)
class _Margin:
    """One margin against the sample: `codes` per respondent into `target` per category."""

    name: str
    categories: list[str]
    codes: npt.NDArray[np.intp]
    target: Floats
    empty: dict[str, float]

    @classmethod
    def read(cls, column: pl.Series, name: str, totals: Mapping[str, float], spread_empty: bool) -> _Margin:
        _populations(totals, f"margin {name}")
        stated = as_numbers(totals.values(), f"population of margin {name}").fill_null(np.nan)
        wanted = dict(zip(map(str, totals), stated, strict=True))
        text = column.cast(pl.String)
        sampled = text.value_counts(name="n").rows()
        counts: dict[str | None, int] = dict(sampled)
        unknown = [f"{c} ({n})" for c, n in counts.items() if c is None or c not in wanted]
        if unknown:
            raise StatisticsError(
                f"Margin {name!r} has no population for {name_some(sorted(unknown))} (in brackets how many answered); it knows "
                f"{name_some(sorted(wanted), 12)}. Recode the sample or complete the margin.",
                f"边际 {name!r} 缺少以下类别（括号内为受访人数）的总体数：{name_some(sorted(unknown))}。请补全边际或重编码样本。",
            )
        impossible = [
            f"{c}: {p:g}" for c, p in wanted.items() if not np.isfinite(p) or p < 0 or (p == 0 and c in counts)
        ]
        if impossible:
            raise StatisticsError(
                f"Margin {name!r} gives a population that cannot be for {name_some(impossible)}.",
                f"边际 {name!r} 的总体数不合理：{name_some(impossible)}。",
            )
        empty = {c: p for c, p in wanted.items() if c not in counts and p > 0}
        if empty and not spread_empty:
            named = [f"{c} ({p:g})" for c, p in empty.items()]
            raise StatisticsError(
                f"Margin {name!r} has no respondent in {name_some(named)} (in brackets its population). Merge the category with "
                "another, or spread its population with spread_empty.",
                f"边际 {name!r} 的以下类别（括号内为总体数）没有受访者：{name_some(named)}。请合并类别，或使用 spread_empty。",
            )
        categories = sorted(c for c in counts if c is not None)
        target = np.array([wanted[c] for c in categories])
        target *= sum(wanted.values()) / target.sum()
        lookup = pl.Series(categories)
        codes = text.replace_strict(lookup, pl.Series(range(len(categories))), return_dtype=pl.Int64)
        return cls(name, categories, codes.to_numpy().astype(np.intp), target, empty)

    def sums(self, weights: Floats) -> Floats:
        return group_sums(self.codes, weights, len(self.categories))

    def error(self, weights: Floats) -> float:
        return float(np.max(np.abs(self.sums(weights) / self.target - 1)))

    def report(self, before: Floats, after: Floats) -> pl.DataFrame:
        met = len(self.categories)
        return pl.DataFrame(
            {
                "margin": [self.name] * (met + len(self.empty)),
                "category": [*self.categories, *self.empty],
                "respondents": [
                    *np.bincount(self.codes, minlength=met).tolist(),
                    *[0] * len(self.empty),
                ],
                "population": [*self.target.tolist(), *self.empty.values()],
                "before": [*self.sums(before).tolist(), *[0.0] * len(self.empty)],
                "after": [*self.sums(after).tolist(), *[0.0] * len(self.empty)],
                "is_empty": [False] * met + [True] * len(self.empty),
            },
            schema_overrides={"population": pl.Float64, "respondents": pl.Int64},
        )


def _require_equal_totals(sides: Sequence[_Margin]) -> None:
    totals = {side.name: float(side.target.sum()) for side in sides}
    if max(totals.values()) - min(totals.values()) > 1e-6 * max(totals.values()):
        named = [f"{name}: {total:,.6g}" for name, total in totals.items()]
        raise StatisticsError(
            f"Margins must describe one population, but their totals differ: {name_some(named, 12)}. "
            "Use margins of the same date and population.",
            f"各边际的总数不一致：{name_some(named, 12)}。请使用同一时点、同一总体的边际。",
        )
