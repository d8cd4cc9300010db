"""A file of ours is whole or not there, whatever stops the writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from contracts.whole_files import (
    NotReadable,
    parquet_reads,
    put_folder,
    read_json,
    remove_unfinished,
    whole,
    write_json,
    write_parquet,
)

FRAME = pl.DataFrame({"n": range(1000), "text": ["示范"] * 1000})


def test_what_fails_while_it_is_written_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_json(path, {"night": 1})

    def write_half() -> None:
        with whole(path) as staged:
            staged.write_text("{")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert read_json(path) == {"night": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_a_writer_that_is_killed_leaves_the_old_file_and_what_it_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a" / "state.json"
    write_json(path, {"night": 1})
    code = (
        "import os, signal, sys; from pathlib import Path; from contracts.whole_files import whole\n"
        "with whole(Path(sys.argv[1])) as staged:\n"
        "    staged.write_text('{'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    assert read_json(path) == {"night": 1}
    assert len(list(path.parent.iterdir())) == 2
    remove_unfinished(tmp_path)
    assert [p.name for p in path.parent.iterdir()] == ["state.json"]


def test_bytes_are_on_the_disk_before_their_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    sync, rename = os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (seen.append(str(Path(f"/proc/self/fd/{handle}").readlink())), sync(handle))
    )
    monkeypatch.setattr(Path, "replace", lambda self, target: (seen.append("renamed"), rename(self, target))[1])
    write_json(tmp_path / "a.json", {})
    staged, renamed, folder = seen
    assert staged.endswith(".writing")
    assert (renamed, folder) == ("renamed", str(tmp_path))


def test_a_folder_takes_its_place_with_every_file_in_it(tmp_path: Path) -> None:
    write_json(tmp_path / "candidate" / "deep" / "a.json", {"n": 1})
    put_folder(tmp_path / "candidate", tmp_path / "release")
    assert read_json(tmp_path / "release" / "deep" / "a.json") == {"n": 1}


@pytest.mark.parametrize(
    "damaged",
    [b"", b"PAR1", b"\0" * 4096, b"{}", None],
    ids=["empty", "begun", "zeros", "something else", "cut in the middle"],
)
def test_a_parquet_file_that_is_not_whole_is_noticed(tmp_path: Path, damaged: bytes | None) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(path, FRAME)
    assert parquet_reads(path)
    whole_bytes = path.read_bytes()
    path.write_bytes(whole_bytes[: len(whole_bytes) // 2] if damaged is None else damaged)
    assert not parquet_reads(path)
    path.unlink()
    assert not parquet_reads(path)


@pytest.mark.parametrize("damaged", [b"", b'{"a":', b"\xff\xfe\x00", b"\0\0\0\0"])
def test_a_json_file_that_does_not_read_is_named_in_both_languages(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "certificate.json"
    path.write_bytes(damaged)
    with pytest.raises(NotReadable, match=r"certificate\.json 无法读取.*certificate\.json does not read"):
        read_json(path)
