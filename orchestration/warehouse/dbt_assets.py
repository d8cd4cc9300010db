"""dbt as Dagster assets: every model an asset, every dbt test a check. dbt is the warehouse's only writer.

Belongs here: what is built, and what Dagster shows of it. Does not belong here: how dbt is called (dbt_command), SQL (dbt_project) and
anything that leaves (release).
"""

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator, DbtCliInvocation, DbtProject, dbt_assets
from dagster_dbt.errors import DagsterDbtCliRuntimeError

from contracts.loading import load_feeds
from contracts.whole_files import NotReadable, duckdb_reads, parquet_reads, write_parquet
from orchestration.derived import linkage, review_words, roads, survey_estimates
from orchestration.holding import alone, this_command
from orchestration.intake import days, ledger, taking_in
from orchestration.paths import DBT_PROJECT, DataDirectory, data_directory
from orchestration.warehouse import column_lineage, failures, inputs, texts
from orchestration.warehouse.dbt_command import Dbt, manifest, models_checksum

# One slot: whoever writes the warehouse holds it, whether the night or a person started the run.
POOL = "warehouse"
# How a log line begins that tells of a finished model: the night's progress counts them.
BUILT = "built"
# How the warning begins that a damaged warehouse gives.
DAMAGED = "the warehouse does not read"
# The metadata keys of dagster-dbt for the node an asset or check stands for, and of Dagster for a table's columns.
UNIQUE_ID, COLUMNS = "dagster_dbt/unique_id", "dagster/column_schema"
# The metadata key of a table's materialization that says what the night did with it; the word before the colon is counted.
TONIGHT = "tonight"
HOW = {
    "rebuilt": "rebuilt: the whole table",
    "updated": "updated: only the rows that tonight's deliveries touch",
    "unchanged": "unchanged: nothing that it is made of is another than when it was last built and tested",
}
# What it says of a table that failed, or is made from one that did.
KEPT = "kept: readers see the content of the last release, because"


class _Translator(DagsterDbtTranslator):
    """Models are grouped by their subject; what is said of them is their contract's (texts)."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            feed = load_feeds().get(f"{dbt_resource_props['source_name']}.{dbt_resource_props['name']}")
            return days.asset_key(feed) if feed else super().get_asset_key(dbt_resource_props)
        if dbt_resource_props["resource_type"] not in ("model", "seed"):
            return super().get_asset_key(dbt_resource_props)
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] == "seed":
            return "seeds"
        return str(dbt_resource_props["fqn"][1]) if dbt_resource_props["resource_type"] == "model" else None

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return texts.table(dbt_resource_props)

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        told = texts.columns(dbt_resource_props)
        shown = {COLUMNS: told} if told else {}
        return {**super().get_metadata(dbt_resource_props), **shown}

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        return texts.tags(dbt_resource_props)

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        """A test that fails holds back its table and what is made from it, which the release sees to; Dagster would stop the run."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec and spec._replace(blocking=False, description=texts.check(manifest["nodes"][unique_id]))

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        answers = texts.owner(dbt_resource_props)
        return [answers] if answers else super().get_owners(dbt_resource_props)


def only_writer(data: DataDirectory, log: Any = None) -> AbstractContextManager[None]:
    """Holds the warehouse's lock: a second writer waits, in whichever process it is."""
    return alone(writer_lock(data), this_command(), log.info if log else None)


def writer_lock(data: DataDirectory) -> Path:
    """The file whose lock the warehouse's writer holds."""
    return data.warehouse.parent / ".writer"


