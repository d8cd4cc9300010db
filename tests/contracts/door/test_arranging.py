"""What a layout says is what happens to a batch, and nothing else."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from contracts.door.arranging import arrange, known_headers, lay_out, lay_out_all, undeclared_schemes
from contracts.loading import load_feeds
from contracts.model import Layout

HEALTH = load_feeds()["health.institutions"]
DIVISIONS = load_feeds()["reference.divisions"]
ANSWERS = load_feeds()["evaluation.survey_responses"]
REVIEWS = load_feeds()["evaluation.reviews"]


def layout(feed, **parts) -> Layout:
    return Layout(feed=feed.id, sender="test", version="1.0.0", description={"zh": "测试", "en": "test"}, **parts)


def laid(feed, said: Layout | None, **columns) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    batch = pl.DataFrame(
        {**{k.strip(): v for k, v in columns.items()}, "_row": range(2, n + 2), "_shape": [None] * n},
        schema={**dict.fromkeys(columns, pl.String), "_row": pl.Int64, "_shape": pl.String},
    )
    return lay_out(arrange(feed, said, list(columns)), batch)


@pytest.mark.parametrize("header", ["机构代码", " 机构代码 ", "機構代碼".replace("機構代碼", "机构 代码"), "institution_code", "Institution-Code", "医疗机构编码"])  # fmt: skip
def test_a_header_is_known_by_any_spelling_of_the_contract(header) -> None:
    assert arrange(HEALTH, None, [header]).columns["institution_code"] == header


def test_a_header_nobody_asked_for_is_ignored_by_name() -> None:
    assert arrange(HEALTH, None, ["机构代码", "院长星座"]).ignored == ("院长星座",)


def test_a_header_that_the_layout_leaves_out_is_not_taken_in_any_spelling() -> None:
    """Known by its name, and full of something else: dialling instructions with names of staff."""
    found = arrange(HEALTH, layout(HEALTH, leave_out=["联系电话"]), ["机构代码", "聯繫電話"])
    assert (dict(found.columns), found.ignored) == ({"institution_code": "机构代码"}, ("聯繫電話",))
    assert arrange(HEALTH, layout(HEALTH), ["机构代码", "聯繫電話"]).columns["phone"] == "聯繫電話"


def test_two_headers_for_one_field_are_reported_unless_the_layout_chooses() -> None:
    headers = ["机构代码", "institution_code"]
    assert arrange(HEALTH, None, headers).twice == {"institution_code": tuple(headers)}
    chosen = arrange(HEALTH, layout(HEALTH, rename={"institution_code": "institution_code"}), headers)
    assert chosen.twice == {}
    assert chosen.columns["institution_code"] == "institution_code"


def test_required_fields_may_come_from_the_layout() -> None:
    assert "status" in arrange(HEALTH, None, ["机构代码"]).missing
    said = layout(HEALTH, constants={"status": "1"}, join={"name": {"from": ["{甲}"]}})
    assert {"status", "name"}.isdisjoint(arrange(HEALTH, said, ["机构代码"]).missing)


def test_a_constant_fills_and_never_overwrites() -> None:
    frame = laid(HEALTH, layout(HEALTH, constants={"status": "1"}), 运营状态=["0", "", None])
    assert frame["status"].to_list() == ["0", "1", "1"]


def test_a_value_is_read_off_the_shape_of_a_code() -> None:
    patterns = {"..0000": "", "(..)..00": "${1}0000000000", "([0-9]{4})..": "${1}00000000"}
    said = layout(
        DIVISIONS, match={"parent_code": {"column": "码", "patterns": patterns}}, constants={"level": "county"}
    )
    frame = laid(DIVISIONS, said, 码=["110000", " 130100 ", "130102", "1301", None], 上级代码=["x", "x", "x", "x", "x"])
    assert frame["parent_code"].to_list() == [None, "130000000000", "130100000000", "x", "x"]
    assert {"parent_code", "level"}.isdisjoint(arrange(DIVISIONS, said, ["码"]).missing)
    assert "码" in known_headers(DIVISIONS, said)


def test_join_is_null_where_a_column_is_empty() -> None:
    said = layout(HEALTH, join={"division_name": {"from": ["示范市", "{区}", "{村}"]}})
    frame = laid(HEALTH, said, 区=["东区", "东区"], 村=["一村", " "])
    assert frame["division_name"].to_list() == ["示范市东区一村", None]


def test_join_may_put_columns_inside_text() -> None:
    said = layout(HEALTH, join={"institution_code": {"from": ["{市}-{号}"]}})
    assert laid(HEALTH, said, 市=["99"], 号=["7"])["institution_code"].to_list() == ["99-7"]


@pytest.mark.parametrize(
    ("otherwise", "expected"), [("keep", ["A100", "丙"]), ("null", ["A100", None]), ("reject", ["A100", "丙"])]
)
def test_value_maps_say_what_happens_to_other_codes(otherwise, expected) -> None:
    said = layout(HEALTH, values={"category_code": {"map": {"甲": "A100"}, "otherwise": otherwise}})
    assert laid(HEALTH, said, 类别代码=["甲", "丙"])["category_code"].to_list() == expected


def test_replace_changes_letters_before_anything_is_looked_up() -> None:
    said = layout(HEALTH, replace={"division_name": {"台": "臺"}})
    assert laid(HEALTH, said, 区划全称=["台南市"])["division_name"].to_list() == ["臺南市"]


def test_swapped_coordinates_are_swapped_back() -> None:
    frame = laid(HEALTH, layout(HEALTH, coordinates={"swapped": True}), 经度=["23.1"], 纬度=["120.2"])
    assert frame.select("longitude", "latitude").row(0) == ("120.2", "23.1")


def test_a_wide_table_becomes_one_row_an_answer_and_empty_cells_are_not_answers() -> None:
    said = layout(
        ANSWERS,
        melt={"id": ["编"], "columns": r"^Q\d+$", "variable": "question_id", "value": "answer"},
        rename={"编": "respondent_id"},
        constants={"wave": "w"},
    )
    frame = laid(ANSWERS, said, 编=["a", "b"], Q1=["5", ""], Q2=["9", "1"], 备注=["x", "y"])
    got = frame.select("respondent_id", "question_id", "answer", "_row").rows()
    assert got == [("a", "Q1", "5", 2), ("a", "Q2", "9", 2), ("b", "Q2", "1", 3)]


def test_expand_gives_what_rows_mention_once_and_the_row_itself_every_time() -> None:
    said = layout(
        DIVISIONS,
        constants={"vintage": 2021},
        expand=[
            {"code": "{县码}", "name": "{县}", "level": "county"},
            {"code": "{村码}", "name": "{村}", "parent_code": "{县码}", "level": "village"},
        ],
    )
    columns = {"县码": ["1", "1", "2"], "县": ["甲", "甲", "乙"], "村码": ["11", "12", "21"], "村": ["一", "二", "三"]}
    batch = pl.DataFrame({**columns, "_row": [2, 3, 4], "_shape": pl.Series([None] * 3, dtype=pl.String)})
    frames = list(lay_out_all(arrange(DIVISIONS, said, list(columns)), [batch, batch.slice(1)]))
    codes = [code for frame in frames for code in frame["code"]]
    assert sorted(codes) == ["1", "11", "12", "12", "2", "21", "21"]


def test_a_row_that_is_not_whole_mentions_nothing() -> None:
    said = layout(DIVISIONS, expand=[{"code": "{县码}"}, {"code": "{村码}"}])
    batch = pl.DataFrame({"县码": ["1", "2"], "村码": ["11", "21"], "_row": [2, 3], "_shape": ["too_few_cells", None]})
    first, second = lay_out_all(arrange(DIVISIONS, said, ["县码", "村码"]), [batch])
    assert (first["code"].to_list(), second["code"].to_list()) == (["2"], ["11", "21"])


def test_join_takes_a_column_that_may_be_empty_as_nothing() -> None:
    said = layout(HEALTH, join={"division_name": {"from": ["{市}{区?}"]}})
    frame = laid(HEALTH, said, 市=["甲市", "甲市", None], 区=["乙区", " ", "乙区"])
    assert frame["division_name"].to_list() == ["甲市乙区", "甲市", None]


def test_a_field_declared_absent_is_not_missed_from_the_file() -> None:
    assert "institution_code" not in arrange(HEALTH, layout(HEALTH, absent=["institution_code"]), ["名称"]).missing


def test_rows_out_of_scope_are_marked_not_dropped() -> None:
    frame = laid(
        HEALTH, layout(HEALTH, keep={"where": {"市": ["甲"]}}), 市=["甲", "乙", None], 机构代码=["1", "2", "3"]
    )
    assert frame["_shape"].to_list() == [None, "not_in_scope", "not_in_scope"]


@pytest.mark.parametrize(
    ("scheme", "codes", "levels"),
    [("interface", ["5", "１", "1"], ["5", "1", "1"]), ("gbt39046", ["5", "1", "9"], ["1", "5", None])],
)
def test_levels_come_from_the_declared_scheme(scheme, codes, levels) -> None:
    """Trap 1: the same code means the opposite in two national sources."""
    said = layout(REVIEWS, code_scheme={"satisfaction": scheme, "tags": "v2", "channels": "zj"})
    frame = laid(REVIEWS, said, 满意度=codes)
    assert frame["satisfaction_level"].to_list() == levels
    assert frame["satisfaction_scheme"].to_list() == [scheme] * len(codes)


def test_a_sender_that_declares_no_scheme_cannot_be_read() -> None:
    assert undeclared_schemes(REVIEWS, None) == ["channels", "satisfaction", "tags"]
    assert undeclared_schemes(HEALTH, None) == []


def test_the_layout_s_own_columns_help_to_find_the_header() -> None:
    said = layout(
        HEALTH, join={"name": {"from": ["{甲}"]}}, keep={"where": {"乙": ["x"]}}, coordinates={"longitude": "丙"}
    )
    assert {"甲", "乙", "丙"} <= set(known_headers(HEALTH, said))


def test_conversion_to_wgs84_undoes_the_shift() -> None:
    """A round trip over the mainland: the inverse is iterative, and its error stays below 0.5 m."""
    from contracts.door.coordinates import gcj02, to_wgs84
    from contracts.door.mainland import is_in_mainland

    grid = pl.DataFrame([(x, y) for x in range(75, 135, 5) for y in range(18, 53, 5)], schema=["x", "y"], orient="row")
    grid = grid.cast(pl.Float64)
    grid = grid.filter(pl.Series(is_in_mainland(grid["x"].to_numpy(), grid["y"].to_numpy())))
    assert grid.height > 35
    shifted = grid.with_columns(
        *(e.alias(n) for e, n in zip(gcj02(pl.col("x"), pl.col("y")), ("gx", "gy"), strict=True))
    )
    back = shifted.with_columns(
        *(e.alias(n) for e, n in zip(to_wgs84(pl.col("gx"), pl.col("gy"), "gcj02"), ("bx", "by"), strict=True))
    )
    metres = 111_320 * ((back["bx"] - back["x"]) ** 2 + (back["by"] - back["y"]) ** 2).sqrt()
    moved = 111_320 * ((back["gx"] - back["x"]) ** 2 + (back["gy"] - back["y"]) ** 2).sqrt()
    assert metres.max() < 0.5
    assert moved.min() > 50


def test_a_known_landmark_lies_where_it_lies() -> None:
    """Tiananmen: GCJ-02 116.397451, 39.909187 is WGS-84 116.391209, 39.907783 within 3 m; BD-09 116.404, 39.915 too."""
    from contracts.door.coordinates import to_wgs84

    frame = pl.DataFrame({"x": [116.397451], "y": [39.909187], "bx": [116.40382], "by": [39.915527]})
    for columns, crs in ((("x", "y"), "gcj02"), (("bx", "by"), "bd09")):
        lon, lat = frame.select(
            *(e.alias(n) for e, n in zip(to_wgs84(*map(pl.col, columns), crs), "ab", strict=True))
        ).row(0)
        assert abs(lon - 116.391209) * 85_000 < 5
        assert abs(lat - 39.907783) * 111_000 < 5


def test_every_real_layout_is_data_only() -> None:
    for path in Path("contracts/feeds").glob("*/*.yaml"):
        assert "!!python" not in path.read_text(encoding="utf-8")
