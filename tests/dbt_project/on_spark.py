"""The models on Spark, held row for row against DuckDB: a small city, two nights, then a file that comes late.

Run by `make spark`, in the project's environment; Spark's dbt is another environment's, named in the arguments. Both engines
read the same accepted files. Belongs here: the nights and the comparison. Does not belong here: what makes the models
mean the same on both (dbt_project/macros).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any

import duckdb
from building import prepare
from nights import OF_THE_WAY
from rich.console import Console
from rich.table import Table

from contracts.loading import load_feeds, load_products
from demo.deliver import make
from demo.plan import Plan
from orchestration.derived import linkage, review_words, survey_estimates
from orchestration.intake import feeds, ledger
from orchestration.paths import DBT_PROJECT, ZONE, DataDirectory
from orchestration.warehouse.dbt_command import environment

CITY = Plan(communities=40, days=61)
LATE_FEED, LATE_DAYS = "evaluation.reviews", 20
# Two doubles are the same if they differ by no more than this, in parts of the larger one or of one.
TOLERANCE = 1e-9
SPARK_MEMORY = "3g"


def main() -> int:
    """Prints a table of every model's rows on both engines; 1 if a night, a test or a row fails."""
    console = Console(width=110)
    spark_dbt = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="minsheng_spark_") as folder:
        data = DataDirectory(Path(os.environ.get("MINSHENG_SPARK") or folder))
        failed = [night for night in nights(data, console) if not _night(data, spark_dbt, night, console)]
        if not failed and not _tests(data, spark_dbt, console):
            failed.append("tests")
    return 1 if failed else 0


def nights(data: DataDirectory, console: Console) -> Iterator[str]:
    """Lets the nights' files come, one night after the other, takes them in and derives what Python derives; names each night."""
    coming = data.root / "coming"
    make(coming, communities=CITY.communities, until=CITY.until, days=CITY.days)
    last = CITY.until
    late_on = last + timedelta(days=1)
    late = _late_file(coming, last - timedelta(days=LATE_DAYS))
    os.utime(late, (datetime.combine(late_on, clock(2), ZONE).timestamp(),) * 2)
    for day, what in ((last - timedelta(days=1), "first night"), (last, "second night"), (late_on, "a late file")):
        data.set_calendar(day, CITY.first)
        files = _come(coming, data.inbox, day)
        for feed in sorted(load_feeds().values(), key=lambda f: f.department != "reference"):
            feeds.take_in(data, feed, data.first_day(), data.today())
        prepare(data)
        survey_estimates.estimate_all(data)
        linkage.write(data)
        review_words.cut_new(data)
        ledger.table(data).write_parquet(ledger.path(data))
        console.print(f" {day} {what}: {files} files")
        yield what


def _late_file(coming: Path, day: date) -> Path:
    """The largest file of the late feed that was to come on that day."""
    files = (p for p in (coming / LATE_FEED).rglob("*") if p.is_file() and _received_on(p) == day)
    return max(files, key=lambda p: p.stat().st_size)


def _come(coming: Path, inbox: Path, day: date) -> int:
    """Moves the files received up to `day` into the inbox; how many."""
    files = [p for p in coming.rglob("*") if p.is_file() and _received_on(p) <= day]
    for path in files:
        target = inbox / path.relative_to(coming)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    return len(files)


def _received_on(path: Path) -> date:
    return datetime.fromtimestamp(path.stat().st_mtime, ZONE).date()


# ── both engines ────────────────────────────────────────────────────────────────────────────────


