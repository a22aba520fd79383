"""The ionosphere over a station, out of its own two-frequency ranges of one epoch.

Electrons are put into a thin shell that delays as much in every direction, straight up. How much, is
fitted to the differences between the codes of all satellites; what the receiver adds to a difference is
one more unknown for each system. So ranges of one frequency get a model of today, and those of two may
lean on it. Few or noisy satellites leave it where GPS' model has it (Klobuchar's), which comes in as an
observation of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.grid import Grid
from hncors.observation import F64, B

SHELL_M = 450_000.0
EARTH_M = 6_371_000.0
PRIOR = 0.6  # sigma of Klobuchar's delay straight up, of itself: it takes half of the delay away
PRIOR_M = 0.5
# Sigma of the shell along a line of sight, of the delay there: it is not as thick in every direction. With
# few electrons over a station (stromlo, 2018) leaning on it halves the error, with many (alloy, 2024) it
# costs; this is where both are well.
MODEL = 0.6
MODEL_M = 0.1


class Pairs(NamedTuple):
    """What of ranges the shell has to do with; all (satellites, epochs)."""

    way: F64  # what a metre straight up on L1 is on a range's first signal along the line of sight
    apart_share: F64  # 2 c2^2: variance of the delay by both codes, of one code's
    noise_share: F64  # c1^2 + c2^2: of the range free of the ionosphere
    both_share: F64  # c2 (2 c1 - 1), of `combine`
    single: B  # of one frequency
    zenith_m: F64  # (epochs,) the delay straight up by model

    @classmethod
    def of(cls, sine_elevation: F64, bend: F64, c1: F64, single: B, zenith_m: F64) -> Pairs:
        """With `bend` as ranges have it, `single` where only one frequency is there."""
        c2 = c1 - 1.0
        square = c2 * c2
        way = slant(sine_elevation)
        way *= bend
        noise = c1 * c1
        noise += square
        square *= 2.0
        return cls(way, square, noise, c2 + square, single, zenith_m)


def slant(sine_elevation: F64) -> F64:
    """Length of the way through the shell, of its thickness."""
    ratio = (EARTH_M / (EARTH_M + SHELL_M)) ** 2
    out = sine_elevation * sine_elevation
    out *= ratio
    out += 1.0 - ratio
    np.sqrt(out, out=out)
    return np.divide(1.0, out, out=out)


def combine(grid: Grid, pairs: Pairs, delay_m: F64, noise_m2: F64, use: B) -> tuple[F64, F64]:
    """What to add to each range for the ionosphere, and its variance by that and by noise.

    The shell is fitted to `delay_m`, the delays that both codes tell of each range's first signal, of ranges
    in `use`; `noise_m2` is the variance of one code. A range free of the ionosphere has the noise of both
    codes, multiplied; one corrected by the shell has the shell's faults. Between them is the one whose error
    does not depend on what both codes say more than the shell: least squares of both codes with the shell as
    a third observation.
    """
    way, apart_share, noise_share, both_share, single, prior_m = pairs
    some_single = bool(single.any())
    # The fit. A weight is one by their variance.
    spread = apart_share * noise_m2
    left_out = ~use
    if some_single:
        left_out |= single
    made = np.empty((3, *use.shape))
    weight = np.divide(1.0, spread, out=made[0])
    told = delay_m.copy()
    weight[left_out] = told[left_out] = 0.0
    np.multiply(way, weight, out=made[1])
    np.multiply(told, weight, out=made[2])
    sums = grid.sums(made)
    total = sums[0]
    total[total == 0.0] = 1.0
    sums[1:] /= total
    mean = grid.spread(sums[1:])
    centred = np.subtract(way, mean[0], out=mean[0])
    told -= mean[1]
    weight *= centred
    slope = (weight * centred).sum(axis=0)
    moved = (weight * told).sum(axis=0)
    sure = 1.0 / (PRIOR * prior_m + PRIOR_M) ** 2
    zenith = np.maximum((moved + sure * prior_m) / (slope + sure), 0.0)
    centred *= zenith
    told -= centred  # what both codes say more, receiver's delay taken off
    # The combination.
    both = noise_m2 * both_share
    along = way * zenith
    model = along * MODEL
    model *= model
    model += MODEL_M**2
    share = np.divide(both, spread + model, out=spread)
    added = share * told
    if some_single:
        added = np.where(single, -along, np.where(left_out, 0.0, added))
    share *= both
    variance = noise_m2 * noise_share
    variance -= share
    if some_single:
        variance[single] = (noise_m2 + model)[single]
    return added, variance
