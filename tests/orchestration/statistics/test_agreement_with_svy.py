"""Every number agrees with `svy`, which agrees with R's survey package, on random designs."""

from __future__ import annotations

import warnings

import polars as pl
import pytest
from designs import TOTALS_A, TOTALS_B, random_design
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestration.statistics.estimates import estimate_mean, estimate_proportion, estimate_ratio
from orchestration.statistics.weights import post_stratify, rake

svy = pytest.importorskip("svy")
pytestmark = pytest.mark.filterwarnings("ignore")

DESIGNS = {
    "seed": st.integers(0, 10_000),
    "n": st.integers(40, 150),
    "strata": st.integers(1, 5),
    "psus": st.integers(2, 6),
    "domains": st.integers(1, 4),
}
CASES = settings(deadline=None, max_examples=15, derandomize=True)


def sample(frame: pl.DataFrame, **design: object) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return svy.Sample(frame, svy.Design(stratum="h", wgt="w", psu="p", **design))


def assert_same(
    ours: pl.DataFrame, theirs: list[object], estimate: str, *, deff: bool = True, rel: float = 1e-7
) -> None:
    theirs = sorted(theirs, key=lambda row: str(row.by_level))  # type: ignore[attr-defined]
    assert ours.height == len(theirs)
    pairs = [("est", estimate), ("se", "se"), ("lci", "lo"), ("uci", "hi"), ("df", "df"), ("n", "n")]
    for row, other in zip(ours.iter_rows(named=True), theirs, strict=True):
        for their_name, our_name in [*pairs, *([("deff", "deff")] if deff else [])]:
            theirs_value, value = getattr(other, their_name), row[our_name]
            if value is None:  # we say null with a flag where svy says NaN, or a spread of nothing
                assert row["flags"]
            else:
                assert value == pytest.approx(theirs_value, rel=rel, abs=1e-9), our_name


@given(**DESIGNS, by=st.sampled_from([None, "d"]), fpc=st.booleans())
@CASES
def test_means(by: str | None, fpc: bool, **design: int) -> None:
    frame = random_design(**design)
    theirs = sample(frame, **({"pop_size": "N"} if fpc else {})).estimation.mean("y", by=by, deff="wr")
    ours = estimate_mean(frame, "y", "w", "h", "p", "N" if fpc else None, by)
    assert_same(ours, theirs.estimates, "mean")


@given(**DESIGNS)
@CASES
def test_design_effect_against_sampling_without_replacement(**design: int) -> None:
    frame = random_design(**design)
    theirs = sample(frame, pop_size="N").estimation.mean("y", deff="wor")
    assert_same(estimate_mean(frame, "y", "w", "h", "p", "N", srs="wor"), theirs.estimates, "mean")


@given(**DESIGNS)
@CASES
def test_means_without_psus(**design: int) -> None:
    frame = random_design(**design)
    theirs = svy.Sample(frame, svy.Design(stratum="h", wgt="w")).estimation.mean("y", by="d", deff="wr")
    assert_same(estimate_mean(frame, "y", "w", "h", by="d"), theirs.estimates, "mean")


@given(**DESIGNS)
@CASES
def test_missing_answers_are_a_domain_and_not_a_smaller_design(**design: int) -> None:
    frame = random_design(**design)
    answered = pl.col("y") > frame["y"].quantile(0.3)
    theirs = sample(frame).estimation.mean("y", where=svy.col("y") > frame["y"].quantile(0.3), deff="wr")
    ours = estimate_mean(frame.with_columns(pl.when(answered).then("y").alias("y")), "y", "w", "h", "p")
    assert_same(ours, theirs.estimates, "mean")


@given(**DESIGNS, by=st.sampled_from([None, "d"]))
@CASES
def test_ratios(by: str | None, **design: int) -> None:
    frame = random_design(**design)
    theirs = sample(frame).estimation.ratio("y", "x", by=by, deff="wr")
    assert_same(estimate_ratio(frame, "y", "x", "w", "h", "p", by=by), theirs.estimates, "ratio")


@given(**DESIGNS, method=st.sampled_from(["wilson", "korn_graubard"]))
@CASES
def test_proportions(method: str, **design: int) -> None:
    frame = random_design(**design)
    theirs = sample(frame).estimation.prop("yes", by="d", ci_method=method.replace("_", "-"), deff="wr")
    yes = [row for row in theirs.estimates if str(row.y_level) == "1"]
    ours = estimate_proportion(frame, "yes", "w", "h", "p", by="d", method=method)  # type: ignore[arg-type]
    inside = ours.filter(pl.col("proportion").is_between(0, 1, closed="none"))
    assert_same(inside, [row for row in yes if row.by_level[0] in inside["d"].to_list()], "proportion")


