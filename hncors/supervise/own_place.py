"""Where the observations of each stream are made: the median of its positions over some minutes.

A station's single position is off by a metre or two, at times by ten; the median of ten minutes is what can
be held against a place that somebody claims. Positions that are not trusted, of few satellites or of bad
geometry do not count.
"""

from __future__ import annotations

import numpy as np

from hncors.measure.exclusion import EXCLUDED, OK
from hncors.observation import I64
from hncors.positioning import SOLVED, Positions
from hncors.supervise.policy import Policy
from hncors.supervise.seen import Place

SLOTS = 60  # positions kept of a stream
FEWEST = 10
RECENT_MS = 60_000
FEWEST_RECENT = 3
NEVER_MS = -(1 << 60)


class OwnPlaces:
    """Recent positions of all streams; the first axis of arrays is the stream."""

    def __init__(self, streams: int, policy: Policy) -> None:
        self._window_ms = round(policy.own_minutes * 60_000)
        self._every_ms = max(self._window_ms // SLOTS, 1)
        self._fewest = policy.own_satellites
        self._pdop = policy.own_pdop
        self._place_m = np.full((streams, SLOTS, 3), np.nan)
        self._time_ms = np.full((streams, SLOTS), NEVER_MS, np.int64)

    def rearranged(self, before: I64, policy: Policy) -> OwnPlaces:
        """The same for other streams: `before` is each one's row here, -1 for one that is new."""
        other = OwnPlaces(len(before), policy)
        stay = np.flatnonzero(before >= 0)
        other._place_m[stay], other._time_ms[stay] = self._place_m[before[stay]], self._time_ms[before[stay]]
        return other

    def add(self, station: I64, time_ms: I64, found: Positions) -> None:
        """Take in the positions of complete epochs, one in each tenth of a minute or so."""
        good = (
            (found.status == SOLVED)
            & ((found.trust == OK) | (found.trust == EXCLUDED))
            & (found.used >= self._fewest)
            & (found.pdop <= self._pdop)
        )
        rows = np.flatnonzero(good)
        slot = time_ms[rows] // self._every_ms % SLOTS
        self._place_m[station[rows], slot] = found.snapshot_m[rows]
        self._time_ms[station[rows], slot] = time_ms[rows]

    def of(self, stream: int, now_ms: int) -> Place | None:
        """The median over the window, ECEF metres; None where too little of the window is known."""
        return self._median(stream, now_ms - self._window_ms, FEWEST, 0.8 * self._window_ms)

    def recent(self, stream: int, now_ms: int) -> Place | None:
        """The median over the last minute: good to some metres, and soon."""
        return self._median(stream, now_ms - RECENT_MS, FEWEST_RECENT, 0.0)

    def _median(self, stream: int, since_ms: int, fewest: int, spread_ms: float) -> Place | None:
        times = self._time_ms[stream]
        rows = np.flatnonzero(times > since_ms)
        if len(rows) < fewest or np.ptp(times[rows]) < spread_ms:
            return None
        x, y, z = np.median(self._place_m[stream, rows], axis=0).tolist()
        return x, y, z
