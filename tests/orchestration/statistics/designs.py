"""Random sample designs for the tests of this folder."""

from __future__ import annotations

import numpy as np
import polars as pl

TOTALS_A = {"x": 500.0, "y": 300.0, "z": 400.0}
TOTALS_B = {"u": 700.0, "v": 500.0}


def random_design(seed: int, n: int = 80, strata: int = 3, psus: int = 4, domains: int = 3) -> pl.DataFrame:
    """Every stratum has each of its PSUs at least once; N is the number of PSUs in the population."""
    rng = np.random.default_rng(seed)
    n = max(n, strata * psus * 2)
    cell = np.concatenate([np.arange(strata * psus), rng.integers(0, strata * psus, n - strata * psus)])
    h, p = cell // psus, cell % psus
    y = 50 + 5 * h + rng.normal(0, 4, strata * psus)[cell] + rng.normal(0, 10, n)
    return pl.DataFrame(
        {
            "h": h,
            "p": p,
            "w": rng.uniform(1, 9, n),
            "N": psus + 2 + 3 * h,
            "d": np.concatenate([np.arange(domains), rng.integers(0, domains, n - domains)]),
            "a": np.concatenate([list("xyz"), rng.choice(list("xyz"), n - 3)]),
            "b": np.concatenate([list("uv"), rng.choice(list("uv"), n - 2)]),
            "y": y,
            "x": rng.uniform(1, 3, n),
            "yes": (y > 55).astype(np.int64),
        }
    )
