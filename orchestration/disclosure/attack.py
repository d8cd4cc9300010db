"""An outsider with the public edition and a computer: what can be worked out about figures of few people.

Belongs here: the published figures as bounds, the relations every reader knows (contracts/public_edition.yaml) as sums, and
linear programmes over all of them together; `attack_samples` reads the survey, `attack_elsewhere` digits, other tables and other forms.
Reads nothing but published files: neither the warehouse nor any withheld figure.
What it finds is a cell of which a reader knows more than that it is one of 1 to k − 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.loading import load_products, seed
from contracts.public_edition import Table, load_public_edition
from orchestration.disclosure import attack_elsewhere, attack_samples
from orchestration.disclosure.attack_elsewhere import Found
from orchestration.disclosure.tens import TEN, as_arrays, floors, limits

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
COLUMNS = "public_columns"  # the table of the edition that says how each of its columns is told


@dataclass(frozen=True)
class Relation:
    """`parts` add up to `total`; with `inside` there may be more in the total beside them."""

    total: int
    parts: tuple[int, ...]
    inside: bool


@dataclass(frozen=True)
class Attacked:
    withheld: int
    found: list[Found]

    @property
    def exact(self) -> int:
        return sum(f.is_exact for f in self.found)


def attack(editions: Sequence[Path], k: int = TEN) -> Attacked:
    """What the public files of one release, or of several one after the other, tell together."""
    withheld = 0
    found: list[Found] = []
    for edition in editions:
        with duckdb.connect(str(edition), read_only=True) as con:
            present = _tables(con)
            kinds = _kinds(con) if COLUMNS in present else {}
            for name, table in load_public_edition().items():
                if name in present and table.levels:
                    n, leaks = _of_table(con, table, kinds.get(name, {}), k)
                    withheld, found = withheld + n, found + leaks
                if name in present and table.derived:
                    found += attack_elsewhere.digits(con, table, kinds.get(name, {}), k)
            if "survey_score" in present:
                n, leaks = _of_survey(con, kinds.get("survey_score", {}), k)
                withheld, found = withheld + n, found + leaks
            found += attack_elsewhere.sums_elsewhere(con, kinds, k)
            found += _told_elsewhere(con, present)
        found += attack_elsewhere.other_forms(edition)
    return Attacked(withheld, found + list(_between(editions, k)))


def _kinds(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    told: dict[str, dict[str, str]] = {}
    for table, column, kind in con.execute(f"select table_name, column_name, told_as from {COLUMNS}").fetchall():
        told.setdefault(table, {})[column] = kind
    return told


def _of_table(
    con: duckdb.DuckDBPyConnection, table: Table, kinds: Mapping[str, str], k: int
) -> tuple[int, list[Found]]:
    rows = con.sql(f'select * from "{table.name}"').pl()
    # Behind some rows nobody stands, as the contract of the table says: they are told as they are.
    for column, exemption in load_products()[table.name].disclosure.get("exempt", {}).items():
        nobody = [r["code"] for r in seed(exemption["list"]) if r[exemption["where"]] == exemption["is"]]
        rows = rows.filter(~pl.col(column).is_in(nobody))
    relations = list(relations_of(table, rows, registers(con, table)))
    measures = [m for m in table.tens if rows[m].null_count() < rows.height]
    # Two readers: one takes every ten as it is told, the other knows that totals may be told lower.
    readings = [
        {m: _bounds(table, rows, m, kinds.get(m, "exact"), relations, is_literal=is_literal) for m in measures}
        for is_literal in (True, False)
    ]
    if all((a[1] == b[1]).all() for a, b in zip(readings[0].values(), readings[1].values(), strict=True)):
        readings = readings[:1]
    hidden = sum(int(((lo < k) & (hi > lo)).sum()) for lo, hi in readings[0].values())
    found = {
        (measure, cell): Found(table.name, _name(table, rows, cell), measure, lo, hi, how)
        for bounds in readings
        for measure, cell, lo, hi, how in bracket(measures, bounds, relations, table.within, k)
    }
    return hidden, list(found.values())


def _of_survey(con: duckdb.DuckDBPyConnection, kinds: Mapping[str, str], k: int) -> tuple[int, list[Found]]:
    """Counts of answers, and of people who answered one way: how many are withheld, and which an outsider reads."""
    rows = con.sql("select * from survey_score").pl()
    found = [
        Found("survey_score", r.cell, r.what, r.lo, r.hi, r.how)
        for r in attack_samples.read_survey(rows, dict(kinds), k)
    ]
    found += [
        Found("survey_score", column, f"place {place}", place, place, "a rank nobody shown has")
        for column, place in attack_samples.ranks_with_gaps(rows)
    ]
    return int((rows["n"].is_null() | rows["mean"].is_null()).sum()), found


def _name(table: Table, rows: pl.DataFrame, cell: int) -> str:
    return " ".join(str(v) for v in rows.select(table.cell).row(cell))


def registers(con: duckdb.DuckDBPyConnection, table: Table) -> dict[str, pl.DataFrame]:
    """The registers that the relations of a table are read from; a table of the same connection, in whatever schema."""
    names = {part["by"]["table"] for part in table.parts if "by" in part} | {"dim_division"}
    return {name: con.sql(f'select * from "{name}"').pl() for name in sorted(names)}


# ── what a reader knows ─────────────────────────────────────────────────────────────────────────


def relations_of(table: Table, rows: pl.DataFrame, known: Mapping[str, pl.DataFrame]) -> Iterator[Relation]:
    """Every relation between rows of a table, as the list beside the contracts states it."""
    if not rows.height or not table.levels:
        return
    level, code = table.levels["level"], table.levels["code"]
    apart = [c for c in table.cell if c not in (level, code)]
    at = rows.with_row_index("_row").select("_row", *apart, _level=pl.col(level), _code=pl.col(code))
    for part in table.parts:
        parts = at.filter(_level=part["parts"])
        # What could not be placed lies in no register, whatever a register calls unknown.
        placed = parts.filter(~pl.col("_code").is_in(["unknown", "none"]))
        if "by" in part:
            above = _above(placed, part["by"], known)
        else:
            of_one = placed if "code" in part else parts
            above = of_one.with_columns(_total=pl.lit(part.get("code", "all")))
        joined = above.join(
            at.filter(_level=part["total"]).select(*apart, _of="_row", _total="_code"),
            on=[*apart, "_total"], nulls_equal=True,
        )  # fmt: skip
        for total, members in joined.group_by("_of", maintain_order=True).agg("_row").rows():
            yield Relation(total, tuple(sorted(members)), part.get("inside", False))
    if table.periods:
        yield from _longer_periods(table, rows)


def _above(parts: pl.DataFrame, by: Mapping[str, str], known: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The parts with the code of the total that each lies in; without those of which no register says it."""
    register = known[by["table"]].select(_code=by["code"], _total=by["total"]).unique("_code", keep="first")
    if "level" in by:
        divisions = known["dim_division"].select(_total="division_code", _upper=by["level"]).unique("_total")
        register = register.join(divisions, on="_total").select("_code", _total="_upper")
    return parts.with_columns(pl.col("_code").str.strip_prefix("rest:")).join(
        register.drop_nulls(), on="_code", maintain_order="left"
    )


