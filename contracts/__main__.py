"""`python -m contracts`: what a department runs before it sends, offline, with nothing but the contracts; and the
bureau's word on a file that the platform holds.

    check FILE --feed F [--sender S] [--report OUT.xlsx]    0 all rows accepted · 1 some refused · 2 not readable
    template F [--out FORM.xlsx]                            an empty form to fill in
    feeds                                                   what can be sent
    release RECEIPT [--by NAME] [--why TEXT]                let a held file in with the next night
    withdraw RECEIPT [--by NAME] --why TEXT [--undo]        take a delivery out of what counts, or let it count again
    rotate-key                                              make pseudonyms with a new key from the next delivery on

Belongs here: arguments, words and exit codes. Does not belong here: what is wrong with a file (checking.py).
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
import traceback
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from contracts.messages import shown

if TYPE_CHECKING:
    from contracts.desk.checking import Checked

ALL_ACCEPTED, SOME_REFUSED, NOT_DONE = 0, 1, 2
SHOWN = 20  # reasons in the terminal; the workbook has them all
WIDTH_OF_A_PIPE = 160
LONGEST_NAME = 255  # bytes


def main(arguments: list[str] | None = None) -> int:
    from contracts.desk.checking import NotKnown
    from contracts.door.approvals import NotHeld
    from contracts.door.privacy import KeyRefused
    from contracts.model import ContractError
    from contracts.reading import Unreadable

    parser = argparse.ArgumentParser(
        prog="python -m contracts", description="报送前自查 · check a file before sending it"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="检查文件 · check a file")
    check.add_argument("file", type=Path)
    check.add_argument("--feed", required=True, help="health.institutions …")
    check.add_argument("--sender", help="报送方，按其布局读取 · whose layout the file follows")
    check.add_argument("--report", type=Path, help="检查结果工作簿 · where the workbook goes")
    template = commands.add_parser("template", help="空白填报表 · an empty form")
    template.add_argument("feed")
    template.add_argument("--out", type=Path)
    commands.add_parser("feeds", help="可报送的数据 · what can be sent")
    release = commands.add_parser("release", help="放行暂缓入库的文件 · let a held file in")
    release.add_argument("receipt", help="回执 · as the message names it")
    release.add_argument("--by", help="谁放行 · who lets it through")
    release.add_argument("--why", default="", help="原因 · why; both go into the ledger")
    withdraw = commands.add_parser("withdraw", help="撤回已入库的文件 · take a delivery out of what counts")
    withdraw.add_argument("receipt", help="回执 · as the ledger names it")
    withdraw.add_argument("--by", help="谁撤回 · who withdraws it")
    withdraw.add_argument("--why", required=True, help="原因 · why; both go into the ledger")
    withdraw.add_argument("--undo", action="store_true", help="恢复计入 · let it count again")
    commands.add_parser("rotate-key", help="更换假名密钥 · make pseudonyms with a new key from the next delivery on")
    chosen = parser.parse_args(arguments)

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE)
    try:
        if chosen.command == "check":
            return _check(console, chosen.file, chosen.feed, chosen.sender, chosen.report)
        if chosen.command == "template":
            return _template(console, chosen.feed, chosen.out)
        if chosen.command == "release":
            return _release(console, chosen.receipt, chosen.by, chosen.why)
        if chosen.command == "withdraw":
            return _withdraw(console, chosen.receipt, chosen.by, chosen.why, undo=chosen.undo)
        if chosen.command == "rotate-key":
            return _rotate_key(console)
        return _feeds(console)
    except Unreadable as refused:
        for sentence in (refused.zh, refused.en):
            console.print(Text(shown(sentence)))
    except (NotKnown, NotHeld, KeyRefused, ContractError, OSError) as error:
        for sentence in str(error).split("\n"):
            console.print(Text(shown(sentence)))
    return NOT_DONE


def _check(console: Console, file: Path, feed_id: str, sender: str | None, report: Path | None) -> int:
    from contracts.desk.checking import check_file, find_feed, find_layout

    feed = find_feed(feed_id)
    layout = find_layout(feed, sender)
    checked = check_file(file, feed, layout)
    totals = checked.totals
    _tell(console, checked)
    if report is None and checked.reasons.height:
        report = file.with_name(_shortened(file.stem, ".检查.xlsx"))
    if report is not None:
        if report.exists() and report.samefile(file):
            raise FileExistsError(f"报告不能覆盖被检查的文件 {file.name} · the report may not replace the file itself")
        from contracts.desk.workbooks import write_report

        write_report(
            report,
            feed=feed,
            layout=layout,
            found=checked.opened.table.found,
            rows=checked.opened.table.batches(),
            reasons=checked.reasons,
            summary=totals,
        )
        console.print(Text(shown(f"已写入 wrote {report}")))
    return SOME_REFUSED if totals.rejected or checked.outcome.verdict == "held" else ALL_ACCEPTED


def _shortened(stem: str, ending: str) -> str:
    """A name that a file system takes: at most 255 bytes."""
    room = LONGEST_NAME - len(os.fsencode(ending))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + ending


def _tell(console: Console, checked: Checked) -> None:
    from contracts.desk.telling import COLUMNS, HEADINGS, counted, opening, problems, whole_file

    for line in opening(checked):
        console.print(Text(shown(line)))
    for line in whole_file(checked):
        console.print(Text(shown(line), style="yellow"))
    console.print("\n".join(counted(checked)))
    found = problems(checked)
    for severity, heading in HEADINGS.items():
        alike = [problem for problem in found if problem.severity == severity]
        if not alike:
            continue
        console.print(Text(heading, style="bold"))
        # Folded: Chinese has no blanks to break at, and what to do stands at the end.
        table = Table(*(Column(heading, overflow="fold") for heading in COLUMNS), padding=(0, 1))
        style = "red" if severity == "error" else "yellow"
        for p in alike[:SHOWN]:
            # Text, not markup: a value such as [red] is the sender's and stays as it is.
            table.add_row(
                *(Text(shown(cell)) for cell in (p.row, f"{p.rows:,}", p.header, p.value, p.zh, p.en)), style=style
            )
        console.print(table)
        if (more := len(alike) - SHOWN) > 0:
            console.print(f"另有 {more:,} 种问题，见工作簿 · {more:,} more in the workbook")


def _template(console: Console, feed_id: str, out: Path | None) -> int:
    from contracts.desk.checking import find_feed
    from contracts.desk.workbooks import write_template

    feed = find_feed(feed_id)
    path = out or Path(f"{feed.label_zh}.xlsx")
    if path.exists():
        raise FileExistsError(
            f"{path} 已存在，不覆盖；请另指定 --out · {path} exists and is kept; name another with --out"
        )
    write_template(path, feed)
    console.print(Text(f"已写入 wrote {path}"))
    return 0


def _feeds(console: Console) -> int:
    from contracts.desk.checking import senders
    from contracts.loading import load_feeds

    table = Table("数据 feed", "名称", "name", "方式 delivery", "有布局的报送方 senders with a layout")
    for feed in load_feeds().values():
        table.add_row(feed.id, feed.label_zh, feed.label_en, feed.delivery, ", ".join(senders(feed)))
    console.print(table)
    return 0


def _release(console: Console, receipt: str, by: str | None, why: str) -> int:
    from contracts.door.approvals import approve, who

    approval = approve(_data(), receipt, by=by or who(), why=why, at=_now())
    console.print(
        Text(
            f"{approval.by} 已放行 {receipt}，下一次运行时入库。\n"
            f"{approval.by} lets {receipt} through; the next night takes it in."
        )
    )
    return 0


def _withdraw(console: Console, receipt: str, by: str | None, why: str, *, undo: bool) -> int:
    from contracts.door.approvals import undo_withdrawal, who, withdraw

    by = by or who()
    (undo_withdrawal if undo else withdraw)(_data(), receipt, by=by, why=why, at=_now())
    zh, en = (
        ("恢复", "counts again from the next night on") if undo else ("撤回", "no longer counts from the next night on")
    )
    console.print(Text(f"{by} 已{zh} {receipt}，下一次运行时生效。\n{receipt} {en}; {by} said so."))
    return 0


def _rotate_key(console: Console) -> int:
    from contracts.door.privacy import rotate

    new = rotate(_data()).id
    console.print(
        Text(
            f"下一次报送起使用新密钥 {new}；旧密钥仍在，旧假名不变。\n"
            f"The new key {new} is used from the next delivery on; the old ones stay, and so do their pseudonyms."
        )
    )
    return 0


def _data() -> Path:
    """As everywhere, a relative data directory is meant from the project's folder."""
    from contracts.loading import CONTRACTS

    return CONTRACTS.parent / Path(os.environ.get("MINSHENG_DATA") or "data").expanduser()


