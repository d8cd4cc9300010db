"""What the door understands and what it refuses. The corpus in tests/data is the documentation; this reads it."""

from __future__ import annotations

import gzip
import importlib.util
import os
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from contracts.reading import Limits, Reading, Table, Unreadable, fold, is_settled, open_table
from contracts.reading.container import format_of

DATA = Path(__file__).parents[2] / "data"
CASES = yaml.safe_load((DATA / "index.yaml").read_text(encoding="utf-8"))
HEADERS = ["机构代码", "机构名称"]


def rows_of(table: Table) -> list[list[Any]]:
    return [list(row) for batch in table.batches() for row in batch.iter_rows()]


def written(folder: Path, content: str | bytes, name: str = "sent.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# ── the corpus ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_corpus(case: dict[str, Any]) -> None:
    path, reading = DATA / case["file"], Reading(**case.get("reading", {}))
    if refused := case.get("refused"):
        with pytest.raises(Unreadable) as refusal:
            rows_of(open_table(path, reading, case["known"]))
        assert refusal.value.code == refused
        assert all(case["file"] in sentence for sentence in (refusal.value.zh, refusal.value.en, str(refusal.value)))
        return
    table = open_table(path, reading, case["known"])
    found = {key: getattr(table.found, key) for key in case["found"]}
    assert (found, table.found.headers, rows_of(table)) == (case["found"], case["headers"], case["rows"])
    assert rows_of(table) == case["rows"], "a table can be read twice"


def test_every_corpus_file_is_listed_and_made() -> None:
    spec = importlib.util.spec_from_file_location("make", DATA / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    listed = [case["file"] for case in CASES]
    assert sorted(listed) == sorted(make.MAKERS)
    assert sorted(p.name for p in DATA.iterdir() if p.is_file() and p.suffix not in (".py", ".yaml")) == sorted(listed)
    plain = [n for n in listed if n.endswith((".csv", ".tsv", ".txt", ".json", ".ndjson", ".geojson"))]
    assert [n for n in plain if (DATA / n).read_bytes() != make.MAKERS[n]()] == []


# ── real files ──────────────────────────────────────────────────────────────────────────────────

REAL = [
    ("divisions/cn_2023_areas.csv.gz", 2978, [], {}),
    ("divisions/cn_divisions_2016.csv.gz", 713_035, [], {}),
    ("divisions/tw_village_codes.csv", 7851, [], {}),
    ("population/tw_village_population_2021-03.csv", 7761, ["村里代碼"], {}),
    ("population/jiangsu_3cities_county_census2020.csv", 32, [], {}),
    ("health/cn_fever_clinics_2020.json", 6753, ["name"], {"records": "provinceList[*].cityList[*].hospitalList[*]"}),
    ("health/tw_hospitals.ods", 426, ["院所代碼", "備註"], {}),
    ("health/tw_clinics.ods", 12_683, ["院所代碼", "備註"], {}),
    ("sports/tainan_parks.csv", 486, ["公園名稱"], {}),
    ("culture/tainan_monuments.geojson", 67, ["名稱"], {}),
    ("culture/tainan_national_monuments.geojson", 12, ["名稱"], {}),
    ("culture/tainan_residences.geojson", 152, ["name"], {}),
    ("civil_affairs/tainan_activity_centres.csv", 344, ["活動中心名稱"], {}),
    ("survey/san_diego_2015_responses.csv", 2477, ["Q1_1"], {}),
    ("survey/san_diego_2015_questions.csv", 130, ["question_text"], {}),
]


@pytest.mark.parametrize(("name", "rows", "known", "reading"), REAL, ids=[r[0] for r in REAL])
def test_real_files_are_read_to_the_row(
    shared_data: Path, name: str, rows: int, known: list[str], reading: dict[str, str]
) -> None:
    batches = list(open_table(shared_data / name, Reading(**reading), known).batches())
    assert sum(b.height for b in batches) == rows
    assert sum(b["_shape"].count() for b in batches) == 0


def test_all_vintages_of_division_codes_are_tab_separated(shared_data: Path) -> None:
    tables = [open_table(p) for p in sorted((shared_data / "divisions" / "gb2260").glob("*.tsv"))]
    assert {(t.found.delimiter, tuple(t.found.headers)) for t in tables} == {
        ("\t", ("Source", "Revision", "Code", "Name"))
    }


# ── what a layout may say ───────────────────────────────────────────────────────────────────────


def test_a_layout_names_header_row_sheet_and_member(tmp_path: Path) -> None:
    text = "机构代码,机构名称\n说明,说明\n代码,名称\n1,甲\n"
    table = open_table(written(tmp_path, text), Reading(header_row=3), HEADERS)
    assert (table.found.headers, rows_of(table)) == (["代码", "名称"], [["1", "甲", 4, None]])
    with pytest.raises(Unreadable, match="row 9"):
        open_table(written(tmp_path, text), Reading(header_row=9), HEADERS)
    with pytest.raises(Unreadable, match="机构表、说明"):
        open_table(DATA / "titles.xlsx", Reading(sheet="三月"), HEADERS)
    assert open_table(DATA / "two_members.zip", Reading(member="机构.csv"), HEADERS).found.member == "机构.csv"


def test_a_declared_two_row_header_is_joined_without_known_spellings(tmp_path: Path) -> None:
    path = written(tmp_path, "机构,,床位,\n代码,名称,总数,护理型\n1,甲,120,20\n")
    table = open_table(path, Reading(header_row=1, header_rows=2))
    assert table.found.headers == ["机构/代码", "机构/名称", "床位/总数", "床位/护理型"]
    assert rows_of(table) == [["1", "甲", "120", "20", 3, None]]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"encoding": "klingon"}, "encoding_unknown"),
        ({"delimiter": "||"}, "delimiter_unknown"),
        ({"format": "xlsx"}, "format_not_as_declared"),
    ],
)
def test_a_layout_that_does_not_fit_is_named(said: dict[str, str], code: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        open_table(DATA / "utf8.csv", Reading(**said))
    assert refusal.value.code == code


def test_a_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    path = written(tmp_path, (DATA / "titles.xlsx").read_bytes(), "3f9a")
    assert open_table(path, known_headers=HEADERS, name="机构.csv").found.format == "xlsx"


def test_the_sheet_with_the_known_header_is_taken(tmp_path: Path) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    book.add_worksheet("封面").write("A1", "医疗机构季报")
    book.add_worksheet("数据").write_row("A1", HEADERS)
    book.close()
    assert open_table(tmp_path / "a.xlsx", known_headers=HEADERS).found.sheet == "数据"


def test_known_headers_decide_between_gb18030_and_big5_where_the_text_is_short(tmp_path: Path) -> None:
    path = written(tmp_path, "編號,名稱\n1,a\n".encode("big5"))
    assert open_table(path, known_headers=["編號", "名稱"]).found.encoding == "big5"


@pytest.mark.parametrize(
    ("one", "other"),
    [("床位数（张）", "床位数(张)"), (" Name ", "ｎａｍｅ"), ("opened_on", "Opened On"), ("机构\n代码：", "机构代码")],
)
def test_spellings_that_fold_alike(one: str, other: str) -> None:
    assert fold(one) == fold(other) != ""


# ── hostile input ───────────────────────────────────────────────────────────────────────────────

BOMB = b"1,2\n" * 500_000


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(unpacked_bytes=1_000_000), "file_too_large"),
        (Limits(ratio=20, ratio_from=100_000), "archive_bomb"),
    ],
)
@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_bombs_are_not_unpacked(tmp_path: Path, kind: str, limits: Limits, code: str) -> None:
    path = tmp_path / f"bomb.{kind}"
    if kind == "gz":
        path.write_bytes(gzip.compress(BOMB))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", BOMB)
    with pytest.raises(Unreadable) as refusal:
        open_table(path, limits=limits)
    assert refusal.value.code == code


