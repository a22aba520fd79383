"""Melbourne-Wuebbena and multipath of pairs of signals: means over their arcs that forget with time.

Pseudoranges are noisy from second to second and their multipath lasts for minutes, so both are looked at
every five seconds, and at once where the phases give cause; with 5 s or more between epochs, at every one.
"""

from __future__ import annotations

import numpy as np

from hncors.measure.cells import Cells
from hncors.observation import F64, I64, B

FORGET_S = 1500.0
ENOUGH_S = 300.0  # an arc must be this long for the multipath about its mean to be all of it
EVERY_S = 4.5  # between two looks, less half a second
MW_FLOOR_CYCLES = 1.0
MW_SIGMAS = 4.5
SOON_MS = int(1000 * EVERY_S)
CONFIRMED = 0.3  # of a slip is enough when the look before it had the same step
PART = 0.4  # of both together, that a combination must have for its name to be told
_PRIOR = 5.0  # looks that what is assumed of the noise is worth
_MW_PRIOR_CYCLES = 0.4


def carry(
    c: Cells, cell: I64, partner: I64, time_ms: I64, gf_m: F64, own_m: F64, phase_part: F64
) -> tuple[B, B]:
    """Carry the means on; which pairs slipped or may have, and of which Melbourne-Wuebbena says so for sure.

    `own_m` is the signal's pseudorange less phase, `phase_part` what the geometry-free phase has of a slip.
    The means of pairs that moved wait: the next look confirms, or it was a single pseudorange.
    """
    weight = c.weight.take(cell)
    last_ms = c.lane_ms.take(cell)
    kept = FORGET_S / (FORGET_S + (time_ms - last_ms) * 1e-3)
    weight1 = kept * weight + 1.0
    gain = 1.0 / weight1
    mean = c.mw_mean.take(cell)
    sum2 = c.mw_sum2.take(cell)
    mw = c.mw_gf.take(cell) * gf_m - c.mw_own.take(cell) * own_m
    mw -= c.mw_partner.take(cell) * c.code_phase_m.take(partner)
    step = mw - mean
    noise2 = (sum2 + _PRIOR * _MW_PRIOR_CYCLES**2) / (weight + _PRIOR) * (1.0 + 4.0 * gain)
    lane_part = step * step / np.maximum(MW_SIGMAS**2 * noise2, MW_FLOOR_CYCLES**2)
    moved = phase_part + lane_part > 1.0  # neither need be beyond its limit alone: (5, 4) on L1 and L2
    shifted = lane_part > PART
    mp_mean = c.mp_mean_m.take(cell)
    mp_sum2 = c.mp_sum2_m2.take(cell)
    mp_step = own_m - c.mp_factor.take(cell) * gf_m - mp_mean
    again = (c.pending_ms.take(cell) == last_ms).nonzero()[0]
    if len(again):
        before = c.pending[cell[again]]
        agrees = np.abs(step[again] - before) < np.maximum(1.0, 0.5 * np.abs(before))
        sure = again[agrees & (lane_part[again] > CONFIRMED)]
    else:
        sure = again
    looked_ms = time_ms
    held = (moved & (phase_part <= PART)).nonzero()[0]
    if len(held):
        c.pending[cell[held]] = step[held]
        c.pending_ms[cell[held]] = time_ms[held] - SOON_MS
        looked_ms = time_ms.copy()
        looked_ms[held] -= SOON_MS  # the next epoch is to look again
        shifted[held] = False
        weight1[held], step[held], mp_step[held], kept[held] = weight[held], 0.0, 0.0, 1.0
    moved[sure] = shifted[sure] = True
    share = 1.0 - gain
    c.lane_ms[cell] = looked_ms
    c.weight[cell] = weight1
    c.mw_mean[cell] = mean + gain * step
    c.mw_sum2[cell] = kept * sum2 + share * (step * step)
    c.mp_mean_m[cell] = mp_mean + gain * mp_step
    c.mp_sum2_m2[cell] = kept * mp_sum2 + share * (mp_step * mp_step)
    return moved, shifted


def begin(c: Cells, cell: I64, partner: I64, time_ms: I64, gf_m: F64) -> None:
    """Begin the means with what is there; the arc that is over is kept aside if it was long enough."""
    over = cell[c.lane_ms[cell] - c.arc_ms[cell] >= ENOUGH_S * 1000]
    c.past_sum2_m2[over], c.past_weight[over] = c.mp_sum2_m2[over], c.weight[over]
    c.past_ms[over] = c.lane_ms[over]
    own_m = c.code_phase_m[cell]
    c.lane_ms[cell] = time_ms
    c.weight[cell] = 1.0
    mw = c.mw_gf[cell] * gf_m - c.mw_own[cell] * own_m
    c.mw_mean[cell] = mw - c.mw_partner[cell] * c.code_phase_m[partner]
    c.mw_sum2[cell] = 0.0
    c.mp_mean_m[cell] = own_m - c.mp_factor[cell] * gf_m
    c.mp_sum2_m2[cell] = 0.0
