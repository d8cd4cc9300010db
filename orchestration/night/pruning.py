"""What Dagster's history of runs loses after some months, and what it never does: Dagster itself deletes nothing but ticks.

The log of an old run and what it printed go, and of its events those that a later run said anew. What the UI tells of an asset, a
partition or a check is its newest event, however old; it stays, and so does the run's own line in the list of runs.
`instance.delete_run` would take all of it, and with it the days that were taken in. Does not belong here: when it is done (event_log).
"""

from __future__ import annotations

import time
from pathlib import Path

from dagster import DagsterInstance
from sqlalchemy import Connection, text

KEEP_DAYS = 90
# Said of a run whose page is empty; the list of runs and the page itself show it.
LOG = "minsheng/log"
DELETED = "日志已按 keep_days 清理，本页为空 · deleted after keep_days, so this page is empty"
SECONDS = 86_400
NEWEST = """select max(id) from event_logs where dagster_event_type in
    ('ASSET_MATERIALIZATION', 'ASSET_OBSERVATION', 'ASSET_MATERIALIZATION_PLANNED') group by asset_key, partition, dagster_event_type"""
LAST_SEEN = f"select distinct run_id from event_logs where dagster_event_type = 'ASSET_MATERIALIZATION' and id in ({NEWEST}) and partition is null"
SUPERSEDED = (
    """delete from asset_check_executions where run_id = :run and id not in
    (select max(id) from asset_check_executions group by asset_key, check_name, partition, execution_status)""",
    f"""delete from event_logs where run_id = :run and dagster_event_type like 'ASSET%' and id not in ({NEWEST})
    and id not in (select evaluation_event_storage_id from asset_check_executions where evaluation_event_storage_id is not null)""",
    "delete from asset_event_tags where event_id not in (select id from event_logs)",
)


def old_runs(folder: Path, instance: DagsterInstance, index: Connection, keep_days: float) -> list[str]:
    """Runs with a log that nobody has written to for so many days, but for those that go on and the last that made an asset."""
    before = time.time() - keep_days * SECONDS
    old = [path.stem for path in folder.glob("*-*.db") if path.stat().st_mtime < before]
    if not old:
        return []
    shown = {run for (run,) in index.execute(text(LAST_SEEN))}
    runs = [instance.get_run_by_id(run_id) for run_id in old if run_id not in shown]
    return [run.run_id for run in runs if run and run.is_finished]


def prune(folder: Path, instance: DagsterInstance, index: Connection, run_id: str) -> None:
    """Takes a run's log, what it printed, and of its events in the index those that were said anew since; the run says so itself."""
    instance.add_run_tags(run_id, {LOG: DELETED})
    for statement in SUPERSEDED:
        index.execute(text(statement), {"run": run_id} if ":run" in statement else {})
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    for path in folder.glob(f"{run_id}.db*"):
        path.unlink(missing_ok=True)
