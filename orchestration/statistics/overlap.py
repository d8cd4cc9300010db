"""How much two waves know of each other: the covariance of their means where they drew the same sampling units.

Here belongs what two samples share; each sample's own variance is in `design`, the change and its test in `changes`.
The variance of a change is V₁ + V₂ − 2·Cov. Without common units the covariance is 0; where the same units answer
again it is most of the variance, and a change that leaves it out is missed. Units are the same if stratum and label
are; labels that are alike by chance (serial numbers) add noise around 0, no bias.

Sources: Kish (1965), Survey Sampling, 12.4; Berger & Priam (2016), JRSS A 179, for waves as parts of one sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.design import (
    Columns,
    Design,
    Domains,
    Floats,
    as_list,
    group_codes,
    read_design,
    read_domains,
)
from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.estimates import at_respondents, read_answers

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Codes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class _Side:
    """One wave: its domains, and per PSU its place among the common ones (−1: not common)."""

    frame: pl.DataFrame
    design: Design
    domains: Domains
    unit: Codes


@dataclass(frozen=True)
class _Common:
    """The common PSUs: `stratum` of each, per stratum their number and the factor of the covariance."""

    stratum: Codes
    size: Floats
    factor: Floats


def change_covariances(
    first: pl.DataFrame,
    second: pl.DataFrame,
    ys: Sequence[str],
    first_design: Mapping[str, Any],
    second_design: Mapping[str, Any],
    by: Columns = None,
) -> pl.DataFrame:
    """Covariance of the weighted means of every question of `ys` in two waves, per domain in both.

    `first`, `second`: one row per respondent. `…_design`: the keyword arguments of `estimates.estimate_mean`: weight,
    strata, psu, fpc, base_weight, margins; both need the same strata and psu columns, and a psu: for a panel of people
    without sampling units the column that names the person.
    Columns: question, `by`…, covariance (squared units of y; null without a common PSU or an answer in both),
    df_common (common PSUs − their strata).
    """
    strata, psu = (as_list(first_design.get(key)) for key in ("strata", "psu"))
    if not psu or (strata, psu) != tuple(as_list(second_design.get(key)) for key in ("strata", "psu")):
        raise StatisticsError(
            "Expected one and the same psu column, and the same strata columns, in both waves; got "
            f"{dict(first_design)} and {dict(second_design)}.",
            "两个批次须用同样的层与初级单元列。",
        )
    sides, common = _sides((first, second), (first_design, second_design), [*strata, *psu], strata, by)
    keys = as_list(by)
    schema: dict[str, Any] = {"question": pl.String, **{k: first.schema[k] for k in keys}, "covariance": pl.Float64, "df_common": pl.Int64}  # fmt: skip
    if not len(common.stratum):
        return pl.DataFrame(schema=schema)
    found, places = _shared_domains(sides, keys)
    parts = []
    for y in ys:
        covariance, df = _covariance(sides, common, places, y)
        table = found.with_columns(
            pl.lit(y).alias("question"),
            pl.Series("covariance", covariance).fill_nan(None),
            pl.Series("df_common", df).cast(pl.Int64),
        )
        parts.append(table.select(list(schema)))
    return pl.concat(parts)


def _sides(
    frames: tuple[pl.DataFrame, pl.DataFrame],
    designs: tuple[Mapping[str, Any], Mapping[str, Any]],
    unit: list[str],
    strata: list[str],
    by: Columns,
) -> tuple[list[_Side], _Common]:
    read = [read_design(frame, **design) for frame, design in zip(frames, designs, strict=True)]
    coded = [group_codes(frame, unit) for frame in frames]
    labels = [labels.with_row_index(f"_{k}") for k, (_, labels) in enumerate(coded)]
    both = labels[0].join(labels[1], on=unit, how="inner").sort("_0")
    stratum, strata_labels = group_codes(both, strata)
    size = np.bincount(stratum, minlength=strata_labels.height).astype(np.float64)
    sides, counts, shares = [], [], []
    for k, (frame, design) in enumerate(zip(frames, read, strict=True)):
        place = np.full(labels[k].height, -1, dtype=np.intp)
        place[both[f"_{k}"].to_numpy()] = np.arange(both.height)
        sides.append(_Side(frame, design, read_domains(frame, by, design), place[coded[k][0]]))
        # Respondent → its stratum among the common ones, to count that wave's PSUs and how much of all they are.
        row = (
            pl.DataFrame({"unit": sides[k].unit, "own": design.stratum[design.psu]})
            .filter(pl.col("unit") >= 0)
            .unique()
        )
        own = np.zeros(strata_labels.height, dtype=np.intp)
        own[stratum[row["unit"].to_numpy()]] = row["own"].to_numpy()
        n = design.n_psus[own].astype(np.float64)
        counts.append(n)
        shares.append(1 - design.factor[own] * np.where(n > 1, (n - 1) / n, 1.0))
    # 1 − n₁n₂/(n_c·N): one sampled share is n₁/N, so that is its product with n₂/n_c.
    finite = 1 - shares[0] * counts[1] / np.maximum(size, 1)
    return sides, _Common(stratum, size, finite * np.where(size > 1, size / np.maximum(size - 1, 1), 1.0))


def _shared_domains(sides: Sequence[_Side], keys: list[str]) -> tuple[pl.DataFrame, tuple[Codes, Codes]]:
    if not keys:
        return pl.DataFrame({"_": [0]}), (np.zeros(1, np.intp), np.zeros(1, np.intp))
    numbered = [side.domains.keys.with_row_index(f"_{k}") for k, side in enumerate(sides)]
    both = numbered[0].join(numbered[1], on=keys, how="inner", nulls_equal=True).sort(keys, nulls_last=True)
    return both.select(keys), (both["_0"].to_numpy().astype(np.intp), both["_1"].to_numpy().astype(np.intp))


def _covariance(sides: Sequence[_Side], common: _Common, places: tuple[Codes, Codes], y: str) -> tuple[Floats, Floats]:
    """(t₁ − C₁β₁)'M(t₂ − C₂β₂) per domain: t PSU totals of the linearised variable, C of the margins' indicators,
    M centres by stratum and scales by its factor."""
    from scipy import sparse

    in_stratum = sparse.csr_array(
        (np.ones(len(common.stratum)), (np.arange(len(common.stratum)), common.stratum)),
        shape=(len(common.stratum), len(common.size)),
    )
    totals, margins, betas, known = [], [], [], []
    for side, place in zip(sides, places, strict=True):
        scores, has = _scores(side, y)
        totals.append(_by_unit(side, scores, len(common.stratum))[place])
        margins.append(_margins(side, len(common.stratum)))
        betas.append(_coefficients(side, scores)[place])
        known.append(has[place])
    scale = common.factor / np.maximum(np.where(common.size > 1, common.size, np.inf), 1)

    centred = (totals[0] @ in_stratum) @ sparse.diags_array(scale)
    weighted = totals[0] @ sparse.diags_array(common.factor[common.stratum])
    products = (weighted.multiply(totals[1])).sum(axis=1) - centred.multiply(totals[1] @ in_stratum).sum(axis=1)
    covariance = np.asarray(products).ravel()
    moved = [
        common.factor[common.stratum][:, None] * m - (in_stratum @ ((in_stratum.T @ m) * scale[:, None]))
        for m in margins
    ]
    if margins[1].shape[1]:
        covariance = covariance - np.einsum("dm,dm->d", totals[0] @ moved[1], betas[1])
    if margins[0].shape[1]:
        covariance = covariance - np.einsum("dm,dm->d", totals[1] @ moved[0], betas[0])
    if margins[0].shape[1] and margins[1].shape[1]:
        covariance = covariance + np.einsum("dm,mk,dk->d", betas[0], margins[0].T @ moved[1], betas[1])
    shared = (totals[0] != 0).multiply(totals[1] != 0).astype(np.float64)
    units = np.asarray(shared.sum(axis=1)).ravel()
    strata = np.asarray(((shared @ in_stratum) > 0).sum(axis=1)).ravel()
    is_known = known[0] & known[1] & (units > 0)
    return np.where(is_known, covariance, np.nan), np.where(is_known, units - strata, 0)


def _scores(side: _Side, y: str) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Weight × linearised mean per respondent, and whether the domain has an answer."""
    values, answered = read_answers(side.frame, y)
    w = side.design.weight * answered
    sums = side.domains.sums(w)
    has = sums > 0
    safe = np.where(has, sums, 1.0)
    mean = side.domains.sums(w * values) / safe
    return w * (values - at_respondents(mean, side.domains)) / at_respondents(safe, side.domains), has


