"""A contract's checks: types first, then values, every reason of a row; pandera agrees."""

from __future__ import annotations

import json
import re
from datetime import datetime
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.door.arranging import arrange, lay_out
from contracts.door.rows import checker, pandera_schema, split
from contracts.loading import load_feeds
from contracts.model import Layout

RECEIVED = datetime(2026, 3, 1, 2, 10)
FEEDS = load_feeds()
GOOD = {
    "health.institutions": {
        "institution_code": "990101A001", "name": "示范医院", "category_code": "A100",
        "division_code": "990101001001", "status": "1", "beds": "120", "opened_on": "2001-05-01",
    },
    "evaluation.reviews": {
        "case_no": "990101202601150001", "contact_no": "1", "review_no": "1", "satisfaction": "5",
        "tags": "510,517", "channel": "1", "reviewed_at": "2026-02-01 10:00:00",
    },
    "civil_affairs.elderly_care": {
        "institution_code": "990101E001", "month": "2026-02-01", "name": "示范养老院", "type_code": "",
        "division_code": "990101001001", "total_beds": "100", "nursing_beds": "60", "residents": "80", "status": "1",
    },
}  # fmt: skip
SCHEMES = Layout(
    feed="evaluation.reviews", sender="t", version="1.0.0", description={"zh": "测", "en": "t"},
    code_scheme={"satisfaction": "interface", "tags": "v2", "channels": "zj"},
)  # fmt: skip


def judged(feed_id: str, *rows: dict[str, str | None], known=None):
    feed = FEEDS[feed_id]
    good = GOOD.get(feed_id, {})
    filled = [{k: v for k, v in {**good, **row}.items() if k in feed.by_name} for row in rows]
    names = list(dict.fromkeys(n for row in filled for n in row))
    batch = pl.DataFrame(
        [[row.get(n) for n in names] + [i + 2, None] for i, row in enumerate(filled)],
        schema={**dict.fromkeys(names, pl.String), "_row": pl.Int64, "_shape": pl.String},
        orient="row",
    )
    arrangement = arrange(feed, SCHEMES if feed_id == "evaluation.reviews" else None, names)
    door = checker(arrangement, received_at=RECEIVED, known=known)
    return split(door, lay_out(arrangement, batch))


def reasons(result) -> set[tuple[int, str, str]]:
    return set(result.reasons.select("_row", "field", "rule").rows())


@pytest.mark.parametrize("feed_id", GOOD)
def test_a_good_row_passes(feed_id) -> None:
    result = judged(feed_id, {})
    assert result.reasons.rows() == []
    assert (result.received, result.accepted.height, result.rejected) == (1, 1, 0)


@pytest.mark.parametrize(
    ("feed_id", "row", "field", "rule"),
    [
        ("health.institutions", {"institution_code": ""}, "institution_code", "required_missing"),
        ("health.institutions", {"institution_code": "!"}, "institution_code", "pattern"),
        ("health.institutions", {"category_code": "B9"}, "category_code", "not_in_code_list"),
        ("health.institutions", {"beds": "-1"}, "beds", "below_minimum"),
        ("health.institutions", {"beds": "900000"}, "beds", "above_maximum"),
        ("health.institutions", {"beds": "many"}, "beds", "not_a_number"),
        ("health.institutions", {"beds": "12.5"}, "beds", "not_a_whole_number"),
        ("health.institutions", {"opened_on": "2020-02-30"}, "opened_on", "impossible_date"),
        ("health.institutions", {"opened_on": "2026-03-02"}, "opened_on", "cross_field"),
        ("evaluation.reviews", {"satisfaction": "7"}, "satisfaction_level", "code_not_in_scheme"),
        ("evaluation.reviews", {"tags": "108,510"}, "tags", "cross_field"),
        ("evaluation.reviews", {"tags": "599"}, "tags", "not_in_code_list"),
        ("evaluation.reviews", {"reviewed_at": "2026-03-01 02:11:00"}, "reviewed_at", "cross_field"),
        ("civil_affairs.elderly_care", {"nursing_beds": "101"}, "nursing_beds", "cross_field"),
    ],
)
def test_each_check_strikes_its_own_row_and_only_it(feed_id, row, field, rule) -> None:
    key = FEEDS[feed_id].key[0]
    other = {key: "990101Z999"}
    result = judged(feed_id, other, row)
    assert (3, field, rule) in reasons(result)
    assert {r for r, _, _ in reasons(result)} == {3}
    assert (result.accepted.height, result.rejected) == (1, 1)
    told = result.reasons.filter((pl.col("field") == field) & (pl.col("rule") == rule)).row(0, named=True)
    assert told["message_zh"]
    assert told["message_en"]
    assert not re.search(r"\{[a-z_]+\}", told["message_zh"] + told["message_en"]), "a fact was not filled in"


def test_a_bad_review_without_a_word_is_accepted_and_its_sender_is_told() -> None:
    result = judged("evaluation.reviews", {"satisfaction": "1", "tags": "", "comment": " "})
    assert (result.accepted.height, result.rejected, result.warned) == (1, 0, 1)
    (told,) = result.reasons.iter_rows(named=True)
    assert (told["field"], told["severity"], told["row_says"]) == ("satisfaction_level", "warning", None)
    assert "counted as bad" in told["message_en"]


