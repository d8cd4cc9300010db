"""The tables of a candidate for release, in both editions: written from the warehouse, or taken over from the last release.

What is published is what the product contracts list, column by column. Belongs here: which rows a table of the candidate has, its
comments. Does not belong here: how its files are written (targets.files), what goes with the tables (completing), the audit and the swap (publishing).
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from contracts.model import FieldSpec, Product
from contracts.public_edition import load_public_edition
from contracts.quoting import identifier, literal
from contracts.whole_files import duckdb_reads, link, write_json
from orchestration.derived import roads
from orchestration.disclosure import public_edition
from orchestration.disclosure.attack import COLUMNS
from orchestration.disclosure.public_edition import Moved
from orchestration.disclosure.records import records
from orchestration.paths import DataDirectory
from orchestration.release import certificates, code_names, keeping, periods, revisions, taking_over, violations
from orchestration.release.certificates import Certificate
from orchestration.release.names import (
    DATABASE,
    FICTIONAL,
    INTERNAL,
    PUBLIC,
    PUBLIC_DATABASE,
    RECEIPTS,
    STORAGE_VERSION,
)
from orchestration.release.targets import files

# Of a table of so many rows what a night touches is looked for by period, and the rest taken over row for row, as it is sorted.
LARGE = 100_000


class AuditFailed(Exception):
    """Nothing can be released; the last release stands."""


def write(
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
    last = data.published / "current"
    has_last = duckdb_reads(last / DATABASE)
    if kept and (not has_last or set(kept) == set(products)):
        first = next(iter(kept.values()))
        raise AuditFailed(f"{len(kept)} of {len(products)} tables cannot be released, first: {first.why} The last release stands.")  # fmt: skip
    shutil.rmtree(candidate, ignore_errors=True)
    candidate.mkdir(parents=True)
    with duckdb.connect() as con:  # closed however this ends: a file that is attached somewhere cannot be written anew
        con.execute("set preserve_insertion_order = true")
        # DuckDB draws wrong conclusions from column statistics in some queries (see dbt_project/profiles.yml).
        con.execute("set disabled_optimizers = 'statistics_propagation'")
        # Under the name it has when dbt writes it: views say it in full.
        warehouse = data.warehouse.stem
        con.execute(f"attach {literal(data.warehouse)} as {warehouse} (read_only)")
        schemas = schemas_of(con, warehouse)
        named = {table: f'{warehouse}."{schema}"."{table}"' for table, schema in schemas.items()}
        (fictional,) = _one(con, f"select coalesce(bool_or(is_fictional), false) from {named['dim_division']}")
        is_by_same_rules = is_by_same_rules and previous is not None and previous.fictional == fictional
        # Where most rows are taken over the file is, too, and its other tables are replaced. Not of the public edition: a file keeps
        # pages of tables that it no longer has, and what was published by mistake must not go on in the next.
        is_copied = bool(is_by_same_rules and previous and _most_rows(previous, same))
        if is_copied:
            shutil.copyfile(data.published / "current" / DATABASE, candidate / DATABASE)
        con.execute(f"attach {literal(candidate / DATABASE)} as release (storage_version '{STORAGE_VERSION}')")
        (candidate / PUBLIC).mkdir()
        con.execute(
            f"attach {literal(candidate / PUBLIC / PUBLIC_DATABASE)} as public (storage_version '{STORAGE_VERSION}')"
        )
        public_edition.prepare(con)
        release_id, before, closings = certificates.next_id(data), certificates.standing_id(data), periods.closed(data)
        given = _Given(
            con, data, candidate, named, release_id, fictional, closings, previous, set(kept), same, is_by_same_rules, is_copied,
            last=last if has_last else candidate / "none", told=certificates.last_told(data),
            approved=periods.sources(data, closings, previous, last / DATABASE) if has_last else {},
        )  # fmt: skip
        # A table by which another is told goes before it.
        with files.Early(con) as early:
            for product in sorted(products.values(), key=lambda p: len(taking_over.reads(p.id))):
                _write_table(given, product)
                early.write("release", product.id, candidate)
                if _is_there(con, product.id):
                    early.write("public", product.id, candidate / PUBLIC)
            public_tables = {
                p.id: previous.public_tables[p.id]
                if previous and p.id in given.taken and p.id in previous.public_tables
                else _facts(con, p, "public")
                for p in products.values()
                if _is_there(con, p.id)
            }
        tables, disclosure = given.tables, given.disclosure
        con.execute("detach public; detach release")
    receipts = certificates.receipts(data)
    write_json(candidate / RECEIPTS, receipts)
    moment = data.now()
    return Certificate(
        release_id=release_id,
        released_at=moment,
        code_version=certificates.code_version(),
        content_checksum=hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest(),
        receipts=len(receipts),
        receipt_list=certificates.checksum_of(receipts),
        tables=tables,
        changed_tables=sorted(tables),
        fictional=fictional,
        notes=FICTIONAL if fictional else "",
        disclosure=disclosure,
        policies=revisions.policies_checksum(),
        code=revisions.code_checksum(),
        closed_periods=periods.told(closings),
        judged={table: previous.judged[table] for table in sorted(given.taken)} if previous else {},
        public_tables=public_tables,
        roads=roads.used(data),
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
    moved: dict[str, Moved] = field(
        default_factory=dict
    )  # large table → the periods in which its rows are others than in the last
    last: Path = Path("none")  # the last release; no folder where there is none to read
    approved: Mapping[Path, Sequence[periods.Closing]] = field(
        default_factory=dict
    )  # whose figures of closed periods stand
    told: str | None = None  # the newest release that was ever shown, whose cells these are compared with

    def has_cells_of_last(self, product: Product) -> bool:
        """Whether what the last release told of a table is what the next one is compared with: not after readers were led back."""
        is_newest = self.previous is None or self.told in (None, self.previous.release_id)
        return is_newest or product.id not in load_public_edition()

    def of_last(self, product: Product, *, is_same: bool) -> Certificate | None:
        """The last release's certificate, where a table that is the same, and what it is told by, can be taken over from it."""
        told_by, previous = taking_over.reads(product.id), self.previous
        can = (
            is_same and self.is_by_same_rules and told_by <= self.taken and taking_over.is_whole(self.last, product.id)
            and self.has_cells_of_last(product)
        )  # fmt: skip
        return previous if can and previous and product.id in previous.judged else None


