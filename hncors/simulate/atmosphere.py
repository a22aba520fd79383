"""What the atmosphere does to signals: electrons in a thin shell, and the air below.

All angles in radians; arrays are (stations, satellites) where nothing else is said.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.gpstime import DAY_MS
from hncors.observation import F64

SHELL_M = 450_000.0
EARTH_M = 6_371_000.0
M_HZ2_PER_TECU = 40.308e16  # a TECU delays a signal by this over its squared frequency
CREST_RAD = np.radians(24.0)  # of the equatorial anomaly, over southern China
CREST_WIDTH_RAD = np.radians(9.0)
M_PER_RAD = 111_195.0 * 180 / np.pi


class Pierce(NamedTuple):
    """Where lines of sight go through the shell."""

    latitude: F64
    longitude: F64
    slant: F64  # length of the way through the shell, of its thickness


class Storm(NamedTuple):
    """An ionospheric storm at a time; a front north of which there are fewer electrons."""

    factor: float
    gradient_m_per_m: float  # of the delay on L1, towards south
    front_m: float  # width
    front_rad: float  # latitude


QUIET = Storm(1.0, 0.0, 1.0, 0.0)


def pierce(latitude: F64, longitude: F64, azimuth: F64, elevation: F64) -> Pierce:
    """Latitude and longitude (stations, 1) of stations with the directions of satellites."""
    ratio = EARTH_M / (EARTH_M + SHELL_M) * np.cos(elevation)
    angle = np.pi / 2 - elevation - np.arcsin(ratio)  # at the earth's centre
    sine = np.sin(latitude) * np.cos(angle) + np.cos(latitude) * np.sin(angle) * np.cos(azimuth)
    there = np.arcsin(sine)
    east = np.arcsin(np.sin(angle) * np.sin(azimuth) / np.cos(there))
    return Pierce(there, longitude + east, 1 / np.sqrt(1 - ratio * ratio))


def vertical_tecu(night: float, day: float, latitude: F64, longitude: F64, time_ms: int) -> F64:
    """Electrons above a place: most at two in the afternoon, and over the crest of the equatorial anomaly."""
    hour = (time_ms % DAY_MS / 3_600_000 + np.degrees(longitude) / 15) % 24
    lit = np.maximum(0.0, np.cos((hour - 14) * (2 * np.pi / 28)))
    crest = 0.6 + 0.4 * np.exp(-(((latitude - CREST_RAD) / CREST_WIDTH_RAD) ** 2))
    out: F64 = night + (day - night) * lit * crest
    return out


def ionosphere_tecu(where: Pierce, night: float, day: float, storm: Storm, time_ms: int) -> F64:
    """Electrons along lines of sight."""
    above = storm.factor * vertical_tecu(night, day, where.latitude, where.longitude, time_ms)
    if storm.gradient_m_per_m:
        south_m = (storm.front_rad - where.latitude) * M_PER_RAD
        extra_m = storm.gradient_m_per_m * np.clip(south_m + storm.front_m / 2, 0.0, storm.front_m)
        above = above + extra_m * (1575.42e6**2 / M_HZ2_PER_TECU)
    out: F64 = above * where.slant
    return out


def zenith_m(latitude: F64, height_m: F64, wet_m: float) -> F64:
    """Delay of the air straight up: Saastamoinen's dry part in a standard atmosphere, and what is wet.

    Saastamoinen 1972 with the constants of Davis et al. 1985; water vapour thins out within 2 km.
    """
    pressure_hpa = 1013.25 * (1 - 2.2557e-5 * height_m) ** 5.2568
    dry = 0.0022768 * pressure_hpa / (1 - 0.00266 * np.cos(2 * latitude) - 0.28e-6 * height_m)
    out: F64 = dry + wet_m * np.exp(-height_m / 2000)
    return out


def mapping(elevation: F64) -> F64:
    """How much longer the way through the air is than straight up (Black and Eisner 1984)."""
    sine = np.sin(elevation)
    out: F64 = 1.001 / np.sqrt(0.002001 + sine * sine)
    return out


def mapping_rate(elevation: F64, sine_rate: F64) -> F64:
    """How fast that changes, 1/s, when the sine of the elevation changes by so much a second."""
    sine = np.sin(elevation)
    out: F64 = -1.001 * sine * sine_rate / (0.002001 + sine * sine) ** 1.5
    return out
