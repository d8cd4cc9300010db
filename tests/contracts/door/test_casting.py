"""Each spelling a department uses becomes exactly one value, or one reason."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.door.casting import DTYPES, NULL_SPELLINGS, CastOptions, cast
from contracts.messages import MESSAGES

AREA = {"万": 10_000, "亿": 100_000_000, "m²": 1, "平方米": 1, "公顷": 10_000, "元": 1, "张": 1}
MARCH_5 = date(2024, 3, 5)


def one(text: str | None, kind: str, **options: Any) -> Any:
    """The value, or the reason's code as a string prefixed with !."""
    values, reasons = cast(pl.Series("x", [text], dtype=pl.String), kind, CastOptions(**options))
    assert values.dtype == DTYPES[kind]
    assert reasons.dtype == pl.String
    if reasons[0] is not None:
        assert values[0] is None
        assert reasons[0] in MESSAGES
        return f"!{reasons[0]}"
    return values[0]


INTEGERS = [
    ("12", 12),
    (" 12\u3000", 12),
    ("１２", 12),
    ("－１２", -12),
    ("\u221212", -12),
    ("+5", 5),
    ("007", 7),
    ("12.0", 12),
    ("12.00", 12),
    ("1e3", 1000),
    ("1,234", 1234),
    ("1，234，567", 1_234_567),
    ("&nbsp;12&#160;", 12),
    ("&amp;nbsp;12", 12),
    ("9223372036854775807", 9223372036854775807),
    ("12.5", "!not_a_whole_number"),
    ("1e-1", "!not_a_whole_number"),
    ("9223372036854775808", "!number_too_large"),
    ("1e999", "!number_too_large"),
    ("12,34", "!decimal_comma"),
    ("1234,567", "!not_a_number"),
    ("1,2345", "!decimal_comma"),
    ("1 234", "!not_a_number"),
    ("1/3", "!not_a_number"),
    ("十二", "!not_a_number"),
    ("٣", "!not_a_number"),
    ("abc", "!not_a_number"),
    ("1.2.3", "!not_a_number"),
    (".", "!not_a_number"),
    ("inf", "!not_a_number"),
    ("12张", "!unknown_unit"),
    ("约12", "!not_a_number"),
    ("1.2万", "!unknown_unit"),
    ("12%", "!percent_not_expected"),
    ("true", "!not_a_number"),
    ("#DIV/0!", "!error_value"),
    ("", None),
    ("　", None),
    ("－", None),
    ("—", None),
    (None, None),
]


@pytest.mark.parametrize(("text", "wanted"), INTEGERS)
def test_integers(text: str | None, wanted: Any) -> None:
    assert one(text, "integer") == wanted


NUMBERS = [
    ("0.1", 0.1, {}),
    (".5", 0.5, {}),
    ("3.", 3.0, {}),
    ("1,234.50", 1234.5, {}),
    ("１２．５", 12.5, {}),
    ("1.2万", 12_000.0, {"units": AREA}),
    ("1.2 万元", 12_000.0, {"units": AREA}),
    ("3亿", 3e8, {"units": AREA}),
    ("30㎡", 30.0, {"units": AREA}),
    ("30 M2", "!unknown_unit", {"units": AREA}),
    ("1.1公顷", 11_000.0, {"units": AREA}),
    ("1.2万万", "!unknown_unit", {"units": AREA}),
    ("12.5%", 0.125, {"percent": "fraction"}),
    ("12.5％", 12.5, {"percent": "percent"}),
    ("12.5", 12.5, {"percent": "fraction"}),
    ("12.5%", "!percent_not_expected", {}),
    ("0", None, {"zero_is_null": True}),
    ("0.00", None, {"zero_is_null": True}),
    ("０", None, {"zero_is_null": True}),
    ("0.01", 0.01, {"zero_is_null": True}),
    ("99", None, {"null_spellings": ("", "99")}),
    ("9007199254740992", 9007199254740992.0, {}),
    ("9007199254740993", "!number_too_large", {}),
    ("1e400", "!number_too_large", {}),
    ("-inf", "!not_a_number", {}),
]


@pytest.mark.parametrize(("text", "wanted", "options"), NUMBERS)
def test_numbers(text: str, wanted: Any, options: dict[str, Any]) -> None:
    assert one(text, "number", **options) == wanted


BOOLEANS = [
    (t, True) for t in ["是", "有", "对", "Y", "y", "YES", "T", "true", "TRUE", "1", "1.0", "√", "✓", "Ｙ", "１"]
]
BOOLEANS += [(t, False) for t in ["否", "无", "無", "错", "N", "no", "F", "false", "FALSE", "0", "0.0", "×", "０"]]
BOOLEANS += [("空", None), ("-", None), ("", None), ("2", "!not_yes_or_no"), ("可能", "!not_yes_or_no")]


