"""Faults left out: which satellite or system a failed test points to, and whether what stays passes.

In turn, for the epochs that fail: the satellite whose absence moves the solution most in its sigmas, a
system, then a second satellite. The first that passes again is taken, a system and a second satellite only
where no other would do in its place. A test needs redundancy to mean something, so does an exclusion: one
satellite needs some left, more than one need SPARE. Beyond two satellites or a system the epoch stays in
alert, for what is wrong then is not theirs, and for some time after an alert no exclusion is believed.
Nothing stays excluded by itself: every epoch starts with all satellites.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.position import Fixes, Groups, Lines, lines, locate, solve
from hncors.measure.separation import SYSTEM_OF_CLOCK, Separation, largest, separate
from hncors.observation import F64, I64, B

STATES = ("ok", "excluded", "alert", "not_possible")
OK, EXCLUDED, ALERT, NOT_POSSIBLE = range(len(STATES))
MOST_SATELLITES = 2
SPARE = 4  # ranges more than unknowns: with fewer, what is left agrees too easily
DOUBT_MS = 10_000  # after an alert
_SYSTEM_TURN = 1  # among the trials
# Columns of Fixes and of Separation that have a row a range.
_BY_ROW = (
    [Fixes._fields.index("use"), Fixes._fields.index("residual_m")],
    [Separation._fields.index("satellite")],
)


class Equations(NamedTuple):
    """What `hncors.measure.position.solve` needs, a row a range."""

    satellite_m: F64  # (3, rows)
    range_m: F64
    sigma_m: F64  # nan: not used
    enu: F64  # (3, rows) directions east, north, up

    def without(self, rows: B) -> Equations:
        """The same, some not used."""
        return self._replace(sigma_m=np.where(rows, np.nan, self.sigma_m))


class Trusted(NamedTuple):
    """Solutions, and how far they are to be trusted."""

    fixes: Fixes
    separation: Separation
    state: I64  # by epoch, index into STATES
    out: B  # of each row: left out as faulty
    system: I64  # by epoch: the system left out, -1 for none


def without_faults(groups: Groups, equations: Equations, to: Lines, start_m: F64) -> Trusted:
    """Solve, test, and leave out what is at fault; `to` are the lines from `start_m` (epochs, 3)."""
    fixes, separation = _judged(groups, equations, to, start_m)
    solved, spare = ~np.isnan(fixes.place_m[:, 0]), fixes.redundancy > 0
    state = np.where(solved & spare, np.where(separation.passed, OK, ALERT), NOT_POSSIBLE)
    out, system = np.zeros(len(groups.epoch), bool), np.full(groups.epochs, -1)
    doubtful = ((state == ALERT) | (~solved & spare)).nonzero()[
        0
    ]  # a large fault leads far away from the start
    if len(doubtful):
        mine = np.zeros(groups.epochs, bool)
        mine[doubtful] = True
        rows = mine[groups.epoch].nonzero()[0]
        number = np.cumsum(mine) - 1
        some = Groups.of(number[groups.epoch[rows]], groups.clock[groups.group[rows]], len(doubtful))
        mended = mend(some, Equations(*(column[..., rows] for column in equations)), start_m[doubtful])
        state[doubtful], out[rows], system[doubtful] = mended.state, mended.out, mended.system
        # Others keep what they have, to the last digit: who else is in a tick makes no difference.
        for whole, part, by_row in zip((fixes, separation), mended[:2], _BY_ROW, strict=True):
            for n, (column, values) in enumerate(zip(whole, part, strict=True)):
                column[rows if n in by_row else doubtful] = values
    return Trusted(fixes, separation, state, out, system)


def mend(groups: Groups, equations: Equations, start_m: F64) -> Trusted:
    """Epochs that failed, or led far away from the start, without what is at fault."""
    state, out, system = _faults(groups, equations, start_m)
    return Trusted(*_anew(groups, equations.without(out), start_m), state, out, system)


def doubted(state: I64, time_ms: I64, alert_ms: I64) -> tuple[I64, I64]:
    """States of one epoch each of some stations, and when each failed last; `alert_ms` is when before."""
    soon = (time_ms >= alert_ms) & (time_ms - alert_ms <= DOUBT_MS)
    held = np.where((state == EXCLUDED) & soon, ALERT, state)
    # What is held does not prolong the doubt: only an epoch that failed by itself does.
    return held, np.where(state == ALERT, time_ms, alert_ms)


def _judged(groups: Groups, equations: Equations, to: Lines, start_m: F64) -> tuple[Fixes, Separation]:
    fixes = solve(groups, to, equations.range_m, equations.sigma_m, start_m)
    used = np.where(fixes.use, equations.sigma_m, np.nan)
    return fixes, separate(groups, equations.enu, used, fixes.residual_m, fixes.redundancy)


def _anew(groups: Groups, equations: Equations, start_m: F64) -> tuple[Fixes, Separation]:
    """The same from wherever a fault has carried the start."""
    satellite_m, range_m, sigma_m, _ = equations
    use = ~(np.isnan(sigma_m) | np.isnan(range_m))
    place = locate(groups, satellite_m, range_m, np.where(use, 1.0 / np.square(sigma_m), 0.0), start_m)
    start = np.where(np.isnan(place), start_m, place)
    return _judged(groups, equations, lines(groups, start, satellite_m), start)


def _faults(groups: Groups, equations: Equations, start_m: F64) -> tuple[I64, B, I64]:
    """States, rows to leave out and the system that is, of epochs that failed or led far away."""
    fixes, tests = _anew(groups, equations, start_m)
    solved = ~np.isnan(fixes.place_m[:, 0]) & (fixes.redundancy > 0)
    pending = ~(solved & tests.passed)
    state = np.where(solved, np.where(pending, ALERT, OK), NOT_POSSIBLE)
    out, satellites = np.zeros(len(groups.epoch), bool), np.zeros(len(groups.epoch), bool)
    left_out = np.full(groups.epochs, -1)
    for turn in range(MOST_SATELLITES + 1):
        if not pending.any():
            break
        if turn == _SYSTEM_TURN:
            left_out, trial, passes, alone = _systems(groups, equations, start_m, pending)
        else:
            worst = _worst(groups, tests.satellite)
            alone = _alone(groups, tests, worst) | (turn == 0)
            satellites |= worst
            trial = satellites
            fixes, tests = _anew(groups, equations.without(trial), start_m)
            passes = _passes(fixes, tests, 1 if turn == 0 else SPARE)
        good = pending & passes & alone
        pending &= ~passes
        state[good] = EXCLUDED
        out |= trial & good[groups.epoch]
    return state, out, left_out


def _systems(groups: Groups, equations: Equations, start_m: F64, pending: B) -> tuple[I64, B, B, B]:
    """The system each pending epoch passes without (-1: none), its rows, whether it does, and no other."""
    of_row = SYSTEM_OF_CLOCK[groups.clock[groups.group]]
    left_out, passing = np.full(groups.epochs, -1), np.zeros(groups.epochs, np.int64)
    for system in np.unique(of_row[pending[groups.epoch]]).tolist():
        passes = pending & _passes(*_anew(groups, equations.without(of_row == system), start_m), SPARE)
        left_out[passes] = system
        passing += passes
    left_out[passing > 1] = -1
    return left_out, of_row == left_out[groups.epoch], passing > 0, passing == 1


def _passes(fixes: Fixes, tests: Separation, spare: int) -> B:
    """Epochs with a solution, redundancy enough, and no fault to be seen."""
    passes: B = ~np.isnan(fixes.place_m[:, 0]) & (fixes.redundancy >= spare) & tests.passed
    return passes


def _alone(groups: Groups, tests: Separation, worst: B) -> B:
    """Epochs in which no other satellite's absence would do: it takes its own square off the sum."""
    rest = np.where(worst, np.inf, tests.squares[groups.epoch] - np.square(tests.satellite))
    alone: B = -largest(groups, -rest) > tests.limit
    return alone


def _worst(groups: Groups, statistic: F64) -> B:
    """The row of the largest statistic of each epoch."""
    most = largest(groups, statistic).take(groups.epoch)
    rows = ((statistic == most) & (most > 0.0)).nonzero()[0]
    _, first = np.unique(groups.epoch[rows], return_index=True)
    worst = np.zeros(len(statistic), bool)
    worst[rows[first]] = True
    return worst
