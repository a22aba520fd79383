"""Accuracy that an ephemeris promises: the index it carries, and metres.

GPS, QZSS, BeiDou, NavIC   URA index    IS-GPS-200, 20.3.3.3.1.3, nominal values as RINEX 3.05 rounds them
Galileo                    SISA index   Galileo OS SIS ICD, SISA index values; 255 is "no prediction"
GLONASS                    F_T          GLONASS ICD 5.1, table 4.4; 15 is "not known"
"""

from __future__ import annotations

from math import nan

from hncors.rtcm3.ephemeris import Ephemeris

_URA_M = (2.0, 2.8, 4.0, 5.7, 8.0, 11.3, *(2.0 ** (n - 2) for n in range(6, 15)))
_FT_M = (1.0, 2.0, 2.5, 4.0, 5.0, 7.0, 10.0, 12.0, 14.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
# First index, first value in metres and step of each stretch.
_SISA = ((0, 0.0, 0.01), (50, 0.5, 0.02), (75, 1.0, 0.04), (100, 2.0, 0.16))
_SISA_M = tuple(
    round(start + (n - first) * step, 2)
    for n in range(126)
    for first, start, step in (max(s for s in _SISA if s[0] <= n),)
)
_METRES = {"G": _URA_M, "J": _URA_M, "C": _URA_M, "I": _URA_M, "E": _SISA_M, "R": _FT_M}
_NAMES = {"E": "sisa_index", "R": "accuracy_index"}


def index_name(gnss: str) -> str:
    """The name of the index among the values of a system's ephemerides."""
    return _NAMES.get(gnss, "ura_index")


def accuracy_m(ephemeris: Ephemeris) -> float:
    """Metres, one standard deviation; nan where the satellite promises nothing."""
    metres = _METRES[ephemeris.gnss]
    index = int(ephemeris.values[index_name(ephemeris.gnss)])
    return metres[index] if index < len(metres) else nan


def accuracy_index(gnss: str, metres: float) -> int:
    """The index of the smallest accuracy that is not better than `metres`; "unknown" where there is none."""
    unknown = 255 if gnss == "E" else 15
    if not metres >= 0.0:
        return unknown
    return next((index for index, limit in enumerate(_METRES[gnss]) if metres <= limit + 0.005), unknown)
