"""The public edition: every table as an outsider may have it, written beside the bureau's own.

Belongs here: reading a product's rows, telling its counts by their tens, and writing what contracts/public_edition.yaml lists.
What a ten is and why it gives nobody away is in `tens`; whether it does is tried by `attack`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

from contracts.loading import seed
from contracts.model import SUPPRESSED, Product
from contracts.public_edition import Table, load_public_edition
from contracts.quoting import literal
from contracts.whole_files import NotReadable, parquet_reads, whole, write_parquet
from orchestration.disclosure.attack import COLUMNS, relations_of
from orchestration.disclosure.samples import as_told, stands, withheld_samples
from orchestration.disclosure.tens import FAR, RATE_MIN, TEN, Counts, chained

# One and the same for every figure below ten, none included.
BELOW_TEN = "不足十人的数不公布，其余按十计 · figures below ten are not told, others by their tens"
FEW = "人数过少或可由其他数字推出 · too few people, or it would give away a figure of too few"

# A share is told where a hundred or more stand behind it, so that tens move it by five points at most; its bounds hold
# whatever the figures are within their tens. A count that is not told is below ten.
MACROS = f"""
create or replace temp macro share(part, whole) as
    case when whole >= {RATE_MIN} then least(1.0, coalesce(part, {TEN // 2}) / whole) end;
create or replace temp macro scaled(part, whole) as case when whole >= {RATE_MIN} then part / whole end;
create or replace temp macro wilson(p, n, z) as
    (p + z * z / (2 * n) + sign(z) * abs(z) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n);
create or replace temp macro share_lo(part, part_most, whole, whole_most, z) as
    case when whole >= {RATE_MIN} then
        greatest(0.0, wilson((coalesce(part, {TEN // 2}) - {TEN // 2}) / whole_most, whole - {TEN // 2}, -abs(z))) end;
create or replace temp macro share_hi(part, part_most, whole, whole_most, z) as
    case when whole >= {RATE_MIN} then
        least(1.0, wilson(least(1.0, part_most / (whole - {TEN // 2})), whole - {TEN // 2}, abs(z))) end;
create or replace temp macro widest(mean, n, z) as z * sqrt(mean * (100 - mean) / (n - {TEN // 2}));
create or replace temp macro mean_lo(mean, n) as floor(10 * greatest(0.0, mean - widest(mean, n, 1.96))) / 10;
create or replace temp macro mean_hi(mean, n) as ceil(10 * least(100.0, mean + widest(mean, n, 1.96))) / 10;
create or replace temp macro tens_share(share, whole) as
    case when whole >= {RATE_MIN} then
        1 - least(1.0, (floor((1 - share) * whole / {TEN}) * {TEN} + {TEN // 2}) / (floor(whole / {TEN}) * {TEN} + {TEN // 2})) end;
"""
# What `summary` and the certificate call the ways in which a column is told.
PLAIN, TENS, DERIVED, ROUNDED, MEANS, SHARES, IMPLIED, COPIED, LEFT_OUT, EXACT = (
    "plain", "tens", "derived", "rounded", "means", "shares", "implied", "copied", "left_out", "exact",
)  # fmt: skip
IN_WORDS: Mapping[str, tuple[str, str]] = {
    EXACT: ("照原样，本表不涉及人数", "as it is: the table has no figures about people"),
    PLAIN: ("照原样", "as it is"),
    TENS: ("按十计：15 表示 10 至 19，不足十的为空", "by its ten: 15 is 10 to 19; null below ten"),
    DERIVED: ("由按十计的数算出", "computed from counts told by their tens"),
    ROUNDED: ("四舍五入", "rounded"),
    MEANS: ("平均值，误差按回答人数放宽", "a mean, its margin as wide as so few answers allow"),
    SHARES: ("比例，按十计的人数算出", "a share of counts told by their tens"),
    IMPLIED: ("由所公布的数得出", "as the figures that are told say"),
    COPIED: ("取自另一张公开的表", "copied from another public table"),
    LEFT_OUT: ("不公布，公开版中为空", "not told: null in this edition"),
}
OF_COLUMNS: Mapping[str, str] = {
    "table_name": "表 · Table", "column_name": "列 · Column", "told_as": "公布方式 · How it is told", "told_as_zh": "公布方式的中文说明 · The same in Chinese",
    "told_as_en": "公布方式的英文说明 · The same in English",
}  # fmt: skip


@dataclass(frozen=True)
class Moved:
    """The periods in which a table has other rows than in the last release, which told the public the others as they are told now."""

    column: str
    periods: tuple[Any, ...]

    @property
    def rows(self) -> str:
        """SQL: whether a row is of such a period."""
        days = ", ".join(f"date '{p}'" for p in self.periods if p is not None)
        return f'coalesce("{self.column}" in ({days}), {None in self.periods})' if days else str(None in self.periods)


@dataclass(frozen=True)
class Told:
    """`rows`: the key of every row that leaves, with its counts as they are told. `state`: what the next release has to know.
    `facts`: what the certificate says."""

    rows: pl.DataFrame
    state: pl.DataFrame
    facts: dict[str, Any]


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """The functions that the list of columns is written in, and the table that says how each column is told."""
    con.execute(MACROS)
    con.execute(f"create table public.{COLUMNS} ({', '.join(f'{c} varchar' for c in OF_COLUMNS)})")
    con.execute(
        f"comment on table public.{COLUMNS} is '公开版每一列如何公布 · How each column of the public edition is told'"
    )
    for column, text in OF_COLUMNS.items():
        con.execute(f"comment on column public.{COLUMNS}.{column} is {literal(text)}")


def write(
    con: duckdb.DuckDBPyConnection,
    product: Product,
    table: Table,
    source: str,
    kept_before: Path | None,
    kept_now: Path,
    moved: Moved | None = None,
) -> dict[str, Any]:
    """One table of the public edition out of the bureau's (`source`, and the registers of the same release); returns what the
    certificate says of it.

    `moved`: where the last release, attached as `last_public`, told the other periods by the same rules.
    """
    if _is_told_row_by_row(product, table):
        return _write_rows(con, product, table, source, kept_before, kept_now, moved)
    where = table.where.replace("from dim_division", f"from {_register('dim_division')}")
    free = _exempt(product)
    leaves = f"({free}) or ({where})" if free else where
    counted = f"select * from {source} where {where}" + (f" and not ({free})" if free else "")
    rows = con.sql(
        f"select {_listed(dict.fromkeys([*table.cell, *table.tens, *table.means, *_periods(table), *_sample(table)]))} "
        f"from ({counted}) order by {_listed(table.cell)}"
    ).pl()
    if table.people:
        rows = withheld_samples(table, rows)
    before = read_state(kept_before) if kept_before else None
    outside = _outside(con, table, rows) if table.sums else {}
    # A sample is told again as a whole or not at all, so its counts are not compared one by one.
    last = None if table.people else before
    told = tell(table, rows, lambda name: con.sql(f"select * from {_register(name)}").pl(), last, outside)
    con.register("told_rows", told.rows.to_arrow())
    if table.means and before is not None and not {*product.by_name} <= {*before.columns}:
        before = None
    as_before = stands(table, rows, before) if table.means and before is not None else pl.DataFrame()
    selected = f"{_select(product, table, source, leaves, free)} order by {_listed(product.key) or 'all'}"
    if as_before.height and before is not None:
        # Never written and deleted again: a file keeps what it no longer shows.
        wave, columns = table.people["at_once"], _listed(f.name for f in product.fields)
        con.register(
            "as_before",
            before.join(as_before.filter(~pl.col("_is_same")), on=[wave, "_telling"], how="semi").to_arrow(),
        )
        selected = (
            f'select * from (select * from ({selected}) where "{wave}" not in (select "{wave}" from as_before) '
            f"union all select {columns} from as_before) order by {_listed(product.key)}"
        )
    con.execute(f'create table public."{product.id}" as {selected}')
    if table.means:
        waves = as_before if as_before.width else rows.select(table.people["at_once"]).clear()
        write_parquet(kept_now, as_told(con, product, table, rows, waves, before))
    elif table.tens:
        write_parquet(kept_now, told.state)
    say_how(con, product, table)
    return told.facts


def say_how(con: duckdb.DuckDBPyConnection, product: Product, table: Table | None) -> None:
    """Writes how each column of a table is told; one without figures about people is told as it is."""
    told = [(product.id, f.name, kind(table, f.name) if table else EXACT) for f in product.fields]
    rows = ", ".join(f"({', '.join(map(literal, [*row, *IN_WORDS[row[2]]]))})" for row in told)
    con.execute(f"insert into public.{COLUMNS} values {rows}")


def _periods(table: Table) -> list[str]:
    return list(table.periods.values())


def _sample(table: Table) -> list[str]:
    return [*table.people.get("divide", ()), table.people["topic"]] if table.people else []


def _listed(names: Any) -> str:
    return ", ".join(f'"{n}"' for n in names)


def kind(table: Table, column: str) -> str:
    """How a column is told; what stands on no list is left out, so that nothing leaves because somebody forgot it."""
    listed = {
        PLAIN: table.plain,
        TENS: table.tens,
        DERIVED: table.derived,
        ROUNDED: table.rounded,
        MEANS: table.mean_columns,
        SHARES: table.shares,
        IMPLIED: table.implied,
    }
    copied = table.copied.get("columns", ())
    return COPIED if column in copied else next((k for k, names in listed.items() if column in names), LEFT_OUT)


def _exempt(product: Product, rows: str = "") -> str | None:
    """SQL: the rows behind which nobody stands, as the product contract says; `rows` names where they are read from."""
    conditions = []
    for column, exemption in product.disclosure.get("exempt", {}).items():
        codes = [r["code"] for r in seed(exemption["list"]) if r[exemption["where"]] == exemption["is"]]
        quoted = ", ".join(map(literal, codes))
        conditions.append(f'{rows}"{column}" in ({quoted})' if codes else "false")
    return " or ".join(conditions) or None


def _is_told_row_by_row(product: Product, table: Table) -> bool:
    """Whether no figure of a table hangs together with one of another row, so that millions of rows need not be looked at together."""
    together = (
        table.levels,
        table.parts,
        table.sums,
        table.within,
        table.periods,
        table.means,
        table.people,
        table.copied,
    )
    return bool(table.tens) and not any(together) and not _exempt(product) and {*table.cell} == {*product.key}


def _write_rows(
    con: duckdb.DuckDBPyConnection,
    product: Product,
    table: Table,
    source: str,
    kept_before: Path | None,
    kept_now: Path,
    moved: Moved | None,
) -> dict[str, Any]:
    """`write` for a table that is told row by row: as `tell` says it, without relations, in SQL."""
    known = {*pl.read_parquet_schema(kept_before)} if kept_before and _is_kept(kept_before) else set[str]()
    if not {*table.cell} <= known:
        known = set()
    states = [f"{what}_{m}" for m in table.tens for what in ("told", "since")]
    if not {*states} <= known:
        moved = None
    where = table.where.replace("from dim_division", f"from {_register('dim_division')}")
    earlier = f"read_parquet({literal(kept_before)})" if known and kept_before else ""
    told = _told_rows(table, f"select * from {source} where {where}" + (f" and {moved.rows}" if moved else ""), known, earlier)  # fmt: skip
    state = f"select {_listed([*table.cell, *states])} from ({told})"
    selected = _columns(product, table, f"({told}) as source", "source")
    if moved:
        names = _listed(f.name for f in product.fields)
        selected += f' union all select {names} from last_public."{product.id}" where not {moved.rows}'
        state += f" union all select {_listed([*table.cell, *states])} from {earlier} where not {moved.rows}"
    # The bureau's rows lie in the order of their key; what was joined or put together does not.
    order = f" order by {_listed(product.key)}" if known else ""
    con.execute(f'create table public."{product.id}" as select * from ({selected}){order}')
    with whole(kept_now) as staged:
        con.execute(f"copy ({state}) to {literal(staged)} (format parquet, compression zstd)")
    say_how(con, product, table)
    below = " + ".join(f'count(*) filter (where "{m}" is null)' for m in table.tens)
    ((rows, below_ten),) = con.execute(f'select count(*), {below} from public."{product.id}"').fetchall()
    return {"rule": "tens", "k": TEN, "rows": rows, "figures": rows * len(table.tens), "below_ten": below_ten}


def _told_rows(table: Table, rows: str, known: set[str], earlier: str) -> str:
    """SQL: rows with each count as it is told (`t_`), at most (`most_`), and what the next release has to know of it."""
    figures = [f'cast(floor(coalesce("{m}", 0)) as bigint) as "n_{m}"' for m in table.tens]
    stands = {
        m: f'"then_{m}" >= 0 and abs("n_{m}" - "then_{m}") < {TEN}'
        for m in table.tens
        if {f"told_{m}", f"since_{m}"} <= known
    }
    read = [f'coalesce(b."told_{m}", -1) as "before_{m}", coalesce(b."since_{m}", -1) as "then_{m}"' for m in stands]
    same = " and ".join(f's."{c}" is not distinct from b."{c}"' for c in table.cell)
    joined = f"({rows}) as s" + (f" left join {earlier} as b on {same}" if stands else "")
    own = {m: f'cast(floor("n_{m}" / {TEN}) as bigint) * {TEN}' for m in table.tens}
    told = [
        f'case when {stands[m]} then "before_{m}" else {own[m]} end as "told_{m}"'
        if m in stands
        else f'{own[m]} as "told_{m}"'
        for m in table.tens
    ]
    since = [
        f'case when {stands[m]} then "then_{m}" else "n_{m}" end as "since_{m}"'
        if m in stands
        else f'"n_{m}" as "since_{m}"'
        for m in table.tens
    ]
    shown = [
        f'case when "{m}" is not null and "told_{m}" >= {TEN} then "told_{m}" + {TEN // 2} end as "t_{m}", "told_{m}" + {TEN - 1} as "most_{m}"'
        for m in table.tens
    ]
    few = " or ".join(f'("{m}" is not null and "told_{m}" < {TEN})' for m in table.tens)
    return (
        f"select *, {', '.join(shown)}, false as _hidden, false as _untold, {few} as _few from (select *, {', '.join([*told, *since])} "
        f"from (select {', '.join(['s.*', *figures, *read])} from {joined}))"
    )


def _select(product: Product, table: Table, source: str, leaves: str, free: str | None) -> str:
    """The rows of a public table, each beside what is told of it."""
    same = " and ".join(f'source."{c}" is not distinct from told_rows."{c}"' for c in table.cell)
    inner = f"(select * from {source} where {leaves}) as source left join told_rows on {same}"
    if table.copied:
        inner += f' left join public."{table.copied["table"]}" as told on {table.copied["match"]}'
    return _columns(product, table, inner, "told_rows")


def _columns(product: Product, table: Table, rows: str, told: str) -> str:
    """The columns of a public table: the counts as they are told (in `told`), what follows from them, and what is no figure."""
    read = [
        f'source."{f.name}"' for f in product.fields if kind(table, f.name) in (PLAIN, ROUNDED, MEANS, SHARES, IMPLIED)
    ]
    tens = [f'{told}."t_{m}" as "{m}", {told}."most_{m}" as "{m}__most"' for m in table.tens]
    copied = [f'told."{c}"' for c in table.copied.get("columns", ())]
    given = [*read, *tens, *copied, *_factor(table), f"{told}._hidden", f"{told}._untold", f"{told}._few"]
    if table.shares or _exempt(product):
        given.append("source as _source")
    columns = [_column(f.name, f.sql_type, product, table) for f in product.fields]
    return f"select {', '.join(columns)} from (select {', '.join(given)} from {rows})"


def _factor(table: Table) -> list[str]:
    """What turns a quotient into the unit of an indicator: 1, per hundred, per thousand."""
    if not any("factor" in formula for formula in table.derived.values()):
        return []
    # The last digits of a quotient would say of which figures it is.
    return ['round(source."value" * source."denominator" / nullif(source."numerator", 0), 6) as factor']


def _column(name: str, sql_type: str, product: Product, table: Table) -> str:
    how = kind(table, name)
    if name == SUPPRESSED:
        said = f"case when _hidden then '{FEW}' when _few then '{BELOW_TEN}' end"
    elif how == ROUNDED:
        said = f'case when not coalesce(_hidden, true) then round("{name}", {table.rounded[name]}) end'
    elif how == MEANS:
        said = _mean(name, table)
    elif how == SHARES:
        said = f'case when not coalesce(_hidden, true) and ({table.shares_of}) then tens_share("{name}", _source."{table.shares[name]}") end'
    elif how == DERIVED:
        said = table.derived[name]
    elif how == IMPLIED:
        implied = [
            f"when \"{name}\" = '{value}' and ({told}) then '{value}'" for value, told in table.implied[name].items()
        ]
        said = f"case {' '.join(implied)} end"
    elif how in (PLAIN, TENS, COPIED):
        said = f'"{name}"'
    else:
        said = "null"
    free = _exempt(product, "_source.")
    if free and name != SUPPRESSED:
        said = f'case when {free} then _source."{name}" else {said} end'
    return f'cast({said} as {sql_type}) as "{name}"'


def _mean(name: str, table: Table) -> str:
    """SQL: a mean to one digit, or an end of its interval: of all answers with that mean the widest, where it holds the true one."""
    mean, interval = next((m, i) for m, i in table.means.items() if name in (m, i["lo"], i["hi"]))
    told, n, lo, hi = f'round("{mean}", 1)', f'"{table.people["count"]}"', interval["lo"], interval["hi"]
    of = {mean: told, lo: f"mean_lo({told}, {n})", hi: f"mean_hi({told}, {n})"}
    holds = "" if name == mean else f' and {of[lo]} <= "{lo}" and {of[hi]} >= "{hi}"'
    return f"case when not coalesce(_hidden or _untold, true){holds} then {of[name]} end"


# ── counts ──────────────────────────────────────────────────────────────────────────────────────


def tell(
    table: Table,
    rows: pl.DataFrame,
    register: Callable[[str], pl.DataFrame],
    before: pl.DataFrame | None,
    outside: Mapping[str, Counts] | None = None,
) -> Told:
    """The counts of a table as they are told: with the limits their relations draw, and as the last release told them."""
    names = {part["by"]["table"] for part in table.parts if "by" in part} | {"dim_division"} if table.parts else set()
    relations = list(relations_of(table, rows, {name: register(name) for name in sorted(names)}))
    told: dict[str, pl.Series] = {}
    state: dict[str, pl.Series] = {}
    most: dict[str, pl.Series] = {}
    values = {
        m: np.floor(rows[m].cast(pl.Float64).fill_null(0).to_numpy()).astype(np.int64) for m in table.tens
    }  # fmt: skip
    earlier = _earlier(table, rows, before)
    for measure, (low, since, width) in chained(values, relations, table.within, earlier, outside or {}).items():
        present = rows[measure].is_not_null().to_numpy()
        told[f"t_{measure}"] = pl.Series(np.where(present & (low >= TEN), low + TEN // 2, -1)).cast(pl.Int64)
        # What a reader knows it to be at most; where rows have no relations, the end of its ten.
        most[f"most_{measure}"] = pl.Series(low + width)
        state[f"told_{measure}"], state[f"since_{measure}"] = pl.Series(low), pl.Series(since)
    keys = rows.select(table.cell)
    frame = keys.with_columns(
        *(pl.when(s >= 0).then(s).alias(name) for name, s in told.items()),
        **most,
        **{flag: rows[flag] if flag in rows.columns else pl.lit(False) for flag in ("_hidden", "_untold")},
    )
    few = [pl.col(f"t_{m}").is_null() & rows[m].is_not_null() for m in table.tens]
    few += [pl.col("_untold")] if table.means else []
    frame = frame.with_columns(_few=pl.any_horizontal(few) if few else pl.lit(False))
    frame = frame.with_columns(
        pl.when(~pl.col("_hidden")).then(pl.col(c)).alias(c) for c in frame.columns if c.startswith("t_")
    )
    below = sum(int((s < 0).sum()) for s in told.values())
    facts = {"rule": "tens", "k": TEN, "rows": rows.height, "figures": rows.height * len(told), "below_ten": below}
    return Told(frame, keys.with_columns(**state), facts)


def _register(name: str) -> str:
    return f'release."{name}"'


def _outside(con: duckdb.DuckDBPyConnection, table: Table, rows: pl.DataFrame) -> dict[str, Counts]:
    """Measure → what its parts in another table of this edition can be together, for each row; `FAR` where ten or more lie in no part."""
    stated = [part for part in table.sums if _is_there(con, part["table"])]
    found: dict[str, Counts] = {}
    for part in stated:
        of, name, measure = part["of"], part["table"], part["measure"]
        same = " and ".join(f'v."{c}" is not distinct from p."{c}"' for c in load_public_edition()[name].cell)
        summed = con.sql(
            f"""
            with parts as (
                select
                    cast(date_trunc('month', v.period_start) as date) as period, v.division_code, sum(v."{of}") as n,
                    sum(coalesce(p."{of}" + 4, {TEN - 1})) as most
                from release."{name}" as v
                left join public."{name}" as p on {same}
                where v.department_code = {literal(part["department"])} and v."{of}" is not null
                group by all
            ), above as (
                select period, n, most, unnest([d.county_code, d.city_code, d.province_code]) as division_code
                from parts
                inner join (select distinct on (division_code) * from {_register("dim_division")}) as d on parts.division_code = d.division_code
            )
            select period, division_code, cast(sum(n) as bigint) as _sum, cast(sum(most) as bigint) as _most
            from above group by period, division_code
            """
        ).pl()
        joined = rows.select("indicator_code", "period", "division_code", _n=measure).join(
            summed, on=["period", "division_code"], how="left", maintain_order="left"
        )
        binds = joined["indicator_code"].is_in(part["indicators"]) & (joined["_n"] - joined["_sum"] < TEN)
        # Where the total leaves some of the parts out (a house that closed, a place without residents), the others can be no less than it.
        alone = pl.when(pl.col("_n") < pl.col("_sum")).then(pl.col("_n").cast(pl.Int64) // TEN * TEN)
        reach = pl.min_horizontal("_most", alone)
        most = np.where(binds.fill_null(False), joined.select(reach).to_series().fill_null(0), FAR).astype(np.int64)
        found[measure] = np.minimum(found.get(measure, most), most)
    return found


def _is_there(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    query = "select count(*) from duckdb_tables() where database_name = 'public' and table_name = ?"
    return con.execute(query, [name]).fetchall() == [(1,)]


def _earlier(table: Table, rows: pl.DataFrame, before: pl.DataFrame | None) -> dict[str, tuple[Counts, Counts]]:
    """Measure → what the last release told of each figure, and the figure when it was first told so; −1 where it was not there."""
    if before is None or not {*table.cell} <= {*before.columns}:
        return {}
    then = rows.select(table.cell).join(before, on=table.cell, how="left", nulls_equal=True, maintain_order="left")
    return {
        m: (then[f"told_{m}"].fill_null(-1).to_numpy(), then[f"since_{m}"].fill_null(-1).to_numpy())
        for m in table.tens
        if {f"told_{m}", f"since_{m}"} <= {*then.columns}
    }


def read_state(path: Path) -> pl.DataFrame | None:
    """What the last release told, from beside the published folder."""
    return pl.read_parquet(path) if _is_kept(path) else None


def _is_kept(path: Path) -> bool:
    """Whether the last release kept what it told of a table."""
    if not path.is_file():
        return False
    if not parquet_reads(path):
        # Without it nobody knows what two releases together would tell.
        raise NotReadable(
            path,
            "请从备份恢复；或删除它，本次发布将不与上一次比较。",
            "restore it from a backup; or remove it, and this release is not compared with the last.",
        )
    return True
