"""The one asset factory: a feed contract → a Dagster asset with owner, checks, freshness and counts.

A feed's asset lands what lies in its inbox, takes every pending delivery of its partitions through the door,
writes a receipt for each, and fails in one sentence when a file was refused. What was accepted stays accepted,
and yesterday's data stands in for what was not.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from contracts.door import Delivery, Outcome, empty_accepted, empty_quarantine, pass_file
from contracts.messages import message
from contracts.model import Feed, load_feeds, load_layouts
from contracts.privacy import load_key
from orchestration import landing
from orchestration.landing import Archived, Attempt
from orchestration.paths import TIME_ZONE, DataDirectory, data_directory

# Divisions first: the other feeds' references are checked against them.
PRIORITY = {"reference": "10"}


class FeedConfig(dg.Config):
    """How a feed is to be taken in when somebody launches it by hand."""

    replay: bool = False  # take every archived delivery of the partitions through the door again


def partitions(data: DataDirectory) -> dg.DailyPartitionsDefinition:
    """A partition is a day of receipt, Asia/Shanghai; today's exists already."""
    return dg.DailyPartitionsDefinition(
        start_date=data.first_day().isoformat(), timezone=TIME_ZONE, end_offset=1
    )


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
            dg.AssetCheckSpec("on_time", asset=key, description=f"At most {feed.days_between or 0:g} days between deliveries"),
        ],
    )
    def _feed(context: dg.AssetExecutionContext, config: FeedConfig) -> Iterator[Any]:
        yield from _take_in(context, feed, replay=config.replay)

    return _feed


# ── one feed, its days ──────────────────────────────────────────────────────────────────────────


def take_in(
    data: DataDirectory, feed: Feed, first: date, last: date, *, replay: bool = False, log: Any = None
) -> list[Attempt]:
    """Lands the inbox of one feed and takes the pending deliveries received from `first` to `last` through the door.

    Returns:
        The attempts made now, in the order the files came. Each is also in the ledger.
    """
    made: list[Attempt] = []
    for arrival in landing.arrivals(data, feed.id):
        made += _land(data, feed, arrival)
    ensure_typed(data, feed)
    outcomes = landing.latest(landing.attempts(data, feed.id))
    known = _known(data, feed)
    key = load_key(data.root)
    for item in landing.archived(data, feed.id, first, last):
        if not (replay or _is_pending(data, feed, item, outcomes.get(item.receipt))):
            continue
        if log:
            log.info(f"{item.file_name}: {item.size_bytes:,} bytes from {item.sender}, received {item.received_at}")
        made.append(_through_the_door(data, feed, item, key, known))
    landing.prune(data, feed, data.today())
    return made


def ensure_typed(data: DataDirectory, feed: Feed) -> None:
    """A feed that never came is a typed file without rows, so that every model finds its columns."""
    for path, empty in (
        (data.accepted / feed.id / "_never.parquet", empty_accepted(feed)),
        (data.quarantine / "_never.parquet", empty_quarantine()),
    ):
        if not path.is_file() or pl.read_parquet_schema(path) != empty.schema:
            path.parent.mkdir(parents=True, exist_ok=True)
            empty.write_parquet(path)


