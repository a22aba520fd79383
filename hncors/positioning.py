"""Where each station's observations put it, epoch by epoch: the state that takes, and the steps in turn.

Ephemerides of all streams go into one store. The epochs of a tick become ranges, one of a satellite; the
satellites' states are computed once for an epoch and carried on to each station's signal; and all stations
are solved at once, twice: from the ranges as they came (`snapshot`), and from those smoothed by the carrier.
Both are tested, and faults left out (hncors.measure.exclusion): what the first shows to be at fault is not
smoothed either. Registered and broadcast coordinates have no part in it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hncors.geodesy import enu_axes, to_geodetic
from hncors.measure.ephemeris_store import NONE, News, Store, reasons
from hncors.measure.epoch import turns
from hncors.measure.exclusion import ALERT, NOT_POSSIBLE, doubted
from hncors.measure.grid import Grid
from hncors.measure.range_noise import smoothed_m2
from hncors.measure.ranges import Choice, Ranges, choose, combined
from hncors.measure.residuals import Part, Residuals
from hncors.measure.satellites import Motion, Sent, Sky
from hncors.measure.smoothing import Smoothed, Smoother, place
from hncors.measure.steps import Phases, Step, Steps
from hncors.observation import F64, I64, B, Messages, Observations
from hncors.positioning_block import (
    WEATHER_MS,
    Frame,
    Seen,
    at,
    frame,
    located,
    may_share,
    put,
    see,
    solve,
    too_few,
)
from hncors.positioning_results import (
    INTEGRITY_FAULT,
    LEFT_OUT,
    NO_POSITIONS,
    SOLVED,
    STATUSES,
    UNUSABLE,
    Positions,
    counted,
    joined,
    levels_m,
    no_step,
    status_of,
    unsolved,
    usable_bds3,
    worse,
)
from hncors.rtcm3.ephemeris import Ephemeris

LOWEST_M, HIGHEST_M = 6.33e6, 6.40e6  # from the earth's centre: where ground is
MOVED_M = 5.0
"""Solutions begin anew where the last is farther from the start. Within it the first round is within 1e-6 m
of where more would lead (MOVED_M^2 / 2e7), and the air's delay within 2 mm of that at the height found."""
NEVER_MS = -(1 << 60)
WHATEVER_CAME: Mapping[str, Any] = {"divide": "ignore", "invalid": "ignore", "over": "ignore"}  # as a range
BLOCK = 1024
"""Epochs that are solved together: numpy's calls cost little then, and what they need does not grow."""


