"""Which streams may bring the same observations: an index, so that nobody has to compare all with all.

What is kept of an epoch are numbers, one for each two satellites of a system that follow each other: what
their pseudoranges differ by, in cells of two metres, with their names and the time. A receiver's clock is
not in them, nor a station's number, nor the order of messages; other encoders change them by centimetres;
a system or a satellite that was dropped takes its own numbers with it. Stations that are kilometres apart
hardly ever have one in common, receivers on one antenna have many. Who shares some is compared exactly
(hncors.supervise.copies). Beside each number is kept where in its cell the difference is: of a copy that
comes when the other's epoch is over, this tells it from a second receiver.

Looked at are the epochs of each tenth second, and for streams that have none of these (one epoch in thirty,
beginning anywhere) those of their own second, of everybody. They are kept for minutes, those of whole
minutes for an hour: so much may a copy be late.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors.mirrors import mixed
from hncors.observation import I64, Observations, ambiguous
from hncors.signals import SBAS

EVERY_S, CYCLE_S = 10, 30
OFF_MS = 100  # receivers' epochs may be off the full second by this much
CELL_M = 2.0
EQUAL_M = 0.04  # of 1004 and MSM4 two differences are off by that at most, of finer messages by half
FEWEST = 3  # numbers in common, of one epoch: of strangers a kilometre apart one pair in 100,000 has so many
SHORT_MS, LONG_MS = 200_000, 3_700_000
AHEAD_MS = 60_000  # a clock of ours that is slow
WANTED_MS = 600_000  # for how long the second of a stream is everybody's
UNSEEN_MS = 12_000  # a stream without a looked-at epoch for so long has a second of its own,
SPARSE_MS = 1500, 100_000  # where its epochs are as far apart as this: others are only back after a gap
_ONE_IN = 4  # numbers is kept of whole minutes; of other seconds than the tenth one in two from the start
_PARTS = 4  # sorted parts of a slot before they are made one
_KEYS = NDArray[np.uint32]


class _Part(NamedTuple):
    """Numbers in ascending order, and whose they are."""

    key: _KEYS
    owner: NDArray[np.int32]
    rest: NDArray[np.uint16]  # where in the cell, of which there are 2^16 parts

    def at(self, rows: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> _Part:
        """Some of them."""
        return _Part(self.key[rows], self.owner[rows], self.rest[rows])


class Shared(NamedTuple):
    """Two streams that have numbers of one second in common, the first the lower one."""

    one: int
    other: int
    second: int
    numbers: int
    equal: int  # of these, to what encoders keep
    late_ms: int  # the other's epochs after the one's


def _some(part: _Part, one_in: int) -> _Part:
    """A part of the numbers, the same ones of everybody."""
    at = np.flatnonzero(part.key % one_in == 0)
    return part.at(at)


class Fingerprints:
    """Numbers of recent epochs of all streams."""

    def __init__(self, streams: int) -> None:
        self._slots: dict[int, list[_Part]] = {}  # by second
        self._looked_ms = np.full(streams, -1, np.int64)  # of each the epoch last looked at, or its first
        self._last_ms = np.full(streams, -1, np.int64)
        self._age_ms = np.zeros(streams, np.int64)  # of the last epoch when it came
        self._wanted_ms = np.full(CYCLE_S, -1, np.int64)  # until when each second of the cycle is looked at
        self._wanted_ms[::EVERY_S] = 1 << 62
        self._thinned: set[int] = set()  # slots of which only some numbers are left
        self._pruned_s = -1

    def rearranged(self, before: I64) -> Fingerprints:
        """The same for other streams: `before` is each one's row here, -1 for one that is new."""
        other = Fingerprints(len(before))
        stay = np.flatnonzero(before >= 0)
        for name in ("_looked_ms", "_last_ms", "_age_ms"):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        other._wanted_ms = self._wanted_ms
        after = np.full(len(self._looked_ms), -1, np.int32)
        after[before[stay]] = stay
        for second, parts in self._slots.items():
            moved = [part._replace(owner=after[part.owner]) for part in parts]
            other._slots[second] = [part.at(part.owner >= 0) for part in moved]
        return other

    def looked_at(self, time_ms: I64, now_ms: int) -> NDArray[np.bool_]:
        """Which epochs, by their times, are looked at at all."""
        second = (time_ms + OFF_MS) // 1000
        whole = (time_ms + OFF_MS) % 1000 < 2 * OFF_MS
        near = (time_ms > now_ms - LONG_MS) & (time_ms < now_ms + AHEAD_MS)
        out: NDArray[np.bool_] = whole & near & (self._wanted_ms[second % CYCLE_S] > now_ms)
        return out

    def add(
        self, stream: I64, time_ms: I64, row: I64, o: Observations, kind: NDArray[np.uint8], now_ms: int
    ) -> list[Shared]:
        """Take in complete epochs; `row` and `kind` are the epoch and Messages.kind of each observation.

        Pairs of streams that have much in common, each once a second of epochs.
        """
        looked = self.looked_at(time_ms, now_ms)
        self._want(stream[~looked], time_ms[~looked], now_ms)
        self._last_ms[stream], self._age_ms[stream] = time_ms, now_ms - time_ms
        self._prune(now_ms)
        if not looked.any():
            return []
        self._looked_ms[stream[looked]] = time_ms[looked]
        some = np.flatnonzero(looked[row] & ~ambiguous(kind) & (o.gnss != SBAS) & ~np.isnan(o.pseudorange_m))
        whose = (row[some] * 8 + o.gnss[some]) * 64 + o.satellite[some]
        some = some[np.diff(whose, prepend=-1) != 0]  # a message has a satellite's first signal first
        second = (time_ms + OFF_MS) // 1000
        key, of, rest = numbers(row[some], second, o.select(some))
        return [
            shared
            for one in np.unique(second[of]).tolist()
            if (its := np.flatnonzero(second[of] == one)).size
            for shared in self._meet(int(one), key[its], stream[of[its]], rest[its])
        ]

    def _want(self, stream: I64, time_ms: I64, now_ms: int) -> None:
        """Look at the second of the cycle of streams that have no epoch in any that is looked at."""
        if not len(stream):
            return
        new = self._looked_ms[stream] < 0
        if new.any():
            self._looked_ms[stream[new]] = time_ms[new]
        step_ms = time_ms - self._last_ms[stream]
        unseen = (time_ms - self._looked_ms[stream] >= UNSEEN_MS) & (step_ms >= SPARSE_MS[0])
        unseen &= (step_ms <= SPARSE_MS[1]) & (time_ms > now_ms - LONG_MS) & (time_ms < now_ms + AHEAD_MS)
        if unseen.any():
            second = np.unique((time_ms[unseen] + OFF_MS) // 1000 % CYCLE_S)
            self._wanted_ms[second] = np.maximum(self._wanted_ms[second], now_ms + WANTED_MS)

    def _meet(self, second: int, key: _KEYS, owner: I64, rest: NDArray[np.uint16]) -> list[Shared]:
        """Put numbers of one second to those that are there; pairs that have enough in common."""
        order = np.argsort(key, kind="stable")
        new = _Part(key[order], owner[order].astype(np.int32), rest[order])
        parts = self._slots.setdefault(second, [])
        same = np.flatnonzero(new.key[1:] == new.key[:-1])
        hits = [(new.owner[same], new.owner[same + 1], new.rest[same], new.rest[same + 1])]
        for part in parts:
            at = np.searchsorted(part.key, new.key)
            hit = np.flatnonzero(part.key.take(at, mode="clip") == new.key) if len(part.key) else at[:0]
            hits.append((new.owner[hit], part.owner[at[hit]], new.rest[hit], part.rest[at[hit]]))
        parts.append(new if second % EVERY_S == 0 else _some(new, 2))
        if len(parts) > _PARTS:
            keys, owners, rests = zip(*parts, strict=True)
            whole = _Part(np.concatenate(keys), np.concatenate(owners), np.concatenate(rests))
            self._slots[second] = [whole.at(np.argsort(whole.key, kind="stable"))]
        one, other, *where = (np.concatenate(column).astype(np.int64) for column in zip(*hits, strict=True))
        equal = np.abs(where[0] - where[1]) <= EQUAL_M / CELL_M * 65536
        pair = np.minimum(one, other) << 32 | np.maximum(one, other)
        found, of, count = np.unique(pair, return_inverse=True, return_counts=True)
        equals = np.bincount(of, equal, len(found))
        return [
            self._shared(int(found[at]), second, int(count[at]), int(equals[at]))
            for at in np.flatnonzero((count >= FEWEST) & (found >> 32 != found & 0xFFFFFFFF)).tolist()
        ]

    def _shared(self, pair: int, second: int, numbers: int, equal: int) -> Shared:
        one, other = pair >> 32, pair & 0xFFFFFFFF
        late_ms = int(self._age_ms[other] - self._age_ms[one])
        return Shared(one, other, second, numbers, equal, late_ms)

    def _prune(self, now_ms: int) -> None:
        if now_ms // 10_000 == self._pruned_s:
            return
        self._pruned_s = now_ms // 10_000
        for second in [one for one in self._slots if not kept(one * 1000, now_ms)]:
            del self._slots[second]
        for second, parts in self._slots.items():
            if now_ms - second * 1000 >= SHORT_MS and second not in self._thinned:
                self._slots[second] = [_some(part, _ONE_IN) for part in parts]
        self._thinned = {second for second in self._slots if now_ms - second * 1000 >= SHORT_MS}


def kept(time_ms: int, now_ms: int) -> bool:
    """Whether an epoch of this time is still held against others: minutes, of whole minutes an hour."""
    old_ms = now_ms - time_ms
    return old_ms < SHORT_MS or (time_ms // 1000 % 60 == 0 and old_ms < LONG_MS)


def numbers(row: I64, second: I64, o: Observations) -> tuple[_KEYS, I64, NDArray[np.uint16]]:
    """Numbers of epochs, the epoch of each, and where in their cells differences are.

    `row` is the epoch of each observation, `second` its time. Of a satellite's signals the first counts: of
    GPS L1 C/A, of BeiDou B1I, and so on.
    """
    whose = ((row * 8 + o.gnss) * 64 + o.satellite) * 64
    order = np.argsort(whose + o.signal)
    whose = whose[order]
    first = np.ones(len(whose), bool)
    first[1:] = whose[1:] != whose[:-1]
    order, whose = order[first], whose[first] // 64
    code_m = o.pseudorange_m[order]
    follows = np.flatnonzero(whose[1:] // 64 == whose[:-1] // 64)
    cells = (code_m[follows + 1] - code_m[follows]) / CELL_M
    cell = np.floor(cells).astype(np.int64)
    rest = ((cells - cell) * 65535).astype(np.uint16)
    epoch = whose[follows] // 512
    names = (whose[follows] % 512) << 9 | whose[follows + 1] % 512
    key = mixed(cell.view(np.uint64) ^ mixed((second[epoch] << 18 | names).view(np.uint64)))
    return (key >> np.uint64(32)).astype(np.uint32), epoch, rest
