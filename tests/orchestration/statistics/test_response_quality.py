"""Careless answering is flagged with rule and evidence; careful people are left alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.quality import (
    duplicate_answers,
    longest_run,
    out_of_range,
    quality_flags,
    speeding,
    straight_lining,
    without_flagged,
)

ITEMS = [f"q{i}" for i in range(10)]


def wave(rows: list[list[int | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(ITEMS, pl.Int64), orient="row").with_columns(
        id=pl.format("r{}", pl.int_range(pl.len()))
    )


def careful(n: int, seed: int = 0) -> list[list[int | None]]:
    return np.random.default_rng(seed).integers(1, 6, (n, 10)).tolist()


@pytest.mark.parametrize(
    ("answers", "run"),
    [
        ([4, 4, 4, 3, 3, 3, 3, 3, 4, 4], 5),
        ([4] * 10, 10),
        ([None] * 10, 0),
        ([4, 4, None, 4, 4, 4, None, None, 1, 1], 3),
    ],
)
def test_longest_run(answers: list[int | None], run: int) -> None:
    assert longest_run(wave([answers]), ITEMS).to_list() == [run]


def test_a_straight_line_is_flagged_with_its_evidence() -> None:
    flags = straight_lining(wave([[5] * 9 + [4], [5] * 5 + [4] * 5, [5] * 4 + [None] * 6]), "id", ITEMS)
    assert flags.rows() == [
        ("r0", "straight_lining", 0.9, 0.9, "连续 9 个答案相同，共 10 个 · 9 of 10 answers in a row are the same")
    ]


def test_speeding_against_the_median() -> None:
    frame = wave(careful(5)).with_columns(seconds=pl.Series([300, 310, 290, 60, None]))
    flags = speeding(frame, "id", "seconds")
    assert flags["respondent"].to_list() == ["r3"]
    assert "· 60 s; the median is 295" in flags["evidence"][0]


def test_copies_are_flagged_but_not_people_content_with_everything() -> None:
    copied: list[int | None] = [1, 2, 3, 4, 5, 5, 4, 3, 2, 1]
    flags = duplicate_answers(wave([copied, copied, [5] * 10, [5] * 10]), "id", ITEMS)
    assert flags["respondent"].to_list() == ["r0", "r1"]
    assert (
        flags["evidence"].to_list()
        == ["2 份答卷的 10 个答案相同 · 2 questionnaires with the same 10 answers, first r0"] * 2
    )


def test_out_of_range_names_item_and_value() -> None:
    rows = careful(1)
    rows[0][3] = 11
    flags = out_of_range(wave(rows), "id", dict.fromkeys(ITEMS, (1, 5)))
    assert flags.select("respondent", "evidence").rows() == [("r0", "q3 = 11，应为 1 至 5 · q3 = 11, expected 1 to 5")]


def test_a_careful_wave_has_no_flags_and_a_careless_one_all() -> None:
    arguments = {"seconds": "seconds", "ranges": dict.fromkeys(ITEMS, (1.0, 5.0))}
    honest = wave(careful(400)).with_columns(seconds=pl.Series(np.random.default_rng(1).normal(300, 50, 400)))
    assert quality_flags(honest, "id", ITEMS, **arguments).is_empty()  # type: ignore[arg-type]

    copied: list[int | None] = [1, 2, 3, 4, 5, 5, 4, 3, 2, 1]
    careless = wave([[3] * 10, [1, 2] + [None] * 8, copied, copied, [9, *copied[1:]], *careful(20)])
    careless = careless.with_columns(id=pl.col("id").replace("r6", "r5"), seconds=pl.Series([20.0] + [300.0] * 24))
    found = quality_flags(careless, "id", ITEMS, **arguments)  # type: ignore[arg-type]
    assert found.select("respondent", "rule").rows() == [
        ("r0", "speeding"), ("r0", "straight_lining"), ("r1", "item_nonresponse"),
        ("r2", "duplicate_answers"), ("r3", "duplicate_answers"), ("r4", "out_of_range"),
        ("r5", "duplicate_respondent"),
    ]  # fmt: skip
    assert found.null_count().sum_horizontal()[0] == 0


def test_flagged_answers_become_null_and_rows_stay() -> None:
    frame = wave([[3] * 10, *careful(3)])
    cleaned = without_flagged(frame, "id", ITEMS, straight_lining(frame, "id", ITEMS))
    assert cleaned.height == 4
    assert cleaned.select(ITEMS).row(0) == (None,) * 10
    assert cleaned[1:].equals(frame[1:])


def test_a_missing_item_is_named() -> None:
    with pytest.raises(StatisticsError, match="'q99'"):
        longest_run(wave(careful(1)), ["q99"])
