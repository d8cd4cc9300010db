"""What a feed is to the tables made from it: a register of facilities, volumes of their services, or neither.

Belongs here: the `register` and `volume` properties of a feed contract, and what may be missing from a register. Python (linkage) and dbt
(the generated macro `contract_feeds`) read both from here, so that another feed of facilities needs no edit elsewhere.
Does not belong here: what a facility is (dim_facility), the other keys of a contract (loading.py).

    register: {id: health, code: institution_code, type: category_code, …}   or `none`, where rows have a point and are no facilities
    register: {…, codes_of: sender}                                          where each sender numbers its facilities itself
    volume: {facility: institution_code, day: served_on, measures: [visits]}   or `none`, where rows name a facility and count nothing
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.model import ContractError

Role = TypeVar("Role", bound=BaseModel)

# What fct_service_volume has a column for.
Measure = Literal["visits", "participants", "sessions", "open_hours", "residents"]
# By these a facility is placed; a register spells them like every other, and the type is what stands where it does not have one. What
# else is passed on of a facility, dim_facility_history says: its columns whose source are the registers.
PLACED_BY: Mapping[str, str] = {
    "division_code": "string",
    "division_name": "string",
    "address": "string",
    "longitude": "double",
    "latitude": "double",
    "phone": "string",
}
# Without these nobody knows where a facility is, or whether it is open.
NEEDED = ("division_code", "division_name", "status")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Register(_Part):
    """A feed whose rows are facilities; each attribute names the field that says it."""

    id: str = Field(pattern=r"^[a-z][a-z_]*$")  # the first half of a facility_id
    code: str
    # Whose the codes are: issued once for everybody, or each sender's own, so that two senders' 001 are two facilities.
    codes_of: Literal["everybody", "sender"] = "everybody"
    name: str = "name"
    # A field whose code list has a column `facility_type`, or a column that the staging model makes, with `types`.
    type: str
    types: dict[str, str] = {}
    area_m2: str | None = None
    capacity: str | None = None
    capacity_unit: str | None = None

    @model_validator(mode="after")
    def _has_a_unit(self) -> Register:
        if (self.capacity is None) != (self.capacity_unit is None):
            raise ValueError("capacity and capacity_unit come together")
        return self


class Volume(_Part):
    """A feed whose rows count what a facility did on a day or in a month."""

    facility: str
    day: str | None = None
    month: str | None = None
    service_item: str | None = None
    measures: list[Measure] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_one_period(self) -> Volume:
        if (self.day is None) == (self.month is None):
            raise ValueError("either day or month says when it was")
        return self


def register_of(path: Path, custom: Mapping[str, Any], names: set[str]) -> Register | None:
    """The `register` property; a snapshot of things with a point says whether they are facilities."""
    if "register" not in custom and {"longitude", "latitude"} <= names and custom.get("delivery") == "snapshot":
        problem = "rows have a point: say which fields describe a facility, or none (see contracts/roles.py)"
        raise ContractError(path, "customProperties.register", problem)
    register = _role(path, "register", custom, Register)
    if register is None:
        return None
    named = [register.code, register.name, register.area_m2, register.capacity, *NEEDED]
    named += [] if register.types else [register.type]
    _all_known(path, "register", named, names)
    return register


def volume_of(path: Path, custom: Mapping[str, Any], names: set[str]) -> Volume | None:
    """The `volume` property."""
    volume = _role(path, "volume", custom, Volume)
    if volume is not None:
        named = [volume.facility, volume.day, volume.month, volume.service_item, *volume.measures]
        _all_known(path, "volume", named, names)
    return volume


def _role(path: Path, name: str, custom: Mapping[str, Any], kind: type[Role]) -> Role | None:
    if custom.get(name, "none") == "none":
        return None
    try:
        return kind.model_validate(custom[name])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["customProperties", name, *map(str, first["loc"])])
        raise ContractError(path, where, first["msg"]) from error


def _all_known(path: Path, role: str, named: list[str | None], names: set[str]) -> None:
    for name in named:
        if name is not None and name not in names:
            raise ContractError(path, f"customProperties.{role}", f"no field is called {name!r}")
