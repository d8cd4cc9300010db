"""A product contract → a great_expectations suite, and the audit of a release candidate.

Every promise of the contract that a table can be asked about becomes an expectation: its columns, its grain, what
is never null, the codes it may hold, and the `quality` metrics written in the contract. great_expectations takes
seconds to import, so it is imported when an audit runs.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.model import SUPPRESSED, ContractError, FieldSpec, Product

if TYPE_CHECKING:
    import great_expectations as gx

# GX caps what it quotes of a failure; enough to recognise it, never a table's worth of rows.
QUOTED = 5


def audit(database: Path, products: Mapping[str, Product]) -> tuple[list[str], int]:
    """Checks a DuckDB file against the product contracts.

    Returns:
        The broken promises as sentences (empty: the candidate may be published), and how many were checked.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    warnings.filterwarnings("ignore", module="great_expectations")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    url = f"duckdb:///{database}"
    source = context.data_sources.add_sql("candidate", connection_string=url, create_temp_table=False)
    broken, checked = [], 0
    with _buffered_results():
        for name, product in products.items():
            batch = source.add_table_asset(name, table_name=name).add_batch_definition_whole_table(name).get_batch()
            promises = list(expectations(product))
            checked += len(promises)
            # One pass over the rows asks for everything that a row alone can break; which promise it was is asked after.
            breaches = [_breach(p) for p in promises]
            rows = f"select * from {{batch}} where {' or '.join(filter(None, breaches)) or 'false'}"
            query = gx.expectations.UnexpectedRowsExpectation(unexpected_rows_query=rows)
            of_tables = [p for p, breach in zip(promises, breaches, strict=True) if breach is None]
            failed = _failed(batch, [*of_tables, query])
            if any(f.expectation_config.type == query.expectation_type for f in failed):
                failed = _failed(batch, promises) or failed
            broken += [_sentence(name, f) for f in failed]
    return broken, checked


def _failed(batch: Any, promises: Sequence[Any]) -> list[Any]:
    """Results of the promises that a table breaks, or that could not be asked of it."""
    import great_expectations as gx

    how = {"result_format": "SUMMARY", "partial_unexpected_count": QUOTED}
    result = batch.validate(gx.ExpectationSuite(name="promises", expectations=list(promises)), result_format=how)
    return [r for r in result.results if not r.success]


def _breach(promise: Any) -> str | None:
    """The SQL condition of a row that breaks the promise; None for what only a whole table can break."""
    from great_expectations import expectations as gxe

    match promise:
        case gxe.ExpectColumnValuesToNotBeNull(column=column):
            shown = f" and {_name(SUPPRESSED)} is null" if promise.row_condition else ""
            return f"({_name(column)} is null{shown})"
        case gxe.ExpectColumnValuesToBeInSet(column=column, value_set=values):
            listed = ", ".join(_literal(v) for v in values)
            return f"{_name(column)} not in ({listed})"
        case gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high):
            bounds = [f"{_name(column)} {sign} {b}" for sign, b in (("<", low), (">", high)) if b is not None]
            return f"({' or '.join(bounds)})"
        case gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A=larger, column_B=smaller):
            return f"{_name(larger)} < {_name(smaller)}"
    return None


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


@contextmanager
def _buffered_results() -> Iterator[None]:
    """DuckDB drops a result when its connection closes, and GX reads it afterwards; so every result is read at once.

    GX makes engines of its own, so the listener stands on the class, for the duckdb dialect only. It leaves them open,
    which keeps the file attached in this process; so they are closed here.
    """
    from sqlalchemy import Engine, event
    from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

    engines: set[Engine] = set()

    def buffer(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        if conn.dialect.name != "duckdb":
            return
        engines.add(conn.engine)
        if context is not None and cursor.description:
            context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(cursor, initial_buffer=cursor.fetchall())

    event.listen(Engine, "after_cursor_execute", buffer)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", buffer)
        for engine in engines:
            engine.dispose()


def _sentence(table: str, result: Any) -> str:
    config, found = result.expectation_config, result.result or {}
    what = config.type.removeprefix("expect_").replace("_", " ")
    column = config.kwargs.get("column") or config.kwargs.get("column_list") or ""
    for info in (result.exception_info or {}).values():
        if isinstance(info, dict) and info.get("exception_message"):
            return f"{table}.{column}: {what}: could not be checked: {info['exception_message'][:200]}"
    seen = found.get("observed_value")
    if (n := found.get("unexpected_count")) is not None:
        seen = f"{n} of {found.get('element_count')} rows, such as {found.get('partial_unexpected_list', [])[:QUOTED]}"
    return f"{table}.{column}: {what}: found {seen}"
