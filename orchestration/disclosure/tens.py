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


def allowed(parts: int) -> int:
    """How much higher than the tens of its parts a total may be told: where the parts could be 0 or 9 each, and each still can."""
    return (TEN - 1) * (parts - 1) // TEN * TEN


def tens_of(
    values: Counts, relations: Sequence[Relation], earlier: tuple[Counts, Counts] | None = None
) -> tuple[Counts, Counts]:
    """The lower end of each figure's ten as it is told, and the figure at the time when it was first told so.

    Args:
        values: the figures.
        relations: which are parts of which.
        earlier: the same two of the release before, −1 where a figure was not there: what has moved by fewer than ten people
            is told as before, so that no two releases differ by few.
    """
    told, since = values // TEN * TEN, values.copy()
    if earlier is not None:
        before, then = earlier
        stands = (then >= 0) & (np.abs(values - then) < TEN)
        told, since = np.where(stands, before, told), np.where(stands, then, since)
    # A part may be a total itself: a limit that was drawn in lower ones counts for those above them.
    while True:
        lowered = False
        for relation in relations:
            parts = list(relation.parts)
            beside = int(values[relation.total]) - int(values[parts].sum())
            if relation.inside and beside >= TEN:
                continue
            limit = int(told[parts].sum()) + allowed(len(parts))
            if told[relation.total] > limit:
                told[relation.total], lowered = limit, True
        if not lowered:
            return told, since
