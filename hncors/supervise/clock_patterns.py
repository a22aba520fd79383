"""Receiver clocks as fingerprints: an oscillator drifts in a way of its own, and two never do alike for long.

A stream whose ranges were moved to another place still has its receiver's clock in them, as positions tell it
once in ten seconds. Whole milliseconds are taken off (receivers put their clocks back by these), and what is
left is held against all others: the drift over minutes, then the way it took. A clock that is steered (MSM
DF411), or that an external oscillator keeps (DF412), has nothing of its own; nor has one that hardly drifts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.measure.exclusion import EXCLUDED, OK
from hncors.network_values import Tick
from hncors.observation import F64, I64, B
from hncors.positioning import SOLVED
from hncors.signals import BEIDOU, C_M_S, GPS
from hncors.supervise.policy import Policy

EVERY_MS = 10_000
OFF_MS = 100  # receivers' epochs may be off the full second by this much
SLOTS = 150  # 25 minutes: the window, and how much later the latest stream may be
JUMP_M = C_M_S / 1000
STEERED, KEPT = 1, (1, 2)  # DF411; DF412: an external clock, locked or not
LEAST_DRIFT_M_S = 1.0  # 3e-9: crystals have a hundred times that, rubidium and steering less
DRIFTS_ALIKE_M_S = 0.02  # over minutes a drift is known to a hundredth of a metre per second
ALIKE_M = 1.0  # middle of what two positions' clocks of one receiver are off
PATTERN_M, PATTERN = 1.0, 10.0  # middle by which a clock leaves a straight line, so that it has a shape
OFFSETS_ALIKE_M = 10.0
NEIGHBOURS = 4  # in the order of drifts, that are looked at
_NEVER = -(1 << 60)
_SYSTEMS = (GPS, BEIDOU)


class Alike(NamedTuple):
    """Two streams with one clock."""

    one: int
    other: int
    drift_m_s: float
    jumps: int  # whole milliseconds, put back at the same time
    off_m: float  # middle of the difference of their ways


class ClockPatterns:
    """The clocks of all streams over some minutes; the first axis of arrays is the stream."""

    def __init__(self, streams: int, policy: Policy) -> None:
        self._window = round(policy.clock_minutes * 60_000 / EVERY_MS)
        self._clock_m = np.full((streams, SLOTS, len(_SYSTEMS)), np.nan)
        self._time_ms = np.full((streams, SLOTS), _NEVER, np.int64)
        self._steered_ms = np.full(streams, _NEVER, np.int64)  # epoch that last said so
        self._alike: dict[int, Alike] = {}
        self._looked = -1

    def rearranged(self, before: I64, policy: Policy) -> ClockPatterns:
        """The same for other streams: `before` is each one's row here, -1 for one that is new."""
        other = ClockPatterns(len(before), policy)
        stay = np.flatnonzero(before >= 0)
        for name in ("_clock_m", "_time_ms", "_steered_ms"):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        return other

    def add(self, tick: Tick, now_ms: int) -> None:
        """Take in a tick; once a minute streams are held against each other. `now_ms` is of our clock."""
        time_ms, found = tick.epochs.time_ms, tick.positions
        due = np.flatnonzero((time_ms + OFF_MS) % EVERY_MS < 2 * OFF_MS)
        if len(due):
            self._steer(tick, due)
            good = (found.status == SOLVED) & ((found.trust == OK) | (found.trust == EXCLUDED))
            rows = due[good[due]]
            stream, slot = tick.epochs.station[rows], (time_ms[rows] + OFF_MS) // EVERY_MS % SLOTS
            self._clock_m[stream, slot] = found.clock_m[rows][:, _SYSTEMS]
            self._time_ms[stream, slot] = (time_ms[rows] + OFF_MS) // EVERY_MS
        if now_ms // 60_000 != self._looked:
            self._looked = now_ms // 60_000
            self._alike = {}
            for alike in self._find(now_ms):
                self._alike.setdefault(alike.one, alike)
                self._alike.setdefault(alike.other, alike._replace(one=alike.other, other=alike.one))

    def of(self, stream: int) -> Alike | None:
        """Whose clock a stream has, too."""
        return self._alike.get(stream)

    def _steer(self, tick: Tick, due: I64) -> None:
        messages = tick.messages
        steered = (messages.clock_steering == STEERED) | np.isin(messages.external_clock, KEPT)
        epoch = np.unique(tick.epoch[steered])
        epoch = epoch[np.isin(epoch, due)]
        self._steered_ms[tick.epochs.station[epoch]] = tick.epochs.time_ms[epoch]

    def _find(self, now_ms: int) -> list[Alike]:
        """Pairs with one clock, over the last window that nobody's delay cuts short."""
        for late_ms in (20_000, 80_000, 200_000):
            last = (now_ms - late_ms) // EVERY_MS
            found = self._find_until(last)
            if found:
                return found
        return []

    def _find_until(self, last: int) -> list[Alike]:
        grid = np.arange(last - self._window + 1, last + 1)
        there = self._time_ms[:, grid % SLOTS] == grid
        clock_m = np.where(there[..., None], self._clock_m[:, grid % SLOTS], np.nan)
        system = np.isnan(clock_m[..., 0]).mean(axis=1) > 0.2  # those without GPS by BeiDou
        clock_m = np.where(system[:, None], clock_m[..., 1], clock_m[..., 0])
        free = self._steered_ms < (grid[0] - 1) * EVERY_MS
        rows = np.flatnonzero(free & (np.isnan(clock_m).mean(axis=1) <= 0.2))
        if len(rows) < 2:
            return []
        way_m, jumps = _straight(clock_m[rows])
        drift = _drift(way_m)
        moving = np.abs(drift) >= LEAST_DRIFT_M_S
        rows, way_m, jumps, drift, clock_m = (
            rows[moving], way_m[moving], jumps[moving], drift[moving], clock_m[rows][moving],
        )  # fmt: skip
        order = np.argsort(drift)
        out = []
        for step in range(1, NEIGHBOURS + 1):
            one, other = order[:-step], order[step:]
            close = np.flatnonzero(drift[other] - drift[one] <= DRIFTS_ALIKE_M_S)
            if not len(close):
                break
            for a, b in zip(one[close].tolist(), other[close].tolist(), strict=True):
                alike = _alike(way_m[a], way_m[b], clock_m[a], clock_m[b])
                if alike is not None:
                    first, second = sorted((int(rows[a]), int(rows[b])))
                    together = int((jumps[a] & jumps[b]).sum())
                    out.append(Alike(first, second, float(drift[a]), together, alike))
        return out