@pytest.mark.parametrize(("text", "wanted"), BOOLEANS)
def test_yes_and_no(text: str, wanted: Any) -> None:
    assert one(text, "boolean") == wanted


DATES = [
    ("2024-03-05", MARCH_5, {}),
    ("2024-3-5", MARCH_5, {}),
    ("2024/03/05", MARCH_5, {}),
    ("2024.3.5", MARCH_5, {}),
    ("20240305", MARCH_5, {}),
    ("2024年3月5日", MARCH_5, {}),
    ("2024年03月05", MARCH_5, {}),
    ("2024 年 3 月 5 日", MARCH_5, {}),
    ("２０２４年３月５日", MARCH_5, {}),
    ("二〇二四年三月五日", MARCH_5, {}),
    ("二○二四年十二月三十一日", date(2024, 12, 31), {}),
    ("二零二四年十月二十日", date(2024, 10, 20), {}),
    ("二〇二四年十一月廿一日", date(2024, 11, 21), {}),
    ("二〇二四年二二月五日", "!not_a_date", {}),
    ("民國113年3月5日", MARCH_5, {}),
    ("民国113年3月5日", MARCH_5, {}),
    ("中華民國 113 年 3 月 5 日", MARCH_5, {}),
    ("113.3.5", MARCH_5, {"roc": True}),
    ("1130305", MARCH_5, {"roc": True}),
    ("99/12/31", date(2010, 12, 31), {"roc": True}),
    ("113.3.5", "!ambiguous_date", {}),
    ("2024-03-05 00:00:00", MARCH_5, {}),
    ("2024-03-05 08:30", MARCH_5, {}),
    ("2024-03-04T17:00:00Z", MARCH_5, {}),
    ("45356", MARCH_5, {"excel_serial": True}),
    ("45356.0", MARCH_5, {"excel_serial": True}),
    ("45356", "!not_a_date", {}),
    ("2024", "!not_a_date", {"excel_serial": True}),
    ("05/03/2024", "!ambiguous_date", {}),
    ("05/03/2024", MARCH_5, {"order": "dmy"}),
    ("3/5/2024", MARCH_5, {"order": "mdy"}),
    ("2024-03-05", MARCH_5, {"order": "dmy"}),
    ("31/12/2024", "!impossible_date", {"order": "mdy"}),
    ("24-3-5", "!ambiguous_date", {}),
    ("2024-02-30", "!impossible_date", {}),
    ("2023年2月29日", "!impossible_date", {}),
    ("0000-00-00", "!impossible_date", {}),
    ("20241301", "!impossible_date", {}),
    ("2024-03/05", "!not_a_date", {}),
    ("2024年3-5", "!not_a_date", {}),
    ("2024年3月", "!day_missing", {}),
    ("2024年3月", date(2024, 3, 1), {"precision": "month"}),
    ("2024-03", date(2024, 3, 1), {"precision": "month"}),
    ("202403", date(2024, 3, 1), {"precision": "month"}),
    ("2024-03-31", date(2024, 3, 1), {"precision": "month"}),
    ("202413", "!impossible_date", {"precision": "month"}),
    ("去年", "!not_a_date", {}),
    ("2024年3月5日至6日", "!not_a_time", {}),
]


@pytest.mark.parametrize(("text", "wanted", "options"), DATES)
def test_dates(text: str, wanted: Any, options: dict[str, Any]) -> None:
    assert one(text, "date", **options) == wanted


HALF_PAST_EIGHT = datetime(2024, 3, 5, 8, 30)
TIMES = [
    ("2024-03-05 08:30:00", HALF_PAST_EIGHT, {}),
    ("2024-03-05 08:30", HALF_PAST_EIGHT, {}),
    ("2024/3/5 8:30:15", datetime(2024, 3, 5, 8, 30, 15), {}),
    ("2024-03-05T08:30:00", HALF_PAST_EIGHT, {}),
    ("2024-03-05T00:30:00Z", HALF_PAST_EIGHT, {}),
    ("2024-03-05T09:30:00+09:00", HALF_PAST_EIGHT, {}),
    ("2024-03-05 08:30:00.123456789", datetime(2024, 3, 5, 8, 30, 0, 123456), {}),
    ("20240305083000", HALF_PAST_EIGHT, {}),
    ("202403050830", HALF_PAST_EIGHT, {}),
    ("2024年3月5日 8时30分", HALF_PAST_EIGHT, {}),
    ("2024年3月5日8時30分0秒", HALF_PAST_EIGHT, {}),
    ("2024/3/5 下午 3:20:00", datetime(2024, 3, 5, 15, 20), {}),
    ("2024/3/5 上午 12:20:00", datetime(2024, 3, 5, 0, 20), {}),
    ("3/5/2024 3:20 PM", datetime(2024, 3, 5, 15, 20), {"order": "mdy"}),
    ("民國113年3月5日 08:30", HALF_PAST_EIGHT, {}),
    ("45356.3541666667", HALF_PAST_EIGHT, {"excel_serial": True}),
    ("2024-03-05", datetime(2024, 3, 5), {}),
    ("2024-03-05 24:00:00", datetime(2024, 3, 6), {}),
    ("2024-03-05 00:30:00", HALF_PAST_EIGHT, {"timezone": "UTC"}),
    ("2024-03-05 24:01:00", "!impossible_time", {}),
    ("2024-03-05 13:00 PM", "!impossible_time", {}),
    ("2024-03-05 08:61", "!impossible_time", {}),
    ("2024-03-05 早上", "!not_a_time", {}),
    ("9999-12-31 24:00:00", "!impossible_date", {}),
    ("1709598600", "!not_a_date", {}),
]


