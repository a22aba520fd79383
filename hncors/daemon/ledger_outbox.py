"""What is to be told to others, written together with what it tells of, and kept until it has been told.

Whoever sends (MQTT) asks for what is waiting, in order, and says when each has arrived.  A message may be
sent twice, after a crash between the two; it has the same key then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from hncors.daemon.ledger import Ledger, insert
from hncors.supervise.trail import canonical


class Message(NamedTuple):
    """`id` is its place in the order, 0 before it is written; `key` is what those who receive know it by."""

    key: str
    kind: str  # "finding", "case", "registry"
    subject: str
    at_ns: int
    payload: Mapping[str, Any]
    id: int = 0


def post(base: sqlite3.Connection, message: Message) -> None:
    """Inside a transaction: to be sent.  One with a key that is there already is there once."""
    row = message._asdict() | {"payload": canonical(message.payload)}
    del row["id"]
    insert(base, "outbox", row, "ON CONFLICT DO NOTHING")


class Waiting(NamedTuple):
    """A message as it is in the outbox; `payload` is JSON."""

    id: int
    key: str
    kind: str
    subject: str
    at_ns: int
    payload: str


def waiting(base: sqlite3.Connection, limit: int = 100) -> list[Waiting]:
    """The oldest that have not been sent."""
    query = "SELECT id, key, kind, subject, at_ns, payload FROM outbox ORDER BY id LIMIT ?"
    return [Waiting(*row) for row in base.execute(query, (limit,))]


def trim(base: sqlite3.Connection, most: int, kind: str = "%") -> int:
    """Inside a transaction: leave at most so many (of a kind), the newest; how many went."""
    (count,) = base.execute("SELECT count(*) FROM outbox WHERE kind LIKE ?", (kind,)).fetchone()
    gone = max(int(count) - most, 0)
    if gone:
        query = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE kind LIKE ? ORDER BY id LIMIT ?)"
        base.execute(query, (kind, gone))
    return gone


def sent(ledger: Ledger, ids: Iterable[int]) -> None:
    """These have arrived.  Raises sqlite3.Error; then they are sent again."""
    with ledger.writing() as base:
        base.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in ids])
