"""The one asset factory: a feed contract → two Dagster assets, the feed and its accepted days.

The feed (`<department>/<table>`) is launched: it lands what lies in its inbox, takes every pending delivery through the
door, writes a receipt for each, and fails in one sentence when a file was refused. It is materialised when something new
was accepted, so that a quiet night makes nothing look fresh. Its accepted days (`accepted/<department>/<table>`) cannot be
launched: a partition is a day of receipt, green when what came that day is in, red while a file of it is refused or held
(`days`). Models read the accepted days, not the feed: a feed that fails holds up nobody, what was accepted before stands.
Does not belong here: taking a file in (taking_in).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from contracts.door.privacy import KeyRefused
from contracts.loading import load_feeds, seed
from contracts.model import Feed
from contracts.whole_files import NotReadable
from orchestration.intake import days, landing
from orchestration.intake.landing import Attempt
from orchestration.intake.taking_in import ensure_typed, take_in
from orchestration.paths import DataDirectory, data_directory

__all__ = [
    "FeedConfig",
    "accepted_assets",
    "asset_key",
    "describe",
    "ensure_typed",
    "feed_asset",
    "feed_assets",
    "take_in",
]

# Nothing in a run waits for a feed, so that a feed can fail alone; what reads their rows comes after them all the same, for
# the executor takes the highest first. Divisions before the others, whose references are checked against them.
PRIORITY, OTHERS = {"reference": "20"}, "10"
DELIVERIES = {"snapshot": "快照", "append": "追加", "upsert": "更新"}


class FeedConfig(dg.Config):
    """How a feed is to be taken in when somebody launches it by hand."""

    replay: bool = False  # take the archived deliveries through the door again
    received_from: str = ""  # of those received from this day (2026-02-01), or all
    received_to: str = ""  # until this day


def feed_assets() -> list[dg.AssetsDefinition]:
    """One asset for each feed contract."""
    return [feed_asset(feed) for feed in load_feeds().values()]


def accepted_assets() -> list[dg.AssetSpec]:
    """The accepted days of each feed: Dagster shows them and cannot launch them."""
    return [accepted_asset(feed) for feed in load_feeds().values()]


def asset_key(feed: Feed) -> dg.AssetKey:
    """What is launched."""
    return dg.AssetKey([feed.department, feed.table])


def feed_asset(feed: Feed) -> dg.AssetsDefinition:
    """The asset of one feed, named <department>/<table>, in the department's group."""
    key = asset_key(feed)

    @dg.asset(
        key=key,
        group_name=f"feeds_{feed.department}",
        description=describe(feed),
        owners=[feed.owner_email] if feed.owner_email else None,
        kinds={"parquet", "odcs"},
        metadata=_static_metadata(feed),
        tags={"delivery": feed.delivery, "department": feed.department},
        freshness_policy=_freshness(feed),
        code_version=feed.version,
        output_required=False,
        op_tags={"dagster/priority": PRIORITY.get(feed.department, OTHERS)},
        check_specs=[
            dg.AssetCheckSpec(
                "every_row_accounted_for", asset=key,
                description="每一行都有着落：收到 = 接收 + 隔离。 · received = accepted + quarantined, over every file that stands.",
            ),
            dg.AssetCheckSpec(
                "files_readable", asset=key,
                description="没有被拒收或待人工处理的文件。 · No file is refused or held, but for those a good one has come for since.",
            ),
            dg.AssetCheckSpec("on_time", asset=key, description=_on_time(feed)),
        ],
    )  # fmt: skip
    def _feed(context: dg.AssetExecutionContext, config: FeedConfig) -> Iterator[Any]:
        yield from _take_in(context, feed, config)

    return _feed


def accepted_asset(feed: Feed) -> dg.AssetSpec:
    """The accepted rows of one feed, a partition a day of receipt."""
    return dg.AssetSpec(
        days.asset_key(feed),
        deps=[asset_key(feed)],
        group_name="accepted",
        description=(
            f"**{feed.label_zh} · {feed.label_en}**\n\n按收到日期排列的已接收内容。 · What was accepted, by the day on which the file was received.\n\n"
            f"绿：当天收到的都已接收；红：当天有文件被拒收或待处理，补来好文件后转绿；灰：当天没有文件。 · Green: all that came that day "
            "is in; red: a file of that day is refused or held, until the good one comes; grey: nothing came.\n\n"
            f"由 `{feed.department}/{feed.table}` 接收，请启动它。 · Taken in by `{feed.department}/{feed.table}`: launch that."
        ),
        owners=[feed.owner_email] if feed.owner_email else None,
        kinds={"parquet"},
        tags={"delivery": feed.delivery, "department": feed.department},
        metadata=_static_metadata(feed),
        partitions_def=days.partitions(data_directory()),
    )


# ── what Dagster shows ──────────────────────────────────────────────────────────────────────────


