"""What dbt is spared changes nothing of what it builds and tells."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from dbt.adapters.events.types import SQLQuery
from dbt.clients.jinja import MacroStack
from dbt.context.macros import MacroNamespaceBuilder
from dbt.context.manifest import ManifestContext
from dbt.events.types import FoundStats
from dbt_common.events.base_types import DebugLevel, EventLevel
from dbt_common.events.event_manager import EventManager

from orchestration.warehouse import sparing

# Package → its macros: dbt's own, an adapter's that takes the place of one of them, the project's that does of another.
MACROS = {
    "dbt": ("a", "b", "c", "d"),
    "dbt_duckdb": ("b", "e"),
    "minsheng": ("c", "f"),
    "another": ("d", "f", "g"),
}


class Context(ManifestContext):
    """A context of dbt without a project; `search_package` is the package of the node in hand."""

    def __init__(self, search_package: str, is_spared: bool) -> None:
        self._ctx: dict[str, Any] = {}
        builder = MacroNamespaceBuilder(
            "minsheng", search_package, MacroStack(), ["dbt_duckdb", "dbt"], node="the node"
        )
        macros: Any = {
            package: {name: SimpleNamespace(name=name, package_name=package) for name in names}
            for package, names in MACROS.items()
        }
        build = sparing._namespace if is_spared else MacroNamespaceBuilder.build_namespace
        self.namespace = build(builder, macros, self._ctx)


def told(of: Any) -> Any:
    """A macro as its package and name, a package as what is in it."""
    return (
        {name: told(macro) for name, macro in of.items()}
        if isinstance(of, dict)
        else (of.macro.package_name, of.macro.name, of.node, of.stack.depth)
    )


@pytest.mark.parametrize("package", ["minsheng", "another", "dbt"])
def test_a_name_is_the_same_macro(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ManifestContext.__mro__[1], "to_dict", lambda context: context._ctx)
    of_dbt, spared = Context(package, False), Context(package, True)
    assert told(sparing._flat(spared)) == told(of_dbt.to_dict())
    assert spared.namespace["f"].context is spared._ctx  # a macro sees what is put there later
    for within in (None, "dbt", "another"):
        for name in "abcdefg":
            there, here = (c.namespace.get_from_package(within, name) for c in (of_dbt, spared))
            assert (there and told(there)) == (here and told(here))


def test_what_is_heard_is_told_and_what_is_not_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DebugLevel, "__init__", sparing._noted)
    manager, heard = EventManager(), list[str]()
    manager.add_callback(lambda message: heard.append(message.info.msg))
    asked = SQLQuery(conn_name="a", sql="select 1", node_info={})
    sparing._fire_what_is_heard(manager, FoundStats(stat_line="1 model"))
    sparing._fire_what_is_heard(manager, asked)
    assert len(heard) == 1
    sparing._fire_what_is_heard(manager, asked, level=EventLevel.INFO)
    assert "1 model" in heard[0]
    assert "select 1" in heard[1]


def test_the_dbt_that_is_installed_was_looked_at() -> None:
    """Else nights are slower by a third of dbt's time until somebody has looked."""
    assert {name: version(name) for name in sparing.LOOKED_AT} == sparing.LOOKED_AT


ASKED = """
import sys
from dbt_common.events.event_manager import EventManager
from orchestration.warehouse import sparing
sparing.LOOKED_AT["dbt-core"] = sys.argv[1] or sparing.LOOKED_AT["dbt-core"]
before = EventManager.fire_event
sparing.spare()
print(EventManager.fire_event is not before)
"""


@pytest.mark.parametrize(
    ("looked_at", "surroundings", "is_spared"),
    [("", {}, True), ("1.0", {}, False), ("", {"DBT_DEBUG": "1"}, False), ("", {"DBT_LOG_LEVEL": "debug"}, False)],
)
def test_another_dbt_or_one_asked_for_more_words_runs_as_it_is(
    looked_at: str, surroundings: dict[str, str], is_spared: bool
) -> None:
    told = subprocess.check_output(
        [sys.executable, "-c", ASKED, looked_at], env={**os.environ, **surroundings}, text=True
    )
    assert told.strip() == str(is_spared)
