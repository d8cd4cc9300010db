"""The warehouse is built for real on a city that has sent nothing."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from building import build

from contracts.loading import load_products
from orchestration.paths import DataDirectory


def columns(con: Any, table: str) -> set[str]:
    query = "select column_name from information_schema.columns where table_name = ?"
    return {name for (name,) in con.execute(query, [table]).fetchall()}


@pytest.fixture(scope="module")
def nothing_sent(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = DataDirectory(tmp_path_factory.mktemp("nothing"))
    data.derived.mkdir()
    build(data, "--exclude-resource-type", "unit_test")
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        yield con


def test_a_city_that_sent_nothing_has_every_product(nothing_sent: Any) -> None:
    for product in load_products().values():
        if product.id != "release_log":
            assert {f.name for f in product.fields} <= columns(nothing_sent, product.id), product.id


def test_what_comes_from_seeds_is_there_before_anybody_sends(nothing_sent: Any) -> None:
    assert nothing_sent.execute("select count(*) from standard.dim_service_item").fetchone() == (82,)
    assert nothing_sent.execute("select division_code from standard.dim_division").fetchall() == [("unknown",)]
    assert nothing_sent.execute("select count(*) from evaluation.review_scorecard").fetchone() == (0,)


def test_spring_festival_2026_and_its_make_up_days(nothing_sent: Any) -> None:
    query = "select is_workday from standard.dim_date where date_day = ?"
    answers = {
        day: nothing_sent.execute(query, [day]).fetchone()[0] for day in ("2026-02-14", "2026-02-17", "2026-02-28")
    }
    assert answers == {"2026-02-14": True, "2026-02-17": False, "2026-02-28": True}
