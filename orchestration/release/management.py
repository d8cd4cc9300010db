"""Releases as a whole: which there are, how two differ, and going back to an earlier one.

Belongs here: reading certificates and files of releases that were made. Does not belong here: making one (publishing) and
saying it in a terminal (command.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from contracts.loading import load_products
from contracts.model import Product
from contracts.quoting import identifier, literal
from contracts.whole_files import NotReadable, read_json, write_json
from orchestration.paths import DataDirectory
from orchestration.release import certificates, names, standing
from orchestration.release.certificates import Certificate
from orchestration.release.revisions import same_number
from orchestration.release.targets import delivering
from orchestration.warehouse.dbt_assets import only_writer

ROLLBACKS = "rollbacks"


class NotThere(ValueError):
    """A release that was never made, or whose files are no longer kept; the sentence names those there are."""


@dataclass(frozen=True)
class Listed:
    """One release. `is_kept`: it is among the last, whose files stay; `missing`: databases of it that are gone or do not read, without
    which it cannot be read, compared and gone back to."""

    certificate: Certificate
    is_kept: bool
    is_current: bool
    missing: tuple[str, ...] = ()

    @property
    def has_files(self) -> bool:
        return not self.missing


@dataclass
class TableChange:
    """How a table differs between two releases; `columns`: column → rows in which its value is another."""

    rows_before: int | None
    rows_after: int | None
    added: int = 0
    removed: int = 0
    changed: int = 0
    columns: dict[str, int] = field(default_factory=dict)
    columns_added: list[str] = field(default_factory=list)
    columns_removed: list[str] = field(default_factory=list)


@dataclass
class Difference:
    """Two releases side by side: what changed, and what lies between them that explains it."""

    before: Certificate
    after: Certificate
    tables: dict[str, TableChange]
    files_added: Counter[str]  # feed → deliveries
    files_removed: Counter[str]
    policies_changed: bool
    code_changed: bool


def listed(data: DataDirectory) -> list[Listed]:
    """Every release ever made, oldest first."""
    shown, every = certificates.standing_id(data), certificates.releases(data)
    last = {c.release_id for c in every[-names.KEPT_RELEASES :]}
    return [
        Listed(
            c,
            c.release_id in last,
            c.release_id == shown,
            tuple(standing.harmed_databases(_folder(data, c.release_id))),
        )
        for c in every
    ]


def folder_of(data: DataDirectory, release_id: str, needed: Sequence[str] = standing.DATABASES) -> Path:
    """Where a release's files lie.

    Raises:
        NotThere: they do not, or a database that is needed does not read.
    """
    folder, made = _folder(data, release_id), listed(data)
    one = next((item for item in made if item.certificate.release_id == release_id), None)  # `..` has files too
    if one and not set(one.missing) & set(needed):
        return folder
    there = [item.certificate.release_id for item in made if item.has_files]
    zh, en = "、".join(there) or "（无）", ", ".join(there) or "none"
    if one is None:
        raise NotThere(f"没有发布 {release_id}；仍保留：{zh} · there is no release {release_id}; kept are: {en}")
    if one.is_kept or folder.is_dir():
        missing_zh, missing_en = (
            ("、".join(one.missing), ", ".join(one.missing)) if folder.is_dir() else (str(folder), str(folder))
        )
        raise NotThere(
            f"发布 {release_id} 的文件丢失或已损坏（{missing_zh}），请从备份恢复；完整的有：{zh} · "
            f"files of {release_id} are lost or damaged ({missing_en}): restore them from a backup; whole are: {en}"
        )
    raise NotThere(
        f"发布 {release_id} 的文件已按保留期删除（只留最近 {names.KEPT_RELEASES} 次，证书仍在）；仍保留：{zh} · "
        f"the files of {release_id} are no longer kept (those of the last {names.KEPT_RELEASES} are; its certificate is); there are: {en}"
    )


def compare(data: DataDirectory, before: str, after: str) -> Difference:
    """What the release `after` has other than `before`, row by row of every table's key.

    Raises:
        NotThere: the files of one are not kept.
    """
    one, two = (folder_of(data, release_id, (names.DATABASE,)) for release_id in (before, after))
    certificates = {item.certificate.release_id: item.certificate for item in listed(data)}
    then, now = certificates[before], certificates[after]
    tables = between(one / names.DATABASE, two / names.DATABASE)
    old, new = _receipts(one), _receipts(two)
    return Difference(
        then, now, tables,
        Counter(feed for receipt, feed in new.items() if receipt not in old),
        Counter(feed for receipt, feed in old.items() if receipt not in new),
        then.policies != now.policies, then.code != now.code or then.code_version != now.code_version,
    )  # fmt: skip


def between(one: Path, two: Path, rows: Mapping[str, str] | None = None) -> dict[str, TableChange]:
    """How the tables of two released databases differ, row by row of every table's key; a table that is the same is not there.

    `rows`: table → SQL condition: these tables alone are compared, and of each the rows that it holds for.
    """
    products = load_products()
    with duckdb.connect() as con:
        for name, database in (("one", one), ("two", two)):
            con.execute(f"attach {literal(str(database))} as {name if rows is None else f'all_{name}'} (read_only)")
            if rows is not None:
                con.execute(f"attach ':memory:' as {name}")
                for table, condition in rows.items():
                    of_all = f"all_{name}.{identifier(table)}"
                    con.execute(f"create view {name}.{identifier(table)} as select * from {of_all} where {condition}")
        columns = {name: _columns(con, name) for name in ("one", "two")}
        return {
            table: change
            for table in sorted(columns["one"] | columns["two"])
            if (
                change := _compare_table(
                    con, table, columns["one"].get(table), columns["two"].get(table), products.get(table)
                )
            )
        }


def roll_back(data: DataDirectory, release_id: str, *, by: str, why: str, log: Any = None) -> delivering.Delivered:
    """Readers see an earlier release again, everywhere it is served; who said so and why is kept beside the certificates.

    Raises:
        NotThere: its files are not kept.
        ValueError: nobody's name or no reason is given, or it is the current one.
    """
    if not by.strip() or not why.strip():
        raise ValueError("请说明由谁、为什么回退（--by、--why） · say who goes back and why (--by, --why)")
    folder = folder_of(data, release_id)
    with only_writer(data, log):
        shown = certificates.standing_id(data)
        if shown == release_id and standing.is_shown(data, release_id):
            raise ValueError(f"{release_id} 就是当前发布 · {release_id} is the current release already")
        certificate = next(i.certificate for i in listed(data) if i.certificate.release_id == release_id)
        at = data.now()
        note = {"from": shown, "to": release_id, "by": by.strip(), "why": why.strip(), "at": at}
        write_json(_next_note(data.published / ROLLBACKS, f"{at:%Y%m%dT%H%M%S}"), note)
        standing.show(data, folder.name)
        return delivering.deliver(data, release_id, certificate.content_checksum, load_products(), log)


def _next_note(folder: Path, at: str) -> Path:
    """A file that is not there yet: the clock of a demo stands still, and each decision is kept."""
    names_of = (f"{at}{f'_{n:04d}' if n else ''}.json" for n in count())
    return next(folder / name for name in names_of if not (folder / name).exists())


def rollbacks(data: DataDirectory) -> list[dict[str, Any]]:
    """Who went back to which release, when and why; oldest first."""
    found = []
    for path in sorted((data.published / ROLLBACKS).glob("*.json")):
        try:
            found.append(dict(read_json(path)))
        except NotReadable:
            continue  # it changes nothing; the release that is shown says itself which it is
    return found


def _folder(data: DataDirectory, release_id: str) -> Path:
    return data.published / "releases" / Path(release_id).name


def _receipts(folder: Path) -> Mapping[str, str]:
    path = folder / names.RECEIPTS
    return dict(read_json(path)) if path.is_file() else {}


def _columns(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    query = f"select table_name, column_name, data_type from duckdb_columns() where database_name = '{database}' order by column_index"
    for table, column, kind in con.execute(query).fetchall():
        tables.setdefault(table, {})[column] = kind
    return tables


def _compare_table(
    con: duckdb.DuckDBPyConnection,
    table: str,
    before: Mapping[str, str] | None,
    after: Mapping[str, str] | None,
    product: Product | None,
) -> TableChange | None:
    """None where the table is the same in both."""
    rows_before, rows_after = (
        con.execute(f"select count(*) from {name}.{identifier(table)}").fetchall()[0][0] if there is not None else None
        for name, there in (("one", before), ("two", after))
    )
    change = TableChange(rows_before, rows_after)
    if before is None or after is None:
        return change
    change.columns_added, change.columns_removed = (
        [c for c in after if c not in before],
        [c for c in before if c not in after],
    )
    key = [c for c in (product.key if product else ()) if c in before and c in after]
    values = [c for c in after if c in before and c not in key]
    if not key:
        same = ", ".join(map(identifier, values))
        added, removed = (
            con.execute(
                f"select count(*) from (select {same} from {x}.{identifier(table)} except all select {same} from {y}.{identifier(table)})"
            ).fetchall()[0][0]
            for x, y in (("two", "one"), ("one", "two"))
        )
        change.added, change.removed = added, removed
    else:
        _compare_by_key(con, table, key, values, before, change)
    touched = change.added or change.removed or change.changed or change.columns_added or change.columns_removed
    return change if touched else None


def _compare_by_key(
    con: duckdb.DuckDBPyConnection,
    table: str,
    key: list[str],
    values: list[str],
    types: Mapping[str, str],
    change: TableChange,
) -> None:
    on = " and ".join(f"a.{identifier(k)} is not distinct from b.{identifier(k)}" for k in key)
    differs = [_differs(v, types[v]) for v in values]
    counted = "".join(f", count(*) filter (where {d})" for d in differs)
    any_of = " or ".join(differs) or "false"
    joined = f"from one.{identifier(table)} a join two.{identifier(table)} b on {on}"
    both, changed, *columns = con.execute(
        f"select count(*), count(*) filter (where {any_of}){counted} {joined}"
    ).fetchall()[0]
    change.removed, change.added, change.changed = (
        (change.rows_before or 0) - both,
        (change.rows_after or 0) - both,
        changed,
    )
    change.columns = {v: n for v, n in zip(values, columns, strict=True) if n}


def _differs(column: str, sql_type: str) -> str:
    """Whether a value is another; numbers as the log of revisions has them."""
    a, b = f"a.{identifier(column)}", f"b.{identifier(column)}"
    if sql_type == "DOUBLE":
        return f"({a} is distinct from {b} and not coalesce({same_number(a, b)}, false))"
    return f"{a} is distinct from {b}"
