"""What each page of the bulletin says: rows of the public edition, chosen and put beside each other.

Belongs here: which period, which units, which comparison. Does not belong here: any estimate (the tables have them), words and
markup (templates), drawing (charts.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from contracts.loading import sender_names
from orchestration.release.bulletin.edition import Edition, Names, Row, both, slug, spelled
from orchestration.release.periods import days_of
from orchestration.release.telling_apart import told_apart

VERDICTS = ("bad", "watch", "undetermined", "good")
# The kinds of unit that the board shows, and which of them have a page.
BOARD = ("department", "facility", "county", "town", "service_item", "channel")
WITH_PAGE = ("department", "facility")
# Contacts at no facility at all are no hall.
NO_UNIT = ("none",)
# The reasons for which a review does not count, in the order of review_scorecard.
NOT_COUNTED = (
    "default_reviews", "suspect_reviews", "invalid_before_close", "invalid_contact_open", "invalid_after_window", "invalid_duplicate",
    "invalid_withdrawn", "invalid_decided", "invalid_no_contact", "invalid_other", "refused_reviews", "unmatched_reviews",
)  # fmt: skip
# What a count of people is told by in the public edition.
TEN = 10
PARTS = ("reviews", "participation", "coverage", "loop", "survey", "timeliness", "quality")
# Tables about equality, each of which is a download where a release has it.
EQUALITY = ("equalisation", "facility_access", "shortfall")
MAX_SHOWN_ROWS = 25


@dataclass
class Unit:
    """A department, hall, place, item or channel with its rows of all periods."""

    kind: str
    code: str
    name: Names
    place: str
    now: Row
    months: list[Row] = field(default_factory=list)
    year: Row = field(default_factory=Row)

    @property
    def page(self) -> str | None:
        return f"{self.kind}-{slug(self.code)}.html" if self.kind in WITH_PAGE and self.code != "unknown" else None

    @property
    def state(self) -> str:
        """The verdict; where there is none, whether the good rate can be shown at all."""
        if self.now["verdict"]:
            return str(self.now["verdict"])
        return "withheld" if self.now["good_rate"] is None and self.now.is_withheld else "undetermined"


@dataclass
class Reviews:
    """The evaluation as of one month."""

    month: date | None
    is_complete: bool
    everything: Row
    months: list[Row]
    year: Row
    units: Mapping[str, Sequence[Unit]]

    def counted(self, kind: str) -> dict[str, int]:
        states = [u.state for u in self.units.get(kind, ()) if u.code != "unknown"]
        return {state: states.count(state) for state in (*VERDICTS, "withheld")}

    def changed(self, better: bool) -> list[Unit]:
        """Units whose good rate surely rose or fell against the month before, the largest change first."""
        real = [
            u for kind in ("department", "county", "facility") for u in self.units.get(kind, ()) if u.now["is_real_change"]
        ]  # fmt: skip
        found = [u for u in real if (u.now["good_rate_change"] > 0) == better]
        return sorted(found, key=lambda u: -abs(u.now["good_rate_change"]))

    @cached_property
    def lowest(self) -> float:
        """Where the scale of good rates begins: a multiple of 5 % below all but the widest intervals of departments and halls."""
        lows = sorted(u.now["good_rate_lo"] for k in WITH_PAGE for u in self.units.get(k, ()) if u.now["good_rate_lo"])
        return min(0.85, int(lows[len(lows) // 20] * 20) / 20) if lows else 0.8


def reviews(edition: Edition) -> Reviews:
    """The newest complete month, or the newest where none is complete yet."""
    of_all = edition.rows("review_scorecard", "where dimension = 'all' and period_kind = 'month' order by period_start")
    complete = [r for r in of_all if r["is_complete"] is not False]
    everything = (complete or of_all or [Row()])[-1]
    month = everything["period_start"]
    months = [r for r in of_all if month and r["period_start"] <= month]
    return Reviews(
        month=month,
        is_complete=bool(complete),
        everything=everything,
        months=months,
        year=edition.one("review_scorecard", "where dimension = 'all' and period_kind = 'trailing_12_months' and period_end = ?", everything["period_end"]),
        units={kind: _units(edition, kind, month) for kind in BOARD},
    )  # fmt: skip


def _units(edition: Edition, kind: str, month: date | None) -> list[Unit]:
    """Units with a row in the month, most reviewed first; `unknown` and rests of a division come last."""
    if month is None:
        return []
    rows = edition.rows(
        "review_scorecard",
        "where dimension = ? and period_kind in ('month', 'trailing_12_months') and period_end <= last_day(?::date) order by period_start",
        kind, month,
    )  # fmt: skip
    months: dict[str, list[Row]] = defaultdict(list)
    years: dict[str, Row] = {}
    for row in rows:
        if row["period_kind"] == "month":
            months[row["code"]].append(row)
        else:
            years[row["code"]] = row
    named = _names(edition, kind)
    found = []
    for code, of_unit in months.items():
        if of_unit[-1]["period_start"] != month or code in NO_UNIT:
            continue
        name, place = _called(edition, kind, code, of_unit[-1], named)
        found.append(Unit(kind, code, name, place, of_unit[-1], of_unit, years.get(code, Row())))
    places = {u.code: u.place for u in found}
    zh = told_apart({u.code: u.name.zh for u in found}, places)
    en = told_apart({u.code: u.name.en for u in found}, places, form="{} ({})")
    for u in found:
        u.name = Names(zh[u.code], en[u.code])
    return sorted(found, key=lambda u: (u.code == "unknown" or ":" in u.code[:5], -(u.now["contacts"] or 0), u.code))


def _names(edition: Edition, kind: str) -> Mapping[str, Row]:
    """The register that names units of this kind, by code."""
    if kind == "department":
        return {r["department_code"]: r for r in edition.rows("dim_department")}
    if kind in ("county", "town"):
        return {r["division_code"]: r for r in edition.rows("dim_division", "where level = ?", kind)}
    if kind != "facility":
        return {}
    counties = _divisions(edition, "city", "county")
    towns = {
        r["division_code"]: r["county_code"] for r in edition.rows("dim_division", "where county_code is not null")
    }
    return {
        r["facility_id"]: Row(r, place=counties.get(towns.get(r["division_code"], r["division_code"]), ""))
        for r in edition.rows(
            "dim_facility",
            "where facility_id in (select code from review_scorecard where dimension = 'facility')",
        )
    }  # fmt: skip


def _called(edition: Edition, kind: str, code: str, row: Row, named: Mapping[str, Row]) -> tuple[Names, str]:
    known = named.get(code, Row())
    if code == "unknown":
        return Names("未能识别", "Could not be told"), ""
    if kind == "department" and known["name_zh"]:
        return Names(known["name_zh"], known["name_en"] or known["name_zh"]), ""
    if kind == "channel":
        return edition.coded("handling_channels", code), ""
    if code.startswith("rest:"):
        return Names("未落到下一级的办件", "Contacts in none of its parts"), _place(edition, code.removeprefix("rest:"))
    if kind in ("county", "town") and known["name"]:
        return _with_end(known), _place(edition, known["parent_code"]) if kind == "town" else ""
    name = row["name_zh"] or known["name"]
    if kind == "facility" and not name:
        return Names("未登记的服务点", "A hall that no register lists"), code.removeprefix("hall:").replace(":", " ")
    return (Names(name, name) if name else spelled(code)), str(known["place"] or "")


def _with_end(division: Row) -> Names:
    """A division by its name; one that is no more, as an approved month still has it, with its last year."""
    name, last = division["name"], division["valid_to_year"]
    if division["is_in_force"] is not False or last is None:
        return Names(name, name)
    return Names(f"{name}（已撤并，存续至 {last} 年）", f"{name} (merged or abolished, until {last})")


def approved(edition: Edition, month: date | None) -> str | None:
    """The closed period that a month lies in, with its revision, as the newest release says it; None while its figures may still change."""
    if month is None:
        return None
    closed = edition.one("release_log", "order by released_at desc, release_id desc")["closed_periods"]
    covers = ((said, days_of(said.split(" ")[0])) for said in (closed or "").split(", ") if said)
    return next((said for said, (first, last) in covers if first <= month <= last), None)


def _divisions(edition: Edition, *levels: str) -> dict[str, str]:
    """The names of all divisions of some levels, by code."""
    marks = ", ".join("?" for _ in levels)
    rows = edition.rows("dim_division", f"where level in ({marks}) and name is not null", *levels)
    return told_apart({r["division_code"]: r["name"] for r in rows})


def _place(edition: Edition, code: str | None) -> str:
    return str(edition.one("dim_division", "where division_code = ?", code)["name"] or "") if code else ""


# ── one unit ────────────────────────────────────────────────────────────────────────────────────


@dataclass
class UnitPage:
    """What the page of a department or hall shows beside its row."""

    unit: Unit
    parts: list[dict[str, Any]]
    scored: Row
    places: list[Row]
    halls: list[Unit]


def unit_page(edition: Edition, shown: Reviews, unit: Unit) -> UnitPage:
    of_department = unit.kind == "department"
    levels = "case level when 'city' then 0 when 'county' then 1 else 2 end"
    places = edition.rows(
        "department_scorecard", f"where month = ? and department_code = ? order by {levels}, division_code", shown.month, unit.code,
    ) if of_department else []  # fmt: skip
    scored = next((p for p in places if p["level"] == "city"), Row())
    city = scored["division_name"] or ""
    short = told_apart(
        {p["division_code"]: (p["division_name"] or p["division_code"] or "").removeprefix(city) for p in places}
    )
    places = [Row(p, short_name=short[p["division_code"]]) for p in places]
    return UnitPage(
        unit=unit,
        scored=scored,
        parts=[_part(edition, scored, p) for p in PARTS if scored[f"weight_{p}"] is not None],
        places=[p for p in places if p["level"] == "county"],
        halls=_halls(edition, shown, unit.code) if of_department else [],
    )


def _part(edition: Edition, scored: Row, part: str) -> dict[str, Any]:
    measured, assumed = scored[f"{part}_part"], scored[f"assumed_{part}"]
    left_out = edition.leaves_out("department_scorecard", f"{part}_part")
    return {"part": part, "points": measured, "assumed": assumed, "weight": scored[f"weight_{part}"], "is_left_out": left_out}  # fmt: skip


def _halls(edition: Edition, shown: Reviews, department: str) -> list[Unit]:
    owned = {r["facility_id"] for r in edition.rows("dim_facility", "where department_code = ?", department)}
    return [u for u in shown.units["facility"] if u.code in owned]


# ── indicators, places ──────────────────────────────────────────────────────────────────────────


@dataclass
class Indicator:
    """One indicator: the whole city by area type, its counties, and the way to its target."""

    code: str
    name: Names
    unit: str
    better: str
    whole: list[Row]
    parts: list[Row]
    history: list[Row]

    @property
    def main(self) -> Row:
        """The row of all areas, or of the one area type that the indicator is about."""
        return next((r for r in self.whole if r["area_type"] == "all"), (self.whole or [Row()])[0])

    def is_met(self, row: Row) -> bool | None:
        """Whether a row's value reaches its target; where the edition does not say, what every count that is told as this ten says."""
        if row["is_target_met"] is not None or row["target"] is None:
            return row["is_target_met"]
        told, of, value = row["numerator"], row["denominator"], row["value"]
        if not told or not of or value is None or of <= TEN:
            return None
        low, high = (value * (told + off) / told * of / (of - off) for off in (-TEN / 2, TEN / 2))
        reached = {at >= row["target"] if self.better == "up" else at <= row["target"] for at in (low, high)}
        return reached.pop() if len(reached) == 1 else None

    @property
    def state(self) -> str:
        """Whether the target is reached, in the words of a verdict; `none` where there is no target."""
        if self.main["target"] is None:
            return "none"
        return {True: "good", False: "bad", None: "undetermined"}[self.is_met(self.main)]

    @property
    def gap(self) -> float | None:
        """Urban less rural, where both are known."""
        by = {r["area_type"]: r["value"] for r in self.whole}
        return by["urban"] - by["rural"] if by.get("urban") is not None and by.get("rural") is not None else None


