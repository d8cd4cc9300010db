"""Who can be found in a sample: against counts by hand, and against populations drawn at random."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from orchestration.statistics import weighted_k_anonymity


def test_a_respondent_is_one_of_those_he_stands_for() -> None:
    sample = pl.DataFrame(
        {"sex": ["f", "f", "m", "m", None], "age": ["60", "60", "60", "20", "20"], "w": [4.0, 5.0, 30.0, 12.0, 9.5]}
    )
    row = weighted_k_anonymity(sample, ["sex", "age"], "w", k=10).row(0, named=True)
    # Two women of nine people in all, and one person of unknown sex who is one of nine and a half.
    assert (row["n"], row["people"], row["smallest"], row["smallest_in_sample"]) == (5, 60.5, 9.0, 1)
    assert (row["n_unique_in_sample"], row["n_below_k"], row["is_safe"]) == (3, 3, False)
    assert weighted_k_anonymity(sample, ["sex", "age"], "w", k=9)["is_safe"].all()
    assert weighted_k_anonymity(sample, ["age"], "w", k=10)["is_safe"].all()


def test_whoever_was_all_asked_is_found_as_often_as_people_are_alike() -> None:
    everybody = pl.DataFrame({"age": ["a", "b", "b", "c", "c", "c"], "w": [1.0] * 6})
    assert weighted_k_anonymity(everybody, ["age"], "w")["expected_found"].to_list() == pytest.approx([3.0])


@pytest.mark.parametrize(("alike", "weight"), [(1, 4.0), (1, 50.0), (2, 10.0), (5, 20.0), (40, 3.0)])
def test_the_chance_to_be_found_is_that_of_drawn_populations(alike: int, weight: float) -> None:
    rng = np.random.default_rng(8)
    others = rng.negative_binomial(alike, 1 / weight, 200_000)
    truth = float(np.mean(1 / (alike + others)))
    sample = pl.DataFrame({"age": ["a"] * alike, "w": [weight] * alike})
    found = weighted_k_anonymity(sample, ["age"], "w")["expected_found"].item() / alike
    assert found == pytest.approx(truth, rel=0.02)
