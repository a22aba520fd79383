"""Phases of the older messages made continuous where their field rolled over.

1001-1004 and 1009-1012 send a phase as its difference from the L1 pseudorange. The two drift apart with
the ionosphere; before the difference leaves its field (20 bits, 262.1 m) the sender adds or takes away
1,500 cycles: RTCM 10403.3, DF012, DF018, DF042, DF048. A difference can be told from the one before it
within 750 cycles, so the rolls are taken back. MSM phases have no such field and pass unchanged.
"""

from __future__ import annotations

import numpy as np

from hncors.observation import F64, I64, Messages, Observations, frequency_hz
from hncors.rtcm3.legacy import KIND
from hncors.signals import C_M_S, CODES, GNSS, SLOTS

ROLL_CYCLES = 1500
_LEGACY = np.isin(np.arange(256), list(KIND.values()))
_SECOND_BAND = np.array([[code[:1] == "2" for code in codes] for codes in CODES]).ravel()


def continuous(messages: Messages, observations: Observations, stream: I64) -> F64:
    """`phase_range_m` of each observation without rolls, in metres.

    `stream` is the stream of each message. Rows are in the order they came; the first phase of a
    satellite and band of a stream stays as it is, each later one is put within 750 cycles of the one
    before it. A GLONASS phase whose channel is not known stays as it is.
    """
    o = observations
    rows = np.flatnonzero(_LEGACY[messages.kind[o.message]])
    if not len(rows):
        return o.phase_range_m
    o = o.select(rows)
    second = _SECOND_BAND[o.gnss.astype(np.int64) * SLOTS + o.signal]
    satellite = (o.message * len(GNSS) + o.gnss) * 256 + o.satellite
    _, of = np.unique(satellite, return_inverse=True)
    base_m = np.full(of.max() + 1, np.nan)
    base_m[of[~second]] = o.pseudorange_m[~second]
    roll_m = ROLL_CYCLES * C_M_S / frequency_hz(o.gnss, o.signal, o.channel)
    rolls = (o.phase_range_m - base_m[of]) / roll_m
    known = np.flatnonzero(~np.isnan(rolls))
    line = ((stream[o.message] * len(GNSS) + o.gnss) * 256 + o.satellite) * 2 + second
    order = known[np.argsort(line[known], kind="stable")]
    step = np.zeros(len(order))
    step[1:] = np.rint(np.diff(rolls[order]))
    first = np.ones(len(order), bool)
    first[1:] = line[order[1:]] != line[order[:-1]]
    step[first] = 0
    total = np.cumsum(step)
    starts = np.flatnonzero(first)
    total -= total[starts].repeat(np.diff(np.append(starts, len(order))))
    out: F64 = observations.phase_range_m.copy()
    out[rows[order]] -= total * roll_m[order]
    return out
