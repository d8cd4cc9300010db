"""What others call, called wrongly: a sentence in two languages or a flag, never a silent number nor another's traceback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from orchestration import statistics
from orchestration.disclosure.equations import Dominance
from orchestration.disclosure.suppression import audit_suppression, suppress
from orchestration.statistics import (
    StatisticsError,
    benjamini_hochberg,
    cronbach_alpha,
    estimate_mean,
    estimate_proportion,
    fay_herriot,
    kish,
    lmg,
    post_stratify,
    rake,
    rank_intervals,
    wilson,
)

PEOPLE = pl.DataFrame(
    {"h": ["a", "a", "b", "b"], "p": [1, 2, 3, 4], "w": [1.0, 2, 3, 4], "y": [10.0, 20, 30, 40], "N": [5, 5, 6, 6], "d": ["x", "x", "y", "y"]}
)  # fmt: skip
AREAS = pl.DataFrame({"mean": [60.0, 65, 70, 62, 75], "se": [3.0, 4, 2, 3, 5], "x": [1.0, 2, 3, 4, 5]})
CELLS = pl.DataFrame({"place": ["a", "b", "c", "all"], "n": [4, 30, 50, 84]})
PARTS = {"place": dict.fromkeys("abc", "all")}
RNG = np.random.default_rng(1)
ANSWERS = pl.DataFrame({"o": RNG.normal(0, 1, 200), "a": RNG.normal(0, 1, 200), "b": RNG.normal(0, 1, 200), "w": np.ones(200)})  # fmt: skip


def people(**columns: Any) -> pl.DataFrame:
    return PEOPLE.with_columns(
        **{
            k: v if isinstance(v, pl.Expr) else pl.Series(v) if isinstance(v, list) else pl.lit(v)
            for k, v in columns.items()
        }
    )


def none(kind: Any) -> pl.Expr:
    return pl.lit(None, kind)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: estimate_mean(people(y="good"), "y", "w"), "Expected numbers in 'y'"),
        (lambda: estimate_mean(people(y=float("nan")), "y", "w"), "finite number or null"),
        (lambda: estimate_mean(people(w=[0.0, 1, 1, 1]), "y", "w"), "positive weight .* row 0: 0.0"),
        (lambda: estimate_mean(people(w=[1.0, -1, 1, 1]), "y", "w"), "positive weight .* row 1"),
        (lambda: estimate_mean(people(w=[1.0, 1, 1, None]), "y", "w"), "positive weight .* row 3: None"),
        (lambda: estimate_mean(people(w="heavy"), "y", "w"), "Expected numbers in 'w'"),
        (lambda: estimate_mean(people(h=none(pl.String)), "y", "w", "h"), "value of 'h' in every row"),
        (lambda: estimate_mean(people(N=1), "y", "w", "h", "p", "N"), "at least the PSUs sampled"),
        (lambda: estimate_mean(people(N="5"), "y", "w", "h", "p", "N"), "Expected numbers in 'N'"),
        (lambda: estimate_mean(people(N=none(pl.Int64)), "y", "w", "h", "p", "N"), "at least the PSUs sampled"),
        (lambda: estimate_mean(PEOPLE, "z", "w"), "'z' \\(answer\\)"),
        (lambda: estimate_mean(PEOPLE, "y", "w", confidence=95), "confidence between 0 and 1, got 95"),
        (lambda: estimate_mean(PEOPLE.lazy(), "y", "w"), "collect a LazyFrame"),
        (lambda: estimate_mean({"y": [1]}, "y", "w"), "polars DataFrame, got dict"),
        (lambda: estimate_mean(PEOPLE.rename({"d": "n"}), "y", "w", by="n"), "cannot be called n"),
        (lambda: estimate_proportion(people(y=2), "y", "w"), "0 and 1 or true and false; 'y' contains 2"),
        (lambda: rake(PEOPLE.clear(), "w", {"d": {"x": 1, "y": 1}}), "one margin and one respondent, got 1 and 0"),
        (lambda: rake(PEOPLE, "w", {"d": {"x": 50, "z": 50}}), "no population for y \\(2\\)"),
        (lambda: rake(people(d=[None, "x", "y", "y"]), "w", {"d": {"x": 50, "y": 50}}), "no population for None"),
        (lambda: rake(PEOPLE, "w", {"d": {"x": 50, "y": 50}, "h": {"a": 10, "b": 10}}), "d: 100, h: 20"),
        (lambda: rake(PEOPLE, "w", {"d": {"x": None, "y": 1}}), "cannot be for x: nan"),
        (lambda: rake(PEOPLE, "w", {"d": {"x": "many", "y": 1}}), "population .* margin d|Expected numbers in 'population of margin d'"),
        (lambda: rake(PEOPLE, "w", {"d": {"x": 0, "y": 1}}), "cannot be for x: 0"),
        (lambda: rake(PEOPLE, "w", {"d": {"x": -1, "y": 1}}), "cannot be for x: -1"),
        (lambda: rake(PEOPLE, "w", {"d": {}}), "no population for x"),
        (lambda: post_stratify(PEOPLE, "w", "d", {"x": 3, "y": 7, "z": 1}), "no respondent in z \\(1\\)"),
        (lambda: post_stratify(PEOPLE, "w", "q", {"x": 3}), "'q' \\(margin q\\)"),
        (lambda: wilson(-1, 3), "element 0 has -1 of 3"),
        (lambda: wilson(4, 3), "element 0 has 4 of 3"),
        (lambda: wilson([1, None], [2, 2]), "element 1 has nan of 2"),
        (lambda: wilson("a", 3), "counts as numbers"),
        (lambda: wilson([1, 2], [3, 4, 5]), "of one length"),
        (lambda: kish([0, 1]), "positive weight"),
        (lambda: kish([None, 1]), "positive weight"),
        (lambda: kish(["a"]), "Expected numbers"),
        (lambda: benjamini_hochberg([2.0]), "p-values between 0 and 1"),
        (lambda: benjamini_hochberg(["a"]), "Expected numbers in 'p'"),
        (lambda: benjamini_hochberg([0.1], rate=5), "between 0 and 1, got 5"),
        (lambda: rank_intervals([1.0, 2], [-1.0, 1]), "1 negative"),
        (lambda: rank_intervals([1.0, 2], [1.0]), r"lengths \[1, 2\]"),
        (lambda: rank_intervals(["a", "b"], [1, 1]), "Expected numbers"),
        (lambda: lmg(ANSWERS, "o", ["a"], "w"), "at least two different drivers"),
        (lambda: lmg(ANSWERS.with_columns(a=pl.lit("q")), "o", ["a", "b"], "w"), "Expected numbers in 'a'"),
        (lambda: lmg(ANSWERS.with_columns(w=pl.lit(0.0)), "o", ["a", "b"], "w"), "positive weight"),
        (lambda: lmg(ANSWERS, "o", ["a", "b"], "w", replicates=0), "at least 1 bootstrap"),
        (lambda: cronbach_alpha(ANSWERS.with_columns(w=pl.lit(0.0)), ["a", "b"], "w"), "positive weight"),
        (lambda: cronbach_alpha(ANSWERS.with_columns(a=pl.lit("x")), ["a", "b"]), "Expected numbers in 'a'"),
        (lambda: cronbach_alpha(ANSWERS, ["a", "a"]), "named twice"),
        (lambda: cronbach_alpha(ANSWERS, ["a", "q"]), "'q' \\(item q\\)"),
        (lambda: fay_herriot(AREAS.clear()), "0 areas"),
        (lambda: fay_herriot(AREAS.with_columns(mean=pl.lit("x"))), "Expected numbers in 'mean'"),
        (lambda: fay_herriot(AREAS, covariates=["q"]), "'q' \\(covariate q\\)"),
        (lambda: fay_herriot(AREAS.with_columns(x=pl.lit("a")), covariates=["x"]), "Expected numbers in 'x'"),
        (lambda: suppress(CELLS.with_columns(n=pl.Series([-4, 30, 50, 76])), PARTS, "n"), "≥ 0 in every cell"),
        (lambda: suppress(CELLS.with_columns(n=pl.lit("x")), PARTS, "n"), "Expected numbers in 'n'"),
        (lambda: suppress(CELLS, {}, "n"), "at least one dimension"),
        (lambda: suppress(CELLS, {"q": {}}, "n"), "'q' \\(dimension q\\)"),
        (lambda: suppress(CELLS, PARTS, "n", k=0), "k = 0"),
        (lambda: suppress(CELLS, PARTS, "n", dominance=Dominance(p=-1, largest="n", second="n")), "p = -1"),
        (lambda: suppress(CELLS, {"place": {"a": "b", "b": "a"}}, "n"), "'a' is part of itself"),
        (lambda: suppress(CELLS, PARTS, "n", needing="place"), "true or false in every row of 'place'"),
        (lambda: suppress(CELLS.with_columns(place=pl.int_range(4)), PARTS, "n"), "must name values of the column"),
        (lambda: audit_suppression(CELLS, PARTS, "n", previous=CELLS.drop("n")), "'n' \\(value\\)"),
    ],
)  # fmt: skip
def test_what_no_number_can_be_made_from_is_refused_in_two_languages(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(StatisticsError, match=sentence) as refused:
        call()
    assert any("一" <= sign <= "鿿" for sign in refused.value.chinese)


@pytest.mark.parametrize(
    ("found", "flags"),
    [
        (lambda: estimate_mean(PEOPLE.clear(), "y", "w", "h", "p"), ["no_answers"]),
        (lambda: estimate_mean(people(y=none(pl.Float64)), "y", "w"), ["no_answers"]),
        (lambda: estimate_mean(PEOPLE.head(1), "y", "w"), ["single_psu", "no_degrees_of_freedom", "zero_variance"]),
        (lambda: estimate_mean(people(h=["a", "b", "b", "b"]), "y", "w", "h", "p"), ["single_psu"]),
        (lambda: estimate_mean(people(y=3.0), "y", "w"), ["zero_variance"]),
        (lambda: estimate_proportion(people(y=1), "y", "w"), ["boundary"]),
    ],
)
def test_what_is_unknown_is_null_with_its_reason(found: Callable[[], pl.DataFrame], flags: list[str]) -> None:
    row = found().row(0, named=True)
    assert row["flags"] == flags
    if "no_answers" in flags or "zero_variance" in flags:
        assert (row["se"], row["lo"], row["hi"]) == (None, None, None)


def test_empty_input_gives_empty_output() -> None:
    assert estimate_mean(PEOPLE.clear(), "y", "w", by="d").height == 0
    assert [kish([]), benjamini_hochberg([]).height, rank_intervals([], []).height] == [0, 0, 0]
    assert suppress(CELLS.clear(), PARTS, "n").height == audit_suppression(CELLS.clear(), PARTS, "n").height == 0
    assert lmg(ANSWERS.clear(), "o", ["a", "b"], "w").refused.endswith("· 0 complete answers; 50 needed")
    assert cronbach_alpha(ANSWERS.clear(), ["a", "b"])["alpha"].to_list() == [None] * 3
    assert [b.tolist() for b in wilson(0, 0)] == [0.0, 1.0]


def test_answers_that_are_no_number_are_out_of_the_base() -> None:
    spoilt = ANSWERS.with_columns(a=pl.Series([float("inf"), float("nan"), None, *ANSWERS["a"][3:]])).with_columns(o=pl.col("o") + pl.col("b"))  # fmt: skip
    found = lmg(spoilt, "o", ["a", "b"], "w", replicates=20)
    assert (found.n, found.n_incomplete, found.refused) == (197, 3, None)
    assert cronbach_alpha(spoilt, ["a", "b"])["n"][0] == 197


def test_margins_as_they_are_delivered_and_codes_that_are_numbers() -> None:
    rows = pl.DataFrame({"margin": ["d", "d"], "category": ["x", "y"], "population": [60, 40]})
    assert rake(PEOPLE, "w", rows).weight.to_list() == rake(PEOPLE, "w", {"d": {"x": 60, "y": 40}}).weight.to_list()
    by_number = pl.DataFrame({"place": [1, 2, 3, 0], "n": [4, 30, 50, 84]})
    assert suppress(by_number, {"place": {1: 0, 2: 0, 3: 0}}, "n")["suppression"].to_list() == ["primary", "secondary", None, None]  # fmt: skip


def test_margins_that_cannot_all_be_met_say_so() -> None:
    frame = pl.DataFrame({"w": [1.0, 1], "a": ["1", "2"], "b": ["1", "2"]})
    found = rake(frame, "w", {"a": {"1": 1, "2": 3}, "b": {"1": 3, "2": 1}})
    assert (found.converged, found.max_error) == (False, pytest.approx(2.0))


def test_areas_known_for_certain_are_what_they_are() -> None:
    fitted = fay_herriot(AREAS.with_columns(se=pl.lit(1e-9))).areas
    assert fitted["modelled"].to_list() == pytest.approx(AREAS["mean"].to_list())
    assert (fitted["hi"] - fitted["lo"]).max() < 1e-6


def test_everything_is_importable_from_one_place() -> None:
    names = ["estimate_mean", "rake", "post_stratify", "fay_herriot", "rank_intervals", "lmg", "cronbach_alpha", "wilson", "kish", "benjamini_hochberg"]  # fmt: skip
    assert set(names) <= set(statistics.__all__)
    for name in statistics.__all__:
        assert getattr(statistics, name).__doc__, name
