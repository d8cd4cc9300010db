"""Names, texts and paths as SQL writes them, for DuckDB and PostgreSQL alike."""

from pathlib import Path


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str | Path) -> str:
    """A text under standard_conforming_strings, which every supported server has."""
    return "'" + str(text).replace("'", "''") + "'"
