"""Sourcetables against the register, and against what they were before.

What a table says is what somebody says: a row gives a weak lead at most. Rows are told apart by mountpoint;
of several of one name the first counts, and the others are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hncors.health import Watched
from hncors.ntrip.request import authority
from hncors.ntrip.sourcetable import Sourcetable, Stream
from hncors.registry import Link, Station, parse_link
from hncors.supervise.rules import RULES
from hncors.supervise.seen import Seen, World

ON_ROWS = tuple(rule for rule in RULES if rule.id in ("E1", "E5", "E7"))
MOST_LEADS, MOST_LOOKED = 500, 10_000  # of one table: a hostile one could give fifty thousand rows
MOVED_DEG = 0.011  # a cell of 0.01 degrees, and rounding


class Lead(NamedTuple):
    """What a rule says of a row."""

    subject: str  # caster/mountpoint
    rule: str
    strength: str
    zh: str
    en: str
    inputs: Mapping[str, Any] = {}


class Scanned(NamedTuple):
    """One caster's table against the register."""

    rows: int
    filed: dict[str, str]  # mountpoint -> the station that is filed with it
    missing: list[str]  # filed stations whose mountpoint is not in the table
    others: int  # mountpoints of nobody here
    leads: list[Lead]
    unlooked: int = 0  # mountpoints that no rule looked at: there were leads, or rows, enough
    watched: Mapping[str, Stream] = {}  # rows of the stations that are read here, by id


class Changes(NamedTuple):
    """Mountpoints of a table that differ from those of an earlier one."""

    appeared: list[str]
    vanished: list[str]  # never of a table that was cut off
    moved: list[str]
    changed: list[str]  # in what is said of the stream: format, messages, systems, receiver, access


def casters(stations: Sequence[Watched]) -> dict[tuple[str, str, int], list[Station]]:
    """The casters that stations are read from, by scheme, host and port, with those stations."""
    found: dict[tuple[str, str, int], list[Station]] = {}
    for station in stations:
        if isinstance(station, Station) and (link := parse_link(station.link)).scheme.startswith("ntrip"):
            found.setdefault((link.scheme, link.host, link.port), []).append(station)
    return found


def scan(caster: Link, table: Sourcetable, stations: Sequence[Station], world: World) -> Scanned:
    """Hold a table against the stations that are filed at this caster, and by the rules about rows."""
    by_mountpoint = {parse_link(station.link).mountpoint: station for station in stations}
    rows = first_rows(table)
    filed = {name: by_mountpoint[name].id for name in rows if name in by_mountpoint}
    leads: list[Lead] = []
    looked = 0
    for name, row in rows.items():
        if len(leads) >= MOST_LEADS or looked >= MOST_LOOKED:
            break
        looked += 1
        subject = f"{authority(caster.host, caster.port)}/{row.shown}"
        seen = Seen(subject, 0, by_mountpoint.get(name), row=row)
        for rule in ON_ROWS:
            lead = rule.look(seen, world)
            if lead is not None:
                leads.append(Lead(subject, rule.id, lead.strength, lead.zh, lead.en, lead.inputs))
    missing = sorted(
        station.id for name, station in by_mountpoint.items() if name not in rows and station.enabled
    )
    watched = {by_mountpoint[name].id: rows[name] for name in filed}
    return Scanned(
        len(table.streams), filed, missing, len(rows) - len(filed), leads, len(rows) - looked, watched
    )


def first_rows(table: Sourcetable) -> dict[str, Stream]:
    """The rows of a table by mountpoint."""
    rows: dict[str, Stream] = {}
    for row in table.streams:
        rows.setdefault(row.mountpoint, row)
    return rows


def changes(before: Mapping[str, Stream], now: Mapping[str, Stream], *, cut: bool = False) -> Changes:
    """What became of the mountpoints of a table; `cut`: there may be more of it now than could be read."""
    both = {name: row for name, row in now.items() if name in before}
    moved = {name for name, row in both.items() if _moved(before[name], row)}
    return Changes(
        sorted(row.shown for name, row in now.items() if name not in before),
        [] if cut else sorted(row.shown for name, row in before.items() if name not in now),
        sorted(both[name].shown for name in moved),
        sorted(
            row.shown for name, row in both.items() if name not in moved and _said(before[name]) != _said(row)
        ),
    )


def _said(row: Stream) -> tuple[object, ...]:
    """What a row says of its stream, but for places and numbers that change by themselves."""
    return (
        *(row.format, row.details, row.carrier, row.systems, row.network, row.needs_gga, row.from_network),
        *(row.generator, row.authentication, row.fee, row.identifier),
    )


def _moved(before: Stream, now: Stream) -> bool:
    for one, other in (
        (before.latitude_deg, now.latitude_deg),
        (before.longitude_deg, now.longitude_deg),
    ):
        if one is not None and other is not None and abs((one - other + 180) % 360 - 180) > MOVED_DEG:
            return True
    return False
