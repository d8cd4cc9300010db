"""A person's word on a delivery: one small JSON file per receipt, kept with the data.

`python -m contracts withdraw RECEIPT` takes an accepted delivery out of what counts; `--undo` lets it count again.
`python -m contracts release RECEIPT` writes it; the next night takes the file in with its guards off, and the ledger
says who let it through and why. It holds for these bytes of this sender only, and outlives a replay.
Does not belong here: when a file is held (guards.py) and taking it in (orchestration).
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.whole_files import NotReadable, read_json, write_json

FOLDER = "approvals"  # below the data directory
WITHDRAWN = "withdrawals"
UNDONE = "undone"  # below it: what was taken back


class NotHeld(ValueError):
    """The receipt is unknown, or nothing is there to be let through; the sentence says which."""


@dataclass(frozen=True)
class Approval:
    """Who let a held delivery through, when (wall time of the place) and why."""

    receipt: str
    by: str
    why: str
    at: datetime


def approve(root: Path, receipt: str, *, by: str, why: str, at: datetime) -> Approval:
    """Writes down that a held file may come in.

    Args:
        root: the data directory.

    Raises:
        NotHeld: no file with this receipt is held.
    """
    last = _last_attempt(root, receipt)
    if last is None:
        raise NotHeld(f"没有回执 {receipt}，请核对 · there is no receipt {receipt}; compare it with the message")
    if last["verdict"] != "held":
        verdict = last["verdict"]
        raise NotHeld(
            f"回执 {receipt} 的结论是 {verdict}，不是 held，无需放行 · {receipt} is {verdict}, not held: nothing to let through"
        )
    approval = Approval(receipt, by, why, at)
    write_json(root / FOLDER / f"{receipt}.json", asdict(approval))
    return approval


def approvals(root: Path) -> Mapping[str, Approval]:
    """Every approval by its receipt."""
    return {row["receipt"]: Approval(**row) for row in _words(root / FOLDER)}


@dataclass(frozen=True)
class Withdrawal:
    """Who took an accepted delivery out of what counts, when (wall time of the place) and why."""

    receipt: str
    by: str
    why: str
    at: datetime


def withdraw(root: Path, receipt: str, *, by: str, why: str, at: datetime) -> Withdrawal:
    """Writes down that an accepted delivery no longer counts, from the next night on.

    Raises:
        NotHeld: no accepted file has this receipt.
    """
    last = _last_attempt(root, receipt)
    if last is None:
        raise NotHeld(f"没有回执 {receipt}，请核对 · there is no receipt {receipt}; compare it with the message")
    if last["verdict"] != "accepted":
        verdict = last["verdict"]
        raise NotHeld(
            f"回执 {receipt} 的结论是 {verdict}，不是 accepted，没有入库 · {receipt} is {verdict}, not accepted: it does not count"
        )
    withdrawal = Withdrawal(receipt, by, why, at)
    write_json(root / WITHDRAWN / f"{receipt}.json", asdict(withdrawal))
    return withdrawal


def undo_withdrawal(root: Path, receipt: str, *, by: str, why: str, at: datetime) -> Withdrawal:
    """Lets a withdrawn delivery count again, from the next night on; who withdrew it, and who took that back, is kept.

    Raises:
        NotHeld: no delivery with this receipt is withdrawn.
    """
    withdrawal = withdrawals(root).get(receipt)
    if withdrawal is None:
        raise NotHeld(f"回执 {receipt} 没有被撤回 · {receipt} is not withdrawn")
    kept = root / WITHDRAWN / UNDONE / f"{receipt}.{at:%Y%m%dT%H%M%S}.json"
    write_json(kept, {**asdict(withdrawal), "undone_by": by, "undone_why": why, "undone_at": at})
    (root / WITHDRAWN / f"{receipt}.json").unlink()
    return withdrawal


def withdrawals(root: Path) -> Mapping[str, Withdrawal]:
    """Every withdrawal that stands, by its receipt."""
    return {row["receipt"]: Withdrawal(**row) for row in _words(root / WITHDRAWN)}


def _words(folder: Path) -> Iterator[dict[str, Any]]:
    """What people have said, oldest receipt name first.

    Raises:
        NotReadable: one of them does not read; it is not guessed what a person said.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            row = read_json(path)
            yield {**row, "at": datetime.fromisoformat(row["at"])}
        except (KeyError, TypeError, ValueError):
            raise NotReadable(path, "请删除后重新执行命令。", "remove it and give the command again.") from None


def who() -> str:
    """The name of whoever is at the keyboard, as the system knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry in the user database, as in many containers
        return f"uid {os.getuid()}"


def _last_attempt(root: Path, receipt: str) -> dict[str, Any] | None:
    if not re.fullmatch("[0-9a-f]{16}", receipt):
        return None
    rows = []
    for path in (root / "receipts").glob(f"*/*/{receipt}.*.json"):
        try:
            rows.append(read_json(path))
        except NotReadable:
            continue  # the next night makes it again
    tried = [row for row in rows if row["verdict"] != "duplicate"]
    return max(tried, key=lambda row: row["attempt"], default=None)
