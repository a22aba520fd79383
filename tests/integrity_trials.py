"""Skies and ranges of which everything is known, for tests of integrity and the table of docs/integrity.md.

Satellites stand on a sphere of 26,560 km about the earth's centre, seen from one place above ten degrees; a
range is its distance, the way the earth turned meanwhile, a clock of its system, an error by its sigma and
a fault.
Nothing of the product has part in it but what it is asked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.exclusion import ALERT, EXCLUDED, Equations, doubted, without_faults
from hncors.measure.position import BEIDOU_2, Groups, Lines, lines, locate
from hncors.signals import GNSS

LATITUDE, LONGITUDE = np.radians(28.2), np.radians(112.9)
PLACE_M = 6_373_000.0 * np.array(
    [np.cos(LATITUDE) * np.cos(LONGITUDE), np.cos(LATITUDE) * np.sin(LONGITUDE), np.sin(LATITUDE)]
)
ORBIT_M = 26_560_000.0
TURN_RAD_S, C_M_S = 7.2921151467e-5, 299_792_458.0


class Sky(NamedTuple):
    """Epochs of satellites, rows by epoch and clock."""

    groups: Groups
    clock: np.ndarray
    satellite_m: np.ndarray
    enu: np.ndarray
    sigma_m: np.ndarray
    axes: np.ndarray  # (3, 3) east, north, up


def axes() -> np.ndarray:
    """East, north and up at the place, on the sphere."""
    up = PLACE_M / np.linalg.norm(PLACE_M)
    east = np.array([-np.sin(LONGITUDE), np.cos(LONGITUDE), 0.0])
    return np.stack((east, np.cross(up, east), up))


def sky(epochs: int, systems: dict[str, int], seed: int) -> Sky:
    """Other directions in every epoch; `systems` says how many satellites, "C2" for BeiDou-2."""
    r = np.random.default_rng(seed)
    one = np.array(
        sorted(
            BEIDOU_2 if name == "C2" else GNSS.index(name) for name, n in systems.items() for _ in range(n)
        )
    )
    clock = np.tile(one, epochs)
    rows = len(clock)
    sine = r.uniform(np.sin(np.radians(10.0)), 1.0, rows)
    azimuth = r.uniform(0.0, 2 * np.pi, rows)
    cosine = np.sqrt(1 - sine**2)
    enu = np.stack((cosine * np.sin(azimuth), cosine * np.cos(azimuth), sine), axis=1)
    line = enu @ axes()
    # distance to the sphere of the orbits along the line
    along = line @ PLACE_M
    distance = -along + np.sqrt(along**2 + ORBIT_M**2 - PLACE_M @ PLACE_M)
    sigma = 0.6 + 0.4 / sine
    groups = Groups.of(np.arange(epochs).repeat(len(one)), clock, epochs)
    return Sky(groups, clock, (PLACE_M + line * distance[:, None]).T, enu.T, sigma, axes())


def ranges(one: Sky, fault_m: np.ndarray, r: np.random.Generator) -> tuple[Equations, Lines, np.ndarray]:
    """Ranges with a fault each, lines and starts: where the ranges, faults and all, put the station."""
    distance = np.linalg.norm(one.satellite_m.T - PLACE_M, axis=1)
    turn = TURN_RAD_S / C_M_S * (one.satellite_m[0] * PLACE_M[1] - one.satellite_m[1] * PLACE_M[0])
    clocks = r.uniform(-300_000.0, 300_000.0, (one.groups.epochs, 8))[one.groups.epoch, one.clock]
    measured = distance + turn + clocks + r.normal(0.0, 1.0, len(distance)) * one.sigma_m + fault_m
    equations = Equations(one.satellite_m, measured, one.sigma_m, one.enu)
    near = np.tile(PLACE_M, (one.groups.epochs, 1))
    place = locate(one.groups, one.satellite_m, measured, np.ones(len(measured)), near)
    start = np.where(np.isnan(place), near, place)
    return equations, lines(one.groups, start, one.satellite_m), start


def held(one: Sky, epochs: int) -> Sky:
    """Each epoch's sky again and again: runs of so many epochs, each run's one after the other."""
    size = len(one.clock) // one.groups.epochs
    order = np.arange(len(one.clock)).reshape(-1, size).repeat(epochs, axis=0).ravel()
    runs = one.groups.epochs * epochs
    groups = Groups.of(np.arange(runs).repeat(size), one.clock[order], runs)
    return Sky(
        groups, one.clock[order], one.satellite_m[:, order], one.enu[:, order], one.sigma_m[order], one.axes
    )


class Trial(NamedTuple):
    """What came of runs of epochs with one kind of fault from their first epoch on."""

    runs: int
    hazards: int  # runs in which the error was above the protection level at least once
    detected: int  # runs with an alert or an exclusion
    misleading_s: int  # longest stretch of epochs with the error above the level and no alert
    misleading: int  # such epochs
    delay_s: float  # median from a fault's begin to its being told, of the runs detected; nan if none
    excluded: float  # share of the epochs told in which exactly what was at fault was left out
    named: float  # share of them in which something at fault, and nothing else, was left out
    worst: float  # largest error by its protection level


def trial(one: Sky, epochs: int, fault_m: np.ndarray, seed: int) -> Trial:
    """`fault_m` has the shape (runs, epochs, satellites); `one` has a sky for each run."""
    runs, _, size = fault_m.shape
    at = held(one, epochs)
    found = without_faults(at.groups, *ranges(at, fault_m.ravel(), np.random.default_rng([seed, 2])))
    error = np.abs((found.fixes.place_m - PLACE_M) @ at.axes.T)
    level = found.separation.level_m
    horizontal = np.hypot(error[:, 0], error[:, 1]) / np.hypot(level[:, 0], level[:, 1])
    ratio = np.fmax(horizontal, error[:, 2] / level[:, 2]).reshape(runs, epochs)
    alert_ms = np.full(runs, -(1 << 60))
    state = found.state.reshape(runs, epochs).copy()
    for n in range(epochs):  # at 1 Hz
        state[:, n], alert_ms = doubted(state[:, n], np.full(runs, 1000 * n), alert_ms)
    told = (state == EXCLUDED) | (state == ALERT)
    unsafe = (ratio > 1.0) & (state != ALERT)
    stretch, longest = np.zeros(runs, np.int64), 0
    for column in unsafe.T:
        stretch = np.where(column, stretch + 1, 0)
        longest = max(longest, int(stretch.max(initial=0)))
    out, faulty = found.out.reshape(runs, epochs, size), fault_m != 0.0
    some = out.any(axis=2)
    exact = (out == faulty).all(axis=2) & some
    only = some & ~(out & ~faulty).any(axis=2)
    detected = told.any(axis=1)
    count = max(int(told.sum()), 1)
    return Trial(
        runs,
        int((ratio > 1.0).any(axis=1).sum()),
        int(detected.sum()),
        longest,
        int(unsafe.sum()),
        float(np.median(told.argmax(axis=1)[detected])) if detected.any() else float("nan"),
        float((exact & told).sum() / count),
        float((only & told).sum() / count),
        float(np.nanmax(np.where(told, 0.0, ratio))),
    )
