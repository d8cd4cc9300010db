"""Wide exports of questionnaire tools become answers and respondents by layout alone; nothing about a person slips in."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from contracts.door.delivery import Delivery, Outcome, pass_file
from contracts.door.privacy import load_key
from contracts.loading import load_feeds, load_layouts

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


# ── the same tools with everything switched on: total score, multiple choice, comments, timings, line breaks, scores ──

FULL_WENJUANXING = """序号,提交答卷时间,所用时间,来源,来源详情,来自IP,总分,1、您的性别,2、您的年龄,3、总体来说，您对本市公共服务满意吗？,4、您对以下服务满意吗？—医疗服务,4、您对以下服务满意吗？—公共交通,5、您向亲友推荐政务大厅的可能性,6、您去过哪些网点？【多选题】
1,2026/2/3 14:05:06,183秒,微信,N/A,203.0.113.7(示范-示范市),12,1,3,4,5,-3,9,1┋3
2,2026/2/3 15:00:00,1095秒,手机提交,直接访问,203.0.113.8(示范-示范市),9,2,1,2,3,4,0,(跳过)
"""
FULL_LIMESURVEY = """"id";"submitdate";"lastpage";"startlanguage";"seed";"startdate";"datestamp";"ipaddr";"refurl";"G01Q01";"G01Q02[SQ001]";"G01Q02[SQ002]";"G01Q02[SQ001comment]";"G01Q03";"G02Q04[SQ001]";"G02Q04[SQ002]";"G02Q04[other]";"interviewtime";"groupTime12";"G01Q01Time";"G01Q02Time"
"11";"2026-02-03 14:05:06";"3";"zh-Hans";"1122";"2026-02-03 14:02:00";"2026-02-03 14:05:06";"203.0.113.7";"";"A4";"A5";"";"";"不错;很好
第二行";"Y";"";"";"183.4";"100";"80";"20"
"12";"";"2";"zh-Hans";"3344";"2026-02-03 14:02:00";"2026-02-03 14:05:06";"203.0.113.8";"";"A2";"A1";"A3";"";"";"";"Y";"x";"60";"1";"1";"1"
"13";"1980-01-01 00:00:00";"3";"en";"1";"";"";"";"";"A1";"-oth-";"N/A";"";"";"";"";"";"";"";"";""
"""
FULL_QUALTRICS = """StartDate,EndDate,Status,IPAddress,Progress,Duration (in seconds),Finished,RecordedDate,ResponseId,RecipientLastName,RecipientFirstName,RecipientEmail,ExternalReference,LocationLatitude,LocationLongitude,DistributionChannel,UserLanguage,Q1,Q2_1,Q2_2,Q3_NPS_GROUP,Q3,Q4,Q5_TEXT,Q6_DO_1,SC0
Start Date,End Date,Response Type,IP Address,Progress,Duration (in seconds),Finished,Recorded Date,Response ID,Recipient Last Name,Recipient First Name,Recipient Email,External Data Reference,Location Latitude,Location Longitude,Distribution Channel,User Language,"How satisfied are you,
overall?",Services - Health,Services - Transport,Would you recommend - Group,Would you recommend,Which offices? - Selected Choice,Why?,Display Order,Score
"{""ImportId"":""startDate"",""timeZone"":""Asia/Shanghai""}","{""ImportId"":""endDate"",""timeZone"":""Asia/Shanghai""}","{""ImportId"":""status""}","{""ImportId"":""ipAddress""}","{""ImportId"":""progress""}","{""ImportId"":""duration""}","{""ImportId"":""finished""}","{""ImportId"":""recordedDate"",""timeZone"":""Asia/Shanghai""}","{""ImportId"":""_recordId""}","{""ImportId"":""recipientLastName""}","{""ImportId"":""recipientFirstName""}","{""ImportId"":""recipientEmail""}","{""ImportId"":""externalDataReference""}","{""ImportId"":""locationLatitude""}","{""ImportId"":""locationLongitude""}","{""ImportId"":""distributionChannel""}","{""ImportId"":""userLanguage""}","{""ImportId"":""QID1""}","{""ImportId"":""QID2_1""}","{""ImportId"":""QID2_2""}","{""ImportId"":""QID3_NPS_GROUP""}","{""ImportId"":""QID3""}","{""ImportId"":""QID4""}","{""ImportId"":""QID5_TEXT""}","{""ImportId"":""QID6_DO"",""choiceId"":""1""}","{""ImportId"":""SC_0abc""}"
2026-02-03 14:00:00,2026-02-03 14:05:06,0,203.0.113.7,100,306,1,2026-02-03 14:05:07,R_1abc,,,a@example.com,,31.2,121.4,anonymous,ZH-S,4,5,-99,3,9,"1,3",because,1,12
2026-02-03 15:00:00,2026-02-03 15:05:06,IP Address,203.0.113.8,60,120,False,2026-02-03 15:05:07,R_2def,,,,,,,anonymous,EN,,2,,,1,,,,
2026-02-03 16:00:00,2026-02-03 16:05:06,Survey Preview,203.0.113.9,100,20,True,2026-02-03 16:05:07,R_3ghi,,,,,,,preview,EN,5,5,5,3,10,2,,,
2026-02-03 16:00:00,2026-02-03 16:05:06,8,203.0.113.9,100,20,1,2026-02-03 16:05:07,R_4spam,,,,,,,anonymous,EN,5,5,5,3,10,2,,,
"""


def as_workbook(text: str) -> bytes:
    """Wenjuanxing's other download: the same table as xlsx, numbers as numbers."""
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for row in csv.reader(io.StringIO(text)):
        book.active.append([int(cell) if cell.isdigit() else cell for cell in row])
    book.save(stream)
    return stream.getvalue()


