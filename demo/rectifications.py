"""The bad-review loop: the feed evaluation.rectifications and the second reviews it brings.

Belongs here: how each bad review's case goes on, in every state a case can be in. A case is sent again, as a whole
row, on every day on which it moved.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from demo.contacts import split_by_day
from demo.files import Form, Parcel
from demo.plan import Plan
from demo.reviews import KEY
from demo.spoil import Fault

# finding → share: true, partly true, not true, malicious, given by mistake
FINDINGS = {"1": 0.56, "2": 0.20, "3": 0.16, "4": 0.03, "5": 0.05}
STEPS = (
    "accepted_at", "verified_at", "malicious_decided_at", "rectified_at", "replied_at", "revisited_at", "appealed_at",
    "appeal_decided_at",
)  # fmt: skip
FIELDS = (
    *KEY, "accepted_at", "verified_at", "finding", "malicious_decided_at", "rectified_at", "result", "replied_at",
    "revisited_at", "revisit_satisfaction", "appeal", "appealed_at", "appeal_decided_at",
)  # fmt: skip
RESULTS = ("已补发材料并致歉", "已对窗口人员进行培训", "已优化取号流程", "已当场办结", "已电话说明情况，电话{phone}")
FAULTS = (
    Fault("rectified_at", "cross_field", "2020-01-01 08:00:00"),
    Fault("finding", "not_in_code_list", "9", also={"verified_at": "2026-01-01 08:00:00"}),
    Fault("accepted_at", "cross_field", "2099-01-01 08:00:00"),
    Fault("revisit_satisfaction", "not_in_code_list", "5"),
)


def cases(plan: Plan, reviews: pl.DataFrame) -> pl.DataFrame:
    """One row per bad review, with every step it will ever take (also those after the last night)."""
    bad = reviews.filter((pl.col("level") <= 2) & ~pl.col("is_default") & (pl.col("review_no") == 1))
    rng = plan.rng("evaluation.rectifications")
    n = bad.height
    finding = rng.choice(list(FINDINGS), n, p=list(FINDINGS.values()))
    judged_true = np.isin(finding, ["1", "2"])
    reviewed = bad["reviewed_at"].to_numpy()
    received = _in_office(reviewed + _days(rng.uniform(0.05, 1.2, n)))
    accepted = np.where(received < reviewed, received + _days(np.ones(n)), received)
    verified = _in_office(accepted + _days(rng.uniform(0.3, 3, n)))
    # Most are corrected in time, some late, some not at all.
    speed = rng.choice([0, 1, 2], n, p=[0.8, 0.14, 0.06])
    rectified = _in_office(verified + _days(np.where(speed == 0, rng.uniform(0.5, 8, n), rng.uniform(18, 35, n))))
    replied = _in_office(np.where(judged_true, rectified, verified) + _days(rng.uniform(0.3, 2, n)))
    revisited = _in_office(replied + _days(rng.uniform(0.5, 6, n)))
    appealed = _in_office(verified + _days(rng.uniform(0.5, 3, n)))
    decided = _in_office(appealed + _days(rng.uniform(2, 12, n)))
    appeals = ((finding == "3") & (rng.random(n) < 0.6)) | (judged_true & (rng.random(n) < 0.04))
    upheld = rng.random(n) < np.where(finding == "3", 0.7, 0.2)
    phones = [f"1990000{x:04d}" for x in rng.integers(0, 10_000, n)]
    steps = {
        "accepted_at": accepted,
        "verified_at": verified,
        "malicious_decided_at": _only(finding == "4", _in_office(verified + _days(rng.uniform(0.5, 2, n)))),
        "rectified_at": _only(judged_true & (speed < 2), rectified),
        "replied_at": _only(~(judged_true & (speed == 2)), replied),
        "revisited_at": _only(bad["named"].to_numpy() & (speed < 2) & (rng.random(n) < 0.85), revisited),
        "appealed_at": _only(appeals, appealed),
        "appeal_decided_at": _only(appeals & (rng.random(n) < 0.9), decided),
    }
    return bad.select(*KEY, "named").with_columns(
        *(
            pl.Series(name, values).cast(pl.Datetime("us")).dt.truncate("1s").alias(name)
            for name, values in steps.items()
        ),
        pl.Series("finding", finding),
        pl.Series("result", [r.format(phone=p) for r, p in zip(rng.choice(RESULTS, n), phones, strict=True)]),
        pl.Series("revisit_satisfaction", rng.choice(["1", "2", "3"], n, p=[0.6, 0.28, 0.12])),
        pl.Series("decision", np.where(upheld, "upheld", "dismissed")),
        pl.Series("follows_up", rng.random(n) < 0.35),
    )


def follow_ups(plan: Plan, all_cases: pl.DataFrame, reviews: pl.DataFrame) -> pl.DataFrame:
    """Second reviews of people who were visited again; columns of `reviews`."""
    rng = plan.rng("evaluation.reviews", "follow-ups")
    again = all_cases.filter(pl.col("follows_up") & pl.col("revisited_at").is_not_null()).select(
        *KEY, "revisited_at", "revisit_satisfaction"
    )
    first = reviews.join(again, on=KEY, how="inner", maintain_order="left")
    level = first["revisit_satisfaction"].replace_strict({"1": 5, "2": 3, "3": 2}, return_dtype=pl.Int64)
    reviewed_at = first["revisited_at"] + pl.Series(rng.integers(600, 200_000, first.height) * 1_000_000).cast(
        pl.Duration("us")
    )
    return (
        first.with_columns(
            pl.lit(2).alias("review_no"),
            level.alias("level"),
            pl.when(level == 2).then(pl.lit("209")).otherwise(None).alias("tags"),
            pl.when(level == 2).then(pl.lit("整改后还是没有解决")).otherwise(None).alias("comment"),
            pl.lit("2").alias("channel"),
            reviewed_at.alias("reviewed_at"),
            reviewed_at.dt.date().alias("sent_on"),
        )
        .select(reviews.columns)
        .filter(pl.col("sent_on") < plan.until)
    )


def parcels(plan: Plan, all_cases: pl.DataFrame) -> Iterator[Parcel]:
    """Each day the cases that moved, as they stood at its end; a day without any sends nothing."""
    rng = plan.rng("evaluation.rectifications", "faults")
    moved = (
        all_cases.unpivot(on=STEPS, index=KEY, value_name="at")
        .drop_nulls("at")
        .select(*KEY, pl.col("at").dt.date().alias("day"))
        .unique(maintain_order=True)
        .join(all_cases, on=KEY, maintain_order="left")
        .sort("day", *KEY)
    )
    by_day = split_by_day(_as_it_stood(moved), "day")
    for day in plan.calendar:
        if day not in by_day:
            continue
        yield Parcel(
            feed="evaluation.rectifications",
            name=f"差评整改{day:%Y%m%d}.ndjson",
            received_at=plan.night_after(day, 18),
            frame=by_day[day].select(FIELDS),
            form=Form("ndjson"),
            faults=[FAULTS[int(rng.integers(0, len(FAULTS)))]],
        )


def _as_it_stood(moved: pl.DataFrame) -> pl.DataFrame:
    """Steps after the row's day have not happened yet, nor what they brought."""
    frame = moved.with_columns(
        pl.when(pl.col(step).dt.date() <= pl.col("day")).then(pl.col(step)).alias(step) for step in STEPS
    )

    def known_since(step: str, value: pl.Expr) -> pl.Expr:
        return pl.when(pl.col(step).is_not_null()).then(value)

    # A case found malicious waits for the decision before it is called so.
    return frame.with_columns(
        known_since("verified_at", pl.col("finding"))
        .replace("4", None)
        .fill_null(known_since("malicious_decided_at", pl.lit("4")))
        .alias("finding"),
        known_since("rectified_at", pl.col("result")).alias("result"),
        known_since("revisited_at", pl.col("revisit_satisfaction")).alias("revisit_satisfaction"),
        pl.coalesce(
            known_since("appeal_decided_at", pl.col("decision")),
            known_since("appealed_at", pl.lit("filed")),
            pl.lit("none"),
        ).alias("appeal"),
    )


def _in_office(times: np.ndarray) -> np.ndarray:
    """The same days, their 24 hours pressed into 9:00–17:00; order is kept."""
    day = times.astype("datetime64[D]")
    pressed: np.ndarray = day + np.timedelta64(9, "h") + (times - day) / 3
    return pressed


def _days(n: np.ndarray) -> np.ndarray:
    return (n * 86_400_000_000).astype("timedelta64[us]")


def _only(where: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.where(where, times, np.datetime64("NaT"))
