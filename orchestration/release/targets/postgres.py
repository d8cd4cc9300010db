"""A release in PostgreSQL: a schema a release, and a schema of views that shows one of them.

`MINSHENG_POSTGRES` names the server (a libpq URI of a role that may create schemas); without it nothing here is done.
A release is loaded, described and proved equal to the published file in one transaction; then the schema of views is
exchanged in another, in which every view is held: who has read one table of the old release in a transaction keeps it
to the end, and nobody sees tables of two. Releases that are no longer kept are dropped afterwards.
Does not belong here: who sees which rows (access.py) and the proof (checksums.py).
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from contracts.model import Product
from contracts.quoting import identifier, literal
from orchestration.release.targets import access, checksums

SERVER, SCHEMA, KEPT = "MINSHENG_POSTGRES", "MINSHENG_POSTGRES_SCHEMA", "MINSHENG_POSTGRES_KEPT"
# row-level security through views needs their `security_invoker`
OLDEST_SERVER = 150000
CONNECT_SECONDS = 10
# How long the exchange waits for one view before it lets all go again, and how long it goes on trying.
# All views together are held for less than a second: then PostgreSQL would look for a deadlock, and end a reader's query.
LOCK_MILLISECONDS, HELD_MILLISECONDS, PATIENCE_SECONDS = 50, 300, 120.0
# An index costs more than it saves in a table that is read as fast without it.
INDEXED_FROM_ROWS = 1000
BATCH_ROWS = 65_536
# What follows our name in the schema of a release. Another city's schema may begin as ours does: minsheng, minsheng_2.
OF_A_RELEASE = "[0-9]{4}_[0-9]{2}_[0-9]{2}_[0-9]+_[0-9a-f]{12}"
# Names that the schema of another city would take from us.
OURS = ("_next", "_before")
TYPES: Mapping[str, str] = {
    "VARCHAR": "text", "BIGINT": "bigint", "DOUBLE": "double precision", "BOOLEAN": "boolean",
    "DATE": "date", "TIMESTAMP": "timestamp",
}  # fmt: skip


class NotServed(Exception):
    """PostgreSQL does not serve the release; what it served before it still serves. The sentence is in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} · {en}")
        self.zh, self.en = zh, en


@dataclass(frozen=True)
class Release:
    """A release by its number and its content: a data directory that was made anew counts from 1 again."""

    id: str
    content: str  # its certificate's content_checksum

    def __str__(self) -> str:
        return f"{self.id}/{self.content[:12]}"


@dataclass(frozen=True)
class Target:
    """Where to, as configured. `schema` is the one that readers name; it begins the names of all others and of the roles."""

    uri: str
    schema: str = "minsheng"
    kept: int = 3

    @property
    def place(self) -> str:
        """The server without its password, for sentences."""
        return re.sub(r"(?<=://)([^:@/?]*)(:[^@/]*)?@", r"\1@", re.sub(r"password=\S+", "", self.uri)).partition("?")[0]

    def schema_of(self, release: Release) -> str:
        return f"{self.schema}_{re.sub(r'[^0-9a-z]', '_', str(release).lower())}"


@dataclass
class Served:
    """What was done: seconds of each step, rows loaded, and schemas that could not be dropped yet."""

    release_id: str
    rows: int = 0
    load_seconds: float = 0.0
    swap_seconds: float = 0.0
    tries: int = 0
    dropped: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def configured() -> Target | None:
    """The server the settings name, if they name one."""
    uri = os.environ.get(SERVER, "").strip()
    if not uri:
        return None
    schema, kept = os.environ.get(SCHEMA) or Target.schema, os.environ.get(KEPT) or str(Target.kept)
    if not re.fullmatch("[a-z][a-z0-9_]{0,30}", schema) or schema.endswith(OURS):
        raise NotServed(
            f"{SCHEMA}={schema} 不能作为模式名：须以小写字母开头，只含小写字母、数字、下划线，不超过 31 个字符，不以 {'、'.join(OURS)} 结尾。",
            f"{SCHEMA}={schema} cannot name a schema: a lower-case letter, then lower-case letters, digits and _, 31 at most, and not "
            f"{' or '.join(OURS)} at its end.",
        )
    if not kept.isdecimal() or int(kept) < 1:
        raise NotServed(f"{KEPT}={kept} 应为不小于 1 的整数。", f"{KEPT}={kept} should be a whole number, at least 1.")
    return Target(uri, schema, int(kept))


