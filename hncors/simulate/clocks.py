"""Receiver clocks as functions of time: steered ones near zero, free ones that whole milliseconds put back.

An offset is a constant, a drift and two slow waves, so that rate and offset belong together exactly and
a run may begin anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hncors.observation import F64
from hncors.simulate.stations import Station

JUMP_S = 1e-3  # free clocks are put back when they are half of that off


class Clocks:
    """The clocks of all stations."""

    def __init__(self, stations: Sequence[Station], start_ms: int, chance: np.random.Generator) -> None:
        self._start_ms = start_ms
        self._chance = chance
        self.free = np.array([one.clock == "free" for one in stations], bool)
        count = len(stations)
        self._offset = np.zeros(count)
        self._drift = np.zeros(count)
        self._wave = np.zeros((2, count))
        self._period = chance.uniform(200, 1500, (2, count))
        self._phase = np.zeros((2, count))
        for row in range(count):
            self.restart(row)

    def restart(self, row: int) -> None:
        """Give a station a clock as after switching on."""
        free = bool(self.free[row])
        self._offset[row] = self._chance.uniform(-4e-4, 4e-4) if free else self._chance.normal(0, 3e-8)
        self._drift[row] = self._chance.uniform(-5e-7, 5e-7) if free else 0.0
        self._wave[:, row] = self._chance.uniform(0.5, 1, 2) * (2e-8 if free else 4e-9)
        self._phase[:, row] = self._chance.uniform(0, 2 * np.pi, 2)

    def jump(self, row: int, seconds: float) -> None:
        """Put a clock forward by some seconds, once."""
        self._offset[row] += seconds

    def at(self, time_ms: int) -> tuple[F64, F64]:
        """Seconds that each clock is ahead of GPS time, and seconds per second that it gains."""
        t = (time_ms - self._start_ms) / 1000
        turn = 2 * np.pi / self._period
        offset = self._offset + self._drift * t + (self._wave * np.sin(turn * t + self._phase)).sum(axis=0)
        rate = self._drift + (self._wave * turn * np.cos(turn * t + self._phase)).sum(axis=0)
        put_back = np.where(self.free, np.rint(offset / JUMP_S) * JUMP_S, 0.0)
        return offset - put_back, rate
