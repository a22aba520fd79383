"""How each station stands with the register, looked at now and then and told to the ledger.

Nobody is called silent, or no longer silent, for a short outage or a start of the daemon: a station that
gives no data stands as it did until it has been silent for long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from hncors.daemon.ledger_queue import LedgerQueue
from hncors.daemon.ledger_registry import Register, Stands
from hncors.network import Network
from hncors.registry import Station
from hncors.supervise.months import CHINA
from hncors.supervise.standing import SILENT_S, seen, standing

LOOK_S = 30.0
REPEAT_NS = 600_000_000_000  # what stays as it is is told again after this, so that its age can be told

log = logging.getLogger("hncors")


class RegisterWatch:
    """Looks at the stations of a network."""

    def __init__(
        self,
        network: Network,
        stations: Mapping[str, Station],
        queue: LedgerQueue,
        now_ns: Callable[[], int],
    ) -> None:
        self._network = network
        self._stations = stations
        self._queue = queue
        self._now_ns = now_ns
        self._told: dict[str, tuple[str, int]] = {}  # by station: its status, and when that was told
        self._begun_ns = now_ns()
        self._register: tuple[str, ...] | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                self.look()
            except Exception:  # a station that cannot be judged is no reason to stop watching
                log.exception("fault in the watch of the register")
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Tell the ledger what has changed."""
        now_ns = self._now_ns()
        today = datetime.fromtimestamp(now_ns / 1e9, UTC).astimezone(CHINA).date()
        register = tuple(sorted(self._stations))
        if register != self._register and self._queue.put(Register(register, now_ns)):
            self._register = register
        elsewhere = self._network.causes.stations.stand_elsewhere()
        for row, stream in enumerate(self._network.streams):
            station = self._stations.get(stream.id)
            if station is None:
                continue
            shown = seen(stream, now_ns, self._begun_ns, elsewhere=bool(elsewhere[row]))
            unsure = station.enabled and not shown.live and shown.silent_s < SILENT_S
            status = standing(station, shown, today)
            before, told_ns = self._told.get(stream.id, ("", 0))
            if unsure and before:
                continue
            due = status != before or now_ns - told_ns >= REPEAT_NS
            if due and self._queue.put(Stands(stream.id, status, now_ns, first=unsure)):
                self._told[stream.id] = status, now_ns
