"""Which satellites stand over stations, observed or not: those whose ephemerides can be used."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.geodesy import azimuth_elevation
from hncors.measure.ephemeris_store import OK, Table
from hncors.observation import F64, I64, U8


class Overhead(NamedTuple):
    """One row a satellite and station; satellites below the horizon have rows, too."""

    station: I64
    gnss: U8
    satellite: U8
    elevation_deg: F64
    azimuth_deg: F64


def overhead(table: Table, station: I64, place_m: F64, at_ms: int) -> Overhead:
    """All satellites at one time over stations at `place_m`, ECEF, shape (stations, 3).

    Healthy satellites that is, with ephemerides young enough. Where they are is told for the time itself, not
    for when their signals left: that is seconds of arc.
    """
    fine = (table.row >= 0) & (table.why == OK)
    gnss, satellite = fine.any(axis=2).nonzero()
    row = np.where(fine[gnss, satellite, 0], table.row[gnss, satellite, 0], table.row[gnss, satellite, 1])
    young = np.abs(at_ms - table.toe_ms[row]) <= table.age_ms[row]
    gnss, satellite, row = gnss[young], satellite[young], row[young]
    there_m = table.orbits.at(row, np.full(len(row), at_ms), np.zeros(len(row))).position_m
    known = ~np.isnan(there_m).any(axis=1)
    gnss, satellite, there_m = gnss[known], satellite[known], there_m[known]
    azimuth, elevation = azimuth_elevation(place_m[:, None, :], there_m[None, :, :])
    many = len(gnss)
    return Overhead(
        station.repeat(many),
        np.tile(gnss.astype(np.uint8), len(station)),
        np.tile(satellite.astype(np.uint8), len(station)),
        np.degrees(elevation).ravel(),
        np.degrees(azimuth).ravel(),
    )
