"""The desk says what the command line says, keeps nothing of a file, and writes decisions where people write them by hand."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urljoin

import duckdb
import httpx
import openpyxl
import pytest
from starlette.testclient import TestClient

from contracts.__main__ import main
from contracts.door.approvals import approvals
from contracts.loading import POLICIES
from contracts.whole_files import write_json
from orchestration.desk.page import application
from orchestration.intake import bounded, landing
from orchestration.intake.landing import Attempt
from orchestration.paths import DataDirectory
from orchestration.release import names, standing
from tests.browser import DESK, TELEPHONE, axe_violations, browser, page

HEADER = "机构代码,机构名称,类别代码,床位数,运营状态,区划代码"
ROWS = "510107001,一院,A100,120,1,510107001001\n510107002,<script>二院</script>,A100,很多,1,510107001001\n"
SENT = f"{HEADER}\n{ROWS}".encode("gb18030")
RECEIPT = "0123456789abcdef"


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory(tmp_path / "data")
    directory.set_calendar(date(2026, 3, 1), date(2026, 1, 1))
    held = Attempt(
        receipt=RECEIPT, feed="health.institutions", sender="default", file_name="机构.csv", sha256="f" * 64, size_bytes=1,
        received_at=datetime(2026, 2, 3, 2, 10), received_on=date(2026, 2, 3), attempted_at=datetime(2026, 3, 1, 2), verdict="held",
        message_zh="整份文件暂缓入库", message_en="the file is held",
    )  # fmt: skip
    landing.record(directory, held)
    folder = directory.published / "releases" / "2026-03-01.1"
    (folder / names.PUBLIC).mkdir(parents=True)
    with duckdb.connect(str(folder / names.DATABASE)) as con:
        con.execute(
            "create table facility_link as select 'a' left_id, 'b' right_id, '甲馆' left_name, '乙馆' right_name, null::varchar left_address, "
            "null::varchar right_address, 12.0 distance_m, 0.6 probability, 'review' decision, 'sports' left_department_code, 'culture' right_department_code "
            "union all select 'a', 'c', '甲馆', '丙馆', null, null, 1.0, 0.99, 'linked', 'sports', 'sports'"
        )
        con.execute(
            "create table division_successor as select 2016 from_vintage, 2023 to_vintage, 'village' \"level\", '01' old_code, '旧村' old_name, "
            "null::varchar new_code, null::varchar new_name, 'abolished' change, 'no_trace' reason, 0.4 confidence"
        )
        con.execute(
            "create table validation_result as select 'elderly_residents_within_beds' rule_code, '9901' unit_code, '示范市' unit_name, 'all' area_type, "
            "date '2026-02-01' period, 'high' importance, 1.0000000000000002 left_value, 'less_than_or_equal_to' operator, 1.0 right_value, "
            "true is_judged, date '2026-03-01' found_on, 'open' status"
        )
    shutil.copyfile(folder / names.DATABASE, folder / names.PUBLIC / names.PUBLIC_DATABASE)
    write_json(directory.published / "certificates" / "2026-03-01.1.json", {})
    standing.show(directory, "2026-03-01.1")
    return directory


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    for name in ("facility_link_decisions.csv", "division_change_decisions.csv", "validation_waivers.csv"):
        (folder / name).write_bytes((POLICIES / name).read_bytes())
    return folder


@pytest.fixture
def desk(data: DataDirectory, policies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "uploads").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "uploads"))
    with TestClient(application(data, policies), base_url="http://127.0.0.1:3100") as client:
        yield client


def sent(desk: TestClient, body: bytes = SENT, feed: str = "health.institutions", name: str = "机构.csv"):
    return desk.post("/check", data={"feed": feed, "sender": ""}, files={"file": (name, body)})


def token(desk: TestClient) -> str:
    return re.search(r'name="token" value="([^"]+)"', desk.get("/decisions").text)[1]


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8", newline="")))


def test_a_file_is_told_in_the_words_of_the_command_line(desk, tmp_path, monkeypatch, capsys) -> None:
    page = html.unescape(sent(desk).text)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "机构.csv").write_bytes(SENT)
    main(["check", "机构.csv", "--feed", "health.institutions"])
    said = capsys.readouterr().out
    for line in said.splitlines()[:4]:
        assert line.strip() in page
    assert "“很多”不是数字" in page
    assert "很多" in said
    assert "不能接收，须更正" in said
    assert "不能接收，须更正" in page


def test_a_senders_value_is_text_on_the_page(desk) -> None:
    body = f"{HEADER}\n510107002,x,A100,<script>alert(1)</script>,1,510107001001\n".encode()
    page = sent(desk, body).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_the_marked_workbook_and_the_form_are_downloaded(desk) -> None:
    link = re.search(r'href="(report/[^"]+)"', sent(desk).text)[1]
    answer = desk.get(link)
    assert "%E6%A3%80%E6%9F%A5.xlsx" in answer.headers["content-disposition"]
    marked = openpyxl.load_workbook(io.BytesIO(answer.content))["检查结果 Rows"]["D3"]
    assert (marked.value, marked.fill.fill_type) == ("很多", "solid")
    form = openpyxl.load_workbook(io.BytesIO(desk.get("/template/health.institutions").content))
    assert [c.value for c in form.worksheets[0][1]][:2] == ["机构代码", "机构名称"]


def test_nothing_of_an_uploaded_file_stays(desk, tmp_path) -> None:
    sent(desk)
    sent(desk, b"PK\x03\x04broken", name="../../x.xlsx")
    left = [p.name for p in (tmp_path / "uploads").rglob("*") if p.is_file()]
    assert left == ["report.xlsx"]


@pytest.mark.parametrize(
    ("body", "feed", "told"),
    [
        (b"", "health.institutions", "空文件"),
        (b"PK\x03\x04broken", "health.institutions", "不完整或已损坏"),
        (SENT, "health.nothing", "没有名为"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_a_sentence(desk, body, feed, told) -> None:
    answer = sent(desk, body, feed, "机构.xlsx")
    assert answer.status_code < 500
    assert told in answer.text
    assert "Traceback" not in answer.text
    assert "uploads" not in answer.text


def test_a_file_that_takes_too_much_is_ended_as_at_night(desk, tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as tight:
        tight.setattr(bounded, "bounds", lambda _: bounded.Bounds(seconds=0, memory_mb=1))
        answer = sent(desk)
    assert answer.status_code < 500
    assert "机构.csv" in answer.text
    assert "秒（计算时间）" in answer.text or "内存" in answer.text
    assert not [p for p in (tmp_path / "uploads").rglob("*") if p.is_file()]
    assert sent(desk).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "长" * 300 + ".csv",
        "🏥" * 250 + ".🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥",
        "../../\u202evsc.xlsx",
        "a\tb.csv",
        "..",
        "C:\\\\x\\\\机构.csv",
    ],
)
def test_a_name_no_folder_can_hold_is_no_fault(desk, name) -> None:
    assert sent(desk, name=name).status_code == 200


def test_no_file_is_told_in_a_sentence(desk) -> None:
    assert "请选择要检查的文件" in desk.post("/check", data={"feed": "health.institutions"}).text


def test_what_is_sent_otherwise_than_by_the_form_is_told_in_words(desk) -> None:
    two = [("file", ("a.csv", b"x")), ("file", ("b.csv", b"y"))]  # as a dropped folder is sent
    broken = {"content": b"garbage", "headers": {"content-type": "multipart/form-data; boundary=x"}}
    for path in ("/check", "/decisions/pair"):
        for what in ({"files": two}, broken):
            answer = desk.post(path, **what)
            assert answer.status_code == 400
            assert "一次只检查一个文件" in answer.text
            assert "one file at a time" in answer.text
    missing = desk.get("/nowhere")
    assert (missing.status_code, "没有这一页 · there is no such page" in missing.text) == (404, True)
    assert desk.post("/decisions/pair", data={"token": "é"}).status_code == 403


@pytest.mark.parametrize(("form", "page_of"), [("/check", "./"), ("/decisions/pair", "../decisions")])
def test_the_address_of_a_form_leads_to_its_page(desk, form, page_of) -> None:
    """Somebody reloads or bookmarks what a decision or a check left in the address."""
    answer = desk.get(form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, page_of)


def test_a_held_file_is_let_through_by_a_person_with_a_reason(desk, data) -> None:
    said = {"token": token(desk), "receipt": RECEIPT, "by": " 王 芳 ", "why": "人口普查\n后补报"}
    for missing in ("by", "why"):
        assert "请填写决定人姓名和原因" in desk.post("/decisions/held", data={**said, missing: "  "}).text
    assert not approvals(data.root)
    page = desk.post("/decisions/held", data=said).text
    approval = approvals(data.root)[RECEIPT]
    assert (approval.by, approval.why) == ("王 芳", "人口普查 后补报")
    assert RECEIPT not in page


def test_a_pair_of_facilities_is_decided_in_the_seed(desk, policies) -> None:
    assert "乙馆" in desk.get("/decisions").text
    assert "丙馆" not in desk.get("/decisions").text
    said = {
        "token": token(desk),
        "left_id": "a",
        "right_id": "b",
        "decision": "same",
        "by": "李雷",
        "why": '同一院落, "东门"',
    }
    page = desk.post("/decisions/pair", data=said).text
    assert "乙馆" not in page
    assert rows(policies / "facility_link_decisions.csv") == [
        {
            "left_id": "a",
            "right_id": "b",
            "decision": "same",
            "decided_by": "李雷",
            "decided_on": "2026-03-01",
            "reason": '同一院落, "东门"',
        }
    ]
    assert "已由" not in desk.post("/decisions/pair", data=said).text, "a form that is sent twice is no second decision"
    assert "李雷 已于 2026-03-01 决定 (same)：同一院落" in html.unescape(
        desk.post("/decisions/pair", data=said | {"by": "王芳"}).text
    )
    assert len(rows(policies / "facility_link_decisions.csv")) == 1


def test_a_change_of_a_division_is_decided_in_the_seed(desk, policies) -> None:
    said = {
        "token": token(desk),
        "to_vintage": "2023",
        "old_code": "01",
        "new_code": "",
        "decision": "same",
        "by": "李雷",
        "why": "整村搬迁",
    }
    assert "maybe" not in desk.post("/decisions/unit", data={**said, "decision": "maybe"}).text
    desk.post("/decisions/unit", data=said)
    (row,) = rows(policies / "division_change_decisions.csv")
    assert (row["old_code"], row["new_code"], row["decision"], row["decided_by"]) == ("01", "", "same", "李雷")


def test_a_violation_is_waived_with_the_figures_that_were_looked_at(desk, policies) -> None:
    assert "养老机构入住人数不超过床位数" in desk.get("/decisions").text
    said = {"token": token(desk), "rule_code": "elderly_residents_within_beds", "unit_code": "9901", "area_type": "all", "period": "2026-02-01",
            "left_value": "1.0000000000000002", "right_value": "1.0", "by": "李雷", "why": "加床"}  # fmt: skip
    assert "不在待定之列" in desk.post("/decisions/violation", data={**said, "left_value": "0.5"}).text
    page = desk.post("/decisions/violation", data=said).text
    assert "已记录" in page
    assert "养老机构入住人数不超过床位数" not in page
    (row,) = rows(policies / "validation_waivers.csv")
    expected = {k: v for k, v in said.items() if k not in ("token", "by", "why")}
    assert row == expected | {"decided_by": "李雷", "decided_on": "2026-03-01", "reason": "加床"}
    assert "已记录" in desk.post("/decisions/violation", data=said).text
    assert "李雷 已于 2026-03-01" in desk.post("/decisions/violation", data=said | {"why": "别的"}).text
    assert len(rows(policies / "validation_waivers.csv")) == 1


def test_what_waits_is_told_in_words_and_with_its_reasons(desk) -> None:
    text = html.unescape(
        re.sub(r"<script.*?</script>|<style.*?</style>", "", desk.get("/decisions").text, flags=re.DOTALL)
    )
    said = re.sub(r"<[^>]+>", " ", text)
    for words in (
        "医疗机构名录 · Register of health institutions", "体育局 · Sports Bureau", "撤销 · abolished", "代码撤销，名称无处可寻 · The code is gone, and so is the name",
        "高 · high", "小于等于 · less than or equal to", "全部 · all",
    ):  # fmt: skip
        assert words in said, words
    assert not re.findall(r"\b[a-z]+_[a-z_]+\b|\bhealth\.institutions\b", said)
    offered = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", desk.get("/").text, flags=re.DOTALL)
    assert not re.findall(r"\b(?:health|evaluation|sports)\.[a-z_]+\b", offered)


def test_a_sender_without_a_name_is_called_by_its_folder_and_it_is_said_what_to_do(desk, data) -> None:
    """Both where a layout is chosen and where a file waits."""
    told = "请管理员在 policies/feed_senders.csv 加一行"
    chosen = desk.get("/").text
    assert ("示范市健康云平台（虚构） · Health cloud of Shifan" in chosen, ">jiankangyun<" in chosen) == (True, False)
    assert "tainan_parks（尚无名称 · no name yet）" in chosen
    assert told in chosen
    waits = desk.get("/decisions").text
    assert ("<td>未写明报送方 · sender not stated</td>" in waits, told in waits) == (True, False)
    landing.record(data, replace(landing.attempts(data)[0], receipt="0" * 16, sender="大厅一"))
    waits = desk.get("/decisions").text
    assert ("<td>大厅一（尚无名称 · no name yet）</td>" in waits, told in waits) == (True, True)


def test_a_decision_that_is_not_taken_is_no_result_of_a_check(desk, data) -> None:
    for said in (
        {"receipt": RECEIPT, "by": "", "why": "y", "token": token(desk)},
        {"receipt": RECEIPT, "by": "x", "why": "y"},
    ):
        page = desk.post("/decisions/held", data=said).text
        assert "未作决定 · Nothing was decided" in page
        assert '<a href="../decisions">' in page
        assert all(f"<blockquote>{said[k]}</blockquote>" in page for k in ("by", "why") if said[k]), (
            "it has to be written again"
        )
        assert "检查结果" not in page
    assert not approvals(data.root)


def test_another_site_decides_nothing(desk, data) -> None:
    said = {"receipt": RECEIPT, "by": "x", "why": "y"}
    assert desk.post("/decisions/held", data=said).status_code == 403
    said["token"] = token(desk)
    assert desk.post("/decisions/held", data=said, headers={"origin": "http://evil.example"}).status_code == 403
    assert desk.get("/decisions", headers={"host": "evil.example"}).status_code == 400
    assert not approvals(data.root)


def test_before_the_first_release_nothing_waits(tmp_path, policies) -> None:
    with TestClient(application(DataDirectory(tmp_path / "new"), policies), base_url="http://localhost:3100") as client:
        assert client.get("/decisions").text.count("没有 · none") == 4
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
def test_in_a_browser_no_word_of_a_table_is_cut_and_every_cell_can_be_read(desk, size) -> None:
    with browser() as opened, page(opened, size) as (shown, said):
        for told in (desk.get("/decisions").text, sent(desk).text, desk.get("/").text):
            shown.set_content(told)
            assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert axe_violations(shown) == []
            heights = shown.evaluate("[...document.querySelectorAll('td, th')].filter(c => c.offsetParent).map(c => [c.innerText, c.clientWidth])")  # fmt: skip
            assert [told for told, width in heights if len(told) > 3 and width < 40] == []
            named = shown.evaluate("[...document.querySelectorAll('td')].map(c => c.dataset.of)")
            assert all(named)
            broken = shown.evaluate("[...document.querySelectorAll('th')].filter(c => c.offsetParent && getComputedStyle(c).overflowWrap != 'normal').length")  # fmt: skip
            assert broken == 0
        assert said == []


def test_no_page_says_where_the_desk_is_served(desk, data) -> None:
    """A proxy may serve it in a folder of its own, which it takes off: links, forms and redirects lead from one page to the next."""
    at = "https://city.example/desk/"
    said = {"receipt": RECEIPT, "by": "王芳", "why": "x"}
    pages = {
        "": desk.get("/"), "check": sent(desk), "decisions": desk.get("/decisions"), "decisions/held": desk.post("/decisions/held", data=said),
        "nowhere/at/all": desk.get("/nowhere/at/all"), "report/none": desk.get("/report/none"), "template/none": desk.get("/template/none"),
    }  # fmt: skip
    places = {
        "",
        "check",
        "decisions",
        "decisions/held",
        "decisions/pair",
        "decisions/unit",
        "decisions/violation",
        "report",
        "template",
    }
    for path, answer in pages.items():
        for link in re.findall(r'(?:href|action)="([^"]*)"', answer.text):
            led = urljoin(at + path, link)
            assert led.startswith(at), (path, link)
            assert re.sub(r"^(report|template)/.*", r"\1", led.removeprefix(at)) in places, (path, link)
    for path, to in (("decisions/held", "decisions?done=held#held"), ("check", ""), ("decisions/pair", "decisions")):
        if path == "decisions/held":
            answer = desk.post(f"/{path}", data=said | {"token": token(desk)}, follow_redirects=False)
        else:
            answer = desk.get(f"/{path}", follow_redirects=False)
        assert answer.status_code == 303
        assert urljoin(at + path, answer.headers["location"]) == at + to
    assert desk.get("/decisions/", follow_redirects=False).status_code == 404


@pytest.mark.parametrize(
    "own", ["Desk.Example.gov.cn", "https://desk.example.gov.cn:8443/minsheng/", "other.example, desk.example.gov.cn"]
)
def test_behind_a_proxy_a_decision_is_taken_however_the_proxy_says_the_host(data, policies, monkeypatch, own) -> None:
    monkeypatch.setenv("MINSHENG_DESK_HOST", own)
    for host in ("desk.example.gov.cn", "127.0.0.1:3100"):
        with TestClient(application(data, policies), base_url=f"http://{host}") as desk:
            said = {"token": token(desk), "receipt": RECEIPT, "by": "王芳", "why": "x"}
            ours, theirs = ({"origin": f"https://{name}"} for name in ("desk.example.gov.cn:8443", "evil.example"))
            assert desk.post("/decisions/held", data=said, headers=theirs).status_code == 403
            assert desk.post("/check", data={"feed": "x"}, headers=theirs).status_code == 403
            assert desk.post("/decisions/held", data=said, headers=ours).status_code == 200
    with TestClient(application(data, policies), base_url="http://evil.example") as desk:
        answer = desk.get("/")
        assert (answer.status_code, "evil.example" in answer.text, "MINSHENG_DESK_HOST" in answer.text) == (
            400,
            True,
            True,
        )


def test_two_people_do_not_decide_over_one_another(desk, data) -> None:
    said = {"token": token(desk), "receipt": RECEIPT, "by": "王芳", "why": "人口普查后补报"}
    for _ in range(2):  # a double click
        assert "已记录" in desk.post("/decisions/held", data=said).text
    second = desk.post("/decisions/held", data=said | {"by": "李雷", "why": "我也同意"}).text
    assert "王芳 已于 2026-03-01" in second
    assert "人口普查后补报" in second
    assert approvals(data.root)[RECEIPT].by == "王芳", "the first name is gone"


def test_a_decision_leads_to_a_page_that_can_be_loaded_again(desk, policies) -> None:
    said = {"token": token(desk), "left_id": "a", "right_id": "b", "decision": "same", "by": "李雷", "why": "x"}
    answer = desk.post("/decisions/pair", data=said)
    assert answer.request.method == "GET"
    assert (answer.text.index("已记录") > answer.text.index('id="pair"'), answer.text.count("已记录")) == (True, 1)
    assert "未作决定" not in desk.get(str(answer.url)).text


@pytest.mark.parametrize(
    ("by", "why", "kept"),
    [
        ("李雷", "=HYPERLINK(\"http://evil\")", ("李雷", "'=HYPERLINK(\"http://evil\")")),
        ("@李雷", "-5 床", ("'@李雷", "'-5 床")),
        ('李"雷\n', 'a,"b"\r\nc\u2028d', ('李"雷', 'a,"b" c d')),
        ("李\x00雷\u202e", "x\x1b[31my\x07", ("李雷", "x[31my")),
        ("👨‍👩‍👧", "é" * 1000, ("👨‍👩‍👧", "é" * 1000)),
        ("李雷", "长" * 10_000, "10000"),
        ("李" * 61, "x", "61"),
        ("\u3000 \u202e", "x", "请填写"),
    ],
)  # fmt: skip
def test_what_a_person_writes_stays_one_line_of_text_in_the_seed(desk, policies, by, why, kept) -> None:
    said = {"token": token(desk), "left_id": "a", "right_id": "b", "decision": "same", "by": by, "why": why}
    answer = desk.post("/decisions/pair", data=said)
    found = rows(policies / "facility_link_decisions.csv")
    if isinstance(kept, str):
        assert (answer.status_code, found) == (400, [])
        assert kept in answer.text
    else:
        assert [(r["decided_by"], r["reason"]) for r in found] == [kept]
    assert desk.get("/decisions").status_code == 200


def test_a_seed_that_excel_saved_is_added_to_or_the_sentence_says_how_to_save_it(desk, policies) -> None:
    seed = policies / "facility_link_decisions.csv"
    saved = ("\ufeff" + seed.read_text("utf-8").strip() + "\nc,d,same,赵六,2026-01-01,x\n").replace("\n", "\r\n")
    seed.write_bytes(saved.encode("gb18030"))
    said = {"token": "", "left_id": "a", "right_id": "b", "decision": "same", "by": "李雷", "why": "x"}
    answer = desk.get("/decisions")
    assert (answer.status_code, "CSV UTF-8" in answer.text) == (400, True)
    seed.write_bytes(saved.encode())
    desk.post("/decisions/pair", data=said | {"token": token(desk)})
    assert seed.read_bytes() == f"{saved}a,b,same,李雷,2026-03-01,x\n".encode()


def test_a_policy_that_cannot_be_written_is_told_in_a_sentence(desk, policies, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "facility_link_decisions.csv")

    monkeypatch.setattr("orchestration.desk.decisions.write_text", full)
    answer = desk.post(
        "/decisions/pair",
        data={
            "token": token(desk),
            "left_id": "a",
            "right_id": "b",
            "decision": "same",
            "by": "李雷",
            "why": "同一院落",
        },
    )
    assert (answer.status_code, "No space left on device" in answer.text, "同一院落" in answer.text) == (
        500,
        True,
        True,
    )


def test_an_upload_that_is_broken_off_is_no_fault_and_leaves_nothing(data, policies, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    head = {"type": "http", "method": "POST", "path": "/check", "query_string": b"", "root_path": "", "headers": [
        (b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=x"), (b"content-length", b"99999999")]}  # fmt: skip
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + b"a" * 3_000_000
    coming = iter([{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, object]:
        return next(coming)

    async def send(_: object) -> None:
        pass

    asyncio.run(application(data, policies)(head, receive, send))
    assert [p for p in tmp_path.glob("minsheng-desk-*/**/*") if p.is_file()] == []


@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_desk_that_is_ended_leaves_nothing_of_what_was_sent(tmp_path, how) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "uploads").mkdir()
    surroundings = os.environ | {"TMPDIR": str(tmp_path / "uploads"), "MINSHENG_DATA": str(tmp_path / "data")}
    desk = subprocess.Popen(
        [sys.executable, "-m", "orchestration", "desk", "--port", str(port)],
        env=surroundings,
        stdout=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=8)) as asked:
            assert (
                "检查结果"
                in asked.post("/check", data={"feed": "health.institutions"}, files={"file": ("机构.csv", SENT)}).text
            )
        assert list((tmp_path / "uploads").rglob("report.xlsx"))
        desk.send_signal(how)
        desk.wait(20)
    finally:
        desk.kill()
    assert list((tmp_path / "uploads").rglob("*.xlsx")) == []


def test_of_many_who_decide_at_once_one_is_heard(desk, data, policies) -> None:
    pair = {"token": token(desk), "left_id": "a", "right_id": "b", "why": "x"}
    file = {"token": token(desk), "receipt": RECEIPT, "why": "x"}

    def decide(number: int) -> tuple[int, int]:
        said = {"by": f"第{number}人", "decision": ("same", "different")[number % 2]}
        return desk.post("/decisions/pair", data=pair | said).status_code, desk.post("/decisions/held", data=file | said).status_code  # fmt: skip

    with ThreadPoolExecutor(8) as people:
        answers = list(people.map(decide, range(8)))
    assert [sorted(codes) for codes in zip(*answers, strict=True)] == [[200] + [400] * 7] * 2
    assert len(rows(policies / "facility_link_decisions.csv")) == 1


def test_a_fault_of_the_desk_s_own_is_told_in_words(data, policies, monkeypatch) -> None:
    monkeypatch.setattr("orchestration.desk.decisions.held", lambda data: data.no_such_thing)
    with TestClient(application(data, policies), base_url="http://localhost", raise_server_exceptions=False) as desk:
        answer = desk.get("/decisions")
    assert (answer.status_code, "出了差错" in answer.text, "Traceback" in answer.text) == (500, True, False)


def test_in_a_browser_a_form_is_sent_once_and_a_name_is_given_once(desk) -> None:
    """Also where the browser keeps nothing: a page without an address of its own is refused its storage."""
    with browser() as opened, page(opened) as (shown, said):
        for told, fields in ((desk.get("/").text, ()), (desk.get("/decisions").text, ("by", "why"))):
            shown.set_content(told)
            shown.evaluate(
                "window.sent = 0; addEventListener('submit', e => { sent += !e.defaultPrevented; e.preventDefault(); })"
            )
            if fields:
                for field in fields:
                    shown.locator(f"[name={field}]").first.fill("王芳")
                shown.locator("form button").first.dblclick()
            else:
                shown.locator("#feed").select_option("health.institutions")
                shown.locator("#file").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": SENT})
                shown.locator("form button").dblclick()
                assert "检查中" in shown.locator("form button").inner_text()
            assert shown.evaluate("sent") == 1
        assert said == []


def test_where_the_release_is_lost_the_page_says_so_and_files_are_decided_on_all_the_same(desk, data) -> None:
    (data.published / "releases" / "2026-03-01.1" / "minsheng.duckdb").unlink()
    page = html.unescape(desk.get("/decisions").text)
    assert "The release that is served, 2026-03-01.1, is lost or damaged" in page
    assert RECEIPT in page
    said = {"token": token(desk), "by": "李雷", "why": "看过"}
    assert (
        "is lost or damaged"
        in desk.post("/decisions/pair", data={**said, "left_id": "a", "right_id": "b", "decision": "same"}).text
    )
    assert "已记录" in desk.post("/decisions/held", data={**said, "receipt": RECEIPT}).text
