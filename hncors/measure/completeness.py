"""What a station observes of what it should: satellites above the mask, each with the signals it sends.

A satellite should be observed when it is above the mask and healthy; those given are. Of a signal it is
expected what the satellite is known to send, from any station of the network, as far as the station itself
has received that signal from any satellite. So an old satellite without L5 is no gap at a station that
tracks L5, and a station of two frequencies owes no third. Found is what has a pseudorange and a phase whose
half cycle is resolved: teqc and the EPN count complete observations, too.
"""

from __future__ import annotations

import numpy as np

from hncors.measure.cells import PLACES, SKY, Cells, sky_number
from hncors.observation import F64, I64, U8
from hncors.signals import GNSS, SLOTS

MASK_DEG = 10.0  # GB/T 28588 asks for sites without obstructions above it; EPN and teqc count from there
SIGNALS = len(GNSS) * SLOTS


class Completeness:
    """Counts over all looks, and the satellites of the newest; the first axis is the station."""

    def __init__(self, stations: int) -> None:
        self.owed = np.zeros((stations, SIGNALS), np.int64)  # observations that should be there
        self.found = np.zeros((stations, SIGNALS), np.int64)  # ... and were
        self.expected = np.full((stations, len(GNSS)), -1, np.int64)  # satellites above the mask; -1: unknown
        self._sends = np.zeros((SKY, SIGNALS), bool)
        self._known = 0  # cells whose signals are in it

    def look(
        self, cells: Cells, newest_ms: I64, station: I64, gnss: U8, satellite: U8, elevation_deg: F64
    ) -> None:
        """Count the satellites that stations should observe, in the newest epoch of each."""
        above = elevation_deg >= MASK_DEG
        station, system = station[above], gnss[above].astype(np.int64)
        number = sky_number(system, satellite[above])
        new = np.arange(self._known, cells.count)
        self._sends[cells.key[new] // PLACES % SKY, cells.signal[new]] = True
        self._known = cells.count
        # A thirtieth of the stations are looked at in a turn: nothing of the others is touched.
        looked, row = np.unique(station, return_inverse=True)
        self.expected[looked] = 0
        np.add.at(self.expected, (station, system), 1)
        theirs, used = cells.of_stations(looked)
        has = np.zeros((len(looked), SIGNALS), bool)
        has[theirs, cells.signal[used]] = True
        for one in range(0, len(station), 4096):  # stations times signals in pieces
            its = slice(one, one + 4096)
            owed = self._sends[number[its]] & has[row[its]]
            rows, signals = np.nonzero(owed)
            who = station[its][rows]
            np.add.at(self.owed, (who, signals), 1)
            cell = cells.at(who, number[its][rows], signals)
            found = (cell >= 0) & (cells.time_ms[cell] == newest_ms[who])
            np.add.at(self.found, (who[found], signals[found]), 1)

    def rearranged(self, before: I64) -> Completeness:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Completeness(len(before))
        stay = np.flatnonzero(before >= 0)
        for name in ("owed", "found", "expected"):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        other._sends = self._sends
        return other
