"""The daemon: links, heartbeat and pages in one task group, from start to a clean end."""

import asyncio
import logging
import os
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from hncors.daemon import configuration, memory
from hncors.daemon.clock import Clock
from hncors.daemon.handles import Handles
from hncors.daemon.intake import Intake
from hncors.daemon.ledger_service import LedgerPlace, LedgerService, open_place
from hncors.daemon.links import Links
from hncors.daemon.log_limits import ABOUT, Limit
from hncors.daemon.mqtt import Broker
from hncors.daemon.notify import Notifier
from hncors.daemon.pulse import Pulse
from hncors.daemon.recorder import Recorder, open_recorder
from hncors.daemon.reload import Load, Reload
from hncors.daemon.scans import Scanning
from hncors.daemon.secrets import Lines, Secrets
from hncors.daemon.territory import Territory, default, read_territory
from hncors.daemon.web import Site, serve
from hncors.daemon.web_bundle import Bundles
from hncors.daemon.web_desk import Desk
from hncors.daemon.web_files import WebFiles, read_push_files, read_web_files
from hncors.health import Event
from hncors.network import Network
from hncors.network_changes import resume
from hncors.network_overload import LeftOut
from hncors.registry import Station
from hncors.settings import Mqtt, Settings
from hncors.supervise.judge import Judge
from hncors.text import printable
from hncors.version import VERSION

END_WITHIN_S = 4.0  # what has not ended by then is left behind
STATUS_EVERY_S = 5.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger("hncors")


def main(config_path: Path, ready: Callable[[str], None] | None = None) -> int:
    """Run the daemon until SIGTERM or SIGINT; the exit status: 0 ended, 1 a fault of ours, 2 cannot start."""
    signal.signal(signal.SIGTERM, _end_early)
    secrets = Secrets()
    lines = _log_to_stderr(secrets)
    load = partial(configuration.load, config_path)
    recorder = ledger = None
    try:
        settings, stations = load()
        if settings.ledger is not None:
            ledger = open_place(settings.ledger, config_path)
        territory = read_territory(settings, config_path)[0]
        web_files = read_web_files(settings.web, config_path)[0]
        push_tls = read_push_files(settings.push, config_path)[0]
        if settings.record is not None:
            recorder = open_recorder(settings.record, config_path)
    except configuration.ConfigurationError as refused:
        print("\n".join(refused.problems), file=sys.stderr)
        return 2
    for doubt in configuration.warnings(stations):
        log.warning("configuration: %s", doubt)
    try:
        asyncio.run(
            run(
                settings,
                stations,
                ready=ready,
                load=load,
                secrets=secrets,
                ending=_end_in_time,
                recorder=recorder,
                ledger=ledger,
                territory=territory,
                web_files=web_files,
                push_tls=push_tls,
                sourcetables=_beside(config_path, settings.supervision.sourcetables),
                bundles=_bundles(config_path, settings),
                lines=lines,
            )
        )
    except CannotListen as refused:
        print(f"{config_path}: {refused}", file=sys.stderr)
        return 2
    except Exception:  # its text goes the way of all text, through what hides secrets
        log.critical("ended by a fault", exc_info=True)
        return 1
    return 0


class CannotListen(Exception):
    """An address to listen at cannot be had."""


