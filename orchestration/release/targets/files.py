"""A release as files for whoever opens no database: Parquet, CSV with BOM, descriptions that other programs read, and the pointer.

`datapackage.json` (Frictionless Data Package) describes the Parquet files with their types, keys and foreign keys;
`csv/` holds the same tables for spreadsheets, with a description of its own. `pointer.json` beside the releases says in
one line which release is current, for readers that do not follow links.
Does not belong here: which tables and rows there are (release.tables) and the departments' workbooks (workbooks.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from contracts.model import FieldSpec, Product
from contracts.quoting import literal
from contracts.whole_files import sha256_of, write_json
from orchestration.disclosure.attack import COLUMNS
from orchestration.disclosure.public_edition import EXACT, OF_COLUMNS, PLAIN
from orchestration.paths import ZONE

POINTER, PACKAGE, CSV = "pointer.json", "datapackage.json", "csv"
BOM = "\ufeff"
# A spreadsheet takes a text that begins so for a formula; such a text, and one that begins with ', has a ' put before it.
FORMULA = "'=+-@\t\r"
FRICTIONLESS: Mapping[str, str] = {
    "string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "date": "date", "timestamp": "datetime",
}  # fmt: skip


def write_tables(folder: Path, databases: Mapping[str, Path]) -> None:
    """Every table of a release and of its public edition as Parquet and CSV; a file that is there was taken over.

    Args:
        databases: edition (a folder below `folder`, `.` the release itself) → its DuckDB file.
    """
    for edition, database in databases.items():
        with duckdb.connect(str(database), read_only=True) as con:
            # As whoever else has the file open in this process: the setting is theirs too, and the same rows are the same bytes.
            con.execute("set disabled_optimizers = 'statistics_propagation'")
            ((catalog,),) = con.execute("select current_database()").fetchall()
            for table in _tables(con):
                _write_table(con, catalog, table, folder / edition)


class Early:
    """Writes tables' files in a thread while other tables of the same databases are made; what has not begun when all are made is left to
    `write_tables`."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con, self._pool = con.cursor(), ThreadPoolExecutor(1)
        self._begun: list[Future[None]] = []

    def write(self, catalog: str, table: str, place: Path) -> None:
        """A table that no longer changes; `place`: the folder of its edition."""
        self._begun.append(self._pool.submit(_write_table, self._con, catalog, table, place))

    def __enter__(self) -> Early:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure:
            self._con.interrupt()
        self._pool.shutdown(cancel_futures=True)
        self._con.close()
        for one in self._begun:
            if not failure and not one.cancelled():
                one.result()


def _write_table(con: duckdb.DuckDBPyConnection, catalog: str, table: str, place: Path) -> None:
    parquet, csv = (place / form / f"{table}.{form}" for form in ("parquet", CSV))
    if not parquet.is_file():
        parquet.parent.mkdir(parents=True, exist_ok=True)
        con.execute(f'copy {catalog}."{table}" to {literal(parquet)} (format parquet, compression zstd)')
    if not csv.is_file():
        csv.parent.mkdir(parents=True, exist_ok=True)
        _write_csv(con, catalog, table, csv)


def describe(
    folder: Path,
    databases: Mapping[str, Path],
    products: Mapping[str, Product],
    release_id: str,
    at: datetime,
    note: str,
) -> None:
    """Writes both descriptions into a release's folder and into its public edition, when all else is in it."""
    about = {"release": release_id, "created": at.replace(tzinfo=ZONE).isoformat(), "note": note}
    for edition, database in databases.items():
        place = folder / edition
        with duckdb.connect(str(database), read_only=True) as con:
            counts = {t: _count(con, t) for t in _tables(con)}
            told = _told(con) if COLUMNS in counts else {}
        known = {t: products[t] for t in counts if t in products}
        sums = _checksums(place / form / f"{t}.{form}" for form in ("parquet", CSV) for t in counts)
        for form, base in (("parquet", place), (CSV, place / CSV)):
            files = {t: place / form / f"{t}.{form}" for t in counts}
            described = package(known, files, base, counts, about, told, sums)
            if told:
                how = _file(files[COLUMNS], base, counts[COLUMNS], sums) | {
                    "name": COLUMNS,
                    "title": "公开版每一列如何公布 · How each column of the public edition is told",
                    "schema": {
                        "fields": [{"name": c, "type": "string", "title": text} for c, text in OF_COLUMNS.items()],
                        "primaryKey": ["table_name", "column_name"], "missingValues": [""],
                    },
                }  # fmt: skip
                described["resources"].append(how)
            others = _others(place) if base == place else []
            write_json(base / PACKAGE, {**described, "resources": [*described["resources"], *others]})


