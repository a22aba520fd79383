"""Which of two stations is off, where only the difference between them is known.

A station is off by the median of what its pairs say: a neighbour that is off itself is in the minority. Where
several are, the one farthest off is taken out first, by what it is off, and the others are looked at again:
least absolute sums, one coordinate at a time.
"""

from __future__ import annotations

import numpy as np

from hncors.measure.between import middle
from hncors.observation import F64, I64, B

AT_LEAST = 3  # pairs that tell of a station
MOST = 50  # stations that are off at once; beyond that the rest waits for another minute
SETTLED_M = 0.005
ROUNDS = 5  # after the last was found


class Ends:
    """Values of the ends of pairs, in the order of stations, laid out in rows; nan where there is none."""

    def __init__(self, whose: I64, stations: int) -> None:
        self.whose, self.stations = whose, stations
        self.number = np.arange(len(whose)) - np.searchsorted(whose, whose)
        self.most = int(self.number.max(initial=0)) + 1
        self.few: B = np.bincount(whose, minlength=stations) < AT_LEAST

    def middle(self, value_m: F64) -> F64:
        """Medians (stations, 3) of values (ends, 3)."""
        table = np.full((self.stations, 3, self.most), np.nan)
        table[self.whose, :, self.number] = value_m
        out = middle(table.reshape(-1, self.most)).reshape(self.stations, 3)
        out[self.few] = np.nan
        return out


def sizes(enu_m: F64) -> F64:
    """Horizontal and vertical lengths (n, 2)."""
    return np.stack((np.hypot(enu_m[:, 0], enu_m[:, 1]), np.abs(enu_m[:, 2])), axis=1)


def blame(ends: Ends, whom: I64, enu_m: F64, limit_m: F64) -> F64:
    """How far each station is off (stations, 3), nan where too few pairs tell.

    `whom` and `enu_m` are, by end, the other station and how much more this one is off; beyond `limit_m`
    (stations, 2) a station counts as off.
    """
    taken = np.zeros((ends.stations, 3))
    blamed = np.zeros(ends.stations, bool)
    found = ends.middle(enu_m)
    for left in range(MOST + ROUNDS, 0, -1):
        over = (sizes(found) / limit_m).max(axis=1)
        over[np.isnan(over)] = 0.0
        blamed &= over > 1.0
        before = taken
        taken = np.where(blamed[:, None], found, 0.0)
        other = np.where(blamed, 0.0, over)
        worst = int(other.argmax()) if len(other) else 0
        if left > ROUNDS and len(other) and other[worst] > 1.0:
            blamed[worst] = True
            taken[worst] = found[worst]
        elif np.abs(taken - before).max(initial=0.0) < SETTLED_M:
            break
        found = ends.middle(enu_m + taken[whom])
    return found
