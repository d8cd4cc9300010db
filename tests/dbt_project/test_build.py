"""The warehouse is built for real on a city that has sent nothing."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from building import build, compiled, copy_project, dbt
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from contracts.loading import load_products
from orchestration.paths import DBT_PROJECT, DataDirectory


def columns(con: Any, table: str) -> set[str]:
    query = "select column_name from information_schema.columns where table_name = ?"
    return {name for (name,) in con.execute(query, [table]).fetchall()}


# What reads the table it was the night before is tried by nights (test_nights): a unit test has no night before.
READ_THEMSELVES = {"review_deliveries", "volume_deliveries"}
# What puts the rows of all feeds of a kind below each other: a unit test would have to be told of every new feed. Tried by
# test_another_feed and by the tests of each night that nothing is lost.
PUT_TOGETHER = {
    "facility_registrations", "named_places", "sent_volumes", "sent_contacts", "sent_reviews", "sent_rectifications",
}  # fmt: skip
# Rounds after the first: the macro is the same, and test_divisions follows units through them.
LATER_ROUNDS = {
    "division_unmatched_2", "division_unmatched_3", "division_refound_2", "division_refound_3", "division_late_heirs_2",
}  # fmt: skip
# What becomes an indicator, an index or a distance is counted a second time from the accepted rows by other code, whole, in
# test_indicator_values; a unit test of one model among them would show less. So is what validation rules say of any figures
# (test_validation_rules).
COUNTED_AGAIN = {"elderly_care_months", "institution_months"}
# A code list under the names of a product.
RENAMED = {"dim_department"}
SUBJECTS_COUNTED_AGAIN = {"indicators", "validation"}


@pytest.fixture(scope="module")
def empty_city(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    data = DataDirectory(tmp_path_factory.mktemp("nothing"))
    data.derived.mkdir()
    build(data, "--exclude-resource-type", "unit_test")
    return data


@pytest.fixture
def nothing_sent(empty_city: DataDirectory) -> Any:
    with duckdb.connect(str(empty_city.warehouse), read_only=True) as con:
        yield con


@pytest.mark.slow
def test_every_branch_of_a_model_that_has_a_unit_test_does_what_it_says(empty_city: DataDirectory) -> None:
    """The `*.unit.yml` beside the models. The night leaves them out: they tell of code, not of what came."""
    run = dbt(empty_city, "test", "--resource-type", "unit_test")
    results = {r.node.unique_id: r.status for r in run.results if r.node.unique_id.startswith("unit_test.")}
    assert [name for name, status in results.items() if status != "pass"] == [], run.said[-5000:]
    models = {name.split(".")[2] for name in results}
    assert without_unit_test(models) <= READ_THEMSELVES | PUT_TOGETHER | LATER_ROUNDS | COUNTED_AGAIN | RENAMED


def without_unit_test(tested: set[str]) -> set[str]:
    """Models that decide something (staging only renames and casts) and have no unit test."""
    elsewhere = {"staging", *SUBJECTS_COUNTED_AGAIN}
    models = (p for p in (DBT_PROJECT / "models").rglob("*.sql") if not elsewhere & {*p.parts})
    return {p.stem for p in models} - tested


@pytest.fixture(scope="module")
def queries(empty_city: DataDirectory) -> dict[str, exp.Expression]:
    """Every model's query with the table and the type of each column known."""
    schema: dict[str, Any] = {"minsheng": {}}
    query = "select table_schema, table_name, column_name, data_type from information_schema.columns"
    with duckdb.connect(str(empty_city.warehouse), read_only=True) as con:
        for place, table, column, kind in con.execute(query).fetchall():
            schema["minsheng"].setdefault(place, {}).setdefault(table, {})[column] = kind
    models = [p for p in (empty_city.root / "dbt" / "compiled" / "minsheng" / "models").rglob("*.sql") if p.is_file()]
    assert len(models) > 150
    parsed = {p.stem: sqlglot.parse_one(p.read_text(encoding="utf-8"), dialect="duckdb") for p in models}
    return {
        name: annotate_types(
            qualify(
                query, schema=schema, dialect="duckdb", validate_qualify_columns=False, quote_identifiers=False, expand_alias_refs=False
            ),
            schema=schema,
            dialect="duckdb",
        )
        for name, query in parsed.items()
    }  # fmt: skip


