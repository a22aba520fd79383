"""Whether anybody can have observed what a stream brings: what E16 looks at.

Streams are looked at when it is their turn, all of a turn at once. Limits are in the policy; what real
receivers show is in docs/evidence.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hncors.health import Stream
from hncors.measure.cells import SKY, Cells, sky_number
from hncors.measure.ephemeris_store import Table
from hncors.measure.lanes import ENOUGH_S
from hncors.measure.overhead import overhead
from hncors.network import Network, Tick
from hncors.observation import F64, I64, B
from hncors.positioning import INTEGRITY_FAULT, SOLVED
from hncors.positioning_results import NO_SOLUTION

ENOUGH_RANGES = 8  # to satellites with ephemerides: four more than a place takes
FEWEST_SIGNALS = 12
FEWEST_ARCS = 8
LEAST_WEIGHT = 20.0  # looks in the mean of an arc, for its scatter to be all of it
BELOW_DEG = 5.0  # below the horizon: a wrong place puts a satellite there from 1,000 km on
RECENT_MS = 120_000


class Plausible(NamedTuple):
    """What a stream's observations show; nan where it is not known."""

    below: int = 0  # satellites it has that are far below the horizon of the broadcast place
    cn0_spread_db: float = np.nan  # one standard deviation over the signals of an epoch
    sine_spread: float = 0.0  # of their elevations: highest less lowest
    code_noise_m: float = np.nan  # of codes against phases, in the middle of signals with long arcs
    smoothed: bool = False  # it says that it smooths its codes (DF417)
    contradicts_s: float = 0.0  # for how long its ranges have fitted no place
    backed: int = 0  # other streams whose ranges do fit, by the same ephemerides


class Plausibility:
    """What has to be remembered of streams, and the look at some of them."""

    def __init__(self, streams: int) -> None:
        self._since_ms = np.full(streams, -1, np.int64)  # of ranges that fit no place
        self._last_ms = np.full(streams, -1, np.int64)  # ... and the newest of them

    def rearranged(self, before: I64) -> Plausibility:
        """The same for other streams: `before` is each one's row here, -1 for one that is new."""
        other = Plausibility(len(before))
        stay = np.flatnonzero(before >= 0)
        for name in ("_since_ms", "_last_ms"):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        return other

    def add(self, tick: Tick) -> None:
        """Take in the complete epochs of a tick."""
        status, station = tick.positions.status, tick.epochs.station
        self._since_ms[station[status == SOLVED]] = -1
        rows = np.flatnonzero((status == NO_SOLUTION) | (status == INTEGRITY_FAULT))
        if not len(rows):
            return
        ranges = np.zeros(len(status), np.int64)
        for part in tick.positions.ranges.parts:
            count = part.there.sum(axis=0)[: len(status) - part.first]
            ranges[part.first : part.first + len(count)] = count
        rows = rows[ranges[rows] >= ENOUGH_RANGES]
        who, time_ms = station[rows], tick.epochs.time_ms[rows]
        new = self._since_ms[who] < 0
        self._since_ms[who[new]] = time_ms[new]
        self._last_ms[who] = time_ms

    def look(self, network: Network, streams: list[int], now_ms: int) -> dict[int, Plausible]:
        """Those of some streams that have epochs."""
        newest_ms = network.quality.newest_ms
        rows = [n for n in streams if newest_ms[n] >= 0 and abs(now_ms - newest_ms[n]) <= RECENT_MS]
        if not rows:
            return {}
        who = np.array(rows, np.int64)
        cells = network.quality.cells
        mine = _Cells.of(cells, who, newest_ms[who])
        elevation = _elevation_deg(
            network.positioning.store.table, [network.streams[n] for n in rows], now_ms
        )
        with np.errstate(invalid="ignore"):
            below = (mine.tracked(len(rows)) & (elevation < -BELOW_DEG)).sum(axis=1)
        spread_db, sine = mine.strengths(len(rows), np.sin(np.radians(elevation)))
        noise_m = mine.code_noise_m(cells, len(rows))
        smoothed = (network.tally.smoothed[who] > 0).any(axis=1)
        lasts_s = np.where(self._since_ms[who] >= 0, (self._last_ms[who] - self._since_ms[who]) / 1000, 0.0)
        backed = int(np.count_nonzero(network.positioning.status == SOLVED))
        columns = (below, spread_db, sine, noise_m, smoothed, lasts_s)
        made = zip(*(column.tolist() for column in columns), strict=True)
        return {n: Plausible._make((*one, backed)) for n, one in zip(rows, made, strict=True)}


