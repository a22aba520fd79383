"""Epochs owed and epochs had: expected = received + missing + blind, for every station at all times.

The interval is the configured one, else the most frequent step among the last epochs. Expectation
follows the station's own epochs and, when it falls silent, the clock: a silent station goes on missing
epochs. Epochs due while the monitor itself was not looking are blind, neither had nor missing.

None of these numbers but `missing` ever falls: an epoch that comes after it was given up turns from
missing into received, and one that comes after it was called blind stays blind.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from hncors.measure.table import NEVER, Flag, Maybe, Number, Row, Table
from hncors.observation import I64, B

WINDOW = 30  # steps the interval is judged by
WARM_UP = 5  # steps before it is believed
GRACE_INTERVALS = 3  # an epoch is not missing before this many intervals have passed
GRACE_MS = 10_000  # ... nor before this long
REMEMBERED = 64  # runs of absent epochs that an epoch may still be found in

Blind = Sequence[tuple[int, int]]
"""Times (GPS milliseconds, from and to) in which the monitor was not looking."""


class Absent(NamedTuple):
    """Epochs that were due and did not come, `interval_ms` apart."""

    first: int
    last: int
    interval_ms: int
    blind: bool


class Accounts(Table):
    """Accounts as columns; what is None in an Account is NEVER here."""

    FIRST: ClassVar = {
        **dict.fromkeys(("promised_ms", "newest", "until"), NEVER),
        **dict.fromkeys(("interval_ms", "received", "missing", "blind", "gaps", "lag_ms"), 0),
        "in_gap": False,
        "steps": np.zeros(WINDOW, np.int64),  # the last ones in turn, number n in place n modulo WINDOW
        "stepped": 0,  # how many there were
        "lags": np.zeros(WARM_UP, np.int64),  # arrivals less times, of late
        "lagged": 0,
    }
    promised_ms: I64
    interval_ms: I64
    received: I64
    missing: I64
    blind: I64
    gaps: I64
    newest: I64
    until: I64
    lag_ms: I64
    in_gap: B
    steps: I64
    stepped: I64
    lags: I64
    lagged: I64

    def in_turn(self, rows: I64, time: I64) -> B:
        """Of which rows this is the next epoch, on time, with nothing else to account for."""
        interval, promised = self.interval_ms[rows], self.promised_ms[rows]
        next_one = (time - self.newest[rows] == interval) & (time - self.until[rows] == interval)
        fits: B = next_one & (interval > 0) & ((promised == NEVER) | (promised == interval))
        return fits

    def add(self, rows: I64, time: I64, at_ms: I64, waited_until_ms: int = NEVER) -> None:
        """What `Account.epoch` does, for rows in turn, each once.

        What came before `waited_until_ms` waited for us, having come while nobody looked: that lag is ours.
        """
        steps, lags = self.stepped[rows], self.lagged[rows]
        self.steps[rows, steps % WINDOW] = time - self.newest[rows]
        self.stepped[rows] = steps + 1
        lag_ms = np.maximum(at_ms - time, 0)
        own = (at_ms >= waited_until_ms) | (lags == 0)
        self.lags[rows[own], lags[own] % WARM_UP] = lag_ms[own]
        self.lagged[rows] = lags + own
        self.lag_ms[rows] = lag_ms
        self.newest[rows] = time
        self.until[rows] = time
        self.in_gap[rows] = False
        self.received[rows] += 1

    def overdue(self, now: int) -> B:
        """Of which rows `Account.silence` would find an epoch missing, were it told of no blind times."""
        interval = np.where(self.interval_ms > 0, self.interval_ms, self.promised_ms)
        patience_ms = np.maximum(GRACE_INTERVALS * interval, GRACE_MS)
        late_ms = now - self.lag_ms - patience_ms - self.until
        due: B = (late_ms >= interval) & (interval > 0) & (self.until != NEVER)
        return due


class Account(Row):
    """Expectation and receipt of one station. Times are GPS milliseconds."""

    __slots__ = ("_absent", "_early")
    TABLE = Accounts
    columns: Accounts

    promised_ms = Maybe()  # configured interval
    interval_ms = Number()  # 0: not known yet
    received = Number()
    missing = Number()
    blind = Number()
    gaps = Number()  # runs of missing epochs
    newest = Maybe()  # epoch
    until = Maybe()  # accounted for up to this epoch
    lag_ms = Number()  # from the newest epoch's time to its arrival
    in_gap = Flag()
    stepped = Number()
    lagged = Number()

    def __init__(self, promised_ms: int | None = None) -> None:
        self.stand_alone()
        self.promised_ms = promised_ms
        self._early: list[int] = []  # steps seen before the interval was believed
        self._absent: deque[Absent] = deque(maxlen=REMEMBERED)

    @property
    def expected(self) -> int:
        """Epochs owed so far."""
        return self.received + self.missing + self.blind

    def best_interval_ms(self) -> int:
        """The interval as far as it is known; 0 when it is not."""
        return self.interval_ms or self.promised_ms or _mode(self._steps())

    def promise(self, interval_ms: int | None) -> None:
        """The configured interval is another from now on; None: what comes tells it."""
        if interval_ms != self.promised_ms:
            self.promised_ms = interval_ms
            self.interval_ms = interval_ms or self.interval_ms

    def shift(self, by_ms: int) -> None:
        """The clock that arrivals are told by is `by_ms` ahead of itself from now on."""
        self.lag_ms = max(self.lag_ms + by_ms, 0)
        lags = self.columns.lags[self.number]
        lags[:] = np.maximum(lags + by_ms, 0)

    def epoch(self, time: int, at_ms: int, *, restart: bool, blind: Blind = ()) -> int:
        """Account for a received epoch that is the newest, or begins a new line of time (`restart`).

        `at_ms` is when it arrived. Returns how many were found missing before it.
        """
        before, self.newest = self.newest, time
        self.lag_ms = max(at_ms - time, 0)
        if restart:
            self.lagged = 0
        if not (self.lagged and blind and at_ms < blind[-1][1] + GRACE_MS):  # else it waited for us
            self.columns.lags[self.number, self.lagged % WARM_UP] = self.lag_ms
            self.lagged += 1
        if before is None or self.until is None or restart:
            lost = self.settle(blind)
            self.until = time
            self.in_gap = False
            self.received += 1
            return lost
        self.columns.steps[self.number, self.stepped % WINDOW] = time - before
        self.stepped += 1
        if self.promised_ms:
            self.interval_ms = self.promised_ms
        elif self.interval_ms and time - before != self.interval_ms:  # one more of the most is still the most
            self.interval_ms = _mode(self._steps())
        if not self.interval_ms:
            self.received += 1
            self.until = time
            self._early.append(time - before)
            return self.settle(blind) if len(self._early) >= WARM_UP else 0
        lost = self._reach(time, blind)
        self.in_gap = False
        return lost

    def late(self, time: int) -> None:
        """Account for an epoch older than the newest that had not been received."""
        if not self._found(time):
            self.received += 1

    def silence(self, now: int, blind: Blind = ()) -> int:
        """Account for epochs that should have come by `now`. Returns how many are newly missing."""
        interval = self.interval_ms or self.promised_ms or 0
        if not interval or self.until is None:
            return 0
        if blind and now < blind[-1][1] + GRACE_MS:
            return 0  # what was kept for us meanwhile is still being read
        overdue = now - self.lag_ms - max(GRACE_INTERVALS * interval, GRACE_MS) - self.until
        if overdue < interval:
            return 0
        self.interval_ms = interval
        lost = self._lose(overdue // interval, self.until, blind)
        self.until += overdue // interval * interval
        return lost

    def settle(self, blind: Blind = ()) -> int:
        """Believe the interval as far as it shows, and account for what was received before it did.

        Returns how many epochs were missing.
        """
        early, self._early = self._early, []
        if not early:
            return 0
        self.interval_ms = _mode(early)
        lost, after = 0, (self.until or 0) - sum(early)
        for step in early:
            lost += self._lose(_rounded(step, self.interval_ms) - 1, after, blind)
            self.in_gap = False
            after += step
        return lost

    def _steps(self) -> list[int]:
        """The last ones, in any order."""
        steps: list[int] = self.columns.steps[self.number, : self.stepped].tolist()
        return steps

    def _reach(self, time: int, blind: Blind) -> int:
        """Account for an epoch, and for those between it and what is accounted for."""
        until = self.until or 0
        ahead = _rounded(time - until, self.interval_ms)
        if ahead <= 0:  # it was given up while it was awaited
            self.until = max(time, until)
            self.late(time)
            return 0
        lost = self._lose(ahead - 1, until, blind)
        self.until = time
        self.received += 1
        return lost

    def _lose(self, number: int, after: int, blind: Blind) -> int:
        """Give up `number` epochs; returns how many of them are missing, the others are blind."""
        if number <= 0:
            return 0
        missing = 0
        lag_ms = min(self.columns.lags[self.number, : self.lagged].tolist(), default=0)
        for first, last, unseen in _divided(number, after + lag_ms, self.interval_ms, blind):
            count = last - first + 1
            if unseen:
                self.blind += count
            else:
                missing += count
                self.gaps += not self.in_gap
                self.in_gap = True
            run = Absent(
                after + first * self.interval_ms, after + last * self.interval_ms, self.interval_ms, unseen
            )
            before = self._absent[-1] if self._absent else None
            if before and before[2:] == run[2:] and before.last + run.interval_ms == run.first:
                run = run._replace(first=self._absent.pop().first)
            self._absent.append(run)
        self.missing += missing
        return missing

    def _found(self, time: int) -> bool:
        """Take an epoch that has come after all off the missing ones. True when it is accounted blind."""
        for place in range(len(self._absent) - 1, -1, -1):
            first, last, interval, blind = run = self._absent[place]
            number = _rounded(time - first, interval)
            due = first + number * interval
            if not first <= due <= last:
                continue
            if blind:
                return True
            self.missing -= 1
            parts = (run._replace(last=due - interval), run._replace(first=due + interval))
            runs = list(self._absent)
            runs[place : place + 1] = [part for part in parts if part.first <= part.last]
            self._absent = deque(runs, REMEMBERED)
            return False
        return False


def _divided(number: int, after: int, interval: int, blind: Blind) -> Iterator[tuple[int, int, bool]]:
    """The numbers 1..number of epochs after a time in runs: first, last, and whether they are blind."""
    at = 1
    for begin, end in blind:
        first = max(-((after - begin) // interval), at)  # the first not before `begin`
        last = min((end - after) // interval, number)
        if first > last:
            continue
        if first > at:
            yield at, first - 1, False
        yield first, last, True
        at = last + 1
    if at <= number:
        yield at, number, False


def _rounded(step: int, interval: int) -> int:
    """Intervals in a step, halves up."""
    return (step + interval // 2) // interval


def _mode(steps: list[int]) -> int:
    """The most frequent step, the smaller of equals; 0 of none."""
    if not steps:
        return 0
    counts = Counter(steps)
    return min(counts, key=lambda step: (-counts[step], step))
