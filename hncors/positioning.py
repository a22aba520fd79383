"""Where each station's observations put it, epoch by epoch: the state that takes, and the steps in turn.

Ephemerides of all streams go into one store. The epochs of a tick become ranges, one of a satellite; the
satellites' states are computed once for an epoch and carried on to each station's signal; and all stations
are solved at once, twice: from the ranges as they came (`snapshot`), and from those smoothed by the carrier.
Both are tested, and faults left out (hncors.measure.exclusion): what the first shows to be at fault is not
smoothed either. Registered and broadcast coordinates have no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hncors.geodesy import to_geodetic
from hncors.gpstime import DAY_MS
from hncors.measure import klobuchar, satellites, troposphere
from hncors.measure.ephemeris_store import NONE, REASONS, News, Store, Table, reasons
from hncors.measure.epoch import turns
from hncors.measure.exclusion import ALERT, EXCLUDED, NOT_POSSIBLE, OK, Equations, doubted, without_faults
from hncors.measure.ionosphere import combine, fit, slant
from hncors.measure.position import (
    BEIDOU_2,
    CLOCKS,
    Groups,
    Lines,
    clocks,
    directions,
    lines,
    locate,
    redundancy,
)
from hncors.measure.range_noise import code_m, common_m
from hncors.measure.ranges import Ranges, choose
from hncors.measure.smoothing import Smoothed, Smoother
from hncors.observation import F64, I64, B, Messages, Observations
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.signals import BEIDOU, GPS, QZSS

MASK_SINE = np.sin(np.radians(10.0))
STATUSES = ("ok", "no_ephemeris", "too_few_satellites", "no_solution", "no_ranges", "integrity_fault")
SOLVED, NO_EPHEMERIS, TOO_FEW, NO_SOLUTION, NO_RANGES, INTEGRITY_FAULT = range(6)
UNUSABLE = (*REASONS[1:], "no_group_delay")
"""Why a satellite that has ranges is not used."""

LOWEST_M, HIGHEST_M = 6.33e6, 6.40e6  # from the earth's centre: where ground is
NEVER_MS = -(1 << 60)
_L1_HZ = 1575.42e6


class Positions(NamedTuple):
    """One row an epoch, as in `Tick.epochs`; nan where there is no solution."""

    status: I64  # index into STATUSES
    trust: I64  # index into hncors.measure.exclusion.STATES
    place_m: F64  # (epochs, 3) ECEF, of the smoothed ranges
    snapshot_m: F64  # (epochs, 3) of the ranges as they came
    level_m: F64  # (epochs, 3) protection level of it east, north, up; inf where there is no bound
    covariance_m2: F64  # (epochs, 3, 3) of it
    pdop: F64
    used: I64
    systems: I64  # bit n: clock n
    clock_m: F64  # (epochs, CLOCKS): hncors.measure.position
    unusable: I64  # (epochs, 7, len(UNUSABLE)) satellites by system and reason
    ranges: Residuals


class Residuals(NamedTuple):
    """One row a satellite of an epoch that has a range and an ephemeris."""

    epoch: I64  # row of `Positions`
    gnss: I64
    satellite: I64
    pairing: I64  # of signals: hncors.measure.ranges
    use: B
    out: B  # left out as faulty
    snapshot_m: F64  # residual of the range as it came
    smoothed_m: F64
    snapshot_sigma_m: F64
    smoothed_sigma_m: F64
    smoothed_over: I64  # epochs
    elevation_rad: F64
    azimuth_rad: F64
    direction: F64  # (3, n)


def levels_m(found: Positions) -> F64:
    """Protection levels on the ground and of the height, (epochs, 2)."""
    east, north, up = found.level_m.T
    return np.stack((np.hypot(east, north), up), axis=1)


class Positioning:
    """What is remembered for positions, and the newest position of each station."""

    def __init__(self, stations: int) -> None:
        self.store = Store()
        self.smoother = Smoother(stations)
        self.place_m = np.zeros((stations, 3))  # each station's last solution, where the next rounds begin
        # Of the newest epoch:
        self.status = np.full(stations, -1, np.int64)
        self.used = np.zeros(stations, np.int64)
        self.trust = np.full(stations, NOT_POSSIBLE, np.int64)
        self.alert_ms = np.full(stations, NEVER_MS, np.int64)
        self.pdop = np.full(stations, np.nan)
        self.level_m = np.full((stations, 2), np.nan)  # horizontal, vertical
        self.unusable = np.zeros((stations, 7, len(UNUSABLE)), np.int64)
        self.epochs = np.zeros((stations, len(STATUSES)), np.int64)  # by status, all there were

    def rearranged(self, before: I64, after: I64) -> Positioning:
        """The same for other stations: `before` is each one's row here, `after` each row's new one, or -1."""
        other = Positioning(len(before))
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray):
                getattr(other, name)[stay] = column[before[stay]]
        other.store, other.smoother = self.store, self.smoother.rearranged(before)
        other.store.renumber(after)
        return other

    def expect(self, sets: Sequence[tuple[Ephemeris, int]]) -> None:
        """Sets, and a time near each, that serve until a station tells one: those of files, of a replay."""
        for ephemeris, near_ms in sets:
            self.store.add(ephemeris, near_ms)

    def epochs_of(
        self, station: I64, time_ms: I64, late: B, epoch: I64, messages: Messages, observations: Observations
    ) -> tuple[Positions, list[News]]:
        """Positions of complete epochs of a tick, and what of the ephemerides is not used.

        Rows `station`, `time_ms` and `late`, those of a station in the order they were complete; `epoch` is
        each message's row.
        """
        # The middle of all times: one station of another time takes nothing from the others.
        news = self.store.update(int(np.sort(time_ms)[len(time_ms) // 2]))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # whatever came as a range
            found = self.positions(station, time_ms, epoch, messages, observations)
        np.add.at(self.epochs, (station, found.status), 1)
        in_turn = np.flatnonzero(~late)
        last = in_turn[np.append(station[in_turn][1:] != station[in_turn][:-1], True)[: len(in_turn)]]
        who = station[last]
        self.status[who], self.used[who], self.pdop[who] = (
            found.status[last],
            found.used[last],
            found.pdop[last],
        )
        self.unusable[who], self.trust[who] = found.unusable[last], found.trust[last]
        self.level_m[who] = levels_m(found)[last]
        return found, news

    def positions(
        self, station: I64, time_ms: I64, epoch: I64, messages: Messages, observations: Observations
    ) -> Positions:
        """Positions of complete epochs: rows `station`, `time_ms`; `epoch` is each message's row."""
        epochs = len(station)
        every = choose(epoch, messages, observations)
        table = self.store.table
        sent = satellites.sent(table, every, time_ms[every.epoch], observations)
        rows = np.flatnonzero(sent.usable)
        why = _why(table, every, sent)
        unusable = _counted(every, why, epochs)
        if not len(rows):
            none = np.zeros(epochs, bool)
            return unsolved(_status(every, why, epochs, none, ~none), unusable)
        ranges = every if len(rows) == len(every) else every.select(rows)
        at = ranges.epoch
        clock = clocks(ranges.gnss, ranges.satellite)
        groups = Groups.of(at, clock, epochs)
        satellite_m = sent.place_m.take(rows, axis=1)
        range_m, delay_m = sent.range_m[rows], ranges.delay_m - sent.delay_m[rows]
        start = self.place_m[station]
        lost = (start == 0.0).all(axis=1)
        for again in (False, True):
            if again:  # those without a solution try once more
                groups = Groups.of(at, clocks(ranges.gnss, ranges.satellite, lost[at]), epochs)
            if lost.any():  # they have no place, or are not where they were
                found = locate(groups, satellite_m, range_m, lost[at] + 0.0, np.zeros_like(start))
                start[lost] = np.nan_to_num(found[lost])
            to = lines(groups, start, satellite_m)
            model = _model(start, time_ms, at, to)
            added, sigma = _combined(groups, model, ranges, delay_m, np.ones(len(rows), np.int64))
            free_m = range_m - model.delay_m
            equations = Equations(satellite_m, free_m + added, sigma, model.enu)
            plain = without_faults(groups, equations, to, start)
            failed = np.isnan(plain.fixes.place_m[:, 0])
            lost = failed & (~lost | _may_share(groups))
            if not lost.any():
                break
        smoothed = self._smooth(station, time_ms, ranges, messages, observations, sigma, ~plain.out)
        delay_m += smoothed.delay_m - ranges.delay_m
        added, smooth_sigma = _combined(groups, model, ranges, delay_m, smoothed.over)
        smooth_m = free_m + added + (smoothed.range_m - ranges.range_m)
        equations = Equations(satellite_m, smooth_m, smooth_sigma, model.enu)
        best = without_faults(groups, equations.without(plain.out), to, start)
        snapshot, smooth = plain.fixes, best.fixes
        trust = self._doubt(station, time_ms, _worse(plain.state, best.state))
        radius = np.linalg.norm(smooth.place_m, axis=1)
        found = (radius > LOWEST_M) & (radius < HIGHEST_M)
        solved = found & (trust != ALERT)
        trust[~found & (trust != ALERT)] = NOT_POSSIBLE  # ranges that agree on a place off the ground
        last = np.flatnonzero(solved)
        self.place_m[station[last]] = smooth.place_m[last]
        # Where nothing is known of the place, none is below the mask, so all of them count.
        nowhere = (start == 0.0).all(axis=1)
        few = np.where(nowhere, redundancy(groups, np.ones(len(rows), bool)), smooth.redundancy) < 0
        status = np.where(found & ~solved, INTEGRITY_FAULT, _status(every, why, epochs, solved, few))
        place = np.where(solved[:, None], smooth.place_m, np.nan)
        as_they_came = np.where(found[:, None], snapshot.place_m, np.nan)
        level = np.where(solved[:, None], best.separation.level_m, np.nan)
        return Positions(
            status, trust, place, as_they_came, level, smooth.covariance_m2, smooth.pdop,
            np.where(solved, smooth.used, 0), np.where(solved, smooth.systems, 0), smooth.clock_m,
            unusable,
            Residuals(
                at, ranges.gnss, ranges.satellite, ranges.pairing, smooth.use, plain.out | best.out,
                snapshot.residual_m, smooth.residual_m, sigma, smooth_sigma, smoothed.over,
                np.arcsin(model.sine_elevation), model.azimuth_rad, to.direction,
            ),
        )  # fmt: skip

    def _doubt(self, station: I64, time_ms: I64, trust: I64) -> I64:
        turn = turns(station)
        for n in range(int(turn.max(initial=-1)) + 1):
            rows = np.flatnonzero(turn == n)
            of = station[rows]
            trust[rows], self.alert_ms[of] = doubted(trust[rows], time_ms[rows], self.alert_ms[of])
        return trust

    def _smooth(
        self,
        station: I64,
        time_ms: I64,
        ranges: Ranges,
        messages: Messages,
        observations: Observations,
        sigma_m: F64,
        good: B,
    ) -> Smoothed:
        """Arcs grow by one epoch of a station at a time, from ranges that are good."""
        turn = turns(station)[ranges.epoch]
        out = Smoothed(ranges.range_m.copy(), ranges.delay_m.copy(), np.ones(len(turn), np.int64))
        kind = messages.kind[observations.message[ranges.first]]
        for n in range(int(turn.max(initial=-1)) + 1):
            rows = np.flatnonzero((turn == n) & good)
            some = ranges.select(rows)
            of = some.epoch
            smoothed = self.smoother.add(
                station[of], time_ms[of], kind[rows], some, observations, sigma_m[rows]
            )
            for column, values in zip(out, smoothed, strict=True):
                column[rows] = values
        return out