def _write_table(given: _Given, product: Product) -> None:
    """A table in both editions, taken over where it is as it was."""
    con, name = given.con, product.id
    if name in given.kept:
        given.disclosure[name] = _keep(given, product)
        given.tables[name] = _facts(con, product)
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
            _tell_public(given, product)
    comment(con, "release", product, given.fictional, INTERNAL)
    if _is_there(con, name):
        comment(con, "public", product, given.fictional)


def _take_files(given: _Given, product: Product) -> None:
    given.taken.add(product.id)
    taking_over.take_files(given.last, given.candidate, product.id)


def _tell_public(given: _Given, product: Product) -> None:
    """A table of the public edition, made from the bureau's."""
    name, con, listed = product.id, given.con, load_public_edition()
    if product.is_public and name in listed:
        disclosed, before = given.data.disclosed, given.told or "none"
        given.disclosure[name] = public_edition.write(
            con, product, listed[name], f'release."{name}"', disclosed / before / f"{name}.parquet", disclosed / given.release_id / f"{name}.parquet",
            _moved_for_public(given, product),
        )  # fmt: skip
    elif product.is_public and product.disclosure["rule"] == "none":
        con.execute(f'create table public."{name}" as select * from release."{name}" order by {_order(product)}')
        public_edition.say_how(con, product, None)


def _moved_for_public(given: _Given, product: Product) -> Moved | None:
    """The periods of a large table that have to be told anew; None where all have, because what it is told by is another now."""
    moved = given.moved.get(product.id)
    if moved is None or not taking_over.reads(product.id) <= given.taken or not given.has_cells_of_last(product):
        return None
    with suppress(duckdb.IOException):
        given.con.execute(
            f"attach if not exists {literal(given.last / PUBLIC / PUBLIC_DATABASE)} as last_public (read_only)"
        )
        return moved if _columns(given.con, "last_public", product) == [f.name for f in product.fields] else None
    return None


def _columns(con: duckdb.DuckDBPyConnection, database: str, product: Product) -> list[str]:
    query = "select column_name from duckdb_columns() where database_name = ? and table_name = ? order by column_index"
    return [name for (name,) in con.execute(query, [database, product.id]).fetchall()]


def _moved(given: _Given, product: Product, source: str) -> Moved | None:
    """The periods in which a large table has other rows than in the last release; None where they are most, or nobody can say."""
    con, column, previous = given.con, periods.period_column(product), given.previous
    if column is None or product.id == violations.TABLE or not given.is_by_same_rules or previous is None:
        return None
    if previous.tables.get(product.id, {}).get("rows", 0) < LARGE:
        return None
    con.execute(f"attach if not exists {literal(given.last / DATABASE)} as last (read_only)")
    names = [f.name for f in product.fields]
    if _columns(con, "last", product) != names:
        return None
    row = f'"{column}" as period, hash({", ".join(map(identifier, names))})::hugeint as row_hash'
    found = con.execute(f"""
        select period, sum(side) <> 0 or sum(side * row_hash) <> 0 from (
            select {row}, 1 as side from last."{product.id}" union all select {row}, -1 as side from {source}
        ) group by period
    """).fetchall()
    others = tuple(period for period, is_other in found if is_other)
    return Moved(column, others) if 2 * len(others) < len(found) else None


