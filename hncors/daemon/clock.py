"""The time that arrivals and ticks are told by: UTC that no step of the host's clock can move by itself.

It goes on from when the daemon began by CLOCK_BOOTTIME, which counts through a suspension and never steps
(clock_getres(2)). A slewed host clock moves both alike, so a difference is a step, of an operator, of NTP
or of a leap second. Whether to follow one is for the caller to say (hncors.daemon.pulse).
"""

import time
from collections.abc import Callable

NOTICED_NS = 100_000_000  # a smaller step is left until there is more of it
TOGETHER_NS = 1_000_000  # two clocks read further apart than this tell nothing of their difference


def _boottime_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Clock:
    """Nanoseconds since 1970, in UTC, that go on evenly."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        boottime_ns: Callable[[], int] = _boottime_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._boottime_ns = boottime_ns
        self._monotonic_ns = monotonic_ns
        self._offset_ns = self._ahead_ns(wall_ns)
        self._asleep_ns = self._ahead_ns(monotonic_ns)

    def now_ns(self) -> int:
        return self._boottime_ns() + self._offset_ns

    def away_ns(self) -> int:
        """How far the host's clock is ahead of this one; 0 where that is nothing to speak of."""
        away_ns = self._ahead_ns(self._wall_ns) - self._offset_ns
        return away_ns if abs(away_ns) >= NOTICED_NS else 0

    def follow(self, by_ns: int) -> None:
        """Go `by_ns` ahead."""
        self._offset_ns += by_ns

    def suspended_ns(self) -> int:
        """How long the machine has slept since the clock was made: CLOCK_MONOTONIC does not count that.

        In whole tenths of a second: two clocks are not read at one time.
        """
        asleep_ns = self._asleep_ns - self._ahead_ns(self._monotonic_ns)
        return max(asleep_ns + NOTICED_NS // 2, 0) // NOTICED_NS * NOTICED_NS

    def _ahead_ns(self, other_ns: Callable[[], int]) -> int:
        """By how much another clock is ahead of CLOCK_BOOTTIME."""
        for _ in range(5):
            before_ns, ahead_ns = self._boottime_ns(), other_ns()
            if self._boottime_ns() - before_ns < TOGETHER_NS:
                break
        return ahead_ns - before_ns
