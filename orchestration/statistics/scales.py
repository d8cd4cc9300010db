"""Answers of any questionnaire → points 0–100, and the classic summaries of a scale.

Here belongs what one answer or one set of counts means; weights and standard errors are in
`weights` and `estimates`, which take the columns made here.

Four states are kept apart, because each has another denominator: answered, dont_know, refused,
not_asked; and out_of_scale, which is an error of the feed. Only `answered` has a value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from orchestration.statistics.errors import StatisticsError, name_some, require_columns


@dataclass(frozen=True)
class Scale:
    """The codes of a question, worst to best in `values`, and what each is worth.

    `points`: 0–100 per value; without it linear from 0 at the lowest to 100 at the highest.
    `is_reversed`: the highest code is the worst, so points and boxes are counted from the other end.
    Codes are text, as files deliver them; "5.0" and " 5 " are read as "5".
    """

    values: Sequence[float]
    points: Mapping[float, float] | None = None
    is_reversed: bool = False
    dont_know: Collection[str] = field(default_factory=tuple)
    refused: Collection[str] = field(default_factory=tuple)
    not_asked: Collection[str] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        ordered = sorted(set(self.values))
        if len(ordered) < 2 or len(ordered) != len(self.values):
            raise StatisticsError(
                f"A scale needs at least two different values, got {list(self.values)}.",
                f"量表至少需要两个不同的取值，现为 {list(self.values)}。",
            )
        if self.points is not None and set(self.points) != set(self.values):
            raise StatisticsError(
                f"Points are needed for exactly the values {ordered}, got {sorted(self.points)}.",
                f"分值映射应恰好覆盖取值 {ordered}，现为 {sorted(self.points)}。",
            )
        codes = [_code(value) for value in self.values]
        codes += [*self.dont_know, *self.refused, *self.not_asked]
        repeated = sorted({code for code in codes if codes.count(code) > 1})
        if repeated:
            raise StatisticsError(
                f"A code can mean one thing only; repeated: {name_some(repeated)}.",
                f"一个代码只能有一种含义；重复：{name_some(repeated)}。",
            )

    def ranked(self) -> list[float]:
        """Values from worst to best."""
        return sorted(self.values, reverse=self.is_reversed)

    def score(self, value: float) -> float:
        """Points 0–100 of a value."""
        if self.points is not None:
            # A policy's map is written for the code itself, so a reversal is already in it.
            return float(self.points[value])
        low, high = min(self.values), max(self.values)
        share = (value - low) / (high - low)
        return 100 * (1 - share if self.is_reversed else share)

    def codebook(self) -> pl.DataFrame:
        """One row per code: answer, value, position (1 worst … K best), score, status."""
        position = {value: i + 1 for i, value in enumerate(self.ranked())}
        rows: list[tuple[str, float | None, int | None, float | None, str]] = [
            (_code(v), float(v), position[v], self.score(v), "answered") for v in self.values
        ]
        for status in ("dont_know", "refused", "not_asked"):
            rows += [(str(code), None, None, None, status) for code in getattr(self, status)]
        schema = {
            "answer": pl.String,
            "value": pl.Float64,
            "position": pl.Int64,
            "score": pl.Float64,
            "status": pl.String,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")


def score_answers(frame: pl.DataFrame, answer: str, question: str, scales: Mapping[str, Scale]) -> pl.DataFrame:
    """The frame (one row per respondent and question) with value, position, n_positions, score, status.

    A null answer is not_asked; a code that the question's scale does not have is out_of_scale, with
    null value: count and report it. A question without a scale is an error. Row order is kept.
    """
    require_columns(frame, {"answer": answer, "question": question})
    unknown = sorted({str(q) for q in frame[question].unique()} - set(scales))
    if unknown:
        raise StatisticsError(
            f"No scale for questions {name_some(unknown)}. Describe them in the codebook feed.",
            f"以下题目没有量表：{name_some(unknown)}。请在题目代码簿中说明。",
        )
    codebook = pl.concat(
        [
            scale.codebook().with_columns(pl.lit(name).alias(question), n_positions=pl.lit(len(scale.values), pl.Int64))
            for name, scale in scales.items()
        ]
    )
    trimmed = pl.col(answer).cast(pl.String).str.strip_chars().str.replace(r"^(-?\d+)\.0+$", "$1")
    scored = frame.with_columns(_answer=trimmed.replace("", None)).join(
        codebook.rename({"answer": "_answer"}),
        on=[question, "_answer"],
        how="left",
        maintain_order="left",
    )
    return scored.with_columns(
        status=pl.coalesce(
            "status",
            pl.when(pl.col("_answer").is_null()).then(pl.lit("not_asked")).otherwise(pl.lit("out_of_scale")),
        )
    ).drop("_answer")


def box_columns(boxes: int = 2) -> list[pl.Expr]:
    """Indicators on `score_answers` rows whose weighted means are the usual shares, in 0/1.

    top_box and bottom_box: the best and worst `boxes` positions, at most half of a short scale (one of yes and no),
    null unless answered;
    net: +1, 0, −1, top minus bottom; dont_know: over everyone who was asked and did not refuse.
    """
    answered = pl.col("status") == "answered"
    size = pl.min_horizontal(pl.lit(boxes, pl.Int64), pl.col("n_positions") // 2)
    top = pl.col("position") > pl.col("n_positions") - size
    bottom = pl.col("position") <= size
    asked = pl.col("status").is_in(["answered", "dont_know"])
    return [
        pl.when(answered).then(top.cast(pl.Float64)).alias("top_box"),
        pl.when(answered).then(bottom.cast(pl.Float64)).alias("bottom_box"),
        pl.when(answered).then(top.cast(pl.Float64) - bottom.cast(pl.Float64)).alias("net"),
        pl.when(asked).then((pl.col("status") == "dont_know").cast(pl.Float64)).alias("dont_know"),
    ]


def promoter_column() -> pl.Expr:
    """`nps`: +100 for 9–10, 0 for 7–8, −100 for 0–6 on a 0–10 scale; its mean is the NPS."""
    value = pl.col("value")
    points = pl.when(value >= 9).then(100.0).when(value >= 7).then(0.0).otherwise(-100.0)
    return pl.when(value.is_not_null() & (pl.col("n_positions") == 11)).then(points).alias("nps")


class Boxes(NamedTuple):
    """Shares 0–1 of the best and worst answers, and their difference."""

    top: float
    bottom: float
    net: float


class NetRating(NamedTuple):
    """A net rating: `positive` and `negative` points, their `base`, `net` = (p − n)/base, `raw` = p − n."""

    positive: float
    negative: float
    base: float
    net: float
    raw: float


def linear_score(counts: Sequence[float]) -> float | None:
    """Mean points 0–100 of counts ordered worst to best: (mean − 1)/(K − 1) × 100; null at no answer."""
    total = _checked_total(counts, 2)
    if not total:
        return None
    return 100 * sum(i * count for i, count in enumerate(counts)) / (total * (len(counts) - 1))


def mapped_score(counts: Sequence[float], points: Sequence[float]) -> float | None:
    """Mean of a policy's points (100/80/60/30/0, 10/8/6/3/0 …) over counts in the same order."""
    if len(points) != len(counts):
        raise StatisticsError(
            f"Expected as many points as counts, got {len(points)} and {len(counts)}.",
            f"分值个数与频数个数不一致：{len(points)} 与 {len(counts)}。",
        )
    total = _checked_total(counts, 2)
    return sum(c * p for c, p in zip(counts, points, strict=True)) / total if total else None


