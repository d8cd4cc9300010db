"""Where the header of a table is, and what its columns are called.

Belongs here: comparing spellings, finding the header below title rows, two-row headers, unique names. Does not
belong here: which field a header means (arranging).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from contracts.reading.table import BLANKS, ROW, SHAPE, Limits, Reading, is_blank, unreadable

SEARCHED_ROWS = 30


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a table: where it begins (index into the rows searched), how many rows it takes, its names."""

    index: int
    rows: int
    names: list[str]


@lru_cache(maxsize=65_536)
def fold(header: str) -> str:
    """The spelling two headers are compared by: NFKC, case folded, without white space, punctuation and signs.

    A sign between two digits stays, as `_`: Q2_7 is not Q27. So does the `^` of what surrounds a JSON record.
    """
    folded = unicodedata.normalize("NFKC", header).casefold()
    marked = "".join(c if c == "^" or unicodedata.category(c)[0] in "LNM" else "_" for c in folded)
    return re.sub(r"(?<!\d)_|_(?!\d)", "", re.sub("_+", "_", marked))


def locate(
    rows: Sequence[tuple[int, Sequence[str]]],
    reading: Reading,
    known_headers: Collection[str],
    limits: Limits,
    merged: Collection[tuple[int, int, int]] = (),
    *,
    file: str,
) -> Header:
    """Finds the header among the first rows of a table.

    The row that holds most of the known spellings is the header; with none known, the first row whose cells are
    all text. A row and the one below it are one header if together they spell more of them.

    Args:
        rows: the first rows that hold anything: (how the sender counts it, its cells).
        merged: horizontally merged cells: (row as the sender counts it, first column, last column, from 0).

    Raises:
        Unreadable: no header, a known header twice, too many columns.
    """
    search = _Search([cells for _, cells in rows], {fold(h) for h in known_headers} - {""}, tuple(known_headers))
    for at, first, last in merged:
        search.reach.update({(i, first): last for i, (number, _) in enumerate(rows) if number == at})
    start, height = _place(search, [number for number, _ in rows], reading, file)
    cells = search.header(start, height)
    while cells and is_blank(cells[-1:]):
        cells.pop()
    if len(cells) > limits.columns:
        raise unreadable("too_many_columns", file=file, found=len(cells), limit=limits.columns)
    return Header(start, height, named(cells, search.known, file))


@dataclass
class _Search:
    """Rows in which a header is looked for; `reach`: (row, column) of a merged cell → its last column."""

    rows: Sequence[Sequence[str]]
    known: set[str]
    spellings: Sequence[str]
    reach: dict[tuple[int, int], int] = field(default_factory=dict)

    def header(self, start: int, height: int) -> list[str]:
        if height == 1:
            return list(self.rows[start])
        merges = {column: last for (row, column), last in self.reach.items() if row == start}
        joined = _joined(self.rows[start], self.rows[start + 1], merges)
        # A blank above a column may mean the group beside it or none: the known spelling tells.
        return [cell if fold(cell) in self.known else self._alone(cell, i, start) for i, cell in enumerate(joined)]

    def _alone(self, joined: str, column: int, start: int) -> str:
        upper, lower = self.rows[start], self.rows[start + 1]
        own = _one_line(lower[column]) if column < len(lower) else ""
        has_group = column < len(upper) and not is_blank([upper[column]])
        return own if fold(own) in self.known and not has_group else joined

    def hits(self, start: int, height: int) -> int:
        return len({fold(cell) for cell in self.header(start, height)} & self.known)

    def most_hits(self, start: int, height: int) -> int:
        """What `hits` cannot exceed: a header names no more columns than it has cells."""
        return max(len(row) for row in self.rows[start : start + height])


def named(cells: Iterable[str], known: Collection[str], file: str) -> list[str]:
    """Column names as in the file; blanks become `column_N`, a repeated header that nobody needs gets a suffix.

    Raises:
        Unreadable: a known header stands twice.
    """
    texts = [_one_line(cell) for cell in cells]
    times = Counter(fold(text) for text in texts if text)
    for text in texts:
        if times[fold(text)] > 1 and fold(text) in known:
            raise unreadable("header_repeated", file=file, field=text, times=times[fold(text)])
    names: list[str] = []
    taken = {ROW, SHAPE}
    for position, text in enumerate(texts, start=1):
        name, nth = text or f"column_{position}", 2
        while name in taken:
            name, nth = f"{text or 'column'}_{nth if text else position + nth}", nth + 1
        taken.add(name)
        names.append(name)
    return names


def _place(search: _Search, numbers: list[int], reading: Reading, file: str) -> tuple[int, int]:
    """(row, height) of the header."""
    heights = (reading.header_rows,) if reading.header_rows else (1, 2)
    if reading.header_row is not None:
        if reading.header_row not in numbers:
            found = max(numbers, default=0)
            raise unreadable("header_row_missing", file=file, expected=reading.header_row, found=found)
        starts = [numbers.index(reading.header_row)]
    elif search.known:
        starts = list(range(len(search.rows)))
    else:
        starts = [next((i for i, row in enumerate(search.rows) if _is_text(row)), 0)]
    places = [(start, height) for height in heights for start in starts if start + height <= len(search.rows)]
    # The first of the best, one row before two: a title above the header must not become part of it.
    best, most = (places or [(starts[0], 1)])[0], -1
    for place in places:
        if search.most_hits(*place) > most and (hits := search.hits(*place)) > most:
            best, most = place, hits
    if search.known and reading.header_row is None and not search.hits(*best):
        seen = [cell for row in search.rows for cell in row if not is_blank([cell])]
        raise unreadable(
            "header_not_found",
            file=file,
            rows=len(search.rows),
            expected="、".join(_as_departments_write(search.spellings)[:8]),
            found="、".join(_one_line(cell)[:20] for cell in seen[:12]),
        )
    return best


def _joined(upper: Sequence[str], lower: Sequence[str], merges: Mapping[int, int]) -> list[str]:
    """`group/column` where both rows speak; a group reaches as far as it is merged, else over the blanks beside it."""
    width = max(len(upper), len(lower))
    cells: list[str] = []
    group, until = "", -1
    for column in range(width):
        above, below = (_one_line(row[column]) if column < len(row) else "" for row in (upper, lower))
        if above:
            group, until = above, merges.get(column, column if merges else width)
        over = group if below and column <= until else above
        cells.append("/".join(part for part in (over, below) if part))
    return cells


def _as_departments_write(spellings: Sequence[str]) -> list[str]:
    """Spellings in the contract's order, the Chinese ones first: they are what stands in a department's form."""
    return sorted(spellings, key=str.isascii)


def _is_text(row: Sequence[str]) -> bool:
    cells = [cell for cell in row if not is_blank([cell])]
    return bool(cells) and len(cells) == len(row) and not any(re.fullmatch(r"[\d.,%/:\s-]+", c) for c in cells)


def _one_line(cell: str) -> str:
    return re.sub(r"\s*[\r\n]+\s*", "", cell.strip(BLANKS + "\0")).strip()
