"""The links of a running daemon: one task a station, kept up through its faults, changed by a reload."""

import asyncio
import logging
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import PurePath
from typing import NamedTuple

from hncors import network_changes
from hncors.daemon import caster_client, configuration, patrol_port, player, serial_port, tls
from hncors.daemon.clock import Clock
from hncors.daemon.intake import Intake
from hncors.daemon.pulse import fault_event
from hncors.daemon.reconnect import Turns
from hncors.daemon.recorder import Recorder
from hncors.daemon.secrets import Secrets
from hncors.health import CONNECTED, Event
from hncors.network import Chunk, Network
from hncors.registry import DESCRIBING, Station, parse_link
from hncors.settings import Settings
from hncors.version import VERSION

RESTART_FIRST_S, RESTART_LONGEST_S = 2.0, 300.0  # after a fault of our own in a link
SOUND_S = 600.0  # a link without a fault for this long has none to count from
FAULTS_IN_A_ROW = 3  # before they are an event
# How long data may be of no use before the connection is made anew, by the state they leave a stream in
FRUITLESS_S = {"no_frames": 60.0, "no_epochs": 300.0}
PROVED_S = 60.0  # of valid data, after which a connection was good: the waits start afresh
MILLISECOND_NS = 1_000_000
STOP_WITHIN_S = 2.0  # for a link to close its connection

log = logging.getLogger("hncors")


class Changes(NamedTuple):
    """What a reload did to stations, by id."""

    added: list[str]
    removed: list[str]
    restarted: list[str]


