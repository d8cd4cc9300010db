"""Every estimator agrees with R's survey package to 1e-9 on a messy design: unequal strata, nulls, a domain in few units."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from designs import TOTALS_A, TOTALS_B, random_design

from orchestration.statistics import (
    calibrate,
    estimate_by_replicates,
    estimate_mean,
    estimate_proportion,
    estimate_quantiles,
    estimate_ratio,
    estimate_total,
    post_stratify,
    rake,
    replicate_weights,
)


def messy() -> pl.DataFrame:
    """Strata of 2 to 6 units of 3 to 20 people, weights from 0.2 to 60, answers missing in every eleventh row."""
    frame = random_design(7, n=160, strata=4, psus=6)
    frame = frame.filter((pl.col("p") < pl.col("h") + 2) | (pl.col("h") == 3)).sort("h", "p")
    place = pl.int_range(pl.len())
    return frame.with_columns(
        w=pl.col("w") ** 2 / 5 + 0.2,
        M=pl.len().over("h", "p") + 3 + 2 * pl.col("h") + pl.col("p"),
        y=pl.when(place % 11 != 3).then(pl.col("y").round(1)),
        yes=pl.when(place % 11 != 3).then(pl.col("yes")),
        d=pl.when(pl.col("h") == 0).then(0).otherwise("d"),
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    rscript = shutil.which("Rscript")
    if (
        rscript is None
        or subprocess.run([rscript, "-e", "library(survey)"], capture_output=True, check=False).returncode
    ):
        pytest.skip("R's survey package is absent: apt-get install r-cran-survey")
    folder: Path = tmp_path_factory.mktemp("agreement")
    frame = messy()
    frame.write_csv(folder / "sample.csv", null_value="NA")
    complete = frame.filter(pl.col("y").is_not_null())
    drawn = replicate_weights(complete, "w", "h", "p", method="bootstrap", replicates=40, seed=3)
    pl.DataFrame(drawn.weights, schema=[f"r{i}" for i in range(40)]).write_csv(folder / "bootstrap.csv")
    script = Path(__file__).with_name("agreement.R")
    run = subprocess.run([rscript, str(script), str(folder)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    values: dict[str, list[float]] = {}
    for line in run.stdout.splitlines():
        name, value = line.rsplit(" ", 1)
        values.setdefault(name.rsplit(".", 1)[0], []).append(float(value))
    return values


def same(ours: pl.DataFrame, name: str, told: dict[str, list[float]], column: str) -> None:
    assert ours[column].to_list() == pytest.approx(told[f"{name}.est"], rel=1e-9), name
    assert ours["se"].to_list() == pytest.approx(told[f"{name}.se"], rel=1e-9), name


STAGES: dict[str, dict[str, Any]] = {"plain": {}, "one": {"fpc": "N"}, "two": {"fpc": "N", "fpc_ssu": "M"}}


@pytest.mark.parametrize("stage", STAGES)
def test_means_totals_ratios_shares_and_domains(stage: str, told: dict[str, list[float]]) -> None:
    frame, design = messy(), {"weight": "w", "strata": "h", "psu": "p", **STAGES[stage]}
    same(estimate_mean(frame, "y", **design), f"mean.{stage}", told, "mean")
    same(estimate_total(frame, "y", **design), f"total.{stage}", told, "total")
    same(estimate_ratio(frame, "y", "x", **design), f"ratio.{stage}", told, "ratio")
    same(estimate_proportion(frame, "yes", **design), f"share.{stage}", told, "proportion")
    same(estimate_total(frame, "y", by="d", **design), f"domains.{stage}", told, "total")


@pytest.mark.parametrize("stage", STAGES)
def test_quantiles_with_woodruffs_interval(stage: str, told: dict[str, list[float]]) -> None:
    design = {"weight": "w", "strata": "h", "psu": "p", **STAGES[stage]}
    ours = estimate_quantiles(messy(), "y", [0.1, 0.5, 0.75], **design)
    assert ours.select("quantile", "lo", "hi", "se").to_numpy().ravel() == pytest.approx(told[f"quantile.{stage}"], rel=1e-9)  # fmt: skip


def test_shares_by_korn_and_graubard(told: dict[str, list[float]]) -> None:
    row = estimate_proportion(messy(), "yes", "w", "h", "p", method="korn_graubard").row(0, named=True)
    # R's effective size is not capped at n, nor does it need to be here.
    assert row["deff"] > 1
    assert [row["lo"], row["hi"]] == pytest.approx(told["korn_graubard"], rel=1e-9)


def test_a_stratum_with_one_unit_has_an_error_and_no_interval(told: dict[str, list[float]]) -> None:
    frame = messy().filter((pl.col("h") < 3) | (pl.col("p") == 0))
    for found, name, column in (
        (estimate_mean(frame, "y", "w", "h", "p"), "single.mean", "mean"),
        (estimate_total(frame, "y", "w", "h", "p"), "single.total", "total"),
    ):
        same(found, name, told, column)
        assert (found["lo"][0], found["hi"][0], found["flags"][0].to_list()) == (None, None, ["single_psu"])


def test_weights_brought_to_totals(told: dict[str, list[float]]) -> None:
    frame = messy()
    met = calibrate(frame, "w", {"x": 2500.0}, {"a": TOTALS_A})
    assert met.weight[:5].to_list() == pytest.approx(told["greg.weight"], rel=1e-9)
    options: dict[str, Any] = {"base_weight": "w", "margins": ["a"], "auxiliaries": ["x"], "calibration": "linear"}
    frame = frame.with_columns(met.weight.alias("g"))
    same(estimate_mean(frame, "y", "g", "h", "p", **options), "greg.mean", told, "mean")
    same(estimate_total(frame, "y", "g", "h", "p", **options), "greg.total", told, "total")
    post = frame.with_columns(post_stratify(frame, "w", "a", TOTALS_A).weight.alias("g"))
    same(estimate_total(post, "y", "g", "h", "p", base_weight="w", margins=["a"]), "post.total", told, "total")


def test_weights_raked_to_two_margins(told: dict[str, list[float]]) -> None:
    frame = messy()
    raked = rake(frame, "w", {"a": TOTALS_A, "b": TOTALS_B}, tolerance=1e-13)
    assert raked.converged
    assert raked.weight.to_list() == pytest.approx(told["rake.weight"], rel=1e-9)
    frame = frame.with_columns(raked.weight.alias("g"))
    mean = estimate_mean(frame, "y", "g", "h", "p", base_weight="w", margins=["a", "b"])
    assert mean["mean"].to_list() == pytest.approx(told["rake.mean"], rel=1e-9)


def test_replicate_weights(told: dict[str, list[float]]) -> None:
    complete = messy().filter(pl.col("y").is_not_null())

    def ratio(frame: pl.DataFrame, w: np.ndarray) -> float:
        return float(w @ frame["y"].to_numpy() / (w @ frame["x"].to_numpy()))

    jkn = replicate_weights(complete, "w", "h", "p", method="jkn")
    jk1 = replicate_weights(complete.with_columns(u=pl.struct("h", "p").rank("dense")), "w", None, "u", method="jk1")
    drawn = replicate_weights(complete, "w", "h", "p", method="bootstrap", replicates=40, seed=3)
    for name, replicates in (("jkn", jkn), ("jk1", jk1), ("bootstrap", drawn)):
        same(estimate_by_replicates(complete, ratio, replicates), f"{name}.ratio", told, "estimate")
