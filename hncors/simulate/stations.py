"""The stations of a scenario: what the files say, completed from the network's habits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hncors.geodesy import to_ecef
from hncors.simulate.places import Place, places
from hncors.simulate.scenario import Scenario, StationTable

# Receiver, firmware, antenna of invented stations; names as the IGS writes them.
_EQUIPMENT = (
    ("CHCNAV P5U", "2.1.3", "CHCC220GR2      CHCD"),
    ("COMNAV M300PRO", "4.0.1", "CNTAT500        CNTS"),
    ("UNICORE UB4B0", "R4.10Build5251", "HXCCGX601A      HXCS"),
    ("SOUTH NETS9", "1.09", "STHCR3-G3       STHC"),
    ("TRIMBLE ALLOY", "6.20", "TRM59800.00     SCIS"),
    ("SEPT POLARX5", "5.5.0", "JAVRINGANT_DM   SCIS"),
)


class Station(NamedTuple):
    """A simulated station. The place is the true one of the antenna reference point when all is well."""

    id: str
    number: int  # DF003
    mountpoint: str
    name: str
    name_en: str
    latitude_deg: float
    longitude_deg: float
    height_m: float  # above the ellipsoid
    ecef_m: tuple[float, float, float]
    systems: str  # letters
    bds3: bool
    signals: str  # key of plan.RECEIVERS
    msm: int  # 4, 5 or 7
    interval_s: float
    mask_deg: float
    clock: str  # "steered", or "free": drifts, and is put back by whole milliseconds
    delay_s: float  # from epoch to arrival, mean
    ephemerides: bool  # sent?
    reference_point: bool  # sent?
    filed: bool
    receiver: str
    firmware: str
    antenna: str

    @property
    def rate_hz(self) -> float:
        """Epochs a second."""
        return 1 / self.interval_s


def stations(scenario: Scenario) -> list[Station]:
    """All stations, the network's first, each with a number of its own."""
    network = {place.id: place for place in places(scenario.network.count, scenario.seed)}
    tables = {table.id: table for table in scenario.stations}
    names = [*network, *(name for name in tables if name not in network)]
    return [
        _station(scenario, number, network.get(name), tables.get(name) or StationTable(id=name))
        for number, name in enumerate(names, 1)
    ]


def _station(scenario: Scenario, number: int, place: Place | None, table: StationTable) -> Station:
    network = scenario.network

    def told(name: str) -> float:
        own = getattr(table, name)
        return float(getattr(place, name) if own is None else own)

    latitude, longitude, height = map(told, ("latitude_deg", "longitude_deg", "height_m"))
    x, y, z = to_ecef([np.radians(latitude), np.radians(longitude), height]).tolist()
    receiver, firmware, antenna = _EQUIPMENT[number % len(_EQUIPMENT)]
    return Station(
        id=table.id,
        number=number % 4096,
        mountpoint=table.mountpoint or table.id,
        name=table.name or (place.name if place else ""),
        name_en=table.name_en or (place.name_en if place else ""),
        latitude_deg=latitude,
        longitude_deg=longitude,
        height_m=height,
        ecef_m=(x, y, z),
        systems=table.systems or network.systems,
        bds3=table.bds3,
        signals=table.signals,
        msm=table.msm or network.msm,
        interval_s=table.interval_s or network.interval_s,
        mask_deg=network.mask_deg if table.mask_deg is None else table.mask_deg,
        clock=table.clock or ("free" if number % 3 == 0 else "steered"),
        delay_s=table.delay_s,
        ephemerides=table.ephemerides,
        reference_point=table.reference_point,
        filed=table.filed,
        receiver=table.receiver or receiver,
        firmware=table.firmware or firmware,
        antenna=table.antenna or antenna,
    )
