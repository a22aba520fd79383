"""Where stations stand against their neighbours, by carrier phases of an hour: centimetres, by day and night.

Differences between two stations have no satellite's clock and next to nothing of its orbit in them. What is
left is solved for by least squares over many epochs: how far one is off its known place more than the other,
what the air does differently over both, one clock an epoch, and an ambiguity for each arc, a real number
(a "float" baseline; Teunissen and Montenbruck 2017, Handbook of GNSS, chapter 26). Old epochs count less and
less. What a pair of stations cannot tell, which of the two it is, their other neighbours do
(hncors.measure.blame).
"""

from __future__ import annotations

import numpy as np

from hncors.measure.between import middle
from hncors.measure.marks import GEOMETRY, Marks
from hncors.measure.smoothing import PLACES
from hncors.observation import F64, I64, B

NEIGHBOURS = 5
NEAR_M = 250_000.0
ARCS = 40  # of a pair
MEMORY_MS = 2_400_000  # after which an epoch counts by 1/e
SIGMA_M = 0.03  # of a difference straight up; what follows within minutes errs alike, which is in it
AIR_M = 0.05  # sigma of the air's difference straight up, beyond the model
AMBIGUITY_M = 100.0  # sigma of what is not known of one, so that the equations have a solution
ODD_M = 0.06  # of an arc against the middle of the others, from mark to mark: a slip
ABSENT = 4  # marks after which an arc is over
LONG_MS = 600_000  # without a mark: a pair begins anew
_SIZE = GEOMETRY + ARCS


