"""CSV, TSV and the like → batches, fast where a chunk is regular and exact where it is not.

A chunk is cut at a record end and parsed by polars on all cores; then its bytes are accounted for: cells + delimiters
+ line ends + quotation marks = bytes of the chunk. polars refuses a row with too many cells and fills up one with too
few, so the sum comes out only if every row has as many cells as the header. Where it does not, the records that are
odd (shifted, empty, huge, with NUL or bad bytes) are sorted out and go to the exact reader (cells); from a quote out of
place on, the exact reader takes over for a while.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import polars as pl

from contracts.reading.cells import Dialect, ExactRecord, exact_frame, first_records
from contracts.reading.encoding import DECODERS, Encoding, find_encoding, utf_8_chunks
from contracts.reading.headers import SEARCHED_ROWS, fold, locate, spanned
from contracts.reading.table import BLANKS, MB, ROW, SHAPE, Found, Limits, Reading, Table, is_blank, no_rows, unreadable

DELIMITERS = (",", "\t", ";", "|")
EXACT_BYTES = 65_536  # how much goes to the exact reader before the fast one tries again
# What ends a line for some other program: a file of such lines is one header of all its cells.
OTHER_ENDS = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
WHOLE_QUOTED = re.compile(r'"(?:[^"]++|"")*+"')
QUOTE, NEWLINE, MARK = ord('"'), ord("\n"), "\ufeff".encode()

Chunks = Iterable[tuple[bytes, Mapping[int, str]]]


def open_delimited(path: Path, reading: Reading, known_headers: Collection[str], limits: Limits, *, file: str) -> Table:
    """Opens a text table.

    Raises:
        Unreadable: unknown encoding or delimiter, no header, too many columns.
    """
    encoding = find_encoding(path, reading.encoding, known_headers, file=file)
    chunks = partial(
        utf_8_chunks,
        path,
        encoding,
        line_limit=max(limits.cell_chars * 4, MB),
        only_returns=_only_returns(path, encoding),
    )
    text = next(chunks(MB), (b"", {}))[0].decode("utf-8", errors="replace")
    if text.count("\0") * 3 > len(text):
        raise unreadable("not_a_table", file=file, why_zh="内容不是文字", why_en="what it holds is no text")
    stated = re.match(r"sep=(.)\n", text)
    delimiter = _delimiter(text, reading, stated and stated[1], known_headers, limits, file=file)
    wanted = max(SEARCHED_ROWS, reading.header_row or 0) + 2
    records = first_records(text, delimiter, limits.cell_chars, wanted)[1 if stated else 0 :]
    records = [r for r in records if not is_blank(r.cells)]
    if not records:
        raise unreadable("empty_file", file=file)
    _refuse_unparted(records, known_headers, file)
    header = locate([(r.line, r.cells) for r in records], reading, known_headers, limits, file=file)
    own = records[header.index : header.index + header.rows]
    names = tuple(_widened(header.names, own, records[header.index + header.rows :]))
    if len(names) > limits.columns:
        raise unreadable("too_many_columns", file=file, found=len(names), limit=limits.columns)
    found = Found("csv", encoding=encoding.name, delimiter=delimiter, header_row=own[0].line, headers=list(names))
    if encoding.guessed:
        found.notes.append(("encoding_guessed", {"encoding": encoding.name}))
    below = records[header.index + header.rows :]
    if not below and any(OTHER_ENDS.search(name) for name in names):
        raise unreadable(
            "not_a_table", file=file, why_zh="换行符不是通用的", why_en="its lines end in a sign that tables do not use"
        )
    found.repeated, found.below = header.repeated, list(below[0].cells) if below else []
    found.above = [cell for r in records[: header.index] for cell in r.cells if not is_blank([cell])]
    if over := spanned(names, found.below, known_headers):
        raise unreadable("header_spans_columns", file=file, field=over)
    dialect = Dialect(delimiter, names, limits.cell_chars)
    return Table(found, lambda: _batches(chunks(limits.chunk_bytes), dialect, own[-1].line + own[-1].lines))


def _refuse_unparted(records: list[ExactRecord], known_headers: Collection[str], file: str) -> None:
    """A line that holds several headers in one cell: its columns are parted by something else."""
    if any(len(r.cells) > 1 for r in records):
        return
    known = {folded for h in known_headers if len(folded := fold(h)) > 1}
    for record in records:
        text = fold(record.cells[0])
        at = {text.find(header) for header in known if header in text and header != text}
        if len(at) > 2 and not re.search("[。；：:]", record.cells[0]):
            raise unreadable("delimiter_unclear", file=file, row=record.line)


def _only_returns(path: Path, encoding: Encoding) -> bool:
    r"""Whether \r alone ends a line: everywhere, or where another program has put \n behind some of them."""
    with path.open("rb") as opened:
        opened.seek(encoding.bom)
        head = opened.read(MB)
    text = head.decode(DECODERS.get(encoding.name, encoding.name), errors="replace").rstrip("\r\n\0")
    first = text.replace("\r\r\n", "\n").replace("\r\n", "\n").lstrip("\n").partition("\n")[0]
    return "\r" in WHOLE_QUOTED.sub("", first)  # a quoted cell may hold one


def _delimiter(
    text: str, reading: Reading, stated: str | None, known_headers: Collection[str], limits: Limits, *, file: str
) -> str:
    """The delimiter stated, else the one that shows most known headers, else the most even rows."""
    if reading.delimiter is not None:
        given = {"\\t": "\t", "tab": "\t"}.get(reading.delimiter, reading.delimiter)
        if len(given) != 1 or not given.isascii() or given in '"\r\n':
            raise unreadable("delimiter_unknown", file=file, expected=reading.delimiter)
        return given
    known = {fold(h) for h in known_headers} - {""}

    def likelihood(delimiter: str) -> tuple[int, float]:
        rows = [r.cells for r in first_records(text, delimiter, limits.cell_chars, SEARCHED_ROWS)]
        rows = [cells for cells in rows if not is_blank(cells)]
        hits = max((len({fold(c) for c in cells} & known) for cells in rows), default=0)
        widths = [len(cells) for cells in rows]
        usual = max(set(widths), key=lambda w: (widths.count(w), w), default=1)
        return hits, widths.count(usual) / len(widths) if usual > 1 else 0.0

    if stated in DELIMITERS and (not known or likelihood(stated)[0]):
        return stated
    return max(DELIMITERS, key=likelihood)


def _widened(names: list[str], own: list[ExactRecord], below: list[ExactRecord]) -> list[str]:
    """A column for each cell of the header, also without a name; one more if every row ends with a delimiter, none for those that the header
    alone ends with."""
    width = max(len(r.cells) for r in own)
    if below and all(len(r.cells) == len(names) for r in below):
        return names
    if below and all(len(r.cells) == width + 1 and is_blank(r.cells[-1:]) for r in below):
        width += 1
    return names + [f"column_{i}" for i in range(len(names) + 1, width + 1)]


# ── chunk by chunk ──────────────────────────────────────────────────────────────────────────────


class _Odd(Exception):
    """A piece is no regular table."""


def _batches(chunks: Chunks, dialect: Dialect, data_line: int) -> Iterator[pl.DataFrame]:
    """Rows from `data_line` on. A record that a chunk does not hold entirely waits for the next one."""
    rest, line = b"", 1
    marks: dict[int, str] = {}
    coming = iter(chunks)
    ahead = next(coming, None)
    while ahead is not None:
        (chunk, new), ahead = ahead, next(coming, None)
        first = line + _newlines(rest)
        marks = {at: mark for at, mark in marks.items() if at >= line} | {first + i: m for i, m in new.items()}
        buffer = rest + chunk
        if line < data_line:
            buffer, line = _from_line(buffer, line, data_line)
        used = 0
        for frame, end, next_line in _read(buffer, dialect, line, marks, final=ahead is None):
            used, line = end, next_line
            if frame.height:
                yield frame
        rest = buffer[used:]


def _from_line(buffer: bytes, line: int, wanted: int) -> tuple[bytes, int]:
    start = 0
    while line < wanted and (end := buffer.find(b"\n", start)) >= 0:
        start, line = end + 1, line + 1
    return buffer[start:], line


def _read(
    buffer: bytes, dialect: Dialect, line: int, marks: Mapping[int, str], *, final: bool
) -> Iterator[tuple[pl.DataFrame, int, int]]:
    """Reads what it can of a buffer of whole lines that begins at a record.

    Yields:
        (rows, bytes of the buffer used so far, number of the line that follows).
    """
    start, window = 0, EXACT_BYTES
    quotes = _positions(buffer, QUOTE)
    found = _Lines(buffer, dialect)
    while start < len(buffer):
        end = _sound_end(buffer, start, quotes, dialect, found)
        if end > start:
            inside = quotes[: np.searchsorted(quotes, end)] - start
            piece = buffer[start:end]
            first, line = line, line + _newlines(piece)
            yield _sound_rows(piece, inside, dialect, range(first, line), marks), end, line
        else:
            # As many bytes as the window and a whole quoted cell after it can take.
            text = buffer[start : start + 4 * (window + 2 * dialect.quoted_limit)].decode("utf-8", errors="ignore")
            whole = start + len(text.encode()) >= len(buffer)
            frame, used, lines = exact_frame(text, dialect, line, marks, window, final=final and whole)
            if not used:
                return
            # Twice as much next time: a buffer full of stray quotes is not scanned again for each of them.
            end, line, window = start + len(text[:used].encode()), line + lines, 2 * window
            yield frame, end, line
        start = end
        quotes = quotes[np.searchsorted(quotes, start) :]


def _positions(buffer: bytes, byte: int) -> np.ndarray:
    if bytes([byte]) not in buffer:
        return np.empty(0, np.intp)
    return np.flatnonzero(np.frombuffer(buffer, np.uint8) == byte)


def _newlines(piece: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(piece, np.uint8) == NEWLINE))


@dataclass(frozen=True)
class _Lines:
    """Of the lines of a buffer what is asked for, which for most buffers is nothing.

    Attributes:
        ends: where each line ends.
        broken: how many of the lines up to each are no row by themselves: have other delimiters than the header.
    """

    buffer: bytes
    dialect: Dialect

    @cached_property
    def ends(self) -> np.ndarray:
        return _positions(self.buffer, NEWLINE)

    @cached_property
    def broken(self) -> np.ndarray:
        fences = np.searchsorted(_positions(self.buffer, ord(self.dialect.delimiter)), self.ends)
        return np.cumsum(np.append(0, np.diff(fences, prepend=0) != len(self.dialect.headers) - 1))


def _sound_end(
    buffer: bytes,
    start: int,
    quotes: np.ndarray,
    dialect: Dialect,
    lines: _Lines,
) -> int:
    """End of the last record from `start` on before a quote that is out of place or not closed; or `start`.

    Args:
        quotes: positions of all quotes from `start` on.
        lines: of the buffer; a quote that closes in another whole row is perhaps another's (the exact reader tells).
    """
    if not quotes.size:
        return len(buffer)
    data = np.frombuffer(buffer, np.uint8)
    opening, closing = quotes[: quotes.size // 2 * 2].reshape(-1, 2).T
    # A quote beside a quote is half of a doubled one: closing and opening again changes nothing.
    is_fence = np.zeros(256, bool)
    is_fence[[NEWLINE, ord(dialect.delimiter), QUOTE]] = True
    before = np.where(opening > start, data[opening - 1], NEWLINE)
    after = data[np.minimum(closing + 1, len(buffer) - 1)]
    wrong = ~(is_fence[before] & is_fence[after])
    # Most of what a program puts into quotes is nothing at all, which is neither too long nor holds a line end.
    filled = np.flatnonzero(closing - opening > 1)
    if filled.size:
        opening, closing = opening[filled], closing[filled]
        first, last = np.searchsorted(lines.ends, opening), np.searchsorted(lines.ends, closing)
        wrong[filled] |= closing - opening > dialect.quoted_limit
        if (last > first).any():
            wrong[filled] |= (last > first) & (
                lines.broken[np.minimum(last + 1, lines.ends.size)] == lines.broken[first]
            )
    sound = int(wrong.argmax()) if wrong.any() else quotes.size // 2
    limit = int(quotes[2 * sound]) if 2 * sound < quotes.size else len(buffer)
    return _record_end(buffer, start, limit, quotes)


def _record_end(buffer: bytes, start: int, limit: int, quotes: np.ndarray) -> int:
    """End of the last line before `limit` that is not inside quotes; `start` if there is none."""
    end = buffer.rfind(b"\n", start, limit)
    while end >= 0 and (earlier := int(np.searchsorted(quotes, end))) % 2:
        end = buffer.rfind(b"\n", start, int(quotes[earlier - 1]))
    return end + 1 if end >= 0 else start


def _sound_rows(
    piece: bytes, quotes: np.ndarray, dialect: Dialect, lines: range, marks: Mapping[int, str]
) -> pl.DataFrame:
    """Rows of whole records with sound quotes; records in which something is odd go to the exact reader."""
    line, own = lines.start, {at: mark for at, mark in marks.items() if at in lines}
    try:
        if own:
            raise _Odd
        frame = _parse(piece, quotes, dialect)
        # As many rows as lines: each line is a record, and nobody has to look for line ends inside quotes.
        begins = np.array(lines) if frame.height == len(lines) else _record_lines(piece, quotes, line)
        return _numbered(frame, begins, dialect)
    except _Odd:
        return _sorted_out(piece, quotes, dialect, _record_lines(piece, quotes, line), own)


def _record_lines(piece: bytes, quotes: np.ndarray, line: int) -> np.ndarray:
    """The line each record begins at: a line end inside quotes begins none."""
    begins = np.append(True, _is_outside(_positions(piece, NEWLINE), quotes)[:-1])
    return line + np.flatnonzero(begins)


def _is_outside(positions: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    return np.searchsorted(quotes, positions) % 2 == 0


def _parse(piece: bytes, quotes: np.ndarray, dialect: Dialect) -> pl.DataFrame:
    """Rows of a regular piece, as many as it has records.

    Raises:
        _Odd: not every record has as many cells as the header.
    """
    # polars would leave out a mark at the start and a return before a delimiter, and the sum could still come out.
    if b"\0" in piece or b"\r" in piece or piece.startswith(MARK):
        raise _Odd
    # Of a line of delimiters it would make millions of columns.
    if _has_line_longer_than(2 * dialect.cell_chars, piece):
        raise _Odd
    try:
        frame = pl.read_csv(
            piece,
            has_header=False,
            separator=dialect.delimiter,
            schema=dict.fromkeys(dialect.headers, pl.String),
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:
        raise _Odd from None
    lengths = frame.select(pl.all().str.len_bytes())
    doubled = int(np.count_nonzero(quotes[2::2] - quotes[1:-1:2] == 1))
    accounted = sum(lengths.sum().row(0)) + frame.height * len(dialect.headers) + quotes.size - doubled
    if accounted != len(piece) or max(lengths.max().row(0)) > dialect.cell_chars:
        raise _Odd
    return frame.rechunk()


def _has_line_longer_than(limit: int, piece: bytes) -> bool:
    """Of whole lines, each with its line end."""
    start = 0
    while len(piece) - start > limit:
        # The last line end within reach: no line between is longer.
        end = piece.rfind(b"\n", start, start + limit)
        if end < 0:
            return True
        start = end + 1
    return False


def _numbered(frame: pl.DataFrame, lines: np.ndarray, dialect: Dialect) -> pl.DataFrame:
    """Every row with the line it begins at; blank rows are left out.

    Raises:
        _Odd: there are more or fewer rows than lines.
    """
    if lines.size != frame.height:
        raise _Odd
    frame = frame.with_columns(pl.Series(ROW, lines, dtype=pl.Int64), pl.lit(None, dtype=pl.String).alias(SHAPE))
    return _without_blank_rows(frame, dialect.headers)


def _sorted_out(
    piece: bytes, quotes: np.ndarray, dialect: Dialect, lines: np.ndarray, marks: Mapping[int, str]
) -> pl.DataFrame:
    """Rows of a piece that is not regular, in order: each record by the reader that can take it.

    Args:
        lines: the line each record begins at.
        marks: line → what is already known to be wrong with it, for the lines of this piece.
    """
    ends = _positions(piece, NEWLINE)
    ends = ends[_is_outside(ends, quotes)]
    data, lengths = np.frombuffer(piece, np.uint8), np.diff(ends, prepend=-1)
    fences = _positions(piece, ord(dialect.delimiter))
    fences = fences[_is_outside(fences, quotes)]
    odd = np.diff(np.searchsorted(fences, ends), prepend=0) + 1 != len(dialect.headers)
    odd |= lengths > dialect.cell_chars
    for byte in b"\0\r\xef":  # NUL, a lone return, the first byte of a mark
        odd[np.searchsorted(ends, _positions(piece, byte))] |= byte != MARK[0] or MARK in piece
    marked = {at: int(np.searchsorted(lines, at, side="right")) - 1 for at in marks}
    odd[list(marked.values())] = True
    is_line = lengths > 1  # an empty line is no row
    try:
        regular = data[np.repeat(is_line & ~odd, lengths)].tobytes()
        found = []
        if regular:
            rows = _parse(regular, _positions(regular, QUOTE), dialect)
            found.append(_numbered(rows, lines[is_line & ~odd], dialect))
    except _Odd:
        found, odd = [], np.ones_like(odd)
    odd &= is_line
    if odd.any():
        # The odd records alone are a text of their own; its line numbers are turned back into the file's.
        heights = np.diff(np.append(lines, lines[-1] + piece.count(b"\n", ends[-2] + 1 if ends.size > 1 else 0)))[odd]
        begins = np.cumsum(heights) - heights
        rank = np.cumsum(odd) - 1
        own = {int(begins[rank[i]]) + at - int(lines[i]): marks[at] for at, i in marked.items() if odd[i]}
        text = data[np.repeat(odd, lengths)].tobytes().decode()
        rows = exact_frame(text, dialect, 0, own, len(text), final=True)[0]
        at = lines[odd][np.searchsorted(begins, rows[ROW].to_numpy())]
        found.append(rows.with_columns(pl.Series(ROW, at, dtype=pl.Int64)))
    return pl.concat(found).sort(ROW) if found else no_rows(dialect.headers)


def _without_blank_rows(frame: pl.DataFrame, headers: Collection[str]) -> pl.DataFrame:
    # Only a row that begins with a blank cell can be blank; most pieces have none.
    first = frame.to_series(0)
    if not (first.str.len_bytes() == 0).any() and not (first.str.strip_chars_start(BLANKS) == "").any():
        return frame
    return frame.filter(~pl.all_horizontal(pl.col(*headers).str.strip_chars(BLANKS) == ""))
