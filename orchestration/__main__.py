"""`python -m orchestration`: the night, the demo and the real run from the command line."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from contracts.door.privacy import KeyRefused
from contracts.model import ContractError
from contracts.whole_files import NotReadable, duckdb_reads
from orchestration.desk import command as desk_command
from orchestration.night import command, dagster_home
from orchestration.paths import DataDirectory, data_directory
from orchestration.release import command as release_command
from orchestration.release import explain_command, periods, reproduce_command

# A disk with less free than this is full: neither the warehouse nor Dagster's own database can take a page more.
FULL_BELOW_BYTES = 1_000_000
KEPT_PUBLIC = "releases/*/public/minsheng_public.duckdb"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m orchestration", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "night", help="一夜：收文、计算、核查、发布 · take in what lies in the inbox, build, audit, release"
    )
    demo = commands.add_parser("demo", help="虚构城市的一夜 · a night of a fictional city, made on the spot")
    demo.add_argument("--communities", type=int, default=400, help="社区个数 · the size of the city (default 400)")
    demo.add_argument(
        "--seed", type=int, default=7, help="种子相同则数据相同 · the same seed makes the same bytes (default 7)"
    )
    commands.add_parser("real", help="用项目旁的公开文件运行一夜 · a night on the public files beside the project")
    tried = commands.add_parser(
        "attack", help="外人能从公开版推出多少 · what an outsider works out of the public editions about few people"
    )
    tried.add_argument(
        "files",
        nargs="*",
        help="各次发布的公开版文件，由旧到新 · public files of releases, oldest first (default: all that are kept)",
    )
    release_command.register(commands)
    desk_command.register(commands)
    explain_command.register(commands)
    reproduce_command.register(commands)
    commands.add_parser(
        "home",
        help="准备数据目录，打印 Dagster 的目录 · prepare the data directory and print where Dagster keeps its own",
    )
    chosen = parser.parse_args(arguments)
    # Its own handle on the terminal: what tools print while they work is redirected into the night's log.
    width = None if sys.stdout.isatty() else 120
    console, data = Console(file=sys.stdout, highlight=False, width=width), data_directory()
    try:
        return _do(chosen, data, console)
    except (ContractError, NotReadable, KeyRefused, periods.Refused) as refused:
        console.print(f" {refused}", markup=False)
        return 1
    except Exception as error:
        if not _is_for_want_of_space(error, data):
            if not _is_unusable(data):
                raise
            console.print(
                f" 数据目录 {data.root} 建不起来或不能写入（{_last_line(error)}）；请改 MINSHENG_DATA 或其权限。 · the data directory {data.root} cannot be made "
                f"or written to ({_last_line(error)}); set MINSHENG_DATA to another, or give the right to it.",
                markup=False,
            )
            return 1
        console.print(
            f"\n {data.root} 所在磁盘已满（{_last_line(error)}）。已发布的不受影响；腾出空间后再运行一次即可，未完成的会重做。 · the disk of {data.root} is full "
            f"({_last_line(error)}). What is published stands; make room and run it once more: what was left half-done is made again.",
            markup=False,
        )
        return 1


def _is_for_want_of_space(error: BaseException | None, data: DataDirectory) -> bool:
    """SQLite and DuckDB do not always name it: then a disk with next to nothing left does."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return data.root.is_dir() and shutil.disk_usage(data.root).free < FULL_BELOW_BYTES


def _is_unusable(data: DataDirectory) -> bool:
    """Whether nobody could keep anything there: it is a file, cannot be made, or not be written to."""
    with suppress(OSError):
        data.root.mkdir(parents=True, exist_ok=True)
        return not os.access(data.root, os.W_OK | os.X_OK)
    return True


def _last_line(error: BaseException) -> str:
    return (str(error.__cause__ or error).strip().splitlines() or [type(error).__name__])[0]


def _attack(files: list[Path], console: Console) -> int:
    """Tries the public files together; 1 where somebody can be found."""
    import duckdb

    from orchestration.disclosure.attack import attack, summary

    if not files:
        console.print(" 尚无公开版可试 · there is no public edition to try: nothing has been released", markup=False)
        return 1
    try:
        attacked = attack(files)
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        console.print(
            f" 打不开公开版文件 · a public edition (minsheng_public.duckdb) does not open: {said}", markup=False
        )
        return 1
    console.print(f" {len(files)} public editions, one after the other", markup=False)
    console.print(summary(attacked), markup=False)
    return 1 if attacked.found else 0


def _age(file: Path) -> float:
    return file.stat().st_mtime


def _do(chosen: argparse.Namespace, data: DataDirectory, console: Console) -> int:
    if hasattr(chosen, "do"):
        return int(chosen.do(chosen, data, console))
    if chosen.command == "home":
        dagster_home.prepare(data)
        for sentence in dagster_home.opened(data)[1]:
            print(sentence, file=sys.stderr)
        print(data.dagster_home)
        return 0
    if chosen.command == "attack":
        from orchestration.release import standing

        if chosen.files:
            return _attack([Path(f) for f in chosen.files], console)
        kept = sorted(data.published.glob(KEPT_PUBLIC), key=_age)
        if lost := standing.lost(data):  # what it told is tried no more; the others are
            console.print(f" {lost}", markup=False)
            kept = [file for file in kept if duckdb_reads(file)]
            return max(1, _attack(kept, console)) if kept else 1
        return _attack(kept, console)
    if chosen.command == "demo":
        from orchestration.night.demo_run import set_up_demo

        set_up_demo(data, communities=chosen.communities, seed=chosen.seed, console=console)
    if chosen.command == "real":
        from orchestration.night.real_run import set_up_real

        if not set_up_real(data, console):
            return 0
    done = command.run(data, console)
    command.tell(data, done, console)
    if chosen.command == "real":
        from orchestration.night.real_run import tell_real

        tell_real(data, console)
    # A refused file is the department's business and is told above; a step or a table that failed is ours.
    return 1 if done.failed_steps or done.kept or done.broken else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # At exit duckdb's binding prints a page about objects that others still hold; nobody who ran a night needs it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(code)
