"""Points arrive in WGS-84 whatever system they were sent in: row by row, else as the layout says."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime

import polars as pl
import pytest

from contracts.door.arranging import arrange, lay_out
from contracts.door.rows import checker, split
from contracts.loading import load_feeds, seed
from contracts.model import Layout
from contracts.reading import fold

FEEDS = load_feeds()
# Tiananmen, as the national system and Baidu's map give it, and where it lies.
SENT = {"wgs84": (116.391209, 39.907783), "gcj02": (116.397451, 39.909187), "bd09": (116.403824, 39.915527)}
WITHIN_DEGREES = 0.00006


def door(feed_id: str, crs: str | None, rows: list[tuple[str | None, float, float]]):
    """What the door makes of rows of (system as written, longitude, latitude)."""
    feed = FEEDS[feed_id]
    said = None
    if crs:
        parts = {"feed": feed_id, "sender": "t", "version": "1", "description": {"zh": "测", "en": "t"}}
        said = Layout(**parts, coordinates={"crs": crs})
    batch = pl.DataFrame(
        {
            "场地编号": [f"9901{n:04}" for n in range(len(rows))],
            "场地名称": ["体育馆"] * len(rows),
            "场地类型代码": ["1"] * len(rows),
            "运营状态": ["1"] * len(rows),
            "坐标系": [system for system, _, _ in rows],
            "经度": [str(x) for _, x, _ in rows],
            "纬度": [str(y) for _, _, y in rows],
            "_row": range(2, len(rows) + 2),
            "_shape": pl.Series([None] * len(rows), dtype=pl.String),
        },
        schema_overrides={"_row": pl.Int64, "坐标系": pl.String},
    )
    arrangement = arrange(feed, said, batch.columns)
    assert arrangement.columns["coordinate_system"] == "坐标系"
    return split(checker(arrangement, received_at=datetime(2026, 3, 1)), lay_out(arrangement, batch))


@pytest.mark.parametrize("usual", [None, "gcj02", "bd09"])
def test_each_row_is_read_in_the_system_it_names_and_otherwise_in_the_sender_s(usual) -> None:
    named = {
        "wgs84": ["WGS84", "wgs-84", "ＷＧＳ８４", "GPS", "84坐标系", "CGCS2000", "2000国家大地坐标系"],
        "gcj02": ["GCJ-02", "gcj02", "高德", "高德坐标", "国测局", "火星坐标系", " 腾讯地图 "],
        "bd09": ["BD-09", "bd09ll", "百度", "百度 坐标"],
    }
    rows: list[tuple[str | None, float, float]] = [(t, *SENT[crs]) for crs, texts in named.items() for t in texts]
    rows += [(None, *SENT[usual or "wgs84"]), ("", *SENT[usual or "wgs84"])]
    result = door("sports.venues", usual, rows)
    assert result.accepted.height == len(rows)
    assert set(result.reasons["field"]).isdisjoint({"coordinate_system", "longitude", "latitude"})
    for name, expected in zip(("longitude", "latitude"), SENT["wgs84"], strict=True):
        assert (result.accepted[name] - expected).abs().max() < WITHIN_DEGREES
    assert set(result.accepted["coordinate_system"]) == {"WGS84", "CGCS2000", "GCJ-02", "BD-09", None}


@pytest.mark.parametrize("usual", [None, "gcj02"])
def test_a_system_nobody_knows_leaves_the_row_without_a_point_and_says_so(usual) -> None:
    """Beijing 1954 lies a hundred metres off: no point is better than that one. The venue itself stays."""
    result = door(
        "sports.venues", usual, [("北京54", 116.4, 39.9), ("BD09MC", 12958160.0, 4825923.0), ("高德", *SENT["gcj02"])]
    )
    assert result.accepted["longitude"].is_null().to_list()[0] is True
    assert result.accepted.filter(pl.col("coordinate_system") == "GCJ-02")["longitude"].null_count() == 0
    found = result.reasons.filter(pl.col("field") == "coordinate_system")
    assert found.select("_row", "rule", "severity", "value").rows() == [
        (2, "not_in_code_list", "warning", "北京54"),
        (3, "not_in_code_list", "warning", "BD09MC"),
    ]


def test_no_spelling_means_two_systems() -> None:
    """Spellings are compared folded: none may be claimed by a second system."""
    claims: Counter[str] = Counter()
    for row in seed("coordinate_systems"):
        claims.update({fold(s) for s in (row["code"], row["name_zh"], row["name_en"], *row["spellings"].split("|"))})
        assert row["crs"] in SENT
    assert [spelling for spelling, times in claims.items() if times > 1] == []


@pytest.mark.parametrize(
    "feed_id", [f.id for f in FEEDS.values() if "address" in f.by_name and "longitude" in f.by_name]
)
def test_every_register_of_facilities_may_say_it_row_by_row(feed_id) -> None:
    assert FEEDS[feed_id].by_name["coordinate_system"].code_list == "coordinate_systems"


@pytest.mark.parametrize(
    ("place", "longitude", "latitude", "is_shifted"),
    [
        ("北京", 116.397, 39.909, True), ("上海", 121.473, 31.230, True), ("三亚", 109.512, 18.253, True),
        ("深圳福田", 114.055, 22.535, True), ("珠海香洲", 113.575, 22.270, True), ("厦门", 118.089, 24.480, True),
        ("舟山", 122.207, 29.985, True), ("丹东", 124.385, 40.130, True), ("漠河", 122.54, 52.97, True),
        ("喀什", 75.99, 39.47, True), ("绥芬河", 131.15, 44.41, True), ("瑞丽", 97.85, 24.01, True),
        ("香港", 114.170, 22.300, False), ("澳门", 113.544, 22.190, False), ("臺南", 120.200, 23.000, False),
        ("臺北", 121.520, 25.040, False), ("金門", 118.320, 24.440, False), ("大阪", 135.502, 34.694, False),
        ("首尔", 126.980, 37.570, False), ("新义州", 124.400, 40.095, False), ("河内", 105.850, 21.030, False),
        ("老街", 103.970, 22.480, False), ("阿拉木图", 76.900, 43.250, False), ("伦敦", -0.100, 51.500, False),
    ],
)  # fmt: skip
def test_maps_are_shifted_in_the_mainland_alone(place, longitude, latitude, is_shifted) -> None:
    from contracts.door.coordinates import to_wgs84

    x, y = to_wgs84(pl.col("x"), pl.col("y"), "gcj02")
    got = pl.DataFrame({"x": [longitude], "y": [latitude]}).select(x.alias("x"), y.alias("y")).row(0)
    metres = max(abs(got[0] - longitude), abs(got[1] - latitude)) * 111_000
    assert (metres > 50) == is_shifted, place


# ── systems of the EPSG register ────────────────────────────────────────────────────────────────


def transverse_mercator(
    longitude: float, latitude: float, central: float, scale: float, false_east: float
) -> tuple[float, float]:
    """Krüger's series on GRS 80, as surveyors' textbooks print it: east and north in metres."""
    a, f = 6378137.0, 1 / 298.257222101
    n = f / (2 - f)
    radius = a / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    alpha = (n / 2 - 2 * n**2 / 3 + 5 * n**3 / 16, 13 * n**2 / 48 - 3 * n**3 / 5, 61 * n**3 / 240)
    phi, lam = math.radians(latitude), math.radians(longitude - central)
    e = 2 * math.sqrt(n) / (1 + n)
    t = math.sinh(math.atanh(math.sin(phi)) - e * math.atanh(e * math.sin(phi)))
    xi, eta = math.atan2(t, math.cos(lam)), math.atanh(math.sin(lam) / math.hypot(1, t))
    north = xi + sum(c * math.sin(2 * k * xi) * math.cosh(2 * k * eta) for k, c in enumerate(alpha, start=1))
    east = eta + sum(c * math.cos(2 * k * xi) * math.sinh(2 * k * eta) for k, c in enumerate(alpha, start=1))
    return false_east + scale * radius * east, scale * radius * north


TAINAN, BEIJING, PRAGUE = (120.2049, 22.9927), (116.391209, 39.907783), (14.4205, 50.0875)
# Layout's system → a point in it, computed by other code, and where that is.
IN_SYSTEMS = {
    "EPSG:3826": (transverse_mercator(*TAINAN, 121, 0.9999, 250_000), TAINAN),  # TWD97 / TM2
    "EPSG:4548": (transverse_mercator(*BEIJING, 117, 1, 500_000), BEIJING),  # CGCS2000, 3 degrees
    "EPSG:25833": (transverse_mercator(*PRAGUE, 15, 0.9996, 500_000), PRAGUE),  # ETRS89 / UTM 33N
    "EPSG:3857": (
        (6378137 * math.radians(PRAGUE[0]), 6378137 * math.log(math.tan(math.pi / 4 + math.radians(PRAGUE[1]) / 2))),
        PRAGUE,
    ),
    "EPSG:4490": (BEIJING, BEIJING),
}


@pytest.mark.parametrize("crs", IN_SYSTEMS)
def test_a_point_in_a_system_of_the_register_is_where_it_is(crs: str) -> None:
    (east, north), wanted = IN_SYSTEMS[crs]
    result = door("sports.venues", crs, [(None, east, north)])
    assert result.accepted.select("longitude", "latitude").row(0) == pytest.approx(wanted, abs=2e-7)


def test_krovak_is_understood_as_the_czech_office_writes_it() -> None:
    """The worked example of EPSG guidance note 7-2, of the datum S-JTSK: a hundred metres from WGS-84, and no more."""
    result = door("sports.venues", "EPSG:5514", [(None, -568990.997, -1050538.643)])
    longitude, latitude = result.accepted.select("longitude", "latitude").row(0)
    assert math.hypot((longitude - 16.849772) * 71_300, (latitude - 50.209012) * 111_200) < 150


def test_a_point_outside_the_area_of_the_system_is_refused_with_its_sentence() -> None:
    """Axes swapped, degrees where metres were said; a row that names its own system is read in that one."""
    rows: list[tuple[str | None, float, float]] = [
        (None, -1050538.6, -568991.0), (None, 14.42, 50.08), ("WGS84", *PRAGUE), (None, -743000.0, -1043000.0),
    ]  # fmt: skip
    result = door("sports.venues", "EPSG:5514", rows)
    refused = result.reasons.filter(pl.col("severity") == "error").select("_row", "field", "rule").rows()
    assert refused == [(2, "longitude", "outside_coordinate_system"), (3, "longitude", "outside_coordinate_system")]
    assert result.accepted["longitude"].to_list() == pytest.approx([PRAGUE[0], 14.4186], abs=1e-4)


@pytest.mark.parametrize("crs", ["EPSG:1", "EPSG:999999", "epsg:4490", "4490", "S-JTSK", "EPSG:5514 "])
def test_a_system_that_the_register_does_not_have_is_no_layout(crs: str) -> None:
    with pytest.raises(ValueError, match="EPSG register"):
        door("sports.venues", crs, [])
