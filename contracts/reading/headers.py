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
from itertools import accumulate

from contracts.reading.table import BLANKS, MARKS, ROW, SHAPE, Limits, Reading, is_blank, unreadable
from contracts.reading.traditional import SIMPLIFIED

SEARCHED_ROWS = 30
# A unit that stands in brackets behind a name. One that stands for several (万元) is no part of this: what is counted so is another number.
_UNIT = re.compile(
    r"(?<=.)[(\[【](?:单位[::]?)?(?:张|人|人次|名|户|个|件|册|所|家|处|间|场|座|元|床|平方米|平米|㎡|m2|小时)[)\]】]$"
)
_FILLED_IN = re.compile(r"[(\[【]\s*(?:非?必[填须]项?|必須|[选選可不]{1,2}填项?|required|optional)\s*[)\]】]")


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a table: where it begins (index into the rows searched), how many rows it takes, its names."""

    index: int
    rows: int
    names: list[str]
    repeated: list[str] = field(default_factory=list)  # as sent


@lru_cache(maxsize=65_536)
def fold(header: str) -> str:
    """The spelling two headers are compared by: NFKC, case folded, without white space, punctuation and signs.

    Traditional characters are the simplified ones. A sign between two digits stays, as `_`: Q2_7 is not Q27. So does the `^` of what surrounds a JSON record. What a form says
    of filling in a column, (必填), or of its unit, (张), is no part of its name.
    """
    plain = unicodedata.normalize("NFKC", header).casefold().translate(SIMPLIFIED)
    folded = _UNIT.sub("", _FILLED_IN.sub("", plain).strip())
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
    all text. A row and the one below it are one header if together they spell more of them; up to two rows above a header
    complete the names that mean nothing alone (区划 above 代码).

    Args:
        rows: the first rows that hold anything: (how the sender counts it, its cells).
        merged: horizontally merged cells: (row as the sender counts it, first column, last column, from 0).

    Raises:
        Unreadable: no header, a known header twice, too many columns.
    """
    search = _Search([cells for _, cells in rows], {fold(h) for h in known_headers} - {""}, tuple(known_headers))
    for at, first, last in merged:
        search.reach.update({(i, first): last for i, (number, _) in enumerate(rows) if number == at})
    start, height, completed = _place(search, [number for number, _ in rows], reading, file)
    cells = search.header(start, height, completed=completed)
    while cells and is_blank(cells[-1:]):
        cells.pop()
    if len(cells) > limits.columns:
        raise unreadable("too_many_columns", file=file, found=len(cells), limit=limits.columns)
    return Header(start, height, named(cells, search.known, file), repeated_in(cells))


def repeated_in(cells: Iterable[str]) -> list[str]:
    """The headers that stand more than once, each once."""
    texts = [_one_line(cell) for cell in cells]
    times = Counter(fold(text) for text in texts if text)
    return list(dict.fromkeys(text for text in texts if times[fold(text)] > 1))


def spanned(names: Sequence[str], below: Sequence[str | None], known_headers: Collection[str]) -> str | None:
    """A known header that stands over several columns, as the row below it shows: their own names, and nothing else."""
    known = {fold(h) for h in known_headers} - {""}
    named_below = {i for i, cell in enumerate(below) if cell and not is_blank([cell])}
    if len(named_below) < 2 or any(re.search(r"\d", below[i] or "") for i in named_below):
        return None
    covered: set[int] = set()
    found = None
    for column, name in enumerate(names):
        last = column
        while last + 1 < len(names) and names[last + 1] == f"column_{last + 2}":
            last += 1
        if last > column and fold(name) in known and {column, column + 1} <= named_below:
            covered |= set(range(column, last + 1))
            found = found or name
    elsewhere = {i for i in named_below - covered if i < len(names) and fold(names[i]) in known}
    return found if found and not elsewhere else None


