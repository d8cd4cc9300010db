"""The Culture and Tourism Bureau's feeds: culture.venues and culture.activities.

Some of the bureau's points were picked on a map, some measured: each row says in which system its point is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import polars as pl

from contracts.door.coordinates import gcj02
from demo import places
from demo.city import City
from demo.files import Form, Parcel
from demo.plan import Plan
from demo.spoil import Fault, chinese_date, full_width, impossible_date, negative

VENUES = 0.75  # a community
# type code, share, name after the place, median floor area in m², seats, holdings
TYPES = (
    ("W3", 0.60, "综合性文化服务中心", 320, 24, 2_500),
    ("W2", 0.16, "综合文化站", 900, 60, 8_000),
    ("L2", 0.12, "图书馆分馆", 420, 50, 12_000),
    ("L1", 0.04, "图书馆", 6_000, 420, 260_000),
    ("W1", 0.03, "文化馆", 4_200, 200, 0),
    ("M1", 0.03, "博物馆", 5_000, 0, 6_000),
    ("M2", 0.02, "美术馆", 2_600, 0, 900),
)
SHARED_TYPE = 1  # the culture side of a shared building is a culture station
FIELDS = (
    "venue_id", "name", "venue_type_code", "grade", *places.SITE_COLUMNS, "coordinate_system", "floor_area_m2", "seats", "holdings",
    "opened_on", "status",
)  # fmt: skip
FAULTS = (
    Fault("venue_type_code", "warned", "L9"),
    Fault("grade", "not_in_code_list", "5"),
    Fault("holdings", "repaired", lambda text: f"{int(text):,}册", among=pl.col("holdings") > 1000),
    Fault("holdings", "repaired", lambda text: f"{int(text) / 10_000:.4f}万", among=pl.col("holdings") > 1000),
    Fault("seats", "not_a_number", "若干"),
    Fault("seats", "below_minimum", negative, among=pl.col("seats") > 0),
    Fault("opened_on", "repaired", chinese_date),
    Fault("name", "required_missing", None),
)
ACTIVITY_FAULTS = (
    Fault("activity_type", "not_in_code_list", "77"),
    Fault("participants", "repaired", full_width),
    Fault("held_on", "impossible_date", impossible_date),
    Fault("sessions", "not_a_whole_number", "1.5"),
    Fault("activity_id", "key_repeated"),
    Fault("", "too_many_cells"),
)


def register(plan: Plan, city: City) -> pl.DataFrame:
    """All venues that exist at some time; the first ones stand in buildings shared with other departments."""
    rng = plan.rng("culture.venues")
    shared = places.as_spelt_by(plan, "culture", places.complexes(plan, city))
    n = max(plan.scaled(VENUES), shared.height + 1)
    found = pl.concat(
        [shared, places.sites(plan, city, "culture.venues", n - shared.height, urban_bias=1.2)], how="diagonal"
    )
    kinds = rng.choice(len(TYPES), n, p=[t[1] for t in TYPES])
    kinds[: shared.height] = SHARED_TYPE
    code, _, suffix, area, seats, holdings = (np.array(column)[kinds] for column in zip(*TYPES, strict=True))
    size = rng.lognormal(0, 0.35, n)
    return found.with_columns(
        (
            "C" + pl.col("division_code").str.slice(0, 6) + "-" + pl.int_range(1, n + 1).cast(pl.String).str.zfill(5)
        ).alias("venue_id"),
        pl.when(pl.col("complex").is_not_null())
        .then("示范市" + pl.col("place") + "文化体育中心（文化站）")
        .otherwise(pl.col("place") + pl.Series(suffix))
        .alias("name"),
        pl.Series("venue_type_code", code),
        pl.Series("grade", rng.choice(["0", "1", "2", "3"], n, p=[0.5, 0.1, 0.2, 0.2])),
        pl.Series("floor_area_m2", np.round(area * size, 1)),
        pl.Series("seats", np.round(seats * size).astype(int)),
        pl.Series("holdings", np.round(holdings * size).astype(int)),
        *places.lifetimes(rng, n, plan.first - timedelta(days=31), plan.until).iter_columns(),
    )


def parcels(plan: Plan, city: City) -> Iterator[Parcel]:
    venues = register(plan, city)
    for end, sent, rows in places.snapshots(plan, venues, grace_days=10):
        yield Parcel(
            feed="culture.venues",
            name=f"公共文化场馆{end:%Y年%m月}.xlsx",
            received_at=plan.night_after(sent, 9),
            frame=_as_located(rows).select(FIELDS),
            form=Form("xlsx", title=f"示范市公共文化场馆名录 {end:%Y-%m}"),
            faults=FAULTS,
        )
    yield from _activities(plan, venues)


def _as_located(rows: pl.DataFrame) -> pl.DataFrame:
    """A third of the points as a map gives them, the others as measured; always the same venues."""
    on_map = pl.col("venue_id").str.slice(-1).is_in(["0", "4", "8"])
    shifted = dict(zip(("longitude", "latitude"), gcj02(pl.col("longitude"), pl.col("latitude")), strict=True))
    return rows.with_columns(
        *(pl.when(on_map).then(on.round(6)).otherwise(pl.col(axis)).alias(axis) for axis, on in shifted.items()),
        pl.when(on_map).then(pl.lit("高德")).otherwise(pl.lit("WGS84")).alias("coordinate_system"),
    )


def _activities(plan: Plan, venues: pl.DataFrame) -> Iterator[Parcel]:
    """One file a week, sent on the Monday after."""
    rng = plan.rng("culture.activities")
    per_day = max(1, plan.communities // 8)
    rows = []
    for day in plan.calendar:
        n = int(rng.poisson(per_day * (1.8 if day.weekday() >= 5 else 0.7)))
        sessions = rng.integers(1, 4, n)
        rows.append(
            pl.DataFrame(
                {
                    "venue_id": venues["venue_id"].gather(rng.integers(0, venues.height, n)),
                    "held_on": [day] * n,
                    "activity_type": rng.choice(["01", "02", "03", "04", "05", "07", "99"], n),
                    "service_item_code": rng.choice(["BPS73", "BPS78"], n),
                    "sessions": sessions,
                    "participants": rng.poisson(45, n) * sessions,
                },
                schema_overrides={"held_on": pl.Date, "venue_id": pl.String},
            )
        )
    held = pl.concat(rows).with_columns(
        pl.format(
            "A{}-{}", pl.col("held_on").dt.strftime("%Y%m%d"), pl.int_range(1, pl.len() + 1).over("held_on")
        ).alias("activity_id")
    )
    for week in held.with_columns(week=pl.col("held_on").dt.truncate("1w")).partition_by("week", maintain_order=True):
        last = max(week["held_on"])
        yield Parcel(
            feed="culture.activities",
            name=f"文化活动_{last:%Y%m%d}.csv",
            received_at=plan.night_after(last, 10),
            frame=week.select(
                "activity_id", "venue_id", "held_on", "activity_type", "service_item_code", "sessions", "participants"
            ),
            form=Form("csv", separator=";"),
            faults=ACTIVITY_FAULTS,
        )
