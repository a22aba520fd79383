"""Loss of lock between an observation of a signal and the one before it, from lock time indicators.

An indicator says that a signal has been tracked without a break for at least `lock_ms` and less than
the next indicator's `lock_ms`. RTCM 10403.3: DF402, DF407 (tables 3.5-74, -75) and DF013 (3.4-2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hncors.observation import F64, I64, B
from hncors.rtcm3 import legacy, msm

_LOCK_10 = msm.LOCK_MS[10]
_TABLES: tuple[tuple[tuple[int, ...], F64], ...] = (
    ((2, 3, 4, 5), msm.LOCK_MS[4]),
    ((6, 7), _LOCK_10[~np.isnan(_LOCK_10)]),
    ((11, 12, 13, 14), legacy.LOCK_MS),
)
_OF_KIND = np.full(16, -1, np.int8)  # which of the tables a kind of message uses
for _number, (_kinds, _) in enumerate(_TABLES):
    _OF_KIND[list(_kinds)] = _number


def lock_end_ms(kind: NDArray[np.integer[Any]], lock_ms: F64) -> F64:
    """The lock time that the indicator of each `lock_ms` excludes; inf for the last, nan for nan.

    `kind` is `Messages.kind` of each value.
    """
    end = np.full(len(lock_ms), np.nan)
    which = np.where(np.isnan(lock_ms), -1, _OF_KIND.take(kind, mode="clip"))
    for number, (_, table) in enumerate(_TABLES):
        rows = np.flatnonzero(which == number)
        end[rows] = np.append(table, np.inf)[np.searchsorted(table, lock_ms[rows], side="right")]
    return end


def lost(signal: I64, time_ms: I64, lock_ms: F64, end_ms: F64) -> B:
    """True for phases before which lock was lost since the signal's phase before.

    Rows are phases, those of a signal (`signal` numbers signals of satellites) in order of time. Lock was
    lost when the time of tracking can only be shorter than it was, or than the time since: nothing can be
    said of a signal's first phase. Rows without a phase do not count: receivers (Septentrio) send lock time
    0 and no phase while a half cycle is not resolved, and the lock time they had when it is.
    """
    order = np.argsort(signal, kind="stable")
    here, before = order[1:], order[:-1]
    elapsed = time_ms[here] - time_ms[before]
    shorter = (end_ms[here] <= lock_ms[before]) | (end_ms[here] <= elapsed)
    out = np.zeros(len(order), bool)
    out[here] = (signal[here] == signal[before]) & shorter
    return out
