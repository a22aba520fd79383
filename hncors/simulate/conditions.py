"""What the faults that are on make of stations and satellites at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hncors.observation import F64, B
from hncors.signals import GNSS, NUMBER
from hncors.simulate.atmosphere import M_PER_RAD, QUIET, Storm
from hncors.simulate.broadcast import Broadcast
from hncors.simulate.faults import Fault

FRONT_START_RAD = np.radians(24.5)  # a storm's front comes from the south of the province


class Bias(NamedTuple):
    """What pseudoranges of a signal are off."""

    stations: list[int]  # empty: all
    satellites: list[int]  # empty: all that send it
    gnss: int
    signal: int  # index into CODES[gnss]
    metres: float


@dataclass(frozen=True, slots=True)
class Conditions:
    """Stations n, systems g as in GNSS, satellites s."""

    offset_m: F64  # (n, 3): east, north, up from the true place to where the signals are received
    velocity_m_s: F64  # (n, 3): of that
    air_m: F64  # (n, 3): east, north, up from the true place to where the air is taken from
    clock_m: F64  # (n,): what a forger adds to the receiver's clock
    clock_m_s: F64
    gain_db: F64  # (n,)
    loss_db: F64  # (n, g)
    slips_per_hour: F64  # (n,)
    dropped: B  # (n, g): systems that are not sent
    satellite_m: F64  # (s,): what a satellite's clock is ahead of its message
    satellite_m_s: F64
    silent: B  # (s,)
    biases: list[Bias]
    storm: Storm
    s4: float
    easy: bool  # nothing of all that


def conditions(
    faults: Sequence[Fault], ids: dict[str, int], broadcast: Broadcast, slips_per_hour: float, time_ms: int
) -> Conditions:
    """Conditions at a time; `ids` is the row of each station, `slips_per_hour` what is usual."""
    count, satellites = len(ids), len(broadcast.satellites)
    out = Conditions(
        np.zeros((count, 3)), np.zeros((count, 3)), np.zeros((count, 3)),
        np.zeros(count), np.zeros(count), np.zeros(count),
        np.zeros((count, len(GNSS))), np.full(count, slips_per_hour), np.zeros((count, len(GNSS)), bool),
        np.zeros(satellites), np.zeros(satellites), np.zeros(satellites, bool), [], *_storm(faults, time_ms),
        easy=not faults,
    )  # fmt: skip
    for fault in faults:
        rows = [ids[name] for name in fault.stations]
        systems = [GNSS.index(letter) for letter in fault.systems or GNSS]
        elapsed_s = (time_ms - fault.begin_ms) / 1000
        match fault.kind:
            case "moved_antenna":
                out.offset_m[rows] += [fault["east_m"], fault["north_m"], fault["up_m"]]
            case "foreign_air":
                out.air_m[rows] += [fault["east_m"], fault["north_m"], fault["up_m"]]
            case "spoofing":
                velocity = np.array([fault["east_m_s"], fault["north_m_s"], fault["up_m_s"]])
                out.velocity_m_s[rows] += velocity
                out.offset_m[rows] += velocity * elapsed_s
                out.clock_m[rows] += fault["clock_m_s"] * elapsed_s
                out.clock_m_s[rows] += fault["clock_m_s"]
                out.gain_db[rows] += fault["gain_db"]
            case "jamming":
                out.loss_db[np.ix_(rows, systems)] += fault["loss_db"]
                out.slips_per_hour[rows] += 10 * fault["loss_db"]
            case "cycle_slips":
                out.slips_per_hour[rows] += fault["per_hour"]
            case "missing_constellation":
                out.dropped[np.ix_(rows, systems)] = True
            case "satellite_clock":
                named = _rows(broadcast, fault)
                out.satellite_m[named] += fault["step_m"] + fault["drift_m_s"] * elapsed_s
                out.satellite_m_s[named] += fault["drift_m_s"]
            case "signal_bias":
                metres = fault["step_m"] + fault["drift_m_s"] * elapsed_s
                for name in fault.signals:
                    gnss = GNSS.index(name[0])
                    signal = NUMBER[gnss][name[1:]]
                    out.biases.append(Bias(rows, _rows(broadcast, fault), gnss, signal, metres))
            case "satellite_lost":
                out.silent[_rows(broadcast, fault)] = True
            case "ionospheric_storm":
                out.slips_per_hour[:] += 60 * fault["s4"] ** 2
    return out


def _rows(broadcast: Broadcast, fault: Fault) -> list[int]:
    rows = (broadcast.row(name) for name in fault.satellites)
    return [row for row in rows if row is not None]


def _storm(faults: Sequence[Fault], time_ms: int) -> tuple[Storm, float]:
    """The last storm that is on, and how much signals scintillate."""
    storm, s4 = QUIET, 0.0
    for fault in faults:
        if fault.kind == "ionospheric_storm":
            moved = fault["front_m_s"] * (time_ms - fault.begin_ms) / 1000 / M_PER_RAD
            storm = Storm(
                fault["factor"],
                fault["gradient_mm_km"] * 1e-6,
                fault["front_km"] * 1000,
                FRONT_START_RAD + moved,
            )
            s4 = fault["s4"]
    return storm, s4
