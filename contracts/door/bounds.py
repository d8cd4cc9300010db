"""How much reading one file may take (policies/intake_policies.csv), and whether a process has gone beyond.

Belongs here: the bounds and the sentences. Does not belong here: what is in a file, and who begins and ends the process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contracts.loading import seed
from contracts.messages import message

LOOK_SECONDS = 0.05
# Where computing time cannot be read (no /proc), and for a process that waits for nothing: so many times as long.
WALL_TIMES = 20
TOO_LONG, TOO_MUCH = "file_takes_too_long", "file_takes_too_much_memory"


@dataclass(frozen=True)
class Bounds:
    """What reading one file may take."""

    seconds: float
    memory_mb: float


def bounds(size_bytes: int) -> Bounds:
    """The bounds of a file of so many bytes."""
    rows = sorted(seed("intake_policies"), key=lambda r: r["valid_from"])
    value = {r["parameter"]: float(r["value"]) for r in rows}
    mb = size_bytes / 1e6
    return Bounds(
        round(value["file_seconds"] + mb * value["file_seconds_per_mb"]),
        round(value["file_memory_mb"] + mb * value["file_memory_mb_per_mb"]),
    )


def sentences(code: str, name: str, within: Bounds) -> tuple[str, str]:
    """Why a file is refused that goes beyond its bounds, in Chinese and in English."""
    facts = {"file": name, "seconds": f"{within.seconds:g}", "memory": f"{within.memory_mb:g}"}
    return message(code, "zh", **facts), message(code, "en", **facts)


def watch(process: int, within: Bounds, *, program_mb: float = 0) -> Callable[[], str | None]:
    """A function that says, as often as it is asked, beyond what a process has gone since now: TOO_LONG, TOO_MUCH or None.

    Args:
        program_mb: what the process will take for itself, where it has not yet begun.
    """
    started, before = time.monotonic(), used(process)

    def beyond() -> str | None:
        now = used(process)
        seconds = now[0] - before[0] if now and before else 0.0
        memory_mb = (now[1] - before[1]) / 1e6 - program_mb if now and before else 0.0
        if seconds > within.seconds or time.monotonic() - started > within.seconds * WALL_TIMES:
            return TOO_LONG
        return TOO_MUCH if memory_mb > within.memory_mb else None

    return beyond


def used(process: int) -> tuple[float, int] | None:
    """(seconds of computing, bytes in memory) of a process; None where the system does not say."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
