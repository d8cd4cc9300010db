"""One night of a small city from end to end, a second one in which nothing has come, and one full of bad files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl
import pytest
from rich.console import Console

from contracts.loading import load_feeds, load_products
from demo import city, culture
from demo.plan import Plan
from orchestration import schedules
from orchestration.intake import arriving, landing
from orchestration.intake.landing import Attempt
from orchestration.night import command
from orchestration.paths import DBT_PROJECT, DataDirectory
from orchestration.release import certificates, names
from orchestration.release.names import FICTIONAL

FEEDS, PRODUCTS = load_feeds(), load_products()


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder and the hash of its bytes; a link is where it points."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }  # fmt: skip


def counting(data: DataDirectory) -> list[Attempt]:
    """The attempt that counts for each file, read from the receipts."""
    return list(landing.latest(landing.attempts(data)).values())


@pytest.fixture
def published(night_city: Any) -> Iterator[Any]:
    with duckdb.connect(str(night_city.data.published / names.DATABASE), read_only=True) as con:
        yield con


# ── nothing is lost ─────────────────────────────────────────────────────────────────────────────


def test_the_night_takes_in_every_feed_and_fails_in_none_of_the_build(night_city) -> None:
    assert {a.feed for a in night_city.night.attempts} == set(FEEDS)
    assert night_city.night.failed_steps == {}
    assert night_city.night.released
    assert arriving.unroutable(night_city.data, FEEDS) == []
    assert not [p for p in night_city.data.inbox.rglob("*") if p.is_file()]


def test_every_row_of_every_file_is_accepted_or_quarantined(night_city) -> None:
    """The receipts say so, and the Parquet files of each delivery hold exactly so many rows."""
    data, attempts = night_city.data, counting(night_city.data)
    assert len(attempts) == len(list(data.archive.rglob("*.bin"))) > len(FEEDS)
    for attempt in attempts:
        place = f"{attempt.feed}/{attempt.received_on}/{attempt.receipt}.parquet"
        accepted, quarantined = data.accepted / place, data.quarantine / place
        stood = pl.read_parquet(accepted).height if accepted.is_file() else 0
        struck = 0
        if quarantined.is_file():
            struck = pl.read_parquet(quarantined).filter(pl.col("severity") == "error")["_row"].n_unique()
        assert (attempt.rows_accepted, attempt.rows_quarantined) == (stood, struck), attempt.file_name
        assert attempt.rows_received == stood + struck, attempt.file_name
    assert sum(a.rows_quarantined for a in attempts) > 100


def test_nothing_is_accepted_or_quarantined_without_a_receipt(night_city) -> None:
    receipts = {a.receipt for a in counting(night_city.data)}
    for folder in (night_city.data.accepted, night_city.data.quarantine):
        assert {p.stem for p in folder.glob("*/*/*.parquet")} <= receipts


def test_a_second_reader_counts_the_same_rows_in_the_archived_bytes(night_city) -> None:
    """Python's own csv module on every plain CSV and TSV file of the archive: no code of the door is used."""
    archived = {p.stem: p for p in night_city.data.archive.rglob("*.bin")}
    counted = 0
    for attempt in counting(night_city.data):
        if attempt.verdict != "accepted" or not attempt.file_name.endswith((".csv", ".tsv")):
            continue
        raw = archived[attempt.receipt].read_bytes()
        text = decoded(raw)
        delimiter = max(",\t;|", key=text.partition("\n")[0].count)
        records = [
            r for r in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(c.strip() for c in r)
        ]
        assert attempt.rows_received == len(records) - 1, attempt.file_name
        counted += attempt.rows_received
    assert counted > 5_000


def decoded(raw: bytes) -> str:
    """The demo's departments write UTF-16 with a mark, UTF-8, or GB18030."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030")


def test_points_sent_in_two_systems_lie_where_the_venues_stand(night_city) -> None:
    """The culture bureau's rows say 高德 or WGS84 each; at the door all become WGS-84, within two metres."""
    plan = Plan(seed=7, communities=40, days=31)  # the city of the fixture
    where = culture.register(plan, city.build(plan)).select("venue_id", "longitude", "latitude")
    accepted = pl.read_parquet(night_city.data.accepted / "culture.venues" / "*" / "*.parquet")
    both = accepted.join(where, on="venue_id", suffix="_true")
    assert set(both["coordinate_system"]) == {"GCJ-02", "WGS84"}
    assert both.height == accepted.height
    for axis in ("longitude", "latitude"):
        assert (both[axis] - both[f"{axis}_true"]).abs().max() < 2 / 111_000


