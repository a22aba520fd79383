"""Receivers: what each makes of each signal, epoch by epoch, with the state that tracking has.

Arrays are (stations, cells); a cell is a signal of a satellite, the same column for all stations. Noise
follows C/N0, multipath the elevation as slow waves of its own in every cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hncors.measure import group_delay
from hncors.observation import F64, I64, B
from hncors.signals import BDS3_FIRST_SATELLITE, C_M_S, CODES, GLONASS, GNSS, QZSS, SLOTS
from hncors.simulate import plan
from hncors.simulate.atmosphere import M_HZ2_PER_TECU
from hncors.simulate.broadcast import Broadcast
from hncors.simulate.conditions import Conditions
from hncors.simulate.geometry import Lines
from hncors.simulate.scenario import Sky
from hncors.simulate.stations import Station

LOWEST_CN0_DBHZ = 22.0  # below, a receiver loses lock
NOT_TRACKED = -1
_CODE_NOISE_M = 0.12  # at 45 dB-Hz; both are ten times that at 25
_PHASE_NOISE_M = 0.001
_RATE_NOISE_M_S = 0.008
_RANGES_M = (1e5, 7.5e7)  # DF397 ends at 76,146 km
_RATES_M_S, _RATES_APART_M_S = 8000.0, 1.0  # DF399 reaches 8,191 m/s, DF404 1.6 m/s
_CODES_APART_M, _PHASES_APART_M = 290.0, 800.0  # DF400 reaches 292 m, DF401 and DF406 1,171 m
_FADING_DB, _SCINTILLATION_CYCLES = 6.0, 0.05  # at S4 = 1, one standard deviation
# How much weaker or stronger than the first a signal is, dB.
_POWER_DB = {
    "2W": -9.0,
    "2L": -1.0,
    "5Q": 2.5,
    "5P": 2.5,
    "8Q": 4.0,
    "8P": 3.0,
    "7Q": 1.5,
    "7D": 1.5,
    "1P": 0.5,
}


@dataclass(frozen=True, slots=True)
class Observed:
    """One epoch, (stations, cells); nothing means anything where `seen` is False."""

    cell: I64  # (cells,): columns among all of the simulation's
    satellite: I64  # (cells,): columns of `Lines`
    seen: B
    pseudorange_m: F64
    phase_range_m: F64
    range_rate_m_s: F64
    cn0_dbhz: F64
    lock_ms: F64
    half_cycle: B
    multipath_m: F64  # known here only
    noise_m: F64  # of the pseudorange


class Biases:
    """What receivers add to ranges, as constants, metres."""

    def __init__(self, stations: int, chance: np.random.Generator) -> None:
        self.system_m = chance.normal(0, 8, (stations, len(GNSS)))
        self.system_m[:, QZSS] = self.system_m[:, 0]  # one time base in receivers and in RTKLIB
        self.signal_m = chance.normal(0, 0.4, (stations, len(GNSS), SLOTS))
        # GLONASS: what message 1230 tells (by 0.02 m), and a slope over the channels that nothing does.
        self.signal_m[:, GLONASS] = np.round(self.signal_m[:, GLONASS] / 0.02) * 0.02
        self.channel_m = chance.normal(0, 0.05, stations)


class Receivers:
    """All receivers, and how each tracks each signal."""

    def __init__(
        self, stations: Sequence[Station], broadcast: Broadcast, sky: Sky, chance: np.random.Generator
    ) -> None:
        self._chance, self._sky = chance, sky
        self.cells = plan.cells(broadcast.satellites)
        self.satellite, self.signal, self._frequency = plan.columns(self.cells)
        self.gnss = np.array([broadcast.satellites[cell.satellite].gnss for cell in self.cells], np.int64)
        self.number = np.array([broadcast.satellites[cell.satellite].number for cell in self.cells], np.int64)
        glonass = self.gnss == GLONASS
        channels = np.array(plan.CHANNELS)
        self.channel = np.where(glonass, channels[np.minimum(self.number, len(channels)) - 1], 0)
        count, width = len(stations), len(self.cells)
        self.biases = Biases(count, chance)
        self._equipped = self._equipment(stations)
        self._mask = np.radians([one.mask_deg for one in stations])[:, None]
        self._code_m = self.biases.signal_m[:, self.gnss, self.signal]
        self._code_m += np.where(glonass, self.channel, 0) * self.biases.channel_m[:, None]
        codes = [CODES[gnss][signal] for gnss, signal in zip(self.gnss, self.signal, strict=True)]
        self._power_db = np.array([_POWER_DB.get(code, 0.0) for code in codes])
        self._station_db = chance.normal(0, 0.7, (count, 1))
        self._wave = chance.uniform(2 * np.pi / 400, 2 * np.pi / 40, (count, width)).astype(np.float32)
        self._wave_phase = chance.uniform(0, 2 * np.pi, (count, width)).astype(np.float32)
        self._since_ms = np.full((count, width), NOT_TRACKED, np.int64)
        self._ambiguity_m = np.zeros((count, width))
        self._half_until_ms = np.zeros((count, width), np.int64)
        self._half_m = np.zeros((count, width))
        self._begun = False
        self._last_ms = 0
        self._delays, self._delays_of = np.zeros(width), -1

    def restart(self, row: int) -> None:
        """A receiver forgets all it tracks."""
        self._since_ms[row] = NOT_TRACKED

    def observe(
        self, time_ms: int, broadcast: Broadcast, visible: NDArray[np.intp], lines: Lines,
        base_m: F64, rate_m_s: F64, tecu: F64, now: Conditions,
    ) -> Observed:  # fmt: skip
        """One epoch of the satellites `visible` (rows), to which `lines` and the arrays belong.

        `base_m` and `rate_m_s` are all that code and phase of all signals have in common, `tecu` the
        electrons on the way, each (stations, satellites).
        """
        place = np.full(len(broadcast.satellites), -1)
        place[visible] = np.arange(len(visible))
        cell = np.flatnonzero(place[self.satellite] >= 0)
        of = place[self.satellite[cell]]
        gnss = self.gnss[cell]
        self._update_delays(broadcast)

        sine = np.sin(lines.elevation)
        strength = 31.0 + 18.0 * np.sqrt(np.clip(sine, 0, 1)) + self._station_db + now.gain_db[:, None]
        noise = self._chance.standard_normal((4, len(base_m), len(cell)), np.float32)
        cn0 = strength[:, of] + self._power_db[cell] + 0.4 * noise[0]
        if now.s4:
            flicker = now.s4 * self._chance.standard_normal((2, len(base_m), len(visible)))
            cn0 += _FADING_DB * flicker[0][:, of]
        if not now.easy:
            cn0 -= now.loss_db[:, gnss]
        np.clip(cn0, 1, 62.9, out=cn0)
        seen = self._equipped[:, cell] & (lines.elevation > self._mask)[:, of] & (cn0 > LOWEST_CN0_DBHZ)
        if not now.easy:
            seen &= ~now.silent[visible][of]

        electrons_m = tecu[:, of] * (M_HZ2_PER_TECU / self._frequency[cell] ** 2)
        base = base_m[:, of]
        weaker = 10 ** ((45 - cn0) / 20)
        wave = self._wave[:, cell] * np.float32((time_ms % 604_800_000) / 1000) + self._wave_phase[:, cell]
        strength_m = self._sky.multipath * (0.04 + 0.5 * np.exp(-lines.elevation / np.radians(18)))
        multipath = strength_m[:, of] * np.sin(wave)
        code_noise = self._sky.noise * _CODE_NOISE_M * weaker * noise[1]
        pseudorange = (
            base + electrons_m + (self._code_m[:, cell] + self._delays[cell]) + multipath + code_noise
        )
        for bias in now.biases:
            hit = (gnss == bias.gnss) & (self.signal[cell] == bias.signal)
            if bias.satellites:
                hit &= np.isin(visible[of], bias.satellites)
            stations = np.array(bias.stations or range(len(pseudorange)), np.int64)
            pseudorange[stations[:, None], np.flatnonzero(hit)] += bias.metres
        phase = base - electrons_m
        self._track(time_ms, cell, seen, pseudorange - phase, now, sent_s=self._elapsed_s(time_ms))
        phase += (
            self._ambiguity_m[:, cell]
            + 0.01 * multipath
            + (self._sky.noise * _PHASE_NOISE_M) * weaker * noise[2]
        )
        if now.s4:
            phase += _SCINTILLATION_CYCLES * flicker[1][:, of] * (C_M_S / self._frequency[cell])
        half = self._half_until_ms[:, cell] > time_ms
        if half.any():
            phase += np.where(half, self._half_m[:, cell], 0.0)
        rate_noise = (self._sky.noise * _RATE_NOISE_M_S) * weaker * noise[3]
        rate = rate_m_s[:, of] + np.clip(rate_noise, -_RATES_APART_M_S, _RATES_APART_M_S)
        self._let_go(cell, seen, base, pseudorange, phase, rate)
        lock_ms = (time_ms - self._since_ms[:, cell]).astype(np.float64)
        return Observed(cell, of, seen, pseudorange, phase, rate, cn0, lock_ms, half, multipath, code_noise)

    def _let_go(self, cell: I64, seen: B, base: F64, pseudorange: F64, phase: F64, rate: F64) -> None:
        """Lose what messages could not say: ranges out of reach, and signals too far from each other."""
        beyond = (pseudorange < _RANGES_M[0]) | (pseudorange > _RANGES_M[1])
        beyond |= np.abs(rate) > _RATES_M_S
        beyond |= np.abs(pseudorange - base) > _CODES_APART_M
        beyond |= np.abs(pseudorange - phase) > _PHASES_APART_M
        rows, columns = np.nonzero(beyond & seen)
        if len(rows):
            seen[rows, columns] = False
            self._since_ms[rows, cell[columns]] = NOT_TRACKED

    def _elapsed_s(self, time_ms: int) -> float:
        elapsed_ms = time_ms - self._last_ms if self._begun else 0
        self._last_ms = time_ms
        return elapsed_ms / 1000

    def _track(self, time_ms: int, cell: I64, seen: B, apart_m: F64, now: Conditions, sent_s: float) -> None:
        """Locks that begin, end and slip; `apart_m` is code minus phase without ambiguity."""
        before = self._since_ms
        tracked = np.zeros(before.shape, bool)
        tracked[:, cell] = seen
        before[~tracked] = NOT_TRACKED
        rows, columns = np.nonzero(tracked & (before == NOT_TRACKED))
        place = np.searchsorted(cell, columns)
        wavelength = C_M_S / self._frequency
        if len(rows):
            cycles = np.rint(apart_m[rows, place] / wavelength[columns]) + self._chance.integers(
                -99, 100, len(rows)
            )
            self._ambiguity_m[rows, columns] = cycles * wavelength[columns]
            since = np.full(len(rows), time_ms, np.int64)
            if not self._begun:  # receivers that have been on for a while
                since -= self._chance.integers(60, 3600, len(rows)) * 1000
            else:
                self._half_until_ms[rows, columns] = time_ms
                unsure = self._chance.random(len(rows)) < 0.3
                some = rows[unsure], columns[unsure]
                self._half_until_ms[some] = time_ms + self._chance.integers(2, 9, len(some[0])) * 1000
                self._half_m[some] = self._chance.integers(0, 2, len(some[0])) * wavelength[some[1]] / 2
            before[rows, columns] = since
        self._begun = True
        self._slip(time_ms, cell, seen, wavelength, now, sent_s)

    def _slip(
        self, time_ms: int, cell: I64, seen: B, wavelength: F64, now: Conditions, elapsed_s: float
    ) -> None:
        """Let phases slip by whole cycles, at the rate of each station; receivers notice each."""
        # As many as if all were tracked; those of cells that are not fall away below.
        expected = now.slips_per_hour / 3600 * elapsed_s * len(cell)
        slips = self._chance.poisson(expected)
        rows = np.repeat(np.arange(len(slips)), slips)
        if not len(rows):
            return
        columns = self._chance.integers(0, len(cell), len(rows))
        hit = seen[rows, columns]
        rows, columns = rows[hit], cell[columns[hit]]
        cycles = self._chance.integers(1, 40, len(rows)) * self._chance.choice([-1, 1], len(rows))
        self._ambiguity_m[rows, columns] += cycles * wavelength[columns]
        self._since_ms[rows, columns] = time_ms

    def _update_delays(self, broadcast: Broadcast) -> None:
        """Group delays of the sets in use: as told, else in proportion to the ionosphere's; BeiDou's 0."""
        if self._delays_of == broadcast.changes:
            return
        self._delays_of = broadcast.changes
        seconds = group_delay.delays_s([sets[-1] for sets in broadcast.sets])
        told = seconds[self.satellite, self.signal]
        first = np.array([broadcast.sets[row][0].values.get("tgd_s", 0.0) for row in self.satellite])
        like = first * (1575.42e6 / self._frequency) ** 2
        self._delays = np.where(np.isnan(told), like, told) * C_M_S

    def _equipment(self, stations: Sequence[Station]) -> B:
        out = np.zeros((len(stations), len(self.cells)), bool)
        made: dict[tuple[str, str, bool], B] = {}
        for row, one in enumerate(stations):
            key = (one.signals, one.systems, one.bds3)
            if key not in made:
                made[key] = self._tracks(*key)
            out[row] = made[key]
        return out

    def _tracks(self, receiver: str, systems: str, bds3: bool) -> B:
        codes = plan.tracked(receiver)
        return np.array(
            [
                GNSS[gnss] in systems
                and CODES[gnss][signal] in codes[GNSS[gnss]]
                and (bds3 or GNSS[gnss] != "C" or number < BDS3_FIRST_SATELLITE)
                for gnss, signal, number in zip(self.gnss, self.signal, self.number, strict=True)
            ]
        )
