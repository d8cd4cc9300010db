"""Text as a department writes it → a typed value, exactly, or the reason why not.

Belongs here: numbers, dates, yes/no and text of one column. Does not belong here: opening files (reading),
whether a value is allowed (rows), and the sentences for the reasons (messages). Nothing is guessed: what can be
read in two ways is refused unless the contract or layout says which way is meant.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from contracts.door.characters import LETTERS_AND_DIGITS, end_to_end
from contracts.place import place
from contracts.reading.traditional import RADICALS

Kind = Literal["string", "integer", "number", "boolean", "date", "timestamp"]

DTYPES: Mapping[str, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}

NULL_SPELLINGS = (
    *("", "空", "无", "無", "-", "--", "—", "——", "/", "\\", "null", "NULL", "None"),
    *("N/A", "n/a", "NA", "nan", "NaN", "#N/A", "#NULL!", "<NA>"),
    # As databases and the programs beside them export it.
    *("\\N", "Null", "(null)", "(NULL)", "[NULL]", "<null>", "undefined", "NaT"),
)
TRUE_SPELLINGS = frozenset(("是", "有", "对", "對", "y", "yes", "t", "true", "1", "1.0", "√", "✓", "✔"))
FALSE_SPELLINGS = frozenset(("否", "无", "無", "错", "錯", "n", "no", "f", "false", "0", "0.0", "×", "✗", "✘"))

# White space that Excel and web pages leave around a value and that str.strip() would not take.
INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"
LARGEST_EXACT = 2**53  # beyond it a Float64 no longer holds every whole number


@dataclass(frozen=True)
class CastOptions:
    """How one field is to be understood; the defaults take nothing that could mean two things.

    Attributes:
        null_spellings: texts that mean "no value" (for booleans 有/无 keep their meaning).
        zero_is_null: 0 means "no value".
        units: text that may follow a number → what to multiply by: {"张": 1, "万": 10_000, "公顷": 10_000}.
        percent: what 12.5% becomes: 0.125 (`fraction`), 12.5 (`percent`) or a reason (None).
        order: of day, month and year where the year does not stand first.
        timezone: of times that carry no offset; results are wall time of the place (contracts/place.py).
        width: `half` turns full-width letters and digits of a code into ASCII.
        precision: `month` takes 2024年3月 and 202403 and gives the first day of the month.
        roc: years are Minguo years even where 民國 is not written (113.3.5 is 2024-03-05).
        excel_serial: a five-digit number in a date field is an Excel day number.
        starts_1904: Excel's days are counted from 1904, as old Macs did.
        decimal: the sign before the fraction; unsaid, a comma that may be one or the other is refused.
        comma_is_unclear: the file separates its cells by semicolons, as programs do whose decimal sign is a comma.
        is_code: the text names a thing: a number that a program wrote in its place is refused.
        from_workbook: a date may be what Excel made of a text.
        clean: markup and invisible characters are no part of the text.
        tens_are_lost: no month of the column is written 2025.10, so 2025.1 may be one that went through a number.
    """

    null_spellings: tuple[str, ...] = NULL_SPELLINGS
    zero_is_null: bool = False
    units: Mapping[str, float] = field(default_factory=dict)
    percent: Literal["fraction", "percent"] | None = None
    order: Literal["ymd", "dmy", "mdy"] = "ymd"
    timezone: str = field(default_factory=lambda: place().time_zone)
    width: Literal["half"] | None = None
    precision: Literal["day", "month"] = "day"
    roc: bool = False
    excel_serial: bool = False
    starts_1904: bool = False
    decimal: Literal[".", ","] | None = None
    comma_is_unclear: bool = False
    is_code: bool = False
    from_workbook: bool = False
    clean: bool = False
    tens_are_lost: bool = False


def _no_reasons(text: pl.Series) -> pl.Series:
    return pl.Series(text.name, [None], dtype=pl.String).new_from_index(0, text.len())


class _Refused(Exception):
    """A text that is no value of the wanted kind; the argument is the reason code."""


def cast(text: pl.Series, kind: Kind, options: CastOptions = CastOptions()) -> tuple[pl.Series, pl.Series]:
    """Casts one column of text.

    Args:
        text: String column, as read; any length.
        kind: logical type of the field.
        options: what the contract or layout says about it.

    Returns:
        (values, reasons), both as long as `text`: values of `DTYPES[kind]`, null where empty or refused; reasons
        String, a key of `messages.MESSAGES` where refused, else null.
    """
    text = text.cast(pl.String)
    if kind == "string":
        is_plain = not text.head(_LOOK).str.contains(_NOT_PLAIN).any() and _is_plain(text)
        values = _without_nulls(text, options) if is_plain else _strings(text, options)
        return values, _no_reasons(text) if is_plain else _no_texts(values, options)
    values = _plainly(text, kind, options)
    left = values.is_null() & text.is_not_null() & (text != "")
    if not left.any():
        return values, _no_reasons(text)
    if (
        kind in ("integer", "number")
        and options.decimal is None
        and text.filter(left).str.contains(_DECIMAL_COMMA).any()
    ):
        # A column that writes 12,5 may mean 1234 by 1.234.
        options = replace(options, comma_is_unclear=True)
        left = left | text.str.contains(_THREE_DECIMALS).fill_null(value=False)
        values = pl.select(pl.when(~left).then(values)).to_series().alias(text.name)
    return _by_the_rules(text, values, left, kind, options)


# ── strings ─────────────────────────────────────────────────────────────────────────────────────


def _strings(text: pl.Series, options: CastOptions) -> pl.Series:
    stripped = text.str.strip_chars()
    # Only characters beyond ASCII can be invisible or full-width, and most columns hold none.
    if (stripped.str.len_bytes() != stripped.str.len_chars()).any():
        stripped = _rewritten(stripped, f"^[{INVISIBLE}]|[{INVISIBLE}]$", _stripped)
        if options.clean:
            stripped = _rewritten(stripped, f"{_UNSEEN}|{_ALIKE}", _cleaned)
        if options.width == "half":
            stripped = _rewritten(stripped, "[\u3000！-～]", _half_width)
    if options.clean:
        stripped = _rewritten(stripped, _MARKED_UP, _cleaned)
    return _without_nulls(stripped, options)


def _without_nulls(stripped: pl.Series, options: CastOptions) -> pl.Series:
    nulls = [*options.null_spellings, *(["0"] if options.zero_is_null else [])]
    return pl.select(pl.when(~stripped.is_in(nulls)).then(stripped)).to_series().alias(stripped.name)


# Letters and digits alone need nothing taken off and are no error of a formula, but for what may be 9.9E+17. A look at the first
# rows of a column tells most of those where it is not so.
_NOT_PLAIN, _LOOK = r"[^0-9A-Za-z]|[0-9][eE]", 100


def _is_plain(text: pl.Series) -> bool:
    """Whether no text of the column is `_NOT_PLAIN`."""
    texts = end_to_end(text, between="x")  # a digit of one and an E of the next are no number
    if texts.translate(None, LETTERS_AND_DIGITS):
        return False
    signs = np.frombuffer(texts, np.uint8)
    is_digit, is_e = signs - ord("0") < 10, signs | 0x20 == ord("e")  # what lies before the digits counts from 255 down
    return not (is_digit[:-1] & is_e[1:]).any()


# Characters nobody sees: joiners, marks of writing direction, soft hyphens, controls beyond ASCII.
_UNSEEN = "[\u0080-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
# Radicals and compatibility ideographs, as texts copied from a PDF hold them: ⽣ looks like 生 and is another character.
_ALIKE = "[\u2e80-\u2fdf\uf900-\ufaff\U0002f800-\U0002fa1f]"
_MARKED_UP = "[<&\x00-\x1f\x7f]|_x[0-9A-Fa-f]{4}_"
_TAG = re.compile(
    r"</?(?:span|font|b|i|u|s|em|strong|p|div|br|a|sup|sub|o:p|st1:\w+|td|tr|table|img|nobr|small|big|ruby|rt|h[1-6]|script|style"
    r"|iframe|svg|input|button|form|label|center|hr|li|ul|ol|dl|dt|dd|code|pre|del|ins|mark|q|th|tbody|thead|link|meta|html|body|head)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)


_NO_TEXTS = tuple(
    re.compile(rf"<{tag}\b[^<>]*>.*?</{tag}\s*>", re.IGNORECASE | re.DOTALL) for tag in ("script", "style")
)
_CLOSED = tuple(re.compile(rf"(?s:.*)</{tag}\s*>", re.IGNORECASE) for tag in ("script", "style"))


def _without_scripts(text: str) -> str:
    # No further than the last end: each beginning after it would be followed to the end of the text.
    for no_text, closed in zip(_NO_TEXTS, _CLOSED, strict=True):
        if last := closed.match(text):
            text = no_text.sub("", last[0]) + text[last.end() :]
    return text


def _cleaned(text: str) -> str:
    """Without markup, entities and what is not seen: what a person reads in the cell."""
    text = re.sub(r"_x([0-9A-Fa-f]{4})_", lambda code: chr(int(code[1], 16)), text)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    for _ in range(3):
        if "&" not in text:
            break
        text = html.unescape(text)
    text = _without_scripts(text) if "</" in text else text
    text = re.sub(_UNSEEN, "", _TAG.sub(lambda tag: " " if tag[0][1:3].lower() in ("br", "p>", "p ") else "", text))
    text = re.sub(_ALIKE, lambda sign: unicodedata.normalize("NFKC", sign[0]).translate(RADICALS), text)
    text = re.sub(r"[\x00-\x08\x0e-\x1f\x7f]", "", text)
    return re.sub(r"[\s\u00a0]+", " ", text).strip()


# What Excel or a program wrote in the place of a text, as each of them spells it (#SPILL!, #PYTHON!, LibreOffice #名称?, Google Loading...).
_ERROR_VALUE = r"^(?:#(?:N/A|GETTING_DATA|名[称稱]\?|[A-Z][A-Z0-9_/]*[!?]|#{2,})|Err:\d{3}|(?:Loading|正在加载)\.\.\.)$"
_SCIENTIFIC = r"^[+-]?\d(?:\.\d+)?[eE]\+\d{1,3}$|^\d\.\d+[eE]\d{1,3}$"  # the second as Java writes it
_FLOAT = r"^\d+\.0+$"
_MONTHS = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_SHORT_DATE = rf"^(?:\d{{1,2}}月\d{{1,2}}日|\d{{1,2}}-{_MONTHS}(?:-\d{{2,4}})?|{_MONTHS}-\d{{2}})$"
# =DISPIMG("ID_1",1), =B2&C2, =表1!A1, ='表 1'!A1, ="a"&B2, =1+1: Excel shows what comes of it, or a picture; a program that exports the cell does not.
_FORMULA = r"^=\s*[-+(]*(?:[\"'@{\[]|[A-Za-z_][\w.]*\s*\(|\$?[A-Za-z]{1,3}\$?\d{1,7}\s*(?:$|[-+*/&:,;)=<>])|[^\s!=]+!\$?[A-Za-z]{1,3}\$?\d|\d[\d.]*\s*[-+*/])"
# What stands for the cell above, left or right.
_DITTO = r"^(?:同[上前左右]|[〃″“”\"]+)$"
_SUSPECT_TEXT = r"^[#=〃″“”\"]|^同.$|^Err:|^Loading|^正在|\d[eE]\+?\d"
_SUSPECT_CODE = _SUSPECT_TEXT + r"|\.0|月|[A-Za-z]-\d|\d-[A-Za-z]"
_SUSPECT_DAY = r"|^(?:19|20)\d\d-"
_DAY = r"^(?:19|20)\d\d-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d+)?)?$"


def _no_texts(values: pl.Series, options: CastOptions) -> pl.Series:
    """Why a text is none: the error of a formula, a code that went through a number, a date that was a code."""
    # One look at a column spares nearly all of them the patterns.
    look = _SUSPECT_CODE if options.is_code else _SUSPECT_TEXT
    suspects = values.str.contains(look + (_SUSPECT_DAY if options.from_workbook else ""))
    if not suspects.any():
        return _no_reasons(values)
    found = pl.Series(values.name, [None], dtype=pl.String).new_from_index(0, values.len())
    checks = [("error_value", _ERROR_VALUE)]
    if options.clean or options.is_code:
        checks += [("code_as_number", _SCIENTIFIC), ("formula_as_text", _FORMULA), ("ditto", _DITTO)]
    if options.is_code:
        checks += [("code_as_number", _FLOAT), ("date_in_text", _SHORT_DATE)]
    if options.from_workbook and (options.clean or options.is_code):
        checks += [("date_in_text", _DAY)]
    for code, pattern in checks:
        if (bad := (suspects & values.str.contains(pattern)).fill_null(value=False)).any():
            found = pl.select(pl.when(bad).then(pl.lit(code)).otherwise(found)).to_series().alias(values.name)
    return found


def _rewritten(text: pl.Series, pattern: str, rewrite: Callable[[str], str]) -> pl.Series:
    """Rewrites the texts in which the pattern occurs, each distinct one once."""
    odd = text.filter(text.str.contains(pattern)).unique()
    return text.replace(odd, pl.Series([rewrite(t) for t in odd], dtype=pl.String)) if odd.len() else text


def _stripped(text: str) -> str:
    return text.strip(INVISIBLE + " \t\r\n\f\v\u00a0\u3000").strip()


_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def _half_width(text: str) -> str:
    return text.translate(_HALF_WIDTH).strip()


# ── the plain spellings, a whole column at a time ───────────────────────────────────────────────


def _plainly(text: pl.Series, kind: Kind, options: CastOptions) -> pl.Series:
    """What the spelling of the standard itself gives; null for everything else."""
    plain = {
        "integer": lambda s: s.cast(pl.Int64, strict=False),
        "number": _plain_number,
        "boolean": _plain_yes_or_no,
        "date": _plain_date,
        "timestamp": _plain_timestamp,
    }[kind](text)
    if options.zero_is_null and kind in ("integer", "number"):
        plain = pl.select(pl.when(plain != 0).then(plain)).to_series()
    if hidden := [n for n in options.null_spellings if n and n[0] in "+-.0123456789"]:  # 99 for "not asked"
        plain = pl.select(pl.when(~text.is_in(hidden)).then(plain)).to_series()
    if options.decimal == "," and kind in ("integer", "number"):
        plain = pl.select(pl.when(~text.str.contains(".", literal=True)).then(plain)).to_series()
    if kind == "timestamp" and options.timezone != place().time_zone:
        plain = plain.clear(plain.len())
    if kind == "date" and options.precision == "month":
        plain = plain.dt.month_start()
    return plain.alias(text.name)


def _plain_number(text: pl.Series) -> pl.Series:
    values = text.cast(pl.Float64, strict=False)
    return pl.select(pl.when(values.is_finite() & (values.abs() < LARGEST_EXACT)).then(values)).to_series()


def _plain_yes_or_no(text: pl.Series) -> pl.Series:
    yes, no = text.is_in(list(TRUE_SPELLINGS)), text.is_in(list(FALSE_SPELLINGS))
    return pl.select(pl.when(yes | no).then(yes)).to_series()


def _plain_date(text: pl.Series) -> pl.Series:
    iso = pl.select(pl.when(text.str.len_bytes() == 10).then(text)).to_series()
    return _late_enough(iso.str.to_date("%Y-%m-%d", strict=False, cache=True))


def _plain_timestamp(text: pl.Series) -> pl.Series:
    # The engine takes a sixtieth second for the next minute's first.
    iso = pl.select(pl.when((text.str.len_bytes() == 19) & ~text.str.ends_with("60")).then(text)).to_series()
    return _late_enough(iso.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False, cache=False))


def _late_enough(moments: pl.Series) -> pl.Series:
    return pl.select(pl.when(pl.lit(moments) >= pl.lit(date(FIRST_YEAR, 1, 1))).then(moments)).to_series()


# ── every other spelling, once per distinct text ────────────────────────────────────────────────


def _by_the_rules(
    text: pl.Series, values: pl.Series, left: pl.Series, kind: Kind, options: CastOptions
) -> tuple[pl.Series, pl.Series]:
    rule: Callable[[str, CastOptions], Any] = {
        "integer": _whole_number,
        "number": _number,
        "boolean": _yes_or_no,
        "date": _date,
        "timestamp": _timestamp,
    }[kind]
    nulls = {_plain_form(n) for n in options.null_spellings}
    if kind == "boolean":
        nulls -= TRUE_SPELLINGS | FALSE_SPELLINGS
    distinct = text.filter(left).unique()
    if options.precision == "month" and not distinct.str.contains(r"^\s*\d{4}\.10\s*$").any():
        options = replace(options, tens_are_lost=True)
    found: list[Any] = []
    reasons: list[str | None] = []
    for spelling in distinct:
        plain = _plain_form(spelling)
        value, reason = None, None
        if plain not in nulls and not (options.zero_is_null and plain.strip("0.") == "" and plain != ""):
            try:
                value = rule(plain, options)
            except _Refused as refused:
                reason = str(refused)
        found.append(value)
        reasons.append(reason)
    keys = pl.select(pl.when(left).then(text)).to_series()
    new = keys.replace_strict(distinct, pl.Series(found, dtype=DTYPES[kind]), default=None, return_dtype=DTYPES[kind])
    why = keys.replace_strict(distinct, pl.Series(reasons, dtype=pl.String), default=None, return_dtype=pl.String)
    return pl.select(pl.coalesce(values, new)).to_series().alias(text.name), why.alias(text.name)


# Raised, circled and broken numbers, as notes carry them; and what of a text nobody sees and nothing is moved by.
_NOTES = "²³¹¼-¾⁰⁴-⁹₀-₉⅐-⅟↉①-⒛⓪-⓿❶-➓㈠-㈩㉈-㉏㉑-㉟㊀-㊉㊱-㊿"
_NOTED = re.compile(rf"((?<=[\d.])\s*[{_NOTES}]+|[{_NOTES}]+\s*(?=[\d.]))")
_UNFELT = "[\u00ad\u180e\u200b-\u200f\u202a\u202c\u202d\u2060-\u2066\u2069\ufeff]"


def _plain_form(text: str) -> str:
    """HTML entities resolved (also escaped twice), full-width forms and signs made ASCII, ends stripped.

    A note beside a number stays what it is: 120① would be 1201.
    """
    for _ in range(3):
        if "&" not in text:
            break
        text = html.unescape(text)
    if not text.isascii():
        parts = _NOTED.split(re.sub(_UNFELT, "", text))
        text = "".join(part if nth % 2 else unicodedata.normalize("NFKC", part) for nth, part in enumerate(parts))
    text = text.translate({0x2212: "-", 0x2013: "-", 0x2010: "-"})
    return _stripped(text)


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────

_NUMBER = re.compile(r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d{1,3})?)\s*(.*)", re.DOTALL | re.ASCII)


_DECIMAL_COMMA = r"^\s*[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:\.\d{3})+,\d+)\D*$"
_THREE_DECIMALS = r"^\s*[+-]?\d{1,3}\.\d{3}\s*$"
_WITH_COMMA = re.compile(r"([+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?)(?![\d.,])\s*(.*)", re.DOTALL | re.ASCII)


def _with_point(text: str, options: CastOptions) -> str:
    """The number with a point before its fraction.

    Raises:
        _Refused: the comma may stand before a fraction or between thousands.
    """
    if options.decimal == ",":
        match = _WITH_COMMA.fullmatch(text)
        if not match:
            raise _Refused("not_a_number")
        return match[1].replace(".", "").replace(",", ".") + match[2]
    if options.decimal is None:
        if re.match(_DECIMAL_COMMA, text):
            raise _Refused("decimal_comma")
        if options.comma_is_unclear and re.match(r"[+-]?\d{1,3}[.,]\d{3}(?![\d.,])", text):
            raise _Refused("comma_is_unclear")
    return text


def _decimal(text: str, options: CastOptions) -> Decimal:
    if "," in text or options.decimal == "," or options.comma_is_unclear:
        text = _with_point(text, options)
    if re.match(_ERROR_VALUE, text):
        raise _Refused("error_value")
    match = _NUMBER.fullmatch(text)
    digits, rest = (match[1].replace(",", ""), match[2].strip()) if match else ("", text)
    if not re.search(r"^[+-]?\.?[0-9]", digits):
        raise _Refused("not_a_number")
    if len(digits) > 400:
        raise _Refused("number_too_large")
    value = Decimal(digits)
    if rest == "%":
        if options.percent is None:
            raise _Refused("percent_not_expected")
        return value / 100 if options.percent == "fraction" else value
    return value * _multiplier(rest, options.units)


def _multiplier(rest: str, units: Mapping[str, float]) -> Decimal:
    """Product of the listed units that make up the text after a number: 1.2 万元 with 万 and 元 listed."""
    factor = Decimal(1)
    listed = {_plain_form(unit): Decimal(str(times)) for unit, times in units.items()}
    while rest:
        unit = max((u for u in listed if u and rest.startswith(u)), key=len, default=None)
        if unit is None:
            # 12,34 and 1.2.3 are no numbers with a unit, 12 張 is.
            raise _Refused("not_a_number" if re.match(r"[\d.,+/-]", rest) else "unknown_unit")
        factor *= listed.pop(unit)
        rest = rest[len(unit) :].strip()
    return factor


def _number(text: str, options: CastOptions) -> float:
    value = _decimal(text, options)
    if abs(value) > LARGEST_EXACT:
        raise _Refused("number_too_large")
    return float(value)


def _whole_number(text: str, options: CastOptions) -> int:
    value = _decimal(text, options)
    if value.adjusted() > 18 or not -(2**63) <= value < 2**63:
        raise _Refused("number_too_large")
    if value != value.to_integral_value():
        raise _Refused("not_a_whole_number")
    return int(value)


def _yes_or_no(text: str, _: CastOptions) -> bool:
    word = text.casefold()
    if word in TRUE_SPELLINGS:
        return True
    if word in FALSE_SPELLINGS:
        return False
    raise _Refused("not_yes_or_no")


# ── dates and times ─────────────────────────────────────────────────────────────────────────────

_TIME = re.compile(
    r"(?P<half>上午|下午|am|pm)?\s*(?P<h>\d{1,2})[:时時点點](?:(?P<m>\d{1,2})分?(?:[:]?(?P<s>\d{1,2})(?P<f>\.\d{1,9})?秒?)?)?"
    r"\s*(?P<half2>am|pm)?\s*(?P<offset>z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE | re.ASCII,
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.年])(\d{1,2})([-/.月])(\d{1,2})(日?)(?:t|\s*)(.*)", re.IGNORECASE | re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:\s+(.*))?", re.ASCII)
_SHORT_YEAR = re.compile(r"\d{1,3}([-/.])\d{1,2}\1\d{1,2}", re.ASCII)
_MONTH = re.compile(r"(\d{4})(?:[-/.](\d{1,2})|年(\d{1,2})月份?|(\d{2}))", re.ASCII)
# 20260301T093000, as GB/T 39046 writes a moment.
_BASIC = re.compile(r"(\d{8})[Tt ](\d{2})(\d{2})(?:(\d{2})(\.\d{1,9})?)?([Zz]|[+-]\d{2}:?\d{2})?", re.ASCII)
_MINGUO = re.compile(r"(?:中[华華])?民[国國]\s*(\d{1,3})\s*(.*)", re.ASCII)
_MINGUO_BARE = re.compile(r"(\d{2,3})([-/.年].*)", re.ASCII)
# No service is older, and a year of fewer digits is a slip; periods before it would begin before the calendar does.
FIRST_YEAR = 1000
_CHINESE_DIGITS = str.maketrans("〇○零Ｏ一二三四五六七八九", "0000123456789")
EXCEL_DAY_ZERO = date(1899, 12, 30)


def _date(text: str, options: CastOptions) -> date:
    """A time beside the date is left out, once its offset has told which day it is here."""
    moment, offset = _moment(text, options)
    found = (moment if offset is None else _wall_time(moment, offset, options)).date()
    return found.replace(day=1) if options.precision == "month" else found


def _timestamp(text: str, options: CastOptions) -> datetime:
    """A date without a time is the start of that day; that it was guessed is told with the row (rows.py)."""
    return _wall_time(*_moment(text, options), options)


def _wall_time(moment: datetime, offset: timedelta | None, options: CastOptions) -> datetime:
    if offset is None and options.timezone == place().time_zone:
        return moment
    zone = ZoneInfo(options.timezone) if offset is None else timezone(offset)
    try:
        return moment.replace(tzinfo=zone).astimezone(place().zone).replace(tzinfo=None)
    except OverflowError:
        raise _Refused("impossible_date") from None


def _moment(text: str, options: CastOptions) -> tuple[datetime, timedelta | None]:
    """(wall time, offset from UTC where written)."""
    text = _arabic(re.sub(r"\s*([年月日号號])\s*", r"\1", text))
    text = _western_year(text, options)
    if match := _YEAR_FIRST.fullmatch(text):
        year, first, month, second, day, mark, time = match.groups()
        # 2024年3月5日 or 2024-3-5, never half of each.
        if (first, second) == ("年", "月") or (first == second and first in "-/." and not mark):
            return _at(*_without_weekday(_day(year, month, day), time))
        raise _Refused("not_a_date")
    if re.fullmatch(r"[0-9]{8}|[0-9]{12}|[0-9]{14}", text):
        time = ":".join(text[i : i + 2] for i in range(8, len(text), 2))
        return _at(_day(text[:4], text[4:6], text[6:8]), time)
    if match := _BASIC.fullmatch(text):
        day, hour, minute, second, fraction, offset = match.groups()
        return _at(_day(day[:4], day[4:6], day[6:]), f"{hour}:{minute}:{second or '00'}{fraction or ''}{offset or ''}")
    if match := _MONTH.fullmatch(text):
        if options.precision != "month":
            raise _Refused("day_missing")
        if options.tens_are_lost and match[2] == "1" and text[4] == ".":
            raise _Refused("month_as_number")
        return _at(_day(match[1], match[2] or match[3] or match[4], "1"), "")
    if match := _YEAR_LAST.fullmatch(text):
        if options.order == "ymd":
            raise _Refused("ambiguous_date")
        day, month = (match[1], match[3]) if options.order == "dmy" else (match[3], match[1])
        return _at(_day(match[4], month, day), match[5] or "")
    if options.excel_serial and (match := re.fullmatch(r"([0-9]{5})(\.[0-9]{1,12})?", text)):
        seconds = round(Decimal(match[2] or 0) * 86_400)
        day_zero = EXCEL_DAY_ZERO + timedelta(days=1462 if options.starts_1904 else 0)
        return _at(day_zero + timedelta(days=int(match[1])), "", seconds)
    raise _Refused("ambiguous_date" if _SHORT_YEAR.fullmatch(text) else "not_a_date")


def _without_weekday(day: date, time: str) -> tuple[date, str]:
    """2026年2月1日 星期日, as Excel exports a long date: the weekday says nothing new, or contradicts."""
    match = re.match(r"[(]?(?:星期|[周週]|礼拜)([一二三四五六日天])[)]?\s*", time)
    if match and "一二三四五六日".index(match[1].replace("天", "日")) != day.weekday():
        raise _Refused("impossible_date")
    return day, time[match.end() :] if match else time


def _arabic(text: str) -> str:
    """二〇二四年三月五日, 2024年三月5号 and 2024年元月 → 2024年3月5日 …; other text unchanged."""
    match = re.fullmatch(
        r"([〇○零O一二三四五六七八九]{4}|\d{4})年([一二三四五六七八九十]{1,3}|元|\d{1,2})月"
        r"(?:([一二三四五六七八九十廿卅]{1,3}|\d{1,2})[日号號])?(.*)",
        text,
        re.ASCII | re.DOTALL,
    )
    if not match:
        return text
    year = match[1].replace("O", "〇").translate(_CHINESE_DIGITS)
    day = f"{_numeral(match[3])}日" if match[3] else ""
    return f"{year}年{_numeral(match[2])}月{day}{match[4]}"


def _numeral(text: str) -> int:
    """A number from 1 to 31, in Chinese or in figures; 元 is the first.

    Raises:
        _Refused: it is not one (二二, 十十).
    """
    if text.isdecimal():
        return int(text)
    text = text.replace("廿", "二十").replace("卅", "三十").replace("元", "一")
    match = re.fullmatch(r"([二三]?)(十?)([一二三四五六七八九]?)", text)
    if not match or (match[1] and not match[2] and match[3]):
        raise _Refused("not_a_date")
    tens = int((match[1] or "一").translate(_CHINESE_DIGITS)) if match[2] else 0
    ones = match[3] if match[2] else match[1] + match[3]
    return tens * 10 + int((ones or "0").translate(_CHINESE_DIGITS))


def _western_year(text: str, options: CastOptions) -> str:
    if match := _MINGUO.fullmatch(text):
        return f"{int(match[1]) + 1911}{match[2]}"
    if options.roc:
        if match := _MINGUO_BARE.fullmatch(text):
            return f"{int(match[1]) + 1911}{match[2]}"
        if re.fullmatch(r"[0-9]{7}", text):
            return f"{int(text[:3]) + 1911}{text[3:]}"
    return text


def _day(year: str, month: str, day: str) -> date:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        raise _Refused("impossible_date") from None
    if found.year < FIRST_YEAR:
        raise _Refused("year_too_early")
    return found


def _at(day: date, time: str, seconds: int = 0) -> tuple[datetime, timedelta | None]:
    midnight = datetime(day.year, day.month, day.day)
    if not time.strip():
        return midnight + timedelta(seconds=seconds), None
    match = _TIME.fullmatch(time.strip())
    if not match:
        raise _Refused("not_a_time")
    hour, minute, second = (int(match[part] or 0) for part in "hms")
    half = (match["half"] or match["half2"] or "").lower()
    if (half and not 1 <= hour <= 12) or minute > 59 or second > 59:
        raise _Refused("impossible_time")
    if half:
        hour = hour % 12 + (12 if half in ("下午", "pm") else 0)
    if hour > 24 or (hour == 24 and (minute or second)):
        raise _Refused("impossible_time")
    micro = int(((match["f"] or ".0")[1:] + "000000")[:6])
    try:
        moment = midnight + timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micro)
    except OverflowError:
        raise _Refused("impossible_date") from None
    return moment, _offset(match["offset"])


def _offset(text: str | None) -> timedelta | None:
    if text is None:
        return None
    if text in "zZ":
        return timedelta()
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 14 or minutes > 59:
        raise _Refused("impossible_time")
    return (timedelta(hours=hours, minutes=minutes)) * (-1 if text[0] == "-" else 1)
