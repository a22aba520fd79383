"""Rate of the slant electron content and its scatter, of one pair of signals of each satellite.

ROT is the change of electrons along the line of sight over 30 s in TECU a minute, ROTI its standard deviation
over five minutes: Pi, Mannucci, Lindqwister and Ho 1997 (Geophys. Res. Lett. 24, 2283), whose data came every
30 s. The interval is part of the definition, since noise and small structures weigh the more the shorter it
is (Jacobsen 2014, J. Space Weather Space Clim. 4, A33). So samples are taken on the same grid of 30 s at
every rate, and a stream thinned to 30 s has the same ROTI to the last bit.
"""

from __future__ import annotations

import numpy as np

from hncors.measure.cells import NEVER, PLACES, SKY, Cells
from hncors.observation import F64, I64

GRID_MS = 30_000
SAMPLES = 10  # five minutes
ENOUGH = 8  # of them
RING = 12  # samples kept: five minutes can still be read when the next have begun
_LATE_MS = 15_000  # from 15 to 45 s apart are 30 s where epochs do not fall on the grid
LOWEST_DEG = 30.0
BLOCK = 2048  # cells at once: five minutes of more do not stay in the cache
M_HZ2_PER_TECU = 40.308e16


class Roti:
    """ROT of the last five minutes of every cell that speaks for its satellite."""

    def __init__(self, stations: int) -> None:
        self._slot = np.full(stations, -1, np.int64)  # the last 30 s a station had a sample in
        self._speaker = np.full(stations * SKY, -1, np.int64)
        self._size = 0
        self._sample_ms = np.empty(0, np.int64)
        self._sample_m = np.empty(0)
        self._rot = np.empty((0, RING), np.float32)
        self._rot_slot = np.empty((0, RING), np.int64)
        self._owed = np.empty(0, bool)  # cells whose ROTI nobody has asked for yet
        self._newest_slot = np.empty(0, np.int64)
        self._roti = np.empty(0)
        self.roti_ms = np.empty(0, np.int64)  # when it was

    def sample(self, cells: Cells, looked: I64, when_ms: I64, station: I64, cell: I64, time_ms: I64) -> None:
        """Take samples of an epoch of each of the stations `looked` at, at `when_ms`.

        The other columns are the phases that were used.
        """
        last, now = self._slot[looked], when_ms // GRID_MS
        turned = (now > last) | (now < last - SAMPLES)  # or time went back
        if not turned.any():
            return
        self._slot[looked[turned]] = now[turned]
        wanted = np.zeros(len(self._slot), bool)
        wanted[looked[turned]] = True
        slot, due = time_ms // GRID_MS, wanted.take(station)
        due &= (cells.partner.take(cell) >= 0) & (cells.pair_ms.take(cell) == time_ms)
        cell, slot, time_ms = cell[due], slot[due], time_ms[due]
        satellite = cells.key[cell] // PLACES
        self._speaker[satellite[::-1]] = cell[::-1]  # the first of each satellite
        first = self._speaker[satellite] == cell
        self._grow(len(cells.key))
        self._add(cells, cell[first], slot[first], time_ms[first])

    def _add(self, cells: Cells, cell: I64, slot: I64, time_ms: I64) -> None:
        gf_m = cells.gf_m[cell]
        elapsed_ms = time_ms - self._sample_ms[cell]
        whole = (cells.arc_ms[cell] <= self._sample_ms[cell]) & (np.abs(elapsed_ms - GRID_MS) <= _LATE_MS)
        own_hz, other_hz = cells.frequency_hz[cell], cells.frequency_hz[cells.partner[cell]]
        tecu = (gf_m - self._sample_m[cell]) / (M_HZ2_PER_TECU * (1 / other_hz**2 - 1 / own_hz**2))
        self._sample_m[cell], self._sample_ms[cell] = gf_m, time_ms
        some = cell[whole]
        place = slot[whole] % RING
        self._rot[some, place] = (tecu * 60_000 / elapsed_ms)[whole]
        self._rot_slot[some, place] = slot[whole]
        self._newest_slot[cell], self._owed[cell] = slot, True
        self.roti_ms[cell] = time_ms

    @property
    def roti(self) -> F64:
        """By cell, TECU a minute, nan where it is not known.

        It is computed when it is asked for: after an epoch, not while thousands of others wait for theirs.
        """
        self._settle()
        return self._roti

    def _settle(self) -> None:
        owed = self._owed.nonzero()[0]
        self._owed[owed] = False
        for at in range(0, len(owed), BLOCK):
            cell = owed[at : at + BLOCK]
            recent = self._rot_slot[cell] > (self._newest_slot[cell] - SAMPLES)[:, None]
            count = recent.sum(axis=1)
            rot = np.where(recent, self._rot[cell], 0).astype(np.float64)
            mean = rot.sum(axis=1) / np.maximum(count, 1)
            square = (np.where(recent, rot - mean[:, None], 0) ** 2).sum(axis=1) / np.maximum(count, 1)
            self._roti[cell] = np.where(count >= ENOUGH, np.sqrt(square), np.nan)

    def by_station(self, cells: Cells, newest_ms: I64) -> tuple[F64, F64]:
        """Median and largest ROTI of the satellites of each station, nan where none is known.

        `newest_ms` is the newest epoch of each station. Satellites known to be below 30 degrees, where the
        way through the ionosphere and the noise are longest, do not count.
        """
        rows, station = self._current(cells, newest_ms)
        order = np.lexsort((self.roti[rows], station))
        roti, count = self.roti[rows[order]], np.bincount(station, minlength=len(newest_ms))
        median, most = np.full(len(newest_ms), np.nan), np.full(len(newest_ms), np.nan)
        some = count > 0
        end = np.cumsum(count)[some]
        middle = (end - count[some], (count[some] - 1) // 2, count[some] // 2)
        median[some] = (roti[middle[0] + middle[1]] + roti[middle[0] + middle[2]]) / 2
        most[some] = roti[end - 1]
        return median, most

    def by_satellite(self, cells: Cells, newest_ms: I64) -> tuple[I64, I64, F64]:
        """Station, satellite (system times 64 and number) and ROTI of each line of sight that has one now."""
        rows, station = self._current(cells, newest_ms)
        return station, cells.key[rows] // PLACES % SKY, self.roti[rows]

    def _current(self, cells: Cells, newest_ms: I64) -> tuple[I64, I64]:
        """Cells that have a ROTI of now and are not low, and their stations."""
        roti, used = self.roti, min(cells.count, self._size)
        station = cells.station_of(np.arange(used))
        age_ms = newest_ms[station] - self.roti_ms[:used]
        with np.errstate(invalid="ignore"):
            low = cells.elevation_deg[:used] < LOWEST_DEG
        rows = np.flatnonzero(~np.isnan(roti[:used]) & (age_ms >= 0) & (age_ms <= 2 * GRID_MS) & ~low)
        return rows, station[rows]

    def rates(self, cells: I64, slot: int) -> F64:
        """ROT of cells in a slot of the grid, TECU a minute; nan where there is none."""
        place = slot % RING
        there = self._rot_slot[cells, place] == slot
        rates: F64 = np.where(there, self._rot[cells, place], np.nan)
        return rates

    def changes(self, cells: Cells, slot: int) -> tuple[I64, F64]:
        """Cells with all rates of the five minutes that end with a slot, and their change in TECU."""
        slots = np.arange(slot - SAMPLES + 1, slot + 1)
        held = self._rot_slot[: min(cells.count, self._size)]
        rows = (held[:, slots % RING] == slots).all(axis=1).nonzero()[0]
        change: F64 = self._rot[rows][:, slots % RING].sum(axis=1, dtype=np.float64) * (GRID_MS / 60_000)
        return rows, change

    def rearranged(self, before: I64, rows: I64, size: int) -> Roti:
        """The same for other stations (see Cells.rearranged), with room for `size` cells."""
        self._settle()
        other = Roti(len(before))
        stay = np.flatnonzero(before >= 0)
        other._slot[stay] = self._slot[before[stay]]
        other._grow(size)
        kept = np.flatnonzero(rows < self._size)
        for name in ("_sample_ms", "_sample_m", "_rot", "_rot_slot", "_newest_slot", "_roti", "roti_ms"):
            getattr(other, name)[kept] = getattr(self, name)[rows[kept]]
        return other

    def _grow(self, size: int) -> None:
        if size == self._size:
            return
        more = size - self._size
        self._size = size
        self._sample_ms = np.append(self._sample_ms, np.full(more, NEVER))
        self._sample_m = np.append(self._sample_m, np.zeros(more))
        self._rot = np.concatenate([self._rot, np.zeros((more, RING), np.float32)])
        self._rot_slot = np.concatenate([self._rot_slot, np.full((more, RING), -1)])
        self._owed = np.append(self._owed, np.zeros(more, bool))
        self._newest_slot = np.append(self._newest_slot, np.zeros(more, np.int64))
        self._roti = np.append(self._roti, np.full(more, np.nan))
        self.roti_ms = np.append(self.roti_ms, np.full(more, NEVER))
