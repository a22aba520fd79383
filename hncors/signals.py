"""Signals of the satellite systems: RTCM's numbers, RINEX's codes, frequencies.

`gnss` is an index into `GNSS`; `signal` is a small number: 0..31 is an MSM signal id less one,
32.. are codes that only the older messages name. One table, so that a new signal is one line.

MSM ids: RTCM 10403.3 tables 3.5-91 (GPS), -96 (GLONASS), -99 (Galileo), -102 (SBAS), -105 (QZSS),
-108 (BeiDou) and -108.3 (NavIC); B1C, B2a, B2b and B2a+b of BeiDou by its amendments.
Codes and frequencies: RINEX 3.05, tables 4 to 10 (a signal's first character is its band).
"""

from __future__ import annotations

import numpy as np

GNSS = "GRESJCI"
GPS, GLONASS, GALILEO, SBAS, QZSS, BEIDOU, NAVIC = range(7)
NAMES = ("GPS", "GLONASS", "Galileo", "SBAS", "QZSS", "BeiDou", "NavIC")
SLOTS = 40  # signal numbers a system has
MSM_SIGNALS = 32
C_M_S = 299_792_458.0

_MSM = {
    "G": {2: "1C 1P 1W", 8: "2C 2P 2W", 15: "2S 2L 2X", 22: "5I 5Q 5X", 30: "1S 1L 1X"},
    "R": {2: "1C 1P", 8: "2C 2P"},
    "E": {2: "1C 1A 1B 1X 1Z", 8: "6C 6A 6B 6X 6Z", 14: "7I 7Q 7X", 18: "8I 8Q 8X", 22: "5I 5Q 5X"},
    "S": {2: "1C", 22: "5I 5Q 5X"},
    "J": {2: "1C", 9: "6S 6L 6X", 15: "2S 2L 2X", 22: "5I 5Q 5X", 30: "1S 1L 1X"},
    "C": {
        2: "2I 2Q 2X",
        8: "6I 6Q 6X",
        14: "7I 7Q 7X",
        18: "8D 8P 8X",
        22: "5D 5P 5X",
        25: "7D 7P 7Z",
        30: "1D 1P 1X",
    },
    "I": {22: "5A"},
}
_LEGACY_ONLY = {"G": {33: "2D"}}  # DF016 value 2: P(Y) from the cross-correlation of L1 and L2

CODES: tuple[tuple[str, ...], ...] = tuple(
    tuple(
        next(
            (
                codes.split()[n - first]
                for first, codes in table.items()
                if 0 <= n - first < len(codes.split())
            ),
            "",
        )
        for n in range(1, SLOTS + 1)
    )
    for table in ({**_MSM[letter], **_LEGACY_ONLY.get(letter, {})} for letter in GNSS)
)
"""CODES[gnss][signal] is a RINEX code such as "1C", or "" for a number that names no signal."""

KNOWN = np.array([[bool(code) for code in codes] for codes in CODES])
NUMBER = tuple({code: signal for signal, code in enumerate(codes) if code} for codes in CODES)
"""NUMBER[gnss][code] is the signal number of a RINEX code."""

_MHZ = {
    "G": {"1": 1575.42, "2": 1227.60, "5": 1176.45},
    "R": {"1": 1602.0, "2": 1246.0},
    "E": {"1": 1575.42, "5": 1176.45, "6": 1278.75, "7": 1207.14, "8": 1191.795},
    "S": {"1": 1575.42, "5": 1176.45},
    "J": {"1": 1575.42, "2": 1227.60, "5": 1176.45, "6": 1278.75},
    "C": {"1": 1575.42, "2": 1561.098, "5": 1176.45, "6": 1268.52, "7": 1207.14, "8": 1191.795},
    "I": {"5": 1176.45},
}
_GLONASS_STEP_MHZ = {"1": 0.5625, "2": 0.4375}  # GLONASS ICD 5.1, section 3.3.1.1
CHANNELS = range(-7, 7)

FREQUENCY_HZ = np.array(
    [
        [_MHZ[letter][code[0]] * 1e6 if code else np.nan for code in codes]
        for letter, codes in zip(GNSS, CODES, strict=True)
    ]
)
"""Carrier of every signal, shape (7, SLOTS); of GLONASS' channel 0; nan where there is no signal."""

CHANNEL_STEP_HZ = np.array([_GLONASS_STEP_MHZ[code[0]] * 1e6 if code else np.nan for code in CODES[GLONASS]])
"""What one GLONASS frequency channel adds, shape (SLOTS,)."""

# Satellites a system can name: MSM satellite mask bit -> RINEX number (RTCM 10403.3 tables 3.5-90 to
# -107; RINEX 3.05, section 3.5): SBAS PRN 120-158 is S20-S58, QZSS 193-202 is J01-J10. GLONASS stops
# at 24 in the standard, but satellites R25 to R28 are on the air and are sent by their bits.
SATELLITES = {"G": 63, "R": 32, "E": 52, "S": 39, "J": 10, "C": 63, "I": 14}
FIRST_SATELLITE = {"S": 20}

SATELLITE = np.zeros((7, 64), np.uint8)
"""SATELLITE[gnss, mask bit] is the RINEX satellite number, 0 for a bit that names none."""
for _gnss, _letter in enumerate(GNSS):
    _count = SATELLITES[_letter]
    SATELLITE[_gnss, :_count] = np.arange(_count) + FIRST_SATELLITE.get(_letter, 1)

BDS3_FIRST_SATELLITE = 19  # C01-C18 are BeiDou-2; BDS-SIS-ICD-B1C-1.0, section 4
BDS3_CODES = frozenset("1D 1P 1X 5D 5P 5X 7D 7P 7Z 8D 8P 8X".split())
"""Signals only BeiDou-3 sends: B1C, B2a, B2b, B2a+b (it sends B1I and B3I as well)."""
BDS2_CODES = frozenset("7I 7Q 7X".split())
"""B2I, which BeiDou-3 does not send any more (BDS-SIS-ICD-B1I-3.0 and -B3I-1.0 are for both)."""


def satellite_name(gnss: int, satellite: int) -> str:
    """RINEX name such as "C23"."""
    return f"{GNSS[gnss]}{satellite:02d}"
