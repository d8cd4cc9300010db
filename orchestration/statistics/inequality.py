"""How unequally a resource is spread over people, by the two indices that software and papers both call Theil.

Belongs here: indices of inequality between units. Does not belong here: which resource and whose people (indicators). There is
no function named theil on purpose: T (GE(1)) and L (GE(0), the mean logarithmic deviation) of the same data differ, and Chinese
health papers take L with decimal logarithms.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from orchestration.statistics.errors import StatisticsError


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
    y, p = _shares(resource, people)
    if not y.all():
        units = [int(i) for i in np.flatnonzero(y == 0)]
        raise StatisticsError(
            f"Theil-L is not defined: units {units} have none of the resource; publish Theil-T or say which they are.",
            f"泰尔L指数无定义：第 {units} 个单位没有该资源；请改用泰尔T指数或列明这些单位。",
        )
    return float((p * np.log(p / y)).sum() / np.log(base))


def _shares(
    resource: npt.ArrayLike, people: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    y = np.asarray(resource, np.float64)
    p = np.ones_like(y) if people is None else np.asarray(people, np.float64)
    if y.shape != p.shape or not y.sum() > 0 or (y < 0).any() or not (p > 0).all():
        raise StatisticsError(
            "A Theil index needs one resource ≥ 0 and one population > 0 for every unit, and some resource in all.",
            "泰尔指数要求每个单位资源不小于零、人口大于零，且资源合计大于零。",
        )
    return y / y.sum(), p / p.sum()
