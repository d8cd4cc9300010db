"""Parquet → batches of text, typed columns written so that they cast back exactly."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from contracts.place import place
from contracts.reading.headers import fold, named
from contracts.reading.table import ROW, SHAPE, Found, Limits, Reading, Table, Unreadable, unreadable

if TYPE_CHECKING:
    import pyarrow


def open_parquet(path: Path, reading: Reading, known_headers: Collection[str], limits: Limits, *, file: str) -> Table:
    """Opens a Parquet file; `_row` is the 1-based number of the record.

    Raises:
        Unreadable: damaged, encrypted, too many columns, no known column.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path, arrow_extensions_enabled=False) as opened:
            schema, metadata = opened.schema_arrow, opened.metadata
            largest = max((metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)), default=0)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _refused(error, file) from None
    schema = _flat(_kept(schema).empty_table()).schema
    if len(schema.names) > limits.columns:
        raise unreadable("too_many_columns", file=file, found=len(schema.names), limit=limits.columns)
    if largest > limits.workbook_bytes:
        raise unreadable("file_too_large", file=file, limit=f"{limits.workbook_bytes:,} B")
    known = {fold(h) for h in known_headers} - {""}
    if known and not known & {fold(name) for name in schema.names}:
        expected, seen = "、".join(list(known_headers)[:8]), "、".join(schema.names[:12])
        raise unreadable("header_not_found", file=file, rows=1, expected=expected, found=seen)
    names = named(schema.names, known, file)

    def batches() -> Iterator[pl.DataFrame]:
        number = 1
        try:
            with pyarrow.parquet.ParquetFile(path, arrow_extensions_enabled=False) as opened:
                for batch in opened.iter_batches(batch_size=limits.batch_rows):
                    columns = [pl.Series(n, c) for n, c in zip(names, _flat(pyarrow.table(batch)).columns, strict=True)]
                    yield _checked(columns, number, limits)
                    number += batch.num_rows
        except (pyarrow.ArrowException, pl.exceptions.PolarsError, OSError) as error:
            raise _refused(error, file) from None

    return Table(Found("parquet", headers=names), batches)


def _refused(error: Exception, file: str) -> Unreadable:
    code = "encrypted_file" if "decrypt" in str(error).lower() else "damaged_file"
    return unreadable(code, file=file, format="parquet")


def _flat(table: pyarrow.Table) -> pyarrow.Table:
    """A column for each part of a nested one, `location.lng`, as of a JSON record."""
    import pyarrow

    table = table.cast(_kept(table.schema))
    while any(pyarrow.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    return table


def _kept(schema: pyarrow.Schema) -> pyarrow.Schema:
    """Columns of somebody's own types as what they are kept as."""
    import pyarrow

    def plain(kind: pyarrow.DataType) -> pyarrow.DataType:
        if isinstance(kind, pyarrow.BaseExtensionType):
            return plain(kind.storage_type)
        if pyarrow.types.is_struct(kind):
            return pyarrow.struct([part.with_type(plain(part.type)) for part in kind])
        return kind

    return pyarrow.schema([part.with_type(plain(part.type)) for part in schema])


def _checked(columns: list[pl.Series], number: int, limits: Limits) -> pl.DataFrame:
    """The rows as text; what no store takes is made harmless, and its row says so."""
    frame = pl.DataFrame([_text(column) for column in columns])
    rows = pl.int_range(number, number + frame.height, dtype=pl.Int64, eager=True).alias(ROW)
    bad = [_undecoded(column) for column in columns if column.dtype == pl.Binary]
    odd = {"undecodable": pl.any_horizontal(bad)} if bad else {}
    cells = pl.col(frame.columns)
    odd["nul_byte"] = pl.any_horizontal(cells.str.contains("\0", literal=True).fill_null(value=False))
    odd["cell_too_long"] = pl.any_horizontal((cells.str.len_chars() > limits.cell_chars).fill_null(value=False))
    shape = pl.lit(None, dtype=pl.String)
    for code, holds in reversed(odd.items()):
        shape = pl.when(holds).then(pl.lit(code)).otherwise(shape)
    frame = frame.with_columns(rows, shape.alias(SHAPE)).filter(pl.any_horizontal(cells.is_not_null()))
    return frame.with_columns(cells.str.replace_all("\0", "\ufffd", literal=True).str.slice(0, limits.cell_chars))


def _undecoded(column: pl.Series) -> pl.Series:
    return pl.Series([v is not None and "\ufffd" in v.decode("utf-8", "replace") for v in column], dtype=pl.Boolean)


def _text(column: pl.Series) -> pl.Series:
    kind = column.dtype
    if kind == pl.String:
        return column
    if kind.is_float():  # 0.1 of 32 bits is not 0.10000000149011612
        return (column if kind == pl.Float32 else column.cast(pl.Float64)).cast(pl.String).str.strip_suffix(".0")
    if kind == pl.Binary:
        return pl.Series(
            column.name, [v if v is None else v.decode("utf-8", "replace") for v in column], dtype=pl.String
        )
    if isinstance(kind, pl.Datetime):
        if kind.time_zone:
            column = column.dt.convert_time_zone(place().time_zone).dt.replace_time_zone(None)
        return column.dt.to_string("%Y-%m-%d %H:%M:%S%.f")
    if kind.is_nested() or kind == pl.Object:
        return pl.Series(column.name, [_nested(v) for v in column.to_list()], dtype=pl.String)
    return column.cast(pl.String, strict=False)


def _nested(value: Any) -> str | None:
    """A list as the reader of JSON writes it: texts as `a|b`, anything else as JSON."""
    if not value:
        return None
    if isinstance(value, list) and all(isinstance(v, str) and "|" not in v for v in value):
        return "|".join(value)
    return json.dumps(value, ensure_ascii=False, default=str)
