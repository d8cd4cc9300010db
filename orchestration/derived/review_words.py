"""Texts of bad reviews → `derived/review_words/<receipt>.parquet`, the words in them, which dbt counts.

Belongs here: cutting a Chinese text into words (jieba) and which kinds of words can say anything of a service. Does not
belong here: which words are too common to tell anything (seed review_stop_words), how often one must occur, and what is
published (review_reason). A text arrives here after the door has taken personal numbers out of it; names that jieba
recognises are left out as well.

One file a receipt: a night cuts what the night brought.
"""

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from contracts.loading import seed
from contracts.whole_files import parquet_reads, write_parquet, write_text
from orchestration.paths import DataDirectory, data_directory

FEED = "evaluation.reviews"
SCHEMA = {
    "case_no": pl.String,
    "contact_no": pl.Int64,
    "review_no": pl.Int64,
    "receipt": pl.String,
    "word": pl.String,
}
REVIEW = ("case_no", "contact_no", "review_no")
# What the door wrote in the place of a number: 〔电话〕.
TAKEN_OUT = re.compile(r"〔[^〕]*〕")
CHINESE = re.compile(r"^[\u3400-\u9fff]{2,}$")
# jieba's parts of speech: persons, places, numbers, times, pronouns and grammar say nothing of a service.
SILENT = ("nr", "ns", "m", "t", "r", "q", "u", "p", "c", "y", "e", "o", "x", "w", "eng")
# Raised when the cutting changes; with jieba's own version it says whether what was cut still holds.
CUTTING = 1


def folder(data: DataDirectory) -> Path:
    return data.derived / "review_words"


def ensure_typed(data: DataDirectory) -> None:
    """A city whose residents write nothing has a typed table without rows."""
    if not parquet_reads(folder(data) / "_never.parquet"):
        write_parquet(folder(data) / "_never.parquet", pl.DataFrame(schema=SCHEMA))


def bad_levels() -> list[str]:
    """Every level that some policy calls bad: under which one a night runs does not change what is cut."""
    highest = max(float(r["value"]) for r in seed("review_policies") if r["parameter"] == "bad_level_max")
    return [str(level) for level in range(1, int(highest) + 1)]


def words_of(text: str, cut: Any) -> set[str]:
    """The words of a text that can say something of a service, each once.

    Args:
        cut: text → pairs of word and part of speech, such as `jieba.posseg`'s.
    """
    return {
        word
        for word, kind in (tuple(pair) for pair in cut(TAKEN_OUT.sub(" ", text)))
        if CHINESE.match(word) and not kind.startswith(SILENT)
    }


def cut_file(path: Path, levels: list[str], cut: Any) -> pl.DataFrame:
    """Words of the bad reviews of one accepted file, columns SCHEMA; of a review repeated in it, the earliest row counts."""
    rows = (
        pl.scan_parquet(path)
        .filter(pl.col("satisfaction_level").is_in(levels) & (pl.col("comment").fill_null("") != ""))
        .select(*REVIEW, pl.col("_receipt").alias("receipt"), "_row", "comment")
        .sort("_row")
        .unique([*REVIEW, "receipt"], keep="first", maintain_order=True)
        .collect()
    )
    return pl.DataFrame(
        [(*key, word) for *key, _, text in rows.iter_rows() for word in sorted(words_of(text, cut))],
        schema=SCHEMA,
        orient="row",
    )


def cut_new(data: DataDirectory) -> tuple[int, int]:
    """Cuts the accepted files that have not been cut, and forgets those that are no longer accepted.

    Returns:
        Files cut now, and files whose words stand.
    """
    ensure_typed(data)
    _start_again_if_cutting_changed(data)
    accepted = {p.stem: p for p in (data.accepted / FEED).glob("*/*.parquet")}
    known = {p.stem: p for p in folder(data).glob("*.parquet") if p.stem != "_never"}
    for receipt in known.keys() - accepted.keys():
        known[receipt].unlink()
    new = [
        path
        for receipt, path in sorted(accepted.items())
        if receipt not in known
        or known[receipt].stat().st_mtime < path.stat().st_mtime
        or not parquet_reads(known[receipt])
    ]
    if new:
        levels, cut = bad_levels(), _cutter(data)
        for path in new:
            write_parquet(folder(data) / f"{path.stem}.parquet", cut_file(path, levels, cut))
    return len(new), len(accepted)


def _start_again_if_cutting_changed(data: DataDirectory) -> None:
    stamp, now = folder(data) / "cutting", f"{CUTTING} jieba {version('jieba')} levels {','.join(bad_levels())}"
    if stamp.is_file() and stamp.read_text() == now:
        return
    for path in folder(data).glob("*.parquet"):
        if path.stem != "_never":
            path.unlink()
    write_text(stamp, now)


def _cutter(data: DataDirectory) -> Any:
    """jieba with its dictionary; what it remembers of it lies in the data directory."""
    import logging

    import jieba
    from jieba import posseg

    jieba.setLogLevel(logging.ERROR)
    jieba.dt.tmp_dir = str(folder(data))
    return posseg.cut


def words_asset(reviews: dg.AssetKey) -> dg.AssetsDefinition:
    """The words of bad reviews as an asset between the feed and dbt."""

    @dg.asset(
        key=dg.AssetKey(["derived", "review_words"]),
        group_name="reviews",
        deps=[reviews],
        kinds={"polars", "parquet"},
        description="**Words of bad reviews**: what residents wrote, cut into words after redaction, a file a receipt.",
    )
    def review_words() -> Iterator[dg.MaterializeResult]:
        cut, files = cut_new(data_directory())
        yield dg.MaterializeResult(metadata={"files cut": cut, "files": files})

    return review_words
