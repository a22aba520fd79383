"""How many independent samples a series of errors is worth, and what so many can show.

Errors of epochs a second apart are nearly the same error: ephemerides, air and multipath change in minutes.
A thousand epochs without a misleading one may be no more evidence than three independent ones.
"""

from __future__ import annotations

import math

import numpy as np

from hncors.observation import F64, I64

LONGEST_GAP = 600  # epochs; a longer silence counts as so many
_ONE_SIDED_95 = 1.6449  # sigmas that a normal variable exceeds with 5 %


def correlation_epochs(time_ms: I64, error: F64) -> float:
    """Integrated correlation time of errors, in epochs, from 1 (independent) to their number (one error).

    1 + 2 sum of (1 - k/n) rho_k, to the first lag k at which the correlation rho_k is not above nought (the
    time between effectively independent samples: Thiebaux and Zwiers 1984, J. Climate Appl. Meteor. 23, 800).
    The mean is not taken off: errors should have none, and one that stays as long as the series is one error.
    Rows are in the order of time; nan and gaps do not count. nan where there is no error at all.
    """
    known = ~np.isnan(error)
    time_ms, error = time_ms[known], error[known]
    if len(error) < 2 or not error.any():
        return float(len(error)) if error.any() else np.nan
    place = _places(time_ms)
    size = 1 << int(2 * place[-1] + 1).bit_length()
    there, value = np.zeros(size), np.zeros(size)
    there[place], value[place] = 1.0, error
    pairs = np.rint(_products(there))[: place[-1] + 1]
    sums = _products(value)[: place[-1] + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = np.where(pairs > 0, sums / pairs, 0.0) / (sums[0] / pairs[0])
    end = int(np.argmax(rho <= 0)) if (rho <= 0).any() else len(rho)
    total = 1.0 + 2.0 * float((pairs[1:end] / pairs[0] * rho[1:end]).sum())
    return min(max(total, 1.0), float(len(error)))


def at_most(misleading: int, epochs: int, independent: float) -> float:
    """The share of misleading epochs that 95 % confidence cannot rule out, by so many independent ones.

    The upper limit of a Poisson mean, Wilson and Hilferty's approximation to chi-squared; three in the
    number of samples where none was misleading.
    """
    if not epochs or not independent > 0:
        return np.nan
    k = misleading * independent / epochs + 1.0
    mean = k * (1.0 - 1.0 / (9.0 * k) + _ONE_SIDED_95 / (3.0 * math.sqrt(k))) ** 3
    return float(min(1.0, mean / independent))


def _places(time_ms: I64) -> I64:
    """Times counted in usual intervals, long gaps shortened."""
    apart = np.diff(time_ms)
    usual = max(float(np.median(apart[apart > 0])), 1.0) if (apart > 0).any() else 1.0
    steps = np.clip(np.rint(apart / usual), 1, LONGEST_GAP).astype(np.int64)
    return np.concatenate([[0], np.cumsum(steps)])


def _products(value: F64) -> F64:
    """Sums of the products of values by how far they are apart; `value` is followed by as many noughts."""
    found = np.fft.rfft(value)
    out: F64 = np.fft.irfft(found * found.conj(), len(value))
    return out
