"""The dbt project keeps its promises of structure: what may read what, what stands beside what, which SQL it may use."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from building import manifest

from contracts.loading import CODES, POLICIES, load_feeds, load_products
from contracts.model import Feed
from orchestration.derived import survey_estimates
from orchestration.paths import DataDirectory

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
MODELS = sorted((PROJECT / "models").rglob("*.sql"))
# Subjects in the order they build on each other.
LAYERS = (
    "staging",
    "catalogue",
    "divisions",
    "facilities",
    "reviews",
    "surveys",
    "indicators",
    "feeds",
    "validation",
    "scorecard",
)

# A model reads its own subject and those to its left; nothing reads to its right.
MAY_READ = {layer: {"seed", *LAYERS[: n + (layer != "staging")]} for n, layer in enumerate(LAYERS)}
# The platform's own records, which any subject may read; departments' feeds are read by staging alone.
OWN_SOURCES = {"ledger", "derived"}
# Models that read staging of another subject, or are published and read it: why.
READS_STAGING = {
    "named_places": "places are brought together as all feeds name them, before any of their subjects is built",
    "division_problem": "lists rows that are marked as abolished, which no other model keeps",
}
# Staging models that no model reads: why. Theirs is the way of a row that would be lost without a word.
UNREAD: dict[str, str] = {}

# Means something else, or nothing, on another engine; a macro with adapter.dispatch may hold it, a model may not.
FORBIDDEN = {
    r"\bqualify\b": "QUALIFY",
    r"\bgroup by all\b": "GROUP BY ALL",
    r"\b(un)?pivot\b": "PIVOT",
    r"\barg_m(ax|in)\b|\bm(ax|in)_by\b": "arg_max",
    r"\bstring_agg\s*\([^)]*order by": "string_agg with an order",
    r"\bdistinct on\b": "DISTINCT ON",
    r"\bwith recursive\b": "a recursive CTE",
    r"\bcolumns\s*\(": "COLUMNS()",
    r"\*\s*(replace|exclude)\b": "* REPLACE or EXCLUDE",
    r"\bquantile_(cont|disc)\b": "quantile_cont",
    r"\basof\b": "ASOF",
    r"\busing sample\b": "USING SAMPLE",
    r"\bunion( all)? by name\b": "UNION BY NAME",
    r"\bhash\s*\(": "hash()",
    r"\b(now|current_date|current_timestamp|random|today)\b\s*(\(|,|$)": "the clock or chance",
    r"::": "a :: cast",
}


def layer(path: Path) -> str:
    return path.relative_to(PROJECT / "models").parts[0]


def code(path: Path) -> str:
    """The SQL without its comments, in lower case."""
    text = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"--[^\n]*", "", text).lower()


def references(path: Path) -> set[str]:
    return set(re.findall(r"ref\('(\w+)'\)", path.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Model → its node, as dbt parsed it: a pattern would miss what a loop or a macro reads."""
    nodes = manifest(DataDirectory(tmp_path_factory.mktemp("parsed"))).nodes.values()
    found = {node.name: node for node in nodes if node.resource_type == "model"}
    assert set(found) == {path.stem for path in MODELS}
    return found


def read_by(node: Any, kind: str) -> set[str]:
    """Names of what a node reads: models and seeds, or sources."""
    parts = (unique_id.split(".") for unique_id in node.depends_on.nodes)
    return {part[2] for part in parts if (part[0] == "source") == (kind == "source")}


def subject(feed: Feed) -> str:
    """Whose first models read a feed."""
    if feed.register or feed.volume:
        return "facilities"
    if feed.department == "evaluation":
        return "surveys" if feed.table.startswith("survey_") else "reviews"
    return "divisions" if feed.department == "reference" else "indicators"


LAYER_OF = {path.stem: layer(path) for path in MODELS} | {
    p.stem: "seed" for folder in (CODES, POLICIES) for p in folder.glob("*.csv")
}


def ids(path: Path) -> str:
    return path.stem


def test_there_are_models_in_every_layer() -> None:
    assert set(LAYERS) == {layer(path) for path in MODELS}


def test_a_model_reads_its_own_subject_and_those_before_it(models: Mapping[str, Any]) -> None:
    found = {
        (name, read)
        for name, node in models.items()
        for read in read_by(node, "ref")
        if LAYER_OF[read] not in MAY_READ[LAYER_OF[name]]
    }
    assert found == set()


def test_what_indicators_are_updated_by_is_all_that_they_are_made_of(models: Mapping[str, Any]) -> None:
    """Each way from an indicator that is kept up to a file leads through a table whose rows `indicator_changes` compares."""
    steps = "indicator_changes"
    compared = read_by(models[steps], "ref")
    waiting = [name for name, node in models.items() if node.config.meta.get("steps") == steps]
    assert len(waiting) >= 6
    seen: set[str] = set()
    while waiting:
        if (name := waiting.pop()) in seen | compared | {steps}:
            continue
        seen.add(name)
        assert name in models, f"{name} is no table that {steps} compares"
        assert not read_by(models[name], "source"), f"{name} is made of files, and no table that {steps} compares"
        waiting += read_by(models[name], "ref")


def test_feeds_are_read_by_staging_alone(models: Mapping[str, Any]) -> None:
    found = {
        name: read_by(node, "source") - OWN_SOURCES for name, node in models.items() if LAYER_OF[name] != "staging"
    }
    assert {name for name, sources in found.items() if sources} == set()


def test_staging_is_read_by_the_first_models_of_its_own_subject(models: Mapping[str, Any]) -> None:
    """Never by what is published: whoever reads a table and the rows it is made of may count one thing in two ways."""
    of = {f"stg_{feed.department}__{feed.table}": subject(feed) for feed in load_feeds().values()}
    found = {
        name
        for name, node in models.items()
        for read in read_by(node, "ref") & set(of)
        if LAYER_OF[name] != of[read] or name in load_products()
    }
    assert found == set(READS_STAGING)


