"""Solution separation: what the position would be without each satellite and without each system.

A fault shows as a position that moves when its cause is left out. For every such hypothesis: how far the
solution moves, how far it may by the ranges' sigmas, and how good the solution left is. From that the
protection level: what the error stays below, whichever single satellite or system is at fault, with the
risk of `hncors.measure.risk` (multiple hypothesis solution separation, EU-U.S. working group C, ARAIM
Milestone 3 report, annex A; the risk is shared alike among the hypotheses, which bounds it from above).

Nothing is solved again for a satellite. Without the clocks (hncors.measure.position) leaving one out of a
group of weight W takes b a a' off the normal matrix: a its centred direction, w its weight,
b = w W / (W - w).

    C_k = C + g (C a)(C a)'      moved = -g r C a      g = b / (1 - b a' C a)      (Sherman and Morrison)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure import risk
from hncors.measure.position import BEIDOU_2, CLOCKS, FULL, Groups, inverse_6, invert
from hncors.observation import F64, I64, B
from hncors.signals import BEIDOU, GNSS

SYSTEMS = len(GNSS)
SYSTEM_OF_CLOCK = np.array([BEIDOU if clock == BEIDOU_2 else clock for clock in range(CLOCKS)])
LEAST_LEFT = 1e-6  # of 1 - b a'Ca: a satellite without which the position is not determined
_UPPER = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
DIAGONAL = [0, 3, 5]  # of those six
WORST_M2 = 1e6  # variance from which a solution counts as none
NO_SPREAD_M = 1e-6  # a system that adds nothing moves nothing


class Separation(NamedTuple):
    """What the tests of each epoch say; rows of satellites are those of the groups."""

    squares: F64  # (epochs,) weighted sum of squared residuals
    limit: F64  # (epochs,) which it exceeds by chance as rarely as `risk` has it
    satellite: F64  # (rows,) how far the solution moves without it, in sigmas of that; 0 where not used
    system: F64  # (epochs, SYSTEMS) the same without the system, the largest of the three components
    threshold: F64  # (epochs,) of both
    passed: B  # (epochs,) no test sees a fault
    level_m: F64  # (epochs, 3) protection level east, north, up; inf where a likely fault could not be seen

    def of(self, epochs: I64, rows: I64) -> Separation:
        """The same of some epochs, and their rows."""
        return Separation(
            self.squares[epochs],
            self.limit[epochs],
            self.satellite[rows],
            self.system[epochs],
            self.threshold[epochs],
            self.passed[epochs],
            self.level_m[epochs],
        )


def separate(groups: Groups, enu: F64, sigma_m: F64, residual_m: F64, redundancy: I64) -> Separation:
    """Test epochs and bound their errors.

    `enu` (3, rows) are the directions of satellites, `residual_m` the ranges' residuals of the least squares
    solution with `sigma_m`; rows with nan in either are not used. `redundancy` is by epoch.
    """
    epoch, group = groups.epoch, groups.group
    if not len(epoch):
        return _nothing(groups.epochs)
    use = ~(np.isnan(sigma_m) | np.isnan(residual_m))
    weight = np.where(use, 1.0 / np.square(sigma_m), 0.0)
    left = np.where(use, residual_m, 0.0)
    total = groups.by_group(weight)
    mean = groups.by_group(enu * weight) / np.where(total > 0.0, total, 1.0)
    centred = enu - mean.take(group, axis=1)
    sums = groups.by_group(_products(centred, left, weight))
    normal = groups.by_epoch(sums)
    with np.errstate(divide="ignore", invalid="ignore"):  # of epochs that have no solution
        inverse = inverse_6(normal)
    variance = inverse[DIAGONAL]
    gnss = SYSTEM_OF_CLOCK[groups.clock]
    bound = _of_epoch(groups, np.where(total > 0.0, risk.BOUND[gnss], 0.0))
    factor = _Factors.of(np.bincount(epoch[use], minlength=groups.epochs), bound)

    of_row = inverse.take(epoch, axis=1)
    moved = np.stack([(of_row[FULL[axis]] * centred).sum(axis=0) for axis in range(3)])
    rest = total.take(group) - weight
    b = np.where(use & (rest > 0.0), weight * total.take(group) / np.where(rest > 0.0, rest, 1.0), 0.0)
    remains = 1.0 - b * (centred * moved).sum(axis=0)
    seen = remains > LEAST_LEFT
    gain = np.where(seen, b / np.where(seen, remains, 1.0), 0.0)
    root = np.sqrt(gain)
    statistic = np.abs(left) * root
    gnss = gnss[group]
    level = np.abs(moved) * (factor.threshold.take(epoch) * root)
    level += factor.by_satellite[:, epoch, gnss] * np.sqrt(of_row[DIAGONAL] + np.square(moved) * gain)
    level[:, ~seen] = np.inf  # nobody would see its fault
    level[:, ~use] = 0.0

    system, system_level = _systems(groups, sums, normal, variance, factor)
    levels = np.fmax(np.fmax(largest(groups, level), system_level), factor.fault_free * np.sqrt(variance))
    levels[:, redundancy < 1] = np.inf
    levels[:, np.isnan(variance[0])] = np.nan
    squares = groups.by_epoch(groups.by_group(weight * np.square(left)))
    limit = risk.residual_limits().take(np.clip(redundancy, 0, risk.MOST_DOF))
    passed = (squares <= limit) & (largest(groups, statistic) <= factor.threshold)
    passed &= system.max(axis=1) <= factor.threshold
    return Separation(squares, limit, statistic, system, factor.threshold, passed, levels.T)


def largest(groups: Groups, rows: F64) -> F64:
    """Of the rows of each epoch, along the last axis; 0 for epochs without rows."""
    out = np.zeros((*rows.shape[:-1], groups.epochs))
    if rows.shape[-1]:
        out[..., groups.present] = np.maximum.reduceat(rows, groups.start[groups.first], axis=-1)
    return out


def _of_epoch(groups: Groups, value: F64) -> F64:
    """The largest of the groups of each epoch."""
    out = np.zeros(groups.epochs)
    out[groups.present] = np.maximum.reduceat(value, groups.first)
    return out


class _Factors(NamedTuple):
    """`risk.factors` of each epoch."""

    threshold: F64  # (epochs,)
    fault_free: F64  # (3, epochs)
    by_satellite: F64  # (3, epochs, systems)
    by_system: F64  # (3, epochs, systems)

    @classmethod
    def of(cls, satellites: I64, bound: F64) -> _Factors:
        """By number of satellites; what bounds errors also by the largest `risk.BOUND` of what is used."""
        numbers, which = np.unique(satellites, return_inverse=True)
        threshold, *others = zip(*(risk.factors(int(number)) for number in numbers), strict=True)
        fault_free, *by = (np.stack(other, axis=1)[:, which] for other in others)
        return cls(np.array(threshold)[which], fault_free * bound, *(one * bound[:, None] for one in by))


def _products(centred: F64, left: F64, weight: F64) -> F64:
    """By row: the upper triangle of w a a' (six) and w a r (three)."""
    weighted = centred * weight
    out = np.empty((9, len(weight)))
    for n, (i, j) in enumerate(_UPPER):
        np.multiply(weighted[i], centred[j], out=out[n])
    np.multiply(weighted, left, out=out[6:])
    return out


