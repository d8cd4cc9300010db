"""What the tests of the models share: rows as the door would have accepted them, and dbt."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from contracts.loading import load_feeds
from contracts.model import Feed
from orchestration import feeds, ledger, linkage, paths, review_words, survey
from orchestration.paths import DBT_PROJECT, DataDirectory
from orchestration.warehouse import environment

RUN_DATE = date(2026, 3, 1)
WORKING = tempfile.TemporaryDirectory(prefix="minsheng_tests_")  # gone with this process


def dbt_build(
    data: DataDirectory, *arguments: str, variables: Mapping[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """`dbt build` in a data directory, whatever comes of it."""
    return dbt(data, "build", *arguments, variables=variables)


def compiled(data: DataDirectory, *selection: str, variables: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The SQL of models and tests by name, as dbt would send it."""
    run = dbt(data, "compile", "--select", *selection, variables=variables)
    assert run.returncode == 0, run.stdout[-3000:]
    files = (data.root / "dbt" / "compiled").rglob("*.sql")
    return {path.stem: path.read_text(encoding="utf-8") for path in files}


def dbt(
    data: DataDirectory, *arguments: str, variables: Mapping[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """A dbt command in a data directory whose feeds, survey and ledger may be empty, whatever comes of it."""
    for feed in load_feeds().values():
        feeds.ensure_typed(data, feed)
    survey.ensure_typed(data)
    linkage.ensure_typed(data)
    review_words.ensure_typed(data)
    ledger.table(data).write_parquet(ledger.path(data))
    data.warehouse.parent.mkdir(parents=True, exist_ok=True)
    arguments = ("--quiet", *arguments, "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT))
    variables = {} if variables is None else dict(variables)
    with parsed_before(data) as place:
        return subprocess.run(
            [str(Path(sys.executable).parent / "dbt"), *arguments, "--vars", json.dumps(variables)],
            env={
                **os.environ,
                **environment(data),
                "MINSHENG_DATA": str(place),
                "MINSHENG_RUN_DATE": RUN_DATE.isoformat(),
            },
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def parsed_before(data: DataDirectory) -> Iterator[Path]:
    """One path for every data directory of this process, so that dbt, which parses anew where its data lie elsewhere, need not.

    Views read their files by this path: until the next directory is built.
    """
    place, parsed = Path(WORKING.name, "data"), Path(WORKING.name, "partial_parse.msgpack")
    own = data.dbt_target / parsed.name
    is_usual = DBT_PROJECT == paths.DBT_PROJECT
    place.unlink(missing_ok=True)
    place.symlink_to(data.root, target_is_directory=True)
    if is_usual and parsed.is_file() and not own.is_file():
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(parsed, own)
    yield place
    if is_usual and own.is_file() and not parsed.is_file():
        shutil.copyfile(own, parsed)


def build(data: DataDirectory, *arguments: str, variables: Mapping[str, Any] | None = None) -> None:
    """`dbt build` in a data directory; fails the test with what dbt said."""
    run = dbt_build(data, *arguments, variables=variables)
    assert run.returncode == 0, run.stdout[-3000:]


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
    empty = pl.read_parquet(data.accepted / feed.id / "_never.parquet")
    frame = pl.DataFrame(
        [row | provenance | {"_row": n} for n, row in enumerate(rows, start=2)], infer_schema_length=None
    )
    missing = [pl.lit(None).alias(c) for c in empty.columns if c not in frame.columns]
    frame = frame.with_columns(missing).select(empty.columns).cast(empty.schema)  # type: ignore[arg-type]
    frame.write_parquet(data.accepted / feed.id / "rows.parquet")
