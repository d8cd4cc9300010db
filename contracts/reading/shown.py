"""What a number cell shows its sender, beside the number it holds.

A number format can hold back a code's zeros (000123), add a unit (12万) or show another number altogether. Belongs here:
rendering a format and deciding which text speaks for the cell. Does not belong here: finding formats in a file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

# A unit that stands for a number of others: what a format may add to the digits it shows.
SCALES = {
    "十": 10,
    "百": 100,
    "千": 1_000,
    "万": 10_000,
    "萬": 10_000,
    "百万": 10**6,
    "千万": 10**7,
    "亿": 10**8,
    "億": 10**8,
}
SCALES |= {"K": 1_000, "k": 1_000, "M": 10**6, "%": 0.01, "‰": 0.001}  # type: ignore[dict-item]
_SIGNS = "¥￥ \u00a0\u3000"
_YEARS = range(1900, 2100)


class Shown(NamedTuple):
    """The text that speaks for a number cell, and what is to be said of it (a code of contracts.messages) or None."""

    text: str
    mark: str | None = None


def number_text(value: float) -> str:
    """A number → text that casts back to the same: 510107.0 → 510107."""
    return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 1e18 else repr(float(value))


def as_shown(value: float, shown: str, times: float | None = None) -> Shown | None:
    """What speaks for a cell that holds `value` and shows `shown`; None: the number itself, nothing else is seen.

    Args:
        times: what one of the number shown stands for, where the format says it: 0.01 for 0%, 1000 for `0,`. Of 0.004 under 0% nothing
            but 0% is seen, which the number rounded would be as well.
    """
    seen = shown.strip(_SIGNS + "\t\n")
    if seen.startswith("-"):
        seen = "-" + seen[1:].lstrip(_SIGNS)
    if seen.startswith("(") and seen.endswith(")"):
        seen = "-" + seen[1:-1].strip(_SIGNS)
    exact = number_text(value)
    if not seen.strip("-—–－_ ."):
        # A zero may be shown as a stroke or not at all; any other number that shows nothing was not meant to be read.
        return Shown(exact, "shown_otherwise") if value and not seen else None
    digits = seen.replace(",", "").replace(" ", "")
    if re.fullmatch(r"[-+]?\d+(\.\d+)?[eE][-+]?\d+", digits) or seen.startswith("#"):
        return None
    if re.fullmatch(r"[-+]?\d+(\.\d+)?", digits):
        if re.fullmatch(r"0\d+", digits) and int(digits) == value:
            return Shown(digits)
        if not _agree(digits, value):
            return Shown(exact, "shown_otherwise")
        # 2025.10 typed as a month is the number 2025.1; two decimals show which month was meant.
        is_month = re.fullmatch(r"\d{4}\.(0[1-9]|1[0-2])", digits) and int(value) in _YEARS
        return Shown(digits) if is_month and float(digits) == value else None
    if re.fullmatch(r"[\d ()./:-]+", seen) and re.sub(r"\D", "", seen).lstrip("0") == exact.lstrip("0"):
        return Shown(seen)
    if not (parts := re.fullmatch(r"([^\d.]*?)\s*([-+]?\d[\d,]*(?:\.\d+)?)\s*(\D*)", seen)):
        # 是 for 1: the format says what the number means.
        return Shown(exact, "shown_otherwise") if re.search(r"\d", seen) else Shown(seen)
    before, number, after = (part.strip(_SIGNS) for part in parts.groups())
    number = number.replace(",", "")
    if before and number[0] in "-+" and value >= 0:  # YL-0012: the sign belongs to what stands before
        before, number = before + number[0], number[1:]
    if times in (None, 1) and _agree(number, value):
        kept = number if re.fullmatch(r"0\d+", number) else exact
        scaled = any(after.startswith(unit) for unit in SCALES)
        return Shown(f"{before}{kept}{after}", "unit_in_format" if scaled else None) if before or after else None
    for unit in sorted(SCALES, key=len, reverse=True):
        # 12.3万 for 123,456: the number is whole already.
        if after.startswith(unit) and _agree(number, value, times=SCALES[unit]):
            rest = after.removeprefix(unit)
            if unit in "%‰":
                return Shown(f"{number_text(float(Decimal(repr(value)) / Decimal(str(SCALES[unit]))))}{after}")
            return Shown(f"{before}{exact}{rest}") if before or rest else None
    return Shown(exact, "shown_otherwise")


def _agree(number: str, value: float, times: float = 1) -> bool:
    """Whether the digits shown are the value, rounded to as many decimals as they have."""
    decimals = len(number.partition(".")[2])
    return abs(float(number) * times - value) <= (0.5000001 * 10.0**-decimals) * times + abs(value) * 1e-9


# ── formats ─────────────────────────────────────────────────────────────────────────────────────

_TOKEN = re.compile(
    r'"([^"]*)"|[\\!](.)|_.|\*.|\[\$([^\]-]*)[^\]]*\]|\[([<>=]{1,2})(-?[\d.]+)\]|\[[^\]]*\]'
    r"|(General|G/通用格式)|([0#?])|(\.)|(,)|(%)|([eE][+-])|(/)|(@)|([ymdhsYMDHSgGbBeE年月日时分秒]|上午|下午|AM|PM|a+)|(.)",
    re.DOTALL,
)


def is_telling(code: str) -> bool:
    """Whether a format may show anything but the plain number: a first look that is never wrong to say yes.

    `0.00` may: 2025.10, typed as a month, is the number 2025.1.
    """
    bare = re.sub(r"\[(?:Red|Black|Blue|Green|White|Yellow|Cyan|Magenta|颜色\d+|红色|蓝色)\]|_.|\*.", "", code)
    if re.fullmatch(r"(?:General|G/通用格式|@|0|#|#,##0(?:\.0+)?|0\.0|0\.000+)?", bare):
        return False
    return has_time(code) or hides_a_day(code) or any(_tokens(part) is not None for part in _sections(code))


def hides_a_day(code: str) -> bool:
    """Whether a format shows of a day no more than its weekday or the year of an era: the reader of the values takes it for a number."""
    bare = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]|General|G/通用格式', "", code)
    return bool(re.search(r"(?i)a{3,4}|[egb]", bare)) and not re.search(r"(?i)[ymdhs0#?@]", bare)


def has_time(code: str) -> bool:
    """Whether a date format shows a time of day."""
    return bool(re.search(r"[hHsS时]|上午|AM", re.sub(r'"[^"]*"|\\.|\[\$[^\]]*\]', "", code)))


def is_moment(code: str) -> bool:
    """Whether a format shows a day or a time, also one of hours in all, [h]:mm."""
    bare = re.sub(r'(?i)"[^"]*"|[\\!_*].|\[(?!(?:h+|m+|s+)\])[^\]]*\]|General|G/通用格式', "", code)
    return bool(re.search(r"(?i)[ymdhs年月日时]", bare))


def render(code: str, value: float) -> str | None:
    """What a format shows for a number; None for dates, fractions and text, which other eyes read."""
    return _render(_section(code, value), value)


def scale(code: str, value: float) -> float:
    """What one of the number stands for that a format shows: 0.01 under 0%, 1000 under `0,`."""
    kinds = [kind for kind, _ in _tokens(_section(code, value)) or ()]
    places = [i for i, kind in enumerate(kinds) if kind in ("0", "#", "?")]
    return 0.01 ** kinds.count("%") * 1000 ** _thousands(kinds, places) if places else 1


def _thousands(kinds: Sequence[str], places: Sequence[int]) -> int:
    """The commas behind the last digit before the point, or behind all: each divides by a thousand."""
    point = next((i for i, kind in enumerate(kinds) if kind == "." and places[0] - 1 <= i), len(kinds))
    last = max((i for i in places if i < point), default=places[0])
    return sum(kind == "," for i, kind in enumerate(kinds) if last < i < point or i > places[-1])


def _sections(code: str) -> list[str]:
    return re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', code.replace("\\;", '";"'))


def _section(code: str, value: float) -> str:
    sections = _sections(code)
    conditions = [re.search(r"\[([<>=]{1,2})(-?[\d.]+)\]", part) for part in sections]
    if any(conditions):
        for part, condition in zip(sections, conditions, strict=True):
            if condition is None or _holds(condition[1], value, float(condition[2])):
                return part
        return sections[-1]
    if value < 0 and len(sections) > 1:
        return sections[1]
    return sections[2] if value == 0 and len(sections) > 2 else sections[0]


def _holds(sign: str, value: float, limit: float) -> bool:
    return {
        "<": value < limit, ">": value > limit, "=": value == limit,
        "<=": value <= limit, ">=": value >= limit, "<>": value != limit,
    }.get(sign, False)  # fmt: skip


@lru_cache(maxsize=1_000)
def _tokens(section: str) -> tuple[tuple[str, str], ...] | None:
    """(kind, text) of a section; None where it shows no plain number."""
    found: list[tuple[str, str]] = []
    for match in _TOKEN.finditer(section):
        quoted, escaped, currency, _, _, general, digit, point, comma, percent, exponent, slash, at, day, other = (
            match.groups()
        )
        literal = next((part for part in (quoted, escaped, currency, other) if part is not None), None)
        if exponent or slash or at or day:
            return None
        if literal is not None:
            found.append(("literal", literal))
        elif general:
            found.append(("general", ""))
        elif digit or point or comma:
            found.append((digit or point or comma, ""))
        elif percent:
            found.append(("%", ""))
    return tuple(found)


def _render(section: str, value: float) -> str | None:
    tokens = _tokens(section)
    if tokens is None:
        return None
    kinds = [kind for kind, _ in tokens]
    if "general" in kinds:
        at = kinds.index("general")
        return _literals(tokens[:at]) + number_text(abs(value) if _is_negative_part(tokens) else value) + _literals(tokens[at + 1 :])  # fmt: skip
    places = [i for i, kind in enumerate(kinds) if kind in ("0", "#", "?")]
    if not places:
        return _literals(tokens)
    number = abs(Decimal(repr(float(value)))) * 100 ** kinds.count("%")
    point = next((i for i, kind in enumerate(kinds) if kind == "." and places[0] - 1 <= i), len(kinds))
    whole = [i for i in places if i < point]
    fraction = [i for i in places if i > point]
    number /= 1000 ** _thousands(kinds, places)
    rounded = number.quantize(Decimal(1).scaleb(-len(fraction)), ROUND_HALF_UP)
    integer, _, decimals = f"{rounded:f}".partition(".")
    shown: list[str] = []
    digits = list(integer)
    for i in range(len(tokens) - 1, -1, -1):
        kind, text = tokens[i]
        if kind == "literal":
            shown.append(text)
        elif kind == "%":
            shown.append("%")
        elif i == point:
            shown.append(".")
        elif i in fraction:
            shown.append(decimals[fraction.index(i)])
        elif i in whole:
            if digits and (integer != "0" or kind == "0"):
                shown.append(digits.pop())
            elif kind == "0":
                shown.append("0")
            if i == whole[0]:
                shown.append("".join(digits) if integer != "0" else "")
    text = "".join(reversed(shown))
    return ("-" if value < 0 and not re.search(r"^\W*[-(]", text) else "") + text


def _literals(tokens: tuple[tuple[str, str], ...]) -> str:
    return "".join(text if kind == "literal" else "%" if kind == "%" else "" for kind, text in tokens)


def _is_negative_part(tokens: tuple[tuple[str, str], ...]) -> bool:
    return any(kind == "literal" and text in ("-", "(") for kind, text in tokens)
