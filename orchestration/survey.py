"""Accepted survey rows → `derived/survey_estimates.parquet`, which dbt reads as a source.

Belongs here: which columns of the four survey feeds go into which statistic. The statistics themselves are pure
functions in `orchestration/statistics`. A wave that cannot be estimated becomes one row that says why.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from orchestration.paths import DataDirectory, data_directory
from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.estimates import estimate_means, estimate_proportions
from orchestration.statistics.scales import Scale, box_columns, score_answers
from orchestration.statistics.weights import margins_from, rake

FEEDS = ("survey_questions", "survey_samples", "survey_responses", "survey_margins")
GROUPS = ("sex", "age_band", "area_type", "mode")
KEY = ("wave", "area_level", "division_code", "group_name", "group_value", "dimension", "question_id")
SCHEMA: Mapping[str, Any] = {
    "wave": pl.String,
    "division_code": pl.String,  # 'all' for the whole sample
    "area_level": pl.String,  # all, city, county, area
    "group_name": pl.String,  # all, sex, age_band, area_type, mode
    "group_value": pl.String,
    "dimension": pl.String,
    "question_id": pl.String,  # 'all' for the dimension as a whole
    "n": pl.Int64,
    "n_eff": pl.Float64,
    "mean": pl.Float64,
    "se": pl.Float64,
    "lo": pl.Float64,
    "hi": pl.Float64,
    "deff": pl.Float64,
    "top2": pl.Float64,
    "top2_lo": pl.Float64,
    "top2_hi": pl.Float64,
    "bottom2": pl.Float64,
    "dont_know_share": pl.Float64,
    "is_weighted": pl.Boolean,
    "null_reason": pl.String,
}


def path(data: DataDirectory) -> Path:
    return data.derived / "survey_estimates.parquet"


def ensure_typed(data: DataDirectory) -> None:
    """A city without a survey has a typed table without rows."""
    if not path(data).is_file():
        path(data).parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(schema=SCHEMA).write_parquet(path(data))


def newest(data: DataDirectory, feed: str) -> pl.DataFrame:
    """Accepted rows of a survey feed; of a wave described twice, the newest delivery of each sender counts."""
    folder = data.accepted / f"evaluation.{feed}"
    files = sorted(folder.glob("*/*.parquet")) or sorted(folder.glob("_never.parquet"))
    if not files:
        raise FileNotFoundError(f"accepted/evaluation.{feed} has no file: run the feed's asset first")
    rows = pl.concat([pl.read_parquet(f) for f in files], how="diagonal_relaxed")
    if feed == "survey_responses":
        return rows
    newest_at = pl.col("_received_at").max().over("wave", "_sender")
    return rows.filter(pl.col("_received_at") == newest_at)


def estimate_wave(
    questions: pl.DataFrame, samples: pl.DataFrame, responses: pl.DataFrame, margins: pl.DataFrame
) -> pl.DataFrame:
    """Estimates of one wave.

    Args:
        questions, samples, responses, margins: accepted rows of the four feeds, one wave.

    Returns:
        One row per area × population group × (dimension, or dimension and question), columns `SCHEMA`. Means are
        0–100, shares 0–1. Respondents without an answer to a question are out of its base.

    Raises:
        StatisticsError: the wave cannot be estimated as described; the message says what to mend.
    """
    wave = str(questions["wave"][0])
    scales = _scales(questions)
    scaled = questions.filter(pl.col("question_id").is_in(list(scales))).select(
        "question_id", pl.col("dimension").fill_null("other")
    )
    respondents, weighting = _weighted(samples, margins)
    answers = responses.filter(pl.col("question_id").is_in(list(scales))).select(
        "respondent_id", "question_id", "answer"
    )
    scored = score_answers(answers, "answer", "question_id", scales).with_columns(box_columns())
    scored = scored.join(scaled, on="question_id")
    frame, names = _wide(respondents, scored)
    tables = []
    for columns, labels in _domains(frame):
        tables.append(_estimate(frame, names, weighting, columns, labels))
    return (
        pl.concat(tables)
        .with_columns(pl.lit(wave).alias("wave"), pl.lit(weighting["is_weighted"]).alias("is_weighted"))
        .select(pl.col(c).cast(t) for c, t in SCHEMA.items())
        .sort(KEY)
    )


def _scales(questions: pl.DataFrame) -> dict[str, Scale]:
    """Questions with a closed scale; an open question has none and is not estimated."""
    scales = {}
    for row in questions.filter(pl.col("lowest").is_not_null() & pl.col("highest").is_not_null()).rows(named=True):
        values = list(range(int(row["lowest"]), int(row["highest"]) + 1))
        codes = {
            k: tuple(c.strip() for c in (row[k] or "").split(",") if c.strip())
            for k in ("dont_know_codes", "not_asked_codes")
        }
        scales[row["question_id"]] = Scale(
            values, is_reversed=bool(row["is_reversed"]), dont_know=codes["dont_know_codes"], not_asked=codes["not_asked_codes"]
        )  # fmt: skip
    if not scales:
        raise StatisticsError("The wave has no question with a scale.", "本批次没有带量表的题目。")
    return scales


def _weighted(samples: pl.DataFrame, margins: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Respondents with their weight: the base weight, raked to the wave's margins where there are any."""
    reached = samples.filter(pl.col("outcome").is_null() | pl.col("outcome").is_in(["complete", "partial"]))
    if reached.height == 0:
        raise StatisticsError("The wave has no respondent.", "本批次没有受访者。")
    has_weight = reached["base_weight"].null_count() < reached.height
    base = pl.col("base_weight") if has_weight else pl.lit(1.0)
    frame = reached.with_columns(base.alias("base"), base.alias("weight"))
    design: dict[str, Any] = {
        "strata": _whole(frame, "stratum"),
        "psu": _whole(frame, "psu"),
        "fpc": _whole(frame, "stratum_psus") if _whole(frame, "psu") else None,
    }
    is_weighted = has_weight
    if margins.height:
        totals = margins_from(margins.select("margin", "category", "population"))
        calibrated = rake(frame, "base", totals)
        frame = frame.with_columns(calibrated.weight.alias("weight"))
        design |= {"base_weight": "base", "margins": list(totals)}
        is_weighted = True
    return frame, {"is_weighted": is_weighted, "design": {k: v for k, v in design.items() if v}}


