"""Estimates at their published values, their behaviour on bad input, and coverage by simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from designs import TOTALS_A, TOTALS_B, random_design
from polars.testing import assert_frame_equal
from scipy.stats import binom

from orchestration.statistics.changes import estimate_change, estimate_difference
from orchestration.statistics.design import read_design
from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.estimates import (
    estimate_mean,
    estimate_means,
    estimate_proportion,
    estimate_ratio,
)
from orchestration.statistics.weights import rake

PUBLISHED = pl.DataFrame(
    {
        "h": [1] * 5 + [2] * 3,
        "w": [3.0] * 5 + [4.0] * 3,
        "N": [15] * 5 + [12] * 3,
        "y": [2.8, 4.1, 6.8, 6.8, 9.2, 3.7, 6.6, 4.2],
    }
)


@pytest.mark.parametrize(("fpc", "se"), [("N", 0.616041), (None, 0.741268)])
def test_the_published_mean_and_standard_error(fpc: str | None, se: float) -> None:
    row = estimate_mean(PUBLISHED, "y", "w", "h", fpc=fpc).row(0, named=True)
    assert row["mean"] == pytest.approx(5.448148, abs=5e-7)
    assert row["se"] == pytest.approx(se, abs=5e-7)
    assert row["df"] == 6


@pytest.mark.parametrize("answer", [100.0, -100.0, 0.1])
def test_a_mean_of_equal_answers_is_that_answer_to_the_last_digit(answer: float) -> None:
    weights = np.random.default_rng(3).uniform(0.1, 9, 3_000)
    frame = pl.DataFrame({"y": [answer] * 3_000, "w": weights, "d": np.arange(3_000) % 300})
    assert set(estimate_mean(frame, "y", "w", by=["d"])["mean"]) == {answer}


def test_a_domain_keeps_the_whole_design() -> None:
    frame = random_design(3, n=120)
    whole = estimate_mean(frame, "y", "w", "h", "p", by="d").filter(pl.col("d") == 1)
    filtered = estimate_mean(frame.filter(pl.col("d") == 1), "y", "w", "h", "p")
    assert whole["mean"][0] == pytest.approx(filtered["mean"][0])
    by_hand = _taylor_by_hand(frame, frame["d"].to_numpy() == 1)
    assert whole["se"][0] == pytest.approx(by_hand, rel=1e-12)


def _taylor_by_hand(frame: pl.DataFrame, member: np.ndarray) -> float:
    w, y = frame["w"].to_numpy() * member, frame["y"].to_numpy()
    z = w * (y - (w * y).sum() / w.sum()) / w.sum()
    v = 0.0
    for h in frame["h"].unique():
        inside = frame["h"].to_numpy() == h
        totals = [z[inside & (frame["p"].to_numpy() == p)].sum() for p in frame.filter(pl.col("h") == h)["p"].unique()]
        v += len(totals) / (len(totals) - 1) * np.sum((totals - np.mean(totals)) ** 2)
    return float(np.sqrt(v))


def test_many_questions_at_once_are_the_single_ones() -> None:
    frame = random_design(5)
    together = estimate_means(frame, ["y", "x"], "w", "h", "p", by="d")
    for question in ("y", "x"):
        alone = estimate_mean(frame, question, "w", "h", "p", by="d")
        assert together.filter(pl.col("question") == question).drop("question").equals(alone)


@pytest.mark.parametrize("calibration", ["raking", "linear"])
def test_calibrated_standard_error_is_that_of_residuals_on_the_margins(calibration: str) -> None:
    """Fitted with base weights, or for raking as svy does without any: never with the calibrated ones."""
    frame = random_design(8, n=150)
    frame = frame.with_columns(rake(frame, "w", {"a": TOTALS_A, "b": TOTALS_B}).weight.alias("g"))
    base, g, y = (frame[c].to_numpy() for c in ("w", "g", "y"))
    z = (y - (g * y).sum() / g.sum()) / g.sum()
    margins = frame.select("a", "b").to_dummies().to_numpy().astype(float)
    root = np.sqrt(base if calibration == "linear" else np.ones(len(base)))
    residual = z - margins @ np.linalg.lstsq(margins * root[:, None], z * root, rcond=None)[0]
    totals = frame.with_columns(u=g * residual).group_by("h", "p").agg(pl.col("u").sum())
    by_stratum = totals.group_by("h").agg(v=pl.len() * pl.col("u").var())
    row = estimate_mean(frame, "y", "g", "h", "p", base_weight="w", margins=["a", "b"], calibration=calibration).row(
        0, named=True
    )
    assert row["se"] == pytest.approx(float(np.sqrt(by_stratum["v"].sum())), rel=1e-10)
    trap = estimate_mean(frame.with_columns(c=g), "y", "g", "h", "p", base_weight="c", margins=["a", "b"], calibration="linear")  # fmt: skip
    assert abs(trap["se"][0] / row["se"] - 1) > 1e-4


def test_a_post_stratum_of_equal_answers_has_no_variance_left() -> None:
    frame = random_design(2).with_columns(y=pl.col("a").replace_strict({"x": 1.0, "y": 2.0, "z": 3.0}))
    frame = frame.with_columns(rake(frame, "w", {"a": TOTALS_A}).weight.alias("g"))
    row = estimate_mean(frame, "y", "g", "h", "p", base_weight="w", margins=["a"]).row(0, named=True)
    assert row["mean"] == pytest.approx((500 + 600 + 1200) / 1200)
    assert row["se"] is None
    assert row["flags"] == ["zero_variance"]


@pytest.mark.parametrize(
    ("answers", "flag", "empty"),
    [
        ([None, None, None, None], "no_answers", ["mean", "se", "lo", "hi", "deff"]),
        ([80.0, 80.0, 80.0, 80.0], "zero_variance", ["se", "lo", "hi", "deff"]),
        ([80.0, None, None, None], "no_degrees_of_freedom", ["se", "lo", "hi", "deff"]),
    ],
)
def test_what_cannot_be_estimated_is_null_with_its_reason(
    answers: list[float | None], flag: str, empty: list[str]
) -> None:
    frame = pl.DataFrame({"y": pl.Series(answers, dtype=pl.Float64), "w": [1.0, 2.0, 1.0, 2.0]})
    row = estimate_mean(frame, "y", "w").row(0, named=True)
    assert flag in row["flags"]
    assert [name for name in ("mean", "se", "lo", "hi", "deff") if row[name] is None] == empty
    assert not any(isinstance(v, float) and np.isnan(v) for v in row.values())


def test_a_census_is_certain_not_unknown() -> None:
    frame = pl.DataFrame({"y": [1.0, 2.0, 6.0], "w": [1.0] * 3, "N": [3] * 3})
    row = estimate_mean(frame, "y", "w", fpc="N").row(0, named=True)
    assert (row["mean"], row["se"], row["lo"], row["hi"], row["flags"]) == (3.0, 0.0, 3.0, 3.0, [])


def test_a_proportion_of_zero_or_one_still_has_an_interval() -> None:
    frame = pl.DataFrame({"yes": [True] * 30, "w": np.linspace(1, 3, 30)})
    row = estimate_proportion(frame, "yes", "w").row(0, named=True)
    assert row["proportion"] == 1
    assert row["hi"] == 1
    assert 0.8 < row["lo"] < 0.95
    assert row["flags"] == ["boundary"]


def test_a_census_proportion_is_exact_even_at_one() -> None:
    frame = pl.DataFrame({"yes": [True] * 3, "w": [1.0] * 3, "N": [3] * 3})
    row = estimate_proportion(frame, "yes", "w", fpc="N").row(0, named=True)
    assert (row["lo"], row["hi"], row["flags"]) == (1.0, 1.0, [])


def test_psus_that_all_have_the_same_share_give_no_false_certainty() -> None:
    frame = pl.DataFrame({"yes": [1, 0] * 3, "w": [1.0] * 6, "p": [1, 1, 2, 2, 3, 3]})
    row = estimate_proportion(frame, "yes", "w", psu="p").row(0, named=True)
    assert (row["proportion"], row["se"], row["lo"], row["hi"]) == (0.5, None, None, None)
    assert row["flags"] == ["zero_variance"]


def test_an_empty_wave_has_one_empty_row() -> None:
    row = estimate_mean(PUBLISHED.clear(), "y", "w", "h").row(0, named=True)
    assert (row["n"], row["mean"], row["flags"]) == (0, None, ["no_answers"])
    assert estimate_mean(PUBLISHED.clear(), "y", "w", by="h").is_empty()


def test_a_null_domain_is_a_row_of_its_own() -> None:
    frame = PUBLISHED.with_columns(d=pl.Series(["a", None] * 4))
    assert estimate_mean(frame, "y", "w", "h", by="d")["n"].to_list() == [4, 4]


def test_the_ratio_of_means_per_domain() -> None:
    frame = random_design(4)
    row = estimate_ratio(frame, "y", "x", "w", "h", "p").row(0, named=True)
    w, y, x = (frame[c].to_numpy() for c in ("w", "y", "x"))
    assert row["ratio"] == pytest.approx((w * y).sum() / (w * x).sum())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w": [3.0] * 7 + [0.0]}, "first in row 7"),
        ({"h": [1] * 7 + [None]}, "'h' in every row; 1 are null"),
        ({"N": [15] * 4 + [14] + [12] * 3}, "5 / 14.0–15.0"),
        ({"N": [3] * 5 + [12] * 3}, "at least the PSUs sampled"),
        ({"y": [float("nan")] + [1.0] * 7}, "row 0 is nan"),
    ],
)
def test_a_design_that_cannot_be_is_refused_with_its_figures(change: dict[str, list[object]], message: str) -> None:
    frame = PUBLISHED.with_columns(**{name: pl.Series(values) for name, values in change.items()})
    with pytest.raises(StatisticsError, match=message):
        estimate_mean(frame, "y", "w", "h", fpc="N")


def test_a_missing_column_and_half_a_calibration_are_refused() -> None:
    with pytest.raises(StatisticsError, match="'q'"):
        estimate_mean(PUBLISHED, "q", "w")
    with pytest.raises(StatisticsError, match="needs both the margins and the weight before"):
        estimate_mean(PUBLISHED, "y", "w", margins=["h"])
    with pytest.raises(StatisticsError, match=r"contains 2\.8"):
        estimate_proportion(PUBLISHED, "y", "w")


def test_the_change_between_separate_waves_adds_their_variances() -> None:
    waves = [random_design(seed).with_columns(wave=pl.lit(wave)) for seed, wave in ((1, "2024"), (2, "2025"))]
    row = estimate_change(pl.concat(waves), "y", "w", "wave", "2024", "2025", "h", "p").row(0, named=True)
    alone = [estimate_mean(wave, "y", "w", "h", "p").row(0, named=True) for wave in waves]
    assert row["change"] == pytest.approx(alone[1]["mean"] - alone[0]["mean"])
    assert row["se"] == pytest.approx(np.hypot(alone[0]["se"], alone[1]["se"]))
    first, second = (one["se"] ** 2 for one in alone)
    assert row["df"] == pytest.approx((first + second) ** 2 / (first**2 / alone[0]["df"] + second**2 / alone[1]["df"]))


def test_the_change_between_raked_waves_credits_each_raking() -> None:
    waves = []
    for seed in (1, 2):
        wave = random_design(seed).with_columns(wave=pl.lit(seed))
        waves.append(wave.with_columns(rake(wave, "w", {"a": TOTALS_A, "b": TOTALS_B}).weight.alias("g")))
    calibration = {"base_weight": "w", "margins": ["a", "b"]}
    alone = [estimate_mean(wave, "y", "g", "h", "p", **calibration)["se"][0] for wave in waves]
    row = estimate_change(pl.concat(waves), "y", "g", "wave", 1, 2, "h", "p", **calibration).row(0, named=True)
    assert row["se"] == pytest.approx(np.hypot(*alone))


def test_a_panel_that_answers_the_same_has_not_changed() -> None:
    wave = random_design(1)
    frame = pl.concat([wave.with_columns(wave=pl.lit(1)), wave.with_columns(wave=pl.lit(2), y=pl.col("y") + 3)])
    moved = estimate_change(frame, "y", "w", "wave", 1, 2, "h", "p", panel=True).row(0, named=True)
    assert moved["change"] == pytest.approx(3)
    assert moved["se"] is None or moved["se"] < 1e-9


def test_a_difference_within_one_wave_takes_the_covariance_into_account() -> None:
    frame = random_design(6, n=140)
    row = estimate_difference(frame, "y", "w", "b", "u", "v", "h", "p").row(0, named=True)
    w, y, b = frame["w"].to_numpy(), frame["y"].to_numpy(), frame["b"].to_numpy()
    u = np.zeros(len(y))
    for value, sign in (("v", 1), ("u", -1)):
        m = w * (b == value)
        u += sign * m * (y - (m * y).sum() / m.sum()) / m.sum()
    totals = frame.with_columns(u=u).group_by("h", "p").agg(pl.col("u").sum())
    v = totals.group_by("h").agg(v=pl.len() * pl.col("u").var())["v"].sum()
    assert row["se"] == pytest.approx(float(np.sqrt(v)))
    with pytest.raises(StatisticsError, match="Nobody answered 'y' in b = 'q'"):
        estimate_difference(frame, "y", "w", "b", "u", "q", "h", "p")


def test_a_domain_that_misses_a_wave_has_no_change() -> None:
    frame = pl.concat([random_design(1).with_columns(wave=pl.lit(1)),
                       random_design(2).filter(pl.col("d") != 1).with_columns(wave=pl.lit(2))])  # fmt: skip
    rows = estimate_change(frame, "y", "w", "wave", 1, 2, "h", "p", by="d")
    missing = rows.filter(pl.col("d") == 1).row(0, named=True)
    assert missing["change"] is None
    assert missing["p"] is None
    assert missing["flags"] == ["no_answers"]
    assert rows.filter(pl.col("d") != 1)["p"].null_count() == 0


def _population(rng: np.random.Generator) -> pl.DataFrame:
    """Three strata of 40, 60 and 80 PSUs of 12 people, alike within PSUs."""
    parts = []
    for h, size in enumerate((40, 60, 80)):
        effect = rng.normal(0, 5, size)
        for p in range(size):
            sex = rng.integers(0, 2, 12)
            age = rng.integers(0, 3, 12)
            score = 60 + 6 * h + effect[p] + 8 * sex - 4 * age + rng.normal(0, 10, 12)
            parts.append(pl.DataFrame({"h": h, "p": p, "N": size, "sex": sex.astype(str), "age": age.astype(str), "y": score}))  # fmt: skip
    return pl.concat(parts).with_columns(d=pl.col("p") % 3, yes=(pl.col("y") > 60).cast(pl.Int64))


@pytest.mark.parametrize(
    ("repeats", "lowest", "highest"),
    [(40, *(binom.ppf([0.0005, 0.9995], 40, 0.95) / 40)), pytest.param(200, 0.93, 0.97, marks=pytest.mark.slow)],
)
def test_intervals_cover_the_truth_as_often_as_they_say(repeats: int, lowest: float, highest: float) -> None:
    """Means, domains, post-stratified, raked and shares of one population, drawn again and again (docs/surveys.md).

    Of forty draws, within what chance gives in 99.9 % of such trials; `make slow` draws 200 times and asks for two points.
    """
    rng = np.random.default_rng(20)
    population = _population(rng)
    margins = {m: {str(c): float(n) for c, n in population[m].value_counts().rows()} for m in ("sex", "age")}
    taken = {0: 10, 1: 12, 2: 16}
    population = population.with_columns(w=pl.col("N") / pl.col("h").replace_strict(taken))
    starts = [np.flatnonzero((population["h"] == h).to_numpy())[::12] for h in taken]
    in_domain = population.filter(pl.col("d") == 1)
    everybody, some = population["y"].mean(), population["yes"].mean()
    truth = {
        "mean": everybody, "domain": in_domain["y"].mean(), "post-stratified": everybody, "raked": everybody,
        "raked domain": in_domain["y"].mean(), "share, Wilson": some, "share, Korn-Graubard": some, "raked share": some,
    }  # fmt: skip
    hits = dict.fromkeys(truth, 0)
    one = {"base_weight": "w", "margins": ["sex"]}
    two = {"base_weight": "w", "margins": ["sex", "age"]}
    for _ in range(repeats):
        chosen = np.concatenate([rng.choice(starts[h], n, replace=False) for h, n in taken.items()])
        frame = population[(chosen[:, None] + np.arange(12)).ravel()]
        frame = frame.with_columns(
            rake(frame, "w", {"sex": margins["sex"]}).weight.alias("g1"), rake(frame, "w", margins).weight.alias("g2")
        )
        design = ("h", "p", "N")
        rows = {
            "mean": estimate_mean(frame, "y", "w", *design),
            "domain": estimate_mean(frame, "y", "w", *design, "d").filter(pl.col("d") == 1),
            "post-stratified": estimate_mean(frame, "y", "g1", *design, **one),
            "raked": estimate_mean(frame, "y", "g2", *design, **two),
            "raked domain": estimate_mean(frame, "y", "g2", *design, "d", **two).filter(pl.col("d") == 1),
            "share, Wilson": estimate_proportion(frame, "yes", "w", *design),
            "share, Korn-Graubard": estimate_proportion(frame, "yes", "w", *design, method="korn_graubard"),
            "raked share": estimate_proportion(frame, "yes", "g2", *design, **two),
        }
        for name, row in rows.items():
            hits[name] += row["lo"][0] <= truth[name] <= row["hi"][0]
    coverage = {name: count / repeats for name, count in hits.items()}
    assert all(lowest <= share <= highest for share in coverage.values()), coverage


def test_the_san_diego_survey_with_dont_know_out_of_the_base(shared_data: Path) -> None:
    """No weight column came with the file, so these are unweighted answers of respondents."""
    answers = pl.read_csv(shared_data / "survey" / "san_diego_2015_responses.csv", infer_schema_length=None)
    score = pl.when(pl.col("Q3_4").is_between(1, 5)).then((pl.col("Q3_4") - 1) * 25)
    frame = answers.select("Q3_4", district="Q28", y=score, w=pl.lit(1.0))
    overall = estimate_mean(frame, "y", "w").row(0, named=True)
    known = frame["y"].drop_nulls()
    assert overall["n"] == len(known) < frame.height
    assert overall["mean"] == pytest.approx(known.mean())
    assert overall["se"] == pytest.approx(known.std() / len(known) ** 0.5, rel=1e-3)
    by_district = estimate_mean(frame, "y", "w", by="district")
    assert by_district["n"].sum() == overall["n"]
    assert by_district.filter(pl.col("n") > 100)["se"].max() < 3


def test_a_design_that_was_read_before_gives_the_same_figures() -> None:
    frame = random_design(3, n=120)
    before = read_design(frame, "w", "h", "p")
    assert_frame_equal(
        estimate_means(frame, ["y"], "w", by="d", design=before), estimate_means(frame, ["y"], "w", "h", "p", by="d")
    )
    difference = estimate_difference(frame, "y", "w", "b", "u", "v", design=before)
    assert_frame_equal(difference, estimate_difference(frame, "y", "w", "b", "u", "v", "h", "p"))


def test_a_design_of_other_rows_or_of_separate_samples_is_refused() -> None:
    """It would be taken for theirs, and give figures that look right."""
    frame = random_design(3, n=120)
    before = read_design(frame, "w", "h", "p")
    with pytest.raises(StatisticsError, match="the one given is of 120"):
        estimate_mean(frame.head(100), "y", "w", design=before)
    with pytest.raises(StatisticsError, match="a design each"):
        estimate_difference(frame, "y", "w", "b", "u", "v", independent=True, design=before)