def test_a_refused_review_leaves_what_it_takes_to_count_it() -> None:
    """A rule between fields makes neither of them wrong; a field that is itself wrong says nothing, a misshapen row neither."""
    result = judged("evaluation.reviews", {"tags": "108"}, {"satisfaction": "7", "case_no": "a b"}, {})
    said = dict(result.reasons.select("_row", "row_says").iter_rows())
    assert set(said) == {2, 3}
    level, case_no = (
        FEEDS["evaluation.reviews"].by_name["satisfaction_level"].name,
        GOOD["evaluation.reviews"]["case_no"],
    )
    assert json.loads(said[2]) | {"reviewed_at": ""} == {
        "case_no": case_no, "contact_no": "1", "review_no": "1", level: "5", "reviewed_at": "",
    }  # fmt: skip
    assert (json.loads(said[3])[level], json.loads(said[3])["case_no"]) == (None, None)


def test_every_reason_of_a_row_is_told() -> None:
    result = judged("health.institutions", {"beds": "-1", "category_code": "B9", "opened_on": "x", "name": ""})
    assert {f for _, f, _ in reasons(result)} == {"beds", "category_code", "opened_on", "name"}
    assert result.rejected == 1


def test_a_value_that_does_not_cast_is_not_checked_further() -> None:
    assert reasons(judged("health.institutions", {"beds": "x"})) == {(2, "beds", "not_a_number")}


def test_a_near_miss_is_suggested() -> None:
    told = judged("health.institutions", {"category_code": "A10"}).reasons.row(0, named=True)
    assert "A100" in told["message_en"]
    assert "A100" in told["message_zh"]


def test_a_null_lets_a_comparison_pass() -> None:
    assert judged("civil_affairs.elderly_care", {"nursing_beds": "", "residents": ""}).rejected == 0


def test_an_unknown_reference_warns_and_the_row_stays() -> None:
    known = {"reference.divisions.code": pl.Series(["990101001002"])}
    result = judged("health.institutions", {}, known=known)
    assert (result.accepted.height, result.rejected, result.warned) == (1, 0, 1)
    assert reasons(result) == {(2, "division_code", "unknown_reference")}
    assert judged("health.institutions", {}).reasons.height == 0


def test_a_personal_value_is_never_told() -> None:
    result = judged("evaluation.reviews", {"reviewer_phone": "1990000000x", "reviewer_id": "99010119900101123x"})
    for text in result.reasons.select("value", "message_zh", "message_en").rows():
        assert "1990000000" not in str(text)
        assert "990101199001" not in str(text)


def test_the_sum_rule_compares_with_its_parts() -> None:
    feed = FEEDS["civil_affairs.community_facilities"]
    rule = next(r for r in feed.rules if "sum" in r.form)
    total, parts = rule.form["sum"]["total"], rule.form["sum"]["parts"]
    base = {
        "facility_code": "990101F001",
        "reported_on": "2025-12-31",
        "facility_name": "甲",
        "division_code": "990101001001",
    }
    right = {total: "10", **dict.fromkeys(parts, "2.5")}
    wrong = {**right, total: "11"}
    silent = {total: "11"}
    result = judged(feed.id, {**base, **right}, {**base, **wrong, "facility_code": "990101F002"}, {**base, **silent, "facility_code": "990101F003"})  # fmt: skip
    assert {r for r, _, rule_code in reasons(result) if rule_code == "cross_field"} == {3}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "institution_code": st.sampled_from(["990101A001", "", "!!", "99 01"]),
                "beds": st.sampled_from(["1", "-1", "x", "", "１２", "1,000", "99999999"]),
                "category_code": st.sampled_from(["A100", "B9", "", "Ａ１００"]),
                "name": st.text(max_size=5),
                "status": st.sampled_from(["1", "0", "9", ""]),
            }
        ),
        max_size=8,
    )
)
def test_received_is_accepted_plus_rejected_and_pandera_agrees(rows) -> None:
    if not rows:
        return
    result = judged("health.institutions", *rows)
    assert result.received == len(rows) == result.accepted.height + result.rejected
    struck = set(result.reasons.filter(pl.col("severity") == "error")["_row"])
    assert set(result.accepted["_row"]) == set(range(2, len(rows) + 2)) - struck
    pandera_schema(FEEDS["health.institutions"]).validate(result.accepted, lazy=True)


def test_pandera_objects_to_what_the_checks_were_never_asked() -> None:
    """The second opinion is independent: given a row that should not be there, it says so."""
    from pandera.errors import SchemaErrors

    accepted = judged("health.institutions", {}).accepted.with_columns(pl.lit(-5, dtype=pl.Int64).alias("beds"))
    with pytest.raises(SchemaErrors):
        pandera_schema(FEEDS["health.institutions"]).validate(accepted, lazy=True)


def test_an_empty_batch_is_typed() -> None:
    feed = FEEDS["health.institutions"]
    arrangement = arrange(feed, None, ["机构代码"])
    empty = pl.DataFrame(schema={"机构代码": pl.String, "_row": pl.Int64, "_shape": pl.String})
    result = split(checker(arrangement, received_at=RECEIVED), lay_out(arrangement, empty))
    assert result.accepted.schema["beds"] == pl.Int64
    assert SimpleNamespace(**vars(result)).received == 0
