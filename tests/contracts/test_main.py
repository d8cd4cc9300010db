"""`python -m contracts` as a department meets it: words, workbooks, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from contracts.__main__ import main

HEADER = "机构代码,机构名称,类别代码,床位数,运营状态,区划代码"
GOOD = "510107001,一院,A100,120,1,510107001001"


@pytest.fixture
def send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a file of health institutions and checks it; gives the exit code and the folder."""
    monkeypatch.chdir(tmp_path)

    def checked(*rows: str, header: str = HEADER, options: tuple[str, ...] = ()) -> int:
        (tmp_path / "机构.csv").write_text("\n".join([header, *rows]) + "\n", encoding="gb18030")
        return main(["check", "机构.csv", "--feed", "health.institutions", *options])

    return checked


def test_a_good_file_is_told_so_and_makes_no_workbook(send, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(GOOD, "510107002,二院,A100,0,1,510107001001") == 0
    told = capsys.readouterr().out
    assert "共 2 行：可接收 2，不能接收 0" in told
    assert "2 rows: 2 would be accepted, 0 would not" in told
    assert [p.name for p in tmp_path.iterdir()] == ["机构.csv"]


def test_a_wrong_row_is_shown_with_its_number_and_marked_in_a_workbook(
    send, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(GOOD, "510107002,二院,A100,很多,1,510107001001") == 1
    told = capsys.readouterr().out
    row = next(line for line in told.splitlines() if "很多" in line)
    assert "3" in row
    assert "床位数" in row
    assert "不是数字" in row
    marked = openpyxl.load_workbook(tmp_path / "机构.检查.xlsx")["检查结果 Rows"]["D3"]
    assert marked.value == "很多"
    assert marked.fill.fill_type == "solid"


def test_equal_reasons_are_told_once_with_how_many_rows_they_struck(send, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(*(f"51010700{n},院,A100,很多,1,510107001001" for n in range(1, 8))) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "床位数" in line]
    assert len(lines) == 1
    assert " 7 " in lines[0]


def test_a_key_that_stands_twice_is_found_before_the_night_finds_it(send, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(GOOD, "510107002,二院,A100,1,1,510107001001", GOOD) == 1
    told = capsys.readouterr().out
    assert "可接收 2，不能接收 1" in told
    assert "“机构代码”与本文件中前面的行相同，只保留第一行；请删除" in told


def test_a_warning_alone_is_no_failure(send, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(GOOD.removesuffix("510107001001")) == 0
    assert "1 with a warning" in capsys.readouterr().out
    assert (tmp_path / "机构.检查.xlsx").exists()


def test_a_value_that_looks_like_markup_is_shown_as_it_is(send, capsys: pytest.CaptureFixture[str]) -> None:
    send("510107001,一院,A100,[red]9[/red],1,510107001001")
    assert "[red]9[/red]" in capsys.readouterr().out


def test_a_file_that_cannot_be_taken_as_a_whole_ends_with_2_and_a_sentence(
    send, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send("一院,A100", header="机构名称,类别代码") == 2
    assert "机构代码" in capsys.readouterr().out
    assert main(["check", "没有.csv", "--feed", "health.institutions"]) == 2
    assert "没有.csv" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["机构.csv"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "x.csv", "--feed", "health.nothing"], "health.institutions"),
        (["check", "x.csv", "--feed", "../feeds"], "health.institutions"),
        (["template", "nothing"], "evaluation.reviews"),
        (["check", "x.csv", "--feed", "health.institutions", "--sender", "nobody"], "nobody"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_ones(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert told in capsys.readouterr().out


def test_the_report_never_replaces_the_file_itself(send, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(GOOD, options=("--report", "机构.csv")) == 2
    assert (tmp_path / "机构.csv").read_text(encoding="gb18030").startswith(HEADER)
    assert "不能覆盖" in capsys.readouterr().out


def test_a_report_that_is_asked_for_is_written_even_if_nothing_is_wrong(send, tmp_path: Path) -> None:
    assert send(GOOD, options=("--report", "out.xlsx")) == 0
    assert openpyxl.load_workbook(tmp_path / "out.xlsx")["检查结果 Rows"]["B2"].value == "一院"


def test_a_report_that_cannot_be_written_is_a_sentence(send, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(GOOD, options=("--report", "no/such/folder/out.xlsx")) == 2
    assert "no/such/folder" in capsys.readouterr().out


def test_a_form_is_filled_in_checked_and_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["template", "health.institutions", "--out", "表.xlsx"]) == 0
    book = openpyxl.load_workbook("表.xlsx")
    columns = {cell.value: cell.column for cell in book.worksheets[0][1]}
    for header, value in zip(HEADER.split(","), GOOD.split(","), strict=True):
        book.worksheets[0].cell(2, columns[header], value)
    book.save("表.xlsx")
    assert main(["check", "表.xlsx", "--feed", "health.institutions"]) == 0


def test_a_form_somebody_may_have_filled_in_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "表.xlsx").write_text("filled in")
    assert main(["template", "health.institutions", "--out", "表.xlsx"]) == 2
    assert (tmp_path / "表.xlsx").read_text() == "filled in"


def test_a_column_that_the_layout_puts_together_is_not_called_unused(
    shared_data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = shared_data / "civil_affairs/tainan_activity_centres.csv"
    options = ["--sender", "tainan_activity_centres", "--report", str(tmp_path / "out.xlsx")]
    assert main(["check", str(file), "--feed", "civil_affairs.community_facilities", *options]) == 0
    told = capsys.readouterr().out
    assert "344 rows: 344 would be accepted" in told
    assert "區別" not in told


def test_the_feeds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feeds"]) == 0
    told = capsys.readouterr().out
    assert "health.institutions" in told
    assert "医疗机构名录" in told


def test_a_check_starts_without_the_heavy_libraries(tmp_path: Path) -> None:
    (tmp_path / "机构.csv").write_text(f"{HEADER}\n{GOOD}\n", encoding="utf-8")
    program = (
        "import sys; from contracts.__main__ import main;"
        "code = main(['check', sys.argv[1], '--feed', 'health.institutions', '--report', sys.argv[1] + '.xlsx']);"
        "print(sorted({'pandas', 'pandera', 'duckdb', 'great_expectations', 'dagster', 'scipy'} & set(sys.modules)), code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "机构.csv")],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_a_department_reads_no_pattern_and_no_internal_name(send, capsys: pytest.CaptureFixture[str]) -> None:
    header = f"{HEADER},经度,纬度,统一社会信用代码"
    rows = (
        "510107001,一院,综合医院,120,1,510107001001,104.06,30.66,",
        "510107002,二院,A100,1,1,510107001001,30.66,104.06,",
        "510107003,三院,A100,1,1,510107001001,104.06,30.66,123",
    )
    assert send(*rows, header=header) == 1
    told = " ".join(capsys.readouterr().out.split())
    for internal in ("[0-9", "institution_categories", "^", "Traceback"):
        assert internal not in told
    for hint in ("是否为 A100", "可能填反了", "不含"):
        assert hint in told.replace(" ", "") or hint in told
