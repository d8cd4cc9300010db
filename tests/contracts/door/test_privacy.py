"""What stays of a personal value: nothing that leads back, and the same thing every time."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import composite

from contracts.__main__ import main
from contracts.door.identifiers import RESIDENT_ID_ALPHABET, is_luhn
from contracts.door.privacy import (
    KEY_VARIABLE,
    PERSONAL,
    Key,
    KeyRefused,
    age_band,
    keyed_hash,
    load_key,
    mask_names,
    mask_value,
    pseudonymise,
    read_keys,
    redact,
    redact_one,
    rotate,
)
from contracts.loading import load_feeds
from contracts.model import Feed, FieldSpec

KEY = Key("a key of the tests, long enough")
RESIDENT_ID = "11010519491231002X"
CARD = "6222020000000000000"
PERSONAL_NUMBERS = [RESIDENT_ID, CARD, "13812345678", "028-85123456", "li.lei@mail.example.cn"]


def field(classification: str, feed: str = "civil_affairs.assistance") -> FieldSpec:
    return next(f for f in load_feeds()[feed].fields if f.classification == classification)


# ── the key ─────────────────────────────────────────────────────────────────────────────────────


def test_the_first_use_makes_a_key_only_its_owner_can_read(tmp_path: Path) -> None:
    key = load_key(tmp_path / "data", environ={})
    file = tmp_path / "data" / "privacy.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(key.secret)) == 32
    assert load_key(tmp_path / "data", environ={}) == key
    assert [p.name for p in file.parent.iterdir()] == ["privacy.key"]


def test_two_installations_have_different_keys(tmp_path: Path) -> None:
    assert load_key(tmp_path / "a", environ={}) != load_key(tmp_path / "b", environ={})


def test_the_environment_speaks_before_the_file(tmp_path: Path) -> None:
    key = load_key(tmp_path, environ={KEY_VARIABLE: "密钥由保密柜提供"})
    assert key.secret == "密钥由保密柜提供"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("short", ["", "fifteen bytes .", "密钥密钥密"])
def test_a_short_key_is_refused_in_two_languages(tmp_path: Path, short: str) -> None:
    with pytest.raises(KeyRefused, match=r"至少需要 16 字节.*needs 16 or more") as refused:
        load_key(tmp_path, environ={KEY_VARIABLE: short})
    assert not short or short not in str(refused.value)


def test_a_key_that_is_no_text_is_refused_without_quoting_it(tmp_path: Path) -> None:
    raw = b"sixteen bytes and \xff\xfe".decode(errors="surrogateescape")  # as os.environ gives it
    with pytest.raises(KeyRefused, match="UTF-8") as refused:
        load_key(tmp_path, environ={KEY_VARIABLE: raw})
    assert "sixteen" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    load_key(tmp_path, environ={})
    (tmp_path / "privacy.key").chmod(mode)
    with pytest.raises(KeyRefused, match="chmod 600"):
        load_key(tmp_path, environ={})


@pytest.mark.parametrize("content", ["", "geheim!", "abcd\n", "00112233445566778899aabbccddeeff\nzz"])
def test_a_damaged_key_file_is_refused_without_quoting_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "privacy.key"
    file.touch(mode=0o600)
    file.write_text(content)
    with pytest.raises(KeyRefused, match=r"已损坏.*damaged") as refused:
        load_key(tmp_path, environ={})
    assert all(word not in str(refused.value) for word in content.split())


def test_rotation_puts_a_new_key_behind_the_old_ones(tmp_path: Path) -> None:
    old = load_key(tmp_path, environ={})
    new = rotate(tmp_path)
    assert read_keys(tmp_path) == [old, new]
    assert load_key(tmp_path, environ={}) == new
    assert (tmp_path / "privacy.key").stat().st_mode & 0o777 == 0o600
    assert old.id != new.id


@pytest.mark.parametrize("environ", [{}, {KEY_VARIABLE: "a key of the tests, long enough"}])
def test_where_no_key_file_is_nothing_is_rotated_and_the_sentence_says_what_to_do(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    for name, value in {"MINSHENG_DATA": str(tmp_path), **environ}.items():
        monkeypatch.setenv(name, value)
    assert main(["rotate-key"]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert "change it there" in said if environ else "the first night makes one" in said
    assert not list(tmp_path.iterdir())
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    old = load_key(tmp_path, environ={})
    assert main(["rotate-key"]) == 0
    assert [old, read_keys(tmp_path)[-1]] == read_keys(tmp_path)
    assert read_keys(tmp_path)[-1].id in capsys.readouterr().out


def test_after_rotation_a_pseudonym_says_under_which_key_it_links(tmp_path: Path) -> None:
    old = load_key(tmp_path, environ={})
    before = keyed_hash(pl.Series([RESIDENT_ID]), "resident_id", old)[0]
    after = keyed_hash(pl.Series([RESIDENT_ID]), "resident_id", rotate(tmp_path))[0]
    assert before != after
    by_id = {key.id: key for key in read_keys(tmp_path)}
    again = [keyed_hash(pl.Series([RESIDENT_ID]), "resident_id", by_id[p.split(":")[0]])[0] for p in (before, after)]
    assert again == [before, after]


def test_trying_a_key_against_id_or_pseudonym_costs_a_tenth_of_a_second() -> None:
    """Both are made of what scrypt makes: without it neither can be had from the text of the key."""
    made = hashlib.scrypt(
        KEY.secret.encode(), salt=b"minsheng privacy key", n=2**15, r=8, p=1, maxmem=2**26, dklen=36
    ).hex()
    assert (KEY.id, KEY.hashed_with) == (made[64:], made[:64])
    assert (
        keyed_hash(pl.Series(["A1"]), None, KEY)[0]
        != keyed_hash(pl.Series(["A1"]), None, Key(KEY.secret, is_stretched=False))[0]
    )


def test_a_key_made_before_keys_were_stretched_goes_on_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "privacy.key"
    file.touch(mode=0o600)
    file.write_text("ab" * 32)
    old = load_key(tmp_path, environ={})
    assert old == Key("ab" * 32, is_stretched=False)
    assert (
        keyed_hash(pl.Series(["A1"]), None, old)[0] == f"{old.id}:" + hmac.new(b"ab" * 32, b"A1", "sha256").hexdigest()
    )
    new = rotate(tmp_path)
    assert new.is_stretched
    assert read_keys(tmp_path) == [old, new]


def test_a_key_of_the_environment_goes_on_as_it_was_while_its_pseudonyms_stand_and_is_changed_over_by_a_word() -> None:
    text = "a key of the tests, long enough"
    before = Key(text, is_stretched=False)
    assert load_key(Path(), {KEY_VARIABLE: text}, lambda key_id: key_id == before.id) == before
    assert load_key(Path(), {KEY_VARIABLE: text}) == Key(text)
    assert load_key(Path(), {KEY_VARIABLE: f"scrypt:{text}"}, lambda _: True) == Key(text)


def test_a_key_file_that_is_a_link_is_refused(tmp_path: Path) -> None:
    load_key(tmp_path / "a", environ={})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "privacy.key").symlink_to(tmp_path / "a" / "privacy.key")
    with pytest.raises(KeyRefused, match=r"普通文件.*no plain file"):
        load_key(tmp_path / "b", environ={})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_key_file_of_another_user_is_refused(tmp_path: Path) -> None:
    load_key(tmp_path, environ={})
    os.chown(tmp_path / "privacy.key", 61_001, -1)
    with pytest.raises(KeyRefused, match="61001"):
        load_key(tmp_path, environ={})


def test_a_key_does_not_show_itself() -> None:
    assert "key of the tests" not in repr(KEY)
    assert KEY.id not in KEY.secret + hashlib.sha256(KEY.secret.encode()).hexdigest()


# ── pseudonyms ──────────────────────────────────────────────────────────────────────────────────


@given(
    st.text(min_size=16, max_size=100),
    st.lists(st.one_of(st.none(), st.from_regex(r"\A[A-Z0-9]{1,80}\Z")), min_size=1, max_size=20),
)
def test_a_pseudonym_is_the_hmac_of_the_standard_library(secret: str, values: list[str | None]) -> None:
    key = Key(secret, is_stretched=False)  # stretched or not, the HMAC is the same
    values = [v for v in values if v is None or len(v) != 15] or [None]  # 15 characters may be an old resident id
    expected = [v and f"{key.id}:{hmac.new(secret.encode(), v.encode(), 'sha256').hexdigest()}" for v in values]
    assert keyed_hash(pl.Series(values, dtype=pl.String), None, key).to_list() == expected


def test_a_person_has_one_pseudonym_however_written() -> None:
    spellings = [RESIDENT_ID, "11010519491231002x", " １１０１０５１９４９１２３１００２Ｘ ", "110105491231002"]
    assert keyed_hash(pl.Series(spellings), "resident_id", KEY).n_unique() == 1


def test_people_without_an_identifier_are_not_one_person() -> None:
    assert keyed_hash(pl.Series([None, "", "  ", "　"], dtype=pl.String), None, KEY).to_list() == [None] * 4


@pytest.mark.parametrize(
    ("born", "band"),
    [
        (date(2023, 3, 2), "0-2"),
        (date(2023, 3, 1), "3-5"),
        (date(1966, 3, 2), "35-59"),
        (date(1966, 3, 1), "60-64"),
        (date(1961, 3, 1), "65-79"),
        (date(1946, 3, 1), "80+"),
        (date(2026, 3, 2), None),
        (None, None),
    ],
)
def test_a_band_changes_on_the_birthday(born: date | None, band: str | None) -> None:
    frame = pl.DataFrame({"born": [born]}, schema={"born": pl.Date})
    assert frame.select(age_band(pl.col("born"), pl.lit(date(2026, 3, 1)))).item() == band


def test_born_on_29_february_is_a_year_older_on_1_march() -> None:
    frame = pl.DataFrame({"on": [date(2026, 2, 28), date(2026, 3, 1)]})
    bands = frame.select(age_band(pl.lit(date(2008, 2, 29)), pl.col("on"))).to_series().to_list()
    assert bands == ["15-17", "18-34"]


def test_a_masked_name_does_not_tell_how_long_it_was() -> None:
    names = pl.Series(["王芳", " 王小明", "欧阳锋", "John Smith", "", None])
    assert mask_names(names).to_list() == ["王**", "王**", "欧**", "J**", None, None]


# ── free text ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"我的证件是{RESIDENT_ID}，请查", "我的证件是〔身份证号〕，请查"),
        ("证件 １１０１０５１９４９１２３１００２ｘ。", "证件 〔身份证号〕。"),
        ("110105 1949 1231 002X", "〔身份证号〕"),
        ("身份证号:110105194912310021", "身份证号:〔身份证号〕"),  # mistyped, but it says what it is
        ("ID11010519491231002X!", "ID〔身份证号〕!"),
        ("打我电话138-1234-5678", "打我电话〔电话〕"),
        ("微信同号＋８６１３８１２３４５６７８", "微信同号〔电话〕"),
        ("1 3 8 1 2 3 4 5 6 7 8", "〔电话〕"),
        ("138\u200b1234\u200b5678", "〔电话〕"),
        ("13812345678、13987654321", "〔电话〕、〔电话〕"),
        ("13812345678 13987654321", "〔电话〕 〔电话〕"),
        ("(028)85123456转801", "〔电话〕转801"),
        ("电话：85123456", "电话：〔电话〕"),
        (f"退到{CARD}", "退到〔银行卡号〕"),
        ("4111 1111 1111 1111", "〔银行卡号〕"),
        ("li.lei@mail.example.cn", "〔邮箱〕"),
        ("13812345678＠qq．com", "〔邮箱〕"),
    ],
)
def test_what_is_taken_out(text: str, redacted: str) -> None:
    assert redact(pl.Series([text]))[0].to_list() == [redacted]


@pytest.mark.parametrize(
    "text",
    [
        "很好",
        "案件2026010112345没有办",
        "办件号 510104202603010013",  # place, date, serial number: built like an id, wrong check character
        "2024-03-05 12:30:45 到 2024-03-06 09:00:00",
        "编号A-2026-0001-0002-0003",
        "91350100M000100Y43",
        "排队 40 分钟，3 号窗口，2 楼 205 室",
        "拨打12345、4008208820 都没有用",
        "共缴 1,234,567.89 元",
        "@所有人",
        "85123456",
    ],
)
def test_what_stays(text: str) -> None:
    assert redact_one(text) == (text, 0)
    assert redact(pl.Series([text]))[0].to_list() == [text]


def test_texts_are_counted_where_they_stand() -> None:
    texts = pl.Series(["好", "电话13812345678或13987654321", None, "a@b.cn", ""])
    redacted, counts = redact(texts)
    assert redacted.to_list() == ["好", "电话〔电话〕或〔电话〕", None, "〔邮箱〕", ""]
    assert counts.to_list() == [0, 2, 0, 1, 0]


@composite
def personal_numbers(draw: st.DrawFn) -> str:
    """A resident id, a mobile number or a card, as someone may type it."""
    kind = draw(st.sampled_from(["id", "mobile", "card"]))
    if kind == "mobile":
        number = "1" + draw(st.from_regex(r"\A[3-9][0-9]{9}\Z"))
    elif kind == "card":
        stem = "62" + draw(st.from_regex(r"\A[0-9]{16}\Z"))
        number = next(stem + d for d in "0123456789" if is_luhn(stem + d))
    else:
        seventeen = f"{draw(st.integers(110000, 659999))}{draw(st.dates(date(1900, 1, 1), date(2026, 1, 1))):%Y%m%d}"
        seventeen += f"{draw(st.integers(0, 999)):03d}"
        remainder = sum(int(d) * 2 ** (17 - i) for i, d in enumerate(seventeen)) % 11
        number = seventeen + RESIDENT_ID_ALPHABET[(12 - remainder) % 11]
    spaced = draw(st.sampled_from(["", " ", "-", "\u200b", "\u3000"])).join(number)
    full_width = {ord(c): ord(c) + 0xFEE0 for c in "0123456789X"}
    return spaced.translate(full_width) if draw(st.booleans()) else spaced


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Nd", "Cs")), max_size=15)


@given(WORDS, personal_numbers(), WORDS)
def test_a_personal_number_is_found_in_any_words(before: str, number: str, after: str) -> None:
    if after[:1] in ("x", "X", "ｘ", "Ｘ"):
        return
    (redacted, *_), (count, *_) = redact(pl.Series([before + "号" + number + "，" + after]))
    assert count >= 1
    assert number not in redacted


@given(st.text(st.sampled_from("0123456789X１３８ -@.+()a号身份证电话\u200b"), max_size=60))
def test_redacting_twice_finds_nothing_more(text: str) -> None:
    once, _ = redact_one(text)
    assert redact_one(once) == (once, 0)


@given(st.text(st.sampled_from("0123456789０１３８Xx -－@＠.．·+()）a.cn号\u200b\u3000"), max_size=60))
def test_the_quick_look_misses_nothing_the_thorough_one_finds(text: str) -> None:
    assert redact(pl.Series([text], dtype=pl.String))[0].to_list() == [redact_one(text)[0]]


# ── what is shown ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("classification", sorted(PERSONAL))
def test_of_a_personal_value_a_message_tells_the_length_only(classification: str) -> None:
    personal = replace(field("secret"), classification=classification)
    assert mask_value(RESIDENT_ID, personal) == "‹18 characters›"


def test_of_a_column_nobody_knows_a_message_tells_the_length_only() -> None:
    assert mask_value("王小明", None) == "‹3 characters›"


@pytest.mark.parametrize("number", PERSONAL_NUMBERS)
def test_a_personal_number_in_the_wrong_column_is_not_shown(number: str) -> None:
    assert number not in mask_value(f"x {number}", field("public", "health.institutions"))


def test_a_shown_value_is_one_short_line() -> None:
    shown = mask_value("第一行\n2024 ERROR forged\r\x1b[31m" + "长" * 1_000_000, field("public", "health.institutions"))
    assert len(shown) == 60
    assert shown.isprintable()
    assert mask_value("B9", field("public", "health.institutions")) == "B9"


# ── a whole frame ───────────────────────────────────────────────────────────────────────────────


def planted(feed: Feed) -> pl.DataFrame:
    """One typed row of a feed with a personal value wherever the contract expects one, and in a column it does not know."""
    values: dict[str, pl.Series] = {}
    for f in feed.fields:
        if f.classification == "birth_date":
            values[f.name] = pl.Series([date(1949, 12, 31)])
        elif f.kind == "string" and f.classification in PERSONAL:
            values[f.name] = pl.Series(["，".join(PERSONAL_NUMBERS)])
        else:
            values[f.name] = pl.Series([None])
    return pl.DataFrame(values).with_columns(_row=pl.lit(1), 无人知道的列=pl.lit(RESIDENT_ID))


@pytest.mark.parametrize("feed", load_feeds().values(), ids=lambda feed: feed.id)
def test_no_planted_value_passes(feed: Feed) -> None:
    stored = pseudonymise(planted(feed), feed, KEY, on=date(2026, 3, 1))
    text = stored.write_csv()
    assert [value for value in [*PERSONAL_NUMBERS, "1949-12-31"] if value in text] == []


@pytest.mark.parametrize("feed", load_feeds().values(), ids=lambda feed: feed.id)
def test_what_passes_has_the_columns_of_the_contract(feed: Feed) -> None:
    stored = pseudonymise(planted(feed), feed, KEY, on=date(2026, 3, 1))
    assert stored.columns == [*(f.stored_as for f in feed.stored), "_row"]


def test_the_day_of_receipt_decides_the_age_and_not_the_day_of_the_run() -> None:
    feed = load_feeds()["civil_affairs.assistance"]
    frame = planted(feed)
    with pytest.raises(ValueError, match="an age needs a day"):
        pseudonymise(frame, feed, KEY)
    received = frame.with_columns(_received_at=pl.lit(datetime(2014, 12, 31, 9)))
    assert pseudonymise(received, feed, KEY)["age_band"].to_list() == ["65-79"]
    received = frame.with_columns(_received_at=pl.lit(datetime(2014, 12, 30, 23)))
    assert pseudonymise(received, feed, KEY)["age_band"].to_list() == ["60-64"]


def test_a_frame_that_lacks_a_field_is_no_frame_of_the_feed() -> None:
    feed = load_feeds()["civil_affairs.assistance"]
    with pytest.raises(ValueError, match=r"benefit_id"):
        pseudonymise(planted(feed).drop("benefit_id"), feed, KEY, on=date(2026, 3, 1))
