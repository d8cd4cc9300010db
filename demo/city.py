"""Shifan City: its divisions in two vintages and its residents.

Belongs here: the feeds reference.divisions and reference.population, and the frames other modules place things on.
The city lies in the middle of Bohai Bay, where nobody lives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from demo.files import Form, Parcel
from demo.plan import Plan
from demo.spoil import Fault, full_width, negative

PROVINCE, CITY = "990000000000", "990100000000"
CITY_NAME = "示范市"
# code, name, share of the communities, share of them that are residents' committees, degrees east and north
COUNTIES = (
    ("990102", "东城示范区", 0.16, 0.95, 119.90, 38.95),
    ("990103", "西城示范区", 0.15, 0.95, 119.78, 38.95),
    ("990104", "南湖示范区", 0.13, 0.80, 119.84, 38.85),
    ("990121", "北山示范县", 0.26, 0.15, 119.80, 39.15),
    ("990122", "江口示范县", 0.22, 0.15, 120.10, 38.80),
    ("990171", "示范开发区", 0.08, 0.60, 120.05, 39.00),
)
TOWN_NAMES = (
    "和平", "光明", "清河", "春晖", "松山", "柳溪", "石桥", "龙泉", "东湖", "新华", "永安", "长乐", "青云", "白沙", "红旗", "金山",
)  # fmt: skip
COMMUNITY_NAMES = (
    "桂花", "杨柳", "梧桐", "紫荆", "银杏", "海棠", "翠竹", "芙蓉", "丁香", "枫林", "兰亭", "荷塘", "桃源", "梅岭", "松涛", "云杉",
)  # fmt: skip
COMMITTEE_CLASSES = ("111", "112", "121", "122", "220")  # a residents' committee is not always urban …
VILLAGE_CLASSES = ("220", "210", "122", "112")  # … and a village committee not always rural
NEWEST, EARLIER = 2025, 2024
MOST_TOWNS = 90  # a county: codes 001–099 are streets, 100–199 towns


@dataclass(frozen=True)
class City:
    """The city as it is now, and how it came to be.

    Attributes:
        divisions: vintage, code, name, parent_code, level, urban_rural_code, longitude, latitude.
        communities: code, name, full_name, town_code, county_code, area_type, households, population and the age
            counts of the newest vintage, virtual communities left out; sorted by code.
        towns: code, name, full_name, county_code, longitude, latitude.
        changes: what happened between the vintages: change, old_code, new_code.
    """

    divisions: pl.DataFrame
    communities: pl.DataFrame
    towns: pl.DataFrame
    changes: pl.DataFrame

    @property
    def counties(self) -> list[str]:
        """6-digit county codes."""
        return sorted(set(self.towns["county_code"].str.slice(0, 6)))


def build(plan: Plan) -> City:
    """The whole city from its seed."""
    rng = plan.rng("city")
    towns = _towns(plan, rng)
    communities = _communities(plan, rng, towns)
    current = _divisions(towns, communities, NEWEST)
    earlier, changes = _a_year_before(plan, current)
    residents = communities.filter(~pl.col("is_virtual")).drop("is_virtual")
    return City(pl.concat([earlier, current]), _populated(plan, residents), towns, changes)


def rows_at(frame: pl.DataFrame, positions: np.ndarray) -> pl.DataFrame:
    """The rows at `positions`, in that order, as often as they are named."""
    return frame.select(pl.all().gather(positions))


def parcels(plan: Plan, city: City) -> Iterator[Parcel]:
    """Both vintages of the divisions and of the population, each sent when it was ready."""
    order = ["vintage", "code", "name", "parent_code", "level", "urban_rural_code", "longitude", "latitude"]
    for vintage, day in ((EARLIER, plan.calendar[0]), (NEWEST, plan.calendar[min(1, plan.days - 1)])):
        yield Parcel(
            feed="reference.divisions",
            name=f"统计用区划代码{vintage}年.csv.gz",
            received_at=plan.night_after(day, 1),
            frame=city.divisions.filter(pl.col("vintage") == vintage).select(order),
            form=Form("csv", encoding="utf-8-sig", gzip=True),
            faults=DIVISION_FAULTS if vintage == EARLIER else (),
        )
        yield Parcel(
            feed="reference.population",
            name=f"示范市常住人口{vintage}年.xlsx",
            received_at=plan.night_after(day, 2),
            frame=_population(plan, city, vintage),
            form=Form("xlsx", title=f"示范市{vintage}年末户数与常住人口"),
            faults=POPULATION_FAULTS,
        )


DIVISION_FAULTS = (
    Fault("urban_rural_code", "pattern", "311"),
    Fault("level", "not_in_code_list", "居委会"),
    Fault("code", "repaired", full_width),
)
POPULATION_FAULTS = (
    Fault("population", "below_minimum", negative),
    Fault("population", "not_a_number", "待核"),
    Fault("aged_65_plus", "cross_field", "9999999"),
    Fault("households", "repaired", lambda text: f"{int(text):,}户"),
)


def _towns(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    rows = []
    for county, county_name, share, urban_share, east, north in COUNTIES:
        n = min(MOST_TOWNS, max(1, round(plan.communities * share / 10)))
        streets = round(n * urban_share)
        for i in range(n):
            number, unit = (i + 1, "街道") if i < streets else (100 + i - streets, "镇")
            name = f"{_named(TOWN_NAMES, i)}示范{unit}"
            east_of, north_of = rng.uniform(-0.05, 0.05, 2)
            rows.append(
                {
                    "code": f"{county}{number:03d}000",
                    "name": name,
                    "full_name": f"{CITY_NAME}{county_name}{name}",
                    "county_code": f"{county}000000",
                    "urban_share": urban_share if unit == "镇" else 1.0,
                    "longitude": round(east + east_of, 6),
                    "latitude": round(north + north_of, 6),
                }
            )
    return pl.DataFrame(rows)


def _communities(plan: Plan, rng: np.random.Generator, towns: pl.DataFrame) -> pl.DataFrame:
    """Exactly `plan.communities` communities, and one virtual one in the first town of each county."""
    share = {f"{c[0]}000000": c[2] for c in COUNTIES}
    weights = np.array([share[c] for c in towns["county_code"]])
    quota = np.cumsum(weights / weights.sum() * plan.communities)
    counts = np.diff(np.round(quota).astype(int), prepend=0)
    rows = []
    for town, n in zip(towns.iter_rows(named=True), counts, strict=True):
        committees = rng.random(n) < town["urban_share"] * 0.9
        for i, is_committee in enumerate(committees):
            kind, first = ("社区", 1) if is_committee else ("村", 200)
            number = first + int((committees[:i] == is_committee).sum())
            classes, odds = (
                (COMMITTEE_CLASSES, (0.62, 0.14, 0.14, 0.06, 0.04))
                if is_committee
                else (VILLAGE_CLASSES, (0.74, 0.10, 0.10, 0.06))
            )
            rows.append(
                _community(
                    rng, town, number, f"示范{_named(COMMUNITY_NAMES, i)}{kind}", str(rng.choice(classes, p=odds))
                )
            )
    for town in towns.unique("county_code", keep="first", maintain_order=True).iter_rows(named=True):
        number, name = (498, "示范虚拟社区") if town["name"].endswith("街道") else (598, "示范虚拟生活区")
        rows.append({**_community(rng, town, number, name, "111" if number == 498 else "220"), "is_virtual": True})
    return pl.DataFrame(rows).sort("code")


def _named(words: Sequence[str], i: int) -> str:
    """The i-th name: the words in turn, then the words with a number."""
    again = i // len(words)
    return words[i % len(words)] + (str(again + 1) if again else "")


def _community(
    rng: np.random.Generator, town: dict[str, object], number: int, name: str, urban_rural_code: str
) -> dict[str, object]:
    east, north = rng.uniform(-0.03, 0.03, 2)
    return {
        "code": f"{str(town['code'])[:9]}{number:03d}",
        "name": name,
        "full_name": f"{town['full_name']}{name}",
        "town_code": town["code"],
        "county_code": town["county_code"],
        "urban_rural_code": urban_rural_code,
        "area_type": "urban" if urban_rural_code.startswith("1") else "rural",
        "longitude": round(float(town["longitude"]) + east, 6),  # type: ignore[arg-type]
        "latitude": round(float(town["latitude"]) + north, 6),  # type: ignore[arg-type]
        "is_virtual": False,
    }


def _divisions(towns: pl.DataFrame, communities: pl.DataFrame, vintage: int) -> pl.DataFrame:
    """The tree of one vintage: province, city, counties, towns, villages."""
    columns = ["code", "name", "parent_code", "level", "urban_rural_code", "longitude", "latitude"]
    upper = [
        (PROVINCE, "示范省", None, "province", None, None, None),
        (CITY, CITY_NAME, PROVINCE, "city", None, 119.90, 38.95),
        *((f"{c[0]}000000", c[1], CITY, "county", None, c[4], c[5]) for c in COUNTIES),
    ]
    schema = {c: pl.Float64 if c in ("longitude", "latitude") else pl.String for c in columns}
    parts = [
        pl.DataFrame(upper, schema=schema, orient="row"),
        towns.with_columns(parent_code="county_code", level=pl.lit("town"), urban_rural_code=pl.lit(None, pl.String)),
        communities.with_columns(parent_code="town_code", level=pl.lit("village")),
    ]
    return pl.concat([p.select(columns) for p in parts]).select(pl.lit(vintage).alias("vintage"), *columns)


def _a_year_before(plan: Plan, current: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The vintage before: some names were different, some units were two, one code was another village's."""
    rng = plan.rng("city", EARLIER)
    villages = current.filter((pl.col("level") == "village") & ~pl.col("code").str.contains("[45]98$"))
    n = max(1, plan.communities // 130)
    picked = rows_at(villages, rng.permutation(villages.height)[: 3 * n + 1])
    renamed, merged, moved, reused = picked[:n], picked[n : 2 * n], picked[2 * n : 3 * n], picked[3 * n :]
    old_names = {code: name.replace("示范", "示范老") for code, name in renamed.select("code", "name").iter_rows()}
    old_names |= dict.fromkeys(reused["code"], "示范槐树村")
    # A merged unit was two: one kept the code, the other's number is free now; a moved one had a number of its own.
    gone = {code: _another_number(code, 80 + i) for i, code in enumerate(merged["code"])}
    former = {code: _another_number(code, 90 + i) for i, code in enumerate(moved["code"])}
    vanished = merged.with_columns(
        code=pl.col("code").replace_strict(gone, return_dtype=pl.String),
        name=pl.col("name").str.replace("示范", "示范小"),
    )
    earlier = pl.concat([current, vanished]).with_columns(
        vintage=pl.lit(EARLIER),
        name=pl.col("code").replace_strict(old_names, default=pl.col("name")),
        code=pl.col("code").replace(former),
    )
    changes = [
        *(("renamed", code, code) for code in renamed["code"]),
        *(("merged", old, new) for new, old in gone.items()),
        *(("recoded", old, new) for new, old in former.items()),
        *(("code_reused", code, code) for code in reused["code"]),
    ]
    schema = {"change": pl.String, "old_code": pl.String, "new_code": pl.String}
    return earlier.sort("code"), pl.DataFrame(changes, schema=schema, orient="row")


def _another_number(code: str, n: int) -> str:
    """A code of the same town and kind of unit that nobody holds now: 0xx are residents' committees, 2xx villages."""
    return f"{code[:9]}{int(code[9]) // 2 * 2 + 1}{n % 100:02d}"


def _populated(plan: Plan, communities: pl.DataFrame) -> pl.DataFrame:
    rng = plan.rng("population")
    urban = (communities["area_type"] == "urban").to_numpy()
    households = np.round(np.where(urban, 1300, 480) * rng.lognormal(0, 0.35, urban.size)).astype(int)
    people = np.round(households * np.where(urban, 2.55, 2.95) * rng.normal(1, 0.04, urban.size)).astype(int)
    older = people * np.clip(np.where(urban, 0.19, 0.27) + rng.normal(0, 0.03, urban.size), 0.05, 0.5)
    return communities.with_columns(
        households=pl.Series(households),
        population=pl.Series(people),
        aged_0_2=pl.Series((people * rng.uniform(0.012, 0.03, urban.size)).astype(int)),
        aged_60_plus=pl.Series(older.astype(int)),
        aged_65_plus=pl.Series((older * rng.uniform(0.6, 0.75, urban.size)).astype(int)),
        urban_residents=pl.Series((people * np.where(urban, 1.0, 0.04)).astype(int)),
    )


MEASURES = ("households", "population", "aged_0_2", "aged_60_plus", "aged_65_plus", "urban_residents")


def _population(plan: Plan, city: City, vintage: int) -> pl.DataFrame:
    """Every level's counts; the upper ones are sums of the lower, as far as their own year's tree goes."""
    growth = plan.rng("population", vintage).normal(0.99, 0.01, city.communities.height) if vintage == EARLIER else 1.0
    units = city.communities.with_columns(
        (pl.col(m) * pl.Series(np.broadcast_to(growth, city.communities.height))).floor().cast(pl.Int64)
        for m in MEASURES
    )
    if vintage == EARLIER:
        recoded = city.changes.filter(pl.col("change") == "recoded")
        units = units.with_columns(pl.col("code").replace(recoded["new_code"], recoded["old_code"]))
        halves = units.join(city.changes.filter(pl.col("change") == "merged"), left_on="code", right_on="new_code")
        # The two halves of a later merger shared the households of the whole.
        second = halves.with_columns(code="old_code", **{m: pl.col(m) // 2 for m in MEASURES}).select(units.columns)
        first = pl.col("code").is_in(halves["code"].implode())
        units = pl.concat(
            [
                units.with_columns(
                    pl.when(first).then(pl.col(m) - pl.col(m) // 2).otherwise(m).alias(m) for m in MEASURES
                ),
                second,
            ]
        )
    levels = [
        units.group_by(pl.col(key).alias("division_code"), maintain_order=True).agg(pl.col(m).sum() for m in MEASURES)
        for key in ("code", "town_code", "county_code")
    ]
    whole = units.select(pl.lit(CITY).alias("division_code"), *(pl.col(m).sum() for m in MEASURES))
    return (
        pl.concat([*levels, whole])
        .sort("division_code")
        .select("division_code", pl.lit(vintage).alias("year"), *MEASURES)
    )
