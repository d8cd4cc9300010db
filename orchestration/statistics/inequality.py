"""How unequally a resource is spread over people: Gini and Lorenz curve, and the two indices that are both called Theil.

Belongs here: indices of inequality between units. Does not belong here: which resource and whose people (indicators). There is
no function named theil on purpose: T (GE(1)) and L (GE(0), the mean logarithmic deviation) of the same data differ, and Chinese
health papers take L with decimal logarithms.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.errors import StatisticsError, as_array


def theil_t(resource: npt.ArrayLike, people: npt.ArrayLike | None = None) -> float:
    """Σ y ln(y / p), y and p each unit's share of the resource and of the people; a unit without resource adds 0.

    Args:
        resource: one number ≥ 0 a unit.
        people: one number > 0 a unit; left out, every unit counts the same.

    Raises:
        StatisticsError: nothing to share, a number below zero, or a unit without people.
    """
    y, p = _shares(resource, people)
    has = y > 0
    return float((y[has] * np.log(y[has] / p[has])).sum())


def theil_l(resource: npt.ArrayLike, people: npt.ArrayLike | None = None, *, base: float = np.e) -> float:
    """Σ p log(p / y): natural logarithms unless `base` says 10, as Chinese health papers do.

    Raises:
        StatisticsError: as `theil_t`, and where a unit has no resource at all: L is then infinite, and leaving the unit
            out would make the spread look more equal than it is.
    """
    if isinstance(base, bool) or not isinstance(base, int | float) or not 1 < base < 1e100:
        raise StatisticsError(f"Expected a base above 1, got {base!r}.", f"对数底应大于 1，现为 {base!r}。")
    y, p = _shares(resource, people)
    nothing = y <= 1e-15 * p
    if nothing.any():
        units = [int(i) for i in np.flatnonzero(nothing)]
        raise StatisticsError(
            f"Theil-L is not defined: units {units} have none of the resource; publish Theil-T or say which they are.",
            f"泰尔L指数无定义：第 {units} 个单位没有该资源；请改用泰尔T指数或列明这些单位。",
        )
    return float((p * np.log(p / y)).sum() / np.log(base))


def gini(resource: npt.ArrayLike, people: npt.ArrayLike | None = None) -> float:
    """Twice the area between the Lorenz curve and equality: 0 where all have the same, towards 1 where one has all.

    G = 1 − Σ p (Q + Q before), units in the order of resource per head. Of incomes y under survey weights w:
    `gini(w * y, w)`; its standard error by `replicates.estimate_by_replicates`. Arguments and refusals as `theil_t`.
    """
    curve = lorenz_curve(resource, people)
    p, q = curve["people_share"].to_numpy(), curve["resource_share"].to_numpy()
    return float(1 - np.sum(np.diff(p) * (q[1:] + q[:-1])))


def lorenz_curve(resource: npt.ArrayLike, people: npt.ArrayLike | None = None) -> pl.DataFrame:
    """Columns people_share, resource_share, both from 0 to 1: what the least provided share of the people has.

    One row a unit, in the order of resource per head, after a first row of zeros. Arguments as `theil_t`.
    """
    y, p = _shares(resource, people)
    order = np.argsort(y / p, kind="stable")
    return pl.DataFrame(
        {
            "people_share": np.concatenate([[0.0], np.cumsum(p[order])]),
            "resource_share": np.concatenate([[0.0], np.cumsum(y[order])]),
        }
    )


def _shares(
    resource: npt.ArrayLike, people: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    y = as_array(resource, "resource")
    p = np.ones_like(y) if people is None else as_array(people, "people")
    if y.shape != p.shape or y.ndim != 1 or not y.sum() > 0 or (y < 0).any() or not (p > 0).all():
        raise StatisticsError(
            "An index of inequality needs one resource ≥ 0 and one population > 0 for every unit, and some resource in all.",
            "不平等指数要求每个单位资源不小于零、人口大于零，且资源合计大于零。",
        )
    return y / y.sum(), p / p.sum()
