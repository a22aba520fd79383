"""Where stations were on average: robust means of an hour and a GPS day, what they are good to, and trends.

Positions of a day share their errors: those a second apart nearly all, those an hour apart some. So means are
medians of blocks of ten minutes, and what a median is good to counts only as many blocks as are independent,
by the correlation of each block with the next (an autoregressive process of first order: n (1 - r) / (1 + r)
of n; Bartlett 1946). That knows nothing of what is the same all day.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.observation import F64, I64

BLOCK_MIN = 10
BLOCKS = 144  # of a day
HOUR = 6  # blocks
DAYS = 60  # that are remembered
LEAST_BLOCKS = 72  # of a day whose mean counts
LEAST_DAYS = 7  # of a trend
COLUMNS = 6  # offsets east, north, up; the same less the neighbours'
_NORMAL = 1.4826  # sigmas in a median absolute deviation
_MEDIAN = 1.2533  # how much worse a median is than a mean


class Means(NamedTuple):
    """Robust means, a row a station; nan where there are too few blocks."""

    mean_m: F64  # (n, COLUMNS)
    sigma_m: F64
    blocks: I64  # (n,) of the offsets


class Days:
    """Blocks of the day that runs, and means of those before."""

    def __init__(self, stations: int) -> None:
        self.block = -1  # the one that runs, since 1980
        self.sum_m = np.zeros((stations, COLUMNS))
        self.count = np.zeros((stations, COLUMNS), np.int64)
        self.blocks_m = np.full((stations, BLOCKS, COLUMNS), np.nan, np.float32)
        self.days_m = np.full((stations, DAYS, COLUMNS), np.nan, np.float32)
        self.days_sigma_m = np.full((stations, DAYS, COLUMNS), np.nan, np.float32)

    def rearranged(self, before: I64) -> Days:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Days(len(before))
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray):
                getattr(other, name)[stay] = column[before[stay]]
        other.block = self.block
        return other

    def add(self, minute: int, offset_m: F64, relative_m: F64) -> int | None:
        """A minute that is over; the number of the block that ended with the one before, None if none did."""
        block = minute // BLOCK_MIN
        ended = None
        if block != self.block:
            if self.block >= 0:
                ended = self.block
                self._end()
            if not 0 <= block - self.block <= 1:
                self._skip(block)
            self.block = block
        now = np.concatenate((offset_m, relative_m), axis=1)
        good = ~np.isnan(now)
        self.sum_m += np.where(good, now, 0.0)
        self.count += good
        return ended

    def _end(self) -> None:
        mean = self.sum_m / np.where(self.count > 0, self.count, np.nan)
        self.blocks_m[:, self.block % BLOCKS] = mean
        self.sum_m[:], self.count[:] = 0.0, 0

    def _skip(self, block: int) -> None:
        """Blocks in which nobody looked, or a clock that was put back: they hold nothing."""
        if self.block < 0 or not 0 < block - self.block < BLOCKS:
            self.blocks_m[:] = np.nan
            return
        gone = np.arange(self.block + 1, block + 1) % BLOCKS
        self.blocks_m[:, gone] = np.nan

    def forget(self, station: int) -> None:
        """An antenna was moved: what was before says nothing of where it is."""
        self.blocks_m[station], self.sum_m[station], self.count[station] = np.nan, 0.0, 0

    def hour(self, block: int) -> Means:
        """Of the hour that ended with a block; all of its blocks have to be there but one."""
        which = np.arange(block - HOUR + 1, block + 1) % BLOCKS
        return robust(self.blocks_m[:, which], HOUR - 1)

    def day(self, block: int, rows: I64) -> Means:
        """Of the GPS day of a block, until it; of some stations, the others are nan."""
        shape = self.blocks_m.shape[0], COLUMNS
        out = Means(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape[0], np.int64))
        some = robust(self.blocks_m[rows, : block % BLOCKS + 1], LEAST_BLOCKS)
        out.mean_m[rows], out.sigma_m[rows], out.blocks[rows] = some
        return out

    def end_day(self, means: Means) -> None:
        """Remember a day's means."""
        for column, values in ((self.days_m, means.mean_m), (self.days_sigma_m, means.sigma_m)):
            column[:, :-1] = column[:, 1:]
            column[:, -1] = values


