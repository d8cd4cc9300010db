"""A release is made again from the archive alone, and every table is the same."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import pytest

from contracts.door.approvals import approvals, withdrawals
from contracts.whole_files import read_json, write_json
from orchestration.paths import DataDirectory
from orchestration.release import certificates
from orchestration.release.reproducing import NotReproducible, _copy_past, reproduce
from tests.orchestration.release.test_management import make


@pytest.mark.slow
def test_a_release_is_made_again_from_the_archive(night_city, tmp_path: Path) -> None:
    release_id = certificates.standing_id(night_city.data)
    found = reproduce(night_city.data, release_id, tmp_path / "again")
    assert len(found.same) > 25
    assert {table for table, same in found.same.items() if not same} == set()


def test_other_rules_than_the_releases_are_said(night_city, tmp_path: Path, monkeypatch) -> None:
    release_id = certificates.standing_id(night_city.data)
    monkeypatch.setattr("orchestration.release.revisions.policies_checksum", lambda: "another")
    with pytest.raises(NotReproducible, match=r"政策 policies.*check out"):
        reproduce(night_city.data, release_id, tmp_path / "again")
    with pytest.raises(NotReproducible, match="no release 1999"):
        reproduce(night_city.data, "1999-01-01.1", tmp_path / "again")
    assert json.loads((night_city.data.published / "current" / "certificate.json").read_text(encoding="utf-8"))[
        "policies"
    ]


def test_what_was_withdrawn_and_let_in_is_what_the_release_counts(tmp_path: Path) -> None:
    """Not what the day of the release says: a demo's calendar stands still, and a withdrawal may be taken back later."""
    data, past = DataDirectory(tmp_path / "data"), DataDirectory(tmp_path / "past")
    said = {"by": "王芳", "why": "来文有误", "at": "2026-11-30T20:07:07"}
    for path, more in (
        ("withdrawals/a.json", {"receipt": "a"}), ("withdrawals/b.json", {"receipt": "b", "at": "2026-01-01T00:00:00"}),
        ("withdrawals/undone/c.20261201T000000.json", {"receipt": "c", "undone_by": "x"}),
        ("approvals/d.json", {"receipt": "d"}), ("approvals/e.json", {"receipt": "e", "at": "2026-01-01T00:00:00"}),
    ):  # fmt: skip
        (data.root / path).parent.mkdir(parents=True, exist_ok=True)
        write_json(data.root / path, said | more)
    # The release counted b (it was withdrawn after it) and d; a and c were withdrawn then, e was not let in.
    _copy_past(data, past, datetime(2026, 3, 1, 23, 59, 59), frozenset("bd"))
    assert set(withdrawals(past.root)) == {"a", "c"}
    assert set(approvals(past.root)) == {"d"}
    later = DataDirectory(tmp_path / "later")
    _copy_past(data, later, datetime(2026, 3, 1, 23, 59, 59), None)  # its files are gone: by the day, as well as may be
    assert (set(withdrawals(later.root)), set(approvals(later.root))) == ({"b"}, {"e"})


@pytest.mark.parametrize(("again", "is_same"), [("0.12345678901249982", True), ("0.1234567891", False)])
def test_a_checksum_that_turned_with_the_order_of_adding_up_is_no_difference(
    tmp_path: Path, monkeypatch, again: str, is_same: bool
) -> None:
    data, row = DataDirectory(tmp_path / "data"), "(date '2026-01-01', 'health', 'late', 1, {share})"
    data.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
    made = make(data, 1, row.format(share="0.1234567890125"), receipts={})
    for rule in ("_same_rules", "_same_network"):
        monkeypatch.setattr(f"orchestration.release.reproducing.{rule}", lambda *_: None)

    def night(*_: object, env: dict[str, str], **__: object) -> None:
        past = DataDirectory(Path(env["MINSHENG_DATA"]))
        make(past, 1, row.format(share=again), receipts={})
        for path in (
            past.published / "certificates" / f"{made}.json",
            past.published / "releases" / made / "certificate.json",
        ):
            write_json(path, read_json(path) | {"tables": {"department_habit": {"rows": 1, "checksum": "another"}}})

    monkeypatch.setattr("orchestration.release.reproducing.subprocess.run", night)
    assert reproduce(data, made, tmp_path / "again").same == {"department_habit": is_same}


@pytest.mark.parametrize(
    ("changed", "february", "is_same"),
    [("2026-01-01", "0.5", True), ("2026-02-01", "0.5", False),
     # Added up in another order as well: bit by bit no open row would be as it was.
     ("2026-01-01", "0.5000000000000003", True), ("2026-01-01", "0.50001", False)],
)  # fmt: skip
def test_rows_of_a_closed_period_stand_as_approved_and_are_no_difference(
    tmp_path: Path, monkeypatch, changed: str, february: str, is_same: bool
) -> None:
    """They are another release's: a file that came late changes what is computed of the month, and not what stands."""
    data = DataDirectory(tmp_path / "data")
    data.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
    rows = {day: f"(date '{day}', 'health', 'late', 1, 0.5)" for day in ("2026-01-01", "2026-02-01")}
    made = make(data, 1, ", ".join(rows.values()), receipts={})
    for rule in ("_same_rules", "_same_network"):
        monkeypatch.setattr(f"orchestration.release.reproducing.{rule}", lambda *_: None)
    for path in (
        data.published / "certificates" / f"{made}.json",
        data.published / "releases" / made / "certificate.json",
    ):
        write_json(path, read_json(path) | {"closed_periods": "2026-01 (1)"})

    def night(*_: object, env: dict[str, str], **__: object) -> None:
        past = DataDirectory(Path(env["MINSHENG_DATA"]))
        other = {"2026-01-01": rows["2026-01-01"], "2026-02-01": rows["2026-02-01"].replace("0.5", february)}
        other |= {changed: f"(date '{changed}', 'health', 'late', 2, 0.25)"}
        make(past, 1, ", ".join(other.values()), receipts={})
        for path in (
            past.published / "certificates" / f"{made}.json",
            past.published / "releases" / made / "certificate.json",
        ):
            write_json(path, read_json(path) | {"tables": {"department_habit": {"rows": 2, "checksum": "another"}}})

    monkeypatch.setattr("orchestration.release.reproducing.subprocess.run", night)
    found = reproduce(data, made, tmp_path / "again")
    assert found.same == {"department_habit": is_same}
    assert found.closed == ({"department_habit"} if is_same else frozenset())
