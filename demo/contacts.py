"""Service contacts of Shifan City: the feed evaluation.contacts and what is truly good or bad about each unit.

Belongs here: who served whom, where and when, and the true chance that a resident finds it good. What residents
then say is in reviews.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from contracts.loading import seed
from demo.city import City, rows_at
from demo.civil_affairs import halls
from demo.files import Parcel
from demo.plan import Plan
from demo.spoil import Fault, chinese_date, full_width

CONTACTS = 250.0  # a community
SECOND_VISITS = 0.08  # share of contacts that are a case's second


@dataclass(frozen=True)
class Office:
    """A department as residents meet it: its share of contacts, how good it truly is, how many say so."""

    share: float
    good: float
    participation: float


# One department is truly bad (housing), one is rarely reviewed (sports), one is hardly met at all (justice).
OFFICES: Mapping[str, Office] = {
    "human_resources": Office(0.2550, 0.988, 0.42),
    "medical_insurance": Office(0.2000, 0.985, 0.40),
    "civil_affairs": Office(0.1800, 0.990, 0.41),
    "health": Office(0.1400, 0.982, 0.38),
    "housing": Office(0.0900, 0.865, 0.36),
    "education": Office(0.0750, 0.984, 0.37),
    "disabled_federation": Office(0.0185, 0.975, 0.40),
    "culture": Office(0.0100, 0.985, 0.35),
    "veterans": Office(0.0097, 0.980, 0.45),
    "sports": Office(0.0214, 0.965, 0.029),
    "justice": Office(0.0004, 0.960, 0.50),
}
BAD_HALL, BAD_HALL_FACTOR = 5, 0.80  # the fifth hall multiplies every department's chance
BRUSHED_HALL, BRUSHED_WINDOW = 2, "3"
SMALL_HALL = 3  # about forty contacts, whatever the size of the city
WINDOWS = 8
CHANNELS = {"1": 0.55, "2": 0.12, "3": 0.28, "4": 0.01, "9": 0.04}
HOURS = {9: 0.2, 10: 0.22, 11: 0.14, 13: 0.06, 14: 0.16, 15: 0.13, 16: 0.09}
FIELDS = (
    "case_no", "contact_no", "service_item_code", "department_code", "division_code", "facility_code", "window_no",
    "channel", "opened_at", "closed_at", "promised_days", "named",
)  # fmt: skip
FAULTS = (
    Fault("channel", "not_in_code_list", "8"),
    Fault("opened_at", "repaired", chinese_date),
    Fault("closed_at", "cross_field", "2020-01-01 08:00:00"),
    Fault("closed_at", "cross_field", "2099-01-01 08:00:00"),
    Fault("case_no", "repaired", full_width),
    Fault("department_code", "required_missing", None),
    Fault("promised_days", "unknown_unit", "3周"),
    Fault("division_code", "unknown_reference", "990199999999"),
    Fault("service_item_code", "unmapped", "ZWFW-2001"),
    Fault("case_no", "key_repeated", among=pl.col("contact_no") == pl.col("contact_no").shift(1)),
    Fault("", "too_many_cells"),
    Fault("", "too_few_cells"),
)


def contacts(plan: Plan, city: City) -> pl.DataFrame:
    """Every contact of the days reported, in order of closing.

    Returns:
        FIELDS and good (the true chance of levels 3–5), participation (the chance of a review).
    """
    rng = plan.rng("evaluation.contacts")
    n = round(plan.scaled(CONTACTS) / (1 + SECOND_VISITS))
    hall = _drawn_halls(rng, plan, city, n)
    names = list(OFFICES)
    office = rng.choice(len(names), n, p=_odds([o.share for o in OFFICES.values()]))
    channel = rng.choice(list(CHANNELS), n, p=list(CHANNELS.values()))
    at_window = channel == "1"
    day = rng.choice(plan.days, n, p=_odds([0.2 if d.weekday() >= 5 else 1.0 for d in plan.calendar]))
    hour = rng.choice(list(HOURS), n, p=list(HOURS.values()))
    seconds = hour * 3_600 + rng.integers(0, 3_600, n) + day * 86_400
    closed = np.datetime64(plan.first, "us") + seconds.astype("timedelta64[s]")
    at_once = rng.random(n) < np.where(at_window, 0.65, 0.4)
    promised = np.where(at_once, 0, rng.choice([1, 3, 5, 7, 10, 15, 20], n))
    waited = np.where(at_once, rng.integers(300, 2_700, n), (promised * rng.uniform(0.2, 1.3, n) * 86_400).astype(int))
    drawn = rows_at(halls(city), hall)
    good = np.array([o.good for o in OFFICES.values()])[office] * np.where(
        hall == min(BAD_HALL, hall.max()), BAD_HALL_FACTOR, 1.0
    )
    frame = pl.DataFrame(
        {
            "service_item_code": _items(rng, names, office),
            "department_code": np.array(names)[office],
            "division_code": _residences(rng, city, drawn["town_code"]),
            "facility_code": drawn["facility_code"].set(pl.Series(~at_window), None),
            "window_no": pl.Series(rng.integers(1, WINDOWS + 1, n).astype(str)).set(pl.Series(~at_window), None),
            "channel": channel,
            "opened_at": pl.Series(closed - waited.astype("timedelta64[s]")).cast(pl.Datetime("us")),
            "closed_at": pl.Series(closed).cast(pl.Datetime("us")),
            "promised_days": promised,
            "named": rng.random(n) < 0.85,
            "good": good,
            "participation": np.array([o.participation for o in OFFICES.values()])[office]
            * np.where(channel == "3", 1.15, 1.0),
        }
    ).with_columns(
        pl.format(
            "{}{}{}",
            pl.col("division_code").str.slice(0, 6),
            pl.col("opened_at").dt.strftime("%Y%m%d"),
            pl.int_range(1, n + 1).cast(pl.String).str.zfill(7),
        ).alias("case_no"),
        pl.lit(1).alias("contact_no"),
    )
    return pl.concat([frame, _second_visits(rng, plan, frame)]).sort("closed_at", "case_no", "contact_no")


def parcels(plan: Plan, all_contacts: pl.DataFrame) -> Iterator[Parcel]:
    """One file a day with the contacts closed on it; one file came three nights late."""
    rng = plan.rng("evaluation.contacts", "faults")
    by_day = split_by_day(all_contacts, "closed_at")
    for nth, day in enumerate(plan.calendar):
        rows = by_day.get(day, all_contacts.clear())
        delay = timedelta(days=3) if nth == 20 else timedelta()
        yield Parcel(
            feed="evaluation.contacts",
            name=f"办件台账{day:%Y%m%d}.csv",
            received_at=plan.night_after(day + delay, 15),
            frame=rows.select(FIELDS),
            faults=[FAULTS[i] for i in rng.permutation(len(FAULTS))[:4]],
        )


def split_by_day(frame: pl.DataFrame, time: str) -> dict[object, pl.DataFrame]:
    """day → its rows, in their order."""
    parts = frame.with_columns(pl.col(time).dt.date().alias("_day")).partition_by(
        "_day", as_dict=True, include_key=False
    )
    return {key[0]: part for key, part in parts.items()}


def true_rates(all_contacts: pl.DataFrame) -> pl.DataFrame:
    """kind, code, contacts, good_rate: how good each department, item and hall truly is."""
    return pl.concat(
        all_contacts.filter(pl.col(column).is_not_null())
        .group_by(pl.lit(kind).alias("kind"), pl.col(column).alias("code"))
        .agg(pl.len().alias("contacts"), pl.col("good").mean().alias("good_rate"))
        .sort("code")
        for kind, column in (
            ("department", "department_code"),
            ("service_item", "service_item_code"),
            ("facility", "facility_code"),
        )
    )


def _drawn_halls(rng: np.random.Generator, plan: Plan, city: City, n: int) -> np.ndarray:
    """Halls by the residents of their town; the brushed one is busy, another is hardly visited."""
    served = city.communities.group_by("town_code").agg(pl.col("population").sum())
    known = halls(city).join(served, on="town_code", how="left", maintain_order="left")
    weight = known["population"].fill_null(0).to_numpy().astype(float)
    weight[min(BRUSHED_HALL, len(weight) - 1)] = weight.mean() * 3
    if len(weight) > SMALL_HALL:
        weight[SMALL_HALL] = weight.sum() * 40 / n
    return rng.choice(len(weight), n, p=weight / weight.sum())


def _items(rng: np.random.Generator, names: list[str], office: np.ndarray) -> np.ndarray:
    """Items of each department's part of the catalogue; a few carry most contacts."""
    codes = np.empty(office.size, dtype=object)
    catalogue = _catalogue()
    for i, name in enumerate(names):
        mine = np.flatnonzero(office == i)
        offered = catalogue[name]
        codes[mine] = rng.choice(offered, mine.size, p=_odds([1 / (k + 1) for k in range(len(offered))]))
    return codes.astype(str)


