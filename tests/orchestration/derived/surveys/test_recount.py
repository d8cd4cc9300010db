"""What is published of a wave, counted again from the rows that came in, and by `svy`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from waves import FEEDS, QUESTIONS, TODAY, wave

from orchestration.derived.surveys import comparisons, scores
from orchestration.derived.surveys.wave import Wave, read_wave

pytestmark = pytest.mark.slow

Rows = dict[str, pl.DataFrame]
Person = dict[str, Any]


def with_states(rows: Rows) -> Rows:
    """Some people do not know, some refuse, some were not asked."""
    answers = rows["survey_responses"].with_columns(
        answer=pl.when(pl.int_range(pl.len()) % 17 == 3).then(pl.lit("99"))
        .when(pl.int_range(pl.len()) % 23 == 5).then(pl.lit("98")).otherwise("answer")
    ).filter(pl.int_range(pl.len()) % 29 != 7)  # fmt: skip
    return rows | {"survey_responses": answers}


def read(rows: Rows) -> Wave:
    return read_wave(*(rows[feed] for feed in FEEDS), today=TODAY)


def share(people: list[Person], holds: Callable[[Person], bool]) -> float:
    return float(sum(p["w"] for p in people if holds(p)) / sum(p["w"] for p in people))


def recounted(people: list[Person], low: int, high: int, *, is_reversed: bool) -> dict[str, float | int | None]:
    """Every figure of one question over these people in plain arithmetic; answers as they stand in the file."""
    told = [p | {"v": low + high - int(p["answer"]) if is_reversed else int(p["answer"])} for p in people if p["answer"] not in (None, "98", "99")]  # fmt: skip
    asked = [p for p in people if p["answer"] is not None]
    willing = [p for p in asked if p["answer"] != "98"]
    boxes = 2
    figures: dict[str, float | int | None] = {
        "n": len(told),
        "n_eff": sum(p["w"] for p in told) ** 2 / sum(p["w"] ** 2 for p in told),
        "mean": 100 * sum(p["w"] * (p["v"] - low) for p in told) / sum(p["w"] for p in told) / (high - low),
        "top2_share": share(told, lambda p: p["v"] > high - boxes),
        "bottom2_share": share(told, lambda p: p["v"] < low + boxes),
        "good_share": share(told, lambda p: (p["v"] - low) / (high - low) >= 0.5),
        "dont_know_share": share(willing, lambda p: p["answer"] == "99"),
        "refused_share": share(asked, lambda p: p["answer"] == "98"),
        "nps": 100 * (share(told, lambda p: p["v"] >= 9) - share(told, lambda p: p["v"] <= 6)) if (low, high) == (0, 10) else None,
    }  # fmt: skip
    figures["net"] = 100 * (figures["top2_share"] - figures["bottom2_share"])  # type: ignore[operator]
    return figures


@pytest.fixture(scope="module")
def unraked() -> tuple[Rows, Wave, pl.DataFrame]:
    rows = with_states(wave())
    rows["survey_margins"] = rows["survey_margins"].clear()
    of_wave = read(rows)
    return rows, of_wave, scores.score_wave(of_wave)


@pytest.fixture(scope="module")
def raked() -> tuple[Rows, Wave, pl.DataFrame]:
    rows = with_states(wave())
    of_wave = read(rows)
    return rows, of_wave, scores.score_wave(of_wave)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q[0])
def test_every_figure_of_a_question_can_be_counted_again(unraked: Any, question: tuple[Any, ...]) -> None:
    code, _, dimension, low, high, is_reversed = question
    rows, _, estimated = unraked
    answers = {
        (r, q): a for r, q, a in rows["survey_responses"].select("respondent_id", "question_id", "answer").rows()
    }
    people = [
        {"w": r["base_weight"], "county": r["division_code"][:6] + "000000", "sex": r["sex"], "mode": r["mode"], "answer": answers.get((r["respondent_id"], code))}
        for r in rows["survey_samples"].rows(named=True)
    ]  # fmt: skip
    table = estimated.filter(question_id=code, dimension=dimension)
    cuts = {("all", "all", "all", "all"): people}
    for person in people:
        county = person["county"]
        for key in (("county", county, "all", "all"), ("all", "all", "sex", person["sex"]), ("county", county, "sex", person["sex"]), ("all", "all", "mode", person["mode"])):  # fmt: skip
            cuts.setdefault(key, []).append(person)
    for (level, area, group, value), of_cut in cuts.items():
        (found,) = table.filter(area_level=level, division_code=area, group_name=group, group_value=value).rows(named=True)  # fmt: skip
        for name, figure in recounted(of_cut, low, high, is_reversed=is_reversed).items():
            assert found[name] == (None if figure is None else pytest.approx(figure)), (level, group, name)


def test_the_mode_effect_is_the_mean_of_a_mode_less_that_of_all_others(unraked: Any) -> None:
    rows, of_wave, estimated = unraked
    table = comparisons.beside(of_wave, estimated)
    weights = {r: (w, m) for r, w, m in rows["survey_samples"].select("respondent_id", "base_weight", "mode").rows()}
    answers = rows["survey_responses"].filter(question_id="Q1").select("respondent_id", "answer").rows()
    means = {}
    for is_web in (True, False):
        of_mode = [
            (weights[r][0], 25 * (int(a) - 1))
            for r, a in answers
            if a not in ("98", "99") and (weights[r][1] == "web") is is_web
        ]
        means[is_web] = sum(w * y for w, y in of_mode) / sum(w for w, _ in of_mode)
    (found,) = table.filter(area_level="all", group_name="mode", group_value="web", dimension="overall", question_id="all").rows(named=True)  # fmt: skip
    assert found["mode_effect"] == pytest.approx(means[True] - means[False])
    assert found["mode_effect_lo"] < found["mode_effect"] < found["mode_effect_hi"]


def test_the_gap_between_town_and_country_is_that_of_their_means_with_the_error_of_the_design(unraked: Any) -> None:
    """Towns and villages are strata of their own, so the two means vary independently."""
    rows, of_wave, estimated = unraked
    table = comparisons.beside(of_wave, estimated).filter(group_name="area_type")
    for subject in (("overall", "Q1"), ("health", "all")):
        for area in ("all", "990101000000"):
            of = table.filter(division_code=area, dimension=subject[0], question_id=subject[1])
            (urban,), (rural,) = (of.filter(group_value=kind).rows(named=True) for kind in ("urban", "rural"))
            assert urban["urban_rural_gap"] == pytest.approx(urban["mean"] - rural["mean"])
            assert urban["urban_rural_gap_se"] == pytest.approx((urban["se"] ** 2 + rural["se"] ** 2) ** 0.5)
            assert urban["urban_rural_gap_lo"] < urban["urban_rural_gap"] < urban["urban_rural_gap_hi"]
            assert rural["urban_rural_gap"] is None
    towns = rows["survey_samples"].with_columns(area_type=pl.lit("urban"))
    one_kind = read(rows | {"survey_samples": towns})
    assert comparisons.beside(one_kind, scores.score_wave(one_kind))["urban_rural_gap"].is_null().all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("by", [None, "county"])
def test_what_is_published_agrees_with_svy(raked: Any, by: str | None) -> None:
    """From accepted rows to the table, raked to two margins with finite population: estimate, error, interval, df."""
    svy = pytest.importorskip("svy")
    rows, read_in, estimated = raked
    table = estimated.filter(question_id="Q1", group_name="all", area_level=by or "all").sort("division_code")  # fmt: skip
    people = read_in.respondents.join(
        read_in.answers.filter(question_id="Q1").select("respondent_id", "score", "top_box"), on="respondent_id", how="left"
    ).with_columns(pl.col("stratum_psus").cast(pl.Int64))  # fmt: skip
    totals = {m: dict(rows["survey_margins"].filter(margin=m).select("category", "population").rows()) for m in ("sex", "area_type")}  # fmt: skip
    sample = svy.Sample(people, svy.Design(stratum="stratum", wgt="base", psu="psu", pop_size="stratum_psus"))
    sample = sample.weighting.rake(controls={m: {c: float(n) for c, n in t.items()} for m, t in totals.items()}, tol=1e-12, max_iter=1000)  # fmt: skip
    theirs = sample.estimation.mean("score", by=by, drop_nulls=True)
    shares = sample.estimation.prop("top_box", by=by, drop_nulls=True, ci_method="korn-graubard")
    top = [r for r in shares.estimates if float(r.y_level) == 1.0]
    order = (lambda r: str(r.by_level)) if by else (lambda r: 0)
    for found, mean, share_ in zip(table.rows(named=True), sorted(theirs.estimates, key=order), sorted(top, key=order), strict=True):  # fmt: skip
        for ours, other in (
            ("mean", mean.est),
            ("se", mean.se),
            ("mean_lo", mean.lci),
            ("mean_hi", mean.uci),
            ("df", mean.df),
            ("n", mean.n),
        ):
            assert found[ours] == pytest.approx(other, rel=1e-6), ours
        for ours, other in (("top2_share", share_.est), ("top2_share_lo", share_.lci), ("top2_share_hi", share_.uci)):
            assert found[ours] == pytest.approx(other, rel=1e-6), ours
