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
from hncors.observation import F64, I64, B, Messages, Observations
from hncors.signals import SATELLITES

LONGEST = 3600  # epochs that count in a mean
LONGEST_SINGLE_MS = 100_000  # of one frequency, where the ionosphere drives range and phase apart
GAP_MS = 120_000
LATE_MS = 60_000  # an epoch this much older is late, an older one begins time anew
NEVER_MS = -(1 << 60)
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
    """Ranges and delays after smoothing, and how many epochs are in them; (satellites, epochs)."""

    range_m: F64
    delay_m: F64
    over: F64  # epochs


class Smoother:
    """Arcs of all stations; arrays are satellites' places by stations."""

    def __init__(self, stations: int) -> None:
        shape = (PLACES + 1, stations)  # the last is of what is not to be kept
        self.time_ms = np.full(shape, NEVER_MS, np.int64)
        self.count = np.zeros(shape)
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
            getattr(other, name)[:, stay] = column[:, before[stay]]
        return other

    def add(
        self,
        station: I64,
        time_ms: I64,
        place: I64,
        ranges: Ranges,
        messages: Messages,
        o: Observations,
        variance_m2: F64,
        good: B,
    ) -> Smoothed:
        """Smooth the ranges that are `good` of one epoch of each station.

        `station` and `time_ms` are by epoch, `place` is that of each satellite.
        """
        at = place[:, None] * self.time_ms.shape[1] + station
        elapsed = (time_ms - self.time_ms.take(at)).astype(np.float64)
        lock1, lock2 = o.lock_ms.take(ranges.first), o.lock_ms.take(ranges.second)
        mean, delay = self.mean_m.take(at), self.delay_m.take(at)
        fresh = ranges.range_m - ranges.phase_m
        step = ranges.delay_phase_m - self.delay_phase_m.take(at)
        np.abs(step, out=step)
        new = step > STEP_M + STEP_M_S / 1000 * elapsed
        ahead = fresh - mean
        far = ahead * ahead
        new |= far > FAR_SIGMAS**2 * variance_m2
        for lock, row, known_ms in (
            (lock1, ranges.first, self.lock1_ms.take(at)),
            (lock2, ranges.second, self.lock2_ms.take(at)),
        ):
            # What an indicator excludes is longer than what it says, so few have to be looked at.
            few = ((lock < known_ms) | (lock < elapsed)).nonzero()
            end = lock_end_ms(messages.kind[o.message[row[few]]], lock[few])
            new[few] |= (end <= known_ms[few]) | (end <= elapsed[few])
        new |= (elapsed > GAP_MS) | (elapsed < -LATE_MS) | (self.pairing.take(at) != ranges.pairing)
        # An epoch that comes late changes nothing.
        known = ~np.isnan(fresh)
        known &= good
        known &= (elapsed > 0) | (elapsed < -LATE_MS)
        count = self.count.take(at)
        count += 1.0
        np.minimum(count, LONGEST, out=count)
        single = ranges.pairing == SINGLE
        if single.any():
            longest = LONGEST_SINGLE_MS // np.maximum(elapsed, 1.0) + 1
            count = np.where(single, np.minimum(count, longest), count)
        apart = ranges.delay_m - ranges.delay_phase_m
        behind = apart - delay
        if new.any():
            count[new], mean[new], delay[new] = 1.0, 0.0, 0.0
            ahead[new], behind[new] = fresh[new], apart[new]
        ahead /= count
        mean += ahead
        behind /= count
        delay += behind
        keep = np.where(known, at, PLACES * self.time_ms.shape[1])
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
            column.reshape(-1)[keep] = values
        mean += ranges.phase_m
        delay += ranges.delay_phase_m
        if known.all():
            return Smoothed(mean, delay, count)
        return Smoothed(
            np.where(known, mean, ranges.range_m),
            np.where(known, delay, ranges.delay_m),
            np.where(known, count, 1.0),
        )
