"""Positions as others see them: degrees, and east, north, up from where a station should be.

Offsets are against the registered coordinates in today's frame (hncors.frames), else against the reference
point that the stream tells, whatever its frame. They leave by metrics; places themselves only go into a
replay's files.
"""

from __future__ import annotations

import numpy as np

from hncors.geodesy import to_enu, to_geodetic
from hncors.measure.position import BEIDOU_2
from hncors.network import Network, Tick
from hncors.observation import F64, I64
from hncors.positioning import STATUSES, levels_m
from hncors.signals import BEIDOU, GNSS

COLUMNS = (
    *("latitude_deg", "longitude_deg", "height_m", "east_m", "north_m", "up_m", "satellites_used", "pdop"),
    *("hpl_m", "vpl_m", "snapshot_east_m", "snapshot_north_m", "snapshot_up_m"),
)
"""What `columns` gives."""


def references_m(network: Network) -> F64:
    """Where each station should be at its newest epoch, ECEF, (stations, 3); nan where nothing tells."""
    return references_at_m(network, np.arange(len(network.streams)), network.tables.streams.epoch_ms)


def references_at_m(network: Network, station: I64, time_ms: I64) -> F64:
    """Where stations should be at GPS times, rows of both."""
    nowhere = (np.nan,) * 3
    told = np.array([s.arp_m or nowhere for s in network.streams], np.float64).reshape(-1, 3)
    registered = network.coordinates.registered.at(time_ms, station)
    return np.where(np.isnan(registered), told[station], registered)


def offsets_m(place_m: F64, reference_m: F64) -> F64:
    """East, north, up of places from references, both (n, 3)."""
    return to_enu(place_m - reference_m, to_geodetic(reference_m))


def columns(network: Network, tick: Tick) -> dict[str, F64]:
    """Columns of epochs.csv that are numbers, of the epochs of a tick: nan where there is none."""
    found = tick.positions
    geodetic = to_geodetic(found.place_m)
    reference = references_at_m(network, tick.epochs.station, tick.epochs.time_ms)
    enu = offsets_m(found.place_m, reference)
    snapshot = offsets_m(found.snapshot_m, reference)
    level = levels_m(found)
    level[np.isinf(level)] = np.nan  # without a bound
    return {
        "latitude_deg": np.degrees(geodetic[:, 0]),
        "longitude_deg": np.degrees(geodetic[:, 1]),
        "height_m": geodetic[:, 2],
        "east_m": enu[:, 0],
        "north_m": enu[:, 1],
        "up_m": enu[:, 2],
        "satellites_used": np.where(found.used > 0, found.used, np.nan),
        "pdop": found.pdop,
        "hpl_m": level[:, 0],
        "vpl_m": level[:, 1],
        **{f"snapshot_{name}_m": snapshot[:, n] for n, name in enumerate(("east", "north", "up"))},
    }


def systems(tick: Tick) -> list[str]:
    """Letters of the systems in each solution."""
    bits = tick.positions.systems
    bits = (bits | (bits >> BEIDOU_2 & 1) << BEIDOU) & (1 << BEIDOU_2) - 1
    return ["".join(letter for n, letter in enumerate(GNSS) if one >> n & 1) for one in bits.tolist()]


def statuses(tick: Tick) -> list[str]:
    """Why each epoch has a position or none."""
    return [STATUSES[one] for one in tick.positions.status.tolist()]
