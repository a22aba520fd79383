"""Whether the ionosphere in a stream's observations is the one above the place that it says (E17).

Ranges can be carried from one place to another by geometry; the electrons on their way stay those of where
they were received. Against neighbours, whose electrons are interpolated by a plane to the place that is
broadcast, a stream from elsewhere has more or fewer of them overhead, and that shows as a difference in
proportion to each satellite's way through the shell. Phases tell it better than codes: as satellites climb,
the differences change by as much as their ways do, to millimetres, whatever the ambiguities are.

Every five minutes, of each stream and satellite, the change of slant electrons (hncors.measure.roti) less
what its neighbours' would make it is noted against the change of the way, and against the way itself, for an
excess that grows; what all satellites have in common is the receiver's. An hour of that gives the excess
overhead, in TECU. What the air below does cannot be told from heights by codes and phases of one station.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.geodesy import to_enu, to_geodetic
from hncors.measure.cells import PLACES, SKY
from hncors.measure.disturbance import LOWEST_DEG
from hncors.measure.ionosphere import slant
from hncors.measure.roti import GRID_MS, SAMPLES
from hncors.network import Network
from hncors.observation import F64, I64, B

WINDOW_MS = SAMPLES * GRID_MS
HOUR = 12  # windows
ENOUGH_WINDOWS = 6
NEIGHBOURS = 6
FEWEST_NEIGHBOURS = 4
NEAREST_M, FARTHEST_M = 3_000.0, 250_000.0
MOST_WEIGHT = 1.2  # sum of squares: more, and a place is far outside its neighbours
FEWEST_SATELLITES = 5
SIGMAS = 6.0  # of its own fit
SCATTERS = 5.0  # of what all streams show, robustly
_SIGMA = 1.4826  # of a normal distribution's median of absolute deviations
_SUMS = 7  # xx, xz, zz, xy, zy, yy, how many


class Excess(NamedTuple):
    """Electrons overhead beyond what the neighbours' would make them."""

    tecu: float
    limit_tecu: float  # what it may be, by noise and by how others scatter
    neighbours: int
    worst: bool  # none of its neighbours, which have a part in it, has more


