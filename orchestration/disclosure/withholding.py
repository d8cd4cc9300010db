"""Which rows of which published table are withheld, as the product contracts describe them; for `release`.

Belongs here: a contract's `disclosure` property → the rows to hide. The table as cells with totals is read in
`published_cells`; what hiding takes, and the proof that it works, is in `statistics.disclosure`; files and the swap are
in `release`. A contract says

    {rule: none, because: …}                         no figure about few people
    {rule: records, quasi_identifiers: [columns]}    one row is one event; the certificate says how many are alike
    {rule: count, count: column, …}                  rows with 1 to k − 1 people are withheld, and what gives them away
        tables: [columns]      rows that differ here are never added up
        cells: {name: {level: column, code: column, within: divisions}}   what is part of what: a code of a level, within
                               the divisions above it or, without `within`, within everything (level and code `all`)
        shown: [columns]       what stays readable; every other column outside the key becomes null
        not_identifying: [codes]   codes by which nobody can be recognised, such as unknown
        exempt: {column: {list: codes, where: column, is: value}}   rows nobody stands behind: the code list says so of the code in
                               this column; a row of any other code, or of none, is protected
        compares: {columns: [columns], reason: column, earlier: {key column: column}}   what a row says of an earlier row, which
                               is null where that row is withheld; `earlier` names its key, else it is the period before
        crossed: {table: name, cells: name, by: {level: column}, period: {kind: code, start: column}}   the rows are cells of
                               that table divided once more, by another of its levels: both are proved together
        audience: bureau       the table is left out of the public edition of a release, as one of records always is
        periods: {kind: column, start: column, end: column}   where rows are of days, months, quarters …: a longer period
                               is the sum of the shortest ones within it, so all periods are proved together
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
import polars as pl

from contracts.loading import seed
from contracts.model import SUPPRESSED, Product
from orchestration.disclosure.cells import (
    FIXED,
    LEVELS,
    NEEDS,
    PERIOD,
    SEEN,
    VALUE,
    cross,
    identifying,
    over_time,
    read_cells,
)
from orchestration.disclosure.equations import Hierarchies
from orchestration.disclosure.suppression import audit_suppression, k_anonymity, small_differences, suppress
from orchestration.paths import DataDirectory

# One and the same for every hidden row: which of them are small is part of the secret.
WITHHELD = "人数过少或可由其他数字推出 · too few people, or it would give away a figure of too few"
EARLIER = "earlier_withheld"


@dataclass(frozen=True)
class Withheld:
    """`hidden`: keys of the rows to hide. `uncompared`: keys of shown rows whose earlier row is hidden. `state`: every cell with its value and sign, for the next release.
    `facts`: what the certificate says: rows, primary, secondary, unsafe and why, and how many
    shown figures differ by fewer than k people from the release before (the difference is about those few)."""

    hidden: pl.DataFrame
    uncompared: pl.DataFrame
    state: pl.DataFrame
    facts: dict[str, Any] = field(default_factory=dict)


def parameter(table: str, name: str, day: date) -> int:
    """A parameter of the disclosure policy in force on `day`; the table's own row goes before the one for all."""
    rows = [
        r for r in seed("disclosure_policies")
        if r["parameter"] == name and r["table_name"] in (table, "*") and r["valid_from"] <= day.isoformat()
    ]  # fmt: skip
    return int(max(rows, key=lambda r: (r["table_name"] == table, r["valid_from"]))["value"])


def needed(product: Product) -> list[str]:
    """The columns of a table that `withhold` looks at."""
    stated = product.disclosure
    levels = [c for cell in stated.get("cells", {}).values() for c in (cell["level"], cell["code"])]
    return list(
        dict.fromkeys(
            [
                *product.key,
                *stated.get("tables", ()),
                *levels,
                stated["count"],
                *stated.get("exempt", ()),
                *stated.get("periods", {}).values(),
                *stated.get("compares", {}).get("earlier", {}).values(),
            ]
        )
    )


def records(product: Product, frame: pl.DataFrame, day: date) -> dict[str, Any]:
    """How recognisable the rows of a record-level table are, for the certificate; nothing is hidden."""
    columns = list(product.disclosure["quasi_identifiers"])
    k = parameter(product.id, "records_k", day)
    return {"rule": "records", "by": columns, "k": k, **k_anonymity(frame, columns, k=k).row(0, named=True)}


