"""What the Dagster UI shows and launches, asked as the UI asks: by GraphQL, of the code location of a city after its first night."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from contracts.loading import load_feeds
from orchestration import schedules
from orchestration.night import pruning
from orchestration.paths import DataDirectory, days
from orchestration.release import certificates, names

pytestmark = pytest.mark.slow

NODES = """{ assetNodes {
  assetKey { path } groupName isExecutable isObservable isPartitioned jobNames description owners { ... on UserAssetOwner { email } }
  configField { isRequired } assetChecksOrError { ... on AssetChecks { checks { name description } } }
  partitionStats { numFailed numMaterialized numPartitions }
} }"""
MATERIALIZATION = """query($path: [String!]!) { assetOrError(assetKey: {path: $path}) { ... on Asset {
  assetMaterializations(limit: 1) { metadataEntries { label
    ... on MarkdownMetadataEntry { mdStr } ... on PathMetadataEntry { path } ... on TextMetadataEntry { text } } } } } }"""
DAYS = """query($path: [String!]!) { assetNodeOrError(assetKey: {path: $path}) { ... on AssetNode { assetPartitionStatuses {
  ... on TimePartitionStatuses { ranges { startKey endKey status } } } } } }"""
SCHEDULES = '{ schedulesOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "minsheng"}) { ... on Schedules { results { name cronSchedule pipelineName description scheduleState { status } } } } }'
JOBS = '{ repositoryOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "minsheng"}) { ... on Repository { jobs { name description isAssetJob } } } }'
REQUIRED = "query($keys: [AssetKeyInput!]!) { assetNodeAdditionalRequiredKeys(assetKeys: $keys) { path } }"
LAUNCH = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId pipelineName stepKeysToExecute } } ... on PythonError { message } } }"""


class Ui:
    """The code location as dagster-webserver has it."""

    def __init__(self, data: DataDirectory, context: Any, instance: dg.DagsterInstance) -> None:
        self.data, self.context, self.instance = data, context, instance

    def ask(self, query: str, **variables: Any) -> Any:
        from dagster_graphql.test.utils import execute_dagster_graphql

        result = execute_dagster_graphql(self.context, query, variables)
        assert not result.errors
        return result.data

    def nodes(self) -> list[dict[str, Any]]:
        return list(self.ask(NODES)["assetNodes"])

    def run(self, *keys: str) -> dg.ExecuteInProcessResult:
        """What a run that was launched for these assets does."""
        from orchestration.definitions import defs

        night = defs.resolve_job_def(schedules.NIGHT)
        chosen = [dg.AssetKey(key.split("/")) for key in keys]
        return night.execute_in_process(instance=self.instance, asset_selection=chosen, raise_on_error=False)


@pytest.fixture(scope="module")
def ui(night_city: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    from dagster._core.remote_origin import InProcessCodeLocationOrigin
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

    data = DataDirectory(tmp_path_factory.mktemp("ui") / "city")
    shutil.copytree(night_city.data.root, data.root, symlinks=True)
    with pytest.MonkeyPatch.context() as surroundings:
        for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH", "MINSHENG_DATA"):
            surroundings.setenv(name, str(data.root))
        surroundings.setenv("DAGSTER_HOME", str(data.dagster_home))
        surroundings.setattr("orchestration.release.certificates.code_version", lambda: "tested")
        sys.modules.pop("orchestration.definitions", None)  # of another city
        loadable = LoadableTargetOrigin(executable_path=sys.executable, module_name="orchestration.definitions")
        target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(loadable, location_name="minsheng"))
        with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, target) as process:
            yield Ui(data, process.create_request_context(), instance)
    sys.modules.pop("orchestration.definitions", None)


def key_of(node: dict[str, Any]) -> str:
    return "/".join(node["assetKey"]["path"])


