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

from hncors.geodesy import EARTH_ROTATION_RAD_S, enu_axes
from hncors.observation import F64, I64, B
from hncors.signals import BDS3_FIRST_SATELLITE, BEIDOU, C_M_S, GPS, QZSS

CLOCKS = 8
BEIDOU_2 = 7
"""Clocks of a receiver are those of the systems by their numbers, and one for BeiDou-2 satellites: receivers
see them a metre or two apart from BeiDou-3's in B1I and B3I, each kind by another amount."""

NEAR_M = 100.0  # equations at a start this near lead to within a millimetre of the place: 100^2 / 2e7
SETTLED_M = 1.0  # a last step longer than this is no solution
ROUNDS = 10  # from the earth's centre five are enough
_FLAT = 1e-9  # determinant of directions, of a trace of about one: below they lie in a plane
_PRODUCTS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2), (0, 3), (1, 3), (2, 3))
# Cofactors of an upper triangle: a product of two of the six less another.
_PLUS = np.array([[3, 2, 1, 0, 1, 0], [5, 4, 4, 5, 2, 3]])
_MINUS = np.array([[4, 1, 2, 2, 0, 1], [4, 5, 3, 2, 4, 1]])
FULL = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])  # where each is in an upper triangle of six


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

    def by_group(self, columns: F64) -> F64:
        """Sums over each group, along the last axis."""
        out: F64 = np.add.reduceat(columns, self.start, axis=-1)
        return out

    def by_epoch(self, groups: F64) -> F64:
        """Sums over the groups of each epoch, along the last axis; 0 for epochs without rows."""
        out = np.zeros((*groups.shape[:-1], self.epochs))
        out[..., self.present] = np.add.reduceat(groups, self.first, axis=-1)
        return out


class Lines(NamedTuple):
    """From a place of each epoch to its satellites."""

    distance_m: F64  # (n,) with the earth's turn while the signal came (Sagnac)
    direction: F64  # (3, n) unit vectors


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


def clocks(gnss: I64, satellite: I64, short: B | None = None) -> I64:
    """Which of a receiver's clocks the ranges of each satellite hold.

    Where satellites are `short`, QZSS shares GPS' clock and BeiDou-2 BeiDou-3's, to some metres.
    """
    clock = np.where((gnss == BEIDOU) & (satellite < BDS3_FIRST_SATELLITE), BEIDOU_2, gnss)
    if short is None:
        return clock
    return np.where(short & (clock == QZSS), GPS, np.where(short & (clock == BEIDOU_2), BEIDOU, clock))


def lines(groups: Groups, place_m: F64, satellite_m: F64) -> Lines:
    """From places (epochs, 3) to satellites (3, n): where each was when it sent, in that time's frame."""
    place = place_m.T.take(groups.epoch, axis=1)
    line = satellite_m - place
    distance = np.sqrt(line[0] * line[0] + line[1] * line[1] + line[2] * line[2])
    turn = satellite_m[0] * place[1] - satellite_m[1] * place[0]
    return Lines(distance + (EARTH_ROTATION_RAD_S / C_M_S) * turn, line / distance)


def directions(geodetic: F64, epoch: I64, direction: F64) -> tuple[F64, F64]:
    """Azimuth and sine of the elevation of directions (3, n), each at the place (epochs, 3) of its epoch."""
    axes = np.moveaxis(enu_axes(geodetic), 0, -1).reshape(9, -1).take(epoch, axis=1)
    east, north, up = (
        axes[n] * direction[0] + axes[n + 1] * direction[1] + axes[n + 2] * direction[2] for n in (0, 3, 6)
    )
    return np.arctan2(east, north), up


