"""Five million reviews through the models that judge them, beside one hand-written statement that only counts.

Run: `python -m benchmarks.reviews [MILLIONS]`. Contacts and reviews are made in DuckDB as the door would have accepted them:
300 halls of 8 windows and 20 items each, a quarter of the reviews written by default, honest lags, tags and words. First a whole build: what dbt
says each model took. Then one more day comes, 50,000 reviews: what the tables that are kept cost that night. Last, by turns and each with the
machine to itself: the evaluation models, one after another in a dbt of their own, and the statement in a connection of its own, both reading
what the build has written. The aim: the evaluation models in at most twice the statement's time.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import duckdb

from contracts.loading import load_feeds
from orchestration.derived import linkage, survey_estimates
from orchestration.intake import feeds, ledger
from orchestration.paths import DBT_PROJECT, NEVER_CAME, DataDirectory
from orchestration.warehouse.dbt_command import PROCESS, environment

KEPT = (
    "review_delta", "fct_contact", "review_judgements", "review_rule_hits", "review_suspicions", "review_counts_as_judged",
)  # fmt: skip
STANDARD = (*KEPT[:5], "fct_review", "fct_rectification")
EVALUATION = (
    "review_counts_as_judged", "contact_refusals", "review_refusals", "review_without_contact", "review_heard_contacts", "review_exclusions", "review_moved_contacts", "review_counts", "review_units", "review_units_under_policy", "review_comparisons", "review_scorecard",
)  # fmt: skip
HISTORY_DAYS = 360
NEW_DAY = 50_000
PAIRS = 3
ALLOWED_RATIO = 2.0
COUNTS = """
    create or replace temp table counted as
    select
        date_trunc('month', contacts.closed_at) as month, contacts.department_code, contacts.service_item_code,
        contacts.contact_channel, divisions.county_code, count(*) as contacts, count(reviews.level) as reviews,
        count(*) filter (where reviews.level = 1) as n1, count(*) filter (where reviews.level = 2) as n2,
        count(*) filter (where reviews.level = 3) as n3, count(*) filter (where reviews.level = 4) as n4,
        count(*) filter (where reviews.level = 5) as n5
    from reviews.fct_contact as contacts
    left join reviews.fct_review as reviews on contacts.contact_id = reviews.contact_id
    left join divisions.division_latest as divisions on contacts.division_code = divisions.division_code
    group by all
