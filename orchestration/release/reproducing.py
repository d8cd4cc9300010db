"""An old release made again from the archive, in a folder of its own, and held against its certificate table by table.

What had come by the release's time is taken in again: the archived bytes, what people had said of them, and the receipts that have no
bytes (sent twice, overdue). Nothing of the data directory is written.
Belongs here: which of the past belongs to a release, and the comparison. Does not belong here: the night itself.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from contracts.whole_files import NotReadable, read_json
from orchestration.paths import PROJECT, DataDirectory
from orchestration.release import publishing, revisions
from orchestration.release.publishing import Certificate

WITHOUT_BYTES = ("duplicate", "missing")
# They tell of releases, not of a city: a directory made anew has one release.
OF_RELEASES = frozenset({"release_log", "revision_log"})


class NotReproducible(ValueError):
    """The release cannot be made again here; the sentence says what is needed."""


@dataclass(frozen=True)
class Reproduced:
    """Table → whether it is the same; None where the release had kept an earlier release's content."""

    certificate: Certificate
    again: Certificate
    same: dict[str, bool | None]


def register(group: Any) -> None:
    """`python -m orchestration reproduce RELEASE`."""
    command = group.add_parser("reproduce", help="由存档重做一次发布并核对 · make a release again from the archive and compare")
    command.add_argument("release", help="2026-03-01.1")
    command.add_argument("--in", dest="folder", type=Path, help="在哪里重做 · an empty folder to make it in; else a temporary one")
    command.add_argument("--anyway", action="store_true", help="程序或政策不同也做 · although code or policies are others")
    command.set_defaults(do=tell)


def reproduce(data: DataDirectory, release_id: str, folder: Path, *, anyway: bool = False) -> Reproduced:
    """Spends the night of a release again in `folder`.

    Raises:
        NotReproducible: there is no such release, code or policies are others now, or the night gave no release.
    """
    certificate = next((c for c in publishing.releases(data) if c.release_id == release_id), None)
    if certificate is None:
        raise NotReproducible(f"没有发布 {release_id} · there is no release {release_id}")
    if not anyway:
        _same_rules(certificate)
    past = DataDirectory(folder)
    _copy_past(data, past, certificate.released_at)
    past.set_calendar(certificate.released_at.date(), data.first_day())
    environment = {k: v for k, v in os.environ.items() if k not in ("MINSHENG_TODAY", "MINSHENG_FIRST_DAY", "DAGSTER_HOME", "MINSHENG_POSTGRES")}
    night = subprocess.run(
        [sys.executable, "-m", "orchestration", "night"], cwd=PROJECT, env={**environment, "MINSHENG_DATA": str(past.root)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    again = publishing.current(past)
    if again is None:
        last = (night.stdout or night.stderr).strip().splitlines()[-1:]
        raise NotReproducible(f"重做的运行没有发布 · the night that was spent again released nothing: {' '.join(last)}")
    same = {
        table: None if table in certificate.kept else again.tables.get(table) == facts
        for table, facts in certificate.tables.items()
        if table not in OF_RELEASES
    }
    return Reproduced(certificate, again, same)


def _same_rules(certificate: Certificate) -> None:
    for what, then, now in (
        ("政策 policies", certificate.policies, revisions.policies_checksum()),
        ("程序 code", certificate.code, revisions.code_checksum()),
    ):
        if then and then != now:
            raise NotReproducible(
                f"{what}：{certificate.release_id} 用的是另一版，请先取出版本 {certificate.code_version}，或加 --anyway · "
                f"{certificate.release_id} was made with others: check out {certificate.code_version} first, or say --anyway"
            )


def _copy_past(data: DataDirectory, past: DataDirectory, until: datetime) -> None:
    """Everything that had come and been said by `until`; bytes as links, for an archive may be large."""
    for label in data.archive.glob("*/*/*.json"):
        try:
            if datetime.fromisoformat(read_json(label)["received_at"]) > until:
                continue
        except (NotReadable, KeyError):
            continue
        for path in label.parent.glob(f"{label.stem}.*"):
            target = past.archive / path.relative_to(data.archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.hardlink_to(path)
            except OSError:  # another disk
                shutil.copy2(path, target)
    for path in data.receipts.glob("*/*/*.json"):
        try:
            receipt = read_json(path)
        except NotReadable:
            continue
        if receipt.get("verdict") in WITHOUT_BYTES and datetime.fromisoformat(receipt["attempted_at"]) <= until:
            _copy(path, past.receipts / path.relative_to(data.receipts))
    for name in ("approvals", "withdrawals"):
        for path in (data.root / name).glob("*.json"):
            if datetime.fromisoformat(read_json(path)["at"]) <= until:
                _copy(path, past.root / name / path.name)
    if (data.root / "privacy.key").is_file():
        _copy(data.root / "privacy.key", past.root / "privacy.key")


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)


def tell(chosen: argparse.Namespace, data: DataDirectory, console: Console) -> int:
    """0: every table is the same, 1: one is not, 2: it could not be made."""
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="minsheng-again-"))
    try:
        if chosen.folder and folder.exists() and any(folder.iterdir()):
            raise NotReproducible(f"文件夹 {folder} 不是空的 · the folder {folder} is not empty")
        found = reproduce(data, chosen.release, folder, anyway=chosen.anyway)
    except NotReproducible as refused:
        console.print(f" {refused}", markup=False)
        return 2
    finally:
        if not chosen.folder:
            shutil.rmtree(folder, ignore_errors=True)
    other = [table for table, same in found.same.items() if same is False]
    kept = [table for table, same in found.same.items() if same is None]
    console.print(f" {chosen.release}: {sum(s is True for s in found.same.values())} / {len(found.same)} 个表相同 tables are the same, row for row", markup=False)
    for table in other:
        then, now = found.certificate.tables[table], found.again.tables.get(table)
        console.print(f" {table}: {then['rows']:,} → {now['rows'] if now else 0:,} 行 rows, 内容不同 other content", markup=False)
    if kept:
        console.print(f" 当时沿用更早内容、未核对 kept an earlier content then, not compared: {', '.join(kept)}", markup=False)
    return 1 if other else 0
