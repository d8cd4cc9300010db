"""Write – audit – publish: the only code that touches `published/`.

A release is a folder with a DuckDB file, Parquet files, the departments' worklists, a certificate and Data Docs: the bureau's own
edition, which withholds nothing and must not leave. `public` in it is the edition that may: fewer tables and rows, and counts of
people by their tens (`orchestration.disclosure.public_edition`), and `bulletin` the pages made from that. It is written beside, audited there, and
becomes current by one rename; a reader sees the old release or the new one, never a part.
What is published is what the product contracts list, column by column.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contracts.loading import load_products
from contracts.model import Product
from contracts.whole_files import put_folder, read_json, write_json
from orchestration import access
from orchestration.derived import roads
from orchestration.paths import DataDirectory
from orchestration.release import (
    certificates,
    charts,
    completing,
    data_docs,
    keeping,
    periods,
    standing,
    tables,
    taking_over,
)
from orchestration.release.beside import beside
from orchestration.release.certificates import Certificate
from orchestration.release.names import DATABASE, INTERNAL, KEPT_RELEASES, NOTICE
from orchestration.release.tables import AuditFailed


def release(data: DataDirectory, log: Any = None) -> tuple[Certificate, bool]:
    """Writes a candidate from the warehouse, audits it, and makes it current.

    A table that is as it was is taken over from the last release (`taking_over`); where all are, there is nothing to write. A table
    that breaks a promise keeps the content of the last release, with all that is made from it (`keeping`), and the certificate and
    the release log say which and why.

    Returns:
        The certificate of the current release, and whether it is a new one: the same content under the same code
        is not released twice.

    Raises:
        AuditFailed: a promise is broken and no earlier release has the table as its contract wants it, or all tables are reached.
    """
    products, previous, kept, same, is_by_same_rules = _compared(data)
    candidate = data.published / ".candidate"
    try:
        harmed = _harmed(data, log)
        if set(harmed) & set(standing.DATABASES):  # nothing to take over, and perhaps nothing to compare with
            previous, same, is_by_same_rules = None if DATABASE in harmed else previous, frozenset(), False
        if previous and not harmed and _stands(data, previous, products, kept, same):
            return previous, False
        while True:
            certificate = tables.write(data, candidate, products, previous, kept, same, is_by_same_rules)
            if previous and not harmed and _same(previous, certificate):
                periods.settle(data, previous.release_id)
                taking_over.remember(data, previous.release_id, taking_over.tonight(data, products), kept)
                return previous, False
            try:
                with beside() as run:
                    _complete(data, candidate, certificate, previous, products, kept, same, run, log)
                break
            except _Broken as audited:
                kept = _kept_too(data, products, kept, audited.promises)
                same -= set(kept)
        # Last: it describes what the release holds.
        completing.describe(candidate, certificate)
        write_json(candidate / "certificate.json", asdict(certificate))
        _publish(data, candidate, certificate.release_id)
        periods.settle(data, certificate.release_id)
        taking_over.remember(data, certificate.release_id, taking_over.tonight(data, products), kept)
    finally:
        shutil.rmtree(candidate, ignore_errors=True)
        _forget_cells(data)
    return certificate, True


class _Broken(Exception):
    """The candidate breaks promises: table → sentences. What was made of it beside, or could not be, does not count."""

    def __init__(self, promises: dict[str, list[str]]) -> None:
        super().__init__(promises)
        self.promises = promises


def _complete(
    data: DataDirectory,
    candidate: Path,
    certificate: Certificate,
    previous: Certificate | None,
    products: Mapping[str, Product],
    kept: Mapping[str, keeping.Cause],
    same: frozenset[str],
    run: Callable[..., None],
    log: Any,
) -> None:
    """Completes a candidate by its log, audits it, and makes of it what others open.

    Python writes worklists and the bulletin beside it (`run`), while DuckDB compares and counts.

    Raises:
        _Broken: the audit found broken promises.
    """
    from contracts.audit import audit, broken_promises

    run(completing.write_worklists, data, candidate, products, certificate, same)
    if previous:
        certificate.changed_tables = sorted(
            t for t, facts in certificate.tables.items() if previous.tables.get(t) != facts
        )
    completing.write_log(data, candidate, certificate)
    completing.write_revisions(data, candidate, certificate, previous, products)
    run(completing.write_bulletin, data, candidate, certificate, previous)
    if log:
        log.info(f"auditing the candidate {certificate.release_id}")
    # What is taken over was audited in the release that wrote it.
    checked = audit(candidate / DATABASE, {t: p for t, p in load_products().items() if t not in certificate.judged})
    for table, suite in checked.items():
        certificate.judged[table] = {"release": certificate.release_id, "promises": len(suite.results)}
    certificate.expectations = sum(facts["promises"] for facts in certificate.judged.values())
    if broken := broken_promises(checked) or keeping.lost_keys(str(candidate / DATABASE), products, kept):
        raise _Broken(broken)
    last_docs = data.published / "current" / data_docs.FOLDER
    charts.write(candidate / DATABASE, candidate / "charts")
    data_docs.write(
        checked,
        load_products(),
        candidate / data_docs.FOLDER,
        certificate.release_id,
        certificate.judged,
        last_docs,
    )
    (candidate / NOTICE).write_text(INTERNAL + "\n", encoding="utf-8")
    completing.write_forms(candidate, certificate)


def stands(data: DataDirectory) -> bool:
    """Whether the release that readers see is what would be released now, where that can be told without reading the warehouse."""
    products, previous, kept, same, _ = _compared(data)
    if previous is None or standing.lost(data) or taking_over.harmed(data.published / "current"):
        return False
    return _stands(data, previous, products, kept, same)


def _compared(
    data: DataDirectory,
) -> tuple[dict[str, Product], Certificate | None, dict[str, keeping.Cause], frozenset[str], bool]:
    """The tables to release, the last release, which tables have to be kept, which are made of the same, and whether by the same rules."""
    products = {n: p for n, p in load_products().items() if not p.is_made_by_release}
    previous, kept = certificates.current(data), keeping.failed_in_dbt(data, products)
    last = taking_over.remembered(data, previous.release_id) if previous else taking_over.MadeOf()
    now = taking_over.tonight(data, products)
    return products, previous, kept, taking_over.of_the_same(last, now) - set(kept), last.rules == now.rules


def _stands(
    data: DataDirectory,
    previous: Certificate,
    products: Mapping[str, Product],
    kept: Mapping[str, keeping.Cause],
    same: frozenset[str],
) -> bool:
    """Whether the standing release is tonight's: all its tables are made of the same, and so is the rest of what `_same` compares."""
    if set(products) - same - set(kept) or not (data.published / "current" / DATABASE).is_file():
        return False
    causes = {table: cause.name for table, cause in kept.items()}
    return (previous.code_version, previous.receipt_list, roads.checksums(previous.roads)) == (
        certificates.code_version(),
        certificates.checksum_of(certificates.receipts(data)),
        roads.checksums(roads.used(data)),
    ) and {table: k["name"] for table, k in previous.kept.items()} == causes


