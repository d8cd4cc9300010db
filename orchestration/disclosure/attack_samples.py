"""An outsider and the published survey: how many answered what, from means, shares and counts.

Belongs here: the answers to one question, in every area or group of one way of dividing the sample, as unknown counts of the five
levels; what is told of them as bounds; a linear programme over all of them. Weighted means are read as if they were not: who
attacks knows no weights, and most of them are near one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.disclosure.tens import TEN

Floats = npt.NDArray[np.float64]
POINTS = np.array([0.0, 25.0, 50.0, 75.0, 100.0])
UNIT = ["area_level", "division_code", "group_name", "group_value"]
QUESTION = ["wave", "dimension", "question_id", "wording"]
# Groups of levels of which somebody may be one of few: the worst, the two worst, the middle, the two best, the best, all but the best.
SETS = {
    "lowest": (0,), "two lowest": (0, 1), "middle": (2,), "two highest": (3, 4), "highest": (4,), "not highest": (0, 1, 2, 3),
    "not lowest": (1, 2, 3, 4), "answers": (0, 1, 2, 3, 4),
}  # fmt: skip


@dataclass(frozen=True)
class Read:
    """Of how many it is known that they answered so, and how closely."""

    cell: str
    what: str
    lo: float
    hi: float
    how: str


def read_survey(rows: pl.DataFrame, kinds: dict[str, str], k: int = TEN) -> Iterator[Read]:
    """Every count of answers that may be of few and is known more closely than to k − 1.

    Args:
        rows: `survey_score` as published; a null count or mean is withheld.
        kinds: column → how it is told; a count that is not told by tens is what it says.
    """
    told = rows.with_columns(_error=pl.lit(0.05))
    yield from _of_questions(told, kinds, k)
    implied = with_implied_means(told)
    if implied["mean"].null_count() < told["mean"].null_count():
        yield from _of_questions(implied, kinds, k)


def with_implied_means(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with each mean that its topic gives away: a topic's mean is that of its questions, so one of them follows from the others."""
    topic = ["wave", *UNIT, "dimension"]
    is_topic, n = pl.col("question_id") == "all", pl.col("question_id").n_unique().over(topic) - 1
    one_missing = (pl.col("mean").is_null().sum().over(topic) == 1) & (is_topic.sum().over(topic) == 1) & (n >= 1)
    of_topic = pl.col("mean").filter(is_topic).max().over(topic)
    others = pl.col("mean").filter(~is_topic).sum().over(topic)
    follows = pl.when(is_topic).then(others / n).otherwise(of_topic * n - others)
    lost = pl.col("mean").is_null() & one_missing
    return rows.with_columns(
        mean=pl.when(lost).then(follows.clip(0, 100)).otherwise("mean"),
        _error=pl.when(lost & ~is_topic).then(0.05 * (2 * n - 1)).otherwise("_error"),
    )


def _of_questions(rows: pl.DataFrame, kinds: dict[str, str], k: int) -> Iterator[Read]:
    for question, part in rows.group_by(QUESTION, maintain_order=True):
        whole = part.filter((pl.col("area_level") == "all") & (pl.col("group_name") == "all"))
        for divide, units in part.group_by(["area_level", "group_name"], maintain_order=True):
            parts = units if divide != ("all", "all") else units.clear()
            above = whole if divide[0] == "all" or divide[1] == "all" else whole.clear()
            if not parts.height and divide != ("all", "all"):
                continue
            yield from _of_question(" ".join(map(str, question)), parts, above, kinds, k)


