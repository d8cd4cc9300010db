"""A product contract → a great_expectations suite → SQL → great_expectations' own results.

`expectations` says what a contract promises: columns, grain, what is never null, the codes a column may hold, and the
`quality` metrics. `_asked` is the one place that turns an expectation into SQL; a table is asked for all of them in one
statement (why not by great_expectations' engine: docs/decisions). The results are great_expectations' own, so that its
Data Docs show them (orchestration/release/data_docs.py). It takes seconds to import, so it is imported when an audit runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb

from contracts.model import SUPPRESSED, ContractError, FieldSpec, Product

if TYPE_CHECKING:
    import great_expectations as gx
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult

# How many of the values that break a promise are quoted; enough to recognise it, never a table's worth of rows.
QUOTED = 5


def audit(database: Path, products: Mapping[str, Product]) -> dict[str, ExpectationSuiteValidationResult]:
    """Checks the tables of a DuckDB file against their product contracts: table → a result for every promise."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    from great_expectations.core import ExpectationSuiteValidationResult

    checked = {}
    with duckdb.connect(str(database), read_only=True) as con:
        for table, product in products.items():
            results = _answers(con, table, list(expectations(product)))
            met = sum(bool(r.success) for r in results)
            statistics = {
                "evaluated_expectations": len(results),
                "successful_expectations": met,
                "unsuccessful_expectations": len(results) - met,
                "success_percent": 100 * met / len(results),
            }
            checked[table] = ExpectationSuiteValidationResult(
                success=met == len(results), results=results, suite_name=table, statistics=statistics
            )
    return checked


def broken_promises(checked: Mapping[str, ExpectationSuiteValidationResult]) -> dict[str, list[str]]:
    """Table → the promises that are not kept, or could not be checked, as sentences; empty: the candidate may be published."""
    said = {table: [_sentence(table, r) for r in suite.results if not r.success] for table, suite in checked.items()}
    return {table: sentences for table, sentences in said.items() if sentences}


class _Question(NamedTuple):
    """An expectation as SQL on a table: two aggregates, and a query for values that break it."""

    rows: str  # of how many rows it is asked
    broken: str  # how many of them break it
    examples: str


def _asked(promise: Any, table: str) -> _Question | None:
    """The SQL of an expectation; None for what only the table's description can say."""
    from great_expectations import expectations as gxe

    table = _name(table)
    match promise:
        case gxe.ExpectColumnValuesToNotBeNull(column=column):
            shown = f"{_name(SUPPRESSED)} is null" if promise.row_condition else "true"
            return _of_rows(table, shown, f"{_name(column)} is null", _name(column))
        case gxe.ExpectColumnValuesToBeInSet(column=column, value_set=values):
            listed = ", ".join(_literal(v) for v in values)
            return _of_rows(table, f"{_name(column)} is not null", f"{_name(column)} not in ({listed})", _name(column))
        case gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high):
            bounds = [f"{_name(column)} {sign} {b}" for sign, b in (("<", low), (">", high)) if b is not None]
            return _of_rows(table, f"{_name(column)} is not null", f"({' or '.join(bounds)})", _name(column))
        case gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A=larger, column_B=smaller):
            pair = f"({_name(larger)}, {_name(smaller)})"
            both = f"{_name(larger)} is not null and {_name(smaller)} is not null"
            return _of_rows(table, both, f"{_name(larger)} < {_name(smaller)}", pair)
        case gxe.ExpectColumnValuesToBeUnique(column=column):
            return _of_keys(table, [column])
        case gxe.ExpectCompoundColumnsToBeUnique(column_list=columns):
            return _of_keys(table, columns)
    return None


def _of_rows(table: str, asked: str, breach: str, shown: str) -> _Question:
    """A promise that each row keeps or breaks by itself. DuckDB counts so several times faster than with `filter`."""
    return _Question(
        f"coalesce(count_if({asked}), 0)",
        f"coalesce(count_if({asked} and {breach}), 0)",
        f"select {shown} from {table} where {asked} and {breach} limit {QUOTED}",
    )