class _Cells(NamedTuple):
    """Cells of the newest epochs of some streams."""

    cell: I64
    row: I64  # of the stream among those that are looked at
    sky: I64  # of the satellite
    cn0_dbhz: F64

    @classmethod
    def of(cls, cells: Cells, who: I64, newest_ms: I64) -> _Cells:
        table = cells.table[who]
        row, sky, _ = np.nonzero(table >= 0)
        cell = table[table >= 0].astype(np.int64)
        now = cells.time_ms[cell] == newest_ms[row]
        return cls(cell[now], row[now], sky[now], cells.cn0_dbhz[cell[now]])

    def tracked(self, count: int) -> B:
        """(streams, SKY)"""
        out = np.zeros((count, SKY), bool)
        out[self.row, self.sky] = True
        return out

    def strengths(self, count: int, sine: F64) -> tuple[F64, F64]:
        """Standard deviation of C/N0 over an epoch, and how far apart satellites stand; too few: nan, 0."""
        up = sine[self.row, self.sky]
        known = ~np.isnan(self.cn0_dbhz) & ~np.isnan(up)
        row, cn0, up = self.row[known], self.cn0_dbhz[known], up[known]
        number = np.bincount(row, minlength=count)
        some = np.maximum(number, 1)
        mean = np.bincount(row, cn0, count) / some
        square = np.bincount(row, (cn0 - mean[row]) ** 2, count) / some
        spread = np.where(number >= FEWEST_SIGNALS, np.sqrt(square), np.nan)
        high, low = np.full(count, -np.inf), np.full(count, np.inf)
        np.maximum.at(high, row, up)
        np.minimum.at(low, row, up)
        return spread, np.where(number >= FEWEST_SIGNALS, high - low, 0.0)

    def code_noise_m(self, cells: Cells, count: int) -> F64:
        """Scatter of codes against phases about the mean of their arcs, the middle one of each stream's."""
        cell = self.cell
        long = (cells.pair_ms[cell] - cells.arc_ms[cell] >= ENOUGH_S * 1000) & (
            cells.weight[cell] >= LEAST_WEIGHT
        )
        row, cell = self.row[long], cell[long]
        noise = np.sqrt(cells.mp_sum2_m2[cell] / cells.weight[cell])
        order = np.lexsort((noise, row))
        number = np.bincount(row, minlength=count)
        out = np.full(count, np.nan)
        enough = number >= FEWEST_ARCS
        middle = (np.cumsum(number) - number + (number - 1) // 2)[enough]
        out[enough] = noise[order][middle]
        return out


def _elevation_deg(table: Table, streams: Sequence[Stream], now_ms: int) -> F64:
    """Elevations over the places that streams broadcast, (streams, SKY); nan where nothing is known."""
    out = np.full((len(streams), SKY), np.nan)
    placed = [(row, stream.arp_m) for row, stream in enumerate(streams) if stream.arp_m is not None]
    if placed:
        row = np.array([one for one, _ in placed], np.int64)
        place_m = np.array([place for _, place in placed])
        seen = overhead(table, row, place_m, now_ms)
        out[seen.station, sky_number(seen.gnss.astype(np.int64), seen.satellite)] = seen.elevation_deg
    return out
