"""The Civil Affairs Bureau's feeds: community_facilities, elderly_care, assistance, community_workers.

Also the service halls, which are community facilities of the towns and where residents meet the windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import numpy as np
import polars as pl

from demo import people, places
from demo.city import City, rows_at
from demo.files import Form, Parcel
from demo.plan import Plan, month_start
from demo.spoil import Fault, chinese_date, full_width, negative

FACILITIES = 1.2  # a community, halls included
HOMES = 0.3  # elderly-care institutions a community
BENEFITS = 30.0  # a community
# Share of communities with a comprehensive facility; the plan's targets are 100 % and 80 %.
COVERAGE = {"urban": 0.97, "rural": 0.715}
# kind of room, share of the total area, median number of rooms
ROOMS = (
    ("office", 0.18, 4), ("service_hall", 0.16, 1), ("police", 0.03, 1), ("clinic", 0.09, 1),
    ("library", 0.08, 1), ("activity", 0.26, 3), ("disability", 0.04, 1),
)  # fmt: skip
FUNDING = ("fiscal", "self_raised", "donated", "other")
FACILITY_FAULTS = (
    Fault("funding_wan_yuan", "cross_field", "99999.5"),
    Fault("office_area_m2", "cross_field", "150000"),
    Fault("total_area_m2", "not_a_number", "约三百"),
    Fault("total_area_m2", "repaired", full_width),
    Fault("total_area_m2", "repaired", lambda text: f"{text}平方米"),
    Fault("is_comprehensive", "not_yes_or_no", "在建"),
    Fault("library_rooms", "unknown_unit", "2套"),
    Fault("facility_code", "required_missing", None),
    Fault("facility_name", "repaired", lambda text: f"\u3000{text} "),
)
HOME_FAULTS = (
    Fault("nursing_beds", "cross_field", "9000"),
    Fault("total_beds", "below_minimum", negative),
    Fault("total_beds", "repaired", lambda text: f"{text}张"),
    Fault("residents", "not_a_number", "满员"),
    Fault("month", "repaired", lambda text: chinese_date(text)[:-2]),
    Fault("institution_type", "warned", "7"),
)
BENEFIT_FAULTS = (
    Fault("resident_id", "invalid_resident_id", "990102199001011234"),
    Fault("benefit_type", "not_in_code_list", "90"),
    Fault("disability_grade", "cross_field", None, among=pl.col("benefit_type").is_in(["31", "32"])),
    Fault("amount_yuan", "below_minimum", negative),
    Fault("amount_yuan", "repaired", lambda text: f"{text}元"),
    Fault("end_month", "cross_field", "2001-01-01"),
    Fault("start_month", "repaired", lambda text: chinese_date(text)[:-2]),
    Fault("", "too_few_cells"),
)
WORKER_FAULTS = (
    Fault("certified_social_workers", "cross_field", "1999"),
    Fault("workers", "not_a_number", "缺报"),
    Fault("division_code", "unknown_reference", "990199999999"),
)


def parcels(plan: Plan, city: City) -> Iterator[Parcel]:
    yield from _facilities(plan, city)
    yield from _homes(plan, city)
    yield from _assistance(plan, city)
    yield from _workers(plan, city)


def halls(city: City) -> pl.DataFrame:
    """The towns' service halls: facility_code, town_code, county_code, name; one a town."""
    return city.towns.select(
        pl.format("F{}-H", pl.col("code")).alias("facility_code"),
        pl.col("code").alias("town_code"),
        "county_code",
        (pl.col("name") + "便民服务中心").alias("name"),
        "longitude",
        "latitude",
        "full_name",
    )


# ── community facilities ────────────────────────────────────────────────────────────────────────


