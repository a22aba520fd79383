"""Epochs owed and epochs had: expected = received + missing + blind, for every station at all times.

The interval is the configured one, else the most frequent step among the last epochs. Expectation
follows the station's own epochs and, when it falls silent, the clock: a silent station goes on missing
epochs. Epochs that fall where the monitor itself was not looking are blind, neither had nor missing.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

WINDOW = 30  # steps the interval is judged by
WARM_UP = 5  # steps before it is believed
GRACE_INTERVALS = 3  # an epoch is not missing before this many intervals have passed
GRACE_MS = 10_000  # ... nor before this long


@dataclass(slots=True)
class Account:
    """Expectation and receipt of one station. Times are GPS milliseconds."""

    promised_ms: int | None = None  # configured interval
    interval_ms: int = 0  # 0: not known yet
    received: int = 0
    missing: int = 0
    blind: int = 0
    gaps: int = 0
    until: int | None = None  # accounted for up to this epoch
    in_gap: bool = False
    _steps: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _early: list[int] = field(default_factory=list)  # steps seen before the interval was believed

    @property
    def expected(self) -> int:
        """Epochs owed so far."""
        missing, _ = self._unsettled()
        return self.received + self.missing + missing + self.blind

    @property
    def missing_so_far(self) -> int:
        """Epochs missing, those before the interval is certain included."""
        return self.missing + self._unsettled()[0]

    @property
    def gaps_so_far(self) -> int:
        """Runs of missing epochs."""
        return self.gaps + self._unsettled()[1]

    def best_interval_ms(self) -> int:
        """The interval as far as it is known; 0 when it is not."""
        return self.interval_ms or self.promised_ms or _mode(self._early)

    def epoch(self, time: int, *, restart: bool, blind_from: int, blind_to: int) -> int:
        """Account for a received epoch that is the newest. Returns how many were missing before it."""
        self.received += 1
        before, self.until = self.until, time
        if before is None or restart:
            return 0
        step = time - before
        if step <= 0:  # already accounted as missing while it was awaited
            self._found()
            self.until = before
            self.in_gap = False
            return 0
        if not self.promised_ms:
            self._steps.append(step)
            if not self.interval_ms:
                self._early.append(step)
                return self._settle() if len(self._early) >= WARM_UP else 0
            self.interval_ms = _mode(self._steps)
        else:
            self.interval_ms = self.promised_ms
        lost = self._lose(max(round(step / self.interval_ms) - 1, 0), before, blind_from, blind_to)
        self.in_gap = False
        return lost

    def late(self) -> None:
        """Account for an epoch older than the newest that had not been received."""
        self.received += 1
        self._found()

    def silence(self, now: int, blind_from: int, blind_to: int) -> int:
        """Account for epochs that should have come by `now`. Returns how many are newly missing."""
        interval = self.interval_ms or self.promised_ms or 0
        if not interval or self.until is None:
            return 0
        overdue = now - max(GRACE_INTERVALS * interval, GRACE_MS) - self.until
        if overdue < interval:
            return 0
        before, number = self.until, overdue // interval
        self.until = before + number * interval
        self.interval_ms = interval
        lost = self._lose(number, before, blind_from, blind_to)
        self.in_gap = True
        return lost

    def _lose(self, number: int, after: int, blind_from: int, blind_to: int) -> int:
        if number <= 0:
            return 0
        first, last = after + self.interval_ms, after + number * self.interval_ms
        unseen = 0
        if self.interval_ms and blind_to > blind_from:
            low, high = max(first, blind_from), min(last, blind_to)
            unseen = (high - low) // self.interval_ms + 1 if high >= low else 0
        self.blind += unseen
        lost = number - unseen
        self.missing += lost
        if lost and not self.in_gap:
            self.gaps += 1
        return lost

    def _found(self) -> None:
        if self.missing:
            self.missing -= 1

    def _settle(self) -> int:
        """Believe the interval and account for what was received before."""
        self.interval_ms = _mode(self._early)
        lost, gaps = self._unsettled()
        self.missing += lost
        self.gaps += gaps
        self._early.clear()
        return lost

    def _unsettled(self) -> tuple[int, int]:
        interval = _mode(self._early)
        lost = [max(round(step / interval) - 1, 0) for step in self._early]
        return sum(lost), sum(1 for n in lost if n)


def _mode(steps: deque[int] | list[int]) -> int:
    """The most frequent step, the smaller of equals; 0 of none."""
    if not steps:
        return 0
    counts = Counter(steps)
    return min(counts, key=lambda step: (-counts[step], step))
