"""Check digits and shapes of the identifiers departments send: resident ids, credit codes, cards, phones, e-mail.

Belongs here: the rules of the standards, as expressions over a text column. Does not belong here: what is
done with a wrong or a personal value (rows.py refuses, privacy.py hides), nor full-width forms and blanks
(text is half-width and trimmed before it is checked).

Every `valid_*` takes a String expression and gives a Boolean one of the same length; null stays null.
A check digit is a weighted sum over the characters, so a column is read as one byte matrix (rows × length)
and multiplied at once: 5 million resident ids take about a second on two cores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from contracts.door.characters import CAPITALS, DIGITS, is_made_of

# GB 11643-1999: six digits of place, birth date, three of order, ISO 7064 MOD 11-2 check character.
# The ids of residents from Hong Kong, Macao and Taiwan (81–83) and of foreign permanent residents (9…) follow it too.
_MONTH_DAY = (
    "(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)|02(?:0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP = "(?:0[48]|[2468][048]|[13579][26])"  # the last two digits of a leap year other than a full century
RESIDENT_ID_18 = f"[1-9][0-9]{{5}}(?:(?:19|20)[0-9]{{2}}{_MONTH_DAY}|(?:(?:19|20){_LEAP}|2000)0229)[0-9]{{3}}[0-9Xx]"
RESIDENT_ID_15 = f"[1-9][0-9]{{5}}(?:[0-9]{{2}}{_MONTH_DAY}|{_LEAP}0229)[0-9]{{3}}"
RESIDENT_ID_WEIGHTS: tuple[int, ...] = tuple(pow(2, 17 - i, 11) for i in range(18))
RESIDENT_ID_ALPHABET = "0123456789X"

# GB 32100-2015: registering authority, kind, six digits of place, nine characters of organisation code, MOD 31 check.
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I O S V Z: they look like digits
USCC = f"[{USCC_ALPHABET}]{{2}}[0-9]{{6}}[{USCC_ALPHABET}]{{10}}"
USCC_WEIGHTS: tuple[int, ...] = (*(pow(3, i, 31) for i in range(17)), 1)

CARD_LENGTHS = (13, 19)
MOBILE = "1[3-9][0-9]{9}"
# A landline with its area code, a 400/800 line, or a public short number (12345, 95588, 96110).
LANDLINE = "0[1-9][0-9]{7,10}|[48]00[0-9]{7}|1[12][0-9]{1,4}|9[56][0-9]{3,4}|[2-9][0-9]{6,7}"
EMAIL = r"[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9\-]{0,62}\.)+[A-Za-z]{2,24}"

_PHONE_SEPARATORS = r"[\s()\-./]"
_COUNTRY = r"^(?:\+|00)86"
_PHONE_EXTENSION = r"(?i)(?:转|轉|分机|分機|ext\.?|#|x)\s*[0-9]{1,6}$"


def valid_resident_id(value: pl.Expr) -> pl.Expr:
    """GB 11643: 18 characters whose birth date exists and whose check character is right.

    The 15-digit form that ended in 2013 carries no check character; only its birth date is checked.
    """
    checked = _weighted_sum(value, RESIDENT_ID_ALPHABET, RESIDENT_ID_WEIGHTS) % 11 == 1
    return value.str.contains(f"^(?:{RESIDENT_ID_18}|{RESIDENT_ID_15})$") & (checked | (value.str.len_bytes() == 15))


def valid_uscc(value: pl.Expr) -> pl.Expr:
    """GB 32100: a unified social credit code of 18 characters (capitals) with its MOD 31 check character."""
    checked = _weighted_sum(value, USCC_ALPHABET, USCC_WEIGHTS) % 31 == 0
    return value.str.contains(f"^{USCC}$") & checked


def valid_luhn(value: pl.Expr) -> pl.Expr:
    """ISO/IEC 7812: a card number of 13 to 19 digits whose Luhn sum is a multiple of ten."""
    low, high = CARD_LENGTHS
    weights = [1 + i % 2 for i in range(high - 1, -1, -1)]
    product = _digits(value.str.zfill(high), high) * pl.lit(_row(weights))
    tens = pl.lit(_row([10] * high))
    checked = (product // tens + product % tens).arr.sum() % 10 == 0
    return value.str.contains(f"^[0-9]{{{low},{high}}}$") & checked


def valid_phone(value: pl.Expr) -> pl.Expr:
    """A mainland mobile number, or a landline or public line, with or without +86, separators and extension.

    Area codes are not looked up, so a Taiwanese landline or mobile number (0 and 8 or 9 digits) passes as well.
    """

    def one_by_one(values: pl.Series) -> pl.Series:
        # Nearly all are bare mobile numbers; only the others are stripped of what may stand around a number.
        holds = values.str.contains(f"^{MOBILE}$")
        left = values.filter(~holds)
        bare = left.str.replace(_PHONE_EXTENSION, "").str.replace_all(_PHONE_SEPARATORS, "").str.replace(_COUNTRY, "")
        return holds.scatter((~holds).arg_true(), bare.str.contains(f"^(?:{MOBILE}|{LANDLINE})$"))

    return value.map_batches(one_by_one, return_dtype=pl.Boolean, is_elementwise=True)


def valid_email(value: pl.Expr) -> pl.Expr:
    """local@domain.tld in ASCII; whether anyone reads it is not known here."""
    return value.str.contains(f"^{EMAIL}$")


SEMANTIC_CHECKS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "resident_id": valid_resident_id,
    "uscc": valid_uscc,
    "phone": valid_phone,
    "email": valid_email,
    "bank_card": valid_luhn,
}


def is_resident_id(text: str) -> bool:
    """`valid_resident_id` for one text of 18 characters."""
    if re.fullmatch(RESIDENT_ID_18, text) is None:
        return False
    indices = map(RESIDENT_ID_ALPHABET.index, text.upper())
    return sum(i * w for i, w in zip(indices, RESIDENT_ID_WEIGHTS, strict=True)) % 11 == 1


def is_luhn(text: str) -> bool:
    """`valid_luhn` for one text."""
    low, high = CARD_LENGTHS
    if re.fullmatch(f"[0-9]{{{low},{high}}}", text) is None:
        return False
    products = (int(digit) * (1 + i % 2) for i, digit in enumerate(reversed(text)))
    return sum(p // 10 + p % 10 for p in products) % 10 == 0


def canonical(values: pl.Series, semantic: str | None) -> pl.Series:
    """The one spelling under which equal identifiers are equal: what is hashed and compared.

    Half-width, without blanks, in capitals; a phone number without +86 and separators; a 15-digit
    resident id as the 18-character id the same person was given later, also where the contract does not say
    which kind of identifier a column holds.
    """
    # Most columns are spelt so already, which one look tells.
    if not (_are_plain_phones(values) if semantic == "phone" else is_made_of(values, DIGITS + CAPITALS)):
        values = values.str.normalize("NFKC").str.replace_all(r"\s", "").str.to_uppercase()
        if semantic == "phone":
            values = values.str.replace_all(_PHONE_SEPARATORS, "").str.replace(_COUNTRY, "")
    if semantic == "phone":
        return values
    if not (values.str.len_bytes() == 15).any():
        return values
    old = values.str.contains(f"^{RESIDENT_ID_15}$")
    if old.any():
        return pl.select(pl.when(old).then(_lengthened(pl.lit(values))).otherwise(values)).to_series()
    return values


def _are_plain_phones(values: pl.Series) -> bool:
    """Whether each is digits of which no country's 00 or lone 0 stands first."""
    return is_made_of(values, DIGITS) and not (values.is_in(["", "0"]) | values.str.starts_with("00")).any()


