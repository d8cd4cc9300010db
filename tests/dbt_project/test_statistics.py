"""The statistics that stand in SQL, held against orchestration/statistics and scipy over thousands of random inputs.

Where both have a function, it must say the same of the same counts: nulls, zeros, all of all, one and a million million
observations, ties. What is null in SQL because there is nothing to divide by, Python refuses or gives the whole range.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from building import compiled, dbt
from scipy.stats import binom, norm, t
from statsmodels.stats.proportion import confint_proportions_2indep

from contracts.loading import seed
from orchestration.paths import DataDirectory
from orchestration.statistics.intervals import (
    benjamini_hochberg,
    empirical_bayes_rates,
    fixed_digits,
    show_rate,
    wilson,
    z_quantile,
)
from orchestration.statistics.ranks import rank_rates

# Each expression is compiled by dbt, as a model would hold it, and run over a table `given`.
EXPRESSIONS = {
    "wilson": "{{ wilson('k', 'n', 'z', 'lo') }} as lo, {{ wilson('k', 'n', 'z', 'hi') }} as hi",
    "newcombe": "{{ newcombe('now', 'before', 'lo') }} as lo, {{ newcombe('now', 'before', 'hi') }} as hi",
    "two_sided_p": "{{ two_sided_p('z') }} as p",
    "upper_tail_z": "{{ upper_tail_z('tail') }} as z",
    "fixed_digits": ", ".join(f"{{{{ fixed_digits('number', {d}) }}}} as digits_{d}" for d in range(7)),
    "show_share": "{{ show_share('share') }} as text",
    "squared_t_over_z": "{{ squared_t_over_z('df', 'z') }} as ratio",
    "clustered": "{{ design_effect('given', 'given') }} as effect, "
    "{{ wilson(effective('good_reviews', 'effect'), effective('active_reviews', 'effect'), 'interval_z', 'lo') }} as lo, "
    "{{ wilson(effective('good_reviews', 'effect'), effective('active_reviews', 'effect'), 'interval_z', 'hi') }} as hi",
}
EXPRESSIONS["looked"] = (
    EXPRESSIONS["clustered"]
    .replace("'given', 'given'", "'given', 'given', 'verdict_z'")
    .replace("interval_z", "verdict_z")
)
SEPARATOR = "----"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    data = DataDirectory(tmp_path_factory.mktemp("statistics"))
    data.derived.mkdir()
    return data


@pytest.fixture(scope="module")
def sql(data: DataDirectory) -> dict[str, str]:
    run = dbt(data, "compile", "--inline", SEPARATOR.join(EXPRESSIONS.values()))
    assert run.success, run.said
    return dict(zip(EXPRESSIONS, run.results[0].node.compiled_code.split(SEPARATOR), strict=True))


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        yield con


def rows(con: duckdb.DuckDBPyConnection, select: str, given: pl.DataFrame) -> pl.DataFrame:
    """What the compiled expressions say of each row of a table, in its order."""
    con.register("table_given", given.with_row_index("_row").to_arrow())
    con.execute("create or replace table given as select * from table_given")
    return con.sql(f"select _row, {select} from given").pl().sort("_row")


def counts(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts k of n: small, usual, huge; none, all, one, all but one and anything between."""
    n = rng.choice([1, 2, 5, 10, 263, 10_000, 10**6, 10**9, 10**12], size) + rng.integers(0, 40, size)
    shape = rng.integers(0, 6, size)
    k = np.select(
        [shape == 0, shape == 1, shape == 2, shape == 3], [0, n, np.minimum(1, n), n - 1], rng.integers(0, n + 1)
    )
    return k, n


def close(ours: pl.Series, theirs: Any, *, relative: float = 0.0, absolute: float = 0.0) -> None:
    np.testing.assert_allclose(ours.to_numpy(), np.asarray(theirs, np.float64), rtol=relative, atol=absolute)


def test_wilson_is_the_same(sql: dict[str, str], con: duckdb.DuckDBPyConnection) -> None:
    k, n = counts(np.random.default_rng(1), 5000)
    for confidence in (0.8, 0.95, 0.999):
        given = pl.DataFrame({"k": k, "n": n}).with_columns(z=pl.lit(z_quantile(confidence)))
        said = rows(con, sql["wilson"], given)
        lo, hi = wilson(k, n, confidence)
        close(said["lo"], lo, relative=1e-9, absolute=1e-15)
        close(said["hi"], hi, relative=1e-12)
        assert (said["lo"].to_numpy() == 0).tolist() == (k == 0).tolist()
        assert (said["hi"].to_numpy()[k == n] == 1).all()