# ── what leaves ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_promised_table_is_there_as_promised(published, night_city, name) -> None:
    product = PRODUCTS[name]
    result = published.execute(f'from "{name}"')
    assert [(d[0], str(d[1])) for d in result.description] == [(f.name, f.sql_type) for f in product.fields]
    rows = result.fetchall()
    # Nothing is wrong with the divisions of a city that was made to be whole, and a first release revises nothing.
    assert rows or name in ("division_problem", "revision_log"), f"{name} is empty in a city that has sent everything"
    assert published.execute(f"from '{night_city.data.published}/parquet/{name}.parquet'").fetchall() == rows
    (comment,) = published.execute("select comment from duckdb_tables() where table_name = ?", [name]).fetchone()
    assert comment.startswith(product.description)
    assert re.match("每行是.+。 · One row is ", comment)
    assert FICTIONAL in comment
    comments = published.execute("select comment from duckdb_columns() where table_name = ?", [name]).fetchall()
    assert [c for (c,) in comments if not c or " · " not in c] == []


def test_nothing_leaves_that_is_not_promised(published) -> None:
    assert {n for (n,) in published.execute("select table_name from duckdb_tables()").fetchall()} == set(PRODUCTS)


def test_the_headlines_are_figures_of_the_release(published, night_city) -> None:
    reviews, survey, coverage, violations = command.headlines(night_city.data)
    (waiting,) = published.execute("select count(*) from validation_result where status = 'open'").fetchone()
    assert f"{waiting:,} open" in violations
    month, active, contacts, good = published.execute(
        "select strftime(month, '%Y-%m'), active_reviews, contacts, good_reviews from review_scorecard "
        "where dimension = 'all' and period_kind = 'month' and active_reviews > 0 order by month desc limit 1"
    ).fetchone()
    assert reviews.startswith(f"{month}: ")
    assert f"{100 * active / contacts:.1f} % of {contacts:,} contacts" in reviews
    assert f"{100 * good / active:.1f} % are good" in reviews
    assert re.search(r"overall satisfaction \d\d\.\d of 100 \(\d\d\.\d–\d\d\.\d\), [\d,]+ answers", survey)
    have, of = map(int, re.search(r"\((\d+) of (\d+) communities", coverage).groups())
    assert 0 < have < of
    assert f"facilities {100 * have / of:.1f} % (" in coverage


def test_the_summary_says_what_a_person_wants_to_know(night_city) -> None:
    told = io.StringIO()
    command.tell(night_city.data, night_city.night, Console(file=told, width=200))
    text = told.getvalue()
    files = [a for a in night_city.night.attempts if a.verdict != "missing"]
    received = sum(a.rows_received for a in files)
    assert f"{len(files):,} files, {received:,} rows = " in text
    assert "every row accounted for" in text
    assert f"released {night_city.night.release_id}: {len(PRODUCTS)} tables" in text
    assert FICTIONAL in text
    for attempt in files:
        if attempt.verdict == "refused":
            assert attempt.file_name in text


# ── a night in which nothing has come ───────────────────────────────────────────────────────────


@dataclass(frozen=True)
class After:
    """The city after another night, and what its folders held before that night."""

    data: DataDirectory
    night: command.Night
    before: dict[str, dict[str, str]]

    def changed(self, folder: str) -> set[str]:
        now, then = contents(self.data.root / folder), self.before[folder]
        return {name for name in now.keys() | then.keys() if now.get(name) != then.get(name)}


WATCHED = ("inbox", "archive", "receipts", "accepted", "quarantine", "published")


@pytest.fixture(scope="module")
def another_night(spend_night: Callable[[DataDirectory], command.Night]) -> Callable[[DataDirectory], After]:
    def _another_night(data: DataDirectory) -> After:
        before = {folder: contents(data.root / folder) for folder in WATCHED}
        return After(data, spend_night(data), before)

    return _another_night


@pytest.fixture(scope="module")
def quiet_night(tonight: DataDirectory, another_night: Any) -> After:
    return another_night(tonight)


def test_a_second_night_changes_nothing_and_ends_before_it_begins(quiet_night, night_city) -> None:
    assert [f"{folder}/{name}" for folder in WATCHED for name in quiet_night.changed(folder)] == []
    assert quiet_night.night == command.Night(release_id=night_city.night.release_id, ended_early=True)
    told = io.StringIO()
    command.tell(quiet_night.data, quiet_night.night, Console(file=told, width=200))
    assert "Nothing new in the inbox." in told.getvalue()
    assert f"the night ended before it began: {quiet_night.night.release_id} stands" in told.getvalue()


