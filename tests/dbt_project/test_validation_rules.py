"""Random rules judged over random figures, and judged a second time by code that shares nothing with the models.

Belongs here: whether a rule is judged as docs/validation.md says. Does not belong here: how a rule is written down
(tests/contracts/test_validation.py), what becomes of a violation (tests/orchestration/release/test_violations.py).
"""

from __future__ import annotations

import math
import random
import re
import statistics
from collections.abc import Iterator
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from building import RUN_DATE, copy_project, dbt

from contracts.indicators import load_indicators, named_measures
from contracts.loading import seed
from contracts.validation import FEED_FIGURES, PARTS, ValidationRule
from contracts.validation_files import validation_files
from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

MONTHLY = ("physicians_per_1000", "nurses_per_1000", "health_beds_per_1000")
YEARLY = ("household_size", "aged_60_share")
MEASURE = {"table": "institution_months", "sum": "beds", "where": {"is_open": True}}
FEEDS = ("health.institutions", "sports.venues", "culture.venues")
DIGITS = {"province": 2, "city": 4, "county": 6, "town": 9}
FIRST = 2024 * 12 + 10
MONTHS = range(FIRST, 2026 * 12 + 3)
MODELS = ("validation_figures", "validation_sides", "validation_cases", "validation_judgements", "validation_result")


def divisions() -> dict[str, str]:
    """Code → level: two cities, of two counties with two towns; the second city has no physicians, and its first town is gone in 2026."""
    found = {"99": "province"}
    for city in ("9901", "9902"):
        found[city] = "city"
        for county in ("01", "02"):
            found[city + county] = "county"
            found |= {f"{city}{county}{town}": "town" for town in ("001", "002")}
    return {code.ljust(12, "0"): level for code, level in found.items()}


GONE = "990201001000"


class Figures:
    """What is known: (figure, part, unit, area, month number) → value; what is missing is not there."""

    def __init__(self, seed_: int) -> None:
        self.random = random.Random(seed_)
        self.known: dict[tuple[str, str, str, str, int], float] = {}
        for unit, level in divisions().items():
            for month in MONTHS:
                for code in MONTHLY:
                    if not (code == "physicians_per_1000" and unit.startswith("9902")):
                        self._some(code, PARTS, unit, month)
                self._some("beds", ("",), unit, month)
                if month % 12 == 0:
                    for code in YEARLY:
                        self._some(code, PARTS, unit, month)
            assert level
        for feed in FEEDS:
            for month in MONTHS:
                if self.random.random() < 0.8:
                    received = self.random.randint(0, 90)
                    accepted = self.random.randint(0, received)
                    refused = self.random.randint(0, 2)
                    row = {"files": 1 + refused, "files_refused": refused, "rows_received": received, "rows_accepted": accepted,
                           "rows_rejected": received - accepted}  # fmt: skip
                    self.known |= {(name, "", feed, "all", month): float(n) for name, n in row.items()}

    def _some(self, figure: str, parts: tuple[str, ...], unit: str, month: int) -> None:
        """Two figures in three are known, of all the parts of a row; small whole numbers, so that they are often equal."""
        if self.random.random() < 0.66 and not (unit == GONE and month >= 2026 * 12):
            self.known |= {
                (figure, part, unit, "all", month): float(self.random.randint(0, 6))
                for part in parts
                if self.random.random() < 0.9
            }


