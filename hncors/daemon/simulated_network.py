"""A simulated province on the air: every epoch at its time, every byte after its delay, faults of links too.

Epochs are made ahead, in a thread, so that connections are served meanwhile. What cannot be made in time
is published late and counted; epochs that are more than some seconds behind are left out, and counted.
"""

import asyncio
import contextlib
import heapq
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from hncors import gpstime
from hncors.daemon.link_faults import Fault
from hncors.daemon.simulated_caster import Caster
from hncors.ntrip.mountpoint import Mountpoint
from hncors.signals import GNSS
from hncors.simulate.province import Province
from hncors.simulate.sent import Action
from hncors.simulate.stations import Station

AHEAD_NS = 800_000_000  # epochs are begun this long before their time
BEHIND_NS = 5_000_000_000  # what is later than that is left out
_SYSTEMS = {"G": "GPS", "R": "GLO", "E": "GAL", "J": "QZS", "C": "BDS"}
_MESSAGES = "1005 1006 1007 1008 1013 1033 1230"


def mountpoint(station: Station, station_s: float) -> Mountpoint:
    """The row of a station in the sourcetable."""
    step = f"{station.interval_s:g}"
    details = [f"{1070 + 10 * GNSS.index(letter) + station.msm}({step})" for letter in station.systems]
    details += [f"{number}({station_s:g})" for number in _MESSAGES.split()]
    return Mountpoint(
        station.mountpoint,
        identifier=station.name_en,
        details=",".join(details),
        systems="+".join(_SYSTEMS[letter] for letter in station.systems),
        latitude_deg=station.latitude_deg,
        longitude_deg=station.longitude_deg,
    )


def link_fault(action: Action) -> Fault:
    """The caster's fault of a scenario's."""
    status = action.parameters.get("status")
    return Fault(action.kind) if status is None else Fault(action.kind, status=round(status))


class Playing:
    """A province that plays on a caster."""

    def __init__(
        self,
        province: Province,
        caster: Caster,
        truth: Callable[[list[dict[str, Any]]], None] = lambda _: None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`truth` is given the records of each epoch when it has been made."""
        self.counts: Counter[str] = Counter()
        """epochs, late (made after their time), skipped, bytes, unsent (pieces due long after the end)"""
        self._province, self._caster, self._truth, self._now_ns = province, caster, truth, now_ns
        self._due: list[tuple[int, int, str, bytes | None]] = []  # when, in which order, mountpoint, data
        self._order = 0
        self._news = asyncio.Event()
        self._finished = False
        self._actions = province.actions
        for action in self._actions:
            for time_ms in (action.begin_ms, action.end_ms):
                if time_ms < province.end_ms:
                    self._put(gpstime.to_unix_ns(time_ms), action.mountpoint, None)

    async def run(self) -> None:
        """Play to the end of the scenario."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._make())
            group.create_task(self._publish())

    async def _make(self) -> None:
        for time_ms in self._province.times():
            epoch_ns = gpstime.to_unix_ns(time_ms)
            behind_ns = self._now_ns() - epoch_ns
            if behind_ns > BEHIND_NS:
                self.counts["skipped"] += 1
                continue
            await asyncio.sleep(max(0, -behind_ns - AHEAD_NS) / 1e9)
            epoch = await asyncio.to_thread(self._province.epoch, time_ms)
            self.counts["epochs"] += 1
            self.counts["late"] += self._now_ns() > epoch_ns
            self._truth(epoch.truth)
            for sent in epoch.sent:
                if sent.data:
                    name = self._province.stations[sent.station].mountpoint
                    self._put(epoch_ns + round(sent.delay_s * 1e9), name, sent.data)
            self._news.set()
        self._finished = True
        self._news.set()

    def _put(self, due_ns: int, name: str, data: bytes | None) -> None:
        self._order += 1
        heapq.heappush(self._due, (due_ns, self._order, name, data))

    async def _publish(self) -> None:
        last_ns = gpstime.to_unix_ns(self._province.end_ms) + BEHIND_NS
        while self._due or not self._finished:
            if self._finished and self._due[0][0] > last_ns:
                self.counts["unsent"] += len(self._due)
                break
            wait_s = (self._due[0][0] - self._now_ns()) / 1e9 if self._due else None
            if wait_s is None or wait_s > 0:
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._news.wait()
                continue
            due_ns, _, name, data = heapq.heappop(self._due)
            if data is None:
                self._act(name, gpstime.from_unix_ns(due_ns))
            else:
                self._caster.publish(name, data)
                self.counts["bytes"] += len(data)

    def _act(self, name: str, time_ms: int) -> None:
        """What the faults of a mountpoint that are on at a time ask for; the last one wins."""
        on = [one for one in self._actions if one.mountpoint == name and one.begin_ms <= time_ms < one.end_ms]
        self._caster.act(name, link_fault(on[-1]) if on else None)
