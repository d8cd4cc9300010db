"""Samples in the public edition: which areas and groups are withheld, which means are not told, and when a wave is told again.

Belongs here: what follows from how many answered, and how, in every area and group of a wave. What of it is written is in
`public_edition`; whether anybody can be read from it is tried by `attack_samples`.
"""

from __future__ import annotations

from typing import Any

import duckdb
import polars as pl

from contracts.model import Product
from contracts.public_edition import Table
from orchestration.disclosure.tens import TEN


def withheld_samples(table: Table, rows: pl.DataFrame, k: int = TEN) -> pl.DataFrame:
    """The rows with `_hidden`: areas and groups of which too few answered, and as many more as hide them.

    Of one way of dividing the sample, two groups or none are withheld, with 2k answers or more between them to every question: of
    the total less the others one has then both, which could be any share of the two. A topic of which fewer than k answered one
    question is withheld whole, for its mean less that of its other questions is about those few.
    """
    stated, count = table.people, pl.col(table.people["count"]).fill_null(0)
    unit, divide, topic = list(stated["unit"]), list(stated["divide"]), stated["topic"]
    few = pl.col("_least") < k
    by_topic = rows.with_columns(_least=count.min().over([*unit, topic]), _most=count.max().over(unit))
    units = by_topic.group_by(unit, maintain_order=True).agg(
        _least=pl.col("_least").max(), _most=pl.col("_most").first()
    )
    # An area or a group is small where even its best answered topic is; a question that few were asked hides itself only.
    hidden: list[dict[str, Any]] = []
    for _, part in units.group_by(divide, maintain_order=True):
        ordered = part.sort("_least", *unit)
        small = ordered.filter(few)
        if not small.height or ordered.height == 1:
            hidden += small.select(unit).to_dicts()
            continue
        taken, answers = 0, 0
        for row in ordered.iter_rows(named=True):
            if row["_least"] >= k and taken >= 2 and answers >= 2 * k:
                break
            taken, answers = taken + 1, answers + row["_least"]
            hidden.append({c: row[c] for c in unit})
    gone = pl.DataFrame(hidden, schema={c: rows.schema[c] for c in unit}).with_columns(_gone=pl.lit(True))
    joined = by_topic.join(gone, on=unit, how="left", nulls_equal=True, maintain_order="left")
    # A question few of one group answered is hidden for every group of the same division of the sample.
    of_topic = (pl.col("_least") < k) & pl.col("_gone").is_null()
    joined = joined.with_columns(_topic=of_topic.any().over([*divide, topic]))
    hidden_rows = joined.with_columns(_hidden=pl.col("_gone").fill_null(False) | pl.col("_topic"))
    return _untold_means(table, hidden_rows).select(*rows.columns, "_hidden", "_untold")


def _untold_means(table: Table, rows: pl.DataFrame, k: int = TEN) -> pl.DataFrame:
    """The rows with `_untold`: means that would say how few answered otherwise than the rest, and as many more as hide them.

    A mean of 0 to 100 points gives `n · mean / 100` people's worth of points and takes the rest. Where either is less than k, few answers
    could be counted from it. In one way of dividing, what is not told of a topic, withheld units with it, is at least two units with k on
    either side of every question, for the whole less the others is theirs; a unit's topic is told whole or not at all, for its own mean is the mean of its questions.
    """
    if not table.means:
        return rows.with_columns(_untold=pl.lit(False))
    (mean,) = table.means
    unit, topic = list(table.people["unit"]), [*table.people["divide"], table.people["topic"]]
    question = [c for c in table.cell if c not in unit]
    given = pl.col(table.people["count"]).fill_null(0) * pl.col(mean).fill_null(0) / 100
    worth = rows.with_columns(_given=given, _taken=pl.col(table.people["count"]).fill_null(0) - given)
    untold: list[dict[str, Any]] = []
    cell = list(dict.fromkeys([*unit, *topic]))
    for _, part in worth.group_by(topic, maintain_order=True):
        ordered = part.filter(~pl.col("_hidden")).group_by(cell).agg(_least=pl.min_horizontal("_given", "_taken").min())
        left = part.filter("_hidden")
        for row in ordered.sort("_least", *cell).iter_rows(named=True):
            if row["_least"] >= k and _hide_one_another(left, cell, question, k):
                break
            own = pl.DataFrame([{c: row[c] for c in cell}], schema=part.select(cell).schema)
            untold += own.to_dicts()
            left = pl.concat([left, part.join(own, on=cell, how="semi", nulls_equal=True)])
    of_them = pl.DataFrame(untold, schema=worth.select(cell).schema).with_columns(_untold=pl.lit(True))
    return rows.join(of_them, on=cell, how="left", nulls_equal=True, maintain_order="left").with_columns(
        pl.col("_untold").fill_null(False) & ~pl.col("_hidden")
    )


