"""Personal values of every kind, planted in every feed, are found nowhere below the data directory but in the files
as they came, and in nothing that is logged, told or recorded."""

from __future__ import annotations

import io
import logging
import os
import random
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from contracts.door.identifiers import RESIDENT_ID_WEIGHTS, is_luhn, is_resident_id
from contracts.door.privacy import OPEN
from contracts.loading import load_feeds, load_layouts
from contracts.model import Feed, FieldSpec
from orchestration.intake import feeds as assets
from orchestration.intake import ledger
from orchestration.night import dagster_home
from orchestration.paths import ZONE, DataDirectory

pytestmark = pytest.mark.slow

TODAY = date(2026, 3, 1)
RECEIVED = datetime(2026, 2, 28, 2, tzinfo=ZONE).timestamp()
NAME = "欧阳瑾瑜"


class Canaries:
    """Values that lead to a person, each made once; `planted` remembers them and what was planted of them."""

    def __init__(self) -> None:
        self.chance = random.Random(4)
        self.planted: set[str] = {NAME}
        self.respelt: set[str] = set()  # numbers that were planted in another spelling

    @property
    def sought(self) -> set[str]:
        return self.planted | self.respelt

    def make(self, kind: str) -> str:
        value = getattr(self, kind)()
        self.planted.add(value)
        return value

    def resident_id(self) -> str:
        born = date(1940, 1, 1).toordinal() + self.chance.randrange(20_000)
        head = f"990101{date.fromordinal(born):%Y%m%d}{self.chance.randrange(1000):03}"
        check = next(c for c in "0123456789X" if is_resident_id(head + c))
        return head + check

    def phone(self) -> str:
        return f"13{self.chance.randrange(10**9):09}"

    def bank_card(self) -> str:
        head = f"622848{self.chance.randrange(10**12):012}"
        return next(head + str(c) for c in range(10) if is_luhn(head + str(c)))

    def email(self) -> str:
        return f"canary{self.chance.randrange(10**9)}@example.org"


KINDS = ("resident_id", "phone", "bank_card", "email")
# A person's number in a code, as it is usually written and as people write it who do not want it to be found.
SPELLINGS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("resident_id", str), ("phone", str), ("bank_card", str), ("phone", lambda v: f"86-{v[:3]} {v[3:7]}/{v[7:]}"),
    ("resident_id", lambda v: f"{v[:6]}-{v[6:14]}-{v[14:]}"), ("phone", lambda v: "\u200b".join(v)),
    ("resident_id", lambda v: v.translate(FULL_WIDTH)), ("phone", lambda v: f"窗口{v}王"), ("phone", lambda v: f"({v[:3]}){v[3:]}_A"),
    ("bank_card", lambda v: " ".join(v[i : i + 4] for i in range(0, len(v), 4))),
)  # fmt: skip
FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
assert len(RESIDENT_ID_WEIGHTS) == 18


def personal(f: FieldSpec, canaries: Canaries) -> str:
    """A value of the right kind for a personal field."""
    if f.classification == "birth_date":
        return "1951-07-23"
    if f.classification == "free_text":
        return "请联系我：" + "，".join(canaries.make(kind) for kind in KINDS)
    if f.classification == "name" or "name" in f.name:
        return NAME
    return canaries.make(next((kind for kind in KINDS if kind in (f.semantic, f.name)), "resident_id"))


def plausible(f: FieldSpec, row: int) -> str:
    """A value that the contract accepts, as a department would write it."""
    if f.kind == "date":
        return "2026-02-01"
    if f.kind == "timestamp":
        return "2026-02-01 10:00:00"
    if f.kind == "boolean":
        return "是"
    if f.kind in ("integer", "number"):
        return str(max(f.options.get("minimum", 1), 2026 if f.name in ("year", "vintage") else 1))
    from contracts.door.rows import _codes

    if codes := _codes(f):
        return next(iter(codes))
    if f.examples:
        return str(f.examples[0])
    if not f.required:
        return ""
    return {"division_code": "990101001001", "code": f"99010100{row:04}"}.get(f.name, f"K{row:05}")


