"""A day's reviews of a large province through the whole door, beside DuckDB's plain copy of the same file.

Run: `python -m benchmarks.door [--rows 5000000]`. The door reads, casts, checks every row twice, pseudonymises two
identifiers and redacts free text, writes both sides and takes the checksum; the copy reads text and writes Parquet.
Both are run in turn, each in a process of its own, so that peak memory is its own and a busy machine is busy for both;
core seconds tell the work apart from the waiting.
Belongs here: the file, the stopwatch, the ratio. Does not belong here: what the door does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

ROWS = 5_000_000
TARGET_RATIO, TARGET_MEGABYTES, TARGET_CHECK_SECONDS = 3.0, 1_500, 3.0
RECEIVED_AT = datetime(2026, 3, 1, 2, 26)
HEADERS = (
    "办件编号", "服务次数", "评价次数", "满意度", "评价详情", "文字评价", "评价渠道", "评价时间", "是否默认评价",
    "评价人类型", "评价人证件号", "评价人手机",
)  # fmt: skip
COMMENTS = (
    "",
    "",
    "",
    "",
    "",
    "服务很好，一次办结",
    "排队时间太长",
    "窗口人员耐心，材料一次告知清楚",
    "请打我电话13812345678",
)


def write_reviews(path: Path, rows: int, *, seed: int = 7, chunk: int = 500_000) -> None:
    """Review rows as a city's portal sends them, about 114 bytes each; one in a thousand is wrong."""
    rng = np.random.default_rng(seed)
    with path.open("wb") as out:
        out.write((",".join(HEADERS) + "\n").encode())
        for start in range(0, rows, chunk):
            n = min(chunk, rows - start)
            frame = _reviews(rng, start, n)
            out.write(frame.write_csv(include_header=False).encode())


