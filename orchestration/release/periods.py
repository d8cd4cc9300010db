"""Periods that a person has closed: their figures stand as released, and change only as a numbered revision with a reason.

`periods.json` in the data directory says what was approved, by whom, when and why. Belongs here: approving, and holding the figures of
closed periods while a release is written (for `publishing`). Does not belong here: what a release changed (revisions).
"""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console

from contracts.model import Product
from contracts.quoting import literal
from contracts.whole_files import NotReadable, duckdb_reads, read_json, write_json
from orchestration.paths import DataDirectory
from orchestration.release.certificates import Certificate
from orchestration.release.names import DATABASE

# The columns by which a table of figures says what period a row is about.
COLUMNS = ("month", "period_start", "period")
SHAPES = {r"(\d{4})-(0[1-9]|1[0-2])": 1, r"(\d{4})Q([1-4])": 3, r"(\d{4})()": 12}


class Refused(Exception):
    """The period is not approved; the sentence says why and what to do."""


@dataclass(frozen=True)
class Closing:
    """A period as a person approved it. `release_id`: whose figures stand; None while the next release is awaited."""

    period: str
    revision: int
    approved_by: str
    approved_at: str
    reason: str | None
    release_id: str | None

    @property
    def days(self) -> tuple[date, date]:
        return days_of(self.period)

    def covers(self, start: str, end: str) -> str:
        """SQL: whether a row's period lies within this one."""
        first, last = self.days
        return f"({start} >= date '{first}' and {end} <= date '{last}')"


