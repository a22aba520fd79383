"""A station's clocks of the systems against each other: a system's fault shows in all stations' alike.

What all satellites of a system do alike is in the stations' clocks of it, not in what is left of ranges. But
what lies between a station's clocks, receiver's delays and the systems' time scales, is nearly constant. It
is learnt, and what differs from it is told against the middle of a station's systems: of three, one that
steps is seen to; of two nobody knows which one did.
"""

from __future__ import annotations

import numpy as np

from hncors.measure.position import CLOCKS
from hncors.observation import F64, I64, B

FEWEST_CLOCKS = 3
LEARNT = 30  # looks until what is usual is known
FOREVER = 3600  # looks in a row after which what is odd is usual
_GAIN = 1 / 300


class Between:
    """What is usual; arrays (stations, CLOCKS)."""

    def __init__(self, stations: int) -> None:
        self._usual_m = np.full((stations, CLOCKS), np.nan)
        self._looks = np.zeros((stations, CLOCKS), np.int64)
        self._odd = np.zeros((stations, CLOCKS), np.int64)

    def look(self, clock_m: F64, limit_m: F64, hold: B) -> F64:
        """How far clocks are from what is usual, nan where that is not known; learns, but not from faults.

        `hold` are clocks nothing is learnt of now.
        """
        if not len(clock_m):
            return clock_m
        self._forget(self._odd >= FOREVER)
        common = middle(clock_m - self._usual_m)
        begins = np.isnan(common) & ~np.isnan(clock_m).all(axis=1)
        self._forget(np.broadcast_to(begins[:, None], clock_m.shape))
        common[begins] = _first(clock_m[begins])
        off_m = clock_m - self._usual_m - common[:, None]
        new = np.isnan(self._usual_m) & ~np.isnan(clock_m)
        self._usual_m = np.where(new, clock_m - common[:, None], self._usual_m)
        with np.errstate(invalid="ignore"):
            near = np.abs(off_m) < limit_m / 2
        calm = near & ~hold
        self._odd = np.where(np.isnan(off_m), self._odd, np.where(near, 0, self._odd + 1))
        self._looks += calm | new
        gain = np.maximum(_GAIN, 1.0 / np.maximum(self._looks, 1))
        self._usual_m += np.where(calm, gain * off_m, 0.0)
        judged = (self._looks >= LEARNT) & ((~np.isnan(off_m)).sum(axis=1) >= FEWEST_CLOCKS)[:, None]
        return np.where(judged, off_m, np.nan)

    def _forget(self, rows: B) -> None:
        if rows.any():
            self._usual_m[rows], self._looks[rows], self._odd[rows] = np.nan, 0, 0

    def rearranged(self, before: I64) -> Between:
        """The same for other stations: `before` is each one's row here, -1 for a new one."""
        other = Between(len(before))
        stay = np.flatnonzero(before >= 0)
        for name in ("_usual_m", "_looks", "_odd"):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        return other


def middle(columns: F64) -> F64:
    """Median of each row's values, nan where it has none."""
    ordered = np.sort(columns, axis=1)  # nan last
    count = (~np.isnan(columns)).sum(axis=1)
    row = np.arange(len(columns))
    middle = (ordered[row, np.maximum(count - 1, 0) // 2] + ordered[row, count // 2 % columns.shape[1]]) / 2
    out: F64 = np.where(count > 0, middle, np.nan)
    return out


def _first(columns: F64) -> F64:
    """The first value of each row that is one."""
    out: F64 = columns[np.arange(len(columns)), (~np.isnan(columns)).argmax(axis=1)]
    return out
