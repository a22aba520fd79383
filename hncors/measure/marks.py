"""What all stations' phases were at the same moment, twice a minute: what baselines between them are made of.

A phase free of the ionosphere less the way from the station's known place (orbits and clocks as broadcast,
the air as modelled) is the receiver's clock, an ambiguity, and minus what the antenna is away from there
along the direction. Which arc an ambiguity belongs to is known by how many epochs have been smoothed: an arc
of more epochs than the station had since the last mark goes on.
"""

from __future__ import annotations

import numpy as np

from hncors.measure.residuals import Part
from hncors.measure.smoothing import PLACES, place
from hncors.measure.steps import FAR_M
from hncors.measure.troposphere import mapping
from hncors.observation import F64, I64

MARK_MS = 30_000  # what stations are held to that observe rarely
GEOMETRY = 4  # east, north, up, and the way through the air
LOWEST_SINE = 0.17  # ten degrees


class Marks:
    """The newest mark of each station; arrays (stations, PLACES) where nothing else is said."""

    def __init__(self, stations: int) -> None:
        shape = stations, PLACES
        self.time_ms = np.full(stations, -1, np.int64)
        self.since = np.zeros(stations, np.int64)  # epochs after the mark before
        self.left_m = np.full(shape, np.nan)  # phase less way; nan where there is none
        self.arc = np.zeros(shape, np.int32)  # counts arcs
        self.enu = np.zeros((stations, PLACES, GEOMETRY), np.float32)

    def rearranged(self, before: I64) -> Marks:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Marks(len(before))
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            getattr(other, name)[stay] = column[before[stay]]
        return other

    def add(self, station: I64, time_ms: I64, epoch: I64, parts: list[Part], known_m: F64) -> None:
        """An epoch of each station: its rows in what was solved; `known_m` (n, 3), nan: not known."""
        self.since[station] += 1
        on = (time_ms % MARK_MS == 0) & (time_ms > self.time_ms[station])
        if not on.any():
            return
        who, when = station[on], time_ms[on]
        self.left_m[who] = np.nan
        for part in parts:
            column = epoch[on] - part.first
            here = np.flatnonzero((column >= 0) & (column < part.there.shape[1]))
            if len(here):
                self._keep(part, column[here], who[here], known_m[on][here])
        self.time_ms[who], self.since[who] = when, 0

    def _keep(self, part: Part, column: I64, who: I64, known_m: F64) -> None:
        shift_m = known_m.T - part.start_m[:, column]
        near = np.square(shift_m).sum(axis=0) < FAR_M**2  # farther away directions are no longer alike
        enu = part.enu[:, :, column]
        left_m = part.phase_m[:, column]
        by_m = np.einsum("ije,je->ie", part.axes[:, :, column], shift_m)
        left_m = left_m + (enu * by_m[:, None]).sum(axis=0)
        good = part.above[:, column] & ~part.out[:, column] & (part.c1[:, column] > 1.0) & near
        good &= ~np.isnan(left_m) & (enu[2] > LOWEST_SINE)
        row, one = good.nonzero()
        where = who[one], place(part.gnss, part.satellite)[row]
        anew = part.smoothed_over[row, column[one]] <= self.since[where[0]]
        self.arc[where] += anew
        self.left_m[where] = left_m[row, one]
        self.enu[where] = np.stack((*enu[:, row, one], mapping(enu[2, row, one])), axis=1)
