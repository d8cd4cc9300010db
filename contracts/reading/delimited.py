r"""CSV, TSV and the like → batches, fast where a chunk is regular and exact where it is not.

A chunk is cut at a record end and parsed by polars on all cores; then its bytes are counted again (cells + delimiters
+ line ends + quotation marks = bytes of the chunk). The sum comes out only if every row has as many cells as the
header, so whatever is odd (shifted rows, stray quotes, NUL, bad bytes) goes to the exact, slower reader.

Rules of the exact reader: a cell that begins with `"` ends at the next single `"`, which must stand before a
delimiter or a line end; `""` inside means `"`; a `"` inside an unquoted cell is itself. A row whose quotes do not
close like that is one line long and shaped `stray_quote`: a forgotten quote costs one row, not the rest of the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from pathlib import Path

import numpy as np
import polars as pl

from contracts.reading.encoding import Encoding, find_encoding, utf_8_chunks
from contracts.reading.headers import SEARCHED_ROWS, fold, locate
from contracts.reading.table import (
    ROW,
    SHAPE,
    Found,
    Limits,
    Reading,
    Record,
    Table,
    frames,
    is_blank,
    unreadable,
)

DELIMITERS = (",", "\t", ";", "|")
HEAD_BYTES = 1_000_000
EXACT_BYTES = 65_536  # how much goes to the exact reader before the fast one tries again
QUOTE, NEWLINE = 34, 10


@dataclass(frozen=True, slots=True)
class Dialect:
    delimiter: str
    width: int
    cell_chars: int

    @property
    def quoted_limit(self) -> int:
        """Characters after which an open quote counts as forgotten."""
        return self.cell_chars + 1_000


def open_delimited(path: Path, reading: Reading, known_headers: Collection[str], limits: Limits, *, file: str) -> Table:
    """Opens a text table.

    Raises:
        Unreadable: unknown encoding or delimiter, no header, too many columns.
    """
    encoding = find_encoding(path, reading.encoding, known_headers, file=file)
    line_limit = max(limits.cell_chars * 4, 1_000_000)
    returns = _only_returns(path, encoding)
    chunks = partial(utf_8_chunks, path, encoding, line_limit=line_limit, only_returns=returns)
    head = next(chunks(HEAD_BYTES), (b"", {}))[0]
    text = head.decode("utf-8", errors="replace")
    if text.count("\0") * 20 > len(text):
        raise unreadable("not_a_table", file=file, detail="NUL")
    stated = re.match(r"sep=(.)\n", text)
    delimiter = _delimiter(text, reading, stated and stated[1], known_headers, limits, file)
    rows = _first_rows(text, delimiter, limits, skip=1 if stated else 0, until=reading.header_row)
    filled = [row for row in rows if not is_blank(row[1])]
    if not filled:
        raise unreadable("empty_file", file=file)
    header = locate([r[1] for r in filled], [r[0] for r in filled], reading, known_headers, limits, file=file)
    below = filled[header.index + header.rows :]
    own = filled[header.index : header.index + header.rows]
    width = max(len(cells) for _, cells, _ in own)
    if below and all(len(cells) == width + 1 and is_blank(cells[-1:]) for _, cells, _ in below):
        width += 1  # every row ends with a delimiter, the header does not
    names = header.names + [f"column_{i}" for i in range(len(header.names) + 1, width + 1)]
    if width > limits.columns:
        raise unreadable("too_many_columns", file=file, found=width, limit=limits.columns)
    dialect = Dialect(delimiter, width, limits.cell_chars)
    found = Found("csv", encoding=encoding.name, delimiter=delimiter, header_row=own[0][0], headers=names)
    data_line = own[-1][0] + _lines_of(text, own[-1][0], delimiter, limits)
    return Table(found, lambda: _batches(chunks(limits.chunk_bytes), dialect, names, data_line))


def _only_returns(path: Path, encoding: Encoding) -> bool:
    with path.open("rb") as opened:
        opened.seek(encoding.bom)
        head = opened.read(HEAD_BYTES)
    text = head.decode(encoding.name, errors="replace").rstrip("\r\n\0")
    return "\r" in text and "\n" not in text


def _first_rows(
    text: str, delimiter: str, limits: Limits, skip: int = 0, until: int | None = None
) -> list[Record]:
    dialect = Dialect(delimiter, 0, limits.cell_chars)
    wanted = max(SEARCHED_ROWS, (until or 0) + 2) + skip
    rows = []
    for record in read_exactly(text, dialect, 1, final=True):
        rows.append((record.line, record.cells, record.shape))
        if len(rows) >= wanted:
            break
    return rows[skip:]


def _lines_of(text: str, line: int, delimiter: str, limits: Limits) -> int:
    dialect = Dialect(delimiter, 0, limits.cell_chars)
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    record = next(read_exactly(text[start:], dialect, line, final=True))
    return text.count("\n", start, start + record.end)


def _delimiter(
    text: str, reading: Reading, stated: str | None, known_headers: Collection[str], limits: Limits, file: str
) -> str:
    if reading.delimiter is not None:
        given = {"\\t": "\t", "tab": "\t"}.get(reading.delimiter, reading.delimiter)
        if len(given) != 1 or not given.isascii() or given in '"\r\n':
            raise unreadable("delimiter_unknown", file=file, expected=reading.delimiter)
        return given
    if stated in DELIMITERS:
        return stated
    known = {fold(h) for h in known_headers} - {""}

    def likelihood(delimiter: str) -> tuple[int, float]:
        rows = [cells for _, cells, _ in _first_rows(text, delimiter, limits) if not is_blank(cells)]
        hits = max((len({fold(c) for c in cells if c} & known) for cells in rows), default=0)
        widths = [len(cells) for cells in rows]
        usual = max(set(widths), key=lambda w: (widths.count(w), w), default=1)
        return hits, widths.count(usual) / len(widths) if usual > 1 else 0.0

    return max(DELIMITERS, key=likelihood)


# ── the fast reader ─────────────────────────────────────────────────────────────────────────────


class _Odd(Exception):
    """A piece is not a regular table."""


def _batches(
    chunks: Iterator[tuple[bytes, dict[int, str]]], dialect: Dialect, names: list[str], data_line: int
) -> Iterator[pl.DataFrame]:
    rest, line, marks = b"", 1, {}
    ahead = next(chunks, None)
    while ahead is not None:
        chunk, new_marks = ahead
        ahead = next(chunks, None)
        before = line + rest.count(b"\n")
        marks = {at: m for at, m in marks.items() if at >= line} | {before + i: m for i, m in new_marks.items()}
        buffer = rest + chunk
        if line < data_line:
            buffer, line = _past(buffer, line, data_line)
        used = 0
        for frame, used, next_line in _read(buffer, dialect, names, line, marks, final=ahead is None):
            line = next_line
            if frame.height:
                yield frame
        rest = buffer[used:]


def _past(buffer: bytes, line: int, data_line: int) -> tuple[bytes, int]:
    start = 0
    while line < data_line and (end := buffer.find(b"\n", start)) >= 0:
        start, line = end + 1, line + 1
    return buffer[start:], line


def _read(
    buffer: bytes, dialect: Dialect, names: list[str], line: int, marks: dict[int, str], *, final: bool
) -> Iterator[tuple[pl.DataFrame, int, int]]:
    """Reads what it can of a buffer of whole lines.

    Yields:
        (rows, bytes of the buffer used so far, number of the line that follows).
    """
    start, window = 0, EXACT_BYTES
    quotes = _positions(buffer, QUOTE)
    while start < len(buffer):
        cut, quotes = _regular(buffer, start, quotes, dialect)
        if cut > start:
            inside = quotes[: np.searchsorted(quotes, cut)] - start
            for frame, lines in _quickly(buffer[start:cut], inside, dialect, names, line, marks):
                line += lines
                yield frame, cut, line
            start = cut
            quotes = quotes[np.searchsorted(quotes, start) :]
            continue
        text = _whole_characters(buffer[start : start + window + 8 * dialect.quoted_limit])
        reaches_end = start + len(text.encode()) >= len(buffer)
        frame, length, lines = _exactly(text, dialect, names, line, marks, window, final=final and reaches_end)
        if not length:
            return
        start, line, window = start + length, line + lines, window * 2
        quotes = quotes[np.searchsorted(quotes, start) :]
        yield frame, start, line


def _positions(buffer: bytes, byte: int) -> np.ndarray:
    return np.flatnonzero(np.frombuffer(buffer, np.uint8) == byte)


def _regular(buffer: bytes, start: int, quotes: np.ndarray, dialect: Dialect) -> tuple[int, np.ndarray]:
    """(end of the last record before anything is wrong with a quote, quotes from `start` on)."""
    if not quotes.size:
        return buffer.rfind(b"\n") + 1, quotes
    data = np.frombuffer(buffer, np.uint8)
    pairs = quotes[: quotes.size // 2 * 2]
    opening, closing = pairs[0::2], pairs[1::2]
    fences = (NEWLINE, ord(dialect.delimiter), QUOTE)
    before = np.where(opening > start, data[opening - 1], NEWLINE)
    after = np.where(closing + 1 < len(buffer), data[np.minimum(closing + 1, len(buffer) - 1)], NEWLINE)
    wrong = ~(_among(before, fences) & _among(after, fences)) | (closing - opening > dialect.quoted_limit)
    # `""` counts as an escape only inside a quoted cell: a quote may open after a quote only if that one closed.
    first_wrong = int(np.argmax(wrong)) if wrong.any() else opening.size
    limit = int(quotes[2 * first_wrong]) if 2 * first_wrong < quotes.size else len(buffer)
    return max(_record_end(buffer, start, limit, quotes), start), quotes


def _among(values: np.ndarray, wanted: tuple[int, ...]) -> np.ndarray:
    return reduce(np.logical_or, [values == w for w in wanted])


def _record_end(buffer: bytes, start: int, limit: int, quotes: np.ndarray) -> int:
    """End of the last line before `limit` that no quoted cell reaches over; `start` if there is none."""
    end = buffer.rfind(b"\n", start, limit)
    while end >= 0 and np.searchsorted(quotes, end) % 2:
        end = buffer.rfind(b"\n", start, int(quotes[np.searchsorted(quotes, end) - 1]))
    return end + 1 if end >= 0 else start


def _quickly(
    piece: bytes, quotes: np.ndarray, dialect: Dialect, names: list[str], line: int, marks: dict[int, str]
) -> Iterator[tuple[pl.DataFrame, int]]:
    """Parses whole records with sound quotes; halves the piece until what is odd stands alone.

    Yields:
        (rows, lines they take).
    """
    lines = int(np.count_nonzero(np.frombuffer(piece, np.uint8) == NEWLINE))
    try:
        if any(line <= at < line + lines for at in marks):
            raise _Odd
        yield _parse(piece, dialect, names, line, lines, quotes), lines
    except _Odd:
        middle = _record_end(piece, 0, len(piece) // 2, quotes) if len(piece) > EXACT_BYTES else 0
        if not middle:
            frame, _, _ = _exactly(piece.decode(), dialect, names, line, marks, len(piece), final=True)
            yield frame, lines
            return
        split = np.searchsorted(quotes, middle)
        for half, inside in ((piece[:middle], quotes[:split]), (piece[middle:], quotes[split:] - middle)):
            for frame, passed in _quickly(half, inside, dialect, names, line, marks):
                line += passed
                yield frame, passed


def _parse(
    piece: bytes, dialect: Dialect, names: list[str], line: int, lines: int, quotes: np.ndarray
) -> pl.DataFrame:
    if b"\0" in piece:
        raise _Odd
    try:
        frame = pl.read_csv(
            piece,
            has_header=False,
            separator=dialect.delimiter,
            schema=dict.fromkeys(names, pl.String),
            empty_string_is_null=False,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.ComputeError):
        raise _Odd from None
    lengths = frame.select(
        pl.sum_horizontal(pl.all().str.len_bytes().cast(pl.Int64).sum()).alias("bytes"),
        pl.max_horizontal(pl.all().str.len_bytes().max()).alias("longest"),
    )
    escaped = int((quotes[2::2] - quotes[1:-1:2] == 1).sum()) if quotes.size else 0
    accounted = (
        (lengths["bytes"][0] or 0)
        + frame.height * dialect.width  # delimiters and the line end
        + quotes.size
        - escaped
    )
    if accounted != len(piece) or (lengths["longest"][0] or 0) > dialect.cell_chars:
        raise _Odd
    numbers = np.arange(line, line + frame.height) if lines == frame.height else line + _starts(piece, quotes)
    frame = frame.with_columns(
        pl.Series(ROW, numbers, dtype=pl.Int64), pl.lit(None, dtype=pl.String).alias(SHAPE)
    )
    return _without_blank_rows(frame, names)


def _starts(piece: bytes, quotes: np.ndarray) -> np.ndarray:
    """Line (from 0) at which each record starts, where quoted cells hold line breaks."""
    ends = _positions(piece, NEWLINE)
    outside = np.flatnonzero(np.searchsorted(quotes, ends) % 2 == 0)
    return np.concatenate([[0], outside[:-1] + 1])


def _without_blank_rows(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    # Only rows whose first cell is blank can be blank altogether; most pieces have none.
    suspects = frame[names[0]].str.len_bytes() == 0
    if not suspects.any():
        suspects = frame[names[0]].str.strip_chars().str.len_bytes() == 0
        if not suspects.any():
            return frame
    blank = pl.all_horizontal(pl.col(names).str.strip_chars("\ufeff \t\r\n\u3000\u00a0") == "")
    return frame.filter(~blank)


# ── the exact reader ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ExactRecord:
    line: int
    cells: list[str]
    shape: str | None
    end: int  # offset in the text of what follows


def read_exactly(text: str, dialect: Dialect, line: int, *, final: bool) -> Iterator[ExactRecord]:
    """Records of a text that begins at a record, cell by cell.

    Args:
        line: number of the first line.
        final: nothing follows; else a record that the text may not hold entirely is not given.
    """
    fence = re.escape(dialect.delimiter)
    quoted = re.compile(r'"(?:[^"]++|"")*+')
    plain = re.compile(rf"[^{fence}\n]*+")
    ends = (dialect.delimiter, "\n", "")
    at = 0
    while at < len(text):
        cells, shape, start = [], None, at
        while True:
            if text.startswith('"', at):
                close = quoted.match(text, at, at + dialect.quoted_limit).end()  # type: ignore[union-attr]
                if close >= len(text) and not final and close - at < dialect.quoted_limit:
                    return
                if text[close : close + 1] != '"' or text[close + 1 : close + 2] not in ends:
                    shape = "stray_quote"
                    break
                cells.append(text[at + 1 : close].replace('""', '"'))
                at = close + 1
            else:
                close = plain.match(text, at).end()  # type: ignore[union-attr]
                cells.append(text[at:close])
                at = close
            if at >= len(text) and not final:
                return
            if at >= len(text) or text[at] == "\n":
                break
            at += 1
        if shape:
            newline = text.find("\n", start)
            at = newline if newline >= 0 else len(text)
            cells = text[start:at].split(dialect.delimiter)
        at += 1
        yield ExactRecord(line, cells, shape, min(at, len(text)))
        line += text.count("\n", start, at)


def _exactly(
    text: str,
    dialect: Dialect,
    names: list[str],
    line: int,
    marks: dict[int, str],
    window: int,
    *,
    final: bool,
) -> tuple[pl.DataFrame, int, int]:
    """(rows, bytes, lines) of the records that start within the first `window` characters."""
    rows: list[Record] = []
    end, lines = 0, 0
    for record in read_exactly(text, dialect, line, final=final):
        height = text.count("\n", end, record.end)
        mark = next((marks[at] for at in range(record.line, record.line + max(height, 1)) if at in marks), None) if marks else None
        end, lines = record.end, lines + height
        if not is_blank(record.cells):
            rows.append(_shaped(record, dialect, mark))
        if end >= window:
            break
    frame = pl.concat([*frames(rows, names, 100_000)] or [pl.DataFrame(schema={**dict.fromkeys(names, pl.String), ROW: pl.Int64, SHAPE: pl.String})])
    return frame, len(text[:end].encode()), lines


def _shaped(record: ExactRecord, dialect: Dialect, mark: str | None) -> Record:
    cells, shape = record.cells, mark or record.shape
    if any("\0" in cell for cell in cells):
        cells, shape = [cell.replace("\0", "\ufffd") for cell in cells], shape or "nul_byte"
    if any(len(cell) > dialect.cell_chars for cell in cells):
        cells, shape = [cell[: dialect.cell_chars] for cell in cells], shape or "cell_too_long"
    if shape is None and len(cells) != dialect.width:
        shape = "too_many_cells" if len(cells) > dialect.width else "too_few_cells"
    return record.line, cells, shape


def _whole_characters(piece: bytes) -> str:
    """Decodes without the character that the end of the piece may have cut."""
    return piece.decode("utf-8", errors="ignore")
