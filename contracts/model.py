"""Feed, Product and Layout: what the contracts say, as Python values.

Belongs here: the values and the names the rest of the platform uses. Does not belong here: reading their files (loading.py), anything
that touches data (reading, casting, checking rows).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import available_timezones

from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import BaseModel, ConfigDict, Field, field_validator

if TYPE_CHECKING:
    from contracts.roles import Register, Volume

Delivery = Literal["snapshot", "append", "upsert"]
# Where a key may not stand already: in anybody's earlier file or in the sender's own. `first_sender`: a sender may send a record again,
# and is told where another sender uses its key.
KeysOf = Literal["everybody", "sender", "first_sender"]
Kind = Literal["string", "integer", "number", "boolean", "date", "timestamp"]
Severity = Literal["error", "warning"]

FREQUENCY_DAYS: Mapping[str, int] = {"d": 1, "w": 7, "m": 31, "y": 366}

# The columns the door adds to every accepted row, with their DuckDB types.
PROVENANCE: Mapping[str, str] = {
    "_feed": "VARCHAR",
    "_sender": "VARCHAR",
    "_receipt": "VARCHAR",
    "_row": "BIGINT",
    "_received_at": "TIMESTAMP",
    "_contract_version": "VARCHAR",
}


# The column of a product that says why a row's figures are withheld.
SUPPRESSED = "suppressed_reason"


class ContractError(ValueError):
    """A contract or layout file says something the platform does not understand."""

    def __init__(self, path: Path, key: str, problem: str) -> None:
        super().__init__(f"{path.name}: {key}: {problem}")
        self.path, self.key = path, key


@dataclass(frozen=True)
class Rule:
    """A cross-field rule of a feed, written in the contract as data."""

    name: str
    form: Mapping[str, Any]
    severity: Severity
    description: str

    @property
    def fields(self) -> list[str]:
        """The fields the rule looks at, in the order it names them."""
        return [name for name in dict.fromkeys(_names_in(self.form)) if name]


@dataclass(frozen=True)
class ForeignKey:
    """Values of a column are values of `column` of `table`: of another feed or product, or of a code list or policy.

    Attributes:
        where: the rows it holds for, column → values; a value that ends in `*` is a beginning (`hall:*`). Empty: all rows.
        unless: the rows it does not hold for, in the same form.
    """

    table: str
    column: str
    where: Mapping[str, tuple[str, ...]]
    unless: Mapping[str, tuple[str, ...]]

    @property
    def to(self) -> str:
        return f"{self.table}.{self.column}"

    @property
    def sentences(self) -> tuple[str, str]:
        """What the dictionary and the comments in the database say, in Chinese and English."""
        rows = [
            (only, column, values)
            for only, of in ((True, self.where), (False, self.unless))
            for column, values in of.items()
        ]
        zh = [f"，{'限' if only else '除'} {column} 为 {' 或 '.join(values)}" for only, column, values in rows]
        en = [f" {'where' if only else 'unless'} {column} is {' or '.join(values)}" for only, column, values in rows]
        return f"引用 {self.to}{''.join(zh)}。", f"References {self.to}{','.join(en)}."


@dataclass(frozen=True)
class FieldSpec:
    """One field of a feed or one column of a product."""

    name: str
    kind: Kind
    header: str
    label_zh: str
    label_en: str
    description: str
    required: bool
    key_position: int | None
    classification: str
    stored_as: str
    synonyms: tuple[str, ...]
    options: Mapping[str, Any]
    enum: Mapping[str, str]
    code_list: str | None
    semantic: str | None
    unit: str | None
    scheme: str | None
    derived_from: str | None
    cast: Mapping[str, Any]
    foreign_keys: tuple[ForeignKey, ...]
    null_reason: str | None
    examples: tuple[Any, ...]
    quality: tuple[Any, ...]
    custom: Mapping[str, Any]

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every header under which a department may send this field."""
        return tuple(dict.fromkeys((self.header, self.name, *self.synonyms)))

    @property
    def references(self) -> str | None:
        """The field of another feed whose values it repeats."""
        return self.foreign_keys[0].to if self.foreign_keys else None

    @property
    def explanation(self) -> str:
        """The description, and what else the contract says of the values, "中文 · English": the keys, and where a null is explained."""
        zh, _, en = self.description.partition(" · ")
        told = [(zh, en or zh), *(key.sentences for key in self.foreign_keys)]
        if self.null_reason:
            told.append((f"为空的原因见 {self.null_reason}。", f"Where it is null, {self.null_reason} says why."))
        of_both = [" ".join(filter(None, said)) for said in zip(*told, strict=True)]
        return of_both[0] if of_both[0] == of_both[1] else " · ".join(of_both)

    @property
    def told(self) -> str:
        """Its labels and unit, and what else the contract says of it, as one text."""
        unit = f" [{self.unit}]" if self.unit else ""
        return " ".join(filter(None, (f"{self.label_zh} · {self.label_en}{unit}.", self.explanation)))

    @property
    def parts(self) -> Mapping[str, str]:
        """The values that a text of several, separated by commas, is made of, with their names; empty for any other column."""
        return {str(part["value"]): str(part["label"]) for part in self.custom.get("parts") or ()}

    @property
    def named_by(self) -> str | None:
        """The code list that names what values may be, where one may also be what no list knows; `messages`: a reason of the door."""
        return self.custom.get("namedBy")

    @property
    def beside(self) -> Mapping[str, str]:
        """Values that stand beside those of the list that names a column's, with their names."""
        return {str(value["value"]): str(value["label"]) for value in self.custom.get("beside") or ()}

    @property
    def is_several(self) -> bool:
        """Whether a text holds several values, separated by commas: `parts`, or values of the list that names them (`several`)."""
        return bool(self.parts or self.custom.get("several"))

    @property
    def is_measured(self) -> bool:
        """Whether it says how a run went and not what came of it: another in each run, so no change of the rows."""
        return bool(self.custom.get("measured"))

    @property
    def sql_type(self) -> str:
        """The DuckDB type of the stored value."""
        if self.classification in ("identifier", "birth_date", "birth_month", "name", "free_text"):
            return "VARCHAR"
        return SQL_TYPES[self.kind]


