"""The one error of this package: data or parameters that no honest number can be made from.

Conditions that leave an estimate usable, or null, are flags in the result, not errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class StatisticsError(ValueError):
    """What was expected, what came, where, what to do: one sentence in English, one in Chinese."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(f"{english} / {chinese}")
        self.english = english
        self.chinese = chinese


def name_some(items: Iterable[object], limit: int = 5) -> str:
    """`a, b, c and 4 more`: enough to find the fault, short enough to read."""
    names = [str(item) for item in items]
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")


def require_columns(columns: Iterable[str], needed: Mapping[str, str | None]) -> None:
    """Refuse a frame that lacks a named column; `needed` maps what it is for to its name."""
    present = list(columns)
    missing = [f"{name!r} ({role})" for role, name in needed.items() if name is not None and name not in present]
    if missing:
        raise StatisticsError(
            f"Expected columns {name_some(missing)}; the frame has {name_some(present, 12)}.",
            f"缺少列:{name_some(missing)};现有列:{name_some(present, 12)}。",
        )