def test_there_is_one_job_and_its_button_is_the_night(ui) -> None:
    """The UI launches what is executable by the first job that all of it has in common; without partitions that is one run."""
    jobs = {job["name"]: job for job in ui.ask(JOBS)["repositoryOrError"]["jobs"]}
    assert [name for name in jobs if not name.startswith("__")] == [schedules.NIGHT]
    assert "one button" in jobs[schedules.NIGHT]["description"]
    executable = [node for node in ui.nodes() if node["isExecutable"]]
    common = [job for job in executable[0]["jobNames"] if all(job in node["jobNames"] for node in executable)]
    assert schedules.NIGHT in common
    for node in executable:
        assert (node["isObservable"], node["isPartitioned"]) == (False, False), key_of(node)
        assert not (node["configField"] or {"isRequired": False})["isRequired"], key_of(node)
    params = {
        "selector": {
            "repositoryName": "__repository__", "repositoryLocationName": "minsheng", "pipelineName": common[0],
            "assetSelection": [{"path": node["assetKey"]["path"]} for node in executable],
        },
        "mode": "default", "runConfigData": "{}",
    }  # fmt: skip
    launched = ui.ask(LAUNCH, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    steps = launched["run"]["stepKeysToExecute"]
    assert {"release__published", "warehouse", "ledger", "evaluation__reviews"} <= set(steps)
    ui.instance.delete_run(launched["run"]["runId"])


def test_what_cannot_be_launched_are_the_accepted_days_and_they_say_who_takes_them_in(ui) -> None:
    rest = [node for node in ui.nodes() if not node["isExecutable"]]
    assert {key_of(node) for node in rest} == {f"accepted/{feed.replace('.', '/')}" for feed in load_feeds()}
    for node in rest:
        assert f"Taken in by `{key_of(node).removeprefix('accepted/')}`: launch that." in node["description"]


def test_an_asset_launched_alone_brings_nobody_along_but_what_the_same_step_makes(ui) -> None:
    together = [{"derived/survey_estimates", "derived/survey_drivers", "derived/survey_diagnostics"}, {"ledger/receipts", "ledger/quarantine"}, {"derived/facility_links", "derived/facility_complexes"}, {"derived/road_distances", "derived/road_site_distances"}]  # fmt: skip
    for node in ui.nodes():
        asked = [{"path": node["assetKey"]["path"]}]
        more = {"/".join(k["path"]) for k in ui.ask(REQUIRED, keys=asked)["assetNodeAdditionalRequiredKeys"]}
        assert more == next((step for step in together if key_of(node) in step), {key_of(node)}) - {key_of(node)}


def test_seeds_and_models_are_built_alone_also_where_a_folder_is_called_the_same(ui) -> None:
    chosen = {"seeds/indicators", "seeds/feeds", "catalogue/dim_date", "staging/stg_sports__venues"}
    run = ui.run(*chosen)
    assert run.success, [e.step_failure_data for e in run.get_step_failure_events()]
    assert {e.asset_key.to_user_string() for e in run.get_asset_materialization_events()} == chosen
    assert {e.asset_key.to_user_string() for e in run.get_asset_check_evaluations()} <= chosen
    staged = next(
        e for e in run.get_asset_materialization_events() if e.asset_key.path[-1] == "stg_sports__venues"
    ).materialization.metadata["dagster/column_schema"]
    texts = {c.name: c.description for c in staged.value.columns}
    assert texts["venue_id"]
    assert texts["_receipt"] == "回执号 · Receipt"


def test_a_release_before_the_first_night_is_a_sentence(ui, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MINSHENG_DATA", str(tmp_path))
    (failure,) = ui.run("release/published").get_step_failure_events()
    assert failure.step_failure_data.user_failure_data.description.endswith("launch the job night")


def test_the_schedule_says_whether_it_is_on_and_why(ui) -> None:
    (schedule,) = ui.ask(SCHEDULES)["schedulesOrError"]["results"]
    assert (schedule["name"], schedule["pipelineName"]) == ("nightly", schedules.NIGHT)
    assert schedule["scheduleState"]["status"] == "STOPPED"
    assert f"Off by default: set {schedules.SETTING}=01:00" in schedule["description"]


def test_the_days_are_coloured_as_the_receipts_have_them(ui) -> None:
    """Recounted from the receipts: red where a file was refused or held and no later one of its name, or of its register, came."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for path in sorted(ui.data.receipts.rglob("*.json"), key=lambda p: int(p.name.split(".")[1])):
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["verdict"] not in ("duplicate", "missing"):
            last[told["feed"], told["receipt"]] = told
    refused, of_city = 0, [day.isoformat() for day in days(ui.data.first_day(), ui.data.today())]
    for feed in load_feeds().values():
        of_feed = [told for (name, _), told in last.items() if name == feed.id]
        good = [t for t in of_feed if t["verdict"] == "accepted"]
        red = {
            bad["received_on"]
            for bad in of_feed
            if bad["verdict"] != "accepted"
            and not any(
                g["sender"] == bad["sender"] and g["received_at"] >= bad["received_at"]
                and (feed.delivery == "snapshot" or g["file_name"] == bad["file_name"]) for g in good
            )
        }  # fmt: skip
        green = {t["received_on"] for t in good} - red
        path = ["accepted", feed.department, feed.table]
        ranges = ui.ask(DAYS, path=path)["assetNodeOrError"]["assetPartitionStatuses"]["ranges"]
        shown: dict[str, set[str]] = {"FAILED": set(), "MATERIALIZED": set()}
        for r in ranges:
            shown[r["status"]] |= {day for day in of_city if r["startKey"] <= day <= r["endKey"]}
        assert shown["FAILED"] == red, feed.id
        assert green <= shown["MATERIALIZED"], feed.id
        refused += len(red)
    assert refused > 0


def test_the_release_s_page_shows_certificate_difference_headlines_charts_and_where_it_lies(ui) -> None:
    (event,) = ui.ask(MATERIALIZATION, path=["release", "published"])["assetOrError"]["assetMaterializations"]
    entries = {e["label"]: e.get("mdStr") or e.get("path") or e.get("text") for e in event["metadataEntries"]}
    certificate = certificates.current(ui.data)
    assert entries["release"] == certificate.release_id
    assert f"| 审计 · audit | {certificate.expectations:,} expectations met |" in entries["certificate"]
    assert certificate.content_checksum[:16] in entries["certificate"]
    assert "first release" in entries["difference to the last release"]
    assert "虚构示例" in entries["headlines"]
    drawn = [
        base64.b64decode(d).decode() for d in re.findall(r"data:image/svg\+xml;base64,([^)]+)\)", entries["charts"])
    ]
    assert len(drawn) >= 2
    assert "Good rate by department" in drawn[0]
    assert drawn[0].count("<circle") >= 3
    for label in ("bulletin", "what was checked", "certificate file", "database"):
        assert Path(entries[label]).exists(), label


def test_a_second_release_says_table_by_table_what_it_changed(ui) -> None:
    from dataclasses import replace

    from orchestration.release import shown

    now = certificates.current(ui.data)
    fewer = {**now.tables, "fct_review": {"rows": 1, "checksum": "-"}}
    before = replace(now, release_id="2026-01-01.1", tables=fewer)
    told = shown.difference(ui.data.published / names.DATABASE, replace(now, changed_tables=["fct_review"]), before)
    assert f"against 2026-01-01.1: 1 of {len(now.tables)} tables changed" in told
    assert f"| `fct_review` | 1 | {now.tables['fct_review']['rows']:,} | – |" in told
    assert "same content" in shown.difference(
        ui.data.published / names.DATABASE, replace(now, changed_tables=[]), before
    )


SHOWN = """query($keys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $keys) { assetKey { path }
    assetMaterializations(limit: 1) { timestamp runId } assetObservations(limit: 1) { timestamp runId } staleStatus freshnessInfo { currentLagMinutes }
    partitionStats { numFailed numMaterialized numMaterializing numPartitions }
    assetPartitionStatuses { ... on TimePartitionStatuses { ranges { startKey endKey status } } }
    assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status runId evaluation { success timestamp } } } } } }
  assetsLatestInfo(assetKeys: $keys) { assetKey { path } latestMaterialization { timestamp runId } latestRun { id status } unstartedRunIds inProgressRunIds } }"""


def test_what_is_shown_of_assets_partitions_and_checks_outlives_old_runs(ui) -> None:
    keys = [{"path": node["assetKey"]["path"]} for node in ui.nodes()]
    again = [ui.run("seeds/sexes").run_id for _ in range(2)]
    before, runs = ui.ask(SHOWN, keys=keys), {r.run_id for r in ui.instance.get_runs()}
    storage, folder = ui.instance.event_log_storage, ui.data.dagster_home / "history" / "runs"
    assert storage.prune() == [], "a run of today goes"
    night = next(run_id for run_id in runs if len(ui.instance.all_logs(run_id)) > 1000)
    for path in folder.glob("*-*.db"):
        os.utime(path, (0, 0))
    gone = storage.prune()
    assert again[0] in gone
    assert {night, again[1]} & {*gone} == set(), "the last run that made an asset goes"
    assert not [run_id for run_id in gone if list(folder.glob(f"{run_id}.db*"))]
    assert {r.run_id for r in ui.instance.get_runs()} == runs
    said = {r.run_id for r in ui.instance.get_runs() if r.tags.get(pruning.LOG) == pruning.DELETED}
    assert said == {*gone}, "an empty page of a run does not say why"
    assert ui.ask(SHOWN, keys=keys) == before
    # Dagster keeps what it has worked out; made anew from the events it is the same.
    storage.wipe_asset_cached_status(dg.AssetKey(["accepted", "evaluation", "reviews"]))
    assert ui.ask(SHOWN, keys=keys) == before


def test_a_model_whose_yml_lists_no_columns_shows_those_it_was_built_with(ui) -> None:
    for key in ("reviews/review_counts", "reviews/review_counts_as_judged", "reviews/review_units", "reviews/review_units_under_policy",
                "facilities/facility_reports", "facilities/facility_registrations"):  # fmt: skip
        built = ui.instance.get_latest_materialization_event(dg.AssetKey(key.split("/"))).asset_materialization
        columns = built.metadata["dagster/column_schema"].value.columns
        assert len(columns) > 20, key
        assert [c.name for c in columns if not c.description] == [], key
