"""Satellites of ranges: where each was when it sent, and what its clock and its group delays make of a range.

Every satellite is evaluated once for an epoch's time, however many stations saw it, and carried back from
there by each signal's way, to the second order in time as `orbit.expand` does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.ephemeris_store import OK, Table
from hncors.measure.ranges import SECOND, SINGLE, Choice, Ranges
from hncors.observation import F64, I64, B
from hncors.signals import C_M_S, GALILEO, SLOTS

ANYWHERE_M = 2e7  # along each axis: a satellite that is not usable


class Sent(NamedTuple):
    """Satellites where and when they sent, in the shape of the ranges."""

    place_m: F64  # (3, satellites, epochs)
    range_m: F64  # as measured, free of group delays and of the satellite's clock
    delay_m: F64  # what is to be taken off the ionosphere's delay by codes for the satellite's group delays
    usable: B
    set_ms: I64  # toe of the ephemeris


class Sky:
    """The states of all satellites that some epochs need, at the times of these."""

    def __init__(self, table: Table, gnss: I64, satellite: I64, time_ms: I64) -> None:
        """Of the satellites given at `time_ms`, one an epoch; every satellite and time is evaluated once."""
        self.table = table
        kinds = table.row[gnss, satellite]
        fine = (kinds >= 0) & (table.why[gnss, satellite] == OK)
        rows = np.unique(kinds[fine])
        if (time_ms == time_ms[0]).all():  # as a rule
            times, self._of_epoch = time_ms[:1], np.zeros(len(time_ms), np.int64)
        else:
            times, self._of_epoch = np.unique(time_ms, return_inverse=True)
        which, at = np.repeat(rows, len(times)), np.tile(times, len(rows))
        states = table.orbits.at(which, at, np.zeros(len(at)))
        old = np.abs(at - table.toe_ms[which]) > table.age_ms[which]
        states.position_m[old] = np.nan
        self._times = len(times)
        self._place = np.full(len(table.toe_ms) + 1, len(rows))  # of row -1, too: the one that is nowhere
        self._place[rows] = np.arange(len(rows))
        motion = np.full((11, len(rows) + 1, len(times)), np.nan)
        columns = states.position_m.T, states.velocity_m_s.T, states.acceleration_m_s2.T
        motion[:9, :-1] = np.concatenate(columns).reshape(9, len(rows), len(times))
        motion[9, :-1] = states.clock_s.reshape(len(rows), len(times))
        motion[10, :-1] = states.clock_rate.reshape(len(rows), len(times))
        self._motion = motion

    def _states(self, row: I64, epochs: slice) -> F64:
        """Position, velocity, acceleration, clock and its rate (11, ...) of rows of the table by epochs."""
        place = self._place[row]
        if self._times == 1:
            return self._motion[:, place, 0]
        return self._motion[:, place, self._of_epoch[epochs]]

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
