"""Tiers of service and the alert limits that go with them.

A network serves positions to the millimetre, centimetre, decimetre or metre. A station's tier says above
which protection level its own position is no proof any more that the station is right: its integrity is then
`unavailable`, not good. Limits can be configured ([integrity], docs/configuration.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from hncors.observation import F64


class Limits(NamedTuple):
    """Alert limits of a tier, metres."""

    horizontal_m: float
    vertical_m: float


TIERS: dict[str, Limits] = {
    "metre": Limits(40.0, 35.0),  # LPV-200: ICAO annex 10, volume I, 3.7.2.4
    # Cars on motorways: to the side, and of the height (Reid et al. 2019, "Localization requirements for
    # autonomous vehicles", SAE Int. J. Connected and Automated Vehicles 2, 173).
    "decimetre": Limits(0.57, 1.3),
    "centimetre": Limits(0.1, 0.2),  # a proposal of ours, two to four times what network RTK gives
    "millimetre": Limits(0.05, 0.1),  # at which a monitored point is alarmed over in real time; ours too
}
LOWEST = "metre"
"""The tier of a station that names none, and the only one that an epoch of code ranges can vouch for."""
EXPECTED = "one of " + ", ".join(TIERS)
EXPECTED_LIMITS = "an array of two: horizontal and vertical, metres above 0 to 1000"


def tier(text: str) -> str:
    """A tier's name. Raises ValueError."""
    if text not in TIERS:
        raise ValueError(EXPECTED)
    return text


def limits(values: list[float]) -> list[float]:
    """Limits as a file has them. Raises ValueError."""
    if len(values) != 2 or not all(0.0 < value <= 1000.0 for value in values):
        raise ValueError(EXPECTED_LIMITS)
    return values


class Tiers(NamedTuple):
    """Tiers of the stations of a network, in their order."""

    names: list[str]
    limit_m: F64  # (stations, 2) horizontal and vertical alert limits


def tiers_of(stations: Iterable[object]) -> Tiers:
    """Of filed stations; what has no tier is of the lowest."""
    every = [(getattr(one, "tier", LOWEST), getattr(one, "alert_limit_m", TIERS[LOWEST])) for one in stations]
    limits = np.array([limit for _, limit in every], np.float64).reshape(-1, 2)
    return Tiers([name for name, _ in every], limits)
