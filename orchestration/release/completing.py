"""What a candidate for release has beside the tables of the warehouse: its log and revisions, worklists, files for others, pages.

Belongs here: handing the candidate to those who write each of these. Does not belong here: how they are written (revisions,
worklists, targets, bulletin).
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from contracts.loading import load_products
from contracts.model import Product
from contracts.quoting import literal
from contracts.whole_files import NotReadable, read_json
from orchestration.derived import roads
from orchestration.paths import DataDirectory
from orchestration.release import certificates, code_names, periods, public_changes, revisions, violations, worklists
from orchestration.release.bulletin import charts
from orchestration.release.bulletin import pages as bulletin
from orchestration.release.certificates import Certificate
from orchestration.release.names import DATABASE, INTERNAL, PUBLIC, PUBLIC_DATABASE, RECEIPTS
from orchestration.release.tables import comment, schemas_of
from orchestration.release.targets import files, sdmx, workbooks

DRAWINGS = "drawings.json"  # beside the cells of a release: its charts, for the next one


def write_log(data: DataDirectory, candidate: Path, certificate: Certificate) -> None:
    """The release log, every release so far and this one, and the names of codes, as tables of the release itself."""
    products = load_products()
    columns = [f.name for f in products["release_log"].fields]
    every = [*certificates.releases(data), certificate]
    logs = (
        [_log_row(c) for c in every],
        [public_changes.log_row(_log_row(c), c, before) for c, before in zip(every, [None, *every], strict=False)],
    )
    _write_own(candidate, products["release_log"], [[[r[c] for c in columns] for r in log] for log in logs], certificate.fictional)  # fmt: skip
    if code_names.TABLE in products:
        lines = code_names.lines(products.values())
        _write_own(candidate, products[code_names.TABLE], [lines, lines], certificate.fictional)


def _write_own(candidate: Path, product: Product, editions: Sequence[Sequence[Sequence[Any]]], fictional: bool) -> None:
    """A table that the release makes, with its rows for the bureau's edition and for the public one."""
    columns = ", ".join(f'"{f.name}" {f.sql_type}' for f in product.fields)
    for database, rows in zip((candidate / DATABASE, candidate / PUBLIC / PUBLIC_DATABASE), editions, strict=True):
        found = pl.DataFrame(
            rows, schema=[f.name for f in product.fields], orient="row", infer_schema_length=None
        ).to_arrow()
        with duckdb.connect() as con:
            con.execute(f"attach {literal(database)} as release")
            con.execute(f'create or replace table release."{product.id}" ({columns})')
            con.register("found", found)
            con.execute(f'insert into release."{product.id}" select * from found')
            comment(con, "release", product, fictional, INTERNAL if database.name == DATABASE else "")
            con.execute("detach release")


def write_revisions(
    data: DataDirectory,
    candidate: Path,
    certificate: Certificate,
    previous: Certificate | None,
    products: Mapping[str, Product],
) -> None:
    """What this release changes of what the last one published, added to what was changed before."""
    log = load_products().get(revisions.TABLE)
    if log is None:
        return
    then = _contained(data.published / "current" / RECEIPTS) if previous else None
    changed = [
        products[t]
        for t in certificate.changed_tables
        # Violations say themselves when they were told and solved.
        if t in products and t != violations.TABLE and products[t].disclosure["rule"] != "records"
    ]
    with duckdb.connect() as con:
        con.execute(f"attach {literal(candidate / DATABASE)} as release")
        if previous:
            con.execute(f"attach {literal(data.published / 'current' / DATABASE)} as last (read_only)")
        because: dict[str, str] = {}
        if previous and changed:
            now, feeds_of = (
                _contained(candidate / RECEIPTS) or {},
                revisions.feeds_of_tables(data, [p.id for p in changed]),
            )
            other_ways = roads.checksums(previous.roads) != roads.checksums(certificate.roads)
            by_ways = revisions.measured_over_ways(data, feeds_of) if other_ways else frozenset[str]()
            moved = revisions.moved_files(data, now if then is None else then, now, feeds_of)
            for table, found in moved.items():
                everywhere = {
                    "policy": previous.policies != certificate.policies,
                    "network": table in by_ways,
                    "code": previous.code != certificate.code,
                    "kept": table in previous.kept,
                }
                because[table] = ", ".join([*found, *(cause for cause, holds in everywhere.items() if holds)]) or "day"
        revisions.write(
            con, log, changed, certificate.release_id, because, previous.released_at.date() if previous else None,
            [c for c in periods.closed(data) if c.release_id is None],
        )  # fmt: skip
        comment(con, "release", log, certificate.fictional, INTERNAL)


