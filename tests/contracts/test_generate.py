"""What is made from the contracts says what the contracts say, and nobody has touched it since."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from contracts.dbt_lists import FIELD_LIST
from contracts.dbt_properties import BANNER, EXPOSURE, MODELS, SOURCES
from contracts.generate import DICTIONARY, PRODUCT_TABLE, PROJECT, README, stale
from contracts.loading import load_feeds, load_products
from contracts.model import Product

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project as far as the generator knows it."""
    for folder in ("contracts", "policies", "docs", "dbt_project/macros", str(MODELS)):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / README, tmp_path)
    return tmp_path


@pytest.fixture
def generate(copy: Path) -> Run:
    def _generate(*arguments: str) -> tuple[int, str]:
        run = subprocess.run(
            [sys.executable, "-m", "contracts.generate", *arguments],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not run.stderr, run.stderr
        return run.returncode, run.stdout

    return _generate


def test_generated_files_are_current() -> None:
    assert stale() == []


def test_a_change_by_hand_is_named_and_generating_takes_it_back(copy, generate) -> None:
    edited = copy / SOURCES / "health.yml"
    edited.write_text(edited.read_text().replace("data_type: bigint", "data_type: varchar", 1))
    (copy / DICTIONARY).unlink()
    orphan = copy / SOURCES / "police.yml"
    orphan.write_text(BANNER + "version: 2\n")
    by_hand = copy / SOURCES / "notes.yml"
    by_hand.write_text("version: 2\n")
    code, told = generate("--check")
    assert code == 1
    assert [line.split(" ")[0] for line in told.splitlines()] == [
        str(SOURCES / "health.yml"), str(DICTIONARY), str(SOURCES / "police.yml"),
    ]  # fmt: skip
    assert "python -m contracts.generate" in told
    assert generate() == (0, "")
    assert generate("--check") == (0, "")
    assert not orphan.exists()
    assert by_hand.read_text() == "version: 2\n"
    assert edited.read_text() == (PROJECT / SOURCES / "health.yml").read_text()


def test_a_change_of_the_contract_makes_what_is_generated_stale(copy, generate) -> None:
    contract = copy / "contracts" / "feeds" / "sports" / "venues.odcs.yaml"
    text = contract.read_text(encoding="utf-8")
    label = load_feeds()["sports.venues"].by_name["area_m2"].label_en
    assert label in text
    contract.write_text(text.replace(label, "Another label"), encoding="utf-8")
    code, told = generate("--check")
    assert code == 1
    assert [line.split(" ")[0] for line in told.splitlines()] == [
        str(SOURCES / "sports.yml"),
        str(FIELD_LIST),
        str(DICTIONARY),
    ]


def sources() -> dict[str, dict[str, str | None]]:
    """feed → column → type, as dbt is told."""
    found = {}
    texts = [path.read_text(encoding="utf-8") for path in (PROJECT / SOURCES).glob("*.yml")]
    for text in texts:
        for source in yaml.safe_load(text)["sources"] if text.startswith(BANNER) else []:
            for table in source["tables"]:
                found[f"{source['name']}.{table['name']}"] = {c["name"]: c.get("data_type") for c in table["columns"]}
    return found


def test_dbt_reads_exactly_the_columns_the_door_writes() -> None:
    written = {
        f"{feed.department}.{feed.table}": {
            name: "string" if sql == "VARCHAR" else sql.lower() for name, sql in feed.accepted_columns.items()
        }
        for feed in load_feeds().values()
    }
    told = sources()
    assert set(told) == set(written)
    for name, columns in written.items():
        assert list(told[name].items()) == list(columns.items()), name


@pytest.mark.parametrize("path", sorted((PROJECT / "contracts").rglob("*.odcs.yaml")), ids=lambda p: p.name)
def test_a_contract_is_valid_against_the_standard_s_own_schema(path: Path) -> None:
    schema = json.loads(OpenDataContractStandard.json_schema())
    contract = yaml.load(path.read_text(encoding="utf-8"), Loader=_PlainDates)
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(contract)] == []


class _PlainDates(yaml.SafeLoader):
    """JSON has no dates: what YAML would read as one stays text."""


_PlainDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


# ── products ────────────────────────────────────────────────────────────────────────────────────

