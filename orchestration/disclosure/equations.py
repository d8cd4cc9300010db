"""A table with totals as equations: its cells, what is part of what, and what the release before has shown.

Here belongs what the frame says. Which other tables have the same published figures is in `alternatives`, which
cells are sensitive and what is published in `disclosure`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.errors import StatisticsError, as_numbers, name_some, require_columns

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]
# Dimension → part → what it is a part of; several where it counts in several totals, as a month in a quarter and a year.
Hierarchies = Mapping[str, Mapping[Any, Any]]


@dataclass(frozen=True)
class Dominance:
    """p% rule on amounts: a cell is sensitive if the second largest contributor can estimate the
    largest to within `p` percent. Columns with the two `largest` contributions to each cell."""

    p: float
    largest: str
    second: str


@dataclass(frozen=True)
class CellTable:
    """Cells and the equations children − parent = 0; `known` ones cannot be hidden (any more).

    Cells are the frame's rows, then unpublished rests, then what the release before had and this one has not: its
    revised cells and its rests. A cell that was not revised is one and the same in both.
    """

    value: Floats
    equations: csr_array
    is_sensitive: Mask
    below: Floats
    above: Floats
    hidden: Mask
    known: Mask

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

    def apart(self, cells: Sequence[int]) -> Codes:
        """As many of the cells, the first first, as stand in no equation together."""
        of_cell, taken = self.links[1], np.zeros(self.equations.shape[0], dtype=bool)
        chosen = []
        for cell in cells:
            equations = of_cell.indices[of_cell.indptr[cell] : of_cell.indptr[cell + 1]]
            if not taken[equations].any():
                taken[equations] = True
                chosen.append(cell)
        return np.array(chosen, dtype=np.int64)

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
    fixed: str | None = None,
) -> CellTable:
    dimensions = list(hierarchies)
    amounts = {"largest": dominance.largest, "second": dominance.second} if dominance else {}
    amounts |= {role: name for role, name in (("needing", needing), ("fixed", fixed)) if name}
    require_columns(frame, {"value": value, **amounts} | {f"dimension {d}": d for d in dimensions})
    _require_settings(hierarchies, k, dominance)
    repeated = frame.filter(pl.struct(dimensions).is_duplicated())
    if repeated.height:
        raise StatisticsError(
            f"A cell is given twice: {name_some(repeated.select(dimensions).unique().rows())}.",
            f"单元格重复:{name_some(repeated.select(dimensions).unique().rows())}。",
        )
    values = as_numbers(frame[value], value)
    for flag in filter(None, (needing, fixed)):
        if frame.schema[flag] != pl.Boolean or frame[flag].null_count():
            raise StatisticsError(
                f"Expected true or false in every row of {flag!r}, got {frame.schema[flag]}.",
                f"{flag!r} 应逐行为真或假。",
            )
    if values.null_count() or not bool((values.is_finite() & (values >= 0)).all()):
        raise StatisticsError(
            f"Expected {value!r} ≥ 0 in every cell; give the figures before hiding any.",
            f"{value!r} 在每个单元格都应为非负数;请提供隐藏之前的数据。",
        )
    cells = values.to_numpy()
    equations = _sums(frame, hierarchies, cells)
    below, above = _protection(frame, cells, k, dominance)
    if needing is not None:
        below, above = _stated_protection(cells, frame[needing].to_numpy(), k)
    before = _earlier(frame, hierarchies, value, previous, len(cells) + len(equations.rests))
    known = np.zeros(len(cells) + len(equations.rests) + len(before.values), dtype=bool)
    known[before.shown] = True
    if fixed is not None:
        known[: len(cells)] |= frame[fixed].to_numpy() & shown(frame)
    nothing = np.zeros(len(known) - len(cells))
    return CellTable(
        value=np.concatenate([cells, equations.rests, before.values]),
        equations=_stacked([equations, before.sums], len(known)),
        is_sensitive=np.concatenate([above > 0, nothing > 0]),
        below=np.concatenate([below, nothing]),
        above=np.concatenate([above, nothing]),
        hidden=np.concatenate([~shown(frame), nothing == 0]),
        known=known,
    )


def _several(parents: Any) -> list[Any]:
    return list(parents) if isinstance(parents, list | tuple | set) else [parents]


def _require_settings(hierarchies: Hierarchies, k: int, dominance: Dominance | None) -> None:
    """A table needs a dimension, a part is not part of itself, and a policy is a positive number."""
    if not hierarchies:
        raise StatisticsError("Expected at least one dimension in hierarchies, got none.", "至少需要一个维度。")
    if k < 1 or (dominance is not None and dominance.p <= 0):
        raise StatisticsError(
            f"Expected k ≥ 1 and p > 0, got k = {k}{f', p = {dominance.p}' if dominance else ''}.",
            "k 应不小于 1,p 应大于 0。",
        )
    for dimension, parent_of in hierarchies.items():
        for start in parent_of:
            waiting, seen = _several(parent_of[start]), set()
            while waiting:
                above = waiting.pop()
                if above == start:
                    raise StatisticsError(
                        f"{start!r} is part of itself in the hierarchy of {dimension!r}.",
                        f"维度 {dimension!r} 中 {start!r} 是自身的一部分。",
                    )
                if above not in seen:
                    seen.add(above)
                    waiting += _several(parent_of.get(above, []))


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


@dataclass(frozen=True)
class _Sums:
    """Equations as (equation, cell, sign) triplets; cells from `n_cells` on are the `rests`."""

    equation: Codes
    cell: Codes
    sign: Floats
    rests: Floats
    count: int


@dataclass(frozen=True)
class _Earlier:
    """The release before: its equations, the `values` of cells that only it has, and which cells it has `shown`."""

    sums: _Sums
    values: Floats
    shown: Codes


def _earlier(
    frame: pl.DataFrame, hierarchies: Hierarchies, value: str, previous: pl.DataFrame | None, first: int
) -> _Earlier:
    """What the release before says: an unrevised cell is the same unknown as now, a revised one another, numbered from `first`."""
    none: Codes = np.empty(0, dtype=np.int64)
    nothing = _Sums(none, none, np.empty(0), np.empty(0), 0)
    if previous is None or not previous.height:
        return _Earlier(nothing, np.empty(0), none)
    dimensions = list(hierarchies)
    require_columns(previous, {"value": value} | {f"dimension {d}": d for d in dimensions})
    now = frame.select(*dimensions, _now=pl.col(value).cast(pl.Float64)).with_row_index("_cell")
    joined = previous.select(*dimensions, _before=pl.col(value).cast(pl.Float64)).join(
        now, on=dimensions, how="left", nulls_equal=True, maintain_order="left"
    )
    same = (joined["_before"] == joined["_now"]).fill_null(False).to_numpy()
    number = joined["_cell"].cast(pl.Int64).fill_null(-1).to_numpy().copy()
    was_shown = shown(previous) & joined["_before"].is_not_null().to_numpy()
    before = joined["_before"].to_numpy()
    if not np.isfinite(before).all():
        # Without the figures behind its hidden cells only what it showed can be compared.
        return _Earlier(nothing, np.empty(0), number[same & was_shown])
    number[~same] = first + np.arange((~same).sum())
    sums = _sums(previous, hierarchies, before, refuse=False)
    numbers = np.concatenate([number, first + (~same).sum() + np.arange(len(sums.rests))])
    cell = numbers[sums.cell]
    # A sum of unrevised figures is among the equations of this release already.
    new = np.zeros(sums.count, dtype=bool)
    new[sums.equation[cell >= first]] = True
    kept = new[sums.equation]
    renumbered = np.cumsum(new) - 1
    return _Earlier(
        _Sums(renumbered[sums.equation[kept]], cell[kept], sums.sign[kept], sums.rests, int(new.sum())),
        np.concatenate([before[~same], sums.rests]),
        number[was_shown],
    )


def _stacked(parts: Sequence[_Sums], n_cells: int) -> csr_array:
    from scipy.sparse import csr_array

    starts = np.cumsum([0, *(part.count for part in parts)])
    rows = np.concatenate([part.equation + start for part, start in zip(parts, starts, strict=False)])
    cells = np.concatenate([part.cell for part in parts])
    return csr_array((np.concatenate([part.sign for part in parts]), (rows, cells)), shape=(int(starts[-1]), n_cells))


def _sums(frame: pl.DataFrame, hierarchies: Hierarchies, cells: Floats, *, refuse: bool = True) -> _Sums:
    """Σ children + rest − parent = 0 per parent cell and dimension; rests of 0 are left out.

    A total smaller than its parts is refused, or without `refuse` no equation.
    """
    dimensions = list(hierarchies)
    indexed = frame.select(dimensions).with_row_index("_cell")
    rows: list[Codes] = [np.empty(0, dtype=np.int64)]
    columns: list[Codes] = [np.empty(0, dtype=np.int64)]
    signs: list[Floats] = [np.empty(0)]
    rests: list[float] = []
    count = 0
    for dimension, parent_of in hierarchies.items():
        if not parent_of:
            continue
        links = [(child, parent) for child, parents in parent_of.items() for parent in _several(parents)]
        kind = frame.schema[dimension]
        try:
            within = pl.DataFrame(links, schema={dimension: kind, "_above": kind}, orient="row")
        except (TypeError, pl.exceptions.PolarsError):
            raise StatisticsError(
                f"The hierarchy of {dimension!r} must name values of the column, which are {kind}; it has {links[:3]}.",
                f"维度 {dimension!r} 的层级应使用该列的取值({kind})。",
            ) from None
        parts = indexed.join(within, on=dimension).drop(dimension).rename({"_above": dimension})
        linked = parts.join(indexed.rename({"_cell": "_parent"}), on=dimensions, nulls_equal=True)
        parents, equation = np.unique(linked["_parent"].to_numpy(), return_inverse=True)
        children = linked["_cell"].cast(pl.Int64).to_numpy()
        rest = cells[parents] - np.bincount(equation, cells[children], minlength=len(parents))
        if refuse:
            _require_additive(frame, dimensions, parents, rest, cells)
        adds = rest >= -1e-9 * np.maximum(cells[parents], 1)
        kept = adds[equation]
        equation, children = (np.cumsum(adds) - 1)[equation[kept]], children[kept]
        parents, rest = parents[adds].astype(np.int64), rest[adds]
        unpublished = np.flatnonzero(rest > 1e-9 * np.maximum(cells[parents], 1))
        rest_cells = len(cells) + len(rests) + np.arange(len(unpublished))
        rows += [equation + count, np.arange(len(parents)) + count, unpublished + count]
        columns += [children, parents, rest_cells]
        signs += [np.ones(len(children)), -np.ones(len(parents)), np.ones(len(unpublished))]
        rests += rest[unpublished].tolist()
        count += len(parents)
    return _Sums(np.concatenate(rows), np.concatenate(columns), np.concatenate(signs), np.array(rests), count)


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
