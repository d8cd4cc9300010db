"""When things run: the one job, `night`, and its schedule, in the time zone of the place.

The night is all that can be launched, in one run: feeds, what is estimated from them, models, audit, release. That a feed
which fails does not keep the others from being built follows from the graph (intake.feeds), not from a second job.
"""

import os
import re

import dagster as dg

from orchestration.paths import TIME_ZONE

NIGHT = "night"
# A deployment's word that the night is to begin by itself, and when; off where it says nothing.
SETTING, USUAL = "MINSHENG_NIGHT_AT", "01:00"


class NotATime(ValueError):
    """The setting is no time of day; its text says what to do."""


def night_at() -> tuple[str, bool]:
    """The time at which the night begins, and whether it begins by itself.

    Raises:
        NotATime: the setting is there and no time of day.
    """
    stated = os.environ.get(SETTING, "").strip()
    if not re.fullmatch(r"(|([01]?\d|2[0-3]):[0-5]\d)", stated):
        raise NotATime(
            f"{SETTING} is {stated!r}, no time of day such as {USUAL}; leave it unset and no night begins by itself"
        )
    return stated or USUAL, bool(stated)


def job_and_schedule() -> dg.Definitions:
    """The job `night` and the schedule that launches it."""
    night = dg.define_asset_job(
        NIGHT,
        selection=dg.AssetSelection.all(),
        description=(
            "**一个按钮，一夜 · the night, by one button**\n\n接收所有已到而未读的文件，用已接收的内容计算全部表，核查并发布；随时可以重跑。有文件被拒收或有表算不出时，作业记为失败，能发布的仍然发布。"
            " · Takes in every delivery that has come and not been read, builds all tables "
            "from whatever was accepted, audits and releases them. Running it again is always safe. It ends as failed when a "
            "file was refused or a table could not be made; the release it could make is out all the same."
        ),
    )
    at, is_on = night_at()
    hour, minute = at.split(":")
    zh, en = (
        (f"已开启：{SETTING} 为 {at}。", f"On: {SETTING} is {at}.")
        if is_on
        else (
            f"默认关闭：请设 {SETTING}={USUAL}，或在此开启。",
            f"Off by default: set {SETTING}={USUAL}, or switch it on here.",
        )
    )
    schedule = dg.ScheduleDefinition(
        name="nightly", job=night, cron_schedule=f"{int(minute)} {int(hour)} * * *", execution_timezone=TIME_ZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING if is_on else dg.DefaultScheduleStatus.STOPPED,
        description=f"每天 {at}（{TIME_ZONE}）运行一夜。{zh} · The night, every day at {at} ({TIME_ZONE}). {en}",
    )  # fmt: skip
    return dg.Definitions(jobs=[night], schedules=[schedule])
