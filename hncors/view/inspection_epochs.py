"""Epochs of one recording counted block by block, by the rules of hncors.measure.epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hncors.dating import Dated, identities
from hncors.gpstime import DAY_MS
from hncors.health import Stream
from hncors.measure.availability import Account
from hncors.measure.epoch import assemble, runs, without_repeats
from hncors.observation import I64, NO_MESSAGES, NO_OBSERVATIONS, Messages, Observations, append, subset
from hncors.signals import BDS3_FIRST_SATELLITE, BEIDOU, SLOTS

_NONE = np.empty(0, np.int64)
_MANY_STEPS = 10_000  # different steps between epochs that are remembered


class Gap(NamedTuple):
    """Epochs that should be there and are not. Times are GPS milliseconds."""

    after_ms: int  # the last epoch before the gap
    before_ms: int  # the first after it
    missing: int


class Counted:
    """Sums over the complete epochs of one stream; arrays are by system (7) and signal or satellite."""

    def __init__(self) -> None:
        self.cells = np.zeros((7, SLOTS), np.int64)
        self.satellites = np.zeros((7, 64), bool)
        self.cn0_sum_dbhz = np.zeros((7, SLOTS))
        self.cn0_count = np.zeros((7, SLOTS), np.int64)
        self.bds3_cells = np.zeros(SLOTS, np.int64)
        self.bds3_satellites = np.zeros(64, bool)
        self._stream = Stream("", Account())
        self.anomalies: Counter[str] = self._stream.errors
        self.station_ids: set[int] = set()
        self._times: list[I64] = []
        self._steps: Counter[int] = Counter()
        self._before = -1  # time of the last run of messages
        self._held = (NO_MESSAGES, NO_OBSERVATIONS, _NONE)

    def add(self, messages: Messages, observations: Observations, time_ms: I64) -> None:
        """Add a block's messages; those of its last epoch wait for the next block."""
        self._identify(messages, observations, time_ms)
        held = self._held
        messages, observations = append([held[:2], (messages, observations)])
        time_ms = np.concatenate([held[2], time_ms])
        if not len(time_ms):
            return
        other = np.flatnonzero(time_ms != time_ms[-1])
        cut = int(other[-1]) + 1 if len(other) else 0
        rest = subset(messages, observations, np.arange(cut, len(messages)))
        self._held = (*rest, time_ms[cut:])
        self._count(*subset(messages, observations, np.arange(cut)), time_ms[:cut])

    def _identify(self, messages: Messages, observations: Observations, time_ms: I64) -> None:
        self.station_ids.update(np.unique(messages.station_id).tolist())
        nothing = np.zeros(len(messages), np.int64)
        dated = Dated(messages, observations, nothing, time_ms, nothing)
        for _ in identities(dated, [self._stream], self._stream.columns.station_id):
            pass  # as events they are for the daemon; here their count is enough

    def end(self) -> None:
        """Nothing more comes."""
        self._count(*self._held)
        self._held = (NO_MESSAGES, NO_OBSERVATIONS, _NONE)

    def times(self) -> I64:
        """The epochs' times, each once, in ascending order."""
        return np.unique(np.concatenate([*self._times, _NONE]))

    def _count(self, messages: Messages, observations: Observations, time_ms: I64) -> None:
        if not len(messages):
            return
        nothing = np.zeros(len(messages), np.int64)
        found = runs(nothing, time_ms, messages.more).each()
        interval = self._interval([run.time for run in found])
        done = assemble(found, [self._stream.line], [interval], nothing, [0], [False], end=True)
        for anomaly in done.anomalies:
            self.anomalies[anomaly.name] += anomaly.number
        if not done.closed:
            return
        epoch = np.full(len(messages), -1, np.int64)
        for number, one in enumerate(done.closed):
            epoch[one.first : one.last + 1] = number
        self._times.append(np.array([one.time for one in done.closed], np.int64))
        if (epoch < 0).any():
            rows = np.flatnonzero(epoch >= 0)
            messages, observations = subset(messages, observations, rows)
            epoch = epoch[rows]
        keep = without_repeats(epoch, messages, observations)
        if not keep.all():
            self.anomalies["repeated_observation"] += int((~keep).sum())
            observations = observations.select(keep)
        self._observations(observations)

    def _observations(self, observations: Observations) -> None:
        cell = observations.gnss.astype(np.int64) * SLOTS + observations.signal
        self.cells += np.bincount(cell, minlength=7 * SLOTS).reshape(7, SLOTS)
        self.satellites[observations.gnss, observations.satellite] = True
        known = ~np.isnan(observations.cn0_dbhz)
        cn0_dbhz, cell = observations.cn0_dbhz[known], cell[known]
        self.cn0_sum_dbhz += np.bincount(cell, cn0_dbhz, 7 * SLOTS).reshape(7, SLOTS)
        self.cn0_count += np.bincount(cell, minlength=7 * SLOTS).reshape(7, SLOTS)
        new = (observations.gnss == BEIDOU) & (observations.satellite >= BDS3_FIRST_SATELLITE)
        self.bds3_cells += np.bincount(observations.signal[new], minlength=SLOTS)
        self.bds3_satellites[observations.satellite[new]] = True

    def _interval(self, times: list[int]) -> int:
        """The most frequent step so far, these epochs' included; the smaller of equals, 0 of none."""
        for time in times:
            if 0 < time - self._before <= DAY_MS and len(self._steps) < _MANY_STEPS:
                self._steps[time - self._before] += 1
            self._before = time
        return min(self._steps, key=lambda step: (-self._steps[step], step), default=0)


def interval_ms(times: I64) -> int:
    """The most frequent step between ascending times, the smaller of equals; 0 where there is no step."""
    steps, counts = np.unique(np.diff(times), return_counts=True)
    return int(steps[counts.argmax()]) if len(steps) else 0


def gaps(times: I64, step_ms: int) -> Iterator[Gap]:
    """Where ascending times leave out whole steps. More than a day apart are two recordings, not a gap."""
    steps = np.diff(times)
    for row in np.flatnonzero((2 * steps >= 3 * step_ms) & (steps <= DAY_MS)).tolist():
        missing = round(int(steps[row]) / step_ms) - 1
        yield Gap(int(times[row]), int(times[row + 1]), missing)
