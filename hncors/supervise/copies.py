"""Streams that bring another's observations however changed, and streams of one antenna: who, and how sure.

Who may be one is told by an index (hncors.supervise.fingerprints). These pairs are compared exactly
(hncors.measure.likeness), epoch by epoch at first, once a minute when it is known what they are. A stream
that comes late is held against what was kept of the other: all epochs of some pairs at a time, one a minute
of the others, for an hour at most.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

import numpy as np

from hncors.measure.likeness import Likeness, Moment, compare, moment_of
from hncors.network_values import Tick
from hncors.observation import I64
from hncors.signals import GNSS
from hncors.supervise.fingerprints import LONG_MS, OFF_MS, Fingerprints, Shared
from hncors.supervise.policy import Policy

COPY, ANTENNA, OTHER = "copy", "antenna", "other"
IN_A_ROW = 3  # epochs that must say the same
FAST_PAIRS = 32  # of which all epochs are kept
FAST_MS = 100_000  # for how long: a copy may be a minute late
AGAIN_MS = 55_000  # between looks at a pair that is known
REST_MS = 600_000  # of a pair that is neither
OVER_MS = 300_000  # after the last sign of a pair
MOST_PAIRS = 4096
FEWEST_PHASES = 8
_RANK = np.zeros(16, np.int64)  # of Messages.kind by how fine numbers are
_RANK[[6, 7]] = 1
LATE_MS, FEWEST_NUMBERS, SECONDS = 5000, 6, 2  # for a copy to be told by the index alone
_CODE_WITHIN_M = 1.5  # middle of the noise of two receivers' codes, with multipath


class Relation(NamedTuple):
    """What a stream is to another one now."""

    other: int  # the stream
    late_s: float  # after the other's epochs its own come; negative: before
    cells: int  # signals compared in the last epoch
    phase_mm: float  # middle of what phases are off whole cycles
    changed_clock: bool  # all ranges are off by one number
    coarser: bool  # its numbers are coarser than the other's
    without: str  # letters of systems it lacks
    since_ms: int  # GPS time of the first epoch that said so


@dataclass(slots=True)
class _Pair:
    one: int
    other: int
    found_ms: int  # when the index last named it; both in time of our clock
    fast_ms: int  # until when every epoch is kept
    phase_s: int  # the second of the minute that is looked at after that
    last_ms: int = 0  # when it was last compared
    rest_ms: int = 0
    verdict: str = ""
    since_ms: int = 0
    said: deque[str] = field(default_factory=lambda: deque(maxlen=IN_A_ROW))
    late_ms: deque[int] = field(default_factory=lambda: deque(maxlen=9))  # the other after the one
    began_ms: int = 0  # first epoch in a row of which all said the same
    like: Likeness | None = None
    sides: tuple[Moment, Moment] | None = None
    seconds: deque[int] = field(
        default_factory=lambda: deque(maxlen=SECONDS)
    )  # in which the index alone said that it is a copy
    numbers: int = 0  # that were equal then


class Copies:
    """Pairs of streams that are watched together."""

    def __init__(self, streams: int, policy: Policy) -> None:
        self.index = Fingerprints(streams)
        self.beyond = 0  # pairs that there was no room for
        self._policy = policy
        self._pairs: dict[tuple[int, int], _Pair] = {}
        self._of: dict[int, list[_Pair]] = {}  # by stream
        self._kept: dict[int, dict[int, Moment]] = {}  # by stream and time

    def rearranged(self, before: I64, policy: Policy) -> Copies:
        """The same for other streams: `before` is each one's row here, -1 for one that is new."""
        other = Copies(len(before), policy)
        other.index = self.index.rearranged(before)
        after = {old: new for new, old in enumerate(before.tolist()) if old >= 0}
        for pair in self._pairs.values():
            if pair.one in after and pair.other in after:
                pair.one, pair.other = after[pair.one], after[pair.other]
                if pair.one > pair.other:
                    pair.one, pair.other = pair.other, pair.one
                    pair.late_ms = deque((-late for late in pair.late_ms), maxlen=pair.late_ms.maxlen)
                    pair.sides = (pair.sides[1], pair.sides[0]) if pair.sides else None
                other._pairs[pair.one, pair.other] = pair
        other._kept = {after[stream]: its for stream, its in self._kept.items() if stream in after}
        other._regroup()
        return other

    def add(self, tick: Tick, now_ms: int) -> list[tuple[int, int, str]]:
        """Take in a tick; pairs of streams of which it is known from now on, and what (COPY or ANTENNA).

        `now_ms` is GPS time of our clock.
        """
        epochs, o = tick.epochs, tick.observations
        if not len(epochs.station):
            return []
        row = tick.epoch[o.message]
        kind = tick.messages.kind[o.message]
        shares = self.index.add(epochs.station, epochs.time_ms, row, o, kind, now_ms)
        new = [(one.one, one.other, COPY) for one in shares if self._begin(one, now_ms)]
        if not self._pairs:
            return []
        self._end(now_ms)
        wanted = np.isin(epochs.station, [*self._of])
        for at in np.flatnonzero(wanted).tolist():
            stream, time_ms = int(epochs.station[at]), int(epochs.time_ms[at])
            pairs = [pair for pair in self._of[stream] if _looks(pair, time_ms, now_ms)]
            if not pairs:
                continue
            rows = np.flatnonzero(row == at)
            moment = moment_of(time_ms, int(epochs.arrival_ns[at]), o.select(rows), kind[rows])
            self._keep(stream, moment, now_ms)
            for pair in pairs:
                theirs = self._kept.get(pair.other if stream == pair.one else pair.one, {}).get(time_ms)
                if theirs is not None and self._look(
                    pair, *((moment, theirs) if stream == pair.one else (theirs, moment)), now_ms
                ):
                    new.append((pair.one, pair.other, pair.verdict))
        return new

    def of(self, stream: int, what: str) -> Relation | None:
        """What a stream is a COPY of, or shares its ANTENNA with; of several the surest."""
        known = [pair for pair in self._of.get(stream, ()) if pair.verdict == what]
        if not known:
            return None
        return _relation(max(known, key=lambda pair: pair.like.cells if pair.like else 0), stream)

    def _begin(self, shared: Shared, now_ms: int) -> bool:
        """Watch a pair that the index names; whether that alone says what it is."""
        one, other = shared.one, shared.other
        pair = self._pairs.get((one, other))
        if pair is None:
            if len(self._pairs) >= MOST_PAIRS:
                self.beyond += 1
                return False
            pair = self._pairs[one, other] = _Pair(one, other, now_ms, 0, shared.second % 60)
            for stream in (one, other):
                self._of.setdefault(stream, []).append(pair)
        pair.found_ms = now_ms
        if now_ms < pair.rest_ms or (pair.verdict and pair.like is not None):
            return False
        if not pair.fast_ms and sum(now_ms < each.fast_ms for each in self._pairs.values()) < FAST_PAIRS:
            pair.fast_ms = now_ms + FAST_MS
        return self._by_index(pair, shared, now_ms)

    def _by_index(self, pair: _Pair, shared: Shared, now_ms: int) -> bool:
        """Whether a pair, one of which is so late that the other's epochs are gone, turns out to be a copy.

        Not of streams that come together: these are compared, phases and all, within seconds.
        """
        late = abs(shared.late_ms) >= LATE_MS and shared.numbers >= FEWEST_NUMBERS
        if not (late and shared.equal >= self._policy.copy_share * shared.numbers):
            pair.seconds.clear()
            return False
        pair.seconds.append(shared.second)
        if len(pair.seconds) < SECONDS:
            return False
        news = not pair.verdict
        if news:
            pair.since_ms = 1000 * pair.seconds[0]
        pair.late_ms.append(shared.late_ms)
        pair.verdict, pair.last_ms, pair.numbers = COPY, now_ms, shared.numbers
        return news

    def _end(self, now_ms: int) -> None:
        gone = [
            key
            for key, pair in self._pairs.items()
            if now_ms - max(pair.found_ms, pair.last_ms, pair.rest_ms) > OVER_MS
        ]
        for pair in self._pairs.values():
            if pair.verdict and now_ms - pair.last_ms > OVER_MS:
                pair.verdict, pair.fast_ms = "", 0
                pair.said.clear()
        if gone:
            for key in gone:
                del self._pairs[key]
            self._regroup()

    def _regroup(self) -> None:
        self._of = {}
        for pair in self._pairs.values():
            for stream in (pair.one, pair.other):
                self._of.setdefault(stream, []).append(pair)
        self._kept = {stream: its for stream, its in self._kept.items() if stream in self._of}

    def _keep(self, stream: int, moment: Moment, now_ms: int) -> None:
        its = self._kept.setdefault(stream, {})
        its[moment.time_ms] = moment
        fast = any(now_ms < pair.fast_ms for pair in self._of[stream])
        phases = {pair.phase_s for pair in self._of[stream]}
        for time_ms in [
            one
            for one in its
            if not (fast and now_ms - one < FAST_MS)
            and (_second(one) % 60 not in phases or now_ms - one > LONG_MS)
        ]:
            if time_ms != moment.time_ms:
                del its[time_ms]

    def _look(self, pair: _Pair, one: Moment, other: Moment, now_ms: int) -> bool:
        """Compare two moments; whether something is known of the pair that was not."""
        like = compare(one, other)
        if like is None:
            return False
        said = self._said(like)
        if pair.said and pair.said[-1] != said:
            pair.said.clear()
            pair.late_ms.clear()
        if not pair.said:
            pair.began_ms = one.time_ms
        pair.said.append(said)
        pair.late_ms.append((other.arrival_ns - one.arrival_ns) // 1_000_000)
        pair.last_ms, pair.like, pair.sides = now_ms, like, (one, other)
        pair.phase_s = _second(one.time_ms) % 60
        if len(pair.said) < IN_A_ROW:
            return False
        if said == OTHER:
            pair.verdict, pair.fast_ms, pair.rest_ms = "", 0, now_ms + REST_MS
            pair.said.clear()
            return False
        if said == ANTENNA and one.time_ms - pair.began_ms < 60_000 * self._policy.antenna_minutes:
            return False
        pair.fast_ms = 1  # known: no epoch but one a minute is kept
        news = pair.verdict != said
        pair.verdict, pair.since_ms = said, pair.began_ms
        return news

    def _said(self, like: Likeness) -> str:
        phases = like.phases < FEWEST_PHASES or like.same_phase >= self._policy.copy_share
        if like.same_code >= self._policy.copy_share and phases:
            return COPY
        if (
            like.of_near >= FEWEST_PHASES
            and like.phase_mm <= self._policy.antenna_within_mm
            and like.near >= self._policy.antenna_share
            and like.code_m <= _CODE_WITHIN_M
        ):
            return ANTENNA
        return OTHER


def _looks(pair: _Pair, time_ms: int, now_ms: int) -> bool:
    """Whether this epoch is one by which a pair is looked at."""
    if now_ms < pair.rest_ms:
        return False
    return now_ms < pair.fast_ms or _second(time_ms) % 60 == pair.phase_s


def _second(time_ms: int) -> int:
    return (time_ms + OFF_MS) // 1000


def _relation(pair: _Pair, stream: int) -> Relation:
    like, sides = pair.like, pair.sides
    late_s = median(pair.late_ms) / 1000
    late_s = (0.0 - late_s if stream == pair.one else late_s) + 0.0
    other = pair.other if stream == pair.one else pair.one
    if like is None or sides is None:  # told by the index
        return Relation(other, late_s, pair.numbers, np.nan, False, False, "", pair.since_ms)
    mine, theirs = sides if stream == pair.one else (sides[1], sides[0])
    lacks = sorted({*(theirs.key >> 16).tolist()} - {*(mine.key >> 16).tolist()})
    return Relation(
        other,
        late_s,
        like.cells,
        like.phase_mm,
        like.clock_m != 0.0,
        bool(_RANK[mine.kind].max() < _RANK[theirs.kind].max()),
        "".join(GNSS[gnss] for gnss in lacks),
        pair.since_ms,
    )
