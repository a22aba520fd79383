"""Who pushed each stream (E19), in the ledger: one that takes over while the daemon restarts is seen, too.

Addresses are of people's lines: the ledger is for who may read the register's files.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from hncors.supervise.presence import DAY_NS
from hncors.supervise.sources import Pushed, from_plain, plain
from hncors.supervise.trail import canonical

MOST_DAYS = 60  # after so long without a stream it is not told who pushed it
_KEEP = (
    "INSERT INTO sources (subject, told, at_ns) VALUES (?, ?, ?) "
    "ON CONFLICT (subject) DO UPDATE SET told = excluded.told, at_ns = excluded.at_ns"
)


class Pushers(NamedTuple):
    """All that is known now."""

    pushed: tuple[Pushed, ...]
    at_ns: int


def keep_sources(base: sqlite3.Connection, pushers: Pushers) -> None:
    """Inside a transaction: in place of what was kept of these streams; what is old goes."""
    rows = [(one.subject, canonical(plain(one)), pushers.at_ns) for one in pushers.pushed]
    base.executemany(_KEEP, rows)
    base.execute("DELETE FROM sources WHERE at_ns < ?", (pushers.at_ns - MOST_DAYS * DAY_NS,))


def kept_sources(base: sqlite3.Connection) -> Iterator[Pushed]:
    """What was kept; a row that cannot be read is left out."""
    for subject, told in base.execute("SELECT subject, told FROM sources"):
        try:
            pushed = from_plain(subject, json.loads(told))
        except (ValueError, RecursionError):
            continue
        if pushed is not None:
            yield pushed
