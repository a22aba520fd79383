"""Whose an error of ranges is: the satellite's, or that of one of the two signals; told by the electrons.

A range free of the ionosphere is c1 P1 - (c1 - 1) P2, the delay that both codes tell of the first signal
(c1 - 1) (P2 - P1). So an error that puts the range off by r puts that delay off by

    0                   if clock or orbit are wrong
    -r (c1 - 1) / c1    if the first signal is
    -r                  if the second is

and the ionosphere the delay alone. What delay is right, the other satellites tell: a thin shell over the
network, thicker to one side, and what receivers add for each system, fitted robustly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hncors.measure.apart import FEWEST_SATELLITES, FEWEST_STATIONS, SLOTS, medians
from hncors.measure.ionosphere import EARTH_M, SHELL_M, slant
from hncors.measure.position import CLOCKS
from hncors.observation import F64, I64, B, Columns

SATELLITE, FIRST, SECOND, UNKNOWN = range(4)
"""Whose an error is; UNKNOWN where the delays do not tell."""

FEWEST = 8  # satellites, for a shell
LEAST_M = 0.5  # of the delays' scatter about the shell: group delays are not better known
CLEAR = 2.0  # sigmas by which one answer must be nearer than the next
NEAR = 4.0  # sigmas within which it must be
_ROUNDS = 6
_HUBER = 1.5


@dataclass(frozen=True, slots=True)
class Delays(Columns):
    """One row a range of two frequencies."""

    station: I64
    clock: I64
    slot: I64
    c1: F64
    delay_m: F64  # of the ionosphere on the first signal, with what receivers add
    sine: F64
    azimuth_rad: F64


@dataclass(frozen=True, slots=True)
class Electrons:
    """What delays tell over the network."""

    off_m: F64  # (SLOTS,) of each satellite's delay from what the shell says
    spread_m: float  # of those that are right
    added_m: F64  # (stations, CLOCKS) what each receiver adds to the delays of a system; nan where not known


def electrons(rows: Delays, stations: int, without: B) -> Electrons:
    """Fit the shell to all satellites but those `without` (SLOTS,)."""
    size = stations * CLOCKS
    group = rows.station * CLOCKS + rows.clock
    clean = np.flatnonzero(~without[rows.slot])
    added, count = medians(group[clean], rows.delay_m[clean], size)
    good = np.flatnonzero((count >= FEWEST_SATELLITES)[group])
    off, count = medians(rows.slot[good], (rows.delay_m - added[group])[good], SLOTS)
    every = np.maximum(np.bincount(rows.slot, minlength=SLOTS), 1)
    sine, north, east = (
        np.bincount(rows.slot, column, SLOTS) / every
        for column in (rows.sine, np.cos(rows.azimuth_rad), np.sin(rows.azimuth_rad))
    )
    clock = np.zeros(SLOTS, np.int64)
    clock[rows.slot] = rows.clock
    there = count >= FEWEST_STATIONS
    zenith = np.arccos(np.clip(sine, -1.0, 1.0))
    aside = zenith - np.arcsin(EARTH_M / (EARTH_M + SHELL_M) * np.sin(zenith))
    way = slant(sine)
    shell = np.stack((way, way * aside * north, way * aside * east), axis=1)
    kind = clock[:, None] == np.unique(clock[there])
    design = np.concatenate((shell, kind.astype(np.float64)), axis=1)
    fitted = np.flatnonzero(there & ~without)
    if len(fitted) < max(FEWEST, design.shape[1] + 2):
        nothing = np.full(SLOTS, np.nan)
        return Electrons(nothing, np.nan, np.full((stations, CLOCKS), np.nan))
    found, spread = _robust(design[fitted], off[fitted])
    left = np.where(there, off - design @ found, np.nan)
    # What a station adds: its delays less the shell's, satellite by satellite.
    thick = rows.delay_m[clean] - (shell @ found[:3])[rows.slot[clean]]
    own, _ = medians(group[clean], thick, size)
    return Electrons(left, max(spread, LEAST_M), own.reshape(stations, CLOCKS))


def _robust(design: F64, value: F64) -> tuple[F64, float]:
    """Least squares with Huber's weights, and 1.48 times the median of what is left."""
    weight = np.ones(len(value))
    found = np.zeros(design.shape[1])
    spread = 0.0
    for _ in range(_ROUNDS):
        found[:] = np.linalg.lstsq(design * weight[:, None], value * weight, rcond=None)[0]
        left = np.abs(value - design @ found)
        spread = 1.4826 * float(np.median(left))
        weight[:] = np.sqrt(np.minimum(1.0, _HUBER * max(spread, LEAST_M) / np.maximum(left, 1e-9)))
    return found, spread


def whose(range_m: float, delay_m: float, c1: float, sigma_m: float) -> int:
    """Whose an error is that puts ranges off by `range_m` and delays by `delay_m`, known to `sigma_m`."""
    if not np.isfinite([range_m, delay_m, c1, sigma_m]).all() or c1 <= 1.0:
        return UNKNOWN
    wanted = np.array([0.0, -range_m * (c1 - 1.0) / c1, -range_m])
    apart = np.abs(delay_m - wanted) / max(sigma_m, LEAST_M)
    best, next_best = np.argsort(apart)[:2].tolist()
    if apart[best] > NEAR or apart[next_best] < apart[best] + CLEAR:
        return UNKNOWN
    return int(best)
