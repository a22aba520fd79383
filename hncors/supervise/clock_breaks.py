"""Breaks of receivers' clocks: a rate that is suddenly another one, while epochs go on.

Whoever takes a receiver over with forged signals has to bring it onto his own time, however softly, and its
clock shows that as a change of its rate (arXiv 2405.10906, 2503.20364). A receiver that was restarted has a
new clock, too, but was silent before; one that puts its clock back does so by whole milliseconds.
"""

from __future__ import annotations

import numpy as np

from hncors.measure.position import CLOCKS
from hncors.observation import F64, I64
from hncors.positioning import Positions
from hncors.signals import C_M_S
from hncors.supervise.policy import Policy

EVERY_MS = 30_000  # a rate is that over so long, at least
GAP_MS = 65_000  # a longer silence begins the history anew
SLOTS = 20  # rates: ten minutes
FEWEST = 6
MILLISECOND_M = C_M_S / 1000
TIMES = 6.0  # what rates usually scatter by, robustly
_SIGMA = 1.4826  # of a normal distribution's median of absolute deviations
_NEVER = -1


class ClockBreaks:
    """The rates of all streams' clocks; the first axis of arrays is the stream."""

    def __init__(self, streams: int, policy: Policy) -> None:
        self._limit_m_s = policy.clock_break_m_s
        self.break_ms = np.full(streams, _NEVER, np.int64)  # GPS time of the last
        self._epoch_ms = np.full(streams, _NEVER, np.int64)
        self._since_ms = np.full(streams, _NEVER, np.int64)  # of the clocks below
        self._clock_m = np.full((streams, CLOCKS), np.nan)
        self._rate_m_s = np.full((streams, SLOTS), np.nan)
        self._count = np.zeros(streams, np.int64)

    def rearranged(self, before: I64, policy: Policy) -> ClockBreaks:
        """The same for other streams: `before` is each one's row here, -1 for one that is new."""
        other = ClockBreaks(len(before), policy)
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray):
                getattr(other, name)[stay] = column[before[stay]]
        return other

    def add(self, station: I64, time_ms: I64, found: Positions) -> None:
        """Take in complete epochs; of several of a stream the last counts."""
        there = ~np.isnan(found.clock_m).all(axis=1)
        there &= time_ms > self._epoch_ms[station]
        rows = np.flatnonzero(there)
        if not len(rows):
            return
        last = np.full(len(self._count), -1, np.int64)
        last[station[rows]] = rows
        who = np.flatnonzero(last >= 0)
        now_ms, clock_m = time_ms[last[who]], found.clock_m[last[who]]
        gap = now_ms - self._epoch_ms[who] > GAP_MS
        self._epoch_ms[who] = now_ms
        self._begin(who[gap], now_ms[gap], clock_m[gap])
        due = ~gap & (now_ms - self._since_ms[who] >= EVERY_MS)
        if due.any():
            self._rates(who[due], now_ms[due], clock_m[due])

    def since_s(self, stream: int, now_ms: int) -> float | None:
        """How long ago a stream's clock broke; None: it did not, that is known of."""
        at_ms = int(self.break_ms[stream])
        return (now_ms - at_ms) / 1000 if at_ms >= 0 else None

    def _begin(self, who: I64, now_ms: I64, clock_m: F64) -> None:
        self._rate_m_s[who], self._count[who] = np.nan, 0
        self._since_ms[who], self._clock_m[who] = now_ms, clock_m

    def _rates(self, who: I64, now_ms: I64, clock_m: F64) -> None:
        elapsed_s = (now_ms - self._since_ms[who]) / 1000
        moved_m = clock_m - self._clock_m[who]
        moved_m -= np.rint(moved_m / MILLISECOND_M) * MILLISECOND_M
        self._since_ms[who], self._clock_m[who] = now_ms, clock_m
        known = ~np.isnan(moved_m).all(axis=1)
        who, now_ms = who[known], now_ms[known]
        rate = np.nanmedian(moved_m[known], axis=1) / elapsed_s[known]
        past = self._rate_m_s[who]
        enough = self._count[who] >= FEWEST
        usual = np.zeros(len(who))
        limit = np.full(len(who), np.inf)
        usual[enough] = np.nanmedian(past[enough], axis=1)
        scatter = np.nanmedian(np.abs(past[enough] - usual[enough, None]), axis=1)
        limit[enough] = np.maximum(self._limit_m_s, TIMES * _SIGMA * scatter)
        broken = np.abs(rate - usual) > limit
        self.break_ms[who[broken]] = now_ms[broken]
        self._rate_m_s[who[broken]], self._count[who[broken]] = np.nan, 0  # what comes is usual from now on
        self._rate_m_s[who, self._count[who] % SLOTS] = rate
        self._count[who] += 1
