"""Keys of stored rows: which stand twice, which a file has in common with an earlier one, and what it changed.

Works on accepted Parquet files with DuckDB, so that memory does not grow with the history. Does not belong here:
what a repeated key means for a file's verdict (door.py, guards.py) and which files count (orchestration).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contracts.door.rows import REASON_SCHEMA
from contracts.door.writing import engine, fetch, parquet_files
from contracts.messages import message
from contracts.model import Feed, Severity
from contracts.quoting import literal

# Of an earlier file's keys, how many a file of the same name must repeat to be the same delivery sent again.
SAME_DELIVERY = 0.5


@dataclass(frozen=True)
class Changes:
    """What a file says anew, against earlier ones, counted by key."""

    added: int
    changed: int
    removed: int


def share_repeated(feed: Feed, file: Path, earlier: Path) -> float:
    """Share (0–1) of the keys of `earlier` that `file` has as well; 0 where `earlier` has no row."""
    keys = _names(feed.stored_key)
    total, common = _one(
        f"select count(*), count(*) filter (where b.key is not null) from"
        f" (select distinct hash({keys}) as key from {_rows([earlier])}) a"
        f" left join (select distinct hash({keys}) as key from {_rows([file])}) b on a.key = b.key"
    )
    return common / total if total else 0.0


def changes(feed: Feed, file: Path, earlier: Sequence[Path]) -> Changes:
    """Rows of `file` added, changed and removed against the newest of `earlier` that speaks of the same.

    A snapshot with a period is compared with rows of its own periods alone. An `upsert` file removes nothing, and
    each of its keys is compared with the newest row that holds it.

    Args:
        earlier: accepted files in the order they count, oldest first.
    """
    if feed.delivery == "upsert":
        with_keys = _files_with_keys_of(feed, file, earlier)
        earlier = [path for path in earlier if path.name in with_keys]
    elif feed.period:
        with_periods = _files_with_periods_of(feed, file, earlier)
        earlier = [path for path in earlier if path.name in with_periods][-1:]
    else:
        earlier = earlier[-1:]
    new = f"select {_hashes(feed)} from {_rows([file])}"
    if not earlier:
        return Changes(*_one(f"select count(distinct key), 0, 0 from ({new})"))
    within = (
        f" where {_column(feed.period)} in (select {_column(feed.period)} from {_rows([file])})" if feed.period else ""
    )
    newest = "row_number() over (partition by key order by list_position(?, parse_filename(file)) desc, place desc) = 1"
    old = f"select key, content from (select {_hashes(feed)}, filename as file, file_row_number as place from {_rows(earlier)}{within}) qualify {newest}"
    removed = "0" if feed.delivery == "upsert" else "count(*) filter (where new.key is null)"
    return Changes(
        *_one(
            f"select count(*) filter (where old.key is null), count(*) filter (where old.content <> new.content), {removed}"
            f" from (select key, max(content) as content from ({new}) group by key) new full join ({old}) old on new.key = old.key",
            [[path.name for path in earlier]],
        )
    )


def repeated(feed: Feed, file: Path, earlier: Sequence[Path] = ()) -> pl.DataFrame:
    """Rows whose key stands already: place (in the file), `_row`, code (the reason).

    Args:
        earlier: accepted files in which a key must not stand either; those of other senders, for the code key_of_another_sender, where
            `keys_of` is first_sender.
    """
    is_told = feed.delivery == "upsert"
    rows = _rows([file])
    found = _repeated_in_file(feed, file, "key_twice" if is_told else "key_repeated")
    if earlier:
        code = "key_of_another_sender" if feed.keys_of == "first_sender" else "key_already_delivered"
        same = " and ".join(f"a.{_column(n)} = b.{_column(n)}" for n in feed.stored_key)
        before = _frame(
            f"select distinct a.file_row_number as place, a._row, '{code}' as code"
            f" from {rows} a join {_rows(earlier)} b on {same}"
        )
        found = pl.concat([found, before if is_told else before.join(found, on="place", how="anti")])
    return found.sort("place")


def _repeated_in_file(feed: Feed, file: Path, code: str) -> pl.DataFrame:
    keys, rows = _names(feed.stored_key), _rows([file])
    # Two passes: hashes find the few keys that can stand twice, and only those are compared. A melted file has many
    # rows of one `_row`, so rows are told apart by their place.
    return _frame(
        f"select place, _row, '{code}' as code from (select file_row_number as place, _row,"
        f" row_number() over (partition by {keys} order by file_row_number) as nth from {rows}"
        f" where hash({keys}) in (select hash({keys}) as h from {rows} group by h having count(*) > 1)) where nth > 1"
    )


def repeated_within(feed: Feed, file: Path) -> pl.DataFrame:
    """`repeated` where nothing came before, without the engine: a department's check starts at once."""
    keys = pl.read_parquet(file, columns=[*feed.stored_key, "_row"], memory_map=False).with_row_index("place")
    later = keys.filter(~pl.struct(feed.stored_key).is_first_distinct())
    code = "key_twice" if feed.delivery == "upsert" else "key_repeated"
    return later.select(pl.col("place").cast(pl.Int64), "_row", pl.lit(code).alias("code"))


