"""The asset graph as it stands, held against the one that was agreed: keys first, then what each key promises.

After a deliberate change: `pytest tests/orchestration/test_definitions.py --update-graph`, and read the diff.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from contracts.loading import load_feeds, load_products
from orchestration import schedules
from orchestration.intake import days
from orchestration.paths import DBT_PROJECT, PROJECT, TIME_ZONE, DataDirectory
from orchestration.warehouse import dbt_assets

GRAPH = Path(__file__).with_name("graph.txt")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    return DataDirectory(tmp_path_factory.mktemp("nobody") / "data")


@pytest.fixture(scope="module")
def defs(data: DataDirectory) -> Any:
    """The code location of a data directory that nobody has made yet."""
    with pytest.MonkeyPatch.context() as surroundings:
        for name in ("MINSHENG_DATA", "DBT_TARGET_PATH", "DBT_LOG_PATH"):
            surroundings.setenv(name, str(data.root))
        from orchestration.definitions import build_defs

        built = build_defs()
    # The module keeps the definitions of the directory it was first loaded for: the next test loads its own.
    sys.modules.pop("orchestration.definitions")
    return built


def nodes(defs: Any) -> list[Any]:
    return sorted(defs.resolve_asset_graph().asset_nodes, key=lambda n: n.key.path)


def described(defs: Any) -> str:
    """The graph as text: every key, then group, upstream keys and checks of each, then jobs and schedules."""
    lines = ["# assets"]
    lines += [node.key.to_user_string() for node in nodes(defs)]
    for node in nodes(defs):
        lines += ["", f"## {node.key.to_user_string()}", f"group: {node.group_name}"]
        lines += [f"pool: {pool}" for pool in sorted(node.pools or ())]
        lines += [f"partitions: {type(node.partitions_def).__name__}"] if node.partitions_def else []
        lines += ["external"] if node.is_external else []
        lines += [f"from: {key.to_user_string()}" for key in sorted(node.parent_keys, key=lambda k: k.path)]
        lines += [f"check: {key.name}" for key in sorted(node.check_keys, key=lambda k: k.name)]
    lines += ["", "# schedules"]
    lines += [
        f"{s.name}: {s.cron_schedule} {s.execution_timezone} → {s.job_name}"
        for s in sorted(defs.schedules, key=lambda s: s.name)
    ]
    return "\n".join(lines) + "\n"


def test_the_graph_is_the_one_agreed(defs, request) -> None:
    now = described(defs)
    if request.config.getoption("--update-graph", default=False):
        GRAPH.write_text(now, encoding="utf-8")
    agreed = GRAPH.read_text(encoding="utf-8")
    difference = list(difflib.unified_diff(agreed.splitlines(), now.splitlines(), "agreed", "now", n=1, lineterm=""))
    assert not difference, "\n".join(["the graph is not the one agreed; --update-graph if it is meant", *difference])


def test_definitions_load_before_anybody_has_sent(defs, data) -> None:
    assert not data.inbox.exists()
    assert {node.key.path[-1] for node in nodes(defs) if node.group_name.startswith("feeds_")} == {
        feed.table for feed in load_feeds().values()
    }


def test_every_asset_says_what_it_is_whose_it_is_and_of_what_kind(defs) -> None:
    """No ghosts either: a key that something reads and nothing defines would have none of these."""
    for node in nodes(defs):
        where = node.key.to_user_string()
        assert (node.description or "").strip(), where
        assert all("@" in owner for owner in node.owners), where
        assert node.owners, where
        assert node.tags, where
        assert node.kinds, where
        assert node.group_name != "default", where


# A sentence in Chinese, and one in English behind the mark.
BOTH = re.compile("[一-鿿].*[。：] ?· [^一-鿿]*[A-Za-z]{2,}", re.DOTALL)


def test_every_asset_and_check_says_what_it_is_in_chinese_and_english(defs) -> None:
    """A title in both does not do: the engineers who read it are of a Chinese bureau, and what is published is read elsewhere."""
    graph = defs.resolve_asset_graph()
    said = {node.key.to_user_string(): node.description or "" for node in nodes(defs)}
    said |= {str(key): graph.get_check_spec(key).description or "" for node in nodes(defs) for key in node.check_keys}
    said |= {job.name: job.description or "" for job in defs.jobs or ()}
    said |= {schedule.name: schedule.description or "" for schedule in defs.schedules}
    one_language = {where: text for where, text in said.items() if not BOTH.search(re.sub(r"\*\*.*?\*\*", "", text))}
    assert one_language == {}


def test_each_part_of_what_is_said_is_in_chinese_and_english(defs) -> None:
    """The grain of products and feeds stood in English alone, between a title and a purpose in both; so did 39 columns and 4 steps."""
    graph, parts = defs.resolve_asset_graph(), {}
    for node in nodes(defs):
        name = node.key.to_user_string()
        parts |= {
            f"{name}: {part[:40]}": part for part in (node.description or "").split("\n\n") if "：" not in part[:40]
        }
        columns = node.metadata.get("dagster/column_schema")
        parts |= {f"{name}.{c.name}": c.description for c in (columns.columns if columns else ()) if c.description}
        definition = graph.get(node.key).assets_def
        if definition.is_executable and definition.node_def.name != "warehouse":  # dbt's own
            parts[f"step {definition.node_def.name}"] = definition.node_def.description or ""
    assert [
        where for where, text in parts.items() if not re.search("[一-鿿]", text) or not re.search("[A-Za-z]{2,}", text)
    ] == []
    assert len(parts) > 3000


def test_every_column_of_a_product_has_its_text_in_both_languages(defs) -> None:
    graph, told = defs.resolve_asset_graph(), 0
    schemas = {node.key.path[-1]: node.metadata for node in nodes(defs) if node.key.path[0] not in ("seeds", "staging")}
    for name, product in load_products().items():
        if product.is_made_by_release:
            continue
        columns = {c.name: c for c in schemas[name]["dagster/column_schema"].columns}
        assert list(columns) == [f.name for f in product.fields]
        for field in product.fields:
            assert columns[field.name].description.startswith(f"{field.label_zh} · {field.label_en}"), (
                name,
                field.name,
            )
            assert columns[field.name].constraints.nullable is not field.required
            told += 1
    assert told > 900
    assert graph.get(dg.AssetKey(["staging", "stg_sports__venues"])).description.startswith("**")


def test_what_python_writes_has_the_text_of_every_column(defs) -> None:
    """The ledger, the quarantine, surveys, links and distances have no contract, and are read in the UI all the same."""
    found = {
        spec.key.to_user_string(): spec.metadata.get("dagster/column_schema")
        for spec in defs.resolve_all_asset_specs()
        if spec.key.path[0] in ("derived", "ledger")
    }
    assert len(found) == 10
    for name, columns in found.items():
        assert columns, name
        assert [c.name for c in columns.columns if not c.description] == [], name


def test_every_check_says_what_it_asks_for(defs) -> None:
    graph = defs.resolve_asset_graph()
    sentences = {key: graph.get_check_spec(key).description or "" for node in nodes(defs) for key in node.check_keys}
    assert len(sentences) > 200
    assert [str(key) for key, said in sentences.items() if len(said) < 12 or said[-1] not in ".。"] == []
    assert sentences[dg.AssetCheckKey(dg.AssetKey(["seeds", "activity_types"]), "unique_activity_types_code")] == (
        "`code` 不重复。 · No `code` stands twice."
    )


def test_every_feed_has_its_owner_its_days_and_its_three_checks(defs) -> None:
    graph = defs.resolve_asset_graph()
    for feed in load_feeds().values():
        node = graph.get(dg.AssetKey([feed.department, feed.table]))
        assert node.owners == [feed.owner_email], feed.id
        assert node.partitions_def is None
        assert {key.name for key in node.check_keys} == {"every_row_accounted_for", "files_readable", "on_time"}
        accepted = graph.get(days.asset_key(feed))
        assert accepted.parent_keys == {node.key}
        assert (accepted.partitions_def.timezone, accepted.partitions_def.cron_schedule) == (TIME_ZONE, "0 0 * * *")


def test_every_feed_flows_into_a_model(defs) -> None:
    """Surveys by way of their estimates, which Python makes of accepted rows."""
    ways = ("staging", "derived")
    children = {parent for node in nodes(defs) for parent in node.parent_keys if node.key.path[0] in ways}
    assert {days.asset_key(f) for f in load_feeds().values()} - children == set()


def test_runs_are_in_process_by_default(defs) -> None:
    assert defs.executor is dg.in_process_executor


def test_whoever_writes_the_warehouse_holds_the_one_slot(defs) -> None:
    writers = {node.key for node in nodes(defs) if dbt_assets.POOL in (node.pools or ())}
    models = {
        node.key
        for node in nodes(defs)
        if node.key.path[0] in {p.name for p in (DBT_PROJECT / "models").iterdir()} | {"seeds"}
    }
    assert models
    assert writers == models | {dg.AssetKey(["release", "published"])}


def test_the_night_is_all_that_can_be_launched_and_feeds_come_first(defs) -> None:
    """No step waits for a feed, so that a feed fails alone; the executor takes the highest priority first."""
    night = defs.resolve_job_def(schedules.NIGHT)
    assert set(night.asset_layer.selected_asset_keys) == {node.key for node in nodes(defs) if node.is_executable}
    assert {node.key.path[0] for node in nodes(defs) if not node.is_executable} == {"accepted"}
    priority = {node.name: int(node.tags.get("dagster/priority", 0)) for node in night.nodes}
    feeds = {"__".join(feed.id.split(".")) for feed in load_feeds().values()}
    assert min(priority[name] for name in feeds) > max(n for name, n in priority.items() if name not in feeds)
    assert {name for name in feeds if priority[name] == max(priority.values())} == {
        name for name in feeds if name.startswith("reference__")
    }
    dependencies = night.graph.dependency_structure
    assert [n for n in feeds if dependencies.input_to_upstream_outputs_for_node(n)] == []
    upstream = {
        handle.node_name
        for name in priority
        for outputs in dependencies.input_to_upstream_outputs_for_node(name).values()
        for handle in outputs
    }
    assert not upstream & feeds


@pytest.mark.parametrize(
    ("stated", "cron", "runs"),
    [(None, "0 1 * * *", "STOPPED"), ("", "0 1 * * *", "STOPPED"), ("02:30", "30 2 * * *", "RUNNING"), ("23:05", "5 23 * * *", "RUNNING")],
)  # fmt: skip
def test_the_schedule_is_on_where_the_deployment_says_so(monkeypatch, stated, cron, runs) -> None:
    monkeypatch.delenv(schedules.SETTING, raising=False)
    if stated is not None:
        monkeypatch.setenv(schedules.SETTING, stated)
    (schedule,) = schedules.job_and_schedule().schedules
    assert (schedule.name, schedule.job_name, schedule.cron_schedule) == ("nightly", schedules.NIGHT, cron)
    assert (schedule.default_status.value, schedule.execution_timezone) == (runs, TIME_ZONE)
    assert schedules.SETTING in schedule.description


@pytest.mark.parametrize("stated", ["25:00", "1", "on", "01:00 Uhr", "1:5"])
def test_a_setting_that_is_no_time_is_a_sentence(monkeypatch, stated) -> None:
    monkeypatch.setenv(schedules.SETTING, stated)
    with pytest.raises(schedules.NotATime, match="no time of day such as 01:00"):
        schedules.night_at()


# ── one writer, in whichever process ────────────────────────────────────────────────────────────

WRITER = """
from types import SimpleNamespace
from orchestration.paths import data_directory
from orchestration.warehouse.dbt_assets import only_writer

with only_writer(data_directory(), SimpleNamespace(info=lambda text: print(text, flush=True))):
    print("writing", flush=True)
"""


def test_a_second_writer_in_another_process_waits_until_the_first_is_done(tmp_path) -> None:
    data = DataDirectory(tmp_path)
    with dbt_assets.only_writer(data):
        second = subprocess.Popen(
            [sys.executable, "-c", WRITER], cwd=PROJECT, env={**os.environ, "MINSHENG_DATA": str(data.root)},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert second.stdout
        assert "waiting" in second.stdout.readline()
        time.sleep(0.3)
        assert second.poll() is None
    assert second.communicate(timeout=60)[0] == "writing\n"
    assert second.returncode == 0


def test_a_writer_that_fails_lets_the_next_one_in(tmp_path) -> None:
    data = DataDirectory(tmp_path)
    with pytest.raises(ZeroDivisionError), dbt_assets.only_writer(data):
        raise ZeroDivisionError
    said: list[str] = []
    with dbt_assets.only_writer(data, type("Log", (), {"info": said.append})):
        assert said == []
