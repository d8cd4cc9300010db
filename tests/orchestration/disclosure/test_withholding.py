"""What is withheld when a release is published, driven by the contracts alone and tried on what readers can see."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy.optimize import linprog

from contracts.loading import load_product, load_products, seed
from contracts.model import SUPPRESSED, ContractError
from orchestration.disclosure import withholding
from orchestration.disclosure.cells import LEVELS, read_cells
from orchestration.paths import DataDirectory
from orchestration.release import publishing

PRODUCTS = {name: load_products()[name] for name in ("dim_division", "review_scorecard", "release_log")}
SCORECARD = PRODUCTS["review_scorecard"]
SOME: Mapping[str, Any] = {
    "string": "x", "integer": 1, "number": 1.0, "boolean": False, "date": date(2026, 3, 1), "timestamp": datetime(2026, 3, 1),
}  # fmt: skip
TODAY, MONTH = date(2026, 3, 1), date(2026, 2, 1)
# village → active reviews; two towns of one county, one province
VILLAGES = {"990101001001": 3, "990101001002": 40, "990101001003": 25, "990101002001": 60, "990101002002": 7, "990101002003": 9}  # fmt: skip
DEPARTMENTS = {"health": 100, "sports": 40, "culture": 4}


def cells(villages: Mapping[str, int], departments: Mapping[str, int], month: date = MONTH) -> dict[tuple[date, str, str], int]:  # fmt: skip
    """Month, dimension, code → active reviews, with every total."""
    total = sum(villages.values())
    found = {(month, "all", "all"): total, **{(month, "department", c): n for c, n in departments.items()}}
    for level, digits in (("province", 2), ("city", 4), ("county", 6), ("town", 9), ("village", 12)):
        for code, n in villages.items():
            unit = (month, level, code[:digits].ljust(12, "0"))
            found[unit] = found.get(unit, 0) + n
    return found


def usual(fields: Any, **values: Any) -> list[Any]:
    row = {f.name: (next(iter(f.enum)) if f.enum else SOME[f.kind]) for f in fields if f.name != SUPPRESSED}
    return [(row | {SUPPRESSED: None} | values)[f.name] for f in fields]


def fill(data: DataDirectory, table: Mapping[tuple[date, str, str], int]) -> None:
    """The warehouse: the scorecard with every other figure made of the count, and the register of divisions."""
    data.warehouse.parent.mkdir(parents=True, exist_ok=True)
    data.warehouse.unlink(missing_ok=True)
    scores = [
        usual(
            SCORECARD.fields, period_kind="month", period_start=m, month=m, dimension=d, code=c, contacts=1000, reviews=n, active_reviews=n, good_reviews=n,
            strictly_good_reviews=n, n5=n, good_rate=1.0, excluded_effect=0.0, period_end=date(m.year, m.month, monthrange(m.year, m.month)[1]),
        )
        for (m, d, c), n in table.items()
    ]  # fmt: skip
    divisions = [
        usual(
            PRODUCTS["dim_division"].fields, division_code=code, level="village", is_fictional=True,
            province_code="990000000000", city_code="990100000000", county_code="990101000000",
            town_code=code[:9] + "000", village_code=code,
        )
        for code in VILLAGES
    ]  # fmt: skip
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute("create schema s")
        for name, rows in (("review_scorecard", scores), ("dim_division", divisions)):
            fields = PRODUCTS[name].fields
            con.execute(f"create table s.{name} ({', '.join(f'{f.name} {f.sql_type}' for f in fields)})")
            con.executemany(f"insert into s.{name} values ({', '.join('?' for _ in fields)})", rows)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDirectory:
    directory = DataDirectory(tmp_path)
    directory.set_calendar(TODAY, date(2026, 1, 1))
    monkeypatch.setattr(publishing, "load_products", lambda: PRODUCTS)
    monkeypatch.setattr(publishing, "code_version", lambda: "1")
    return directory


@pytest.fixture
def unaudited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit takes seconds; the first test runs it on a table with withheld rows."""
    monkeypatch.setattr("contracts.audit.audit", lambda *_: {})
    monkeypatch.setattr("orchestration.release.data_docs.write", lambda *_: None)


