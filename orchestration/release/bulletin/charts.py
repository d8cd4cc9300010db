"""Charts of the bulletin: Vega-Lite specifications, drawn here to SVG that a page holds as it is.

Belongs here: what a chart encodes, its axes with their units. Does not belong here: which figures (figures.py), and ranges in a row of a
table, which are drawn by the style sheet. vl-convert asks no network: nothing in a specification is an address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from math import cos, radians
from typing import Any

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
WIDTH = 480
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


def map_of(points: Sequence[Row], language: Language) -> str | None:
    """Communities where they lie, or squares of the map with many of them, by whether a comprehensive facility is in them."""
    if not points:
        return None
    zh = language == "zh"
    middle = sum(p["latitude"] for p in points) / len(points)
    wide = cos(radians(middle))
    span_x = (max(p["longitude"] for p in points) - min(p["longitude"] for p in points)) * wide or 0.01
    span_y = max(p["latitude"] for p in points) - min(p["latitude"] for p in points) or 0.01
    width = WIDTH - 80
    height = min(560, max(220, int(width * span_y / span_x)))
    width = int(height * span_x / span_y) if height == 560 else width
    axes: dict[str, Any] = {
        "x": {"type": "quantitative", "scale": {"zero": False, "nice": False, "padding": 8}, "title": "东经（度）" if zh else "Longitude (degrees east)",
              "axis": {"grid": False, "tickCount": 5, "format": ".2f"}},
        "y": {"type": "quantitative", "scale": {"zero": False, "nice": False, "padding": 8}, "title": "北纬（度）" if zh else "Latitude (degrees north)",
              "axis": {"grid": False, "tickCount": 5, "format": ".2f"}},
    }  # fmt: skip
    if len(points) > MANY_POINTS:
        return _tiles(points, axes, width, height, span_x, wide, zh)
    has, lacks = ("有", "没有") if zh else ("has one", "has none")
    colour = {
        "field": "served", "type": "nominal", "title": "综合服务设施" if zh else "Comprehensive facility",
        "scale": {"domain": [has, lacks], "range": [BLUE, "#d1762a"]}, "legend": {"orient": "top"},
    }  # fmt: skip
    values = [
        {"lon": round(p["longitude"], 4), "lat": round(p["latitude"], 4), "served": has if p["is_served"] else lacks}
        for p in points
    ]
    shape = {
        "field": "served",
        "type": "nominal",
        "scale": {"domain": [has, lacks], "range": ["circle", "triangle-up"]},
    }
    where = {"x": {"field": "lon", **axes["x"]}, "y": {"field": "lat", **axes["y"]}}
    spec = {
        "width": width, "height": height, "data": {"values": values},
        "mark": {"type": "point", "filled": True, "size": 34, "opacity": 0.85}, "encoding": {**where, "color": colour, "shape": shape},
    }  # fmt: skip
    return _svg(spec)


def _tiles(
    points: Sequence[Row], axes: dict[str, Any], width: int, height: int, span_x: float, wide: float, zh: bool
) -> str:
    """Squares of equal size; the colour is the share of their communities with a facility."""
    side = span_x / 40
    counted: dict[tuple[int, int], list[bool]] = {}
    for p in points:
        counted.setdefault((int(p["longitude"] * wide // side), int(p["latitude"] // side)), []).append(p["is_served"])
    values = [
        {"lon": x * side / wide, "lon2": (x + 1) * side / wide, "lat": y * side, "lat2": (y + 1) * side, "share": 100 * sum(has) / len(has)}
        for (x, y), has in counted.items()
    ]  # fmt: skip
    title = "有综合服务设施的社区（%）" if zh else "Communities with a comprehensive facility (%)"
    colour = {
        "field": "share", "type": "quantitative", "title": title,
        "scale": {"domain": [0, 100], "range": ["#d1762a", "#eee3d3", BLUE]}, "legend": {"orient": "top", "gradientLength": 200},
    }  # fmt: skip
    where = {
        "x": {"field": "lon", **axes["x"]}, "x2": {"field": "lon2"},
        "y": {"field": "lat", **axes["y"]}, "y2": {"field": "lat2"},
    }  # fmt: skip
    spec = {
        "width": width,
        "height": height,
        "data": {"values": values},
        "mark": "rect",
        "encoding": {**where, "color": colour},
    }
    return _svg(spec)


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


def _svg(spec: dict[str, Any]) -> str:
    """The drawing without its size, so that it takes that of its place, and with names of its own for what it refers to."""
    import vl_convert

    drawn = vl_convert.vegalite_to_svg({"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "config": CONFIG, **spec}, allowed_base_urls=[])  # fmt: skip
    drawn = re.sub(r'(<svg[^>]*?) width="[\d.]+" height="[\d.]+"', r"\1", drawn, count=1)
    # The page names the drawing as a whole and has its figures in a table; its parts have no names of their own.
    drawn = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", drawn)
    mark = hashlib.sha256(drawn.encode()).hexdigest()[:6]
    return re.sub(r'(id="|url\(#)(clip|gradient)', rf"\g<1>{mark}\g<2>", drawn)
