"""Lines that say the same again and again: some of them are told, the rest are counted.

What comes from outside must not fill a disk or bury what matters. Lines are of one kind when they come from
the same place in the program, or are about the same thing where whoever logs says what it is about.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from hncors.text import printable

MOST = 100  # lines of one kind in WINDOW_S
WINDOW_S = 60.0
KINDS = 5_000  # remembered at once; of more the one that began first is forgotten
SAMPLE = 120  # characters of the last line that was left out
ABOUT = "about"  # the attribute of a record that says what it is about


class Limit(logging.Handler):
    """Hands records on to `inner`, of one kind MOST in WINDOW_S."""

    def __init__(self, inner: logging.Handler, now_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.inner = inner
        self.left_out = 0  # since the start
        self._now_s = now_s
        self._kinds: OrderedDict[Hashable, list[float]] = OrderedDict()  # began, lines; the oldest first
        self._samples: dict[Hashable, logging.LogRecord] = {}  # the last line left out of those that were

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(self._now_s() - WINDOW_S)
        kind = getattr(record, ABOUT, None) or (record.name, record.levelno, str(record.msg))
        its = self._kinds.setdefault(kind, [self._now_s(), 0])
        its[1] += 1
        if its[1] <= MOST:
            self.inner.handle(record)
        else:
            self.left_out += 1
            self._samples[kind] = record
        while len(self._kinds) > KINDS:
            self._forget(next(iter(self._kinds)))

    def close(self) -> None:
        """What was left out is told, too."""
        with self.lock:  # type: ignore[union-attr]  # Handler makes one
            self._tell(float("inf"))
        super().close()

    def _tell(self, until_s: float) -> None:
        """Tell what was left out of kinds that began before."""
        while self._kinds:
            kind, (began_s, _) = next(iter(self._kinds.items()))
            if began_s > until_s:
                return
            self._forget(kind)

    def _forget(self, kind: Hashable) -> None:
        _, lines = self._kinds.pop(kind)
        sample = self._samples.pop(kind, None)
        if sample is not None:
            # The sample is last: what hides secrets hides the beginning of one at the end of a line, too.
            told = "log: %d lines of this kind were left out within a minute: %s"
            last = printable(sample.getMessage(), SAMPLE)
            arguments = (int(lines) - MOST, last)
            self.inner.handle(
                logging.LogRecord(sample.name, sample.levelno, __file__, 0, told, arguments, None)
            )
