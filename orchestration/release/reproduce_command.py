"""`python -m orchestration reproduce RELEASE`: an old release made again from the archive, compared table by table."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from orchestration.paths import DataDirectory
from orchestration.release import periods
from orchestration.release.certificates import Certificate


def register(group: Any) -> None:
    command = group.add_parser(
        "reproduce", help="由存档重做一次发布并核对 · make a release again from the archive and compare"
    )
    command.add_argument("release", help="发布编号 · 2026-03-01.1")
    command.add_argument(
        "--in", dest="folder", type=Path, help="在哪里重做 · an empty folder to make it in; else a temporary one"
    )
    command.add_argument(
        "--anyway",
        action="store_true",
        help="程序、政策或路网不同也做 · although code, policies or the road network are others",
    )
    command.set_defaults(do=tell)


def _approved_in(data: DataDirectory, certificate: Certificate) -> list[str]:
    """The releases whose figures of closed periods stand in a release: made again, they are computed and not taken over."""
    said = (certificate.closed_periods or "").split(", ")
    return sorted({c.release_id for c in periods.approvals(data) if c.release_id and periods.told([c]) in said})


def tell(chosen: argparse.Namespace, data: DataDirectory, console: Console) -> int:
    """0: every table is the same, 1: one is not, 2: it could not be made."""
    from orchestration.release.reproducing import NotReproducible, reproduce

    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="minsheng-again-"))
    try:
        if chosen.folder and folder.exists() and any(folder.iterdir()):
            raise NotReproducible(f"文件夹 {folder} 不是空的 · the folder {folder} is not empty")
        said = f" 重做 {chosen.release}，与第一夜一样久 · making it again, which takes as long as a first night"
        found = reproduce(
            data, chosen.release, folder, anyway=chosen.anyway, begun=lambda: console.print(said, markup=False)
        )
    except NotReproducible as refused:
        console.print(f" {refused}", markup=False)
        return 2
    finally:
        if not chosen.folder:
            shutil.rmtree(folder, ignore_errors=True)
    other = [table for table, same in found.same.items() if same is False]
    kept = [table for table, same in found.same.items() if same is None]
    console.print(
        f" {chosen.release}: {sum(s is True for s in found.same.values())} / {len(found.same)} 个表相同 tables are the same, row for row",
        markup=False,
    )
    for table in other:
        then, now = found.certificate.tables[table], found.again.tables.get(table)
        console.print(
            f" {table}: {then['rows']:,} → {now['rows'] if now else 0:,} 行 rows, 内容不同 other content", markup=False
        )
    if found.closed:
        console.print(
            f" 已核准的时期 {found.certificate.closed_periods} 沿用当时核准的数、未核对 rows of closed periods stand as approved, not compared: "
            f"{', '.join(sorted(found.closed))}; 要核对请重做 to prove them, reproduce {', '.join(_approved_in(data, found.certificate))}",
            markup=False,
        )
    if kept:
        console.print(
            f" 当时沿用更早内容、未核对 kept an earlier content then, not compared: {', '.join(kept)}", markup=False
        )
    return 1 if other else 0
