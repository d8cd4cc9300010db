"""Work beside other work: in its order, and nothing of it runs on when the block that began it has ended."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import duckdb
import pytest

from orchestration.release.beside import beside
from orchestration.release.targets import files


def test_what_runs_beside_is_done_in_its_order_when_the_block_ends() -> None:
    done: list[int] = []
    with beside() as run:
        for n in range(3):
            run(lambda n: (time.sleep(0.01), done.append(n)), n)
    assert done == [0, 1, 2]


@pytest.mark.parametrize("who", ["block", "beside"])
def test_where_one_fails_what_has_not_begun_is_not_begun(who) -> None:
    done: list[str] = []
    began, goes_on = threading.Event(), threading.Event()

    def first() -> None:
        began.set()
        goes_on.wait(5)
        done.append("first")
        if who == "beside":
            raise ZeroDivisionError

    def block() -> None:
        with beside() as run:
            run(first)
            run(time.sleep, 1)
            run(done.append, "last")
            began.wait(5)
            goes_on.set()
            if who == "block":
                raise ZeroDivisionError

    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        block()
    assert threading.active_count() == threads
    assert done == ["first"]


def early(con: duckdb.DuckDBPyConnection, table: str, place: Path, seconds: float, *, fails: bool = False) -> None:
    with files.Early(con) as writing:
        writing.write("release", table, place)
        time.sleep(seconds)
        if fails:
            raise ZeroDivisionError


def test_files_are_written_early_and_where_they_cannot_be_it_is_said(tmp_path: Path) -> None:
    with duckdb.connect() as con:
        con.execute(f"attach '{tmp_path / 'release.duckdb'}' as release")
        con.execute("create table release.small as select 1 as n")
        early(con, "small", tmp_path, 0.5)
        assert (tmp_path / "csv" / "small.csv").read_text(encoding="utf-8-sig") == "n\n1\n"
        assert con.execute(f"from '{tmp_path}/parquet/small.parquet'").fetchall() == [(1,)]
        # Its folder is a file: nothing can be written there.
        (tmp_path / "full").write_text("", encoding="utf-8")
        with pytest.raises(OSError, match="full"):
            early(con, "small", tmp_path / "full", 0.2)


def test_a_query_that_writes_early_stops_when_the_tables_cannot_be_made(tmp_path: Path) -> None:
    with duckdb.connect() as con:
        con.execute(f"attach '{tmp_path / 'release.duckdb'}' as release")
        both = ", ".join(f"range(10000000) as {name}(n)" for name in "ab")
        con.execute(f"create view release.endless as select sum(a.n * b.n) as n from {both}")
        began, threads = time.monotonic(), threading.active_count()
        with pytest.raises(ZeroDivisionError):
            early(con, "endless", tmp_path, 0.5, fails=True)
        assert time.monotonic() - began < 30
        assert threading.active_count() == threads
