"""The daemon's heartbeat: a tick of the network at even distances, and how well they are kept."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from hncors.health import Event
from hncors.network import Network
from hncors.view.metrics import TICK_BOUNDS_S, Process

EVENTS = 1000  # kept to be shown


class Pulse:
    """Ticks `network` every `tick_s` and keeps what came of it: durations, lag, the last events."""

    def __init__(self, network: Network, tick_s: float, tell: Callable[[Event], None]) -> None:
        self.events: deque[Event] = deque(maxlen=EVENTS)
        self.lag_s = 0.0  # how late the last tick began
        self.beat_ns = 0  # when the last tick ended, UTC nanoseconds since 1970; 0: there was none
        self._network = network
        self._tick_s = tick_s
        self._tell = tell
        self._counts = np.zeros(len(TICK_BOUNDS_S) + 1, np.int64)
        self._sum_s = 0.0

    async def run(self) -> None:
        """Tick until cancelled.  A tick that comes too late is not made up for."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            await asyncio.sleep(due_s - loop.time())
            self.lag_s = loop.time() - due_s
            self.tick()
            due_s += self._tick_s
            if due_s < loop.time():
                due_s = loop.time() + self._tick_s

    def tick(self) -> None:
        begun_s = time.perf_counter()
        events = self._network.tick(time.time_ns()).events
        took_s = time.perf_counter() - begun_s
        self._counts[np.searchsorted(TICK_BOUNDS_S, took_s) :] += 1
        self._sum_s += took_s
        self.beat_ns = time.time_ns()
        self.events.extend(events)
        for event in events:
            self._tell(event)

    def process(self) -> Process:
        return Process(self._counts.copy(), self._sum_s, self.lag_s, self.beat_ns / 1e9)
