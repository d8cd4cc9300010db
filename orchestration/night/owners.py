"""Which process runs which of Dagster's runs, and what becomes of the runs of processes that are gone.

Dagster does not notice that a process was killed: the run stays in progress and keeps its slot of the warehouse, and all
others wait for it. Here every run is signed by the process that runs it (event_log), and whoever comes next ends the
runs of the dead. Belongs here: signing, telling the dead from the living, freeing what they held.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import IO, Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.tags import GRPC_INFO_TAG

from orchestration.holding import Holder, holder_of, is_held, take, this_command

# A run that was launched is signed when it has loaded the code; one that has not by then never will be.
START_SECONDS = 600
WAITING = "waiting for "
_signed: dict[str, IO[str]] = {}


def sign(run_id: str) -> None:
    """This process runs it, until `unsign` or its own end."""
    if "DAGSTER_HOME" in os.environ and run_id not in _signed and (lock := take(_lock(run_id), this_command())):
        _signed[run_id] = lock


def unsign(run_id: str) -> None:
    if lock := _signed.pop(run_id, None):
        _lock(run_id).unlink(missing_ok=True)
        lock.close()


def owner(run_id: str) -> tuple[Holder | None, bool]:
    """Who signed a run, and whether that process lives."""
    lock = _lock(run_id)
    return holder_of(lock), run_id in _signed or is_held(lock)


def end_the_dead(instance: DagsterInstance) -> list[str]:
    """Ends the runs whose process is gone and frees the slots they and ended runs hold or wait for; a sentence for each."""
    told = []
    begun = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    for record in instance.get_run_records(RunsFilter(statuses=begun)):
        if not _is_alive(record):
            told.append(_end(instance, record.dagster_run))
    for pool in instance.event_log_storage.get_concurrency_keys():
        info = instance.event_log_storage.get_concurrency_info(pool)
        # Whoever waits is given the next free slot, also where it has died meanwhile.
        for run_id in {slot.run_id for slot in info.claimed_slots} | {step.run_id for step in info.pending_steps}:
            run = instance.get_run_by_id(run_id)
            if run is None or run.is_finished:
                instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    _forget_ended(instance)
    return told


def _forget_ended(instance: DagsterInstance) -> None:
    """Removes the signatures of runs that somebody else has ended: as long as one lies there, every night looks for a dead one."""
    for lock in _lock("").glob("*"):
        run = instance.get_run_by_id(lock.name)
        if (run is None or run.is_finished) and not is_held(lock):
            lock.unlink(missing_ok=True)


def holders(instance: DagsterInstance, pool: str, but: str) -> list[str]:
    """Who holds the slots of a pool, without the run `but`, as those who wait are told."""
    said = []
    for slot in instance.event_log_storage.get_concurrency_info(pool).claimed_slots:
        run = instance.get_run_by_id(slot.run_id) if slot.run_id != but else None
        if run:
            who, _ = owner(run.run_id)
            said.append(f"run {run.run_id[:8]} ({run.job_name}), {who or 'a process that has not signed it'}")
    return said


def _is_alive(record: RunRecord) -> bool:
    run = record.dagster_run
    who, lives = owner(run.run_id)
    if lives or who:
        return lives
    if run.status == DagsterRunStatus.STARTING:
        return time.time() - record.update_timestamp.timestamp() < START_SECONDS
    return False  # every run that has begun is signed: this one was another version's


def _end(instance: DagsterInstance, run: DagsterRun) -> str:
    who, _ = owner(run.run_id)
    of = f"its process {who.pid} ({who.what}, since {who.since})" if who else "its process"
    why = f"{of} is gone: it was killed, or the machine was restarted"
    if run.status == DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, f"Ended by the next night: {why}.")
    else:
        instance.report_run_failed(run, f"Ended by the next night: {why}.")
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    _lock(run.run_id).unlink(missing_ok=True)
    return f"ended run {run.run_id[:8]} ({run.job_name}) and freed what it held: {why}"


def _lock(run_id: str) -> Path:
    return Path(os.environ["DAGSTER_HOME"]) / "running" / run_id


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's launcher, which can also tell whether a run's process lives, and end runs that it did not launch."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        who, lives = owner(run.run_id)
        return CheckRunHealthResult(
            WorkerStatus.RUNNING if lives else WorkerStatus.FAILED, f"{who} {'runs it' if lives else 'is gone'}"
        )

    def terminate(self, run_id: str) -> bool:
        who, lives = owner(run_id)
        run: Any = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        if not lives:
            _end(self._instance, run)
            return True
        if GRPC_INFO_TAG in run.tags or who is None:
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        os.kill(who.pid, signal.SIGINT)
        return True
