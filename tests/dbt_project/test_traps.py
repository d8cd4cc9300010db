"""What corrupts an evaluation silently, one test each: the traps of the domain notes, from the sender's code to the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import pytest
from building import accept, build

from contracts.door.arranging import arrange, lay_out
from contracts.door.rows import checker, split
from contracts.loading import load_feeds
from contracts.model import Layout
from orchestration.paths import DataDirectory
from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.inequality import theil_l, theil_t

pytestmark = pytest.mark.slow

REVIEWS = load_feeds()["evaluation.reviews"]
NOON = datetime(2026, 2, 2, 12, 0, 7)
# case → channel, its scheme, whether the sender marks a default, level
SENT = {
    "sms_of_social_security": ("7", "social_security", None, 5),
    "default_of_zhejiang": ("7", "zj", None, 5),
    "default_that_says_so": ("1", "zj", True, 3),
    "phone": ("6", "social_security", None, 4),
    "sms_of_zhejiang": ("6", "zj", None, 4),
    "asked": ("1", "zj", None, 5),
    "asked_and_bad": ("1", "zj", None, 1),
}
# The worked example of the points of Guangdong: level → reviews.
WORKED = {5: 70, 4: 20, 3: 5, 2: 3, 1: 2}


def read(code_scheme: dict[str, str], values: dict[str, Any] | None = None, **row: str) -> Any:
    """One review through the door as a sender with this layout spells it."""
    said = Layout(
        feed=REVIEWS.id, sender="t", version="1.0.0", description={"zh": "测", "en": "t"},
        code_scheme={"tags": "v2", "channels": "zj"} | code_scheme, values=values or {},
    )  # fmt: skip
    sent = {
        "case_no": "990101202601150001",
        "contact_no": "1",
        "review_no": "1",
        "satisfaction": "5",
        "channel": "1",
        "reviewed_at": "2026-02-01 10:00:00",
        "comment": "等了很久",
    } | row
    batch = pl.DataFrame(
        {k: [v] for k, v in sent.items()} | {"_row": [2], "_shape": pl.Series([None], dtype=pl.String)}
    )
    arrangement = arrange(REVIEWS, said, list(sent))
    return split(checker(arrangement, received_at=datetime(2026, 3, 1, 2)), lay_out(arrangement, batch))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    data = DataDirectory(tmp_path_factory.mktemp("traps"))
    data.derived.mkdir()
    contacts, reviews = [], []

    def add(
        case: str, n: int, *, level: int, reviewed_at: datetime, window: str, department: str = "health", **more: Any
    ) -> None:
        key = {"case_no": case, "contact_no": 1}
        closed = NOON + timedelta(minutes=7 * n)
        contacts.append(
            key
            | {
                "department_code": department, "service_item_code": "BPS02", "division_code": "990101001001", "channel": "1",
                "facility_code": "hall", "window_no": window, "opened_at": closed - timedelta(hours=1), "closed_at": closed,
                "named": True,
            }
        )  # fmt: skip
        reviews.append(
            key
            | {
                "review_no": 1, "satisfaction": str(level), "satisfaction_level": str(level), "satisfaction_scheme": "interface",
                "reviewed_at": reviewed_at, "reviewer_key": case,
            }
            | more
        )  # fmt: skip

    for n, (case, (channel, scheme, marked, level)) in enumerate(SENT.items()):
        add(case, n, level=level, reviewed_at=NOON + timedelta(days=1, minutes=97 * n), window="1", channel=channel,
            channels_scheme=scheme, is_default=marked, comment="好")  # fmt: skip
    for n in range(10):
        add(f"posted_{n}", n, level=5, reviewed_at=NOON + timedelta(minutes=7 * n + 2), window="2", channel="5",
            channels_scheme="zj", tags="510,517", comment="")  # fmt: skip
    for n, level in enumerate(level for level, times in WORKED.items() for _ in range(times)):
        add(f"worked_{n}", n, level=level, reviewed_at=NOON + timedelta(days=2, minutes=n), window="1", department="education",
            channel="1", channels_scheme="zj", comment="好")  # fmt: skip
    accept(data, load_feeds()["evaluation.contacts"], contacts, datetime(2026, 3, 1, 2))
    accept(data, REVIEWS, reviews, datetime(2026, 3, 1, 2))
    build(
        data,
        "--select",
        "+review_scorecard",
        "--exclude-resource-type",
        "unit_test",
        "test",
        variables={"review_policy": "guangdong"},
    )
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        yield con


def of_case(con: Any, case: str, column: str) -> Any:
    query = f"""
        select reviews.{column} from reviews.fct_review as reviews
        join reviews.fct_contact as contacts on reviews.contact_id = contacts.contact_id where contacts.case_no = ?
    """
    ((value,),) = con.execute(query, [case]).fetchall()
    return value


def test_trap_1_satisfaction_runs_in_both_directions() -> None:
    very_satisfied = read({"satisfaction": "interface"}, satisfaction="5").accepted
    very_dissatisfied = read({"satisfaction": "gbt39046"}, satisfaction="5").accepted
    assert (very_satisfied["satisfaction_level"][0], very_dissatisfied["satisfaction_level"][0]) == ("5", "1")
    # A tag's first digit is a canonical level: 517 praises, and fits code 1 of GB/T 39046 alone.
    assert read({"satisfaction": "gbt39046"}, satisfaction="1", tags="517").rejected == 0
    assert read({"satisfaction": "interface"}, satisfaction="1", tags="517").rejected == 1


def test_trap_2_channel_7_is_a_text_message_here_and_a_default_there(warehouse: Any) -> None:
    assert (of_case(warehouse, "sms_of_social_security", "channel_code"), of_case(warehouse, "sms_of_social_security", "validity")) == ("sms", "valid")  # fmt: skip
    assert of_case(warehouse, "default_of_zhejiang", "validity") == "default"
    assert [of_case(warehouse, case, "channel_code") for case in ("phone", "sms_of_zhejiang")] == ["phone", "sms"]


def test_trap_3_a_promise_comes_in_days_and_never_as_a_code_that_two_sources_swap() -> None:
    contacts = load_feeds()["evaluation.contacts"]
    assert contacts.by_name["promised_days"].kind == "integer"
    known = {spelling for field in contacts.fields for spelling in (field.name, field.header, *field.synonyms)}
    assert known & {"promiseTime", "办件类型"} == set()


def test_trap_4_a_person_is_1_here_and_0_there() -> None:
    guangdong = {"reviewer_kind": {"map": {"0": "1", "1": "2"}}}
    scheme = {"satisfaction": "interface"}
    assert read(scheme, reviewer_kind="0").reasons["rule"].to_list() == ["not_in_code_list"]
    assert [read(scheme, guangdong, reviewer_kind=code).accepted["reviewer_kind"][0] for code in "01"] == ["1", "2"]


def test_trap_5_a_default_is_kept_and_is_nobody_s_answer(warehouse: Any) -> None:
    for case in ("default_of_zhejiang", "default_that_says_so"):
        assert of_case(warehouse, case, "validity") == "default"
        assert of_case(warehouse, case, "verdict") is None
    row = warehouse.execute(
        "select contacts, reviews, default_reviews, suspect_reviews, active_reviews, good_reviews, not_reviewed_share "
        "from reviews.review_scorecard where dimension = 'department' and code = 'health' and month = '2026-02-01'"
    ).fetchone()
    assert row == (17, 17, 2, 10, 5, 4, pytest.approx(12 / 17))


def test_trap_6_a_routine_that_posts_five_stars_is_found_without_any_flag(warehouse: Any) -> None:
    found = warehouse.execute(
        "select suspect_rule, count(*), min(evidence) from reviews.fct_review where suspect_rule is not null group by all"
    ).fetchall()
    assert found == [("constant_lag", 10, '{"reviews": 10, "lag_seconds": 120, "reviews_around": 10}')]
    with_them, without = warehouse.execute(
        "select good_rate_with_suspects, good_rate from reviews.review_scorecard where dimension = 'department' and code = 'health' and month = '2026-02-01'"
    ).fetchone()
    assert (with_them, without) == (pytest.approx(14 / 15), pytest.approx(4 / 5))


def test_trap_7_two_indices_are_called_theil() -> None:
    spread = (10, 10, 10, 20, 50)
    # What the software REAT prints as "theil" is L; T of the same data is another number.
    assert theil_l(spread) == pytest.approx(0.2326302, abs=5e-8)
    assert theil_t(spread) == pytest.approx(0.2502012, abs=5e-8)
    assert theil_l(spread, base=10) == pytest.approx(0.2326302 / 2.302585093, abs=5e-8)
    # Beds for people: equal shares are equal however many live there, and people without a bed are no zero to skip.
    assert theil_t((10, 30), (1_000, 3_000)) == pytest.approx(0) == theil_l((10, 30), (1_000, 3_000))
    assert theil_t((0, 40), (1_000, 3_000)) == pytest.approx(0.28768207)
    with pytest.raises(StatisticsError, match=r"units \[0\] have none of the resource"):
        theil_l((0, 40), (1_000, 3_000))


def test_the_worked_example_has_8_99_points(warehouse: Any) -> None:
    row = warehouse.execute(
        "select mean_points, good_rate, bad_rate, n5, n4, n3, n2, n1, policy from reviews.review_scorecard "
        "where dimension = 'department' and code = 'education' and month = '2026-02-01'"
    ).fetchone()
    assert row == (pytest.approx(8.99), pytest.approx(0.95), pytest.approx(0.05), 70, 20, 5, 3, 2, "guangdong")