@pytest.mark.slow
def test_a_night_that_builds_everything_again_makes_no_release(quiet_night, another_night, night_city) -> None:
    """What the tables were built from is forgotten, as after somebody else wrote the warehouse."""
    (quiet_night.data.warehouse.parent / "built.json").unlink()
    after = another_night(quiet_night.data)
    spent, tables = after.night, night_city.night.tables["rebuilt"]
    assert (spent.attempts, spent.failed_feeds, spent.failed_steps, spent.released) == ([], {}, {}, False)
    assert night_city.night.tables == Counter(rebuilt=tables)
    models = (DBT_PROJECT / "models").rglob("*.sql")
    kept = sum("materialized=kept()" in m.read_text(encoding="utf-8") for m in models)
    assert spent.tables == Counter(rebuilt=tables - kept, updated=kept)
    assert kept > 0
    assert tables > len(PRODUCTS)
    assert list(after.changed("published")) == []
    told = io.StringIO()
    command.tell(after.data, spent, Console(file=told, width=200))
    assert f"{tables} tables of the warehouse: " in told.getvalue()
    assert f"{tables - kept} rebuilt, {kept} updated" in told.getvalue()
    assert f"nothing changed: {spent.release_id} stands" in told.getvalue()


# ── a night with one broken table ───────────────────────────────────────────────────────────────

WORSE = "fct_service_volume"


@pytest.fixture(scope="module")
def broken_night(night_city: Any, another_night: Any, tmp_path_factory: pytest.TempPathFactory) -> After:
    """The night after the rows of one day stand twice in a table that is only added to."""
    copied = tmp_path_factory.mktemp("broken") / "city"
    shutil.copytree(night_city.data.root, copied, symlinks=True)
    data = DataDirectory(copied)
    with duckdb.connect(str(data.warehouse)) as con:
        table = "facilities.service_volume_sums"
        con.execute(
            f"insert into {table} select * from {table} where period_start = (select min(period_start) from {table})"
        )
    (data.inbox / "culture.venues" / "shifan" / "场馆_空.csv").write_bytes(b"")
    return another_night(data)


@pytest.mark.slow
def test_a_broken_table_keeps_yesterday_s_content_and_the_others_are_released(broken_night, night_city) -> None:
    night, certificate = broken_night.night, certificates.current(broken_night.data)
    assert (night.failed_steps, night.released) == ({}, True)
    kept = certificate.kept
    assert WORSE in kept
    assert {k["release"] for k in kept.values()} == {night_city.night.release_id}
    assert "service_volume_sums" in kept[WORSE]["why"]
    assert "rows do not keep what it asks for" in kept[WORSE]["why"]
    assert set(kept) < set(PRODUCTS)
    assert not {"fct_review", "review_scorecard", "dim_facility"} & set(kept)
    assert certificate.changed_tables == ["feed_health"]  # of the file that was refused meanwhile
    told = io.StringIO()
    command.tell(broken_night.data, night, Console(file=told, width=200))
    # What is made of visits is kept with them, for one cause told once.
    assert "indicator_value" in kept
    assert f"{', '.join(kept)}: still the content of {night_city.night.release_id}. dbt test" in told.getvalue()
    assert night.broken


# ── a night full of bad files ───────────────────────────────────────────────────────────────────

# feed → file, its bytes (None: listed but not there), the receipt's reason, and what its sentence has to name
BAD: dict[str, tuple[str, bytes | None, str, tuple[str, ...]]] = {
    "sports.venues": ("场馆_空.csv", b"", "empty_file", ("empty", "是空文件", "send it", "重新")),
    "culture.venues": ("场馆_半.xlsx", b"PK\x03\x04 and no more", "truncated_file", ("damaged", "损坏", "again", "重新")),
    "civil_affairs.community_workers": (
        "社工_错表.csv", "序,车牌,颜色\n1,示A00001,蓝\n".encode(), "header_not_found", ("所属区划代码", "expected", "应有", "found 6 cells", "实际看到：6 个单元格", "Put the header row above", "把表头行放在数据上方"),
    ),
    "reference.population": ("人口_没有.csv", None, "file_not_there", ("人口_没有.csv",)),
}  # fmt: skip


@pytest.fixture(scope="module")
def bad_night(quiet_night: After, another_night: Any) -> After:
    data = quiet_night.data
    for feed, (name, body, _, _) in BAD.items():
        if body is None:
            text = f"feed,sender,path,received_on\n{feed},shifan,{data.root.parent / name},{data.today()}\n"
            (data.inbox / arriving.DELIVERY_LIST).write_text(text, encoding="utf-8")
        else:
            (data.inbox / feed / "shifan").mkdir(parents=True, exist_ok=True)
            (data.inbox / feed / "shifan" / name).write_bytes(body)
    return another_night(data)


@pytest.mark.slow
@pytest.mark.parametrize("feed", BAD)
def test_a_bad_file_fails_its_own_asset_in_one_sentence(bad_night, feed) -> None:
    name, _, reason, says = BAD[feed]
    sentence = bad_night.night.failed_feeds["__".join(feed.split("."))]
    for word in (name, *says):
        assert word in sentence
    assert "Traceback" not in sentence
    assert "\n" not in sentence
    assert "Error" not in sentence
    (attempt,) = [a for a in bad_night.night.attempts if a.feed == feed]
    assert (attempt.verdict, attempt.reason_code, attempt.file_name) == ("refused", reason, name)
    assert (attempt.rows_received, attempt.rows_accepted, attempt.rows_quarantined) == (0, 0, 0)
    assert sentence == f"{attempt.message_en} · {attempt.message_zh}"