"""


def make_feeds(data: DataDirectory, name: str, reviews: int, *, first_case: int = 0, first_day: int = 0, days: int = HISTORY_DAYS) -> None:  # fmt: skip
    """Writes a delivery of contacts (1.5 for each review) and of reviews, day after day, typed as the door types them."""
    contacts = reviews * 3 // 2
    made = f"""
        select
            lpad(cast(n as varchar), 12, '0') as case_no, 1 as contact_no, cast(hash(n) % 1000000007 as bigint) as chance,
            timestamp '2025-03-01 09:00:00' + to_days(cast({first_day} + (n - {first_case}) * {days} // {contacts} as integer))
                + to_seconds(cast(hash(n, 'closed') % 28800 as bigint)) as closed_at,
            cast(hash(n, 'hall') % 300 as integer) as hall, cast(1 + hash(n, 'window') % 8 as varchar) as window_no,
            cast(1 + (hash(n, 'hall') % 300 * 7 + hash(n, 'item') % 20) % 80 as bigint) as item
        from range({first_case}, {first_case + contacts}) as numbers (n)
    """
    departments = "['health', 'sports', 'culture', 'housing', 'education', 'justice', 'civil_affairs', 'veterans']"
    selections = {
        "evaluation.contacts": f"""
            select
                case_no, contact_no, {departments}[1 + item % 8] as department_code,
                'BPS' || lpad(cast(item as varchar), 2, '0') as service_item_code,
                '9901' || lpad(cast(hall % 7 as varchar), 2, '0') || '001' || lpad(cast(hall as varchar), 3, '0') as division_code,
                'hall' || cast(hall as varchar) as facility_code, window_no, cast(1 + hash(chance, 'channel') % 3 as varchar) as channel,
                closed_at - interval 1 hour as opened_at, closed_at, chance % 5 > 0 as named
            from made
        """,
        "evaluation.reviews": """
            select
                case_no, contact_no, 1 as review_no, cast(level as varchar) as satisfaction, cast(level as varchar) as satisfaction_level,
                'interface' as satisfaction_scheme,
                case when hash(chance, 'tagged') % 10 < 6 then cast(level as varchar) || cast(10 + hash(chance, 'tag') % 8 as varchar) end as tags,
                case when hash(chance, 'worded') % 10 = 0 then '办得快' end as comment,
                case when hash(chance, 'default') % 4 = 0 then '7' else '4' end as channel, 'zj' as channels_scheme,
                closed_at + to_seconds(cast(20 + hash(chance, 'lag') % 90000 as bigint)) as reviewed_at, case_no as reviewer_key
            from (
                select made.*, case when r < 80 then 5 when r < 92 then 4 when r < 96 then 3 when r < 98 then 2 else 1 end as level
                from (select made.*, hash(chance, 'level') % 100 as r from made) as made
            )
            where hash(chance, 'takes part') % 3 < 2
        """,
    }  # fmt: skip
    with duckdb.connect() as con:
        con.execute("set threads = 2")
        con.execute(f"create temp table made as {made}")
        for feed, selection in selections.items():
            folder = data.accepted / feed
            typed = con.execute(f"describe from '{folder}/{NEVER_CAME}'").fetchall()
            con.execute(f"create or replace temp view sent as {selection}")
            have = {name for name, *_ in con.execute("describe sent").fetchall()} | {"_row"}
            provenance = {
                "_feed": f"'{feed}'",
                "_sender": "'shifan'",
                "_receipt": f"'{feed} {name}'",
                "_contract_version": "'1'",
            }
            provenance["_received_at"] = "timestamp '2026-03-01 02:00:00'"
            columns = ", ".join(
                f"cast({name if name in have else provenance.get(name, 'null')} as {kind}) as {name}"
                for name, kind, *_ in typed
            )
            con.execute(
                f"copy (select {columns} from (select *, row_number() over () as _row from sent)) to '{folder}/{name}.parquet'"
            )


def dbt(data: DataDirectory, *arguments: str) -> None:
    """Runs dbt on the data directory.

    Raises:
        subprocess.CalledProcessError: a model could not be built; dbt's own words are on the terminal.
    """
    folders = [
        "--project-dir",
        str(DBT_PROJECT),
        "--profiles-dir",
        str(DBT_PROJECT),
    ]
    subprocess.run(
        [sys.executable, *PROCESS, "--quiet", *arguments, *folders], env={**os.environ, **environment(data)}, check=True
    )


def seconds_of_models(data: DataDirectory) -> dict[str, float]:
    """Model → seconds, as the last dbt run says."""
    (results,) = data.root.glob("dbt/run_results.json")
    return {r["unique_id"].split(".")[-1]: r["execution_time"] for r in json.loads(results.read_text())["results"]}


def counting(data: DataDirectory) -> float:
    """Seconds of the hand-written statement."""
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        con.execute("set threads = 2; set memory_limit = '1500MB'")
        start = time.perf_counter()
        con.execute(COUNTS)
        return time.perf_counter() - start


def evaluating(data: DataDirectory) -> float:
    """Seconds of the evaluation models, each whole and by itself, as dbt says."""
    dbt(data, "run", "--full-refresh", "--threads", "1", "--select", *EVALUATION)
    return sum(seconds_of_models(data)[model] for model in EVALUATION)


def night(data: DataDirectory, *selection: str) -> tuple[dict[str, float], float]:
    """Builds what is selected. Returns model → seconds, and the seconds of processor time that dbt took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    dbt(data, "build", "--select", *selection, "--exclude-resource-type", "unit_test", "test")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds_of_models(data), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def touched_months(data: DataDirectory) -> int:
    """Months that last night's deliveries touch."""
    with duckdb.connect(str(data.warehouse), read_only=True) as con:
        ((months,),) = con.execute(
            """select count(distinct month) from (
                select counted_month as month from reviews.review_judgements
                where (case_no, contact_no) in (select case_no, contact_no from reviews.review_delta)
                union select month_before from reviews.review_delta where month_before is not null)"""
        ).fetchall()
    return int(months)


def main() -> None:
    """Print the measurements beside what is allowed."""
    reviews = int(float(sys.argv[1] if len(sys.argv) > 1 else 5) * 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        data = DataDirectory(Path(folder))
        data.derived.mkdir()
        for feed in load_feeds().values():
            feeds.ensure_typed(data, feed)
        survey_estimates.ensure_typed(data)
        linkage.ensure_typed(data)
        ledger.table(data).write_parquet(ledger.path(data))
        data.warehouse.parent.mkdir(parents=True, exist_ok=True)
        make_feeds(data, "history", reviews)
        whole, whole_cpu = night(data, "+review_scorecard")
        _, idle_cpu = night(data, "review_deliveries", *KEPT)
        make_feeds(data, "new_day", NEW_DAY, first_case=reviews * 3 // 2, first_day=HISTORY_DAYS, days=1)
        updated, updated_cpu = night(data, "review_deliveries", *KEPT)
        months = touched_months(data)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
        pairs = [(evaluating(data), counting(data)) for _ in range(PAIRS)]
    ratios = sorted(evaluation / counts for evaluation, counts in pairs)
    evaluation, by_hand = (sum(times) / PAIRS for times in zip(*pairs, strict=True))
    print(
        f"{reviews:,} reviews of {reviews * 3 // 2:,} contacts, two threads; then a day of {NEW_DAY:,} that touches {months} months"
    )
    print(f"  {'':28} {'whole':>8} {'new day':>8}")
    for model in dict.fromkeys((*STANDARD, *EVALUATION)):
        day = f"{updated[model]:6.1f} s" if model in updated else ""
        print(f"  {model:28} {whole[model]:6.1f} s {day:>8}")
    of_whole, of_day = (sum(times[model] for model in KEPT) for times in (whole, updated))
    print(
        f"  {'tables that are kept':28} {of_whole:6.1f} s {of_day:6.1f} s   a new day costs {of_day / of_whole:.1%} of everything"
    )
    print(
        f"  processor time of dbt        {whole_cpu:6.0f} s {updated_cpu:6.0f} s   of which {idle_cpu:.0f} s when nothing came"
    )
    print(f"  evaluation models alone      {evaluation:6.1f} s, counts by one statement {by_hand:.1f} s")
    print(
        f"  evaluation / counts          {median(ratios):6.1f}   ({ratios[0]:.2f} to {ratios[-1]:.2f}; allowed {ALLOWED_RATIO:.0f})"
    )
    print(f"  peak of dbt                  {peak:6.0f} MB")


if __name__ == "__main__":
    main()
