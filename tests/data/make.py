"""Writes the files of this folder: `python tests/data/make.py`. What each must give stands in index.yaml.

Small by design, one oddity a file. Text that is worth reading as a file is here as a literal; the same bytes come out
every time. Does not belong here: files whose size is the point (the tests make those as they go).
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
MAKERS: dict[str, Callable[[], bytes]] = {}
EPOCH = (2024, 1, 1, 0, 0, 0)

HEADER = "机构代码,机构名称,床位数,开业日期\n"
ROWS = "51010701,武侯区人民医院,120,2001-05-01\n51010702,玉林社区卫生服务中心,15,2010-09-01\n"
TRADITIONAL = "機構代碼,機構名稱,地址\nT01,臺北市立聯合醫院,大安區仁愛路四段\nT02,北投區衛生所,新市街三十號\n"


def made(name: str) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    def register(maker: Callable[[], bytes]) -> Callable[[], bytes]:
        MAKERS[name] = maker
        return maker

    return register


def text(name: str, content: str, encoding: str = "utf-8") -> None:
    MAKERS[name] = lambda: content.encode(encoding)


# ── encodings ───────────────────────────────────────────────────────────────────────────────────

text("utf8.csv", HEADER + ROWS)
text("utf8_bom.csv", HEADER + ROWS, "utf-8-sig")
text("gb18030.csv", HEADER + ROWS + "51010703,㐀㐁𠀀卫生站,3,2012-01-01\n", "gb18030")
text("big5.csv", TRADITIONAL, "big5")
text("utf16_bom.txt", (HEADER + ROWS).replace(",", "\t"), "utf-16")
text("utf16le.csv", HEADER + ROWS, "utf-16-le")
text("western.csv", "name,note\nCafé,Don’t know – naïve\n", "cp1252")
MAKERS["gb18030_damaged_row.csv"] = lambda: (HEADER + ROWS).encode("gb18030") + b"51010703,\x81\xff\xff,3,2012-01-01\n"
MAKERS["utf8_damaged_row.csv"] = lambda: (HEADER + ROWS).encode() + b"51010703,\xe4\xb8,3,2012-01-01\n"

# ── where the header is ─────────────────────────────────────────────────────────────────────────

TITLES = "医疗机构基本情况表,,,\n填报单位：武侯区卫健局,,,2024年3月\n,,,\n"
text("titles_and_footer.csv", TITLES + HEADER + ROWS + "合计,2,135,\n填表人：张三,,,\n")
text("two_row_header.csv", "机构,,床位,,\n代码,名称,总数,护理型,备注\n51010701,武侯区人民医院,120,20,\n")
text("spelling.csv", "機構代碼(必填) ,ＮＡＭＥ, 床位 数：,开业_日期\n51010701,武侯区人民医院,120,2001-05-01\n")
text("header_only.csv", HEADER)
text("no_header.csv", ROWS)
text("repeated_header.csv", "机构代码,机构名称,机构名称,床位数\n1,甲,乙,3\n")
text("repeated_unknown_header.csv", "机构代码,机构名称,备注,备注\n1,甲,乙,丙\n")
text("unnamed_column.csv", "机构代码,,床位数\n1,甲,3\n")
text("header_with_line_break.csv", '机构代码,"床位数\n（张）"\n1,3\n')

# ── delimiters, quotes, line ends ───────────────────────────────────────────────────────────────

text("semicolon.csv", (HEADER + ROWS).replace(",", ";"))
text("pipe.txt", (HEADER + ROWS).replace(",", "|"))
text("tab.tsv", (HEADER + ROWS).replace(",", "\t"))
text("sep_line.csv", "sep=;\n" + (HEADER + ROWS).replace(",", ";"))
text("crlf.csv", (HEADER + ROWS).replace("\n", "\r\n"))
text("cr.csv", (HEADER + ROWS).replace("\n", "\r"))
text("no_last_newline.csv", (HEADER + ROWS).removesuffix("\n"))
text("quoted.csv", '编号,意见,日期\n1,"等了两个小时,\n很不满意",2024-03-05\n2,"他说""下周再来""",2024-03-06\n')
text("quote_inside.csv", '编号,规格,数量\n1,5" 管,3\n2,普通,4\n')
text("forgotten_quote.csv", '编号,名称,数量\n1,"公园,3\n2,广场,4\n3,绿地,5\n')
text("forgotten_quote_then_quoted.csv", '编号,名称,数量\n1,"公园,3\n2,"广场,东",4\n3,绿地,5\n')
text("text_after_quote.csv", '编号,名称,数量\n1,"公园"东,3\n2,广场,4\n')
text("trailing_delimiter.csv", "编号,名称\n1,公园,\n2,广场,\n")
text("blank_rows.csv", "编号,名称\n\n1,公园\n,\n　,\n2,广场\n\n")