def _worse(one: I64, other: I64) -> I64:
    """The less trusted of two states."""
    either = [(one == state) | (other == state) for state in (ALERT, NOT_POSSIBLE, EXCLUDED)]
    return np.select(either, [ALERT, NOT_POSSIBLE, EXCLUDED], OK)


def _may_share(groups: Groups) -> B:
    """Epochs with clocks that may be made one: of GPS and QZSS, of BeiDou-2 and BeiDou-3."""
    has = np.zeros((CLOCKS, groups.epochs), bool)
    has[groups.clock, groups.epoch[groups.start]] = True
    out: B = (has[GPS] & has[QZSS]) | (has[BEIDOU] & has[BEIDOU_2])
    return out


class _Model(NamedTuple):
    delay_m: F64  # by the air
    zenith_m: F64  # by the ionosphere, straight up on L1, as GPS' model has it; by epoch
    sine_elevation: F64
    azimuth_rad: F64

    @property
    def enu(self) -> F64:
        """Directions east, north, up (3, n)."""
        level = np.sqrt(1.0 - np.square(self.sine_elevation))
        east_north = level * np.sin(self.azimuth_rad), level * np.cos(self.azimuth_rad)
        out: F64 = np.stack((*east_north, self.sine_elevation))
        return out


def _model(start: F64, time_ms: I64, of: I64, to: Lines) -> _Model:
    place = to_geodetic(start)
    azimuth, sine = directions(place, of, to.direction)
    dry, wet = troposphere.zenith_m(place[:, 0], place[:, 2], time_ms)
    zero = np.zeros(len(place))
    zenith = klobuchar.delay_m(
        klobuchar.DEFAULT, place[:, 0], place[:, 1], zero, zero + np.pi / 2, time_ms % DAY_MS / 1000
    )
    air = (dry + wet).take(of) * troposphere.mapping(sine)
    return _Model(air, np.nan_to_num(zenith), sine, azimuth)


