"""Many small files at once: the half of the door that needs no other file, in processes of their own.

What stands before a file decides its second half (keys, guards, what it changes), so that half keeps the order of the
deliveries and stays here. Large files are read one by one, because their memory would add up. Does not belong here:
what a file becomes (contracts.door) and which are pending (intake).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import get_context
from typing import Generic, TypeVar

from orchestration.holding import end_with_parent
from orchestration.intake import bounded

# A process takes about two seconds to begin: fewer files than this are done by then. Once begun, it stays.
MANY = 16
SMALL_BYTES = 32_000_000
THREADS = "POLARS_MAX_THREADS"  # read when polars is loaded
PROGRAM_MB = 400  # what a process has in memory before it reads anything, and a little more

Item = TypeVar("Item")
Result = TypeVar("Result")


class ReadAhead(Generic[Result]):
    """Work on items that will be asked for in this order; where it was not begun or broke off, `None`."""

    def __init__(self, work: Callable[[Item], Result], items: Sequence[tuple[str, int, Item]]) -> None:
        """`items`: (name, bytes, item); `work` is a function of a module, given one item at a time."""
        small = [(name, item) for name, size, item in items if size <= SMALL_BYTES]
        self._begun: dict[str, Future[Result]] = {}
        self._largest = bounded.bounds(max((size for _, size, _ in items if size <= SMALL_BYTES), default=0))
        begun = _processes.cache_info().currsize > 0
        if len(small) >= (2 if begun else MANY) and (os.cpu_count() or 1) > 1:
            try:
                # A thread pickles each item when its turn comes: an item may not change after this.
                with _one_core_each():
                    self._begun = {name: _processes().submit(work, item) for name, item in small}
            except BrokenExecutor:
                _processes.cache_clear()

    def result(self, name: str) -> Result | None:
        """What became of an item, once; waits for it."""
        future = self._begun.pop(name, None)
        if future is None:
            return None
        try:
            before = sum(seconds for seconds, _ in _used())
            while not _is_done(future):
                # Beyond what any of these files may take: they end, and whoever asks reads each alone, within its bounds.
                seconds = sum(s for s, _ in _used()) - before
                memory_mb = max((m for _, m in _used()), default=0) / 1e6 - PROGRAM_MB
                if seconds > self._largest.seconds * (os.cpu_count() or 1) or memory_mb > self._largest.memory_mb:
                    _end()
            return future.result()
        except BrokenExecutor:  # a process was killed: whoever asks does the work again, alone
            self._begun.clear()
            _processes.cache_clear()
            return None


@contextmanager
def _one_core_each() -> Iterator[None]:
    """Processes begun here have one thread of polars each, unless somebody has said how many: there is one for each core, and their
    threads would only wait for each other, a tenth of what they use."""
    if THREADS in os.environ:
        yield
        return
    os.environ[THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[THREADS]


def _is_done(future: Future[Result]) -> bool:
    with suppress(TimeoutError):
        future.exception(timeout=0.1)
        return True
    return False


def _used() -> list[tuple[float, int]]:
    """(seconds of computing, bytes in memory) of each process that reads."""
    found = (bounded.used(process) for process in list(_processes()._processes or ()))
    return [used for used in found if used]


def _end() -> None:
    for process in list(_processes()._processes or ()):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


@cache
def _processes() -> ProcessPoolExecutor:
    # Started anew, not forked: polars and duckdb keep threads, which a fork would lose.
    return ProcessPoolExecutor(
        os.cpu_count(), mp_context=get_context("spawn"), initializer=end_with_parent, initargs=(os.getpid(),)
    )
