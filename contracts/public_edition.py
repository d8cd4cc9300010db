"""`public_edition.yaml`: what of a product leaves the bureau, column by column, and how its figures hang together.

Belongs here: reading that list and holding it against the product contracts. What is made of it is in `orchestration.disclosure`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from contracts.model import SUPPRESSED, ContractError, Product

PATH = Path(__file__).with_name("public_edition.yaml")


@dataclass(frozen=True)
class Table:
    """One product as the public edition tells it."""

    name: str
    rows: Mapping[str, list[str]] = field(default_factory=dict)
    cell: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    tens: tuple[str, ...] = ()
    derived: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    levels: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Mapping[str, Any], ...] = ()
    within: tuple[tuple[str, ...], ...] = ()
    periods: Mapping[str, str] = field(default_factory=dict)


@cache
def load_public_edition(path: Path = PATH) -> dict[str, Table]:
    """Product → what of it leaves."""
    stated = yaml.safe_load(path.read_text(encoding="utf-8"))["tables"]
    return {name: _table(path, name, raw) for name, raw in stated.items()}


def _table(path: Path, name: str, raw: Mapping[str, Any]) -> Table:
    try:
        listed = {k: tuple(raw[k]) for k in ("cell", "plain", "tens", "left_out", "parts") if k in raw}
        within = tuple(tuple(chain) for chain in raw.get("within", ()))
        rest = {k: v for k, v in raw.items() if k not in listed and k != "within"}
        return Table(name=name, **listed, **rest, within=within)
    except TypeError as error:
        raise ContractError(path, f"tables.{name}", str(error)) from None