def _whole(frame: pl.DataFrame, column: str) -> str | None:
    """A design column counts if it is stated for everybody; stated for some only, the design is unknown."""
    missing = frame[column].null_count()
    if 0 < missing < frame.height:
        raise StatisticsError(
            f"{column} is missing for {missing} of {frame.height} respondents; state it for all or for none.",
            f"{frame.height} 名受访者中有 {missing} 名缺少 {column};请全部填写或全部留空。",
        )
    return None if missing else column


def _wide(respondents: pl.DataFrame, scored: pl.DataFrame) -> tuple[pl.DataFrame, list[tuple[str, str]]]:
    """One row per respondent with a column per measure of every question and dimension; names = (dimension, question)."""
    measures = ["score", "top_box", "bottom_box", "dont_know"]
    whole = (
        scored.group_by("respondent_id", "dimension")
        .agg(pl.col(m).mean() for m in measures)
        .with_columns(pl.lit("all").alias("question_id"))
    )
    long = pl.concat(
        [scored.select("respondent_id", "dimension", "question_id", *measures), whole.select("respondent_id", "dimension", "question_id", *measures)]
    )  # fmt: skip
    names = sorted(long.select("dimension", "question_id").unique().rows())
    keyed = long.with_columns(pl.format("{}\x1f{}", "dimension", "question_id").alias("name"))
    frame = respondents
    for measure in measures:
        wide = keyed.pivot(on="name", index="respondent_id", values=measure, aggregate_function="first")
        wide = wide.rename({c: f"{measure}\x1f{c}" for c in wide.columns if c != "respondent_id"})
        frame = frame.join(wide, on="respondent_id", how="left", maintain_order="left")
    return frame, names


def _domains(frame: pl.DataFrame) -> list[tuple[list[str], dict[str, Any]]]:
    """Which columns cut the sample, and how the cut is labelled: areas, groups, and never areas × groups (too thin)."""
    areas: list[tuple[list[str], dict[str, Any]]] = [([], {"area_level": "all"})]
    if frame["division_code"].null_count() < frame.height:
        areas.append(
            (["_area"], {"area_level": "county" if frame["division_code"].str.len_chars().max() == 12 else "area"})
        )
    groups = [([g], {"group_name": g}) for g in GROUPS if frame[g].null_count() < frame.height]
    return areas + groups