def _by_unit(side: _Side, scores: Floats, n_units: int) -> csr_array:
    """Domains × common PSUs."""
    from scipy import sparse

    kept = side.unit >= 0
    entries = (scores[kept], (side.domains.code[kept], side.unit[kept]))
    return sparse.csr_array(entries, shape=(side.domains.size, n_units))


def _margins(side: _Side, n_units: int) -> Floats:
    """Common PSUs × categories: totals of the weighted indicators; no column without a calibration."""
    from scipy import sparse

    if side.design.calibration is None:
        return np.zeros((n_units, 0))
    kept = np.flatnonzero(side.unit >= 0)
    in_unit = sparse.csr_array((side.design.weight[kept], (side.unit[kept], kept)), shape=(n_units, side.frame.height))
    totals: Floats = (in_unit @ side.design.calibration.indicators).toarray()
    return totals


def _coefficients(side: _Side, scores: Floats) -> Floats:
    """Domains × categories: the regression of the scores on the margins (see `design.variance`)."""
    from scipy import sparse

    calibration = side.design.calibration
    if calibration is None:
        return np.zeros((side.domains.size, 0))
    based = calibration.base * scores / side.design.weight
    rows = sparse.csr_array(
        (based, (side.domains.code, np.arange(len(scores)))), shape=(side.domains.size, len(scores))
    )
    beta: Floats = (rows @ calibration.indicators).toarray() @ calibration.inverse
    return beta