def test_a_workbook_part_that_unpacks_too_far_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as refusal:
        open_table(DATA / "titles.xlsx", known_headers=HEADERS, limits=Limits(workbook_bytes=2_000))
    assert refusal.value.code == "file_too_large"


def test_links_folders_pipes_and_missing_files_are_refused_without_waiting(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(DATA / "utf8.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    codes = {}
    for name in ("link.csv", "pipe.csv", "gone.csv", "."):
        with pytest.raises(Unreadable) as refusal:
            open_table(tmp_path / name)
        codes[name] = refusal.value.code
    assert codes == {"link.csv": "not_a_file", "pipe.csv": "not_a_file", ".": "not_a_file", "gone.csv": "file_missing"}


def test_ten_thousand_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as refusal:
        open_table(written(tmp_path, ",".join(f"c{i}" for i in range(10_000)) + "\n"))
    assert refusal.value.code == "too_many_columns"


def test_a_huge_cell_is_cut_and_its_row_marked(tmp_path: Path) -> None:
    path = written(tmp_path, f"编号,名称\n1,甲\n2,{'x' * 200_000}\n3,丙\n")
    rows = rows_of(open_table(path))
    assert [(len(name), row, shape) for _, name, row, shape in rows] == [
        (1, 2, None),
        (100_000, 3, "cell_too_long"),
        (1, 4, None),
    ]


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    with path.open("wb") as out:
        out.write("编号,名称\n1,甲\n2,".encode())
        for _ in range(60):
            out.write(b"x" * 1_000_000)
        out.write("\n3,丙\n".encode())
    tracemalloc.start()
    rows = rows_of(open_table(path, limits=Limits(chunk_bytes=1_000_000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(row, shape) for *_, row, shape in rows] == [(2, None), (3, "cell_too_long"), (4, None)]
    assert peak < 25_000_000


def test_a_forgotten_quote_in_a_large_file_costs_one_row(tmp_path: Path) -> None:
    lines = [f"{i},名称{i}" for i in range(60_000)]
    lines[30_000] = '30000,"名称'
    path = written(tmp_path, "编号,名称\n" + "\n".join(lines) + "\n")
    rows = pl.concat(open_table(path, limits=Limits(chunk_bytes=100_000)).batches())
    assert rows.height == 60_000
    assert rows.filter(pl.col("_shape").is_not_null()).select("_row", "_shape").rows() == [(30_002, "stray_quote")]
    assert rows["_row"].equals(pl.Series("_row", range(2, 60_002)))


def test_the_unpacked_copy_goes_with_the_table() -> None:
    table = open_table(DATA / "packed.csv.gz", known_headers=HEADERS)
    folder = Path(table.holds.name)
    assert folder.stat().st_mode & 0o077 == 0
    del table
    assert not folder.exists()


def test_a_file_that_is_still_written_is_not_settled(tmp_path: Path) -> None:
    path = written(tmp_path, "x")
    changed = path.stat().st_mtime
    assert is_settled(path, 5, clock=lambda: changed + 6)
    assert not is_settled(path, 5, clock=lambda: changed + 4)
    assert not is_settled(tmp_path / "gone.csv", 0)


def test_reading_a_csv_imports_no_workbook_or_arrow_reader() -> None:
    code = (
        "import sys; from pathlib import Path; from contracts.reading import open_table;"
        f"list(open_table(Path({str(DATA / 'utf8.csv')!r})).batches());"
        "print([m for m in ('pyarrow','fastexcel','python_calamine','charset_normalizer','pandas','dagster') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DATA.parents[1])
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("beginning", "is_text"),
    [
        (b"ID;Popis;Cislo\n1;a;2\n", True),
        (b"MZ,XM,XB\n1,2,3\n", True),
        (b'ID;PWXL;N;E\r\nC;Y1;X1;K"a"\r\nE\r\n', False),
        (b"MZ\x90\0\3\0\0\0" * 9, False),
    ],
)
def test_headers_that_begin_as_another_format_does_are_text(tmp_path: Path, beginning: bytes, is_text: bool) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(beginning)
    if is_text:
        assert format_of(path, file=path.name) == "text"
    else:
        with pytest.raises(Unreadable, match=r"SYLK|EXE"):
            format_of(path, file=path.name)