def indicators(edition: Edition) -> list[Indicator]:
    """Every indicator in its newest period, plan indicators first; its whole is the highest level below the country."""
    rows = edition.rows(
        "indicator_value",
        "where division_level in ('city', 'county') order by period, division_code, case area_type when 'all' then 0 when 'urban' then 1 else 2 end",
    )
    listed = {r["code"]: r for r in _listed("indicators")}
    levels = _divisions(edition, "city", "county")
    found = []
    for code in dict.fromkeys(r["indicator_code"] for r in rows):
        mine = [Row(r, short_name=levels.get(r["division_code"]) or r["division_name"]) for r in rows if r["indicator_code"] == code]  # fmt: skip
        newest = max(r["period"] for r in mine)
        wholes = [r for r in mine if r["division_level"] == "city"] or mine
        area = next((a for a in ("all", "rural", "urban") if any(r["area_type"] == a for r in wholes)), "all")
        found.append(
            Indicator(
                code=code,
                name=edition.coded("indicators", code),
                unit=mine[-1]["unit"] or "",
                better=listed.get(code, {}).get("better", "up"),
                whole=[r for r in wholes if r["period"] == newest],
                parts=[r for r in mine if r["division_level"] == "county" and r["period"] == newest and r["area_type"] == area],
                history=[r for r in wholes if r["area_type"] == area],
            )
        )  # fmt: skip
    return sorted(found, key=lambda i: (i.main["target"] is None, i.code))


