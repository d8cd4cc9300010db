"""dbt in a process that has read the project before it is told what to build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_dbt import DagsterDbtTranslator

from orchestration.paths import DataDirectory
from orchestration.warehouse import dbt_command
from orchestration.warehouse.dbt_command import Dbt
from tests.orchestration.conftest import CUT_SHORT

# Says as dbt does what it was told; with no project to read.
STAND_IN = """
import json, sys
told = sys.stdin.readline()
if told:
    print(json.dumps({"info": {"name": "Told", "level": "info", "msg": told, "ts": ""}, "data": {}}))
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDirectory:
    """A directory whose project counts as parsed, and a stand-in for dbt."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "a.sql").write_text("select 1", encoding="utf-8")
    monkeypatch.setattr(dbt_command, "DBT_PROJECT", project)
    monkeypatch.setattr(dbt_command, "PROCESS", ("-c", STAND_IN))
    monkeypatch.setenv("MINSHENG_DATA", str(tmp_path))
    monkeypatch.setattr(dbt_command, "is_parsed", lambda _: True)
    found = DataDirectory(tmp_path)
    found.dbt_target.mkdir()
    (found.dbt_target / "manifest.json").write_text("{}", encoding="utf-8")
    return found


@pytest.fixture
def began(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that is begun, in order."""
    processes: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return processes


@pytest.fixture
def dbt() -> Iterator[Dbt]:
    with dg.build_init_resource_context() as context:
        resource = Dbt()
        resource.setup_for_execution(context)
        yield resource
        resource.teardown_after_execution(context)


def build(dbt: Dbt, data: DataDirectory) -> list[str]:
    """Builds two nodes: what dbt was told."""
    context: Any = None
    target = data.dbt_target / "runs" / "a"
    with dbt.building(data, ["model.p.b", "model.p.a"], target, {}, DagsterDbtTranslator(), context) as invocation:
        said = [event.raw_event["info"]["msg"] for event in invocation.stream_raw_events()]
    assert len(said) == 1
    wanted = json.loads((target / "wanted" / "run_results.json").read_text(encoding="utf-8"))
    assert [result["unique_id"] for result in wanted["results"]] == ["model.p.a", "model.p.b"]
    return list(json.loads(said[0]))


def test_a_build_is_of_the_process_begun_with_the_run_and_a_second_of_another(
    data: DataDirectory, began: list[Any], dbt: Dbt
) -> None:
    assert len(began) == 1
    told = build(dbt, data)
    assert len(began) == 1
    assert told[0] == "build"
    assert told[told.index("--target-path") + 1] == str(data.dbt_target / "runs" / "a")
    assert build(dbt, data) == told
    assert [process.returncode for process in began] == [0, 0]


CHANGED: dict[str, Callable[[DataDirectory, subprocess.Popen[bytes]], Any]] = {
    "a model": lambda data, _: (data.root / "project" / "a.sql").write_text("select 2", encoding="utf-8"),
    "a new file": lambda data, _: (data.root / "project" / "b.yml").write_text("", encoding="utf-8"),
    "a file in the place of another, with its size and time": lambda data, _: _put_in_its_place(
        data.root / "project" / "a.sql"
    ),
    "the day": lambda data, _: data.set_calendar(data.today().replace(year=2001), data.today().replace(year=2000)),
    "the process has died": lambda _, process: (process.kill(), process.wait()),
}


def _put_in_its_place(path: Path) -> None:
    before = path.stat()
    other = path.with_name("other")
    other.write_text("select 3", encoding="utf-8")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("what", CHANGED)
def test_what_has_changed_since_is_read_again(data: DataDirectory, began: list[Any], dbt: Dbt, what: str) -> None:
    CHANGED[what](data, began[0])
    assert build(dbt, data)[0] == "build"
    assert len(began) == 2
    assert began[0].returncode not in (None, 0)  # it was ended, and built nothing


