"""File handles: when there are none left, connections wait, streams go on, and it is said once.

asyncio tries again each second and reports as often as its queue of connections is long, a traceback each
(selector_events.py, _accept_connection); here that is one failure and one line of the log.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
from typing import Any

NONE_LEFT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
AGAIN_S = 60.0  # of failures, after which another one is told again
TOGETHER_S = 0.5  # reports within are of one attempt
SHARE = 4  # a quarter of the handles there may be is for connections to the pages
FEWEST = 16

log = logging.getLogger("hncors")


class Handles:
    """A loop's exception handler that counts connections which could not be taken."""

    def __init__(self) -> None:
        self.failures = 0  # times that accepting failed
        self._last_s = self._told_s = float("-inf")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        fault = context.get("exception")
        if not isinstance(fault, OSError) or fault.errno not in NONE_LEFT or "socket" not in context:
            loop.default_exception_handler(context)
            return
        now_s = loop.time()
        if now_s - self._last_s < TOGETHER_S:
            return
        self._last_s = now_s
        self.failures += 1
        if now_s - self._told_s >= AGAIN_S:
            self._told_s = now_s
            log.error("connections wait: %s (LimitNOFILE=); streams that there are go on", fault.strerror)


def most_connections(most: int) -> int:
    """How many connections there may be, so that streams and files always have handles."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else min(most, max(soft // SHARE, FEWEST))