def _combined(groups: Groups, model: _Model, ranges: Ranges, delay_m: F64, count: I64) -> tuple[F64, F64]:
    """What to add to ranges for the ionosphere, and their sigmas; nan for satellites too low."""
    sine = model.sine_elevation
    code = np.where(sine >= MASK_SINE, code_m(sine, ranges.cn0_dbhz, count), np.nan)
    way = slant(sine) * np.square(_L1_HZ / ranges.frequency_hz)
    spread = code * np.where(ranges.c1 == 1.0, np.nan, np.sqrt(2.0) * (ranges.c1 - 1.0))
    shell = fit(groups, way, delay_m, spread, model.zenith_m)
    added, variance = combine(shell, ranges.c1, code)
    return added, np.sqrt(variance + np.square(common_m(ranges.gnss, sine)))


def _why(table: Table, ranges: Ranges, sent: satellites.Sent) -> I64:
    """What hinders each range: 0, or one more than an index into UNUSABLE."""
    why = reasons(table, ranges.gnss, ranges.satellite)
    return np.where((why == 0) & ~sent.usable, len(UNUSABLE), why)


def _counted(ranges: Ranges, why: I64, epochs: int) -> I64:
    rows = np.flatnonzero(why)
    key = (ranges.epoch[rows] * 7 + ranges.gnss[rows]) * len(UNUSABLE) + why[rows] - 1
    size = epochs * 7 * len(UNUSABLE)
    return np.bincount(key, minlength=size).reshape(epochs, 7, len(UNUSABLE))


