"""What residents say: the feed evaluation.reviews, from two systems that count in opposite directions.

Belongs here: first reviews, defaults, brushing, corrections and how both senders spell them. Follow-ups after a
rectification come from rectifications.py. The main system sends the interface codes (5 best, channel 7 default); the
development zone's sends GB/T 39046 codes (1 best) in GB18030 (layouts contracts/feeds/evaluation/reviews.*.yaml).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache

import numpy as np
import polars as pl

from contracts.loading import seed
from demo import people
from demo.city import City, rows_at
from demo.civil_affairs import halls
from demo.contacts import BRUSHED_HALL, BRUSHED_WINDOW, split_by_day
from demo.files import Form, Parcel
from demo.plan import Plan
from demo.spoil import Fault, chinese_date, full_width

ZONE = "990171"
REVIEWERS = 60.0  # people who review at all, a community
BRUSHED = 0.6  # machine-made reviews, a community
DEFAULT_AFTER = timedelta(days=7)
GOOD_LEVELS, GOOD_ODDS = (5, 4, 3), (0.83, 0.12, 0.05)
BAD_LEVELS, BAD_ODDS = (2, 1), (0.45, 0.55)
GOOD_COMMENTS = ("很满意", "办得快", "工作人员耐心", "谢谢", "一次就办好了", "指引清楚")
BAD_COMMENTS = (
    "排了两个小时没人管", "材料要求和办事指南不一样", "让我跑了三趟", "窗口人员态度不好", "网上预约了还要重新取号",
    "说好五天办结，半个月了还没消息", "系统一直打不开，没有人解释", "要的证明哪里都开不出来",
)  # fmt: skip
PRIVATE = ("请回电{phone}", "本人身份证{id}", "我是{name}，电话{phone}", "联系{phone}或resident@shifan.example")
KEY = ("case_no", "contact_no", "review_no")
FIELDS = (
    *KEY, "satisfaction", "tags", "comment", "channel", "reviewed_at", "is_default", "record_action",
    "reviewer_kind", "reviewer_id", "reviewer_phone", "reviewer_name",
)  # fmt: skip
WULIUWANG_HEADERS = {
    "reviewer_name": "评价人", "satisfaction": "满意度代码", "reviewer_phone": "手机号码", "tags": "评价标签",
    "reviewer_id": "证件号码",
}  # fmt: skip
WULIUWANG_CHANNELS = {
    "1": "PC端", "2": "移动服务端", "3": "二维码", "4": "政务大厅平板电脑", "5": "政务大厅其他终端", "6": "短信",
}  # fmt: skip
LEVEL_NAMES = {5: "非常满意", 4: "满意", 3: "基本满意", 2: "不满意", 1: "非常不满意"}
IS_BAD, IS_GOOD = pl.col("level") <= 2, (pl.col("level") >= 3) & ~pl.col("is_default")
FAULTS = (
    Fault("tags", "warned", None, among=IS_BAD, also={"comment": None}),
    Fault("tags", "cross_field", "213", among=IS_GOOD),
    Fault("tags", "not_in_code_list", "599", among=pl.col("level") == 5),
    Fault("satisfaction", "not_in_code_list", "8", among=IS_GOOD, also={"tags": None}),
    Fault("reviewed_at", "cross_field", "2099-12-31 23:59:59"),
    Fault("reviewed_at", "repaired", chinese_date),
    Fault("satisfaction", "repaired", full_width),
    Fault("review_no", "required_missing", None),
    Fault("channel", "not_in_code_list", "0"),
    Fault("", "too_many_cells"),
    Fault("", "too_few_cells"),
)
WULIUWANG_FAULTS = (
    Fault("satisfaction", "not_in_code_list", "0", also={"tags": None}),
    Fault("tags", "cross_field", "114", among=IS_GOOD),
)


def first_reviews(plan: Plan, city: City, all_contacts: pl.DataFrame) -> pl.DataFrame:
    """One row per contact that was reviewed, honest ones and brushed ones.

    Returns:
        FIELDS without satisfaction, and level (5 best), contact columns closed_at and named, sent_on, is_brushed.
    """
    rng = plan.rng("evaluation.reviews")
    takes_part = pl.Series(rng.random(all_contacts.height)) < all_contacts["participation"]
    honest = _said(plan, rng, city, all_contacts.filter(takes_part))
    brushed = _brushed(plan, city, all_contacts.filter(~takes_part))
    silent = all_contacts.filter(~takes_part).join(
        brushed, on=["case_no", "contact_no"], how="anti", maintain_order="left"
    )
    return (
        pl.concat([honest, brushed, _defaults(plan, silent)], how="diagonal")
        .filter(pl.col("sent_on") < plan.until)
        .sort("reviewed_at", *KEY)
    )


def with_corrections(plan: Plan, reviews: pl.DataFrame) -> pl.DataFrame:
    """Adds what happens to a review after it was sent: corrected, withdrawn, sent twice, or given for no known case."""
    rng = plan.rng("evaluation.reviews", "corrections")
    chance = pl.Series(rng.random(reviews.height))
    honest = ~reviews["is_default"] & ~reviews["is_brushed"] & (reviews["level"] >= 3)
    later = pl.Series(rng.integers(1, 5, reviews.height) * 86_400_000_000).cast(pl.Duration("us"))
    moved = reviews.with_columns((pl.col("reviewed_at") + later).dt.date().alias("sent_on"))
    corrected = moved.filter(honest & (chance < 0.01)).with_columns(
        pl.lit(4, pl.Int64).alias("level"), pl.lit("U").alias("record_action"), pl.lit("413").alias("tags")
    )
    withdrawn = moved.filter(honest & (chance >= 0.01) & (chance < 0.012)).with_columns(
        pl.lit("D").alias("record_action")
    )
    twice = reviews.filter(honest & (chance >= 0.012) & (chance < 0.015)).with_columns(
        (pl.col("reviewed_at") + pl.duration(minutes=2)), pl.lit("1").alias("channel")
    )
    strangers = reviews.filter(honest & (chance >= 0.015) & (chance < 0.0155)).with_columns(
        pl.col("case_no").str.replace("^990", "998")
    )
    late = pl.concat([corrected, withdrawn, twice, strangers]).filter(pl.col("sent_on") < plan.until)
    return pl.concat([reviews, late])


def parcels(plan: Plan, reviews: pl.DataFrame) -> Iterator[Parcel]:
    """One file a day and sender; a day without reviews is sent as an empty table."""
    rng = plan.rng("evaluation.reviews", "faults")
    in_zone = pl.col("case_no").str.starts_with(ZONE)
    main = split_by_day(reviews.filter(~in_zone), "sent_on")
    zone = split_by_day(reviews.filter(in_zone & ~pl.col("is_default")), "sent_on")
    empty = reviews.clear()
    # The frame keeps the column faults look at; the file does not.
    for day in plan.calendar:
        rows = main.get(day, empty).with_columns(pl.col("level").cast(pl.String).alias("satisfaction"))
        yield Parcel(
            feed="evaluation.reviews",
            name=f"好差评{day:%Y%m%d}.csv",
            received_at=plan.night_after(day, 16),
            frame=rows.select(*FIELDS, "level"),
            hidden=("level",),
            faults=[FAULTS[i] for i in rng.permutation(len(FAULTS))[:3]],
        )
        yield Parcel(
            feed="evaluation.reviews",
            sender="wuliuwang",
            name=f"政务服务绩效评价_{day:%Y%m%d}.csv",
            received_at=plan.night_after(day, 17),
            frame=_as_wuliuwang(zone.get(day, empty)),
            hidden=("level", "is_default"),
            form=Form("csv", encoding="gb18030"),
            headers=WULIUWANG_HEADERS,
            faults=[WULIUWANG_FAULTS[i] for i in rng.permutation(len(WULIUWANG_FAULTS))[:1]],
        )


def _as_wuliuwang(rows: pl.DataFrame) -> pl.DataFrame:
    """GB/T 39046 table 9: 1 is best, channels are words, times have no separators."""
    return rows.select(
        *KEY,
        pl.col("channel").replace_strict(WULIUWANG_CHANNELS, default="电话"),
        "reviewer_name",
        "reviewer_id",
        "reviewer_phone",
        pl.col("reviewed_at").dt.strftime("%Y%m%d%H%M%S"),
        pl.col("level").replace_strict(LEVEL_NAMES, return_dtype=pl.String).alias("满意度"),
        (6 - pl.col("level")).cast(pl.String).alias("satisfaction"),
        "tags",
        "comment",
        pl.col("case_no").str.slice(0, 6).alias("行政区划"),
        "level",
        "is_default",
    )


# ── honest reviews ──────────────────────────────────────────────────────────────────────────────


def _said(plan: Plan, rng: np.random.Generator, city: City, reviewed: pl.DataFrame) -> pl.DataFrame:
    n = reviewed.height
    good = rng.random(n) < reviewed["good"].to_numpy()
    level = np.where(good, rng.choice(GOOD_LEVELS, n, p=GOOD_ODDS), rng.choice(BAD_LEVELS, n, p=BAD_ODDS))
    at_once = rng.random(n) < np.where(reviewed["channel"] == "1", 0.7, 0.35)
    lag = np.where(at_once, rng.integers(20, 900, n), rng.exponential(1.6 * 86_400, n).astype(int) + 900)
    # A few press the button while they still wait.
    early = rng.random(n) < 0.003
    lag = np.where(early, -rng.integers(30, 250, n), lag)
    reviewed_at = reviewed["closed_at"] + pl.Series(lag * 1_000_000).cast(pl.Duration("us"))
    tags, comments = _why(rng, level)
    person = rows_at(_reviewers(plan, city), rng.integers(0, plan.scaled(REVIEWERS), n))
    known = reviewed["named"]
    return reviewed.select("case_no", "contact_no", "closed_at", "named").with_columns(
        pl.lit(1).alias("review_no"),
        pl.Series("level", level),
        pl.Series("tags", tags, dtype=pl.String),
        pl.Series("comment", _with_leaks(rng, comments, person), dtype=pl.String),
        pl.Series("channel", _review_channel(rng, reviewed["channel"])),
        reviewed_at.alias("reviewed_at"),
        pl.lit(value=False).alias("is_default"),
        pl.lit("I").alias("record_action"),
        pl.lit(value=False).alias("is_brushed"),
        reviewed_at.dt.date().alias("sent_on"),
        person["reviewer_kind"].set(~known, None),
        person["reviewer_id"].set(~known, None),
        person["reviewer_phone"].set(~known, None),
        person["reviewer_name"].set(~known, None),
    )


@lru_cache(maxsize=1)
def _tag_codes() -> dict[int, list[str]]:
    """level → tag codes of the list in force."""
    rows = [row for row in seed("review_tags") if row["scheme"] == "v2"]
    return {level: [r["code"] for r in rows if r["level"] == str(level)] for level in range(1, 6)}


def _why(rng: np.random.Generator, level: np.ndarray) -> tuple[list[str | None], list[str | None]]:
    """Tags and comments; a bad review always has one of the two."""
    n = level.size
    codes = np.array([_tag_codes()[k] for k in range(1, 6)])
    order = rng.random((n, codes.shape[1])).argsort(axis=1)
    how_many = rng.integers(1, 4, n)
    tagged = rng.random(n) < np.where(level <= 2, 0.85, 0.65)
    texts = np.where(level <= 2, rng.choice(BAD_COMMENTS, n), rng.choice(GOOD_COMMENTS, n))
    wrote = rng.random(n) < np.where(level <= 2, 0.6, 0.15)
    wrote |= (level <= 2) & ~tagged
    tags = [
        ",".join(sorted(codes[k - 1, o[:m]])) if t else None
        for k, o, m, t in zip(level, order, how_many, tagged, strict=True)
    ]
    return tags, [str(text) if w else None for text, w in zip(texts, wrote, strict=True)]


def _with_leaks(rng: np.random.Generator, comments: list[str | None], person: pl.DataFrame) -> list[str | None]:
    """Some people write their own number into the comment."""
    leaks, wording = rng.random(len(comments)) < 0.04, rng.integers(0, len(PRIVATE), len(comments))
    return [
        text + "，" + PRIVATE[w].format(phone=p["reviewer_phone"], id=p["resident_id"], name=p["reviewer_name"])
        if text and leak
        else text
        for text, leak, w, p in zip(comments, leaks, wording, person.iter_rows(named=True), strict=True)
    ]


def _reviewers(plan: Plan, city: City) -> pl.DataFrame:
    """The people who review at all; one in eight speaks for a company and signs with its credit code."""
    rng = plan.rng("reviewers")
    n = plan.scaled(REVIEWERS)
    residents = people.resident_ids(rng, city.counties, people.birthdays(rng, n))
    company = rng.random(n) < 0.12
    signatures = np.array(residents, dtype=object)
    signatures[company] = people.credit_codes(rng, rng.choice(city.counties, int(company.sum())).tolist())
    return pl.DataFrame(
        {
            "resident_id": residents,
            "reviewer_kind": np.where(company, "2", "1"),
            "reviewer_id": signatures.tolist(),
            "reviewer_phone": people.mobiles(rng, n),
            "reviewer_name": people.names(rng, n),
        }
    )


def _review_channel(rng: np.random.Generator, contact_channel: pl.Series) -> np.ndarray:
    n = contact_channel.len()
    in_hall = rng.choice(["3", "4", "5"], n, p=[0.3, 0.5, 0.2])
    at_home = np.where(contact_channel.is_in(["2"]), "1", np.where(contact_channel.is_in(["3"]), "2", "6"))
    return np.where(contact_channel.is_in(["1"]), in_hall, at_home)


# ── what no resident said ───────────────────────────────────────────────────────────────────────


def _defaults(plan: Plan, silent: pl.DataFrame) -> pl.DataFrame:
    """Rows the system writes for people who kept silent; not every contact gets one."""
    rng = plan.rng("evaluation.reviews", "defaults")
    chosen = silent.filter(pl.Series(rng.random(silent.height) < 0.3))
    written = (chosen["closed_at"].dt.date() + DEFAULT_AFTER).cast(pl.Datetime("us")) + timedelta(minutes=5)
    return chosen.select("case_no", "contact_no", "closed_at", "named").with_columns(
        pl.lit(1).alias("review_no"),
        pl.lit(5, pl.Int64).alias("level"),
        pl.lit("7").alias("channel"),
        written.alias("reviewed_at"),
        pl.lit(value=True).alias("is_default"),
        pl.lit("I").alias("record_action"),
        pl.lit(value=False).alias("is_brushed"),
        written.dt.date().alias("sent_on"),
    )


def _brushed(plan: Plan, city: City, silent: pl.DataFrame) -> pl.DataFrame:
    """Five stars at one window, evening after evening, twenty to forty seconds apart, same two tags, no word."""
    rng = plan.rng("evaluation.reviews", "brushed")
    known = halls(city)["facility_code"]
    hall = known[min(BRUSHED_HALL, known.len() - 1)]
    at_window = silent.filter((pl.col("facility_code") == hall) & (pl.col("window_no") == BRUSHED_WINDOW))
    n = min(plan.scaled(BRUSHED), at_window.height)
    evenings = max(1, min(6, plan.days - 1, n // 20))
    victims = at_window.sort("closed_at").head(n)
    evening = np.sort(rng.integers(0, evenings, n))
    # Each burst happens after the last contact it covers has closed.
    frame = victims.with_columns(pl.Series("evening", evening)).with_columns(
        (pl.col("closed_at").max().over("evening").dt.date().cast(pl.Datetime("us")) + pl.duration(hours=19)).alias(
            "from"
        )
    )
    gaps = pl.Series("gap", rng.integers(20, 41, n))
    reviewed_at = pl.col("from") + pl.duration(seconds=pl.col("gap").cum_sum().over("evening"))
    phones = people.mobiles(rng, 5)
    return frame.with_columns(gaps).select(
        "case_no",
        "contact_no",
        "closed_at",
        "named",
        pl.lit(1).alias("review_no"),
        pl.lit(5, pl.Int64).alias("level"),
        pl.lit("510,517").alias("tags"),
        pl.lit("5").alias("channel"),
        reviewed_at.alias("reviewed_at"),
        pl.lit(value=False).alias("is_default"),
        pl.lit("I").alias("record_action"),
        pl.lit(value=True).alias("is_brushed"),
        reviewed_at.dt.date().alias("sent_on"),
        pl.Series("reviewer_phone", rng.choice(phones, n)),
    )
