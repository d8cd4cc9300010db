"""A chart shows every estimate with its interval, draws nothing that is withheld, and is a picture any browser opens."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest

from contracts.loading import load_products
from orchestration.release.charts import Bar, interval_chart, survey_charts

SVG = "{http://www.w3.org/2000/svg}"


def marks(svg: str, colour: str) -> list[tuple[float, float, float]]:
    """(low, value, high) in pixels of every point with an interval, from the top."""
    root = ElementTree.fromstring(svg)
    lines = {e.get("y1"): (float(e.get("x1", 0)), float(e.get("x2", 0))) for e in root.iter(f"{SVG}line") if e.get("stroke") == colour}  # fmt: skip
    dots = [(e.get("cy"), float(e.get("cx", 0))) for e in root.iter(f"{SVG}circle") if e.get("fill") == colour]
    return [(lines[y][0], x, lines[y][1]) for y, x in dots]


def test_points_stand_in_their_intervals_and_in_proportion() -> None:
    svg = interval_chart("t", "c", [Bar("a", 50, 40, 60), Bar("b", 75, 70, 80, "", 65, 55, 75)])
    (low, middle, high), second = marks(svg, "#1b3a4b")
    assert middle - low == pytest.approx(high - middle, abs=0.2)
    assert second[1] - middle == pytest.approx(2.5 * (high - middle), abs=0.3)
    assert len(marks(svg, "#b5651d")) == 1


def test_what_is_withheld_is_said_and_not_drawn() -> None:
    svg = interval_chart("<&>", "c", [Bar("少", None, None, None, "人数过少")])
    root = ElementTree.fromstring(svg)
    assert "人数过少" in [e.text for e in root.iter(f"{SVG}text")]
    assert list(root.iter(f"{SVG}circle")) == []


def test_every_wave_of_a_published_file_has_its_charts(tmp_path: Path) -> None:
    database = tmp_path / "p.duckdb"
    with duckdb.connect(str(database)) as con:
        for name in ("survey_score", "survey_driver"):
            con.execute(
                f"create table {name} ({', '.join(f'{f.name} {f.sql_type}' for f in load_products()[name].fields)})"
            )
        con.execute(
            "insert into survey_score by name select 'w' as wave, 'county' as area_level, '990101000000' as division_code, '甲县' as division_name, "
            "'all' as group_name, 'all' as group_value, 'overall' as dimension, 'all' as question_id, 'x' as wording, 60 as mean, 55 as mean_lo, "
            "65 as mean_hi, true as is_modelled, 61 as modelled_mean, 58 as modelled_lo, 64 as modelled_hi"
        )
        con.execute("insert into survey_driver by name select 'w' as wave, 'Q1' as outcome, 'health' as driver, 0.4 as importance, 0.3 as importance_lo, 0.5 as importance_hi")  # fmt: skip
    charts = survey_charts(database)
    assert set(charts) == {"survey_w_dimensions.svg", "survey_w_areas.svg", "survey_w_drivers.svg"}
    assert "甲县" in charts["survey_w_areas.svg"]
    assert (
        len(marks(charts["survey_w_areas.svg"], "#b5651d"))
        == len(marks(charts["survey_w_drivers.svg"], "#1b3a4b"))
        == 1
    )
