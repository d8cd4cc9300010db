"""A real survey end to end: through the door, weighted, estimated; against figures had without any of it."""

from __future__ import annotations

import re
from datetime import date, datetime
from itertools import combinations
from math import factorial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contracts.door.delivery import Delivery, pass_file
from contracts.door.privacy import load_key
from contracts.loading import load_feeds, load_layouts
from orchestration.derived.surveys import comparisons, diagnostics, drivers, scores
from orchestration.derived.surveys.wave import Wave, read_wave
from orchestration.paths import PROJECT

pytestmark = pytest.mark.slow

SENDER = "san_diego_2015"
DOC = PROJECT / "docs" / "surveys.md"


@pytest.fixture(scope="module")
def wave(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Wave:
    folder = tmp_path_factory.mktemp("door")
    frames = []
    for feed, name in (("questions", "questions"), ("samples", "responses"), ("responses", "responses")):
        contract = load_feeds()[f"evaluation.survey_{feed}"]
        path = shared_data / "survey" / f"san_diego_2015_{name}.csv"
        delivery = Delivery(
            path, path.name, contract, SENDER, "r", datetime(2026, 3, 1), load_layouts()[contract.id, SENDER]
        )
        accepted = folder / f"{feed}.parquet"
        pass_file(delivery, key=load_key(folder), accepted=accepted, quarantine=folder / "quarantine.parquet")
        frames.append(pl.read_parquet(accepted))
    no_margins = pl.DataFrame(
        schema={"wave": pl.String, "margin": pl.String, "category": pl.String, "population": pl.Int64}
    )
    return read_wave(*frames, no_margins, today=date(2026, 3, 1))


@pytest.fixture(scope="module")
def table(wave: Wave) -> pl.DataFrame:
    """The rows of the one question and of everybody or a district."""
    subjects = wave.questions["question_id"] == "Q2_6"
    narrow = wave.__class__(**{**wave.__dict__, "questions": wave.questions.filter(subjects), "answers": wave.answers.filter(pl.col("question_id") == "Q2_6")})  # fmt: skip
    found = comparisons.beside(narrow, scores.score_wave(narrow))
    return found.filter((pl.col("question_id") == "Q2_6") & (pl.col("group_name") == "all"))


def recomputed(shared_data: Path) -> dict[str, tuple[int, float, float, float]]:
    """The lines of docs/surveys.md, run as they stand there."""
    (lines,) = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    names: dict = {}
    exec(lines.replace("../shared/data", str(shared_data)), names)
    return names["figures"]


def test_every_figure_can_be_had_without_the_platform(table, shared_data) -> None:
    expected = recomputed(shared_data)
    assert table.height == len(expected) == 10
    for r in table.rows(named=True):
        n, mean, se, dont_know = expected[r["division_code"].removeprefix("SANDIEGO-")]
        assert (r["n"], r["mean"], r["se"], r["dont_know_share"]) == pytest.approx((n, mean, se, dont_know)), r[
            "division_code"
        ]
        assert r["is_weighted"] is False


def test_the_documented_table_says_what_is_estimated(table) -> None:
    printed = re.findall(r"^\| (City|District \d) \| ([\d,]+) \| ([\d.]+) \| ([\d.]+)–([\d.]+) \| ([\d.]+) % \| (\d?) ?\| (?:(\d)–(\d))?", DOC.read_text(encoding="utf-8"), re.MULTILINE)  # fmt: skip
    by_code = {r["division_code"]: r for r in table.rows(named=True)}
    assert len(printed) == 10
    for place, n, mean, lo, hi, dont_know, rank, best, worst in printed:
        r = by_code["all" if place == "City" else f"SANDIEGO-{place[-1]}"]
        assert (int(n.replace(",", "")), float(mean)) == (r["n"], round(r["mean"], 1)), place
        assert (float(lo), float(hi), float(dont_know)) == (round(r["mean_lo"], 1), round(r["mean_hi"], 1), round(100 * r["dont_know_share"], 1))  # fmt: skip
        if rank:
            assert (int(rank), int(best), int(worst)) == (r["rank"], r["rank_lo"], r["rank_hi"])


def test_the_file_is_weighted_by_repeating_rows_and_that_is_said(wave, shared_data) -> None:
    raw = pl.read_csv(shared_data / "survey" / "san_diego_2015_responses.csv", infer_schema_length=None, encoding="utf8-lossy").drop("Num")  # fmt: skip
    copies = raw.group_by(raw.columns).len()["len"].value_counts().sort("len").rows()
    assert copies == [(1, 1046), (2, 511), (3, 99), (4, 19), (5, 6), (6, 1)]
    text = DOC.read_text(encoding="utf-8")
    assert all(f in text for f in ("1,682 different", "1,046", "511 twice", "1,413 rows"))
    assert wave.flags.filter(pl.col("rule") == "duplicate_answers")["respondent"].n_unique() == 1413
    notes = diagnostics.diagnose_wave(wave).filter(pl.col("topic") == "note")
    assert set(notes["item"]) == {"base_weight", "copies", "margins"}


def test_the_drivers_are_those_of_every_regression_written_out(wave) -> None:
    found = drivers.drive_wave(wave).sort("importance", descending=True)
    assert found["null_reason"].to_list() == [None] * 8
    frame = scores.respondent_scores(wave)
    names = found["driver"].to_list()
    complete = frame.select(
        scores.column("score", "overall", "Q2_6"), *(scores.column("score", d) for d in names)
    ).drop_nulls().to_numpy()  # fmt: skip
    y, x = complete[:, 0], complete[:, 1:]

    def r2(chosen: tuple[int, ...]) -> float:
        matrix = np.column_stack([np.ones(len(y)), x[:, list(chosen)]])
        residual = y - matrix @ np.linalg.lstsq(matrix, y, rcond=None)[0]
        return 1 - float(residual @ residual) / float(((y - y.mean()) ** 2).sum())

    every = {s: r2(s) for size in range(9) for s in combinations(range(8), size)}
    for j, name in enumerate(names):
        part = sum(
            factorial(len(s)) * factorial(7 - len(s)) / factorial(8) * (every[tuple(sorted((*s, j)))] - value)
            for s, value in every.items() if j not in s
        )  # fmt: skip
        row = found.filter(pl.col("driver") == name).row(0, named=True)
        assert row["r2_part"] == pytest.approx(part, abs=1e-9), name
        printed = f"| {100 * row['importance']:.0f} % | {100 * row['importance_lo']:.0f}–{100 * row['importance_hi']:.0f} % | {row['performance']:.1f} | {row['alpha']:.2f} |"
        assert printed in DOC.read_text(encoding="utf-8"), name