class Links:
    """Runs the links of stations as tasks of `group`; they feed `network`, and `report` is told of faults.

    None runs before `follow` is called.
    """

    group: asyncio.TaskGroup  # set before anything is followed

    def __init__(
        self,
        settings: Settings,
        stations: Sequence[Station],
        network: Network,
        *,
        clock: Clock,
        secrets: Secrets,
        report: Callable[[Event], None],
        recorder: Recorder | None = None,
        intake: Intake | None = None,
    ) -> None:
        self.stations = {station.id: station for station in stations}  # the same dictionary all the time
        self.faults: Counter[str] = Counter()
        self.certificates: dict[str, float] = {}  # until when they are valid (UTC, s), by station
        self._network = network
        self._clock = clock
        self._secrets = secrets
        self._report = report
        self._recorder = recorder
        self._intake = intake
        self._waits = settings.links
        self.turns = Turns(settings.links.starts_per_s)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._chance = random.Random()  # noqa: S311  spreads reconnections, keeps no secret
        self._shared = caster_client.Surroundings(
            deliver=self.deliver,
            agent=f"hncors/{VERSION}",
            password=self._password,
            good=self._good,
            fruitless=self._fruitless,
            turns=self.turns,
            retry_first_s=settings.links.retry_first_s,
            retry_longest_s=settings.links.retry_longest_s,
            chance=self._chance,
            interval_s=self._interval_s,
            own_casters=frozenset(settings.links.own_casters),
            certificates=self.certificates,
        )

    async def follow(self, stations: Sequence[Station]) -> Changes:
        """Follow exactly `stations` from now on.

        A station whose link is the same keeps its connection and its state, one whose link is another keeps
        its counts, and one that is gone is forgotten.
        """
        after = {station.id: station for station in stations}
        before = {name: one for name, one in self.stations.items() if name in self._tasks}
        removed = [name for name in before if name not in after]
        added = [name for name in after if name not in before]
        restarted = [name for name, one in after.items() if name in before and _another(before[name], one)]
        await self._stop([*removed, *restarted])
        network_changes.watch(self._network, stations)
        if self._recorder is not None:
            self._recorder.watch({one.id: one.rate_hz for one in stations}, self._clock.now_ns())
        self.stations.clear()
        self.stations.update(after)
        for name in removed:
            self.faults.pop(name, None)
        for name in (*removed, *restarted):
            self.certificates.pop(name, None)
        for name in (*added, *restarted):
            self._tasks[name] = self.group.create_task(self._keep(after[name]), name=name)
        return Changes(added, removed, restarted)

    def told(self) -> dict[str, object]:
        """For the metrics."""
        return {
            "link_faults": dict(self.faults),
            "certificates_expire_unix_s": dict(self.certificates),
            **({} if self._intake is None else {"pushed": self._intake.told()}),
            "insecure": [one.id for one in self.stations.values() if one.enabled and tls.insecure(one)],
        }

    def deliver(self, chunk: Chunk) -> None:
        """What a link brought is recorded and goes to the network, at the time that goes on evenly.

        Without secrets, and after the last tick by the milliseconds that recordings keep.
        """
        name, _, _, _, why, *_ = chunk
        network = self._network
        if name in network.index:  # else it was removed, and its link has not ended yet
            if why:
                why = self._secrets.hide(why)
            at_ns, first_ns = self._clock.now_ns(), network.last_tick_ns + MILLISECOND_NS
            chunk = chunk._replace(arrival_ns=at_ns if at_ns > first_ns else first_ns, why=why)
            if self._recorder is not None and self.stations[name].record:
                self._recorder.note(chunk)
            network.feed(chunk)

    def stop(self) -> None:
        """End all links; the group waits for them."""
        for task in self._tasks.values():
            task.cancel()

    async def _stop(self, names: Iterable[str]) -> None:
        tasks = [self._tasks.pop(name) for name in names]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_WITHIN_S)

    async def _keep(self, station: Station) -> None:
        """One station's link, to its end if it has one.  Its faults stay its own."""
        if not station.enabled:
            self.deliver(Chunk(station.id, b"", time.time_ns(), "disabled", "enabled = false"))
            return
        in_a_row = 0
        while True:
            begun_s = time.monotonic()
            try:
                await self._link(station)
            # The last wall: whatever goes wrong in one link must not end the others.  It is told with its
            # traceback, shown as the station's state, counted, and tried again.
            except Exception as fault:
                log.exception("%s: fault in the link", station.id)
                in_a_row = 1 if time.monotonic() - begun_s > SOUND_S else in_a_row + 1
                self._fault(station.id, fault, in_a_row)
                await asyncio.sleep(min(RESTART_FIRST_S * 2.0 ** min(in_a_row - 1, 20), RESTART_LONGEST_S))
            else:
                return

    def _fault(self, name: str, fault: Exception, in_a_row: int) -> None:
        self.faults[name] += 1
        why = f"fault in the monitor: {type(fault).__name__}"
        self.deliver(Chunk(name, b"", time.time_ns(), "protocol_error", why))
        if in_a_row == FAULTS_IN_A_ROW:
            self._report(fault_event(self._clock.now_ns(), name, fault, in_a_row))

    def _link(self, station: Station) -> Coroutine[None, None, None]:
        match parse_link(station.link).scheme:
            case "file":
                return player.play(station, self.deliver)
            case "push":
                if self._intake is None:
                    raise RuntimeError("a station pushes, and nothing listens")
                asked = partial(self._password, station) if station.password_file else str
                return self._intake.follow(station, self.deliver, asked)
            case "serial":
                waits = self._waits
                listen = patrol_port.follow if station.patrol_position else serial_port.listen
                return listen(station, self.deliver, waits.retry_first_s, waits.retry_longest_s, self._chance)
            case _:
                return caster_client.follow(station, self._shared)

    def _password(self, station: Station) -> str:
        return self._secrets.remember(configuration.password(station), station.user or "")

    def _good(self, station: str) -> bool:
        """Whether a station's connection has brought epochs for long enough, be they late or not."""
        number = self._network.index.get(station)
        return number is not None and self._network.streams[number].valid_s() >= PROVED_S

    def _fruitless(self, station: str) -> str:
        """The state in which data have been of no use for so long that a new connection may do better."""
        number = self._network.index.get(station)
        if number is None:
            return ""
        stream = self._network.streams[number]
        since_ns = max(stream.since_ns, stream.ephemeris_ns)
        lasts_s = (self._clock.now_ns() - since_ns) / 1e9
        fruitless = stream.link == CONNECTED and lasts_s >= FRUITLESS_S.get(stream.state, math.inf)
        return stream.state if fruitless else ""

    def _interval_s(self, station: str) -> float | None:
        """The time between a station's epochs, as far as it shows."""
        number = self._network.index.get(station)
        interval_ms = 0 if number is None else self._network.streams[number].account.best_interval_ms()
        return interval_ms / 1000 or None


def _another(before: Station, after: Station) -> bool:
    """Whether the links of two stations differ: in anything that is not there for people to read."""
    return _link_of(before) != _link_of(after)


def _link_of(station: Station) -> list[object]:
    folder = PurePath(station.file).parent
    paths = [named and folder / named for named in (station.password_file, station.tls_ca_file)]
    apart = *DESCRIBING, "file", "password_file", "tls_ca_file"
    names = [one.name for one in fields(station) if one.name not in apart]
    return [*paths, *(getattr(station, name) for name in names)]
