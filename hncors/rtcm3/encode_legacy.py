"""Payloads of the older observables, GPS 1001-1004 and GLONASS 1009-1012.

From integers as they are sent (`encode_raw`) or from observations (`encode`). Everything of a satellite
is sent relative to its L1 pseudorange, which is cut to one (GLONASS: two) light milliseconds.
RTCM 10403.3: DF009 to DF020 and DF038 to DF050, tables 3.4-1 and 3.4-2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hncors.observation import CHANNEL_UNKNOWN, F64, Columns, Observations, frequency_hz
from hncors.rtcm3.bits import BitWriter
from hncors.rtcm3.encode import Header, Integers, append, column, nearest_below, scaled, scaled_signed
from hncors.rtcm3.legacy import LAYOUTS, LOCK_MS, PHASE_UNIT_M, RANGE_UNIT_M
from hncors.signals import C_M_S, CODES, GLONASS, GNSS, GPS, SATELLITES, SBAS

MODULUS_M = {GPS: 299_792.458, GLONASS: 599_584.916}  # DF011, DF041
MAX_SATELLITES = 31  # DF006, DF035
ROLL_CYCLES = 1500  # DF012: a difference out of range is rolled over by as many cycles
_PHASE_BITS = 20  # DF012, DF018, DF042, DF048
_RANGE_2_BITS = 14  # DF017, DF047
_SBAS_SHIFT = 20  # S20 (PRN 120) is satellite 40 of 1001-1004 (DF009)
_CODE_1 = {"1C": 0, "1P": 1, "1W": 1}  # DF010, DF039
_CODE_2 = {
    GPS: {"2C": 0, "2S": 0, "2L": 0, "2X": 0, "2P": 1, "2D": 2, "2W": 3},  # DF016
    GLONASS: {"2C": 0, "2P": 1},  # DF046
}


@dataclass(frozen=True, slots=True)
class RawRows(Columns):
    """Fields as sent, one row per satellite; what a message type does not send is ignored."""

    satellite: Integers  # DF009, DF038
    code_1: Integers  # DF010, DF039
    channel: Integers  # DF040 (GLONASS)
    range_1: Integers  # DF011, DF041
    phase_1: Integers  # DF012, DF042
    lock_1: Integers  # DF013, DF043
    ambiguity: Integers  # DF014, DF044
    cn0_1: Integers  # DF015, DF045
    code_2: Integers  # DF016, DF046
    range_2: Integers  # DF017, DF047
    phase_2: Integers  # DF018, DF048
    lock_2: Integers  # DF019, DF049
    cn0_2: Integers  # DF020, DF050


def encode(message_type: int, header: Header, observations: Observations) -> bytes:
    """Payload of a message with these observations: at most one L1 and one L2 row per satellite.

    1001-1004 take GPS and SBAS, 1009-1012 GLONASS with known channels. A satellite needs a
    pseudorange; without one on L1 the one on L2 is sent as reference only. Raises ValueError for what
    the message cannot say.
    """
    return encode_raw(message_type, header, quantise(LAYOUTS[message_type].gnss, observations))


def quantise(gnss: int, observations: Observations) -> RawRows:
    """Rows as sent of observations of GPS (and SBAS) or of GLONASS, in ascending order of satellites."""
    o = observations
    number = _number(gnss, o)
    satellites, row = np.unique(number, return_inverse=True)
    codes = [CODES[g][s] for g, s in zip(o.gnss.tolist(), o.signal.tolist(), strict=True)]
    code_1, at_1 = _of_band(codes, _CODE_1, row, len(satellites))
    code_2, at_2 = _of_band(codes, _CODE_2[gnss], row, len(satellites))
    if (at_1 >= 0).sum() + (at_2 >= 0).sum() != len(row):
        raise ValueError(f"no room for one of {sorted(set(codes))} of a satellite, or it is given twice")

    def take(values: F64, at: Integers) -> F64:
        return np.where(at >= 0, np.append(values, np.nan)[at], np.nan)

    range_1, phase_1 = take(o.pseudorange_m, at_1), take(o.phase_range_m, at_1)
    range_2, phase_2 = take(o.pseudorange_m, at_2), take(o.phase_range_m, at_2)
    if (np.isnan(range_1) & ~np.isnan(phase_1)).any():
        raise ValueError("a phase range on L1 without its pseudorange")
    base = np.where(np.isnan(range_1), range_2, range_1)
    if np.isnan(base).any() or (base < 0).any():
        raise ValueError("a satellite has no pseudorange, or a negative one")
    modulus_m = MODULUS_M[gnss]
    ambiguity = np.floor(base / modulus_m).astype(np.int64)
    sent = np.rint((base - ambiguity * modulus_m) / RANGE_UNIT_M).astype(np.int64)
    base = sent * RANGE_UNIT_M + ambiguity * modulus_m  # as it will be read

    wavelength_m = C_M_S / frequency_hz(o.gnss, o.signal, o.channel)

    def phase(values: F64, at: Integers) -> NDArray[np.int64]:
        difference, roll = values - base, ROLL_CYCLES * take(wavelength_m, at)
        beyond = np.abs(difference) >= (1 << _PHASE_BITS - 1) * PHASE_UNIT_M
        rolled = np.where(beyond, difference - roll * np.rint(difference / roll), difference)
        return scaled_signed("phase range less pseudorange", rolled, _PHASE_BITS, PHASE_UNIT_M)

    channel = o.channel[np.unique(row, return_index=True)[1]].astype(np.int64)
    if gnss == GLONASS and (channel == CHANNEL_UNKNOWN).any():
        raise ValueError("1009 to 1012 send the frequency channel, and one is not known")
    return RawRows(
        satellite=satellites,
        code_1=code_1,
        channel=channel + 7,
        range_1=sent,
        phase_1=phase(phase_1, at_1),
        lock_1=nearest_below(LOCK_MS, take(o.lock_ms, at_1)),
        ambiguity=ambiguity,
        cn0_1=scaled("C/N0", take(o.cn0_dbhz, at_1), 0.25, 1, 255, 0),
        code_2=code_2,
        range_2=scaled_signed("L2-L1 pseudorange", range_2 - base, _RANGE_2_BITS, RANGE_UNIT_M),
        phase_2=phase(phase_2, at_2),
        lock_2=nearest_below(LOCK_MS, take(o.lock_ms, at_2)),
        cn0_2=scaled("C/N0", take(o.cn0_dbhz, at_2), 0.25, 1, 255, 0),
    )


def encode_raw(message_type: int, header: Header, rows: RawRows) -> bytes:
    """Payload of 1001-1004 or 1009-1012 from integers as they are sent, satellites in the order given.

    Raises ValueError for more than 31 satellites or a value that does not fit its field.
    """
    layout = LAYOUTS[message_type]
    gps = layout.gnss == GPS
    if len(rows) > MAX_SATELLITES:
        raise ValueError(f"{len(rows)} satellites: at most {MAX_SATELLITES} fit")
    w = BitWriter().unsigned(message_type, 12).unsigned(header.station_id, 12)
    w.unsigned(header.epoch_raw, 30 if gps else 27).unsigned(header.more, 1).unsigned(len(rows), 5)
    w.unsigned(header.smoothing, 1).unsigned(header.smoothing_interval, 3)
    full, second = layout.full, layout.second
    columns = [
        ("DF009/038", rows.satellite, 6, False),
        ("DF010/039", rows.code_1, 1, False),
        ("DF040", rows.channel, 0 if gps else 5, False),
        ("DF011/041", rows.range_1, 24 if gps else 25, False),
        ("DF012/042", rows.phase_1, _PHASE_BITS, True),
        ("DF013/043", rows.lock_1, 7, False),
        ("DF014/044", rows.ambiguity, layout.ambiguity_bits if full else 0, False),
        ("DF015/045", rows.cn0_1, 8 if full else 0, False),
        ("DF016/046", rows.code_2, 2 if second else 0, False),
        ("DF017/047", rows.range_2, _RANGE_2_BITS if second else 0, True),
        ("DF018/048", rows.phase_2, _PHASE_BITS if second else 0, True),
        ("DF019/049", rows.lock_2, 7 if second else 0, False),
        ("DF020/050", rows.cn0_2, 8 if second and full else 0, False),
    ]
    bits = [column(name, values, width, signed=signed) for name, values, width, signed in columns if width]
    return append(w, [np.hstack(bits)])  # satellite by satellite


def _number(gnss: int, o: Observations) -> NDArray[np.int64]:
    """DF009 or DF038 of each row."""
    own = o.gnss == gnss
    sbas = o.gnss == SBAS if gnss == GPS else np.zeros(len(o), bool)
    number = o.satellite.astype(np.int64) + np.where(sbas, _SBAS_SHIFT, 0)
    last = np.where(sbas, 58, 32 if gnss == GPS else SATELLITES["R"])
    if not ((own | sbas) & (number >= np.where(sbas, 40, 1)) & (number <= last)).all():
        raise ValueError(f"a satellite has no number in the older messages of {GNSS[gnss]}")
    return number


def _of_band(codes: list[str], table: dict[str, int], row: Integers, count: int) -> tuple[Integers, Integers]:
    """Code indicator (0 when absent) and row in the observations (-1 when absent) of each satellite."""
    indicator, at = np.zeros(count, np.int64), np.full(count, -1)
    for index, (code, satellite) in enumerate(zip(codes, row.tolist(), strict=True)):
        if code in table:
            indicator[satellite], at[satellite] = table[code], index
    return indicator, at
