"""Files of ours are whole or not there, whatever stops the machine: written beside, synced, renamed.

Belongs here: writing so, and whether a file reads. Does not belong here: what is in a file, and what is done about one
that does not read (whoever owns it makes it again, or says so).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

BESIDE = ".writing"  # how the name of a file ends that is being written; what a killed process leaves is called so


class NotReadable(ValueError):
    """A file of ours does not read; the sentence names it and says what to do."""

    def __init__(
        self, path: Path, remedy_zh: str = "请从备份恢复。", remedy_en: str = "restore it from a backup."
    ) -> None:
        super().__init__(
            f"文件 {path} 无法读取（不完整或已损坏）；{remedy_zh} · {path} does not read (cut short or damaged); {remedy_en}"
        )
        self.path = path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Gives the place to write to; when the block ends, what was written stands at `path`. If it fails, nothing has changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}{BESIDE}")
    try:
        yield staged
        put(staged, path)
    finally:
        staged.unlink(missing_ok=True)


def put(staged: Path, path: Path) -> None:
    """A finished file takes its place: its bytes are on the disk before its name is, and its name is when this returns."""
    _sync(staged)
    staged.replace(path)
    _sync(path.parent)


def put_folder(staged: Path, folder: Path) -> None:
    """A folder of finished files takes its place, likewise; the disk is asked for several at a time, for most of it is waiting."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(_sync, staged.rglob("*")))
    _sync(staged)
    staged.rename(folder)
    _sync(folder.parent)


def link(source: Path, target: Path) -> None:
    """The same file under a second name, or its copy where the disk cannot. Only for files that nobody changes where they lie."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def write_text(path: Path, text: str) -> None:
    with whole(path) as staged:
        staged.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Dates and times in their ISO form."""
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1, default=_iso) + "\n")


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    with whole(path) as staged:
        frame.write_parquet(staged)


def read_json(path: Path, kind: type[dict[str, Any]] | type[list[Any]] = dict) -> Any:
    """What a JSON file of ours says, an object or a list.

    Raises:
        NotReadable: it is cut short, empty, no JSON, or the other of both.
    """
    with suppress(ValueError):  # JSONDecodeError and UnicodeDecodeError are such
        if isinstance(said := json.loads(path.read_text(encoding="utf-8")), kind):
            return said
    raise NotReadable(path)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parquet_reads(path: Path) -> bool:
    """Whether a Parquet file is there with both its ends: one that was cut short, or never written, is not."""
    try:
        with path.open("rb") as file:
            head, size = file.read(4), file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8))
            tail = file.read(8)
    except OSError:
        return False
    return head == tail[4:] == b"PAR1" and 0 < int.from_bytes(tail[:4], "little") <= size - 12


def duckdb_reads(path: Path) -> bool:
    """Whether a DuckDB file opens and has all its blocks; one that somebody else holds open is taken to."""
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as con:
            ((needed,),) = con.execute("select total_blocks * block_size from pragma_database_size()").fetchall()
            return path.stat().st_size >= int(needed)
    except (duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException):
        return False
    except duckdb.ConnectionException:  # held open by this process
        return True
    except duckdb.IOException as error:
        return "conflicting lock" in str(error).lower()


def remove_unfinished(folder: Path, *, endings: tuple[str, ...] = (BESIDE,)) -> None:
    """Removes what a process that died was writing below a folder. Only for whoever alone may write there."""
    for path in folder.rglob("*"):
        if path.name.endswith(endings):
            path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _iso(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no JSON form for {type(value).__name__}")
