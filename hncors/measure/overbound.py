"""Whether a model's sigmas bound the errors there were: residuals at known places, and what bounds them.

A clock that is fitted to the residuals of its satellites takes a part of each one's error along, more where
there are few; what is left of each is judged against what should be left.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from hncors.observation import F64, I64

BODY = 0.3173
"""Share of a normal variable beyond one sigma. Errors that are smaller than the model's sigma by nearly all
epochs do no harm; what has to be bounded is what is exceeded by no more than this share."""
ALONE = 0.95  # of a group's weight: whose clock is its own tells nothing of its error
_NORMAL = NormalDist()


def normalised(group: I64, residual_m: F64, sigma_m: F64) -> F64:
    """Residuals at a known place less the weighted mean of their group (a clock), in sigmas of what is left.

    r / (sigma sqrt(1 - w / W)) of a row of weight w in a group of W: of variance one when the ranges' errors
    are independent and of `sigma_m`. It is also the error against the clock of the others. nan where either
    is, and where a row is nearly all of its group.
    """
    known = ~(np.isnan(residual_m) | np.isnan(sigma_m))
    weight = np.where(known, 1.0 / np.square(sigma_m), 0.0)
    size = int(group.max(initial=-1)) + 1
    total = np.bincount(group, weight, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(group, weight * np.where(known, residual_m, 0.0), size) / total
        share = weight / total[group]
        out: F64 = (residual_m - mean[group]) / (sigma_m * np.sqrt(1.0 - share))
    out[~known | (share > ALONE)] = np.nan
    return out


def factor(value: F64, body: float = BODY) -> float:
    """What the model's sigma has to be multiplied with for it to bound.

    The least k so that |value| / k is nowhere exceeded more often than a standard normal variable, in the
    shares from `body` down to one value of all: the folded over-bound of DeCleene 2000 ("Defining pseudorange
    integrity: overbounding", ION GPS 2000) as far down as there are values. nan: fewer than ten.
    """
    size = np.sort(np.abs(value[~np.isnan(value)]))
    count = len(size)
    if count < 10:
        return np.nan
    beyond = (count - np.arange(count) - 0.5) / count  # share of more than each, by Hazen
    rows = np.flatnonzero(beyond <= body)
    wanted = np.array([_NORMAL.inv_cdf(1.0 - share / 2.0) for share in beyond[rows].tolist()])
    return float((size[rows] / wanted).max())
