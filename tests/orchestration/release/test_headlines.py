"""What a release says first, of a city of which little is known."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest

from orchestration.paths import DataDirectory
from orchestration.release import headlines

ANSWERED = {
    "area_level": "all",
    "group_name": "all",
    "dimension": "overall",
    "question_id": "all",
    "n": 200,
    "is_weighted": False,
}


@pytest.fixture
def city(tmp_path) -> DataDirectory:
    """A release of a survey alone."""
    data = DataDirectory(tmp_path)
    data.published.mkdir()
    with duckdb.connect(str(data.published / "minsheng.duckdb")) as con:
        con.execute(
            "create table survey_score (wave varchar, held_on date, area_level varchar, group_name varchar, dimension varchar, "
            "question_id varchar, n bigint, mean double, mean_lo double, mean_hi double, is_weighted boolean)"
        )
    return data


def said(data: DataDirectory, *waves: dict[str, Any]) -> str | None:
    with duckdb.connect(str(data.published / "minsheng.duckdb")) as con:
        for wave in waves:
            row = ANSWERED | wave
            con.execute(
                f"insert into survey_score ({', '.join(row)}) values ({', '.join('?' * len(row))})", [*row.values()]
            )
        return headlines._survey(con)


def test_a_survey_without_an_interval_has_a_headline(city) -> None:
    """All answers alike, or one sampling unit: nobody knows the error, and the night ended in a traceback."""
    sentence = said(city, {"wave": "2026Q1", "mean": 100.0})
    assert sentence == "Survey 2026Q1: overall satisfaction 100.0 of 100 (no interval), 200 answers, unweighted."


def test_the_newest_survey_is_the_one_held_last_whatever_it_is_called(city) -> None:
    told = {"mean": 70.0, "mean_lo": 68.0, "mean_hi": 72.0}
    earlier = {"wave": "第二次", "held_on": date(2025, 5, 1)} | told
    undated = {"wave": "x"} | told
    sentence = said(city, undated, earlier, {"wave": "2026Q1", "held_on": date(2026, 2, 1)} | told)
    assert sentence is not None
    assert sentence.startswith("Survey 2026Q1: overall satisfaction 70.0 of 100 (68.0–72.0)")
