"""Estimates of a wave: every area, population group and area × group, every dimension and question.

Belongs here: which measure is estimated over whom and in which column it is published. Comparisons between rows
(changes, ranks, modes, small areas) are in `comparisons`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import polars as pl

from orchestration.derived.surveys.wave import ACSI_SCALES, GROUPS, Wave, wording_of
from orchestration.statistics.design import Design, read_design
from orchestration.statistics.estimates import estimate_means, estimate_proportions
from orchestration.statistics.quality import without_flagged

SEPARATOR = "\x1f"
KEY = ("wave", "area_level", "division_code", "group_name", "group_value", "dimension", "question_id", "wording")
SHARE, POINTS = ("", "_lo", "_hi"), ("", "_se", "_lo", "_hi")
# What is estimated: measure → the columns it fills. Means are of a 0–100 (or −100 to 100) scale, shares 0–1.
MEANS: dict[str, str] = {"score": "mean", "net": "net", "nps": "nps", "acsi": "acsi", "score_unflagged": "unflagged_mean"}  # fmt: skip
SHARES: dict[str, str] = {
    "top_box": "top2_share", "bottom_box": "bottom2_share", "good": "good_share", "dont_know": "dont_know_share",
    "refused": "refused_share", "good_unflagged": "unflagged_good_share",
}  # fmt: skip
SCHEMA: Mapping[str, Any] = {
    "wave": pl.String,
    "held_on": pl.Date,
    "area_level": pl.String,  # all, city, county, town, area
    "division_code": pl.String,  # 'all' for the whole sample
    "group_name": pl.String,  # all, sex, age_band, area_type, mode
    "group_value": pl.String,
    "dimension": pl.String,
    "question_id": pl.String,  # 'all' for the dimension as a whole
    "wording": pl.String,
    "question_text": pl.String,
    "role": pl.String,  # outcome, driver, background
    "n": pl.Int64,
    "n_eff": pl.Float64,
    "mean": pl.Float64,
    "se": pl.Float64,
    "mean_lo": pl.Float64,
    "mean_hi": pl.Float64,
    "df": pl.Int64,
    "deff": pl.Float64,
    **{f"{name}{part}": pl.Float64 for name in ("top2_share", "bottom2_share", "good_share") for part in SHARE},
    **{f"net{part}": pl.Float64 for part in POINTS},
    "dont_know_share": pl.Float64,
    "refused_share": pl.Float64,
    **{f"{name}{part}": pl.Float64 for name in ("nps", "acsi") for part in POINTS},
    "unflagged_n": pl.Int64,
    **{f"unflagged_mean{part}": pl.Float64 for part in POINTS},
    **{f"unflagged_good_share{part}": pl.Float64 for part in SHARE},
    "response_rate": pl.Float64,
    "is_weighted": pl.Boolean,
    "flags": pl.String,
    "null_reason": pl.String,
    "interval_null_reason": pl.String,
    "unjudged_reason": pl.String,
}
# Why a mean has no interval, the first that holds; flags of the estimator.
NO_INTERVAL = ("no_answers", "single_psu", "no_degrees_of_freedom", "few_degrees_of_freedom", "zero_variance")


@dataclass(frozen=True)
class Cut:
    """Columns that split the sample, and how the parts are labelled."""

    area: str | None = None
    group: str | None = None

    @property
    def by(self) -> list[str]:
        return [c for c in (self.area, self.group) if c]

    def labels(self) -> list[pl.Expr]:
        """The four columns of a published row that name its part of the sample."""
        return [
            (pl.col(self.area) if self.area else pl.lit("all")).alias("division_code"),
            pl.lit(self.area or "all").alias("area_level"),
            (pl.col(self.group) if self.group else pl.lit("all")).alias("group_value"),
            pl.lit(self.group or "all").alias("group_name"),
        ]


def score_wave(wave: Wave) -> pl.DataFrame:
    """Columns `SCHEMA`, one row a `KEY`; respondents without an answer to a question are out of its base."""
    frame, subjects = _wide(wave)
    design = read_design(frame, "weight", **wave.design)
    table = pl.concat([_estimate(frame, subjects, wave, design, cut) for cut in cuts(wave)])
    return (
        table.with_columns(
            pl.lit(wave.name).alias("wave"),
            pl.lit(wave.held_on).alias("held_on"),
            pl.lit(wave.is_weighted).alias("is_weighted"),
            pl.lit(wave.response_rate).alias("response_rate"),
        )
        .join(_described(wave), on=["dimension", "question_id"], how="left", maintain_order="left")
        .select(pl.col(c).cast(t) for c, t in SCHEMA.items())
        .sort(KEY)
    )


def unestimated(wave: str) -> pl.DataFrame:
    """The one row of a wave that cannot be estimated; its diagnostics say why."""
    row = dict.fromkeys(SCHEMA) | dict.fromkeys(KEY, "all")
    row |= {
        "wave": wave,
        "wording": "none",
        "n": 0,
        "is_weighted": False,
        "null_reason": "not_estimated",
        "interval_null_reason": "not_estimated",
    }
    return pl.DataFrame([row], schema=SCHEMA)


def respondent_scores(wave: Wave) -> pl.DataFrame:
    """One row per respondent: `_respondent` design columns and the score of every dimension and question, 0–100."""
    return _wide(wave)[0]


def column(measure: str, dimension: str, question: str = "all") -> str:
    """The column of a measure in `respondent_scores`."""
    return SEPARATOR.join((measure, dimension, question))


def cuts(wave: Wave) -> list[Cut]:
    """All, each level of area, each group, and as many levels of area × each group as the policy asks for, coarsest first."""
    groups = [g for g in GROUPS if (wave.respondents[g] != "unknown").any()]
    crossed = [Cut(a, g) for a in wave.area_levels[: int(wave.policy.number("crossed_levels"))] for g in groups]
    return [Cut(), *(Cut(area=a) for a in wave.area_levels), *(Cut(group=g) for g in groups), *crossed]


def _described(wave: Wave) -> pl.DataFrame:
    """Text, role and wording of every question; a dimension's wording stands for those of all its questions."""
    questions = wave.questions.rename({"text": "question_text"}).drop("scale")
    dimensions = questions.group_by("dimension").agg(
        pl.lit("all").alias("question_id"),
        pl.lit(None, pl.String).alias("question_text"),
        pl.when((pl.col("role") == "background").all()).then(pl.lit("background"))
        .when((pl.col("role") == "outcome").any()).then(pl.lit("outcome"))
        .when((pl.col("role") == "driver").any()).then(pl.lit("driver")).otherwise(pl.lit("rated")).alias("role"),
        pl.format("{}:{}", "question_id", "wording").sort().str.join("|").alias("wording"),
    ).with_columns(
        pl.col("wording").map_elements(lambda w: wording_of(w, "", "", is_reversed=False), return_dtype=pl.String)
    )  # fmt: skip
    columns = ["dimension", "question_id", "question_text", "role", "wording"]
    return pl.concat([questions.select(columns), dimensions.select(columns)])


