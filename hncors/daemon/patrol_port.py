"""A patrol's two serial lines as one stream: what the radio hears, and where the patrol is, in its pauses.

A sentence between the bytes of a frame would break it, so the newest of each kind waits until the radio has
been quiet for a moment; recordings then hold both, and a replay finds what was found live.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable
from dataclasses import replace

from hncors.daemon.serial_port import listen
from hncors.network_values import Chunk
from hncors.registry import Station

QUIET_S = 0.1  # of the radio, after which a sentence may follow
MOST_HELD = 4096  # bytes of a line without an end
_LINE = re.compile(rb"\$[A-Z]{2}(?:GGA|RMC),[ -~]{10,110}\r?\n")

Deliver = Callable[[Chunk], None]


async def follow(
    station: Station, deliver: Deliver, retry_first_s: float, retry_longest_s: float, chance: random.Random
) -> None:
    """Keep both ports open until cancelled; the radio's state is the stream's."""
    merging = _Merging(station.id, deliver)
    waits = retry_first_s, retry_longest_s, chance
    position = replace(station, link=station.patrol_position or station.link)
    async with asyncio.TaskGroup() as group:
        group.create_task(listen(station, merging.radio, *waits))
        group.create_task(listen(position, merging.position, *waits))


class _Merging:
    def __init__(self, station: str, deliver: Deliver) -> None:
        self._station, self._deliver = station, deliver
        self._held = b""
        self._newest: dict[bytes, bytes] = {}  # by kind
        self._radio_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def radio(self, chunk: Chunk) -> None:
        if chunk.data:
            self._radio_s = time.monotonic()
        self._deliver(chunk)

    def position(self, chunk: Chunk) -> None:
        held = self._held + chunk.data
        end = 0
        for match in _LINE.finditer(held):
            end = match.end()
            self._newest[match[0][3:6]] = match[0]
        self._held = held[end:][-MOST_HELD:]
        if self._newest and self._timer is None:  # the radio's bytes may be there, and not be read yet
            self._timer = asyncio.get_running_loop().call_later(QUIET_S, self._wait)

    def _wait(self) -> None:
        self._timer = None
        left_s = self._radio_s + QUIET_S - time.monotonic()
        if left_s > 0:
            self._timer = asyncio.get_running_loop().call_later(left_s, self._wait)
            return
        data = b"".join(self._newest.values())
        self._newest.clear()
        self._deliver(Chunk(self._station, data, time.time_ns()))
