"""Streams that are copies of each other: the same observations at the same time under two names (N32).

Two antennas never measure the same: pseudoranges are told to 0.02 m or less, and noise alone is more. So a
few equal cells of one epoch prove that two streams come from one receiver, whatever station number, message
order or mountpoint they have. One epoch in ten seconds is looked at, as one number a station.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors.observation import I64, B, Observations

EVERY_MS = 10_000
OFF_MS = 100  # receivers' epochs may be off the full second by this much
FEWEST_CELLS = 4
SLOTS = 4  # epochs that are kept for streams that come later: half a minute
_ODD = np.uint64(0x9E3779B97F4A7C15)  # multiplication by it, then by others, spreads all bits (splitmix64)
_ODD_2 = np.uint64(0xBF58476D1CE4E5B9)
_ODD_3 = np.uint64(0x94D049BB133111EB)


class Copy(NamedTuple):
    """A station that brings another's observations."""

    station: int
    other: int
    row: int  # of the epoch in which that was seen
    news: bool  # it did not so far


def digests(epoch: I64, count: int, observations: Observations, wanted: B) -> NDArray[np.uint64]:
    """One number for the observations of each of `count` epochs, in any order of theirs; 0 for too few.

    `epoch` is the epoch (row) of each observation, `wanted` whether it counts.
    """
    rows = np.flatnonzero(wanted & ~np.isnan(observations.pseudorange_m))
    gnss, satellite, signal = (
        column[rows].astype(np.uint64)
        for column in (observations.gnss, observations.satellite, observations.signal)
    )
    which = (gnss << np.uint64(16)) | (satellite << np.uint64(8)) | signal
    value = mixed(observations.pseudorange_m[rows].view(np.uint64) ^ mixed(which))
    out = np.zeros(count, np.uint64)
    np.add.at(out, epoch[rows], value)
    out[np.bincount(epoch[rows], minlength=count) < FEWEST_CELLS] = 0
    return out


def mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers whose bits are spread, each as its own."""
    value = (value + _ODD) * _ODD_2
    value = (value ^ (value >> np.uint64(29))) * _ODD_3
    return value ^ (value >> np.uint64(32))


class Mirrors:
    """Which stations bring the observations of another; the first axis of arrays is the station."""

    def __init__(self, stations: int) -> None:
        self.of = np.full(stations, -1, np.int64)  # whose observations a station brings too; -1: its own
        self._marks = np.zeros((stations, SLOTS), np.uint64)
        self._times = np.full((stations, SLOTS), -1, np.int64)

    def rearranged(self, before: I64) -> Mirrors:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Mirrors(len(before))
        stay = np.flatnonzero(before >= 0)
        other._marks[stay], other._times[stay] = self._marks[before[stay]], self._times[before[stay]]
        after = np.full(len(self.of) + 1, -1, np.int64)
        after[before[stay]] = stay
        other.of[stay] = after[self.of[before[stay]]]
        return other

    def look(self, station: I64, time_ms: I64, epoch: I64, observations: Observations) -> list[Copy]:
        """Look at complete epochs: their stations and times, and the epoch (row) of each observation.

        What is found now, for each of a pair.
        """
        rows = np.flatnonzero((time_ms + OFF_MS) % EVERY_MS < 2 * OFF_MS)
        if not len(rows):
            return []
        sampled = np.zeros(len(station), bool)
        sampled[rows] = True
        marks = digests(epoch, len(station), observations, sampled[epoch])[rows]
        slots = (time_ms[rows] + OFF_MS) // EVERY_MS % SLOTS
        self._forget(station[rows], slots)
        self._marks[station[rows], slots], self._times[station[rows], slots] = marks, time_ms[rows]
        row_of = np.full(len(self.of), -1, np.int64)
        row_of[station[rows]] = rows
        return [copy for slot in np.unique(slots).tolist() for copy in self._equal(slot, row_of)]

    def _forget(self, station: I64, slots: I64) -> None:
        """Those are copies no more that were not so in the epoch before, of which all has come by now."""
        last, copied = (slots - 1) % SLOTS, self.of[station]
        equal = (self._marks[station, last] == self._marks[copied, last]) & (
            self._times[station, last] == self._times[copied, last]
        )
        self.of[station[~equal]] = -1

    def _equal(self, slot: int, row_of: I64) -> Iterator[Copy]:
        """The stations of one time that have the same number, of which some have only now come."""
        marks, times = self._marks[:, slot], self._times[:, slot]
        there = np.flatnonzero(marks)
        order = there[np.lexsort((times[there], marks[there]))]
        one, next_one = order[:-1], order[1:]
        same = (marks[one] == marks[next_one]) & (times[one] == times[next_one])
        new = (row_of[one] >= 0) | (row_of[next_one] >= 0)
        for at in np.flatnonzero(same & new).tolist():  # copies are rare
            first, second = int(one[at]), int(next_one[at])
            row = int(max(row_of[first], row_of[second]))
            yield Copy(first, second, row, bool(self.of[first] < 0))
            yield Copy(second, first, row, bool(self.of[second] < 0))
            self.of[first], self.of[second] = second, first
