"""Code lists leave with the figures: whatever code stands in a published table has a name in the same release."""

from __future__ import annotations

import duckdb

from contracts.loading import load_products
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


# These say in a sentence why a survey's figure is null; there is no list of them.
IN_WORDS = {
    "survey_driver.null_reason", "survey_driver.alpha_null_reason", "survey_score.null_reason", "survey_score.modelled_null_reason",
}  # fmt: skip


def test_every_reason_why_a_figure_is_null_has_a_name() -> None:
    reasons = {
        f"{p.id}.{f.name}": f for p in load_products().values() for f in p.fields if f.name.endswith("null_reason")
    }
    assert len(reasons) > 20
    assert {name for name, f in reasons.items() if not f.enum and not coded_by(f)} == IN_WORDS


def test_every_code_of_a_release_is_named_in_both_of_its_editions(night_city: City) -> None:
    published = night_city.data.published
    for database in (published / "minsheng.duckdb", published / "public" / "minsheng_public.duckdb"):
        with duckdb.connect(str(database), read_only=True) as con:
            there = {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}
            tried = 0
            for product in load_products().values():
                for f in (f for f in product.fields if product.id in there and (f.enum or coded_by(f))):
                    unnamed = con.execute(
                        f'select distinct "{f.name}" from "{product.id}" as t where "{f.name}" is not null and not exists (select 1 from code_name as c '
                        f"where c.table_name = '{product.id}' and c.column_name = '{f.name}' and c.code = cast(t.\"{f.name}\" as varchar))"
                    ).fetchall()  # fmt: skip
                    assert unnamed == [], f"{product.id}.{f.name}"
                    tried += 1
            assert tried > 40
