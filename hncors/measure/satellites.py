"""Satellites of ranges: where each was when it sent, and what its clock and its group delays make of a range.

Every satellite is evaluated once for an epoch's time, however many stations saw it, and carried back from
there by each signal's way, to the second order in time as `orbit.expand` does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.ephemeris_store import OK, Table
from hncors.measure.ranges import SECOND, SINGLE, Ranges
from hncors.observation import F64, I64, B, Observations
from hncors.signals import C_M_S, GALILEO


class Sent(NamedTuple):
    """Satellites where and when they sent."""

    place_m: F64  # (3, n)
    range_m: F64  # as measured, free of group delays and of the satellite's clock
    delay_m: F64  # what is to be taken off the ionosphere's delay by codes for the satellite's group delays
    usable: B


def sent(table: Table, ranges: Ranges, time_ms: I64, o: Observations) -> Sent:
    """Each satellite at the time its signal left; every satellite and epoch is evaluated once."""
    kinds = table.row[ranges.gnss, ranges.satellite]
    fine = (kinds >= 0) & (table.why[ranges.gnss, ranges.satellite] == OK)
    # Galileo's E1 and E5a are F/NAV's, E1 and E5b I/NAV's; I/NAV leads to E5a too.
    alone = (ranges.pairing == SINGLE) & ~fine[:, 0]
    f_nav = fine[:, 1] & ((ranges.pairing == SECOND) | alone) & (ranges.gnss == GALILEO)
    row = np.where(f_nav, kinds[:, 1], np.where(fine[:, 0], kinds[:, 0], -1))
    sets, n = len(table.toe_ms), len(ranges)
    if not (row >= 0).any():
        return Sent(np.full((3, n), np.nan), np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, bool))
    first, c1, single = table.delay_m[row, o.signal[ranges.first]], ranges.c1, ranges.pairing == SINGLE
    between = (table.delay_m[row, o.signal[ranges.second]] - first) * (c1 - 1.0)
    delay = first - np.where(single, 0.0, between)
    times, of_epoch = np.unique(time_ms, return_inverse=True)
    pair = of_epoch[ranges.epoch] * sets + row
    there = np.zeros(len(times) * sets, bool)
    there[pair[row >= 0]] = True
    pairs = np.flatnonzero(there)
    which, at = pairs % sets, times[pairs // sets]
    states = table.orbits.at(which, at, np.zeros(len(pairs)))
    old = np.abs(at - table.toe_ms[which]) > table.age_ms[which]
    states.position_m[old] = np.nan
    of_pair = (np.cumsum(there) - 1).take(pair)
    # Ranges hold the receiver's clock as the epoch's time does: their difference is the time it was sent.
    way_s = ranges.range_m / C_M_S
    clock_s = states.clock_s.take(of_pair) - way_s * states.clock_rate.take(of_pair)
    later = -way_s - clock_s
    place = states.acceleration_m_s2.T.take(of_pair, axis=1)
    place *= 0.5 * later
    place += states.velocity_m_s.T.take(of_pair, axis=1)
    place *= later
    place += states.position_m.T.take(of_pair, axis=1)
    range_m = ranges.range_m - delay + C_M_S * clock_s
    return Sent(place, range_m, between, (row >= 0) & ~np.isnan(place[0]) & ~np.isnan(range_m))
