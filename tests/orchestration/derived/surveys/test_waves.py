"""Any questionnaire, and what cannot be one: a clear sentence or a documented behaviour, never a silent number."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from waves import FEEDS, TODAY, answered, wave

from orchestration.derived.surveys import comparisons, diagnostics, drivers, scores
from orchestration.derived.surveys.wave import Wave, read_wave, wording_of
from orchestration.statistics.errors import StatisticsError

pytestmark = pytest.mark.slow

Rows = dict[str, pl.DataFrame]


def read(rows: Rows) -> Wave:
    return read_wave(*(rows[feed] for feed in FEEDS), today=TODAY)


def change(rows: Rows, feed: str, **columns: pl.Expr) -> Rows:
    return rows | {feed: rows[feed].with_columns(**columns)}


def row(table: pl.DataFrame, **where: str) -> dict[str, object]:
    usual = {"area_level": "all", "group_name": "all", "question_id": "all"} | where
    return table.filter(pl.all_horizontal(pl.col(c) == v for c, v in usual.items() if c in table.columns)).row(
        0, named=True
    )


FIRST = pl.int_range(pl.len()) == 0


# ── what cannot be estimated ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda r: change(r, "survey_margins", category=pl.col("category").replace({"1": "male"})), "Margin 'sex' has no population for 1"),
        (lambda r: change(r, "survey_margins", population=pl.when(FIRST).then(9000).otherwise("population")), "totals differ"),
        (lambda r: change(r, "survey_margins", margin=pl.col("margin").replace({"sex": "hobby"})), "'hobby' is no field of the sample"),
        (lambda r: change(r, "survey_samples", base_weight=pl.when(FIRST).then(0.0).otherwise("base_weight")), "positive weight in every row"),
        (lambda r: change(r, "survey_samples", psu=pl.when(FIRST).then(None).otherwise("psu")), "psu is missing for 1 of 240"),
        (lambda r: change(r, "survey_samples", stratum_psus=pl.lit(1)), "at least the PSUs sampled"),
        (lambda r: change(r, "survey_samples", outcome=pl.lit("refused")), "no respondent"),
        (lambda r: change(r, "survey_questions", lowest=pl.lit(None, pl.Int64)), "no question with a scale"),
        (lambda r: change(r, "survey_questions", dont_know_codes=pl.lit("5")), "one thing only"),
        (lambda r: change(r, "survey_questions", scale=pl.lit("points_100_80_60_30_0")), "'points_100_80_60_30_0' has points for 5 levels, the question has 11"),
        (lambda r: change(r, "survey_responses", answer=pl.lit("77")), "no answer on a scale"),
    ],
    ids=["category", "total", "margin", "weight", "psu", "fpc", "nobody", "no scale", "code twice", "scheme", "no answer"],
)  # fmt: skip
def test_a_wave_that_cannot_be_estimated_says_what_to_mend(spoil: Callable[[Rows], Rows], sentence: str) -> None:
    with pytest.raises(StatisticsError, match=sentence) as refused:
        scores.score_wave(read(spoil(wave())))
    chinese, _, english = str(refused.value).partition(" · ")
    assert re.search("[一-鿿]", chinese), "the department reads Chinese"
    assert not re.search("[一-鿿]", english)
    assert not re.search("[a-z]{3,} [a-z]{3,}", chinese), "English within the Chinese sentence"


def test_a_stratum_with_one_sampling_unit_is_estimated_and_says_so() -> None:
    rows = wave()
    one = pl.when(pl.col("stratum") == "990101-urban").then(pl.lit("990101001001")).otherwise("psu")
    table = scores.score_wave(read(change(rows, "survey_samples", psu=one)))
    whole = row(table, dimension="overall")
    assert whole["se"] > 0
    assert "single_psu" in str(whole["flags"])


def test_an_answer_outside_its_scale_counts_nowhere_and_is_flagged() -> None:
    plain, odd = read(wave()), read(answered(wave(), "Q1", ["7", "七"]))
    assert (row(scores.score_wave(plain), dimension="overall")["n"], row(scores.score_wave(odd), dimension="overall")["n"]) == (240, 238)  # fmt: skip
    outside = odd.flags.filter(pl.col("rule") == "out_of_range")
    assert outside.select("respondent", "evidence").rows() == [("R0000", "Q1 = 7"), ("R0001", "Q1 = 七")]
    assert diagnostics.diagnose_wave(odd).filter(pl.col("item") == "out_of_range")["respondents"].to_list() == [2]


def test_a_category_without_respondents_is_spread_and_reported() -> None:
    rows = wave()
    extra = rows["survey_margins"].head(1).with_columns(category=pl.lit("9"), population=pl.lit(100, pl.Int64))
    larger = rows["survey_margins"].with_columns(pl.when(pl.col("category") == "urban").then(pl.col("population") + 100).otherwise("population").alias("population"))  # fmt: skip
    found = diagnostics.diagnose_wave(read(rows | {"survey_margins": pl.concat([larger, extra])}))
    empty = found.filter((pl.col("topic") == "margin") & pl.col("is_problem"))
    assert empty.select("item", "category", "respondents", "population").rows() == [("sex", "9", 0, 100.0)]
    after = found.filter(pl.col("item") == "sex")["weighted_after"].sum()
    assert after == pytest.approx(4900)


def test_a_question_that_nobody_in_an_area_answered_is_null_with_its_reason() -> None:
    table = scores.score_wave(read(answered(wave(), "Q4", ["99"] * 120)))
    silent = row(table, area_level="county", division_code="990101000000", dimension="transport", question_id="Q4")
    assert (silent["n"], silent["mean"], silent["null_reason"], silent["dont_know_share"]) == (
        0,
        None,
        "no_answers",
        1.0,
    )


# ── any questionnaire ───────────────────────────────────────────────────────────────────────────


def test_do_not_know_refused_and_not_asked_have_denominators_of_their_own() -> None:
    one = read(answered(wave(), "Q1", ["99"] * 12 + ["98"] * 20 + [None] * 40))
    asked = row(scores.score_wave(one), dimension="overall", question_id="Q1")
    w = one.respondents["weight"].to_list()
    assert asked["n"] == 240 - 72
    assert asked["dont_know_share"] == pytest.approx(sum(w[:12]) / (sum(w[:12]) + sum(w[72:])))
    assert asked["refused_share"] == pytest.approx(sum(w[12:32]) / (sum(w[:32]) + sum(w[72:])))


def test_scales_reversed_items_and_the_promoter_score() -> None:
    rows = wave()
    agreed = rows | {"survey_responses": rows["survey_responses"].with_columns(answer=pl.col("question_id").replace_strict({"Q1": "5", "Q2": "4", "Q3": "1", "Q4": "9"}))}  # fmt: skip
    table = scores.score_wave(read(agreed))
    means = {q: row(table, dimension=d, question_id=q)["mean"] for d, q in (("overall", "Q1"), ("health", "Q2"), ("health", "Q3"), ("transport", "Q4"))}  # fmt: skip
    assert means == pytest.approx({"Q1": 100, "Q2": 75, "Q3": 100, "Q4": 90})
    assert row(table, dimension="transport", question_id="Q4")["nps"] == pytest.approx(100)
    assert row(table, dimension="health", question_id="Q2")["nps"] is None
    assert row(table, dimension="health")["mean"] == pytest.approx(87.5)
    assert {row(table, dimension=d)["null_reason"] for d in ("overall", "health")} == {None}


def test_a_scheme_of_points_is_policy_and_the_question_may_choose_it() -> None:
    rows = change(
        wave(), "survey_questions", scale=pl.when(pl.col("question_id") == "Q2").then(pl.lit("points_100_80_60_30_0"))
    )
    rows = rows | {"survey_responses": rows["survey_responses"].with_columns(answer=pl.lit("2"))}
    table = scores.score_wave(read(rows))
    assert row(table, dimension="health", question_id="Q2")["mean"] == pytest.approx(30)
    assert row(table, dimension="overall", question_id="Q1")["mean"] == pytest.approx(25)


def test_the_acsi_of_three_questions_on_ten_points() -> None:
    rows = wave()
    three = rows["survey_questions"].head(3).with_columns(
        scale=pl.Series(["acsi_overall", "acsi_expectancy", "acsi_ideal"]), lowest=1, highest=10, dimension=pl.lit("index"), is_reversed=False,
    )  # fmt: skip
    given = rows["survey_responses"].filter(pl.col("question_id") != "Q4").with_columns(answer=pl.col("question_id").replace_strict({"Q1": "8", "Q2": "6", "Q3": "7"}))  # fmt: skip
    found = row(
        scores.score_wave(read(rows | {"survey_questions": three, "survey_responses": given})), dimension="index"
    )
    assert found["acsi"] == pytest.approx((8 + 6 + 7 - 3) / 27 * 100)


def test_people_who_kept_silent_are_carried_by_their_stratum() -> None:
    rows = wave()
    silent = change(
        rows,
        "survey_samples",
        outcome=pl.when(pl.col("psu") == "990101001001").then(pl.lit("refused")).otherwise("outcome"),
    )
    without_margins = {"survey_margins": rows["survey_margins"].clear()}
    full, carried = read(rows | without_margins), read(silent | without_margins)
    total = pl.col("weight").filter(pl.col("stratum") == "990101-urban").sum()
    assert carried.respondents.height == 210
    assert carried.respondents.select(total).item() == pytest.approx(full.respondents.select(total).item())
    assert carried.response_rate == 210 / 240
    assert "margins" in carried.notes


def test_a_copy_of_a_questionnaire_adds_no_precision() -> None:
    """Eight questions, so that a vector of answers means somebody; every questionnaire comes three times."""
    rows = wave(each=10)
    eight = pl.concat([rows["survey_responses"].with_columns(question_id=pl.col("question_id") + s) for s in ("", "b")])
    asked = pl.concat([rows["survey_questions"].with_columns(question_id=pl.col("question_id") + s) for s in ("", "b")])
    sample = rows["survey_samples"].with_columns(pl.lit(None, pl.String).alias(c) for c in ("psu", "stratum"))
    once = {"survey_questions": asked, "survey_samples": sample, "survey_responses": eight, "survey_margins": rows["survey_margins"].clear()}  # fmt: skip
    rng = pl.Series("answer", [str(1 + (i * 7919) % 5) for i in range(eight.height)])
    once["survey_responses"] = eight.with_columns(rng)
    thrice = once | {
        feed: pl.concat([once[feed].with_columns(respondent_id=pl.col("respondent_id") + c) for c in "xyz"])
        for feed in ("survey_samples", "survey_responses")
    }
    one, copied = read(once), read(thrice)
    single, triple = (row(scores.score_wave(w), dimension="overall") for w in (one, copied))
    assert triple["n"] == 3 * single["n"]
    assert triple["mean"] == pytest.approx(single["mean"])
    assert triple["se"] == pytest.approx(single["se"], rel=0.02)
    assert "different ones" in copied.notes["copies"]


# ── wording, waves ──────────────────────────────────────────────────────────────────────────────


def test_the_wording_ignores_spacing_and_knows_the_scale() -> None:
    asked = wording_of("总体满意吗？", 1, 5, is_reversed=False)
    assert asked == wording_of(" 总体满意吗?", 1, 5, is_reversed=False)
    others = [("总体上满意吗？", 1, 5, False), ("总体满意吗？", 1, 10, False), ("总体满意吗？", 1, 5, True)]
    assert asked not in {wording_of(t, lo, hi, is_reversed=r) for t, lo, hi, r in others}


def trend(*waves: Rows) -> pl.DataFrame:
    estimated = []
    for rows in waves:
        one = read(rows)
        estimated.append(comparisons.beside(one, scores.score_wave(one)))
    return comparisons.with_changes(pl.concat(estimated), 0.05, 0.95)


def test_a_change_is_tested_against_the_newest_earlier_wave_with_the_same_wording() -> None:
    from datetime import date

    first = wave("2025Q1", seed=1, day=date(2025, 2, 1))
    second = wave("2025Q3", seed=2, day=date(2025, 8, 1))
    reworded = pl.when(pl.col("question_id") == "Q1").then(pl.lit("总体上您满意吗？")).otherwise("text")
    third = wave("2026Q1", seed=3, shift=-1.2)
    table = trend(third, first, change(second, "survey_questions", text=reworded))
    last = table.filter(pl.col("wave") == "2026Q1")
    overall, health = row(last, dimension="overall"), row(last, dimension="health", question_id="Q2")
    assert (overall["previous_wave"], health["previous_wave"]) == ("2025Q1", "2025Q3")
    before = row(table.filter(pl.col("wave") == "2025Q3"), dimension="health", question_id="Q2")
    assert health["change"] == pytest.approx(health["mean"] - before["mean"])
    assert health["change_se"] == pytest.approx((health["se"] ** 2 + before["se"] ** 2) ** 0.5)
    assert health["is_change_significant"] is True
    assert health["change_p_adjusted"] >= health["change_p"]
    assert row(table.filter(pl.col("wave") == "2025Q3"), dimension="overall")["change_null_reason"] == "no_earlier_wave_with_this_wording"  # fmt: skip


def test_a_wave_that_differs_by_chance_alone_is_seldom_called_changed() -> None:
    from datetime import date

    table = trend(wave("2025Q1", seed=11, day=date(2025, 2, 1)), wave("2026Q1", seed=12))
    tested = table.filter(pl.col("change_p").is_not_null())
    assert tested.height > 100
    assert tested["is_change_significant"].mean() < 0.1


# ── beside the estimates ────────────────────────────────────────────────────────────────────────


def test_every_cut_adds_up_to_everybody() -> None:
    table = scores.score_wave(read(wave())).filter(pl.col("question_id") == "Q1")
    totals = table.group_by("area_level", "group_name").agg(pl.col("n").sum())
    assert set(totals["n"]) == {240}
    assert set(totals.select("area_level", "group_name").rows()) >= {("all", "all"), ("county", "all"), ("town", "all"), ("all", "sex"), ("county", "mode")}  # fmt: skip


def test_flagged_questionnaires_are_published_with_and_without() -> None:
    hurried = change(
        wave(), "survey_samples", seconds=pl.when(pl.int_range(pl.len()) < 30).then(20.0).otherwise("seconds")
    )
    one = read(hurried)
    assert one.flags["rule"].unique().to_list() == ["speeding"]
    whole = row(scores.score_wave(one), dimension="overall")
    assert (whole["n"], whole["unflagged_n"]) == (240, 210)
    assert whole["unflagged_mean"] != whole["mean"]
    assert whole["unflagged_mean_lo"] < whole["unflagged_mean"] < whole["unflagged_mean_hi"]


def test_modes_of_an_area_ranks_and_models() -> None:
    one = read(wave(each=20))
    table = comparisons.beside(one, scores.score_wave(one))
    modes = table.filter((pl.col("group_name") == "mode") & (pl.col("area_level") == "all") & (pl.col("question_id") == "all") & (pl.col("dimension") == "health"))  # fmt: skip
    effects = modes["mode_effect"].to_list()
    assert len(effects) == 2
    assert effects[0] == pytest.approx(-effects[1])
    towns = table.filter(
        (pl.col("area_level") == "county") & (pl.col("group_name") == "all") & (pl.col("question_id") == "Q1")
    )
    assert sorted(towns["rank"].to_list()) == [1, 2]
    assert (
        towns["modelled_null_reason"].to_list()
        == ["可用地区 2 个，至少需要 5 个 · 2 areas with an estimate; 5 needed"] * 2
    )


def test_drivers_are_shared_out_or_refused_with_the_reason() -> None:
    found = drivers.drive_wave(read(wave()))
    assert found.select("outcome", "driver", "n_questions").rows() == [("Q1", "health", 2), ("Q1", "transport", 1)]
    assert found["importance"].sum() == pytest.approx(1)
    assert (found["importance_lo"] <= found["importance"]).all()
    assert found.filter(pl.col("driver") == "health")["alpha"].item() > 0.4
    few = drivers.drive_wave(read(wave(each=5)))
    assert few["importance"].null_count() == 2
    assert few["null_reason"][0] == "完整作答 40 份，至少需要 50 份 · 40 complete answers; 50 needed"


def test_a_refusal_names_dimensions_and_questions_and_no_column() -> None:
    (same,) = set(drivers.drive_wave(read(answered(wave(), "Q4", ["5"] * 240)))["null_reason"])
    assert same == "公共交通 的所有回答相同 · all answers to Public transport are equal"
    alone = change(
        wave(),
        "survey_questions",
        role=pl.when(pl.col("dimension") == "transport").then(pl.lit("background")).otherwise("role"),
    )
    (refused,) = set(drivers.drive_wave(read(alone))["null_reason"])
    assert refused == (
        "至少需要两个不同的驱动因素，现为 ['医疗卫生']。 · Expected at least two different drivers beside the outcome, got ['Health care']."
    )


def test_weights_are_trimmed_and_the_margins_still_hold() -> None:
    heavy = change(
        wave(), "survey_samples", base_weight=pl.when(pl.int_range(pl.len()) < 3).then(900.0).otherwise("base_weight")
    )
    one = read(heavy)
    found = diagnostics.diagnose_wave(one).filter(pl.col("topic").is_in(["weights", "margin"]))
    facts = dict(found.filter(pl.col("topic") == "weights").select("item", "value").rows())
    assert facts["n_trimmed"] == 3
    assert facts["max_to_median"] <= 5.01
    assert facts["n_eff"] == pytest.approx(240 / facts["deff_weighting"])
    margins = found.filter(pl.col("topic") == "margin")
    assert margins["weighted_after"].to_list() == pytest.approx(margins["population"].to_list())


@pytest.mark.slow
def test_a_change_in_the_same_communities_knows_that_they_are_the_same() -> None:
    """Both waves of `wave` go to the same eight communities; another draw of villages is a sample of its own."""
    first, second = (read(rows) for rows in (wave("2025Q1", seed=3), wave("2026Q1", seed=4, shift=0.1)))
    estimated = pl.concat([scores.score_wave(w) for w in (first, second)])
    dated = estimated.with_columns(held_on=pl.col("wave").str.head(4).cast(pl.Int32).pipe(lambda y: pl.date(y, 2, 1)))
    overlap = comparisons.covariances(first, second)
    assert overlap.height > 50
    apart = row(comparisons.with_changes(dated, 0.05, 0.95), wave="2026Q1", question_id="Q1")
    together = row(comparisons.with_changes(dated, 0.05, 0.95, overlap), wave="2026Q1", question_id="Q1")
    shared = row(overlap, question_id="Q1")["covariance"]
    assert together["change"] == apart["change"]
    assert together["change_se"] ** 2 == pytest.approx(apart["change_se"] ** 2 - 2 * shared)
    assert shared != 0
    moved = change(wave("2026Q1", seed=4), "survey_samples", psu="x" + pl.col("psu"))
    assert comparisons.covariances(first, read(moved)).height == 0


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("2025", date(2025, 7, 1)), ("2025Q3", date(2025, 8, 15)), ("2025-11", date(2025, 11, 15)), ("2025H2", date(2025, 10, 1)),
        ("WJX-2026", date(2026, 7, 1)), ("2025年3月", date(2025, 3, 15)), ("20250301", date(2025, 7, 1)), ("pilot", None),
    ],
)  # fmt: skip
def test_a_wave_without_interview_days_is_dated_by_its_name(name, day) -> None:
    undated = change(wave(name, each=3), "survey_samples", answered_on=pl.lit(None, pl.Date))
    assert read(undated).held_on == day
    assert read(wave(name, each=3, day=date(2024, 12, 31))).held_on == date(2024, 12, 31)


def test_how_many_levels_of_area_are_crossed_with_groups_is_policy() -> None:
    estimated = read(wave(each=6))
    crossed = [c.area for c in scores.cuts(estimated) if c.area and c.group]
    assert set(crossed) == set(estimated.area_levels[:1])
    deeper = replace(estimated.policy, parameters={**estimated.policy.parameters, "crossed_levels": "2"})
    assert {c.area for c in scores.cuts(replace(estimated, policy=deeper)) if c.area and c.group} == set(estimated.area_levels[:2])  # fmt: skip


def of_two_senders(*, shift: float = 0.0, **other: pl.Expr) -> dict[str, pl.DataFrame]:
    """A wave that two offices sent; `other`: what the second one's respondents and questions say otherwise."""
    first, second = wave(), wave(seed=2, shift=shift)
    second = {
        feed: rows.with_columns(
            pl.lit("t").alias("_sender"), *(e.alias(c) for c, e in other.items() if c in rows.columns)
        )
        for feed, rows in second.items()
    }
    together = {feed: pl.concat([first[feed], second[feed]]) for feed in FEEDS}
    return together | {"survey_margins": first["survey_margins"]}


