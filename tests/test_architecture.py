"""The tree is as docs/architecture.md draws it: imports run one way, every stage is where the tree says, modules say what belongs in them."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PACKAGES = ("contracts", "orchestration", "demo", "benchmarks", "bi")
# Who may import whom. `orchestration.statistics` is pure: it may not even know its own package's stages.
ALLOWED: dict[str, set[str]] = {
    "contracts": {"contracts"},
    "orchestration.statistics": {"orchestration.statistics"},
    "orchestration.paths": {"contracts"},  # how a file of ours is written
    "orchestration.disclosure": {
        "orchestration.disclosure",
        "orchestration.statistics",
        "orchestration.paths",
        "contracts",
    },
    "orchestration": {
        "orchestration",
        "orchestration.statistics",
        "orchestration.disclosure",
        "orchestration.paths",
        "contracts",
        "demo",
    },
    "demo": {"demo", "contracts"},
    # Runs under Superset's Python too, where nothing of the project's is.
    "bi": {"bi"},
    "benchmarks": set(PACKAGES) | {"orchestration.statistics", "orchestration.disclosure", "orchestration.paths"},
}
# `contracts` is pure; heavy tools are imported where they are used, never when a module is.
FORBIDDEN_IN_CONTRACTS = ("dagster", "dagster_dbt", "dbt")
HEAVY_AT_IMPORT = ("great_expectations", "pandera", "pandas", "scipy", "splink")


def modules() -> list[Path]:
    return [p for package in PACKAGES for p in sorted((PROJECT / package).rglob("*.py"))]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def layer(module: str) -> str:
    pure = (
        p
        for p in ("orchestration.statistics", "orchestration.disclosure", "orchestration.paths")
        if module.startswith(p)
    )
    return next(pure, module.split(".", maxsplit=1)[0])


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[tuple[str, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    inside = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if top_level_only and (node in guarded or node in inside):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield node.module, node.lineno
            # `from orchestration import feeds` names a module in its second half.
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    here = layer(name_of(path))
    for module, line in imports(path):
        if module.split(".")[0] in PACKAGES:
            assert layer(module) in ALLOWED[here], f"{path.name}:{line}: {here} may not import {module}"


def test_only_the_demo_run_knows_the_demo() -> None:
    users = {
        name_of(path)
        for path in modules()
        if layer(name_of(path)) == "orchestration" and any(m.split(".")[0] == "demo" for m, _ in imports(path))
    }
    assert users <= {"orchestration.night.demo_run"}


@pytest.mark.parametrize("path", sorted((PROJECT / "contracts").rglob("*.py")), ids=name_of)
def test_contracts_know_no_orchestrator_and_no_warehouse(path: Path) -> None:
    for module, line in imports(path):
        assert module.split(".")[0] not in FORBIDDEN_IN_CONTRACTS, f"{path.name}:{line}: {module}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_heavy_tools_are_imported_where_they_are_used(path: Path) -> None:
    for module, line in imports(path, top_level_only=True):
        assert module.split(".")[0] not in HEAVY_AT_IMPORT, f"{path.name}:{line}: {module} at import"


def test_the_imports_have_no_circle() -> None:
    edges = {
        name_of(path): {m for m, _ in imports(path, top_level_only=True) if m.split(".")[0] in PACKAGES}
        for path in modules()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"a circle of imports: {' → '.join([*trail, module])}"
        if module in done or module not in edges:
            return
        for target in edges[module] - {module}:
            visit(target, (*trail, module))
        done.add(module)

    for module in edges:
        visit(module, ())


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_every_module_says_what_belongs_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring"
    assert path.stem not in {"utils", "helpers", "common", "manager", "handler"}


def test_the_tree_is_the_one_that_is_documented() -> None:
    for place in (
        "README.md", "pyproject.toml", "requirements.lock", "Makefile", "workspace.yaml", "LICENSE",
        "CONTRIBUTING.md", "CHANGELOG.md", ".ci/run", "contracts/model.py", "contracts/door/rows.py",
        "contracts/door/privacy.py", "contracts/audit.py", "contracts/generate.py", "contracts/__main__.py",
        "contracts/feeds", "contracts/products", "orchestration/definitions.py", "orchestration/paths.py",
        "orchestration/intake/landing.py", "orchestration/intake/feeds.py", "orchestration/derived/survey_estimates.py", "orchestration/derived/linkage.py",
        "orchestration/statistics", "orchestration/warehouse", "orchestration/disclosure", "orchestration/release",
        "orchestration/night", "contracts/reading", "contracts/desk",
        "orchestration/schedules.py", "contracts/codes", "policies", "dbt_project/models/staging",
        "dbt_project/models/divisions", "dbt_project/models/facilities", "dbt_project/models/reviews",
        "dbt_project/models/surveys", "dbt_project/models/indicators", "dbt_project/models/feeds", "dbt_project/models/validation",
        "dbt_project/macros", "dbt_project/models/exposures.yml", "dbt_project/tests", "demo", "benchmarks", "bi/superset",
    ):  # fmt: skip
        assert (PROJECT / place).exists(), place


def test_no_two_test_files_have_one_name() -> None:
    """pytest imports them by name: of two alike, the second is not run when both are."""
    names = Counter(path.name for path in (PROJECT / "tests").rglob("test_*.py"))
    assert {name for name, times in names.items() if times > 1} == set()


def test_the_lock_names_no_index_and_hashes_everything() -> None:
    text = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text.replace("--no-emit-index-url", "")
    pinned = [line for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    assert pinned
    assert all(line.rstrip().endswith("\\") for line in pinned), "a requirement without a hash"


def test_statistics_can_be_imported_without_dagster() -> None:
    import subprocess

    code = (
        "import sys, orchestration.statistics.estimates, orchestration.disclosure.suppression;"
        "sys.exit(any(m.split('.')[0] in ('dagster', 'dbt', 'scipy') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
