"""What Dagster is told of a model after a night."""

from __future__ import annotations

from pathlib import Path

from orchestration.warehouse import _tonight


def test_a_table_was_built_mended_or_stood(tmp_path: Path) -> None:
    models = tmp_path / "run" / "minsheng" / "models" / "standard"
    models.mkdir(parents=True)
    for name in ("mended", "mended_by_nothing"):
        (models / f"{name}.sql").write_text(f'insert into "standard"."{name}" (select 1)', encoding="utf-8")
    for name in ("other_rows", "same_rows", "kept_but_whole", "new"):
        (models / f"{name}.sql").write_text(f'\n  create table "standard"."{name}" as (select 1)', encoding="utf-8")
    before = {
        "mended": "state1 holding a", "mended_by_nothing": "state1 holding a", "other_rows": "built from 1 holding 7",
        "same_rows": "built from 1 holding 7", "kept_but_whole": "state1 holding a", "untouched": "built from 1 holding 7",
    }  # fmt: skip
    after = {
        "mended": "state2 holding b", "mended_by_nothing": "state1 holding a", "other_rows": "built from 2 holding 8",
        "same_rows": "built from 2 holding 7", "kept_but_whole": "state2 holding b", "untouched": "built from 1 holding 7",
        "new": "built from 1 holding 0",
    }  # fmt: skip
    assert _tonight(before, after, tmp_path) == {
        "mended": "mended", "mended_by_nothing": "stood", "other_rows": "built", "same_rows": "stood",
        "kept_but_whole": "built", "untouched": "stood", "new": "built",
    }  # fmt: skip
