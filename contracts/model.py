"""Feed, Product and Layout: the contract files as Python values.

Belongs here: reading the YAML files, checking that every key means something, and the names the rest of
the house uses. Does not belong here: anything that touches data (reading, casting, checking rows).
Every error is a `ContractError` that names the file and the key.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from open_data_contract_standard.model import OpenDataContractStandard, SchemaProperty
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

CONTRACTS = Path(__file__).parent
FEEDS = CONTRACTS / "feeds"
PRODUCTS = CONTRACTS / "products"
SEEDS = CONTRACTS.parent / "dbt_project" / "seeds"

Delivery = Literal["snapshot", "append", "upsert"]
Kind = Literal["string", "integer", "number", "boolean", "date", "timestamp"]
Severity = Literal["error", "warning"]

KINDS: tuple[str, ...] = ("string", "integer", "number", "boolean", "date", "timestamp")
CLASSIFICATIONS: tuple[str, ...] = (
    "public",
    "internal",
    "identifier",
    "name",
    "birth_date",
    "free_text",
    "secret",
)
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
    """A contract or layout file says something the house does not understand."""

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
    references: str | None
    examples: tuple[Any, ...]
    quality: tuple[Any, ...]
    custom: Mapping[str, Any]

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every header under which a department may send this field."""
        return tuple(dict.fromkeys((self.header, self.name, *self.synonyms)))

    @property
    def sql_type(self) -> str:
        """The DuckDB type of the stored value."""
        if self.classification in ("identifier", "birth_date", "name", "free_text"):
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

    @cached_property
    def by_name(self) -> Mapping[str, FieldSpec]:
        return {f.name: f for f in self.fields}

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Primary key fields in their positions; for a product, its grain."""
        keyed = [f for f in self.fields if f.key_position is not None]
        return tuple(f.name for f in sorted(keyed, key=lambda f: f.key_position or 0))

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
    period: str | None
    rules: tuple[Rule, ...]
    guards: Guards

    @property
    def department(self) -> str:
        return self.id.split(".")[0]

    @property
    def table(self) -> str:
        return self.id.split(".", 1)[1]

    @cached_property
    def stored(self) -> tuple[FieldSpec, ...]:
        """The fields that survive the door (secrets do not), in contract order."""
        return tuple(f for f in self.fields if f.classification != "secret")

    @cached_property
    def stored_key(self) -> tuple[str, ...]:
        return tuple(self.by_name[name].stored_as for name in self.key)

    @cached_property
    def accepted_columns(self) -> Mapping[str, str]:
        """Column → DuckDB type of an accepted file."""
        return {f.stored_as: f.sql_type for f in self.stored} | dict(PROVENANCE)

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
    """What leaves: a published table; a column is public only if it is listed here."""

    @property
    def table(self) -> str:
        return self.id

    @property
    def disclosure(self) -> Mapping[str, Any]:
        """What the contract says of figures about few people (see orchestration/disclosing.py); `unstated` if nothing."""
        return self.custom.get("disclosure") or {"rule": "unstated"}

    @property
    def is_public(self) -> bool:
        """Whether the table may leave the bureau: not where a row is an event, or the contract says it is the bureau's."""
        return self.disclosure["rule"] != "records" and self.disclosure.get("audience") != "bureau"

    @cached_property
    def hideable(self) -> frozenset[str]:
        """Columns that are null in a withheld row: all but the key, the reason and what the contract says stays shown.

        A column that is added to a product is withheld until somebody decides that it may be shown.
        """
        if self.disclosure["rule"] != "count":
            return frozenset()
        return frozenset(self.by_name) - {*self.key, SUPPRESSED, *self.disclosure.get("shown", ())}


class Read(_Part):
    """How a sender's file is to be opened; whatever is not said is found out."""

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = Field(default=None, ge=1)
    header_rows: int | None = Field(default=None, ge=1, le=2)
    records: str | None = None
    member: str | None = None


