"""The place a bureau works for: time zone, calendar, what codes look like, levels and addresses, as policies/place.yaml says.

Belongs here: what that file may say. Does not belong here: what follows from it, which is where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

PLACE = Path(__file__).resolve().parent.parent / "policies" / "place.yaml"
LEVELS = ("country", "province", "city", "county", "town", "village")


def _bilingual(text: str) -> str:
    if not re.fullmatch(r"\S.* · .*\S", text):
        raise ValueError(f"'中文 · English' expected, found {text!r}; in two other languages the same way")
    return text


def _pattern(text: str) -> str:
    import polars as pl  # whose expressions it will be

    try:
        pl.Series([""]).str.contains(text)
    except pl.exceptions.PolarsError:
        raise ValueError(f"{text!r} is no regular expression") from None
    if "'" in text:
        raise ValueError(f"{text!r}: no quotes, for it stands in SQL between some")
    return text


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"a time zone of the IANA list expected (Europe/Prague), found {name!r}")
    return name


Pattern = Annotated[str, AfterValidator(_pattern)]
Names = Annotated[str, AfterValidator(_bilingual)]
Checked = Literal["resident_id", "uscc", "bank_card", "phone"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Calendar(_Part):
    """Working days: of the week, and the list of policies/ with the days that differ."""

    workdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(min_length=1)
    exceptions: Annotated[str, Field(pattern="^[a-z_]+$")]


class Codes(_Part):
    """What codes look like and tell."""

    patterns: Mapping[str, Pattern]
    checked: list[Checked]
    division_digits: list[int]
    fictional: Annotated[str, Field(pattern="^[0-9A-Za-z]*$")]

    @model_validator(mode="after")
    def _from_the_top(self) -> Codes:
        digits = self.division_digits
        if digits and (len(digits) != len(LEVELS) - 1 or sorted(set(digits)) != digits or digits[0] < 1):
            raise ValueError(
                f"division_digits: five growing numbers from {LEVELS[1]} to {LEVELS[-1]}, or none, found {digits}"
            )
        return self


class Level(_Part):
    """What units of a level are called, and the words for their kind in names."""

    name: Names
    kind_words: Pattern


class TelephoneDigits(_Part):
    """Fewer than `least` tell nobody apart; the last `compared` are held against each other."""

    least: int = Field(ge=1)
    compared: int = Field(ge=1)


class Addresses(_Part):
    """How addresses are written."""

    house: Pattern  # empty: as in Latin letters
    unwritten: list[Annotated[str, Field(pattern="^[^']+$")]]
    same_words: Mapping[str, str]
    telephone_digits: TelephoneDigits

    @field_validator("house")
    @classmethod
    def _has_brackets(cls, house: str) -> str:
        if house and "(" not in house.replace("(?:", ""):
            raise ValueError(f"street and number in brackets expected, found {house!r}")
        return house


class Place(_Part):
    """One place, as its file says."""

    name: Names
    time_zone: Annotated[str, AfterValidator(_zone)]
    calendar: Calendar
    codes: Codes
    levels: Mapping[str, Level]
    addresses: Addresses

    @model_validator(mode="after")
    def _every_level(self) -> Place:
        if tuple(self.levels) != LEVELS:
            raise ValueError(f"levels: {', '.join(LEVELS)} in this order, found {', '.join(self.levels)}")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class PlaceError(ValueError):
    """policies/place.yaml says something the platform does not understand."""


def load_place(path: Path) -> Place:
    """The place a file describes.

    Raises:
        PlaceError: it is not readable, or says something else than a place.
    """
    try:
        return Place.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PlaceError(f"{path.name}: not readable as YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise PlaceError(f"{path.name}: {'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}") from error


@cache
def place() -> Place:
    """The place, as policies/place.yaml says it."""
    return load_place(PLACE)
