"""The release that readers see: its database, and what is true where the release, or the way to it, is lost.

Lost is a release whose folder is gone, half there, or whose databases do not read; or the link `current`, `pointer.json` or a name
beside them that leads elsewhere. Belongs here: telling that, and leading readers to a release. Does not belong here: making one
(publishing), going back to one (management).
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from contracts.whole_files import NotReadable, duckdb_reads, read_json
from orchestration.paths import DataDirectory
from orchestration.release import certificates, data_docs, worklists
from orchestration.release.bulletin import pages as bulletin
from orchestration.release.names import DATABASE, NOTICE, PUBLIC, PUBLIC_DATABASE
from orchestration.release.targets import files, sdmx, workbooks

DATABASES = (DATABASE, f"{PUBLIC}/{PUBLIC_DATABASE}")
THROUGH_CURRENT = (
    DATABASE, "parquet", files.CSV, sdmx.FOLDER, worklists.FOLDER, workbooks.FOLDER, "charts", data_docs.FOLDER, PUBLIC,
    bulletin.FOLDER, NOTICE, files.PACKAGE,
)  # fmt: skip
ROLLBACK = "python -m orchestration release rollback"


class Lost(NotReadable):
    """The release that readers should see is not there as it was written; the sentence says which, what is missing and what to do."""

    def __init__(self, path: Path, sentence: str) -> None:
        super(NotReadable, self).__init__(sentence)
        self.path = path


def database(data: DataDirectory) -> Path | None:
    """The bureau's database that readers see; None before the first release.

    Raises:
        Lost: something has been released, and is not there.
    """
    if failed := lost(data):
        raise failed
    return data.published / DATABASE if certificates.standing_id(data) else None


def lost(data: DataDirectory) -> Lost | None:
    """What is to be said where the release that readers should see, or the way to it, is lost."""
    release_id = certificates.standing_id(data)
    if release_id is None:
        return None
    folder = data.published / "releases" / release_id
    missing = harmed_databases(folder)
    if not missing and is_shown(data, release_id):
        return None
    if not missing:
        return Lost(
            data.published / "current",
            f"现行发布应为 {release_id}，其文件完好，但通往它的入口（{data.published / 'current'} 等）不见了或指向别处；运行一夜，"
            f"或 {ROLLBACK} {release_id} --by 姓名 --why 原因，即恢复。 · The release to be served is {release_id}: its files are whole, but the way to "
            f"them ({data.published / 'current'} and the names beside it) is gone or leads elsewhere; a night restores it, and so does "
            f"{ROLLBACK} {release_id} --by NAME --why TEXT.",
        )
    zh, en = (
        (f"文件夹 {folder} 不见了", f"its folder {folder} is gone")
        if not folder.is_dir()
        else (
            f"{folder} 中缺失或无法读取：{'、'.join(missing)}",
            f"missing or not readable in {folder}: {', '.join(missing)}",
        )
    )
    others = [other for other in whole(data) if other != release_id]
    if others:
        zh_do = f"请从备份恢复；或退回 {others[-1]}（{ROLLBACK} {others[-1]} --by 姓名 --why 原因），下一夜会在它之上重新发布"
        en_do = (
            f"restore it from a backup; or go back to {others[-1]} ({ROLLBACK} {others[-1]} --by NAME --why TEXT), and the next night "
            "releases anew upon it"
        )
    else:
        zh_do = "没有其他完整的发布可退回：请从备份恢复，否则下一夜全部重新发布，此前的修订记录不再保留"
        en_do = (
            "no other release is whole, so there is none to go back to: restore it from a backup; else the next night releases "
            "everything anew, without the log of earlier revisions"
        )
    return Lost(
        folder,
        f"现行发布 {release_id} 丢失或已损坏：{zh}；{zh_do}。 · The release that is served, {release_id}, is lost or damaged: {en}; {en_do}.",
    )


def harmed_databases(folder: Path) -> list[str]:
    """The databases of a release that are gone or do not read: history, closed periods and what the public was told are in them."""
    return [name for name in DATABASES if not duckdb_reads(folder / name)]


def whole(data: DataDirectory) -> list[str]:
    """The releases that can be gone back to, oldest first."""
    releases = data.published / "releases"
    return [c.release_id for c in certificates.releases(data) if not harmed_databases(releases / c.release_id)]


def is_shown(data: DataDirectory, release_id: str) -> bool:
    """Whether every way leads readers to this release."""
    folder = Path("releases") / release_id
    links = {"current": folder, **{name: Path("current") / name for name in THROUGH_CURRENT}}
    if any(not (link := data.published / name).is_symlink() or link.readlink() != to for name, to in links.items()):
        return False
    with suppress(NotReadable, FileNotFoundError):
        return bool(read_json(data.published / files.POINTER).get("release") == release_id)
    return False


def show(data: DataDirectory, release_id: str) -> None:
    """Readers see this release from now on; its folder is there."""
    _link(data.published / "current", Path("releases") / release_id)
    files.point(data.published, release_id, data.now())
    for name in THROUGH_CURRENT:
        _link(data.published / name, Path("current") / name)


def _link(link: Path, target: Path) -> None:
    staged = link.with_name(f".{link.name}.new")
    staged.unlink(missing_ok=True)
    staged.symlink_to(target)
    if link.is_dir() and not link.is_symlink():  # copied to where links are followed
        shutil.rmtree(link)
    staged.replace(link)
