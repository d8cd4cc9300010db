"""Code lists leave with the figures: whatever code stands in a published table has a name in the same release."""

from __future__ import annotations

import re

import duckdb

from contracts.loading import load_products, names_of, seed
from contracts.model import FieldSpec, Product
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


def test_codes_of_several_lists_are_named_where_no_published_table_names_them() -> None:
    """A channel of the scorecard had a Chinese name beside it, and an English one nowhere in the release."""
    names = {line[:3]: line[4:6] for line in lines(load_products().values())}
    assert names["review_scorecard", "code", "1"] == ("窗口", "Window")
    tables = load_products()
    for product in tables.values():
        for f in product.fields:
            for key in f.foreign_keys:
                if key.where and key.table not in tables and "name_zh" in seed(key.table)[0]:
                    codes = {row[key.column] for row in seed(key.table) if row["name_zh"]}
                    assert {(product.id, f.name, code) for code in codes} <= names.keys(), (product.id, f.name)


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


# What a column holds, by its name: names, sentences and sources; what one row or file, a version or a place is known by.
IN_ANY_WORDS = re.compile(
    r"name(_.*)?|.*_name|.*_zh|.*_en|.*_text|address|.*_address|evidence|note|notes|source|.*_source|suppressed_reason|reason|waived_.*"
)
KNOWN_BY = re.compile(
    r".*_id|.*_key|.*_version|version|receipt|receipt_list|.*_checksum|superseded_by|.*_area|area|wave|found_in|window_no|file_name"
)
# As somebody sent it, mapped or not; a folder of feeds; a question, whose text stands beside it; what a row itself is about; a text
# of a release: tables, a value as a text.
ITSELF = {
    "dim_division.division_code", "dim_department.department_code", "dim_service_item.service_item_code",
    "dim_facility.facility_code", "dim_facility.sent_division_code", "dim_facility_history.sent_division_code", "feed_problem.sent_value",
    "survey_driver.outcome", "survey_score.wording", "code_name.code", "code_name.code_list",
    "revision_log.old_value", "revision_log.new_value", "release_log.changed_tables", "release_log.kept_tables",
    "release_log.closed_periods",
}  # fmt: skip


def _is_told_beside(product: Product, f: FieldSpec) -> bool:
    """Whether the row says in words what the code means: `domain_zh` beside `domain_no`, `name_zh` beside the code of a unit."""
    stem = re.sub(r"_(code|no|value|feed)$", "", f.name)
    beside = {f"{stem}_zh", f"{stem}_name"} | ({"name_zh", "unit_name"} if f.foreign_keys else set())
    return bool(beside & set(product.by_name))


def test_every_column_of_codes_is_named_by_its_contract_or_is_none() -> None:
    """A new column of texts is an enumeration, cites a list, leads to a table of names, is told in its row, or is said to be no code."""
    tables = load_products()
    unnamed = {
        f"{p.id}.{f.name}"
        for p in tables.values()
        for f in p.fields
        if f.kind == "string"
        and not (names_of(f) or coded_by(f) or f.named_by or any(k.table in tables and not k.where for k in f.foreign_keys))
        and not (IN_ANY_WORDS.fullmatch(f.name) or KNOWN_BY.fullmatch(f.name) or _is_told_beside(p, f))
    } - IN_WORDS  # fmt: skip
    assert unnamed == ITSELF


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


# A stratum is called as the sampling plan of its survey calls it.
OF_A_PLAN = {"survey_diagnostics.category": "item <> 'stratum'"}


def test_every_code_of_a_release_is_named_in_both_of_its_editions(night_city: City) -> None:
    """By `code_name`, or, where a column holds codes of units as well, by the table of those units."""
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
                    rows = f'"{product.id}" where {OF_A_PLAN.get(f"{product.id}.{f.name}", "true")}'
                    known = [
                        f"select code from code_name where table_name = '{product.id}' and column_name = '{f.name}'"
                    ]
                    known += [
                        f'select cast("{k.column}" as varchar) from {k.table}'
                        for k in f.foreign_keys
                        if k.table in there
                    ]
                    unnamed = con.execute(
                        f"select distinct value from (select {values} as value from {rows}) where value is not null "
                        f"except ({' union '.join(known)})"
                    ).fetchall()  # fmt: skip
                    assert unnamed == [], f"{product.id}.{f.name}"
                    tried += 1
            assert tried > 40


def test_a_column_of_words_holds_no_lone_code(night_city: City) -> None:
    """What goes by the name of a text in words is one, in both editions; what is named by a code of its own is not looked at."""
    published, found = night_city.data.published, {}
    for database in (published / "minsheng.duckdb", published / "public" / "minsheng_public.duckdb"):
        with duckdb.connect(str(database), read_only=True) as con:
            columns = con.execute(
                "select table_name, column_name from duckdb_columns() where data_type = 'VARCHAR' and not internal "
                "except select table_name, column_name from code_name"
            ).fetchall()
            for table, column in columns:
                if IN_ANY_WORDS.fullmatch(column) and not re.search("_en$|^(table|column|file)_name$", column):
                    codes = con.execute(
                        f'select distinct "{column}" from "{table}" where regexp_full_match("{column}", \'[a-z0-9_.:-]+\') limit 3'
                    ).fetchall()
                    found |= {f"{table}.{column}": codes} if codes else {}
    assert found == {}
