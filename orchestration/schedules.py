"""When things run: the jobs and schedules of a night, in the time zone of the place.

The night is two jobs, so that a feed that fails cannot keep the others from being built: `ingest` takes in what
has come, `build` makes the tables and releases them from whatever was accepted.
"""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from contracts.loading import load_feeds
from orchestration.intake import arriving
from orchestration.intake.taking_in import pending
from orchestration.paths import TIME_ZONE, DataDirectory, data_directory

# Dagster's documented tags of a run that covers several partitions.
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def pending_range(data: DataDirectory) -> tuple[date, date]:
    """The days a night has to cover: from the oldest delivery to be read to today; at least yesterday."""
    today = data.today()
    first = max(data.first_day(), date.fromordinal(today.toordinal() - 1))
    for feed in load_feeds().values():
        days = [arrival.received_at.date() for arrival in arriving.arrivals(data, feed.id)]
        days += [item.received_on for item in pending(data, feed)]
        first = min([first, *days])
    return max(first, data.first_day()), today


def range_tags(first: date, last: date) -> dict[str, str]:
    """Run tags that make one run cover the partitions from first to last."""
    return {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}


def jobs_and_schedules(feeds: Sequence[dg.AssetsDefinition], built: Sequence[dg.AssetsDefinition]) -> dg.Definitions:
    """The jobs `ingest` and `build`, and their schedules: 01:00 and 02:00 in the time zone of the place."""
    ingest = dg.define_asset_job(
        "ingest",
        selection=dg.AssetSelection.assets(*feeds),
        description="Takes in every delivery that has come and not been read.",
    )
    build = dg.define_asset_job(
        "build",
        selection=dg.AssetSelection.assets(*built),
        description="Ledger, survey estimates, dbt models and tests, audit and release.",
    )

    @dg.schedule(
        name="ingest_nightly", job=ingest, cron_schedule="0 1 * * *", execution_timezone=TIME_ZONE,
        description="Takes in what has come, over as many days as nobody has looked.",
    )  # fmt: skip
    def ingest_nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        first, last = pending_range(data_directory())
        return dg.RunRequest(run_key=None, tags=range_tags(first, last))

    build_nightly = dg.ScheduleDefinition(
        name="build_nightly", job=build, cron_schedule="0 2 * * *", execution_timezone=TIME_ZONE,
        description="Builds, audits and releases from what was accepted.",
    )  # fmt: skip
    return dg.Definitions(jobs=[ingest, build], schedules=[ingest_nightly, build_nightly])