def warehouse_assets() -> list[dg.AssetsDefinition]:
    """The dbt project as assets, parsed for the present data directory."""
    data = data_directory()
    project = DbtProject(project_dir=DBT_PROJECT, target_path=data.dbt_target)
    read = manifest(data)

    @dbt_assets(manifest=read, project=project, dagster_dbt_translator=_Translator(), pool=POOL)
    def warehouse(context: dg.AssetExecutionContext, dbt: Dbt) -> Iterator[Any]:
        where = data_directory()
        _ensure_typed(where)
        with only_writer(where, context.log):
            parsed = _parsed(where, context.log)
            tonight, before = inputs.keys(where, parsed), inputs.built(where)
            # What a person has chosen is built, due or not; of the whole project, what is due.
            is_whole = _is_whole(context)
            due = inputs.due(parsed, tonight, before) if is_whole else {*tonight}
            target = where.dbt_target / "runs" / context.run_id[:8]
            # What ways lead between is built before they are measured, and what is made of distances after.
            first, early, early_results = set[str](), list[Any](), list[Any]()
            if is_whole and roads.given(where):
                if first := inputs.leading_to(parsed, roads.BETWEEN) & due:
                    with dbt.building(where, first, target, parsed, _Translator(), context) as invocation:
                        early, _ = _events(context, invocation)
                    early_results = _results(invocation)
                    _remember(where, before, first, tonight, early_results)
                roads.write(where)
                tonight, before = inputs.keys(where, parsed), inputs.built(where)
                # What is built beside a table that is updated in place may have been built a moment ago.
                due = inputs.due(parsed, tonight, before) - {
                    r["unique_id"] for r in early_results if r["status"] in failures.DONE
                }
            nodes = [parsed["nodes"][name] for name in due | first if name in parsed["nodes"]]
            names = {node["name"] for node in nodes if node["resource_type"] in failures.TABLES}
            # First: what is unchanged is made of nothing that is due, and Dagster wants everything after what it is made of.
            unchanged = _left(context, where, (k for k in context.selected_asset_keys if k.path[-1] not in names))
            if not due | first:
                yield from unchanged.values()
                return
            wanted = due if is_whole else _chosen(context)
            with dbt.building(where, wanted, target, parsed, _Translator(), context) as invocation:
                # Dagster takes seconds to note what is unchanged, and the audit's library to import: dbt works meanwhile. The import
                # begins after the notes: beside it, each of them waited for the thread that imports.
                yield from unchanged.values()
                Thread(target=import_module, args=["great_expectations"], daemon=True).start()
                events, failure = _events(context, invocation)
            results = _results(invocation)
            _remember(where, before, due, tonight if is_whole else {}, results)
            events, results = [*early, *events], [*early_results, *results]
            # Read once, after dbt has closed the file: dagster-dbt would read while dbt runs, and wait for it in a loop.
            metadata = _table_metadata(where, target, context.assets_def, names)
        listed = failures.remember(where, results)
        reached = failures.tables_reached(where, listed)
        made = {event.output_name for event in events if isinstance(event, dg.Output)}
        unmade = [
            key
            for key in context.selected_asset_keys
            if key not in unchanged and context.assets_def.get_output_name_for_asset_key(key) not in made
        ]
        if failure and not _is_told(failures.failed_in(results), unmade, reached, where):
            raise dg.Failure(description=_sentence(invocation), allow_retries=False) from failure
        for event in events:
            table = str(event.metadata["unique_id"].value).rpartition(".")[2] if isinstance(event, dg.Output) else None
            yield event.with_metadata({**event.metadata, **metadata[table]}) if table in metadata else event
        # The release goes on without the tables that a failure reaches; what waits for them would wait for ever.
        if failure:
            yield from _left(context, where, unmade).values()
        for sentence in listed.values():
            context.log.error(sentence)

    return [warehouse]


def _parsed(data: DataDirectory, log: Any) -> dict[str, Any]:
    """The parsed project. A warehouse that does not read goes first, as it is made of what was accepted; where the list of what
    failed does not, all is looked at again."""
    if data.warehouse.is_file() and not duckdb_reads(data.warehouse):
        log.warning(f"{DAMAGED} (cut short or damaged): everything is built again")
        data.warehouse.unlink()
        data.warehouse.with_name(f"{data.warehouse.name}.wal").unlink(missing_ok=True)
        inputs.forget(data)
    if not failures.reads(data):
        inputs.forget(data)
    return dict(json.loads(manifest(data).read_text(encoding="utf-8")))


def _ensure_typed(data: DataDirectory) -> None:
    """A file, without rows if need be, wherever dbt reads."""
    for feed in load_feeds().values():
        taking_in.ensure_typed(data, feed)
    for derived in (survey_estimates, linkage, review_words, roads):
        derived.ensure_typed(data)
    if not parquet_reads(ledger.path(data)):
        write_parquet(ledger.path(data), ledger.table(data))


def _remember(
    data: DataDirectory, before: Mapping[str, str], due: set[str], tonight: Mapping[str, str], results: Sequence[Any]
) -> None:
    """Notes what a build of these nodes has come to; without keys (of a part that a person chose), what was tried is forgotten."""
    done = {r["unique_id"] for r in results if r["status"] in failures.DONE}
    inputs.remember(
        data, before, due | {r["unique_id"] for r in results}, {n: k for n, k in tonight.items() if n in done}
    )


def _why_kept(data: DataDirectory) -> dict[str, str]:
    """Table that a failure reaches → what is said of it; a list that does not read is made anew by the next build."""
    try:
        listed = failures.remembered(data)
    except NotReadable:
        return {}
    return {table: f"{KEPT} {listed[cause]}" for table, cause in failures.tables_reached(data, listed).items()}


def _is_whole(context: dg.AssetExecutionContext) -> bool:
    """Whether a run is of every table and every test."""
    assets = context.assets_def
    chosen, checks = context.selected_asset_keys, context.selected_asset_check_keys
    return len(chosen) == len(assets.node_keys_by_output_name) and len(checks) == len(
        assets.node_check_specs_by_output_name
    )


def _chosen(context: dg.AssetExecutionContext) -> list[str]:
    """The tables and tests of a run, by dbt's own names."""
    assets = context.assets_def
    specs = [assets.get_asset_spec(key) for key in context.selected_asset_keys]
    tests = [assets.get_spec_for_check_key(key) for key in context.selected_asset_check_keys]
    return [str((spec.metadata or {})[UNIQUE_ID]) for spec in [*specs, *tests]]


