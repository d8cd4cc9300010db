"""Texts of bad reviews become words: no person, no number, nothing twice, and only what the night brought."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from contracts.loading import load_feeds
from orchestration.derived import review_words
from orchestration.intake import feeds
from orchestration.paths import NEVER_CAME, PROJECT, DataDirectory

REVIEWS = load_feeds()[review_words.FEED]


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = DataDirectory(tmp_path_factory.mktemp("jieba"))
    review_words.ensure_typed(data)
    return review_words._cutter(data)


@pytest.fixture
def deliver(tmp_path: Path) -> Callable[..., Path]:
    """Accepts one file of reviews (case, level, text) as the door would."""
    data = DataDirectory(tmp_path)
    feeds.ensure_typed(data, REVIEWS)
    empty = pl.read_parquet(data.accepted / REVIEWS.id / NEVER_CAME)

    def write(receipt: str, *reviews: tuple[str, int, str | None]) -> Path:
        rows = [
            {
                "case_no": case, "contact_no": 1, "review_no": 1, "satisfaction_level": str(level), "comment": text,
                "_receipt": receipt, "_row": n, "_received_at": datetime(2026, 3, 1),
            }
            for n, (case, level, text) in enumerate(reviews, 2)
        ]  # fmt: skip
        path = data.accepted / REVIEWS.id / "2026-03-01" / f"{receipt}.parquet"
        path.parent.mkdir(exist_ok=True)
        frame = pl.DataFrame(rows, infer_schema_length=None)
        missing = [pl.lit(None).alias(c) for c in empty.columns if c not in frame.columns]
        frame.with_columns(missing).select(empty.columns).cast(empty.schema).write_parquet(path)  # type: ignore[arg-type]
        return path

    return write


def words(tmp_path: Path) -> dict[tuple[str, str], set[str]]:
    table = pl.read_parquet(review_words.folder(DataDirectory(tmp_path)) / "*.parquet")
    found: dict[tuple[str, str], set[str]] = {}
    for case, receipt, word in table.select("case_no", "receipt", "word").iter_rows():
        assert word not in found.setdefault((case, receipt), set())
        found[case, receipt].add(word)
    return found


@pytest.mark.parametrize(
    ("text", "held", "not_held"),
    [
        ("窗口人员态度不好，态度很差", {"窗口", "人员", "态度"}, set()),
        ("材料要求和办事指南不一样", {"材料", "指南"}, {"不", "和"}),
        ("王小明让我跑了三趟", set(), {"王小明", "我", "三趟"}),
        ("请回电〔电话〕，本人身份证〔身份证号〕", set(), {"电话", "身份证号"}),
        ("5天了app打不开!!", {"打不开"}, {"5", "app", "!!"}),
        ("", set(), set()),
    ],
)
def test_a_text_is_cut_into_what_can_say_something_of_a_service(cut, text, held, not_held) -> None:
    found = review_words.words_of(text, cut)
    assert held <= found
    assert not found & not_held


def test_the_same_sentence_is_cut_once(tmp_path, deliver, monkeypatch) -> None:
    from jieba import posseg

    cut, texts = posseg.cut, []
    monkeypatch.setattr(posseg, "cut", lambda text: texts.append(text) or cut(text))
    deliver("r1", ("1", 1, "窗口排队"), ("2", 1, "窗口排队"), ("3", 2, "材料不全"))
    deliver("r2", ("4", 1, "窗口排队"))
    assert review_words.cut_new(DataDirectory(tmp_path)) == (2, 2)
    assert sorted(texts) == ["材料不全", "窗口排队"]
    assert words(tmp_path)["4", "r2"] == words(tmp_path)["1", "r1"] >= {"窗口"}


def test_only_bad_levels_with_a_text_are_cut_and_the_earliest_row_of_a_copy(tmp_path, deliver) -> None:
    deliver(
        "r1", ("1", 1, "窗口排队"), ("1", 1, "系统故障"), ("2", 5, "窗口很好"), ("3", 2, None), ("4", 2, "材料不全")
    )
    assert review_words.cut_new(DataDirectory(tmp_path)) == (1, 1)
    found = words(tmp_path)
    assert set(found) == {("1", "r1"), ("4", "r1")}
    assert "窗口" in found["1", "r1"]
    assert "系统" not in found["1", "r1"]


def test_a_night_cuts_what_it_brought_and_forgets_what_was_taken_back(tmp_path, deliver) -> None:
    data = DataDirectory(tmp_path)
    first = deliver("r1", ("1", 1, "窗口排队"))
    assert review_words.cut_new(data) == (1, 1)
    assert review_words.cut_new(data) == (0, 1)
    deliver("r2", ("2", 1, "系统故障"))
    assert review_words.cut_new(data) == (1, 2)
    assert set(words(tmp_path)) == {("1", "r1"), ("2", "r2")}
    # The same receipt read anew, and one that is no longer accepted.
    deliver("r2", ("2", 1, "材料不全"))
    later = (tmp_path / "accepted" / REVIEWS.id / "2026-03-01" / "r2.parquet").stat().st_mtime + 5
    os.utime(tmp_path / "accepted" / REVIEWS.id / "2026-03-01" / "r2.parquet", (later, later))
    first.unlink()
    assert review_words.cut_new(data) == (1, 1)
    assert {key: "材料" in said for key, said in words(tmp_path).items()} == {("2", "r2"): True}


def test_other_rules_of_cutting_begin_again(tmp_path, deliver, monkeypatch) -> None:
    deliver("r1", ("1", 1, "窗口排队"))
    review_words.cut_new(DataDirectory(tmp_path))
    monkeypatch.setattr(review_words, "CUTTING", review_words.CUTTING + 1)
    assert review_words.cut_new(DataDirectory(tmp_path)) == (1, 1)


def test_a_city_without_texts_has_a_typed_table(tmp_path) -> None:
    review_words.ensure_typed(DataDirectory(tmp_path))
    table = pl.read_parquet(tmp_path / "derived" / "review_words" / "*.parquet")
    assert (table.height, table.schema) == (0, pl.Schema(review_words.SCHEMA))


def labelled() -> list[dict[str, str]]:
    """Bad comments, the words they should leave, and those that alone would say the opposite of what was written."""
    with (Path(__file__).with_name("denied_comments.csv")).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("held_out", ["no", "yes"])
def test_no_word_says_the_opposite_of_what_was_written(cut, held_out) -> None:
    """The share of comments in which a denied word stands alone is what docs/reviews.md states, also of those the rules never saw."""
    rows = [row for row in labelled() if row["held_out"] == held_out]
    told, right, opposite = 0, 0, set()
    for row in rows:
        found = review_words.words_of(row["comment"], cut)
        wanted, never = ({*filter(None, row[column].split("|"))} for column in ("words", "never"))
        told, right = told + len(wanted), right + len(wanted & found)
        opposite |= {row["comment"]} if never & found else set()
    said = f"{len(rows) - len(opposite)} of {len(rows)} comments leave no word that says the opposite, {right} of {told} expected words are found"
    assert said in " ".join((PROJECT / "docs" / "reviews.md").read_text(encoding="utf-8").split()), opposite