class Values(_Part):
    """A sender's codes → the contract's; a code outside the map is kept, emptied or rejected."""

    map: dict[str, str]
    otherwise: Literal["keep", "null", "reject"] = "keep"


class Join(_Part):
    """Text put together from literals and `{columns}`; null when a named column is empty, unless it is `{column?}`."""

    from_: list[str] = Field(alias="from", min_length=1)


class Match(_Part):
    """A value that the shape of another column's text gives away (a county by its six digits).

    Attributes:
        patterns: regular expression over the whole text → what it gives, with its groups as `${1}`; the first that fits
            counts, an empty text gives nothing. What none fits stays as it was sent.
    """

    column: str
    patterns: dict[str, str] = Field(min_length=1)

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
    crs: Literal["wgs84", "gcj02", "bd09"] = "wgs84"
    longitude: str | None = None
    latitude: str | None = None
    swapped: bool = False


class Melt(_Part):
    """A wide table made long: one row per `columns` match (a regular expression over headers)."""

    id: list[str]
    columns: str
    variable: str
    value: str
    drop_empty: bool = True


class Keep(_Part):
    """The rows of a wider file that belong to this delivery; the others are counted as not in scope."""

    where: dict[str, list[str]]


class Layout(_Part):
    """How one sender spells a feed. Pure data."""

    feed: str
    sender: str
    version: str
    description: dict[str, str]
    read: Read = Read()
    keep: Keep | None = None
    rename: dict[str, str] = {}
    join: dict[str, Join] = {}
    match: dict[str, Match] = {}
    # Several records in one row (county, district and village): a `field: '{column} text'` template each. The last is
    # the row itself; what the others describe comes once in the whole file, however many rows mention it.
    expand: list[dict[str, str]] = []
    # Required fields that this sender does not have: its rows are quarantined one by one, the file is not refused.
    absent: list[str] = []
    constants: dict[str, str | int | float | bool] = {}
    multiply: dict[str, float] = {}
    replace: dict[str, dict[str, str]] = {}
    values: dict[str, Values] = {}
    coordinates: Coordinates | None = None
    code_scheme: dict[str, str] = {}
    cast: dict[str, Any] = {}
    melt: Melt | None = None


# ── reading the files ───────────────────────────────────────────────────────────────────────────


def load_feed(path: Path) -> Feed:
    """One feed contract.

    Raises:
        ContractError: a key ODCS does not know, a wrong value, or a rule over a field that is not there.
    """
    base, schema = _load(path)
    custom = base["custom"]
    delivery = custom.get("delivery")
    if delivery not in ("snapshot", "append", "upsert"):
        raise ContractError(
            path, "customProperties.delivery", f"snapshot, append or upsert expected, found {delivery!r}"
        )
    names = {f.name for f in base["fields"]}
    rules = tuple(_rule(path, item, names) for item in schema.quality or [])
    period = custom.get("period")
    if period is not None and period not in names:
        raise ContractError(path, "customProperties.period", f"no field is called {period!r}")
    guards = _guards(path, custom.get("guards") or {}, {f.name: f.kind for f in base["fields"]})
    feed = Feed(**base, delivery=delivery, period=period, rules=rules, guards=guards)
    if not feed.key:
        raise ContractError(path, "primaryKey", "no field is marked as key")
    secret_keys = [n for n in feed.key if feed.by_name[n].classification == "secret"]
    if secret_keys:
        raise ContractError(path, "primaryKey", f"{secret_keys} would be dropped at the door")
    for sla in ("frequency", "latency", "retention"):
        if (found := feed.sla(sla)) and found[1] not in FREQUENCY_DAYS:
            raise ContractError(path, f"slaProperties.{sla}.unit", f"d, w, m or y expected, found {found[1]!r}")
    expected = path.parent.name + "." + path.name.removesuffix(".odcs.yaml")
    if feed.id != expected:
        raise ContractError(path, "id", f"the file's place says {expected}, the contract says {feed.id}")
    return feed


