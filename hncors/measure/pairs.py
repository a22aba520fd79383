"""Two frequencies of a satellite: geometry-free phase, Melbourne-Wuebbena and multipath of each signal.

Every signal has a partner, the signal of its satellite whose frequency is farthest. With L the phase and P
the pseudorange in metres, i the signal, j its partner, q = (fj / fi)^2:

    geometry-free       GF = Li - Lj
    Melbourne-Wuebbena  MW = (fi Li - fj Lj) / (fi - fj) - (fi Pi + fj Pj) / (fi + fj)
                        in cycles of the wide lane (Melbourne 1985, Wuebbena 1985)
    multipath           MP = Pi - Li - 2 q / (1 - q) GF
                        which for L1 and L2 is MP1 and MP2 of teqc (Estey and Meertens 1999, eq. 3; the
                        equation 4 there has a known erratum, so it is derived anew)

GF is held against its own rate here; MW against its mean over the arc, and MP about its own, in
hncors.measure.lanes. Means forget with a time constant of 1,500 s (teqc's window is 50 epochs of 30 s), so
that they do not depend on the interval of epochs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure import lanes
from hncors.measure.carrier import BLOCK, GAP_S
from hncors.measure.cells import NEVER, PLACES, Cells
from hncors.observation import F64, I64, B
from hncors.signals import C_M_S

NEAREST = 0.02  # frequencies nearer to each other than this part say nothing together (B1I, B1C)
# Geometry-free: what a step must exceed. The ionosphere's rate is followed, so its changes remain.
GF_FLOOR_M, GF_M_S = 0.015, 0.0002
GF_FIRST_M, GF_FIRST_M_S = 0.02, 0.004  # more while the rate is not known
GF_SIGMAS = 6.0
CLIP = 1.5  # of its limit is the most a step counts for in the scatter, which outlives the arc: so a storm
# soon ceases to look like slips, and a slip does not blind what follows
_GF_PRIOR_M = 0.004
_RATE_S = 120.0  # over which the rate is averaged
_PRIOR = 10.0  # epochs that what is assumed of the scatter is worth
ODD = 0.2  # of a slip: pseudoranges are asked at once
OLDEST = 1000.0  # epochs of an arc that count


class Steps(NamedTuple):
    """Signals whose pair moved as a slip would move it, rows of the observations."""

    row: I64
    geometry_free: B  # seen by it
    melbourne_wuebbena: B

    @property
    def sure(self) -> B:
        """Steps that do not wait for the next epoch."""
        return self.geometry_free | self.melbourne_wuebbena


def compare(cells: Cells, cell: I64, time_ms: I64, phase_m: F64, code_phase_m: F64) -> Steps:
    """Carry the pairs of an epoch's cells on, phases of which are in `cells` already; those that stepped."""
    partner = cells.partner.take(cell)
    there = cells.time_ms.take(partner, mode="clip") == time_ms
    there &= partner >= 0
    row = there.nonzero()[0]
    if len(row) < len(cell):
        cell, partner, time_ms = cell[row], partner[row], time_ms[row]
        phase_m, code_phase_m = phase_m[row], code_phase_m[row]
    found = []
    for at in range(0, len(row), BLOCK):
        its = slice(at, at + BLOCK)
        found.append(
            _block(cells, at, cell[its], partner[its], time_ms[its], phase_m[its], code_phase_m[its])
        )
    if not found:
        none = np.empty(0, np.int64)
        return Steps(none, none.astype(bool), none.astype(bool))
    return _together(
        cells, cell, row, Steps(*(np.concatenate(column) for column in zip(*found, strict=True)))
    )


def _together(c: Cells, cell: I64, row: I64, steps: Steps) -> Steps:
    """Steps without those that wait, unless another of their satellite is sure: then they are, too."""
    satellite = c.key[cell[steps.row]] // PLACES
    sure = steps.sure
    also = ~sure & np.isin(satellite, satellite[sure])
    rows = np.flatnonzero(sure | also)
    return Steps(row[steps.row[rows]], steps.geometry_free[rows], (steps.melbourne_wuebbena | also)[rows])


def _block(
    cells: Cells, first: int, cell: I64, partner: I64, time_ms: I64, phase_m: F64, own_m: F64
) -> Steps:
    c = cells
    gf = phase_m - c.phase_m.take(partner)
    elapsed_s = (time_ms - c.pair_ms.take(cell)) * 1e-3
    fresh = ~((elapsed_s > 0) & (elapsed_s <= GAP_S))
    age = c.pair_age.take(cell)
    gain = 1.0 / (age + 1.0)
    rate = c.gf_rate_m_s.take(cell)
    variance = c.gf_variance_m2.take(cell)
    error = gf - c.gf_m.take(cell) - rate * elapsed_s
    limit = np.maximum(GF_SIGMAS * np.sqrt(variance), GF_FLOOR_M) + GF_M_S * elapsed_s
    limit += (GF_FIRST_M + GF_FIRST_M_S * elapsed_s) * (4.0 * gain * gain)
    phase_part = error / limit
    phase_part *= phase_part
    steady = np.maximum(gain / (1.0 + _PRIOR * gain), 0.016)
    clipped = np.minimum(np.abs(error), CLIP * limit)
    variance += steady * (clipped * clipped - variance)
    follow = np.maximum(np.minimum(elapsed_s * (1 / _RATE_S), 0.3), np.minimum(2.0 * gain, 1.0))
    rate += follow * (error / elapsed_s)
    begun = fresh.nonzero()[0]
    variance[begun] = c.gf_variance_m2[cell[begun]]
    c.pair_ms[cell] = time_ms
    c.pair_age[cell] = np.minimum(age + 1.0, OLDEST)
    c.gf_m[cell] = gf
    c.gf_rate_m_s[cell] = rate
    c.gf_variance_m2[cell] = variance
    due = time_ms - c.lane_ms.take(cell) > 1000 * lanes.EVERY_S
    due |= phase_part > ODD
    due &= ~fresh
    rows = due.nonzero()[0]
    moved, shifted = lanes.carry(
        c, cell[rows], partner[rows], time_ms[rows], gf[rows], own_m[rows], phase_part[rows]
    )
    if len(begun):
        begin(c, cell[begun], time_ms[begun])
    found = rows[moved]
    return Steps(first + found, phase_part[found] > lanes.PART, shifted[moved])