def test_what_is_begun_before_dagster_is_loaded_is_the_next_run_s(data: DataDirectory, began: list[Any]) -> None:
    dbt_command.begin(data)
    with dg.build_init_resource_context() as context:
        for runs in (1, 2):
            resource = Dbt()
            resource.setup_for_execution(context)
            assert len(began) == runs  # the second run begins its own
            resource.teardown_after_execution(context)
    assert all(process.returncode is not None for process in began)


def test_a_project_that_has_to_be_parsed_whole_is_not_parsed_twice_at_once(
    data: DataDirectory, began: list[Any]
) -> None:
    (data.dbt_target / "manifest.json").unlink()
    dbt_command.begin(data)
    assert not began


def test_a_run_that_needs_no_build_leaves_no_process(data: DataDirectory, began: list[Any]) -> None:
    with dg.build_init_resource_context() as context:
        resource = Dbt()
        resource.setup_for_execution(context)
        assert began[0].poll() is None
        resource.teardown_after_execution(context)
    assert began[0].returncode is not None


@pytest.mark.parametrize("ignored", [False, True], ids=["as usual", "in the background of a script"])
def test_dbt_has_ended_when_a_build_is_left_however_it_is(
    data: DataDirectory, began: list[Any], dbt: Dbt, monkeypatch: pytest.MonkeyPatch, ignored: bool
) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if ignored else ""
    monkeypatch.setattr(
        dbt_command, "PROCESS", ("-c", f"{deaf}print('ready', flush=True); import time; time.sleep(600)")
    )
    build(dbt, data)
    context: Any = None
    with (
        pytest.raises(KeyboardInterrupt),
        dbt.building(data, [], data.dbt_target / "runs" / "b", {}, DagsterDbtTranslator(), context),
    ):
        _interrupt_once_ready(began[1])
    assert began[1].returncode is not None


def _interrupt_once_ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    raise KeyboardInterrupt


def test_what_dbt_waits_for_never_comes_when_its_night_is_killed(data: DataDirectory, tmp_path: Path) -> None:
    night = tmp_path / "night.py"
    night.write_text(
        "import os, signal\n"
        "from pathlib import Path\n"
        "from orchestration.paths import DataDirectory\n"
        "from orchestration.warehouse import dbt_command\n"
        f"begun = dbt_command._Begun.for_(DataDirectory(Path({str(data.root)!r})))\n"
        "print(begun.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n",
        encoding="utf-8",
    )
    said = subprocess.run([sys.executable, str(night)], capture_output=True, text=True, check=False)
    deadline = time.monotonic() + 60
    while _lives(int(said.stdout)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not _lives(int(said.stdout))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


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
        assert {*dbt_command.PROCESS} < {*command}  # it ends with whoever began it
        path.write_text('{"nodes": {}, "sources": {}}' * 50, encoding="utf-8")
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(dbt_command.subprocess, "run", parse)
    assert dbt_command.manifest(data) == dbt_command.manifest(data) == path
    assert dbt_command.is_parsed(data)
    assert len(asked) == 1
    for damaged in (path, path.with_name("parsed_for")):
        damaged.write_bytes(CUT_SHORT[left](damaged.read_bytes()))
        assert not dbt_command.is_parsed(data)
        dbt_command.manifest(data)
        assert dbt_command.is_parsed(data)
    assert len(asked) == 3


def test_what_dbt_leaves_of_old_builds_goes_and_of_the_newest_stays(tmp_path: Path) -> None:
    kept = dbt_command.KEPT_BUILDS
    for n in range(kept + 3):
        path = tmp_path / f"{n:08x}" / "compiled" / "a.sql"
        path.parent.mkdir(parents=True)
        path.write_text("select 1", encoding="utf-8")
        os.utime(path.parent.parent, (n, n))
    dbt_command.forget_builds(tmp_path)
    newest = {f"{n:08x}" for n in range(4, kept + 3)}
    assert {p.name for p in tmp_path.iterdir()} == newest
    assert len(newest) == kept - 1  # the one that begins is the last of them
    dbt_command.forget_builds(tmp_path / "of nobody")
