"""The newest epoch of every station, held until the network is looked at: ranges, offsets, trust.

Stations' epochs come in several ticks. Each tick's rows stay as they came; which are a station's newest is
looked up when the network is judged, once a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hncors.geodesy import enu_axes, to_geodetic
from hncors.measure.apart import Rows
from hncors.measure.attribution import Delays
from hncors.measure.exclusion import NOT_POSSIBLE
from hncors.measure.position import clocks
from hncors.measure.residuals import Part
from hncors.observation import F64, I64, B
from hncors.positioning import Positions

FAR_M = 1000.0  # from its known place a station is elsewhere, and its ranges say nothing of satellites
AGE_MS = 40_000  # an epoch is a station's newest for so long: of those every 30 s none is missed
LATE_TICKS = 200  # with epochs of any station, in which a station has to have one to count for the time


class _Block(NamedTuple):
    number: int
    rows: Rows
    at: tuple[tuple[I64, I64], ...]  # where the rows of each part are: satellites and epochs
    parts: tuple[tuple[Part, I64], ...]  # and the station of each epoch, -1 where it is not its newest


class Gathering:
    """Arrays over stations."""

    def __init__(self, stations: int) -> None:
        self.newest_ms = np.full(stations, -1, np.int64)
        self.offset_m = np.full((stations, 3), np.nan)  # east, north, up from the known place
        self.sigma_m = np.full((stations, 3), np.nan)
        self.trust = np.full(stations, NOT_POSSIBLE, np.int64)
        self._known_m = np.full((stations, 3), np.nan)
        self._axes = np.full((stations, 3, 3), np.nan)
        self._block = np.full(stations, -1, np.int64)
        self._blocks: list[_Block] = []
        self._number = 0

    def place(self, known_m: F64) -> None:
        """Where stations stand, (stations, 3), nan where it is not known."""
        if not np.array_equal(known_m, self._known_m, equal_nan=True):
            self._known_m = known_m
            self._axes = enu_axes(to_geodetic(known_m))

    def add(self, station: I64, time_ms: I64, late: B, found: Positions) -> None:
        """Complete epochs of a tick, those of a station in the order they were complete."""
        newest = np.full(len(self.newest_ms), -1, np.int64)
        in_turn = np.flatnonzero(~late)
        newest[station[in_turn]] = in_turn  # of several the last stays
        taken = np.flatnonzero(newest >= 0)
        epochs = newest[taken]
        if not len(taken):
            return
        self._number += 1
        self.newest_ms[taken], self._block[taken] = time_ms[epochs], self._number
        self.trust[taken] = found.trust[epochs]
        off_m = found.snapshot_m[epochs] - self._known_m[taken]
        axes = self._axes[taken]
        self.offset_m[taken] = np.einsum("nij,nj->ni", axes, off_m)
        spread = np.einsum("nij,njk,nik->ni", axes, found.covariance_m2[epochs], axes)
        self.sigma_m[taken] = np.sqrt(spread)
        self._blocks.append(self._cut(station, epochs, found))

    def _cut(self, station: I64, epochs: I64, found: Positions) -> _Block:
        who = np.full(len(station), -1, np.int64)
        who[epochs] = station[epochs]
        rows, places, parts = [_NO_ROWS], [], []
        for part in found.ranges.parts:
            its = who[part.first : part.first + part.there.shape[1]]
            if len(its) < part.there.shape[1]:  # one epoch by itself is solved twice
                its = np.append(its, np.full(part.there.shape[1] - len(its), -1))
            some, at = self._rows(part, its)
            rows.append(some)
            places.append(at)
            parts.append((part, its))
        return _Block(self._number, Rows.join(rows), tuple(places), tuple(parts))

    def _rows(self, part: Part, station: I64) -> tuple[Rows, tuple[I64, I64]]:
        """Ranges from the known place, of epochs whose station is there."""
        shift_m = self._known_m[station].T - part.start_m
        near = (station >= 0) & (np.square(shift_m).sum(axis=0) < FAR_M**2)
        epoch, row = (part.above & (part.c1 > 1.0) & near).T.nonzero()
        by_m = np.einsum("ije,je->ie", part.axes, shift_m)
        off_m = part.enu[0] * by_m[0]
        off_m += part.enu[1] * by_m[1]
        off_m += part.enu[2] * by_m[2]
        off_m += part.off_m
        flat = row * len(station) + epoch
        c1 = part.c1.take(flat)
        noise_m2 = 2.0 * c1
        noise_m2 *= c1 - 1.0
        noise_m2 += 1.0  # c1^2 + (c1 - 1)^2
        noise_m2 *= part.noise_m2.take(flat)
        slot = part.gnss * 64 + part.satellite
        clock = clocks(part.gnss, part.satellite)
        rows = Rows(
            station.take(epoch), clock.take(row), slot.take(row), off_m.take(flat), noise_m2,
            part.enu[2].take(flat),
        )  # fmt: skip
        return rows, (row, epoch)

    def now_ms(self) -> int:
        """The time most stations are at that came of late; -1: there are none."""
        came = self.newest_ms[(self._block >= 0) & (self._block > self._number - LATE_TICKS)]
        if not len(came):
            return -1
        return int(np.partition(came, len(came) // 2)[len(came) // 2])

    def current(self, now_ms: int) -> B:
        """Stations with a new epoch of about now."""
        out: B = (self.newest_ms >= 0) & (np.abs(self.newest_ms - now_ms) <= AGE_MS)
        return out

    def rows(self, current: B) -> Rows:
        """The newest ranges of stations; of epochs that are no longer the newest nothing is kept."""
        parts, blocks = [], []
        for block in self._blocks:
            newest = self._newest(block, current)
            mine = newest.take(block.rows.station)
            if mine.all() and len(mine):
                parts.append(block.rows)
            elif mine.any():
                parts.append(block.rows.select(mine))
            if newest.any():
                blocks.append(block)
        self._blocks = blocks
        return Rows.join(parts) if parts else _NO_ROWS

    def delays(self, current: B) -> Delays:
        """The delays that come with `rows`."""
        made = [Delays(*(_NO_ROWS.station,) * 3, *(_NO_ROWS.off_m,) * 4)]
        for block in self._blocks:
            if not block.parts:
                continue
            columns = [
                (part.c1[at], part.delay_m[at], np.arctan2(part.enu[0][at], part.enu[1][at]))
                for (part, _), at in zip(block.parts, block.at, strict=True)
            ]
            c1, delay_m, azimuth = (np.concatenate(column) for column in zip(*columns, strict=True))
            its = block.rows
            every = Delays(its.station, its.clock, its.slot, c1, delay_m, its.sine, azimuth)
            made.append(every.select(self._newest(block, current).take(its.station)))
        return Delays.join(made)

    def pairing(self, slot: int | None = None, gnss: int = -1) -> tuple[int, float]:
        """The pairing most stations have of a satellite or a system (hncors.measure.ranges), and its c1."""
        found: list[tuple[int, float]] = []
        for block in self._blocks:
            newest = self._newest(block, self.newest_ms >= 0)
            for (part, station), (row, epoch) in zip(block.parts, block.at, strict=True):
                hit = (
                    part.gnss[row] == gnss
                    if slot is None
                    else part.gnss[row] * 64 + part.satellite[row] == slot
                )
                hit &= newest[station[epoch]]
                found += zip(
                    part.pairing[row, epoch][hit].tolist(), part.c1[row, epoch][hit].tolist(), strict=True
                )
        kinds = Counter(kind for kind, _ in found)
        if not kinds:
            return 0, np.nan
        most = max(kinds, key=lambda kind: kinds[kind])
        return most, next(c1 for kind, c1 in found if kind == most)

    def left_out(self, current: B) -> tuple[I64, I64]:
        """Stations and slots of satellites that the stations themselves leave out in their newest epochs."""
        return self._where(current, lambda part: part.out)

    def having(self, current: B, slots: B) -> B:
        """Stations with a range, good or not, to one of some satellites."""
        out = np.zeros(len(self.newest_ms), bool)
        station, _ = self._where(
            current, lambda part: part.there & slots[part.gnss * 64 + part.satellite][:, None]
        )
        out[station] = True
        return out

    def _where(self, current: B, which: Callable[[Part], B]) -> tuple[I64, I64]:
        """Stations and slots of places in the grids of the newest epochs."""
        found = [np.empty((2, 0), np.int64)]
        for block in self._blocks:
            newest = self._newest(block, current)
            for part, station in block.parts:
                row, epoch = which(part).nonzero()
                who = station[epoch]
                mine = (who >= 0) & newest[who]
                slot = part.gnss[row[mine]] * 64 + part.satellite[row[mine]]
                found.append(np.stack((who[mine], slot)))
        station, slot = np.concatenate(found, axis=1)
        return station, slot

    def _newest(self, block: _Block, current: B) -> B:
        """Stations whose newest epoch is in a block."""
        out: B = (self._block == block.number) & current
        return out

    def found_m(self, station: int) -> F64:
        """Where a station's newest ranges put it, ECEF."""
        out: F64 = self._known_m[station] + self.offset_m[station] @ self._axes[station]
        return out

    def places_m(self) -> F64:
        """Known places as they are used."""
        return self._known_m

    def rearranged(self, before: I64) -> Gathering:
        """The same for other stations; epochs gathered so far are let go."""
        other = Gathering(len(before))
        stay = np.flatnonzero(before >= 0)
        for name in ("newest_ms", "offset_m", "sigma_m", "trust"):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        return other


_NO_ROWS = Rows(*(np.empty(0, kind) for kind in (np.int64, np.int64, np.int64, float, float, float)))
