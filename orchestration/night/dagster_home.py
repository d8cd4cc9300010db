"""Dagster's own files below the data directory: its settings and its history of runs, both made again where they do not read.

No row and no figure lies there: what is lost with them is what the UI shows of earlier nights. Belongs here: writing the settings,
and opening the instance. Does not belong here: what a run leaves behind when it dies (owners).
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from contracts.whole_files import NotReadable, write_text
from orchestration import access
from orchestration.paths import DataDirectory

if TYPE_CHECKING:
    from dagster import DagsterInstance

# Every run by hand or by night behaves alike: queued, one writer of the warehouse at a time.
DAGSTER_YAML = """\
# Written by the night when it is missing; yours to change.
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
concurrency:
  runs:
    max_concurrent_runs: 2
  pools:
    default_limit: 1
    granularity: op
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days: 90
"""
# What a night cannot do without, also where somebody has taken it out or only a part of the file is left. Runs are signed where their
# events are kept; runs of processes that are gone are ended, and those that take too long: neither may keep the next night waiting.
NEEDED = {
    "event_log_storage": """\
event_log_storage:
  module: orchestration.night.event_log
  class: BatchedEventLog
  config:
    keep_days: 90  # how long the log of a run is kept
""",
    "run_launcher": """\
run_launcher:
  module: orchestration.night.owners
  class: WatchedRunLauncher
""",
    "run_monitoring": """\
run_monitoring:
  enabled: true
  poll_interval_seconds: 30
  start_timeout_seconds: 600
  free_slots_after_run_end_seconds: 60
  max_runtime_seconds: 43200  # how long a run may take, the command line's too
""",
}
INSTEAD = {"event_log_storage": "|storage"}  # what Dagster takes in the place of a section
# Where the event log's module lay until version 0.2: a data directory made before still names it.
MOVED = "module: orchestration.event_log\n"
DAMAGED = ".damaged"


def prepare(data: DataDirectory) -> None:
    """Makes the data directory usable by Dagster and closed to others; sets the environment of this process."""
    access.close(data)
    data.dagster_home.mkdir(parents=True, exist_ok=True)
    settings = _settings(data)
    written = settings.read_bytes().decode("utf-8", "replace") if settings.is_file() else ""
    wanted = _completed(written or DAGSTER_YAML).replace(MOVED, "module: orchestration.night.event_log\n")
    if wanted != written:
        write_text(settings, wanted)
    os.environ["MINSHENG_DATA"] = str(data.root)
    os.environ["DAGSTER_HOME"] = str(data.dagster_home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")


def _completed(settings: str) -> str:
    missing = [
        section
        for name, section in NEEDED.items()
        if not re.search(f"^({name}{INSTEAD.get(name, '')}):", settings, re.MULTILINE)
    ]
    return "\n".join([settings.rstrip("\n"), *missing]) if missing else settings


def opened(data: DataDirectory) -> tuple[DagsterInstance, list[str]]:
    """Dagster's instance, and a sentence for each file that was set aside because it does not read.

    Raises:
        NotReadable: it does not open without them either.
    """
    from dagster import DagsterInstance

    said: list[str] = []
    for mend in (_set_histories_aside, _set_settings_aside):
        try:
            return _looked_into(DagsterInstance.get()), said
        except Exception:  # whatever it is, the next night may not fail of it
            said += mend(data)
    try:
        return _looked_into(DagsterInstance.get()), said
    except Exception as error:
        raise NotReadable(
            data.dagster_home,
            f"若 dagster.yaml 为自行修改，请核对其中指定的存储；否则请移走该文件夹（其中只有运行记录）：{error}",
            f"if dagster.yaml is your own, look at the storage it names; else take the folder away, only the history of runs is in it: {error}",
        ) from error


def _looked_into(instance: DagsterInstance) -> DagsterInstance:
    """The instance, whose databases have answered."""
    instance.get_runs(limit=1)
    instance.event_log_storage.get_concurrency_keys()
    instance.all_instigator_state()
    return instance


def _set_histories_aside(data: DataDirectory) -> list[str]:
    damaged = [path for path in data.dagster_home.rglob("*.db") if not _sqlite_reads(path)]
    for path in damaged:
        path.replace(path.with_name(path.name + DAMAGED))
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
    return [
        _sentence(data, path, "界面不再显示以前的运行记录", "the UI no longer shows what it knew of runs")
        for path in damaged
    ]


def _set_settings_aside(data: DataDirectory) -> list[str]:
    settings = _settings(data)
    if _is_somebody_s(settings.read_text(encoding="utf-8")):
        return []  # what a person wants is not made again, and a storage that is away comes back
    settings.replace(settings.with_name(settings.name + DAMAGED))
    prepare(data)
    return [_sentence(data, settings, "已按默认设置重写", "it is written anew as it comes")]


def _is_somebody_s(settings: str) -> bool:
    """Whether settings read and are more than what is left of those a night writes."""
    try:
        reads = isinstance(yaml.safe_load(settings), dict)
    except yaml.YAMLError:
        return False
    whole = _completed(DAGSTER_YAML)
    return reads and all(_completed(whole[:n]) != settings for n in range(1, len(whole) + 1))


def _sentence(data: DataDirectory, path: Path, zh: str, en: str) -> str:
    name = path.relative_to(data.root)
    return f"{name} 无法读取，已改名为 {path.name}{DAMAGED}；{zh} · {name} does not read and is now {path.name}{DAMAGED}; {en}"


def _sqlite_reads(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
            return bool(con.execute("pragma quick_check(1)").fetchone() == ("ok",))
    except sqlite3.OperationalError:  # somebody has it
        return True
    except sqlite3.DatabaseError:
        return False


def _settings(data: DataDirectory) -> Path:
    return data.dagster_home / "dagster.yaml"
