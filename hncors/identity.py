"""Whose reference point a stream brings: the one that is broadcast against the places of the registry.

A stream may come from another station than the one it is filed under: two cables swapped, a mountpoint given
to somebody else, a caster that sends its nearest. The place a station broadcasts (1005, 1006: DF025 to DF027)
tells. What is told of it in turn is a distance of one digit and another station's name, never a coordinate.

The limits are far above what frames, epochs and antennas explain: CGCS2000 and the frame of today differ by
0.8 m in Hunan, WGS 84 and ITRF by centimetres. A place off by a metre, or a hundred, is another matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from hncors.arp import Off, off
from hncors.frames import F64, Motion, Motions, motion, year_of
from hncors.geodesy import to_enu, to_geodetic

FAR_M = 1000.0  # from its registered place, a station is another one, whichever
NEAR_M = 100.0  # beyond this too, where another registered place is the nearer one


@runtime_checkable
class Placed(Protocol):
    """A station whose place may be filed (hncors.registry.Station)."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def ecef_m(self) -> tuple[float, float, float] | None:
        """Registered place of its antenna reference point; None: not filed."""

    @property
    def gga(self) -> bool:
        """Whether its data are computed for a place it is told, and its reference point with them."""


@runtime_checkable
class Dated(Placed, Protocol):
    """One that also tells of which frame and time its place is, and how it moves."""

    @property
    def frame(self) -> str | None:
        """One of hncors.frames.FRAMES."""

    @property
    def epoch(self) -> float | None:
        """Decimal year."""

    @property
    def velocity_enu_m_yr(self) -> tuple[float, float, float] | None:
        """Its own velocity in that frame."""

    @property
    def plate(self) -> str | None:
        """One of hncors.frames.PLATES."""

    @property
    def antenna_height_m(self) -> float:
        """Of its antenna reference point above the marker that was filed; 0: the point itself was."""


class Stranger(NamedTuple):
    """A stream that is not of the station it is filed under."""

    distance_m: float  # from the registered place to the one that is broadcast
    like: str  # the station whose registered place that is, "" where it is nobody's

    @property
    def about(self) -> str:
        """The distance in one digit: more would tell where a station is."""
        unit = 10.0 ** math.floor(math.log10(self.distance_m))
        metres = round(self.distance_m / unit) * unit
        return f"{metres:.0f} m" if metres < 1000 else f"{metres / 1000:.0f} km"

    @property
    def why(self) -> str:
        """One line for people."""
        owner = f"that of {self.like}, " if self.like else ""
        return f"the reference point in the stream is {owner}about {self.about} from the registered place"


def motion_of(station: Placed) -> Motion | None:
    """Where a station is in today's frame and how it moves; None: its place was not filed."""
    if station.ecef_m is None:
        return None
    if not isinstance(station, Dated):
        return motion(station.ecef_m, None, None)
    return motion(station.ecef_m, station.frame, station.epoch, station.velocity_enu_m_yr, station.plate)


def _alike(enu_m: F64, other_m: F64) -> bool:
    """Whether two horizontal offsets agree within a third, and are long enough to tell."""
    long = float(np.hypot(other_m[0], other_m[1]))
    return long > 0.3 and float(np.hypot(*(enu_m[:2] - other_m[:2]))) < long / 3


def known_place(station: Placed, time_ms: int) -> F64 | None:
    """ECEF metres (3,) of a station's antenna reference point, registered, in the frame of broadcast orbits.

    `time_ms` is GPS time. None: its place was not filed. Of many stations: `Places.today_m`.
    """
    moves = motion_of(station)
    return None if moves is None else moves.at(year_of(time_ms))


class Places:
    """The registered places of all stations that have one."""

    def __init__(self, stations: Iterable[object] = ()) -> None:
        """Stations that are not `Placed`, or whose place was not filed, have none."""
        placed = [s for s in stations if isinstance(s, Placed) and s.ecef_m is not None and not s.gga]
        self._ecef_m = {station.id: station.ecef_m for station in placed if station.ecef_m is not None}
        self._frames = {s.id: (s.frame, s.epoch) for s in placed if isinstance(s, Dated) and s.epoch}
        self._height_m = {s.id: s.antenna_height_m for s in placed if isinstance(s, Dated)}
        self.motions = {station.id: moves for station in placed if (moves := motion_of(station)) is not None}
        self._ids = list(self._ecef_m)
        self._all_m = np.array([*self._ecef_m.values()], np.float64).reshape(-1, 3)

    def __contains__(self, station: str) -> bool:
        """Whether a station has a place that its reference point can be held against."""
        return station in self._ecef_m

    def of(self, station: str) -> tuple[float, float, float] | None:
        """The registered place of a station, ECEF metres in the frame it was filed in."""
        return self._ecef_m.get(station)

    def today_m(self, stations: Sequence[str], time_ms: int) -> F64:
        """Registered places of stations in today's frame, ECEF metres (stations, 3); nan where none is filed.

        `time_ms` is GPS time.
        """
        return self.motions_of(stations).at(time_ms)

    def motions_of(self, stations: Sequence[str]) -> Motions:
        """How they move: to be asked again and again."""
        return Motions.of([self.motions.get(id) for id in stations])

    def sigma_m_yr(self, station: str) -> float:
        """How uncertain the motion of its place is; 0 where none is filed."""
        moves = self.motions.get(station)
        return moves.sigma_m_yr if moves is not None else 0.0

    def frame_doubt(self, station: str, enu_m: F64, time_ms: int) -> str:
        """What an offset from the registered place, today's, looks like; "" for nothing.

        `enu_m` is where the station is less where it should be.
        """
        moves, filed = self.motions.get(station), self._ecef_m.get(station)
        if moves is None or filed is None:
            return ""
        year, geodetic = year_of(time_ms), to_geodetic(filed)
        frame, epoch = self._frames.get(station, ("", 0.0))
        named = f"{frame} {epoch:g}"
        as_today = to_enu(np.array(filed) - moves.at(year), geodetic)
        if _alike(enu_m, as_today):
            return f"as if the place were of today, not of {named}"
        as_cgcs2000 = to_enu(motion(filed, "CGCS2000", 2000.0).at(year) - moves.at(year), geodetic)
        if _alike(enu_m, as_cgcs2000):
            return f"as if the place were of CGCS2000 2000, not of {named}"
        return ""

    def off(
        self, station: str, point_m: tuple[float, float, float], height_m: float, time_ms: int
    ) -> Off | None:
        """How a reference point differs from the registered place; None: that was not filed."""
        moves = self.motions.get(station)
        if moves is None:
            return None
        height_m = self._height_m.get(station, 0.0) or height_m
        return off(point_m, self._ecef_m[station], moves, height_m, time_ms)

    def judge(self, station: str, point_m: tuple[float, float, float]) -> Stranger | None:
        """What is wrong with a reference point of a station; None: nothing, or its place was not filed."""
        own_m = self._ecef_m.get(station)
        if own_m is None:
            return None
        distance_m = math.dist(own_m, point_m)
        if distance_m <= NEAR_M:
            return None
        others_m = np.linalg.norm(self._all_m - np.array(point_m), axis=1)
        nearest = int(np.argmin(others_m))
        like = self._ids[nearest] if others_m[nearest] <= NEAR_M else ""
        if distance_m > FAR_M or like:
            return Stranger(distance_m, like)
        return None
