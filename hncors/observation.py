"""Observations as columns: one row per observation message, one row per satellite and signal.

Plain frozen records of numpy arrays of equal length; `select` and `join` work on any of them. A float
that is not available is nan. Rows keep the order in which their frames came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hncors.signals import C_M_S, CHANNEL_STEP_HZ, FREQUENCY_HZ, GLONASS, SLOTS

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
B = NDArray[np.bool_]

CHANNEL_UNKNOWN = -128  # no GLONASS frequency channel is known (they are -7..+6)


@dataclass(frozen=True, slots=True)
class Columns:
    """Arrays of one length under names."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def select(self, rows: Any) -> Self:
        """The same columns at some rows (a mask, indices or a slice)."""
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """The rows of several parts after each other."""
        if len(parts) == 1:
            return parts[0]
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def named(self) -> dict[str, NDArray[Any]]:
        """Column name -> array."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True)
class Messages(Columns):
    """One row per observation message, MSM or older. Fields by their RTCM 10403.3 numbers."""

    frame: I64  # row of the frame in its block
    type: I64  # DF002
    kind: U8  # 1-7: MSM of that kind; 11-14: legacy 1001-1004 and 1009-1012
    gnss: U8  # index into signals.GNSS
    station_id: I64  # DF003
    epoch_raw: I64  # DF004, DF034, DF416 + DF034, DF427, DF428: as sent
    more: B  # DF393 multiple message bit, DF005 synchronous flag: more of this epoch follows
    iods: U8  # DF409 issue of data station
    clock_steering: U8  # DF411
    external_clock: U8  # DF412
    smoothing: B  # DF417 divergence-free smoothing, DF008 smoothing interval's companion
    smoothing_interval: U8  # DF418, DF008
    satellites: I64  # satellites named
    cells: I64  # rows of Observations that belong to it


@dataclass(frozen=True, slots=True)
class Observations(Columns):
    """One row per satellite and signal of a message ("cell").

    Ranges of MSM1-MSM3 and of 1001, 1003, 1009, 1011 are modulo one (GLONASS: two) light
    milliseconds: `Messages.kind` tells (see `ambiguous`).
    """

    message: I64  # row in Messages
    gnss: U8  # index into signals.GNSS
    satellite: U8  # RINEX number
    signal: U8  # index into signals.CODES[gnss]
    pseudorange_m: F64
    phase_range_m: F64  # carrier phase as a range, positive as pseudorange
    range_rate_m_s: F64  # positive when the range grows
    lock_ms: F64  # minimum time of continuous lock, DF402, DF407, DF013
    half_cycle: B  # DF420: half-cycle ambiguity unresolved
    cn0_dbhz: F64
    channel: NDArray[np.int8]  # GLONASS frequency channel sent with the cell, else CHANNEL_UNKNOWN


_AMBIGUOUS = np.zeros(16, np.bool_)
_AMBIGUOUS[[1, 2, 3, 11, 13]] = True


def ambiguous(kind: NDArray[np.integer[Any]]) -> B:
    """True for message kinds whose ranges lack the whole milliseconds (R17: not for positioning)."""
    return _AMBIGUOUS.take(kind, mode="clip")


def frequency_hz(gnss: U8, signal: U8, channel: NDArray[np.int8]) -> F64:
    """Carrier frequency of each row; nan for GLONASS rows whose channel is unknown."""
    out: F64 = FREQUENCY_HZ.ravel().take(gnss.astype(np.int64) * SLOTS + signal)
    rows = np.flatnonzero(gnss == GLONASS)
    if len(rows):
        k = channel[rows].astype(np.float64)
        k[(k < -7) | (k > 6)] = np.nan
        out[rows] += k * CHANNEL_STEP_HZ[signal[rows]]
    return out


def phase_cycles(phase_range_m: F64, frequency: F64) -> F64:
    """Carrier phase in cycles (RINEX L: same sign as the range)."""
    return phase_range_m * (frequency / C_M_S)


def doppler_hz(range_rate_m_s: F64, frequency: F64) -> F64:
    """Doppler shift (RINEX D: positive when the satellite approaches)."""
    return range_rate_m_s * (-frequency / C_M_S)


_EMPTY: dict[str, Any] = dict.fromkeys(
    ("frame", "type", "station_id", "epoch_raw", "satellites", "cells", "message"), np.int64
)
_EMPTY |= dict.fromkeys(("more", "smoothing", "half_cycle"), np.bool_) | {"channel": np.int8}
_EMPTY |= dict.fromkeys(
    ("pseudorange_m", "phase_range_m", "range_rate_m_s", "lock_ms", "cn0_dbhz"), np.float64
)


def _without_rows(kind: type[Columns]) -> dict[str, Any]:
    return {f.name: np.empty(0, _EMPTY.get(f.name, np.uint8)) for f in fields(kind)}


NO_MESSAGES = Messages(**_without_rows(Messages))
NO_OBSERVATIONS = Observations(**_without_rows(Observations))


def subset(messages: Messages, observations: Observations, rows: I64) -> tuple[Messages, Observations]:
    """Some messages, in the order given, with their observations; the others' are left out.

    Observations are sorted by message, as decoding gives them, and stay so: those of messages that follow
    each other are views of the same memory, the others are copied once.
    """
    if not len(rows):
        return messages.select(rows), observations.select(slice(0))
    first, last = int(rows[0]), int(rows[-1])
    if last - first + 1 == len(rows) and bool((rows[1:] > rows[:-1]).all()):
        its = slice(*np.searchsorted(observations.message, (first, last + 1)).tolist())
        named = observations.select(its).named()
        named["message"] = named["message"] - first
        return messages.select(slice(first, last + 1)), Observations(**named)
    count = np.bincount(observations.message, minlength=len(messages))
    end, length = count.cumsum()[rows], count[rows]
    named = observations.select(spanned(end - length, end - 1)).named()
    named["message"] = np.arange(len(rows)).repeat(length)
    return messages.select(rows), Observations(**named)


def spanned(first: I64, last: I64) -> I64:
    """The rows first..last (inclusive) of each span, one span after the other."""
    length = last - first + 1
    before = length.cumsum() - length
    rows: I64 = np.arange(length.sum()) + (first - before).repeat(length)
    return rows


def append(parts: Sequence[tuple[Messages, Observations]]) -> tuple[Messages, Observations]:
    """Sets of messages with their observations, after each other, as one."""
    parts = [part for part in parts if len(part[0])]
    if not parts:
        return NO_MESSAGES, NO_OBSERVATIONS
    moved, before = [], 0
    for messages, observations in parts:
        named = observations.named()
        if before:
            named["message"] = named["message"] + before
        moved.append(Observations(**named))
        before += len(messages)
    return Messages.join([messages for messages, _ in parts]), Observations.join(moved)
