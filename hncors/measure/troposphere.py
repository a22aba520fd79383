"""Delay of the air: pressure, temperature and humidity of a place and day, straight up and along a line.

The weather is RTCA's: means by latitude with a yearly wave (RTCA DO-229D, appendix A.4.2.4, tables A-2),
which is 5 cm from what balloons see, straight up. Saastamoinen's dry part follows from its pressure. The
way along a line of sight is Black and Eisner's (1984, RTCA's equation A-13), good above 5 degrees.
"""

from __future__ import annotations

import numpy as np

from hncors.gpstime import DAY_MS, to_unix_ms
from hncors.observation import F64, I64

_LATITUDE_DEG = np.array([15.0, 30.0, 45.0, 60.0, 75.0])
# Rows: pressure (hPa), temperature (K), vapour pressure (hPa), lapse rate (K/m), lapse of vapour.
_MEAN = np.array(
    [
        [1013.25, 1017.25, 1015.75, 1011.75, 1013.00],
        [299.65, 294.15, 283.15, 272.15, 263.65],
        [26.31, 21.79, 11.66, 6.78, 4.11],
        [6.30e-3, 6.05e-3, 5.58e-3, 5.39e-3, 4.53e-3],
        [2.77, 3.15, 2.57, 1.81, 1.55],
    ]
)
_WAVE = np.array(
    [
        [0.0, -3.75, -2.25, -1.75, -0.50],
        [0.0, 7.00, 11.00, 15.00, 14.50],
        [0.0, 8.85, 7.24, 5.36, 3.39],
        [0.0, 0.25e-3, 0.32e-3, 0.81e-3, 0.62e-3],
        [0.0, 0.33, 0.46, 0.74, 0.30],
    ]
)
_YEAR_DAYS = 365.25
_COLDEST_DAY = (28.0, 211.0)  # of the year, in the north and in the south
_GRAVITY, _MEAN_GRAVITY = 9.80665, 9.784  # m/s2, of the ground and of the column of air
_GAS = 287.054  # J/kg/K, of dry air
_K2 = 382_000.0e-6  # K2/hPa
_LOWEST_M, _HIGHEST_M = -500.0, 9000.0  # where ground is


def zenith_m(latitude_rad: F64, height_m: F64, gps_ms: I64) -> tuple[F64, F64]:
    """Dry and wet delay straight up, metres; heights are taken for those above the sea."""
    degrees = np.degrees(latitude_rad)
    absolute = np.abs(degrees)
    unix_s = to_unix_ms(gps_ms) // 1000
    day = (unix_s / (DAY_MS / 1000)) % _YEAR_DAYS  # 1970 began a year: within a day of the day of year
    phase = np.cos((day - np.where(degrees < 0, _COLDEST_DAY[1], _COLDEST_DAY[0])) * (2 * np.pi / _YEAR_DAYS))
    pressure, temperature, vapour, lapse, vapour_lapse = (
        np.interp(absolute, _LATITUDE_DEG, mean) - np.interp(absolute, _LATITUDE_DEG, wave) * phase
        for mean, wave in zip(_MEAN, _WAVE, strict=True)
    )
    height = np.clip(height_m, _LOWEST_M, _HIGHEST_M)
    cooler = 1.0 - lapse * height / temperature
    exponent = _GRAVITY / (_GAS * lapse)
    dry = (
        0.0022768
        * pressure
        * cooler**exponent
        / (1.0 - 0.00266 * np.cos(2.0 * latitude_rad) - 0.00028e-3 * height)
    )
    wet = (
        _K2 * _GAS / (_MEAN_GRAVITY * (vapour_lapse + 1.0) - lapse * _GAS)
        * vapour / temperature * cooler ** ((vapour_lapse + 1.0) * exponent - 1.0)
    )  # fmt: skip
    return dry, wet


def mapping(sine_elevation: F64) -> F64:
    """How much longer the way through the air is than straight up."""
    out: F64 = 1.001 / np.sqrt(0.002001 + sine_elevation * sine_elevation)
    return out