def _of_question(
    question: str, parts: pl.DataFrame, whole: pl.DataFrame, kinds: dict[str, str], k: int
) -> Iterator[Read]:
    """Unknown: how many of each row gave each level; the rows of `parts` together are those of `whole`."""
    told = pl.concat([parts, whole])
    if not told.height:
        return
    levels, size = len(POINTS), told.height
    matrix, right = _told_of(told, kinds)
    equal = np.zeros((levels if parts.height and whole.height else 0, size * levels))
    for j in range(len(equal)):
        equal[j, [i * levels + j for i in range(parts.height)]] = 1.0
        equal[j, parts.height * levels + j] = -1.0
    # Where the weights of a sample make the means disagree, they are taken by themselves.
    for sums in (equal, equal[:0]) if len(equal) else (equal,):
        if _solve(np.zeros(size * levels), matrix, right, sums) is not None:
            break
    else:
        return
    shown = parts.height if len(equal) else size
    places = [(i, name, [i * levels + j for j in chosen]) for i in range(shown) for name, chosen in SETS.items()]
    sets = np.zeros((len(places), size * levels))
    for p, (_, _, chosen) in enumerate(places):
        sets[p, chosen] = 1.0
    lows, highs = np.full(len(places), np.inf), np.full(len(places), -np.inf)

    def solve(objective: Floats) -> None:
        found = _solve(objective, matrix, right, sums)
        if found is not None:
            reached = sets @ found
            np.minimum(lows, reached, out=lows)
            np.maximum(highs, reached, out=highs)

    def closely() -> npt.NDArray[np.intp]:
        lo, hi = np.ceil(lows - 1e-6), np.floor(highs + 1e-6)
        return np.flatnonzero((lo < k) & (hi - lo < k - 2))

    # One solution moves every row at once: what it reaches need not be asked again, the rest is asked alone.
    for levels_of_set in SETS.values():
        every = np.zeros(size * levels)
        every[[i * levels + j for i in range(size) for j in levels_of_set]] = 1.0
        solve(every)
        solve(-every)
    for p in closely():
        if p in closely():
            solve(sets[p])
            solve(-sets[p])
    for p in closely():
        lo, hi = np.ceil(lows[p] - 1e-6), np.floor(highs[p] + 1e-6)
        if hi > 0:
            row = told.row(places[p][0], named=True)
            cell = f"{question} {' '.join(str(row[c]) for c in UNIT)}"
            yield Read(cell, places[p][1], float(lo), float(hi), "mean × n, with all other groups")


def _told_of(told: pl.DataFrame, kinds: dict[str, str]) -> tuple[Floats, Floats]:
    """matrix · counts ≤ right: how many answered each row, and what the mean says of their answers."""
    levels = len(POINTS)
    at_most: list[Floats] = []
    limit: list[float] = []
    for i, (n, mean, error) in enumerate(told.select("n", "mean", "_error").rows()):
        cells = slice(i * levels, (i + 1) * levels)
        ones = np.zeros(told.height * levels)
        ones[cells] = 1.0
        lo, hi = (1.0, np.inf) if n is None else (n - 5.0, n + 4.0) if kinds.get("n") == "tens" else (n, n)
        at_most.append(-ones)
        limit.append(-lo)
        if hi < np.inf:
            at_most.append(ones)
            limit.append(hi)
        for sign in (1.0, -1.0) if mean is not None else ():
            of_mean = np.zeros(told.height * levels)
            of_mean[cells] = sign * (POINTS - mean - sign * error)
            at_most.append(of_mean)
            limit.append(0.0)
    return np.array(at_most), np.array(limit)


def _solve(objective: Floats, matrix: Floats, right: Floats, equal: Floats) -> Floats | None:
    """The counts that agree with everything told and have the least `objective`; None where nothing agrees."""
    from scipy.optimize import linprog

    found = linprog(
        objective, A_ub=matrix, b_ub=right, A_eq=equal if len(equal) else None, b_eq=np.zeros(len(equal)) if len(equal) else None,
        bounds=(0, 1e6), method="highs",
    )  # fmt: skip
    return None if found.x is None else np.asarray(found.x, dtype=float)


def ranks_with_gaps(rows: pl.DataFrame) -> Iterator[tuple[str, int]]:
    """(column, place) of ranks that nobody shown has: a withheld unit stands there."""
    for column in (c for c in rows.columns if c.endswith("_rank") and rows[c].dtype.is_numeric()):
        places = rows[column].drop_nulls().unique().sort().to_list()
        for a, b in pairwise([0, *places]):
            yield from ((column, place) for place in range(int(a) + 1, int(b)))