def test_no_query_has_two_columns_of_one_name(queries: dict[str, exp.Expression]) -> None:
    """`a.key, b.*` where b has a key too: DuckDB takes the first one, Spark refuses the query."""
    twice = {}
    for model, query in queries.items():
        for select in query.find_all(exp.Select):
            names = Counter(name.lower() for name in select.named_selects)
            if several := [name for name, times in names.items() if times > 1]:
                twice[model] = several
    assert twice == {}


def test_no_fraction_is_made_of_decimals(queries: dict[str, exp.Expression]) -> None:
    """`n / 12.0` of whole numbers: DuckDB divides as doubles, Spark keeps six digits. `n / 12` is the same on both."""
    assert [f.sql() for f in decimal_fractions(sqlglot.parse_one("select (2.0 * n) / k, n / k, n / 2.0 / cast(k as double)"))] == [
        "(2.0 * n) / k", "n / 2.0",
    ]  # fmt: skip
    found = {model: [f.sql() for f in decimal_fractions(query)] for model, query in queries.items()}
    assert {model: fractions for model, fractions in found.items() if fractions} == {}


def decimal_fractions(query: exp.Expression) -> list[exp.Div]:
    """Divisions that have a decimal literal on one side and no double on either."""
    return [f for f in query.find_all(exp.Div) if _number({f.this, f.expression}) == "decimal"]


def _number(parts: Iterable[exp.Expression]) -> str:
    """What Spark reckons with where it puts these together: double, decimal or whole (or not a number)."""
    kinds = {_kind(part.unnest()) for part in parts}
    return next((kind for kind in ("double", "decimal") if kind in kinds), "whole")


def _kind(value: exp.Expression) -> str:
    if isinstance(value, exp.Literal):
        return "decimal" if value.is_number and not value.is_int else "whole"
    if isinstance(value, exp.Div):
        return "decimal" if _number([value.this, value.expression]) == "decimal" else "double"
    if isinstance(value, exp.Case):
        return _number(
            [branch.args["true"] for branch in value.args["ifs"]] + [d for d in [value.args.get("default")] if d]
        )
    if isinstance(value, exp.Add | exp.Sub | exp.Mul):
        return _number([value.this, value.expression])
    if isinstance(
        value, exp.Coalesce | exp.Greatest | exp.Least | exp.Nullif | exp.Sum | exp.Max | exp.Min | exp.Neg | exp.Abs
    ):
        return _number(part for part in value.iter_expressions())
    return "double" if value.is_type("double", "float") else "decimal" if value.is_type("decimal") else "whole"


def test_a_city_that_sent_nothing_has_every_product(nothing_sent: Any) -> None:
    for product in load_products().values():
        if not product.is_made_by_release:
            assert {f.name for f in product.fields} <= columns(nothing_sent, product.id), product.id


def test_what_a_product_promises_is_never_null_in_its_table(nothing_sent: Any) -> None:
    """dbt hands the constraints of the contract to DuckDB; views, which hold no rows, have none."""
    query = "select table_name, unnest(constraint_column_names) from duckdb_constraints() where constraint_type = 'NOT NULL'"
    held = set(nothing_sent.execute(query).fetchall())
    tables = {name for (name,) in nothing_sent.execute("select table_name from duckdb_tables()").fetchall()}
    promised = {(p.id, f.name) for p in load_products().values() if p.id in tables for f in p.fields if f.required}
    assert {product for product in load_products() if product not in tables} == {
        "code_name",
        "fct_review",
        "fct_service_volume",
        "release_log",
        "revision_log",
    }
    assert promised - held == set()


