"""What leaves the bureau: tens that no sum opens, a list that nobody can forget, and a programme that tries to find people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from contracts.indicators import load_indicators
from contracts.loading import load_products, seed
from contracts.model import SUPPRESSED
from contracts.public_edition import forgotten, load_public_edition
from orchestration.disclosure import public_edition, records
from orchestration.disclosure.attack import Relation, attack, bracket, summary
from orchestration.disclosure.public_edition import Moved, read_state, tell
from orchestration.disclosure.samples import withheld_samples
from orchestration.disclosure.tens import TEN, chained, tens_of
from orchestration.paths import DataDirectory
from orchestration.release import certificates, keeping, names, publishing, standing

PRODUCTS = {
    name: load_products()[name]
    for name in ("dim_division", "dim_service_item", "dim_facility", "review_scorecard", "fct_review", "release_log")
}
SCORECARD = load_public_edition()["review_scorecard"]
TODAY, MONTH = date(2026, 3, 1), date(2026, 2, 1)
SOME: Mapping[str, Any] = {
    "string": "x", "integer": 0, "number": 1.0, "boolean": True, "date": MONTH, "timestamp": datetime(2026, 3, 1),
}  # fmt: skip


# ── a city, its parts and its figures ───────────────────────────────────────────────────────────


def random_city(rng: np.random.Generator, mean: float) -> tuple[np.ndarray, list[Relation]]:
    """Everybody, two to four counties of two to four towns, some departments and channels: figures that add up every way."""
    people = int(rng.poisson(mean * 10))
    towns_of = [int(rng.integers(1, 5)) for _ in range(int(rng.integers(2, 5)))]
    n_towns, relations, values = sum(towns_of), [], [people]

    def divide(total: int, parts: int) -> list[int]:
        return rng.multinomial(total, rng.dirichlet(np.ones(parts))).tolist()

    towns = divide(people, n_towns)
    first, counties = 1 + len(towns_of), []
    for n in towns_of:
        counties.append(sum(towns[first - 1 - len(towns_of) : first - 1 - len(towns_of) + n]))
        relations.append(Relation(len(counties), tuple(range(first, first + n)), False))
        first += n
    values += counties + towns
    relations.append(Relation(0, tuple(range(1, 1 + len(towns_of))), False))
    relations.append(Relation(0, tuple(range(1 + len(towns_of), 1 + len(towns_of) + n_towns)), False))
    for parts in (int(rng.integers(2, 7)), int(rng.integers(2, 4))):
        relations.append(Relation(0, tuple(range(len(values), len(values) + parts)), False))
        values += divide(people, parts)
    return np.array(values, dtype=np.int64), relations


@pytest.mark.parametrize("seed_", range(12))
def test_no_sum_of_tens_tells_more_of_a_few_than_that_they_are_few(seed_: int) -> None:
    rng = np.random.default_rng(seed_)
    values, relations = random_city(rng, float(rng.choice([1, 4, 12])))
    told, _, width = tens_of(values, relations)
    lo, hi = told.astype(float), (told + width).astype(float)
    assert (lo <= values).all()
    assert list(bracket(["n"], {"n": (lo, hi)}, relations, (), TEN)) == []
    assert list(bracket(["n"], {"n": (lo, lo + TEN - 1)}, relations, (), TEN)) == [], (
        "nor to who takes every ten as told"
    )


def test_without_the_limit_tens_would_tell() -> None:
    """Three parts of 9 and a total of 27: each part would be known to be at least 2."""
    values, relations = np.array([27, 9, 9, 9]), [Relation(0, (1, 2, 3), False)]
    plain = values // TEN * TEN
    found = list(bracket(["n"], {"n": (plain.astype(float), plain + 9.0)}, relations, (), TEN))
    assert {(row, low) for _, row, low, *_ in found} == {(1, 2), (2, 2), (3, 2)}
    told, *_ = tens_of(values, relations)
    assert told.tolist() == [10, 0, 0, 0]


@pytest.mark.parametrize("seed_", range(4))
def test_figures_that_are_parts_of_one_another_tell_no_more_together(seed_: int) -> None:
    """Accepted bad reviews, of these some were due, of these some were put right in time: in every place at once."""
    rng = np.random.default_rng(seed_)
    values, relations = random_city(rng, 6)
    of_total = {r.total for r in relations}
    due = values.copy()
    ways = [r for r in relations if r.total == 0 and not {*r.parts} & of_total]
    left = int(values[0] * 0.6)
    for way in ways:  # the same number of the same people, whichever way they are divided
        due[list(way.parts)] = rng.multivariate_hypergeometric(values[list(way.parts)], left)
    due[0] = left
    for r in relations:
        if r.total:
            due[r.total] = due[list(r.parts)].sum()
    figures = {"accepted": values, "due": due}
    told = chained(figures, relations, [("due", "accepted")], {}, {})
    bounds = {m: (t[0].astype(float), t[0] + TEN - 1.0) for m, t in told.items()}
    assert list(bracket(list(figures), bounds, relations, [("due", "accepted")], TEN)) == []


def test_two_figures_do_not_press_the_rest_of_their_total() -> None:
    """As in a made-up city: 59 due and 58 in time in all, in one county 20 and 19. Told as they are, elsewhere all but eight at most were in time."""
    relations = [Relation(0, (1, 2), False), Relation(1, (3, 4, 5, 6, 7, 8), False)]
    figures = {"in_time": np.array([58, 58, 0, 2, 7, 19, 0, 1, 29]), "due": np.array([59, 59, 0, 2, 7, 20, 0, 1, 29])}
    chain = [("in_time", "due")]

    def found(low: Mapping[str, np.ndarray]) -> list[Any]:
        bounds = {m: (x.astype(float), x + TEN - 1.0) for m, x in low.items()}
        return list(bracket(list(figures), bounds, relations, chain, TEN))

    assert found({m: tens_of(v, relations)[0] for m, v in figures.items()}) != []
    assert found({m: t[0] for m, t in chained(figures, relations, chain, {}, {}).items()}) == []


def test_a_total_does_not_stay_behind_what_its_parts_say_by_now() -> None:
    """Told as before it would say that there is next to nobody beside them."""
    relations = [Relation(0, (1, 2, 3), False)]
    told, since, _ = tens_of(np.array([21, 10, 10, 1]), relations, (np.array([10, 0, 0, 0]), np.array([12, 0, 0, 1])))
    assert (told.tolist(), since.tolist()) == ([20, 10, 10, 0], [21, 10, 10, 1])


def test_night_after_night_a_figure_stays_until_ten_people_have_moved_it() -> None:
    relations: list[Relation] = []
    told, since, _ = tens_of(np.array([8, 52]), relations)
    seen = [told.tolist()]
    for _ in range(14):
        nightly = np.array([8 + len(seen), 52 + len(seen)])
        told, since, _ = tens_of(nightly, relations, (told, since))
        seen.append(told.tolist())
    assert [s[0] for s in seen] == [0] * 10 + [10] * 5
    assert [s[1] for s in seen] == [50] * 10 + [60] * 5


# ── the list beside the contracts ───────────────────────────────────────────────────────────────


VOLUME = load_public_edition()["fct_service_volume"]
USUAL: Mapping[str, str] = {
    "string": "'x'",
    "date": "date '2026-03-01'",
    "boolean": "true",
    "number": "1.0",
    "integer": "7",
}


def volumes(rng: np.random.Generator, before: pl.DataFrame | None) -> pl.DataFrame:
    """Visits to two halls on thirty days; another night moves those of two days, by few people and by many, and adds a day."""
    if before is None:
        days = [date(2026, 1, 1) + timedelta(n // 2) for n in range(60)]
        counts = {m: [int(n) if n < 60 else None for n in rng.integers(0, 65, 60)] for m in VOLUME.tens}
        return pl.DataFrame({"facility_id": ["a", "b"] * 30, "period_start": days, **counts})
    moved = pl.col("period_start").is_in([date(2026, 1, int(n)) for n in rng.integers(1, 28, 2)])
    more = pl.when(moved).then(pl.lit(int(rng.integers(1, 14)))).otherwise(0)
    kept = before.with_columns(pl.col(m) + more for m in VOLUME.tens)
    return pl.concat([kept, kept.tail(2).with_columns(pl.col("period_start") + timedelta(1))])


@pytest.mark.parametrize("seed_", range(3))
def test_a_table_told_row_by_row_is_told_as_figures_without_relations_are(tmp_path, seed_) -> None:
    product, rng = load_products()["fct_service_volume"], np.random.default_rng(seed_)
    rows: pl.DataFrame | None = None
    with duckdb.connect() as con:
        for catalog in ("release", "public", "last", "last_public"):
            con.execute(f"attach ':memory:' as {catalog}")
        public_edition.prepare(con)
        for night in range(4):
            rows = volumes(rng, rows)
            con.register("given_rows", rows.to_arrow())
            columns = [
                f'{f"{f.name}" if f.name in rows.columns else USUAL[f.kind]}::{f.sql_type} as "{f.name}"'
                for f in product.fields
            ]
            con.execute(f"create or replace table release.{product.id} as select {', '.join(columns)} from given_rows")
            kept = [tmp_path / f"{n}.parquet" for n in (night - 1, night)]
            given = con.sql(f"select * from release.{product.id} order by {', '.join(VOLUME.cell)}").pl()
            whole = tell(VOLUME, given, lambda name: pl.DataFrame(), read_state(kept[0]))
            ways: list[Moved | None] = [None]
            if night:
                others = f"select period_start from (from release.{product.id} except all from last.{product.id})"
                ways.append(Moved("period_start", tuple(p for (p,) in con.sql(f"{others} group by 1").fetchall())))
                assert 0 < len(ways[-1].periods) <= 3  # type: ignore[union-attr]
            for moved in ways:
                con.execute(f"drop table if exists public.{product.id}")
                facts = public_edition.write(con, product, VOLUME, f"release.{product.id}", kept[0], kept[1], moved)
                assert facts == whole.facts
                public = con.sql(f"from public.{product.id} order by {', '.join(VOLUME.cell)}").pl()
                assert public.select(VOLUME.cell).equals(whole.rows.sort(VOLUME.cell).select(VOLUME.cell))
                assert all(public[m].equals(whole.rows[f"t_{m}"].alias(m)) for m in VOLUME.tens)
                kept_now = read_state(kept[1])
                assert kept_now is not None
                assert kept_now.select(whole.state.columns).sort(VOLUME.cell).equals(whole.state)
            for catalog, of in (("last", "release"), ("last_public", "public")):
                con.execute(f"create or replace table {catalog}.{product.id} as from {of}.{product.id}")


@pytest.mark.parametrize("product", load_products().values(), ids=lambda p: p.id)
def test_every_published_figure_says_how_it_is_told(product) -> None:
    assert forgotten(product) == []


def test_a_figure_nobody_decided_on_is_named_and_what_to_do(monkeypatch) -> None:
    product = load_products()["review_scorecard"]
    grown = replace(product)
    object.__setattr__(grown, "fields", (*product.fields, replace(product.fields[-1], name="new_figure")))
    assert any("review_scorecard.new_figure: say in contracts/public_edition.yaml" in said for said in forgotten(grown))
    monkeypatch.setattr("contracts.public_edition.load_public_edition", dict)
    assert "stands in no relation" in forgotten(product)[0]


@pytest.mark.parametrize("product", load_products().values(), ids=lambda p: p.id)
def test_a_table_of_single_events_stays_in_the_bureau(product) -> None:
    """By its key: a review, a case or a respondent is an event, whatever the contract calls its rule."""
    if {"review_id", "case_no", "contact_id", "respondent_id"} & {*product.by_name}:
        assert not product.is_public
        assert product.disclosure["rule"] == "records"


def test_the_policy_asks_for_what_tens_give() -> None:
    assert {r["value"] for r in seed("disclosure_policies") if r["parameter"] == "k"} == {str(TEN)}


@pytest.mark.parametrize("row", seed("indicators"), ids=lambda row: row["code"])
def test_an_indicator_says_whether_it_counts_people(row: Mapping[str, str]) -> None:
    assert row["counts_people"] in ("yes", "no"), f"{row['code']}: counts_people in contracts/codes/indicators.csv"


# What indicators add up that is persons, or what persons did; everything else they add up is things, places or official population.
HEADS = {
    "persons",
    "workers",
    "certified_social_workers",
    "physicians",
    "nurses",
    "visits",
    "participants",
    "residents",
}
THINGS = {
    "rows", "has_facility", "has_comprehensive", "has_self_service", "is_medical_contracted", "sessions", "open_hours", "area_m2",
    "total_area_m2", "outdoor_area_m2", "resident_activity_area_m2", "beds", "total_beds", "nursing_beds", "day_care_beds",
    "population", "households", "urban_residents", "aged_60_plus", "aged_65_plus",
}  # fmt: skip
OF_PERSONS = {"assistance_months"}  # tables with a row for a person


@pytest.mark.parametrize("indicator", [i for i in load_indicators().values() if i.numerator], ids=lambda i: i.code)
def test_an_indicator_over_persons_is_told_by_tens_and_one_over_their_money_not_at_all(indicator) -> None:
    """Told by tens of yuan, the one allowance more of tonight stands in the figure; told exactly under one name, tens hide nothing under another."""
    where = load_public_edition()["indicator_value"].where
    with duckdb.connect() as con:
        query = f"select {where} from (select 'all' as area_type, 'city' as division_level, false as is_remainder, ? as unit)"
        ((leaves,),) = con.execute(query, [indicator.unit]).fetchall()
    for measure in filter(None, (indicator.numerator, indicator.denominator)):
        counts = measure.sum in HEADS or (measure.sum == "rows" and measure.table in OF_PERSONS)
        assert indicator.counts_people or not counts, f"{indicator.code}: {measure.sum} counts people"
        assert counts or measure.sum in THINGS or not leaves, (
            f"{indicator.code}: does {measure.sum} count people? Say so here"
        )


@pytest.mark.parametrize("indicator", [i for i in load_indicators().values() if i.numerator], ids=lambda i: i.code)
def test_a_numerator_that_facilities_add_up_to_says_so(indicator) -> None:
    """Or it is told higher than they allow."""
    stated = {(i, s["of"]) for s in load_public_edition()["indicator_value"].sums for i in s["indicators"]}
    of = indicator.numerator.sum
    if of in load_public_edition()["fct_service_volume"].tens:
        assert (indicator.code, of) in stated


# ── samples ─────────────────────────────────────────────────────────────────────────────────────


def answers(*units: tuple[str, str, int]) -> pl.DataFrame:
    rows = [
        {
            "wave": "1",
            "area_level": level,
            "division_code": code,
            "group_name": "all",
            "group_value": "all",
            "dimension": "d",
            "question_id": "Q1",
            "wording": "w",
            "n": n,
            "mean": 50.0,
        }
        for level, code, n in units
    ]
    return pl.DataFrame(rows)


def hidden_of(frame: pl.DataFrame) -> set[str]:
    table = load_public_edition()["survey_score"]
    return set(withheld_samples(table, frame).filter(pl.col("_hidden"))["division_code"])


def test_a_county_of_which_few_answered_takes_another_with_it() -> None:
    """The whole less what is shown would be the few; with another one it is both."""
    frame = answers(("all", "all", 154), ("county", "a", 100), ("county", "b", 50), ("county", "c", 4))
    assert hidden_of(frame) == {"b", "c"}
    assert hidden_of(answers(("all", "all", 150), ("county", "a", 100), ("county", "b", 50))) == set()
    few = answers(("all", "all", 61), ("county", "a", 30), ("county", "b", 25), ("county", "c", 3), ("county", "d", 3))
    assert hidden_of(few) == {"b", "c", "d"}, "two small ones are not many enough to hide one another"


# ── a release ───────────────────────────────────────────────────────────────────────────────────


def usual(name: str, **values: Any) -> list[Any]:
    row = {
        f.name: (next(iter(f.enum)) if f.enum else SOME[f.kind]) for f in PRODUCTS[name].fields if f.name != SUPPRESSED
    }
    return [(row | {SUPPRESSED: None} | values)[f.name] for f in PRODUCTS[name].fields]


TOWNS = {"990101001000": (400, 7), "990101002000": (3, 3), "990102001000": (30, 30), "990102002000": (219, 12)}


def score(dimension: str, code: str, active: int, bad: int, month: date = MONTH, verdict: str = "good") -> list[Any]:
    return usual(
        "review_scorecard", period_kind="month", period_start=month, period_end=date(2026, 2, 28), month=month, dimension=dimension,
        code=code, contacts=3 * active, active_reviews=active, bad_reviews=bad, good_reviews=active - bad, interval_z=1.96, verdict_z=1.96,
        good_line=0.95, bad_line=0.9, participation_floor=0.1, verdict=verdict,
    )  # fmt: skip


def fill(data: DataDirectory, more: int = 0) -> None:
    """A city of two counties of two towns; `more` late reviews in the smallest town."""
    towns = {c: (a + more * (c == "990101002000"), b) for c, (a, b) in TOWNS.items()}
    everybody = (sum(a for a, _ in towns.values()), sum(b for _, b in towns.values()))
    scores = [score("all", "all", *everybody), score("city", "990100000000", *everybody)]
    scores += [score("town", c, *ab) for c, ab in towns.items()]
    scores += [score("village", c[:9] + "001", *ab) for c, ab in towns.items()]
    for county in ("990101", "990102"):
        inside = [ab for c, ab in towns.items() if c.startswith(county)]
        scores.append(score("county", county + "000000", sum(a for a, _ in inside), sum(b for _, b in inside)))
    scores += [
        score("facility", "community:hall", 30, 30),
        score("facility", "none", everybody[0] - 30, everybody[1] - 30),
    ]
    divisions = [
        usual(
            "dim_division", division_code=c, level="town", is_fictional=True, province_code="990000000000", city_code="990100000000",
            county_code=c[:6] + "000000", town_code=c, village_code=None,
        )
        for c in TOWNS
    ]  # fmt: skip
    data.warehouse.parent.mkdir(parents=True, exist_ok=True)
    data.warehouse.unlink(missing_ok=True)
    reviews = [usual("fct_review", review_id=f"review-{i}", division_code="990101002000") for i in range(3)]
    content = {"review_scorecard": scores, "dim_division": divisions, "fct_review": reviews}
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute("create schema s")
        for name, product in PRODUCTS.items():
            if name != "release_log":
                con.execute(f"create table s.{name} ({', '.join(f'{f.name} {f.sql_type}' for f in product.fields)})")
                for row in content.get(name, ()):
                    con.execute(f"insert into s.{name} values ({', '.join('?' for _ in row)})", row)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promise: Any) -> DataDirectory:
    """The audit and its pages take seconds and are tried elsewhere."""
    directory = DataDirectory(tmp_path)
    directory.set_calendar(TODAY, date(2026, 1, 1))
    promise(PRODUCTS)
    monkeypatch.setattr(certificates, "code_version", lambda: "1")
    monkeypatch.setattr("contracts.audit.audit", lambda *_: {})
    monkeypatch.setattr("orchestration.release.data_docs.write", lambda *_: None)
    fill(directory)
    return directory


def public(data: DataDirectory) -> Path:
    return data.published / names.PUBLIC / names.PUBLIC_DATABASE


def told(data: DataDirectory) -> dict[tuple[str, str], tuple[Any, ...]]:
    with duckdb.connect(str(public(data)), read_only=True) as con:
        query = "select dimension, code, active_reviews, bad_reviews, round(good_rate, 3), suppressed_reason is null from review_scorecard"
        return {(d, c): tuple(rest) for d, c, *rest in con.execute(query).fetchall()}


def test_the_bureau_sees_every_figure_and_the_public_sees_tens(data) -> None:
    publishing.release(data)
    with duckdb.connect(str(data.published / names.DATABASE), read_only=True) as con:
        query = "select active_reviews, bad_reviews from review_scorecard where code = 'community:hall'"
        assert con.execute(query).fetchone() == (30, 30), "a hall with 30 bad of 30 is seen by those who answer for it"
        ((comment,),) = con.execute(
            "select comment from duckdb_tables() where table_name = 'review_scorecard'"
        ).fetchall()
        assert "must not leave" in comment
    assert "must not leave" in (data.published / names.NOTICE).read_text(encoding="utf-8")
    found = told(data)
    assert found["facility", "community:hall"] == (35, 35, None, False), (
        "none was rectified: below ten, so the row says why"
    )
    assert found["town", "990101002000"] == (None, None, None, False)
    assert found["town", "990101001000"] == (405, None, 0.988, False)
    assert not any(dimension == "village" for dimension, _ in found)


def test_a_verdict_is_told_where_the_told_figures_alone_say_so(data) -> None:
    """Seven of 400 are below ten, so 391 at least are good, which is good whatever the seven are; 12 of 219 say nothing alone."""
    publishing.release(data)
    with duckdb.connect(str(public(data)), read_only=True) as con:
        said = dict(con.execute("select code, verdict from review_scorecard where dimension = 'town'").fetchall())
    assert said == {"990101001000": "good", "990101002000": None, "990102001000": None, "990102002000": None}


def test_no_verdict_is_told_that_the_bureau_does_not_give(data) -> None:
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute("update s.review_scorecard set verdict = 'undetermined'")
    publishing.release(data)
    with duckdb.connect(str(public(data)), read_only=True) as con:
        assert con.execute("select distinct verdict from review_scorecard").fetchall() == [(None,)]


def test_single_events_are_nowhere_in_the_public_files(data) -> None:
    publishing.release(data)
    files = [p for p in (data.published / names.PUBLIC).rglob("*") if p.is_file()]
    assert {p.stem for p in files if p.suffix == ".parquet"} == {*PRODUCTS, "public_columns"} - {"fct_review"}
    assert not any(b"review-1" in p.read_bytes() for p in files), "not in a freed block either"
    with duckdb.connect(str(public(data)), read_only=True) as con:
        assert con.execute("select free_blocks from pragma_database_size()").fetchone() == (0,)


def test_an_outsider_finds_nobody_in_what_leaves_night_after_night(data, tmp_path, monkeypatch) -> None:
    editions = []
    for night in range(3):
        fill(data, more=night * 2)
        monkeypatch.setattr(certificates, "code_version", lambda night=night: str(night))
        publishing.release(data)
        copy = tmp_path / f"night{night}.duckdb"
        copy.write_bytes(public(data).read_bytes())
        editions.append(copy)
    attacked = attack(editions)
    assert attacked.withheld > 10
    assert attacked.found == []
    assert "recovers 0 exactly and brackets 0" in summary(attacked)


def test_after_readers_were_led_back_the_next_release_is_compared_with_all_that_was_told(data, monkeypatch) -> None:
    """19 reviews told as 10 to 19, readers led back to 3, then 21: two people more than was told once."""

    def night(more: int) -> str:
        fill(data, more=more)
        monkeypatch.setattr(certificates, "code_version", lambda: str(more))
        return publishing.release(data)[0].release_id

    first, _ = night(0), night(16)
    assert told(data)["town", "990101002000"][0] == 15
    standing.show(data, first)
    assert told(data)["town", "990101002000"][0] is None
    night(18)
    assert told(data)["town", "990101002000"][0] == 15
    night(30)
    assert told(data)["town", "990101002000"][0] == 35


def test_a_table_that_is_kept_after_readers_were_led_back_is_told_as_the_next_release_remembers_it(
    data, monkeypatch
) -> None:
    """Rows of the release they see, compared with the newest that was told; else the next would be compared with what nobody shows."""

    def night(more: int, kept: Mapping[str, keeping.Cause]) -> str:
        fill(data, more=more)
        monkeypatch.setattr(certificates, "code_version", lambda: f"{more}{len(kept)}")
        monkeypatch.setattr(keeping, "failed_in_dbt", lambda *_: kept)
        monkeypatch.setattr(keeping, "lost_keys", lambda *_: {})
        return publishing.release(data)[0].release_id

    first = night(0, {})
    night(40, {})
    standing.show(data, first)
    kept = night(90, {"review_scorecard": keeping.Cause("a test", "it failed")})
    state = read_state(data.disclosed / kept / "review_scorecard.parquet")
    assert state is not None
    remembered = {(d, c): (n or None) for d, c, n in state.select("dimension", "code", "told_active_reviews").rows()}
    shown = {key: (row[0] - TEN // 2 if row[0] else None) for key, row in told(data).items()}
    assert shown == remembered
    assert shown["town", "990101002000"] is None, "three reviews, as in the release that readers were led back to"


def test_what_changed_in_the_bureau_s_edition_alone_is_not_told(data, monkeypatch) -> None:
    """Two reviews more are eight figures of its scorecard, and nothing that anybody else reads: neither the log nor the page says eight, or that there was one."""

    def night(more: int) -> tuple[str, str | None, str]:
        fill(data, more=more)
        monkeypatch.setattr(certificates, "code_version", lambda: str(more))
        release = publishing.release(data)[0].release_id
        with duckdb.connect(str(public(data)), read_only=True) as con:
            row = con.execute("select content_checksum, changed_tables from release_log where release_id = ?", [release]).fetchone()  # fmt: skip
        return *row, (data.published / "bulletin" / "changes.html").read_text(encoding="utf-8")

    night(0)
    before, *_ = night(100)
    checksum, changed, page = night(102)
    assert (checksum, changed) == (before, "")
    assert "没有一个改动" in page
    with duckdb.connect(str(data.published / names.DATABASE), read_only=True) as con:
        assert con.execute("select changed_tables from release_log order by released_at desc, release_id desc limit 1").fetchall() == [("review_scorecard",)]  # fmt: skip
    checksum, changed, page = night(202)
    assert checksum != before
    assert changed == "review_scorecard"
    assert "没有一个改动" not in page


def test_the_programme_finds_what_the_bureau_would_give_away(data) -> None:
    """The edition that must not leave, tried as if it had: few people stand there as they are."""
    publishing.release(data)
    found = attack([data.published / names.DATABASE]).found
    assert ("bad_reviews", 7) in {(f.measure, f.lo) for f in found}


def test_the_programme_finds_a_withheld_figure_by_its_neighbours(tmp_path) -> None:
    """One town withheld beside one shown, below a county that is shown: it is the difference."""
    with duckdb.connect(str(tmp_path / "old.duckdb")) as con:
        for name in ("review_scorecard", "dim_division", "dim_service_item", "dim_facility"):
            con.execute(f"create table {name} ({', '.join(f'{f.name} {f.sql_type}' for f in PRODUCTS[name].fields)})")
        rows = [
            score("county", "990101000000", 403, 0),
            score("town", "990101001000", 400, 0),
            score("town", "990101002000", 3, 0),
        ]
        divisions = [
            usual("dim_division", division_code=c, county_code="990101000000", town_code=c)
            for c in ("990101001000", "990101002000")
        ]
        for name, content in (("review_scorecard", rows), ("dim_division", divisions)):
            for row in content:
                con.execute(f"insert into {name} values ({', '.join('?' for _ in row)})", row)
        con.execute(
            "update review_scorecard set active_reviews = null, suppressed_reason = 'few' where code = '990101002000'"
        )
    found = attack([tmp_path / "old.duckdb"]).found
    assert ("active_reviews", 3, 3) in {(f.measure, f.lo, f.hi) for f in found if f.how.startswith("sums")}


# ── single events ───────────────────────────────────────────────────────────────────────────────


def test_records_that_stand_alone_are_counted() -> None:
    product = load_products()["fct_review"]
    columns = product.disclosure["quasi_identifiers"]
    frame = pl.DataFrame({c: ["a"] * 12 + ["b"] * 2 for c in columns})
    facts = records.records(product, frame, TODAY)
    assert (facts["n"], facts["smallest"], facts["n_below_k"], facts["is_safe"]) == (14, 2, 2, False)


def test_the_policy_of_a_table_goes_before_the_one_for_all(monkeypatch) -> None:
    rows = [
        {"table_name": "*", "parameter": "k", "value": "10", "valid_from": "2020-01-01"},
        {"table_name": "t", "parameter": "k", "value": "5", "valid_from": "2020-01-01"},
        {"table_name": "t", "parameter": "k", "value": "3", "valid_from": "2027-01-01"},
    ]
    monkeypatch.setattr(records, "seed", lambda _: rows)
    assert [records.parameter(t, "k", TODAY) for t in ("t", "other")] == [5, 10]
