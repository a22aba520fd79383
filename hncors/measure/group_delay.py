"""Group delays: how far each signal of a satellite is behind the clock of its ephemeris.

A range is corrected by c (clock - delay): the satellite's clock is then that of the signal measured. A
delay is a sum of what the set carries, each term times a factor; `g` is the square of the ratio of the
first band's carrier to the signal's. Signals in no line have no delay that a set of RTCM tells: nan.

    GPS 1019      T_GD of L1 and L2 P(Y)                        IS-GPS-200, 20.3.3.3.3.2
                  L1 C/A and L2C are taken for P(Y): CNAV has what lies between (ISC, IS-GPS-200
                  30.3.3.3.1.1, within a nanosecond or two), RTCM does not. Nothing is told of L5 and L1C.
    QZSS 1044     T_GD of L1 C/A and L2C, as GPS'                IS-QZSS-PNT, LNAV
    Galileo 1045  BGD(E1, E5a); nothing of E5b                   OS SIS ICD 2.1, 5.1.5
            1046  BGD(E1, E5b) is for its clock, and BGD(E1, E5a) leads from E1 on to E5a
                  Nothing is told of E5 (AltBOC) and E6.
    BeiDou 1042   T_GD1 of B1I, T_GD2 of B2I; B3I is the clock   BDS-SIS-ICD-B1I-3.0, 5.2.4.10
                  B1C, B2a and B2b have theirs (T_GDB1Cp, ISC_B1Cd, T_GDB2ap, ISC_B2ad, T_GDB2bI) in
                  B-CNAV1 to 3 only; 1042 lacks them, so these signals are no ranges to position with.
    GLONASS 1020  delta tau_n of L2; L1 is the clock             ICD 5.1, 4.4
    NavIC 1041    g T_GD of L5; S is not in RTCM                 IRNSS SIS ICD SPS 1.1, 6.2.1.5
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hncors.observation import F64
from hncors.rtcm3.ephemeris import Ephemeris
from hncors.signals import CODES, GNSS, SLOTS

_GPS_L2 = (1575.42 / 1227.60) ** 2
_E5A = (1575.42 / 1176.45) ** 2
_E5B = (1575.42 / 1207.14) ** 2
_NAVIC_L5 = (2492.028 / 1176.45) ** 2

_C_A_AND_P = {"1C": 1.0, "1P": 1.0, "1W": 1.0} | dict.fromkeys(
    ("2C", "2P", "2W", "2D", "2S", "2L", "2X"), _GPS_L2
)
_QZSS = {"1C": 1.0} | dict.fromkeys(("2S", "2L", "2X"), _GPS_L2)
_E1 = dict.fromkeys(("1A", "1B", "1C", "1X", "1Z"), 1.0)

# Message: term: signal: factor.
_TERMS: dict[int, dict[str, dict[str, float]]] = {
    1019: {"tgd_s": _C_A_AND_P},
    1044: {"tgd_s": _QZSS},
    1045: {"bgd_e5a_s": _E1 | dict.fromkeys(("5I", "5Q", "5X"), _E5A)},
    1046: {
        "bgd_e5b_s": _E1
        | dict.fromkeys(("7I", "7Q", "7X"), _E5B)
        # To E1 by this set's clock, from there to E5a by the other delay, which is
        # (delay of E1 - delay of E5a) / (1 - g): OS SIS ICD 2.1, equation 17.
        | dict.fromkeys(("5I", "5Q", "5X"), 1.0),
        "bgd_e5a_s": dict.fromkeys(("5I", "5Q", "5X"), _E5A - 1.0),
    },
    1042: {
        "tgd1_s": dict.fromkeys(("2I", "2Q", "2X"), 1.0) | dict.fromkeys(("6I", "6Q", "6X"), 0.0),
        "tgd2_s": dict.fromkeys(("7I", "7Q", "7X"), 1.0),
    },
    1020: {"delta_tau_s": {"1C": 0.0, "1P": 0.0, "2C": 1.0, "2P": 1.0}},
    1041: {"tgd_s": {"5A": _NAVIC_L5}},
}
_TERMS[63] = _TERMS[1042]


def delays_s(sets: Sequence[Ephemeris]) -> F64:
    """Seconds each signal is behind the clock of each set, shape (sets, SLOTS); nan where nothing tells."""
    out = np.full((len(sets), SLOTS), np.nan)
    for row, ephemeris in enumerate(sets):
        codes = CODES[GNSS.index(ephemeris.gnss)]
        known: dict[str, float] = {}
        for term, factors in _TERMS[ephemeris.message].items():
            for code, factor in factors.items():
                known[code] = known.get(code, 0.0) + (factor * ephemeris[term] if factor else 0.0)
        out[row, [codes.index(code) for code in known]] = list(known.values())
    return out
