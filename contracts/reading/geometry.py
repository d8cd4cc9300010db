"""One point for a geometry: itself for a point, else the centroid of the largest polygon, longest line or the points.

Planar formulas on degrees: exact enough for a building or a park, not for a province.
Source: https://en.wikipedia.org/wiki/Centroid#Of_a_polygon
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

Position = tuple[float, float]
Line = list[Position]
Measure = Callable[[list[Line]], tuple[float, Position]]


def representative_point(geometry: Any) -> tuple[str | None, str | None]:
    """(longitude, latitude) as text: a point as it was sent, a computed one with 7 decimals (1 cm); None where there is none.

    Of a geometry that says something and no place, what it says: nobody takes it for an empty one.
    """
    if not isinstance(geometry, dict) or not (geometry.get("coordinates") or geometry.get("geometries")):
        return (None, None) if not geometry or isinstance(geometry, dict) else (_said(geometry), _said(geometry))
    try:
        if geometry["type"] == "Point":
            x, y = (
                float(geometry["coordinates"][axis]) for axis in (0, 1) if isinstance(geometry["coordinates"], list)
            )
            if math.isfinite(x) and math.isfinite(y):
                return str(geometry["coordinates"][0]), str(geometry["coordinates"][1])
        else:
            x, y = _centre(geometry)
            if math.isfinite(x) and math.isfinite(y):
                return f"{x:.7f}", f"{y:.7f}"
    except (TypeError, ValueError, IndexError, KeyError, ZeroDivisionError, OverflowError, RecursionError):
        pass
    return _said(geometry), _said(geometry)


def _said(geometry: Any) -> str:
    said = geometry.get("coordinates", geometry.get("geometries")) if isinstance(geometry, dict) else geometry
    return json.dumps(said, ensure_ascii=False)[:60]


def _centre(geometry: Mapping[str, Any]) -> Position:
    """Raises KeyError, TypeError, ValueError or IndexError for what is no geometry."""
    kind = geometry["type"]
    if kind == "GeometryCollection":
        return _centre({"type": None} | geometry["geometries"][0])
    parts = [geometry["coordinates"]]
    if kind in ("MultiPolygon", "MultiLineString"):
        kind, parts = kind.removeprefix("Multi"), geometry["coordinates"]
    measures: dict[str, Measure] = {"Polygon": _polygon, "LineString": _line, "MultiPoint": _mean, "Point": _mean}
    lines = (
        [part] if kind in ("LineString", "MultiPoint") else [[part]] if kind == "Point" else part for part in parts
    )
    return max(
        (_measured(measures[kind], [_positions(line) for line in part]) for part in lines), key=lambda found: found[0]
    )[1]


def _measured(measure: Measure, lines: list[Line]) -> tuple[float, Position]:
    """What lies across the 180th meridian (179.9, then -179.9) is measured as a whole, and not around the other side of the earth."""
    all_x = [x for line in lines for x, _ in line]
    is_across = any(abs(a[0] - b[0]) > 180 for line in lines for a, b in pairwise(line))
    is_degrees = max(map(abs, all_x)) <= 180 and all(abs(y) <= 90 for line in lines for _, y in line)
    if not (is_across and is_degrees) or all(abs(x) == 180 for x in all_x):  # the whole earth is no shape across it
        return measure(lines)
    size, (x, y) = measure([[(x % 360, y) for x, y in line] for line in lines])
    return size, (x - 360 if x > 180 else x, y)


def _positions(coordinates: Sequence[Sequence[Any]]) -> Line:
    return [(float(p[0]), float(p[1])) for p in coordinates]


def _polygon(rings: list[Line]) -> tuple[float, Position]:
    """(area, centroid) of a polygon; holes are taken out."""
    outer, *holes = [_ring(ring) for ring in rings]
    area = outer[0] - sum(hole[0] for hole in holes)
    if area <= 0:
        return _mean(rings)
    x = (outer[0] * outer[1][0] - sum(a * c[0] for a, c in holes)) / area
    y = (outer[0] * outer[1][1] - sum(a * c[1] for a, c in holes)) / area
    return area, (x, y)


def _ring(points: Line) -> tuple[float, Position]:
    # Relative to the first point, or the products of large coordinates would swallow a building.
    x0, y0 = points[0]
    near = [(x - x0, y - y0) for x, y in points]
    crosses = [x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(near, near[1:] + near[:1], strict=True)]
    twice = sum(crosses)
    if twice == 0:
        return _mean([points])
    x = sum((a[0] + b[0]) * c for a, b, c in zip(near, near[1:] + near[:1], crosses, strict=True)) / (3 * twice)
    y = sum((a[1] + b[1]) * c for a, b, c in zip(near, near[1:] + near[:1], crosses, strict=True)) / (3 * twice)
    return abs(twice) / 2, (x0 + x, y0 + y)


def _line(lines: list[Line]) -> tuple[float, Position]:
    """(length, the point half way along) of the first line."""
    points = lines[0]
    lengths = [math.dist(a, b) for a, b in pairwise(points)]
    half = sum(lengths) / 2
    for (a, b), length in zip(pairwise(points), lengths, strict=True):
        if length >= half and length > 0:
            share = half / length
            return sum(lengths), (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]))
        half -= length
    return 0.0, points[0]


def _mean(lines: list[Line]) -> tuple[float, Position]:
    """(0, the middle of all points) of the first line."""
    points = lines[0]
    return 0.0, (sum(p[0] for p in points) / len(points), sum(p[1] for p in points) / len(points))
