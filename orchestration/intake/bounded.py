"""No file keeps the night from the others: reading one has a bound of time and memory (policies/intake_policies.csv).

A file that can cost much for its size is read in a process of its own, which is ended when it goes beyond; the file is then
refused with a sentence and everything else goes on. Time is the process's own computing time: a busy machine refuses
nothing. Does not belong here: what is in a file (contracts), and many files at once (reading_ahead).
"""

from __future__ import annotations

import os
import pickle
import select
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

from contracts.door.bounds import LOOK_SECONDS, TOO_LONG, TOO_MUCH, Bounds, bounds, sentences, used, watch
from contracts.door.delivery import Outcome
from orchestration.paths import PROJECT

__all__ = [
    "CODES",
    "Beyond",
    "Bounds",
    "begin",
    "bounds",
    "costs_little",
    "done",
    "read",
    "refusal",
    "sentences",
    "used",
]

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# Plain text of this size is done at once whatever is in it; what is packed may hold a hundred times its size.
PLAIN_BYTES = 1_000_000
PACKED = (b"PK", b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"PAR1")
BROKE = "file_ends_the_reader"
CODES = frozenset({TOO_LONG, TOO_MUCH})  # what another policy would change


def costs_little(path: Path, size_bytes: int) -> bool:
    """Whether a file can be read at once, without a process of its own."""
    if size_bytes > PLAIN_BYTES:
        return False
    with path.open("rb") as file:
        return not file.read(4).startswith(PACKED)


class Beyond(Exception):
    """Work that was ended: it went beyond its bounds, or ended the process it was done in."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read(work: Callable[[Item], Outcome], item: Item, name: str, within: Bounds) -> Outcome:
    """What `work` makes of an item; a refusal where it goes beyond the bounds."""
    try:
        return done(work, item, within)
    except Beyond as stopped:
        return refusal(stopped.code, name, within)


def done(work: Callable[[Item], Answer], item: Item, within: Bounds) -> Answer:
    """What `work`, a function of a module, makes of an item in a process of its own, for one who asks at a time.

    Where no process can be begun it is done here, without bounds.

    Raises:
        Beyond: it was ended.
        whatever `work` raises.
    """
    reader = _ready_reader()
    if reader is None or reader.stdin is None or reader.stdout is None:
        return work(item)
    answer: tuple[bool, object] | None = None
    stopped: str | None = BROKE
    try:
        with suppress(OSError, EOFError):  # it came to an end
            settings = {name: value for name, value in os.environ.items() if name.startswith("MINSHENG_")}
            pickle.dump((work, item, settings), reader.stdin)
            reader.stdin.flush()
            stopped = _watched(reader, within)
            if stopped is None:
                stopped = BROKE
                answer = pickle.load(reader.stdout)  # noqa: S301 - from our own process
    finally:
        if answer is None:  # also when whoever waits is interrupted: nobody may get this answer later
            _reader.cache_clear()
            reader.kill()
            reader.wait()
    if answer is None:
        raise Beyond(stopped or BROKE)
    is_done, made = answer
    if is_done:
        return cast(Answer, made)
    raise made if isinstance(made, BaseException) else TypeError(type(made).__name__)


def begin() -> None:
    """Begins the process that reads, for whom files will wait: what it reads with is loaded meanwhile."""
    _reader()


def refusal(code: str, name: str, within: Bounds) -> Outcome:
    """The outcome of a file that goes beyond its bounds. It says nothing measured: the same file has the same sentence."""
    zh, en = sentences(code, name, within)
    return Outcome(verdict="refused", reason_code=code, message_zh=zh, message_en=en)


def _watched(reader: subprocess.Popen[bytes], within: Bounds) -> str | None:
    """Waits for an answer; says beyond what the process has gone where it does not come in time."""
    beyond = watch(reader.pid, within)
    while not select.select([reader.stdout], [], [], LOOK_SECONDS)[0]:
        if stopped := beyond():
            return stopped
    return None


def _ready_reader() -> subprocess.Popen[bytes] | None:
    """A reader that waits for work; another where somebody has ended the one before."""
    for _ in range(2):
        reader = _reader()
        with suppress(OSError, EOFError, pickle.UnpicklingError):
            if reader.stdout is not None:
                pickle.load(reader.stdout)  # noqa: S301 - from our own process
                return reader
        _reader.cache_clear()
    return None


@cache
def _reader() -> subprocess.Popen[bytes]:
    # Its errors are silent: what a library says of a file may quote it. Once begun, it stays.
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration.intake.reader", str(os.getpid())],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), *filter(None, sys.path)])},
    )  # fmt: skip
