"""Satellites of ranges: where each was when it sent, and what its clock and its group delays make of a range.

Every satellite is evaluated once for an epoch's time, however many stations saw it, and carried back from
there by each signal's way (`orbit.expand`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.ephemeris_store import OK, Table
from hncors.measure.orbit import expand
from hncors.measure.ranges import SECOND, SINGLE, Ranges
from hncors.observation import F64, I64, B, Observations
from hncors.signals import C_M_S, GALILEO


class Sent(NamedTuple):
    """Satellites where and when they sent."""

    place_m: F64  # (n, 3)
    range_m: F64  # as measured, free of group delays and of the satellite's clock
    delay_m: F64  # what is to be taken off the ionosphere's delay by codes for the satellite's group delays
    usable: B


def sent(table: Table, ranges: Ranges, time_ms: I64, o: Observations) -> Sent:
    """Each satellite at the time its signal left; every satellite and epoch is evaluated once."""
    kinds = table.row[ranges.gnss, ranges.satellite]
    fine = (kinds >= 0) & (table.why[ranges.gnss, ranges.satellite] == OK)
    # Galileo's E1 and E5a are F/NAV's, E1 and E5b I/NAV's; I/NAV leads to E5a too.
    f_nav = fine[:, 1] & (ranges.pairing == SECOND) & (ranges.gnss == GALILEO)
    kind = f_nav.astype(np.int64)
    row = np.where(
        np.take_along_axis(fine, kind[:, None], 1)[:, 0],
        np.take_along_axis(kinds, kind[:, None], 1)[:, 0],
        -1,
    )
    n = len(ranges)
    place, corrected, between = np.full((n, 3), np.nan), np.full(n, np.nan), np.zeros(n)
    rows = np.flatnonzero(row >= 0)
    if len(rows):
        row, first, second, c1 = row[rows], ranges.first[rows], ranges.second[rows], ranges.c1[rows]
        delay = table.delay_m[row, o.signal[first]]
        between[rows] = (table.delay_m[row, o.signal[second]] - delay) * (c1 - 1.0)
        delay = delay - np.where(ranges.pairing[rows] == SINGLE, 0.0, between[rows])
        code_m = ranges.range_m[rows]
        when = time_ms[rows]
        fresh = np.abs(when - table.toe_ms[row]) <= table.age_ms[row]
        times, of_time = np.unique(when, return_inverse=True)
        pair, of_pair = np.unique(of_time * len(table.toe_ms) + row, return_inverse=True)
        which, at = pair % len(table.toe_ms), times[pair // len(table.toe_ms)]
        states = table.orbits.at(which, at, np.zeros(len(pair))).select(of_pair)
        # Ranges hold the receiver's clock as the epoch's time does: their difference is the time it was sent.
        way_s = code_m / C_M_S
        clock = states.clock_s - way_s * states.clock_rate
        position, _, clock = expand(states, -way_s - clock)
        place[rows] = np.where(fresh[:, None], position, np.nan)
        corrected[rows] = code_m - delay + C_M_S * clock
    return Sent(place, corrected, between, ~np.isnan(place[:, 0]) & ~np.isnan(corrected))
