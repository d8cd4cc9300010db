"""A period that a person closed: whatever the warehouse says later, readers see what was approved, until a revision says why not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from test_publishing import SOME

from contracts.loading import load_products
from orchestration.__main__ import main
from orchestration.paths import DataDirectory
from orchestration.release import certificates, names, periods, publishing
from orchestration.release.reproduce_command import _approved_in

NAMES = ("dim_division", "department_habit", "sender_coverage", "release_log", "revision_log")
PRODUCTS = {name: load_products()[name] for name in NAMES}
JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)


def fill(data: DataDirectory, days: Mapping[date, int]) -> None:
    """A warehouse in which a sender lost so many days of each month."""
    data.warehouse.parent.mkdir(parents=True, exist_ok=True)
    data.warehouse.unlink(missing_ok=True)
    rows: dict[str, list[dict[str, Any]]] = {
        "dim_division": [{"division_code": "990000000000"}],
        "department_habit": [],
        "sender_coverage": [
            {"feed": "evaluation.contacts", "sender": "s", "month": month, "lost_days": n} for month, n in days.items()
        ],
    }
    with duckdb.connect(str(data.warehouse)) as con:
        con.execute("create schema products")
        for name, content in rows.items():
            fields = PRODUCTS[name].fields
            con.execute(f"create table products.{name} ({', '.join(f'{f.name} {f.sql_type}' for f in fields)})")
            for said in content:
                usual = {f.name: next(iter(f.enum), SOME[f.kind]) if f.required else None for f in fields} | said
                con.execute(
                    f"insert into products.{name} values ({', '.join('?' for _ in fields)})", list(usual.values())
                )


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promise: Any) -> DataDirectory:
    directory = DataDirectory(tmp_path)
    directory.set_calendar(date(2026, 3, 10), date(2026, 1, 1))
    promise(PRODUCTS)
    monkeypatch.setattr(certificates, "code_version", lambda: "1")
    monkeypatch.setattr("contracts.audit.audit", lambda *_: {})
    monkeypatch.setattr("orchestration.release.data_docs.write", lambda *_: None)
    monkeypatch.setattr("orchestration.release.charts.write", lambda *_: None)
    monkeypatch.setattr("orchestration.release.bulletin.pages.write", lambda *_: None)
    monkeypatch.setenv("MINSHENG_DATA", str(tmp_path))
    fill(directory, {JANUARY: 1, FEBRUARY: 2, MARCH: 3})
    publishing.release(directory)
    return directory


def ask(data: DataDirectory, query: str) -> list[Any]:
    with duckdb.connect(str(data.published / names.DATABASE), read_only=True) as con:
        return con.execute(query).fetchall()


def lost_days(data: DataDirectory) -> dict[date, int]:
    return dict(ask(data, "select month, lost_days from sender_coverage"))


REVISIONS = "select period, old_value, new_value, revision, reason from revision_log order by release_id, period"


def test_figures_of_a_closed_period_stand_until_a_revision_with_a_reason(data, capsys) -> None:
    assert main(["release", "approve", "2026-02", "--by", "王芳"]) == 0
    assert "2026-03-10.1" in capsys.readouterr().out
    fill(data, {JANUARY: 10, FEBRUARY: 20, MARCH: 30})
    certificate, new = publishing.release(data)
    assert (new, certificate.closed_periods) == (True, "2026-02 (1)")
    assert lost_days(data) == {JANUARY: 10, FEBRUARY: 2, MARCH: 30}
    assert ask(data, REVISIONS) == [(JANUARY, "1", "10", None, None)]

    assert main(["release", "approve", "2026-02", "--by", "王芳"]) == 1, "a revision has a reason"
    assert main(["release", "approve", "2026-02", "--by", "李明", "--reason", "补报了两天的文件, it's late"]) == 0
    certificate, new = publishing.release(data)
    assert (new, certificate.closed_periods) == (True, "2026-02 (2)")
    assert lost_days(data)[FEBRUARY] == 20
    assert ask(data, REVISIONS)[-1] == (FEBRUARY, "2", "20", 2, "补报了两天的文件, it's late")

    fill(data, {JANUARY: 10, FEBRUARY: 0, MARCH: 30})
    assert publishing.release(data) == (certificate, False), "closed again: nothing else changed"
    assert [(c.revision, c.approved_by, c.release_id) for c in periods.approvals(data)] == [
        (1, "王芳", "2026-03-10.1"),
        (2, "李明", "2026-03-10.3"),
    ]


def test_a_row_that_comes_or_goes_later_does_not_change_a_closed_period(data) -> None:
    main(["release", "approve", "2026-02", "--by", "王芳"])
    fill(data, {JANUARY: 1, MARCH: 3})
    publishing.release(data)
    assert lost_days(data) == {JANUARY: 1, FEBRUARY: 2, MARCH: 3}
    assert len(ask(data, "from release_log where closed_periods = '2026-02 (1)'")) == 0, (
        "nothing changed, nothing released"
    )


def test_a_year_holds_its_months_and_not_those_around_it(data) -> None:
    data.set_calendar(date(2027, 1, 5), date(2026, 1, 1))
    fill(data, {date(2025, 12, 1): 4, JANUARY: 1, date(2027, 1, 1): 5})
    publishing.release(data)
    main(["release", "approve", "2026", "--by", "王芳"])
    fill(data, {date(2025, 12, 1): 40, JANUARY: 10, FEBRUARY: 20, date(2027, 1, 1): 50})
    publishing.release(data)
    assert lost_days(data) == {date(2025, 12, 1): 40, JANUARY: 1, date(2027, 1, 1): 50}


@pytest.mark.parametrize(
    ("period", "by", "said"),
    [("2026-03", "王芳", "not over"), ("2026Q1", "王芳", "not over"), ("2026-13", "王芳", "no period"),
     ("2月", "王芳", "no period"), ("2026-02", "  ", "who approves")],
)  # fmt: skip
def test_what_cannot_be_approved_is_refused_with_a_sentence(data, capsys, period, by, said) -> None:
    assert main(["release", "approve", period, "--by", by]) == 1
    assert said in capsys.readouterr().out
    assert periods.approvals(data) == []


def test_nothing_is_approved_before_the_first_release(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("MINSHENG_DATA", str(tmp_path))
    assert main(["release", "approve", "2025-12", "--by", "王芳"]) == 1
    assert "Nothing has been released" in capsys.readouterr().out


def test_periods_are_months_quarters_and_years() -> None:
    assert periods.days_of("2026-02") == (FEBRUARY, date(2026, 2, 28))
    assert periods.days_of("2026Q4") == (date(2026, 10, 1), date(2026, 12, 31))
    assert periods.days_of("2024") == (date(2024, 1, 1), date(2024, 12, 31))


def test_what_proves_figures_that_stand_as_approved_is_named(data) -> None:
    """A release that holds them does not compute them; the one that was approved does."""
    main(["release", "approve", "2026-02", "--by", "王芳"])
    fill(data, {JANUARY: 10, FEBRUARY: 20, MARCH: 30})
    assert _approved_in(data, publishing.release(data)[0]) == ["2026-03-10.1"]
    main(["release", "approve", "2026-02", "--by", "王芳", "--reason", "补报"])
    revised = publishing.release(data)[0]
    assert _approved_in(data, revised) == [revised.release_id]
