"""Parquet → batches of text, typed columns written so that they cast back exactly."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

from contracts.place import place
from contracts.reading.headers import fold, named
from contracts.reading.table import ROW, SHAPE, Found, Limits, Reading, Table, unreadable


def open_parquet(path: Path, reading: Reading, known_headers: Collection[str], limits: Limits, *, file: str) -> Table:
    """Opens a Parquet file; `_row` is the 1-based number of the record.

    Raises:
        Unreadable: damaged, encrypted, too many columns, no known column.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as opened:
            schema, metadata = opened.schema_arrow, opened.metadata
            largest = max((metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)), default=0)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise unreadable("damaged_file", file=file, format="parquet", detail=str(error)[:120]) from None
    if len(schema.names) > limits.columns:
        raise unreadable("too_many_columns", file=file, found=len(schema.names), limit=limits.columns)
    if largest > limits.workbook_bytes:
        raise unreadable("file_too_large", file=file, limit=f"{limits.workbook_bytes:,} B")
    known = {fold(h) for h in known_headers} - {""}
    if known and not known & {fold(name) for name in schema.names}:
        expected, seen = "、".join(sorted(known)[:8]), "、".join(schema.names[:12])
        raise unreadable("header_not_found", file=file, rows=1, expected=expected, found=seen)
    names = named(schema.names, known, file)

    def batches() -> Iterator[pl.DataFrame]:
        number = 1
        try:
            with pyarrow.parquet.ParquetFile(path) as opened:
                for batch in opened.iter_batches(batch_size=limits.batch_rows):
                    frame = pl.DataFrame([_text(pl.Series(n, c)) for n, c in zip(names, batch.columns, strict=True)])
                    rows = pl.int_range(number, number + batch.num_rows, dtype=pl.Int64, eager=True).alias(ROW)
                    number += batch.num_rows
                    filled = pl.any_horizontal(pl.col(names).is_not_null()) if names else pl.lit(value=False)
                    yield frame.with_columns(rows, pl.lit(None, dtype=pl.String).alias(SHAPE)).filter(filled)
        except (pyarrow.ArrowException, OSError) as error:
            raise unreadable("damaged_file", file=file, format="parquet", detail=str(error)[:120]) from None

    return Table(Found("parquet", headers=names), batches)


def _text(column: pl.Series) -> pl.Series:
    kind = column.dtype
    if kind == pl.String:
        return column
    if kind.is_float():
        return column.cast(pl.Float64).cast(pl.String).str.strip_suffix(".0")
    if kind == pl.Binary:
        return column.cast(pl.String, strict=False)
    if isinstance(kind, pl.Datetime):
        if kind.time_zone:
            column = column.dt.convert_time_zone(place().time_zone).dt.replace_time_zone(None)
        return column.dt.to_string("%Y-%m-%d %H:%M:%S%.f")
    if kind.is_nested() or kind == pl.Object:
        return pl.Series(column.name, [None if v is None else str(v) for v in column.to_list()], dtype=pl.String)
    return column.cast(pl.String, strict=False)
