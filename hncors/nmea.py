"""Positions out of NMEA 0183 sentences among other bytes: GGA and RMC with their checksum, nothing else.

Sans-IO and bounded: what is no whole sentence of at most MOST characters is dropped. NMEA 0183 4.10, "GGA",
"RMC"; gpsd's NMEA Revealed for what receivers write.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MOST = 120  # characters of a sentence; the standard's 82 are exceeded by many receivers
_SENTENCE = re.compile(rb"\$([A-Z]{2}(GGA|RMC),([ -#%-)+-~]{10,110}))\*([0-9A-Fa-f]{2})")
_ANGLE = re.compile(r"([0-9]{1,3})([0-9]{2}(?:\.[0-9]{1,9})?)")
_POSITIONED = frozenset("123459")  # GGA's quality: not "6", dead reckoning, "7", typed in, "8", simulated


class Fix(NamedTuple):
    """Where a receiver puts itself."""

    latitude_deg: float
    longitude_deg: float
    height_m: float | None  # above the ellipsoid; None: RMC has none


class Reader:
    """Sentences out of bytes, whatever the pieces were."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Fix]:
        """The positions in the sentences that are whole by now."""
        if b"$" not in data and b"*" not in data and not self._held:
            return []
        held = self._held + data
        found, end = [], 0
        for match in _SENTENCE.finditer(held):
            end = match.end()
            if (fix := _fix(match)) is not None:
                found.append(fix)
        begin = held.rfind(b"$", max(end, len(held) - MOST))
        self._held = held[begin:] if begin >= 0 else b""
        return found


def _fix(match: re.Match[bytes]) -> Fix | None:
    whole, kind, fields, told = match.groups()
    check = 0
    for byte in whole:
        check ^= byte
    if check != int(told, 16):
        return None
    its = fields.decode("ascii").split(",")
    try:
        if kind == b"GGA":
            if its[5] not in _POSITIONED:
                return None
            height_m = float(its[8]) + float(its[10]) if its[8] and its[10] else None
            place = its[1:5]
        elif its[1] == "A":
            height_m, place = None, its[2:6]
        else:
            return None
        latitude, longitude = _angle(place[0], place[1], "NS", 90), _angle(place[2], place[3], "EW", 180)
    except (ValueError, IndexError):
        return None
    if height_m is not None and not -1000 < height_m < 20_000:
        height_m = None
    return Fix(latitude, longitude, height_m)


def _angle(text: str, side: str, sides: str, most: float) -> float:
    """Degrees of ddmm.mmmm. Raises ValueError."""
    found = _ANGLE.fullmatch(text)
    if found is None or len(side) != 1 or side not in sides:
        raise ValueError("no angle")
    degrees = int(found[1]) + float(found[2]) / 60
    if degrees > most or float(found[2]) >= 60:
        raise ValueError("no angle")
    return -degrees if side == sides[1] else degrees
