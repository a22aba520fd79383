"""What satellites send at a time: their sets, their messages, and where these say they are.

Satellites are where the sets in use place them. When a set follows another, the step between them, below
a metre or two by their rounding, fades within ten minutes, so that ranges and phases run on smoothly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hncors.gpstime import DAY_MS
from hncors.measure.glonass import acceleration_m_s2
from hncors.measure.orbit import Orbits, States
from hncors.rtcm3 import ephemeris
from hncors.rtcm3.encode import frame
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.signals import GNSS
from hncors.simulate import constellation, glonass
from hncors.simulate.faults import Fault
from hncors.simulate.plan import Satellite

FADE_MS = 600_000
_STATE = (("", ("x_m", "y_m", "z_m")), ("v", ("x_m_s", "y_m_s", "z_m_s")))
_UNHEALTHY = {
    1019: {"health": 63}, 1020: {"bn": 1}, 1042: {"health": 1}, 1044: {"health": 63},
    1045: {"e5a_health": 1}, 1046: {"e1_health": 1, "e5b_health": 1},
}  # fmt: skip


class Broadcast:
    """All satellites of some systems from a time on; `advance` before anything else, never backwards."""

    def __init__(self, systems: str, start_ms: int, seed: int) -> None:
        chance = np.random.default_rng([seed, 1])
        self.anchor_ms = start_ms // DAY_MS * DAY_MS
        self._orbits = constellation.orbits(systems, self.anchor_ms, chance)
        self.satellites: list[Satellite] = [orbit.satellite for orbit in self._orbits]
        self._names = {one.name: row for row, one in enumerate(self.satellites)}
        self._glonass = [row for row, one in enumerate(self.satellites) if GNSS[one.gnss] == "R"]
        self._integrated = glonass.Integrated(
            [self._orbits[row] for row in self._glonass], self.anchor_ms, chance
        )
        self._turn = np.full(len(self.satellites), -1, np.int64)
        self.sets: list[list[Ephemeris]] = [[] for _ in self.satellites]
        self.changes = 0  # counts how often sets have changed
        self._frames: dict[tuple[int, tuple[str, ...]], list[bytes]] = {}
        self._columns = Orbits.of([], [])
        self._step = np.zeros((len(self.satellites), 4))  # metres, and seconds of the clock, that fade
        self._since_ms = np.full(len(self.satellites), -FADE_MS)

    def advance(self, time_ms: int) -> None:
        """Take the sets into use that are due."""
        turns = {letter: constellation.turn_number(letter, time_ms) for letter in constellation.SYSTEMS}
        turns["R"] = glonass.turn_number(time_ms)
        due = np.array([turns[GNSS[one.gnss]] for one in self.satellites])
        rows = np.flatnonzero(due != self._turn)
        if not len(rows):
            return
        before = self.states(time_ms) if len(self._columns) else None
        integrated: dict[int, Ephemeris] = {}
        if len(self._glonass) and self._glonass[0] in rows:
            integrated = dict(zip(self._glonass, self._integrated.sets(turns["R"]), strict=True))
        for row in rows.tolist():
            orbit, turn = self._orbits[row], int(due[row])
            one = integrated.get(row)
            self.sets[row] = [one] if one else constellation.kepler_sets(orbit, turn, self.anchor_ms)
        self._turn = due
        self._frames.clear()
        self.changes += 1
        # Of Galileo's two the last: clocks as I/NAV has them, E1 with E5b.
        self._columns = Orbits.of([sets[-1] for sets in self.sets], [time_ms] * len(self.sets))
        if before is not None:
            after = self._raw(time_ms)
            # After a long pause the old sets of GLONASS say nothing (nan), and there is nothing to fade.
            self._step[rows, :3] = np.nan_to_num(before.position_m[rows] - after.position_m[rows])
            self._step[rows, 3] = np.nan_to_num(before.clock_s[rows] - after.clock_s[rows])
            self._since_ms[rows] = time_ms

    def row(self, name: str) -> int | None:
        """The row of a satellite by its RINEX name."""
        return self._names.get(name)

    def frames(self, row: int, faults: Sequence[Fault] = ()) -> list[bytes]:
        """Frames with the messages of a satellite, as faults make them."""
        key = (row, tuple(fault.label for fault in faults))
        if key not in self._frames:
            sent = [_falsified(one, faults) for one in self.sets[row]]
            self._frames[key] = [frame(ephemeris.encode(one)) for one in sent]
        return self._frames[key]

    def _raw(self, time_ms: int) -> States:
        count = len(self.satellites)
        return self._columns.at(np.arange(count), np.full(count, time_ms), np.zeros(count))

    def states(self, time_ms: int) -> States:
        """Where all satellites are at a time, one row each; what sets say and the steps that fade."""
        states = self._raw(time_ms)
        left = np.clip(1 - (time_ms - self._since_ms) / FADE_MS, 0, 1)
        if left.any():
            states.position_m[:] += self._step[:, :3] * left[:, None]
            states.clock_s[:] += self._step[:, 3] * left
            fading = (left > 0) & (left < 1)
            states.velocity_m_s[:] -= self._step[:, :3] * (fading / (FADE_MS / 1000))[:, None]
        return states


def _further(values: dict[str, float], along_m: float) -> dict[str, float]:
    """Place and velocity of a GLONASS set as if the satellite were so far ahead on its way."""
    place, moves = (np.array([[values[prefix + axis] for axis in axes]]) for prefix, axes in _STATE)
    ahead_s = along_m / np.linalg.norm(moves)
    pulled = moves + ahead_s * acceleration_m_s2(place, moves)
    place += ahead_s * (moves + pulled) / 2
    names = [prefix + axis for prefix, axes in _STATE for axis in axes]
    return dict(zip(names, [*place[0].tolist(), *pulled[0].tolist()], strict=True))


def _falsified(one: Ephemeris, faults: Sequence[Fault]) -> Ephemeris:
    values = dict(one.values)
    for fault in faults:
        if fault.kind == "satellite_unhealthy":
            values |= _UNHEALTHY[one.message]
        elif one.gnss == "R":
            values |= _further(values, fault["along_m"])
        else:
            ahead = fault["along_m"] / values["sqrt_a_sqrt_m"] ** 2
            values["m0_rad"] = constellation.turned(values["m0_rad"] + ahead)
    return Ephemeris(one.gnss, one.satellite, one.message, values)
