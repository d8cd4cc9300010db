"""The exact reader of text tables: one record at a time, whatever stands in it.

A cell that begins with `"` ends at the next single `"`, which must stand before a delimiter or a line end; `""` inside
means `"`; a `"` inside an unquoted cell is itself. A row whose quotes do not close like that is one line long and
shaped `stray_quote`: a forgotten quote costs one row, not the rest of the file. So is one whose quote closes in another line
when each of the lines is a whole row by itself, unless all its cells are quoted: two forgotten quotes do not make one row of
many. Does not belong here: speed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import polars as pl

from contracts.reading.table import Record, frames, is_blank, no_rows, shaped

QUOTED = re.compile(r'"(?:[^"]++|"")*+')  # up to the closing quote
MOST_CELLS = 20_000  # of a line; what follows is one cell more
WHOLE_ROW_FROM = 4  # columns; of fewer a text over several lines may look like rows
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


class ExactRecord(NamedTuple):
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
    plain = re.compile(rf"[^{re.escape(dialect.delimiter)}\n]*+")
    start = 0
    while start < len(text):
        end = newline = _line_end(text, start)
        cells, shape = text[start:newline].split(dialect.delimiter, MOST_CELLS), None
        if len(cells) > MOST_CELLS:
            cells[-1] = cells[-1].strip(dialect.delimiter)
        if text.find('"', start, newline) >= 0:
            quoted = _cells_with_quotes(text, start, dialect, plain, final=final)
            if quoted is None:
                shape = "stray_quote"
            else:
                cells, end = quoted
        if end >= len(text) and not final:
            return
        following = min(end + 1, len(text))
        lines = 1 if end == newline else text.count("\n", start, following)
        yield ExactRecord(line, lines, cells, shape, following)
        start, line = following, line + lines


def _cells_with_quotes(
    text: str, at: int, dialect: Dialect, plain: re.Pattern[str], *, final: bool
) -> tuple[list[str], int] | None:
    """(cells of the record that begins at `at`, where it ends); None if a quote does not close as it should.

    Ends with the text if that is not final and may lack the closing quote.
    """
    cells: list[str] = []
    is_all_quoted, may_be_rows = True, False
    while True:
        if text.startswith('"', at):
            close = _end(QUOTED, text, at, at + dialect.quoted_limit)
            if close >= len(text) and not final and close - at < dialect.quoted_limit:
                return cells, len(text)
            if text[close : close + 1] != '"' or text[close + 1 : close + 2] not in (dialect.delimiter, "\n", ""):
                return None
            if text.find("\n", at, close) >= 0:
                end = _line_end(text, close)
                if end >= len(text) and not final:
                    return cells, len(text)
                may_be_rows = may_be_rows or _are_whole_rows(text, at, close, end, dialect)
            cells.append(text[at + 1 : close].replace('""', '"'))
            at = close + 1
        else:
            is_all_quoted = False
            close = _end(plain, text, at, len(text))
            cells.append(text[at:close])
            at = close
        is_end = at >= len(text) or text[at] == "\n"
        # Whoever quotes every cell would have quoted those of a next row, too.
        left = len(dialect.headers) - len(cells)
        if may_be_rows and not (is_all_quoted and (left == 0 if is_end else left > 0)):
            return None
        if is_end:
            return cells, at
        at += 1


def _are_whole_rows(text: str, at: int, close: int, end: int, dialect: Dialect) -> bool:
    """Whether a quoted cell over several lines is more likely the end of one row and the beginning of another."""
    width = len(dialect.headers)
    if width < WHOLE_ROW_FROM or close - at < 2 * width:
        return False
    lines = text[text.rfind("\n", 0, at) + 1 : end].split("\n")
    return all(line.count(dialect.delimiter) == width - 1 for line in lines)


def _line_end(text: str, start: int) -> int:
    newline = text.find("\n", start)
    return newline if newline >= 0 else len(text)


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
        if not is_blank(record.cells) or record.line in marks:
            rows.append(_shaped(record, dialect, marks))
        if end >= window:
            break
    return next(frames(rows, dialect.headers, len(rows) or 1), no_rows(dialect.headers)), end, lines


def _shaped(record: ExactRecord, dialect: Dialect, marks: Mapping[int, str]) -> Record:
    own = range(record.line, record.line + record.lines) if marks else ()
    mark = next((marks[at] for at in own if at in marks), None)
    cells, shape = shaped(record.cells, mark or record.shape, dialect.cell_chars)
    if shape is None and len(cells) != len(dialect.headers):
        shape = "too_many_cells" if len(cells) > len(dialect.headers) else "too_few_cells"
    return record.line, cells, shape