# What was made of a wave's answers is made once, for as long as the wave is held.
_WIDE: WeakKeyDictionary[Wave, tuple[pl.DataFrame, list[tuple[str, str]]]] = WeakKeyDictionary()


def _wide(wave: Wave) -> tuple[pl.DataFrame, list[tuple[str, str]]]:
    """One row per respondent, a column per measure of every question and dimension; subjects = (dimension, question)."""
    if wave not in _WIDE:
        _WIDE[wave] = _made_wide(wave)
    return _WIDE[wave]


def _made_wide(wave: Wave) -> tuple[pl.DataFrame, list[tuple[str, str]]]:
    good = (pl.col("place") >= wave.policy.number("good_position_min")).cast(pl.Float64)
    refused = pl.when(pl.col("status").is_in(["answered", "dont_know", "refused"])).then(
        (pl.col("status") == "refused").cast(pl.Float64)
    )  # fmt: skip
    scored = wave.answers.with_columns(good.alias("good"), (100 * pl.col("net")).alias("net"), refused.alias("refused"))
    measures = ["score", "top_box", "bottom_box", "net", "good", "dont_know", "refused", "nps"]
    whole = (
        scored.group_by("respondent_id", "dimension")
        .agg(*(pl.col(m).mean() for m in ("score", "net", "place")), *_acsi(wave))
        .with_columns(
            pl.lit("all").alias("question_id"),
            (pl.col("place") >= wave.policy.number("good_position_min")).cast(pl.Float64).alias("good"),
            *(pl.lit(None, pl.Float64).alias(m) for m in ("top_box", "bottom_box", "dont_know", "refused", "nps")),
        )
    )
    columns = ["respondent_id", "dimension", "question_id", *measures, "acsi"]
    long = pl.concat([scored.with_columns(pl.lit(None, pl.Float64).alias("acsi")).select(columns), whole.select(columns)])  # fmt: skip
    subjects = sorted(long.select("dimension", "question_id").unique().rows())
    keyed = long.with_columns(pl.concat_str("dimension", pl.lit(SEPARATOR), "question_id").alias("name"))
    wide = keyed.pivot(
        on="name", index="respondent_id", values=[*measures, "acsi"], aggregate_function="first", separator=SEPARATOR
    )
    # A measure that fits no answer of a question has no column.
    told = [c.name for c in wide.drop("respondent_id") if c.null_count() < len(c)]
    frame = wave.respondents.join(
        wide.select("respondent_id", *told), on="respondent_id", how="left", maintain_order="left"
    )
    return _with_unflagged(frame, wave), subjects


