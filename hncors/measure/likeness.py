"""How alike two streams' observations of one moment are: the same numbers, the same antenna, or neither.

Numbers that went through another encoder are the same to what both encoders keep of them (RTCM 10403.3:
DF400, DF401, DF403, DF405, DF406, DF408 of MSM, DF011 to DF020 of the older messages), but for one clock of
all, which a relay may put right, and whole cycles of each phase, which encoders may begin anew. Noise makes
other receivers' numbers differ by more: pseudoranges by decimetres, phases by millimetres.

Receivers on one antenna see the same geometry, so that between them and between satellites phases differ by
whole cycles, to their noise, in a single epoch and whatever the clocks do (double differences of a zero
baseline; Teunissen and Montenbruck 2017, Handbook of GNSS, section 26.2). An antenna that is centimetres away
leaves parts of a cycle. GLONASS is left out there: its satellites have frequencies of their own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.apart import medians
from hncors.measure.lock import lock_end_ms
from hncors.observation import F64, I64, U8, B, Observations, ambiguous, frequency_hz
from hncors.signals import C_M_S, GLONASS

_MS_M = C_M_S / 1000
# By Messages.kind, what a pseudorange, a phase and C/N0 are told in: metres, metres, dB-Hz.
_CODE_UNIT_M, _PHASE_UNIT_M, _CN0_UNIT = np.full((3, 16), np.nan)
_CODE_UNIT_M[[1, 3, 4, 5]], _CODE_UNIT_M[[6, 7]] = _MS_M * 2.0**-24, _MS_M * 2.0**-29
_PHASE_UNIT_M[[2, 3, 4, 5]], _PHASE_UNIT_M[[6, 7]] = _MS_M * 2.0**-29, _MS_M * 2.0**-31
_CN0_UNIT[[4, 5]], _CN0_UNIT[[6, 7]] = 1.0, 1 / 16
_CODE_UNIT_M[11:15], _PHASE_UNIT_M[11:15], _CN0_UNIT[[12, 14]] = 0.02, 0.0005, 0.25
_CODE_SLACK_M, _PHASE_SLACK_M = (
    0.0015,
    0.0008,
)  # text on the way keeps a millimetre, and thousandths of a cycle
_FAR_M = 50.0  # pseudoranges of one antenna and moment, less the clock, are never that far apart
NEAR_CYCLES = 0.05  # 10 mm of L1: noise of two receivers, at low elevations too
FEWEST_CELLS, FEWEST_SATELLITES = 6, 4
_OF_A_SIGNAL = 4  # phases, so that their common part takes little of what they say


class Moment(NamedTuple):
    """A stream's observations of one epoch, by ascending key."""

    time_ms: int  # GPS
    arrival_ns: int
    key: I64  # system * 2^16 + satellite * 2^8 + signal
    code_m: F64
    phase_m: F64
    rate_m_s: F64
    cn0_dbhz: F64
    lock_ms: F64
    half_cycle: B
    wavelength_m: F64  # nan where a GLONASS channel is not known
    kind: U8  # Messages.kind


class Likeness(NamedTuple):
    """What two streams have in common at one moment; shares are of what could be compared."""

    cells: int  # signals of satellites both have
    satellites: int
    same_code: float  # share of pseudoranges that are equal to what both tell, but for one clock
    phases: int
    same_phase: float  # share of phases, but for one clock a signal and whole cycles
    code_m: float  # median of pseudoranges' differences, less the clock and a delay of each signal
    near: float  # share of phases within NEAR_CYCLES of whole cycles (no GLONASS)
    phase_mm: float  # median of the same; nan where no signal has enough
    of_near: int  # how many phases that is
    clock_m: float  # what is taken off
    same_cn0: float  # nan where one tells none
    same_lock: float


def moment_of(time_ms: int, arrival_ns: int, o: Observations, kind: U8) -> Moment:
    """The observations `o` of one epoch of a stream; `kind` is Messages.kind of each row."""
    key = (o.gnss.astype(np.int64) << 16) | (o.satellite.astype(np.int64) << 8) | o.signal
    order = np.argsort(key, kind="stable")
    code_m, phase_m = (np.where(ambiguous(kind), np.nan, m) for m in (o.pseudorange_m, o.phase_range_m))
    return Moment(
        time_ms, arrival_ns, key[order], code_m[order], phase_m[order],
        o.range_rate_m_s[order], o.cn0_dbhz[order], o.lock_ms[order], o.half_cycle[order],
        C_M_S / frequency_hz(o.gnss, o.signal, o.channel)[order], kind[order],
    )  # fmt: skip


