"""With two, three, six and twelve sampling units a district: what intervals, verdicts and changes are worth.

Known truth, 500 draws of six districts of 80 communities each, seeds 0 to 499; figures in docs/surveys.md.
"""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from orchestration.derived.surveys.policy import survey_policy
from orchestration.statistics import estimate_change, estimate_mean, estimate_proportion, fay_herriot
from orchestration.statistics.intervals import LEAST_UNITS, empirical_bayes_rates

pytestmark = pytest.mark.slow

DRAWS, DISTRICTS, COMMUNITIES, PEOPLE = 500, 6, 80, 15
BAD_LINE, TRUE_SHARE = 0.9, 0.9  # every district stands on the line: each verdict "bad" is false
UNITS = (2, 3, 6, 12)
RATE = 0.025  # of false "bad" verdicts: one side of a 95 % interval


@cache
def drawn(units: int) -> tuple[np.ndarray, pl.DataFrame, np.ndarray]:
    """All draws as one frame, a draw and district a stratum: the design of one sample each."""
    rng = np.random.default_rng(20_260_301)
    share = np.clip(rng.normal(0, 0.06, (DISTRICTS, COMMUNITIES)), -0.09, 0.09)
    share += TRUE_SHARE - share.mean(axis=1, keepdims=True)
    level = rng.normal(70, 6, (DISTRICTS, COMMUNITIES))
    chosen, answers, points = [], [], []
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        picked = np.array([rng.choice(COMMUNITIES, units, replace=False) for _ in range(DISTRICTS)])
        at = np.arange(DISTRICTS)[:, None]
        chosen.append(picked)
        answers.append(rng.random((DISTRICTS, units, PEOPLE)) < share[at, picked][..., None])
        points.append(level[at, picked][..., None] + rng.normal(0, 15, (DISTRICTS, units, PEOPLE)))
    size = units * PEOPLE
    cell = np.repeat(np.arange(DRAWS * DISTRICTS), size)
    frame = pl.DataFrame(
        {
            "cell": cell, "p": np.repeat(np.array(chosen).ravel(), PEOPLE), "w": 1.0, "N": float(COMMUNITIES),
            "yes": np.array(answers).ravel().astype(float), "y": np.array(points).ravel(),
        }
    )  # fmt: skip
    return level.mean(axis=1), frame, np.tile(np.arange(DISTRICTS), DRAWS)


@pytest.mark.parametrize("units", UNITS)
def test_means_are_covered_as_announced(units: int) -> None:
    level, frame, district = drawn(units)
    found = estimate_mean(frame, "y", "w", "cell", "p", "N", by="cell")
    assert found["lo"].null_count() == 0
    truth = level[district]
    covered = np.mean((found["lo"].to_numpy() <= truth) & (truth <= found["hi"].to_numpy()))
    assert 0.93 <= covered <= 0.97, covered


@pytest.mark.parametrize("units", UNITS)
def test_a_district_on_the_line_is_called_bad_no_more_often_than_the_policy_allows(units: int) -> None:
    policy = survey_policy(date(2026, 3, 1))
    _, frame, _ = drawn(units)
    found = estimate_proportion(frame, "yes", "w", "cell", "p", "N", by="cell", method="korn_graubard")
    judged = found.filter(
        (pl.col("n") >= policy.number("verdict_minimum_n")) & (pl.col("df") >= policy.number("verdict_minimum_df"))
    )
    assert judged.height == (found.height if units > 3 else 0)
    # Also where nothing held the verdict back, an interval that is not null is right often enough.
    told = found.drop_nulls("lo")
    assert told.select((pl.col("hi") < BAD_LINE).mean()).item() <= RATE
    covered = told.select(((pl.col("lo") <= TRUE_SHARE) & (pl.col("hi") >= TRUE_SHARE)).mean()).item()
    assert covered >= 0.93, covered


@pytest.mark.parametrize("units", UNITS)
def test_no_change_is_called_one_no_more_often_than_announced(units: int) -> None:
    _, frame, _ = drawn(units)
    # Odd draws against even ones; the second wave has thrice the spread, as another questionnaire might.
    draw = pl.col("cell") // DISTRICTS
    waves = frame.with_columns(
        wave=draw % 2, pair=draw // 2 * DISTRICTS + pl.col("cell") % DISTRICTS, yy=(pl.col("y") - 70) * (1 + 2 * (draw % 2))
    )  # fmt: skip
    level = drawn(units)[0]
    shift = pl.Series(level)[(frame["cell"] % DISTRICTS).to_list()]
    waves = waves.with_columns(yy=(frame["y"] - shift) * (1 + 2 * waves["wave"]))
    found = estimate_change(waves, "yy", "w", "wave", 0, 1, "cell", "p", "N", by="pair")
    false = found.select((pl.col("p") < 0.05).mean()).item()
    assert false <= 0.07, false


