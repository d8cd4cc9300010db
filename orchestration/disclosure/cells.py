"""A published table as cells with totals, as its contract's `disclosure` describes it; for `disclosing`.

Belongs here: which independent ways of dividing everybody a table has, what is part of what in each, and how periods and
other tables are linked with it. Which rows are withheld is decided in `disclosing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

ALL = "all"
LEVELS = ("province", "city", "county", "town", "village")
# What is counted at a division itself and lies in none of its parts: a part of the division like any other.
REST = "rest:"
CELL, VALUE, NEEDS, PERIOD, FIXED, SEEN = "_cell", "_value", "_needs", "_cell_period", "_fixed", "_seen"


def read_cells(
    stated: Mapping[str, Any], frame: pl.DataFrame, divisions: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, dict[str, str]]]:
    """The rows with `_value` and one column per independent way of dividing everybody, and what is part of what in each.

    Divisions of all levels are one way; every other level is a way of its own, for it divides everybody again.
    """
    table = frame.with_columns(pl.col(stated["count"]).fill_null(0).alias(VALUE))
    hierarchies: dict[str, dict[str, str]] = {}
    for name, cell in stated.get("cells", {}).items():
        level, code = cell["level"], cell["code"]
        unit = pl.concat_str(level, pl.lit(":"), code)
        within = LEVELS if cell.get("within") == "divisions" else ()
        others = [v for v in table[level].unique().sort() if v != ALL and v not in within]
        ways = ([(f"{CELL}_{name}", list(within))] if within else []) + [(f"{CELL}_{name}_{o}", [o]) for o in others]
        for way, levels in ways:
            table = table.with_columns(
                pl.when(pl.col(level).is_in(levels)).then(unit).otherwise(pl.lit(ALL)).alias(way)
            )
            present = set(table[way]) - {ALL}
            hierarchies[way] = _parents(present, divisions if len(levels) > 1 else None)
    return table, {way: parents for way, parents in hierarchies.items() if parents}


def cross(
    stated: Mapping[str, Any], frame: pl.DataFrame, divisions: pl.DataFrame, other: pl.DataFrame, k: int
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The rows as cells of another table, below that table as it is published."""
    crossing, (cell,) = stated["crossed"], stated["cells"].values()
    ways = [c for c in other.columns if c.startswith(f"{CELL}_")]
    first = f"{CELL}_{crossing['cells']}"
    labels = {first: pl.concat_str(cell["level"], pl.lit(":"), cell["code"])} | {
        f"{first}_{level}": pl.concat_str(pl.lit(f"{level}:"), column) for level, column in crossing["by"].items()
    }
    kind, start, end, period = (other[c] for c in ("period_kind", "period_start", "period_end", PERIOD))
    named = pl.DataFrame({"_kind": kind, "_start": start, "end": end, PERIOD: period}).unique()
    at = named.filter(_kind=crossing["period"]["kind"]).select(
        pl.col("_start").alias(crossing["period"]["start"]), PERIOD
    )
    rows = frame.with_columns(
        pl.col(stated["count"]).fill_null(0).alias(VALUE),
        *((labels[way] if way in labels else pl.lit(ALL)).alias(way) for way in ways if way != PERIOD),
    ).join(at, on=crossing["period"]["start"], how="inner", maintain_order="left")
    rows = identifying(rows, stated, k).with_columns(
        pl.lit(False).alias(FIXED), pl.lit(None, pl.String).alias("suppression")
    )
    cells = pl.concat([other.with_columns(pl.lit(True).alias(FIXED)), rows], how="diagonal_relaxed")
    hierarchies: dict[str, Any] = {
        way: _parents(set(cells[way]) - {ALL}, divisions if way == first else None) for way in ways if way != PERIOD
    }
    # Of equal periods the shortest gave its name.
    periods = named.filter(pl.format("{}|{}|{}", "_kind", "_start", "end") == pl.col(PERIOD)).rename(
        {"_start": "start"}
    )
    return cells, {**hierarchies, PERIOD: _parts_of_periods(periods)}