def begin(c: Cells, cell: I64, time_ms: I64) -> None:
    """Begin the arcs of pairs with the phases there are; those whose partner is not there wait."""
    partner = c.partner[cell]
    there = (partner >= 0) & (c.time_ms[partner] == time_ms) & (c.time_ms[cell] == time_ms)
    c.pair_ms[cell[~there]] = NEVER
    cell, partner, time_ms = cell[there], partner[there], time_ms[there]
    gf = c.phase_m[cell] - c.phase_m[partner]
    lanes.begin(c, cell, partner, time_ms, gf)
    c.pair_ms[cell] = c.arc_ms[cell] = time_ms
    c.pair_age[cell] = 1.0
    c.gf_m[cell] = gf
    c.gf_rate_m_s[cell] = 0.0
    c.gf_variance_m2[cell] = np.maximum(c.gf_variance_m2[cell], _GF_PRIOR_M**2)


def touching(c: Cells, cell: I64) -> I64:
    """The cells themselves and those they are the partner of, each once."""
    if not len(cell):
        return cell
    siblings = c.siblings(cell)
    theirs = (siblings >= 0) & (c.partner[siblings] == cell[:, None])
    found: I64 = np.unique(np.concatenate([cell, siblings[theirs]]))
    return found


def part(c: Cells, cell: I64) -> None:
    """End the arcs of everything that has to do with the phases of these cells."""
    c.pair_ms[touching(c, cell)] = NEVER


def pair_up(c: Cells, cell: I64, time_ms: I64) -> None:
    """Find partners for cells that have none, or whose partner has long been away. Shapes (n,)."""
    stale = (c.partner[cell] < 0) | (time_ms - c.pair_ms[cell] > GAP_S * 1000)
    cell, time_ms = cell[stale], time_ms[stale]
    if not len(cell):
        return
    siblings = c.siblings(cell)
    there = (siblings >= 0) & (c.time_ms[siblings] == time_ms[:, None])
    own_hz = c.frequency_hz[cell]
    apart = np.abs(c.frequency_hz[siblings] - own_hz[:, None]) / own_hz[:, None]
    apart = np.where(there & (apart > NEAREST), apart, -1.0)  # nan is not greater
    best = apart.argmax(axis=1)
    rows = np.arange(len(cell))
    partner = np.where(apart[rows, best] > 0, siblings[rows, best], -1)
    known = partner >= 0
    c.partner[cell] = partner
    c.pair_ms[cell] = NEVER
    c.gf_variance_m2[cell] = 0.0
    cell, partner = cell[known], partner[known]
    ratio = c.frequency_hz[partner] / c.frequency_hz[cell]
    wide_lane_m = C_M_S / (c.frequency_hz[cell] * (1 - ratio))  # negative where the partner's is higher
    c.mp_factor[cell] = 2 * ratio**2 / (1 - ratio**2)
    c.mw_own[cell] = 1 / (1 + ratio) / wide_lane_m
    c.mw_partner[cell] = ratio / (1 + ratio) / wide_lane_m
    c.mw_gf[cell] = (ratio / (1 - ratio) + ratio / (1 + ratio)) / wide_lane_m


def charge(c: Cells, cell: I64, time_ms: I64) -> I64:
    """The signal that slipped, for each of the cells whose pair stepped.

    A pair does not say which of its two it was. It is the one of whose pairs a larger part stepped, of equals
    the one of which more did, of equals the weaker: a signal on two frequencies only, both of which slip,
    counts once.
    """
    if not len(cell):
        return cell
    ends = np.concatenate([cell, c.partner[cell]])
    siblings = c.siblings(ends)
    pairs = (siblings >= 0) & (c.pair_ms[siblings] == np.concatenate([time_ms, time_ms])[:, None])
    pairs &= (c.partner[siblings] == ends[:, None]) | (siblings == ends[:, None])
    stepped = (pairs & np.isin(siblings, cell)).sum(axis=1)
    strength = np.nan_to_num(c.cn0_dbhz[ends], nan=50.0)
    score = stepped / np.maximum(pairs.sum(axis=1), 1) * 1e6 + stepped * 1e3 - strength
    own, other = np.split(score, 2)
    lower = c.frequency_hz[cell] < c.frequency_hz[c.partner[cell]]  # of all else equal
    charged: I64 = np.where((own > other) | ((own == other) & lower), cell, c.partner[cell])
    return charged
