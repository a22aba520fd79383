"""Links and network of a daemon in virtual time, following a scripted caster (see scripted_caster)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from scripted_caster import EPOCH_NS, ScriptedCaster, Step, now_s
from wire import epoch

from hncors.daemon.clock import Clock
from hncors.daemon.links import Links
from hncors.daemon.secrets import Secrets
from hncors.gpstime import from_unix_ns
from hncors.health import Event, Stream
from hncors.network import Network
from hncors.registry import Station
from hncors.settings import Links as Waits
from hncors.settings import Settings

TICK_S = 0.25


class _Clock:
    """The part of hncors.daemon.clock.Clock that links ask."""

    def now_ns(self) -> int:
        return EPOCH_NS + round(now_s() * 1e9)


@dataclass
class Monitored:
    network: Network
    events: list[Event] = field(default_factory=list)

    @property
    def stream(self) -> Stream:
        return self.network.streams[0]

    def changes(self, station: str = "A") -> list[tuple[float, str]]:
        """When (virtual seconds) a station came into which state."""
        return [
            ((event.at_ns - EPOCH_NS) / 1e9, event.detail["to"])
            for event in self.events
            if event.kind == "state" and event.station == station
        ]

    def kinds(self, *kinds: str) -> list[Event]:
        return [event for event in self.events if event.kind in kinds]

    async def until(self, condition: Callable[[], object], within_s: float = 7200.0) -> None:
        async with asyncio.timeout(within_s):
            while True:
                if condition():
                    return
                await asyncio.sleep(TICK_S)


@contextlib.asynccontextmanager
async def monitored(
    caster: ScriptedCaster, *stations: Station, own: bool = True, scheme: str = "ntrip", **station: Any
) -> AsyncIterator[Monitored]:
    """A daemon's links and network while the block runs; without `stations`, one named A."""
    followed = stations or (Station(**{"id": "A", "link": caster.link(scheme=scheme), **station}),)
    seen = Monitored(Network(followed))
    settings = Settings(stations="none", links=Waits(own_casters=[caster.host] if own else []))
    links = Links(
        settings,
        followed,
        seen.network,
        clock=cast("Clock", _Clock()),
        secrets=Secrets(),
        report=seen.events.append,
    )

    async def ticks() -> None:
        while True:
            await asyncio.sleep(TICK_S)
            seen.events += seen.network.tick(_Clock().now_ns()).events

    async with asyncio.TaskGroup() as group:
        links.group = group
        await links.follow(followed)
        ticking = group.create_task(ticks())
        try:
            yield seen
        finally:
            ticking.cancel()
            links.stop()


def epochs(seconds: float, *, late_s: float = 0.0, every_s: float = 1.0) -> Iterator[Step]:
    """Steps: so many seconds of epochs, each on its full second of virtual time, or `late_s` after it."""
    begun_s = now_s()
    while now_s() - begun_s < seconds:
        rest_s = 1.0 - now_s() % 1.0
        yield rest_s + (every_s if rest_s < 1e-6 else every_s - 1.0)  # too little would be no time at all
        time_ms = round(from_unix_ns(EPOCH_NS) + (now_s() - late_s) * 1000)
        yield b"".join(epoch(time_ms))
