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


def common_m(gnss: I64, sine_elevation: F64) -> F64:
    """Sigma of what all signals of a satellite share."""
    out: F64 = np.hypot(URE_M[gnss], AIR_M / np.maximum(sine_elevation, LOWEST))
    return out


def code_m(sine_elevation: F64, cn0_dbhz: F64, count: I64) -> F64:
    """Sigma of one code, smoothed over `count` epochs. Where no C/N0 is told it is taken for strong."""
    code = CODE_M[0] + CODE_M[1] / np.maximum(sine_elevation, LOWEST)
    weaker_db = STRONG_DBHZ - np.where(np.isnan(cn0_dbhz), STRONG_DBHZ, cn0_dbhz)
    weak = 0.5 + 0.5 * np.maximum(10.0 ** (weaker_db / 10.0), 0.25)
    out: F64 = code * np.sqrt(weak * (FLOOR**2 + (1.0 - FLOOR**2) / np.maximum(count, 1)))
    return out
