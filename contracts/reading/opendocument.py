"""How large an ODS sheet really is. A repeated cell takes one element in the file and thousands in memory."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree import ElementTree

from contracts.reading.container import ZIP_ERRORS
from contracts.reading.table import Limits, unreadable

TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"


def check_size(path: Path, limits: Limits, *, file: str) -> None:
    """Counts rows × columns up to the last filled cell, repetitions included.

    The document type must have been checked before: expat expands entities.

    Raises:
        Unreadable: too many columns or cells, or no well-formed XML.
    """
    row_end = width = rows = columns = 0
    filled = False
    try:
        with zipfile.ZipFile(path) as archive, archive.open("content.xml") as content:
            # check_parts has refused documents with entities.
            for event, element in ElementTree.iterparse(content, events=("start", "end")):  # noqa: S314
                if event == "start":
                    if element.tag == f"{TABLE}table":
                        rows = columns = 0
                    elif element.tag == f"{TABLE}table-row":
                        row_end = width = 0
                        filled = False
                    continue
                if element.tag in (f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
                    row_end += int(element.get(f"{TABLE}number-columns-repeated", 1))
                    if len(element) or element.get(f"{OFFICE}value-type"):
                        width, filled = row_end, True
                    element.clear()
                elif element.tag == f"{TABLE}table-row":
                    rows += int(element.get(f"{TABLE}number-rows-repeated", 1)) if filled else 0
                    columns = max(columns, width)
                    element.clear()
                    if columns > limits.columns:
                        raise unreadable("too_many_columns", file=file, found=columns, limit=limits.columns)
                    if rows * columns > limits.workbook_cells:
                        raise unreadable("too_many_cells_in_sheet", file=file, limit=f"{limits.workbook_cells:,}")
    except (ElementTree.ParseError, ValueError, KeyError, *ZIP_ERRORS) as error:
        raise unreadable("damaged_file", file=file, format="ods", detail=str(error)[:120]) from None
