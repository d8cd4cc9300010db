"""Texts of bad reviews → `derived/review_words/<receipt>.parquet`, the words in them, which dbt counts.

Belongs here: cutting a Chinese text into words (jieba) and which kinds of words can say anything of a service. Does not
belong here: which words are too common to tell anything (policies/review_stop_words.csv), how often one must occur, and what is
published (review_reason). A text arrives here after the door has taken personal numbers out of it; names that jieba
recognises are left out as well.

One file a receipt: a night cuts what the night brought.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from contracts.loading import seed
from contracts.whole_files import parquet_reads, write_parquet, write_text
from orchestration.paths import NEVER_CAME, DataDirectory, data_directory

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
# A word that is denied says the opposite of what was written, so it is kept with its denial. Words that end in 不 or 没
# (从不, 开不) deny as well.
DENIALS = frozenset(
    [
        "不",
        "没",
        "没有",
        "无",
        "未",
        "非",
        "毫无",
        "毫不",
        "并非",
        "并未",
        "并无",
        "未能",
        "未予",
        "尚未",
        "不能",
        "不会",
        "不肯",
        "不愿",
        "不让",
        "不给",
        "不够",
        "不太",
        "不是",
        "不到",
        "不了",
        "不想",
        "不予",
        "不可",
        "不许",
        "不准",
        "不敢",
        "不曾",
        "不见",
        "没人",
        "没能",
        "没法",
        "没给",
        "无法",
        "无人",
        "欠",
        "欠缺",
        "缺乏",
        "缺少",
        "难以",
        "拒绝",
        "拒不",
        "谈不上",
        "算不上",
        "称不上",
        "说不上",
        "何来",
        "何谈",
        "谈何",
        "不见得",
        "无从谈起",
        "别",
        # What is said to be and is not.
        "号称",
        "所谓",
        "说好",
    ]
)
# A verb that comes to nothing: 看不到任何改进.
IN_VAIN = re.compile("^.不[到见着出]$")
# Between a denial and what it denies: persons, degrees, grammar, adverbs (没有一个人热情, 未按时办结).
BETWEEN = ("m", "q", "r", "u", "p", "c", "d", "y", "zg")
# Behind a denial these bring in what is denied further on: 没按约定时间上门服务, 没有像宣传的那样方便.
BRINGS_IN = ("p",)
BRINGING = frozenset(["像"])
REACH = 4  # words that may stand between; further on a comment speaks of something else
SENTENCES = 10_000  # that are remembered as they were cut: residents say much in the same words
# Raised when the cutting changes; with jieba's own version it says whether what was cut still holds.
CUTTING = 4


def folder(data: DataDirectory) -> Path:
    return data.derived / "review_words"


def ensure_typed(data: DataDirectory) -> None:
    """A city whose residents write nothing has a typed table without rows."""
    if not parquet_reads(folder(data) / NEVER_CAME):
        write_parquet(folder(data) / NEVER_CAME, pl.DataFrame(schema=SCHEMA))


def bad_levels() -> list[str]:
    """Every level that some policy calls bad: under which one a night runs does not change what is cut."""
    highest = max(float(r["value"]) for r in seed("review_policies") if r["parameter"] == "bad_level_max")
    return [str(level) for level in range(1, int(highest) + 1)]


def words_of(text: str, cut: Any) -> set[str]:
    """The words of a text that can say something of a service, each once; a denied word with its denial.

    Args:
        cut: text → pairs of word and part of speech, such as `jieba.posseg`'s.
    """
    tokens = [(word, kind) for word, kind in (tuple(pair) for pair in cut(TAKEN_OUT.sub(" ", text)))]
    found: list[str] = []
    at = 0
    while at < len(tokens):
        word, kind = tokens[at]
        if _denies(word) or _asks_in_scorn(tokens, at) or IN_VAIN.match(word):
            start, end = _denied(tokens, at)
            if IN_VAIN.match(word) and end == at + 1:  # 打不开
                start = at
            said = {w for w, _ in tokens[start:at]}
            while end == at + 1 and found and found[-1] in said:  # 耐心 of 耐心都没有
                found.pop()
            found.append("".join(w for w, _ in tokens[start:end]))
            at = end
            continue
        if CHINESE.match(word) and not kind.startswith(SILENT):
            found.append(word)
        at += 1
    return {word for word in found if CHINESE.match(word)}


def _denies(word: str) -> bool:
    return word in DENIALS or (len(word) <= 3 and word.endswith(("不", "没")))


def _asks_in_scorn(tokens: Sequence[tuple[str, str]], at: int) -> bool:
    """哪有耐心, 哪里方便: there is none, it is not."""
    word, after = tokens[at][0], tokens[at + 1 : at + 2]
    return (word == "哪" and after == [("有", "v")]) or (
        word in ("哪里", "哪儿") and bool(after) and (after[0][1] == "a" or after[0][0] == "来")
    )


def _denied(tokens: Sequence[tuple[str, str]], at: int) -> tuple[int, int]:
    """First and one past the last token of the phrase that the denial at `at` makes.

    What is denied follows (不热情, 没有一个人解释), is the verb before (听不清楚) or, where nothing follows, the word before
    (耐心一点都没有, 热情不够).
    """
    start, end = at, at + 1
    if at and len(tokens[at - 1][0]) == 1 and tokens[at - 1][1].startswith("v") and not _denies(tokens[at - 1][0]):
        start = at - 1
    for n in range(at + 1, min(at + 2 + REACH, len(tokens))):
        word, kind = tokens[n]
        if not _is_chinese(word):
            break
        if len(word) > 1 and not kind.startswith(BETWEEN):
            is_brought = any(k.startswith(BRINGS_IN) or w in BRINGING for w, k in tokens[at + 1 : n])
            return start, _brought_in(tokens, n) if is_brought else _with_object(tokens, n)
        if kind.startswith("a"):  # 不高, 没听清: what is not high or clear stands before
            if tokens[n + 1 : n + 2] and tokens[n + 1][1].startswith("n") and tokens[at][1].startswith("v"):
                return start, n + 2  # 没给好脸色
            return (_word_before(tokens, at) if n == at + 1 else start), n + 1
        if len(word) > 1 or kind.startswith(("v", "n")):
            end = n + 1
    if end == at + 1 and start == at:
        start = _word_before(tokens, at)
        if start and tokens[start][1].startswith("v") and tokens[start - 1][0] in ("都", "也"):  # 便利都感受不到
            start = _word_before(tokens, start)
    return start, end


def _brought_in(tokens: Sequence[tuple[str, str]], at: int) -> int:
    """One past the last token of what is denied, where `at` only says how or to whom."""
    for n in range(at + 1, min(at + 2 + REACH, len(tokens))):
        word, kind = tokens[n]
        if not _is_chinese(word):
            break
        if len(word) > 1 and kind.startswith(("v", "a", "l", "i")):
            return n + 1
    return _with_object(tokens, at)


def _with_object(tokens: Sequence[tuple[str, str]], at: int) -> int:
    """One past the last token of what is denied.

    A verb takes along the verb that it brings in (没有提前告知) and the nouns right behind (没有安排座椅), a word that only describes what it
    describes (不能当场办结, 没见过主动微笑, 缺乏基本尊重).
    """
    end = at + 1
    following = tokens[end : end + 1]
    if following and len(following[0][0]) > 1 and _is_chinese(following[0][0]):
        kind = following[0][1]
        if tokens[at][1].startswith(("s", "l", "d", "t", "b")) and kind.startswith(("v", "n", "a")):
            return end + 1 + _is_verb(tokens, end + 1)
        if tokens[at][1].startswith("n") and kind.startswith("a"):
            return end + 1
    if tokens[at][1].startswith("v"):
        end += _is_verb(tokens, end)
        while (
            end < min(at + 3, len(tokens))
            and tokens[end][1].startswith("n")
            and _is_chinese(tokens[end][0])
            and not _denies(tokens[end][0])
        ):
            end += 1
    return end


def _is_verb(tokens: Sequence[tuple[str, str]], at: int) -> bool:
    """Whether a verb of its own stands there, and no denial."""
    word, kind = tokens[at] if at < len(tokens) else ("", "")
    return len(word) > 1 and kind in ("v", "vn", "a") and _is_chinese(word) and not _denies(word)


def _word_before(tokens: Sequence[tuple[str, str]], at: int) -> int:
    """Where the word stands that a denial behind it means: the nearest with a meaning of its own in the same clause."""
    for n in range(at - 1, max(at - 2 - REACH, -1), -1):
        word, kind = tokens[n]
        if not _is_chinese(word):
            break
        if len(word) > 1 and not kind.startswith(BETWEEN):
            return n
    return at


def _is_chinese(word: str) -> bool:
    return all("\u3400" <= character <= "\u9fff" for character in word)


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
    known = {p.stem: p for p in folder(data).glob("*.parquet") if p.name != NEVER_CAME}
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
        if path.name != NEVER_CAME:
            path.unlink()
    write_text(stamp, now)


def _cutter(data: DataDirectory) -> Any:
    """jieba with its dictionary; what it remembers of it lies in the data directory."""
    import logging

    import jieba
    from jieba import posseg

    jieba.setLogLevel(logging.ERROR)
    jieba.dt.tmp_dir = str(folder(data))

    @lru_cache(maxsize=SENTENCES)
    def cut(text: str) -> tuple[Any, ...]:
        return tuple(posseg.cut(text))

    return cut


def words_asset(reviews: dg.AssetKey, owner: str | None = None) -> dg.AssetsDefinition:
    """The words of bad reviews as an asset between the feed and dbt."""

    @dg.asset(
        key=dg.AssetKey(["derived", "review_words"]),
        group_name="reviews",
        deps=[reviews],
        kinds={"polars", "parquet"},
        owners=[owner] if owner else None,
        tags={"layer": "derived"},
        description="**差评用词 · Words of bad reviews**\n\n居民所写的文字，去除个人信息后切成词，每个回执一份文件。 · What residents wrote, cut into words after redaction, a file a receipt.",
    )
    def review_words() -> Iterator[dg.MaterializeResult]:
        cut, files = cut_new(data_directory())
        yield dg.MaterializeResult(metadata={"files cut": cut, "files": files})

    return review_words