MODELLED = [p for p in load_products().values() if not p.is_made_by_release]
TYPES = {
    "string": "string", "integer": "bigint", "number": "double", "boolean": "boolean", "date": "date", "timestamp": "timestamp",
}  # fmt: skip


def properties(product: Product) -> dict[str, Any]:
    """What dbt is told of a product's model."""
    (path,) = (PROJECT / MODELS).rglob(f"{product.id}.yml")
    (model,) = yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    return model  # type: ignore[no-any-return]


def table_tests(product: Product) -> dict[str, Any]:
    """Test of the whole table → its arguments."""
    return {
        name: test["arguments"] for item in properties(product).get("data_tests", ()) for name, test in item.items()
    }


@pytest.mark.parametrize("product", MODELLED, ids=lambda p: p.id)
def test_a_model_promises_what_its_product_promises(product: Product) -> None:
    """Name, order, type and not-null of every column, in the contract that dbt enforces; what is not published comes after."""
    told = properties(product)["columns"]
    promised = [(f.name, TYPES[f.kind], f.required or f.key_position is not None) for f in product.fields]
    assert [(c["name"], c["data_type"], "constraints" in c) for c in told[: len(promised)]] == promised
    assert all("constraints" not in c or c["constraints"][0]["type"] == "not_null" for c in told)
    assert {c["name"] for c in told[len(promised) :]}.isdisjoint(product.by_name)
    for f, column in zip(product.fields, told, strict=False):
        assert column["description"].startswith(f"{f.label_zh} · {f.label_en}.")


@pytest.mark.parametrize("product", MODELLED, ids=lambda p: p.id)
def test_dbt_tests_what_the_contract_says_of_values(product: Product) -> None:
    contract = yaml.safe_load(product.path.read_text(encoding="utf-8"))["schema"][0]["properties"]
    found = table_tests(product)
    unique = [c["name"] for c in properties(product)["columns"] if "unique" in c.get("data_tests", ())]
    if product.id in UNTESTED:
        assert (found, unique) == ({}, [])
        return
    grain = found.get("unique_together", {}).get("columns") or unique
    assert grain == [
        p["name"] for p in sorted(contract, key=lambda p: p.get("primaryKeyPosition", 99)) if p.get("primaryKey")
    ]
    told = [
        (k["column"], k["to"].split("'")[1] + "." + k["field"], "where" in k)
        for k in found.get("keys_are_known", {}).get("keys", ())
    ]
    assert told == [(p["name"], r["to"], "customProperties" in r) for p in contract for r in p.get("relationships", ())]
    assert found.get("only_listed_values", {}).get("lists", {}) == {
        p["name"]: [str(e["value"]) for e in p["enum"]] for p in contract if "enum" in p
    }
    assert found.get("nulls_have_reasons", {}).get("reasons", {}) == {
        p["name"]: c["value"] for p in contract for c in p.get("customProperties", ()) if c["property"] == "nullReason"
    }


# Tables that are not tested each night, and what looks at them instead.
UNTESTED = {"fct_review": "reviews_stand_on_their_own"}


def test_only_the_reviews_are_not_tested_each_night_and_their_own_test_is() -> None:
    beside = {
        p.name.split(".")[0]: yaml.safe_load(p.read_text()) for p in (PROJECT / MODELS).rglob("*.unpublished.yml")
    }
    assert {name for name, said in beside.items() if "untested" in said} == set(UNTESTED)
    for name, test in UNTESTED.items():
        assert test in beside[name]["untested"]
        assert (PROJECT / f"dbt_project/tests/{test}.sql").is_file()


CODES = re.compile(r".*(_code|_id)$|^(policy|receipt|code|feed|weights_policy)$")
# Columns that end like a key and lead to nothing that is published or listed.
NO_KEY = {
    "contact_id": "contacts are not published",
    "question_id": "questions of a survey are not published",
    "facility_code": "the register's own code",
    "sent_type_code": "as sent, mapped or not",
    "sent_division_code": "as sent, mapped or not",
    "reason_code": "a word of the door",
}


