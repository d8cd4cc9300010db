"""What waits for a person, and writing down what the person says: the approvals and seeds that one may also write by hand.

Every decision has a name, a day and a reason. Belongs here: which files, pairs and units wait, and the line in the seed.
Does not belong here: what follows from a decision (the next night).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from contracts.door import approvals
from contracts.loading import POLICIES, load_feeds, seed
from contracts.whole_files import write_text
from orchestration.holding import alone
from orchestration.paths import DataDirectory
from orchestration.release import standing

PAIRS, UNITS, WAIVERS = "facility_link_decisions", "division_change_decisions", "validation_waivers"
SAME, DIFFERENT = "same", "different"
# A weak sign of what became of a division is shown, the weakest first.
SURE_FROM = 0.9
# Of more of a kind that wait a page shows these; what is decided makes room.
SHOWN = 200


class NotDecided(ValueError):
    """What was said cannot be written down; the sentence says why."""


def held(data: DataDirectory) -> list[dict[str, Any]]:
    """Deliveries that wait for a person and have not been let through, the newest first."""
    from orchestration.intake import landing

    said = approvals.approvals(data.root)
    waiting = [
        a for a in landing.latest(landing.attempts(data)).values() if a.verdict == "held" and a.receipt not in said
    ]
    named = {f.id: f"{f.label_zh} · {f.label_en}" for f in load_feeds().values()}
    found = sorted(waiting, key=lambda a: a.received_at, reverse=True)
    return [vars(a) | {"feed_label": named.get(a.feed, a.feed)} for a in found]


def let_through(data: DataDirectory, receipt: str, *, by: str, why: str) -> None:
    """A held file comes in with the next night.

    Raises:
        NotDecided: nobody's name, no reason, or the file does not wait.
    """
    by, why = _person(by, why)
    try:
        approvals.approve(data.root, receipt, by=by, why=why, at=data.now())
    except approvals.NotHeld as refused:
        raise NotDecided(str(refused)) from None


def pairs(data: DataDirectory, policies: Path = POLICIES) -> list[dict[str, Any]]:
    """Pairs of facilities that a person should look at, as the current release has them, without those decided since."""
    decided = {frozenset((row["left_id"], row["right_id"])) for row in _rows(policies / f"{PAIRS}.csv")}
    found = _published(
        data, "facility_link",
        "select left_id, right_id, left_name, right_name, left_address, right_address, left_department_code, right_department_code, distance_m, "
        "probability from facility_link "
        "where decision = 'review' order by probability desc nulls last, left_id, right_id",
    )  # fmt: skip
    return [row for row in found if frozenset((row["left_id"], row["right_id"])) not in decided]


def decide_pair(
    data: DataDirectory, left_id: str, right_id: str, decision: str, *, by: str, why: str, policies: Path = POLICIES
) -> None:
    """Whether two registrations are one building.

    Raises:
        NotDecided: nobody's name, no reason, another word, or the pair does not wait for a person.
    """
    by, why = _person(by, why)
    _one_of(decision)
    with alone(policies / f".{PAIRS}.lock", "a decision at the desk"):
        if (left_id, right_id) not in {(row["left_id"], row["right_id"]) for row in pairs(data, policies)}:
            raise NotDecided(
                "这一对设施不在待定之列（可能刚由他人决定） · this pair does not wait for a decision; somebody may just have decided it"
            )
        _add(policies / f"{PAIRS}.csv", [left_id, right_id, decision, by, data.today(), why])


def units(data: DataDirectory, policies: Path = POLICIES) -> list[dict[str, Any]]:
    """What is thought to have become of divisions on a weak sign, the weakest first, without what was decided since."""
    decided = {(row["to_vintage"], row["old_code"], row["new_code"]) for row in _rows(policies / f"{UNITS}.csv")}
    found = _published(
        data, "division_successor",
        "select from_vintage, to_vintage, level, old_code, old_name, new_code, new_name, change, reason, confidence from division_successor "
        f"where old_code is not null and reason <> 'decided_by_hand' and confidence < {SURE_FROM} "
        "order by confidence, old_code, new_code",
    )  # fmt: skip
    return [row for row in found if (str(row["to_vintage"]), row["old_code"], row["new_code"] or "") not in decided]


def decide_unit(
    data: DataDirectory,
    to_vintage: str,
    old_code: str,
    new_code: str,
    decision: str,
    *,
    by: str,
    why: str,
    policies: Path = POLICIES,
) -> None:
    """Whether the newer unit carries the older on; an empty `new_code` with `same`: nothing does.

    Raises:
        NotDecided: nobody's name, no reason, another word, or the pair does not wait for a person.
    """
    by, why = _person(by, why)
    _one_of(decision)
    with alone(policies / f".{UNITS}.lock", "a decision at the desk"):
        waiting = {(str(row["to_vintage"]), row["old_code"], row["new_code"] or "") for row in units(data, policies)}
        if (to_vintage, old_code, new_code) not in waiting:
            raise NotDecided(
                "这一变动不在待定之列（可能刚由他人决定） · this change does not wait for a decision; somebody may just have decided it"
            )
        _add(policies / f"{UNITS}.csv", [to_vintage, old_code, new_code, decision, by, data.today(), why])


def violations(data: DataDirectory, policies: Path = POLICIES) -> list[dict[str, Any]]:
    """Open violations of validation rules as the current release has them, the most important first, without those waived since."""
    waived = {tuple(row.get(c) or "" for c in _VIOLATION) for row in _rows(policies / f"{WAIVERS}.csv")}
    found = _published(
        data, "validation_result",
        "select rule_code, unit_code, unit_name, area_type, period, importance, left_value, operator, right_value, is_judged, found_on "
        "from validation_result where status = 'open' order by case importance when 'high' then 1 when 'medium' then 2 else 3 end, "
        "period desc, rule_code, unit_code, area_type",
    )  # fmt: skip
    rules = {row["code"]: row for row in seed("validation_rules")}
    waiting = [row | {"rule": rules[row["rule_code"]]} for row in found if row["rule_code"] in rules]
    return [row for row in waiting if _named(row) not in waived]


def waive(data: DataDirectory, violation: Mapping[str, str], *, by: str, why: str, policies: Path = POLICIES) -> None:
    """A violation stands as it is, as long as its figures are these.

    Raises:
        NotDecided: nobody's name, no reason, or the violation does not wait for a person with these figures.
    """
    by, why = _person(by, why)
    said = tuple(violation.get(c, "") for c in _VIOLATION)
    with alone(policies / f".{WAIVERS}.lock", "a decision at the desk"):
        if said not in {_named(row) for row in violations(data, policies)}:
            raise NotDecided(
                "这一校验结果不在待定之列（可能刚由他人豁免，或数已更新） · this violation does not wait for a decision; somebody may just have "
                "waived it, or its figures are others now"
            )
        _add(policies / f"{WAIVERS}.csv", [*said, by, data.today(), why])


_VIOLATION = ("rule_code", "unit_code", "area_type", "period", "left_value", "right_value")


def _named(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A violation and its figures as a waiver names them; every digit of a figure is written."""
    return tuple("" if row[c] is None else str(row[c]) for c in _VIOLATION)