def serve(target: Target, database: Path, release: Release, products: Mapping[str, Product]) -> Served:
    """Makes PostgreSQL serve a release: loads it unless it is there, shows it, drops what is no longer kept.

    Args:
        database: the published DuckDB file of the release.
        products: the contracts; they say keys and whose rows are whose.

    Raises:
        NotServed: with a sentence that says what to do; readers see what they saw before.
    """
    with _connection(target) as con:
        done = Served(release.id)
        _check(con, target)
        if serving(con, target) != str(release):
            started = time.monotonic()
            if str(release) not in loaded(con, target):
                done.rows = _load(con, target, database, release, products)
            done.load_seconds = time.monotonic() - started
            _show(con, target, release, done)
        _drop_old(con, target, str(release), done)
        return done


def served(target: Target) -> str | None:
    """The release that PostgreSQL's readers see now, as `<number>/<content>`.

    Raises:
        NotServed: the server cannot be asked.
    """
    with _connection(target) as con:
        return serving(con, target)


# ── asking ──────────────────────────────────────────────────────────────────────────────────────


def serving(con: Any, target: Target) -> str | None:
    """The release the views show, as the comment on their schema says."""
    return _said_of(con, target.schema)


def loaded(con: Any, target: Target) -> dict[str, str]:
    """Release → schema of every release that lies in the server, oldest first; a load is there whole or not at all."""
    rows = _ask(
        con,
        "select nspname, split_part(obj_description(oid, 'pg_namespace'), ' ', 2) from pg_namespace "
        f"where nspname ~ {literal(f'^{target.schema}_{OF_A_RELEASE}$')} "
        "and obj_description(oid, 'pg_namespace') like 'Release %' order by oid",
    )
    return {release: schema for schema, release in rows}


def _said_of(con: Any, schema: str) -> str | None:
    rows = _ask(
        con,
        "select split_part(obj_description(oid, 'pg_namespace'), ' ', 2) from pg_namespace "
        f"where nspname = {literal(schema)} and obj_description(oid, 'pg_namespace') like 'Release %'",
    )
    return rows[0][0] if rows else None


def _mark(release: Release) -> str:
    return literal(f"Release {release} of Minsheng 民生")


def _check(con: Any, target: Target) -> None:
    """Says at once what would fail later: an old server, a schema of somebody else's under our name."""
    ((version,),) = _ask(con, "select current_setting('server_version_num')::int")
    if version < OLDEST_SERVER:
        raise NotServed(
            f"{target.place} 的 PostgreSQL 版本为 {version // 10000}，须为 15 或更新（视图的行级权限需要）。",
            f"{target.place} runs PostgreSQL {version // 10000}; 15 or newer is needed (row-level security through views).",
        )
    foreign = _ask(con, f"select 1 from pg_namespace where nspname = {literal(target.schema)}")
    if foreign and _said_of(con, target.schema) is None:
        raise NotServed(
            f"{target.place} 已有名为 {target.schema} 的模式，不是本平台所建；请另指定 {SCHEMA} 或移走它。",
            f"{target.place} has a schema {target.schema} that is not ours; name another ({SCHEMA}) or move it away.",
        )


# ── loading ─────────────────────────────────────────────────────────────────────────────────────


def _load(con: Any, target: Target, database: Path, release: Release, products: Mapping[str, Product]) -> int:
    """The release as tables of a schema of its own, with the views that will show it; one transaction. Returns its rows."""
    schema, views = target.schema_of(release), f"{target.schema}_next"
    rows = 0
    with duckdb.connect(str(database), read_only=True) as file, _transaction(con, target, f"load {release.id}"):
        _do(con, [f"drop schema if exists {identifier(s)} cascade" for s in (schema, views)])
        _do(con, [f"create schema {identifier(s)}" for s in (schema, views)])
        tables = _columns(file)
        for table, columns in tables.items():
            rows += load_table(con, file, schema, table, columns)
        for table, columns in tables.items():
            _prove(con, target, file, schema, table, columns)
        counts = {t: file.execute(f'select count(*) from "{t}"').fetchone() for t in tables}
        for table, columns in tables.items():
            _do(con, _keys(schema, table, columns, products.get(table), (counts[table] or (0,))[0]))
            _do(con, [f"analyze {identifier(schema)}.{identifier(table)}"])
        _do(con, _views(file, schema, views, tables))
        _do(con, access.roles(target.schema, _departments(file, tables)))
        _do(con, access.grants(target.schema, [schema, views], schema, products, tables, _departments(file, tables)))
        _do(con, [f"comment on schema {identifier(s)} is {_mark(release)}" for s in (schema, views)])
    return rows