def _reviews(rng: np.random.Generator, start: int, n: int) -> pl.DataFrame:
    number = pl.Series(np.arange(start, start + n))
    level = pl.Series(rng.choice([1, 2, 3, 4, 5], n, p=[0.01, 0.01, 0.03, 0.15, 0.80]).astype(str))
    second = pl.Series(rng.integers(0, 86_400 * 28, n))
    person = pl.Series(rng.integers(0, max(1_000, n // 2), n))
    comment = pl.Series(rng.choice(COMMENTS, n))
    is_default = rng.random(n) < 0.3
    wrong = rng.random(n) < 0.001
    return pl.select(
        pl.format(
            "99{}{}",
            (number // 1_000_000).cast(pl.String).str.zfill(6),
            (number % 1_000_000).cast(pl.String).str.zfill(8),
        ).alias(HEADERS[0]),
        pl.lit(1).alias(HEADERS[1]),
        pl.lit(1).alias(HEADERS[2]),
        pl.when(pl.Series(wrong)).then(pl.lit("9")).otherwise(level).alias(HEADERS[3]),
        pl.when(level.is_in(["1", "2"])).then(level + "10").otherwise(pl.lit("")).alias(HEADERS[4]),
        comment.alias(HEADERS[5]),
        pl.Series(rng.integers(1, 6, n).astype(str)).alias(HEADERS[6]),
        (pl.lit(datetime(2026, 2, 1)) + pl.duration(seconds=pl.lit(second)))
        .dt.to_string("%Y-%m-%d %H:%M:%S")
        .alias(HEADERS[7]),
        pl.when(pl.Series(is_default)).then(pl.lit("是")).otherwise(pl.lit("否")).alias(HEADERS[8]),
        pl.lit("1").alias(HEADERS[9]),
        pl.format("DEMO{}", person.cast(pl.String).str.zfill(14)).alias(HEADERS[10]),
        pl.format("139{}", person.cast(pl.String).str.zfill(8)).alias(HEADERS[11]),
    )


def through_the_door(path: Path, folder: Path) -> dict[str, float]:
    """One file through `pass_file`; the numbers of its outcome."""
    from contracts.door.delivery import Delivery, pass_file
    from contracts.door.privacy import load_key
    from contracts.loading import load_feeds, load_layouts

    feed = load_feeds()["evaluation.reviews"]
    layout = load_layouts()[feed.id, "shifan"]
    delivery = Delivery(path, path.name, feed, "shifan", "0" * 16, RECEIVED_AT, layout)
    outcome = pass_file(delivery, key=load_key(folder), accepted=folder / "a.parquet", quarantine=folder / "q.parquet")
    if outcome.verdict != "accepted":
        raise SystemExit(f"the benchmark's own file was not accepted: {outcome.message_en}")
    return {"rows": outcome.rows_received, "accepted": outcome.rows_accepted}


def plain_copy(path: Path, folder: Path) -> dict[str, float]:
    """What DuckDB needs to read the same file as text and write it as Parquet."""
    import duckdb

    con = duckdb.connect(config={"threads": os.cpu_count() or 1})
    con.execute(
        f"copy (from read_csv('{path}', header = true, all_varchar = true)) to '{folder}/copy.parquet' (format parquet)"
    )
    return {}


WAYS = {"door": through_the_door, "copy": plain_copy}


def measured(way: str, path: Path) -> dict[str, float]:
    """Seconds of the work and peak MB of the process, in a process of its own; what is loaded once a process is not the file's fault."""
    code = "import sys, contracts; from benchmarks.door import in_this_process; in_this_process(*sys.argv[1:])"
    run = subprocess.run([sys.executable, "-c", code, way, str(path)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{way} ended with {run.returncode}: {run.stderr[-2000:]}")
    return dict(json.loads(run.stdout.splitlines()[-1]))


def in_this_process(way: str, path: str) -> None:
    # Neither way pays for what it loads once a process: that is no matter of the file's size.
    import duckdb  # noqa: F401
    import pandera.polars
    import polars_hash  # noqa: F401
    from pyarrow import parquet  # noqa: F401

    import contracts.door.delivery  # noqa: F401
    from contracts.loading import load_layouts

    load_layouts()
    pandera.polars.DataFrameSchema().validate(pl.DataFrame())  # its checks come with the first rows
    with tempfile.TemporaryDirectory() as folder:
        started, worked = time.perf_counter(), time.process_time()
        found = WAYS[way](Path(path), Path(folder))
        seconds, core_seconds = time.perf_counter() - started, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(json.dumps({"seconds": seconds, "core_seconds": core_seconds, "megabytes": peak, **found}))


def check_seconds(folder: Path, rows: int = 10_000) -> tuple[float, float]:
    """`python -m contracts check` on a file of a department's size: until its answer stands there, until it has ended."""
    path = folder / "check.csv"
    write_reviews(path, rows)
    command = [
        sys.executable,
        "-m",
        "contracts",
        "check",
        str(path),
        "--feed",
        "evaluation.reviews",
        "--sender",
        "shifan",
    ]
    started = time.perf_counter()
    answered = 0.0
    with subprocess.Popen(
        [*command, "--report", str(folder / "report.xlsx")], stdout=subprocess.PIPE, text=True
    ) as run:
        for line in run.stdout or ():
            if line.startswith(f"{rows:,} rows:"):
                answered = time.perf_counter() - started
    return answered, time.perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.door", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reviews.csv"
        write_reviews(path, asked.rows)
        print(f"{asked.rows:,} reviews, {path.stat().st_size / 1e6:,.0f} MB, {os.cpu_count()} cores")
        ratios: list[tuple[float, float]] = []
        for _ in range(asked.times):
            copy, door = measured("copy", path), measured("door", path)
            ratios.append((door["seconds"] / copy["seconds"], door["core_seconds"] / copy["core_seconds"]))
            print(
                f"  copy {copy['seconds']:6.2f} s ({copy['core_seconds']:.1f} core s)   "
                f"door {door['seconds']:6.2f} s ({door['core_seconds']:.1f} core s)   ratio {ratios[-1][0]:.2f} ({ratios[-1][1]:.2f})   "
                f"peak {door['megabytes']:,.0f} MB (copy {copy['megabytes']:,.0f} MB)   accepted {door['accepted']:,.0f}"
            )
        print(
            "  median ratio {:.2f}, of core seconds {:.2f} ".format(*map(median, zip(*ratios, strict=True)))
            + f"(target {TARGET_RATIO:g}; memory target {TARGET_MEGABYTES:,} MB)"
        )
        answered, ended = check_seconds(Path(folder))
        print(
            f"  python -m contracts check, 10,000 rows: answers after {answered:.1f} s (target {TARGET_CHECK_SECONDS:g} s), "
            f"workbook with all rows after {ended:.1f} s"
        )


if __name__ == "__main__":
    main()
