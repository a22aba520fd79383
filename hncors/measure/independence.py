"""How many independent samples a series of errors is worth, and what so many can show.

Errors of epochs a second apart are nearly the same error: ephemerides, air and multipath change in minutes.
A thousand epochs without a misleading one may be no more evidence than three independent ones.
"""

from __future__ import annotations

import math

import numpy as np

from hncors.observation import F64, I64

HOUR_MS = 3_600_000
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


class Hours:
    """The same while errors come, from the means of whole hours; the first axis of arrays is the station.

    The mean of n independent errors varies by an n-th of what each does. By how much more the means of hours
    do is how many epochs are one error (batch means: Alexopoulos and Goldsman 2004, "To batch or not to
    batch?", ACM TOMACS 14, 76). Hours count as independent of each other, whatever they are.
    """

    def __init__(self, stations: int) -> None:
        self._hour = np.full(stations, -1, np.int64)
        self._sum = np.zeros((stations, 3))  # of the hour there is
        self._count = np.zeros(stations, np.int64)
        self._square = np.zeros((stations, 3))
        self._whole = np.zeros((stations, 3))  # squares of all whole hours' errors
        self._batches = np.zeros((stations, 3))  # squares of their sums, by their counts
        self._epochs = np.zeros(stations, np.int64)
        self._hours = np.zeros(stations, np.int64)

    def rearranged(self, before: I64) -> Hours:
        """The same for other stations: `before` is each one's row here, -1 for a new one."""
        other = Hours(len(before))
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            getattr(other, name)[stay] = column[before[stay]]
        return other

    def add(self, station: I64, time_ms: I64, error_m: F64) -> None:
        """Errors (rows, 3) of the epochs of a tick; an hour ends with the first that is of another."""
        hour = time_ms // HOUR_MS
        ends = np.unique(station[hour != self._hour[station]])
        if len(ends):
            self._end(ends)
            self._hour[station] = hour
        np.add.at(self._sum, station, error_m)
        np.add.at(self._square, station, np.square(error_m))
        np.add.at(self._count, station, 1)

    def _end(self, station: I64) -> None:
        count = self._count[station]
        self._batches[station] += np.square(self._sum[station]) / np.maximum(count, 1)[:, None]
        self._whole[station] += self._square[station]
        self._epochs[station] += count
        self._hours[station] += count > 0
        for column in (self._sum, self._square, self._count):
            column[station] = 0

    def independent(self) -> F64:
        """Independent samples in all whole hours of each station, nan before there are two."""
        with np.errstate(divide="ignore", invalid="ignore"):
            each = self._batches / self._hours[:, None] / (self._whole / self._epochs[:, None])
        longest = np.clip(np.where(np.isnan(each), 1.0, each).max(axis=1), 1.0, None)
        out: F64 = np.where(self._hours >= 2, self._epochs / longest, np.nan)
        return out


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
