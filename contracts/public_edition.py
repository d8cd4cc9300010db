"""`public_edition.yaml`: what of a product leaves the bureau, column by column, and how its figures hang together.

Belongs here: reading that list and holding it against the product contracts. What is made of it is in `orchestration.disclosure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from contracts.model import ContractError, Product

PATH = Path(__file__).with_name("public_edition.yaml")


@dataclass(frozen=True)
class Table:
    """One product as the public edition tells it."""

    name: str
    where: str = "true"
    cell: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    tens: tuple[str, ...] = ()
    derived: Mapping[str, str] = field(default_factory=dict)
    rounded: Mapping[str, int] = field(default_factory=dict)
    means: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    shares: Mapping[str, str] = field(default_factory=dict)
    implied: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    shares_of: str = "true"
    copied: Mapping[str, Any] = field(default_factory=dict)
    people: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    levels: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Mapping[str, Any], ...] = ()
    sums: tuple[Mapping[str, Any], ...] = ()
    within: tuple[tuple[str, ...], ...] = ()
    periods: Mapping[str, str] = field(default_factory=dict)

    @property
    def mean_columns(self) -> list[str]:
        """Means and the ends of their intervals."""
        return [c for mean, interval in self.means.items() for c in (mean, interval["lo"], interval["hi"])]


@cache
def load_public_edition(path: Path = PATH) -> dict[str, Table]:
    """Product → what of it leaves."""
    stated = yaml.safe_load(path.read_text(encoding="utf-8"))["tables"]
    return {name: _table(path, name, raw) for name, raw in stated.items()}


def _table(path: Path, name: str, raw: Mapping[str, Any]) -> Table:
    try:
        listed: dict[str, Any] = {
            k: tuple(raw[k]) for k in ("cell", "plain", "tens", "left_out", "parts", "sums") if k in raw
        }
        within = tuple(tuple(chain) for chain in raw.get("within", ()))
        rest = {k: v for k, v in raw.items() if k not in listed and k != "within"}
        return Table(name=name, **listed, **rest, within=within)
    except TypeError as error:
        raise ContractError(path, f"tables.{name}", str(error)) from None


def forgotten(product: Product) -> list[str]:
    """Columns of a product of which nobody has said how they leave, and stated ones it does not have; each with what to do."""
    table = load_public_edition().get(product.id)
    if not product.is_public or (table is None and product.disclosure["rule"] == "none"):
        return []
    if table is None:
        return [
            f"{product.id} has figures about people (disclosure.rule: {product.disclosure['rule']}) and stands in no relation: list it in "
            "contracts/public_edition.yaml, or say `audience: bureau` in its contract"
        ]
    copied = table.copied.get("columns", ())
    listed = [
        *table.plain,
        *table.tens,
        *table.derived,
        *table.rounded,
        *table.mean_columns,
        *table.shares,
        *table.implied,
        *copied,
        *table.left_out,
    ]
    twice = sorted({c for c in listed if listed.count(c) > 1})
    said = [f"{product.id}.{c} is listed twice in contracts/public_edition.yaml" for c in twice]
    said += [
        f"{product.id}.{f.name}: say in contracts/public_edition.yaml how it is told (tens, derived, plain …) or that it is left_out"
        for f in product.fields
        if f.name not in listed
    ]
    return said + [f"{product.id} has no column {c!r}" for c in {*listed, *table.cell} - {*product.by_name}]