def _listed(code_list: str) -> Sequence[Mapping[str, str]]:
    from contracts.loading import seed

    return seed(code_list)


def communities(edition: Edition) -> list[Row]:
    """Communities with a point: their county, whether an open comprehensive facility lies in them, and how much of the circle is near.

    `circle_types`: kinds of the circle that somebody sends; `circle_within`: those of them within fifteen minutes on foot.
    """
    served = {
        r["division_code"]
        for r in edition.rows("dim_facility", "where is_open and facility_type = 'comprehensive_community_facility'")
    }
    near: dict[str, list[bool]] = defaultdict(list)
    for r in edition.rows(
        "facility_access", "where division_level = 'village' and communities_within_wide is not null"
    ):
        near[r["division_code"]].append(r["communities_within_wide"] > 0)
    counties = _divisions(edition, "county")
    points = edition.rows(
        "dim_division", "where level = 'village' and is_in_force and not coalesce(is_virtual, false) and longitude is not null and latitude is not null"
    )  # fmt: skip
    return [
        Row(
            r, is_served=r["division_code"] in served, county=counties.get(r["county_code"], ""),
            circle_types=len(near[r["division_code"]]) or None, circle_within=sum(near[r["division_code"]]) if near[r["division_code"]] else None,
        )
        for r in points
    ]  # fmt: skip