@np.errstate(invalid="ignore", divide="ignore")
def robust(blocks_m: np.ndarray, least: int) -> Means:
    """Medians of blocks (n, blocks, columns), and their sigmas by as many as are independent."""
    values = np.ascontiguousarray(np.moveaxis(blocks_m, 1, 2), np.float64)  # a sort is along the last axis
    count = (~np.isnan(values)).sum(axis=2)
    middle = _median(values, count)
    left = values - middle[..., None]
    spread = _NORMAL * _median(np.abs(left), count)
    np.clip(left, -3.0 * spread[..., None], 3.0 * spread[..., None], out=left)
    both = left[..., 1:] * left[..., :-1]
    pairs = (~np.isnan(both)).sum(axis=2)
    alike = np.nansum(both, axis=2) / np.maximum(pairs, 1)
    power = np.nansum(left * left, axis=2) / np.maximum(count, 1)
    # Of few blocks the correlation comes out too small, by about (1 + 3 r) / n (Marriott and Pope 1954).
    r = np.clip(np.nan_to_num(alike / power), 0.0, 0.95)
    r = np.clip(r + (1.0 + 3.0 * r) / np.maximum(count, 1), 0.0, 0.95)
    independent = np.maximum(count * (1.0 - r) / (1.0 + r), 1.0)
    sigma = _MEDIAN * spread / np.sqrt(independent)
    few = count < least
    middle[few], sigma[few] = np.nan, np.nan
    return Means(middle, sigma, count[:, 0])


def _median(values: F64, count: I64) -> F64:
    """Along the last axis, of what is not nan; `count` says how many that are."""
    ordered = np.sort(values, axis=-1)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, values.shape[-1] - 1)
    out: F64 = 0.5 * (
        np.take_along_axis(ordered, low[..., None], axis=-1)[..., 0]
        + np.take_along_axis(ordered, high[..., None], axis=-1)[..., 0]
    )
    return out


@np.errstate(invalid="ignore", divide="ignore")
def trend(days_m: np.ndarray, sigma_m: np.ndarray) -> tuple[F64, F64, I64]:
    """Metres a day (n, columns), their sigmas, and how many days they are of.

    Means (n, days, columns), the last of yesterday. Sigmas are the larger of what the days' sigmas and what
    the days' scatter about the line make of it, the latter for as many as are independent.
    """
    values, sigma = days_m.astype(np.float64), np.maximum(sigma_m.astype(np.float64), 1e-3)
    good = ~np.isnan(values) & ~np.isnan(sigma)
    weight = np.where(good, 1.0 / (sigma * sigma), 0.0)
    time = np.arange(values.shape[1], dtype=np.float64)[None, :, None]
    y = np.where(good, values, 0.0)
    total = weight.sum(axis=1)
    t = time - ((weight * time).sum(axis=1) / total)[:, None, :]
    mean = (weight * y).sum(axis=1) / total
    square = (weight * t * t).sum(axis=1)
    rate = (weight * t * y).sum(axis=1) / square
    left = np.where(good, y - mean[:, None, :] - rate[:, None, :] * t, np.nan)
    count = good.sum(axis=1)
    scatter = np.nansum(weight * left * left, axis=1) / np.maximum(count - 2, 1)
    both = left[:, 1:] * left[:, :-1]
    r = np.clip(np.nan_to_num(np.nansum(both, axis=1) / np.nansum(left * left, axis=1)), 0.0, 0.9)
    sigma_rate = np.sqrt(np.maximum(scatter, 1.0) / square * (1.0 + r) / (1.0 - r))
    few = count < LEAST_DAYS
    rate[few], sigma_rate[few] = np.nan, np.nan
    return rate, sigma_rate, count[:, 0]