def _longer_periods(table: Table, rows: pl.DataFrame) -> Iterator[Relation]:
    kind, start, end = (table.periods[c] for c in ("kind", "start", "end"))
    unit = [c for c in table.cell if c not in (kind, start, end)]
    at = rows.with_row_index("_row").select("_row", *unit, _kind=kind, _start=start, _end=end)
    months = at.filter(_kind="month")
    covered = months.select("_start").unique()
    longer = at.filter(pl.col("_kind") != "month")
    if not longer.height or not covered.height:
        return
    pairs = longer.join(months, on=unit, suffix="_m").filter(
        (pl.col("_start") <= pl.col("_start_m")) & (pl.col("_end_m") <= pl.col("_end"))
    )
    for total, members in pairs.group_by("_row", maintain_order=True).agg("_row_m").rows():
        yield Relation(total, tuple(sorted(members)), False)


def _bounds(
    table: Table,
    rows: pl.DataFrame,
    measure: str,
    kind: str,
    relations: Sequence[Relation],
    *,
    is_literal: bool = False,
) -> tuple[Floats, Floats]:
    """What a published column says of its figure by itself: as it is, or the ten it lies in."""
    shown = rows[measure].cast(pl.Float64)
    if kind == "exact":
        # Rows used to be withheld for their active reviews, of which there is then at least one.
        few = (
            rows["suppressed_reason"].is_not_null()
            & shown.is_null()
            & pl.lit(measure == "active_reviews").pipe(pl.select).to_series()
        )
        lo = np.where(shown.is_null(), np.where(few, 1.0, 0.0), shown.fill_null(0))
        return lo, np.where(shown.is_null(), np.inf, shown.fill_null(0))
    tens = (shown.fill_null(TEN // 2) - TEN // 2).to_numpy()
    if is_literal:
        return tens, tens + TEN - 1
    # A total is told no higher than its parts allow: where it stands at that limit it may be more, and the sums say how much.
    parts, low = as_arrays(relations), tens.astype(np.int64)
    _, width = limits(low, floors(low, parts), parts)
    return tens, np.where(width >= TEN, np.inf, tens + TEN - 1)


# ── all of it together ──────────────────────────────────────────────────────────────────────────


def bracket(
    measures: Sequence[str],
    bounds: Mapping[str, tuple[Floats, Floats]],
    relations: Sequence[Relation],
    within: Sequence[Sequence[str]],
    k: int,
) -> Iterator[tuple[str, int, float, float, str]]:
    """(measure, row, lo, hi, how) of every figure that may be of few people and is known more closely than 1 to k − 1.

    A programme moves many figures at once: what one solution reaches need not be asked again. The rest is asked alone.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n = len(next(iter(bounds.values()))[0]) if bounds else 0
    if not n:
        return
    lo = np.concatenate([bounds[m][0] for m in measures])
    hi = np.concatenate([bounds[m][1] for m in measures])
    offset = {m: i * n for i, m in enumerate(measures)}
    entries: list[tuple[int, int, float]] = []
    upper: list[float] = []
    for m in measures:
        for relation in relations:
            row = len(upper)
            entries += [(row, offset[m] + p, 1.0) for p in relation.parts]
            entries.append((row, offset[m] + relation.total, -1.0))
            upper.append(np.inf if not relation.inside else 0.0)
    kinds = np.array([u == np.inf for u in upper], dtype=bool)  # true: equal, false: at most
    for chain in within:
        present = [m for m in chain if m in offset]
        for less, more in pairwise(present):
            first = len(upper)
            entries += [
                e for i in range(n) for e in ((first + i, offset[less] + i, 1.0), (first + i, offset[more] + i, -1.0))
            ]
            upper += [0.0] * n
    equal = np.concatenate([kinds, np.zeros(len(upper) - len(kinds), dtype=bool)])
    i, j, v = (np.array(x) for x in zip(*entries, strict=True)) if entries else (np.array([], int),) * 3
    matrix = csr_array((v, (i, j)), shape=(len(upper), len(lo)))
    # What is told as it is splits the rest into parts that know nothing of one another.
    known = lo == hi
    free = np.flatnonzero(~known)
    right = -(matrix @ np.where(known, lo, 0.0))
    for variable in map(int, np.flatnonzero(known & (lo > 0) & (lo < k))):
        yield measures[variable // n], variable % n, float(lo[variable]), float(hi[variable]), "shown"
    open_part = matrix[:, free].tocsc()
    _, group = connected_components(abs(open_part).T @ abs(open_part), directed=False)
    order = np.argsort(group, kind="stable")
    for index in np.split(free[order], np.flatnonzero(np.diff(group[order])) + 1):
        wanted = lo[index] < k
        if not wanted.any():
            continue
        touched = np.unique(matrix[:, index].tocoo().coords[0])
        sums = Sums(matrix[touched][:, index].tocsr(), right[touched], equal[touched], lo[index], hi[index])
        # A figure may have been told lower than its ten so as to tell less: then the tens do not agree, and are at least so much.
        for wider in (0.0, float(TEN), np.inf):
            agreeing = replace(sums, hi=np.where(sums.hi < k, sums.hi, sums.hi + wider)) if wider else sums
            if agreeing.furthest(np.zeros(len(index))) is not None:
                break
        for place, low, high in _narrowed(agreeing, wanted, k):
            variable = int(index[place])
            yield measures[variable // n], variable % n, low, high, "sums, together with everything else shown"


@dataclass(frozen=True)
class Sums:
    """Unknown figures and what is known of them: matrix · x is `right` where `equal`, else at most that; lo ≤ x ≤ hi."""

    matrix: Any
    right: Floats
    equal: npt.NDArray[np.bool_]
    lo: Floats
    hi: Floats

    def furthest(self, objective: Floats) -> Floats | None:
        """The figures that agree with everything known and have the least `objective`; None if none agree."""
        from scipy.optimize import linprog

        e, u = np.flatnonzero(self.equal), np.flatnonzero(~self.equal)
        # Very many stands for no bound above: it changes nothing below k.
        ceiling = np.where(np.isinf(self.hi), np.maximum(self.lo, 0) + 1e6, self.hi)
        found = linprog(
            objective,
            A_eq=self.matrix[e] if len(e) else None, b_eq=self.right[e] if len(e) else None,
            A_ub=self.matrix[u] if len(u) else None, b_ub=self.right[u] if len(u) else None,
            bounds=np.column_stack([self.lo, ceiling]), method="highs",
        )  # fmt: skip
        return None if found.x is None else np.asarray(found.x, dtype=float)


def _narrowed(sums: Sums, wanted: npt.NDArray[np.bool_], k: int) -> Iterator[tuple[int, float, float]]:
    """Cells whose reach does not cover 1 to k − 1, and how far they reach.

    Where no figures agree with what is told (it is of different people), nothing follows and nothing is found.
    """
    lows, highs = np.full(len(sums.lo), np.inf), np.full(len(sums.lo), -np.inf)
    rng = np.random.default_rng(0)
    for sign in (1.0, -1.0):
        left = wanted.copy()
        stuck = 0
        while left.any() and stuck < 3:
            x = sums.furthest(np.where(left, sign * rng.uniform(0.5, 1.5, len(left)), 0.0))
            if x is None:
                return
            lows, highs = np.minimum(lows, x), np.maximum(highs, x)
            before = int(left.sum())
            left &= (lows > 1 + 1e-6) if sign > 0 else (highs < k - 1 - 1e-6)
            stuck = stuck + 1 if int(left.sum()) > 0.95 * before else 0
        for cell in np.flatnonzero(left):
            alone = np.zeros(len(left))
            alone[cell] = sign
            x = sums.furthest(alone)
            if x is not None:
                lows, highs = np.minimum(lows, x), np.maximum(highs, x)
                left &= (lows > 1 + 1e-6) if sign > 0 else (highs < k - 1 - 1e-6)
    for cell in np.flatnonzero(wanted):
        low, high = float(np.ceil(lows[cell] - 1e-6)), float(np.floor(highs[cell] + 1e-6))
        if low < k and high > 0 and (low > 1 or high < k - 1):
            yield int(cell), low, high


# ── other doors ─────────────────────────────────────────────────────────────────────────────────


def _told_elsewhere(con: duckdb.DuckDBPyConnection, present: set[str]) -> Iterator[Found]:
    """A survey figure that is withheld under its own name and stands in the scorecard of a department."""
    if not {"survey_score", "department_scorecard"} <= present:
        return
    twice = """
        select d.month, d.department_code, d.division_code, d.survey_mean
        from department_scorecard as d
        where d.survey_mean is not null and exists (
            select 1 from survey_score as s
            where s.wave = d.survey_wave and s.division_code = d.division_code and s.group_name = 'all' and s.mean is null
        )
    """
    for month, department, division, mean in con.execute(twice).fetchall():
        yield Found(
            "department_scorecard",
            f"{month} {department} {division}",
            "survey_mean",
            mean,
            mean,
            "same figure elsewhere",
        )


def _between(editions: Sequence[Path], k: int) -> Iterator[Found]:
    """What came between two releases, where it is about few people: by both figures of a cell, and by all that add up to it."""
    for earlier, later in pairwise(editions):
        with (
            duckdb.connect(str(earlier), read_only=True) as before,
            duckdb.connect(str(later), read_only=True) as after,
        ):
            kinds = [_kinds(con) if COLUMNS in _tables(con) else {} for con in (before, after)]
            for name, table in load_public_edition().items():
                if name in _tables(before) & _tables(after) and table.cell and table.tens:
                    yield from _moved(before, after, table, [of.get(name, {}) for of in kinds], k)


def _moved(
    before: duckdb.DuckDBPyConnection,
    after: duckdb.DuckDBPyConnection,
    table: Table,
    kinds: Sequence[Mapping[str, str]],
    k: int,
) -> Iterator[Found]:
    then, now = (con.sql(f'select * from "{table.name}"').pl() for con in (before, after))
    key = list(table.cell)
    shared = [m for m in table.tens if m in then.columns and m in now.columns]
    both = now.join(then.select(*key, *(pl.col(m).alias(f"{m}_then") for m in shared)), on=key, nulls_equal=True)
    relations = [(r.total, r.parts, r.inside) for r in relations_of(table, both, registers(after, table))]
    for m in shared:
        ends = [
            attack_elsewhere.ends(both[column], of.get(m, "exact"))
            for column, of in zip((f"{m}_then", m), kinds, strict=True)
        ]
        for cell, lo, hi in attack_elsewhere.moved(ends[0], ends[1], relations, k):
            yield Found(table.name, _name(table, both, cell), m, lo, hi, "difference of two releases")


def _tables(con: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}


def summary(attacked: Attacked) -> str:
    """What was found, in a few lines."""
    lines = [
        f" {attacked.withheld:,} figures may be of few people; an outsider recovers {attacked.exact:,} exactly and brackets "
        f"{len(attacked.found) - attacked.exact:,} more closely than the policy."
    ]
    for (table, measure, how), n in Counter((f.table, f.measure, f.how) for f in attacked.found).most_common(12):
        lines.append(f"   {n:>6,}  {table}.{measure}: {how}")
    for f in attacked.found[:5]:
        lines.append(f"   e.g. {f.table} {f.cell} {f.measure}: {f.lo:.0f} to {f.hi:.0f}")
    return "\n".join(lines)
