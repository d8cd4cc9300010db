"""One wave of the residents' satisfaction survey: questions, sample, answers, margins.

A stratified two-stage design: strata are county × urban/rural, communities are the sampling units, adults within.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import polars as pl

from demo import people
from demo.city import City, rows_at
from demo.files import Form, Parcel
from demo.plan import Plan
from demo.spoil import Fault, full_width

SAMPLE = 5.0  # a community
PER_UNIT = 20  # sampled people in one sampling unit
ADULT_SHARE = 0.8
DONT_KNOW = "9"
# question, wording, dimension, mean on 1–5 in towns, in villages, reversed
QUESTIONS = (
    ("Q01", "总体来说，您对本市公共服务满意吗？", "overall", 3.9, 3.7, False),
    ("Q02", "您对家附近的医疗服务满意吗？", "health", 3.9, 3.4, False),
    ("Q03", "您对孩子就读的学校满意吗？", "education", 4.0, 3.7, False),
    ("Q04", "您对养老服务满意吗？", "elderly_care", 3.6, 3.3, False),
    ("Q05", "您对公共文化活动满意吗？", "culture", 3.8, 3.5, False),
    ("Q06", "您对体育健身场地满意吗？", "sports", 3.7, 3.2, False),
    ("Q07", "您对政务服务大厅满意吗？", "government_service", 4.2, 4.0, False),
    ("Q08", "您对社区工作者的服务满意吗？", "community", 4.1, 4.1, False),
    ("Q09", "您对公共交通满意吗？", "transport", 3.8, 3.1, False),
    ("Q10", "您对环境卫生满意吗？", "environment", 3.7, 3.6, False),
    ("Q11", "办事时您遇到的麻烦多吗？", "government_service", 3.9, 3.7, True),
    ("Q12", "您信任本市的公共服务部门吗？", "trust", 3.9, 4.0, False),
)
AGE_BANDS = {"18-29": 0.17, "30-44": 0.28, "45-59": 0.29, "60+": 0.26}
MODES = {"face_to_face": 0.4, "phone": 0.35, "web": 0.25}


def parcels(plan: Plan, city: City) -> Iterator[Parcel]:
    """The four files of the wave, received together two thirds into the demo's time."""
    wave = f"{plan.until.year}Q1"
    day = plan.first + timedelta(days=plan.days * 2 // 3)
    adults = city.communities.with_columns(
        (pl.col("population") * ADULT_SHARE).round().cast(pl.Int64).alias("adults"),
        pl.format("{}-{}", pl.col("county_code").str.slice(0, 6), "area_type").alias("stratum"),
    )
    sample = _sample(plan, adults, wave, day)
    answers = _answers(plan, sample)
    forms = {
        "survey_questions": (_questions(wave), Form("xlsx", title="示范市公共服务满意度调查题目表"), ()),
        "survey_samples": (sample.select(SAMPLE_FIELDS), Form("csv"), SAMPLE_FAULTS),
        "survey_responses": (answers, Form("csv", gzip=True), ANSWER_FAULTS),
        "survey_margins": (_margins(adults, wave), Form("csv", encoding="utf-16"), ()),
    }
    for minutes, (table, (frame, form, faults)) in enumerate(forms.items()):
        suffix = {"xlsx": "xlsx", "csv": "csv.gz" if form.gzip else "csv"}[form.kind]
        yield Parcel(
            feed=f"evaluation.{table}",
            name=f"{wave}_{table}.{suffix}",
            received_at=plan.night_after(day, 20 + minutes),
            frame=frame,
            form=form,
            faults=faults,
        )


SAMPLE_FIELDS = (
    "wave", "respondent_id", "division_code", "stratum", "psu", "base_weight", "stratum_psus", "stratum_population",
    "outcome", "sex", "age_band", "area_type", "mode", "seconds", "answered_on", "phone",
)  # fmt: skip
SAMPLE_FAULTS = (
    Fault("sex", "not_in_code_list", "男士"),
    Fault("base_weight", "below_minimum", "-1"),
    Fault("mode", "not_in_code_list", "walk"),
    Fault("seconds", "repaired", lambda text: f"{text}秒", among=pl.col("seconds").is_not_null()),
    Fault("respondent_id", "repaired", full_width),
)
ANSWER_FAULTS = (
    Fault("answer", "required_missing", None),
    Fault("question_id", "unknown_reference", "Q99"),
    Fault("", "too_many_cells"),
)


def _questions(wave: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "wave": [wave] * len(QUESTIONS),
            "question_id": [q[0] for q in QUESTIONS],
            "text": [q[1] for q in QUESTIONS],
            "dimension": [q[2] for q in QUESTIONS],
            "scale": ["five_point"] * len(QUESTIONS),
            "lowest": [1] * len(QUESTIONS),
            "highest": [5] * len(QUESTIONS),
            "dont_know_codes": [DONT_KNOW] * len(QUESTIONS),
            "is_reversed": [q[5] for q in QUESTIONS],
        }
    )


