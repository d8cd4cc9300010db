"""The demo's city is the same every time, sized by one number, and its mistakes are where it says they are."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from contracts.loading import load_feeds, load_layouts
from demo import contacts, culture, health, rectifications, reviews, sports
from demo.civil_affairs import HOMES, facilities
from demo.deliver import World, build, make, shared_buildings
from demo.files import SHANGHAI, Delivery, headers_of
from demo.plan import Plan
from demo.spoil import KEPT, Fault, full_width, plant

SMALL = Plan(seed=11, communities=40, days=31)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Delivery]:
    return make(tmp_path_factory.mktemp("inbox"), seed=11, communities=40, days=31)


@pytest.fixture(scope="module")
def world() -> World:
    return build(SMALL)


@pytest.fixture(scope="module")
def city() -> World:
    """The city of the default size."""
    return build(Plan())


def fingerprints(folder: Path, deliveries: list[Delivery]) -> dict[str, tuple[str, float]]:
    return {
        str(d.path.relative_to(folder)): (hashlib.sha256(d.path.read_bytes()).hexdigest(), d.path.stat().st_mtime)
        for d in deliveries
    }


def rows_sent(deliveries: list[Delivery], feed: str, sender: str = "shifan") -> pl.DataFrame:
    """All rows of a feed's healthy text files, under the sender's headers, as text."""
    encoding = "gb18030" if sender == "wuliuwang" else "utf8"
    return pl.concat(
        pl.read_csv(d.path, infer_schema=False, encoding=encoding, truncate_ragged_lines=True)
        for d in deliveries
        if (d.feed, d.sender) == (feed, sender) and d.rows
    )


# ── the same every time, and only as large as asked ────────────────────────────────────────────


def test_same_seed_gives_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    runs = {}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        runs[name] = fingerprints(tmp_path / name, make(tmp_path / name, seed=seed, communities=20, days=12))
    assert runs["a"] == runs["b"]
    unchanged = {path for path in runs["a"].keys() & runs["c"].keys() if runs["a"][path] == runs["c"][path]}
    # Only what chance has no part in is equal.
    assert {path.split("/")[0] for path in unchanged} == {"evaluation.survey_questions"}


def test_a_stream_of_chance_depends_on_its_name_alone() -> None:
    plan = Plan()
    first = plan.rng("sports.venues").random(4)
    plan.rng("a feed added later").random(1000)
    assert (plan.rng("sports.venues").random(4) == first).all()
    assert (plan.rng("culture.venues").random(4) != first).any()


@pytest.mark.parametrize("name", ["world", "city"])
def test_one_number_sizes_the_city(name: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(name)
    plan = {"world": SMALL, "city": Plan()}[name]
    assert world.city.communities.height == plan.communities
    registers = [m.register(plan, world.city) for m in (health, sports, culture)] + [facilities(plan, world.city)]
    homes = plan.scaled(HOMES)
    assert sum(r.height for r in registers) + homes == pytest.approx(7.5 * plan.communities, rel=0.03)
    assert world.contacts.height == pytest.approx(250 * plan.communities, rel=0.04)


def test_the_default_city_is_as_large_as_promised(city: World) -> None:
    assert city.contacts.height == pytest.approx(100_000, rel=0.01)
    active = city.reviews.filter(~pl.col("is_default"), pl.col("review_no") == 1)
    assert active.height / city.contacts.height == pytest.approx(0.39, abs=0.04)


def test_survey_wave_has_five_people_a_community(made: list[Delivery]) -> None:
    assert rows_sent(made, "evaluation.survey_samples").height == 5 * 40


@pytest.mark.parametrize("wrong", [{"communities": 19}, {"days": 0}])
def test_a_city_too_small_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"at least"):
        Plan(**wrong)


# ── every feed, every night ────────────────────────────────────────────────────────────────────


def test_every_feed_of_the_contracts_is_sent_and_every_layout_is_used(made: list[Delivery]) -> None:
    assert {d.feed for d in made} == set(load_feeds())
    ours = {key for key, layout in load_layouts().items() if "虚构" in layout.description["zh"]}
    assert ours <= {(d.feed, d.sender) for d in made}


def test_a_file_carries_the_time_it_was_received(made: list[Delivery]) -> None:
    for d in made:
        assert datetime.fromtimestamp(d.path.stat().st_mtime, SHANGHAI).replace(tzinfo=None) == d.received_at
        assert d.received_at.date() <= SMALL.until
        assert d.path.parts[-3:-1] == (d.feed, d.sender)


@pytest.mark.parametrize(
    ("until", "days", "expected"),
    [
        (date(2026, 3, 1), 61, [(date(2025, 11, 30), date(2025, 12, 30)), (date(2025, 12, 31), date(2026, 1, 6)), (date(2026, 1, 31), date(2026, 2, 6))]),
        (date(2026, 3, 1), 7, [(date(2026, 1, 31), date(2026, 2, 22))]),
        (date(2024, 3, 8), 2, [(date(2024, 2, 29), date(2024, 3, 6))]),
    ],
)  # fmt: skip
def test_month_ends_begin_with_an_initial_load(until: date, days: int, expected: list[tuple[date, date]]) -> None:
    assert Plan(until=until, days=days).month_ends(grace_days=6) == expected


def test_mishaps_of_whole_files(made: list[Delivery]) -> None:
    by_kind = {d.mishap: d for d in made if d.mishap}
    assert by_kind.keys() >= {"sent_twice", "corrected", "empty_file", "cut_off"}
    assert by_kind["empty_file"].path.stat().st_size == 0
    assert by_kind["cut_off"].path.read_bytes()[:2] == b"PK"
    contents = [hashlib.sha256(d.path.read_bytes()).hexdigest() for d in made if d.mishap == "sent_twice"]
    originals = {hashlib.sha256(d.path.read_bytes()).hexdigest() for d in made if d.mishap is None}
    assert contents
    assert originals.issuperset(contents)
    late = {d.path.name: d.received_at.date() for d in made if d.feed == "evaluation.contacts"}
    assert late["办件台账20260218.csv"] == date(2026, 2, 22)


# ── the city ───────────────────────────────────────────────────────────────────────────────────


def test_divisions_form_a_tree_in_each_vintage(world: World) -> None:
    for _, vintage in world.city.divisions.group_by("vintage"):
        assert vintage["code"].is_unique().all()
        assert vintage["code"].str.contains("^99[0-9]{10}$").all()
        assert vintage["name"].str.contains("示范").all()
        children = vintage.filter(pl.col("level") != "province")
        assert children["parent_code"].is_in(vintage["code"].implode()).all()
        villages = vintage.filter(pl.col("level") == "village")
        assert villages["urban_rural_code"].str.contains("^(11[12]|12[12]|2[12]0)$").all()
        assert villages["code"].str.contains("498$").any()


def test_urban_and_rural_do_not_follow_the_kind_of_committee(city: World) -> None:
    communities = city.city.communities
    of_villages = communities.filter(pl.col("name").str.ends_with("村"))["area_type"]
    of_committees = communities.filter(pl.col("name").str.ends_with("社区"))["area_type"]
    assert set(of_villages) == set(of_committees) == {"urban", "rural"}


def test_codes_change_between_the_vintages(world: World) -> None:
    names = {
        v: dict(part.select("code", "name").iter_rows()) for (v,), part in world.city.divisions.group_by("vintage")
    }
    before, after = names[2024], names[2025]
    seen = set()
    for change, old, new in world.city.changes.iter_rows():
        seen.add(change)
        assert old in before
        assert new in after
        if change in ("renamed", "code_reused"):
            assert old == new
            assert before[old] != after[new]
        else:
            assert old not in after
            assert (new in before) == (change == "merged")
    assert seen == {"renamed", "merged", "recoded", "code_reused"}


def test_shared_buildings_stand_together_and_are_spelt_apart(world: World) -> None:
    city = world.city
    registers = {
        "sports.venues": sports.register(SMALL, city).select(facility_code="venue_id", address="address", name="name", x="longitude", y="latitude"),
        "culture.venues": culture.register(SMALL, city).select(facility_code="venue_id", address="address", name="name", x="longitude", y="latitude"),
        "civil_affairs.community_facilities": facilities(SMALL, city).select("facility_code", "address", name="facility_name", x="longitude", y="latitude"),
    }  # fmt: skip
    known = pl.concat(r.with_columns(pl.lit(feed).alias("feed")) for feed, r in registers.items())
    labelled = shared_buildings(SMALL, city).join(known, on=["feed", "facility_code"], how="inner")
    assert labelled.height == 3 * SMALL.scaled(0.25)
    buildings = labelled.group_by("complex").agg(
        pl.col("name").n_unique().alias("names"),
        ((pl.col("y").max() - pl.col("y").min()) * 111_320).alias("metres"),
    )
    assert (buildings["names"] == 3).all()
    assert buildings["metres"].max() < 120  # type: ignore[operator]
    assert labelled["address"].n_unique() > buildings.height


def test_population_adds_up_from_villages_to_the_city(made: list[Delivery], world: World) -> None:
    newest = world.city.communities
    assert (newest["aged_65_plus"] <= newest["aged_60_plus"]).all()
    assert (newest["urban_residents"] <= newest["population"]).all()
    path = next(d.path for d in made if d.path.name == "示范市常住人口2025年.xlsx")
    sheet = pl.read_excel(path, engine="calamine", read_options={"header_row": 2}, infer_schema_length=0)
    spoilt = {p.row for d in made if d.path == path for p in d.planted}
    rows = sheet.with_row_index().filter(~pl.col("index").is_in(list(spoilt))).cast({"常住人口": pl.Int64})
    city_wide = rows.filter(pl.col("区划代码") == "990100000000")["常住人口"]
    assert city_wide.is_empty() or city_wide.item() == newest["population"].sum()


# ── reviews and their loop ─────────────────────────────────────────────────────────────────────


def test_every_bad_review_says_why_before_faults_are_planted(world: World) -> None:
    bad = world.reviews.filter((pl.col("level") <= 2) & ~pl.col("is_default"))
    assert bad.height > 20
    assert (bad["tags"].is_not_null() | bad["comment"].is_not_null()).all()
    first_digits = world.reviews.drop_nulls("tags").filter(pl.col("record_action") == "I")
    assert (first_digits["tags"].str.head(1).cast(pl.Int64) == first_digits["level"]).all()


def test_defaults_are_written_for_silence_only_and_say_so(world: World) -> None:
    defaults = world.reviews.filter("is_default")
    assert (defaults["channel"] == "7").all()
    assert defaults["reviewer_id"].null_count() == defaults.height
    answered = world.reviews.filter(~pl.col("is_default"))
    assert defaults.join(answered, on=["case_no", "contact_no"], how="semi").is_empty()
    assert ((defaults["reviewed_at"].dt.date() - defaults["closed_at"].dt.date()) == reviews.DEFAULT_AFTER).all()


def test_brushing_is_five_stars_within_seconds_at_one_window(world: World) -> None:
    brushed = world.reviews.filter("is_brushed").sort("reviewed_at")
    places = brushed.join(world.contacts, on=["case_no", "contact_no"])
    assert brushed.height >= 20
    assert places.select("facility_code", "window_no").n_unique() == 1
    gaps = brushed["reviewed_at"].diff().dt.total_seconds().drop_nulls()
    assert gaps.filter(gaps < 3600).is_between(20, 40).all()
    assert (brushed["level"] == 5).all()
    assert (brushed["reviewed_at"] >= brushed["closed_at"]).all()


def test_the_two_review_systems_count_in_opposite_directions(made: list[Delivery]) -> None:
    words = {"非常满意": "1", "满意": "2", "基本满意": "3", "不满意": "4", "非常不满意": "5"}
    zone = rows_sent(made, "evaluation.reviews", "wuliuwang").filter(
        pl.col("满意度代码").is_in(["1", "2", "3", "4", "5"])
    )
    assert zone.height > 50
    assert (zone["满意度"].replace(words) == zone["满意度代码"]).all()
    main = rows_sent(made, "evaluation.reviews")
    tagged = main.filter(pl.col("评价详情").str.contains("^[1-5]"), pl.col("满意度").is_in(["1", "2", "3", "4", "5"]))
    assert (tagged["评价详情"].str.head(1) == tagged["满意度"]).mean() > 0.98  # type: ignore[operator]


def test_bad_reviews_are_sent_in_every_state_of_the_loop(city: World) -> None:
    plan = Plan()
    sent = pl.concat(parcel.frame for parcel in rectifications.parcels(plan, city.cases))
    assert set(sent["finding"]) == {None, "1", "2", "3", "4", "5"}
    assert set(sent["appeal"]) == {"none", "filed", "upheld", "dismissed"}
    assert set(sent["revisit_satisfaction"]) == {None, "1", "2", "3"}
    steps = ["accepted_at", "verified_at", "rectified_at", "replied_at", "revisited_at"]
    for earlier, later in pairwise(steps):
        both = sent.drop_nulls([earlier, later])
        assert (both[earlier] <= both[later]).all()
        assert both.height < sent.height
    malicious = sent.filter(pl.col("finding") == "4")
    assert malicious["malicious_decided_at"].null_count() == 0
    late = (sent["rectified_at"] - sent["accepted_at"]).dt.total_days()
    assert late.max() > 15  # type: ignore[operator]


def test_true_rates_hold_one_bad_department_one_bad_hall_and_one_small_unit(city: World) -> None:
    rates = contacts.true_rates(city.contacts)
    for kind in ("department", "facility"):
        ordered = rates.filter(pl.col("kind") == kind).sort("good_rate")
        assert ordered["good_rate"][0] < 0.9
        assert ordered["good_rate"][1] > 0.9
    assert rates.filter(pl.col("kind") != "service_item")["contacts"].min() < 60  # type: ignore[operator]


# ── fictional, all of it ───────────────────────────────────────────────────────────────────────


def test_personal_numbers_belong_to_nobody(made: list[Delivery]) -> None:
    texts = [
        d.path.read_bytes().decode("gb18030" if d.sender == "wuliuwang" or d.feed == "civil_affairs.assistance" else "utf8", "replace")
        for d in made
        if d.path.suffix in (".csv", ".ndjson")
    ]  # fmt: skip
    everything = "\n".join(texts)
    ids = re.findall(
        r"(?<![0-9])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9]{4}[0-9X](?![0-9])", everything
    )
    assert len(ids) > 500
    assert all(i.startswith("990") for i in ids)
    mobiles = re.findall(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])", everything)
    assert len(mobiles) > 500
    assert all(m.startswith("1990000") for m in mobiles)


# ── faults ─────────────────────────────────────────────────────────────────────────────────────


def test_planting_makes_each_fault_once_in_rows_of_their_own() -> None:
    typed = pl.DataFrame({"code": ["a", "b", "c", "d", "e", "f"], "n": [1, 2, 3, 4, 5, 6]})
    text = typed.cast(pl.String)
    faults = (
        Fault("n", "repaired", full_width, among=pl.col("n") == 3),
        Fault("code", "key_repeated"),
        Fault("", "too_many_cells"),
        Fault("n", "below_minimum", "-1", among=pl.col("n") > 99),
    )
    spoilt, planted = plant(Plan().rng("test"), typed, text, faults)
    assert [p.reason for p in planted] == ["repaired", "key_repeated", "too_many_cells"]
    assert len({p.row for p in planted}) == 3
    assert spoilt["n"][2] == "３"
    repeated = planted[1].row
    assert spoilt["code"][repeated] == spoilt["code"][repeated - 1]
    untouched = [i for i in range(6) if i not in {p.row for p in planted if p.field}]
    assert spoilt[untouched].equals(text[untouched])


@pytest.mark.slow
def test_the_door_finds_every_planted_fault_and_refuses_nothing_else(made: list[Delivery], tmp_path: Path) -> None:
    from contracts.door.delivery import Delivery as Sent
    from contracts.door.delivery import pass_file
    from contracts.door.privacy import load_key

    key, feeds, layouts = load_key(tmp_path, {}), load_feeds(), load_layouts()
    kinds: set[str] = set()
    for n, d in enumerate(made):
        if d.feed.endswith(("service_volumes", "contacts", "reviews", "rectifications")) and d.received_at.day % 10:
            continue
        accepted, quarantine = tmp_path / f"{n}.accepted", tmp_path / f"{n}.quarantine"
        sent = Sent(
            d.path, d.path.name, feeds[d.feed], d.sender, str(n), d.received_at, layouts.get((d.feed, d.sender))
        )
        outcome = pass_file(sent, key=key, accepted=accepted, quarantine=quarantine, guards=False)
        broken = d.mishap in ("empty_file", "wrongly_headed", "cut_off")
        assert (outcome.verdict == "refused") == broken, (d.path.name, outcome.message_en)
        if broken:
            continue
        assert outcome.rows_received == d.rows
        said = pl.read_parquet(quarantine)
        warned = set(said.filter(severity="warning").select("_row", "field").iter_rows())
        assert warned >= {(d.first_row + p.row, p.field) for p in d.planted if p.reason == "warned"}, d.path.name
        reasons = said.filter(severity="error")
        found = set(reasons.select("_row", "rule").iter_rows())
        # Where a later row takes an earlier one's place, a number that stands twice is told.
        told = {"key_repeated"} if feeds[d.feed].delivery == "upsert" else set()
        expected = {(d.first_row + p.row, p.reason) for p in d.planted if p.is_quarantined and p.reason not in told}
        assert found >= expected, d.path.name
        assert {row for row, _ in found} == {row for row, _ in expected}, d.path.name
        kinds |= {p.reason for p in d.planted}
    assert kinds >= {"repaired", "key_repeated", "too_many_cells", "too_few_cells", "cross_field", "not_in_code_list"}
    assert kinds >= {"impossible_date", "below_minimum", "unknown_unit", "required_missing", "code_not_in_layout"}
    assert kinds >= set(KEPT)


def test_files_speak_the_contracts_own_headers_unless_a_layout_says_otherwise(made: list[Delivery]) -> None:
    header = rows_sent(made, "evaluation.contacts").columns
    own = headers_of("evaluation.contacts")
    assert header == [own[name] for name in contacts.FIELDS]


def test_the_truth_is_written_only_when_asked_for_and_names_every_fault(tmp_path: Path) -> None:
    deliveries = make(tmp_path / "inbox", communities=20, days=12, truth=tmp_path / "truth")
    truth = {path.stem: pl.read_parquet(path) for path in (tmp_path / "truth").iterdir()}
    assert truth["faults"].height == sum(len(d.planted) for d in deliveries)
    assert truth["files"].height == len(deliveries)
    assert {"true_rates", "brushed_reviews", "shared_buildings", "division_changes"} <= truth.keys()
    assert all(table.height for table in truth.values())
    assert {path.name for path in (tmp_path / "inbox").iterdir()} == {d.feed for d in deliveries}
