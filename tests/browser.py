"""A real browser for tests that look at pages as a reader does: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WITHOUT = "no Chromium here (Debian, as root: apt-get install chromium fonts-noto-cjk): tests in a browser are skipped"
DESK, TELEPHONE = (1280, 900), (390, 844)
# What WCAG 2.2 at level AA asks for, as axe-core tags it.
# Style sheets of a page that is a file cannot be fetched once more.
AA = {"preload": False, "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium without a screen; a test that asks for it is skipped where there is none, and fails where one is required."""
    if CHROMIUM is None:
        (pytest.fail if os.environ.get("MINSHENG_BROWSER") == "required" else pytest.skip)(WITHOUT)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def page(opened: Any, size: tuple[int, int] = DESK, **options: Any) -> Iterator[tuple[Any, list[str]]]:
    """A page, and what it complains of or asks other places for."""
    shown = opened.new_page(viewport={"width": size[0], "height": size[1]}, accept_downloads=True, **options)
    said: list[str] = []
    shown.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else said.append(request.url)
    )
    # What the browser itself breaks off, for the reader has gone on to another page, is not missing.
    shown.on(
        "requestfailed",
        lambda request: None if request.failure == "net::ERR_ABORTED" else said.append(f"not found: {request.url}"),
    )
    try:
        yield shown, said
    finally:
        shown.close()


def axe_violations(shown: Any) -> list[str]:
    """What axe-core finds against WCAG AA: rule and the first place of each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(shown, options=AA).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:160]} {v['nodes'][0].get('failureSummary', '')[:200]}" for v in found]


def printed_sides(shown: Any) -> int:
    """Sides of A4 that the page takes on paper."""
    return len(re.findall(rb"/Type\s*/Page[^s]", shown.pdf(prefer_css_page_size=True)))


def address(path: Path) -> str:
    return path.resolve().as_uri()
