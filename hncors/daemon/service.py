"""The daemon: links, heartbeat and pages in one task group, from start to a clean end."""

import asyncio
import logging
import random
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from hncors.daemon import caster_client, configuration, player, serial_port
from hncors.daemon.pulse import Pulse
from hncors.daemon.reconnect import Turns
from hncors.daemon.web import Site, serve
from hncors.health import Event
from hncors.network import Chunk, Network
from hncors.registry import Station, parse_link
from hncors.settings import Settings
from hncors.text import printable
from hncors.version import VERSION

RESTART_S = 30.0  # after a fault of our own in a link

log = logging.getLogger("hncors")


def main(config_path: Path) -> int:
    """Run the daemon until SIGTERM or SIGINT; the exit status: 0 ended, 2 cannot start."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        settings, stations = configuration.load(config_path)
    except configuration.ConfigurationError as refused:
        print("\n".join(refused.problems), file=sys.stderr)
        return 2
    try:
        asyncio.run(run(settings, stations))
    except CannotListen as refused:
        print(f"{config_path}: {refused}", file=sys.stderr)
        return 2
    return 0


class CannotListen(Exception):
    """The address for pages and metrics cannot be had."""


async def run(
    settings: Settings, stations: Sequence[Station], *, ready: Callable[[str], None] | None = None
) -> None:
    """Follow the stations until SIGTERM, SIGINT or cancelled.  `ready` is told the address of the pages.

    Raises CannotListen.
    """
    network = Network(stations)
    pulse = Pulse(network, settings.tick_s, _log)
    site = Site(network, {station.id: station for station in stations}, pulse, VERSION)
    try:
        runner, address = await serve(site, settings.web.listen)
    except OSError as fault:
        expected = "an address that is free"
        raise CannotListen(
            f'web.listen = "{settings.web.listen}": {fault.strerror}: expected {expected}'
        ) from None
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # before anybody is told that it runs
        loop.add_signal_handler(number, stop.set)
    try:
        log.info("%d stations, pages and metrics at %s", len(stations), address)
        if ready is not None:
            ready(address)
        await _watch(_Links(settings, network), stations, pulse, stop)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        await runner.cleanup()
        log.info("ended")


async def _watch(links: "_Links", stations: Sequence[Station], pulse: Pulse, stop: asyncio.Event) -> None:
    """Follow all links and tick until told to stop."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(pulse.run(), name="pulse")]
        running += [group.create_task(links.keep(station), name=station.id) for station in stations]
        await stop.wait()
        for task in running:
            task.cancel()


class _Links:
    """Turns stations into running links that feed one network."""

    def __init__(self, settings: Settings, network: Network) -> None:
        self._network = network
        self._waits = settings.links
        self._chance = random.Random()  # noqa: S311  spreads reconnections, keeps no secret
        self._shared = caster_client.Surroundings(
            deliver=network.feed,
            agent=f"hncors/{VERSION}",
            password=configuration.password,
            good=self._good,
            turns=Turns(settings.links.starts_per_s),
            retry_first_s=settings.links.retry_first_s,
            retry_longest_s=settings.links.retry_longest_s,
            chance=self._chance,
        )

    async def keep(self, station: Station) -> None:
        """One station's link, to its end if it has one.  Its faults stay its own."""
        if not station.enabled:
            self._network.feed(Chunk(station.id, b"", time.time_ns(), "disabled", "enabled = false"))
            return
        while True:
            try:
                await self._link(station)
            # The last wall: whatever goes wrong in one link must not end the others.  It is told with its
            # traceback, shown as the station's state, and tried again.
            except Exception as fault:
                log.exception("%s: fault in the link", station.id)
                why = f"fault in the monitor: {type(fault).__name__}"
                self._network.feed(Chunk(station.id, b"", time.time_ns(), "protocol_error", why))
                await asyncio.sleep(RESTART_S)
            else:
                return

    def _link(self, station: Station) -> Coroutine[None, None, None]:
        match parse_link(station.link).scheme:
            case "file":
                return player.play(station, self._network.feed)
            case "serial":
                waits = self._waits
                return serial_port.listen(
                    station, self._network.feed, waits.retry_first_s, waits.retry_longest_s, self._chance
                )
            case _:
                return caster_client.follow(station, self._shared)

    def _good(self, station: str) -> bool:
        """Whether epochs come from a station, be they late or not."""
        stream = self._network.streams[self._network.index[station]]
        return stream.state in ("streaming", "stale_data")


def _log(event: Event) -> None:
    told = ", ".join(f"{key} {value}" for key, value in event.detail.items() if value != "")
    log.info("%s", printable(f"{event.station or 'network'}: {event.kind}: {told}", 400))
