"""Positions and clocks of GLONASS: its equations of motion integrated from tb.

The force model is the ICD's (edition 5.1, A.3.1.2): the earth's attraction with its flattening, the
rotation of the frame, and the pull of sun and moon as sent, constant. Fourth-order Runge-Kutta in
steps of 60 s. The steps from tb are taken once for a set; a time between them costs one more step.

Coordinates are PZ-90.11, which agrees with ITRF to a few centimetres (ICD CDMA general, 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hncors.observation import F64, I64
from hncors.rtcm3.ephemeris import Ephemeris, reference_time_ms

# ICD 5.1, table 3.2 and A.3.1.2.
MU_M3_S2 = 3.9860044e14
RADIUS_M = 6_378_136.0
J2 = 1.0826257e-3
ROTATION_RAD_S = 7.292115e-5

STEP_S = 60.0
STEPS = 60
"""An hour from tb: twice what the ICD lets sets be used for (30 minutes either side at most)."""


@dataclass(frozen=True, slots=True)
class Arcs:
    """The arcs of sets about their tb, one row a set."""

    tb_gps_ms: I64
    states: F64  # (sets, 2 STEPS + 1, 6): position and velocity at tb + (k - STEPS) * 60 s
    pull_m_s2: F64  # (sets, 3), of sun and moon
    tau_s: F64
    gamma: F64


def arcs(sets: Sequence[Ephemeris], near_gps_ms: Sequence[int]) -> Arcs:
    """Arcs of sets; `near_gps_ms` is a time near which each was sent, to complete its day."""
    count = len(sets)
    start = np.array([[e[n] for n in ("x_m", "y_m", "z_m", "vx_m_s", "vy_m_s", "vz_m_s")] for e in sets])
    start = start.reshape(count, 6)
    pull = np.array([[e[n] for n in ("ax_m_s2", "ay_m_s2", "az_m_s2")] for e in sets]).reshape(count, 3)
    states = np.empty((count, 2 * STEPS + 1, 6))
    states[:, STEPS] = start
    both = np.concatenate((start, start))  # forwards and backwards at once
    step = np.repeat((STEP_S, -STEP_S), count)
    for k in range(1, STEPS + 1):
        both = runge_kutta(both, np.concatenate((pull, pull)), step)
        states[:, STEPS + k], states[:, STEPS - k] = both[:count], both[count:]
    return Arcs(
        np.array([reference_time_ms(e, ms) for e, ms in zip(sets, near_gps_ms, strict=True)], np.int64),
        states,
        pull,
        np.array([e["tau_s"] for e in sets], np.float64),
        np.array([e["gamma"] for e in sets], np.float64),
    )


def evaluate(arcs: Arcs, which: I64, gps_ms: I64, fraction_s: F64) -> tuple[F64, F64, F64, F64]:
    """As `kepler.evaluate`, row i being set which[i]; nan more than an hour from tb.

    tau_n and gamma_n are sent with relativity in them (ICD 5.1, 4.4), so nothing is added here.
    """
    t = (gps_ms - arcs.tb_gps_ms[which]) / 1000.0 + fraction_s
    far = ~(np.abs(t) <= STEPS * STEP_S)
    t = np.where(far, 0.0, t)
    whole = np.trunc(t / STEP_S)  # towards tb, so that steps from it come first and the rest last
    state = arcs.states[which, STEPS + whole.astype(np.int64)]
    state = runge_kutta(state, arcs.pull_m_s2[which], t - whole * STEP_S)
    state[far] = np.nan
    t[far] = np.nan
    return state[:, :3], state[:, 3:], arcs.gamma[which] * t - arcs.tau_s[which], arcs.gamma[which] + 0.0 * t


def acceleration_m_s2(position: F64, velocity: F64) -> F64:
    """What the earth and the rotation of the frame do to satellites, (n, 3) each, in m/s2.

    Newton's attraction with its second zonal harmonic, Coriolis' and the centrifugal acceleration.
    """
    x, y, z = position[:, 0], position[:, 1], position[:, 2]
    r2 = x * x + y * y + z * z
    attraction = MU_M3_S2 / (r2 * np.sqrt(r2))
    flattening = 1.5 * J2 * RADIUS_M**2 / r2
    sine2 = 5.0 * z * z / r2  # five times the sine of the latitude, squared
    out = np.empty_like(position)
    level = ROTATION_RAD_S**2 - attraction * (1.0 + flattening * (1.0 - sine2))
    out[:, 0] = level * x + 2.0 * ROTATION_RAD_S * velocity[:, 1]
    out[:, 1] = level * y - 2.0 * ROTATION_RAD_S * velocity[:, 0]
    out[:, 2] = -attraction * (1.0 + flattening * (3.0 - sine2)) * z
    return out


def runge_kutta(state: F64, pull: F64, step_s: F64) -> F64:
    """One step of the equations of motion for states (n, 6), of its own length for each."""
    h = step_s[:, None]
    k1 = _rate(state, pull)
    k2 = _rate(state + 0.5 * h * k1, pull)
    k3 = _rate(state + 0.5 * h * k2, pull)
    k4 = _rate(state + h * k3, pull)
    out: F64 = state + h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4)
    return out


def _rate(state: F64, pull: F64) -> F64:
    position, velocity = state[:, :3], state[:, 3:]
    return np.concatenate((velocity, acceleration_m_s2(position, velocity) + pull), axis=1)
