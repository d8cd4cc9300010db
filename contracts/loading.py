"""Contract files → Python values.

Belongs here: reading the YAML files and the seeds they name, checking that every key means something. Does not belong here: what the
values are (model.py), anything that touches data. Every error is a `ContractError` that names the file and the key.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from open_data_contract_standard.model import OpenDataContractStandard, Relationship, SchemaProperty
from pydantic import BaseModel, ValidationError

from contracts.model import (
    FREQUENCY_DAYS,
    PROVENANCE,
    SUPPRESSED,
    Cast,
    ContractError,
    Feed,
    FieldSpec,
    ForeignKey,
    Guards,
    Kind,
    Layout,
    Product,
    Rule,
)
from contracts.place import place
from contracts.roles import register_of, volume_of

CONTRACTS = Path(__file__).parent
NOT_UTF_8 = "UTF-8 was expected, byte {} is none; save it again as UTF-8"
FEEDS = CONTRACTS / "feeds"
PRODUCTS = CONTRACTS / "products"
# Code lists that contracts cite, and what an administrator decides; dbt reads both as seeds.
CODES, POLICIES = CONTRACTS / "codes", CONTRACTS.parent / "policies"

KINDS: tuple[str, ...] = ("string", "integer", "number", "boolean", "date", "timestamp")
CLASSIFICATIONS: tuple[str, ...] = (
    "public",
    "internal",
    "identifier",
    "name",
    "birth_date",
    "birth_month",
    "free_text",
    "secret",
)


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
    keys_of = custom.get("keys_of", "everybody")
    if keys_of not in ("everybody", "sender", "first_sender") or ("keys_of" in custom and delivery == "snapshot"):
        problem = f"everybody, sender or first_sender expected, and not where delivery is snapshot, found {keys_of!r}"
        raise ContractError(path, "customProperties.keys_of", problem)
    names = {f.name for f in base["fields"]}
    rules = tuple(_rule(path, item, names) for item in schema.quality or [])
    period = custom.get("period")
    if period is not None and period not in names:
        raise ContractError(path, "customProperties.period", f"no field is called {period!r}")
    guards = _guards(path, custom.get("guards") or {}, {f.name: f.kind for f in base["fields"]})
    feed = Feed(
        **base, delivery=delivery, keys_of=keys_of, period=period, rules=rules, guards=guards,
        kept_of_refused=_kept_of_refused(path, custom, base["fields"]),
        register=register_of(path, custom, names), volume=volume_of(path, custom, names),
    )  # fmt: skip
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


def _kept_of_refused(path: Path, custom: Mapping[str, Any], fields: Sequence[FieldSpec]) -> tuple[str, ...]:
    """Of a refused row only what anybody may read is kept."""
    kept = custom.get("kept_of_refused") or []
    open_fields = {f.name for f in fields if f.classification in ("public", "internal")}
    if wrong := [name for name in kept if name not in open_fields]:
        problem = f"no public or internal field is called {wrong[0]!r}"
        raise ContractError(path, "customProperties.kept_of_refused", problem)
    return tuple(kept)


def load_product(path: Path) -> Product:
    """One product contract; raises ContractError like `load_feed`."""
    base, _ = _load(path)
    product = Product(**base)
    if path.name != f"{product.id}.odcs.yaml":
        raise ContractError(path, "id", f"the file is called {path.name}, the contract says {product.id}")
    _check_disclosure(product)
    for f in product.fields:
        named = [c for key in f.foreign_keys for rows in (key.where, key.unless) for c in rows]
        for name in filter(None, [f.null_reason, *named]):
            if name not in product.by_name:
                raise ContractError(path, f"schema.properties[{f.name}]", f"the table has no column {name!r}")
    return product


def _check_foreign_keys(products: Mapping[str, Product]) -> None:
    """Every key leads to a column that another product, a code list or a policy has."""
    for product in products.values():
        for f in product.fields:
            for key in f.foreign_keys:
                where = f"schema.properties[{f.name}].relationships"
                try:
                    known = products[key.table].by_name if key.table in products else seed(key.table)[0]
                except ContractError:
                    problem = f"{key.table} is neither a product nor a code list or policy"
                    raise ContractError(product.path, where, problem) from None
                if key.column not in known:
                    raise ContractError(product.path, where, f"{key.table} has no column {key.column!r}")


def _check_disclosure(product: Product) -> None:
    stated, where = product.disclosure, "customProperties.disclosure"
    needs = {"none": ["because"], "records": ["quasi_identifiers"], "count": ["count"]}
    if stated.get("rule") not in needs:
        raise ContractError(
            product.path, f"{where}.rule", f"none, records or count expected, found {stated.get('rule')!r}"
        )
    for name, exemption in stated.get("exempt", {}).items():
        known = seed(exemption.get("list") or "")[:1]
        if set(exemption) != {"list", "where", "is"} or not known or exemption["where"] not in known[0]:
            problem = f"{{list: codes, where: a column of it, is: value}} expected, found {exemption!r}"
            raise ContractError(product.path, f"{where}.exempt.{name}", problem)
    if missing := [key for key in needs[stated["rule"]] if not stated.get(key)]:
        raise ContractError(product.path, f"{where}.{missing[0]}", f"is needed by the rule {stated['rule']}")
    named = [
        stated.get("count"),
        *(name for key in ("shown", "quasi_identifiers", "exempt") for name in stated.get(key, ())),
    ]
    allowed = {"rule", "because", "count", "shown", "quasi_identifiers", "exempt", "audience"}
    if unknown := sorted(set(stated) - allowed):
        raise ContractError(product.path, f"{where}.{unknown[0]}", f"one of {sorted(allowed)} expected")
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
    raw = read_yaml(path)
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
    feeds = {feed.id: feed for path in sorted(folder.glob("*/*.odcs.yaml")) for feed in [load_feed(path)]}
    _check_roles(feeds)
    return feeds


def _check_roles(feeds: Mapping[str, Feed]) -> None:
    """No two registers share the first half of their ids, and a feed that names facilities says what it counts of them."""
    registers: dict[str, Feed] = {}
    for feed in feeds.values():
        if feed.register and registers.setdefault(feed.register.id, feed) is not feed:
            other = registers[feed.register.id].id
            raise ContractError(feed.path, "customProperties.register.id", f"{feed.register.id!r} is that of {other}")
    for feed in feeds.values():
        register = register_named_by(feed, feeds)
        if feed.volume and register is None:
            problem = f"{feed.volume.facility!r} needs a relationship to the code of a register"
            raise ContractError(feed.path, "customProperties.volume.facility", problem)
        is_senders_own = (
            register is not None and register.register is not None and register.register.codes_of == "sender"
        )
        if register and is_senders_own and feed.delivery == "append" and feed.keys_of == "everybody":
            problem = f"sender expected: codes of {register.id} are each sender's own, and so are keys that hold them"
            raise ContractError(feed.path, "customProperties.keys_of", problem)
        if register and not feed.volume and "volume" not in feed.custom and not feed.register:
            problem = f"rows name facilities of {register.id}: say what they count, or none (see contracts/roles.py)"
            raise ContractError(feed.path, "customProperties.volume", problem)


def register_named_by(feed: Feed, feeds: Mapping[str, Feed]) -> Feed | None:
    """The register of the facilities that a feed names: by a relationship to its code, or itself."""
    if feed.register:
        return feed
    codes = {f"{other.id}.{other.register.code}": other for other in feeds.values() if other.register}
    return next((codes[f.references] for f in feed.fields if f.references in codes), None)


@lru_cache(maxsize=4)
def load_products(folder: Path = PRODUCTS) -> Mapping[str, Product]:
    """Every product contract, by table name; their keys lead to columns that are there."""
    products = {p.id: p for path in sorted(folder.glob("*.odcs.yaml")) for p in [load_product(path)]}
    _check_foreign_keys(products)
    _check_never_published(products)
    return products


def _check_never_published(products: Mapping[str, Product]) -> None:
    """A published column is for everybody to read, and none is a month of birth under the name it is stored by."""
    months = {f.stored_as for feed in load_feeds().values() for f in feed.stored if f.classification == "birth_month"}
    for product in products.values():
        for f in product.fields:
            where = f"schema.properties[{f.name}]"
            if f.classification not in ("public", "internal"):
                raise ContractError(product.path, f"{where}.classification", f"a {f.classification} is never published")
            if f.name in months:
                raise ContractError(product.path, where, "a month of birth is never published")


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


def seed(name: str) -> tuple[Mapping[str, str], ...]:
    """The rows of a code list or policy, all text; read again when its file has changed."""
    path = seed_path(name)
    return _rows(path, path.stat().st_mtime_ns)


@lru_cache
def _rows(path: Path, _changed_ns: int) -> tuple[Mapping[str, str], ...]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # Excel's "CSV UTF-8" begins with a mark
            return tuple(csv.DictReader(file))
    except UnicodeDecodeError as error:
        raise ContractError(path, "file", f"{NOT_UTF_8.format(error.start + 1)} (Excel: CSV UTF-8)") from error


def seed_path(name: str) -> Path:
    """Where a code list or policy lies."""
    for folder in (CODES, POLICIES):
        if (path := folder / f"{name}.csv").is_file():
            return path
    raise ContractError(CODES / f"{name}.csv", "codeList", "no code list or policy of this name")


def code_list(name: str) -> Mapping[str, str]:
    """code → Chinese name, from the seed `name`.csv."""
    return {row["code"]: row.get("name_zh") or "" for row in seed(name)}


def words(name: str) -> Mapping[str, str]:
    """code → "中文 · English", from the seed `name`.csv."""
    path = seed_path(name)
    return _words(name, path.stat().st_mtime_ns)


@lru_cache
def _words(name: str, _changed_ns: int) -> Mapping[str, str]:
    """In the order of the list; a code that stands in it several times (of several schemes, for several feeds) as it does first."""
    found: dict[str, str] = {}
    for row in seed(name):
        if row.get("name_zh"):
            code = row.get("code") or row.get("level") or row.get("sender") or ""
            found.setdefault(code, f"{row['name_zh']} · {row.get('name_en') or row['name_zh']}")
    return found


def sender_names() -> Mapping[str, str]:
    """Folder of a sender → "中文 · English", where policies/feed_senders.csv says what readers call it."""
    return {"default": "未写明报送方 · sender not stated", **words("feed_senders")}


def sender_called(sender: str) -> str:
    """A sender in words; one without a name by its folder, and that it has none."""
    return sender_names().get(sender) or f"{sender}（尚无名称 · no name yet）"


# What to do about a sender without a name.
UNNAMED_SENDER = (
    "标“尚无名称”的按收件箱里的文件夹称呼：请管理员在 policies/feed_senders.csv 加一行，写明 feed、sender、name_zh、name_en。"
    " · No name yet: called by its folder in the inbox until the administrator adds a row to policies/feed_senders.csv with feed, sender, name_zh and name_en."
)


def cited(f: FieldSpec) -> str | None:
    """The list that names the values of a column, where its contract does not list them itself."""
    if f.code_list or f.named_by:
        return f.code_list or f.named_by
    if any(k.to == "dim_department.department_code" for k in f.foreign_keys):
        return "departments"
    return next((k.table for k in f.foreign_keys if k.column in ("code", "level") and not k.where), None)


def names_of(f: FieldSpec) -> Mapping[str, str]:
    """What the values of a column are called, by its contract or the list it cites: code → "中文 · English"."""
    if f.enum or f.parts:
        return f.enum or f.parts
    with suppress(ContractError):
        if name := cited(f):
            return {**words(name), **f.beside} if f.beside else words(name)
    return {}


def named(f: FieldSpec, value: Any) -> str:
    """A value of a column in words, and each of several; what nothing names stays as it is."""
    known = names_of(f)
    return "；".join(
        known.get(code.strip(), code) for code in (str(value).split(",") if f.is_several else [str(value)])
    )


def code_spellings(name: str) -> Mapping[str, str]:
    """What departments write for a code of the seed `name`.csv (its `spellings`, with `|` between, its names) → the code."""
    return {
        spelling: row["code"]
        for row in seed(name)
        if row.get("spellings")
        for spelling in (row["code"], row["name_zh"], row["name_en"], *row["spellings"].split("|"))
    }


def chosen(code: str, meaning: str) -> str:
    """A code as the drop-down of a form offers it, with what it means in Chinese; the door takes it for the code."""
    return f"{code} {meaning.partition(' · ')[0]}".strip()


def scheme_codes(name: str, scheme: str) -> Mapping[str, str]:
    """A sender's code → canonical level, from a seed whose rows belong to named schemes."""
    return {row["code"]: row["level"] for row in seed(name) if row["scheme"] == scheme}


