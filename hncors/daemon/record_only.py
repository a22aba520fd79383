"""Links, pulse and recorder without pages: streams to disk until told to stop."""

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable, Sequence

from hncors.daemon.clock import Clock
from hncors.daemon.intake import Intake
from hncors.daemon.links import Links
from hncors.daemon.pulse import Pulse
from hncors.daemon.recorder import Recorder
from hncors.daemon.secrets import Lines, Secrets
from hncors.health import Event
from hncors.network import Network
from hncors.network_changes import resume
from hncors.registry import Station
from hncors.settings import Settings

TOLD_EVERY_S = 0.5
SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def record(
    settings: Settings,
    stations: Sequence[Station],
    recorder: Recorder,
    seconds: float | None,
    tell: Callable[[Event], None],
    told: Callable[[float, Network], None],
    push_tls: ssl.SSLContext | None = None,
) -> Network:
    """Record for so many seconds, or until SIGTERM or SIGINT; the network as it was at the end.

    `tell` is told of events, `told` of how it goes: seconds since the begin. The recorder is closed.
    Raises ConfigurationError where `[push]` names an address that cannot be had.
    """
    secrets = Secrets()
    _log_to_stderr(secrets)
    network, clock = Network(stations), Clock()
    pulse = Pulse(network, settings.tick_s, tell, clock=clock, ticking=recorder.tick)
    intake = None if settings.push is None else Intake()
    links = Links(
        *(settings, stations, network),
        clock=clock,
        secrets=secrets,
        report=pulse.report,
        recorder=recorder,
        intake=intake,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        if intake is not None and settings.push is not None:
            await intake.begin(settings.push, push_tls)
        async with asyncio.TaskGroup() as group:
            begin_ns = clock.now_ns() // 1_000_000 * 1_000_000
            before_ns = recorder.begin(begin_ns)
            if before_ns:
                pulse.report(resume(network, before_ns, begin_ns))
            links.group = group
            await links.follow(stations)
            running = [group.create_task(pulse.run()), group.create_task(recorder.run())]
            await _wait(stop, seconds, lambda since_s: told(since_s, network))
            for task in running:
                task.cancel()
            links.stop()
        pulse.tick()
    finally:
        if intake is not None:
            intake.close()
        recorder.close()
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    return network


async def _wait(stop: asyncio.Event, seconds: float | None, told: Callable[[float], None]) -> None:
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    while not stop.is_set() and (seconds is None or loop.time() - begun_s < seconds):
        told(loop.time() - begun_s)
        left_s = TOLD_EVERY_S if seconds is None else min(TOLD_EVERY_S, begun_s + seconds - loop.time())
        try:
            async with asyncio.timeout(max(left_s, 0.0)):
                await stop.wait()
        except TimeoutError:
            continue


def _log_to_stderr(secrets: Secrets) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(secrets, journal=False))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
