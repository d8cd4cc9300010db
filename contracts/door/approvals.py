"""A person's word that lets a held file through: one small JSON file per receipt, kept with the data.

`python -m contracts release RECEIPT` writes it; the next night takes the file in with its guards off, and the ledger
says who let it through and why. It holds for these bytes of this sender only, and outlives a replay.
Does not belong here: when a file is held (guards.py) and taking it in (orchestration).
"""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

FOLDER = "approvals"  # below the data directory


class NotHeld(ValueError):
    """The receipt is unknown, or nothing is there to be let through; the sentence says which."""


@dataclass(frozen=True)
class Approval:
    """Who let a held delivery through, when (Asia/Shanghai wall time) and why."""

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
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / f".{receipt}.writing"
    staged.write_text(
        json.dumps({**asdict(approval), "at": at.isoformat()}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    staged.replace(folder / f"{receipt}.json")
    return approval


def approvals(root: Path) -> Mapping[str, Approval]:
    """Every approval by its receipt."""
    found = {}
    for path in sorted((root / FOLDER).glob("*.json")):
        row = json.loads(path.read_text(encoding="utf-8"))
        found[row["receipt"]] = Approval(**{**row, "at": datetime.fromisoformat(row["at"])})
    return found


def who() -> str:
    """The name of whoever is at the keyboard, as the system knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry in the user database, as in many containers
        return f"uid {os.getuid()}"


def _last_attempt(root: Path, receipt: str) -> dict[str, Any] | None:
    if not re.fullmatch("[0-9a-f]{16}", receipt):
        return None
    rows = [json.loads(p.read_text(encoding="utf-8")) for p in (root / "receipts").glob(f"*/*/{receipt}.*.json")]
    tried = [row for row in rows if row["verdict"] != "duplicate"]
    return max(tried, key=lambda row: row["attempt"], default=None)
