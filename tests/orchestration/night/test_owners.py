"""A run whose process is gone keeps nobody waiting, shown by killing one: its run is ended, its slot is free, and somebody says so."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from orchestration.night import command, dagster_home, owners
from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[3]
# A job that holds the warehouse's slot, as a night's second half does; run in a process of its own.
RUNS = """
import sys
import dagster as dg

@dg.op(pool="warehouse")
def build():
    print("builds", file=sys.__stdout__, flush=True)
    if "holds" in sys.argv:
        sys.stdin.readline()

@dg.job
def night():
    build()

if __name__ == "__main__":
    instance = dg.DagsterInstance.get()
    done = night.execute_in_process(instance=instance, raise_on_error=False, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}})
    print("success" if done.success else "failed", file=sys.__stdout__, flush=True)
"""


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    for name in ("MINSHENG_DATA", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")
    dagster_home.prepare(DataDirectory(tmp_path / "data"))
    (tmp_path / "night.py").write_text(RUNS, encoding="utf-8")
    with dg.DagsterInstance.get() as instance:
        yield instance


def start(tmp_path: Path, *, holds: bool) -> subprocess.Popen[str]:
    """A run that keeps the slot until it is sent a line, or ends at once."""
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "night.py"), *(["holds"] if holds else [])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )  # fmt: skip


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def killed(tmp_path: Path, instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run in whose middle the process was killed."""
    with start(tmp_path, holds=True) as process:
        assert line(process) == "builds"
        process.send_signal(signal.SIGKILL)
    (run,) = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    return run