class _EachKeyOnce(yaml.CSafeLoader):
    """YAML as usual, but for a key that stands twice: the later value would take the place of the first without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file is; one that is none, names a key twice, or is not written in UTF-8, is a ContractError."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_EachKeyOnce)  # noqa: S506 — it is a safe one
    except UnicodeDecodeError as error:
        raise ContractError(path, "file", NOT_UTF_8.format(error.start + 1)) from error
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: a day such as 30 February
        raise ContractError(path, "file", f"not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise ContractError(path, "file", "keys and values were expected at the top")
    return raw


Read = TypeVar("Read", bound=BaseModel)


def read_as(path: Path, model: type[Read], parts: Mapping[str, type[BaseModel]] | None = None) -> Read:
    """A YAML file that carries its code as its name, by a model; a wrong one is a ContractError with the key and what was expected.

    Args:
        parts: key at the top → the model of what stands below it, so that an unknown key there is answered with those there are.
    """
    try:
        return model.model_validate(read_yaml(path))
    except ValidationError as error:
        # A key that is misspelt first: the key that is missing then explains itself.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "missing":
            problem = "is missing"
        elif first["type"] in ("model_type", "dict_type"):
            problem = f"keys and values were expected, as in {{key: value}}; found {first['input']!r}"
        elif first["type"] in ("string_too_short", "too_short"):
            problem = "is empty"
        elif first["type"] == "string_pattern_mismatch":
            problem = f"a text of the form {first['ctx']['pattern']} expected, found {first['input']!r}"
        elif problem.startswith("Input should be "):
            # Of pydantic's sentence what it wants; how it failed to read what came is of no use to who wrote it.
            wanted = problem.removeprefix("Input should be ").split(", unable")[0].split(", input is")[0]
            problem = f"{wanted} expected, found {first['input']!r}"
        elif first["type"] == "extra_forbidden":
            known = (parts or {}).get(str(first["loc"][0]), model) if len(first["loc"]) > 1 else model
            problem = f"is no key here; there are {', '.join(known.model_fields)}"
        raise ContractError(path, ".".join(map(str, first["loc"])) or "the file", problem) from error


def _load(path: Path) -> tuple[dict[str, Any], Any]:
    raw = read_yaml(path)
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
    # Nothing is public because nobody said otherwise.
    classification = p.classification or "none"
    if classification not in CLASSIFICATIONS:
        raise ContractError(
            path, f"{where}.classification", f"one of {CLASSIFICATIONS} expected, found {classification!r}"
        )
    if classification in ("identifier", "birth_date", "birth_month") and not p.encryptedName:
        raise ContractError(path, f"{where}.encryptedName", f"a {classification} needs the name it is stored under")
    zh, en = bilingual(path, f"{where}.businessName", p.businessName)
    custom = {str(c.property): c.value for c in p.customProperties or []}
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
        options=_options(path, where, p.logicalTypeOptions or {}, custom.get("codeOf")),
        enum={str(e.value): e.label or "" for e in p.enum or []},
        code_list=custom.get("codeList"),
        semantic=custom.get("semantic"),
        unit=custom.get("unit"),
        scheme=custom.get("fromScheme"),
        derived_from=next(iter(p.transformSourceObjects or []), None),
        cast=_cast(path, where, custom.get("cast") or {}),
        foreign_keys=tuple(_foreign_key(path, where, r) for r in p.relationships or []),
        null_reason=custom.get("nullReason"),
        examples=tuple(p.examples or ()),
        quality=tuple(p.quality or ()),
        custom=custom,
    )


def _cast(path: Path, where: str, stated: Mapping[str, Any]) -> Mapping[str, Any]:
    """How values are to be understood; a key that nobody knows would do nothing, in silence."""
    try:
        return Cast.model_validate(stated).stated
    except ValidationError as error:
        first = error.errors()[0]
        place_of = ".".join([where, "customProperties.cast", *map(str, first["loc"])])
        raise ContractError(path, place_of, first["msg"]) from error


def _options(path: Path, where: str, stated: Mapping[str, Any], code_of: str | None) -> Mapping[str, Any]:
    """What the contract allows; a code that every place has its own of looks as that of the place (policies/place.yaml)."""
    patterns = place().codes.patterns
    if code_of is None:
        return stated
    if code_of not in patterns:
        problem = f"one of {sorted(patterns)} of policies/place.yaml expected, found {code_of!r}"
        raise ContractError(path, f"{where}.customProperties.codeOf", problem)
    return {**stated, "pattern": patterns[code_of]}


def _foreign_key(path: Path, where: str, r: Relationship) -> ForeignKey:
    if not isinstance(r.to, str) or "." not in r.to:
        raise ContractError(path, f"{where}.relationships", f"to: table.column expected, found {r.to!r}")
    table, _, column = r.to.rpartition(".")
    custom = {str(c.property): c.value for c in r.customProperties or []}
    if unknown := set(custom) - {"where", "unless"}:
        raise ContractError(path, f"{where}.relationships", f"where or unless expected, found {sorted(unknown)}")
    return ForeignKey(table, column, _rows_meant(custom.get("where")), _rows_meant(custom.get("unless")))


def _rows_meant(raw: Mapping[str, Any] | None) -> Mapping[str, tuple[str, ...]]:
    """column → values, as text; one value may be written without its brackets."""
    return {
        column: tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in (values if isinstance(values, list) else [values]))
        for column, values in (raw or {}).items()
    }  # fmt: skip


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
