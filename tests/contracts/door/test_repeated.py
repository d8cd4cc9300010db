"""What is worked out once for each value is what it is row by row: a long batch against the same rows in short ones."""

from __future__ import annotations

import random
from datetime import date, datetime

import polars as pl
import pytest

from contracts.door.arranging import arrange, lay_out
from contracts.door.privacy import Key, pseudonymise, redact
from contracts.door.repeated import AT_MOST, SAMPLE, repeated
from contracts.door.rows import Checker, checker, split
from contracts.loading import load_feeds

RECEIVED = datetime(2026, 3, 1, 2, 10)
FEEDS = load_feeds()
KEY = Key("a key of the tests, long enough")
# Values of every kind that cells have: right, wrong, empty, with more than it seems, with the number of a person.
ODD = (
    None, "", "1", "2", "5", "9", " 5 ", "５", "是", "否", "true", "无", "NULL", "0", "12.5", "1,234", "-1", "1e400", "990101001001", "9.9E+17",
    "2026-02-01", "2026-02-01 10:00:00", "2026年2月", "2026-02-30", "#N/A", "<b>x</b>", "13812345678", "联系 13812345678", "a@b.cn", "510,517",
    "110101199003074514", "合计", "\u200b5", "103.91", "30.5", "gcj02", "\ufeff",
)  # fmt: skip


def a_batch(feed_id: str, rows: int, seed: int) -> tuple[Checker, pl.DataFrame]:
    """A laid-out batch in which each column has few values, and some have many as well."""
    rng, feed = random.Random(seed), FEEDS[feed_id]
    columns: dict[str, list[str | None]] = {}
    for at, f in enumerate(feed.fields):
        values = rng.sample(ODD, rng.choice([1, 2, 8, len(ODD)]))
        column = [rng.choice(values) for _ in range(rows)]
        columns[f.name] = [f"9901{i:08d}" if at % 5 == 0 and i % 7 else value for i, value in enumerate(column)]
    names = list(columns)
    arrangement = arrange(feed, None, names)
    batch = pl.DataFrame(
        {**columns, "_row": range(2, rows + 2), "_shape": [None] * rows},
        schema={**dict.fromkeys(names, pl.String), "_row": pl.Int64, "_shape": pl.String},
    )
    return checker(arrangement, received_at=RECEIVED), lay_out(arrangement, batch)


@pytest.mark.parametrize("feed_id", FEEDS)
def test_a_long_batch_is_judged_as_the_same_rows_in_short_ones(feed_id: str) -> None:
    door, laid = a_batch(feed_id, 2 * SAMPLE + 300, seed=len(feed_id))
    whole = split(door, laid)
    parts = [split(door, piece) for piece in laid.iter_slices(SAMPLE // 2)]
    assert whole.accepted.equals(pl.concat(p.accepted for p in parts))
    assert (whole.received, whole.rejected, whole.warned) == tuple(
        sum(getattr(p, count) for p in parts) for count in ("received", "rejected", "warned")
    )
    order = ["_row", "field", "rule", "severity"]
    assert whole.reasons.sort(order).equals(pl.concat(p.reasons for p in parts).sort(order))
    assert whole.clean == frozenset.intersection(*(p.clean for p in parts))


@pytest.mark.parametrize("feed_id", FEEDS)
def test_what_is_called_clean_needs_no_hiding(feed_id: str) -> None:
    found = split(*a_batch(feed_id, SAMPLE + 500, seed=1 + len(feed_id)))
    searched_again = pseudonymise(found.accepted, FEEDS[feed_id], KEY, on=date(2026, 3, 1))
    assert pseudonymise(found.accepted, FEEDS[feed_id], KEY, on=date(2026, 3, 1), clean=found.clean).equals(
        searched_again
    )


def test_a_field_with_the_number_of_a_person_is_not_clean() -> None:
    door, laid = a_batch("health.institutions", SAMPLE + 1, seed=3)
    laid = laid.with_columns(name=pl.when(pl.col("_row") == SAMPLE).then(pl.lit("13812345678")).otherwise(pl.lit("甲")))
    assert "name" not in split(door, laid).clean
    assert "name" in split(door, laid.with_columns(name=pl.lit("甲"))).clean


@pytest.mark.parametrize(
    "column",
    [
        [None] * 2_000,
        ["a"] * 2_000,
        [None, "a", ""] * 700,
        ["a"] * SAMPLE + [str(i) for i in range(AT_MOST - 1)],
    ],
)
def test_every_row_finds_its_value_again(column: list[str | None]) -> None:
    texts = pl.Series("x", column, dtype=pl.String)
    few = repeated(texts)
    assert few is not None
    assert few.values.len() <= texts.n_unique() + 1
    assert few.laid_out(few.values).equals(texts)


@pytest.mark.parametrize(
    "column", [["a", "b"], [str(i) for i in range(5_000)], ["a"] * SAMPLE + [str(i) for i in range(AT_MOST)]]
)
def test_short_and_manifold_columns_are_read_row_by_row(column: list[str]) -> None:
    assert repeated(pl.Series(column)) is None


def test_free_text_that_many_wrote_is_redacted_in_each_row() -> None:
    texts = pl.Series(["好", None, "打 13812345678 或 13912345678", ""] * 600)
    redacted, count = redact(texts)
    once, times = redact(texts.head(4))
    assert redacted.to_list() == once.to_list() * 600
    assert count.to_list() == times.to_list() * 600
    assert times.to_list() == [0, 0, 2, 0]
