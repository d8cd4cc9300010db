"""Files as offices really send them, each told to a clerk: what is wrong and what to do, in Chinese without names of ours or of a library."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlwt

from contracts.__main__ import main

HEADER = ["机构代码", "机构名称", "类别代码", "床位数", "运营状态", "区划代码"]
ROWS = [[f"990101A{n:03}", f"示范第{n}医院", "A100", f"{10 * n}", "1", "990101001001"] for n in range(1, 9)]
TEXT = "\r\n".join(",".join(row) for row in (HEADER, *ROWS))


def book(*rows: list[str], title: str = "Sheet1", merged: tuple[str, ...] = ()) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.active.title = title
    for row in rows:
        workbook.active.append(row)
    for cells in merged:
        workbook.active.merge_cells(cells)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def old_book() -> bytes:
    workbook, out = xlwt.Workbook(), io.BytesIO()
    sheet = workbook.add_sheet("名录")
    for r, row in enumerate((HEADER, *ROWS)):
        for c, cell in enumerate(row):
            sheet.write(r, c, cell)
    workbook.save(out)
    return out.getvalue()


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)
    return out.getvalue()


def page() -> bytes:
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in (HEADER, *ROWS))
    return f"<html><body><table>{rows}</table></body></html>".encode()


ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 4000
FULL_WIDTH = ["１２０", "一百二十", "约120", "120张", "1,200", "１，２００", "120.5", ""]
# name → content, what its Chinese sentences say
ODD: dict[str, tuple[bytes, str]] = {
    "空.xlsx": (b"", "是空文件，请重新导出"),
    "空表.xlsx": (book(), "工作表都是空的，请重新导出"),
    "只有表头.xlsx": (book(HEADER), "只有表头没有数据"),
    "第七行.xlsx": (book(*[["说明"]] * 6, HEADER, *ROWS), "可接收 8，不能接收 0"),
    "太靠下.xlsx": (book(*[[f"说明{n}"] for n in range(45)], HEADER, *ROWS), "请把表头行放在数据上方，列名按模板填写"),
    "两个表格.xlsx": (book(HEADER, *ROWS, [], ["附表：撤销机构"], ["机构代码", "撤销日期"], ["990101A100", "2026-01-01"]), "格式不符"),
    "左右两个.xlsx": (book(*([*row, "", "", extra] for row, extra in zip((HEADER, *ROWS), ("人数", *"12345678"), strict=True))), "第 7 列"),
    "改名.xlsx": (b"%PDF-1.4\n" + b"x" * 900, "实际是 PDF 文件，不能读取"),
    "旧格式改名.xlsx": (old_book(), "可接收 8，不能接收 0"),
    "宽字符.csv": (TEXT.encode("utf-16"), "可接收 8，不能接收 0"),
    "网页.xls": (page(), "实际是网页（HTML/XML），不能读取"),
    "加密.xlsx": (ENCRYPTED, "设有密码，请取消密码"),
    "表情.xlsx": (book(HEADER, *ROWS, title="🏥数据😀"), "可接收 8，不能接收 0"),
    "合并表头.xlsx": (book(["基本情况", "", "", "规模", "", ""], HEADER, *ROWS, merged=("A1:C1", "D1:F1")), "可接收 8，不能接收 0"),
    "转置.xlsx": (book(*map(list, zip(HEADER, *ROWS, strict=True))), "行和列颠倒了：列名在第一列（机构代码、机构名称），应在第一行；请转置"),
    "透视表.xlsx": (book(["行标签", "求和项:床位数"], ["示范区一", "120"], ["总计", "210"]), "应有 机构代码、机构名称、类别代码"),
    "全角.xlsx": (book(HEADER, *([*row[:3], beds, *row[4:]] for row, beds in zip(ROWS, FULL_WIDTH, strict=True))), "“一百二十”不是数字；请只填数字"),
    "重复.xlsx": (book([*HEADER, "床位数"], *([*row, "5"] for row in ROWS)), "请删除或改名多余的列"),
    "重复行.xlsx": (book(HEADER, *ROWS, ROWS[0]), "只保留第一行；请删除"),
    "合计.xlsx": (book(HEADER, *ROWS, ["合计", "", "", "360", "", ""]), "请删除合计行"),
    "写错.xlsx": (book(["机构编号", "名称", "类别", *HEADER[3:]], *ROWS), "缺少必需的列：机构代码、机构名称、类别代码；"),
    "两个.zip": (zipped("a.csv", "b.csv"), "请只放一个"),
    "没有.zip": (zipped(), "请放入后重新打包发送"),
    "半截.xlsx": (book(HEADER)[:2000], "不完整或已损坏，请重新导出"),
    "乱码.csv": (TEXT.encode().decode("latin-1").encode(), "文字已成乱码"),
    "锟斤拷.csv": (TEXT.encode("gb18030").decode("utf-8", "replace").encode(), "文字已成乱码"),
    "空格.txt": (TEXT.replace(",", "  ").encode(), "请另存为 CSV 或 XLSX"),
    "半截.json": (b'[{"a": 1}, {"a": ', "不是有效的 JSON（从第"),
    "一个数.json": (b'"x"', "请"),
}  # fmt: skip
# What may stand in letters in a Chinese sentence: names of formats and programs, and in brackets what the data platform is to set.
KNOWN = re.compile(
    r"(?i)（[a-z_.]+）|\b(?:xlsx|xls|csv|json|txt|zip|html/xml|html|xml|utf-8|pdf|excel|wps|sheet\d*|a100|sheet)\b|\d+A\d+"
)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def check(name: str) -> str:
        (tmp_path / name).write_bytes(ODD[name][0])
        main(["check", name, "--feed", "health.institutions"])
        return capsys.readouterr().out

    return check


@pytest.mark.parametrize("name", ODD)
def test_a_clerk_is_told_what_is_wrong_and_what_to_do(told: Callable[[str], str], name: str) -> None:
    said = told(name)
    words = re.sub(r"[\s│]+", "", said)
    assert re.sub(r"\s+", "", ODD[name][1]) in words, said
    assert "…" not in said, "a sentence was cut, and with it what to do"
    for sentence in re.split(r"[\n│]|  +", said):
        if CHINESE.search(sentence) and "。" in sentence:
            letters = re.findall(r"[a-z]+_[a-z_0-9]+|\^\[|\\d|[A-Za-z]*Error", KNOWN.sub("", sentence))
            assert not letters, sentence