def withhold(
    product: Product,
    frame: pl.DataFrame,
    divisions: pl.DataFrame,
    previous: pl.DataFrame | None,
    day: date,
    crossed: pl.DataFrame | None = None,
) -> Withheld:
    """The rows of a table to hide, protected against its own totals and against the release before.

    Args:
        frame: key, count and `exempt` columns of the table as the warehouse has it.
        divisions: `division_code` and a column `<level>_code` for the ancestor at each of `LEVELS`.
        previous: `state` of the release that readers see now, null if there is none.
        crossed: `state` of the table that the contract names under `crossed`, which is not changed any more.

    A part of the table (one value of `tables`) whose figures are those of the release before keeps its pattern. Where
    nothing that is still unknown can protect a figure, its whole part is withheld; what an earlier release has
    already shown cannot be taken back and is counted as unsafe.
    """
    stated = product.disclosure
    k = parameter(product.id, "k", day)
    # A table without rows divides nobody: before the first review a department stands by itself.
    crossed = None if crossed is not None and crossed.is_empty() else crossed
    about = frame
    for column, exemption in stated.get("exempt", {}).items():
        codes = [r["code"] for r in seed(exemption["list"]) if r[exemption["where"]] == exemption["is"]]
        about = about.filter(~pl.col(column).is_in(codes).fill_null(False))
    if crossed is None:
        cells, hierarchies = read_cells(stated, about, divisions)
        cells = identifying(cells, stated, k)
    else:
        cells, hierarchies = cross(stated, about, divisions, crossed, k)
    periods = {} if crossed is not None else stated.get("periods", {})
    # Periods are added up with one another, so all of them are one table.
    by = [column for column in stated.get("tables", ()) if column not in periods.values() and crossed is None]
    if periods and cells.height:
        cells, hierarchies = over_time(cells, hierarchies, periods)
    ways = list(hierarchies)
    done = [
        _part(part, hierarchies, k, _of_part(previous, part, by, ways))
        for part in (cells.partition_by(by) if by else [cells])
        if part.height
    ]
    state = pl.concat([p for p, _ in done]) if done else cells.with_columns(suppression=pl.lit(None, pl.String))
    state = _seen(state, previous, [*by, *ways] if ways else list(product.key))
    unsafe = [row for _, rows in done for row in rows]
    whole, state = state, state.filter(~pl.col(FIXED)) if FIXED in state.columns else state
    counts = dict(state["suppression"].value_counts().rows())
    revised = small_differences(state, previous, product.key, VALUE, k=k).height if previous is not None else 0
    facts = {
        "small_revisions": revised,
        "rule": "count", "k": k, "rows": frame.height, "primary": counts.get("primary", 0),
        "secondary": counts.get("secondary", 0), "unsafe": len(unsafe), "why_unsafe": sorted(set(unsafe)),
    }  # fmt: skip
    hidden = state.filter(pl.col("suppression").is_not_null()).select(product.key)
    return Withheld(hidden, _uncompared(state, hidden, product), whole, facts)


def selection(
    con: duckdb.DuckDBPyConnection,
    data: DataDirectory,
    product: Product,
    source: str,
    register: str,
    release_id: str,
    previous_id: str | None,
) -> tuple[str, str, dict[str, Any]]:
    """How a table may be read out of the warehouse: its columns, a join, and what the certificate says of it.

    `source` and `register` name the table and dim_division on `con`, which is left with the view `hidden_rows`. What
    is withheld never reaches the candidate; the cells of this release are kept for the next one to compare with.
    """
    stated = product.disclosure
    names = ", ".join(f'source."{f.name}"' for f in product.fields)
    if stated["rule"] == "records":
        wanted = ", ".join(f'"{c}"' for c in stated["quasi_identifiers"])
        return names, "", records(product, con.sql(f"select {wanted} from {source}").pl(), data.today())
    if stated["rule"] != "count":
        return names, "", dict(stated)
    wanted = ", ".join(f'"{c}"' for c in needed(product))
    ancestors = ", ".join(f"{level}_code" for level in LEVELS)
    kept = data.disclosed / (previous_id or "none") / f"{product.id}.parquet"
    other = data.disclosed / release_id / f"{stated['crossed']['table']}.parquet" if "crossed" in stated else None
    found = withhold(
        product,
        # In one order: between two patterns that hide as little, the rows' order decides.
        con.sql(f"select {wanted} from {source} order by all").pl(),
        con.sql(f"select division_code, {ancestors} from {register} order by all").pl(),
        pl.read_parquet(kept) if kept.is_file() else None,
        data.today(),
        pl.read_parquet(other) if other and other.is_file() else None,
    )
    (data.disclosed / release_id).mkdir(parents=True, exist_ok=True)
    found.state.write_parquet(data.disclosed / release_id / f"{product.id}.parquet")
    marked = [
        found.hidden.with_columns(is_hidden=pl.lit(True)),
        found.uncompared.with_columns(is_hidden=pl.lit(False)),
    ]
    con.register("hidden_rows", pl.concat(marked).to_arrow())
    columns = [_column(f.name, product) for f in product.fields]
    same = " and ".join(f'source."{k}" is not distinct from hidden_rows."{k}"' for k in product.key)
    return ", ".join(columns), f"left join hidden_rows on {same}", found.facts


