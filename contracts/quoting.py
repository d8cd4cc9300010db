"""Names, texts and paths as SQL writes them, for DuckDB and PostgreSQL alike; rows as CSV writes them."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str | Path) -> str:
    """A text under standard_conforming_strings, which every supported server has."""
    return "'" + str(text).replace("'", "''") + "'"


def csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """A header and the rows; `columns` are those of the header where there may be no row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
