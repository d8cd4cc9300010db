"""Traditional characters: every word of the contracts is known in them as well."""

from __future__ import annotations

from pathlib import Path

import contracts
from contracts.loading import load_feeds, seed
from contracts.reading import fold
from contracts.reading.traditional import SIMPLIFIED

# Characters of labels, spellings and code lists that are written the same in both.
ALIKE = (
    "一丁七三上下不世中主之乒乓九事二五些交亦享人介仍他代以件任份企估但位低住何作使例供促保信倍候值做停健催元先免入全公共其具再分列初"
    "利到前力加助化北半南卡危原及反取受口可史司各名否含告命品哪商四固在地址均坐型城域培基填境增壁士外多大天夫失套女好始姓委孕字孤守安"
    "完定室容射小少就居屋展山工差已市常平幼序府度座庭康建式引弱形影役待律得德心快急性息患情意感慢成或房所手扶批承技投抽拒拳持指按捐排"
    "接控推提援摔摩播攀收改放政故敬整文料新方施旅族日明易星映是普智更最月有服木未末本材村束果染柔校案棍棒棚楚橄次止正步武死殊段每毒比"
    "毛民水求池汽沙治泳津活流海清渠港源滋滑漏演澳火然照熟父版牌物特狐率理生用田由申男界疾病登百的目直相省看督知短研硬社神福科租程究空"
    "突立站竣童端符第等答管箭籍米精素缺置署美羽老者肢育能自至航般艾落藏血行街被裁西要覆言警起超足跆跑跤路跳身近退送逐通速造遇道避部配"
    "重量金防限院除陷障集雪需青非食高默"
)


# Lists of names for readers, which nobody sends.
FOR_READERS = ("review_parameters", "feed_fields", "file_formats", "file_encodings", "survey_items", "survey_groups")


def words() -> str:
    lists = [path.stem for path in (Path(contracts.__file__).parent / "codes").glob("*.csv")]
    codes = [row for name in lists if name not in FOR_READERS for row in seed(name)]
    headers = (spelling for feed in load_feeds().values() for spelling in feed.spellings)
    return "".join(
        [*headers, *(text or "" for row in codes for column, text in row.items() if column not in ("source", "note"))]
    )


def test_every_character_of_the_contracts_is_known_as_simplified_or_alike() -> None:
    """A new one belongs into `SIMPLIFIED` with its traditional forms, or here."""
    known = {*SIMPLIFIED, *map(ord, ALIKE), *SIMPLIFIED.values()}
    missing = {c for c in words() if "\u4e00" <= c <= "\u9fff" and ord(c) not in known}
    assert missing == set()


def test_a_header_is_the_same_in_both() -> None:
    pairs = {
        "場館名稱": "场馆名称",
        "統計月份": "统计月份",
        "經度": "经度",
        "舉辦日期": "举办日期",
        "滿意度（必填）": "满意度",
        "單位：萬平方米": "单位:万平方米",
    }
    assert {fold(traditional) for traditional in pairs} == {fold(simplified) for simplified in pairs.values()}


def test_no_two_headers_of_a_feed_become_one() -> None:
    for feed in load_feeds().values():
        fields: dict[str, set[str]] = {}
        for spelling, name in feed.spellings.items():
            fields.setdefault(fold(spelling), set()).add(name)
        assert {spelling: names for spelling, names in fields.items() if len(names) > 1} == {}, feed.id
