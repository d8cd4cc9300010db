"""The Parquet file of a side: what is written batch by batch comes back, and its checksum is of its rows alone."""

from __future__ import annotations

import polars as pl
from pyarrow import parquet

from contracts.door.writing import SAMPLE, RowDigest, Sink, checksum, fetch

NOTHING = pl.Series([None] * SAMPLE, dtype=pl.String)


def test_what_says_one_thing_at_first_may_say_others_later(tmp_path) -> None:
    many = range(12 * SAMPLE)
    batches = [
        pl.DataFrame({"same": "a", "other": "a", "nothing": NOTHING, "_row": range(SAMPLE)}),
        pl.DataFrame(
            {
                "same": "a",
                "other": [f"text {n} {'é' * 10}" for n in many],
                "nothing": [str(n) if n % 3 else None for n in many],
                "_row": many,
            }
        ),
        pl.DataFrame({"same": "a", "other": ["a", None] * 5, "nothing": [""] * 10, "_row": range(10)}),
        pl.DataFrame({"same": "a", "other": NOTHING, "nothing": "b", "_row": range(SAMPLE)}),
    ]
    path, rows = tmp_path / "a.parquet", pl.concat(batches)
    with Sink(path, rows.clear()) as sink:
        for batch in batches:
            sink.write(batch)
    assert pl.read_parquet(path).equals(rows)
    assert {str(f.type) for f in parquet.read_schema(path)} == {"string", "int64"}
    counted = "count(distinct same), count(distinct other), count(distinct nothing), count(other), count(nothing)"
    told = rows.select(
        *(pl.col(name).drop_nulls().n_unique().alias(f"{name}_n") for name in ("same", "other", "nothing")),
        pl.col("other", "nothing").count(),
    )
    assert fetch(f"select {counted} from '{path}'") == told.rows()
    digest = RowDigest(rows.columns)
    digest.take(rows.rechunk().to_arrow())
    assert sink.digest.hexdigest() == checksum(path) == digest.hexdigest()