def _checksums(files: Iterable[Path]) -> dict[Path, str]:
    """Of files that are there; a core each, for hashing needs no Python."""
    there = [path for path in files if path.is_file()]
    with ThreadPoolExecutor() as pool:
        return dict(zip(there, pool.map(sha256_of, there), strict=True))


def point(published: Path, release_id: str, at: datetime) -> None:
    """Says which release is current, for readers that cannot resolve the link `current`; each of both names a whole release."""
    folder = f"releases/{release_id}"
    write_json(
        published / POINTER,
        {
            "release": release_id, "since": at, "folder": folder, "duckdb": f"{folder}/minsheng.duckdb",
            "parquet": f"{folder}/parquet", "csv": f"{folder}/{CSV}", "public": f"{folder}/public",
        },
    )  # fmt: skip


def package(
    products: Mapping[str, Product],
    files: Mapping[str, Path],
    base: Path,
    rows: Mapping[str, int],
    about: Mapping[str, str],
    told: Mapping[str, Mapping[str, tuple[str, str]]],
    checksums: Mapping[Path, str],
) -> dict[str, Any]:
    """A Data Package of some tables; `base` is the folder it will lie in, `told` how an edition tells the columns of its tables,
    `checksums` has the files that are there."""
    resources = [
        {
            "name": p.id, "title": f"{p.label_zh} · {p.label_en}", "description": p.description,
            **_file(files[t], base, rows[t], checksums), "schema": _schema(p, products, told.get(t, {})),
        }
        for t, p in products.items()
        if files[t] in checksums
    ]  # fmt: skip
    return {
        "profile": "data-package",
        "name": "minsheng",
        "title": "民生公共服务数据 · Minsheng public-service tables",
        "description": about["note"],
        "version": about["release"],
        "created": about["created"],
        "resources": resources,
    }


def _told(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, tuple[str, str]]]:
    """Table → column → how a public edition tells it, as a word and in words."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for table, column, way, zh, en in con.execute(f"select {', '.join(OF_COLUMNS)} from {COLUMNS}").fetchall():
        found.setdefault(table, {})[column] = (way, f"{zh} · {en}")
    return found


def _file(file: Path, base: Path, rows: int, checksums: Mapping[Path, str]) -> dict[str, Any]:
    """What a package says of a table's file."""
    is_csv = file.suffix == ".csv"
    described: dict[str, Any] = {
        "path": file.relative_to(base).as_posix(),
        "format": file.suffix[1:],
        "mediatype": "text/csv" if is_csv else "application/vnd.apache.parquet",
        "bytes": file.stat().st_size,
        "hash": f"sha256:{checksums[file]}",
        "rows": rows,
    }
    if is_csv:
        described |= {
            "profile": "tabular-data-resource",
            "encoding": "utf-8-sig",
            "dialect": {"delimiter": ",", "header": True},
        }
    return described


