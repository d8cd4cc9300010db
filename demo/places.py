"""Where facilities stand, and how their registers change from month to month.

Belongs here: sites, the buildings several departments share, and a register's life. Does not belong here: what kind
of facility stands on a site.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import polars as pl

from demo import people
from demo.city import City, rows_at
from demo.plan import Plan
from demo.spoil import full_width

# Share of communities in whose culture-and-sports centre several departments keep a facility each.
COMPLEX_SHARE = 0.25
METRES_PER_DEGREE = 111_320.0
SITE_COLUMNS = ["division_code", "address", "longitude", "latitude", "phone", "uscc"]


def sites(plan: Plan, city: City, register: str, n: int, urban_bias: float = 1.0) -> pl.DataFrame:
    """`n` sites in communities drawn by population, those of towns `urban_bias` times as often.

    Returns:
        place (name of the community without its kind), area_type and SITE_COLUMNS; longitude and latitude WGS-84.
    """
    rng = plan.rng("sites", register)
    weight = city.communities["population"].to_numpy() * np.where(
        city.communities["area_type"] == "urban", urban_bias, 1.0
    )
    drawn = rows_at(city.communities, rng.choice(city.communities.height, n, p=weight / weight.sum()))
    return _on_streets(rng, drawn)


def in_every(plan: Plan, communities: pl.DataFrame, register: str) -> pl.DataFrame:
    """One site in each of `communities`; columns as of `sites`."""
    return _on_streets(plan.rng("sites", register), communities)


def complexes(plan: Plan, city: City) -> pl.DataFrame:
    """Buildings that several departments report: complex, place, town_name and SITE_COLUMNS.

    Every register that has a facility in one takes the rows of this frame from the top.
    """
    rng = plan.rng("complexes")
    n = plan.scaled(COMPLEX_SHARE)
    drawn = rows_at(city.communities, np.sort(rng.permutation(city.communities.height)[:n]))
    names = drawn.join(city.towns.select(town_code="code", town_name="name"), on="town_code", maintain_order="left")
    return _on_streets(rng, drawn).with_columns(
        pl.format("K{}", pl.int_range(1, n + 1).cast(pl.String).str.zfill(4)).alias("complex"), names["town_name"]
    )


def as_spelt_by(plan: Plan, register: str, shared: pl.DataFrame) -> pl.DataFrame:
    """The shared buildings as one department writes them: point off by metres, house number its own way."""
    rng = plan.rng("complexes", register)
    n = shared.height
    east, north = rng.normal(0, 15 / METRES_PER_DEGREE, (2, n))
    style = rng.integers(0, 3, n)
    addresses = [
        (address, full_width_digits(address), address.replace("示范市", "", 1))[s]
        for address, s in zip(shared["address"], style, strict=True)
    ]
    own_line = pl.Series(rng.random(n) < 0.3)
    return shared.with_columns(
        pl.Series("address", addresses),
        (pl.col("longitude") + pl.Series(east)).round(6),
        (pl.col("latitude") + pl.Series(north)).round(6),
        pl.when(own_line).then(pl.Series(people.landlines(rng, n))).otherwise("phone").alias("phone"),
    )


def full_width_digits(text: str) -> str:
    return "".join(full_width(c) if c.isdigit() else c for c in text)


def lifetimes(rng: np.random.Generator, n: int, first: date, last: date) -> pl.DataFrame:
    """opened_on, closed_on, suspended, forgotten of `n` facilities; some open, close or vanish between two days.

    A facility that is `forgotten` is left out of every snapshot but the first and the last, as happens when a
    register is typed anew.
    """
    span = max(1, (last - first).days)
    age = np.where(rng.random(n) < 0.03, -rng.integers(0, span, n), rng.integers(30, 14_000, n))
    opened = np.datetime64(first) - age.astype("timedelta64[D]")
    closes = rng.random(n) < 0.04
    closed = np.datetime64(first) + rng.integers(-400, span, n).astype("timedelta64[D]")
    closed = np.maximum(closed, opened + np.timedelta64(10, "D"))
    return pl.DataFrame(
        {
            "opened_on": opened,
            "closed_on": pl.Series(closed).set(pl.Series(~closes), None),
            "suspended": rng.random(n) < 0.01,
            "forgotten": rng.random(n) < 0.005,
        }
    )


def snapshots(plan: Plan, register: pl.DataFrame, grace_days: int) -> Iterator[tuple[date, date, pl.DataFrame]]:
    """(month end, day it is reported on, rows with their status) of a register with `lifetimes` columns."""
    months = plan.month_ends(grace_days)
    for i, (end, sent) in enumerate(months):
        in_between = 0 < i < len(months) - 1
        yield end, sent, register.filter(
            (pl.col("opened_on") <= end) & ~(pl.col("forgotten") & pl.lit(in_between))
        ).with_columns(
            pl.when(pl.col("closed_on") <= end).then(pl.lit("0"))
            .when(pl.col("suspended")).then(pl.lit("2"))
            .otherwise(pl.lit("1")).alias("status")
        )  # fmt: skip


def _on_streets(rng: np.random.Generator, drawn: pl.DataFrame) -> pl.DataFrame:
    n = drawn.height
    east, north = rng.normal(0, 600 / METRES_PER_DEGREE, (2, n))
    number = rng.integers(1, 400, n)
    return drawn.select(
        pl.col("name").str.strip_suffix("社区").str.strip_suffix("村").alias("place"),
        "area_type",
        pl.col("code").alias("division_code"),
        (pl.col("full_name") + "示范路" + pl.Series(number).cast(pl.String) + "号").alias("address"),
        (pl.col("longitude") + pl.Series(east)).round(6),
        (pl.col("latitude") + pl.Series(north)).round(6),
        pl.Series("phone", people.landlines(rng, n)),
        pl.Series("uscc", people.credit_codes(rng, [code[:6] for code in drawn["code"]])),
    )
