"""Work that is done in a thread while Python does other work: DuckDB and the disk need no Python meanwhile.

Nothing runs on when the block that began it has ended, however it ended. Does not belong here: what is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any


@contextmanager
def beside() -> Iterator[Callable[..., Any]]:
    """Gives what takes a function and its arguments: they run one after the other. The block ends when all have; where it fails, or
    one of them, what has not begun is not begun."""
    with_us: list[Future[Any]] = []
    pool = ThreadPoolExecutor(1)

    def run(function: Callable[..., Any], *arguments: Any) -> None:
        with_us.append(pool.submit(function, *arguments))

    try:
        yield run
        for one in with_us:
            one.result()
    finally:
        pool.shutdown(cancel_futures=True)
