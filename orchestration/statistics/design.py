"""The sample design as arrays, and the variance of a linearised total under it.

Here belongs who is in which stratum, primary sampling unit (PSU) and domain, and the one
formula for variance; what is estimated, and its interval, is in `estimates`.

Domains keep the whole design: a PSU without respondents of a domain counts with a total of zero.
Everything is grouped by occurring (domain, PSU) pairs, so that the cost of 300 domains is that
of one and no array is ever respondents × domains.

Source: Särndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, 5.5 and 6.6;
Lumley (2010), Complex Surveys, 2.3 and 7.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.errors import StatisticsError, as_numbers, name_some, require_choice, require_columns
from orchestration.statistics.weights import checked_weights, group_sums

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Columns = str | Sequence[str] | None
Method = Literal["raking", "linear"]  # how weights were brought to several margins
# A standard error that is so small against √Σ scores² is rounding: equal totals of PSUs leave 1e-17, not 0.
RELATIVE_ZERO = 1e-9
# What an estimate says of a domain; a column of the frame with such a name would stand twice in the result.
RESULT_COLUMNS = {
    "question", "n", "n_eff", "sum_weight", "estimate", "mean", "ratio", "proportion", "total", "quantile", "probability", "se", "lo", "hi", "deff", "df", "flags",
}  # fmt: skip


@dataclass(frozen=True)
class Calibration:
    """Margins that the weights were brought to, prepared for the variance of any question.

    `base`: the weight of the fit. `indicators` (respondents × categories): who is in which category
    of each margin. `inverse`: of their cross-product under those weights. `projected` = MC
    (PSUs × categories) and `quadratic` = C'MC, where C are the PSU totals of the weighted
    indicators and M centres totals by stratum and scales them by `factor`.
    """

    base: Floats
    indicators: csr_array
    inverse: Floats
    projected: Floats
    quadratic: Floats


@dataclass(frozen=True)
class SecondStage:
    """What was drawn within PSUs, for the part of the variance that a first-stage correction leaves out.

    Per respondent: `unit`, the second-stage unit. Per unit: `psu`. Per PSU: `size`, the units drawn, and `factor`
    = f₁·(1 − m/M)·m/(m−1), with f₁ the share of PSUs drawn, 0 for a PSU with one unit.
    """

    unit: Codes
    psu: Codes
    size: Codes
    factor: Floats


@dataclass(frozen=True)
class Design:
    """A stratified sample of PSUs.

    Per respondent: `weight`, `psu`. Per PSU: `stratum`. Per stratum: `n_psus`, and `factor`
    = (1 − n_h/N_h)·n_h/(n_h−1), for a stratum of one PSU (1 − n_h/N_h).
    """

    weight: Floats
    psu: Codes
    stratum: Codes
    n_psus: Codes
    factor: Floats
    calibration: Calibration | None = None
    second: SecondStage | None = None

    @cached_property
    def is_single(self) -> npt.NDArray[np.bool_]:
        """Strata with one PSU: no variance of their own, so centred on the grand mean."""
        single: npt.NDArray[np.bool_] = self.n_psus == 1
        return single


class DesignOptions(TypedDict, total=False):
    """What `read_design` takes by name, so that every estimator passes it on and none says it again."""

    base_weight: str | None
    margins: Sequence[str]
    calibration: Method
    auxiliaries: Sequence[str]
    ssu: str | None
    fpc_ssu: str | None
    design: Design | None


def read_design(
    frame: pl.DataFrame,
    weight: str,
    strata: Columns = None,
    psu: Columns = None,
    fpc: str | None = None,
    *,
    base_weight: str | None = None,
    margins: Sequence[str] = (),
    calibration: Method = "raking",
    auxiliaries: Sequence[str] = (),
    ssu: str | None = None,
    fpc_ssu: str | None = None,
    design: Design | None = None,
) -> Design:
    """The design described by columns of `frame`, one row per respondent.

    `strata` null: one stratum. `psu` null: every row its own. PSUs are nested in strata, so the
    same label in two strata means two PSUs. `fpc`: PSUs in the population of the row's stratum.
    `margins` with `base_weight`: the columns that `weight` was brought to. Residuals on them are fitted with base
    weights for post-stratification (one margin) and for `calibration="linear"`, and without weights for raking to
    several, as R's `survey` and `svy` do (docs/decisions/0012). `auxiliaries`: continuous columns whose totals were met
    as well, which is regression: `calibration="linear"`.
    `ssu`, `fpc_ssu`: the unit drawn within a PSU (null: the row) and their number in the population of the row's PSU;
    then the variance within PSUs is added, which counts only beside `fpc`.
    `design`: as it was read before of the same rows, which then is the answer: who estimates much of a wave reads it once.
    Refused: weights ≤ 0; null strata or PSUs; an fpc that varies in a stratum or is below n_h; a `design` of other rows.
    """
    if design is not None:
        if len(design.weight) != frame.height:
            raise StatisticsError(
                f"Expected the design of these {frame.height} rows; the one given is of {len(design.weight)}.",
                f"应为这 {frame.height} 行的抽样设计；给出的是 {len(design.weight)} 行的。",
            )
        return design
    require_choice("calibration", calibration, ("raking", "linear"))
    strata_keys, psu_keys = as_list(strata), as_list(psu)
    roles = {"weight": weight, "fpc": fpc, "base weight": base_weight, "second-stage fpc": fpc_ssu}
    named = [*strata_keys, *psu_keys, *margins, *as_list(ssu)]
    require_columns(frame, roles | {f"design {key}": key for key in named})
    for key in named:
        if frame[key].null_count():
            raise StatisticsError(
                f"Expected a value of {key!r} in every row; {frame[key].null_count()} are null. "
                "A respondent without it has no place in the design.",
                f"设计变量 {key!r} 有 {frame[key].null_count()} 行为空，请补全。",
            )
    weights = checked_weights(frame[weight])
    stratum_of_row, labels = group_codes(frame, strata_keys)
    if psu_keys:
        psu_of_row, psus = group_codes(frame.with_columns(_stratum=stratum_of_row), ["_stratum", *psu_keys])
        stratum = psus["_stratum"].to_numpy().astype(np.intp)
    else:
        psu_of_row, stratum = np.arange(frame.height, dtype=np.intp), stratum_of_row
    n_psus = np.bincount(stratum, minlength=labels.height).astype(np.intp)
    sampled_share = np.zeros(labels.height)
    if fpc is not None:
        sampled_share = n_psus / _population_psus(frame, fpc, stratum_of_row, labels, n_psus)
    design = Design(
        weight=weights,
        psu=psu_of_row,
        stratum=stratum,
        n_psus=n_psus,
        factor=(1 - sampled_share) * np.where(n_psus > 1, n_psus / np.maximum(n_psus - 1, 1), 1.0),
    )
    if fpc_ssu is not None or ssu is not None:
        if fpc is None or fpc_ssu is None or not psu_keys:
            raise StatisticsError(
                "Two stages need psu, fpc (PSUs in the stratum) and fpc_ssu (units in the PSU), all three.",
                "两阶段设计需同时提供 psu、fpc(层内初级单元数)与 fpc_ssu(初级单元内单元数)。",
            )
        design = replace(design, second=_second_stage(frame, design, sampled_share, ssu, fpc_ssu))
    if auxiliaries and calibration != "linear":
        raise StatisticsError(
            "Totals of continuous columns are met by regression: say calibration='linear'.",
            "连续变量总量校准须使用 calibration='linear'。",
        )
    if bool(margins or auxiliaries) != (base_weight is not None):
        raise StatisticsError(
            "The variance of calibrated weights needs both the margins and the weight before "
            f"calibration; got margins {[*margins, *auxiliaries]} and base weight {base_weight!r}.",
            "校准后方差需同时提供边际列与校准前权重。",
        )
    if base_weight is None:
        return design
    base = checked_weights(frame[base_weight])
    if calibration == "raking" and len(margins) > 1:
        base = np.ones(frame.height)
    return replace(design, calibration=_read_calibration(design, frame, base, margins, auxiliaries))


@dataclass(frozen=True)
class Domains:
    """Sub-groups of the respondents, and the (domain, PSU) and (domain, stratum) pairs that occur.

    Per respondent: `code` of the domain, `pair`. Per pair: `pair_domain`, `pair_psu`, `cell`.
    Per (domain, stratum) cell: `cell_domain`, `cell_stratum`, `cell_pairs`.
    `keys` has one row per domain with the values of `by`; without `by` it is empty and `size` 1.
    """

    keys: pl.DataFrame
    size: int
    code: Codes
    pair: Codes
    pair_domain: Codes
    pair_psu: Codes
    cell: Codes
    cell_domain: Codes
    cell_stratum: Codes
    cell_pairs: Codes

    def sums(self, values: Floats) -> Floats:
        """Sum of a value per respondent in each domain."""
        return group_sums(self.code, values, self.size)

    def pair_sums(self, values: Floats) -> Floats:
        """Sum of a value per respondent in each (domain, PSU) pair."""
        return group_sums(self.pair, values, len(self.pair_psu))


def read_domains(frame: pl.DataFrame, by: Columns, design: Design) -> Domains:
    """Domains by the values of `by` (a null is a value); without `by` the whole sample."""
    keys = as_list(by)
    require_columns(frame, {f"domain {key}": key for key in keys})
    if taken := sorted({*keys} & RESULT_COLUMNS):
        raise StatisticsError(
            f"A domain column cannot be called {name_some(taken)}, as a column of the result is. Rename it.",
            f"分组列不能命名为 {name_some(taken)}（与结果列重名），请改名。",
        )
    code, labels = group_codes(frame, keys)
    n_psus, n_strata = len(design.stratum), len(design.n_psus)
    pairs, pair = np.unique(code * n_psus + design.psu, return_inverse=True)
    pair_domain, pair_psu = pairs // n_psus, pairs % n_psus
    cells, cell, cell_pairs = np.unique(
        pair_domain * n_strata + design.stratum[pair_psu], return_inverse=True, return_counts=True
    )
    return Domains(
        keys=labels if keys else pl.DataFrame(),
        size=labels.height,
        code=code,
        pair=pair,
        pair_domain=pair_domain,
        pair_psu=pair_psu,
        cell=cell,
        cell_domain=cells // n_strata,
        cell_stratum=cells % n_strata,
        cell_pairs=cell_pairs,
    )


def variance(design: Design, domains: Domains, scores: Floats) -> Floats:
    """Variance per domain of Σ scores, where `scores` (one per respondent) are weight × the
    linearised variable. Exactly 0 where only rounding is left: below `RELATIVE_ZERO` of √Σ scores².

    V = Σ_h factor_h · Σ_i (z_hi − z̄_h)² over all PSUs of the stratum. With a calibration, z is
    first replaced by its residual on the margins, fitted with `calibration.base` (Deville & Särndal 1992).
    """
    totals = domains.pair_sums(scores)
    n_psus = design.n_psus[domains.cell_stratum]
    centre = group_sums(domains.cell, totals, len(n_psus)) / n_psus
    # A stratum with one PSU is centred on 0, which is the mean over all of scores that sum to zero; R's "adjust".
    centre[design.is_single[domains.cell_stratum]] = 0.0
    squares = group_sums(domains.cell, (totals - centre[domains.cell]) ** 2, len(n_psus))
    squares += (n_psus - domains.cell_pairs) * centre**2
    direct = group_sums(domains.cell_domain, design.factor[domains.cell_stratum] * squares, domains.size)
    size = domains.sums(scores**2)
    v = direct
    if design.calibration is not None:
        v = direct - _explained(design, design.calibration, domains, scores, totals)
    if design.second is not None:
        v = v + _within_psus(design, design.second, domains, scores)
    # What is left of two equal terms after subtraction is rounding, not variance.
    return np.where((v > 1e-12 * direct) & (v > RELATIVE_ZERO**2 * size), v, 0.0)


def auxiliary_matrix(frame: pl.DataFrame, auxiliaries: Sequence[str], *, with_intercept: bool) -> Floats:
    """Respondents × continuous columns, with a column of ones first if asked; refuses what is no number."""
    columns = [np.ones(frame.height)] if with_intercept else []
    require_columns(frame, {f"auxiliary {name}": name for name in auxiliaries})
    for name in auxiliaries:
        values = as_numbers(frame[name], name).fill_null(np.nan).to_numpy()
        if not np.isfinite(values).all():
            raise StatisticsError(
                f"Auxiliary {name!r} must be known of every respondent; it is not in {int((~np.isfinite(values)).sum())}.",
                f"辅助变量 {name!r} 必须对每名受访者已知；有 {int((~np.isfinite(values)).sum())} 行缺失。",
            )
        columns.append(values)
    return np.column_stack(columns)


def _second_stage(
    frame: pl.DataFrame, design: Design, sampled_share: Floats, ssu: str | None, fpc_ssu: str
) -> SecondStage:
    if ssu is None:
        unit, psu = np.arange(frame.height, dtype=np.intp), design.psu
    else:
        unit, units = group_codes(frame.with_columns(_psu=design.psu), ["_psu", ssu])
        psu = units["_psu"].to_numpy().astype(np.intp)
    size = np.bincount(psu, minlength=len(design.stratum)).astype(np.intp)
    labels = pl.DataFrame({"psu": np.arange(len(size))})
    drawn = size / _population_psus(frame, fpc_ssu, design.psu, labels, size)
    first = sampled_share[design.stratum]
    factor = first * (1 - drawn) * np.where(size > 1, size / np.maximum(size - 1, 1), 0.0)
    return SecondStage(unit, psu, size, factor)


def _within_psus(design: Design, second: SecondStage, domains: Domains, scores: Floats) -> Floats:
    """Σ_h f₁ Σ_i (1 − m/M)·m/(m−1)·Σ_j (z_hij − z̄_hi)², per domain. Source: Särndal et al. (1992), 4.3."""
    beta = None
    if design.calibration is not None:
        beta = _coefficients(design.calibration, design, domains, scores)
    v = np.zeros(domains.size)
    for d in range(domains.size):
        z = np.where(domains.code == d, scores, 0.0)
        if beta is not None and design.calibration is not None:
            z = z - design.weight * (design.calibration.indicators @ beta[d])
        totals = group_sums(second.unit, z, len(second.psu))
        sums, squares = (group_sums(second.psu, t, len(second.size)) for t in (totals, totals**2))
        v[d] = float(np.sum(second.factor * (squares - sums**2 / second.size)))
    return v


def degrees_of_freedom(domains: Domains, answered: Floats) -> npt.NDArray[np.int64]:
    """PSUs minus strata with at least one answer, per domain; `answered` is 0/1 per respondent."""
    has_pair = domains.pair_sums(answered) > 0
    has_cell = np.bincount(domains.cell, has_pair, minlength=len(domains.cell_domain)) > 0
    psus = np.bincount(domains.pair_domain, has_pair, minlength=domains.size)
    strata = np.bincount(domains.cell_domain, has_cell, minlength=domains.size)
    return (psus - strata).astype(np.int64)


def strata_flags(design: Design, domains: Domains) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Per domain: does it touch a stratum with one PSU; are all its strata taken whole (census)?"""
    # A stratum of one PSU that is all there is adds no variance, so nothing is missing.
    is_alone = design.is_single & (design.factor > RELATIVE_ZERO)
    single = np.bincount(domains.cell_domain, is_alone[domains.cell_stratum], minlength=domains.size)
    sampled = np.bincount(
        domains.cell_domain, design.factor[domains.cell_stratum] > RELATIVE_ZERO, minlength=domains.size
    )
    return single > 0, sampled == 0


