"""The one asset factory: a feed contract → a Dagster asset with owner, checks, freshness and counts.

A feed's asset lands what lies in its inbox, takes every pending delivery of its partitions through the door,
writes a receipt for each, and fails in one sentence when a file was refused. What was accepted stays accepted,
and yesterday's data stands in for what was not. Does not belong here: taking a file in (intake).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from contracts.door.privacy import KeyRefused
from contracts.loading import load_feeds, seed
from contracts.model import Feed
from contracts.whole_files import NotReadable
from orchestration.intake import landing
from orchestration.intake.landing import Attempt
from orchestration.intake.taking_in import ensure_typed, take_in
from orchestration.paths import TIME_ZONE, DataDirectory, data_directory

__all__ = ["FeedConfig", "asset_key", "describe", "ensure_typed", "feed_asset", "feed_assets", "partitions", "take_in"]

# Divisions first: the other feeds' references are checked against them.
PRIORITY = {"reference": "10"}


class FeedConfig(dg.Config):
    """How a feed is to be taken in when somebody launches it by hand."""

    replay: bool = False  # take every archived delivery of the partitions through the door again


def partitions(data: DataDirectory) -> dg.DailyPartitionsDefinition:
    """A partition is a day of receipt in the time zone of the place; today's exists already."""
    return dg.DailyPartitionsDefinition(start_date=data.first_day().isoformat(), timezone=TIME_ZONE, end_offset=1)


def feed_assets() -> list[dg.AssetsDefinition]:
    """One asset for each feed contract."""
    return [feed_asset(feed) for feed in load_feeds().values()]


def asset_key(feed: Feed) -> dg.AssetKey:
    """The key dbt's source of the same name resolves to."""
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
        partitions_def=partitions(data_directory()),
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=_freshness(feed),
        code_version=feed.version,
        op_tags={"dagster/priority": PRIORITY.get(feed.department, "0")},
        check_specs=[
            dg.AssetCheckSpec("every_row_accounted_for", asset=key, description="received = accepted + quarantined"),
            dg.AssetCheckSpec("files_readable", asset=key, description="No file of these days was refused or held"),
            dg.AssetCheckSpec(
                "on_time", asset=key, description=f"At most {feed.days_between or 0:g} days between deliveries"
            ),
        ],
    )
    def _feed(context: dg.AssetExecutionContext, config: FeedConfig) -> Iterator[Any]:
        yield from _take_in(context, feed, replay=config.replay)

    return _feed


# ── what Dagster shows ──────────────────────────────────────────────────────────────────────────


def describe(feed: Feed) -> str:
    """The asset's description: what it is, who owes it, how often, what a row is."""
    every = feed.sla("frequency")
    words = {"d": "day", "w": "week", "m": "month", "y": "year"}
    cadence = f"every {every[0]:g} {words[every[1]]}(s)" if every else "no cadence promised"
    return (
        f"**{feed.label_zh} · {feed.label_en}**\n\n{feed.purpose}\n\n{feed.description}\n\n"
        f"Owner: {feed.owner}. Delivery: {feed.delivery}, {cadence}. Key: {', '.join(feed.key)}."
    )


def _static_metadata(feed: Feed) -> dict[str, Any]:
    columns = [
        dg.TableColumn(
            f.stored_as,
            f.sql_type.lower(),
            description=f"{f.label_zh} · {f.label_en}. {f.description}".strip(),
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
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(days=feed.days_between)) if feed.days_between else None


def _take_in(context: dg.AssetExecutionContext, feed: Feed, *, replay: bool) -> Iterator[Any]:
    data = data_directory()
    if context.has_partition_key or context.has_partition_key_range:
        keys = context.partition_keys
        first, last = date.fromisoformat(keys[0]), date.fromisoformat(keys[-1])
    else:
        first, last = data.first_day(), data.today()
    try:
        made = take_in(data, feed, first, last, replay=replay, log=context.log)
    except (KeyRefused, NotReadable, OSError) as error:
        # The platform's own key, files or disk: nothing of the sender's is to blame, and no receipt says so.
        raise dg.Failure(description=_said(error), allow_retries=False) from error
    counting = landing.latest(landing.attempts(data, feed.id))
    late = overdue(data, feed, counting.values(), last)
    for attempt in late:
        if attempt.receipt not in counting:
            landing.record(data, attempt)
    failed = [a for a in made if a.verdict in ("refused", "held")] + late
    # What stands for these days, whenever it was taken in: a day launched again is not a day without rows.
    standing = [a for a in counting.values() if first <= a.received_on <= last and a.verdict != "missing"]
    by_day: dict[date, list[Attempt]] = {}
    for attempt in standing:
        by_day.setdefault(attempt.received_on, []).append(attempt)
    if failed:
        # A failed step records no materialisation; the days whose files came in are recorded here.
        for day, attempts in sorted(by_day.items()):
            if all(a.verdict not in ("refused", "held") for a in attempts):
                context.log_event(
                    dg.AssetMaterialization(context.asset_key, partition=day.isoformat(), metadata=_metadata(attempts))
                )
    elif context.has_partition_key or context.has_partition_key_range:
        for day, attempts in sorted(by_day.items()):
            context.add_asset_metadata(_metadata(attempts), partition_key=day.isoformat())
    balanced = all(a.rows_received == a.rows_accepted + a.rows_quarantined for a in standing)
    yield dg.AssetCheckResult(
        check_name="every_row_accounted_for", asset_key=context.asset_key, passed=balanced,
        metadata={name: sum(getattr(a, name) for a in standing) for name in ("rows_received", "rows_accepted", "rows_quarantined")},
    )  # fmt: skip
    yield dg.AssetCheckResult(
        check_name="files_readable", asset_key=context.asset_key,
        passed=not any(a.verdict in ("refused", "held") for a in standing),
        metadata={"files": len(standing), "refused_or_held": sum(a.verdict in ("refused", "held") for a in standing)},
    )  # fmt: skip
    yield dg.AssetCheckResult(
        check_name="on_time", asset_key=context.asset_key, passed=not late, severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(a.message_en or "" for a in late) or None,
    )  # fmt: skip
    if failed:
        first_failure = failed[0]
        more = f" ({len(failed) - 1} more like this: see the receipts)" if len(failed) > 1 else ""
        raise dg.Failure(
            description=f"{first_failure.message_en} · {first_failure.message_zh}{more}",
            metadata={
                "receipts": dg.MetadataValue.json([f"{a.receipt} {a.file_name}: {a.message_en}" for a in failed])
            },
            allow_retries=False,
        )
    whole = sum(a.rows_accepted for a in counting.values() if a.verdict == "accepted")
    yield dg.MaterializeResult(metadata={**_metadata(standing), "dagster/row_count": whole})


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
