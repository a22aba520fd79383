"""Whether a step of the host's clock is followed: the stations' epochs decide, theirs are better clocks."""

import statistics
import time
from collections.abc import Callable

from hncors.daemon.clock import Clock
from hncors.health import SECOND_NS, Event
from hncors.network import Network
from hncors.network_changes import ages_ns, fresh_ages_ns, let_time_pass, put_clock_right

SMALL_STEP_NS = 5 * SECOND_NS  # followed unasked: too small to be taken for old data
UNDECIDED_S = 10.0  # without data to decide by, before it is told


class HostClock:
    """Looks at the host's clock before each tick, and puts `clock` and `network` right where it has to."""

    def __init__(self, clock: Clock, network: Network, report: Callable[[Event], None]) -> None:
        self.steps = 0
        self._clock = clock
        self._network = network
        self._report = report
        self._weighed_ns = 0  # the step that is not followed, as yet
        self._since_s = 0.0
        self._told = False

    def look(self) -> None:
        """Follow a step of the host's clock, or stay away from it for now."""
        away_ns, before_ns = self._clock.away_ns(), self._weighed_ns
        if not away_ns and not before_ns:
            return
        if not before_ns or abs(away_ns - before_ns) > SMALL_STEP_NS:
            self.steps += 1
            self._since_s = time.monotonic()
            if not away_ns and self._told:
                self._report(Event(self._clock.now_ns(), "", "host_clock_trusted", {}))
            self._told = False
        self._weighed_ns = away_ns
        if away_ns:
            self._weigh(away_ns)

    def _weigh(self, away_ns: int) -> None:
        past, fresh = _median(ages_ns(self._network)), _median(fresh_ages_ns(self._network))
        now = past if fresh is None else fresh
        if abs(away_ns) <= SMALL_STEP_NS or now is None or abs(now + away_ns) < abs(now):
            self._weighed_ns = 0
            self._clock.follow(away_ns)
            if past is not None and abs(past) < abs(past + away_ns) and away_ns > SMALL_STEP_NS:
                # epochs were of their time until now, so this clock has stood still: a machine was paused
                let_time_pass(self._network, away_ns)
            else:
                self._report(put_clock_right(self._network, away_ns, self._clock.now_ns()))
        elif not self._told and (fresh is not None or time.monotonic() - self._since_s > UNDECIDED_S):
            self._told = True
            seconds = round(away_ns / SECOND_NS, 3)
            self._report(Event(self._clock.now_ns(), "", "host_clock_suspect", {"seconds": seconds}))


def _median(ages: list[int]) -> float | None:
    return statistics.median(ages) if ages else None
