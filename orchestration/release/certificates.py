"""What a release says of itself, and which one readers see.

Belongs here: reading certificates, also damaged ones. Does not belong here: making a release (publishing) and managing those that
were made (management).
"""

import hashlib
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from contracts.whole_files import NotReadable, read_json
from orchestration.intake import ledger
from orchestration.paths import PROJECT, DataDirectory


@dataclass
class Certificate:
    """What a release is made of and what was checked."""

    release_id: str
    released_at: datetime
    code_version: str
    content_checksum: str
    receipts: int
    receipt_list: str  # SHA-256 over the sorted receipts the release contains
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)  # table → rows, checksum
    changed_tables: list[str] = field(default_factory=list)
    expectations: int = 0
    fictional: bool = False
    notes: str = ""
    disclosure: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # table → rule, what was withheld, what is unsafe
    # table whose content is an earlier release's → that release, what failed, and the sentence it failed with
    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    policies: str = ""  # SHA-256 (16 digits) over policies/
    code: str = ""  # and over what figures are computed by
    closed_periods: str | None = None  # each with its revision
    # table → the release in which it was written and audited, and how many promises it kept: this one, or one it was taken over from
    judged: dict[str, dict[str, Any]] = field(default_factory=dict)
    # table → rows, checksum as the public edition has it; nothing of releases made before these were kept
    public_tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    # the road network that distances are measured over (orchestration.derived.roads.used); empty: straight lines with detour
    roads: dict[str, Any] = field(default_factory=dict)


def current(data: DataDirectory) -> Certificate | None:
    """The certificate of the release that readers see, or should; None where there is none, or no copy of it reads."""
    if release_id := standing_id(data):
        releases = data.published / "releases"
        for path in (
            releases / release_id / "certificate.json",
            data.published / "certificates" / f"{release_id}.json",
        ):
            with suppress(NotReadable, FileNotFoundError):
                return _certificate(path)
    return None


def standing_id(data: DataDirectory) -> str | None:
    """The release that readers see. Where the link `current` is gone or names none that was made, the one that they should see: which
    `pointer.json` names, else the newest."""
    link, pointer = data.published / "current", data.published / "pointer.json"
    named = [link.readlink().name] if link.is_symlink() else []
    with suppress(NotReadable, FileNotFoundError):
        named.append(str(read_json(pointer).get("release")))
    return next((n for n in named if _was_made(data, n)), None) or _newest(
        (data.published / "certificates").glob("*.json")
    )


def _was_made(data: DataDirectory, release_id: str) -> bool:
    folder = data.published / "releases" / release_id
    return (data.published / "certificates" / f"{release_id}.json").is_file() or (folder / "certificate.json").is_file()


def _newest(paths: Iterable[Path]) -> str | None:
    """Of certificates, by day and number."""
    newest = max(paths, key=lambda p: (p.stem.rpartition(".")[0], _number(p.stem)), default=None)
    return newest.stem if newest else None


def last_told(data: DataDirectory) -> str | None:
    """The newest release that was ever shown: what it told is known, also where readers were led back to an earlier one."""
    told = [path for path in (data.published / "certificates").glob("*.json") if (data.disclosed / path.stem).is_dir()]
    return _newest(told) or standing_id(data)


def releases(data: DataDirectory) -> list[Certificate]:
    """Every certificate ever given, oldest first; the files of old releases may be gone."""
    found = []
    for path in (data.published / "certificates").glob("*.json"):
        try:
            found.append(_certificate(path))
        except NotReadable:
            # Of the releases that are kept, the same certificate lies with their files.
            with suppress(NotReadable, FileNotFoundError):
                found.append(_certificate(data.published / "releases" / path.stem / "certificate.json"))
    return sorted(found, key=lambda c: (c.released_at, _number(c.release_id)))


def before(data: DataDirectory, certificate: Certificate) -> Certificate | None:
    """The certificate of the release made before this one."""
    every = releases(data)
    place = next((i for i, c in enumerate(every) if c.release_id == certificate.release_id), 0)
    return every[place - 1] if place else None


def next_id(data: DataDirectory) -> str:
    """<day>.<n>, n counting the day's releases from 1."""
    day = data.today().isoformat()
    numbers = [_number(p.stem) for p in (data.published / "certificates").glob(f"{day}.*.json")]
    return f"{day}.{max(numbers, default=0) + 1}"


def _number(release_id: str) -> int:
    return int(release_id.rpartition(".")[2])


def code_version() -> str:
    """The commit the code stands at, or the package's version where there is no repository."""
    run = subprocess.run(
        ["git", "-C", str(PROJECT), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return run.stdout.strip() or "0.1.0"


def _certificate(path: Path) -> Certificate:
    try:
        raw = read_json(path)
        raw["released_at"] = datetime.fromisoformat(raw["released_at"])
        return Certificate(**raw)
    except (KeyError, TypeError, ValueError):
        raise NotReadable(path) from None


def receipts(data: DataDirectory) -> dict[str, str]:
    """Receipt → feed of the deliveries that stand."""
    standing = ledger.table(data).filter(pl.col("superseded_by").is_null(), is_latest=True, verdict="accepted")
    return dict(standing.select("receipt", "feed").sort("receipt").iter_rows())


def checksum_of(receipts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(receipts).encode()).hexdigest()
