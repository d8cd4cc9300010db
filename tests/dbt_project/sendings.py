"""What departments of a small service city send: days of contacts and reviews, days of volumes, registers, vintages of its divisions."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import polars as pl
from nights import City

from demo import city as shifan
from demo.plan import Plan

HALLS = ("H1", "H2", "H3")
HEALTH, SPORTS = "health.service_volumes", "sports.openings"


def day_of_reviews(city: City, day: datetime, number: str, *, people: int = 12) -> None:
    """What three halls did in a day and what residents say of it."""
    contacts, reviews = [], []
    for hall in HALLS:
        more = city.day(hall, day, people)
        contacts += more[0]
        reviews += more[1]
    # Reviews of the second day after come two files later: part of them always waits for its contact, or is late.
    city.deliver("evaluation.contacts", f"c{number}", contacts, day + timedelta(days=1))
    city.deliver("evaluation.reviews", f"r{number}", reviews, day + timedelta(days=2))


def day_of_volumes(city: City, day: date, number: str, received: datetime, *, people: int) -> None:
    """A day of two feeds: facilities that are registered and one that is not yet."""
    codes = [f"F{n}" for n in range(8)] + ["late"]
    visits = [visit(c, day, people + n, item) for item in ("BPS02", "BPS03") for n, c in enumerate(codes)]
    hours = [{"venue_id": c, "opened_on": day, "visits": people, "open_hours": people / 8} for c in codes]
    city.deliver(HEALTH, f"h{number}", visits, received)
    city.deliver(SPORTS, f"s{number}", hours, received)


def visit(facility: str, day: date, visits: int, item: str = "BPS02") -> dict[str, Any]:
    return {"institution_code": facility, "served_on": day, "service_item_code": item, "visits": visits}


def homes(month: date, residents: int) -> list[dict[str, Any]]:
    """What homes for the elderly report each month, volume and register in one."""
    sent = {"month": month, "name": "示范敬老院", "institution_type": "1", "status": "1"}
    return [sent | {"institution_code": f"E{n}", "residents": residents + n} for n in range(3)]


def venues(codes: list[str]) -> list[dict[str, Any]]:
    """A register of sports venues, each in a village of its own."""
    villages = divisions(shifan.EARLIER).filter(level="village")["code"].to_list()
    return [
        {"venue_id": c, "name": f"示范馆{n}", "venue_type_code": "1", "division_code": villages[n], "status": "1"}
        for n, c in enumerate(codes)
    ]


def divisions(vintage: int) -> pl.DataFrame:
    """A vintage of a small city's divisions."""
    return _places()[0].filter(vintage=vintage)


def residents() -> pl.DataFrame:
    return _places()[1]


@cache
def _places() -> tuple[pl.DataFrame, pl.DataFrame]:
    plan = Plan(seed=9, communities=40)
    made = shifan.build(plan)
    population = [p.frame for p in shifan.parcels(plan, made) if p.feed == "reference.population"]
    return made.divisions, pl.concat(population)
