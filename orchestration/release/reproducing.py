"""An old release made again from the archive, in a folder of its own, and held against its certificate table by table.

What had come by the release's time is taken in again: the archived bytes, what people had said of them, and the receipts that have no
bytes (sent twice, overdue). Nothing of the data directory is written.
Belongs here: which of the past belongs to a release, and the comparison. Does not belong here: the night itself, and words
(reproduce_command.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contracts.door import approvals
from contracts.loading import load_products
from contracts.whole_files import NotReadable, duckdb_reads, link, read_json, write_json
from orchestration.derived import roads
from orchestration.paths import PROJECT, DataDirectory
from orchestration.release import certificates, names, periods, revisions
from orchestration.release.certificates import Certificate
from orchestration.release.management import between

WITHOUT_BYTES = ("duplicate", "missing")
# They tell of releases, not of a city: a directory made anew has one release.
OF_RELEASES = frozenset({"release_log", "revision_log", "validation_result"})


class NotReproducible(ValueError):
    """The release cannot be made again here; the sentence says what is needed."""


@dataclass(frozen=True)
class Reproduced:
    """Table → whether it is the same; None where the release had kept an earlier release's content. `closed`: tables that are the
    same but for rows of closed periods, which stand as an earlier release had them and are computed nowhere."""

    certificate: Certificate
    again: Certificate
    same: dict[str, bool | None]
    closed: frozenset[str] = frozenset()


def reproduce(
    data: DataDirectory,
    release_id: str,
    folder: Path,
    *,
    anyway: bool = False,
    begun: Callable[[], None] = lambda: None,
) -> Reproduced:
    """Spends the night of a release again in `folder`; `begun` is called when nothing stands against it.

    Raises:
        NotReproducible: there is no such release, code, policies or the road network are others now, or the night gave no release.
    """
    certificate = next((c for c in certificates.releases(data) if c.release_id == release_id), None)
    if certificate is None:
        raise NotReproducible(f"没有发布 {release_id} · there is no release {release_id}")
    if not anyway:
        _same_rules(certificate)
        _same_network(data, certificate)
    begun()
    past = DataDirectory(folder)
    _copy_past(data, past, certificate.released_at, _contained(data, release_id))
    past.set_calendar(certificate.released_at.date(), data.first_day())
    environment = {
        k: v
        for k, v in os.environ.items()
        if k not in ("MINSHENG_TODAY", "MINSHENG_FIRST_DAY", "DAGSTER_HOME", "MINSHENG_POSTGRES")
    }
    night = subprocess.run(
        [sys.executable, "-m", "orchestration", "night"], cwd=PROJECT, env={**environment, "MINSHENG_DATA": str(past.root)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    again = certificates.current(past)
    if again is None:
        last = (night.stdout or night.stderr).strip().splitlines()[-1:]
        raise NotReproducible(f"重做的运行没有发布 · the night that was spent again released nothing: {' '.join(last)}")
    same = {
        table: None if table in certificate.kept else again.tables.get(table) == facts
        for table, facts in certificate.tables.items()
        if table not in OF_RELEASES
    }
    then, now = (
        d.published / "releases" / c.release_id / names.DATABASE for d, c in ((data, certificate), (past, again))
    )
    closed: frozenset[str] = frozenset()
    if False in same.values() and duckdb_reads(then):
        # A checksum is of rounded numbers: one that stands at a half turns with the order of adding up. Row by row it is the same.
        others = between(then, now)
        same |= {table: True for table, is_same in same.items() if is_same is False and table not in others}
        products, said = load_products(), certificate.closed_periods
        still_open = {
            table: condition
            for table in others
            if same.get(table) is False and (condition := periods.in_no_closed(products[table], said))
        }
        closed = frozenset(still_open.keys() - between(then, now, still_open))
        same |= dict.fromkeys(closed, True)
    return Reproduced(certificate, again, same, closed)


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


def _same_network(data: DataDirectory, certificate: Certificate) -> None:
    if roads.checksums(certificate.roads) != roads.there(data):
        names = (
            ", ".join(f"{f['file']} (SHA-256 {f['sha256'][:16]})" for f in certificate.roads.get("files", ())) or "–"
        )
        raise NotReproducible(
            f"路网：{certificate.release_id} 的距离用的是 {names}，roads/ 中现在不是；请放回，或加 --anyway · the distances of "
            f"{certificate.release_id} were measured over {names}, and roads/ holds another network: put it back, or say --anyway"
        )


def _contained(data: DataDirectory, release_id: str) -> frozenset[str] | None:
    """The receipts of the deliveries that a release counts; None where its files are no longer kept."""
    try:
        return frozenset(read_json(data.published / "releases" / release_id / names.RECEIPTS))
    except (FileNotFoundError, NotReadable):
        return None


def _copy_past(data: DataDirectory, past: DataDirectory, until: datetime, contained: frozenset[str] | None) -> None:
    """Everything that had come and been said by `until`; bytes as links, for an archive may be large.

    What people had said by then the release itself knows best: a delivery that it does not count was withdrawn, also where somebody
    let it count again since, and where the calendar of the data stands still while people go by their own clock.
    """
    for label in data.archive.glob("*/*/*.json"):
        try:
            if datetime.fromisoformat(read_json(label)["received_at"]) > until:
                continue
        except (NotReadable, KeyError):
            continue
        for path in label.parent.glob(f"{label.stem}.*"):
            link(path, past.archive / path.relative_to(data.archive))
    for path in data.receipts.glob("*/*/*.json"):
        try:
            receipt = read_json(path)
        except NotReadable:
            continue
        if receipt.get("verdict") in WITHOUT_BYTES and datetime.fromisoformat(receipt["attempted_at"]) <= until:
            _copy(path, past.receipts / path.relative_to(data.receipts))
    for name, counts in ((approvals.FOLDER, True), (approvals.WITHDRAWN, False)):
        for path in sorted((data.root / name).rglob("*.json")):
            said = read_json(path)
            stood = path.parent.name != approvals.UNDONE and datetime.fromisoformat(said["at"]) <= until
            if contained is not None:
                stood = (said["receipt"] in contained) is counts
            if stood:
                target = past.root / name / f"{said['receipt']}.json"
                target.parent.mkdir(parents=True, exist_ok=True)
                write_json(target, {key: said[key] for key in ("receipt", "by", "why", "at")})
    # A network is no delivery and is kept nowhere: the one that is there now, which the certificate knows by its checksum.
    for path in (data.root / "roads").glob("*"):
        if path.is_file():
            link(path, past.root / "roads" / path.name)
    if (data.root / "privacy.key").is_file():
        _copy(data.root / "privacy.key", past.root / "privacy.key")


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)
