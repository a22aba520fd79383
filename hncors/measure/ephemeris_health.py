"""Whether an ephemeris lets its satellite be used: health, and the accuracy it promises.

GPS      health 0 (IS-GPS-200, 20.3.3.3.1.4), URA index below 15
QZSS     the same without the bit of L1C/B or, before, LEX (IS-QZSS-PNT, table 4.3.1)
Galileo  signal health 0 and data valid, SISA not 255 (OS SIS ICD 2.1, 5.1.9.3 and 5.1.12)
BeiDou   SatH1 0 (BDS-SIS-ICD-B1I-3.0, 5.2.4.6), URAI below 15
GLONASS  the first bit of B_n and l_n 0 (ICD 5.1, 4.4)
NavIC    L5 healthy (IRNSS SIS ICD SPS 1.1, 6.2.1.6), URA index below 15
"""

from __future__ import annotations

from math import isnan

from hncors.rtcm3.accuracy import accuracy_m
from hncors.rtcm3.ephemeris import Ephemeris

_QZSS_BITS = 0b111110
_BITS = {
    1019: ("health",),
    1020: ("bn", "ln"),
    1041: ("l5_unhealthy",),
    1042: ("health",),
    1045: ("e5a_health", "e5a_invalid"),
    1046: ("e1_health", "e1_invalid", "e5b_health", "e5b_invalid"),
}
_BITS[63] = _BITS[1042]


def is_healthy(ephemeris: Ephemeris) -> bool:
    """False when the set says that the satellite, or a signal of it, is not to be used."""
    if ephemeris.message == 1044:
        return not int(ephemeris["health"]) & _QZSS_BITS
    return not any(ephemeris[name] for name in _BITS[ephemeris.message])


def is_accurate(ephemeris: Ephemeris) -> bool:
    """False when the set promises no accuracy. GLONASS' F_T is of M satellites only, so it is not asked."""
    return ephemeris.gnss == "R" or not isnan(accuracy_m(ephemeris))
