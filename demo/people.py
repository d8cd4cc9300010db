"""Fictional people: names, identity numbers, telephone lines, bank cards, credit codes.

Every number passes its check digit, as a planted privacy leak must, and none can belong to anyone: places begin with
99, lines with 199 0000, cards with 999999.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

SURNAMES = [*"示范虚拟赵钱孙李周吴郑王冯陈林何", "欧阳"]
GIVEN = [*"安宁和平春晓明远清源家乐思齐文博子涵雨桐"]
RESIDENT_ALPHABET = np.array(list("10X98765432"))
RESIDENT_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)])
ORGANISATION_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ORGANISATION_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])


def names(rng: np.random.Generator, n: int) -> list[str]:
    """`n` personal names of two to four characters."""
    parts = zip(rng.choice(SURNAMES, n), rng.choice(GIVEN, n), rng.choice(["", *GIVEN], n), strict=True)
    return ["".join(part) for part in parts]


def birthdays(rng: np.random.Generator, n: int, oldest: int = 1935, youngest: int = 2007) -> pl.Series:
    """Dates of birth between 1 January of `oldest` and 31 December of `youngest`."""
    low, high = np.datetime64(f"{oldest}-01-01"), np.datetime64(f"{youngest + 1}-01-01")
    return pl.Series("born_on", low + rng.integers(0, (high - low).astype(int), n).astype("timedelta64[D]"))


def resident_ids(rng: np.random.Generator, places: Sequence[str], born_on: pl.Series) -> list[str]:
    """18-character resident numbers (GB 11643) of people registered at 6-digit `places`."""
    n = born_on.len()
    order = rng.integers(0, 1000, n)
    bodies = [
        f"{place}{day:%Y%m%d}{o:03d}" for place, day, o in zip(rng.choice(places, n), born_on, order, strict=True)
    ]
    digits = np.array([[int(c) for c in body] for body in bodies], dtype=np.int64).reshape(n, 17)
    checks = RESIDENT_ALPHABET[digits @ RESIDENT_WEIGHTS % 11]
    return [body + check for body, check in zip(bodies, checks, strict=True)]


def mobiles(rng: np.random.Generator, n: int) -> list[str]:
    return [f"1990000{x:04d}" for x in rng.integers(0, 10_000, n)]


def landlines(rng: np.random.Generator, n: int) -> list[str]:
    """Public lines under the area code 0000, which does not exist."""
    return [f"0000-{x:08d}" for x in rng.integers(20_000_000, 29_999_999, n)]


def bank_cards(rng: np.random.Generator, n: int) -> list[str]:
    """19-digit card numbers with a Luhn digit."""
    return [_with_luhn(f"999999{x:012d}") for x in rng.integers(0, 10**12, n)]


def credit_codes(rng: np.random.Generator, places: Sequence[str]) -> list[str]:
    """Unified social credit codes (GB 32100) of public institutions at 6-digit `places`."""
    return [_credit_code(place, int(x)) for place, x in zip(places, rng.integers(0, 10**8, len(places)), strict=True)]


def _with_luhn(body: str) -> str:
    doubled = [int(c) * (2 - i % 2) for i, c in enumerate(reversed(body))]
    return body + str(-sum(d - 9 * (d > 9) for d in doubled) % 10)


def _credit_code(place: str, serial: int) -> str:
    organisation = f"{serial:08d}"
    check = 11 - sum(int(c) * w for c, w in zip(organisation, ORGANISATION_WEIGHTS, strict=True)) % 11
    body = f"12{place}{organisation}{'X' if check == 10 else check % 11}"
    total = sum(CREDIT_ALPHABET.index(c) * int(w) for c, w in zip(body, CREDIT_WEIGHTS, strict=True))
    return body + CREDIT_ALPHABET[-total % 31]
