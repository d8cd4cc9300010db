"""What several test files share: the real data and the domain notes beside the project, where they are there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A test's time is the machine's business: several suites share it.
settings.register_profile("minsheng", deadline=None)
settings.load_profile("minsheng")

# Files and folders whose tests spend a night or build a warehouse, the longest first.
LONG = ("test_command.py", "test_any_acceptable_row.py", "dbt_project", "test_privacy_canary.py", "test_definitions.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, or at the end one worker has one to itself while the others have none."""
    items.sort(key=lambda item: next((n for n, name in enumerate(LONG) if name in item.path.parts), len(LONG)))


SHARED = Path(__file__).parents[2] / "shared"


def _beside(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"../shared/{name} is not beside the project")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data this project did not write; read in place."""
    return _beside("data")


@pytest.fixture(scope="session")
def shared_domain() -> Path:
    """Notes on the field, with their sources."""
    return _beside("domain")
