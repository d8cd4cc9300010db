"""What several test files share: the real data and the domain notes beside the project, where they are there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A test's time is the machine's business: several suites share it.
settings.register_profile("minsheng", deadline=None)
settings.load_profile("minsheng")

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