async def run(
    settings: Settings,
    stations: Sequence[Station],
    *,
    ready: Callable[[str], None] | None = None,
    load: Load | None = None,
    secrets: Secrets | None = None,
    ending: Callable[[], None] | None = None,
    recorder: Recorder | None = None,
    ledger: LedgerPlace | None = None,
    territory: Territory | None = None,
    web_files: WebFiles | None = None,
    push_tls: ssl.SSLContext | None = None,
    sourcetables: Path | None = None,
    bundles: Bundles | None = None,
    lines: Limit | None = None,
) -> None:
    """Follow the stations until SIGTERM, SIGINT or cancelled.

    `ready` is told the address of the pages; `load` reads the configuration anew when SIGHUP asks for it;
    `ending` is called when the end begins.  Raises CannotListen.
    """
    logging.getLogger().setLevel(settings.log_level.upper())
    parts = (
        load,
        secrets or Secrets(),
        recorder,
        ledger,
        territory or default(),
        web_files or WebFiles(),
        sourcetables,
        bundles,
        lines,
    )
    daemon = _Daemon(settings, stations, *parts)
    try:
        serving, address = await serve(daemon.site, settings.web.listen)
    except OSError as fault:
        expected = "an address that is free"
        raise CannotListen(
            f'web.listen = "{settings.web.listen}": {fault.strerror}: expected {expected}'
        ) from None
    if daemon.intake is not None and settings.push is not None:
        try:
            await daemon.intake.begin(settings.push, push_tls)
        except configuration.ConfigurationError as refused:
            await serving.cleanup()
            raise CannotListen(str(refused)) from None
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(daemon.handles)
    stop = asyncio.Event()
    for number in SIGNALS:  # before anybody is told that it runs
        loop.add_signal_handler(number, stop.set)
    if load is not None:
        loop.add_signal_handler(signal.SIGHUP, daemon.reload.ask)
    try:
        log.info("%d stations, pages and metrics at %s", len(stations), address)
        if ready is not None:
            ready(address)
        await daemon.watch(stations, stop, ending)
    finally:
        await serving.cleanup()
        if daemon.intake is not None:
            daemon.intake.close()
        daemon.notifier.close()
        log.info("ended")
        loop.set_exception_handler(None)
        for number in (*SIGNALS, signal.SIGHUP):
            loop.remove_signal_handler(number)