def test_dbt_finds_a_key_that_leads_nowhere_a_value_of_no_list_and_a_null_without_a_reason(
    empty_city: DataDirectory, tmp_path: Path
) -> None:
    sql = compiled(empty_city, "review_reason")
    copied = Path(shutil.copy(empty_city.warehouse, tmp_path))
    with duckdb.connect(str(copied)) as con:
        con.execute("""
            create or replace table reviews.review_reason as
            select * from (values
                ('department', 'unknown', 'tag', '108', 0.5, null),
                ('department', 'nobody', 'word', 'anything', 0.5, null),
                ('facility', 'hall:7', 'item_day', 'BPS999', null, 'no_other_hours'),
                ('facility', 'sports:7', 'rumour', 'anything', null, null),
                ('county', 'nobody', 'hour', 'anything', 0.5, 'no_other_hours')
            ) as t (dimension, code, kind, value, change, change_null_reason)
        """)
        keys = con.execute(sql["review_reason_keys_are_known"]).fetchall()
        lists = con.execute(sql["review_reason_only_listed_values"]).fetchall()
        reasons = con.execute(sql["review_reason_nulls_have_reasons"]).fetchall()
    assert sorted(keys) == [
        ("code", "nobody", "dim_department.department_code", 1),
        ("code", "nobody", "dim_division.division_code", 1),
        ("code", "sports:7", "dim_facility.facility_id", 1),
        ("value", "BPS999", "dim_service_item.service_item_code", 1),
    ]
    assert lists == [("kind", "rumour", 1)]
    assert sorted(reasons, key=str) == [("change", "0.5", "no_other_hours"), ("change", None, None)]


def test_what_comes_from_seeds_is_there_before_anybody_sends(nothing_sent: Any) -> None:
    assert nothing_sent.execute("select count(*) from catalogue.dim_service_item").fetchone() == (82,)
    assert nothing_sent.execute("select division_code from divisions.dim_division").fetchall() == [("unknown",)]
    assert nothing_sent.execute("select count(*) from reviews.review_scorecard").fetchone() == (0,)


def test_spring_festival_2026_and_its_make_up_days(nothing_sent: Any) -> None:
    query = "select is_workday from catalogue.dim_date where date_day = ?"
    answers = {
        day: nothing_sent.execute(query, [day]).fetchone()[0] for day in ("2026-02-14", "2026-02-17", "2026-02-28")
    }
    assert answers == {"2026-02-14": True, "2026-02-17": False, "2026-02-28": True}


OTHER_COLUMNS = {
    "another type": ("cast(weekday as bigint) as weekday", "cast(weekday as double) as weekday"),
    "another name": ("as weekday,\n        is_workday,", "as day_of_week,\n        is_workday,"),
    "one too many": (
        "is_provisional,\n        exception_zh",
        "is_provisional,\n        1 as more,\n        exception_zh",
    ),
    "one missing": ("exception_zh,\n        exception_en\n    from judged", "exception_zh\n    from judged"),
}


@pytest.mark.parametrize("what", OTHER_COLUMNS)
def test_a_model_gives_the_columns_it_promises_or_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """By our own comparison (macros/same_columns.sql), and in dbt's words."""
    project = copy_project(tmp_path)
    model = project / "models" / "catalogue" / "dim_date.sql"
    written = model.read_text(encoding="utf-8")
    model.write_text(written.replace(*OTHER_COLUMNS[what]), encoding="utf-8")
    assert model.read_text(encoding="utf-8") != written
    monkeypatch.setattr("building.DBT_PROJECT", project)
    run = dbt(
        DataDirectory(tmp_path / "data"), "build", "--select", "+dim_date", "--exclude-resource-type", "unit_test"
    )
    assert not run.success
    assert "enforced contract that failed" in str([result.message for result in run.results])
