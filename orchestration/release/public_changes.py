"""What of the public edition a release changes: told from the two public editions alone, so that it says nothing they do not say.

Belongs here: the release log and the numbers of changed values as everybody may read them. A count of what changed in the bureau's own
edition is a count of answers, reviews or contacts of that night, and stays there (revisions).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from contracts.loading import load_products
from contracts.model import Product
from contracts.quoting import literal
from orchestration.release import revisions
from orchestration.release.certificates import Certificate


def changed(certificate: Certificate, previous: Certificate | None) -> list[str]:
    """The public tables that are others than in the release before; all of those there are in the first one."""
    then = previous.public_tables if previous else {}
    return sorted(t for t, facts in certificate.public_tables.items() if then.get(t) != facts)


def log_row(row: Mapping[str, Any], certificate: Certificate, before: Certificate | None) -> dict[str, Any]:
    """A row of the release log as the public edition has it: checksum, changed and kept tables are those of that edition."""
    told, public = certificate.public_tables, {n for n, p in load_products().items() if p.is_public}
    # Of a release made before these were kept nobody can say what changed for the public.
    was_told = before.public_tables if before else {}
    names = changed(certificate, before) if told and (was_told or before is None) else []
    kept = [f"{t} of {k['release']} ({k['name']})" for t, k in certificate.kept.items() if t in public]
    return {
        **row,
        "content_checksum": hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest() if told else "",
        "changed_tables": ", ".join(names),
        "kept_tables": "; ".join(kept) or None,
    }


def counted(
    last: Path,
    now: Path,
    products: Sequence[Product],
    because: Mapping[str, str],
    certificate: Certificate,
    previous: Certificate | None,
) -> list[revisions.Counted]:
    """How many published values are others than in the edition `last`, by table and change; as `revisions` counts the bureau's."""
    log = load_products().get(revisions.TABLE)
    if previous is None or log is None or not last.is_file():
        return []
    with duckdb.connect() as con:
        con.execute(f"attach {literal(now)} as now (read_only)")
        con.execute(f"attach {literal(last)} as last (read_only)")
        con.execute("attach ':memory:' as release")
        there = {t for (t,) in con.execute("select table_name from duckdb_tables() where database_name = 'now'").fetchall()}  # fmt: skip
        compared = [p for p in products if p.id in there and not p.is_made_by_release]
        for product in compared:
            con.execute(f'create view release."{product.id}" as from now."{product.id}"')
        revisions.write(con, log, compared, certificate.release_id, because, previous.released_at.date())
        con.execute("use release")
        return revisions.counted(con, certificate.release_id)