def compare(one: Moment, other: Moment) -> Likeness | None:
    """Two streams' observations of one moment; None where they have too little in common to tell."""
    key, mine, theirs = np.intersect1d(one.key, other.key, assume_unique=True, return_indices=True)
    code_m = one.code_m[mine] - other.code_m[theirs]
    there = ~np.isnan(code_m)
    if not there.all():
        key, mine, theirs, code_m = key[there], mine[there], theirs[there], code_m[there]
    satellites = len(np.unique(key >> 8))
    if len(key) < FEWEST_CELLS or satellites < FEWEST_SATELLITES:
        return None
    kinds = one.kind[mine], other.kind[theirs]
    clock_m = float(np.median(code_m))
    unit_m = _CODE_UNIT_M[kinds[0]] + _CODE_UNIT_M[kinds[1]]
    if abs(clock_m) <= unit_m.max():
        clock_m = 0.0  # nobody changed it: then nothing is taken off
    off_m = code_m - clock_m
    same_code = _share(np.abs(off_m) <= unit_m + _CODE_SLACK_M)

    wavelength_m = np.where(
        np.isnan(one.wavelength_m[mine]), other.wavelength_m[theirs], one.wavelength_m[mine]
    )
    phase_m = one.phase_m[mine] - other.phase_m[theirs] - clock_m
    told = ~np.isnan(phase_m * wavelength_m) & ~(one.half_cycle[mine] | other.half_cycle[theirs])
    limit_m = _PHASE_UNIT_M[kinds[0]] + _PHASE_UNIT_M[kinds[1]] + _PHASE_SLACK_M
    same_phase = _share((_wrapped(phase_m, wavelength_m) <= limit_m)[told])
    if clock_m:  # known to centimetres only: its own part of each signal is taken off
        apart_m, usable = _less_common(phase_m, wavelength_m, key, told)
        same_phase = _share((apart_m <= limit_m)[usable])

    moving_m = _moving(one, other, mine, theirs) * (clock_m / C_M_S)
    apart_m, usable = _less_common(phase_m + moving_m, wavelength_m, key, told)
    usable &= np.abs(off_m + moving_m) < _FAR_M
    near = _share((apart_m <= NEAR_CYCLES * wavelength_m)[usable])
    phase_mm = 1000 * float(np.median(apart_m[usable])) if usable.any() else np.nan
    cn0, lock = _alike(one, other, mine, theirs)
    return Likeness(
        len(key), satellites, same_code, int(told.sum()), same_phase, _scatter_m(off_m + moving_m, key),
        near, phase_mm, int(usable.sum()), clock_m, cn0, lock,
    )  # fmt: skip


def _scatter_m(off_m: F64, key: I64) -> float:
    """Median of what differences are off the median of their signal: receivers delay each by its own."""
    _, of = np.unique((key >> 16 << 8) | (key & 0xFF), return_inverse=True)
    middle_m, _ = medians(of, off_m, int(of.max()) + 1)
    return float(np.median(np.abs(off_m - middle_m[of])))


def _moving(one: Moment, other: Moment, mine: I64, theirs: I64) -> F64:
    """How fast ranges grow: receivers whose clocks differ observe at moments that differ. 0 if not known."""
    rate = np.where(np.isnan(one.rate_m_s[mine]), other.rate_m_s[theirs], one.rate_m_s[mine])
    out: F64 = np.nan_to_num(rate)
    return out


def _wrapped(length_m: F64, wavelength_m: F64) -> F64:
    """Distance from whole cycles, metres."""
    out: F64 = np.abs(length_m - np.rint(length_m / wavelength_m) * wavelength_m)
    return out


def _less_common(phase_m: F64, wavelength_m: F64, key: I64, told: B) -> tuple[F64, B]:
    """Distance from whole cycles of each phase less what its signal has in common; which of them say a thing.

    The common part is the direction of the mean of the phases on a circle, taken again of those near it.
    """
    apart_m = np.full(len(key), np.nan)
    usable = told & (key >> 16 != GLONASS)
    signal = (key >> 16 << 8) | (key & 0xFF)
    for each in np.unique(signal[usable]).tolist():
        rows = np.flatnonzero(usable & (signal == each))
        if len(rows) < _OF_A_SIGNAL:
            usable[rows] = False
            continue
        cycles = phase_m[rows] / wavelength_m[rows]
        turn = np.exp(2j * np.pi * cycles)
        mean = turn.mean()
        close = (turn * np.conj(mean)).real > 0.9 * abs(mean)
        if 2 * close.sum() > len(rows):
            mean = turn[close].mean()
        cycles -= np.angle(mean) / (2 * np.pi)
        apart_m[rows] = np.abs(cycles - np.rint(cycles)) * wavelength_m[rows]
    return apart_m, usable


def _alike(one: Moment, other: Moment, mine: I64, theirs: I64) -> tuple[float, float]:
    """Shares of equal C/N0, and of lock times that may be one, to what both tell of them."""
    off = np.abs(one.cn0_dbhz[mine] - other.cn0_dbhz[theirs])
    unit = _CN0_UNIT[one.kind[mine]] + _CN0_UNIT[other.kind[theirs]]
    known = ~np.isnan(off * unit)
    begin = [one.lock_ms[mine], other.lock_ms[theirs]]
    end = [lock_end_ms(m.kind[at], m.lock_ms[at]) for m, at in ((one, mine), (other, theirs))]
    lock = (begin[0] < end[1]) & (begin[1] < end[0])
    timed = ~np.isnan(begin[0] + begin[1])
    return _share((off <= unit)[known]), _share(lock[timed])


def _share(true: B) -> float:
    return float(true.mean()) if len(true) else np.nan
