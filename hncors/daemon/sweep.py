"""Many connections read together at even distances, in place of each as soon as its bytes come.

A caster writes an epoch in six pieces or in one; the kernel puts what came since the last look together,
and a look at thousands of connections at once costs a quarter of what waking for each of them does
(docs/speed.md). Arrival times are told as well as the looks are close: every 0.2 ms for each connection,
so twenty milliseconds for a hundred of them and, at most, `LONGEST_S`. Fewer than `MANY` are left to the
event loop, which tells their arrival to the millisecond.

A connection that ends or fails is given back to its transport, which knows what that is called.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable
from typing import NamedTuple

MANY = 100  # connections
EACH_S, LONGEST_S = 0.0002, 0.1
AT_ONCE = 256  # connections read before the event loop does something else: about 5 ms
READ_BYTES = 65536

_READABLE = select.EPOLLIN
_LOOKED_FOR = select.EPOLLIN | select.EPOLLRDHUP


class Swept(NamedTuple):
    """A connection: what takes its bytes, and its faults."""

    transport: asyncio.ReadTransport
    read: Callable[[bytes], None]
    fault: Callable[[Exception], None]


class Sweep:
    """Reads connections that have nothing but bytes to bring; TLS is not among them."""

    def __init__(self, many: int | None = None) -> None:
        self._many = MANY if many is None else many
        self._epoll: select.epoll | None = None
        self._swept: dict[int, Swept] = {}  # by descriptor
        self._few: dict[int, Swept] = {}  # that the event loop still reads
        self._timer: asyncio.Handle | None = None
        self._due_s = 0.0
        self._left = 0  # reads of the sweep that goes on

    def add(self, number: int, one: Swept) -> None:
        """Read a connection with descriptor `number` from now on, until `remove` or its end."""
        self._few[number] = one
        if len(self._few) + len(self._swept) >= self._many:
            for few, waiting in self._few.items():
                self._begin(few, waiting)
            self._few.clear()

    def remove(self, number: int) -> None:
        """No more of a connection; to be called before its descriptor is closed, perhaps again."""
        self._few.pop(number, None)
        if self._swept.pop(number, None) is not None and self._epoll is not None:
            self._epoll.unregister(number)
        if not self._swept:
            self._end()

    def pace_s(self) -> float:
        """Between two looks; 0: there are none."""
        return min(len(self._swept) * EACH_S, LONGEST_S)

    def _begin(self, number: int, one: Swept) -> None:
        if one.transport.is_closing():
            return
        if self._epoll is None:
            self._epoll = select.epoll()
        one.transport.pause_reading()
        self._epoll.register(number, _LOOKED_FOR)
        self._swept[number] = one
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due_s = loop.time()
            self._timer = loop.call_soon(self._look)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None

    def _look(self) -> None:
        """Begin a sweep."""
        self._left = len(self._swept)  # one that always has more to say must not keep the sweep going
        self._some()

    def _some(self) -> None:
        """Go on with a sweep, then wait for the next."""
        ready = self._read(min(self._left, AT_ONCE))
        self._left -= ready
        if self._epoll is None:
            return
        loop = asyncio.get_running_loop()
        if ready and self._left > 0:
            self._timer = loop.call_soon(self._some)
            return
        now_s = loop.time()
        self._due_s = max(self._due_s + self.pace_s(), now_s)
        self._timer = loop.call_at(self._due_s, self._look)

    def _read(self, most: int) -> int:
        """Read up to `most` connections that have something; how many had."""
        if self._epoll is None or most <= 0:
            return 0
        ready = self._epoll.poll(0, most)
        swept, read = self._swept, os.read
        for number, events in ready:
            one = swept.get(number)
            if one is None:  # what another one brought has ended it
                continue
            try:
                data = read(number, READ_BYTES) if events == _READABLE else b""
            except (BlockingIOError, InterruptedError):
                continue
            except OSError as fault:
                self.remove(number)
                one.fault(fault)
                continue
            if not data:
                self._give_back(number, one)
                continue
            try:
                one.read(data)
            except Exception as fault:  # noqa: BLE001  ours: the link's task has to tell it
                self.remove(number)
                one.fault(fault)
        return len(ready)

    def _give_back(self, number: int, one: Swept) -> None:
        """Let the transport see how a connection ends, after what bytes of it there still are."""
        self.remove(number)
        one.transport.resume_reading()
