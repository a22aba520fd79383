"""Positions of all stations of a tick from one epoch each: batched least squares, no loop over stations.

Unknown are three coordinates and a clock for every system that is there (a receiver clock and an offset
between systems, in one); BeiDou-2 and -3 count as two systems. The clocks go out of the equations by
taking, in every group of an epoch's satellites of one system, the weighted mean off; what stays is three by
three. A system with one satellite then tells nothing, as it must. Nothing of earlier epochs and no known
place is in a solution: it starts at the earth's centre, or wherever the caller thinks, which only saves
rounds.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from hncors.geodesy import EARTH_ROTATION_RAD_S, enu_axes, to_geodetic
from hncors.observation import F64, I64, B
from hncors.signals import BDS3_FIRST_SATELLITE, BEIDOU, C_M_S

CLOCKS = 8
BEIDOU_2 = 7
"""Clocks of a receiver are those of the systems by their numbers, and one for BeiDou-2 satellites: receivers
see them a metre or two apart from BeiDou-3's in B1I and B3I, each kind by another amount."""

CONVERGED_M = 1e-3
SETTLED_M = 1.0  # a last step longer than this is no solution
ROUNDS = 10  # from the earth's centre six bring it to millimetres
_FLAT = 1e-9  # determinant of directions, of a trace of about one: below they lie in a plane
_UPPER = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
_FULL = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


class Groups(NamedTuple):
    """Rows by epoch and system: those of one epoch and system follow each other."""

    epochs: int
    epoch: I64  # of each row
    group: I64  # of each row
    start: I64  # first row of each group
    clock: I64  # of each group: system, or BEIDOU_2
    first: I64  # first group of each epoch that has one
    present: I64  # those epochs

    @classmethod
    def of(cls, epoch: I64, clock: I64, epochs: int) -> Self:
        """Groups of rows in the order of epoch and clock."""
        key = epoch * CLOCKS + clock
        new = np.ones(len(key), bool)
        new[1:] = key[1:] != key[:-1]
        start = np.flatnonzero(new)
        of_group = epoch[start]
        begins = np.ones(len(start), bool)
        begins[1:] = of_group[1:] != of_group[:-1]
        first = np.flatnonzero(begins)
        return cls(epochs, epoch, np.cumsum(new) - 1, start, clock[start], first, of_group[first])

    def by_group(self, rows: F64) -> F64:
        """Sums over each group, of columns (rows, k)."""
        out: F64 = np.add.reduceat(rows, self.start, axis=0)
        return out

    def by_epoch(self, groups: F64) -> F64:
        """Sums over the groups of each epoch, shape (epochs, k); 0 for epochs without rows."""
        out = np.zeros((self.epochs, *groups.shape[1:]))
        out[self.present] = np.add.reduceat(groups, self.first, axis=0)
        return out


class Fixes(NamedTuple):
    """Solutions, one row an epoch, nan where there is none; and what they leave, one row a range."""

    place_m: F64  # (epochs, 3) ECEF
    covariance_m2: F64  # (epochs, 3, 3), by the sigmas given
    pdop: F64
    clock_m: F64  # (epochs, CLOCKS)
    used: I64  # satellites of systems that have two or more
    systems: I64  # bit n: clock n
    redundancy: I64  # ranges less unknowns
    use: B  # of each range
    residual_m: F64  # range less what the solution makes of it; nan where not used


def clocks(gnss: I64, satellite: I64) -> I64:
    """Which of a receiver's clocks the ranges of each satellite hold."""
    return np.where((gnss == BEIDOU) & (satellite < BDS3_FIRST_SATELLITE), BEIDOU_2, gnss)


def line_of_sight(place_m: F64, satellite_m: F64) -> tuple[F64, F64]:
    """Range (n,) with the earth's turn while the signal came (Sagnac), and direction (n, 3)."""
    line = satellite_m - place_m
    distance = np.sqrt(np.einsum("ij,ij->i", line, line))
    turn = (EARTH_ROTATION_RAD_S / C_M_S) * (
        satellite_m[:, 0] * place_m[:, 1] - satellite_m[:, 1] * place_m[:, 0]
    )
    return distance + turn, line / distance[:, None]


def directions(place_m: F64, of_row: I64, direction: F64) -> tuple[F64, F64]:
    """Azimuth and elevation, radians, of directions (n, 3) seen from the places (epochs, 3) of their rows."""
    geodetic = to_geodetic(place_m)
    enu = np.einsum("ijk,ik->ij", enu_axes(geodetic)[of_row], direction)
    return np.arctan2(enu[:, 0], enu[:, 1]), np.arcsin(np.clip(enu[:, 2], -1.0, 1.0))