def _column(name: str, product: Product) -> str:
    """A column as it is read: null in a withheld row, and null where it says something of a withheld earlier row."""
    compares = product.disclosure.get("compares", {})
    if name == SUPPRESSED:
        return f"case when is_hidden then '{WITHHELD}' end as \"{name}\""
    if name in compares.get("columns", ()):
        return f'case when is_hidden is null then source."{name}" end as "{name}"'
    if name == compares.get("reason"):
        return f'case when is_hidden is null then source."{name}" when not is_hidden then \'{EARLIER}\' end as "{name}"'
    return (
        f'case when is_hidden then null else source."{name}" end as "{name}"'
        if name in product.hideable
        else f'source."{name}"'
    )


def _uncompared(state: pl.DataFrame, hidden: pl.DataFrame, product: Product) -> pl.DataFrame:
    """Shown rows whose comparison with a withheld earlier row would tell what that row says."""
    key, stated = list(product.key), product.disclosure
    shown = state.filter(pl.col("suppression").is_null())
    if not stated.get("compares") or not hidden.height:
        return shown.select(key).clear()
    if earlier := stated["compares"].get("earlier"):
        named = [pl.col(earlier.get(k, k)).alias(f"_{k}") for k in key]
    else:
        start, end = (pl.col(stated["periods"][c]).cast(pl.Date) for c in ("start", "end"))
        after = end.dt.offset_by("1d")
        months = 12 * (after.dt.year() - start.dt.year()) + after.dt.month() - start.dt.month()
        before = start.dt.offset_by(pl.format("-{}mo", months))
        named = [(before if k == stated["periods"]["start"] else pl.col(k)).alias(f"_{k}") for k in key]
    asked = shown.select(*key, *named)
    withheld = hidden.rename({k: f"_{k}" for k in key})
    return asked.join(withheld, on=[f"_{k}" for k in key], how="semi", nulls_equal=True).select(key)


# ── patterns ────────────────────────────────────────────────────────────────────────────────────


def _of_part(
    previous: pl.DataFrame | None, part: pl.DataFrame, by: Sequence[str], ways: Sequence[str]
) -> pl.DataFrame | None:
    """The cells of a part in the release before, each once."""
    if previous is None or not set(part.columns) <= set(previous.columns):
        return None
    same = previous.join(part.select(by).head(1), on=list(by), how="semi", nulls_equal=True) if by else previous
    return (
        same.unique(ways, keep="first", maintain_order=True) if same.height and ways else same if same.height else None
    )


def _part(
    rows: pl.DataFrame, hierarchies: Hierarchies, k: int, previous: pl.DataFrame | None
) -> tuple[pl.DataFrame, list[str]]:
    """One part with `suppression`, and why each unsafe cell of it is unsafe."""
    ways = list(hierarchies)
    if not ways:
        return rows.with_columns(suppression=pl.when(NEEDS).then(pl.lit("primary"))), []
    cells, unsafe = _pattern(rows.unique(ways, keep="first", maintain_order=True), hierarchies, k, previous)
    found = cells.select(*ways, _found="suppression")
    joined = rows.join(found, on=ways, how="left", maintain_order="left")
    return joined.with_columns(suppression="_found").drop("_found"), unsafe