def test_two_surveys_under_one_name_are_not_one() -> None:
    """Answers of one were read by the scale of the other, and two people of one number were one person's two opinions."""
    renumbered = pl.concat_str(pl.lit("T"), "respondent_id")
    for rows, said in (
        (of_two_senders(), "s, t both sent wave '2026Q1' and say different things of respondent_id R0000"),
        (of_two_senders(respondent_id=renumbered, highest=pl.col("highest") * 2), "different things of question_id Q1"),
    ):
        with pytest.raises(StatisticsError, match=said):
            read(rows)


def test_two_offices_may_interview_for_one_survey() -> None:
    rows = of_two_senders(respondent_id=pl.concat_str(pl.lit("T"), "respondent_id"))
    assert read(rows).respondents.height == 2 * wave()["survey_samples"].height


def test_an_area_without_answers_leaves_no_figure_that_is_no_number() -> None:
    """Nobody of one county answered a question: its error is not known, and was NaN in the table."""
    nth = pl.int_range(pl.len())
    code = pl.format("99010{}001001", nth % 6 + 1)
    rows = change(
        wave(), "survey_samples", division_code=code, psu=pl.format("{}-{}", code, nth % 5), stratum=pl.lit("s")
    )
    rows = change(rows, "survey_samples", stratum_psus=pl.lit(None, pl.Int64))
    silent = rows["survey_samples"].filter(pl.col("division_code").str.starts_with("990103"))["respondent_id"]
    told = (pl.col("question_id") != "Q1") | ~pl.col("respondent_id").is_in(silent.implode())
    of_wave = read(rows | {"survey_responses": rows["survey_responses"].filter(told)})
    table = comparisons.beside(of_wave, scores.score_wave(of_wave))
    (found,) = table.filter(division_code="990103000000", question_id="Q1", group_name="all").rows(named=True)
    assert (found["mean"], found["sampling_se"]) == (None, None)
    assert found["modelled_mean"] is not None
    assert [c for c, kind in table.schema.items() if kind == pl.Float64 and table[c].is_nan().any()] == []


