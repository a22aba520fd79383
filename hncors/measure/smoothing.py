"""Carrier-smoothed ranges: what a range is more than its phase, averaged for as long as the phase holds.

Both are free of the ionosphere (or of one frequency, then the window is short), so their difference is
constant but for noise and multipath, and its mean over an arc is better than any one of them (Hatch 1982).
An arc ends with a lock time that began anew, a step of the geometry-free phase, a range too far from what
the arc says, another pair of signals, or a gap. A satellite of a station has one place in arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
        shape = (PLACES, stations)
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

    def columns(self) -> tuple[NDArray[Any], ...]:
        """What is remembered, places by stations."""
        return (
            self.time_ms, self.count, self.pairing, self.mean_m, self.delay_m, self.delay_phase_m,
            self.lock1_ms, self.lock2_ms,
        )  # fmt: skip

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
        where: tuple[I64, I64 | slice] = place[:, None], station
        if len(station) > 1 and (station[1:] - station[:-1] == 1).all():  # rows of neighbours: as a rule
            where = place, slice(int(station[0]), int(station[-1]) + 1)
        before = [column[where] for column in self.columns()]
        before_ms, before_count, pairing, mean, delay, delay_phase, before_lock1, before_lock2 = before
        elapsed = np.subtract(time_ms, before_ms, dtype=np.float64)
        lock1, lock2 = o.lock_ms.take(ranges.first), o.lock_ms.take(ranges.second)
        fresh = ranges.range_m - ranges.phase_m
        step = ranges.delay_phase_m - delay_phase
        np.abs(step, out=step)
        limit = elapsed * (STEP_M_S / 1000)
        limit += STEP_M
        new = step > limit
        ahead = fresh - mean
        far = np.multiply(ahead, ahead, out=step)
        new |= far > np.multiply(variance_m2, FAR_SIGMAS**2, out=limit)
        new |= elapsed > GAP_MS
        new |= pairing != ranges.pairing
        back = elapsed < -LATE_MS
        new |= back
        for lock, row, known_ms in (
            (lock1, ranges.first, before_lock1),
            (lock2, ranges.second, before_lock2),
        ):
            # What an indicator excludes is longer than what it says, so few have to be looked at.
            shorter = lock < known_ms
            shorter |= lock < elapsed
            shorter &= ~new
            if shorter.any():
                few = shorter.nonzero()
                end = lock_end_ms(messages.kind[o.message[row[few]]], lock[few])
                new[few] = (end <= known_ms[few]) | (end <= elapsed[few])
        # An epoch that comes late changes nothing.
        known = elapsed > 0
        known |= back
        known &= good
        known &= fresh == fresh  # not nan
        count = before_count + 1.0
        np.minimum(count, LONGEST, out=count)
        single = ranges.pairing == SINGLE
        if single.any():
            longest = LONGEST_SINGLE_MS // np.maximum(elapsed, 1.0) + 1
            count = np.where(single, np.minimum(count, longest), count)
        apart = ranges.delay_m - ranges.delay_phase_m
        ahead = fresh - mean
        behind = apart - delay
        begun = new.nonzero()
        count[begun] = 1.0
        ahead /= count
        ahead += mean
        ahead[begun] = fresh[begun]
        behind /= count
        behind += delay
        behind[begun] = apart[begun]
        other = (~known).nonzero()
        times = np.broadcast_to(time_ms, known.shape).copy()
        after = times, count, ranges.pairing.copy(), ahead, behind, ranges.delay_phase_m.copy(), lock1, lock2
        for column, old, values in zip(self.columns(), before, after, strict=True):
            values[other] = old[other]
            column[where] = values
        mean, delay = ahead, behind
        mean += ranges.phase_m
        delay += ranges.delay_phase_m
        mean[other], delay[other], count[other] = ranges.range_m[other], ranges.delay_m[other], 1.0
        return Smoothed(mean, delay, count)
