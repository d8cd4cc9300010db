"""Answers become points; the summaries of a scale reproduce the published ones."""

from __future__ import annotations

import polars as pl
import pytest

from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.scales import (
    Scale,
    acsi,
    box_columns,
    boxes,
    linear_score,
    mapped_score,
    net_rating,
    nps,
    promoter_column,
    score_answers,
)

FIVE = Scale(values=(1, 2, 3, 4, 5), dont_know=("9",), refused=("8",))


@pytest.mark.parametrize(
    ("counts", "score"), [((3, 1, 16, 62, 147), 88.100436681223), ((17, 35, 87, 434, 969), 87.3378728923476)]
)
def test_the_linear_score_of_published_counts(counts: tuple[int, ...], score: float) -> None:
    assert linear_score(counts) == pytest.approx(score, abs=1e-11)


def test_points_of_a_policy() -> None:
    assert mapped_score((2, 3, 5, 20, 70), (0, 3, 6, 8, 10)) == pytest.approx(8.99)
    with pytest.raises(StatisticsError, match="got 2 and 5"):
        mapped_score((1, 2, 3, 4, 5), (0, 100))


def test_net_rating_of_published_counts() -> None:
    rating = net_rating((3, 9, 81, 62, 39))
    assert rating is not None
    assert (rating.positive, rating.negative, rating.base, rating.raw) == (140, 15, 155, 125)
    assert round(100 * rating.positive / rating.base, 2) == 90.32
    assert round(100 * rating.negative / rating.base, 2) == 9.68
    assert round(100 * rating.net, 3) == 80.645


def test_boxes_nps_and_acsi() -> None:
    assert boxes((10, 20, 30, 25, 15)) == pytest.approx((0.4, 0.3, 0.1))
    assert nps((0, 0, 0, 0, 0, 0, 10, 10, 20, 30, 30)) == pytest.approx(50)
    assert acsi(8, 7, 6) == pytest.approx((8 + 7 + 6 - 3) / 27 * 100)
    assert acsi(10, 10, 10, (0.3885, 0.3190, 0.2925)) == pytest.approx(100)
    with pytest.raises(StatisticsError, match="weights that sum to 1"):
        acsi(8, 7, 6, (0.5, 0.5, 0.5))


def test_nothing_answered_is_null_not_zero() -> None:
    assert [linear_score([0] * 5), boxes([0] * 5), net_rating([0] * 5), nps([0] * 11)] == [None] * 4


def test_negative_counts_are_refused() -> None:
    with pytest.raises(StatisticsError, match="counts ≥ 0"):
        linear_score([1, -1, 0, 0, 0])


def test_each_kind_of_silence_keeps_its_own_name() -> None:
    frame = pl.DataFrame({"q": ["q1"] * 8, "a": ["5", " 1 ", "3.0", "9", "8", None, "", "7"]})
    scored = score_answers(frame, "a", "q", {"q1": FIVE})
    assert scored["score"].to_list() == [100, 0, 50, None, None, None, None, None]
    assert scored["status"].to_list() == [
        "answered", "answered", "answered", "dont_know", "refused", "not_asked", "not_asked", "out_of_scale",
    ]  # fmt: skip


def test_scales_may_be_reversed_mapped_or_of_any_length() -> None:
    scales = {
        "reversed": Scale(values=(1, 2, 3, 4, 5), is_reversed=True),
        "mapped": Scale(values=(1, 2, 3, 4, 5), points={1: 0, 2: 30, 3: 60, 4: 80, 5: 100}),
        "yes": Scale(values=(0, 1)),
        "ten": Scale(values=tuple(range(1, 11))),
    }
    frame = pl.DataFrame({"q": list(scales), "a": [2, 2, 1, 10]})
    scored = score_answers(frame, "a", "q", scales)
    assert scored["score"].to_list() == [75, 30, 100, 100]
    assert scored["position"].to_list() == [4, 2, 2, 10]


def test_indicators_have_the_base_of_their_question() -> None:
    frame = pl.DataFrame({"q": ["q1"] * 6, "a": ["5", "4", "1", "9", "8", None]})
    columns = score_answers(frame, "a", "q", {"q1": FIVE}).select(box_columns())
    assert columns.mean().row(0) == pytest.approx((2 / 3, 1 / 3, 1 / 3, 1 / 4))


def test_the_promoter_column_averages_to_the_nps() -> None:
    frame = pl.DataFrame({"q": ["r"] * 5, "a": ["10", "9", "8", "6", "0"]})
    scored = score_answers(frame, "a", "q", {"r": Scale(values=tuple(range(11)))})
    assert scored.select(promoter_column())["nps"].mean() == nps((1, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1)) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": (1,)}, "at least two different values"),
        ({"values": (1, 2), "points": {1: 0}}, "exactly the values"),
        ({"values": (1, 2), "dont_know": ("2",)}, "repeated: 2"),
    ],
)
def test_a_scale_that_contradicts_itself_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(StatisticsError, match=message):
        Scale(**arguments)  # type: ignore[arg-type]


def test_a_question_without_a_scale_is_refused() -> None:
    with pytest.raises(StatisticsError, match="No scale for questions q2"):
        score_answers(pl.DataFrame({"q": ["q2"], "a": ["1"]}), "a", "q", {"q1": FIVE})