def load_table(
    con: Any,
    file: duckdb.DuckDBPyConnection,
    schema: str,
    table: str,
    columns: Mapping[str, str],
    of: str | None = None,
) -> int:
    """One table's rows (of the file's table `of`, if that is called otherwise) by PostgreSQL's binary COPY; returns how many."""
    declared = ", ".join(f"{identifier(n)} {TYPES[t]}" for n, t in columns.items())
    _do(con, [f"create table {identifier(schema)}.{identifier(table)} ({declared})"])
    selected = ", ".join(f"{checksums.without_nul(n, t)} as {identifier(n)}" for n, t in columns.items())
    batches = file.sql(f'select {selected} from "{of or table}"').to_arrow_reader(BATCH_ROWS)
    with con.cursor() as cursor:
        return int(cursor.adbc_ingest(table, batches, mode="append", db_schema_name=schema))


def _prove(
    con: Any, target: Target, file: duckdb.DuckDBPyConnection, schema: str, table: str, columns: Mapping[str, str]
) -> None:
    ours = file.execute(checksums.in_duckdb(columns, f'"{table}"')).fetchone()
    (theirs,) = _ask(con, checksums.in_postgres(columns, f"{identifier(schema)}.{identifier(table)}"))
    if ours is None or tuple(map(str, ours)) != tuple(map(str, theirs)):
        raise NotServed(
            f"表 {table} 写入 {target.place} 后与发布文件不一致（行数与校验和 {theirs}，应为 {ours}），已撤回。",
            f"{table} in {target.place} is not what was published (rows and checksum {theirs}, expected {ours}); taken back.",
        )


