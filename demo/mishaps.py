"""What goes wrong with whole files: sent twice, corrected, empty, wrongly headed, cut off, headers only.

Belongs here: mishaps of delivery. Mistakes inside rows are in spoil.py and beside each feed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from demo.files import Parcel


@dataclass(frozen=True)
class Mishap:
    """One thing that happens to the `nth` parcel of a feed and sender (negative counts from the end).

    Attributes:
        refused: whether the door must refuse the file this makes.
        happens: parcel → the parcels that are sent instead, the parcel itself among them or not.
    """

    feed: str
    nth: int
    kind: str
    refused: bool
    happens: Callable[[Parcel], Sequence[Parcel]]
    sender: str = "shifan"


def _again(parcel: Parcel, days: int = 1, suffix: str = "(1)") -> Parcel:
    stem, dot, ending = parcel.name.partition(".")
    later = parcel.received_at + timedelta(days=days, minutes=30)
    return replace(parcel, name=f"{stem}{suffix}{dot}{ending}", received_at=later, copy_of=parcel.name)


def _broken(parcel: Parcel, body: bytes | None, suffix: str) -> Parcel:
    """A file that arrives half an hour before the good one of its day."""
    stem, dot, ending = parcel.name.partition(".")
    sooner = parcel.received_at - timedelta(minutes=30)
    return replace(parcel, name=f"{stem}{suffix}{dot}{ending}", received_at=sooner, body=body, copy_of=parcel.name)


def sent_twice(parcel: Parcel) -> list[Parcel]:
    return [parcel, _again(parcel)]


def corrected(parcel: Parcel) -> list[Parcel]:
    """The same snapshot without its mistakes, two days later."""
    return [parcel, replace(_again(parcel, days=2, suffix="（更正）"), faults=())]


def empty_file(parcel: Parcel) -> list[Parcel]:
    return [_broken(parcel, b"", "_空")]


def header_only(parcel: Parcel) -> list[Parcel]:
    return [replace(parcel, frame=parcel.frame.clear(), faults=())]


def wrongly_headed(parcel: Parcel) -> list[Parcel]:
    """Somebody exported the wrong table."""
    body = "序,车牌,颜色,备注\n1,示A00001,蓝,虚构示例\n2,示A00002,白,虚构示例\n".encode()
    return [_broken(parcel, body, "_错表")]


def cut_off(parcel: Parcel) -> list[Parcel]:
    """The line broke while the workbook was sent; the whole one came the same night."""
    return [replace(_broken(parcel, None, "_半"), cut=True), parcel]


MISHAPS = (
    Mishap("evaluation.contacts", 9, "sent_twice", False, sent_twice),
    Mishap("evaluation.reviews", 30, "sent_twice", False, sent_twice),
    Mishap("reference.population", -1, "sent_twice", False, sent_twice),
    Mishap("health.institutions", -1, "corrected", False, corrected),
    Mishap("sports.openings", 3, "empty_file", True, empty_file),
    Mishap("culture.activities", 4, "wrongly_headed", True, wrongly_headed),
    Mishap("civil_affairs.elderly_care", -1, "cut_off", True, cut_off),
    Mishap("evaluation.reviews", 40, "header_only", False, header_only, sender="wuliuwang"),
)


def befall(parcels: Iterable[Parcel]) -> Iterator[tuple[Parcel, Mishap | None]]:
    """Lets each mishap happen to its parcel; every parcel comes with the mishap that made it, if any."""
    sent: dict[tuple[str, str], list[Parcel]] = {}
    for parcel in parcels:
        sent.setdefault((parcel.feed, parcel.sender), []).append(parcel)
    for (feed, sender), series in sent.items():
        struck = {
            m.nth % len(series): m
            for m in MISHAPS
            if (m.feed, m.sender) == (feed, sender) and -len(series) <= m.nth < len(series)
        }
        for nth, parcel in enumerate(series):
            mishap = struck.get(nth)
            for result in mishap.happens(parcel) if mishap else [parcel]:
                yield result, mishap if result is not parcel else None
