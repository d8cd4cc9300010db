"""Every column of every model and code list has a text in the Dagster UI, and no text is written for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml
from building import manifest

from contracts.loading import load_feeds, load_products
from orchestration.paths import DBT_PROJECT, DataDirectory
from orchestration.warehouse import texts

LISTED = yaml.safe_load(texts.COLUMN_TEXTS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str | None]]:
    """(table, column, its text) of what dbt has parsed."""
    nodes = manifest(DataDirectory(tmp_path_factory.mktemp("parsed"))).nodes.values()
    return [found for node in nodes if node.resource_type in ("model", "seed") for found in _told(node)]


def _told(node: Any) -> Iterator[tuple[str, str, str | None]]:
    schema = texts.columns(node.to_dict())
    return ((node.name, c.name, c.description) for c in (schema.columns if schema else ()))


@cache
def of_contracts() -> set[str]:
    return {f.name for contract in (*load_products().values(), *load_feeds().values()) for f in contract.fields}


def test_every_column_has_a_text(columns) -> None:
    assert len(columns) > 2_000
    assert [(table, column) for table, column, text in columns if not text] == []


def test_no_text_is_written_twice_or_for_nothing(columns) -> None:
    """What a contract names is told by the contract; what no table has, and no model's SQL names, needs no text."""
    assert LISTED.keys() & of_contracts() == set()
    sql = "\n".join(path.read_text(encoding="utf-8") for path in DBT_PROJECT.glob("*/**/*.sql"))
    written = {column for table in texts.TABLES.values() for column in table}
    assert LISTED.keys() - {column for _, column, _ in columns} - written - {*re.findall(r"\w+", sql)} == set()


@pytest.mark.parametrize("column", LISTED)
def test_a_text_is_chinese_and_english(column: str) -> None:
    zh, _, en = LISTED[column].partition(" · ")
    assert any("\u4e00" <= c <= "\u9fff" for c in zh)
    assert en
    assert not any("\u4e00" <= c <= "\u9fff" for c in en)


def test_the_list_is_in_order() -> None:
    assert list(LISTED) == sorted(LISTED)
