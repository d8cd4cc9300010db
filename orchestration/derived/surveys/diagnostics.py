"""The state of a wave: how many answered, what the weights had to do, which questionnaires look careless.

Belongs here: one row a fact, for people who decide whether to believe the estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from orchestration.derived.surveys.wave import Wave
from orchestration.statistics.weights import diagnose

SCHEMA: Mapping[str, Any] = {
    "wave": pl.String,
    "topic": pl.String,  # sample, weights, margin, quality, note
    "item": pl.String,
    "category": pl.String,  # of a margin; 'all' elsewhere
    "value": pl.Float64,
    "respondents": pl.Int64,
    "population": pl.Float64,
    "weighted_before": pl.Float64,
    "weighted_after": pl.Float64,
    "threshold": pl.Float64,
    "is_problem": pl.Boolean,
    "evidence": pl.String,
}
RULES = ("straight_lining", "speeding", "item_nonresponse", "duplicate_respondent", "duplicate_answers", "out_of_range")
KEY = ["wave", "topic", "item", "category"]


def diagnose_wave(wave: Wave) -> pl.DataFrame:
    """Columns `SCHEMA`, one row per topic, item and category."""
    rows = [*_sample(wave), *_weights(wave), *_margins(wave), *_quality(wave), *_notes(wave)]
    return pl.DataFrame([dict.fromkeys(SCHEMA) | {"wave": wave.name, "category": "all"} | r for r in rows], schema=SCHEMA).sort(KEY)  # fmt: skip


def undiagnosed(wave: str, reason: str) -> pl.DataFrame:
    """The one row of a wave that cannot be estimated."""
    row = {
        "wave": wave,
        "topic": "note",
        "item": "not_estimated",
        "category": "all",
        "is_problem": True,
        "evidence": reason,
    }
    return pl.DataFrame([dict.fromkeys(SCHEMA) | row], schema=SCHEMA)


def _sample(wave: Wave) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"topic": "sample", "item": f"outcome_{outcome}", "value": float(count)} for outcome, count in wave.outcomes.items()
    ]  # fmt: skip
    return [*rows, {"topic": "sample", "item": "response_rate", "value": wave.response_rate, "respondents": wave.respondents.height}]  # fmt: skip


def _weights(wave: Wave) -> list[dict[str, Any]]:
    facts: dict[str, Any] = diagnose(wave.respondents["weight"], wave.respondents["base"]).row(0, named=True)
    upper = wave.policy.number("trim_upper")
    facts |= {"n_trimmed": wave.n_trimmed, "is_weighted": float(wave.is_weighted)}
    limits = {"max_to_median": (upper, facts["max_to_median"] > upper * (1 + 1e-6))}
    if wave.calibrated is not None:
        converged = wave.calibrated.converged
        facts |= {"converged": float(converged), "iterations": wave.calibrated.iterations, "max_error": wave.calibrated.max_error}  # fmt: skip
        limits |= {"converged": (1.0, not converged)}
    return [
        {
            "topic": "weights", "item": item, "value": float(value), "respondents": wave.respondents.height,
            "threshold": limits.get(item, (None, False))[0], "is_problem": limits.get(item, (None, False))[1],
        }
        for item, value in facts.items()
    ]  # fmt: skip


def _margins(wave: Wave) -> list[dict[str, Any]]:
    if wave.calibrated is None:
        return []
    return [
        {
            "topic": "margin", "item": r["margin"], "category": r["category"], "respondents": r["respondents"],
            "population": r["population"], "weighted_before": r["before"], "weighted_after": r["after"], "is_problem": r["is_empty"],
            "evidence": "该类别无受访者，其人口分摊至其他类别。 · Nobody of this category answered; its population is spread over the others."
            if r["is_empty"] else None,
        }
        for r in wave.calibrated.margins.rows(named=True)
    ]  # fmt: skip


def _quality(wave: Wave) -> list[dict[str, Any]]:
    """How many respondents each rule flags, none included, and an example in words that names nobody."""
    rows: list[dict[str, Any]] = []
    for rule in RULES:
        found = wave.flags.filter(pl.col("rule") == rule)
        flagged = found["respondent"].n_unique()
        example = found["evidence"].sort()[0].split(", first ")[0] if found.height else None
        threshold = found["threshold"][0] if found.height else None
        rows.append(
            {
                "topic": "quality", "item": rule, "respondents": flagged, "value": flagged / wave.respondents.height,
                "threshold": threshold, "is_problem": False, "evidence": example,
            }
        )  # fmt: skip
    anyhow = wave.flags["respondent"].n_unique()
    return [*rows, {"topic": "quality", "item": "any_rule", "respondents": anyhow, "value": anyhow / wave.respondents.height}]  # fmt: skip


def _notes(wave: Wave) -> list[dict[str, Any]]:
    return [{"topic": "note", "item": item, "is_problem": True, "evidence": text} for item, text in wave.notes.items()]
