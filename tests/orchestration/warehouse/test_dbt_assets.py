"""What Dagster is told of a model after a night."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster_dbt import DbtCliResource

from orchestration.paths import DataDirectory
from orchestration.warehouse import dbt_assets, failures, inputs
from orchestration.warehouse.dbt_assets import _building, _Dbt, _how_written, _is_told, _sentence, dbt_resource

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


def test_dagster_starts_dbt_once_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """dagster-dbt asks for dbt's version and a connection by the two names that `_Dbt` overrides, and in no other way."""
    asked: list[str] = []
    for name in ("_cli_version", "_initialize_dbt_core_adapter"):
        assert name in vars(DbtCliResource), f"dagster-dbt has no {name} any more: _Dbt overrides nothing"
        monkeypatch.setattr(_Dbt, name, _noted(name, vars(_Dbt)[name], asked))
    started: list[Any] = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda args, *a, **k: (started.append(args), popen(args, *a, **k))[1])
    invocation = dbt_resource().cli(["--version"], target_path=tmp_path)
    assert invocation.wait().is_successful()
    assert set(asked) == {"_cli_version", "_initialize_dbt_core_adapter"}
    assert len(started) == 1


def _noted(name: str, own: Any, asked: list[str]) -> property | Callable[..., Any]:
    """The override `own`, which also notes that it was used."""
    if isinstance(own, cached_property):
        return property(lambda self: (asked.append(name), own.func(self))[1])
    return lambda self, args: (asked.append(name), own(self, args))[1]


def test_dbt_has_ended_when_a_build_is_left_however_it_is(tmp_path: Path) -> None:
    working = SimpleNamespace(process=subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
    dbt: Any = SimpleNamespace(cli=lambda *_, **__: working)
    context: Any = None
    with (
        pytest.raises(KeyboardInterrupt),
        _building(context, dbt, tmp_path / "manifest.json", tmp_path / "runs" / "a", []),
    ):
        raise KeyboardInterrupt
    assert working.process.returncode is not None


class Log:
    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, sentence: str) -> None:
        self.said.append(sentence)


CUT_SHORT: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda content: content[: len(content) // 2],
    "nearly all": lambda content: content[:-1000],
    "nothing": lambda _: b"",
    "garbage": lambda content: bytes(range(256)) * (len(content) // 256),
}


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


@pytest.mark.parametrize("left", CUT_SHORT)
def test_a_parsed_project_that_is_damaged_is_parsed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """It was read as it lay there, and every night after ended in a traceback."""
    asked: list[int] = []
    data = DataDirectory(tmp_path)
    data.dbt_target.mkdir()
    path = data.dbt_target / "manifest.json"

    def parse(command: list[str], **_: Any) -> Any:
        asked.append(1)
        assert {*dbt_assets.PROCESS} < {*command}  # it ends with whoever began it
        path.write_text('{"nodes": {}, "sources": {}}' * 50, encoding="utf-8")
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(dbt_assets.subprocess, "run", parse)
    assert dbt_assets.manifest(data) == dbt_assets.manifest(data) == path
    assert dbt_assets.is_parsed(data)
    assert len(asked) == 1
    for damaged in (path, path.with_name("parsed_for")):
        damaged.write_bytes(CUT_SHORT[left](damaged.read_bytes()))
        assert not dbt_assets.is_parsed(data)
        dbt_assets.manifest(data)
        assert dbt_assets.is_parsed(data)
    assert len(asked) == 3


def test_what_dbt_leaves_of_old_builds_goes_and_of_the_newest_stays(tmp_path: Path) -> None:
    kept = dbt_assets.KEPT_BUILDS
    for n in range(kept + 3):
        path = tmp_path / f"{n:08x}" / "compiled" / "a.sql"
        path.parent.mkdir(parents=True)
        path.write_text("select 1", encoding="utf-8")
        os.utime(path.parent.parent, (n, n))
    dbt_assets.forget_builds(tmp_path)
    newest = {f"{n:08x}" for n in range(4, kept + 3)}
    assert {p.name for p in tmp_path.iterdir()} == newest
    assert len(newest) == kept - 1  # the one that begins is the last of them
    dbt_assets.forget_builds(tmp_path / "of nobody")