@pytest.mark.parametrize(("text", "wanted", "options"), TIMES)
def test_times_are_shanghai_wall_time(text: str, wanted: Any, options: dict[str, Any]) -> None:
    assert one(text, "timestamp", **options) == wanted


STRINGS = [
    ("\u3000武侯区\xa0", "武侯区", {}),
    ("\ufeff武侯区\u200b", "武侯区", {}),
    ("ＡＢ１２", "ＡＢ１２", {}),
    ("ＡＢ－１２　", "AB-12", {"width": "half"}),
    ("无", None, {}),
    ("无", "无", {"null_spellings": ("",)}),
    (" / ", None, {}),
    ("a&nbsp;b", "a&nbsp;b", {}),
    ("0", None, {"zero_is_null": True}),
]


@pytest.mark.parametrize(("text", "wanted", "options"), STRINGS)
def test_text_is_stripped_and_otherwise_left_alone(text: str, wanted: Any, options: dict[str, Any]) -> None:
    assert one(text, "string", **options) == wanted


# ── whole columns ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", list(DTYPES))
def test_columns_keep_their_length_and_name(kind: str) -> None:
    for texts in ([], [None, None], [" "], ["x", None, "1", "x"]):
        values, reasons = cast(pl.Series("床位数", texts, dtype=pl.String), kind)
        assert (values.len(), reasons.len(), values.name, values.dtype) == (
            len(texts),
            len(texts),
            "床位数",
            DTYPES[kind],
        )


@pytest.mark.parametrize("kind", ["integer", "number", "date", "timestamp"])
@pytest.mark.parametrize("null", NULL_SPELLINGS)
def test_null_spellings_mean_no_value(kind: str, null: str) -> None:
    assert one(f" {null} ", kind) is None


ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.text(
    "0123456789年月日-/.:,+ 万%eET十二〇", max_size=14
)


@settings(deadline=None, max_examples=400)
@given(st.lists(ANY_TEXT, max_size=5), st.sampled_from(list(DTYPES)), st.booleans())
def test_any_text_is_a_value_or_a_reason_alone_and_among_others(texts: list[str], kind: str, loose: bool) -> None:
    options = CastOptions(
        roc=loose, excel_serial=loose, units=AREA if loose else {}, precision="month" if loose else "day"
    )
    values, reasons = cast(pl.Series(texts, dtype=pl.String), kind, options)
    assert not (values.is_not_null() & reasons.is_not_null()).any()
    assert set(reasons.drop_nulls()) <= set(MESSAGES)
    for text, value, reason in zip(texts, values, reasons, strict=True):
        alone = cast(pl.Series([text], dtype=pl.String), kind, options)
        assert (alone[0][0], alone[1][0]) == (value, reason)


@settings(deadline=None, max_examples=200)
@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_survive_every_spelling(number: int) -> None:
    for spelling in (
        f"{number}",
        f"{number:,}",
        f" {number}.0",
        f"{number}".translate({48 + i: 0xFF10 + i for i in range(10)}),
    ):
        assert one(spelling, "integer") == number


@settings(deadline=None, max_examples=200)
@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: abs(x) <= 2**53))
def test_numbers_survive_their_shortest_spelling(number: float) -> None:
    found = one(repr(number), "number")
    assert found == number
    assert math.copysign(1, found) == math.copysign(1, number)


@settings(deadline=None, max_examples=200)
@given(st.dates(date(1000, 1, 1), date(9999, 12, 31)))
def test_dates_survive_every_spelling(day: date) -> None:
    y, m, d = day.year, day.month, day.day
    for spelling in (
        f"{y}-{m}-{d}",
        f"{y}/{m:02}/{d:02}",
        f"{y}年{m}月{d}日",
        day.strftime("%Y.%m.%d"),
        f"{y}{m:02}{d:02}",
    ):
        assert one(spelling, "date") == day
    if 1911 < y < 2911:
        assert one(f"民國{y - 1911}年{m}月{d}日", "date") == day
    serial = (day - date(1899, 12, 30)) // timedelta(days=1)
    if 10_000 <= serial <= 99_999:
        assert one(str(serial), "date", excel_serial=True) == day
