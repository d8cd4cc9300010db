"""Contract files: everything in them means something, and an error names the file and the key."""

from __future__ import annotations

import csv
import os
import re
import shutil
from datetime import date
from pathlib import Path

import pytest
import yaml

from contracts.indicators import load_indicator
from contracts.loading import (
    CODES,
    FEEDS,
    POLICIES,
    PRODUCTS,
    load_feed,
    load_feeds,
    load_layout,
    load_layouts,
    load_product,
    load_products,
    named,
    seed,
    words,
)
from contracts.model import ContractError
from contracts.validation import load_rule

EXPECTED_FEEDS = {
    "reference.divisions": ("snapshot", ("vintage", "code")),
    "reference.population": ("snapshot", ("division_code", "year")),
    "health.institutions": ("snapshot", ("institution_code",)),
    "health.service_volumes": ("append", ("institution_code", "served_on", "service_item_code")),
    "sports.venues": ("snapshot", ("venue_id",)),
    "sports.openings": ("append", ("venue_id", "opened_on")),
    "culture.venues": ("snapshot", ("venue_id",)),
    "culture.activities": ("append", ("activity_id",)),
    "civil_affairs.community_facilities": ("snapshot", ("facility_code", "reported_on")),
    "civil_affairs.elderly_care": ("snapshot", ("institution_code", "month")),
    "civil_affairs.assistance": ("upsert", ("benefit_id",)),
    "civil_affairs.community_workers": ("snapshot", ("division_code", "month")),
    "evaluation.contacts": ("upsert", ("case_no", "contact_no")),
    "evaluation.reviews": ("upsert", ("case_no", "contact_no", "review_no")),
    "evaluation.rectifications": ("upsert", ("case_no", "contact_no", "review_no")),
    "evaluation.survey_questions": ("snapshot", ("wave", "question_id")),
    "evaluation.survey_samples": ("snapshot", ("wave", "respondent_id")),
    "evaluation.survey_responses": ("append", ("wave", "respondent_id", "question_id")),
    "evaluation.survey_margins": ("snapshot", ("wave", "margin", "category")),
}


def test_every_promised_feed_has_a_contract() -> None:
    """A department may promise more; nothing that was promised goes."""
    assert EXPECTED_FEEDS.items() <= {f.id: (f.delivery, f.key) for f in load_feeds().values()}.items()


@pytest.mark.parametrize("feed", load_feeds().values(), ids=lambda f: f.id)
def test_a_feed_says_who_owes_what_and_when(feed) -> None:
    assert feed.owner_email, "no owner"
    assert "·" in feed.owner
    assert feed.days_between, "no cadence"
    assert feed.retention_days, "no retention"
    assert re.match("每行是.+。 · One row is ", feed.description)
    assert all(f.label_zh and f.label_en for f in feed.fields)
    assert all(f.description or f.label_en for f in feed.fields)
    for rule in feed.rules:
        assert "·" in rule.description, f"{rule.name} is told in one language"


def test_personal_fields_are_classified() -> None:
    """Whatever is by its meaning a person's is not public: the classification decides what the door does."""
    for feed in load_feeds().values():
        for f in feed.fields:
            if f.semantic in ("resident_id", "person_name", "bank_card", "email"):
                assert f.classification in ("identifier", "name", "secret"), f"{feed.id}.{f.name}"
            if f.classification == "identifier":
                assert f.stored_as != f.name, f"{feed.id}.{f.name} is stored under its own name"


def test_every_layout_and_product_loads() -> None:
    assert {"shifan", "kaifaqu"} <= {sender for _, sender in load_layouts()}
    for layout in load_layouts().values():
        assert set(layout.description) == {"zh", "en"}, f"{layout.feed} of {layout.sender}"
    assert {"dim_division", "review_scorecard", "release_log"} <= set(load_products())
    for product in load_products().values():
        assert product.key, f"{product.id} has no grain"