@pytest.mark.parametrize("units", ["one", "all"])
def test_a_change_has_a_value_or_a_reason_and_never_both(units: str) -> None:
    """A wave of one sampling unit has means and no error: `survey_score` broke its promise, and nothing was released any more."""
    both = []
    for name, seed, day in (("2025Q1", 1, date(2025, 2, 1)), ("2026Q1", 2, TODAY)):
        rows = change(
            wave(name, seed=seed, day=day), "survey_samples", stratum=pl.lit("s"), stratum_psus=pl.lit(None, pl.Int64)
        )
        unit = pl.lit("p") if units == "one" else pl.col("psu")
        both.append(scores.score_wave(read(change(rows, "survey_samples", psu=unit))))
    compared = comparisons.with_changes(pl.concat(both), 0.05, 0.95)
    assert compared.filter(pl.col("change").is_null() != pl.col("change_null_reason").is_not_null()).height == 0
    of_all = row(compared, wave="2026Q1", group_value="all", dimension="overall", question_id="Q1")
    assert (of_all["change"] is None) == (units == "one")
    assert of_all["change_null_reason"] == ("no_standard_error" if units == "one" else None)


def test_answers_of_people_or_questions_that_no_list_has_are_told() -> None:
    """A sample that came in two files is the second one: whoever stood in the first had answered in silence."""
    rows = wave()
    half = rows["survey_samples"].filter(pl.col("respondent_id") >= "R0060")
    most = rows["survey_questions"].filter(pl.col("question_id") != "Q4")
    of_wave = read(rows | {"survey_samples": half, "survey_questions": most})
    assert "60 people who answered are in no sample list" in of_wave.notes["unsampled"]
    assert "1 questions are in no list of questions and are not estimated: Q4" in of_wave.notes["unasked"]
    assert {"unsampled", "unasked"}.isdisjoint(read(rows).notes)
    told = diagnostics.diagnose_wave(of_wave).filter(topic="note", is_problem=True)
    assert {"unsampled", "unasked"} <= set(told["item"])
