"""What Dagster says of the warehouse's tables, columns and tests: from the contracts, in both languages where they have both.

Belongs here: words. Does not belong here: how dbt runs (dbt_assets) and what a table or column means, which its contract or its
model's yml says.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from contracts.door.rows import REASON_SCHEMA
from contracts.loading import POLICIES, load_feeds, load_products
from contracts.model import FieldSpec
from orchestration.derived import linkage, review_words, roads, survey_estimates
from orchestration.intake import ledger
from orchestration.paths import DBT_PROJECT

COLUMN_TEXTS = Path(__file__).with_name("column_texts.yml")
Props = Mapping[str, Any]  # a node as dbt's manifest describes it
# What every accepted row carries besides what was sent.
CARRIED = {
    "_feed": "数据流 · Feed", "_sender": "报送方 · Sender", "_receipt": "回执号 · Receipt", "_row": "文件中的行号 · Row in the file",
    "_received_at": "收到时间 · Received at", "_contract_version": "契约版本 · Version of the contract",
}  # fmt: skip

# Table that Python writes and dbt reads → its columns and their types.
TABLES: Mapping[str, Mapping[str, Any]] = {
    "receipts": ledger.schema(), "quarantine": {"receipt": "string", **REASON_SCHEMA}, **survey_estimates.TABLES,
    "review_words": review_words.SCHEMA, "facility_links": linkage.LINKS, "facility_complexes": linkage.COMPLEXES, **roads.TABLES,
}  # fmt: skip


def house_owner() -> str | None:
    """Who answers for what no contract names: the bureau whose releases these are."""
    return load_products()["release_log"].owner_email


def owner(props: Props) -> str | None:
    """A product's owner by its contract, a staging model's by its feed's, the house's otherwise."""
    contract = load_products().get(props["name"]) or staged_feed(props["name"])
    return contract.owner_email if contract is not None else house_owner()


def staged_feed(model: str) -> Any:
    """The feed that a staging model reads; None for any other model."""
    return load_feeds().get(model.removeprefix("stg_").replace("__", ".", 1)) if model.startswith("stg_") else None


def table(props: Props) -> str:
    """A table's description: labels, grain, purpose of a product; for others what their yml says."""
    product = load_products().get(props["name"])
    if product is None:
        feed = staged_feed(props["name"])
        said = str(props.get("description") or "").strip()
        return f"**{feed.label_zh} · {feed.label_en}** (staging)\n\n{said}\n\n{feed.purpose}" if feed else said
    return f"**{product.label_zh} · {product.label_en}**\n\n{product.description}\n\n{product.purpose}"


def tags(props: Props) -> dict[str, str]:
    """What a selection in the UI can go by: `tag:layer=product`, `tag:audience=public`."""
    product = load_products().get(props["name"])
    if product is not None:
        return {"layer": "product", "audience": "public" if product.is_public else "bureau"}
    if props["resource_type"] == "seed":
        is_policy = "policies" in props["original_file_path"]
        return {"layer": "policy" if is_policy else "code_list"}
    return {"layer": "staging" if props["name"].startswith("stg_") else "intermediate"}


def columns(props: Props) -> dg.TableSchema | None:
    """The columns of a table with their texts, as far as they are known before it is built."""
    product = load_products().get(props["name"])
    if product is not None:
        return schema({f.name: f.sql_type.lower() for f in product.fields}, {f.name: f for f in product.fields})
    described = {name: str(column.get("description") or "") for name, column in props["columns"].items()}
    if props["resource_type"] == "seed":
        path = DBT_PROJECT / props["original_file_path"]
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file), [])
        types = props["config"].get("column_types") or {}
        return schema({name: types.get(name, "") for name in names}, {}, described)
    known = {name: column.get("data_type") or "" for name, column in props["columns"].items()}
    return schema(known, {}, described) if known else None


def schema(
    types: Mapping[str, str], fields: Mapping[str, FieldSpec] | None = None, described: Mapping[str, str] | None = None
) -> dg.TableSchema:
    """Columns and their types as Dagster shows them.

    Args:
        fields: the contract of the table, where it has one; a column outside it is told by what contracts mean by its name.
        described: texts of the table's own yml, which go before that.
    """
    fields, described = fields or {}, described or {}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                kind or "string",
                description=fields[name].told if name in fields else described.get(name) or meant_by_name().get(name),
                constraints=dg.TableColumnConstraints(nullable=not fields[name].required if name in fields else True),
            )
            for name, kind in types.items()
        ]
    )