def _left(
    context: dg.AssetExecutionContext, data: DataDirectory, keys: Iterable[dg.AssetKey]
) -> dict[dg.AssetKey, dg.MaterializeResult]:
    """What is said of tables that tonight leaves as they were, each after what it is made from: Dagster takes them in no other order."""
    wanted, why = {*keys}, _why_kept(data)
    before = {key: context.assets_def.asset_deps[key] & wanted for key in sorted(wanted)}
    return {
        key: dg.MaterializeResult(asset_key=key, metadata={TONIGHT: why.get(key.path[-1], HOW["unchanged"])})
        for key in TopologicalSorter(before).static_order()
    }


def row_counts(data: DataDirectory, tables: Container[str]) -> dict[str, int]:
    """Rows of those tables and views of the warehouse by name, without staging: that would read the files again."""
    if not data.warehouse.is_file():
        return {}
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        names = con.execute(
            "select table_schema, table_name from information_schema.tables where table_schema <> 'staging'"
        ).fetchall()
        return {
            table: con.execute(f'select count(*) from "{schema}"."{table}"').fetchall()[0][0]
            for schema, table in names
            if table in tables
        }


def _table_metadata(
    data: DataDirectory, target: Path, assets: dg.AssetsDefinition, tables: Container[str]
) -> dict[str, dict[str, Any]]:
    """Table that was built → how many rows it has and how it was written; and what the columns of tables are made of."""
    seen: dict[str, dict[str, Any]] = {
        table: {"dagster/row_count": rows} for table, rows in row_counts(data, tables).items()
    }
    lineage = column_lineage.of_models(
        target / "compiled", data.warehouse, {*assets.keys, *assets.dependency_keys}, models_checksum(),
        data.dbt_target / "column_lineage.json",
    ) if seen else {}  # fmt: skip
    for table, of_columns in lineage.items():
        seen.setdefault(table, {})["dagster/column_lineage"] = of_columns
    listed = {key.path[-1]: metadata.get(COLUMNS) for key, metadata in assets.metadata_by_key.items()}
    for table, types in _built_columns(data).items():
        told = {c.name: c.description or "" for c in getattr(listed.get(table), "columns", ())}
        if table in listed and types.keys() != told.keys():
            of_feed = getattr(texts.staged_feed(table), "by_name", None)
            seen.setdefault(table, {})[COLUMNS] = texts.schema(types, of_feed, told)
    for table, how in _how_written(target).items():
        seen.setdefault(table, {})[TONIGHT] = HOW[how]
    return seen


def _built_columns(data: DataDirectory) -> dict[str, dict[str, str]]:
    """Table of the warehouse → its columns and their types: no yml lists all of those of staging and of what a macro writes."""
    if not data.warehouse.is_file():
        return {}
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        rows = con.execute(
            "select table_name, column_name, lower(data_type) from information_schema.columns "
            "where table_schema <> 'seeds' order by table_name, ordinal_position"
        ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def _how_written(target: Path) -> dict[str, str]:
    """Table → a key of `HOW`, by how the statement begins that dbt sent for it."""
    sent = {p.stem: p.read_text(encoding="utf-8").split(maxsplit=2)[:2] for p in (target / "run").rglob("*.sql")}
    how = {("insert", "into"): "updated", ("create", "table"): "rebuilt"}
    return {table: how[words[0], words[1]] for table, words in sent.items() if tuple(words) in how}


def _events(context: dg.AssetExecutionContext, invocation: DbtCliInvocation) -> tuple[list[Any], Exception | None]:
    """What dbt did, and what stopped it if anything did."""
    events: list[Any] = []
    try:
        for event in invocation.stream():
            events.append(event)
            if isinstance(event, dg.Output):
                context.log.info(f"{BUILT} {event.output_name}")
    except DagsterDbtCliRuntimeError as error:
        return events, error
    return events, None


def _is_told(failed: set[str], unmade: Sequence[dg.AssetKey], reached: Mapping[str, str], data: DataDirectory) -> bool:
    """Whether keeping tables at the last release's content says all that went wrong in a build.

    Not where dbt stopped on the way (a table that was not made for no reason that is known), where what failed reaches no table (a
    hook), or where nothing has been released yet.
    """
    is_explained = all(key.path[-1] in reached for key in unmade) and all(
        failures.tables_reached(data, [node]) for node in failed
    )
    return bool(failed) and is_explained and (data.published / "current").exists()


def _results(invocation: DbtCliInvocation) -> list[dict[str, Any]]:
    """dbt's results, a node each; none where it stopped before it ran one."""
    try:
        return list(invocation.get_artifact("run_results.json")["results"])
    except (FileNotFoundError, KeyError, TypeError):
        return []


def _sentence(invocation: DbtCliInvocation) -> str:
    """The first thing dbt complained of, as one says it to a colleague."""
    results = _results(invocation)
    bad = [r for r in results if r["status"] in failures.FAILED]
    if not bad:
        when = "stopped: see" if results else "stopped before it ran a model: see"
        return f"dbt {when} the log below. The last release stands."
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return f"{failures.sentence(bad[0], more)} The last release stands."
