"""Where satellites are and what their clocks show, by their ephemerides.

Sets become columns once (`Orbits.of`); then any number of rows, each a set at a time, are one call.
Clocks are what the set's polynomial gives, with relativity, against the system's own time in GPS
seconds: differences of a system's time to GPS time below a second stay with the receiver's clock. The
clock is that of the signals the system steers by:

    GPS      L1 P(Y) and L2 P(Y), ionosphere-free     IS-GPS-200, 20.3.3.3.3.1
    QZSS     L1 C/A and L2C, ionosphere-free          IS-QZSS-PNT, 5.7
    Galileo  F/NAV E1 and E5a, I/NAV E1 and E5b, ionosphere-free     OS SIS ICD 2.1, 5.1.3
    BeiDou   B3I                                      BDS-SIS-ICD-B1I-3.0, 5.2.4.10
    GLONASS  L1                                       ICD 5.1, 4.4
    NavIC    L5 and S, ionosphere-free                IRNSS SIS ICD SPS 1.1, 6.2.1.5

What other signals are behind that is in `group_delay`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from hncors.measure import glonass, kepler
from hncors.observation import F64, I64, Columns
from hncors.rtcm3.ephemeris import Ephemeris


@dataclass(frozen=True, slots=True)
class States(Columns):
    """One row a satellite and time. All nan where the set says nothing of the time (GLONASS)."""

    position_m: F64  # (n, 3), ECEF at that very time
    velocity_m_s: F64  # (n, 3), in the turning frame
    acceleration_m_s2: F64  # (n, 3), to expand with
    clock_s: F64  # ahead of the system's time, relativity included, group delays not
    clock_rate: F64  # s/s


@dataclass(frozen=True, slots=True)
class Orbits:
    """Ephemerides as columns. Build it when sets change, not for every epoch."""

    elements: kepler.Elements
    arcs: glonass.Arcs
    place: I64  # of each set in `elements`, or -1 - its place in `arcs`

    @classmethod
    def of(cls, sets: Sequence[Ephemeris], near_gps_ms: Sequence[int] | I64) -> Self:
        """Columns of sets; `near_gps_ms` is a time near which each is used, to complete weeks and days."""
        near = [int(ms) for ms in near_gps_ms]
        integrated = np.array([e.gnss == "R" for e in sets], np.bool_)
        place = np.where(
            integrated, -np.cumsum(integrated, dtype=np.int64), np.cumsum(~integrated, dtype=np.int64) - 1
        )
        ours, theirs = (np.flatnonzero(mask).tolist() for mask in (~integrated, integrated))
        return cls(
            kepler.elements([sets[i] for i in ours], [near[i] for i in ours]),
            glonass.arcs([sets[i] for i in theirs], [near[i] for i in theirs]),
            place,
        )

    def __len__(self) -> int:
        return len(self.place)

    def at(self, which: I64, gps_ms: I64, fraction_s: F64) -> States:
        """Row i is set which[i] at GPS time gps_ms[i] ms + fraction_s[i] s."""
        place = self.place[which]
        out = tuple(np.empty((len(place), 3)[:dimensions]) for dimensions in (2, 2, 1, 1))
        for rows in (np.flatnonzero(place >= 0), np.flatnonzero(place < 0)):
            if len(rows):
                here, ms, s = place[rows], gps_ms[rows], fraction_s[rows]
                if here[0] >= 0:
                    values = kepler.evaluate(self.elements.select(here), ms, s)
                else:
                    values = glonass.evaluate(self.arcs, -1 - here, ms, s)
                for column, value in zip(out, values, strict=True):
                    column[rows] = value
        position, velocity, clock, rate = out
        return States(position, velocity, glonass.acceleration_m_s2(position, velocity), clock, rate)


def states(sets: Sequence[Ephemeris], gps_ms: I64, fraction_s: F64) -> States:
    """Row i is set i at GPS time gps_ms[i] ms + fraction_s[i] s. For the same sets again use `Orbits`."""
    return Orbits.of(sets, gps_ms).at(np.arange(len(sets)), gps_ms, fraction_s)


def expand(states: States, later_s: F64) -> tuple[F64, F64, F64]:
    """Position (n, 3), velocity (n, 3) and clock (n,) of each row `later_s` seconds later.

    Second order in time. Within 0.15 s, more than a signal's way from any orbit, positions are within
    4e-6 m of what the set gives; so a satellite is evaluated once an epoch for all stations.
    """
    t = later_s[:, None]
    position: F64 = states.position_m + t * (states.velocity_m_s + 0.5 * t * states.acceleration_m_s2)
    velocity: F64 = states.velocity_m_s + t * states.acceleration_m_s2
    return position, velocity, states.clock_s + later_s * states.clock_rate
