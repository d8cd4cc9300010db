"""Keys of stored rows: which stand twice, which a file has in common with an earlier one, and what it changed.

Works on accepted Parquet files with DuckDB, so that memory does not grow with the history. Does not belong here:
what a repeated key means for a file's verdict (door.py, guards.py) and which files count (orchestration).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from contracts.door.rows import REASON_SCHEMA
from contracts.door.writing import engine, fetch, parquet_files
from contracts.messages import message
from contracts.model import Feed, Severity
from contracts.quoting import literal

_NUMBERS = count()  # of tables of the engine
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


class Seen:
    """Files of one feed, as far as they have come: a hash of the key and one of the content of each of their rows.

    Who takes in many files one after the other holds it from the first to the last, so that each is read once and not again for every
    later one. It is a table of the engine, which goes to disk beyond its memory. A file is called by its receipt.
    """

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._numbers: dict[str, int] = {}
        self._last: dict[str, Any] = {}
        self._table = f"seen_{next(_NUMBERS)}"

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *_: object) -> None:
        if self._numbers:
            fetch(f"drop table {self._table}")

    def holds(self, file: Path) -> bool:
        return file.stem in self._numbers

    def take(self, files: Sequence[Path]) -> None:
        """Takes in the rows of files that it does not hold."""
        new = [file for file in files if not self.holds(file)]
        if not new:
            return
        fetch(f"create table if not exists {self._table} (nth integer, place bigint, key ubigint, content ubigint)")
        # Only of what is sent again is asked whether it has changed.
        content = [
            f.stored_as for f in self.feed.stored if f.name not in self.feed.key and self.feed.delivery == "upsert"
        ]
        fetch(
            f"insert into {self._table} select ? + list_position(?, parse_filename(filename, true)) - 1, file_row_number,"
            f" hash({_names(self.feed.stored_key)}), {f'hash({_names(content)})' if content else '0'} from {_rows(new)}",
            [len(self._numbers), [file.stem for file in new]],
        )
        self._numbers |= {file.stem: n for n, file in enumerate(new, start=len(self._numbers))}

    def repeats_a_key(self, file: Path) -> bool:
        """Whether a key may stand twice in a file."""
        self.take([file])
        ((twice,),) = fetch(
            f"select count(*) > count(distinct key) from {self._table} where nth = {self._numbers[file.stem]}"
        )
        return bool(twice)

    def sharing(self, file: Path, earlier: Sequence[Path]) -> list[Path]:
        """Of the earlier files those that may hold a key of `file`; one that is not held may."""
        self.take([file])
        found = fetch(
            f"select distinct nth from {self._table} where nth <> {self._numbers[file.stem]}"
            f" and key in (select key from {self._table} where nth = {self._numbers[file.stem]})"
        )
        with_keys = {nth for (nth,) in found}
        return [path for path in earlier if not self.holds(path) or self._numbers[path.stem] in with_keys]

    def changes(self, file: Path, earlier: Sequence[Path]) -> Changes:
        """Keys of a file of an `upsert` feed that are new, and those of which the newest of the earlier rows says something else."""
        unknown = [path for path in earlier if not self.holds(path)]
        with_keys = _files_with_keys_of(self.feed, file, unknown)
        self.take([path for path in unknown if path.name in with_keys])
        self.take([file])
        this = f"nth = {self._numbers[file.stem]}"
        added, changed = _one(
            f"with new as (select key, max(content) as content from {self._table} where {this} group by key),"
            f" again as materialized (select * from {self._table} where not {this} and key in (select key from {self._table} where {this})),"
            " counting as (select unnest(?::integer[]) as nth, generate_subscripts(?::integer[], 1) as position),"
            " old as (select key, content, row_number() over (partition by key order by position desc, place desc) as newest"
            " from again join counting using (nth))"
            " select count(*) filter (where old.key is null), count(*) filter (where old.content <> new.content)"
            " from new left join (select * from old where newest = 1) old using (key)",
            [[self._numbers[path.stem] for path in earlier if self.holds(path)]] * 2,
        )
        return Changes(added, changed, 0)

    def last(self, column: str, files: Sequence[Path]) -> list[Any]:
        """The largest value of a column in each of these files."""
        if unknown := [file for file in files if file.stem not in self._last]:
            told = fetch(
                f"select parse_filename(filename, true), max({_column(column)}) from {_rows(unknown)} group by 1"
            )
            self._last |= dict.fromkeys((file.stem for file in unknown), None) | dict(told)
        return [self._last[file.stem] for file in files]


def changes(feed: Feed, file: Path, earlier: Sequence[Path], seen: Seen) -> Changes:
    """Rows of `file` added, changed and removed against the newest of `earlier` that speaks of the same.

    A snapshot with a period is compared with rows of its own periods alone. An `upsert` file removes nothing, and
    each of its keys is compared with the newest row that holds it.

    Args:
        earlier: accepted files in the order they count, oldest first.
    """
    if feed.delivery == "upsert":
        return seen.changes(file, earlier)
    if feed.period:
        with_periods = _files_with_periods_of(feed, file, earlier)
        earlier = [path for path in earlier if path.name in with_periods]
    new = f"select {_hashes(feed)} from {_rows([file])}"
    if not earlier:
        return Changes(*_one(f"select count(distinct key), 0, 0 from ({new})"))
    within = (
        f" where {_column(feed.period)} in (select {_column(feed.period)} from {_rows([file])})" if feed.period else ""
    )
    newest = "row_number() over (partition by key order by place desc) = 1"
    old = f"select key, content from (select {_hashes(feed)}, file_row_number as place from {_rows(earlier[-1:])}{within}) qualify {newest}"
    return Changes(
        *_one(
            "select count(*) filter (where old.key is null), count(*) filter (where old.content <> new.content),"
            " count(*) filter (where new.key is null)"
            f" from (select key, max(content) as content from ({new}) group by key) new full join ({old}) old on new.key = old.key"
        )
    )


def repeated(feed: Feed, file: Path, earlier: Sequence[Path], seen: Seen) -> pl.DataFrame:
    """Rows whose key stands already: place (in the file), `_row`, code (the reason).

    Args:
        earlier: accepted files in which a key must not stand either; those of other senders, for the code key_of_another_sender, where
            `keys_of` is first_sender.
    """
    is_told = feed.delivery == "upsert"
    rows = _rows([file])
    found = pl.DataFrame(schema={"place": pl.Int64, "_row": pl.Int64, "code": pl.String})
    if feed.delivery == "snapshot" or seen.repeats_a_key(file):
        found = _repeated_in_file(feed, file, "key_twice" if is_told else "key_repeated")
    if earlier := seen.sharing(file, earlier) if earlier else ():
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
    facts = {"field": headers, "field_en": ", ".join(feed.by_name[n].label_en for n in feed.key)}
    told = pl.DataFrame(
        [(code, message(code, "zh", **facts), message(code, "en", **facts)) for code in struck["code"].unique()],
        schema=dict.fromkeys(("code", "message_zh", "message_en"), pl.String),
        orient="row",
    )
    return (
        struck.join(told, on="code", maintain_order="left")
        .with_columns(
            pl.lit(", ".join(feed.key)).alias("field"),
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
