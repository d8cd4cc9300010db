"""The Health Commission's feeds: health.institutions (two senders) and health.service_volumes.

The development zone keeps its own register in another system, which sends JSON on GCJ-02 points under
the headers of its database (layout contracts/feeds/health/institutions.jiankangyun.yaml).
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

INSTITUTIONS = 3.0  # a community
ZONE = "990171"
# category, share, name after the place, beds, physicians, floor area in m²: medians
CATEGORIES = (
    ("A100", 0.02, "综合医院", 320, 110, 28_000),
    ("A210", 0.01, "中医医院", 160, 60, 14_000),
    ("A500", 0.02, "专科医院", 90, 30, 7_000),
    ("B100", 0.06, "社区卫生服务中心", 25, 18, 2_400),
    ("B200", 0.14, "社区卫生服务站", 0, 3, 220),
    ("C220", 0.06, "乡镇卫生院", 35, 14, 2_600),
    ("D100", 0.05, "门诊部", 0, 6, 400),
    ("D200", 0.36, "诊所", 0, 2, 120),
    ("D600", 0.27, "村卫生室", 0, 1, 90),
    ("J", 0.01, "疾病预防控制中心", 0, 12, 3_000),
)
SERVICE_ITEMS = ("BPS36", "BPS48", "BPS06")
FIELDS = (
    "institution_code", "name", "category_code", *places.SITE_COLUMNS, "beds", "physicians", "nurses",
    "floor_area_m2", "ownership", "opened_on", "status",
)  # fmt: skip
# What jiankangyun's database calls the fields; its layout turns them back.
JIANKANGYUN_HEADERS = {
    "institution_code": "orgCode", "name": "orgName", "category_code": "orgType", "division_code": "areaCode",
    "address": "addr", "longitude": "gcjLng", "latitude": "gcjLat", "phone": "tel", "uscc": "creditCode",
    "beds": "bedNum", "physicians": "doctorNum", "nurses": "nurseNum", "floor_area_m2": "buildArea",
    "ownership": "ownerType", "opened_on": "openDate", "status": "state",
}  # fmt: skip
JIANKANGYUN_TYPES = {
    "A100": "综合医院", "A210": "中医医院", "A500": "专科医院", "B100": "社区中心", "B200": "社区站", "C220": "卫生院",
    "D100": "门诊部", "D200": "诊所", "D600": "村卫生室", "J": "疾控中心",
}  # fmt: skip

FAULTS = (
    Fault("category_code", "not_in_code_list", "B9"),
    Fault("category_code", "pattern", "医院"),
    Fault("beds", "unknown_unit", "120台"),
    Fault("beds", "below_minimum", negative, among=pl.col("beds") > 0),
    Fault("beds", "repaired", full_width, among=pl.col("beds") > 0),
    Fault(
        "floor_area_m2",
        "repaired",
        lambda text: f"{float(text) / 10_000:.4f}万平方米",
        among=pl.col("floor_area_m2") > 1000,
    ),
    Fault("opened_on", "repaired", chinese_date),
    Fault("opened_on", "impossible_date", impossible_date),
    Fault("institution_code", "required_missing", None),
    Fault("name", "required_missing", None),
    Fault("institution_code", "key_repeated"),
    Fault("longitude", "warned", "1199.51"),
)
VOLUME_FAULTS = (
    Fault("visits", "below_minimum", negative),
    Fault("visits", "not_a_number", "同上"),
    Fault("visits", "repaired", full_width),
    Fault("served_on", "repaired", chinese_date),
    Fault("served_on", "impossible_date", impossible_date),
    Fault("institution_code", "unknown_reference", "990101XX99"),
    Fault("", "too_many_cells"),
    Fault(
        "institution_code", "key_repeated", among=pl.col("service_item_code") == pl.col("service_item_code").shift(1)
    ),
    Fault("", "too_few_cells"),
)


def register(plan: Plan, city: City) -> pl.DataFrame:
    """All institutions that exist at some time: FIELDS without status, lifetimes, and typical daily visits."""
    n = plan.scaled(INSTITUTIONS)
    rng = plan.rng("health.institutions")
    found = places.sites(plan, city, "health.institutions", n)
    kinds = rng.choice(len(CATEGORIES), n, p=[c[1] for c in CATEGORIES])
    size = rng.lognormal(0, 0.4, n)
    code, _, suffix, beds, physicians, area = (np.array(column)[kinds] for column in zip(*CATEGORIES, strict=True))
    doctors = np.maximum(1, np.round(physicians * size)).astype(int)
    numbered = pl.int_range(1, n + 1, eager=True).cast(pl.String).str.zfill(5)
    return found.with_columns(
        (found["division_code"].str.slice(0, 6) + "A" + numbered).alias("institution_code"),
        (found["place"] + pl.Series(suffix) + _nth(found["place"], pl.Series(suffix))).alias("name"),
        pl.Series("category_code", code),
        pl.Series("beds", np.round(beds * size).astype(int)),
        pl.Series("physicians", doctors),
        pl.Series("nurses", np.round(doctors * rng.uniform(0.8, 1.6, n)).astype(int)),
        pl.Series("floor_area_m2", np.round(area * size, 1)),
        pl.Series("ownership", rng.choice(["11", "12", "14", "90"], n, p=[0.4, 0.25, 0.3, 0.05])),
        pl.Series("daily_visits", doctors * 14.0),
        *places.lifetimes(rng, n, plan.first - timedelta(days=31), plan.until).iter_columns(),
    )


def parcels(plan: Plan, city: City) -> Iterator[Parcel]:
    institutions = register(plan, city)
    yield from _institutions(plan, institutions)
    yield from _volumes(plan, institutions)


def _institutions(plan: Plan, institutions: pl.DataFrame) -> Iterator[Parcel]:
    in_zone = pl.col("division_code").str.starts_with(ZONE)
    for end, sent, rows in places.snapshots(plan, institutions, grace_days=6):
        yield Parcel(
            feed="health.institutions",
            name=f"医疗机构{end:%Y年%m月}.xlsx",
            received_at=plan.night_after(sent, 3),
            frame=rows.filter(~in_zone).select(FIELDS),
            form=Form("xlsx", title=f"示范市医疗机构名录 {end:%Y-%m}"),
            faults=FAULTS,
        )
        longitude, latitude = gcj02(pl.col("longitude"), pl.col("latitude"))
        yield Parcel(
            feed="health.institutions",
            sender="jiankangyun",
            name=f"orgs_{end:%Y%m}.json",
            received_at=plan.night_after(sent, 4),
            frame=rows.filter(in_zone)
            .select(FIELDS)
            .with_columns(
                longitude.round(6).alias("longitude"),
                latitude.round(6).alias("latitude"),
                pl.col("category_code").replace(JIANKANGYUN_TYPES),
                pl.col("status").replace({"1": "open", "2": "paused", "0": "closed"}),
            ),
            form=Form("json"),
            headers=JIANKANGYUN_HEADERS,
            faults=(Fault("category_code", "code_not_in_layout", "宠物医院"),),
        )


def _volumes(plan: Plan, institutions: pl.DataFrame) -> Iterator[Parcel]:
    rng = plan.rng("health.service_volumes")
    for n, day in enumerate(plan.calendar):
        quiet = 0.35 if day.weekday() >= 5 else 1.0
        open_now = institutions.filter(
            (pl.col("opened_on") <= day) & (pl.col("closed_on").is_null() | (pl.col("closed_on") > day))
        )
        parts = []
        for i, item in enumerate(SERVICE_ITEMS):
            visits = rng.poisson(open_now["daily_visits"].to_numpy() * quiet * (0.8, 0.15, 0.05)[i])
            parts.append(
                open_now.select(
                    "institution_code",
                    pl.lit(day).alias("served_on"),
                    pl.lit(item).alias("service_item_code"),
                    pl.Series("visits", visits),
                ).filter(pl.col("visits") > 0)
            )
        faults = [VOLUME_FAULTS[i] for i in rng.permutation(len(VOLUME_FAULTS))[:2]]
        # One day in this feed's life the line was down: the file came three nights late.
        delay = timedelta(days=3) if n == 20 else timedelta()
        yield Parcel(
            feed="health.service_volumes",
            name=f"服务量_{day:%Y%m%d}.csv.gz",
            received_at=plan.night_after(day + delay, 5),
            frame=pl.concat(parts),
            form=Form("csv", gzip=True),
            faults=faults,
        )


def _nth(place: pl.Series, suffix: pl.Series) -> pl.Series:
    """A distinguishing number for namesakes: the second clinic of a place is 第2."""
    nth = pl.DataFrame({"place": place, "suffix": suffix}).select(
        pl.int_range(1, pl.len() + 1).over("place", "suffix").alias("n")
    )["n"]
    return pl.select(pl.when(nth > 1).then(pl.format("（第{}）", nth)).otherwise(pl.lit(""))).to_series()
