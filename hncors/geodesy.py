"""Places on and above the earth: earth-centred (ECEF) metres, latitude and longitude, east-north-up.

Arrays end in an axis of three; everything before it is kept, so one point and a thousand are the same
call. Geodetic triples are latitude in radians, longitude in radians (-pi to pi), height above the
ellipsoid in metres. An input that is nan, or that has no latitude, comes out as nan.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]


class Ellipsoid(NamedTuple):
    """A figure of the earth."""

    semi_major_m: float
    flattening: float

    @property
    def eccentricity_squared(self) -> float:
        """First eccentricity, squared."""
        return self.flattening * (2.0 - self.flattening)


WGS84 = Ellipsoid(6_378_137.0, 1 / 298.257223563)  # NGA.STND.0036, table 3.1
GRS80 = Ellipsoid(6_378_137.0, 1 / 298.257222101)  # Moritz 2000, J. Geodesy 74; of ITRF and CGCS2000

EARTH_ROTATION_RAD_S = 7.2921151467e-5  # WGS84, IS-GPS-200 20.3.3.4.3; Galileo has the same

# From the surface to beyond every navigation orbit two rounds are exact to the last bits; one more
# costs little and takes in heights down to 3,000 km below ground.
_ROUNDS = 3
# Nearer to the centre the normal to the ellipsoid is not one line (its evolute reaches out 43 km).
_CENTRE_M = 100e3


def to_ecef(geodetic: ArrayLike, ellipsoid: Ellipsoid = WGS84) -> F64:
    """Metres (x, y, z) of geodetic triples, shape (..., 3)."""
    place = np.asarray(geodetic, np.float64)
    latitude, longitude, height = place[..., 0], place[..., 1], place[..., 2]
    e2 = ellipsoid.eccentricity_squared
    sine = np.sin(latitude)
    normal = ellipsoid.semi_major_m / np.sqrt(1.0 - e2 * sine * sine)  # to the polar axis
    p = (normal + height) * np.cos(latitude)
    return np.stack(
        (p * np.cos(longitude), p * np.sin(longitude), (normal * (1.0 - e2) + height) * sine), axis=-1
    )


def to_geodetic(ecef_m: ArrayLike, ellipsoid: Ellipsoid = WGS84) -> F64:
    """Latitude, longitude, height of ECEF metres, shape (..., 3); on the polar axis longitude is 0 or pi.

    Bowring's formula (1976, Survey Review 181), repeated. Nan within 100 km of the earth's centre.
    """
    position = np.asarray(ecef_m, np.float64)
    x, y, z = position[..., 0], position[..., 1], position[..., 2]
    a, e2, ratio = ellipsoid.semi_major_m, ellipsoid.eccentricity_squared, 1.0 - ellipsoid.flattening
    p = np.hypot(x, y)
    cosine, sine = p * ratio, z  # of the reduced latitude, to a common factor
    for _ in range(_ROUNDS):
        scale = np.hypot(cosine, sine)
        scale = np.where(scale > 0.0, scale, np.nan)
        cosine, sine = cosine / scale, sine / scale
        up = z + e2 / ratio * a * sine**3  # e'^2 b = e^2 a / (1 - f)
        out = p - e2 * a * cosine**3
        cosine, sine = out, ratio * up
    latitude = np.arctan2(up, out)
    sine = np.sin(latitude)
    # This form of the height is good at the poles as well as at the equator.
    height = p * np.cos(latitude) + z * sine - a * np.sqrt(1.0 - e2 * sine * sine)
    inside = np.hypot(p, z) < _CENTRE_M
    return np.where(inside[..., None], np.nan, np.stack((latitude, np.arctan2(y, x), height), axis=-1))


def enu_axes(geodetic: ArrayLike) -> F64:
    """Unit vectors east, north and up in ECEF as rows, shape (..., 3, 3): `axes @ offset` is east, north, up.

    Only latitude and longitude are looked at. At a pole north is away from the meridian given.
    """
    place = np.asarray(geodetic, np.float64)
    sin_b, cos_b = np.sin(place[..., 0]), np.cos(place[..., 0])
    sin_l, cos_l = np.sin(place[..., 1]), np.cos(place[..., 1])
    zero = np.zeros_like(sin_l)
    east = np.stack((-sin_l, cos_l, zero), axis=-1)
    north = np.stack((-sin_b * cos_l, -sin_b * sin_l, cos_b), axis=-1)
    up = np.stack((cos_b * cos_l, cos_b * sin_l, sin_b), axis=-1)
    return np.stack((east, north, up), axis=-2)


def to_enu(offset_m: ArrayLike, geodetic: ArrayLike) -> F64:
    """East, north, up metres of ECEF offsets (..., 3) from the places given (..., 3)."""
    enu: F64 = (enu_axes(geodetic) @ np.asarray(offset_m, np.float64)[..., None])[..., 0]
    return enu


def azimuth_elevation(station_m: ArrayLike, satellite_m: ArrayLike) -> tuple[F64, F64]:
    """Where satellites stand in the sky of stations, both ECEF metres (..., 3).

    Azimuth in radians from north over east, 0 to 2 pi; elevation in radians over the plane that touches
    the ellipsoid. Straight up the azimuth is 0; for a satellite at the station both are nan.
    """
    station = np.asarray(station_m, np.float64)
    line = np.asarray(satellite_m, np.float64) - station
    enu = to_enu(line, to_geodetic(station))
    east, north, up = enu[..., 0], enu[..., 1], enu[..., 2]
    flat = np.hypot(east, north)
    nowhere = (flat == 0.0) & (up == 0.0)
    azimuth = np.mod(np.arctan2(east, north), 2.0 * np.pi)
    return np.where(nowhere, np.nan, azimuth), np.where(nowhere, np.nan, np.arctan2(up, flat))