# ── rows that are not shaped like the header ────────────────────────────────────────────────────

text("shifted_rows.csv", HEADER + "1,甲,,3,2001-05-01\n2,乙,4\n" + ROWS)
text("nul_bytes.csv", HEADER + "1,甲\0\0,3,2001-05-01\n" + ROWS)
text("only_nul.csv", "\0" * 500)
text("empty.csv", "")
text("blank.csv", "\n \n\n")

# ── JSON ────────────────────────────────────────────────────────────────────────────────────────

CITY = {"city": "成都市", "hospitalList": [{"name": "甲医院", "beds": 120}, {"name": "乙医院", "beds": 0.10}]}
NESTED = {"provinceList": [{"province": "四川省", "cityList": [CITY, {"city": "绵阳市", "hospitalList": []}]}]}


def as_json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)


text("nested.json", as_json(NESTED))
text("array.json", as_json([{"编号": 1, "位置": {"lng": 104.06, "lat": 30.67}, "标签": ["101", "203"]}, {"编号": 2}]))
text("wrapped.json", as_json({"code": 0, "data": {"total": 1, "rows": [{"编号": "1", "名称": "公园"}]}}))
text("two_lists.json", as_json({"公园": [{"编号": 1}], "广场": [{"编号": 2}]}))
text("repeated_key.json", '[{"编号": 1, "名称": "甲", "名称": "乙"}, {"编号": 2, "名称": "丙"}]')
text("exact_numbers.json", '[{"编号": 12345678901234567890, "金额": 10.10, "比例": 1e-3}]')
text("lines.ndjson", '{"编号": 1, "名称": "公园"}\n\n{"编号": 2, "面积": 3.50}\n{"编号": 3,\n')
text("broken.json", '{"data": [{"编号": 1}')
text("deep.json", "[" * 100_000)
SQUARE = [[[120.0, 23.0], [120.2, 23.0], [120.2, 23.2], [120.0, 23.2], [120.0, 23.0]]]
SPECK = [[[121.0, 24.0], [121.01, 24.0], [121.0, 24.01], [121.0, 24.0]]]
FEATURES = [
    {"type": "Feature", "properties": {"名称": "碑"}, "geometry": {"type": "Point", "coordinates": [120.5, 23.5]}},
    {"type": "Feature", "properties": {"名称": "城"}, "geometry": {"type": "MultiPolygon", "coordinates": [SPECK, SQUARE]}},
    {"type": "Feature", "properties": {"名称": "失"}, "geometry": None},
]  # fmt: skip
text("monuments.geojson", as_json({"type": "FeatureCollection", "features": FEATURES}))

# ── what only looks like a table ────────────────────────────────────────────────────────────────

text("html.xls", "<html><body><table><tr><td>机构代码</td></tr></table></body></html>")
MAKERS["document.pdf"] = lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
MAKERS["archive.rar"] = lambda: b"Rar!\x1a\x07\x01\x00" + bytes(40)


# ── packed ──────────────────────────────────────────────────────────────────────────────────────


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return out.getvalue()


PLAIN = (HEADER + ROWS).encode()
MAKERS["packed.csv.gz"] = lambda: gzip.compress(PLAIN, mtime=0)
MAKERS["cut.csv.gz"] = lambda: gzip.compress(PLAIN * 50, mtime=0)[:-40]
MAKERS["packed.zip"] = lambda: zipped({"__MACOSX/._a.csv": b"x", "表/": b"", "表/机构.csv": PLAIN})
# Windows in China writes GBK names and no flag that says so.
MAKERS["gbk_names.zip"] = lambda: zipped({"ABCD.csv": PLAIN}).replace(b"ABCD", "机构".encode("gbk"))
MAKERS["two_members.zip"] = lambda: zipped({"机构.csv": PLAIN, "说明.txt": b"x"})
MAKERS["nested.zip"] = lambda: zipped({"inner.zip": zipped({"a.csv": PLAIN})})
MAKERS["traversal.zip"] = lambda: zipped({"../../etc/机构.csv": PLAIN})
MAKERS["no_data.zip"] = lambda: zipped({"__MACOSX/._a.csv": b"x"})
MAKERS["cut.zip"] = lambda: zipped({"机构.csv": PLAIN})[:-30]


@made("symlink.zip")
def _symlink() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("机构.csv", EPOCH)
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


@made("encrypted.zip")
def _encrypted() -> bytes:
    data = bytearray(zipped({"a.csv": PLAIN}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


# ── workbooks ───────────────────────────────────────────────────────────────────────────────────


def workbook(fill: Callable[[object], None]) -> bytes:
    from datetime import datetime

    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"default_date_format": "yyyy-mm-dd"})
    book.set_properties({"created": datetime(2024, 1, 1)})
    fill(book)
    book.close()
    return out.getvalue()


