"""What stands beside an estimate: the wave before, the other modes, town beside country, the rank among areas, the modelled mean.

Belongs here: which rows of a wave's scores are compared with which. Tests and models are in `statistics`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from orchestration.derived.surveys.scores import KEY, SEPARATOR, Cut, column, cuts, respondent_scores
from orchestration.derived.surveys.wave import Wave
from orchestration.statistics.changes import estimate_difference
from orchestration.statistics.design import Design, read_design
from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.intervals import benjamini_hochberg, satterthwaite, t_quantile, t_two_sided
from orchestration.statistics.overlap import change_covariances
from orchestration.statistics.ranks import rank_intervals
from orchestration.statistics.small_areas import fay_herriot

SUBJECT = [c for c in KEY if c != "wave"]
CHANGE: Mapping[str, Any] = {
    "previous_wave": pl.String,
    **dict.fromkeys(["previous_mean", "change", "change_se", "change_lo", "change_hi", "change_p", "change_p_adjusted"], pl.Float64),
    "is_change_significant": pl.Boolean,
    "change_null_reason": pl.String,
}  # fmt: skip
BESIDE: Mapping[str, Any] = {
    **{f"{name}{part}": pl.Float64 for name in ("mode_effect", "urban_rural_gap") for part in ("", "_se", "_lo", "_hi", "_p_adjusted")},
    **dict.fromkeys(["rank", "rank_lo", "rank_hi", "n_ranked"], pl.Int64),
    **dict.fromkeys(["sampling_se", "modelled_mean", "modelled_rmse", "modelled_lo", "modelled_hi", "modelled_own_weight"], pl.Float64),
    "is_modelled": pl.Boolean,
    "modelled_covariates": pl.String,
    "modelled_null_reason": pl.String,
}  # fmt: skip
OVERLAP: Mapping[str, Any] = {
    "wave": pl.String, "previous_wave": pl.String, "area_level": pl.String, "division_code": pl.String,
    "group_name": pl.String, "group_value": pl.String, "dimension": pl.String, "question_id": pl.String,
    "covariance": pl.Float64, "df_common": pl.Int64,
}  # fmt: skip
# Fewer areas say nothing of how areas differ.
MINIMUM_AREAS = 5


def beside(wave: Wave, scores: pl.DataFrame) -> pl.DataFrame:
    """The scores of a wave with columns `BESIDE`: mode effects, gaps between town and country, ranks among areas, small-area means."""
    table, frame = scores.with_row_index("_row"), respondent_scores(wave)
    for part in (
        _mode_effects(wave, frame),
        _urban_rural_gaps(wave, frame),
        _ranks(wave, table),
        _small_areas(wave, table),
    ):
        on = [c for c in part.columns if c in (*SUBJECT, "_row")]
        table = table.join(part, on=on, how="left", maintain_order="left")
    missing = [c for c in BESIDE if c not in table.columns]
    table = table.with_columns(pl.lit(None, BESIDE[c]).alias(c) for c in missing)
    return table.select(*scores.columns, *(pl.col(c).cast(t) for c, t in BESIDE.items()))


def _mode_effects(wave: Wave, frame: pl.DataFrame) -> pl.DataFrame:
    """Mean of a mode minus the mean of all others, per dimension, within the wave's design; tested together.

    Modes are chosen, not drawn: the difference is of who answered that way as much as of the way itself.
    """
    design = read_design(frame, "weight", **wave.design)
    modes = [m for m in wave.respondents["mode"].unique().sort() if m != "unknown"]
    dimensions = sorted(set(wave.questions["dimension"])) if len(modes) > 1 else []
    found = [
        _difference(
            wave, frame.with_columns((pl.col("mode") == mode).alias("_is_mode")), (dimension, "all"),
            design, "_is_mode", False, True, group_name="mode", group_value=mode,
        )
        for dimension in dimensions
        for mode in modes
    ]  # fmt: skip
    return _tested_together(wave, found, "mode_effect")


def _urban_rural_gaps(wave: Wave, frame: pl.DataFrame) -> pl.DataFrame:
    """Mean of urban residents minus that of rural ones, of everybody and in each area that is told by them; tested together."""
    design = read_design(frame, "weight", **wave.design)
    subjects = [c.split(SEPARATOR)[1:] for c in frame.columns if c.startswith(f"score{SEPARATOR}")]
    found = [
        _difference(
            wave, frame, (dimension, question), design, "area_type", "rural", "urban", cut.area,
            group_name="area_type", group_value="urban",
        )
        for cut in cuts(wave)
        if cut.group == "area_type"
        for dimension, question in subjects
    ]  # fmt: skip
    return _tested_together(wave, found, "urban_rural_gap")


def _difference(
    wave: Wave,
    frame: pl.DataFrame,
    subject: tuple[str, str],
    design: Design,
    group: str,
    baseline: object,
    comparison: object,
    area: str | None = None,
    **beside: str,
) -> pl.DataFrame:
    """The difference between two parts of the sample, in each area, and the row `beside` which it stands; none where nobody of a part answered."""
    try:
        rows = estimate_difference(
            frame, column("score", *subject), "weight", group, baseline, comparison, by=area,
            confidence=wave.policy.number("confidence"), minimum_df=int(wave.policy.number("interval_minimum_df")), design=design,
        )  # fmt: skip
    except StatisticsError:
        return pl.DataFrame()
    named = {"dimension": subject[0], "question_id": subject[1], **beside}
    return rows.with_columns(*Cut(area).labels()).with_columns(pl.lit(v).alias(c) for c, v in named.items())


def _tested_together(wave: Wave, found: Sequence[pl.DataFrame], name: str) -> pl.DataFrame:
    """Differences as columns `name`, beside their row; Benjamini–Hochberg over all of them."""
    on = ("area_level", "division_code", "group_name", "group_value", "dimension", "question_id")
    rows = [part for part in found if part.height]
    if not rows:
        return pl.DataFrame(schema=dict.fromkeys(on, pl.String))
    table = pl.concat([part.select(*on, "difference", "se", "lo", "hi", "p") for part in rows])
    adjusted = benjamini_hochberg(table["p"], wave.policy.number("false_discovery_rate"))["p_adjusted"]
    parts = {"difference": name, "se": f"{name}_se", "lo": f"{name}_lo", "hi": f"{name}_hi"}
    return table.select(*on, *(pl.col(c).alias(n) for c, n in parts.items()), adjusted.alias(f"{name}_p_adjusted"))


def _told(rows: pl.DataFrame, name: str) -> pl.Series:
    """A standard error that has an interval; null where too few units stand behind it to be compared by."""
    return rows.select(pl.when(pl.col("mean_lo").is_not_null()).then(pl.col(name))).to_series()


def _areas(table: pl.DataFrame) -> list[pl.DataFrame]:
    """The rows that stand beside one another: one level of area, everybody, one question; `unknown` is no area."""
    rows = table.filter(
        (pl.col("area_level") != "all") & (pl.col("group_name") == "all") & (pl.col("division_code") != "unknown")
    )
    return rows.partition_by(["area_level", "dimension", "question_id"], maintain_order=True)


def _ranks(wave: Wave, table: pl.DataFrame) -> pl.DataFrame:
    """Rank intervals that hold jointly among the areas of a level."""
    ranked = [
        pl.concat(
            [
                part.select("_row"),
                rank_intervals(
                    part["mean"], _told(part, "se"), part["df"], confidence=wave.policy.number("confidence")
                ),
            ],
            how="horizontal",
        )
        for part in _areas(table)
        if part.height > 1
    ]
    empty = pl.DataFrame(schema={"_row": pl.get_index_type()})
    return pl.concat(ranked).drop("n_tied") if ranked else empty


def _small_areas(wave: Wave, table: pl.DataFrame) -> pl.DataFrame:
    """Fay–Herriot means of every level of area, with the covariate the samples themselves carry."""
    minimum_n = wave.policy.number("minimum_n")
    parts = []
    for rows in _areas(table):
        level = rows["area_level"][0]
        urban = _urban_share(wave, level)
        frame = rows.join(urban, left_on="division_code", right_on=level, how="left", maintain_order="left")
        covariates = ["urban_share"] if _is_usable(frame["urban_share"]) else []
        frame = frame.with_columns(_smoothed(frame))
        n_usable = int(frame.select((pl.col("mean").is_not_null() & (pl.col("sampling_se") > 0)).sum()).item())
        if n_usable < MINIMUM_AREAS:
            reason = f"可用地区 {n_usable} 个，至少需要 {MINIMUM_AREAS} 个 · {n_usable} areas with an estimate; {MINIMUM_AREAS} needed"
            parts.append(_no_model(rows, reason))
            continue
        try:
            fit = fay_herriot(
                frame, "mean", "sampling_se", covariates, df="sampling_df", confidence=wave.policy.number("confidence")
            )
        except StatisticsError as error:
            parts.append(_no_model(rows, str(error)))
            continue
        parts.append(
            fit.areas.select(
                "_row", "sampling_se",
                modelled_mean="modelled", modelled_rmse="rmse", modelled_lo="lo", modelled_hi="hi",
                modelled_own_weight="own_weight", is_modelled=pl.col("n") < minimum_n,
                modelled_covariates=pl.lit(", ".join(["intercept", *covariates])),
                modelled_null_reason=pl.lit(None, pl.String),
            )
        )  # fmt: skip
    return pl.concat(parts, how="diagonal") if parts else pl.DataFrame(schema={"_row": pl.get_index_type()})


def _no_model(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    return rows.select("_row", is_modelled=pl.lit(False), modelled_null_reason=pl.lit(reason))


def _smoothed(rows: pl.DataFrame) -> list[pl.Series]:
    """Sampling standard errors from the areas' common variance per answer, Σ n·se² / Σ n over areas that have one, and its df.

    The direct standard error of an area with two or three sampling units is itself a guess, and of one with a
    single unit is unknown; the common one is known better, and how well is the sum of what the areas know (Satterthwaite).
    """
    usable = rows.filter((pl.col("df") >= 1) & (pl.col("se") > 0) & pl.col("mean_lo").is_not_null())
    n = rows["n"].cast(pl.Float64).to_numpy()
    error, known = np.full(len(n), np.nan), 1.0
    if usable.height:
        answers, direct, df = (usable[c].cast(pl.Float64).to_numpy() for c in ("n", "se", "df"))
        weighted = answers**2 * direct**2
        known = max(float(satterthwaite(list(weighted), list(df))), 1.0)
        error = np.where(n > 0, np.sqrt(weighted.sum() / answers.sum() / np.maximum(n, 1)), np.nan)
    return [pl.Series("sampling_se", error).fill_nan(None), pl.Series("sampling_df", np.full(len(n), known))]


def _urban_share(wave: Wave, level: str) -> pl.DataFrame:
    """Adults in urban strata among all of an area, from the strata's stated populations; null where strata cross areas."""
    columns = {"stratum", "stratum_population", "area_type", level}
    empty = pl.DataFrame(schema={level: pl.String, "urban_share": pl.Float64})
    frame = wave.respondents
    if not columns <= set(frame.columns) or frame["stratum_population"].null_count() or frame["stratum"].null_count():
        return empty
    strata = frame.group_by("stratum").agg(
        pl.col("stratum_population").first(), pl.col(level).first(), pl.col(level).n_unique().alias("areas"),
        pl.col("area_type").first(), pl.col("area_type").n_unique().alias("types"),
    )  # fmt: skip
    if bool(((strata["areas"] > 1) | (strata["types"] > 1) | (strata["area_type"] == "unknown")).any()):
        return empty
    urban = pl.col("stratum_population").filter(pl.col("area_type") == "urban").sum()
    return strata.group_by(level).agg((urban / pl.col("stratum_population").sum()).alias("urban_share"))