class ForeignAir:
    """Sums over an hour; the first axis of arrays is the stream, but for those by window."""

    def __init__(self, streams: int) -> None:
        self._window = -1
        self._sums = np.zeros((HOUR, streams, _SUMS))
        self._way = np.full((streams, SKY), np.nan)  # at the end of the last window
        self._known = np.full((streams, 3), np.nan)
        self._near = np.full((streams, NEIGHBOURS), -1, np.int64)
        self._weight = np.zeros((streams, NEIGHBOURS))
        self._excess = np.full((streams, 2), np.nan)  # and its sigma

    def rearranged(self, before: I64) -> ForeignAir:
        """The same for other streams: `before` is each one's row here, -1 for one that is new."""
        other = ForeignAir(len(before))
        stay = np.flatnonzero(before >= 0)
        other._window = self._window
        other._sums[:, stay] = self._sums[:, before[stay]]
        other._way[stay], other._excess[stay] = self._way[before[stay]], self._excess[before[stay]]
        return other

    def look(self, network: Network, *, disturbed: bool) -> None:
        """To be called now and then; five minutes are looked at when most streams are past them."""
        newest_ms = network.quality.newest_ms
        came = newest_ms[newest_ms >= 0]
        window = int(np.median(came)) // WINDOW_MS if len(came) else self._window
        if window == self._window:
            return
        passed = min(window - self._window, HOUR) if 0 <= self._window < window else HOUR
        self._sums = np.roll(self._sums, passed, axis=0)
        self._sums[:passed] = 0.0
        self._window = window
        self._place(network)
        change, way = self._sampled(network, window)
        if passed == 1 and not disturbed:
            self._sums[0] = self._noted(change, way)
        self._way = way
        self._excess = _fitted(self._sums)

    def of(self, stream: int) -> Excess | None:
        """What the last hour shows of a stream; None: not enough."""
        tecu, sigma = self._excess[stream].tolist()
        if np.isnan(tecu):
            return None
        every = self._excess[:, 0]
        every = np.abs(every[~np.isnan(every)])
        limit = max(SIGMAS * sigma, SCATTERS * _SIGMA * float(np.median(every)))
        near = self._near[stream]
        mine = np.union1d(near[near >= 0], np.flatnonzero((self._near == stream).any(axis=1)))
        others = np.abs(self._excess[mine, 0])
        worst = bool(np.nanmax(others, initial=0.0) < abs(tecu))
        return Excess(tecu, limit, int((near >= 0).sum()), worst)

    def _place(self, network: Network) -> None:
        """Neighbours and their weights, anew where a reference point is another."""
        nowhere = (np.nan,) * 3
        known = np.array([stream.arp_m or nowhere for stream in network.streams]).reshape(-1, 3)
        if np.array_equal(known, self._known, equal_nan=True):
            return
        self._known = known
        self._near[:], self._weight[:] = -1, 0.0
        placed = np.flatnonzero(~np.isnan(known[:, 0]))
        for row in placed.tolist():
            apart = known[placed] - known[row]
            far_m = np.sqrt((apart * apart).sum(axis=1))
            near = np.flatnonzero((far_m >= NEAREST_M) & (far_m <= FARTHEST_M))
            near = near[np.argsort(far_m[near])[:NEIGHBOURS]]
            if len(near) >= FEWEST_NEIGHBOURS:
                enu = to_enu(apart[near], to_geodetic(known[row]))
                weight = _plane(enu[:, :2] / FARTHEST_M)
                if (weight**2).sum() <= MOST_WEIGHT:
                    self._near[row, : len(near)], self._weight[row, : len(near)] = placed[near], weight

    def _sampled(self, network: Network, window: int) -> tuple[F64, F64]:
        """Changes over the window in TECU, and ways through the shell at its end; (streams, SKY)."""
        cells = network.quality.cells
        change, way = np.full((2, cells.stations, SKY), np.nan)
        cell, tecu = network.quality.ionosphere.changes(cells, window * SAMPLES - 1)
        with np.errstate(invalid="ignore"):
            high = cells.elevation_deg[cell] >= LOWEST_DEG
        cell, tecu = cell[high], tecu[high]
        at = cells.station_of(cell), cells.key[cell] // PLACES % SKY
        change[at] = tecu
        way[at] = slant(np.sin(np.radians(cells.elevation_deg[cell])))
        return change, way

    def _noted(self, change: F64, way: F64) -> F64:
        """The sums of a window, (streams, 7)."""
        out = np.zeros((len(change), _SUMS))
        rows = np.flatnonzero(self._near[:, 0] >= 0)
        if not len(rows):
            return out
        near, weight = self._near[rows], self._weight[rows]
        by_them = np.zeros((len(rows), SKY))
        for place in range(NEIGHBOURS):
            there = near[:, place] >= 0
            by_them[there] += weight[there, place, None] * change[near[there, place]]
        y = change[rows] - by_them
        x, z = way[rows] - self._way[rows], way[rows]
        there = ~(np.isnan(y) | np.isnan(x))
        there &= (there.sum(axis=1) >= FEWEST_SATELLITES)[:, None]
        x, y, z = (_centred(column, there) for column in (x, y, z))
        sums = (x * x, x * z, z * z, x * y, z * y, y * y, there)
        out[rows] = np.stack([one.sum(axis=1) for one in sums], axis=1)
        return out


def _plane(at: F64) -> F64:
    """Weights that make of values at `at` (n, 2) the one at the origin of the plane through them."""
    design = np.column_stack((np.ones(len(at)), at))
    weights: F64 = np.linalg.pinv(design)[0]
    return weights


def _centred(column: F64, there: B) -> F64:
    """Less the mean over satellites; 0 where there is nothing."""
    some = np.where(there, column, 0.0)
    mean = some.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    out: F64 = np.where(there, some - mean[:, None], 0.0)
    return out


def _fitted(sums: F64) -> F64:
    """The excess of each stream and its sigma, (streams, 2); nan where too little is known."""
    windows = (sums[:, :, 6] > 0).sum(axis=0)
    xx, xz, zz, xy, zy, yy, count = sums.sum(axis=0).T
    free = count - windows - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = xx * zz - xz * xz
        excess = (zz * xy - xz * zy) / whole
        grows = (xx * zy - xz * xy) / whole
        left = np.maximum(yy - excess * xy - grows * zy, 0.0)
        sigma = np.sqrt(left / free * zz / whole)
    good = (windows >= ENOUGH_WINDOWS) & (free > 10) & (whole > 0)
    return np.where(good[:, None], np.column_stack((excess, sigma)), np.nan)
