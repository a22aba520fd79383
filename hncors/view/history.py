"""What a replay's ticks told of each station, kept for its report: columns over all epochs.

The first axis of everything added is an epoch of any station; `of` gives those of one. No places: offsets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors import gpstime
from hncors.measure.roti import GRID_MS
from hncors.network import Network, Tick
from hncors.observation import F64, I64
from hncors.positioning import SOLVED, levels_m
from hncors.signals import GNSS, SLOTS
from hncors.view.positions import offsets_m, references_at_m
from hncors.view.sky_plot import Track

_SYSTEMS = len(GNSS)


class Record(NamedTuple):
    """The epochs of one station in the order of time; nan where there is none."""

    time_ms: I64
    offset_m: F64  # (epochs, 3) east, north, up of the position from where it should be
    level_m: F64  # (epochs, 2) protection levels; inf where nothing bounds
    status: I64  # index into hncors.positioning.STATUSES
    trust: I64  # index into hncors.measure.exclusion.STATES
    used: F64
    tracked: F64
    latency_s: F64
    slips: F64  # since the epoch before
    cn0_dbhz: F64  # (epochs, systems) mean of the signals


class Sampled(NamedTuple):
    """Every half minute."""

    time_ms: I64
    multipath_m: F64  # (samples, systems) of the worst signal
    roti: F64  # (samples, 2) median and largest, TECU a minute


class History:
    """Grows with every tick; `full` also keeps what only plots need."""

    def __init__(self, network: Network, *, full: bool) -> None:
        self.network, self.full = network, full
        self._rows: list[tuple[np.ndarray, ...]] = []
        self._sky: list[tuple[np.ndarray, ...]] = []
        self._samples: list[tuple[int, F64, F64, F64]] = []
        stations = len(network.streams)
        self._slips = np.zeros(stations, np.int64)
        self._looked = np.full(stations, -1, np.int64)  # half minute of the last look at the sky
        self._sampled = -1

    def add(self, tick: Tick) -> None:
        """A tick of the network, right after it."""
        epochs, found = tick.epochs, tick.positions
        station = epochs.station
        if not len(station):
            return
        offset = offsets_m(found.place_m, references_at_m(self.network, station, epochs.time_ms))
        columns = [station, epochs.time_ms, offset, levels_m(found), found.status, found.trust]
        if self.full:
            cn0 = _cn0_dbhz(tick)
            columns += [*self._numbers(tick), cn0.system]
            self._look(tick, cn0.satellite)
            self._sample(int(epochs.time_ms.max()))
        self._rows.append(tuple(np.asarray(one, _small(one)) for one in columns))

    def of(self, row: int) -> Record:
        """The epochs of a station."""
        rows = [tuple(column[part[0] == row] for column in part) for part in self._rows]
        joined = [np.concatenate(column) for column in zip(*rows, strict=True)]
        if not joined:
            return _empty(0)
        count = len(joined[0])
        joined += list(_empty(count))[len(joined) - 1 :]
        order = np.argsort(joined[1], kind="stable")
        return Record(*(_wide(column[order]) for column in joined[1:]))

    def sky(self, row: int) -> tuple[Track, F64]:
        """Where a station's satellites stood, with their C/N0, and their residuals in sigmas."""
        mine = [tuple(column[part[0] == row] for column in part) for part in self._sky]
        if not mine:
            none, no = np.empty(0), np.empty(0, np.int64)
            return Track(no, no, no, none, none, none), none
        _, time_ms, gnss, satellite, azimuth, elevation, cn0, residual = (
            np.concatenate(column) for column in zip(*mine, strict=True)
        )
        wide = (one.astype(np.float64) for one in (azimuth, elevation, cn0))
        track = Track(gnss.astype(np.int64), satellite.astype(np.int64), time_ms, *wide)
        return track, residual.astype(np.float64)

    def sampled(self, row: int) -> Sampled:
        """Multipath and ROTI of a station."""
        time_ms = np.array([one[0] for one in self._samples], np.int64)
        multipath = np.array([one[1][row] for one in self._samples]).reshape(-1, _SYSTEMS)
        roti = np.array([(one[2][row], one[3][row]) for one in self._samples]).reshape(-1, 2)
        return Sampled(time_ms, multipath.astype(np.float64), roti.astype(np.float64))

    def _numbers(self, tick: Tick) -> tuple[F64, F64, F64, F64]:
        """Satellites used and tracked, latency, slips since the station's epoch before."""
        epochs = tick.epochs
        station = epochs.station
        latency_s = (epochs.arrival_ns // 1_000_000 - gpstime.to_unix_ms(epochs.time_ms)) / 1000
        latency_s[~self.network.tables.streams.timed[station]] = np.nan
        total = self.network.quality.slips.sum(axis=1)
        last = np.full(len(total), -1, np.int64)
        last[station] = np.arange(len(station))
        slips = np.zeros(len(station))
        rows = last[last >= 0]
        slips[rows] = (total - self._slips)[station[rows]]
        self._slips = total
        return tick.positions.used.astype(np.float64), epochs.satellites.sum(axis=1), latency_s, slips

    def _look(self, tick: Tick, cn0_dbhz: F64) -> None:
        """Satellites of the first solved epoch of each station in each half minute."""
        station, time_ms, found = tick.epochs.station, tick.epochs.time_ms, tick.positions
        slot = time_ms // GRID_MS
        due = np.flatnonzero((slot != self._looked[station]) & (found.status == SOLVED))
        due = due[np.unique(station[due], return_index=True)[1]]
        if not len(due):
            return
        self._looked[station[due]] = slot[due]
        its = found.ranges
        rows = np.flatnonzero(np.isin(its.epoch, due) & (its.elevation_rad > 0))
        epoch, gnss, satellite = its.epoch[rows], its.gnss[rows], its.satellite[rows]
        residual = np.where(its.use[rows], its.smoothed_m[rows] / its.smoothed_sigma_m[rows], np.nan)
        self._sky.append(
            (
                station[epoch].astype(np.int32), time_ms[epoch],
                gnss.astype(np.int8), satellite.astype(np.int8),
                its.azimuth_rad[rows].astype(np.float32), its.elevation_rad[rows].astype(np.float32),
                cn0_dbhz[(epoch * _SYSTEMS + gnss) * 64 + satellite].astype(np.float32),
                residual.astype(np.float32),
            )
        )  # fmt: skip

    def _sample(self, newest_ms: int) -> None:
        slot = newest_ms // GRID_MS
        if slot == self._sampled:
            return
        self._sampled = slot
        by_signal = self.network.quality.multipath_rms_m()[0].reshape(-1, _SYSTEMS, SLOTS)
        known = ~np.isnan(by_signal)
        worst = np.where(known.any(axis=2), np.where(known, by_signal, -1.0).max(axis=2), np.nan)
        median, most = self.network.quality.roti_tecu_min()
        self._samples.append((newest_ms, worst.astype(np.float32), median, most))


class _Cn0(NamedTuple):
    system: F64  # (epochs, systems)
    satellite: F64  # (epochs * systems * 64,)


def _cn0_dbhz(tick: Tick) -> _Cn0:
    """Mean C/N0 of the signals of each system and of each satellite of the epochs."""
    o = tick.observations
    known = np.flatnonzero(~np.isnan(o.cn0_dbhz))
    system = tick.epoch[o.message[known]] * _SYSTEMS + o.gnss[known]
    size = len(tick.epochs.station) * _SYSTEMS
    by_system = _means(system, o.cn0_dbhz[known], size).reshape(-1, _SYSTEMS)
    return _Cn0(by_system, _means(system * 64 + o.satellite[known], o.cn0_dbhz[known], size * 64))


def _means(key: I64, value: F64, size: int) -> F64:
    count = np.bincount(key, minlength=size)
    with np.errstate(invalid="ignore"):
        out: F64 = np.bincount(key, value, size) / np.where(count > 0, count, np.nan)
    return out


def _small(column: np.ndarray) -> type:
    """Half the room: a report shows no more than seven digits of a number."""
    return np.float32 if column.dtype.kind == "f" else column.dtype.type


def _wide(column: np.ndarray) -> np.ndarray:
    return column.astype(np.float64 if column.dtype.kind == "f" else np.int64)


def _empty(epochs: int) -> Record:
    """Epochs of which nothing is known."""
    zero, none = np.zeros(epochs, np.int64), np.full(epochs, np.nan)
    wide = none[:, None]
    return Record(
        zero, wide.repeat(3, 1), wide.repeat(2, 1), zero, zero, none, none, none, none,
        wide.repeat(_SYSTEMS, 1),
    )  # fmt: skip
