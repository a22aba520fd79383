"""What a station says of itself, and which ephemerides it passes on, on a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from hncors.geodesy import enu_axes
from hncors.gpstime import leap_seconds, to_unix_ns
from hncors.observation import B
from hncors.rtcm3 import encode_station
from hncors.rtcm3.encode import frame
from hncors.rtcm3.station import Announcement, Equipment, GlonassBiases, ReferencePoint, SystemParameters
from hncors.signals import GLONASS, GNSS, NUMBER
from hncors.simulate.broadcast import Broadcast
from hncors.simulate.faults import Fault
from hncors.simulate.reception import Biases
from hncors.simulate.scenario import Network
from hncors.simulate.stations import Station

ITRF_YEAR = 14
_EPHEMERIS_FAULTS = {"satellite_ephemeris", "satellite_unhealthy"}


class Speaking:
    """Station data and ephemerides of all stations."""

    def __init__(self, stations: Sequence[Station], network: Network, biases: Biases) -> None:
        self._stations, self._network = stations, network
        self._fixed = [_fixed(one, biases.signal_m[row]) for row, one in enumerate(stations)]
        self._axes = enu_axes(np.radians([[one.latitude_deg, one.longitude_deg, 0.0] for one in stations]))
        self.fresh = np.ones(len(stations), bool)
        """Stations that say everything at their next epoch, as after switching on."""

    def frames(
        self, row: int, time_ms: int, heard: B, broadcast: Broadcast, faults: Sequence[Fault]
    ) -> list[bytes]:
        """Frames of a station at an epoch; `heard` says of each satellite (row) whether it is received."""
        one = self._stations[row]
        fresh = bool(self.fresh[row])
        self.fresh[row] = False
        out: list[bytes] = []
        step_ms = round(1000 * one.interval_s)
        if fresh or (time_ms + 1000 * one.number) % round(1000 * self._network.station_s) < step_ms:
            out += self._point(row, faults)
            out += self._fixed[row]
            out.append(frame(encode_station.encode(self._parameters(one, time_ms))))
        if one.ephemerides:
            cycle_ms = round(1000 * self._network.ephemeris_s)
            wrong = [fault for fault in faults if fault.kind in _EPHEMERIS_FAULTS]
            for satellite in np.flatnonzero(heard).tolist():
                turn_ms = satellite * cycle_ms // len(heard) + 1000 * one.number
                if fresh or (time_ms + turn_ms) % cycle_ms < step_ms:
                    name = broadcast.satellites[satellite].name
                    its = [fault for fault in wrong if name in fault.satellites] if wrong else []
                    out += broadcast.frames(satellite, its)
        return out

    def _point(self, row: int, faults: Sequence[Fault]) -> list[bytes]:
        one = self._stations[row]
        if not one.reference_point:
            return []
        place = np.array(one.ecef_m)
        for fault in faults:
            if fault.kind == "wrong_reference_point" and one.id in fault.stations:
                place += np.array([fault["east_m"], fault["north_m"], fault["up_m"]]) @ self._axes[row]
        x, y, z = place.tolist()
        height_m = nan if one.number % 2 else 0.0
        point = ReferencePoint(one.number, x, y, z, height_m, ITRF_YEAR, single_oscillator=True)
        return [frame(encode_station.encode(point))]

    def _parameters(self, one: Station, time_ms: int) -> SystemParameters:
        day, second = divmod(to_unix_ns(time_ms) // 1_000_000_000, 86_400)
        step, station_s = one.interval_s, self._network.station_s
        observations = [1070 + 10 * GNSS.index(letter) + one.msm for letter in one.systems]
        said = [Announcement(number, True, step) for number in observations]
        said.append(Announcement(1005 if one.number % 2 else 1006, False, station_s))
        return SystemParameters(one.number, 40_587 + day, second, leap_seconds(time_ms), tuple(said))


def _fixed(one: Station, signal_m: np.ndarray) -> list[bytes]:
    """Frames that never change: 1007 or 1008, 1033, and 1230 where there is GLONASS."""
    serial = None if one.number % 2 else f"A{one.number:05d}"
    said: list[Equipment | GlonassBiases] = [
        Equipment(one.number, one.antenna, 0, serial),
        Equipment(
            one.number, one.antenna, 0, f"A{one.number:05d}", one.receiver, one.firmware, f"R{one.number:05d}"
        ),
    ]
    if "R" in one.systems:
        biases = (float(signal_m[GLONASS, NUMBER[GLONASS][code]]) for code in ("1C", "1P", "2C", "2P"))
        said.append(GlonassBiases(one.number, False, *biases))
    return [frame(encode_station.encode(message)) for message in said]
