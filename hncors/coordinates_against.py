"""Stations held against their neighbours by carrier phases: marks as they come, pairs in turn, who is off.

Twice a minute phases are noted (hncors.measure.marks); half of the pairs take part in each mark, and a fifth
of them is solved each minute (hncors.measure.baseline), so that nothing takes long.
"""

from __future__ import annotations

import numpy as np

from hncors.frames import Motions
from hncors.measure.baseline import Baselines, neighbours
from hncors.measure.blame import Ends, blame, sizes
from hncors.measure.marks import MARK_MS, Marks
from hncors.measure.minutes import MINUTE_MS
from hncors.observation import F64, I64, B
from hncors.positioning import Positions

SETTLED_MS = 5_000  # after a mark, when what is late has come
TURNS = 5  # minutes in which all pairs are solved
LIMIT_M = np.array([0.06, 0.15])  # on the ground and up: orbits over 250 km are good to 1 cm, multipath to 3
SIGMAS = 5.0
ALONG_M_YR = 0.001  # stations on one plate, all without a velocity of their own, keep together
MINUTES = 2 * TURNS  # in a row beyond the limit: two solutions


class Against:
    """What is known of all stations against their neighbours."""

    def __init__(self, registered: Motions, sigma_m_yr: F64) -> None:
        """`registered` are their places; `sigma_m_yr` is what motions are known to."""
        self.registered, self.sigma_m_yr = registered, sigma_m_yr
        count = len(sigma_m_yr)
        self.marks = Marks(count)
        self.pairs = Baselines(*neighbours(registered.ecef_m), count)
        self.run = np.zeros(count, np.int64)  # minutes beyond the limit
        self.enu_m = np.full((count, 3), np.nan)
        self.sigma_m = np.full((count, 3), np.nan)
        self._pending_ms = -1
        self._minute = -1

    def rearranged(self, before: I64, registered: Motions, sigma_m_yr: F64) -> Against:
        """The same for other stations: `before` is each one's row here, -1 for a new one."""
        other = Against(registered, sigma_m_yr)
        other.marks = self.marks.rearranged(before)
        other.pairs = self.pairs.rearranged(before, other.pairs.first, other.pairs.second)
        other._pending_ms, other._minute = self._pending_ms, self._minute
        stay = np.flatnonzero(before >= 0)
        for name in ("run", "enu_m", "sigma_m"):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        return other

    def forget(self, station: int) -> None:
        """A station is elsewhere now, or its place was filed anew."""
        self.pairs.forget(station)
        self.run[station] = 0
        self.enu_m[station], self.sigma_m[station] = np.nan, np.nan

    def add(self, station: I64, time_ms: I64, epoch: I64, found: Positions) -> None:
        """An epoch of each station, and its row in `found`."""
        if not len(self.pairs.first):
            return
        on = time_ms % MARK_MS == 0
        newest = int(time_ms[on].max(initial=-1))
        if newest > self._pending_ms:
            self._take()
            self._pending_ms = newest
        elif newest >= 0 and newest < self._pending_ms - 2 * MINUTE_MS:  # a clock that was put back
            self._pending_ms = newest
        known_m = self.registered.at(time_ms, station)
        self.marks.add(station, time_ms, epoch, list(found.ranges.parts), known_m)

    def _take(self) -> None:
        """The mark that came last goes into the equations."""
        if self._pending_ms >= 0:
            turn = self._pending_ms // MARK_MS % 2
            self.pairs.add(self.marks, self._pending_ms, np.arange(turn, len(self.pairs.first), 2))

    def looked(self, now_ms: int) -> B | None:
        """Once a minute: which stations are off their known places; None: it is not time."""
        if 0 <= self._pending_ms <= now_ms - SETTLED_MS:
            self._take()
            self._pending_ms = -1
        minute = now_ms // MINUTE_MS
        if minute == self._minute or not len(self.pairs.first):
            return None
        self._minute = minute
        self.pairs.solve(np.arange(minute % TURNS, len(self.pairs.first), TURNS), now_ms)
        whose, whom, enu_m, sigma_m = self.pairs.ends()
        ends = Ends(whose, len(self.run))
        self.sigma_m = ends.middle(sigma_m)
        with np.errstate(invalid="ignore"):
            limit_m = self._limits_m(now_ms)
            self.enu_m = blame(ends, whom, enu_m, limit_m)
            beyond = (sizes(self.enu_m) > limit_m).any(axis=1)
        self.run = np.where(beyond, self.run + 1, 0)
        out: B = self.run >= MINUTES
        return out

    def _limits_m(self, now_ms: int) -> F64:
        years = np.abs(self.registered.years(now_ms) - self.registered.year)
        alike = np.where(self.sigma_m_yr == np.nanmedian(self.sigma_m_yr), ALONG_M_YR, self.sigma_m_yr)
        known = (np.minimum(alike, self.sigma_m_yr) * years)[:, None]
        out: F64 = np.fmax(LIMIT_M, SIGMAS * sizes(self.sigma_m)) + known
        return out
