"""What every table of the warehouse is made of, as a key, and which tables have another key than when they were last built.

A key is a checksum over the keys of all that a table, a test or a code list reads, down to the files that were accepted, over the
program, and over the day or the month where a model asks for it. A night builds and tests what has another key (`due`) and nothing else. Belongs
here: keys, and which node was last built with which. Does not belong here: building (dbt_assets) and taking a table over into a
release (release.taking_over).
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from contracts.whole_files import NotReadable, read_json, write_json
from orchestration.paths import PROJECT, DataDirectory

BUILT = ("model", "seed", "test")
RUN_DATE, RUN_MONTH = "macro.minsheng.run_date", "macro.minsheng.run_month"
# Macro by which a model asks what day it is, or what month → what that is on a day.
ASKED: dict[str, Callable[[date], str]] = {RUN_DATE: date.isoformat, RUN_MONTH: lambda day: f"{day:%Y-%m}"}
# Where no model says otherwise, the table that says what arrived (macros/update_in_place.sql).
STEPS = "review_delta"
# The list of everything that came, of which a model may read the receipts of some feeds alone (`meta.receipts_of`).
LEDGER = "ledger.receipts"
# Macro of the tables that compare what has come with what they held before: built again, they say that nothing has come.
COMPARING = "macro.minsheng.deliveries_since"
# What figures come from and whose next version may give other ones.
ENGINES = ("duckdb", "dbt-core", "dbt-duckdb", "polars", "numpy", "pyarrow", "splink", "jieba", "great_expectations", "xlsxwriter")  # fmt: skip
# The form of dbt's results, as dbt writes and reads them.
RUN_RESULTS = "https://schemas.getdbt.com/dbt/run-results/v6.json"
NOT_PROGRAM = ("__pycache__", "target", "logs")


@cache
def program_checksum() -> str:
    """SHA-256 (16 digits) over the program: code, contracts, models, settings and engines. Code lists and tables of policies are not in
    it: each is the key of its own seed."""
    digest = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in ENGINES).encode())
    folders = ("contracts", "orchestration", "dbt_project", "policies")
    for path in sorted(p for folder in folders for p in _files(PROJECT / folder, NOT_PROGRAM)):
        if path.suffix != ".csv":
            digest.update(path.relative_to(PROJECT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def keys(data: DataDirectory, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Node or source of the dbt project → what it is made of tonight. `manifest`: the project as dbt has read it."""
    # dbt also writes down what is switched off, and builds it never.
    nodes = {
        name: n
        for name, n in manifest["nodes"].items()
        if n["resource_type"] in BUILT and n["config"].get("enabled", True)
    }
    sources, asked = manifest["sources"], _asked_for(manifest)
    found = {name: _of_files(data, source["meta"]["external_location"]) for name, source in sources.items()}
    parents = {name: [p for p in manifest["parent_map"][name] if p in nodes or p in sources] for name in nodes}
    for name in TopologicalSorter(parents).static_order():
        if name in sources:
            continue
        own = [program_checksum(), name]
        if nodes[name]["resource_type"] == "seed":
            own.append(_of_seed(nodes[name]))
        own += [said(data.today()) for macro, said in ASKED.items() if macro in asked[name]]
        read = {p: found[p] for p in parents[name]}
        if feeds := nodes[name]["config"].get("meta", {}).get("receipts_of"):
            read |= {
                p: _of_receipts(sources[p]["meta"]["external_location"], feeds) for p in read if p.endswith(LEDGER)
            }
        found[name] = _checksum([*own, *sorted(read.values())])
    return found


def due(manifest: Mapping[str, Any], tonight: Mapping[str, str], before: Mapping[str, str]) -> set[str]:
    """The nodes to be built and tested: those with another key than before, and all that is made of them.

    A table that is updated in place reads which deliveries led to it, so the tables that say so are made beside it, and only they: what
    they read besides stands where nothing of it has changed.
    """
    nodes, below, above = manifest["nodes"], manifest["child_map"], manifest["parent_map"]
    by_name = {n["name"]: name for name, n in nodes.items() if n["resource_type"] == "model"}
    found: set[str] = set()
    waiting = [name for name in tonight if name in nodes and before.get(name) != tonight[name]]
    while waiting:
        if (name := waiting.pop()) in found or name not in tonight or name not in nodes:
            continue
        found.add(name)
        waiting += below.get(name, [])
        if nodes[name]["config"].get("materialized") == "incremental":
            waiting.append(by_name[nodes[name]["config"].get("meta", {}).get("steps", STEPS)])
        if name in _leading(nodes, by_name):
            waiting += [p for p in above.get(name, []) if p in nodes and COMPARING in nodes[p]["depends_on"]["macros"]]
    return found


def leading_to(manifest: Mapping[str, Any], models: Collection[str]) -> set[str]:
    """These models, and every model and code list that they are made of."""
    nodes, above = manifest["nodes"], manifest["parent_map"]
    found: set[str] = set()
    waiting = [name for name, n in nodes.items() if n["resource_type"] == "model" and n["name"] in models]
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += [p for p in above[name] if p in nodes]
    return found


