"""Each signal's phase and pseudorange against those before them: loss of lock, jumps of the receiver's clock.

A jump of the clock is one number for all satellites and frequencies: in pseudoranges and phases alike, or in
the pseudoranges alone when the receiver keeps its phases running. A slip is a whole number of cycles of one
signal. So what most signals of a station do alike, in metres, is the clock's, and is taken out of the means
before slips are looked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hncors.measure.cells import Cells
from hncors.measure.lock import lock_end_ms
from hncors.observation import F64, I64, U8, B, Columns

GAP_S = 180.0  # a longer silence ends an arc: what comes after it is no slip
APART_M = 10.0  # a step of pseudorange less phase that noise does not make
ALIKE_M = 5.0  # jumps of signals that are one jump
MOST = 0.8  # of a station's signals
AT_LEAST = 4  # signals, to tell a clock from them
_SURPRISE_M, _SURPRISE_M_S2 = 20.0, 0.3  # of a phase against its last rate: receiver's clock, orbit
BLOCK = 16_384  # rows whose temporary columns fit into the cache


@dataclass(frozen=True, slots=True)
class Phases(Columns):
    """Usable phases of an epoch of each station, a row each."""

    cell: I64
    station: I64
    time_ms: I64
    phase_m: F64
    code_phase_m: F64  # pseudorange less phase
    lock_ms: F64
    kind: U8  # Messages.kind


class Jump(NamedTuple):
    """The clock of a receiver jumped."""

    station: int
    time_ms: int
    jump_m: float  # of the pseudoranges
    phase: bool  # the phases jumped with them


class Followed(NamedTuple):
    """What became of the phases."""

    lost: I64  # rows before which lock was lost
    apart: I64  # rows whose pseudorange and phase stepped apart, alone
    jumps: list[Jump]


def follow(cells: Cells, new: Phases) -> Followed:
    """Put an epoch's phases beside the last of each signal, and remember them."""
    seen = np.empty(len(new.cell), bool)
    blocks = range(0, len(new.cell), BLOCK)
    found = [_block(cells, new.select(slice(at, at + BLOCK)), at, seen) for at in blocks]
    odd = _Odd(*(np.concatenate(column) for column in zip(*found, strict=True)))
    return _judge(cells, new, seen, odd) if len(odd.row) else Followed(odd.row, odd.row, [])


class _Odd(NamedTuple):
    """Rows that need a look."""

    row: I64
    apart_m: F64  # step of pseudorange less phase
    surprise_m: F64  # step of the phase less what its rate lets expect
    limit_m: F64  # of that
    held_ms: F64  # how long lock must have lasted if it was not lost


def _block(cells: Cells, new: Phases, offset: int, seen: B) -> _Odd:
    cell = new.cell
    elapsed_ms = new.time_ms - cells.time_ms.take(cell)
    elapsed_s = elapsed_ms * 1e-3
    before = (elapsed_ms > 0) & (elapsed_s <= GAP_S)
    seen[offset : offset + len(cell)] = before
    step_m = new.phase_m - cells.phase_m.take(cell)
    surprise_m = step_m - cells.rate_m_s.take(cell) * elapsed_s
    apart_m = new.code_phase_m - cells.code_phase_m.take(cell)
    lock_ms = cells.lock_ms.take(cell)
    limit_m = _SURPRISE_M + _SURPRISE_M_S2 * elapsed_s * elapsed_s
    odd = (new.lock_ms < lock_ms) | (new.lock_ms < elapsed_ms)
    odd |= np.abs(apart_m) > APART_M
    odd |= np.abs(surprise_m) > limit_m
    odd &= before
    rate_m_s = step_m / elapsed_s
    rate_m_s[~before] = np.nan
    cells.time_ms[cell] = new.time_ms
    cells.phase_m[cell] = new.phase_m
    cells.rate_m_s[cell] = rate_m_s
    cells.code_phase_m[cell] = new.code_phase_m
    cells.lock_ms[cell] = new.lock_ms
    rows = odd.nonzero()[0]
    held_ms = np.fmax(lock_ms[rows], elapsed_ms[rows])
    return _Odd(rows + offset, apart_m[rows], surprise_m[rows], limit_m[rows], held_ms)


def _judge(cells: Cells, new: Phases, seen: B, odd: _Odd) -> Followed:
    rows = odd.row
    lost = lock_end_ms(new.kind[rows], new.lock_ms[rows]) <= odd.held_ms
    away = np.abs(odd.apart_m) > APART_M
    surprised = np.abs(odd.surprise_m) > odd.limit_m
    station = new.station[rows]
    total = np.bincount(new.station[seen], minlength=int(station.max()) + 1)
    jumps: list[Jump] = []
    for who in _crowds(station, away, total):
        its = np.flatnonzero((station == who) & away)
        jump_m, alike = _common(odd.apart_m[its], ALIKE_M)
        if alike.sum() >= MOST * total[who]:  # of pseudoranges alone, or of phases alone
            jumps.append(Jump(who, int(new.time_ms[rows[its[0]]]), jump_m, phase=False))
            hit = new.cell[rows[its[alike]]]
            cells.mp_mean_m[hit] += jump_m
            cells.mw_mean[hit] -= jump_m * (cells.mw_own[hit] + cells.mw_partner[hit])
            away[its[alike]] = surprised[its] = False
    for who in _crowds(station, surprised, total):
        its = np.flatnonzero((station == who) & surprised)
        jump_m, alike = _common(odd.surprise_m[its], ALIKE_M + float(odd.limit_m[its].max()) - _SURPRISE_M)
        if alike.sum() >= MOST * total[who]:
            jumps.append(Jump(who, int(new.time_ms[rows[its[0]]]), jump_m, phase=True))
            cells.rate_m_s[new.cell[rows[its]]] = np.nan
    return Followed(rows[lost], rows[away & ~lost], jumps)


def _crowds(station: I64, moved: B, total: I64) -> list[int]:
    """Stations most of whose signals moved."""
    count = np.bincount(station[moved], minlength=len(total))
    crowds: list[int] = np.flatnonzero((count >= AT_LEAST) & (count >= MOST * total)).tolist()
    return crowds


def _common(moved_m: F64, within_m: float) -> tuple[float, B]:
    """The step that signals have in common, and which have it."""
    common_m = float(np.median(moved_m))
    return common_m, np.abs(moved_m - common_m) < within_m
