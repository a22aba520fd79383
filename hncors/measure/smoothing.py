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
        self.lock_ms = np.zeros((*shape, 2))

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
        at = station, place(ranges.gnss, ranges.satellite)
        elapsed = time_ms - self.time_ms[at]
        lock = np.stack((o.lock_ms[ranges.first], o.lock_ms[ranges.second]), axis=1)
        end = np.stack([lock_end_ms(kind, lock[:, n]) for n in (0, 1)], axis=1)
        with np.errstate(invalid="ignore"):
            slipped = ((end <= self.lock_ms[at]) | (end <= elapsed[:, None])).any(axis=1)
            away = np.abs(ranges.delay_phase_m - self.delay_phase_m[at])
            slipped |= away > STEP_M + STEP_M_S / 1000 * elapsed
            fresh = ranges.range_m - ranges.phase_m
            slipped |= np.abs(fresh - self.mean_m[at]) > FAR_SIGMAS * sigma_m
        known = ~np.isnan(fresh) & (
            (elapsed > 0) | (elapsed < -LATE_MS)
        )  # an epoch that comes late changes nothing
        new = slipped | (elapsed > GAP_MS) | (elapsed < -LATE_MS) | (self.pairing[at] != ranges.pairing)
        longest = np.where(ranges.pairing == SINGLE, LONGEST_SINGLE_MS // np.maximum(elapsed, 1) + 1, LONGEST)
        count = np.where(new, 1, np.minimum(self.count[at] + 1, longest))
        mean = np.where(new, fresh, self.mean_m[at] + (fresh - self.mean_m[at]) / count)
        delay = ranges.delay_m - ranges.delay_phase_m
        delay = np.where(new, delay, self.delay_m[at] + (delay - self.delay_m[at]) / count)
        rows = np.flatnonzero(known)
        here = at[0][rows], at[1][rows]
        self.time_ms[here], self.count[here] = time_ms[rows], count[rows]
        self.mean_m[here], self.delay_m[here] = mean[rows], delay[rows]
        self.pairing[here], self.lock_ms[here] = ranges.pairing[rows], lock[rows]
        self.delay_phase_m[here] = ranges.delay_phase_m[rows]
        smooth = np.where(known, ranges.phase_m + mean, ranges.range_m)
        iono = np.where(known, ranges.delay_phase_m + delay, ranges.delay_m)
        return Smoothed(smooth, iono, np.where(known, count, 1))
