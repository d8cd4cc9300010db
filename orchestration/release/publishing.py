"""Write – audit – publish: the only code that touches `published/`.

A release is a folder with a DuckDB file, Parquet files, the departments' worklists, a certificate and Data Docs: the bureau's own
edition, which withholds nothing and must not leave. `public` in it is the edition that may: fewer tables and rows, and counts of
people by their tens (`orchestration.disclosure.public_edition`), and `bulletin` the pages made from that. It is written beside, audited there, and
becomes current by one rename; a reader sees the old release or the new one, never a part.
What is published is what the product contracts list, column by column.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl

from contracts.loading import load_products
from contracts.model import Product
from contracts.public_edition import load_public_edition
from contracts.quoting import literal
from contracts.whole_files import NotReadable, link, put_folder, read_json, write_json
from orchestration import access
from orchestration.disclosure import public_edition
from orchestration.disclosure.attack import COLUMNS
from orchestration.disclosure.records import records
from orchestration.intake import ledger
from orchestration.paths import PROJECT, DataDirectory, data_directory
from orchestration.release import (
    charts,
    code_names,
    data_docs,
    keeping,
    periods,
    revisions,
    shown,
    taking_over,
    violations,
    worklists,
)
from orchestration.release.bulletin import pages as bulletin
from orchestration.release.targets import delivering, files, sdmx, workbooks
from orchestration.warehouse.dbt_assets import POOL, only_writer

# The oldest format that today's DuckDB writes; BI tools bundle 1.x clients, which cannot open a newer one.
STORAGE_VERSION = "v1.2.0"
KEPT_RELEASES = 7
FICTIONAL = "虚构示例数据 · FICTIONAL demonstration data."
DATABASE = "minsheng.duckdb"
# Which deliveries a release contains: receipt → feed.
RECEIPTS = "receipts.json"
INTERNAL = "内部版，不得外传；可公开的在 public/ · The bureau's own edition: it must not leave; what may is in public/."
# What may leave the bureau.
NOTICE = "MUST_NOT_LEAVE_不得外传.txt"
PUBLIC, PUBLIC_DATABASE = "public", "minsheng_public.duckdb"


@dataclass
class Certificate:
    """What a release is made of and what was checked."""

    release_id: str
    released_at: datetime
    code_version: str
    content_checksum: str
    receipts: int
    receipt_list: str  # SHA-256 over the sorted receipts the release contains
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)  # table → rows, checksum
    changed_tables: list[str] = field(default_factory=list)
    expectations: int = 0
    fictional: bool = False
    notes: str = ""
    disclosure: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # table → rule, what was withheld, what is unsafe
    # table whose content is an earlier release's → that release, what failed, and the sentence it failed with
    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    policies: str = ""  # SHA-256 (16 digits) over policies/
    code: str = ""  # and over what figures are computed by
    closed_periods: str | None = None  # each with its revision
    # table → the release in which it was written and audited, and how many promises it kept: this one, or one it was taken over from
    judged: dict[str, dict[str, Any]] = field(default_factory=dict)


class AuditFailed(Exception):
    """Nothing can be released; the last release stands."""


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
        if previous is None and standing_id(data) and log:
            log.warning(
                f"the certificate of {standing_id(data)} does not read (cut short or damaged), and neither does its copy: "
                "a release is made anew"
            )
        if previous and _stands(data, previous, products, kept, same):
            return previous, False
        while True:
            certificate = _write(data, candidate, products, previous, kept, same, is_by_same_rules)
            if previous and _same(previous, certificate):
                periods.settle(data, previous.release_id)
                taking_over.remember(data, previous.release_id, taking_over.tonight(data, products), kept)
                return previous, False
            checked, broken = _audited(data, candidate, certificate, previous, products, kept, log)
            if not broken:
                break
            kept = _kept_too(data, products, kept, broken)
            same -= set(kept)
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
        _write_worklists(data, candidate, products, certificate, same)
        (candidate / NOTICE).write_text(INTERNAL + "\n", encoding="utf-8")
        _write_other_forms(candidate, certificate)
        _write_bulletin(data, candidate, certificate, previous)
        write_json(candidate / "certificate.json", asdict(certificate))
        _publish(data, candidate, certificate.release_id)
        periods.settle(data, certificate.release_id)
        taking_over.remember(data, certificate.release_id, taking_over.tonight(data, products), kept)
    finally:
        shutil.rmtree(candidate, ignore_errors=True)
        _forget_cells(data)
    return certificate, True


def _audited(
    data: DataDirectory,
    candidate: Path,
    certificate: Certificate,
    previous: Certificate | None,
    products: Mapping[str, Product],
    kept: Mapping[str, keeping.Cause],
    log: Any,
) -> tuple[Any, dict[str, list[str]]]:
    """Completes a candidate by its log and audits it: the results for the Data Docs, and table → broken promises."""
    from contracts.audit import audit, broken_promises

    if previous:
        certificate.changed_tables = sorted(
            t for t, facts in certificate.tables.items() if previous.tables.get(t) != facts
        )
    _write_log(data, candidate, certificate)
    _write_revisions(data, candidate, certificate, previous, products)
    if log:
        log.info(f"auditing the candidate {certificate.release_id}")
    # What is taken over was audited in the release that wrote it.
    checked = audit(candidate / DATABASE, {t: p for t, p in load_products().items() if t not in certificate.judged})
    for table, suite in checked.items():
        certificate.judged[table] = {"release": certificate.release_id, "promises": len(suite.results)}
    certificate.expectations = sum(facts["promises"] for facts in certificate.judged.values())
    return checked, broken_promises(checked) or keeping.lost_keys(str(candidate / DATABASE), products, kept)


def stands(data: DataDirectory) -> bool:
    """Whether the release that readers see is what would be released now, where that can be told without reading the warehouse."""
    products, previous, kept, same, _ = _compared(data)
    return previous is not None and _stands(data, previous, products, kept, same)


def _compared(
    data: DataDirectory,
) -> tuple[dict[str, Product], Certificate | None, dict[str, keeping.Cause], frozenset[str], bool]:
    """The tables to release, the last release, which tables have to be kept, which are made of the same, and whether by the same rules."""
    products = {n: p for n, p in load_products().items() if not p.is_made_by_release}
    previous, kept = current(data), keeping.failed_in_dbt(data, products)
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
    return (previous.code_version, previous.receipt_list) == (code_version(), _checksum_of(_receipts(data))) and {
        table: k["name"] for table, k in previous.kept.items()
    } == causes


def _kept_too(
    data: DataDirectory,
    products: Mapping[str, Product],
    kept: Mapping[str, keeping.Cause],
    broken: Mapping[str, list[str]],
) -> dict[str, keeping.Cause]:
    """The tables to keep, with those in which the audit found a broken promise."""
    more = {t: c for t, c in keeping.broken_in_candidate(data, products, broken).items() if t not in kept}
    sentences = [sentence for said in broken.values() for sentence in said]
    if standing_id(data) is None or not more:
        raise AuditFailed(f"{len(sentences)} promises are broken, first: {sentences[0]}. The last release stands.")
    return {**kept, **more}


def _forget_cells(data: DataDirectory) -> None:
    """Kept are the cells of the newest release and of the one that readers see; of any other, published or not, they are not."""
    wanted = {standing_id(data), last_told(data)}
    for kept in data.disclosed.glob("*"):
        if kept.name not in wanted:
            shutil.rmtree(kept)


def last_told(data: DataDirectory) -> str | None:
    """The newest release that was ever shown: what it told is known, also where readers were led back to an earlier one."""
    told = [path for path in (data.published / "certificates").glob("*.json") if (data.disclosed / path.stem).is_dir()]
    newest = max(told, key=lambda p: (p.stem.rpartition(".")[0], _number(p.stem)), default=None)
    return newest.stem if newest else standing_id(data)


def current(data: DataDirectory) -> Certificate | None:
    """The certificate of the release that readers see now."""
    path = data.published / "current" / "certificate.json"
    if not path.is_file():
        return None
    try:
        return _certificate(path)
    except NotReadable:
        # The same certificate lies among all that were given.
        with suppress(NotReadable, FileNotFoundError):
            return _certificate(data.published / "certificates" / f"{standing_id(data)}.json")
        return None


def standing_id(data: DataDirectory) -> str | None:
    """The release that readers see now, also where its certificate does not read."""
    link = data.published / "current"
    return link.readlink().name if link.is_symlink() else None


def releases(data: DataDirectory) -> list[Certificate]:
    """Every certificate ever given, oldest first; the files of old releases may be gone."""
    found = []
    for path in (data.published / "certificates").glob("*.json"):
        try:
            found.append(_certificate(path))
        except NotReadable:
            # Of the releases that are kept, the same certificate lies with their files.
            with suppress(NotReadable, FileNotFoundError):
                found.append(_certificate(data.published / "releases" / path.stem / "certificate.json"))
    return sorted(found, key=lambda c: (c.released_at, _number(c.release_id)))


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


def _write(
    data: DataDirectory,
    candidate: Path,
    products: Mapping[str, Product],
    previous: Certificate | None,
    kept: Mapping[str, keeping.Cause],
    same: frozenset[str],
    is_by_same_rules: bool,
) -> Certificate:
    """Copies the listed columns of the listed tables, ordered by their grain, with comments; `kept` ones from the last release.

    `same`: tables made of the same as in the last release, which are taken over; so are those that turn out to have the same rows, if
    they are written and judged by the same rules.
    """
    if kept and (standing_id(data) is None or set(kept) == set(products)):
        first = next(iter(kept.values()))
        raise AuditFailed(f"{len(kept)} of {len(products)} tables cannot be released, first: {first.why} The last release stands.")  # fmt: skip
    shutil.rmtree(candidate, ignore_errors=True)
    candidate.mkdir(parents=True)
    con = duckdb.connect()
    con.execute("set preserve_insertion_order = true")
    # DuckDB draws wrong conclusions from column statistics in some queries (see dbt_project/profiles.yml).
    con.execute("set disabled_optimizers = 'statistics_propagation'")
    # Under the name it has when dbt writes it: views say it in full.
    warehouse = data.warehouse.stem
    con.execute(f"attach {literal(data.warehouse)} as {warehouse} (read_only)")
    schemas = _schemas(con, warehouse)
    named = {table: f'{warehouse}."{schema}"."{table}"' for table, schema in schemas.items()}
    (fictional,) = _one(con, f"select coalesce(bool_or(is_fictional), false) from {named['dim_division']}")
    is_by_same_rules = is_by_same_rules and previous is not None and previous.fictional == fictional
    # Where most rows are taken over the file is, too, and its other tables are replaced. Not of the public edition: a file keeps
    # pages of tables that it no longer has, and what was published by mistake must not go on in the next.
    is_copied = bool(is_by_same_rules and previous and _most_rows(previous, same))
    if is_copied:
        shutil.copyfile(data.published / "current" / DATABASE, candidate / DATABASE)
    con.execute(f"attach {literal(candidate / DATABASE)} as release (storage_version '{STORAGE_VERSION}')")
    (candidate / "parquet").mkdir()
    (candidate / PUBLIC / "parquet").mkdir(parents=True)
    con.execute(
        f"attach {literal(candidate / PUBLIC / PUBLIC_DATABASE)} as public (storage_version '{STORAGE_VERSION}')"
    )
    public_edition.prepare(con)
    release_id, before, closings = _next_id(data), standing_id(data), periods.closed(data)
    given = _Given(
        con, data, candidate, schemas, named, release_id, fictional, closings, previous, set(kept), same, is_by_same_rules, is_copied,
    )  # fmt: skip
    # A table by which another is told goes before it.
    for product in sorted(products.values(), key=lambda p: len(taking_over.reads(p.id))):
        _write_table(given, product)
    tables, disclosure = given.tables, given.disclosure
    public_edition.finish(con, candidate / PUBLIC)
    con.execute("detach release")
    con.close()
    receipts = _receipts(data)
    write_json(candidate / RECEIPTS, receipts)
    moment = data.now()
    return Certificate(
        release_id=release_id,
        released_at=moment,
        code_version=code_version(),
        content_checksum=hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest(),
        receipts=len(receipts),
        receipt_list=_checksum_of(receipts),
        tables=tables,
        changed_tables=sorted(tables),
        fictional=fictional,
        notes=FICTIONAL if fictional else "",
        disclosure=disclosure,
        policies=revisions.policies_checksum(),
        code=revisions.code_checksum(),
        closed_periods=periods.told(closings),
        judged={table: previous.judged[table] for table in sorted(given.taken)} if previous else {},
        kept={
            table: {
                "release": previous.kept.get(table, {}).get("release", previous.release_id)
                if previous
                else str(before),
                **asdict(cause),
            }
            for table, cause in sorted(kept.items())
        },
    )


def _most_rows(previous: Certificate, tables: Iterable[str]) -> bool:
    """Whether some tables of a release have more than half of its rows."""
    of_these = sum(previous.tables[t]["rows"] for t in tables if t in previous.tables)
    return 2 * of_these > sum(facts["rows"] for facts in previous.tables.values())


@dataclass
class _Given:
    """What the tables of a candidate are written from, and what has become of them so far."""

    con: duckdb.DuckDBPyConnection
    data: DataDirectory
    candidate: Path
    schemas: Mapping[str, str]
    named: Mapping[str, str]  # table → how it is called in the warehouse
    release_id: str
    fictional: bool
    closings: Sequence[periods.Closing]
    previous: Certificate | None
    kept: set[str]
    same: frozenset[str]
    is_by_same_rules: bool
    is_copied: bool  # the bureau's database begins as the last release's
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    disclosure: dict[str, dict[str, Any]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    @property
    def last(self) -> Path:
        return self.data.published / "current"

    def of_last(self, product: Product, *, is_same: bool) -> Certificate | None:
        """The last release's certificate, where a table that is the same, and what it is told by, can be taken over from it."""
        told_by, previous = taking_over.reads(product.id), self.previous
        can = (
            is_same and self.is_by_same_rules and told_by <= self.taken and taking_over.is_whole(self.last, product.id)
        )
        return previous if can and previous and product.id in previous.judged else None


