"""Charts that carry their intervals: plain SVG drawn from a published database, for `release` to lay beside it.

Belongs here: a row of a published table → a mark with its bounds. No estimate is made here; what is withheld or was
not estimated is named as such and not drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import duckdb

from contracts.loading import load_products, named
from orchestration.release.telling_apart import told_apart

WIDTH, LEFT, RIGHT, LINE, TOP = 760, 220, 40, 26, 64
INK, SOFT, MODEL = "#1b3a4b", "#9fb3bd", "#b5651d"


class Bar(NamedTuple):
    """One line of a chart: a name, an estimate with its bounds, and a second one beside it; null is not drawn."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    note: str = ""
    beside: float | None = None
    beside_low: float | None = None
    beside_high: float | None = None


def interval_chart(title: str, caption: str, bars: Sequence[Bar], lowest: float = 0, highest: float = 100) -> str:
    """An SVG document: a point and its interval for each bar on one axis, the second estimate below the first in brown."""
    height = TOP + LINE * len(bars) + 44
    scale = (WIDTH - LEFT - RIGHT) / (highest - lowest)

    def x(value: float) -> float:
        return round(LEFT + (min(max(value, lowest), highest) - lowest) * scale, 1)

    def mark(y: float, value: float, low: float | None, high: float | None, colour: str) -> list[str]:
        whisker = [] if low is None or high is None else [f'<line x1="{x(low)}" x2="{x(high)}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/>']  # fmt: skip
        return [*whisker, f'<circle cx="{x(value)}" cy="{y}" r="4" fill="{colour}"/>']

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<text x="12" y="22" font-size="15" font-weight="bold" fill="{INK}">{escape(title)}</text>',
        f'<text x="12" y="42" fill="{INK}">{escape(caption)}</text>',
    ]
    for step in range(5):
        at = lowest + (highest - lowest) * step / 4
        parts.append(f'<line x1="{x(at)}" x2="{x(at)}" y1="{TOP - 8}" y2="{height - 34}" stroke="{SOFT}" stroke-width="0.5"/>')  # fmt: skip
        parts.append(f'<text x="{x(at)}" y="{height - 18}" text-anchor="middle" fill="{INK}">{at:g}</text>')
    for i, bar in enumerate(bars):
        y = TOP + LINE * i + LINE / 2
        parts.append(f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end" fill="{INK}">{escape(bar.label)}</text>')
        if bar.value is None:
            parts.append(f'<text x="{LEFT + 6}" y="{y + 4}" fill="{INK}">{escape(bar.note)}</text>')
            continue
        shift = 4 if bar.beside is not None else 0
        parts += mark(y - shift, bar.value, bar.low, bar.high, INK)
        if bar.beside is not None:
            parts += mark(y + shift, bar.beside, bar.beside_low, bar.beside_high, MODEL)
    return "\n".join([*parts, "</svg>"]) + "\n"


def survey_charts(database: Path) -> dict[str, str]:
    """File name → SVG: each wave by dimension, its overall satisfaction by area, and the drivers of its outcome."""
    charts = {}
    with duckdb.connect(str(database), read_only=True) as con:
        tables = {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}
        if not {"survey_score", "survey_driver"} <= tables:
            return {}
        waves = [w for (w,) in con.execute("select distinct wave from survey_score where mean is not null order by wave").fetchall()]  # fmt: skip
        for wave in waves:
            charts[f"survey_{wave}_dimensions.svg"] = interval_chart(
                f"{wave} 各维度得分 · Score by dimension",
                "0–100，加权均值与 95 % 区间 · weighted means with 95 % intervals",
                _bars(
                    con,
                    "area_level = 'all' and group_name = 'all' and question_id = 'all'",
                    "dimension",
                    "mean desc",
                    wave,
                ),
            )
            charts[f"survey_{wave}_areas.svg"] = interval_chart(
                f"{wave} 各地总体满意度 · Overall satisfaction by area",
                "深色：直接估计；棕色：模型估计（样本少的地区） · dark: direct, brown: modelled, where few answered",
                _bars(
                    con,
                    "area_level not in ('all', 'town') and group_name = 'all' and question_id = 'all' and dimension = 'overall'",
                    "coalesce(division_name, division_code)", "division_code", wave,
                ),
            )  # fmt: skip
            drivers = con.execute(
                "select driver, 100 * importance, 100 * importance_lo, 100 * importance_hi, coalesce(suppressed_reason, null_reason, '') "
                "from survey_driver where wave = ? order by outcome, importance desc nulls last, driver", [wave],
            ).fetchall()  # fmt: skip
            if drivers:
                charts[f"survey_{wave}_drivers.svg"] = interval_chart(
                    f"{wave} 什么与总体满意度相关 · What goes with overall satisfaction",
                    "占可解释部分的百分比及 95 % 区间，相关不是因果 · % of what is explained, association not effect",
                    [Bar(_called("survey_driver", "driver", driver), *row) for driver, *row in drivers], 0, 50 if all((row[3] or 0) <= 50 for row in drivers) else 100,
                )  # fmt: skip
    return charts


def _bars(con: duckdb.DuckDBPyConnection, where: str, label: str, order: str, wave: str) -> list[Bar]:
    found = con.execute(
        f"select {order.split(maxsplit=1)[0]}, {label}, mean, mean_lo, mean_hi, coalesce(suppressed_reason, null_reason, ''), "
        "case when is_modelled then modelled_mean end, modelled_lo, modelled_hi "
        f"from survey_score where wave = ? and {where} order by {order}",
        [wave],
    ).fetchall()
    # By dimension a bar is its label; by area, its code, as it is ordered.
    keys = [str(key if label != "dimension" else name) for key, name, *_ in found]
    called = told_apart(
        {key: _called("survey_score", label, name) for key, (_, name, *_) in zip(keys, found, strict=True)}
    )
    return [
        Bar(called[key], mean, low, high, _called("survey_score", "null_reason", note), *beside)
        for key, (_, _, mean, low, high, note, *beside) in zip(keys, found, strict=True)
    ]


def _called(table: str, column: str, value: str) -> str:
    """A value of a column in words; what its contract does not name stays as it is."""
    spec = load_products()[table].by_name.get(column)
    return named(spec, value) if spec and value else value


def write(database: Path, folder: Path) -> None:
    """Draws every chart of a database into a folder."""
    folder.mkdir()
    for name, svg in survey_charts(database).items():
        (folder / name).write_text(svg, encoding="utf-8")
