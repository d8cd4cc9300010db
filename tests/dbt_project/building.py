"""What the tests of the models share: rows as the door would have accepted them, and dbt."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from contracts.loading import load_feeds
from contracts.model import Feed
from orchestration.derived import linkage, review_words, roads, survey_estimates
from orchestration.intake import feeds, ledger
from orchestration.paths import DBT_PROJECT, NEVER_CAME, PROJECT, DataDirectory
from orchestration.warehouse.dbt_command import environment

RUN_DATE = date(2026, 3, 1)
# Nothing of what dbt writes down about a run is read here, and it takes seconds each time.
QUIET = ("--quiet", "--no-write-json", "--log-level-file", "none")
WORKING = tempfile.TemporaryDirectory(prefix="minsheng_tests_")  # gone with this process


@dataclass(frozen=True)
class Run:
    """What came of a dbt command: whether it succeeded, what it printed, its result for each node."""

    success: bool
    said: str
    results: Sequence[Any]


def dbt(data: DataDirectory, *arguments: str, variables: Mapping[str, Any] | None = None, day: date = RUN_DATE) -> Run:
    """A dbt command in a data directory whose feeds, survey and ledger may be empty, whatever comes of it."""
    prepare(data)
    ledger.table(data).write_parquet(ledger.path(data))
    return invoke(data, *arguments, variables=variables, day=day)


def prepare(data: DataDirectory) -> None:
    """Puts an empty, typed file wherever dbt reads and nothing has come, but for the ledger."""
    for feed in load_feeds().values():
        feeds.ensure_typed(data, feed)
    survey_estimates.ensure_typed(data)
    linkage.ensure_typed(data)
    review_words.ensure_typed(data)
    roads.ensure_typed(data)
    data.warehouse.parent.mkdir(parents=True, exist_ok=True)


def invoke(
    data: DataDirectory, *arguments: str, variables: Mapping[str, Any] | None = None, day: date = RUN_DATE
) -> Run:
    """The same in this process, in a data directory where everything is in its place."""
    folders = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    said = io.StringIO()
    with _surroundings(data, day), redirect_stdout(said):
        known = dbtRunner(manifest=_parsed(str(DBT_PROJECT), _checksum(DBT_PROJECT)))
        done = known.invoke([*QUIET, *arguments, *folders, "--vars", json.dumps(dict(variables or {}))])
    DuckDBConnectionManager.close_all_connections()
    return Run(done.success, f"{said.getvalue()}{done.exception or ''}", getattr(done.result, "results", []))


@contextmanager
def _surroundings(data: DataDirectory, day: date) -> Iterator[None]:
    stated = environment(data) | {
        "MINSHENG_DATA": str(_place(data)),
        "MINSHENG_RUN_DATE": day.isoformat(),
        "MINSHENG_RUN_MONTH": day.replace(day=1).isoformat(),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stated.items():
            patch.setenv(name, value)
        yield


def manifest(data: DataDirectory) -> Any:
    """The project as dbt understood it: what each model really reads, also by a name that a loop puts in."""
    with _surroundings(data, RUN_DATE):
        return _parsed(str(DBT_PROJECT), _checksum(DBT_PROJECT))


@cache
def _parsed(project: str, checksum: str) -> Any:
    """The project as dbt parsed it, once a process: its sources lie at one place, whatever the data directory.

    Of a copy only what it changes is parsed again: what dbt knows of the files before lies at one place too.
    """
    where = ["--project-dir", project, "--profiles-dir", project, "--target-path", f"{WORKING.name}/parsed"]
    parsed = dbtRunner().invoke([*QUIET, "parse", *where])
    assert parsed.success, parsed.exception
    return parsed.result


def copy_project(root: Path) -> Path:
    """The dbt project and the folders whose lists it reads, below `root`; tests change a policy in it."""
    for folder in ("policies", "contracts/codes"):
        shutil.copytree(PROJECT / folder, root / folder)
    shutil.copy(PROJECT / "README.md", root)  # its list of products is made from the contracts
    return Path(shutil.copytree(DBT_PROJECT, root / "dbt_project"))


def copy_platform(root: Path) -> None:
    """The same with the code, for a process that knows the copy alone; without unit tests, which dbt would only parse."""
    project = copy_project(root)
    for path in project.rglob("*.unit.yml"):
        path.unlink()
    shutil.copytree(PROJECT / "contracts", root / "contracts", dirs_exist_ok=True)
    shutil.copytree(PROJECT / "orchestration", root / "orchestration")


def _checksum(project: Path) -> str:
    folders = (project, project.parent / "policies", project.parent / "contracts" / "codes")
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()


def _place(data: DataDirectory) -> Path:
    """The path by which dbt finds a data directory; views read their files by it, until the next directory is built."""
    place = Path(WORKING.name, "data")
    place.unlink(missing_ok=True)
    place.symlink_to(data.root, target_is_directory=True)
    return place


def compiled(data: DataDirectory, *selection: str, variables: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The SQL of models and tests by name, as dbt would send it."""
    run = dbt(data, "compile", "--select", *selection, variables=variables)
    assert run.success, run.said[-3000:]
    files = (data.root / "dbt" / "compiled").rglob("*.sql")
    return {path.stem: path.read_text(encoding="utf-8") for path in files if path.is_file()}


def build(data: DataDirectory, *arguments: str, variables: Mapping[str, Any] | None = None) -> None:
    """`dbt build` in a data directory; fails the test with what dbt said."""
    run = dbt(data, "build", *arguments, variables=variables)
    assert run.success, run.said[-3000:]


def accept(data: DataDirectory, feed: Feed, rows: list[dict[str, Any]], received: datetime) -> None:
    """Writes rows as the door would have accepted them."""
    provenance = {
        "_feed": feed.id,
        "_sender": "shifan",
        "_receipt": feed.id,
        "_received_at": received,
        "_contract_version": "1",
    }
    feeds.ensure_typed(data, feed)
    empty = pl.read_parquet(data.accepted / feed.id / NEVER_CAME)
    frame = pl.DataFrame(
        [row | provenance | {"_row": n} for n, row in enumerate(rows, start=2)], infer_schema_length=None
    )
    missing = [pl.lit(None).alias(c) for c in empty.columns if c not in frame.columns]
    frame = frame.with_columns(missing).select(empty.columns).cast(empty.schema)  # type: ignore[arg-type]
    frame.write_parquet(data.accepted / feed.id / "rows.parquet")
