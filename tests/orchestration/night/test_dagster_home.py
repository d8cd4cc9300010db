"""Dagster's settings and history may be cut short or gone: a night sets them aside, says so and goes on, with runs signed all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import yaml

from contracts.whole_files import NotReadable
from orchestration.night import dagster_home, owners
from orchestration.night.event_log import BatchedEventLog
from orchestration.paths import DataDirectory

CUT_SHORT: dict[str, Callable[[bytes], bytes]] = {
    "a third": lambda content: content[: len(content) // 3],
    "half": lambda content: content[: len(content) // 2],
    "nothing": lambda _: b"",
    "garbage": lambda content: bytes(range(1, 256)) * (1 + len(content) // 255),
    "a list": lambda _: b"- telemetry\n",
}
HISTORIES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDirectory:
    for name in ("MINSHENG_DATA", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")
    directory = DataDirectory(tmp_path / "data")
    dagster_home.prepare(directory)
    instance, said = dagster_home.opened(directory)
    with instance:
        instance.add_run(dg.DagsterRun(job_name="night"))
    assert said == []
    return directory


def stands(data: DataDirectory) -> list[str]:
    """Opens Dagster as a night does; what was said of it."""
    dagster_home.prepare(data)
    instance, said = dagster_home.opened(data)
    with instance:
        assert isinstance(instance.event_log_storage, BatchedEventLog)
        assert isinstance(instance.run_launcher, owners.WatchedRunLauncher)
        assert instance.run_monitoring_max_runtime_seconds == 43200
        instance.get_runs()
        instance.event_log_storage.get_concurrency_keys()
    return said


@pytest.mark.parametrize(
    ("file", "left"),
    [
        *(("dagster.yaml", left) for left in CUT_SHORT),
        *((file, "half") for file in HISTORIES),
        (HISTORIES[1], "garbage"),
        (HISTORIES[1], "nothing"),
    ],
)
def test_what_does_not_read_is_set_aside_by_name_and_the_night_goes_on(
    data: DataDirectory, file: str, left: str
) -> None:
    path = data.dagster_home / file
    before = path.read_bytes()
    path.write_bytes(CUT_SHORT[left](before))
    said = stands(data)
    for sentence in said:
        assert f"dagster/{file} does not read" in sentence
    assert bool(said) == path.with_name(path.name + dagster_home.DAMAGED).exists()
    # Nothing at all is what Dagster begins with, and settings whose end is lost are completed.
    assert said or left == "nothing" or file == "dagster.yaml"
    assert stands(data) == []


def test_settings_of_one_s_own_stay(data: DataDirectory) -> None:
    settings = data.dagster_home / "dagster.yaml"
    own = yaml.safe_load(settings.read_text(encoding="utf-8"))
    own["run_monitoring"]["max_runtime_seconds"] = 60
    del own["concurrency"]
    settings.write_text(yaml.safe_dump(own), encoding="utf-8")
    written = settings.read_bytes()
    dagster_home.prepare(data)
    instance, said = dagster_home.opened(data)
    with instance:
        assert instance.run_monitoring_max_runtime_seconds == 60
    assert (said, settings.read_bytes()) == ([], written)


def test_settings_of_one_s_own_stay_where_what_they_name_does_not_open(data: DataDirectory) -> None:
    settings = data.dagster_home / "dagster.yaml"
    own = yaml.safe_load(settings.read_text(encoding="utf-8"))
    own["run_storage"] = {"module": "storage_that_is_away", "class": "RunStorage"}
    settings.write_text(yaml.safe_dump(own), encoding="utf-8")
    written = settings.read_bytes()
    dagster_home.prepare(data)
    with pytest.raises(NotReadable, match="storage_that_is_away"):
        dagster_home.opened(data)
    assert settings.read_bytes() == written
    assert not settings.with_name(settings.name + dagster_home.DAMAGED).exists()
