"""Recordings through the daemon's own line: the same Network, the same two verbs, a clock that is the data's.

Bytes are fed at their arrival times and a tick follows on a fixed grid of those times, so how a
recording is cut into chunks leaves no trace. A recording without arrival times gets them from its
epochs: then there is no latency to measure, and the network is told so.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hncors import gpstime
from hncors.health import SECOND_NS
from hncors.network import NO_NEWS, Chunk, Network, Tick
from hncors.network_changes import begin_again
from hncors.network_overload import NOTHING_LEFT_OUT, LeftOut
from hncors.observation import I64
from hncors.origins import Origin
from hncors.reading import Dating, parts

TICK_NS = SECOND_NS // 4
IDLE_TICK_NS = SECOND_NS  # between ticks where nothing comes
SETTLED_NS = 600 * SECOND_NS  # after so long without bytes no state changes any more: the rest is skipped
WHOLE = 1 << 20


class News(NamedTuple):
    """What a link told of itself, before the bytes from `offset` on. State and reason as in a Chunk."""

    offset: int
    at_ns: int
    state: str  # "": it is as it was
    why: str
    origin: Origin | None = None


class Source(NamedTuple):
    """A recording: bytes, and when they came. Bytes from offset[i] on came at arrival_ns[i]."""

    station: str
    data: bytes
    offset: I64
    arrival_ns: I64
    timed: bool
    news: tuple[News, ...] = ()  # in the order of their offsets


class Begin(NamedTuple):
    """A run of the daemon began before a tick; `before_ns` is the last tick of the run before, or 0."""

    tick: int  # index into Script.tick_ns
    at_ns: int
    before_ns: int


class Script(NamedTuple):
    """When the daemon looked at what came, UTC nanoseconds since 1970, and when it began to."""

    tick_ns: I64  # rising
    begins: tuple[Begin, ...]
    left_out: Mapping[int, LeftOut] = {}  # by a tick what it left out, where it did


def untimed(station: str, data: bytes, dating: Dating) -> Source:
    """A source whose bytes arrive when the epochs they belong to are. They never arrive backwards."""
    offsets, times = [0], [dating.reference_ms]
    at = 0
    for part in parts(data, dating.reference_ms):
        starts = []
        for frame in part.frames:
            at = data.find(frame, at)
            starts.append(at)
            at += len(frame)
        for row, time in zip(part.messages.frame.tolist(), part.time_ms.tolist(), strict=True):
            if time > times[-1]:
                offsets.append(starts[row])
                times.append(time)
    arrival = [gpstime.to_unix_ns(time) for time in times]
    return Source(station, data, np.array(offsets, np.int64), np.array(arrival, np.int64), timed=False)


def play(
    network: Network,
    sources: Sequence[Source],
    *,
    chunk_size: int = WHOLE,
    tick_ns: int = TICK_NS,
    until: Callable[[int], None] | None = None,
) -> Iterator[Tick]:
    """Feed sources to a network in the order of arrival and yield every tick; the last ends all epochs.

    `until`, given the next tick's time, may wait for it (replay at a speed).
    """
    line = _Line(network, sources, chunk_size)
    if line.next_ns is None:
        return
    yield from _on_a_grid(line, tick_ns, until, -(-line.next_ns // tick_ns) * tick_ns)


def act(
    network: Network,
    sources: Sequence[Source],
    script: Script,
    *,
    chunk_size: int = WHOLE,
    until: Callable[[int], None] | None = None,
) -> Iterator[Tick]:
    """Feed sources to a network and tick it exactly when the daemon did.

    Epochs that were open at its last tick stay so. Bytes that came after it, and that nobody looked at
    because the daemon was killed, are played as `play` does.
    """
    line = _Line(network, sources, chunk_size)
    begins = deque(script.begins)
    for number, now in enumerate(script.tick_ns.tolist()):
        while begins and begins[0].tick <= number:
            yield from _begin(line, begins.popleft())
        line.feed(now)
        if until is not None:
            until(now)
        network.begin_tick(now, left_out=script.left_out.get(number, NOTHING_LEFT_OUT))
        network.finish_tick()
        yield from network.ticked()
    for begin in begins:
        yield from _begin(line, begin)
    if line.next_ns is not None:
        now = max(-(-line.next_ns // TICK_NS) * TICK_NS, network.last_tick_ns + TICK_NS)
        yield from _on_a_grid(line, TICK_NS, until, now)


def _begin(line: _Line, begin: Begin) -> Iterator[Tick]:
    line.feed(begin.at_ns - 1)
    told = begin_again(line.network, begin.before_ns, begin.at_ns)
    if told is not None:
        yield NO_NEWS._replace(events=[told])


def _on_a_grid(line: _Line, tick_ns: int, until: Callable[[int], None] | None, now: int) -> Iterator[Tick]:
    network, skipped = line.network, False
    while line.next_ns is not None:
        line.feed(now)
        if until is not None:
            until(now)
        yield network.tick(now, skipped=skipped)
        if line.next_ns is not None:
            due = -(-line.next_ns // tick_ns) * tick_ns
            skipped = now - line.fed_ns > SETTLED_NS and due > now + IDLE_TICK_NS
            now = due if skipped else max(now + tick_ns, min(due, now + IDLE_TICK_NS))
    yield network.end(now)


class _Line:
    """What sources bring, waiting to be fed in the order of arrival."""

    def __init__(self, network: Network, sources: Sequence[Source], chunk_size: int) -> None:
        self.network = network
        self.fed_ns = 0  # when the last that was fed came
        self._sources = sources
        self._chunk_size = chunk_size
        self._items = [_items(source) for source in sources]
        # There is never more than one item of a source in it, so no two are compared beyond their numbers.
        self._queue: list[tuple[int, int, _Item]] = []
        for number in range(len(sources)):
            self._push(number)

    @property
    def next_ns(self) -> int | None:
        """When the next comes that was not fed yet; None: there is none."""
        return self._queue[0][0] if self._queue else None

    def feed(self, until_ns: int) -> None:
        """Feed everything that came until then."""
        while self._queue and self._queue[0][0] <= until_ns:
            self.fed_ns, number, item = heapq.heappop(self._queue)
            self._feed(self._sources[number], item)
            self._push(number)

    def _push(self, number: int) -> None:
        item = next(self._items[number], None)
        if item is not None:
            heapq.heappush(self._queue, (item.at_ns, number, item))

    def _feed(self, source: Source, item: _Item) -> None:
        if item.news is not None:
            _, _, state, why, origin = item.news
            self.network.feed(
                Chunk(source.station, b"", item.at_ns, state or None, why, source.timed, origin)
            )
        for at in range(item.first, item.last, self._chunk_size):
            data = bytes(source.data[at : min(at + self._chunk_size, item.last)])
            self.network.feed(Chunk(source.station, data, item.at_ns, timed=source.timed))


class _Item(NamedTuple):
    at_ns: int
    first: int  # bytes first to last
    last: int
    news: News | None = None


def _items(source: Source) -> Iterator[_Item]:
    """Bytes and news of a source in their order; times never go back for news."""
    news = deque(source.news)
    ends = [*source.offset[1:].tolist(), len(source.data)] if len(source.offset) else []
    before_ns = 0
    for first, last, at_ns in zip(source.offset.tolist(), ends, source.arrival_ns.tolist(), strict=True):
        while news and news[0].offset < last:
            one = news.popleft()
            if one.offset > first:
                yield _Item(at_ns, first, one.offset)
                first = one.offset
                before_ns = at_ns
            before_ns = min(max(one.at_ns, before_ns), at_ns)
            yield _Item(before_ns, first, first, one)
        yield _Item(at_ns, first, last)
        before_ns = at_ns
    for one in news:
        before_ns = max(one.at_ns, before_ns)
        yield _Item(before_ns, 0, 0, one)
