"""Shares of R² by their definition, with honest refusals; reliability and quadrants."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contracts.loading import load_products
from orchestration.statistics.drivers import cronbach_alpha, importance_performance, lmg
from orchestration.statistics.errors import StatisticsError

NAMES = ["speed", "fairness", "access", "outcome"]


def answers(n: int = 300, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 1, n)
    x = {name: 60 + 10 * (common * 0.6 + rng.normal(0, 1, n)) for name in NAMES}
    y = 0.5 * x["speed"] + 0.2 * x["fairness"] + 0.1 * x["access"] + rng.normal(0, 6, n)
    return pl.DataFrame(x).with_columns(overall=y, w=rng.uniform(0.5, 3, n), h=np.arange(n) % 3, p=np.arange(n) % 30)


def _r2(frame: pl.DataFrame, columns: list[str]) -> float:
    w = np.sqrt(frame["w"].to_numpy())
    y = frame["overall"].to_numpy()
    x = np.column_stack([np.ones(len(y)), *[frame[c].to_numpy() for c in columns]])
    residual = (y - x @ np.linalg.lstsq(x * w[:, None], y * w, rcond=None)[0]) * w
    centred = (y - np.average(y, weights=w**2)) * w
    return 1 - float(residual @ residual) / float(centred @ centred)


def test_lmg_is_the_mean_gain_over_all_orders_and_sums_to_r2() -> None:
    frame = answers()
    gains = dict.fromkeys(NAMES, 0.0)
    orders = list(permutations(NAMES))
    for order in orders:
        for i, name in enumerate(order):
            gains[name] += (_r2(frame, list(order[: i + 1])) - _r2(frame, list(order[:i]))) / len(orders)
    result = lmg(frame, "overall", NAMES, "w", replicates=20)
    assert dict(result.shares.select("driver", "lmg").rows()) == pytest.approx(gains, rel=1e-9)
    assert result.r2 == pytest.approx(_r2(frame, NAMES))
    assert result.shares["lmg"].sum() == pytest.approx(result.r2)
    assert result.shares["share"].sum() == pytest.approx(1)


def test_bootstrap_intervals_hold_the_share_and_can_be_repeated() -> None:
    first, again = (lmg(answers(), "overall", NAMES, "w", "h", "p", replicates=100, seed=3) for _ in range(2))
    assert first.shares.equals(again.shares)
    assert first.shares.filter(~pl.col("share").is_between("lo", "hi")).is_empty()
    wide = lmg(answers(n=100), "overall", NAMES, "w", replicates=100).shares
    narrow = lmg(answers(n=3000), "overall", NAMES, "w", replicates=100).shares
    assert (wide["hi"] - wide["lo"]).mean() > 3 * (narrow["hi"] - narrow["lo"]).mean()


def test_bootstrap_intervals_cover_the_share_of_the_population() -> None:
    population = lmg(answers(n=100_000, seed=9), "overall", NAMES, "w", replicates=1).shares
    inside = []
    for seed in range(40):
        shares = lmg(answers(n=400, seed=seed + 50), "overall", NAMES, "w", replicates=60, seed=seed).shares
        inside.append(((shares["lo"] <= population["share"]) & (population["share"] <= shares["hi"])).mean())
    assert 0.9 <= np.mean(inside) <= 0.99


@pytest.mark.parametrize(
    ("frame", "drivers", "reason"),
    [
        (answers(n=30), NAMES, "30 complete answers; 50 needed"),
        (answers().with_columns(access=pl.lit(3.0)), NAMES, "all answers to access are equal"),
        (answers().with_columns(access=pl.col("speed") + pl.col("fairness")), NAMES, "combinations of one another"),
        (
            answers().with_columns(pl.lit(1.0).alias(f"x{i}") for i in range(13)),
            [f"x{i}" for i in range(13)],
            "at most 12",
        ),
        (answers().with_columns(overall=pl.int_range(pl.len()) * 37 % 101), NAMES, "may be chance"),
        (answers().with_columns(h=pl.when(pl.col("p") == 0).then(9).otherwise("h")), NAMES, "one PSU"),
    ],
)
def test_a_sample_that_cannot_carry_it_is_refused_with_the_reason(
    frame: pl.DataFrame, drivers: list[str], reason: str
) -> None:
    result = lmg(frame, "overall", drivers, "w", "h", "p")
    assert result.refused is not None
    assert reason in result.refused
    chinese, _, english = result.refused.partition(" · ")
    assert any("\u4e00" <= sign <= "\u9fff" for sign in chinese)
    assert not any("\u4e00" <= sign <= "\u9fff" for sign in english)
    assert result.r2 is None
    assert result.shares["share"].null_count() == len(drivers)
    assert result.shares["performance"].null_count() == 0


def test_incomplete_answers_are_counted() -> None:
    frame = answers().with_columns(access=pl.when(pl.int_range(pl.len()) > 9).then("access"))
    result = lmg(frame, "overall", NAMES, "w", replicates=5)
    assert (result.n, result.n_incomplete) == (290, 10)


def test_one_driver_or_a_driver_twice_is_a_mistake() -> None:
    with pytest.raises(StatisticsError, match="at least two different drivers"):
        lmg(answers(), "overall", ["speed", "speed"], "w")


def test_cronbach_alpha_of_parallel_items_and_without_each() -> None:
    frame = pl.DataFrame({"a": [1, 2, 3, 4, 5], "b": [1, 2, 3, 4, 5], "c": [5, 1, 4, 2, 3]})
    alpha = dict(cronbach_alpha(frame, ["a", "b", "c"]).select("item", "alpha").rows())
    items, total = 3 * 2.5, np.var([7, 5, 10, 10, 13], ddof=1)
    assert alpha[None] == pytest.approx(3 / 2 * (1 - items / total))
    assert alpha["c"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (pl.DataFrame({"a": [1.0, 2.0]}), "too_few_items"),
        (pl.DataFrame({"a": [1.0, None], "b": [1.0, 2.0]}), "too_few_answers"),
        (pl.DataFrame({"a": [1.0, 1.0], "b": [2.0, 2.0]}), "no_variance"),
    ],
)
def test_no_alpha_without_a_reason(frame: pl.DataFrame, reason: str) -> None:
    row = cronbach_alpha(frame, frame.columns).row(0, named=True)
    assert row["alpha"] is None
    assert row["reason"] == reason
    assert reason in load_products()["survey_driver"].by_name["alpha_null_reason"].enum


def test_quadrants() -> None:
    shares = pl.DataFrame({"driver": list("abcd"), "share": [0.4, 0.4, 0.1, 0.1], "performance": [50, 80, 50, 80]})
    assert importance_performance(shares)["quadrant"].to_list() == [
        "concentrate_here", "keep_up", "low_priority", "possible_overkill",
    ]  # fmt: skip


def test_drivers_of_the_quality_of_services_in_the_san_diego_survey(shared_data: Path) -> None:
    """Don't-knows are incomplete answers, so services that few residents know are left out here."""
    answers = pl.read_csv(shared_data / "survey" / "san_diego_2015_responses.csv", infer_schema_length=None)
    names = [f"Q3_{i}" for i in (2, 3, 5, 6, 8, 9, 11, 12)]
    scores = [pl.when(pl.col(c).is_between(1, 5)).then((pl.col(c) - 1) * 25).alias(c) for c in ["Q2_6", *names]]
    result = lmg(answers.select(scores).with_columns(w=1.0), "Q2_6", names, "w", replicates=50)
    assert result.refused is None
    assert 800 < result.n < answers.height
    assert 0.2 < (result.r2 or 0) < 0.7
    assert result.shares["share"].sum() == pytest.approx(1)
    assert importance_performance(result.shares)["quadrant"].null_count() == 0


def test_a_mean_of_equal_answers_is_that_answer() -> None:
    """The quotient of two sums was 100.00000000000001 of 100 points, which no table may hold."""
    rng = np.random.default_rng(1)
    for n in range(10, 60):
        frame = pl.DataFrame({"w": rng.random(n) * 1000, "y": rng.random(n), "a": [100.0] * n, "b": rng.random(n)})
        found = lmg(frame, "y", ["a", "b"], "w", minimum_n=1000)
        assert found.shares["performance"][0] == 100.0