def _pattern(
    part: pl.DataFrame, hierarchies: Hierarchies, k: int, previous: pl.DataFrame | None
) -> tuple[pl.DataFrame, list[str]]:
    """`_part` of cells that stand in one row each."""
    ways = list(hierarchies)
    if previous is not None and _unchanged(part, previous, ways):
        return previous.select(*ways, "suppression"), []
    nothing = part if FIXED in part.columns else part.with_columns(suppression=pl.lit(None, pl.String))
    if not part[NEEDS].any():
        return nothing, []
    additive = {way: _additive(part, way, ways, parents) for way, parents in hierarchies.items()}
    known = previous
    if previous is not None and SEEN in previous.columns:
        known = previous.with_columns(pl.when(~pl.col(SEEN)).then("suppression").alias("suppression"))
    settings: dict[str, Any] = {
        "k": k,
        "previous": known,
        "needing": NEEDS,
        "fixed": FIXED if FIXED in part.columns else None,
    }
    found = suppress(_as_before(nothing, previous, ways), additive, VALUE, **settings)
    unsafe = _unsafe(found, additive, settings)
    periods = [PERIOD] if PERIOD in ways else []
    for within in ([periods] if periods else []) + [[]]:
        bracketed = unsafe.filter(pl.col("reason") == "bracketed")
        if not bracketed.height:
            break
        rest = pl.when(NEEDS).then(pl.lit("primary")).when(pl.col(VALUE) > 0).then(pl.lit("secondary"))
        wholly = pl.lit(True) if not within else pl.col(PERIOD).is_in(bracketed[PERIOD].unique().implode())
        wholly = wholly & ~pl.col(FIXED) if FIXED in part.columns else wholly
        found = found.with_columns(suppression=pl.when(wholly).then(rest).otherwise("suppression"))
        unsafe = _unsafe(found, additive, settings)
    return found, unsafe["reason"].to_list()


def _seen(state: pl.DataFrame, previous: pl.DataFrame | None, key: list[str]) -> pl.DataFrame:
    """The state with whether a reader has seen the figure as it is: now, or in any release since it was last revised."""
    shown = pl.col("suppression").is_null()
    if previous is None or not {*key, SEEN} <= {*previous.columns}:
        return state.with_columns(shown.alias(SEEN))
    earlier = previous.select(*key, pl.col(VALUE).alias("_before"), pl.col(SEEN).alias("_was")).unique(key)
    joined = state.join(earlier, on=key, how="left", nulls_equal=True, maintain_order="left")
    before = ((pl.col("_before") == pl.col(VALUE)) & pl.col("_was")).fill_null(False)
    return joined.with_columns((shown | before).alias(SEEN)).drop("_before", "_was")


def _as_before(part: pl.DataFrame, previous: pl.DataFrame | None, ways: Sequence[str]) -> pl.DataFrame:
    """The part in which what was withheld and has not changed is withheld already: to show it now would take away what
    hides others, for what was shown before can hide nobody."""
    if previous is None:
        return part
    earlier = previous.select(*ways, pl.col(VALUE).alias("_before"), pl.col("suppression").alias("_kept"))
    joined = part.join(earlier, on=list(ways), how="left", nulls_equal=True, maintain_order="left")
    kept = pl.when(pl.col("_before") == pl.col(VALUE)).then("_kept")
    return joined.with_columns(pl.coalesce("suppression", kept).alias("suppression")).drop("_before", "_kept")


def _unchanged(part: pl.DataFrame, previous: pl.DataFrame, ways: Sequence[str]) -> bool:
    """The same cells with the same values, needing the same protection, as in the release before."""
    columns = [*ways, VALUE, NEEDS]
    if part.height != previous.height or not {*part.columns} <= {*previous.columns}:
        return False
    return part.select(columns).sort(ways).equals(previous.select(columns).sort(ways))


def _additive(
    part: pl.DataFrame, way: str, ways: Sequence[str], parents: Mapping[str, str | Sequence[str]]
) -> dict[str, list[str]]:
    """The parents whose parts do not exceed them. Where they do the figures are of different people, so that nobody
    can subtract one from the other."""
    others = [w for w in ways if w != way]
    links = pl.DataFrame(
        [(c, p) for c, ps in parents.items() for p in ([ps] if isinstance(ps, str) else ps)],
        schema={way: pl.String, "_above": pl.String}, orient="row",
    )  # fmt: skip
    sums = part.join(links, on=way).group_by("_above", *others).agg(pl.col(VALUE).sum().alias("_parts"))
    totals = part.join(sums.rename({"_above": way}), on=[way, *others])
    exceeded = totals.filter(pl.col("_parts") > pl.col(VALUE))[way].unique()
    kept = links.filter(~pl.col("_above").is_in(exceeded.implode()))
    return dict(kept.group_by(way, maintain_order=True).agg("_above").rows())


def _unsafe(found: pl.DataFrame, hierarchies: Hierarchies, settings: Mapping[str, Any]) -> pl.DataFrame:
    audited = audit_suppression(found, hierarchies, VALUE, **settings, only_unproven=True)
    return audited.filter(~pl.col("is_safe"))