def _is_usable(covariate: pl.Series) -> bool:
    """Known for every area, and not the same everywhere."""
    return covariate.null_count() == 0 and covariate.n_unique() > 1


def covariances(earlier: Wave, later: Wave) -> pl.DataFrame:
    """Covariance of the means of two waves that drew the same sampling units, or asked the same people.

    Columns `OVERLAP`; no row where the waves have no unit in common, or state their designs differently.
    """
    nothing = pl.DataFrame(schema=OVERLAP)
    designs = [{"weight": "weight", "psu": "respondent_id", **wave.design} for wave in (earlier, later)]
    if any(designs[0].get(key) != designs[1].get(key) for key in ("strata", "psu")):
        return nothing
    frames = [respondent_scores(wave) for wave in (earlier, later)]
    subjects = [c for c in frames[0].columns if c.startswith(f"score{SEPARATOR}") and c in frames[1].columns]
    shared = [cut for cut in cuts(earlier) if cut in cuts(later)]
    parts = [nothing]
    for cut in shared if subjects else []:
        found = change_covariances(frames[0], frames[1], subjects, designs[0], designs[1], cut.by or None)
        named = found.with_columns(pl.col("question").str.split(SEPARATOR))
        parts.append(
            named.select(
                pl.lit(later.name).alias("wave"),
                pl.lit(earlier.name).alias("previous_wave"),
                *cut.labels(),
                pl.col("question").list.get(1).alias("dimension"),
                pl.col("question").list.get(2).alias("question_id"),
                "covariance",
                "df_common",
            ).select(pl.col(c).cast(t) for c, t in OVERLAP.items())
        )
    return pl.concat(parts).drop_nulls("covariance")


