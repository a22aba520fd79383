"""Multipath of signals from the sums that hncors.measure.pairs keeps of each arc."""

from __future__ import annotations

import numpy as np

from hncors.measure.cells import Cells
from hncors.measure.lanes import EVERY_S, FORGET_S
from hncors.observation import F64, I64, B
from hncors.signals import GNSS, SLOTS

ENOUGH_S = 300.0  # an arc must be this long, for its mean to be one
LOWEST_DEG = 10.0  # satellites known to be lower do not count
SIGNALS = len(GNSS) * SLOTS


def rms_m(cells: Cells, interval_s: F64, newest_ms: I64) -> tuple[F64, I64]:
    """Root mean square of MP about the mean of its arc, over all satellites, by station and signal.

    `interval_s` and `newest_ms` are those of the epochs of each station. nan where no arc of a satellite in
    sight is long enough. Also the number of satellites; both have shape (stations, SIGNALS).

    The sum of the weights of n epochs, of which each weighs L times the next, is W = (1 - L^n) / (1 - L);
    that of their squares is W (2 - W (1 - L)) / (1 + L). The mean takes away the quotient of the two.
    """
    used = cells.count
    station = cells.station_of(np.arange(used))
    pair_ms = cells.pair_ms[:used]
    with np.errstate(invalid="ignore"):
        low = cells.elevation_deg[:used] < LOWEST_DEG
    rows = np.flatnonzero(
        (pair_ms - cells.arc_ms[:used] >= ENOUGH_S * 1000)
        & (newest_ms[station] - pair_ms <= np.maximum(60.0, 2 * interval_s[station]) * 1000)
        & ~low
    )
    station = station[rows]
    weight = cells.weight[rows]
    every_s = np.ceil(EVERY_S / interval_s[station]) * interval_s[station]
    kept = FORGET_S / (FORGET_S + every_s)
    free = weight - (2 - weight * (1 - kept)) / (1 + kept)
    rows, station, free = rows[free > 1], station[free > 1], free[free > 1]
    return _by_signal(cells, rows, station, free, len(newest_ms))


def _by_signal(cells: Cells, rows: I64, station: I64, free: F64, stations: int) -> tuple[F64, I64]:
    at = station * SIGNALS + cells.signal[rows]
    size = stations * SIGNALS
    total = np.bincount(at, free, size)
    count = np.bincount(at, minlength=size)
    known: B = total > 0
    rms = np.full(size, np.nan)
    rms[known] = np.sqrt(np.bincount(at, cells.mp_sum2_m2[rows], size)[known] / total[known])
    return rms.reshape(stations, SIGNALS), count.reshape(stations, SIGNALS)