def boxes(counts: Sequence[float], size: int = 2) -> Boxes | None:
    """Top and bottom boxes of counts ordered worst to best; null at no answer."""
    total = _checked_total(counts, 2 * size)
    if not total:
        return None
    top, bottom = sum(counts[-size:]) / total, sum(counts[:size]) / total
    return Boxes(top, bottom, top - bottom)


def net_rating(counts: Sequence[float]) -> NetRating | None:
    """Net rating of five counts worst to best: 2 and 1 points either way, the neutral out of the base."""
    if len(counts) != 5:
        raise StatisticsError(
            f"A net rating needs five counts, got {len(counts)}.",
            f"净评分需要五个频数，现有 {len(counts)} 个。",
        )
    _checked_total(counts, 5)
    negative, positive = 2 * counts[0] + counts[1], counts[3] + 2 * counts[4]
    base = positive + negative
    return NetRating(positive, negative, base, (positive - negative) / base, positive - negative) if base else None


def nps(counts: Sequence[float]) -> float | None:
    """Net promoter score −100…100 of eleven counts for 0…10; null at no answer."""
    if len(counts) != 11:
        raise StatisticsError(
            f"NPS needs eleven counts (0 to 10), got {len(counts)}.",
            f"NPS 需要 11 个频数（0—10），现有 {len(counts)} 个。",
        )
    total = _checked_total(counts, 11)
    return 100 * (sum(counts[9:]) - sum(counts[:7])) / total if total else None


def acsi(
    overall: float,
    expectancy: float,
    ideal: float,
    weights: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3),
) -> float:
    """ACSI 0–100 from the means (1–10) of its three questions; weights sum to 1, equal by default."""
    means = (overall, expectancy, ideal)
    if abs(sum(weights) - 1) > 1e-6 or not all(1 <= mean <= 10 for mean in means):
        raise StatisticsError(
            f"Expected means from 1 to 10 and weights that sum to 1, got {means} and {weights}.",
            f"ACSI 需要 1—10 的均值及合计为 1 的权重，现为 {means} 与 {weights}。",
        )
    return sum((mean - 1) * w for mean, w in zip(means, weights, strict=True)) / 9 * 100


def _code(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _checked_total(counts: Sequence[float], least: int) -> float:
    if len(counts) < least or any(not count >= 0 for count in counts):
        raise StatisticsError(
            f"Expected at least {least} counts ≥ 0, got {list(counts)}.",
            f"至少需要 {least} 个非负频数，现为 {list(counts)}。",
        )
    return sum(counts)