def table(feed: Feed, canaries: Canaries) -> list[list[str]]:
    """Header and rows: some that may pass, one with personal values in all the wrong columns, one shifted, one short."""
    sent = [f for f in feed.fields if not f.scheme or not f.derived_from]
    unasked = ["备注", canaries.make("phone"), "经办人" + canaries.make("resident_id")]
    rows = [[f.header for f in sent] + unasked]
    for n in range(6):
        is_personal = [f.classification not in ("public", "internal") for f in sent]
        cells = [personal(f, canaries) if p else plausible(f, n) for f, p in zip(sent, is_personal, strict=True)]
        rows.append(cells + [canaries.make(kind) for kind in ("phone", "bank_card", "email")])
    wrong = [misplaced(f, canaries.make(KINDS[i % 4])) for i, f in enumerate(sent)]
    rows += [wrong + rows[1][-3:], [canaries.make("phone"), *rows[1]], [canaries.make("resident_id")]]
    # Text where a number or date belongs, around a number that leads to a person.
    around = [misplaced(f, f"{canaries.make(KINDS[i % 4])}号 {canaries.make('phone')}") for i, f in enumerate(sent)]
    return [*rows, around + rows[1][-3:]]


def misplaced(f: FieldSpec, value: str) -> str:
    """A personal value in a column it does not belong in, unless the contract says that such a number belongs there."""
    return plausible(f, 9) if f.semantic in ("bank_card", "email", "phone") or f.name == "phone" else value


def numbered(feed: Feed, canaries: Canaries) -> list[list[str]]:
    """Header and rows that the contract accepts, a person's number in each public text that may hold anything: codes above all."""
    sent = [f for f in feed.fields if not f.scheme or not f.derived_from]
    rows = [[f.header for f in sent]]
    for n, (kind, spelling) in enumerate(SPELLINGS):
        cells = []
        for f in sent:
            number = getattr(canaries, kind)()
            value = misplaced(f, spelling(number))
            takes_any = (
                f.kind == "string" and not f.enum and not f.code_list and not f.semantic and f.classification in OPEN
            )
            is_free = (
                takes_any
                and re.search(f.options.get("pattern", ""), value)
                and len(value) <= f.options.get("maxLength", 99)
            )
            if is_free and value:
                canaries.planted.add(value)
                canaries.respelt.add(number)
                cells.append(value)
            else:
                cells.append(personal(f, canaries) if f.classification not in OPEN else plausible(f, 20 + n))
        rows.append(cells)
    return rows


def as_csv(rows: list[list[str]]) -> str:
    return "".join(",".join(row) + "\n" for row in rows)