def day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def random_rule(r: random.Random, n: int) -> ValidationRule:
    about = r.choice(("feeds", "month", "month", "year"))
    names = {"feeds": [*FEED_FIGURES], "month": [f"{c}.{p}" for c in MONTHLY for p in PARTS] + [*MONTHLY, "beds"],
             "year": [f"{c}.{p}" for c in YEARLY for p in PARTS]}[about]  # fmt: skip

    def expression(depth: int) -> str:
        if depth == 0 or r.random() < 0.4:
            return r.choice(names) if r.random() < 0.75 else r.choice(("0.5", "2", "3"))
        return f"({expression(depth - 1)} {r.choice('+-*/')} {expression(depth - 1)})"

    def side(needs_figure: bool) -> dict[str, Any]:
        text = r.choice(names) if needs_figure else expression(2)
        said: dict[str, Any] = {"value": text}
        if any(name in text for name in names) and r.random() < 0.5:
            window = r.randint(1, 4)
            said |= {
                "ago": r.randint(0, 3),
                "window": window,
                "over": r.choice(("sum", "average", "median", "least", "most")),
            }
            if r.random() < 0.5:
                said["at_least"] = r.randint(1, window)
        return said  # fmt: skip

    operator = r.choice(("equal_to", "not_equal_to", "greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to",
                         "compulsory_pair", "exclusive_pair"))  # fmt: skip
    pair = operator.endswith("pair")
    sides = {"left": side(pair or r.random() < 0.6), "right": side(pair)}
    if not any(name in str(s["value"]) for s in sides.values() for name in names):
        sides["left"] = {"value": r.choice(names)}
    uses_beds = any(re.search(r"\bbeds\b", str(s["value"])) for s in sides.values())
    said = {
        "code": f"rule_{n}", "name": {"zh": "规", "en": "rule"}, "advice": {"zh": "查", "en": "look"}, "importance": r.choice(("high", "low")),
        "operator": operator, **sides,
        **({} if pair else {"missing": r.choice(("skip_if_any", "skip_if_all", "never_skip"))}),
        **({"feeds": r.choice(("all", [*FEEDS[:2]]))} if about == "feeds" else
           {"levels": r.sample([*DIGITS], r.randint(1, 3)), "period": about, **({"measures": {"beds": MEASURE}} if uses_beds else {})}),
    }  # fmt: skip
    return ValidationRule.model_validate(said)


@pytest.fixture(scope="module")
def figures() -> Figures:
    return Figures(17)


@pytest.fixture(scope="module")
def rules() -> dict[str, ValidationRule]:
    r = random.Random(2026)
    return {f"rule_{n}": random_rule(r, n) for n in range(90)}


