"""Real public files come in whole through their senders' layouts, and mean what the layouts say they mean."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from contracts.door.delivery import Delivery, Outcome, pass_file
from contracts.door.privacy import load_key
from contracts.loading import load_feeds, load_layouts
from contracts.reading import fold
from orchestration.night.real_run import real_deliveries

# (feed, sender) → rows received, accepted; what is not accepted is quarantined.
EXPECTED = {
    ("reference.divisions", "modood_2023_provinces"): (31, 31),
    ("reference.divisions", "modood_2023_cities"): (342, 342),
    ("reference.divisions", "modood_2023_areas"): (2978, 2978),
    ("reference.divisions", "modood_2023_streets"): (41352, 41352),
    ("reference.divisions", "kiang_villages"): (22 + 368 + 7851, 22 + 368 + 7851),
    ("reference.population", "kiang_population"): (7761, 7761),
    ("reference.population", "jiangsu_census_2020"): (32, 32),
    ("health.institutions", "nhi_hospitals"): (426, 426),
    ("health.institutions", "nhi_clinics"): (12683, 12683),
    ("health.institutions", "fever_clinics_2020"): (6753, 0),
    ("sports.venues", "tainan_parks"): (486, 486),
    ("culture.venues", "tainan_monuments"): (67, 67),
    ("culture.venues", "tainan_national_monuments"): (12, 12),
    ("culture.venues", "tainan_residences"): (152, 152),
    ("civil_affairs.community_facilities", "tainan_activity_centres"): (344, 344),
    ("evaluation.survey_questions", "san_diego_2015"): (130, 130),
    ("evaluation.survey_samples", "san_diego_2015"): (2477, 2477),
    # 101 questions and 2,477 people, less the 296 who named fewer than four services.
    ("evaluation.survey_responses", "san_diego_2015"): (101 * 2477 - 296, 101 * 2477 - 296),
}
LARGE = {
    ("reference.divisions", "vonng_2016"): (713035, 713035),
    ("reference.divisions", "modood_2023_villages"): (620573, 620573),
}
# 72 files, by the month they describe: provinces, prefectures and counties in each.
COUNTY_VINTAGES = ("reference.divisions", "gb2260")


def taken_in(shared_data: Path, folder: Path, feed: str, sender: str) -> tuple[Outcome, Path, Path]:
    row = next(r for r in real_deliveries(shared_data) if (r["feed"], r["sender"]) == (feed, sender))
    return passed(row, folder)


def passed(row: dict[str, str], folder: Path) -> tuple[Outcome, Path, Path]:
    feed, sender = row["feed"], row["sender"]
    path, contract = Path(row["path"]), load_feeds()[feed]
    moment = datetime.fromisoformat(row["received_on"])
    delivery = Delivery(path, path.name, contract, sender, "receipt", moment, load_layouts()[feed, sender])
    accepted, quarantine = folder / "accepted.parquet", folder / "quarantine.parquet"
    outcome = pass_file(delivery, key=load_key(folder), accepted=accepted, quarantine=quarantine)
    return outcome, accepted, quarantine


@pytest.fixture
def rows(shared_data, tmp_path):
    """(feed, sender) → the accepted rows of its real file."""

    def read(feed: str, sender: str) -> pl.DataFrame:
        return pl.read_parquet(taken_in(shared_data, tmp_path, feed, sender)[1])

    return read


def in_tainan(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("longitude").is_between(120.0, 120.7) & pl.col("latitude").is_between(22.8, 23.5))


def test_every_file_of_the_list_is_there_and_expected(shared_data) -> None:
    listed = real_deliveries(shared_data)
    assert {(r["feed"], r["sender"]) for r in listed} == set(EXPECTED) | set(LARGE) | {COUNTY_VINTAGES}
    assert [r["path"] for r in listed if not Path(r["path"]).is_file()] == []


@pytest.mark.parametrize(("feed", "sender"), EXPECTED)
def test_every_row_of_a_real_file_is_accounted_for(shared_data, tmp_path, feed, sender) -> None:
    outcome, accepted, quarantine = taken_in(shared_data, tmp_path, feed, sender)
    assert (outcome.verdict, outcome.message_en) == ("accepted", None)
    assert (outcome.rows_received, outcome.rows_accepted) == EXPECTED[feed, sender]
    assert outcome.rows_received == outcome.rows_accepted + outcome.rows_quarantined
    assert pl.read_parquet(accepted).height == outcome.rows_accepted
    struck = pl.read_parquet(quarantine).filter(pl.col("severity") == "error")
    assert struck["_row"].n_unique() == outcome.rows_quarantined


@pytest.mark.slow
@pytest.mark.parametrize(("feed", "sender"), LARGE)
def test_the_mainland_comes_in_whole(shared_data, tmp_path, feed, sender) -> None:
    outcome, _, _ = taken_in(shared_data, tmp_path, feed, sender)
    assert (outcome.rows_received, outcome.rows_accepted) == LARGE[feed, sender]


@pytest.mark.slow
def test_seventy_two_vintages_of_counties_come_in_whole_and_the_last_of_a_year_is_the_latest(
    shared_data, tmp_path
) -> None:
    listed = [r for r in real_deliveries(shared_data) if (r["feed"], r["sender"]) == COUNTY_VINTAGES]
    last, received, quarantined = {}, 0, 0
    for row in listed:
        outcome, accepted, _ = passed(row, tmp_path)
        source = pl.read_csv(row["path"], separator="\t", infer_schema=False)
        # Some editions give one code to two places: the second is quarantined, for nobody here knows which is right.
        assert (outcome.rows_received, outcome.rows_accepted) == (source.height, source["Code"].n_unique())
        assert {reason["rule"] for reason in outcome.reasons} <= {"key_repeated"}
        rows = pl.read_parquet(accepted)
        (vintage,) = rows["vintage"].unique()
        assert row["received_on"] > last.get(vintage, ("",))[0]
        last[vintage] = (row["received_on"], source["Revision"][0])
        received += source.height
        quarantined += outcome.rows_quarantined
        if vintage == 2019:
            of = {r["code"]: (r["name"], r["level"], r["parent_code"]) for r in rows.rows(named=True)}
    assert (len(listed), received, quarantined, min(last), max(last)) == (72, 231_177, 17, 1980, 2019)
    assert last[2015][1] == "201512"
    assert of["110101000000"] == ("东城区", "county", "110000000000")  # a municipality has no prefectures
    assert of["130102000000"] == ("长安区", "county", "130100000000")
    assert of["469001000000"] == ("五指山市", "county", "460000000000")  # directly below its province
    assert of["130100000000"][1:] == ("city", "130000000000")
    assert of["130000000000"][1:] == ("province", None)


@pytest.mark.parametrize(("one", "other"), [("Q2_7", "Q27"), ("^province", "province"), ("1__2", "12")])
def test_headers_that_real_files_have_side_by_side_are_told_apart(one, other) -> None:
    assert fold(one) != fold(other)


def test_short_codes_of_2023_become_twelve_digits_under_their_parents(rows) -> None:
    counties = rows("reference.divisions", "modood_2023_areas")
    park = counties.row(by_predicate=pl.col("code") == "320576000000", named=True)
    assert (park["name"], park["parent_code"], park["level"], park["vintage"]) == (
        "苏州工业园区", "320500000000", "county", 2023,
    )  # fmt: skip


def test_one_row_of_taiwans_village_file_is_three_divisions_and_none_comes_twice(rows) -> None:
    divisions = rows("reference.divisions", "kiang_villages")
    assert divisions["level"].value_counts().sort("level").rows() == [("city", 22), ("county", 368), ("village", 7851)]
    named = {r["code"]: (r["name"], r["parent_code"]) for r in divisions.rows(named=True)}
    assert named["67"] == ("台南市", None)
    assert named["6701800"] == ("新化區", "67")
    assert named["6701800-018"] == ("𦰡拔里", "6701800")
    assert set(divisions["parent_code"].drop_nulls()) <= set(named)


def test_population_and_divisions_meet_by_name_and_never_by_code(rows) -> None:
    divisions, population = (
        rows("reference.divisions", "kiang_villages"),
        rows("reference.population", "kiang_population"),
    )
    assert set(divisions["code"]).isdisjoint(population["division_code"])
    names = dict(divisions.select("code", "name").rows())
    above = dict(divisions.select("code", "parent_code").rows())
    villages = divisions.filter(pl.col("level") == "village")
    paths = {names[above[d]] + names[d] + name for d, name in villages.select("parent_code", "name").rows()}
    paths = {path.replace("臺", "台") for path in paths}
    assert sum(name.replace("臺", "台") in paths for name in population["division_name"]) == 7666
    assert population["year"].unique().to_list() == [2021]


def test_a_census_table_without_codes_gets_those_of_the_statistical_list(rows) -> None:
    census = {r["division_code"]: r for r in rows("reference.population", "jiangsu_census_2020").rows(named=True)}
    assert census["320576000000"]["population"] == 1_133_927
    assert census["320500000000"]["population"] == 12_748_262
    assert census["320614000000"]["division_name"] == "江苏省南通市海门区"


def test_parks_in_hectares_become_square_metres_in_their_district(rows, shared_data) -> None:
    parks = rows("sports.venues", "tainan_parks")
    hectares = pl.read_csv(shared_data / "sports" / "tainan_parks.csv")["面積"]
    assert parks["area_m2"].sum() == pytest.approx(10_000 * hectares.sum())
    assert in_tainan(parks).height == 486
    by_bureau = parks.filter(pl.col("venue_id").is_in(["park-6", "park-7"]))
    assert by_bureau["division_name"].to_list() == ["臺南市山上區山上里"] * 2


def test_swapped_headers_of_the_activity_centres_are_put_right(rows) -> None:
    centres = rows("civil_affairs.community_facilities", "tainan_activity_centres")
    assert in_tainan(centres).height == 341
    assert centres["longitude"].null_count() == 3
    assert centres["is_comprehensive"].null_count() == 344
    shared = centres.filter(pl.col("facility_name") == "和愛社區活動中心")
    assert shared["division_name"].to_list() == ["臺南市仁德區仁愛里"]
    assert not centres["division_name"].str.contains(r"[\n?、\x{E000}-\x{F8FF}]").any()


def test_monuments_are_points_inside_the_city(rows) -> None:
    assert in_tainan(rows("culture.venues", "tainan_monuments")).height == 67
    national = rows("culture.venues", "tainan_national_monuments")
    assert national["venue_id"].n_unique() == 12


def test_residences_tell_of_a_house_and_of_no_persons_life(rows) -> None:
    houses = rows("culture.venues", "tainan_residences")
    assert houses["name"].str.ends_with("故居").all()
    assert houses["status"].unique().to_list() == ["0"]
    assert houses["longitude"].null_count() == 15


def test_hospitals_below_three_title_rows(shared_data, tmp_path) -> None:
    outcome, accepted, _ = taken_in(shared_data, tmp_path, "health.institutions", "nhi_hospitals")
    assert (outcome.format, outcome.sheet, outcome.header_row) == ("ods", "明細", 4)
    first = pl.read_parquet(accepted).row(0, named=True)
    assert (first["institution_code"], first["category_code"], first["_row"]) == ("1131010011", "A", 5)
    assert first["phone"] is None


def test_a_list_without_codes_is_quarantined_for_what_it_lacks(shared_data, tmp_path) -> None:
    _, _, quarantine = taken_in(shared_data, tmp_path, "health.institutions", "fever_clinics_2020")
    reasons = pl.read_parquet(quarantine).group_by("field", "rule").len().sort("field").rows()
    assert reasons == [("category_code", "required_missing", 6753), ("institution_code", "required_missing", 6753)]


def test_only_five_point_questions_have_a_scale(rows) -> None:
    questions = rows("evaluation.survey_questions", "san_diego_2015")
    scaled = questions.filter(pl.col("lowest").is_not_null())
    assert scaled.height == 91 + 12 + 4 + 1
    assert scaled.select("lowest", "highest", "dont_know_codes").unique().rows() == [(1, 5, "9")]
    assert scaled["dimension"].null_count() == 0
    assert questions.filter(pl.col("dimension") == "overall")["text"].to_list() == [
        "Quality of services provided by the City"
    ]


def test_answers_are_melted_and_the_background_of_people_is_not(rows) -> None:
    answers = rows("evaluation.survey_responses", "san_diego_2015")
    asked = set(answers["question_id"])
    assert len(asked) == 101
    assert {"Q1_1", "Q18"} <= asked
    assert asked.isdisjoint({"Q20", "Q22", "Q25_1st", "Q27", "ZIP"})
    of_first = answers.filter((pl.col("respondent_id") == "1") & (pl.col("question_id") == "Q2_6"))
    assert of_first["answer"].to_list() == ["3"]


def test_the_sample_has_districts_and_no_weights(rows) -> None:
    sample = rows("evaluation.survey_samples", "san_diego_2015")
    assert sample["division_code"].n_unique() == 9
    assert sample["base_weight"].null_count() == 2477
    assert sample["sex"].value_counts().sort("sex").rows() == [("1", 1248), ("2", 1205), ("9", 24)]
    assert sample["age_band"].null_count() == 109