@given(**DESIGNS, by=st.sampled_from([None, "d"]))
@CASES
def test_post_stratified_means(by: str | None, **design: int) -> None:
    frame = random_design(**design)
    theirs = sample(frame).weighting.poststratify(controls=TOTALS_A, cells="a")
    frame = frame.with_columns(post_stratify(frame, "w", "a", TOTALS_A).weight.alias("g"))
    ours = estimate_mean(frame, "y", "g", "h", "p", by=by, base_weight="w", margins=["a"])
    assert_same(ours, theirs.estimation.mean("y", by=by, deff="wr").estimates, "mean")


@given(**DESIGNS, by=st.sampled_from([None, "d"]))
@CASES
def test_means_calibrated_to_two_margins(by: str | None, **design: int) -> None:
    frame = random_design(**design).with_columns(is_v=(pl.col("b") == "v").cast(pl.Float64))
    # One category of the second margin only: given a redundant one, svy may skip the calibration.
    calibrated = sample(frame, pop_size="N").weighting.calibrate(
        controls={svy.Cat("a"): TOTALS_A, "is_v": TOTALS_B["v"]}
    )
    frame = frame.with_columns(g=calibrated.data["calib_wgt"])
    assume(frame["g"].min() > 0)  # linear calibration can leave the range of weights; raking cannot
    ours = estimate_mean(frame, "y", "g", "h", "p", "N", by, base_weight="w", margins=["a", "b"], calibration="linear")  # fmt: skip
    assert_same(ours, calibrated.estimation.mean("y", by=by, deff="wr").estimates, "mean")


@given(**DESIGNS, by=st.sampled_from([None, "d"]), fpc=st.booleans())
@CASES
def test_raked_weights_and_means(by: str | None, fpc: bool, **design: int) -> None:
    frame = random_design(**design)
    controls = {"a": TOTALS_A, "b": TOTALS_B}
    theirs = sample(frame, **({"pop_size": "N"} if fpc else {})).weighting.rake(
        controls=controls, tol=1e-12, max_iter=1000
    )
    ours = rake(frame, "w", controls)
    assert ours.weight.to_numpy() == pytest.approx(theirs.data["rk_wgt"].to_numpy(), rel=1e-6)
    frame = frame.with_columns(ours.weight.alias("g"))
    estimated = estimate_mean(frame, "y", "g", "h", "p", "N" if fpc else None, by, base_weight="w", margins=["a", "b"])
    assert_same(estimated, theirs.estimation.mean("y", by=by, deff="wr").estimates, "mean", rel=1e-6)


@given(**DESIGNS)
@CASES
def test_raked_proportions(**design: int) -> None:
    frame = random_design(**design)
    controls = {"a": TOTALS_A, "b": TOTALS_B}
    theirs = sample(frame).weighting.rake(controls=controls, tol=1e-12, max_iter=1000)
    estimates = theirs.estimation.prop("yes", by="d", ci_method="korn-graubard", deff="wr").estimates
    frame = frame.with_columns(rake(frame, "w", controls).weight.alias("g"))
    ours = estimate_proportion(frame, "yes", "g", "h", "p", by="d", base_weight="w", margins=["a", "b"], method="korn_graubard")  # fmt: skip
    inside = ours.filter(pl.col("proportion").is_between(0, 1, closed="none"))
    yes = [row for row in estimates if str(row.y_level) == "1" and row.by_level[0] in inside["d"].to_list()]
    assert_same(inside, yes, "proportion", rel=1e-6)


@given(**DESIGNS)
@CASES
def test_a_stratum_with_one_psu_is_centred_on_the_grand_mean(**design: int) -> None:
    frame = random_design(**design)
    lonely = pl.DataFrame({"h": [99] * 3, "p": [0] * 3, "w": [2.0] * 3, "N": [9] * 3, "d": [0] * 3,
                           "a": ["x"] * 3, "b": ["u"] * 3, "y": [40.0, 50, 71], "x": [1.0] * 3, "yes": [0, 0, 1]})  # fmt: skip
    frame = pl.concat([frame, lonely], how="vertical_relaxed")
    theirs = sample(frame, pop_size="N", singleton="center").estimation.mean("y", by="d", deff="wr")
    ours = estimate_mean(frame, "y", "w", "h", "p", "N", "d")
    assert_same(ours, theirs.estimates, "mean")
    assert [("single_psu" in flags) for flags in ours["flags"]] == [d == 0 for d in ours["d"]]
