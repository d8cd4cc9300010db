"""Many small files at once: the half of the door that needs no other file, in processes of their own.

What stands before a file decides its second half (keys, guards, what it changes), so that half keeps the order of the
deliveries and stays here. Large files are read one by one, because their memory would add up. Does not belong here:
what a file becomes (contracts.door) and which are pending (intake).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Generic, TypeVar

from orchestration.holding import end_with_parent

# A process takes about two seconds to begin: fewer files than this are done by then. Once begun, it stays.
MANY = 16
SMALL_BYTES = 32_000_000

Item = TypeVar("Item")
Result = TypeVar("Result")


class ReadAhead(Generic[Result]):
    """Work on items that will be asked for in this order; where it was not begun or broke off, `None`."""

    def __init__(self, work: Callable[[Item], Result], items: Sequence[tuple[str, int, Item]]) -> None:
        """`items`: (name, bytes, item); `work` is a function of a module, given one item at a time."""
        small = [(name, item) for name, size, item in items if size <= SMALL_BYTES]
        self._begun: dict[str, Future[Result]] = {}
        begun = _processes.cache_info().currsize > 0
        if len(small) >= (2 if begun else MANY) and (os.cpu_count() or 1) > 1:
            try:
                # A thread pickles each item when its turn comes: an item may not change after this.
                self._begun = {name: _processes().submit(work, item) for name, item in small}
            except BrokenExecutor:
                _processes.cache_clear()

    def result(self, name: str) -> Result | None:
        """What became of an item, once; waits for it."""
        future = self._begun.pop(name, None)
        if future is None:
            return None
        try:
            return future.result()
        except BrokenExecutor:  # a process was killed: whoever asks does the work again, alone
            self._begun.clear()
            _processes.cache_clear()
            return None


@cache
def _processes() -> ProcessPoolExecutor:
    # Started anew, not forked: polars and duckdb keep threads, which a fork would lose.
    return ProcessPoolExecutor(
        os.cpu_count(), mp_context=get_context("spawn"), initializer=end_with_parent, initargs=(os.getpid(),)
    )
