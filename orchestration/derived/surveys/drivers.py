"""What goes with the outcome of a wave: a driver's share of what is explained, beside how it performs.

Belongs here: which dimensions drive which outcome. Shares are of association in one wave, not of effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from contracts.loading import words
from orchestration.derived.surveys.scores import SEPARATOR, column, respondent_scores
from orchestration.derived.surveys.wave import Wave
from orchestration.statistics.drivers import cronbach_alpha, importance_performance, lmg
from orchestration.statistics.errors import StatisticsError

SCHEMA: Mapping[str, Any] = {
    "wave": pl.String,
    "outcome": pl.String,  # a question whose role is outcome
    "driver": pl.String,  # a dimension whose questions are drivers
    "outcome_text": pl.String,
    "n_questions": pl.Int64,
    "n": pl.Int64,
    "n_incomplete": pl.Int64,
    "r2": pl.Float64,
    "r2_part": pl.Float64,
    "importance": pl.Float64,
    "importance_lo": pl.Float64,
    "importance_hi": pl.Float64,
    "performance": pl.Float64,
    "quadrant": pl.String,
    "alpha": pl.Float64,
    "alpha_n": pl.Int64,
    "alpha_null_reason": pl.String,
    "null_reason": pl.String,
}


def drive_wave(wave: Wave) -> pl.DataFrame:
    """Columns `SCHEMA`, one row per outcome and driver; a decomposition that is refused keeps its rows and says why."""
    frame = respondent_scores(wave)
    outcomes = wave.questions.filter(pl.col("role") == "outcome")
    dimensions = wave.questions.filter(pl.col("role") == "driver")["dimension"].unique().sort().to_list()
    names = {column("score", d): d for d in dimensions if column("score", d) in frame.columns}
    parts = [pl.DataFrame(schema=SCHEMA)]
    reliability = _reliability(wave, frame, list(names.values()))
    for question in outcomes.rows(named=True):
        y = column("score", question["dimension"], question["question_id"])
        if y not in frame.columns or not names:
            continue
        shares, facts = _shares(wave, frame, y, names)
        table = shares.with_columns(pl.col("driver").replace_strict(names)).join(reliability, on="driver", how="left")
        table = table.with_columns(
            pl.lit(wave.name).alias("wave"),
            pl.lit(question["question_id"]).alias("outcome"),
            pl.lit(question["text"]).alias("outcome_text"),
            *(pl.lit(value).alias(name) for name, value in facts.items()),
        )
        parts.append(table.select(pl.col(c).cast(t) for c, t in SCHEMA.items()))
    return pl.concat(parts).sort("wave", "outcome", "driver")


def _shares(wave: Wave, frame: pl.DataFrame, y: str, names: Mapping[str, str]) -> tuple[pl.DataFrame, dict[str, Any]]:
    try:
        found = lmg(
            frame, y, list(names), "weight", wave.design.get("strata"), wave.design.get("psu"),
            replicates=int(wave.policy.number("driver_replicates")), confidence=wave.policy.number("confidence"),
            minimum_n=int(wave.policy.number("driver_minimum_n")), n_per_driver=int(wave.policy.number("driver_n_each")),
        )  # fmt: skip
    except StatisticsError as error:  # fewer than two drivers, or too few sampling units to resample
        empty = dict.fromkeys(["lmg", "share", "lo", "hi", "performance"], pl.lit(None, pl.Float64))
        shares = pl.DataFrame({"driver": list(names)}).with_columns(**empty, quadrant=pl.lit(None, pl.String))
        return _published(shares), {
            "n": None, "n_incomplete": None, "r2": None, "null_reason": _in_words(str(error), wave, y, names),
        }  # fmt: skip
    shares = importance_performance(found.shares)
    refused = found.refused and _in_words(found.refused, wave, y, names)
    facts = {"n": found.n, "n_incomplete": found.n_incomplete, "r2": found.r2, "null_reason": refused}
    return _published(shares), facts


def _in_words(reason: str, wave: Wave, y: str, names: Mapping[str, str]) -> str:
    """A reason "中文 · English" with drivers by the names of their dimensions, and the outcome by its text, in place of columns."""
    (asked,) = wave.questions.filter(pl.col("question_id") == y.rsplit(SEPARATOR, 1)[1])["text"]
    called = {c: words("survey_dimensions").get(d, f"{d} · {d}") for c, d in names.items()}
    called[y] = f"{asked} · {asked}"
    zh, _, en = reason.partition(" · ")
    for name, (of_zh, _, of_en) in ((c, n.partition(" · ")) for c, n in called.items()):
        for spelled in (name, repr(name)[1:-1]):
            zh, en = zh.replace(spelled, of_zh), en.replace(spelled, of_en)
    return f"{zh} · {en}"


def _published(shares: pl.DataFrame) -> pl.DataFrame:
    return shares.rename({"lmg": "r2_part", "share": "importance", "lo": "importance_lo", "hi": "importance_hi"})


def _reliability(wave: Wave, frame: pl.DataFrame, dimensions: list[str]) -> pl.DataFrame:
    """Cronbach's α of every dimension over the respondents who answered all of its questions."""
    rows = []
    for dimension in dimensions:
        asked = wave.questions.filter(pl.col("dimension") == dimension)["question_id"]
        items = [c for q in asked if (c := column("score", dimension, q)) in frame.columns]
        whole = cronbach_alpha(frame, items, "weight").row(0, named=True)
        rows.append((dimension, len(items), whole["alpha"], whole["n"], whole["reason"]))
    schema = {
        "driver": pl.String, "n_questions": pl.Int64, "alpha": pl.Float64, "alpha_n": pl.Int64,
        "alpha_null_reason": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")