@pytest.mark.slow
def test_only_the_assets_of_bad_files_fail_and_only_they_leave_receipts(bad_night) -> None:
    assert set(bad_night.night.failed_feeds) == {"__".join(feed.split(".")) for feed in BAD}
    assert {a.feed for a in bad_night.night.attempts} == set(BAD)
    assert len(bad_night.changed("receipts")) == len(BAD)


@pytest.mark.slow
def test_bad_files_are_kept_and_nothing_else_changes(bad_night) -> None:
    kept = {p.partition("/")[0] for p in bad_night.changed("archive")}
    assert kept == {feed for feed, (_, body, _, _) in BAD.items() if body is not None}
    assert bad_night.changed("accepted") == bad_night.changed("quarantine") == set()


@pytest.mark.slow
def test_the_night_goes_on_with_yesterday_s_data(bad_night, quiet_night) -> None:
    assert bad_night.night.failed_steps == {}
    assert bad_night.night.released
    certificate = certificates.current(bad_night.data)
    assert certificate.changed_tables == ["feed_health"]
    # What the refused files reach was built and tested; of that only one table had other rows, and all others were taken over.
    tables = bad_night.night.tables
    assert 0 < tables["rebuilt"] + tables["updated"] < tables["unchanged"]
    judged = {t for t, facts in certificate.judged.items() if facts["release"] == certificate.release_id}
    assert judged == {"feed_health", *(name for name, p in PRODUCTS.items() if p.is_made_by_release)}
    assert set(certificate.judged) == set(PRODUCTS)
    with duckdb.connect(str(bad_night.data.published / names.DATABASE), read_only=True) as con:
        shown = con.execute("select file_name from feed_health where verdict = 'refused'").fetchall()
    assert {name for name, _, _, _ in BAD.values()} <= {name for (name,) in shown}


# ── a night in which somebody did not send ──────────────────────────────────────────────────────


def overdue_on(data: DataDirectory, day: date) -> set[tuple[str, str]]:
    """Recomputed from the receipts: the cadence of the contract, counted from each sender's last accepted file."""
    last: dict[tuple[str, str], date] = {}
    for path in data.receipts.rglob("*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["verdict"] == "accepted":
            key = told["feed"], told["sender"]
            last[key] = max(last.get(key, date.min), date.fromisoformat(told["received_on"]))
    return {
        (f, sender)
        for (f, sender), on in last.items()
        if (limit := FEEDS[f].days_between) is not None and (day - on).days > limit
    }


@pytest.fixture
def late(night_city: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[DataDirectory, date]:
    """A copy of the city on the first day on which somebody is overdue."""
    shutil.copytree(
        night_city.data.root, tmp_path / "city", symlinks=True, ignore=shutil.ignore_patterns("dbt", "published")
    )
    data = DataDirectory(tmp_path / "city")
    day = data.today()
    while not overdue_on(data, day):
        day += timedelta(days=1)
    monkeypatch.setenv("MINSHENG_DATA", str(data.root))
    monkeypatch.setenv("MINSHENG_TODAY", day.isoformat())
    return data, day


def test_an_overdue_feed_fails_alone_and_leaves_a_receipt_once_a_day(late) -> None:
    from orchestration.definitions import defs

    data, day = late
    expected, before = overdue_on(data, day), len(landing.attempts(data))
    assert 0 < len(expected) < len(FEEDS)
    sent = [dg.AssetKey(feed.split(".")) for feed in FEEDS]
    results = [
        defs.resolve_job_def(schedules.NIGHT).execute_in_process(
            instance=dg.DagsterInstance.ephemeral(), asset_selection=sent, raise_on_error=False
        )
        for _ in range(2)
    ]
    failed = {
        e.step_key: e.step_failure_data.user_failure_data.description for e in results[0].get_step_failure_events()
    }
    assert set(failed) == {"__".join(feed.split(".")) for feed, _ in expected}
    missing = [a for a in landing.attempts(data) if a.verdict == "missing"]
    assert {(a.feed, a.sender) for a in missing} == expected
    assert len(missing) == len(expected) == len(landing.attempts(data)) - before
    for attempt in missing:
        assert attempt.received_on == day
        first = next(a for a in missing if a.feed == attempt.feed)
        assert failed["__".join(attempt.feed.split("."))].startswith(f"{first.message_en} · {first.message_zh}")
        assert FEEDS[attempt.feed].label_zh in attempt.message_zh