def reasons_of(feed: Feed, struck: pl.DataFrame, severity: Severity = "error") -> pl.DataFrame:
    """A reason for every row of `repeated`, with the columns of REASON_SCHEMA."""
    headers = "、".join(feed.by_name[n].header for n in feed.key)
    facts = {"field": headers, "key": ", ".join(feed.key)}
    told = pl.DataFrame(
        [(code, message(code, "zh", **facts), message(code, "en", **facts)) for code in struck["code"].unique()],
        schema=dict.fromkeys(("code", "message_zh", "message_en"), pl.String),
        orient="row",
    )
    return (
        struck.join(told, on="code", maintain_order="left")
        .with_columns(
            pl.lit(facts["key"]).alias("field"),
            pl.lit(headers).alias("header"),
            pl.col("code").alias("rule"),
            pl.lit(severity).alias("severity"),
            pl.lit(None).alias("value"),
            pl.lit(None).alias("row_says"),
        )
        .select(pl.col(name).cast(kind) for name, kind in REASON_SCHEMA.items())
    )


def strike(file: Path, places: pl.Series) -> None:
    """Takes the rows at these places out of an accepted file; the others keep their order."""
    kept = file.with_suffix(".kept")
    with engine().cursor() as con:
        con.register("struck", pl.DataFrame({"file_row_number": places.cast(pl.Int64)}).to_arrow())
        con.execute(
            f"copy (select * exclude (file_row_number, filename) from {_rows([file])}"
            f" anti join struck using (file_row_number) order by file_row_number) to {literal(kept)} (format parquet)"
        )
    kept.replace(file)


def _files_with_keys_of(feed: Feed, file: Path, earlier: Sequence[Path]) -> set[str]:
    """Names of the earlier files that hold a key of `file`; reads their key columns and nothing else."""
    if not earlier:
        return set()
    same = " and ".join(f"a.{_column(n)} = b.{_column(n)}" for n in feed.stored_key)
    found = fetch(f"select distinct b.filename from {_rows([file])} a join {_rows(earlier)} b on {same}")
    return {Path(name).name for (name,) in found}


def _files_with_periods_of(feed: Feed, file: Path, earlier: Sequence[Path]) -> set[str]:
    if not earlier:
        return set()
    period = _column(feed.period)
    found = fetch(
        f"select distinct filename from {_rows(earlier)} where {period} in (select {period} from {_rows([file])})"
    )
    return {Path(name).name for (name,) in found}


def _hashes(feed: Feed) -> str:
    content = [f.stored_as for f in feed.stored if f.name not in feed.key]
    return f"hash({_names(feed.stored_key)}) as key, hash({_names(content) or '0'}) as content"


def _rows(files: Sequence[Path]) -> str:
    return f"read_parquet({parquet_files(files)}, filename = true, file_row_number = true)"


def _names(columns: Sequence[str]) -> str:
    return ", ".join(_column(name) for name in columns)


def _column(name: str | None) -> str:
    return f'"{name}"'


def _frame(query: str) -> pl.DataFrame:
    with engine().cursor() as con:
        return con.sql(query).pl()


def _one(query: str, parameters: Sequence[object] = ()) -> tuple[int, ...]:
    (row,) = fetch(query, parameters)
    return row