def _acsi(wave: Wave) -> list[pl.Expr]:
    """The ACSI of a respondent: the three questions that the codebook calls so, all answered on 1–10."""
    parts = [
        pl.col("score").filter((pl.col("scale") == name) & (pl.col("n_positions") == 10)).first() * wave.policy.number(name)
        for name in ACSI_SCALES
    ]  # fmt: skip
    return [sum(parts[1:], parts[0]).alias("acsi")]


def _with_unflagged(frame: pl.DataFrame, wave: Wave) -> pl.DataFrame:
    """`score` and `good` again, null for whoever is flagged: the design stays whole."""
    names = [c for c in frame.columns if c.startswith((f"score{SEPARATOR}", f"good{SEPARATOR}"))]
    copies = frame.with_columns(pl.col(c).alias(c.replace(SEPARATOR, f"_unflagged{SEPARATOR}", 1)) for c in names)
    return without_flagged(
        copies, "respondent_id", [c for c in copies.columns if f"_unflagged{SEPARATOR}" in c], wave.flags
    )


def _estimate(
    frame: pl.DataFrame, subjects: Sequence[tuple[str, str]], wave: Wave, design: Design, cut: Cut
) -> pl.DataFrame:
    options: dict[str, Any] = {
        "design": design,
        "by": cut.by or None,
        "confidence": wave.policy.number("confidence"),
        "minimum_df": int(wave.policy.number("interval_minimum_df")),
    }
    # Shares are judged: their interval is the one that is never shorter than that of a simple random sample.
    kinds: list[tuple[dict[str, str], Any, str, dict[str, Any]]] = [
        (MEANS, estimate_means, "mean", {}),
        (SHARES, estimate_proportions, "proportion", {"method": "korn_graubard"}),
    ]
    present = set(frame.columns)
    tables: dict[str, pl.DataFrame] = {}
    for measures, estimate, value, method in kinds:
        names = [name for m in measures for d, q in subjects if (name := column(m, d, q)) in present]
        long = estimate(frame, names, "weight", **options, **method).with_columns(
            pl.col("question").str.split(SEPARATOR)
        )
        long = long.with_columns(
            pl.col("question").list.get(0).alias("measure"),
            pl.col("question").list.get(1).alias("dimension"),
            pl.col("question").list.get(2).alias("question_id"),
        ).rename({value: "estimate"})
        tables |= {str(part["measure"][0]): part for part in long.partition_by("measure")}
    on = [*cut.by, "dimension", "question_id"]
    main = tables["score"].rename({"estimate": "mean", "lo": "mean_lo", "hi": "mean_hi", "flags": "_flags"})
    for measure, name in (MEANS | SHARES).items():
        if measure == "score":
            continue
        parts = {"estimate": name, "se": f"{name}_se", "lo": f"{name}_lo", "hi": f"{name}_hi"}
        if measure == "score_unflagged":
            parts |= {"n": "unflagged_n"}
        found = tables.get(measure)
        if found is None:
            main = main.with_columns(pl.lit(None, pl.Float64).alias(c) for c in parts.values())
        else:
            chosen = found.select(*on, *parts).rename(parts)
            main = main.join(chosen, on=on, how="left", maintain_order="left", nulls_equal=True)
    flags = pl.col("_flags").list.join(",")
    reasons = [pl.when(pl.col("_flags").list.contains(reason)).then(pl.lit(reason)) for reason in NO_INTERVAL]
    return main.select(
        *cut.labels(),
        *(c for c in SCHEMA if c in main.columns and c not in cut.by),
        pl.when(flags != "").then(flags).alias("flags"),
        pl.when(pl.col("mean").is_null()).then(pl.lit("no_answers")).alias("null_reason"),
        pl.when(pl.col("mean_lo").is_null()).then(pl.coalesce(reasons)).alias("interval_null_reason"),
        pl.when(pl.col("n") < wave.policy.number("verdict_minimum_n")).then(pl.lit("too_few_answers"))
        .when(pl.col("df") < wave.policy.number("verdict_minimum_df")).then(pl.lit("too_few_units"))
        .alias("unjudged_reason"),
    )  # fmt: skip
