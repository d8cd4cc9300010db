"""The two Parquet files a delivery becomes: the accepted rows, and the reasons of the others.

Belongs here: their columns, writing them batch by batch, and the checksum of what is stored. Does not belong here:
what goes into them (door.py) and where they lie (orchestration).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from contracts.door.repeated import says_one_thing
from contracts.door.rows import REASON_SCHEMA
from contracts.model import PROVENANCE, Feed
from contracts.quoting import literal

if TYPE_CHECKING:
    import duckdb
    import pyarrow.parquet

QUARANTINE_SCHEMA: Mapping[str, pl.DataType] = {
    "_feed": pl.String(),
    "_sender": pl.String(),
    "_receipt": pl.String(),
    "_received_at": pl.Datetime("us"),
    **REASON_SCHEMA,
}

POLARS_TYPES: Mapping[str, Any] = {
    "VARCHAR": pl.String,
    "BIGINT": pl.Int64,
    "DOUBLE": pl.Float64,
    "BOOLEAN": pl.Boolean,
    "DATE": pl.Date,
    "TIMESTAMP": pl.Datetime("us"),
}

SAMPLE = 10_000  # rows of which it is looked up whether a column's texts repeat


def empty_accepted(feed: Feed) -> pl.DataFrame:
    """No rows, all columns: what a feed that never came looks like."""
    return pl.DataFrame(schema={name: POLARS_TYPES[sql] for name, sql in feed.accepted_columns.items()})


def empty_quarantine() -> pl.DataFrame:
    return pl.DataFrame(schema=dict(QUARANTINE_SCHEMA))


class Sink:
    """A Parquet file written batch by batch; typed and readable even when no row ever comes.

    Attributes:
        random: columns of which no value tells anything about another (pseudonyms): no dictionary would help, and to
            press their hexadecimal digits to half would cost a fourteenth of the door's work.
        digest: of the rows written so far, if it is wanted.
    """

    def __init__(
        self, path: Path, empty: pl.DataFrame, *, random: Collection[str] = (), is_digested: bool = True
    ) -> None:
        self.path, self.schema, self.random = path, empty.to_arrow().schema, random
        self.digest = RowDigest(self.schema.names)
        self.is_digested = is_digested
        self._writer: pyarrow.parquet.ParquetWriter | None = None

    def __enter__(self) -> Sink:
        return self

    def write(self, frame: pl.DataFrame) -> None:
        if frame.height:
            self._writer = self._writer or self._opened(frame)
            table = self._table(frame)
            self._writer.write_table(table)
            if self.is_digested:
                self.digest.take(table)

    def _table(self, frame: pl.DataFrame) -> pyarrow.Table:
        """The rows as the file has them: where all of a batch say the same, that is said once."""
        import pyarrow

        said_once = {f.name for f in self.schema if pyarrow.types.is_dictionary(f.type)}
        table = frame.drop(name for name in said_once if says_one_thing(frame[name])).to_arrow()
        columns = {name: table.column(name) for name in table.column_names}
        # By way of polars: pyarrow loads pandas to see whether what it is given comes from there.
        nothing, first = (
            pyarrow.nulls(frame.height, pyarrow.int32()),
            pl.zeros(frame.height, pl.Int32, eager=True).to_arrow(),
        )
        for name in said_once:
            if name in columns:
                columns[name] = columns[name].dictionary_encode()
            else:
                said = frame[name][0]
                values = pl.Series([said or ""]).to_arrow()
                columns[name] = pyarrow.DictionaryArray.from_arrays(
                    nothing if said is None else first, values, safe=False
                )
        return pyarrow.Table.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)

    def _opened(self, first: pl.DataFrame) -> pyarrow.parquet.ParquetWriter:
        import pyarrow
        from pyarrow import parquet

        # What is one for the whole file (who sent it, a scheme, what nobody fills) is one in its first rows, if they are many.
        alike = {c.name for c in first if first.height >= SAMPLE and c.dtype == pl.String and says_one_thing(c)}
        for name in alike:
            once = pyarrow.field(name, pyarrow.dictionary(pyarrow.int32(), pyarrow.large_string()))
            self.schema = self.schema.set(self.schema.get_field_index(name), once)
        # Row numbers and times grow from row to row: their differences are small, and a range says what a file holds.
        growing = [f.name for f in self.schema if str(f.type) in ("int64", "timestamp[us]", "date32[day]")]
        # A dictionary of texts that are each their own is work for nothing.
        sample = first.head(SAMPLE)
        own = {name for name in first.columns if sample[name].n_unique() * 2 > sample.height > 1}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return parquet.ParquetWriter(
            self.path,
            self.schema,
            compression={f.name: "none" if f.name in {*self.random, *alike} else "zstd" for f in self.schema},
            use_dictionary=[f.name for f in self.schema if f.name not in {*self.random, *growing, *own}],
            write_statistics=growing,
            column_encoding=dict.fromkeys(growing, "DELTA_BINARY_PACKED"),
            max_rows_per_page=2**20,  # a page ends where it has its bytes
            store_schema=False,  # a text is a text, however often it is said
        )

    def __exit__(self, *_: object) -> None:
        (self._writer or self._opened(pl.DataFrame(schema=self.schema.names))).close()


class RowDigest:
    """SHA-256 over rows in their order, without the columns that say when they came; batch boundaries do not matter.

    Each column is three streams: which rows have no value, how long each text is, and the values end to end.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._streams = {
            name: [hashlib.sha256() for _ in range(3)] for name in columns if name not in PROVENANCE or name == "_row"
        }
        self._rows = 0

    def take(self, table: pyarrow.Table) -> None:
        """Takes in the next rows; columns it was not made for are left out."""
        for name, (missing, lengths, values) in self._streams.items():
            row = self._rows
            for chunk in table.column(name).chunks:
                if chunk.null_count:
                    missing.update((row + np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False))).data)
                row += len(chunk)
                if (kind := str(chunk.type)) in _NOTHING:
                    plain = chunk.fill_null(_NOTHING[kind]) if chunk.null_count else chunk
                    values.update(plain.to_numpy(zero_copy_only=False))
                else:
                    sizes, texts = _texts(chunk)
                    lengths.update(sizes.data)
                    values.update(texts)
        self._rows += table.num_rows

    def hexdigest(self) -> str:
        whole = hashlib.sha256()
        for name, streams in self._streams.items():
            whole.update(name.encode() + b"".join(stream.digest() for stream in streams))
        return whole.hexdigest()


