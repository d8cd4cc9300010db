"""What a model's columns are made of, read from SQL as dbt compiles it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import duckdb
import pytest

from orchestration.warehouse import column_lineage

KNOWN = {
    "standard": {
        "halls": {"hall": "varchar", "city": "varchar"},
        "reviews": {"id": "varchar", "hall": "varchar", "level": "bigint", "told": "date"},
    }
}
IMPORTS = (
    """with halls as (select * from "w"."standard"."halls"), reviews as (select * from "w"."standard"."reviews")"""
)
HALL, CITY, LEVEL, ID = (
    ("standard", "halls", "hall"), ("standard", "halls", "city"), ("standard", "reviews", "level"), ("standard", "reviews", "id"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("query", "origins"),
    [
        ("select id, level as stars from reviews", {"id": {ID}, "stars": {LEVEL}}),
        ("select avg(case when id = 'x' then level end) as mean from reviews", {"mean": {ID, LEVEL}}),
        ("select halls.city from reviews join halls on reviews.hall = halls.hall where level > 1", {"city": {CITY}}),
        ("select hall as name from halls union all select id from reviews", {"name": {HALL, ID}}),
        ("select x as y from (select level + 1 as x, id from reviews) as inner_one", {"y": {LEVEL}}),
        ("select lag(level) over (partition by hall order by id) as before from reviews",
         {"before": {LEVEL, ID, ("standard", "reviews", "hall")}}),
        ("select count(*) as n, 'month' as kind from reviews", {"n": set(), "kind": set()}),
    ],
    ids=["renamed", "computed", "joined and filtered", "stacked", "nested", "window", "of nothing"],
)  # fmt: skip
def test_a_column_is_made_of(query: str, origins: dict[str, set[tuple[str, str, str]]]) -> None:
    sql = f"{IMPORTS}, final as ({query}) select * from final"
    assert column_lineage.origins(sql, KNOWN) == origins


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A warehouse of one model and one staging view, and their SQL as dbt leaves it."""
    with duckdb.connect(str(tmp_path / "w.duckdb")) as con:
        con.execute("create schema staging; create schema reviews")
        con.execute("create table staging.stg_evaluation__contacts (case_no varchar, opened_at timestamp)")
        con.execute("create table reviews.fct_contact (case_no varchar)")
    models = tmp_path / "compiled" / "minsheng" / "models"
    (models / "fct_contact.yml").mkdir(parents=True)
    (models / "fct_contact.yml" / "unique_fct_contact.sql").write_text("select 1 as broken from")
    (models / "fct_contact.sql").write_text('select case_no from "w"."staging"."stg_evaluation__contacts"')
    (models / "stg_evaluation__contacts.sql").write_text(
        "with source as (select * from read_parquet('/d/accepted/evaluation.contacts/**/*.parquet', union_by_name=true)) "
        "select case_no, opened_at from source"
    )
    (models / "unreadable.sql").write_text("select nothing from nowhere at all of")
    return tmp_path


def read(project: Path, version: str = "1") -> dict[str, dg.TableColumnLineage]:
    assets = {dg.AssetKey(["accepted", "evaluation", "contacts"]), dg.AssetKey(["staging", "stg_evaluation__contacts"])}
    return column_lineage.of_models(
        project / "compiled", project / "w.duckdb", assets, version, project / "lineage.json"
    )


def test_lineage_leads_from_a_table_to_the_feed(project: Path) -> None:
    lineage = read(project)
    staged, sent = (
        dg.AssetKey(["staging", "stg_evaluation__contacts"]),
        dg.AssetKey(["accepted", "evaluation", "contacts"]),
    )
    assert lineage["fct_contact"].deps_by_column == {"case_no": [dg.TableColumnDep(staged, "case_no")]}
    assert lineage["stg_evaluation__contacts"].deps_by_column["opened_at"] == [dg.TableColumnDep(sent, "opened_at")]


def test_a_model_that_cannot_be_read_costs_nothing_else(project: Path) -> None:
    lineage = read(project)
    assert lineage["unreadable"].deps_by_column == {}
    assert set(lineage) == {"fct_contact", "stg_evaluation__contacts", "unreadable"}


def test_sql_is_read_again_only_when_the_models_have_changed(project: Path) -> None:
    first = read(project)
    (model,) = project.rglob("fct_contact.sql")
    model.write_text('select opened_at as case_no from "w"."staging"."stg_evaluation__contacts"')
    assert read(project) == first
    assert read(project, "2")["fct_contact"].deps_by_column["case_no"][0].column_name == "opened_at"