def facilities(plan: Plan, city: City) -> pl.DataFrame:
    """Every community facility: comprehensive ones, single-purpose centres, and the towns' halls."""
    rng = plan.rng("civil_affairs.community_facilities")
    shared = places.as_spelt_by(plan, "civil_affairs", places.complexes(plan, city))
    rate = city.communities["area_type"].replace_strict(COVERAGE, return_dtype=pl.Float64).to_numpy()
    covered = rng.random(city.communities.height) < rate
    comprehensive = places.in_every(plan, city.communities.filter(pl.Series(covered)), "comprehensive")
    others = plan.scaled(FACILITIES) - city.towns.height - comprehensive.height - shared.height
    single = pl.concat(
        [shared, places.sites(plan, city, "activity_centres", max(1, others))], how="diagonal"
    ).with_columns(
        pl.when(pl.col("complex").is_not_null())
        .then(pl.col("place") + "文体活动中心")
        .otherwise(pl.col("place") + "活动中心")
        .alias("facility_name"),
        pl.lit(value=False).alias("is_comprehensive"),
        pl.format("F{}-A{}", "division_code", pl.int_range(1, pl.len() + 1)).alias("facility_code"),
    )
    halls_too = halls(city).select(
        "facility_code",
        pl.col("name").alias("facility_name"),
        pl.col("town_code").alias("division_code"),
        (pl.col("full_name") + "示范大道1号").alias("address"),
        (pl.col("longitude") + 0.001).round(6),
        (pl.col("latitude") + 0.001).round(6),
        pl.Series("phone", people.landlines(rng, city.towns.height)),
        pl.Series("uscc", people.credit_codes(rng, [c[:6] for c in city.towns["code"]])),
        pl.lit(value=False).alias("is_comprehensive"),
    )
    community = comprehensive.with_columns(
        (pl.col("place") + "党群服务中心").alias("facility_name"),
        pl.lit(value=True).alias("is_comprehensive"),
        pl.format("F{}-1", "division_code").alias("facility_code"),
    )
    rows = pl.concat([community, single, halls_too], how="diagonal")
    return _measured(rng, rows).with_columns(
        *places.lifetimes(rng, rows.height, plan.first - timedelta(days=120), plan.until).iter_columns()
    )


def _measured(rng: np.random.Generator, rows: pl.DataFrame) -> pl.DataFrame:
    """Areas, rooms, years and funding; parts never exceed their total, four sources add up to the funding."""
    n = rows.height
    urban = (rows["area_type"].fill_null("urban") == "urban").to_numpy()
    total = np.round(np.where(urban, 620, 300) * rng.lognormal(0, 0.35, n), 1)
    columns: dict[str, np.ndarray] = {
        "total_area_m2": total,
        "resident_activity_area_m2": np.round(total * rng.uniform(0.45, 0.8, n), 1),
        "outdoor_sites": rng.integers(0, 3, n),
        "self_service_terminal": rng.random(n) < np.where(urban, 0.85, 0.3),
    }
    columns["outdoor_area_m2"] = np.round(columns["outdoor_sites"] * rng.uniform(80, 600, n), 1)
    for kind, share, rooms in ROOMS:
        has = rng.random(n) < (0.95 if share > 0.1 else 0.7)
        columns[f"{kind}_rooms"] = np.where(has, np.maximum(1, rng.poisson(rooms, n)), 0)
        columns[f"{kind}_area_m2"] = np.where(has, np.round(total * share * rng.uniform(0.7, 1.1, n), 1), 0.0)
        columns[f"{kind}_year"] = rng.integers(1995, 2025, n)
    parts = np.round(rng.gamma(0.6, 12, (4, n)) * np.array([[3.0], [1.0], [0.3], [0.2]]), 2)
    for source, amount in zip(FUNDING, parts, strict=True):
        columns[f"funding_{source}_wan_yuan"] = amount
    columns["funding_wan_yuan"] = np.round(parts.sum(axis=0), 2)
    return rows.with_columns(pl.Series(name, values) for name, values in columns.items())


FACILITY_FIELDS = (
    "facility_code", "reported_on", "facility_name", *places.SITE_COLUMNS, "is_comprehensive", "total_area_m2",
    "resident_activity_area_m2",
    *(f"{kind}_{what}" for kind, *_ in ROOMS for what in ("rooms", "area_m2", "year")),
    "funding_wan_yuan", *(f"funding_{source}_wan_yuan" for source in FUNDING),
    "outdoor_sites", "outdoor_area_m2", "self_service_terminal", "opened_on", "status",
)  # fmt: skip


