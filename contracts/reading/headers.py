"""Where the header of a table is, and what its columns are called.

Belongs here: comparing spellings, finding the header below title rows, two-row headers, unique names. Does not
belong here: which field a header means (arranging).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from contracts.reading.table import ROW, SHAPE, Limits, Reading, is_blank, unreadable

SEARCHED_ROWS = 30


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a table: where it begins (index into the rows searched), how many rows it takes, its names."""

    index: int
    rows: int
    names: list[str]


def fold(header: str) -> str:
    """The spelling two headers are compared by: NFKC, case folded, without white space, punctuation and signs."""
    folded = unicodedata.normalize("NFKC", header).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LNM")


def locate(
    rows: Sequence[Sequence[str | None]],
    numbers: Sequence[int],
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
        rows: the first rows, cells as text.
        numbers: how the sender counts these rows.
        merged: (row index, first column, last column) of horizontally merged cells.

    Raises:
        Unreadable: no header, a known header twice, too many columns.
    """
    known = {fold(h) for h in known_headers} - {""}
    start, height = _place(rows, numbers, reading, known, merged, file)
    cells = _joined(rows[start], rows[start + 1], start, merged) if height == 2 else list(rows[start])
    while cells and is_blank(cells[-1:]):
        cells.pop()
    if len(cells) > limits.columns:
        raise unreadable("too_many_columns", file=file, found=len(cells), limit=limits.columns)
    return Header(start, height, named(cells, known, file))


def named(cells: Iterable[str | None], known: Collection[str], file: str) -> list[str]:
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


def _place(
    rows: Sequence[Sequence[str | None]],
    numbers: Sequence[int],
    reading: Reading,
    known: set[str],
    merged: Collection[tuple[int, int, int]],
    file: str,
) -> tuple[int, int]:
    if reading.header_row is not None:
        if reading.header_row not in numbers:
            raise unreadable("header_row_missing", file=file, expected=reading.header_row, found=max(numbers, default=0))
        start = numbers.index(reading.header_row)
        if reading.header_rows:
            return start, min(reading.header_rows, len(rows) - start)
        return start, _height(rows, start, known, merged)
    if not known:
        start = next((i for i, row in enumerate(rows) if _is_text(row)), 0)
        if rows:
            return start, min(reading.header_rows or 1, len(rows) - start)
    heights = (reading.header_rows,) if reading.header_rows else (1, 2)
    places = [(start, height) for height in heights for start in range(len(rows) - height + 1)]
    # The first of the best, one row before two: a title above the header must not become part of it.
    best = max(places, key=lambda place: _hits(rows, *place, known, merged), default=(0, 0))
    if not places or not _hits(rows, *best, known, merged):
        seen = [cell for row in rows for cell in row if not is_blank([cell])]
        raise unreadable(
            "header_not_found",
            file=file,
            rows=len(rows),
            expected="、".join(sorted(known)[:8]),
            found="、".join(_one_line(cell)[:20] for cell in seen[:12]),
        )
    return best


def _height(
    rows: Sequence[Sequence[str | None]], start: int, known: set[str], merged: Collection[tuple[int, int, int]]
) -> int:
    if start + 1 >= len(rows):
        return 1
    return 2 if _hits(rows, start, 2, known, merged) > _hits(rows, start, 1, known, merged) else 1


def _hits(
    rows: Sequence[Sequence[str | None]],
    start: int,
    height: int,
    known: set[str],
    merged: Collection[tuple[int, int, int]],
) -> int:
    cells = _joined(rows[start], rows[start + 1], start, merged) if height == 2 else rows[start]
    return len({fold(cell) for cell in cells if cell} & known)


def _joined(
    upper: Sequence[str | None], lower: Sequence[str | None], row: int, merged: Collection[tuple[int, int, int]]
) -> list[str | None]:
    """`group/column` where both rows speak; a group reaches over the blank cells to its right, or as far as merged."""
    width = max(len(upper), len(lower))
    upper, lower = [*upper, *[None] * (width - len(upper))], [*lower, *[None] * (width - len(lower))]
    reach = {first: last for at, first, last in merged if at == row}
    cells: list[str | None] = []
    group, until = "", -1
    for column, (above, below) in enumerate(zip(upper, lower, strict=True)):
        if not is_blank([above]):
            group = _one_line(above)
            until = reach.get(column, column if reach else width)
        over = group if column <= until else ""
        under = _one_line(below)
        # A blank below a group that reached over is a column of the group only where the group itself stands.
        cells.append("/".join(part for part in (over if under or not is_blank([above]) else "", under) if part))
    return cells


def _is_text(row: Sequence[str | None]) -> bool:
    cells = [cell for cell in row if not is_blank([cell])]
    return bool(cells) and len(cells) == len(row) and not any(re.fullmatch(r"[\d.,%/:\s-]+", c or "") for c in cells)


def _one_line(cell: str | None) -> str:
    return re.sub(r"\s*[\r\n]+\s*", "", (cell or "").strip("\ufeff \t\r\n\u3000\u00a0\x00")).strip()