def _parents(units: set[str], divisions: pl.DataFrame | None) -> dict[str, str]:
    """Unit → the nearest unit above it that is in the table, else everything."""
    if divisions is None:
        return dict.fromkeys(units, ALL)
    ancestors = {row["division_code"]: row for row in divisions.iter_rows(named=True)}
    found = {}
    for unit in units:
        level, _, code = unit.partition(":")
        above = [
            f"{upper}:{_ancestor(ancestors.get(code.removeprefix(REST)), upper, code)}"
            for upper in reversed(LEVELS[: LEVELS.index(level)])
        ]
        found[unit] = next((u for u in above if u in units), ALL)
    return found


def _ancestor(row: Mapping[str, Any] | None, level: str, code: str) -> str:
    """The unit of a level that a code lies in: as the register says, else by its national digits; unknown in unknown."""
    if row is not None and row[f"{level}_code"] is not None:
        return str(row[f"{level}_code"])
    if code.startswith(REST):
        return code
    digits = {"province": 2, "city": 4, "county": 6, "town": 9}[level]
    return code[:digits].ljust(12, "0") if len(code) == 12 and code.isdigit() else code


def identifying(cells: pl.DataFrame, stated: Mapping[str, Any], k: int) -> pl.DataFrame:
    """Marks cells by whose code nobody can be recognised: they may protect others and need no protection."""
    codes = stated.get("not_identifying", [])
    columns = [cell["code"] for cell in stated.get("cells", {}).values()]
    anonymous = pl.any_horizontal(pl.col(c).is_in(codes) for c in columns) if codes and columns else pl.lit(False)
    small = pl.col(VALUE).is_between(1, k - 1)
    return cells.with_columns((small & ~anonymous).alias(NEEDS))


def over_time(
    cells: pl.DataFrame, hierarchies: Mapping[str, Mapping[str, str]], periods: Mapping[str, str]
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The cells with their period as one more way, and which longer periods each of the shortest is a part of."""
    label = pl.concat_str([pl.col(periods[c]).cast(pl.String) for c in ("kind", "start", "end")], separator="|")
    cells = cells.with_columns(label.alias(PERIOD))
    longer_of = _parts_of_periods(cells.select(PERIOD, start=periods["start"], end=periods["end"]).unique())
    # A quarter of which one month has come is that month: the same unknowns, to be found once.
    made_of: dict[str, list[str]] = {}
    for shortest, longer in longer_of.items():
        for period in longer:
            made_of.setdefault(period, []).append(shortest)
    same = {tuple(parts): period for period, parts in reversed(made_of.items())} | {(p,): p for p in longer_of}
    merged = cells.with_columns(pl.col(PERIOD).replace({p: same[tuple(parts)] for p, parts in made_of.items()}))
    if merged.group_by(PERIOD, *hierarchies).agg(pl.col(VALUE).n_unique())[VALUE].max() == 1:
        kept = set(merged[PERIOD])
        return merged, {**hierarchies, PERIOD: {p: [o for o in longer if o in kept] for p, longer in longer_of.items()}}
    return cells, {**hierarchies, PERIOD: longer_of}


def _parts_of_periods(held: pl.DataFrame) -> dict[str, list[str]]:
    """Each of the shortest periods → the longer ones that hold it; columns `PERIOD`, start, end."""
    rows = held.select(PERIOD, "start", "end").sort(PERIOD).rows()

    def holds(longer: tuple[Any, ...], shorter: tuple[Any, ...]) -> bool:
        return bool(longer[1] <= shorter[1] and shorter[2] <= longer[2] and longer[1:] != shorter[1:])

    # Only the shortest divide the time; a quarter within a year is made of the same months.
    shortest = [p for p in rows if not any(holds(p, other) for other in rows)]
    return {p[0]: [o[0] for o in rows if holds(o, p)] for p in shortest}