def _write_table(given: _Given, product: Product) -> None:
    """A table in both editions, taken over where it is as it was."""
    con, name = given.con, product.id
    if name in given.kept:
        given.disclosure[name] = _keep(given, product)
        given.tables[name] = _facts(con, product)
        _copy_parquet(con, "release", given.candidate, product)
    elif previous := given.of_last(product, is_same=name in given.same):
        given.disclosure[name] = _keep(given, product)
        given.tables[name] = previous.tables[name]
        _take_files(given, product)
    else:
        given.disclosure[name] = _take(given, product)
        given.tables[name] = facts = _facts(con, product)
        is_same = given.previous is not None and given.previous.tables.get(name) == facts
        if previous := given.of_last(product, is_same=is_same):
            given.disclosure[name] = previous.disclosure.get(name, {})
            _keep_public(given, product)
            _take_files(given, product)
        else:
            _copy_parquet(con, "release", given.candidate, product)
            _tell_public(given, product)
    _comment(con, "release", product, given.fictional, INTERNAL)
    if _is_there(con, name):
        _comment(con, "public", product, given.fictional)
        if name not in given.taken:
            _copy_parquet(con, "public", given.candidate / PUBLIC, product)


def _take_files(given: _Given, product: Product) -> None:
    given.taken.add(product.id)
    taking_over.take_files(given.last, given.candidate, product.id)


