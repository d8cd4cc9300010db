"""Write – audit – publish: readers see a whole release, the old one or the new one, or nothing has happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import contracts.audit
from contracts.loading import load_products
from contracts.model import Product
from contracts.whole_files import NotReadable
from orchestration.paths import PROJECT, DataDirectory
from orchestration.release import certificates, names, periods, publishing, standing, tables, taking_over
from orchestration.release.headlines import headlines
from orchestration.release.names import FICTIONAL, KEPT_RELEASES
from orchestration.release.tables import AuditFailed
from orchestration.warehouse import failures, inputs

PRODUCTS = {name: load_products()[name] for name in ("dim_department", "dim_division", "release_log")}
OLD_CLIENT = PROJECT / ".compat" / "duckdb"
SOME: Mapping[str, Any] = {
    "string": "x", "integer": 1, "number": 1.0, "boolean": False, "date": date(2026, 3, 1), "timestamp": datetime(2026, 3, 1),
}  # fmt: skip


def row(product: Product, **values: Any) -> list[Any]:
    """A row that keeps the contract: what it requires and nothing else, unless told."""
    usual = {f.name: next(iter(f.enum), SOME[f.kind]) if f.required else None for f in product.fields}
    return list((usual | values).values())


def departments(*codes: str, **values: Any) -> list[list[Any]]:
    return [row(PRODUCTS["dim_department"], department_code=code, **values) for code in codes]


def fill(data: DataDirectory, rows: list[list[Any]], *, fictional: bool = True) -> None:
    """The warehouse as dbt would leave it: two products, one with a column that nobody promised to anybody."""
    data.warehouse.parent.mkdir(parents=True, exist_ok=True)
    data.warehouse.unlink(missing_ok=True)
    division = row(PRODUCTS["dim_division"], division_code="990000000000", is_fictional=fictional)
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute("create schema products")
        for name, content in (("dim_department", rows), ("dim_division", [division])):
            fields = PRODUCTS[name].fields
            con.execute(f"create table products.{name} ({', '.join(f'{f.name} {f.sql_type}' for f in fields)})")
            con.executemany(f"insert into products.{name} values ({', '.join('?' for _ in fields)})", content)
        con.execute("alter table products.dim_department add column reviewer_phone varchar default '19900001111'")


def published(data: DataDirectory) -> dict[str, bytes | str]:
    """Everything below published/, byte for byte; a link is what it points to."""
    return {
        str(path.relative_to(data.published)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(data.published.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


class Reader:
    """A BI tool in a process of its own, which keeps its connection open."""

    PROGRAM = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
for query in sys.stdin:
    print(con.execute(query).fetchall(), flush=True)
"""

    def __init__(self, data: DataDirectory) -> None:
        command = [sys.executable, "-c", self.PROGRAM, str(data.published / names.DATABASE)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, query: str) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(query + "\n")
        self.process.stdin.flush()
        return eval(self.process.stdout.readline())  # our own program prints it

    def close(self) -> None:
        self.process.communicate()


@pytest.fixture
def reader(data: DataDirectory) -> Iterator[Callable[[], Reader]]:
    opened: list[Reader] = []

    def connect() -> Reader:
        opened.append(Reader(data))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promise: Any) -> DataDirectory:
    directory = DataDirectory(tmp_path)
    directory.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
    promise(PRODUCTS)
    monkeypatch.setattr(certificates, "code_version", lambda: "1")
    fill(directory, departments("health", "sports"))
    return directory


@pytest.fixture
def unaudited(monkeypatch: pytest.MonkeyPatch) -> None:
    """great_expectations and the pages take seconds and are tried elsewhere; here the question is what is done with an answer."""
    monkeypatch.setattr("contracts.audit.audit", lambda *_: {})
    for pages in ("data_docs", "bulletin.pages"):
        monkeypatch.setattr(f"orchestration.release.{pages}.write", lambda *_: None)


COUNT = "select count(*) from dim_department"


# ── what is published ───────────────────────────────────────────────────────────────────────────


