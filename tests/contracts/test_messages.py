"""Every reason can be told, in both languages, with the same facts."""

from __future__ import annotations

import ast
import gzip
import io
import re
from pathlib import Path
from typing import TypeGuard

import openpyxl
import pytest

from contracts.messages import FILES, MESSAGES, SHAPES, VALUES, message
from contracts.reading import Unreadable, open_table

PROJECT = Path(__file__).parents[2]
FILES_OF_CODE = [*(PROJECT / "contracts").rglob("*.py"), *(PROJECT / "orchestration" / "intake").rglob("*.py")]
TREES = {p: ast.parse(p.read_text(encoding="utf-8")) for p in FILES_OF_CODE}
SOURCES = [p.read_text(encoding="utf-8") for p in (PROJECT / "contracts").rglob("*.py")]
# What makes a sentence for a department.
TELLERS = {"unreadable", "message", "Unreadable", "_refusal", "Trouble", "NotKnown"}
_BOOK = io.BytesIO()
openpyxl.Workbook().save(_BOOK)
XLSX = _BOOK.getvalue()


@pytest.mark.parametrize("code", sorted({**FILES, **SHAPES, **VALUES}))
def test_both_languages_name_the_same_facts(code: str) -> None:
    zh, en = MESSAGES[code]
    assert re.search(r"[\u4e00-\u9fff]", zh)
    assert not re.search(r"[\u4e00-\u9fff]", en)
    facts = [
        {name.removesuffix(f"_{lang}") for name in re.findall(r"{(\w+)}", text)}
        for lang, text in (("zh", zh), ("en", en))
    ]
    assert facts[0] == facts[1]


def test_no_sentence_quotes_the_words_of_a_library() -> None:
    """`File is not a zip file` stood in what a department reads: an exception's own text is nobody's sentence."""
    for path, tree in TREES.items():
        for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name):
            for call in (node for node in ast.walk(handler) if isinstance(node, ast.Call)):
                if getattr(call.func, "id", getattr(call.func, "attr", "")) in TELLERS:
                    quoted = [n.args[0].id for n in ast.walk(call) if _is_str(n) and isinstance(n.args[0], ast.Name)]
                    assert handler.name not in quoted, f"{path}:{call.lineno}"


def _is_str(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"str", "repr", "_short"}


DAMAGED = {
    "half.xlsx": XLSX[: len(XLSX) // 2],
    "no.xlsx": b"PK\x03\x04" + b"\0" * 500,
    "half.gz": gzip.compress(b"a,b\n1,2\n" * 900)[:-20],
    "half.parquet": b"PAR1" + b"\0" * 50,
    "old.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 900,
    "half.json": b'[{"a": 1}, {"a": ',
    "page.xls": "<html><table><tr><td>机构</td></tr></table></html>".encode(),
    "binary.csv": b"\0" * 5000,
    "report.xlsx": b"%PDF-1.4\n",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_told_in_our_words(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(DAMAGED[name])
    with pytest.raises(Unreadable) as refused:
        list(open_table(tmp_path / name).batches())
    for said in (refused.value.zh, refused.value.en):
        assert not re.search(
            r"(?i)zip|error|expect|invalid|calamine|magic|footer|stream|NUL|errno|Office2?\b(?! )",
            said.replace(name, ""),
        ), said
    words = re.findall(r"[A-Za-z/]+", refused.value.zh.replace(name, ""))
    assert set(words) <= {"XLSX", "CSV", "JSON", "PDF", "HTML/XML", "Office", "xls", "xlsx", "parquet"}, words


def test_every_code_that_reading_and_casting_give_has_sentences() -> None:
    given = {c for text in SOURCES for c in re.findall(r'(?:unreadable|_Refused)\(\s*"([a-z_]+)"', text)}
    shapes = {c for text in SOURCES for c in re.findall(r'shape(?:: [^=]+)? = (?:shape or )?"([a-z_]+)"', text)}
    assert len(given) > 30
    assert given | shapes <= set(MESSAGES)


def test_a_fact_with_braces_or_none_at_all_does_no_harm() -> None:
    assert message("not_a_number", "en", value="{x}") == "{x} is not a number; give digits only."
    assert "is not a number" in message("not_a_number", "en")


def test_an_unknown_code_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError, match="no_such_code"):
        message("no_such_code", "zh")
