"""What a night publishes and hands to departments, walked folder by folder: nothing in it that the files of the city say of a person.

The values are those that the departments of the small city sent, looked for in every file below `published/`, whatever it is called.
What is stored elsewhere in the data directory is `tests/test_privacy_canary.py`.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from contracts.loading import load_feeds
from tests.orchestration.conftest import City

NUMBER = re.compile(r"(?<![0-9A-Za-z])(?:\d{17}[\dX]|1[3-9]\d{9})(?![0-9A-Za-z])")
PSEUDONYM = re.compile(r"\b[0-9a-f]{8}:[0-9a-f]{32,}")


def texts_of(content: bytes, name: str) -> Iterator[str]:
    """Every text that a file holds: packed, of a spreadsheet or a table, or as it is."""
    if content[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for member in packed.namelist():
                yield member
                yield from texts_of(packed.read(member), member)
    elif content[:4] == b"PAR1":
        frame = pl.read_parquet(io.BytesIO(content))
        yield from (
            frame.select(pl.col(c).cast(pl.String)).to_series().drop_nulls().str.join("\n").item()
            for c in _texts(frame)
        )
    else:
        for encoding in ("utf-8", "gb18030"):
            try:
                yield content.decode(encoding)
                return
            except UnicodeDecodeError:
                continue
        yield content.decode("utf-8", errors="replace")


def _texts(frame: pl.DataFrame) -> list[str]:
    return [c for c, kind in frame.schema.items() if kind == pl.String]


def tables_of(path: Path) -> Iterator[str]:
    """The texts and comments of a DuckDB file, whose blocks are packed."""
    with duckdb.connect(str(path), read_only=True) as con:
        yield "\n".join(
            c for (c,) in con.execute("select comment from duckdb_columns() where comment is not null").fetchall()
        )
        for (table,) in con.execute("select table_name from duckdb_tables()").fetchall():
            frame = con.sql(f'select * from "{table}"').pl()
            yield from (frame[c].drop_nulls().str.join("\n").item() or "" for c in _texts(frame))


def published(city: City) -> dict[str, str]:
    """File below `published/` → everything it says, its own name first."""
    root = city.data.published
    found: dict[str, str] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink()):
        name = str(path.relative_to(root))
        said = tables_of(path) if path.suffix == ".duckdb" else texts_of(path.read_bytes(), path.name)
        found[name] = "\n".join([name, *said])
    return found


@pytest.fixture(scope="module")
def everything(night_city: City) -> dict[str, str]:
    return published(night_city)


@pytest.fixture(scope="module")
def numbers(night_city: City) -> set[str]:
    """Resident ids and mobile numbers of the files as they came; a facility's own telephone is public."""
    sent = {n for p in night_city.data.archive.rglob("*.bin") for t in texts_of(p.read_bytes(), p.name) for n in NUMBER.findall(t)}  # fmt: skip
    public = {f.stored_as for feed in load_feeds().values() for f in feed.fields if f.name == "phone"}
    listed = night_city.data.accepted.rglob("*.parquet")
    phones = [pl.read_parquet(p).select(cs) for p in listed if (cs := [*public & {*pl.read_parquet_schema(p)}])]
    return sent - {
        v for frame in phones for c in frame.columns for v in frame[c].drop_nulls().cast(pl.String).to_list()
    }


def test_every_kind_of_file_that_leaves_was_read(everything: dict[str, str]) -> None:
    """Else nothing could have been found."""
    for part in (
        "data_docs/",
        "worklists/",
        "scorecards/",
        "bulletin/",
        "public/",
        "charts/",
        "certificate.json",
        "parquet/",
        "csv/",
        "sdmx/",
    ):
        assert any(part in name for name in everything), part
    worklists = [text for name, text in everything.items() if "/worklists/" in name]
    assert any(re.search(r"\d{6,}", text) for text in worklists), "case numbers stand in them"
    assert all(len(text) > len(name) + 1 for name, text in everything.items() if not name.endswith(".parquet")), (
        "an empty file"
    )


def test_no_number_of_a_person_that_was_sent_leaves(everything: dict[str, str], numbers: set[str]) -> None:
    assert len(numbers) > 100
    leaks = {
        name: sorted(found)[:3] for name, text in everything.items() if (found := {*NUMBER.findall(text)} & numbers)
    }
    assert leaks == {}


def test_no_pseudonym_leaves(everything: dict[str, str]) -> None:
    leaks = {name: found[0][:12] for name, text in everything.items() if (found := PSEUDONYM.findall(text))}
    assert leaks == {}
