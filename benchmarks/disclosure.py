"""Ways of publishing counts of few people, on the scorecard of a released city: what readers lose, what an outsider finds, what it costs.

Needs a release: MINSHENG_DATA=… .venv/bin/python -m benchmarks disclosure. The same rows and counts for every way (the smaller edition of
contracts/public_edition.yaml), so that only the way differs; each runs in a process of its own. Small versions, for measuring only:

    tens        what is published: tens, and totals no higher than their parts allow
    plain_tens  the same without the limit on totals
    suppress    exact counts; 1 to 9 left out, and as many more as the attack asks for. Of one month and three counts only, beside `tens` of
                the same: every round is an attack, and of all rows it takes minutes
    cell_key    exact counts and a noise of −5 to 5 that hangs on the cell
    rounding    multiples of ten, up or down, so that they still add up
    none        exact counts
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.public_edition import load_public_edition
from orchestration.disclosure.attack import Relation, bracket, registers, relations_of
from orchestration.disclosure.tens import RATE_MIN, TEN, chained
from orchestration.paths import data_directory

Floats = npt.NDArray[np.float64]
Told = tuple[Floats, Floats, Floats]  # as told (nan: not), and between what a reader knows it to be
TABLE = load_public_edition()["review_scorecard"]
NOISE, ROUNDS = 5, 12
OF_A_MONTH = dict.fromkeys(("suppress", "tens_of_a_month"), ("contacts", "active_reviews", "bad_reviews"))


def main() -> int:
    if len(sys.argv) > 1:
        print(json.dumps(measured(sys.argv[1])))
        return 0
    lines = []
    for name in WAYS:
        said = subprocess.run([sys.executable, "-m", "benchmarks.disclosure", name], check=True, capture_output=True, text=True)  # fmt: skip
        lines.append({"way": name, **json.loads(said.stdout)})
    columns = list(lines[0])
    print(" | ".join(columns))
    for line in lines:
        print(" | ".join(f"{line[c]:.3g}" if isinstance(line[c], float) else str(line[c]) for c in columns))
    return 0


def measured(name: str) -> dict[str, Any]:
    """One way, on all counts: shares lost, error of rates, figures found, seconds of processor time, megabytes."""
    database = data_directory().published / "current" / "minsheng.duckdb"
    with duckdb.connect(str(database), read_only=True) as con:
        rows = con.sql(f'select * from "{TABLE.name}" where {TABLE.where} order by all').pl()
        relations = list(relations_of(TABLE, rows, registers(con, TABLE)))
        if name in OF_A_MONTH:
            rows = rows.filter(pl.col("period_start") == pl.col("period_start").max())
            relations = list(relations_of(TABLE, rows, registers(con, TABLE)))
    counts = OF_A_MONTH.get(name, TABLE.tens)
    values = {m: rows[m].fill_null(0).cast(pl.Int64).to_numpy() for m in counts}
    began = time.process_time()
    told = WAYS[name](rows, values, relations)
    seconds = time.process_time() - began
    bounds = {m: (t[1], t[2]) for m, t in told.items()}
    few = sum(int(((v > 0) & (v < TEN)).sum()) for v in values.values())
    wide = narrowed(bounds, relations, values)
    facts: dict[str, Any] = {
        "rows": rows.height,
        "counts": len(counts),
        "few": few,
        "exact": wide[0],
        "bracketed": wide[1],
    }
    shown = {m: ~np.isnan(t[0]) for m, t in told.items()}
    facts["figures_lost"] = 1 - sum(int(s.sum()) for s in shown.values()) / sum(len(v) for v in values.values())
    many = {m: v >= TEN for m, v in values.items()}
    facts["lost_of_ten_or_more"] = 1 - sum(int((shown[m] & many[m]).sum()) for m in many) / sum(int(x.sum()) for x in many.values())  # fmt: skip
    whole, part = told["active_reviews"][0], told["bad_reviews"][0]
    bad = np.where(np.isnan(part) & ("tens" in name), TEN // 2, part)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate, true = np.clip(bad / whole, 0, 1), values["bad_reviews"] / values["active_reviews"]
    has = (whole >= RATE_MIN) & ~np.isnan(rate) & ~np.isnan(true)
    error = 100 * np.abs(rate - true)[has]
    facts |= {"error_points": float(error.mean()), "worst_points": float(error.max())}
    for kind, dimension in (
        ("halls", "facility"),
        ("counties", "county"),
        ("departments", "department"),
        ("items", "service_item"),
    ):
        of = (rows["dimension"] == dimension).to_numpy()
        facts[f"{kind}_reviews"] = float(shown["active_reviews"][of].mean())
        facts[f"{kind}_rate"] = float(has[of].mean())
    facts |= {"cpu_s": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    return facts


def narrowed(
    bounds: Mapping[str, tuple[Floats, Floats]], relations: Sequence[Relation], values: Mapping[str, Any]
) -> tuple[int, int]:
    """Figures of 1 to 9 that an outsider knows exactly, and more closely than the policy; checked against the truth."""
    found = [
        (lo, hi)
        for m, cell, lo, hi, _ in bracket(list(bounds), bounds, relations, TABLE.within, TEN)
        if 0 < values[m][cell] < TEN and lo <= values[m][cell] <= hi
    ]
    exact = sum(lo == hi for lo, hi in found)
    return exact, len(found) - exact


# ── the ways ────────────────────────────────────────────────────────────────────────────────────


def by_tens(_rows: pl.DataFrame, values: Mapping[str, Any], relations: Sequence[Relation]) -> dict[str, Told]:
    told = {}
    for m, (low, _, width) in chained(values, relations, TABLE.within, {}, {}).items():
        told[m] = (np.where(low >= TEN, low + TEN // 2, np.nan), low.astype(float), (low + width).astype(float))
    return told


def by_plain_tens(_rows: pl.DataFrame, values: Mapping[str, Any], _relations: Sequence[Relation]) -> dict[str, Told]:
    own = {m: v // TEN * TEN for m, v in values.items()}
    return {m: (np.where(low >= TEN, low + TEN // 2, np.nan), low.astype(float), low + TEN - 1.0) for m, low in own.items()}  # fmt: skip


def exactly(_rows: pl.DataFrame, values: Mapping[str, Any], _relations: Sequence[Relation]) -> dict[str, Told]:
    return {m: (v.astype(float), v.astype(float), v.astype(float)) for m, v in values.items()}


def by_cell_key(rows: pl.DataFrame, values: Mapping[str, Any], _relations: Sequence[Relation]) -> dict[str, Told]:
    """Noise drawn by a hash of cell and measure, none on an empty cell; its bounds are public."""
    keys = [" ".join(map(str, cell)) for cell in rows.select(TABLE.cell).rows()]
    told = {}
    for m, v in values.items():
        drawn = np.array([hashlib.sha256(f"key {m} {key}".encode()).digest()[0] for key in keys])
        noisy = np.where(v > 0, np.maximum(0, v + drawn % (2 * NOISE + 1) - NOISE), 0).astype(float)
        told[m] = (noisy, np.maximum(0, noisy - NOISE), noisy + NOISE)
    return told


def by_rounding(_rows: pl.DataFrame, values: Mapping[str, Any], relations: Sequence[Relation]) -> dict[str, Told]:
    """Each count to the ten below or above it, so that parts add up to their total and all are as near as can be."""
    from scipy.optimize import LinearConstraint, milp
    from scipy.sparse import csr_array, hstack, identity

    told = {}
    equal = [r for r in relations if not r.inside]
    entries = [(i, c, s) for i, r in enumerate(equal) for c, s in [(r.total, -1.0), *((p, 1.0) for p in r.parts)]]
    i, c, s = (np.array(x) for x in zip(*entries, strict=True))
    for m, v in values.items():
        n, low = len(v), v // TEN
        matrix = csr_array((s, (i, c)), shape=(len(equal), n))
        rest = matrix @ low
        # Where it cannot be, the sum is off by as few tens as can be.
        both = hstack([matrix, identity(len(equal)), -identity(len(equal))])
        up = np.where(v % TEN == 0, 0, 1)
        cost = np.concatenate([1 - 2 * (v % TEN) / TEN, np.full(2 * len(equal), 100.0)])
        found = milp(
            cost, constraints=LinearConstraint(both, -rest, -rest), integrality=np.ones(len(cost)),
            bounds=(np.zeros(len(cost)), np.concatenate([up, np.full(2 * len(equal), np.inf)])),
            options={"time_limit": 60},
        )  # fmt: skip
        rounded = (low + (np.round(found.x[:n]) if found.x is not None else v % TEN >= TEN // 2)) * TEN
        told[m] = (rounded.astype(float), np.maximum(0.0, rounded - TEN + 1), rounded + TEN - 1.0)
    return told


def by_suppression(_rows: pl.DataFrame, values: Mapping[str, Any], relations: Sequence[Relation]) -> dict[str, Told]:
    """Leaves out 1 to 9, then of what the attack still finds the smallest neighbour of each, twelve times or until it finds nothing."""
    hidden = {m: (v > 0) & (v < TEN) for m, v in values.items()}
    for _ in range(ROUNDS):
        # Left out is at least 1; how much more, nobody says.
        bounds = {
            m: (np.where(hidden[m], 1.0, v.astype(float)), np.where(hidden[m], np.inf, v.astype(float)))
            for m, v in values.items()
        }
        found = [(m, cell) for m, cell, *_ in bracket(list(bounds), bounds, relations, TABLE.within, TEN)]
        if not found:
            break
        for m, cell in found:
            for relation in relations:
                if cell == relation.total or cell in relation.parts:
                    near = [c for c in (*relation.parts, relation.total) if not hidden[m][c] and values[m][c]]
                    if near:
                        hidden[m][min(near, key=lambda c: values[m][c])] = True
            for chain in TABLE.within:
                if m in chain:
                    for other in chain:
                        hidden[other][cell] |= other == m or bool(values[other][cell] < 2 * TEN)
    return {
        m: (np.where(hidden[m], np.nan, v.astype(float)), np.where(hidden[m], 1.0, v), np.where(hidden[m], np.inf, v))
        for m, v in values.items()
    }


WAYS: Mapping[str, Callable[[pl.DataFrame, Mapping[str, Any], Sequence[Relation]], dict[str, Told]]] = {
    "tens": by_tens, "plain_tens": by_plain_tens, "suppress": by_suppression, "cell_key": by_cell_key,
    "rounding": by_rounding, "none": exactly, "tens_of_a_month": by_tens,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