def load_product(path: Path) -> Product:
    """One product contract; raises ContractError like `load_feed`."""
    base, _ = _load(path)
    product = Product(**base)
    if path.name != f"{product.id}.odcs.yaml":
        raise ContractError(path, "id", f"the file is called {path.name}, the contract says {product.id}")
    _check_disclosure(product)
    return product


def _check_disclosure(product: Product) -> None:
    stated, where = product.disclosure, "customProperties.disclosure"
    needs = {"none": ["because"], "records": ["quasi_identifiers"], "count": ["count"], "unstated": []}
    if stated.get("rule") not in needs:
        raise ContractError(
            product.path, f"{where}.rule", f"none, records or count expected, found {stated.get('rule')!r}"
        )
    if missing := [key for key in needs[stated["rule"]] if not stated.get(key)]:
        raise ContractError(product.path, f"{where}.{missing[0]}", f"is needed by the rule {stated['rule']}")
    named = [
        stated.get("count"),
        *(name for key in ("tables", "shown", "quasi_identifiers", "where") for name in stated.get(key, ())),
    ]
    named += [cell[part] for cell in stated.get("cells", {}).values() for part in ("level", "code")]
    named += list(stated.get("periods", {}).values())
    compares = stated.get("compares", {})
    named += [*compares.get("columns", ()), compares.get("reason"), *compares.get("earlier", {}).values()]
    if stated.get("audience", "bureau") != "bureau":
        raise ContractError(
            product.path, f"{where}.audience", f"bureau or nothing expected, found {stated['audience']!r}"
        )
    named += [SUPPRESSED] if stated["rule"] == "count" else []
    for name in filter(None, named):
        if name not in product.by_name:
            raise ContractError(product.path, where, f"the table has no column {name!r}")