@made("titles.xlsx")
def _titles() -> bytes:
    from datetime import date, datetime

    def fill(book: object) -> None:
        sheet = book.add_worksheet("机构表")
        sheet.merge_range("A1:D1", "医疗机构基本情况表")
        sheet.write_row("A2", ["填报单位：武侯区卫健局"])
        sheet.write_row("A3", ["机构代码", "机构名称", "床位数", "开业日期", "满意率", "填报时间", "是否公立"])
        sheet.write_row("A4", [51010701, "武侯区人民医院", 120, date(2001, 5, 1), 0.1, datetime(2024, 3, 5, 8, 30)])
        sheet.write_boolean("G4", True)
        sheet.write_row("A6", ["'51010702", "玉林社区卫生服务中心", 1 / 3, 45356])
        sheet.write_formula("C7", "=1/0", None, "#DIV/0!")
        sheet.write_row("A7", ["51010703", "错位", None, None, None, None, None, "多出一格"])
        book.add_worksheet("说明").write("A1", "填表说明")

    return workbook(fill)


@made("two_row_header.xlsx")
def _two_rows() -> bytes:
    def fill(book: object) -> None:
        sheet = book.add_worksheet()
        sheet.merge_range("A1:A2", "机构代码")
        sheet.merge_range("B1:C1", "床位")
        sheet.write_row("B2", ["总数", "护理型"])
        sheet.write("D1", "备注")
        sheet.write_row("A3", ["51010701", 120, 20, "无"])

    return workbook(fill)


@made("far_cell.xlsx")
def _far_cell() -> bytes:
    def fill(book: object) -> None:
        sheet = book.add_worksheet()
        sheet.write("A1", "机构代码")
        sheet.write("XFD1048576", 1)

    return workbook(fill)


def repacked(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return zipped({name: change(name, archive.read(name)) for name in archive.namelist()})


@made("entities.xlsx")
def _entities() -> bytes:
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]>\n<worksheet'
    return repacked(_two_rows(), lambda n, d: d.replace(b"<worksheet", bomb, 1) if "sheet1" in n else d)


# A workbook with a password is no zip but an OLE file that says so.
MAKERS["password.xlsx"] = lambda: (
    bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504) + "EncryptedPackage".encode("utf-16-le")
)
MAKERS["cut.xlsx"] = lambda: _titles()[:3000]
MAKERS["empty.xlsx"] = lambda: workbook(lambda book: book.add_worksheet())


@made("old.xls")
def _old() -> bytes:
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("机构表")
    for row, cells in enumerate(
        [["机构代码", "机构名称", "床位数"], ["51010701", "武侯区人民医院", 120.0], ["2", "乙", 1.5]]
    ):
        for column, cell in enumerate(cells):
            sheet.write(row, column, cell)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


ODS_TABLE = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 office:version="1.2"><office:body><office:spreadsheet><table:table table:name="表一">{rows}</table:table>
</office:spreadsheet></office:body></office:document-content>"""


def ods(rows: list[list[str]], more: str = "") -> bytes:
    cells = "".join(
        "<table:table-row>"
        + "".join(f'<table:table-cell office:value-type="string"><text:p>{c}</text:p></table:table-cell>' for c in row)
        + "</table:table-row>"
        for row in rows
    )
    kind = b"application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind.decode()}"/></manifest:manifest>'
    )
    return zipped(
        {
            "mimetype": kind,
            "content.xml": ODS_TABLE.format(rows=cells + more).encode(),
            "META-INF/manifest.xml": manifest.encode(),
        }
    )


TABLE = [["三月报表"], ["机构代码", "机构名称"], ["51010701", "武侯区人民医院"]]
MAKERS["titles.ods"] = lambda: ods(TABLE)
FILLED = '<table:table-cell office:value-type="string" table:number-columns-repeated="1000"><text:p>x</text:p></table:table-cell>'
MAKERS["repeated.ods"] = lambda: ods(
    TABLE, f'<table:table-row table:number-rows-repeated="1000000">{FILLED}</table:table-row>'
)


@made("typed.parquet")
def _parquet() -> bytes:
    from datetime import date, datetime

    import polars as pl

    out = io.BytesIO()
    pl.DataFrame(
        {
            "机构代码": ["51010701", "2", None],
            "床位数": [120, 1, None],
            "面积": [510107.0, 0.1, None],
            "开业日期": [date(2001, 5, 1), None, None],
            "时间": [datetime(2024, 3, 5, 8, 30), None, None],
            "公立": [True, False, None],
        }
    ).write_parquet(out)
    return out.getvalue()


MAKERS["cut.parquet"] = lambda: _parquet()[:-20]


def main() -> None:
    for name, maker in MAKERS.items():
        (HERE / name).write_bytes(maker())


if __name__ == "__main__":
    main()