def changed(tmp_path: Path, feed: str, change) -> Path:
    """A copy of a contract with one thing changed."""
    department, table = feed.split(".")
    raw = yaml.safe_load((FEEDS / department / f"{table}.odcs.yaml").read_text(encoding="utf-8"))
    change(raw)
    folder = tmp_path / department
    folder.mkdir()
    path = folder / f"{table}.odcs.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    return path


def first(raw):
    return raw["schema"][0]["properties"][0]


def role(raw, name, value):
    """Says of a contract what it is to the facilities, or takes it away."""
    properties = [p for p in raw["schema"][0]["customProperties"] if p["property"] != name]
    raw["schema"][0]["customProperties"] = properties + ([{"property": name, "value": value}] if value else [])


REGISTER = {"id": "health", "code": "institution_code", "type": "category_code"}


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (lambda r: r.update(colour="red"), "colour", "Extra inputs"),
        (lambda r: first(r).update(requird=True), "requird", "not a key of ODCS"),
        (lambda r: first(r).update(logicalType="text"), "logicalType", "one of"),
        (lambda r: first(r).update(classification="private"), "classification", "one of"),
        (lambda r: first(r).update(businessName="Institution"), "businessName", "中文 · English"),
        (lambda r: first(r).update(classification="identifier"), "encryptedName", "stored under"),
        (lambda r: r["schema"][0].update(customProperties=[]), "delivery", "snapshot, append or upsert"),
        (lambda r: r.update(id="health.elsewhere"), "id", "the file's place"),
        (lambda r: r["schema"].append(r["schema"][0]), "schema", "exactly one"),
        (lambda r: first(r).pop("classification"), "classification", "one of"),
        (lambda r: role(r, "register", None), "register", "rows have a point"),
        (lambda r: role(r, "register", REGISTER | {"code": "bedz"}), "register", "bedz"),
        (lambda r: role(r, "register", REGISTER | {"colour": "red"}), "register.colour", "Extra inputs"),
        (lambda r: role(r, "register", REGISTER | {"capacity": "beds"}), "register", "come together"),
        (
            lambda r: role(r, "volume", {"facility": "institution_code", "measures": ["visits"]}),
            "volume",
            "day or month",
        ),
        (
            lambda r: role(r, "volume", {"facility": "institution_code", "day": "opened_on", "measures": ["smiles"]}),
            "volume.measures",
            "visits",
        ),
        (lambda r: r["slaProperties"][0].update(unit="fortnight"), "slaProperties", "d, w, m or y"),
        (
            lambda r: r["schema"][0]["quality"].append(
                {"name": "x", "type": "custom", "severity": "error", "implementation": {"le": ["beds", "bedz"]}}
            ),
            "quality[x]",
            "bedz",
        ),
        (
            lambda r: r["schema"][0]["quality"].append(
                {"name": "x", "type": "custom", "severity": "error", "implementation": {"roughly": ["beds", "beds"]}}
            ),
            "quality[x]",
            "roughly",
        ),
    ],
)
def test_a_mistake_in_a_contract_is_named_by_file_and_key(tmp_path, change, key, words) -> None:
    path = changed(tmp_path, "health.institutions", change)
    with pytest.raises(ContractError) as caught:
        load_feed(path)
    assert "institutions.odcs.yaml" in str(caught.value)
    assert key in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rename: {甲: no_such_field}", "no_such_field"),
        ("colour: red", "colour"),
        ("coordinates: {crs: mars}", "coordinates.crs"),
        ("match: {level: {column: 码, patterns: {'(..': city}}}", "no regular expression"),
        ("match: {no_such_field: {column: 码, patterns: {'..': city}}}", "no_such_field"),
        ("values: {status: {map: {a: b}, otherwise: guess}}", "otherwise"),
    ],
)
def test_a_mistake_in_a_layout_is_named(tmp_path, text, words) -> None:
    path = tmp_path / "institutions.somewhere.yaml"
    path.write_text(
        "feed: health.institutions\nsender: somewhere\nversion: 1.0.0\ndescription: {zh: 甲, en: a}\n" + text,
        encoding="utf-8",
    )
    with pytest.raises(ContractError, match=r"institutions\.somewhere\.yaml") as caught:
        load_layout(path, load_feeds()["health.institutions"])
    assert words in str(caught.value)


