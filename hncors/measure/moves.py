"""Sudden moves of antennas: steps by carrier phases that add up to more than noise and drift.

The path of an antenna is the sum of its steps. It drifts with broadcast orbits and clocks, slowly; so it is
held against its own mean of some seconds, carried on by its own drift of some minutes. An antenna is found to
have moved when the path stays off, for three epochs and by more than six sigmas of its own past, and by more
than a floor. A move slower than a minute or so goes into the drift: neighbours tell of it
(hncors.measure.minutes).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.observation import F64, I64

OVER_S = np.array([10.0, 60.0])  # means that a path is held against
FLOOR_M = np.array([0.04, 0.08])
FIRST_M = np.array([[0.006, 0.006, 0.013], [0.012, 0.012, 0.026]])  # sigmas that are taken for its past first
SIGMAS = 6.0
EPOCHS = 3  # in a row
DRIFT_S = 300.0
LEARNT = 60.0  # means' lengths, over which sigmas are learnt
FASTEST_M_S = 0.003  # of orbits and clocks; a step that is more teaches no more than that


class Move(NamedTuple):
    """An antenna moved."""

    row: int  # of the epochs given
    enu_m: tuple[float, float, float]
    within_s: float


class Moves:
    """Paths of all stations."""

    def __init__(self, stations: int) -> None:
        self.path_m = np.zeros((stations, 3))
        self.drift_m_s = np.zeros((stations, 3))
        self.seen_s = np.zeros(stations)  # since the path began
        self.mean_m = np.zeros((stations, len(OVER_S), 3))
        self.variance_m2 = np.tile(np.square(FIRST_M), (stations, 1, 1))
        self.run = np.zeros((stations, len(OVER_S)), np.int64)
        self.breaks = np.zeros(stations, np.int64)  # of paths
        self.found = np.zeros(stations, np.int64)

    def rearranged(self, before: I64) -> Moves:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Moves(len(before))
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            getattr(other, name)[stay] = column[before[stay]]
        return other

    def add(self, station: I64, step_m: F64, elapsed_ms: I64) -> list[Move]:
        """Steps (n, 3) of an epoch of each station, nan where there is none, and since when."""
        broken = np.isnan(step_m).any(axis=1) | (elapsed_ms <= 0)
        lost = station[broken]
        if len(lost):  # where it is now nobody knows: a new path begins
            self.breaks[lost] += 1
            self.seen_s[lost] = 0.0
            self.mean_m[lost] = self.path_m[lost, None, :]
            self.run[lost] = 0
        rows = np.flatnonzero(~broken)
        who, elapsed_s = station[rows], (elapsed_ms[rows] / 1000)[:, None]
        step = step_m[rows]
        drift = self.drift_m_s[who]
        path = self.path_m[who] + step
        mean = self.mean_m[who] + (drift * elapsed_s)[:, None, :]
        off = path[:, None, :] - mean
        variance = self.variance_m2[who]
        limit = np.maximum(FLOOR_M[:, None], SIGMAS * np.sqrt(variance))
        above = (np.abs(off) > limit).any(axis=2)
        run = np.where(above, self.run[who] + 1, 0)
        found = np.flatnonzero((run >= EPOCHS).any(axis=1))
        share = 1.0 - np.exp(-elapsed_s / OVER_S)
        mean += np.where(above, 0.0, share)[:, :, None] * off  # what is judged stays as it is
        learnt = np.minimum(elapsed_s / (OVER_S * LEARNT), 1.0)[:, :, None]
        variance += learnt * (np.minimum(off * off, 9.0 * variance) - variance)
        fast = np.clip(step / elapsed_s - drift, -FASTEST_M_S, FASTEST_M_S)
        seen = self.seen_s[who] + elapsed_s[:, 0]
        drift += np.maximum(1.0 - np.exp(-elapsed_s / DRIFT_S), (elapsed_s[:, 0] / seen)[:, None]) * fast
        moves = []
        for n in found.tolist():
            over = int(np.flatnonzero(run[n] >= EPOCHS)[0])
            moves.append(Move(int(rows[n]), _triple(off[n, over]), float(OVER_S[over])))
            mean[n], run[n] = path[n], 0
            self.found[who[n]] += 1
        self.path_m[who], self.mean_m[who], self.run[who] = path, mean, run
        self.variance_m2[who], self.drift_m_s[who], self.seen_s[who] = variance, drift, seen
        return moves


def _triple(enu_m: F64) -> tuple[float, float, float]:
    east, north, up = enu_m.tolist()
    return east, north, up
