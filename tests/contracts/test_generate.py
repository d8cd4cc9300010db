"""What is made from the contracts says what the contracts say, and nobody has touched it since."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from contracts.generate import BANNER, DICTIONARY, PROJECT, SOURCES, stale
from contracts.loading import load_feeds, load_products
from contracts.model import PROVENANCE

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project as far as the generator knows it."""
    for folder in ("contracts", "policies", "docs", "dbt_project/macros", str(SOURCES)):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def generate(copy: Path) -> Run:
    def _generate(*arguments: str) -> tuple[int, str]:
        run = subprocess.run(
            [sys.executable, "-m", "contracts.generate", *arguments],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not run.stderr, run.stderr
        return run.returncode, run.stdout

    return _generate


def test_generated_files_are_current() -> None:
    assert stale() == []


def test_a_change_by_hand_is_named_and_generating_takes_it_back(copy, generate) -> None:
    edited = copy / SOURCES / "health.yml"
    edited.write_text(edited.read_text().replace("data_type: bigint", "data_type: varchar", 1))
    (copy / DICTIONARY).unlink()
    orphan = copy / SOURCES / "police.yml"
    orphan.write_text(BANNER + "version: 2\n")
    by_hand = copy / SOURCES / "notes.yml"
    by_hand.write_text("version: 2\n")
    code, told = generate("--check")
    assert code == 1
    assert [line.split(" ")[0] for line in told.splitlines()] == [
        str(SOURCES / "health.yml"), str(DICTIONARY), str(SOURCES / "police.yml"),
    ]  # fmt: skip
    assert "python -m contracts.generate" in told
    assert generate() == (0, "")
    assert generate("--check") == (0, "")
    assert not orphan.exists()
    assert by_hand.read_text() == "version: 2\n"
    assert edited.read_text() == (PROJECT / SOURCES / "health.yml").read_text()


def test_a_change_of_the_contract_makes_what_is_generated_stale(copy, generate) -> None:
    contract = copy / "contracts" / "feeds" / "sports" / "venues.odcs.yaml"
    text = contract.read_text(encoding="utf-8")
    label = load_feeds()["sports.venues"].by_name["area_m2"].label_en
    assert label in text
    contract.write_text(text.replace(label, "Another label"), encoding="utf-8")
    code, told = generate("--check")
    assert code == 1
    assert [line.split(" ")[0] for line in told.splitlines()] == [str(SOURCES / "sports.yml"), str(DICTIONARY)]


def sources() -> dict[str, dict[str, str | None]]:
    """feed → column → type, as dbt is told."""
    found = {}
    texts = [path.read_text(encoding="utf-8") for path in (PROJECT / SOURCES).glob("*.yml")]
    for text in texts:
        for source in yaml.safe_load(text)["sources"] if text.startswith(BANNER) else []:
            for table in source["tables"]:
                found[f"{source['name']}.{table['name']}"] = {c["name"]: c.get("data_type") for c in table["columns"]}
    return found


def test_dbt_reads_exactly_the_columns_the_door_writes() -> None:
    written = {
        f"{feed.department}.{feed.table}": {
            name: None if name in PROVENANCE else sql.lower() for name, sql in feed.accepted_columns.items()
        }
        for feed in load_feeds().values()
    }
    told = sources()
    assert set(told) == set(written)
    for name, columns in written.items():
        assert list(told[name].items()) == list(columns.items()), name


@pytest.mark.parametrize("path", sorted((PROJECT / "contracts").rglob("*.odcs.yaml")), ids=lambda p: p.name)
def test_a_contract_is_valid_against_the_standard_s_own_schema(path: Path) -> None:
    schema = json.loads(OpenDataContractStandard.json_schema())
    contract = yaml.load(path.read_text(encoding="utf-8"), Loader=_PlainDates)
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(contract)] == []


class _PlainDates(yaml.SafeLoader):
    """JSON has no dates: what YAML would read as one stays text."""


_PlainDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def test_every_feed_and_product_is_in_the_dictionary() -> None:
    text = (PROJECT / DICTIONARY).read_text(encoding="utf-8")
    headings = [line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")]
    assert headings == [*load_products(), *load_feeds()]