@pytest.fixture(scope="module")
def con(
    figures: Figures, rules: dict[str, ValidationRule], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    root = tmp_path_factory.mktemp("validation")
    project = copy_project(root)
    files = validation_files(rules)
    for path, text in files.items():
        if path.parts[0] != "docs":
            (root / path).write_text(text, encoding="utf-8")
    (root / "data" / "derived").mkdir(parents=True)
    data = DataDirectory(root / "data")
    data.warehouse.parent.mkdir(parents=True)
    _, names = named_measures([*load_indicators().values(), *rules.values()])
    (beds,) = {names[code, "beds"] for code, rule in rules.items() if rule.measures}
    with duckdb.connect(str(data.warehouse)) as made:
        write_figures(made, figures, beds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("building.DBT_PROJECT", project)
        seeds = ("validation_rules", "validation_terms", "validation_waivers")
        run = dbt(data, "build", "--select", *MODELS, *seeds, "--exclude-resource-type", "unit_test")
    assert [(r.node.name, r.message) for r in run.results if r.status not in ("success", "pass")] == [], run.said[
        -3000:
    ]
    with duckdb.connect(str(data.warehouse), read_only=True) as connection:
        yield connection


def write_figures(con: duckdb.DuckDBPyConnection, figures: Figures, beds: str) -> None:
    """The tables that the models of validation read."""
    places = divisions()
    con.execute("create schema indicators; create schema divisions; create schema feeds; create schema seeds")
    con.execute(
        "create table divisions.dim_division_history (division_code varchar, level varchar, is_virtual boolean, valid_from_year bigint, "
        "valid_to_year bigint, province_code varchar, city_code varchar, county_code varchar, town_code varchar, village_code varchar)"
    )
    for unit, level in places.items():
        above = [unit[:n].ljust(12, "0") if n <= DIGITS[level] else None for n in DIGITS.values()]
        con.execute(
            "insert into divisions.dim_division_history values (?, ?, false, 2000, ?, ?, ?, ?, ?, null)",
            [unit, level, 2025 if unit == GONE else None, *above],
        )
    con.execute(
        "create table divisions.dim_division as select division_code, level, division_code as full_name from divisions.dim_division_history"
    )
    con.execute("create table seeds.feeds (code varchar, name_zh varchar)")
    con.executemany("insert into seeds.feeds values (?, ?)", [[feed, feed] for feed in FEEDS])
    rows: dict[tuple[str, str, int], dict[str, float]] = {}
    sums = []
    for (figure, part, unit, _, month), value in figures.known.items():
        if figure == "beds":
            sums.append([beds, day(month), unit, "all", value, 1])
        elif part:
            rows.setdefault((figure, unit, month), {})[part] = value
    con.execute(
        "create table indicators.indicator_value (indicator_code varchar, division_code varchar, division_level varchar, is_remainder boolean, "
        f"period date, area_type varchar, {', '.join(f'{p} double' for p in PARTS)})"
    )
    con.executemany(
        "insert into indicators.indicator_value values (?, ?, ?, false, ?, 'all', ?, ?, ?, ?, ?)",
        [
            [code, unit, places[unit], day(month), *(row.get(p) for p in PARTS)]
            for (code, unit, month), row in rows.items()
        ],
    )
    # What is no figure of a division, and what another time's divisions would have.
    con.execute(
        "insert into indicators.indicator_value select indicator_code, 'rest:' || division_code, division_level, true, period, area_type, 9, 9, 9, 9, 9 from indicators.indicator_value"
    )
    con.execute(
        "create table indicators.indicator_sums "
        "(measure varchar, period date, division_code varchar, area_type varchar, value double, units bigint, restated_value double)"
    )
    con.executemany("insert into indicators.indicator_sums values (?, ?, ?, ?, ?, ?, 7)", sums)
    # What was nowhere and is only restated: a division of another vintage has no units.
    con.execute(
        "insert into indicators.indicator_sums "
        "select measure, period + interval 20 year, division_code, area_type, value, null, 7 from indicators.indicator_sums"
    )
    con.execute(
        "create table feeds.feed_health (feed varchar, received_at timestamp, verdict varchar, is_latest boolean, superseded_by varchar, "
        "rows_received bigint, rows_accepted bigint, rows_quarantined bigint)"
    )
    for feed in FEEDS:
        for month in MONTHS:
            row = {name: figures.known.get((name, "", feed, "all", month)) for name in FEED_FIGURES}
            if row["files"] is None:
                continue
            at = datetime.combine(day(month), datetime.min.time()).replace(day=9, hour=2)
            counted = [int(row[n] or 0) for n in ("rows_received", "rows_accepted", "rows_rejected")]
            sent = [["accepted", True, None, *counted], ["accepted", False, None, 7, 7, 0], ["superseded", True, "x", 5, 5, 0],
                    ["missing", True, None, None, None, None], ["duplicate", True, None, None, None, None],
                    *[["refused", True, None, 0, 0, 0]] * int(row["files_refused"] or 0)]  # fmt: skip
            con.executemany(
                "insert into feeds.feed_health values (?, ?, ?, ?, ?, ?, ?, ?)", [[feed, at, *s] for s in sent]
            )


# ── counted by hand ─────────────────────────────────────────────────────────────────────────────


def looked_up(figures: Figures, rule: ValidationRule, name: str, unit: str, month: int) -> float | None:
    code, _, part = name.partition(".")
    if rule.feeds or name == "beds":
        return figures.known.get((name, "", unit, "all", month))
    return figures.known.get((code, part or "value", unit, "all", month))


def of_side(figures: Figures, rule: ValidationRule, side: Any, unit: str, month: int) -> dict[str, float | None]:
    """Every figure of a side as the period has it; None: missing."""
    step = 12 if rule.period == "year" else 1
    found: dict[str, float | None] = {}
    for name in set(re.findall(r"[a-z][a-z0-9_]*(?:\.[a-z]+)?", str(side.value))):
        values = [looked_up(figures, rule, name, unit, month - step * (side.ago + back)) for back in range(side.window)]
        known = [v for v in values if v is not None]
        how = {"sum": sum, "average": statistics.fmean, "median": statistics.median, "least": min, "most": max}[
            side.over
        ]
        found[name] = how(known) if len(known) >= (side.at_least or side.window) else None
    return found


def valued(side: Any, found: dict[str, float | None]) -> float | None:
    """Python's own arithmetic; None where something is missing or divided by zero."""
    if None in found.values():
        return None
    scope: dict[str, Any] = {}
    for name, value in found.items():
        code, _, part = name.partition(".")
        scope.setdefault(code, {})[part or ""] = value
    plain = {code: parts[""] for code, parts in scope.items() if "" in parts}
    dotted = {code: SimpleNamespace(**{p: v for p, v in parts.items() if p}) for code, parts in scope.items()}
    text = re.sub(r"\b([a-z][a-z0-9_]*)\.", r"dotted_\1.", str(side.value))
    try:
        return float(eval(text, {"__builtins__": {}}, plain | {f"dotted_{c}": o for c, o in dotted.items()}))
    except ZeroDivisionError:
        return None


def by_hand(figures: Figures, rule: ValidationRule) -> dict[tuple[str, date], tuple[float | None, float | None, bool]]:
    """(unit, period) that is judged → both sides, and whether the rule holds."""
    step = 12 if rule.period == "year" else 1
    levels = divisions()
    units = (
        [u for u, level in levels.items() if level in rule.levels]
        if not rule.feeds
        else list(FEEDS if rule.feeds == "all" else rule.feeds)
    )
    names = {n for s in (rule.left, rule.right) for n in re.findall(r"[a-z][a-z0-9_]*(?:\.[a-z]+)?", str(s.value))}
    over = [m for m in MONTHS if (step == 1 or m % 12 == 0) and m + step <= RUN_DATE.year * 12 + RUN_DATE.month - 1]
    judged: dict[tuple[str, date], tuple[float | None, float | None, bool]] = {}
    sides = {(u, m): [of_side(figures, rule, s, u, m) for s in (rule.left, rule.right)] for u in units for m in over}
    any_known = {key: any(v is not None for found in pair for v in found.values()) for key, pair in sides.items()}
    ever = {u for u in units if any(any_known[u, m] for m in over)}
    for month in over:
        if not any(looked_up(figures, rule, n, u, month) is not None for u in units for n in names):
            continue
        for unit in units:
            if unit == GONE and month >= 2026 * 12:
                continue
            missing = [v is None for found in sides[unit, month] for v in found.values()]
            if rule.missing == "skip_if_any" and any(missing):
                continue
            if rule.missing != "never_skip" and all(missing):
                continue
            if rule.missing == "never_skip" and all(missing):
                if rule.feeds:
                    if unit not in ever:
                        continue
                else:
                    city = unit[:4] if levels[unit] != "province" else None
                    near = [
                        u
                        for u in units
                        if not (u == GONE and month >= 2026 * 12)
                        and (u[:4] == city if city else levels[u] == "province")
                        and not (levels[u] == "province" and city)
                    ]
                    if not any(any_known[u, month] for u in near):
                        continue
            pair = sides[unit, month]
            if rule.missing in ("skip_if_all", "never_skip"):
                pair = [{n: 0.0 if v is None else v for n, v in found.items()} for found in pair]
            left, right = (valued(s, found) for s, found in zip((rule.left, rule.right), pair, strict=True))
            if rule.operator == "compulsory_pair":
                holds = (left is None) == (right is None)
            elif rule.operator == "exclusive_pair":
                holds = left is None or right is None
            elif left is None or right is None:
                continue
            else:
                same = math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-15)
                holds = {"equal_to": same, "not_equal_to": not same, "greater_than": left > right and not same,
                         "greater_than_or_equal_to": left > right or same, "less_than": left < right and not same,
                         "less_than_or_equal_to": left < right or same}[rule.operator]  # fmt: skip
            judged[unit, day(month)] = (left, right, holds)
    return judged


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-8)