def with_changes(
    scores: pl.DataFrame, rate: float, confidence: float, overlap: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The scores of several waves with columns `CHANGE`: each row against the newest earlier wave that asked the same.

    The same means area, group, dimension, question and wording. `overlap`: `covariances` of pairs of waves; the
    variance of a change is that of both less twice their covariance, and pairs that are not in it are samples of
    their own. Benjamini–Hochberg over all changes of a wave.
    """
    overlap = pl.DataFrame(schema=OVERLAP) if overlap is None else overlap
    waves = scores.group_by("wave").agg(pl.col("held_on").first()).sort("held_on", "wave", nulls_last=True)
    order = {wave: i for i, wave in enumerate(waves["wave"])}
    dated = scores.with_columns(pl.col("wave").replace_strict(order, return_dtype=pl.Int64).alias("_order"))
    told = pl.when(pl.col("mean_lo").is_not_null()).then(pl.col("se"))
    dated = dated.with_columns(told.alias("_se"))
    earlier = dated.filter(pl.col("mean").is_not_null()).select(
        *SUBJECT, "_order", previous_wave="wave", previous_mean="mean", _previous_se="_se", _previous_df="df"
    )
    # `strict` earlier: a wave is not its own predecessor.
    joined = dated.with_columns((pl.col("_order") - 1).alias("_before")).sort("_before").join_asof(
        earlier.sort("_order").rename({"_order": "_of"}), left_on="_before", right_on="_of", by=SUBJECT, check_sortedness=False
    )  # fmt: skip
    joined = joined.join(overlap, on=[c for c in OVERLAP if c not in ("covariance", "df_common")], how="left")
    own, before = pl.col("_se") ** 2, pl.col("_previous_se") ** 2
    # An estimated correlation beyond 1 would be a variance below 0.
    most = pl.col("_se") * pl.col("_previous_se")
    v = own + before - 2 * pl.col("covariance").fill_null(0).clip(-most, most)
    parts = (own, before, pl.col("df"), pl.col("_previous_df"))
    v_now, v_then, df_now, df_then = (
        joined.select(e.cast(pl.Float64).fill_null(0)).to_series().to_numpy() for e in parts
    )
    independent = pl.Series(satterthwaite([v_now, v_then], [df_now, df_then]))
    joined = joined.with_columns(
        change=pl.col("mean") - pl.col("previous_mean"),
        # What two equal waves leave after subtraction is rounding.
        change_se=pl.when(v > 1e-12 * (own + before)).then(v.sqrt()),
        # Units that answered twice are not twice as many.
        _df=pl.min_horizontal(independent, pl.col("df") + pl.col("_previous_df") - pl.col("df_common").fill_null(0)),
    )
    change, change_se, df = (
        joined[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("change", "change_se", "_df")
    )
    df = np.nan_to_num(df)
    half = t_quantile(confidence, df) * change_se
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(change_se > 0, t_two_sided(change / change_se, df), np.nan)
    joined = joined.with_columns(
        change_lo=pl.Series(change - half), change_hi=pl.Series(change + half), change_p=pl.Series(p)
    ).with_columns(pl.col("change_lo", "change_hi", "change_p").fill_nan(None))
    tested = pl.concat(
        [
            part.with_columns(
                benjamini_hochberg(part["change_p"], rate)
                .rename({"p_adjusted": "change_p_adjusted", "is_significant": "is_change_significant"})
                .get_columns()
            )
            for part in joined.partition_by("wave")
        ]
    )
    reason = (
        pl.when(pl.col("mean").is_null()).then(pl.lit("not_estimated"))
        .when(pl.col("previous_wave").is_null()).then(pl.lit("no_earlier_wave_with_this_wording"))
        .when(pl.col("change_p").is_null()).then(pl.lit("no_standard_error"))
    )  # fmt: skip
    # A change of which nobody can say whether it is chance is none.
    known = tested.with_columns(change=pl.when(reason.is_null()).then("change"), change_null_reason=reason)
    return known.select(
        *scores.columns, *(pl.col(c).cast(t) for c, t in CHANGE.items())
    ).sort(KEY)  # fmt: skip
