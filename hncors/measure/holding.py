"""What holds on: a fault is one after some looks in a row, and over after it has been away for a while."""

from __future__ import annotations

import numpy as np

from hncors.observation import I64, B

SURE = 3  # looks in a row
AWAY_MS = 10_000
UNSEEN_MS = 60_000  # of something nobody can judge any more


class Hold:
    """State of many things at once; arrays of one shape."""

    def __init__(self, shape: int | tuple[int, ...], sure: int | I64 = SURE, away_ms: int = AWAY_MS) -> None:
        """`sure` are looks in a row: one number, or one for each along the last axis."""
        self.sure, self.away_ms = sure, away_ms
        self.on: B = np.zeros(shape, np.bool_)
        self.since_ms = np.full(shape, -1, np.int64)  # of the first look of those in a row; -1: none
        self.began_ms = np.full(shape, -1, np.int64)  # the same of what is on, or was last
        self._count = np.zeros(shape, np.int64)
        self.last_ms = np.full(shape, -1, np.int64)  # when it was last seen
        self._judged_ms = np.full(shape, -1, np.int64)

    def look(self, over: B, still: B, judged: B, now_ms: int) -> tuple[I64, I64]:
        """What begins and what ends, as flat indices, rising.

        `over`: beyond the limit; `still`: beyond what it must fall below to be over; `judged`: that can be
        told at all. What is not judged stays as it is, for a minute.
        """
        over, still = over & judged, (over | still) & judged
        self._judged_ms[judged] = now_ms
        if not (over.any() or self.on.any() or self._count.any()):
            return _NONE, _NONE
        first = over & (self._count == 0) & ~self.on
        self.since_ms[first] = now_ms
        self._count = np.where(over, self._count + 1, np.where(judged, 0, self._count))
        self.last_ms[still] = now_ms
        begins = over & ~self.on & (self._count >= self.sure)
        self.began_ms[begins] = self.since_ms[begins]
        unseen = now_ms - self._judged_ms >= UNSEEN_MS
        ends = self.on & ((judged & (now_ms - self.last_ms >= self.away_ms)) | unseen)
        self.on = (self.on | begins) & ~ends
        self._count[unseen] = 0
        self.since_ms[~self.on & (self._count == 0)] = -1
        return np.flatnonzero(begins), np.flatnonzero(ends)

    def rearranged(self, before: I64) -> Hold:
        """The same where the first axis is stations: `before` is each one's row here, -1 for a new one."""
        other = Hold((len(before), *self.on.shape[1:]), self.sure, self.away_ms)
        stay = np.flatnonzero(before >= 0)
        for name in ("on", "since_ms", "began_ms", "_count", "last_ms", "_judged_ms"):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        return other


_NONE = np.empty(0, np.int64)