def _kept_too(
    data: DataDirectory,
    products: Mapping[str, Product],
    kept: Mapping[str, keeping.Cause],
    broken: Mapping[str, list[str]],
) -> dict[str, keeping.Cause]:
    """The tables to keep, with those in which the audit found a broken promise."""
    more = {t: c for t, c in keeping.broken_in_candidate(data, products, broken).items() if t not in kept}
    sentences = [sentence for said in broken.values() for sentence in said]
    if certificates.standing_id(data) is None or not more:
        raise AuditFailed(f"{len(sentences)} promises are broken, first: {sentences[0]}. The last release stands.")
    return {**kept, **more}


def _harmed(data: DataDirectory, log: Any) -> list[str]:
    """The files of the standing release that a disk has harmed, told of; where only the way to it is lost, readers are led there again.

    Raises:
        Lost: one is a database: history, closed periods and what was told to the public are in it, so that nothing can be compared
            with it. Where no other release is whole there is nothing to go back to either, and a release is made anew, unless figures
            stand as approved in what is lost.
    """
    release_id = certificates.standing_id(data)
    if release_id is None:
        return []
    folder = data.published / "releases" / release_id
    if failed := standing.lost(data):
        databases = standing.harmed_databases(folder)
        if databases and standing.whole(data):
            raise failed
        if DATABASE in databases:
            periods.refuse_lost(data, failed)
        if not databases:
            standing.show(data, release_id)
        if log:
            log.warning(str(failed))
    harmed = taking_over.harmed(folder)
    if harmed and log:
        log.warning(
            f"files of {release_id} are not as they were written (cut short, damaged or gone): {', '.join(harmed[:5])}; a release is made anew"
        )
    if certificates.current(data) is None and log:
        log.warning(
            f"the certificate of {release_id} does not read (cut short or damaged), and neither does its copy: a release is made anew"
        )
    return harmed


def _forget_cells(data: DataDirectory) -> None:
    """Kept are the cells of the newest release and of the one that readers see; of any other, published or not, they are not."""
    wanted = {certificates.standing_id(data), certificates.last_told(data)}
    for kept in data.disclosed.glob("*"):
        if kept.name not in wanted:
            shutil.rmtree(kept)


def _same(previous: Certificate, new: Certificate) -> bool:
    """The same content, code, receipts and road network, and the same tables kept for the same reason (the sentence may name a run)."""

    def facts(certificate: Certificate) -> tuple[Any, ...]:
        kept = {table: (k["release"], k["name"]) for table, k in certificate.kept.items()}
        ways = roads.checksums(certificate.roads)
        return certificate.content_checksum, certificate.code_version, certificate.receipt_list, ways, kept

    return facts(previous) == facts(new)


def _publish(data: DataDirectory, candidate: Path, release_id: str) -> None:
    """The candidate becomes `releases/<id>`, and one rename of the link `current` shows it to everybody.

    `minsheng.duckdb`, `parquet`, `worklists`, `bulletin`, `data_docs` and `public` point through `current`, so they change in the same instant.
    Connections that are open keep the file they have.
    """
    folder = data.published / "releases" / release_id
    # Left by a night that died before it gave a certificate: nobody has seen it.
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    access.show(candidate)
    put_folder(candidate, folder)
    write_json(data.published / "certificates" / f"{release_id}.json", read_json(folder / "certificate.json"))
    standing.show(data, release_id)
    given = [c.release_id for c in certificates.releases(data)]
    for old in set(given[:-KEPT_RELEASES]) - {release_id}:
        shutil.rmtree(folder.parent / old, ignore_errors=True)
    access.close(data)
    access.show(data.published)
