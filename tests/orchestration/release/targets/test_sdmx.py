"""Indicators and their spread as SDMX: valid by the schemas of SDMX 3.0, and the table row for row when pysdmx reads it back."""

from __future__ import annotations

import random
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.loading import load_products, seed
from orchestration.release.targets import sdmx

PRODUCTS = {name: load_products()[name] for name in (*sdmx.KNOWN, "dim_division")}
DIVISIONS = {"990000000000": '示范 & "省" <一>', "990100000000": "it's 示范市", "990101000000": None}
INDICATORS = [row["code"] for row in seed("indicators")][:12]
TEXTS = ("a,b", 'said "so"', "两\n行", "NaN", "None", "0012", None)


def random_row(r: random.Random, table: str, n: int) -> dict[str, Any]:
    kind = r.choice(("month", "year"))
    row: dict[str, Any] = {}
    for f in PRODUCTS[table].fields:
        values: list[Any] = {
            "number": [0.1, 1e-7, -2.5, 123456789.123456789, 0.0], "integer": [0, 3, 2**40], "boolean": [True, False], "string": list(TEXTS),
        }.get(f.kind, [])  # fmt: skip
        if f.enum:
            values = list(f.enum)
        values = {"unit": ["share", "per_1000_residents"], "above_code": list(DIVISIONS)}.get(f.name, values)
        row[f.name] = r.choice(values if f.required else [*values, None]) if values else None
    code = r.choice(list(DIVISIONS))
    period = date(2000 + n, 1 if kind == "year" else r.randint(1, 12), 1)
    row |= {"indicator_code": r.choice(INDICATORS), "period_kind": kind, "period": period}
    if table == "equalisation":
        return row | {"area_code": code}
    return row | {"division_code": f"rest:{code}" if row["is_remainder"] else code}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release with more rows in the bureau's edition than in the public one."""
    folder, r = tmp_path_factory.mktemp("release"), random.Random(7)
    databases = {".": folder / "minsheng.duckdb", "public": folder / "public" / "minsheng_public.duckdb"}
    (folder / "public").mkdir()
    for edition, path in databases.items():
        with duckdb.connect(str(path)) as con:
            for name, product in PRODUCTS.items():
                con.execute(f"create table {name} ({', '.join(f'{f.name} {f.sql_type}' for f in product.fields)})")
            con.executemany(
                "insert into dim_division (division_code, full_name) values (?, ?)", list(DIVISIONS.items())
            )
            for name in sdmx.KNOWN:
                rows = [list(random_row(r, name, n).values()) for n in range(150 if edition == "." else 20)]
                con.executemany(f"insert into {name} values ({', '.join('?' for _ in PRODUCTS[name].fields)})", rows)
    sdmx.write(folder, databases, PRODUCTS, "2026-03-01.1", datetime(2026, 3, 1, 23))
    return folder


def database(release: Path, edition: str) -> Path:
    return next((release / edition).glob("*.duckdb"))