class _Daemon:
    """The parts of a daemon, and how they hang together."""

    def __init__(
        self,
        settings: Settings,
        stations: Sequence[Station],
        load: Load | None,
        secrets: Secrets,
        recorder: Recorder | None,
        ledger: LedgerPlace | None,
        territory: Territory,
        web_files: WebFiles,
        sourcetables: Path | None,
        bundles: Bundles | None,
        lines: Limit | None,
    ) -> None:
        self.handles, self._lines = Handles(), lines
        self.recorder = recorder
        self.notifier = Notifier()
        self.network = Network(stations)
        self.network.judge = self.judge = Judge(len(stations), stations, *territory)
        self.clock = Clock()
        self.pulse = Pulse(
            self.network,
            settings.tick_s,
            self._tell,
            clock=self.clock,
            beat=self._beat,
            ticking=self._ticking,
        )
        self.intake = None if settings.push is None else Intake()
        self.links = Links(
            settings,
            stations,
            self.network,
            clock=self.clock,
            secrets=secrets,
            report=self.pulse.report,
            recorder=recorder,
            intake=self.intake,
        )
        self.ledger = (
            None
            if ledger is None
            else LedgerService(
                ledger,
                self.network,
                self.judge,
                self.links.stations,
                self.clock.now_ns,
                None if settings.mqtt is None else self._broker(settings.mqtt, ledger, secrets),
            )
        )
        its = settings.supervision
        self.scanning = (
            Scanning(
                its.scan_hours,
                its.casters,
                sourcetables,
                self.links.stations,
                self.judge,
                self.links.turns,
                self.pulse.report,
                self.clock.now_ns,
            )
            if its.scan_hours
            else None
        )
        self.reload = Reload(settings, load, self.links, self.pulse, self.notifier)
        self.site = Site(
            self.network,
            self.links.stations,
            self.pulse,
            VERSION,
            more=self._more,
            settings=settings.web,
            areas=territory.areas,
            users=web_files.users,
            exporter=web_files.exporter,
            context=web_files.context,
            desk=None if ledger is None else Desk(ledger.path, ledger.clearance, self.clock.now_ns),
            bundles=bundles,
        )
        self._said_ready = False
        self._status_s = 0.0

    async def watch(
        self, stations: Sequence[Station], stop: asyncio.Event, ending: Callable[[], None] | None
    ) -> None:
        """Follow all links and tick until told to stop."""
        async with asyncio.TaskGroup() as group:
            running = self._record(group)
            self.links.group = group
            await self.links.follow(stations)
            memory.settle()
            running += [
                group.create_task(self.pulse.run(), name="pulse"),
                group.create_task(self.reload.run(), name="reload"),
            ]
            if self.ledger is not None:
                running += self.ledger.begin(group)
            if self.scanning is not None:
                running.append(group.create_task(self.scanning.run(), name="scans"))
            await stop.wait()
            self.site.ending = True
            self.notifier.stopping()
            if ending is not None:
                ending()
            for task in running:
                task.cancel()
            self.links.stop()
        self.pulse.tick()  # what the links brought last
        if self.recorder is not None:
            self.recorder.close()
        if self.ledger is not None:
            self.ledger.close()

    def _broker(self, mqtt: Mqtt, ledger: LedgerPlace, secrets: Secrets) -> Broker:
        return Broker(
            mqtt, ledger.folder, ledger.path, lambda: self.network.streams, self.clock.now_ns, secrets
        )

    def _record(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Begin to record, and tell since when nobody has looked."""
        if self.recorder is None:
            return []
        now_ns = self.clock.now_ns() // 1_000_000 * 1_000_000
        before_ns = self.recorder.begin(now_ns)
        if before_ns:
            self.pulse.report(resume(self.network, before_ns, now_ns))
        return [group.create_task(self.recorder.run(), name="recorder")]

    def _ticking(self, at_ns: int, left_out: LeftOut) -> None:
        if self.recorder is not None:
            self.recorder.tick(at_ns, left_out)

    def _beat(self) -> None:
        if not self._said_ready:
            self._said_ready = True
            self.notifier.ready()
        self.notifier.alive()
        while self.ledger is not None and self.judge.findings:
            self.ledger.queue.put(self.judge.findings.popleft().finding)
        while self.ledger is not None and self.ledger.queue.news:
            self.pulse.report(self.ledger.queue.news.popleft())
        now_s = time.monotonic()
        if now_s - self._status_s >= STATUS_EVERY_S:
            self._status_s = now_s
            streams = self.network.streams
            up = sum(stream.state == "streaming" for stream in streams)
            self.notifier.status(f"{up} of {len(streams)} stations streaming")

    def _tell(self, event: Event) -> None:
        _log(event)
        self.site.note(event)
        if self.ledger is not None:
            self.ledger.note(event)

    def _more(self) -> dict[str, object]:
        told: dict[str, object] = {} if self.recorder is None else {"recorded": self.recorder.told()}
        if self.ledger is not None:
            told |= self.ledger.told()
        if self.scanning is not None:
            told["scans"] = self.scanning.told()
        told |= {"accept_failures": self.handles.failures}
        told |= {} if self._lines is None else {"log_left_out": self._lines.left_out}
        return {**self.links.told(), **self.reload.told(), **told}


def _bundles(config_path: Path, settings: Settings) -> Bundles | None:
    """What makes bundles of evidence, where there are cases and recordings."""
    if settings.ledger is None or settings.record is None:
        return None
    return Bundles(config_path, _beside(config_path, settings.supervision.sourcetables))


def _beside(config_path: Path, name: str | None) -> Path | None:
    """A path of the configuration, as it is meant."""
    return None if name is None else config_path.parent / name


def _log(event: Event) -> None:
    told = ", ".join(f"{key} {value}" for key, value in event.detail.items() if value != "")
    text = printable(f"{event.station or 'network'}: {event.kind}: {told}", 400)
    log.info("%s", text, extra={ABOUT: (event.kind, event.station)})


def _log_to_stderr(secrets: Secrets) -> Limit:
    handler = logging.StreamHandler(sys.stderr)
    stderr = os.fstat(2)
    journal = os.environ.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}"
    handler.setFormatter(Lines(secrets, journal=journal))
    lines = Limit(handler)
    logging.basicConfig(handlers=[lines], level=logging.INFO)
    logging.captureWarnings(True)
    return lines


def _end_early(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM before the daemon listens to it: nothing has begun that would have to be ended."""
    raise SystemExit(0)


def _end_in_time() -> None:
    """See to it that the process ends in time, whatever it is that does not."""

    def give_up() -> None:
        log.warning("ended without waiting any longer")
        os._exit(0)

    timer = threading.Timer(END_WITHIN_S, give_up)
    timer.daemon = True
    timer.start()