def published(data: DataDirectory) -> pl.DataFrame:
    return pl.read_parquet(data.published / "parquet" / "review_scorecard.parquet")


def bracket(table: pl.DataFrame, dimension: str, code: str) -> tuple[float, float]:
    """What a reader can work out of a hidden figure from what is published, written out anew: totals are sums."""
    rows = {(d, c): n for d, c, n in table.select("dimension", "code", "active_reviews").rows()}
    names = list(rows)
    upper = {"village": ("town", 9), "town": ("county", 6), "county": ("city", 4), "city": ("province", 2), "province": ("all", 0), "department": ("all", 0)}  # fmt: skip
    sums: dict[tuple[tuple[str, str], str], list[tuple[str, str]]] = {}
    for d, c in names:
        if d in upper:
            above, digits = upper[d]
            sums.setdefault(((above, c[:digits].ljust(12, "0") if digits else "all"), d), []).append((d, c))
    matrix = np.zeros((len(sums), len(names)))
    for i, ((total, _), parts) in enumerate(sums.items()):
        matrix[i, names.index(total)] = -1
        matrix[i, [names.index(p) for p in parts]] = 1
    bounds = [(n, n) if n is not None else (0, None) for n in rows.values()]
    goal = np.array([1.0 if name == (dimension, code) else 0.0 for name in names])
    low, high = (linprog(s * goal, A_eq=matrix, b_eq=np.zeros(len(sums)), bounds=bounds) for s in (1, -1))
    return float(low.fun), float("inf") if high.status == 3 else -float(high.fun)


def test_small_figures_and_what_gives_them_away_never_leave(data) -> None:
    fill(data, cells(VILLAGES, DEPARTMENTS))
    certificate, _ = publishing.release(data)
    table = published(data)
    hidden = table.filter(pl.col(SUPPRESSED).is_not_null())
    small = {("village", c) for c, n in VILLAGES.items() if n < 10} | {("department", "culture")}
    withheld = set(hidden.select("dimension", "code").rows())
    assert small < withheld
    assert ("all", "all") not in withheld
    assert certificate.disclosure["review_scorecard"] | {"primary": 4, "unsafe": 0, "k": 10} == certificate.disclosure["review_scorecard"]  # fmt: skip
    assert certificate.disclosure["review_scorecard"]["secondary"] == len(withheld) - 4
    assert hidden[SUPPRESSED].unique().to_list() == [withholding.WITHHELD]
    for name in SCORECARD.hideable:
        assert hidden[name].null_count() == hidden.height, name
    assert hidden["contacts"].to_list() == [1000] * hidden.height
    for dimension, code in sorted(small):
        low, high = bracket(table, dimension, code)
        assert low == pytest.approx(0), (dimension, code)
        assert high >= 10, (dimension, code)
    with duckdb.connect(str(data.published / publishing.DATABASE), read_only=True) as con:
        shown = con.execute(f"select count(*) from review_scorecard where {SUPPRESSED} is null").fetchone()
    assert shown == (table.height - hidden.height,)


def test_without_the_second_step_the_figures_could_be_had() -> None:
    """The measure itself: hiding the small village alone leaves its town minus the others."""
    rows = [
        (d, c, None if (d, c) == ("village", "990101001001") else n) for (_, d, c), n in cells(VILLAGES, {}).items()
    ]
    table = pl.DataFrame(rows, schema=["dimension", "code", "active_reviews"], orient="row")
    assert bracket(table, "village", "990101001001") == pytest.approx((3, 3))


