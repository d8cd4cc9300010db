"""Accepted rows of one wave → respondents with weights, answers with points, and flags.

Belongs here: how the four survey feeds describe a sample and a questionnaire. What is estimated from it is in
`scores` and `drivers`; how a weight is made is in `statistics.weights`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from contracts.reading import fold
from orchestration.derived.surveys.policy import SurveyPolicy, survey_policy
from orchestration.statistics.errors import StatisticsError, name_some
from orchestration.statistics.quality import FLAG_SCHEMA, quality_flags
from orchestration.statistics.scales import Scale, box_columns, promoter_column, score_answers
from orchestration.statistics.weights import Calibrated, adjust_nonresponse, margins_from, rake_trimmed

GROUPS = ("sex", "age_band", "area_type", "mode")
ANSWERING = ("complete", "partial")
STATES = ("dont_know", "refused", "not_asked")
# Levels of area, coarsest first, and how many digits of a national code name one.
DIGITS: Mapping[str, int] = {"city": 4, "county": 6, "town": 9}
ACSI_SCALES = ("acsi_overall", "acsi_expectancy", "acsi_ideal")


@dataclass(frozen=True, eq=False)
class Wave:
    """One wave, ready to be estimated.

    `respondents`: one row each, with `base` (design weight carrying the silent), `weight` (raked), groups without
    nulls, and the areas `city`, `county`, `town` or `area`. `questions`: question_id, text, dimension, role, scale,
    wording, in the order asked. `answers`: one row an answer: value, position, place (0 worst – 1 best), score
    0–100, status, boxes, nps. `design`: keyword arguments of the estimators. `flags`: one row a respondent and rule.
    `notes`: what was done to the weights that a reader must know, topic → sentence.
    """

    name: str
    held_on: date | None
    questions: pl.DataFrame
    respondents: pl.DataFrame
    answers: pl.DataFrame
    design: Mapping[str, Any]
    is_weighted: bool
    calibrated: Calibrated | None
    n_trimmed: int
    outcomes: Mapping[str, int]
    flags: pl.DataFrame
    notes: Mapping[str, str]
    policy: SurveyPolicy

    @property
    def response_rate(self) -> float:
        """Respondents among those sampled, unweighted."""
        return self.respondents.height / max(sum(self.outcomes.values()), 1)

    @property
    def area_levels(self) -> list[str]:
        """Area columns that cut the sample, coarsest first."""
        return [c for c in ("city", "county", "town", "area") if c in self.respondents.columns]


def read_wave(
    questions: pl.DataFrame,
    samples: pl.DataFrame,
    responses: pl.DataFrame,
    margins: pl.DataFrame,
    *,
    today: date,
    unlisted: Collection[str] = (),
) -> Wave:
    """The wave that four tables of accepted rows describe; `today` dates a wave without interview days.

    `unlisted`: areas that no register lists. Their respondents count in the whole sample, and together as `unknown`.

    Raises:
        StatisticsError: it cannot be estimated as described: no scale, no respondent, a weight ≤ 0, margins that
            name other categories or contradict one another, a design stated for some only. Says what to correct.
    """
    name = str(questions["wave"][0])
    _refuse_two_of_one_name(name, questions, "question_id")
    _refuse_two_of_one_name(name, samples, "respondent_id")
    held_on = _held_on(samples, name)
    policy = survey_policy(held_on or today)
    scales = _scales(questions, policy)
    asked = _questions(questions, scales)
    respondents, weighting = _weighted(samples, margins, policy)
    weighting["notes"] |= _of_nobody(responses, samples, questions)
    answers = _answers(responses, respondents, asked, scales)
    if answers.filter(pl.col("status") == "answered").height == 0:
        raise StatisticsError("The wave has no answer on a scale.", "本波次没有任何有效的量表答案。")
    as_given = _as_given(respondents, asked, answers)
    flags = _flags(samples, as_given, asked, answers, policy)
    respondents = _copies_as_one_unit(respondents, as_given, flags, weighting)
    return Wave(
        name=name,
        held_on=held_on,
        questions=asked,
        respondents=_with_areas(respondents, unlisted),
        answers=answers,
        policy=policy,
        flags=flags,
        outcomes=dict(samples.select(pl.col("outcome").fill_null("complete").value_counts()).unnest("outcome").rows()),
        **weighting,
    )


def wording_of(text: str, lowest: object, highest: object, *, is_reversed: bool) -> str:
    """Eight hex characters that stand for what was asked: the wording without white space and punctuation, and the
    ends of the scale. Another wording or another scale is another question and never continues its series."""
    return hashlib.sha256(f"{fold(text)}|{lowest}|{highest}|{is_reversed}".encode()).hexdigest()[:8]


def _refuse_two_of_one_name(wave: str, rows: pl.DataFrame, key: str) -> None:
    """Two offices that call their surveys alike would be one: answers of one read by the scale, or weighted as people, of the other."""
    said = [c for c in rows.columns if not c.startswith("_")]
    others = (
        rows.group_by(key)
        .agg(pl.col("_sender").unique().sort(), pl.struct(said).n_unique().alias("_ways"))
        .filter((pl.col("_sender").list.len() > 1) & (pl.col("_ways") > 1))
        .sort(key)
    )
    if others.height:
        senders = sorted({s for of in others["_sender"] for s in of})
        raise StatisticsError(
            f"{name_some(senders)} both sent wave {wave!r} and say different things of {key} {name_some(others[key])}. "
            "Give each survey a wave of its own, or each respondent and question a number of its own, or withdraw the file that is not meant.",
            f"{name_some(senders)} 都报送了批次 {wave!r}，但对 {key} {name_some(others[key])} 的说法不同。请让每项调查各用一个批次名，或让样本、题目各用各的编号，或撤回不该算的文件。",
        )


def _held_on(samples: pl.DataFrame, name: str) -> date | None:
    """The median day of the interviews; else the middle of the month, quarter, half or year in the wave's name."""
    days = samples["answered_on"].drop_nulls().sort()
    if len(days):
        day: date = days[len(days) // 2]
        return day
    named = re.search(
        r"(?P<year>(?:19|20)\d\d)(?:[-年_ ]?(?:(?P<part>[QqHh])(?P<number>\d)|(?P<month>1[0-2]|0?[1-9])(?!\d)))?", name
    )
    if not named:
        return None
    year, number = int(named["year"]), int(named["number"] or 0)
    if named["month"]:
        return date(year, int(named["month"]), 15)
    if (named["part"] or "").upper() == "Q" and 1 <= number <= 4:
        return date(year, 3 * number - 1, 15)
    if (named["part"] or "").upper() == "H" and 1 <= number <= 2:
        return date(year, 6 * number - 2, 1)
    return date(year, 7, 1)


def _scales(questions: pl.DataFrame, policy: SurveyPolicy) -> dict[str, Scale]:
    """Questions with a closed scale; an open question has none and is not estimated."""
    scales = {}
    for row in questions.filter(pl.col("lowest").is_not_null() & pl.col("highest").is_not_null()).rows(named=True):
        codes = {
            state: [c.strip() for c in re.split("[,,、;;]", row.get(f"{state}_codes") or "") if c.strip()]
            for state in STATES
        }
        scales[row["question_id"]] = policy.scale(
            row["scale"], int(row["lowest"]), int(row["highest"]), is_reversed=bool(row["is_reversed"]), codes=codes
        )
    if not scales:
        raise StatisticsError("The wave has no question with a scale.", "本波次没有带量表的题目。")
    return scales


def _questions(questions: pl.DataFrame, scales: Mapping[str, Scale]) -> pl.DataFrame:
    kept = questions.filter(pl.col("question_id").is_in(list(scales))).unique("question_id", keep="first", maintain_order=True)  # fmt: skip
    usual = pl.when(pl.col("dimension") == "overall").then(pl.lit("outcome")).otherwise(pl.lit("driver"))
    wording = [
        wording_of(r["text"], r["lowest"], r["highest"], is_reversed=bool(r["is_reversed"]))
        for r in kept.rows(named=True)
    ]
    return kept.select(
        "question_id",
        "text",
        pl.col("dimension").fill_null("other"),
        pl.col("role").fill_null(usual),
        pl.col("scale"),
        pl.Series("wording", wording, dtype=pl.String),
    )


# ── weights ─────────────────────────────────────────────────────────────────────────────────────


def _weighted(
    samples: pl.DataFrame, margins: pl.DataFrame, policy: SurveyPolicy
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Respondents with their weight: the base weight, raised for the silent, raked to the margins if there are any."""
    notes: dict[str, str] = {}
    sampled = samples.unique("respondent_id", keep="first", maintain_order=True)
    answered = pl.col("outcome").is_null() | pl.col("outcome").is_in(ANSWERING)
    sampled = sampled.with_columns(answered.alias("_answered"))
    if not sampled["_answered"].any():
        raise StatisticsError("The wave has no respondent.", "本波次没有受访者。")
    design: dict[str, Any] = {
        "strata": _whole(sampled.filter("_answered"), "stratum"),
        "psu": _whole(sampled.filter("_answered"), "psu"),
    }
    design["fpc"] = _whole(sampled.filter("_answered"), "stratum_psus") if design["psu"] else None
    has_weight = _whole(sampled.filter("_answered"), "base_weight") is not None
    sampled = sampled.with_columns((pl.col("base_weight") if has_weight else pl.lit(1.0)).alias("base"))
    if not has_weight:
        notes["base_weight"] = "未提供基础权数，每人计 1。 · No base weights were sent: everybody counts 1."
    frame = _carrying_the_silent(sampled, design["strata"], notes)
    frame = frame.with_columns(pl.col("base").alias("weight"), *(pl.col(g).fill_null("unknown") for g in GROUPS))
    calibrated, n_trimmed = None, 0
    if margins.height:
        totals = margins_from(margins.select("margin", "category", "population"))
        for name in totals:
            if name not in frame.columns:
                raise StatisticsError(
                    f"Margin {name!r} is no field of the sample; use one of {name_some((*GROUPS, 'stratum', 'division_code'))}.",
                    f"边际 {name!r} 不是样本表的字段，请使用 {name_some((*GROUPS, 'stratum', 'division_code'))}。",
                )
        calibrated, n_trimmed = rake_trimmed(
            frame, "base", totals,
            upper=policy.number("trim_upper"), rounds=int(policy.number("trim_rounds")), spread_empty=True,
        )  # fmt: skip
        frame = frame.with_columns(calibrated.weight.alias("weight"))
        design |= {"base_weight": "base", "margins": list(totals)}
    else:
        notes["margins"] = "未提供总体边际，权数未校准。 · No population margins were sent: weights are not raked."
    return frame.drop("_answered"), {
        "design": {k: v for k, v in design.items() if v},
        "is_weighted": has_weight or calibrated is not None,
        "calibrated": calibrated,
        "n_trimmed": n_trimmed,
        "notes": notes,
    }


def _carrying_the_silent(sampled: pl.DataFrame, strata: str | None, notes: dict[str, str]) -> pl.DataFrame:
    """Respondents whose base weight carries the non-respondents of their stratum; of the wave where a stratum is silent."""
    if sampled["_answered"].all():
        return sampled
    stated = sampled["base"].null_count() == 0 and (strata is None or sampled[strata].null_count() == 0)
    if not stated:
        notes["nonresponse"] = (
            "未应答者缺少权数或层，未作无应答调整。 · Non-respondents have no weight or stratum: not adjusted for."
        )
        return sampled.filter("_answered")
    cells = [strata] if strata else []
    silent = sampled.group_by(cells).agg(pl.col("_answered").any()).filter(~pl.col("_answered")) if cells else sampled.clear()  # fmt: skip
    if silent.height:
        named = name_some(silent[cells[0]].sort())
        notes["nonresponse"] = (
            f"{named} 层无人应答，按全样本调整。 · Nobody answered in strata {named}: adjusted over the whole wave."
        )
    frame = sampled.with_columns(pl.lit("all").alias("_cell"))
    adjusted = adjust_nonresponse(frame, "base", "_answered", cells if cells and not silent.height else ["_cell"])
    return frame.with_columns(adjusted.alias("base")).filter("_answered").drop("_cell")


def _whole(frame: pl.DataFrame, column: str) -> str | None:
    """A design column counts if it is stated for everybody; stated for some only, the design is unknown."""
    missing = frame[column].null_count()
    if 0 < missing < frame.height:
        raise StatisticsError(
            f"{column} is missing for {missing} of {frame.height} respondents; state it for all or for none.",
            f"{frame.height} 名受访者中有 {missing} 名缺少 {column}；请全部填写或全部留空。",
        )
    return None if missing else column


# ── answers ─────────────────────────────────────────────────────────────────────────────────────


def _of_nobody(responses: pl.DataFrame, samples: pl.DataFrame, questions: pl.DataFrame) -> dict[str, str]:
    """What is said of answers that no estimate can hold: a list that came in two files is the second of them alone."""
    people = responses.join(samples, on="respondent_id", how="anti")["respondent_id"].n_unique()
    asked = responses.join(questions, on="question_id", how="anti")["question_id"].unique().sort()
    said = {}
    if people:
        said["unsampled"] = (
            f"{people} 名答题者不在样本表中，其答案未参与估计。样本表请在一个文件中报全。 · "
            f"{people} people who answered are in no sample list and are not estimated. Send the whole sample in one file."
        )
    if len(asked):
        said["unasked"] = (
            f"{len(asked)} 道题不在题目表中，其答案未参与估计：{name_some(asked)}。题目表请在一个文件中报全。 · "
            f"{len(asked)} questions are in no list of questions and are not estimated: {name_some(asked)}. Send all questions in one file."
        )
    return said


def _answers(
    responses: pl.DataFrame, respondents: pl.DataFrame, asked: pl.DataFrame, scales: Mapping[str, Scale]
) -> pl.DataFrame:
    kept = responses.filter(pl.col("question_id").is_in(list(scales))).select("respondent_id", "question_id", "answer")
    kept = kept.join(respondents.select("respondent_id"), on="respondent_id", how="semi")
    scored = score_answers(kept, "answer", "question_id", scales)
    place = (pl.col("position") - 1) / (pl.col("n_positions") - 1)
    return scored.with_columns(*box_columns(), promoter_column(), place.alias("place")).join(
        asked.select("question_id", "dimension", "scale", "role"), on="question_id", how="left", maintain_order="left"
    )


def _as_given(respondents: pl.DataFrame, asked: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """One row per respondent: seconds, and the value of every question in the order asked, before any is turned round."""
    items = asked["question_id"].to_list()
    wide = answers.pivot(on="question_id", index="respondent_id", values="value", aggregate_function="first")
    wide = wide.with_columns(pl.lit(None, pl.Float64).alias(i) for i in items if i not in wide.columns)
    return respondents.select("respondent_id", "seconds").join(wide, on="respondent_id", how="left", maintain_order="left")  # fmt: skip


def _copies_as_one_unit(
    respondents: pl.DataFrame, as_given: pl.DataFrame, flags: pl.DataFrame, weighting: dict[str, Any]
) -> pl.DataFrame:
    """Where no sampling units are stated, questionnaires that repeat one another are one unit: a copy adds no precision.

    Some files are weighted by repeating rows; taken for separate people they would make every interval too short.
    """
    copied = flags.filter(pl.col("rule") == "duplicate_answers")["respondent"]
    if "psu" in weighting["design"] or not len(copied):
        return respondents
    items = [c for c in as_given.columns if c not in ("respondent_id", "seconds")]
    vector = pl.concat_str([pl.col(i).cast(pl.String).fill_null("") for i in items], separator="|")
    unit = as_given.select(
        pl.when(pl.col("respondent_id").is_in(copied.implode())).then(vector).otherwise("respondent_id")
    )
    weighting["design"]["psu"] = "psu"
    units = unit.to_series().n_unique()
    weighting["notes"]["copies"] = (
        f"{respondents.height} 份答卷中不同的只有 {units} 份，相同答卷按一个抽样单元计。 · "
        f"{respondents.height} questionnaires are {units} different ones; the same answers count as one sampling unit."
    )
    return respondents.with_columns(unit.to_series().alias("psu"))


def _flags(
    samples: pl.DataFrame, as_given: pl.DataFrame, asked: pl.DataFrame, answers: pl.DataFrame, policy: SurveyPolicy
) -> pl.DataFrame:
    """Who did not answer with care, by rule. Answers are compared as given."""
    of_wave = quality_flags(
        as_given, "respondent_id", asked["question_id"].to_list(), seconds="seconds",
        run_share=policy.number("straight_line_share"), minimum_items=int(policy.number("straight_line_items")),
        speed_share=policy.number("speed_share"), missing_share=policy.number("missing_share"),
    )  # fmt: skip
    outside = answers.filter(pl.col("status") == "out_of_scale").select(
        respondent=pl.col("respondent_id"),
        rule=pl.lit("out_of_range"),
        value=pl.col("answer").cast(pl.Float64, strict=False),
        threshold=pl.lit(None, pl.Float64),
        evidence=pl.format("{} = {}", "question_id", pl.col("answer").str.slice(0, 20)),
    )
    twice = (
        samples.group_by(pl.col("respondent_id").alias("respondent")).agg(pl.len().cast(pl.Float64).alias("value"))
        .filter(pl.col("value") > 1)
        .select(
            "respondent", pl.lit("duplicate_respondent").alias("rule"), "value", pl.lit(1.0).alias("threshold"),
            pl.format("{} questionnaires under one respondent", pl.col("value").cast(pl.Int64)).alias("evidence"),
        )
    )  # fmt: skip
    parts = [part.select(pl.col(c).cast(t) for c, t in FLAG_SCHEMA.items()) for part in (of_wave, outside, twice)]
    return pl.concat(parts).sort("respondent", "rule")


def areas_of(codes: Iterable[str]) -> set[str]:
    """Every area that units with these national codes lie in."""
    return {code[:n] + "0" * (12 - n) for code in codes for n in DIGITS.values() if len(code) == 12}


def _with_areas(respondents: pl.DataFrame, unlisted: Collection[str]) -> pl.DataFrame:
    """Areas of national 12-digit codes by their levels; any other code is an area of its own."""
    code = respondents["division_code"]
    if code.null_count() == len(code):
        return respondents
    known = pl.col("division_code").fill_null("unknown")
    if not bool((code.drop_nulls().str.len_chars() == 12).all()):
        return respondents.with_columns(known.alias("area"))
    parts = {
        level: pl.when(known == "unknown").then(known).otherwise(known.str.head(n) + "0" * (12 - n)).alias(level)
        for level, n in DIGITS.items()
    }
    frame = respondents.with_columns(
        pl.when(part.is_in(list(unlisted))).then(pl.lit("unknown")).otherwise(part).alias(level)
        for level, part in parts.items()
    )
    # One city is the whole sample, and a level that only repeats the one above says nothing.
    useless = ["city"] if frame["city"].n_unique() == 1 else []
    useless += ["town"] if frame["town"].n_unique() == frame["county"].n_unique() else []
    return frame.drop(useless)
