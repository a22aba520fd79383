"""The ionosphere as GPS describes it: eight coefficients (IS-GPS-200, 20.3.3.5.2.5, figure 20-4).

RTCM carries no such coefficients. Navigation files do; without one `DEFAULT` stands for them: what GPS sent
on 2004-01-01, an ordinary day. It takes half of the delay away at best, so it is only for stations whose
ranges come on one frequency.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.observation import F64
from hncors.signals import C_M_S


class Coefficients(NamedTuple):
    """Of the cosine's height (s) and period (s), by powers of the magnetic latitude in semicircles."""

    alpha: tuple[float, ...]
    beta: tuple[float, ...]


DEFAULT = Coefficients((1.118e-8, -7.451e-9, -5.961e-8, 1.192e-7), (1.167e5, -2.294e5, -1.311e5, 1.049e6))
_NIGHT_S = 5.0e-9
_SHORTEST_S = 72_000.0
_NOON_S = 50_400.0  # two in the afternoon, local time
_DAY_S = 86_400.0


def delay_m(
    coefficients: Coefficients,
    latitude_rad: F64,
    longitude_rad: F64,
    azimuth_rad: F64,
    elevation_rad: F64,
    time_of_day_s: F64,
) -> F64:
    """Delay on GPS' L1; on another carrier it goes by the inverse square of the frequency."""
    elevation = elevation_rad / np.pi  # semicircles, as everything below
    angle = 0.0137 / (elevation + 0.11) - 0.022  # at the earth's centre
    latitude = np.clip(latitude_rad / np.pi + angle * np.cos(azimuth_rad), -0.416, 0.416)
    longitude = longitude_rad / np.pi + angle * np.sin(azimuth_rad) / np.cos(latitude * np.pi)
    magnetic = latitude + 0.064 * np.cos((longitude - 1.617) * np.pi)
    local_s = np.mod(_DAY_S / 2 * longitude + time_of_day_s, _DAY_S)
    height = np.maximum(np.polyval(coefficients.alpha[::-1], magnetic), 0.0)
    period = np.maximum(np.polyval(coefficients.beta[::-1], magnetic), _SHORTEST_S)
    x = 2.0 * np.pi * (local_s - _NOON_S) / period
    wave = np.where(np.abs(x) < 1.57, height * (1.0 - x**2 / 2.0 + x**4 / 24.0), 0.0)
    slant = 1.0 + 16.0 * (0.53 - elevation) ** 3
    out: F64 = C_M_S * slant * (_NIGHT_S + wave)
    return out
