"""Work done ahead in other processes comes back as if it had been done here; where it cannot be had, nobody waits."""

from __future__ import annotations

import os

import pytest

from orchestration.intake.reading_ahead import MANY, SMALL_BYTES, THREADS, ReadAhead, _processes

NUMBERS = range(MANY + 4)


def test_many_small_items_are_worked_on_ahead_and_given_out_once() -> None:
    ahead: ReadAhead[int] = ReadAhead(abs, [(str(n), 1, -n) for n in NUMBERS])
    assert [ahead.result(str(n)) for n in NUMBERS] == list(NUMBERS)
    assert ahead.result("0") is None


def test_few_items_and_large_ones_are_left_to_whoever_asks() -> None:
    _processes.cache_clear()
    few: ReadAhead[int] = ReadAhead(abs, [(str(n), 1, -n) for n in range(MANY - 1)])
    assert few.result("0") is None
    large: ReadAhead[int] = ReadAhead(abs, [("large", SMALL_BYTES + 1, -1), *((str(n), 1, -n) for n in NUMBERS)])
    assert (large.result("large"), large.result("1")) == (None, 1)
    # The processes are there now, so that few items are worth sending.
    two: ReadAhead[int] = ReadAhead(abs, [("1", 1, -1), ("2", 1, -2)])
    assert (two.result("1"), two.result("2")) == (1, 2)


def test_a_killed_process_costs_time_and_nothing_else() -> None:
    killed: ReadAhead[None] = ReadAhead(os._exit, [(str(n), 1, 9) for n in NUMBERS])
    assert [killed.result(str(n)) for n in NUMBERS] == [None] * len(NUMBERS)
    again: ReadAhead[int] = ReadAhead(abs, [(str(n), 1, -n) for n in NUMBERS])
    assert again.result("3") == 3


@pytest.mark.parametrize(("said", "threads"), [(None, 1), ("3", 3)])
def test_a_process_has_one_thread_unless_somebody_has_said_how_many(
    said: str | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(THREADS, raising=False)
    if said:
        monkeypatch.setenv(THREADS, said)
    _processes.cache_clear()
    ahead: ReadAhead[int] = ReadAhead(eval, [(str(n), 1, "__import__('polars').thread_pool_size()") for n in NUMBERS])
    assert {ahead.result(str(n)) for n in NUMBERS} == {threads}
    assert os.environ.get(THREADS) == said
    _processes.cache_clear()
