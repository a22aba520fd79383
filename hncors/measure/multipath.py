"""Multipath of signals from the sums that hncors.measure.pairs keeps of each arc."""

from __future__ import annotations

import numpy as np

from hncors.measure.cells import Cells
from hncors.measure.lanes import ENOUGH_S, EVERY_S, FORGET_S
from hncors.observation import F64, I64, B
from hncors.signals import GNSS, SLOTS

LOWEST_DEG = 10.0  # satellites known to be lower do not count
SIGNALS = len(GNSS) * SLOTS


def rms_m(cells: Cells, interval_s: F64, newest_ms: I64) -> tuple[F64, I64]:
    """Root mean square of MP about the mean of its arc, over all satellites, by station and signal.

    `interval_s` and `newest_ms` are those of the epochs of each station. A satellite in sight gives its arc
    and the last long one before it; nan where none is long enough. Also the number of arcs; both have shape
    (stations, SIGNALS).

    The sum of the weights of n epochs, of which each weighs L times the next, is W = (1 - L^n) / (1 - L);
    that of their squares is W (2 - W (1 - L)) / (1 + L). The mean takes away the quotient of the two.
    """
    used = slice(cells.count)  # a view, and no copy
    station = cells.owners()
    oldest_ms = newest_ms - np.maximum(60.0, 2 * interval_s) * 1000
    with np.errstate(invalid="ignore"):
        there = ~(cells.elevation_deg[used] < LOWEST_DEG)
    there &= cells.pair_ms[used] >= oldest_ms[station]
    now = np.flatnonzero(there & (cells.pair_ms[used] - cells.arc_ms[used] >= ENOUGH_S * 1000))
    past = np.flatnonzero(there & (cells.past_ms[used] >= (newest_ms - FORGET_S * 1000)[station]))
    age_s = (newest_ms[station[past]] - cells.past_ms[past]) / 1000
    rows = np.concatenate([now, past])
    weight = np.concatenate([cells.weight[now], cells.past_weight[past]])
    sum2_m2 = np.concatenate([cells.mp_sum2_m2[now], cells.past_sum2_m2[past]])
    share = np.concatenate([np.ones(len(now)), np.exp(-age_s / FORGET_S)])
    every_s = np.ceil(EVERY_S / interval_s[station[rows]]) * interval_s[station[rows]]
    kept = FORGET_S / (FORGET_S + every_s)
    free = weight - (2 - weight * (1 - kept)) / (1 + kept)
    free, sum2_m2 = np.where(free > 1, free * share, 0), np.where(free > 1, sum2_m2 * share, 0)
    return _by_signal(cells, rows, station[rows], free, sum2_m2, len(newest_ms))


def _by_signal(
    cells: Cells, rows: I64, station: I64, free: F64, sum2_m2: F64, stations: int
) -> tuple[F64, I64]:
    at = station * SIGNALS + cells.signal[rows]
    size = stations * SIGNALS
    total = np.bincount(at, free, size)
    count = np.bincount(at, minlength=size)
    known: B = total > 0
    rms = np.full(size, np.nan)
    rms[known] = np.sqrt(np.bincount(at, sum2_m2, size)[known] / total[known])
    return rms.reshape(stations, SIGNALS), count.reshape(stations, SIGNALS)