def _now() -> datetime:
    from contracts.place import place

    return datetime.now(place().zone).replace(tzinfo=None, microsecond=0)


# ── a check within the night's bounds ───────────────────────────────────────────────────────────

PROGRAM_MB = 200  # what a check takes of itself
INTERRUPTED = 130  # as a shell says it of Ctrl-C


def within_bounds(arguments: list[str]) -> int:
    """`main`, and for a check in a process that is ended where the night would end it: both say the same to a file that takes too much."""
    if arguments[:1] != ["check"] or not hasattr(os, "fork") or not Path("/proc/self/stat").exists():
        return main(arguments)
    from contracts.door.bounds import LOOK_SECONDS, bounds, sentences, watch

    path = next((Path(a) for a in arguments[1:] if Path(a).is_file()), None)
    if path is None:
        return main(arguments)
    within = bounds(path.stat().st_size)
    with tempfile.TemporaryDirectory(prefix="minsheng-") as folder:
        tempfile.tempdir = folder  # what an ended process leaves behind goes with it
        child = os.fork()
        if not child:
            code = NOT_DONE
            try:
                code = main(arguments)
            except SystemExit as told:  # of the arguments
                code = told.code if isinstance(told.code, int) else NOT_DONE
            except KeyboardInterrupt:
                code = INTERRUPTED
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        beyond = watch(child, within, program_mb=PROGRAM_MB)
        try:
            while True:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else NOT_DONE
                if stopped := beyond():
                    _end(child)
                    print(*(shown(sentence) for sentence in sentences(stopped, path.name, within)), sep="\n")
                    return NOT_DONE
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            _end(child)
            return INTERRUPTED


def _end(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


if __name__ == "__main__":
    sys.exit(within_bounds(sys.argv[1:]))
