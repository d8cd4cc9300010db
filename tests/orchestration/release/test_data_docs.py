"""The pages that show what an audit found: a person opens them, offline, and sees what was kept and what was not."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from contracts.audit import audit
from contracts.loading import load_products
from orchestration.release import data_docs
from tests.browser import TELEPHONE, address, browser, page

PRODUCT = load_products()["dim_department"]


class Page(HTMLParser):
    """What a browser would show of a page, and what it would load or open."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.text, self.loaded, self.links, self.hidden = path, "", [], [], False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden = tag == "style"
        assert tag not in ("script", "iframe", "object", "embed", "img", "link", "base"), (self.path, tag)
        for name, value in attrs:
            if name in ("src", "srcset", "data", "action", "background") or name.startswith("on"):
                self.loaded.append(value)
            elif name == "href":
                self.links.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        self.hidden = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self.hidden else f" {data}"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """Of a table whose two rows have the same key, one without a name, the other with markup for a status."""
    folder = tmp_path_factory.mktemp("docs")
    database = folder / "candidate.duckdb"
    with duckdb.connect(str(database)) as con:
        con.execute(f"create table dim_department ({', '.join(f'{f.name} {f.sql_type}' for f in PRODUCT.fields)})")
        row = {f.name: next(iter(f.enum), "x") for f in PRODUCT.fields}
        for values in (row | {"name_zh": None}, row | {"status": "<script>alert(1)</script>"}):
            places = ", ".join("?" for _ in values)
            con.execute(f"insert into dim_department values ({places})", list(values.values()))
    products = {PRODUCT.id: PRODUCT}
    checked = audit(database, products)
    judged = {PRODUCT.id: {"release": "2026-03-01.1", "promises": len(checked[PRODUCT.id].results)}}
    data_docs.write(checked, products, folder / "docs", "2026-03-01.1", judged, folder / "none")
    return {path.stem: Page(path) for path in (folder / "docs").iterdir()}


def test_the_index_leads_to_a_page_for_each_table_and_back(pages) -> None:
    assert set(pages) == {"index", "dim_department"}
    assert pages["index"].links == ["dim_department.html"]
    assert set(pages["dim_department"].links) == {"index.html"}
    assert re.search(r"<td>8</td><td>5</td><td>2026-03-01.1</td></tr>", pages["index"].path.read_text(encoding="utf-8"))


def test_a_page_is_called_by_what_it_says_and_its_release(pages) -> None:
    titles = {
        name: re.search(r"<title>(.*?)</title>", page.path.read_text(encoding="utf-8"))[1]
        for name, page in pages.items()
    }  # type: ignore[index]
    assert titles == {
        "index": "2026-03-01.1 发布核查 · What was checked",
        "dim_department": "dim_department · 2026-03-01.1",
    }


def test_a_page_says_which_promises_were_kept_and_what_broke_the_others(pages) -> None:
    said = " ".join(pages["dim_department"].text.split())
    assert "2026-03-01.1" in said
    assert PRODUCT.label_zh in said
    assert "Successful Expectations 5 Unsuccessful Expectations 3" in said
    for promise in (
        "values must be unique",
        "values must never be null",
        "values must belong to this set",
        "Must have these columns in this order",
    ):
        assert promise in said, promise
    assert "1 unexpected values found. 50% of 2 total rows." in said
    # A value is shown, never run.
    assert "<script>alert(1)</script>" in said


def test_a_page_opens_offline(pages) -> None:
    for found in pages.values():
        assert found.loaded == [], found.path
        assert not re.search(r"https?:|//[a-z]|@import|url\(", found.path.read_text(encoding="utf-8")), found.path


def test_in_a_browser_the_pages_fit_a_telephone(pages) -> None:
    with browser() as opened, page(opened, TELEPHONE) as (shown, _):
        for found in pages.values():
            shown.goto(address(found.path))
            wide = shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{found.path.name} is wider than the screen"
