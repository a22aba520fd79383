"""Sourcetables read now and then, as anybody may read them: seldom, one at a time, in the host's turn.

What differs from the last time is an event, what rules see in rows are leads. A caster is asked without
credentials and for nothing but its table; of what a table names nothing is connected to.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hncors.daemon import tls
from hncors.daemon.caster_client import turn
from hncors.daemon.names import Names
from hncors.daemon.reconnect import Turns
from hncors.daemon.table_fetch import Fetched, fetch
from hncors.daemon.table_keeping import keep, last
from hncors.health import Event
from hncors.ntrip import Verdict
from hncors.ntrip.request import authority
from hncors.ntrip.sourcetable import Stream, read
from hncors.registry import Link, Station, parse_link
from hncors.supervise.judge import Judge
from hncors.supervise.scan import Scanned, casters, changes, first_rows, scan
from hncors.supervise.seen import World
from hncors.text import printable
from hncors.view.scanned import Caster, Scans

FIRST_S = 60.0  # after the start: the streams come first
BETWEEN_S = 5.0  # casters
JITTER = 0.1  # of the time to the next look
NAMED = 5  # mountpoints in an event
SECOND_NS = 1_000_000_000

log = logging.getLogger("hncors")


class Scanning:
    """Reads the tables of the stations' casters and of those that the configuration names besides."""

    def __init__(
        self,
        hours: float,
        more: Sequence[str],
        folder: Path | None,
        stations: Mapping[str, Station],
        judge: Judge,
        turns: Turns,
        report: Callable[[Event], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._every_s = hours * 3600
        self._more = list(more)
        self._folder = folder
        self._stations = stations
        self._judge = judge
        self._turns = turns
        self._report = report
        self._now_ns = now_ns
        self._names = Names()
        self._before: dict[str, dict[str, Stream]] = {}
        self._said: dict[str, str] = {}
        self._told: dict[str, Caster] = {}

    def told(self) -> Scans:
        """For the metrics."""
        return dict(self._told)

    async def run(self) -> None:
        """Look at every caster in turn, again and again, until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            begun_s = time.monotonic()
            for link, stations in self._casters().items():
                try:
                    await self._look(link, stations)
                except Exception:  # a fault of ours must not end the daemon
                    log.exception("scan: fault at %s", authority(link.host, link.port))
                await asyncio.sleep(BETWEEN_S)
            spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  not a secret
            await asyncio.sleep(max(begun_s + self._every_s * spread - time.monotonic(), BETWEEN_S))

    def _casters(self) -> dict[Link, list[Station]]:
        found = casters(list(self._stations.values()))
        for text in self._more:
            link = parse_link(f"{text.rstrip('/')}/-")
            found.setdefault((link.scheme, link.host, link.port), [])
        return {Link(*key): stations for key, stations in found.items()}

    async def _look(self, link: Link, stations: list[Station]) -> None:
        name = authority(link.host, link.port)
        await turn(self._turns, link.host)
        try:
            station = stations[0] if stations else Station("-", f"{link.scheme}://{name}/-")
            context = tls.context(station) if link.scheme == "ntrips" else None
            answer = await fetch(link, self._names, context)
        except OSError as fault:
            answer = Verdict("tls_failed", str(fault))
        if isinstance(answer, Verdict):
            self._failed(name, answer)
            return
        now_ns = self._now_ns()
        before = self._before.get(name)
        world = self._judge.world(now_ns)._replace(seen={}, serials={})  # a thread looks at rows alone
        rows, scanned, before = await asyncio.to_thread(
            self._read, link, answer, stations, world, before, now_ns
        )
        self._before[name] = rows
        self._note(name, answer, rows, scanned, before, now_ns)

    def _read(
        self,
        link: Link,
        answer: Fetched,
        stations: list[Station],
        world: World,
        before: dict[str, Stream] | None,
        now_ns: int,
    ) -> tuple[dict[str, Stream], Scanned, dict[str, Stream] | None]:
        """In a thread: tables of tens of thousands of rows take a second."""
        if self._folder is not None:
            try:
                if before is None and (kept := last(self._folder, link)) is not None:
                    before = first_rows(read(kept))
                keep(self._folder, link, answer.data, now_ns)
            except OSError as fault:
                log.error("scan: %s: %s: the sourcetable is not kept", self._folder, fault.strerror)
        return first_rows(answer.table), scan(link, answer.table, stations, world), before

    def _note(
        self,
        name: str,
        answer: Fetched,
        rows: dict[str, Stream],
        scanned: Scanned,
        before: dict[str, Stream] | None,
        now_ns: int,
    ) -> None:
        its = self._of(name)
        looks, changed = Counter(its.looks), Counter(its.changes)
        looks["read"] += 1
        if before is not None:
            detail: dict[str, Any] = {}
            for kind, which in changes(before, rows, cut=bool(answer.table.cut))._asdict().items():
                changed[kind] += len(which)
                if which:
                    more = f" +{len(which) - NAMED}" if len(which) > NAMED else ""
                    detail[kind] = printable(", ".join(which[:NAMED]), 200) + more
            if detail:
                self._report(Event(now_ns, "", "sourcetable_changed", {"caster": name, **detail}))
        read_s = now_ns / SECOND_NS
        self._told[name] = Caster(looks, changed, len(rows), len(scanned.missing), len(scanned.leads), read_s)
        if self._said.pop(name, ""):
            self._report(Event(now_ns, "", "sourcetable_read", {"caster": name, "rows": len(rows)}))
        for event in self._judge.declared(name, scanned.leads, scanned.watched, now_ns):
            self._report(event)

    def _failed(self, name: str, verdict: Verdict) -> None:
        its = self._of(name)
        looks = Counter(its.looks)
        looks[verdict.state] += 1
        self._told[name] = its._replace(looks=looks)
        why = printable(f"{verdict.state}: {verdict.why}", 200)
        if self._said.get(name) != why:
            self._said[name] = why
            self._report(Event(self._now_ns(), "", "sourcetable_failed", {"caster": name, "why": why}))

    def _of(self, name: str) -> Caster:
        return self._told.get(name, Caster({}, {}))
