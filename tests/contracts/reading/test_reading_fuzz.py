"""Whatever the bytes: a sentence or rows, every row once, the same rows however the file is cut into chunks."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts.reading import Limits, Reading, Unreadable, delimited, open_table
from contracts.reading import cells as cells_module

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[2] / "data"
CORPUS = sorted(p for p in DATA.iterdir() if p.is_file() and p.suffix not in (".py", ".yaml", ".md"))
QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=150)
SMALL = Limits(
    unpacked_bytes=5_000_000, document_bytes=2_000_000, workbook_bytes=20_000_000, workbook_cells=200_000, columns=200
)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "sent"


def rows_of(path: Path, reading: Reading, limits: Limits, known: Sequence[str] = ()) -> list[tuple]:
    return [row for batch in open_table(path, reading, known, limits=limits).batches() for row in batch.iter_rows()]


# ── random and damaged bytes ────────────────────────────────────────────────────────────────────


@QUIET
@given(st.binary(max_size=2_000), st.sampled_from(["x.csv", "x.json", "x.ndjson", "x.xlsx", "x"]))
def test_random_bytes_give_rows_or_a_sentence(sent: Path, data: bytes, name: str) -> None:
    sent.write_bytes(data)
    read_or_refused(sent, name)


@QUIET
@given(
    st.sampled_from(CORPUS),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6), st.integers(0, 40)), min_size=1, max_size=6),
    st.floats(0, 1),
)
def test_a_damaged_file_gives_rows_or_a_sentence(sent: Path, path: Path, wounds: list, kept: float) -> None:
    data = bytearray(path.read_bytes())
    for place, put, cut in wounds:
        at = int(place * len(data))
        data[at : at + cut] = put
    if kept < 0.3:
        data = data[: int(len(data) * kept * 3)]
    sent.write_bytes(bytes(data))
    read_or_refused(sent, path.name)


@QUIET
@given(
    st.sampled_from([p for p in CORPUS if p.suffix in (".xlsx", ".ods") and zipfile.is_zipfile(p)]),
    st.integers(0, 20),
    st.lists(
        st.tuples(st.floats(0, 1), st.binary(max_size=6) | st.sampled_from([b"9999999", b"<", b'"', b"XFD"])),
        max_size=4,
    ),
)
def test_a_workbook_damaged_inside_gives_rows_or_a_sentence(sent: Path, path: Path, nth: int, wounds: list) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    victim = sorted(parts)[nth % len(parts)]
    data = bytearray(parts[victim])
    for place, put in wounds:
        at = int(place * len(data))
        data[at : at + len(put)] = put
    with zipfile.ZipFile(sent, "w") as archive:
        for name, content in (parts | {victim: bytes(data)}).items():
            archive.writestr(name, content)
    read_or_refused(sent, path.name)


@pytest.mark.parametrize(
    ("book", "part", "was", "put"),
    [
        ("two_row_header.xlsx", "xl/workbook.xml", b"UTF-8", b"UTF-A"),
        ("two_row_header.xlsx", "xl/_rels/workbook.xml.rels", b"UTF-8", b"UTF-A"),
        ("two_row_header.xlsx", "xl/styles.xml", b"UTF-8", b"UTF-A"),
        ("two_row_header.xlsx", "xl/styles.xml", b'numFmtId="0"', b'numFmtId="A"'),
    ],
)
def test_a_part_that_does_not_read_refuses_the_workbook(
    sent: Path, book: str, part: str, was: bytes, put: bytes
) -> None:
    """An encoding that nobody knows, a number that is none: without its formats a cell is not what its sender saw."""
    with zipfile.ZipFile(DATA / book) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    whole = re.sub(rb"(?i)utf-8", b"UTF-8", parts[part])
    if was not in whole:
        whole = b'<?xml version="1.0" encoding="UTF-8"?>' + re.sub(rb"^<\?xml[^>]*\?>", b"", whole)
    assert was in whole
    with zipfile.ZipFile(sent, "w") as archive:
        for name, content in (parts | {part: whole.replace(was, put)}).items():
            archive.writestr(name, content)
    with pytest.raises(Unreadable, match=r"save it again"):
        open_table(sent, name=book, limits=SMALL)


FAR = b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("place", "wound"),
    [
        (SHEET, (b"", b"")),
        (SHEET, (b"<worksheet ", b"<w0rksheet ")),
        (SHEET, (b"worksheet", b"macrosheet")),
        (SHEET, (b"<?xml ", b"9999999")),
        (SHEET, (b"<?xml ", b"9" * 3_000_000)),
        ("customXml/sheet1.xml", (b"", b"")),
    ],
)
def test_cells_of_what_is_no_sheet_are_not_laid_out(sent: Path, place: str, wound: tuple[bytes, bytes]) -> None:
    """Two of them, one in the last corner, end the process that lays them out: it asks for 550 GB."""
    with zipfile.ZipFile(DATA / "two_row_header.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = b'<?xml version="1.0"?>' + re.sub(rb"^<\?xml[^>]*\?>", b"", parts.pop(SHEET))
    parts[place] = sheet.replace(b"</sheetData>", FAR).replace(*wound)
    relations = "xl/_rels/workbook.xml.rels"
    parts[relations] = parts[relations].replace(b"worksheets/sheet1.xml", f"/{place}".encode())
    with zipfile.ZipFile(sent, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(Unreadable):
        open_table(sent, name="a.xlsx", limits=SMALL)


def read_or_refused(path: Path, name: str) -> None:
    try:
        table = open_table(path, name=name, limits=SMALL)
        numbers = pl.concat([batch["_row"] for batch in table.batches()] or [pl.Series([], dtype=pl.Int64)])
    except Unreadable as refused:
        assert refused.zh and refused.en  # noqa: PT017, PT018  refusing is allowed, not demanded
        return
    assert numbers.is_unique().all()
    assert numbers.is_sorted()


# ── text tables against the standard library ────────────────────────────────────────────────────


def test_a_text_over_lines_is_one_cell_where_all_cells_of_the_row_are_quoted(sent: Path) -> None:
    """Its second line looks like a whole row, but whoever writes "" for nothing would have written it so there too."""
    rows = {
        '"111,,,\n1","","",""': [("111,,,\n1", "", "", "", 2, None)],
        '"\n1","","","111\n,,,"': [("\n1", "", "", "111\n,,,", 2, None)],
        '"","","","111\n,,,"': [("", "", "", "111\n,,,", 2, None)],
        ',,,"111\n,,,"': [("", "", "", '"111', 2, "stray_quote"), ("", "", "", '"', 3, "stray_quote")],
    }
    for row, wanted in rows.items():
        sent.write_text(f"字段0,字段1,字段2,字段3\n{row}\n", encoding="utf-8")
        headers = ["字段0", "字段1", "字段2", "字段3"]
        assert rows_of(sent, Reading(delimiter=","), Limits(chunk_bytes=20), headers) == wanted


TEXT = st.text(st.sampled_from('ab1, ;\t|"\n中文医\u3000é😀'), max_size=8)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"])


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(2, 5))
    body = draw(st.lists(st.lists(TEXT, min_size=width, max_size=width), max_size=12))
    return [[f"字段{i}" for i in range(width)], *body]


@QUIET
@given(
    tables(),
    st.sampled_from(",\t;|"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    ENCODINGS,
    st.integers(20, 200),
)
def test_a_sound_table_is_read_to_the_cell(
    sent: Path, table: list, delimiter: str, end: str, quoting: int, encoding: str, chunk: int
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(table)
    sent.write_bytes(out.getvalue().encode(encoding))
    reading = Reading(delimiter=delimiter, encoding=encoding if encoding == "gb18030" else None)
    found = rows_of(sent, reading, Limits(chunk_bytes=chunk), table[0])
    wanted, line = [], 1
    for row in table:
        if any(cell.strip("\ufeff\u200b \t\r\n\u3000\u00a0") for cell in row):
            wanted.append((*row, line, None))
        line += 1 + sum(cell.count("\n") for cell in row)
    assert found == wanted[1:]


# ── the fast reader, the exact reader and every way to cut agree ────────────────────────────────

# Mostly what a table is made of, now and then what it should not hold.
ODD_TEXT = st.text(st.sampled_from('aab中,,,"""\n\n\n\r\0\ufeff'), max_size=120)


