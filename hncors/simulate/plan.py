"""What is simulated: systems, the satellites of each with their signals, and what receivers track.

Satellites are the nominal constellations: number, planes and inclinations by the systems' interface
documents, spaced evenly. It is the sky of no day, but one that a receiver could meet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.signals import BDS3_FIRST_SATELLITE, CHANNEL_STEP_HZ, FREQUENCY_HZ, GNSS, NUMBER

SYSTEMS = "GREJC"
CLOCKS = ("steered", "free")
RECEIVERS = {
    "full": "G:1C,2W,2L,5Q,1L R:1C,1P,2C,2P E:1C,6C,7Q,8Q,5Q J:1C,2L,5Q,1L,6L C:2I,6I,7I,1P,5P,7D,8P",
    "dual": "G:1C,2W R:1C,2C E:1C,7Q J:1C,2L C:2I,7I,6I",
    "single": "G:1C R:1C E:1C J:1C C:2I",
}
"""Signals that kinds of receivers track, by system."""

# Channels of GLONASS' 24 slots; antipodal satellites share one (GLONASS ICD 5.1, section 3.3.1.1).
CHANNELS = (1, -4, 5, 6, 1, -4, 5, 6, -2, -7, 0, -1, -2, -7, 0, -1, 4, -3, 3, 2, 4, -3, 3, 2)


class Satellite(NamedTuple):
    """A satellite with its signals."""

    gnss: int  # index into GNSS
    number: int  # RINEX
    orbit: str  # "MEO", "IGSO" or "GEO"

    @property
    def name(self) -> str:
        return f"{GNSS[self.gnss]}{self.number:02d}"


class Cell(NamedTuple):
    """A signal of a satellite: a column of the simulation."""

    satellite: int  # row among the satellites
    signal: int  # index into CODES
    frequency_hz: float


def _modern_gps(number: int) -> set[str]:
    """L2C and L5 and L1C came with later blocks; which numbers have them is invented, the shares are not."""
    out = {"1C", "2W"}
    if number % 8:  # 28 of 32
        out.add("2L")
    if number % 3:  # 21 of 32
        out.add("5Q")
    if number % 5 == 0:  # 6 of 32
        out.add("1L")
    return out


def sent(satellite: Satellite) -> set[str]:
    """RINEX codes of what a satellite sends (those that some receiver here tracks)."""
    match GNSS[satellite.gnss]:
        case "G":
            return _modern_gps(satellite.number)
        case "C" if satellite.number < BDS3_FIRST_SATELLITE:
            return {"2I", "6I", "7I"}
        case "C" if satellite.orbit == "GEO":
            return {"2I", "6I"}
        case "C":
            return {"2I", "6I", "1P", "5P", "7D", "8P"}
        case letter:
            return set(tracked("full")[letter])


def tracked(receiver: str) -> dict[str, list[str]]:
    """System letter -> codes of a kind of receiver."""
    return {part[0]: part[2:].split(",") for part in RECEIVERS[receiver].split()}


def cells(satellites: list[Satellite]) -> list[Cell]:
    """All signals of satellites, satellite by satellite, signals in the order of the mask."""
    out = []
    for row, one in enumerate(satellites):
        for signal in sorted(NUMBER[one.gnss][code] for code in sent(one)):
            frequency = float(FREQUENCY_HZ[one.gnss, signal])
            if GNSS[one.gnss] == "R":
                frequency += CHANNELS[one.number - 1] * float(CHANNEL_STEP_HZ[signal])
            out.append(Cell(row, signal, frequency))
    return out


def columns(rows: list[Cell]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Satellite rows, signals and carriers of cells as arrays."""
    return (
        np.array([cell.satellite for cell in rows], np.int64),
        np.array([cell.signal for cell in rows], np.uint8),
        np.array([cell.frequency_hz for cell in rows]),
    )