# ── equality ────────────────────────────────────────────────────────────────────────────────────

# From the widest level down: the area that is looked at as a whole, and into what it is divided.
LEVELS = ("country", "province", "city", "county", "town", "village")


@dataclass
class Circle:
    """One type of the fifteen-minute circle: how many residents of the whole place and of its parts have one near."""

    type: str
    whole: Row
    parts: Mapping[str, Row]  # division code → row


@dataclass
class Equality:
    """What is said about how services are spread; a part that a release does not have is empty.

    `spread`: a row an indicator, its newest period, the widest area that is divided into several units of the level.
    `places`: divisions by code, those that `circle` has parts of. `lacking`: communities by county and type, without a row where none lacks it.
    """

    spread: list[Row]
    spread_level: str
    circle: list[Circle]
    places: Mapping[str, str]
    shortfall: list[Row]
    shortfall_total: int
    lacking: Mapping[tuple[str, str], int]

    @property
    def types_not_sent(self) -> list[Circle]:
        return [c for c in self.circle if c.whole["null_reason"]]

    @property
    def types_known(self) -> list[Circle]:
        return [c for c in self.circle if not c.whole["null_reason"]]


def reaches() -> Mapping[str, float]:
    """Column of facility_access → the metres on foot that it means, the nearest first."""
    rules = {r["parameter"]: float(r["value"]) for r in _listed("access_rules")}
    return {f"share_within_{reach}": rules[f"reach_{reach}_m"] for reach in ("near", "middle", "wide")}


