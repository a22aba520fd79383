"""Reference frames: a registered place brought to the frame and the day of the observations.

Broadcast orbits put a receiver into WGS 84 as GPS keeps it now, which agrees with ITRF2020 (and ITRF2014)
to about a centimetre, and at the epoch of the observations. That is called today's frame here. A registered
place is of another day, and often of another frame: CGCS2000 is ITRF97 at 2000.0, and the ground of Hunan
has gone 0.75 m since then.

Frames are turned into each other by pyproj. Its way to CGCS2000 is a null operation of unknown accuracy that
returns what it was given; so CGCS2000 is entered as ITRF97, and an operation that does not tell its accuracy
is refused. No grids and no network are involved. pyproj takes 0.3 s to load: that is put off until a place
needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hncors.geodesy import GRS80, enu_axes, to_geodetic
from hncors.gpstime import from_iso

if TYPE_CHECKING:
    from pyproj import Transformer

F64 = NDArray[np.float64]
Triple = tuple[float, float, float]

TODAY = "ITRF2020"
_EPSG = {"ITRF97": 4918, "ITRF2008": 5332, "ITRF2014": 7789, "ITRF2020": 9988}
_REALISED_BY = {"CGCS2000": "ITRF97", "WGS84": TODAY}  # GB/T 22021-2008; NGA.STND.0036
FRAMES = ("CGCS2000", "ITRF97", "ITRF2008", "ITRF2014", "ITRF2020", "WGS84")

# Altamimi et al. 2023, ITRF2020 Plate Motion Model, Geophys. Res. Lett. 50, table 1: the turn of plates, mas
# a year about the axes x, y, z; and table 2: what the origin adds, m a year.
PLATES: dict[str, Triple] = {
    "AMUR": (-0.131, -0.551, 0.837),
    "ANTA": (-0.269, -0.312, 0.678),
    "ARAB": (1.129, -0.146, 1.438),
    "AUST": (1.487, 1.175, 1.223),
    "CARB": (0.207, -1.422, 0.726),
    "EURA": (-0.085, -0.519, 0.753),
    "INDI": (1.137, 0.013, 1.444),
    "NAZC": (-0.327, -1.561, 1.605),
    "NOAM": (0.045, -0.666, -0.098),
    "NUBI": (0.090, -0.585, 0.717),
    "PCFC": (-0.404, 1.021, -2.154),
    "SOAM": (-0.261, -0.282, -0.157),
    "SOMA": (-0.081, -0.719, 0.864),
}
_ORIGIN_M_YR = np.array([0.00037, 0.00035, 0.00074])
_MAS = np.pi / 180 / 3_600_000
_CHINA_DEG = (17.0, 54.0, 73.0, 136.0)  # south, north, west, east: where Eurasia's motion is assumed
ALONG_M_YR = 0.01  # what a plate's motion may be off by in China, whose blocks move by themselves
OWN_M_YR = 0.001
FRAME_M = 0.01  # frames among each other, and WGS 84 today

_YEAR_MS = 365.25 * 86_400_000
_J2000_MS = from_iso("2000-01-01T12:00:00")


class Motions(NamedTuple):
    """Of many stations, a row each; nan where a place is not known."""

    ecef_m: F64  # (n, 3)
    year: F64
    velocity_m_yr: F64  # (n, 3)

    @classmethod
    def of(cls, rows: Sequence[Motion | None]) -> Motions:
        """Columns of what is known of each."""
        nowhere = Motion((np.nan,) * 3, 0.0, (0.0,) * 3, "none", 0.0)
        table = np.array([[*m.ecef_m, m.year, *m.velocity_m_yr] for m in (r or nowhere for r in rows)])
        table = table.reshape(-1, 7)
        return cls(table[:, :3], table[:, 3], table[:, 4:])

    @staticmethod
    def years(time_ms: ArrayLike) -> F64:
        """Julian years of GPS times in milliseconds."""
        return 2000.0 + (np.asarray(time_ms, np.float64) - _J2000_MS) / _YEAR_MS

    def at(self, time_ms: ArrayLike, rows: Any = slice(None)) -> F64:
        """ECEF metres (rows, 3) in today's frame, at GPS times in ms: one for all, or each its own."""
        years = self.years(time_ms)
        out: F64 = self.ecef_m[rows] + self.velocity_m_yr[rows] * (years - self.year[rows])[:, None]
        return out


class NoWay(ValueError):
    """pyproj has no operation between two frames whose accuracy it knows."""


