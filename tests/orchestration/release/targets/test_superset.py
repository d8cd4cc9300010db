"""Superset itself: it starts, takes the files of bi/superset, and answers for every chart, on DuckDB and on PostgreSQL.

Long, and with an environment of its own: `make dashboards`. Without that environment these tests are skipped and say so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import duckdb
import pytest

from bi import charts as bi
from contracts.loading import load_products
from orchestration.release.targets import postgres
from tests import browser
from tests.orchestration.conftest import City

PROJECT = Path(__file__).parents[4]
PYTHON = PROJECT / ".compat" / "superset" / "bin" / "python"
MAY_BE_EMPTY = {"cases_overdue", "refused_told", "problems", "circle_without"}
CHARTS = bi.charts()
# What a chart says while its database is asked, as Superset puts it into Chinese.
WAITING = "显示 Minsheng"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PYTHON.exists(), reason="Superset is not installed here: `make dashboards` installs it and runs these"
    ),
]


@pytest.fixture(scope="module")
def data(night_city: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that has nothing but a release, as Superset sees it."""
    folder = tmp_path_factory.mktemp("superset")
    (folder / "published").mkdir()
    shutil.copy(night_city.data.published / "minsheng.duckdb", folder / "published" / "minsheng.duckdb")
    return folder


def _run(do: str, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(PYTHON), "bi/serve.py", do, "--data", str(data), *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=1800)


@pytest.fixture(scope="module")
def answered(data: Path, night_city: City, server: str) -> dict[str, list[dict[str, Any]]]:
    """What Superset answers for every chart, by the database it asked: one start for both."""
    from adbc_driver_postgresql import dbapi

    database = (night_city.data.published / "minsheng.duckdb").resolve()
    postgres.serve(postgres.Target(server, "minsheng", kept=1), database, postgres.Release("2026-03-01.1", "1" * 16), load_products())  # fmt: skip
    with closing(dbapi.connect(server, autocommit=True)) as con, con.cursor() as cursor:
        cursor.execute("create role boards login")
        cursor.execute("grant minsheng_reader to boards")
    done = _run("ask", data, "--database", re.sub(r"//[^@]*@", "//boards@", server))
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_without_a_release_one_sentence_says_so(tmp_path: Path) -> None:
    done = _run("check", tmp_path / "empty")
    assert done.returncode == 1
    assert "尚无发布" in done.stderr
    assert "there is no release to show" in done.stderr
    assert not (tmp_path / "empty").exists()


def test_a_port_that_is_taken_is_said_before_superset_starts(data: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = _run("check", data, "--port", str(port))
    assert done.returncode == 1
    assert f"端口 {port} 已被占用" in done.stderr
    assert f"port {port} is taken; take another: make superset PORT=" in done.stderr


def test_a_postgresql_that_does_not_answer_is_said_before_superset_starts(data: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, and listens to nobody
        done = _run("import", data, "--database", f"postgresql://boards@127.0.0.1:{nobody.getsockname()[1]}/city")
    assert done.returncode == 1
    assert "连不上 MINSHENG_BI_DATABASE · MINSHENG_BI_DATABASE cannot be reached: " in done.stderr
    assert "refused" in done.stderr


@pytest.mark.parametrize("database", ["duckdb", "database"], ids=["duckdb", "postgresql"])
def test_every_chart_has_rows_as_many_as_its_query(answered, data: Path, database: str) -> None:
    """On PostgreSQL for an account that only reads."""
    assert {a["chart"] for a in answered[database]} == set(CHARTS)
    with duckdb.connect(str(data / "published" / "minsheng.duckdb"), read_only=True) as con:
        for answer in answered[database]:
            chart = CHARTS[answer["chart"]]
            assert answer["status"] == 200, f"{chart.name}: {answer['said']}"
            assert answer["rows"] or chart.name in MAY_BE_EMPTY, chart.name
            ours = con.execute(chart.sql()).fetchall()
            assert len(answer["rows"]) == len(ours), f"{chart.name}: what the benchmark asks is not what Superset asks"


def test_what_superset_keeps_is_for_its_owner_alone(answered, data: Path) -> None:
    for name in ("secret.key", "password", "superset.db"):
        assert stat.S_IMODE((data / "superset" / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE((data / "superset").stat().st_mode) == 0o700


@contextmanager
def _served(data: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(PYTHON), "bi/serve.py", "serve", "--data", str(data), "--port", str(port)]
    with (data / "served.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=PROJECT, stdout=log, stderr=log, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )
    try:
        address, until = f"http://127.0.0.1:{port}", time.monotonic() + 900
        while True:
            assert process.poll() is None, (data / "served.log").read_text()
            try:
                with urlopen(f"{address}/health", timeout=5):
                    break
            except OSError:
                assert time.monotonic() < until, (data / "served.log").read_text()
                time.sleep(1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=180)


def test_a_browser_shows_both_dashboards_without_an_error_and_asks_nobody_else(answered, data: Path) -> None:
    password = (data / "superset" / "password").read_text()
    with _served(data) as address, browser.browser() as opened, browser.page(opened, (1440, 900)) as (shown, _):
        assert (
            f"http://127.0.0.1:{address.rpartition(':')[2]}   user admin   password {password}"
            in (data / "served.log").read_text()
        )
        # Superset's pages name a telemetry picture elsewhere; what counts is whether anybody elsewhere was reached.
        answered: set[str] = set()
        shown.on("response", lambda response: answered.add(response.url))
        shown.goto(f"{address}/login/")
        shown.fill("#username", "admin", timeout=120_000)
        shown.fill("#password", password)
        shown.keyboard.press("Enter")
        shown.wait_for_url(re.compile("welcome"), timeout=120_000)
        for name, charts in bi.dashboards().items():
            shown.goto(f"{address}/superset/dashboard/{name}/?standalone=1")
            shown.wait_for_selector(".dashboard-component-chart-holder", timeout=120_000)
            for n in range(shown.locator(".dashboard-component-chart-holder").count()):
                shown.locator(".dashboard-component-chart-holder").nth(n).scroll_into_view_if_needed()
                shown.wait_for_timeout(300)
            until = time.monotonic() + 180
            # Superset's pages allow no evaluation of texts, so nothing can be waited for inside the page.
            while shown.locator(".loading").count() or WAITING in shown.inner_text("body"):
                assert time.monotonic() < until, f"{name} is still loading"
                shown.wait_for_timeout(1000)
            assert shown.locator(".dashboard-component-chart-holder").count() == len(charts)
            text = shown.inner_text("body")
            for wrong in ("Error", "出错", "错误", "Unexpected"):
                assert wrong not in text, text[max(0, text.find(wrong) - 200) : text.find(wrong) + 200]
        assert {origin for origin in answered if not origin.startswith((address, "data:", "blob:"))} == set()