def _status(ranges: Ranges, why: I64, epochs: int, solved: B, few: B) -> I64:
    some = np.bincount(ranges.epoch, minlength=epochs) > 0
    told = np.bincount(ranges.epoch, why < NONE, epochs) > 0
    status = np.where(few, TOO_FEW, NO_SOLUTION)
    status = np.where(told, status, NO_EPHEMERIS)
    status = np.where(some, status, NO_RANGES)
    return np.where(solved, SOLVED, status)


_NO_I64, _NO_F64 = np.empty(0, np.int64), np.empty(0)
_NO_RANGES = Residuals(
    _NO_I64, _NO_I64, _NO_I64, _NO_I64, np.empty(0, bool), np.empty(0, bool), _NO_F64, _NO_F64, _NO_F64,
    _NO_F64, _NO_I64, _NO_F64, _NO_F64, np.empty((3, 0)),
)  # fmt: skip


def unsolved(status: I64, unusable: I64) -> Positions:
    """Epochs none of which has a solution."""
    epochs = len(status)
    place, zero = np.full((epochs, 3), np.nan), np.zeros(epochs, np.int64)
    return Positions(
        status, zero + NOT_POSSIBLE, place, place, place, np.full((epochs, 3, 3), np.nan), place[:, 0],
        zero, zero,
        np.full((epochs, CLOCKS), np.nan), unusable, _NO_RANGES,
    )  # fmt: skip


NO_POSITIONS = unsolved(_NO_I64, np.empty((0, 7, len(UNUSABLE)), np.int64))
