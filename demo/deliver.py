"""The whole demo: every department's parcels, written as files, and the truth about them.

Belongs here: the order of things and the truth files. What a feed contains is in the department's module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from demo import city as geography
from demo import civil_affairs, contacts, culture, health, mishaps, rectifications, reviews, sports, survey
from demo.files import Delivery, Parcel, as_text, write
from demo.plan import Plan
from demo.spoil import misshapen, plant


@dataclass(frozen=True)
class World:
    """Everything that is true in the demo's city, before anybody reports it."""

    city: geography.City
    contacts: pl.DataFrame
    reviews: pl.DataFrame
    cases: pl.DataFrame


def make(
    out: Path,
    *,
    seed: int = 7,
    communities: int = 400,
    until: date = date(2026, 3, 1),
    days: int = 61,
    truth: Path | None = None,
) -> list[Delivery]:
    """Writes every file below `out`/<feed>/<sender>/, each with the time it was received.

    Args:
        truth: where to write what is true, for proofs; nothing is written when None.

    Returns:
        One entry per file, in the order of receipt.
    """
    plan = Plan(seed, communities, until, days)
    world = build(plan)
    deliveries = [
        _deliver(plan, out, parcel, mishap)
        for parcel, mishap in mishaps.befall(parcels(plan, world))
        if plan.within(parcel.received_at)
    ]
    deliveries.sort(key=lambda d: (d.received_at, d.feed, d.sender, d.path.name))
    if truth is not None:
        write_truth(truth, plan, world, deliveries)
    return deliveries


def build(plan: Plan) -> World:
    """The city, its contacts, and what became of every review."""
    city = geography.build(plan)
    all_contacts = contacts.contacts(plan, city)
    first = reviews.first_reviews(plan, city, all_contacts)
    cases = rectifications.cases(plan, first)
    second = rectifications.follow_ups(plan, cases, first)
    return World(city, all_contacts, reviews.with_corrections(plan, pl.concat([first, second])), cases)


def parcels(plan: Plan, world: World) -> Iterator[Parcel]:
    """Everything that is sent, before mishaps."""
    for department in (geography, health, sports, culture, civil_affairs, survey):
        yield from department.parcels(plan, world.city)
    yield from contacts.parcels(plan, world.contacts)
    yield from reviews.parcels(plan, world.reviews)
    yield from rectifications.parcels(plan, world.cases)


def _deliver(plan: Plan, out: Path, parcel: Parcel, mishap: mishaps.Mishap | None) -> Delivery:
    # A copy draws the same chance as its original: the same bytes under another name.
    rng = plan.rng("faults", parcel.feed, parcel.sender, parcel.copy_of or parcel.name)
    text, planted = plant(rng, parcel.frame, as_text(parcel.frame), parcel.faults)
    path = write(out, parcel, text.drop(parcel.hidden), misshapen(planted))
    whole = parcel.body is None and not parcel.cut
    return Delivery(
        path=path,
        feed=parcel.feed,
        sender=parcel.sender,
        received_at=parcel.received_at,
        rows=parcel.frame.height if whole else 0,
        first_row=parcel.form.first_row,
        mishap=mishap.kind if mishap else None,
        planted=planted if whole else (),
    )


def write_truth(folder: Path, plan: Plan, world: World, deliveries: list[Delivery]) -> None:
    """What the feeds hide: planted faults, mishaps, true rates, brushed reviews, shared buildings, changed codes."""
    folder.mkdir(parents=True, exist_ok=True)
    faults = [
        (d.feed, d.sender, d.path.name, d.first_row + p.row, p.field, p.reason, p.is_quarantined)
        for d in deliveries
        for p in d.planted
    ]
    files = [(d.feed, d.sender, d.path.name, d.received_at, d.rows, d.mishap) for d in deliveries]
    tables = {
        "faults": pl.DataFrame(
            faults, schema=["feed", "sender", "file_name", "row", "field", "reason", "is_quarantined"], orient="row"
        ),
        "files": pl.DataFrame(
            files, schema=["feed", "sender", "file_name", "received_at", "rows", "mishap"], orient="row",
            infer_schema_length=None,
        ),
        "true_rates": contacts.true_rates(world.contacts),
        "brushed_reviews": world.reviews.filter(pl.col("is_brushed")).select(*reviews.KEY, "reviewed_at"),
        "shared_buildings": shared_buildings(plan, world.city),
        "division_changes": world.city.changes,
    }  # fmt: skip
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")


def shared_buildings(plan: Plan, city: geography.City) -> pl.DataFrame:
    """complex, feed, facility_code: which facilities of different departments are one building."""
    registers = {
        "sports.venues": (sports.register(plan, city), "venue_id"),
        "culture.venues": (culture.register(plan, city), "venue_id"),
        "civil_affairs.community_facilities": (civil_affairs.facilities(plan, city), "facility_code"),
    }
    return pl.concat(
        register.filter(pl.col("complex").is_not_null()).select(
            "complex", pl.lit(feed).alias("feed"), pl.col(code).alias("facility_code")
        )
        for feed, (register, code) in registers.items()
    ).sort("complex", "feed")
