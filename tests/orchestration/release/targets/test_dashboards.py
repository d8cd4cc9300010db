"""The dashboards of bi/superset ask only for what a release promises, say names and not codes, and count as the tables count.

Without Superset: the queries of the charts are asked of DuckDB and PostgreSQL directly. test_superset.py asks the same through Superset.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from bi import charts as bi
from bi.charts import FILES, KINDS, Chart, Dataset
from contracts.loading import load_products
from orchestration.paths import DBT_PROJECT
from orchestration.release.targets import postgres
from tests.orchestration.conftest import City

DUCKDB = {"string": "varchar", "integer": "bigint", "number": "double", "boolean": "boolean", "date": "date", "timestamp": "timestamp"}  # fmt: skip
# What DuckDB calls the kinds that the files of the datasets name; sums of whole numbers are wider there.
DECLARED = {"STRING": {"VARCHAR"}, "BIGINT": {"BIGINT", "INTEGER", "HUGEINT"}, "DOUBLE": {"DOUBLE"}, "DATE": {"DATE"}, "TIMESTAMP": {"TIMESTAMP"}}  # fmt: skip
FOR_FILTERS = "筛选用"
# Charts that a city without such a trouble shows empty.
MAY_BE_EMPTY = {"cases_overdue", "refused_told", "problems", "circle_without"}
CHARTS = [chart for charts in bi.dashboards().values() for chart in charts]
DATASETS = list(bi.datasets().values())


@pytest.fixture(scope="module")
def promised() -> Iterator[duckdb.DuckDBPyConnection]:
    """Every table that the contracts promise, without a row."""
    with duckdb.connect() as con:
        for product in load_products().values():
            columns = ", ".join(f'"{f.name}" {DUCKDB[f.kind]}' for f in product.fields)
            con.execute(f"create table {product.id} ({columns})")
        yield con


@pytest.fixture(scope="module")
def published(night_city: City) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(night_city.data.published / "minsheng.duckdb"), read_only=True) as con:
        yield con


def test_there_are_two_dashboards_and_every_chart_stands_on_one() -> None:
    shown = bi.dashboards()
    assert set(shown) == {"leadership", "operations"}
    assert {chart.uuid for charts in shown.values() for chart in charts} == set(bi.charts())
    for charts in shown.values():
        assert len({chart.uuid for chart in charts}) == len(charts)
    assert {chart.kind for chart in CHARTS} <= set(KINDS)


def test_a_dashboard_begins_with_its_release_and_what_is_noted_of_it() -> None:
    """So that whoever opens one knows of which day it is, and that made-up data is made up."""
    for name, charts in bi.dashboards().items():
        assert charts[0].name == "release_shown", name
        assert {"release_id", "notes"} <= set(charts[0].columns)


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_a_dataset_has_the_columns_it_names_as_the_contracts_promise_them(dataset: Dataset, promised) -> None:
    told = promised.execute(f"describe {dataset.sql}").fetchall()
    assert [column for column, *_ in told] == list(dataset.columns)
    for column, kind, *_ in told:
        assert kind in DECLARED[dataset.columns[column]["type"]], f"{column} is {kind}"


@pytest.mark.parametrize("chart", CHARTS, ids=lambda c: c.name)
def test_a_chart_names_only_what_its_dataset_has(chart: Chart, promised) -> None:
    assert chart.named <= set(chart.dataset.columns)
    assert set(chart.metrics) <= set(chart.dataset.metrics)
    promised.execute(chart.sql())


@pytest.mark.parametrize(("table", "column"), [("review_scorecard", "verdict_text_zh"), ("feed_health", "allowed_days"), ("indicator_value", "attainment"), ("code_name", "name_en")])  # fmt: skip
def test_a_column_that_is_renamed_in_a_contract_breaks_a_dataset(table: str, column: str, promised) -> None:
    """The tests above would see it."""
    broken = []
    promised.execute(f"alter table {table} rename column {column} to gone")
    try:
        for dataset in DATASETS:
            try:
                promised.execute(f"describe {dataset.sql}")
            except duckdb.BinderException:
                broken.append(dataset.name)
    finally:
        promised.execute(f"alter table {table} rename column gone to {column}")
    assert broken


def test_a_dashboard_is_an_exposure_of_the_products_it_reads(promised) -> None:
    exposures = yaml.safe_load((DBT_PROJECT / "models" / "exposures.yml").read_text(encoding="utf-8"))["exposures"]
    told = {e["name"]: {ref.split("'")[1] for ref in e["depends_on"]} for e in exposures}
    # Tables that the release writes itself are no model's.
    made = {p.id for p in load_products().values() if not p.is_made_by_release}
    for name, charts in bi.dashboards().items():
        read = {table for chart in charts for table in promised.get_table_names(chart.dataset.sql)}
        assert read <= set(load_products()), "a dashboard reads what is published and nothing else"
        assert told[f"superset_{name}"] == read & made


def test_titles_axes_and_columns_are_named_in_both_languages_and_axes_say_their_unit() -> None:
    for chart in CHARTS:
        assert _both(chart.title), chart.name
        if chart.kind.startswith("echarts") or chart.kind == "heatmap_v2":
            axes = [chart.params[axis] for axis in ("x_axis_title", "y_axis_title")]
            if chart.params.get("orientation") == "horizontal":  # a title of that axis would lie on its names
                assert axes[0] == "", chart.name
                axes[0] = axes[1]
            assert all(map(_both, axes)), chart.name
            if chart.kind == "echarts_timeseries_bar" and chart.params["x_axis"] != "month":
                assert chart.params["orientation"] == "horizontal", f"{chart.name}: names side by side do not all fit"
            assert re.search(r"[（(0-9%]|天数|次数", axes[1]) or chart.kind == "heatmap_v2", (
                f"{chart.name}: {axes[1]} names no unit"
            )
    for dataset in DATASETS:
        for what in (*dataset.columns.values(), *dataset.metrics.values()):
            name = what["verbose_name"]
            assert _both(name) or name in {"说明", "In words", "告知内容", "What the sender was told"}, (
                f"{dataset.name}: {name}"
            )


def _both(text: str) -> bool:
    zh, _, en = text.partition(" · ")
    return bool(re.search(r"[一-鿿]", zh) and re.search(r"[A-Za-z]", en))


@pytest.mark.parametrize("chart", CHARTS, ids=lambda c: c.name)
def test_every_chart_of_a_release_has_rows_and_says_names_instead_of_codes(chart: Chart, published) -> None:
    rows = published.execute(chart.sql()).fetchall()
    assert rows or chart.name in MAY_BE_EMPTY
    codes = {code for (code,) in published.execute("select code from code_name where code <> name_zh and code <> name_en and length(code) > 2").fetchall()}  # fmt: skip
    codes |= {code for (code,) in published.execute("select department_code from dim_department").fetchall()}
    for n, column in enumerate(chart.columns):
        assert FOR_FILTERS not in chart.dataset.columns[column]["verbose_name"]
        texts = {row[n] for row in rows if isinstance(row[n], str)}
        assert texts & codes == set(), column
        assert not [text for text in texts if text.endswith(("；", "·", ","))], column


@pytest.mark.parametrize(("board", "dimension"), [("board_departments", "department"), ("board_counties", "county")])
def test_the_interval_beside_a_verdict_is_the_one_it_was_judged_by(board: str, dimension: str, published) -> None:
    """Another beside it would contradict it: 95.7 % to 98.4 % crosses no line at 95 %."""
    chart = next(chart for chart in CHARTS if chart.name == board)
    rows = [dict(zip(chart.columns, row, strict=True)) for row in published.execute(chart.sql()).fetchall()]
    judged = published.execute(
        "select verdict_lo, verdict_hi from review_scorecard where verdict_lo is not null and period_kind = 'month' and dimension = $dimension and period_start = "
        "(select max(period_start) from review_scorecard where dimension = 'all' and period_kind = 'month' and is_complete)",
        {"dimension": dimension},
    ).fetchall()
    assert judged
    assert {(row["verdict_lo"], row["verdict_hi"]) for row in rows if row["verdict_lo"] is not None} == set(judged)


def test_the_figures_of_everything_are_those_of_the_scorecard(published) -> None:
    of_tables = published.execute(
        "select contacts, participation_rate, good_rate from review_scorecard where dimension = 'all' and period_kind = 'month' and is_complete order by period_start desc limit 1"
    ).fetchone()
    known = {chart.name: chart for chart in CHARTS}
    shown = [published.execute(known[name].sql()).fetchone()[0] for name in ("contacts", "participation", "good_rate")]
    assert shown == pytest.approx(of_tables)


def test_a_withheld_unit_is_said_and_is_no_part_of_any_rate(night_city: City, tmp_path: Path) -> None:
    with duckdb.connect() as con:
        con.execute(f"attach '{night_city.data.published / 'minsheng.duckdb'}' as release (read_only)")
        for (table,) in con.execute(
            "select table_name from duckdb_tables() where database_name = 'release'"
        ).fetchall():
            con.execute(f"create table {table} as from release.{table}")
        con.execute("detach release")
        board = next(d for d in DATASETS if d.name == "review_board")
        ask = f"select {{}} from ({board.sql}) as b where dimension = 'department'"
        before = con.execute(ask.format("unit, rated_good, rated_reviews") + " and rated_reviews > 0 order by rated_reviews desc").fetchall()  # fmt: skip
        hidden = before[0][0]
        code = con.execute("select department_code from dim_department where name_zh || ' · ' || name_en = ?", [hidden]).fetchone()[0]  # fmt: skip
        figures = load_products()["review_scorecard"].hideable
        con.execute(f"update review_scorecard set suppressed_reason = 'few', {', '.join(f'{name} = null' for name in figures)} where dimension = 'department' and code = '{code}'")  # fmt: skip
        share = board.metrics["good_share"]["expression"]
        withheld = board.metrics["withheld_units"]["expression"]
        rate, said = con.execute(ask.format(f"{share}, {withheld}")).fetchone()
        assert rate == pytest.approx(sum(good for _, good, _ in before[1:]) / sum(n for *_, n in before[1:]))
        assert said == 1
        row = con.execute(ask.format("verdict, good_rate, bad_reviews") + f" and unit = '{hidden}'").fetchone()
        assert row == ("不公布 · withheld", None, None)


def test_postgresql_answers_every_chart_as_duckdb_does(night_city: City, server: str, published) -> None:
    from adbc_driver_postgresql import dbapi

    target = postgres.Target(server, "boards", kept=1)
    database = (night_city.data.published / "minsheng.duckdb").resolve()
    postgres.serve(target, database, postgres.Release("2026-03-01.1", "1" * 16), load_products())
    with closing(dbapi.connect(server, autocommit=True)) as con, con.cursor() as cursor:
        cursor.execute("set search_path to boards")
        for chart in CHARTS:
            cursor.execute(chart.sql())
            there = [tuple(map(_plain, row)) for row in cursor.fetchall()]
            here = [tuple(map(_plain, row)) for row in published.execute(chart.sql()).fetchall()]
            assert len(there) == len(here), chart.name
            # Rows of one rank come in any order, and the last of a list that is cut off may differ.
            if len(here) < chart.params.get("row_limit", 1):
                assert sorted(there, key=repr) == sorted(here, key=repr), chart.name


def _plain(value: Any) -> Any:
    """A value as both drivers give it: numbers to nine digits, whether the driver gives a decimal as a number or as its text."""
    if value is None or (isinstance(value, str) and not re.fullmatch(r"-?[0-9.]+", value)):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)[:19]
    return 0.0 if number == 0 else float(f"{number:.9g}") if math.isfinite(number) else str(number)


def test_the_files_are_one_export_of_superset() -> None:
    """Superset takes the folder whole: every identity is there once, and every file is of a kind it knows."""
    said = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FILES.rglob("*.yaml"))]
    identities = [one["uuid"] for one in said if "uuid" in one]
    assert len(identities) == len(set(identities)) == len(said) - 1
    assert {path.parent.relative_to(FILES).as_posix() for path in FILES.rglob("*.yaml")} == {
        ".", "databases", "datasets/minsheng", "charts", "dashboards",
    }  # fmt: skip
