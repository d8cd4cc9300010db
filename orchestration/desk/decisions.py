"""What waits for a person, and writing down what the person says: the approvals and seeds that one may also write by hand.

Every decision has a name, a day and a reason. Belongs here: which files, pairs and units wait, and the line in the seed.
Does not belong here: what follows from a decision (the next night).
"""

from __future__ import annotations

import csv
import io
import re
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
# Letters of a name and of a reason: they stand in a line of a table.
LONGEST = {"by": 60, "why": 1000}
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
    with alone(data.root / approvals.FOLDER / ".lock", "a decision at the desk"):
        said = approvals.approvals(data.root).get(receipt)
        if said and (said.by, said.why) == (by, why):
            return
        if said:
            raise NotDecided(_already(said.by, f"{said.at:%Y-%m-%d %H:%M}", said.why))
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
        if _stands(policies / f"{PAIRS}.csv", {"left_id": left_id, "right_id": right_id}, decision, by, why):
            return
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
        of = {"to_vintage": to_vintage, "old_code": old_code, "new_code": new_code}
        if _stands(policies / f"{UNITS}.csv", of, decision, by, why):
            return
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
        if _stands(policies / f"{WAIVERS}.csv", dict(zip(_VIOLATION, said, strict=True)), None, by, why):
            return
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


def plain(text: str, instead: str = "") -> str:
    """A text without signs that nobody sees: control characters, and those that turn the direction of what follows."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", instead, text)


def _person(by: str, why: str) -> tuple[str, str]:
    """Name and reason in one line each, as they can stand in a table that somebody opens with a spreadsheet."""
    by, why = (plain(" ".join(text.split())).strip() for text in (by, why))
    if not by or not why:
        raise NotDecided("请填写决定人姓名和原因 · give your name and the reason")
    for words, (text, longest) in {
        "姓名 · the name": (by, LONGEST["by"]),
        "原因 · the reason": (why, LONGEST["why"]),
    }.items():
        if len(text) > longest:
            raise NotDecided(f"太长：{words}（{len(text)}，至多 at most {longest}）")
    # A spreadsheet would take such a text for a formula.
    by, why = (f"'{text}" if text[0] in "=+-@" else text for text in (by, why))
    return by, why


def _already(by: str, on: str, why: str, decision: str = "") -> str:
    return f"{by} 已于 {on} 决定{decision}：{why} · decided by {by} on {on}{decision}: {why}"


def _stands(path: Path, of: Mapping[str, str], decision: str | None, by: str, why: str) -> bool:
    """Whether just this has been written down, as by a form that is sent twice.

    Raises:
        NotDecided: somebody has decided it otherwise, or for another reason; the sentence says who.
    """
    for row in _rows(path):
        if all((row.get(column) or "") == value for column, value in of.items()):
            if (row.get("decision"), row.get("decided_by"), row.get("reason")) == (decision, by, why):
                return True
            told = f" ({row['decision']})" if decision else ""
            raise NotDecided(
                _already(row.get("decided_by") or "", row.get("decided_on") or "", row.get("reason") or "", told)
            )
    return False


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
    return list(csv.DictReader(io.StringIO(_text(path).removeprefix("\ufeff"), newline="")))


def _text(path: Path) -> str:
    """A seed byte for byte, as somebody may have saved it with Excel.

    Raises:
        NotDecided: it is not in UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise NotDecided(
            f"policies/{path.name} 不是 UTF-8 编码：请在 Excel 中另存为“CSV UTF-8（逗号分隔）” · policies/{path.name} is not in UTF-8: save it as “CSV UTF-8”"
        ) from None


def _add(path: Path, values: Sequence[Any]) -> None:
    """One line more; the others stay byte for byte as they are."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([v.isoformat() if isinstance(v, date) else v for v in values])
    there = _text(path)
    write_text(path, f"{there}{'' if there.endswith(chr(10)) else chr(10)}{line.getvalue()}")