def test_a_product_file_carries_its_table_s_name(tmp_path) -> None:
    source = next(iter(load_products().values())).path
    path = tmp_path / "another_name.odcs.yaml"
    path.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ContractError, match="another_name"):
        load_product(path)


def test_a_product_says_what_it_does_for_the_few(tmp_path) -> None:
    """Nothing is published because its contract is silent."""
    source = next(p for p in load_products().values() if p.disclosure["rule"] == "none").path
    raw = yaml.safe_load(source.read_text(encoding="utf-8"))
    role(raw, "disclosure", None)
    path = tmp_path / source.name
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ContractError, match=r"disclosure\.rule"):
        load_product(path)


def test_what_a_product_says_of_the_few_and_nobody_reads_is_refused(tmp_path) -> None:
    source = load_products()["review_scorecard"].path
    path = tmp_path / source.name
    path.write_text(
        source.read_text(encoding="utf-8").replace("          count:", "          cells: {}\n          count:"),
        encoding="utf-8",
    )
    with pytest.raises(ContractError, match=r"disclosure\.cells"):
        load_product(path)


def copied(tmp_path: Path, change: dict[str, dict[str, str]]) -> Path:
    """All feed contracts, some words of some of them changed."""
    folder = tmp_path / "feeds"
    for feed in load_feeds().values():
        path = folder / feed.department / feed.path.name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = feed.path.read_text(encoding="utf-8")
        for word, other in change.get(feed.id, {}).items():
            assert word in text
            text = text.replace(word, other)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("feed", "word", "other", "words"),
    [
        ("culture.venues", "{id: culture,", "{id: sports,", "is that of culture.venues"),
        ("sports.openings", "property: volume", "property: volumes", "say what they count"),
        ("sports.openings", "to: sports.venues.venue_id", "to: reference.divisions.code", "needs a relationship"),
    ],
)
def test_feeds_that_do_not_fit_each_other_are_refused(tmp_path, feed, word, other, words) -> None:
    with pytest.raises(ContractError, match=words):
        load_feeds(copied(tmp_path, {feed: {word: other}}))


def test_every_reason_of_a_change_that_the_rules_know_is_promised() -> None:
    promised = load_products()["division_successor"].by_name["reason"].enum
    assert set(promised or {}) == {rule["reason"] for rule in seed("division_change_rules")}


# Part of the contract of dim_facility, the same as somebody may get it wrong, and what is said of it.
WRONG_KEYS = [
    ("to: dim_department.department_code", "to: nobody.department_code", "nobody is neither a product nor a code list"),
    ("to: facility_types.code", "to: facility_types.number", "facility_types has no column 'number'"),
    ("to: dim_division.division_code", "to: dim_division", "to: table.column expected"),
    (
        "to: dim_facility.facility_id",
        "to: dim_facility.facility_id, customProperties: [{property: wear, value: {status: open}}]",
        "where or unless expected",
    ),
    (
        "to: dim_facility.facility_id",
        "to: dim_facility.facility_id, customProperties: [{property: where, value: {state: open}}]",
        "the table has no column 'state'",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "words"), WRONG_KEYS, ids=[words for *_, words in WRONG_KEYS])
def test_a_key_that_leads_nowhere_is_named(tmp_path, right: str, wrong: str, words: str) -> None:
    shutil.copytree(PRODUCTS, tmp_path / "products")
    path = tmp_path / "products" / "dim_facility.odcs.yaml"
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(ContractError, match=r"dim_facility\.odcs\.yaml") as caught:
        load_products(tmp_path / "products")
    assert words in str(caught.value)


