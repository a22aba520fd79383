"""Minutes of all stations, held against those of their neighbours.

Broadcast orbits and clocks, and most of the air, are alike at stations a hundred kilometres apart. What a
station's position is off, and what its path of carrier phases did, less the median of its neighbours in the
same minute, is its own: noise, multipath, and whether its antenna goes anywhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.observation import F64, I64, B

MINUTE_MS = 60_000
SETTLED_MS = 30_000  # after its end, when what is late has come; sooner where nothing is late
NEIGHBOURS = 6
AT_LEAST = 3  # neighbours that were there in a minute
NEAR_M = 300_000.0
AT_ONCE = 256  # stations whose neighbours are looked for in a minute
NONE = -1
BACK = 1440  # minutes; farther back time begins anew


class Minute(NamedTuple):
    """A minute that is over, a row a station; nan where nothing is known."""

    number: int  # since 1980
    offset_m: F64  # (n, 3) mean of the positions' offsets, east, north, up
    relative_m: F64  # the same less the median of the neighbours
    step_m: F64  # (n, 3) of the path in it, less that of the neighbours


class Minutes:
    """The minute that runs and the one before, of every station."""

    def __init__(self, stations: int) -> None:
        self.minute = np.full(stations, NONE, np.int64)
        self.sum_m = np.zeros((stations, 3))
        self.count = np.zeros(stations, np.int64)
        self.path_m = np.full((stations, 3), np.nan)  # at the last epoch
        self.breaks = np.zeros(stations, np.int64)
        self.over = np.full(stations, NONE, np.int64)  # the minute before
        self.over_offset_m = np.full((stations, 3), np.nan)
        self.over_path_m = np.full((stations, 3), np.nan)
        self.over_breaks = np.zeros(stations, np.int64)
        self.last = np.full(stations, NONE, np.int64)  # the minute looked at last
        self.last_path_m = np.full((stations, 3), np.nan)
        self.last_breaks = np.zeros(stations, np.int64)
        self.neighbours = np.full((stations, NEIGHBOURS), NONE, np.int64)
        self.done = NONE  # the newest minute that was looked at
        self._turn = 0

    def rearranged(self, before: I64) -> Minutes:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Minutes(len(before))
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray) and name != "neighbours":
                getattr(other, name)[stay] = column[before[stay]]
        other.done = self.done
        return other

    def add(self, station: I64, time_ms: I64, offset_m: F64, path_m: F64, breaks: I64) -> None:
        """An epoch of each station."""
        number = time_ms // MINUTE_MS
        new = number != self.minute[station]
        who = station[new]
        if len(who):
            count = self.count[who]
            self.over[who] = self.minute[who]
            self.over_offset_m[who] = self.sum_m[who] / np.where(count > 0, count, np.nan)[:, None]
            self.over_path_m[who], self.over_breaks[who] = self.path_m[who], self.breaks[who]
            self.minute[who], self.sum_m[who], self.count[who] = number[new], 0.0, 0
        good = ~np.isnan(offset_m).any(axis=1)
        self.sum_m[station[good]] += offset_m[good]
        self.count[station[good]] += 1
        self.path_m[station], self.breaks[station] = path_m, breaks

    def ended(self, now_ms: int, place_m: F64) -> Minute | None:
        """The newest minute that is over, once; `place_m` (n, 3) is where stations are, 0 if unknown."""
        number = now_ms // MINUTE_MS - 1
        here = self.minute >= number
        if now_ms % MINUTE_MS < SETTLED_MS and not (self.minute[here] > number).all():
            return None
        if 0 <= self.done - number <= BACK:  # a station that lags, not another time
            return None
        in_turn = number == self.done + 1
        self.done = number
        self._look_for_neighbours(place_m)
        have = self.over == number
        # A station whose next minute has not begun, for it went silent or sends twice a minute.
        still = (self.minute == number) & ~have
        count = np.where(still & (self.count > 0), self.count, np.nan)[:, None]
        offset = np.where(have[:, None], self.over_offset_m, self.sum_m / count)
        path = np.where(have[:, None], self.over_path_m, np.where(still[:, None], self.path_m, np.nan))
        breaks = np.where(have, self.over_breaks, self.breaks)
        whole = (self.last == number - 1) & (breaks == self.last_breaks) & (have | still) & in_turn
        step = np.where(whole[:, None], path - self.last_path_m, np.nan)
        self.last = np.where(have | still, number, self.last)
        self.last_path_m, self.last_breaks = path, breaks
        return Minute(number, offset, offset - self._common(offset), step - self._common(step))

    def _common(self, own: F64) -> F64:
        """Medians (n, 3) of each station's neighbours, nan where there are too few."""
        their = np.where((self.neighbours >= 0)[..., None], own[self.neighbours], np.nan)
        known = np.sort(their, axis=1)  # nan come last
        count = (~np.isnan(their[..., 0])).sum(axis=1)
        low, high = np.maximum(count - 1, 0) // 2, count // 2
        each = np.arange(len(own))
        middle = 0.5 * (known[each, low] + known[each, np.minimum(high, NEIGHBOURS - 1)])
        return np.where((count >= AT_LEAST)[:, None], middle, np.nan)

    def _look_for_neighbours(self, place_m: F64) -> None:
        stations = len(place_m)
        if stations <= AT_LEAST:
            return
        rows = (self._turn + np.arange(min(AT_ONCE, stations))) % stations
        self._turn = (self._turn + len(rows)) % stations
        known: B = (place_m != 0.0).any(axis=1) & ~np.isnan(place_m[:, 0])
        own = place_m[rows]
        away = np.square(own).sum(axis=1)[:, None] + np.square(place_m).sum(axis=1) - 2.0 * own @ place_m.T
        away[:, ~known] = np.inf
        away[~known[rows]] = np.inf
        away[np.arange(len(rows)), rows] = np.inf
        width = min(NEIGHBOURS, stations - 1)
        nearest = np.argpartition(away, width - 1, axis=1)[:, :width]
        near = np.take_along_axis(away, nearest, axis=1) <= NEAR_M**2
        self.neighbours[rows, :width] = np.where(near, nearest, NONE)
