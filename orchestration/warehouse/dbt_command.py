"""How dbt is called: what it reads from its surroundings, the project as it reads it, and a build in a process of its own.

dbt takes longer to begin than a small city's tables take: it imports its libraries and reads the project, on one core. A run that will
need it begins it first, so that this is done while the feeds are taken in. Belongs here: processes and their surroundings. Does not
belong here: what is built (inputs) and what Dagster shows of it (dbt_assets).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliInvocation
from packaging.version import Version
from pydantic import PrivateAttr

from contracts.loading import CODES, POLICIES
from contracts.whole_files import NotReadable, read_json, sha256_of, write_json
from orchestration.paths import DBT_PROJECT, TIME_ZONE, DataDirectory, data_directory
from orchestration.warehouse import inputs

PROCESS = ("-m", "orchestration.warehouse.dbt_process")  # dbt, which ends with whoever began it
FOLDERS = ("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT))
# What dbt leaves of a build (the project it read, the SQL it sent): 10 to 20 MB, of as many builds as there may be questions about.
KEPT_BUILDS = 7


def environment(data: DataDirectory) -> dict[str, str]:
    """What dbt reads from its surroundings."""
    return {
        "MINSHENG_DATA": str(data.root),
        "DBT_TARGET_PATH": str(data.dbt_target),
        "DBT_LOG_PATH": str(data.dbt_target / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        # What dbt says is in Dagster's log and every statement in target/: telling both to a file again costs seconds a night.
        "DBT_LOG_LEVEL_FILE": "none",
        # The day it is: no model asks the clock.
        "MINSHENG_RUN_DATE": data.today().isoformat(),
        "MINSHENG_RUN_MONTH": data.today().replace(day=1).isoformat(),
        # Whose clock a moment is shown by.
        "MINSHENG_TIME_ZONE": TIME_ZONE,
        # Whose end is dbt's end.
        "MINSHENG_PROCESS": str(os.getpid()),
        # Tables that are kept from night to night are built whole where what builds them has changed.
        "MINSHENG_MODELS": models_checksum(),
    }


@cache
def models_checksum() -> str:
    """SHA-256 (16 digits) over the SQL of models and macros, whatever folder they lie in."""
    digest = hashlib.sha256()
    for path in sorted(p for part in ("models", "macros") for p in (DBT_PROJECT / part).rglob("*.sql")):
        digest.update(path.relative_to(DBT_PROJECT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


# ── the project as dbt reads it ─────────────────────────────────────────────────────────────────


def manifest(data: DataDirectory) -> Path:
    """The parsed project, parsed again only when a file of it has changed."""
    path = data.dbt_target / "manifest.json"
    if not _is_current(data):
        data.dbt_target.mkdir(parents=True, exist_ok=True)
        run = subprocess.run(
            [sys.executable, *PROCESS, "--quiet", "parse", *FOLDERS],
            env={**os.environ, **environment(data)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if run.returncode:
            raise RuntimeError(f"dbt cannot read dbt_project/: {run.stdout.strip()[-2000:]}{run.stderr.strip()[-500:]}")
        os.utime(path)
        write_json(path.with_name("parsed_for"), {"data": str(data.root), "sha256": sha256_of(path)})
    return path


def is_parsed(data: DataDirectory) -> bool:
    """Whether the parsed project is this directory's, as dbt has written it: one that was copied still names the files of the other."""
    path = data.dbt_target / "manifest.json"
    try:
        said = read_json(path.with_name("parsed_for"))
        return (str(said["data"]), said["sha256"]) == (str(data.root), sha256_of(path))
    except (FileNotFoundError, NotReadable, KeyError):
        return False


def _is_current(data: DataDirectory) -> bool:
    """Whether the project was parsed for this directory since a file of it last changed."""
    path = data.dbt_target / "manifest.json"
    return path.is_file() and path.stat().st_mtime >= max(s.st_mtime for _, s in _project()) and is_parsed(data)


