"""Satellites of ranges: where each was when it sent, and what its clock and its group delays make of a range.

Every satellite is evaluated once for an epoch's time, however many stations saw it, and carried back from
there by each signal's way, to the second order in time as `orbit.expand` does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.ephemeris_store import OK, Table
from hncors.measure.orbit import Orbits
from hncors.measure.ranges import SECOND, SINGLE, Choice, Ranges
from hncors.observation import F64, I64, B
from hncors.signals import C_M_S, GALILEO, SLOTS

AHEAD = 8  # epochs that are evaluated together, where they follow each other
NEXT_MS = 2000  # within this time
MOST_TIMES = 64  # that are kept
ANYWHERE_M = 2e7  # along each axis: a satellite that is not usable


class Sent(NamedTuple):
    """Satellites where and when they sent, in the shape of the ranges."""

    place_m: F64  # (3, satellites, epochs)
    range_m: F64  # as measured, free of group delays and of the satellite's clock
    delay_m: F64  # what is to be taken off the ionosphere's delay by codes for the satellite's group delays
    usable: B
    set_ms: I64  # toe of the ephemeris


class Motion:
    """The states of all satellites of a table, by time: evaluated ahead where epochs follow each other."""

    def __init__(self) -> None:
        self._orbits: Orbits | None = None
        self._times_ms = np.empty(0, np.int64)
        self._values = np.empty((11, 0, 0))

    def at(self, table: Table, time_ms: I64) -> tuple[F64, I64]:
        """States (11, rows + 1, times) and the place of each of `time_ms` among the times.

        Position, velocity, acceleration, clock and its rate; nan too far from toe, and in the last row.
        """
        one = (time_ms == time_ms[0]).all()  # as a rule
        times, of_epoch = (time_ms[:1], np.zeros(len(time_ms), np.int64)) if one else _distinct(time_ms)
        if table.orbits is not self._orbits or len(self._times_ms) > MOST_TIMES:
            self._orbits, self._times_ms = table.orbits, np.empty(0, np.int64)
            self._values = np.empty((11, len(table.toe_ms) + 1, 0))
        missing = times[~np.isin(times, self._times_ms)]
        if len(missing):
            if len(missing) == 1 and len(self._times_ms):
                since_ms = int(missing[0] - self._times_ms[-1])
                if 0 < since_ms <= NEXT_MS:
                    missing = missing[0] + since_ms * np.arange(AHEAD)
            self._times_ms = np.append(self._times_ms, missing)
            self._values = np.append(self._values, _evaluated(table, missing), axis=2)
        order = np.argsort(self._times_ms, kind="stable")
        return self._values, order[np.searchsorted(self._times_ms[order], times)][of_epoch]


def _distinct(time_ms: I64) -> tuple[I64, I64]:
    times, of_epoch = np.unique(time_ms, return_inverse=True)
    return times, of_epoch


def _evaluated(table: Table, times_ms: I64) -> F64:
    rows = len(table.toe_ms)
    which, at = np.repeat(np.arange(rows), len(times_ms)), np.tile(times_ms, rows)
    states = table.orbits.at(which, at, np.zeros(len(at)))
    old = np.abs(at - table.toe_ms[which]) > table.age_ms[which]
    states.position_m[old] = np.nan
    out = np.full((11, rows + 1, len(times_ms)), np.nan)
    columns = states.position_m.T, states.velocity_m_s.T, states.acceleration_m_s2.T
    out[:9, :-1] = np.concatenate(columns).reshape(9, rows, len(times_ms))
    out[9, :-1] = states.clock_s.reshape(rows, len(times_ms))
    out[10, :-1] = states.clock_rate.reshape(rows, len(times_ms))
    return out


class Sky:
    """The states of satellites for the epochs of a tick; every satellite and time is evaluated once."""

    def __init__(self, motion: Motion, table: Table, time_ms: I64) -> None:
        """`time_ms` is by epoch."""
        self.table = table
        self._motion, self._of_epoch = motion.at(table, time_ms)
        self._one = bool((self._of_epoch == self._of_epoch[0]).all())

    def _states(self, row: I64, epochs: slice) -> F64:
        """States (11, ...) of rows of the table by epochs; of row -1 those of the last, nan."""
        if self._one:
            return self._motion[:, row, self._of_epoch[0]]
        return self._motion[:, row, self._of_epoch[epochs]]

    def sent(self, choice: Choice, ranges: Ranges, epochs: slice) -> Sent:
        """Each satellite of the ranges of some of the epochs at the time its signal left."""
        table, row = self.table, self._rows(choice)
        single = choice.pairing == SINGLE
        delays = np.append(table.delay_m, np.full((1, SLOTS), np.nan), axis=0)  # row -1 is the last
        first = delays.take(row * SLOTS + ranges.signal1)
        between = delays.take(row * SLOTS + ranges.signal2)
        between -= first
        between *= ranges.c1 - 1.0
        if single.any():
            between[single] = 0.0
        first -= between
        states = self._states(row, epochs)
        # Ranges hold the receiver's clock as the epoch's time does: their difference is the time it was sent.
        way_s = ranges.range_m / C_M_S
        clock_s = states[9] - way_s * states[10]
        later = np.negative(way_s, out=way_s)
        later -= clock_s
        place = np.empty((3, *later.shape))
        half = 0.5 * later
        for n in range(3):
            np.multiply(states[6 + n], half, out=place[n])
            place[n] += states[3 + n]
            place[n] *= later
            place[n] += states[n]
        clock_s *= C_M_S
        clock_s += ranges.range_m
        clock_s -= first
        nowhere = np.isnan(place[0])
        usable = ranges.there & ~nowhere
        usable &= ~np.isnan(clock_s)
        if nowhere.any():  # anywhere, so that nan does not spread
            place[:, nowhere] = ANYWHERE_M
        sets = np.broadcast_to(np.append(table.toe_ms, -1)[row], usable.shape)
        return Sent(place, clock_s, between, usable, sets)

    def _rows(self, choice: Choice) -> I64:
        """Rows of the table, (satellites, 1) or (satellites, epochs); -1 for none.

        Galileo's E1 and E5a are F/NAV's, E1 and E5b I/NAV's; I/NAV leads to E5a too.
        """
        kinds = self.table.row[choice.gnss, choice.satellite]
        fine = (kinds >= 0) & (self.table.why[choice.gnss, choice.satellite] == OK)
        kinds = np.where(fine, kinds, -1)
        row = kinds[:, :1]
        both = np.flatnonzero((choice.gnss == GALILEO) & fine[:, 1])
        if not len(both):
            return row
        pairing = choice.pairing[both]
        f_nav = (pairing == SECOND) | ((pairing == SINGLE) & ~fine[both, :1])
        if not f_nav.all():
            row = np.repeat(row, choice.pairing.shape[1], axis=1)
            row[both] = np.where(f_nav, kinds[both, 1:], kinds[both, :1])
            return row
        row[both] = kinds[both, 1:]
        return row