def test_wilson_of_nothing_is_null(sql: dict[str, str], con: duckdb.DuckDBPyConnection) -> None:
    given = pl.DataFrame({"k": [0, None, 1, 1], "n": [0, 5, None, 5], "z": [1.96, 1.96, 1.96, None]})
    said = rows(con, sql["wilson"], given)
    assert said.select("lo", "hi").rows() == [(None, None)] * 4
    assert [bound.tolist() for bound in wilson(0, 0)] == [0, 1]


def test_newcombe_is_what_statsmodels_says(sql: dict[str, str], con: duckdb.DuckDBPyConnection) -> None:
    rng = np.random.default_rng(2)
    (k1, n1), (k2, n2) = counts(rng, 2000), counts(rng, 2000)
    given = pl.DataFrame({"now": k1 / n1, "before": k2 / n2}).with_columns(
        **{f"now_{b}": pl.Series(v) for b, v in zip(("lo", "hi"), wilson(k1, n1), strict=True)},
        **{f"before_{b}": pl.Series(v) for b, v in zip(("lo", "hi"), wilson(k2, n2), strict=True)},
    )
    said = rows(con, sql["newcombe"], given)
    theirs = [
        confint_proportions_2indep(*four, method="newcomb", compare="diff") for four in zip(k1, n1, k2, n2, strict=True)
    ]
    close(said["lo"], [lo for lo, _ in theirs], absolute=1e-10)
    close(said["hi"], [hi for _, hi in theirs], absolute=1e-10)
    without = rows(con, sql["newcombe"], given.with_columns(before=pl.lit(None, pl.Float64)).head(3))
    assert without.select("lo", "hi").rows() == [(None, None)] * 3


def test_probabilities_of_a_normal_are_those_of_scipy(sql: dict[str, str], con: duckdb.DuckDBPyConnection) -> None:
    rng = np.random.default_rng(3)
    z = np.concatenate([[0.0, 1e-300, -1e-9, 1.959963984540054, 7.07106781186547, 36.9, -36.9], rng.normal(0, 6, 5000)])
    said = rows(con, sql["two_sided_p"], pl.DataFrame({"z": z}))
    theirs, near = 2 * norm.sf(np.abs(z)), np.abs(z) < 3
    close(said["p"].filter(pl.Series(near)), theirs[near], relative=1e-13)
    close(said["p"].filter(pl.Series(~near)), theirs[~near], relative=1e-8)
    assert rows(con, sql["two_sided_p"], pl.DataFrame({"z": [None, 40.0, -1e300]}, schema={"z": pl.Float64}))[
        "p"
    ].to_list() == [None, 0, 0]

    tail = np.concatenate(
        [[0.5, 0.925, 0.075, 1.4e-11, 1e-300, 0.025], rng.random(3000) * 0.925, 10 ** -rng.uniform(0.1, 300, 3000)]
    )
    said = rows(con, sql["upper_tail_z"], pl.DataFrame({"tail": tail}))
    close(said["z"], norm.isf(tail), relative=1e-13, absolute=1e-15)
    close(said["z"].head(1), [NormalDist().inv_cdf(0.5)])
    given = pl.DataFrame({"tail": [None, 0.0, -1.0, 0.93, 1.0]}, schema={"tail": pl.Float64})
    assert rows(con, sql["upper_tail_z"], given)["z"].to_list() == [None] * 5


def test_the_quantile_of_t_is_near_scipys(sql: dict[str, str], con: duckdb.DuckDBPyConnection) -> None:
    df = np.concatenate([np.arange(5, 400), [10_000, 10**9]])
    for confidence in (0.8, 0.95, 0.99):
        z = z_quantile(confidence)
        said = rows(con, sql["squared_t_over_z"], pl.DataFrame({"df": df}).with_columns(z=pl.lit(z)))[
            "ratio"
        ].to_numpy()
        theirs = (t.isf((1 - confidence) / 2, df) / z) ** 2
        np.testing.assert_allclose(said, theirs, rtol=0.002)
        assert (said > 1).all()
    # The quantile of a month's verdict, of which z² is read.
    said = rows(con, sql["squared_t_over_z"], pl.DataFrame({"df": df}).with_columns(z=pl.lit(2.8653)))[
        "ratio"
    ].to_numpy()
    np.testing.assert_allclose(said, (t.isf(norm.sf(2.8653), df) / 2.8653) ** 2, rtol=0.004)


