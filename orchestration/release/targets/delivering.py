"""After a release is current: the places outside the data directory that are to serve it too, each of which can fail alone.

Belongs here: which places there are, and what is said of one that failed. Does not belong here: how one is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.model import Product
from orchestration.paths import DataDirectory
from orchestration.release.targets import postgres


@dataclass
class Delivered:
    """What became of the places: facts for the one who looks, and a sentence for each that failed."""

    facts: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def deliver(
    data: DataDirectory, release_id: str, content: str, products: Mapping[str, Product], log: Any = None
) -> Delivered:
    """Brings every configured place to the current release; a place that fails serves what it served, and the rest goes on."""
    done = Delivered()
    try:
        target = postgres.configured()
        if target is not None:
            database = data.published / "releases" / release_id / "minsheng.duckdb"
            served = postgres.serve(target, database, postgres.Release(release_id, content), products)
            done.facts["postgres"] = _told(target, served)
            if log:
                log.info(done.facts["postgres"])
    except postgres.NotServed as failed:
        done.failed["postgres"] = str(failed)
    except Exception as unforeseen:  # the release is out: what fails behind it is told and fails nothing else
        said = f"{type(unforeseen).__name__}: {str(unforeseen).splitlines()[0] if str(unforeseen) else ''}"
        done.failed["postgres"] = (
            f"PostgreSQL 未能更新（{said}），原发布仍在提供 · PostgreSQL was not brought up to date ({said}); it serves what it served"
        )
    if log:
        for sentence in done.failed.values():
            log.warning(sentence)
    return done


def _told(target: postgres.Target, served: postgres.Served) -> str:
    loaded = f"{served.rows:,} rows loaded in {served.load_seconds:.1f} s, " if served.rows else ""
    shown = f"shown in {served.swap_seconds * 1000:.0f} ms" if served.tries else "shown already"
    left = f"; still held by readers, to be dropped later: {', '.join(served.left)}" if served.left else ""
    dropped = f"; dropped: {', '.join(served.dropped)}" if served.dropped else ""
    return f"PostgreSQL {target.place}: {served.release_id}, {loaded}{shown}{dropped}{left}"