def _columns(file: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Table → column → DuckDB type, of all that the file publishes."""
    tables: dict[str, dict[str, str]] = {}
    query = "select table_name, column_name, data_type from duckdb_columns() where not internal order by table_name, column_index"
    for table, column, sql_type in file.execute(query).fetchall():
        tables.setdefault(table, {})[column] = sql_type
    return tables


def _departments(file: duckdb.DuckDBPyConnection, tables: Mapping[str, Any]) -> list[str]:
    if "dim_department" not in tables:
        return []
    found = file.execute("select distinct department_code from dim_department order by 1").fetchall()
    return [code for (code,) in found if code not in access.NOBODY]


def _keys(schema: str, table: str, columns: Mapping[str, str], product: Product | None, rows: int) -> list[str]:
    """The primary key, and an index on each column by which tables are joined or BI filters: codes, days, the key's own."""
    if product is None:
        return []
    place = f"{identifier(schema)}.{identifier(table)}"
    statements = []
    if product.key:
        statements.append(f"alter table {place} add primary key ({', '.join(map(identifier, product.key))})")
    if rows >= INDEXED_FROM_ROWS:
        filtered = [
            f.name
            for f in product.fields
            if f.name in columns
            and f.name != (product.key or ("",))[0]
            and (f.foreign_keys or f.name in product.key or f.kind == "date")
        ]
        statements += [f"create index on {place} ({identifier(name)})" for name in filtered]
    return statements


def _views(
    file: duckdb.DuckDBPyConnection, schema: str, views: str, tables: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """A view of each table that asks with its reader's rights, and the published comments on both."""
    of_tables = dict(file.execute("select table_name, comment from duckdb_tables()").fetchall())
    of_columns = file.execute(
        "select table_name, column_name, comment from duckdb_columns() where not internal"
    ).fetchall()
    statements = []
    for table, columns in tables.items():
        selected = ", ".join(map(identifier, columns))
        statements.append(
            f"create view {identifier(views)}.{identifier(table)} with (security_invoker = true) as "
            f"select {selected} from {identifier(schema)}.{identifier(table)}"
        )
    for kind, place in (("table", schema), ("view", views)):
        statements += [
            f"comment on {kind} {identifier(place)}.{identifier(table)} is {literal(text)}"
            for table, text in of_tables.items()
            if text
        ]
        statements += [
            f"comment on column {identifier(place)}.{identifier(table)}.{identifier(column)} is {literal(text)}"
            for table, column, text in of_columns
            if text
        ]
    return statements


# ── showing ─────────────────────────────────────────────────────────────────────────────────────


def _show(con: Any, target: Target, release: Release, done: Served) -> None:
    """Exchanges the schema of views; tries until every view is free at once, and lets readers pass in between."""
    if _said_of(con, f"{target.schema}_next") != str(release):
        _make_views_again(con, target, release)
    over = time.monotonic() + PATIENCE_SECONDS
    while True:
        done.tries += 1
        is_free = _drop_aside(con, target)
        started = time.monotonic()
        if is_free and _exchanged(con, target):
            done.swap_seconds = time.monotonic() - started
            _drop_aside(con, target)
            return
        if time.monotonic() > over:
            readers = _holding(con, target)
            raise NotServed(
                f"{target.place} 上有会话一直占用表，未能切换到 {release.id}（仍为原发布）：{readers}。请结束这些会话，下次运行会再试。",
                f"sessions hold tables of {target.place}, so {release.id} is not shown (the last one is): {readers}. "
                "End them; the next night tries again.",
            )
        time.sleep(random.uniform(0.02, 0.2))  # noqa: S311


_IMPATIENT = (
    f"set local lock_timeout = '{LOCK_MILLISECONDS}ms'",
    f"set local statement_timeout = '{HELD_MILLISECONDS}ms'",
)


def _exchanged(con: Any, target: Target) -> bool:
    """Whether the exchange was done; False when a reader held a view. What was shown is left aside for `_drop_aside`."""
    now, new, aside = target.schema, f"{target.schema}_next", f"{target.schema}_before"
    shown = [
        name for (name,) in _ask(con, f"select viewname from pg_views where schemaname = {literal(now)} order by 1")
    ]
    places = ", ".join(f"{identifier(now)}.{identifier(name)}" for name in shown)
    statements = (
        [f"alter schema {identifier(now)} rename to {identifier(aside)}"] if _said_of(con, now) is not None else []
    )
    statements.append(f"alter schema {identifier(new)} rename to {identifier(now)}")
    try:
        with _transaction(con, target, "exchange"):
            _do(con, _IMPATIENT)  # a statement of its own: a time limit holds from the next one on
            _do(con, [f"lock table {places} in access exclusive mode"] if shown else [])
            # Looked for when nobody can build any more: who is about to waits, and builds upon the new ones.
            kept = _built_upon(con, now, new)
            _do(con, [*statements, *(_in_place(now, aside, name, *described) for name, described in kept.items())])
    except _Busy:
        return False
    return True


def _built_upon(con: Any, now: str, new: str) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Views that others have built upon (views, functions, columns of their type) → how the new one of that name asks, new columns last, and its comments by column."""
    found = _ask(
        con,
        "select v.relname, format('select %s from (%s) as shown', "
        "string_agg(quote_ident(a.attname), ', ' order by old.attnum nulls last, a.attnum), rtrim(pg_get_viewdef(fresh.oid), ';')) "
        "from pg_class v join pg_class fresh on fresh.relname = v.relname "
        f"and fresh.relnamespace = (select oid from pg_namespace where nspname = {literal(new)}) "
        "join pg_attribute a on a.attrelid = fresh.oid and a.attnum > 0 "
        "left join pg_attribute old on old.attrelid = v.oid and old.attname = a.attname "
        f"where v.relnamespace = (select oid from pg_namespace where nspname = {literal(now)}) and exists (select from pg_depend d "
        "left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid where d.deptype = 'n' and r.ev_class is distinct from v.oid "
        "and ((d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid) or (d.refclassid = 'pg_type'::regclass and d.refobjid = v.reltype))) "
        "group by v.relname, fresh.oid",
    )
    comments = _ask(
        con,
        "select c.relname, coalesce(a.attname, ''), d.description from pg_description d join pg_class c on c.oid = d.objoid "
        "left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid and d.objsubid > 0 where d.classoid = 'pg_class'::regclass "
        f"and c.relnamespace = (select oid from pg_namespace where nspname = {literal(new)})",
    ) if found else []  # fmt: skip
    return {name: (query, [(column, text) for view, column, text in comments if view == name]) for name, query in found}


def _in_place(now: str, aside: str, name: str, query: str, comments: Sequence[tuple[str, str]]) -> str:
    """The old view stays and asks the new release: whatever is built upon it stands. Where one of its columns has gone it cannot."""
    view = f"{identifier(now)}.{identifier(name)}"
    said = [
        f"comment on column {view}.{identifier(column)} is {literal(text)}"
        if column
        else f"comment on view {view} is {literal(text)}"
        for column, text in comments
    ]
    steps = [
        f"drop view {view}",
        f"alter view {identifier(aside)}.{identifier(name)} set schema {identifier(now)}",
        f"create or replace view {view} with (security_invoker = true) as {query}",
        *said,
    ]
    return f"begin {'; '.join(steps)}; exception when invalid_table_definition or feature_not_supported then null; end"


def _drop_aside(con: Any, target: Target) -> bool:
    """Drops the views that an exchange took away; False while somebody still reads one: they wait for the next exchange."""
    try:
        with _transaction(con, target, "exchange"):
            _do(con, [_IMPATIENT[0], f"drop schema if exists {identifier(f'{target.schema}_before')} cascade"])
    except _Busy:
        return False
    return True


def _make_views_again(con: Any, target: Target, release: Release) -> None:
    """The views of a release that was loaded earlier, as they were: for a rollback."""
    schema, views = loaded(con, target)[str(release)], f"{target.schema}_next"
    tables = _ask(
        con,
        "select c.relname, string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_class c "
        "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
        f"where c.relnamespace = {literal(schema)}::regnamespace and c.relkind = 'r' group by 1 order by 1",
    )
    comments = _ask(
        con,
        "select c.relname, a.attname, d.description from pg_description d join pg_class c on c.oid = d.objoid "
        "left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid and d.objsubid > 0 "
        f"where d.classoid = 'pg_class'::regclass and c.relnamespace = {literal(schema)}::regnamespace and c.relkind = 'r'",
    )
    with _transaction(con, target, f"views of {release.id}"):
        _do(con, [f"drop schema if exists {identifier(views)} cascade", f"create schema {identifier(views)}"])
        _do(con, [
            f"create view {identifier(views)}.{identifier(table)} with (security_invoker = true) as "
            f"select {columns} from {identifier(schema)}.{identifier(table)}"
            for table, columns in tables
        ])  # fmt: skip
        _do(con, [
            f"comment on column {identifier(views)}.{identifier(table)}.{identifier(column)} is {literal(text)}"
            if column else f"comment on view {identifier(views)}.{identifier(table)} is {literal(text)}"
            for table, column, text in comments
        ])  # fmt: skip
        _do(con, access.grants_on_views(target.schema, views))
        _do(con, [f"comment on schema {identifier(views)} is {_mark(release)}"])


def _holding(con: Any, target: Target) -> str:
    rows = _ask(
        con,
        "select distinct a.pid, a.usename, coalesce(nullif(a.application_name, ''), '?'), a.xact_start::timestamp(0)::text "
        "from pg_locks l join pg_class c on c.oid = l.relation join pg_stat_activity a on a.pid = l.pid "
        "join pg_namespace n on n.oid = c.relnamespace "
        f"where n.nspname in ({literal(target.schema)}, {literal(f'{target.schema}_before')}) and l.pid <> pg_backend_pid() order by 4",
    )
    con.rollback()
    return "; ".join(f"pid {pid} {user} ({program}) since {since}" for pid, user, program, since in rows) or "?"


def _drop_old(con: Any, target: Target, shown: str, done: Served) -> None:
    """Drops all but the newest releases and the one that is shown; one that a reader holds waits for the next night."""
    there = loaded(con, target)
    con.rollback()
    newest = list(there)[-target.kept :]
    for release, schema in there.items():
        if release in newest or release == shown:
            continue
        try:
            with _transaction(con, target, f"drop {release}"):
                _do(con, ["set local lock_timeout = '2s'", f"drop schema {identifier(schema)} cascade"])
            done.dropped.append(release)
        except _Busy:
            done.left.append(release)


# ── the connection ──────────────────────────────────────────────────────────────────────────────


class _Busy(Exception):
    """Somebody else holds what is needed."""


LOCK_NOT_AVAILABLE, DEADLOCK, CANCELLED, NO_RIGHT, DISK_FULL = "55P03", "40P01", "57014", "42501", "53100"


@contextmanager
def _connection(target: Target) -> Iterator[Any]:
    """A connection that is alone with its target: two nights of one city wait for each other at the advisory lock."""
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi

    try:
        con = dbapi.connect(_with_timeout(target.uri), autocommit=False)
    except Error as error:
        raise NotServed(
            f"连接不上 PostgreSQL {target.place}（{_first_line(error)}）；请检查 {SERVER} 和服务器。已发布的数据不受影响，下次运行会再试。",
            f"PostgreSQL {target.place} cannot be reached ({_first_line(error)}); check {SERVER} and the server. "
            "What is published stands, and the next night tries again.",
        ) from None
    try:
        with _told(target, "connect"):
            _run(con, "set client_min_messages = error")
            _run(con, "set extra_float_digits = 1")
            _run(con, "set statement_timeout = 0")
            con.commit()
            ((free,),) = _ask(con, f"select pg_try_advisory_lock(hashtext({literal('minsheng ' + target.schema)}))")
            if not free:
                raise NotServed(
                    f"另一个进程正在写入 {target.place}，本次不写；下次运行会再试。",
                    f"another process is writing to {target.place}; nothing was done, and the next night tries again.",
                )
            con.commit()
            yield con
    except _Busy:
        raise NotServed(
            f"写入 {target.place} 时被中断或被其他会话占用。原发布仍在提供，下次运行会再试。",
            f"writing to {target.place} was interrupted, or another session held what it needs. The last release is still served, "
            "and the next night tries again.",
        ) from None
    finally:
        con.close()


@contextmanager
def _transaction(con: Any, target: Target, what: str) -> Iterator[None]:
    """All of the block or nothing of it; what the server says is told in a sentence."""
    try:
        con.rollback()
        with _told(target, what):
            yield
            con.commit()
    except BaseException:
        with suppress(Exception):
            con.rollback()
        raise


@contextmanager
def _told(target: Target, what: str) -> Iterator[None]:
    from adbc_driver_manager import Error

    try:
        yield
    except Error as error:
        state, line = error.sqlstate or "", _first_line(error)
        if state in (LOCK_NOT_AVAILABLE, DEADLOCK, CANCELLED):
            raise _Busy from None
        if state == NO_RIGHT:
            raise NotServed(
                f"写入 {target.place} 的角色权限不足（{line}）；需要在该数据库 CREATE，以及 CREATEROLE 或事先建好的角色（见 docs/delivery.md）。已发布的数据不受影响。",
                f"the role that writes to {target.place} lacks a right ({line}): it needs CREATE on the database, and CREATEROLE or "
                "roles that are there already (docs/delivery.md). What is served stands.",
            ) from None
        if state == DISK_FULL:
            raise NotServed(
                f"{target.place} 的磁盘已满（{line}）；请腾出空间或减小 {KEPT}。原发布仍在提供，下次运行会再试。",
                f"the disk of {target.place} is full ({line}); make room or lower {KEPT}. The last release is still served, "
                "and the next night tries again.",
            ) from None
        raise NotServed(
            f"{target.place} 拒绝了操作“{what}”（{line}）。原发布仍在提供，下次运行会再试。",
            f"{target.place} refused “{what}” ({line}). The last release is still served, and the next night tries again.",
        ) from None


def _with_timeout(uri: str) -> str:
    """A server that does not answer may not hold the night for minutes."""
    if "connect_timeout" in uri:
        return uri
    if "://" not in uri:
        return f"{uri} connect_timeout={CONNECT_SECONDS}"
    return f"{uri}{'&' if '?' in uri else '?'}connect_timeout={CONNECT_SECONDS}"


def _do(con: Any, statements: Sequence[str]) -> None:
    """Runs statements that give nothing back in one round trip."""
    if statements:
        _run(
            con,
            "do $minsheng$ begin\n" + ";\n".join(s.replace("$minsheng$", "") for s in statements) + ";\nend $minsheng$",
        )


def _run(con: Any, statement: str) -> None:
    with con.cursor() as cursor:
        cursor.execute(statement)


def _ask(con: Any, query: str) -> list[tuple[Any, ...]]:
    with con.cursor() as cursor:
        cursor.execute(query)
        return [tuple(row) for row in cursor.fetchall()]


def _first_line(error: Exception) -> str:
    """What the server says, or libpq where none answers, without the driver's own words and the statement."""
    said = re.search(r"(?:ERROR|FATAL):\s+(.+)", str(error)) or re.search(r"Failed to connect: (.+)", str(error))
    line = said[1] if said else str(error).splitlines()[0]
    return " ".join(line.split()).rstrip(".")[:200]
