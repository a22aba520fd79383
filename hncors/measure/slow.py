"""Slow moves of antennas: what their paths did minute by minute, less their neighbours', added up.

Held against its own mean of a quarter of an hour, by its own past. Over hours such sums wander where
satellites come and go; what is slower is left to baselines (hncors.measure.baseline) and to days.
"""

from __future__ import annotations

import numpy as np

from hncors.measure.moves import Move, _triple
from hncors.observation import F64, I64

OVER_MIN = np.array([15.0])
FLOOR_M = np.array([0.05])
FIRST_M = np.array([[0.02, 0.02, 0.04]])  # of satellites that come and go
SIGMAS = 6.0
MINUTES = 3  # in a row
HELD = 3  # minutes after a move until the path is judged again
LEARNT = 20.0  # means' lengths, over which sigmas are learnt


class Slow:
    """Paths of all stations against their neighbours'."""

    def __init__(self, stations: int) -> None:
        self.path_m = np.zeros((stations, 3))
        self.mean_m = np.zeros((stations, len(OVER_MIN), 3))
        self.variance_m2 = np.tile(np.square(FIRST_M), (stations, 1, 1))
        self.run = np.zeros((stations, len(OVER_MIN)), np.int64)
        self.held = np.zeros(stations, np.int64)  # minutes to come that are not judged
        self.found = np.zeros(stations, np.int64)

    def rearranged(self, before: I64) -> Slow:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Slow(len(before))
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            getattr(other, name)[stay] = column[before[stay]]
        return other

    def moved(self, station: int) -> None:
        """What this station did is known, now or in a minute that is not over yet: begin anew from there."""
        self.held[station] = HELD

    def add(self, step_m: F64) -> list[Move]:
        """A minute's steps (stations, 3); nan where there is none, which ends a path."""
        broken = np.isnan(step_m).any(axis=1) | (self.held > 0)
        self.held -= self.held > 0
        self.path_m += np.nan_to_num(step_m)
        off = self.path_m[:, None, :] - self.mean_m
        off[broken] = 0.0
        limit = np.maximum(FLOOR_M[:, None], SIGMAS * np.sqrt(self.variance_m2))
        quiet = (np.abs(off) <= limit).all(axis=2)
        self.run += 1
        self.run[quiet] = 0
        self.mean_m += (1.0 - np.exp(-1.0 / OVER_MIN))[:, None] * off
        self.mean_m[broken] = self.path_m[broken, None, :]
        learnt = np.where(broken, 0.0, 1.0)[:, None, None] / (OVER_MIN * LEARNT)[:, None]
        self.variance_m2 += learnt * (np.minimum(off * off, 9.0 * self.variance_m2) - self.variance_m2)
        moves = []
        for row in np.flatnonzero((self.run >= MINUTES).any(axis=1)).tolist():
            over = int(np.flatnonzero(self.run[row] >= MINUTES)[0])
            moves.append(Move(row, _triple(off[row, over]), 60.0 * float(OVER_MIN[over])))
            self.mean_m[row], self.run[row] = self.path_m[row], 0
            self.found[row] += 1
        return moves