def test_random_rules_are_judged_as_a_person_would(
    con: duckdb.DuckDBPyConnection, figures: Figures, rules: dict[str, ValidationRule]
) -> None:
    found: dict[str, dict[Any, Any]] = {code: {} for code in rules}
    for code, unit, period, left, right, holds in con.execute(
        "select rule_code, unit_code, period, left_value, right_value, holds from validation.validation_judgements"
    ).fetchall():
        found[code][unit, period] = (left, right, holds)
    broken = 0
    for code, rule in rules.items():
        expected = by_hand(figures, rule)
        assert set(found[code]) == set(expected), (code, rule)
        for key, (left, right, holds) in expected.items():
            assert found[code][key] == (near(left), near(right), holds), (code, key, rule)
            broken += not holds
    judged = sum(map(len, found.values()))
    assert judged > 3000
    assert 0.1 < broken / judged < 0.9
    told = con.execute(
        "select count(*), count(*) filter (status = 'open' and is_judged and found_in is null) from validation.validation_result"
    ).fetchone()
    assert told == (broken, broken)


def test_every_way_of_a_rule_was_tried(rules: dict[str, ValidationRule]) -> None:
    tried = {(r.operator, r.missing) for r in rules.values()}
    assert len({operator for operator, _ in tried}) == 8
    assert {missing for _, missing in tried} == {"skip_if_any", "skip_if_all", "never_skip", None}
    assert {r.period for r in rules.values()} == {"month", "year"}
    assert any(r.feeds for r in rules.values())
    assert any(r.measures for r in rules.values())
    assert {row["code"] for row in seed("validation_rules")}.isdisjoint(rules)