def _person(by: str, why: str) -> tuple[str, str]:
    by, why = " ".join(by.split()), " ".join(why.split())
    if not by or not why:
        raise NotDecided("请填写决定人姓名和原因 · give your name and the reason")
    return by, why


def _one_of(decision: str) -> None:
    if decision not in (SAME, DIFFERENT):
        raise NotDecided(f"只能选 {SAME} 或 {DIFFERENT} · choose {SAME} or {DIFFERENT}")


def _published(data: DataDirectory, table: str, query: str) -> list[dict[str, Any]]:
    """Rows of the current release; none before the first, or where it has no such table.

    Raises:
        NotReadable: the release is lost.
    """
    database = standing.database(data)
    if database is None:
        return []
    with duckdb.connect(str(database), read_only=True) as con:
        if not con.execute("select 1 from duckdb_tables() where table_name = ?", [table]).fetchone():
            return []
        cursor = con.execute(query)
        names = [d[0] for d in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _rows(path: Path) -> list[Mapping[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:  # somebody may have saved it with Excel
        return list(csv.DictReader(file))


def _add(path: Path, values: Sequence[Any]) -> None:
    """One line more; the others stay byte for byte as they are."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([v.isoformat() if isinstance(v, date) else v for v in values])
    there = path.read_text(encoding="utf-8")
    write_text(path, f"{there}{'' if there.endswith(chr(10)) else chr(10)}{line.getvalue()}")
