"""The same rows as files: read back by other programs, described truly, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
import small_release
from small_release import PRODUCTS, TABLES

from contracts.quoting import literal
from contracts.whole_files import read_json
from orchestration.release.targets import checksums, files, workbooks
from tests.orchestration.conftest import City

AT = datetime(2026, 3, 1, 23, 59, 59)
OTHERS = (
    "bulletin/index.html", "bulletin/en/index.html", "worklists/health.xlsx", "worklists/Health.xlsx", "charts/survey_2026Q1_a.svg", "sdmx/x.csv", "sdmx/structure.xml",
)  # fmt: skip


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release's folder with its database, Parquet and what is made from them; the public edition is the same here."""
    folder = tmp_path_factory.mktemp("release")
    database = small_release.write(folder / "minsheng.duckdb")
    small_release.write(folder / "public" / "minsheng_public.duckdb")
    for path in OTHERS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path, encoding="utf-8")
    databases = {".": database, "public": folder / "public" / "minsheng_public.duckdb"}
    files.write_tables(folder, databases)
    files.describe(folder, databases, PRODUCTS, "2026-03-01.1", AT, "FICTIONAL")
    return folder


def columns(table: str) -> dict[str, str]:
    return {f.name: f.sql_type for f in PRODUCTS[table].fields}


@pytest.mark.parametrize("table", TABLES)
def test_csv_and_parquet_have_the_rows_of_the_database(release: Path, table: str) -> None:
    with duckdb.connect(str(release / "minsheng.duckdb"), read_only=True) as con:
        ours = con.execute(checksums.in_duckdb(columns(table), table)).fetchone()
        theirs = con.execute(
            checksums.in_duckdb(columns(table), files.read_csv(release / "csv" / f"{table}.csv", columns(table)))
        ).fetchone()
        parquet = con.execute(checksums.in_duckdb(columns(table), f"'{release}/parquet/{table}.parquet'")).fetchone()
    assert ours == theirs == parquet
    assert ours[0] > 0


def test_a_spreadsheet_gets_a_byte_order_mark_and_no_formula(release: Path) -> None:
    path = release / "csv" / "dim_division.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbfdivision_code,")
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert sorted(names) == sorted(["a", "'=1+1", "''quoted", '说"明",逗号\n换行', "a\0b", "b"])


def test_the_description_says_what_the_files_hold(release: Path) -> None:
    for place, ending in ((release, "parquet"), (release / "csv", "csv"), (release / "public", "parquet")):
        described = read_json(place / "datapackage.json")
        assert described["version"] == "2026-03-01.1"
        assert described["created"] == "2026-03-01T23:59:59+08:00"
        tables = [r for r in described["resources"] if "schema" in r]
        assert {r["name"] for r in tables} == set(TABLES)
        for resource in tables:
            product, file = PRODUCTS[resource["name"]], place / resource["path"]
            assert file.suffix == f".{ending}"
            assert resource["hash"] == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
            assert [f["name"] for f in resource["schema"]["fields"]] == [f.name for f in product.fields]
            assert resource["schema"]["primaryKey"] == list(product.key)
            for key in resource["schema"].get("foreignKeys", []):
                target = key["reference"]["resource"] or resource["name"]
                assert set(key["reference"]["fields"]) <= {f.name for f in PRODUCTS[target].fields}
    fields = {
        f["name"]: f for f in next(r for r in described["resources"] if r["name"] == "fct_review")["schema"]["fields"]
    }
    assert fields["reviewed_on"]["type"] == "date"
    assert fields["review_id"]["constraints"] == {"required": True}
    keys = next(r for r in described["resources"] if r["name"] == "fct_review")["schema"]["foreignKeys"]
    assert {
        "fields": ["department_code"],
        "reference": {"resource": "dim_department", "fields": ["department_code"]},
    } in keys
    # A key that holds for some rows only would be false as one that holds for all.
    assert not any(key["fields"] == ["facility_id"] for key in keys)


def test_what_a_release_has_besides_tables_stands_in_its_description(release: Path) -> None:
    """So that nobody has to know that there is a bulletin, a worklist or a chart; the public edition has none of them."""
    found = [r for r in read_json(release / "datapackage.json")["resources"] if "schema" not in r]
    assert [r["path"] for r in found] == [
        "bulletin/index.html", "charts/survey_2026Q1_a.svg", "worklists/Health.xlsx", "worklists/health.xlsx", "sdmx/structure.xml",
        "sdmx/x.csv",
    ]  # fmt: skip
    called = [r["name"] for r in found]
    assert len({*called}) == len(called)
    assert [n for n in called if not re.fullmatch(r"[-a-z0-9._/]+", n)] == [], "Frictionless reads none of the package"
    assert all(r["mediatype"] and r["title"] and r["type"] == "file" for r in found), (
        "a code like 990100000000 is no number"
    )
    assert all(r["hash"] == f"sha256:{hashlib.sha256((release / r['path']).read_bytes()).hexdigest()}" for r in found)
    assert all("schema" in r for r in read_json(release / "public" / "datapackage.json")["resources"])


