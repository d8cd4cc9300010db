"""An outsider and the same figures elsewhere: in another table, in another form, in the digits of a rate, in another release.

Belongs here: what is told of a count by something else than the count's own column. What sums of one table tell is in `attack`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.loading import load_products
from contracts.public_edition import Table, load_public_edition
from contracts.quoting import literal
from orchestration.disclosure.tens import TEN

Floats = npt.NDArray[np.float64]
# Rates that a reader divides back: rate → (part, whole, whether it is the rest that is told).
RATES = {
    "participation_rate": ("active_reviews", "contacts", False),
    "not_reviewed_share": ("active_reviews", "contacts", True),
    "bad_rate": ("bad_reviews", "active_reviews", False),
    "good_rate": ("bad_reviews", "active_reviews", True),
    "rectification_rate": ("bad_rectified", "bad_accepted", False),
    "on_time_rate": ("bad_on_time", "bad_in_on_time_base", False),
}


@dataclass(frozen=True)
class Found:
    """A cell of few people of which an outsider knows more than the policy allows."""

    table: str
    cell: str
    measure: str
    lo: float
    hi: float
    how: str

    @property
    def is_exact(self) -> bool:
        return self.lo == self.hi


def ends(shown: pl.Series, kind: str) -> tuple[Floats, Floats]:
    """What a column says of its counts by itself; withheld is 0 to 9 where it is told by tens, and anything where it is not."""
    value = shown.cast(pl.Float64)
    if kind == "tens":
        lo = (value.fill_null(TEN // 2) - TEN // 2).to_numpy()
        return lo, lo + TEN - 1
    return value.fill_null(0).to_numpy(), value.fill_null(np.inf).to_numpy()


def digits(con: duckdb.DuckDBPyConnection, table: Table, kinds: Mapping[str, str], k: int) -> Iterator[Found]:
    """Rates that are not the quotient of the counts as told: which whole numbers have this quotient, to all its digits?"""
    columns = {c for (c,) in con.execute("select column_name from duckdb_columns() where table_name = ?", [table.name]).fetchall()}  # fmt: skip
    for rate, (part, whole, is_rest) in RATES.items():
        if not {rate, part, whole} <= columns:
            continue
        cell = [c for c in table.cell if c in columns]
        rows = con.sql(f'select * from "{table.name}" where "{rate}" is not null').pl()
        low_part, high_part = ends(rows[part], kinds.get(part, "exact"))
        low, high = ends(rows[whole], kinds.get(whole, "exact"))
        for i, row in enumerate(rows.iter_rows(named=True)):
            share = float(1 - row[rate] if is_rest else row[rate])
            as_told = (row[part] if row[part] is not None else TEN // 2) / (row[whole] or np.nan)
            if abs(min(1.0, as_told) - share) < 1e-9 or high[i] - low[i] > 1e4:
                continue
            n = np.arange(max(1, low[i]), high[i] + 1)
            fits = np.abs(np.round(share * n) / n - share) < 5e-7
            parts = np.unique(np.round(share * n[fits]))
            parts = parts[(parts >= low_part[i]) & (parts <= high_part[i])]
            if len(parts) and parts[0] < k and parts[-1] - parts[0] < k - 2 and parts[-1] > 0:
                where = " ".join(str(row[c]) for c in cell)
                yield Found(table.name, where, part, float(parts[0]), float(parts[-1]), "the digits of a rate")


def sums_elsewhere(con: duckdb.DuckDBPyConnection, kinds: Mapping[str, Mapping[str, str]], k: int) -> Iterator[Found]:
    """Counts of one table that are the sum of another's rows: each row is at least what the others cannot be."""
    present = {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}
    for name, table in load_public_edition().items():
        for part in table.sums:
            if not {name, part["table"], "dim_division"} <= present:
                continue
            of, of_kinds, whole_kinds = part["of"], kinds.get(part["table"], {}), kinds.get(name, {})
            rows = con.sql(
                f"""
                select v.*, cast(date_trunc('month', v.period_start) as date) as _month,
                    unnest([d.county_code, d.city_code, d.province_code]) as _division
                from "{part["table"]}" as v
                inner join (select distinct on (division_code) * from dim_division) as d on v.division_code = d.division_code
                where v.department_code = {literal(part["department"])}
                """
            ).pl()
            # A null is few or none asked for; a column that is never told for a row of this kind is none.
            asked = rows.group_by("service_item_code").agg(pl.col(of).is_not_null().any().alias("_is_asked"))
            rows = rows.join(asked, on="service_item_code").filter("_is_asked")
            lo, hi = ends(rows[of], of_kinds.get(of, "exact"))
            rows = rows.with_columns(_lo=lo, _hi=hi)
            totals = con.sql(f'select * from "{name}"').pl()
            totals = totals.filter(
                pl.col("indicator_code").is_in(part["indicators"]), pl.col(part["measure"]).is_not_null()
            )
            low, high = ends(totals[part["measure"]], whole_kinds.get(part["measure"], "exact"))
            sums = totals.with_columns(_low=low, _high=high).select(
                "period", "division_code", "indicator_code", "_low", "_high"
            )
            both = rows.join(sums, left_on=["_month", "_division"], right_on=["period", "division_code"], how="inner")
            group = ["indicator_code", "_month", "_division"]
            both = both.with_columns(_all_lo=pl.col("_lo").sum().over(group), _all_hi=pl.col("_hi").sum().over(group))
            # A total that is told at its limit can be more than its ten: as much as its parts.
            most = pl.when(pl.col("_low") > pl.col("_all_hi") - 2 * TEN).then(np.inf).otherwise(pl.col("_high"))
            both = both.with_columns(
                _least=pl.max_horizontal(pl.col("_lo"), pl.col("_low") - (pl.col("_all_hi") - pl.col("_hi"))),
                _most=pl.min_horizontal(pl.col("_hi"), most - (pl.col("_all_lo") - pl.col("_lo"))),
            )
            few = both.filter((pl.col("_lo") < k), (pl.col("_least") > 1) | (pl.col("_most") < k - 1), pl.col("_most") > 0, pl.col("_least") <= pl.col("_most"))  # fmt: skip
            cell = [c for c in load_public_edition()[part["table"]].cell if c in few.columns]
            for row in few.iter_rows(named=True):
                where = " ".join(str(row[c]) for c in cell)
                yield Found(part["table"], where, of, row["_least"], row["_most"], f"the sum told in {name}")


