"""What a patrol hears by radio: which bases tell of themselves, and how far from it they say they stand.

The bytes are those of a radio modem with sentences of the patrol's own receiver between them (hncors.nmea).
Bases are told apart by the reference point and station number they broadcast; a frame that noise has hit
does not pass its check, and none is made good.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from hncors.geodesy import to_ecef
from hncors.nmea import Reader
from hncors.rtcm3.station import ReferencePoint

MOST_HEARD = 64  # bases; of more the one heard longest ago is forgotten
MOST_FIXES = 600
FIX_NS = 30_000_000_000  # a position older than this is not where a frame was heard
SAME_M = 1.0  # rounding of places by which bases are told apart
Place = tuple[float, float, float]


class Heard(NamedTuple):
    """A base as it was heard; distances are from the patrol to where the base says it stands."""

    station_id: int
    arp_m: Place
    computed: bool
    first_ns: int
    last_ns: int
    times: int
    near_m: float = math.inf
    far_m: float = 0.0
    placed: int = 0  # times at which the patrol knew where it was


@dataclass(slots=True)
class Patrol:
    """The patrol's positions of late, and the bases it heard."""

    heard: dict[tuple[int, Place], Heard] = field(default_factory=dict)
    reader: Reader = field(default_factory=Reader)
    fixes: deque[tuple[int, Place]] = field(default_factory=lambda: deque(maxlen=MOST_FIXES))

    def read(self, data: bytes, at_ns: int) -> None:
        """Bytes of the line, as they come."""
        for fix in self.reader.feed(data):
            radians = math.radians(fix.latitude_deg), math.radians(fix.longitude_deg)
            x, y, z = to_ecef([*radians, fix.height_m or 0.0]).tolist()
            self.fixes.append((at_ns, (x, y, z)))

    def hear(self, record: ReferencePoint, at_ns: int) -> None:
        """A reference point was heard."""
        arp_m = (record.x_m, record.y_m, record.z_m)
        key = record.station_id, (round(arp_m[0], 0), round(arp_m[1], 0), round(arp_m[2], 0))
        its = self.heard.pop(key, None)
        if its is None:
            its = Heard(record.station_id, arp_m, record.not_physical, at_ns, at_ns, 0)
        its = its._replace(last_ns=at_ns, times=its.times + 1, arp_m=arp_m)
        place = self._place(at_ns)
        if place is not None:
            away_m = math.dist(place, arp_m)
            its = its._replace(
                near_m=min(its.near_m, away_m), far_m=max(its.far_m, away_m), placed=its.placed + 1
            )
        self.heard[key] = its
        if len(self.heard) > MOST_HEARD:
            del self.heard[next(iter(self.heard))]

    def _place(self, at_ns: int) -> Place | None:
        """Where the patrol was at a time."""
        best = min(self.fixes, key=lambda one: abs(one[0] - at_ns), default=None)
        return best[1] if best is not None and abs(best[0] - at_ns) <= FIX_NS else None