def _catalogue() -> dict[str, list[str]]:
    """department code → codes of its service items, from the project's seed."""
    by_department: dict[str, list[str]] = {}
    for row in seed("service_items"):
        by_department.setdefault(row["lead_department_code"], []).append(row["code"])
    return by_department


def _residences(rng: np.random.Generator, city: City, towns: pl.Series) -> pl.Series:
    """A community of each contact's town; residents of a town without one live where its hall is."""
    communities = city.communities.sort("town_code", "code")
    spans = (
        communities.with_row_index()
        .group_by("town_code")
        .agg(pl.col("index").min().alias("start"), pl.len().alias("n"))
    )
    own = pl.DataFrame({"town_code": towns}).join(spans, on="town_code", how="left", maintain_order="left")
    pick = (own["start"].fill_null(0) + (own["n"].fill_null(1) * pl.Series(rng.random(own.height))).floor()).cast(
        pl.Int64
    )
    codes = communities["code"].gather(pick)
    return pl.select(pl.when(own["n"].is_null()).then(towns).otherwise(codes)).to_series()


def _second_visits(rng: np.random.Generator, plan: Plan, first: pl.DataFrame) -> pl.DataFrame:
    chosen = first.filter(pl.Series(rng.random(first.height) < SECOND_VISITS))
    later = pl.Series(rng.integers(1, 8, chosen.height) * 86_400_000_000).cast(pl.Duration("us"))
    opened = chosen["closed_at"]
    return chosen.with_columns(
        opened.alias("opened_at"), (opened + later).alias("closed_at"), pl.lit(2).alias("contact_no")
    ).filter(pl.col("closed_at").dt.date() < plan.until)


def _odds(weights: list[float]) -> np.ndarray:
    total = sum(weights)
    return np.array([weight / total for weight in weights])
