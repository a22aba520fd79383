"""How long streams were where they are (E12), and who pushed them (E19), kept over runs in the ledger.

Nothing is kept before what was kept is taken up: it would be written over by less.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hncors.daemon.ledger_presence import Presences
from hncors.daemon.ledger_queue import LedgerQueue
from hncors.daemon.ledger_sources import Pushers
from hncors.supervise.judge import Judge

LOOK_S = 1.0
KEEP_S = 600.0  # what a daemon that is killed may forget


class PresenceWatch:
    """Between a judge and the ledger."""

    def __init__(self, judge: Judge, queue: LedgerQueue, now_ns: Callable[[], int]) -> None:
        self._judge = judge
        self._queue = queue
        self._now_ns = now_ns
        self._recalled = False

    async def run(self) -> None:
        """Take up, then keep now and then, until cancelled."""
        kept_s = 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            kept_s += LOOK_S * self.recall()
            if kept_s >= KEEP_S:
                kept_s = 0.0
                self.keep()

    def recall(self) -> bool:
        """Take up what was kept, as soon as the ledger is read; whether that is done."""
        kept = self._queue.presences
        if not self._recalled and kept is not None:
            self._judge.recall(kept)
            self._judge.sources.recall(self._queue.sources)
            self._recalled, self._queue.presences, self._queue.sources = True, (), ()
        return self._recalled

    def keep(self) -> None:
        """Tell the ledger how it is now."""
        if not self.recall():
            return
        if kept := tuple(self._judge.presences()):
            self._queue.put(Presences(kept, self._now_ns()))
        if pushed := tuple(self._judge.sources.known()):
            self._queue.put(Pushers(pushed, self._now_ns()))
