"""Contracts as values: what they say is worked out once, so that other threads and processes see one that does not change."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest

from contracts.loading import load_feeds, load_products
from contracts.model import Contract, Feed


@pytest.fixture
def hurried_threads() -> Iterator[None]:
    """Threads take turns after every few steps, as on a machine under load."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_a_contract_is_handed_to_another_process_while_this_one_works_with_it(hurried_threads) -> None:
    """What `concurrent.futures` does: a thread pickles the feed while the main thread looks things up in it."""
    feed = load_feeds()["evaluation.reviews"]
    with ThreadPoolExecutor(1) as other:
        for _ in range(150):
            fresh, begun = replace(feed), Event()

            def pickled(fresh: Feed = fresh, begun: Event = begun) -> bytes:
                begun.set()
                return pickle.dumps(fresh)

            sent = other.submit(pickled)
            begun.wait()
            looked_up = (fresh.by_name, fresh.key, fresh.stored, fresh.stored_key, fresh.accepted_columns)
            received = pickle.loads(sent.result())
            assert (
                received.by_name,
                received.key,
                received.stored,
                received.stored_key,
                received.accepted_columns,
            ) == looked_up


@pytest.mark.parametrize("contract", [*load_feeds().values(), *load_products().values()], ids=lambda c: c.id)
def test_looking_things_up_changes_no_contract(contract: Contract) -> None:
    fresh = replace(contract)
    before = dict(vars(fresh))
    for name in dir(type(fresh)):
        if not name.startswith("_"):
            getattr(fresh, name)
    assert vars(fresh) == before


def test_a_changed_contract_is_worked_out_anew() -> None:
    feed = load_feeds()["evaluation.reviews"]
    shorter = replace(feed, fields=tuple(f for f in feed.fields if f.name != "comment"))
    assert "comment" in feed.accepted_columns
    assert "comment" not in shorter.accepted_columns
    assert "comment" not in shorter.by_name
