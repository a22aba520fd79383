"""Some epochs of a tick from ranges to solutions: a grid that fits the cache, solved at once, twice.

What is the rule goes through `hncors.measure.together`; epochs that fail a test, are far from where they were
or have satellites too few go through the plain code of `hncors.measure.exclusion` and `position`, by
themselves.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np

from hncors.geodesy import EARTH_ROTATION_RAD_S, enu_axes, to_geodetic
from hncors.gpstime import DAY_MS
from hncors.measure import klobuchar, troposphere
from hncors.measure.exclusion import ALERT, EXCLUDED, NOT_POSSIBLE, OK, Equations, mend
from hncors.measure.grid import Grid
from hncors.measure.ionosphere import Pairs, combine
from hncors.measure.position import BEIDOU_2, CLOCKS, locate
from hncors.measure.range_noise import code_m2, common_m2
from hncors.measure.ranges import SINGLE, Ranges
from hncors.measure.satellites import Sent
from hncors.measure.together import Sight, Verdict, judge
from hncors.observation import F64, I64, B
from hncors.signals import BEIDOU, C_M_S, GPS, QZSS

MASK_SINE = np.sin(np.radians(10.0))
LINEAR_M = 10.0  # a solution this near to its start is 5e-6 m from where more rounds would lead: 10^2 / 2e7
WEATHER_MS = 30_000
"""The air and GPS' model of the ionosphere are looked up as often. The model moves by less than a millimetre
a second straight up, and is one weak observation of what the codes tell."""
_TURN = EARTH_ROTATION_RAD_S / C_M_S
Record = TypeVar("Record", bound=tuple[Any, ...])


class Frame(NamedTuple):
    """What goes with a place and a time, the last axis the epoch."""

    axes: F64  # (3, 3, epochs) unit vectors east, north, up in ECEF
    air_m: F64  # delay straight up
    zenith_m: F64  # by the ionosphere, straight up on L1, as GPS' model has it


class Seen(NamedTuple):
    """All that ranges need before they are solved; the last axis is the epoch."""

    start_m: F64  # (3, epochs)
    satellite_m: F64  # (3, satellites, epochs)
    sight: Sight
    free_m: F64  # ranges less the air's delay
    noise_m2: F64  # of one code as it came
    common_m2: F64
    pairs: Pairs
    use: B  # usable, and above the mask


class Solved(NamedTuple):
    """A solution of each epoch and how far it is to be trusted; the last axis is the epoch."""

    verdict: Verdict
    state: I64  # index into hncors.measure.exclusion.STATES
    out: B  # left out as faulty
    variance_m2: F64  # of ranges; nan where they are not in use


def at(record: Record, columns: B | I64 | slice) -> Record:
    """The same of some epochs."""
    parts = (at(one, columns) if isinstance(one, tuple) else one[..., columns] for one in record)
    return type(record)(*parts)


def put(record: tuple[Any, ...], columns: B | I64, part: tuple[Any, ...]) -> None:
    """Take the columns of `part` for some epochs."""
    for one, other in zip(record, part, strict=True):
        if isinstance(one, tuple):
            put(one, columns, other)
        else:
            one[..., columns] = other


def frame(start_m: F64, time_ms: I64) -> Frame:
    """Of places (3, epochs), at the begin of the half minutes of their times."""
    place = to_geodetic(start_m.T)
    time_ms = time_ms // WEATHER_MS * WEATHER_MS
    dry, wet = troposphere.zenith_m(place[:, 0], place[:, 2], time_ms)
    zero = np.zeros(len(place))
    of_day_s = time_ms % DAY_MS / 1000
    up = klobuchar.delay_m(klobuchar.DEFAULT, place[:, 0], place[:, 1], zero, zero + np.pi / 2, of_day_s)
    return Frame(np.moveaxis(enu_axes(place), 0, -1).copy(), dry + wet, np.nan_to_num(up))


def see(grid: Grid, ranges: Ranges, sent: Sent, start_m: F64, given: Frame) -> Seen:
    """Lines from `start_m` (3, epochs), what delays ranges along them, and how good they are."""
    axes = given.axes
    line = sent.place_m - start_m[:, None]
    distance = line[0] * line[0]
    part = line[1] * line[1]
    distance += part
    distance += np.multiply(line[2], line[2], out=part)
    np.sqrt(distance, out=distance)
    enu = np.empty_like(line)
    for n in range(3):
        np.multiply(line[0], axes[n, 0], out=enu[n])
        enu[n] += np.multiply(line[1], axes[n, 1], out=part)
        enu[n] += np.multiply(line[2], axes[n, 2], out=part)
        enu[n] /= distance
    distance += sent.place_m[0] * (_TURN * start_m[1])
    distance -= sent.place_m[1] * (_TURN * start_m[0])
    sine = enu[2]
    air = troposphere.mapping(sine)
    air *= given.air_m
    np.subtract(sent.range_m, air, out=air)
    return Seen(
        start_m,
        sent.place_m,
        Sight(axes, distance, enu),
        air,
        code_m2(sine, ranges.cn0_dbhz),
        common_m2(grid.gnss, sine),
        Pairs.of(sine, ranges.bend, ranges.c1, ranges.pairing == SINGLE, given.zenith_m),
        sent.usable & (sine >= MASK_SINE),
    )


def solve(
    grid: Grid, seen: Seen, delay_m: F64, noise_m2: F64, more_m: F64 | None, out: B | None, *, bounds: bool
) -> Solved:
    """Solve epochs with ranges `more_m` longer than they came, but for those `out`, and leave out faults.

    `delay_m` is what both codes tell of the ionosphere's delay, `noise_m2` the variance of one code.
    """
    range_m, variance = combine(grid, seen.pairs, delay_m, noise_m2, seen.use)
    range_m += seen.free_m
    if more_m is not None:
        range_m += more_m
    variance += seen.common_m2
    if not seen.use.all():
        variance[~seen.use] = np.nan
    use = seen.use if out is None else seen.use & ~out
    verdict = judge(grid, seen.sight, seen.start_m, range_m, variance, use, bounds=bounds)
    solved, spare = ~np.isnan(verdict.place_m[0]), verdict.redundancy > 0
    state = np.where(solved & spare, np.where(verdict.passed, OK, ALERT), NOT_POSSIBLE)
    found = Solved(verdict, state, np.zeros(use.shape, bool), variance)
    doubtful = (state == ALERT) | (~solved & spare)  # a large fault leads far away from the start
    if not doubtful.any():
        return found
    away = np.abs(verdict.place_m - seen.start_m).max(axis=0)
    near = ((state == ALERT) & (away < LINEAR_M)).nonzero()[0]
    if len(near):
        doubtful[_without_one(grid, seen, found, near, range_m, use, bounds=bounds)] = False
    if doubtful.any():
        part = range_m[:, doubtful], variance[:, doubtful], use[:, doubtful]
        put(found, doubtful, _mended(grid, at(seen, doubtful), *part))
    return found


def _without_one(
    grid: Grid, seen: Seen, found: Solved, columns: I64, range_m: F64, use: B, *, bounds: bool
) -> I64:
    """Leave out the satellite a failed test points to, where the rest passes: the first that `mend` tries.

    Gives the columns that are mended so, of those given; `found` has them.
    """
    out = np.zeros((len(use), len(columns)), bool)
    out[found.verdict.worst[columns], np.arange(len(columns))] = True
    start, sight = seen.start_m[:, columns], at(seen.sight, columns)
    part = range_m[:, columns], found.variance_m2[:, columns], use[:, columns] & ~out
    verdict = judge(grid, sight, start, *part, bounds=bounds)
    away = np.abs(verdict.place_m - start).max(axis=0)
    good = verdict.passed & (verdict.redundancy >= 1) & (away < LINEAR_M)  # not where there is no place
    columns = columns[good]
    if len(columns):
        put(found.verdict, columns, verdict if good.all() else at(verdict, good))
        found.state[columns], found.out[:, columns] = EXCLUDED, out[:, good]
    return columns


def _mended(grid: Grid, seen: Seen, range_m: F64, variance_m2: F64, use: B) -> Solved:
    groups, flat = grid.rows(use)
    equations = Equations(
        seen.satellite_m.reshape(3, -1)[:, flat],
        range_m.ravel()[flat],
        np.sqrt(variance_m2.ravel()[flat]),
        seen.sight.enu.reshape(3, -1)[:, flat],
    )
    mended = mend(groups, equations, seen.start_m.T)
    fixes = mended.fixes
    out, used, residual = np.zeros(use.shape, bool), np.zeros(use.shape, bool), np.zeros(use.shape)
    out.ravel()[flat], used.ravel()[flat], residual.ravel()[flat] = mended.out, fixes.use, fixes.residual_m
    verdict = Verdict(
        fixes.place_m.T, np.moveaxis(fixes.covariance_m2, 0, -1), fixes.pdop, fixes.clock_m.T, fixes.used,
        fixes.systems, fixes.redundancy, mended.separation.passed, np.zeros_like(fixes.used),
        mended.separation.level_m.T, used, residual,
    )  # fmt: skip
    return Solved(verdict, mended.state, out, variance_m2)


def located(grid: Grid, sent: Sent) -> F64:
    """Places (3, epochs) by plain least squares; the earth's centre where that finds none."""
    groups, flat = grid.rows(sent.usable)
    satellite_m, range_m = sent.place_m.reshape(3, -1)[:, flat], sent.range_m.ravel()[flat]
    centre = np.zeros((sent.usable.shape[1], 3))
    return np.nan_to_num(locate(groups, satellite_m, range_m, np.ones(len(flat)), centre)).T


def may_share(grid: Grid, usable: B) -> B:
    """Epochs with clocks that may be made one: of GPS and QZSS, of BeiDou-2 and BeiDou-3."""
    has = np.zeros((CLOCKS, usable.shape[1]), bool)
    has[grid.clock] = grid.sums(usable.astype(np.float64)) > 0.0
    out: B = (has[GPS] & has[QZSS]) | (has[BEIDOU] & has[BEIDOU_2])
    return out


def too_few(grid: Grid, usable: B) -> B:
    """Epochs with fewer ranges than unknowns; those that are the only ones of their clock do not count."""
    count = grid.sums(usable.astype(np.float64))
    few: B = np.where(count > 1.0, count - 1.0, 0.0).sum(axis=0) < 3.0
    return few
