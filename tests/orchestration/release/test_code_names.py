"""Code lists leave with the figures: whatever code stands in a published table has a name in the same release."""

from __future__ import annotations

import duckdb

from contracts.loading import load_products, seed
from contracts.reading.encoding import BOMS, WESTERN
from orchestration.derived.surveys import diagnostics
from orchestration.derived.surveys.wave import GROUPS
from orchestration.release.code_names import coded_by, lines
from tests.orchestration.conftest import City


def test_every_value_of_a_coded_column_has_one_name_in_both_languages() -> None:
    found = lines(load_products().values())
    keys = [line[:3] for line in found]
    assert len(keys) == len(set(keys))
    names = {line[:3]: line[4:6] for line in found}
    assert names["review_scorecard", "verdict", "undetermined"] == ("尚不能判定", "undetermined")
    assert (
        names["indicator_value", "indicator_code", "rural_comprehensive_facility_coverage"][0]
        == "农村社区综合服务设施覆盖率"
    )
    assert all(zh and en for zh, en in names.values())


def test_texts_of_several_values_and_open_lists_are_named_too() -> None:
    names = {line[:3]: line[4:6] for line in lines(load_products().values())}
    assert names["department_scorecard", "missing_parts", "loop"][0] == "差评按期整改"
    assert names["survey_score", "dimension", "trust"] == ("信任", "Trust")
    assert names["review_policy", "parameter", "bad_line"] == ("差线", "bad line")
    assert names["feed_health", "sender", "shifan"] == (
        "示范市政务服务平台（虚构）",
        "Government service platform of Shifan (fictional)",
    )
    assert names["feed_health", "commonest_field", "channel"] == (
        "办理形式、评价渠道",
        "Channel of the contact, Channel of the review as sent",
    )
    assert names["feed_health", "format", "ndjson"] == ("逐行 JSON（NDJSON）", "JSON lines (NDJSON)")
    assert names["survey_score", "group_value", "2"] == ("女", "female")
    assert names["survey_diagnostics", "item", "n_eff"] == ("有效样本量", "effective sample size")
    assert names["feed_health", "reason_code", "empty_file"][0] == "… 是空文件，请重新导出后发送。"
    assert not [name for name in names.values() if "{" in "".join(name)]


def test_every_parameter_of_the_policy_has_a_name_and_no_other() -> None:
    assert {r["code"] for r in seed("review_parameters")} == {r["parameter"] for r in seed("review_policies")}


# These say in a sentence why a survey's figure is null; there is no list of them.
IN_WORDS = {"survey_driver.null_reason", "survey_score.modelled_null_reason"}


def test_every_reason_why_a_figure_is_null_has_a_name() -> None:
    reasons = {
        f"{p.id}.{f.name}": f for p in load_products().values() for f in p.fields if f.name.endswith("null_reason")
    }
    assert len(reasons) > 20
    assert {name for name, f in reasons.items() if not f.enum and not coded_by(f)} == IN_WORDS


def test_a_list_names_every_format_and_every_thing_that_is_told_of_a_survey() -> None:
    assert {r["code"] for r in seed("file_formats")} == {
        "csv",
        "ndjson",
        "json",
        "geojson",
        "parquet",
        "xlsx",
        "xls",
        "ods",
    }
    assert {name for _, name in BOMS} | {"gb18030", "big5", WESTERN} == {r["code"] for r in seed("file_encodings")}
    assert {r["code"] for r in seed("survey_items")} >= {*diagnostics.RULES, "any_rule", *GROUPS, "not_estimated"}


def test_no_text_of_a_release_is_english_alone(night_city: City) -> None:
    """A sentence without a Chinese letter stands only in a column that says that it is the English one."""
    with duckdb.connect(str(night_city.data.published / "minsheng.duckdb"), read_only=True) as con:
        columns = con.execute(
            "select table_name, column_name from duckdb_columns() where data_type = 'VARCHAR' and not internal"
        ).fetchall()
        english = {
            f"{table}.{column}": found
            for table, column in columns
            if not column.endswith("_en")
            and (found := con.execute(
                f"select distinct \"{column}\" from \"{table}\" where regexp_matches(\"{column}\", '[A-Za-z]{{3,}} [A-Za-z]{{2,}}') "
                f"and not regexp_matches(\"{column}\", '[一-鿿]') limit 3").fetchall())
        }  # fmt: skip
    assert english == {}


def test_every_code_of_a_release_is_named_in_both_of_its_editions(night_city: City) -> None:
    published = night_city.data.published
    for database in (published / "minsheng.duckdb", published / "public" / "minsheng_public.duckdb"):
        with duckdb.connect(str(database), read_only=True) as con:
            there = {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}
            tried = 0
            for product in load_products().values():
                for f in (
                    f
                    for f in product.fields
                    if product.id in there and (f.enum or f.parts or f.named_by or coded_by(f))
                ):
                    values = (
                        f"trim(unnest(string_split(\"{f.name}\", ',')))"
                        if f.is_several
                        else f'cast("{f.name}" as varchar)'
                    )
                    unnamed = con.execute(
                        f"select distinct value from (select {values} as value from \"{product.id}\") where value is not null and not exists "
                        f"(select 1 from code_name as c where c.table_name = '{product.id}' and c.column_name = '{f.name}' and c.code = value)"
                    ).fetchall()  # fmt: skip
                    assert unnamed == [], f"{product.id}.{f.name}"
                    tried += 1
            assert tried > 40
