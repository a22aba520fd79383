"""Errors at registered places against their protection levels: whether what was called safe was.

Only counted: no coordinate leaves, and positions know nothing of it. Places are those of the registry in
today's frame (hncors.frames).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hncors.geodesy import to_enu, to_geodetic
from hncors.identity import Places
from hncors.measure.exclusion import ALERT, STATES
from hncors.measure.independence import Hours
from hncors.observation import I64
from hncors.positioning import Positions, levels_m


class Misleading:
    """Counts by station."""

    def __init__(self, places: Places, ids: Sequence[str]) -> None:
        """`places` are those of the registry, `ids` the stations in their order."""
        self._registered = places.motions_of(ids)
        self.judged = np.zeros(len(ids), np.int64)  # epochs with a position, a level and a registered place
        self.epochs = np.zeros(len(ids), np.int64)  # of those, with an error above the level and no alert
        self.states = np.zeros((len(ids), len(STATES)), np.int64)  # all epochs, by state
        self.hours = Hours(len(ids))

    def rearranged(self, before: I64, places: Places, ids: Sequence[str]) -> Misleading:
        """The same for other stations: `before` is each one's row here, -1 for a new one."""
        other = Misleading(places, ids)
        stay = np.flatnonzero(before >= 0)
        for name in ("judged", "epochs", "states"):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        other.hours = self.hours.rearranged(before)
        return other

    def add(self, station: I64, time_ms: I64, found: Positions) -> None:
        """Epochs of a tick, `time_ms` GPS."""
        np.add.at(self.states, (station, found.trust), 1)
        registered = self._registered.at(time_ms, station)
        rows = np.flatnonzero(~np.isnan(registered[:, 0]) & ~np.isnan(found.place_m[:, 0]))
        enu = to_enu(found.place_m[rows] - registered[rows], to_geodetic(registered[rows]))
        error_m = np.stack((np.hypot(enu[:, 0], enu[:, 1]), np.abs(enu[:, 2])), axis=1)
        above = (error_m > levels_m(found)[rows]).any(axis=1) & (found.trust[rows] != ALERT)
        self.hours.add(station[rows], time_ms[rows], enu)
        np.add.at(self.judged, station[rows], 1)
        np.add.at(self.epochs, station[rows[above]], 1)