def _hide_one_another(left: pl.DataFrame, unit: list[str], question: list[str], k: int) -> bool:
    """Whether nothing is left out, or two units at least with k people's worth of points on either side of every question."""
    if not left.height:
        return True
    sides = (
        left.group_by(question)
        .agg(pl.col("_given", "_taken").sum())
        .select(pl.min_horizontal("_given", "_taken").min())
    )
    return left.select(unit).unique().height >= 2 and sides.item() >= k


def stands(table: Table, rows: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """(wave, `_telling`, `_is_same`) of the waves that are told as once before: told anew, what changed would be the answers of few.

    Told anew is what differs from every earlier telling, in every row that differs at all, by ten people or ten people's worth of points;
    and nothing that is as it was then is told now that was not, or no longer told that was. Of several tellings it is near, the newest. `_is_same`: nothing differs.
    """
    wave = table.people["at_once"]
    # Nothing was told yet where the first survey comes after the first release.
    if "_telling" not in before.columns or before.is_empty():
        return before.select(wave, _telling=pl.lit(0), _is_same=pl.lit(True)).clear()
    near = [
        _near(table, rows, told).select(wave, "_is_same", _telling=pl.lit(number))
        for (number,), told in before.group_by("_telling", maintain_order=True)
    ]
    return pl.concat(near, how="vertical_relaxed").sort("_telling", descending=True).unique(wave, keep="first", maintain_order=True)  # fmt: skip


def _near(table: Table, rows: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """The waves that differ from one telling by few, and those that do not differ."""
    (mean,) = table.means
    n, key, wave = table.people["count"], list(table.cell), table.people["at_once"]
    told = rows.filter(pl.col(wave).is_in(before[wave].unique().to_list()))
    both = told.select(*key, n, mean, "_hidden", "_untold").join(
        before.select(*key, n_then=f"_{n}", mean_then=f"_{mean}", hidden_then="_hidden", untold_then="_untold"),
        on=key, how="full", coalesce=True, nulls_equal=True,
    )  # fmt: skip
    now, then = pl.col(n).fill_null(0), pl.col("n_then").fill_null(0)
    points, points_then = now * pl.col(mean).fill_null(0) / 100, then * pl.col("mean_then").fill_null(0) / 100
    moved = pl.max_horizontal((now - then).abs(), (points - points_then).abs())
    flags = pl.struct("_hidden", "_untold") != pl.struct(_hidden="hidden_then", _untold="untold_then")
    few = ((moved > 1e-6) & (moved < TEN)) | ((moved <= 1e-6) & flags)
    differs = (moved > 1e-6) | flags
    waves = both.group_by(wave, maintain_order=True).agg(_few=few.any(), _is_same=~differs.any())
    return waves.filter(pl.col("_few") | pl.col("_is_same"))


def as_told(
    con: duckdb.DuckDBPyConnection,
    product: Product,
    table: Table,
    rows: pl.DataFrame,
    as_before: pl.DataFrame,
    before: pl.DataFrame | None,
) -> pl.DataFrame:
    """All rows as they are and were told, with what they were when they were told so, and the number of the telling."""
    (mean,), n, wave = table.means, table.people["count"], table.people["at_once"]
    truth = rows.select(*table.cell, pl.col(n).alias(f"_{n}"), pl.col(mean).alias(f"_{mean}"), "_hidden", "_untold")
    told = con.sql(f'select * from public."{product.id}"').pl()
    anew = told.filter(~pl.col(wave).is_in(as_before[wave].to_list())).join(truth, on=list(table.cell), how="left", nulls_equal=True)  # fmt: skip
    if before is None or "_telling" not in before.columns:
        return anew.with_columns(_telling=pl.lit(1))
    last = int(before["_telling"].max() or 0)  # type: ignore[arg-type]
    return pl.concat([before, anew.with_columns(_telling=pl.lit(last + 1)).select(before.columns)], how="vertical_relaxed")  # fmt: skip
