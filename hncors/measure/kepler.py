"""Positions and clocks from Keplerian ephemerides: GPS, QZSS, NavIC, Galileo, BeiDou.

One algorithm (IS-GPS-200, table 20-IV) with each system's constants:

    GPS      IS-GPS-200, 20.3.3.4.3         Galileo  OS SIS ICD 2.1, 5.1.1 and 5.1.4
    QZSS     IS-QZSS-PNT, 5.5               BeiDou   BDS-SIS-ICD-B1I-3.0, 5.2.4.12
    NavIC    IRNSS SIS ICD SPS 1.1, 6.2.2

BeiDou's geostationary satellites send elements in a frame tilted by five degrees, because an
inclination near zero has no node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np

from hncors.observation import F64, I64, B, Columns
from hncors.rtcm3.ephemeris import Ephemeris, clock_time_ms, reference_time_ms
from hncors.signals import C_M_S

# Gravitational constant in m3/s2 and rotation in rad/s.
_GPS = (3.986005e14, 7.2921151467e-5)
_CONSTANTS = {
    "G": _GPS,
    "J": _GPS,
    "I": _GPS,
    "E": (3.986004418e14, 7.2921151467e-5),
    "C": (3.986004418e14, 7.292115e-5),
}
BEIDOU_GEO = frozenset((*range(1, 6), *range(59, 64)))
"""BeiDou satellites whose elements are in the tilted frame, BDS-SIS-ICD-B1I-3.0, table 4-1."""

_TILT = radians(-5.0)
_NAMES = (
    "sqrt_a_sqrt_m eccentricity m0_rad delta_n_rad_s omega_rad omega0_rad omega_dot_rad_s i0_rad"
    " i_dot_rad_s cuc_rad cus_rad crc_m crs_m cic_rad cis_rad af0_s af1_s_s af2_s_s2"
).split()


@dataclass(frozen=True, slots=True)
class Elements(Columns):
    """Sets as columns, one row a set; names and units are those of the messages."""

    toe_gps_ms: I64
    toc_gps_ms: I64
    toe_s: F64  # time of week in the system's own time, for the node
    tilted: B
    mu_m3_s2: F64
    rotation_rad_s: F64
    sqrt_a_sqrt_m: F64
    eccentricity: F64
    m0_rad: F64
    delta_n_rad_s: F64
    omega_rad: F64
    omega0_rad: F64
    omega_dot_rad_s: F64
    i0_rad: F64
    i_dot_rad_s: F64
    cuc_rad: F64
    cus_rad: F64
    crc_m: F64
    crs_m: F64
    cic_rad: F64
    cis_rad: F64
    af0_s: F64
    af1_s_s: F64
    af2_s_s2: F64


def elements(sets: Sequence[Ephemeris], near_gps_ms: Sequence[int]) -> Elements:
    """Columns of sets; `near_gps_ms` is a time near which each was sent, to complete its week."""
    near = list(zip(sets, near_gps_ms, strict=True))
    constants = [_CONSTANTS[e.gnss] for e in sets]
    return Elements(
        np.array([reference_time_ms(e, ms) for e, ms in near], np.int64),
        np.array([clock_time_ms(e, ms) for e, ms in near], np.int64),
        np.array([e["toe_s"] for e in sets], np.float64),
        np.array([e.gnss == "C" and e.satellite in BEIDOU_GEO for e in sets], np.bool_),
        np.array([mu for mu, _ in constants], np.float64),
        np.array([rotation for _, rotation in constants], np.float64),
        *(np.array([e[name] for e in sets], np.float64) for name in _NAMES),
    )


def evaluate(e: Elements, gps_ms: I64, fraction_s: F64) -> tuple[F64, F64, F64, F64]:
    """Position (n, 3) and velocity (n, 3) in ECEF, clock (n,) and its rate (n,); row i is set i at time i."""
    t = (gps_ms - e.toe_gps_ms) / 1000.0 + fraction_s
    a = e.sqrt_a_sqrt_m * e.sqrt_a_sqrt_m
    n = np.sqrt(e.mu_m3_s2) / (a * e.sqrt_a_sqrt_m) + e.delta_n_rad_s
    anomaly = eccentric_anomaly(e.m0_rad + n * t, e.eccentricity)
    sin_e, cos_e = np.sin(anomaly), np.cos(anomaly)
    one = 1.0 - e.eccentricity * cos_e
    anomaly_rate = n / one
    root = np.sqrt(1.0 - e.eccentricity**2)

    # Argument of latitude, radius, inclination: the ellipse, then its second harmonics.
    phi = np.arctan2(root * sin_e, cos_e - e.eccentricity) + e.omega_rad
    phi_rate = root * anomaly_rate / one
    sin_2, cos_2 = np.sin(2.0 * phi), np.cos(2.0 * phi)
    u = phi + e.cus_rad * sin_2 + e.cuc_rad * cos_2
    r = a * one + e.crs_m * sin_2 + e.crc_m * cos_2
    i = e.i0_rad + e.i_dot_rad_s * t + e.cis_rad * sin_2 + e.cic_rad * cos_2
    twice = 2.0 * phi_rate
    u_rate = phi_rate + twice * (e.cus_rad * cos_2 - e.cuc_rad * sin_2)
    r_rate = a * e.eccentricity * sin_e * anomaly_rate + twice * (e.crs_m * cos_2 - e.crc_m * sin_2)
    i_rate = e.i_dot_rad_s + twice * (e.cis_rad * cos_2 - e.cic_rad * sin_2)

    # In the plane of the orbit, x towards the node; then the plane turned up and round.
    sin_u, cos_u, sin_i, cos_i = np.sin(u), np.cos(u), np.sin(i), np.cos(i)
    x, y = r * cos_u, r * sin_u
    x_rate, y_rate = r_rate * cos_u - y * u_rate, r_rate * sin_u + x * u_rate
    flat = y * cos_i  # the part of y that stays in the equator's plane
    flat_rate = y_rate * cos_i - y * sin_i * i_rate
    node_rate = e.omega_dot_rad_s - np.where(e.tilted, 0.0, e.rotation_rad_s)
    node = e.omega0_rad + node_rate * t - e.rotation_rad_s * e.toe_s
    sin_o, cos_o = np.sin(node), np.cos(node)
    position = np.stack((x * cos_o - flat * sin_o, x * sin_o + flat * cos_o, y * sin_i), axis=-1)
    velocity = np.stack(
        (
            x_rate * cos_o - flat_rate * sin_o - position[:, 1] * node_rate,
            x_rate * sin_o + flat_rate * cos_o + position[:, 0] * node_rate,
            y_rate * sin_i + y * cos_i * i_rate,
        ),
        axis=-1,
    )
    rows = np.flatnonzero(e.tilted)
    if len(rows):
        _level(position, velocity, rows, e.rotation_rad_s[rows], t[rows])

    since = (gps_ms - e.toc_gps_ms) / 1000.0 + fraction_s
    relativity = -2.0 * np.sqrt(e.mu_m3_s2) * e.sqrt_a_sqrt_m * e.eccentricity / C_M_S**2
    clock = e.af0_s + since * (e.af1_s_s + since * e.af2_s_s2) + relativity * sin_e
    rate = e.af1_s_s + 2.0 * since * e.af2_s_s2 + relativity * cos_e * anomaly_rate
    return position, velocity, clock, rate


def eccentric_anomaly(mean_rad: F64, eccentricity: F64) -> F64:
    """Kepler's equation E - e sin E = M solved by Newton's steps, for e up to 0.3.

    From a start that is within e^2 a step squares the error: the fourth changes nothing any more.
    """
    anomaly: F64 = mean_rad + eccentricity * np.sin(mean_rad)
    for _ in range(4):
        anomaly = anomaly - (anomaly - eccentricity * np.sin(anomaly) - mean_rad) / (
            1.0 - eccentricity * np.cos(anomaly)
        )
    return anomaly


def _level(position: F64, velocity: F64, rows: I64, rotation: F64, t: F64) -> None:
    """Take rows out of the tilted frame, which does not turn with the earth after toe, in place."""
    s, c = sin(_TILT), cos(_TILT)
    tilt = np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])
    p, v = position[rows] @ tilt.T, velocity[rows] @ tilt.T
    sine, cosine = np.sin(rotation * t), np.cos(rotation * t)
    for turned, still in ((position, p), (velocity, v)):
        turned[rows, 0] = still[:, 0] * cosine + still[:, 1] * sine
        turned[rows, 1] = still[:, 1] * cosine - still[:, 0] * sine
        turned[rows, 2] = still[:, 2]
    velocity[rows, 0] += rotation * position[rows, 1]
    velocity[rows, 1] -= rotation * position[rows, 0]
