"""Record linkage of facilities: how well it does on the labelled demonstration city, and what no score may overrule."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest

from demo import city, civil_affairs, culture, deliver, sports
from demo.plan import Plan
from orchestration.derived import linkage
from orchestration.paths import DataDirectory
from orchestration.statistics.intervals import wilson

POLICY = linkage.policy()
# Not one of the cities the weights were set on (seeds 1 to 8).
CITY = Plan(seed=31, communities=1_000)


def facilities(plan: Plan) -> pl.DataFrame:
    """Three registers of the demonstration city; columns FACILITY."""
    town = city.build(plan)
    registers = (
        ("sports", sports.register(plan, town), "venue_id", "name"),
        ("culture", culture.register(plan, town), "venue_id", "name"),
        ("community", civil_affairs.facilities(plan, town), "facility_code", "facility_name"),
    )
    return pl.concat(
        rows.select(
            (pl.lit(f"{register}:") + pl.col(code)).alias("facility_id"),
            pl.col(name).alias("name"),
            "address", "phone", "longitude", "latitude",
        )
        for register, rows, code, name in registers
    )  # fmt: skip


def labelled(plan: Plan) -> set[tuple[str, str]]:
    """Pairs that are one building, from the truth the demonstration keeps."""
    register = pl.col("feed").replace_strict({feed.id: feed.register.id for feed in linkage.registers()})
    truth = deliver.shared_buildings(plan, city.build(plan)).with_columns(register.alias("register"))
    return together(truth.select(pl.concat_str("register", "facility_code", separator=":"), "complex"))


def together(members: pl.DataFrame) -> set[tuple[str, str]]:
    """Pairs of facilities (first column) that share a complex (second column)."""
    groups = members.group_by(members.columns[1]).agg(pl.col(members.columns[0]).sort())
    return {pair for ids in groups[:, 1].to_list() for pair in combinations(ids, 2)}


def linked(registered: pl.DataFrame, by_hand: dict[tuple[str, str], str] | None = None) -> set[tuple[str, str]]:
    links = linkage.decide(linkage.pairs(registered, POLICY), by_hand or {}, POLICY.rules)
    return together(linkage.complexes(links))


def damaged(registered: pl.DataFrame, share: float) -> pl.DataFrame:
    """The registers with `share` of the addresses, phones and points missing, each by itself."""
    rng = np.random.default_rng(3)
    gone = {c: pl.Series(rng.random(registered.height) < share) for c in ("address", "phone", "point")}
    of = {"address": "address", "phone": "phone", "longitude": "point", "latitude": "point"}
    return registered.with_columns(pl.when(~gone[g]).then(pl.col(c)).alias(c) for c, g in of.items())


@pytest.mark.parametrize(("missing", "least_recall"), [(0.0, 0.98), (0.1, 0.90)])
def test_precision_and_recall_on_a_labelled_city(missing: float, least_recall: float) -> None:
    truth = labelled(CITY)
    found = linked(damaged(facilities(CITY), missing))
    right = len(truth & found)
    precision, recall = right / len(found), right / len(truth)
    precision_lo, recall_lo = (float(wilson(right, n)[0]) for n in (len(found), len(truth)))
    assert len(truth) == 750
    assert precision_lo >= 0.98, f"precision {precision:.4f}, 95 % interval from {precision_lo:.4f}"
    assert recall_lo >= least_recall, f"recall {recall:.4f}, 95 % interval from {recall_lo:.4f}"


# ── what people decide ──────────────────────────────────────────────────────────────────────────


def links(*rows: tuple[str, str, float]) -> pl.DataFrame:
    """Scored pairs whose comparisons nobody looks at."""
    scored = pl.DataFrame(rows, schema=["left_id", "right_id", "probability"], orient="row")
    return scored.with_columns(pl.lit(None).alias(c) for c in list(linkage.LINKS)[3:-2])


def grouped(scored: pl.DataFrame, by_hand: dict[tuple[str, str], str]) -> set[frozenset[str]]:
    found = linkage.complexes(linkage.decide(scored, by_hand, POLICY.rules))
    return {frozenset(g["facility_id"]) for g in found.partition_by("complex_id")}


def test_between_the_thresholds_a_person_is_asked_and_nothing_is_joined() -> None:
    unsure = (POLICY.rules["review_from"] + POLICY.rules["link_from"]) / 2
    decided = linkage.decide(links(("a", "b", unsure), ("b", "c", 0.999)), {}, POLICY.rules)
    assert decided["decision"].to_list() == ["review", "linked"]
    assert linkage.complexes(decided).rows() == [("b", "b"), ("c", "b")]


def test_a_link_by_hand_wins_over_the_score_and_over_silence() -> None:
    scored = links(("a", "b", 0.4))
    assert grouped(scored, {("a", "b"): "same", ("c", "d"): "same"}) == {frozenset("ab"), frozenset("cd")}
    assert grouped(links(("a", "b", 0.999)), {("a", "b"): "different"}) == set()


def test_what_a_person_keeps_apart_no_third_facility_brings_together() -> None:
    chain = links(("a", "b", 0.9999), ("b", "c", 0.999))
    assert grouped(chain, {}) == {frozenset("abc")}
    assert grouped(chain, {("a", "c"): "different"}) == {frozenset("ab")}


def test_every_decision_by_hand_names_a_smaller_and_a_larger_id(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("contracts.loading.POLICIES", tmp_path)
    (tmp_path / "facility_link_decisions.csv").write_text(
        "left_id,right_id,decision,decided_by,decided_on,reason\nsports:2,culture:1,same,wang,2026-01-05,visited\n"
    )
    assert linkage.decisions() == {("culture:1", "sports:2"): "same"}


# ── what is compared ────────────────────────────────────────────────────────────────────────────


def facility(facility_id: str, **known: object) -> dict[str, object]:
    return dict.fromkeys(linkage.FACILITY) | {"facility_id": facility_id} | known


def test_spellings_of_one_building_are_one_and_neighbours_are_not() -> None:
    rows = [
        facility("culture:1", name="臺南文化體育館", address="臺南市新營區 民治路３６號", longitude=120.3101, latitude=23.3101),
        facility("sports:1", name="台南文化體育館", address="台南市新營區民治路36號", longitude=120.3102, latitude=23.3101),
        facility("sports:2", name="南瀛綠都心公園", address="台南市新營區民治路38號", longitude=120.3103, latitude=23.3102),
    ]  # fmt: skip
    assert linked(pl.DataFrame(rows, schema=dict(linkage.FACILITY))) == {("culture:1", "sports:1")}


def test_a_number_in_the_name_tells_two_parks_apart_and_a_pair_without_points_has_no_distance() -> None:
    here = {"longitude": 120.2501, "latitude": 22.9501}
    parks = [
        facility("sports:9", name="公兒9公園", address="義林七街與義林一街東側", **here),
        facility("sports:10", name="公兒10公園", address="義林六街與義林一街東側", **here),
        facility("health:1", name="嘉恩診所", address="新北市板橋區陽明街40號", phone="02-29570000"),
        facility("health:2", name="佳恩診所", address="新北市板橋區陽明街40號", phone="(02)2957-0000"),
    ]
    found = linkage.pairs(pl.DataFrame(parks, schema=dict(linkage.FACILITY)), POLICY)
    numbered = found.filter(pl.col("left_id") == "sports:10")
    assert numbered["name_agreement"].to_list() == ["unlike"]
    assert (numbered["probability"] < POLICY.rules["link_from"]).all()
    clinics = found.filter(pl.col("left_id") == "health:1")
    assert clinics.select("phone_agreement", "distance_agreement", "distance_m").rows() == [("same", None, None)]


def test_a_point_that_many_addresses_share_is_no_evidence() -> None:
    n = int(POLICY.rules["default_point_from"])
    rows = [
        facility(f"sports:{i}", name="健身路径", address=f"示范市甲区乙街道示范路{i}号", longitude=119.9, latitude=38.9)
        for i in range(n)
    ]
    table = linkage.features(pl.DataFrame(rows, schema=dict(linkage.FACILITY)), POLICY.rules)
    assert table["longitude"].null_count() == n
    assert linked(pl.DataFrame(rows, schema=dict(linkage.FACILITY))) == set()


@pytest.mark.parametrize("shared", [{"longitude": 120.1, "latitude": 30.2}, {"phone": "0999-88000001"}])
@pytest.mark.parametrize("address", [None, "示范市甲区"])
def test_a_point_or_telephone_of_many_names_is_a_default_with_or_without_addresses(shared, address) -> None:
    names = [f"{n}健身点" for n in ("幸福", "平安", "和平", "建设", "胜利", "团结", "光明", "东风")]
    rows = [facility(f"sports:{i}", name=name, address=address, **shared) for i, name in enumerate(names)]
    assert linkage.pairs(pl.DataFrame(rows, schema=dict(linkage.FACILITY)), POLICY).height == 0


@pytest.mark.parametrize(
    ("one", "other", "agreement"),
    [
        ("Masarykova 12, Karlovy Vary", "MASARYKOVA  12,  Karlovy Vary", "same"),
        ("Nádražní 5/12, 360 01 Karlovy Vary", "Nadrazni 5/12, 36001 Karlovy Vary", "same"),
        ("12 High St, Leeds", "High St 12, Leeds", "same_number"),
        ("Masarykova 12, Karlovy Vary", "Masarykova 14, Karlovy Vary", "other_number"),
        ("Masarykova 12, Karlovy Vary", "Masarykova 112, Karlovy Vary", "other_number"),
        ("Lesní, Cheb", "Polní, Cheb", "other"),
        ("ул. Ленина 5, Москва", "УЛ. ЛЕНИНА 5, МОСКВА", "same"),
        ("ул. Ленина 5, Москва", "ул. Ленина 7, Москва", "other_number"),
        ("臺南市新營區民治路36號", "民治路36號", "same"),
        ("臺南市新營區民治路36號", "臺南市新營區民治路136號", "other_number"),
    ],
)
def test_equal_addresses_are_equal_and_other_numbers_are_other_in_any_script(one, other, agreement) -> None:
    here = {"name": "Knihovna", "phone": "353 111 222"}
    rows = [facility("culture:1", address=one, **here), facility("sports:1", address=other, **here)]
    generous = linkage.Policy(POLICY.weights, {**POLICY.rules, "review_from": 0.0})
    found = linkage.pairs(pl.DataFrame(rows, schema=dict(linkage.FACILITY)), generous)
    assert found["address_agreement"].to_list() == [agreement]


# ── the registers ───────────────────────────────────────────────────────────────────────────────


def test_a_facility_is_compared_as_it_was_last_described(tmp_path) -> None:
    data = DataDirectory(tmp_path)
    for n, name in enumerate(("旧名", "新名")):
        path = data.accepted / "sports.venues" / f"2026-0{n + 1}-01" / "r.parquet"
        path.parent.mkdir(parents=True)
        pl.DataFrame(
            {"venue_id": "1", "name": name, "address": "a", "phone": "1", "longitude": 1.0, "latitude": 2.0,
             "_received_at": n, "_receipt": "r", "_row": 1, "_sender": "s"}
        ).write_parquet(path)  # fmt: skip
    assert linkage.registered(data).select("facility_id", "name").rows() == [("sports:1", "新名")]
    assert linkage.write(data) == {"facilities": 1, "complexes": 0}


def test_a_city_without_registers_has_typed_tables(tmp_path) -> None:
    data = DataDirectory(tmp_path)
    linkage.ensure_typed(data)
    assert {name: dict(pl.read_parquet_schema(path)) for name, path in linkage.paths(data).items()} == {
        "facility_links": dict(linkage.LINKS),
        "facility_complexes": dict(linkage.COMPLEXES),
    }
    linkage.write(data)
    assert pl.read_parquet(linkage.paths(data)["facility_links"]).schema == pl.Schema(linkage.LINKS)
