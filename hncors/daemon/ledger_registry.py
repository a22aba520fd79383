"""The register of stations in the ledger: who changed what of it and when, and how each station stands."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

from hncors.daemon.ledger import add_link, insert
from hncors.daemon.ledger_outbox import Message, post


class Change(NamedTuple):
    """What was done to a station's entry; `detail` has the keys that changed, with both values."""

    station: str
    at_ns: int
    actor: str
    role: str
    action: str  # "added", "changed", "stands"
    detail: Mapping[str, Any]


class Stands(NamedTuple):
    """How a station stands (hncors.supervise.standing), and when that was seen."""

    station: str
    status: str
    at_ns: int
    first: bool = False  # only where nothing is known of the station yet


class Register(NamedTuple):
    """All the stations there are."""

    stations: tuple[str, ...]
    at_ns: int


def add_change(base: sqlite3.Connection, change: Change) -> None:
    """Inside a transaction: one more entry of the history."""
    content = change._asdict() | {"detail": dict(change.detail)}
    add_link(base, "registry_history", content)
    (number,) = base.execute("SELECT max(number) FROM registry_history").fetchone()
    told = {"action": change.action, "keys": sorted(change.detail)}  # never the values: places are among them
    if change.action == "stands":
        told = {"action": change.action, **change.detail}
    post(base, Message(f"registry/{number}", "registry", change.station, change.at_ns, told))


def note_standing(base: sqlite3.Connection, stands: Stands) -> None:
    """Inside a transaction: how a station stands; into the history where that is something new."""
    query = "SELECT status FROM registry_status WHERE station = ?"
    before = base.execute(query, (stands.station,)).fetchone()
    if before is not None and stands.first:
        return
    if before is not None and before[0] == stands.status:
        query = "UPDATE registry_status SET looked_ns = max(looked_ns, ?) WHERE station = ?"
        base.execute(query, (stands.at_ns, stands.station))
        return
    row = {"station": stands.station, "status": stands.status, "since_ns": stands.at_ns}
    insert(base, "registry_status", row | {"looked_ns": stands.at_ns}, _REPLACED)
    _stands(base, stands, before[0] if before else "")


def _stands(base: sqlite3.Connection, stands: Stands, before: str) -> None:
    detail = {"from": before, "to": stands.status}
    add_change(base, Change(stands.station, stands.at_ns, "hncors", "software", "stands", detail))


def keep_only(base: sqlite3.Connection, register: Register) -> None:
    """Inside a transaction: stations no longer in the register stand nowhere; their history stays."""
    for station, (status, _, _) in standings(base).items():
        if station not in register.stations:
            base.execute("DELETE FROM registry_status WHERE station = ?", (station,))
            _stands(base, Stands(station, "", register.at_ns), status)


_REPLACED = (
    "ON CONFLICT (station) DO UPDATE SET status = excluded.status, since_ns = excluded.since_ns, "
    "looked_ns = excluded.looked_ns"
)


def history(base: sqlite3.Connection, station: str | None = None) -> list[Change]:
    """Every change, or those of one station, in the order they were made."""
    query = "SELECT station, at_ns, actor, role, action, detail FROM registry_history"
    rows = base.execute(f"{query} WHERE ? IN (station, '') ORDER BY number", (station or "",))
    return [
        Change(station, at_ns, actor, role, action, json.loads(detail))
        for station, at_ns, actor, role, action, detail in rows
    ]


def standings(base: sqlite3.Connection) -> dict[str, tuple[str, int, int]]:
    """By station: its status, since when, and when somebody last looked."""
    rows = base.execute("SELECT station, status, since_ns, looked_ns FROM registry_status ORDER BY station")
    return {station: (status, since_ns, looked_ns) for station, status, since_ns, looked_ns in rows}


def note_access(base: sqlite3.Connection, at_ns: int, actor: str, role: str, what: str) -> None:
    """Inside a transaction: somebody was shown what not everybody may see."""
    insert(base, "accesses", {"at_ns": at_ns, "actor": actor, "role": role, "what": what})