def _facilities(plan: Plan, city: City) -> Iterator[Parcel]:
    """Quarterly: every snapshot whose month ends a quarter, and the initial load."""
    register = facilities(plan, city)
    quarters = [s for s in places.snapshots(plan, register, grace_days=15) if s[0].month % 3 == 0]
    for end, sent, rows in quarters or list(places.snapshots(plan, register, grace_days=15))[:1]:
        yield Parcel(
            feed="civil_affairs.community_facilities",
            name=f"社区综合服务设施填报表{end:%Y%m%d}.xlsx",
            received_at=plan.night_after(sent, 11),
            frame=rows.with_columns(pl.lit(end).alias("reported_on")).select(FACILITY_FIELDS),
            form=Form("xlsx", title=f"示范市社区综合服务设施填报表 {end:%Y-%m-%d}"),
            faults=FACILITY_FAULTS,
        )


# ── elderly care ────────────────────────────────────────────────────────────────────────────────


def _homes(plan: Plan, city: City) -> Iterator[Parcel]:
    rng = plan.rng("civil_affairs.elderly_care")
    n = max(plan.scaled(HOMES), 8)
    beds = np.maximum(10, np.round(110 * rng.lognormal(0, 0.5, n))).astype(int)
    born = people.birthdays(rng, n, 1960, 1990)
    register = places.sites(plan, city, "civil_affairs.elderly_care", n).with_columns(
        (
            pl.format(
                "E{}-{}", pl.col("division_code").str.slice(0, 6), pl.int_range(1, n + 1).cast(pl.String).str.zfill(4)
            )
        ).alias("institution_code"),
        (pl.col("place") + "养老院").alias("name"),
        pl.Series("institution_type", rng.choice(["1", "2", "3", "4"], n, p=[0.1, 0.3, 0.4, 0.2])),
        pl.Series("total_beds", beds),
        pl.Series("nursing_beds", np.floor(beds * rng.uniform(0.3, 0.75, n)).astype(int)),
        pl.Series("day_care_beds", rng.integers(0, 20, n)),
        pl.Series("occupancy", rng.beta(5, 3, n)),
        pl.Series("floor_area_m2", np.round(beds * rng.uniform(22, 38, n), 1)),
        pl.Series("is_medical_contracted", rng.random(n) < 0.8),
        pl.Series("principal_name", people.names(rng, n)),
        pl.Series("principal_id", people.resident_ids(rng, city.counties, born)),
        pl.Series("principal_phone", people.mobiles(rng, n)),
        *places.lifetimes(rng, n, plan.first - timedelta(days=31), plan.until).iter_columns(),
    )
    for end, sent, rows in places.snapshots(plan, register, grace_days=6):
        drift = plan.rng("civil_affairs.elderly_care", end).normal(1, 0.02, rows.height)
        frame = rows.with_columns(
            pl.lit(month_start(end)).alias("month"),
            (pl.col("total_beds") * pl.col("occupancy") * pl.Series(drift)).floor().cast(pl.Int64).alias("residents"),
        ).with_columns(pl.when(pl.col("status") == "0").then(0).otherwise("residents").alias("residents"))
        yield Parcel(
            feed="civil_affairs.elderly_care",
            name=f"养老机构月报{end:%Y年%m月}.xlsx",
            received_at=plan.night_after(sent, 12),
            frame=frame.select(HOME_FIELDS),
            form=Form("xlsx", title=f"示范市养老机构月报 {end:%Y-%m}"),
            faults=HOME_FAULTS,
        )


HOME_FIELDS = (
    "institution_code", "month", "name", "institution_type", *places.SITE_COLUMNS, "total_beds", "nursing_beds",
    "day_care_beds", "residents", "floor_area_m2", "is_medical_contracted", "opened_on", "principal_name",
    "principal_id", "principal_phone", "status",
)  # fmt: skip


# ── assistance ──────────────────────────────────────────────────────────────────────────────────

# benefit type → share, median amount in yuan a month
BENEFIT_TYPES: Mapping[str, tuple[float, float]] = {
    "11": (0.22, 620), "12": (0.28, 480), "22": (0.06, 900), "31": (0.14, 120),
    "32": (0.14, 150), "42": (0.02, 1_400), "51": (0.14, 100),
}  # fmt: skip
REASONS = ("因病致困", "家中缺少劳动力", "重度残疾", "独居老人", "收入下降")


