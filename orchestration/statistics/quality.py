"""Signs that a questionnaire was not answered with care. Nothing is dropped: rows are flagged.

Here belongs what can be seen in one wave's answers; reviews have their own validity rules in the
dbt models. Headlines are published with and without flagged respondents: `without_flagged`.

Every flag has respondent, rule, value, threshold and evidence in words. Thresholds are policy and
come as arguments; the defaults are this project's choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from orchestration.statistics.errors import require_columns

FLAG_SCHEMA = {
    "respondent": pl.String,
    "rule": pl.String,
    "value": pl.Float64,
    "threshold": pl.Float64,
    "evidence": pl.String,
}


def quality_flags(
    frame: pl.DataFrame,
    respondent: str,
    items: Sequence[str],
    *,
    seconds: str | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    run_share: float = 0.9,
    speed_share: float = 1 / 3,
    missing_share: float = 0.5,
    minimum_items: int = 8,
) -> pl.DataFrame:
    """All flags of a wave: one row per respondent and rule (out_of_range: and item).

    One row of `frame` per questionnaire, `items` in the order asked. See the single rules below.
    """
    rules = [
        straight_lining(frame, respondent, items, run_share=run_share, minimum_items=minimum_items),
        item_nonresponse(frame, respondent, items, missing_share=missing_share),
        duplicate_respondents(frame, respondent),
        duplicate_answers(frame, respondent, items, minimum_items=minimum_items),
    ]
    if seconds is not None:
        rules.append(speeding(frame, respondent, seconds, speed_share=speed_share))
    if ranges is not None:
        rules.append(out_of_range(frame, respondent, ranges))
    return pl.concat(rules).sort("respondent", "rule")


def longest_run(frame: pl.DataFrame, items: Sequence[str]) -> pl.Series:
    """Longest run of identical consecutive answers per row; an unanswered item ends a run.

    4 4 4 3 3 3 3 3 4 4 → 5; no answer at all → 0.
    """
    require_columns(frame, {f"item {i}": i for i in items})
    run: npt.NDArray[np.int64] = np.zeros(frame.height, dtype=np.int64)
    longest = run.copy()
    previous: pl.Series | None = None
    for item in items:
        answer = frame[item]
        same = (
            (answer == previous).fill_null(False).to_numpy() if previous is not None else np.zeros(frame.height, bool)
        )
        run = np.where(answer.is_null().to_numpy(), 0, np.where(same, run + 1, 1))
        longest = np.maximum(longest, run)
        previous = answer
    return pl.Series("longest_run", longest)


def straight_lining(
    frame: pl.DataFrame,
    respondent: str,
    items: Sequence[str],
    *,
    run_share: float = 0.9,
    minimum_items: int = 8,
) -> pl.DataFrame:
    """The same answer to at least `run_share` of the answered items, if `minimum_items` are."""
    answered = pl.sum_horizontal(pl.col(i).is_not_null() for i in items)
    share = pl.col("longest_run") / pl.col("answered")
    return _flags(
        frame.with_columns(longest_run(frame, items), answered=answered)
        .filter((pl.col("answered") >= minimum_items) & (share >= run_share))
        .with_columns(value=share),
        respondent,
        "straight_lining",
        run_share,
        _said("连续 {} 个答案相同，共 {} 个 · {} of {} answers in a row are the same", "longest_run", "answered"),
    )


def speeding(frame: pl.DataFrame, respondent: str, seconds: str, *, speed_share: float = 1 / 3) -> pl.DataFrame:
    """Finished in less than `speed_share` of the median time; an unknown time is no flag."""
    require_columns(frame, {"seconds": seconds})
    share = pl.col(seconds) / pl.col(seconds).median()
    return _flags(
        frame.with_columns(value=share, _median=pl.col(seconds).median()).filter(pl.col("value") < speed_share),
        respondent,
        "speeding",
        speed_share,
        _said("用时 {} 秒，中位数为 {} 秒 · {} s; the median is {} s", seconds, pl.col("_median").round(0)),
    )


def item_nonresponse(
    frame: pl.DataFrame, respondent: str, items: Sequence[str], *, missing_share: float = 0.5
) -> pl.DataFrame:
    """More than `missing_share` of the items unanswered."""
    require_columns(frame, {f"item {i}": i for i in items})
    missing = pl.sum_horizontal(pl.col(i).is_null() for i in items)
    return _flags(
        frame.with_columns(_missing=missing, value=missing / len(items)).filter(pl.col("value") > missing_share),
        respondent,
        "item_nonresponse",
        missing_share,
        _said("{} 题未答，共 {} 题 · {} of {} items unanswered", "_missing", pl.lit(len(items))),
    )


def duplicate_respondents(frame: pl.DataFrame, respondent: str) -> pl.DataFrame:
    """A respondent with more than one questionnaire: one flag each."""
    require_columns(frame, {"respondent": respondent})
    counted = frame.filter(pl.col(respondent).is_not_null()).group_by(respondent).agg(value=pl.len())
    return _flags(
        counted.filter(pl.col("value") > 1),
        respondent,
        "duplicate_respondent",
        1,
        _said("一名受访者有 {} 份答卷 · {} questionnaires under one respondent", "value"),
    )


def duplicate_answers(
    frame: pl.DataFrame, respondent: str, items: Sequence[str], *, minimum_items: int = 8
) -> pl.DataFrame:
    """The same answers to every item as somebody else.

    Only vectors with `minimum_items` answers and three different values: two people who are
    content with everything are not copies of each other.
    """
    require_columns(frame, {f"item {i}": i for i in items})
    answers = pl.concat_list(pl.col(i).cast(pl.Float64) for i in items).list.drop_nulls()
    rich = (answers.list.len() >= minimum_items) & (answers.list.n_unique() >= 3)
    vectors = (
        frame.filter(rich)
        .with_columns(_first=pl.col(respondent).first().over(items), value=pl.len().over(items))
        .filter(pl.col("value") > 1)
    )
    return _flags(
        vectors,
        respondent,
        "duplicate_answers",
        1,
        pl.concat_str(
            _said(
                "{} 份答卷的 {} 个答案相同 · {} questionnaires with the same {} answers", "value", pl.lit(len(items))
            ),
            pl.format(", first {}", "_first"),
        ),
    )


def out_of_range(frame: pl.DataFrame, respondent: str, ranges: Mapping[str, tuple[float, float]]) -> pl.DataFrame:
    """An answer outside [low, high] of its item; one flag per item."""
    require_columns(frame, {f"item {i}": i for i in ranges})
    flags = [
        _flags(
            frame.with_columns(value=pl.col(item)).filter(~pl.col(item).is_between(low, high)),
            respondent,
            "out_of_range",
            high,
            _said(
                "{} = {}，应为 {} 至 {} · {} = {}, expected {} to {}",
                pl.lit(item),
                pl.col(item),
                pl.lit(low),
                pl.lit(high),
            ),
        )
        for item, (low, high) in ranges.items()
    ]
    return pl.concat(flags) if flags else pl.DataFrame(schema=FLAG_SCHEMA)


def without_flagged(frame: pl.DataFrame, respondent: str, items: Sequence[str], flags: pl.DataFrame) -> pl.DataFrame:
    """The frame with the answers of flagged respondents null.

    Null, not removed: estimates of the rest must keep the whole design (see `estimates`).
    """
    flagged = pl.col(respondent).cast(pl.String).is_in(flags["respondent"].unique().implode()).fill_null(False)
    return frame.with_columns(pl.when(~flagged).then(pl.col(i)).alias(i) for i in items)


def _said(both: str, *facts: str | pl.Expr) -> pl.Expr:
    """A sentence "中文 · English" whose halves name the same facts in the same order."""
    return pl.format(both, *facts, *facts)


def _flags(found: pl.DataFrame, respondent: str, rule: str, threshold: float, evidence: pl.Expr) -> pl.DataFrame:
    return found.select(
        respondent=pl.col(respondent).cast(pl.String),
        rule=pl.lit(rule),
        value=pl.col("value").cast(pl.Float64),
        threshold=pl.lit(float(threshold)),
        evidence=evidence,
    ).cast(FLAG_SCHEMA)  # type: ignore[arg-type]
