"""A validation rule is one file; a wrong one is answered with a sentence that names the file, the key and what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.model import ContractError
from contracts.validation import Side, load_rule, load_rules
from contracts.validation_files import EXAMPLE, PAGE, RULE_LIST, validation_files

PROJECT = Path(__file__).resolve().parents[2]
GOOD: dict[str, Any] = {
    "code": "nurses_for_beds", "name": {"zh": "护士", "en": "Nurses"}, "advice": {"zh": "查", "en": "Look"}, "importance": "medium",
    "levels": ["county"], "left": "nurses_per_1000.numerator", "operator": "greater_than_or_equal_to",
    "right": "0.1 * health_beds_per_1000.numerator", "missing": "skip_if_any",
}  # fmt: skip


def written(folder: Path, said: Any, name: str = "nurses_for_beds") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(said if isinstance(said, str) else yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    return path


def test_at_least_eight_rules_are_shipped_of_indicators_and_of_feeds() -> None:
    rules = load_rules().values()
    assert len(rules) >= 8
    assert {bool(rule.feeds) for rule in rules} == {True, False}
    assert {rule.importance for rule in rules} == {"high", "medium", "low"}
    assert {rule.missing for rule in rules} == {"skip_if_any", "skip_if_all", "never_skip", None}
    assert any(rule.right.window > 1 for rule in rules)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"left": "nurses"}, "left: neither an indicator nor a measure of this rule is called 'nurses'"),
        ({"left": "nurses_per_1000.beds"}, "left: an indicator has no 'beds'; it has value, numerator, denominator"),
        ({"right": "1 +"}, "right: figures, numbers, + - * / and brackets expected, found '1 +'"),
        ({"right": "__import__('os').system('x')"}, "right: figures, numbers, + - * / and brackets expected, found"),
        ({"right": "nurses_per_1000 ** 2"}, "right: figures, numbers, + - * / and brackets expected, found 'nurses_per_1000 ** 2'"),
        ({"right": "1e999"}, "right: figures, numbers, + - * / and brackets expected, found"),
        ({"right": {"value": 3, "window": 2}}, "right: 3.0 is the same in every period: ago and window are for figures"),
        ({"right": {"value": "nurses_per_1000", "window": 2, "at_least": 3}}, "right: at_least: 3 values cannot come of a window of 2"),
        ({"right": {"value": "nurses_per_1000", "back": 2}}, "right.back: is no key here; there are value, ago, window, over, at_least"),
        ({"left": 1, "right": 2}, "left: neither side names a figure"),
        ({"operator": "bigger"}, "operator: 'equal_to', 'not_equal_to'"),
        ({"missing": None}, "missing: skip_if_any, skip_if_all or never_skip expected"),
        ({"operator": "compulsory_pair"}, "missing: compulsory_pair is about what is missing; leave it out"),
        ({"operator": "exclusive_pair", "missing": None, "right": 2}, "right: exclusive_pair is about two figures, found the number 2"),
        ({"levels": []}, "either levels says of which divisions the rule is, or feeds of which deliveries"),
        ({"levels": ["village"]}, "nurses_per_1000 is published down to the town, levels names village"),
        ({"levels": ["county", "county"]}, "levels: each once"),
        ({"areas": ["rural"]}, "left: nurses_per_1000 is published for all, not rural"),
        ({"period": "year"}, "left: nurses_per_1000 is of a month: period: month expected"),
        ({"left": "life_expectancy", "right": 2}, "left: life_expectancy is published as missing; it needs the feed"),
        ({"levels": None, "feeds": ["health.hospitals"]}, "feeds: no feed is called 'health.hospitals'; there are"),
        ({"levels": None, "feeds": "all"}, "left: deliveries have no 'nurses_per_1000.numerator'; they have files"),
        ({"levels": None, "feeds": "all", "period": "year"}, "feeds: deliveries are counted by month"),
        ({"measures": {"people": {"table": "population_years", "sum": "population"}}}, "measures.people: population_years is known once a year"),
        ({"measures": {"staff": {"table": "institution_months", "sum": "staff"}}}, "measures.staff: sum: institution_months has no 'staff' to add up"),
        ({"measures": {"open": {"table": "institution_months"}}}, "measures.open: neither side names it"),
        ({"measures": {"nurses_per_1000": {"table": "institution_months"}}}, "a word that is no indicator's code expected"),
        ({"colour": "red"}, "colour: is no key here; there are code, name"),
        ({"advice": {"zh": "查"}}, "advice.en: is missing"),
        ({"code": "other"}, "code: the file is called nurses_for_beds, the rule says 'other'"),
        ({"left": " + ".join(f"{c}.numerator" for c in ("nurses_per_1000", "physicians_per_1000", "health_beds_per_1000",
          "elderly_care_beds", "sports_visits_per_100"))}, "left: at most 4 figures a side, found 5"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused_with_a_sentence(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    wrong = {key: value for key, value in (GOOD | change).items() if value is not None}
    with pytest.raises(ContractError) as error:
        load_rule(written(tmp_path, wrong))
    assert str(error.value).startswith("nurses_for_beds.yaml: ")
    assert said in str(error.value)


@pytest.mark.parametrize("text", ["code: [", "", "- a\n- b\n", "just words"])
def test_a_file_that_is_no_rule_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ContractError, match=r"nurses_for_beds.yaml: file: "):
        load_rule(written(tmp_path, text))


def test_a_rule_may_not_be_called_as_an_indicator(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="an indicator is called nurses_per_1000"):
        load_rule(written(tmp_path, GOOD | {"code": "nurses_per_1000"}, "nurses_per_1000"))


def test_the_example_of_the_page_is_a_rule(tmp_path: Path) -> None:
    assert load_rule(written(tmp_path, EXAMPLE)).code == "nurses_for_beds"
    assert EXAMPLE in (PROJECT / PAGE).read_text(encoding="utf-8")


def test_every_rule_is_on_the_list_and_the_page() -> None:
    files = validation_files()
    for code in load_rules():
        assert f"\n{code}," in files[RULE_LIST]
        assert f"| `{code}`<br>" in files[PAGE]


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        ("a - b / 2", "(a - (b / nullif(cast(2 as double), 0.0)))"),
        ("-(a + 0.5)", "(-(a + cast(0.5 as double)))"),
        (0.25, "cast(0.25 as double)"),
    ],
)
def test_an_expression_as_sql_is_what_it_says(value: str | float, sql: str) -> None:
    assert Side(value=value).written(str) == sql


def test_a_folder_without_rules_is_answered_with_a_sentence() -> None:
    with pytest.raises(ContractError, match="at least one validation rule expected, found none"):
        validation_files({})
