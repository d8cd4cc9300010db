"""The public edition of a release as rows, and what its codes are called.

Belongs here: reading tables that may be missing or have other columns than today, and names for codes. Does not belong here:
which rows a page shows (figures.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import duckdb

from contracts.loading import load_products, names_of, words
from contracts.model import SUPPRESSED, ContractError

Language: TypeAlias = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
# Where a name in two languages is cut.
BETWEEN = re.compile(r"(?<=[。！？；\s])·\s+")


class Row(dict[str, Any]):
    """A row in which a column that the table does not have is null."""

    def __missing__(self, column: str) -> None:
        return None

    @property
    def is_withheld(self) -> bool:
        return self[SUPPRESSED] is not None


@dataclass(frozen=True)
class Names:
    """What a thing is called in both languages."""

    zh: str
    en: str

    def __getitem__(self, language: str) -> str:
        return self.zh if language == "zh" else self.en

    @property
    def both(self) -> str:
        return self.zh if self.zh == self.en else f"{self.zh} · {self.en}"


@dataclass
class Edition:
    """The tables of a public edition; a table that it does not have has no rows."""

    con: duckdb.DuckDBPyConnection
    tables: frozenset[str] = field(init=False)
    _left_out: frozenset[tuple[str, str]] = field(init=False)
    _names: dict[tuple[str, str], Mapping[str, Names]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        found = self.con.execute("select table_name from duckdb_tables() where not internal").fetchall()
        self.tables = frozenset(name for (name,) in found)
        told = self.rows("public_columns", "where told_as = 'left_out'")
        self._left_out = frozenset((row["table_name"], row["column_name"]) for row in told)

    def has(self, table: str) -> bool:
        return table in self.tables

    def rows(self, table: str, query: str = "", *values: Any) -> list[Row]:
        """Rows of a table; `query` is what follows `from table`. None where the table or a column that it names is missing."""
        if not self.has(table):
            return []
        try:
            cursor = self.con.execute(f'select * from "{table}" {query}', list(values))
        except duckdb.BinderException:
            return []
        columns = [d[0] for d in cursor.description or ()]
        return [Row(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    def one(self, table: str, query: str = "", *values: Any) -> Row:
        """The first of the rows, or an empty one."""
        return next(iter(self.rows(table, f"{query} limit 1", *values)), Row())

    def leaves_out(self, table: str, column: str) -> bool:
        """Whether the edition tells nobody this column: an empty one says nothing about what was measured."""
        return (table, column) in self._left_out

    # ── names ───────────────────────────────────────────────────────────────────────────────────

    def label(self, table: str, column: str, code: Any) -> Names:
        """A code of a product's column in words, as its contract says; an unlisted one as words, never with its underscores."""
        if code is None:
            return Names("", "")
        key = (table, column)
        if key not in self._names:
            product = load_products().get(table)
            known = product.by_name.get(column) if product else None
            self._names[key] = {c: both(label) for c, label in names_of(known).items()} if known else {}
        return self._names[key].get(str(code)) or spelled(str(code))

    def coded(self, code_list: str, code: Any) -> Names:
        """A code of a code list in words."""
        return self._listed(code_list).get(str(code)) or spelled(str(code)) if code is not None else Names("", "")

    def _listed(self, code_list: str) -> Mapping[str, Names]:
        key = (code_list, "")
        if key not in self._names:
            self._names[key] = {}
            with suppress(ContractError):
                self._names[key] = {code: both(label) for code, label in words(code_list).items()}
        return self._names[key]


def open_edition(database: Path) -> Edition:
    con = duckdb.connect(str(database), read_only=True)
    # DuckDB draws wrong conclusions from column statistics in some queries (see dbt_project/profiles.yml).
    con.execute("set disabled_optimizers = 'statistics_propagation'")
    return Edition(con)


def both(text: str | None) -> Names:
    """A text "中文 · English", or "中文。· English", cut in two; one without the mark is the same in both."""
    zh, *rest = re.split(BETWEEN, text or "", maxsplit=1)
    return Names(zh.strip(), rest[0].strip() if rest else zh.strip())


def spelled(code: str) -> Names:
    """A code that no list names, as words."""
    words = code.replace("_", " ").replace(".", ", ")
    return Names(words, words)


def slug(code: str) -> str:
    """A file name for a unit: its code in plain letters, as long as a folder can hold, with a few digits of its hash where letters were lost."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", code).strip("-").lower()[:100]
    return plain if plain == code else f"{plain}-{hashlib.sha256(code.encode()).hexdigest()[:6]}".strip("-")