def _estimate(
    frame: pl.DataFrame, names: list[tuple[str, str]], weighting: dict[str, Any], by: list[str], labels: dict[str, Any]
) -> pl.DataFrame:
    county = pl.when(pl.col("division_code").str.len_chars() == 12).then(
        pl.col("division_code").str.head(6) + "000000"
    ).otherwise(pl.col("division_code"))  # fmt: skip
    frame = frame.with_columns(
        county.fill_null("unknown").alias("_area"), *(pl.col(g).fill_null("unknown") for g in GROUPS)
    )
    suffixes = [f"{d}\x1f{q}" for d, q in names]
    options = {**weighting["design"], "by": by or None}
    means = estimate_means(frame, [f"score\x1f{s}" for s in suffixes], "weight", **options)
    whole = [s for s in suffixes if not s.endswith("\x1fall")]
    shares = {
        m: estimate_proportions(frame, [f"{m}\x1f{s}" for s in whole], "weight", **options).rename(
            {"proportion": m, "lo": f"{m}_lo", "hi": f"{m}_hi"}
        )
        for m in ("top_box", "bottom_box", "dont_know")
    }
    key = ["question", *by]
    table = means.with_columns(pl.col("question").str.strip_prefix("score\x1f"))
    for m, share in shares.items():
        kept = share.with_columns(pl.col("question").str.strip_prefix(f"{m}\x1f")).select(*key, m, f"{m}_lo", f"{m}_hi")
        table = table.join(kept, on=key, how="left", maintain_order="left")
    split = pl.col("question").str.split("\x1f")
    value = pl.col(by[0]).cast(pl.String) if by else pl.lit("all")
    is_area = by == ["_area"]
    return table.select(
        (value if is_area else pl.lit("all")).alias("division_code"),
        pl.lit(labels.get("area_level", "all")).alias("area_level"),
        pl.lit(labels.get("group_name", "all")).alias("group_name"),
        (pl.lit("all") if is_area else value).alias("group_value"),
        split.list.get(0).alias("dimension"),
        split.list.get(1).alias("question_id"),
        "n", "n_eff", "mean", "se", "lo", "hi", "deff",
        pl.col("top_box").alias("top2"), pl.col("top_box_lo").alias("top2_lo"), pl.col("top_box_hi").alias("top2_hi"),
        pl.col("bottom_box").alias("bottom2"), pl.col("dont_know").alias("dont_know_share"),
        pl.when(pl.col("mean").is_null()).then(pl.col("flags").list.join(",")).alias("null_reason"),
    )  # fmt: skip


def estimate_all(data: DataDirectory) -> tuple[pl.DataFrame, dict[str, str]]:
    """Every wave that has arrived; a wave that cannot be estimated is one row with its reason.

    Returns:
        The estimates, and wave → sentence for the waves that could not be estimated.
    """
    feeds = {f: newest(data, f) for f in FEEDS}
    tables, failed = [pl.DataFrame(schema=SCHEMA)], {}
    for wave in sorted(feeds["survey_questions"]["wave"].unique()):
        of_wave = [feeds[f].filter(pl.col("wave") == wave) for f in FEEDS]
        try:
            tables.append(estimate_wave(*of_wave))
        except StatisticsError as error:
            failed[wave] = str(error)
            row = dict.fromkeys(SCHEMA) | dict.fromkeys(
                ("division_code", "area_level", "group_name", "group_value", "dimension", "question_id"), "all"
            )
            tables.append(
                pl.DataFrame(
                    [row | {"wave": wave, "n": 0, "is_weighted": False, "null_reason": str(error)}], schema=SCHEMA
                )
            )
    return pl.concat(tables), failed


def survey_asset(feeds: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """The survey estimates as an asset between the feeds and dbt."""
    key = dg.AssetKey(["derived", "survey_estimates"])

    @dg.asset(
        key=key,
        group_name="survey",
        deps=feeds,
        kinds={"polars", "parquet"},
        description="**Survey estimates**: weighted means 0–100 and shares of every wave, with linearised standard errors, by area and population group.",
        check_specs=[dg.AssetCheckSpec("every_wave_estimated", asset=key, description="No wave failed for its weights, margins or scales")],
    )  # fmt: skip
    def survey_estimates() -> Any:
        data = data_directory()
        table, failed = estimate_all(data)
        path(data).parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(path(data))
        yield dg.AssetCheckResult(
            check_name="every_wave_estimated", asset_key=key, passed=not failed, severity=dg.AssetCheckSeverity.WARN,
            metadata=dict(failed),
        )  # fmt: skip
        yield dg.MaterializeResult(metadata={"dagster/row_count": table.height, "waves": table["wave"].n_unique()})

    return survey_estimates