def as_sdmx(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row as a person would write it in SDMX, by the names the columns have there."""
    said = dict(row)
    if table == "indicator_value":
        hidden = row["suppressed_reason"] is not None
        said["OBS_STATUS"] = "A" if row["value"] is not None else "Q" if hidden else "O"
    said["period"] = f"{row['period']:%Y}" if row["period_kind"] == "year" else f"{row['period']:%Y-%m}"
    said["period_kind"] = "A" if row["period_kind"] == "year" else "M"
    for column in ("division_code", "area_code"):
        if column in said:
            said[column] = row[column].replace("rest:", "REST_")
    return {
        sdmx.KNOWN[table].get(k, k.upper()): "" if v is None and PRODUCTS[table].by_name[k].kind == "string" else v
        for k, v in said.items()
        if k != "OBS_STATUS"
    } | {k: v for k, v in said.items() if k == "OBS_STATUS"}


@pytest.mark.parametrize("table", sdmx.KNOWN)
@pytest.mark.parametrize("edition", [".", "public"])
def test_pysdmx_reads_the_table_back_row_for_row(release: Path, table: str, edition: str) -> None:
    from pysdmx.io import get_datasets

    place = release / edition / sdmx.FOLDER
    (found,) = get_datasets(place / f"{table}.csv", place / sdmx.STRUCTURE)  # validated by the schemas of SDMX-ML
    assert found.structure.short_urn == f"Dataflow=MINSHENG:{table.upper()}({PRODUCTS[table].version})"
    with duckdb.connect(str(database(release, edition)), read_only=True) as con:
        cursor = con.execute(f"select * from {table} order by {', '.join(PRODUCTS[table].key)}")
        names = [d[0] for d in cursor.description or ()]
        expected = [as_sdmx(table, dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
    read = [
        {k: None if v is not None and v != v else v for k, v in row.items()}
        for row in found.data.astype(object).where(found.data.notna(), None).to_dict("records")
    ]
    assert len(read) == len(expected) == (150 if edition == "." else 20)
    for n, (ours, theirs) in enumerate(zip(expected, read, strict=True)):
        assert theirs == ours, n


@pytest.mark.parametrize("edition", [".", "public"])
def test_every_code_is_on_its_list_and_lists_hold_no_more_of_places_than_the_edition(
    release: Path, edition: str
) -> None:
    from pysdmx.io import get_datasets, read_sdmx

    place = release / edition / sdmx.FOLDER
    message = read_sdmx(place / sdmx.STRUCTURE, validate=True)
    lists = {codes.short_urn: {c.id: c.name for c in codes} for codes in message.get_codelists()}
    assert {scheme.id for scheme in message.get_concept_schemes()} == {"CS_INDICATOR_VALUE", "CS_EQUALISATION"}
    for table in sdmx.KNOWN:
        (found,) = get_datasets(place / f"{table}.csv", place / sdmx.STRUCTURE)
        listed = [c for c in found.structure.components if c.enumeration]
        assert {"FREQ", "INDICATOR", "REF_AREA", "UNIT_MEASURE"} <= {c.id for c in listed}
        for component in listed:
            used = {*found.data[component.id]} - {""}
            assert used <= {c.id for c in component.enumeration}, component.id
        (areas,) = [codes for urn, codes in lists.items() if f":CL_{table.upper()}_REF_AREA(" in urn]
        assert {*areas} == {*found.data["REF_AREA"]}
        assert areas["990000000000"] == DIVISIONS["990000000000"]
        assert areas["990100000000"] == DIVISIONS["990100000000"]
        assert areas["990101000000"] == "990101000000"


def test_the_structure_says_what_the_contract_says(release: Path) -> None:
    from pysdmx.io import read_sdmx
    from pysdmx.model import Role

    message = read_sdmx(release / sdmx.FOLDER / sdmx.STRUCTURE, validate=True)
    assert message.header.prepared.isoformat().startswith("2026-03-01T")
    structures = {d.id: d for d in message.get_data_structure_definitions()}
    for table, product in ((t, PRODUCTS[t]) for t in sdmx.KNOWN):
        components = structures[table.upper()].components
        dimensions = [c.id for c in components if c.role == Role.DIMENSION]
        assert {*dimensions} == {sdmx.KNOWN[table].get(k, k.upper()) for k in (*product.key, "period_kind")}
        assert dimensions[-1] == "TIME_PERIOD"
        measured = {c.id for c in components if c.role == Role.MEASURE}
        assert measured == {
            sdmx.KNOWN[table].get(f.name, f.name.upper()) for f in product.fields if f.kind in ("number", "integer")
        }
        assert len(components) == len(product.fields) + ("value" in product.by_name)


def test_an_edition_without_the_tables_has_no_sdmx(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "other.duckdb")) as con:
        con.execute("create table t as select 1 as n")
    sdmx.write(tmp_path, {".": tmp_path / "other.duckdb"}, PRODUCTS, "r", datetime(2026, 3, 1))
    assert not (tmp_path / sdmx.FOLDER).exists()
