"""Wide exports of questionnaire tools become answers and respondents by layout alone; nothing about a person slips in."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from contracts.door import Delivery, Outcome, pass_file
from contracts.model import load_feeds, load_layouts
from contracts.privacy import load_key

WENJUANXING = """序号,提交答卷时间,所用时间,来源,来源详情,来自IP,1、您的性别,2、您的年龄,3、总体来说，您对本市公共服务满意吗？,4、您对以下服务满意吗？—医疗服务,4、您对以下服务满意吗？—公共交通,5、您向亲友推荐政务大厅的可能性
1,2026/2/3 14:05:06,183秒,微信,N/A,203.0.113.7(示范-示范市),1,3,4,5,-3,9
2,2026/2/3 15:00:00,95秒,链接,直接访问,203.0.113.8(示范-示范市),2,1,2,3,4,0
"""
LIMESURVEY = """"id","submitdate","lastpage","startlanguage","seed","interviewtime","G01Q01","G01Q02[SQ001]","G01Q02[SQ002]","G01Q03[comment]"
"11","2026-02-03 14:05:06","3","zh-Hans","1122","183.4","A4","A5","","不错"
"12","","2","zh-Hans","3344","60","A2","A1","A3",""
"""
QUALTRICS = """StartDate,EndDate,Status,IPAddress,Progress,Duration (in seconds),Finished,RecordedDate,ResponseId,RecipientEmail,Q1,Q2_1,Q2_2,Q3,Q3_NPS_GROUP
Start Date,End Date,Response Type,IP Address,Progress,Duration (in seconds),Finished,Recorded Date,Response ID,Recipient Email,How satisfied are you?,Health,Transport,Would you recommend,NPS group
"{""ImportId"":""startDate""}","{""ImportId"":""endDate""}","{""ImportId"":""status""}","{""ImportId"":""ipAddress""}","{""ImportId"":""progress""}","{""ImportId"":""duration""}","{""ImportId"":""finished""}","{""ImportId"":""recordedDate""}","{""ImportId"":""_recordId""}","{""ImportId"":""recipientEmail""}","{""ImportId"":""QID1""}","{""ImportId"":""QID2_1""}","{""ImportId"":""QID2_2""}","{""ImportId"":""QID3""}","{""ImportId"":""QID3_NPS""}"
2026-02-03 14:00:00,2026-02-03 14:05:06,0,203.0.113.7,100,306,1,2026-02-03 14:05:07,R_1abc,a@example.com,4,5,3,9,3
2026-02-03 15:00:00,2026-02-03 15:05:06,0,203.0.113.8,60,120,0,2026-02-03 15:05:07,R_2def,,2,,1,,
2026-02-03 16:00:00,2026-02-03 16:05:06,1,203.0.113.9,100,20,1,2026-02-03 16:05:07,R_3ghi,,5,5,5,10,3
"""
EXPORTS = {"wenjuanxing": WENJUANXING, "limesurvey": LIMESURVEY, "qualtrics": QUALTRICS}


def taken_in(folder: Path, feed: str, sender: str, text: str) -> tuple[Outcome, pl.DataFrame, pl.DataFrame]:
    path = folder / f"{sender}.csv"
    path.write_text(text, encoding="utf-8-sig")
    contract = load_feeds()[f"evaluation.{feed}"]
    delivery = Delivery(
        path, path.name, contract, sender, "r", datetime(2026, 2, 4), load_layouts()[contract.id, sender]
    )
    outcome = pass_file(delivery, key=load_key(folder), accepted=folder / "a.parquet", quarantine=folder / "q.parquet")
    assert outcome.verdict == "accepted", outcome.message_en
    assert outcome.rows_received == outcome.rows_accepted + outcome.rows_quarantined
    return outcome, pl.read_parquet(folder / "a.parquet"), pl.read_parquet(folder / "q.parquet")


@pytest.mark.parametrize(
    ("sender", "answers"),
    [
        ("wenjuanxing", [("1", "Q3", "4"), ("1", "Q4_1", "5"), ("1", "Q4_2", "-3"), ("1", "Q5", "9"), ("2", "Q3", "2"), ("2", "Q4_1", "3"), ("2", "Q4_2", "4"), ("2", "Q5", "0")]),
        ("limesurvey", [("11", "G01Q01", "4"), ("11", "G01Q02_SQ001", "5"), ("12", "G01Q01", "2"), ("12", "G01Q02_SQ001", "1"), ("12", "G01Q02_SQ002", "3")]),
        ("qualtrics", [("R_1abc", "Q1", "4"), ("R_1abc", "Q2_1", "5"), ("R_1abc", "Q2_2", "3"), ("R_1abc", "Q3", "9"), ("R_2def", "Q1", "2"), ("R_2def", "Q2_2", "1")]),
    ],
)  # fmt: skip
def test_one_row_a_questionnaire_becomes_one_row_an_answer(tmp_path, sender, answers) -> None:
    _, accepted, _ = taken_in(tmp_path, "survey_responses", sender, EXPORTS[sender])
    assert sorted(accepted.select("respondent_id", "question_id", "answer").rows()) == answers
    assert accepted["wave"].n_unique() == 1


@pytest.mark.parametrize(
    ("sender", "people"),
    [
        ("wenjuanxing", [("1", date(2026, 2, 3), 183.0, None, "1", "45-59"), ("2", date(2026, 2, 3), 95.0, None, "2", "18-29")]),
        ("limesurvey", [("11", date(2026, 2, 3), 183.4, None, None, None), ("12", None, 60.0, None, None, None)]),
        ("qualtrics", [("R_1abc", date(2026, 2, 3), 306.0, "complete", None, None), ("R_2def", date(2026, 2, 3), 120.0, "partial", None, None)]),
    ],
)  # fmt: skip
def test_who_answered_comes_without_where_from(tmp_path, sender, people) -> None:
    _, accepted, quarantined = taken_in(tmp_path, "survey_samples", sender, EXPORTS[sender])
    columns = ["respondent_id", "answered_on", "seconds", "outcome", "sex", "age_band"]
    assert accepted.sort("respondent_id").select(columns).rows() == people
    assert accepted["mode"].to_list() == ["web", "web"]
    for stored in (tmp_path / "a.parquet", tmp_path / "q.parquet"):
        assert b"203.0.113." not in stored.read_bytes()
    assert quarantined.height == (3 if sender == "qualtrics" else 0), "two header rows and a preview"


def test_a_question_that_the_layout_does_not_know_is_rejected_not_lost(tmp_path) -> None:
    text = WENJUANXING.replace("5、您向亲友推荐政务大厅的可能性", "5、您会向同事推荐吗")
    outcome, accepted, quarantined = taken_in(tmp_path, "survey_responses", "wenjuanxing", text)
    assert (accepted.height, outcome.rows_quarantined) == (6, 2)
    assert set(quarantined["field"]) == {"question_id"}
