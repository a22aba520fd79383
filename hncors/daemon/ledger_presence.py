"""How long subjects were where they are (E12), in the ledger: days must not begin anew with the daemon.

Places are as exact as streams tell them: the ledger is for who may read the register's files.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from math import isfinite
from typing import NamedTuple

from hncors.supervise.presence import DAY_NS, Kept
from hncors.supervise.trail import canonical

MOST_DAYS = 60  # hncors.supervise.policy: no policy counts more
_KEEP = (
    "INSERT INTO presence (subject, x_m, y_m, z_m, days, at_ns) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (subject) DO UPDATE SET x_m = excluded.x_m, y_m = excluded.y_m, z_m = excluded.z_m, "
    "days = excluded.days, at_ns = excluded.at_ns"
)


class Presences(NamedTuple):
    """All that is counted now."""

    kept: tuple[Kept, ...]
    at_ns: int


def keep(base: sqlite3.Connection, presences: Presences) -> None:
    """Inside a transaction: in place of what was kept of these subjects; who was not there for long goes."""
    rows = (
        (
            one.subject,
            *one.place_m,
            canonical({str(day): seconds for day, seconds in one.days.items()}),
            presences.at_ns,
        )
        for one in presences.kept
    )
    base.executemany(_KEEP, rows)
    base.execute("DELETE FROM presence WHERE at_ns < ?", (presences.at_ns - MOST_DAYS * DAY_NS,))


def kept(base: sqlite3.Connection) -> Iterator[Kept]:
    """What was kept; a row that cannot be read is left out."""
    for subject, x_m, y_m, z_m, days in base.execute("SELECT subject, x_m, y_m, z_m, days FROM presence"):
        try:
            counted = {int(day): float(seconds) for day, seconds in json.loads(days).items()}
        except (ValueError, AttributeError, TypeError):
            continue
        if all(map(isfinite, (x_m, y_m, z_m, *counted.values()))):
            yield Kept(subject, (x_m, y_m, z_m), counted)
