"""Whether a position could be computed of an epoch: which of its satellites have a usable ephemeris.

A set counts from when it came. How far from its toe it is used is RTKLIB's choice (rtklib.h, MAXDTOE),
which covers every system's interval of updates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from hncors.network import Network, Tick
from hncors.signals import GNSS

AGE_MS = {"G": 7_200_000, "R": 1_800_000, "E": 14_400_000, "S": 360_000, "J": 7_200_000, "C": 21_600_000}
AGE_MS |= {"I": 7_200_000}
ENOUGH = 4  # satellites a position takes
NO_EPHEMERIS, TOO_FEW, NOT_COMPUTED = "no_ephemeris", "too_few_satellites", "not_computed"

_AGE_MS = np.array([AGE_MS[letter] for letter in GNSS], np.int64)
_NEVER = np.int64(-1) << 60


class Heard(NamedTuple):
    """A set of ephemerides and when it came."""

    at_ns: int  # UTC nanoseconds since 1970
    station: str  # "": known to all stations
    gnss: int
    satellite: int
    toe_ms: int  # GPS


class Statuses:
    """Judges epochs in the order in which they were complete."""

    def __init__(self, network: Network, heard: Iterable[Heard]) -> None:
        known = (one for one in heard if not one.station or one.station in network.index)
        self._waiting = sorted(known, reverse=True)
        self._index = network.index
        self._toe_ms = np.full((len(network.streams), 7, 64), _NEVER, np.int64)

    def of(self, tick: Tick) -> list[str]:
        """The status of each epoch of a tick."""
        epochs, observations = tick.epochs, tick.observations
        key = tick.epoch[observations.message] * 512 + observations.gnss.astype(np.int64) * 64
        satellites = np.unique(key + observations.satellite)
        cuts = np.searchsorted(satellites // 512, np.arange(len(epochs.time_ms) + 1))
        judged = []
        for row, (station, time_ms, arrival_ns) in enumerate(
            zip(epochs.station.tolist(), epochs.time_ms.tolist(), epochs.arrival_ns.tolist(), strict=True)
        ):
            self._learn(arrival_ns)
            gnss, satellite = np.divmod(satellites[cuts[row] : cuts[row + 1]] % 512, 64)
            away = np.abs(self._toe_ms[station, gnss, satellite] - time_ms)
            usable = int((away <= _AGE_MS[gnss]).sum())
            judged.append(NO_EPHEMERIS if not usable else TOO_FEW if usable < ENOUGH else NOT_COMPUTED)
        return judged

    def _learn(self, now_ns: int) -> None:
        while self._waiting and self._waiting[-1].at_ns <= now_ns:
            one = self._waiting.pop()
            to = slice(None) if not one.station else self._index[one.station]
            self._toe_ms[to, one.gnss, one.satellite] = one.toe_ms
