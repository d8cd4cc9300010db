"""One at a time across processes, shown with real ones: who waits says for whom, who dies gives back what it held."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from orchestration.holding import alone, holder_of, is_held

PROJECT = Path(__file__).parents[2]
HOLDS = """
import sys, time
from pathlib import Path
from orchestration.holding import alone
with alone(Path(sys.argv[1]), "a night"):
    print("holds", flush=True)
    time.sleep(float(sys.argv[2]))
"""
BEGINS_ANOTHER = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "from orchestration.holding import end_with_parent\\nimport sys, time\\nend_with_parent(int(sys.argv[1]))\\nprint('runs', flush=True)\\ntime.sleep(600)", str(os.getpid())], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""


def hold(lock: Path, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(lock), str(seconds)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "holds\n"
    return process


def test_a_second_one_waits_and_says_for_whom(tmp_path: Path) -> None:
    lock, told = tmp_path / "lock", []
    with hold(lock, 3) as first:
        assert is_held(lock)
        with alone(lock, "a night by hand", told.append):
            assert first.poll() is not None or first.wait(5) == 0
            assert str(holder_of(lock)).startswith("process ")
            assert "a night by hand" in str(holder_of(lock))
    (sentence,) = told
    assert sentence.startswith(f"waiting for process {first.pid} (a night) since ")
    assert not is_held(lock)


def test_who_is_killed_holds_nothing(tmp_path: Path) -> None:
    lock, told = tmp_path / "lock", []
    with hold(lock, 600) as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert not is_held(lock)
        with alone(lock, "the next night", told.append):
            pass
    assert told == []


def test_what_a_killed_process_began_ends_with_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BEGINS_ANOTHER], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = Path("/proc") / parent.stdout.readline().strip()
        assert child.exists()
        parent.kill()
        parent.wait()
        until = time.monotonic() + 20
        while child.exists() and time.monotonic() < until:
            time.sleep(0.1)
        assert not child.exists() or "Z" in (child / "stat").read_text().split()[2]