def other_forms(edition: Path) -> Iterator[Found]:
    """Figures about people that CSV, Parquet, SDMX or a page's data have otherwise than the database: they must be the same."""
    folder = edition.parent
    with duckdb.connect(str(edition), read_only=True) as con:
        told: dict[tuple[str, str], Floats] = {}
        # A page's data are headed by both labels; several columns have the same, and each may be what is meant.
        labelled: dict[str, list[tuple[str, str]]] = {}
        for name, table in load_public_edition().items():
            there = {c for (c,) in con.execute("select column_name from duckdb_columns() where table_name = ?", [name]).fetchall()}  # fmt: skip
            for column, field in load_products()[name].by_name.items():
                if column in there:
                    labelled.setdefault(f"{field.label_zh} {field.label_en}", []).append((name, column))
                    if column not in table.plain:
                        values = con.sql(f'select distinct "{column}"::varchar as v from "{name}" where "{column}" is not null').pl()["v"]  # fmt: skip
                        told[name, column] = _numbers(values)
            for path in (folder / "csv" / f"{name}.csv", folder / "parquet" / f"{name}.parquet", folder / "sdmx" / f"{name}.csv"):  # fmt: skip
                yield from _otherwise(con, path, told, {column.lower(): [(name, column)] for column in there})
        for path in sorted((folder.parent / "bulletin" / "data").glob("*.csv")):
            yield from _otherwise(con, path, told, labelled)


def _otherwise(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    told: Mapping[tuple[str, str], Floats],
    known: Mapping[str, Sequence[tuple[str, str]]],
) -> Iterator[Found]:
    """Numbers of a file under a heading that none of the columns so headed (`known`) tells."""
    if not path.is_file():
        return
    read = f"read_parquet({literal(path)})" if path.suffix == ".parquet" else f"read_csv({literal(path)}, all_varchar = true, header = true)"  # fmt: skip
    there = con.sql(f"select * from {read}").pl()
    for header in there.columns:
        columns = known.get(re.sub(r"\s*\[.*\]$", "", header)) or known.get(header.lower(), ())
        # What may be a name or a code under the same heading says nothing of a figure.
        if not columns or any(column not in told for column in columns):
            continue
        found = there[header].drop_nulls().cast(pl.String)
        expected = np.sort(np.concatenate([told[c] for c in columns]))
        for value in _missing(_numbers(found.filter(found != "")), expected)[:3]:
            yield Found(columns[0][0], path.name, columns[0][1], value, value, f"another figure in {path.name}")


def _missing(found: Floats, expected: Floats) -> list[float]:
    """The numbers that are none of the expected ones, to nine digits: pages write ten."""
    if not len(expected):
        return sorted(found.tolist())
    place = np.searchsorted(expected, found)
    near = np.minimum(
        np.abs(found - expected[np.clip(place, 0, len(expected) - 1)]),
        np.abs(found - expected[np.clip(place - 1, 0, len(expected) - 1)]),
    )
    return sorted(found[near > 1e-9 * np.maximum(1.0, np.abs(found))].tolist())


def _numbers(values: pl.Series) -> Floats:
    return np.asarray(values.cast(pl.Float64, strict=False).drop_nulls().unique().to_numpy(), dtype=float)


def moved(
    before: tuple[Floats, Floats],
    after: tuple[Floats, Floats],
    relations: Sequence[tuple[int, tuple[int, ...], bool]],
    k: int,
) -> list[tuple[int, float, float]]:
    """(cell, least, most) of what came between two releases, where it is about few and known more closely than to k − 1.

    From both ends of every cell, narrowed by what its total and the other parts say, until nothing moves any more.
    """
    low, high = after[0] - before[1], after[1] - before[0]
    for _ in range(20):
        was = low.copy(), high.copy()
        for total, parts, inside in relations:
            cells = np.array(parts)
            if not inside:
                low[total], high[total] = max(low[total], low[cells].sum()), min(high[total], high[cells].sum())
                low[cells] = np.maximum(low[cells], low[total] - (high[cells].sum() - high[cells]))
                high[cells] = np.minimum(high[cells], high[total] - (low[cells].sum() - low[cells]))
        if (low == was[0]).all() and (high == was[1]).all():
            break
    is_few = (np.minimum(np.abs(low), np.abs(high)) < k) & (high - low < k - 2) & ((low > 0) | (high < 0))
    return [(int(c), float(low[c]), float(high[c])) for c in np.flatnonzero(is_few)]
