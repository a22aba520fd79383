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

from hncors.measure.position import Groups
from hncors.observation import F64

SHELL_M = 450_000.0
EARTH_M = 6_371_000.0
PRIOR = 0.6  # sigma of Klobuchar's delay straight up, of itself: it takes half of the delay away
PRIOR_M = 0.5
# Sigma of the shell along a line of sight, of the delay there: it is not as thick in every direction. With
# few electrons over a station (stromlo, 2018) leaning on it halves the error, with many (alloy, 2024) it
# costs; this is where both are well.
MODEL = 0.6
MODEL_M = 0.1


class Shell(NamedTuple):
    """What is known of the shell, along the line of sight of each range."""

    delay_m: F64  # on the range's first signal
    difference_m: F64  # what both codes say more, receiver's delay taken off; 0 where there are not two


def slant(sine_elevation: F64) -> F64:
    """Length of the way through the shell, of its thickness."""
    ratio = (EARTH_M / (EARTH_M + SHELL_M)) ** 2
    out: F64 = 1.0 / np.sqrt(1.0 - ratio * (1.0 - sine_elevation * sine_elevation))
    return out


def fit(groups: Groups, way: F64, delay_m: F64, sigma_m: F64, prior_m: F64) -> Shell:
    """The shell from the delays that both codes tell of each range's first signal; nan where they do not.

    `way` is what a metre straight up on L1 is on that signal along the line of sight, `prior_m` the delay
    straight up by model, by epoch.
    """
    if not len(way):
        return Shell(way, way)
    use = ~np.isnan(delay_m) & ~np.isnan(sigma_m)
    weight = np.where(use, 1.0, 0.0) / np.square(np.where(use, sigma_m, 1.0))
    columns = np.stack((way, np.where(use, delay_m, 0.0), np.ones(len(way))))
    sums = groups.by_group(columns * weight)
    mean = sums[:2] / np.where(sums[2] > 0.0, sums[2], 1.0)
    centred = columns[:2] - mean.take(groups.group, axis=1)
    slope, moved = groups.by_epoch(groups.by_group(centred * (centred[0] * weight)))
    sure = 1.0 / (PRIOR * prior_m + PRIOR_M) ** 2
    zenith = np.maximum((moved + sure * prior_m) / (slope + sure), 0.0).take(groups.epoch)
    left = np.where(use, centred[1] - centred[0] * zenith, 0.0)
    return Shell(way * zenith, left)


def combine(shell: Shell, c1: F64, code_m: F64) -> tuple[F64, F64]:
    """What to add to each range for the ionosphere, and its variance by that and by noise.

    A range free of the ionosphere has the noise of both codes, multiplied; one corrected by the shell has the
    shell's faults. Between them is the one whose error does not depend on `difference_m`: least squares of
    both codes with the shell as a third observation. `c1` is 1 for ranges of one frequency.
    """
    noise, model, c2 = code_m * code_m, MODEL_M**2 + (MODEL * shell.delay_m) ** 2, c1 - 1.0
    both = noise * (2.0 * c1 - 1.0) * c2
    share = both / (2.0 * noise * c2 * c2 + model)
    single = c2 == 0.0
    added = np.where(single, -shell.delay_m, share * shell.difference_m)
    variance = np.where(single, noise + model, noise * (c1 * c1 + c2 * c2) - share * both)
    return added, variance
