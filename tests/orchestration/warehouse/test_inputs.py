"""What is built again: whatever is made of something else than when it was last built, and nothing besides."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from orchestration.paths import DataDirectory
from orchestration.warehouse import inputs

# reviews ─▶ sent ─▶ arrived ─▶ contacts (updated in place) ─▶ scores; codes, names ─▶ contacts; names ─▶ named; openings ─▶ hours; today ─▶ late
ABOVE: dict[str, list[str]] = {
    "model.p.sent": ["source.p.reviews"],
    "model.p.arrived": ["model.p.sent"],
    "model.p.names": ["seed.p.names"],
    "model.p.named": ["model.p.names"],
    "model.p.review_delta": ["model.p.arrived", "model.p.sent", "model.p.names"],
    "model.p.contacts": ["model.p.review_delta", "model.p.sent", "seed.p.codes"],
    "model.p.scores": ["model.p.contacts"],
    "model.p.hours": ["source.p.openings"],
    "model.p.late": ["source.p.openings"],
    "model.p.by_month": ["source.p.openings"],
    "model.p.registers": ["source.p.ledger.receipts"],
    "model.p.feed_health": ["source.p.ledger.receipts"],
    "seed.p.codes": [],
    "seed.p.names": [],
    "test.p.of_scores": ["model.p.scores"],
    "test.p.of_hours": ["model.p.hours", "seed.p.codes"],
}
EVERYTHING = set(ABOVE)
OF_REVIEWS = {f"model.p.{n}" for n in ("sent", "arrived", "review_delta", "contacts", "scores")} | {"test.p.of_scores"}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDirectory:
    directory = DataDirectory(tmp_path / "data")
    for feed in ("reviews", "openings"):
        place = directory.accepted / feed / "2026-03-01" / "a.parquet"
        place.parent.mkdir(parents=True)
        place.write_bytes(b"rows")
    directory.warehouse.parent.mkdir(parents=True)
    directory.warehouse.write_bytes(b"tables")
    (tmp_path / "dbt_project").mkdir()
    _receive(directory, "openings")
    for name in ("codes", "names"):
        (tmp_path / f"{name}.csv").write_text("code\n1\n", encoding="utf-8")
    monkeypatch.setattr(inputs, "PROJECT", tmp_path)
    monkeypatch.setattr(inputs, "program_checksum", lambda: "program")
    monkeypatch.setenv("MINSHENG_TODAY", "2026-03-01")
    return directory


def _receive(data: DataDirectory, *feeds: str) -> None:
    """The ledger, with a receipt of each feed."""
    path = data.root / "receipts.parquet"
    pl.DataFrame({"feed": feeds, "receipt": [str(n) for n, _ in enumerate(feeds)]}).write_parquet(path)


@pytest.fixture
def manifest(data: DataDirectory) -> dict[str, Any]:
    """The project as dbt writes it down; `late` asks for the day by way of another macro, `by_month` for the month."""
    nodes: dict[str, dict[str, Any]] = {
        name: {
            "name": name.rpartition(".")[2], "resource_type": name.partition(".")[0], "fqn": ["p", "reviews", name.rpartition(".")[2]],
            "config": {"materialized": "incremental" if name == "model.p.contacts" else "table"}, "depends_on": {"macros": []},
        }
        for name in ABOVE
    }  # fmt: skip
    nodes["test.p.off"] = {
        **nodes["test.p.of_scores"],
        "config": {"enabled": False},
    }  # switched off, and written down all the same
    nodes["seed.p.codes"]["original_file_path"] = "../codes.csv"
    nodes["seed.p.names"]["original_file_path"] = "../names.csv"
    nodes["model.p.arrived"]["depends_on"]["macros"] = [inputs.COMPARING]
    nodes["model.p.registers"]["config"]["meta"] = {"receipts_of": ["openings", "venues"]}
    nodes["model.p.late"]["depends_on"]["macros"] = ["macro.p.days_late"]
    nodes["model.p.by_month"]["depends_on"]["macros"] = [inputs.RUN_MONTH]
    below: dict[str, list[str]] = {}
    for name, parents in ABOVE.items():
        for parent in parents:
            below.setdefault(parent, []).append(name)
    return {
        "nodes": nodes,
        "sources": {
            f"source.p.{feed}": {"meta": {"external_location": f"read_parquet('{data.accepted}/{feed}/**/*.parquet')"}}
            for feed in ("reviews", "openings")
        } | {"source.p.ledger.receipts": {"meta": {"external_location": f"read_parquet('{data.root}/receipts.parquet')"}}},
        "macros": {"macro.p.days_late": {"depends_on": {"macros": [inputs.RUN_DATE]}}, **{asked: {"depends_on": {"macros": []}} for asked in inputs.ASKED}},
        "parent_map": {**ABOVE, "test.p.off": []},
        "child_map": below,
    }  # fmt: skip


@pytest.fixture
def due(data: DataDirectory, manifest: dict[str, Any]) -> Callable[[], set[str]]:
    """What is due now, after a night in which everything was built."""
    inputs.remember(data, {}, (), {n: k for n, k in inputs.keys(data, manifest).items() if n in ABOVE})
    return lambda: inputs.due(manifest, inputs.keys(data, manifest), inputs.built(data))


def test_after_a_night_in_which_everything_was_built_nothing_is_due(due) -> None:
    assert due() == set()


@pytest.mark.parametrize(
    ("feed", "what"),
    [("reviews", OF_REVIEWS), ("openings", {"model.p.hours", "model.p.late", "model.p.by_month", "test.p.of_hours"})],
)
@pytest.mark.parametrize("change", ["comes", "goes", "is_made_again"])
def test_a_delivery_that_comes_goes_or_is_made_again_makes_what_is_made_of_it_due(
    data, due, feed, what, change
) -> None:
    place = data.accepted / feed / "2026-03-01"
    if change == "comes":
        (place / "b.parquet").write_bytes(b"more rows")
    elif change == "goes":
        (place / "a.parquet").unlink()
    else:
        os.utime(place / "a.parquet", ns=(1, 1))
    assert due() == what


def test_a_code_list_makes_its_own_tables_due_and_with_one_that_is_updated_what_says_what_arrived(
    data, due, tmp_path
) -> None:
    """Besides that, nothing that is read there: neither `sent` nor `names`, and not what is made of them."""
    (tmp_path / "codes.csv").write_text("code\n2\n", encoding="utf-8")
    assert due() == {"seed.p.codes", "test.p.of_hours"} | OF_REVIEWS - {"model.p.sent"}


def test_a_receipt_makes_due_what_reads_the_receipts_of_its_feed(data, due) -> None:
    _receive(data, "openings", "reviews")
    assert due() == {"model.p.feed_health"}
    _receive(data, "openings", "reviews", "venues")
    assert due() == {"model.p.feed_health", "model.p.registers"}
    (data.root / "receipts.parquet").unlink()
    assert due() == {"model.p.feed_health", "model.p.registers"}


def test_another_day_makes_due_what_asks_for_the_day(due, monkeypatch) -> None:
    monkeypatch.setenv("MINSHENG_TODAY", "2026-03-02")
    assert due() == {"model.p.late"}


def test_another_month_makes_due_what_asks_for_the_month_too(due, monkeypatch) -> None:
    monkeypatch.setenv("MINSHENG_TODAY", "2026-04-01")
    assert due() == {"model.p.late", "model.p.by_month"}


def test_another_program_makes_everything_due(due, monkeypatch) -> None:
    monkeypatch.setattr(inputs, "program_checksum", lambda: "another")
    assert due() == EVERYTHING


def test_a_data_directory_that_was_moved_is_built_whole_because_views_name_it(data, due, manifest) -> None:
    for source in manifest["sources"].values():
        source["meta"]["external_location"] = source["meta"]["external_location"].replace("/data/", "/../data/data/")
    assert EVERYTHING - {"seed.p.codes", "seed.p.names", "model.p.names", "model.p.named"} == due()


@pytest.mark.parametrize("touched", ["written", "gone", "left_open"])
def test_a_warehouse_that_anybody_else_has_written_is_built_whole(data, due, touched) -> None:
    if touched == "written":
        data.warehouse.write_bytes(b"other tables")
    elif touched == "gone":
        data.warehouse.unlink()
    else:
        data.warehouse.with_name(data.warehouse.name + ".wal").write_bytes(b"half a table")
    assert due() == EVERYTHING


@pytest.mark.parametrize("damage", ["{", "", None])
def test_without_a_note_of_what_was_built_everything_is_due(data, due, damage) -> None:
    note = data.warehouse.parent / "built.json"
    if damage is None:
        note.unlink()
    else:
        note.write_text(damage, encoding="utf-8")
    assert due() == EVERYTHING


@pytest.mark.parametrize(
    ("failed", "what"), [("test.p.of_scores", {"test.p.of_scores"}), ("model.p.hours", {"model.p.hours", "test.p.of_hours"})]
)  # fmt: skip
def test_what_was_tried_and_did_not_succeed_is_due_until_it_does(data, manifest, due, failed, what) -> None:
    inputs.remember(data, inputs.built(data), {failed}, {})
    assert due() == what
    inputs.remember(data, inputs.built(data), what, {n: inputs.keys(data, manifest)[n] for n in what})
    assert due() == set()


# ── the program ─────────────────────────────────────────────────────────────────────────────────

FILES = {
    "contracts/products/x.odcs.yaml": True, "contracts/door.py": True, "orchestration/release/page.j2": True, "policies/place.yaml": True,
    "dbt_project/models/x.sql": True, "dbt_project/macros/x.sql": True, "dbt_project/tests/x.sql": True, "dbt_project/dbt_project.yml": True,
    "policies/review_policies.csv": False, "orchestration/__pycache__/x.pyc": False, "dbt_project/target/manifest.json": False,
}  # fmt: skip


@pytest.mark.parametrize(("changed", "counts"), FILES.items())
def test_the_program_is_everything_figures_come_from_but_what_has_a_key_of_its_own(
    tmp_path, monkeypatch, changed, counts
) -> None:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one", encoding="utf-8")
    monkeypatch.setattr(inputs, "PROJECT", tmp_path)
    before = inputs.program_checksum.__wrapped__()
    (tmp_path / changed).write_text("two", encoding="utf-8")
    assert (inputs.program_checksum.__wrapped__() != before) is counts


def test_another_version_of_an_engine_is_another_program(monkeypatch) -> None:
    before = inputs.program_checksum.__wrapped__()
    monkeypatch.setattr(inputs, "version", lambda name: "99" if name == "duckdb" else "1")
    assert inputs.program_checksum.__wrapped__() != before


def test_dbt_is_asked_for_what_is_due_and_not_for_a_folder_of_the_same_name(tmp_path: Path) -> None:
    """Read as dbt reads it, which knows a node by its whole name."""
    from dbt.contracts.state import PreviousState

    due = {"seed.minsheng.indicators", "model.minsheng.fct_review", "test.minsheng.not_null_fct_review_level.5d7c3f"}
    arguments = inputs.selection(due, tmp_path / "new" / "wanted")
    assert arguments == ["--select", "result:skipped", "--state", str(tmp_path / "new" / "wanted")]
    read = PreviousState(Path(arguments[-1]), tmp_path, tmp_path).results
    assert read is not None
    assert {(r.unique_id, str(r.status)) for r in read.results} == {(name, "skipped") for name in due}