def _tell_public(given: _Given, product: Product) -> None:
    """A table of the public edition, made from the bureau's."""
    name, con, listed = product.id, given.con, load_public_edition()
    if product.is_public and name in listed:
        disclosed, before = given.data.disclosed, last_told(given.data) or "none"
        given.disclosure[name] = public_edition.write(
            con, product, listed[name], f'release."{name}"', given.schemas, given.data.warehouse.stem,
            disclosed / before / f"{name}.parquet", disclosed / given.release_id / f"{name}.parquet",
        )  # fmt: skip
    elif product.is_public and product.disclosure["rule"] == "none":
        con.execute(f'create table public."{name}" as select * from release."{name}" order by {_order(product)}')
        public_edition.say_how(con, product, None)


def _order(product: Product) -> str:
    return ", ".join(f'"{k}"' for k in product.key) or "all"


def _facts(con: duckdb.DuckDBPyConnection, product: Product) -> dict[str, Any]:
    rows, total = _one(
        con,
        f'select count(*), coalesce(sum(hash({_content(product)})::hugeint), 0)::varchar from release."{product.id}"',
    )
    return {"rows": rows, "checksum": total}


def _receipts(data: DataDirectory) -> dict[str, str]:
    """Receipt → feed of the deliveries that stand."""
    standing = ledger.table(data).filter(pl.col("superseded_by").is_null(), is_latest=True, verdict="accepted")
    return dict(standing.select("receipt", "feed").sort("receipt").iter_rows())