def as_list(columns: Columns) -> list[str]:
    """One name, several or none, as a list."""
    if not isinstance(columns, str | Sequence | None):
        raise StatisticsError(f"Expected names of columns, got {columns!r}.", f"应为列名，现为 {columns!r}。")
    return [columns] if isinstance(columns, str) else list(columns or ())


def group_codes(frame: pl.DataFrame, keys: Sequence[str]) -> tuple[Codes, pl.DataFrame]:
    """A code 0… per row for each combination of `keys`, and the combinations in sorted order."""
    if not keys:
        return np.zeros(frame.height, dtype=np.intp), pl.DataFrame({"_": [0]})
    labels = frame.select(keys).unique().sort(keys)
    joined = frame.select(keys).join(
        labels.with_row_index("_code"), on=keys, how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["_code"].to_numpy().astype(np.intp), labels


def _population_psus(
    frame: pl.DataFrame, fpc: str, stratum_of_row: Codes, labels: pl.DataFrame, n_psus: Codes
) -> Floats:
    sizes = (
        pl.DataFrame(
            {"population": as_numbers(frame[fpc], fpc).fill_nan(None).replace(np.inf, None), "stratum": stratum_of_row}
        )
        .group_by("stratum")
        .agg(
            low=pl.col("population").min(),
            high=pl.col("population").max(),
            missing=pl.col("population").null_count(),
        )
        .sort("stratum")
        .with_columns(sampled=pl.Series(n_psus))
    )
    wrong = sizes.filter(
        (pl.col("missing") > 0) | (pl.col("low") != pl.col("high")) | (pl.col("low") < pl.col("sampled"))
    )
    if wrong.height:
        named = [
            f"{'/'.join(map(str, labels.row(r['stratum'])))}: {r['sampled']} / {r['low']}–{r['high']}"
            for r in wrong.rows(named=True)
        ]
        raise StatisticsError(
            f"Expected {fpc!r} to be one number per stratum, at least the PSUs sampled. Not so in (stratum: sampled / as stated) {name_some(named)}.",
            f"{fpc!r} 应为每层唯一的总体初级单元数，且不小于样本数；不符的层（层：样本数 / 所填总数）：{name_some(named)}。",
        )
    return sizes["low"].to_numpy()


def _read_calibration(
    design: Design, frame: pl.DataFrame, base: Floats, margins: Sequence[str], auxiliaries: Sequence[str]
) -> Calibration:
    from scipy import sparse  # not needed by those who never calibrate

    n, n_psus = frame.height, len(design.stratum)
    rows = np.arange(n)
    blocks = []
    for margin in margins:
        codes, labels = group_codes(frame, [margin])
        blocks.append(sparse.csr_array((np.ones(n), (rows, codes)), shape=(n, labels.height)))
    if auxiliaries:
        blocks.append(sparse.csr_array(auxiliary_matrix(frame, auxiliaries, with_intercept=not margins)))
    indicators = sparse.hstack(blocks, format="csr")
    gram = (indicators.T @ indicators.multiply(base[:, None])).toarray()
    in_psu = sparse.csr_array((design.weight, (design.psu, rows)), shape=(n_psus, n))
    totals = (in_psu @ indicators).toarray()

    in_stratum = sparse.csr_array((np.ones(n_psus), (design.stratum, np.arange(n_psus))))
    means = (in_stratum @ totals) / design.n_psus[:, None]
    means[design.is_single] = totals.mean(axis=0)
    centred = totals - means[design.stratum]
    scaled = centred * design.factor[design.stratum][:, None]
    # Strata with one PSU are centred on the mean of all, which every PSU is a part of.
    from_single = scaled[design.is_single[design.stratum]].sum(axis=0) / n_psus
    return Calibration(
        base=base,
        indicators=indicators,
        # Margins share their total, so their cross-product is singular by design.
        inverse=np.linalg.pinv(gram, rcond=1e-10, hermitian=True),
        projected=scaled - from_single,
        quadratic=centred.T @ scaled,
    )


def _coefficients(calibration: Calibration, design: Design, domains: Domains, scores: Floats) -> Floats:
    """Domains × categories: the regression of the scores, before weighting, on the margins."""
    from scipy import sparse

    based = calibration.base * scores / design.weight
    shape = (domains.size, len(scores))
    in_domain = sparse.csr_array((based, (domains.code, np.arange(len(scores)))), shape=shape)
    beta: Floats = (in_domain @ calibration.indicators).toarray() @ calibration.inverse
    return beta


def _explained(design: Design, calibration: Calibration, domains: Domains, scores: Floats, totals: Floats) -> Floats:
    """What the margins take off the variance, per domain: 2β'C'MS − β'C'MCβ, where S are the PSU
    totals of the scores and β the domain's coefficients. The residuals S − Cβ themselves would be
    respondents × domains."""
    from scipy import sparse

    beta = _coefficients(calibration, design, domains, scores)
    by_pair = (domains.pair_domain, domains.pair_psu)
    in_pair = sparse.csr_array((totals, by_pair), shape=(domains.size, len(design.stratum)))
    cross = np.einsum("dm,dm->d", beta, in_pair @ calibration.projected)
    explained: Floats = 2 * cross - np.einsum("dm,mk,dk->d", beta, calibration.quadratic, beta)
    return explained
