"""Counts of people told as the ten they lie in: what the public edition says instead of a figure.

Belongs here: count → its ten, the limit under which a total stays, and what stands from the release before. Why this gives nobody
away is proved in docs/decisions (the public edition): where parts of a total are told by their tens, and the total no higher than
`allowed`, each part and the total can be anything within its ten, whatever the others are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from orchestration.disclosure.attack import Relation

TEN = 10
RATE_MIN = 100
Counts = npt.NDArray[np.int64]


def limits(told: Counts, relations: Sequence[Relation]) -> tuple[Counts, Counts]:
    """Per figure: how high it may be told, and how much more than told it can be as far as a reader knows.

    A total is told no higher than the tens of its parts and what all of them but the freest one can add, so that each part can
    still be anything within its ten. A total that stands at its limit can be more than its ten: as much as its parts can be.
    """
    width = np.full(len(told), TEN - 1, dtype=np.int64)
    while True:
        limit = np.full(len(told), np.iinfo(np.int64).max // 2, dtype=np.int64)
        most = limit.copy()
        for relation in relations:
            parts = list(relation.parts)
            below, free = int(told[parts].sum()), width[parts]
            limit[relation.total] = min(limit[relation.total], below + int(free.sum() - free.max()) // TEN * TEN)
            most[relation.total] = min(most[relation.total], below + int(free.sum()))
        wider = np.where(told == limit, np.maximum(most - told, TEN - 1), TEN - 1)
        if (wider == width).all():
            return limit, width
        width = wider


def tens_of(
    values: Counts, relations: Sequence[Relation], earlier: tuple[Counts, Counts] | None = None
) -> tuple[Counts, Counts]:
    """The lower end of each figure's ten as it is told, and the figure at the time when it was first told so.

    Args:
        values: the figures.
        relations: which are parts of which. Where ten or more of a total lie in none of its parts, it has no limit.
        earlier: the same two of the release before, −1 where a figure was not there: what has moved by fewer than ten people
            is told as before, so that no two releases differ by few.
    """
    told, since = values // TEN * TEN, values.copy()
    if earlier is not None:
        before, then = earlier
        stands = (then >= 0) & (np.abs(values - then) < TEN)
        told, since = np.where(stands, before, told), np.where(stands, then, since)
    binding = [r for r in relations if values[r.total] - values[list(r.parts)].sum() < TEN]
    # A part may be a total itself: a limit that was drawn in lower ones counts for those above them.
    while True:
        limit, _ = limits(told, binding)
        if (told <= limit).all():
            return told, since
        told = np.minimum(told, limit)
