"""The shape a text has to have, in words: nobody who fills in a form reads a regular expression.

Belongs here: the few shapes contracts use. Does not belong here: whether a text has it (rows.py).
"""

from __future__ import annotations

import re
from typing import Literal

_GROUP = re.compile(r"\[([^\]]+)\](?:\{(\d+)(?:,(\d+))?\})?")
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def in_words(pattern: str, lang: Literal["zh", "en"]) -> str:
    """`^[0-9]{6}$` → “6 位：数字” · "6 digits"; empty where the pattern is of another kind than one group of characters."""
    whole = _GROUP.fullmatch(pattern.removeprefix("^").removesuffix("$"))
    if whole is None:
        return ""
    low, high = int(whole[2] or 1), int(whole[3] or whole[2] or 1)
    characters, length = _characters(whole[1], lang), f"{low}" if low == high else f"{low}–{high}"
    return (
        f"{length} 位：{characters}" if lang == "zh" else f"{length} character{'s' if high > 1 else ''}: {characters}"
    )


def _characters(group: str, lang: Literal["zh", "en"]) -> str:
    """What a group of characters allows; letters that are left out of the alphabet are named."""
    spans, rest = re.findall(r"(\w)-(\w)", group), re.sub(r"\w-\w", "", group)
    allowed = {chr(c) for a, b in spans for c in range(ord(a), ord(b) + 1)} | set(rest)
    digits = sorted(c for c in allowed if c.isdigit())
    capitals, small = [c for c in _CAPITALS if c in allowed], [c for c in _CAPITALS.lower() if c in allowed]
    missing = [c for c in _CAPITALS if c not in capitals] if len(capitals) > len(_CAPITALS) // 2 else []
    signs = sorted(c for c in allowed if not c.isalnum())
    words = {
        "zh": ("数字", "字母", "大写字母", "小写字母", "、", "不含"),
        "en": ("digits", "letters", "capital letters", "small letters", ", ", "without"),
    }[lang]
    said = []
    if digits:
        said.append(words[0] if len(digits) == 10 else f"{digits[0]}–{digits[-1]}")
    if capitals and small:
        said.append(words[1])
    elif capitals:
        said.append(words[2] if len(capitals) > len(_CAPITALS) // 2 else "".join(capitals))
    elif small:
        said.append(words[3])
    if missing:
        left = " ".join(missing)
        said[-1] += f"（{words[5]} {left}）" if lang == "zh" else f" ({words[5]} {left})"
    return words[4].join([*said, *([" ".join(signs)] if signs else [])])
