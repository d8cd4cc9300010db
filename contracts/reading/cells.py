"""The exact reader of text tables: one record at a time, whatever stands in it.

A cell that begins with `"` ends at the next single `"`, which must stand before a delimiter or a line end; `""` inside
means `"`; a `"` inside an unquoted cell is itself. A row whose quotes do not close like that is one line long and
shaped `stray_quote`: a forgotten quote costs one row, not the rest of the file. Does not belong here: speed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import polars as pl

from contracts.reading.table import Record, frames, is_blank, no_rows, shaped

QUOTE_ALLOWANCE = 1_000  # characters a quoted cell may be longer than a cell, so that too long is told from unclosed


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the lines of a text table are to be taken apart."""

    delimiter: str
    headers: tuple[str, ...]
    cell_chars: int

    @property
    def quoted_limit(self) -> int:
        """Characters after which an open quote counts as forgotten."""
        return self.cell_chars + QUOTE_ALLOWANCE


@dataclass(frozen=True, slots=True)
class ExactRecord:
    line: int
    lines: int
    cells: list[str]
    shape: str | None
    end: int  # where in the text the next record begins


def read_exactly(text: str, dialect: Dialect, line: int = 1, *, final: bool = True) -> Iterator[ExactRecord]:
    r"""Records of a text that begins at a record and whose lines end with \n.

    Args:
        line: number of the first line.
        final: nothing follows; else a record that the text may not hold entirely is not given.
    """
    quoted = re.compile(r'"(?:[^"]++|"")*+')
    plain = re.compile(rf"[^{re.escape(dialect.delimiter)}\n]*+")
    ends = (dialect.delimiter, "\n", "")
    at = 0
    while at < len(text):
        cells: list[str] = []
        shape, start = None, at
        while True:
            if text.startswith('"', at):
                close = _end(quoted, text, at, at + dialect.quoted_limit)
                if close >= len(text) and not final and close - at < dialect.quoted_limit:
                    return
                if text[close : close + 1] != '"' or text[close + 1 : close + 2] not in ends:
                    shape = "stray_quote"
                    break
                cells.append(text[at + 1 : close].replace('""', '"'))
                at = close + 1
            else:
                close = _end(plain, text, at, len(text))
                cells.append(text[at:close])
                at = close
            if at >= len(text) or text[at] == "\n":
                break
            at += 1
        if shape:
            newline = text.find("\n", start)
            at = newline if newline >= 0 else len(text)
            cells = text[start:at].split(dialect.delimiter)
        if at >= len(text) and not final:
            return
        at = min(at + 1, len(text))
        lines = max(text.count("\n", start, at), 1)
        yield ExactRecord(line, lines, cells, shape, at)
        line += lines


def _end(pattern: re.Pattern[str], text: str, start: int, stop: int) -> int:
    match = pattern.match(text, start, stop)
    return match.end() if match else start


def first_records(text: str, delimiter: str, cell_chars: int, count: int) -> list[ExactRecord]:
    return list(islice(read_exactly(text, Dialect(delimiter, (), cell_chars)), count))


def exact_frame(
    text: str, dialect: Dialect, line: int, marks: Mapping[int, str], window: int, *, final: bool
) -> tuple[pl.DataFrame, int, int]:
    """Rows of the records that begin within the first `window` characters.

    Args:
        marks: what is already known to be wrong with a line.

    Returns:
        (rows, characters used, lines used).
    """
    rows: list[Record] = []
    end, lines = 0, 0
    for record in read_exactly(text, dialect, line, final=final):
        end, lines = record.end, lines + record.lines
        if not is_blank(record.cells):
            rows.append(_shaped(record, dialect, marks))
        if end >= window:
            break
    return next(frames(rows, dialect.headers, len(rows) or 1), no_rows(dialect.headers)), end, lines


def _shaped(record: ExactRecord, dialect: Dialect, marks: Mapping[int, str]) -> Record:
    mark = next((marks[at] for at in range(record.line, record.line + record.lines) if at in marks), None)
    cells, shape = shaped(record.cells, mark or record.shape, dialect.cell_chars)
    if shape is None and len(cells) != len(dialect.headers):
        shape = "too_many_cells" if len(cells) > len(dialect.headers) else "too_few_cells"
    return record.line, cells, shape
