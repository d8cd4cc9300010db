"""A night that has nothing to do is known before it is begun; whatever would make it do something makes it begin."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import loading
from contracts.loading import load_products
from contracts.whole_files import sha256_of
from orchestration.__main__ import main
from orchestration.intake import arriving
from orchestration.night import quiet
from orchestration.paths import DataDirectory
from orchestration.release import certificates, publishing, taking_over
from orchestration.warehouse import dbt_command, inputs


@pytest.fixture(scope="module")
def moved(night_city: Any, tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    """A copy of the small city as if its night had been spent where it lies: in a directory that was moved everything is made anew."""
    data = DataDirectory(tmp_path_factory.mktemp("rested") / "city")
    shutil.copytree(night_city.data.root, data.root, symlinks=True)
    _parsed_here(data)
    parsed = json.loads(dbt_command.manifest(data).read_text(encoding="utf-8"))
    inputs.remember(data, {}, (), inputs.keys(data, parsed))
    released = {name: p for name, p in load_products().items() if not p.is_made_by_release}
    now = certificates.current(data)
    assert now is not None
    taking_over.remember(data, now.release_id, taking_over.tonight(data, released), now.kept)
    return data


def _parsed_here(data: DataDirectory) -> None:
    """What dbt would write of the project if it parsed it again, which takes it as long as the rest of these tests."""
    stamp, path = data.dbt_target / "parsed_for", data.dbt_target / "manifest.json"
    elsewhere = json.loads(stamp.read_text(encoding="utf-8"))["data"]
    path.write_text(path.read_text(encoding="utf-8").replace(elsewhere, str(data.root)), encoding="utf-8")
    stamp.write_text(json.dumps({"data": str(data.root), "sha256": sha256_of(path)}), encoding="utf-8")


@pytest.fixture
def rested(moved: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> DataDirectory:
    """The small city the moment after its night; that a real night leaves it so is test_command's."""
    monkeypatch.setattr(certificates, "code_version", lambda: "tested")
    return moved


def test_after_a_night_there_is_nothing_to_do(rested) -> None:
    assert quiet.has_nothing_to_do(rested)


Patch = Callable[[pytest.MonkeyPatch, Any], None]
CHANGES: dict[str, Patch] = {
    "another day": lambda patch, data: patch.setenv("MINSHENG_TODAY", f"{data.today() + timedelta(days=1)}"),
    "another program": lambda patch, _: patch.setattr("orchestration.warehouse.inputs.program_checksum", lambda: "x"),
    "another policy": lambda patch, _: patch.setattr("orchestration.release.revisions.policies_checksum", lambda: "x"),
    "another commit": lambda patch, _: patch.setattr(certificates, "code_version", lambda: "another"),
    "another k": lambda patch, _: patch.setattr("orchestration.release.taking_over.parameter", lambda *_: 99),
    "a broken table": lambda patch, _: patch.setattr("orchestration.warehouse.failures.remembered", lambda _: {"model.x": "why"}),
    "a delivery to be taken in": lambda patch, _: patch.setattr(quiet, "pending", lambda *_: ["a file"]),
    "a file that arrived": lambda patch, _: patch.setattr(quiet, "_is_empty", lambda _: False),
    "a link in the inbox": lambda patch, _: patch.setattr(arriving, "troubles", lambda *_: ["a link"]),
    "somebody overdue": lambda patch, _: patch.setattr(quiet, "overdue", lambda *_: [_Late()]),
    "a warehouse somebody wrote": lambda patch, _: patch.setattr("orchestration.warehouse.inputs.built", lambda _: {}),
    "a network of roads": lambda patch, _: patch.setattr("orchestration.derived.roads.given", lambda _: [Path(__file__)]),
    "a writer at work": lambda patch, _: patch.setattr(quiet, "is_held", lambda _: True),
    "a released database that is gone": lambda patch, _: patch.setattr(publishing, "DATABASE", "gone.duckdb"),
    "a release that was rolled back": lambda patch, data: patch.setattr(certificates, "current", _rolled_back(data)),
}  # fmt: skip


class _Late:
    receipt = "missing"


def _rolled_back(data: Any) -> Callable[[Any], Any]:
    now = certificates.current(data)
    assert now is not None
    return lambda _: dataclasses.replace(now, release_id="2025-01-01.1")


@pytest.mark.parametrize("change", CHANGES)
def test_there_is_something_to_do_after(rested, monkeypatch, change) -> None:
    CHANGES[change](monkeypatch, rested)
    assert not quiet.has_nothing_to_do(rested)


@pytest.mark.parametrize(
    ("name", "is_empty"),
    [("sports.venues/shifan/", True), ("sports.venues/a.csv", False), ("deliveries.csv", False), ("a.tmp", False)],
)
def test_an_inbox_is_empty_where_nothing_but_folders_lies_there(tmp_path: Path, name, is_empty) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith("/"):
        path.mkdir()
    else:
        path.write_bytes(b"x")
    assert quiet._is_empty(tmp_path) is is_empty
    assert quiet._is_empty(tmp_path / "none")


def test_a_link_to_a_folder_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "sports.venues").symlink_to(tmp_path)
    assert not quiet._is_empty(tmp_path)


def test_a_policy_that_does_not_read_ends_the_command_with_a_sentence(tmp_path: Path, monkeypatch, capsys) -> None:
    """Not with a traceback: it is what an administrator changes, often with Excel."""
    policies = tmp_path / "policies"
    shutil.copytree(loading.POLICIES, policies)
    path = policies / "feed_senders.csv"
    path.write_bytes(path.read_bytes() + "evaluation.reviews,区政务中心\n".encode("gbk"))
    monkeypatch.setattr(loading, "POLICIES", policies)
    monkeypatch.setenv("MINSHENG_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("orchestration.night.command.run", lambda *_: loading.seed("feed_senders"))
    assert main(["night"]) == 1
    assert "feed_senders.csv: file: UTF-8 was expected" in capsys.readouterr().out
