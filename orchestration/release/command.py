"""`python -m orchestration release …`: the releases from the command line.

    list                             every release: when, what changed, which readers see
    diff A B [--page FILE.html]      what B has other than A, and what lies between them
    rollback ID --by NAME --why TEXT readers see an earlier release again

A module that has a command of this group registers it in `GROUP`: a function that takes the subparsers and sets `do`.
Does not belong here: what the commands do (management.py …).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from contracts.whole_files import write_text
from orchestration.paths import DataDirectory
from orchestration.release import periods

if TYPE_CHECKING:
    from orchestration.release.management import Difference, Listed, TableChange

SHOWN_COLUMNS = 6


def register(commands: Any) -> None:
    """The group `release` with its commands; each sets `do`, which takes what was chosen, the data and the console."""
    group = commands.add_parser(
        "release", help="发布：列出、比较、回退、核准 · list, compare, go back to and approve releases"
    ).add_subparsers(dest="release_command", required=True)
    for command in GROUP:
        command(group)


def _list(group: Any) -> None:
    group.add_parser("list", help="所有发布 · every release").set_defaults(do=tell_list)


def _diff(group: Any) -> None:
    diff = group.add_parser("diff", help="两次发布的差别 · how two releases differ")
    diff.add_argument("before", help="较早的发布 · the earlier one, 2026-03-01.1")
    diff.add_argument("after", help="较晚的发布 · the later one")
    diff.add_argument("--page", type=Path, help="另存为网页 · where a page of it goes")
    diff.set_defaults(do=tell_diff)


def _rollback(group: Any) -> None:
    rollback = group.add_parser("rollback", help="回退到较早的发布 · let readers see an earlier release again")
    rollback.add_argument("release", help="发布编号 · 2026-03-01.1")
    rollback.add_argument("--by", required=True, help="谁决定回退 · who decides it")
    rollback.add_argument("--why", required=True, help="原因 · why")
    rollback.set_defaults(do=tell_rollback)


GROUP: tuple[Callable[[Any], None], ...] = (_list, _diff, _rollback, periods.add_approve)


def tell_list(_chosen: argparse.Namespace, data: DataDirectory, console: Console) -> int:
    from orchestration.release import standing
    from orchestration.release.management import listed, rollbacks

    found = listed(data)
    if not found:
        console.print(" 尚无发布 · nothing has been released yet")
        return 1
    table = Table(box=None, pad_edge=False)
    for heading, right in (
        ("", 0),
        ("发布 release", 0),
        ("时间 when", 0),
        ("行 rows", 1),
        ("来文 files", 1),
        ("变动的表 changed tables", 0),
        ("", 0),
    ):
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for item in found:
        c = item.certificate
        changed = (
            f"{len(c.changed_tables)}: {', '.join(c.changed_tables[:3])}{' …' if len(c.changed_tables) > 3 else ''}"
        )
        kept = f"; 沿用旧内容 kept: {', '.join(c.kept)}" if c.kept else ""
        table.add_row(
            "→" if item.is_current else "", c.release_id, f"{c.released_at:%Y-%m-%d %H:%M}", f"{sum(t['rows'] for t in c.tables.values()):,}",
            f"{c.receipts:,}", changed + kept, _files(item),
        )  # fmt: skip
    console.print(table)
    for note in rollbacks(data):
        console.print(
            f" {note['at']}: {note['by']} 回退 went back {note['from']} → {note['to']}: {note['why']}", markup=False
        )
    _tell_postgres(console)
    if failed := standing.lost(data):
        console.print(f"\n {failed}", markup=False)
    return 1 if failed else 0


def _files(item: Listed) -> str:
    if item.has_files:
        return ""
    return "文件丢失或损坏 files lost or damaged" if item.is_kept else "已过保留期 no longer kept"


def _tell_postgres(console: Console) -> None:
    from orchestration.release.targets import postgres

    try:
        target = postgres.configured()
        if target:
            console.print(
                f" PostgreSQL {target.place}: {postgres.served(target) or '尚无发布 nothing yet'}", markup=False
            )
    except postgres.NotServed as failed:
        console.print(f" {failed}", markup=False)


def tell_diff(chosen: argparse.Namespace, data: DataDirectory, console: Console) -> int:
    from orchestration.release.management import NotThere, compare

    try:
        found = compare(data, chosen.before, chosen.after)
    except NotThere as missing:
        console.print(f" {missing}", markup=False)
        return 1
    _print_difference(found, console)
    if chosen.page:
        import io

        page = Console(record=True, width=160, file=io.StringIO(), highlight=False)
        _print_difference(found, page)
        write_text(chosen.page, page.export_html(inline_styles=True))
        console.print(f" 已写入 wrote {chosen.page}", markup=False)
    return 0


def _print_difference(found: Difference, console: Console) -> None:
    from contracts.loading import load_products

    a, b = found.before, found.after
    console.print(
        f" {a.release_id} ({a.released_at:%Y-%m-%d %H:%M}) → {b.release_id} ({b.released_at:%Y-%m-%d %H:%M})",
        markup=False,
    )
    for words, files in (("来文增加 files more", found.files_added), ("来文减少 files fewer", found.files_removed)):
        if files:
            console.print(f" {words}: " + ", ".join(f"{feed} {n}" for feed, n in sorted(files.items())), markup=False)
    if found.policies_changed:
        console.print(" 政策有变 policies changed")
    if found.code_changed:
        console.print(f" 程序有变 code changed: {a.code_version} → {b.code_version}", markup=False)
    if not found.tables:
        console.print(" 各表相同 every table is the same")
        return
    products = load_products()
    table = Table(box=None, pad_edge=False)
    for heading in (
        "表 table",
        "行数 rows",
        "新增 added",
        "删除 removed",
        "改动 changed",
        "改动的列 columns changed (rows)",
    ):
        table.add_column(
            heading,
            justify="left" if (heading[0] in "表改" and "columns" in heading) or heading[0] == "表" else "right",
        )
    for name, change in found.tables.items():
        label = f"{name} {products[name].label_zh}" if name in products else name
        table.add_row(
            label, _rows(change), f"{change.added:,}", f"{change.removed:,}", f"{change.changed:,}", _columns(change)
        )
    console.print(table)
    console.print(" 每个值的前后内容见表 revision_log · every value before and after: the table revision_log")


def _rows(change: TableChange) -> str:
    sides: Mapping[str, int | None] = {"before": change.rows_before, "after": change.rows_after}
    return " → ".join("无 none" if n is None else f"{n:,}" for n in sides.values())


def _columns(change: TableChange) -> str:
    most = sorted(change.columns.items(), key=lambda item: -item[1])
    said = [f"{name} {n:,}" for name, n in most[:SHOWN_COLUMNS]] + (
        [f"… {len(most) - SHOWN_COLUMNS}"] if len(most) > SHOWN_COLUMNS else []
    )
    said += [f"+{name}" for name in change.columns_added] + [f"-{name}" for name in change.columns_removed]
    return ", ".join(said)


def tell_rollback(chosen: argparse.Namespace, data: DataDirectory, console: Console) -> int:
    from orchestration.release.management import roll_back

    try:
        delivered = roll_back(data, chosen.release, by=chosen.by, why=chosen.why)
    except ValueError as refused:  # NotThere is one
        console.print(f" {refused}", markup=False)
        return 1
    console.print(
        f" 当前发布为 {chosen.release}；下一次有新内容的运行会发布新的一版：如问题出在来文或政策，请先撤回或改正。\n"
        f" Readers see {chosen.release}. The next night that finds other content releases it again: withdraw the file or correct the policy first.",
        markup=False,
    )
    for sentence in [*delivered.facts.values(), *delivered.failed.values()]:
        console.print(f" {sentence}", markup=False)
    return 1 if delivered.failed else 0
