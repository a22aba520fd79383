"""Quality of what stations observe: slips, multipath, the ionosphere above them; arrays over stations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from hncors.measure import multipath
from hncors.measure.carrier import GAP_S, Jump
from hncors.measure.cells import Cells
from hncors.measure.completeness import Completeness
from hncors.measure.disturbance import Disturbance, Place
from hncors.measure.ephemeris_store import Table
from hncors.measure.epoch import turns
from hncors.measure.overhead import overhead
from hncors.measure.roti import GRID_MS, Roti
from hncors.measure.slips import TESTS, Look, look
from hncors.measure.strength import Strength, mean_fall_db
from hncors.observation import F64, I64, U8, B, Messages, Observations
from hncors.signals import C_M_S, GNSS, SLOTS

SIGNALS = len(GNSS) * SLOTS


class News(NamedTuple):
    """Something worth an event."""

    row: int  # of the epochs
    kind: str
    detail: dict[str, Any]


class Quality:
    """What is known of the quality of each station; the first axis of arrays is the station."""

    def __init__(self, stations: int, places: Callable[[], Sequence[Place]] | None = None) -> None:
        """`places` gives the reference points of the stations, where they are known."""
        self.cells = Cells(stations)
        self.ionosphere = Roti(stations)
        self.disturbance = Disturbance(places)
        self.strength = Strength(stations)
        self.completeness = Completeness(stations)
        self.slips = np.zeros((stations, SIGNALS), np.int64)
        self.slip_tests = np.zeros((stations, len(TESTS)), np.int64)
        self.half_cycles = np.zeros((stations, SIGNALS), np.int64)
        self.clock_jumps = np.zeros(stations, np.int64)
        self.newest_ms = np.full(stations, -1, np.int64)
        self.interval_s = np.ones(stations)
        self._aimed = np.full(stations, -1, np.int64)

    def rearranged(self, before: I64) -> Quality:
        """The same for other stations: `before` is each one's row here, -1 for one that is new."""
        other = Quality(len(before))
        stay = np.flatnonzero(before >= 0)
        for name in (
            "slips",
            "slip_tests",
            "half_cycles",
            "clock_jumps",
            "newest_ms",
            "interval_s",
            "_aimed",
        ):
            getattr(other, name)[stay] = getattr(self, name)[before[stay]]
        other.cells, rows = self.cells.rearranged(before)
        other.completeness = self.completeness.rearranged(before)
        other.disturbance = self.disturbance
        other.strength = self.strength.rearranged(before)
        other.ionosphere = self.ionosphere.rearranged(before, rows, len(other.cells.key))
        return other

    def epochs(
        self, station: I64, time_ms: I64, late: B, epoch: I64, messages: Messages, observations: Observations
    ) -> list[News]:
        """Add complete epochs, as hncors.measure.tally.Tally.add_epochs does; late ones come too late."""
        news: list[News] = []
        turn = turns(station)
        turn[late] = -1
        for n in range(int(turn.max(initial=-1)) + 1):
            now = turn == n
            some = observations
            if not now.all():
                some = observations.select(now[epoch[observations.message]])
            self._keep_time(station[now], time_ms[now])
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # whatever came
                found = self._epoch(
                    station[now], time_ms[now], epoch[some.message], station, time_ms, messages, some
                )
            rows = np.flatnonzero(now)
            news += [
                News(int(rows[np.argmax(station[now] == who)]), kind, detail) for who, kind, detail in found
            ]
        return news

    def aim(self, table: Table, place_m: F64, station: I64, time_ms: I64) -> None:
        """Look twice a minute where satellites stand over stations that had epochs; the stations in turn.

        `place_m` is the place of each station, ECEF, zeros where it is not known.
        """
        slot = (time_ms + station % 30 * 1000) // GRID_MS
        due = (slot != self._aimed[station]) & (time_ms == self.newest_ms[station])
        due &= place_m[station].any(axis=1)
        self._aimed[station[due]] = slot[due]
        for at_ms in np.unique(time_ms[due]).tolist():
            who = np.unique(station[due & (time_ms == at_ms)])
            self.directions(*overhead(table, who, place_m[who], at_ms))

    def directions(self, station: I64, gnss: U8, satellite: U8, elevation_deg: F64, azimuth_deg: F64) -> None:
        """Tell where healthy satellites stand over stations, each once, whether they are observed or not.

        To be called after `epochs`, every 30 s or so: C/N0, ROTI and multipath are judged by elevation from
        then on, and what should be observed in the newest epoch of each station is counted.
        """
        self.cells.point(station, gnss, satellite, elevation_deg, azimuth_deg)
        self.completeness.look(self.cells, self.newest_ms, station, gnss, satellite, elevation_deg)

    def cn0_fall_db(self) -> F64:
        """How far below what is expected the signals of the newest epochs are, shape (stations, SIGNALS)."""
        return mean_fall_db(self.cells, self.newest_ms)

    def multipath_rms_m(self) -> tuple[F64, I64]:
        """See hncors.measure.multipath.rms_m."""
        return multipath.rms_m(self.cells, self.interval_s, self.newest_ms)

    def roti_tecu_min(self) -> tuple[F64, F64]:
        """See hncors.measure.roti.Roti.by_station."""
        return self.ionosphere.by_station(self.cells, self.newest_ms)

    def _keep_time(self, station: I64, time_ms: I64) -> None:
        elapsed_s = (time_ms - self.newest_ms[station]) / 1000
        usual = (elapsed_s > 0) & (elapsed_s <= GAP_S)
        self.interval_s[station[usual]] = elapsed_s[usual]
        self.newest_ms[station] = time_ms

    def _epoch(
        self,
        looked: I64,
        when_ms: I64,
        row: I64,
        station: I64,
        time_ms: I64,
        messages: Messages,
        o: Observations,
    ) -> list[tuple[int, str, dict[str, Any]]]:
        """One epoch of each of the stations `looked` at; `row` is the epoch of each observation."""
        who = station[row]
        search = bool((when_ms % GRID_MS == 0).any())
        seen = look(self.cells, who, time_ms[row], messages.kind[o.message], o, search=search)
        self.ionosphere.sample(self.cells, looked, when_ms, seen.station, seen.cell, seen.time_ms)
        self.disturbance.look(self.cells, self.ionosphere, self.newest_ms)
        self._count(seen)
        if o.half_cycle.any():
            its = np.flatnonzero(o.half_cycle)
            signal = o.gnss[its].astype(np.int64) * SLOTS + o.signal[its]
            np.add.at(self.half_cycles, (who[its], signal), 1)
        columns = (seen.station, seen.cell, seen.cn0_dbhz)
        falls = self.strength.look(self.cells, looked, when_ms, *columns)
        return [
            *((jump.station, "clock_jump", _jump_detail(jump)) for jump in seen.jumps),
            *((fall.station, fall.kind, fall.detail) for fall in falls),
        ]

    def _count(self, seen: Look) -> None:
        slips = seen.slips
        who = self.cells.station_of(slips.cell)
        np.add.at(self.slips, (who, self.cells.signal[slips.cell]), 1)
        for bit in range(len(TESTS)):
            np.add.at(self.slip_tests[:, bit], who, slips.tests >> bit & 1)
        for jump in seen.jumps:
            self.clock_jumps[jump.station] += 1


def _jump_detail(jump: Jump) -> dict[str, Any]:
    return {"milliseconds": round(jump.jump_m / C_M_S * 1000, 6), "phase": jump.phase}
