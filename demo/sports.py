"""The Sports Bureau's feeds: sports.venues (two senders) and sports.openings.

The development zone's park office sends hectares, swaps the two coordinate headers and uses its own words
(layout contracts/feeds/sports/venues.kaifaqu.yaml).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import polars as pl

from demo import places
from demo.city import City
from demo.files import Form, Parcel
from demo.plan import Plan
from demo.spoil import Fault, chinese_date, full_width, impossible_date, negative

VENUES = 2.25  # a community
ZONE = "990171"
# type code, share, name after the place, median area in m², share free to the public
TYPES = (
    ("40", 0.30, "篮球场", 620, 0.8),
    ("82", 0.30, "健身路径", 150, 1.0),
    ("50", 0.12, "乒乓球场", 200, 0.9),
    ("81", 0.10, "健身步道", 3_200, 1.0),
    ("37", 0.04, "足球场", 8_000, 0.4),
    ("10", 0.05, "综合馆", 1_100, 0.3),
    ("15", 0.05, "羽毛球馆", 700, 0.1),
    ("6", 0.02, "游泳馆", 1_900, 0.0),
    ("5", 0.02, "体育馆", 5_200, 0.1),
)
FIELDS = (
    "venue_id", "name", "venue_type_code", *places.SITE_COLUMNS, "area_m2", "free_to_public", "operator_type",
    "opened_on", "status",
)  # fmt: skip
KAIFAQU_HEADERS = {
    "venue_id": "序号", "name": "公园及场地", "venue_type_code": "种类", "area_m2": "面积(公顷)",
    "opened_on": "启用", "status": "现况",
}  # fmt: skip
FAULTS = (
    Fault("venue_type_code", "warned", "99"),
    Fault("area_m2", "below_minimum", negative),
    Fault("area_m2", "repaired", lambda text: f"{text}㎡"),
    Fault("area_m2", "unknown_unit", "3亩"),
    Fault("free_to_public", "not_yes_or_no", "部分"),
    Fault("opened_on", "repaired", chinese_date),
    Fault("opened_on", "impossible_date", impossible_date),
    Fault("division_code", "repaired", full_width),
    Fault("venue_id", "key_repeated"),
    Fault("", "too_many_cells"),
)
OPENING_FAULTS = (
    Fault("open_hours", "above_maximum", "25"),
    Fault("visits", "not_a_whole_number", "12.5"),
    Fault("opened_on", "impossible_date", impossible_date),
    Fault("", "too_few_cells"),
)


def register(plan: Plan, city: City) -> pl.DataFrame:
    """All venues that exist at some time; the first ones stand in buildings shared with other departments."""
    n = plan.scaled(VENUES)
    rng = plan.rng("sports.venues")
    shared = places.as_spelt_by(plan, "sports", places.complexes(plan, city))
    found = pl.concat(
        [shared, places.sites(plan, city, "sports.venues", n - shared.height, urban_bias=1.4)], how="diagonal"
    )
    kinds = rng.choice(len(TYPES), n, p=[t[1] for t in TYPES])
    kinds[: shared.height] = rng.choice([5, 6], shared.height)
    code, _, suffix, area, free = (np.array(column)[kinds] for column in zip(*TYPES, strict=True))
    own_name = pl.col("place") + pl.Series(suffix)
    return found.with_columns(
        (
            "S" + pl.col("division_code").str.slice(0, 6) + "-" + pl.int_range(1, n + 1).cast(pl.String).str.zfill(5)
        ).alias("venue_id"),
        pl.when(pl.col("complex").is_not_null())
        .then(pl.col("place") + "文体中心" + pl.Series(suffix))
        .otherwise(own_name)
        .alias("name"),
        pl.Series("venue_type_code", code),
        pl.Series("area_m2", np.round(area * rng.lognormal(0, 0.3, n), 1)),
        pl.Series("free_to_public", rng.random(n) < free),
        pl.Series("operator_type", rng.choice(["01", "02", "03", "04"], n, p=[0.3, 0.3, 0.15, 0.25])),
        *places.lifetimes(rng, n, plan.first - timedelta(days=31), plan.until).iter_columns(),
    )


def parcels(plan: Plan, city: City) -> Iterator[Parcel]:
    venues = register(plan, city)
    yield from _venues(plan, venues)
    yield from _openings(plan, venues)


def _venues(plan: Plan, venues: pl.DataFrame) -> Iterator[Parcel]:
    in_zone = pl.col("division_code").str.starts_with(ZONE)
    for end, sent, rows in places.snapshots(plan, venues, grace_days=10):
        yield Parcel(
            feed="sports.venues",
            name=f"体育场地名录{end:%Y%m}.csv",
            received_at=plan.night_after(sent, 6),
            frame=rows.filter(~in_zone).select(FIELDS),
            form=Form("csv", encoding="gb18030"),
            faults=FAULTS,
        )
        yield Parcel(
            feed="sports.venues",
            sender="kaifaqu",
            name=f"开发区公园场地{end:%Y%m}.csv",
            received_at=plan.night_after(sent, 7),
            frame=rows.filter(in_zone).select(
                "venue_id",
                "name",
                pl.col("venue_type_code").replace_strict(KAIFAQU_TYPES, return_dtype=pl.String),
                "division_code",
                "address",
                (pl.col("area_m2") / 10_000).round(6).alias("area_m2"),
                # The office writes latitudes under 经度 and longitudes under 纬度.
                pl.col("latitude").alias("longitude"),
                pl.col("longitude").alias("latitude"),
                "opened_on",
                pl.col("status").replace({"1": "开放", "2": "维修", "0": "拆除"}),
            ),
            form=Form("csv", encoding="utf-8-sig"),
            headers=KAIFAQU_HEADERS,
            faults=(Fault("area_m2", "not_a_number", "约2"), Fault("status", "code_not_in_layout", "待定")),
        )


KAIFAQU_TYPES = {t[0]: t[2] for t in TYPES}


def _openings(plan: Plan, venues: pl.DataFrame) -> Iterator[Parcel]:
    """One file a week, sent on the Monday after; the last, incomplete week is sent as far as it went."""
    rng = plan.rng("sports.openings")
    staffed = venues.filter(pl.col("venue_type_code").is_in(["5", "6", "10", "15", "37"]))
    weeks: dict[tuple[int, int], list[pl.DataFrame]] = {}
    for day in plan.calendar:
        busy = 1.6 if day.weekday() >= 5 else 1.0
        open_now = staffed.filter(
            pl.col("closed_on").is_null() | (pl.col("closed_on") > day), pl.col("opened_on") <= day
        )
        visits = rng.poisson(open_now["area_m2"].to_numpy() / 18 * busy)
        hours = rng.choice([0.0, 8.0, 10.0, 12.5], open_now.height, p=[0.02, 0.28, 0.5, 0.2])
        year, week, _ = day.isocalendar()
        weeks.setdefault((year, week), []).append(
            open_now.select(
                "venue_id",
                pl.lit(day).alias("opened_on"),
                pl.Series("visits", np.where(hours == 0, 0, visits)),
                pl.Series("open_hours", hours),
            )
        )
    for (year, week), parts in weeks.items():
        rows = pl.concat(parts)
        last = max(rows["opened_on"])
        yield Parcel(
            feed="sports.openings",
            name=f"开放情况_{year}年第{week:02d}周.tsv",
            received_at=plan.night_after(last, 8),
            frame=rows,
            form=Form("csv", separator="\t"),
            faults=OPENING_FAULTS,
        )