# What a release has besides its tables: folder → what a file of it is, and what its files are.
OTHERS: Mapping[str, tuple[str, str]] = {
    "bulletin": ("公报 · bulletin", "pages for everybody, from the public edition; begin at index.html"),
    "charts": ("调查图 · chart of a survey", "means with their intervals"),
    "scorecards": ("部门记分表 · scorecard of a department", "department_scorecard of the department whose code names the file, every figure with its label"),
    "worklists": ("部门待办清单 · worklist of a department", "review_worklist of the department whose code names the file, with case numbers"),
    "sdmx": ("SDMX", "indicator_value and equalisation for statisticians' tools"),
    "data_docs": ("核查报告 · what was checked", "every expectation of the audit and what it found"),
}  # fmt: skip
MEDIA: Mapping[str, str] = {
    ".html": "text/html", ".svg": "image/svg+xml", ".csv": "text/csv", ".xml": "application/xml",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


def _others(folder: Path) -> list[dict[str, Any]]:
    """What lies in a release besides tables: pages by their first one, every workbook, chart and SDMX file.

    They have no schema, and are said to be files, which tells a reader of tables that they are none.
    """
    others = []
    for name, (title, text) in OTHERS.items():
        first = folder / name / "index.html"
        found = [first] if first.is_file() else sorted(p for p in (folder / name).rglob("*") if p.suffix in MEDIA)
        others += [
            {
                "name": name if path == first else _resource_name(f"{name}-{path.stem}-{path.suffix[1:]}"),
                "type": "file",  # else a reader guesses the types of columns of SDMX, whose codes may look like numbers
                "path": path.relative_to(folder).as_posix(),
                "title": title if path == first else f"{title}: {path.stem}",
                "description": text,
                "format": path.suffix[1:],
                "mediatype": MEDIA[path.suffix],
                "bytes": path.stat().st_size,
                "hash": f"sha256:{sha256_of(path)}",
            }
            for path in found
        ]
    return others


def _resource_name(name: str) -> str:
    """As Frictionless allows it: small letters and digits; digits of a hash where others were lost (the wave 2026Q1, a department in capitals)."""
    plain = re.sub(r"[^-a-z0-9._/]+", "-", name.lower())
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _schema(product: Product, products: Mapping[str, Product], told: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Types, labels, the primary key; keys that hold for every row as foreign keys, those with a condition in words."""
    keys = [
        {
            "fields": [f.name],
            "reference": {"resource": "" if key.table == product.id else key.table, "fields": [key.column]},
        }
        for f in product.fields
        for key in f.foreign_keys
        if key.table in products and key.column in products[key.table].by_name and not (key.where or key.unless)
    ]
    schema: dict[str, Any] = {
        "fields": [_field(f, *told.get(f.name, (PLAIN, ""))) for f in product.fields],
        "missingValues": [""],
    }
    if product.key:
        schema["primaryKey"] = list(product.key)
    if keys:
        schema["foreignKeys"] = keys
    return schema


def _field(f: FieldSpec, way: str, in_words: str) -> dict[str, Any]:
    """A column; in an edition that tells it otherwise than it is, how, and a value may be missing that is there in the bureau's."""
    described: dict[str, Any] = {
        "name": f.name,
        "type": FRICTIONLESS[f.kind],
        "title": f"{f.label_zh} · {f.label_en}",
        "description": f.explanation,
    }
    if f.unit:
        described["unit"] = f.unit
    if in_words:
        described |= {"toldAs": way, "told": in_words}
    constraints: dict[str, Any] = {"required": True} if f.required and way in (PLAIN, EXACT) else {}
    if constraints and f.kind == "string":
        described["missingValues"] = []  # an empty text is one: the area of a policy that holds everywhere
    if f.enum:
        constraints["enum"] = list(f.enum)
        described["labels"] = dict(f.enum)
    if constraints:
        described["constraints"] = constraints
    return described


def _write_csv(con: duckdb.DuckDBPyConnection, catalog: str, table: str, path: Path) -> None:
    """Dates and times as ISO 8601, null as nothing, an empty text as "", formulas as the texts they are."""
    columns = con.execute(
        "select column_name, data_type from duckdb_columns() where database_name = ? and table_name = ? order by column_index",
        [catalog, table],
    )
    (first, first_type), *others = columns.fetchall()
    selected = ", ".join(
        [_for_spreadsheets(first, first_type, BOM + first), *(_for_spreadsheets(n, t, n) for n, t in others)]
    )
    con.execute(
        f"copy (select {selected} from {catalog}.\"{table}\") to {literal(path)} (format csv, header, timestampformat '%Y-%m-%dT%H:%M:%S')"
    )


def _for_spreadsheets(name: str, sql_type: str, heading: str) -> str:
    if sql_type != "VARCHAR":
        return f'"{name}" as "{heading}"'
    starts = FORMULA.replace("'", "''")
    return f'case when "{name}" <> \'\' and contains(\'{starts}\', "{name}"[1]) then \'\'\'\' || "{name}" else "{name}" end as "{heading}"'


def read_csv(path: Path, columns: Mapping[str, str]) -> str:
    """The relation that reads a table back from its CSV file as it was published; `columns`: name → DuckDB type."""
    types = ", ".join(f"'{n}': '{t}'" for n, t in columns.items())
    back = ", ".join(
        f'case when "{n}"[1] = \'\'\'\' then "{n}"[2:] else "{n}" end as "{n}"' if t == "VARCHAR" else f'"{n}"'
        for n, t in columns.items()
    )
    return f"(select {back} from read_csv({literal(path)}, header = true, auto_detect = false, allow_quoted_nulls = false, delim = ',', quote = '\"', escape = '\"', columns = {{{types}}}))"


def _tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [table for (table,) in con.execute("select table_name from duckdb_tables() order by 1").fetchall()]


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    (count,) = con.execute(f'select count(*) from "{table}"').fetchall()[0]
    return int(count)