def describe(feed: Feed) -> str:
    """The asset's description: what it is, who owes it, how often, what a row is."""
    every = feed.sla("frequency")
    zh, en = ("天", "周", "个月", "年"), ("day", "week", "month", "year")
    unit = "dwmy".index(every[1]) if every else 0
    key = ", ".join(f"`{name}`" for name in feed.key)
    return (
        f"**{feed.label_zh} · {feed.label_en}**\n\n{feed.purpose}\n\n{feed.description}\n\n"
        f"负责：{feed.owner.partition(' · ')[0]}。报送方式：{DELIVERIES[feed.delivery]}，{f'每 {every[0]:g} {zh[unit]}' if every else '未约定周期'}。"
        f"主键：{key}。按日接收的内容见 `accepted/{feed.department}/{feed.table}`。"
        f" · Owner: {feed.owner.rpartition(' · ')[2]}. Delivery: {feed.delivery}, {f'every {every[0]:g} {en[unit]}(s)' if every else 'no cadence promised'}. "
        f"Key: {key}. What was accepted, day by day: `accepted/{feed.department}/{feed.table}`."
    )


def _static_metadata(feed: Feed) -> dict[str, Any]:
    columns = [
        dg.TableColumn(
            f.stored_as,
            f.sql_type.lower(),
            description=f.told,
            constraints=dg.TableColumnConstraints(nullable=not f.required),
            tags={"classification": f.classification},
        )
        for f in feed.stored
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "contract": f"contracts/feeds/{feed.department}/{feed.path.name} v{feed.version}",
        "dagster/uri": f"accepted/{feed.id}/",
    }


def _freshness(feed: Feed) -> dg.FreshnessPolicy | None:
    """How long after it last accepted something a feed goes stale; Dagster asks the clock, which says nothing of a calendar
    that stands still."""
    if not feed.days_between or data_directory().stands_still():
        return None
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(days=feed.days_between))


def _on_time(feed: Feed) -> str:
    allowed = feed.days_between
    if not allowed:
        return "未约定报送周期，不查。 · No cadence is promised: nobody is late."
    return (
        f"每个报送方距上次被接收的文件不超过 {allowed:g} 天。 · No sender's last accepted file is older than {allowed:g} days, by the "
        "calendar of the data directory."
    )


def _take_in(context: dg.AssetExecutionContext, feed: Feed, config: FeedConfig) -> Iterator[Any]:
    data = data_directory()
    first, last = _asked_for(data, config)
    try:
        made = take_in(data, feed, first, last, replay=config.replay, log=context.log)
    except (KeyRefused, NotReadable, OSError) as error:
        # The platform's own key, files or disk: nothing of the sender's is to blame, and no receipt says so.
        raise dg.Failure(description=_said(error), allow_retries=False) from error
    ledger = landing.attempts(data, feed.id)
    counting = landing.latest(ledger)
    late = overdue(data, feed, counting.values(), data.today())
    for attempt in late:
        if attempt.receipt not in counting:
            landing.record(data, attempt)
    failed = [a for a in made if a.verdict in ("refused", "held")] + late
    standing = [a for a in counting.values() if a.verdict != "missing"]
    outstanding = days.outstanding(feed, standing, made)
    green, red = days.to_record(context.instance, data, feed, standing, outstanding, made)
    for day in green:
        of_day = [a for a in standing if a.received_on == day]
        context.log_event(
            dg.AssetMaterialization(days.asset_key(feed), partition=day.isoformat(), metadata=_metadata(of_day))
        )
    accepted = [a for a in counting.values() if a.verdict == "accepted"]
    facts = {**_metadata(standing), "dagster/row_count": sum(a.rows_accepted for a in accepted), **_latest(accepted)}
    is_new = days.brought_something_new(ledger, made)
    if not is_new:
        context.log_event(dg.AssetObservation(context.asset_key, metadata=facts))
    elif failed:  # a failed step records no materialisation of its own
        context.log_event(dg.AssetMaterialization(context.asset_key, metadata=facts))
    # What is logged is written when something is yielded: the days that are planned come after.
    yield from _checks(context.asset_key, standing, outstanding, late)
    for day in red:
        context.instance.report_dagster_event(days.planned(feed, day, context.job_name), run_id=context.run_id)
    if failed:
        more = f" ({len(failed) - 1} more like this: see the receipts)" if len(failed) > 1 else ""
        raise dg.Failure(
            description=f"{failed[0].message_en} · {failed[0].message_zh}{more}",
            metadata={
                "receipts": dg.MetadataValue.json([f"{a.receipt} {a.file_name}: {a.message_en}" for a in failed])
            },
            allow_retries=False,
        )
    if is_new:
        yield dg.MaterializeResult(metadata=facts)


