"""Values of indicators and their spread as SDMX, which statisticians' tools read: SDMX-CSV 2.0 and the structure it follows.

`sdmx/structure.xml` (SDMX-ML 3.0, written by pysdmx) holds for each table a data structure definition, a dataflow, its concepts, and
the code lists with what is used of them. The rows are written by DuckDB, in whose hands a country's table is not too large, and read
back through pysdmx in the tests. Belongs here: how a product's columns become dimensions, measures and attributes. Does not belong
here: which rows an edition has (release.tables), other files (files.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from contracts.loading import seed
from contracts.model import SUPPRESSED, FieldSpec, Product
from contracts.quoting import identifier, literal
from orchestration.paths import ZONE

if TYPE_CHECKING:
    from pysdmx.model import Codelist
    from pysdmx.model.dataflow import Component

FOLDER, STRUCTURE = "sdmx", "structure.xml"
AGENCY = "MINSHENG"
# Columns that SDMX has a concept for (SDMX cross-domain concepts): table → column → component.
KNOWN: Mapping[str, Mapping[str, str]] = {
    "indicator_value": {
        "period_kind": "FREQ", "indicator_code": "INDICATOR", "division_code": "REF_AREA", "period": "TIME_PERIOD", "value": "OBS_VALUE",
        "unit": "UNIT_MEASURE",
    },
    "equalisation": {
        "period_kind": "FREQ", "indicator_code": "INDICATOR", "area_code": "REF_AREA", "period": "TIME_PERIOD", "unit": "UNIT_MEASURE",
    },
}  # fmt: skip
# Dimensions in the order that tools show; time comes last in every structure.
ORDER = {"FREQ": 0, "INDICATOR": 1, "REF_AREA": 2, "TIME_PERIOD": 4}
# Of CL_FREQ and CL_OBS_STATUS.
FREQUENCIES = {"month": ("M", "月 · Monthly"), "year": ("A", "年 · Annual")}
STATUSES = {
    "A": "正常 · Normal value",
    "O": "缺失 · Missing value",
    "Q": "未公布 · Missing value; suppressed",
}
# An id of SDMX holds no colon: rest:990100000000, what no part of a division accounts for, is REST_990100000000.
REST, SDMX_REST = "rest:", "REST_"


@dataclass(frozen=True)
class Column:
    """One component: its id, what it is, the field it comes from, and the SQL of its value as text or number."""

    id: str
    role: str  # dimension, measure or attribute
    field: FieldSpec
    sql: str


def write(
    folder: Path, databases: Mapping[str, Path], products: Mapping[str, Product], release_id: str, at: datetime
) -> None:
    """Writes `sdmx/` into a release's folder and into its public edition; an edition without such a table has none.

    Args:
        databases: edition (a folder below `folder`, `.` the release itself) → its DuckDB file.
    """
    for edition, database in databases.items():
        with duckdb.connect(str(database), read_only=True) as con:
            there = {t for (t,) in con.execute("select table_name from duckdb_tables()").fetchall()}
            tables = [products[t] for t in KNOWN if t in there and t in products]
            if not tables:
                continue
            place = folder / edition / FOLDER
            place.mkdir(parents=True, exist_ok=True)
            for product in tables:
                con.execute(
                    f"copy ({rows(product)}) to {literal(place / f'{product.id}.csv')} (format csv, header, nullstr '')"
                )
            _write_structure(place / STRUCTURE, con, tables, release_id, at)


def columns(product: Product) -> list[Column]:
    """The components of a table: the key, then what is measured, then what is said of it."""
    known = KNOWN[product.id]
    keys = [*(["period_kind"] if "period_kind" in product.by_name else []), *product.key]
    found = [_column(product.by_name[name], known.get(name, name.upper()), "dimension") for name in keys]
    found.sort(key=lambda c: ORDER.get(c.id, 3))
    rest = [f for f in product.fields if f.name not in keys]
    measures = [f for f in rest if f.kind in ("number", "integer")]
    measures.sort(key=lambda f: known.get(f.name) != "OBS_VALUE")
    found += [_column(f, known.get(f.name, f.name.upper()), "measure") for f in measures]
    if "value" in product.by_name:
        found.append(Column("OBS_STATUS", "attribute", product.by_name[SUPPRESSED], _status()))
    return found + [_column(f, known.get(f.name, f.name.upper()), "attribute") for f in rest if f not in measures]


def _column(f: FieldSpec, component: str, role: str) -> Column:
    name = identifier(f.name)
    sql = name
    if component == "FREQ":
        sql = f"case {name} " + " ".join(f"when '{k}' then '{code}'" for k, (code, _) in FREQUENCIES.items()) + " end"
    elif component == "TIME_PERIOD":
        sql = f"case period_kind when 'year' then strftime({name}, '%Y') else strftime({name}, '%Y-%m') end"
    elif component == "REF_AREA":
        sql = f"replace({name}, '{REST}', '{SDMX_REST}')"
    return Column(component, role, f, sql)


def _status() -> str:
    return f"case when {SUPPRESSED} is not null and value is null then 'Q' when value is null then 'O' else 'A' end"


def rows(product: Product) -> str:
    """The table as SDMX-CSV 2.0 has it, in the order of its key."""
    given = ", ".join(f"{c.sql} as {identifier(c.id)}" for c in columns(product))
    structure = f"'dataflow' as \"STRUCTURE\", '{AGENCY}:{_id(product)}({product.version})' as \"STRUCTURE_ID\", 'I' as \"ACTION\""
    order = ", ".join(identifier(k) for k in product.key)
    return f"select {structure}, {given} from {identifier(product.id)} order by {order}"


def _id(product: Product) -> str:
    return product.id.upper()


# ── structure ───────────────────────────────────────────────────────────────────────────────────


def _write_structure(
    path: Path, con: duckdb.DuckDBPyConnection, products: Iterable[Product], release_id: str, at: datetime
) -> None:
    from pysdmx.io import write_sdmx
    from pysdmx.io.format import Format
    from pysdmx.model import (
        Agency,
        AgencyScheme,
        Concept,
        ConceptScheme,
        Dataflow,
        DataStructureDefinition,
        Organisation,
    )
    from pysdmx.model.dataflow import Components
    from pysdmx.model.message import Header

    structures: list[Any] = [
        AgencyScheme(
            id="AGENCIES",
            name="Agencies",
            agency="SDMX",
            items=[Agency(id=AGENCY, name="民生 · Minsheng")],
            version="1.0",
        )
    ]
    for product in products:
        name, code = f"{product.label_zh} · {product.label_en}", _id(product)
        listed = {c.id: _codes(con, product, c) for c in columns(product)}
        scheme = f"{AGENCY}:CS_{code}({product.version})"
        concepts = {
            c.id: Concept(
                id=c.id,
                name=_name(c),
                description=_says(c),
                urn=f"urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept={scheme}.{c.id}",
            )
            for c in columns(product)
        }
        structure = DataStructureDefinition(
            id=code, name=name, description=product.description, agency=AGENCY, version=product.version,
            components=Components([_component(c, product, concepts[c.id], listed[c.id]) for c in columns(product)]),
        )  # fmt: skip
        structures += [codes for codes in listed.values() if codes]
        structures.append(
            ConceptScheme(
                id=f"CS_{code}", name=name, agency=AGENCY, version=product.version, items=list(concepts.values())
            )
        )
        structures.append(structure)
        structures.append(Dataflow(id=code, name=name, agency=AGENCY, version=product.version, structure=structure))
    header = Header(
        id=f"R{release_id.replace('.', '_')}", prepared=at.replace(tzinfo=ZONE), sender=Organisation(id=AGENCY)
    )
    write_sdmx(structures, Format.STRUCTURE_SDMX_ML_3_0, str(path), header=header)


def _name(c: Column) -> str:
    return "观测状态 · Observation status" if c.id == "OBS_STATUS" else f"{c.field.label_zh} · {c.field.label_en}"


def _says(c: Column) -> str | None:
    return None if c.id == "OBS_STATUS" else c.field.explanation or None


def _component(c: Column, product: Product, concept: Any, codes: Codelist | None) -> Component:
    from pysdmx.model import DataType, Role
    from pysdmx.model.dataflow import Component

    kinds = {
        "number": DataType.DOUBLE, "integer": DataType.LONG, "boolean": DataType.BOOLEAN, "date": DataType.DATE,
        "timestamp": DataType.DATE_TIME, "string": DataType.STRING,
    }  # fmt: skip
    kind = DataType.PERIOD if c.id == "TIME_PERIOD" else kinds[c.field.kind]
    return Component(
        id=c.id,
        required=c.role == "dimension",
        role={"dimension": Role.DIMENSION, "measure": Role.MEASURE, "attribute": Role.ATTRIBUTE}[c.role],
        concept=concept,
        name=_name(c),
        local_dtype=None if codes else kind,
        local_codes=codes,
        attachment_level="O" if c.role == "attribute" else None,
        urn=None,
    )


def _codes(con: duckdb.DuckDBPyConnection, product: Product, c: Column) -> Codelist | None:
    """The code list of a component, with the codes that the table uses or its contract lists; None where it has none."""
    from pysdmx.model import Code, Codelist

    names = _named(con, product, c)
    if names is None:
        return None
    return Codelist(
        id=f"CL_{_id(product)}_{c.id}", name=_name(c), agency=AGENCY, version=product.version,
        items=[Code(id=code, name=name) for code, name in names.items()],
    )  # fmt: skip


def _named(con: duckdb.DuckDBPyConnection, product: Product, c: Column) -> dict[str, str] | None:
    if c.id == "OBS_STATUS":
        return STATUSES
    if c.id == "FREQ":
        return dict(FREQUENCIES.values())
    if c.field.enum:
        return dict(c.field.enum)
    keys = [key for key in c.field.foreign_keys if key.column in ("code", "division_code")]
    if not keys:
        return None
    query = (
        f"select distinct {c.sql} from {identifier(product.id)} where {identifier(c.field.name)} is not null order by 1"
    )
    used = [code for (code,) in con.execute(query).fetchall()]
    if keys[0].table == "dim_division":
        return _divisions(con, used)
    names = {row["code"]: f"{row['name_zh']} · {row['name_en']}" for row in seed(keys[0].table)}
    return {code: names.get(code, code) for code in used}


def _divisions(con: duckdb.DuckDBPyConnection, used: list[str]) -> dict[str, str]:
    names = dict(con.execute("select division_code, full_name from dim_division").fetchall())
    found = {}
    for code in used:
        of = code.removeprefix(SDMX_REST)
        name = names.get(of) or of
        found[code] = f"{name}：未分至下级 · {name}: known of no part of it" if of != code else name
    return found