def _land(data: DataDirectory, feed: Feed, arrival: landing.Arrival) -> list[Attempt]:
    """Archives one arrival; only a duplicate or a listed file that is not there makes a receipt already here."""
    base = {"feed": feed.id, "sender": arrival.sender, "file_name": arrival.path.name, "contract_version": feed.version}
    moment = {"received_at": arrival.received_at, "received_on": arrival.received_at.date(), "attempted_at": data.now()}
    try:
        archived, new = landing.archive(data, arrival)
    except OSError as error:
        facts = {"file": arrival.path.name, "problem": error.strerror or str(error)}
        attempt = Attempt(
            receipt=landing.receipt_id(feed.id, arrival.sender, f"{arrival.path.name} {arrival.received_at}"),
            sha256=None, size_bytes=None, verdict="refused", reason_code="file_not_there",
            message_zh=message("file_not_there", "zh", **facts), message_en=message("file_not_there", "en", **facts),
            **base, **moment,
        )  # fmt: skip
        landing.record(data, attempt)
        return [attempt]
    if new or arrival.keep:
        return []
    facts = {"file": arrival.path.name, "first": archived.received_on.isoformat(), "receipt": archived.receipt}
    attempt = Attempt(
        receipt=archived.receipt, sha256=archived.sha256, size_bytes=archived.size_bytes,
        verdict="duplicate", reason_code="same_bytes_again",
        message_zh=message("same_bytes_again", "zh", **facts), message_en=message("same_bytes_again", "en", **facts),
        **base, **moment,
    )  # fmt: skip
    landing.record(data, attempt)
    return [attempt]


def _is_pending(data: DataDirectory, feed: Feed, item: Archived, outcome: Attempt | None) -> bool:
    """Whether a delivery is to go through the door: never tried, or tried under another contract or layout."""
    if not item.path.is_file():
        return False
    layout = load_layouts().get((feed.id, item.sender))
    return (
        outcome is None
        or outcome.verdict == "duplicate"
        or outcome.contract_version != feed.version
        or outcome.layout_version != (layout.version if layout else None)
        or (outcome.verdict == "accepted" and not _accepted_path(data, item).is_file())
    )


def _through_the_door(
    data: DataDirectory, feed: Feed, item: Archived, key: Any, known: Mapping[str, pl.Series]
) -> Attempt:
    layout = load_layouts().get((feed.id, item.sender))
    delivery = Delivery(item.path, item.file_name, feed, item.sender, item.receipt, item.received_at, layout)
    target, quarantine = _accepted_path(data, item), _quarantine_path(data, item)
    staged, staged_quarantine = target.with_suffix(".writing"), quarantine.with_suffix(".writing")
    earlier = [
        path
        for path in sorted((data.accepted / feed.id).glob("*/*.parquet"))
        if (path.parent.name, path.stem) < (item.received_on.isoformat(), item.receipt) and path != target
    ]
    outcome = pass_file(
        delivery, key=key, accepted=staged, quarantine=staged_quarantine, earlier=earlier, known=known
    )
    _put_in_place(outcome, staged, target, staged_quarantine, quarantine)
    attempt = Attempt(
        receipt=item.receipt, feed=feed.id, sender=item.sender, file_name=item.file_name, sha256=item.sha256,
        size_bytes=item.size_bytes, received_at=item.received_at, received_on=item.received_on,
        attempted_at=data.now(), contract_version=feed.version,
        layout_version=layout.version if layout else None, **vars(outcome),
    )  # fmt: skip
    landing.record(data, attempt)
    return attempt


def _put_in_place(outcome: Outcome, staged: Path, target: Path, staged_quarantine: Path, quarantine: Path) -> None:
    """Both sides appear together or not at all; a refused or held file leaves no rows among the accepted."""
    if outcome.verdict == "accepted":
        staged.replace(target)
    else:
        staged.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
    if staged_quarantine.is_file() and outcome.verdict == "accepted" and outcome.reasons:
        staged_quarantine.replace(quarantine)
    elif staged_quarantine.is_file() and outcome.verdict == "held":
        staged_quarantine.replace(quarantine)
    else:
        staged_quarantine.unlink(missing_ok=True)
        quarantine.unlink(missing_ok=True)
    for folder in (target.parent, quarantine.parent):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _accepted_path(data: DataDirectory, item: Archived) -> Path:
    return data.accepted / item.feed / item.received_on.isoformat() / f"{item.receipt}.parquet"


def _quarantine_path(data: DataDirectory, item: Archived) -> Path:
    return data.quarantine / item.feed / item.received_on.isoformat() / f"{item.receipt}.parquet"


