"""Points in GCJ-02, BD-09 or a system of the EPSG register → WGS-84, as polars expressions.

Both systems are WGS-84 shifted by a published-by-reverse-engineering polynomial; the inverse has no closed
form. One fixed-point step leaves an error below 0.5 m inside mainland China (tested by a round trip), which is
far below what an address is worth. Points outside the mainland (mainland.py) are not shifted: the systems do not apply
there.

Systems of the EPSG register (national grids in metres, other datums) are what pyproj makes of them, without grids of its network:
errors of a metre or two where a country has published better.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from contracts.door.mainland import is_in_mainland
from contracts.loading import seed

SEMI_MAJOR_M = 6378245.0  # Krasovsky 1940, which GCJ-02 is computed on
ECCENTRICITY_SQUARED = 0.00669342162296594323
BD_ANGLE = math.pi * 3000.0 / 180.0
POINT = pl.Struct({"x": pl.Float64, "y": pl.Float64})


def in_wgs84(frame: pl.DataFrame, usual: str) -> pl.DataFrame:
    """Every row's `longitude` and `latitude` in WGS-84: from the system its `coordinate_system` names, else from `usual`.

    A row that names a system of no known shift has no point: null, not a point some hundred metres off.
    """
    crs = pl.lit(usual)
    if "coordinate_system" in frame.columns:
        known = {row["code"]: row["crs"] for row in seed("coordinate_systems")}
        named = pl.col("coordinate_system")
        crs = pl.when(named.is_null()).then(crs).otherwise(named.replace_strict(known, default=None))
    frame = frame.with_columns(crs.alias("_crs"))
    points = {
        c: _from_epsg(frame["longitude"], frame["latitude"], c)
        if c.startswith("EPSG:")
        else to_wgs84(pl.col("longitude"), pl.col("latitude"), c)
        for c in frame["_crs"].drop_nulls().unique()
    }
    axes = {
        name: [pl.when(pl.col("_crs") == c).then(point[axis]) for c, point in points.items()]
        for axis, name in enumerate(("longitude", "latitude"))
    }
    nothing = pl.lit(None, dtype=pl.Float64)
    return frame.with_columns(pl.coalesce(*found, nothing).alias(name) for name, found in axes.items()).drop("_crs")


def to_wgs84(longitude: pl.Expr, latitude: pl.Expr, crs: str) -> tuple[pl.Expr, pl.Expr]:
    """Degrees in `crs` (wgs84, gcj02 or bd09) → degrees in WGS-84 (longitude, latitude); null stays null."""
    if crs not in ("gcj02", "bd09"):
        return longitude, latitude
    degrees = [axis.cast(pl.Float64).alias(name) for axis, name in ((longitude, "x"), (latitude, "y"))]
    point = pl.struct(degrees).map_batches(lambda points: _back(points, crs), return_dtype=POINT)
    return point.struct.field("x"), point.struct.field("y")


def _back(points: pl.Series, crs: str) -> pl.Series:
    """Step by step: as one expression, each step would be written out wherever the next one reads it."""
    longitude, latitude = (points.struct.field(axis) for axis in "xy")
    if crs == "bd09":
        x, y = longitude - 0.0065, latitude - 0.006
        z = (x * x + y * y).sqrt() - 0.00002 * (y * BD_ANGLE).sin()
        theta = pl.select(pl.arctan2(pl.lit(y), pl.lit(x))).to_series() - 0.000003 * (x * BD_ANGLE).cos()
        longitude, latitude = z * theta.cos(), z * theta.sin()
    x, y = longitude, latitude
    for _ in range(2):
        east, north = _shift(x, y)
        x, y = longitude - east, latitude - north
    inside = pl.Series(is_in_mainland(x.to_numpy(), y.to_numpy()), dtype=pl.Boolean)
    found = {"x": x.zip_with(inside, longitude), "y": y.zip_with(inside, latitude)}
    return pl.DataFrame(found).to_struct(points.name)


def knows(crs: str) -> bool:
    """Whether the EPSG register has a system of this code whose points can be told in WGS-84."""
    from pyproj.exceptions import ProjError

    try:
        return _system(crs) is not None
    except ProjError:
        return False


@cache
def _system(crs: str) -> tuple[Any, tuple[float, float, float, float]]:
    """How to WGS-84, and the area it is made for with half a degree around: west, south, east, north."""
    from pyproj import CRS, Transformer

    area = CRS.from_user_input(crs).area_of_use
    west, south, east, north = area.bounds if area else (-180.0, -90.0, 180.0, 90.0)
    return Transformer.from_crs(crs, "EPSG:4326", always_xy=True), (west - 0.5, south - 0.5, east + 0.5, north + 0.5)


def _from_epsg(east: pl.Series, north: pl.Series, crs: str) -> tuple[pl.Expr, pl.Expr]:
    """East and north in an EPSG system → degrees in WGS-84; null outside the area that the system is made for: a point there is in
    another system, or swapped.

    Computed here and now: PROJ needs more of a stack than a worker thread of polars has.
    """
    transformer, (west, south, east_end, north_end) = _system(crs)
    x, y = transformer.transform(*(axis.cast(pl.Float64).to_numpy() for axis in (east, north)))
    longitude, latitude = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    # A system across the date line begins in the east.
    between = (longitude >= west, longitude <= east_end)
    inside = between[0] & between[1] if west <= east_end else between[0] | between[1]
    inside &= (latitude >= south) & (latitude <= north_end)
    is_inside = pl.lit(pl.Series(inside))
    return pl.when(is_inside).then(pl.lit(pl.Series(longitude))), pl.when(is_inside).then(pl.lit(pl.Series(latitude)))


def gcj02(longitude: pl.Expr, latitude: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """WGS-84 → GCJ-02, degrees; the forward direction, which is exact."""
    shift = _shift(longitude, latitude)
    return longitude + shift[0], latitude + shift[1]


def _shift(longitude: Any, latitude: Any) -> tuple[Any, Any]:
    """How far GCJ-02 lies from WGS-84 at a WGS-84 point, in degrees; expressions or series, and the same of both."""
    x, y = longitude - 105.0, latitude - 35.0
    pi = math.pi
    waves = (20.0 * (6.0 * x * pi).sin() + 20.0 * (2.0 * x * pi).sin()) * 2.0 / 3.0
    north = (
        -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * x.abs().sqrt() + waves
        + (20.0 * (y * pi).sin() + 40.0 * (y / 3.0 * pi).sin()) * 2.0 / 3.0
        + (160.0 * (y / 12.0 * pi).sin() + 320.0 * (y * pi / 30.0).sin()) * 2.0 / 3.0
    )  # fmt: skip
    east = (
        300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * x.abs().sqrt() + waves
        + (20.0 * (x * pi).sin() + 40.0 * (x / 3.0 * pi).sin()) * 2.0 / 3.0
        + (150.0 * (x / 12.0 * pi).sin() + 300.0 * (x / 30.0 * pi).sin()) * 2.0 / 3.0
    )  # fmt: skip
    radians = latitude / 180.0 * pi
    magic = 1 - ECCENTRICITY_SQUARED * radians.sin() * radians.sin()
    metres_per_radian = SEMI_MAJOR_M * (1 - ECCENTRICITY_SQUARED) / (magic * magic.sqrt())
    north = north * 180.0 / (metres_per_radian * pi)
    east = east * 180.0 / (SEMI_MAJOR_M / magic.sqrt() * radians.cos() * pi)
    return east, north