def _asked_for(data: DataDirectory, config: FeedConfig) -> tuple[date, date]:
    """The days of receipt to look at: all, unless a person names some to be read again."""
    try:
        first = date.fromisoformat(config.received_from) if config.received_from else data.first_day()
        last = date.fromisoformat(config.received_to) if config.received_to else data.today()
    except ValueError as error:
        raise dg.Failure(
            description=f"received_from and received_to are days such as 2026-02-01 ({error}); nothing was taken in",
            allow_retries=False,
        ) from None
    return (first, last) if config.replay else (data.first_day(), data.today())


def _checks(
    key: dg.AssetKey, standing: Sequence[Attempt], outstanding: Sequence[Attempt], late: Sequence[Attempt]
) -> Iterator[dg.AssetCheckResult]:
    balanced = all(a.rows_received == a.rows_accepted + a.rows_quarantined for a in standing)
    yield dg.AssetCheckResult(
        check_name="every_row_accounted_for", asset_key=key, passed=balanced,
        metadata={name: sum(getattr(a, name) for a in standing) for name in ("rows_received", "rows_accepted", "rows_quarantined")},
    )  # fmt: skip
    yield dg.AssetCheckResult(
        check_name="files_readable", asset_key=key, passed=not outstanding,
        description=" ".join(f"{a.received_on}: {a.message_zh} · {a.message_en}" for a in outstanding) or None,
        metadata={"files": len(standing), "refused_or_held": len(outstanding)},
    )  # fmt: skip
    yield dg.AssetCheckResult(
        check_name="on_time", asset_key=key, passed=not late, severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(f"{a.message_zh} · {a.message_en}" for a in late) or None,
    )  # fmt: skip


def _latest(accepted: Sequence[Attempt]) -> dict[str, Any]:
    """The last delivery that was accepted: how old what stands is."""
    if not accepted:
        return {}
    last = max(accepted, key=lambda a: a.received_at)
    return {"last delivery": f"{last.received_at:%Y-%m-%d %H:%M} {last.sender}: {last.file_name}"}


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return f"平台自身的磁盘或权限有问题：{error.strerror}{where} · the platform's own disk or permissions: {error.strerror}{where}"
    return str(error)


def overdue(data: DataDirectory, feed: Feed, counting: Iterable[Attempt], on: date) -> list[Attempt]:
    """A receipt for each sender whose file should have come by `on` and did not; the same ones all day.

    A sender is expected by itself, as often as the contract says or seed feed_senders says of it: that another sends the same
    feed excuses nobody. Who has not begun is not late, nor is who has handed over (`expected_to`).
    """
    if feed.days_between is None:
        return []
    last: dict[str, Attempt] = {}
    for attempt in counting:
        if attempt.verdict in ("accepted", "duplicate") and attempt.received_on <= on:
            last[attempt.sender] = max(last.get(attempt.sender, attempt), attempt, key=lambda a: a.received_on)
    stated = {row["sender"]: row for row in seed("feed_senders") if row["feed"] == feed.id}
    return [
        landing.missing_attempt(data, feed, came, on, days)
        for sender, came in sorted(last.items())
        if (days := _days_allowed(feed, stated.get(sender, {}), on)) and (on - came.received_on).days > days
    ]


def _days_allowed(feed: Feed, stated: Mapping[str, str], on: date) -> float | None:
    """Days between two files of a sender; None where no more are expected of it."""
    if stated.get("expected_to") and on > date.fromisoformat(stated["expected_to"]):
        return None
    often, grace = (float(stated.get(f"{name}_days") or feed.days(name) or 0) for name in ("frequency", "latency"))
    return often + grace


def _metadata(attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Counts that Dagster plots over partitions, and the ten commonest reasons as a table."""
    received = sum(a.rows_received for a in attempts)
    grouped: dict[tuple[str, str, str], list[Any]] = {}
    for attempt in attempts:
        for r in attempt.reasons:
            grouped.setdefault((r["field"] or "", r["rule"], r["severity"]), [0, r["message_zh"], r["message_en"]])[
                0
            ] += r["rows"]
    commonest = sorted(grouped.items(), key=lambda item: -item[1][0])[:10]
    table = dg.MetadataValue.table(
        records=[
            dg.TableRecord({"rows": n, "field": f, "rule": r, "severity": s, "怎么改": zh, "what is wrong": en})
            for (f, r, s), (n, zh, en) in commonest
        ],
        schema=dg.TableSchema(
            columns=[dg.TableColumn("rows", "int")]
            + [dg.TableColumn(c) for c in ("field", "rule", "severity", "怎么改", "what is wrong")]
        ),
    )
    return {
        "dagster/partition_row_count": sum(a.rows_accepted for a in attempts),
        "rows_received": received,
        "rows_accepted": sum(a.rows_accepted for a in attempts),
        "rows_quarantined": sum(a.rows_quarantined for a in attempts),
        "rows_warned": sum(a.rows_warned for a in attempts),
        "files": len(attempts),
        "share_quarantined": round(sum(a.rows_quarantined for a in attempts) / received, 4) if received else 0.0,
        "commonest reasons": table,
        "senders": ", ".join(sorted({a.sender for a in attempts})),
    }