def _leading(nodes: Mapping[str, Any], by_name: Mapping[str, str]) -> set[str]:
    """The tables that say what arrived, by which others are updated in place."""
    kept = [n for n in nodes.values() if n["config"].get("materialized") == "incremental"]
    return {by_name[n["config"].get("meta", {}).get("steps", STEPS)] for n in kept}


def selection(unique_ids: Iterable[str], folder: Path) -> list[str]:
    """Tables and tests as arguments of dbt: as if a run had skipped them, of which it is told by a file in `folder`.

    By their names dbt would look through the whole project for each, three times: several seconds a night for some hundred. And a name
    of a seed may be a folder's too.
    """
    unsaid = dict.fromkeys(("message", "failures", "compiled", "compiled_code", "relation_name"))
    skipped: dict[str, Any] = {
        "status": "skipped",
        "timing": [],
        "thread_id": "",
        "execution_time": 0.0,
        "adapter_response": {},
    }
    write_json(folder / "run_results.json", {
        "metadata": {"dbt_schema_version": RUN_RESULTS}, "elapsed_time": 0.0,
        "results": [{**skipped, **unsaid, "unique_id": unique_id} for unique_id in sorted(unique_ids)],
    })  # fmt: skip
    return ["--select", "result:skipped", "--state", str(folder)]


# ── what was built ──────────────────────────────────────────────────────────────────────────────


def built(data: DataDirectory) -> dict[str, str]:
    """Node → the key it was last built or passed with; nothing where anybody else has written the warehouse since."""
    try:
        said = read_json(_path(data))
        return dict(said["nodes"]) if said["warehouse"] == _state(data.warehouse) else {}
    except (NotReadable, FileNotFoundError, KeyError):
        return {}


def forget(data: DataDirectory) -> None:
    """The next build is of everything."""
    _path(data).unlink(missing_ok=True)


def remember(data: DataDirectory, before: Mapping[str, str], tried: Collection[str], done: Mapping[str, str]) -> None:
    """Notes after a build: `done` stand as they are now, of whatever else was tried nobody knows."""
    stand = {name: key for name, key in before.items() if name not in tried}
    write_json(_path(data), {"warehouse": _state(data.warehouse), "nodes": {**stand, **done}})


def _path(data: DataDirectory) -> Path:
    return data.warehouse.parent / "built.json"


def _state(warehouse: Path) -> list[int] | None:
    """Tells one writing of a file from another: dbt leaves no log beside it when it has ended well."""
    log = warehouse.with_name(warehouse.name + ".wal")
    if not warehouse.is_file() or (log.is_file() and log.stat().st_size):
        return None
    status = warehouse.stat()
    return [status.st_size, status.st_mtime_ns]


# ── keys ────────────────────────────────────────────────────────────────────────────────────────


def _asked_for(manifest: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Node → the macros of `ASKED` that its SQL uses, through whichever macro."""
    macros = manifest["macros"]

    @cache
    def uses(macro: str) -> frozenset[str]:
        if macro in ASKED:
            return frozenset({macro})
        return frozenset().union(*map(uses, macros[macro]["depends_on"]["macros"] if macro in macros else ()))

    return {
        name: frozenset().union(*map(uses, n["depends_on"].get("macros", ()))) for name, n in manifest["nodes"].items()
    }


def _of_seed(node: Mapping[str, Any]) -> str:
    return hashlib.sha256((PROJECT / "dbt_project" / node["original_file_path"]).read_bytes()).hexdigest()


def _place(location: str) -> tuple[Path, bool]:
    """Where a source lies, and whether that is a folder."""
    said = re.search(r"'([^'*]*)(\*?)", location)
    return Path(said[1] if said else location), bool(said and said[2])


def _of_receipts(location: str, feeds: Collection[str]) -> str:
    """The rows of the ledger that are of some feeds."""
    place, _ = _place(location)
    if not place.exists():
        return _checksum([location, str(time.time_ns())])
    rows = pl.read_parquet(place).filter(pl.col("feed").is_in(list(feeds))).rows()
    return _checksum([location, *sorted(map(repr, rows))])


def _of_files(data: DataDirectory, location: str) -> str:
    """The files of a source: one that is written each night by its content, those that are written once by name, size and time."""
    place, is_folder = _place(location)
    if not place.exists():
        return _checksum([location, str(time.time_ns())])  # nobody knows what is read there: due every night
    if not is_folder:
        return _checksum([location, hashlib.sha256(place.read_bytes()).hexdigest()])
    lines = [location]  # views say it in full: of a directory that was moved all are made anew
    for path in sorted(p for p in _files(place) if p.suffix == ".parquet"):
        status = path.stat()
        lines.append(f"{path.relative_to(place)} {status.st_size} {status.st_mtime_ns}")
    return _checksum(lines)


def _checksum(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _files(folder: Path, without: Collection[str] = ()) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f not in without]
        yield from (Path(place) / name for name in names)