def redundancy(groups: Groups, use: B) -> I64:
    """Ranges used less unknowns, by epoch; ranges that are the only ones of their clock count as neither."""
    if not len(use):
        return np.full(groups.epochs, -3, np.int64)
    count = groups.by_group(use.astype(np.float64))
    return groups.by_epoch(np.where(count > 1, count - 1, 0.0)).astype(np.int64) - 3


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # of epochs that have no solution
def solve(groups: Groups, satellite_m: F64, range_m: F64, sigma_m: F64, start_m: F64) -> Fixes:
    """Least squares of ranges (n,) that are free of all but the receiver's clocks.

    `satellite_m` (n, 3) is where each satellite was when it sent, in the frame of that time; ranges of a
    sigma that is nan are not used; `start_m` (epochs, 3) is where to begin.
    """
    epoch, group = groups.epoch, groups.group
    if not len(epoch):
        return _nothing(groups.epochs)
    use = ~np.isnan(sigma_m) & ~np.isnan(range_m)
    weight = np.where(use, 1.0 / np.square(sigma_m), 0.0)
    count = groups.by_group(use.astype(np.float64))
    total = groups.by_group(weight)
    share = 1.0 / np.where(total > 0.0, total, 1.0)
    place = start_m.copy()
    for _ in range(ROUNDS):
        distance, direction = line_of_sight(place[epoch], satellite_m)
        left = np.where(use, range_m - distance, 0.0)
        columns = np.concatenate((direction, left[:, None]), axis=1)
        mean = groups.by_group(columns * weight[:, None]) * share[:, None]
        centred = columns - mean[group]
        normal = normal_3(groups, centred, weight)
        good = (
            _determinant(normal) > _FLAT * np.maximum(normal[:, 0] + normal[:, 3] + normal[:, 5], 1e-30) ** 3
        )
        inverse = inverse_3(normal)
        step = -np.einsum("eij,ej->ei", inverse, normal[:, 6:])
        step[~good] = 0.0
        place += step
        if np.abs(step).max(initial=0.0) < CONVERGED_M:
            break
    left_over = np.where(use, centred[:, 3] + np.einsum("ij,ij->i", centred[:, :3], step[epoch]), np.nan)
    many = count > 1
    used = groups.by_epoch(np.where(many, count, 0.0))
    systems = groups.by_epoch(np.ldexp(1.0, groups.clock) * many)
    unknowns = 3 + groups.by_epoch(many.astype(np.float64))
    good &= (used >= unknowns) & (np.abs(step).max(axis=1) < SETTLED_M)
    plain = normal_3(
        groups,
        direction - (groups.by_group(direction * use[:, None]) / np.maximum(count, 1)[:, None])[group],
        use.astype(np.float64),
    )
    clock = np.full((groups.epochs, CLOCKS), np.nan)
    rows = np.flatnonzero(count > 0)
    first_guess = mean[:, 3] + np.einsum("ij,ij->i", mean[:, :3], step[epoch[groups.start]])
    clock[epoch[groups.start[rows]], groups.clock[rows]] = first_guess[rows]
    bad = ~good
    place[bad], inverse[bad], clock[bad] = np.nan, np.nan, np.nan
    left_over[bad[epoch]] = np.nan
    pdop = np.sqrt(np.trace(inverse_3(plain), axis1=1, axis2=2))
    return Fixes(
        place, inverse, np.where(good, pdop, np.nan), clock, used.astype(np.int64), systems.astype(np.int64),
        (used - unknowns).astype(np.int64), use & good[epoch], left_over,
    )  # fmt: skip


def normal_3(groups: Groups, columns: F64, weight: F64) -> F64:
    """Upper triangle of the normal matrices, and the right sides if there is a fourth column, by epoch."""
    pairs = [*_UPPER, *((n, 3) for n in range(3) if columns.shape[1] > 3)]
    products = np.empty((len(columns), len(pairs)))
    weighted = columns * weight[:, None]
    for n, (i, j) in enumerate(pairs):
        np.multiply(weighted[:, i], columns[:, j], out=products[:, n])
    return groups.by_epoch(groups.by_group(products))


def _determinant(n: F64) -> F64:
    a, b, c, d, e, f = n[:, :6].T
    out: F64 = a * (d * f - e * e) - b * (b * f - c * e) + c * (b * e - c * d)
    return out


def inverse_3(n: F64) -> F64:
    """Inverses (epochs, 3, 3) by cofactors; inf or nan where there is none."""
    a, b, c, d, e, f = n[:, :6].T
    cofactors = np.stack(
        (d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e, a * d - b * b)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        out: F64 = (cofactors / _determinant(n)).T[:, _FULL]
    return out


def _nothing(epochs: int) -> Fixes:
    none = np.full((epochs, 3), np.nan)
    zero = np.zeros(epochs, np.int64)
    empty = np.empty(0)
    unknown = np.full((epochs, 3, 3), np.nan)
    clock = np.full((epochs, CLOCKS), np.nan)
    return Fixes(none, unknown, none[:, 0], clock, zero, zero, zero - 3, np.empty(0, bool), empty)
