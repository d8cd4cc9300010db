"""The published survey: no answer of a few can be worked out, in one release or from one to the next; and the programme that tries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from contracts.loading import load_products
from contracts.public_edition import load_public_edition
from orchestration.disclosure.attack_elsewhere import digits, moved, other_forms, sums_elsewhere
from orchestration.disclosure.attack_samples import ranks_with_gaps, read_survey, with_implied_means
from orchestration.disclosure.public_edition import MACROS
from orchestration.disclosure.samples import stands, withheld_samples
from orchestration.disclosure.tens import FAR, TEN, tens_of

TABLE = load_public_edition()["survey_score"]
Unit = tuple[str, str, int, float]


def survey(units: Sequence[Unit], wave: str = "1") -> pl.DataFrame:
    """(area level, division, answers, mean) of one question."""
    return pl.DataFrame(
        [
            {
                "wave": wave, "area_level": level, "division_code": code, "group_name": "all", "group_value": "all",
                "dimension": "d", "question_id": "Q1", "wording": "w", "n": n, "mean": mean,
            }
            for level, code, n, mean in units
        ]
    )  # fmt: skip


def as_told(frame: pl.DataFrame) -> pl.DataFrame:
    """The sample as the edition tells it."""
    told = withheld_samples(TABLE, frame)
    gone, untold = pl.col("_hidden"), pl.col("_hidden") | pl.col("_untold")
    return told.with_columns(
        n=pl.when(~gone & (pl.col("n") >= TEN)).then(pl.col("n") // TEN * TEN + TEN // 2),
        mean=pl.when(~untold).then(pl.col("mean").round(1)),
    )


def answers(rng: np.random.Generator, sizes: Sequence[int], high: float) -> list[Unit]:
    """Counties in which everybody gave one of five answers, and all of them together."""
    points = np.array([0, 25, 50, 75, 100])
    drawn = [points[rng.binomial(4, rng.beta(8 * high, 8 * (1 - high)), n)] for n in sizes]
    every = np.concatenate(drawn)
    return [("all", "all", len(every), float(every.mean()))] + [
        ("county", f"c{i}", len(d), float(d.mean())) for i, d in enumerate(drawn)
    ]


@pytest.mark.parametrize("seed", range(25))
def test_nobody_is_read_from_counts_and_means_of_small_counties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.choice([1, 2, 5, 9, 11, 12, 14, 20, 41, 60, 130], int(rng.integers(2, 7)))]
    units = answers(rng, sizes, float(rng.choice([0.1, 0.5, 0.8, 0.97])))
    assert list(read_survey(as_told(survey(units)), {"n": "tens"})) == []


def test_the_programme_reads_what_a_mean_gives_away() -> None:
    """Of 25 people one was a step below the best: 99 points. And of a county left out, all others known: who they are."""
    found = {(r.what, r.lo, r.hi) for r in read_survey(survey([("all", "all", 25, 99.0)]), {"n": "exact"})}
    assert ("not highest", 1, 1) in found
    left_out = survey([("all", "all", 103, 75.0), ("county", "a", 100, 77.2), ("county", "b", 3, 0.0)])
    left_out = left_out.with_columns(
        n=pl.when(pl.col("division_code") != "b").then("n"), mean=pl.when(pl.col("division_code") != "b").then("mean")
    )
    assert ("answers", 3, 3) in {(r.what, r.lo, r.hi) for r in read_survey(left_out, {"n": "exact"}) if " b " in r.cell}


def test_a_mean_of_few_unlike_answers_takes_another_with_it() -> None:
    frame = survey(
        [("all", "all", 300, 83.0), ("county", "a", 100, 99.0), ("county", "b", 100, 70.0), ("county", "c", 100, 80.0)]
    )
    told = withheld_samples(TABLE, frame)
    assert told.filter("_untold")["division_code"].to_list() == ["a", "c"], "or the mean of all less the others is a's"
    assert not told["_hidden"].any(), "how many answered is told"


def test_a_mean_that_leaves_withheld_units_with_few_unlike_answers_is_not_told() -> None:
    """Two counties of 9 and 14 are withheld; the whole less the third says that of their 23 people one at most was not content."""
    units = [("all", "all", 153, 80.0), ("county", "a", 130, 77.0), ("county", "b", 14, 98.2), ("county", "c", 9, 94.4)]
    told = withheld_samples(TABLE, survey(units))
    assert told.filter("_hidden")["division_code"].to_list() == ["b", "c"]
    assert told.filter("_untold")["division_code"].to_list() == ["a"]
    told_all = as_told(survey(units)).with_columns(mean=pl.when(pl.col("n").is_not_null()).then(survey(units)["mean"]))
    assert any("county b" in r.cell for r in read_survey(told_all, {"n": "tens"})), (
        "the programme reads it where it is told"
    )


def test_a_topic_is_told_of_a_unit_whole_or_not_at_all() -> None:
    """Its mean is the mean of its questions: of two questions and their mean any two give the third."""
    questions = {"all": (92.0, 80.0, 84.0), "Q1": (99.0, 80.0, 86.0), "Q2": (85.0, 80.0, 82.0)}
    frame = pl.concat(
        survey([("county", c, 100, m) for c, m in zip("abc", means, strict=True)]).with_columns(question_id=pl.lit(q))
        for q, means in questions.items()
    )
    told = withheld_samples(TABLE, frame).filter("_untold")
    assert sorted(told.select("division_code", "question_id").rows()) == [
        (c, q) for c in "ac" for q in ("Q1", "Q2", "all")
    ]
    as_before = frame.with_columns(
        _error=pl.lit(0.05),
        mean=pl.when((pl.col("question_id") != "Q1") | (pl.col("division_code") == "b")).then("mean"),
    )
    implied = with_implied_means(as_before).filter(question_id="Q1").select("division_code", "mean", "_error").rows()
    assert implied == [
        ("a", pytest.approx(99.0), pytest.approx(0.15)),
        ("b", 80.0, 0.05),
        ("c", pytest.approx(86.0), pytest.approx(0.15)),
    ]


def test_the_programme_reads_a_question_from_its_topic() -> None:
    """99 points of 25 people in one question, left out; the other question and the mean of both are told."""
    rows = [("all", 92.0), ("Q1", None), ("Q2", 85.0)]
    frame = pl.concat(survey([("all", "all", 25, m)]).with_columns(question_id=pl.lit(q)) for q, m in rows if m)  # fmt: skip
    missing = frame.head(1).with_columns(question_id=pl.lit("Q1"), mean=pl.lit(None, pl.Float64))
    found = {(r.what, r.lo, r.hi) for r in read_survey(pl.concat([frame, missing]), {"n": "exact"}) if " Q1 " in r.cell}
    assert ("not highest", 1, 1) in found


def test_the_interval_says_nothing_but_mean_and_count() -> None:
    with duckdb.connect() as con:
        con.execute(MACROS)
        lo, hi = con.sql("select mean_lo(70.0, 105), mean_hi(70.0, 105)").fetchall()[0]
    half = 1.96 * (70 * 30 / 100) ** 0.5
    assert (lo, hi) == (np.floor(10 * (70 - half)) / 10, np.ceil(10 * (70 + half)) / 10)


# ── a wave that is delivered again ──────────────────────────────────────────────────────────────


def kept(*tellings: Sequence[Unit]) -> pl.DataFrame:
    """What releases before have told, one telling after the other."""
    told = [withheld_samples(TABLE, survey(units)).with_columns(_telling=pl.lit(i)) for i, units in enumerate(tellings)]
    return pl.concat(told).rename({"n": "_n", "mean": "_mean"})


def again(now: Sequence[Unit], *tellings: Sequence[Unit]) -> list[tuple[Any, ...]]:
    """(wave, as in which telling) of what is told as before."""
    return stands(TABLE, withheld_samples(TABLE, survey(now)), kept(*tellings)).select("wave", "_telling").rows()


THEN: list[Unit] = [("all", "all", 200, 70.0), ("county", "a", 120, 72.0), ("county", "b", 80, 67.0)]


@pytest.mark.parametrize(
    ("now", "is_as_it_was"),
    [
        ([("all", "all", 201, 70.1), ("county", "a", 121, 72.2), ("county", "b", 80, 67.0)], True),  # one answer more
        ([("all", "all", 200, 70.2), ("county", "a", 120, 72.3), ("county", "b", 80, 67.0)], True),  # one corrected
        ([("all", "all", 203, 69.0), *THEN[1:], ("county", "d", 3, 10.0)], True),  # a county of three
        ([("all", "all", 230, 70.0), ("county", "a", 150, 71.0), ("county", "b", 80, 67.0)], False),  # thirty more
        ([("all", "all", 200, 50.0), ("county", "a", 120, 45.0), ("county", "b", 80, 45.0)], False),  # all was wrong
        ([*THEN], True),
    ],
)
def test_a_wave_is_told_again_where_all_that_changed_is_of_ten_or_more(now: list[Unit], is_as_it_was: bool) -> None:
    assert again(now, THEN) == ([("1", 0)] if is_as_it_was else [])


def test_a_wave_that_comes_back_to_what_it_was_is_told_as_it_was_then() -> None:
    """Delivered, delivered wrongly, delivered again with one answer more: the first telling is known to everybody."""
    wrong = [("all", "all", 900, 30.0), ("county", "a", 500, 20.0), ("county", "b", 400, 42.5)]
    one_more = [("all", "all", 201, 70.1), ("county", "a", 121, 72.2), ("county", "b", 80, 67.0)]
    assert again(one_more, THEN, wrong) == [("1", 0)]
    assert again(wrong, THEN, wrong) == [("1", 1)]


def test_the_first_wave_after_a_release_without_any_is_told() -> None:
    nothing = kept(THEN).clear()
    assert stands(TABLE, withheld_samples(TABLE, survey(THEN)), nothing).rows() == []


def test_another_wave_is_told_whatever_becomes_of_the_first() -> None:
    now = pl.concat([survey([("all", "all", 201, 70.1)]), survey([("all", "all", 50, 60.0)], wave="2")])
    assert stands(TABLE, withheld_samples(TABLE, now), kept([THEN[0]]))["wave"].to_list() == ["1"]


# ── the same figures elsewhere ──────────────────────────────────────────────────────────────────


def test_a_total_whose_parts_stand_in_another_table_is_told_no_higher_than_they_allow() -> None:
    """Three facilities of 9 visitors: 27 would say that each had two at least."""
    told, _, width = tens_of(np.array([27, 27]), [], None, np.array([27, FAR]))
    assert (told.tolist(), width.tolist()) == ([10, 20], [17, 9])


def volumes(visits: Sequence[int | None], total: int) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(
        "create table dim_division (division_code varchar, county_code varchar, city_code varchar, province_code varchar)"
    )
    con.execute("insert into dim_division values ('v', 'c', null, null)")
    con.execute(
        "create table fct_service_volume (facility_id varchar, period_start date, period_end date, service_item_code varchar, "
        "department_code varchar, division_code varchar, visits int, participants int, residents int)"
    )
    for i, n in enumerate(visits):
        con.execute("insert into fct_service_volume values (?, '2026-01-01', '2026-01-01', 'i', 'sports', 'v', ?, null, null)", [f"f{i}", n])  # fmt: skip
    con.execute(
        "create table indicator_value (indicator_code varchar, period date, division_code varchar, numerator int)"
    )
    con.execute("insert into indicator_value values ('sports_visits_per_100', '2026-01-01', 'c', ?)", [total])
    return con


def test_the_programme_adds_up_facilities_and_divides_back_rates() -> None:
    kinds = {"fct_service_volume": {"visits": "tens"}, "indicator_value": {"numerator": "tens"}}
    with volumes([None, None, 15], 35) as con:
        found = [(e.lo, e.hi) for e in sums_elsewhere(con, kinds, TEN)]
    assert found == [(2.0, 9.0), (2.0, 9.0)], "30 at least, of which one facility had 19 at most and another 9"
    with volumes([None, None, 15], 15) as con:
        assert list(sums_elsewhere(con, kinds, TEN)) == []
    with duckdb.connect() as con:
        con.execute(
            "create table review_scorecard as select 'a' as code, 405 as active_reviews, null::int as bad_reviews, 0.9925925926 as good_rate"
        )
        tens = dict.fromkeys(("active_reviews", "bad_reviews"), "tens")
        found = [(e.lo, e.hi) for e in digits(con, load_public_edition()["review_scorecard"], tens, TEN)]
    assert found == [(3.0, 3.0)]


def test_another_form_of_the_edition_with_another_figure_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "public"
    (folder / "csv").mkdir(parents=True)
    edition = folder / "minsheng_public.duckdb"
    with duckdb.connect(str(edition)) as con:
        con.execute(
            "create table review_scorecard as select 'a' as code, 405 as active_reviews, null::int as bad_reviews"
        )
    (folder / "csv" / "review_scorecard.csv").write_text("code,active_reviews,bad_reviews\na,405,\n", encoding="utf-8")
    assert list(other_forms(edition)) == []
    (folder / "csv" / "review_scorecard.csv").write_text("code,active_reviews,bad_reviews\na,405,7\n", encoding="utf-8")
    assert [(e.measure, e.lo) for e in other_forms(edition)] == [("bad_reviews", 7)]


def test_a_page_that_writes_ten_digits_says_nothing_else(tmp_path: Path) -> None:
    """0.5185185185 is what it writes of 14/27; the other label of the same words is another table's."""
    edition, pages = tmp_path / "public" / "minsheng_public.duckdb", tmp_path / "bulletin" / "data"
    edition.parent.mkdir()
    pages.mkdir(parents=True)
    with duckdb.connect(str(edition)) as con:
        con.execute("create table indicator_value as select 'i' as indicator_code, 14 / 27 as value")
        con.execute("create table equalisation_unit as select 'i' as indicator_code, 2.5 as value")
    label = f"{load_products()['indicator_value'].by_name['value'].label_zh} Value"
    (pages / "indicators.csv").write_text(f"{label} [%]\n0.5185185185\n", encoding="utf-8")
    assert list(other_forms(edition)) == []
    (pages / "indicators.csv").write_text(f"{label} [%]\n0.51852\n", encoding="utf-8")
    assert [e.lo for e in other_forms(edition)] == [0.51852]


def test_what_came_between_two_releases_is_narrowed_by_the_total() -> None:
    """The city had 12 more, one town at most 9: the other had 3 at least, and 5 at most."""
    ends = np.array([100.0, 40, 60]), np.array([100.0, 40, 60])
    after = np.array([112.0, 40, 60]), np.array([112.0, 47, 65])
    found = moved(ends, after, [(0, (1, 2), False)], TEN)
    assert (2, 5.0, 5.0) in found
    assert (1, 7.0, 7.0) in found
    wide = np.array([100.0, 40, 60]), np.array([109.0, 49, 69])
    assert moved(wide, wide, [(0, (1, 2), False)], TEN) == []


def test_a_rank_that_nobody_has_is_a_withheld_one() -> None:
    assert list(ranks_with_gaps(pl.DataFrame({"area_rank": [1, 2, 4, None]}))) == [("area_rank", 3)]