def _known(data: DataDirectory, feed: Feed) -> Mapping[str, pl.Series]:
    """The values other feeds' accepted rows hold for the fields this feed refers to."""
    known = {}
    for reference in {f.references for f in feed.fields if f.references}:
        other, _, column = reference.rpartition(".")
        files = sorted((data.accepted / other).glob("*/*.parquet"))
        if files and other != feed.id:
            known[reference] = pl.scan_parquet(files).select(pl.col(column).unique()).collect().to_series()
    return known


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
    made = take_in(data, feed, first, last, replay=replay, log=context.log)
    overdue = _overdue(data, feed, last)
    if overdue:
        landing.record(data, overdue)
    failed = [a for a in made if a.verdict in ("refused", "held")] + ([overdue] if overdue else [])
    by_day: dict[date, list[Attempt]] = {}
    for attempt in made:
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
    balanced = all(a.rows_received == a.rows_accepted + a.rows_quarantined for a in made)
    yield dg.AssetCheckResult(
        check_name="every_row_accounted_for", asset_key=context.asset_key, passed=balanced,
        metadata={"rows_received": sum(a.rows_received for a in made), "rows_accepted": sum(a.rows_accepted for a in made),
                  "rows_quarantined": sum(a.rows_quarantined for a in made)},
    )  # fmt: skip
    yield dg.AssetCheckResult(
        check_name="files_readable", asset_key=context.asset_key,
        passed=not any(a.verdict in ("refused", "held") for a in made),
        metadata={"files": len(made), "refused_or_held": sum(a.verdict in ("refused", "held") for a in made)},
    )  # fmt: skip
    yield dg.AssetCheckResult(
        check_name="on_time", asset_key=context.asset_key, passed=overdue is None, severity=dg.AssetCheckSeverity.WARN,
        description=overdue.message_en if overdue else None,
    )  # fmt: skip
    if failed:
        first_failure = failed[0]
        more = f" ({len(failed) - 1} more like this: see the receipts)" if len(failed) > 1 else ""
        raise dg.Failure(
            description=f"{first_failure.message_en} · {first_failure.message_zh}{more}",
            metadata={"receipts": dg.MetadataValue.json([f"{a.receipt} {a.file_name}: {a.message_en}" for a in failed])},
            allow_retries=False,
        )
    yield dg.MaterializeResult(metadata=_metadata(made))


def _overdue(data: DataDirectory, feed: Feed, on: date) -> Attempt | None:
    """The receipt of a file that should have come by `on`, if it did not; one a day at most."""
    if feed.days_between is None:
        return None
    outcomes = landing.latest(landing.attempts(data, feed.id)).values()
    came = [a for a in outcomes if a.verdict in ("accepted", "duplicate") and a.received_on <= on]
    if not came:
        # Nobody has begun to send it: not late, not there yet.
        return None
    last = max(came, key=lambda a: a.received_on)
    if (on - last.received_on).days <= feed.days_between:
        return None
    missing = landing.missing_attempt(data, feed, last, on)
    return None if missing.receipt in {a.receipt for a in outcomes} else missing


def _metadata(attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Counts that Dagster plots over partitions, and the ten commonest reasons as a table."""
    received = sum(a.rows_received for a in attempts)
    grouped: dict[tuple[str, str, str], list[Any]] = {}
    for attempt in attempts:
        for r in attempt.reasons:
            grouped.setdefault((r["field"] or "", r["rule"], r["severity"]), [0, r["message_zh"], r["message_en"]])[0] += r["rows"]
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
        "dagster/row_count": sum(a.rows_accepted for a in attempts),
        "rows_received": received,
        "rows_accepted": sum(a.rows_accepted for a in attempts),
        "rows_quarantined": sum(a.rows_quarantined for a in attempts),
        "rows_warned": sum(a.rows_warned for a in attempts),
        "files": len(attempts),
        "share_quarantined": round(sum(a.rows_quarantined for a in attempts) / received, 4) if received else 0.0,
        "commonest reasons": table,
        "senders": ", ".join(sorted({a.sender for a in attempts})),
    }
