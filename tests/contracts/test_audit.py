"""The audit asks a candidate for every promise of a contract, and a broken one is one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.audit import audit, broken_promises, expectations
from contracts.loading import load_product, load_products
from contracts.model import ContractError, Product

# One promise of every kind that a product contract can make.
CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: ward_month
name: 区月 · Ward month
version: 1.0.0
status: active
domain: public_service
description: {purpose: 试。· A trial.}
schema:
  - name: ward_month
    physicalName: ward_month
    description: One row is one ward and one month.
    customProperties:
      - {property: disclosure, value: {rule: none, because: 'A trial. · 试。'}}
    quality:
      - {name: has_rows, type: library, metric: rowCount, mustBeGreaterThan: 0}
      - {name: not_many, type: library, metric: rowCount, mustBeLessOrEqualTo: 3}
      - {name: one_letter, type: library, metric: duplicateValues, mustBe: 0, arguments: {properties: [ward, letter]}}
      - {name: good_within, type: custom, engine: minsheng, implementation: {le: [good, reviews]}}
    properties:
      - {name: ward, businessName: 区 · Ward, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1, classification: public}
      - {name: month, businessName: 月 · Month, logicalType: date, required: true, primaryKey: true, primaryKeyPosition: 2, classification: public}
      - name: letter
        businessName: 文号 · Letter
        logicalType: string
        classification: public
        quality: [{name: letter_named, type: library, metric: nullValues, mustBe: 0}]
      - name: seal
        businessName: 印章 · Seal
        logicalType: string
        classification: public
        quality: [{name: one_seal, type: library, metric: duplicateValues, mustBe: 0}]
      - name: state
        businessName: 状态 · State
        logicalType: string
        classification: public
        quality: [{name: known_state, type: library, metric: invalidValues, mustBe: 0, arguments: {validValues: [open, shut]}}]
      - name: level
        businessName: 等级 · Level
        logicalType: integer
        classification: public
        enum: [{value: '1', label: 差 · bad}, {value: '5', label: 好 · good}]
      - name: good_rate
        businessName: 好评率 · Good rate
        logicalType: number
        logicalTypeOptions: {minimum: 0, maximum: 1}
        classification: public
      - name: beds
        businessName: 床位 · Beds
        logicalType: integer
        classification: public
        quality: [{name: beds_range, type: library, metric: invalidValues, mustBe: 0, arguments: {minimum: 0, maximum: 900}}]
      - {name: good, businessName: 好评 · Good, logicalType: integer, classification: public}
      - {name: reviews, businessName: 评价 · Reviews, logicalType: integer, classification: public}
"""

SOUND = """
create table ward_month (
    ward varchar, month date, letter varchar, seal varchar, state varchar, level bigint, good_rate double, beds bigint,
    good bigint, reviews bigint
);
insert into ward_month values
    ('a', '2026-01-01', 'x', 's1', 'open', 1, 0.0, 0, 5, 5),
    ('a', '2026-02-01', 'y', 's2', 'shut', 5, 1.0, 900, 4, 5),
    ('b', '2026-01-01', 'x', 's3', null, null, null, null, null, 5)
"""

PROMISES = 14
# A change of the sound table, and what each sentence about it has to say.
VIOLATIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "column_gone": (
        "alter table ward_month drop column beds",
        (": table columns to match ordered list", "beds: column values to be between: could not be checked"),
    ),
    "column_too_many": ("alter table ward_month add column phone varchar", (": table columns to match ordered list",)),
    "grain_broken": ("update ward_month set ward = 'b', letter = 'z' where seal = 's1'", ("['ward', 'month']: compound columns",)),
    "required_null": ("update ward_month set ward = null where seal = 's3'", ("ward: column values to not be null",)),
    "below_the_minimum": ("update ward_month set good_rate = -0.1 where seal = 's1'", ("good_rate: column values to be between",)),
    "above_the_maximum": ("update ward_month set good_rate = 1.1 where seal = 's1'", ("good_rate: column values to be between",)),
    "code_not_listed": ("update ward_month set level = 3 where seal = 's1'", ("level: column values to be in set",)),
    "null_forbidden": ("update ward_month set letter = null where seal = 's3'", ("letter: column values to not be null",)),
    "value_twice": ("update ward_month set seal = 's1' where seal = 's2'", ("seal: column values to be unique",)),
    "value_not_valid": (
        "update ward_month set state = 'ajar'",
        ("state: column values to be in set",),
    ),
    "out_of_range": ("update ward_month set beds = 901 where seal = 's1'", ("beds: column values to be between",)),
    "no_rows": ("delete from ward_month", (": table row count to be between",)),
    "too_many_rows": (
        "insert into ward_month values ('c', '2026-01-01', 'x', 's4', 'open', 1, 0, 0, 0, 0)",
        (": table row count to be between",),
    ),
    "pair_twice": ("update ward_month set letter = 'x' where seal = 's2'", ("['ward', 'letter']: compound columns",)),
    "part_above_whole": ("update ward_month set good = 6 where seal = 's1'", (": column pair values",)),
}  # fmt: skip


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    path = tmp_path_factory.mktemp("products") / "ward_month.odcs.yaml"
    path.write_text(CONTRACT, encoding="utf-8")
    return load_product(path)