def days_of(period: str) -> tuple[date, date]:
    """First and last day of `2026-02`, `2026Q1` or `2026`."""
    for shape, months in SHAPES.items():
        if match := re.fullmatch(shape, period):
            year, nth = int(match[1]), int(match[2] or 1)
            begins = year * 12 + (nth - 1) * months
            first, after = (date(n // 12, n % 12 + 1, 1) for n in (begins, begins + months))
            return first, after - timedelta(days=1)
    raise Refused(
        f"时期写法不对：{period}。应写作 2026-02、2026Q1 或 2026。· {period} is no period: write 2026-02, 2026Q1 or 2026."
    )


def approvals(data: DataDirectory) -> list[Closing]:
    """Everything that was ever approved, oldest first."""
    path = _path(data)
    try:
        return [Closing(**said) for said in read_json(path, list)] if path.is_file() else []
    except TypeError:
        raise NotReadable(path) from None


def closed(data: DataDirectory) -> list[Closing]:
    """The closed periods, each as it was approved last."""
    return list({c.period: c for c in approvals(data)}.values())


def approve(data: DataDirectory, period: str, by: str, reason: str | None, standing: str | None) -> Closing:
    """Closes a period at the release `standing`, or lets the next release revise one that is closed.

    Raises:
        Refused: the period is not over, nothing is released, nobody signs, or a revision has no reason.
    """
    _, last = days_of(period)
    by, reason = by.strip(), (reason or "").strip() or None
    if not by:
        raise Refused("须写明核准人姓名（--by）。· Say who approves: --by NAME.")
    if last >= data.today():
        raise Refused(f"{period} 到 {last} 才结束，不能核准。· {period} ends on {last}: it is not over.")
    if standing is None:
        raise Refused("还没有任何发布，无可核准。· Nothing has been released yet: there is nothing to approve.")
    before = {c.period: c for c in closed(data)}.get(period)
    if before and reason is None:
        raise Refused(
            f"{period} 已于 {before.approved_at} 由 {before.approved_by} 核准（第 {before.revision} 版）；要修订须写明原因（--reason）。"
            f"· {period} was approved by {before.approved_by} on {before.approved_at} (revision {before.revision}); "
            "to revise it, say why: --reason."
        )
    if before and before.release_id is None:
        raise Refused(
            f"{period} 的第 {before.revision} 版还在等下一次发布。· Revision {before.revision} of {period} still waits for the next release."
        )
    closing = Closing(
        period, before.revision + 1 if before else 1, by, f"{data.now()}", reason, None if before else standing
    )
    _write(data, [*approvals(data), closing])
    return closing


def settle(data: DataDirectory, release_id: str) -> None:
    """The revisions that waited for this release stand by it."""
    every = approvals(data)
    if any(c.release_id is None for c in every):
        _write(data, [c if c.release_id else replace(c, release_id=release_id) for c in every])


def refuse_lost(data: DataDirectory, lost: NotReadable) -> None:
    """Figures that stand as approved are in a release that is lost: none can be made that has them, unless they are to be revised.

    Raises:
        NotReadable: that, with what to do.
    """
    if standing := [c for c in closed(data) if c.release_id]:
        raise _not_kept(lost.path, standing)


def sources(
    data: DataDirectory, closings: Iterable[Closing], last: Certificate | None, database: Path
) -> dict[Path, list[Closing]]:
    """Database → the closed periods whose figures are taken from it: the last release's, but where readers were led back to one that
    was made before the approval, the one that was approved.

    Raises:
        NotReadable: a release that was approved is not there any more.
    """
    found: dict[Path, list[Closing]] = {}
    for c in closings:
        if c.release_id is None:
            continue
        has_it = last is None or c.release_id == last.release_id or told([c]) in (last.closed_periods or "").split(", ")
        approved = data.published / "releases" / c.release_id / DATABASE
        if not has_it and not duckdb_reads(approved):
            raise _not_kept(approved, [c])
        found.setdefault(database if has_it else approved, []).append(c)
    return found


def _not_kept(path: Path, closings: Sequence[Closing]) -> NotReadable:
    said = told(closings)
    return NotReadable(
        path,
        f"其中有已核准的数（{said}）：请从备份恢复；或让下一次发布按现有来文修订它们（python -m orchestration release approve 时期 --by 姓名 --reason 原因）。",
        f"figures that were approved ({said}) are in it: restore it from a backup, or let the next release revise them by what has come "
        "(python -m orchestration release approve PERIOD --by NAME --reason TEXT).",
    )


def hold(
    con: duckdb.DuckDBPyConnection,
    product: Product,
    closings: Sequence[Closing],
    approved: Mapping[Path, Sequence[Closing]],
) -> None:
    """Puts the rows of closed periods into `release.<table>` as the release that has them as approved does, but for those under revision."""
    for n, (database, standing) in enumerate(approved.items()):
        name = f"approved_{n}"
        con.execute(f"attach if not exists {literal(database)} as {name} (read_only)")
        _hold(con, product, standing, [c for c in closings if not c.release_id], name)


def _hold(
    con: duckdb.DuckDBPyConnection, product: Product, standing: Sequence[Closing], revised: Sequence[Closing], last: str
) -> None:
    column = period_column(product)
    if column is None:
        return
    known = {
        name
        for (name,) in con.execute(
            "select column_name from duckdb_columns() where database_name = ? and table_name = ?", [last, product.id]
        ).fetchall()
    }
    if not {*product.key, column} <= known:
        return
    has_end = "period_end" in known and "period_end" in product.by_name

    def is_held(side: str) -> str:
        start = f'{side}."{column}"'
        end = f'{side}."period_end"' if has_end else f"last_day({start})"
        opened = " or ".join(c.covers(start, end) for c in revised) or "false"
        return f"coalesce(({' or '.join(c.covers(start, end) for c in standing)}) and not ({opened}), false)"

    # A column that the last release has not is as it is computed now.
    columns = ", ".join(f'{"o" if f.name in known else "n"}."{f.name}"' for f in product.fields)
    same_key = " and ".join(f'o."{k}" is not distinct from n."{k}"' for k in product.key)
    order = ", ".join(f'"{k}"' for k in product.key)
    table = f'release."{product.id}"'
    con.execute(f"""
        create or replace temporary table held as
        select {columns} from {last}."{product.id}" as o left join {table} as n on {same_key} where {is_held("o")}
        union all
        select {", ".join(f'n."{f.name}"' for f in product.fields)} from {table} as n where not {is_held("n")}
    """)
    con.execute(f"create or replace table {table} as select * from held order by {order}")
    con.execute("drop table held")


def period_column(product: Product) -> str | None:
    """The column that says what period a row is about; None for events and registers."""
    if product.disclosure["rule"] == "records":
        return None
    return next((f.name for f in product.fields if f.name in COLUMNS and f.kind == "date"), None)


def told(closings: Iterable[Closing]) -> str | None:
    """The closed periods and their revisions as the release log says them."""
    return ", ".join(f"{c.period} ({c.revision})" for c in sorted(closings, key=lambda c: c.days)) or None


def in_no_closed(product: Product, said: str | None) -> str | None:
    """SQL: whether a row lies in no period that was closed as `told` says; None for a table without periods, or where nothing was closed."""
    column = period_column(product)
    if column is None or not said:
        return None
    end = '"period_end"' if "period_end" in product.by_name else f'last_day("{column}")'
    closed = [days_of(period.split(" ")[0]) for period in said.split(", ")]
    covered = [f"(\"{column}\" >= date '{first}' and {end} <= date '{last}')" for first, last in closed]
    return f"not coalesce({' or '.join(covered)}, false)"


def add_approve(commands: Any) -> None:
    """`approve` among the subcommands of `release`."""
    parser: ArgumentParser = commands.add_parser(
        "approve",
        help="核准一个时期，此后其数字只随编号修订而变 · close a period: from then on its figures change only as a numbered revision",
    )
    parser.add_argument("period", help="时期 · 2026-02, 2026Q1 or 2026")
    parser.add_argument("--by", required=True, help="核准人姓名 · who approves, by name")
    parser.add_argument("--reason", help="原因，修订已核准的时期时必填 · why; needed to revise a period that is closed")
    parser.set_defaults(do=_approve)


def _approve(chosen: Namespace, data: DataDirectory, console: Console) -> int:
    from orchestration.release import standing
    from orchestration.release.certificates import standing_id
    from orchestration.warehouse.dbt_assets import only_writer

    with only_writer(data):
        # A revision takes what the next release computes; a first approval what stands, which must be there.
        is_first = chosen.period not in {c.period for c in closed(data)}
        if is_first and (failed := standing.lost(data)):
            raise failed
        done = approve(data, chosen.period, chosen.by, chosen.reason, standing_id(data))
    if done.release_id:
        said = (
            f"{done.period} 已核准，数字以 {done.release_id} 为准。"
            f"· {done.period} is closed; its figures are those of {done.release_id}."
        )
    else:
        said = (
            f"{done.period} 第 {done.revision} 版将随下一次发布修订，原因：{done.reason}。"
            f"· The next release revises {done.period} (revision {done.revision}): {done.reason}."
        )
    console.print(f" {said}", markup=False)
    return 0


def _path(data: DataDirectory) -> Path:
    return data.root / "periods.json"


def _write(data: DataDirectory, every: Sequence[Closing]) -> None:
    write_json(_path(data), [asdict(c) for c in every])
