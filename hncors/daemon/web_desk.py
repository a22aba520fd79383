"""The ledger as pages work on it: read and written in a thread of its own, one thing after another."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_cases import cases, events, findings, read, take
from hncors.daemon.ledger_opening import LedgerDamaged, LedgerRefused
from hncors.daemon.ledger_registry import note_access, standings
from hncors.supervise.cases import Case, Step, StepRefused
from hncors.supervise.months import Clearance, deadlines
from hncors.view.roles import Who
from hncors.view.site_cases import Whole
from hncors.view.site_people import Access

WITHIN_S = 10.0
SHOWN = 200  # of the record of accesses

T = TypeVar("T")


class DeskClosed(Exception):
    """The ledger cannot be worked on now; the text says why."""


class Stale(StepRefused):
    """The case is no longer as it was shown to whoever wants to take the step."""


class Desk:
    """Cases read and steps taken by people who have signed in."""

    def __init__(self, path: Path, clearance: Clearance, now_ns: Callable[[], int]) -> None:
        self._path, self._clearance, self._now_ns = path, clearance, now_ns
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="desk")
        self._ledger: Ledger | None = None

    async def cases(
        self, state: str, first: int, most: int, subject: str = ""
    ) -> tuple[list[tuple[int, Case]], int]:
        """Cases from the newest on, so many of them, and how many there are; `state` "" is the open ones."""

        def found(base: sqlite3.Connection) -> tuple[list[tuple[int, Case]], int]:
            its = [
                (number, one)
                for number, one in cases(base)
                if (one.is_open if not state else state in ("all", one.state))
                and subject in ("", one.subject)
            ]
            its.reverse()
            return its[first : first + most], len(its)

        return await self._do(found)

    async def case(self, number: int) -> Whole:
        """Raises NoSuchCase, DeskClosed."""

        def found(base: sqlite3.Connection) -> Whole:
            names = ("name", "size", "sha256")
            query = "SELECT name, size, sha256 FROM attachments WHERE case_id = ? ORDER BY id"
            attached = [dict(zip(names, row, strict=True)) for row in base.execute(query, (number,))]
            its = read(base, number)
            trail = [(one.sequence, one.step, one.hash) for one in events(base, number)]
            return Whole(number, its, trail, findings(base, number), attached)

        return await self._do(found)

    async def step(
        self,
        who: Who,
        action: str,
        detail: Mapping[str, Any],
        number: int | None = None,
        seen_state: str = "",
    ) -> int:
        """Take a step for somebody, or open a case; its number.

        `seen_state` is the state in which he saw the case. Raises StepRefused, NoSuchCase, DeskClosed.
        """
        now_ns = self._now_ns()
        said = {key: value for key, value in detail.items() if value != ""}
        if action in ("open", "reopen"):
            said |= deadlines(now_ns, self._clearance)._asdict()
        step = Step(action, who.name, who.case_role, now_ns, said)

        def taken(base: sqlite3.Connection) -> int:
            ledger = self._open()
            with ledger.writing() as writing:
                if number is not None and seen_state and read(writing, number).state != seen_state:
                    raise Stale(f"the case is {read(writing, number).state} now, no longer {seen_state}")
                return take(writing, step, number)

        return await self._do(taken)

    async def note(self, who: Who, what: str, actor: str = "") -> None:
        """Put on record what somebody saw or did, before he sees it. Raises DeskClosed."""
        at_ns = self._now_ns()

        def noted(base: sqlite3.Connection) -> None:
            with self._open().writing() as writing:
                note_access(writing, at_ns, actor or who.name, who.role, what)

        await self._do(noted)

    async def accesses(self) -> list[Access]:
        """The newest of them, the last one first."""
        query = "SELECT at_ns, actor, role, what FROM accesses ORDER BY number DESC LIMIT ?"
        return await self._do(lambda base: [Access(*row) for row in base.execute(query, (SHOWN,))])

    async def standing(self, station: str) -> str:
        """How a station stands with the register; "" where that is not known."""
        return await self._do(lambda base: standings(base).get(station, ("", 0, 0))[0])

    def close(self) -> None:
        """Let go of the file, after what is being done."""
        self._thread.submit(self._let_go)
        self._thread.shutdown(wait=True, cancel_futures=False)

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(WITHIN_S):
                return await loop.run_in_executor(self._thread, lambda: work(self._open().base))
        except TimeoutError:
            raise DeskClosed("the ledger takes too long") from None
        except (sqlite3.Error, LedgerDamaged, LedgerRefused, OSError) as fault:
            self._thread.submit(self._let_go)
            raise DeskClosed(type(fault).__name__) from fault

    def _open(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger(self._path)
        return self._ledger

    def _let_go(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None