def _contained(path: Path) -> dict[str, str] | None:
    """Receipt → feed of the deliveries that a release contains; None where it does not say."""
    try:
        return dict(read_json(path))
    except (FileNotFoundError, NotReadable):
        return None


def write_forms(candidate: Path, certificate: Certificate) -> None:
    """The rows of the finished databases in forms that others open: Parquet, CSV, SDMX, workbooks."""
    databases, every = databases_of(candidate), load_products()
    files.write_tables(candidate, databases)
    sdmx.write(candidate, databases, every, certificate.release_id, certificate.released_at)
    if workbooks.TABLE in every:
        workbooks.write(
            candidate / DATABASE, every[workbooks.TABLE], candidate / workbooks.FOLDER, certificate.release_id, certificate.notes,
        )  # fmt: skip


def describe(candidate: Path, certificate: Certificate) -> None:
    """What the release holds, when all is in it."""
    at, notes = certificate.released_at, certificate.notes
    files.describe(candidate, databases_of(candidate), load_products(), certificate.release_id, at, notes)


def databases_of(candidate: Path) -> dict[str, Path]:
    """Edition, as a folder of the release → its database."""
    return {".": candidate / DATABASE, PUBLIC: candidate / PUBLIC / PUBLIC_DATABASE}


def write_worklists(
    data: DataDirectory,
    candidate: Path,
    products: Mapping[str, Product],
    certificate: Certificate,
    same: frozenset[str],
) -> None:
    """The departments' workbooks: part of the release, so that they never say other than its table."""
    (candidate / worklists.FOLDER).mkdir()
    if worklists.TABLE not in products:
        return
    # They name cases, which the table does not: the same rows may be of other cases.
    last = data.published / "current" / worklists.FOLDER
    if worklists.TABLE in certificate.kept or (worklists.TABLE in same and last.is_dir()):
        shutil.copytree(last, candidate / worklists.FOLDER, dirs_exist_ok=True)
        return
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        worklists.write_worklists(
            con, f"{schemas_of(con, data.warehouse.stem)[worklists.TABLE]}.{worklists.TABLE}", products[worklists.TABLE], candidate / worklists.FOLDER,
            data.today(), certificate.notes,
        )  # fmt: skip


def write_bulletin(
    data: DataDirectory, candidate: Path, certificate: Certificate, previous: Certificate | None
) -> None:
    """The pages for everybody, from the public edition; of the bureau's log of revisions only the kinds of cause."""
    now, last = candidate / PUBLIC / PUBLIC_DATABASE, data.published / "current" / PUBLIC / PUBLIC_DATABASE
    with duckdb.connect(str(candidate / DATABASE), read_only=True) as con:
        because = revisions.causes(con, certificate.release_id)
    public = {n: p for n, p in load_products().items() if p.is_public}
    changed = public_changes.changed(certificate, previous)
    causes = public_changes.counted(last, now, [public[t] for t in changed if t in public], because, certificate, previous)  # fmt: skip
    about = bulletin.About(
        release=certificate.release_id,
        released_at=certificate.released_at,
        fictional=certificate.fictional,
        causes=causes,
        kept={t: k["release"] for t, k in certificate.kept.items() if t in public},
        changed_tables=changed,
        last=previous.release_id if previous else None,
        feeds_of=revisions.feeds_of_tables(data, certificate.tables),
        roads=certificate.roads.get("files", ()),
    )
    kept = [data.disclosed / str(release_id) / DRAWINGS for release_id in (about.last, about.release)]
    with charts.taken_over(*kept):
        bulletin.write(now, candidate / bulletin.FOLDER, about, last if previous else None)


def _log_row(certificate: Certificate) -> dict[str, Any]:
    row = asdict(certificate)
    row["changed_tables"] = ", ".join(certificate.changed_tables)
    row["kept_tables"] = "; ".join(f"{t} of {k['release']} ({k['name']})" for t, k in certificate.kept.items()) or None
    return row