def load_layout(path: Path, feed: Feed) -> Layout:
    """One sender's layout of `feed`; every field it names must be the feed's."""
    raw = _yaml(path)
    try:
        layout = Layout(**raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise ContractError(path, ".".join(map(str, first["loc"])), first["msg"]) from error
    if (layout.feed, path.name) != (feed.id, f"{feed.table}.{layout.sender}.yaml"):
        raise ContractError(path, "feed", f"{path.name} cannot describe {layout.feed} of {layout.sender}")
    targets: Iterable[tuple[str, Iterable[str]]] = (
        ("rename", layout.rename.values()),
        ("join", layout.join),
        ("match", layout.match),
        ("expand", [name for record in layout.expand for name in record]),
        ("absent", layout.absent),
        ("constants", layout.constants),
        ("multiply", layout.multiply),
        ("replace", layout.replace),
        ("values", layout.values),
    )
    for wanted, scheme in layout.code_scheme.items():
        lists = {f.code_list for f in feed.fields if f.name == wanted or f.name == wanted.removesuffix("s")}
        known = {row.get("scheme") for name in lists if name for row in seed(name)}
        if scheme not in known:
            raise ContractError(
                path, f"code_scheme.{wanted}", f"one of {sorted(filter(None, known))} expected, found {scheme!r}"
            )
    for part, names in targets:
        for name in names:
            if name not in feed.by_name:
                raise ContractError(path, part, f"{feed.id} has no field {name!r}")
    return layout


@lru_cache(maxsize=4)
def load_feeds(folder: Path = FEEDS) -> Mapping[str, Feed]:
    """Every feed contract below `folder`, by id."""
    return {feed.id: feed for path in sorted(folder.glob("*/*.odcs.yaml")) for feed in [load_feed(path)]}


@lru_cache(maxsize=4)
def load_products(folder: Path = PRODUCTS) -> Mapping[str, Product]:
    """Every product contract, by table name."""
    return {p.id: p for path in sorted(folder.glob("*.odcs.yaml")) for p in [load_product(path)]}


@lru_cache(maxsize=4)
def load_layouts(folder: Path = FEEDS) -> Mapping[tuple[str, str], Layout]:
    """Every sender layout, by (feed, sender)."""
    layouts = {}
    for feed in load_feeds(folder).values():
        for path in sorted((folder / feed.department).glob(f"{feed.table}.*.yaml")):
            if not path.name.endswith(".odcs.yaml"):
                layout = load_layout(path, feed)
                layouts[feed.id, layout.sender] = layout
    return layouts


@lru_cache
def seed(name: str, folder: Path = SEEDS) -> tuple[Mapping[str, str], ...]:
    """The rows of a seed, all text."""
    found = sorted(folder.rglob(f"{name}.csv"))
    if not found:
        raise ContractError(folder / f"{name}.csv", "codeList", "no seed of this name")
    with found[0].open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def code_list(name: str) -> Mapping[str, str]:
    """code → Chinese name, from the seed `name`.csv."""
    return {row["code"]: row.get("name_zh") or "" for row in seed(name)}


def code_spellings(name: str) -> Mapping[str, str]:
    """What departments write for a code of the seed `name`.csv (its `spellings`, with `|` between, its names) → the code."""
    return {
        spelling: row["code"]
        for row in seed(name)
        if row.get("spellings")
        for spelling in (row["code"], row["name_zh"], row["name_en"], *row["spellings"].split("|"))
    }


def scheme_codes(name: str, scheme: str) -> Mapping[str, str]:
    """A sender's code → canonical level, from a seed whose rows belong to named schemes."""
    return {row["code"]: row["level"] for row in seed(name) if row["scheme"] == scheme}


def _yaml(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ContractError(path, "file", f"not readable as YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ContractError(path, "file", "a mapping was expected at the top")
    return raw


def _load(path: Path) -> tuple[dict[str, Any], Any]:
    raw = _yaml(path)
    try:
        odcs = OpenDataContractStandard(**raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise ContractError(path, ".".join(map(str, first["loc"])), first["msg"]) from error
    _no_unknown_keys(path, raw, odcs)
    if not odcs.schema_ or len(odcs.schema_) != 1:
        raise ContractError(path, "schema", "exactly one schema object expected")
    schema = odcs.schema_[0]
    for key, value in (("id", odcs.id), ("version", odcs.version), ("name", odcs.name)):
        if not value:
            raise ContractError(path, key, "is missing")
    zh, en = bilingual(path, "name", odcs.name)
    base: dict[str, Any] = {
        "path": path,
        "odcs": odcs,
        "id": odcs.id,
        "version": odcs.version,
        "label_zh": zh,
        "label_en": en,
        "description": (schema.description or "").strip(),
        "fields": tuple(_field(path, p) for p in schema.properties or []),
        "custom": {str(c.property): c.value for c in schema.customProperties or []},
    }
    names = [p.name for p in schema.properties or []]
    if len(set(names)) != len(names):
        raise ContractError(path, "schema.properties", "two fields have the same name")
    return base, schema


def _no_unknown_keys(path: Path, raw: Any, model: Any, where: str = "") -> None:
    """ODCS models ignore keys they do not know below the top; a misspelt key would be silently lost."""
    if isinstance(model, BaseModel):
        known = {f.alias or n: n for n, f in type(model).model_fields.items()}
        for key, value in raw.items():
            if key not in known:
                raise ContractError(path, f"{where}{key}", "not a key of ODCS 3.2 at this place")
            _no_unknown_keys(path, value, getattr(model, known[key]), f"{where}{key}.")
    elif isinstance(model, list):
        for i, (value, item) in enumerate(zip(raw, model, strict=True)):
            name = value.get("name") if isinstance(value, dict) else None
            _no_unknown_keys(path, value, item, f"{where.rstrip('.')}[{name or i}].")


def bilingual(path: Path, key: str, text: str | None) -> tuple[str, str]:
    """Splits "中文 · English"."""
    zh, separator, en = (text or "").partition(" · ")
    if not separator or not zh.strip() or not en.strip():
        raise ContractError(path, key, f"'中文 · English' expected, found {text!r}")
    return zh.strip(), en.strip()


def _field(path: Path, p: SchemaProperty) -> FieldSpec:
    where = f"schema.properties[{p.name}]"
    if not p.name:
        raise ContractError(path, where, "a field without a name")
    if p.logicalType not in KINDS:
        raise ContractError(path, f"{where}.logicalType", f"one of {KINDS} expected, found {p.logicalType!r}")
    classification = p.classification or "public"
    if classification not in CLASSIFICATIONS:
        raise ContractError(
            path, f"{where}.classification", f"one of {CLASSIFICATIONS} expected, found {classification!r}"
        )
    if classification in ("identifier", "birth_date") and not p.encryptedName:
        raise ContractError(path, f"{where}.encryptedName", f"a {classification} needs the name it is stored under")
    zh, en = bilingual(path, f"{where}.businessName", p.businessName)
    custom = {str(c.property): c.value for c in p.customProperties or []}
    reference = next((str(r.to) for r in p.relationships or [] if r.to), None)
    return FieldSpec(
        name=p.name,
        kind=p.logicalType,  # type: ignore[arg-type]
        header=p.physicalName or p.name,
        label_zh=zh,
        label_en=en,
        description=(p.description or "").strip(),
        required=bool(p.required) or bool(p.primaryKey),
        key_position=p.primaryKeyPosition or (1 if p.primaryKey else None),
        classification=classification,
        stored_as=p.encryptedName or p.name,
        synonyms=tuple(str(s.synonym) for s in p.synonyms or [] if s.synonym),
        options=p.logicalTypeOptions or {},
        enum={str(e.value): e.label or "" for e in p.enum or []},
        code_list=custom.get("codeList"),
        semantic=custom.get("semantic"),
        unit=custom.get("unit"),
        scheme=custom.get("fromScheme"),
        derived_from=next(iter(p.transformSourceObjects or []), None),
        cast=custom.get("cast") or {},
        references=reference,
        examples=tuple(p.examples or ()),
        quality=tuple(p.quality or ()),
        custom=custom,
    )


RULE_FORMS: tuple[str, ...] = (
    "le", "lt", "ge", "gt", "eq", "sum", "any_of", "one_of", "when", "first_digit", "not_after",
)  # fmt: skip


def _rule(path: Path, item: Any, names: set[str]) -> Rule:
    where = f"schema.quality[{item.name}]"
    form = item.implementation
    if not item.name or not isinstance(form, dict):
        raise ContractError(path, where, "a rule needs a name and an implementation")
    heads = [key for key in form if key != "then"]
    if len(heads) != 1 or heads[0] not in RULE_FORMS:
        raise ContractError(path, f"{where}.implementation", f"one of {RULE_FORMS} expected, found {heads}")
    if item.severity not in ("error", "warning"):
        raise ContractError(path, f"{where}.severity", f"error or warning expected, found {item.severity!r}")
    rule = Rule(item.name, form, item.severity, (item.description or "").strip())
    for name in rule.fields:
        if name not in names and name not in PROVENANCE:
            raise ContractError(path, f"{where}.implementation", f"no field is called {name!r}")
    return rule


def _guards(path: Path, raw: Mapping[str, Any], kinds: Mapping[str, Kind]) -> Guards:
    where = "customProperties.guards"
    try:
        guards = Guards.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise ContractError(path, ".".join([where, *map(str, first["loc"])]), first["msg"]) from error
    if rule := guards.continuity:
        kind = kinds.get(rule.field)
        if kind not in ("date", "timestamp") and (rule.step, kind) != ("year", "integer"):
            problem = f"a date, or an integer for years, is needed; {rule.field!r} is {kind or 'no field'}"
            raise ContractError(path, f"{where}.continuity.field", problem)
    return guards


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
