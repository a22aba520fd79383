"""Satellites by epochs: how the ranges of a tick stand, so that what belongs together lies side by side.

Arrays are (satellites, epochs), or have axes before these. Satellites are in the order of the receiver's
clocks, so those of one clock are rows that follow each other: sums over them are sums of rows, what holds for
an epoch or for a satellite spreads by itself, and nothing is gathered. A place that has no range counts with
weight 0; stations of a province see much the same satellites, so few places are empty.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np

from hncors.measure.position import Groups, clocks
from hncors.observation import F64, I64, B


class Grid(NamedTuple):
    """The satellites of a grid, one row each, and the spans of rows that share a clock."""

    gnss: I64
    satellite: I64
    clock: I64  # of each span
    size: I64  # rows of each span
    spans: tuple[tuple[int, int], ...]
    systems: I64  # of spans, each once
    both: tuple[int, ...]  # spans of the system of the one before

    @classmethod
    def of(cls, gnss: I64, satellite: I64, *, short: bool = False) -> Grid:
        """Of satellites in the order of `hncors.measure.ranges`; `short`: some clocks are shared."""
        return _grid(gnss.tobytes(), satellite.tobytes(), short)

    @classmethod
    def made(cls, gnss: I64, satellite: I64, *, short: bool) -> Self:
        """The same, not kept."""
        clock = clocks(gnss, satellite, np.full(len(gnss), True) if short else None)
        edges = np.flatnonzero(np.diff(clock, prepend=-1, append=-1))
        pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        system = gnss[edges[:-1]]
        same = np.flatnonzero(system[1:] == system[:-1]) + 1
        systems, both = np.delete(system, same), tuple(same.tolist())
        return cls(gnss, satellite, clock[edges[:-1]], np.diff(edges), tuple(pairs), systems, both)

    def sums(self, columns: F64) -> F64:
        """Over the satellites of each clock: (..., satellites, epochs) to (..., clocks, epochs)."""
        return self._each(np.add, columns)

    def largest(self, columns: F64) -> F64:
        """The largest of each clock's satellites, in the same shape."""
        return self._each(np.maximum, columns)

    def spread(self, columns: F64) -> F64:
        """What holds for a clock, for each of its satellites: (..., clocks, epochs) back again."""
        return np.repeat(columns, self.size, axis=-2)

    def by_system(self, clocks: F64) -> F64:
        """Sums over the clocks of each system: (..., clocks, epochs) to (..., systems, epochs)."""
        if not self.both:
            return clocks
        out = clocks.copy()
        for one in self.both:
            out[..., one - 1, :] += out[..., one, :]
        return np.delete(out, self.both, axis=-2)

    def _each(self, function: np.ufunc, columns: F64) -> F64:
        out = np.empty((*columns.shape[:-2], len(self.spans), columns.shape[-1]))
        for n, (begin, end) in enumerate(self.spans):
            function.reduce(columns[..., begin:end, :], axis=-2, out=out[..., n, :])
        return out

    def rows(self, there: B) -> tuple[Groups, I64]:
        """The places that are `there` as rows by epoch, and which of the raveled transposed grid they are."""
        epoch, row = there.T.nonzero()
        clock = np.repeat(self.clock, self.size)
        return Groups.of(epoch, clock[row], there.shape[1]), row * there.shape[1] + epoch


@lru_cache(maxsize=64)  # satellites come and go once in some minutes
def _grid(gnss: bytes, satellite: bytes, short: bool) -> Grid:
    return Grid.made(np.frombuffer(gnss, np.int64), np.frombuffer(satellite, np.int64), short=short)
