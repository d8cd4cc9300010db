"""The verdict from both sides, where the truth is known: who hides bad reviews is never good, who is honest cannot be pushed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pytest
from nights import City
from simulated_senders import ATTACKS, WAYS, Simulated, simulate

from orchestration.paths import DataDirectory

SEED = 8
RECEIVED = datetime(2026, 3, 20, 2)


@pytest.fixture(scope="module")
def truth() -> Simulated:
    return simulate(SEED)


@pytest.fixture(scope="module")
def halls(truth: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """Hall → its row of the scorecard for the month."""
    city = City(DataDirectory(tmp_path_factory.mktemp("bounds")), np.random.default_rng(1))
    city.deliver("evaluation.contacts", "c", truth.contacts, RECEIVED)
    for sender, rows in truth.reviews.items():
        city.deliver("evaluation.reviews", f"r_{sender}", rows, RECEIVED, sender)
    city.deliver("evaluation.rectifications", "f", truth.rectifications, RECEIVED)
    city.night("+review_scorecard")
    with duckdb.connect(str(city.data.warehouse), read_only=True) as con:
        asked = con.execute(
            "select * from reviews.review_scorecard where dimension = 'facility' and code like 'hall:%' and period_kind = 'year'"
        )
        names = [d[0] for d in asked.description]
        yield {
            row[names.index("code")].removeprefix("hall:"): dict(zip(names, row, strict=True))
            for row in asked.fetchall()
        }


def test_a_hall_that_hides_bad_reviews_is_never_good_and_its_other_reading_says_why(
    truth: Simulated, halls: Any
) -> None:
    said = defaultdict(list)
    for hall, (way, share) in truth.bent.items():
        row = halls[hall.rstrip("-")]
        said[way].append((row["verdict"], row["verdict_if_counted"]))
        assert row["verdict"] in ("undetermined", "bad"), (hall, way, share, row["verdict_text_en"])
    assert set(said) == set(WAYS)
    for way, verdicts in said.items():
        caught = sum(reading == "bad" for _, reading in verdicts)
        print(f"{way}: the least favourable reading is bad in {caught} of {len(verdicts)}, {verdicts}")
        if way not in ("withdrawn", "decided_away"):
            assert caught >= 0.8 * len(verdicts), way


def test_no_flood_of_invented_reviews_moves_an_honest_hall(truth: Simulated, halls: Any) -> None:
    moved, good, let_in = [], 0, defaultdict(int)
    for hall, (twin, attack) in truth.twins.items():
        alone, attacked = halls[hall.rstrip("-")], halls[twin.rstrip("-")]
        good += alone["verdict"] == "good"
        let_in[attack] += attacked["excluded_bad"]
        if alone["verdict"] != attacked["verdict"]:
            moved.append((attack, alone["verdict"], attacked["verdict"], attacked["excluded_bad"]))
    print(f"good {good} of {len(truth.twins)}, moved {moved}, let in {dict(let_in)}")
    assert set(let_in) == set(ATTACKS)
    assert good >= 10
    assert moved == []