def _lengthened(value: pl.Expr) -> pl.Expr:
    """A 15-digit resident id with its century and check character (GB 11643-1999, annex)."""
    seventeen = value.str.slice(0, 6) + "19" + value.str.slice(6)
    remainder = _weighted_sum(seventeen, RESIDENT_ID_ALPHABET, RESIDENT_ID_WEIGHTS[:17]) % 11
    check = (12 - remainder.cast(pl.Int32)) % 11
    return seventeen + check.cast(pl.String).str.replace("^10$", "X")


def _weighted_sum(value: pl.Expr, alphabet: str, weights: Sequence[int]) -> pl.Expr:
    """Sum of (index in `alphabet`) × weight over the characters; null where the length is another."""
    # Letters become the ASCII characters after "9", so that byte − 48 is the index.
    letters = {c: chr(48 + i) for i, c in enumerate(alphabet) if not c.isdigit()}
    letters |= {c.lower(): stand_in for c, stand_in in letters.items()}
    digits = _digits(value.str.replace_many(letters), len(weights))
    return (digits * pl.lit(_row(weights))).arr.sum()


def _digits(value: pl.Expr, length: int) -> pl.Expr:
    """Text of `length` ASCII characters as Array(UInt16, length) of byte − 48; null where it is longer or shorter."""
    matrix = value.cast(pl.Binary).bin.reinterpret(dtype=pl.Array(pl.UInt8, length))
    return matrix.cast(pl.Array(pl.UInt16, length)) - pl.lit(_row([48] * length))


def _row(numbers: Sequence[int]) -> pl.Series:
    return pl.Series([list(numbers)], dtype=pl.Array(pl.UInt16, len(numbers)))