def _dbt(data: DataDirectory, program: Path, target: str, *arguments: str) -> tuple[float, list[dict[str, Any]]]:
    """Runs dbt; seconds, and what did not succeed (name and message)."""
    folder = data.root / f"dbt_{target}"
    options = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--target", target]
    home = data.root / "spark"
    home.mkdir(parents=True, exist_ok=True)
    data.warehouse.parent.mkdir(parents=True, exist_ok=True)
    surroundings = {
        **os.environ, **environment(data), "DBT_TARGET_PATH": str(folder), "DBT_LOG_PATH": str(folder / "logs"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_SUBMIT_ARGS": f"--master local[2] --driver-memory {SPARK_MEMORY} --driver-java-options -Dderby.system.home={home}"
        " --conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false --conf spark.sql.shuffle.partitions=2 pyspark-shell",
    }  # fmt: skip
    start = time.perf_counter()
    run = subprocess.run(
        [str(program), "--quiet", *arguments, *options], env=surroundings, capture_output=True, text=True, check=False
    )
    results = folder / "run_results.json"
    if not results.is_file():
        raise SystemExit(f"dbt on {target} did not begin:\n{run.stdout[-3000:]}{run.stderr[-3000:]}")
    told = json.loads(results.read_text(encoding="utf-8"))["results"]
    results.unlink()
    bad = [
        {"name": ".".join(r["unique_id"].split(".")[2:]), "message": r["message"]}
        for r in told
        if r["status"] in ("error", "fail", "runtime error")
    ]
    return time.perf_counter() - start, bad


def _night(data: DataDirectory, spark_dbt: Path, night: str, console: Console) -> bool:
    """Builds everything on both engines and prints how the tables agree; whether they do."""
    kinds = ["build", "--resource-type", "seed", "--resource-type", "model"]
    on_duckdb, bad_there = _dbt(data, Path(sys.executable).parent / "dbt", "duckdb", *kinds)
    on_spark, bad = _dbt(data, spark_dbt, "spark", *kinds)
    for failure in bad_there + bad:
        console.print(f" {failure['name']}: {' '.join(failure['message'].split())[:600]}", markup=False)
    agreements = list(_compared(data))
    products = load_products()
    table = Table(box=None, title=f"{night}: DuckDB {on_duckdb:.0f} s, Spark {on_spark:.0f} s", title_justify="left")
    for heading in ("model", "product", "rows", "agrees"):
        table.add_column(heading, justify="right" if heading == "rows" else "left")
    for name, rows, agrees in sorted(agreements, key=lambda a: (a[0] not in products, a[0])):
        table.add_row(name, "●" if name in products else "", f"{rows:,}", agrees)
    console.print(table)
    differing = [name for name, _, agrees in agreements if agrees not in ("exactly", "to 1e-9")]
    exactly = sum(agrees == "exactly" for *_, agrees in agreements)
    console.print(
        f" {len(agreements)} tables: {exactly} agree exactly, {len(agreements) - exactly - len(differing)} to 1e-9, "
        f"{len(differing)} do not{': ' if differing else ''}{', '.join(differing)}"
    )
    return not bad and not bad_there and not differing


def _tests(data: DataDirectory, spark_dbt: Path, console: Console) -> bool:
    """Every test of the models and of their rows, on Spark; whether all hold."""
    seconds, bad = _dbt(data, spark_dbt, "spark", "test")
    for failure in bad:
        console.print(f" {failure['name']}: {' '.join(failure['message'].split())[:600]}", markup=False)
    console.print(f" tests on Spark, {seconds:.0f} s: {len(bad)} failed")
    return not bad


# ── row for row ─────────────────────────────────────────────────────────────────────────────────


def _compared(data: DataDirectory) -> Iterator[tuple[str, int, str]]:
    """(table, rows on DuckDB, how it agrees) of every table of a model but those that tell of the way, not of the state."""
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        con.execute("set threads = 2")
        tables = con.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_type = 'BASE TABLE' and table_schema <> 'seeds' order by all"
        ).fetchall()
        for schema, name in tables:
            if name not in OF_THE_WAY:
                files = data.root / "spark" / "warehouse" / f"{schema}.db" / name
                yield (name, *_agreement(con, f'"{schema}"."{name}"', files))


def _agreement(con: duckdb.DuckDBPyConnection, table: str, files: Path) -> tuple[int, str]:
    columns = {name: kind for name, kind, *_ in con.execute(f"describe {table}").fetchall()}
    (rows,) = con.execute(f"select count(*) from {table}").fetchone() or (0,)
    if not any(files.glob("*.parquet")):
        return rows, "is not there on Spark"
    there = f"read_parquet('{files}/*.parquet')"
    kinds = {name: kind for name, kind, *_ in con.execute(f"describe select * from {there}").fetchall()}
    if kinds != columns:
        return rows, f"columns differ: {dict(set(kinds.items()) ^ set(columns.items()))}"
    (rows_there,) = con.execute(f"select count(*) from {there}").fetchone() or (0,)
    if rows != rows_there:
        return rows, f"{rows_there:,} rows on Spark"
    doubles = [name for name, kind in columns.items() if kind == "DOUBLE"]
    # Rows are matched by everything but their doubles; rows that have all of it in common, by the doubles' first digits.
    order = [f'"{n}"' for n in columns if n not in doubles] + [f"printf('%.7g', \"{n}\")" for n in doubles]
    numbered = "select *, row_number() over (order by {order}) as nth_row from {rows}"
    here, other = (numbered.format(order=", ".join(order), rows=r) for r in (table, there))
    exact = " or ".join(f'h."{n}" is distinct from o."{n}"' for n in columns)
    close = " or ".join(
        f'not (h."{n}" is not distinct from o."{n}" or coalesce(abs(h."{n}" - o."{n}") <= {TOLERANCE} * greatest(1, abs(h."{n}"), abs(o."{n}")), false))'
        if n in doubles
        else f'h."{n}" is distinct from o."{n}"'
        for n in columns
    )
    differ, differ_much = con.execute(
        f"select count(*) filter ({exact}), count(*) filter ({close}) from ({here}) as h join ({other}) as o using (nth_row)"
    ).fetchone() or (0, 0)
    if differ_much:
        named = [n for n in columns if _differs(con, here, other, n, n in doubles)]
        return rows, f"{differ_much:,} rows differ in {', '.join(named)}"
    return rows, "to 1e-9" if differ else "exactly"


def _differs(con: duckdb.DuckDBPyConnection, here: str, other: str, name: str, is_double: bool) -> bool:
    near = (
        f'coalesce(abs(h."{name}" - o."{name}") <= {TOLERANCE} * greatest(1, abs(h."{name}")), false)'
        if is_double
        else "false"
    )
    query = f'select count(*) from ({here}) as h join ({other}) as o using (nth_row) where h."{name}" is distinct from o."{name}" and not {near}'
    (count,) = con.execute(query).fetchone() or (0,)
    return bool(count)


if __name__ == "__main__":
    sys.exit(main())