def test_the_next_night_ends_the_run_of_a_killed_one_and_says_so(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    run = killed(tmp_path, instance)
    (sentence,) = owners.end_the_dead(instance)
    assert sentence.startswith(f"ended run {run.run_id[:8]} (night) and freed what it held: its process ")
    assert "is gone: it was killed, or the machine was restarted" in sentence
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.FAILURE
    assert instance.event_log_storage.get_concurrency_info("warehouse").claimed_slots == []
    assert owners.end_the_dead(instance) == []


def test_a_run_that_needs_the_slot_of_a_dead_one_gets_it(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Without anybody having looked first: as a scheduled run does in the daemon's process."""
    dead = killed(tmp_path, instance)
    with start(tmp_path, holds=False) as following:
        assert (line(following), line(following)) == ("builds", "success")
    ended = instance.get_run_by_id(dead.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.FAILURE


def test_a_slot_that_was_given_to_a_dead_run_while_it_waited_is_free(instance: dg.DagsterInstance) -> None:
    """Both are ended; the one that waited has been given the slot of the other and will never come for it."""
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default("warehouse")
    held, waited, following = (
        dg.DagsterRun(job_name="night", status=dg.DagsterRunStatus.NOT_STARTED) for _ in range(3)
    )
    for run in (held, waited):
        instance.add_run(run)
        storage.claim_concurrency_slot("warehouse", run.run_id, "build")
    for run in (waited, held):
        instance.report_run_failed(run)
    storage.free_concurrency_slots_for_run(held.run_id)
    assert storage.get_concurrency_info("warehouse").assigned_run_ids == {waited.run_id}
    instance.add_run(following)
    storage.claim_concurrency_slot("warehouse", following.run_id, "build")
    assert storage.claim_concurrency_slot("warehouse", following.run_id, "build").is_claimed


def test_a_run_that_somebody_else_ended_leaves_no_signature(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """As the daemon does with one whose process was killed; while one lay there, no night was ever a quiet one again."""
    run = killed(tmp_path, instance)
    instance.report_run_failed(run)
    with start(tmp_path, holds=True) as living:
        assert line(living) == "builds"
        assert owners.end_the_dead(instance) == []
        (left,) = (Path(os.environ["DAGSTER_HOME"]) / "running").iterdir()
        assert left.name != run.run_id
        living.communicate("\n")
    assert list(left.parent.iterdir()) == []


def told_to_wait(instance: dg.DagsterInstance) -> list[str]:
    messages = [
        str(event.dagster_event.message)
        for run in instance.get_runs()
        for event in instance.all_logs(run.run_id)
        if event.dagster_event
    ]
    return [message for message in messages if message.startswith(owners.WAITING)]


def test_a_run_that_waits_for_a_living_one_says_for_whom_and_ends_nobody(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    with start(tmp_path, holds=True) as first:
        assert line(first) == "builds"
        assert owners.end_the_dead(instance) == []
        started = time.monotonic()
        with start(tmp_path, holds=False) as second:
            while not (said := told_to_wait(instance)):
                assert second.poll() is None
                assert time.monotonic() - started < 300
                time.sleep(0.5)
            assert first.stdin is not None
            print(file=first.stdin, flush=True)
            assert (line(first), line(second), line(second)) == ("success", "builds", "success")
    (sentence,) = said
    assert f"(night), process {first.pid} (" in sentence
    assert " since 20" in sentence


def test_dagster_s_own_watch_is_told_who_lives(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """What the daemon asks every half minute, so that two dead runs do not stop the scheduler."""
    launcher = instance.run_launcher
    assert isinstance(launcher, owners.WatchedRunLauncher)
    assert instance.run_monitoring_enabled
    with start(tmp_path, holds=True) as process:
        assert line(process) == "builds"
        (run,) = instance.get_runs()
        assert launcher.check_run_worker_health(run).status.name == "RUNNING"
        process.kill()
        process.wait()
    assert launcher.check_run_worker_health(run).status.name == "FAILED"
    # And the button of the UI ends it.
    assert launcher.terminate(run.run_id)
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.is_finished


def test_two_dead_runs_are_ended_by_the_daemon_and_the_next_one_gets_the_slot(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """One held the warehouse and one waited for it: with two runs at once allowed, nothing was ever dequeued again."""
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    with start(tmp_path, holds=True) as first, start(tmp_path, holds=True) as second:
        while len(instance.get_runs(started)) < 2:
            time.sleep(0.1)
        for process in (first, second):
            process.kill()
    daemon = SimpleNamespace(instance=instance, create_request_context=lambda: None)
    assert list(filter(None, execute_run_monitoring_iteration(daemon, logging.getLogger("daemon")))) == []  # type: ignore[arg-type]
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE] * 2
    with start(tmp_path, holds=False) as following:
        assert (line(following), line(following)) == ("builds", "success")


def test_the_ui_stops_a_night_of_the_command_line(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    with start(tmp_path, holds=True) as process:
        assert line(process) == "builds"
        (run,) = instance.get_runs()
        assert instance.run_launcher.terminate(run.run_id)
        process.wait(60)
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.is_finished


def test_a_run_that_takes_too_long_is_stopped_with_a_sentence(instance: dg.DagsterInstance) -> None:
    @dg.op
    def hangs() -> None:
        while True:
            time.sleep(0.1)

    @dg.job
    def night() -> None:
        hangs()

    stopped: dict[str, str] = {}
    instance._settings["run_monitoring"]["max_runtime_seconds"] = 2
    run_id = dg.DagsterRun(job_name="night").run_id
    assert threading.current_thread() is threading.main_thread()
    with command._time_limit(instance, run_id, stopped):
        night.execute_in_process(instance=instance, raise_on_error=False, run_id=run_id)
    assert "stopped after 2 s, the limit in dagster/dagster.yaml (max_runtime_seconds)" in stopped["night"]
    ended = instance.get_run_by_id(run_id)
    assert ended is not None
    assert ended.is_finished


def test_a_dagster_yaml_of_an_earlier_version_learns_to_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MINSHENG_DATA", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")
    data = DataDirectory(tmp_path / "older")
    data.dagster_home.mkdir(parents=True)
    (data.dagster_home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    dagster_home.prepare(data)
    written = (data.dagster_home / "dagster.yaml").read_text(encoding="utf-8")
    assert written.startswith("telemetry:\n  enabled: false\n")
    assert "max_runtime_seconds" in written
    dagster_home.prepare(data)
    assert (data.dagster_home / "dagster.yaml").read_text(encoding="utf-8") == written
