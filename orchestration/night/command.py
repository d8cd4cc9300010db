"""A night from the command line: the job `night`, and a summary a person reads.

The same job the schedule and the UI launch, executed in this process against the same Dagster instance, so that the UI
shows the run. Belongs here: progress and words. Does not belong here: what a night does (feeds, warehouse, release).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from orchestration import access, garbage
from orchestration.intake.landing import Attempt
from orchestration.night.dagster_home import opened, prepare
from orchestration.paths import DataDirectory
from orchestration.release.headlines import headlines

# How long a run that was told to stop may take to do so.
STOP_SECONDS = 60


@dataclass
class Night:
    """What a night did."""

    attempts: list[Attempt] = field(default_factory=list)
    failed_feeds: dict[str, str] = field(default_factory=dict)
    failed_steps: dict[str, str] = field(default_factory=dict)
    models: int = 0
    checks: int = 0
    unmet_checks: dict[str, str] = field(default_factory=dict)  # name → ERROR or WARN
    tables: Counter[str] = field(default_factory=Counter)  # rebuilt, updated
    broken: dict[str, str] = field(
        default_factory=dict
    )  # what failed in dbt and has not succeeded since → its sentence
    kept: dict[str, dict[str, str]] = field(default_factory=dict)  # table → release whose content it keeps, why
    released: bool = False
    release_id: str | None = None
    ended_early: bool = False  # there was nothing to do


def run(data: DataDirectory, console: Console) -> Night:
    """One night: takes in what has come, builds and releases from what was accepted."""
    prepare(data)
    garbage.look_for_rarely()
    with console.status("looking whether anything has come or changed"):
        from contracts.door.privacy import refuse_a_lost_key
        from orchestration.intake.taking_in import pseudonyms_stand
        from orchestration.night.quiet import has_nothing_to_do

        refuse_a_lost_key(data.root, lambda: pseudonyms_stand(data))
        if has_nothing_to_do(data):
            return _ended_early(data, console)
        _begin(data)
    with console.status("loading the code location"):
        from orchestration import schedules

        try:
            from orchestration.definitions import defs
        except schedules.NotATime as error:
            raise SystemExit(f" {error}") from None
        from orchestration.intake import landing
        from orchestration.night.owners import end_the_dead
        from orchestration.release.certificates import current
        from orchestration.warehouse import failures
        from orchestration.warehouse.dbt_assets import HOW, TONIGHT

        instance, set_aside = opened(data)
    for sentence in [*set_aside, *end_the_dead(instance)]:
        console.print(f" {sentence}", markup=False)
    before = {(a.receipt, a.attempt) for a in landing.attempts(data)}
    previous = current(data)
    night = Night()
    log = data.dagster_home / "night.log"
    job = defs.resolve_job_def(schedules.NIGHT)
    with instance:
        events = _execute(job, instance, night, log, console)
    night.attempts = [a for a in landing.attempts(data) if (a.receipt, a.attempt) not in before]
    night.tables = Counter({how: events[f"{TONIGHT} {how}"] for how in HOW})
    if kept := events[f"{TONIGHT} kept"]:
        night.tables["kept"] = kept
    night.models = events["ASSET_MATERIALIZATION"]
    night.checks = events["ASSET_CHECK_EVALUATION"]
    access.close(data)
    access.show(data.published)
    now = current(data)
    night.release_id = now.release_id if now else None
    night.broken, night.kept = failures.remembered(data), now.kept if now else {}
    night.released = bool(now and (previous is None or previous.release_id != now.release_id))
    return night


def _begin(data: DataDirectory) -> None:
    """What the run will need and takes seconds to load is loaded while Dagster is."""
    from orchestration.intake import bounded
    from orchestration.warehouse import dbt_command

    dbt_command.begin(data)
    waiting = (path for path in data.inbox.rglob("*") if path.is_file())
    if any(not bounded.costs_little(path, path.stat().st_size) for path in waiting):
        bounded.begin()


def _ended_early(data: DataDirectory, console: Console) -> Night:
    """A night without anything to do; a place outside that missed the last release is brought up to date."""
    from contracts.loading import load_products
    from orchestration.release.certificates import current
    from orchestration.release.targets import delivering

    access.close(data)
    now = current(data)
    if now:
        done = delivering.deliver(data, now.release_id, now.content_checksum, load_products())
        for sentence in done.failed.values():
            console.print(f" {sentence}", markup=False)
    return Night(release_id=now.release_id if now else None, kept=now.kept if now else {}, ended_early=True)


def _execute(job: Any, instance: Any, night: Night, log: Path, console: Console) -> Counter[str]:
    """Runs the night in this process; counts its events, and notes in `night` what failed and which checks are not met.

    What a step says as a warning, and for whom a step waits, is told at once.
    """
    from contracts.loading import load_feeds
    from orchestration.intake import days, feeds
    from orchestration.night.owners import WAITING
    from orchestration.warehouse.dbt_assets import BUILT, DAMAGED, TONIGHT

    counts: Counter[str] = Counter()
    intake = {feeds.asset_key(feed).to_python_identifier() for feed in load_feeds().values()}
    accepted = {days.asset_key(feed) for feed in load_feeds().values()}
    models = len(job.asset_layer.selected_asset_keys) - len(intake)
    stages = [("feeds", len(intake)), ("models, checks, audit, release", models)]

    run_id = str(uuid.uuid4())
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with _progress(console, stages) as (advance, next_stage):

        def listen(record: Any, *_: Any) -> None:
            event = record.dagster_event
            if event is None:
                if record.user_message.startswith(BUILT):
                    advance()
                ours = record.level == logging.WARNING and record.step_key != "warehouse"  # there dbt speaks too
                if ours or record.user_message.startswith((WAITING, DAMAGED)):
                    console.print(
                        f"\n {record.user_message}", markup=False, end="" if not console.is_terminal else "\n"
                    )
                return
            kind = event.event_type_value
            if kind == "ENGINE_EVENT" and (event.message or "").startswith(WAITING):
                console.print(f"\n {event.message}", markup=False, end="" if not console.is_terminal else "\n")
            is_of_feed = event.step_key in intake
            if kind == "STEP_START" and not is_of_feed:
                next_stage()
            if kind in ("STEP_SUCCESS", "STEP_FAILURE") and event.step_key != "warehouse":
                advance()
            if kind == "STEP_FAILURE" and event.step_key:
                failed = night.failed_feeds if is_of_feed else night.failed_steps
                failed[event.step_key] = _first_sentence(event.step_failure_data)
            if is_of_feed or event.asset_key in accepted:
                return  # what feeds record is told by their receipts
            counts[kind] += 1
            # The models' own events come all at once when dbt has ended; they were counted as they were built.
            if kind == "ASSET_MATERIALIZATION" and (how := event.materialization.metadata.get(TONIGHT)):
                counts[f"{TONIGHT} {how.value.partition(':')[0]}"] += 1
            if kind == "ASSET_CHECK_EVALUATION" and not event.event_specific_data.passed:
                night.unmet_checks[event.event_specific_data.check_name] = event.event_specific_data.severity.name

        instance.add_event_listener(run_id, listen)
        # dbt and its adapters print while they work; what they say belongs in a file, not between the lines of progress.
        with (
            log.open("a", encoding="utf-8") as said, redirect_stdout(said), redirect_stderr(said),
            _time_limit(instance, run_id, night.failed_steps),
        ):  # fmt: skip
            job.execute_in_process(instance=instance, raise_on_error=False, run_id=run_id, run_config=quiet)
    return counts


@contextmanager
def _time_limit(instance: Any, run_id: str, stopped: dict[str, str]) -> Iterator[None]:
    """Stops the run when it takes longer than dagster.yaml allows; what it was doing fails with a sentence."""
    seconds = instance.run_monitoring_max_runtime_seconds
    sentence = (
        f"stopped after {seconds:,} s, the limit in dagster/dagster.yaml (max_runtime_seconds); the last release stands"
    )
    over = threading.Event()

    def stop() -> None:
        over.set()
        os.kill(os.getpid(), signal.SIGINT)

    def stop_for_good() -> None:  # it hangs where no signal reaches it: nothing but the process's end ends it
        instance.report_run_failed(instance.get_run_by_id(run_id), sentence)
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
        os.write(2, f"\n {sentence}\n".encode())
        os._exit(1)

    timers = [threading.Timer(seconds, stop), threading.Timer(seconds + STOP_SECONDS, stop_for_good)] if seconds else []
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        yield
    except BaseException:
        if not over.is_set():
            raise
    finally:
        for timer in timers:
            timer.cancel()
    if over.is_set():
        stopped["night"] = sentence


def _first_sentence(failure: Any) -> str:
    data = failure.user_failure_data
    if data is not None and data.description:
        return str(data.description)
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    return " ".join(str(error.message).split())[:300] if error else "failed"


@contextmanager
def _progress(
    console: Console, stages: list[tuple[str, int]]
) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """A bar in a terminal, a line before and after elsewhere, for each stage: what to call for a step done, and for the last stage.

    Args:
        stages: two of them, what each does and how many steps it has.
    """
    (first, _), (last, _) = stages
    reached = [first]
    if not console.is_terminal:
        started = [time.monotonic()]
        console.print(f" {first} …", end="")

        def begin_last() -> None:
            if reached[-1] != last:
                console.print(f" {time.monotonic() - started[-1]:.0f} s\n {last} …", end="")
                reached.append(last)
                started.append(time.monotonic())

        yield lambda: None, begin_last
        console.print(f" {time.monotonic() - started[-1]:.0f} s")
        return
    columns = (TextColumn(" {task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        tasks = [bar.add_task(what, total=total, start=what == first) for what, total in stages]

        def next_bar() -> None:
            if reached[-1] != last:
                bar.update(tasks[0], completed=stages[0][1])
                bar.stop_task(tasks[0])
                bar.start_task(tasks[1])
                reached.append(last)

        yield lambda: bar.advance(tasks[len(reached) - 1]), next_bar
        for task, (_, total) in zip(tasks, stages, strict=True):
            bar.update(task, completed=total)


# ── the summary ─────────────────────────────────────────────────────────────────────────────────


def tell(data: DataDirectory, night: Night, console: Console) -> None:
    """Prints what the night did: files and rows per feed, what was released, three headlines, where to look."""
    from contracts.loading import load_feeds, load_products
    from orchestration.intake import arriving
    from orchestration.release import standing
    from orchestration.release.certificates import current

    console.print()
    files = [a for a in night.attempts if a.verdict != "missing"]
    if files:
        console.print(feed_table(night.attempts))
        received = sum(a.rows_received for a in files)
        accepted, quarantined = sum(a.rows_accepted for a in files), sum(a.rows_quarantined for a in files)
        whole = "every row accounted for" if received == accepted + quarantined else "ROWS ARE MISSING"
        console.print(
            f" {len(files):,} files, {received:,} rows = {accepted:,} accepted + {quarantined:,} quarantined: {whole}."
        )
        words = {
            "duplicate": "sent again", "refused": "refused", "held": "held for a person", "withdrawn": "withdrawn",
            "missing": "overdue",
        }  # fmt: skip
        verdicts = {v: sum(a.verdict == v for a in night.attempts) for v in words}
        if any(verdicts.values()):
            console.print(" " + ", ".join(f"{n} {words[v]}" for v, n in verdicts.items() if n) + ":")
        for attempt in night.attempts:
            if attempt.verdict in ("refused", "held", "missing"):
                console.print(
                    f"   {attempt.feed}: {attempt.message_en}\n   {attempt.message_zh}", highlight=False, markup=False
                )
    else:
        console.print(" Nothing new in the inbox.")
    for sentence in arriving.stray(data, load_feeds()):
        console.print(f" {sentence}", markup=False)
    for feed, sentence in night.failed_feeds.items():
        if not any(
            a.verdict in ("refused", "held", "missing") and a.message_en and a.message_en in sentence
            for a in night.attempts
        ):
            console.print(f" {feed}: {sentence}", markup=False)  # not a file's fault, so no receipt says it
    for step, sentence in night.failed_steps.items():
        console.print(f" [red]{step}[/red]: ", end="")
        console.print(sentence, markup=False)
    if night.tables.total():
        told = ", ".join(f"{n} {how}" for how, n in night.tables.items())
        console.print(f" {night.tables.total()} tables of the warehouse: {told}")
    certificate = current(data)
    if certificate is None:
        console.print("\n Nothing has been released yet.")
        return
    if night.released:
        console.print(
            f"\n released [bold]{certificate.release_id}[/bold]: {len(load_products())} tables, "
            f"{sum(t['rows'] for t in certificate.tables.values()):,} rows, {certificate.expectations} expectations met "
            f"({night.checks} checks on {night.models} assets)"
        )
        for check, severity in night.unmet_checks.items():
            console.print(f" {'to look at' if severity == 'WARN' else 'not met'}: {check}, see its asset in the UI")
    elif lost := standing.lost(data):
        if str(lost) not in " ".join(night.failed_steps.values()):
            console.print(f"\n {lost}", markup=False)
        return
    else:
        early = ", so the night ended before it began" if night.ended_early else ""
        console.print(f"\n nothing changed{early}: {certificate.release_id} stands")
    _tell_broken(night, console)
    if certificate.fictional:
        console.print(f" [yellow]{certificate.notes}[/yellow]")
    for line in headlines(data):
        console.print(f" {line}")
    _tell_where_to_look(data, console)


def _tell_where_to_look(data: DataDirectory, console: Console) -> None:
    shown = os.path.relpath(data.published / "minsheng.duckdb")
    default = os.path.relpath(data.root) == "data"
    prefix = "" if default else f"MINSHENG_DATA={os.path.relpath(data.root)} "
    console.print(
        f"\n look:  {os.path.relpath(data.published / 'bulletin' / 'index.html')}   in a browser", markup=False
    )
    console.print(f"        {prefix}make superset   the dashboards", markup=False)
    console.print(f"        {prefix}make ui   then   http://127.0.0.1:3000", markup=False)
    console.print(f"        duckdb -readonly {shown}")
    console.print(
        f"        .venv/bin/python -c \"import duckdb; print(duckdb.connect('{shown}', read_only=True).sql('show tables'))\"",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip


def _tell_broken(night: Night, console: Console) -> None:
    """Which tables are still those of an earlier release, and what failed that reaches no published table."""
    causes = {(kept["release"], kept["why"]) for kept in night.kept.values()}
    for release, why in sorted(causes):
        tables = ", ".join(t for t, kept in night.kept.items() if (kept["release"], kept["why"]) == (release, why))
        console.print(f" [red]{tables}[/red]: still the content of {release}. ", end="")
        console.print(why, markup=False)
    for why in night.broken.values():
        if why not in {why for _, why in causes}:
            console.print(f" {why}", markup=False)  # it reaches no published table


def feed_table(attempts: list[Attempt]) -> Table:
    """Rows received, accepted, quarantined per feed, with the commonest reason."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("")
    for heading in ("files", "received", "accepted", "quarantined"):
        table.add_column(heading, justify="right")
    table.add_column("why (most common)", overflow="ellipsis", no_wrap=True)
    for feed in sorted({a.feed for a in attempts}):
        rows = [a for a in attempts if a.feed == feed]
        counts: dict[str, int] = {}
        for attempt in rows:
            for reason in attempt.reasons:
                if reason["severity"] == "error":
                    name = f"{reason['field'] or 'row'}: {reason['rule']}"
                    counts[name] = counts.get(name, 0) + reason["rows"]
        why = max(counts, key=lambda k: counts[k]) if counts else ""
        table.add_row(
            f" {feed}",
            f"{len([a for a in rows if a.verdict != 'missing']):,}",
            f"{sum(a.rows_received for a in rows):,}",
            f"{sum(a.rows_accepted for a in rows):,}",
            f"{sum(a.rows_quarantined for a in rows):,}",
            f"{why} ({counts[why]:,})" if why else "",
        )
    return table