def equality(edition: Edition) -> Equality:
    """The tables about equality as a reader compares places: the whole place by its counties, or by what it is divided into."""
    spread, level = _spread(edition)
    access = edition.rows("facility_access", "order by circle_type")
    by_level: dict[str, list[Row]] = defaultdict(list)
    for row in access:
        by_level[row["division_level"]].append(row)
    there = [at for at in LEVELS if by_level[at]]
    # The lowest level at which everything is one division is the whole place; what lies under it are its parts.
    single = [at for at in there if len({r["division_code"] for r in by_level[at]}) == 1]
    whole = single[-1] if single else there[0] if there else ""
    parts = next((at for at in there if LEVELS.index(at) > LEVELS.index(whole)), "") if whole else ""
    if parts == "village":
        parts = ""  # hundreds of them are no comparison; the map shows them
    circle = [
        Circle(r["circle_type"], r, {p["division_code"]: p for p in by_level[parts] if p["circle_type"] == r["circle_type"]})
        for r in by_level[whole]
    ]  # fmt: skip
    named = _divisions(edition, parts) if parts else {}
    codes = list(dict.fromkeys(code for c in circle for code in c.parts))
    places = {
        code: named.get(code) or next(c.parts[code]["division_name"] for c in circle if code in c.parts)
        for code in codes
    }
    lacks = edition.rows("shortfall", "order by rank, division_code, circle_type")
    # Everybody knows which city this is: a community is called by what follows its name.
    known = (
        edition.one("dim_division", "where division_code = ?", circle[0].whole["division_code"])["full_name"]
        if circle
        else None
    )
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for row in lacks:
        counted[row["county_code"], row["circle_type"]] += 1
    named = {
        r["division_code"]: str(r["division_name"] or r["division_code"]).removeprefix(known or "")
        or r["division_name"]
        for r in lacks
    }
    named = told_apart(named)
    for row in lacks:
        row["short_name"] = named[row["division_code"]]
    return Equality(spread, level, circle, places, lacks[:MAX_SHOWN_ROWS], len(lacks), dict(counted))


def _spread(edition: Edition) -> tuple[list[Row], str]:
    """Of each indicator the newest period of the widest area, by the widest level that divides it into several units."""
    rows = edition.rows("equalisation", "order by indicator_code, period desc")
    rows = [r for r in rows if r["unit_level"] in LEVELS and r["area_level"] in LEVELS]
    # Counties are what people compare; a place without several of them is compared by what it has.
    several = [r for r in rows if (r["units"] or 0) > 1]
    for level in ("county", *LEVELS):
        of_level = [r for r in several if r["unit_level"] == level]
        if of_level:
            widest = min(LEVELS.index(r["area_level"]) for r in of_level)
            newest: dict[tuple[str, str], Row] = {}
            for r in of_level:
                if LEVELS.index(r["area_level"]) == widest:
                    newest.setdefault((r["indicator_code"], r["area_code"]), r)
            return list(newest.values()), level
    return [], ""


# ── surveys ─────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Wave:
    """One wave of the survey."""

    wave: str
    held_on: date | None
    overall: Row
    dimensions: list[Row]
    questions: list[Row]
    areas: list[Row]
    groups: list[Row]
    drivers: list[Row]
    diagnostics: Mapping[str, Row]