def _order(product: Product) -> str:
    return ", ".join(f'"{k}"' for k in product.key) or "all"


def _facts(con: duckdb.DuckDBPyConnection, product: Product, edition: str = "release") -> dict[str, Any]:
    rows, total = _one(
        con,
        f'select count(*), coalesce(sum(hash({_content(product)})::hugeint), 0)::varchar from {edition}."{product.id}"',
    )
    return {"rows": rows, "checksum": total}


def _take(given: _Given, product: Product) -> dict[str, Any]:
    """A table as the warehouse has it, closed periods and violations told before as the last release; returns what its contract says
    of the few, or how recognisable its rows are."""
    con, data = given.con, given.data
    columns = ", ".join(f'source."{f.name}"' for f in product.fields)
    source = given.named.get(product.id, product.id)
    rows = f"select {columns} from {source} as source"
    if moved := _moved(given, product, source):
        given.moved[product.id] = moved
        rows = f'{rows} where {moved.rows} union all select {columns} from last."{product.id}" as source where not {moved.rows}'
    con.execute(f'create or replace table release."{product.id}" as select * from ({rows}) order by {_order(product)}')
    if product.id == violations.TABLE:  # what becomes of a violation is told whatever period it is of
        violations.carry(con, product, given.named, given.last / DATABASE, given.release_id, data.today())
    else:
        periods.hold(con, product, given.closings, given.approved)
    if product.disclosure["rule"] != "records":
        return dict(product.disclosure)
    wanted = ", ".join(f'"{c}"' for c in product.disclosure["quasi_identifiers"])
    counted = f'select {wanted}, count(*) as _alike from release."{product.id}" group by all'
    return records(product, con.sql(counted).pl(), data.today(), "_alike")


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
    if not given.has_cells_of_last(product):
        # Rows of the release that readers were led back to, told as the next figures will be: against the newest that were told.
        _tell_public(given, product)
        return given.disclosure.get(product.id, {})
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
    cells = disclosed / str(given.told) / f"{product.id}.parquet"
    if cells.is_file():
        link(cells, disclosed / given.release_id / cells.name)


def _content(product: Product) -> str:
    """A row's values for its checksum, but for what a run measures of itself.

    Numbers to 12 digits and 10 places: a parallel sum differs in the last ones every night, of a figure that is nothing but such
    a difference (1e-17 for 0) every digit does, and models round to 12 places, where the last one may turn. They are cut a little
    beside the half, where figures of few places lie; `-0.0 + 0.0` is 0.
    """
    fields = [f for f in product.fields if not f.is_measured]
    return ", ".join(
        f"printf('%.12g', round(\"{f.name}\" + 3.7e-12, 10) + 0.0)" if f.kind == "number" else f'"{f.name}"'
        for f in fields
    )


def schemas_of(con: duckdb.DuckDBPyConnection, catalog: str) -> dict[str, str]:
    """Table → the schema it lies in; dbt keeps names unique."""
    query = f"select table_name, table_schema from information_schema.tables where table_catalog = '{catalog}'"
    return dict(con.execute(query).fetchall())


def _one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    (row,) = con.execute(query).fetchall()
    return row


def comment(con: duckdb.DuckDBPyConnection, catalog: str, product: Product, fictional: bool, edition: str = "") -> None:
    """Table comments begin with the grain, column comments carry both labels, the unit, the formula, the keys and the values."""
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
        text = " ".join(filter(None, (f.told, _values(f))))
        said.append(f'comment on column {catalog}."{product.id}"."{f.name}" is {literal(text)}')
    # At once, or each of hundreds of comments is written to disk by itself.
    con.execute(f"begin; {'; '.join(said)}; commit")


def _values(f: FieldSpec) -> str:
    """What a code of the column may be, as its comment says it."""
    listed = "; ".join(f"{code}: {name}" if name else code for code, name in (f.enum or f.parts).items())
    if listed:
        return f"取值 Values: {listed}."
    return "取值见 code_name 表 · The table code_name has its values." if code_names.coded_by(f) or f.named_by else ""