SQL_TYPES: Mapping[str, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


@dataclass(frozen=True)
class Contract:
    """What feeds and products have in common: an ODCS file with one schema object."""

    path: Path
    odcs: OpenDataContractStandard
    id: str
    version: str
    label_zh: str
    label_en: str
    description: str
    fields: tuple[FieldSpec, ...]
    custom: Mapping[str, Any]
    # Worked out once, when the contract is made: what goes to other threads and processes does not change under them.
    by_name: Mapping[str, FieldSpec] = field(init=False, repr=False, compare=False)
    key: tuple[str, ...] = field(init=False, repr=False, compare=False)  # in their positions; for a product, its grain

    def __post_init__(self) -> None:
        keyed = [f for f in self.fields if f.key_position is not None]
        self._keep(
            by_name={f.name: f for f in self.fields},
            key=tuple(f.name for f in sorted(keyed, key=lambda f: f.key_position or 0)),
        )

    def _keep(self, **worked_out: Any) -> None:
        for name, value in worked_out.items():
            object.__setattr__(self, name, value)

    @property
    def owner(self) -> str:
        """The department that answers for this file, "中文 · English"."""
        team = self.odcs.team
        return str(getattr(team, "name", None) or self.odcs.domain)

    @property
    def owner_email(self) -> str | None:
        members = getattr(self.odcs.team, "members", None) or []
        return next((str(m.username) for m in members if m.role == "owner"), None)

    @property
    def purpose(self) -> str:
        return str(self.odcs.description.purpose) if self.odcs.description else ""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Continuity(_Part):
    """No period may be missing between a sender's accepted files and the next one."""

    field: str
    step: Literal["day", "week", "month", "year"]
    severity: Severity = "error"  # error: the file is held; warning: it comes in and the receipt says so


class Guards(_Part):
    """When a whole file waits for a person. What the contract does not say holds nothing."""

    max_rejected_share: float | None = Field(None, gt=0, le=1)
    # Accepted rows against the last accepted file of the same sender.
    min_rows_ratio: float | None = Field(None, gt=0, lt=1)
    max_rows_ratio: float | None = Field(None, gt=1)
    min_rows: int = Field(20, ge=1)  # fewer rows than this prove nothing
    continuity: Continuity | None = None


@dataclass(frozen=True)
class Feed(Contract):
    """What a department has promised to send."""

    delivery: Delivery
    keys_of: KeysOf
    period: str | None
    rules: tuple[Rule, ...]
    guards: Guards
    kept_of_refused: tuple[
        str, ...
    ]  # fields whose values stay beside the reasons of a refused row, so that it can be counted
    register: Register | None
    volume: Volume | None
    stored: tuple[FieldSpec, ...] = field(init=False, repr=False, compare=False)  # what survives the door: no secrets
    stored_key: tuple[str, ...] = field(init=False, repr=False, compare=False)
    accepted_columns: Mapping[str, str] = field(init=False, repr=False, compare=False)  # column → DuckDB type

    def __post_init__(self) -> None:
        super().__post_init__()
        stored = tuple(f for f in self.fields if f.classification != "secret")
        self._keep(
            stored=stored,
            stored_key=tuple(self.by_name[name].stored_as for name in self.key),
            accepted_columns={f.stored_as: f.sql_type for f in stored} | dict(PROVENANCE),
        )

    @property
    def names_places(self) -> bool:
        """Whether rows say where they are by code and name of a division, which division_matches brings together."""
        return {"division_code", "division_name"} <= set(self.by_name)

    @property
    def bars_keys(self) -> bool:
        """Whether something is said of a key because an earlier file has it (`keys_of`)."""
        return self.delivery == "append" or self.keys_of == "first_sender"

    @property
    def department(self) -> str:
        return self.id.split(".")[0]

    @property
    def table(self) -> str:
        return self.id.split(".", 1)[1]

    def sla(self, name: str) -> tuple[float, str] | None:
        """(value, unit) of an slaProperty, units d w m y; None where the contract is silent."""
        for item in self.odcs.slaProperties or []:
            if item.property == name and item.value is not None:
                return float(item.value), str(item.unit or "d")
        return None

    @property
    def days_between(self) -> float | None:
        """How many days may lie between two deliveries before the feed is overdue: frequency + latency."""
        return self.days("frequency", "latency")

    @property
    def retention_days(self) -> float | None:
        """How long `archive/` keeps the bytes of this feed."""
        return self.days("retention")

    def days(self, *names: str) -> float | None:
        """The sum of some slaProperties in days; None where the contract is silent on all of them."""
        found = [sla for name in names if (sla := self.sla(name))]
        return sum(value * FREQUENCY_DAYS[unit] for value, unit in found) if found else None

    @property
    def spellings(self) -> dict[str, str]:
        """Header spelling → field name, for everything the contract itself knows."""
        return {spelling: f.name for f in self.fields for spelling in f.spellings}


@dataclass(frozen=True)
class Product(Contract):
    """What leaves: a published table; a column is public only if it is listed here.

    `hideable`: columns that are null in a withheld row: all but the key, the reason and what the contract says stays
    shown. A column that is added to a product is withheld until somebody decides that it may be shown.
    """

    hideable: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        shown = {*self.key, SUPPRESSED, *self.disclosure.get("shown", ())}
        self._keep(hideable=frozenset(self.by_name) - shown if self.disclosure.get("rule") == "count" else frozenset())

    @property
    def table(self) -> str:
        return self.id

    @property
    def is_made_by_release(self) -> bool:
        """Whether the release writes the table itself; all others are a dbt model's."""
        return self.custom.get("madeBy") == "release"

    @property
    def disclosure(self) -> Mapping[str, Any]:
        """What the contract says of figures about few people (how each column is told stands in public_edition.yaml); it has to."""
        return self.custom.get("disclosure") or {"rule": None}

    @property
    def is_public(self) -> bool:
        """Whether the table may leave the bureau: not where a row is an event, or the contract says it is the bureau's."""
        return self.disclosure["rule"] in ("none", "count") and "audience" not in self.disclosure


class Read(_Part):
    """How a sender's file is to be opened; whatever is not said is found out."""

    format: str | None = Field(
        default=None, description="xlsx, xls, ods, csv, json, geojson, xml, parquet …", examples=["csv"]
    )
    encoding: str | None = Field(default=None, description="of a text file", examples=["gb18030"])
    delimiter: str | None = Field(default=None, description="between the cells of a text file", examples=[";"])
    sheet: str | None = Field(default=None, description="the sheet of a workbook", examples=["明细"])
    header_row: int | None = Field(default=None, ge=1, description="the line with the headers", examples=[3])
    header_rows: int | None = Field(
        default=None, ge=1, le=2, description="over how many lines a header goes", examples=[2]
    )
    records: str | None = Field(
        default=None, description="where the records lie in a document", examples=["result.data"]
    )
    member: str | None = Field(default=None, description="the file of an archive", examples=["export/venues.csv"])


class Values(_Part):
    """A sender's codes → the contract's; a code outside the map is kept, emptied or rejected."""

    map: dict[str, str] = Field(description="its code → the contract's", examples=[{"开放": "1", "关闭": "0"}])
    otherwise: Literal["keep", "null", "reject"] = Field(
        default="keep", description="what becomes of a code outside the map", examples=["reject"]
    )


class Join(_Part):
    """Text put together from literals and `{columns}`; null when a named column is empty, unless it is `{column?}`."""

    from_: list[str] = Field(
        alias="from", min_length=1, description="the parts in their order", examples=[["{县}", "{镇?}"]]
    )


class Match(_Part):
    """A value that the shape of another column's text gives away (a county by its six digits)."""

    column: str = Field(description="the column that is looked at", examples=["Code"])
    patterns: dict[str, str] = Field(
        min_length=1,
        description="regular expression over the whole text → what it gives, with its groups as `${1}`; the first that fits counts, "
        "an empty text gives nothing; what none fits stays as it was sent",
        examples=[{"[0-9]{4}00": "city", "[0-9]{6}": "county"}],
    )

    @field_validator("patterns")
    @classmethod
    def _can_be_searched(cls, patterns: dict[str, str]) -> dict[str, str]:
        import polars as pl  # whose expressions it will be

        for pattern, gives in patterns.items():
            try:
                pl.Series([""]).str.replace(f"^(?:{pattern})$", gives)
            except pl.exceptions.PolarsError:
                raise ValueError(f"{pattern!r} is no regular expression") from None
        return patterns


class Coordinates(_Part):
    """Where points stand and in which system."""

    crs: str = Field(
        default="wgs84",
        description="wgs84, gcj02, bd09, or a system of the EPSG register, of which east and north are sent",
        examples=["EPSG:5514"],
    )
    longitude: str | None = Field(default=None, description="the column with the longitude, or east", examples=["经度"])
    latitude: str | None = Field(default=None, description="the column with the latitude, or north", examples=["纬度"])
    swapped: bool = Field(default=False, description="each stands in the other's column", examples=[True])

    @field_validator("crs")
    @classmethod
    def _is_known(cls, crs: str) -> str:
        if crs in ("wgs84", "gcj02", "bd09"):
            return crs
        from contracts.door.coordinates import knows

        if not re.fullmatch(r"EPSG:\d{4,6}", crs) or not knows(crs):
            raise ValueError(f"wgs84, gcj02, bd09 or a code of the EPSG register (EPSG:4490) expected, found {crs!r}")
        return crs


class Cast(_Part):
    """How values are to be understood where a department's spelling could mean two things (contracts/door/casting.py)."""

    null_spellings: list[str] | None = Field(
        default=None, description="texts that mean that there is no value", examples=[["", "不詳"]]
    )
    zero_is_null: bool | None = Field(default=None, description="0 means that there is no value", examples=[True])
    units: dict[str, int | float] | None = Field(
        default=None, description="text that may follow a number → what to multiply by", examples=[{"万": 10000}]
    )
    percent: Literal["fraction", "percent"] | None = Field(
        default=None, description="what 12.5% becomes: 0.125 or 12.5", examples=["fraction"]
    )
    order: Literal["ymd", "dmy", "mdy"] | None = Field(
        default=None, description="of day, month and year where the year does not stand first", examples=["dmy"]
    )
    timezone: str | None = Field(default=None, description="of times that carry no offset", examples=["Europe/Prague"])
    width: Literal["half"] | None = Field(
        default=None, description="full-width letters and digits become ASCII", examples=["half"]
    )
    precision: Literal["day", "month"] | None = Field(
        default=None, description="month: a month is a date", examples=["month"]
    )
    roc: bool | None = Field(default=None, description="years are Minguo years", examples=[True])
    excel_serial: bool | None = Field(
        default=None, description="a five-digit number is a day of Excel", examples=[True]
    )
    starts_1904: bool | None = Field(default=None, description="Excel's days are counted from 1904", examples=[True])
    decimal: Literal[".", ","] | None = Field(default=None, description="the sign before a fraction", examples=[","])

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in available_timezones():
            raise ValueError(f"a time zone of the IANA list expected (Europe/Prague), found {name!r}")
        return name

    @property
    def stated(self) -> dict[str, Any]:
        """What the layout says; the rest is the contract's or the platform's."""
        return self.model_dump(exclude_unset=True)


class Melt(_Part):
    """A wide table made long: one row per matching header."""

    id: list[str] = Field(description="the columns that each row keeps", examples=[["答卷编号"]])
    columns: str = Field(description="a regular expression over the headers that become rows", examples=["^Q[0-9]+$"])
    variable: str = Field(description="the field that takes the header", examples=["question_code"])
    value: str = Field(description="the field that takes the cell", examples=["answer"])
    drop_empty: bool = Field(default=True, description="an empty cell is no row", examples=[False])


class Keep(_Part):
    """The rows of a wider file that belong to this delivery; the others are counted as not in scope."""

    where: dict[str, list[str]] = Field(description="column → the values it may have", examples=[{"区县": ["东城区"]}])


class Layout(_Part):
    """How one sender spells a feed. Pure data."""

    feed: str = Field(description="the feed", examples=["sports.venues"])
    sender: str = Field(description="the sender, as its folder in the inbox is called", examples=["dongcheng"])
    version: str = Field(description="of the layout; a change is a new one", examples=["1.0.0"])
    description: dict[str, str] = Field(
        description="what the file is and lacks, and what was decided, in two languages",
        examples=[{"zh": "东城区", "en": "East"}],
    )
    read: Read = Field(default=Read(), description="how the file is opened")
    keep: Keep | None = Field(default=None, description="which rows belong to the delivery")
    rename: dict[str, str] = Field(default={}, description="header → field", examples=[{"场馆": "name"}])
    leave_out: list[str] = Field(
        default=[],
        description="headers that are not taken, though the contract knows them: this sender means something else by them",
        examples=[["电话"]],
    )
    join: dict[str, Join] = Field(
        default={},
        description="field → text put together from columns",
        examples=[{"division_code": {"from": ["{代码}000000"]}}],
    )
    match: dict[str, Match] = Field(
        default={},
        description="field → value told by the shape of a column's text",
        examples=[{"status": {"column": "备注", "patterns": {".*停业.*": "0", ".*": "1"}}}],
    )
    expand: list[dict[str, str]] = Field(
        default=[],
        description="several records in one row (county, district and village): a `field: '{column} text'` template each. The last is the row "
        "itself; what the others describe comes once in the whole file, however many rows mention it",
        examples=[[{"division_code": "{区代码}", "name": "{区}"}, {"division_code": "{村代码}", "name": "{村}"}]],
    )
    absent: list[str] = Field(
        default=[],
        description="required fields that this sender does not have: its rows are quarantined one by one, the file is not refused",
        examples=[["venue_id"]],
    )
    constants: dict[str, str | int | float | bool] = Field(
        default={}, description="field → the same value in every row", examples=[{"status": "1"}]
    )
    multiply: dict[str, float] = Field(
        default={}, description="field → what its numbers are multiplied by", examples=[{"area_m2": 10000}]
    )
    replace: dict[str, dict[str, str]] = Field(
        default={},
        description="field → text within its values → what to write instead",
        examples=[{"address": {"臺南巿": "臺南市"}}],
    )
    values: dict[str, Values] = Field(
        default={}, description="field → its codes and the contract's", examples=[{"status": {"map": {"开放": "1"}}}]
    )
    coordinates: Coordinates | None = Field(default=None, description="where points stand and in which system")
    code_scheme: dict[str, str] = Field(
        default={},
        description="which of several published code lists a field is in",
        examples=[{"satisfaction": "gbt39046"}],
    )
    cast: Cast = Field(default=Cast(), description="how values are to be understood")
    melt: Melt | None = Field(default=None, description="a wide table made long")


def _names_in(form: Mapping[str, Any]) -> Sequence[str]:
    """Field names of a rule, whatever its form; numbers and quoted literals are not names."""
    names: list[str] = []
    for head, body in form.items():
        if head in ("le", "lt", "ge", "gt", "eq", "any_of", "one_of", "not_after"):
            names += [x for x in body if isinstance(x, str)]
        elif head == "sum":
            names += [body["total"], *body["parts"]]
        elif head == "when":
            names.append(body["field"])
        elif head == "then":
            names += _names_in(body)
        elif head == "first_digit":
            names += [body["of_each"], body["equals"]]
    return names