@dataclass
class _Search:
    """Rows in which a header is looked for; `reach`: (row, column) of a merged cell → its last column."""

    rows: Sequence[Sequence[str]]
    known: set[str]
    spellings: Sequence[str]
    reach: dict[tuple[int, int], int] = field(default_factory=dict)
    nearest: dict[int, list[int]] = field(default_factory=dict)  # of `_filled`

    def header(self, start: int, height: int, *, completed: bool = False) -> list[str]:
        if height == 1:
            return list(self.rows[start])
        if completed:
            width = max(len(row) for row in self.rows[start : start + height])
            return [self._completed(column, start, start + height - 1) for column in range(width)]
        merges = {column: last for (row, column), last in self.reach.items() if row == start}
        joined = _joined(self.rows[start], self.rows[start + 1], merges)
        # A blank above a column may mean the group beside it or none: the known spelling tells.
        return [cell if fold(cell) in self.known else self._alone(cell, i, start) for i, cell in enumerate(joined)]

    def _completed(self, column: int, start: int, last: int) -> str:
        """The lowest name of a column, with as many of those above it as make it a known one."""
        own = self._at(last, column)
        if fold(own) in self.known:
            return own
        parts = [own] if own else []
        for row in range(last - 1, start - 1, -1):
            # A column without a name of its own has the one above it, never its neighbour's.
            above = self._over(row, column) if own else self._at(row, column)
            if above:
                parts.insert(0, above)
                if fold("/".join(parts)) in self.known:
                    return "/".join(parts)
        return own or "/".join(parts)

    def _at(self, row: int, column: int) -> str:
        cells = self.rows[row]
        return _one_line(cells[column]) if column < len(cells) else ""

    def _over(self, row: int, column: int) -> str:
        """What stands over a column in a row: its own cell, or the group that reaches it."""
        if not (filled := self._filled(row)) or (left := filled[min(column, len(filled) - 1)]) < 0:
            return ""
        merges = row in {at for at, _ in self.reach}
        reach = self.reach.get((row, left), left if merges else column)
        return self._at(row, left) if reach >= column else ""

    def _filled(self, row: int) -> list[int]:
        """For each cell of a row the nearest one to its left that says something, itself included; -1 where there is none."""
        if row not in self.nearest:
            said = (column if self._at(row, column) else -1 for column in range(len(self.rows[row])))
            self.nearest[row] = list(accumulate(said, max))
        return self.nearest[row]

    def _alone(self, joined: str, column: int, start: int) -> str:
        upper, lower = self.rows[start], self.rows[start + 1]
        own = _one_line(lower[column]) if column < len(lower) else ""
        has_group = column < len(upper) and not is_blank([upper[column]])
        return own if fold(own) in self.known and not has_group else joined

    def hits(self, start: int, height: int, completed: bool) -> int:
        names = self.header(start, height, completed=completed)
        if height == 1:
            names = ["" if self._is_divided(start, column) else name for column, name in enumerate(names)]
        return len({fold(name) for name in names} & self.known)

    def _is_divided(self, row: int, column: int) -> bool:
        """Whether a cell merged over columns has names of its own below: then it names none of them."""
        last = self.reach.get((row, column), column)
        return (
            last > column
            and row + 1 < len(self.rows)
            and sum(bool(self._at(row + 1, c)) for c in range(column, last + 1)) > 1
        )

    def most_hits(self, start: int, height: int, completed: bool) -> int:
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
    taken = {ROW, SHAPE, MARKS}
    for position, text in enumerate(texts, start=1):
        name, nth = text or f"column_{position}", 2
        while name in taken:
            name, nth = f"{text or 'column'}_{nth if text else position + nth}", nth + 1
        taken.add(name)
        names.append(name)
    return names


def _place(search: _Search, numbers: list[int], reading: Reading, file: str) -> tuple[int, int, bool]:
    """(row, height, whether its lowest row is completed by those above) of the header."""
    heights: tuple[tuple[int, bool], ...]
    heights = ((reading.header_rows, False),) if reading.header_rows else ((1, False), (2, False))
    if not reading.header_rows and reading.header_row is None and search.known:
        heights += ((2, True), (3, True))
    if reading.header_row is not None:
        if reading.header_row not in numbers:
            found = max(numbers, default=0)
            raise unreadable("header_row_missing", file=file, expected=reading.header_row, found=found)
        starts = [numbers.index(reading.header_row)]
    elif search.known:
        starts = list(range(len(search.rows)))
    else:
        starts = [next((i for i, row in enumerate(search.rows) if _is_text(row)), 0)]
    places = [(s, h, completed) for h, completed in heights for s in starts if s + h <= len(search.rows)]
    # The first of the best, one row before two: a title above the header must not become part of it.
    best, most = (places or [(starts[0], 1, False)])[0], -1
    for place in places:
        if search.most_hits(*place) > most and (hits := search.hits(*place)) > most:
            best, most = place, hits
    if search.known and reading.header_row is None and not search.hits(*best):
        seen = [cell for row in search.rows for cell in row if not is_blank([cell])]
        if is_garbled("".join(seen)):
            raise unreadable("text_garbled", file=file)
        raise unreadable(
            "header_not_found",
            file=file,
            rows=len(search.rows),
            expected="、".join(_as_departments_write(search.spellings)[:8]),
            found="、".join(_one_line(cell)[:20] for cell in seen[:12]),
        )
    return best


def column_name(name: str, lang: str) -> str:
    """A column as a sentence calls it: one without a header by its place."""
    nth = re.fullmatch(r"column_(\d+)", name)
    return name if nth is None else f"第 {nth[1]} 列" if lang == "zh" else f"column {nth[1]}"


def is_garbled(text: str) -> bool:
    """Whether Chinese was saved in one encoding and read in another, before it came here."""
    if any(sign in text for sign in ("锟斤拷", "烫烫烫", "\ufffd\ufffd\ufffd")):
        return True
    is_chinese = re.compile("[\u4e00-\u9fff]")
    again = (text.encode(name, "ignore").decode("utf-8", "ignore") for name in ("latin-1", "cp1252"))
    return not is_chinese.search(text) and any(len(is_chinese.findall(one)) >= 3 for one in again)


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
