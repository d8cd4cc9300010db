"""Counts of people told as the ten they lie in: what the public edition says instead of a figure.

Belongs here: count → its ten, the limit under which a total stays, and what stands from the release before. Why this gives nobody
away is argued in docs/decisions (the public edition): where parts of a total are told by their tens, and the total no higher than
`limits` says, each part and the total can be anything within its ten, whatever the others are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from orchestration.disclosure.attack import Relation

TEN = 10
RATE_MIN = 100
# No bound: more than anybody counts.
FAR = np.iinfo(np.int64).max // 2
Counts = npt.NDArray[np.int64]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Parts:
    """Relations as arrays: `total` of each, and the `cells` of all parts, those of a relation from its `start` on."""

    total: Codes
    cells: Codes
    start: Codes

    def sums(self, x: Counts) -> Counts:
        summed: Counts = np.add.reduceat(x[self.cells], self.start)
        return summed

    def highest(self, x: Counts) -> Counts:
        found: Counts = np.maximum.reduceat(x[self.cells], self.start)
        return found


def as_arrays(relations: Sequence[Relation]) -> Parts:
    sizes = np.array([len(r.parts) for r in relations], dtype=np.intp)
    cells = np.array([c for r in relations for c in r.parts], dtype=np.intp)
    return Parts(np.array([r.total for r in relations], dtype=np.intp), cells, np.cumsum(sizes) - sizes)


def floors(told: Counts, parts: Parts) -> Counts:
    """What each figure is at least: its own ten begins there, or those of its parts together."""
    floor = told.copy()
    while len(parts.total):
        higher = floor.copy()
        np.maximum.at(higher, parts.total, parts.sums(floor))
        if (higher == floor).all():
            break
        floor = higher
    return floor


def limits(told: Counts, floor: Counts, parts: Parts, outside: Counts | None = None) -> tuple[Counts, Counts]:
    """Per figure: how high it may be told, and how much more than told it can be as far as a reader knows.

    A total is told no higher than what its parts can be together with any one of them at its least, so that each part can still be
    anything within its ten. A total that stands at its limit can be more than its ten: as much as its parts can be. `outside`: what the
    parts of a figure in another table can be together.
    """
    width = np.full(len(told), TEN - 1, dtype=np.int64)
    limit, reach = np.full(len(told), FAR), np.full(len(told), FAR)
    if outside is not None:
        limit = np.where(outside < FAR, (outside - (TEN - 1)) // TEN * TEN, FAR)
        reach = np.where(told == limit, np.maximum(outside - told, TEN - 1), FAR)
        width = np.where(reach < FAR, reach, width)
    if not len(parts.total):
        return limit, width
    # Who reads every ten as it is told, and does not reckon with totals that are told lower, must be none the wiser.
    ten = told + TEN - 1
    allowed = (parts.sums(ten) - parts.highest(ten - floor)) // TEN * TEN
    limit = limit.copy()
    np.minimum.at(limit, parts.total, allowed)
    at = told[parts.total] == allowed
    while True:
        most = parts.sums(told + width)
        further = reach.copy()
        np.minimum.at(further, parts.total[at], np.maximum(most - told[parts.total], TEN - 1)[at])
        wider = np.where(further < FAR, further, TEN - 1)
        if (wider == width).all():
            return limit, width
        width = wider


def tens_of(
    values: Counts,
    relations: Sequence[Relation],
    earlier: tuple[Counts, Counts] | None = None,
    outside: Counts | None = None,
    at_most: Counts | None = None,
) -> tuple[Counts, Counts, Counts]:
    """The lower end of each figure's ten as it is told, the figure at the time when it was first told so, and how much more it can be.

    Args:
        values: the figures.
        relations: which are parts of which. Where ten or more of a total lie in none of its parts, it has no limit.
        earlier: the first two of the release before, −1 where a figure was not there: what has moved by fewer than ten people
            is told as before, so that no two releases differ by few.
        outside: what the parts of a figure in another table can be together, as they are told there; `FAR` where it has none.
        at_most: how high each figure may be told for the sake of the others of its row (`chained`).
    """
    told, since = values // TEN * TEN, values.copy()
    if earlier is not None:
        before, then = earlier
        stands = (then >= 0) & (np.abs(values - then) < TEN)
        told, since = np.where(stands, before, told), np.where(stands, then, since)
    if at_most is not None:
        told = np.minimum(told, at_most)
    every = as_arrays(relations)
    binding = as_arrays([r for r in relations if values[r.total] - values[list(r.parts)].sum() < TEN])
    true = as_arrays([r for r in relations if values[list(r.parts)].sum() <= values[r.total]])
    highest = np.full(len(values), FAR) if at_most is None else at_most
    was_lowered = np.zeros(len(values), dtype=bool)
    while True:
        floor = floors(told, every)
        limit, width = limits(told, floor, binding, outside)
        over = np.flatnonzero(floor > limit)
        if not len(over):
            # A total that stands as before below what its parts say by now: they tell it already.
            behind = (told < floors(told, true)) & (told < np.minimum(values // TEN * TEN, highest)) & ~was_lowered
            if not behind.any():
                return told, since, width
            told, since = np.where(behind, told + TEN, told), np.where(behind, values, since)
            continue
        # What tells too much of a total is lowered: its own ten, or the largest of the parts that say it is at least so much.
        lowered = {_says_so(int(cell), told, floor, every) for cell in over}
        told = told.copy()
        for cell in lowered:
            told[cell], was_lowered[cell] = max(0, int(told[cell]) - TEN), True


def chained(
    values: Mapping[str, Counts],
    relations: Sequence[Relation],
    within: Sequence[Sequence[str]],
    earlier: Mapping[str, tuple[Counts, Counts]],
    outside: Mapping[str, Counts],
) -> dict[str, tuple[Counts, Counts, Counts]]:
    """`tens_of` of several figures of the same rows, of which each is a part of the next (`within`).

    Of two such figures the difference is a figure, too, though not a told one: with 20 to 29 of one and 10 to 19 of the other it is one at
    least. Where the parts differ more, by what is told of them, than their total need, the rest of them is pressed together; then
    the larger figure of the part that differs most is told a ten lower.
    """
    every = as_arrays(relations)
    at_most = {m: np.full(len(v), FAR) for m, v in values.items()}
    found: dict[str, tuple[Counts, Counts, Counts]] = {}
    waiting = set(values)
    while waiting:
        for m in waiting:
            found[m] = tens_of(values[m], relations, earlier.get(m), outside.get(m), at_most[m])
        waiting = set()
        for chain in within:
            for less, more in pairwise([m for m in chain if m in values]):
                low, high = found[less][0], found[more][0]
                over = low > high
                if over.any():
                    at_most[less] = np.where(over, np.minimum(at_most[less], high), at_most[less])
                    waiting.add(less)
                    continue
                for cell in _furthest_apart(high - low, values[more] - values[less], every):
                    at_most[more][cell] = int(high[cell]) - TEN
                    waiting.add(more)
    return {m: found[m] for m in values}


def _furthest_apart(apart: Counts, truly: Counts, parts: Parts) -> set[int]:
    """Of each total whose parts differ by more, together and at least, than its tens do, the part that differs most; but for totals
    of which the parts are in truth no parts (an item that another department dealt with)."""
    if not len(parts.total):
        return set()
    ends, least = np.append(parts.start[1:], len(parts.cells)), np.maximum(apart - (TEN - 1), 0)
    pressed = (parts.sums(least) > apart[parts.total]) & (parts.sums(truly) <= truly[parts.total])
    inside = (parts.cells[parts.start[r] : ends[r]] for r in np.flatnonzero(pressed))
    return {int(cells[np.argmax(least[cells])]) for cells in inside}


def _says_so(cell: int, told: Counts, floor: Counts, parts: Parts) -> int:
    """The figure whose ten makes another at least its floor."""
    ends = np.append(parts.start[1:], len(parts.cells))
    while told[cell] < floor[cell]:
        for r in np.flatnonzero(parts.total == cell):
            inside = parts.cells[parts.start[r] : ends[r]]
            if floor[inside].sum() == floor[cell]:
                cell = int(inside[np.argmax(floor[inside])])
                break
    return cell
