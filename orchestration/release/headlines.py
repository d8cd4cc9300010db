"""Three figures of a release and the violations that wait, a sentence each: for the terminal and for the release's page in Dagster.

Belongs here: what is said first. Does not belong here: computing anything, which the models do.
"""

from __future__ import annotations

from typing import Any

from contracts.whole_files import duckdb_reads
from orchestration.paths import DataDirectory


def headlines(data: DataDirectory) -> list[str]:
    """What the current release says first: three figures, each with its base, and the violations that wait for somebody."""
    import duckdb

    if not duckdb_reads(data.published / "minsheng.duckdb"):
        return []  # the release says it
    with duckdb.connect(str(data.published / "minsheng.duckdb"), read_only=True) as con:
        return [line for query in (_participation, _survey, _coverage, _violations) if (line := query(con))]


def _violations(con: Any) -> str | None:
    from orchestration.release import violations

    found = violations.counted(con)
    told = ", ".join(f"{found[how]:,} {how}" for how in ("new", "open", "waived", "solved") if how in found)
    return f"Validation rules: {told} (validation_result; to waive one: make desk)." if told else None


def _participation(con: Any) -> str | None:
    row = con.execute(
        "select month, contacts, active_reviews, participation_rate, good_rate, good_rate_lo, good_rate_hi "
        "from review_scorecard where dimension = 'all' and period_kind = 'month' and active_reviews > 0 "
        "order by month desc limit 1"
    ).fetchone()
    if row is None:
        return None
    from orchestration.statistics.intervals import show_rate

    month, contacts, active, participation, good, lo, hi = row
    return (
        f"{str(month)[:7]}: residents reviewed {show_rate(participation)} of {contacts:,} contacts; of {active:,} reviews "
        f"{show_rate(good)} are good ({show_rate(lo)}–{show_rate(hi)}). Silence counts as nothing."
    )


def _survey(con: Any) -> str | None:
    row = con.execute(
        "select wave, n, mean, mean_lo, mean_hi, is_weighted from survey_score where area_level = 'all' "
        "and group_name = 'all' and dimension = 'overall' and question_id = 'all' and mean is not null "
        "order by held_on desc nulls last, wave desc limit 1"
    ).fetchone()
    if row is None:
        return None
    wave, n, mean, lo, hi, weighted = row
    how = "" if weighted else ", unweighted"
    within = "no interval" if lo is None else f"{lo:.1f}–{hi:.1f}"  # all say the same, or one sampling unit
    return f"Survey {wave}: overall satisfaction {mean:.1f} of 100 ({within}), {n:,} answers{how}."


def _coverage(con: Any) -> str | None:
    row = con.execute(
        "select division_name, value, target, numerator, denominator from indicator_value "
        "where indicator_code = 'rural_comprehensive_facility_coverage' and area_type = 'rural' and value is not null "
        "order by denominator desc, period desc limit 1"
    ).fetchone()
    if row is None:
        return None
    from orchestration.statistics.intervals import show_rate

    name, value, target, have, of = row
    goal = f", target {show_rate(target)}" if target is not None else ""
    return f"{name}: rural coverage of comprehensive service facilities {show_rate(value)} ({have:,.0f} of {of:,.0f} communities{goal})."
