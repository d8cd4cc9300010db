"""An indicator is one file of contracts/indicators: what it says, as Python values, and the sentence for a wrong one.

Belongs here: the form of an indicator, the standard tables it may measure, and the measures that come of all of them. Does not belong
here: what is made of them for dbt and readers (indicator_files.py), how a value is computed (dbt_project/models/indicators).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from contracts.loading import CONTRACTS, PRODUCTS, code_list, load_product, read_as, seed
from contracts.model import ContractError
from contracts.quoting import literal

INDICATORS = CONTRACTS / "indicators"
Status = Literal["sourced", "sourced_english_paraphrase", "recalled", "project"]
AreaType = Literal["all", "urban", "rural"]
Scalar = str | bool | int


@dataclass(frozen=True)
class StandardTable:
    """A model with `division_code`, `month`, `unit` (who or what a row is of) and `is_on_time`, which an indicator may measure.

    Attributes:
        sums: columns that can be added up; of one that is true or false, the true rows are counted.
        filters: columns that `where` may name.
        absent: what a division without a row has, where its city sends the table: nothing, or nobody knows.
        expected: which table knows how many units should have reported, if not this one itself.
        rows_count: whether the number of its rows means anything.
        of_one_area: sums that count the residents of one kind of area alone.
        flows: sums of what happens in a month; the others stand at its end.
    """

    says: str
    sums: tuple[str, ...]
    filters: tuple[str, ...] = ()
    absent: Literal["zero", "not_reported"] = "zero"
    expected: str | None = None
    is_yearly: bool = False
    rows_count: bool = True
    flags: frozenset[str] = field(default_factory=frozenset)
    of_one_area: Mapping[str, Literal["urban", "rural"]] = field(default_factory=dict)
    flows: frozenset[str] = frozenset()

    @property
    def can_be_added(self) -> tuple[str, ...]:
        return ("rows", *self.sums) if self.rows_count else self.sums


TABLES: Mapping[str, StandardTable] = {
    "service_months": StandardTable(
        "services of facilities, by facility, item and month",
        ("visits", "participants", "sessions", "open_hours", "residents"),
        ("department_code", "facility_type", "service_item_code"),
        expected="facility_months",
        flows=frozenset({"visits", "participants", "sessions", "open_hours", "residents"}),
    ),
    "facility_months": StandardTable(
        "registered facilities of all departments as they stand at the end of a month",
        ("area_m2", "capacity"),
        ("department_code", "facility_type", "is_open"),
        flags=frozenset({"is_open"}),
    ),
    "community_facility_months": StandardTable(
        "community facilities as their last report of a month describes them",
        ("total_area_m2", "resident_activity_area_m2", "outdoor_area_m2", "has_self_service_terminal"),
        ("is_comprehensive", "is_open", "has_self_service_terminal"),
        flags=frozenset({"is_comprehensive", "is_open", "has_self_service_terminal"}),
    ),
    "village_months": StandardTable(
        "villages and communities of a city that registers community facilities, with what they have",
        ("has_facility", "has_comprehensive", "has_self_service"),
    ),
    "elderly_care_months": StandardTable(
        "elderly-care institutions at the end of a month",
        ("total_beds", "nursing_beds", "day_care_beds", "residents", "is_medical_contracted"),
        ("is_open", "is_medical_contracted"),
        flags=frozenset({"is_open", "is_medical_contracted"}),
    ),
    "institution_months": StandardTable(
        "health institutions as the last register of a month describes them",
        ("beds", "physicians", "nurses"),
        ("is_open", "facility_type"),
        flags=frozenset({"is_open"}),
    ),
    "community_worker_months": StandardTable(
        "community workers by village or community and month",
        ("workers", "certified_social_workers"),
        absent="not_reported",
        expected="village_years",
    ),
    "assistance_months": StandardTable(
        "benefits that run in a month",
        ("persons", "amount_yuan"),
        ("benefit_type", "disability_grade", "age_band"),
        flows=frozenset({"amount_yuan"}),
    ),
    "population_years": StandardTable(
        "residents at the end of a year, each counted once",
        ("population", "households", "aged_0_2", "aged_60_plus", "aged_65_plus", "urban_residents"),
        is_yearly=True,
        rows_count=False,
        of_one_area={"urban_residents": "urban"},
    ),
    "village_years": StandardTable("villages and communities in force in a year", (), is_yearly=True),
}
# What a sum is measured in is the end of its name, what a value is measured in the beginning of its unit's.
MEASURED_IN = ("m2", "yuan", "hours")
# Between what a measure is for and the group it is of, in its name.
OF_GROUP = " where "
# The part of an indicator by which one knows that a city sends it.
SENT_WITH = "scope"
# What rows can be chosen by → the code list of its values.
CODED: Mapping[str, str] = {
    "department_code": "departments",
    "facility_type": "facility_types",
    "service_item_code": "service_items",
    "benefit_type": "benefit_types",
    "disability_grade": "disability_grades",
    "age_band": "age_bands",
}
# Why a quotient has no value where its denominator is missing or zero, by what is counted.
DENOMINATOR_REASONS: Mapping[str, tuple[str, str]] = {
    "households": ("households_not_reported", "no_households"),
    "population_years": ("population_not_reported", "no_residents"),
}


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"a number expected, found {value}")
    return value


def _one_line(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    if "|" in value or len(value.splitlines()) > 1:
        raise ValueError(f"one line without | expected, found {value!r}")
    return value


Number = Annotated[float, BeforeValidator(_no_flag)]
Whole = Annotated[int, BeforeValidator(_no_flag)]
Line = Annotated[str, Field(min_length=1), AfterValidator(_one_line)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Names(_Part):
    zh: Line
    en: Line


class Measure(_Part):
    """What is added up: a column of a standard table, or its rows, of the rows that `where` keeps."""

    table: str
    sum: str = "rows"
    where: dict[str, Scalar | list[Scalar]] = {}
    over_time: Literal["sum", "last", "average"] = "last"

    @model_validator(mode="after")
    def _is_in_the_table(self) -> Measure:
        if self.table not in TABLES:
            raise ValueError(f"no standard table is called {self.table!r}; there are {', '.join(sorted(TABLES))}")
        table = TABLES[self.table]
        if self.sum not in table.can_be_added:
            raise ValueError(f"sum: {self.table} has no {self.sum!r} to add up; it has {', '.join(table.can_be_added)}")
        if self.over_time == "sum" and self.sum not in table.flows:
            raise ValueError(
                f"over_time: {self.sum} of {self.table} stands at a moment, so months cannot be added up; last or average expected"
            )
        for column in self.where:
            if column not in table.filters:
                known = ", ".join(table.filters) or "nothing that rows can be told apart by"
                raise ValueError(f"rows of {self.table} cannot be chosen by {column!r}; it has {known}")
            values = self.wanted(column)
            if not values or any(isinstance(v, bool) != (column in table.flags) for v in values):
                form = "true or false" if column in table.flags else "a text or a list of texts"
                raise ValueError(f"{form} expected for {column!r} of {self.table}, found {self.where[column]!r}")
            if column in CODED and (unknown := [v for v in values if str(v) not in code_list(CODED[column])]):
                raise ValueError(
                    f"no {column} is {unknown[0]!r}; the codes of contracts/codes/{CODED[column]}.csv are "
                    f"{', '.join(code_list(CODED[column]))}"
                )
            if len({*values}) != len(values):
                raise ValueError(f"each {column} once, found {self.where[column]!r}")
        for column in self.where.keys() & CODED.keys():
            # What a code list says of its codes, such as whose facilities a type is of.
            if not any(self.may_be(row) for row in seed(CODED[column]) if row["code"] in self.wanted(column)):
                raise ValueError(f"no row can be all of {self.where!r}: contracts/codes/{CODED[column]}.csv says so")
        return self

    def wanted(self, column: str) -> list[Scalar]:
        """The values of a column that `where` keeps."""
        wanted = self.where[column]
        return wanted if isinstance(wanted, list) else [wanted]

    def may_be(self, row: Mapping[str, str]) -> bool:
        """Whether a code is of what `where` fixes in other columns."""
        return all(row[c] in self.wanted(c) for c in self.where if c in row)

    def check_over(self, period: Literal["month", "year"]) -> None:
        """Raises ValueError where the last month of a year would stand for what happened in all of it."""
        if period == "year" and self.over_time == "last" and self.sum in TABLES[self.table].flows:
            raise ValueError(
                f"over_time: {self.sum} of {self.table} happens month by month; sum or average expected for a year"
            )

    @property
    def measured_in(self) -> str:
        """m2, yuan, hours; nothing for a number."""
        last = self.sum.rpartition("_")[2]
        return last if last in MEASURED_IN else ""

    def keeps_all_of(self, other: Measure) -> bool:
        """Whether every row of another measure of the same table is one of its own."""
        return all(c in other.where and {*other.wanted(c)} <= {*self.wanted(c)} for c in self.where)

    @property
    def one_area(self) -> AreaType | None:
        """Urban or rural, where only residents of such areas are added up."""
        return TABLES[self.table].of_one_area.get(self.sum)

    @property
    def condition(self) -> str:
        """`where` as SQL."""
        return " and ".join(_chosen(column, wanted) for column, wanted in self.where.items())

    def of_group(self, column: str, value: str) -> Measure:
        """The same of the rows of one group."""
        return self.model_copy(update={"where": {**self.where, column: value}})

    @property
    def text(self) -> str:
        """As one says it: visits of service_months where department_code is health."""
        rows = " and ".join(
            f"{c} is {' or '.join(map(str, w)) if isinstance(w, list) else str(w).lower()}"
            for c, w in self.where.items()
        )
        return f"`{self.sum}` of `{self.table}`" + (f" where {rows}" if rows else "")


def _chosen(column: str, wanted: Scalar | list[Scalar]) -> str:
    if isinstance(wanted, bool):
        return column if wanted else f"not {column}"
    values = wanted if isinstance(wanted, list) else [wanted]
    quoted = ", ".join(literal(str(v)) for v in values)
    return f"{column} in ({quoted})"


class Target(_Part):
    """What a plan wants of an area (empty: everywhere) by the end of a year, and where it began."""

    value: Number = Field(ge=0)
    year: Whole | None = Field(None, ge=1990, le=2100)
    area: str = ""
    valid_from: date
    valid_to: date | None = None
    baseline: Number | None = Field(None, ge=0)
    baseline_year: Whole | None = Field(None, ge=1990, le=2100)
    status: Status
    source: Line

    @model_validator(mode="after")
    def _holds_together(self) -> Target:
        if self.valid_to and self.valid_to < self.valid_from:
            raise ValueError(f"valid_to {self.valid_to} lies before valid_from {self.valid_from}")
        if (self.baseline is None) != (self.baseline_year is None):
            raise ValueError("baseline and baseline_year come together")
        if self.year and self.year < self.valid_from.year:
            raise ValueError(f"year {self.year} lies before valid_from {self.valid_from}")
        if self.year and self.baseline_year and self.baseline_year >= self.year:
            raise ValueError(f"baseline_year {self.baseline_year} does not lie before year {self.year}")
        return self


class Missing(_Part):
    """Why nobody can compute it here: the feed it needs."""

    feed: str = Field(min_length=1)
    needs: Names


@dataclass(frozen=True)
class Group:
    """One value of a column that an indicator's figures are told apart by; without a `denominator` it stands over the whole one."""

    column: str
    value: str
    names: Names
    numerator: Measure
    denominator: Measure | None

    def part(self, of: Literal["numerator", "denominator"]) -> str:
        return f"{of}{OF_GROUP}{self.column} is {self.value}"