POLICY = {
    row["parameter"]: float(row["value"])
    for row in seed("review_policies")
    if not row["area"] and row["version"] == "1"
}


def halls(
    rng: np.random.Generator, draws: int, n: int, windows: int, alike: str, correlation: float, rate: float
) -> pl.DataFrame:
    """Months of a hall whose true rate is known, as the sums of its clusters: n reviews on 22 days at so many windows, where those of
    one day or one window are good with a chance of their own (beta, so that any two of them correlate by `correlation`)."""
    clusters = {"day": rng.integers(0, 22, (draws, n)), "window": rng.integers(0, windows, (draws, n))}
    chance = np.full((draws, n), rate)
    if correlation:
        size = 1 / correlation - 1
        own = rng.beta(rate * size, (1 - rate) * size, (draws, 22 if alike == "day" else windows))
        chance = np.take_along_axis(own, clusters[alike], axis=1)
    good = rng.random((draws, n)) < chance
    sums: dict[str, Any] = {"active_reviews": [n] * draws, "good_reviews": good.sum(axis=1)}
    for kind, cluster in clusters.items():
        cells = cluster + np.arange(draws)[:, None] * 22
        sizes = np.bincount(cells.ravel(), minlength=draws * 22).reshape(draws, 22)
        hits = np.bincount(cells.ravel(), good.ravel(), minlength=draws * 22).reshape(draws, 22).astype(int)
        sums |= {
            f"{kind}_clusters": (sizes > 0).sum(axis=1), f"{kind}_reviews_squared": (sizes**2).sum(axis=1),
            f"{kind}_reviews_by_good": (sizes * hits).sum(axis=1), f"{kind}_good_squared": (hits**2).sum(axis=1),
        }  # fmt: skip
    names = ("interval_z", "clusters_min", "intra_cluster_correlation", "assumed_design_effect_max")
    return pl.DataFrame(sums).with_columns(**{name: pl.lit(POLICY[name]) for name in names})


SIZES = [(60, 4), (130, 5), (130, 1), (400, 8), (1600, 12)]


@pytest.mark.parametrize(
    ("n", "windows", "alike", "correlation"),
    [
        (n, windows, alike, correlation)
        for n, windows in SIZES
        for alike, correlation in (("none", 0.0), ("day", 0.03), ("window", 0.03))
        if (windows, alike) != (1, "window")  # one window is the hall itself
    ],
)
@pytest.mark.parametrize("line", ["bad_line", "good_line"])
def test_an_honest_hall_on_a_line_is_rarely_called_bad_or_good(
    sql: dict[str, str], con: duckdb.DuckDBPyConnection, n: int, windows: int, alike: str, correlation: float, line: str
) -> None:
    """Its true rate lies on the line, where a false verdict is likeliest: no oftener than twice the 2.5 % of the policy's interval, where
    an interval that takes each review as come alone errs up to eight times as often."""
    draws, rate = 1500, POLICY[line]
    drawn = halls(np.random.default_rng([n, windows, line == "bad_line"]), draws, n, windows, alike, correlation, rate)
    said = rows(con, sql["clustered"], drawn)
    # Just as it happens within four standard errors of so many draws.
    most = binom.ppf(0.9999, draws, 2 * 0.025) / draws
    assert (said["hi"] < rate).mean() <= most, "called bad"
    assert (said["lo"] >= rate).mean() <= most, "called good"
    assert (said["effect"] >= 1).all()
    if correlation and n >= 400:
        lo, hi = wilson(drawn["good_reviews"], drawn["active_reviews"])
        assert (hi < rate).mean() + (lo >= rate).mean() > 0.1, "or nothing was proved"


# Kind of period → its months, and by how many looks of a year that share nothing a false verdict is divided (macro looks_of_periods).
LOOKS = {"month": (1, 12.0), "quarter": (3, 4.0), "year": (12, 1.0), "trailing_12_months": (12, 5.16)}


