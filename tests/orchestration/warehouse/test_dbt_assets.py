"""What Dagster is told of a model after a night."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import duckdb
import pytest

from orchestration.paths import DataDirectory
from orchestration.warehouse import dbt_assets, failures, inputs
from orchestration.warehouse.dbt_assets import _how_written, _is_told, _sentence
from tests.orchestration.conftest import CUT_SHORT

KEEPS_TOTALS = {
    "unique_id": "test.minsheng.keeps_totals", "status": "fail", "failures": 2, "message": "Got 2 results, configured to fail if != 0",
    "compiled_code": "-- Restating loses nobody: the sum of what was reported\n-- is the sum of what is restated.\nwith\n-- not this\n",
}  # fmt: skip
NEVER_NULL = {"unique_id": "test.minsheng.not_null_x_y.0123", "status": "fail", "failures": 1, "message": "Got 1 result", "compiled_code": "select 1"}  # fmt: skip
NO_COLUMN = {"unique_id": "model.minsheng.dim_x", "status": "error", "failures": None, "message": "Runtime Error in model dim_x (models/dim_x.sql)\n  Binder Error: no column y"}  # fmt: skip
A_CIRCLE = {"unique_id": "test.minsheng.whole", "status": "error", "failures": None, "message": "Runtime Error in test whole (tests/whole.sql)\n  Invalid Input Error: 区划代码表不能用 · a circle"}  # fmt: skip
PASSED = {"unique_id": "model.minsheng.dim_y", "status": "success", "message": "OK"}


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        (
            [PASSED, KEEPS_TOTALS, NEVER_NULL],
            "dbt test keeps_totals (and 1 more): 2 rows do not keep what it asks for. Restating loses nobody: the sum of what was "
            "reported is the sum of what is restated. The last release stands.",
        ),
        ([NEVER_NULL], "dbt test not_null_x_y: 1 rows do not keep what it asks for. The last release stands."),
        ([NO_COLUMN], "dbt model dim_x: Binder Error: no column y. The last release stands."),
        ([A_CIRCLE], "dbt test whole: 区划代码表不能用 · a circle. The last release stands."),
        ([PASSED], "dbt stopped: see the log below. The last release stands."),
    ],
)  # fmt: skip
def test_what_dbt_complains_of_is_said_as_to_a_colleague(results: list[dict[str, Any]], sentence: str) -> None:
    assert _sentence(SimpleNamespace(get_artifact=lambda _: {"results": results})) == sentence  # type: ignore[arg-type]


A, B = dg.AssetKey(["s", "a"]), dg.AssetKey(["s", "b"])


@pytest.mark.parametrize(
    ("failed", "unmade", "is_told"),
    [
        ({"model.p.a"}, [A, B], True),
        ({"test.p.of_b"}, [], True),
        ({"model.p.a", "test.p.of_b"}, [A, B], True),
        # dbt stopped on the way, or before it began: an older failure explains nothing of it
        ({"test.p.of_b"}, [A], False),
        (set(), [B], False),
        # a hook reaches no table
        ({"operation.p.on_run_end"}, [], False),
        ({"model.p.a", "operation.p.on_run_end"}, [A, B], False),
    ],
)  # fmt: skip
def test_a_build_goes_on_to_the_release_only_where_kept_tables_tell_all_that_failed(
    tmp_path, failed, unmade, is_told
) -> None:
    data = DataDirectory(tmp_path)
    nodes = {
        "model.p.a": {"name": "a", "resource_type": "model"}, "model.p.b": {"name": "b", "resource_type": "model"},
        "test.p.of_b": {"name": "of_b", "resource_type": "test", "attached_node": "model.p.b"},
        "operation.p.on_run_end": {"name": "on_run_end", "resource_type": "operation"},
    }  # fmt: skip
    data.dbt_target.mkdir(parents=True)
    written = {"nodes": nodes, "sources": {}, "child_map": {"model.p.a": ["model.p.b"]}}
    (data.dbt_target / "manifest.json").write_text(json.dumps(written), encoding="utf-8")
    reached = failures.tables_reached(data, failed)
    assert _is_told(failed, unmade, reached, data) is False  # nothing to keep: nothing has been released
    (data.published / "current").mkdir(parents=True)
    assert _is_told(failed, unmade, reached, data) is is_told


def test_a_table_was_built_or_updated(tmp_path: Path) -> None:
    models = tmp_path / "run" / "minsheng" / "models" / "reviews"
    models.mkdir(parents=True)
    statements = {
        "updated": 'insert into "reviews"."updated" (select 1)',
        "whole": '\n  create  table\n "reviews"."whole" as (select 1)',
        "a_view": '\n create view "reviews"."a_view" as (select 1)',
        "a_test": "select count(*) as failures from x",
    }
    for name, statement in statements.items():
        (models / f"{name}.sql").write_text(statement, encoding="utf-8")
    assert _how_written(tmp_path) == {"updated": "updated", "whole": "rebuilt"}


class Log:
    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.mark.parametrize("left", CUT_SHORT)
def test_a_warehouse_that_does_not_read_is_built_again_and_one_that_does_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    monkeypatch.setattr(dbt_assets, "manifest", lambda data: data.root / "manifest.json")
    data, log = DataDirectory(tmp_path), Log()
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    data.warehouse.parent.mkdir()
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute("create table t as select range as n from range(200000)")
    inputs.remember(data, {}, (), {"model.p.t": "key"})
    assert dbt_assets._parsed(data, log) == {}
    assert (log.said, inputs.built(data)) == ([], {"model.p.t": "key"})
    whole = data.warehouse.read_bytes()
    looks = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.readline()"
    with subprocess.Popen(
        [sys.executable, "-c", looks, str(data.warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as somebody:
        assert somebody.stdout is not None
        assert somebody.stdout.readline()
        dbt_assets._parsed(data, log)
        somebody.communicate(b"\n")
    assert data.warehouse.is_file()
    data.warehouse.write_bytes(CUT_SHORT[left](whole))
    dbt_assets._parsed(data, log)
    assert not data.warehouse.exists()
    assert inputs.built(data) == {}
    (said,) = log.said
    assert said.startswith(dbt_assets.DAMAGED)


def test_where_nobody_knows_what_failed_everything_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dbt_assets, "manifest", lambda data: data.root / "manifest.json")
    data = DataDirectory(tmp_path)
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    data.warehouse.parent.mkdir()
    inputs.remember(data, {}, (), {"model.p.t": "key"})
    for content in ('{"model.p.t": "why', "", "[]"):
        data.failures.write_text(content, encoding="utf-8")
        inputs.remember(data, {}, (), {"model.p.t": "key"})
        dbt_assets._parsed(data, Log())
        assert inputs.built(data) == {}