def _of_keys(table: str, columns: Sequence[str]) -> _Question:
    """No two rows have the same key; a row without any part of it has none."""
    key = ", ".join(map(_name, columns))
    keyed = " or ".join(f"{_name(c)} is not null" for c in columns)
    repeated = f"from {table} where {keyed} group by {key} having count(*) > 1"
    return _Question(
        f"coalesce(count_if({keyed}), 0)",
        f"(select coalesce(sum(copies), 0) from (select count(*) as copies {repeated}))",
        f"select {f'({key})' if len(columns) > 1 else key} {repeated} limit {QUOTED}",
    )


def _answers(con: duckdb.DuckDBPyConnection, table: str, promises: Sequence[Any]) -> list[ExpectationValidationResult]:
    """A result for every promise, in one pass over the table; one by one where that statement cannot be run."""
    questions = [_asked(p, table) for p in promises]
    aggregates = [f"{q.rows}, {q.broken}" for q in questions if q]
    try:
        total, *counted = _row(con, f"select {', '.join(['count(*)', *aggregates])} from {_name(table)}")
    except duckdb.Error:
        return [_answer(con, table, p, q, ()) for p, q in zip(promises, questions, strict=True)]
    counts = iter(counted)
    return [_answer(con, table, p, q, (total, *islice(counts, 2 if q else 0))) for p, q in zip(promises, questions, strict=True)]  # fmt: skip


def _answer(
    con: duckdb.DuckDBPyConnection, table: str, promise: Any, question: _Question | None, counted: Sequence[int]
) -> ExpectationValidationResult:
    """great_expectations' result of one promise; `counted`: all rows, rows asked and rows that break it, as far as they are known."""
    from great_expectations.core import ExpectationValidationResult

    config = promise.configuration
    try:
        total, *counts = counted or _row(con, f"select count(*) from {_name(table)}")
        if question is None:
            success, found = _of_table(con, table, promise, total)
            return ExpectationValidationResult(success=success, expectation_config=config, result={"observed_value": found})  # fmt: skip
        asked, broken = counts or _row(con, f"select {question.rows}, {question.broken} from {_name(table)}")
        examples = [value for (value,) in con.execute(question.examples).fetchall()] if broken else []
    except duckdb.Error as error:
        said = {"raised_exception": True, "exception_message": str(error), "exception_traceback": ""}
        return ExpectationValidationResult(success=False, expectation_config=config, exception_info=said)
    result = {
        "element_count": total,
        "missing_count": total - int(asked),
        "unexpected_count": int(broken),
        "unexpected_percent": 100 * broken / asked if asked else None,
        "partial_unexpected_list": examples,
    }
    return ExpectationValidationResult(success=not broken, expectation_config=config, result=result)


def _of_table(con: duckdb.DuckDBPyConnection, table: str, promise: Any, total: int) -> tuple[bool, Any]:
    """Whether the table as a whole keeps the promise, and what was found."""
    from great_expectations import expectations as gxe

    if isinstance(promise, gxe.ExpectTableColumnsToMatchOrderedList):
        columns = [name for name, *_ in con.execute(f"describe {_name(table)}").fetchall()]
        wanted: Any = promise.column_list
        return columns == list(wanted), columns
    if isinstance(promise, gxe.ExpectTableRowCountToBeBetween):
        low: Any = promise.min_value
        high: Any = promise.max_value
        return (low is None or total >= low) and (high is None or total <= high), total
    raise TypeError(f"no SQL for {type(promise).__name__}: add it to _asked")