def _checksum_of(receipts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(receipts).encode()).hexdigest()


def _take(given: _Given, product: Product) -> dict[str, Any]:
    """A table as the warehouse has it, closed periods and violations told before as the last release; returns what its contract says
    of the few, or how recognisable its rows are."""
    con, data = given.con, given.data
    columns = ", ".join(f'source."{f.name}"' for f in product.fields)
    source = given.named.get(product.id, product.id)
    con.execute(
        f'create or replace table release."{product.id}" as select {columns} from {source} as source order by {_order(product)}'
    )
    if product.id == violations.TABLE:  # what becomes of a violation is told whatever period it is of
        violations.carry(con, product, given.named, given.last / DATABASE, given.release_id, data.today())
    else:
        periods.hold(con, product, given.closings, given.last / DATABASE)
    if product.disclosure["rule"] != "records":
        return dict(product.disclosure)
    wanted = ", ".join(f'"{c}"' for c in product.disclosure["quasi_identifiers"])
    return records(product, con.sql(f'select {wanted} from release."{product.id}"').pl(), data.today())


def _is_there(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a table is in the public edition: one with figures about people that nobody has listed is not."""
    query = "select count(*) from duckdb_tables() where database_name = 'public' and table_name = ?"
    ((n,),) = con.execute(query, [name]).fetchall()
    return bool(n)


def _keep(given: _Given, product: Product) -> dict[str, Any]:
    """A table as the last release has it, in both editions; returns what was withheld in it."""
    con, last = given.con, given.last / DATABASE
    columns = ", ".join(f'"{f.name}"' for f in product.fields)
    try:
        con.execute(f"attach if not exists {literal(last)} as last (read_only)")
        if not given.is_copied:
            con.execute(f'create table release."{product.id}" as select {columns} from last."{product.id}"')
    except duckdb.Error as error:
        raise AuditFailed(
            f"{product.id} cannot be released, and the last release does not have it as its contract wants it now "
            f"({str(error).splitlines()[0]}). The last release stands."
        ) from None
    _keep_public(given, product)
    return given.previous.disclosure.get(product.id, {}) if given.previous else {}


def _keep_public(given: _Given, product: Product) -> None:
    """A table of the public edition as the last release told it, with its cells for the next one to compare with."""
    con, disclosed = given.con, given.data.disclosed
    if product.is_public:
        before = given.last / PUBLIC / PUBLIC_DATABASE
        # An edition that does not say how its columns are told is of a time when it told figures as they were.
        with suppress(duckdb.CatalogException, duckdb.IOException):
            con.execute(f"attach if not exists {literal(before)} as last_public (read_only)")
            con.execute(
                f"insert into public.{COLUMNS} from last_public.{COLUMNS} where table_name = ?",
                [product.id],
            )
            con.execute(f'create table public."{product.id}" as from last_public."{product.id}"')
    cells = disclosed / str(last_told(given.data)) / f"{product.id}.parquet"
    if cells.is_file():
        link(cells, disclosed / given.release_id / cells.name)


def _content(product: Product) -> str:
    """A row's values for its checksum, numbers to 12 digits: a parallel sum differs in the last ones every night."""
    return ", ".join(f"printf('%.12g', \"{f.name}\")" if f.kind == "number" else f'"{f.name}"' for f in product.fields)


def _one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    (row,) = con.execute(query).fetchall()
    return row


def _write_log(data: DataDirectory, candidate: Path, certificate: Certificate) -> None:
    """The release log, every release so far and this one, and the names of codes, as tables of the release itself."""
    products = load_products()
    columns = [f.name for f in products["release_log"].fields]
    rows = [[r[c] for c in columns] for r in map(_log_row, [*releases(data), certificate])]
    _write_own(candidate, products["release_log"], rows, certificate.fictional)
    if code_names.TABLE in products:
        _write_own(candidate, products[code_names.TABLE], code_names.lines(products.values()), certificate.fictional)


def _write_own(candidate: Path, product: Product, rows: Sequence[Sequence[Any]], fictional: bool) -> None:
    """A table that the release makes, into both editions."""
    columns = ", ".join(f'"{f.name}" {f.sql_type}' for f in product.fields)
    found = pl.DataFrame(
        rows, schema=[f.name for f in product.fields], orient="row", infer_schema_length=None
    ).to_arrow()
    for database in (candidate / DATABASE, candidate / PUBLIC / PUBLIC_DATABASE):
        con = duckdb.connect()
        con.execute(f"attach {literal(database)} as release")
        con.execute(f'create or replace table release."{product.id}" ({columns})')
        con.register("found", found)
        con.execute(f'insert into release."{product.id}" select * from found')
        _comment(con, "release", product, fictional, INTERNAL if database.name == DATABASE else "")
        _copy_parquet(con, "release", database.parent, product)
        con.execute("detach release")
        con.close()


def _write_revisions(
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
            moved = revisions.moved_files(data, now if then is None else then, now, feeds_of)
            for table, found in moved.items():
                everywhere = {
                    "policy": previous.policies != certificate.policies,
                    "code": previous.code != certificate.code,
                    "kept": table in previous.kept,
                }
                because[table] = ", ".join([*found, *(cause for cause, holds in everywhere.items() if holds)]) or "day"
        revisions.write(
            con, log, changed, certificate.release_id, because, previous.released_at.date() if previous else None,
            [c for c in periods.closed(data) if c.release_id is None],
        )  # fmt: skip
        _comment(con, "release", log, certificate.fictional, INTERNAL)
        _copy_parquet(con, "release", candidate, log)


def _contained(path: Path) -> dict[str, str] | None:
    """Receipt → feed of the deliveries that a release contains; None where it does not say."""
    return dict(read_json(path)) if path.is_file() else None


def _schemas(con: duckdb.DuckDBPyConnection, catalog: str) -> dict[str, str]:
    """Table → the schema it lies in; dbt keeps names unique."""
    query = f"select table_name, table_schema from information_schema.tables where table_catalog = '{catalog}'"
    return dict(con.execute(query).fetchall())


def _write_worklists(
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
            con, f"{_schemas(con, data.warehouse.stem)[worklists.TABLE]}.{worklists.TABLE}", products[worklists.TABLE], candidate / worklists.FOLDER,
            data.today(), certificate.notes,
        )  # fmt: skip


def _write_other_forms(candidate: Path, certificate: Certificate) -> None:
    """CSV, descriptions, SDMX and the departments' scorecards: the rows of the finished database in forms that others open."""
    databases = {".": candidate / DATABASE, PUBLIC: candidate / PUBLIC / PUBLIC_DATABASE}
    products = load_products()
    files.write(candidate, databases, products, certificate.release_id, certificate.released_at, certificate.notes)
    sdmx.write(candidate, databases, products, certificate.release_id, certificate.released_at)
    if workbooks.TABLE in products:
        workbooks.write(
            candidate / DATABASE, products[workbooks.TABLE], candidate / workbooks.FOLDER, certificate.release_id, certificate.notes,
        )  # fmt: skip


def _write_bulletin(
    data: DataDirectory, candidate: Path, certificate: Certificate, previous: Certificate | None
) -> None:
    """The pages for everybody, from the public edition; of the bureau's log of revisions only how many values changed, and why."""
    last = data.published / "current" / PUBLIC / PUBLIC_DATABASE if previous else None
    with duckdb.connect(str(candidate / DATABASE), read_only=True) as con:
        changed = revisions.counted(con, certificate.release_id)
    public = {n: p for n, p in load_products().items() if p.is_public}
    about = bulletin.About(
        release=certificate.release_id,
        released_at=certificate.released_at,
        fictional=certificate.fictional,
        causes=[c for c in changed if c.table in public],
        kept={t: k["release"] for t, k in certificate.kept.items() if t in public},
        changed_tables=[t for t in certificate.changed_tables if t in public],
        last=previous.release_id if previous else None,
        feeds_of=revisions.feeds_of_tables(data, certificate.tables),
    )
    bulletin.write(candidate / PUBLIC / PUBLIC_DATABASE, candidate / bulletin.FOLDER, about, last)


def _log_row(certificate: Certificate) -> dict[str, Any]:
    row = asdict(certificate)
    row["changed_tables"] = ", ".join(certificate.changed_tables)
    row["kept_tables"] = "; ".join(f"{t} of {k['release']} ({k['name']})" for t, k in certificate.kept.items()) or None
    return row


def _comment(
    con: duckdb.DuckDBPyConnection, catalog: str, product: Product, fictional: bool, edition: str = ""
) -> None:
    """Table comments begin with the grain, column comments carry both labels, the unit, the formula and the keys."""
    text = " ".join(
        filter(
            None,
            [
                product.description,
                f"{product.label_zh} · {product.label_en}.",
                edition,
                FICTIONAL if fictional else None,
            ],
        )
    )
    said = [f'comment on table {catalog}."{product.id}" is {literal(text)}']
    for f in product.fields:
        unit = f" [{f.unit}]" if f.unit else ""
        text = f"{f.label_zh} · {f.label_en}{unit}. {f.explanation}".strip()
        said.append(f'comment on column {catalog}."{product.id}"."{f.name}" is {literal(text)}')
    # At once, or each of hundreds of comments is written to disk by itself.
    con.execute(f"begin; {'; '.join(said)}; commit")


def _copy_parquet(con: duckdb.DuckDBPyConnection, catalog: str, folder: Path, product: Product) -> None:
    """A table as Parquet."""
    target = folder / "parquet" / f"{product.id}.parquet"
    con.execute(f'copy {catalog}."{product.id}" to {literal(target)} (format parquet, compression zstd)')


def _same(previous: Certificate, new: Certificate) -> bool:
    """The same content, code and receipts, and the same tables kept for the same reason (the sentence may name a run)."""

    def facts(certificate: Certificate) -> tuple[Any, ...]:
        kept = {table: (k["release"], k["name"]) for table, k in certificate.kept.items()}
        return certificate.content_checksum, certificate.code_version, certificate.receipt_list, kept

    return facts(previous) == facts(new)


# ── publishing ──────────────────────────────────────────────────────────────────────────────────


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
    show(data, release_id)
    for old in sorted(folder.parent.iterdir(), key=lambda p: p.stat().st_mtime)[:-KEPT_RELEASES]:
        shutil.rmtree(old)
    access.close(data)
    access.show(data.published)


def show(data: DataDirectory, release_id: str) -> None:
    """Readers see this release from now on; its folder is there."""
    _link(data.published / "current", Path("releases") / release_id)
    files.point(data.published, release_id, data.now())
    through_current = (
        DATABASE, "parquet", files.CSV, sdmx.FOLDER, worklists.FOLDER, workbooks.FOLDER, "charts", data_docs.FOLDER, PUBLIC,
        bulletin.FOLDER, NOTICE,
    )  # fmt: skip
    for name in through_current:
        _link(data.published / name, Path("current") / name)


def _link(link: Path, target: Path) -> None:
    staged = link.with_name(f".{link.name}.new")
    staged.unlink(missing_ok=True)
    staged.symlink_to(target)
    staged.replace(link)


def _next_id(data: DataDirectory) -> str:
    """<day>.<n>, n counting the day's releases from 1."""
    day = data.today().isoformat()
    numbers = [_number(p.stem) for p in (data.published / "certificates").glob(f"{day}.*.json")]
    return f"{day}.{max(numbers, default=0) + 1}"


def _number(release_id: str) -> int:
    return int(release_id.rpartition(".")[2])


def code_version() -> str:
    """The commit the code stands at, or the package's version where there is no repository."""
    run = subprocess.run(
        ["git", "-C", str(PROJECT), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return run.stdout.strip() or "0.1.0"


def _certificate(path: Path) -> Certificate:
    try:
        raw = read_json(path)
        raw["released_at"] = datetime.fromisoformat(raw["released_at"])
        return Certificate(**raw)
    except (KeyError, TypeError, ValueError):
        raise NotReadable(path) from None


# ── what Dagster shows ──────────────────────────────────────────────────────────────────────────


def release_asset(products: list[dg.AssetKey], owner: str | None = None) -> dg.AssetsDefinition:
    """The asset that stands for what readers see; it depends on every product's model."""
    key = dg.AssetKey(["release", "published"])
    said = "每张产品表的承诺都在候选版上查过。 · Every promise of the product contracts, checked on the candidate."

    @dg.asset(
        key=key,
        group_name="release",
        deps=products,
        pool=POOL,
        kinds={"duckdb", "parquet"},
        owners=[owner] if owner else None,
        tags={"layer": "release"},
        metadata={"readers": dg.MetadataValue.md(shown.readers())},
        description=(
            "**发布 · What leaves**: one DuckDB file and Parquet, written beside, audited, and swapped in whole.\n\n"
            "Below, of the last one: its certificate, the difference to the one before, headline figures and charts, where it lies."
        ),
        check_specs=[dg.AssetCheckSpec("audit", asset=key, description=said)],
    )
    def published(context: dg.AssetExecutionContext) -> Any:
        data = data_directory()
        if not data.warehouse.is_file():
            raise dg.Failure(
                description="还没有任何表：请先运行作业 night · no table has been built yet: launch the job night",
                allow_retries=False,
            )
        try:
            with only_writer(data, context.log):
                certificate, new = release(data, context.log)
        except NotReadable as unreadable:
            yield dg.AssetCheckResult(check_name="audit", asset_key=key, passed=False, description=str(unreadable))
            raise dg.Failure(description=f"{unreadable} The last release stands.", allow_retries=False) from None
        except AuditFailed as failed:
            yield dg.AssetCheckResult(check_name="audit", asset_key=key, passed=False, description=str(failed))
            raise dg.Failure(description=str(failed), allow_retries=False) from None
        told = "; ".join(f"{t} keeps the content of {k['release']}: {k['why']}" for t, k in certificate.kept.items())
        yield dg.AssetCheckResult(
            check_name="audit", asset_key=key, passed=not told, description=told or None,
            metadata={"expectations": certificate.expectations},
        )  # fmt: skip
        delivered = delivering.deliver(
            data, certificate.release_id, certificate.content_checksum, load_products(), context.log
        )
        facts = shown.facts(data.published, certificate, _before(data, certificate), new)
        yield dg.MaterializeResult(metadata={**facts, **delivered.facts, **delivered.failed})

    return published


def _before(data: DataDirectory, certificate: Certificate) -> Certificate | None:
    """The certificate of the release made before this one."""
    every = releases(data)
    place = next((i for i, c in enumerate(every) if c.release_id == certificate.release_id), 0)
    return every[place - 1] if place else None