def redundancy(groups: Groups, use: B) -> I64:
    """Ranges used less unknowns, by epoch; ranges that are the only ones of their clock count as neither."""
    if not len(use):
        return np.full(groups.epochs, -3, np.int64)
    count = groups.by_group(use.astype(np.float64))
    spare = groups.by_epoch(np.where(count > 1, count - 1, 0.0))
    return spare.astype(np.int64) - 3


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # of epochs that have no solution
def locate(groups: Groups, satellite_m: F64, range_m: F64, weight: F64, start_m: F64) -> F64:
    """Places (epochs, 3) by plain least squares, wherever the start; nan where there is none."""
    place = start_m.copy()
    if not len(weight):
        return np.full_like(place, np.nan)
    use = weight > 0.0
    for _ in range(ROUNDS):
        to = lines(groups, place, satellite_m)
        step, good, _ = _step(
            _sums(groups, to.direction, np.where(use, range_m - to.distance_m, 0.0), weight)
        )
        place += step
        longest = np.abs(step).max(axis=1)
        if longest.max(initial=0.0) < SETTLED_M:
            break
    place[~good | (longest > NEAR_M)] = np.nan
    return place


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def solve(groups: Groups, to: Lines, range_m: F64, sigma_m: F64, start_m: F64) -> Fixes:
    """Least squares of ranges (n,) that are free of all but the receiver's clocks.

    `to` are the lines from `start_m` (epochs, 3), which has to be within NEAR_M of the solution; ranges of
    a sigma that is nan are not used.
    """
    if not len(range_m):
        return _nothing(groups.epochs)
    use = ~np.isnan(sigma_m) & ~np.isnan(range_m)
    weight = np.where(use, 1.0 / (sigma_m * sigma_m), 0.0)
    left = np.where(use, range_m - to.distance_m, 0.0)
    sums = _sums(groups, to.direction, left, weight)
    step, good, inverse = _step(sums)
    count = groups.by_group(use.astype(np.float64))
    many = count > 1
    used = groups.by_epoch(np.where(many, count, 0.0))
    systems = groups.by_epoch(np.where(many, np.ldexp(1.0, groups.clock), 0.0))
    spare = used - 3.0 - groups.by_epoch(many.astype(np.float64))
    good &= (spare >= 0.0) & (np.abs(step).max(axis=1) <= NEAR_M)
    # Of a clock: the mean of what is left in its group; by rows: the rest.
    moved = step.T
    of_group = moved.take(groups.epoch[groups.start], axis=1)
    mean = sums.mean[3] + (sums.mean[:3] * of_group).sum(axis=0)
    of_row = moved.take(groups.epoch, axis=1)
    direction = to.direction
    left += direction[0] * of_row[0] + direction[1] * of_row[1] + direction[2] * of_row[2]
    left -= mean.take(groups.group)
    clock = np.full((groups.epochs, CLOCKS), np.nan)
    rows = np.flatnonzero(count > 0)
    clock[groups.epoch[groups.start[rows]], groups.clock[rows]] = mean[rows]
    geometry = inverse_6(_sums(groups, direction, None, use.astype(np.float64)).normal)
    pdop = np.sqrt(geometry[0] + geometry[3] + geometry[5])
    bad = ~good
    place, covariance = start_m + step, inverse.T[:, FULL]
    place[bad], covariance[bad], clock[bad], pdop[bad] = np.nan, np.nan, np.nan, np.nan
    use &= good.take(groups.epoch)
    left[~use] = np.nan
    return Fixes(
        place, covariance, pdop, clock, used.astype(np.int64), systems.astype(np.int64),
        spare.astype(np.int64), use, left,
    )  # fmt: skip


class _Sums(NamedTuple):
    normal: F64  # (6 or 9, epochs): upper triangle of the normal matrix, and the right side
    mean: F64  # (3 or 4, groups): of directions, and of what is left


def _sums(groups: Groups, direction: F64, left: F64 | None, weight: F64) -> _Sums:
    """Normal equations with the clocks taken out: sums of products less those of the groups' means."""
    columns = [*direction] if left is None else [*direction, left]
    pairs = _PRODUCTS[:6] if left is None else _PRODUCTS
    made = np.empty((len(pairs) + len(columns) + 1, len(weight)))
    first = len(pairs)
    for n, column in enumerate(columns):
        np.multiply(column, weight, out=made[first + n])
    for n, (i, j) in enumerate(pairs):
        np.multiply(made[first + i], columns[j], out=made[n])
    made[-1] = weight
    sums = groups.by_group(made)
    mean = sums[first:-1] / np.where(sums[-1] > 0.0, sums[-1], 1.0)
    for n, (i, j) in enumerate(pairs):
        sums[n] -= sums[first + i] * mean[j]
    return _Sums(groups.by_epoch(sums[:first]), mean)


def _step(sums: _Sums) -> tuple[F64, B, F64]:
    """Step (epochs, 3), whether there is one, and the inverse (6, epochs) of the normal matrix."""
    n = sums.normal
    inverse, good = invert(n)
    step = np.stack([-(inverse[FULL[axis]] * n[6:]).sum(axis=0) for axis in range(3)], axis=1)
    step[~good] = 0.0
    return step, good, inverse


def invert(n: F64) -> tuple[F64, B]:
    """Upper triangles (6, ...) of inverses, by cofactors, and where they are more than rounding."""
    inverse: F64 = n[_PLUS[0]]
    inverse *= n[_PLUS[1]]
    minus = n[_MINUS[0]]
    minus *= n[_MINUS[1]]
    inverse -= minus
    determinant = n[0] * inverse[0]
    determinant += n[1] * inverse[1]
    determinant += n[2] * inverse[2]
    trace = n[0] + n[3]
    trace += n[5]
    np.maximum(trace, 1e-30, out=trace)
    good: B = determinant > _FLAT * (trace * trace * trace)
    inverse /= determinant
    return inverse, good


def inverse_6(n: F64) -> F64:
    """Upper triangles (6, ...) of the inverses; inf or nan where there is none."""
    return invert(n)[0]


def _nothing(epochs: int) -> Fixes:
    none = np.full((epochs, 3), np.nan)
    zero = np.zeros(epochs, np.int64)
    empty = np.empty(0)
    unknown = np.full((epochs, 3, 3), np.nan)
    clock = np.full((epochs, CLOCKS), np.nan)
    return Fixes(none, unknown, none[:, 0], clock, zero, zero, zero - 3, np.empty(0, bool), empty)
