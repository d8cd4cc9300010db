"""Months of departments whose way of sending is known: honest ones with what happens to bad reviews anyway, and bent ones.

Belongs here: chance and what it was told. Does not belong here: what the rule makes of it (test_habits).

What happens anyway is not the same for bad and other reviews, nor for two departments: an angry resident writes before the case is
closed or while it is open, takes a review back, writes late. A careless department loses contacts and has files with faults, whatever
they say. A bent department sends a share of its bad reviews another way, some months or all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

DEPARTMENTS, MONTHS, BENT = 11, 12, 2
HABITS = ("refused", "closed_after_review", "contact_open", "contact_missing", "after_window", "withdrawn")
# Share of other and of bad reviews that go this way in an honest city.
ANYWAY = {
    "refused": (0.004, 0.004), "closed_after_review": (0.02, 0.05), "contact_open": (0.02, 0.06), "contact_missing": (0.015, 0.02),
    "after_window": (0.02, 0.03), "withdrawn": (0.001, 0.02),
}  # fmt: skip
HIDDEN = (0.2, 0.35, 0.5, 0.75, 1.0)  # shares of its bad reviews that a bent department sends the other way
CARELESS, CARELESS_SHARE = 0.15, 0.12  # chance that a department is careless in one way, and how much more then goes it


@dataclass
class Simulated:
    """Rows of department_habit_counts, and the hidden share of the bent: (month, department, habit) → share."""

    counts: list[tuple[date, str, str, int, int, int, int]] = field(default_factory=list)
    hidden: dict[tuple[date, str, str], float] = field(default_factory=dict)
    hidden_reviews: dict[tuple[date, str, str], int] = field(default_factory=dict)


def simulate(seed: int, year: int = 2025) -> Simulated:
    """A year of a city of eleven departments, two of which hide bad reviews in one way each."""
    rng, out = np.random.default_rng(seed), Simulated()
    bent = {int(d): (str(rng.choice(HABITS)), float(rng.choice(HIDDEN))) for d in rng.choice(DEPARTMENTS, BENT, replace=False)}  # fmt: skip
    for d in range(DEPARTMENTS):
        size, bad_rate = float(rng.lognormal(6.3, 0.9)), float(rng.beta(2, 30))
        shares = {habit: _own(rng, *ANYWAY[habit]) for habit in HABITS}
        if rng.random() < CARELESS:
            careless = str(rng.choice(HABITS))
            other, bad = shares[careless]
            shares[careless] = (other + CARELESS_SHARE, bad + CARELESS_SHARE)
        for m in range(1, MONTHS + 1):
            month, name = date(year, m, 1), f"d{d:02}"
            bad = int(rng.binomial(max(int(rng.poisson(size)), 1), bad_rate))
            other = int(rng.poisson(size * (1 - bad_rate)))
            struck = {h: [int(rng.binomial(bad, s[1])), int(rng.binomial(other, s[0]))] for h, s in shares.items()}
            if d in bent and rng.random() < 0.8:
                habit, share = bent[d]
                more = int(rng.binomial(bad - struck[habit][0], share))
                struck[habit][0] += more
                out.hidden[month, name, habit], out.hidden_reviews[month, name, habit] = share, more
            out.counts += [(month, name, h, bad, b, other, o) for h, (b, o) in struck.items()]
    return out


def _own(rng: np.random.Generator, other: float, bad: float) -> tuple[float, float]:
    """A department's own shares: they vary between departments by half of their mean, bad and other reviews together and apart."""
    both = float(rng.gamma(6, 1 / 6))
    return other * both * float(rng.gamma(8, 1 / 8)), min(bad * both * float(rng.gamma(8, 1 / 8)), 1.0)
