"""The accepted days of a feed as Dagster's partitions: which day is green, which is red, and what has to be recorded for it.

A partition is a day of receipt in the time zone of the place, whatever days the rows speak of. Belongs here: what each day's
colour follows from, and the events by which Dagster shows it. Does not belong here: taking files in (taking_in).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent, DagsterEventType
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from contracts.model import Feed
from orchestration import paths
from orchestration.intake.landing import Attempt
from orchestration.paths import TIME_ZONE, DataDirectory

REFUSED = ("refused", "held")


def asset_key(feed: Feed) -> dg.AssetKey:
    """The key dbt's source of the same name resolves to."""
    return dg.AssetKey(["accepted", feed.department, feed.table])


def partitions(data: DataDirectory) -> dg.DailyPartitionsDefinition:
    """From the first day on which a file can have come to today, by the data directory's own calendar."""
    first = data.first_day().isoformat()
    if data.stands_still():
        end = (data.today() + timedelta(days=1)).isoformat()
        return dg.DailyPartitionsDefinition(start_date=first, end_date=end, timezone=TIME_ZONE)
    return dg.DailyPartitionsDefinition(start_date=first, timezone=TIME_ZONE, end_offset=1)


def outstanding(feed: Feed, standing: Sequence[Attempt], made: Sequence[Attempt]) -> list[Attempt]:
    """What was refused or is held and no good file has come for since.

    A file is made good by a later accepted one of its sender: one of the same name, or, of a register that each delivery
    replaces, any. Something in the inbox that has no bytes (a folder, a link) is outstanding as long as it lies there.

    Args:
        standing: the attempts that count, one a receipt.
        made: the attempts of this run: what still lies in the inbox is among them.
    """
    now = {a.receipt for a in made}
    good = [a for a in standing if a.verdict == "accepted"]

    def is_made_good(bad: Attempt) -> bool:
        later = [a for a in good if a.sender == bad.sender and a.received_at >= bad.received_at]
        return any(feed.delivery == "snapshot" or a.file_name == bad.file_name for a in later)

    return [
        a
        for a in standing
        if a.verdict in REFUSED and not is_made_good(a) and (a.sha256 is not None or a.receipt in now)
    ]


def brought_something_new(ledger: Sequence[Attempt], made: Sequence[Attempt]) -> bool:
    """Whether rows were accepted that were not accepted before; reading the same rows again is nothing new."""
    now = {(a.receipt, a.attempt) for a in made}
    before = {
        (a.receipt, a.row_checksum) for a in ledger if a.verdict == "accepted" and (a.receipt, a.attempt) not in now
    }
    return any(a.verdict == "accepted" and (a.receipt, a.row_checksum) not in before for a in made)


def to_record(
    instance: dg.DagsterInstance,
    data: DataDirectory,
    feed: Feed,
    standing: Sequence[Attempt],
    outstanding: Sequence[Attempt],
    made: Sequence[Attempt],
) -> tuple[list[date], list[date]]:
    """The days to record so that Dagster shows each as it is; none that it shows right already.

    Dagster shows a partition red where it was planned in a run that failed, until it is materialised. So a refusal plans its own
    day in the run that it fails, and the good file materialises that day, whichever day it comes itself.

    Returns:
        The days to materialise, and those to plan after that. A day of which a part is in is among both.
    """
    red, touched = {a.received_on for a in outstanding}, {a.received_on for a in made}
    brought = {a.received_on for a in standing if a.verdict == "accepted"}
    materialise, plan = [], []
    for day, shown in _shown(instance, data, feed).items():
        is_red = shown is AssetPartitionStatus.FAILED
        is_due = day in brought and (day in touched or shown is not AssetPartitionStatus.MATERIALIZED)
        if day in red and not is_red:
            plan.append(day)
            materialise += [day] if is_due else []
        elif day not in red and (is_red or is_due):
            materialise.append(day)
    return materialise, plan


def _shown(instance: dg.DagsterInstance, data: DataDirectory, feed: Feed) -> dict[date, AssetPartitionStatus | None]:
    """Day → how Dagster shows it, for every day that can have one."""
    every = paths.days(data.first_day(), data.today())
    known = instance.get_status_by_partition(asset_key(feed), [d.isoformat() for d in every], partitions(data)) or {}
    return {day: known.get(day.isoformat()) for day in every}


def planned(feed: Feed, day: date, job: str) -> DagsterEvent:
    """Says of a run that it was to bring in what came on a day."""
    data = AssetMaterializationPlannedData(asset_key(feed), partition=day.isoformat())
    return DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value, job_name=job,
        event_specific_data=data, message=f"{feed.id}: a file received on {day} is not in",
    )  # fmt: skip