@np.errstate(invalid="ignore", divide="ignore")  # of systems without which nothing is determined
def _systems(groups: Groups, sums: F64, normal: F64, variance: F64, factor: _Factors) -> tuple[F64, F64]:
    """Statistics of leaving each system out (epochs, SYSTEMS), and the levels for it (3, epochs)."""
    key = groups.epoch[groups.start] * SYSTEMS + SYSTEM_OF_CLOCK[groups.clock]
    size = groups.epochs * SYSTEMS
    own = np.stack([np.bincount(key, one, size) for one in sums]).reshape(9, groups.epochs, SYSTEMS)
    present = own[DIAGONAL].sum(axis=0) > 0.0
    rest = normal[:6, :, None] - own[:6]
    inverse, regular = invert(rest)
    left = inverse[DIAGONAL]
    determined = np.all((left > 0.0) & (left < WORST_M2), axis=0) & present & regular
    spread = np.sqrt(np.maximum(left - variance[:, :, None], 0.0))
    moved = np.stack([np.abs((inverse[FULL[axis]] * own[6:]).sum(axis=0)) for axis in range(3)])
    statistic = np.where(determined & (spread > NO_SPREAD_M), moved / spread, 0.0).max(axis=0)
    level = factor.threshold[:, None] * spread + factor.by_system * np.sqrt(left)
    blind = present & ~determined & (risk.SYSTEM_PRIOR > risk.NOT_MONITORED)
    level = np.where(determined, level, np.where(blind, np.inf, 0.0))
    return statistic, level.max(axis=2)


def _nothing(epochs: int) -> Separation:
    zero = np.zeros(epochs)
    passed = np.ones(epochs, bool)
    nan = np.full((epochs, 3), np.nan)
    return Separation(zero, zero, np.empty(0), np.zeros((epochs, SYSTEMS)), zero, passed, nan)
