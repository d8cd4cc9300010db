"""Who holds what only one may hold at a time, across processes: a lock on a file that says who, since when and what for.

The system gives the lock back when its process ends, however it ends, so nobody has to judge whether a process of some
number is still the one that wrote it. Does not belong here: Dagster's runs (night.owners) and what is done under a lock.
"""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from orchestration.paths import ZONE

ASK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Holder:
    """A process that holds something. `since`: wall time of the place."""

    pid: int
    since: str
    what: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.what}) since {self.since}"


@contextmanager
def alone(lock: Path, what: str, tell: Callable[[str], None] | None = None) -> Iterator[None]:
    """Holds the lock while the block runs; a second one waits, in whichever process, and tells for whom.

    Args:
        what: what the holder does, as those who wait for it are told.
        tell: takes the sentence that says for whom one waits; once for each holder.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    told: Holder | None = None
    with lock.open("a+", encoding="utf-8") as file:
        while not _locked(file):
            holder = holder_of(lock)
            if tell and holder and holder != told:
                tell(f"waiting for {holder} to finish")
                told = holder
            time.sleep(ASK_AGAIN_SECONDS)
        _sign(file, what)
        try:
            yield
        finally:
            file.truncate(0)


def take(lock: Path, what: str) -> IO[str] | None:
    """Takes the lock for as long as what is given back stays open; None where another process has it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    file = lock.open("a+", encoding="utf-8")
    if not _locked(file):
        file.close()
        return None
    _sign(file, what)
    return file


def is_held(lock: Path) -> bool:
    """Whether a living process has the lock."""
    try:
        with lock.open("r", encoding="utf-8") as file:
            return not _locked(file)
    except FileNotFoundError:
        return False


def holder_of(lock: Path) -> Holder | None:
    """Who last signed the lock; alive or not is the lock's to say."""
    try:
        return Holder(**json.loads(lock.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # not there, or being signed this moment
        return None


def end_with_parent(parent: int) -> None:
    """Ends this process when `parent`, which began it, has ended: what a killed night began does not go on without it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ASK_AGAIN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def this_command() -> str:
    """What this process is, as a person knows it."""
    if multiprocessing.parent_process():
        return "a run of the UI or of a schedule"
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = f"python -m {main.name.removesuffix('.__main__')}" if main else Path(sys.argv[0]).name or "python"
    return " ".join([name, *sys.argv[1:2]])


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(file: IO[str], what: str) -> None:
    now = datetime.now(ZONE).strftime("%Y-%m-%d %H:%M:%S")
    file.truncate(0)
    file.write(json.dumps(asdict(Holder(os.getpid(), now, what)), ensure_ascii=False))
    file.flush()
