"""Other tables with the same published figures: how far a hidden cell can move, and what has to be hidden for it.

Here belongs linear programming on a `cell_tables.CellTable`; which cells need it is decided in `disclosure`.

Source: Fischetti & Salazar (2001), Management Science 47; the heuristic is the linear relaxation of their model, many
sensitive cells that stand in no equation together at a time, over the equations near them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.disclosure.equations import CellTable, Codes, Floats, Mask

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def shift(table: CellTable, cells: Codes, amounts: Floats, hidden: Mask) -> Floats:
    """Changes of all cells to another table in which each of `cells` is its amount higher (lower) and every
    figure outside `hidden` near them, or shown before, is as published.

    Prefers changes of hidden cells, which cost nothing; what else it changes must be hidden, and has the least total
    value. Where all together are too much, one after the other, if need be far away; zero where nothing can change.
    """
    if not len(cells):
        return np.zeros(len(table.value))
    free = hidden & ~table.known
    free[cells] = True
    near = _neighbourhood(table, cells) & (table.value > 0) & ~table.known
    found = _least_shift(table, cells, amounts, _component(table, cells, free | near), free)
    if found is not None:
        return found
    if len(cells) == 1:
        anywhere = (table.value > 0) & ~table.known
        found = _least_shift(table, cells, amounts, _component(table, cells, free | anywhere), free)
        return np.zeros(len(table.value)) if found is None else found
    alone = [shift(table, cells[[i]], amounts[[i]], hidden) for i in range(len(cells))]
    furthest: Floats = np.max(np.abs(alone), axis=0)
    return furthest


def reached(table: CellTable, cells: Mask, amount: Floats, hidden: Mask) -> Mask:
    """Which of `cells` can each be `amount` higher (lower where negative) with nothing shown changed: proof by example.

    A programme moves many cells at once, of every group of linked cells as many as it can; those it did not bring far
    enough are tried again with fewer others. What is refused alone cannot be reached.
    """
    from scipy.sparse.csgraph import connected_components

    free = np.flatnonzero(hidden & ~table.known)
    found = np.zeros(len(table.value), dtype=bool)
    left = np.flatnonzero(cells & hidden & ~table.known & (amount != 0))
    if not len(left):
        return found
    matrix = table.equations[np.flatnonzero(table.equations_of(hidden & ~table.known))][:, free].tocsr()
    group = connected_components(abs(matrix).T @ abs(matrix), directed=False)[1]
    order, at_once = np.random.default_rng(0), len(left)
    while len(left):
        order.shuffle(left)
        of_group = group[np.searchsorted(free, left)]
        place = pl.DataFrame({"group": of_group}).select(pl.int_range(pl.len()).over("group")).to_series().to_numpy()
        tried = left[place < at_once]
        gone = _moved(matrix, free, table.value, tried, amount)
        found[tried[gone]] = True
        left = left[~found[left]]
        if at_once == 1:
            left = np.setdiff1d(left, tried[~gone])
        elif gone.mean() < 0.5:
            at_once = max(1, min(at_once, int(np.bincount(group[np.searchsorted(free, tried)]).max())) // 3)
    return found


def _moved(matrix: csr_array, free: Codes, value: Floats, tried: Codes, amount: Floats) -> Mask:
    """Which of the cells `tried` the programme that brings them furthest on their way, all together, brings to its end."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, hstack

    size, n = len(tried), len(free)
    each, place = np.arange(size), np.searchsorted(free, tried)
    # part · amount ≤ change, and no part is more than the whole way.
    change = csr_array((-np.sign(amount[tried]), (each, place)), shape=(size, n))
    part = csr_array((np.abs(amount[tried]), (each, each)), shape=(size, size))
    solved = linprog(
        np.concatenate([np.zeros(n), -np.ones(size)]),
        A_ub=hstack([change, part]),
        b_ub=np.zeros(size),
        A_eq=hstack([matrix, csr_array((matrix.shape[0], size))]) if matrix.shape[0] else None,
        b_eq=np.zeros(matrix.shape[0]) if matrix.shape[0] else None,
        bounds=np.vstack([np.column_stack([-value[free], np.full(n, np.inf)]), np.tile([0.0, 1.0], (size, 1))]),
        method="highs",
    )
    none: Mask = np.zeros(size, dtype=bool)
    reached_end: Mask = none if solved.x is None else solved.x[n:] >= 1 - 1e-7
    return reached_end


def _are_parts_of_one(table: CellTable, cells: Mask) -> bool:
    """Whether the cells are parts of one shown total and stand in no other equation: then no programme is needed."""
    touched = np.flatnonzero(table.equations_of(cells))
    return len(touched) == 1 and bool((table.equations[touched][:, np.flatnonzero(cells)].toarray() > 0).all())


def _least_shift(table: CellTable, cells: Codes, amounts: Floats, candidates: Mask, free: Mask) -> Floats | None:
    from scipy.optimize import linprog
    from scipy.sparse import hstack

    index = np.flatnonzero(candidates)
    touched = np.flatnonzero(table.equations_of(candidates))
    matrix = table.equations[touched][:, index]
    cost = np.where(free[index], 0.0, table.value[index] + 1)
    places = np.searchsorted(index, cells)
    # No cell can fall below zero; the cells in question move by exactly their amounts.
    up = np.column_stack([np.zeros(len(index)), np.full(len(index), np.inf)])
    down = np.column_stack([np.zeros(len(index)), table.value[index]])
    up[places], down[places] = np.maximum(amounts, 0)[:, None], np.maximum(-amounts, 0)[:, None]
    found = linprog(
        np.concatenate([cost, cost]),
        A_eq=hstack([matrix, -matrix], format="csr") if len(touched) else None,
        b_eq=np.zeros(len(touched)) if len(touched) else None,
        bounds=np.vstack([up, down]),
        method="highs",
    )
    if found.x is None:
        return None
    change = np.zeros(len(table.value))
    change[index] = found.x[: len(index)] - found.x[len(index) :]
    change[np.abs(change) <= 1e-7] = 0.0
    return change


def _neighbourhood(table: CellTable, cells: Codes) -> Mask:
    """Cells within two equations, and every total above: enough for a pattern to exist."""
    near = np.zeros(len(table.value), dtype=bool)
    near[cells] = True
    for _ in range(2):
        near |= table.cells_of(table.equations_of(near))
    waiting = cells.tolist()
    seen = set(waiting)
    while waiting:
        for parent in table.parents[waiting.pop()] - seen:
            seen.add(parent)
            waiting.append(parent)
    near[list(seen)] = True
    return near


def _component(table: CellTable, cells: Codes, candidates: Mask) -> Mask:
    """The candidates that `cells` are linked with through equations of candidates."""
    linked = np.zeros(len(candidates), dtype=bool)
    linked[cells] = True
    while True:
        grown = (table.cells_of(table.equations_of(linked)) & candidates) | linked
        if grown.sum() == linked.sum():
            return linked
        linked = grown


def brackets(table: CellTable, cells: npt.NDArray[np.intp]) -> Iterator[tuple[int, tuple[float, float]]]:
    """(cell, (lo, hi)) for hidden cells, given everything published now or, unrevised, before."""
    from scipy.optimize import linprog

    unknown = table.hidden & ~table.known
    for cell in cells:
        if not unknown[cell]:
            continue
        component = _component(table, np.array([cell]), unknown)
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
