"""Where Dagster keeps its events: SQLite as it comes, but a batch of events is one transaction.

A night that covers sixty days writes an event for each feed and day. Dagster's own SQLite storage opens a database,
compiles a statement and waits for the disk for each; here a batch shares one connection and one commit. Tables and
contents are Dagster's, so that any other tool reads them. It is also where every run begins and ends and where slots are
claimed, in the process that runs it: so here a run is signed (owners), and a slot of a dead run is taken from it.
Does not belong here: what the events say.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any

from dagster import DagsterEventType, EventLogEntry, Field, IntSource
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._serdes import ConfigurableClassData
from dagster._utils.concurrency import ConcurrencyClaimStatus
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from orchestration.night import owners, pruning

# Dagster hands events over in batches only where this says how large one may be.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "5000")
BUSY_TIMEOUT_SECONDS = 60
ENDS = (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)


class BatchedEventLog(SqliteEventLogStorage):
    """Dagster's SQLite event log below `DAGSTER_HOME`, with connections kept and batches written in one transaction."""

    def __init__(
        self, base_dir: str, inst_data: ConfigurableClassData | None = None, keep_days: int = pruning.KEEP_DAYS
    ) -> None:
        self.keep_days = keep_days
        self._engines: dict[str, Engine] = {}
        self._batch: dict[str, Connection] = {}
        self._transaction: ExitStack | None = None
        self._waits_for: dict[str, list[str]] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)
        self._db_lock = RLock()  # type: ignore[assignment]  # a batch holds it while its events are stored

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"keep_days": Field(IntSource, is_required=False, default_value=pruning.KEEP_DAYS)}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: dict[str, Any]
    ) -> "BatchedEventLog":
        # Where Dagster would have kept them: a directory that is moved takes its events along.
        return cls(str(Path(os.environ["DAGSTER_HOME"]) / "history" / "runs"), inst_data, **config_value)

    def store_event(self, event: EventLogEntry) -> None:
        """As Dagster does; a run that begins is signed by this process, one that ends no longer is, and prunes the history."""
        kind = event.dagster_event.event_type if event.dagster_event else None
        if kind is DagsterEventType.RUN_START:
            owners.sign(event.run_id)
        super().store_event(event)
        if kind in ENDS:
            owners.unsign(event.run_id)
            with suppress(OSError, SQLAlchemyError):  # what is not pruned now is after the next run
                self.prune()

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; Dagster asks for the same two with each event, by a connection of its own."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def prune(self) -> list[str]:
        """Forgets what is older than `keep_days` and no longer shown; returns the runs it was of."""
        folder = Path(self._base_dir)
        with self.index_connection() as index:
            old = pruning.old_runs(folder, self._instance, index, self.keep_days)
            for run_id in old:
                self._engines.pop(run_id, None)
                self._initialized_dbs.discard(run_id)
                pruning.prune(folder, self._instance, index, run_id)
        return old

    def claim_concurrency_slot(
        self, concurrency_key: str, run_id: str, step_key: str, priority: int | None = None
    ) -> ConcurrencyClaimStatus:
        """As Dagster does; a dead run gives its slot up, and who waits for a living one says for whom in its log."""
        status = super().claim_concurrency_slot(concurrency_key, run_id, step_key, priority)
        if not status.is_claimed and owners.end_the_dead(self._instance):
            status = super().claim_concurrency_slot(concurrency_key, run_id, step_key, priority)
        held = [] if status.is_claimed else owners.holders(self._instance, concurrency_key, run_id)
        if held and self._waits_for.get(run_id) != held:
            self._waits_for[run_id] = held
            run = self._instance.get_run_by_id(run_id)
            self._instance.report_engine_event(f"{owners.WAITING}{'; '.join(held)}", run)
        return status

    def dispose(self) -> None:
        super().dispose()
        while self._engines:
            self._engines.popitem()[1].dispose()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Stores the events in their order; all of them, or none."""
        with self._db_lock, ExitStack() as transaction:
            self._transaction = transaction
            try:
                for entry in events:
                    self.store_event(entry)
            finally:
                self._batch.clear()
                self._transaction = None

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard in self._batch:
                yield self._batch[shard]
            elif self._transaction is not None:
                self._batch[shard] = self._transaction.enter_context(self._engine(shard).begin())
                yield self._batch[shard]
            else:
                with self._engine(shard).begin() as connection:
                    yield connection

    def _engine(self, shard: str) -> Engine:
        """The shard's engine; of the runs' shards only the last one used stays open."""
        if shard not in self._engines:
            for other in [s for s in self._engines if s not in (INDEX_SHARD_NAME, *self._batch)]:
                self._engines.pop(other).dispose()
            path = self.conn_string_for_shard(shard)
            engine = create_engine(path, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
            event.listen(engine, "connect", _without_waiting_for_the_disk)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            self._engines[shard] = engine
        return self._engines[shard]


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    """With a write-ahead log a power cut may then cost the last events, never the database."""
    connection.execute("PRAGMA synchronous = NORMAL")
