"""The daemon's heartbeat: a tick of the network at even distances, and how well they are kept."""

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator

import numpy as np

from hncors.daemon.clock import Clock
from hncors.daemon.host_clock import HostClock
from hncors.health import SECOND_NS, Event
from hncors.network import Network
from hncors.network_overload import LeftOut, Pressure
from hncors.view.process import LAG_BOUNDS_S, TICK_BOUNDS_S, Process

EVENTS = 1000  # kept to be shown
MILLISECOND_NS = 1_000_000
LAG_MINUTES = 5  # the largest lag is that of this long
BUSY_S = 5.0  # after a tick that took longer than ticks are apart
ENOUGH_FRAMES = 4608  # of some 500 stations: a tick costs some milliseconds whatever is in it
LOOK_S = 0.02
TURN_S = 0.005  # of a tick, after which others have their turn
ROUNDS = 4  # of the event loop then: to accept, to read, to answer and to write is one each
ASIDE_S, ASIDE_EACH_S = 0.25, 0.8  # less than a second: for one who asks every second
FAULTS_IN_A_ROW = 3  # ticks that a fault ended, before it is an event

log = logging.getLogger("hncors")


class Pulse:
    """Ticks `network` every `tick_s` and keeps what came of it: durations, lag, the last events.

    `ticking` is told the time of each tick before it, and what it leaves out; `beat` is called after each
    that went well; `tell` of each event.
    """

    def __init__(
        self,
        network: Network,
        tick_s: float,
        tell: Callable[[Event], None],
        *,
        clock: Clock | None = None,
        beat: Callable[[], None] = lambda: None,
        ticking: Callable[[int, LeftOut], None] = lambda at_ns, left_out: None,
    ) -> None:
        self.events: deque[Event] = deque(maxlen=EVENTS)
        self.tick_s = tick_s
        self.clock = clock or Clock()
        self.guests: Callable[[], int] = lambda: 0  # connections of those who look at pages
        self.lag_s = 0.0  # how late the last tick began
        self.beat_ns = (
            0  # when the last tick that went well ended, UTC nanoseconds since 1970; 0: there was none
        )
        self.faults = 0
        self.pressure = Pressure(tick_s)
        self._network = network
        self._tell = tell
        self._beat = beat
        self._ticking = ticking
        self._beat_s: float | None = None
        self._faults_in_a_row = 0
        self._asides, self._alone = 0, asyncio.Event()
        self._alone.set()
        self._next_aside_s = 0.0
        self._host_clock = HostClock(self.clock, network, self.report)
        self._tick_counts = np.zeros(len(TICK_BOUNDS_S) + 1, np.int64)
        self._tick_sum_s = 0.0
        self._lag_counts = np.zeros(len(LAG_BOUNDS_S) + 1, np.int64)
        self._lag_sum_s = 0.0
        self._lag_by_minute: deque[tuple[int, float]] = deque(maxlen=LAG_MINUTES)

    async def run(self) -> None:
        """Tick until cancelled.  A tick that comes too late is not made up for."""
        loop = asyncio.get_running_loop()
        due_s, busy_until_s = loop.time(), 0.0
        while True:
            await self._due(due_s, busy_until_s)
            self._late_by(max(loop.time() - due_s, 0.0))
            begun_s = loop.time()
            await self._tick_in_turns()
            ended_s = loop.time()
            if ended_s - begun_s > self.tick_s:
                busy_until_s = ended_s + BUSY_S
            # In step with the first, whatever ticks take: epochs come in step with the second, too.
            if ended_s >= due_s:  # else it was begun before it was due, and the next one is
                due_s += self.tick_s * max(1, math.ceil((ended_s - due_s) / self.tick_s))

    async def _due(self, due_s: float, busy_until_s: float) -> None:
        """Until a tick is due; where ticks have of late taken longer than they are apart, until enough waits.

        What all stations send together is then done bit by bit as it comes, without a pause before the rest.
        """
        loop = asyncio.get_running_loop()
        while (left_s := due_s - loop.time()) > 0 and loop.time() < busy_until_s:
            if self._network.frames_waiting >= ENOUGH_FRAMES:
                return
            await asyncio.sleep(min(left_s, LOOK_S))
        await asyncio.sleep(due_s - loop.time())

    def tick(self) -> None:
        """One tick.  A fault of our own in it is told and counted; the next one is tried all the same."""
        for _ in self._steps():
            pass

    async def _tick_in_turns(self) -> None:
        """One tick, during which whatever else there is to do has its turns."""
        steps = self._steps()
        await self._wait_aside()
        begun_s = time.perf_counter()
        try:
            for _ in steps:
                await self._wait_aside()
                if time.perf_counter() - begun_s >= TURN_S:
                    for _ in range(ROUNDS if self.guests() else 1):
                        await asyncio.sleep(0)
                    begun_s = time.perf_counter()
        finally:
            for _ in steps:  # at the end of the daemon: what was begun is done
                pass

    @contextlib.asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """While something is made that somebody waits for, which would have to share the time with ticks.

        They wait between their steps, but no longer than `ASIDE_S` in `ASIDE_EACH_S`.
        """
        self._asides += 1
        self._alone.clear()
        try:
            yield
        finally:
            self._asides -= 1
            if not self._asides:
                self._alone.set()

    async def _wait_aside(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._alone.is_set() or now_s < self._next_aside_s:
            return
        self._next_aside_s = now_s + ASIDE_EACH_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ASIDE_S):
                await self._alone.wait()

    def _steps(self) -> Iterator[None]:
        begun_s = time.perf_counter()
        network, left_out = self._network, self.pressure.left_out()
        try:
            self._host_clock.look()
            # As recordings keep it; after the last one, and so not before what came since then.
            now_ns = self.clock.now_ns() // MILLISECOND_NS * MILLISECOND_NS
            now_ns = max(now_ns, network.last_tick_ns + MILLISECOND_NS)
            self._ticking(now_ns, left_out)
            network.begin_tick(now_ns, left_out=left_out)
            while network.go_on():
                yield
            events = [event for done in network.ticked() for event in done.events]
        # What one station sends must not end the watch over the others.  Nobody is told that all is well
        # meanwhile: where it lasts, the service manager's watchdog starts the daemon anew.
        except Exception as fault:
            if self._faults_in_a_row < FAULTS_IN_A_ROW:  # the same traceback four times a second helps nobody
                log.exception("fault in a tick")
            self._fault(fault)
            return
        took_s = time.perf_counter() - begun_s
        self.pressure.took(took_s)
        self._tick_counts[np.searchsorted(TICK_BOUNDS_S, took_s) :] += 1
        self._tick_sum_s += took_s
        self._faults_in_a_row = 0
        self.beat_ns, self._beat_s = self.clock.now_ns(), time.monotonic()
        for event in events:
            self.report(event)
        self._beat()

    def report(self, event: Event) -> None:
        self.events.append(event)
        self._tell(event)

    def since_beat_s(self) -> float | None:
        """Seconds since the last tick that went well; None: there was none."""
        return None if self._beat_s is None else time.monotonic() - self._beat_s

    def process(self) -> Process:
        return Process(
            self._tick_counts.copy(),
            self._tick_sum_s,
            self.lag_s,
            self.beat_ns / SECOND_NS,
            lag_counts=self._lag_counts.copy(),
            lag_sum_s=self._lag_sum_s,
            lag_max_s=max((lag_s for _, lag_s in self._lag_by_minute), default=0.0),
            tick_faults=self.faults,
            suspended_s=self.clock.suspended_ns() / SECOND_NS,
            clock_steps=self._host_clock.steps,
            host_clock_offset_s=self.clock.away_ns() / SECOND_NS,
            overload_lag_s=self.pressure.lag_s,
            overload=self._network.overload,
        )

    def _late_by(self, lag_s: float) -> None:
        self.lag_s = lag_s
        self._lag_counts[np.searchsorted(LAG_BOUNDS_S, lag_s) :] += 1
        self._lag_sum_s += lag_s
        minute, largest_s = int(time.monotonic() // 60), self._lag_by_minute
        if largest_s and largest_s[-1][0] == minute:
            lag_s = max(lag_s, largest_s.pop()[1])
        while largest_s and largest_s[0][0] <= minute - LAG_MINUTES:
            largest_s.popleft()
        largest_s.append((minute, lag_s))

    def _fault(self, fault: Exception) -> None:
        self.faults += 1
        self._faults_in_a_row += 1
        if self._faults_in_a_row == FAULTS_IN_A_ROW:
            self.report(fault_event(self.clock.now_ns(), "", fault, self._faults_in_a_row))


def fault_event(at_ns: int, station: str, fault: Exception, times: int) -> Event:
    """A fault of our own, in the link of `station` or in the tick (""), for so many times in a row."""
    return Event(at_ns, station, "monitor_fault", {"fault": type(fault).__name__, "times": times})