def test_every_code_that_a_product_holds_leads_somewhere() -> None:
    loose = {
        f"{product.id}.{f.name}"
        for product in MODELLED
        for f in product.fields
        if CODES.match(f.name) and not f.foreign_keys and product.key != (f.name,) and f.name not in NO_KEY
    }
    assert loose == {"feed_health.receipt"}, "a key is one line: relationships in the contract"


def test_the_release_is_an_exposure_of_every_product_and_its_public_edition_of_what_is_public() -> None:
    exposures = yaml.safe_load((PROJECT / EXPOSURE).read_text(encoding="utf-8"))["exposures"]
    told = {e["name"]: {ref.split("'")[1] for ref in e["depends_on"]} for e in exposures}
    assert told == {
        "published_database": {p.id for p in MODELLED},
        "public_edition": {p.id for p in MODELLED if p.is_public},
    }


def test_who_reads_is_told_of_products_alone() -> None:
    exposures = yaml.safe_load((PROJECT / MODELS / "exposures.yml").read_text(encoding="utf-8"))["exposures"]
    assert {ref.split("'")[1] for e in exposures for ref in e["depends_on"]} <= {p.id for p in MODELLED}


def test_the_readme_lists_every_product_with_its_grain() -> None:
    rows = (PROJECT / README).read_text(encoding="utf-8").partition(PRODUCT_TABLE)[2].partition("\n\n")[0].splitlines()
    assert [row.split("`")[1] for row in rows] == list(load_products())
    assert all(row.split("|")[2].strip() for row in rows)


def test_a_column_of_a_contract_is_told_to_dbt_and_the_readme_by_generating(copy, generate) -> None:
    contract = copy / "contracts" / "products" / "dim_facility.odcs.yaml"
    text = contract.read_text(encoding="utf-8").replace("one facility as a department", "one hall as a department")
    contract.write_text(
        text
        + "      - {name: beds, businessName: 床位 · Beds, logicalType: integer, required: true, classification: public,\n"
        "         relationships: [{type: foreignKey, to: facility_types.code}]}\n",
        encoding="utf-8",
    )
    own = copy / MODELS / "facilities" / "dim_facility.unpublished.yml"
    own.write_text("columns:\n  - {name: secret_note, data_type: string}\n", encoding="utf-8")
    code, told = generate("--check")
    assert code == 1
    named = [line.split(" ")[0] for line in told.splitlines()]
    assert named == ["dbt_project/models/facilities/dim_facility.yml", str(DICTIONARY), str(README)]
    assert generate() == (0, "")
    (model,) = yaml.safe_load((copy / MODELS / "facilities" / "dim_facility.yml").read_text(encoding="utf-8"))["models"]
    beds, note = model["columns"][-2:]
    assert (beds["name"], beds["data_type"], beds["constraints"][0]["type"]) == ("beds", "bigint", "not_null")
    assert note == {"name": "secret_note", "data_type": "string"}
    (keys,) = (t["keys_are_known"]["arguments"]["keys"] for t in model["data_tests"] if "keys_are_known" in t)
    assert {"column": "beds", "to": "ref('facility_types')", "field": "code"} in keys
    readme = (copy / README).read_text(encoding="utf-8")
    assert "| `dim_facility` | one hall as a department last registered it |" in readme
    assert readme.replace("one hall as", "one facility as") == (PROJECT / README).read_text(encoding="utf-8")


def test_every_feed_and_product_is_in_the_dictionary() -> None:
    text = (PROJECT / DICTIONARY).read_text(encoding="utf-8")
    headings = [line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")]
    assert headings == [*load_products(), *load_feeds()]


def test_a_wrong_file_is_a_sentence_and_nothing_is_written(copy: Path, generate: Run) -> None:
    indicator = copy / "contracts" / "indicators" / "nurses_per_1000.yaml"
    indicator.write_text(
        indicator.read_text(encoding="utf-8").replace("institution_months", "clinics", 1), encoding="utf-8"
    )
    before = (copy / "contracts" / "codes" / "indicators.csv").read_bytes()
    for arguments in ((), ("--check",)):
        code, said = generate(*arguments)
        assert code == 2
        assert said.startswith("nurses_per_1000.yaml: numerator: no standard table is called 'clinics'; there are")
        assert "Traceback" not in said
    assert (copy / "contracts" / "codes" / "indicators.csv").read_bytes() == before
