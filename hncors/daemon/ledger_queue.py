"""What is to go into the ledger, in order, however the disk does: the daemon never waits for it.

Entries are put by the event loop and written in a thread.  What cannot be written waits, so many at most;
then what comes is not taken and counted, and the ledger says so at that place when it can be written again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hncors.daemon.ledger import Ledger, first_broken, insert
from hncors.daemon.ledger_cases import add_finding
from hncors.daemon.ledger_opening import PARTS, LedgerDamaged, LedgerRefused, is_damage, move_aside
from hncors.daemon.ledger_outbox import Message, post, trim
from hncors.daemon.ledger_presence import Presences, keep, kept
from hncors.daemon.ledger_registry import Register, Stands, keep_only, note_standing
from hncors.daemon.ledger_sources import Pushers, keep_sources, kept_sources
from hncors.daemon.ledger_summary import NOTHING, Summary, summary
from hncors.health import Event
from hncors.supervise.findings import Finding
from hncors.supervise.months import Clearance
from hncors.supervise.presence import Kept as Presence
from hncors.supervise.sources import Pushed
from hncors.supervise.trail import canonical
from hncors.text import printable
from hncors.view.cases import plain
from hncors.view.kept import Kept

CAPACITY = 10_000
BATCH = 500  # entries of one transaction
EVERY_S = 0.5
SUMMARY_EVERY_S = 5.0
UNSENT = 1_000  # messages kept where nobody sends them: what a broker that comes later begins with
STATES = 100_000  # changes of state kept for a broker that is away; findings and cases are kept however many
AGAIN_S = (1.0, 30.0)  # after a failure: the first wait and the longest
NEWS = 100  # events about the ledger that wait to be told
SECOND_NS = 1_000_000_000

log = logging.getLogger("hncors")


class Incident(NamedTuple):
    """Something about the ledger itself that whoever reads it has to know."""

    at_ns: int
    kind: str
    detail: Mapping[str, Any]


Entry = Finding | Stands | Register | Message | Incident | Presences | Pushers


class LedgerQueue:
    """Entries on their way into the ledger at `path`."""

    def __init__(
        self, path: Path, now_ns: Callable[[], int], clearance: Clearance, capacity: int = CAPACITY
    ) -> None:
        self.path = path
        self.capacity = capacity
        self.dropped = 0
        self.refused = 0
        self.damaged = 0
        self.errors: Counter[str] = Counter()
        self.failing = False
        self.sending = False  # whether somebody takes messages out of the outbox
        self.unsent = 0  # changes of state given up because too many waited to be sent
        self.summary: Summary = NOTHING
        self.presences: tuple[Presence, ...] | None = None  # as kept before this run; None: not read yet
        self.sources: tuple[Pushed, ...] = ()  # the same of who pushed streams
        self.news: deque[Event] = deque(maxlen=NEWS)  # of the ledger itself, to be told by whoever ticks
        self._now_ns = now_ns
        self._clearance = clearance
        self._waiting: deque[Entry] = deque()
        self._lost: list[
            int
        ] = []  # times of entries not taken since that was last put down: first, last, count
        self._ledger: Ledger | None = None
        self._wrote_ns = 0
        self._failing_since_ns = 0
        self._aside: Incident | None = None  # a damaged file was moved, and its successor does not say so yet
        self._said = ""
        self._broken = False  # found to be damaged while it was in use
        self._verified = False

    def put(self, entry: Entry) -> bool:
        """Take an entry, to be written as soon as that can be; False where too many wait."""
        if len(self._waiting) >= self.capacity:
            self.dropped += 1
            if not self._lost:
                self._tell("ledger_losing", waiting=len(self._waiting))
            first, _, count = self._lost or (self._now_ns(), 0, 0)
            self._lost = [first, self._now_ns(), count + 1]
            return False
        if self._lost:
            self._waiting.append(self._loss())
        self._waiting.append(entry)
        return True

    def __len__(self) -> int:
        return len(self._waiting)

    async def run(self) -> None:
        """Write until cancelled; what waits then is left to `close`."""
        wait_s, look_s = AGAIN_S[0], 0.0
        while True:
            batch = self._batch()
            if batch or look_s <= 0 or self._ledger is None:
                writing = asyncio.create_task(asyncio.to_thread(self._write, batch))
                try:
                    done = await asyncio.shield(writing)  # a thread cannot be stopped
                except asyncio.CancelledError:
                    self._done(batch, await writing)
                    raise
                self._done(batch, done)
                look_s = SUMMARY_EVERY_S
            wait_s = min(wait_s * 2, AGAIN_S[1]) if self.failing else AGAIN_S[0]
            pause_s = wait_s if self.failing else EVERY_S * (len(self._waiting) < BATCH)
            look_s -= pause_s
            await asyncio.sleep(pause_s)

    def flush(self) -> bool:
        """Write all that waits, now; whether all of it is written."""
        while batch := self._batch():
            done = self._write(batch)
            self._done(batch, done)
            if self.failing:
                return False
        return True

    def close(self) -> None:
        """Write what can be written, and let go of the file."""
        if not self.flush():
            log.error("ledger: %d entries could not be written before the end", len(self._waiting))
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def told(self) -> Kept:
        """For the metrics."""
        found, now_ns = self.summary, self._now_ns()
        oldest_s = max(now_ns - found.oldest_open_ns, 0) / SECOND_NS if found.oldest_open_ns else 0.0
        return Kept(
            cases=found.cases,
            overdue=found.overdue,
            oldest_open_s=oldest_s,
            findings=found.findings,
            standings=found.standings,
            waiting=len(self._waiting),
            dropped=self.dropped,
            refused=self.refused,
            errors=dict(self.errors),
            damaged=self.damaged,
            outbox=found.outbox,
            size_bytes=_size(self.path),
            failing=self.failing,
            why=self._said,
            last_write_unix_s=self._wrote_ns / SECOND_NS,
            read=found is not NOTHING,
        )

    def cases(self) -> list[dict[str, Any]]:
        """The newest open cases as the ledger was last read, for JSON; without what people wrote in them."""
        return [plain(number, case, self._now_ns()) for number, case in self.summary.open]

    def _batch(self) -> list[Entry]:
        return [entry for entry, _ in zip(self._waiting, range(BATCH), strict=False)]

    def _done(self, batch: list[Entry], written: int) -> None:
        for _ in batch[:written]:
            self._waiting.popleft()
        if self._lost and len(self._waiting) < self.capacity:
            self._waiting.append(self._loss())

    def _loss(self) -> Incident:
        first_ns, last_ns, count = self._lost
        self._lost = []
        return Incident(first_ns, "entries_dropped", {"count": count, "until_ns": last_ns})

    # From here on in the thread.

    def _write(self, batch: list[Entry]) -> int:
        """Write entries; how many are dealt with: all, or where the disk does not allow it, none."""
        try:
            ledger = self._open()
            try:
                self._write_together(ledger, batch)
            except Exception as fault:
                if _is_of_the_disk(fault):
                    raise
                self._write_each(ledger, batch)
            if batch:
                self._wrote_ns = self._now_ns()
            self.summary = summary(ledger.base, self._now_ns())
            self._trim(ledger)
        except (sqlite3.Error, LedgerDamaged, LedgerRefused, OSError) as fault:
            self._failed(fault)
            return 0
        if self.failing:
            log.warning("ledger: %s is written again", self.path)
            seconds = round((self._now_ns() - self._failing_since_ns) / SECOND_NS, 1)
            self._tell("ledger_written_again", seconds=seconds, waiting=len(self._waiting) - len(batch))
        self.failing, self._said = False, ""
        return len(batch)

    def _open(self) -> Ledger:
        if self._ledger is None:
            try:
                if self._broken:
                    raise LedgerDamaged("found in use")
                self._ledger = Ledger(self.path)
            except LedgerDamaged as fault:
                self._broken = False
                aside = move_aside(self.path, self._now_ns())
                self.damaged += 1
                detail = {"kept_as": aside.name, "why": printable(str(fault), 200)}
                self._aside = Incident(self._now_ns(), "damaged", detail)
                self._tell("ledger_damaged", **detail)
                self._ledger = Ledger(self.path)
            if self._aside is not None:  # as soon as there is a file that can say so
                with self._ledger.writing() as base:
                    _incident(base, self._aside)
                self._aside = None
            self._verify(self._ledger)
            if self.presences is None:
                self.sources = tuple(kept_sources(self._ledger.base))
                self.presences = tuple(kept(self._ledger.base))
        return self._ledger

    def _verify(self, ledger: Ledger) -> None:
        """Once: whether what is on the trails is what was written."""
        if not self._verified:
            for table in ("case_events", "registry_history"):
                if (number := first_broken(ledger.base, table)) is not None:
                    log.critical("ledger: entry %d of %s was changed after it was written", number + 1, table)
            self._verified = True

    def _trim(self, ledger: Ledger) -> None:
        """The outbox does not grow for ever, whoever is away."""
        if self.summary.outbox > (STATES if self.sending else UNSENT):
            with ledger.writing() as base:
                if self.sending:
                    self.unsent += trim(base, STATES, "state")
                else:
                    trim(base, UNSENT)

    def _write_together(self, ledger: Ledger, batch: list[Entry]) -> None:
        if batch:
            with ledger.writing() as base:
                for entry in batch:
                    _WRITE[type(entry)](base, entry, self._clearance)

    def _write_each(self, ledger: Ledger, batch: list[Entry]) -> None:
        """One that cannot be written as it is keeps none of the others out."""
        for entry in batch:
            try:
                self._write_together(ledger, [entry])
            except Exception as fault:
                if _is_of_the_disk(fault):
                    raise
                self.refused += 1
                told = printable(f"{type(entry).__name__}: {type(fault).__name__}: {fault}", 300)
                log.exception("ledger: an entry could not be written: %s", told)

    def _failed(self, fault: BaseException) -> None:
        name = str(getattr(fault, "sqlite_errorname", type(fault).__name__))
        self.errors[name] += 1
        if not self.failing:
            self._failing_since_ns = self._now_ns()
        self.failing = True
        if self._ledger is not None and (
            is_damage(fault) or name.startswith(("SQLITE_IOERR", "SQLITE_CANT"))
        ):
            self._ledger.close()  # to be looked at anew
            self._ledger = None
            self._broken = is_damage(fault)
        if name != self._said:
            self._said = name
            log.error("ledger: %s: %s: what is to go there waits", self.path, printable(str(fault), 200))
            self._tell("ledger_failing", error=name, waiting=len(self._waiting))

    def _tell(self, kind: str, **detail: object) -> None:
        self.news.append(Event(self._now_ns(), "", kind, detail))


def _is_of_the_disk(fault: Exception) -> bool:
    """Whether an entry could be written another time: a full, read-only or locked disk, a broken file."""
    return isinstance(fault, sqlite3.OperationalError | OSError) or is_damage(fault)


def _incident(base: sqlite3.Connection, entry: Incident) -> None:
    insert(base, "incidents", {**entry._asdict(), "detail": canonical(dict(entry.detail))})


_WRITE: Mapping[type, Callable[[sqlite3.Connection, Any, Clearance], object]] = {
    Finding: add_finding,
    Stands: lambda base, entry, clearance: note_standing(base, entry),
    Register: lambda base, entry, clearance: keep_only(base, entry),
    Message: lambda base, entry, clearance: post(base, entry),
    Incident: lambda base, entry, clearance: _incident(base, entry),
    Presences: lambda base, entry, clearance: keep(base, entry),
    Pushers: lambda base, entry, clearance: keep_sources(base, entry),
}


def _size(path: Path) -> int:
    size = 0
    for part in PARTS[:2]:
        try:
            size += path.with_name(path.name + part).stat().st_size
        except OSError:  # not there yet
            continue
    return size
