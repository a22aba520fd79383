"""Carrier-smoothed ranges: what a range is more than its phase, averaged for as long as the phase holds.

Both are free of the ionosphere (or of one frequency, then the window is short), so their difference is
constant but for noise and multipath, and its mean over an arc is better than any one of them (Hatch 1982).
An arc ends with a lock time that began anew, a step of the geometry-free phase, a range too far from what
the arc says, another pair of signals, or a gap. A satellite of a station has one place in arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.lock import lock_end_ms
from hncors.measure.ranges import SINGLE, Ranges
from hncors.observation import F64, I64, U8, Observations
from hncors.signals import SATELLITES

LONGEST = 3600  # epochs that count in a mean
LONGEST_SINGLE_MS = 100_000  # of one frequency, where the ionosphere drives range and phase apart
GAP_MS = 120_000
LATE_MS = 60_000  # an epoch this much older is late, an older one begins time anew
STEP_M = 0.10  # of the geometry-free phase; the quiet ionosphere moves it by mm/s
STEP_M_S = 0.02
FAR_SIGMAS = 7.0

_FIRST = np.cumsum([0, *(SATELLITES[letter] + 1 for letter in "GRESJCI")])
PLACES = int(_FIRST[-1])
"""Places for the satellites of one station."""


def place(gnss: I64, satellite: I64) -> I64:
    """The place of a satellite among a station's."""
    out: I64 = _FIRST[gnss] + satellite
    return out


class Smoothed(NamedTuple):
    """Ranges and delays after smoothing, and how many epochs are in them."""

    range_m: F64
    delay_m: F64
    over: I64  # epochs


class Smoother:
    """Arcs of all stations; the first axis of each array is the station."""

    def __init__(self, stations: int) -> None:
        shape = (stations, PLACES)
        self.time_ms = np.full(shape, -(1 << 60), np.int64)
        self.count = np.zeros(shape, np.int32)
        self.pairing = np.full(shape, -1, np.int8)
        self.mean_m = np.zeros(shape)  # range less phase
        self.delay_m = np.zeros(shape)  # the same of the ionosphere's delay
        self.delay_phase_m = np.zeros(shape)
        self.lock1_ms = np.zeros(shape)
        self.lock2_ms = np.zeros(shape)

    def rearranged(self, before: I64) -> Smoother:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Smoother(len(before))
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            getattr(other, name)[stay] = column[before[stay]]
        return other

    def add(
        self, station: I64, time_ms: I64, kind: U8, ranges: Ranges, o: Observations, sigma_m: F64
    ) -> Smoothed:
        """Smooth the ranges of one epoch of each station; `station` to `sigma_m` are by row of `ranges`."""
        at = station * PLACES + place(ranges.gnss, ranges.satellite)
        elapsed = time_ms - self.time_ms.ravel().take(at)
        lock1, lock2 = o.lock_ms.take(ranges.first), o.lock_ms.take(ranges.second)
        mean, delay = self.mean_m.ravel().take(at), self.delay_m.ravel().take(at)
        fresh = ranges.range_m - ranges.phase_m
        away = np.abs(ranges.delay_phase_m - self.delay_phase_m.ravel().take(at))
        new = away > STEP_M + STEP_M_S / 1000 * elapsed
        new |= np.abs(fresh - mean) > FAR_SIGMAS * sigma_m
        for lock, before in ((lock1, self.lock1_ms), (lock2, self.lock2_ms)):
            end = lock_end_ms(kind, lock)
            new |= (end <= before.ravel().take(at)) | (end <= elapsed)
        new |= (elapsed > GAP_MS) | (elapsed < -LATE_MS) | (self.pairing.ravel().take(at) != ranges.pairing)
        # An epoch that comes late changes nothing.
        known = ~np.isnan(fresh) & ((elapsed > 0) | (elapsed < -LATE_MS))
        longest = np.where(ranges.pairing == SINGLE, LONGEST_SINGLE_MS // np.maximum(elapsed, 1) + 1, LONGEST)
        count = np.where(new, 1, np.minimum(self.count.ravel().take(at) + 1, longest))
        mean = np.where(new, fresh, mean + (fresh - mean) / count)
        apart = ranges.delay_m - ranges.delay_phase_m
        delay = np.where(new, apart, delay + (apart - delay) / count)
        rows = slice(None) if known.all() else np.flatnonzero(known)
        here = at[rows]
        for column, values in (
            (self.time_ms, time_ms),
            (self.count, count),
            (self.mean_m, mean),
            (self.delay_m, delay),
            (self.pairing, ranges.pairing),
            (self.lock1_ms, lock1),
            (self.lock2_ms, lock2),
            (self.delay_phase_m, ranges.delay_phase_m),
        ):
            column.ravel()[here] = values[rows]
        smooth = np.where(known, ranges.phase_m + mean, ranges.range_m)
        iono = np.where(known, ranges.delay_phase_m + delay, ranges.delay_m)
        return Smoothed(smooth, iono, np.where(known, count, 1))
