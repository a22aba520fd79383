"""How far an antenna went between two epochs, by its carrier phases: millimetres to a centimetre at 1 Hz.

What a phase is more than the way to its satellite from a place that stays (orbits and clocks as broadcast,
the air as modelled) changes from one epoch to the next by the receiver's clock, alike for all satellites, and
by the antenna's own step along each direction. Both are solved for; ambiguities, delays of receivers and
satellites, and all but a trace of orbits and air stay as they are and fall out (time-differenced carrier
phases: van Graas and Soloviev 2004, Navigation 51). Slips and satellites whose ephemeris changed between the
two epochs have no part, and one that contradicts the others is left out.

Steps add up: the noise of a phase is in one step and, with the other sign, in the next, so that their sum is
as good as one of them but for satellites that come and go, and for what drifts: broadcast orbits and clocks
do, by a millimetre a second together, alike at stations near each other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.position import inverse_6
from hncors.measure.smoothing import PLACES
from hncors.measure.together import Sight
from hncors.observation import F64, I64, B

LONGEST_MS = 30_000  # between two epochs
FAR_M = 1000.0  # from where ways are measured: directions are no longer alike
SETS = (1 << 20) - 1  # seconds, beyond a week
LOWEST_SINE = 0.17  # ten degrees
LATE_MS = 60_000  # an epoch this much older is late, an older one begins time anew
AT_LEAST = 6  # satellites: four unknowns, and two that can contradict
ODD_M, ODD_M_S = 0.06, 0.002  # of a satellite against the others: a slip of (1, 1) is 0.11 m
ROUNDS = 3
_FLAT = 1e-4  # of the determinant, of a trace of about one
_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


class Step(NamedTuple):
    """Steps, one row an epoch; nan where there is none."""

    enu_m: F64  # (epochs, 3), east, north, up
    sigma_m: F64  # (epochs, 3), by what is left of this one epoch
    elapsed_ms: I64  # since the epoch before


class Phases(NamedTuple):
    """Phases of an epoch of each station, (satellites, epochs) where nothing else is said."""

    start_m: F64  # (3, epochs), where lines begin
    sight: Sight
    left_m: F64  # what phases are more than the way from there
    set_ms: I64  # toe of the ephemeris
    usable: B
    same: B  # False where an arc began with this epoch

    def columns(self, columns: I64 | B) -> Phases:
        """The same of some epochs."""
        sight = Sight(*(one[..., columns] for one in self.sight))
        start_m, left_m = self.start_m[:, columns], self.left_m[:, columns]
        set_ms, usable, same = self.set_ms[:, columns], self.usable[:, columns], self.same[:, columns]
        return Phases(start_m, sight, left_m, set_ms, usable, same)


class Steps:
    """What is remembered of all satellites at all stations: places (hncors.measure.smoothing) by stations."""

    def __init__(self, stations: int) -> None:
        shape = (PLACES + 1, stations)  # the last is of what is not to be kept
        self.mark = np.full(shape, -1, np.int64)  # time of the epoch, and of the ephemeris
        self.left_m = np.zeros(shape)  # phase less way
        self.last_ms = np.full(stations, -1, np.int64)
        self.stays_m = np.zeros((3, stations))  # from where ways are measured

    def rearranged(self, before: I64) -> Steps:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Steps(len(before))
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            getattr(other, name)[..., stay] = column[..., before[stay]]
        return other

    def add(self, station: I64, time_ms: I64, place: I64, phases: Phases) -> Step:
        """An epoch of each station: `station` and `time_ms` by epoch, `place` of each satellite."""
        if len(station) == 1:  # by itself it would be summed up in another order than among others
            twice = np.zeros(2, np.int64)
            enu, sigma, elapsed = self.add(station[twice], time_ms[twice], place, phases.columns(twice))
            return Step(enu[:1], sigma[:1], elapsed[:1])
        start_m, sight, left_m, set_ms, usable, same = phases
        elapsed = time_ms - self.last_ms[station]
        some: B = np.logical_or.reduce(usable, axis=0)  # of the others nothing is learnt
        left_m = left_m + self._aside(station, start_m, sight, some)
        at = place[:, None] * self.mark.shape[1] + station
        sets = set_ms // 1000 & SETS  # of an ephemeris, enough to tell it from the one before
        step_m = left_m - self.left_m.take(at)
        good = same & (self.mark.take(at) == self.last_ms[station] * (SETS + 1) + sets)
        good &= (sight.enu[2] > LOWEST_SINE) & ((elapsed > 0) & (elapsed <= LONGEST_MS))
        good &= ~np.isnan(step_m)
        # An epoch that comes late changes nothing.
        in_turn = some & ((elapsed > 0) | (elapsed < -LATE_MS))
        fresh = usable & ~np.isnan(left_m) & in_turn
        keep = np.where(fresh, at, PLACES * self.mark.shape[1])
        self.mark.reshape(-1)[keep] = time_ms * (SETS + 1) + sets
        self.left_m.reshape(-1)[keep] = left_m
        self.last_ms[station[in_turn]] = time_ms[in_turn]
        odd_m = (ODD_M + ODD_M_S / 1000 * elapsed).astype(np.float64)
        enu_m, sigma_m = _solved(np.where(good, step_m, 0.0), sight.enu, good, odd_m)
        return Step(enu_m, sigma_m, elapsed)

    def _aside(self, station: I64, start_m: F64, sight: Sight, some: B) -> F64:
        """How much longer ways are from where lines begin than from where steps are measured."""
        stays = self.stays_m[:, station]
        anew = some & (np.abs(stays - start_m).max(axis=0) > FAR_M)
        stays[:, anew] = start_m[:, anew]
        self.stays_m[:, station[anew]] = stays[:, anew]
        self.last_ms[station[anew]] = -1
        aside = ((stays - start_m) * sight.axes).sum(axis=1)  # east, north, up
        out: F64 = (aside[:, None] * sight.enu).sum(axis=0)
        return out


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _solved(step_m: F64, enu: F64, good: B, odd_m: F64) -> tuple[F64, F64]:
    """Steps and their sigmas (epochs, 3) of what is `good`, (satellites, epochs)."""
    epochs = step_m.shape[1]
    step, sigma = np.full((epochs, 3), np.nan), np.full((epochs, 3), np.nan)
    usual = np.square(enu[2])
    np.clip(usual, 0.05, 1.0, out=usual)  # low down phases are noisier, by the inverse of the sine
    for _ in range(ROUNDS):
        weight = np.where(good, usual, 0.0)
        found, covariance, left_m = _least_squares(step_m, enu, weight)
        count = good.sum(axis=0)
        square = left_m * left_m * weight
        worst = np.sqrt(square.max(axis=0, initial=0.0))
        fine = (worst <= odd_m) & (count >= AT_LEAST) & ~np.isnan(found).any(axis=0)
        fine &= np.isnan(step[:, 0])
        scatter = square.sum(axis=0) / np.maximum(count - 4, 1)
        step[fine] = found[:, fine].T
        sigma[fine] = np.sqrt(covariance * scatter)[:, fine].T
        again = np.isnan(step[:, 0]) & (count > AT_LEAST)
        if not again.any():
            break
        good = good & again & (np.sqrt(square) <= 0.6 * worst)
    return step, sigma


def _least_squares(step_m: F64, enu: F64, weight: F64) -> tuple[F64, F64, F64]:
    """Steps (3, epochs), diagonals of the inverse, and what is left (satellites, epochs)."""
    columns: tuple[F64, ...] = (*enu, step_m)
    total = weight.sum(axis=0)
    weighted = [column * weight for column in columns]
    mean = np.stack([column.sum(axis=0) for column in weighted]) / total

    def product(i: int, j: int) -> F64:
        out: F64 = (weighted[i] * columns[j]).sum(axis=0) - total * mean[i] * mean[j]
        return out

    normal = np.stack([product(i, j) for i, j in _PAIRS])
    right = [product(axis, 3) for axis in range(3)]
    a, b, c, d, e, f = normal
    flat = a * (d * f - e * e) - b * (b * f - c * e) + c * (b * e - c * d) < _FLAT * (a + d + f) ** 3 / 27
    inverse = inverse_6(normal)
    ee, en, eu, nn, nu, uu = inverse
    # A step towards a satellite makes the way shorter, and what a phase is more than the old way negative.
    east = -(ee * right[0] + en * right[1] + eu * right[2])
    north = -(en * right[0] + nn * right[1] + nu * right[2])
    up = -(eu * right[0] + nu * right[1] + uu * right[2])
    found = np.stack((east, north, up))
    found[:, flat] = np.nan
    left = step_m - mean[3]
    for n in range(3):
        left += (enu[n] - mean[n]) * found[n]
    return found, inverse[[0, 3, 5]], left
