"""Whole files through the door: what is accepted, what is quarantined for which reason, what is refused in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from contracts.door import delivery, keys, pandera_check
from contracts.door.approvals import NotHeld, approvals, approve
from contracts.door.delivery import Before, Delivery, Outcome, checksum, pass_file
from contracts.door.guards import missing_periods
from contracts.door.privacy import Key
from contracts.door.rows import empty_reasons
from contracts.loading import load_feed, load_feeds, load_layouts
from contracts.model import Continuity, ContractError, Feed, Guards

KEY = Key("a key for tests, 16+")
RECEIVED = datetime(2026, 3, 1, 2)
HEADER = "场馆编号,开放日期,接待人次"


class Passed:
    """What pass_file made of one file."""

    def __init__(self, outcome: Outcome, accepted: Path, quarantine: Path) -> None:
        self.outcome, self.accepted, self.quarantine = outcome, accepted, quarantine

    def rows(self) -> pl.DataFrame:
        return pl.read_parquet(self.accepted)

    def reasons(self) -> list[tuple[int, str, str]]:
        frame = pl.read_parquet(self.quarantine)
        return sorted(frame.select("_row", "rule", "field").iter_rows(), key=str)


@pytest.fixture
def pass_through(tmp_path):
    """(content, feed, …) → what the door made of it."""
    count = iter(range(1000))

    def go(
        content: str | bytes | Path, feed: str | Feed = "sports.openings", *, name="f.csv", sender="shifan", **options
    ) -> Passed:
        n = next(count)
        contract = load_feeds()[feed] if isinstance(feed, str) else feed
        path = content if isinstance(content, Path) else tmp_path / f"{n}.bin"
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        layout = options.pop("layout", load_layouts().get((contract.id, sender)))
        delivery = Delivery(path, name, contract, sender, f"{n:016x}", RECEIVED, layout)
        sides = tmp_path / f"{n:016x}.parquet", tmp_path / f"{n}.quarantine.parquet"
        return Passed(pass_file(delivery, key=KEY, accepted=sides[0], quarantine=sides[1], **options), *sides)

    return go


def openings(*rows: tuple[str, str, int]) -> str:
    return "\n".join([HEADER, *(f"{v},{d},{n}" for v, d, n in rows)]) + "\n"


# ── rows ────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_goes_out_on_one_side_and_says_why(pass_through) -> None:
    lines = [
        HEADER,
        "TY00001,2026-02-01,5",
        "TY00002,2026-02-30,5",
        "TY00003,2026-02-01,-1",
        "TY00004,2026-02-01",
        ",2026-02-01,1",
    ]
    passed = pass_through("\n".join(lines) + "\n")
    outcome = passed.outcome
    assert (outcome.verdict, outcome.rows_received, outcome.rows_accepted, outcome.rows_quarantined) == (
        "accepted",
        5,
        1,
        4,
    )
    assert passed.rows().select("venue_id", "visits", "_row").rows() == [("TY00001", 5, 2)]
    assert passed.reasons() == [
        (3, "impossible_date", "opened_on"), (4, "below_minimum", "visits"), (5, "too_few_cells", None),
        (6, "required_missing", "venue_id"),
    ]  # fmt: skip
    assert {r["rule"]: r["rows"] for r in outcome.reasons} == dict.fromkeys(
        ("impossible_date", "below_minimum", "too_few_cells", "required_missing"), 1
    )
    assert all(r["message_zh"] and r["message_en"] for r in outcome.reasons)


def test_accepted_and_quarantined_rows_say_where_they_came_from(pass_through) -> None:
    passed = pass_through(openings(("TY00001", "2026-02-01", 5), ("TY00002", "x", 5)))
    (row,) = passed.rows().select(c for c in passed.rows().columns if c.startswith("_")).to_dicts()
    assert row == {
        "_feed": "sports.openings", "_sender": "shifan", "_receipt": f"{0:016x}", "_row": 2, "_received_at": RECEIVED,
        "_contract_version": load_feeds()["sports.openings"].version,
    }  # fmt: skip
    quarantined = pl.read_parquet(passed.quarantine).row(0, named=True)
    assert (quarantined["_receipt"], quarantined["_row"], quarantined["_received_at"]) == (f"{0:016x}", 3, RECEIVED)


def test_rows_out_of_scope_are_counted_apart(pass_through, shared_data) -> None:
    layout = load_layouts()["sports.venues", "tainan_parks"]
    path = shared_data / "sports" / "tainan_parks.csv"
    header = pl.read_csv(path, infer_schema=False).columns
    column = header[0]
    first = str(pl.read_csv(path, infer_schema=False)[column][0])
    kept = layout.model_copy(update={"keep": type_of_keep(column, first)})
    outcome = pass_through(path, "sports.venues", sender="tainan_parks", layout=kept).outcome
    assert outcome.rows_out_of_scope == outcome.rows_quarantined == 485
    assert (outcome.verdict, outcome.rows_accepted) == ("accepted", 1)


def type_of_keep(column: str, value: str):
    from contracts.model import Keep

    return Keep(where={column: [value]})


# ── keys ────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_that_stands_twice_in_a_file_keeps_its_first_row(pass_through) -> None:
    rows = [
        ("TY00001", "2026-02-01", 1),
        ("TY00002", "2026-02-01", 2),
        ("TY00001", "2026-02-01", 3),
        ("TY00001", "2026-02-01", 4),
    ]
    passed = pass_through(openings(*rows))
    assert passed.rows()["visits"].to_list() == [1, 2]
    assert [(row, rule) for row, rule, _ in passed.reasons()] == [(4, "key_repeated"), (5, "key_repeated")]
    assert (passed.outcome.rows_accepted, passed.outcome.rows_quarantined) == (2, 2)
    assert passed.outcome.row_checksum == checksum(passed.accepted)
    # As if the others had never been sent: the checksum is of what is stored.
    assert passed.outcome.row_checksum == pass_through(openings(*rows[:2])).outcome.row_checksum


def test_an_append_key_that_was_delivered_before_is_rejected(pass_through) -> None:
    first = pass_through(openings(("TY00001", "2026-02-01", 1), ("TY00002", "2026-02-01", 2)))
    rows = [("TY00002", "2026-02-01", 9), ("TY00002", "2026-02-02", 9), ("TY00002", "2026-02-02", 8)]
    second = pass_through(openings(*rows), before=Before(barred=[first.accepted]))
    assert [(row, rule) for row, rule, _ in second.reasons()] == [(2, "key_already_delivered"), (4, "key_repeated")]
    assert second.rows()["visits"].to_list() == [9]


def test_an_upsert_file_may_hold_a_key_twice(pass_through) -> None:
    header = "办件编号,服务次数,评价次数,受理差评时间\n"
    passed = pass_through(
        header + "A1,1,1,2026-02-01 09:00:00\nA1,1,1,2026-02-02 09:00:00\n", "evaluation.rectifications"
    )
    assert (passed.outcome.rows_accepted, passed.outcome.rows_quarantined) == (2, 0)


def test_files_are_compared_alike_whether_the_earlier_ones_were_seen_on_the_way_or_not(pass_through) -> None:
    """Of the earlier files of an upsert feed some are seen, some are not; the newest of what they say of a case counts."""
    header, row = "办件编号,服务次数,评价次数,受理差评时间\n", "A{},1,1,2026-02-01 09:0{}:00\n".format
    files = [[(1, 0), (2, 0)], [(2, 1), (3, 0)], [(1, 0), (2, 0), (3, 0), (4, 0), (4, 1)], [(9, 0)]]
    told = []
    for names in ([], [0], [1], [0, 1], [1, 0]):
        with keys.Seen(load_feeds()["evaluation.rectifications"]) as seen:
            earlier = []
            for n, rows in enumerate(files):
                content = header + "".join(row(*r) for r in rows)
                own = Before(own=list(earlier), seen=seen if n in (*names, 2, 3) else None)
                passed = pass_through(content, "evaluation.rectifications", before=own)
                earlier.append(passed.accepted)
                found = passed.outcome
                told.append((n, found.rows_added, found.rows_changed, found.rows_removed))
    assert sorted(set(told)) == [(0, None, None, None), (1, 1, 1, 0), (2, 1, 1, 0), (3, 1, 0, 0)]


def test_a_key_is_rejected_whether_the_file_before_was_seen_on_the_way_or_not(pass_through) -> None:
    for is_seen in (True, False):
        with keys.Seen(load_feeds()["sports.openings"]) as seen:
            first = pass_through(openings(("TY00001", "2026-02-01", 1)), before=Before(seen=seen if is_seen else None))
            rows = [("TY00001", "2026-02-01", 9), ("TY00002", "2026-02-02", 9), ("TY00002", "2026-02-02", 8)]
            again = pass_through(openings(*rows), before=Before(barred=[first.accepted], seen=seen))
            later = pass_through(openings(rows[1]), before=Before(barred=[first.accepted, again.accepted], seen=seen))
        assert [(row, rule) for row, rule, _ in again.reasons()] == [(2, "key_already_delivered"), (4, "key_repeated")]
        assert [rule for _, rule, _ in later.reasons()] == ["key_already_delivered"]


def test_melted_rows_of_one_line_are_told_apart_by_their_place(pass_through) -> None:
    """Two lines of one respondent: the second gives a repeated key for each question, the first keeps all of its own."""
    feed = load_feeds()["evaluation.survey_responses"]
    layout = load_layouts()[feed.id, "san_diego_2015"]
    melted = layout.model_copy(
        update={
            "rename": {"rid": "respondent_id", "q": "question_id", "a": "answer"}, "constants": {"wave": "2026Q1"},
            "join": {}, "replace": {}, "values": {}, "keep": None, "read": type(layout.read)(), "absent": [],
            "melt": type(layout.melt)(id=["rid"], columns="^Q[0-9]$", variable="q", value="a"),
        }
    )  # fmt: skip
    content = "rid,Q1,Q2,Q3\nR1,1,2,3\nR1,4,5,6\nR2,7,,9\n"
    passed = pass_through(content, feed, sender="san_diego_2015", layout=melted)
    assert passed.rows()["answer"].to_list() == ["1", "2", "3", "7", "9"]
    assert [(row, rule) for row, rule, _ in passed.reasons()] == [(3, "key_repeated")] * 3
    assert passed.outcome.rows_received == 8


# ── the second judge ────────────────────────────────────────────────────────────────────────────


def test_what_the_second_judge_objects_to_is_quarantined(pass_through, monkeypatch) -> None:
    sound = pandera_check.objections

    def stricter(feed: Feed, rows: pl.DataFrame):
        rows, reasons = sound(feed, rows)
        import pandera.polars as pandera

        schema = pandera.DataFrameSchema({"visits": pandera.Column(pl.Int64, pandera.Check.le(10))})
        monkeypatch.setattr(pandera_check, "_schema", lambda *_: schema)
        return sound(feed, rows) if rows.height else (rows, reasons)

    monkeypatch.setattr(pandera_check, "objections", stricter)
    passed = pass_through(
        openings(("TY00001", "2026-02-01", 5), ("TY00002", "2026-02-01", 11), ("TY00003", "2026-02-01", 6))
    )
    assert passed.rows()["visits"].to_list() == [5, 6]
    assert passed.reasons() == [(3, "contract_violated", "visits")]
    assert passed.outcome.rows_received == passed.outcome.rows_accepted + passed.outcome.rows_quarantined == 3


def test_the_second_judge_agrees_with_the_first_on_sound_rows() -> None:
    rows = pl.DataFrame(
        {"venue_id": ["TY00001"], "opened_on": [RECEIVED.date()], "visits": [1], "open_hours": [8.0], "_row": [2]}
    )
    kept, reasons = pandera_check.objections(load_feeds()["sports.openings"], rows)
    assert (kept.rows(), reasons.schema) == (rows.rows(), empty_reasons().schema)


@pytest.mark.parametrize(
    ("visits", "open_hours", "struck"),
    [
        (pl.lit(1), pl.lit(8.0), 0),
        (pl.lit(1), pl.lit(30.0), 12_000),  # every row says the same wrong thing
        (pl.when(pl.int_range(12_000) == 7_777).then(-1).otherwise(1), pl.lit(8.0), 1),
        (pl.when(pl.int_range(12_000) == 7_777).then(-1).otherwise(1), pl.lit(30.0), 12_001),
        (pl.int_range(12_000) % 7, pl.int_range(12_000) % 26 * 1.0, 461),  # few values, one of them wrong
        (pl.when(pl.int_range(12_000) == 7_777).then(-1).otherwise(pl.int_range(12_000) % 70), pl.lit(8.0), 1),
        (pl.when(pl.int_range(12_000) > 7_777).then(None).otherwise(1), pl.lit(8.0), 4_222),  # a value is missing
    ],
)
def test_the_second_judge_finds_in_a_large_batch_what_it_finds_in_a_small_one(visits, open_hours, struck) -> None:
    feed, number = load_feeds()["sports.openings"], pl.int_range(12_000)
    rows = pl.select(
        pl.format("TY{}", number).alias("venue_id"), pl.lit(RECEIVED.date()).alias("opened_on"),
        visits.cast(pl.Int64).alias("visits"), open_hours.alias("open_hours"), number.cast(pl.Int64).alias("_row"),
    )  # fmt: skip
    assert rows.height > pandera_check.LARGE
    kept, reasons = pandera_check.objections(feed, rows)
    parts = [pandera_check.objections(feed, rows.slice(at, 4_000)) for at in range(0, 12_000, 4_000)]
    assert reasons.height == struck
    assert kept.equals(pl.concat(part for part, _ in parts))
    key = ["_row", "field"]
    assert reasons.sort(key).equals(pl.concat(told for _, told in parts).sort(key))


# ── the checksum ────────────────────────────────────────────────────────────────────────────────


def test_the_same_rows_give_the_same_checksum_in_any_format(pass_through, tmp_path) -> None:
    import xlsxwriter

    text = "场馆编号,场馆名称,场馆类型代码,区划代码,运营状态,馆舍面积\n" + "".join(
        f"WH{i:04},示范馆{i},L1,990101001001,1,{i * 1.5 if i % 3 else ''}\n" for i in range(300)
    )
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet()
    for i, line in enumerate(text.splitlines()):
        sheet.write_row(i, 0, line.split(","))
    book.close()
    sent = [
        text,
        text.encode("gb18030"),
        text.replace("\n", "\r\n").encode("utf-16"),
        text.replace(",", "\t"),
        tmp_path / "b.xlsx",
    ]
    outcomes = [pass_through(content, "culture.venues", name="f").outcome for content in sent]
    assert [(o.verdict, o.rows_accepted) for o in outcomes] == [("accepted", 300)] * 5
    assert {o.encoding for o in outcomes} >= {"utf-8", "gb18030"}
    assert len({o.row_checksum for o in outcomes}) == 1
    other = pass_through(text.replace("示范馆7,", "示范馆八,"), "culture.venues").outcome
    assert other.row_checksum not in {o.row_checksum for o in outcomes}


def test_batches_do_not_change_the_checksum(pass_through, monkeypatch) -> None:
    from contracts.reading.table import Limits

    text = openings(*((f"TY{i:05}", "2026-02-01", i) for i in range(2_000)))
    whole = pass_through(text).outcome
    monkeypatch.setattr(
        delivery,
        "open_table",
        lambda *a, sound=delivery.open_table, **k: sound(*a, **k, limits=Limits(chunk_bytes=5_000)),
    )
    pieces = pass_through(text)
    assert pl.read_parquet_metadata(pieces.accepted) is not None
    assert (whole.rows_accepted, whole.row_checksum) == (pieces.outcome.rows_accepted, pieces.outcome.row_checksum)
    assert checksum(pieces.accepted) == whole.row_checksum


# ── refused ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "feed", "code", "words"),
    [
        ("", "sports.openings", "empty_file", "f.csv"),
        ("场馆编号,接待人次\nTY00001,1\n", "sports.openings", "required_columns_missing", "开放日期"),
        ("车牌,颜色\n示A1,蓝\n", "sports.openings", "header_not_found", "not quoted"),
        ("场馆编号,开放日期,接待人次,访客量,接待人次\nTY1,2026-02-01,1,1,1\n", "sports.openings", "header_repeated", "接待人次"),
        ("场馆编号,场馆名称,场馆类型代码,区划代码,运营状态\n", "culture.venues", "no_rows", "the last one stands"),
        ("办件编号,服务次数,评价次数,满意度,评价渠道,评价时间\nA,1,1,5,1,2026-02-01\n", "evaluation.reviews", "code_scheme_undeclared", "code_scheme"),
        (b"\x00" * 5_000, "sports.openings", "not_a_table", "no text"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(pass_through, content, feed, code, words) -> None:
    passed = pass_through(content, feed, sender="nobody")
    outcome = passed.outcome
    assert (outcome.verdict, outcome.reason_code) == ("refused", code)
    assert words in outcome.message_en
    assert outcome.message_zh
    assert (outcome.rows_received, outcome.rows_accepted, outcome.rows_quarantined, outcome.row_checksum) == (
        0,
        0,
        0,
        None,
    )
    assert not passed.accepted.exists()
    assert not passed.quarantine.exists()


def test_a_refusal_quotes_no_cell_where_there_is_no_header(pass_through) -> None:
    outcome = pass_through("欧阳瑾瑜,13812345678\n司马相如,13812345679\n").outcome
    assert outcome.reason_code == "header_not_found"
    assert "欧阳" not in outcome.message_zh + outcome.message_en


def test_an_error_of_ours_tells_its_kind_and_place_and_nothing_of_the_data(pass_through, monkeypatch) -> None:
    def fails(*_, **__):
        raise KeyError("欧阳瑾瑜 13812345678")

    monkeypatch.setattr(delivery, "pseudonymise", fails)
    passed = pass_through(openings(("TY00001", "2026-02-01", 1)))
    outcome = passed.outcome
    assert (outcome.verdict, outcome.reason_code) == ("refused", "door_failed")
    assert "KeyError, delivery.py:" in outcome.message_en
    assert "13812345678" not in str(vars(outcome))
    assert "欧阳" not in str(vars(outcome))
    assert not passed.accepted.exists()


# ── guards ──────────────────────────────────────────────────────────────────────────────────────


def test_a_held_file_keeps_its_counts_and_has_no_checksum(pass_through) -> None:
    feed = replace(load_feeds()["sports.openings"], guards=Guards(max_rejected_share=0.4, min_rows=2))
    content = openings(("TY00001", "2026-02-01", 1), ("TY00002", "x", 1))
    held = pass_through(content, feed).outcome
    assert (held.verdict, held.reason_code, held.row_checksum) == ("held", "too_many_rows_rejected", None)
    assert "50%" in held.message_zh
    assert "40%" in held.message_zh
    assert (held.rows_received, held.rows_accepted, held.rows_quarantined) == (2, 1, 1)
    assert pass_through(content, feed, guards=False).outcome.verdict == "accepted"


def test_a_layout_that_says_a_field_is_absent_has_been_looked_at(pass_through) -> None:
    feed = replace(load_feeds()["sports.openings"], guards=Guards(max_rejected_share=0.4, min_rows=1))
    layout = load_layouts()["sports.venues", "tainan_parks"].model_copy(
        update={"rename": {}, "constants": {}, "multiply": {}, "values": {}, "join": {}, "replace": {}, "coordinates": None,
                "read": type(load_layouts()["sports.venues", "tainan_parks"].read)(), "keep": None, "absent": ["opened_on"]}
    )  # fmt: skip
    outcome = pass_through("场馆编号,接待人次\nTY00001,1\n", feed, layout=layout).outcome
    assert (outcome.verdict, outcome.rows_quarantined) == ("accepted", 1)


@pytest.mark.parametrize(
    ("step", "before", "present", "missing"),
    [
        ("day", ["2026-02-27"], ["2026-03-01"], ["2026-02-28"]),
        ("day", ["2026-02-27"], ["2026-02-28"], []),
        ("week", ["2026-01-05"], ["2026-01-22"], ["2026-01-12"]),
        ("month", ["2025-10-01"], ["2026-02-01"], ["2025-11", "2025-12", "2026-01"]),
        ("month", ["2025-10-01"], ["2025-11-01", "2025-12-01"], []),
        ("month", ["2026-02-01"], ["2026-01-01"], []),
        ("year", ["2024-01-01"], ["2026-01-01"], ["2025"]),
        ("month", [], ["2026-01-01"], []),
        ("month", ["2026-01-01"], [], []),
    ],
)
def test_missing_periods_are_named(step, before, present, missing) -> None:
    rule = Continuity(field="month", step=step)
    days = [[datetime.fromisoformat(t).date() for t in texts] for texts in (before, present)]
    assert missing_periods(rule, *days) == missing


def test_years_may_be_numbers() -> None:
    assert missing_periods(Continuity(field="year", step="year"), [2022], [2025, None]) == ["2023", "2024"]


@pytest.mark.parametrize(
    ("guards", "key", "words"),
    [
        ("{max_rejected_share: 2}", "guards.max_rejected_share", "less than or equal to 1"),
        ("{min_row_ratio: 0.5}", "guards.min_row_ratio", "Extra inputs"),
        ("{continuity: {field: venue_id, step: day}}", "guards.continuity.field", "'venue_id' is string"),
        ("{continuity: {field: nothing, step: day}}", "guards.continuity.field", "no field"),
        ("{continuity: {field: visits, step: month}}", "guards.continuity.field", "'visits' is integer"),
    ],
)
def test_a_guard_that_means_nothing_is_named_by_file_and_key(tmp_path, guards, key, words) -> None:
    text = load_feeds()["sports.openings"].path.read_text(encoding="utf-8")
    before = next(line for line in text.splitlines() if "property: guards" in line)
    path = tmp_path / "sports" / "openings.odcs.yaml"
    path.parent.mkdir()
    path.write_text(text.replace(before, f"      - {{property: guards, value: {guards}}}"), encoding="utf-8")
    with pytest.raises(ContractError, match=words) as error:
        load_feed(path)
    assert key in error.value.key


# ── approvals ───────────────────────────────────────────────────────────────────────────────────


def receipt_file(root: Path, receipt: str, attempt: int, verdict: str) -> None:
    folder = root / "receipts" / "sports.openings" / "2026-02"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{receipt}.{attempt}.json").write_text(f'{{"verdict": "{verdict}", "attempt": {attempt}}}')


def test_an_approval_is_kept_with_the_data_and_says_who_when_and_why(tmp_path) -> None:
    receipt_file(tmp_path, "a" * 16, 1, "held")
    receipt_file(tmp_path, "a" * 16, 2, "duplicate")
    moment = datetime(2026, 3, 1, 9)
    given = approve(tmp_path, "a" * 16, by="王主任", why="机构撤并", at=moment)
    assert approvals(tmp_path) == {"a" * 16: given}
    assert (given.by, given.why, given.at) == ("王主任", "机构撤并", moment)


@pytest.mark.parametrize("receipt", ["b" * 16, "../../etc/passwd", "*", ""])
def test_a_receipt_that_is_unknown_cannot_be_let_through(tmp_path, receipt) -> None:
    receipt_file(tmp_path, "a" * 16, 1, "held")
    with pytest.raises(NotHeld, match="there is no receipt"):
        approve(tmp_path, receipt, by="x", why="", at=RECEIVED)
    assert approvals(tmp_path) == {}


@pytest.mark.parametrize("verdict", ["accepted", "refused"])
def test_only_a_held_file_can_be_let_through(tmp_path, verdict) -> None:
    receipt_file(tmp_path, "a" * 16, 1, "held")
    receipt_file(tmp_path, "a" * 16, 2, verdict)
    with pytest.raises(NotHeld, match=f"is {verdict}, not held"):
        approve(tmp_path, "a" * 16, by="x", why="", at=RECEIVED)


def test_the_command_lets_a_held_file_through(tmp_path, monkeypatch, capsys) -> None:
    from contracts.__main__ import main

    receipt_file(tmp_path, "c" * 16, 1, "held")
    monkeypatch.setenv("MINSHENG_DATA", str(tmp_path))
    assert main(["release", "c" * 16, "--by", "王主任", "--why", "核对无误"]) == 0
    assert approvals(tmp_path)["c" * 16].why == "核对无误"
    assert main(["release", "d" * 16]) == 2
    assert "there is no receipt" in capsys.readouterr().out
