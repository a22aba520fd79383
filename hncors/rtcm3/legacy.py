"""The older observables: GPS 1001-1004 and GLONASS 1009-1012, all messages of one type together.

    1001-1004  number 12, station 12, time of week 30, more 1, satellites 5, smoothing 1, interval 3
    1009-1012  number 12, station 12, time of day 27,  more 1, satellites 5, smoothing 1, interval 3
    then for each satellite a row of fields, one fixed width per message type

RTCM 10403.3, sections 3.5.1 and 3.5.4; tables 3.5-1 to 3.5-5 and 3.5-9 to 3.5-14. Everything is sent
relative to the L1 pseudorange; both frequencies become rows of the same columns MSM fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hncors.observation import CHANNEL_UNKNOWN, F64, Messages, Observations
from hncors.rtcm3.columns import I64, signed, unsigned
from hncors.rtcm3.msm import Decoded
from hncors.signals import C_M_S, GLONASS, GPS, NUMBER, SATELLITES, SBAS

RANGE_UNIT_M = 0.02  # DF011, DF017, DF041, DF047
PHASE_UNIT_M = 0.0005  # DF012, DF018, DF042, DF048
NO_PHASE = -(1 << 19)  # DF012: 80000h
NO_RANGE_2 = -(1 << 13)  # DF017: 2000h
_AMBIGUITY_M = {GPS: C_M_S / 1000, GLONASS: 599_584.916}  # DF014, DF044: as the standard writes them


class Layout(NamedTuple):
    """Fields of one satellite that a message type sends."""

    gnss: int
    second: bool  # L2 as well
    full: bool  # pseudorange ambiguity and C/N0 as well

    @property
    def header_bits(self) -> int:
        """Bits before the first satellite."""
        return 64 if self.gnss == GPS else 61

    @property
    def first_bits(self) -> int:
        """Bits of a satellite up to its lock time indicator on L1."""
        return 58 if self.gnss == GPS else 64

    @property
    def ambiguity_bits(self) -> int:
        """Width of DF014 or DF044."""
        return 8 if self.gnss == GPS else 7

    @property
    def row_bits(self) -> int:
        """Bits of a satellite."""
        extra = self.ambiguity_bits + 8 if self.full else 0
        return self.first_bits + extra + (43 + (8 if self.full else 0) if self.second else 0)


LAYOUTS = {
    1001 + 8 * glonass + number: Layout(GLONASS if glonass else GPS, number >= 2, number % 2 == 1)
    for glonass in (0, 1)
    for number in range(4)
}
KIND = {message: 11 + (message - 1001) % 8 for message in LAYOUTS}


def _lock_ms() -> F64:
    """DF013, DF019, DF043, DF049, table 3.4-2: minimum lock time in ms (seconds on the wire)."""
    n = np.arange(128.0)
    pieces = [(24, 1, 0), (48, 2, 24), (72, 4, 120), (96, 8, 408), (120, 16, 1176), (127, 32, 3096)]
    seconds = np.select(
        [n < end for end, _, _ in pieces], [n * step - less for _, step, less in pieces], 937.0
    )
    return seconds * 1000


LOCK_MS = _lock_ms()
_CN0_DBHZ = np.arange(256) / 4
_CN0_DBHZ[0] = np.nan  # DF015: 0 is "not computed"
_L1 = {GPS: ("1C", "1P"), GLONASS: ("1C", "1P")}  # DF010, DF039
_L2 = {GPS: ("2X", "2P", "2D", "2W"), GLONASS: ("2C", "2P", "2P", "2P")}  # DF016 (0: C/A or L2C), DF046
_CODE_1 = {gnss: np.array([NUMBER[gnss][c] for c in codes], np.uint8) for gnss, codes in _L1.items()}
_CODE_2 = {gnss: np.array([NUMBER[gnss][c] for c in codes], np.uint8) for gnss, codes in _L2.items()}


def decode(window: I64, start: I64, size: I64, frame: I64, number: int) -> Decoded:
    """Decode messages of one type; arguments as for `hncors.rtcm3.msm.decode`."""
    layout = LAYOUTS[number]
    gps = layout.gnss == GPS
    rows = np.arange(len(start))
    first = start * 8
    header = layout.header_bits
    count = unsigned(window, first + header - 9, 5)
    long_enough = (size * 8 >= header) & (size * 8 >= header + count * layout.row_bits)
    rejected = [] if long_enough.all() else [("short_message", rows[~long_enough])]
    rows = rows[long_enough]
    first, count = first[rows], count[rows]

    message = np.arange(len(rows)).repeat(count)
    rank = np.arange(len(message)) - (np.cumsum(count) - count).repeat(count)
    at = first.take(message) + header + rank * layout.row_bits

    def take(width: int, *, negative: bool = False) -> I64:
        nonlocal at
        value = (signed if negative else unsigned)(window, at, width)
        at = at + width
        return value

    satellite = take(6)
    code_1 = take(1)
    sent_channel = np.full(len(message), -1) if gps else take(5)
    range_1: F64 = np.multiply(take(24 if gps else 25), RANGE_UNIT_M)
    phase_1 = take(20, negative=True)
    lock_1 = take(7)
    cn0_1 = np.full(len(message), np.nan)
    if layout.full:
        range_1 = range_1 + take(layout.ambiguity_bits) * _AMBIGUITY_M[layout.gnss]
        cn0_1 = _CN0_DBHZ.take(take(8))
    first_band = (
        _CODE_1[layout.gnss].take(code_1),
        range_1,
        _phase(range_1, phase_1),
        LOCK_MS.take(lock_1),
        cn0_1,
    )
    bands = [first_band]
    if layout.second:
        code_2 = take(2)
        difference = take(14, negative=True)
        phase_2 = take(20, negative=True)
        lock_2 = take(7)
        cn0_2 = _CN0_DBHZ.take(take(8)) if layout.full else np.full(len(message), np.nan)
        range_2 = np.where(difference == NO_RANGE_2, np.nan, range_1 + difference * RANGE_UNIT_M)
        bands.append(
            (
                _CODE_2[layout.gnss].take(code_2),
                range_2,
                _phase(range_1, phase_2),
                LOCK_MS.take(lock_2),
                cn0_2,
            )
        )

    gnss, prn = _satellites(layout.gnss, satellite)
    channel = np.where((sent_channel >= 0) & (sent_channel <= 13), sent_channel - 7, CHANNEL_UNKNOWN).astype(
        np.int8
    )
    observations = _rows(message, gnss, prn, channel, bands)
    counts = []
    if (prn == 0).any():
        hit, how_many = np.unique(message[prn == 0], return_counts=True)
        counts.append(("unknown_satellite", rows[hit], how_many * len(bands)))
    epoch_bits = 30 if gps else 27
    flags = unsigned(window, first + header - 10, 10)
    messages = Messages(
        frame=frame[rows],
        type=np.full(len(rows), number, np.int64),
        kind=np.full(len(rows), KIND[number], np.uint8),
        gnss=np.full(len(rows), layout.gnss, np.uint8),
        station_id=unsigned(window, first + 12, 12),
        epoch_raw=unsigned(window, first + 24, epoch_bits),
        more=flags >> 9 != 0,
        iods=np.zeros(len(rows), np.uint8),
        clock_steering=np.zeros(len(rows), np.uint8),
        external_clock=np.zeros(len(rows), np.uint8),
        smoothing=flags >> 3 & 1 != 0,
        smoothing_interval=(flags & 7).astype(np.uint8),
        satellites=count,
        cells=np.bincount(observations.message, minlength=len(rows)),
    )
    return Decoded(messages, observations, rejected, counts)


def _phase(range_1_m: F64, raw: I64) -> F64:
    """Phase range in metres; sent as a difference from the L1 pseudorange (both frequencies)."""
    return np.where(raw == NO_PHASE, np.nan, range_1_m + raw * PHASE_UNIT_M)


def _satellites(gnss: int, number: I64) -> tuple[I64, I64]:
    """System and RINEX number of satellite ids (DF009, DF038); number 0 for an id that names none.

    GPS ids 40 to 58 are SBAS 120 to 138, GLONASS ids 38 and above are SBAS as well but of no use here.
    """
    if gnss == GPS:
        sbas = number >= 40
        prn = np.where(sbas, np.where(number <= 58, number - 20, 0), np.where(number <= 32, number, 0))
        return np.where(sbas, SBAS, GPS), prn
    return np.full(len(number), GLONASS), np.where(number <= SATELLITES["R"], number, 0)


def _rows(
    message: I64, gnss: I64, prn: I64, channel: NDArray[np.int8], bands: Sequence[tuple[NDArray[Any], ...]]
) -> Observations:
    parts: list[Observations] = []
    for signal, range_m, phase_m, lock_ms, cn0 in bands:
        # Among GPS satellites stand those of SBAS, which have L1 C/A and no L2; and a band of which
        # nothing was sent is no observation.
        sbas = gnss == SBAS
        signal = np.where(sbas, NUMBER[SBAS]["1C"], signal).astype(np.uint8)
        use = (prn > 0) & ~(np.isnan(range_m) & np.isnan(phase_m) & np.isnan(cn0))
        if parts:
            use &= ~sbas
        parts.append(
            Observations(
                message=message,
                gnss=gnss.astype(np.uint8),
                satellite=prn.astype(np.uint8),
                signal=signal,
                pseudorange_m=range_m,
                phase_range_m=phase_m,
                range_rate_m_s=np.full(len(message), np.nan),
                lock_ms=lock_ms,
                half_cycle=np.zeros(len(message), bool),
                cn0_dbhz=cn0,
                channel=channel,
            ).select(use)
        )
    joined = Observations.join(parts)
    return joined.select(np.argsort(joined.message, kind="stable"))