def test_a_key_says_which_rows_it_holds_for() -> None:
    products = load_products()
    hall = products["fct_review"].by_name["facility_id"]
    assert hall.explanation.endswith("References dim_facility.facility_id unless facility_id is hall:*.")
    to_department, *_, to_channel = products["review_scorecard"].by_name["code"].foreign_keys
    assert to_department.sentences == (
        "引用 dim_department.department_code，限 dimension 为 department。",
        "References dim_department.department_code where dimension is department.",
    )
    assert (to_channel.where, to_channel.unless) == ({"dimension": ("channel",)}, {"code": ("unknown",)})
    assert products["indicator_value"].by_name["value"].explanation.endswith("Where it is null, null_reason says why.")


def test_a_month_of_birth_is_kept_as_year_and_month_and_never_published(tmp_path: Path) -> None:
    import polars as pl

    from contracts.door.privacy import Key, mask_value, pseudonymise

    contract = load_feeds()["civil_affairs.assistance"].path.read_text(encoding="utf-8")
    changed = contract.replace("classification: birth_date", "classification: birth_month").replace(
        "encryptedName: age_band", "encryptedName: birth_month"
    )
    path = tmp_path / "civil_affairs" / "assistance.odcs.yaml"
    path.parent.mkdir()
    path.write_text(changed, encoding="utf-8")
    feed = load_feed(path)
    assert feed.accepted_columns["birth_month"] == "VARCHAR"
    born, nothing = pl.Series([date(1946, 3, 17)]), pl.Series([None], dtype=pl.String)
    rows = pl.DataFrame({f.name: born if f.name == "born_on" else nothing for f in feed.fields})
    stored = pseudonymise(rows, feed, Key("a key of the tests, long enough"), on=date(2026, 3, 1))
    assert stored["birth_month"].to_list() == ["1946-03"]
    assert mask_value("1946-03-17", feed.by_name["born_on"]) == "‹10 characters›"
    product = PRODUCTS / "dim_date.odcs.yaml"
    for folder, old, new in (
        ("class", "classification: public", "classification: birth_month\n        encryptedName: m"),
    ):
        target = tmp_path / folder / product.name
        target.parent.mkdir()
        target.write_text(product.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ContractError, match="never published"):
            load_products(target.parent)


@pytest.mark.parametrize("load", [load_rule, load_indicator, load_product])
def test_a_description_that_is_not_saved_as_utf_8_is_refused_with_a_sentence(tmp_path, load) -> None:
    """As an editor on a Chinese office computer saves it."""
    path = tmp_path / "x.yaml"
    path.write_bytes("code: x\nname: {zh: 床位}\n".encode("gbk"))
    with pytest.raises(ContractError, match="save it again as UTF-8"):
        load(path)


def test_a_policy_that_excel_saved_reads_or_says_what_to_do(tmp_path, monkeypatch) -> None:
    """With the mark of "CSV UTF-8" it is the same table; as plain CSV of a Chinese computer it is refused."""
    monkeypatch.setattr("contracts.loading.POLICIES", tmp_path)
    path = tmp_path / "a_policy.csv"
    path.write_bytes("code,name_zh\r\na,床位\r\n".encode("utf-8-sig"))
    assert seed("a_policy") == ({"code": "a", "name_zh": "床位"},)
    path.write_bytes("code,name_zh\r\na,床位\r\n".encode("gbk"))
    os.utime(path, ns=(1, 1))
    with pytest.raises(ContractError, match=r"a_policy.csv: file: UTF-8 was expected.*CSV UTF-8"):
        seed("a_policy")


def test_what_a_policy_says_of_its_values_is_said_in_both_languages() -> None:
    """The bulletin's pages of methods show it, in Chinese or in English."""
    one_language = []
    for path in POLICIES.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for column in ({"meaning", "source", "why"} & {*row}) - (
                    {"source"} if path.stem == "calendar_overrides" else set()
                ):
                    zh, _, en = row[column].partition(" · ")
                    if not (re.search("[一-鿿]", zh) and re.search("[a-z]", en) and not re.search("[一-鿿]", en)):
                        one_language.append(f"{path.name}: {row[column]}")
    assert one_language == []
    policies = {row["policy"] for row in seed("review_policies")}
    assert policies == {row["code"] for row in seed("policy_names")}


