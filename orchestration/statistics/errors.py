"""The one error of this package: data or parameters that no honest number can be made from.

Conditions that leave an estimate usable, or null, are flags in the result, not errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
# Nothing that is measured is larger; squares and sums of what is larger are infinite.
LARGEST = 1e100
# What may be left out: no other column may be None.
OPTIONAL = ("fpc", "base weight", "second-stage fpc", "df", "strata", "population", "weight if any")


class StatisticsError(ValueError):
    """What was expected, what came, where, what to do: one sentence in English, one in Chinese; its text is "中文 · English"."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(f"{chinese} · {english}")
        self.english = english
        self.chinese = chinese


def name_some(items: Iterable[object], limit: int = 5) -> str:
    """`a, b, c, … (+4)`: enough to find the fault, short enough to read, in any language."""
    names = [str(item) for item in items]
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f", … (+{rest})" if rest > 0 else "")


def require_columns(frame: pl.DataFrame, needed: Mapping[str, str | None]) -> None:
    """Refuse what is no frame, or lacks a named column; `needed` maps what it is for to its name."""
    if not isinstance(frame, pl.DataFrame):
        raise StatisticsError(
            f"Expected a polars DataFrame, got {type(frame).__name__}; collect a LazyFrame first.",
            f"应为 polars DataFrame，现为 {type(frame).__name__}。",
        )
    present = frame.columns
    missing = [
        f"{name!r} ({role})"
        for role, name in needed.items()
        if name not in present and not (name is None and role in OPTIONAL)
    ]
    if missing:
        raise StatisticsError(
            f"Expected columns {name_some(missing)}; the frame has {name_some(present, 12)}.",
            f"缺少列：{name_some(missing)}；现有列：{name_some(present, 12)}。",
        )


def as_numbers(values: pl.Series | Iterable[object], name: str) -> pl.Series:
    """The values as floats, null where there is none; refuses text and anything else that is no number."""
    try:
        given = values if isinstance(values, pl.Series) else list(values)
        series = given if isinstance(given, pl.Series) else pl.Series(name, given, strict=False)
        if isinstance(given, list) and series.null_count() > sum(value is None for value in given):
            raise OverflowError  # what polars cannot hold would be null, as if it had not been told
        if series.dtype == pl.Null:
            return series.cast(pl.Float64)
        if series.dtype.is_numeric() or series.dtype == pl.Boolean:
            numbers = series.cast(pl.Float64)
            sizes = np.abs(numbers.to_numpy())
            if (np.isfinite(sizes) & (sizes > LARGEST)).any():
                raise StatisticsError(
                    f"Expected numbers up to {LARGEST:g} in {name!r}, got {numbers.abs().max()!r}.",
                    f"{name!r} 中的数值不应超过 {LARGEST:g}，现为 {numbers.abs().max()!r}。",
                )
            return numbers
    except StatisticsError:
        raise
    except (TypeError, ValueError, OverflowError):  # no series at all, such as a bare number
        series = pl.Series(name, [str(values)])
    raise StatisticsError(
        f"Expected numbers in {name!r}, got {series.dtype}, e.g. {series.drop_nulls().head(1).to_list()}. Score the answers first.",
        f"{name!r} 应为数值，现为 {series.dtype}，例如 {series.drop_nulls().head(1).to_list()}。",
    )


def require_confidence(confidence: float) -> None:
    """Refuse a confidence such as 95."""
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 < confidence < 1:
        raise StatisticsError(
            f"Expected a confidence between 0 and 1, got {confidence}.",
            f"置信水平应在 0 与 1 之间，现为 {confidence}。",
        )


def require_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse a word that is none of those a parameter knows."""
    if value not in allowed:
        raise StatisticsError(
            f"Expected {name} to be one of {name_some(allowed, 12)}; got {value!r}.",
            f"{name} 应为 {name_some(allowed, 12)} 之一；现为 {value!r}。",
        )


def require_number(name: str, value: Any, low: float, high: float, *, whole: bool = False) -> None:
    """Refuse a parameter that is no number, or none from `low` to `high`; `whole`: only whole numbers."""
    kinds = int | np.integer if whole else int | float | np.number
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        raise StatisticsError(
            f"Expected {name} to be a {'whole ' if whole else ''}number from {low:g} to {high:g}; got {value!r}.",
            f"{name} 应为 {low:g} 到 {high:g} 之间的{'整数' if whole else '数值'}；现为 {value!r}。",
        )


def as_array(values: pl.Series | npt.ArrayLike, name: str, low: float = -LARGEST, high: float = LARGEST) -> Floats:
    """The values as an array of finite floats from `low` to `high`; refuses null, text and infinite values.

    A single number stays one (an array without dimensions).
    """
    try:
        given = values.to_numpy() if isinstance(values, pl.Series) else np.asarray(values)
        if given.dtype.kind in "USOMmc" and any(
            isinstance(v, str | bytes | complex) or v is None for v in given.ravel()
        ):
            raise TypeError
        found = given.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise StatisticsError(
            f"Expected numbers in {name!r}, got {values!r:.60}.", f"{name!r} 应为数值，现为 {values!r:.60}。"
        ) from None
    wrong = ~(np.isfinite(found) & (found >= low) & (found <= high))
    if wrong.any():
        first = int(np.flatnonzero(wrong.ravel())[0])
        raise StatisticsError(
            f"Expected finite numbers from {low:g} to {high:g} in {name!r}; element {first} is {found.ravel()[first]:g}.",
            f"{name!r} 应为 {low:g} 到 {high:g} 之间的有限数值；第 {first} 个为 {found.ravel()[first]:g}。",
        )
    return found
