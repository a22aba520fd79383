"""Recordings through the daemon's own line: the same Network, the same two verbs, a clock that is the data's.

Bytes are fed at their arrival times and a tick follows on a fixed grid of those times, so how a
recording is cut into chunks leaves no trace. A recording without arrival times gets them from its
epochs: then there is no latency to measure, and the network is told so.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hncors import gpstime
from hncors.health import SECOND_NS
from hncors.network import Chunk, Network, Tick
from hncors.observation import I64
from hncors.reading import Dating, parts

TICK_NS = SECOND_NS // 4
IDLE_TICK_NS = SECOND_NS  # between ticks where nothing comes
SETTLED_NS = 600 * SECOND_NS  # after so long without bytes no state changes any more: the rest is skipped
WHOLE = 1 << 20


class Source(NamedTuple):
    """A recording: bytes, and when they came. Bytes from offset[i] on came at arrival_ns[i]."""

    station: str
    data: bytes
    offset: I64
    arrival_ns: I64
    timed: bool


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
    queue = [
        (arrival, number, piece) for number, source in enumerate(sources) for arrival, piece in _first(source)
    ]
    heapq.heapify(queue)
    if not queue:
        return
    now = fed = -(-queue[0][0] // tick_ns) * tick_ns
    skipped = False
    while queue:
        while queue and queue[0][0] <= now:
            fed, number, piece = heapq.heappop(queue)
            source = sources[number]
            _feed(network, source, piece, chunk_size)
            if piece + 1 < len(source.offset):
                heapq.heappush(queue, (int(source.arrival_ns[piece + 1]), number, piece + 1))
        if until is not None:
            until(now)
        yield network.tick(now, skipped=skipped)
        if queue:
            due = -(-queue[0][0] // tick_ns) * tick_ns
            skipped = now - fed > SETTLED_NS and due > now + IDLE_TICK_NS
            now = due if skipped else max(now + tick_ns, min(due, now + IDLE_TICK_NS))
    yield network.end(now)


def _first(source: Source) -> list[tuple[int, int]]:
    return [(int(source.arrival_ns[0]), 0)] if len(source.offset) else []


def _feed(network: Network, source: Source, piece: int, chunk_size: int) -> None:
    first = int(source.offset[piece])
    last = int(source.offset[piece + 1]) if piece + 1 < len(source.offset) else len(source.data)
    arrival = int(source.arrival_ns[piece])
    for at in range(first, last, chunk_size):
        data = bytes(source.data[at : min(at + chunk_size, last)])
        network.feed(Chunk(source.station, data, arrival, timed=source.timed))