def _row(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    (row,) = con.execute(query).fetchall()
    return row


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _literal(value: Any) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def expectations(product: Product) -> Iterator[gx.expectations.Expectation]:
    """The contract's promises as expectations, in the contract's order."""
    from great_expectations import expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    yield gxe.ExpectTableColumnsToMatchOrderedList(column_list=[f.name for f in product.fields])
    if len(product.key) > 1:
        yield gxe.ExpectCompoundColumnsToBeUnique(column_list=list(product.key))
    for f in product.fields:
        if product.key == (f.name,):
            yield gxe.ExpectColumnValuesToBeUnique(column=f.name)
        if f.required:
            # A figure that is withheld is null whatever the contract promises of the others.
            where_shown = Column(SUPPRESSED).is_null() if f.name in product.hideable else None
            yield gxe.ExpectColumnValuesToNotBeNull(column=f.name, row_condition=where_shown)
        if f.enum:
            yield gxe.ExpectColumnValuesToBeInSet(column=f.name, value_set=_typed(f, list(f.enum)))
        low, high = f.options.get("minimum"), f.options.get("maximum")
        if low is not None or high is not None:
            yield gxe.ExpectColumnValuesToBeBetween(column=f.name, min_value=low, max_value=high)
        for rule in f.quality:
            yield _column_rule(product, f, rule)
    for rule in product.odcs.schema_[0].quality or []:  # type: ignore[index]
        yield _table_rule(product, rule)


def _typed(f: FieldSpec, codes: list[str]) -> list[Any]:
    return [int(code) for code in codes] if f.kind == "integer" else codes


def _column_rule(product: Product, f: FieldSpec, rule: Any) -> Any:
    from great_expectations import expectations as gxe

    arguments = rule.arguments or {}
    if rule.metric == "nullValues" and rule.mustBe == 0:
        return gxe.ExpectColumnValuesToNotBeNull(column=f.name)
    if rule.metric == "duplicateValues" and rule.mustBe == 0:
        return gxe.ExpectColumnValuesToBeUnique(column=f.name)
    if rule.metric == "invalidValues" and rule.mustBe == 0 and "validValues" in arguments:
        return gxe.ExpectColumnValuesToBeInSet(column=f.name, value_set=arguments["validValues"])
    if rule.metric == "invalidValues" and rule.mustBe == 0 and {"minimum", "maximum"} & set(arguments):
        return gxe.ExpectColumnValuesToBeBetween(
            column=f.name, min_value=arguments.get("minimum"), max_value=arguments.get("maximum")
        )
    raise ContractError(product.path, f"{f.name}.quality", f"no expectation for {rule.metric} as written")


def _table_rule(product: Product, rule: Any) -> Any:
    from great_expectations import expectations as gxe

    arguments = rule.arguments or {}
    if rule.metric == "rowCount":
        low = rule.mustBeGreaterOrEqualTo if rule.mustBeGreaterThan is None else rule.mustBeGreaterThan + 1
        return gxe.ExpectTableRowCountToBeBetween(min_value=low, max_value=rule.mustBeLessOrEqualTo)
    if rule.metric == "duplicateValues" and rule.mustBe == 0:
        return gxe.ExpectCompoundColumnsToBeUnique(column_list=arguments["properties"])
    if rule.type == "custom" and isinstance(rule.implementation, dict) and "le" in rule.implementation:
        smaller, larger = rule.implementation["le"]
        return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=larger, column_B=smaller, or_equal=True, ignore_row_if="either_value_is_missing"
        )
    raise ContractError(
        product.path, f"quality[{rule.name}]", f"no expectation for {rule.metric or rule.type} as written"
    )


def _sentence(table: str, result: ExpectationValidationResult) -> str:
    config, found = result.expectation_config, result.result or {}
    assert config is not None
    what = config.type.removeprefix("expect_").replace("_", " ")
    column = config.kwargs.get("column") or config.kwargs.get("column_list") or ""
    if said := (result.exception_info or {}).get("exception_message"):
        return f"{table}.{column}: {what}: could not be checked: {said[:200]}"
    seen = found.get("observed_value")
    if (n := found.get("unexpected_count")) is not None:
        seen = f"{n} of {found['element_count']} rows, such as {found['partial_unexpected_list']}"
    return f"{table}.{column}: {what}: found {seen}"