def test_a_release_is_what_the_contracts_list_and_nothing_else(data) -> None:
    certificate, new = publishing.release(data)
    assert (new, certificate.release_id, certificate.fictional) == (True, "2026-03-01.1", True)
    assert certificate.expectations > len(PRODUCTS)
    assert {t: facts["rows"] for t, facts in certificate.tables.items()} == {"dim_department": 2, "dim_division": 1}
    with duckdb.connect(str(data.published / names.DATABASE), read_only=True) as con:
        for name, product in PRODUCTS.items():
            result = con.execute(f"from {name}")
            assert [d[0] for d in result.description] == [f.name for f in product.fields]
            table = result.fetchall()
            assert table
            assert con.execute(f"from '{data.published}/parquet/{name}.parquet'").fetchall() == table
        assert con.execute("select count(*) from duckdb_tables()").fetchone() == (len(PRODUCTS),)
        assert con.execute("select release_id, receipts from release_log").fetchall() == [("2026-03-01.1", 0)]
    assert not any(b"19900001111" in content for content in published(data).values() if isinstance(content, bytes))
    assert certificates.current(data) == certificate
    # What was checked, for a person: in the release, and not in what may leave the bureau.
    folder = data.published / "releases" / certificate.release_id
    assert {p.name for p in (folder / "data_docs").iterdir()} == {"index.html", *(f"{name}.html" for name in PRODUCTS)}
    assert (data.published / "data_docs").resolve() == (folder / "data_docs").resolve()
    assert not list((folder / "public").rglob("*.html"))


@pytest.mark.parametrize("fictional", [True, False])
def test_comments_begin_with_the_grain_and_say_what_is_fictional(data, unaudited, fictional) -> None:
    fill(data, departments("health"), fictional=fictional)
    publishing.release(data)
    with duckdb.connect(str(data.published / names.DATABASE), read_only=True) as con:
        tables = dict(con.execute("select table_name, comment from duckdb_tables()").fetchall())
        for name, product in PRODUCTS.items():
            assert tables[name].startswith(product.description), name
            assert (FICTIONAL in tables[name]) is fictional
            for column, comment in con.execute(
                "select column_name, comment from duckdb_columns() where table_name = ?", [name]
            ).fetchall():
                field = product.by_name[column]
                assert comment.startswith(f"{field.label_zh} · {field.label_en}"), f"{name}.{column}"
                assert (field.unit or "") in comment


@pytest.mark.parametrize("product", load_products().values(), ids=lambda p: p.id)
def test_no_comment_has_a_gap_where_a_contract_says_nothing(product) -> None:
    with duckdb.connect() as con:
        con.execute(f'create table "{product.id}" ({", ".join(f"{f.name} {f.sql_type}" for f in product.fields)})')
        tables.comment(con, "memory", product, fictional=True)
        told = con.execute(
            "select comment from duckdb_columns() union all select comment from duckdb_tables()"
        ).fetchall()
    assert [text for (text,) in told if text is not None and text != " ".join(text.split())] == []


