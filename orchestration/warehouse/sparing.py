"""What dbt does for every table and test that nobody reads, left out: a third of its own time, which its threads share.

dbt has no settings for these. They are left out of the version that was looked at and of no other, nor where somebody asks dbt for its
debug events; tests/orchestration/warehouse/test_sparing.py holds that what is left out changes neither what is built nor what is told.
Belongs here: dbt's own Python. Does not belong here: SQL and macros.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import parsedatetime
from dbt.clients.jinja import MacroGenerator
from dbt.compilation import Compiler
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.context.manifest import ManifestContext
from dbt.include.global_project import PROJECT_NAME as DBT
from dbt.task import runnable
from dbt_common.clients.jinja import template_cache
from dbt_common.events.base_types import BaseEvent, DebugLevel, EventLevel
from dbt_common.events.event_manager import EventManager

LOOKED_AT = {"dbt-core": "1.11.16", "dbt-common": "1.39.0"}  # other versions run as they are


def spare() -> None:
    """For the rest of this process, unless dbt is another or is asked for what it is spared to say."""
    if any(version(name) != looked_at for name, looked_at in LOOKED_AT.items()):
        return
    if os.environ.get("DBT_DEBUG") or os.environ.get("DBT_LOG_LEVEL"):
        return
    for owner, name, other in (
        # The project is written when it is read (dbt_command.manifest); dbt would write it, and its graph, again after each build.
        (runnable, "write_manifest", lambda *_: None),
        (Compiler, "write_graph_file", lambda *_: None),
        # Some twenty events a table are told to nobody: they are put into words and forgotten.
        (DebugLevel, "__init__", _noted),
        (EventManager, "fire_event", _fire_what_is_heard),
        # All macros are put into words for each table, twice.
        (MacroNamespaceBuilder, "build_namespace", _namespace),
        (ManifestContext, "to_dict", _flat),
        # What the result of a query may be in words: agate asks for the names of weekdays each time.
        (parsedatetime, "Constants", lru_cache(parsedatetime.Constants)),
    ):
        setattr(owner, name, other)


def make_ready(project: Any) -> None:
    """Macros are compiled when they are called first: while nobody waits for dbt, all are."""
    for macro in project.macros.values():
        template_cache.get_node_template(macro)


def _noted(event: DebugLevel, **said: Any) -> None:
    object.__setattr__(event, "said", said)


_fire = EventManager.fire_event


def _fire_what_is_heard(
    manager: EventManager, e: BaseEvent, level: EventLevel | None = None, *more: Any, **named: Any
) -> None:
    if isinstance(e, DebugLevel):
        if level in (None, EventLevel.DEBUG):
            return
        BaseEvent.__init__(e, **e.said)
    _fire(manager, e, level, *more, **named)


def _namespace(builder: MacroNamespaceBuilder, by_package: Any, context: dict[str, Any]) -> MacroNamespace:
    """dbt's own, without asking of each macro which of its places it belongs to; nothing of a project that is read is twice there."""

    def callable_(macro: Any) -> MacroGenerator:
        made = object.__new__(MacroGenerator)
        made.macro, made.context, made.node, made.stack = macro, context, builder.node, builder.thread_ctx
        return made

    of = {package: {m.name: callable_(m) for m in macros.values()} for package, macros in by_package.items()}
    within: dict[str, MacroGenerator] = {}
    for package in reversed(builder.internal_package_names_order):
        within.update(of.get(package, {}))
    others = {package: macros for package, macros in of.items() if package not in builder.internal_package_names}
    is_root = builder.root_package == builder.search_package
    return MacroNamespace(
        global_namespace={} if is_root else others.get(builder.root_package, {}),
        local_namespace=others.get(builder.search_package, {}),
        global_project_namespace=within,
        packages=others,
    )


def _flat(context: ManifestContext) -> Any:
    """dbt's own, without looking for each name in five places: what is found first there is written last here."""
    said, names = super(ManifestContext, context).to_dict(), context.namespace
    if not isinstance(names, MacroNamespace):
        return _to_dict(context)
    for place in (
        names.global_project_namespace,
        {DBT: names.global_project_namespace},
        names.packages,
        names.global_namespace,
        names.local_namespace,
    ):
        said.update(place)
    return said


_to_dict = ManifestContext.to_dict
