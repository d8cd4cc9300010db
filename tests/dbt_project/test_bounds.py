"""The verdict from both sides, where the truth is known: who hides bad reviews is never good, who is honest cannot be pushed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import duckdb
import numpy as np
import pytest
from nights import City
from simulated_senders import ATTACKS, WAYS, Simulated, simulate

from orchestration.paths import DataDirectory

pytestmark = pytest.mark.slow

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
    # The day after the last of which the senders speak: from then on they would be silent.
    city.night("+review_scorecard", day=date(2026, 1, 29))
    with duckdb.connect(str(city.data.warehouse), read_only=True) as con:
        asked = con.execute(
            "select * from reviews.review_scorecard where dimension = 'facility' and code like 'hall:%' and period_kind = 'year'"
        )
        names = [d[0] for d in asked.description]
        yield {
            row[names.index("code")].removeprefix("hall:"): dict(zip(names, row, strict=True))
            for row in asked.fetchall()
        }


def test_a_hall_that_hides_bad_reviews_is_never_good(truth: Simulated, halls: Any) -> None:
    found = defaultdict(list)
    for hall, (way, _) in truth.bent.items():
        row = halls[hall.rstrip("-")]
        assert row["verdict"] in ("undetermined", "bad"), (hall, way, row["verdict_text_en"])
        found[way].append(row["verdict_if_counted"] == "bad")
    assert set(found) == set(WAYS)
    # What was decided or withdrawn is left out up to a share of all: such a hall is not good, and need not read as bad.
    plain = [bad for way, bads in found.items() if way not in ("withdrawn", "decided_away") for bad in bads]
    assert len(plain) > 40
    assert sum(plain) / len(plain) >= 0.85


def test_a_hall_whose_senders_fall_silent_before_its_bad_reviews_is_not_good(truth: Simulated, halls: Any) -> None:
    rows = [halls[hall.rstrip("-")] for hall in truth.silent]
    assert len(rows) > 10
    assert all(row["bad_reviews"] == 0 and row["good_rate_lo"] >= row["good_line"] for row in rows), (
        "what came says good"
    )
    assert {(row["verdict"], row["verdict_reason"]) for row in rows} == {("undetermined", "feeds_missing")}


def test_no_flood_of_invented_reviews_moves_an_honest_hall(truth: Simulated, halls: Any) -> None:
    moved, let_in, invented = [], defaultdict(int), 0
    for hall, (twin, attack) in truth.twins.items():
        alone, attacked = halls[hall.rstrip("-")], halls[twin.rstrip("-")]
        assert alone["feeds_missing"] is attacked["feeds_missing"] is None, (attack, attacked["verdict_text_en"])
        let_in[attack] += attacked["excluded_bad"] - alone["excluded_bad"]
        invented += 2 * attacked["contacts"]
        if alone["verdict"] != attacked["verdict"]:
            moved.append((attack, alone["verdict"], attacked["verdict"], attacked["excluded_bad"]))
    assert set(let_in) == set(ATTACKS)
    assert sum(halls[hall.rstrip("-")]["verdict"] == "good" for hall in truth.twins) > 20
    assert moved == []
    # A stranger who writes numbers at random hits a missing one now and then.
    assert sum(let_in.values()) <= 0.001 * invented, dict(let_in)
