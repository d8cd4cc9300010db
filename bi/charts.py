"""The files of bi/superset/ as what they ask for: of each chart its query, as Superset's API takes it and as SQL.

Read by bi/serve.py under Superset's Python, by the tests and the benchmark under the project's: it imports nothing of either.
Belongs here: which columns, metrics and rows a chart of the kinds in use asks for. Does not belong here: how it is drawn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

FILES = Path(__file__).resolve().parent / "superset"
# The kinds of chart in use, and whether each groups its rows.
KINDS = ("table", "big_number_total", "echarts_timeseries_bar", "echarts_timeseries_line", "heatmap_v2")


@dataclass(frozen=True)
class Dataset:
    """A table of the published release, made from its tables by one statement."""

    uuid: str
    name: str
    sql: str
    columns: Mapping[str, Mapping[str, Any]]
    metrics: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Chart:
    """A chart and the dataset that it asks."""

    uuid: str
    name: str
    title: str
    kind: str
    params: Mapping[str, Any]
    dataset: Dataset

    @cached_property
    def columns(self) -> list[str]:
        """What the rows are told or grouped by, the axis first."""
        if self.kind == "table":
            return list(self.params["all_columns"])
        grouped = self.params.get("groupby") or []
        grouped = [grouped] if isinstance(grouped, str) else list(grouped)
        return [*filter(None, [self.params.get("x_axis")]), *grouped]

    @cached_property
    def metrics(self) -> list[str]:
        """Names of the dataset's metrics."""
        return list(self.params.get("metrics") or filter(None, [self.params.get("metric")]))

    @cached_property
    def order(self) -> list[tuple[str, bool]]:
        """Columns of a table and whether they ascend; of a chart its first metric, the largest first."""
        if self.kind == "table":
            return [(column, ascending) for column, ascending in map(json.loads, self.params.get("order_by_cols", ()))]
        return [(self.metrics[0], False)] if self.columns else []

    @cached_property
    def filters(self) -> list[tuple[str, str, Any]]:
        return [(f["subject"], f["operator"], f.get("comparator")) for f in self.params.get("adhoc_filters", ())]

    @property
    def named(self) -> set[str]:
        """Every column of the dataset that the chart names."""
        sorted_by = {column for column, _ in self.order} if self.kind == "table" else set()
        shown = set(self.params.get("column_config", ()))
        return {*self.columns, *sorted_by, *(column for column, _, _ in self.filters), *shown}

    def query_context(self, dataset_id: int) -> dict[str, Any]:
        """The query as Superset's API takes it; Superset's page makes the same from the chart's settings."""
        query = {
            "columns": self.columns,
            "orderby": [[column, ascending] for column, ascending in self.order],
            "filters": [
                {"col": c, "op": op, **({} if value is None else {"val": value})} for c, op, value in self.filters
            ],
            "row_limit": self.params.get("row_limit", 1),
        }
        if self.kind != "table":  # Superset groups the rows of a query that has metrics, even none of them
            query["metrics"] = self.metrics
        source = {"id": dataset_id, "type": "table"}
        return {"datasource": source, "force": False, "queries": [query], "result_format": "json", "result_type": "full",
                "form_data": {**self.params, "datasource": f"{dataset_id}__table"}}  # fmt: skip

    def sql(self) -> str:
        """The query as SQL that DuckDB and PostgreSQL both take, the way Superset puts it together."""
        measured = [f"{self.dataset.metrics[m]['expression']} as {m}" for m in self.metrics]
        lines = [f"select {', '.join([*self.columns, *measured])}", f"from (\n{self.dataset.sql}) as asked"]
        if self.filters:
            lines.append("where " + " and ".join(_condition(*f) for f in self.filters))
        if self.metrics and self.columns:
            lines.append("group by " + ", ".join(str(n) for n, _ in enumerate(self.columns, 1)))
        if self.order:
            lines.append("order by " + ", ".join(f"{c} {'asc' if up else 'desc'}" for c, up in self.order))
        return "\n".join([*lines, f"limit {self.params.get('row_limit', 1)}"])


def _condition(column: str, operator: str, value: Any) -> str:
    if operator in {"IS NULL", "IS NOT NULL"}:
        return f"{column} {operator.lower()}"
    if operator == "IN":
        return f"{column} in ({', '.join(map(_literal, value))})"
    return f"{column} {'=' if operator == '==' else operator} {_literal(value)}"


def _literal(value: Any) -> str:
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


def _files(folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((FILES / folder).rglob("*.yaml")):
        yield path.stem, yaml.safe_load(path.read_text(encoding="utf-8"))


def datasets() -> dict[str, Dataset]:
    """By identity, as charts name them."""
    return {
        said["uuid"]: Dataset(
            said["uuid"],
            said["table_name"],
            said["sql"],
            {column["column_name"]: column for column in said["columns"]},
            {metric["metric_name"]: metric for metric in said["metrics"]},
        )
        for _, said in _files("datasets")
    }


def charts() -> dict[str, Chart]:
    """By identity, as dashboards name them."""
    asked = datasets()
    return {
        said["uuid"]: Chart(
            said["uuid"], name, said["slice_name"], said["viz_type"], said["params"], asked[said["dataset_uuid"]]
        )
        for name, said in _files("charts")
    }


def dashboards() -> dict[str, list[Chart]]:
    """The charts of each dashboard, by the name of its file."""
    known = charts()
    return {
        name: [
            known[part["meta"]["uuid"]]
            for part in said["position"].values()
            if isinstance(part, dict) and part["type"] == "CHART"
        ]
        for name, said in _files("dashboards")
    }
