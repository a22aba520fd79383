"""Quality of what stations observe: slips, multipath, the ionosphere above them; arrays over stations."""

from __future__ import annotations

import numpy as np

from hncors.measure.carrier import Jump
from hncors.measure.cells import Cells
from hncors.measure.slips import TESTS, Look, look
from hncors.observation import I64, B, Messages, Observations
from hncors.signals import GNSS, SLOTS

SIGNALS = len(GNSS) * SLOTS


class Quality:
    """What is known of the quality of each station; the first axis of arrays is the station."""

    def __init__(self, stations: int) -> None:
        self.cells = Cells(stations)
        self.slips = np.zeros((stations, SIGNALS), np.int64)
        self.slip_tests = np.zeros((stations, len(TESTS)), np.int64)
        self.half_cycles = np.zeros((stations, SIGNALS), np.int64)
        self.clock_jumps = np.zeros(stations, np.int64)

    def epochs(
        self, station: I64, time_ms: I64, late: B, epoch: I64, messages: Messages, observations: Observations
    ) -> list[Jump]:
        """Add complete epochs, as hncors.measure.tally.Tally.add_epochs does; late ones come too late."""
        jumps: list[Jump] = []
        turn = _turns(station)
        turn[late] = -1
        for n in range(int(turn.max(initial=-1)) + 1):
            rows = np.flatnonzero((turn == n)[epoch[observations.message]])
            some = observations if len(rows) == len(observations) else observations.select(rows)
            of = epoch[some.message]
            jumps += self._epoch(station[of], time_ms[of], messages, some)
        return jumps

    def _epoch(self, station: I64, time_ms: I64, messages: Messages, o: Observations) -> list[Jump]:
        seen = look(self.cells, station, time_ms, messages.kind[o.message], o)
        self._count(seen)
        if o.half_cycle.any():
            rows = np.flatnonzero(o.half_cycle)
            signal = o.gnss[rows].astype(np.int64) * SLOTS + o.signal[rows]
            np.add.at(self.half_cycles, (station[rows], signal), 1)
        return seen.jumps

    def _count(self, seen: Look) -> None:
        slips = seen.slips
        who = self.cells.station_of(slips.cell)
        np.add.at(self.slips, (who, self.cells.signal[slips.cell]), 1)
        for bit in range(len(TESTS)):
            np.add.at(self.slip_tests[:, bit], who, slips.tests >> bit & 1)
        for jump in seen.jumps:
            self.clock_jumps[jump.station] += 1


def _turns(station: I64) -> I64:
    """The how-manieth epoch of its station each is."""
    order = np.argsort(station, kind="stable")
    new = np.diff(station[order], prepend=-1) != 0
    starts = np.flatnonzero(new)
    turn = np.empty(len(station), np.int64)
    turn[order] = np.arange(len(station)) - starts.repeat(np.diff(np.append(starts, len(station))))
    return turn
