"""Weights, and a policy that a user adds, that are not whole stop the build with a sentence: nobody is judged or scored by them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from building import compiled, copy_project, dbt

from orchestration.paths import DataDirectory

HEADER = "policy,version,valid_from,valid_to,area,part,weight,status,source\n"
PARTS = ("reviews", "participation", "coverage", "loop", "survey", "timeliness", "quality")


def weights(*values: float, version: str = "1", since: str = "2020-01-01", until: str = "", area: str = "") -> str:
    lines = zip(PARTS, values, strict=True)
    return "".join(
        f"national_2020,{version},{since},{until},{area},{part},{value},project,test\n" for part, value in lines
    )


WHOLE = (0.35, 0.15, 0.05, 0.15, 0.15, 0.05, 0.1)


NEWER = "national_2020,2,2025-01-01,,,reviews,0.45,project,test\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def data(project: Path) -> DataDirectory:
    """A warehouse that knows two divisions. One for all cases: dbt parses the project once."""
    made = DataDirectory(project.parent)
    made.derived.mkdir()
    made.warehouse.parent.mkdir(parents=True, exist_ok=True)
    levels = ", ".join(f"'' as {level}_code" for level in ("province", "city", "county", "town", "village"))
    with duckdb.connect(str(made.warehouse)) as con:
        con.execute(
            f"create schema divisions; create table divisions.division_latest as select code as division_code, {levels} "
            "from (values ('99'), ('9901')) as t (code)"
        )
    return made


@pytest.mark.slow
def test_weights_that_are_not_whole_stop_the_build(project, data, monkeypatch) -> None:
    (project.parent / "policies" / "scorecard_weights.csv").write_text(
        HEADER + weights(*WHOLE[:-1], 0.2), encoding="utf-8"
    )
    monkeypatch.setattr("building.DBT_PROJECT", project)
    run = dbt(data, "build", "--select", "scorecard_weights", "scorecard_weights_are_whole")
    assert not run.success
    assert "add to 1.1000, not to 1" in run.said


@pytest.mark.slow
def test_a_seed_is_read_when_its_file_has_changed(project, data, monkeypatch) -> None:
    monkeypatch.setattr("building.DBT_PROJECT", project)
    seed, read, held = project.parent / "policies" / "scorecard_weights.csv", [], []
    for rows in (weights(*WHOLE), weights(*WHOLE), weights(*WHOLE) + weights(*WHOLE, area="9901")):
        seed.write_text(HEADER + rows, encoding="utf-8")
        run = dbt(data, "seed", "--select", "scorecard_weights")
        (result,) = (r for r in run.results if r.node.resource_type == "seed")
        read.append(result.adapter_response["code"] != "UNCHANGED")
        with duckdb.connect(str(data.warehouse), read_only=True) as con:
            held.append(con.execute("select count(*) from seeds.scorecard_weights").fetchone())
    assert (read, held) == ([True, False, True], [(7,), (7,), (14,)])


@pytest.fixture(scope="module")
def check(data: DataDirectory) -> str:
    """The query that looks at the weights, as dbt sends it."""
    return compiled(data, "scorecard_weights_are_whole")["scorecard_weights_are_whole"]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (weights(*WHOLE), None),
        # An area names what it changes; the rest is what holds around it.
        (
            weights(*WHOLE)
            + "national_2020,k,2020-01-01,,9901,reviews,0.4,project,test\nnational_2020,k,2020-01-01,,9901,loop,0.1,project,test\n",
            None,
        ),
        (
            weights(*WHOLE) + weights(0.45, *WHOLE[1:], area="9901"),
            "1 in 9901 from 2020-01-01 add to 1.1000, not to 1",
        ),
        (weights(*WHOLE, area="9901"), "has no row of national_2020"),
        (weights(*WHOLE) + weights(*WHOLE, area="123"), "hold in 123, which is no division"),
        (
            weights(*WHOLE, until="2024-12-31") + weights(*WHOLE, version="2", since="2025-02-01"),
            "gap: national_2020 1 holds until",
        ),
        (
            weights(*WHOLE, until="2024-12-31") + weights(*WHOLE, version="2", since="2024-12-01"),
            "overlap in coverage: the row national_2020,1,2020-01-01,2024-12-31,,coverage,0.05 and the row national_2020,2,2024-12-01",
        ),
        # A version names what it changes; together with what it does not name it still has to add to one.
        (weights(*WHOLE) + NEWER + "national_2020,2,2025-01-01,,,loop,0.05,project,test\n", None),
        (weights(*WHOLE) + NEWER, "2 from 2025-01-01 add to 1.1000, not to 1"),
        (
            weights(*WHOLE)[: -len("national_2020,1,2020-01-01,,,quality,0.1,project,test\n")],
            "add to 0.9000|say each part",
        ),
    ],
)
def test_each_thing_that_can_be_wrong_with_weights_has_its_sentence(data, check, tmp_path, rows, sentence) -> None:
    (tmp_path / "weights.csv").write_text(HEADER + rows, encoding="utf-8")
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute(f"""
            create schema if not exists seeds;
            create or replace table seeds.scorecard_weights as
            select * from read_csv('{tmp_path / "weights.csv"}', types = {{'version': 'varchar', 'area': 'varchar', 'valid_to': 'date'}})
        """)
        if sentence is None:
            assert con.execute(check).fetchall() == []
        else:
            with pytest.raises(duckdb.Error, match=sentence):
                con.execute(check).fetchall()


# ── a policy that a user adds to the seeds ──────────────────────────────────────────────────────


def test_nothing_is_judged_by_a_policy_of_one_s_own_that_leaves_a_gap(project, data, monkeypatch) -> None:
    """What else can be wrong with a policy is tried in test_review_policies; here, that dbt judges nothing by it."""
    seed = project.parent / "policies" / "review_policies.csv"
    with seed.open("a", encoding="utf-8") as file:
        file.write(
            "own,1,2020-01-01,2025-12-31,,reply_days,3,project,test\nown,2,2026-02-01,,,reply_days,4,project,test\n"
        )
    monkeypatch.setattr("building.DBT_PROJECT", project)
    run = dbt(
        data, "build", "--select", "review_policies", "review_policy", "dim_review_policy", "review_policies_are_whole", "review_judgements",
        "--exclude-resource-type", "unit_test", variables={"review_policy": "own"},
    )  # fmt: skip
    done = {result.node.unique_id.split(".")[2]: result.status for result in run.results}
    assert not run.success
    assert "gap: own 1 holds until 2025-12-31, own 2 from 2026-02-01" in run.said
    assert (done["dim_review_policy"], done["review_judgements"]) == ("success", "skipped")
