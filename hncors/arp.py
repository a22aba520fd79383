"""The reference point of a stream (1005, 1006) against the registered place: how far, and why perhaps.

A caster's users get positions in the frame of the reference point, so networks announce CGCS2000 more often
than today's frame. A point counts as right where it is the registered place as filed, or brought to today's
frame, or to CGCS2000; the nearest of them is what it is held against.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.frames import F64, Motion, cgcs2000, year_of
from hncors.geodesy import to_enu, to_geodetic
from hncors.gpstime import DAY_MS

LIMIT_M = 0.05  # more than rounding, less than any antenna that was moved
HEIGHT_M = 0.01  # of a height that explains an offset
AS_FILED, TODAY, CGCS2000 = "as filed", "today's", "CGCS2000"


class Off(NamedTuple):
    """A reference point less the registered place."""

    point_m: tuple[float, float, float]
    day: int  # since 1980; the place of today moves by 0.1 mm meanwhile
    distance_m: float
    enu_m: tuple[float, float, float]
    frame: str  # of the place it is held against
    wrong: bool  # farther than frames and motion explain
    why: str


def off(
    point_m: tuple[float, float, float],
    filed_m: tuple[float, float, float],
    moves: Motion,
    height_m: float,
    time_ms: int,
) -> Off:
    """`height_m` is that of the ARP above the marker, nan or 0 where it is not known."""
    year = year_of(time_ms)
    unsure_m = min(max(LIMIT_M, moves.sigma_m(year)), 0.3)
    filed = np.array(filed_m)
    places: list[tuple[str, F64, float]] = [(AS_FILED, filed, LIMIT_M)]
    if moves.by != "none":
        others = [(TODAY, moves.at(year), unsure_m), (CGCS2000, cgcs2000(moves), unsure_m)]
        # One that may be the place as filed would only widen its limit.
        places += [one for one in others if _distance_m(filed_m, one[1]) > unsure_m + LIMIT_M]
    near = [one for one in places if _distance_m(point_m, one[1]) <= one[2]]
    frame, place, _ = min(near or places, key=lambda one: _distance_m(point_m, one[1]))
    distance_m = _distance_m(point_m, place)
    east, north, up = to_enu(np.array(point_m) - place, to_geodetic(filed)).tolist()
    wrong = not near
    why = ""
    if wrong and height_m > HEIGHT_M and max(abs(east), abs(north)) <= HEIGHT_M:
        if abs(up + height_m) <= HEIGHT_M:
            why = "lower by the antenna's height: it is the marker that is announced"
        elif abs(up - height_m) <= HEIGHT_M:
            why = "higher by the antenna's height: it was added twice"
    return Off(point_m, time_ms // DAY_MS, distance_m, (east, north, up), frame, wrong, why)


def _distance_m(point_m: tuple[float, float, float], place: F64) -> float:
    return float(np.linalg.norm(np.array(point_m) - place))
