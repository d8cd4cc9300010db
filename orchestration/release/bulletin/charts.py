"""Charts of the bulletin: Vega-Lite specifications, drawn here to SVG that a page holds as it is.

Belongs here: what a chart encodes, its axes with their units. Does not belong here: which figures (figures.py), and ranges in a row of a
table, which are drawn by the style sheet. vl-convert asks no network: nothing in a specification is an address.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.metadata import version
from math import cos, radians
from pathlib import Path
from typing import Any

from contracts.whole_files import NotReadable, read_json, write_json
from orchestration.release.bulletin.edition import Language, Row

FONT = "-apple-system, 'Segoe UI', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Source Han Sans SC', 'WenQuanYi Zen Hei', system-ui, sans-serif"
INK, SOFT, GRID, BLUE, BAND = "#1b2733", "#566370", "#e3e8ed", "#1d5a86", "#cfdfec"
GOOD, BAD = "#1a7446", "#b3382c"
CONFIG: dict[str, Any] = {
    "background": "transparent", "aria": False, "font": FONT, "view": {"stroke": None},
    "axis": {"labelFontSize": 12.5, "titleFontSize": 12.5, "titleFontWeight": "normal", "labelColor": SOFT, "titleColor": SOFT, "gridColor": GRID,
             "domainColor": "#9aa7b3", "tickColor": "#9aa7b3", "labelPadding": 5, "titlePadding": 8},
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "labelColor": INK, "titleColor": SOFT, "symbolSize": 90},
}  # fmt: skip
# From none to all.
DEEPER = ["#f3e3d0", "#8fb4cf", "#123c5a"]
WIDTH = 480
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
# More points than this are drawn as tiles.
MANY_POINTS = 1500


def trend(months: Sequence[Row], language: Language, height: int = 190) -> str | None:
    """The good rate of a unit by month with its interval, between the policy's lines; None where no month shows one."""
    shown = [r for r in months if r["good_rate"] is not None and r["good_rate_lo"] is not None][-24:]
    if not shown:
        return None
    zh = language == "zh"
    values = [
        {"month": f"{r['period_start']:%Y-%m}", "rate": 100 * r["good_rate"], "lo": 100 * r["good_rate_lo"], "hi": 100 * r["good_rate_hi"],
         "running": r["is_complete"] is False}
        for r in shown
    ]  # fmt: skip
    lines = [
        {"at": 100 * shown[-1][column], "name": name, "colour": colour}
        for column, name, colour in (("good_line", "好线" if zh else "good line", GOOD), ("bad_line", "差线" if zh else "bad line", BAD))
        if shown[-1][column] is not None
    ]  # fmt: skip
    everything = [v["lo"] for v in values] + [line["at"] for line in lines]
    low = max(0, int((min(everything) - 1) // 2 * 2))
    y = {"type": "quantitative", "scale": {"domain": [low, 100], "nice": False}, "title": "好评率（%）" if zh else "Good rate (%)",
         "axis": {"tickCount": 5}}  # fmt: skip
    x = {"field": "month", "type": "ordinal", "title": "月份（年-月）" if zh else "Month (year-month)", "axis": {"labelAngle": 0, "labelOverlap": True}}  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"data": {"values": lines}, "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.3},
         "encoding": {"y": {"field": "at", **y}, "color": {"field": "colour", "type": "nominal", "scale": None}}},
        {"data": {"values": lines}, "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 12, "x": "width"},
         "encoding": {"y": {"field": "at", **y}, "text": {"field": "name"}, "color": {"field": "colour", "type": "nominal", "scale": None}}},
        {"mark": {"type": "rule", "strokeWidth": 7, "color": BAND, "strokeCap": "round"},
         "encoding": {"x": x, "y": {"field": "lo", **y}, "y2": {"field": "hi"}}},
        {"mark": {"type": "line", "color": BLUE, "strokeWidth": 2}, "encoding": {"x": x, "y": {"field": "rate", **y}}},
        {"mark": {"type": "point", "size": 55, "filled": True, "opacity": 1, "color": BLUE}, "encoding": {"x": x, "y": {"field": "rate", **y}}},
    ]  # fmt: skip
    return _svg({"width": WIDTH - 105, "height": height, "data": {"values": values}, "layer": layers})


@dataclass(frozen=True)
class _Frame:
    """A map's size and axes: a degree is as long in both directions as it is on the ground."""

    width: int
    height: int
    x: dict[str, Any]
    y: dict[str, Any]
    span_x: float  # of all points, in degrees of latitude
    wide: float  # a degree of longitude in degrees of latitude

    def drawn(self, spec: dict[str, Any]) -> str:
        return _svg({"width": self.width, "height": self.height, **spec})


