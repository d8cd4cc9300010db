"""A batch of events is stored as Dagster would have stored them one by one; all of it or nothing."""

import sqlite3
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster_shared.check import CheckError
from sqlalchemy import Engine, event

from orchestration.night.event_log import BatchedEventLog

pytestmark = pytest.mark.slow

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_date="2026-01-05")


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("whole", asset="rows")],
)
def rows(context: dg.AssetExecutionContext):
    for day in context.partition_keys:
        context.add_asset_metadata({"n": int(day[-2:])}, partition_key=day)
    yield dg.AssetCheckResult(check_name="whole", passed=True)
    yield dg.MaterializeResult()


STORAGE = "event_log_storage:\n  module: orchestration.night.event_log\n  class: BatchedEventLog\n"


def _night(home: Path, settings: str, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n" + settings)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    instance = dg.DagsterInstance.get()
    tags = {"dagster/asset_partition_range_start": "2026-01-01", "dagster/asset_partition_range_end": "2026-01-04"}
    job = dg.Definitions([rows], jobs=[dg.define_asset_job("night", [rows])]).resolve_job_def("night")
    assert job.execute_in_process(instance=instance, tags=tags).success
    return instance


def _stored(instance: dg.DagsterInstance) -> list[tuple[object, ...]]:
    index = Path(instance.root_directory) / "history" / "runs" / "index.db"
    with sqlite3.connect(index) as con:
        events = con.execute(
            "select dagster_event_type, asset_key, partition, step_key from event_logs order by 1, 2, 3"
        )
        return [*events, *con.execute("select asset_key, check_name, partition, execution_status from asset_check_executions order by 1, 2, 3")]  # fmt: skip


def test_a_batch_holds_what_dagster_would_have_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = (_night(tmp_path / name, text, monkeypatch) for name, text in (("ours", STORAGE), ("theirs", "")))
    assert type(ours.event_log_storage) is BatchedEventLog
    assert isinstance(theirs.event_log_storage, SqliteEventLogStorage)
    assert _stored(ours) == _stored(theirs)
    assert len([e for e in _stored(ours) if e[0] == "ASSET_MATERIALIZATION"]) == 4
    records = ours.fetch_materializations(rows.key, limit=10).records
    assert {
        r.partition_key: r.asset_materialization.metadata["n"].value for r in records if r.asset_materialization
    } == {f"2026-01-0{n}": n for n in range(1, 5)}
    # Dagster's own storage reads what ours wrote.
    own = SqliteEventLogStorage(str(Path(ours.root_directory) / "history" / "runs"))
    assert own.get_materialized_partitions(rows.key) == {f"2026-01-0{n}" for n in range(1, 5)}


def test_the_index_is_asked_once_whether_it_has_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def has_table(_: SqliteEventLogStorage, name: str) -> bool:
        asked.append(name)
        return True

    monkeypatch.setattr(SqliteEventLogStorage, "has_table", has_table)
    _night(tmp_path / "ours", STORAGE, monkeypatch)
    assert asked
    assert len(asked) == len(set(asked))


def test_a_batch_that_breaks_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = _night(tmp_path / "ours", STORAGE, monkeypatch)
    storage = instance.event_log_storage
    before = _stored(instance)
    entry = instance.all_logs(instance.get_runs()[0].run_id)[0]
    logged = len(instance.all_logs(entry.run_id))
    with pytest.raises(CheckError):
        storage.store_event_batch([entry, SimpleNamespace(is_dagster_event=True, dagster_event=None)])  # type: ignore[list-item]
    assert (_stored(instance), len(instance.all_logs(entry.run_id))) == (before, logged)
    storage.store_event(entry)
    assert len(instance.all_logs(entry.run_id)) == logged + 1


def test_dagster_stores_in_batches_through_what_is_overridden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is overridden is what Dagster calls: else its own slow way would come back and nobody would notice."""
    for name in ("_connect", "_initdb", "store_event_batch", "conn_string_for_shard"):
        assert callable(getattr(SqliteEventLogStorage, name)), f"Dagster's storage has no {name} any more"
    sizes: list[int] = []
    store = BatchedEventLog.store_event_batch
    monkeypatch.setattr(
        BatchedEventLog, "store_event_batch", lambda self, events: (sizes.append(len(events)), store(self, events))[1]
    )
    instance = _night(tmp_path / "ours", STORAGE, monkeypatch)
    storage = instance.event_log_storage
    assert max(sizes, default=0) >= 4, "a run's events do not come in batches (DAGSTER_EVENT_BATCH_SIZE)"
    own = SqliteEventLogStorage(str(tmp_path / "own"))
    assert isinstance(own._initialized_dbs, set)
    assert own._db_lock.acquire(blocking=False)
    run_id = instance.get_runs()[0].run_id
    events = [e for e in instance.all_logs(run_id) if e.is_dagster_event and e.dagster_event.is_step_materialization]  # type: ignore[union-attr]
    assert len(events) == 4
    commits: list[Engine] = []
    listener = lambda connection: commits.append(connection.engine)  # noqa: E731
    event.listen(Engine, "commit", listener)
    try:
        storage.store_event_batch(events)
    finally:
        event.remove(Engine, "commit", listener)
    # One transaction for the run's file and one for the index, whatever the number of events.
    assert len(commits) == len({id(engine) for engine in commits}) == 2