def _project() -> list[tuple[str, os.stat_result]]:
    """Every file that dbt reads, and its state."""
    files = (p for folder in (DBT_PROJECT, CODES, POLICIES) for p in sorted(folder.rglob("*")))
    return [(str(p), p.stat()) for p in files if p.suffix in (".sql", ".yml", ".csv", ".md")]


# ── a build ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Begun:
    """dbt in a process that reads the project and waits for what to build."""

    process: subprocess.Popen[bytes]
    reads: Any

    @classmethod
    def for_(cls, data: DataDirectory) -> _Begun:
        reads = cls._reads(data)  # before it reads: what changes from now on is another project
        surroundings = {**os.environ, **environment(data), "DBT_LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            [sys.executable, *PROCESS, "waiting", *FOLDERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=surroundings, cwd=DBT_PROJECT,
        )  # fmt: skip
        return cls(process, reads)

    @staticmethod
    def _reads(data: DataDirectory) -> Any:
        return environment(data), [(p, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for p, s in _project()]

    def is_for(self, data: DataDirectory) -> bool:
        """Whether it still waits, and what it has read is what it would read now."""
        return self.process.poll() is None and self.reads == self._reads(data)

    def tell(self, arguments: Iterable[str]) -> None:
        assert self.process.stdin
        with suppress(BrokenPipeError), self.process.stdin as told:  # where it has ended, its output says why
            told.write(json.dumps([*arguments]).encode() + b"\n")

    def end(self) -> None:
        """However it stands: dbt may not go on writing after whoever called it has given the warehouse back.

        Killed and not asked to end (SIGTERM): dbt would do nothing else then, and would not hear it where the night was begun in the background
        of a script. There SIGINT is ignored, Dagster treats SIGTERM alike, and processes inherit both.
        """
        self.process.kill()
        self.process.wait()


# Begun before Dagster was loaded, for the next run of this process.
_EARLY: list[_Begun] = []


def begin(data: DataDirectory) -> None:
    """Begins dbt for the run that this process is about to make, where it need not parse the whole project first."""
    if _is_current(data):
        _EARLY.append(_Begun.for_(data))


class Dbt(dg.ConfigurableResource[Any]):
    """dbt of this environment, whatever PATH says, which has been begun by the time a run needs it."""

    _begun: _Begun | None = PrivateAttr(None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        if not _EARLY:
            begin(data_directory())
        self._begun = _EARLY.pop() if _EARLY else None

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._begun:
            self._begun.end()

    @contextmanager
    def building(
        self,
        data: DataDirectory,
        nodes: Iterable[str],
        target: Path,
        parsed: Mapping[str, Any],
        translator: DagsterDbtTranslator,
        context: dg.AssetExecutionContext,
    ) -> Iterator[DbtCliInvocation]:
        """dbt, which builds and tests these nodes; it has ended when this is left.

        Args:
            nodes: by their unique ids.
            target: a folder for what dbt leaves of the build.
            parsed: the project as dbt has read it.
        """
        forget_builds(target.parent)
        begun, self._begun = self._begun, None
        if begun and not begun.is_for(data):
            begun.end()
        if not begun or begun.process.returncode is not None:
            begun = _Begun.for_(data)
        # Unit tests try the code, not the data: `make test` runs them.
        arguments = ["build", *FOLDERS, "--exclude-resource-type", "unit_test", "--indirect-selection", "empty"]
        arguments += [
            "--target-path",
            str(target),
            "--log-path",
            str(target),
            *inputs.selection(nodes, target / "wanted"),
        ]
        begun.tell(arguments)
        try:
            yield DbtCliInvocation(
                process=begun.process,
                manifest=parsed,
                dagster_dbt_translator=translator,
                project_dir=DBT_PROJECT,
                target_path=target,
                raise_on_error=True,
                cli_version=Version(importlib.metadata.version("dbt-core")),
                context=context,
            )
        finally:
            begun.end()


def forget_builds(runs: Path) -> None:
    """Removes what dbt left of older builds, before one begins; only the writer of the warehouse may."""
    left = sorted(runs.glob("*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in left[KEPT_BUILDS - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)