def years_of(drawn: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Sums of the periods of every year that are looked at, from those of 24 months each, one year's looks after the other."""
    months, looks = LOOKS[kind]
    firsts = range(12) if kind == "trailing_12_months" else range(0, 12, months)
    sums = {c: drawn[c].to_numpy().reshape(-1, 24) for c in drawn.columns if drawn[c].dtype.is_integer()}
    of = {
        c: np.stack([m[:, first : first + months].sum(axis=1) for first in firsts], axis=1).ravel()
        for c, m in sums.items()
    }
    rules = [
        pl.lit(POLICY[name]).alias(name)
        for name in ("clusters_min", "intra_cluster_correlation", "assumed_design_effect_max")
    ]
    return pl.DataFrame(of).with_columns(*rules, verdict_z=pl.lit(norm.isf(0.025 / looks)))


@pytest.mark.slow
@pytest.mark.parametrize("years", [60, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("n", "windows"), SIZES)
@pytest.mark.parametrize("line", ["bad_line", "good_line"])
def test_a_hall_on_a_line_is_rarely_called_bad_or_good_in_any_look_of_a_year(
    sql: dict[str, str], con: duckdb.DuckDBPyConnection, n: int, windows: int, line: str, years: int
) -> None:
    """Over all looks of a year together as rarely as the policy says of one, 2.5 % on the line. A month of too few windows to tell how
    alike their reviews are errs more where they are more alike than the policy assumes: one look in 115, one year in ten."""
    rate = POLICY[line]
    for alike, correlation in (("none", 0.0), ("day", 0.03), ("window", 0.03)):
        if (windows, alike) == (1, "window"):
            continue
        drawn = halls(
            np.random.default_rng([n, windows, line == "bad_line", 7]), years * 24, n, windows, alike, correlation, rate
        )
        for kind in LOOKS:
            said = rows(con, sql["looked"], years_of(drawn, kind))
            wrong = (said["hi"] < rate) if line == "bad_line" else (said["lo"] >= rate)
            a_year = wrong.to_numpy().reshape(years, -1).any(axis=1).mean()
            too_few = alike == "window" and kind == "month" and windows < POLICY["clusters_min"]
            most = 0.025 if alike == "none" else 0.12 if too_few else 0.05
            assert a_year <= binom.ppf(0.9995, years, most) / years, (alike, kind, a_year)


ROUNDED = [
    (None, None), (31.25, "31.3"), (12.35, "12.4"), (0.05, "0.1"), (-31.25, "-31.3"), (-12.35, "-12.4"), (-0.05, "-0.1"),
    (-0.04, "0.0"), (0.0, "0.0"), (-0.0, "0.0"), (2.675, "2.7"), (1.005, "1.0"), (99.95, "100.0"), (9_999_999.95, "10000000.0"),
    (100 * 0.0705, "7.1"), (1e-13, "0.0"), (5e-324, "0.0"), (1e22, "10000000000000000000000.0"),
]  # fmt: skip


def test_numbers_are_rounded_by_one_rule(sql: dict[str, str], con: duckdb.DuckDBPyConnection) -> None:
    """Half away from zero, on the decimal number as it prints; no number prints as -0.0."""
    said = rows(
        con, sql["fixed_digits"], pl.DataFrame({"number": [n for n, _ in ROUNDED]}, schema={"number": pl.Float64})
    )
    assert said["digits_1"].to_list() == [text for _, text in ROUNDED]
    assert [fixed_digits(n, 1) for n, _ in ROUNDED] == [text for _, text in ROUNDED]

    rng = np.random.default_rng(4)
    halves = rng.integers(-(10**7), 10**7, 4000) / rng.choice([2, 4, 8, 16, 20, 200, 2000, 64], 4000)
    anything = np.concatenate([rng.normal(0, 50, 2000), 10 ** rng.uniform(-14, 12, 2000) * rng.choice([-1, 1], 2000)])
    numbers = np.concatenate([halves, anything, 100 * rng.random(2000), rng.integers(0, 1000, 1000) * 0.0001 * 100])
    said = rows(con, sql["fixed_digits"], pl.DataFrame({"number": numbers}))
    for digits in range(7):
        ours = [fixed_digits(number, digits) for number in numbers.tolist()]
        assert said[f"digits_{digits}"].to_list() == ours


def test_a_share_is_written_alike(sql: dict[str, str], con: duckdb.DuckDBPyConnection) -> None:
    rng = np.random.default_rng(5)
    k, n = counts(rng, 6000)
    near = 10 ** -rng.uniform(1, 14, 1000)
    halves = rng.integers(0, 2001, 2000) / 2000
    shares = np.concatenate(
        [k / n, near, 1 - near, halves, [0.3125, 0.1235, 0.0005, 1 - 1e-17, 0.99997, 0.9999, 1e-300]]
    )
    said = rows(con, sql["show_share"], pl.DataFrame({"share": shares}))
    assert said["text"].to_list() == [show_rate(share) for share in shares.tolist()]
    assert rows(con, sql["show_share"], pl.DataFrame({"share": [None]}, schema={"share": pl.Float64}))[
        "text"
    ].to_list() == [None]


CLUSTERED = pl.col("dimension").is_in([f"kind {n}" for n in range(0, 40, 5)])


@pytest.fixture(scope="module")
def compared(data: DataDirectory) -> pl.DataFrame:
    """Random units, and what review_comparisons says of each: groups of one to sixty peers, alike and unlike, with ties."""
    sql = compiled(data, "review_comparisons")["review_comparisons"]
    rng = np.random.default_rng(6)
    frames = []
    for group in range(120):
        size = int(rng.choice([1, 2, 4, 5, 12, 60]))
        typical = int(rng.choice([1, 10, 300, 10**6]))
        n, before = rng.integers(0, 2 * typical + 1, size), rng.integers(0, 2 * typical + 1, size)
        spread = rng.choice([0.0, 0.05, 1.0])
        rate = np.clip(rng.choice([0.0, 0.5, 0.93, 1.0]) + spread * rng.normal(0, 1, size), 0, 1)
        k, k_before = rng.binomial(n, rate), rng.binomial(before, rate)
        excluded = rng.binomial(typical, rng.choice([0.0, 0.01]), size)
        if group % 4 == 0:  # the same counts twice: places and p-values that tie
            n[: size // 2], k[: size // 2], excluded[: size // 2] = n[0], k[0], excluded[0]
            before[: size // 2], k_before[: size // 2] = before[0], k_before[0]
        known = rng.random(size) > 0.2
        frames.append(
            pl.DataFrame({
                "dimension": [f"kind {group % 40}"] * size, "peer_group": [f"group {group}"] * size,
                "code": [f"unit {i}" for i in range(size)], "active_reviews": n, "good_reviews": k, "excluded_bad": excluded,
                "previous_active_reviews": np.where(known, before, 0), "previous_good_reviews": np.where(known, k_before, 0),
                "has_policy": rng.random(size) > 0.1, "is_new": rng.random(size) < 0.1,
                "interval_z": [z_quantile([0.81, 0.95, 0.999][group % 3])] * size,
            })
        )  # fmt: skip
    drawn = pl.concat(frames).with_columns(
        # A kind of unit holds several groups of peers: what they are called is unique among them.
        code=pl.col("peer_group") + " " + pl.col("code"),
        policy=pl.when("has_policy").then(pl.lit("p")),
        interval_z=pl.when("has_policy").then("interval_z"),
        **{f"previous_{c}": pl.when(pl.col("has_policy") & ~pl.col("is_new")).then(f"previous_{c}") for c in ("active_reviews", "good_reviews")},
        period_kind=pl.lit("month"), period_start=pl.date(2026, 1, 1), prior_units_min=pl.lit(5.0), corrected_reviews=pl.lit(0), moved_bad=pl.lit(0),
        # Of some kinds of unit, reviews came in clusters; chance alone is tried on the others.
        design_effect=pl.when(CLUSTERED).then(1 + pl.col("active_reviews") % 7 / 3).otherwise(1.0),
        previous_design_effect=pl.lit(1.0),
    )  # fmt: skip
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as minsheng; create schema minsheng.reviews")
        con.register("drawn", drawn.to_arrow())
        con.execute("create table minsheng.reviews.review_units_under_policy as select * from drawn")
        said = con.sql(f"with said as ({sql}) select * from said").pl()
    assert said.height == drawn.height > 1000
    return drawn.join(said, on=["period_kind", "period_start", "dimension", "code"], how="left", validate="1:1")


def groups(compared: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The units that are compared, by their peers. Bad reviews that do not count are bad here too."""
    read = compared.filter("is_compared").with_columns(active_reviews=pl.col("active_reviews") + pl.col("excluded_bad"))
    for _, peers in read.group_by("dimension", "peer_group", maintain_order=True):
        yield peers


def test_units_that_are_compared_have_reviews_and_a_policy(compared: pl.DataFrame) -> None:
    wanted = (compared["active_reviews"] > 0) & compared["policy"].is_not_null()
    assert compared["is_compared"].to_list() == wanted.to_list()
    assert 0.5 < wanted.mean() < 1


def test_ranks_are_the_same(compared: pl.DataFrame) -> None:
    for peers in groups(compared.filter(~CLUSTERED)):
        confidence = 2 * NormalDist().cdf(peers["interval_z"][0]) - 1
        theirs = rank_rates(peers["good_reviews"], peers["active_reviews"], confidence=confidence)
        assert peers["place"].to_list() == theirs["rank"].to_list()
        assert (1 + peers["surely_better"]).to_list() == theirs["rank_lo"].to_list()
        assert (peers["units_ranked"] - peers["surely_worse"]).to_list() == theirs["rank_hi"].to_list()
        assert peers["units_ranked"].to_list() == theirs["n_ranked"].to_list()


def test_small_units_borrow_the_same_from_their_peers(compared: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    # Intervals stand in Python alone and take long.
    unknown = lambda s, *_: (np.full(len(s), np.nan), np.full(len(s), np.nan))  # noqa: E731
    monkeypatch.setattr("orchestration.statistics.intervals._rate_bounds", unknown)
    seen, together = {"chance": 0, "between": 0, "nothing in common": 0}, 0
    for peers in groups(compared):
        if peers.height < 5:
            assert peers["prior_reviews"].null_count() == peers.height
            continue
        # One design effect for all of them: with its own a unit could move towards its peers by how its reviews lie.
        n, effect = peers["active_reviews"], peers["design_effect"]
        of_all = float((n * effect).sum() / n.sum())
        together += of_all > 1
        theirs = empirical_bayes_rates(peers["good_reviews"], n, prior="moments", design_effect=of_all)
        close(peers["prior_reviews"], theirs["prior_size"], relative=1e-6, absolute=1e-9)
        close(peers["peer_rate"], theirs["prior_rate"], relative=1e-12)
        size, rate = peers["prior_reviews"], peers["peer_rate"]
        shrunk = (peers["good_reviews"] + size * rate) / (peers["active_reviews"] + size)
        close(shrunk, theirs["eb_rate"], relative=1e-9)
        prior = theirs["prior_size"][0]
        seen["chance" if prior == 1e7 else "nothing in common" if prior == 0 else "between"] += 1
    assert min(*seen.values(), together) > 0, (seen, together)


def test_changes_and_their_probabilities_are_the_same(compared: pl.DataFrame) -> None:
    both = (
        compared["previous_active_reviews"].fill_null(0) > 0
    ) & (compared["active_reviews"] > 0) & compared["policy"].is_not_null()  # fmt: skip
    assert compared["good_rate_change_p"].is_not_null().to_list() == both.to_list()
    known = compared.filter(both & ~compared.select(CLUSTERED).to_series())
    k, n, k0, n0 = (known[c].to_numpy().astype(float) for c in (
        "good_reviews", "active_reviews", "previous_good_reviews", "previous_active_reviews"))  # fmt: skip
    pooled = (k + k0) / (n + n0)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.nan_to_num((k / n - k0 / n0) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / n0)))
    close(known["good_rate_change_p"], 2 * norm.sf(np.abs(z)), relative=1e-6, absolute=1e-300)
    for _, tests in compared.group_by("dimension", maintain_order=True):
        theirs = benjamini_hochberg(tests["good_rate_change_p"])["p_adjusted"]
        assert tests["good_rate_change_p_adjusted"].is_null().to_list() == theirs.is_null().to_list()
        close(tests["good_rate_change_p_adjusted"].drop_nulls(), theirs.drop_nulls(), relative=1e-12)
    assert known["good_rate_change_p"].is_duplicated().sum() > 50, "there are ties"
    assert math.isclose(known["good_rate_change_p"].max(), 1)  # type: ignore[arg-type]