def with_columns(definition: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """What Python writes, with the columns of its tables."""

    def described(spec: dg.AssetSpec) -> dg.AssetSpec:
        columns = TABLES.get(spec.key.path[-1])
        if columns is None:
            return spec
        types = {name: str(kind).lower() for name, kind in columns.items()}
        return spec.merge_attributes(metadata={"dagster/column_schema": schema(types)})

    return definition.map_asset_specs(described)


@cache
def meant_by_name() -> dict[str, str]:
    """Column → the label that most contracts give a column of this name: the same quantity has one name everywhere.

    A parameter of a policy is a column where the policy is joined; the policies' own files say what it is. What no contract and no
    policy names stands in `column_texts.yml`.
    """
    counted: dict[str, Counter[str]] = {}
    for contract in (*load_products().values(), *load_feeds().values()):
        for field in contract.fields:
            counted.setdefault(field.name, Counter())[f"{field.label_zh} · {field.label_en}"] += 1
    return {
        **yaml.safe_load(COLUMN_TEXTS.read_text(encoding="utf-8")),
        **_parameters(),
        **{name: labels.most_common(1)[0][0] for name, labels in counted.items()},
        **CARRIED,
    }


def _parameters() -> dict[str, str]:
    """Parameter of a policy → what its file says of it, in the first of its rows: its meaning, or where its value is from."""
    told: dict[str, str] = {}
    for path in sorted(POLICIES.glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                said = row.get("meaning") or row.get("source")
                if "parameter" in row and said:
                    zh, _, en = said.partition(" · ")
                    told.setdefault(row["parameter"], f"政策参数：{zh} · Parameter of {path.stem}: {en or zh}")
    return told


# ── tests ───────────────────────────────────────────────────────────────────────────────────────


def check(test: Props) -> str:
    """What a dbt test asks for, in a sentence."""
    if test.get("description"):
        return str(test["description"])
    kind = str((test.get("test_metadata") or {}).get("name"))
    return _GENERIC[kind](test["test_metadata"]["kwargs"]) if kind in _GENERIC else promise(test)


def promise(test: Props) -> str:
    """The sentence a test of its own begins with."""
    lines = str(test.get("raw_code") or "").strip().splitlines()
    said = " ".join(line.strip("- ") for line in takewhile(lambda line: line.startswith("--"), lines))
    return said.partition(" depends_on:")[0] or str(test["name"]).replace("_", " ")


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _to(reference: str) -> str:
    return reference.removeprefix("ref('").removesuffix("')")


def _keys(keys: Iterable[Mapping[str, Any]]) -> str:
    return "; ".join(f"`{k['column']}` → `{_to(k['to'])}.{k['field']}`" for k in keys)


_GENERIC: Mapping[str, Any] = {
    "unique": lambda a: f"`{a['column_name']}` 不重复。 · No `{a['column_name']}` stands twice.",
    "not_null": lambda a: f"`{a['column_name']}` 不为空。 · `{a['column_name']}` is never empty.",
    "accepted_values": lambda a: (
        f"`{a['column_name']}` 只取所列的值。 · `{a['column_name']}` is one of {_listed(a['values'])}."
    ),
    "relationships": lambda a: (
        f"`{a['column_name']}` 都能对应。 · Every `{a['column_name']}` stands in `{_to(a['to'])}.{a['field']}`."
    ),
    "unique_together": lambda a: (
        f"{_listed(a['columns'])} 合起来不重复。 · No two rows share {_listed(a['columns'])}: the grain of the table."
    ),
    "keys_are_known": lambda a: f"外键都能对应。 · Every key is found where it points: {_keys(a['keys'])}.",
    "only_listed_values": lambda a: f"编码只取所列的值。 · Only listed codes stand in {_listed(a['lists'])}.",
    "nulls_have_reasons": lambda a: (
        "空值都写明原因。 · Where a value is null, a reason stands beside it: "
        + "; ".join(f"`{column}` by `{why}`" for column, why in a["reasons"].items())
        + "."
    ),
}