def test_the_pointer_names_one_release(tmp_path: Path) -> None:
    files.point(tmp_path, "2026-03-01.2", AT)
    said = json.loads((tmp_path / "pointer.json").read_text(encoding="utf-8"))
    assert said["release"] == "2026-03-01.2"
    assert {said[k].split("/")[1] for k in ("folder", "duckdb", "parquet", "csv", "public")} == {"2026-03-01.2"}


def test_every_department_has_a_workbook_of_its_scorecard(release: Path, tmp_path: Path) -> None:
    written = workbooks.write(
        release / "minsheng.duckdb", PRODUCTS[workbooks.TABLE], tmp_path, "2026-03-01.1", "虚构 FICTIONAL"
    )
    assert [p.name for p in written] == ["health.xlsx", "sports.xlsx"]
    book = openpyxl.load_workbook(written[0])
    months, rows, notes = book.worksheets
    assert months["A1"].value.startswith("health")
    assert "虚构 FICTIONAL" in [months.cell(n, 1).value for n in range(1, 6)]
    assert [c.value for c in months[6]][1:4] == ["2026-03", "2026-02", "2026-01"]
    rate = next(r for r in months.iter_rows(min_row=7) if r[0].value and r[0].value.startswith("好评率 "))
    assert [c.value for c in rate[1:4]] == [0.3, 0.2, 0.1]
    assert rate[1].number_format == "0.0 %"
    said = {r[0].value: r[1] for r in months.iter_rows(min_row=7)}
    missing = next(cell for label, cell in said.items() if label and label.startswith("缺少的部分"))
    assert all(any(label and label.startswith(part) for label in said) for part in missing.value.split("；"))
    assert (
        next(c for label, c in said.items() if label and label.startswith("评价聚集效应")).number_format == "#,##0.00"
    )
    assert rows.max_row == 4
    assert {row[0].value for row in rows.iter_rows(min_row=2)} != {None}
    assert notes.max_row == len(PRODUCTS[workbooks.TABLE].fields) + 1
    for sheet in (months, notes):
        assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight, sheet.print_title_rows is not None) == (
            "landscape",
            0,
            True,
        )
    # Ninety columns on one side could not be read: they go on beside it, each page with the month and the division.
    assert not (rows.sheet_properties.pageSetUpPr and rows.sheet_properties.pageSetUpPr.fitToPage)
    assert (rows.page_setup.orientation, rows.page_setup.scale) == ("landscape", 70)
    assert (rows.print_title_rows, rows.print_title_cols) == ("$1:$1", "$A:$C")


def test_what_the_descriptions_of_a_release_promise_holds_for_its_rows(night_city: City) -> None:
    """In both editions: every table is described, and each required value, list, key and foreign key is true."""
    for place in (night_city.data.published, night_city.data.published / "public"):
        (database,) = place.glob("*.duckdb")
        with duckdb.connect(str(database), read_only=True) as con:
            there = {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}
            for package in (place / "datapackage.json", place / "csv" / "datapackage.json"):
                described = {r["name"]: r for r in read_json(package)["resources"] if "schema" in r}
                assert set(described) == there, package
                for name, resource in described.items():
                    assert (package.parent / resource["path"]).is_file()
                    assert [*_broken(con, name, resource["schema"])] == [], f"{package}: {name}"
                resources = [r["name"] for r in read_json(package)["resources"]]
                assert [n for n in resources if not re.fullmatch(r"[-a-z0-9._/]+", n)] == []
        told = {f["name"]: f.get("told") for f in described["review_scorecard"]["schema"]["fields"]}
        assert told["reviews"] == (
            "不公布，公开版中为空 · not told: null in this edition" if "public" in str(place) else None
        )


def _broken(con: duckdb.DuckDBPyConnection, table: str, schema: Mapping[str, Any]) -> Iterator[str]:
    def count(condition: str) -> int:
        return int(con.execute(f'select count(*) from "{table}" as a where {condition}').fetchall()[0][0])

    for f in schema["fields"]:
        asked = f.get("constraints", {})
        # A reader of the package takes these texts for null.
        missing = ", ".join(literal(text) for text in f.get("missingValues", schema["missingValues"])) or "null"
        if asked.get("required") and count(f'"{f["name"]}" is null or "{f["name"]}"::varchar in ({missing})'):
            yield f"{f['name']}: required"
        listed = ", ".join(literal(str(v)) for v in asked.get("enum", ()))
        if listed and count(f'cast("{f["name"]}" as varchar) not in ({listed})'):
            yield f"{f['name']}: not in its list"
    key = ", ".join(f'"{c}"' for c in schema["primaryKey"])
    if con.execute(f'select {key} from "{table}" group by all having count(*) > 1').fetchall():
        yield f"{key}: repeated"
    for k in schema.get("foreignKeys", ()):
        (column,), (target,), other = k["fields"], k["reference"]["fields"], k["reference"]["resource"] or table
        if count(
            f'"{column}" is not null and not exists (select 1 from "{other}" as b where b."{target}" = a."{column}")'
        ):
            yield f"{column}: not in {other}.{target}"