def test_every_staging_model_is_read(models: Mapping[str, Any]) -> None:
    read = set().union(*(read_by(node, "ref") for node in models.values()))
    assert {name for name in models if LAYER_OF[name] == "staging"} - read == set(UNREAD)


@pytest.mark.parametrize("path", [p for p in MODELS if layer(p) == "staging"], ids=ids)
def test_a_staging_model_is_one_feed(path: Path) -> None:
    department, table = path.parent.name, path.stem.split("__")[1]
    assert path.stem == f"stg_{department}__{table}"
    assert f"source('{department}', '{table}')" in path.read_text(encoding="utf-8")
    assert "group by" not in code(path), "staging renames, casts and recodes and does nothing else"


# Python estimates a survey from accepted rows; dbt reads what came of it (source derived).
SURVEYS = {f"evaluation.{name}" for name in survey_estimates.FEEDS}


def test_every_feed_has_a_staging_model_or_is_estimated_from() -> None:
    staged = {path.stem.removeprefix("stg_").replace("__", ".") for path in MODELS if layer(path) == "staging"}
    assert staged == set(load_feeds()) - SURVEYS


@pytest.mark.parametrize("feed", [f for f in load_feeds().values() if f.id not in SURVEYS], ids=lambda f: f.id)
def test_staging_carries_every_accepted_column(feed) -> None:  # type: ignore[no-untyped-def]
    sql = code(PROJECT / f"models/staging/{feed.department}/stg_{feed.department}__{feed.table}.sql")
    # Reviews keep the canonical level; the code as sent stays in the accepted file.
    wanted = {c for c in feed.accepted_columns if (feed.id, c) != ("evaluation.reviews", "satisfaction")}
    assert {c for c in wanted if not re.search(rf"\b{c}\b", sql)} == set()


@pytest.mark.parametrize("path", MODELS, ids=ids)
def test_every_model_stands_beside_its_description(path: Path) -> None:
    staged = layer(path) == "staging"  # described with its source
    beside = PROJECT / f"models/staging/_sources/{path.parent.name}.yml" if staged else path.with_suffix(".yml")
    described = {m["name"]: m for m in yaml.safe_load(beside.read_text(encoding="utf-8"))["models"]}
    assert path.stem in described if staged else list(described) == [path.stem]
    said = described[path.stem]["description"]
    assert re.match("(?s)每行是.+[。；] · One row is", said), "the grain comes first, in both languages"


@pytest.mark.parametrize("path", [*MODELS, *sorted((PROJECT / "tests").glob("*.sql"))], ids=ids)
def test_no_sql_that_means_something_else_elsewhere(path: Path) -> None:
    assert [name for pattern, name in FORBIDDEN.items() if re.search(pattern, code(path), flags=re.MULTILINE)] == []


@pytest.mark.parametrize("path", sorted((PROJECT / "tests").glob("*.sql")), ids=ids)
def test_a_test_begins_with_what_it_asks_for_and_shows_at_one_of_its_tables(path: Path) -> None:
    """Dagster makes a check of a test only where it knows at which asset; a failed night quotes the first comment."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("-- ")
    named = re.findall(r"'dagster': \{'ref': \{'name': '(\w+)'", text)
    read = references(path)
    assert set(named) <= read
    assert named or len(read) == 1


@pytest.mark.parametrize("path", [p for p in MODELS if layer(p) != "staging"], ids=ids)
def test_a_model_ends_with_final(path: Path) -> None:
    """Or is one macro that does: several models that differ in what they read."""
    text = code(path).rstrip()
    if called := re.fullmatch(r"\{\{ (\w+)\(.*\) \}\}", text):
        macros = "\n".join(p.read_text(encoding="utf-8") for p in sorted((PROJECT / "macros").glob("*.sql")))
        (text,) = re.findall(rf"macro {called[1]}\(.*?\) -?%}}(.*?)\{{%-? *endmacro", macros, flags=re.DOTALL)
    assert text.rstrip().endswith("select * from final")


def test_every_product_has_one_model_and_the_logs_of_releases_none() -> None:
    """What a model promises is made from its product's contract: tests/contracts/test_generate.py."""
    names = [path.stem for path in MODELS]
    assert {product for product in load_products() if names.count(product) != 1} == {
        "release_log",
        "revision_log",
        "code_name",
    }


def test_the_list_of_feeds_says_what_the_contracts_say() -> None:
    with (CODES / "feeds.csv").open(encoding="utf-8", newline="") as file:
        listed = {
            row["code"]: (row["name_zh"], row["name_en"], row["department"], row["delivery"], float(row["frequency_days"]) + float(row["latency_days"]))
            for row in csv.DictReader(file)
        }  # fmt: skip
    wanted = {f.id: (f.label_zh, f.label_en, f.department, f.delivery, f.days_between) for f in load_feeds().values()}
    assert listed == wanted


def test_what_a_policy_says_is_not_written_into_a_model() -> None:
    """Points, lines, deadlines and quantiles come from the seed: none of their values stands in the SQL, but small numbers and the months
    of a year, which stand there for themselves."""
    with (POLICIES / "review_policies.csv").open(encoding="utf-8", newline="") as file:
        values = {row["value"] for row in csv.DictReader(file)} - {str(n) for n in range(13)}
    found = {
        (path.stem, value)
        for path in MODELS
        if path.parent.name != "indicators"  # no review is judged there, and its grids have degrees
        for value in values
        if re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", code(path))
    }
    assert found == set()