@settings(QUIET, max_examples=600)
@given(ODD_TEXT, st.integers(1, 40))
@example('"\n\n,"\n"",', 1)
@example(",,\n\r,a\n", 7)
@example('1,"公园,2\n3,"好"的,4\n5,6,7\n', 3)
@example('1,"a""b",2\n"x\ny",,\n', 5)
def test_rows_do_not_depend_on_how_the_file_is_cut(sent: Path, text: str, chunk: int) -> None:
    sent.write_text("甲,乙,丙\n" + text, encoding="utf-8", newline="")
    reading, limits = Reading(encoding="utf-8", delimiter=",", header_row=1), {"cell_chars": 30, "columns": 50}
    whole = rows_of(sent, reading, Limits(**limits))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "EXACT_BYTES", 4)
        cut = rows_of(sent, reading, Limits(**limits, chunk_bytes=chunk))
        patch.setattr(delimited, "_sound_end", lambda buffer, start, *_: start)
        exact = rows_of(sent, reading, Limits(**limits))
    assert cut == whole
    assert exact == whole


@QUIET
@given(ODD_TEXT)
def test_every_line_lies_in_exactly_one_record(text: str) -> None:
    body = f"甲,乙\n{text}\n".replace("\r\n", "\n")
    records = cells_module.first_records(body, ",", 1_000, 10_000)
    assert sum(r.lines for r in records) == body.count("\n")
    assert [r.line for r in records] == [1 + sum(r.lines for r in records[:i]) for i in range(len(records))]
    assert records[-1].end == len(body)


