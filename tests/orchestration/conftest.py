"""The small city whose nights the tests look at; its first night is spent once, whichever process asks first.

dbt parses the project anew for every data directory, so the city spends its nights in one, `tonight`; what the first night left
is kept as `night_city`.
"""

from __future__ import annotations

import fcntl
import io
import os
import pickle
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from contracts.model import Product
from demo.deliver import make
from demo.plan import Plan
from orchestration.night.command import Night, run
from orchestration.paths import DataDirectory

# As small as a city can be that still has every feed, every sender and files that are refused.
SMALL = Plan(seed=7, communities=40, days=31)
# What a disk leaves of a file → the content it leaves.
CUT_SHORT: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda content: content[: len(content) // 2],
    "nearly all": lambda content: content[:-1000],
    "nothing": lambda _: b"",
    "garbage": lambda content: bytes(range(256)) * (len(content) // 256),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-graph", action="store_true", help="write tests/orchestration/graph.txt as the graph is now"
    )


Promise = Callable[[Mapping[str, Product]], None]


@pytest.fixture
def promise(monkeypatch: pytest.MonkeyPatch) -> Promise:
    """Says which product contracts a release has to keep."""

    def _promise(products: Mapping[str, Product]) -> None:
        for module in ("publishing", "completing"):
            monkeypatch.setattr(f"orchestration.release.{module}.load_products", lambda: products)

    return _promise


@dataclass(frozen=True)
class City:
    """A data directory and what the last night in it did."""

    data: DataDirectory
    night: Night


@pytest.fixture(scope="session")
def spend_night() -> Callable[[DataDirectory], Night]:
    """Spends a night in this process; its surroundings are afterwards as they were."""

    def _spend_night(data: DataDirectory) -> Night:
        with pytest.MonkeyPatch.context() as surroundings:
            for name in ("MINSHENG_DATA", "DAGSTER_HOME", "DBT_TARGET_PATH", "DBT_LOG_PATH"):
                surroundings.setenv(name, str(data.root))
            # Somebody may commit between two nights of a test; other code would be another release.
            surroundings.setattr("orchestration.release.certificates.code_version", lambda: "tested")
            return run(data, Console(file=io.StringIO()))

    return _spend_night


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes of this run."""
    base = tmp_path_factory.getbasetemp()
    # The workers of one run have one parent folder; without workers the parent belongs to other runs too.
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def night_city(spend_night: Callable[[DataDirectory], Night], shared: Path) -> City:
    """A small fictional city after its first night. Read it; a test that writes copies it."""
    data, kept, done = DataDirectory(shared / "tonight"), shared / "night_city", shared / "night_city.pickle"
    with Path(shared / "night_city.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.is_file():
            data.set_calendar(SMALL.until, SMALL.first)
            make(data.inbox, seed=SMALL.seed, communities=SMALL.communities, until=SMALL.until, days=SMALL.days)
            night = spend_night(data)
            shutil.copytree(data.root, kept, symlinks=True)
            done.write_bytes(pickle.dumps(night))
    return City(DataDirectory(kept), pickle.loads(done.read_bytes()))


@pytest.fixture(scope="session")
def tonight(night_city: City, shared: Path) -> DataDirectory:
    """The directory in which the city spends its further nights, for the one file of tests that tells of them."""
    return DataDirectory(shared / "tonight")
