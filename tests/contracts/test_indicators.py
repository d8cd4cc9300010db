"""An indicator is one file; a wrong one is answered with a sentence that names the file, the key and what was expected."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.door.privacy import AGE_BANDS
from contracts.indicator_files import HOW_TO_ADD, INDICATOR_LIST, PAGES, indicator_files
from contracts.indicators import Indicator, Measure, load_indicator, load_indicators, named_measures
from contracts.loading import seed
from contracts.model import ContractError

PROJECT = Path(__file__).resolve().parents[2]
GOOD: dict[str, Any] = {
    "code": "libraries_per_10000", "name": {"zh": "每万人图书馆数", "en": "Libraries"}, "unit": "per_10000_residents", "plan": "project",
    "source": "this project", "status": "project", "direction": "up", "definition": {"zh": "定义", "en": "Open libraries over residents."},
    "numerator": {"table": "facility_months", "where": {"facility_type": "library", "is_open": True}},
    "denominator": {"table": "population_years", "sum": "population"}, "per": 10000,
}  # fmt: skip
SHARE: dict[str, Any] = {"unit": "share", "per": 1}


def written(folder: Path, said: Any, name: str = "libraries_per_10000") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(said if isinstance(said, str) else yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    return path


def test_at_least_thirty_are_computed_and_both_plans_are_whole() -> None:
    indicators = load_indicators().values()
    assert sum(not i.missing for i in indicators) >= 30
    numbers = {
        plan: {i.plan_no for i in indicators if i.plan == plan}
        for plan in ("community_services_14th_plan", "public_services_14th_plan")
    }
    assert numbers["community_services_14th_plan"] == set(range(1, 8))
    named_twice = {int(i.also.split()[1]) for i in indicators if i.also}
    assert numbers["public_services_14th_plan"] | named_twice == set(range(1, 23))
    assert all(i.missing.feed and i.missing.needs.zh for i in indicators if i.missing)


def test_assistance_and_community_workers_are_used() -> None:
    used = {m.table for i in load_indicators().values() for m in i.measures.values()}
    assert {"assistance_months", "community_worker_months"} <= used


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"numerator": {"table": "facilities"}}, "numerator: no standard table is called 'facilities'; there are"),
        ({"numerator": {"table": "facility_months", "sum": "beds"}}, "facility_months has no 'beds' to add up; it has rows, area_m2, capacity"),
        ({"numerator": {"table": "facility_months", "where": {"colour": "red"}}}, "rows of facility_months cannot be chosen by 'colour'; it has"),
        ({"numerator": {"table": "facility_months", "where": {"is_open": "yes"}}}, "true or false expected for 'is_open' of facility_months, found 'yes'"),
        ({"numerator": {"table": "facility_months", "where": {"facility_type": []}}}, "a text or a list of texts expected for 'facility_type'"),
        ({"unit": "furlongs"}, "no unit is called 'furlongs'; there are"),
        ({"colour": "red"}, "colour: is no key here; there are code, name"),
        ({"direction": None}, "direction:"),
        ({"numerator": None}, "either numerator says what is counted, or missing says which feed it needs"),
        ({"denominator": None}, "denominator: an indicator that counts people needs one"),
        ({"numerator": {"table": "population_years", "sum": "population"}}, "period: population_years is known once a year: period: year expected"),
        ({"unit": "share"}, "per: a share is a part of one, 10000 would make it another unit"),
        ({"plan": "public_services_14th_plan"}, "plan_no: the number in the plan"),
        ({"areas": ["all", "all"]}, "areas: each once"),
        ({"denominator": {"table": "population_years", "sum": "urban_residents"}, "areas": ["all", "rural"]}, "areas: urban_residents of population_years counts urban residents alone, so there is no rural value; all or urban expected, found all, rural"),
        ({"diretcion": "up", "direction": None}, "diretcion: is no key here; there are code, name"),
        ({"denominator": {"table": "population_years", "total": "population"}}, "denominator.total: is no key here; there are table, sum, where"),
        ({"per": True}, "per: a number expected, found True"),
        ({"per": 1000}, "per: 10000 expected for the unit per_10000_residents, found 1000"),
        ({"unit": "share", "per": 1, "targets": [{"value": 80, "valid_from": "2025-01-01", "status": "project", "source": "x"}]}, "of a share between 0 and 1 expected, found 80 (80 % is 0.8)"),
        ({"numerator": {"table": "facility_months", "where": {"facility_type": "library", "department_code": "health"}}}, "no row can be all of"),
        ({"numerator": {"table": "facility_months", "where": {"facility_type": ["library", "library"]}}}, "each facility_type once"),
        ({"numerator": GOOD["denominator"], "period": "year"}, "denominator: it is the numerator again"),
        (SHARE | {"denominator": {"table": "facility_months", "where": {"facility_type": "museum"}}}, "of a share every row of the numerator expected in it"),
        (SHARE | {"denominator": {"table": "facility_months", "where": {"facility_type": ["library", "museum"], "department_code": "culture"}}}, "of a share every row of the numerator expected in it"),
        (SHARE | {"denominator": {"table": "facility_months", "sum": "area_m2"}}, "unit: share is in m2, rows of facility_months in numbers"),
        ({"unit": "m2_per_1000_residents", "per": 1000}, "unit: m2_per_1000_residents is in m2, rows of facility_months in numbers"),
        ({"numerator": {"table": "assistance_months", "sum": "amount_yuan"}}, "unit: per_10000_residents is in numbers, amount_yuan of assistance_months in yuan"),
        ({"denominator": {"table": "population_years", "sum": "households"}}, "is for each resident, the denominator counts households of population_years"),
        ({"denominator": {"table": "village_months"}}, "is for each resident, the denominator counts rows of village_months"),
        ({"denominator": None, "counts_people": False}, "denominator: per_10000_residents is a quotient and needs one"),
        ({"numerator": {"table": "facility_months", "over_time": "sum"}, "period": "year"}, "over_time: rows of facility_months stands at a moment"),
        ({"numerator": {"table": "service_months", "sum": "visits"}, "period": "year"}, "over_time: visits of service_months happens month by month; sum or average expected for a year"),
        ({"targets": [{"value": -1, "valid_from": "2025-01-01", "status": "project", "source": "x"}]}, "targets.0.value: greater than or equal to 0 expected, found -1"),
        ({"targets": [{"value": 1, "year": 2024, "valid_from": "2025-01-01", "status": "project", "source": "x"}]}, "year 2024 lies before valid_from"),
        ({"targets": [{"value": 1, "year": 2025, "valid_from": "2025-01-01", "baseline": 1, "baseline_year": 2025, "status": "project", "source": "x"}]}, "baseline_year 2025 does not lie before year 2025"),
        ({"definition": {"zh": " ", "en": "x"}}, "definition.zh: is empty"),
        ({"not_reported": "nobody knows"}, "not_reported: no reason is called 'nobody knows'; there are"),
        ({"name": {"zh": "", "en": "Libraries"}}, "name.zh: is empty"),
        ({"areas": []}, "areas: is empty"),
        ({"name": {"zh": "图书馆", "en": "a|b"}}, "name.en: one line without | expected, found 'a|b'"),
        ({"code": "Libraries"}, "code: a text of the form"),
        ({"name": "每万人图书馆数"}, "name: keys and values were expected, as in {key: value}; found '每万人图书馆数'"),
        ({"per": "10,000"}, "per: a valid number expected, found '10,000'"),
        ({"per": float("inf")}, "per: a finite number expected, found inf"),
        ({"level": "district"}, "level: 'county', 'town' or 'village' expected, found 'district'"),
        ({"numerator": {"table": "facility_months", "where": {"facility_type": "libary"}}}, "no facility_type is 'libary'; the codes of contracts/codes/facility_types.csv are"),
        ({"denominator": {"table": "population_years"}}, "population_years has no 'rows' to add up; it has population, households"),
        ({"groups": ["benefit_type"]}, "groups: facility_months can be told apart by department_code, facility_type; found 'benefit_type'"),
        ({"groups": ["facility_type", "facility_type"]}, "groups: each once"),
        ({"targets": [{"value": 1, "valid_from": "2025-01-01", "status": "project", "source": "x"}] * 2}, "targets: one for everywhere from 2025-01-01 on, found 2"),
        ({"code": "other"}, "code: the file is called libraries_per_10000, the indicator says 'other'"),
        ({"targets": [{"value": 1, "valid_from": "2025-01-01", "valid_to": "2024-01-01", "status": "project", "source": "x"}]}, "lies before valid_from"),
        ({"targets": [{"value": 1, "valid_from": "2025-01-01", "baseline": 1, "status": "project", "source": "x"}]}, "baseline and baseline_year come together"),
    ],
)  # fmt: skip
def test_a_wrong_indicator_is_refused_with_a_sentence(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    dropped = [key for key, value in change.items() if value is None and (key != "direction" or "diretcion" in change)]
    wrong = {key: value for key, value in (GOOD | change).items() if key not in dropped}
    with pytest.raises(ContractError) as error:
        load_indicator(written(tmp_path, wrong))
    assert str(error.value).startswith("libraries_per_10000.yaml: ")
    assert said in str(error.value)


@pytest.mark.parametrize(
    "text",
    [b"code: [", b"", b"- a\n- b\n", b"just words", "code: 每万人图书馆数".encode("gbk"), "code: 每".encode("utf-16"), "code：x".encode(),
     b"valid_from: 2021-02-30", b"code: x\n---\ncode: y\n", b"source: !!python/object/apply:os.getcwd []", bytes(range(256))],
)  # fmt: skip
def test_a_file_that_is_no_indicator_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "libraries_per_10000.yaml"
    path.write_bytes(text)
    with pytest.raises(ContractError, match=r"libraries_per_10000.yaml: file: "):
        load_indicator(path)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    path.write_text(path.read_text(encoding="utf-8") + "\nunit: per_1000_residents\n", encoding="utf-8")
    with pytest.raises(ContractError, match="'unit' stands twice"):
        load_indicator(path)


def test_groups_are_the_values_that_the_numerator_is_chosen_by(tmp_path: Path) -> None:
    apart = load_indicator(written(tmp_path, GOOD | {"groups": ["facility_type"]})).told_apart
    assert [(g.column, g.value) for g in apart] == [("facility_type", "library")]
    of_department = {"table": "facility_months", "where": {"department_code": "culture"}}
    shares = GOOD | {"unit": "share", "per": 1, "numerator": of_department, "denominator": {"table": "facility_months"}, "groups": ["facility_type"]}  # fmt: skip
    apart = load_indicator(written(tmp_path, shares)).told_apart
    assert [g.value for g in apart] == [r["code"] for r in seed("facility_types") if r["department_code"] == "culture"]
    assert {g.numerator.condition for g in apart} == {
        f"department_code in ('culture') and facility_type in ('{g.value}')" for g in apart
    }
    assert {g.denominator and g.denominator.condition for g in apart} == {
        f"facility_type in ('{g.value}')" for g in apart
    }


def test_the_bands_of_the_code_list_are_those_the_door_writes() -> None:
    assert [row["code"] for row in seed("age_bands")] == list(AGE_BANDS.values())


def test_a_number_of_a_plan_is_given_once(tmp_path: Path) -> None:
    numbered = GOOD | {"plan": "public_services_14th_plan", "plan_no": 9}
    written(tmp_path, numbered)
    written(tmp_path, numbered | {"code": "other"}, "other")
    with pytest.raises(ContractError, match="number 9 of public_services_14th_plan is libraries_per_10000 already"):
        load_indicators(tmp_path)


def test_people_are_protected_unless_the_file_says_that_none_are_counted(tmp_path: Path) -> None:
    assert load_indicator(written(tmp_path, GOOD)).counts_people
    assert {row["counts_people"] for row in seed("indicators")} == {"yes", "no"}


def test_the_example_of_the_page_is_an_indicator(tmp_path: Path) -> None:
    example = HOW_TO_ADD.split("```yaml\n")[1].split("```")[0]
    assert load_indicator(written(tmp_path, example)).code == "libraries_per_10000"


def test_who_sends_sports_venues_has_not_said_that_there_are_no_libraries(tmp_path: Path) -> None:
    """What a city that sends the table leaves out, it has none of; it sends the table of a department."""

    def sent_with(**numerator: Any) -> str | None:
        of = load_indicator(written(tmp_path, GOOD | {"numerator": {"table": "facility_months", **numerator}}))
        return of.measures["scope"].condition if "scope" in of.measures else None

    assert sent_with(where={"facility_type": "library", "is_open": True}) == "department_code in ('culture')"
    assert sent_with(where={"facility_type": ["library", "park"]}) == "department_code in ('culture', 'sports')"
    assert sent_with(where={"department_code": "sports", "facility_type": "park"}) == "department_code in ('sports')"
    assert sent_with(where={"is_open": True}) is None
    example = Indicator.model_validate(GOOD)
    _, names = named_measures([example])
    (scope,) = (row["scope"] for row in csv.DictReader(indicator_files()[INDICATOR_LIST].splitlines()) if row["code"] == "health_visits_per_physician")  # fmt: skip
    assert names["libraries_per_10000", "scope"] == "libraries_per_10000/scope"
    assert scope == "health_visits_per_physician/scope"


def test_what_counts_residents_of_towns_alone_is_not_compared_between_town_and_country(tmp_path: Path) -> None:
    assert load_indicator(written(tmp_path, GOOD)).one_area is None
    of_towns = GOOD | {
        "denominator": {"table": "population_years", "sum": "urban_residents"},
        "areas": ["all", "urban"],
    }
    assert load_indicator(written(tmp_path, of_towns)).one_area == "urban"
    shipped = {row["code"] for row in seed("indicators") if row["one_area"]}
    assert shipped == {"community_workers_per_10000_urban_residents", "urban_resident_share"}
    for code in load_indicators():
        page = (PROJECT / PAGES / f"{code}.md").read_text(encoding="utf-8")
        assert ("城乡不可比" in page) is (code in shipped)


def test_equal_measures_are_added_up_once_and_others_are_not() -> None:
    first = Indicator.model_validate(GOOD)
    second = Indicator.model_validate(GOOD | {"code": "b", "numerator": {"table": "facility_months"}})
    measures, names = named_measures([first, second])
    assert names["b", "denominator"] == "libraries_per_10000/denominator"
    assert len(measures) == 4  # with the rows by which one knows that a city sends libraries


def test_a_text_in_a_filter_stays_a_text() -> None:
    measure = Measure.model_construct(table="facility_months", where={"facility_type": ["it's", "b"], "is_open": False})
    assert measure.condition == "facility_type in ('it''s', 'b') and not is_open"


def test_every_indicator_has_its_page() -> None:
    pages = {path.stem for path in indicator_files() if path.parent == PAGES}
    assert pages == {*load_indicators(), "README"}
    assert {path.stem for path in (PROJECT / PAGES).glob("*.md")} == pages
