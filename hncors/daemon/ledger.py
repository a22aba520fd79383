"""The ledger: cases, findings, the register's history, in one SQLite file (docs/cases.md).

What a transaction wrote is on the disk when it ends, or none of it is.  Several processes may have it open:
the daemon and the commands of people.  There is one writer at a time, and each looks at what is there
before it writes.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hncors.daemon.ledger_opening import connect
from hncors.supervise.trail import BEGIN, Link, broken, canonical, chained

_HASHED = {
    "case_events": ("case_id", "sequence", "at_ns", "actor", "role", "action", "detail"),
    "registry_history": ("station", "at_ns", "actor", "role", "action", "detail"),
}
"""Tables with a chain of hashes: the columns that each hash covers."""


class Ledger:
    """A ledger that is open.  `base` is for the ledger_*.py beside this one."""

    def __init__(self, path: Path) -> None:
        """Raises LedgerDamaged, LedgerRefused, sqlite3.OperationalError."""
        self.path = path
        self.base = connect(path)
        self.inode = path.stat().st_ino  # a damaged file is moved aside, and another begun in its place

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All that is written inside is there after the block, or nothing is.

        Raises sqlite3.Error: locked for too long, disk full, read-only, damaged.
        """
        self.base.execute("BEGIN IMMEDIATE")
        try:
            yield self.base
            self.base.execute("COMMIT")
        except BaseException:
            if self.base.in_transaction:
                self.base.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self.base.close()


def insert(base: sqlite3.Connection, table: str, row: Mapping[str, Any], conflict: str = "") -> int:
    """A row more, names of columns with their values; its number.  Names are this program's own."""
    marks = ", ".join("?" * len(row))
    query = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}) {conflict}"  # noqa: S608  names of ours
    made = base.execute(query, tuple(row.values())).lastrowid
    return made or 0


def add_link(base: sqlite3.Connection, table: str, content: Mapping[str, Any]) -> str:
    """One more entry at the end of the chain of `table`; its hash.  `detail` is plain values."""
    newest = base.execute(f"SELECT hash FROM {table} ORDER BY number DESC LIMIT 1").fetchone()  # noqa: S608  a table of ours
    previous = newest[0] if newest else BEGIN
    made = chained(previous, content)
    row = {**content, "detail": canonical(content["detail"]), "previous": previous, "hash": made}
    insert(base, table, row)
    return made


def first_broken(base: sqlite3.Connection, table: str) -> int | None:
    """Which entry of a chain, counted from 0, does not hold; None: all do."""
    return broken(_links(base, table))


def _links(base: sqlite3.Connection, table: str) -> Iterator[Link]:
    names = _HASHED[table]
    rows = base.execute(f"SELECT {', '.join(names)}, previous, hash FROM {table} ORDER BY number")  # noqa: S608  as above
    for *values, previous, own in rows:
        content = dict(zip(names, values, strict=True))
        try:
            content["detail"] = json.loads(content["detail"])
        except ValueError:  # then its hash is that of nothing
            content["detail"] = None
        yield Link(content, previous, own)


class LedgerLock:
    """Held by the one daemon that keeps a ledger; the system lets go of it with the process."""

    def __init__(self, path: Path) -> None:
        """Raises OSError: BlockingIOError where another daemon holds it."""
        self._file = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise

    def release(self) -> None:
        os.close(self._file)
