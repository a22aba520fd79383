"""Counts over the whole ledger, for the metrics."""

from __future__ import annotations

import sqlite3
from collections import Counter, deque
from collections.abc import Mapping
from typing import NamedTuple

from hncors.daemon.ledger_cases import cases
from hncors.supervise.cases import STATES, Case


class Summary(NamedTuple):
    """Counts of cases by state and deadline, findings by rule and strength, stations by status."""

    cases: Mapping[str, int]
    overdue: Mapping[str, int]
    oldest_open_ns: int  # when the oldest open case was opened, UTC nanoseconds since 1970; 0: none is open
    findings: Mapping[tuple[str, str], int]
    standings: Mapping[str, int]
    outbox: int
    open: tuple[tuple[int, Case], ...] = ()  # the newest of those that are open, newest first


NOTHING = Summary({}, {}, 0, {}, {}, 0)
SHOWN = 1_000  # open cases


def summary(base: sqlite3.Connection, now_ns: int) -> Summary:
    """What is in the ledger now."""
    states: Counter[str] = Counter(dict.fromkeys(STATES, 0))
    overdue = Counter({"handle": 0, "clear": 0})
    opened_ns = []
    shown: deque[tuple[int, Case]] = deque(maxlen=SHOWN)
    for number, case in cases(base):
        states[case.state] += 1
        if case.is_open:
            opened_ns.append(case.opened_ns)
            shown.append((number, case))
        if late := case.overdue(now_ns):
            overdue[late] += 1
    rows = base.execute("SELECT rule, strength, count(*) FROM findings GROUP BY rule, strength")
    found = {(rule, strength): count for rule, strength, count in rows}
    standings = dict(base.execute("SELECT status, count(*) FROM registry_status GROUP BY status").fetchall())
    (outbox,) = base.execute("SELECT count(*) FROM outbox").fetchone()
    return Summary(
        states, overdue, min(opened_ns, default=0), found, standings, outbox, tuple(reversed(shown))
    )