def test_the_file_opens_in_a_client_of_duckdb_1_4(data, unaudited) -> None:
    """Most BI tools bundle one; `make .compat/duckdb` installs it."""
    if not OLD_CLIENT.is_dir() and not os.environ.get("CI"):
        pytest.skip("no .compat/duckdb: run `make .compat/duckdb`")
    publishing.release(data)
    program = """
import sys, duckdb
assert duckdb.__version__.startswith("1.4"), duckdb.__version__
con = duckdb.connect(sys.argv[1], read_only=True)
for (table,) in con.execute("select table_name from duckdb_tables() order by 1").fetchall():
    print(table, len(con.execute(f'from "{table}"').fetchall()), con.execute(f"from '{sys.argv[2]}/{table}.parquet'").fetchall() != [])
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(data.published / names.DATABASE), str(data.published / "parquet")],
        env={**os.environ, "PYTHONPATH": str(OLD_CLIENT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.stdout.splitlines() == ["dim_department 2 True", "dim_division 1 True", "release_log 1 True"], run.stderr


# ── readers while things happen ─────────────────────────────────────────────────────────────────


def test_an_open_reader_keeps_its_release_and_a_new_one_sees_the_next(data, unaudited, reader) -> None:
    publishing.release(data)
    early = reader()
    assert early.ask(COUNT) == [(2,)]
    fill(data, departments("health", "sports", "culture"))
    publishing.release(data)
    late = reader()
    assert (early.ask(COUNT), late.ask(COUNT)) == ([(2,)], [(3,)])
    assert early.ask("select release_id from release_log") == [("2026-03-01.1",)]


def test_a_reader_is_served_while_the_warehouse_is_being_written(data, unaudited, reader) -> None:
    publishing.release(data)
    with duckdb.connect(str(data.warehouse)) as writer:
        writer.execute("begin")
        writer.execute("delete from products.dim_department")
        assert reader().ask(COUNT) == [(2,)]


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────


def test_a_promise_broken_before_anything_was_released_releases_nothing(data) -> None:
    fill(data, departments("health", "health"))
    with pytest.raises(AuditFailed, match=r"dim_department\.department_code.*The last release stands\.$"):
        publishing.release(data)
    assert not (data.published / "current").exists()


def test_when_every_table_is_broken_what_is_published_stays_byte_for_byte(data) -> None:
    publishing.release(data)
    before = published(data)
    fill(data, departments("health", "health"))
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute("update products.dim_division set name = null")
    with pytest.raises(AuditFailed, match=r"2 of 2 tables cannot be released.*The last release stands\.$"):
        publishing.release(data)
    assert published(data) == before


@pytest.mark.parametrize("made", ["write_bulletin", "write_worklists"])
def test_what_cannot_be_made_of_a_broken_table_does_not_hinder_its_being_kept(data, monkeypatch, made) -> None:
    publishing.release(data)
    fill(data, departments("health", "health"), fictional=False)
    nights: list[Any] = []
    real = getattr(publishing.completing, made)
    monkeypatch.setattr(
        publishing.completing, made, lambda *a: nights.append(a) or (1 / 0 if len(nights) == 1 else real(*a))
    )
    certificate, new = publishing.release(data)
    assert (new, list(certificate.kept), len(nights)) == (True, ["dim_department"], 2)


def test_a_table_that_breaks_a_promise_keeps_its_content_and_the_release_says_so(data) -> None:
    publishing.release(data)
    fill(data, departments("health", "health"), fictional=False)
    certificate, new = publishing.release(data)
    assert (new, certificate.release_id, certificate.changed_tables) == (True, "2026-03-01.2", ["dim_division"])
    (kept,) = certificate.kept.values()
    assert (kept["release"], kept["name"]) == ("2026-03-01.1", "audit of dim_department")
    assert "dim_department.department_code" in kept["why"]
    with duckdb.connect(str(data.published / names.DATABASE), read_only=True) as con:
        assert con.execute("select department_code from dim_department order by 1").fetchall() == [
            ("health",),
            ("sports",),
        ]
        logged = con.execute("select kept_tables from release_log order by release_id").fetchall()
        assert logged == [(None,), ("dim_department of 2026-03-01.1 (audit of dim_department)",)]
    public = data.published / "public" / names.PUBLIC_DATABASE
    with duckdb.connect(str(public), read_only=True) as con:
        assert con.execute(COUNT).fetchone() == (2,)

    assert publishing.release(data) == (certificate, False)  # the same fault another night is no news

    fill(data, departments("health", "health"))
    third, _ = publishing.release(data)
    assert third.kept["dim_department"]["release"] == "2026-03-01.1"

    fill(data, departments("health", "culture", "sports"))
    fourth, _ = publishing.release(data)
    assert (fourth.kept, fourth.changed_tables) == ({}, ["dim_department"])


def test_what_failed_in_dbt_is_kept_until_it_has_succeeded(data, unaudited) -> None:
    publishing.release(data)
    node = "model.minsheng.dim_department"
    data.dbt_target.mkdir(parents=True)
    nodes = {node: {"name": "dim_department", "resource_type": "model"}}
    (data.dbt_target / "manifest.json").write_text(
        json.dumps({"nodes": nodes, "sources": {}, "child_map": {node: []}, "parent_map": {node: []}}), encoding="utf-8"
    )
    failures.remember(data, [{"unique_id": node, "status": "error", "message": "no column y"}])
    fill(data, departments("health", "culture", "sports"))
    certificate, _ = publishing.release(data)
    assert certificate.tables["dim_department"]["rows"] == 2
    assert certificate.kept["dim_department"]["why"] == "dbt model dim_department: no column y."
    failures.remember(data, [{"unique_id": node, "status": "success", "message": "OK"}])
    certificate, _ = publishing.release(data)
    assert (certificate.kept, certificate.tables["dim_department"]["rows"]) == ({}, 3)


def test_a_release_names_what_it_changes_of_the_last(data, unaudited, promise) -> None:
    promise({**PRODUCTS, "revision_log": load_products()["revision_log"]})
    publishing.release(data)
    fill(data, departments("health", "sports", name_en="changed"))
    publishing.release(data)
    query = (
        "select release_id, table_name, row_key ->> 'department_code', column_name, new_value, cause from revision_log"
    )
    with duckdb.connect(str(data.published / names.DATABASE), read_only=True) as con:
        told = con.execute(f"{query} order by all").fetchall()
    changed = [("2026-03-01.2", "dim_department", code, "name_en", "changed", "day") for code in ("health", "sports")]
    assert told == changed
    with duckdb.connect(str(data.published / "public" / names.PUBLIC_DATABASE), read_only=True) as con:
        assert "revision_log" not in {t for (t,) in con.execute("show tables").fetchall()}


def test_a_table_whose_contract_has_grown_since_the_last_release_cannot_be_kept(data) -> None:
    publishing.release(data)
    with duckdb.connect(str(data.published / names.DATABASE)) as con:
        con.execute("alter table dim_department drop column name_en")
    before = published(data)
    fill(data, departments("health", "health"))
    with pytest.raises(AuditFailed, match=r"dim_department cannot be released.*name_en.*The last release stands\.$"):
        publishing.release(data)
    assert published(data) == before


def test_a_column_that_was_promised_and_is_not_there_stops_the_release(data, unaudited) -> None:
    publishing.release(data)
    before = published(data)
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute("alter table products.dim_department drop column name_en")
    with pytest.raises(duckdb.Error, match="name_en"):
        publishing.release(data)
    assert published(data) == before


@pytest.mark.parametrize(
    "dies_in",
    [
        "tables.comment",
        "completing.files.write_tables",
        "completing.write_log",
        "publishing.write_json",
        "publishing._publish",
        "completing.write_bulletin",
        "completing.write_worklists",
        "completing.sdmx.write",
        "tables.files._write_csv",
    ],
)
def test_a_night_that_dies_while_it_writes_leaves_no_half_release(data, unaudited, monkeypatch, dies_in) -> None:
    publishing.release(data)
    seen = {name: content for name, content in published(data).items() if name.startswith(("current", "certificates"))}
    fill(data, departments("health"))
    threads = threading.active_count()
    with monkeypatch.context() as dying:
        dying.setattr(f"orchestration.release.{dies_in}", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publishing.release(data)
    assert threading.active_count() <= threads, "nothing runs on"
    left = published(data)
    assert {name: left.get(name) for name in seen} == seen
    assert certificates.current(data).release_id == "2026-03-01.1"
    assert not (data.published / ".candidate").exists()
    certificate, new = publishing.release(data)
    assert (new, certificate.release_id) == (True, "2026-03-01.2")
    with duckdb.connect(str(data.published / "current" / names.DATABASE), read_only=True) as con:
        assert con.execute(COUNT).fetchone() == (1,)


# ── when there is nothing new, and when there is much ───────────────────────────────────────────


def test_the_same_content_is_not_released_twice(data, unaudited) -> None:
    certificate, _ = publishing.release(data)
    before = published(data)
    fill(data, departments("sports", "health"))
    assert publishing.release(data) == (certificate, False)
    assert published(data) == before


def test_the_last_digits_of_a_parallel_sum_are_no_news(data, unaudited) -> None:
    def with_longitude(value: float) -> None:
        fill(data, departments("health"))
        with duckdb.connect(str(data.warehouse)) as con:
            con.execute("update products.dim_division set longitude = ?", [value])

    with_longitude(116.3)
    publishing.release(data)
    with_longitude(116.3 * (1 + 4e-16))
    assert publishing.release(data)[1] is False
    with_longitude(116.30000001)
    certificate, new = publishing.release(data)
    assert (new, certificate.changed_tables) == (True, ["dim_division"])


def test_other_code_is_another_release_of_the_same_content(data, unaudited, monkeypatch) -> None:
    publishing.release(data)
    monkeypatch.setattr(certificates, "code_version", lambda: "2")
    certificate, new = publishing.release(data)
    assert (new, certificate.release_id, certificate.changed_tables) == (True, "2026-03-01.2", [])


@pytest.mark.slow
def test_releases_are_counted_by_day_kept_for_a_while_and_logged_for_ever(data, unaudited, monkeypatch) -> None:
    nights = KEPT_RELEASES + 4
    for n in range(1, nights):
        fill(data, departments(*(f"d{i}" for i in range(n))))
        publishing.release(data)
    monkeypatch.setenv("MINSHENG_TODAY", "2026-03-02")
    fill(data, departments("health"))
    certificate, _ = publishing.release(data)
    given = [f"2026-03-01.{n}" for n in range(1, nights)] + ["2026-03-02.1"]
    assert certificate.release_id == given[-1]
    assert {p.name for p in (data.published / "releases").iterdir()} == set(given[-KEPT_RELEASES:])
    assert [c.release_id for c in certificates.releases(data)] == given
    with duckdb.connect(str(data.published / names.DATABASE), read_only=True) as con:
        assert [i for (i,) in con.execute("select release_id from release_log").fetchall()] == given


# ── what is taken over ──────────────────────────────────────────────────────────────────────────


def files_of(data: DataDirectory, table: str) -> dict[str, int]:
    """The files of a table in the release that stands, with what tells one file from another."""
    folder = (data.published / "current").resolve()
    names = [f"{edition}/{kind}/{table}.{kind}" for edition in (".", "public") for kind in ("parquet", "csv")]
    return {name: (folder / name).stat().st_ino for name in [*names, f"data_docs/{table}.html"]}


def test_a_table_that_is_as_it_was_is_taken_over_with_its_verdict(data, monkeypatch) -> None:
    first, _ = publishing.release(data)
    assert {f["release"] for f in first.judged.values()} == {first.release_id}
    before, other = files_of(data, "dim_division"), files_of(data, "dim_department")
    asked: list[str] = []
    audit = contracts.audit.audit
    monkeypatch.setattr("contracts.audit.audit", lambda path, products: asked.extend(products) or audit(path, products))
    fill(data, departments("health", "sports", "culture"))
    second, new = publishing.release(data)
    assert (new, second.changed_tables) == (True, ["dim_department"])
    assert sorted(asked) == ["dim_department", "release_log"]
    assert files_of(data, "dim_division") == before
    assert not set(files_of(data, "dim_department").values()) & set(other.values())
    # The certificate covers all of it, and says what was judged when.
    assert {t: f["release"] for t, f in second.judged.items()} == {
        "dim_division": first.release_id, "dim_department": second.release_id, "release_log": second.release_id,
    }  # fmt: skip
    assert second.expectations == sum(f["promises"] for f in second.judged.values()) == first.expectations
    index = (data.published / "data_docs" / "index.html").read_text(encoding="utf-8")
    assert index.count(f"<td>{first.release_id}</td>") == 1
    for edition in (".", "public"):
        (database,) = (data.published / "current" / edition).glob("*.duckdb")
        with duckdb.connect(str(database), read_only=True) as con:
            comment = con.execute("select comment from duckdb_tables() where table_name = 'dim_division'").fetchone()
            rows = con.execute("from dim_division").fetchall()
            assert rows == con.execute(f"from '{database.parent}/parquet/dim_division.parquet'").fetchall() != []
        assert comment[0].startswith(PRODUCTS["dim_division"].description)


def test_where_most_rows_are_taken_over_the_bureau_s_file_begins_as_the_last_one(data, monkeypatch) -> None:
    fill(data, departments(*(f"d{n}" for n in range(50))))
    built(data, dim_department="1", dim_division="1")
    first, _ = publishing.release(data)
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute("update products.dim_division set name = 'changed'")
    built(data, dim_department="1", dim_division="2")
    copied: list[Path] = []
    copyfile = tables.shutil.copyfile
    monkeypatch.setattr(tables.shutil, "copyfile", lambda a, b, **k: copied.append(b) or copyfile(a, b, **k))
    second, _ = publishing.release(data)
    assert [path.name for path in copied if path.suffix == ".duckdb"] == [names.DATABASE], "never the public file"
    assert (second.changed_tables, second.judged["dim_department"]["release"]) == (["dim_division"], first.release_id)
    for database in (names.DATABASE, f"public/{names.PUBLIC_DATABASE}"):
        with duckdb.connect(str(data.published / "current" / database), read_only=True) as con:
            assert con.execute("select name from dim_division").fetchall() == [("changed",)]
            assert con.execute(COUNT).fetchone() == (50,)
            assert con.execute("select count(*) from release_log").fetchone() == (2,)
            comments = con.execute(
                "select comment from duckdb_tables() where table_name in (select unnest(?))", [list(PRODUCTS)]
            ).fetchall()
            assert len(comments) == len(PRODUCTS)
            assert all(FICTIONAL in comment for (comment,) in comments)
    assert {t: f["rows"] for t, f in second.tables.items()} == {"dim_department": 50, "dim_division": 1}


def volumes(data: DataDirectory, visits: Mapping[str, int]) -> None:
    """The warehouse with the visits to a hall on some days of a large table, not in their order."""
    fields = VOLUME["fct_service_volume"].fields
    fill(data, departments("health"))
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute(f"create table products.fct_service_volume ({', '.join(f'{f.name} {f.sql_type}' for f in fields)})")
        rows = [
            row(VOLUME["fct_service_volume"], facility_id="a", period_start=date.fromisoformat(day), period_end=date.fromisoformat(day), visits=n)
            for day, n in visits.items()
        ]  # fmt: skip
        con.executemany(f"insert into products.fct_service_volume values ({', '.join('?' for _ in fields)})", rows)


VOLUME = {"fct_service_volume": load_products()["fct_service_volume"]}


def test_of_a_large_table_the_periods_that_stand_are_taken_over_row_for_row(data, unaudited, promise, monkeypatch, tmp_path) -> None:  # fmt: skip
    promise({**PRODUCTS, **VOLUME})
    days = {f"2026-02-{day:02}": 3 * day for day in range(9, 0, -1)}
    columns = "period_start::varchar, visits"

    def nights(folder: Path) -> list[Any]:
        """What two nights publish: both editions, their order, what the next one is compared with."""
        city = DataDirectory(folder)
        city.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
        found = []
        for visits in (days, {"2026-02-10": 40, **days, "2026-02-04": 19, "2026-02-05": 16}):
            volumes(city, visits)
            certificate, _ = publishing.release(city)
            for database in (names.DATABASE, f"public/{names.PUBLIC_DATABASE}"):
                with duckdb.connect(str(city.published / "current" / database), read_only=True) as con:
                    found.append(con.execute(f"select {columns} from fct_service_volume").fetchall())
            kept = city.disclosed / certificate.release_id / "fct_service_volume.parquet"
            found += [
                sorted(pl.read_parquet(kept).rows()),
                certificate.tables,
                certificate.public_tables,
                certificate.disclosure,
            ]
        return found

    whole = nights(tmp_path / "whole")
    assert all(whole[edition] == sorted(whole[edition]) for edition in (0, 1)), "in the order of their key"
    moved: list[Any] = []
    of_periods = tables._moved
    monkeypatch.setattr(tables, "LARGE", 1)
    monkeypatch.setattr(tables, "_moved", lambda *a: moved.append(of_periods(*a)) or moved[-1])
    assert nights(tmp_path / "by_period") == whole
    assert [sorted(map(str, m.periods)) for m in moved if m] == [["2026-02-04", "2026-02-05", "2026-02-10"]]
    # 12 people became 19 on the fourth, fewer than ten more; 40 came on a new day.
    assert [n for day, n in whole[-5] if day in ("2026-02-04", "2026-02-10")] == [15, 45]


def built(data: DataDirectory, **keys: str) -> None:
    """As if dbt had left the warehouse as it is now."""
    inputs.remember(data, {}, (), {f"model.minsheng.{name}": key for name, key in keys.items()})


def test_where_nothing_is_made_of_anything_else_the_warehouse_is_not_even_read(data, monkeypatch) -> None:
    built(data, dim_department="1", dim_division="1")
    certificate, _ = publishing.release(data)
    monkeypatch.setattr(tables, "write", lambda *_: 1 / 0)
    assert publishing.release(data) == (certificate, False)
    built(data, dim_department="2", dim_division="1")
    with pytest.raises(ZeroDivisionError):
        publishing.release(data)


def test_a_night_that_finds_the_same_rows_remembers_what_they_are_made_of_now(data, unaudited, monkeypatch) -> None:
    built(data, dim_department="1", dim_division="1")
    certificate, _ = publishing.release(data)
    built(data, dim_department="2", dim_division="1")
    assert publishing.release(data) == (certificate, False)
    monkeypatch.setattr(tables, "write", lambda *_: 1 / 0)
    assert publishing.release(data) == (certificate, False)


def _another_policy(patch: pytest.MonkeyPatch, data: DataDirectory) -> None:
    patch.setattr("orchestration.release.revisions.policies_checksum", lambda: "another")


def _another_contract_or_program(patch: pytest.MonkeyPatch, data: DataDirectory) -> None:
    patch.setattr("orchestration.warehouse.inputs.program_checksum", lambda: "another")  # its own test says what counts


def _another_k(patch: pytest.MonkeyPatch, data: DataDirectory) -> None:
    patch.setattr("orchestration.release.taking_over.parameter", lambda *_: 99)


def _a_closed_period(patch: pytest.MonkeyPatch, data: DataDirectory) -> None:
    periods.approve(data, "2026-01", "王芳", None, certificates.standing_id(data))


@pytest.mark.parametrize(
    "change", [_another_policy, _another_contract_or_program, _another_k, _a_closed_period], ids=lambda c: c.__name__
)
def test_nothing_is_taken_over_that_is_written_or_judged_by_something_else_now(data, monkeypatch, change) -> None:
    products = {**PRODUCTS, "fct_review": load_products()["fct_review"]}
    built(data, dim_department="1", dim_division="1", fct_review="1")
    before = taking_over.tonight(data, products)
    publishing.release(data)
    assert taking_over.of_the_same(before, taking_over.tonight(data, products)) == set(products) - {"release_log"}
    with monkeypatch.context() as patch:
        change(patch, data)
        assert taking_over.of_the_same(before, taking_over.tonight(data, products)) == set()


def test_a_release_after_such_a_change_has_judged_every_table_itself(data, monkeypatch) -> None:
    publishing.release(data)
    monkeypatch.setattr("orchestration.release.revisions.policies_checksum", lambda: "another")
    fill(data, departments("health"))
    certificate, _ = publishing.release(data)
    assert {f["release"] for f in certificate.judged.values()} == {certificate.release_id}


def test_what_turns_out_to_be_fictional_is_written_anew(data, monkeypatch) -> None:
    publishing.release(data)
    fill(data, departments("health", "sports"), fictional=False)
    certificate, _ = publishing.release(data)
    assert {f["release"] for f in certificate.judged.values()} == {certificate.release_id}
    with duckdb.connect(str(data.published / names.DATABASE), read_only=True) as con:
        comments = con.execute("select comment from duckdb_tables()").fetchall()
    assert not any(FICTIONAL in comment for (comment,) in comments)


@pytest.mark.parametrize(
    "lost", ["csv/dim_division.csv", "parquet/dim_division.parquet", "data_docs/dim_division.html"]
)
def test_a_table_of_which_a_file_is_gone_is_written_and_judged_again(data, lost) -> None:
    publishing.release(data)
    (data.published / "current" / lost).unlink()
    fill(data, departments("health"))
    certificate, _ = publishing.release(data)
    assert certificate.judged["dim_division"]["release"] == certificate.release_id
    assert (data.published / "current" / lost).is_file()


@pytest.mark.parametrize(
    "file", ["csv/dim_division.csv", "parquet/dim_division.parquet", "public/parquet/dim_division.parquet"]
)
@pytest.mark.parametrize("is_changed", [True, False])
def test_a_file_that_a_disk_has_cut_short_is_not_taken_over(data, file, is_changed) -> None:
    """It was, release after release, under a description that called it whole."""
    first, _ = publishing.release(data)
    whole, harmed = (data.published / "current" / file).read_bytes(), data.published / "current" / file
    harmed.write_bytes(whole[: len(whole) // 2])
    if is_changed:
        fill(data, departments("health"))
    assert not publishing.stands(data)
    second, new = publishing.release(data)
    assert (new, second.judged["dim_division"]["release"]) == (True, second.release_id)
    assert (data.published / "current" / file).read_bytes() == whole
    assert taking_over.harmed(data.published / "current") == []
    assert publishing.release(data) == (second, False)
    assert first.tables["dim_division"] == second.tables["dim_division"]


@pytest.mark.parametrize("database", standing.DATABASES)
def test_a_released_database_that_does_not_read_is_said_and_the_way_back_is_open(data, unaudited, database) -> None:
    first, _ = publishing.release(data)
    fill(data, departments("health"))
    publishing.release(data)
    harmed = data.published / "current" / database
    harmed.write_bytes(harmed.read_bytes()[: harmed.stat().st_size // 2])
    fill(data, departments("health", "culture"))
    with pytest.raises(NotReadable, match=rf"not readable in .*{database}.*release rollback {first.release_id}"):
        publishing.release(data)
    assert database != names.DATABASE or headlines(data) == []
    standing.show(data, first.release_id)
    third, new = publishing.release(data)
    assert (new, third.tables["dim_department"]["rows"]) == (True, 2)
    assert taking_over.harmed(data.published / "current") == []


def test_a_list_of_receipts_that_does_not_read_stops_no_release(data, unaudited) -> None:
    publishing.release(data)
    (data.published / "current" / names.RECEIPTS).write_text("{", encoding="utf-8")
    fill(data, departments("health"))
    assert publishing.release(data)[1]


def test_a_kept_table_is_not_taken_for_tonight_s(data) -> None:
    """It keeps an earlier content under tonight's key; the night after, the same key is not what the release holds."""
    built(data, dim_department="1", dim_division="1")
    publishing.release(data)
    fill(data, departments("health", "health"))
    built(data, dim_department="2", dim_division="1")
    assert publishing.release(data)[0].kept
    fill(data, departments("health", "culture"))
    built(data, dim_department="2", dim_division="1")
    certificate, _ = publishing.release(data)
    assert (certificate.kept, certificate.changed_tables) == ({}, ["dim_department"])
    assert certificate.judged["dim_department"]["release"] == certificate.release_id