def as_workbook(sheets: dict[str, list[list[str]]]) -> bytes:
    from xlsxwriter import Workbook

    content = io.BytesIO()
    with Workbook(content, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return content.getvalue()


def deliver(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (RECEIVED, RECEIVED))


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> tuple[DataDirectory, Canaries, str]:
    """(data directory after a night, what was planted, everything that was said)."""
    root, canaries, said = tmp_path_factory.mktemp("canary"), Canaries(), io.StringIO()
    data = DataDirectory(root)
    data.set_calendar(TODAY, date(2026, 2, 1))
    for feed in load_feeds().values():
        senders = [s for f, s in load_layouts() if f == feed.id and s == "shifan"] or ["default"]
        rows = table(feed, canaries)
        inbox = data.inbox / feed.id / senders[0]
        deliver(inbox / f"{feed.table}_{canaries.make('phone')}.csv", as_csv(rows).encode())
        deliver(inbox / "编号里的号码.csv", as_csv(numbered(feed, canaries)).encode())
        # A sender, a sheet, a column and a second sheet that are called after somebody; several numbers as people type them.
        phone = canaries.make("phone")
        named_after = data.inbox / feed.id / f"{phone}{NAME[:2]}"
        spelt = f"+86 {phone[:3]}-{phone[3:7]}-{phone[7:]}"
        canaries.planted.add(spelt)
        deliver(
            named_after / f"报送 {spelt}.csv",
            as_csv([[*rows[0], f"经办 {spelt}"], *[[*r, ""] for r in rows[1:3]]]).encode(),
        )
        deliver(
            named_after / "表名.xlsx",
            as_workbook({canaries.make("phone"): rows[:3], canaries.make("resident_id"): rows[:1]}),
        )
        (named_after / canaries.make("phone")).mkdir()
        deliver(inbox / "没有表头.csv", as_csv(rows[1:4]).encode())
        deliver(inbox / "没有必需列.csv", as_csv([rows[0][1:2] + rows[0][-3:], *[r[-4:] for r in rows[1:4]]]).encode())
        deliver(
            inbox / f"乱码{canaries.make('resident_id')}.json",
            f'{{"{canaries.make("phone")}": {{"{NAME}": 1}}'.encode(),
        )
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for kind in ("resident_id", "email"):
                archive.writestr(f"{canaries.make(kind)}.csv", as_csv(rows[:3]))
        deliver(inbox / "打包.zip", packed.getvalue())
    with pytest.MonkeyPatch.context() as surroundings:
        for name in ("MINSHENG_DATA", "DAGSTER_HOME", "MINSHENG_TODAY", "MINSHENG_PRIVACY_KEY"):
            surroundings.delenv(name, raising=False)
        dagster_home.prepare(data)
        surroundings.setenv("MINSHENG_DATA", str(root))
        surroundings.setenv("DAGSTER_HOME", str(data.dagster_home))
        handler = logging.StreamHandler(said)
        logging.getLogger().addHandler(handler)
        logging.getLogger("dagster").addHandler(handler)
        data.inbox.joinpath(canaries.make("phone")).mkdir()
        data.inbox.joinpath("deliveries.csv").write_text(
            f"feed,sender,path,received_on\nsports.openings,{canaries.make('phone')},{canaries.make('phone')}.csv,2026-02-03\n"
            f"{canaries.make('phone')},a,b,2026-02-03\nsports.openings,a,b,{canaries.make('phone')}\n",
            encoding="utf-8",
        )
        made = [assets.feed_asset(feed) for feed in load_feeds().values()]
        receipts = ledger.ledger_asset([a.key for a in made])
        with dg.DagsterInstance.get() as instance:
            for asset in [*made, receipts]:
                result = dg.materialize([asset], instance=instance, raise_on_error=False)
                said.write("\n".join(str(event) for event in result.all_events))
        logging.getLogger().removeHandler(handler)
        logging.getLogger("dagster").removeHandler(handler)
    return data, canaries, said.getvalue()


def as_came(data: DataDirectory, path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in (data.archive, data.inbox))


def text_of(path: Path) -> str:
    """Every character a file holds, decoded where it is compressed."""
    if path.suffix == ".bin" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return "".join(
                f"{name} {archive.read(name).decode('utf-8', errors='replace')}" for name in archive.namelist()
            )
    if path.suffix == ".parquet":
        return pl.read_parquet(path).write_json()
    return path.read_bytes().decode("utf-8", errors="replace")


def found_in(text: str, planted: set[str]) -> set[str]:
    """Planted values that stand in a text as they are, or as JSON escapes them."""
    escaped = NAME.encode("unicode_escape").decode()
    return {value for value in planted if value in text} | ({NAME} if escaped in text else set())


def test_the_night_took_every_kind_of_way(city) -> None:
    """Otherwise nothing could have been found, and the search would prove nothing."""
    data, canaries, said = city
    assert len(canaries.planted) > 1_000
    attempts = ledger.table(data)
    assert set(attempts["feed"]) == set(load_feeds())
    assert {"accepted", "refused"} <= set(attempts["verdict"])
    assert {"header_not_found", "required_columns_missing", "not_json", "archive_with_several_files"} <= set(
        attempts["reason_code"]
    )
    assert attempts.filter(pl.col("rows_accepted") > 0)["feed"].n_unique() > 12
    assert attempts.filter(pl.col("rows_quarantined") > 0)["feed"].n_unique() == len(load_feeds())
    assert "door_failed" not in set(attempts["reason_code"])
    assert "every_row_accounted_for" in said
    assert any(path.suffix == ".db" for path in data.dagster_home.rglob("*"))


def test_what_was_planted_is_in_the_archive(city) -> None:
    data, canaries, _ = city
    kept = "".join(text_of(path) for path in data.archive.rglob("*") if path.is_file())
    kept += "".join(str(path) for path in data.inbox.rglob("*"))  # folders stay
    assert len(found_in(kept, canaries.planted)) > 0.9 * len(canaries.planted)


def test_no_personal_value_stands_in_any_other_file(city) -> None:
    data, canaries, _ = city
    leaks = {}
    for path in sorted(data.root.rglob("*")):
        if path.is_file() and not as_came(data, path) and (found := found_in(text_of(path), canaries.sought)):
            leaks[str(path.relative_to(data.root))] = sorted(found)[:5]
    assert leaks == {}


def test_no_personal_value_stands_in_the_name_of_any_other_file(city) -> None:
    data, canaries, _ = city
    names = [str(p.relative_to(data.root)) for p in data.root.rglob("*") if not as_came(data, p)]
    assert found_in("\n".join(names), canaries.sought) == set()


def test_no_personal_value_is_logged_or_told(city) -> None:
    _, canaries, said = city
    assert len(said) > 100_000
    assert found_in(said, canaries.sought) == set()


def test_the_archive_is_the_owners_alone(city) -> None:
    data, _, _ = city
    assert data.archive.stat().st_mode & 0o077 == 0