def _straight(clock_m: F64) -> tuple[F64, B]:
    """Clocks (n, looks) without their whole milliseconds, and where these were put in or taken out."""
    step_m = np.diff(_filled(clock_m), axis=1)
    whole = np.rint(step_m / JUMP_M)
    way_m = np.concatenate((np.zeros((len(clock_m), 1)), np.cumsum(step_m - whole * JUMP_M, axis=1)), axis=1)
    way_m[np.isnan(clock_m)] = np.nan
    return way_m, whole != 0


def _filled(clock_m: F64) -> F64:
    """Gaps filled with the value before, those at the beginning with the first."""
    known = ~np.isnan(clock_m)
    at = np.maximum.accumulate(np.where(known, np.arange(clock_m.shape[1]), 0), axis=1)
    at = np.where(np.take_along_axis(known, at, axis=1), at, known.argmax(axis=1)[:, None])
    out: F64 = np.take_along_axis(clock_m, at, axis=1)
    return out


def _drift(way_m: F64) -> F64:
    """Metres a second, of each row, by least squares."""
    t = np.arange(way_m.shape[1]) * (EVERY_MS / 1000)
    known = ~np.isnan(way_m)
    count = known.sum(axis=1)
    mean_t = (known * t).sum(axis=1) / count
    off_t = np.where(known, t - mean_t[:, None], 0.0)
    out: F64 = (off_t * np.nan_to_num(way_m)).sum(axis=1) / np.square(off_t).sum(axis=1)
    return out


def _alike(one_m: F64, other_m: F64, clock_m: F64, other_clock_m: F64) -> float | None:
    """By how much two ways differ in the middle, metres; None where they are not one clock's."""
    apart = one_m - other_m
    off_m = float(np.nanmedian(np.abs(apart - np.nanmedian(apart))))
    if not off_m <= ALIKE_M:  # nan: nothing in common
        return None
    t = np.arange(len(one_m)) * (EVERY_MS / 1000)
    bend_m = one_m - _drift(one_m[None])[0] * t
    bent_m = float(np.nanmedian(np.abs(bend_m - np.nanmedian(bend_m))))
    shaped = bent_m >= max(PATTERN_M, PATTERN * off_m)
    offset_m = float(np.nanmedian(clock_m - other_clock_m)) / JUMP_M
    if shaped or abs(offset_m - round(offset_m)) * JUMP_M <= OFFSETS_ALIKE_M:
        return off_m
    return None
