"""`python -m orchestration explain TABLE key=value … COLUMN`: a figure explained, in the terminal and as a page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.loading import code_list, named
from contracts.whole_files import write_text
from orchestration.paths import DataDirectory

if TYPE_CHECKING:
    from orchestration.release.explaining import Explained

SHOWN = 20


def register(commands: Any) -> None:
    explain = commands.add_parser("explain", help="一个数怎么来的 · where a published figure comes from")
    explain.add_argument("table", help="表 · the table: review_scorecard")
    explain.add_argument(
        "rest",
        nargs="+",
        metavar="key=value … COLUMN",
        help="哪一行和哪一列 · which row and column: dimension=all period_kind=month period_start=2026-02 good_rate",
    )
    explain.add_argument("--page", type=Path, help="另存为网页 · where a page of it goes")
    explain.add_argument("--all", action="store_true", help="列出全部来文 · list every file")
    explain.set_defaults(do=tell)


def tell(chosen: argparse.Namespace, data: DataDirectory, console: Console) -> int:
    from orchestration.release.explaining import NotExplained, explain, parse_where

    try:
        found = explain(data, chosen.table, parse_where(chosen.rest[:-1]), chosen.rest[-1])
    except NotExplained as refused:
        console.print(f" {refused}", markup=False)
        return 1
    shown = None if chosen.all else SHOWN
    _print(found, console, shown)
    if chosen.page:
        import io

        page = Console(record=True, width=150, file=io.StringIO(), highlight=False)
        _print(found, page, None)
        write_text(chosen.page, page.export_html(inline_styles=True))
        console.print(f" 已写入 wrote {chosen.page}", markup=False)
    return 0


def _print(found: Explained, console: Console, shown: int | None) -> None:
    product, column = found.product, found.column
    names = code_list("review_parameters")
    key = " ".join(f"{k}={found.row[k]}" for k in product.key)
    console.print(
        Text(f"{product.label_zh} · {product.label_en}（{product.id}，发布 release {found.release}）", style="bold")
    )
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    lines = [
        ("行 row", key),
        (
            "指标 figure",
            f"{column.label_zh} · {column.label_en}{f' [{column.unit}]' if column.unit else ''}（{column.name}）",
        ),
        ("值 value", "空 null" if found.value is None else named(column, found.value)),
        ("为何为空 why null", found.why_null or ""),
        ("不公布 withheld", found.withheld or ""),
        ("算法 formula", column.explanation),
        ("指标口径 indicator", found.defined),
        ("取自 made of", ", ".join(found.made_of)),
        (
            "政策 policy",
            " ".join(
                named(product.by_name[c], found.row[c])
                for c in ("policy", "policy_version", "policy_area")
                if found.row.get(c)
            ),
        ),
        ("参数 parameters", "；".join(f"{names.get(p, '')} {p} = {v}".strip() for p, v in found.policy)),
        ("计入的行 rows counted", _counted(found)),
    ]
    for label, text in lines:
        if text:
            facts.add_row(Text(label, style="bold"), Text(text))
    console.print(facts)
    if not found.sources:
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("数据 feed", "报送方 sender", "文件 file", "收到 received", "回执 receipt", "行 rows"):
        table.add_column(heading, justify="right" if heading.startswith("行") else "left", overflow="fold")
    for s in found.sources[:shown]:
        when = f"{s.received_at:%Y-%m-%d %H:%M}" if s.received_at else ""
        table.add_row(
            *(
                Text(cell)
                for cell in (s.feed, s.sender, s.file_name, when, s.receipt, "" if s.rows is None else f"{s.rows:,}")
            )
        )
    console.print(table)
    if shown is not None and len(found.sources) > shown:
        console.print(
            f" 另有 {len(found.sources) - shown} 个文件，用 --all 列出 · {len(found.sources) - shown} more files: --all"
        )


def _counted(found: Explained) -> str:
    agrees = {
        True: "，与发布的数一致 · as published",
        False: "，与发布的数不一致（仓库可能比发布新） · not as published: the warehouse may be newer",
    }
    number = "" if found.rows is None else f"{found.rows:,} "
    return f"{number}{found.counted}{agrees.get(found.agrees, '') if found.agrees is not None else ''}"
