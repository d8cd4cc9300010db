"""What dbt could not make or found wrong, until it has been put right; for `release`, which must not publish it.

Each build is remembered beside the warehouse: a node that failed stays on the list until it succeeds, also where later builds
are of other tables only. Belongs here: which tables a failure reaches. Does not belong here: what is done about it (release).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any

from contracts.whole_files import NotReadable, read_json, write_json
from orchestration.paths import DataDirectory

FAILED = ("error", "fail", "runtime error")
DONE = ("success", "pass", "warn")
TABLES = ("model", "seed", "snapshot")


def remember(data: DataDirectory, results: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Adds what failed in a build, takes off what succeeded or is gone; returns what is on the list: node → sentence.

    `results`: those of dbt's run_results.json. What dbt skipped is left as it was.
    """
    try:
        listed = remembered(data)
    except NotReadable:  # a build looks at everything: what is still wrong is found again
        listed = {}
    for result in results:
        node = result["unique_id"]
        if result["status"] in FAILED:
            listed[node] = sentence(result)
        elif result["status"] in DONE:
            listed.pop(node, None)
    if listed:
        known = _manifest(data)["nodes"]
        listed = {node: why for node, why in listed.items() if node in known}
    write_json(data.failures, listed)
    return listed


def reads(data: DataDirectory) -> bool:
    """Whether the list reads: where it does not, only a build of everything makes it again."""
    try:
        remembered(data)
    except NotReadable:
        return False
    return True


def failed_in(results: Iterable[Mapping[str, Any]]) -> set[str]:
    """The nodes that failed in a build."""
    return {result["unique_id"] for result in results if result["status"] in FAILED}


def remembered(data: DataDirectory) -> dict[str, str]:
    """Every dbt node that failed and has not succeeded since: node → sentence."""
    return dict(read_json(data.failures)) if data.failures.is_file() else {}


def tables_reached(data: DataDirectory, failed: Iterable[str]) -> dict[str, str]:
    """Every table that a failure reaches → the node that failed.

    `failed`: unique ids of nodes, or names of tables. A failed model reaches itself and all that is made from it; a failed
    test the same of the table it is attached to, or of every table and source it reads where it is attached to none.
    """
    failed = list(failed)
    if not failed:
        return {}
    parsed = _manifest(data)
    nodes, sources, below = parsed["nodes"], parsed["sources"], parsed["child_map"]
    by_table = {n["name"]: key for key, n in nodes.items() if n["resource_type"] in TABLES}
    reached: dict[str, str] = {}
    for cause in failed:
        key = by_table.get(cause, cause)
        node = nodes.get(key)
        if node is None:
            if "." not in cause:  # a table without a model; else a node that is no longer in the project
                reached.setdefault(cause, cause)
            continue
        test = node["resource_type"] == "test"
        waiting = ([node["attached_node"]] if node.get("attached_node") else list(node["depends_on"]["nodes"])) if test else [key]  # fmt: skip
        while waiting:
            table = nodes.get(current := waiting.pop())
            if table is not None and table["resource_type"] in TABLES and table["name"] not in reached:
                reached[table["name"]] = cause
            elif current not in sources:
                continue
            waiting += below.get(current, [])
    return reached


def _manifest(data: DataDirectory) -> Mapping[str, Any]:
    """The project as dbt read it; empty where it has not."""
    path = data.dbt_target / "manifest.json"
    return (
        json.loads(path.read_text(encoding="utf-8"))
        if path.is_file()
        else {"nodes": {}, "sources": {}, "child_map": {}}
    )


def name(node: str) -> str:
    """A node as a person calls it: `model dim_facility`, `test unique_together_…`."""
    kind, _, rest = node.partition(".")
    return f"{'test' if kind in ('test', 'unit_test') else kind} {rest.split('.')[1] if '.' in rest else rest}"


def sentence(result: Mapping[str, Any], more: str = "") -> str:
    """What dbt complained of, as one says it to a colleague."""
    # dbt and DuckDB say where it was before they say what: the name stands in front already.
    message = re.sub(
        r"^\w+ Error in \w+ \S+ \(\S+\) |Invalid Input Error: ", "", " ".join(str(result["message"]).split())
    )[:400]
    if result["status"] == "fail":
        lines = (result.get("compiled_code") or "").strip().splitlines()
        promise = " ".join(line[3:] for line in takewhile(lambda line: line.startswith("-- "), lines))
        message = f"{result['failures']} rows do not keep what it asks for. {promise}".strip()
    return f"dbt {name(result['unique_id'])}{more}: {message.rstrip('.')}."