@lru_cache
def _null_reasons() -> Mapping[str, str]:
    """Why a value may be null, as its contract lists it."""
    return load_product(PRODUCTS / "indicator_value.odcs.yaml").by_name["null_reason"].enum


class Indicator(_Part):
    """One indicator; a `missing` one is published as missing, with the feed it needs."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)
    name: Names
    unit: str
    plan: Literal["community_services_14th_plan", "public_services_14th_plan", "project"]
    plan_no: Whole | None = Field(None, ge=1)
    also: str = ""  # where another plan names the same indicator
    source: Line
    status: Status
    direction: Literal["up", "down", "none"]
    counts_people: bool = True  # protection is the default; exemption is named
    definition: Names
    numerator: Measure | None = None
    denominator: Measure | None = None
    per: Number = Field(1, gt=0)
    period: Literal["month", "year"] = "month"
    level: Literal["county", "town", "village"] = "town"
    areas: list[AreaType] = Field(["all"], min_length=1)
    groups: list[str] = []
    scope: Literal["table", "matching"] = "table"
    not_reported: str = "not_reported"
    decimals: Whole = Field(1, ge=0, le=6)
    targets: list[Target] = []
    missing: Missing | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> Indicator:
        units = {row["code"] for row in seed("indicator_units")}
        if self.unit not in units:
            raise ValueError(
                f"unit: no unit is called {self.unit!r}; there are {', '.join(sorted(units))}. A new one is a line of "
                "contracts/codes/indicator_units.csv"
            )
        if (self.numerator is None) == (self.missing is None):
            raise ValueError("either numerator says what is counted, or missing says which feed it needs")
        if self.missing and (self.denominator or self.per != 1):
            raise ValueError("an indicator whose feed is missing has no denominator")
        if self.denominator is None and self.numerator and self.counts_people:
            raise ValueError(
                "denominator: an indicator that counts people needs one, by which the release tells too few; "
                "say counts_people: false if it counts none"
            )
        if self.numerator and TABLES[self.numerator.table].is_yearly and self.period == "month":
            raise ValueError(f"period: {self.numerator.table} is known once a year: period: year expected")
        if self.unit == "share" and self.per != 1:
            raise ValueError(f"per: a share is a part of one, {self.per:g} would make it another unit")
        if (said := re.search(r"per_(\d+)_", self.unit)) and self.numerator and self.per != int(said[1]):
            raise ValueError(f"per: {said[1]} expected for the unit {self.unit}, found {self.per:g}")
        self._is_what_its_unit_says()
        reasons = _null_reasons()
        if self.not_reported not in reasons:
            raise ValueError(
                f"not_reported: no reason is called {self.not_reported!r}; there are {', '.join(reasons)}. A new one is a line of "
                "contracts/products/indicator_value.odcs.yaml"
            )
        shares = (
            [v for t in self.targets for v in (t.value, t.baseline) if v is not None] if self.unit == "share" else []
        )
        if beyond := [v for v in shares if not 0 <= v <= 1]:
            raise ValueError(f"targets: of a share between 0 and 1 expected, found {beyond[0]:g} (80 % is 0.8)")
        if len(set(self.areas)) != len(self.areas):
            raise ValueError(f"areas: each once, found {self.areas}")
        for part in filter(None, (self.numerator, self.denominator)):
            if part.one_area and (others := {*self.areas} - {"all", part.one_area}):
                raise ValueError(
                    f"areas: {part.sum} of {part.table} counts {part.one_area} residents alone, so there is no "
                    f"{others.pop()} value; all or {part.one_area} expected, found {', '.join(self.areas)}"
                )
        can = [c for c in TABLES[self.numerator.table].filters if c in CODED] if self.numerator else []
        if wrong := [column for column in self.groups if column not in can]:
            table = f"{self.numerator.table} can be told apart by" if self.numerator else "a missing indicator has"
            raise ValueError(f"groups: {table} {', '.join(can) or 'no groups'}; found {wrong[0]!r}")
        if len(set(self.groups)) != len(self.groups):
            raise ValueError(f"groups: each once, found {self.groups}")
        begun = [(t.area, t.valid_from) for t in self.targets]
        if again := [b for b in begun if begun.count(b) > 1]:
            area, day = again[0]
            raise ValueError(f"targets: one for {area or 'everywhere'} from {day} on, found {begun.count(again[0])}")
        if (self.plan == "project") != (self.plan_no is None):
            raise ValueError("plan_no: the number in the plan, and none for an indicator of this project")
        return self

    def _is_what_its_unit_says(self) -> None:
        """Raises ValueError where numerator and denominator cannot be what the unit says of them, or not over the period."""
        above, below = self.numerator, self.denominator
        if above is None:
            return
        for part in filter(None, (above, below)):
            part.check_over(self.period)
        if below is None:
            if self.unit == "share" or "per_" in self.unit:
                raise ValueError(f"denominator: {self.unit} is a quotient and needs one")
            return
        if (above.table, above.sum, above.condition) == (below.table, below.sum, below.condition):
            raise ValueError("denominator: it is the numerator again, so that every value would be the same")
        if (
            self.unit == "share"
            and (above.table, above.sum) == (below.table, below.sum)
            and not below.keeps_all_of(above)
        ):
            raise ValueError(
                f"denominator: of a share every row of the numerator expected in it; {below.text} leaves some of {above.text} out"
            )
        said = self.unit.partition("_")[0]
        of_unit = below.measured_in if self.unit == "share" else said if said in MEASURED_IN else ""
        if of_unit != above.measured_in:
            of_sum = above.measured_in or "numbers"
            raise ValueError(
                f"unit: {self.unit} is in {of_unit or 'numbers'}, {above.sum} of {above.table} in {of_sum}"
            )
        people = re.search(r"per_(?:\d+_)?(resident|household)s?$", self.unit)
        households = below.sum == "households"
        counted = ("household" if households else "resident") if below.table == "population_years" else ""
        if people and people[1] != counted:
            raise ValueError(
                f"unit: {self.unit} is for each {people[1]}, the denominator counts {below.sum} of {below.table}"
            )

    @property
    def one_area(self) -> AreaType | None:
        """Urban or rural, where numerator or denominator counts residents of such areas alone: then town and country do not compare."""
        return next((m.one_area for m in (self.numerator, self.denominator) if m and m.one_area), None)

    @property
    def measures(self) -> dict[str, Measure]:
        """Part of the quotient → what is added up for it; `expected`: how many units should have reported."""
        if self.numerator is None:
            return {}
        found = {"numerator": self.numerator}
        if self.denominator:
            found["denominator"] = self.denominator
        if expecting := TABLES[self.numerator.table].expected:
            known = {c: w for c, w in self.numerator.where.items() if c in TABLES[expecting].filters}
            found["expected"] = Measure(
                table=expecting, where={**known, "is_open": True} if expecting == "facility_months" else {}
            )
        if sent := self._sent_with(self.numerator):
            found[SENT_WITH] = sent
        for group in self.told_apart:
            found[group.part("numerator")] = group.numerator
            if group.denominator:
                found[group.part("denominator")] = group.denominator
        return found

    def _sent_with(self, of: Measure) -> Measure | None:
        """Rows by which a city shows that it sends what is counted, where they are fewer than the table: those of the same departments.

        Whoever sends sports venues has not said that there are no libraries.
        """
        if self.scope == "matching" or "department_code" not in TABLES[of.table].filters:
            return None
        departments = of.wanted("department_code") if "department_code" in of.where else []
        if not departments and "facility_type" in of.where:
            types = [row for row in seed("facility_types") if row["code"] in of.wanted("facility_type")]
            departments = sorted({row["department_code"] for row in types} - {""})
        return Measure(table=of.table, where={"department_code": departments}) if departments else None

    @property
    def told_apart(self) -> list[Group]:
        """Every group of `groups`: the values `where` lists, else those of the code list that are of what `where` fixes."""
        if self.numerator is None:
            return []
        of = self.numerator
        return [
            self._group(of, column, row)
            for column in self.groups
            for row in seed(CODED[column])
            if (column not in of.where or row["code"] in of.wanted(column)) and of.may_be(row)
        ]

    def _group(self, numerator: Measure, column: str, row: Mapping[str, str]) -> Group:
        own = self.denominator if self.denominator and column in TABLES[self.denominator.table].filters else None
        names = Names(zh=row["name_zh"], en=row.get("name_en") or row["name_zh"])
        code = row["code"]
        return Group(column, code, names, numerator.of_group(column, code), own and own.of_group(column, code))

    @property
    def null_reasons(self) -> tuple[str, str]:
        """Why there is no value: the denominator is not known; it is zero."""
        if self.denominator is None:
            return "", ""
        for key in (self.denominator.sum, self.denominator.table):
            if key in DENOMINATOR_REASONS:
                return DENOMINATOR_REASONS[key]
        return "denominator_not_reported", "denominator_is_zero"


@dataclass(frozen=True)
class NamedMeasure:
    """A measure under the name it has in indicator_sums, for periods of one kind; who reported is told of some only."""

    name: str
    measure: Measure
    period: Literal["month", "year"]
    tells_reporters: bool = True


def load_indicator(path: Path) -> Indicator:
    """One indicator; a wrong one is a ContractError that names the file, the key and what was expected."""
    parts: dict[str, type[BaseModel]] = {
        "name": Names, "definition": Names, "numerator": Measure, "denominator": Measure, "targets": Target, "missing": Missing,
    }  # fmt: skip
    indicator = read_as(path, Indicator, parts)
    if path.stem != indicator.code:
        raise ContractError(path, "code", f"the file is called {path.stem}, the indicator says {indicator.code!r}")
    return indicator


def load_indicators(folder: Path = INDICATORS) -> dict[str, Indicator]:
    """Code → indicator, of every file of the folder; read again when a file has changed."""
    paths = sorted(folder.glob("*.yaml"))
    return dict(_load(tuple((path, path.stat().st_mtime_ns) for path in paths)))


@lru_cache
def _load(files: tuple[tuple[Path, int], ...]) -> dict[str, Indicator]:
    found = {path.stem: load_indicator(path) for path, _ in files}
    numbers: dict[tuple[str, int | None], str] = {}
    for path, _ in files:
        key = (found[path.stem].plan, found[path.stem].plan_no)
        if key[1] is not None and key in numbers:
            raise ContractError(path, "plan_no", f"number {key[1]} of {key[0]} is {numbers[key]} already")
        numbers[key] = path.stem
    return found


class Measuring(Protocol):
    """What has measures of its own: an indicator, a validation rule."""

    @property
    def code(self) -> str: ...

    @property
    def period(self) -> Literal["month", "year"]: ...

    @property
    def measures(self) -> Mapping[str, Measure]: ...


def named_measures(users: Iterable[Measuring]) -> tuple[list[NamedMeasure], dict[tuple[str, str], str]]:
    """Every measure once, and (code, part) → the name of its measure: who uses it first gives it its name."""
    found: dict[tuple[str, str], NamedMeasure] = {}
    names = {}
    for user in users:
        for part, measure in user.measures.items():
            key = (measure.model_dump_json(), user.period)
            first = found.get(key, NamedMeasure(f"{user.code}/{part}", measure, user.period, tells_reporters=False))
            # Coverage is of the whole; telling reporters apart once more for each group would cost more than all the sums.
            found[key] = replace(
                first, tells_reporters=first.tells_reporters or (OF_GROUP not in part and part != SENT_WITH)
            )
            names[user.code, part] = first.name
    return list(found.values()), names
