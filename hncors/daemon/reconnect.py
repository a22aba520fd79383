"""When to connect again: per stream, and over all streams of one caster.

Casters shut out clients that come back too soon, and when one restarts, all its streams come back at once.
So every connection waits for its stream's pace first and then for its caster's turn.  Times are seconds of
a monotonic clock, given by the caller.
"""

import random
from collections import deque

ATTEMPTS = 6  # of one stream ...
ATTEMPTS_WITHIN_S = 60.0  # ... in this time, at most, whatever the settings say
JITTER = 0.5  # a wait is lengthened by up to this part of itself
REFUSED_FIRST_S, REFUSED_LONGEST_S = 30.0, 300.0  # a wrong password tried often locks the account
RETRY_AFTER_LONGEST_S = 3600.0  # more than this is not believed of a caster


class Pace:
    """One stream's waits: they double from `first_s` to `longest_s` until the stream has proved good."""

    def __init__(self, first_s: float, longest_s: float, chance: random.Random) -> None:
        self.failures = 0
        self._first_s = first_s
        self._longest_s = longest_s
        self._chance = chance
        self._begun: deque[float] = deque(maxlen=ATTEMPTS)

    def begin(self, now_s: float) -> None:
        """An attempt begins."""
        self._begun.append(now_s)

    def proved(self) -> None:
        """The connection that ended had been good: the next wait is the first again."""
        self.failures = 0

    def wait_s(self, now_s: float, state: str, retry_after_s: float | None = None) -> float:
        """Seconds until the next attempt after one that ended in `state`."""
        first_s, longest_s = self._first_s, self._longest_s
        if state == "auth_failed":
            first_s, longest_s = max(first_s, REFUSED_FIRST_S), max(longest_s, REFUSED_LONGEST_S)
        wait_s = min(first_s * 2.0 ** min(self.failures, 20), longest_s)
        self.failures += 1
        wait_s *= 1 + JITTER * self._chance.random()
        if retry_after_s is not None:
            wait_s = max(wait_s, min(retry_after_s, RETRY_AFTER_LONGEST_S))
        if len(self._begun) == ATTEMPTS:
            wait_s = max(wait_s, self._begun[0] + ATTEMPTS_WITHIN_S - now_s)
        return wait_s


class Turns:
    """Connections begun per second and caster, over all streams."""

    def __init__(self, per_s: float) -> None:
        self._spacing_s = 1 / per_s
        self._next_s: dict[tuple[str, int], float] = {}

    def take(self, caster: tuple[str, int], now_s: float) -> float:
        """Seconds until the caller may begin its connection to `caster` (host, port)."""
        turn_s = max(now_s, self._next_s.get(caster, now_s))
        self._next_s[caster] = turn_s + self._spacing_s
        return turn_s - now_s
