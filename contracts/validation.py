"""A validation rule is one file of contracts/validation_rules: what it says, as Python values, and the sentence for a wrong one.

A rule holds two sides against each other, as the validation rules of DHIS2 do, whose operators and missing strategies these are.
Belongs here: the form of a rule, its expressions, and what they read. Does not belong here: what is made of rules for dbt and readers
(validation_files.py), how a rule is judged (dbt_project/models/validation), what becomes of a violation (orchestration/release/violations.py).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.indicators import TABLES, AreaType, Indicator, Measure, Names, Status, load_indicators
from contracts.loading import CONTRACTS, load_feeds, read_as
from contracts.model import ContractError

RULES = CONTRACTS / "validation_rules"
Level = Literal["province", "city", "county", "town", "village"]
LEVELS: tuple[Level, ...] = ("province", "city", "county", "town", "village")
# Of an indicator's row; `value` where only the code is written.
PARTS = ("value", "numerator", "denominator", "target", "coverage")
FEED_FIGURES: Mapping[str, str] = {
    "files": "deliveries that were read or refused",
    "files_refused": "deliveries that could not be read",
    "rows_received": "rows of the deliveries that count",
    "rows_accepted": "rows of theirs that passed the door",
    "rows_rejected": "rows of theirs that did not",
}
# Operator → how it is said.
OPERATORS: Mapping[str, str] = {
    "equal_to": "=",
    "not_equal_to": "≠",
    "greater_than": ">",
    "greater_than_or_equal_to": "≥",
    "less_than": "<",
    "less_than_or_equal_to": "≤",
    "compulsory_pair": "both or neither",
    "exclusive_pair": "not both",
}
# Figures that one side may name: the columns of validation_sides.
FIGURES_MAX = 4
PAIRS = ("compulsory_pair", "exclusive_pair")
OVER: Mapping[str, str] = {"sum": "sum", "average": "avg", "median": "median", "least": "min", "most": "max"}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Term:
    """A figure that a side reads: of an indicator (`figure` its code, `part` a column), a measure of the rule, or a feed."""

    kind: Literal["indicator", "measure", "feed"]
    figure: str
    part: str = ""


class Side(_Part):
    """An expression over figures, `ago` periods before the one that is judged; with `window`, over as many periods that slide with it."""

    value: str | float
    ago: int = Field(0, ge=0, le=120)
    window: int = Field(1, ge=1, le=60)
    over: Literal["sum", "average", "median", "least", "most"] = "average"
    at_least: int | None = Field(None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, said: Any) -> Any:
        """A side that is nothing but an expression or a number may be written so."""
        return said if isinstance(said, Mapping) else {"value": said}

    @model_validator(mode="after")
    def _holds_together(self) -> Side:
        names = list(self.names())
        if not names and (self.ago or self.window > 1):
            raise ValueError(f"{self.value} is the same in every period: ago and window are for figures")
        if self.at_least and self.at_least > self.window:
            raise ValueError(f"at_least: {self.at_least} values cannot come of a window of {self.window}")
        return self

    @property
    def tree(self) -> ast.expr:
        try:
            return ast.parse(str(self.value).strip(), mode="eval").body
        except SyntaxError:
            raise ValueError(f"figures, numbers, + - * / and brackets expected, found {str(self.value)!r}") from None

    def names(self) -> Iterator[str]:
        """The figures that the expression names, each once, as they are written."""
        found: dict[str, None] = {}
        self.written(lambda name: found.setdefault(name) or "")
        yield from found

    def written(self, column: Callable[[str], str]) -> str:
        """The expression as SQL, with `column` for each figure; a quotient over zero is null."""
        return _written(self.tree, column, str(self.value))

    @property
    def text(self) -> str:
        """As one says it."""
        said = f"{self.value:g}" if isinstance(self.value, float) else self.value
        parts = [f"{self.over} of {self.window} periods"] if self.window > 1 else []
        parts += [f"{self.ago} before"] if self.ago else []
        parts += [f"{self.at_least} known are enough"] if self.at_least else []
        return f"{said} ({', '.join(parts)})" if parts else said


def _written(node: ast.expr, column: Callable[[str], str], whole: str) -> str:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as number) if math.isfinite(number):
            return f"cast({number!r} as double)"
        case ast.Name(id=name):
            return column(name)
        case ast.Attribute(value=ast.Name(id=name), attr=part):
            return column(f"{name}.{part}")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"(-{_written(operand, column, whole)})"
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() as op, right=right):
            one, other = _written(left, column, whole), _written(right, column, whole)
            if isinstance(op, ast.Div):
                return f"({one} / nullif({other}, 0.0))"
            sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}[type(op)]
            return f"({one} {sign} {other})"
    raise ValueError(f"figures, numbers, + - * / and brackets expected, found {ast.unparse(node)!r} in {whole!r}")


class ValidationRule(_Part):
    """One rule: where `left operator right` does not hold, a violation is told, once."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)
    name: Names
    advice: Names  # what to look at when it is broken
    importance: Literal["high", "medium", "low"]
    status: Status = "project"
    period: Literal["month", "year"] = "month"
    levels: list[Level] = []
    areas: list[AreaType] = Field(["all"], min_length=1)
    feeds: list[str] | Literal["all"] = []
    measures: dict[str, Measure] = {}
    left: Side
    operator: Literal[
        "equal_to", "not_equal_to", "greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to",
        "compulsory_pair", "exclusive_pair",
    ]  # fmt: skip
    right: Side
    missing: Literal["skip_if_any", "skip_if_all", "never_skip"] | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> ValidationRule:
        if bool(self.levels) == bool(self.feeds):
            raise ValueError(
                "either levels says of which divisions the rule is, or feeds of which deliveries (a list, or all)"
            )
        if self.feeds and (self.areas != ["all"] or self.period != "month" or self.measures):
            raise ValueError("feeds: deliveries are counted by month, with no areas and no measures")
        if unknown := sorted({*self.feeds} - {*load_feeds()}) if isinstance(self.feeds, list) else []:
            raise ValueError(f"feeds: no feed is called {unknown[0]!r}; there are {', '.join(load_feeds())}")
        for key, values in (("levels", self.levels), ("areas", self.areas)):
            if len(set(values)) != len(values):
                raise ValueError(f"{key}: each once, found {values}")
        for name, measure in self.measures.items():
            if not name.isidentifier() or name in load_indicators():
                raise ValueError(f"measures.{name}: a word that is no indicator's code expected")
            if TABLES[measure.table].is_yearly and self.period == "month":
                raise ValueError(f"measures.{name}: {measure.table} is known once a year: period: year expected")
            measure.check_over(self.period)
        if (self.missing is None) != (self.operator in PAIRS):
            raise ValueError(
                "missing: skip_if_any, skip_if_all or never_skip expected"
                if self.missing is None
                else f"missing: {self.operator} is about what is missing; leave it out"
            )
        sides = {"left": self.left, "right": self.right}
        named = [name for side in sides.values() for name in side.names()]
        for where, side in sides.items():
            for name in side.names():
                self._term(where, name)
            if len(list(side.names())) > FIGURES_MAX:
                raise ValueError(f"{where}: at most {FIGURES_MAX} figures a side, found {len(list(side.names()))}")
            if self.operator in PAIRS and not list(side.names()):
                raise ValueError(f"{where}: {self.operator} is about two figures, found the number {side.value}")
        if not named:
            raise ValueError("left: neither side names a figure; the rule would say the same for ever")
        if unused := [name for name in self.measures if name not in named]:
            raise ValueError(f"measures.{unused[0]}: neither side names it")
        return self

    def terms(self, side: Side) -> dict[str, Term]:
        """Name in the expression → what it reads."""
        return {name: self._term("", name) for name in side.names()}

    def _term(self, where: str, name: str) -> Term:
        code, _, part = name.partition(".")
        if self.feeds:
            if name not in FEED_FIGURES:
                raise ValueError(f"{where}: deliveries have no {name!r}; they have {', '.join(FEED_FIGURES)}")
            return Term("feed", name)
        if name in self.measures:
            return Term("measure", name)
        indicator = load_indicators().get(code)
        if indicator is None:
            raise ValueError(
                f"{where}: neither an indicator nor a measure of this rule is called {code!r}; indicators are listed in "
                "docs/indicators/README.md"
            )
        if part and part not in PARTS:
            raise ValueError(f"{where}: an indicator has no {part!r}; it has {', '.join(PARTS)}")
        self._fits(where, indicator)
        return Term("indicator", code, part or "value")

    def _fits(self, where: str, indicator: Indicator) -> None:
        if indicator.missing:
            raise ValueError(
                f"{where}: {indicator.code} is published as missing; it needs the feed {indicator.missing.feed}"
            )
        if indicator.period != self.period:
            raise ValueError(
                f"{where}: {indicator.code} is of a {indicator.period}: period: {indicator.period} expected"
            )
        if deeper := [x for x in self.levels if LEVELS.index(x) > LEVELS.index(indicator.level)]:
            raise ValueError(
                f"{where}: {indicator.code} is published down to the {indicator.level}, levels names {deeper[0]}"
            )
        if other := [x for x in self.areas if x not in indicator.areas]:
            raise ValueError(f"{where}: {indicator.code} is published for {', '.join(indicator.areas)}, not {other[0]}")


def load_rule(path: Path) -> ValidationRule:
    """One rule; a wrong one is a ContractError that names the file, the key and what was expected."""
    parts: dict[str, type[BaseModel]] = {
        "left": Side,
        "right": Side,
        "name": Names,
        "advice": Names,
        "measures": Measure,
    }
    rule = read_as(path, ValidationRule, parts)
    if path.stem != rule.code:
        raise ContractError(path, "code", f"the file is called {path.stem}, the rule says {rule.code!r}")
    if rule.code in load_indicators():
        raise ContractError(path, "code", f"an indicator is called {rule.code}; give the rule a name of its own")
    return rule


def load_rules(folder: Path = RULES) -> dict[str, ValidationRule]:
    """Code → rule, of every file of the folder; read again when a file has changed."""
    return dict(_load(tuple((path, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.yaml")))))


@lru_cache
def _load(files: tuple[tuple[Path, int], ...]) -> dict[str, ValidationRule]:
    return {path.stem: load_rule(path) for path, _ in files}