def test_an_unchanged_month_keeps_its_pattern_and_a_new_one_gets_its_own(data, unaudited, monkeypatch) -> None:
    fill(data, cells(VILLAGES, DEPARTMENTS))
    publishing.release(data)
    first = published(data)
    march = {c: n + 1 for c, n in VILLAGES.items()}
    fill(data, {**cells(VILLAGES, DEPARTMENTS), **cells(march, {}, date(2026, 3, 1))})
    publishing.release(data)
    again = published(data)
    assert again.filter(pl.col("month") == MONTH).equals(first)
    assert again.filter(pl.col("month") == date(2026, 3, 1))[SUPPRESSED].is_not_null().sum() >= 4
    assert [p.name for p in data.disclosed.iterdir()] == ["2026-03-01.2"]
    monkeypatch.setattr(withholding, "suppress", lambda *_, **__: pytest.fail("nothing has changed"))
    assert publishing.release(data)[1] is False


def test_a_night_that_releases_nothing_keeps_the_cells_of_the_release_that_stands(data, unaudited) -> None:
    fill(data, cells(VILLAGES, DEPARTMENTS))
    for new in (True, False):
        assert publishing.release(data)[1] is new
        assert [p.name for p in data.disclosed.iterdir()] == ["2026-03-01.1"]


def test_a_figure_that_the_release_before_has_shown_protects_nobody(data, unaudited) -> None:
    before = VILLAGES | {"990101001001": 30}
    fill(data, cells(before, {}))
    publishing.release(data)
    assert ("village", "990101001001") not in set(published(data).filter(pl.col(SUPPRESSED).is_not_null()).select("dimension", "code").rows())  # fmt: skip
    fill(data, cells(VILLAGES, {}))
    certificate, _ = publishing.release(data)
    table = published(data)
    # Its neighbours are known from the last release: only totals that were revised since can still protect it.
    known = {(d, c): n for (_, d, c), n in cells(before, {}).items() if cells(VILLAGES, {})[MONTH, d, c] == n}
    remembered = table.with_columns(
        pl.struct("dimension", "code", "active_reviews").map_elements(
            lambda r: r["active_reviews"] if r["active_reviews"] is not None else known.get((r["dimension"], r["code"]))
            if r["code"] in ("990101001002", "990101001003", "990101002001") else None,
            return_dtype=pl.Int64,
        ).alias("active_reviews")
    )  # fmt: skip
    low, high = bracket(remembered, "village", "990101001001")
    assert low == pytest.approx(0)
    assert high >= 10
    assert certificate.disclosure["review_scorecard"]["unsafe"] == 0