def _frame(points: Sequence[Row], zh: bool) -> _Frame:
    middle = sum(p["latitude"] for p in points) / len(points)
    wide = cos(radians(middle))
    span_x = (max(p["longitude"] for p in points) - min(p["longitude"] for p in points)) * wide or 0.01
    span_y = max(p["latitude"] for p in points) - min(p["latitude"] for p in points) or 0.01
    width = WIDTH - 80
    height = min(560, max(220, int(width * span_y / span_x)))
    width = max(120, int(height * span_x / span_y)) if height == 560 else width
    axis = {"type": "quantitative", "scale": {"zero": False, "nice": False, "padding": 8}, "axis": {"grid": False, "tickCount": 5, "format": ".2f"}}  # fmt: skip
    return _Frame(
        width, height, {**axis, "title": "东经（度）" if zh else "Longitude (degrees east)"},
        {**axis, "title": "北纬（度）" if zh else "Latitude (degrees north)"}, span_x, wide,
    )  # fmt: skip


def map_of(points: Sequence[Row], language: Language) -> str | None:
    """Communities where they lie, or squares of the map with many of them, by whether a comprehensive facility is in them."""
    if not points:
        return None
    zh = language == "zh"
    frame = _frame(points, zh)
    if len(points) > MANY_POINTS:
        title = "有综合服务设施的社区（%）" if zh else "Communities with a comprehensive facility (%)"
        shares = [100.0 * p["is_served"] for p in points]
        return _tiles(frame, points, shares, title, [0, 100], ["#d1762a", "#eee3d3", BLUE])
    has, lacks = ("有", "没有") if zh else ("has one", "has none")
    scale = {"domain": [has, lacks], "range": [BLUE, "#d1762a"]}
    colour = {"field": "served", "type": "nominal", "title": "综合服务设施" if zh else "Comprehensive facility", "scale": scale, "legend": {"orient": "top"}}  # fmt: skip
    shape = {**colour, "scale": {"domain": [has, lacks], "range": ["circle", "triangle-up"]}}
    values = [_at(p) | {"served": has if p["is_served"] else lacks} for p in points]
    mark = {"type": "point", "filled": True, "size": 34, "opacity": 0.85}
    where = {"x": {"field": "lon", **frame.x}, "y": {"field": "lat", **frame.y}}
    return frame.drawn({"data": {"values": values}, "mark": mark, "encoding": {**where, "color": colour, "shape": shape}})  # fmt: skip


def circle_of(points: Sequence[Row], types: int, language: Language) -> str | None:
    """How many of the `types` of the fifteen-minute circle each community has within a walk: the darker, the more."""
    if not points or types < 1:
        return None
    zh = language == "zh"
    frame = _frame(points, zh)
    title = f"步行可及的设施类别（共 {types} 类）" if zh else f"Types within a walk (of {types})"
    if len(points) > MANY_POINTS:
        return _tiles(frame, points, [float(p["circle_within"]) for p in points], title, [0, types], DEEPER)
    scale = {"domain": list(range(types + 1)), "range": _shades(types + 1)}
    colour = {"field": "within", "type": "ordinal", "title": title, "scale": scale, "legend": {"orient": "top", "direction": "horizontal"}}  # fmt: skip
    values = [_at(p) | {"within": p["circle_within"]} for p in points]
    mark = {"type": "point", "filled": True, "size": 42, "opacity": 0.95, "stroke": "#566370", "strokeWidth": 0.6}
    where = {"x": {"field": "lon", **frame.x}, "y": {"field": "lat", **frame.y}}
    return frame.drawn({"data": {"values": values}, "mark": mark, "encoding": {**where, "color": colour}})


def _at(p: Row) -> dict[str, Any]:
    return {"lon": round(p["longitude"], 4), "lat": round(p["latitude"], 4)}


def _shades(steps: int) -> list[str]:
    """From the first colour of DEEPER over its middle to the last, in equal steps."""
    parts = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in DEEPER]
    made = []
    for n in range(steps):
        at = n / max(steps - 1, 1) * (len(parts) - 1)
        one, two = parts[int(at)], parts[min(int(at) + 1, len(parts) - 1)]
        made.append("#" + "".join(f"{round(a + (b - a) * (at - int(at))):02x}" for a, b in zip(one, two, strict=True)))
    return made


