"""The list of a layout's keys: whole, with an example of each that a layout may really say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.layout_keys import LAYOUT_KEYS, example, keys, part
from contracts.loading import load_layouts
from contracts.model import Layout
from orchestration.paths import PROJECT

KEYS = list(keys(Layout))
LEAST: dict[str, Any] = {"feed": "sports.venues", "sender": "s", "version": "1", "description": {"zh": "测", "en": "t"}}
# What a key needs beside it.
BESIDE: dict[str, dict[str, Any]] = {
    "match.<field>.column": {"patterns": {".*": "1"}},
    "match.<field>.patterns": {"column": "c"},
    "values.<field>.otherwise": {"map": {"a": "b"}},
    **{f"melt.{name}": {"id": ["i"], "columns": "c", "variable": "v", "value": "w"} for name in ("id", "columns", "variable", "value", "drop_empty")},
}  # fmt: skip


def ids(value: Any) -> str | None:
    return ".".join(value) if isinstance(value, tuple) else None


@pytest.mark.parametrize(("path", "info"), KEYS, ids=ids)
def test_every_key_has_a_sentence_and_an_example_that_a_layout_may_say(path: tuple[str, ...], info: Any) -> None:
    assert info.description, "what it says"
    said = example(path, info)
    if part(info.annotation)[0] and said is None:
        return
    assert said is not None, "an example"
    inner: Any = said
    for name in path[:-1]:
        inner = inner["name" if name == "<field>" else name]
    inner.update({k: v for k, v in BESIDE.get(".".join(path), {}).items() if k not in inner})
    layout = Layout.model_validate(LEAST | dict(said))
    told = layout.model_dump(by_alias=True, exclude_unset=True)
    for name in path:
        told = told["name" if name == "<field>" else name]
    assert told not in (None, info.get_default(call_default_factory=True)), "an example of what is usual shows nothing"


def test_the_list_holds_every_key_that_the_layouts_of_the_house_use() -> None:
    listed = set(re.findall(r"^\| `([^`]+)` \|", (PROJECT / LAYOUT_KEYS).read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {".".join(path) for path, _ in KEYS}
    used = {key for layout in load_layouts().values() for key in layout.model_fields_set}
    assert used
    assert used <= listed


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"cast": {"decimel": ","}}, "decimel"),
        ({"cast": {"decimal": ";"}}, "decimal"),
        ({"cast": {"timezone": "Prague"}}, "time zone"),
        ({"cast": {"is_code": True}}, "is_code"),
        ({"coordinates": {"crs": "EPSG:1"}}, "EPSG"),
    ],
)
def test_a_key_or_value_that_nobody_knows_is_named(said: dict[str, Any], words: str) -> None:
    """`cast` took any key, and one that was misspelt did nothing, in silence."""
    with pytest.raises(ValidationError, match=words):
        Layout.model_validate(LEAST | said)
