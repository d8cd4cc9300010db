"""The survey stage: which waves are estimated on a night, and what it leaves for dbt."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from waves import wave

from orchestration.derived import survey_estimates
from orchestration.derived.surveys.comparisons import SUBJECT
from orchestration.paths import DataDirectory


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory(tmp_path)
    directory.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
    return directory


def deliver(data: DataDirectory, rows: dict[str, pl.DataFrame], receipt: str) -> None:
    for feed, frame in rows.items():
        folder = data.accepted / f"evaluation.{feed}" / "2026-02-02"
        folder.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(folder / f"{receipt}.parquet")


@pytest.mark.slow
def test_a_night_estimates_the_waves_that_changed_and_no_other(data) -> None:
    deliver(data, wave("2025Q1", day=date(2025, 2, 1), each=10), "a")
    deliver(data, wave("2026Q1", each=10), "b")
    assert survey_estimates.estimate_all(data) == (["2025Q1", "2026Q1"], {})
    before = survey_estimates.path(data).read_bytes()
    assert survey_estimates.estimate_all(data) == ([], {})
    assert survey_estimates.path(data).read_bytes() == before
    other = wave("2026Q1", each=10)
    other["survey_responses"] = other["survey_responses"].with_columns(answer=pl.col("answer").replace({"5": "4"}))
    deliver(data, other, "b")
    (data.accepted / "evaluation.survey_responses" / "2026-02-02" / "b.parquet").rename(
        data.accepted / "evaluation.survey_responses" / "2026-02-02" / "c.parquet"
    )
    assert survey_estimates.estimate_all(data) == (["2026Q1"], {})
    table = pl.read_parquet(survey_estimates.path(data))
    assert set(table["wave"]) == {"2025Q1", "2026Q1"}
    later = table.filter(pl.col("wave") == "2026Q1").drop_nulls("change_se")
    assert later["previous_wave"].unique().to_list() == ["2025Q1"]
    apart = (
        later["se"] ** 2
        + later.join(table, left_on=[*SUBJECT, "previous_wave"], right_on=[*SUBJECT, "wave"])["se_right"] ** 2
    ).sqrt()
    assert not (later["change_se"] - apart).abs().is_between(0, 1e-9).any(), "both went to the same communities"


def test_respondents_of_areas_that_no_register_lists_are_together_unknown(data) -> None:
    deliver(data, wave(each=10), "a")
    areas = ["990100000000", "990101000000", "990101001000", "990101002000", "990102001000", "990102002000"]
    _register(data, areas)
    survey_estimates.estimate_all(data)
    assert _areas(data) == {
        "county": {"990101000000": 40, "unknown": 40},
        "town": dict.fromkeys(areas[2:], 20),
    }
    # Its row comes after all: then the area is itself.
    _register(data, [*areas, "990102000000"])
    assert survey_estimates.estimate_all(data) == (["2026Q1"], {})
    assert _areas(data)["county"] == {"990101000000": 40, "990102000000": 40}
    assert survey_estimates.estimate_all(data) == ([], {})


def test_a_city_without_a_register_of_divisions_has_its_survey(data) -> None:
    deliver(data, wave(each=10), "a")
    assert survey_estimates.estimate_all(data) == (["2026Q1"], {})
    assert _areas(data) == {"county": {"unknown": 80}}


def _register(data: DataDirectory, codes: list[str]) -> None:
    folder = data.accepted / survey_estimates.REGISTER / "2026-02-01"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    pl.DataFrame({"code": codes}).write_parquet(folder / f"{len(codes)}.parquet")


def _areas(data: DataDirectory) -> dict[str, dict[str, int]]:
    """Level → area → respondents, of what everybody was asked first."""
    rows = pl.read_parquet(survey_estimates.path(data)).filter(
        pl.col("group_name") == "all", pl.col("question_id") == "Q1", pl.col("area_level") != "all"
    )
    return {
        str(level): dict(of_level.select("division_code", "n").rows())
        for (level,), of_level in rows.partition_by("area_level", as_dict=True).items()
    }


def test_a_wave_that_fails_is_one_row_with_its_reason_and_the_others_stand(data) -> None:
    broken = wave("2025Q1", each=10)
    broken["survey_samples"] = broken["survey_samples"].with_columns(base_weight=pl.lit(0.0))
    deliver(data, broken, "a")
    deliver(data, wave("2026Q1", each=10), "b")
    for estimated in (["2025Q1", "2026Q1"], []):
        assert survey_estimates.estimate_all(data)[0] == estimated
    _, failed = survey_estimates.estimate_all(data)
    table, found = (
        pl.read_parquet(survey_estimates.path(data)),
        pl.read_parquet(survey_estimates.path(data, "survey_diagnostics")),
    )
    rows = table.filter(pl.col("wave") == "2025Q1").select("n", "mean", "null_reason").rows()
    assert rows == [(0, None, "not_estimated")]
    chinese, _, english = failed["2025Q1"].partition(" · ")
    assert ("权重" in chinese, "positive weight" in english) == (True, True)
    assert found.filter(pl.col("wave") == "2025Q1").select("item", "is_problem", "evidence").rows() == [
        ("not_estimated", True, failed["2025Q1"])
    ]
    assert table.filter(pl.col("wave") == "2026Q1").height > 50


def test_a_city_without_surveys_has_typed_empty_tables(data) -> None:
    survey_estimates.ensure_typed(data)
    for table, schema in survey_estimates.TABLES.items():
        frame = pl.read_parquet(survey_estimates.path(data, table))
        assert (frame.height, dict(frame.schema)) == (0, dict(schema))


def test_a_night_without_a_single_wave_writes_them_too(data) -> None:
    deliver(data, {feed: frame.clear() for feed, frame in wave("2026Q1", each=1).items()}, "a")
    assert survey_estimates.estimate_all(data) == ([], {})
    assert pl.read_parquet(survey_estimates.path(data)).columns == list(survey_estimates.TABLES["survey_estimates"])


def test_files_accepted_under_an_older_contract_are_read_as_silent_on_what_it_lacked(data) -> None:
    rows = wave("2026Q1", each=10)
    rows["survey_questions"] = rows["survey_questions"].drop("role", "refused_codes")
    deliver(data, rows, "a")
    assert survey_estimates.estimate_all(data) == (["2026Q1"], {})