def _assistance(plan: Plan, city: City) -> Iterator[Parcel]:
    """The whole list once, then each month the rows that were new, changed or ended."""
    rng = plan.rng("civil_affairs.assistance")
    n = plan.scaled(BENEFITS)
    types = rng.choice(list(BENEFIT_TYPES), n, p=[share for share, _ in BENEFIT_TYPES.values()])
    typical = np.array([BENEFIT_TYPES[t][1] for t in types])
    disabled = np.isin(types, ["31", "32"])
    born = people.birthdays(rng, n)
    drawn = rows_at(city.communities, rng.choice(city.communities.height, n))
    start = np.datetime64(plan.first) - rng.integers(40, 3_000, n).astype("timedelta64[D]")
    reasons = [
        f"{reason}，联系{phone}" if tells else reason
        for reason, phone, tells in zip(
            rng.choice(REASONS, n), people.mobiles(rng, n), rng.random(n) < 0.02, strict=True
        )
    ]
    whole = pl.DataFrame(
        {
            "benefit_id": [f"Z99{i:08d}" for i in range(1, n + 1)],
            "resident_id": people.resident_ids(rng, city.counties, born),
            "person_name": people.names(rng, n),
            "born_on": born,
            "phone": people.mobiles(rng, n),
            "bank_card": people.bank_cards(rng, n),
            "benefit_type": types,
            "disability_class": pl.Series(rng.integers(1, 8, n).astype(str)).set(pl.Series(~disabled), None),
            "disability_grade": pl.Series(rng.integers(1, 5, n).astype(str)).set(pl.Series(~disabled), None),
            "division_code": drawn["code"],
            "household_members": np.maximum(1, rng.poisson(1.6, n)),
            "start_month": pl.Series(start).cast(pl.Date).dt.month_start(),
            "end_month": pl.Series([None] * n, dtype=pl.Date),
            "amount_yuan": np.round(typical * rng.lognormal(0, 0.1, n), 2),
            "reason": reasons,
        }
    )
    for i, (end, sent) in enumerate(plan.month_ends(grace_days=6)):
        rows = whole.slice(0, n * 95 // 100) if i == 0 else _changes(plan, whole, end, i)
        yield Parcel(
            feed="civil_affairs.assistance",
            name=f"救助补贴名册{end:%Y%m}.csv",
            received_at=plan.night_after(sent, 13),
            frame=rows,
            form=Form("csv", encoding="gb18030"),
            faults=BENEFIT_FAULTS,
        )


def _changes(plan: Plan, whole: pl.DataFrame, end: date, nth: int) -> pl.DataFrame:
    rng = plan.rng("civil_affairs.assistance", end)
    n = whole.height
    old, fresh = n * 95 // 100, n * 95 // 100 + (nth - 1) * n // 100
    ended = rows_at(whole, np.sort(rng.choice(old, max(1, n // 100), replace=False)))
    raised = rows_at(whole, np.sort(rng.choice(old, max(1, n // 50), replace=False))).filter(
        ~pl.col("benefit_id").is_in(ended["benefit_id"].implode())
    )
    return pl.concat(
        [
            ended.with_columns(pl.lit(month_start(end)).alias("end_month")),
            raised.with_columns((pl.col("amount_yuan") * 1.05).round(2)),
            whole.slice(fresh, n // 100),
        ]
    )


# ── community workers ───────────────────────────────────────────────────────────────────────────


def _workers(plan: Plan, city: City) -> Iterator[Parcel]:
    rng = plan.rng("civil_affairs.community_workers")
    base = np.maximum(1, rng.poisson(city.communities["population"].to_numpy() / 10_000 * 19))
    certified = rng.binomial(base, 0.4)
    for end, sent in plan.month_ends(grace_days=6):
        moved = plan.rng("civil_affairs.community_workers", end).random(base.size) < 0.05
        yield Parcel(
            feed="civil_affairs.community_workers",
            name=f"社区工作者{end:%Y%m}.csv",
            received_at=plan.night_after(sent, 14),
            frame=pl.DataFrame(
                {
                    "division_code": city.communities["code"],
                    "month": pl.Series([month_start(end)] * base.size, dtype=pl.Date).dt.strftime("%Y-%m"),
                    "workers": base + moved,
                    "certified_social_workers": certified,
                }
            ),
            faults=WORKER_FAULTS,
        )
