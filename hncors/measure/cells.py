"""Numbers for every signal of every satellite of every station, and state kept under them as columns.

A cell is a signal of a satellite as one station receives it. Cells are numbered as they first appear, so
that a tick, whose rows come in much the same order each time, walks through the columns in order.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hncors.observation import F64, I64, U8, Observations, frequency_hz
from hncors.signals import FIRST_SATELLITE, GNSS, SATELLITES, SLOTS

NEVER = -(1 << 60)  # a time in milliseconds before all others
PLACES = 8  # signals a system may have at one station
_COUNT = np.array([SATELLITES[letter] + 1 for letter in GNSS])
_FIRST = np.cumsum(_COUNT) - _COUNT - np.array([FIRST_SATELLITE.get(letter, 0) for letter in GNSS])
_STARTS = np.cumsum(_COUNT) - _COUNT
SKY = int(_COUNT.sum())  # numbers a satellite may have
_I32 = NDArray[np.int32]

# What is remembered of a cell, and what a new one begins with.
_COLUMNS: dict[str, float | int] = {
    "key": -1,
    "signal": 0,
    "frequency_hz": np.nan,
    "time_ms": NEVER,
    "phase_m": np.nan,
    "rate_m_s": np.nan,
    "code_phase_m": np.nan,
    "lock_ms": np.nan,
    "cn0_dbhz": np.nan,
    "rolled_m": 0.0,
    "partner": -1,
    "pair_ms": NEVER,
    "arc_ms": NEVER,
    "elevation_deg": np.nan,
    "azimuth_deg": np.nan,
    "slow_dbhz": np.nan,
    "expected_dbhz": np.nan,
    "gf_m": 0.0,
    "gf_rate_m_s": 0.0,
    "gf_variance_m2": 0.0,
    "pair_age": 0.0,
    "lane_ms": NEVER,
    "weight": 0.0,
    "mw_mean": 0.0,
    "mw_sum2": 0.0,
    "mp_mean_m": 0.0,
    "mp_sum2_m2": 0.0,
    "past_sum2_m2": 0.0,
    "past_weight": 0.0,
    "past_ms": NEVER,
    "mp_factor": np.nan,
    "mw_gf": np.nan,
    "mw_own": np.nan,
    "mw_partner": np.nan,
    "pending": 0.0,
    "pending_ms": NEVER,
}


def sky_number(gnss: I64, satellite: U8) -> I64:
    """One number for satellites of all systems, below SKY."""
    number: I64 = _FIRST.take(gnss) + satellite
    return number


def satellite_of(number: I64) -> tuple[I64, I64]:
    """The satellite and the system that `sky_number` made a number of."""
    gnss: I64 = np.searchsorted(_STARTS, number, side="right") - 1
    return number - _FIRST[gnss], gnss


class Cells:
    """Cells of all stations, and columns of what is remembered of each."""

    key: I64  # (station * SKY + satellite) * PLACES + place
    signal: I64  # system * SLOTS + signal
    frequency_hz: F64
    # the newest phase that could be used
    time_ms: I64
    phase_m: F64
    rate_m_s: F64  # of the phase, over the last interval
    code_phase_m: F64  # pseudorange less phase
    lock_ms: F64
    cn0_dbhz: F64
    elevation_deg: F64  # nan while unknown
    azimuth_deg: F64
    slow_dbhz: F64  # C/N0, the mean of some minutes
    expected_dbhz: F64
    rolled_m: F64  # taken from the phases of older messages, which roll over
    # with another frequency of the satellite (hncors.measure.pairs)
    partner: I64  # a cell, -1 for none
    pair_ms: I64  # when both were there
    arc_ms: I64  # since when without a break
    gf_m: F64
    gf_rate_m_s: F64
    gf_variance_m2: F64
    pair_age: F64  # epochs of the arc, up to some
    lane_ms: I64  # when pseudoranges were last looked at (hncors.measure.lanes)
    weight: F64  # of the arc's looks in the means
    mw_mean: F64  # cycles of the wide lane
    mw_sum2: F64
    mp_mean_m: F64
    mp_sum2_m2: F64
    past_sum2_m2: F64  # of the last long arc that is over
    past_weight: F64
    past_ms: I64  # when it was
    mp_factor: F64
    mw_gf: F64
    mw_own: F64
    mw_partner: F64
    pending: F64  # a step of Melbourne-Wuebbena that the next epoch has to confirm, cycles
    pending_ms: I64

    def __init__(self, stations: int) -> None:
        self.stations = stations
        self.count = 0
        self._owners: I64 = np.empty(0, np.int64)
        self.refused = 0  # observations of a ninth signal of a system
        self.table: _I32 = np.full((stations, SKY, PLACES), -1, np.int32)
        self._place = np.full((stations, len(GNSS), SLOTS), -1, np.int8)
        self._used = np.zeros((stations, len(GNSS)), np.int8)
        for name, value in _COLUMNS.items():
            setattr(self, name, np.full(1024, value))

    def of(self, station: I64, o: Observations) -> I64:
        """The cell of each observation, numbered now if it is new; -1 where there are too many signals."""
        gnss = o.gnss.astype(np.int64)
        signal = (station * len(GNSS) + gnss) * SLOTS + o.signal
        place = self._place.take(signal)
        if place.min(initial=0) == -1:
            self._new_signals(signal[place == -1])
            place = self._place.take(signal)
        key = (station * SKY + sky_number(gnss, o.satellite)) * PLACES + place
        cell: I64 = self.table.take(key).astype(np.int64)
        if place.min(initial=0) < 0:
            refused = place < 0
            cell[refused] = -2
            self.refused += int(refused.sum())
        new = np.flatnonzero(cell == -1)
        if len(new):
            self._new_cells(key[new], o.select(new), signal[new])
            cell[new] = self.table.take(key[new])
        return np.maximum(cell, -1, out=cell)

    def siblings(self, cell: I64) -> I64:
        """All cells of each cell's satellite, shape (n, PLACES), -1 where there is none."""
        found: I64 = self.table.reshape(-1, PLACES)[self.key[cell] // PLACES].astype(np.int64)
        return found

    def point(self, station: I64, gnss: U8, satellite: U8, elevation_deg: F64, azimuth_deg: F64) -> None:
        """Where satellites stand over stations."""
        key = station * SKY + sky_number(gnss.astype(np.int64), satellite)
        cell = self.table.reshape(-1, PLACES)[key].astype(np.int64)
        rows, places = np.nonzero(cell >= 0)
        self.elevation_deg[cell[rows, places]] = elevation_deg[rows]
        self.azimuth_deg[cell[rows, places]] = azimuth_deg[rows]

    def of_stations(self, station: I64) -> tuple[I64, I64]:
        """All cells of stations that are given once: rows of `station`, and cells."""
        cell = self.table[station].reshape(len(station), math.prod(self.table.shape[1:]))
        row, at = np.nonzero(cell >= 0)
        found: I64 = cell[row, at].astype(np.int64)
        return row, found

    def at(self, station: I64, number: I64, signal: I64) -> I64:
        """The cells of some signals (system * SLOTS + signal) of satellites (sky_number), -1 for none."""
        place = self._place.take(station * (len(GNSS) * SLOTS) + signal)
        found: I64 = self.table[station, number, np.maximum(place, 0)].astype(np.int64)
        found[place < 0] = -1
        return found

    def station_of(self, cell: I64) -> I64:
        """The station of each cell."""
        station: I64 = self.key[cell] // (SKY * PLACES)
        return station

    def owners(self) -> I64:
        """The station of every cell, not to be changed: that of a cell never does."""
        known = len(self._owners)
        if known < self.count:
            new = self.key[known : self.count] // (SKY * PLACES)
            self._owners = np.concatenate([self._owners, new])
        return self._owners

    def _new_signals(self, signal: I64) -> None:
        for one in np.unique(signal).tolist():
            used = self._used.reshape(-1)
            owner = one // SLOTS
            room = used[owner] < PLACES
            self._place.reshape(-1)[one] = used[owner] if room else -2
            used[owner] += room

    def _new_cells(self, key: I64, o: Observations, signal: I64) -> None:
        _, first = np.unique(key, return_index=True)
        first.sort()
        number = self.count + np.arange(len(first))
        self._grow(self.count + len(first))
        self.count += len(first)
        self.table.reshape(-1)[key[first]] = number
        self.key[number] = key[first]
        self.signal[number] = signal[first] % (len(GNSS) * SLOTS)
        some = o.select(first)
        self.frequency_hz[number] = frequency_hz(some.gnss, some.signal, some.channel)

    def rearranged(self, before: I64) -> tuple[Cells, I64]:
        """The same for other stations, and which cells of here they are.

        `before` is each one's row here, -1 for one that is new.
        """
        other = Cells(len(before))
        stay = np.flatnonzero(before >= 0)
        for name in ("_place", "_used"):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        after = np.full(self.stations, -1, np.int64)
        after[before[stay]] = stay
        station = self.station_of(np.arange(self.count))
        rows = np.flatnonzero(after[station] >= 0)
        number = np.full(self.count + 1, -1, np.int64)
        number[rows] = np.arange(len(rows))
        other._grow(len(rows))
        for name in _COLUMNS:
            getattr(other, name)[: len(rows)] = getattr(self, name)[rows]
        other.count, other.refused = len(rows), self.refused
        keys = other.key[: len(rows)]
        keys += (after[station[rows]] - station[rows]) * (SKY * PLACES)
        other.partner[: len(rows)] = number[other.partner[: len(rows)]]
        other.table.reshape(-1)[keys] = np.arange(len(rows))
        return other, rows

    def _grow(self, count: int) -> None:
        size = len(self.key)
        while size < count:
            size *= 2
        if size == len(self.key):
            return
        for name, value in _COLUMNS.items():
            grown = np.full(size, value)
            grown[: self.count] = getattr(self, name)[: self.count]
            setattr(self, name, grown)
