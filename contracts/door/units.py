"""A unit that a form states for its columns: above the header or behind its names, in a row of units below it, in a note.

单位：万平方米 over a column that the contract counts in square metres makes every value ten thousand times too small, and
nothing in the rows shows it. Does not belong here: units beside a number (casting).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from contracts.door.arranging import Arrangement
from contracts.reading import Found

_SCALES = {"": 1, "十": 10, "百": 100, "千": 1_000, "万": 10_000, "萬": 10_000, "十万": 10**5, "百万": 10**6, "千万": 10**7, "亿": 10**8}  # fmt: skip
_AREAS = {
    "平方米": 1,
    "平米": 1,
    "㎡": 1,
    "m²": 1,
    "m2": 1,
    "平方公里": 10**6,
    "km²": 10**6,
    "公顷": 10_000,
    "亩": 2000 / 3,
}
_UNIT = re.compile(
    r"(十万|百万|千万|[十百千万萬亿])?(平方米|平米|㎡|m²|m2|平方公里|km²|公顷|亩|元|人次|人|名|张|户|个|件|册|所|家|处|间|场|小时|座|床)"
)
# What is counted by name is one thing or another; areas, money, time and people are none of them.
_CLASSES = {"area": "area", "元": "money", "小时": "time", "人": "people", "人次": "people", "户": "people"}
# 填报单位 and the like name an office, not a unit.
_STATED = re.compile(r"(?<![报表管送制设任属位办发在级下本])单位\s*(?:[:：为]|均为)?\s*([^\s:：)）。]+)")
_IN_BRACKETS = re.compile(r"[(（]\s*([^()（）]{1,30})\s*[)）]\s*$")
_OF_WHAT = re.compile(r"^[^:：]*[:：]\s*")  # 面积：公顷，床位：张


class Conflict(NamedTuple):
    """A unit as the form states it, and the field (by name) of which the contract says another."""

    stated: str
    field: str


def conflict(arrangement: Arrangement, found: Found) -> Conflict | None:
    """The first unit the form states that measures the same as a field and is not its unit; of a column, also one that measures other things."""
    layout = arrangement.layout
    for stated, column in _stated(found):
        for name, header in arrangement.columns.items():
            f = arrangement.feed.by_name[name]
            if f.kind not in ("integer", "number") or not f.unit or (column is not None and header != column):
                continue
            own, wanted = _measure(stated), _measure(re.split(r"[/(（ ]", f.unit)[0])
            if not own or not wanted or (layout and name in layout.multiply):
                continue
            if (
                own[1] != wanted[1]
                if own[0] == wanted[0]
                else column and _CLASSES.get(own[0]) != _CLASSES.get(wanted[0])
            ):
                return Conflict(stated, name)
    return None


def _stated(found: Found) -> Iterator[tuple[str, str | None]]:
    """(unit, the header of its column or None for all of them)."""
    for text in found.above:
        for words in [*_STATED.findall(text), *_IN_BRACKETS.findall(text)]:
            parts = (_OF_WHAT.sub("", part).strip() for part in re.split(r"[、,，;；/和及]", words))
            yield from ((word, None) for word in parts if _UNIT.fullmatch(word))
    for header in found.headers:
        if (words := _IN_BRACKETS.search(header)) and _UNIT.fullmatch(word := _OF_WHAT.sub("", words[1]).strip()):
            yield word, header
    for header, cell in zip(found.headers, found.below, strict=False):
        word = (cell or "").strip(" \u3000()（）[]【】")
        if _UNIT.fullmatch(word):
            yield word, header


def _measure(unit: str) -> tuple[str, float] | None:
    """(what is counted, how much of it one is): 万平方米 → area, 10,000."""
    match = _UNIT.fullmatch(unit)
    if not match:
        return None
    base = match[2]
    kind, times = ("area", _AREAS[base]) if base in _AREAS else ("人" if base == "名" else base, 1)
    return kind, _SCALES[match[1] or ""] * times