def in_periods(months: Mapping[date, Mapping[str, int]]) -> pl.DataFrame:
    """A scorecard of units and their total for months, quarters, years and the twelve months up to each month."""
    held = {("month", m, m): [m] for m in months}
    for m in months:
        first = date(m.year, 3 * ((m.month - 1) // 3) + 1, 1)
        held.setdefault(("quarter", first, date(first.year, first.month + 2, 1)), []).append(m)
        held.setdefault(("year", date(m.year, 1, 1), date(m.year, 12, 1)), []).append(m)
        start = date(m.year - 1, m.month + 1, 1) if m.month < 12 else date(m.year, 1, 1)
        held["trailing_12_months", start, m] = [n for n in months if start <= n <= m]
    rows = []
    for (kind, start, end), within in held.items():
        units: dict[str, int] = {}
        for m in within:
            for code, n in months[m].items():
                units[code] = units.get(code, 0) + n
        rows += [(kind, start, end, "facility", code, n) for code, n in units.items()]
        rows += [(kind, start, end, "all", "all", sum(units.values()))]
    return pl.DataFrame(rows, schema=["kind", "start", "end", "dimension", "code", "active_reviews"], orient="row")


PERIODIC = replace(
    SCORECARD,
    custom={
        "disclosure": {
            "rule": "count", "count": "active_reviews", "tables": ["kind", "start"],
            "periods": {"kind": "kind", "start": "start", "end": "end"},
            "cells": {"unit": {"level": "dimension", "code": "code"}},
        }
    },
    fields=tuple(
        replace(SCORECARD.by_name["code"], name=n, key_position=i)
        for i, n in enumerate(("kind", "start", "dimension", "code"), 1)
    ),
)  # fmt: skip


class Reader:
    """Somebody with paper and a pencil: every release adds what it shows and which figures are sums of which."""

    def __init__(self) -> None:
        self.index: dict[Any, int] = {}
        self.sums: list[tuple[list[int], int]] = []
        self.known: dict[int, int] = {}

    def reads(self, table: pl.DataFrame, hidden: set[Any]) -> None:
        """A figure that has not changed since the last release is known to be the same: the worst case."""
        figures = {(k, s, e, c): n for k, s, e, _, c, n in table.rows()}
        cell = {key: self.index.setdefault((key, n), len(self.index)) for key, n in figures.items()}
        self.known |= {cell[key]: n for key, n in figures.items() if (key[0], key[1], key[3]) not in hidden}
        months = [k for k in figures if k[0] == "month"]
        for key in figures:
            if key[3] == "all":
                self.sums.append(([cell[o] for o in figures if o[:3] == key[:3] and o[3] != "all"], cell[key]))
            if key[0] != "month":
                self.sums.append(([cell[m] for m in months if m[3] == key[3] and key[1] <= m[1] <= key[2]], cell[key]))
        self.cell = cell

    def bracket(self, key: Any) -> tuple[float, float]:
        matrix = np.zeros((len(self.sums), len(self.index)))
        for row, (parts, total) in zip(matrix, self.sums, strict=True):
            row[parts], row[total] = 1, -1
        bounds = [(self.known.get(i, 0), self.known.get(i)) for i in range(len(self.index))]
        goal = np.zeros(len(self.index))
        goal[self.cell[key]] = 1
        low, high = (linprog(s * goal, A_eq=matrix, b_eq=np.zeros(len(matrix)), bounds=bounds) for s in (1, -1))
        return float(low.fun), float("inf") if high.status == 3 else -float(high.fun)


def assert_nobody_small_is_found(reader: Reader, table: pl.DataFrame) -> int:
    small = [(k, s, e, c) for k, s, e, _, c, n in table.rows() if 0 < n < 10]
    for key in small:
        low, high = reader.bracket(key)
        assert low == pytest.approx(0, abs=1e-6), key
        assert high >= 10 - 1e-6, key
    return len(small)


def random_months(seed: int, n_months: int, n_units: int) -> dict[date, dict[str, int]]:
    rng = np.random.default_rng(seed)
    days = [date(2025 + (i // 12), i % 12 + 1, 1) for i in range(9, 9 + n_months)]
    return {d: {f"f{u}": int(rng.poisson(rng.choice([3, 12, 40]))) for u in range(n_units)} for d in days}


@pytest.mark.parametrize("seed", range(6))
def test_no_month_can_be_had_from_quarters_years_and_running_twelve_months(seed: int) -> None:
    """Whatever overlaps: months, quarters, calendar years and moving windows are sums of the same months."""
    table = in_periods(random_months(seed, n_months=2 + seed, n_units=4 + seed % 3))
    found = withholding.withhold(PERIODIC, table, pl.DataFrame(), None, TODAY)
    assert found.facts["unsafe"] == 0
    reader = Reader()
    reader.reads(table, set(found.hidden.select("kind", "start", "code").rows()))
    assert assert_nobody_small_is_found(reader, table) > 0
    assert found.hidden.height < table.height


def test_a_quarter_less_its_shown_months_is_not_the_month_in_between() -> None:
    months = {date(2026, 1, 1): {"a": 3, "b": 50, "c": 60}, date(2026, 2, 1): {"a": 40, "b": 50, "c": 9}}
    table = in_periods(months)
    alone = {("month", date(2026, 1, 1), c) for c in "ab"} | {("month", date(2026, 2, 1), c) for c in "bc"}
    reader = Reader()
    reader.reads(table, alone)
    assert reader.bracket(("month", date(2026, 1, 1), date(2026, 1, 1), "a")) == pytest.approx((3, 3))


@pytest.mark.parametrize("seed", range(4))
def test_two_releases_together_tell_no_more(seed: int) -> None:
    """The second night revises some months and brings another: the reader has kept the release before."""
    first = random_months(seed, n_months=3, n_units=5)
    later = {m: dict(units) for m, units in random_months(seed, n_months=4, n_units=5).items()}
    for month, units in first.items():
        later[month] = {c: n + (seed + 1 if month.month == 12 and c == "f1" else 0) for c, n in units.items()}
    reader, state = Reader(), None
    for months in (first, later):
        table = in_periods(months)
        found = withholding.withhold(PERIODIC, table, pl.DataFrame(), state, TODAY)
        state = found.state
        reader.reads(table, set(found.hidden.select("kind", "start", "code").rows()))
        published_before = set(found.facts["why_unsafe"])
        assert published_before <= {"published_before"}
        if not published_before:
            assert assert_nobody_small_is_found(reader, table) > 0


@pytest.mark.parametrize("seed", range(3))
def test_night_after_night_tells_no_more_and_hides_no_more(seed: int) -> None:
    """The running month grows a little every night, and the reader has kept the release before."""
    rng, months = np.random.default_rng(seed), random_months(seed, n_months=3, n_units=6)
    state, hidden, read = None, [], []
    for _ in range(4):
        table = in_periods(months)
        found = withholding.withhold(PERIODIC, table, pl.DataFrame(), state, TODAY)
        state = found.state
        assert set(found.facts["why_unsafe"]) <= {"published_before"}
        read = [*read[-1:], (table, set(found.hidden.select("kind", "start", "code").rows()))]
        reader = Reader()
        for release_ in read:
            reader.reads(*release_)
        hidden.append(found.hidden.height)
        if not found.facts["unsafe"]:
            assert_nobody_small_is_found(reader, table)
        for unit in rng.choice(6, 2, replace=False):
            months[max(months)][f"f{unit}"] += int(rng.integers(1, 4))
    assert max(hidden) < 0.75 * table.height, hidden
    assert 0 < hidden[-1] < table.height


def test_a_table_that_divides_another_once_more_does_not_give_it_away() -> None:
    """Departments × counties under the counties and the departments of the scorecard: all three are one table."""
    product, rng = load_products()["department_scorecard"], np.random.default_rng(4)
    counties, offices = [f"9901{i:02}000000" for i in range(1, 5)], ["health", "sports", "culture", "justice"]
    n = {(o, c): int(rng.choice([4, 7, 15, 40, 90])) for o in offices for c in counties}
    n["sports", counties[0]] = 3
    by_county = {c: sum(n[o, c] for o in offices) for c in counties}
    by_office = {o: sum(n[o, c] for c in counties) for o in offices}
    total = sum(by_county.values())
    above = [("all", "all", total), ("city", "990100000000", total), *(("county", c, v) for c, v in by_county.items())]
    above += [("department", o, v) for o, v in by_office.items()]
    scorecard = pl.DataFrame(
        [("month", MONTH, date(2026, 2, 28), d, c, v) for d, c, v in above],
        schema=["period_kind", "period_start", "period_end", "dimension", "code", "active_reviews"], orient="row",
    )  # fmt: skip
    below = [(MONTH, o, c, "county", v) for (o, c), v in n.items()]
    below += [(MONTH, o, "990100000000", "city", v) for o, v in by_office.items()]
    frame = pl.DataFrame(below, schema=["month", "department_code", "division_code", "level", "active_reviews"], orient="row")  # fmt: skip
    register = pl.DataFrame(schema={"division_code": pl.String, **{f"{x}_code": pl.String for x in withholding.LEVELS}})
    first = withholding.withhold(SCORECARD, scorecard, register, None, TODAY)
    found = withholding.withhold(product, frame, register, None, TODAY, first.state)
    assert (first.facts["primary"], found.facts["unsafe"]) == (0, 0)
    hidden = set(found.hidden.select("department_code", "division_code").rows())
    index = {key: i for i, key in enumerate(n)}

    def known(cells: list[tuple[str, str]]) -> tuple[list[float], float]:
        return [float(key in cells) for key in n], float(sum(n[key] for key in cells))

    sums = [known([(o, c) for c in counties]) for o in offices] + [known([(o, c) for o in offices]) for c in counties]
    sums += [known([key]) for key in n if key not in hidden]
    for key, value in n.items():
        if value < 10:
            low, high = (
                linprog([sign * (i == index[key]) for i in range(len(n))], A_eq=[a for a, _ in sums], b_eq=[b for _, b in sums])
                for sign in (1, -1)
            )  # fmt: skip
            assert low.fun == pytest.approx(0, abs=1e-6)
            assert -high.fun >= 10 - 1e-6
    alone = withholding.withhold(product, frame, register, None, TODAY)
    assert set(alone.hidden.select("department_code", "division_code").rows()) != hidden, "the counties' totals matter"
    before_any_review = withholding.withhold(SCORECARD, scorecard.clear(), register, None, TODAY)
    first_month = withholding.withhold(product, frame, register, None, TODAY, before_any_review.state)
    assert first_month.hidden.sort(pl.all()).equals(alone.hidden.sort(pl.all()))


def test_people_of_unknown_place_are_nobody_who_could_be_recognised(data, unaudited) -> None:
    table = cells({c: n for c, n in VILLAGES.items() if n >= 10}, {"health": 100, "unknown": 3})
    fill(data, table)
    publishing.release(data)
    assert published(data)[SUPPRESSED].null_count() == len(table)


def test_a_column_nobody_decided_on_is_withheld() -> None:
    field = replace(SCORECARD.by_name["good_rate"], name="brand_new")
    grown = replace(SCORECARD, fields=(*SCORECARD.fields, field))
    assert "brand_new" in grown.hideable
    assert {"month", "code", "contacts", SUPPRESSED} & grown.hideable == set()


@pytest.mark.parametrize("product", load_products().values(), ids=lambda p: p.id)
def test_every_published_table_says_how_it_treats_the_few(product) -> None:
    assert product.disclosure["rule"] in ("none", "records", "count"), "say so under customProperties.disclosure"


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ("{rule: count, count: peeple}", "no column 'peeple'"),
        ("{rule: hide}", "none, records or count expected, found 'hide'"),
        ("{rule: none}", "disclosure.because"),
    ],
)
def test_a_contract_that_says_it_wrongly_is_refused(tmp_path, stated, sentence) -> None:
    text = SCORECARD.path.read_text(encoding="utf-8")
    start, end = text.index("      - property: disclosure"), text.index("    quality:")
    path = tmp_path / SCORECARD.path.name
    path.write_text(f"{text[:start]}      - {{property: disclosure, value: {stated}}}\n{text[end:]}", encoding="utf-8")
    with pytest.raises(ContractError, match=sentence):
        load_product(path)


def test_the_public_edition_cannot_be_recounted_from_single_reviews(data, unaudited, monkeypatch) -> None:
    """The bureau has the reviews one by one; whoever has only the public edition has no way to count a withheld cell."""
    products = {**PRODUCTS, "fct_review": load_products()["fct_review"]}
    monkeypatch.setattr(publishing, "load_products", lambda: products)
    fill(data, cells(VILLAGES, DEPARTMENTS))
    fields = products["fct_review"].fields
    reviews = [
        usual(fields, review_id=f"review {code} {i}", division_code=code, contact_month=MONTH)
        for code, n in VILLAGES.items()
        for i in range(n)
    ]
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute(f"create table s.fct_review ({', '.join(f'{f.name} {f.sql_type}' for f in fields)})")
        con.executemany(f"insert into s.fct_review values ({', '.join('?' for _ in fields)})", reviews)
    certificate, _ = publishing.release(data)
    with duckdb.connect(str(data.published / publishing.DATABASE), read_only=True) as con:
        recounted = dict(con.execute("select division_code, count(*) from fct_review group by 1").fetchall())
    assert recounted == VILLAGES, "the bureau's own edition: this is why it stays there"
    public = data.published / publishing.PUBLIC
    with duckdb.connect(str(public / publishing.PUBLIC_DATABASE), read_only=True) as con:
        tables = {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}
        columns = con.execute("select column_name from duckdb_columns() where not internal").fetchall()
        shown = con.execute("select dimension, code, active_reviews from review_scorecard").fetchall()
        assert con.execute("select count(*) from release_log").fetchone() == (1,)
    assert tables == {"dim_division", "review_scorecard", "release_log"}
    assert ("review_id",) not in columns
    assert {p.stem for p in (public / "parquet").iterdir()} == tables
    for code, n in VILLAGES.items():
        if n < 10:
            low, high = bracket(pl.DataFrame(shown, schema=["dimension", "code", "active_reviews"], orient="row"), "village", code)  # fmt: skip
            assert (low, high >= 10) == (pytest.approx(0), True)
    assert not any(b"review 9901" in p.read_bytes() for p in public.rglob("*") if p.is_file()), (
        "not in a freed block either"
    )
    facts = certificate.disclosure["fct_review"]
    assert (facts["rule"], facts["n"], facts["n_below_k"], facts["is_safe"]) == ("records", 144, 19, False)


@pytest.mark.parametrize("product", load_products().values(), ids=lambda p: p.id)
def test_a_table_of_single_events_stays_in_the_bureau(product) -> None:
    """By its key: a review, a case or a respondent is an event, whatever the contract calls its rule."""
    if {"review_id", "case_no", "contact_id", "respondent_id"} & {*product.by_name}:
        assert not product.is_public
        assert product.disclosure["rule"] == "records"
    if product.disclosure["rule"] == "records":
        assert product.disclosure["quasi_identifiers"], "its k-anonymity is in every certificate"


def test_a_change_against_a_withheld_period_is_withheld(data, unaudited) -> None:
    """The rate of a hidden month is that of the next less the change."""
    march = {c: n + 20 for c, n in VILLAGES.items()}
    fill(data, {**cells(VILLAGES, DEPARTMENTS), **cells(march, DEPARTMENTS, date(2026, 3, 1))})
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute("update s.review_scorecard set good_rate_change = 0.125")
    publishing.release(data)
    table = published(data).filter(dimension="village").sort("month", "code")
    february, new = table.filter(month=MONTH), table.filter(month=date(2026, 3, 1))
    assert new[SUPPRESSED].null_count() == new.height
    assert new["good_rate"].null_count() == 0
    hidden = february[SUPPRESSED].is_not_null().to_list()
    assert 0 < sum(hidden) < len(hidden)
    assert new["good_rate_change"].is_null().to_list() == hidden
    assert (new["good_rate_change_null_reason"] == "earlier_withheld").fill_null(False).to_list() == hidden


def test_records_that_stand_alone_are_counted() -> None:
    product = load_products()["fct_review"]
    columns = product.disclosure["quasi_identifiers"]
    frame = pl.DataFrame({c: ["a"] * 12 + ["b"] * 2 for c in columns})
    facts = withholding.records(product, frame, TODAY)
    assert (facts["n"], facts["smallest"], facts["n_below_k"], facts["is_safe"]) == (14, 2, 2, False)


def test_the_policy_of_a_table_goes_before_the_one_for_all(monkeypatch) -> None:
    rows = [
        {"table_name": "*", "parameter": "k", "value": "10", "valid_from": "2020-01-01"},
        {"table_name": "t", "parameter": "k", "value": "5", "valid_from": "2020-01-01"},
        {"table_name": "t", "parameter": "k", "value": "3", "valid_from": "2027-01-01"},
    ]
    monkeypatch.setattr(withholding, "seed", lambda _: rows)
    assert [withholding.parameter(t, "k", TODAY) for t in ("t", "other")] == [5, 10]


# ── indicators ──────────────────────────────────────────────────────────────────────────────────

INDICATORS = load_products()["indicator_value"]
NOWHERE = pl.DataFrame(schema={"division_code": pl.String, **{f"{x}_code": pl.String for x in withholding.LEVELS}})


@pytest.mark.parametrize("row", seed("indicators"), ids=lambda row: row["code"])
def test_an_indicator_says_whether_it_counts_people(row: Mapping[str, str]) -> None:
    assert row["counts_people"] in ("yes", "no"), f"{row['code']}: counts_people in contracts/codes/indicators.csv"


@pytest.mark.parametrize(
    ("indicator", "said", "is_hidden"),
    [("new", "yes", True), ("new", "", True), ("new", None, True), ("unheard_of", "", True), (None, "", True), ("new", "no", False)],
)  # fmt: skip
def test_an_indicator_protects_people_unless_its_list_says_that_it_counts_none(
    monkeypatch: pytest.MonkeyPatch, indicator: str | None, said: str | None, is_hidden: bool
) -> None:
    """Whatever its unit is; one that nobody has listed, or that has no code, protects them too."""
    listed = [*({"code": "new", "counts_people": said} for said in [said] if said is not None)]
    read = withholding.seed
    monkeypatch.setattr(withholding, "seed", lambda name: listed if name == "indicators" else read(name))
    frame = pl.DataFrame(
        [(indicator, "990101", MONTH, "all", "county", 4.0), (indicator, "990102", MONTH, "all", "county", 400.0)],
        schema=["indicator_code", "division_code", "period", "area_type", "division_level", "denominator"], orient="row",
        schema_overrides={"indicator_code": pl.String},
    )  # fmt: skip
    found = withholding.withhold(INDICATORS, frame, NOWHERE, None, TODAY)
    assert ("990101" in found.hidden["division_code"].to_list()) is is_hidden


def test_what_is_counted_at_a_division_itself_is_a_part_of_it() -> None:
    """A county with a town and a rest, its city with a rest of its own: each stands below the division it is named after."""
    register = pl.DataFrame(
        [
            {"division_code": code, **{f"{level}_code": above for level, above in zip(LEVELS, (code[:2], *lineage), strict=False)}}
            for code, *lineage in (("99",), ("9901", "9901"), ("990101", "9901", "990101"), ("990101001", "9901", "990101", "990101001"))
        ],
        schema={"division_code": pl.String, **{f"{level}_code": pl.String for level in LEVELS}},
    )  # fmt: skip
    units = [
        ("city", "9901"), ("county", "990101"), ("county", "rest:9901"), ("town", "990101001"), ("town", "rest:990101"),
        ("town", "rest:9901"), ("village", "rest:990101001"), ("village", "rest:990101"), ("village", "rest:9901"),
    ]  # fmt: skip
    frame = pl.DataFrame(units, schema=["dimension", "code"], orient="row").with_columns(active_reviews=pl.lit(20))
    _, parents = read_cells(load_products()["review_scorecard"].disclosure, frame, register)
    assert parents["_cell_unit"] == {
        "city:9901": "all", "county:990101": "city:9901", "county:rest:9901": "city:9901", "town:990101001": "county:990101",
        "town:rest:990101": "county:990101", "town:rest:9901": "county:rest:9901", "village:rest:990101001": "town:990101001",
        "village:rest:990101": "town:rest:990101", "village:rest:9901": "town:rest:9901",
    }  # fmt: skip
