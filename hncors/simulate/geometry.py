"""Ranges between stations and satellites at an epoch, (stations, satellites)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors.geodesy import EARTH_ROTATION_RAD_S
from hncors.measure.orbit import States
from hncors.observation import F64
from hncors.signals import C_M_S


class Lines(NamedTuple):
    """Lines of sight; all (stations, satellites)."""

    range_m: F64  # from where the satellite was to where the station is, in a frame that stands still
    rate_m_s: F64  # how fast it grows
    satellite_clock_s: F64  # when the signal left
    azimuth: F64  # radians
    elevation: F64
    sine_rate: F64  # of the elevation's sine, 1/s


def lines(states: States, place_m: F64, axes: F64, clock_s: F64) -> Lines:
    """Lines to stations at `place_m` (n, 3), whose `axes` are east, north, up (n, 3, 3).

    Signals arrive when the stations' clocks, `clock_s` (n,) ahead, show the time of `states`.
    """
    received = -clock_s[:, None]
    apart = states.position_m[None] - place_m[:, None]
    travel = np.sqrt(np.einsum("nsk,nsk->ns", apart, apart)) / C_M_S
    for _ in range(2):  # each round leaves the range rate over c of the error before, some 1e-6
        position, velocity = _sent(states, received - travel, travel)
        apart = position - place_m[:, None]
        range_m = np.sqrt(np.einsum("nsk,nsk->ns", apart, apart))
        travel = range_m / C_M_S
    unit = apart / range_m[..., None]
    # c t' = u.v (1 - t') + w t' u.(y, -x, 0): the satellite moves until the signal leaves, and its frame
    # is turned by as much as the signal travels.
    along = np.einsum("nsk,nsk->ns", unit, velocity)
    turned = EARTH_ROTATION_RAD_S * (unit[..., 0] * position[..., 1] - unit[..., 1] * position[..., 0])
    rate = C_M_S * along / (C_M_S + along - turned)
    east, north, up = np.moveaxis(np.einsum("nik,nsk->nsi", axes, unit), 2, 0)
    climb = np.einsum("nk,nsk->ns", axes[:, 2], velocity)
    sine_rate = (climb - up * along) / range_m
    clock = states.clock_s + (received - travel) * states.clock_rate
    return Lines(
        range_m, rate, clock, np.arctan2(east, north) % (2 * np.pi), np.arcsin(np.clip(up, -1, 1)), sine_rate
    )


def _sent(states: States, later: F64, travel: F64) -> tuple[F64, F64]:
    """Positions and velocities `later` seconds after the time of the states, in the frame of reception."""
    t = later[..., None]
    velocity = states.velocity_m_s + t * states.acceleration_m_s2
    position = states.position_m + t * (states.velocity_m_s + 0.5 * t * states.acceleration_m_s2)
    angle = EARTH_ROTATION_RAD_S * travel
    return _turned(position, angle), _turned(velocity, angle)


def _turned(vector: F64, angle: F64) -> F64:
    """Vectors in axes that have gone round by an angle below 1e-4, to 1e-13 of their length."""
    out = vector.copy()
    cosine = 1 - 0.5 * angle * angle
    out[..., 0] = cosine * vector[..., 0] + angle * vector[..., 1]
    out[..., 1] = cosine * vector[..., 1] - angle * vector[..., 0]
    return out


def above(states: States, place_m: F64, up: F64, lowest: float) -> NDArray[np.intp]:
    """Rows of satellites that stand higher than an angle (radians) over any place; both are (n, 3)."""
    height = up @ states.position_m.T - np.einsum("nk,nk->n", up, place_m)[:, None]
    own, theirs = (np.einsum("nk,nk->n", one, one) for one in (place_m, states.position_m))
    squared = own[:, None] + theirs - 2 * place_m @ states.position_m.T
    return np.flatnonzero((height > np.sin(lowest) * np.sqrt(squared)).any(axis=0))
