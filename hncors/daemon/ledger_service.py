"""The ledger as a part of the daemon: its place and lock, the queue into it, the watch of the register."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from hncors.daemon.configuration import ConfigurationError
from hncors.daemon.ledger import LedgerLock
from hncors.daemon.ledger_outbox import Message
from hncors.daemon.ledger_queue import LedgerQueue
from hncors.daemon.mqtt import Broker
from hncors.daemon.presence_watch import PresenceWatch
from hncors.daemon.register_watch import RegisterWatch
from hncors.health import Event
from hncors.network import Network
from hncors.registry import Station
from hncors.settings import Ledger as LedgerSettings
from hncors.settings import problem
from hncors.supervise.judge import Judge
from hncors.supervise.months import Clearance

log = logging.getLogger("hncors")


class LedgerPlace(NamedTuple):
    """Where a daemon keeps its ledger, which is its own from now on."""

    path: Path
    clearance: Clearance
    lock: LedgerLock | None  # None: the disk takes none now, as it would take no entry
    folder: Path = Path()  # of the configuration


def open_place(settings: LedgerSettings, config_path: Path) -> LedgerPlace:
    """Raises ConfigurationError where there is no folder, or another daemon keeps this ledger."""
    path = config_path.parent / settings.file
    if not path.parent.is_dir():
        expected = "a file in a folder that is there"
        raise ConfigurationError([problem(str(config_path), "ledger.file", settings.file, expected)])
    clearance = Clearance(settings.handle_months, settings.clear_months, settings.late_days)
    try:
        return LedgerPlace(path, clearance, LedgerLock(path), config_path.parent)
    except BlockingIOError:
        expected = "a ledger of its own: another daemon keeps this one"
        raise ConfigurationError(
            [problem(str(config_path), "ledger.file", settings.file, expected)]
        ) from None
    except OSError as fault:
        log.error("ledger: %s: %s: it is tried again and again", path, fault.strerror)
        return LedgerPlace(path, clearance, None, config_path.parent)


class LedgerService:
    """What a daemon with a ledger runs beside everything else."""

    def __init__(
        self,
        place: LedgerPlace,
        network: Network,
        judge: Judge,
        stations: Mapping[str, Station],
        now_ns: Callable[[], int],
        broker: Broker | None = None,
    ) -> None:
        self._broker = broker
        self._lock = place.lock
        self.queue = LedgerQueue(place.path, now_ns, place.clearance)
        self.queue.sending = broker is not None
        self._presence = PresenceWatch(judge, self.queue, now_ns)
        self._watch = RegisterWatch(network, stations, self.queue, now_ns)

    def note(self, event: Event) -> None:
        """An event of the network: changes of state are for the broker, where there is one."""
        if self._broker is not None and event.kind == "state":
            key = f"state/{event.station}/{event.at_ns}"
            self.queue.put(Message(key, "state", event.station, event.at_ns, event.detail))
            self._broker.note(event)

    def told(self) -> dict[str, object]:
        """For the metrics."""
        told: dict[str, object] = {"kept": self.queue.told()}
        if self._broker is not None:
            told["published"] = self._broker.told(self.queue.unsent)
        return told

    def begin(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        running = [
            group.create_task(self.queue.run(), name="ledger"),
            group.create_task(self._watch.run(), name="register"),
            group.create_task(self._presence.run(), name="presence"),
        ]
        if self._broker is not None:
            running.append(group.create_task(self._broker.run(), name="mqtt"))
        return running

    def close(self) -> None:
        """After the tasks have ended: write what waits, let go of the ledger."""
        self._presence.keep()
        self.queue.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