@pytest.fixture(scope="module")
def told(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    """What one audit says of a candidate that holds the table sound and with each violation: table → sentences."""
    path = tmp_path_factory.mktemp("audit") / "candidate.duckdb"
    with duckdb.connect(str(path)) as con:
        for name, (change, _) in {"sound": ("select 1", ()), **VIOLATIONS}.items():
            con.execute(SOUND)
            con.execute(change)
            con.execute(f"alter table ward_month rename to {name}")
    tables = ["sound", *VIOLATIONS]
    results = audit(path, dict.fromkeys(tables, product))
    assert sum(len(suite.results) for suite in results.values()) == PROMISES * len(tables)
    broken = broken_promises(results)
    for table, judged in results.items():
        _agrees_with_great_expectations(path, table, product, judged)
    with duckdb.connect(str(path)) as writer:
        writer.execute("drop table sound")  # the file is let go: nobody has to end the process to write it
    assert all(s.startswith(f"{table}.") for table, sentences in broken.items() for s in sentences)
    return {table: sorted(broken.get(table, ())) for table in tables}


def _agrees_with_great_expectations(path: Path, table: str, product: Product, judged: Any) -> None:
    """great_expectations' own engine, on the same rows in pandas, finds the same promises kept, and as many rows that break them."""
    import great_expectations as gx

    with duckdb.connect(str(path), read_only=True) as con:
        rows = con.execute(f"from {table}").df()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    asset = context.data_sources.add_pandas(table).add_dataframe_asset(table)
    batch = asset.add_batch_definition_whole_dataframe(table).get_batch({"dataframe": rows})
    suite = gx.ExpectationSuite(name=table, expectations=list(expectations(product)))
    theirs = {_promise(r): r for r in batch.validate(suite).results}
    ours = {_promise(r): r for r in judged.results}
    assert {p: r.success for p, r in ours.items()} == {p: r.success for p, r in theirs.items()}, table
    counted = {p: r.result.get("unexpected_count") for p, r in ours.items() if r.result}
    assert counted == {p: theirs[p].result.get("unexpected_count") for p in counted}, table


def _promise(result: Any) -> str:
    config = result.expectation_config
    return f"{config.type} {[v for k, v in sorted(config.kwargs.items()) if k.startswith('column')]}"


def test_every_promise_of_the_contract_is_asked_for(product) -> None:
    assert len(list(expectations(product))) == PROMISES


def test_a_sound_candidate_breaks_nothing(told) -> None:
    assert told["sound"] == []


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_each_promise_notices_when_it_is_broken(told, violation) -> None:
    _, expected = VIOLATIONS[violation]
    assert len(told[violation]) == len(expected), told[violation]
    for sentence, said in zip(told[violation], expected, strict=True):
        assert said in sentence


def test_a_sentence_quotes_enough_to_recognise_the_fault_and_no_more(told) -> None:
    (sentence,) = told["value_not_valid"]
    assert sentence.endswith(": found 3 of 3 rows, such as ['ajar', 'ajar', 'ajar']")


def test_a_grain_of_one_column_is_unique(tmp_path, product) -> None:
    path = tmp_path / "ward_month.odcs.yaml"
    second_key = "required: true, primaryKey: true, primaryKeyPosition: 2, "
    path.write_text(CONTRACT.replace(second_key, ""), encoding="utf-8")
    single = load_product(path)
    assert single.key == ("ward",)
    assert [type(e).__name__ for e in expectations(single)].count("ExpectColumnValuesToBeUnique") == 2
    assert len(list(expectations(single))) == len(list(expectations(product))) - 1


@pytest.mark.parametrize(
    ("promise", "key"),
    [
        ("metric: nullValues, mustBe: 0", "metric: nullValues, mustBe: 1"),
        ("metric: rowCount, mustBeGreaterThan: 0", "metric: missingValues, mustBe: 0"),
        ("implementation: {le: [good, reviews]}", "implementation: {lt: [good, reviews]}"),
    ],
)
def test_a_promise_nobody_can_check_is_refused_with_file_and_key(tmp_path, promise, key) -> None:
    path = tmp_path / "ward_month.odcs.yaml"
    assert promise in CONTRACT
    path.write_text(CONTRACT.replace(promise, key), encoding="utf-8")
    with pytest.raises(ContractError, match=r"ward_month.odcs.yaml: .*quality"):
        list(expectations(load_product(path)))


@pytest.mark.parametrize("name", load_products())
def test_every_promise_of_the_products_can_be_asked(name) -> None:
    asked = list(expectations(load_products()[name]))
    assert len(asked) > 1