def test_equal_communities_leave_rounding_and_no_interval() -> None:
    rows = [{"h": h, "p": p, "w": w, "y": y} for h, w in ((1, 0.1), (2, 0.7)) for p in (1, 2) for y in (0.1, 0.2, 0.7)]
    frame = pl.DataFrame(rows)
    for found in (
        estimate_mean(frame, "y", "w", "h", "p", by="h"),
        estimate_proportion(
            frame.with_columns(y=pl.col("y") > 0.15), "y", "w", "h", "p", by="h", method="korn_graubard"
        ),
    ):
        assert found.select("se", "lo", "hi").null_count().row(0) == (2, 2, 2)
        assert found["flags"].to_list() == [["zero_variance"]] * 2


def test_rounding_is_no_infinite_weight_in_a_model_of_areas() -> None:
    frame = pl.DataFrame({"mean": [60.0, 65, 70, 62, 75, 50], "se": [3.0, 4, 2, 3, 5, 1.9e-17]})
    last = fay_herriot(frame).areas.row(5, named=True)
    assert (last["own_weight"], last["area_flags"]) == (0.0, ["zero_variance"])


def test_small_areas_of_twelve_are_covered() -> None:
    covered = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        se, truth = rng.uniform(1, 6, 12), 70 + rng.normal(0, (0.5, 1, 3, 6)[seed % 4], 12)
        fitted = fay_herriot(pl.DataFrame({"mean": truth + rng.normal(0, se), "se": se})).areas
        covered.append(np.mean((fitted["lo"].to_numpy() <= truth) & (truth <= fitted["hi"].to_numpy())))
    assert 0.92 <= np.mean(covered) <= 0.99, np.mean(covered)


@pytest.mark.parametrize(
    ("draws", "least"),
    [(10, binom.ppf(0.0005, 80, 0.95) / 80), pytest.param(40, 0.92, marks=pytest.mark.slow)],
)
def test_rates_of_few_small_units_are_covered(draws: int, least: float) -> None:
    """Eight units a draw: of ten draws at least what chance leaves in 99.95 % of such trials; `make slow` draws forty."""
    covered = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        size, n = (20, 200, 2000)[seed % 3], (10, 50)[seed % 2]
        truth = rng.beta(0.9 * size, 0.1 * size, 8)
        counts = rng.integers(n // 2, 2 * n, 8)
        found = empirical_bayes_rates(rng.binomial(counts, truth), counts)
        covered.append(np.mean((found["eb_lo"].to_numpy() <= truth) & (truth <= found["eb_hi"].to_numpy())))
    assert np.mean(covered) >= least, np.mean(covered)
    few = empirical_bayes_rates([3, 4], [5, 6])
    assert few.height < LEAST_UNITS
    assert few["eb_lo"].to_list() == [None, None]


def test_rates_of_units_whose_reviews_are_alike_are_covered() -> None:
    """Reviews of one day correlate by .1, twenty a day: a design effect of 2.9. Without it units seem to differ that do not."""
    covered, trusted = [], []
    for seed in range(12):
        rng = np.random.default_rng([seed, 3])
        truth = rng.beta(0.9 * 60, 0.1 * 60, 12)
        days, a_day, alike = int(rng.integers(3, 9)), 20, 0.1
        chance = rng.beta(truth * (1 / alike - 1), (1 - truth) * (1 / alike - 1), (days, 12))
        good = rng.binomial(a_day, chance).sum(axis=0)
        for told, effect in ((covered, 1 + (a_day - 1) * alike), (trusted, 1.0)):
            found = empirical_bayes_rates(good, [days * a_day] * 12, design_effect=effect)
            told.append(np.mean((found["eb_lo"].to_numpy() <= truth) & (truth <= found["eb_hi"].to_numpy())))
    # Of 144 intervals, as chance leaves it within three standard errors.
    assert 0.895 <= np.mean(covered) <= 0.995, np.mean(covered)
    assert np.mean(trusted) < 0.88, np.mean(trusted)
