"""How good ranges are: standard deviations by elevation, C/N0 and system.

Two parts. What a satellite broadcasts of its orbit and clock, and what is left of the air, is the same on
all signals (`common_m`). Noise, multipath and what group delays leave is each code's own (`code_m`);
smoothing takes noise off, multipath hardly, delays not at all. The figures began as residuals at known
places of five stations of 2018 to 2026, each system by itself, and were then tried out on the positions of
the same five (docs/positions.md): they are fitted to them.
"""

from __future__ import annotations

import numpy as np

from hncors.observation import F64, I64
from hncors.signals import GNSS

# Orbit and clock of what satellites broadcast, along the line of sight. GPS' has the bias between C/A and
# P(Y) in it, which RTCM does not carry; GLONASS' what a receiver adds to each frequency channel.
URE_M = np.array([{"G": 1.2, "R": 4.0, "E": 0.7, "S": 10.0, "J": 1.2, "C": 0.8, "I": 3.0}[g] for g in GNSS])
AIR_M = 0.12  # straight up, of the model of troposphere.py and what it does not know of the day
CODE_M = (0.10, 0.15)  # by itself, and by the inverse sine of the elevation
STRONG_DBHZ = 45.0
FLOOR = 0.5  # of a code's sigma, that smoothing does not take off
LOWEST = 0.05  # sine of an elevation: what is lower is no better


def common_m2(gnss: I64, sine_elevation: F64) -> F64:
    """Variance of what all signals of a satellite share; `gnss` is by row of (satellites, epochs)."""
    air = np.maximum(sine_elevation, LOWEST)
    np.divide(AIR_M, air, out=air)
    air *= air
    air += np.square(URE_M[gnss])[:, None]
    return air


def code_m2(sine_elevation: F64, cn0_dbhz: F64) -> F64:
    """Variance of one code as it came. Where no C/N0 is told it is taken for strong."""
    code = np.maximum(sine_elevation, LOWEST)
    np.divide(CODE_M[1], code, out=code)
    code += CODE_M[0]
    code *= code
    weaker = STRONG_DBHZ - cn0_dbhz
    weaker *= np.log(10.0) / 10.0
    np.exp(weaker, out=weaker)
    np.maximum(weaker, 0.25, out=weaker)
    unknown = np.isnan(weaker)
    if unknown.any():
        weaker[unknown] = 1.0
    weaker *= 0.5
    weaker += 0.5
    code *= weaker
    return code


def smoothed_m2(code_m2: F64, count: F64) -> F64:
    """The same of a code smoothed over `count` epochs."""
    out = np.maximum(count, 1.0)
    np.divide(1.0 - FLOOR**2, out, out=out)
    out += FLOOR**2
    out *= code_m2
    return out
