"""What the command line says where something fails that no module foresees: a sentence, and what is published stands."""

from __future__ import annotations

import errno
import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest

from orchestration import __main__ as command_line

Usage = namedtuple("Usage", "total used free")


def _fails(monkeypatch: pytest.MonkeyPatch, data: Path, error: Exception, free: int) -> int:
    def fail(*_: object) -> int:
        raise error

    data.mkdir()
    monkeypatch.setenv("MINSHENG_DATA", str(data))
    monkeypatch.setattr(command_line, "_do", fail)
    monkeypatch.setattr(command_line.shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - free, free))
    return command_line.main(["night"])


@pytest.mark.parametrize(
    ("error", "free"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 10**8),  # of another disk, that of temporary files
        (sqlite3.OperationalError("disk I/O error"), 0),
    ],
    ids=["named", "unnamed"],
)
def test_a_full_disk_is_a_sentence_in_both_languages(monkeypatch, tmp_path, capsys, error, free) -> None:
    assert _fails(monkeypatch, tmp_path / "data", error, free) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "已发布的不受影响" in said
    assert "What is published stands; make room and run it once more" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [["night"], ["home"], ["demo"]])
@pytest.mark.parametrize("place", ["a file", "/proc/none"])
def test_a_data_directory_that_cannot_be_is_a_sentence(monkeypatch, tmp_path, capsys, command, place) -> None:
    root = tmp_path / "file" if place == "a file" else Path(place)
    (tmp_path / "file").write_text("x", encoding="utf-8")
    monkeypatch.setenv("MINSHENG_DATA", str(root))
    assert command_line.main(command) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert (f"数据目录 {root} 建不起来或不能写入" in said, "set MINSHENG_DATA to another" in said) == (True, True)


def test_a_fault_of_ours_is_not_called_a_full_disk(monkeypatch, tmp_path) -> None:
    with pytest.raises(KeyError):
        _fails(monkeypatch, tmp_path / "data", KeyError("x"), 10**8)
