"""A simulated province: what every station sends at every epoch, and what is true.

    scenario, problems = read_scenario(text, "calm.toml")
    province = Province(scenario)                      # or Province(scenario, start_ms) to run it now
    for time_ms in province.times():                   # every epoch once, in order
        epoch = province.epoch(time_ms)
        for sent in epoch.sent:                        # stations that are due; data may be b""
            ...  province.stations[sent.station], sent.data, sent.delay_s
        for record in epoch.truth: ...                 # lines of truth.jsonl
    province.actions                                   # what a caster has to do to its connections, and when
    province.head()                                    # first lines of truth.jsonl: stations, faults

Bytes depend on the scenario with its seed and on the start, on nothing else. `Sent.data` is what gets
through: nothing while a fault of the link lasts, whether or not a caster carries it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hncors.geodesy import enu_axes
from hncors.observation import F64, B
from hncors.signals import C_M_S, GNSS
from hncors.simulate import atmosphere, truth
from hncors.simulate.broadcast import Broadcast
from hncors.simulate.clocks import Clocks
from hncors.simulate.conditions import Conditions, conditions
from hncors.simulate.faults import KINDS, LINK_KINDS, Fault
from hncors.simulate.geometry import Lines, above, lines
from hncors.simulate.line import Wire
from hncors.simulate.observation_messages import Observing
from hncors.simulate.reception import Observed, Receivers
from hncors.simulate.scenario import Scenario
from hncors.simulate.sent import Action, Epoch, Sent
from hncors.simulate.station_messages import Speaking
from hncors.simulate.stations import Station, stations


class Province:
    """Stations under a sky. `epoch` is called for rising times."""

    def __init__(self, scenario: Scenario, start_ms: int | None = None) -> None:
        """`start_ms` moves the whole scenario; it is rounded up to a whole second."""
        self.scenario = scenario
        self.stations: list[Station] = stations(scenario)
        self.start_ms = -(-(scenario.start_ms if start_ms is None else start_ms) // 1000) * 1000
        self.end_ms = self.start_ms + round(1000 * scenario.seconds)
        self.step_ms = min(round(1000 * one.interval_s) for one in self.stations)
        self.faults = _faults(scenario, self.start_ms, self.end_ms, self.stations)
        self._ids = {one.id: row for row, one in enumerate(self.stations)}
        systems = "".join(letter for letter in GNSS if any(letter in one.systems for one in self.stations))
        self.broadcast = Broadcast(systems, self.start_ms, scenario.seed)
        chance = np.random.default_rng([scenario.seed, 2])
        self.clocks = Clocks(self.stations, self.start_ms, chance)
        self._receivers = Receivers(self.stations, self.broadcast, scenario.sky, chance)
        self._observing = Observing(self.stations, self._receivers)
        self._speaking = Speaking(self.stations, scenario.network, self._receivers.biases)
        self._wire = Wire(self.stations, self.faults, scenario.seed)
        self._interval_ms = np.array([round(1000 * one.interval_s) for one in self.stations])
        self._place_m = np.array([one.ecef_m for one in self.stations])
        geodetic = [[one.latitude_deg, one.longitude_deg, 0.0] for one in self.stations]
        self._latitude, self._longitude = np.radians(geodetic).T[:2, :, None]
        self._axes = enu_axes(np.radians(geodetic))
        heights = np.array([one.height_m for one in self.stations])[:, None]
        wet = scenario.sky.wet_delay_m
        self._heights_m = heights
        self.zenith_m = atmosphere.zenith_m(self._latitude, heights, wet)[:, 0]
        self._lowest = min(np.radians(one.mask_deg) for one in self.stations)
        self._acted: set[str] = set()

    @property
    def actions(self) -> list[Action]:
        """What a caster has to do to connections."""
        mountpoints = {one.id: one.mountpoint for one in self.stations}
        return [
            Action(
                mountpoints[name],
                LINK_KINDS.get(fault.kind, fault.kind),
                fault.begin_ms,
                fault.end_ms,
                fault.parameters,
                fault.label,
            )
            for fault in self.faults
            if fault.acts == "link"
            for name in fault.stations
        ]

    def times(self) -> range:
        """GPS milliseconds of the epochs."""
        return range(self.start_ms, self.end_ms, self.step_ms)

    def head(self) -> list[dict[str, Any]]:
        """The first records of the truth."""
        return truth.head(self.scenario, self.stations, self.faults, self.start_ms, self.end_ms)

    def epoch(self, time_ms: int) -> Epoch:
        """What the stations that are due send at a time, and the truth of it."""
        now = [fault for fault in self.faults if fault.on(time_ms)]
        self._strike(time_ms)
        due = (time_ms - self.start_ms) % self._interval_ms < self.step_ms
        self.broadcast.advance(time_ms)
        state = conditions(now, self._ids, self.broadcast, self.scenario.sky.slips_per_hour, time_ms)
        observed, visible, sky = self._observe(time_ms, state)
        off = self._switched_off(now)
        observed.seen[off] = False
        self._clone(now, observed)
        if state.dropped.any():
            observed.seen[state.dropped[:, self._receivers.gnss[observed.cell]]] = False
        frames = self._observing.frames(time_ms, due & ~off, observed)
        heard = self._heard(visible, observed)
        sent = []
        delays = self._wire.delays_s()
        for row in np.flatnonzero(due).tolist():
            said: list[bytes] = []
            if not off[row]:
                said = self._speaking.frames(row, time_ms, heard[row], self.broadcast, now) + frames[row]
            data, delay_s = self._wire.send(row, time_ms, b"".join(said), float(delays[row]), now)
            sent.append(Sent(row, data, delay_s))
        told = list(self._truth(time_ms, now, sent, observed, state, sky))
        return Epoch(time_ms, sent, told)

    # --- an epoch's parts ---------------------------------------------------------------------

    def _observe(self, time_ms: int, state: Conditions) -> tuple[Observed, np.ndarray, dict[str, F64]]:
        clock_s, clock_rate = self.clocks.at(time_ms)
        place_m = self._place_m
        if state.offset_m.any():
            place_m = place_m + np.einsum("ni,nik->nk", state.offset_m, self._axes)
        everything = self.broadcast.states(time_ms)
        visible = above(everything, place_m, self._axes[:, 2], self._lowest)
        there = everything.select(visible)
        found = lines(there, place_m, self._axes, clock_s)
        latitude, longitude, zenith_m = self._air(state)
        base_m, rate_m_s = self._common(
            visible, there.clock_rate, found, clock_s, clock_rate, zenith_m, state
        )
        sky = self.scenario.sky
        where = atmosphere.pierce(latitude, longitude, found.azimuth, found.elevation)
        tecu = atmosphere.ionosphere_tecu(where, sky.tec_night_tecu, sky.tec_day_tecu, state.storm, time_ms)
        observed = self._receivers.observe(
            time_ms, self.broadcast, visible, found, base_m, rate_m_s, tecu, state
        )
        overhead = atmosphere.Pierce(self._latitude, self._longitude, np.ones_like(self._latitude))
        vertical = atmosphere.ionosphere_tecu(
            overhead, sky.tec_night_tecu, sky.tec_day_tecu, state.storm, time_ms
        )[:, 0]
        return observed, visible, {"clock_s": clock_s, "clock_rate": clock_rate, "tecu": vertical}

    def _air(self, state: Conditions) -> tuple[F64, F64, F64]:
        """Latitudes and longitudes (n, 1) of the air over stations, and its delay straight up."""
        if not state.air_m.any():
            return self._latitude, self._longitude, self.zenith_m
        east, north, up = (state.air_m[:, axis, None] for axis in range(3))
        latitude = self._latitude + north / atmosphere.M_PER_RAD
        longitude = self._longitude + east / (atmosphere.M_PER_RAD * np.cos(self._latitude))
        wet = self.scenario.sky.wet_delay_m
        zenith_m = atmosphere.zenith_m(latitude, self._heights_m + up, wet)[:, 0]
        return latitude, longitude, zenith_m

    def _common(
        self,
        visible: np.ndarray,
        satellite_rate: F64,
        found: Lines,
        clock_s: F64,
        clock_rate: F64,
        zenith_m: F64,
        state: Conditions,
    ) -> tuple[F64, F64]:
        """What all signals of a satellite have in common: range and range rate, metres."""
        gnss = np.array([self.broadcast.satellites[row].gnss for row in visible.tolist()], np.int64)
        base = found.range_m - C_M_S * found.satellite_clock_s - state.satellite_m[visible]
        base += (C_M_S * clock_s + state.clock_m)[:, None]
        base += self._receivers.biases.system_m[:, gnss]
        base += zenith_m[:, None] * atmosphere.mapping(found.elevation)
        rate = found.rate_m_s - C_M_S * satellite_rate - state.satellite_m_s[visible]
        rate += zenith_m[:, None] * atmosphere.mapping_rate(found.elevation, found.sine_rate)
        rate += (C_M_S * clock_rate + state.clock_m_s)[:, None]
        if state.velocity_m_s.any():
            level = np.cos(found.elevation)
            unit = (level * np.sin(found.azimuth), level * np.cos(found.azimuth), np.sin(found.elevation))
            rate -= sum(state.velocity_m_s[:, axis, None] * unit[axis] for axis in range(3))
        return base, rate

    def _strike(self, time_ms: int) -> None:
        """Faults that happen once: at their beginning a jump, at their end a receiver starts anew."""
        for fault in self.faults:
            if fault.kind == "clock_jump" and fault.begin_ms <= time_ms:
                if fault.label not in self._acted:
                    for name in fault.stations:
                        self.clocks.jump(self._ids[name], fault["jump_ms"] / 1000)
                self._acted.add(fault.label)
            elif fault.kind == "receiver_restart" and fault.end_ms <= time_ms:
                if fault.label not in self._acted:
                    for name in fault.stations:
                        self.clocks.restart(self._ids[name])
                        self._receivers.restart(self._ids[name])
                        self._speaking.fresh[self._ids[name]] = True
                self._acted.add(fault.label)

    def _switched_off(self, now: list[Fault]) -> B:
        out = np.zeros(len(self.stations), bool)
        for fault in now:
            if fault.kind == "receiver_restart":
                out[[self._ids[name] for name in fault.stations]] = True
        return out

    def _clone(self, now: list[Fault], observed: Observed) -> None:
        """Copy the observations of another station to those that pass them off as theirs."""
        for fault in now:
            if fault.kind == "clone":
                rows = [self._ids[name] for name in fault.stations]
                for name in ("seen", *truth.VALUES, "half_cycle"):
                    column = getattr(observed, name)
                    column[rows] = column[self._ids[fault.of]]

    def _heard(self, visible: np.ndarray, observed: Observed) -> B:
        """Which satellites each station receives, (stations, satellites)."""
        out = np.zeros((len(self.stations), len(self.broadcast.satellites)), bool)
        first = np.flatnonzero(np.diff(observed.satellite, prepend=-1))
        if len(first):
            out[:, visible[observed.satellite[first]]] = np.logical_or.reduceat(observed.seen, first, axis=1)
        return out

    def _truth(
        self,
        time_ms: int,
        now: list[Fault],
        sent: list[Sent],
        observed: Observed,
        state: Conditions,
        sky: dict[str, F64],
    ) -> Iterator[dict[str, Any]]:
        table, since_ms = self.scenario.truth, time_ms - self.start_ms
        if since_ms % max(self.step_ms, round(1000 * table.epochs_every_s)) < self.step_ms:
            yield truth.epoch(time_ms, self.stations, now, sent, observed, state, sky)
        if since_ms % max(self.step_ms, round(1000 * table.cells_every_s)) < self.step_ms:
            yield truth.satellites(time_ms, self.broadcast, state)
            for one in sent:
                if one.data:
                    yield truth.cells(
                        time_ms, self.stations[one.station], one.station, observed, self._receivers
                    )


def _faults(scenario: Scenario, start_ms: int, end_ms: int, all_stations: list[Station]) -> list[Fault]:
    out = []
    for number, table in enumerate(scenario.faults):
        usual = {
            name: one.default for name, one in KINDS[table.kind].parameters.items() if one.default is not None
        }
        out.append(
            Fault(
                label=table.label or f"{table.kind}-{number + 1}",
                kind=table.kind,
                begin_ms=start_ms + round(1000 * table.begin_s),
                end_ms=end_ms if table.end_s is None else start_ms + round(1000 * table.end_s),
                stations=tuple(table.stations),
                satellites=tuple(table.satellites),
                systems=table.systems or "",
                signals=tuple(table.signals),
                of=table.of or "",
                parameters=usual | table.parameters,
            )
        )
    unfiled = tuple(one.id for one in all_stations if not one.filed)
    if unfiled:
        out.append(Fault("unfiled", "unfiled", start_ms, end_ms, unfiled))
    return out