class Motion(NamedTuple):
    """A place in today's frame, and how it moves there."""

    ecef_m: Triple
    year: float  # when it was there
    velocity_m_yr: Triple
    by: str  # "own", the plate's name, or "none": how it moves is not known, taken for not at all
    sigma_m_yr: float

    def at(self, year: float) -> F64:
        """ECEF metres in today's frame."""
        return np.array(self.ecef_m) + np.array(self.velocity_m_yr) * (year - self.year)

    def sigma_m(self, year: float) -> float:
        """How far off that may be, by frame and motion alone."""
        return FRAME_M + self.sigma_m_yr * abs(year - self.year)


def year_of(time_ms: float | int) -> float:
    """Julian year of a GPS time in milliseconds."""
    return 2000.0 + (time_ms - _J2000_MS) / _YEAR_MS


def motion(
    ecef_m: Sequence[float],
    frame: str | None,
    year: float | None,
    velocity_enu_m_yr: Sequence[float] | None = None,
    plate: str | None = None,
) -> Motion:
    """A place given in a frame, at an epoch, with its own velocity in that frame or that of its plate.

    Without either, stations in and around China are taken to move with Eurasia, others not at all. A place
    without frame or epoch is one of today. Raises NoWay, and KeyError for a frame or plate not known.
    """
    x, y, z = (float(axis) for axis in ecef_m)
    if frame is None or year is None:
        return Motion((x, y, z), 0.0, (0.0, 0.0, 0.0), "none", 0.0)
    frame = _REALISED_BY.get(frame, frame)
    place = np.array([x, y, z])
    now = carried(place, frame, TODAY, year)
    if velocity_enu_m_yr is not None:
        moves = np.asarray(velocity_enu_m_yr, np.float64) @ enu_axes(to_geodetic(place, GRS80))
        span = 10.0  # a year's difference would be lost in rounding; all of this is linear in time
        moves = (carried(place + span * moves, frame, TODAY, year + span) - now) / span
        return _motion(now, year, moves, "own", OWN_M_YR)
    plate = plate or assumed_plate(place)
    if plate is None:
        return _motion(now, year, np.zeros(3), "none", 0.1)
    return _motion(now, year, plate_velocity_m_yr(plate, now), plate, ALONG_M_YR)


def cgcs2000(moves: Motion) -> F64:
    """The place (3,) as CGCS2000 has it, at 2000.0."""
    return carried(moves.at(2000.0), TODAY, "CGCS2000", 2000.0)


def _motion(place: F64, year: float, velocity: F64, by: str, sigma_m_yr: float) -> Motion:
    x, y, z = place.tolist()
    vx, vy, vz = velocity.tolist()
    return Motion((x, y, z), year, (vx, vy, vz), by, sigma_m_yr)


def plate_velocity_m_yr(plate: str, ecef_m: ArrayLike) -> F64:
    """Velocities (..., 3) of places on a plate, ECEF in ITRF2020."""
    turn = np.array(PLATES[plate]) * _MAS
    out: F64 = np.cross(turn, np.asarray(ecef_m, np.float64)) + _ORIGIN_M_YR
    return out


def assumed_plate(ecef_m: ArrayLike) -> str | None:
    """The plate of a place that does not say; None outside China and around."""
    latitude, longitude, _ = to_geodetic(ecef_m, GRS80).tolist()
    south, north, west, east = np.radians(_CHINA_DEG).tolist()
    return "EURA" if south < latitude < north and west < longitude < east else None


def carried(ecef_m: F64, frame: str, to: str, year: float) -> F64:
    """The coordinates in another frame of a place (3,) at a time. Raises NoWay."""
    frame, to = _REALISED_BY.get(frame, frame), _REALISED_BY.get(to, to)
    if frame == to:
        return ecef_m
    x, y, z = ecef_m.tolist()
    return np.array(_operation(_EPSG[frame], _EPSG[to]).transform(x, y, z, year, errcheck=True)[:3])


@cache
def _operation(frame: int, to: int) -> Transformer:
    from pyproj import Transformer

    return checked(Transformer.from_crs(frame, to))


def checked(operation: Transformer) -> Transformer:
    """The operation, if it tells how exact it is: one that does not may do nothing. Raises NoWay."""
    accuracy_m = operation.accuracy
    if not 0.0 <= accuracy_m <= 0.05:
        raise NoWay(f"{operation.description}: an operation between frames of known accuracy")
    return operation
