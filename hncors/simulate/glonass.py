"""GLONASS sets along orbits that are integrated with the equations of motion its receivers use."""

from __future__ import annotations

import numpy as np

from hncors import gpstime
from hncors.gpstime import DAY_MS
from hncors.measure.glonass import ROTATION_RAD_S, STEP_S, runge_kutta
from hncors.observation import F64
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.simulate.constellation import Orbit, rounded
from hncors.simulate.plan import CHANNELS

PERIOD_S = 1800  # a set is of the middle of the half hour in which it is sent
_PULL_UNIT_M_S2 = 1000 * 2.0**-30  # DF113
_GAMMA_UNIT = 2.0**-40  # DF121
_TAU_UNIT_S = 2.0**-30  # DF125
_FOUR_YEARS_FROM_UNIX_DAYS = 9_496  # 1996-01-01, from 1970-01-01


class Integrated:
    """The orbits of all GLONASS satellites, carried forward half hour by half hour."""

    def __init__(self, orbits: list[Orbit], anchor_ms: int, chance: np.random.Generator) -> None:
        self._orbits = orbits
        self._first = self._turn = turn_number(anchor_ms)
        self._state = _start(orbits)
        # Sun and moon pull by some 1e-6 m/s2; here each satellite has its own constant.
        self._pull = chance.integers(-2, 3, (len(orbits), 3)).astype(np.float64) * _PULL_UNIT_M_S2
        self._gamma = chance.integers(-3, 4, len(orbits)) * _GAMMA_UNIT
        self._tau = np.array([orbit.clock_s for orbit in orbits])
        self._delta_tau = chance.integers(-2, 3, len(orbits)) * _TAU_UNIT_S

    def sets(self, turn: int) -> list[Ephemeris]:
        """The sets of a half hour, of one not before the last asked for. Rounded as sent."""
        while self._turn < turn:
            for _ in range(round(PERIOD_S / STEP_S)):
                self._state = runge_kutta(self._state, self._pull, np.full(len(self._state), STEP_S))
            self._turn += 1
        later_s = PERIOD_S * (turn - self._first)
        tau = self._tau - self._gamma * later_s
        tb_ms = 1000 * (PERIOD_S * turn + PERIOD_S // 2)
        days, of_day_ms = divmod(tb_ms, DAY_MS)
        interval, day = divmod(days - _FOUR_YEARS_FROM_UNIX_DAYS, 1461)
        shared = {
            "almanac_health": 1, "almanac_known": 1, "p1": 1, "tk_hour": (of_day_ms - 900_000) // 3_600_000,
            "tk_minute": (of_day_ms - 900_000) // 60_000 % 60, "tk_half_minute": 0, "bn": 0,
            "p2": turn % 2, "tb_s": of_day_ms // 1000, "p3": 1, "p": 3, "ln": 0, "age_days": 0, "p4": 0,
            "accuracy_index": 2, "day": day + 1, "model": 1, "additional": 1, "almanac_day": day + 1,
            "tau_c_s": 0.0, "four_years": interval + 1, "tau_gps": 0.0, "ln_fifth": 0, "reserved": 0,
        }  # fmt: skip
        return [
            rounded(Ephemeris("R", orbit.satellite.number, 1020, shared | self._own(row, tau[row])))
            for row, orbit in enumerate(self._orbits)
        ]

    def _own(self, row: int, tau_s: float) -> dict[str, float]:
        x, y, z, vx, vy, vz = self._state[row].tolist()
        ax, ay, az = self._pull[row].tolist()
        return {
            "channel": CHANNELS[self._orbits[row].satellite.number - 1],
            "x_m": x, "y_m": y, "z_m": z, "vx_m_s": vx, "vy_m_s": vy, "vz_m_s": vz,
            "ax_m_s2": ax, "ay_m_s2": ay, "az_m_s2": az,
            "gamma": float(self._gamma[row]), "tau_s": float(tau_s),
            "delta_tau_s": float(self._delta_tau[row]),
        }  # fmt: skip


def turn_number(time_ms: int) -> int:
    """Number of the half hour, in Moscow's time (UTC + 3 h), of a GPS time."""
    return (gpstime.to_unix_ns(time_ms) // 1_000_000 + gpstime.GLONASS_OFFSET_MS) // (1000 * PERIOD_S)


def _start(orbits: list[Orbit]) -> F64:
    """Positions and velocities on circles, in the frame that turns with the earth, shape (n, 6)."""
    radius = np.array([orbit.semi_major_m for orbit in orbits])
    inclination = np.array([orbit.inclination_rad for orbit in orbits])
    node = np.array([orbit.node_rad for orbit in orbits])
    along = np.array([orbit.mean_anomaly_rad + orbit.perigee_rad for orbit in orbits])
    speed = np.sqrt(3.986004418e14 / radius)
    out = []
    for x, y, scale in (
        (np.cos(along), np.sin(along), radius),
        (-np.sin(along), np.cos(along), speed),
    ):
        flat = y * np.cos(inclination)
        out += [
            scale * (x * np.cos(node) - flat * np.sin(node)),
            scale * (x * np.sin(node) + flat * np.cos(node)),
            scale * y * np.sin(inclination),
        ]
    out[3] = out[3] + ROTATION_RAD_S * out[1]
    out[4] = out[4] - ROTATION_RAD_S * out[0]
    return np.stack(out, axis=1)