def _tiles(
    frame: _Frame, points: Sequence[Row], figures: Sequence[float], title: str, domain: list[int], colours: list[str]
) -> str:
    """Squares of equal size; the colour is the mean of their communities' figures."""
    side = frame.span_x / 40
    counted: dict[tuple[int, int], list[float]] = {}
    for p, figure in zip(points, figures, strict=True):
        place = (int(p["longitude"] * frame.wide // side), int(p["latitude"] // side))
        counted.setdefault(place, []).append(figure)
    values = [
        {"lon": x * side / frame.wide, "lon2": (x + 1) * side / frame.wide, "lat": y * side, "lat2": (y + 1) * side, "mean": sum(of) / len(of)}
        for (x, y), of in counted.items()
    ]  # fmt: skip
    colour = {
        "field": "mean", "type": "quantitative", "title": title,
        "scale": {"domain": domain, "range": colours, "interpolate": "rgb"}, "legend": {"orient": "top", "gradientLength": 200},
    }  # fmt: skip
    where = {
        "x": {"field": "lon", **frame.x}, "x2": {"field": "lon2"}, "y": {"field": "lat", **frame.y}, "y2": {"field": "lat2"},
    }  # fmt: skip
    return frame.drawn({"data": {"values": values}, "mark": "rect", "encoding": {**where, "color": colour}})


def drivers(rows: Sequence[Row], names: Sequence[str], language: Language) -> str | None:
    """Importance against performance of each dimension, cut at the means of both."""
    zh = language == "zh"
    values = [
        {"name": name, "score": r["performance"], "importance": 100 * r["importance"]}
        for r, name in zip(rows, names, strict=True)
        if r["performance"] is not None and r["importance"] is not None
    ]
    if len(values) < 2:
        return None
    means = {key: sum(v[key] for v in values) / len(values) for key in ("score", "importance")}
    x = {"type": "quantitative", "scale": {"zero": False, "padding": 45, "nice": False}, "title": "得分（0–100 分）" if zh else "Score (0–100 points)"}  # fmt: skip
    y = {"type": "quantitative", "scale": {"zero": False, "padding": 22, "nice": False}, "title": "与总体满意度的关联（占可解释部分的 %）" if zh else "Association with overall satisfaction (% of explained)"}  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"data": {"values": [means]}, "mark": {"type": "rule", "strokeDash": [4, 4], "color": "#9aa7b3"}, "encoding": {"x": {"field": "score", **x}}},
        {"data": {"values": [means]}, "mark": {"type": "rule", "strokeDash": [4, 4], "color": "#9aa7b3"}, "encoding": {"y": {"field": "importance", **y}}},
        {"mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "color": BLUE}, "encoding": {"x": {"field": "score", **x}, "y": {"field": "importance", **y}}},
        {"mark": {"type": "text", "dy": -11, "fontSize": 12, "color": INK}, "encoding": {"x": {"field": "score", **x}, "y": {"field": "importance", **y}, "text": {"field": "name"}}},
    ]  # fmt: skip
    return _svg({"width": WIDTH + 40, "height": 330, "data": {"values": values}, "layer": layers})


# ── drawing ─────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Drawings:
    """What Vega made of specifications: in the release before, and in this one. Drawing takes a tenth of a second, which holds Python."""

    before: dict[str, str] = field(default_factory=dict)
    now: dict[str, str] = field(default_factory=dict)


_DRAWINGS: ContextVar[_Drawings | None] = ContextVar("drawings", default=None)


@contextmanager
def taken_over(last: Path, kept: Path) -> Iterator[None]:
    """Charts whose specification is as it was are those that `last` keeps, which need not be there; `kept` is written for the next release."""
    drawings = _Drawings(_read(last))
    token = _DRAWINGS.set(drawings)
    try:
        yield
    finally:
        _DRAWINGS.reset(token)
    write_json(kept, {"checksum": _checksum(drawings.now), "drawings": drawings.now})


def _read(path: Path) -> dict[str, str]:
    with suppress(FileNotFoundError, NotReadable, KeyError):
        said = read_json(path)
        if said["checksum"] == _checksum(said["drawings"]):
            return dict(said["drawings"])
    return {}


def _checksum(drawings: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(drawings, sort_keys=True).encode()).hexdigest()


def _drawn(spec: dict[str, Any]) -> str:
    """Vega's drawing of a specification, or the one it made of the same before."""
    kept = _DRAWINGS.get() or _Drawings()
    key = hashlib.sha256(json.dumps([version("vl-convert-python"), spec], sort_keys=True).encode()).hexdigest()
    if key not in kept.now:
        if key not in kept.before:
            import vl_convert

            kept.before[key] = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
        kept.now[key] = kept.before[key]
    return kept.now[key]


def _svg(spec: dict[str, Any]) -> str:
    """The drawing without its size, so that it takes that of its place, and with names of its own for what it refers to."""
    drawn = _drawn({"$schema": SCHEMA, "config": CONFIG, **spec})
    drawn = re.sub(r'(<svg[^>]*?) width="[\d.]+" height="[\d.]+"', r"\1", drawn, count=1)
    # The page names the drawing as a whole and has its figures in a table; its parts have no names of their own.
    drawn = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", drawn)
    mark = hashlib.sha256(drawn.encode()).hexdigest()[:6]
    return re.sub(r'(id="|url\(#)(clip|gradient)', rf"\g<1>{mark}\g<2>", drawn)
