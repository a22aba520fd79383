"""What a labelled trial of detection is, and what trials are made of.

Places are of towns of Hunan, stations are invented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import radians
from types import MappingProxyType
from typing import Any, NamedTuple

from detection_changes import equipped
from detection_line import Changed, Feed, Register

from hncors.geodesy import to_ecef
from hncors.gpstime import from_iso
from hncors.origins import Origin
from hncors.supervise.policy import Policy

NOTHING: Mapping[Any, Any] = MappingProxyType({})
Place = tuple[float, float, float]
NOON, NIGHT = "2026-03-02T06:00:00", "2026-03-01T18:00:00"  # GPST; local time is eight hours later
WILD_AT = 27.95, 112.70, 90.0
BEHIND_BORDER = 27.80, 114.38, 95.0  # Yichun
NEAR_BORDER = 28.16, 113.97, 85.0


class Case(NamedTuple):
    """One trial, and what has to be said in it."""

    rule: str
    title: str
    feeds: Sequence[Feed]
    wants: frozenset[str] = frozenset()  # subjects that the rule has to speak of; none: a risk
    begin_s: float = 0.0  # when what it has to find begins
    within_s: float = 0.0  # the rule's declared time
    also: frozenset[str] = frozenset()  # "SUBJECT RULE": may be told besides
    suspected: frozenset[str] = frozenset()  # subjects that may be
    register: Register = NOTHING
    changed: Mapping[str, Sequence[Changed]] = NOTHING
    later: Mapping[float, Register] = NOTHING
    policy: Policy | None = None
    table: str = ""  # rows of a sourcetable
    rows: Mapping[str, str] = NOTHING  # of a sourcetable, of stations that are watched
    origins: Mapping[str, Sequence[tuple[float, Origin]]] = NOTHING  # who pushes, from when on
    regions: str = ""  # a table of networks
    beside: int = 0  # other stations in it that are risks
    quick: bool = False  # among the tests


def at(latitude_deg: float, longitude_deg: float, height_m: float = 60.0) -> Place:
    """ECEF metres."""
    x, y, z = to_ecef([radians(latitude_deg), radians(longitude_deg), height_m]).tolist()
    return x, y, z


def station(name: str, place: Place | None = None, **more: Any) -> str:
    """A table of a station, by itself where it has a place."""
    keys = dict(zip(("latitude_deg", "longitude_deg", "height_m"), place or (), strict=False)) | more
    lines = [
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}"
        for key, value in keys.items()
    ]
    return f'[[stations]]\nid = "{name}"\n' + "\n".join(lines).replace("'", '"') + "\n"


def feed(
    *tables: str,
    seconds: int = 420,
    count: int = 4,
    every_s: float = 10,
    start: str = NIGHT,
    seed: int = 1,
    sky: str = "",
    names: Mapping[str, str] = NOTHING,
    late_s: float = 0.0,
    clocks: Mapping[str, str] = NOTHING,
) -> Feed:
    """A province of so many towns, all filed."""
    text = f'start = "{start}"\nseconds = {seconds}\nseed = {seed}\n'
    text += f"[network]\ncount = {count}\ninterval_s = {every_s}\n"
    text += f"station_s = {max(every_s, 10)}\nephemeris_s = {max(every_s, 60)}\n"
    text += f"[sky]\n{sky}\n" if sky else ""
    text += "[truth]\nepochs_every_s = 3600\ncells_every_s = 86400\n"
    return Feed(text + "".join(tables), names, late_s, clocks)


def wild(place: Place = WILD_AT, **more: Any) -> str:
    """A station that nobody filed."""
    return station("WILD", place, filed=False, systems="GEC", signals="dual", **more)


def the(*names: str) -> frozenset[str]:
    return frozenset(names)


def row(name: str, latitude: str, longitude: str, nmea: int = 0, solution: int = 0) -> str:
    """A row of a sourcetable, by hand after RTCM 10410.1, section 3."""
    place = f"{latitude};{longitude};{nmea};{solution}"
    return f"STR;{name};Place;RTCM 3.2;1077(1);2;GPS;NET;CHN;{place};GEN;none;N;N;9600;\r\n"


ELSEWHERE = "192.0.2.7:2101/"  # RFC 5737: an address of nobody


def from_night(after_ms: int, **other: str) -> Changed:
    """Equipment that says otherwise from a time of a feed that begins at NIGHT."""
    return equipped(from_iso(NIGHT) + after_ms, **other)
