"""Who may send and does not hold the key: what sending a person's number tells them, which is nothing, and what the ledger keeps of it."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path

import pytest

from contracts.door.privacy import OPEN
from contracts.loading import load_feeds, load_products
from contracts.model import Feed, FieldSpec
from orchestration.intake import ledger
from orchestration.intake.taking_in import take_in
from orchestration.paths import ZONE, DataDirectory
from tests.test_privacy_canary import NAME, as_csv, plausible

WITH_IDENTIFIERS = [f for f in load_feeds().values() if any(s.classification == "identifier" for s in f.fields)]
# Of the others a sender without a layout is refused before a person is looked at.
FROM_ANYBODY = [f for f in WITH_IDENTIFIERS if not any(s.scheme for s in f.fields)]
KNOWN, UNKNOWN = "19900000001", "19900000002"
KNOWN_ID, UNKNOWN_ID = "990102196107230004", "990102196107230012"
# What two deliveries of other bytes at other moments cannot have in common, and nothing about anybody.
ITS_OWN = {"receipt", "sha256", "row_checksum", "attempted_at", "seconds"}


def value(f: FieldSpec, row: int, phone: str, resident_id: str) -> str:
    if f.classification == "identifier":
        return phone if "phone" in f.name else resident_id
    return NAME if f.classification == "name" else "" if f.classification not in OPEN else plausible(f, row)


def send(data: DataDirectory, feed: Feed, sender: str, phone: str, resident_id: str, hour: int) -> None:
    """One delivery of three rows of one person."""
    sent = [f for f in feed.fields if not f.scheme or not f.derived_from]
    rows = [[f.header for f in sent], *([value(f, n, phone, resident_id) for f in sent] for n in range(3))]
    path = data.inbox / feed.id / sender / f"{hour}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_csv(rows), encoding="utf-8")
    moment = datetime(2026, 2, 28, hour, tzinfo=ZONE).timestamp()
    os.utime(path, (moment, moment))


def told_of(tmp_path: Path, feed: Feed, phone: str, resident_id: str) -> dict[str, object]:
    """What the receipt of an insider's delivery says, where another has sent the known person before."""
    data = DataDirectory(tmp_path)
    send(data, feed, "other", KNOWN, KNOWN_ID, 2)
    send(data, feed, "insider", phone, resident_id, 3)
    attempts = take_in(data, feed, date(2026, 1, 1), date(2027, 1, 1))
    (mine,) = [a for a in attempts if a.sender == "insider"]
    table = ledger.table(data)
    assert table.filter(sender="insider", feed=feed.id).height == 1, "the ledger shows who sent, and when"
    return {k: v for k, v in asdict(mine).items() if k not in ITS_OWN}


@pytest.mark.parametrize("feed", FROM_ANYBODY, ids=lambda f: f.id)
def test_a_receipt_is_the_same_whether_or_not_the_person_is_known(feed: Feed, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MINSHENG_PRIVACY_KEY", "a key of the tests, long enough")
    known = told_of(tmp_path / "known", feed, KNOWN, KNOWN_ID)
    unknown = told_of(tmp_path / "unknown", feed, UNKNOWN, UNKNOWN_ID)
    assert known == unknown
    assert known["rows_received"] == 3


def test_no_pseudonym_is_in_a_key_of_a_feed_or_in_any_product() -> None:
    """A key would answer `delivered before`; a product could be asked who is who."""
    pseudonyms = {f.stored_as for feed in WITH_IDENTIFIERS for f in feed.fields if f.classification == "identifier"}
    assert pseudonyms
    for feed in WITH_IDENTIFIERS:
        named = {f.name for f in feed.fields if f.classification == "identifier"}
        assert not ({*feed.key} & (named | pseudonyms))
    for product in load_products().values():
        assert not pseudonyms & {*product.by_name}