# ── records ─────────────────────────────────────────────────────────────────────────────────────

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
OBJECTS = st.dictionaries(st.text("abc名称", min_size=1, max_size=3), SCALARS, max_size=4)


@QUIET
@given(st.lists(OBJECTS, min_size=1, max_size=10), st.booleans(), st.booleans())
def test_every_json_record_that_says_something_is_a_row(
    sent: Path, records: list[dict], as_lines: bool, packed: bool
) -> None:
    text = "\n".join(map(json.dumps, records)) if as_lines else json.dumps(records)
    sent.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    found = rows_of(sent, Reading(format="ndjson" if as_lines else "json"), SMALL)
    assert [row[-2] for row in found] == [i for i, record in enumerate(records, start=1) if _is_shown(record)]


def _is_shown(record: dict) -> bool:
    # Python takes U+001C to U+001F for blanks; they are none, and a row that holds one is not lost.
    return any(
        v is not None and any((not c.isspace() and c not in "\ufeff\u200b") or c in "\x1c\x1d\x1e\x1f" for c in str(v))
        for v in record.values()
    )


BLANK_ROWS = ["\f", "\v", "\x85", "\u2003\u202f", "\u2028", "\f \ufeff"]


@pytest.mark.parametrize("blank", BLANK_ROWS)
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_row_of_nothing_but_white_space_is_no_row_in_any_format(sent: Path, blank: str, form: str) -> None:
    """A page break of an old system's print, or a typesetter's space."""
    body = f"甲,乙\n1,2\n{blank},\n3,4\n" if form == "csv" else json.dumps([{"甲": 1}, {"甲": blank}, {"甲": 3}])
    sent.write_text(body, encoding="utf-8", newline="")
    assert [row[0] for row in rows_of(sent, Reading(format=form), SMALL)] == ["1", "3"]
