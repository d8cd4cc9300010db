"""Every public function, called with each argument spoilt in turn: an error with a sentence, never a number or a KeyError."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from designs import TOTALS_A, random_design

from orchestration import statistics
from orchestration.statistics import StatisticsError, replicate_weights

FRAME = random_design(1).with_columns(
    wave=pl.int_range(pl.len()) % 2, r=pl.int_range(pl.len()) % 5 > 0, b0=pl.col("w"), prob=pl.lit(0.5)
)
AREAS = pl.DataFrame(
    {"mean": [60.0, 65, 70, 62, 75], "se": [3.0, 4, 2, 3, 5], "x": [1.0, 2, 3, 4, 5], "d": [3.0, 3, 2, 4, 5]}
)
SAMPLE: dict[str, Any] = {"frame": FRAME, "y": "y", "weight": "w", "strata": "h", "psu": "p", "fpc": "N", "confidence": 0.95, "calibration": "raking"}  # fmt: skip
CHANGE: dict[str, Any] = {"frame": FRAME, "y": "y", "weight": "w", "strata": "h", "psu": "p", "confidence": 0.9, "minimum_df": 1}  # fmt: skip
COUNTS: dict[str, Any] = {"successes": [3.0, 4, 5, 6, 7], "n": [9.0, 9, 9, 9, 9], "confidence": 0.95}
SHARE: dict[str, Any] = {"p": 0.5, "se": 0.1, "n": 40, "df": 7, "confidence": 0.95}
RANKED: dict[str, Any] = {"estimate": [1.0, 2, 3], "se": [1.0, 1, 1], "df": [5, 5, 5], "confidence": 0.95}
# Function → a call that works; text of a call is a column or a word, a list is of numbers.
CALLS: dict[str, dict[str, Any]] = {
    "adjust_nonresponse": {"frame": FRAME, "weight": "w", "responded": "r", "cells": "h"},
    "base_weights": {"frame": FRAME, "probabilities": ["prob"]},
    "benjamini_hochberg": {"p": [0.1, 0.2], "rate": 0.05},
    "calibrate": {"frame": FRAME, "weight": "w", "totals": {"x": float((FRAME["x"] * FRAME["w"]).sum()) * 1.01}},
    "cronbach_alpha": {"frame": FRAME, "items": ["y", "x"], "weight": "w"},
    "diagnose": {"weights": FRAME["w"]},
    "empirical_bayes_rates": COUNTS | {"prior": "moments", "design_effect": 1.5},
    "estimate_change": CHANGE | {"wave": "wave", "previous": 0, "current": 1},
    "estimate_difference": CHANGE | {"group": "wave", "baseline": 0, "comparison": 1},
    "estimate_mean": SAMPLE | {"srs": "wr"},
    "estimate_proportion": SAMPLE | {"y": "yes", "method": "wilson", "srs": "wr"},
    "estimate_quantiles": SAMPLE | {"probabilities": [0.5]},
    "estimate_ratio": SAMPLE | {"x": "x", "srs": "wr"},
    "estimate_total": SAMPLE | {"minimum_df": 1},
    "fay_herriot": {"frame": AREAS, "estimate": "mean", "se": "se", "covariates": ["x"], "df": "d", "confidence": 0.95},
    "gini": {"resource": [1.0, 2], "people": [1.0, 2]},
    "kish": {"weights": [1.0, 2]},
    "korn_graubard": SHARE,
    "lorenz_curve": {"resource": [1.0, 2], "people": [1.0, 2]},
    "marginal_rank_intervals": RANKED,
    "post_stratify": {"frame": FRAME, "weight": "w", "cell": "a", "totals": TOTALS_A},
    "rake": {"frame": FRAME, "weight": "w", "margins": {"a": TOTALS_A}},
    "rank_intervals": RANKED,
    "rank_rates": COUNTS,
    "replicate_weights": {"frame": FRAME, "weight": "w", "strata": "h", "psu": "p", "method": "bootstrap", "replicates": 5},
    "satterthwaite": {"variances": [1.0, 2.0], "dfs": [3.0, 4.0]},
    "theil_l": {"resource": [1.0, 2], "people": [1.0, 2], "base": 10.0},
    "theil_t": {"resource": [1.0, 2], "people": [1.0, 2]},
    "trim": {"weights": FRAME["w"], "upper": 3.0},
    "weighted_k_anonymity": {"frame": FRAME.with_columns(w=pl.col("w") + 1), "quasi_identifiers": ["a"], "weight": "w", "k": 5},
    "wilson": COUNTS,
}  # fmt: skip
# Tried by name in test_bad_input.py, or made of functions that are tried here.
ELSEWHERE = {
    "Replicates", "Scale", "StatisticsError", "change_covariances", "estimate_by_replicates", "estimate_means",
    "estimate_proportions", "importance_performance", "lmg", "quality_flags", "rake_trimmed", "score_answers",
}  # fmt: skip
# A null is a state of its own there: nobody answered, not tested, not ranked, no direct estimate.
NULL_IS_A_STATE = {("benjamini_hochberg", "p"), *((f, a) for f in ("rank_intervals", "marginal_rank_intervals") for a in RANKED), ("rank_rates", "successes"), ("rank_rates", "n")}  # fmt: skip
MAY_BE_LEFT_OUT = {("cronbach_alpha", "weight")}
VALUE_COLUMNS = ("y", "x", "w", "N", "weight", "estimate", "se", "fpc")


def spoilt(name: str, call: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for argument, value in call.items():
        if isinstance(value, str):
            for other in (
                f"{value}?",
                3,
                *(() if (name, argument) in MAY_BE_LEFT_OUT or argument in ("strata", "psu", "fpc", "df") else (None,)),
            ):
                yield f"{argument} {other}", call | {argument: other}
            if argument == "responded":
                for bad in (pl.lit("yes"), pl.lit(0.5), pl.lit(None, pl.Boolean)):
                    yield f"responded {bad}", call | {"frame": call["frame"].with_columns(bad.alias(value))}
            if argument in ("y", "x", "weight", "fpc", "estimate", "se") and value in call["frame"].columns:
                frame, kind = call["frame"], pl.Float64
                for what, bad in (
                    ("text", pl.lit("many")),
                    ("infinite", pl.lit(float("inf"))),
                    ("infinite when squared", pl.lit(1e200)),
                    ("NaN", pl.lit(float("nan"))),
                ):
                    # A direct estimate that is NaN is one that is not there.
                    if not (name == "fay_herriot" and what == "NaN"):
                        yield f"{argument} {what}", call | {"frame": frame.with_columns(bad.alias(value))}
                if argument == "weight":
                    yield "weight null", call | {"frame": frame.with_columns(pl.lit(None, kind).alias(value))}
        elif isinstance(value, list) and isinstance(value[0], float | int):
            states = {"text": "many", "infinite": float("inf"), "infinite when squared": 1e200, "endless": 10**400, "complex": 1j} | ({} if (name, argument) in NULL_IS_A_STATE else {"null": None})  # fmt: skip
            for what, bad in states.items():
                yield f"{argument} {what}", call | {argument: [bad, *value[1:]]}
            if sum(isinstance(other, list) for other in call.values()) > 1:
                yield f"{argument} too long", call | {argument: [*value, value[0]]}
        elif (
            isinstance(value, float | int)
            and not isinstance(value, bool)
            and argument not in ("previous", "current", "baseline", "comparison")
        ):
            for bad in ("many", None, float("inf"), float("nan"), -1, 10**400, 1j):
                yield f"{argument} {bad}", call | {argument: bad}
            if argument in ("confidence", "p", "rate"):
                yield f"{argument} 95", call | {argument: 95}
        elif isinstance(value, pl.DataFrame):
            yield "no frame", call | {argument: {"y": [1]}}


CASES = [(name, what, bad) for name, call in CALLS.items() for what, bad in spoilt(name, call)]


def test_every_public_function_is_tried() -> None:
    assert set(statistics.__all__) == set(CALLS) | ELSEWHERE


@pytest.mark.parametrize("name", CALLS)
def test_the_call_itself_works(name: str) -> None:
    getattr(statistics, name)(**CALLS[name])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "what", "bad"), CASES, ids=[f"{name}: {what}" for name, what, _ in CASES])
def test_a_spoilt_argument_is_refused_with_a_sentence(name: str, what: str, bad: dict[str, Any]) -> None:
    with pytest.raises(StatisticsError) as refused:
        getattr(statistics, name)(**bad)
    assert any("一" <= sign <= "鿿" for sign in refused.value.chinese)


def test_a_statistic_that_is_no_number_in_some_replicate_is_refused() -> None:
    replicates = replicate_weights(FRAME, "w", "h", "p")
    odd: Callable[[pl.DataFrame, Any], float] = lambda frame, w: float("nan") if (w == 0).any() else 1.0  # noqa: E731
    for found in (
        lambda: statistics.estimate_by_replicates(FRAME, odd, replicates),
        lambda: statistics.estimate_by_replicates(FRAME.head(3), odd, replicates),
    ):
        with pytest.raises(StatisticsError):
            found()
    assert np.isfinite(replicates.weights).all()