def waves(edition: Edition) -> list[Wave]:
    """Every wave, the newest first."""
    short = _divisions(edition, "county")
    found: list[Wave] = []
    for head in edition.rows(
        "survey_score", "where area_level = 'all' and group_name = 'all' order by held_on desc, wave desc"
    ):
        wave = head["wave"]
        if any(w.wave == wave for w in found):
            continue
        of_all = edition.rows(
            "survey_score",
            "where wave = ? and area_level = 'all' and group_name = 'all' order by mean desc nulls last, dimension, question_id",
            wave,
        )
        found.append(
            Wave(
                wave=wave,
                held_on=head["held_on"],
                overall=next((r for r in of_all if r["role"] == "outcome" and r["question_id"] == "all"), Row()),
                dimensions=[r for r in of_all if r["question_id"] == "all"],
                questions=[r for r in of_all if r["question_id"] != "all"],
                areas=[
                    Row(r, short_name=short.get(r["division_code"]))
                    for r in edition.rows(
                        "survey_score",
                        "where wave = ? and area_level = 'county' and group_name = 'all' and question_id = 'all' and role = 'outcome' order by division_code",
                        wave,
                    )
                ],
                groups=edition.rows(
                    "survey_score",
                    "where wave = ? and area_level = 'all' and group_name <> 'all' and question_id = 'all' and role = 'outcome' order by group_name, group_value",
                    wave,
                ),
                drivers=edition.rows(
                    "survey_driver", "where wave = ? order by importance desc nulls last, driver", wave
                ),
                diagnostics={
                    r["item"]: r
                    for r in edition.rows(
                        "survey_diagnostics", "where wave = ? and topic in ('sample', 'weights', 'quality')", wave
                    )
                },
            )
        )
    return found  # fmt: skip


# ── feeds, policy ───────────────────────────────────────────────────────────────────────────────


def feeds(edition: Edition) -> list[Row]:
    """The days that each sender of the evaluation owed a month and what became of them, the newest month first.

    How many rows a file had stays in the bureau: a hall's file of a day is a count of its reviewers.
    """
    rows = edition.rows("sender_coverage", "order by month desc, feed, sender")
    called = sender_names()
    return [
        Row(
            r,
            name=edition.coded("feeds", r["feed"]),
            sender_name=both(called.get(r["sender"], r["sender"])),
        )
        for r in rows
    ]


def policy(edition: Edition, day: date | None, names: Iterable[str]) -> list[Row]:
    """The parameters in force everywhere on a day, of the policies that this release judged by."""
    listed = [n for n in dict.fromkeys(names) if n]
    if not listed or day is None:
        return []
    places = ", ".join("?" for _ in listed)
    rows = edition.rows(
        "review_policy",
        f"where policy in ({places}) and area = '' and valid_from <= ? and coalesce(valid_to, date '9999-12-31') >= ? "
        "order by policy, parameter, version", *listed, day, day,
    )  # fmt: skip
    return list({(r["policy"], r["parameter"]): r for r in rows}.values())


# ── against the last release ────────────────────────────────────────────────────────────────────


@dataclass
class Change:
    """A figure that both releases show, and that is another now."""

    what: Names
    unit: Names
    period: date
    before: Row
    now: Row


def revised(edition: Edition, before: Edition | None) -> list[Change]:
    """Good rates of departments and of everything that the release before published otherwise; what either withholds is left out."""
    if before is None:
        return []
    where = "where period_kind = 'month' and dimension in ('all', 'department') and is_complete order by period_start desc, code"
    last = {(r["dimension"], r["code"], r["period_start"]): r for r in before.rows("review_scorecard", where)}
    named = _names(edition, "department")
    found = []
    for row in edition.rows("review_scorecard", where):
        old = last.get((row["dimension"], row["code"], row["period_start"]))
        if old is None or row["good_rate"] is None or old["good_rate"] is None:
            continue
        if (row["active_reviews"], row["good_reviews"]) != (old["active_reviews"], old["good_reviews"]):
            is_all = row["dimension"] == "all"
            unit = Names("全部", "Everything") if is_all else _called(edition, "department", row["code"], row, named)[0]
            found.append(Change(Names("好评率", "Good rate"), unit, row["period_start"], old, row))
    return found