def _texts(chunk: pyarrow.Array) -> tuple[np.ndarray, bytes | memoryview]:
    """How many bytes each text has, and the texts end to end; no value has no bytes."""
    if str(chunk.type).startswith("dictionary"):
        if len(chunk.dictionary) < 2 and chunk.null_count in (0, len(chunk)):
            said = b"" if chunk.null_count else chunk.dictionary[0].as_py().encode()
            return np.full(len(chunk), len(said), np.uint32), said * len(chunk)
        chunk = chunk.dictionary_decode()
    chunk = chunk.fill_null("") if chunk.null_count else chunk
    _, buffer, text = chunk.buffers()
    offsets = np.frombuffer(buffer, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
    return np.diff(offsets).astype(np.uint32), memoryview(text or b"")[offsets[0] : offsets[-1]]


# What stands for "no value" in the stream of values; the stream beside it says that there is none.
_NOTHING: Mapping[str, Any] = {
    "bool": False,
    "int64": 0,
    "double": 0.0,
    "date32[day]": date(1970, 1, 1),
    "timestamp[us]": datetime(1970, 1, 1),
}


def append(path: Path, rows: pl.DataFrame) -> None:
    """Puts rows behind those a Parquet file has; batch by batch, in a new file that takes its place."""
    from pyarrow import parquet

    longer = path.with_suffix(".longer")
    with Sink(longer, rows.clear()) as out:
        for batch in parquet.ParquetFile(path).iter_batches():
            out.write(pl.DataFrame(pl.from_arrow(batch)))
        out.write(rows)
    longer.replace(path)


def checksum(accepted: Path) -> str:
    """The digest of the rows of an accepted file.

    The same bytes under the same contract, layout and key give the same checksum on any machine.
    """
    from pyarrow import parquet

    file = parquet.ParquetFile(accepted)
    digest = RowDigest(file.schema_arrow.names)
    for batch in file.iter_batches():
        # Through polars, because what DuckDB has written calls its texts otherwise.
        digest.take(pl.DataFrame(pl.from_arrow(batch)).to_arrow())
    return digest.hexdigest()


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """DuckDB in memory, opened once a process; work on a cursor of it, which is a connection of its own."""
    import duckdb

    return duckdb.connect(config={"memory_limit": "1GB", "threads": 2})


def fetch(query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with engine().cursor() as con:
        return con.execute(query, list(parameters)).fetchall()


def parquet_files(paths: Sequence[Path]) -> str:
    """The paths as a DuckDB list literal."""
    return "[" + ", ".join(literal(p) for p in paths) + "]"
