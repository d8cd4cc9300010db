"""Weights that are not whole stop the build with a sentence: nobody is scored by them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from building import dbt_build

from orchestration.paths import DBT_PROJECT, DataDirectory

HEADER = "policy,version,valid_from,valid_to,part,weight,status,source\n"
PARTS = ("reviews", "loop", "survey", "timeliness", "quality")


def weights(*values: float, version: str = "1", since: str = "2020-01-01", until: str = "") -> str:
    lines = zip(PARTS, values, strict=True)
    return "".join(f"national_2020,{version},{since},{until},{part},{value},project,test\n" for part, value in lines)


WHOLE = (0.4, 0.2, 0.2, 0.1, 0.1)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("project") / "dbt_project"
    return Path(shutil.copytree(DBT_PROJECT, copy))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (weights(0.4, 0.2, 0.2, 0.1, 0.2), "add to 1.1, not to 1"),
        (weights(*WHOLE, until="2024-12-31") + weights(*WHOLE, version="2", since="2025-02-01"), "gap or overlap"),
    ],
)
def test_weights_that_are_not_whole_stop_the_build(project, monkeypatch, rows, sentence) -> None:
    (project / "seeds" / "scorecard_weights.csv").write_text(HEADER + rows, encoding="utf-8")
    monkeypatch.setattr("building.DBT_PROJECT", project)
    # One data directory for all cases: dbt parses the project once.
    data = DataDirectory(project.parent)
    data.derived.mkdir(exist_ok=True)
    run = dbt_build(data, "--select", "scorecard_weights", "scorecard_weights_are_whole")
    assert run.returncode != 0
    assert sentence in run.stdout