@pytest.mark.parametrize(
    ("table", "column", "value", "said"),
    [
        ("facility_link", "left_department_code", "health", "卫生健康委 · Health Commission"),
        ("facility_link", "left_department_code", "of_no_list", "of_no_list"),
        ("facility_link", "left_department_code", "unknown", "未识别部门 · Department not mapped"),
        ("review_worklist", "policy", "national_2020", "全国（2020 年） · National (2020)"),
        ("department_scorecard", "missing_parts", "survey", "满意度调查 · survey"),
        ("dim_facility_history", "changed_fields", "type_code,area_m2", "类型 · type；面积 · area"),
        ("indicator_value", "unit", "m2_per_resident", "m²/人 · m² per resident"),
        ("validation_result", "area_type", "all", "全部 · all"),
        (
            "feed_health",
            "sender",
            "shifan",
            "示范市政务服务平台（虚构） · Government service platform of Shifan (fictional)",
        ),
        ("feed_health", "commonest_field", "held_on, seats", "举办日期 · Day held；阅览座席 · Seats"),
        ("feed_health", "sender", "大厅一", "大厅一"),
    ],
)
def test_a_value_is_said_as_the_contract_or_the_list_that_it_cites_has_it(table, column, value, said) -> None:
    assert named(load_products()[table].by_name[column], value) == said


def test_what_a_contract_says_of_a_column_is_said_in_both_languages() -> None:
    """But for a formula, which is names of columns. Comments, workbooks, forms and the dictionary show it to departments."""
    told = [
        (f"{c.id}.{f.name}", f.description)
        for c in (*load_products().values(), *load_feeds().values())
        for f in c.fields
    ]
    told += [(p.id, str(p.disclosure.get("because") or "")) for p in load_products().values()]
    english = [
        f"{where}: {text}"
        for where, text in told
        if re.search(r"[A-Za-z]{2,},? [A-Za-z]{2,}", re.sub(r"\w*_\w*", "", text))
        and not re.search("[一-鿿].* · ", text, re.DOTALL)
    ]
    assert english == []


def test_what_lists_and_policies_say_of_themselves_is_said_in_chinese_and_english() -> None:
    """Sources and notes are published (dim_service_item, review_policy) or shown in the Dagster UI; a number of a document is its name in both."""
    english = {
        f"{path.stem}.{column}: {row[column]}"
        for folder in (CODES, POLICIES)
        for path in folder.glob("*.csv")
        for row in seed(path.stem)
        for column in ("source", "note", "meaning")
        if re.search("[a-z]{3,}", row.get(column) or "") and not re.search("[一-鿿].* · .*[a-z]", row[column])
    }
    assert english == set()


def test_names_stand_in_the_order_of_their_list_and_a_code_has_the_first_it_has_there() -> None:
    assert list(words("departments")) == [row["code"] for row in seed("departments")]
    first: dict[str, str] = {}
    for row in seed("review_channels"):
        first.setdefault(row["code"], f"{row['name_zh']} · {row['name_en']}")
    assert dict(words("review_channels")) == first
    assert len(first) < len(seed("review_channels"))


@pytest.mark.parametrize("name", ["departments", "facility_types"])
def test_what_nobody_mapped_has_its_name_in_its_list_and_nowhere_else(name: str) -> None:
    """The warehouse, the dashboards and what people read take it from there, as they take every other name."""
    (zh,) = (row["name_zh"] for row in seed(name) if row["code"] == "unknown")
    root = CODES.parent.parent
    files = [
        path
        for folder in ("contracts", "orchestration", "bi", "dbt_project/models", "dbt_project/macros")
        for kind in ("*.py", "*.sql", "*.yml", "*.yaml", "*.j2")
        for path in (root / folder).rglob(kind)
    ]
    assert len(files) > 500
    assert [path.name for path in files if zh in path.read_text(encoding="utf-8")] == []