class Baselines:
    """Pairs of neighbours, and their equations."""

    def __init__(self, first: I64, second: I64, stations: int) -> None:
        pairs = len(first)
        self.stations = stations
        self.first, self.second = first, second
        self.time_ms = np.full(pairs, -1, np.int64)
        self.slot = np.full((pairs, PLACES), -1, np.int8)  # of each satellite among the arcs
        self.of = np.full((pairs, ARCS), -1, np.int16)  # the satellite of each
        self.arcs = np.zeros((pairs, ARCS, 2), np.int32)  # its numbers at both stations
        self.absent = np.zeros((pairs, ARCS), np.int8)
        self.offset_m = np.zeros((pairs, ARCS))
        self.last_m = np.full((pairs, ARCS), np.nan)
        self.normal = np.zeros((pairs, _SIZE, _SIZE))
        self.right = np.zeros((pairs, _SIZE))
        self.enu_m = np.full((pairs, 3), np.nan)  # as solved last
        self.sigma_m = np.full((pairs, 3), np.nan)

    def forget(self, station: int) -> None:
        """A station is elsewhere now, or its place was filed anew."""
        self._reset(np.flatnonzero((self.first == station) | (self.second == station)))

    def _reset(self, pairs: I64) -> None:
        self.slot[pairs], self.of[pairs], self.absent[pairs] = -1, -1, 0
        self.normal[pairs], self.right[pairs], self.last_m[pairs] = 0.0, 0.0, np.nan
        self.enu_m[pairs], self.sigma_m[pairs] = np.nan, np.nan

    def rearranged(self, before: I64, first: I64, second: I64) -> Baselines:
        """The same of other stations: `before` is each one's row here, -1 for one that is new."""
        other = Baselines(first, second, len(before))
        mine = zip(self.first.tolist(), self.second.tolist(), strict=True)
        known = {pair: n for n, pair in enumerate(mine)}
        theirs = zip(before[first].tolist(), before[second].tolist(), strict=True)
        row = np.array([known.get(pair, -1) for pair in theirs], np.int64)
        stay = np.flatnonzero(row >= 0)
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray) and name not in ("first", "second"):
                getattr(other, name)[stay] = column[row[stay]]
        return other

    def add(self, marks: Marks, time_ms: int, pairs: I64) -> None:
        """A mark of some pairs; those take part that have it at both stations."""
        both = (marks.time_ms[self.first[pairs]] == time_ms) & (marks.time_ms[self.second[pairs]] == time_ms)
        pairs = pairs[both]
        if not len(pairs):
            return
        elapsed = time_ms - self.time_ms[pairs]
        self._reset(pairs[(elapsed <= 0) | (elapsed > LONG_MS)])
        self.time_ms[pairs] = time_ms
        one, other = self.first[pairs], self.second[pairs]
        left_m = marks.left_m[one] - marks.left_m[other]  # (pairs, PLACES)
        there = ~np.isnan(left_m)
        numbers = np.stack((marks.arc[one], marks.arc[other]), axis=2)
        self._end(pairs, left_m, there, numbers)
        self._begin(pairs, left_m, there, numbers)
        row, at = ((self.slot[pairs] >= 0) & there).nonzero()
        slot = self.slot[pairs[row], at].astype(np.int64)
        geometry = np.zeros((len(pairs), ARCS, GEOMETRY))
        value, weight = np.zeros((len(pairs), ARCS)), np.zeros((len(pairs), ARCS))
        geometry[row, slot] = marks.enu[one[row], at]
        geometry[..., :3] *= -1.0  # towards a satellite the way is shorter
        value[row, slot] = left_m[row, at] - self.offset_m[pairs[row], slot]
        weight[row, slot] = np.square(geometry[row, slot, 2] / SIGMA_M)
        keep = np.exp(-np.clip(elapsed, 0, LONG_MS) / MEMORY_MS)
        self._sum_up(pairs, geometry, value, weight, keep)

    def _end(self, pairs: I64, left_m: F64, there: B, numbers: np.ndarray) -> None:
        """Take arcs that are over out of the equations: what they told stays."""
        of, each = self.of[pairs].astype(np.int64), np.arange(len(pairs))[:, None]
        used = of >= 0
        seen = used & there[each, of]
        broken = seen & (numbers[each, of] != self.arcs[pairs]).any(axis=2)
        now = np.where(seen & ~broken, left_m[each, of] - self.offset_m[pairs], np.nan)
        step = now - self.last_m[pairs]
        common = middle(step)
        with np.errstate(invalid="ignore"):
            odd = np.abs(step - common[:, None]) > ODD_M
        lost = 2 * odd.sum(axis=1) >= np.maximum((~np.isnan(step)).sum(axis=1), 1)
        lost |= seen.any(axis=1) & (broken == seen).all(axis=1)  # it was off, and may have been carried away
        self.last_m[pairs] = np.where(np.isnan(now), self.last_m[pairs] + common[:, None], now)
        absent = np.where(seen, 0, self.absent[pairs] + 1)
        self.absent[pairs] = absent
        over = used & (broken | odd | (absent >= ABSENT))
        for n in range(int(over.sum(axis=1).max(initial=0))):
            row = np.flatnonzero(over.sum(axis=1) > n)
            which = np.argsort(~over[row], axis=1, kind="stable")[:, n]
            self._eliminate(pairs[row], which)
        self._reset(pairs[lost & used.any(axis=1)])

    def _eliminate(self, pairs: I64, which: I64) -> None:
        line = self.normal[pairs, GEOMETRY + which]
        pivot = line[np.arange(len(pairs)), GEOMETRY + which] + AMBIGUITY_M**-2
        self.right[pairs] -= line * (self.right[pairs, GEOMETRY + which] / pivot)[:, None]
        self.normal[pairs] -= line[:, :, None] * (line / pivot[:, None])[:, None, :]
        self.normal[pairs, GEOMETRY + which] = 0.0
        self.normal[pairs, :, GEOMETRY + which] = 0.0
        self.right[pairs, GEOMETRY + which] = 0.0
        self.slot[pairs, self.of[pairs, which]] = -1
        self.of[pairs, which], self.absent[pairs, which], self.last_m[pairs, which] = -1, 0, np.nan

    def _begin(self, pairs: I64, left_m: F64, there: B, numbers: np.ndarray) -> None:
        new = there & (self.slot[pairs] < 0)
        row, at = new.nonzero()
        if not len(row):
            return
        free = self.of[pairs] < 0
        order = np.argsort(~free, axis=1, kind="stable")
        rank = (np.cumsum(new, axis=1) - 1)[row, at]
        fits = rank < free.sum(axis=1)[row]
        row, at, rank = row[fits], at[fits], rank[fits]
        slot = order[row, rank]
        pair = pairs[row]
        # The receivers' clocks as the arcs that go on have them; else anything, the same for all.
        clock = middle(self.last_m[pairs])
        clock = np.where(np.isnan(clock), middle(np.where(there, left_m, np.nan)), clock)
        self.slot[pair, at], self.of[pair, slot] = slot, at
        self.arcs[pair, slot] = numbers[row, at]
        self.offset_m[pair, slot] = left_m[row, at] - clock[row]
        self.last_m[pair, slot] = clock[row]
        self.absent[pair, slot] = 0

    def _sum_up(self, pairs: I64, geometry: F64, value: F64, weight: F64, keep: F64) -> None:
        """Equations of an epoch less its clock, added to what is left of those before."""
        total = np.maximum(weight.sum(axis=1), 1e-12)[:, None]
        share = weight / total
        mean = np.einsum("pa,pag->pg", share, geometry)
        centred = geometry - mean[:, None, :]
        weighted = weight[..., None] * centred
        off = weight * (value - (share * value).sum(axis=1)[:, None])
        normal = self.normal[pairs]
        normal *= keep[:, None, None]
        normal[:, :GEOMETRY, :GEOMETRY] += weighted.transpose(0, 2, 1) @ centred
        normal[:, GEOMETRY:, :GEOMETRY] += weighted
        normal[:, :GEOMETRY, GEOMETRY:] += weighted.transpose(0, 2, 1)
        arcs = normal[:, GEOMETRY:, GEOMETRY:]
        arcs -= weight[:, :, None] * share[:, None, :]
        arcs[:, range(ARCS), range(ARCS)] += weight
        right = self.right[pairs] * keep[:, None]
        right[:, :GEOMETRY] += np.einsum("pag,pa->pg", geometry, off)
        right[:, GEOMETRY:] += off
        self.normal[pairs], self.right[pairs] = normal, right

    def solve(self, pairs: I64, now_ms: int) -> None:
        """Solve the equations of some pairs."""
        if not len(pairs):
            return
        normal, right = self.normal[pairs], self.right[pairs]
        arcs = normal[:, GEOMETRY:, GEOMETRY:].copy()
        arcs[:, range(ARCS), range(ARCS)] += np.where(self.of[pairs] < 0, 1.0, AMBIGUITY_M**-2)
        cross = normal[:, GEOMETRY:, :GEOMETRY]
        known = np.concatenate((cross, right[:, GEOMETRY:, None]), axis=2)
        left = np.linalg.solve(arcs, known)
        reduced = normal[:, :GEOMETRY, :GEOMETRY] - cross.transpose(0, 2, 1) @ left[..., :GEOMETRY]
        reduced[:, 3, 3] += AIR_M**-2
        reduced[:, range(3), range(3)] += AMBIGUITY_M**-2
        short = right[:, :GEOMETRY] - (cross.transpose(0, 2, 1) @ left[..., GEOMETRY:])[..., 0]
        covariance = np.linalg.inv(reduced)
        self.enu_m[pairs] = (covariance @ short[..., None])[:, :3, 0]
        self.sigma_m[pairs] = np.sqrt(covariance[:, range(3), range(3)])
        old = now_ms - self.time_ms[pairs] > LONG_MS
        self.enu_m[pairs[old]], self.sigma_m[pairs[old]] = np.nan, np.nan

    def ends(self) -> tuple[I64, I64, F64, F64]:
        """What is known of each end of a pair: station, the other one, how far it is off more, sigmas."""
        known = np.flatnonzero(~np.isnan(self.enu_m[:, 0]))
        one, other = self.first[known], self.second[known]
        whose, whom = np.concatenate((one, other)), np.concatenate((other, one))
        enu_m = np.concatenate((self.enu_m[known], -self.enu_m[known]))
        sigma_m = np.concatenate((self.sigma_m[known], self.sigma_m[known]))
        order = np.argsort(whose, kind="stable")
        return whose[order], whom[order], enu_m[order], sigma_m[order]


def neighbours(place_m: F64) -> tuple[I64, I64]:
    """Pairs of stations near each other, each with its nearest; `place_m` (n, 3), nan: nobody knows."""
    known = np.flatnonzero(~np.isnan(place_m).any(axis=1))
    there = place_m[known]
    width = min(NEIGHBOURS, len(known) - 1)
    pairs: list[np.ndarray] = [np.empty((0, 2), np.int64)]
    for begin in range(0, len(known) if width > 0 else 0, 256):
        own = there[begin : begin + 256]
        away = np.square(own).sum(axis=1)[:, None] + np.square(there).sum(axis=1) - 2.0 * own @ there.T
        away[np.arange(len(own)), begin + np.arange(len(own))] = np.inf
        nearest = np.argpartition(away, width - 1, axis=1)[:, :width]
        row, n = (np.take_along_axis(away, nearest, axis=1) <= NEAR_M**2).nonzero()
        pairs.append(np.sort(np.stack((known[begin + row], known[nearest[row, n]]), axis=1), axis=1))
    some = np.unique(np.concatenate(pairs), axis=0)
    return some[:, 0].copy(), some[:, 1].copy()
