"""Any file a department sends → batches of text rows.

Belongs here: recognising the format and encoding, finding the header, giving every row exactly once with the number
the sender counts it by. Does not belong here: what a column means (arranging), turning text into values (casting),
judging them (rows). A file is refused as a whole only with `Unreadable`, a sentence in Chinese and English; a row
that is not shaped like the header is given with a reason in `_shape`.

    table       what is given back and what may be asked
    container   formats by their bytes, gz and zip
    encoding    bytes → UTF-8 lines
    headers     where the header is
    delimited   CSV and the like      workbook   XLSX, XLS, ODS
    records     JSON, GeoJSON         columnar   Parquet
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from contracts.reading.container import checked_path, format_of, is_settled, unpacked
from contracts.reading.headers import fold
from contracts.reading.table import Found, Limits, Reading, Table, Unreadable, unreadable

__all__ = ["Found", "Limits", "Reading", "Table", "Unreadable", "fold", "is_settled", "open_table"]

FIND_OUT, USUAL = Reading(), Limits()
# What a layout may call a text table.
CSV_NAMES = ("csv", "tsv", "txt", "psv", "text")
JSON_LINES = (".ndjson", ".jsonl", ".geojsonl")


def open_table(
    path: Path,
    reading: Reading = FIND_OUT,
    known_headers: Collection[str] = (),
    *,
    name: str | None = None,
    limits: Limits = USUAL,
) -> Table:
    """Opens a file of any understood format.

    Args:
        path: where the bytes are.
        reading: what the sender's layout says; the rest is found out.
        known_headers: every spelling that contract and layout know, to find the header by.
        name: the name the file was sent under, where `path` has another (an archive by hash).
        limits: how much is taken before the file is refused.

    Raises:
        Unreadable: nothing of the file can be used; the sentence says why and what to do.
    """
    file = name or path.name
    checked_path(path, file=file)
    try:
        kind = format_of(path, file=file)
        if kind in ("gz", "zip"):
            copy, member, folder = unpacked(path, kind, reading.member, limits, file=file)
            inner = file.removesuffix(".gz") if kind == "gz" else member or file
            within = format_of(copy, file=file)
            if within in ("gz", "zip"):
                raise unreadable("archive_in_archive", file=file, member=inner)
            table = _open(copy, within, reading, known_headers, limits, file=file, hint=inner)
            table.found.container, table.found.member, table.holds = kind, member, folder
            return table
        return _open(path, kind, reading, known_headers, limits, file=file, hint=file)
    except PermissionError:
        raise unreadable("no_permission", file=file) from None


def _open(
    path: Path,
    kind: str,
    reading: Reading,
    known_headers: Collection[str],
    limits: Limits,
    *,
    file: str,
    hint: str,
) -> Table:
    if kind == "text":
        kind = _text_format(path, reading, hint)
    declared = "csv" if reading.format in CSV_NAMES else reading.format
    # GeoJSON is JSON; a layout that says so is right either way.
    if declared is not None and declared != kind and {declared, kind} != {"json", "geojson"}:
        raise unreadable("format_not_as_declared", file=file, expected=declared, found=kind)
    if kind in ("xlsx", "xls", "ods"):
        from contracts.reading.workbook import open_workbook

        return open_workbook(path, kind, reading, known_headers, limits, file=file)
    if kind == "parquet":
        from contracts.reading.columnar import open_parquet

        return open_parquet(path, reading, known_headers, limits, file=file)
    if kind in ("json", "ndjson"):
        from contracts.reading.records import open_records

        return open_records(path, kind, reading, known_headers, limits, file=file)
    from contracts.reading.delimited import open_delimited

    return open_delimited(path, reading, known_headers, limits, file=file)


def _text_format(path: Path, reading: Reading, hint: str) -> str:
    """json, ndjson or csv: by what is declared, by the first character, by the name."""
    lowered = hint.lower()
    if reading.format in ("json", "ndjson", "geojson"):
        return "json" if reading.format == "geojson" else reading.format
    if reading.format in CSV_NAMES:
        return "csv"
    with path.open("rb") as opened:
        head = opened.read(65_536).replace(b"\0", b"")
    start = head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x1e")
    # A header may begin with a bracket; records under the name of a table begin like records.
    if lowered.endswith((".csv", ".tsv", ".txt")) and not re.match(rb"\[\s*\{|\{\s*\"", start):
        return "csv"
    if not start.startswith((b"{", b"[")):
        return "csv"
    if lowered.endswith(JSON_LINES):
        return "ndjson"
    lines = [line for line in (line.strip(b" \t\r\x1e") for line in start.split(b"\n", 20)) if line][:2]
    is_lines = len(lines) > 1 and lines[0].endswith(b"}") and lines[1].startswith(b"{")
    return "ndjson" if start.startswith(b"{") and is_lines else "json"
