"""A release is made again from the archive alone, and every table is the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestration.release import certificates
from orchestration.release.reproducing import NotReproducible, reproduce


@pytest.mark.slow
def test_a_release_is_made_again_from_the_archive(night_city, tmp_path: Path) -> None:
    release_id = certificates.standing_id(night_city.data)
    found = reproduce(night_city.data, release_id, tmp_path / "again")
    assert len(found.same) > 25
    assert {table for table, same in found.same.items() if not same} == set()


def test_other_rules_than_the_releases_are_said(night_city, tmp_path: Path, monkeypatch) -> None:
    release_id = certificates.standing_id(night_city.data)
    monkeypatch.setattr("orchestration.release.revisions.policies_checksum", lambda: "another")
    with pytest.raises(NotReproducible, match=r"政策 policies.*check out"):
        reproduce(night_city.data, release_id, tmp_path / "again")
    with pytest.raises(NotReproducible, match="no release 1999"):
        reproduce(night_city.data, "1999-01-01.1", tmp_path / "again")
    assert json.loads((night_city.data.published / "current" / "certificate.json").read_text(encoding="utf-8"))[
        "policies"
    ]
