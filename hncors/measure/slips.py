"""Cycle slips of all stations: which signals slipped, and which test found it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.carrier import Jump, Phases, follow
from hncors.measure.cells import Cells
from hncors.measure.pairs import Steps, begin, charge, compare, pair_up, part, touching
from hncors.observation import F64, I64, U8, B, Observations, ambiguous, frequency_hz
from hncors.rtcm3.legacy import KIND
from hncors.rtcm3.legacy_phase import ROLL_CYCLES
from hncors.signals import C_M_S

TESTS = ("lock", "geometry_free", "melbourne_wuebbena", "code_phase")
"""Loss of lock told by the receiver; a step of either combination; pseudorange and phase apart, of signals
that have no partner. Bit n of `Slips.tests` is TESTS[n]."""

GRID_MS = 30_000  # how often partners are looked for anew
_LEGACY = np.isin(np.arange(256), list(KIND.values()))
_ROLLS = 2  # at once


class Slips(NamedTuple):
    """Signals that slipped between the phase at `time_ms` and the one before it."""

    cell: I64
    time_ms: I64
    tests: I64  # bits


class Look(NamedTuple):
    """An epoch of each of some stations, as far as phases could be used."""

    station: I64
    cell: I64
    time_ms: I64
    cn0_dbhz: F64
    slips: Slips
    jumps: list[Jump]


def look(cells: Cells, station: I64, time_ms: I64, kind: U8, o: Observations, *, search: bool = True) -> Look:
    """Follow the phases of one epoch of each station; the other arguments are of each observation.

    `search`: an epoch is on the grid of half minutes on which partners are looked for again.

    Of a phase whose half cycle is open nothing is expected. Once it is resolved its arc begins anew, and
    that is no slip, unless the lock time says that it is.
    """
    known = cells.count
    cell = cells.of(station, o)
    code_phase_m = o.pseudorange_m - o.phase_range_m
    usable = ~(np.isnan(code_phase_m) | o.half_cycle) & (cell >= 0)
    usable &= ~ambiguous(np.arange(256)).take(kind)
    if o.half_cycle.any():
        part(cells, cell[o.half_cycle & (cell >= 0)])
    if not usable.all():
        rows = usable.nonzero()[0]
        cell, station, time_ms, kind = cell[rows], station[rows], time_ms[rows], kind[rows]
        o, code_phase_m = o.select(rows), code_phase_m[rows]
    phase_m = o.phase_range_m
    old = _LEGACY.take(kind)
    if old.any():
        rolled_m = _rolls(cells, cell, code_phase_m, old)
        phase_m, code_phase_m = phase_m + rolled_m, code_phase_m - rolled_m
    if not len(cell):
        return Look(station, cell, time_ms, o.cn0_dbhz, Slips(cell, time_ms, cell), [])
    done = follow(cells, Phases(cell, station, time_ms, phase_m, code_phase_m, o.lock_ms, kind))
    cells.cn0_dbhz[cell] = o.cn0_dbhz
    part(cells, cell[done.lost])
    if search or cells.count > known:
        _find_partners(cells, known, cell, time_ms, o)
    steps = compare(cells, cell, time_ms, phase_m, code_phase_m)
    charged = charge(cells, cell[steps.row], time_ms[steps.row])
    again = touching(cells, np.unique(charged))
    begin(cells, again, cells.time_ms[again])
    alone = done.apart[cells.partner[cell[done.apart]] < 0]
    slips = _told(cells, cell[done.lost], cell[alone], charged, steps)
    return Look(station, cell, time_ms, o.cn0_dbhz, slips, done.jumps)


def _told(cells: Cells, lost: I64, alone: I64, charged: I64, steps: Steps) -> Slips:
    """Each slip once, with all tests that saw it."""
    bits = [
        np.full(len(lost), 1),
        steps.geometry_free * 2 + steps.melbourne_wuebbena * 4,
        np.full(len(alone), 8),
    ]
    cell, of = np.unique(np.concatenate([lost, charged, alone]), return_inverse=True)
    tests = np.zeros(len(cell), np.int64)
    np.bitwise_or.at(tests, of, np.concatenate(bits))
    return Slips(cell, cells.time_ms[cell], tests)


def _rolls(cells: Cells, cell: I64, code_phase_m: F64, old: B) -> F64:
    """What the older messages' phases were rolled over by so far (hncors.rtcm3.legacy_phase)."""
    before_m = cells.rolled_m[cell]
    roll_m = ROLL_CYCLES * C_M_S / cells.frequency_hz[cell]
    rolls = np.rint((code_phase_m - before_m - cells.code_phase_m[cell]) / roll_m)
    rolls[~(np.abs(rolls) <= _ROLLS) | ~old] = 0
    cells.rolled_m[cell] = before_m + rolls * roll_m * (rolls != 0)
    return cells.rolled_m[cell]


def _find_partners(cells: Cells, known: int, cell: I64, time_ms: I64, o: Observations) -> None:
    """For satellites with signals beyond the `known` ones, and for all twice a minute."""
    new = cell >= known
    some = new | (time_ms % GRID_MS == 0)
    if not some.any():
        return
    blank = np.isnan(cells.frequency_hz[cell])
    if blank.any():  # GLONASS whose channel may be told by now
        late = o.select(blank)
        cells.frequency_hz[cell[blank]] = frequency_hz(late.gnss, late.signal, late.channel)
    siblings = cells.siblings(cell[new])
    wanted = np.zeros(cells.count, bool)  # np.unique of a million cells takes a second
    wanted[cell[some]] = wanted[siblings[siblings >= 0]] = True
    more = wanted.nonzero()[0]
    pair_up(cells, more, cells.time_ms[more])
