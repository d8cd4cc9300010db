"""A table with totals as equations, and what linear programming says about its hidden cells.

Here belongs the geometry: cells, additivity, which other tables have the same published figures.
Which cells are sensitive and what is published is decided in `disclosure`.

Source: Fischetti & Salazar (2001), Management Science 47; the heuristic is the linear relaxation
of their model, one sensitive cell and direction at a time, over the equations near the cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.errors import StatisticsError, name_some, require_columns

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Hierarchies = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Dominance:
    """p% rule on amounts: a cell is sensitive if the second largest contributor can estimate the
    largest to within `p` percent. Columns with the two `largest` contributions to each cell."""

    p: float
    largest: str
    second: str


@dataclass(frozen=True)
class CellTable:
    """Cells (the frame's rows, then unpublished rests) and the equations children − parent = 0."""

    value: Floats
    equations: csr_array
    is_sensitive: Mask
    below: Floats
    above: Floats
    hidden: Mask
    known_before: Mask

    @cached_property
    def links(self) -> tuple[csr_array, csr_array]:
        """Which equation holds which cell, and the same the other way round, as ones."""
        of_equation = abs(self.equations)
        return of_equation, of_equation.T.tocsr()

    @cached_property
    def parents(self) -> list[set[int]]:
        """Per cell, the cells it is a part of."""
        parent_of = {int(e): int(c) for e, c in zip(*(self.equations < 0).nonzero(), strict=True)}
        found: list[set[int]] = [set() for _ in self.value]
        for equation, cell in zip(*(self.equations > 0).nonzero(), strict=True):
            found[int(cell)].add(parent_of[int(equation)])
        return found

    def equations_of(self, cells: Mask) -> Mask:
        mask: Mask = (self.links[0] @ cells.astype(np.float64)) > 0
        return mask

    def cells_of(self, equations: Mask) -> Mask:
        mask: Mask = (self.links[1] @ equations.astype(np.float64)) > 0
        return mask


def shown(frame: pl.DataFrame) -> Mask:
    """Which cells of a table are published: all without a `suppression` column."""
    if "suppression" not in frame.columns:
        return np.ones(frame.height, dtype=bool)
    mask: Mask = frame["suppression"].is_null().to_numpy()
    return mask


def read_table(
    frame: pl.DataFrame,
    hierarchies: Hierarchies,
    value: str,
    *,
    k: int,
    dominance: Dominance | None,
    previous: pl.DataFrame | None,
    needing: str | None = None,
) -> CellTable:
    dimensions = list(hierarchies)
    amounts = {"largest": dominance.largest, "second": dominance.second} if dominance else {}
    amounts |= {"needing": needing} if needing else {}
    require_columns(frame.columns, {"value": value, **amounts} | {f"dimension {d}": d for d in dimensions})
    repeated = frame.filter(pl.struct(dimensions).is_duplicated())
    if repeated.height:
        raise StatisticsError(
            f"A cell is given twice: {name_some(repeated.select(dimensions).unique().rows())}.",
            f"单元格重复:{name_some(repeated.select(dimensions).unique().rows())}。",
        )
    values = frame[value].cast(pl.Float64)
    if values.null_count() or not bool((values.is_finite() & (values >= 0)).all()):
        raise StatisticsError(
            f"Expected {value!r} ≥ 0 in every cell; give the figures before hiding any.",
            f"{value!r} 在每个单元格都应为非负数;请提供隐藏之前的数据。",
        )
    cells = values.to_numpy()
    equations, rests = _equations(frame, hierarchies, cells)
    below, above = _protection(frame, cells, k, dominance)
    if needing is not None:
        below, above = _stated_protection(cells, frame[needing].to_numpy(), k)
    padding = np.zeros(len(rests), dtype=bool)
    known = _known_before(frame, dimensions, value, previous)
    hidden = ~shown(frame)
    nothing = np.zeros(len(rests))
    return CellTable(
        value=np.concatenate([cells, rests]),
        equations=equations,
        is_sensitive=np.concatenate([above > 0, padding]),
        below=np.concatenate([below, nothing]),
        above=np.concatenate([above, nothing]),
        hidden=np.concatenate([hidden, ~padding]),
        known_before=np.concatenate([known, padding]),
    )


def _protection(frame: pl.DataFrame, cells: Floats, k: int, dominance: Dominance | None) -> tuple[Floats, Floats]:
    """How far below and above its value a sensitive cell must remain possible; 0 where not sensitive."""
    if dominance is None:
        sensitive = (cells > 0) & (cells < k)
        return np.where(sensitive, cells, 0.0), np.where(sensitive, k - cells, 0.0)
    largest = frame[dominance.largest].cast(pl.Float64).fill_null(0).to_numpy()
    second = frame[dominance.second].cast(pl.Float64).fill_null(0).to_numpy()
    missing = np.maximum(dominance.p / 100 * largest - (cells - largest - second), 0.0)
    return np.minimum(missing, cells), missing


def _stated_protection(cells: Floats, needs: Mask, k: int) -> tuple[Floats, Floats]:
    """Protection of the cells named: a small one must be able to be anything from 0 to k, a larger one k more or less."""
    needs = needs & (cells > 0)
    return np.where(needs, np.minimum(cells, k), 0.0), np.where(needs, np.where(cells < k, k - cells, k), 0.0)


def _known_before(frame: pl.DataFrame, dimensions: list[str], value: str, previous: pl.DataFrame | None) -> Mask:
    if previous is None:
        return np.zeros(frame.height, dtype=bool)
    before = previous.filter(pl.Series(shown(previous))).select(*dimensions, _before=pl.col(value))
    joined = frame.select(*dimensions, value).join(
        before, on=dimensions, how="left", nulls_equal=True, maintain_order="left"
    )
    mask: Mask = (joined["_before"] == joined[value]).fill_null(False).to_numpy()
    return mask


def _equations(frame: pl.DataFrame, hierarchies: Hierarchies, cells: Floats) -> tuple[csr_array, Floats]:
    """Σ children + rest − parent = 0 per parent cell and dimension; rests of 0 are left out."""
    from scipy.sparse import csr_array

    dimensions = list(hierarchies)
    indexed = frame.select(dimensions).with_row_index("_cell")
    rows: list[npt.NDArray[np.int64]] = []
    columns: list[npt.NDArray[np.int64]] = []
    signs: list[Floats] = []
    rests: list[float] = []
    count = 0
    for dimension, parent_of in hierarchies.items():
        if not parent_of:
            continue
        others = [d for d in dimensions if d != dimension]
        parts = indexed.with_columns(
            pl.col(dimension).replace_strict(parent_of, default=None, return_dtype=frame.schema[dimension])
        ).filter(pl.col(dimension).is_not_null())
        linked = parts.join(indexed.rename({"_cell": "_parent"}), on=[dimension, *others], nulls_equal=True)
        parents, equation = np.unique(linked["_parent"].to_numpy(), return_inverse=True)
        children = linked["_cell"].to_numpy()
        rest = cells[parents] - np.bincount(equation, cells[children], minlength=len(parents))
        _require_additive(frame, dimensions, parents, rest, cells)
        unpublished = np.flatnonzero(rest > 1e-9 * np.maximum(cells[parents], 1))
        rest_cells = len(cells) + len(rests) + np.arange(len(unpublished))
        rows += [equation + count, np.arange(len(parents)) + count, unpublished + count]
        columns += [children, parents, rest_cells]
        signs += [np.ones(len(children)), -np.ones(len(parents)), np.ones(len(unpublished))]
        rests += rest[unpublished].tolist()
        count += len(parents)
    size = (count, len(cells) + len(rests))
    if not count:
        return csr_array(size), np.array(rests)
    entries = (np.concatenate(signs), (np.concatenate(rows), np.concatenate(columns)))
    return csr_array(entries, shape=size), np.array(rests)


def _require_additive(
    frame: pl.DataFrame,
    dimensions: list[str],
    parents: npt.NDArray[np.int64],
    rest: Floats,
    cells: Floats,
) -> None:
    wrong = np.flatnonzero(rest < -1e-9 * np.maximum(cells[parents], 1))
    if len(wrong):
        named = [
            f"{frame.select(dimensions).row(int(parents[i]))}: {cells[parents[i]]:g}, parts {cells[parents[i]] - rest[i]:g}"
            for i in wrong[:5]
        ]
        raise StatisticsError(
            f"{len(wrong)} totals are smaller than the sum of their parts: {name_some(named)}.",
            f"{len(wrong)} 个合计小于其分项之和:{name_some(named)}。",
        )


def shift(table: CellTable, cell: int, amount: float, hidden: Mask) -> Floats:
    """Changes of all cells to another table in which `cell` is `amount` higher (lower) and every
    figure outside `hidden` near it, or shown before, is as published.

    Prefers changes of hidden cells, which cost nothing; what else it changes must be hidden, and
    has the least total value. All zero if everything that could change was shown before.
    """
    free = hidden & ~table.known_before
    free[cell] = True
    linked = _component(table, cell, free)
    found = _shift_among_parts(table, cell, amount, linked)
    if found is None:
        found = _least_shift(table, cell, amount, linked, free)
    if found is None:
        near = _neighbourhood(table, cell) & (table.value > 0) & ~table.known_before
        found = _least_shift(table, cell, amount, _component(table, cell, free | near), free)
    return np.zeros(len(table.value)) if found is None else found


def _are_parts_of_one(table: CellTable, cells: Mask) -> bool:
    """Whether the cells are parts of one shown total and stand in no other equation: then no programme is needed."""
    touched = np.flatnonzero(table.equations_of(cells))
    return len(touched) == 1 and bool((table.equations[touched][:, np.flatnonzero(cells)].toarray() > 0).all())


def _shift_among_parts(table: CellTable, cell: int, amount: float, cells: Mask) -> Floats | None:
    """The shift where the cells are parts of one total: the others make up for it, the largest first; null if they cannot."""
    others = np.flatnonzero(cells & (np.arange(len(cells)) != cell))
    if not len(others) or not _are_parts_of_one(table, cells):
        return None
    change = np.zeros(len(cells))
    change[cell] = amount
    if amount < 0:
        change[others[np.argmax(table.value[others])]] = -amount
        return change
    left = amount
    for other in others[np.argsort(-table.value[others])]:
        change[other] = -min(left, table.value[other])
        left += change[other]
    return change if left <= 1e-9 else None


def _least_shift(table: CellTable, cell: int, amount: float, cells: Mask, free: Mask) -> Floats | None:
    from scipy.optimize import linprog
    from scipy.sparse import hstack

    index = np.flatnonzero(cells)
    touched = np.flatnonzero(table.equations_of(cells))
    change = np.zeros(len(table.value))
    if not len(touched):
        change[cell] = amount
        return change
    matrix = table.equations[touched][:, index]
    cost = np.where(free[index], 0.0, table.value[index] + 1)
    position = int(np.searchsorted(index, cell))
    # No cell can fall below zero; the cell in question moves by exactly the amount.
    up = np.column_stack([np.zeros(len(index)), np.full(len(index), np.inf)])
    down = np.column_stack([np.zeros(len(index)), table.value[index]])
    up[position], down[position] = max(amount, 0.0), max(-amount, 0.0)
    found = linprog(
        np.concatenate([cost, cost]),
        A_eq=hstack([matrix, -matrix], format="csr"),
        b_eq=np.zeros(len(touched)),
        bounds=np.vstack([up, down]),
        method="highs",
    )
    if found.x is None:
        return None
    change[index] = found.x[: len(index)] - found.x[len(index) :]
    change[np.abs(change) <= 1e-7] = 0.0
    return change


def _neighbourhood(table: CellTable, cell: int) -> Mask:
    """Cells within two equations, and every total above: enough for a pattern to exist."""
    near = np.zeros(len(table.value), dtype=bool)
    near[cell] = True
    for _ in range(2):
        near |= table.cells_of(table.equations_of(near))
    waiting = [cell]
    while waiting:
        for parent in table.parents[waiting.pop()]:
            waiting.append(parent)
            near[parent] = True
    return near


def _component(table: CellTable, cell: int, candidates: Mask) -> Mask:
    """The candidates that `cell` is linked with through equations of candidates."""
    linked = np.zeros(len(candidates), dtype=bool)
    linked[cell] = True
    while True:
        grown = (table.cells_of(table.equations_of(linked)) & candidates) | linked
        if grown.sum() == linked.sum():
            return linked
        linked = grown


def brackets(table: CellTable, cells: npt.NDArray[np.intp]) -> Iterator[tuple[int, tuple[float, float]]]:
    """(cell, (lo, hi)) for hidden cells, given everything published now or, unrevised, before."""
    from scipy.optimize import linprog

    unknown = table.hidden & ~table.known_before
    for cell in cells:
        if not unknown[cell]:
            continue
        component = _component(table, int(cell), unknown)
        index = np.flatnonzero(component)
        touched = np.flatnonzero(table.equations_of(component))
        if not len(touched):
            yield int(cell), (0.0, np.inf)
            continue
        if _are_parts_of_one(table, component):
            total = float(table.value[index].sum())
            yield int(cell), (0.0 if len(index) > 1 else total, total)
            continue
        matrix = table.equations[touched][:, index]
        objective = np.zeros(len(index))
        objective[np.searchsorted(index, cell)] = 1.0
        # The unknown figures satisfy the equations themselves, so their sum is the right-hand side.
        settings = {
            "A_eq": matrix,
            "b_eq": matrix @ table.value[index],
            "bounds": (0, None),
            "method": "highs",
        }
        low, high = linprog(objective, **settings), linprog(-objective, **settings)
        yield int(cell), (float(low.fun), float(-high.fun) if high.status == 0 else np.inf)
