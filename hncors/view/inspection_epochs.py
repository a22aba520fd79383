"""Epochs of one recording counted block by block, by the rules of hncors.measure.epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hncors.gpstime import DAY_MS, WEEK_MS
from hncors.measure.epoch import Timeline, assemble, runs, without_repeats
from hncors.observation import I64, NO_MESSAGES, NO_OBSERVATIONS, Messages, Observations, append, subset
from hncors.signals import BDS3_FIRST_SATELLITE, BEIDOU, SLOTS

_NONE = np.empty(0, np.int64)
_MANY_STEPS = 10_000  # different steps between epochs that are remembered
_BACK_MS = 10_000  # a station id that was there so shortly ago is interleaved, not changed


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
        self.anomalies: Counter[str] = Counter()
        self.station_ids: set[int] = set()
        self._times: list[I64] = []
        self._line = Timeline()
        self._steps: Counter[int] = Counter()
        self._before = -1  # time of the last run of messages
        self._held = (NO_MESSAGES, NO_OBSERVATIONS, _NONE)
        self._id: int | None = None
        self._id_seen: dict[int, int] = {}

    def add(self, messages: Messages, observations: Observations, time_ms: I64) -> None:
        """Add a block's messages; those of its last epoch wait for the next block."""
        self._identities(messages, time_ms)
        held = self._held
        messages, observations = append(held[:2], (messages, observations))
        time_ms = np.concatenate([held[2], time_ms])
        if not len(time_ms):
            return
        other = np.flatnonzero(time_ms != time_ms[-1])
        cut = int(other[-1]) + 1 if len(other) else 0
        rest = subset(messages, observations, np.arange(cut, len(messages)))
        self._held = (*rest, time_ms[cut:])
        self._count(*subset(messages, observations, np.arange(cut)), time_ms[:cut])

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
        found = runs(nothing, time_ms, messages.more)
        interval = self._interval([run.time for run in found])
        done = assemble(found, [self._line], [interval], nothing, 0, [False], end=True)
        self.anomalies.update(anomaly.name for anomaly in done.anomalies)
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

    def _identities(self, messages: Messages, time_ms: I64) -> None:
        """Count changes of the station id: to another station, or back and forth between two (R14)."""
        sent = messages.station_id
        if not len(sent):
            return
        self.station_ids.update(np.unique(sent).tolist())
        before = np.empty_like(sent)
        before[1:] = sent[:-1]
        before[0] = -1 if self._id is None else self._id
        for row in np.flatnonzero(sent != before).tolist():
            number, time = int(sent[row]), int(time_ms[row])
            if self._id is not None:
                back = time - self._id_seen.get(number, -WEEK_MS) < _BACK_MS
                self.anomalies["station_ids_interleaved" if back else "station_id_changed"] += 1
                if len(self._id_seen) < 64:
                    self._id_seen[self._id] = time
            self._id = number


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
