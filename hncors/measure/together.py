"""All epochs of a grid solved and tested at once: what `position.solve` and `separation.separate` do by rows.

The equations are in east, north, up of each station and have the clocks taken out by the mean of each span,
so what both need, the centred directions, their weighted products and the inverse, is made once. Sums run
over satellites one after the other, whatever the number of epochs beside: who else is in a tick makes no
difference, to the last digit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hncors.measure import risk
from hncors.measure.grid import Grid
from hncors.measure.position import CLOCKS, FULL, NEAR_M, inverse_6, invert
from hncors.measure.separation import DIAGONAL, LEAST_LEFT, NO_SPREAD_M, SYSTEM_OF_CLOCK, WORST_M2
from hncors.observation import F64, I64, B

MOST_SATELLITES = 7 * 64  # of an epoch
_MADE = ((0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3), (2, 2), (2, 3))
_WANTED = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2), (0, 3), (1, 3), (2, 3))
_ROWS = tuple(map(tuple, FULL.tolist()))
_ORDER = [_MADE.index(pair) for pair in _WANTED]


class Sight(NamedTuple):
    """From a place of each epoch to its satellites."""

    axes: F64  # (3, 3, epochs) unit vectors east, north, up in ECEF
    distance_m: F64  # (satellites, epochs) with the earth's turn while the signal came
    enu: F64  # (3, satellites, epochs) directions


class Verdict(NamedTuple):
    """Solutions and tests, the last axis the epoch, nan where there is no solution."""

    place_m: F64  # (3, epochs) ECEF
    covariance_m2: F64  # (3, 3, epochs)
    pdop: F64
    clock_m: F64  # (CLOCKS, epochs)
    used: I64
    systems: I64  # bit n: clock n
    redundancy: I64
    passed: B
    worst: I64  # row of the satellite whose absence moves an epoch most that did not pass
    level_m: F64  # (3, epochs) protection level east, north, up
    use: B  # (satellites, epochs)
    residual_m: F64  # (satellites, epochs)


class _Equations(NamedTuple):
    """Solved equations, the last axis the epoch."""

    weight: F64  # (satellites, epochs), 0 where not used
    total: F64  # (clocks, epochs) of it
    ranges: F64  # (clocks, epochs) how many
    centred: F64  # (3, satellites, epochs) directions less the mean of their clock
    residual_m: F64
    sums: F64  # (9, clocks, epochs): normal matrix, upper triangle, and right side before the step
    normal: F64  # (9, epochs) the same of all clocks
    inverse: F64  # (6, epochs)
    step: F64  # (3, epochs) by which the solution is short of the start
    spare: I64  # (epochs,) ranges more than unknowns
    number: I64  # (epochs,) of ranges


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # of epochs that have no solution
def judge(
    grid: Grid, sight: Sight, start_m: F64, range_m: F64, variance_m2: F64, use: B, *, bounds: bool
) -> Verdict:
    """Least squares of ranges free of all but the receiver's clocks, from `start_m` (3, epochs) nearby.

    Ranges not in `use` may be anything. Without `bounds` there is no PDOP, no covariance and no level.
    """
    epochs, unused = use.shape[1], ~use
    # Directions and what is left, less the means of their clocks.
    design = np.empty((4, *use.shape))
    design[:3] = sight.enu
    np.subtract(range_m, sight.distance_m, out=design[3])
    made = np.empty((9, *use.shape))
    weight, counted = made[4], made[5]
    np.divide(1.0, variance_m2, out=weight)
    weight[unused] = design[3][unused] = 0.0
    counted[:] = use
    np.multiply(design, weight, out=made[:4])
    if bounds:
        np.multiply(sight.enu, counted, out=made[6:])
    mean, total, count, unweighted = np.split(grid.sums(made if bounds else made[:6]), (4, 5, 6))
    total, count = total[0], count[0]
    geometry = _geometry(sight.enu, made[6:], unweighted, count) if bounds else None
    mean /= np.where(total > 0.0, total, 1.0)
    design -= grid.spread(mean)
    weight = weight.copy()
    weighted = design[:3] * weight
    np.multiply(design, weighted[0], out=made[:4])
    np.multiply(design[1:], weighted[1], out=made[4:7])
    np.multiply(design[2:], weighted[2], out=made[7:])
    sums = grid.sums(made)[_ORDER]
    normal = sums.sum(axis=1)
    inverse, good = invert(normal)
    step = _times(inverse, normal[6:])
    step[:, ~good] = 0.0
    moved_m = (step[:, None] * sight.axes).sum(axis=0)
    many = count > 1.0
    used = (count * many).sum(axis=0)
    spare = (used - many.sum(axis=0)).astype(np.int64) - 3
    good &= (spare >= 0) & (np.abs(moved_m).max(axis=0) <= NEAR_M)
    residual = design[3]
    for n in range(3):
        residual -= design[n] * step[n]
    number = count.sum(axis=0).astype(np.int64)
    equations = _Equations(
        weight, total, count, design[:3], residual, sums, normal, inverse, step, spare, number
    )
    passed, worst, level = _tests(grid, equations, unused, bounds=bounds)
    mean_left = mean[3] - (mean[:3] * step[:, None]).sum(axis=0)
    clock = np.full((CLOCKS, epochs), np.nan)
    clock[grid.clock] = np.where((count > 0.0) & good, mean_left, np.nan)
    place = start_m - moved_m
    pdop, covariance = np.full(epochs, np.nan), np.full((3, 3, epochs), np.nan)
    if geometry is not None:
        cofactors = inverse_6(geometry)
        pdop = np.sqrt(cofactors[0] + cofactors[3] + cofactors[5])
        axes = np.moveaxis(sight.axes, -1, 0)
        covariance = np.moveaxis(axes.transpose(0, 2, 1) @ inverse.T[:, FULL] @ axes, 0, -1)
    bad = ~good
    if bad.any():
        for column in (place, pdop, covariance, level):
            column[..., bad] = np.nan
    systems = (np.ldexp(1.0, grid.clock)[:, None] * many).sum(axis=0)
    return Verdict(
        place, covariance, pdop, clock, used.astype(np.int64), systems.astype(np.int64),
        spare, passed, worst, level, use & good, residual,
    )  # fmt: skip


def _times(matrix: F64, vector: F64) -> F64:
    """Symmetric matrices, upper triangles (6, ...), times vectors (3, ...)."""
    out: F64 = (matrix[FULL] * vector).sum(axis=1)
    return out


def _tests(grid: Grid, e: _Equations, unused: B, *, bounds: bool) -> tuple[B, I64, F64]:
    """Which epochs no test sees a fault in, what the others point to, and protection levels (3, epochs)."""
    factors = _table()
    threshold = factors.threshold.take(e.number)
    moved, part = np.empty_like(e.centred), np.empty_like(e.weight)
    for axis, (a, b, c) in enumerate(_ROWS):
        np.multiply(e.centred[0], e.inverse[a], out=moved[axis])
        moved[axis] += np.multiply(e.centred[1], e.inverse[b], out=part)
        moved[axis] += np.multiply(e.centred[2], e.inverse[c], out=part)
    gain = grid.spread(e.total)
    rest = gain - e.weight
    gain *= e.weight
    gain /= rest
    gain[~(rest > 0.0)] = 0.0  # the only one of its clock
    remains = np.multiply(e.centred[0], moved[0], out=rest)
    remains += np.multiply(e.centred[1], moved[1], out=part)
    remains += np.multiply(e.centred[2], moved[2], out=part)
    remains *= gain
    np.subtract(1.0, remains, out=remains)
    gain /= remains
    blind = ~(remains > LEAST_LEFT)
    some_blind = bool(blind.any())
    if some_blind:
        gain[blind] = 0.0
    square = np.multiply(e.residual_m, e.residual_m, out=remains)
    squares = np.multiply(square, e.weight, out=part).sum(axis=0)
    square *= gain
    passed = squares <= factors.limit.take(e.spare)
    passed &= np.maximum.reduce(square, axis=0) <= threshold * threshold
    bound = (risk.BOUND[SYSTEM_OF_CLOCK[grid.clock]][:, None] * (e.total > 0.0)).max(axis=0)
    statistic, system_level = _systems(grid, e, factors, threshold, bound if bounds else None)
    passed &= statistic <= threshold
    worst = np.zeros(len(passed), np.int64)
    failed = (~passed).nonzero()[0]
    if len(failed):
        worst[failed] = square[:, failed].argmax(axis=0)
    if not bounds:
        return passed, worst, np.full((3, len(passed)), np.nan)
    variance = e.inverse[DIAGONAL]
    moved *= moved
    moved *= gain
    # The level grows with it, so the largest of each clock's satellites is enough.
    most = grid.largest(moved)
    by_satellite = factors.by_satellite[SYSTEM_OF_CLOCK[grid.clock]][..., e.number].swapaxes(0, 1)
    level = threshold * np.sqrt(most) + bound * by_satellite * np.sqrt(variance[:, None] + most)
    level[:, e.ranges == 0.0] = 0.0
    if some_blind:
        level[:, grid.largest((blind & ~unused).astype(np.float64)) > 0.0] = (
            np.inf
        )  # nobody would see its fault
    fault_free = bound * factors.fault_free[:, e.number] * np.sqrt(variance)
    levels = np.fmax(np.fmax(level.max(axis=1), system_level), fault_free)
    levels[:, e.spare < 1] = np.inf
    return passed, worst, levels


def _systems(
    grid: Grid, e: _Equations, factors: _Table, threshold: F64, bound: F64 | None
) -> tuple[F64, F64]:
    """The largest statistic of leaving a system out (epochs,), and the levels for it (3, epochs)."""
    own, system, variance = grid.by_system(e.sums), grid.systems, e.inverse[DIAGONAL]
    # The right side of what is left after the step, not before it.
    right = own[6:] - _times(own[:6], e.step[:, None])
    inverse, determined = invert(e.normal[:6, None] - own[:6])
    left = inverse[DIAGONAL]
    present = own[0] + own[3] + own[5] > 0.0
    determined &= present
    determined &= (left.max(axis=0) < WORST_M2) & (left.min(axis=0) > 0.0)
    spread = left - variance[:, None]
    np.sqrt(np.maximum(spread, 0.0, out=spread), out=spread)
    moved = np.abs(_times(inverse, right))
    moved /= spread
    moved[~(determined & (spread > NO_SPREAD_M))] = 0.0
    statistic = moved.max(axis=(0, 1))
    if bound is None:
        return statistic, moved[:, 0]
    level = factors.by_system[system][..., e.number].swapaxes(0, 1) * np.sqrt(left)
    level *= bound
    spread *= threshold
    level += spread
    level[:, ~determined] = 0.0
    blind = present & ~determined & (risk.SYSTEM_PRIOR[system] > risk.NOT_MONITORED)[:, None]
    level[:, blind] = np.inf
    return statistic, level.max(axis=1)


class _Table(NamedTuple):
    """`risk.factors` by the number of satellites, the last axis of each."""

    limit: F64  # of the sum of squares, by redundancy; the last three are those of -3 to -1
    threshold: F64
    fault_free: F64  # (3, numbers)
    by_satellite: F64  # (systems, 3, numbers)
    by_system: F64


@lru_cache(maxsize=1)
def _table() -> _Table:
    threshold, *others = zip(*(risk.factors.__wrapped__(n) for n in range(MOST_SATELLITES)), strict=True)
    free, satellite, system = (np.stack(other, axis=-1) for other in others)
    by = (each.swapaxes(0, 1).copy() for each in (satellite, system))
    known = risk.residual_limits()
    limit = np.append(known, np.full(MOST_SATELLITES - len(known), known[-1]))
    limit[-3:] = np.inf
    return _Table(limit, np.array(threshold), free, *by)


def _geometry(enu: F64, used: F64, sums: F64, count: F64) -> F64:
    """Normal matrices (6, epochs) of all ranges alike; `used` are the directions of those that count."""
    mean = sums / np.maximum(count, 1.0)
    pairs = [
        np.add.reduce(used[n:] * enu[n], axis=1) - np.add.reduce(sums[n:] * mean[n], axis=1) for n in range(3)
    ]
    return np.concatenate(pairs)