def _sample(plan: Plan, adults: pl.DataFrame, wave: str, day: date) -> pl.DataFrame:
    """Sampled people with their design; communities of a stratum are drawn with equal chance, people within too."""
    rng = plan.rng("survey", "sample")
    units = max(2 * adults["stratum"].n_unique(), plan.scaled(SAMPLE) // PER_UNIT)
    parts = []
    for stratum in adults.partition_by("stratum", maintain_order=True):
        n = min(stratum.height, max(2, round(units * _total(stratum) / _total(adults))))
        drawn = rows_at(stratum, np.sort(rng.permutation(stratum.height)[:n]))
        parts.append(
            drawn.with_columns(
                pl.lit(stratum.height).alias("stratum_psus"),
                pl.lit(_total(stratum)).alias("stratum_population"),
                pl.lit(n).alias("drawn"),
            )
        )
    chosen = pl.concat(parts)
    want = plan.scaled(SAMPLE)
    each = np.diff(np.round(np.linspace(0, want, chosen.height + 1)).astype(int))
    sample = rows_at(chosen.with_columns(pl.Series("each", each)), np.repeat(np.arange(chosen.height), each))
    n = sample.height
    return sample.with_columns(
        pl.lit(wave).alias("wave"),
        pl.Series("respondent_id", [f"R{i:06d}" for i in range(1, n + 1)]),
        pl.col("code").alias("division_code"),
        pl.col("code").alias("psu"),
        (pl.col("stratum_psus") / pl.col("drawn") * pl.col("adults") / pl.col("each")).round(4).alias("base_weight"),
        pl.Series(
            "outcome", rng.choice(["complete", "partial", "refused", "no_contact"], n, p=[0.72, 0.04, 0.12, 0.12])
        ),
        pl.Series("sex", rng.choice(["1", "2"], n, p=[0.47, 0.53])),
        pl.Series("age_band", rng.choice(list(AGE_BANDS), n, p=list(AGE_BANDS.values()))),
        pl.Series("mode", rng.choice(list(MODES), n, p=list(MODES.values()))),
        pl.Series("seconds", np.round(rng.lognormal(6.1, 0.35, n)).astype(int)),
        pl.lit(day).alias("answered_on"),
        pl.Series("phone", people.mobiles(rng, n)),
        pl.Series("leaning", rng.normal(0, 0.6, n)),
        pl.Series("is_straight", rng.random(n) < 0.025),
    ).with_columns(pl.when(pl.col("outcome").is_in(["complete", "partial"])).then("seconds").alias("seconds"))


def _answers(plan: Plan, sample: pl.DataFrame) -> pl.DataFrame:
    """A row per answer given; straight-liners answer 4 to everything, the reversed question included."""
    rng = plan.rng("survey", "answers")
    who = sample.filter(pl.col("outcome").is_in(["complete", "partial"]))
    n = who.height
    urban = (who["area_type"] == "urban").to_numpy()
    places = who["psu"].unique().sort()
    effects = dict(zip(places, rng.normal(0, 0.25, places.len()), strict=True))
    shared = who["leaning"].to_numpy() + np.array([effects[p] for p in who["psu"]])
    parts = []
    for i, (question, _, _, town, village, is_reversed) in enumerate(QUESTIONS):
        latent = np.where(urban, town, village) + shared + rng.normal(0, 0.7, n)
        level = np.clip(np.round(latent), 1, 5).astype(int)
        level = np.where(who["is_straight"].to_numpy(), 4, 6 - level if is_reversed else level)
        dont_know = ~who["is_straight"].to_numpy() & (rng.random(n) < (0.02 if i != 3 else 0.18))
        answered = (who["outcome"] == "complete").to_numpy() | (i < 7)
        parts.append(
            pl.DataFrame(
                {
                    "wave": who["wave"],
                    "respondent_id": who["respondent_id"],
                    "question_id": [question] * n,
                    "answer": np.where(dont_know, DONT_KNOW, level.astype(str)),
                }
            ).filter(pl.Series(answered))
        )
    return pl.concat(parts)


def _margins(adults: pl.DataFrame, wave: str) -> pl.DataFrame:
    """Adults by sex, age band, area type and stratum; every margin adds up to the same total."""
    total = _total(adults)
    rows = [("sex", "1", total * 493 // 1000), ("sex", "2", total - total * 493 // 1000)]
    bands = {band: int(total * share) for band, share in AGE_BANDS.items()}
    bands["60+"] += total - sum(bands.values())
    rows += [("age_band", band, count) for band, count in bands.items()]
    for margin in ("area_type", "stratum"):
        counts = adults.group_by(margin).agg(pl.col("adults").sum()).sort(margin)
        rows += [(margin, *row) for row in counts.iter_rows()]
    frame = pl.DataFrame(rows, schema=["margin", "category", "population"], orient="row")
    return frame.select(pl.lit(wave).alias("wave"), "margin", "category", "population")


def _total(communities: pl.DataFrame) -> int:
    return int(communities["adults"].sum())
