"""The dictionary as data: every table that leaves and every feed, column by column, as the contracts say it.

Belongs here: what an entry says. Does not belong here: the page (templates/dictionary.html.j2) and docs/dictionary.md, which is read in the
repository (contracts/generate.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from contracts.loading import load_feeds, load_products, names_of
from contracts.model import SUPPRESSED, Contract, Feed, FieldSpec, Product
from orchestration.release.bulletin.edition import Edition, Names, both

COLUMNS = (
    "table", "column", "label_zh", "label_en", "type", "is_key", "is_required", "unit", "explanation", "codes", "example", "withheld", "where",
    "feeds",
)  # fmt: skip

MOST_CODES = 120  # of one column on the page


@dataclass(frozen=True)
class Column:
    """One column: `codes` its values with their names, `example` one of the release where the column is public."""

    name: str
    label: Names
    kind: str
    is_key: bool
    is_required: bool
    unit: Names
    explanation: Names
    codes: tuple[tuple[str, Names], ...]
    example: str
    is_withheld: bool


@dataclass(frozen=True)
class Table:
    """One table of a release, or one feed."""

    id: str
    label: Names
    grain: Names
    purpose: Names
    usage: Names
    limitations: Names
    owner: Names
    is_feed: bool
    is_public: bool
    rule: str | None
    because: Names
    feeds: tuple[str, ...]
    columns: tuple[Column, ...]


def tables(edition: Edition, feeds_of: Mapping[str, frozenset[str]]) -> list[Table]:
    """Products by name, then feeds by name."""
    feeds = load_feeds()
    return [
        *(_table(p, edition, tuple(sorted(feeds_of.get(p.id, ())))) for p in load_products().values()),
        *(_table(f, edition, ()) for f in feeds.values()),
    ]


def _table(contract: Contract, edition: Edition, feeds: tuple[str, ...]) -> Table:
    said, grain = contract.odcs.description, both(contract.description)
    disclosure = contract.disclosure if isinstance(contract, Product) else {}
    is_public = isinstance(contract, Product) and contract.is_public
    examples = edition.one(contract.id) if is_public else {}
    hidden = contract.hideable if isinstance(contract, Product) else frozenset()
    return Table(
        id=contract.id,
        label=Names(contract.label_zh, contract.label_en),
        grain=Names(
            f"{grain.zh}每一行由这些字段确定：{'、'.join(contract.by_name[k].label_zh for k in contract.key)}。",
            grain.en,
        ),
        purpose=both(contract.purpose),
        usage=both(str(said.usage or "") if said else ""),
        limitations=both(str(said.limitations or "") if said else ""),
        owner=both(contract.owner),
        is_feed=isinstance(contract, Feed),
        is_public=is_public,
        rule=disclosure.get("rule"),
        because=both(disclosure.get("because")),
        feeds=feeds,
        columns=tuple(_column(f, examples, f.name in hidden, edition) for f in contract.fields),
    )


def _example(value: Any) -> str:
    """A value as the dictionary shows it: six digits of a number, without an exponent."""
    if value is None:
        return ""
    return f"{float(f'{value:.6g}'):.15g}" if isinstance(value, float) else str(value)[:60]


def _column(f: FieldSpec, row: Mapping[str, Any], is_withheld: bool, edition: Edition) -> Column:
    codes = tuple((code, both(label)) for code, label in islice(names_of(f).items(), MOST_CODES))
    example = next(iter(f.examples), row.get(f.name) if f.name != SUPPRESSED else None)
    return Column(
        name=f.name,
        label=Names(f.label_zh, f.label_en),
        kind=f.kind,
        is_key=f.key_position is not None,
        is_required=f.required,
        unit=both(f.unit),
        explanation=both(f.explanation),
        codes=codes,
        example=_example(example),
        is_withheld=is_withheld,
    )


def lines(found: list[Table]) -> Iterator[list[str]]:
    """The dictionary as rows of COLUMNS."""
    for table in found:
        where = "feed" if table.is_feed else "public" if table.is_public else "bureau"
        for c in table.columns:
            codes = "; ".join(f"{code} = {name.zh} · {name.en}" for code, name in c.codes)
            yield [
                table.id, c.name, c.label.zh, c.label.en, c.kind, _yes(c.is_key), _yes(c.is_required), c.unit.both,
                c.explanation.both, codes, c.example, _yes(c.is_withheld), where, ", ".join(table.feeds),
            ]  # fmt: skip


def _yes(value: bool) -> str:
    return "yes" if value else "no"