WJX_ANSWERS = [("1", "Q3", "4"), ("1", "Q4_1", "5"), ("1", "Q4_2", "-3"), ("1", "Q5", "9"), ("2", "Q3", "2"), ("2", "Q4_1", "3"), ("2", "Q4_2", "4"), ("2", "Q5", "0")]  # fmt: skip
LIME_ANSWERS = [
    ("11", "G01Q01", "4"), ("11", "G01Q02_SQ001", "5"), ("11", "G01Q03", "不错;很好\n第二行"), ("11", "G02Q04_SQ001", "Y"), ("12", "G01Q01", "2"),
    ("12", "G01Q02_SQ001", "1"), ("12", "G01Q02_SQ002", "3"), ("12", "G02Q04_SQ002", "Y"), ("13", "G01Q01", "1"), ("13", "G01Q02_SQ001", "-oth-"),
]  # fmt: skip
QUALTRICS_ANSWERS = [("R_1abc", "Q1", "4"), ("R_1abc", "Q2_1", "5"), ("R_1abc", "Q2_2", "-99"), ("R_1abc", "Q3", "9"), ("R_1abc", "Q4", "1,3"), ("R_2def", "Q2_1", "2"), ("R_2def", "Q3", "1")]  # fmt: skip


@pytest.mark.parametrize(
    ("sender", "name", "content", "answers"),
    [
        ("wenjuanxing", "本市公共服务_按序号.csv", FULL_WENJUANXING.encode("gb18030"), WJX_ANSWERS),
        ("wenjuanxing", "本市公共服务_按序号.xlsx", as_workbook(FULL_WENJUANXING), WJX_ANSWERS),
        ("limesurvey", "results-survey123456.csv", FULL_LIMESURVEY.encode("utf-8-sig"), LIME_ANSWERS),
        ("limesurvey", "old-codes.csv", re.sub(r"G0(\d)Q0", r"Q\1", FULL_LIMESURVEY).encode(), [(r, re.sub(r"G0(\d)Q0", r"Q\1", q), a) for r, q, a in LIME_ANSWERS]),
        ("qualtrics", "Satisfaction_February 4, 2026_10.15.csv", FULL_QUALTRICS.encode("utf-8-sig"), QUALTRICS_ANSWERS),
        ("qualtrics", "Satisfaction.tsv", "\n".join("\t".join(r) for r in csv.reader(io.StringIO(FULL_QUALTRICS.replace("you,\noverall", "you, overall")))).encode("utf-16"), QUALTRICS_ANSWERS),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_an_export_as_the_tool_really_writes_it(tmp_path, sender, name, content, answers) -> None:
    """Encodings, separators and formats as downloaded; what is not in the layout's map is rejected and counted."""
    for feed in ("survey_responses", "survey_samples"):
        (tmp_path / feed).mkdir()
        path = tmp_path / feed / name
        path.write_bytes(content)
        contract = load_feeds()[f"evaluation.{feed}"]
        layout = load_layouts()[contract.id, sender]
        delivery = Delivery(path, path.name, contract, sender, "r", datetime(2026, 2, 4), layout)
        outcome = pass_file(delivery, key=load_key(tmp_path), accepted=tmp_path / f"{feed}.parquet", quarantine=tmp_path / "q.parquet")  # fmt: skip
        assert outcome.verdict == "accepted", outcome.message_en
        assert outcome.rows_received == outcome.rows_accepted + outcome.rows_quarantined
    accepted = pl.read_parquet(tmp_path / "survey_responses.parquet")
    assert sorted(accepted.select("respondent_id", "question_id", "answer").rows()) == answers
    people = pl.read_parquet(tmp_path / "survey_samples.parquet")
    assert set(people["answered_on"].drop_nulls()) == {date(2026, 2, 3)}, "1980 is how LimeSurvey says without a date"
    assert people["seconds"].drop_nulls().min() > 10
    for stored in tmp_path.glob("*.parquet"):
        assert not any(secret in stored.read_bytes() for secret in (b"203.0.113.", b"a@example.com", b"121.4"))