class Positioning:
    """What is remembered for positions, and the newest position of each station."""

    def __init__(self, stations: int) -> None:
        self.store = Store()
        self.smoother = Smoother(stations)
        self.steps = Steps(stations)
        self.motion = Motion()
        self.place_m = np.zeros((stations, 3))  # each station's last solution
        # Where solutions begin: one that is not far from the last, and what goes with it.
        self.start_m = np.zeros((stations, 3))
        self.axes = np.zeros((stations, 3, 3))
        self.air_m = np.zeros(stations)
        self.zenith_m = np.zeros(stations)
        self.weather_ms = np.full(stations, NEVER_MS, np.int64)
        # Of the newest epoch:
        self.status = np.full(stations, -1, np.int64)
        self.used = np.zeros(stations, np.int64)
        self.trust = np.full(stations, NOT_POSSIBLE, np.int64)
        self.alert_ms = np.full(stations, NEVER_MS, np.int64)
        self.pdop = np.full(stations, np.nan)
        self.level_m = np.full((stations, 2), np.nan)  # horizontal, vertical
        self.unusable = np.zeros((stations, 7, len(UNUSABLE)), np.int64)
        self.usable_bds3 = np.zeros(stations, np.int64)  # BeiDou-3 satellites with range and ephemeris
        self.epochs = np.zeros((stations, len(STATUSES)), np.int64)  # by status, all there were

    def rearranged(self, before: I64, after: I64) -> Positioning:
        """The same for other stations: `before` is each one's row here, `after` each row's new one, or -1."""
        other = Positioning(len(before))
        stay = np.flatnonzero(before >= 0)
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray):
                getattr(other, name)[stay] = column[before[stay]]
        other.store, other.smoother = self.store, self.smoother.rearranged(before)
        other.steps = self.steps.rearranged(before)
        other.motion = self.motion
        other.store.renumber(after)
        return other

    def expect(self, sets: Sequence[tuple[Ephemeris, int]]) -> None:
        """Sets, and a time near each, that serve until a station tells one: those of files, of a replay."""
        for ephemeris, near_ms in sets:
            self.store.add(ephemeris, near_ms)

    def epochs_of(
        self, station: I64, time_ms: I64, late: B, epoch: I64, messages: Messages, observations: Observations
    ) -> Generator[None, None, tuple[Positions, list[News]]]:
        """Positions of complete epochs of a tick, and what of the ephemerides is not used, in steps.

        Rows `station`, `time_ms` and `late`, those of a station in the order they were complete; `epoch` is
        each message's row.
        """
        # The middle of all times: one station of another time takes nothing from the others.
        news = self.store.update(int(np.sort(time_ms)[len(time_ms) // 2]))
        found = yield from self.positions(station, time_ms, epoch, messages, observations)
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
        self.usable_bds3[who] = usable_bds3(found)[last]
        return found, news

    def leave_out(self, station: I64, late: B) -> Positions:
        """No positions of complete epochs, for want of time; rows as those of `epochs_of`."""
        np.add.at(self.epochs[:, LEFT_OUT], station, 1)
        who = station[~late]
        self.status[who], self.trust[who], self.used[who] = LEFT_OUT, NOT_POSSIBLE, 0
        self.pdop[who], self.level_m[who] = np.nan, np.nan
        self.unusable[who] = self.usable_bds3[who] = 0
        return unsolved(np.full(len(station), LEFT_OUT), np.zeros((len(station), 7, len(UNUSABLE)), np.int64))

    def positions(
        self, station: I64, time_ms: I64, epoch: I64, messages: Messages, observations: Observations
    ) -> Generator[None, None, Positions]:
        """Positions of complete epochs: rows `station`, `time_ms`; `epoch` is each message's row."""
        epochs = len(station)
        if not epochs:
            return NO_POSITIONS
        # One epoch by itself would be summed up in another order than among others.
        columns = max(epochs, 2)
        turn = turns(station)
        whose, when_ms = station, time_ms
        if columns > epochs:
            whose, when_ms, turn = station.repeat(2), time_ms.repeat(2), np.append(turn, -1)
        with np.errstate(**WHATEVER_CAME):
            choice = choose(epoch, columns, messages, observations)
            tick = _Tick(
                whose, when_ms, turn, self.start_m[whose].T.copy(), self._frames(whose, when_ms),
                messages, observations, Sky(self.motion, self.store.table, when_ms),
            )  # fmt: skip
        blocks = []
        for begin in range(0, columns, BLOCK):
            yield
            with np.errstate(**WHATEVER_CAME):  # not over a yield: it holds for whoever has his turn
                blocks.append(self._block(tick, choice.part(begin, min(begin + BLOCK, columns)), begin))
        found = joined(blocks, epochs)
        last = np.flatnonzero(found.status == SOLVED)
        who, places = station[last], found.place_m[last]
        self.place_m[who] = places
        moved = np.flatnonzero(np.abs(places - self.start_m[who]).max(axis=1, initial=0.0) > MOVED_M)
        if len(moved):
            who = who[moved]
            self.start_m[who], self.weather_ms[who] = places[moved], NEVER_MS
            self.axes[who] = enu_axes(to_geodetic(places[moved]))
        return found

    def _frames(self, station: I64, time_ms: I64) -> Frame:
        """What goes with where solutions begin, a column an epoch."""
        slot_ms = time_ms // WEATHER_MS * WEATHER_MS
        air, zenith = self.air_m[station], self.zenith_m[station]
        due = np.flatnonzero(self.weather_ms[station] != slot_ms)
        if len(due):
            who = station[due]
            made = frame(self.start_m[who].T, slot_ms[due])
            air[due] = self.air_m[who] = made.air_m
            zenith[due] = self.zenith_m[who] = made.zenith_m
            self.weather_ms[who] = slot_ms[due]
        return Frame(np.moveaxis(self.axes[station], 0, -1).copy(), air, zenith)

    def _block(self, tick: _Tick, choice: Choice, begin: int) -> Positions:
        """Some epochs of a tick, from column `begin` on."""
        columns = slice(begin, begin + choice.first.shape[1])
        station, time_ms, start = (
            tick.station[columns],
            tick.time_ms[columns],
            tick.start_m[:, columns].copy(),
        )
        frames = at(tick.frames, columns)
        o = tick.observations
        ranges = combined(choice, o)
        sent = tick.sky.sent(choice, ranges, columns)
        why = reasons(self.store.table, choice.gnss, choice.satellite)
        unusable = counted(choice, ranges.there & ~sent.usable, why)
        some = np.logical_or.reduce(ranges.there, axis=0)
        told = np.logical_or.reduce(ranges.there & (why < NONE)[:, None], axis=0)
        if not sent.usable.any():
            return unsolved(status_of(some, told, np.zeros_like(some), np.ones_like(some)), unusable)
        grid = Grid.of(choice.gnss, choice.satellite)
        lost = (start == 0.0).all(axis=0)
        if lost.any():  # they have no place
            start[:, lost] = located(grid, at(sent, lost))
            put(frames, lost, frame(start[:, lost], time_ms[lost]))
        seen = see(grid, ranges, sent, start, frames)
        delay_m = ranges.delay_m - sent.delay_m
        plain = solve(grid, seen, delay_m, seen.noise_m2, None, None, bounds=False)
        again = np.isnan(plain.verdict.place_m[0])
        again &= ~lost | may_share(grid, sent.usable)
        few = too_few(grid, sent.usable)
        retried = bool(again.any())
        if retried:  # those without a solution try once more, wherever they were
            short = Grid.of(choice.gnss, choice.satellite, short=True)
            theirs = at(sent, again)
            start[:, again] = located(short, theirs)
            put(frames, again, frame(start[:, again], time_ms[again]))
            put(seen, again, see(short, at(ranges, again), theirs, start[:, again], at(frames, again)))
            its = at(seen, again)
            put(plain, again, solve(short, its, delay_m[:, again], its.noise_m2, None, None, bounds=False))
            few[again] = too_few(short, theirs.usable)
        smoothed = self._smooth(tick, columns, choice, ranges, plain.variance_m2, sent.usable & ~plain.out)
        same = (smoothed.over > 1.0) & ~plain.out
        phase_m = ranges.phase_m - ranges.range_m
        phase_m += seen.free_m
        phase_m -= seen.sight.distance_m
        step = self._step(tick, columns, choice, phase_m, sent, seen, same)
        smooth_delay_m = delay_m + (smoothed.delay_m - ranges.delay_m)
        more_m = smoothed.range_m - ranges.range_m
        noise = smoothed_m2(seen.noise_m2, smoothed.over)
        best = solve(grid, seen, smooth_delay_m, noise, more_m, plain.out, bounds=True)
        if retried:
            some_columns = (smooth_delay_m[:, again], noise[:, again], more_m[:, again], plain.out[:, again])
            put(best, again, solve(short, at(seen, again), *some_columns, bounds=True))
        smooth, snapshot = best.verdict, plain.verdict
        trust = self._doubt(station, time_ms, tick.turn[columns], worse(plain.state, best.state))
        radius = np.sqrt((smooth.place_m * smooth.place_m).sum(axis=0))
        found: B = (radius > LOWEST_M) & (radius < HIGHEST_M)
        solved: B = found & (trust != ALERT)
        trust[~found & (trust != ALERT)] = NOT_POSSIBLE  # ranges that agree on a place off the ground
        # Where nothing is known of the place, none is below the mask, so all of them count.
        nowhere = (start == 0.0).all(axis=0)
        few = np.where(nowhere, few, smooth.redundancy < 0).astype(bool)
        status = np.where(found & ~solved, INTEGRITY_FAULT, status_of(some, told, solved, few))
        part = Part(
            begin, sent.usable, choice.gnss, choice.satellite, choice.pairing, smooth.use,
            plain.out | best.out, snapshot.residual_m, snapshot.use, smooth.residual_m,
            plain.variance_m2, best.variance_m2, smoothed.over, seen.sight.axes, seen.sight.enu,
            seen.use, start, seen.free_m - seen.sight.distance_m, phase_m, seen.noise_m2, ranges.c1, delay_m,
        )  # fmt: skip
        return Positions(
            status, trust, np.where(solved, smooth.place_m, np.nan).T,
            np.where(found, snapshot.place_m, np.nan).T, np.where(solved, smooth.level_m, np.nan).T,
            np.moveaxis(smooth.covariance_m2, -1, 0), smooth.pdop, np.where(solved, smooth.used, 0),
            np.where(solved, smooth.systems, 0), smooth.clock_m.T, unusable, step,
            Residuals([part]),
        )  # fmt: skip

    def _doubt(self, station: I64, time_ms: I64, turn: I64, trust: I64) -> I64:
        for n in range(int(turn.max()) + 1):
            rows = np.flatnonzero(turn == n)
            of = station[rows]
            trust[rows], self.alert_ms[of] = doubted(trust[rows], time_ms[rows], self.alert_ms[of])
        return trust

    def _smooth(
        self, tick: _Tick, columns: slice, choice: Choice, ranges: Ranges, variance_m2: F64, good: B
    ) -> Smoothed:
        """Arcs grow by one epoch of a station at a time, from ranges that are good."""
        station, time_ms, turn = tick.station[columns], tick.time_ms[columns], tick.turn[columns]
        where, last = place(choice.gnss, choice.satellite), (tick.messages, tick.observations)
        if not turn.any():
            return self.smoother.add(station, time_ms, where, ranges, *last, variance_m2, good)
        out = Smoothed(ranges.range_m.copy(), ranges.delay_m.copy(), np.ones(good.shape))
        for n in range(int(turn.max()) + 1):
            its = turn == n
            some = self.smoother.add(
                station[its], time_ms[its], where, at(ranges, its), *last, variance_m2[:, its], good[:, its]
            )
            put(out, its, some)
        return out

    def _step(
        self, tick: _Tick, columns: slice, choice: Choice, left_m: F64, sent: Sent, seen: Seen, same: B
    ) -> Step:
        """Steps by phases, of one epoch of a station at a time."""
        station, time_ms, turn = tick.station[columns], tick.time_ms[columns], tick.turn[columns]
        where = place(choice.gnss, choice.satellite)
        phases = Phases(seen.start_m, seen.sight, left_m, sent.set_ms, sent.usable, same & sent.usable)
        if not turn.any():
            return self.steps.add(station, time_ms, where, phases)
        out = no_step(len(station))
        for n in range(int(turn.max()) + 1):
            its = turn == n
            step = self.steps.add(station[its], time_ms[its], where, phases.columns(its))
            for column, values in zip(out, step, strict=True):
                column[its] = values
        return out


class _Tick(NamedTuple):
    """What is given for all epochs of a tick."""

    station: I64
    time_ms: I64
    turn: I64  # how many epochs of its station come before; -1: there is none
    start_m: F64  # (3, epochs) where solutions begin, 0 where nothing is known
    frames: Frame  # what goes with that
    messages: Messages
    observations: Observations
    sky: Sky


__all__ = [
    "INTEGRITY_FAULT",
    "LEFT_OUT",
    "NO_POSITIONS",
    "SOLVED",
    "STATUSES",
    "UNUSABLE",
    "Positioning",
    "Positions",
    "levels_m",
    "unsolved",
]
