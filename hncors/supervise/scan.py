"""Sourcetables against the register, and against what they were before.

What a table says is what somebody says: a row gives a weak lead at most. Rows are told apart by mountpoint;
of several of one name the first counts, and the others are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hncors.health import Watched
from hncors.ntrip.request import authority
from hncors.ntrip.sourcetable import Sourcetable, Stream
from hncors.registry import Link, Station, parse_link
from hncors.supervise.rules import RULES
from hncors.supervise.seen import Seen, World

ON_ROWS = tuple(rule for rule in RULES if rule.id in ("E1", "E5", "E7"))
MOVED_DEG = 0.011  # a cell of 0.01 degrees, and rounding


class Lead(NamedTuple):
    """What a rule says of a row."""

    subject: str  # caster/mountpoint
    rule: str
    strength: str
    zh: str
    en: str


class Scanned(NamedTuple):
    """One caster's table against the register."""

    rows: int
    filed: dict[str, str]  # mountpoint -> the station that is filed with it
    missing: list[str]  # filed stations whose mountpoint is not in the table
    others: int  # mountpoints of nobody here
    leads: list[Lead]


class Changes(NamedTuple):
    """Mountpoints of a table that differ from those of an earlier one."""

    appeared: list[str]
    vanished: list[str]
    moved: list[str]


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
    leads = []
    for name, row in rows.items():
        subject = f"{authority(caster.host, caster.port)}/{row.shown}"
        seen = Seen(subject, 0, by_mountpoint.get(name), row=row)
        for rule in ON_ROWS:
            lead = rule.look(seen, world)
            if lead is not None:
                leads.append(Lead(subject, rule.id, lead.strength, lead.zh, lead.en))
    missing = sorted(
        station.id for name, station in by_mountpoint.items() if name not in rows and station.enabled
    )
    return Scanned(len(table.streams), filed, missing, len(rows) - len(filed), leads)


def first_rows(table: Sourcetable) -> dict[str, Stream]:
    """The rows of a table by mountpoint."""
    rows: dict[str, Stream] = {}
    for row in table.streams:
        rows.setdefault(row.mountpoint, row)
    return rows


def changes(before: Mapping[str, Stream], now: Mapping[str, Stream]) -> Changes:
    """What became of the mountpoints of a table."""
    return Changes(
        sorted(row.shown for name, row in now.items() if name not in before),
        sorted(row.shown for name, row in before.items() if name not in now),
        sorted(row.shown for name, row in now.items() if name in before and _moved(before[name], row)),
    )


def _moved(before: Stream, now: Stream) -> bool:
    for one, other in (
        (before.latitude_deg, now.latitude_deg),
        (before.longitude_deg, now.longitude_deg),
    ):
        if one is not None and other is not None and abs((one - other + 180) % 360 - 180) > MOVED_DEG:
            return True
    return False
