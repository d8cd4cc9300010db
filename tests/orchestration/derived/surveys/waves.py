"""A small wave for the tests of this folder: two counties in four strata, two communities each, four questions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

TODAY = date(2026, 3, 1)
FEEDS = ("survey_questions", "survey_samples", "survey_responses", "survey_margins")
QUESTIONS = (
    ("Q1", "总体满意吗？", "overall", 1, 5, False),
    ("Q2", "医疗服务满意吗？", "health", 1, 5, False),
    ("Q3", "看病麻烦吗？", "health", 1, 5, True),
    ("Q4", "会推荐给亲友吗？", "transport", 0, 10, False),
)


def wave(name: str = "2026Q1", *, seed: int = 1, each: int = 30, shift: float = 0.0, day: date = date(2026, 2, 1)) -> dict[str, pl.DataFrame]:  # fmt: skip
    """Accepted rows of the four feeds; `shift` moves every answer of the five-point scales."""
    rng = np.random.default_rng(seed)
    people: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for county in ("990101", "990102"):
        for kind in ("urban", "rural"):
            for village in (1, 2):
                leaning = rng.normal(0, 0.3)
                for _ in range(each):
                    respondent = f"R{len(people):04d}"
                    code = f"{county}{1 if kind == 'urban' else 2:03d}{village:03d}"
                    people.append(
                        {
                            "wave": name, "respondent_id": respondent, "division_code": code,
                            "stratum": f"{county}-{kind}", "psu": code, "base_weight": 10.0 + village,
                            "stratum_psus": 20, "stratum_population": 1500 if kind == "urban" else 900,
                            "outcome": "complete", "sex": str(rng.choice(["1", "2"])),
                            "age_band": str(rng.choice(["18-44", "45+"])), "area_type": kind,
                            "mode": str(rng.choice(["web", "phone"])), "seconds": float(rng.integers(200, 400)),
                            "answered_on": day,
                        }
                    )  # fmt: skip
                    person = rng.normal(3.7 + shift + leaning, 0.6)
                    for question, *_, low, high, is_reversed in QUESTIONS:
                        share = np.clip((person + rng.normal(0, 0.6) - 1) / 4, 0, 1)
                        level = low + round(float(share) * (high - low))
                        answer = str(low + high - level if is_reversed else level)
                        answers.append({"wave": name, "respondent_id": respondent, "question_id": question, "answer": answer})  # fmt: skip
    questions = [
        {
            "wave": name, "question_id": q, "text": text, "dimension": dimension, "scale": None, "lowest": low, "highest": high,
            "dont_know_codes": "99", "refused_codes": "98", "not_asked_codes": None, "is_reversed": is_reversed, "role": None,
        }
        for q, text, dimension, low, high, is_reversed in QUESTIONS
    ]  # fmt: skip
    margins = [("sex", "1", 2400), ("sex", "2", 2400), ("area_type", "urban", 3000), ("area_type", "rural", 1800)]
    frames = {
        "survey_questions": pl.DataFrame(questions, schema_overrides=dict.fromkeys(["scale", "not_asked_codes", "role"], pl.String)),
        "survey_samples": pl.DataFrame(people),
        "survey_responses": pl.DataFrame(answers),
        "survey_margins": pl.DataFrame([{"wave": name, "margin": m, "category": c, "population": p} for m, c, p in margins]),
    }  # fmt: skip
    provenance = {"_feed": "f", "_sender": "s", "_receipt": name, "_row": 1, "_received_at": datetime(2026, 2, 2)}
    return {feed: frame.with_columns(pl.lit(v).alias(c) for c, v in provenance.items()) for feed, frame in frames.items()}  # fmt: skip


def answered(rows: dict[str, pl.DataFrame], question: str, answers: list[str | None]) -> dict[str, pl.DataFrame]:
    """The wave in which the first respondents gave these answers to a question; null: no row."""
    of_question = rows["survey_responses"].filter(pl.col("question_id") == question)
    given = pl.Series("answer", answers, dtype=pl.String)
    changed = of_question.with_columns(pl.concat([given, of_question["answer"][len(answers) :]]).alias("answer"))
    others = rows["survey_responses"].filter(pl.col("question_id") != question)
    return rows | {"survey_responses": pl.concat([others, changed.drop_nulls("answer")])}
