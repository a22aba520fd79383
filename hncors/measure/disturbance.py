"""How unevenly the ionosphere over the network changes: an index like I95, without fixed ambiguities.

Wanninger's I95 (ION GNSS 2004, pp. 2849-2854) is the 95 % percentile of an hour of the ionosphere's gradients
between reference stations, in ppm of their distance, from carrier phases with fixed ambiguities. A monitor
that does not solve for ambiguities knows changes only. So here it is the change of slant electron content
over five minutes, of one satellite at two stations, of which the difference, as delay on L1, is divided by
their distance: the 95 % percentile over all satellites and neighbours of the last hour. A gradient that
stands still is not seen, so figures are smaller than those of I95, whose limits (2, 4, 8) do not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from hncors.measure.cells import PLACES, SKY, Cells
from hncors.measure.roti import GRID_MS, M_HZ2_PER_TECU, SAMPLES, Roti
from hncors.observation import F64, I64

WINDOW_MS = SAMPLES * GRID_MS
HOUR = 12  # windows
NEIGHBOURS = 3
NEAREST_M, FARTHEST_M = 5_000.0, 120_000.0  # nearer ones share their ionosphere, noise would be all
ROWS = 64  # places whose distances are looked at together
ENOUGH = 50  # differences, for a percentile
LOWEST_DEG = 20.0
MM_PER_TECU = 1000 * M_HZ2_PER_TECU / 1575.42e6**2
_BINS = np.logspace(-3, 3, 301)  # ppm; one is 4.7 % wider than the one before
Place = tuple[float, float, float] | None


class Disturbance:
    """The differences of an hour, as counts by size."""

    def __init__(self, places: Callable[[], Sequence[Place]] | None = None) -> None:
        """`places` gives the reference point of each station, ECEF metres."""
        self.places = places
        self._window = -1
        self._counts = np.zeros((HOUR, len(_BINS) + 1), np.int64)
        self._known: Sequence[Place] = ()
        self._pairs: tuple[I64, I64, F64] = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))

    def look(self, cells: Cells, roti: Roti, newest_ms: I64) -> None:
        """To be called when epochs came; five minutes are looked at when most stations are past them.

        `newest_ms` is the newest epoch of each station, -1 of one that has none.
        """
        came = newest_ms[newest_ms >= 0]
        if self.places is None or not len(came):
            return
        window = int(np.median(came)) // WINDOW_MS
        if window == self._window:
            return
        passed = min(window - self._window, HOUR) if 0 <= self._window < window else HOUR
        self._counts = np.roll(self._counts, passed, axis=0)
        self._counts[:passed] = 0
        self._window = window
        first, second, apart_m = self._neighbours()
        if not len(first):
            return
        change = np.full((cells.stations, SKY), np.nan)
        cell, tecu = roti.changes(cells, window * SAMPLES - 1)
        with np.errstate(invalid="ignore"):
            high = ~(cells.elevation_deg[cell] < LOWEST_DEG)
        cell, tecu = cell[high], tecu[high]
        change[cells.station_of(cell), cells.key[cell] // PLACES % SKY] = tecu
        differ = np.abs(change[first] - change[second]) * (MM_PER_TECU * 1000 / apart_m)[:, None]
        sizes = differ[~np.isnan(differ)]
        self._counts[0] = np.bincount(np.searchsorted(_BINS, sizes), minlength=len(_BINS) + 1)

    def ppm(self) -> float:
        """The index, nan where too few differences are known."""
        counts = self._counts.sum(axis=0)
        total = int(counts.sum())
        if total < ENOUGH:
            return float("nan")
        at = int(np.searchsorted(np.cumsum(counts), 0.95 * total))
        return float(_BINS[min(at, len(_BINS) - 1)])

    def _neighbours(self) -> tuple[I64, I64, F64]:
        """Pairs of stations, each once, and how far apart they are."""
        now = list(self.places()) if self.places is not None else []
        if now == self._known:
            return self._pairs
        self._known = now
        known = np.array([row for row, place in enumerate(now) if place is not None], np.int64)
        first, second, apart_m = nearest(
            np.array([place for place in now if place is not None]).reshape(-1, 3)
        )
        self._pairs = known[first], known[second], apart_m
        return self._pairs


def nearest(place_m: F64) -> tuple[I64, I64, F64]:
    """Pairs of places (rows, each pair once, in order) of which one is among the nearest of the other.

    And how far apart they are. Places, shape (n, 3), are looked at by cubes as wide as neighbours may be
    away.
    """
    cubes: dict[tuple[int, ...], list[int]] = {}
    for row, cube in enumerate(np.floor(place_m / FARTHEST_M).astype(np.int64).tolist()):
        cubes.setdefault(tuple(cube), []).append(row)
    found = [np.empty((2, 0), np.int64)]
    for cube, members in cubes.items():
        around = product(*((one - 1, one, one + 1) for one in cube))
        others = np.array(sorted(row for one in around for row in cubes.get(one, ())), np.int64)
        for begin in range(0, len(members), ROWS):
            its = np.array(members[begin : begin + ROWS], np.int64)
            middle_m = place_m[its[0]]  # squares of what is far away would be less exact
            left_m2 = _squares_m2(place_m[its] - middle_m, place_m[others] - middle_m)
            every = np.arange(len(its))
            for _ in range(NEIGHBOURS):  # three times the least takes less than any sorting
                best = left_m2.argmin(axis=1)
                near = left_m2[every, best] < np.inf
                found.append(np.sort([its[near], others[best[near]]], axis=0))
                left_m2[every, best] = np.inf
    first, second = np.unique(np.concatenate(found, axis=1), axis=1)
    return first, second, np.sqrt(np.square(place_m[first] - place_m[second]).sum(axis=1))


def _squares_m2(one_m: F64, other_m: F64) -> F64:
    """Squares of the distances of neighbours, infinite of what is nearer or farther; shape (ones, others)."""
    square_m2: F64 = np.square(one_m).sum(axis=1)[:, None] + np.square(other_m).sum(axis=1)
    square_m2 -= one_m @ (2.0 * other_m.T)
    square_m2[(square_m2 < NEAREST_M**2) | (square_m2 > FARTHEST_M**2)] = np.inf
    return square_m2
